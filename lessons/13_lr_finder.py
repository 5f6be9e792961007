# %% [markdown] lang="zh-TW" about="親手寫出學習率測試，再用九個固定學習率檢驗每一種挑法" slideshow={"slide_type": "slide"}
# # 學習率尋找器
#
# 換了模型、換了資料，學習率要設多少？試九個值就得訓練九次。**學習率測試**只花一百多個批次：讓學習率一路升高，看損失什麼時候開始掉、什麼時候失控。學完之後，你能夠
#
# - 從頭寫出這個測試：指數斜坡、修正過的平滑、發散就停、不留痕跡；
# - 指出網路上常見寫法的三個錯誤，並量出它們的後果；
# - 從一條曲線讀出建議，也知道什麼時候該回答「沒有建議」；
# - 說出五種讀法裡哪一種量起來最好，以及它什麼時候也會看走眼。
#
# 先備：[[optimizers]]（學習率與優化器）、[[mnist_mlp]]（訓練迴圈）。

# %% [markdown] lang="en" about="the range test written out, and its rules held against runs at nine fixed rates" slideshow={"slide_type": "slide"}
# # The learning-rate finder
#
# A new model, new data: which learning rate? Trying nine values means training nine times. A **range test** takes a hundred-odd batches: let the rate climb, and watch when the loss begins to fall and when it runs away. By the end you can
#
# - write the test from scratch: exponential ramp, corrected smoothing, a stop on divergence, no trace left behind;
# - name the three errors of its usual version, and measure what they do;
# - read a suggestion off a curve, and know when the answer is "no suggestion";
# - say which of five ways to read it measured best, and when that one, too, is mistaken.
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
from torch.utils.data import TensorDataset

from course_utils import plotting, seeding
from course_utils.exercises import lr_finder as exercises
from course_utils.experiment import run_seeds
from course_utils.intervals import Interval, compare_settings, mean_interval, share_interval
from course_utils.loader import TensorLoader
from course_utils.lr_finder import endless, find_lr, relative_drop
from course_utils.mnist import load_mnist
from course_utils.models import MLP, MNIST_MLP
from course_utils.notebook.claims import claim
from course_utils.optimizers import adam_step, sgd_step
from course_utils.seeding import seeded
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

# %%
mnist = load_mnist()
print(mnist.banner())
train_part = mnist.train.subset(min(12_000, len(mnist.train)))
val_loader = TensorLoader(mnist.val, batch_size=1000)
criterion = nn.CrossEntropyLoss()


# %%
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


# %% saved="lr_finder: exponential_ramp"
def exponential_ramp(start_lr, end_lr, num_steps):
    share_done = np.arange(num_steps) / (num_steps - 1)
    return start_lr * (end_lr / start_lr) ** share_done


lrs = exponential_ramp(1e-6, 10, 141)
added = np.linspace(1e-6, 10, 141)

# %% alt-zh="學習率對步數，縱軸是對數。乘法的斜坡是一條直線；加法的斜坡第一步就跳到 0.07，之後幾乎平貼在頂端。" alt-en="The rate against steps, vertical axis logarithmic. The multiplied ramp is a straight line; the added one leaps to 0.07 in its first step and then hugs the top."
figure, ax = plt.subplots(figsize=(8, 2.2))
ax.semilogy(lrs, label="multiply by the same factor")
ax.semilogy(added, label="add the same amount")
ax.set(xlabel="step", ylabel="rate (log)")
legend = ax.legend()

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 只有兩個：起點，和它的下一步。對學習率來說，0.001 和 0.01 的差別與 0.1 和 1 一樣大，所以要用乘的。
#
# `num_steps - 1` 不是筆誤：141 個點之間只有 140 步，少減這個 1，就走不到終點。
#
# **主張 1** 加法的斜坡，141 個點只有 2 個在 0.1 以下；乘法的斜坡有 100 個，而且七個十倍各分到 20 步，兩端剛好是 10⁻⁶ 與 10。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# Only two: the start, and the step after it. To a rate, 0.001 and 0.01 are as different as 0.1 and 1, hence the factor.
#
# The `num_steps - 1` is no slip: between 141 points there are 140 steps, and without the −1 the ramp never reaches its end.
#
# **Claim 1** Of the 141 points, the added ramp has only 2 below 0.1; the multiplied one has 100, gives each of the seven decades 20 steps, and has 10⁻⁶ and 10 as its ends.

# %%
each_decade = np.histogram(np.log10(lrs[:-1]) + 0.01, bins=np.arange(-6, 2))[0]
ends = np.allclose(lrs[[0, -1]], [1e-6, 10])
below = [int((ramp < 0.0999).sum()) for ramp in (added, lrs)]
claim(1, below == [2, 100] and bool((each_decade == 20).all()) and ends)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 第一次嘗試
#
# 一步還是那五個動作，只是前面多了「換上下一個學習率」。優化器可能有好幾組參數（各有各的學習率），`set_lr` 讓最大的那組跟著斜坡走，其餘維持原來的比例。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## A first try
#
# A step is the same five acts as ever, and before them comes "take the next rate". An optimizer may hold several groups of parameters with rates of their own; `set_lr` lets the highest follow the ramp and keeps the others in proportion.


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


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 網路是 784-64-10，優化器是 SGD。12,000 張圖不到一百個批次，`endless` 走完一輪就從頭再來。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# The network is 784-64-10, the optimizer SGD. 12,000 images make fewer than a hundred batches; `endless` starts over when they are used up.


# %%
def small_net(seed):
    model = MLP(784, [64], 10, seed=seed)
    return model, torch.optim.SGD(model.parameters(), lr=0.1)


model, optimizer = small_net(seed=0)
raw_losses = first_try(model, optimizer, endless(shuffled(train_part, 0)), lrs)

# %% alt-zh="每個批次的損失對學習率，雙對數座標：10 的負 6 次方到 0.001 平平的帶著毛邊，之後下降，在 0.2 附近最低，接著衝到十以上，再亂跳著掉回來。" alt-en="The loss of each batch against the rate, both axes logarithmic: flat and ragged from 1e-6 to 0.001, then falling, lowest near 0.2, then shooting up beyond ten and tumbling back erratically."
figure, ax = plt.subplots(figsize=(8, 3.0))
ax.loglog(lrs, raw_losses, label="loss of one batch")
ax.set(xlabel="rate (log)", ylabel="loss (nats, log)")
legend = ax.legend()

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 先平、再降、最後失控，和你畫的一樣嗎？形狀出來了，但有三件事還沒處理：
#
# 1. **毛邊**：每個批次的損失都帶著雜訊，「最低點」會隨運氣跳來跳去。
# 2. **失控之後**還一直走：那些點只會騙人，你看它後來又「掉下來」了。
# 3. **模型壞了**：剛才動的是真的權重。
#
# 一件一件來。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# Flat, falling, then out of control: as you drew it? The shape is there, and three things are not dealt with:
#
# 1. **Raggedness**: every batch has its noise, and "the lowest point" jumps about with luck.
# 2. It **goes on after running away**: those points only mislead; look how the loss "falls" again.
# 3. **The model is ruined**: those were the real weights.
#
# One after the other.

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 平滑：第一個損失該有多重？
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

# %%
versions = {
    "corrected": smooth_losses,
    "from the first loss": lambda losses: smooth_plainly(losses, start=losses[0]),
    "from 0": lambda losses: smooth_plainly(losses, start=0.0),
}
weights = {name: [smooth(one)[-1] for one in np.eye(11)] for name, smooth in versions.items()}

# %% alt-zh="第 11 步的平均裡，第 1 到第 11 個損失的權重。修正過的與從 0 開始的都隨年紀平滑下降；從第一個損失開始的，第一個高達 0.35，遠遠高過其他。" alt-en="Weights of losses 1 to 11 in the average at step 11. Corrected and from-zero fall smoothly with age; the version that starts at the first loss gives that loss 0.35, far above the others."
figure, ax = plt.subplots(figsize=(8, 2.8))
for (name, weight), marker in zip(weights.items(), "os^", strict=True):
    ax.plot(range(1, 12), weight, marker=marker, label=name)
ax.set(xlabel="which loss (1 is the oldest)", ylabel="weight at step 11", ylim=(0, 0.4))
legend = ax.legend()

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 從第一個損失開始的寫法，十步之後還有三成五是**那一個批次**的運氣。從 0 開始的權重則加不到 1，平均會偏低：對「找最低點」來說更糟，最低點就是第一步（除非損失後來掉到一成左右以下）。
#
# **主張 2** 第 11 步時，第一個損失的權重：從它開始的寫法是 0.9¹⁰ ≈ 0.349，修正過的不到 0.052，差了六倍以上。修正過的權重和是 1，從 0 開始的只有 0.686。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# Started at the first loss, the average is still 35 % **that one batch's** luck after ten steps. Started at 0, the weights do not add up to 1 and the average is too low: worse still when one looks for the lowest point, for that is then the first step, unless the loss falls below about a tenth.
#
# **Claim 2** At step 11 the first loss weighs 0.9¹⁰ ≈ 0.349 where the average started with it, and less than 0.052 when corrected, under a sixth of that. The corrected weights add up to 1, those from 0 to 0.686 only.

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
# 兩種情況要停：損失不是有限的數，或平滑後的損失超過最低值的四倍（寫成「最低值加上它的絕對值的三倍」，這樣寫，損失可能為負時也適用）。把它放進迴圈，就是完整的學習率測試。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Stop when it runs away
#
# Two reasons to stop: the loss is no longer finite, or the smoothed loss exceeds four times its lowest value (written as the value plus three times its size, which also serves losses that can be negative). Put into the loop, that makes the range test complete.


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


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 五個種子，各跑一次：

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# Five seeds, one test each:

# %%
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
# 五個種子的谷底很接近。衝破四倍的當場停下，沒衝那麼高的走完斜坡。
#
# 測試把模型帶到了失控為止。現在就接著訓練，會怎樣？先看看它們還剩下多少本事。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Leave no trace
#
# The valleys of the five seeds lie close together. A test ends where the loss passes four times its lowest value; one that never climbs so high walks its ramp to the end.
#
# The test took the models all the way to running away. What if you just went on training them? First see what they are still good for.

# %%
after_test = [evaluate(model, val_loader, criterion, "cpu")[1] for model in tested_models]
print(f"validation accuracy after the test: {mean_interval(after_test):.0%}")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# **主張 3** 測試結束時，五個模型的驗證準確率都低於 50 %：它們已經毀了。
#
# 所以要在**副本**上測。但複製的時候有個陷阱：優化器手上拿的是誰的參數？

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# **Claim 3** When the test ends, all five models have a validation accuracy below 50 %: they are ruined.
#
# So test a **copy**. But there is a trap in copying: whose parameters does the optimizer hold?

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
# 還有一種看不見的痕跡：**亂數**。測試抽過 dropout 的遮罩，也洗過牌，接下來的訓練就和沒測過的不同了。`course_utils.lr_finder.find_lr` 把上面的零件組合起來：副本、斜坡、平滑、停止，最後（就算中途出錯）把所有的亂數產生器撥回原處。
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


# %%
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
# - **最低點**、**最低點 ÷ 10**、**最低點 ÷ 3**：最低點已經在失控邊緣，退一步，但退多少？
# - **山谷**（fastai 的預設）：找最長的一串越來越低的損失（中間可以跳過幾點），從它的終點往回走半個長度。fastai 會先去掉前十分之一和最後 5 點，這裡不去。
#
# 最陡的讀法加了兩道護欄：前 15 點不看（平均還沒開始作用），最低點之後也不看。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Reading a number off the curve
#
# There is a curve; which point? Several rules are in use:
#
# - **steepest**: where the loss falls fastest.
# - **minimum**, **minimum / 10**, **minimum / 3**: the minimum is at the brink already, so step back; but how far?
# - **valley** (fastai's default): take the longest series of ever lower losses (points may be skipped), and go back half its length from its end. fastai first drops the first tenth and the last 5 points; here none is dropped.
#
# The steepest rule has two guards here: the first 15 points do not count (the average has hardly begun), nor does anything beyond the minimum.


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


# %% slideshow={"slide_type": "subslide"}
rates, smoothed = tests[0]
minimum = rates[smoothed.argmin()]
readings = {
    "steepest": steepest_rate(rates, smoothed),
    "minimum": minimum,
    "minimum/3": minimum / 3,
    "minimum/10": minimum / 10,
    "valley": valley_rate(rates, smoothed),
}

# %% alt-zh="種子 0 的平滑曲線，上面標出五種讀法：由左到右是山谷、最低點除以 10、最低點除以 3 與最陡（幾乎重疊）、最低點，相差約兩個數量級。" alt-en="Seed 0's smoothed curve with five marks: from left to right valley, minimum/10, minimum/3 and steepest (almost on top of each other), minimum, almost two orders of magnitude apart."
figure, ax = plt.subplots(figsize=(8, 3.2))
ax.semilogx(rates, smoothed, color="black", linestyle="-")
for (rule, rate), marker in zip(readings.items(), "Do^sv", strict=True):
    height = np.interp(np.log(rate), np.log(rates), smoothed)
    ax.plot(rate, height, marker, markersize=10, label=f"{rule}")
ax.set(xlabel="rate (log)", ylabel="smoothed loss (nats)", ylim=(0, 4))
legend = ax.legend(loc="lower left")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 五種讀法從大約 0.006 到 0.45，差了將近兩個數量級。你會選哪一個？先記下來，這一課的後半要考它們。
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

# %%
against_lr = [rates[np.gradient(smoothed, rates).argmin()] for rates, smoothed in tests]
against_log = [steepest_rate(rates, smoothed) for rates, smoothed in tests]
print("against the rate:     ", *[f"≈{rate:.1e}" for rate in against_lr])
print("against log(rate):    ", *[f"≈{rate:.1e}" for rate in against_log])

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 在斜坡的起點！那裡相鄰兩個學習率只差 10⁻⁷，一點點雜訊除以這麼小的數，就成了懸崖。
#
# **主張 5** 五個種子都一樣：對學習率本身微分，建議都小於 10⁻⁴；對它的對數微分，都大於 0.01。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# At the very start of the ramp! Neighboring rates differ by 10⁻⁷ there, and a little noise divided by so small a number becomes a cliff.
#
# **Claim 5** For all five seeds: against the rate, the suggestion is below 10⁻⁴; against log(rate) it is above 0.01.

# %%
claim(5, max(against_lr) < 1e-4 and min(against_log) > 0.01)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 沒有護欄的「最陡」
#
# 換成 `MNIST_MLP`（剛才已經測好五個種子）。它的損失衝高之後又會掉回來（批次正規化可能是原因之一，這裡沒有測）。最陡的下坡在哪裡？

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### "Steepest" without guards
#
# Take `MNIST_MLP` (its five seeds have been tested above). Its loss shoots up and comes down again (batch norm may be one reason; that is not tested here). Where is the steepest way down?

# %% alt-zh="MNIST_MLP 的平滑曲線：在 0.7 附近最低，之後升高又掉回來。空心圓標在最後那段下坡上，是沒有護欄的最陡；實心菱形在 0.1 附近，是有護欄的。" alt-en="MNIST_MLP's smoothed curve: lowest near 0.7, then up and down again. A hollow circle on that last descent marks unguarded steepest; a filled diamond near 0.1 the guarded one."
curve = found[0]
unguarded = [t.lrs[np.gradient(t.smoothed, np.log(t.lrs)).argmin()] for t in found]
guarded = [t.suggestions["steepest"] for t in found]
figure, ax = plt.subplots(figsize=(8, 2.6))
ax.semilogx(curve.lrs, curve.smoothed, color="black", linestyle="-")
for rate, marker, fill, name in (
    (unguarded[0], "o", "none", "unguarded"),
    (guarded[0], "D", "full", "guarded"),
):
    height = curve.smoothed[np.flatnonzero(curve.lrs == rate)[0]]
    ax.plot(rate, height, marker, fillstyle=fill, markersize=11, label=f"steepest, {name}")
ax.set(xlabel="rate (log)", ylabel="smoothed loss (nats)")
legend = ax.legend(loc="lower left")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 它選了失控之後「從很高的地方掉回來」的那一段。
#
# **主張 6** 五個種子的 `MNIST_MLP`，沒有護欄的建議都大於 1；有護欄的都小於 0.5。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# It chose the stretch after the loss had run away, where it falls back from far above.
#
# **Claim 6** For five seeds of `MNIST_MLP` the unguarded suggestion is above 1 every time, the guarded one below 0.5.

# %%
print("unguarded:", *[f"≈{rate:.2g}" for rate in unguarded])
print("guarded:  ", *[f"≈{rate:.2g}" for rate in guarded])
claim(6, min(unguarded) > 1 and max(guarded) < 0.5)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 常見的寫法，三個錯誤
#
# 很多教學的學習率尋找器長這樣：從 10⁻⁷ 升到 1，走 100 步；從第一個損失開始平滑；文字說「選損失掉得最快的地方」，程式卻算「最低點 ÷ 10」。模型是 `MNIST_MLP`（每層 128 個單元）和 SGD。
#
# 想一想：斜坡的終點是**你**隨手設的。如果終點設成 0.3 而不是 1，建議會跟著變嗎？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## The usual version and its three errors
#
# In many tutorials the finder looks like this: from 10⁻⁷ up to 1 in 100 steps; an average that starts at the first loss; the text says "take the rate where the loss falls fastest", the code computes minimum / 10. The model is `MNIST_MLP` (128 units per layer) with SGD.
#
# Predict: the end of the ramp is **your** casual choice. Had you chosen 0.3 instead of 1, would the suggestion change?


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
# 1. **斜坡停在 1，什麼都沒失控**：曲線到終點還在下降，「最低點」就是終點（步數從 0 數起，99 就是最後一步）。你以為量的是模型，其實量的是自己設的終點。
# 2. **文字與程式說的不是同一個學習率**。
# 3. **平滑太看重第一個損失**（主張 2）。
#
# （還有一個小的：學習率乘了 100 次，最後一次乘完卻沒有批次用到它，所以終點永遠走不到。）
#
# **主張 7** 五個種子、兩種終點，「最低點」都落在最後 5 步；終點從 0.3 改成 1，程式的建議都變成 1.5 倍以上。
#
# **主張 8** 終點 0.3 時，文字說的學習率，五個種子都是程式算的兩倍以上。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# 1. **The ramp ends at 1 and nothing runs away**: the curve is still falling at its end, and the end is the "minimum" (steps count from 0, so 99 is the last). You think you measure the model, and measure your own choice.
# 2. **Text and code do not speak of the same rate.**
# 3. **The average makes too much of the first loss** (claim 2).
#
# (And a small one: the rate is multiplied 100 times, but no batch is left to use the last product, so the end is never reached.)
#
# **Claim 7** For five seeds and both ends the "minimum" lies in the last 5 steps; with the end moved from 0.3 to 1, what the code suggests grows more than 1.5 times every time.
#
# **Claim 8** With the ramp up to 0.3, the rate of the text is over twice that of the code for all five seeds.

# %%
at_the_end = min(table["lowest"].min() for table in usual.values()) >= 95
follows = (usual["1.0"]["code"] / usual["0.3"]["code"] > 1.5).all()
claim(7, bool(at_the_end and follows))
claim(8, bool((usual["0.3"]["text"] / usual["0.3"]["code"] > 2).all()))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 修好之後呢？`find_lr` 的斜坡走到 10，`MNIST_MLP`（這裡每層 256 個單元）的最低點就遠離終點了：

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# And once mended? The ramp of `find_lr` goes up to 10, and the minimum of `MNIST_MLP` (here 256 units per layer) is nowhere near the end:

# %%
lowest = [float(t.lrs[t.smoothed.argmin()]) for t in found]
print("minimum:  ", *[f"≈{rate:.2f}" for rate in lowest])
print("minimum/3:", *[f"≈{t.suggestion:.2f}" for t in found])

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 有時候，答案是「沒有」
#
# 全部權重都是 0 的網路（[[initialization]]）學不動：每一個權重的梯度都是 0，只有輸出的偏置會動。拿它去測，會得到什麼建議？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Sometimes the answer is "none"
#
# A network with all weights 0 ([[initialization]]) cannot learn: the gradient of every weight is 0, and only the output's bias moves. Put it to the test; what will be suggested?

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
# 每條曲線都有最低點，平的也不例外：那只是雜訊或輸出偏置的小小移動挑的。`find_lr` 先問損失**掉了幾成**（與前 15 點的中位數相比），不到 2 % 就回答 `None`。
#
# **主張 9** 死掉的網路，五個種子的損失都掉不到 1 %，全部回答 `None`；活的 `MNIST_MLP` 都掉了 30 % 以上。

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
# 不能只看一個模型，那可能剛好適合某一種讀法。我們用 **4 種任務 × 2 種優化器 = 8 種設定**，每一種五個種子：
#
# - 數字：4,000 張圖，縮成 7×7，49-32-10；另有兩個隱藏層加批次正規化的（norm）。
# - 正弦：2,000 個點的迴歸。
# - 螺旋：2,000 個點，分成兩類。
#
# 標準答案是老實算出來的：九個固定的學習率各訓練 100 步，看**驗證損失**。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## The examination: which rule is best?
#
# One model is not enough: it may happen to suit one rule. So **4 tasks × 2 optimizers = 8 settings**, five seeds each:
#
# - digits: 4,000 images at 7×7, 49-32-10; and again with two hidden layers and batch norm ("norm").
# - sine: a regression on 2,000 points.
# - spirals: 2,000 points in two classes.
#
# The right answers are computed honestly: train at each of nine fixed rates for 100 steps and look at the **validation loss**.


# %%
def quarter_size(dataset, size):
    images, labels = dataset.subset(min(size, len(dataset))).tensors
    return TensorDataset(nn.functional.avg_pool2d(images, 4), labels)


def noisy_sine(size, generator):
    x = 6 * torch.rand(size, 1, generator=generator) - 3
    return TensorDataset(x, torch.sin(2 * x) + 0.1 * torch.randn(size, 1, generator=generator))


def two_spirals(size, generator):
    label = torch.randint(0, 2, (size,), generator=generator)
    radius = torch.rand(size, generator=generator)
    angle = 7 * radius + torch.pi * label
    xy = 2 * radius * torch.stack([angle.cos(), angle.sin()])
    return TensorDataset(xy.T + 0.05 * torch.randn(size, 2, generator=generator), label)


# %% slideshow={"slide_type": "subslide"}
generator = seeding.generator(0)
parts = {
    "digits": (quarter_size(mnist.train, 4000), quarter_size(mnist.val, 1000)),
    "sine": tuple(noisy_sine(size, generator) for size in (2000, 1000)),
    "spirals": tuple(two_spirals(size, generator) for size in (2000, 1000)),
}

# %% alt-zh="左圖是帶雜訊的正弦曲線上的點；右圖是兩條互相纏繞的螺旋，一條用圓點、一條用叉號。" alt-en="Left: points on a noisy sine. Right: two spirals wound around each other, one of dots, one of crosses."
figure, (left, right) = plt.subplots(1, 2, figsize=(8, 2.8))
x, y = parts["sine"][1].tensors
left.plot(x, y, ".", markersize=3)
left.set(xlabel="x", ylabel="y")
x, label = parts["spirals"][1].tensors
for k, marker in enumerate(".x"):
    right.plot(*x[label == k].T, marker, markersize=4, label=f"class {k}")
right.set(xlabel="x₁", ylabel="x₂")
legend = right.legend(loc="upper left", bbox_to_anchor=(1, 1))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 九種學習率並排訓練
#
# [[optimizers]]的規則是逐元素的，所以同一個種子的許多網路可以疊在一起，每個網路用自己的學習率，看到同樣的批次。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### Nine rates trained side by side
#
# The rules of [[optimizers]] work element by element, so many networks of one seed can be stacked; each has its own rate, and all see the same batches.


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


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 一場考試
#
# 先用 `find_lr` 求出各種讀法的建議，再把它們和九個固定的學習率一起訓練。發散、或比沒訓練過還差的，一律當作「沒訓練過」的損失。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### One examination
#
# `find_lr` gives the suggestion of each rule; then these and the nine fixed rates are trained together. What diverges, or ends worse than untrained, counts as untrained.

# %%
nets = {
    "digits": ((49, [32], 10), "digits", False),
    "digits, norm": ((49, [32, 32], 10), "digits", True),
    "sine": ((1, [32, 32], 1), "sine", False),
    "spirals": ((2, [32, 32], 2), "spirals", False),
}
optimizers = {
    "SGD": (sgd_step, lambda p: torch.optim.SGD(p, lr=0.1), np.logspace(-3, 1, 9)),
    "Adam": (adam_step, lambda p: torch.optim.Adam(p), np.logspace(-4, 0, 9)),
}


# %% slideshow={"slide_type": "subslide"}
def suggestions_of(seed, net, optimizer, parts):
    widths, data, batch_norm = nets[net]
    model = MLP(*widths, batch_norm=batch_norm, seed=seed)
    criterion = nn.MSELoss() if data == "sine" else nn.CrossEntropyLoss()
    loader = shuffled(parts[data][0], seed=100 + seed)
    test = find_lr(model, optimizers[optimizer][1](model.parameters()), criterion, loader)
    steepest = np.gradient(test.smoothed, np.log(test.lrs)).argmin()
    naive = {"minimum": test.lrs[test.smoothed.argmin()], "steepest, no guards": test.lrs[steepest]}
    return {**naive, **test.suggestions}


# %%
def hold_against_grid(seed, net, optimizer, parts):
    widths, data, batch_norm = nets[net]
    step, _, grid = optimizers[optimizer]
    suggestions = suggestions_of(seed, net, optimizer, parts)
    rates = [*grid, *suggestions.values()]
    stack = StackedMLP(*widths, seeds=[seed] * len(rates), batch_norm=batch_norm)
    held_out = parts[data][1].tensors
    untrained = losses_of(stack.eval(), *held_out).detach()
    train_at(rates, stack.train(), step, endless(shuffled(parts[data][0], seed)))
    losses = losses_of(stack.eval(), *held_out).detach().nan_to_num(nan=torch.inf)
    losses = torch.minimum(losses, untrained).double().numpy()
    return {"suggestions": suggestions, "grid_losses": losses[:9], "losses": losses[9:]}


# %% slideshow={"slide_type": "subslide"}
settings = {
    f"{net}; {optimizer}": {"net": net, "optimizer": optimizer}
    for net in nets
    for optimizer in optimizers
}
runs = run_seeds(hold_against_grid, seeds=range(5), settings=settings, parts=parts)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 先看兩場：數字、一個隱藏層。曲線是標準答案；直線是五個種子建議的幾何平均。哪一條直線最靠近谷底？

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# Look at two of them first: digits, one hidden layer. The curves are the right answers; vertical lines are suggestions, geometric means over five seeds. Which line is nearest the bottom?

# %% alt-zh="兩張小圖，SGD 與 Adam，驗證損失對學習率的山谷形曲線與帶狀區間。最低點的直線落在谷底右側的陡坡旁，最低點除以 3 靠近谷底，山谷在左邊很遠。" alt-en="Two panels, SGD and Adam: valley-shaped curves of validation loss against the rate, with bands. The minimum's line lies right of the bottom, by the steep side; minimum/3 is near the bottom; valley far to the left."
figure, axes = plt.subplots(1, 2, figsize=(9, 2.7), sharey=True)
for ax, (name, (_, _, grid)) in zip(axes, optimizers.items(), strict=True):
    some = runs[runs["setting"] == f"digits; {name}"]
    plotting.plot_band(ax, grid, np.stack(some["grid_losses"]), "fixed rates", log=True, marker="o")
    rates = pd.DataFrame(list(some["suggestions"])).astype(float)
    for rule, style in (
        ("minimum", ":"),
        ("minimum/3", "-"),
        ("minimum/10", "--"),
        ("valley", "-."),
    ):
        ax.axvline(np.exp(np.log(rates[rule]).mean()), color="black", linestyle=style, label=rule)
    ax.set(title=name, xlabel="rate (log)", xscale="log")
axes[0].set_ylabel("validation loss (nats, log)")
legend = axes[1].legend(loc="upper left", bbox_to_anchor=(1, 1))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 打分數
#
# 在完整的 MNIST 上，Adam 那張最靠近谷底的是最低點 ÷ 10。SGD 那張，最低點離最好的那個最近，卻已經站在右邊的陡坡上；÷ 3 落在左邊，損失幾乎沒差。這兩張的谷底都是左緩右陡，**在這裡太大比太小貴**，所以要打兩種分數，也不能只看兩張圖。
#
# 每種設定的「最好」，是五個種子平均損失（取對數）最低的那個固定學習率。每個建議得兩個分數：
#
# - **差距** log₁₀（最好 ÷ 建議）：0 是剛好，+1 是只有最好的十分之一，−1 是最好的十倍。
# - **損失比**：用建議訓練的損失 ÷ 用最好的訓練的損失。
#
# 九個學習率彼此相隔約 3.2 倍（10⁰·⁵），所以單獨一種設定的差距，只準到 ±0.25 左右；平均八種才看得更細。下表的 ± 是五個種子的 95 % 區間，沒有算進這個 ±0.25。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### The marks
#
# On full MNIST the line nearest the bottom with Adam is minimum / 10. With SGD the minimum is nearest to the best rate, yet it already stands on the steep right side; minimum / 3, to the left, costs next to nothing. In both, the left side is gentle and the right one steep: **here too large costs more than too small**. Hence two marks, and more than two pictures.
#
# A setting's "best" is the fixed rate with the lowest mean (log) loss over five seeds. Every suggestion is given two marks:
#
# - **gap** log₁₀(best / suggestion): 0 is right, +1 ten times too small, −1 ten times too large.
# - **loss ratio**: the loss at the suggestion ÷ the loss at the best rate.
#
# The nine rates are a factor of about 3.2 apart (10⁰·⁵), so the gap of a single setting is good to about ±0.25 only; the mean over eight sees finer. The ± in the table is the 95 % interval over five seeds, without this ±0.25.

# %%
rows = []
for setting, group in runs.groupby("setting", sort=False):
    grid = optimizers[settings[setting]["optimizer"]][2]
    grid_losses = np.stack(group["grid_losses"])
    best = np.log(grid_losses).mean(axis=0).argmin()
    for index, run in enumerate(group.to_dict("records")):
        ratios = run["losses"] / grid_losses[index, best]
        for (rule, rate), ratio in zip(run["suggestions"].items(), ratios, strict=True):
            marks = {"gap": np.log10(grid[best] / rate), "log_ratio": np.log(ratio)}
            rows.append({"task": setting, "seed": run["seed"], "rule": rule, **marks})
marks = pd.DataFrame(rows)


# %% slideshow={"slide_type": "subslide"}
def cell(values):
    interval = mean_interval(values)
    return f"≈{interval.mean:+.2f}±≈{interval.half_width:.2f}"


rules = ["minimum", "minimum/3", "minimum/10", "steepest", "steepest, no guards", "valley"]
by_setting = marks.groupby(["task", "rule"], sort=False)["gap"].apply(cell).unstack()[rules]
by_setting.rename_axis(index="log₁₀(best / suggestion)", columns=None)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 八個點
#
# 把上面的表畫出來：一個點是一種設定，黑線是八種設定的平均與 95 % 區間。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### Eight dots
#
# The same table as a picture: a dot is a setting; black is the mean over the eight and its 95 % interval.

# %% alt-zh="六種讀法各一列，橫軸是最好除以建議的常用對數。最低點整列偏左（太大），山谷整列偏右約 1（只有十分之一），最低點除以 10 偏右約 0.4，有護欄的最陡以 0 為中心，最低點除以 3 與沒有護欄的最陡略微偏左。" alt-en="A row for each of six rules against log10(best / suggestion). Minimum lies left (too large), valley right by about 1 (ten times too small), minimum/10 right by about 0.4; guarded steepest is centered on 0, minimum/3 and unguarded steepest lie slightly left of it."
figure, ax = plt.subplots(figsize=(8.5, 2.8))
for row, rule in enumerate(rules):
    gaps = marks[marks["rule"] == rule].groupby("task")["gap"].mean()
    interval = mean_interval(gaps)
    ax.plot(gaps, [row] * len(gaps), "o", color="#0173B2", alpha=0.5, markersize=6)
    ax.errorbar(
        interval.mean, row + 0.25, xerr=interval.half_width, fmt="D", color="black", capsize=4
    )
ax.axvline(0, color="gray", linewidth=1)
ax.set_yticks(range(len(rules)), rules)
ax.invert_yaxis()
text = ax.set_xlabel("log₁₀(best / suggestion): too large ← 0 → too small")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# **主張 10** 對八種設定平均：最低點本身太大（差距小於 −0.2），最低點 ÷ 10 太小（大於 0.15），山谷還不到最好的四分之一（大於 0.6），最低點 ÷ 3 在 ±0.3 之內（不到兩倍）。
#
# 換句話說：最低點平均大約是最好的學習率的三、四倍（在完整的 MNIST 上，個別設定從一倍半到十倍以上）。**÷ 3 不是魔術，是量出來的**。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# **Claim 10** Over the eight settings, on average: the minimum itself is too large (gap below −0.2), minimum / 10 is too small (above 0.15), valley is over four times too small (above 0.6), and minimum / 3 lies within ±0.3 (less than a factor of two).
#
# In other words: on average the minimum sits at roughly three to four times the best rate (on full MNIST, in single settings, from about one and a half times to over ten). **The 3 is no magic: it is measured.**

# %%
gaps = marks.groupby(["rule", "task"])["gap"].mean().groupby("rule").mean()
sides = gaps["minimum"] < -0.2 and gaps["minimum/10"] > 0.15 and gaps["valley"] > 0.6
claim(10, bool(sides and abs(gaps["minimum/3"]) < 0.3))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 差距要付多少代價？
#
# 學習率差兩倍，損失未必差多少。看損失比（幾何平均，八種設定的區間），還有「損失超過兩倍」的比例：

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### What does a gap cost?
#
# A rate off by a factor of two may cost little. Here are the loss ratios (geometric mean, interval over the eight settings), and how often the loss more than doubles:


# %%
def ratio_interval(log_ratios):
    interval = mean_interval(log_ratios)
    return Interval(*np.exp([interval.mean, interval.low, interval.high]))


ratios = marks.groupby(["rule", "task"])["log_ratio"].mean()
doubled = (marks["log_ratio"] > np.log(2)).groupby(marks["rule"]).sum()
table = {
    "loss ratio": [f"{ratio_interval(ratios[rule]):.2f}" for rule in rules],
    "more than doubled": [f"{share_interval(int(doubled[rule]), 40):.0%}" for rule in rules],
}
pd.DataFrame(table, index=rules)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# **主張 11** 平均損失比，最低點 ÷ 3 低於 1.5；最低點、最低點 ÷ 10、沒有護欄的最陡、山谷，每一個都比它高 10 % 以上。
#
# **主張 12** 40 次裡，最低點 ÷ 3 讓損失超過兩倍的不到 8 次，比那四種都少；山谷超過 16 次。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# **Claim 11** The mean loss ratio of minimum / 3 is below 1.5; those of minimum, minimum / 10, unguarded steepest and valley are all more than 10 % above it.
#
# **Claim 12** Of 40 runs, the loss more than doubles in fewer than 8 for minimum / 3, fewer than for any of these four; for valley in more than 16.

# %%
mean_ratio = np.exp(ratios.groupby("rule").mean())
others = ["minimum", "minimum/10", "steepest, no guards", "valley"]
claim(11, mean_ratio["minimum/3"] < 1.5 and min(mean_ratio[others]) > 1.1 * mean_ratio["minimum/3"])
fewest = doubled["minimum/3"] < 8 and doubled["minimum/3"] < min(doubled[others])
claim(12, bool(fewest and doubled["valley"] > 16))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 成對比較
#
# 同一個種子成對相減（八種設定的平均 log 損失比），五個比較的 p 值用 Holm 校正，區間沒有校正：

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### In pairs
#
# Paired by seed (mean log loss ratio over the eight settings), five comparisons; Holm's correction for the p-values, none for the intervals:

# %%
per_seed = marks.groupby(["rule", "seed"])["log_ratio"].mean().reset_index()
per_seed = per_seed.rename(columns={"rule": "setting"})
pairs = compare_settings(per_seed, "log_ratio", baseline="minimum/3").set_index("a")
for rule, pair in pairs.iterrows():
    print(f"{rule:20s} - minimum/3: {pair['difference']:.2f}, corrected p ≈{pair['p']:.2g}")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# **主張 13** 最低點 ÷ 10 與山谷，校正之後都確實比最低點 ÷ 3 差。
#
# （在完整的 MNIST 上，最低點也是。沒有護欄的最陡平均也差，但好壞落差很大，五個種子還分不出來：「沒有發現差異」不等於「一樣好」。）
#
# 所以課程推薦 **最低點 ÷ 3**，`find_lr(...).suggestion` 就是它。但別把話說滿：
#
# - **有護欄的最陡緊跟在後**，五個種子沒有發現差異（p 見上）；它翻倍的次數多一些，但區間重疊。在完整的 MNIST 上，它的平均差距還更接近 0，只是正弦配 SGD 時，不同種子差很多（看表裡的 ±）。
# - 有些設定是別人贏：批次正規化加 Adam，最低點大約是最好的十倍，÷ 10 反而更近。看一眼曲線，別只看數字。
# - 這裡的「最好」是批次 128、100 步之內的最好。訓練得更久，最好的可能是別的值，重測也看不出來；換了批次大小，就要重測。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# **Claim 13** After correction, minimum / 10 and valley are worse than minimum / 3.
#
# (On full MNIST so is the minimum. Unguarded steepest is worse on average, too, but so erratic that five seeds cannot tell: "no difference found" is not "equally good".)
#
# So the course recommends **minimum / 3**, and that is `find_lr(...).suggestion`. But no more than was measured:
#
# - **Guarded steepest is close behind**, and five seeds found no difference (p above); it doubles the loss a little more often, with overlapping intervals. On full MNIST its mean gap is even nearer to 0, but with sine and SGD seeds disagree widely (the ± in the table).
# - Some settings go to others: with batch norm and Adam the minimum is about ten times too large, and / 10 is nearer. Look at the curve, not at the number alone.
# - "Best" means best within 100 steps at batches of 128. For a longer training another rate may be best, and no range test shows that; for another batch size, test again.

# %%
claim(
    13,
    all(
        pairs.loc[rule, "differs"] and pairs.loc[rule, "difference"].low > 0
        for rule in ("minimum/10", "valley")
    ),
)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 練習 1：每個十倍走幾步
#
# 難度 ★☆☆，約 5 分鐘。
#
# 換一種說法來指定斜坡：不說總共幾點，而說**每個十倍走幾步**。寫出 `ramp_by_decade`：回傳從 `start_lr` 到 `end_lr` 的學習率，兩端都要有，每個十倍剛好 `points_per_decade` 步。題目給的兩端，步數總是整數；`end_lr` 也可能比 `start_lr` 小。

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
# 為 A、B、C 各選一個學習率，用眼睛就好；沒有答案的填 `None`。寫成字典：`picks = {"A": 0.5, "B": 0.5, "C": 0.5}`（當然不是 0.5）。

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
# ## 練習 4：老實地掃一遍
#
# 難度 ★★☆，約 15 分鐘。
#
# 建議只是建議，最後還是要試。寫出 `sweep_rates`：對 `rates` 裡的每個學習率，都從**傳進來的那個模型**出發，在訓練模式下用沒有動量的 SGD 走一遍 `batches`，記下途中每一批（更新之前）的損失，取平均；每一批算一次，不管它有幾個樣本。回傳這些平均，順序與 `rates` 相同。
#
# 呼叫結束之後，模型必須和來的時候一模一樣：權重、統計量、模式。

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
# - 八種設定量下來，**最低點 ÷ 3** 多付的損失最少，有護欄的最陡緊跟在後；最低點本身太大，山谷只有最好的十分之一左右。
#
# **實務上**：`find_lr(model, optimizer, criterion, loader)`，畫出曲線看一眼，用 `.suggestion` 當起點，再往上下各試一個。**下一課**：[[label_smoothing]]，標籤平滑。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Summary
#
# - A range test: exponential ramp, bias-corrected smoothing, a stop on divergence, on copies, with the generators put back.
# - The ramp must go on until the loss runs away; stop too early, and the minimum is your own choice of end.
# - The slope is against log(rate), and only up to the minimum.
# - Every curve has a minimum, a flat one too: first ask by what share the loss falls.
# - Over eight settings **minimum / 3** cost the least in loss, guarded steepest close behind; the minimum itself is too large, valley about ten times too small.
#
# **In practice**: `find_lr(model, optimizer, criterion, loader)`, look at the curve, begin at `.suggestion`, and try one rate above and one below. **Next**: [[label_smoothing]], label smoothing.

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "skip"}
# ### 原始文獻
#
# - Smith（2017），Cyclical learning rates for training neural networks。學習率測試出自 3.3 節。
# - Smith, Topin（2019），Super-convergence: very fast training of neural networks using large learning rates。用學習率測試決定 one-cycle 排程的最高學習率。
# - Kingma, Ba（2015），Adam: a method for stochastic optimization。偏差修正。
# - Howard, Gugger（2020），fastai: a layered API for deep learning。讓指數斜坡與上面幾種讀法流行起來的函式庫。

# %% [markdown] lang="en" slideshow={"slide_type": "skip"}
# ### Primary sources
#
# - Smith (2017), Cyclical learning rates for training neural networks. The range test of section 3.3.
# - Smith, Topin (2019), Super-convergence: very fast training of neural networks using large learning rates. The range test sets the highest rate of the one-cycle schedule.
# - Kingma, Ba (2015), Adam: a method for stochastic optimization. The bias correction.
# - Howard, Gugger (2020), fastai: a layered API for deep learning. The library that made the exponential ramp and several of these rules popular.
