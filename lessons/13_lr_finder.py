# %% [markdown] lang="zh-TW" about="親手寫出學習率測試，再用 26 種固定學習率檢驗每一種讀法，倍數在別的任務上挑" slideshow={"slide_type": "slide"}
# # 學習率尋找器
#
# 換了模型、換了資料，學習率要設多少？試九個值就得訓練九次。**學習率測試**（range test）只花一百多個批次：讓學習率一路升高，看損失什麼時候開始掉、什麼時候失控。學完之後，你能夠：
#
# - 從頭寫出這個測試：指數斜坡、修正過的平滑、失控就停、不留痕跡；
# - 指出網路上常見寫法的三個錯誤，並量出它們的後果；
# - 從一條曲線讀出建議，也知道什麼時候該回答「沒有建議」；
# - 公平地比較各種讀法：倍數在一些任務上挑，到別的任務上應考。
#
# 先備：[[optimizers]]（學習率與優化器）、[[mnist_mlp]]（訓練迴圈）。

# %% [markdown] lang="en" about="the range test written out, and its rules held against runs at 26 fixed rates, their factors chosen on other tasks" slideshow={"slide_type": "slide"}
# # The learning-rate finder
#
# A new model, new data: which learning rate? Trying nine values means training nine times. A **range test** takes a hundred-odd batches: let the rate climb, and watch when the loss begins to fall and when it runs away. By the end you can
#
# - write the test from scratch: exponential ramp, corrected smoothing, a stop on divergence, no trace left behind;
# - name the three errors of its usual version, and measure what they do;
# - read a suggestion off a curve, and know when the answer is "no suggestion";
# - compare ways to read it fairly: their factors chosen on some tasks, and examined on others.
#
# It builds on [[optimizers]] (rates and optimizers) and [[mnist_mlp]] (the training loop).

# %% lang="zh-TW" tags=["setup"] slideshow={"slide_type": "subslide"}
from course_utils.notebook import set_up

device = set_up("lr_finder", language="zh-TW", workers=True)

# %% lang="en" tags=["setup"] slideshow={"slide_type": "subslide"}
from course_utils.notebook import set_up

device = set_up("lr_finder", language="en", workers=True)

# %% slideshow={"slide_type": "subslide"}
import copy

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from torch import nn

from course_utils import plotting, seeding
from course_utils.exercises import lr_finder as exercises
from course_utils.experiment import run_seeds
from course_utils.intervals import (
    Interval,
    compare_settings,
    detectable_difference,
    mean_interval,
    paired_difference,
)
from course_utils.loader import TensorLoader
from course_utils.lr_finder import endless, find_lr, relative_drop
from course_utils.mnist import load_mnist
from course_utils.models import MLP, MNIST_MLP
from course_utils.notebook.claims import claim
from course_utils.optimizers import adam_step, sgd_step
from course_utils.seeding import seeded
from course_utils.small_tasks import small_tasks
from course_utils.stacked import StackedMLP
from course_utils.training import evaluate

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 一次訓練，走過所有的學習率
#
# Smith（2017）的想法：學習率從小得離譜開始，**每個批次調高一點**，一直到大得離譜，同時記下每個批次的損失（論文裡是線性調高，看的是準確率）。
#
# 先在紙上畫出你的預測：橫軸是學習率，從 10⁻⁶ 到 10；縱軸是損失。曲線哪一段是平的、哪一段往下、哪一段往上？
#
# 這一課比較很多次訓練，所以固定用 12,000 張圖（資料較少時全用），批次 128。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## One training run through all the rates
#
# Smith's (2017) idea: begin with a rate that is absurdly small, **raise it a little with every batch** until it is absurdly large, and write down each batch's loss (in the paper the ramp is linear, and it is the accuracy that is watched).
#
# Draw your prediction on paper first: the rate from 10⁻⁶ to 10 on the horizontal axis, the loss on the vertical one. Where is the curve flat, where does it fall, where does it rise?
#
# This lesson compares many runs, so it keeps to a fixed 12,000 images (or all, where there are fewer) and batches of 128.

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（4 分鐘）訓練一個小網路，學習率從 10⁻⁶ 逐批升到 10，記下每一批的損失。曲線大致是什麼形狀？
#
# - ✗ 一開始就往下，學習率越大降得越快。 *以為任何學習率都能讓損失下降，只差快慢。*
# - ✓ 先平，再往下，最後衝高失控。 *太小走不動，合適才下降，太大就跨過谷底。*
# - ✗ 一路往上，因為學習率越來越大。 *以為學習率變大就是變差。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (4 min) A small network trains while its rate climbs from 10⁻⁶ to 10, batch by batch, and each batch's loss is noted. What shape has the curve?
#
# - ✗ It falls from the start, the faster the larger the rate. *Thinks that every rate lowers the loss, sooner or later.*
# - ✓ Flat, then falling, and at last out of control. *Too small a rate does not move, a fitting one descends, too large a one leaps across the valley.*
# - ✗ It rises all the way, as the rate does. *Thinks that a larger rate is always worse.*

# %%
mnist = load_mnist()
print(mnist.banner())
train_part = mnist.train.subset(min(12_000, len(mnist.train)))
val_loader = TensorLoader(mnist.val, batch_size=1000)
criterion = nn.CrossEntropyLoss()


def shuffled(dataset, seed):
    generator = seeding.generator(seed)
    return TensorLoader(dataset, 128, shuffle=True, generator=generator)


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 斜坡：加，還是乘？
#
# 從 10⁻⁶ 到 10 走 140 步。最直覺的寫法是每一步**加**上同樣多。另一種是每一步**乘**上同樣的倍數。
#
# 想一想：Adam 的預設學習率是 0.001。每步加一樣多的話，141 個點裡有幾個落在 0.1 以下？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## The ramp: add or multiply?
#
# From 10⁻⁶ to 10 in 140 steps. The obvious way **adds** the same amount each time. The other way **multiplies** by the same factor.
#
# Predict: Adam's default rate is 0.001. If the same amount is added each time, how many of the 141 points lie below 0.1?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（4 分鐘）學習率從 10⁻⁶ 到 10，共 141 個點，每一步加上同樣多。有幾個點落在 0.1 以下？
#
# - ✗ 大約 70 個，一半。 *以為點會平均分到大的和小的學習率。*
# - ✗ 大約 100 個，七個數量級裡有五個在 0.1 以下。 *那是每一步乘上同樣倍數的情形。*
# - ✓ 2 個，起點和下一步。 *每一步加 0.07 左右，第三個點就超過 0.1 了。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (4 min) A rate goes from 10⁻⁶ to 10 in 141 points, adding the same amount each time. How many of them lie below 0.1?
#
# - ✗ About 70, half of them. *Thinks that the points are shared evenly between small rates and large.*
# - ✗ About 100, as five of seven decades lie below. *That is so when the same factor is multiplied.*
# - ✓ 2, the start and the step after it. *Each step adds about 0.07, so the third point is beyond 0.1.*


# %% saved="lr_finder: exponential_ramp"
def exponential_ramp(start_lr, end_lr, num_steps):
    share_done = np.arange(num_steps) / (num_steps - 1)
    return start_lr * (end_lr / start_lr) ** share_done


lrs = exponential_ramp(1e-6, 10, 141)
added = np.linspace(1e-6, 10, 141)

# %% alt-zh="橫軸是步數，縱軸是學習率（對數刻度）。乘法的斜坡是一條直線；加法的斜坡第一步就跳到 0.07，之後幾乎平貼在頂端。" alt-en="The rate against steps, vertical axis logarithmic. The multiplied ramp is a straight line; the added one leaps to 0.07 in its first step and then hugs the top."
figure, ax = plt.subplots(figsize=(8, 2.2))
ax.semilogy(lrs, label="multiply by the same factor")
ax.semilogy(added, label="add the same amount")
ax.set(xlabel="step", ylabel="rate (log)")
legend = ax.legend()

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 只有兩個：起點，和它的下一步。對學習率來說，0.001 和 0.01 的差別與 0.1 和 1 一樣大，所以要用乘的。
#
# `num_steps - 1` 不是筆誤：141 個點之間只有 140 步，少了這個 −1，就走不到終點。
#
# **主張 1** 加法的斜坡，141 個點只有 2 個在 0.1 以下；乘法的斜坡有 100 個，而且七個數量級（每級十倍）各分到 20 步，兩端剛好是 10⁻⁶ 與 10。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# Only two: the start, and the step after it. To a rate, 0.001 and 0.01 are as different as 0.1 and 1, hence the factor.
#
# The `num_steps - 1` is no slip: between 141 points there are 140 steps, and without the −1 the ramp never reaches its end.
#
# **Claim 1** Of the 141 points, the added ramp has only 2 below 0.1; the multiplied one has 100, gives each of the seven decades (factors of ten) 20 steps, and has 10⁻⁶ and 10 as its ends.

# %%
each_decade = np.histogram(np.log10(lrs[:-1]) + 0.01, bins=np.arange(-6, 2))[0]
ends = np.allclose(lrs[[0, -1]], [1e-6, 10])
below = [int((ramp < 0.0999).sum()) for ramp in (added, lrs)]
claim(1, below == [2, 100] and bool((each_decade == 20).all()) and ends)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 第一次嘗試
#
# 一步還是那五個動作，只是前面多了「換上下一個學習率」。優化器可能有好幾組參數（各有各的學習率），`set_lr` 讓最大的那組跟著斜坡走，其餘維持原來的比例。
#
# 網路是 784-64-10，優化器是 SGD。12,000 張圖不到一百個批次，`endless` 走完一輪就從頭再來。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## A first try
#
# A step is the same five acts as ever, and before them comes "take the next rate". An optimizer may hold several groups of parameters with rates of their own; `set_lr` lets the highest follow the ramp and keeps the others in proportion.
#
# The network is 784-64-10, the optimizer SGD. 12,000 images make fewer than a hundred batches; `endless` starts over when they are used up.

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（4 分鐘）學習率測試走到損失失控之後，每一批的損失又從很高的地方「掉下來」。這一段該怎麼看？
#
# - ✗ 是另一個谷，那裡的學習率也是好的選擇。 *只看斜率往下，沒看損失還比一開始高得多。*
# - ✓ 失控就該停，之後的點只會騙人。 *模型已經壞了，損失的起落和合適的學習率無關。*
# - ✗ 多跑幾輪再平均，就能用了。 *以為這只是雜訊。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (4 min) After the loss of a range test has run away, it "falls" again from far above. How should that stretch be read?
#
# - ✗ As another valley, whose rates are good as well. *Looks at the slope only, and not at losses far above the first.*
# - ✓ The test should have stopped; these points only mislead. *The model is ruined by then, and its ups and downs say nothing about a fitting rate.*
# - ✗ Averaged over more epochs it can be used. *Takes it for mere noise.*


# %% saved="lr_finder: set_lr"
def set_lr(optimizer, lr):
    highest = max(group["lr"] for group in optimizer.param_groups)
    for group in optimizer.param_groups:
        group["lr"] = lr * (group["lr"] / highest)


def first_try(model, optimizer, batches, lrs):
    losses = []
    for lr, (images, labels) in zip(lrs, batches, strict=False):
        set_lr(optimizer, lr)
        loss = criterion(model(images), labels)
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return losses


# %% slideshow={"slide_type": "subslide"}
def small_net(seed):
    model = MLP(784, [64], 10, seed=seed)
    return model, torch.optim.SGD(model.parameters(), lr=0.1)


model, optimizer = small_net(seed=0)
raw_losses = first_try(model, optimizer, endless(shuffled(train_part, 0)), lrs)

# %% alt-zh="橫軸是學習率，縱軸是每個批次的損失，都是對數刻度：10 的負 6 次方到 0.001 之間先是水平而抖動，之後下降，在 0.2 附近最低，接著衝到十以上，再亂跳著掉回來。" alt-en="The loss of each batch against the rate, both axes logarithmic: flat and ragged from 1e-6 to 0.001, then falling, lowest near 0.2, then shooting up beyond ten and tumbling back erratically."
figure, ax = plt.subplots(figsize=(8, 3.0))
ax.loglog(lrs, raw_losses, label="loss of one batch")
ax.set(xlabel="rate (log)", ylabel="loss (nats, log)")
legend = ax.legend()

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 先平、再降、最後失控，和你畫的一樣嗎？形狀出來了，但有三件事還沒處理：
#
# 1. **抖動**：每個批次的損失都帶著雜訊，「最低點」會隨運氣跳來跳去。
# 2. **失控之後**還一直走：那些點只會騙人，你看損失後來又「掉下來」了。
# 3. **模型壞了**：剛才動的是真的權重。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# Flat, falling, then out of control: as you drew it? The shape is there, and three things are not dealt with:
#
# 1. **Raggedness**: every batch has its noise, and "the lowest point" jumps about with luck.
# 2. It **goes on after running away**: those points only mislead; look how the loss "falls" again.
# 3. **The model is ruined**: those were the real weights.

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 平滑：第一個損失該佔多少分量？
#
# 移動平均：新的平均 = β × 舊的平均 + (1 − β) × 新的損失。問題是，第一個「舊的平均」從哪裡來？常見的兩種寫法：從**第一個損失**開始，或從 **0** 開始。
#
# [[optimizers]]的 Adam 遇過同樣的問題，它的答案是偏差修正：從 0 開始，再除以 1 − βᵗ。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Smoothing: how heavy is the first loss?
#
# A moving average: new average = β × old average + (1 − β) × new loss. But where does the first "old average" come from? Two common versions start at the **first loss**, or at **0**.
#
# Adam met the same problem in [[optimizers]], and its answer was a bias correction: start at 0, then divide by 1 − βᵗ.


# %% saved="lr_finder: smooth_losses"
def smooth_losses(losses, beta=0.9):
    average, smoothed = 0.0, []
    for t, loss in enumerate(losses, start=1):
        average = beta * average + (1 - beta) * loss
        smoothed.append(average / (1 - beta**t))
    return np.array(smoothed)


def smooth_plainly(losses, start, beta=0.9):
    average, smoothed = start, []
    for loss in losses:
        average = beta * average + (1 - beta) * loss
        smoothed.append(average)
    return np.array(smoothed)


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 量一量每個損失的分量
#
# 平滑是線性的，所以有個簡單的量法：讓某一個損失是 1、其餘是 0，輸出就是它的**權重**。
#
# 猜猜看：走了 11 步，第一個損失（最舊的一個）在三種寫法裡各佔幾成？

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### Weigh each loss
#
# Smoothing is linear, so there is an easy scale: let one loss be 1 and all others 0, and the output is its **weight**.
#
# Guess: after 11 steps, what share has the first loss, the oldest, in each of the three versions?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（6 分鐘）移動平均的 β = 0.9，而且從第一個損失開始（不做偏差修正）。走了 11 步，第一個損失還佔多少分量？
#
# - ✗ 十一分之一，每個損失一樣多。 *把移動平均當成普通的平均。*
# - ✗ 幾乎沒有，最舊的早就淡出了。 *忘了它是起點，權重是 β 的十次方。*
# - ✓ 三成五左右。 *0.9¹⁰ ≈ 0.35，那一批的運氣一直跟著你。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (6 min) A moving average with β = 0.9 starts at the first loss, without a bias correction. After 11 steps, how much of it is the first loss?
#
# - ✗ An eleventh, like every other. *Takes a moving average for a plain mean.*
# - ✗ Next to nothing, as the oldest fades first. *Forgets that it is the start, with a weight of β to the tenth power.*
# - ✓ About 35 %. *0.9¹⁰ ≈ 0.35: that one batch's luck stays with you.*

# %%
versions = {
    "corrected": smooth_losses,
    "from the first loss": lambda losses: smooth_plainly(losses, start=losses[0]),
    "from 0": lambda losses: smooth_plainly(losses, start=0.0),
}
weights = {name: [smooth(one)[-1] for one in np.eye(11)] for name, smooth in versions.items()}

# %% alt-zh="第 11 步的平均裡，第 1 到第 11 個損失的權重。修正過的與從 0 開始的都隨年紀平滑下降；從第一個損失開始的寫法，第一個損失高達 0.35，遠高於其他。" alt-en="Weights of losses 1 to 11 in the average at step 11. Corrected and from-zero fall smoothly with age; the version that starts at the first loss gives that loss 0.35, far above the others."
figure, ax = plt.subplots(figsize=(8, 2.8))
for (name, weight), marker in zip(weights.items(), "os^", strict=True):
    ax.plot(range(1, 12), weight, marker=marker, label=name)
ax.set(xlabel="which loss (1 is the oldest)", ylabel="weight at step 11", ylim=(0, 0.4))
legend = ax.legend()

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 從第一個損失開始的寫法，十步之後還有三成五是**那一個批次**的運氣。從 0 開始的，權重加起來不到 1，平均會偏低。拿來找最低點更糟：最低點會變成第一步（除非損失後來掉到原來的一成左右以下）。
#
# **主張 2** 這些數由公式決定，必然成立：到第 11 步，第一個損失的權重在「從它開始」的寫法裡是 0.9¹⁰ ≈ 0.349，在修正過的寫法裡不到 0.052，連六分之一都不到。修正過的權重加起來是 1，從 0 開始的只有 0.686。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# Started at the first loss, the average is still 35 % **that one batch's** luck after ten steps. Started at 0, the weights do not add up to 1 and the average is too low: worse still when one looks for the lowest point, for that is then the first step, unless the loss falls below about a tenth.
#
# **Claim 2** By the formulas this must hold: at step 11 the first loss weighs 0.9¹⁰ ≈ 0.349 where the average started with it, and less than 0.052 when corrected, under a sixth of that. The corrected weights add up to 1, those from 0 to 0.686 only.

# %%
first = {name: weight[0] for name, weight in weights.items()}
total = {name: sum(weight) for name, weight in weights.items()}
too_heavy = np.isclose(first["from the first loss"], 0.9**10) and first["corrected"] < 0.052
claim(
    2, too_heavy and np.isclose(total["corrected"], 1) and np.isclose(total["from 0"], 1 - 0.9**11)
)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 失控就停
#
# 兩種情況要停：損失不是有限的數，或平滑後的損失超過最低值的四倍（程式寫成「最低值 + 3 ×｜最低值｜」，損失為負時也適用）。把它放進迴圈，就是完整的學習率測試。五個種子各跑一次。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Stop when it runs away
#
# Two reasons to stop: the loss is no longer finite, or the smoothed loss exceeds four times its lowest value (written so that it also serves losses that can be negative). Put into the loop, that makes the range test complete. Let five seeds take it.

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（4 分鐘）學習率測試在「平滑後的損失」超過最低值的四倍時停止，而不是某一批的損失一升高就停。為什麼？
#
# - ✓ 單一批次的損失帶著雜訊，升高不代表失控。 *平滑之後還高出這麼多，才不是運氣。*
# - ✗ 因為損失本來就會一直升高。 *以為學習率上升，損失就該上升。*
# - ✗ 為了多測一些學習率，好挑到更大的。 *以為測得越遠，建議就越大。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (4 min) A range test stops when the smoothed loss exceeds four times its lowest value, and not as soon as one batch's loss is higher. Why?
#
# - ✓ One batch's loss is noisy, and a rise need not mean running away. *So much above the minimum after smoothing is no matter of luck.*
# - ✗ Because the loss is rising all the time anyway. *Thinks that a rising rate means a rising loss.*
# - ✗ To test more rates and pick a larger one. *Thinks that the further it goes, the larger the suggestion.*


# %% saved="lr_finder"
def has_diverged(losses, beta=0.9, factor=4.0):
    if not np.isfinite(losses[-1]):
        return True
    smoothed = smooth_losses(losses, beta)
    return smoothed[-1] > smoothed.min() + (factor - 1) * abs(smoothed.min())


# %% saved="lr_finder" slideshow={"slide_type": "subslide"}
def range_test(model, optimizer, criterion, batches, lrs, beta=0.9, factor=4.0):
    if not model.training:
        model.train()
    losses = []
    for lr, (inputs, targets) in zip(lrs, batches, strict=False):
        set_lr(optimizer, lr)
        loss = criterion(model(inputs), targets)
        losses.append(loss.item())
        if has_diverged(losses, beta, factor):
            break
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return losses


# %% slideshow={"slide_type": "subslide"}
tests, tested_models = [], []
for seed in range(5):
    model, optimizer = small_net(seed)
    losses = range_test(model, optimizer, criterion, endless(shuffled(train_part, seed)), lrs)
    tests.append((lrs[: len(losses)], smooth_losses(losses)))
    tested_models.append(model)

# %% alt-zh="五個種子的平滑曲線，半對數座標：都平平地走到 0.001，降到 0.4 附近的谷底，再往上衝；五條線的谷底位置很接近。" alt-en="Five smoothed curves, one a seed, rate on a log axis: all flat up to 0.001, down to a valley near 0.4, then up; the five valleys lie close together."
figure, ax = plt.subplots(figsize=(8, 3.0))
for seed, (rates, smoothed) in enumerate(tests):
    ax.semilogx(rates, smoothed, label=f"seed {seed}")
ax.set(xlabel="rate (log)", ylabel="smoothed loss (nats)", ylim=(0, 6))
legend = ax.legend(loc="upper left")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 不留痕跡
#
# 五個種子的谷底很接近。衝破四倍的當場停下，沒衝那麼高的就走完整段斜坡。
#
# 測試把模型帶到了失控為止。現在就接著訓練，會怎樣？
#
# **主張 3** 測試結束時，五個模型的驗證準確率都低於 50%，等於全毀了。
#
# 所以要在**副本**上測。但複製的時候有個陷阱：優化器手上拿的是誰的參數？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Leave no trace
#
# The valleys of the five seeds lie close together. A test ends where the loss passes four times its lowest value; one that never climbs so high walks its ramp to the end.
#
# The test took the models all the way to running away. What if you just went on training them?
#
# **Claim 3** When the test ends, all five models have a validation accuracy below 50 %: they are ruined.
#
# So test a **copy**. But there is a trap in copying: whose parameters does the optimizer hold?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（7 分鐘）優化器是為 `model` 建立的。執行 `trial = copy.deepcopy(model)` 之後，用這個優化器訓練 `trial`，哪個模型的權重會動？
#
# - ✗ `trial` 的，因為梯度是從它算出來的。 *優化器只動手上的參數，不管梯度在誰身上。*
# - ✗ 兩個都會動。 *以為副本和原本還連在一起。*
# - ✓ `trial` 一步也不會動；優化器手上拿的是 `model` 的參數。 *要把模型和優化器一起複製，它們才指向同一批參數。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (7 min) An optimizer was built for `model`. After `trial = copy.deepcopy(model)` it is used to train `trial`. Whose weights move?
#
# - ✗ Those of `trial`, for which the gradients are computed. *An optimizer moves the parameters it holds, wherever gradients are.*
# - ✗ Those of both. *Thinks that copy and original are still connected.*
# - ✓ Not one of `trial` moves; the optimizer holds the parameters of `model`. *Model and optimizer must be copied together to refer to the same parameters.*

# %%
after_test = [evaluate(model, val_loader, criterion, "cpu")[1] for model in tested_models]
print(f"validation accuracy after the test: {mean_interval(after_test):.0%}")

# %%
claim(3, max(after_test) < 0.5)
model, optimizer = small_net(seed=0)
trial = copy.deepcopy(model)
held = optimizer.param_groups[0]["params"][0]
print(
    "copy the model alone, and the optimizer holds the copy's weights:", held is trial.net[0].weight
)
trial, trial_optimizer = copy.deepcopy((model, optimizer))
held = trial_optimizer.param_groups[0]["params"][0]
print("copy both at once, and it does:", held is trial.net[0].weight)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 兩個一起複製，`deepcopy` 才知道它們指的是同一批參數。
#
# 還有一種看不見的痕跡：**亂數**。測試抽過 dropout 的遮罩，也洗過牌，接下來的訓練就和沒測過的不同了。`course_utils.lr_finder.find_lr` 把上面的零件組合起來：副本、斜坡、平滑、停止，最後（就算中途出錯）把所有亂數產生器還原到測試前的狀態。
#
# **主張 4** 五個種子的 `MNIST_MLP`（有 dropout 與批次正規化），先測再訓練 20 步，與直接訓練 20 步，每個權重、每個統計量都一樣，一個位元也不差。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# Copied together, `deepcopy` knows that both refer to the same parameters.
#
# One trace is invisible: **random numbers**. The test drew dropout masks and shuffled the data, and what follows differs from a training without a test. `course_utils.lr_finder.find_lr` joins the pieces above (copies, ramp, smoothing, stop) and at the end, even after an error, puts every generator back where it was.
#
# **Claim 4** For five seeds of `MNIST_MLP` (with dropout and batch norm), a test and then 20 steps of training give the same as 20 steps alone: every weight and every statistic, to the last bit.


# %%
def twenty_steps(seed, with_test, dataset):
    model, loader = MNIST_MLP(seed=seed), shuffled(dataset, seed)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with seeded(seed):
        result = find_lr(model, optimizer, criterion, loader) if with_test else None
        range_test(model, optimizer, criterion, endless(loader), [0.1] * 20)
    return model.state_dict(), result


def with_and_without(seed, dataset):
    tested, result = twenty_steps(seed, True, dataset)
    untested, _ = twenty_steps(seed, False, dataset)
    same = all(torch.equal(tested[name], untested[name]) for name in tested)
    return {"test": result, "same": same}


no_trace = run_seeds(with_and_without, seeds=range(5), dataset=train_part)
found = list(no_trace["test"])
claim(4, bool(no_trace["same"].all()))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 從曲線讀出一個數
#
# 曲線有了，該選哪一點？流傳的讀法有好幾種：
#
# - **最陡**：損失掉得最快的地方。
# - **最低點**、**最低點 ÷ 10**、**最低點 ÷ 3**：最低點已經在失控邊緣，該退一步；但要退多少？
# - **山谷**（函式庫 fastai 的預設）：找最長的一串越來越低的損失（中間可以跳過幾點），從它的終點往回走半個長度。fastai 會先去掉前十分之一和最後 5 點，這裡不去掉任何一點。
#
# 最陡的讀法加了兩道護欄：前 15 點不看（平均還沒開始作用），最低點之後也不看。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Reading a number off the curve
#
# There is a curve; which point? Several rules are in use:
#
# - **steepest**: where the loss falls fastest.
# - **minimum**, **minimum / 10**, **minimum / 3**: the minimum is at the brink already, so step back; but how far?
# - **valley** (default of the library fastai): take the longest series of ever lower losses (points may be skipped), and go back half its length from its end. fastai first drops the first tenth and the last 5 points; here none is dropped.
#
# The steepest rule has two guards here: the first 15 points do not count (the average has hardly begun), nor does anything beyond the minimum.

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（5 分鐘）學習率測試的曲線有一個最低點。為什麼不直接用那裡的學習率來訓練？
#
# - ✗ 因為那裡的損失還不夠低。 *最低點就是最低；問題不在損失。*
# - ✓ 那裡已經在失控的邊緣，平均起來太大。 *學習率還在升高，損失就快要往上衝，所以要退一步。*
# - ✗ 因為最低點總是太小。 *把最低點和山谷讀法弄混了。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (5 min) The curve of a range test has a lowest point. Why not train at that very rate?
#
# - ✗ Because the loss is not low enough there. *It is the lowest there is; the loss is not the trouble.*
# - ✓ It is at the brink of running away, and on average too large. *The rate is still climbing and the loss about to shoot up, so one steps back.*
# - ✗ Because the minimum is always too small. *Confuses the minimum with the valley rule.*


# %% saved="lr_finder"
SKIP = 15


def steepest_rate(lrs, smoothed, skip=SKIP):
    slope = np.gradient(smoothed, np.log(lrs))
    candidates = slope[skip : smoothed.argmin()]
    return float(lrs[skip + candidates.argmin()]) if len(candidates) > 0 else None


def valley_rate(lrs, smoothed):
    length = np.ones(len(smoothed), dtype=int)  # of the longest falling series that ends here
    for i in range(1, len(smoothed)):
        length[i] += length[:i].max(where=smoothed[:i] > smoothed[i], initial=0)
    third = length.max() / 3
    start = length.argmax() - length.max()
    return float(lrs[max(start + int(third) + int(third / 2), 0)])


# %% alt-zh="種子 0 的平滑曲線，上面標出五種讀法：由左到右是山谷、最低點除以 10、最低點除以 3 與最陡（幾乎重疊）、最低點，相差約兩個數量級。" alt-en="Seed 0's smoothed curve with five marks: from left to right valley, minimum/10, minimum/3 and steepest (almost on top of each other), minimum, almost two orders of magnitude apart." slideshow={"slide_type": "subslide"}
rates, smoothed = tests[0]
minimum = rates[smoothed.argmin()]
readings = {
    "steepest": steepest_rate(rates, smoothed),
    "minimum": minimum,
    "minimum/3": minimum / 3,
    "minimum/10": minimum / 10,
    "valley": valley_rate(rates, smoothed),
}
figure, ax = plt.subplots(figsize=(8, 3.2))
ax.semilogx(rates, smoothed, color="black", linestyle="-")
for (rule, rate), marker in zip(readings.items(), "Do^sv", strict=True):
    height = np.interp(np.log(rate), np.log(rates), smoothed)
    ax.plot(rate, height, marker, markersize=10, label=f"{rule}")
ax.set(xlabel="rate (log)", ylabel="smoothed loss (nats)", ylim=(0, 4))
legend = ax.legend(loc="lower left")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 五種讀法從大約 0.006 到 0.45，差了將近兩個數量級。你會選哪一個？先記下來，這一課後半要考考這些讀法。
#
# ### 斜率要對「學習率的對數」算
#
# `np.gradient(smoothed, np.log(lrs))` 裡的 `log` 少不得。想一想：如果直接對學習率微分，哪裡看起來最陡？

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# The five reach from about 0.006 to 0.45, almost two orders of magnitude. Which one would you take? Note it down; the second half of the lesson examines them.
#
# ### The slope is against log(rate)
#
# The `log` in `np.gradient(smoothed, np.log(lrs))` is essential. Predict: with the slope against the rate itself, where would it look steepest?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（4 分鐘）找損失掉得最快的地方時，如果斜率是對學習率本身算，而不是對它的對數算，最陡的地方會落在哪裡？
#
# - ✓ 斜坡的起點，學習率最小的地方。 *那裡相鄰的學習率只差 10⁻⁷，一點雜訊除以這麼小的數就成了懸崖。*
# - ✗ 同一個地方，取對數只是換單位。 *取對數會改變每一段的寬度，斜率就不同。*
# - ✗ 學習率最大的地方。 *那裡相鄰的學習率差得最多，斜率反而小。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (4 min) If the steepest fall of the loss is sought against the rate itself, and not against its logarithm, where does it seem to lie?
#
# - ✓ At the very start of the ramp, where rates are smallest. *Neighboring rates differ by 10⁻⁷ there, and a little noise divided by so small a number is a cliff.*
# - ✗ At the same place, as a logarithm is only another unit. *The logarithm changes the width of each stretch, and with it the slope.*
# - ✗ Where rates are largest. *Neighbours are furthest apart there, which makes slopes small.*

# %%
against_lr = [rates[np.gradient(smoothed, rates).argmin()] for rates, smoothed in tests]
against_log = [steepest_rate(rates, smoothed) for rates, smoothed in tests]
print("against the rate:     ", *[f"≈{rate:.1e}" for rate in against_lr])
print("against log(rate):    ", *[f"≈{rate:.1e}" for rate in against_log])

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 在斜坡的起點！那裡相鄰兩個學習率只差 10⁻⁷，一點點雜訊除以這麼小的數，就成了懸崖。
#
# **主張 5** 五個種子的結果一致：對學習率本身微分時，建議都小於 10⁻⁴；對學習率的對數微分時，建議都大於 0.01。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# At the very start of the ramp! Neighboring rates differ by 10⁻⁷ there, and a little noise divided by so small a number becomes a cliff.
#
# **Claim 5** For all five seeds: against the rate, the suggestion is below 10⁻⁴; against log(rate) it is above 0.01.

# %%
claim(5, max(against_lr) < 1e-4 and min(against_log) > 0.01)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 沒有護欄的「最陡」
#
# 換成 `MNIST_MLP`（剛才已經測好五個種子）。這個模型的損失衝高之後又會掉回來（批次正規化可能是原因之一，這裡沒有測）。沒有護欄的讀法，往往就選了「從很高的地方掉回來」的那一段。
#
# **主張 6** 換五個種子測 `MNIST_MLP`，有護欄的建議每次都小於 0.5；沒有護欄的建議，至少三次大於 1。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### "Steepest" without guards
#
# Take `MNIST_MLP` (its five seeds have been tested above). Its loss shoots up and comes down again (batch norm may be one reason, not tested here). Without guards it is often that last stretch, where the loss falls back from far above, that is chosen.
#
# **Claim 6** For five seeds of `MNIST_MLP` the guarded suggestion is below 0.5 every time, the unguarded one above 1 in at least three.

# %%
unguarded = [t.lrs[np.gradient(t.smoothed, np.log(t.lrs)).argmin()] for t in found]
guarded = [t.suggestions["steepest"] for t in found]
print("unguarded:", *[f"≈{rate:.2g}" for rate in unguarded])
print("guarded:  ", *[f"≈{rate:.2g}" for rate in guarded])
claim(6, sum(rate > 1 for rate in unguarded) >= 3 and max(guarded) < 0.5)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 常見的寫法，三個錯誤
#
# 很多教學的學習率尋找器長這樣：從 10⁻⁷ 升到 1，走 100 步；從第一個損失開始平滑；文字說「選損失掉得最快的地方」，程式卻算「最低點 ÷ 10」。模型是 `MNIST_MLP`（每層 128 個神經元）和 SGD。
#
# 想一想：斜坡的終點是**你**隨手設的。如果終點設成 0.3 而不是 1，建議會跟著變嗎？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## The usual version and its three errors
#
# In many tutorials the finder looks like this: from 10⁻⁷ up to 1 in 100 steps; an average that starts at the first loss; the text says "take the rate where the loss falls fastest", the code computes minimum / 10. The model is `MNIST_MLP` (128 units per layer) with SGD.
#
# Predict: the end of the ramp is **your** casual choice. Had you chosen 0.3 instead of 1, would the suggestion change?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（6 分鐘）有一種學習率尋找器：斜坡走到 1 為止，`MNIST_MLP` 到那裡損失還在下降，建議是最低點 ÷ 10。把終點從 1 改成 0.3，建議會變嗎？
#
# - ✗ 不會，曲線是模型和資料決定的。 *沒注意最低點落在終點。*
# - ✗ 只會因為雜訊變一點點。 *以為改變的只是多幾點、少幾點。*
# - ✓ 會，跟著終點變小。 *什麼都沒失控，「最低點」就是你自己設的終點。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (6 min) A finder's ramp ends at 1, where the loss of `MNIST_MLP` is still falling, and it suggests the minimum / 10. Does its suggestion change if the ramp ends at 0.3?
#
# - ✗ No, as model and data make the curve. *Does not notice that the minimum lies at the end.*
# - ✗ Only a little, by noise. *Thinks that a few points more or less are all that changes.*
# - ✓ Yes, it shrinks with the end. *Nothing runs away, so the "minimum" is the end that you chose.*


# %%
def usual_version(seed, end_lr, dataset):
    model, loader = MNIST_MLP(hidden_size=128, seed=seed), shuffled(dataset, seed)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    lrs = 1e-7 * (end_lr / 1e-7) ** (np.arange(100) / 100)
    with seeded(seed):
        losses = first_try(model, optimizer, endless(loader), lrs)
    smoothed = smooth_plainly(losses, start=losses[0])
    fastest = np.gradient(smoothed, np.log(lrs)).argmin()
    return {"lowest": smoothed.argmin(), "code": lrs[smoothed.argmin()] / 10, "text": lrs[fastest]}


# %%
ends = {"0.3": {"end_lr": 0.3}, "1.0": {"end_lr": 1.0}}
usual_runs = run_seeds(usual_version, seeds=range(5), settings=ends, dataset=train_part)
usual = {end: table.set_index("seed") for end, table in usual_runs.groupby("setting")}
for end, table in usual.items():
    print(f"ramp up to {end}: lowest at step", *[f"≈{step}" for step in table["lowest"]], "of 100")
    print("   minimum / 10: ", *[f"≈{rate:.3f}" for rate in table["code"]])
    print("   falls fastest:", *[f"≈{rate:.3f}" for rate in table["text"]])

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 1. **斜坡停在 1，什麼都沒失控**：曲線到終點還在下降，「最低點」就是終點（步數從 0 數起，99 就是最後一步）。你以為量的是模型，其實量的是自己設的終點。（`find_lr` 的斜坡走到 10，`MNIST_MLP` 的最低點在 0.7 左右，離終點很遠。）
# 2. **文字與程式說的不是同一個學習率**。
# 3. **平滑太看重第一個損失**（主張 2）。
#
# **主張 7** 五個種子、兩種終點，「最低點」都落在最後 5 步；終點從 0.3 改成 1，程式的建議都變成 1.5 倍以上。
#
# **主張 8** 終點 0.3 時，文字說的學習率，五個種子都是程式算的兩倍以上。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# 1. **The ramp ends at 1 and nothing runs away**: the curve is still falling at its end, and the end is the "minimum" (steps count from 0, so 99 is the last). You think you measure the model, and measure your own choice. (The ramp of `find_lr` goes up to 10, and the minimum of `MNIST_MLP`, near 0.7, is nowhere near that end.)
# 2. **Text and code do not speak of the same rate.**
# 3. **The average makes too much of the first loss** (claim 2).
#
# **Claim 7** For five seeds and both ends the "minimum" lies in the last 5 steps; with the end moved from 0.3 to 1, what the code suggests grows more than 1.5 times every time.
#
# **Claim 8** With the ramp up to 0.3, the rate of the text is over twice that of the code for all five seeds.

# %%
at_the_end = min(table["lowest"].min() for table in usual.values()) >= 95
follows = (usual["1.0"]["code"] / usual["0.3"]["code"] > 1.5).all()
claim(7, bool(at_the_end and follows))
claim(8, bool((usual["0.3"]["text"] / usual["0.3"]["code"] > 2).all()))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 有時候，答案是「沒有」
#
# 全部權重都是 0 的網路（[[initialization]]）學不動：每一個權重的梯度都是 0，只有輸出的偏置會動。拿它去測，會得到什麼建議？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Sometimes the answer is "none"
#
# A network with all weights 0 ([[initialization]]) cannot learn: the gradient of every weight is 0, and only the output's bias moves. Put it to the test; what will be suggested?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（5 分鐘）一個權重全部是 0 的網路學不動，拿去做學習率測試。「最低點 ÷ 10」和好的尋找器各會回答什麼？
#
# - ✗ 兩者都回答 None，因為曲線是平的。 *平的曲線也有最低點，程式照樣給出一個數。*
# - ✓ 前者照樣給出一個數；好的尋找器先看損失掉了幾成，回答 None。 *那個最低點只是雜訊，或輸出偏置的微小移動。*
# - ✗ 兩者都給出很小的學習率，比較安全。 *以為學不動就會得到保守的建議。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (5 min) A network whose weights are all 0 cannot learn and is put to a range test. What do "minimum / 10" and a good finder answer?
#
# - ✗ Both None, as the curve is flat. *A flat curve has a lowest point, too, and gives a number.*
# - ✓ The first gives a number all the same; a good finder looks at how far the loss falls and answers None. *That lowest point is noise or a small move of the output bias.*
# - ✗ Both give a very small rate, to be safe. *Thinks that what cannot learn gets a cautious suggestion.*

# %%
dead_tests = []
for seed in range(5):
    dead = MLP(784, [64], 10, initialization="zeros", seed=seed)
    optimizer = torch.optim.SGD(dead.parameters(), lr=0.1)
    dead_tests.append(find_lr(dead, optimizer, criterion, shuffled(train_part, seed)))
naive = [t.lrs[t.smoothed.argmin()] / 10 for t in dead_tests]
print("minimum / 10 would answer:", *[f"≈{rate:.1e}" for rate in naive])
print("find_lr answers:          ", *[t.suggestion for t in dead_tests])

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 每條曲線都有最低點，平的也不例外：那個「最低點」只是雜訊，或輸出偏置微微移動造成的。`find_lr` 先問損失**掉了幾成**（與前 15 點的中位數相比），不到 2% 就回答 `None`。
#
# **主張 9** 換五個種子，死掉的網路損失都只掉了不到 1%，全部回答 `None`；活的 `MNIST_MLP` 都掉了 30% 以上。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# Every curve has a lowest point, a flat one included: noise, or a small move of the output's bias, chose it. So `find_lr` first asks **by what share** the loss falls (from the median of the first 15 points) and answers `None` below 2 %.
#
# **Claim 9** For the dead network the loss falls by less than 1 % in all five seeds, and the answer is `None`; for the living `MNIST_MLP` it falls by more than 30 %.

# %%
drops = {
    name: [relative_drop(t.smoothed) for t in ts]
    for name, ts in (("dead", dead_tests), ("alive", found))
}
for name, values in drops.items():
    print(f"{name}: the loss falls by {mean_interval(values):.1%}")
answers = {t.suggestion for t in dead_tests}
claim(9, max(drops["dead"]) < 0.01 and answers == {None} and min(drops["alive"]) > 0.3)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 大考：哪一種讀法最好？
#
# 每一種讀法都指出曲線上的一點，再乘上一個倍數：最低點除以 10、最低點除以 3、最陡乘以 1。所以公平的考法要分成兩件事：**該看哪一點**，以及**該乘上多少**。倍數如果在考題上挑，等於先看過答案。
#
# 這裡有 5 個資料集 × 有無批次正規化 × 2 種優化器 = **20 種設定**，每一種五個種子。每種讀法的倍數，都在四個資料集上從同樣的 11 個裡挑，再到第五個資料集上應考，五個輪流。
#
# 資料集有 7×7 的手寫數字、帶雜訊的正弦（迴歸）、兩條螺旋，以及 scikit-learn 附的兩份真實資料：乳癌（分類）與糖尿病（迴歸）。網路都有兩個 32 個神經元的隱藏層。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## The examination: which rule is best?
#
# Every rule points at a place on the curve and multiplies by a factor: the minimum over 10, the minimum over 3, the steepest times 1. A fair examination therefore asks two things: **which place**, and **which factor**. A factor that was picked on the questions of the examination has seen the answers.
#
# There are 5 data sets × with and without batch norm × 2 optimizers = **20 settings**, five seeds each. The factor of each reading is chosen, among the same eleven, on four of the data sets, and examined on the fifth; the five take turns.
#
# The data sets: handwritten digits at 7×7, a noisy sine (regression), two spirals, and two real ones that come with scikit-learn, breast cancer (classification) and diabetes (regression). All networks have two hidden layers of 32 units.

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（6 分鐘）要比較「最低點」和「山谷」兩種讀法，每種都要先乘上一個倍數。為什麼倍數要在別的資料集上挑？
#
# - ✗ 因為資料集越多，倍數越精確。 *重點不在多寡，而在應考的資料沒有參與挑選。*
# - ✗ 因為每個資料集最好的倍數都一樣。 *如果一樣，在哪裡挑就沒有差別了。*
# - ✓ 在考題上挑，等於先看過答案，成績會偏高。 *新的資料沒有答案可看，這樣量到的才是將來會遇到的情形。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (6 min) The readings "minimum" and "valley" are compared, each times a factor. Why must the factor be chosen on other data sets?
#
# - ✗ Because more data sets make it more precise. *The point is not how many, but that the data that examines had no say.*
# - ✗ Because the best factor is the same on all of them. *If it were, it would not matter where it is chosen.*
# - ✓ Picked on the questions it has seen the answers, and its marks are too good. *New data have no answers to see, and that is what will be met in use.*


# %%
parts = small_tasks(mnist, seeding.generator(0))  # a name -> (training, validation)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 26 種學習率並排訓練
#
# 標準答案是老老實實算出來的：五個數量級，每個數量級五種固定的學習率，各訓練 100 步，看**驗證損失**。[[optimizers]]的規則是逐元素的，所以同一個種子的許多網路可以疊在一起，每個網路用自己的學習率，看到同樣的批次。發散、或比沒訓練過還差的，一律當作「沒訓練過」的損失。
#
# 一場考試，就是用 `find_lr` 測出曲線、讀出四個點，再訓練這 26 種學習率。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### Twenty-six rates trained side by side
#
# The right answers are computed honestly: five decades, five fixed rates in each, 100 steps of training at every one, and a look at the **validation loss**. The rules of [[optimizers]] work element by element, so many networks of one seed can be stacked; each has its own rate, and all see the same batches. What diverges, or ends worse than untrained, counts as untrained.
#
# One examination: `find_lr` makes the curve, four places are read off it, and the 26 rates are trained.


# %%
def losses_of(stack, inputs, targets):  # the mean loss of each network
    outputs = stack(inputs.flatten(1))
    if targets.is_floating_point():
        return (outputs - targets).square().mean(dim=(1, 2))
    log_probs = outputs.log_softmax(dim=2)
    return -log_probs[:, torch.arange(len(targets)), targets].mean(dim=1)


# %%
def train_at(rates, stack, step, batches, num_steps=100):
    params, states = list(stack.parameters()), [{} for _ in stack.parameters()]
    rates = torch.tensor(rates, dtype=torch.float32)
    lrs = [rates.repeat_interleave(p.numel() // len(rates)).view_as(p) for p in params]
    for _, (inputs, targets) in zip(range(num_steps), batches, strict=False):
        stack.zero_grad()
        losses_of(stack, inputs, targets).sum().backward()
        with torch.no_grad():
            for param, state, lr in zip(params, states, lrs, strict=True):
                param.copy_(step(param, param.grad, state, lr=lr))


# %%
nets = {"digits": (49, 10), "sine": (1, 1), "spirals": (2, 2), "cancer": (30, 2)}
nets["diabetes"] = (10, 1)
optimizers = {
    "SGD": (sgd_step, lambda p: torch.optim.SGD(p, lr=0.1), np.logspace(-4, 1, 26)),
    "Adam": (adam_step, lambda p: torch.optim.Adam(p), np.logspace(-5, 0, 26)),
}


# %% slideshow={"slide_type": "subslide"}
def readings_of(seed, data, norm, optimizer, parts):
    inputs, outputs = nets[data]
    model = MLP(inputs, [32, 32], outputs, batch_norm=norm, seed=seed)
    criterion = nn.MSELoss() if outputs == 1 else nn.CrossEntropyLoss()
    loader = shuffled(parts[data][0], seed=100 + seed)
    test = find_lr(model, optimizers[optimizer][1](model.parameters()), criterion, loader)
    minimum = test.lrs[test.smoothed.argmin()]
    unguarded = test.lrs[np.gradient(test.smoothed, np.log(test.lrs)).argmin()]
    return {
        "minimum": minimum,
        "steepest": test.suggestions["steepest"] or minimum,
        "steepest, no guards": unguarded,
        "valley": valley_rate(test.lrs, test.smoothed),
    }


# %%
def examine(seed, data, norm, optimizer, parts):
    inputs, outputs = nets[data]
    step, _, rates = optimizers[optimizer]
    readings = readings_of(seed, data, norm, optimizer, parts)
    seeds = [seed] * len(rates)
    stack = StackedMLP(inputs, [32, 32], outputs, seeds=seeds, batch_norm=norm)
    held_out = parts[data][1].tensors
    untrained = losses_of(stack.eval(), *held_out).detach()
    train_at(rates, stack.train(), step, endless(shuffled(parts[data][0], seed)))
    losses = losses_of(stack.eval(), *held_out).detach().nan_to_num(nan=torch.inf)
    return readings | {"losses": torch.minimum(losses, untrained).double().numpy()}


# %% slideshow={"slide_type": "subslide"}
settings = {
    f"{data}{', norm' if norm else ''}; {name}": {"data": data, "norm": norm, "optimizer": name}
    for data in nets
    for norm in (False, True)
    for name in optimizers
}
runs = run_seeds(examine, seeds=range(5), settings=settings, parts=parts)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 打分數
#
# 每種設定的「最好」，是五個種子平均損失（取對數）最低的那個固定學習率。每一次讀數得兩個分數：
#
# - **差距** log₁₀（最好 ÷ 讀到的）：0 是剛好，+1 是只有最好的十分之一，−1 是最好的十倍。
# - **損失比**：讀到的學習率乘上倍數之後的損失 ÷ 最好的損失。落在兩個固定學習率之間的，用對數座標上的內插；落在範圍之外的，取端點的損失。
#
# 五個種子先平均，之後一種設定只算**一個**數：互相獨立的是設定，不是種子。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### The marks
#
# A setting's "best" is the fixed rate with the lowest mean (log) loss over five seeds. Every reading is given two marks:
#
# - **gap** log₁₀(best / reading): 0 is right, +1 ten times too small, −1 ten times too large.
# - **loss ratio**: the loss at the reading times a factor ÷ the loss at the best rate. Between two fixed rates it is interpolated on logarithmic axes; beyond them the end counts.
#
# The five seeds are averaged first, and then a setting is **one** number: what is independent is the setting, not the seed.

# %%
readings = ["minimum", "steepest", "steepest, no guards", "valley"]
factors = np.array([1 / 10, 1 / 8, 1 / 5, 1 / 3, 1 / 2, 1, 2, 3, 5, 8, 10])
gaps = {reading: [] for reading in readings}  # one number for each setting
costs = {reading: [] for reading in readings}  # log loss ratios: (settings, factors)
for name, group in runs.groupby("setting", sort=False):
    rates = np.log(optimizers[settings[name]["optimizer"]][2])
    curves = np.log(np.stack(group["losses"]))
    best = curves.mean(axis=0).argmin()
    for reading in readings:
        read = np.log(group[reading].to_numpy(dtype=float))
        gaps[reading].append((rates[best] - read).mean() / np.log(10))
        pairs = zip(read, curves, strict=True)
        cost = [np.interp(r + np.log(factors), rates, c) - c[best] for r, c in pairs]
        costs[reading].append(np.mean(cost, axis=0))
costs = {reading: np.array(cost) for reading, cost in costs.items()}


# %% slideshow={"slide_type": "subslide"}
def ratio_interval(log_ratios):
    interval = mean_interval(log_ratios)
    return Interval(*np.exp([interval.mean, interval.low, interval.high]))


as_read = list(factors).index(1)
table = {
    "gap": [f"{mean_interval(gaps[reading]):+.2f}" for reading in readings],
    "loss ratio": [f"{ratio_interval(costs[reading][:, as_read]):.2f}" for reading in readings],
}
pd.DataFrame(table, index=readings)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 照讀到的值直接用，最低點太大，山谷太小。
#
# **主張 10** 對 20 種設定平均，最低點的差距小於 −0.3，也就是比最好的學習率大一倍以上；山谷的差距大於 0.5，也就是不到最好的三分之一。
#
# 太大或太小，乘上一個倍數就能補救。倍數該是多少？從下一張圖直接讀谷底，就是在考題上挑；所以圖之後照規矩來，應考的資料集不參加挑選。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# Used as they are read, the minimum is too large and valley too small.
#
# **Claim 10** On average over the 20 settings the gap of the minimum is below −0.3, that is, over twice the best rate; that of valley is above 0.5, less than a third of the best.
#
# What is too large or too small can be mended by a factor. Which? To read it off the next picture would be to pick it on the questions; so, after the picture, the data set that examines has no say.

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（5 分鐘）fastai 的「山谷」讀法用在只訓練 100 步的小網路上，要乘上多少，損失平均才最低？
#
# - ✗ 除以 3 到 10，因為讀到的值都太大。 *太大的是最低點，山谷太小。*
# - ✗ 不必乘，這是預設值。 *預設值是為更長的訓練與 one-cycle 排程定的。*
# - ✓ 乘上 3 到 10。 *讀到的值平均不到最好學習率的三分之一。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (5 min) fastai's "valley" reading is used for small networks that train for only 100 steps. By what should it be multiplied for the lowest loss on average?
#
# - ✗ Divided by 3 to 10, for readings are too large. *It is the minimum that is too large; valley is too small.*
# - ✗ By nothing, as it is a default. *The default was made for longer training and the one-cycle schedule.*
# - ✓ By 3 to 10. *What it reads is on average less than a third of the best rate.*

# %%
claim(10, bool(np.mean(gaps["minimum"]) < -0.3 and np.mean(gaps["valley"]) > 0.5))

# %% slideshow={"slide_type": "subslide"} alt-zh="橫軸是倍數，縱軸是損失比，都是對數刻度，四條谷形曲線附色帶。最低點的谷底在五分之一到三分之一，有護欄的最陡在二分之一到一，山谷在五到八，這三個谷底差不多深。沒有護欄的最陡整條較高，谷底在三分之一附近。" alt-en="Loss ratio against the factor, both axes logarithmic; four valley-shaped curves with bands. The minimum is lowest at a fifth to a third, guarded steepest at a half to one, valley at five to eight, all three about equally deep. Unguarded steepest lies higher, lowest near a third."
figure, ax = plt.subplots(figsize=(8.5, 3.2))
for reading, marker in zip(readings, "osD^", strict=True):
    plotting.plot_band(ax, factors, np.exp(costs[reading]), reading, log=True, marker=marker)
ax.set(xlabel="factor (log)", ylabel="loss ratio (log)", xscale="log", ylim=(1, 6))
ax.set_xticks(factors, ["1/10", "", "1/5", "1/3", "1/2", "1", "2", "3", "5", "", "10"])
ax.set_yticks([1, 1.5, 2, 3, 5], ["1", "1.5", "2", "3", "5"])
ax.minorticks_off()
legend = ax.legend(loc="upper left", bbox_to_anchor=(1, 1))

# %% slideshow={"slide_type": "subslide"}
data_of = np.array([setting["data"] for setting in settings.values()])


def chosen_elsewhere(cost):  # (factors chosen, one for each data set; marks, one for each setting)
    chosen, marks = [], np.empty(len(cost))
    for data in nets:
        examined = data_of == data
        index = cost[~examined].mean(axis=0).argmin()
        chosen.append(factors[index])
        marks[examined] = cost[examined, index]
    return np.array(chosen), marks


results = {reading: chosen_elsewhere(costs[reading]) for reading in readings}
marks = pd.DataFrame({reading: marks for reading, (_, marks) in results.items()})
table = {
    "factors chosen": [", ".join(f"≈{f:.2g}" for f in results[r][0]) for r in readings],
    "loss ratio": [f"{ratio_interval(marks[r]):.2f}" for r in readings],
    "doubled, of 20": [f"≈{(marks[r] > np.log(2)).sum()}" for r in readings],
}
pd.DataFrame(table, index=readings)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 每一種讀法都有自己的好倍數，谷底卻差不多深。
#
# **主張 11** 不論留下哪一個資料集應考，挑出來的倍數都是：最低點要除以 2 到 8，山谷要乘以 3 到 10。
#
# **主張 12** 應考的結果，最低點、有護欄的最陡、山谷這三種讀法，平均損失比都低於 2，彼此相差不到三成；沒有護欄的最陡，比三者都高 10% 以上。
#
# 所以分出高下的不是看哪一點，而是**乘上合適的倍數**與**加上護欄**。下一張圖裡，一個點是一種設定，黑線是 20 種的平均與 95% 信賴區間。之後三種讀法成對比較，一種設定算一對，p 值用 Holm 校正；`detectable` 是差距至少要多大，這 20 種設定才測得出來。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# Each reading has a good factor of its own, and the bottoms are about equally deep.
#
# **Claim 11** Whichever data set is left out to examine, the factor chosen divides the minimum by 2 to 8, and multiplies valley by 3 to 10.
#
# **Claim 12** Examined so, the mean loss ratios of the minimum, guarded steepest and valley are all below 2 and within 30 % of each other; that of unguarded steepest is more than 10 % above all three.
#
# So what tells good from bad is not the place one looks at, but **a fitting factor** and **the guards**. In the next picture a dot is a setting; black is the mean over the 20 and its 95 % interval. Then the three meet in pairs, a setting a pair, p-values corrected by Holm; `detectable` is how large a difference these 20 settings would have found.

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（6 分鐘）20 種設定比下來，三種讀法乘上在別處挑的倍數之後「分不出高下」。這句話是什麼意思？
#
# - ✗ 三種一樣好，用哪一種都行，這已經證明了。 *分不出高下不是等效的證明。*
# - ✓ 差距就算有，也小到這 20 種設定測不出來；更小的差距仍有可能。 *所以要一起報告可偵測的差距。*
# - ✗ 平均最低的那一種贏了，只是贏得不多。 *區間含有 0 的時候，平均的名次可能只是運氣。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (6 min) Over 20 settings three readings, each with a factor chosen elsewhere, are "not told apart". What does that mean?
#
# - ✗ They are equally good, and that is proved. *Not told apart is no proof of equivalence.*
# - ✓ If there is a difference, it is too small for these 20 settings to find; smaller ones remain possible. *That is why the detectable difference is reported with it.*
# - ✗ The one with the lowest mean won, if by little. *Where the interval contains 0 the order of the means may be luck.*

# %%
chosen = {reading: factors for reading, (factors, _) in results.items()}
claim(
    11,
    bool(
        min(chosen["minimum"]) >= 1 / 8
        and max(chosen["minimum"]) <= 1 / 2
        and min(chosen["valley"]) >= 3
    ),
)
mean_ratio = np.exp(marks.mean())
three = mean_ratio[["minimum", "steepest", "valley"]]
close = three.max() < 2 and three.max() < 1.3 * three.min()
claim(12, bool(close and mean_ratio["steepest, no guards"] > 1.1 * three.max()))

# %% alt-zh="四種讀法各一列，橫軸是損失比（對數刻度）。最低點、有護欄的最陡與山谷的平均在 1.2 到 1.4 左右，區間互相重疊。沒有護欄的最陡平均約 1.6，有兩個點超過 3。" alt-en="A row for each of four readings against the loss ratio on a log axis. The means of minimum, guarded steepest and valley lie at about 1.2 to 1.4 with overlapping intervals. Unguarded steepest lies near 1.6, with two dots beyond 3." slideshow={"slide_type": "subslide"}
figure, ax = plt.subplots(figsize=(8.5, 2.8))
for row, reading in enumerate(readings):
    interval = ratio_interval(marks[reading])
    ends = [[interval.mean - interval.low], [interval.high - interval.mean]]
    ax.plot(np.exp(marks[reading]), [row] * 20, "o", color="#0173B2", alpha=0.5, markersize=6)
    ax.errorbar(interval.mean, row + 0.25, xerr=ends, fmt="D", color="black", capsize=4)
ax.axvline(1, color="gray", linewidth=1)
ax.set_yticks(range(len(readings)), readings)
ax.invert_yaxis()
ax.set(xscale="log", xlabel="loss ratio, factor chosen on other data sets (log)")
ax = ax.set_xticks([1, 2, 5, 10], ["1", "2", "5", "10"])

# %% slideshow={"slide_type": "subslide"}
rivals = marks[["minimum", "steepest", "valley"]]
long = rivals.melt(ignore_index=False, var_name="setting").reset_index(names="seed")
for _, pair in compare_settings(long, "value").iterrows():
    a, b = pair["a"], pair["b"]
    detectable = detectable_difference(marks[a], marks[b], num_pairs=3)
    print(f"{a} - {b}: {pair['difference']:.2f}, p ≈{pair['p']:.2g}, detectable ≈{detectable:.2f}")
third, fifth, tenth = (costs["minimum"][:, list(factors).index(1 / d)] for d in (3, 5, 10))
print(f"minimum / 3 - minimum / 5: {paired_difference(third, fifth):.2f}")
print(f"minimum / 3 - minimum / 10: {paired_difference(third, tenth):.2f}")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 以上都是對數損失比之差。在這裡，三種讀法**分不出高下**，最低點除以 3、5 或 10 也很難分；分不出不等於一樣好，小於 `detectable` 的差距仍有可能。課程的 `find_lr(...).suggestion` 用**最低點 ÷ 3**，不是因為 3 在這裡勝出，而是這個數在看考題之前就有人說過：
#
# - Smith（2017）的 3.3 節說，最好的學習率通常落在「還能收斂的最大學習率」的兩倍以內，下限則取最大值的三分之一或四分之一。
# - 最低點 ÷ 10 與山谷都來自 fastai 的程式，用在更長的訓練與 one-cycle 排程；只訓練 100 步時，兩者都偏小。
#
# **主張 13** 對 20 種設定平均，最低點 ÷ 3 的損失比，比最低點本身低 10% 以上，也比沒有乘上倍數的山谷低 10% 以上。
#
# 這裡的「最好」是批次 128、100 步之內的最好；訓練得更久，最好的可能是別的值，換了批次大小，就要重測。看一眼曲線，別只看數字。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# (All are differences of log loss ratios.) Here the three readings are **not told apart**, nor, clearly, the minimum over 3, 5 or 10; that is not "equally good", for what is smaller than `detectable` remains possible. The course's `find_lr(...).suggestion` is **minimum / 3**, not because the 3 won here, but because it was said before anyone saw these questions:
#
# - Smith (2017, section 3.3): the best rate usually lies within a factor of two of the largest that converges, and a third or a quarter of the largest makes the lower bound.
# - Minimum / 10 and valley come from fastai's code, for longer training and the one-cycle schedule; in a training of 100 steps both are on the small side.
#
# **Claim 13** On average over the 20 settings the loss ratio of minimum / 3 is more than 10 % below that of the minimum itself, and of valley without a factor.
#
# And "best" means best within 100 steps at batches of 128; for longer training another rate may be best, and for another batch size, test again. Look at the curve, not at the number alone.

# %%
plain = [costs[reading][:, as_read].mean() for reading in ("minimum", "valley")]
claim(13, bool(np.exp(third.mean()) < 0.9 * np.exp(min(plain))))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 練習 1：每個數量級走幾步
#
# 難度 ★☆☆，約 5 分鐘。
#
# 換一種說法來指定斜坡：不說總共幾點，而說**每個數量級走幾步**。寫出 `ramp_by_decade`：回傳從 `start_lr` 到 `end_lr` 的學習率，兩端都要有，每個數量級（十倍）剛好 `points_per_decade` 步。題目給的兩端，步數總是整數；`end_lr` 也可能比 `start_lr` 小。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Exercise 1: so many steps a decade
#
# Difficulty ★☆☆, about 5 minutes.
#
# Another way to specify a ramp: not by the total number of points but by **steps in each factor of ten**. Write `ramp_by_decade`: return the rates from `start_lr` to `end_lr`, both ends included, with exactly `points_per_decade` steps a decade. The ends you are given always make a whole number of steps; `end_lr` may be the smaller one.


# %% tags=["exercise"]
def ramp_by_decade(start_lr, end_lr, points_per_decade):
    raise NotImplementedError  # your code here


# %% tags=["check"]
exercises.ramp_by_decade.check(ramp_by_decade)


# %% tags=["solution"]
# One possible answer; open it once you have tried.
def ramp_by_decade_solution(start_lr, end_lr, points_per_decade):
    """Rates from start_lr to end_lr, both included, points_per_decade steps in each factor of ten."""
    num_steps = round(points_per_decade * abs(np.log10(end_lr / start_lr)))
    return np.geomspace(start_lr, end_lr, num_steps + 1)


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 練習 2：有缺口的平均
#
# 難度 ★★★，約 15 分鐘。
#
# 有些批次的損失缺了（`nan`，例如紀錄漏了那一步）。寫出 `smooth_with_gaps`：輸入長度 T 的陣列，回傳同樣長度的平滑值。第 t 個值，是到那時為止**沒有缺的**損失的加權平均；k 步以前的損失，權重是 βᵏ（缺口也算一步）。還沒出現任何損失之前，填 `nan`。
#
# 沒有缺口的時候，它就是 `smooth_losses`。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Exercise 2: an average with gaps
#
# Difficulty ★★★, about 15 minutes.
#
# Some batches have no loss (`nan`; say, where the log has holes). Write `smooth_with_gaps`: given an array of length T, return as many smoothed values. The value at step t is the weighted mean of the losses **that are there** up to then; a loss k steps old has weight βᵏ (a gap counts as a step). Before the first loss give `nan`.
#
# Without gaps it is `smooth_losses`.


# %% tags=["exercise"]
def smooth_with_gaps(losses, beta):
    raise NotImplementedError  # your code here


# %% tags=["check"]
exercises.smooth_with_gaps.check(smooth_with_gaps)


# %% tags=["solution"]
# One possible answer; open it once you have tried.
def smooth_with_gaps_solution(losses, beta):
    """Weighted mean of the losses so far that are not nan, with weight beta**age; nan before them."""
    total, weight, smoothed = 0.0, 0.0, []
    for loss in losses:
        total, weight = beta * total, beta * weight
        if not np.isnan(loss):
            total, weight = total + loss, weight + 1
        smoothed.append(total / weight if weight > 0 else np.nan)
    return np.array(smoothed)


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 練習 3：三條曲線，你選哪裡？
#
# 下面是三次學習率測試。先看形狀，也要看每一張圖的縱軸。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Exercise 3: three curves, and your choice
#
# Three range tests. Look at their shapes, and at each vertical axis.

# %% alt-zh="三條曲線。A 的損失從 2.3 下降，在學習率 0.3 附近到谷底，再升高。B 上下起伏，但縱軸只從 2.301 到 2.306。C 在學習率 0.003 附近有谷底，損失升到 8.6，學習率到 1 附近又陡降到 3。" alt-en="Three curves. A: the loss falls from 2.3 to a valley near rate 0.3, then rises. B goes up and down, but its axis only spans 2.301 to 2.306. C has a valley near rate 0.003, its loss rises to 8.6, and near rate 1 it drops steeply to 3."
figure, axes = plt.subplots(1, 3, figsize=(11, 3.0))
for ax, (name, (rates, smoothed)) in zip(axes, exercises.three_curves().items(), strict=True):
    ax.semilogx(rates, smoothed)
    ax.set(title=name, xlabel="rate (log)", ylabel="smoothed loss (nats)")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 難度 ★☆☆，約 5 分鐘。
#
# 目測即可：為 A、B、C 各選一個學習率，沒有答案的填 `None`。寫成字典：`picks = {"A": 0.5, "B": 0.5, "C": 0.5}`（當然不是 0.5）。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# Difficulty ★☆☆, about 5 minutes.
#
# Choose a rate for each of A, B and C, by eye; where there is no answer, say `None`. As a dict: `picks = {"A": 0.5, "B": 0.5, "C": 0.5}` (not 0.5, of course).

# %% tags=["exercise"]
picks = ...  # your answer here: a dict with a rate, or None, for A, B and C

# %% tags=["check"]
exercises.picks.check(picks)

# %% tags=["solution"]
# One possible answer; open it once you have tried. A third of the minimum where there is one; B
# never falls.
picks_solution = {"A": 0.1, "B": None, "C": 0.001}

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 練習 4：老老實實掃一遍
#
# 難度 ★★☆，約 15 分鐘。
#
# 建議終究只是建議，最後還是要自己試。寫出 `sweep_rates`：對 `rates` 裡的每個學習率，都從**傳進來的那個模型**出發，在訓練模式下用沒有動量的 SGD 走一遍 `batches`，記下途中每一批（更新之前）的損失，取平均；每一批算一次，不管它有幾個樣本。回傳這些平均，順序與 `rates` 相同。
#
# 呼叫結束之後，模型必須和傳入時一模一樣：權重、統計量、模式。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Exercise 4: an honest sweep
#
# Difficulty ★★☆, about 15 minutes.
#
# A suggestion is only that; in the end one tries. Write `sweep_rates`: for each rate in `rates` start from **the model you are given**, walk once through `batches` in training mode with SGD without momentum, note the loss of every batch before its step, and take the mean; every batch counts once, however many examples it holds. Return these means in the order of `rates`.
#
# After the call the model must be exactly as it came: weights, statistics, mode.


# %% tags=["exercise"]
def sweep_rates(model, batches, criterion, rates):
    raise NotImplementedError  # your code here


# %% tags=["check"]
exercises.sweep_rates.check(sweep_rates)


# %% tags=["solution"]
# One possible answer; open it once you have tried.
def sweep_rates_solution(model, batches, criterion, rates):
    """Mean loss of one pass of SGD at each rate, each from a copy of the model."""
    mean_losses = []
    for rate in rates:
        trial = copy.deepcopy(model).train()
        optimizer = torch.optim.SGD(trial.parameters(), lr=rate)
        losses = []
        for inputs, labels in batches:
            loss = criterion(trial(inputs), labels)
            losses.append(loss.item())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        mean_losses.append(sum(losses) / len(losses))
    return mean_losses


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 重點整理
#
# - 學習率測試：指數斜坡、偏差修正的平滑、失控就停、在副本上測並還原亂數。
# - 斜坡要走到失控為止；停得太早，最低點只是你自己設的終點。
# - 斜率要對學習率的對數算，而且只看最低點之前。
# - 每條曲線都有最低點，平的也有：先問損失掉了幾成。
# - 20 種設定量下來，最低點、有護欄的最陡、山谷，乘上在別處挑好的倍數之後**分不出高下**。直接用的話，最低點太大，山谷太小。`find_lr` 用的是最低點 ÷ 3。
#
# **實務上**：`find_lr(model, optimizer, criterion, loader)`，畫出曲線看一眼，用 `.suggestion` 當起點，再往上下各試一個。**下一課**：[[label_smoothing]]，標籤平滑。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Summary
#
# - A range test: exponential ramp, bias-corrected smoothing, a stop on divergence, on copies, with the generators put back.
# - The ramp must go on until the loss runs away; stop too early, and the minimum is your own choice of end.
# - The slope is against log(rate), and only up to the minimum.
# - Every curve has a minimum, a flat one too: first ask by what share the loss falls.
# - Over 20 settings minimum, guarded steepest and valley, each with a factor chosen elsewhere, are **not told apart**. Used as they are, the minimum is too large and valley too small. `find_lr` takes minimum / 3.
#
# **In practice**: `find_lr(model, optimizer, criterion, loader)`, look at the curve, begin at `.suggestion`, and try one rate above and one below. **Next**: [[label_smoothing]], label smoothing.

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "skip"}
# ### 原始文獻
#
# - Smith（2017），Cyclical learning rates for training neural networks，WACV，arXiv:1506.01186。學習率測試與三分之一、四分之一的經驗法則，都出自 3.3 節。
# - Holm（1979），A simple sequentially rejective multiple test procedure，Scandinavian Journal of Statistics 6(2)，65–70。
# - Kingma、Ba（2015），Adam: a method for stochastic optimization，ICLR，arXiv:1412.6980。偏差修正。
# - Howard、Gugger（2020），fastai: a layered API for deep learning，Information 11(2)，108，doi:10.3390/info11020108，arXiv:2002.04688。讓指數斜坡流行起來的函式庫。最低點 ÷ 10、最陡與山谷見其程式 fastai/callback/schedule.py；山谷是 2021 年的 pull request 3377 加入的。

# %% [markdown] lang="en" slideshow={"slide_type": "skip"}
# ### Primary sources
#
# - Smith (2017), Cyclical learning rates for training neural networks. WACV, arXiv:1506.01186. The range test, and the third or quarter of the maximum: section 3.3.
# - Holm (1979), A simple sequentially rejective multiple test procedure. Scandinavian Journal of Statistics 6(2), 65–70.
# - Kingma, Ba (2015), Adam: a method for stochastic optimization. ICLR, arXiv:1412.6980. The bias correction.
# - Howard, Gugger (2020), fastai: a layered API for deep learning. Information 11(2), 108, doi:10.3390/info11020108, arXiv:2002.04688. The library that made the exponential ramp popular. Minimum / 10, steepest and valley stand in its code, fastai/callback/schedule.py; valley came with pull request 3377 in 2021.
