# %% [markdown] lang="zh-TW" about="手算軟標籤；標籤平滑對準確率、信心與校準各有什麼影響" slideshow={"slide_type": "slide"}
# # 標籤平滑
#
# 標籤說：「這張圖是 7，百分之百，別的都不可能。」模型真該學得這麼篤定嗎？**標籤平滑**（label smoothing）讓話說得保留一點。只要一個引數就能啟用；很多人啟用之後，卻只看準確率。學完之後，你能夠：
#
# - 手算軟標籤（soft target）與其損失，結果與 PyTorch 一位不差；
# - 推導出最佳 logits：硬標籤（hard target）的最佳值在無限遠處，軟標籤的最佳值算得出來；
# - 量**校準誤差**（calibration error）、讀可靠度圖（reliability diagram），說出模型是太有信心還是太沒信心；
# - 用量到的數字回答：標籤平滑讓準確率（accuracy）提高多少、信心（confidence）失真多少，又該怎麼修。
#
# 先備：[[losses]]（交叉熵 cross-entropy 及其梯度）、[[mnist_mlp]]（訓練迴圈，以及練習 3 的信心分箱）。

# %% [markdown] lang="en" about="soft targets by hand; what they do to accuracy, confidence and calibration" slideshow={"slide_type": "slide"}
# # Label smoothing
#
# A label says: "this image is a 7, a hundred percent, nothing else is possible." Should a model learn to be that sure? **Label smoothing** says it with some reserve. One argument switches it on, and then most people look at the accuracy only. By the end you can
#
# - work out soft targets and their loss by hand, and match PyTorch digit by digit;
# - derive the best logits: infinitely far away for hard targets, at a place you can compute for soft ones;
# - measure the **calibration error**, read a reliability diagram, and tell overconfident from underconfident;
# - answer with measured numbers how much accuracy it gains, how much it distorts confidence, and how to mend that.
#
# It builds on [[losses]] (cross-entropy and its gradient) and [[mnist_mlp]] (the training loop, and the confidence bins of its exercise 3).

# %% lang="zh-TW" tags=["setup"] slideshow={"slide_type": "subslide"}
from course_utils.notebook import set_up

device = set_up("label_smoothing", language="zh-TW", workers=True)

# %% lang="en" tags=["setup"] slideshow={"slide_type": "subslide"}
from course_utils.notebook import set_up

device = set_up("label_smoothing", language="en", workers=True)

# %% slideshow={"slide_type": "subslide"}
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from scipy.optimize import minimize, minimize_scalar
from scipy.special import logsumexp, softmax
from torch import nn
from torch.nn import functional as F

from course_utils import plotting, seeding
from course_utils.calibration import (
    expected_calibration_error,
    plot_reliability,
    reliability_bins,
)
from course_utils.exercises import label_smoothing as exercises
from course_utils.experiment import run_seeds
from course_utils.intervals import compare_settings, equivalence, mean_interval, paired_difference
from course_utils.loader import TensorLoader
from course_utils.mnist import ImageDataset, load_mnist
from course_utils.models import MLP, MNIST_MLP
from course_utils.notebook.claims import claim
from course_utils.notebook.explore import explore, slider
from course_utils.training import fit, predict, train_epoch

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 軟標籤：從每一類拿走一點，再平分
#
# 四類，正確的是第三類：硬標籤是 [0, 0, 1, 0]。標籤平滑（Szegedy 等人，2016）做兩件事：
#
# 1. 每個數打折，乘上 1 − ε；
# 2. 省下來的 ε 平分給**全部** K 類，每類 ε/K。
#
# 想一想：ε = 0.1、K = 4 時，正確的那一類剩下 0.9、0.925，還是 0.975？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Soft targets: take a little from every class, share it out again
#
# Four classes, and the third is right: the hard target is [0, 0, 1, 0]. Label smoothing (Szegedy et al., 2016) does two things:
#
# 1. cut every number back, multiplying it by 1 − ε;
# 2. share the ε that was saved among **all** K classes, ε/K each.
#
# Predict: with ε = 0.1 and K = 4, is the right class left with 0.9, 0.925, or 0.975?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（4 分鐘）四類，標籤平滑 ε = 0.1。正確的那一類，目標機率剩下多少？
#
# - ✗ 0.9。 *忘了省下的 ε 平分給全部四類，正確的那一類也分到一份。*
# - ✓ 0.925。 *0.9 × 1 + 0.1 / 4。*
# - ✗ 0.975。 *以為只減掉 ε/K 就好。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (4 min) Four classes, label smoothing with ε = 0.1. What target probability is left for the right class?
#
# - ✗ 0.9. *Forgets that the ε is shared among all four classes, the right one included.*
# - ✓ 0.925. *0.9 × 1 + 0.1 / 4.*
# - ✗ 0.975. *Thinks that only ε/K is taken away.*

# %%
print(f"a wrong class: 0.9 × 0 + 0.1 / 4 = {0.9 * 0 + 0.1 / 4:.3f}")
print(f"the right one: 0.9 × 1 + 0.1 / 4 = {0.9 * 1 + 0.1 / 4:.3f}")

# %%
hard = torch.tensor([0.0, 0.0, 1.0, 0.0])
soft = torch.tensor([0.025, 0.025, 0.925, 0.025])

# %% slideshow={"slide_type": "subslide"} alt-zh="橫軸是類別，縱軸是目標機率，四類各兩根長條：硬標籤只有第三類是 1，軟標籤第三類是 0.925，其餘三類各 0.025。" alt-en="Two bars for each of four classes: the hard target is 1 for the third class only, the soft one 0.925 there and 0.025 for each of the others."
figure, ax = plt.subplots(figsize=(6.5, 2.8))
for offset, hatch, name, target in ((-0.2, "", "hard", hard), (0.2, "//", "soft", soft)):
    bars = ax.bar(np.arange(4) + offset, target, 0.4, hatch=hatch, label=name, edgecolor="white")
    ax.bar_label(bars, fmt="%.3g", fontsize=9)
ax.set(xlabel="class", ylabel="target probability", xticks=range(4), ylim=(0, 1.15))
legend = ax.legend()

# %% [markdown] lang="zh-TW"
# 是 0.925：正確的那一類也分到一份。四個數加起來仍是 1，所以還是一個機率分布，只是多留了一點餘地。
#
# **主張 1** 對 1,000 組隨機的 logits，PyTorch 的 `label_smoothing=0.1` 與「以 [0.025, 0.025, 0.925, 0.025] 為目標的交叉熵」相差不到 10⁻⁵。

# %% [markdown] lang="en"
# 0.925: the right class gets its portion, too. The numbers still add up to 1, so this is still a distribution, one that leaves some room.
#
# **Claim 1** For 1,000 random rows of logits, PyTorch's `label_smoothing=0.1` is within 10⁻⁵ of the cross-entropy against [0.025, 0.025, 0.925, 0.025].

# %%
logits = 3 * torch.randn(1000, 4, generator=seeding.generator(0))
third = torch.full((1000,), 2)
by_torch = F.cross_entropy(logits, third, label_smoothing=0.1, reduction="none")
by_target = F.cross_entropy(logits, soft.expand(1000, 4), reduction="none")
claim(1, torch.allclose(by_torch, by_target, rtol=0, atol=1e-5))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 損失：兩個交叉熵的混合
#
# 交叉熵對目標是線性的：L = −Σₖ qₖ log pₖ。目標是兩個分布的混合，損失就是兩個損失的混合：
#
# $$L = (1-\varepsilon)\,(-\log p_y) + \varepsilon\,\frac{1}{K}\sum_k (-\log p_k)$$
#
# 第一項是硬標籤的損失；第二項是均勻分布的損失，要求**每一類**都有一點機率：哪一類的 pₖ 太接近 0，這一項就會變得很大。
#
# 想一想：logits 是 [2, 1, 0.5]，正確的是第一類。平滑之後，損失變大還是變小？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## The loss: a mixture of two cross-entropies
#
# Cross-entropy is linear in the target: L = −Σₖ qₖ log pₖ. Where the target is a mixture of two distributions, the loss is the same mixture of two losses:
#
# $$L = (1-\varepsilon)\,(-\log p_y) + \varepsilon\,\frac{1}{K}\sum_k (-\log p_k)$$
#
# The first term is the loss of the hard target; the second, that of the uniform distribution, asks a little probability for **every** class, and protests as soon as some pₖ comes too close to 0.
#
# Predict: the logits are [2, 1, 0.5] and the first class is right. Does smoothing make the loss larger or smaller?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（4 分鐘）logits 是 [2, 1, 0.5]，正確的是第一類。把 `label_smoothing` 從 0 改成 0.1，交叉熵會怎樣？
#
# - ✓ 變大。 *模型已經偏向正確的類別，均勻的那一份目標不會滿意。*
# - ✗ 變小，因為要求比較寬鬆。 *以為平滑就是打折。*
# - ✗ 不變，因為答案沒有變。 *把損失當成準確率。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (4 min) The logits are [2, 1, 0.5] and the first class is right. What does the cross-entropy do when `label_smoothing` goes from 0 to 0.1?
#
# - ✓ It grows. *The model leans towards the right class already, which the uniform part of the target cannot like.*
# - ✗ It shrinks, as less is asked for. *Takes smoothing for a discount.*
# - ✗ It stays, as the answer does. *Takes the loss for the accuracy.*

# %%
logits, label = torch.tensor([[2.0, 1.0, 0.5]]), torch.tensor([0])
hard_part = F.cross_entropy(logits, torch.tensor([[1.0, 0.0, 0.0]]))
uniform_part = F.cross_entropy(logits, torch.full((1, 3), 1 / 3))
print(f"hard {hard_part:.4f}, uniform {uniform_part:.4f}")
print(
    f"0.9 × {hard_part:.4f} + 0.1 × {uniform_part:.4f} = {0.9 * hard_part + 0.1 * uniform_part:.4f}"
)
print(
    f"CrossEntropyLoss(label_smoothing=0.1): {nn.CrossEntropyLoss(label_smoothing=0.1)(logits, label):.4f}"
)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 變大。模型已經偏向正確的那一類，均勻的目標當然不滿意。
#
# **主張 2** 換三種形狀（批次大小與類別數都不同，也包括影像的 (N, K, H, W)）、四個 ε，混合式與 PyTorch 的相對差距都不到 10⁻⁶。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# Larger: the model already leans towards the right class, which the uniform target cannot like.
#
# **Claim 2** For three shapes (different batches and numbers of classes, and images of shape (N, K, H, W), too) and four values of ε, the mixture is within 10⁻⁶ of PyTorch's (relative).

# %%
generator, errors = seeding.generator(0), []
for shape in ((5, 3), (64, 10), (2, 7, 4, 4)):
    z = 5 * torch.randn(shape, generator=generator, dtype=torch.float64)
    y = torch.randint(shape[1], shape[:1] + shape[2:], generator=generator)
    hard_part = F.cross_entropy(z, y)
    uniform_part = F.cross_entropy(z, torch.full_like(z, 1 / shape[1]))
    for eps in (0, 0.1, 0.3, 1):
        by_torch = F.cross_entropy(z, y, label_smoothing=eps)
        errors.append(float(((1 - eps) * hard_part + eps * uniform_part) / by_torch - 1))
claim(2, max(map(abs, errors)) < 1e-6)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 最好的 logits 在哪裡？
#
# 假設錯的類別 logits 都一樣，正確的比它們高出一段**差距** g。K = 10 時，損失就只是 g 的函數。
#
# 先畫出你的預測：g 從 0 走到 12，硬標籤的損失一路往下嗎？軟標籤的呢？在自己的電腦上拉動 ε，看最低點怎麼移動。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Where are the best logits?
#
# Suppose the wrong classes share one logit, and the right one lies above it by a **gap** g. With K = 10 the loss is then a function of g alone.
#
# Sketch your prediction: as g goes from 0 to 12, does the loss with a hard target fall all the way? And with a soft one? On your own machine, move ε and watch where the lowest point goes.

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（7 分鐘）錯的類別 logits 都一樣，正確的高出一段差距 g。g 從 0 一直變大，硬標籤與軟標籤（ε = 0.1）的損失各會怎樣？
#
# - ✗ 兩者都一路往下，軟標籤只是慢一點。 *以為差距越大對任何目標都越好。*
# - ✗ 兩者都先降後升，因為太有信心總會受罰。 *硬標籤從來不罰對的答案有信心。*
# - ✓ 硬標籤一路往下；軟標籤有一個最低點，之後往上。 *軟標籤最好的機率就是目標本身，差距有盡頭；硬標籤的在無限遠。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (7 min) The wrong classes share one logit and the right one lies above it by a gap g. As g grows from 0, what do the losses with a hard and with a soft target (ε = 0.1) do?
#
# - ✗ Both fall all the way, the soft one more slowly. *Thinks that a larger gap is better for any target.*
# - ✗ Both fall and then rise, as too much confidence is punished. *A hard target never punishes confidence in the right answer.*
# - ✓ The hard one falls for ever; the soft one has a lowest point and then rises. *The best probabilities equal the target: a finite gap for soft, an infinite one for hard.*


# %% slideshow={"slide_type": "subslide"} alt-zh="橫軸是差距 g，縱軸是損失。硬標籤的曲線一路下降，趨近 0。軟標籤（ε = 0.1）的曲線在 g ≈ 4.5 處最低，損失約 0.5，之後又往上升。" alt-en="Loss against gap g. The curve of the hard target falls all the way towards 0. That of the soft one (ε = 0.1) is lowest near g = 4.5, at a loss of about 0.5, and rises again."
def draw(eps):
    gaps = torch.linspace(0, 12, 241)
    z = F.pad(gaps[:, None], (0, 9))  # ten logits: the gap, then nine zeros
    y = torch.zeros(241, dtype=torch.long)
    _, ax = plt.subplots(figsize=(8, 3))
    for value, name in ((0.0, "hard"), (eps, f"soft, ε = {eps:.2f}")):
        ax.plot(gaps, F.cross_entropy(z, y, label_smoothing=value, reduction="none"), label=name)
    best = np.log(1 + 10 * (1 - eps) / eps)
    ax.axvline(best, color="gray", linewidth=1, label=f"g = {best:.2f}")
    ax.set(xlabel="gap g between right and wrong logits", ylabel="loss (nats)", ylim=(0, 2.5))
    ax.legend()


explore(draw, eps=slider(0.01, 0.5, value=0.1, step=0.01))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 推導：三行
#
# 1. [[losses]]：損失對第 k 個 logit 的梯度（gradient）是 **pₖ − qₖ**。軟標籤也一樣。
# 2. 所以最低點就是 **p = q**：正確的類別 1 − ε + ε/K，其餘各 ε/K。
# 3. logits 的差是機率之比的對數：**g = ln((1 − ε + ε/K) / (ε/K)) = ln(1 + K(1 − ε)/ε)**。
#
# ε = 0.1 時，K = 4 的差距是 ln 37 ≈ 3.61，K = 10 是 ln 91 ≈ 4.51。硬標籤裡，錯的類別 qₖ = 0，而 softmax 永遠給不出 0：梯度沒有零點，差距**沒有盡頭**。
#
# **主張 3** 不假設錯的類別 logits 相等，直接用數值方法找出全部 K 個最佳 logits：九種 (K, ε) 的差距，都與公式相差不到 10⁻³。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### The derivation, in three lines
#
# 1. [[Losses]]: the gradient of the loss with respect to logit k is **pₖ − qₖ**. With soft targets, too.
# 2. So the lowest point is where **p = q**: 1 − ε + ε/K for the right class, ε/K for each other.
# 3. A difference of logits is the log of a ratio of probabilities: **g = ln((1 − ε + ε/K) / (ε/K)) = ln(1 + K(1 − ε)/ε)**.
#
# With ε = 0.1 that is ln 37 ≈ 3.61 for K = 4 and ln 91 ≈ 4.51 for K = 10. In a hard target every wrong class has qₖ = 0, and a softmax never gives 0: the gradient has no zero, and the gap has **no end**.
#
# **Claim 3** Without supposing the wrong classes equal, search for all K logits numerically: for nine pairs (K, ε) the gaps are within 10⁻³ of the formula.


# %%
def best_logits(num_classes, eps):
    q = np.full(num_classes, eps / num_classes)
    q[0] += 1 - eps
    start = np.linspace(-1, 1, num_classes)
    return minimize(lambda z: logsumexp(z) - q @ z, start, jac=lambda z: softmax(z) - q, tol=1e-9).x


# %%
misses = []
for num_classes in (2, 4, 10):
    for eps in (0.02, 0.1, 0.3):
        z = best_logits(num_classes, eps)
        misses.append(z[0] - z[1:] - np.log(1 + num_classes * (1 - eps) / eps))
claim(3, max(np.abs(miss).max() for miss in misses) < 1e-3)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 硬標籤一直推，推到什麼時候？
#
# 拿一個樣本的十個 logits，從 0 開始直接做梯度下降（學習率 1），走一萬步。
#
# 想一想：一千步到一萬步之間，硬標籤的差距還會再增加嗎？第一百步就已經答對，信心超過 99% 了。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Hard targets keep pushing: until when?
#
# Take the ten logits of one example, start at 0, and descend on them directly (rate 1) for ten thousand steps.
#
# Predict: between step 1,000 and step 10,000, does the gap of the hard target still grow? By step 100 the answer is right, with a confidence above 99 %.

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（4 分鐘）直接對一個樣本的十個 logits 做梯度下降（學習率 1，硬標籤）。第 100 步就已經答對，信心超過 99%。第 1,000 步到第 10,000 步之間，正確與錯誤 logits 的差距呢？
#
# - ✗ 不變，答對之後梯度就是 0。 *softmax 永遠給不出剛好的 0 和 1，梯度不會是 0。*
# - ✓ 還在增加，步數每變十倍，大約再加 2.3。 *梯度越來越小，卻沒有零點，差距沒有盡頭。*
# - ✗ 開始變小，因為太有信心會受罰。 *會受罰的是軟標籤。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (4 min) Gradient descent acts on the ten logits of one example (rate 1, hard target). By step 100 the answer is right with more than 99 % confidence. Between steps 1,000 and 10,000, what does the gap between right and wrong logits do?
#
# - ✗ It stays, for a right answer has gradient 0. *A softmax never gives exactly 0 and 1, so the gradient is never 0.*
# - ✓ It still grows, by about 2.3 for every tenfold of steps. *The gradient shrinks but has no zero, and the gap no end.*
# - ✗ It shrinks, as overconfidence is punished. *It is the soft target that punishes it.*


# %%
def gap_by_step(eps, num_steps=10_000):
    q = np.full(10, eps / 10)
    q[0] += 1 - eps
    z, gaps = np.zeros(10), []
    for _ in range(num_steps):
        z = z - (softmax(z) - q)
        gaps.append(z[0] - z[1])
    return np.array(gaps)


gaps = {eps: gap_by_step(eps) for eps in (0, 0.01, 0.1)}

# %% slideshow={"slide_type": "subslide"} alt-zh="橫軸是步數（對數刻度），縱軸是差距。硬標籤一直往上，一百步以後是直線，一萬步時超過 11；ε = 0.01 停在 6.9，ε = 0.1 停在 4.5。" alt-en="Gap against steps, horizontal axis logarithmic. The hard target keeps rising, in a straight line from about step 100, and is above 11 at ten thousand steps; ε = 0.01 levels out at 6.9, ε = 0.1 at 4.5."
figure, ax = plt.subplots(figsize=(8, 2.9))
for eps, values in gaps.items():
    ax.semilogx(np.arange(1, 10_001), values, label=f"ε = {eps}" if eps else "hard")
ax.set(xlabel="step (log)", ylabel="gap g of the logits")
legend = ax.legend()

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 一百步以後，是對數軸上的直線：步數每變十倍，差距大約再加 ln 10 ≈ 2.3，永遠不停。明明早就答對，logits 還在繼續拉開，只為了更篤定。
#
# **主張 4** 從第 1,000 步到第 10,000 步，硬標籤的差距增加 2 以上；ε = 0.1 的差距變化不到 0.01，停在公式說的 4.51。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# From step 100 on, a straight line on a log axis: with every tenfold of steps the gap grows by about ln 10 ≈ 2.3, for ever. The answer has long been right, and the logits still move apart, to be surer.
#
# **Claim 4** From step 1,000 to step 10,000 the gap of the hard target grows by more than 2; that of ε = 0.1 changes by less than 0.01, and stays at the formula's 4.51.

# %%
grown = {eps: values[-1] - values[999] for eps, values in gaps.items()}
claim(4, grown[0] > 2 and abs(grown[0.1]) < 0.01 and abs(gaps[0.1][-1] - np.log(91)) < 0.01)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 訓練：五個 ε，五個種子
#
# 換成真的網路：`MNIST_MLP`（兩個隱藏層，各 128）、Adam（學習率 0.002）、四輪、批次（batch）128。要比較的訓練有二十五次，所以固定用 12,000 張圖（資料較少時全用）。
#
# 每次訓練之後，留下模型，以及模型在驗證集（validation set）上的 **logits**；準確率、信心、校準，都從 logits 算。測試集（test set）先不碰。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Training: five values of ε, five seeds
#
# Now real networks: `MNIST_MLP` (two hidden layers of 128), Adam at 0.002, four epochs, batches of 128. There are twenty-five runs to compare, so this lesson keeps to a fixed 12,000 images (or all, where there are fewer).
#
# Of each run we keep the model and its **logits** on the validation set; accuracy, confidence and calibration all follow from logits. The test set stays closed for now.

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（3 分鐘）要從五個 ε 裡挑一個。該看哪一份資料上的成績？
#
# - ✗ 訓練集，因為 ε 是訓練時用的。 *訓練資料看不出對新資料的表現。*
# - ✗ 測試集，這樣報告的就是最好的成績。 *在測試集上挑，報告的成績會偏高。*
# - ✓ 驗證集；測試集留給已經定案的模型，每個只看一次。 *ε 是超參數。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (3 min) One of five values of ε is to be chosen. On which data should they be compared?
#
# - ✗ The training set, for ε is used in training. *Training data do not show how new data will fare.*
# - ✗ The test set, so that the best result is reported. *What is chosen on the test set is reported too high.*
# - ✓ The validation set; the test set is for finished models, once each. *ε is a hyperparameter.*

# %%
mnist = load_mnist()
print(mnist.banner())
train_part = mnist.train.subset(min(12_000, len(mnist.train)))


# %% slideshow={"slide_type": "subslide"}
def smoothed_run(seed, eps, train, val):
    model = MNIST_MLP(hidden_size=128, seed=seed)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.002, fused=True)
    generator = seeding.generator(seed)
    loader = TensorLoader(train, 128, shuffle=True, generator=generator)
    val_loader = TensorLoader(val, 1000)
    criterion = nn.CrossEntropyLoss(label_smoothing=eps)
    history = fit(model, loader, val_loader, criterion, optimizer, epochs=4, seed=seed)
    logits = predict(model, val_loader, "cpu").numpy()
    return {"history": history, "model": model, "val": logits}


# %%
EPS = [0, 0.02, 0.05, 0.1, 0.2]
settings = {str(eps): {"eps": eps} for eps in EPS}
runs = run_seeds(smoothed_run, settings=settings, train=train_part, val=mnist.val)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 校準：說九成，真的對九成嗎？
#
# [[mnist_mlp]]的練習 3 把答案依**信心**（最大的那個機率）分箱，算每箱的準確率。**校準誤差**（expected calibration error，ECE；Naeini 等人，2015；Guo 等人，2017）再往前一步，把每箱「準確率與信心的差距」依樣本數加權平均（第 m 箱有 $n_m$ 個樣本）：
#
# $$\mathrm{ECE} = \sum_m \frac{n_m}{n}\,|\mathrm{acc}_m - \mathrm{conf}_m|$$
#
# 用十個答案手算一次：五個答案的信心是 95%，對了四個；另五個是 65%，全對。平均信心 80%，準確率 90%。
#
# 想一想：ECE 是 10%、15%，還是 25%？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Calibration: says nine in ten, is right nine in ten?
#
# Exercise 3 of [[mnist_mlp]] sorted answers into bins by their **confidence** (the largest probability) and took each bin's accuracy. The **calibration error** (expected calibration error, ECE; Naeini et al., 2015; Guo et al., 2017) goes one step further, and averages each bin's gap between accuracy and confidence, weighted by its examples (bin m holds $n_m$ of the n):
#
# $$\mathrm{ECE} = \sum_m \frac{n_m}{n}\,|\mathrm{acc}_m - \mathrm{conf}_m|$$
#
# Ten answers, by hand: five say 95 %, and four of them are right; five say 65 %, and all are right. Mean confidence 80 %, accuracy 90 %.
#
# Predict: is the ECE 10 %, 15 % or 25 %?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（6 分鐘）十個答案：五個的信心是 95%，對了四個；五個的信心是 65%，全對。分成兩箱的校準誤差是多少？
#
# - ✗ 10%，平均信心 80% 和準確率 90% 的差。 *讓一箱的太有信心和另一箱的太沒信心互相抵銷了。*
# - ✓ 25%。 *兩箱的差距是 15% 和 35%，先取絕對值再平均。*
# - ✗ 15%，也就是最有信心那一箱的差距。 *只看最有信心的答案。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (6 min) Ten answers: five with confidence 95 %, four of them right; five with confidence 65 %, all right. What is the calibration error with these two bins?
#
# - ✗ 10 %, from a mean confidence of 80 % to an accuracy of 90 %. *Lets one bin's overconfidence cancel the other's underconfidence.*
# - ✓ 25 %. *The gaps are 15 % and 35 %, averaged without their signs.*
# - ✗ 15 %, the gap of the surest bin. *Looks at the surest answers only.*

# %% slideshow={"slide_type": "subslide"}
print(f"5/10 × |0.80 - 0.95| + 5/10 × |1.00 - 0.65| = {0.5 * 0.15 + 0.5 * 0.35:.2f}")
confidence = torch.tensor([0.95] * 5 + [0.65] * 5)
is_right = torch.tensor([1, 1, 1, 1, 0, 1, 1, 1, 1, 1])
ten_probs = torch.stack([confidence, 1 - confidence], dim=1)
ten_labels = 1 - is_right  # every answer is class 0
ten_answers_error = expected_calibration_error(ten_probs, ten_labels, num_bins=5)
print(f"expected_calibration_error: {ten_answers_error:.2f}")

# %% [markdown] lang="zh-TW"
# 是 25%。一箱太有信心，一箱太沒信心，兩個差距**不會抵消**。只比較兩個平均，就會以為才 10%。
#
# **主張 5** 手算與 `expected_calibration_error` 都是 0.25；只用一箱，就只剩 0.10。

# %% [markdown] lang="en"
# 25 %: one bin is overconfident and the other underconfident, and the two gaps **do not cancel**. Comparing the two means alone would say 10 %.
#
# **Claim 5** By hand and by `expected_calibration_error` it is 0.25; with a single bin only 0.10 is left.

# %%
one_bin = expected_calibration_error(ten_probs, ten_labels, num_bins=1)
claim(5, abs(ten_answers_error - 0.25) < 1e-6 and abs(one_bin - 0.10) < 1e-6)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 硬標籤與 ε = 0.1
#
# 0.1 是論文與許多程式碼採用的值，事先就定好了，不是在這裡挑的。所以這兩種模型（各五個種子）已經完成，可以打開測試集：**每個模型只預測一次**，下面關於它們的數字都從這一次的 logits 算。其餘的 ε 只看驗證集。
#
# 先寫下三個預測：準確率、平均信心、校準誤差，各會上升還是下降？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Hard targets against ε = 0.1
#
# 0.1 is the value of the paper and of much code; it was settled beforehand, not chosen here. So these two (five seeds each) are finished models, and the test set may be opened: **each model predicts it once**, and every number about them below comes from these logits. The other values of ε are seen on the validation set only.
#
# Write down three predictions: will accuracy, mean confidence and calibration error each go up or down?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（6 分鐘）在 12,000 張 MNIST 圖上訓練一個校準得很好的網路，標籤平滑從 0 改成 ε = 0.1。準確率、平均信心、校準誤差各會怎樣？
#
# - ✗ 準確率明顯提高，校準也變好。 *相信平滑對每個指標都有好處。*
# - ✗ 信心下降，所以校準變好。 *只有原本太有信心的模型，信心下降才是修正。*
# - ✓ 準確率幾乎不變，信心少了九個百分點左右，校準變差。 *目標只要求 0.91，模型就照著說，卻答對了九成六。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (6 min) A well calibrated network trains on 12,000 MNIST images, and label smoothing goes from 0 to ε = 0.1. What do accuracy, mean confidence and calibration error do?
#
# - ✗ Accuracy clearly rises, and calibration improves. *Believes that smoothing serves every measure.*
# - ✗ Confidence falls, so calibration improves. *Only an overconfident model is mended by less confidence.*
# - ✓ Accuracy hardly changes, confidence falls by some nine points, calibration gets worse. *The target asks for 0.91 and the model says so, while 96 % of its answers are right.*


# %%
def measures(logits, labels):
    probs = torch.as_tensor(logits).softmax(dim=1)
    confidence, answers = probs.max(dim=1)
    return {
        "accuracy": 100 * float((answers == labels).double().mean()),
        "confidence": 100 * float(confidence.double().mean()),
        "calibration error": 100 * expected_calibration_error(probs, labels),
        "above 95 %": 100 * float((confidence > 0.95).double().mean()),
    }


# %% slideshow={"slide_type": "subslide"}
finished = runs[runs["setting"].isin(["0", "0.1"])].reset_index(drop=True)
test_loader, test_labels = TensorLoader(mnist.test, 1000), mnist.test.labels
test_logits = [predict(model, test_loader, "cpu").numpy() for model in finished["model"]]
finished = finished[["setting", "seed"]].assign(test=test_logits)
on_test = finished[["setting", "seed"]].join(
    pd.DataFrame([measures(logits, test_labels) for logits in test_logits])
)

# %%
for name in ("accuracy", "confidence", "calibration error"):
    column = on_test.pivot(index="seed", columns="setting", values=name)
    print(f"{name} (%): hard {mean_interval(column['0']):.2f}")
    print(f"    smooth {mean_interval(column['0.1']):.2f}")
    print(f"    difference {paired_difference(column['0.1'], column['0']):.2f}")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 在完整的 MNIST 上，準確率就算有進步，也不比種子（seed）之間的差別大；信心掉了九個多百分點；校準**變差**了，而且差很多。硬標籤的模型說 96%，也真的對了 96% 左右；平滑的模型答對的至少一樣多，卻只敢說 86.5% 左右。
#
# **主張 6** 在完整的 MNIST 上，平滑之後，準確率平均改變不到 1 個百分點（等效檢定，equivalence test：90% 信賴區間整個在 ±1 之內）。
#
# **主張 7** 平滑之後，信心平均少了 6 到 12 個百分點（整個 95% 信賴區間都在 6 與 12 之間）。
#
# **主張 8** 平滑之後，校準誤差平均增加 4 個百分點以上（整個 95% 信賴區間都高於 4），而且不論哪個種子都是**太沒信心**（underconfident）：平均信心低於準確率。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# On full MNIST accuracy gained, if anything, no more than seeds differ; confidence lost more than nine points; and calibration got much **worse**. The hard model says 96 %, and is right about as often; the smooth one is right at least as often, and dares to say only about 86.5 %.
#
# **Claim 6** On full MNIST smoothing changes the accuracy, on average, by less than 1 point (a test of equivalence: the whole 90 % interval lies within ±1).
#
# **Claim 7** On average the confidence falls by 6 to 12 points (the whole 95 % confidence interval lies between the two).
#
# **Claim 8** On average the calibration error grows by more than 4 points (the whole interval lies above 4), and every seed is **underconfident**: its mean confidence lies below its accuracy.


# %%
def change(name, setting="0.1"):
    column = on_test.pivot(index="seed", columns="setting", values=name)
    return paired_difference(column[setting], column["0"])


smooth = on_test[on_test["setting"] == "0.1"]
accuracy = on_test.pivot(index="seed", columns="setting", values="accuracy")
alike = equivalence(accuracy["0.1"], accuracy["0"], margin=1)
print(f"accuracy, smooth - hard (points): {alike:.2f}")
claim(6, alike.shown, tiers="full", tier=mnist.tier)
claim(7, change("confidence").low > -12 and change("confidence").high < -6)
is_timid = (smooth["confidence"] < smooth["accuracy"]).all()
claim(8, change("calibration error").low > 4 and bool(is_timid))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 可靠度圖：一眼看出太有信心還是太沒信心
#
# 橫軸是每一箱的平均信心，縱軸是那一箱的準確率。說到做到的模型，也就是校準完美（perfectly calibrated）的模型，落在對角線上。
#
# 想一想：太沒信心的模型，線在對角線的上方還是下方？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## The reliability diagram: overconfident or underconfident, at a glance
#
# Each bin's mean confidence lies on the horizontal axis, its accuracy on the vertical one. A model that keeps its word, one that is perfectly calibrated, lies on the diagonal.
#
# Predict: does the line of an underconfident model run above the diagonal or below it?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（5 分鐘）可靠度圖的橫軸是信心，縱軸是準確率。太沒信心的模型，線在對角線的哪一邊？
#
# - ✓ 上方。 *它說八成，實際對的超過八成。*
# - ✗ 下方，因為信心低。 *把信心低當成線低；縱軸是準確率。*
# - ✗ 在對角線上，只是集中在左邊。 *以為太沒信心只會讓點往左移。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (5 min) A reliability diagram has confidence on the horizontal axis and accuracy on the vertical one. On which side of the diagonal is an underconfident model?
#
# - ✓ Above it. *Where it says eight in ten, more than eight are right.*
# - ✗ Below it, for its confidence is low. *Takes low confidence for a low line; the vertical axis is accuracy.*
# - ✗ On it, only further to the left. *Thinks that underconfidence merely moves points to the left.*

# %% slideshow={"slide_type": "subslide"} alt-zh="左圖是可靠度圖，橫軸是信心，縱軸是準確率：硬標籤沿著對角線，ε = 0.1 的線在對角線上方很遠。右圖是信心的直方圖：硬標籤擠在 1，ε = 0.1 的集中在 0.9 到 0.97。" alt-en="Left, the reliability diagram: hard targets follow the diagonal, ε = 0.1 lies far above it. Right, histograms of the confidence: hard targets crowd at 1, ε = 0.1 gathers between 0.9 and 0.97."
figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 3.6))
for setting, name, marker in (("0", "hard", "o"), ("0.1", "ε = 0.1", "s")):
    logits = finished[finished["setting"] == setting]["test"]
    all_probs = [torch.from_numpy(z).softmax(dim=1) for z in logits]
    bins = [reliability_bins(probs, test_labels, num_bins=10) for probs in all_probs]
    plot_reliability(left, bins, name, marker=marker, min_count=10)
    confidences = torch.cat(all_probs).amax(dim=1)
    hatch = {"0": "", "0.1": "//"}[setting]
    right.hist(confidences, np.linspace(0, 1, 41), density=True, alpha=0.6, hatch=hatch, label=name)
left.plot([0, 1], [0, 1], color="black", linewidth=1, linestyle="-", label="keeps its word")
left.set(xlim=(0.2, 1.02), ylim=(0.2, 1.05))
left.legend(fontsize=9)
right.set(xlabel="confidence", ylabel="density", xlim=(0.2, 1))
legend = right.legend(fontsize=9)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 在上方。說八成的時候，其實九成以上是對的。右圖說明原因：軟標籤的最佳答案是 **p = q**，目標就是 0.91，學得越好，信心就越靠近 0.91，而不是靠近準確率。（0.91 不是硬上限：很多圖會超過它，右圖的高峰就在它右邊一點。）
#
# **主張 9** 不論哪個種子，信心超過 95% 的答案，用硬標籤時都佔一半以上，用 ε = 0.1 時都不到四成。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# Above: where it says eight in ten, it is right more than nine times. The right-hand picture shows why: with soft targets the best answer is **p = q**, so the aim is 0.91, and the better it learns, the closer its confidence comes to 0.91 rather than to its accuracy. (0.91 is no hard ceiling: many images go past it, and the peak in the picture lies a little to its right.)
#
# **Claim 9** Answers with a confidence above 95 %: with hard targets more than half of them for every seed, with ε = 0.1 less than 40 %.

# %%
above = on_test.pivot(index="seed", columns="setting", values="above 95 %")
print(f"above 95 % sure: hard {mean_interval(above['0']):.0f} %")
print(f"              ε = 0.1 {mean_interval(above['0.1']):.0f} %")
claim(9, bool((above["0"] > 50).all() and (above["0.1"] < 40).all()))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 校準完美的模型，量出來是多少？
#
# 箱子裡的準確率是抽樣來的，所以說到做到的模型也量不到 0。造一個校準完美的模型：標籤就**照模型的機率**抽出來。樣本分別是 100、1,000、10,000 個，各抽二十次。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### What would a perfect model measure?
#
# A bin's accuracy comes from a sample, so that even a model that keeps its word does not measure 0. Make a perfect one: draw the labels **from the model's own probabilities**, for 100, 1,000 and 10,000 examples, twenty times each.

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（4 分鐘）一個校準完美的模型，用 100 個樣本量它的校準誤差（15 箱）。平均會量到多少？
#
# - ✗ 0，因為它校準完美。 *忘了每一箱的準確率是抽樣來的。*
# - ✗ 可正可負，平均是 0。 *差距取了絕對值，不會互相抵銷。*
# - ✓ 百分之幾；樣本多了才變小。 *這是抽樣造成的雜訊下限，讀校準誤差時要一起看樣本數。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (4 min) A perfectly calibrated model has its calibration error measured on 100 examples (15 bins). What is found on average?
#
# - ✗ 0, as it is perfect. *Forgets that each bin's accuracy comes from a sample.*
# - ✗ Above or below 0, and 0 on average. *Gaps lose their signs and cannot cancel.*
# - ✓ A few percent, less with more examples. *It is the noise floor of sampling; read a calibration error beside its number of examples.*

# %%
generator = seeding.generator(0)
model_probs = torch.from_numpy(finished["test"][0]).softmax(dim=1)
floor = {}
for size in (100, 1000, 10_000):
    errors = []
    for _ in range(20):
        rows = torch.randint(len(model_probs), (size,), generator=generator)
        drawn = torch.multinomial(model_probs[rows], 1, generator=generator).squeeze(1)
        errors.append(100 * expected_calibration_error(model_probs[rows], drawn))
    floor[size] = np.mean(errors)
    print(f"{size:6,d} examples: calibration error {mean_interval(errors):.2f} %")

# %% [markdown] lang="zh-TW"
# 所以校準誤差要和樣本數一起看：只有幾百張測試圖時，2、3% 不代表有問題。在完整的 MNIST 上，硬標籤量到的 0.4% 左右，正好就是一萬張圖的雜訊下限（noise floor）：和校準完美的模型分不出來。
#
# **主張 10** 校準完美的模型，用 100 個樣本量到的平均校準誤差，是用 10,000 個樣本的四倍以上。

# %% [markdown] lang="en"
# So read a calibration error beside its number of examples: with a few hundred test images, 2 or 3 % need not mean anything. On full MNIST the 0.4 % or so of hard targets is just the noise floor of ten thousand images: they cannot be told from a model that keeps its word.
#
# **Claim 10** The mean calibration error of a perfect model over 100 examples is more than four times that over 10,000.

# %%
claim(10, floor[100] > 4 * floor[10_000])

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## ε 要多大？
#
# ε 是超參數（hyperparameter），要用**驗證集**來挑。
#
# 想一想：準確率和校準誤差，最好的 ε 是同一個嗎？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## How large an ε?
#
# ε is a hyperparameter, to be chosen on the **validation set**.
#
# Predict: do accuracy and calibration error have the same best ε?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（6 分鐘）在 MNIST 上比較 ε = 0、0.02、0.05、0.1、0.2。準確率和校準誤差，最好的是同一個 ε 嗎？
#
# - ✗ 是，都是 0.1，論文也用這個值。 *把別人的預設值當成自己的最佳值。*
# - ✗ 是，越準的模型校準也越好。 *以為準確率和校準是同一件事。*
# - ✓ 不是：校準最好的是 ε = 0；平滑的準確率略高，但五個種子還不太分得清楚。 *目標少了多少，信心就少了多少，校準誤差大約就是 ε。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (6 min) On MNIST ε = 0, 0.02, 0.05, 0.1 and 0.2 are compared. Do accuracy and calibration error have the same best ε?
#
# - ✗ Yes, 0.1, the value of the paper. *Takes another's default for one's own best value.*
# - ✗ Yes, as the more accurate model is the better calibrated. *Thinks that accuracy and calibration are one thing.*
# - ✓ No: calibration is best at ε = 0; smoothed accuracies are a little higher, which five seeds can hardly tell apart. *As much as the target was cut, so much confidence is missing: the error is roughly ε.*

# %% slideshow={"slide_type": "subslide"} alt-zh="兩張圖的橫軸都是 ε。左圖縱軸是準確率：ε 從 0 到 0.02 時稍微上升，之後差不多。右圖縱軸是校準誤差：ε = 0 時不到 1%，0.02 時約 2%，一路升到 0.2 時的 19%。色帶是五個種子的 95% 信賴區間。" alt-en="Left, accuracy against ε: it rises a little from 0 to 0.02 and is about level from there. Right, calibration error against ε: from below 1 % at 0 and about 2 % at 0.02 it climbs to 19 % at 0.2. Bands are 95 % intervals over five seeds."
on_val = runs[["setting", "seed"]].join(
    pd.DataFrame([measures(logits, mnist.val.labels) for logits in runs["val"]])
)
figure, axes = plt.subplots(1, 2, figsize=(9.5, 3.2))
for ax, name in zip(axes, ("accuracy", "calibration error"), strict=True):
    table = on_val.pivot(index="seed", columns="setting", values=name)[list(settings)]
    plotting.plot_band(ax, range(5), table, name, marker="o")
    ax.set(xlabel="ε", ylabel=f"validation {name} (%)")
    ax.set_xticks(range(5), EPS)

# %% slideshow={"slide_type": "subslide"} alt-zh="兩張森林圖，橫軸是各 ε 減去 ε = 0 的差。左圖是準確率：四個點都在 0 的右邊，平均不到半個百分點，區間很寬，有兩個跨過 0，都是空心點。右圖是校準誤差：ε = 0.02 時約 2 個百分點，一路增加到 0.2 時的 18.5 個百分點，區間很窄，都是實心點。" alt-en="Two forest plots, each ε minus ε = 0. Left, accuracy: all four dots hollow and right of 0, by less than half a point, with wide intervals, two of which cross 0. Right, calibration error: from about 2 points at 0.02 it grows to 18.5 at 0.2, with narrow intervals and filled dots."
figure, axes = plt.subplots(1, 2, figsize=(9.5, 2.8))
compared = {}
for ax, name in zip(axes, ("accuracy", "calibration error"), strict=True):
    table = compare_settings(on_val, name, baseline="0")
    plotting.plot_forest(ax, "ε = " + table["a"], table["difference"], table["differs"])
    ax.set_xlabel(f"{name} minus that of ε = 0 (points)")
    compared[name] = dict(zip(table["a"], table["difference"], strict=True))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 準確率則難下定論（實心點表示經 Holm 校正後仍有差異）。在完整的 MNIST 上，校準誤差最低的是 ε = 0；四種平滑的準確率平均都略高，但差距不到半個百分點，五個種子還不太分得清楚；校準誤差從 0.05 開始，大約就是 ε 本身：模型照著目標說話，目標少了多少，信心就少了多少。
#
# **主張 11** 平均而言，ε 是 0.05、0.1、0.2 時，校準誤差都比硬標籤高（ε = 0.05 的成對差，95% 信賴區間整個在 0 以上），而且一個比一個高；ε = 0.02 時，平均改變不到 4 個百分點。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# Of accuracy one cannot be sure (a filled dot: a difference is found after Holm's correction). On full MNIST calibration is best at ε = 0; all four smoothed accuracies are a little higher on average, but by less than half a point, which five seeds can hardly tell apart; the calibration error, from 0.05 on, is roughly ε itself: the model says what its targets say, and as much as they were cut, so much confidence is missing.
#
# **Claim 11** On average, with ε of 0.05, 0.1 and 0.2 the calibration error is above that of hard targets (for ε = 0.05 the paired difference has its 95 % confidence interval above 0), and each is higher than the one before; with ε = 0.02 its mean changes by less than 4 points.

# %%
errors = compared["calibration error"]
is_rising = errors["0.05"].low > 0 and errors["0.05"].mean < errors["0.1"].mean < errors["0.2"].mean
claim(11, is_rising and abs(errors["0.02"].mean) < 4)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 損失 0.6 比 0.1 差嗎？
#
# 用硬標籤訓練的同學，驗證損失是 0.1 左右；用 ε = 0.1 訓練的同學，驗證損失是 0.6 左右。`fit` 兩邊都照自己的 `criterion` 評估。
#
# 想一想：0.6 是訓練失敗了嗎？p = q 時已經是最好的了，那時的損失是多少？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Is a loss of 0.6 worse than one of 0.1?
#
# One student, with hard targets, reports a validation loss of about 0.1; another, with ε = 0.1, reports about 0.6. `fit` evaluated each by its own `criterion`.
#
# Predict: has the second training failed? At p = q nothing can be better; what is the loss there?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（5 分鐘）一個網路用硬標籤訓練，驗證損失 0.14；另一個用 ε = 0.1（十類）訓練，用自己的損失評估是 0.63。第二個訓練失敗了嗎？
#
# - ✗ 是，損失大了四倍多。 *拿兩份不同考卷的分數來比。*
# - ✓ 看不出來：軟標籤的損失最低也有 0.50，兩個數不能互比。 *最低值是目標自己的熵；要比就都用硬標籤的損失。*
# - ✗ 還沒訓練夠，再多跑幾輪就會降到 0.14。 *再怎麼訓練也低不過目標的熵。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (5 min) A network trained with hard targets has a validation loss of 0.14; another, trained with ε = 0.1 (ten classes), has 0.63 by its own loss. Has the second one failed?
#
# - ✗ Yes, its loss is more than four times as large. *Compares marks of two different exams.*
# - ✓ One cannot tell: the soft loss is never below 0.50, and the two cannot be compared. *The lowest value is the entropy of the target; to compare, use the hard loss for both.*
# - ✗ It needs more epochs to come down to 0.14. *No training gets below the entropy of the target.*

# %% slideshow={"slide_type": "subslide"}
rows = {}
for setting, group in runs.groupby("setting"):
    q = torch.full((10,), float(setting) / 10)
    q[0] += 1 - float(setting)
    hard_losses = [F.cross_entropy(torch.from_numpy(z), mnist.val.labels) for z in group["val"]]
    rows[f"ε = {setting}"] = {
        "lowest possible": float(torch.special.entr(q).sum()),  # entr(q) is -q ln q
        "own loss": np.mean([history.val_loss[-1] for history in group["history"]]),
        "hard loss": np.mean(hard_losses),
        "accuracy": np.mean([100 * history.val_accuracy[-1] for history in group["history"]]),
    }
losses = pd.DataFrame(rows).T
losses.map("≈{:.4g}".format)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 損失最低只能到目標自己的**熵**（entropy）H(q)：ε = 0.1、K = 10 時已經有 0.50。不同的 ε 是不同的考卷，分數不能互比；畫在同一張圖上也不行。
#
# 用同一張考卷（hard loss 那一欄）就能比了：在完整的 MNIST 上，這一欄的損失隨 ε 升高，準確率卻沒有下降。多出來的損失不是因為答錯更多：ε = 0.1 而 p = q 時，答對的圖也有 −ln 0.91 ≈ 0.09 的損失。失真的信心，下一節來修。
#
# 所以：訓練用平滑的 criterion，**評估一律用硬標籤的** `nn.CrossEntropyLoss()`（早停、學習率排程、挑模型也是）。
#
# **主張 12** ε = 0.1 時，不論哪個種子，自己的驗證損失都在 0.5 以上，是硬標籤平均的兩倍以上；平均準確率就算較低，也只低了不到 0.5 個百分點。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# The lowest possible value is the **entropy** H(q) of the target itself: 0.50 already, with ε = 0.1 and K = 10. Different ε are different exams, whose marks cannot be compared, nor drawn in one picture.
#
# The column "hard loss" is one exam for all: on full MNIST it rises with ε while accuracy does not fall. What it adds is not wrong answers: with ε = 0.1 and p = q, even a right answer costs −ln 0.91 ≈ 0.09. The next section mends the distorted confidence.
#
# Hence: train with the smoothed criterion, and **evaluate with the hard one**, `nn.CrossEntropyLoss()`, always (early stopping, schedules and the choice of a model included).
#
# **Claim 12** With ε = 0.1 every seed's own validation loss is above 0.5, more than twice the mean of hard targets; yet its mean accuracy is less than 0.5 points lower, if lower at all.

# %%
smooth_losses = [history.val_loss[-1] for history in runs[runs["setting"] == "0.1"]["history"]]
hard_row, smooth_row = losses.loc["ε = 0"], losses.loc["ε = 0.1"]
is_larger = min(smooth_losses) > max(0.5, 2 * hard_row["own loss"])
claim(12, is_larger and smooth_row["accuracy"] > hard_row["accuracy"] - 0.5)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 修好信心：溫度
#
# 信心雖然失真，卻不必重新訓練。**溫度縮放**（temperature scaling；Guo 等人，2017）：所有 logits 除以同一個數 T，在**驗證集**上挑讓硬標籤損失最低的 T。T 小於 1 更篤定，大於 1 更保留；最大的 logit 還是最大，所以**答案一個也不會變**。
#
# 想一想：ε = 0.1 的模型太沒信心，它的 T 會大於 1 還是小於 1？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Mending the confidence: a temperature
#
# The confidence is off, yet no training is needed. **Temperature scaling** (Guo et al., 2017): divide all logits by one number T, chosen on the **validation set** for the lowest hard loss. A T below 1 makes the model surer, one above 1 more reserved; the largest logit stays the largest, so **not one answer changes**.
#
# Predict: the model trained with ε = 0.1 is underconfident. Is its T above 1 or below 1?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（6 分鐘）用 ε = 0.1 訓練的網路太沒信心。溫度縮放把 logits 除以 T，在驗證集上挑硬標籤損失最低的 T。T 會是多少？
#
# - ✗ 大於 1，溫度高信心才高。 *除以大於 1 的數，logits 變小，信心更低。*
# - ✓ 小於 1，答案一個也不會變。 *除以小於 1 的數，logits 拉開，信心提高；最大的還是最大。*
# - ✗ 小於 1，準確率也會跟著提高。 *以為信心變了，答案就會變。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (6 min) A network trained with ε = 0.1 is underconfident. Temperature scaling divides its logits by the T with the lowest hard loss on the validation set. What is T?
#
# - ✗ Above 1, as a higher temperature means more confidence. *Divided by more than 1, logits shrink and confidence falls.*
# - ✓ Below 1, and not one answer changes. *Divided by less than 1, logits move apart and confidence rises; the largest stays the largest.*
# - ✗ Below 1, and accuracy rises, too. *Thinks that other confidences mean other answers.*


# %%
def best_temperature(logits, labels):
    logits = torch.as_tensor(logits)

    def loss(log_temperature):
        return float(F.cross_entropy(logits / np.exp(log_temperature), labels))

    return float(np.exp(minimize_scalar(loss, bounds=(-3, 3), method="bounded").x))


temperatures = [best_temperature(logits, mnist.val.labels) for logits in runs["val"]]
scaled = [logits / T for logits, T in zip(runs["val"], temperatures, strict=True)]
after = runs[["setting", "seed"]].assign(T=temperatures)
after = after.join(pd.DataFrame([measures(logits, mnist.val.labels) for logits in scaled]))

# %% slideshow={"slide_type": "subslide"} alt-zh="兩張圖的橫軸都是 ε。左圖縱軸是驗證集的校準誤差：修正前一路升到 ε = 0.2 時的 19%，除以 T 之後是一條貼近 0 的水平線。右圖縱軸是最佳溫度：ε = 0 時約 1，之後直降到 0.45。" alt-en="Left, validation calibration error against ε: as trained it climbs to 19 % at 0.2; divided by T it is a level line near 0. Right, the best temperature against ε: it falls steadily from about 1 at ε = 0 to 0.45."
figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 3.2))
for table, name, marker in ((on_val, "as trained", "o"), (after, "divided by T", "s")):
    errors = table.pivot(index="seed", columns="setting", values="calibration error")
    plotting.plot_band(left, range(5), errors[list(settings)], name, marker=marker)
by_setting = after.pivot(index="seed", columns="setting", values="T")[list(settings)]
plotting.plot_band(right, range(5), by_setting, "T", marker="o")
right.axhline(1, color="black", linewidth=1, linestyle="-")
left.set(xlabel="ε", ylabel="validation calibration error (%)")
right.set(xlabel="ε", ylabel="best temperature T")
for ax in (left, right):
    ax.set_xticks(range(5), EPS)
legend = left.legend()

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 小於 1。而且 ε 越大，T 越小（硬標籤的 T 幾乎就是 1）。一個數就修好了：不論 ε 多大，虛線都貼著底部。（T 就是在這些驗證圖上挑的，所以左圖略為樂觀；要算數，得看測試集，也就是主張 13、14。圖只有 500 張時，剩下的 3% 左右，多半是前面量過的抽樣誤差。）
#
# **主張 13** ε = 0.1 的五個 T 都小於 0.75；除以 T 之後，測試集的校準誤差平均減少 3 個百分點以上（整個 95% 信賴區間都高於 3），答案必然一個也沒變。
#
# **主張 14** 在完整的 MNIST 上，修好之後的校準誤差，不論哪個種子都在 1.5% 以下；平均起來，與硬標籤（未修正）相差不到 0.5 個百分點。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# Below 1, and the larger ε, the smaller T (that of hard targets is nearly 1). One number mends it: the dashed line lies level at the bottom, whatever ε. (T was chosen on these very validation images, so the picture flatters a little; what counts is the test set, in claims 13 and 14. With only 500 images about 3 % remain; most of it is the sampling error measured earlier.)
#
# **Claim 13** All five T for ε = 0.1 are below 0.75; divided by T, the test calibration error falls on average by more than 3 points (the whole 95 % confidence interval lies above 3), and it must be that not one answer changes.
#
# **Claim 14** On full MNIST the mended calibration error is below 1.5 % for every seed, and on average within 0.5 points of that of hard targets as trained.

# %%
raw = finished[finished["setting"] == "0.1"]["test"]
T_smooth = after[after["setting"] == "0.1"]["T"]
scaled = [logits / T for logits, T in zip(raw, T_smooth, strict=True)]
mended = np.array([measures(logits, test_labels)["calibration error"] for logits in scaled])
before = on_test[on_test["setting"] == "0.1"]["calibration error"]
print(f"T: {mean_interval(T_smooth):.2f}")
print(f"calibration error after: {mean_interval(mended):.2f} %")

# %%
pairs = zip(raw, scaled, strict=True)
same_answers = all((a.argmax(axis=1) == b.argmax(axis=1)).all() for a, b in pairs)
drop = paired_difference(before, mended)
claim(13, bool((T_smooth < 0.75).all()) and drop.low > 3 and same_answers)
of_hard = on_test[on_test["setting"] == "0"]["calibration error"].mean()
is_mended = bool((mended < 1.5).all()) and abs(mended.mean() - of_hard) < 0.5
claim(14, is_mended, tiers="full", tier=mnist.tier)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 那麼，什麼時候有好處？
#
# Müller、Kornblith 與 Hinton（2019）量到標籤平滑**改善**了校準：CIFAR-100 上的 ResNet-56，校準誤差從 0.150 降到 0.024；ImageNet 上的 Inception-v4，從 0.071 降到 0.035；翻譯用的 Transformer，從 0.056 降到 0.019。誰錯了？都沒有：他們的網路本來就**太有信心**（overconfident），往下拉正好；我們的網路本來就校準得不錯，往下拉就過頭了。
#
# 來造一個太有信心的網路：只給 200 張訓練圖，不用 dropout 也不用批次正規化（batch normalization），訓練 50 輪（epoch）。八個種子，每個種子有自己的 200 張。要比較三種 ε，所以看驗證集。
#
# 想一想：ε = 0 時，線在對角線哪一邊？ε = 0.02 和 0.1 又各把線推到哪裡？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## When is it of use, then?
#
# Müller, Kornblith and Hinton (2019) measured that label smoothing **improves** calibration: from an error of 0.150 to 0.024 for ResNet-56 on CIFAR-100, from 0.071 to 0.035 for Inception-v4 on ImageNet, from 0.056 to 0.019 for a Transformer that translates. Who is wrong? Nobody: their networks were **overconfident** to begin with, and to be pulled down was just right; ours were well calibrated, and were pulled too far.
#
# So make an overconfident network: 200 training images, neither dropout nor batch normalization, 50 epochs. Eight seeds, each with 200 images of its own. Three values of ε are compared, so look at the validation set.
#
# Predict: with ε = 0, on which side of the diagonal does its line run? And where do 0.02 and 0.1 push it?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（6 分鐘）只用 200 張 MNIST 圖訓練一個沒有 dropout 的 MLP，50 輪。ε = 0、0.02、0.1 對校準各有什麼影響？
#
# - ✗ ε 越大，校準越差，和資料多的時候一樣。 *那時的網路原本就校準得不錯；這裡的原本太有信心。*
# - ✗ ε 越大，校準越好。 *往下拉過頭，就變成太沒信心。*
# - ✓ ε = 0 太有信心，0.02 剛好修正，0.1 又過了頭。 *問題不是平滑好不好，而是模型原本偏向哪一邊、偏了多少。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (6 min) An MLP without dropout trains on only 200 MNIST images for 50 epochs. What do ε = 0, 0.02 and 0.1 do to its calibration?
#
# - ✗ The larger ε, the worse, as with much data. *That network was well calibrated to begin with; this one is overconfident.*
# - ✗ The larger ε, the better. *Pulled too far, it becomes underconfident.*
# - ✓ ε = 0 is overconfident, 0.02 mends it, 0.1 goes too far. *The question is not whether smoothing is good but on which side the model was, and by how much.*


# %%
def run_with_few_images(seed, eps, train, val):
    rows = slice(200 * seed, 200 * (seed + 1))
    few = ImageDataset(train.images[rows], train.labels[rows])
    generator = seeding.generator(seed)
    loader = TensorLoader(few, 50, shuffle=True, generator=generator)
    model = MLP(784, [128, 128], 10, seed=seed)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.001, fused=True)
    criterion = nn.CrossEntropyLoss(label_smoothing=eps)
    for _ in range(50):
        train_epoch(model, loader, criterion, optimizer, "cpu")
    return {"val": predict(model, TensorLoader(val, 1000), "cpu").numpy()}


# %%
three = {name: settings[name] for name in ("0", "0.02", "0.1")}
few_runs = run_seeds(
    run_with_few_images, range(8), three, train=mnist.train.subset(1600), val=mnist.val
)

# %% slideshow={"slide_type": "subslide"} alt-zh="可靠度圖，橫軸是信心，縱軸是準確率。只用 200 張圖訓練：硬標籤的線在對角線下方，ε = 0.02 貼著對角線，ε = 0.1 在對角線上方。" alt-en="Reliability diagram, trained on 200 images: hard targets run below the diagonal, ε = 0.02 along it, ε = 0.1 above it."
figure, ax = plt.subplots(figsize=(6.5, 3.6))
for (setting, group), marker in zip(few_runs.groupby("setting"), "os^", strict=True):
    all_probs = [torch.from_numpy(z).softmax(dim=1) for z in group["val"]]
    bins = [reliability_bins(probs, mnist.val.labels, num_bins=10) for probs in all_probs]
    plot_reliability(ax, bins, f"ε = {setting}", marker=marker, min_count=10)
ax.plot([0, 1], [0, 1], color="black", linewidth=1, linestyle="-", label="keeps its word")
ax.set(xlim=(0.2, 1.02), ylim=(0, 1.05))
legend = ax.legend(fontsize=9)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 同一個旋鈕：ε = 0.02 剛好修正，0.1 又轉過頭了。準確率看不出進步（下面印出了區間）。所以問題不是「標籤平滑會不會改善校準」，而是「模型原本偏了多少、偏向哪一邊」。
#
# **主張 15** 只有 200 張圖時，平均而言，ε = 0.02 讓校準誤差減少，ε = 0.1 讓校準誤差增加，都在 1 個百分點以上（成對差的 95% 信賴區間，整個低於 −1 或整個高於 1；在完整的 MNIST 上差得更多，見下面印出的數字）；ε = 0.02 時，準確率變化不到 2 個百分點（等效檢定）。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# One and the same knob: 0.02 mends it, 0.1 pushes past. No gain in accuracy shows (the intervals are printed below). So the question is not "does label smoothing improve calibration" but "how far off was the model, and on which side".
#
# **Claim 15** With 200 images, on average, ε = 0.02 lowers the calibration error and ε = 0.1 raises it, both by more than 1 point (the 95 % confidence interval lies wholly below −1, or above 1; on full MNIST by much more, as printed below); with ε = 0.02 the accuracy changes by less than 2 points (a test of equivalence).

# %%
measured = few_runs[["setting", "seed"]].join(
    pd.DataFrame([measures(logits, mnist.val.labels) for logits in few_runs["val"]])
)

# %%
found = {}
for name in ("accuracy", "calibration error"):
    table = compare_settings(measured, name, baseline="0")
    found[name] = dict(zip(table["a"], table["difference"], strict=True))
    for setting, difference in found[name].items():
        print(f"{name}, ε = {setting} minus hard: {difference:.2f} points")

# %%
errors = found["calibration error"]
is_opposite = errors["0.02"].high < -1 and errors["0.1"].low > 1
accuracy = measured.pivot(index="seed", columns="setting", values="accuracy")
claim(15, is_opposite and equivalence(accuracy["0.02"], accuracy["0"], margin=2).shown)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 練習 1：把目標變軟
#
# 難度 ★☆☆，約 10 分鐘。
#
# 有些標籤本來就是軟的：三位標記者有兩位說 4、一位說 9。寫出 `smooth_targets(targets, eps)`：`targets` 是 (N, K)，每一列是一個機率分布，可能只有 0 和 1（`F.one_hot` 給的整數也算），也可能已經是軟的。回傳平滑之後的 (N, K)，不要改動 `targets`。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Exercise 1: soften the targets
#
# Difficulty ★☆☆, about 10 minutes.
#
# Some labels are soft to begin with: two of three annotators read a 4, one a 9. Write `smooth_targets(targets, eps)`: `targets` is (N, K), each row a distribution, made of 0 and 1 (whole numbers, as `F.one_hot` gives them, included) or soft already. Return the smoothed (N, K) and leave `targets` as it is.


# %% tags=["exercise"]
def smooth_targets(targets, eps):
    raise NotImplementedError  # your code here


# %% tags=["check"]
exercises.smooth_targets.check(smooth_targets)


# %% tags=["solution"]
# One possible answer; open it once you have tried.
def smooth_targets_solution(targets, eps):
    """Each row of ``targets`` (N, K), hard or soft, mixed with the uniform distribution."""
    num_classes = targets.shape[1]
    return (1 - eps) * targets + eps / num_classes


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 練習 2：從 logits 到平滑的損失
#
# 難度 ★★☆，約 15 分鐘。
#
# 不用 `F.cross_entropy`、`nn.CrossEntropyLoss`，寫出 `smoothed_cross_entropy(logits, labels, eps, reduction="mean")`：logits (N, K)、標籤 (N,)，`reduction` 是 `"mean"` 或 `"sum"`。logits 可能大到 ±10⁴，結果仍要是有限而且正確的數。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Exercise 2: from logits to the smoothed loss
#
# Difficulty ★★☆, about 15 minutes.
#
# Without `F.cross_entropy` or `nn.CrossEntropyLoss`, write `smoothed_cross_entropy(logits, labels, eps, reduction="mean")`: logits (N, K), labels (N,), and `reduction` is `"mean"` or `"sum"`. Logits may be as large as ±10⁴, and the result must stay finite and correct.


# %% tags=["exercise"]
def smoothed_cross_entropy(logits, labels, eps, reduction="mean"):
    raise NotImplementedError  # your code here


# %% tags=["check"]
exercises.smoothed_cross_entropy.check(smoothed_cross_entropy)


# %% tags=["solution"]
# One possible answer; open it once you have tried.
def smoothed_cross_entropy_solution(logits, labels, eps, reduction="mean"):
    """Cross-entropy of logits (N, K) against classes (N,), smoothed by ``eps``."""
    log_probs = torch.log_softmax(logits, dim=1)
    of_label = -log_probs[torch.arange(len(labels)), labels]
    of_all = -log_probs.mean(dim=1)
    losses = (1 - eps) * of_label + eps * of_all
    return losses.mean() if reduction == "mean" else losses.sum()


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 練習 3：校準誤差
#
# 難度 ★★★，約 20 分鐘。
#
# 課裡用的是 `course_utils` 的函式。現在自己寫：`calibration_error(probs, labels, num_bins)`，機率 (N, K)、標籤 (N,)，箱子等寬，從 0 到 1。回傳一個 0 到 1 之間的數。信心剛好落在兩箱交界時，放哪一邊都可以，但每個樣本都要恰好算一次。
#
# 做完之後，用 `torch.from_numpy(finished["test"][0]).softmax(dim=1)` 與 `test_labels` 試試，把 `num_bins` 換成 5、15、100，看看答案變多少。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Exercise 3: the calibration error
#
# Difficulty ★★★, about 20 minutes.
#
# The lesson called a function of `course_utils`. Now write your own: `calibration_error(probs, labels, num_bins)`, probabilities (N, K), labels (N,), bins of equal width from 0 to 1. Return a number between 0 and 1. A confidence exactly on the edge of two bins may go to either, but every example counts exactly once.
#
# When you are done, try it on `torch.from_numpy(finished["test"][0]).softmax(dim=1)` and `test_labels`, with 5, 15 and 100 bins: how much does the answer change?


# %% tags=["exercise"]
def calibration_error(probs, labels, num_bins):
    raise NotImplementedError  # your code here


# %% tags=["check"]
exercises.calibration_error.check(calibration_error)


# %% tags=["solution"]
# One possible answer; open it once you have tried.
def calibration_error_solution(probs, labels, num_bins):
    """Expected calibration error of probabilities (N, K) against classes (N,)."""
    confidence, answers = probs.max(dim=1)
    surplus = confidence - (answers == labels).float()
    bins = (confidence * num_bins).long().clamp(max=num_bins - 1)
    surplus_of_bin = torch.zeros(num_bins, dtype=surplus.dtype).index_add(0, bins, surplus)
    return float(surplus_of_bin.abs().sum() / len(labels))


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 重點整理
#
# - 軟標籤＝(1 − ε) 份硬標籤＋ε 份均勻分布；損失也是同樣的混合。正確的類別得到 1 − ε + ε/K，不是 1 − ε。
# - 最佳的 p 等於目標 q：差距 ln(1 + K(1 − ε)/ε)，有盡頭。硬標籤的差距沒有盡頭，logits 會一直長大。
# - 在這裡，ε = 0.1 對準確率的影響不到一個百分點，卻讓信心少了九、十個百分點，校準**變差**。原本就太有信心的網路，小的 ε 才會改善校準。
# - 不同 ε 的損失不能互比。訓練用平滑的損失，評估一律用硬標籤的損失。
# - 需要可信的機率，就在驗證集上找一個溫度 T；答案不會變。
#
# **下一課**：[[debugging_clinic]]，除錯診所：好幾個壞掉的訓練，等你診斷。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Summary
#
# - Soft targets are (1 − ε) parts of the hard one and ε parts of the uniform distribution, and the loss is the same mixture. The right class gets 1 − ε + ε/K, not 1 − ε.
# - The best p equals the target q: a gap of ln(1 + K(1 − ε)/ε), which has an end. With hard targets there is none, and logits keep growing.
# - Here ε = 0.1 changed accuracy by less than a point and cost nine or ten points of confidence: calibration got **worse**. It is overconfident networks whose calibration a small ε improves.
# - Losses at different ε cannot be compared. Train with the smoothed one, evaluate with the hard one, always.
# - Where probabilities must be trusted, find a temperature T on the validation set; the answers stay the same.
#
# **Next**: [[debugging_clinic]], the debugging clinic, broken training runs for you to diagnose.

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "skip"}
# ### 原始文獻
#
# - Szegedy, Vanhoucke, Ioffe, Shlens, Wojna（2016），Rethinking the Inception architecture for computer vision，CVPR，arXiv:1512.00567。標籤平滑的出處。
# - Pereyra, Tucker, Chorowski, Kaiser, Hinton（2017），Regularizing neural networks by penalizing confident output distributions，ICLR 工作坊，arXiv:1701.06548。直接懲罰太篤定的輸出，以及這與標籤平滑的關係。
# - Müller, Kornblith, Hinton（2019），When does label smoothing help?，NeurIPS，arXiv:1906.02629。何時改善校準，又為什麼不適合當知識蒸餾的教師模型。
# - Naeini, Cooper, Hauskrecht（2015），Obtaining well calibrated probabilities using Bayesian binning，AAAI，doi:10.1609/aaai.v29i1.9602。校準誤差的分箱估計。
# - Guo, Pleiss, Sun, Weinberger（2017），On calibration of modern neural networks，ICML（PMLR 70），arXiv:1706.04599。可靠度圖與溫度縮放。
# - Holm（1979），A simple sequentially rejective multiple test procedure，Scandinavian Journal of Statistics 6(2)，65–70。一次比很多對時的校正。

# %% [markdown] lang="en" slideshow={"slide_type": "skip"}
# ### Primary sources
#
# - Szegedy, Vanhoucke, Ioffe, Shlens, Wojna (2016), Rethinking the Inception architecture for computer vision, CVPR, arXiv:1512.00567. Where label smoothing comes from.
# - Pereyra, Tucker, Chorowski, Kaiser, Hinton (2017), Regularizing neural networks by penalizing confident output distributions, ICLR workshop, arXiv:1701.06548. Punishing confident output directly, and how label smoothing relates to it.
# - Müller, Kornblith, Hinton (2019), When does label smoothing help?, NeurIPS, arXiv:1906.02629. When it improves calibration, and why it makes a poor teacher for distillation.
# - Naeini, Cooper, Hauskrecht (2015), Obtaining well calibrated probabilities using Bayesian binning, AAAI, doi:10.1609/aaai.v29i1.9602. Estimating the calibration error from bins.
# - Guo, Pleiss, Sun, Weinberger (2017), On calibration of modern neural networks, ICML (PMLR 70), arXiv:1706.04599. Reliability diagrams and temperature scaling.
# - Holm (1979), A simple sequentially rejective multiple test procedure, Scandinavian Journal of Statistics 6(2), 65–70. The correction where many pairs are compared.
