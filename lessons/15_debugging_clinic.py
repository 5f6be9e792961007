# %% [markdown] lang="zh-TW" about="從曲線診斷有毛病的訓練，以及能分辨病因的檢查" slideshow={"slide_type": "slide"}
# # 除錯診所
#
# 程式跑完了，沒有錯誤訊息，準確率（accuracy）卻只有 10%：訓練時犯的錯，多半不會讓程式當掉，只會悄悄讓結果變差。學完之後，你能夠：
#
# - 只看曲線，說出可能是哪幾種毛病；
# - 用十一個檢查診斷自己的訓練，並知道每個檢查**看不到**什麼；
# - 親手治好三位病人，再治好一個同時有三種毛病的迴圈（loop）；
# - 分辨治本與治標。
#
# 先備：[[perceptron_xor]]到[[mnist_mlp]]；[[training_practice]]到[[label_smoothing]]在這裡會派上用場，但不必先讀。

# %% [markdown] lang="en" about="broken runs to diagnose from their curves, and the checks that tell the faults apart" slideshow={"slide_type": "slide"}
# # The debugging clinic
#
# The program ran, no error message, and the accuracy is 10 %: most mistakes in training do not crash, they make it quietly worse. By the end you can
#
# - say from the curves alone which faults are possible;
# - diagnose your own training with eleven checks, and know what each **cannot** see;
# - mend three patients yourself, then a loop with three faults at once;
# - tell a cure from a painkiller.
#
# It builds on [[perceptron_xor]] to [[mnist_mlp]]; [[training_practice]] to [[label_smoothing]] help and need not come first.

# %% lang="zh-TW" tags=["setup"] slideshow={"slide_type": "subslide"}
from course_utils.notebook import set_up

device = set_up("debugging_clinic", language="zh-TW", workers=True)

# %% lang="en" tags=["setup"] slideshow={"slide_type": "subslide"}
from course_utils.notebook import set_up

device = set_up("debugging_clinic", language="en", workers=True)

# %% slideshow={"slide_type": "subslide"}
import copy

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from IPython.display import HTML, display
from torch import nn

from course_utils import clinic, plotting
from course_utils.clinic.charts import plot_charts, side_by_side
from course_utils.diagnostics import check_baseline
from course_utils.exercises import debugging_clinic as exercises
from course_utils.experiment import run_seeds
from course_utils.intervals import equivalence, mean_interval, paired_difference
from course_utils.mnist import MEAN, STD, load_mnist
from course_utils.models import MLP
from course_utils.notebook.claims import claim

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 先認識健康的人
#
# 這裡的訓練程式有六個零件，各是一個方法（method）：`prepare`（準備輸入）、`make_loader`（載入器，data loader）、`make_model`、`make_optimizer`、`step`（走一步）、`evaluate`（評估）。十二個病人 A 到 L，**每個都只壞了其中一個方法**。
#
# 一切都小：最多 12,000 張訓練圖、批次 128、500 張驗證圖、784-64-64-10 的網路、125 步、五個種子（seed），不碰測試集（test set）。`clinic.run` 訓練一個程式，留下病歷；`clinic.examine` 做完所有的檢查，報告先封起來，等你看過曲線再拆。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## First, meet a healthy one
#
# A training program has six parts here, a method each: `prepare` (the inputs), `make_loader`, `make_model`, `make_optimizer`, `step`, `evaluate`. Of twelve patients, A to L, **each has one broken method**.
#
# All is small: at most 12,000 training images, batches of 128, 500 validation images, a 784-64-64-10 net, 125 steps, five seeds; no test set. `clinic.run` trains a program and keeps its chart; `clinic.examine` runs all checks, whose reports stay sealed until you have read the curves.

# %%
mnist = load_mnist()
print(mnist.banner())
pictures = clinic.take_pictures(mnist, num_train=12_000, num_val=500)
programs = {"sound": clinic.TrainingProgram} | clinic.PATIENTS


def visit(seed, program, pictures):
    chart = clinic.run(program, pictures, seed, num_steps=125, every=25)
    return {"chart": chart, "findings": clinic.examine(program, pictures, chart, seed)}


settings = {name: {"program": program()} for name, program in programs.items()}
visits = run_seeds(visit, seeds=range(5), settings=settings, pictures=pictures)
charts = {name: list(group["chart"]) for name, group in visits.groupby("setting")}
findings = {name: list(group["findings"]) for name, group in visits.groupby("setting")}

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 健康長什麼樣？
#
# 先猜：第 0 步的損失是多少？網路有 dropout 0.5，訓練損失（training loss）與驗證損失（validation loss）哪個低？

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### What does health look like?
#
# Guess first: what is the loss at step 0? With dropout 0.5, which is lower, training or validation loss?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（5 分鐘）一個 784-64-64-10 的網路學手寫數字，每一步都隨機關掉一半的隱藏神經元；評估時一個也不關。訓練順利的話，前 125 步裡訓練損失和驗證損失哪個低？
#
# - ✗ 訓練損失，因為模型看過那些圖。*以為驗證一定比訓練差；才走一百多步，還沒有東西可背。*
# - ✓ 驗證損失，因為評估時整個網路都在，而且訓練損失是前幾十步的平均。*關掉一半神經元的網路本來就比較差，平均又落後。*
# - ✗ 一樣低，因為權重相同。*忘了 dropout 讓同一組權重在兩種模式下給出不同的答案。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (5 min) A 784-64-64-10 net learns handwritten digits; at every step half of its hidden units are switched off at random, and none in evaluation. If all goes well, which is lower during the first 125 steps, the training loss or the validation loss?
#
# - ✗ The training loss, because the model has seen those pictures. *Takes it for a law that validation is worse; after a hundred steps nothing has been learned by heart yet.*
# - ✓ The validation loss, because the whole net answers, and the training loss is a mean over past steps. *A net without half of its units is worse, and the mean lags behind.*
# - ✗ They are equal, because the weights are the same. *Forgets that with dropout the same weights give other answers in the other mode.*

# %% alt-zh="兩張圖，橫軸都是步數，各畫五個種子的平均與 95% 信賴區間。左圖縱軸是損失：驗證損失從 ln 10 一路降到 0.5 左右，訓練損失始終在上面。右圖縱軸是驗證準確率，升到八成五左右。" alt-en="Two panels against steps, means over five seeds with 95 % bands. Left: the validation loss falls from ln 10 to about 0.5 and the training loss stays above it. Right: validation accuracy rises to about 85 %."
steps = charts["sound"][0].steps
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 2.9))
plotting.plot_band(left, steps[1:], [c.train_loss[1:] for c in charts["sound"]], "training")
plotting.plot_band(left, steps, [c.val_loss for c in charts["sound"]], "validation")
left.axhline(np.log(10), color="black", linewidth=0.6)
left.set(xlabel="step", ylabel="loss (nats); thin line: ln 10")
left.legend()
plotting.plot_band(right, steps, [100 * np.array(c.val_accuracy) for c in charts["sound"]], "")
ax = right.set(xlabel="step", ylabel="validation accuracy (%)", ylim=(0, 100))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 從 ln 10 ≈ 2.303（十類亂猜）出發，一路下降；驗證**低於**訓練：訓練時一半的神經元被關掉了，訓練損失又是前 25 步的平均。記住：從哪裡出發、往哪裡走、哪一條線在上面。
#
# **主張 1** 不論五個種子的哪一個，驗證損失在第 0 步與 ln 10 都相差不到 0.1，最後都低於訓練損失，驗證準確率都超過 80%。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# It starts at ln 10 ≈ 2.303 (a guess among ten) and falls; validation lies **below** training, which has half of its units off and is a mean over the last 25 steps. Remember where it starts, where it goes, which line is on top.
#
# **Claim 1** For all five seeds the validation loss starts within 0.1 of ln 10 and ends below the training loss, with an accuracy above 80 %.

# %%
claim(
    1,
    all(
        abs(c.val_loss[0] - np.log(10)) < 0.1
        and c.val_accuracy[-1] > 0.8
        and c.val_loss[-1] < c.train_loss[-1]
        for c in charts["sound"]
    ),
)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 門診：只看病歷
#
# 每張病歷依序問：**第 0 步**的損失對嗎？損失最後**停在哪裡**，訓練與驗證誰低？**準確率**的走勢與損失一致嗎？**梯度範數**（gradient norm）是穩定、消失，還是越來越大？
#
# - `rate_diverges`：學習率高到 NaN
# - `rate_too_high`：學習率偏高，準確率卡住
# - `rate_too_low`：學習率太低
# - `overfitting`：過擬合（overfitting，也叫過度擬合）
# - `slow_loader`：載入器拖慢一切
# - `other_models_optimizer`：優化器（optimizer）拿的是別的模型
# - `no_zero_grad`：忘了 `zero_grad`
# - `softmax_twice`：softmax 做了兩次
# - `dead_relus`：ReLU 都死了
# - `no_eval`：評估時忘了 `eval()`
# - `inputs_unscaled`：輸入沒有正規化
# - `labels_shifted`：標籤錯開一筆
#
# 拿一張紙，寫下 A 到 L 的診斷，**再往下看**。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## The ward round: charts only
#
# Ask of each chart: is the loss at **step 0** right? Where does it **settle**, and is training or validation lower? Does the **accuracy** agree with the loss? Is the **gradient norm** steady, vanishing, growing?
#
# - `rate_diverges`: so high that it ends in NaN
# - `rate_too_high`: accuracy sticks
# - `rate_too_low`
# - `overfitting`
# - `slow_loader`
# - `other_models_optimizer`: it holds another model
# - `no_zero_grad`
# - `softmax_twice`
# - `dead_relus`
# - `no_eval`: evaluated without `eval()`
# - `inputs_unscaled`: not normalized
# - `labels_shifted`: off by one row
#
# Write down twelve diagnoses **before you go on**.

# %% slideshow={"slide_type": "subslide"} tags=["timing"] alt-zh="病人 A 到 F，每人三張小圖，橫軸都是步數，縱軸是損失、準確率、梯度範數；灰色點線是健康的程式。A 損失水平不動，梯度範數一路上升。B 像健康的，但驗證較差。C 很快變成 NaN。D 準確率緩慢上升，損失停得很高，梯度很小。E 訓練損失降到很低，驗證損失先降後升。F 損失水平不動，梯度範數穩定。" alt-en="Patients A to F, three panels each: loss, accuracy and gradient norm against steps, the sound program as a dotted grey line. A: flat loss, gradient norm climbing. B: almost sound, validation worse. C: NaN almost at once. D: accuracy climbs slowly, the loss stays high, the gradient is small. E: the training loss gets very low, the validation loss turns upward. F: flat loss, steady gradient norm."
figure = plt.figure(figsize=(12.5, 5.3), layout="none")
axes = plot_charts(figure, {name: charts[name] for name in "ABCDEF"}, charts["sound"])

# %% slideshow={"slide_type": "subslide"} tags=["timing"] alt-zh="病人 G 到 L。G 第 0 步的損失就遠高於其他人，之後驗證損失停在 ln 10，梯度很小。H 與健康的程式一樣，但耗時兩倍以上。I 損失水平不動，梯度範數只有 0.1。J 的準確率在三成到七成之間跳動，上不去。K 損失幾乎水平，準確率在一成左右晃。L 先學到五成以上，然後損失與梯度範數一起衝上天。" alt-en="Patients G to L. G: the loss at step 0 is far above all others, later the validation loss sits at ln 10 with a small gradient. H: like the sound program, but it takes more than twice the time. I: flat loss, gradient norm only 0.1. J: accuracy jumps about between 30 and 70 % and gets no further. K: nearly flat loss, accuracy wandering around 10 %. L: first learns to above 50 %, then loss and gradient norm shoot up together."
figure = plt.figure(figsize=(12.5, 5.3), layout="none")
axes = plot_charts(figure, {name: charts[name] for name in "GHIJKL"}, charts["sound"])

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（8 分鐘）四個訓練程式的損失都從頭到尾停在 ln 10 附近，十類的準確率都是一成左右。只能再看一張圖，看哪一張最能分出病因？
#
# - ✗ 訓練更久之後的損失曲線。*以為時間會分出病因；拿錯模型的優化器訓練再久也不動。*
# - ✗ 驗證損失的曲線。*以為訓練與驗證的差距一定有話說；什麼都沒學到的模型，兩條線一樣平。*
# - ✓ 梯度範數的曲線。*累積的梯度越來越大，死掉的 ReLU 幾乎沒有梯度，其餘穩定：分成三群。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (8 min) The losses of four training programs stay near ln 10 from beginning to end, and their accuracy among ten classes near 10 %. You may look at one more plot. Which tells the causes apart best?
#
# - ✗ The loss curve after longer training. *Hopes that time tells causes apart; an optimizer of another model will never move this one.*
# - ✗ The curve of the validation loss. *Expects the gap to speak; in a model that has learned nothing both lines are flat.*
# - ✓ The curve of the gradient norm. *Piled-up gradients grow, dead ReLUs leave hardly any, the others are steady: three groups.*

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 同一條水平線，四種毛病
#
# A、F、I、K 都停在 ln 10 附近。很多教材寫「調整學習率（learning rate）」；這四位只有一位和學習率有關。
#
# **主張 2** 不論哪個種子，他們最後的訓練損失與 ln 10 都相差不到 0.1。
#
# **主張 3** 不論哪個種子，梯度範數都把這四位分成三群：到了最後，A 都大於 25，I 都小於 0.15，F 與 K 都在 0.25 到 2 之間。
#
# F 與 K，曲線分不出來。接下來動手檢查。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### One flat line, four faults
#
# A, F, I and K stay near ln 10. Guides say "adjust the rate"; that concerns only one.
#
# **Claim 2** Their last training losses are within 0.1 of ln 10, for all five seeds.
#
# **Claim 3** The gradient norm divides them into three groups, for all seeds: in the end A is above 25, I below 0.15, F and K between 0.25 and 2.
#
# Curves cannot tell F from K. Now examine the patients.

# %%
claim(2, all(abs(c.train_loss[-1] - np.log(10)) < 0.1 for name in "AFIK" for c in charts[name]))
last_norm = {name: np.array([chart.grad_norm[-1] for chart in charts[name]]) for name in "AFIK"}
between = np.concatenate([last_norm["F"], last_norm["K"]])
apart = last_norm["A"].min() > 25 and last_norm["I"].max() < 0.15
claim(3, bool(apart and between.min() > 0.25 and between.max() < 2))
for name, norms in last_norm.items():
    print(f"{name}: gradient norm {mean_interval(norms):.3g}")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 檢查一：訓練之前，損失就會說話
#
# 還沒走一步的模型什麼都不知道：只要 logits 都很小，十類的損失就接近 ln 10（Kaiming 初始化會高一些，[[initialization]]）。
#
# 猜猜看：十二個病人裡，有幾個在第 0 步就露餡？softmax 做兩次的那個會嗎？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Check one: the loss speaks before training
#
# Before any step a model knows nothing: with ten classes and small logits its loss is near ln 10 (higher under Kaiming, [[initialization]]).
#
# Guess: how many of the twelve give themselves away at step 0? Does the one with two softmaxes?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（5 分鐘）一個十類的分類模型在輸出端多做了一次 softmax，交叉熵裡還會再做一次。還沒訓練時，它的損失和健康的模型比起來如何？
#
# - ✗ 高得多，因為機率被當成 logits。*以為弄錯一定讓損失變大。*
# - ✓ 更接近 ln 10。*機率都在 0.1 附近，彼此幾乎相等，再做一次 softmax 就幾乎是均勻分布。*
# - ✗ 低得多，因為模型更有信心。*把做兩次 softmax 想成加強；它其實把差距壓平。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (5 min) A classifier of ten classes ends in a softmax, and the cross-entropy applies another. Before any training, how does its loss compare with that of a sound model?
#
# - ✗ Much higher, because probabilities are taken for logits. *Thinks that a mistake must make the loss larger.*
# - ✓ It is even nearer to ln 10. *All probabilities are near 0.1, almost equal, and the softmax of those is almost uniform.*
# - ✗ Much lower, because the model is surer. *Takes a second softmax for an amplifier; it flattens.*

# %% alt-zh="橫軸是十三個程式，縱軸是第 0 步的損失，每個程式五點。除了 G 在 8 到 14 之間，其餘全部落在 ln 10 的橫線上。" alt-en="The loss at step 0 of thirteen programs, five dots each. G lies between 8 and 14, all the others on the line at ln 10."
first_loss = {name: [chart.val_loss[0] for chart in charts[name]] for name in programs}
figure, ax = plt.subplots(figsize=(8.5, 2.8))
for name, losses in first_loss.items():
    ax.plot([name] * 5, losses, "o", color="#0173B2", alpha=0.6)
ax.axhline(np.log(10), color="black", linewidth=0.8)
ax = ax.set(xlabel="program", ylabel="loss at step 0 (nats)")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 只有 G：輸入是 0 到 255 的位元組（byte）。softmax 做兩次的 D **更接近** ln 10，但 `check_first_loss` 看得出它的輸出是機率。就算答對而且百分之百有把握，D 的第二個 softmax 也只收到 (1, 0, …, 0)，損失永遠高於 ln(e + 9) − 1 ≈ 1.461。
#
# **主張 4** 不論哪個種子，G 的初始損失都比 ln 10 高出 4 以上，其他十一位與 ln 10 都相差不到 0.1（D 不到 0.01）。
#
# **主張 5** D 的每一個驗證損失必然高於這個下限（上面就是證明）；不論哪個種子，最後的準確率卻都超過 20%。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# Only G: its inputs are bytes from 0 to 255. D, with two softmaxes, is even **nearer** to ln 10, but `check_first_loss` sees that its outputs are probabilities. Certain and right, D hands the second softmax (1, 0, …, 0), so that its loss stays above ln(e + 9) − 1 ≈ 1.461.
#
# **Claim 4** For all five seeds G's first loss is over 4 above ln 10, those of the other eleven within 0.1 of it (D's within 0.01).
#
# **Claim 5** D's validation losses must lie above this floor (just proved), while its accuracy ends above 20 % for all seeds.

# %%
off = {name: np.abs(np.array(losses) - np.log(10)) for name, losses in first_loss.items()}
near = all(off[name].max() < 0.1 for name in "ABCEFHIJKL") and off["D"].max() < 0.01
claim(4, near and min(first_loss["G"]) > np.log(10) + 4)
floor = np.log(np.e + 9) - 1
claim(5, all(min(c.val_loss) > floor and c.val_accuracy[-1] > 0.2 for c in charts["D"]))
print(findings["G"][0]["inputs"], findings["D"][0]["first loss"], sep="\n\n")
side_by_side(clinic.PATIENTS["D"])

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 檢查二：一個批次背得起來嗎？
#
# 拿 32 張圖，關掉 dropout，用病人自己的優化器和自己的那一步，重複訓練 60 步。參數有五萬多個，應該輕而易舉。**背不起來，就先別談泛化**（generalization）：任何新模型都先做這個測試（Karpathy，2019）。
#
# 猜猜看：有毛病卻**通過**的，會是哪幾個？標籤錯開的那個呢？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Check two: can it learn one batch by heart?
#
# Train on 32 images for 60 steps, dropout off, with the patient's own optimizer and step: for fifty thousand parameters no trouble. **Until it can memorize, do not ask whether it generalizes**: the first test of any new model (Karpathy 2019).
#
# Guess: which of the sick will **pass**? The one with shifted labels?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（6 分鐘）訓練資料的標籤全部錯開一筆，每張圖拿到的是下一張的標籤。拿其中 32 張圖，讓一個五萬參數的網路反覆訓練 60 步，背得起來嗎？
#
# - ✓ 背得起來，所以這個測試看不見標籤錯開。*網路連亂給的標籤都背得起來：背誦不需要圖和標籤有關係。*
# - ✗ 背不起來，因為圖和標籤沒有關係。*把背誦和學會規律混為一談。*
# - ✗ 只背得起碰巧對的那一成。*以為網路知道哪些標籤才是真的。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (6 min) All labels of the training data are off by one row: each picture bears the next one's. Can a net of fifty thousand parameters learn 32 of these pictures by heart in 60 steps?
#
# - ✓ It can, so this test does not see shifted labels. *A net memorizes even random labels: learning by heart needs no relation between picture and label.*
# - ✗ It cannot, because pictures and labels have nothing to do with each other. *Confuses memorizing with finding a rule.*
# - ✗ Only the tenth that happens to be right. *Thinks that the net knows which labels are true.*

# %%
few = pictures.train_pixels[:2048], pictures.train_labels[:2048]


def learn_by_heart(seed, program, num_steps=60):
    images, labels = next(iter(program.make_loader(*few, seed)))
    model = program.make_model(seed).eval()  # no dropout: it is there to prevent memorizing
    optimizer = program.make_optimizer(model)
    batch = images[:32], labels[:32]
    losses = [program.step(model, optimizer, *batch).item() for _ in range(num_steps)]
    return {"first": losses[0], "last": losses[-1]}


# %% alt-zh="橫軸是十三個程式，縱軸是背完一個批次後剩下的損失（對數刻度），每個程式五點，加一條及格線。健康的程式與 B、E、H、K 在 0.05 以下；A、D、F、G、I、J、L 在 2 左右，遠在及格線之上；C 更高或是 NaN，L 也有一點在那裡。" alt-en="On a log axis, the loss left after learning one batch, for thirteen programs with five dots each, and a pass line. The sound one and B, E, H, K lie below 0.05; A, D, F, G, I, J, L near 2, far above the line; C higher still or NaN, and so is one dot of L."
figure, ax = plt.subplots(figsize=(8.5, 2.9))
for name in programs:
    left_over = [finding["one batch"].values["last"] for finding in findings[name]]
    ax.plot([name] * 5, np.clip(np.nan_to_num(left_over, nan=60), 1e-3, 60), "o", color="#0173B2")
ax.axhline(0.1 * np.log(10), color="black", linewidth=0.8)
ax = ax.set(yscale="log", xlabel="program", ylabel="loss left (log; NaN: top edge)")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 網路連亂給的標籤都背得起來（Zhang 等人，2017）。這個測試抓得到「學不動」，抓不到標籤、評估和速度的毛病。
#
# **主張 6** 不論哪個種子，健康的程式都通過；A、C、D、F、G、I、J 都不通過；B、E、H、K 都**通過**。（L 在附上的 5,000 張數字上偶爾會通過。）

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# A network can memorize even random labels (Zhang et al. 2017). The test catches what cannot learn, and no faults of labels, evaluation or speed.
#
# **Claim 6** For all five seeds the sound program passes, A, C, D, F, G, I and J fail, and B, E, H and K **pass**. (L sometimes passes on the embedded digits.)

# %%
passes = {name: [f["one batch"].ok for f in findings[name]] for name in programs}
pass_always = all(all(passes[name]) for name in ["sound", *"BEHK"])
claim(6, pass_always and not any(any(passes[name]) for name in "ACDFGIJ"))
by_hand = run_seeds(learn_by_heart, seeds=range(5), program=clinic.TrainingProgram())
first, last = mean_interval(by_hand["first"]), mean_interval(by_hand["last"])
print(f"the sound program, by hand: {first:.2f} -> {last:.3f}")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 檢查三：把一步放到顯微鏡下
#
# 學習率設成 0，同樣的一步走兩次：第二次的梯度應該和第一次一樣。忘了 `zero_grad` 的病人，第二次會是幾倍？
#
# 再用原來的學習率，看權重一步動了自己大小的幾分之幾（CS231n 的講義說，經驗值是千分之一上下）：

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Check three: one step under the microscope
#
# Take the same step twice at rate 0: the second gradient should equal the first. Without `zero_grad`, how many times the first will it be?
#
# Then, at its own rate: what share of its size does a weight move in one step? (About a thousandth, say the notes of CS231n.)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（6 分鐘）病人 A 的那一步裡有 `zero_grad`，但優化器拿的是另一個模型的參數。學習率設成 0，用同一個批次走兩次，第二次之後 `.grad` 裡的梯度是第一次的幾倍？
#
# - ✗ 1 倍，因為有 `zero_grad`。*以為有寫就有效；它清的是別的模型。*
# - ✗ 0 倍，因為模型不會動。*把梯度和更新混為一談：反向傳播照樣把梯度寫進這個模型。*
# - ✓ 2 倍。*`zero_grad` 清的是優化器手上的參數，這個模型的梯度沒有人清。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (6 min) Patient A's step does call `zero_grad`, and its optimizer holds the parameters of another model. At rate 0 the same batch is stepped on twice. How many times the first gradient stands in `.grad` after the second step?
#
# - ✗ 1 time, because `zero_grad` is there. *Thinks that writing it is enough; it clears another model.*
# - ✗ 0 times, because the model does not move. *Confuses gradient and update: back-propagation still writes into this model.*
# - ✓ 2 times. *`zero_grad` clears what the optimizer holds, and nobody clears this model's gradients.*

# %% alt-zh="橫軸是各個程式，縱軸是每步的相對移動（對數刻度）：每個程式一根直條，從最小值畫到最大值；兩條虛線標出 0.0001 與 0.1。健康的程式在 0.006 到 0.02。F 在下限之下；J、G 在上限之上；A 與 I 畫在底部，完全不動；C 畫在頂部。" alt-en="A vertical bar a program, from its smallest to its largest relative move in a step, log axis, with lines at 0.0001 and 0.1. The sound one runs from 0.006 to 0.02. F lies below the lower line, J and G above the upper; A and I sit at the bottom, not moving at all; C at the top."
figure, ax = plt.subplots(figsize=(8.5, 2.7))
for name in programs:
    moves = [[f["step"].values[end] for f in findings[name]] for end in ("smallest", "largest")]
    low, high = np.clip(np.nan_to_num(np.median(moves, axis=1), nan=1e2), 1e-6, 1e2)
    ax.plot([name] * 2, [low, high], "-o", color="#0173B2")
ax.axhline(1e-4, color="black", linestyle="--", linewidth=0.8)
ax.axhline(0.1, color="black", linestyle="--", linewidth=0.8)
ax = ax.set(yscale="log", xlabel="program", ylabel="move in one step\n(share of size, log)")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# C、J、F 的學習率是 100、1、0.0001（健康的是 0.1）。L 的梯度越積越多。A 也是：它的 `zero_grad` **清的是別的模型**，只重跑建立模型的那一格就會這樣。
#
# **主張 7** 不論哪個種子，L 與 A 的第二次梯度都是第一次的 2 倍（± 0.05），其他程式的都是 1 倍；A 的權重完全不動；F 每一步都動不到萬分之一；J 有權重每步動 10% 以上；健康的程式都在兩條虛線之間。
#
# **主張 8** 不論哪個種子，L 的驗證準確率都曾超過 30%，最後都低於 20%；到第 75 步，梯度範數已是健康程式的五倍以上。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# C, J and F have rates of 100, 1 and 0.0001 (sound: 0.1). In L gradients pile up. In A, too: its `zero_grad` **clears another model**, as when only the cell that makes the model is run again.
#
# **Claim 7** For all five seeds the second gradient of L and of A is 2 times the first (within 0.05), of the others 1 times; A's weights do not move, F's by less than 1e-4 a step, some of J's by more than 10 %; the sound ones stay between the dashed lines.
#
# **Claim 8** For all five seeds L's accuracy once exceeds 30 % and ends below 20 %; by step 75 its gradient norm is over five times the sound program's.

# %%
step = {name: [f["step"].values for f in findings[name]] for name in programs}
ratio = {name: np.array([v["ratio"] for v in values]) for name, values in step.items()}
doubled = all(np.abs(ratio[n] - (2 if n in "LA" else 1)).max() < 0.05 for n in programs)
still = all(v["largest"] == 0 for v in step["A"])
rates = all(v["largest"] < 1e-4 for v in step["F"]) and all(v["largest"] > 0.1 for v in step["J"])
sound = all(v["smallest"] > 1e-4 and v["largest"] < 0.1 for v in step["sound"])
claim(7, doubled and still and rates and sound)
rise_and_fall = all(max(c.val_accuracy) > 0.3 > 0.2 > c.val_accuracy[-1] for c in charts["L"])
pairs = zip(charts["L"], charts["sound"], strict=True)
claim(8, rise_and_fall and all(ill.grad_norm[3] > 5 * well.grad_norm[3] for ill, well in pairs))
print(findings["A"][0]["step"])
side_by_side(clinic.PATIENTS["A"])

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 檢查四：梯度流與死掉的神經元
#
# 看梯度流（gradient flow）：I 的權重也完全不動。有人想讓神經元「有把握才開口」，把偏置（bias）設成 −3。結果沒有一個開口，梯度到不了任何權重，只剩輸出層的偏置在學各類的比例。
#
# 先猜：**訓練之後**，除了 I，還有誰有死掉的神經元（對 2,048 張圖全都輸出 0）？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Check four: gradient flow and dead units
#
# I's weights do not move either: somebody wanted units that "fire only when they are sure" and set the biases to −3. None fires, no gradient reaches any weight, and only the output biases learn how frequent each class is.
#
# Guess: **after training**, who has dead units (none of 2,048 images wakes them) besides I?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（6 分鐘）訓練結束後發現，某個網路有一整層 ReLU 對所有的圖都輸出 0。輸入是沒有正規化的位元組，0 到 255。該先治什麼？
#
# - ✗ 換成 LeakyReLU，讓神經元活過來。*治的是後果：輸入太大，步長還是太長。*
# - ✓ 輸入：先正規化，再看還有沒有死掉的神經元。*死掉的 ReLU 在這裡是後果；上游的檢查先做。*
# - ✗ 重新抽初始權重，那一層只是運氣不好。*以為是初始化的偶然；五個種子都一樣。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (6 min) After training, a whole layer of ReLUs answers 0 to every picture. The inputs are bytes from 0 to 255, not normalized. What should be treated first?
#
# - ✗ Replace ReLU by LeakyReLU, so that units revive. *Treats the consequence: inputs are too large and the strides too long all the same.*
# - ✓ The inputs: normalize, then see whether units still die. *Here dead ReLUs are a consequence; what is upstream comes first.*
# - ✗ Draw new initial weights, that layer was unlucky. *Takes it for an accident of initialization; all five seeds have it.*

# %%
print(findings["I"][0]["gradient flow"])
side_by_side(clinic.PATIENTS["I"])

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# G 的輸入太大，L 和 J 的步長太長，都會打死神經元：對這三位來說，死掉的 ReLU 是**後果**。所以檢查要照順序：資料、初始損失、一步，最後才看內部。
#
# **主張 9** 不論哪個種子，I 與 G 訓練後，至少有一層死掉九成以上的神經元，而 I 在訓練前，權重的梯度就全是 0；健康的程式，每一層死掉的都不到 10%。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# G's huge inputs and the long strides of L and J kill units: there dead ReLUs are a **consequence**. So keep the order: data, first loss, step, then the inside.
#
# **Claim 9** For all five seeds, after training over 90 % of some layer of I and of G is dead, and less than 10 % of any layer of the sound program; before training all weights of I have gradient 0.

# %%
dead = {n: [max(f["dead units"].values["dead"].values()) for f in findings[n]] for n in programs}
no_gradient = all(f["gradient flow"].values["largest"] == 0 for f in findings["I"])
claim(9, min(*dead["I"], *dead["G"]) > 0.9 and max(dead["sound"]) < 0.1 and no_gradient)
for name in ("sound", *"IGJLK"):
    print(f"{name:5s} dead in the worse layer: ≈{np.mean(dead[name]):.0%}")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 檢查五：評估兩次
#
# 權重不變，評估兩次，答案應該一模一樣。病人 B 呢？再拿 B 的**同一組權重**，用健康的方式評估，又會如何？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Check five: evaluate twice
#
# With the same weights two evaluations must agree. Do B's? And if **the very same weights** are evaluated properly?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（5 分鐘）一個網路有 dropout，評估時忘了 `eval()`：驗證準確率比該有的低，訓練損失並不特別低。加上 `eval()` 重新評估同一組權重，會怎麼樣？
#
# - ✗ 不變，要重新訓練才會好。*以為毛病在權重裡；模型一直是好的，壞的是量法。*
# - ✗ 更差，因為模型習慣了 dropout。*以為關掉神經元時學的，就得關掉神經元來用。*
# - ✓ 準確率升高，而且每次評估都一樣。*整個網路一起回答，也沒有隨機的成分。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (5 min) A net with dropout is evaluated without `eval()`: validation accuracy is lower than it should be, and the training loss is not especially low. The very same weights are evaluated again, with `eval()`. What happens?
#
# - ✗ Nothing, it has to be trained anew. *Looks for the fault in the weights; the model was well, and the way of measuring was not.*
# - ✗ It gets worse, because the model is used to dropout. *Thinks that what was learned with units off works with units off only.*
# - ✓ The accuracy rises, and is the same each time. *The whole net answers, and chance takes no part.*

# %%
val_batches = [(clinic.TrainingProgram().prepare(pictures.val_pixels), pictures.val_labels)]
again = [clinic.TrainingProgram().evaluate(c.model, val_batches)[1] for c in charts["B"]]
reported = [chart.val_accuracy[-1] for chart in charts["B"]]
print(findings["B"][0]["evaluation"], end="\n\n")
print(f"accuracy as B reports it:  {mean_interval(reported):.1%}")
print(f"same weights, with eval(): {mean_interval(again):.1%}")

# %% [markdown] lang="zh-TW"
# 模型從頭到尾都是好的，壞的是體溫計。常見的誤診是過擬合，但 B 的訓練損失並不特別低。
#
# **主張 10** 不論哪個種子，同一組權重，加上 `eval()` 之後，準確率都高出 3 個百分點以上；B 評估兩次的結果都不同，健康的程式都相同。

# %% [markdown] lang="en"
# The model was well; the thermometer was broken. Overfitting? B's training loss is not especially low.
#
# **Claim 10** For all five seeds the same weights score over 3 points higher with `eval()`; B's two evaluations differ, the sound program's agree.

# %%
gap = {n: [f["evaluation"].values["difference"] for f in findings[n]] for n in ("B", "sound")}
higher = (np.array(again) - np.array(reported)).min() > 0.03
claim(10, bool(higher and min(gap["B"]) > 0 and max(gap["sound"]) == 0))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 病人 E：過擬合，為什麼？
#
# 曲線就夠診斷了。但過擬合是**現象**，不是病因：有人為了快速測試只取 30 張圖，忘了拿掉。治本是刪掉那一行，不是調 dropout。萬一真的只有 30 張，早停（early stopping，[[training_practice]]）救得回**損失**，救不了準確率。
#
# **主張 11** 不論哪個種子，E 最後的驗證損失都比自己的最低點高 5% 以上，訓練損失都在 0.3 以下；健康程式的訓練損失都在 0.4 以上。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Patient E: overfitting, but why?
#
# The curves suffice. But overfitting is an **appearance**, not a cause: for a quick test somebody took 30 pictures, and forgot the line. Delete it; do not tune dropout. Were there really only 30, early stopping ([[training_practice]]) would save the **loss**, not the accuracy.
#
# **Claim 11** For all five seeds E's validation loss ends over 5 % above its lowest, with a training loss below 0.3; the sound program's is above 0.4.

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（4 分鐘）訓練損失越來越低，驗證損失先降後升。下一步先做什麼？
#
# - ✓ 先數一數模型實際看到幾筆訓練資料。*過擬合是現象；病因可能是一行忘了拿掉的程式。*
# - ✗ 先把 dropout 調高。*還沒找病因就開處方。*
# - ✗ 先降低學習率，讓驗證損失不再上升。*以為上升一定是步長太長；訓練損失明明還在下降。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (4 min) The training loss gets lower and lower, and the validation loss falls, then rises. What is the next thing to do?
#
# - ✓ Count how many training examples the model really sees. *Overfitting is an appearance; its cause may be a line that was forgotten.*
# - ✗ Raise the dropout rate. *Prescribes before looking for the cause.*
# - ✗ Lower the rate, so that the validation loss stops rising. *Thinks that rising means strides too long, while the training loss goes on falling.*

# %%
ends = {"at the end": lambda c: -1, "at the lowest": lambda c: np.argmin(c.val_loss)}
for what, pick in ends.items():
    loss = mean_interval([c.val_loss[pick(c)] for c in charts["E"]])
    accuracy = mean_interval([c.val_accuracy[pick(c)] for c in charts["E"]])
    print(f"{what:13s} validation loss {loss:.2f}, accuracy {accuracy:.1%}")
turned = all(c.val_loss[-1] > 1.05 * min(c.val_loss) for c in charts["E"])
learned = all(c.train_loss[-1] < 0.3 for c in charts["E"])
claim(11, turned and learned and all(c.train_loss[-1] > 0.4 for c in charts["sound"]))
side_by_side(clinic.PATIENTS["E"])

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 檢查六：標籤真的是這些圖的嗎？
#
# F 一步動不到萬分之一，已經確診；K 到目前每一項都過了。長得像的圖，標籤應該一樣：每張圖和**最像的另一張**，也就是最近鄰（nearest neighbour），同不同類？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Check six: do the labels belong to the pictures?
#
# F's tiny step has settled F; K has passed so far. Pictures that look alike should bear the same label: is **the most similar other picture**, the nearest neighbour, of the same class?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（5 分鐘）讀檔時標籤多切了一行，每張圖拿到下一張的標籤。標籤的型別、範圍、各類的數量都正常。哪個檢查看得出來？
#
# - ✗ 數各類有幾張。*順序錯開，數量不變。*
# - ✓ 看長得最像的兩張圖，標籤是不是一樣。*錯開之後，相像的圖標籤不再一致。*
# - ✗ 看一個批次背不背得起來。*錯開的標籤一樣背得起來。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (5 min) When the file was read, one line too many was cut, and each picture got the next one's label. Dtype, range and counts of the labels are in order. Which check can see it?
#
# - ✗ Counting the pictures of each class. *A shift leaves the counts as they are.*
# - ✓ Whether the two pictures most alike bear the same label. *After the shift, pictures that look alike no longer agree.*
# - ✗ Whether one batch can be learned by heart. *Shifted labels are memorized just as well.*

# %%
images = clinic.TrainingProgram().prepare(pictures.train_pixels[:500]).flatten(1)
labels = pictures.train_labels[:500]
distance = torch.cdist(images, images).fill_diagonal_(torch.inf)
agreement = (labels[distance.argmin(dim=1)] == labels).float().mean()
print(f"the nearest neighbour agrees: ≈{agreement:.0%}")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# K 多切了一行去跳過不存在的標題列，每張圖拿到的都是下一張的標籤；型別、範圍、各類的數量全都正常。
#
# **主張 12** 不論哪個種子，健康的資料裡，最近鄰同類的比例都超過 60%；K 的資料都低於 25%（隨機是 10%）。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# K skips a header that is not there, and each picture gets the next one's label; dtype, range, counts are right.
#
# **Claim 12** For all five seeds neighbours agree in over 60 % of the sound data, and in less than 25 % of K's (by chance, 10 %).

# %%
agree = {n: [f["neighbours"].values["agreement"] for f in findings[n]] for n in ("sound", "K")}
claim(12, min(agree["sound"]) > 0.6 and max(agree["K"]) < 0.25)
print(findings["K"][0]["neighbours"])
side_by_side(clinic.PATIENTS["K"])

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 檢查七：模型用到輸入了嗎？
#
# 給 K 和健康的程式換一個題目：這張圖是不是 0？十張裡大約有一張是。K 的標籤照樣錯開一筆。先猜：這次 K 的損失還是一條水平線嗎？準確率呢？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Check seven: does the model use its inputs?
#
# Ask K and the sound program something else: is this picture a 0? About one in ten is. K's labels are off by one row as before. Guess: is its loss flat again? And its accuracy?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（6 分鐘）題目是「是不是 0」，十張裡大約有一張是。標籤全部錯開一筆，所以和圖沒有關係。訓練一個兩類的網路，損失曲線會長什麼樣？
#
# - ✗ 一直停在 ln 2，因為沒有東西可學。*忘了標籤的比例也學得到。*
# - ✗ 先降後升，因為它在背。*125 步、一萬多張圖，還背不了多少。*
# - ✓ 從 ln 2 降到 0.33 左右，看起來很健康，準確率九成。*它學會永遠答「不是」，不必看圖。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (6 min) The question is whether a picture is a 0, and about one in ten is. All labels are off by one row, so they have nothing to do with the pictures. What will the loss curve of a net with two classes look like?
#
# - ✗ It stays at ln 2, because there is nothing to learn. *Forgets that the shares of the labels can be learned.*
# - ✗ It falls and then rises, because it memorizes. *In 125 steps over ten thousand pictures, little is memorized.*
# - ✓ It falls from ln 2 to about 0.33 and looks sound, with an accuracy of 90 %. *It learns to say always no, without looking at the picture.*


# %% slideshow={"slide_type": "subslide"}
class TwoClasses:
    def make_model(self, seed):
        return MLP(784, [64, 64], 2, dropout_rate=0.5, seed=seed)


class SoundAgain(TwoClasses, clinic.TrainingProgram):
    pass


class KAgain(TwoClasses, clinic.programs.LabelsShifted):
    pass


is_zero = [(y == 0).long() for y in (pictures.train_labels, pictures.val_labels)]
zeros = clinic.Pictures(pictures.train_pixels, is_zero[0], pictures.val_pixels, is_zero[1])
settings = {"K": {"program": KAgain()}, "sound": {"program": SoundAgain()}}
asked = run_seeds(clinic.run, seeds=range(5), settings=settings, pictures=zeros)
asked = {name: list(group["result"]) for name, group in asked.groupby("setting")}

# %% alt-zh="兩張圖，橫軸都是步數，各畫五個種子的平均與 95% 信賴區間。左圖縱軸是 K 的損失：從 ln 2 附近降到 0.34 左右後持平，訓練與驗證幾乎重疊。右圖縱軸是 K 的驗證準確率：第 25 步起都在九成左右。" alt-en="Two panels against steps, means over five seeds with 95 % bands. Left: K's loss falls from about ln 2 to about 0.34 and stays there, training and validation nearly alike. Right: K's validation accuracy is about 90 % from step 25 on."
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 2.9))
plotting.plot_band(left, steps[1:], [c.train_loss[1:] for c in asked["K"]], "training")
plotting.plot_band(left, steps, [c.val_loss for c in asked["K"]], "validation")
left.set(xlabel="step", ylabel="loss of K (nats)", ylim=(0, 0.8))
left.legend()
plotting.plot_band(right, steps, [100 * np.array(c.val_accuracy) for c in asked["K"]], "")
ax = right.set(xlabel="step", ylabel="validation accuracy of K (%)", ylim=(0, 100))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 損失從 ln 2 一路下降，驗證不比訓練差，準確率九成：看起來很健康。
#
# **不看輸入的基準線**（input-independent baseline；Karpathy，2019）：把輸入全部歸零，再訓練一次。這樣只學得到標籤的比例；真正的那一次，在沒訓練過的圖上必須比它好。
#
# **主張 13** 不論哪個種子，K 的驗證損失都從 ln 2（± 0.25）降到 0.45 以下，準確率都超過 85%；可是和基準線相比，損失低不到 10%。健康的程式則不到基準線的一半。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# The loss falls from ln 2, validation is no worse than training, the accuracy is 90 %: all looks sound.
#
# **The input-independent baseline** (Karpathy 2019): train once more with all inputs zeroed. That learns only how frequent each label is; the real run must do better, on pictures not trained on.
#
# **Claim 13** For all five seeds K's validation loss falls from ln 2 (within 0.25) to below 0.45, its accuracy ends above 85 %; and its loss is less than 10 % below its baseline's. The sound program's is below half.


# %%
def against_zeros(seed, program, pictures):
    model = program.make_model(seed)
    loader = program.make_loader(pictures.train_pixels, pictures.train_labels, seed)
    val_batches = [(program.prepare(pictures.val_pixels), pictures.val_labels)]
    own = {"optimizer": program.make_optimizer(model), "step": program.step}
    return check_baseline(model, loader, val_batches, nn.CrossEntropyLoss(), **own)


tried = run_seeds(against_zeros, seeds=range(5), settings=settings, pictures=zeros)
share = {
    name: [f.values["real"] / f.values["zeroed"] for f in group["result"]]
    for name, group in tried.groupby("setting")
}
ends = [(abs(c.val_loss[0] - np.log(2)), c.val_loss[-1], c.val_accuracy[-1]) for c in asked["K"]]
looks_sound = all(off < 0.25 and loss < 0.45 and accuracy > 0.85 for off, loss, accuracy in ends)
claim(13, looks_sound and min(share["K"]) > 0.9 and max(share["sound"]) < 0.5)
print("K", tried.loc[tried["setting"] == "K", "result"].iloc[0], sep=": ")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 檢查八：時間花在哪裡？
#
# H 只是慢。先量再改：是**等資料**，還是**在計算**（GPU 閒著，模型卻在 CPU 上）？H 每次取圖，都把那一張重新正規化一遍；全部一起做一次就好。
#
# **主張 14** 取五個種子的中位數，H 用掉的處理器時間是健康程式的 1.5 倍以上；平均而言，兩者的準確率相差不到 2.5 個百分點（等效檢定，equivalence test：90% 信賴區間整個在 ±2.5 之內）。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Check eight: where does the time go?
#
# H is only slow. Measure first: is it **waiting for data**, or **computing** (beside an idle GPU)? H normalizes a picture anew at each fetch; do it once, for all.
#
# **Claim 14** In the median over five seeds H takes over 1.5 times the sound program's CPU time; on average their accuracies differ by less than 2.5 points (equivalence: the 90 % interval lies within ±2.5).

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（3 分鐘）訓練很慢，曲線完全正常。量了之後發現，一大半的時間在等資料。該做什麼？
#
# - ✗ 換更快的 GPU。*計算不是瓶頸，它只會等得更久。*
# - ✗ 把學習率調高，早點學完。*把「慢」當成「學得少」：曲線說每一步都正常。*
# - ✓ 每次都一樣的前處理，先一起做完，放進記憶體。*等的時間就花在一張一張重做的前處理。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (3 min) Training is slow and its curves are perfectly normal. Measured, more than half of the time goes into waiting for data. What should be done?
#
# - ✗ Get a faster GPU. *Computing is not what takes the time; it would only wait longer.*
# - ✗ Raise the rate, to be through sooner. *Takes slow for learning little: the curves say that each step is fine.*
# - ✓ Do the preparation that is always the same once, and keep the result in memory. *The waiting is preparation done over and over, a picture at a time.*

# %% tags=["timing"]
accuracy = {n: 100 * np.array([chart.val_accuracy[-1] for chart in charts[n]]) for n in programs}
seconds = {name: np.median([chart.seconds for chart in charts[name]]) for name in ("H", "sound")}
same = equivalence(accuracy["sound"], accuracy["H"], margin=2.5)
print(findings["H"][0]["speed"], f"accuracy, sound - H (points): {same:.1f}", sep="\n\n")
claim(14, bool(seconds["H"] > 1.5 * seconds["sound"] and same.shown))
side_by_side(clinic.PATIENTS["H"])

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 哪個檢查抓得到誰？
#
# 表中的數字是「五個種子裡，這項檢查判為可疑的次數」；最後一欄是毛病的**代價**：同一個種子，健康的準確率減生病的。（J 那一列和 speed 那一欄，你的可能差一、兩個。）
#
# 先猜：最厲害的一個檢查抓得到幾個病人？有沒有把健康的人誤診成有病？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Which check finds whom?
#
# In how many of five seeds is a check suspicious? Last, what the fault **costs**: accuracy, sound minus ill, same seed. (J's row and the speed may differ by one or two.)
#
# Guess: how many does the best check find? Does any accuse the healthy?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（5 分鐘）只准做一個檢查，你選哪一個，才能保證十二種毛病一個也不漏？
#
# - ✗ 背一個批次，因為它測到整個程式。*它看不見標籤錯開、忘了 `eval()`、過擬合和慢的載入器。*
# - ✗ 輸入歸零的基準線，因為真的模型一定要贏它。*忘了 `eval()` 和過擬合的模型也贏得了它。*
# - ✓ 沒有這種檢查。*忘了 `eval()` 只有評估兩次抓得到，過擬合只有曲線抓得到。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (5 min) You may run a single check. Which one makes sure that none of the twelve faults is missed?
#
# - ✗ One batch by heart, because it tests the whole program. *It does not see shifted labels, a missing `eval()`, overfitting, or a slow loader.*
# - ✗ The baseline with zeroed inputs, because a real model must beat it. *A model that is evaluated without `eval()`, or overfits, beats it, too.*
# - ✓ There is none. *Only evaluating twice finds a missing `eval()`, and only the curves find overfitting.*

# %% slideshow={"slide_type": "subslide"} tags=["timing", "nbval-ignore-output"]
checks = list(findings["sound"][0])
count = {n: [sum(not f[c].ok for f in findings[n]) for c in checks] for n in programs}
table = pd.DataFrame(count, index=checks).T
cost = {n: paired_difference(accuracy["sound"], accuracy[n]) for n in clinic.PATIENTS}
costs = ["", *(f"{cost[n].mean:z.0f}" for n in clinic.PATIENTS)]
names = [n if n == "sound" else f"{n} {clinic.programs.name_of(programs[n])}" for n in programs]
names = [name.replace("_", " ") for name in names]
shown = table.set_axis(names).assign(**{"cost (points)": costs}).style
shaded = shown.background_gradient(cmap="Blues", axis=None, subset=checks, high=1.5)
HTML(shaded.to_html(table_uuid="checks"))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 初始損失只抓到兩個，卻把原因縮小到一兩個；「curves」和「baseline」抓得多，卻不說原因。
#
# **主張 15** 不論哪個種子，不看時鐘的十個檢查都沒有誤診健康的程式；H 以外的十一個病人，每一位都有至少一個檢查，五個種子全都抓到。
#
# **主張 16** 不論哪個種子，B 只有「evaluation」抓得到，E 只有「curves」抓得到，而且都抓到了：沒有一個檢查能抓到所有人。
#
# **主張 17** 平均而言，除了 H，十一個毛病都有代價：準確率的成對差，95% 信賴區間都整個在 3 個百分點以上。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# The first loss finds two and narrows the cause down; "curves" and "baseline" find many without it.
#
# **Claim 15** For all five seeds the ten checks that use no clock never accuse the sound program; and one of them finds each patient besides H in all five.
#
# **Claim 16** For all five seeds B is found by "evaluation" alone and E by "curves" alone: no check finds everyone.
#
# **Claim 17** On average every fault but H's costs accuracy: the 95 % confidence interval of the paired difference lies above 3 points.

# %%
without_clock = table.drop(columns="speed")
always = (without_clock == 5).drop(index=["sound", "H"])
claim(15, bool(without_clock.loc["sound"].eq(0).all() and always.any(axis=1).all()))
seen_by = {name: without_clock.loc[name][without_clock.loc[name] > 0].to_dict() for name in "BE"}
claim(16, seen_by == {"B": {"evaluation": 5}, "E": {"curves": 5}})
claim(17, all(interval.low > 3 for name, interval in cost.items() if name != "H"))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 治標還是治本？
#
# 常見的疑難排解表：「NaN：裁剪梯度」「卡住：用排程（schedule）」「不下降：調學習率」「過擬合：加正則化」。試試看，病因留著不動。先猜：C 和 J，裁剪治得好哪一位？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Cure, or painkiller?
#
# The usual tables say "NaN: clip", "stuck: use a schedule", "does not fall: adjust the rate", "overfitting: regularize". Try them, and leave the cause where it is. Guess: does clipping cure C, or J?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（7 分鐘）SGD 的學習率是 100，訓練變成 NaN。加上梯度裁剪，範數上限是 1。會怎麼樣？
#
# - ✗ 治好了，因為梯度不會再爆炸。*以為梯度爆炸是病因；一步還是可以長達 100。*
# - ✓ NaN 沒有了，準確率還是和亂猜差不多。*一步最長是學習率 × 上限 = 100，還是太長。*
# - ✗ 還是 NaN，裁剪對 SGD 沒有用。*以為裁剪不改變步長；在 SGD 裡它正是步長的上限。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (7 min) SGD at a rate of 100 ends in NaN. Gradient clipping at a norm of 1 is added. What happens?
#
# - ✗ It is cured, because gradients no longer explode. *Takes the explosion for the cause; a step may still be 100 long.*
# - ✓ The NaN goes, and the accuracy stays close to a guess. *A step is at most rate × limit = 100, which is still too long.*
# - ✗ It is NaN all the same; clipping does nothing under SGD. *Thinks that clipping leaves the step as it is; under SGD it caps it.*


# %% slideshow={"slide_type": "subslide"}
def clipped(patient):
    class Clipped(patient):
        def make_optimizer(self, model):
            def clip(*_):
                nn.utils.clip_grad_norm_(model.parameters(), max_norm=1.0)

            optimizer = super().make_optimizer(model)
            optimizer.register_step_pre_hook(clip)
            return optimizer

    return Clipped


class ScheduledJ(clinic.programs.RateTooHigh):
    def make_optimizer(self, model):
        optimizer = super().make_optimizer(model)
        cosine = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=125)
        optimizer.register_step_post_hook(lambda *_: cosine.step())
        return optimizer


class SlowerG(clinic.programs.InputsUnscaled):
    def make_optimizer(self, model):
        return torch.optim.SGD(model.parameters(), lr=0.0001)


class DecayedE(clinic.programs.Overfitting):
    def make_optimizer(self, model):
        return torch.optim.SGD(model.parameters(), lr=0.1, weight_decay=0.03)


# %% slideshow={"slide_type": "subslide"}
remedies = {
    "C: clip at 1": clipped(clinic.programs.RateDiverges),
    "J: clip at 1": clipped(clinic.programs.RateTooHigh),
    "J: cosine schedule": ScheduledJ,
    "G: rate 0.0001": SlowerG,
    "E: weight decay 0.03": DecayedE,
}
settings = {name: {"program": program()} for name, program in remedies.items()}
treated = run_seeds(clinic.run, seeds=range(5), settings=settings, pictures=pictures)
treated = {name: list(group["result"]) for name, group in treated.groupby("setting")}
after = {n: 100 * np.array([c.val_accuracy[-1] for c in treated[n]]) for n in remedies}
effect = {n: paired_difference(after[n], accuracy[n[0]]) for n in remedies}
left_to_gain = {n: paired_difference(accuracy["sound"], after[n]) for n in remedies}
pd.DataFrame({"effect (points)": effect, "still missing": left_to_gain}).map("{:.1f}".format)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# - **C 裁剪**（[[gradient_clipping]]）：NaN 不見了，還是亂猜：一步最長可以是「學習率 × 上限」= 100。
# - **J 裁剪**：治好了：一步最長是 1 × 1。
# - **J 排程**：平均好得多，但種子之間差很多。可能是開頭的步太長，打死了一部分神經元。
# - **G 降低學習率**：只試了 0.0001，有一點幫助。直接的治法是輸入的尺度。
# - **E 權重衰減**（weight decay）：損失變好，準確率沒有跟著變好。
#
# **主張 18** 不論哪個種子，C 裁剪後的損失都是有限的數，卻都大於 10，準確率都低於 25%；平均而言，J 在裁剪前比健康的程式差 10 個百分點以上，裁剪後差不到 5 個百分點；G 降低學習率之後，還差 30 個百分點以上。
#
# **主張 19** 平均而言，E 加上權重衰減之後，驗證損失變低（成對差的 95% 信賴區間整個在 −0.1 以下），準確率的變化卻不到 2.5 個百分點（等效檢定）。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# - **C, clipped** ([[gradient_clipping]]): no NaN, and still a guess: a step may be rate × limit = 100 long.
# - **J, clipped**: cured; a step is at most 1 × 1.
# - **J, scheduled**: better on average; the seeds differ a lot. Perhaps the first long steps kill units.
# - **G, slower**: 0.0001, the only rate tried, helps a little. Scale the inputs.
# - **E, decayed**: a better loss, not a better accuracy.
#
# **Claim 18** Clipped, C's losses are finite and above 10 for all five seeds, its accuracies below 25 %; on average J lacks over 10 points before clipping and fewer than 5 after; G, slower, lacks over 30.
#
# **Claim 19** On average weight decay lowers E's validation loss (95 % confidence interval of the paired change below −0.1) and moves its accuracy by less than 2.5 points (equivalence).

# %% slideshow={"slide_type": "subslide"}
runs = treated["C: clip at 1"]
finite = all(10 < c.val_loss[-1] < np.inf and c.val_accuracy[-1] < 0.25 for c in runs)
cured = cost["J"].mean > 10 and left_to_gain["J: clip at 1"].mean < 5
claim(18, finite and cured and left_to_gain["G: rate 0.0001"].low > 30)
ends = [[c.val_loss[-1] for c in runs] for runs in (treated["E: weight decay 0.03"], charts["E"])]
change = paired_difference(*ends)
decayed = [100 * c.val_accuracy[-1] for c in treated["E: weight decay 0.03"]]
unchanged = equivalence(decayed, accuracy["E"], margin=2.5)
print(f"E, change of validation loss: {change:.2f}")
print(f"E, change of accuracy (points): {unchanged:.1f}")
claim(19, change.high < -0.1 and unchanged.shown)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 練習 1：治好病人 G
#
# 難度 ★☆☆，約 5 分鐘。
#
# 下面是 G 壞掉的 `prepare`。把它抄成 `mended_prepare` 並治好：`pixels` 是 0 到 255 的位元組（uint8），形狀 (28, 28) 或 (N, 28, 28)；回傳形狀相同的浮點數，減去訓練集的平均 `MEAN`，除以它的標準差 `STD`。這兩個常數是用 0 到 1 的像素量的。`pixels` 不可以改變。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Exercise 1: mend patient G
#
# Difficulty ★☆☆, about 5 minutes.
#
# This is G's `prepare`. Copy it as `mended_prepare` and mend it: `pixels` are bytes (uint8) from 0 to 255, (28, 28) or (N, 28, 28); return floats of the same shape, minus the training set's mean `MEAN`, over its standard deviation `STD`, both measured on pixels from 0 to 1. `pixels` must stay as they are.


# %% tags=["exercise"]
def prepare_of_g(pixels):
    return pixels.float()


def mended_prepare(pixels):
    raise NotImplementedError  # copy prepare_of_g here and mend it


# %% tags=["check"]
exercises.mended_prepare.check(mended_prepare)


# %% tags=["solution"]
# One possible answer; open it once you have tried.
def mended_prepare_solution(pixels):
    """The pixels with the training set's mean taken off, over its standard deviation."""
    return (pixels.float() / 255 - MEAN) / STD


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 練習 2：治好病人 L
#
# 難度 ★☆☆，約 5 分鐘。
#
# 這是 L 的那一步。把它抄成 `mended_step` 並治好：只用這個批次的梯度走一步，不論之前留下了什麼梯度；回傳走之前的損失。優化器的動量要留著。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Exercise 2: mend patient L
#
# Difficulty ★☆☆, about 5 minutes.
#
# Copy L's step as `mended_step` and mend it: one step on the gradient of this batch alone, whatever gradients are left from before; return the loss before the step. The optimizer keeps its momentum.


# %% tags=["exercise"]
def step_of_l(model, optimizer, images, labels):
    loss = nn.functional.cross_entropy(model(images), labels)
    loss.backward()
    optimizer.step()
    return loss.detach()


def mended_step(model, optimizer, images, labels):
    raise NotImplementedError  # copy step_of_l here and mend it


# %% tags=["check"]
exercises.mended_step.check(mended_step)


# %% tags=["solution"]
# One possible answer; open it once you have tried.
def mended_step_solution(model, optimizer, images, labels):
    """One step on this batch's gradient alone; returns the loss before it."""
    loss = nn.functional.cross_entropy(model(images), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.detach()


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 練習 3：治好病人 B
#
# 難度 ★★☆，約 8 分鐘。
#
# 這是 B 評估準確率的方法。把它抄成 `mended_accuracy` 並治好。模型有 dropout 和批次正規化（batch normalization）：答案不可以靠運氣，也不可以取決於誰和誰同一批；評估完，模型要回到進來時的模式（可能是訓練，也可能是評估），權重與統計量都不變。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Exercise 3: mend patient B
#
# Difficulty ★★☆, about 8 minutes.
#
# Copy B's measuring as `mended_accuracy` and mend it. The model has dropout and batch norm: the answer must not depend on chance, nor on who shares a batch; afterwards the model is in the mode in which it came (training or evaluation), weights and statistics unchanged.


# %% tags=["exercise"]
def accuracy_of_b(model, loader):
    right, count = 0, 0
    with torch.no_grad():
        for images, labels in loader:
            right += (model(images).argmax(dim=1) == labels).sum().item()
            count += len(labels)
    return right / count


def mended_accuracy(model, loader):
    raise NotImplementedError  # copy accuracy_of_b here and mend it


# %% tags=["check"]
exercises.mended_accuracy.check(mended_accuracy)


# %% tags=["solution"]
# One possible answer; open it once you have tried.
def mended_accuracy_solution(model, loader):
    """Share of right answers, without chance; the model is left in the mode in which it came."""
    was_training = model.training
    model.eval()
    right, count = 0, 0
    with torch.no_grad():
        for images, labels in loader:
            right += (model(images).argmax(dim=1) == labels).sum().item()
            count += len(labels)
    model.train(was_training)
    return right / count


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 三位病人，治好之後
#
# 每位都只差一兩行：

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## The three, mended
#
# A line or two each:

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（4 分鐘）三個毛病都只差一行：輸入沒有正規化、忘了 `zero_grad`、評估時忘了 `eval()`。哪一個不會改變訓練出來的權重？
#
# - ✗ 輸入沒有正規化。*輸入大了近百倍，第一層的梯度也跟著放大。*
# - ✗ 忘了 `zero_grad`。*每一步用的都是累積的梯度，權重整個走偏。*
# - ✓ 忘了 `eval()`。*訓練的步驟沒有變，壞的只是量法（dropout 沒有要更新的統計量）。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (4 min) Three faults, a line each: inputs not normalized, `zero_grad` missing, `eval()` missing in the evaluation of a net with dropout. Which of them leaves the trained weights as they would be?
#
# - ✗ Inputs not normalized. *Inputs a hundred times too large make the first layer's gradients as many times larger.*
# - ✗ `zero_grad` missing. *Every step then uses piled-up gradients, and the weights go astray.*
# - ✓ `eval()` missing. *The steps of training are the same, and only the measuring is wrong (dropout has no statistics to update).*

# %% slideshow={"slide_type": "subslide"}
for name in "GLB":
    display(side_by_side(clinic.PATIENTS[name]))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 第二診間：換你看診
#
# 八位新病人 M 到 T，毛病都在前面看過，**其中一位是健康的**，沒有人特別慢。這次沒有檢查報告，每人也只訓練一次：你自己的程式出毛病時，手上通常也只有這些。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## The second ward: your turn
#
# Eight new patients, M to T, with faults that you have met; **one is sound**, none is slow. No reports this time, and one run each, as you usually have of your own program.

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（3 分鐘）手上只有一次訓練的曲線，沒有檢查報告。看病歷時，從哪裡開始？
#
# - ✓ 第 0 步的損失，再看停在哪裡、準確率一不一致、梯度範數。*由上游往下游看，第一個不同的地方最有話說。*
# - ✗ 最後的準確率，低的就是學習率不對。*以為結果差就是學習率；水平線有四種病因。*
# - ✗ 訓練與驗證的差距，有差距就是過擬合。*忘了 `eval()` 也會讓驗證變差。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (3 min) You have the curves of one run and no reports. Where do you begin to read the chart?
#
# - ✓ At the loss of step 0; then where it settles, whether accuracy agrees, and the gradient norm. *Go downstream: the first difference says most.*
# - ✗ At the last accuracy; where it is low, the rate is wrong. *Blames the rate for every bad result; one flat line has four causes.*
# - ✗ At the gap between training and validation; a gap means overfitting. *A missing `eval()` makes validation worse, too.*

# %%
settings = {name: {"program": program()} for name, program in clinic.NEW_PATIENTS.items()}
second = run_seeds(clinic.run, seeds=[5], settings=settings, pictures=pictures)
second = {name: list(group["result"]) for name, group in second.groupby("setting")}

# %% slideshow={"slide_type": "subslide"} alt-zh="病人 M 到 P，每人三張小圖，橫軸都是步數，縱軸是損失、準確率、梯度範數。M 損失水平、梯度範數約 0.1；N 驗證比健康的差；O 第 0 步損失就很高；P 準確率上升而損失停得很高，梯度起初很小。" alt-en="Patients M to P, three panels each: loss, accuracy, gradient norm. M: flat loss, gradient norm near 0.1. N: validation worse than sound. O: a high loss already at step 0. P: accuracy climbs while the loss stays high, the gradient small at first."
figure = plt.figure(figsize=(10.5, 5.3), layout="none")
axes = plot_charts(figure, {name: second[name] for name in "MNOP"}, charts["sound"], timed=False)

# %% slideshow={"slide_type": "subslide"} alt-zh="病人 Q 到 T。Q 的驗證損失、準確率、梯度範數都貼著灰色點線，訓練損失高一點；R 先學會，然後損失與梯度範數衝上去；S 損失水平，梯度範數一路上升；T 訓練損失很低，驗證損失先降後升。" alt-en="Patients Q to T. Q: validation loss, accuracy and gradient norm follow the dotted grey line, the training loss is somewhat higher. R: learns first, then loss and gradient norm shoot up. S: flat loss, gradient norm climbing. T: very low training loss, validation loss turning upward."
figure = plt.figure(figsize=(10.5, 5.3), layout="none")
axes = plot_charts(figure, {name: second[name] for name in "QRST"}, charts["sound"], timed=False)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 練習 4：八張病歷，八個診斷
#
# 難度 ★★☆，約 15 分鐘。
#
# 把每位病人的毛病填進 `diagnosis`，名稱用門診那份清單裡的（例如 `"rate_too_low"`），健康的填 `"sound"`。診斷錯了，提示會告訴你該看哪裡。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Exercise 4: eight charts, eight diagnoses
#
# Difficulty ★★☆, about 15 minutes.
#
# Enter each patient's fault in `diagnosis`, by its name in the list of the ward round; a sound one is `"sound"`. For a wrong diagnosis the hint says where to look.

# %% tags=["exercise"]
diagnosis = {"M": ..., "N": ..., "O": ..., "P": ..., "Q": ..., "R": ..., "S": ..., "T": ...}

# %% tags=["check"]
exercises.diagnosis.check(diagnosis)

# %% tags=["solution"]
# One possible answer; open it once you have tried.
diagnosis_solution = {
    "M": "dead_relus",
    "N": "no_eval",
    "O": "inputs_unscaled",
    "P": "softmax_twice",
    "Q": "sound",
    "R": "no_zero_grad",
    "S": "other_models_optimizer",
    "T": "overfitting",
}

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 練習 5：一個迴圈，三種病
#
# 難度 ★★☆，約 10 分鐘。
#
# 下面的迴圈跑得完，也回傳得出準確率，卻同時有三個毛病（評估時沒有 `no_grad` 只是浪費，不算在內）。把它抄成 `mended_training` 並治好：`model` 就地（in place）訓練（傳進來時也可能在評估模式），回傳每一輪的驗證準確率。模型有 dropout 和批次正規化：小心別弄出第四個毛病。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Exercise 5: one loop, three diseases
#
# Difficulty ★★☆, about 10 minutes.
#
# The loop below has three faults at once (evaluating without `no_grad` is only wasteful). Copy it as `mended_training` and mend it: `model` is trained in place (it may arrive in evaluation mode), and the validation accuracy of each epoch is returned. The model has dropout and batch norm; do not make a fourth fault.


# %% slideshow={"slide_type": "subslide"} tags=["exercise"]
def broken_training(model, optimizer, train_loader, val_loader, epochs):
    model.train()
    accuracies = []
    for _ in range(epochs):
        for images, labels in train_loader:
            probs = model(images).softmax(dim=1)
            loss = nn.functional.cross_entropy(probs, labels)
            loss.backward()
            optimizer.step()
        correct, count = 0, 0
        for images, labels in val_loader:
            correct += (model(images).argmax(dim=1) == labels).sum().item()
            count += len(labels)
        accuracies.append(correct / count)
    return accuracies


def mended_training(model, optimizer, train_loader, val_loader, epochs):
    raise NotImplementedError  # copy broken_training here and mend it


# %% tags=["check"]
exercises.mended_training.check(mended_training)


# %% tags=["solution"]
# One possible answer; open it once you have tried.
def mended_training_solution(model, optimizer, train_loader, val_loader, epochs):
    """Validation accuracy of each epoch; trains ``model`` in place."""
    accuracies = []
    for _ in range(epochs):
        model.train()
        for images, labels in train_loader:
            loss = nn.functional.cross_entropy(model(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        model.eval()
        correct, count = 0, 0
        with torch.no_grad():
            for images, labels in val_loader:
                correct += (model(images).argmax(dim=1) == labels).sum().item()
                count += len(labels)
        accuracies.append(correct / count)
    return accuracies


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 練習 6：寫一個新的檢查
#
# 難度 ★★★，約 20 分鐘。
#
# 批次裡的樣本應該各算各的。軸弄錯一次（例如 softmax 做在批次那一軸），樣本就會互相偷看，而損失照樣下降。訓練模式的批次正規化也會，那是故意的。
#
# 寫出 `mixes_examples(model, inputs)`：在模型**現在的模式**下，只要有任何一列的輸出取決於另一列的輸入，就回傳 `True`。`inputs` 是 (B, d)，B ≥ 2，輸出是 (B, K)，可能是 logits，也可能是機率。dropout 的隨機不算互相影響。模型（權重、統計量、梯度、模式）不可以改變。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Exercise 6: write a new check
#
# Difficulty ★★★, about 20 minutes.
#
# The examples of a batch should be computed each on its own. One wrong axis and they peep at each other, while the loss goes on falling. Batch norm in training does it on purpose.
#
# Write `mixes_examples(model, inputs)`: `True` if, in the mode the model **is in**, the output of any row depends on the input of another. `inputs` is (B, d), B ≥ 2; the outputs (B, K) may be logits or probabilities. The randomness of dropout does not count. The model (weights, statistics, gradients, mode) must not change.


# %% tags=["exercise"]
def mixes_examples(model, inputs):
    raise NotImplementedError  # your code here: return True or False


# %% tags=["check"]
exercises.mixes_examples.check(mixes_examples)


# %% tags=["solution"]
# One possible answer; open it once you have tried.
def mixes_examples_solution(model, inputs):
    """Whether the output of some row depends on the input of another."""
    model = copy.deepcopy(model)
    inputs = inputs.clone().requires_grad_()
    outputs = model(inputs)
    for row in range(len(inputs)):
        weights = torch.randn(outputs[row].shape)
        (gradient,) = torch.autograd.grad((weights * outputs[row]).sum(), inputs, retain_graph=True)
        gradient[row] = 0
        if gradient.any():
            return True
    return False


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 帶得走的工具
#
# 檢查清單，便宜的、上游的先做；後面是抓到的人。函式都在 `course_utils.diagnostics`，不限哪種模型與載入器，也不會改動它們。
#
# 1. **訓練前** `check_inputs`：輸入的大小；標籤的型別、形狀、範圍。G
# 2. `check_neighbours`：相像的樣本，標籤也一樣（畫出來看）。K
# 3. `check_first_loss`：初始損失是 ln K；輸出是 logits。D G
# 4. `overfit_one_batch`：一個批次背得起來。A C D F G I J（L 多半也是）
# 5. `check_baseline`：贏過輸入歸零的基準線。A C F G I K（D 多半也是）
# 6. **頭幾步** `check_step`、[[lr_finder]]：梯度有清、權重在動、步長合理。A C F G I J L
# 7. `check_gradient_flow`、`check_dead_units`：梯度到得了第一層，神經元活著。I（訓練後還有 C G L，J 有時也是）
# 8. `check_speed`：不是在等資料；裝置正確。H
# 9. **訓練中** `check_evaluation`：評估兩次相同。B
# 10. `check_curves`：訓練與**驗證**損失一起看。E（A C F G I K；D 和 L 多半也是）
# 11. **結束時** 早停、檢查點（[[training_practice]]）；測試集用一次；至少五個種子。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## To take away
#
# A checklist, cheap and upstream first, and whom each finds. The functions of `course_utils.diagnostics` take any model and loader and leave them unchanged.
#
# 1. **Before training** `check_inputs`: size of inputs; dtype, shape, range of labels. G
# 2. `check_neighbours`: lookalikes have the same label (draw some). K
# 3. `check_first_loss`: it is ln K; outputs are logits. D G
# 4. `overfit_one_batch`: one batch is learned by heart. A C D F G I J (L, mostly)
# 5. `check_baseline`: it beats its baseline of zeroed inputs. A C F G I K (D, mostly)
# 6. **First steps** `check_step`, [[lr_finder]]: gradients cleared, weights move, strides sensible. A C F G I J L
# 7. `check_gradient_flow`, `check_dead_units`: gradients arrive, units live. I (trained: C G L, sometimes J)
# 8. `check_speed`: not waiting for data; the right device. H
# 9. **In training** `check_evaluation`: twice the same. B
# 10. `check_curves`: training and **validation** loss. E (A C F G I K; D and L, mostly)
# 11. **At the end** early stopping, checkpoint ([[training_practice]]); test set once; five seeds.

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（4 分鐘）檢查清單為什麼由資料開始，最後才看網路內部死掉的神經元？
#
# - ✗ 因為資料的毛病最常見。*這門課沒有量過哪種毛病最常見；順序的理由不是次數。*
# - ✗ 因為看內部要重新訓練。*這些檢查都在複製品上做，不必重新訓練。*
# - ✓ 因為資料、初始損失、一步出了錯，都會在下游留下死掉的神經元。*下游看到的常常是後果，上游的檢查又便宜。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (4 min) Why does the checklist begin with the data, and look for dead units inside the net only later?
#
# - ✗ Because faults in the data are the most frequent. *How frequent faults are was never measured here; the order has another reason.*
# - ✗ Because looking inside needs another training. *The checks work on copies and need none.*
# - ✓ Because faults of data, first loss or step leave dead units downstream. *What is seen downstream is often a consequence, and the checks upstream are cheap.*

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ### 疑難排解表，依實測結果整理
#
# 先分開病因，再開處方。
#
# | 症狀 | 可能的毛病 | 怎麼分開 | 處方 |
# |---|---|---|---|
# | 損失停在 ln K | 拿錯模型 A、學習率太低 F、ReLU 死了 I、標籤錯開 K | 梯度範數；`check_step`、`check_dead_units`、`check_neighbours` | 只有 F 要調學習率 |
# | NaN | 學習率太高 C | `check_step` | [[lr_finder]]；只做裁剪，C 仍是亂猜 |
# | 第 0 步損失就太高 | 輸入沒有正規化 G | `check_inputs` | 正規化 |
# | 訓練損失下降、驗證損失上升 | 過擬合 E | 先確認資料量 | 更多資料；早停、權重衰減只改善損失 |
# | 驗證差，訓練損失並不低 | 忘了 `eval()` B | `check_evaluation` | `eval()`，再換回 `train()` |
# | 準確率卡在半路 | 學習率偏高 J | `check_step` | 降低學習率、裁剪；排程幫一部分 |
# | 準確率上升、損失不太降 | softmax 兩次 D | `check_first_loss` | 輸出 logits |
# | 先學會、再垮掉 | 沒清梯度 L | 梯度範數變大 | `zero_grad` |
# | 看似健康，準確率等於最多的那一類 | 輸入和標籤無關 K | `check_baseline` | 找出哪裡錯開 |
# | 很慢，曲線正常 | 載入器、裝置 H | `check_speed` | 前處理只做一次；用 GPU |

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### Troubleshooting, as measured
#
# Tell causes apart before you prescribe.
#
# | symptom | likely faults | told apart by | remedy |
# |---|---|---|---|
# | loss stays at ln K | other model A, low rate F, dead ReLUs I, shifted labels K | gradient norm, `check_step`, `check_dead_units`, `check_neighbours` | only F needs another rate |
# | NaN | rate too high C | `check_step` | [[lr_finder]]; clipping leaves C guessing |
# | first loss too high | inputs not normalized G | `check_inputs` | normalize |
# | validation loss rises | overfitting E | count examples | more data; early stopping, weight decay: only the loss |
# | validation bad, training loss not low | no `eval()` B | `check_evaluation` | `eval()`, then `train()` |
# | accuracy sticks | rate too high J | `check_step` | lower it, or clip; schedules help partly |
# | accuracy rises, loss hardly falls | two softmaxes D | `check_first_loss` | return logits |
# | learns, then falls apart | gradients not cleared L | growing gradient norm | `zero_grad` |
# | accuracy of the largest class | labels unrelated K | `check_baseline` | find where they part |
# | slow, curves normal | loader, device H | `check_speed` | prepare once; use the GPU |

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ### 這門課的工具箱
#
# - [[activations]]：ReLU、GELU、SiLU。先用 ReLU，差距小；tanh 落後。
# - [[losses]]：迴歸用 MSE，分類用交叉熵（要的是 logits）。
# - [[optimizers]]、[[optimizers_on_data]]：SGD + 動量、Adam、AdamW。各用自己的學習率時分不出高下；要權重衰減就用 AdamW。
# - [[regularization]]：dropout、權重衰減、批次正規化（要配小批次的雜訊）。那裡最有效的是更多資料。
# - [[training_practice]]：排程、早停、檢查點。看驗證集，存真正的快照。
# - [[initialization]]：Xavier、Kaiming。網路越深越重要；不可以全零。
# - [[gradient_clipping]]：`clip_grad_norm_`。真的會爆炸的時候。
# - [[lr_finder]]：`find_lr`。換了模型、資料或優化器就重找。
# - [[label_smoothing]]：`label_smoothing`。網路太有信心時（準確率沒有可靠的好處）。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### The toolbox of this course
#
# - [[activations]]: ReLU, GELU, SiLU. Begin with ReLU; differences are small, tanh is behind.
# - [[losses]]: MSE for regression, cross-entropy (of logits) for classes.
# - [[optimizers]], [[optimizers_on_data]]: SGD + momentum, Adam, AdamW. Each at its own rate, hard to tell apart; for weight decay, AdamW.
# - [[regularization]]: dropout, weight decay, batch norm (with small, noisy batches). There, more data worked best.
# - [[training_practice]]: schedule, early stopping, checkpoint. By validation, with real snapshots.
# - [[initialization]]: Xavier, Kaiming. The deeper, the more it matters; never all zeros.
# - [[gradient_clipping]]: `clip_grad_norm_`. Where it really explodes.
# - [[lr_finder]]: `find_lr`. For each new model, data or optimizer.
# - [[label_smoothing]]: `label_smoothing`. Against overconfidence (accuracy gains nothing reliable).

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 重點整理
#
# - 先認得健康的樣子：從 ln K 出發，往下走，哪一條線在上面說得出道理。
# - 同一條水平線有四種病因，健康的曲線也可能什麼都沒學到：曲線提出懷疑，檢查才下診斷。
# - 背一個批次是最好的第一個測試，卻看不見標籤的毛病；輸入歸零的基準線看得見。
# - 由上游往下游查：資料、初始損失、一步、內部、評估。
# - 改一個地方，用同樣的種子成對比較：這才叫治好。
#
# **下一課**：[[your_own_data]]，拿你自己的一張表，走到一份誠實的報告。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Summary
#
# - Know health first: it starts at ln K, goes down, and you can say which line is on top, and why.
# - One flat line has four causes, and a sound curve may hide that nothing was learned: curves raise suspicions, checks diagnose.
# - One batch by heart is the best first test, and blind to labels; the baseline of zeroed inputs sees them.
# - Go downstream: data, first loss, step, inside, evaluation.
# - Change one thing, compare in pairs with the same seeds: only that is a cure.
#
# **Next**: [[your_own_data]] takes a table of your own to an honest report.

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "skip"}
# ### 原始文獻
#
# - Cover, Hart（1967），Nearest neighbor pattern classification，IEEE Transactions on Information Theory 13(1)，doi:10.1109/TIT.1967.1053964。
# - Zhang, Bengio, Hardt, Recht, Vinyals（2017），Understanding deep learning requires rethinking generalization，ICLR，arXiv:1611.03530。
# - Karpathy（2019），A recipe for training neural networks，karpathy.github.io/2019/04/25/recipe。初始損失、基準線、背一個批次、用梯度查依賴關係（練習 6）。
# - 史丹佛大學 CS231n 講義，Neural networks part 3: learning and evaluation，cs231n.github.io/neural-networks-3。

# %% [markdown] lang="en" slideshow={"slide_type": "skip"}
# ### Primary sources
#
# - Cover, Hart (1967), Nearest neighbor pattern classification, IEEE Transactions on Information Theory 13(1), doi:10.1109/TIT.1967.1053964.
# - Zhang, Bengio, Hardt, Recht, Vinyals (2017), Understanding deep learning requires rethinking generalization, ICLR, arXiv:1611.03530.
# - Karpathy (2019), A recipe for training neural networks, karpathy.github.io/2019/04/25/recipe. First loss, baseline, one batch, dependencies by gradient (exercise 6).
# - Stanford University, notes of CS231n, Neural networks part 3: learning and evaluation, cs231n.github.io/neural-networks-3.
