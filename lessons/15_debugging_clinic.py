# %% [markdown] lang="zh-TW" about="從曲線診斷有毛病的訓練，以及能分辨病因的檢查" slideshow={"slide_type": "slide"}
# # 除錯診所
#
# 程式跑完了，沒有錯誤訊息，準確率（accuracy）卻只有 10%。訓練神經網路時犯的錯，多半不會讓程式當掉，只會悄悄讓結果變差。學完之後，你能夠：
#
# - 只看曲線，說出可能是哪幾種毛病，以及下一步該檢查什麼；
# - 用十個檢查診斷自己的模型與載入器（data loader），並知道每個檢查**看不到**什麼；
# - 說出十二個壞掉的訓練程式各錯在哪一行、代價是幾個百分點，並親手治好一個同時有三個毛病的迴圈（loop）；
# - 分辨治本與治標：哪些常見的處方只是讓症狀消失。
#
# 先備：[[perceptron_xor]]到[[mnist_mlp]]；[[training_practice]]到[[label_smoothing]]的工具在這裡會派上用場，但不必先讀。

# %% [markdown] lang="en" about="broken runs to diagnose from their curves, and the checks that tell the faults apart" slideshow={"slide_type": "slide"}
# # The debugging clinic
#
# The program ran, there was no error message, and the accuracy is 10 %. Most mistakes in training a network do not crash; they make it quietly worse. By the end you can
#
# - say from the curves alone which faults are possible, and what to check next;
# - diagnose your own model and loader with ten checks, and know what each of them **cannot** see;
# - say which line is wrong in each of twelve broken training programs and how many points it costs, and mend a loop with three faults at once yourself;
# - tell a cure from a painkiller: which common remedies only make the symptom go away.
#
# It builds on [[perceptron_xor]] to [[mnist_mlp]]; the tools of [[training_practice]] to [[label_smoothing]] come in handy and need not be read first.

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
from IPython.display import HTML
from torch import nn
from torch.utils.data import TensorDataset

from course_utils import clinic, plotting, seeding
from course_utils.clinic.charts import plot_charts, side_by_side
from course_utils.diagnostics import check_inputs, plot_gradient_flow
from course_utils.exercises import debugging_clinic as exercises
from course_utils.experiment import run_seeds
from course_utils.intervals import equivalence, mean_interval, paired_difference
from course_utils.loader import TensorLoader
from course_utils.mnist import MEAN, STD, load_mnist
from course_utils.models import MLP
from course_utils.notebook.claims import claim
from course_utils.seeding import seeded

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 先認識健康的人
#
# 沒看過健康的曲線，就看不出生病的曲線。下面是一個健康的訓練程式，六個零件各是一個方法（method）：準備輸入、載入器、模型、優化器（optimizer）、一步、評估（evaluation）。**每個病人都只壞了其中一個方法。**
#
# 為了讓十二個病人、五個種子（seed）很快跑完，一切都小：固定的前 12,000 張訓練圖（資料較少時用全部）、批次 128、500 張驗證圖、784-64-64-10 的網路，只走 125 步。測試集（test set）這一課完全不碰。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## First, meet a healthy one
#
# Without having seen a sound curve, you cannot recognize a sick one. Here is a sound training program in six parts, a method each: prepare the inputs, loader, model, optimizer, one step, evaluation. **Each patient has one broken method.**
#
# Everything is small, so that twelve patients with five seeds are soon through: the first 12,000 training images, always the same (or all, where there are fewer), batches of 128, 500 validation images, a 784-64-64-10 net, 125 steps. This lesson never touches the test set.


# %% saved="clinic.programs" slideshow={"slide_type": "subslide"}
class TrainingProgram:
    def prepare(self, pixels):
        return (pixels - 255 * MEAN).div_(255 * STD)  # in place: one copy less

    def make_loader(self, pixels, labels, seed):
        dataset = TensorDataset(self.prepare(pixels), labels)
        generator = seeding.generator(seed)
        return TensorLoader(dataset, 128, shuffle=True, generator=generator)

    def make_model(self, seed):
        return MLP(784, [64, 64], 10, dropout_rate=0.5, seed=seed)

    def make_optimizer(self, model):
        return torch.optim.SGD(model.parameters(), lr=0.1)

    def step(self, model, optimizer, images, labels):
        loss = nn.functional.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.detach()

    def evaluate(self, model, loader):
        model.eval()
        with torch.no_grad():
            logits, labels = zip(*[(model(x), y) for x, y in loader], strict=True)
            logits, labels = torch.cat(logits), torch.cat(labels)
            loss = nn.functional.cross_entropy(logits, labels)
            accuracy = (logits.argmax(dim=1) == labels).float().mean()
        return loss.item(), accuracy.item()


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 掛號
#
# `clinic.run` 訓練一個程式，留下一份病歷：每 25 步的訓練損失（training loss）、驗證損失（validation loss）、驗證準確率、梯度範數（gradient norm）。`clinic.examine` 用前 2,048 張圖做完所有的檢查，報告先封起來，等你看過曲線再拆。
#
# 健康的程式和十二個病人 A 到 L，各五個種子：

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### Admission
#
# `clinic.run` trains a program and keeps its chart: training loss, validation loss, validation accuracy and gradient norm every 25 steps. `clinic.examine` runs all the checks, on the first 2,048 images; their reports stay sealed until you have read the curves.
#
# The sound program and the twelve patients A to L, with five seeds each:

# %%
mnist = load_mnist()
print(mnist.banner())
pictures = clinic.take_pictures(mnist, num_train=12_000, num_val=500)
programs = {"sound": TrainingProgram} | clinic.PATIENTS


# %%
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
# 先猜：第 0 步的損失是多少？網路有 dropout 0.5，訓練損失與驗證損失哪個低？

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### What does health look like?
#
# Guess first: what is the loss at step 0? And with dropout 0.5, which is lower, the training loss or the validation loss?

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
# 從 ln 10 ≈ 2.303（十類亂猜）出發，穩定下降；驗證**低於**訓練，原因有兩個：訓練時一半的神經元被關掉了，而且訓練損失是前 25 步的平均，比較舊。記住這三件事：從哪裡出發、往哪裡走、哪一條線在上面。
#
# **主張 1** 不論五個種子的哪一個，第 0 步的驗證損失與 ln 10 都相差不到 0.1，最後的驗證準確率都超過 80%，最後的驗證損失都低於訓練損失。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# It starts at ln 10 ≈ 2.303 (a guess among ten) and falls steadily; validation lies **below** training, for two reasons: half of the units are switched off in training, and the training loss is a mean over the last 25 steps, so it lags. Remember three things: where it starts, where it goes, which line is on top.
#
# **Claim 1** For all five seeds the validation loss at step 0 is within 0.1 of ln 10, the validation accuracy ends above 80 %, and the validation loss ends below the training loss.

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
# 病人的毛病不出下面這十二種。每張病歷依序問四個問題：**第 0 步**的損失對嗎？損失最後**停在哪裡**，訓練與驗證誰低？**準確率**的走勢與損失一致嗎？**梯度範數**是穩定、消失，還是越來越大？
#
# | 名稱 | 毛病 | 名稱 | 毛病 |
# |---|---|---|---|
# | `rate_diverges` | 學習率高到 NaN | `no_zero_grad` | 忘了 `zero_grad` |
# | `rate_too_high` | 學習率偏高，準確率卡住 | `softmax_twice` | softmax 做了兩次 |
# | `rate_too_low` | 學習率太低 | `dead_relus` | ReLU 都死了 |
# | `overfitting` | 過擬合（也叫過度擬合） | `no_eval` | 評估時忘了 `eval()` |
# | `slow_loader` | 載入器拖慢一切 | `inputs_unscaled` | 輸入沒有正規化 |
# | `other_models_optimizer` | 優化器拿的是別的模型 | `labels_shifted` | 標籤錯開一筆 |
#
# 拿一張紙，寫下 A 到 L 的診斷，**再往下看**。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## The ward round: charts only
#
# The patients have twelve faults, listed below. Ask four questions of each chart: is the loss at **step 0** right? Where does the loss **settle**, and which is lower, training or validation? Does the **accuracy** agree with the loss? Is the **gradient norm** steady, vanishing, or growing?
#
# | name | fault | name | fault |
# |---|---|---|---|
# | `rate_diverges` | a rate so high that it ends in NaN | `no_zero_grad` | `zero_grad` is missing |
# | `rate_too_high` | a rate high enough for accuracy to stick | `softmax_twice` | the softmax is applied twice |
# | `rate_too_low` | a rate that is too low | `dead_relus` | the ReLUs are dead |
# | `overfitting` | overfitting | `no_eval` | evaluated without `eval()` |
# | `slow_loader` | the loader slows everything down | `inputs_unscaled` | inputs not normalized |
# | `other_models_optimizer` | the optimizer holds another model | `labels_shifted` | labels off by one row |
#
# Take a sheet of paper and write down a diagnosis for A to L **before you go on**.

# %% slideshow={"slide_type": "subslide"} tags=["timing"] alt-zh="病人 A 到 D，每人三張小圖，橫軸都是步數，縱軸是損失、準確率、梯度範數；灰色點線是健康的程式。A 損失水平不動，梯度範數一路上升。B 像健康的，但驗證較差。C 很快變成 NaN。D 準確率緩慢上升，損失停得很高，梯度很小。" alt-en="Patients A to D, three panels each: loss, accuracy and gradient norm against steps, the sound program as a dotted grey line. A: flat loss, gradient norm climbing. B: almost sound, validation worse. C: NaN almost at once. D: accuracy climbs slowly, the loss stays high, the gradient is small."
figure = plt.figure(figsize=(10.5, 5.3), layout="none")
axes = plot_charts(figure, {name: charts[name] for name in "ABCD"}, charts["sound"])

# %% slideshow={"slide_type": "subslide"} tags=["timing"] alt-zh="病人 E 到 H。E 訓練損失降到很低，驗證損失先降後升。F 損失水平不動，梯度範數穩定。G 第 0 步的損失就遠高於其他人，之後驗證損失停在 ln 10，梯度很小。H 與健康的程式一樣，但耗時兩倍以上。" alt-en="Patients E to H. E: the training loss gets very low, the validation loss turns upward. F: flat loss, steady gradient norm. G: the loss at step 0 is far above all others, later the validation loss sits at ln 10 with a small gradient. H: like the sound program, but it takes more than twice the time."
figure = plt.figure(figsize=(10.5, 5.3), layout="none")
axes = plot_charts(figure, {name: charts[name] for name in "EFGH"}, charts["sound"])

# %% slideshow={"slide_type": "subslide"} tags=["timing"] alt-zh="病人 I 到 L。I 損失水平不動，梯度範數只有 0.1。J 的準確率在三成到七成之間跳動，上不去。K 損失幾乎水平，準確率在一成左右晃。L 先學到五成以上，然後損失與梯度範數一起衝上天。" alt-en="Patients I to L. I: flat loss, gradient norm only 0.1. J: accuracy jumps about between 30 and 70 % and gets no further. K: nearly flat loss, accuracy wandering around 10 %. L: first learns to above 50 %, then loss and gradient norm shoot up together."
figure = plt.figure(figsize=(10.5, 5.3), layout="none")
axes = plot_charts(figure, {name: charts[name] for name in "IJKL"}, charts["sound"])

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 同一條水平線，四種毛病
#
# A、F、I、K 的訓練損失都停在 ln 10 附近。很多教材寫「損失不下降：調整學習率（learning rate）」；只看損失曲線，你分不出這四個，而其中只有一個和學習率有關。
#
# 換看另一張小圖：梯度範數。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### One flat line, four faults
#
# The training losses of A, F, I and K all lie near ln 10. Many a guide says "the loss does not fall: adjust the rate"; on the loss curves these four look the same, and only one of them has to do with the rate.
#
# Look at another panel: the gradient norm.

# %%
for name in "AFIK":
    losses = [chart.train_loss[-1] for chart in charts[name]]
    norms = [chart.grad_norm[-1] for chart in charts[name]]
    print(f"{name}: loss {mean_interval(losses):.2f}, gradient norm {mean_interval(norms):.3g}")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# **主張 2** A、F、I、K 最後的訓練損失，不論哪個種子，與 ln 10 都相差不到 0.1。
#
# **主張 3** 不論哪個種子，梯度範數都把這四位病人分成三群：到了最後，A 都大於 25（還在漲），I 都小於 0.15，F 與 K 都在 0.25 到 2 之間。
#
# F 與 K 落在同一群，還需要別的證據。曲線到此為止，接下來要動手檢查。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# **Claim 2** For A, F, I and K the last training loss is within 0.1 of ln 10, for all five seeds.
#
# **Claim 3** The gradient norm divides them into three groups: in the end A is above 25 (and growing), I below 0.15, F and K between 0.25 and 2, for all seeds.
#
# F and K fall into one group and need other evidence. This is as far as curves go; now the patients must be examined.

# %%
claim(2, all(abs(c.train_loss[-1] - np.log(10)) < 0.1 for name in "AFIK" for c in charts[name]))
last_norm = {name: np.array([chart.grad_norm[-1] for chart in charts[name]]) for name in "AFIK"}
between = np.concatenate([last_norm["F"], last_norm["K"]])
apart = last_norm["A"].min() > 25 and last_norm["I"].max() < 0.15
claim(3, bool(apart and between.min() > 0.25 and between.max() < 2))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 檢查一：訓練之前，損失就會說話
#
# 還沒走一步的模型什麼都不知道：只要 logits 都很小，十類的損失就接近 ln 10（Kaiming 初始化會高一些，[[initialization]]）。這個檢查只要一次前向（forward）計算。
#
# 猜猜看：十二個病人裡，有幾個在第 0 步就露餡？softmax 做兩次的那個會嗎？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Check one: the loss speaks before training
#
# A model that has taken no step knows nothing: with ten classes and small logits its loss is near ln 10 (somewhat higher under Kaiming, [[initialization]]). The check costs one forward pass.
#
# Guess: how many of the twelve give themselves away at step 0? Does the one with two softmaxes?

# %% alt-zh="橫軸是十三個程式，縱軸是第 0 步的損失，每個程式五點。除了 G 在 8 到 14 之間，其餘全部落在 ln 10 的橫線上。" alt-en="The loss at step 0 of thirteen programs, five dots each. G lies between 8 and 14, all the others on the line at ln 10."
first_loss = {name: [chart.val_loss[0] for chart in charts[name]] for name in programs}
figure, ax = plt.subplots(figsize=(8.5, 2.8))
for name, losses in first_loss.items():
    ax.plot([name] * 5, losses, "o", color="#0173B2", alpha=0.6)
ax.axhline(np.log(10), color="black", linewidth=0.8)
ax = ax.set(xlabel="program", ylabel="loss at step 0 (nats)")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 只有 G 一個。softmax 做兩次的病人反而比健康的程式**更接近** ln 10：訓練前的機率都在 0.1 附近，再做一次 softmax，就幾乎成了均勻分布。「初始損失正常」不是健康證明。
#
# **主張 4** 不論哪個種子，G 的初始損失都比 ln 10 高出 4 以上，其他十一個病人的初始損失與 ln 10 都相差不到 0.1。
#
# 翻開 G 的兩份報告：

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# Only G. The patient with two softmaxes is even **nearer** to ln 10 than the sound program: before training all probabilities are near 0.1, and the softmax of those is almost uniform. A normal first loss is no certificate of health.
#
# **Claim 4** For all five seeds G's first loss is more than 4 above ln 10, and those of the other eleven patients are within 0.1 of it.
#
# Open two of G's reports:

# %%
others = [loss for name in "ABCDEFHIJKL" for loss in first_loss[name]]
near = max(abs(loss - np.log(10)) for loss in others) < 0.1
claim(4, near and min(first_loss["G"]) > np.log(10) + 4)
print(findings["G"][0]["first loss"])
print(findings["G"][0]["inputs"])

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 病人 G：輸入沒有正規化
#
# 輸入是 0 到 255 的位元組（byte），是應有大小的近百倍，第一層的輸出和梯度跟著放大。壞掉的程式與治好的程式：

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### Patient G: inputs not normalized
#
# The inputs are bytes from 0 to 255, nearly a hundred times too large, and the first layer's outputs and gradients with them. The broken code, and the mended code:

# %%
side_by_side(clinic.PATIENTS["G"])

# %% [markdown] lang="zh-TW"
# `check_inputs` 只需要一個載入器，任何資料都能用。它也檢查標籤：型別、形狀、範圍、有沒有缺類別。常見的情形是：從檔案讀進來的標籤是 1 到 10。

# %% [markdown] lang="en"
# `check_inputs` needs only a loader and takes any data. It looks at labels too: dtype, shape, range, missing classes. A common case: labels read from a file run from 1 to 10.

# %%
from_one = TensorDataset(torch.linspace(-2, 2, 1000).reshape(200, 5), torch.arange(200) % 10 + 1)
print(check_inputs(TensorLoader(from_one, 50), num_classes=10))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 檢查二：一個批次背得起來嗎？
#
# 拿 32 張圖，關掉 dropout，重複訓練 60 步。參數有五萬多個，背下 32 個答案應該輕而易舉。**背不起來，就先別談泛化**（generalization）：任何新模型，正式訓練之前都先做這個測試（Karpathy，2019）。
#
# 用病人自己的優化器和自己的那一步來測，才測得到整個程式：

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Check two: can it learn one batch by heart?
#
# Take 32 images, switch dropout off, train on them for 60 steps. With more than fifty thousand parameters, 32 answers should be no trouble. **Until it can memorize, do not ask whether it generalizes**: run this test on any new model before you train it in earnest (Karpathy 2019).
#
# With the patient's own optimizer and own step, it tests the whole program:


# %%
few = pictures.train_pixels[:2048], pictures.train_labels[:2048]


def learn_by_heart(seed, program, num_steps=60):
    images, labels = next(iter(program.make_loader(*few, seed)))
    model = program.make_model(seed).eval()  # no dropout: it is there to prevent memorizing
    optimizer = program.make_optimizer(model)
    batch = images[:32], labels[:32]
    losses = [program.step(model, optimizer, *batch).item() for _ in range(num_steps)]
    return {"first": losses[0], "last": losses[-1]}


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 猜猜看：有毛病卻**通過**這個測試的，會是哪幾個？標籤錯開的那個呢？

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# Guess: which of the sick will **pass** this test? What about the one whose labels are shifted?

# %% alt-zh="橫軸是十三個程式，縱軸是背完一個批次後剩下的損失（對數刻度），每個程式五點，加一條及格線。健康的程式與 B、E、H、K 在 0.05 以下；A、D、F、G、I、J、L 在 2 左右，遠在及格線之上；C 更高或是 NaN，L 也有一點在那裡。" alt-en="On a log axis, the loss left after learning one batch, for thirteen programs with five dots each, and a pass line. The sound one and B, E, H, K lie below 0.05; A, D, F, G, I, J, L near 2, far above the line; C higher still or NaN, and so is one dot of L."
figure, ax = plt.subplots(figsize=(8.5, 2.9))
for name in programs:
    left_over = [finding["one batch"].values["last"] for finding in findings[name]]
    ax.plot([name] * 5, np.clip(np.nan_to_num(left_over, nan=60), 1e-3, 60), "o", color="#0173B2")
ax.axhline(0.1 * np.log(10), color="black", linewidth=0.8)
ax = ax.set(yscale="log", xlabel="program", ylabel="loss left (log; NaN: top edge)")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 標籤錯開的病人照樣背得起來：網路連亂給的標籤都背得起來（Zhang 等人，2017）。這個測試抓得到「學不動」的毛病，抓不到標籤錯開、評估、速度和泛化的毛病。
#
# **主張 5** 不論哪個種子，健康的程式都通過；A、C、D、F、G、I、J 都不通過；B、E、H、K 都**通過**，這個測試看不見這四位的病。（L 在完整的 MNIST 上也都沒通過，在附上的 5,000 張數字上偶爾會通過，所以不算。）

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# Shifted labels are learned by heart all the same: a network can memorize even random labels (Zhang et al. 2017). The test catches what cannot learn; it does not catch shifted labels, or faults of evaluation, speed or generalization.
#
# **Claim 5** For all five seeds the sound program passes, A, C, D, F, G, I and J fail, and B, E, H and K **pass**: this test does not see them. (L fails as well on full MNIST; on the embedded digits it passes now and then, so it does not count.)

# %%
passes = {name: [f["one batch"].ok for f in findings[name]] for name in programs}
pass_always = all(all(passes[name]) for name in ["sound", *"BEHK"])
claim(5, pass_always and not any(any(passes[name]) for name in "ACDFGIJ"))
by_hand = run_seeds(learn_by_heart, seeds=range(5), program=TrainingProgram())
first, last = mean_interval(by_hand["first"]), mean_interval(by_hand["last"])
print(f"the sound program, by hand: {first:.2f} -> {last:.3f}")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 檢查三：把一步放到顯微鏡下
#
# 同一批資料、同樣的權重，走兩次同樣的一步（學習率設成 0，權重不動）。第二次的梯度應該和第一次一模一樣。
#
# 忘了 `zero_grad` 的病人，第二次會是幾倍？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Check three: one step under the microscope
#
# Take the same step twice, with the same batch and the same weights (at rate 0 they stay). The second gradient should equal the first.
#
# For the patient without `zero_grad`, how many times the first will the second be?


# %%
def same_step_again(seed, program):  # gradient norm of each step, over the first
    images, labels = next(iter(program.make_loader(*few, seed)))
    model = program.make_model(seed)
    optimizer = program.make_optimizer(model)
    optimizer.param_groups[0]["lr"] = 0.0
    norms = []
    for _ in range(3):
        with seeded(seed):  # the same dropout mask each time
            program.step(model, optimizer, images, labels)
        norms.append(nn.utils.get_total_norm(p.grad for p in model.parameters()).item())
    return {"twice": norms[1] / norms[0], "thrice": norms[2] / norms[0]}


# %%
settings = {name: {"program": programs[name]()} for name in ("sound", "L", "A")}
ratios = run_seeds(same_step_again, seeds=range(5), settings=settings)
ratios.groupby("setting", sort=False)[["twice", "thrice"]].mean().map("≈{:.2f}".format)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# L 走兩步就變成兩倍、三步就變成三倍：梯度越積越多。A 也一樣？A 的 `zero_grad` 明明還在：**清的是別的模型**。
#
# ### 一步走多遠？
#
# 再看權重一步動了自己大小的幾分之幾（CS231n 的講義也看這個比，經驗值是千分之一上下）。健康的程式大約是千分之幾到百分之幾：

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# L has twice the gradient after two steps and three times after three: it piles up. And A the same? Its `zero_grad` is in place: **it clears another model**.
#
# ### How far does a step go?
#
# Now see by what share of its own size a weight moves in one step (the notes of CS231n look at this ratio, too, and call about a thousandth usual). In health it is here between a few thousandths and a few hundredths:

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
# **主張 6** 不論哪個種子，L 與 A 的第二次梯度都是第一次的 2 倍（± 0.05），其他程式的都是 1 倍；A 的權重完全不動；F 的權重每一步只動不到萬分之一；J 有權重每步動 10% 以上；健康的程式都在兩條虛線之間。
#
# 主張只點名四個病人；圖上的 C、G、I 也出了界。翻開 A 的報告：

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# **Claim 6** For all five seeds the second gradient of L and of A is 2 times the first (within 0.05), that of the others 1 times; A's weights do not move at all; F's move by less than 1e-4 a step; some weight of J's moves by more than 10 % a step; the sound program stays between the dashed lines.
#
# The claim names four patients; in the figure C, G and I are out of bounds, too. Open A's report:

# %%
step = {name: [f["step"].values for f in findings[name]] for name in programs}
doubled = all(abs(v["ratio"] - 2) < 0.05 for name in "LA" for v in step[name])
single = all(abs(v["ratio"] - 1) < 0.05 for n in programs if n not in "LA" for v in step[n])
still = all(v["largest"] == 0 for v in step["A"])
rates = all(v["largest"] < 1e-4 for v in step["F"]) and all(v["largest"] > 0.1 for v in step["J"])
sound = all(v["smallest"] > 1e-4 and v["largest"] < 0.1 for v in step["sound"])
claim(6, doubled and single and still and rates and sound)
print(findings["A"][0]["step"])

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 病人 A：優化器拿的是別的模型
#
# 在筆記本裡重跑建立模型的那一格，卻沒有重建優化器，就會變成這樣。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### Patient A: the optimizer holds another model
#
# Run the cell that makes the model again, and not the one that makes the optimizer: that is all it takes in a notebook.

# %%
side_by_side(clinic.PATIENTS["A"])

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 病人 L：忘了 `zero_grad`
#
# 每一步都累積了先前所有的梯度，像一顆煞不住的球。前 25 步還在學，可能是因為累積的梯度還大致同向；之後就垮了。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### Patient L: no `zero_grad`
#
# Each step uses the whole of the past, like a ball that nothing stops. For 25 steps it learns, perhaps because the gradients it adds up still roughly agree; then it falls apart.

# %%
side_by_side(clinic.PATIENTS["L"])

# %% [markdown] lang="zh-TW"
# **主張 7** 不論哪個種子，L 的驗證準確率都曾超過 30%，最後都低於 20%；到第 75 步，梯度範數已是健康程式的五倍以上。

# %% [markdown] lang="en"
# **Claim 7** For all five seeds L's validation accuracy once exceeds 30 % and ends below 20 %, and by step 75 its gradient norm is more than five times the sound program's.

# %%
rise_and_fall = all(max(c.val_accuracy) > 0.3 > 0.2 > c.val_accuracy[-1] for c in charts["L"])
pairs = zip(charts["L"], charts["sound"], strict=True)
claim(7, rise_and_fall and all(ill.grad_norm[3] > 5 * well.grad_norm[3] for ill, well in pairs))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 病人 C、J、F：同一個設定，三種病
#
# 這三位的學習率是 100、1、0.0001，健康的程式是 0.1。C 不到十步就變成 NaN，F 走得太慢，J 最狡猾：學是在學，只是停在半路。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### Patients C, J and F: one setting, three diseases
#
# Their rates are 100, 1 and 0.0001; the sound one is 0.1. C turns to NaN within ten steps, F hardly moves, and J is the sly one: it learns, and gets stuck halfway.

# %%
for name in "CJF":
    print(name, findings[name][0]["step"], end="\n\n")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 檢查四：梯度流（gradient flow）與死掉的神經元
#
# 梯度一路走到第一層了嗎？I 的權重也完全不動，但優化器沒有問題。用幾個批次反向傳播（back-propagation），把每個權重矩陣的梯度範數畫出來：

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Check four: gradient flow and dead units
#
# Does the gradient get back to the first layer? I's weights do not move either, though nothing is wrong with its optimizer. Back-propagate some batches and draw the gradient norm of each weight matrix:

# %% alt-zh="橫軸是從輸入到輸出的三個權重矩陣，縱軸是梯度範數。左圖是健康的程式：三個都在 0.15 到 0.7 之間。右圖是病人 I：三個都標著叉，完全沒有梯度。" alt-en="Left, the sound program: the gradient norms of its three weight matrices lie between 0.15 and 0.7. Right, patient I: all three are crosses, no gradient at all."
figure, axes = plt.subplots(1, 2, figsize=(9, 2.8), sharey=True)
for ax, name in zip(axes, ("sound", "I"), strict=True):
    ax = plot_gradient_flow(ax, findings[name][0]["gradient flow"])
    ax.set(title=name, xlabel="weight, from input to output")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 病人 I：ReLU 都死了
#
# 有人想讓神經元「有把握才開口」，把偏置（bias）設成 −3。結果沒有一個開口，梯度也就到不了任何權重，只剩輸出層的偏置在學各類的比例。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### Patient I: dead ReLUs
#
# Somebody wanted units that "fire only when they are sure" and set the biases to −3. None of them fires, so no gradient reaches any weight; only the output biases learn, and all they learn is how frequent each class is.

# %%
print(findings["I"][0]["dead units"])
side_by_side(clinic.PATIENTS["I"])

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 是病因，還是後果？
#
# 訓練**之後**再數一次死掉的神經元（對 2,048 張圖全都輸出 0，才算死掉）。先猜：除了 I，還有誰？

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### Cause, or consequence?
#
# Count the dead units again **after** training (a unit is called dead when none of 2,048 images wakes it). Guess first: who else has them, besides I?

# %%
dead = {
    name: [max(finding["dead units"].values["dead"].values()) for finding in findings[name]]
    for name in ("sound", *"IGJLK")
}
for name, shares in dead.items():
    print(f"{name:5s} dead in the worse layer: ≈{np.mean(shares):.0%}")

# %% [markdown] lang="zh-TW"
# G 的輸入太大，訓練完至少有一層全軍覆沒；L 和 J 的步長太長，也打死不少神經元。對這三位病人來說，死掉的 ReLU 是**後果**。所以檢查要照順序：資料、初始損失、一步，最後才看內部；先治上游。
#
# **主張 8** 不論哪個種子，I 與 G 訓練後，至少有一層死掉九成以上的神經元，而 I 在訓練前，權重的梯度就全是 0；健康的程式，每一層死掉的都不到 10%。

# %% [markdown] lang="en"
# With G's huge inputs, a whole layer is dead by the end of training; the long strides of L and J kill many units. In them the dead ReLUs are a **consequence**. So keep the order: data, first loss, step, and only then the inside; treat what is upstream.
#
# **Claim 8** For all five seeds, after training more than 90 % of some layer of I and of G is dead, and before training I's weights have gradient 0; in the sound program less than 10 % of any layer is dead.

# %%
no_gradient = all(f["gradient flow"].values["largest"] == 0 for f in findings["I"])
claim(8, min(*dead["I"], *dead["G"]) > 0.9 and max(dead["sound"]) < 0.1 and no_gradient)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 檢查五：評估兩次
#
# 權重不變，評估兩次，答案應該一模一樣。病人 B 呢？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Check five: evaluate twice
#
# The weights have not changed, so two evaluations must agree to the last digit. Do B's?

# %%
print(findings["B"][0]["evaluation"])
side_by_side(clinic.PATIENTS["B"])

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 病人 B：忘了 `eval()`
#
# 常見的誤診是過擬合（overfitting）：驗證的結果比健康的程式差。但 B 的訓練損失並不特別低。證據更直接：拿 B 訓練好的**同一組權重**，用健康的方式再評估一次。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### Patient B: no `eval()`
#
# It is often taken for overfitting: validation is worse than it should be. But its training loss is not especially low. There is more direct evidence: evaluate **the very same weights** of B once more, properly.

# %%
val_batches = [(TrainingProgram().prepare(pictures.val_pixels), pictures.val_labels)]
again = [TrainingProgram().evaluate(chart.model, val_batches)[1] for chart in charts["B"]]
reported = [chart.val_accuracy[-1] for chart in charts["B"]]
print(f"accuracy as B reports it:  {mean_interval(reported):.1%}")
print(f"same weights, with eval(): {mean_interval(again):.1%}")

# %% [markdown] lang="zh-TW"
# 模型從頭到尾都是好的，壞的是體溫計。
#
# **主張 9** 不論哪個種子，同一組權重，加上 `eval()` 之後，準確率都高出 3 個百分點以上；B 評估兩次的結果都不同，健康的程式都相同。

# %% [markdown] lang="en"
# The model was well all along; the thermometer was broken.
#
# **Claim 9** For all five seeds the same weights score more than 3 percentage points higher with `eval()`; B's two evaluations differ, and those of the sound program agree.

# %%
difference = {
    n: [f["evaluation"].values["difference"] for f in findings[n]] for n in ("B", "sound")
}
higher = (np.array(again) - np.array(reported)).min() > 0.03
claim(9, bool(higher and min(difference["B"]) > 0 and max(difference["sound"]) == 0))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 病人 D：softmax 做了兩次
#
# D 的準確率一路上升，損失卻下不來。初始損失正常，但檢查順便看了輸出的樣子：

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Patient D: the softmax twice
#
# D's accuracy climbs and its loss will not come down. The first loss is normal, but the check also looks at the outputs:

# %%
print(findings["D"][0]["first loss"])
side_by_side(clinic.PATIENTS["D"])

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 損失的下限
#
# 就算模型百分之百有把握，而且答對，第二個 softmax 收到的也只是 (1, 0, …, 0)。答對那一類的機率最多 e/(e + 9)，所以損失永遠高於
#
# ln(e + 9) − 1 ≈ 1.461
#
# **主張 10** D 的每一個驗證損失必然高於這個下限（上面那一行就是證明）。不論哪個種子，D 最後的準確率都超過 30%，初始損失與 ln 10 都相差不到 0.01。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### A floor under the loss
#
# Even a model that is certain and right hands the second softmax no more than (1, 0, …, 0). The right class then gets at most e/(e + 9), and the loss always stays above
#
# ln(e + 9) − 1 ≈ 1.461
#
# **Claim 10** Every validation loss of D's must lie above this floor (the line above is the proof). For all five seeds its accuracy ends above 30 %, and its first loss is within 0.01 of ln 10.

# %%
floor = np.log(np.e + 9) - 1
above_floor = all(min(c.val_loss) > floor and c.val_accuracy[-1] > 0.3 for c in charts["D"])
claim(10, above_floor and max(abs(np.array(first_loss["D"]) - np.log(10))) < 0.01)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 病人 E：過擬合，為什麼？
#
# 訓練損失往下，驗證損失往上：曲線就夠診斷了。但過擬合是**現象**，不是病因。先問為什麼：

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Patient E: overfitting, but why?
#
# The training loss goes down, the validation loss goes up: here the curves suffice. But overfitting is an **appearance**, not a cause. Ask why:

# %%
print(findings["E"][0]["curves"])
side_by_side(clinic.PATIENTS["E"])

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 有人為了快速測試只取 30 張圖，忘了拿掉。治本的方法是刪掉那一行，不是調 dropout。
#
# 萬一真的只有 30 張呢？早停（early stopping，[[training_practice]]）回到驗證損失最低的地方：
#
# **主張 11** 不論哪個種子，E 最後的驗證損失都比自己的最低點高 5% 以上，訓練損失都在 0.3 以下；健康程式的訓練損失都在 0.4 以上。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# For a quick test somebody took 30 pictures only, and forgot to remove the line. The cure is to delete it, not to tune dropout.
#
# And if there really are only 30? Early stopping ([[training_practice]]) goes back to where the validation loss was lowest:
#
# **Claim 11** For all five seeds E's validation loss ends more than 5 % above its own lowest, with a training loss below 0.3; the sound program's training loss is above 0.4.

# %%
for what, pick in {
    "at the end": lambda c: -1,
    "at the lowest": lambda c: np.argmin(c.val_loss),
}.items():
    loss = mean_interval([c.val_loss[pick(c)] for c in charts["E"]])
    accuracy = mean_interval([c.val_accuracy[pick(c)] for c in charts["E"]])
    print(f"{what:13s} validation loss {loss:.2f}, accuracy {accuracy:.1%}")
turned = all(
    c.val_loss[-1] > 1.05 * min(c.val_loss) and c.train_loss[-1] < 0.3 for c in charts["E"]
)
claim(11, turned and all(c.train_loss[-1] > 0.4 for c in charts["sound"]))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 注意：早停救回的是**損失**，準確率並沒有變好。想要準確率，要更多資料。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# Note that early stopping saves the **loss** and does not raise the accuracy. For accuracy, get more data.

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 檢查六：標籤真的是這些圖的嗎？
#
# 同一群裡還剩 F 與 K。F 的每一步動不到萬分之一，已經確診了。K 通過了初始損失、背一個批次、顯微鏡下的一步……前面的檢查都過了，就是學不會。
#
# 長得像的圖，標籤應該一樣。不用模型，只問每張圖和**最像的另一張**，也就是最近鄰（nearest neighbour），同不同類：

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Check six: do the labels belong to the pictures?
#
# F and K were left in one group; F's step of less than 1e-4 has settled F. K has passed the first loss, one batch by heart, the step under the microscope ... every check so far, and still it does not learn.
#
# Pictures that look alike should bear the same label. No model is needed: ask whether **the most similar other picture**, its nearest neighbour, is of the same class.

# %%
images = TrainingProgram().prepare(pictures.train_pixels[:500]).flatten(1)
labels = pictures.train_labels[:500]
distance = torch.cdist(images, images).fill_diagonal_(torch.inf)
agreement = (labels[distance.argmin(dim=1)] == labels).float().mean()
print(f"the nearest neighbour agrees: ≈{agreement:.0%}")

# %%
print(findings["K"][0]["neighbours"])
side_by_side(clinic.PATIENTS["K"])

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 病人 K：標籤錯開一筆
#
# 為了跳過標題列多切了一行，每張圖拿到的都是下一張的標籤。標籤的型別、範圍、各類的數量全都正常。
#
# **主張 12** 不論哪個種子，健康的資料裡，最近鄰同類的比例都超過 60%；K 的資料都低於 25%（隨機是 10%）。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### Patient K: labels off by one row
#
# A line too many was cut to skip a header, and each picture got the next one's label. Dtype, range and class counts are all in order.
#
# **Claim 12** For all five seeds the nearest neighbour agrees for more than 60 % of the sound data, and for less than 25 % of K's (by chance, 10 %).

# %%
agree = {n: [f["neighbours"].values["agreement"] for f in findings[n]] for n in ("sound", "K")}
claim(12, min(agree["sound"]) > 0.6 and max(agree["K"]) < 0.25)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 檢查七：時間花在哪裡？
#
# H 的曲線完全健康，只是慢。先量再改：是**等資料**，還是**在計算**？有 GPU 的話，也看看模型是不是還留在 CPU 上。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Check seven: where does the time go?
#
# H's curves are sound; it is only slow. Measure before you change anything: is it **waiting for data**, or **computing**? Where there is a GPU, see too whether the model was left on the processor.

# %% tags=["timing"]
print(findings["H"][0]["speed"])
side_by_side(clinic.PATIENTS["H"])

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# H 每次取圖，都把那一張重新正規化一遍，一次一張。結果每輪都一樣，全部一起做一次就好（[[mnist_mlp]]量過同樣的事）。
#
# **主張 13** 取五個種子的中位數，H 用掉的處理器時間是健康程式的 1.5 倍以上；平均而言，兩者的準確率相差不到 2.5 個百分點（等效檢定，equivalence test：90% 信賴區間整個在 ±2.5 之內）。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# H normalizes every picture anew each time it is fetched, one at a time. The result is the same every time, so do it once, for all together ([[mnist_mlp]] measured the like).
#
# **Claim 13** In the median over five seeds H takes more than 1.5 times the CPU time of the sound program; on average their accuracies differ by less than 2.5 percentage points (the whole 90 % interval lies within ±2.5, which is a test of equivalence).

# %%
accuracy = {n: 100 * np.array([chart.val_accuracy[-1] for chart in charts[n]]) for n in programs}
seconds = {name: np.median([chart.seconds for chart in charts[name]]) for name in ("H", "sound")}
same = equivalence(accuracy["sound"], accuracy["H"], margin=2.5)
print(f"accuracy, sound - H (points): {same:.1f}")
claim(13, bool(seconds["H"] > 1.5 * seconds["sound"] and same.shown))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 哪個檢查抓得到誰？
#
# 十個檢查、十二個病人、五個種子，全部攤開。表中的數字是「五個種子裡，這項檢查判為可疑的次數」。（J 的訓練不穩定，另有一欄要看時鐘；這兩處的數字，你的可能差一、兩個。）
#
# 先猜：最厲害的一個檢查抓得到幾個病人？有沒有把健康的人誤診成有病？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Which check finds whom?
#
# Ten checks, twelve patients, five seeds, all in one table. A number says for how many of the five seeds this check found something suspicious. (For J, whose training is unstable, and in the column that looks at the clock, yours may differ by one or two.)
#
# Guess first: how many does the best single check find? And does any accuse the healthy?

# %% slideshow={"slide_type": "subslide"} tags=["timing", "nbval-ignore-output"]
checks = list(findings["sound"][0])
count = {n: [sum(not f[c].ok for f in findings[n]) for c in checks] for n in programs}
table = pd.DataFrame(count, index=checks).T
names = [n if n == "sound" else f"{n}  {clinic.programs.name_of(programs[n])}" for n in programs]
shaded = table.set_axis(names).style.background_gradient(cmap="Blues", axis=None)
HTML(shaded.to_html(table_uuid="checks"))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 沒有萬能的檢查：在完整的 MNIST 上，抓得最多的「背一個批次」也只抓到十一位裡的八位。初始損失只抓到兩個，卻很便宜，而且把原因縮小到一兩個。
#
# **主張 14** 不論哪個種子，不看時鐘的九個檢查都沒有誤診健康的程式；H 以外的十一個病人，每一位都有至少一個檢查，五個種子全都抓到。
#
# **主張 15** 不論哪個種子，B 只有「evaluation」抓得到，E 只有「curves」抓得到，而且都抓到了；其他七個不看時鐘的檢查，從來沒有懷疑過這兩位。所以沒有一個檢查能抓到所有人。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# No check does it all: on full MNIST even the best, one batch by heart, finds eight of the eleven. The first loss finds only two, but it is cheap and narrows the cause down to one or two.
#
# **Claim 14** The nine checks that use no clock never accuse the sound program, for all five seeds; and each of the eleven patients besides H is found, for all five seeds, by at least one of them.
#
# **Claim 15** For all five seeds B is found by "evaluation" alone and E by "curves" alone; the other seven checks that use no clock never suspect either. So no single check finds everyone.

# %%
without_clock = table.drop(columns="speed")
always = (without_clock == 5).drop(index=["sound", "H"])
claim(14, bool(without_clock.loc["sound"].eq(0).all() and always.any(axis=1).all()))
seen_by = {name: without_clock.loc[name][without_clock.loc[name] > 0].to_dict() for name in "BE"}
claim(15, seen_by == {"B": {"evaluation": 5}, "E": {"curves": 5}})

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 每個毛病，代價多少？
#
# 每個病人只壞了一個方法；換回健康的方法，就和健康的程式一字不差，再訓練一次也只會得到同樣的數字。所以這裡不問「治好了沒有」，而問**這個毛病讓人損失多少**：同一個種子，健康的減去生病的。
#
# 先猜：哪個毛病的代價最小？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## What does each fault cost?
#
# Each patient has one broken method; with the sound method back in place it is the sound program, word for word, and another run would only give the same numbers. So the question here is not "is it mended?" but **what does the fault cost**: for the same seed, sound minus ill.
#
# Guess first: which fault costs least?

# %% alt-zh="森林圖，橫軸是十二個毛病各讓準確率少了多少個百分點。A、C、F、G、I、K、L 約 71 到 77，D 約 41，E 約 26，J 約 24 而區間很寬，B 約 11，H 是 0。" alt-en="Forest plot: how many percentage points of accuracy each of the twelve faults costs. A, C, F, G, I, K, L about 71 to 77, D about 41, E about 26, J about 24 with a wide interval, B about 11, H zero."
gain = {n: paired_difference(accuracy["sound"], accuracy[n]) for n in clinic.PATIENTS}
figure, ax = plt.subplots(figsize=(8.5, 3.6))
plotting.plot_forest(ax, names[1:], list(gain.values()))
ax = ax.set(xlabel="validation accuracy, sound - ill (points)")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# **主張 16** 平均而言，除了 H，十一個毛病都有代價：準確率的成對差（健康減生病），95% 信賴區間都整個在 3 個百分點以上。（H 賠掉的是時間，見主張 13。）

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# **Claim 16** On average each of the eleven faults besides H's costs accuracy: the 95 % confidence interval of the paired difference (sound minus ill) lies above 3 percentage points. (H's costs time: claim 13.)

# %%
claim(16, all(interval.low > 3 for name, interval in gain.items() if name != "H"))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 治標還是治本？
#
# 常見的疑難排解表，一個症狀配一個處方：「NaN：裁剪梯度」「卡住：用排程（schedule）」「不下降：調學習率」「過擬合：加正則化」。拿我們的病人試試看，病因留著不動：

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Cure, or painkiller?
#
# The usual tables give one remedy a symptom: "NaN: clip the gradient", "stuck: use a schedule", "does not fall: adjust the rate", "overfitting: regularize". Try them on our patients, and leave the cause where it is:


# %%
class ClippedC(clinic.programs.RateDiverges):
    def step(self, model, optimizer, images, labels):
        loss = nn.functional.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), max_norm=1.0)
        optimizer.step()
        return loss.detach()


class ClippedJ(clinic.programs.RateTooHigh):
    step = ClippedC.step


# %% slideshow={"slide_type": "subslide"}
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
    "C: clip at 1": ClippedC,
    "J: clip at 1": ClippedJ,
    "J: cosine schedule": ScheduledJ,
    "G: rate 0.0001": SlowerG,
    "E: weight decay 0.03": DecayedE,
}
settings = {name: {"program": program()} for name, program in remedies.items()}
treated = run_seeds(clinic.run, seeds=range(5), settings=settings, pictures=pictures)
treated = {name: list(group["result"]) for name, group in treated.groupby("setting")}

# %%
left_to_gain, effect = {}, {}
for name in remedies:
    after = 100 * np.array([chart.val_accuracy[-1] for chart in treated[name]])
    effect[name] = paired_difference(after, accuracy[name[0]])
    left_to_gain[name] = paired_difference(accuracy["sound"], after)
pd.DataFrame({"effect (points)": effect, "still missing": left_to_gain}).map("{:.1f}".format)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# - **C 裁剪**：NaN 不見了，準確率還是和亂猜一樣。一步最長是「學習率 × 上限」= 100，還是太長。裁剪（[[gradient_clipping]]）限制步長，治不了高出一千倍的學習率。
# - **J 裁剪**：治好了。一步最長是 1 × 1：學習率沒變，步長夠短了。
# - **J 排程**：平均好得多，但要看運氣：種子之間差很多，兩個區間都很寬（上表）。可能的原因：開頭的步太長，打死了一部分神經元（J 沒排程時數過），之後放慢也救不回來。
# - **G 降低學習率**：0.0001 有一點幫助，離治好還差得遠（上表）。只試了這一個學習率；直接的治法是輸入的尺度。
# - **E 權重衰減**：損失變好，準確率沒有跟著變好。
#
# **主張 17** 不論哪個種子，C 裁剪後的損失都是有限的數，卻都大於 10，準確率都低於 25%；平均而言，J 在裁剪前比健康的程式差 10 個百分點以上，裁剪後差不到 5 個百分點；G 降低學習率之後，還差 30 個百分點以上。
#
# **主張 18** 平均而言，E 加上權重衰減（weight decay）之後，驗證損失變低（成對差的 95% 信賴區間整個在 −0.1 以下），準確率的變化卻不到 2.5 個百分點（等效檢定）。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# - **C, clipped**: no NaN any more, and still a guess. A step is at most rate × limit = 100, still too long. Clipping ([[gradient_clipping]]) caps the step; it cannot cure a rate a thousand times too high.
# - **J, clipped**: cured. A step is now at most 1 × 1: the same rate, with steps short enough.
# - **J, scheduled**: much better on average, and a matter of luck: the seeds differ a lot, and both intervals are wide (see the table). A likely reason: the first long steps kill part of the units (counted above in J without the schedule), and going slower later does not revive them.
# - **G, slower**: 0.0001 helps a little and leaves it far from cured (see the table). Only this rate was tried; the direct cure is to scale the inputs.
# - **E, decayed**: a better loss, and the accuracy does not follow.
#
# **Claim 17** Clipped, C's losses are finite for all five seeds, all above 10, with accuracies below 25 %; on average J lacks more than 10 points before clipping and fewer than 5 after, and G, slower, still lacks more than 30.
#
# **Claim 18** On average, with weight decay on E: the paired change of the validation loss has its 95 % confidence interval below −0.1, and the accuracy changes by less than 2.5 points (a test of equivalence).

# %% slideshow={"slide_type": "subslide"}
clipped = treated["C: clip at 1"]
finite = all(10 < c.val_loss[-1] < np.inf and c.val_accuracy[-1] < 0.25 for c in clipped)
cured = gain["J"].mean > 10 and left_to_gain["J: clip at 1"].mean < 5
claim(17, finite and cured and left_to_gain["G: rate 0.0001"].low > 30)
ends = [[c.val_loss[-1] for c in runs] for runs in (treated["E: weight decay 0.03"], charts["E"])]
change = paired_difference(*ends)
decayed = [100 * c.val_accuracy[-1] for c in treated["E: weight decay 0.03"]]
unchanged = equivalence(decayed, accuracy["E"], margin=2.5)
print(f"E, change of validation loss: {change:.2f}")
print(f"E, change of accuracy (points): {unchanged:.1f}")
claim(18, change.high < -0.1 and unchanged.shown)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 第二診間：換你看診
#
# 八位新病人 M 到 T，毛病都在前面看過，**其中一位是健康的**，而且沒有人特別慢。這次沒有檢查報告，只有病歷；每人也只訓練一次，就像你自己的程式出毛病的時候，手上通常只有一次訓練的曲線。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## The second ward: your turn
#
# Eight new patients, M to T. You have met every fault they have, **one of the eight is sound**, and none is slow. There are no reports this time, only charts; and each was trained once, since one run is what you usually have when your own program goes wrong.

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
# ## 練習 1：八張病歷，八個診斷
#
# 難度 ★★☆，約 15 分鐘。
#
# 把每位病人的毛病填進 `diagnosis`，名稱用門診那張表裡的（例如 `"rate_too_low"`），健康的填 `"sound"`。診斷錯了，提示會告訴你該看哪裡。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Exercise 1: eight charts, eight diagnoses
#
# Difficulty ★★☆, about 15 minutes.
#
# Enter each patient's fault in `diagnosis`, by the names in the table of the ward round (such as `"rate_too_low"`); a sound one is `"sound"`. For a wrong diagnosis the hint says where to look.

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
# ## 練習 2：一個迴圈，三種病
#
# 難度 ★★☆，約 10 分鐘。
#
# 下面的迴圈跑得完，也回傳得出準確率，卻同時有三個毛病。（評估時沒有 `no_grad` 只是浪費，不算在內。）複製這個函式，改名為 `mended_training`，把毛病都治好：`model` 就地（in place）訓練（傳進來時也可能在評估模式），回傳每一輪的驗證準確率。（模型有 dropout 和批次正規化。治好一個毛病的時候，小心別弄出第四個。）

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Exercise 2: one loop, three diseases
#
# Difficulty ★★☆, about 10 minutes.
#
# The loop below runs and returns accuracies, and it has three faults at once (evaluating without `no_grad` is only wasteful, and not one of them). Copy it as `mended_training` and mend it: `model` is trained in place (it may arrive in evaluation mode), and the validation accuracy of each epoch is returned. (The model has dropout and batch norm. In mending one fault, take care not to make a fourth.)


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
# ## 練習 3：寫一個新的檢查
#
# 難度 ★★★，約 20 分鐘。
#
# 批次裡的樣本應該各算各的。軸弄錯一次（例如 softmax 做在批次那一軸），樣本就會互相偷看，而損失照樣下降。訓練模式的批次正規化（batch normalization）也會，那是故意的。
#
# 寫出 `mixes_examples(model, inputs)`：在模型**現在的模式**下，只要有任何一列的輸出取決於另一列的輸入，就回傳 `True`。`inputs` 是 (B, d)，B ≥ 2，輸出是 (B, K)，可能是 logits，也可能是機率。dropout 的隨機不算互相影響。模型（權重、統計量、梯度、模式）不可以改變。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Exercise 3: write a new check
#
# Difficulty ★★★, about 20 minutes.
#
# The examples of a batch should be computed each on its own. One wrong axis (say, a softmax over the batch) and they peep at each other, while the loss goes on falling. Batch norm in training mode does it too, on purpose.
#
# Write `mixes_examples(model, inputs)`: return `True` if, in the mode the model **is in**, the output of any row depends on the input of another row. `inputs` is (B, d) with B ≥ 2; the outputs (B, K) may be logits or probabilities. The randomness of dropout does not count as influence. The model (weights, statistics, gradients, mode) must not change.


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
# ## 帶得走的工具（一）：照這個順序檢查
#
# 便宜的、上游的先做。函式都在 `course_utils.diagnostics`，不限這一課的模型與載入器，做完之後模型一個位元都沒變。
#
# | 何時 | 檢查 | 函式 | 抓到誰 |
# |---|---|---|---|
# | 訓練前 | 輸入的大小；標籤的型別、形狀、範圍 | `check_inputs` | G |
# | | 長得像的樣本，標籤也一樣 | `check_neighbours`，並畫出來看 | K |
# | | 初始損失是 ln K；輸出是 logits | `check_first_loss` | G、D |
# | | 一個批次背得起來 | `overfit_one_batch` | A C D F G I J（L 多半也是） |
# | 頭幾步 | 梯度有清、權重在動、步長合理 | `check_step`；學習率尋找器（[[lr_finder]]） | A C F G I J L |
# | | 梯度到得了第一層；神經元活著 | `check_gradient_flow`、`check_dead_units` | I（訓練後再查還有 C、G、L，J 有時也是：都是後果） |
# | | 不是在等資料；裝置正確 | `check_speed` | H |
# | 訓練中 | 評估兩次相同 | `check_evaluation` | B |
# | | 訓練與**驗證**損失一起看；早停（[[training_practice]]） | `check_curves` | E（A C F G I K；D 和 L 多半也是） |
# | 結束時 | 存下最好的檢查點（[[training_practice]]）；測試集用一次；至少五個種子 | | |

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## To take away, one: a checklist in order
#
# What is cheap and upstream comes first. The functions are in `course_utils.diagnostics`; they are not tied to this lesson's models and loaders, and leave the model unchanged to the last bit.
#
# | when | check | function | whom it finds |
# |---|---|---|---|
# | before training | size of inputs; dtype, shape, range of labels | `check_inputs` | G |
# | | examples that look alike have the same label | `check_neighbours`, and draw some | K |
# | | first loss is ln K; outputs are logits | `check_first_loss` | G, D |
# | | one batch is learned by heart | `overfit_one_batch` | A C D F G I J (L, mostly) |
# | first steps | gradients cleared, weights move, strides sensible | `check_step`; learning-rate finder ([[lr_finder]]) | A C F G I J L |
# | | the gradient gets to the first layer; units are alive | `check_gradient_flow`, `check_dead_units` | I (after training also C, G, L, sometimes J: consequences) |
# | | not waiting for data; the right device | `check_speed` | H |
# | in training | evaluated twice, the same | `check_evaluation` | B |
# | | training and **validation** loss together; early stopping ([[training_practice]]) | `check_curves` | E (A C F G I K; D and L, mostly) |
# | at the end | keep the best checkpoint ([[training_practice]]); use the test set once; five seeds or more | | |

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 帶得走的工具（二）：疑難排解表，依實測結果整理
#
# 一個症狀往往有好幾種病因。先用檢查分開它們，再開處方。
#
# | 症狀 | 可能的毛病 | 怎麼分開 | 處方 |
# |---|---|---|---|
# | 損失停在 ln K 不動 | 優化器拿錯模型 A、學習率太低 F、ReLU 死了 I、標籤錯開 K | 梯度範數；`check_step`、`check_dead_units`、`check_neighbours` | 各治各的；只有 F 要調學習率 |
# | NaN | 學習率太高 C | `check_step`：十步之內就不是有限數 | 用學習率尋找器重找（[[lr_finder]]）；只做裁剪，C 仍和亂猜一樣 |
# | 第 0 步損失就遠高於 ln K | 輸入沒有正規化 G | `check_inputs` | 正規化；學習率降到 0.0001 還差得遠 |
# | 訓練損失下降、驗證損失上升 | 過擬合 E | 先確認資料量 | 更多資料；早停、權重衰減只改善損失，不改善準確率 |
# | 驗證比該有的差，訓練損失並不低 | 忘了 `eval()` B | `check_evaluation` | `eval()`，然後換回 `train()` |
# | 準確率卡在半路 | 學習率偏高 J | `check_step` 每步 > 10% | 降低學習率、裁剪；排程幫一部分 |
# | 準確率上升、損失降得很少 | softmax 兩次 D | `check_first_loss` | 輸出 logits |
# | 先學會、再垮掉 | 沒清梯度 L | 梯度範數越來越大 | `zero_grad` |
# | 很慢，曲線正常 | 載入器、裝置 H | `check_speed` | 前處理只做一次；搬上 GPU |

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## To take away, two: troubleshooting, as measured
#
# One symptom often has several causes. Tell them apart by a check before you prescribe.
#
# | symptom | likely faults | what tells them apart | remedy |
# |---|---|---|---|
# | loss stays at ln K | optimizer of another model A, rate too low F, dead ReLUs I, labels shifted K | gradient norm; `check_step`, `check_dead_units`, `check_neighbours` | each its own; only F needs another rate |
# | NaN | rate too high C | `check_step`: not finite within ten steps | find the rate anew ([[lr_finder]]); clipping alone leaves C guessing |
# | loss far above ln K at step 0 | inputs not normalized G | `check_inputs` | normalize; a rate of 0.0001 is still far off |
# | training loss falls, validation loss rises | overfitting E | first, how many examples? | more data; early stopping and weight decay save the loss, not the accuracy |
# | validation worse than it should be, training loss not low | no `eval()` B | `check_evaluation` | `eval()`, and back to `train()` |
# | accuracy stuck halfway | rate too high J | `check_step`: > 10 % a step | lower the rate, or clip; a schedule helps in part |
# | accuracy rises, loss hardly falls | softmax twice D | `check_first_loss` | return logits |
# | learns, then falls apart | gradients not cleared L | gradient norm keeps growing | `zero_grad` |
# | slow, curves normal | loader or device H | `check_speed` | prepare once; move to the GPU |

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 帶得走的工具（三）：這門課的工具箱
#
# | 主題 | 選項 | 什麼時候用，量到了什麼 | 課 |
# |---|---|---|---|
# | 激活函數 | ReLU、GELU、SiLU | 隱藏層；差距小，先用 ReLU；tanh 落後 | [[activations]]、[[training_practice]] |
# | 損失函數 | MSE、交叉熵 | 迴歸、分類；交叉熵的輸入是 logits | [[losses]] |
# | 優化器 | SGD + 動量、Adam、AdamW | 各用自己的學習率時分不出高下；要權重衰減就用 AdamW | [[optimizers_on_data]]、[[optimizers]] |
# | 正則化 | 更多資料、dropout、權重衰減、批次正規化 | 過擬合時；在那個任務上更多資料最有效；批次正規化要配小批次的雜訊才有用 | [[regularization]] |
# | 排程、早停、檢查點 | cosine、one-cycle、`EarlyStopping` | 早停看驗證集，存真正的快照 | [[training_practice]] |
# | 權重初始化 | Xavier、Kaiming | 網路越深越重要；不可以全零 | [[initialization]] |
# | 梯度裁剪 | `clip_grad_norm_` | 真的會爆炸的時候；先記錄裁剪前的範數 | [[gradient_clipping]] |
# | 學習率尋找器 | `find_lr` | 換了模型、資料或優化器就重找 | [[lr_finder]] |
# | 標籤平滑 | `label_smoothing` | 網路原本就太有信心時（準確率沒有可靠的好處） | [[label_smoothing]] |

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## To take away, three: the toolbox of this course
#
# | subject | options | when, and what was measured | lesson |
# |---|---|---|---|
# | activation | ReLU, GELU, SiLU | hidden layers; differences are small, begin with ReLU; tanh is behind | [[activations]], [[training_practice]] |
# | loss | MSE, cross-entropy | regression, classification; cross-entropy wants logits | [[losses]] |
# | optimizer | SGD + momentum, Adam, AdamW | each at its own rate, hard to tell apart; for weight decay, AdamW | [[optimizers_on_data]], [[optimizers]] |
# | regularization | more data, dropout, weight decay, batch norm | against overfitting; on its task more data worked best, and batch norm helped only with small, noisy batches | [[regularization]] |
# | schedule, early stopping, checkpoint | cosine, one-cycle, `EarlyStopping` | early stopping goes by validation, with a real snapshot | [[training_practice]] |
# | initialization | Xavier, Kaiming | the deeper, the more it matters; never all zeros | [[initialization]] |
# | gradient clipping | `clip_grad_norm_` | where it really explodes; log the norm before clipping | [[gradient_clipping]] |
# | learning-rate finder | `find_lr` | again for each new model, data or optimizer | [[lr_finder]] |
# | label smoothing | `label_smoothing` | where a net is overconfident to begin with (no reliable gain in accuracy) | [[label_smoothing]] |

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 重點整理
#
# - 訓練時的錯誤多半不會讓程式當掉，只會讓結果變差。先認得健康的樣子：從 ln K 出發，往下走，驗證與訓練的上下關係說得出道理。
# - 同一條水平線有四種病因；曲線提出懷疑，檢查才下診斷。
# - 背一個批次是最好的第一個測試，但看不見標籤錯開、忘了 `eval()`、過擬合和速度的毛病。
# - 由上游往下游查：資料、初始損失、一步、內部、評估。死掉的 ReLU 常常只是後果。
# - 改一個地方，用同樣的種子重跑，成對比較：這才叫治好。
#
# **下一課**：[[your_own_data]]，拿你自己的一張表，走到一份誠實的報告。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Summary
#
# - Most mistakes in training do not crash, they make things worse. Know health first: it starts at ln K, goes down, and you can say why training or validation is on top.
# - One flat line has four causes; curves raise a suspicion, checks make the diagnosis.
# - One batch by heart is the best first test, and it does not see shifted labels, a missing `eval()`, overfitting or speed.
# - Go downstream: data, first loss, step, inside, evaluation. Dead ReLUs are often a consequence.
# - Change one thing, run again with the same seeds, compare in pairs: only that is a cure.
#
# **Next**: [[your_own_data]] takes a table of your own to an honest report.

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "skip"}
# ### 原始文獻
#
# - Cover, Hart（1967），Nearest neighbor pattern classification，IEEE Transactions on Information Theory 13(1)，doi:10.1109/TIT.1967.1053964。檢查六的最近鄰。
# - Smith（2017），Cyclical learning rates for training neural networks，WACV，arXiv:1506.01186。學習率尋找器。
# - Zhang, Bengio, Hardt, Recht, Vinyals（2017），Understanding deep learning requires rethinking generalization，ICLR，arXiv:1611.03530。網路背得下隨機標籤。
# - Karpathy（2019），A recipe for training neural networks，karpathy.github.io/2019/04/25/recipe。初始損失、背一個批次、用梯度查依賴關係（練習 3）。
# - 史丹佛大學 CS231n 講義，Neural networks part 3: learning and evaluation，cs231n.github.io/neural-networks-3。每步的更新與權重之比。

# %% [markdown] lang="en" slideshow={"slide_type": "skip"}
# ### Primary sources
#
# - Cover, Hart (1967), Nearest neighbor pattern classification, IEEE Transactions on Information Theory 13(1), doi:10.1109/TIT.1967.1053964. The neighbours of check six.
# - Smith (2017), Cyclical learning rates for training neural networks, WACV, arXiv:1506.01186. The learning-rate finder.
# - Zhang, Bengio, Hardt, Recht, Vinyals (2017), Understanding deep learning requires rethinking generalization, ICLR, arXiv:1611.03530. Networks memorize random labels.
# - Karpathy (2019), A recipe for training neural networks, karpathy.github.io/2019/04/25/recipe. First loss, one batch by heart, dependencies by gradient (exercise 3).
# - Stanford University, notes of CS231n, Neural networks part 3: learning and evaluation, cs231n.github.io/neural-networks-3. The ratio of update to weight.
