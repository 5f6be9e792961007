# %% [markdown] lang="zh-TW" about="什麼真的能減少過擬合：dropout、權重衰減、早停、更多資料，逐一量給你看" slideshow={"slide_type": "slide"}
# # 過擬合與正則化
#
# 訓練損失降到 0，是好消息嗎？這一課的網路會把雜訊一字不漏地背下來，然後我們看看有哪些方法救得了它，又有哪些說法經不起量測。學完之後，你能夠
#
# - 從訓練與驗證兩條曲線看出過擬合，並把它和**外插**分開；
# - 用二十個種子的成對區間，比較 dropout、權重衰減、早停、小網路與更多資料；
# - 說出 dropout 與批次正規化在訓練、評估兩種模式裡各做什麼，忘了 `eval()` 又會怎樣；
# - 設計一個公平的比較：「批次正規化可以用十倍的學習率」，什麼時候對，什麼時候不對。
#
# 先備：[[perceptron_xor]]到[[optimizers]]。

# %% [markdown] lang="en" about="what really reduces overfitting: dropout, weight decay, early stopping and more data, measured one by one" slideshow={"slide_type": "slide"}
# # Overfitting and regularization
#
# The training loss has gone to zero: good news? The networks of this lesson learn noise by heart, and we look at what rescues them, and at which popular statements survive a measurement. By the end you can
#
# - read overfitting off the training and validation curves, and tell it from **extrapolation**;
# - compare dropout, weight decay, early stopping, smaller networks and more data by paired intervals over twenty seeds;
# - say what dropout and batch normalization do in training and in evaluation, and what happens when `eval()` is forgotten;
# - design a fair comparison: when "batch norm allows ten times the learning rate" is true, and when it is not.
#
# It builds on [[perceptron_xor]] to [[optimizers]].

# %% lang="zh-TW" tags=["setup"] slideshow={"slide_type": "subslide"}
from course_utils.notebook import set_up

device = set_up("regularization", language="zh-TW", workers=True)

# %% lang="en" tags=["setup"] slideshow={"slide_type": "subslide"}
from course_utils.notebook import set_up

device = set_up("regularization", language="en", workers=True)

# %% slideshow={"slide_type": "subslide"}
import time

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
import torch
from scipy import stats
from torch import nn

from course_utils import plotting, seeding
from course_utils.exercises import regularization as exercises
from course_utils.experiment import run_seeds
from course_utils.intervals import holm, mean_interval, paired_difference, share_interval
from course_utils.mnist import load_mnist
from course_utils.models import MLP
from course_utils.notebook.claims import claim
from course_utils.notebook.explore import explore, slider
from course_utils.seeding import seeded
from course_utils.stacked import StackedMLP

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 背下來，不等於學會
#
# 真實的規律是 sin(x)。我們只看得到 50 個點，每點都加了標準差 0.3 的雜訊。隨機抽 35 點訓練，另外 15 點留著**驗證**。
#
# 因為資料是自己造的，我們還有一份平常拿不到的考卷：在 61 個位置上直接和 sin(x) 比，稱為**真誤差**。
#
# 想一想：一條曲線穿過全部 35 個訓練點，它的真誤差會是 0 嗎？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Learning by heart is not learning
#
# The law behind the data is sin(x). All we see of it is 50 points, each with noise of standard deviation 0.3. Draw 35 at random for training and keep the other 15 for **validation**.
#
# Since we made the data ourselves, we also own an exam that is usually out of reach: compare with sin(x) itself at 61 places. Call this the **true error**.
#
# Predict: a curve passes through all 35 training points. Is its true error zero?


# %%
def noisy_sine(seed, num_points):
    generator = seeding.generator(seed)
    x = torch.linspace(-3, 3, num_points)[:, None]
    y = torch.sin(x) + 0.3 * torch.randn(num_points, 1, generator=generator)
    return x, y, torch.randperm(num_points, generator=generator)


# %%
GRID = torch.linspace(-3, 3, 61)[:, None]
TRUTH = torch.sin(GRID)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 每個種子有自己的雜訊、自己的分法。`split_points` 把許多種子疊成一疊：形狀是（種子、點、1）。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# Every seed has its own noise and its own split. `split_points` stacks many seeds: the shape is (seed, point, 1).


# %%
def split_points(seeds, num_points=50, shuffle=True):
    pairs = []
    for seed in seeds:
        x, y, order = noisy_sine(seed, num_points)
        rows = order if shuffle else torch.arange(num_points)
        pairs.append((x[rows], y[rows]))
    x, y = (torch.stack(part) for part in zip(*pairs, strict=True))
    cut = int(0.7 * num_points)
    return (x[:, :cut], y[:, :cut]), (x[:, cut:], y[:, cut:])


# %% slideshow={"slide_type": "subslide"}
def plot_points(ax, train, held_out, index=0):
    ax.plot(GRID, TRUTH, color="black", linestyle=":", label="sin(x)")
    for (x, y), marker, label in ((train, "o", "training"), (held_out, "s", "validation")):
        ax.plot(x[index], y[index], marker, markersize=5, label=label)
    ax.set(xlabel="x (rad)", ylabel="y")
    return ax


# %% alt-zh="一條正弦曲線，周圍散布 35 個訓練點（圓點）與 15 個驗證點（方塊），多半偏離不到 0.5，最遠的一點約 1。" alt-en="A sine curve with 35 training points (dots) and 15 validation points (squares) scattered around it, most off by less than 0.5 and one by about 1."
figure, ax = plt.subplots(figsize=(7, 2.6))
ax = plot_points(ax, *split_points([0]))
legend = ax.legend(loc="upper left", bbox_to_anchor=(1, 1))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 一次訓練十個網路
#
# 一個種子的結果只是一次運氣，所以每個設定都要二十個種子。小網路的時間大多花在 Python，不在乘法；`StackedMLP` 把許多網路的權重疊起來，一次批次矩陣乘法全部算完。
#
# 要小心的只有一件事：每個網路要有**自己的**損失，最後才相加。這樣每個網路的梯度和單獨訓練時一樣；若把十個網路一起平均，每個梯度只剩十分之一。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Ten networks trained as one
#
# One seed is one draw of luck, so every setting gets twenty. A small network spends its time in Python, not in multiplying; `StackedMLP` stacks the weights of many, and one batched matrix product serves them all.
#
# One thing needs care: each network has a loss **of its own**, and only these are added up. Then each gets the gradient it would get alone; one mean over all ten would leave a tenth of it.


# %%
def error_per_network(outputs, targets):
    return (outputs - targets).square().mean(dim=(1, 2))


# %%
@torch.no_grad()
def measure(model, train, held_out):
    model.eval()
    errors = [error_per_network(model(x), y) for x, y in (train, held_out, (GRID, TRUTH))]
    model.train()
    return torch.stack(errors).numpy()  # (training, validation, true) x network


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 七百步，Adam，學習率 0.01（`weight_decay=0` 的 AdamW 就是 Adam）。每步用 35 個點：資料只有 35 點時，那就是全部。`seed` 是這一疊十個網路的第一個種子。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# Seven hundred steps of Adam at rate 0.01 (AdamW with `weight_decay=0` is Adam). A step takes 35 points: where there are only 35, that is all of them. `seed` is the first of the ten seeds in the stack.


# %%
def train_stack(
    seed, hidden_sizes=(128, 128, 128), num_points=50, shuffle=True, weight_decay=0.0, **options
):
    seeds = range(seed, seed + 10)
    (x, y), held_out = split_points(seeds, num_points, shuffle)
    model = StackedMLP(1, hidden_sizes, 1, seeds=seeds, **options)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=0.01, weight_decay=weight_decay, fused=True
    )
    curves = []
    with seeded(seed):
        for step in range(1, 701):
            rows = torch.randperm(x.shape[1])[:35]
            optimizer.zero_grad()
            error_per_network(model(x[:, rows]), y[:, rows]).sum().backward()
            optimizer.step()
            if step % 20 == 0:
                curves.append(measure(model, (x, y), held_out))
    return {"curves": np.array(curves), "model": model.eval()}


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 二十個種子分成兩疊，一個核心一疊。下面兩個小函式把兩疊接回來：誤差（35 次量測、3 種、20 個網路），以及 20 條預測曲線。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# Twenty seeds make two stacks, one a core. Two small functions join them again: the errors (35 measurements, 3 kinds, 20 networks), and the 20 predicted curves.


# %%
STEPS = np.arange(20, 701, 20)


def curves_of(runs, setting):
    return np.concatenate(list(runs.loc[runs["setting"] == setting, "curves"]), axis=2)


# %%
@torch.no_grad()
def predictions_of(runs, setting):
    models = runs.loc[runs["setting"] == setting, "model"]
    return torch.cat([model(GRID) for model in models])[..., 0].numpy()


# %%
settings = {"1-8-1": {"hidden_sizes": (8,)}, "1-128-128-128-1": {}}
runs = run_seeds(train_stack, seeds=(0, 10), settings=settings)
simple, complex_ = curves_of(runs, "1-8-1"), curves_of(runs, "1-128-128-128-1")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 疊起來划算嗎？
#
# 猜猜看：二十個網路，一個一個訓練要花幾倍時間？小網路和大網路，誰賺得多？

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### Does stacking pay?
#
# Guess: trained one by one, how many times as long do twenty networks take? Who gains more, small networks or large ones?


# %% tags=["timing"]
def seconds(models, num_steps=20):
    parameters = [p for model in models for p in model.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=0.01, fused=True)
    x = torch.randn(35, 1, generator=seeding.generator(0))
    started = time.perf_counter()
    for _ in range(num_steps):
        optimizer.zero_grad()
        for model in models:
            model(x).square().sum().backward()
        optimizer.step()
    return time.perf_counter() - started


for sizes in ((8,), (128, 128, 128)):
    alone = [MLP(1, sizes, 1, seed=seed) for seed in range(20)]
    ratio = seconds(alone) / seconds([StackedMLP(1, sizes, 1, seeds=range(20))])
    print(f"hidden sizes {sizes}: one by one takes ≈{ratio:.0f} times as long")

# %% [markdown] lang="zh-TW"
# 越小的網路賺得越多：它們幾乎只有呼叫的成本。二十個種子從此不是奢侈品。

# %% [markdown] lang="en"
# The smaller, the more is gained: tiny networks cost hardly anything but the calls. Twenty seeds are no luxury any more.

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 過擬合的樣子
#
# 左邊 25 個參數，右邊三萬多個。先猜：哪一邊的訓練損失低？哪一邊的真誤差低？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## What overfitting looks like
#
# On the left 25 parameters, on the right over thirty thousand. Guess first: which side has the lower training loss? Which has the lower true error?

# %% alt-zh="兩張圖，均方誤差（幾何平均）對步數，縱軸取對數。左圖小網路，三條線很快變平。右圖大網路，訓練損失一路降到 0.01 以下，真誤差先降後升，驗證損失最後最高。" alt-en="Mean squared error (geometric mean over seeds) against steps, log scale. Small network on the left: all three curves soon go flat. Large network on the right: training loss sinks below 0.01 while the true error falls first and then rises; validation loss ends highest."
figure, axes = plt.subplots(1, 2, figsize=(9, 3.0), sharey=True)
for ax, curves, title in zip(axes, (simple, complex_), settings, strict=True):
    for index, label in enumerate(("training", "validation", "true error")):
        plotting.plot_band(ax, STEPS, curves[:, index].T, label, log=True)
    ax.axhline(0.09, color="gray", linewidth=1, label="noise variance")
    ax.set(title=title, xlabel="step", ylabel="mean squared error")
legend = axes[1].legend(loc="upper left", bbox_to_anchor=(1, 1))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 灰線是雜訊的變異數 0.09。就算預測完全等於 sin(x)，面對有雜訊的點，損失也大約是 0.09。訓練損失若**遠低於** 0.09，網路一定是在背雜訊。
#
# **主張 1** 大網路最後的平均訓練損失，連信賴區間的上端都低於雜訊變異數的一半。
#
# **主張 2** 大網路的訓練損失比小網路低，真誤差卻比小網路高：兩個成對區間都不含 0。
#
# **主張 3** 大網路的平均真誤差在前 400 步就到了最低，最後是最低時的 1.4 倍以上。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# The grey line is the variance of the noise, 0.09. Even a prediction that equals sin(x) has a loss of about 0.09 on noisy points. A training loss **far below** 0.09 means that noise has been learned by heart.
#
# **Claim 1** The large network's mean training loss ends below half the noise variance, and so does the upper end of its interval.
#
# **Claim 2** The large network's training loss is lower than the small one's, and its true error is higher: neither paired interval contains zero.
#
# **Claim 3** The large network's mean true error is lowest within the first 400 steps, and ends at more than 1.4 times that.

# %%
memorized = mean_interval(complex_[-1, 0])
print(f"training loss, large: {memorized:.3f}")
claim(1, memorized.high < 0.045)
train_gap, true_gap = (paired_difference(complex_[-1, k], simple[-1, k]) for k in (0, 2))
print(f"training loss, large - small: {train_gap:.3f}")
print(f"true error, large - small:    {true_gap:.3f}")
claim(2, train_gap.high < 0 < true_gap.low)
true_curve = complex_[:, 2].mean(axis=1)
claim(3, STEPS[true_curve.argmin()] <= 400 and true_curve[-1] > 1.4 * true_curve.min())

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 它學到了什麼曲線？
#
# 同一份資料（種子 0）。右邊的曲線在點與點之間做了什麼？

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### Which curves did they learn?
#
# The same data (seed 0). What does the curve on the right do between the points?

# %% alt-zh="左圖小網路的折線平順地跟著正弦曲線；右圖大網路的曲線幾乎穿過每個訓練點，上下急轉，離開了正弦曲線。" alt-en="On the left the small network follows the sine smoothly in a few bends. On the right the large network passes through almost every training point, swings sharply and leaves the sine."
figure, axes = plt.subplots(1, 2, figsize=(9, 3.0), sharey=True)
for ax, setting in zip(axes, settings, strict=True):
    plot_points(ax, *split_points([0]))
    ax.plot(GRID, predictions_of(runs, setting)[0], label="network")
    ax.set_title(setting)
legend = axes[1].legend(loc="upper left", bbox_to_anchor=(1, 1))

# %% [markdown] lang="zh-TW"
# 穿過每一個點，正是它離開 sin(x) 的原因：點上有雜訊，曲線就跟著雜訊急轉。

# %% [markdown] lang="en"
# Passing through every point is just what takes it off sin(x): the points carry noise, and the curve swerves after it.

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 換個分法，量到的是另一件事
#
# 常見的寫法是 `X[:35]` 訓練、`X[35:]` 測試。但這裡的 x 是**排好序**的：訓練只看到左邊，考試全在右邊。這不是在問「有沒有背雜訊」，而是在問「沒去過的地方會怎樣」，也就是**外插**。
#
# 猜猜看：幾乎不過擬合的小網路，在這種分法下的驗證損失是多少？0.1、0.3，還是更大？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Split otherwise, and you measure something else
#
# A common way is to train on `X[:35]` and test on `X[35:]`. But here x is **sorted**: training sees the left only, and the exam is all on the right. That does not ask whether noise was memorized. It asks what happens where nobody has been: **extrapolation**.
#
# Guess: the small network hardly overfits. What is its validation loss under this split: 0.1, 0.3, more?

# %%
sorted_settings = {name: {**options, "shuffle": False} for name, options in settings.items()}
sorted_runs = run_seeds(train_stack, seeds=(0, 10), settings=sorted_settings)
rows = {}
for name in settings:
    losses = {"random": curves_of(runs, name)[-1, 1], "sorted": curves_of(sorted_runs, name)[-1, 1]}
    rows[name] = {f"{split} split": f"≈{np.median(v):.2f}" for split, v in losses.items()}
    rows[name]["ratio"] = np.median(losses["sorted"]) / np.median(losses["random"])
pd.DataFrame(rows).T.assign(ratio=lambda table: table["ratio"].map("≈{:.0f}".format))

# %% alt-zh="兩張圖的灰色區域（x 大於約 1.2）裡都沒有訓練點。五個種子的預測線在左邊貼近正弦曲線，進入灰色區域後幾乎直線散開：小網路的斜率各不相同，大網路有的往上、有的往下。" alt-en="In both panels the grey region right of about 1.2 has no training points. Five seeds' predictions stay near the sine on the left, then fan out almost straight: with different slopes for the small network, some up and some down for the large one." slideshow={"slide_type": "subslide"}
figure, axes = plt.subplots(1, 2, figsize=(9, 3.0), sharey=True)
for ax, setting in zip(axes, settings, strict=True):
    ax.axvspan(-3 + 34.5 * 6 / 49, 3, color="gray", alpha=0.15, label="no training data")
    ax.plot(GRID, predictions_of(sorted_runs, setting)[:5].T)
    ax.plot(GRID, TRUTH, color="black", linewidth=3, linestyle=":", label="sin(x)")
    ax.set(title=f"{setting}, five seeds", xlabel="x (rad)", ylabel="y", ylim=(-5, 5))
legend = axes[1].legend(loc="upper left", bbox_to_anchor=(1, 1))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ReLU 網路出了資料範圍，差不多就是一條直線，往哪裡飛看運氣。
#
# **主張 4** 按順序切，小網路和大網路的驗證損失（中位數）都是隨機分的五倍以上：連幾乎不過擬合的網路也「不及格」，所以這個數字量的不是過擬合。兩個網路的差距，區間寬得幾乎什麼也說不了。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# Beyond the data a ReLU network is all but a straight line, and luck decides where it goes.
#
# **Claim 4** With the sorted split, the validation loss (median) of the small and of the large network is over five times that of the random split: even the network that hardly overfits "fails", so this number does not measure overfitting. And the interval of the difference between the two networks is so wide that it says next to nothing.

# %%
ratios = [float(row["ratio"]) for row in rows.values()]
claim(4, min(ratios) > 5)
losses = [curves_of(sorted_runs, name)[-1, 1] for name in reversed(settings)]
print(f"sorted split, large - small: {paired_difference(*losses):.1f}")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 多大才太大？
#
# 三個隱藏層，每層 2 到 128 個神經元。想一想：訓練損失與真誤差隨大小怎麼走？兩條線的最低點在同一處嗎？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## How large is too large?
#
# Three hidden layers of 2 to 128 units each. Predict: how do training loss and true error move with size? Are both lowest at the same place?

# %%
widths = [2, 4, 8, 16, 32, 128]
sizes = {f"width {w}": {"hidden_sizes": (w, w, w)} for w in widths[:-1]}
size_runs = run_seeds(train_stack, seeds=(0, 10), settings=sizes)
by_width = np.stack([*(curves_of(size_runs, name)[-1] for name in sizes), complex_[-1]], axis=2)

# %% alt-zh="均方誤差對每層神經元數，兩軸取對數。訓練損失一路下降；驗證損失與真誤差先降後升，最低點在 8 附近。帶狀是二十個種子的 95% 區間。" alt-en="Mean squared error against units a layer, both axes logarithmic. Training loss keeps falling; validation loss and true error fall, then rise, lowest near 8. Bands are 95 % intervals over twenty seeds." slideshow={"slide_type": "subslide"}
figure, ax = plt.subplots(figsize=(7, 3.0))
for index, (label, marker) in enumerate(
    (("training", "o"), ("validation", "s"), ("true error", "^"))
):
    plotting.plot_band(ax, widths, by_width[index], label, log=True, marker=marker)
ax.set(xscale="log", xlabel="units in each of three hidden layers", ylabel="mean squared error")
ax.set_xticks(widths, widths)
legend = ax.legend(loc="upper left", bbox_to_anchor=(1, 1))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# **主張 5** 真誤差呈 U 形：寬度 8 比寬度 2 低，也比寬度 128 低（成對區間都不含 0），而寬度 128 的訓練損失是三者中最低的。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# **Claim 5** The true error is U-shaped: width 8 is below width 2 and below width 128 (neither paired interval contains zero), while width 128 has the lowest training loss of the three.

# %%
small_side = paired_difference(by_width[2, :, 0], by_width[2, :, 2])
large_side = paired_difference(by_width[2, :, -1], by_width[2, :, 2])
print(f"true error, width 2 - width 8:   {small_side:.3f}")
print(f"true error, width 128 - width 8: {large_side:.3f}")
lowest_training = by_width[0].mean(axis=0)[[0, 2, -1]].argmin() == 2
claim(5, small_side.low > 0 and large_side.low > 0 and lowest_training)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 錯在偏，還是錯在抖？
#
# 二十個種子給出二十條曲線。把它們平均，平均曲線與 sin(x) 的差距平方是**偏差平方**：換多少份資料都還在的部分，例如網路太小、彎不出來。各條曲線圍著平均抖動的程度是**變異**：換一份雜訊、換一種分法、換一組起始權重，答案就跟著換的部分。這裡用二十條曲線估計；兩者相加，恰好是平均真誤差（Geman 等，1992）。
#
# 猜猜看：最大的網路，錯在哪一種？

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### Wrong by bias, or by trembling?
#
# Twenty seeds give twenty curves. Average them: the squared distance of that mean curve from sin(x) is the **squared bias**, what stays wrong with any draw of the data, say because the network is too small to bend. How much the curves scatter around their mean is the **variance**, what changes with another draw of noise, split and initial weights. Here twenty curves estimate both; their sum is exactly the mean true error (Geman et al. 1992).
#
# Guess: which of the two is the largest network's fault?

# %% slideshow={"slide_type": "subslide"}
curves = [predictions_of(size_runs, name) for name in sizes]
curves = np.stack([*curves, predictions_of(runs, "1-128-128-128-1")])  # width, network, place
squared_bias = (curves.mean(axis=1) - TRUTH[:, 0].numpy()) ** 2
bias, variance = squared_bias.mean(axis=1), curves.var(axis=1).mean(axis=1)

# %% alt-zh="堆疊長條圖，每種寬度一根。寬度 2 的偏差平方與變異都很大；寬度 8 以後偏差平方幾乎看不見，變異隨寬度增加。" alt-en="Stacked bars, one a width. At width 2 squared bias and variance are both large; from width 8 on the squared bias is hardly visible and the variance grows with width."
figure, ax = plt.subplots(figsize=(7, 2.7))
names = [str(w) for w in widths]
ax.bar(names, bias, hatch="//", label="squared bias")
ax.bar(names, variance, bottom=bias, label="variance")
ax.set(xlabel="units in each of three hidden layers", ylabel="mean squared error")
legend = ax.legend()

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# **主張 6** 兩者相加等於平均真誤差（差距小於 10⁻⁴）；最大的網路，變異佔了真誤差的八成以上。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# **Claim 6** The two add up to the mean true error (within 10⁻⁴); in the largest network variance makes up more than four fifths of it.

# %%
print(f"width 128: variance is ≈{variance[-1] / (bias + variance)[-1]:.0%} of the true error")
adds_up = np.allclose(bias + variance, by_width[2].mean(axis=0), atol=1e-4)
claim(6, adds_up and variance[-1] > 0.8 * (bias + variance)[-1])

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 藥方，一起量
#
# 正則化就是讓網路不那麼容易跟著雜訊抖的方法。病人都是 1-128-128-128-1：
#
# - **少一點神經元**：1-8-1。
# - **dropout**：訓練時隨機關閉一半的神經元（關閉機率 0.5）。
# - **權重衰減**：每一步把權重往零拉一點（AdamW，λ = 0.01、1）。
# - **早停**：回到驗證損失最低的那一步。
# - **批次正規化**：常聽說它「有輕微的正則化效果」。
# - **十倍的資料**：500 點，每步抽 35 點，步數相同。
#
# 先下注：哪一種最有效？哪一種沒用？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Remedies, measured together
#
# Regularization is whatever keeps a network from trembling with the noise. The patient is always 1-128-128-128-1:
#
# - **fewer units**: 1-8-1.
# - **dropout**: switch off half the units at random during training (each with probability 0.5).
# - **weight decay**: pull the weights toward zero at every step (AdamW, λ = 0.01 or 1).
# - **early stopping**: go back to the step where the validation loss was lowest.
# - **batch normalization**: said to "regularize slightly".
# - **ten times the data**: 500 points, 35 drawn a step, as many steps.
#
# Place your bets: which works best? Which does nothing?

# %% slideshow={"slide_type": "subslide"}
remedies = {
    "dropout 0.5": {"dropout_rate": 0.5},
    "AdamW 0.01": {"weight_decay": 0.01},
    "AdamW 1": {"weight_decay": 1.0},
    "batch norm": {"batch_norm": True},
    "10x data": {"num_points": 500},
}

# %%
remedy_runs = run_seeds(train_stack, seeds=(0, 10), settings=remedies)
best_step = complex_[:, 1].argmin(axis=0)  # by the validation loss, never by the true error
true_errors = {name: curves_of(remedy_runs, name)[-1, 2] for name in remedies}
true_errors["fewer units"] = simple[-1, 2]
true_errors["early stopping"] = complex_[best_step, 2, np.arange(20)]

# %% [markdown] lang="zh-TW"
# 早停看的是驗證損失，沒有偷看真誤差（但它確實多用了那 15 個驗證點）。同一個種子面對同一份資料（十倍資料除外），所以**成對**相減。七個比較一起做，運氣也有七次機會，所以 p 值要用 Holm 修正。

# %% [markdown] lang="en"
# Early stopping goes by the validation loss and never peeks at the true error (though it does use those 15 points, as no other remedy does). A seed means the same data (but for ten times the data), so differences are **paired**. Seven comparisons give luck seven chances; Holm's correction takes them back.

# %% slideshow={"slide_type": "subslide"}
untreated = complex_[-1, 2]
order = sorted(true_errors, key=lambda name: true_errors[name].mean())
effects = {name: paired_difference(true_errors[name], untreated) for name in order}
raw_p = [stats.ttest_rel(true_errors[name], untreated).pvalue for name in order]
p_values = dict(zip(order, holm(raw_p), strict=True))
print(f"untreated: {mean_interval(untreated):.3f}")
for name in order:
    print(f"{name:15s} {effects[name]:.3f}, corrected p ≈{p_values[name]:.1g}")

# %% alt-zh="森林圖，七種方法各一列：點是真誤差的成對變化，橫線是 95% 區間。十倍資料最左邊（改善最多）；小網路、dropout、AdamW 1 與早停都在零的左邊；AdamW 0.01 與批次正規化離零很近。" alt-en="A forest plot, a row a remedy: the dot is the paired change in true error, the bar its 95 % interval. Ten times the data is leftmost (best); fewer units, dropout, AdamW 1 and early stopping lie left of zero; AdamW 0.01 and batch norm are close to it." slideshow={"slide_type": "subslide"}
figure, ax = plt.subplots(figsize=(8, 3.2))
found = [p_values[name] < 0.05 for name in order]
plotting.plot_forest(ax, order, [effects[name] for name in order], found)
ax = ax.set(xlabel="change in true error (filled: corrected p < 0.05)")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# **主張 7** 少一點神經元、dropout 0.5、AdamW 1、早停、十倍資料，修正之後都改善了真誤差。
#
# **主張 8** 十倍資料改善最多：它的平均真誤差不到其他每一種的三分之二。
#
# **主張 9** AdamW 0.01（常見的預設值）與批次正規化就算有作用，也很小：兩者的整個區間都落在 ±0.04 之內。
#
# 空心點是沒有發現差異。批次正規化也一樣：在這裡別指望它來正則化。常見的解釋是小批次的統計量帶有雜訊；這裡每一批都是全部 35 點，沒有這種雜訊，所以那個說法還沒有受到檢驗。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# **Claim 7** Fewer units, dropout 0.5, AdamW 1, early stopping and ten times the data all lower the true error, after correction.
#
# **Claim 8** Ten times the data does most: its mean true error is below two thirds of every other remedy's.
#
# **Claim 9** AdamW 0.01 (the usual default) and batch norm do little, if anything: both whole intervals lie within ±0.04.
#
# A hollow dot means that no difference was found. So do not count on batch norm as a regularizer here. Its effect is usually put down to the noise of small batches; here every batch is all 35 points, without that noise, so the effect in small batches was not tested.

# %%
working = [name for name in order if name not in ("AdamW 0.01", "batch norm")]
claim(7, all(effects[name].high < 0 and p_values[name] < 0.05 for name in working))
means = {name: errors.mean() for name, errors in true_errors.items()}
claim(8, all(means["10x data"] < 0.67 * means[name] for name in order if name != "10x data"))
weak = [effects["AdamW 0.01"], effects["batch norm"]]
claim(9, all(effect.low > -0.04 and effect.high < 0.04 for effect in weak))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 權重衰減：0.01 為什麼沒有用？
#
# L2 正則化在損失後面加上 $\frac{\lambda}{2}\lVert w\rVert^2$。它的梯度是 $\lambda w$，所以 SGD 的一步變成
#
# $$w \leftarrow (1 - \eta\lambda)\,w - \eta\,\nabla L$$
#
# 每一步先把權重縮小一點點，所以叫**權重衰減**。大權重才彎得出急轉的曲線，而壓著權重，就是壓著急轉。
#
# 在 SGD 裡，「加在損失上」與「直接縮小」是同一件事；在 Adam 裡不是（[[optimizers]]）：`Adam(weight_decay=1e-4)` 是前者，`AdamW(weight_decay=0.01)` 是後者，λ 不能互相照抄。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Weight decay: why did 0.01 do nothing?
#
# L2 regularization adds $\frac{\lambda}{2}\lVert w\rVert^2$ to the loss. Its gradient is $\lambda w$, so a step of SGD becomes
#
# $$w \leftarrow (1 - \eta\lambda)\,w - \eta\,\nabla L$$
#
# Each step first shrinks the weights a little, hence **weight decay**. Sharp bends take large weights; to hold the weights down is to hold the bends down.
#
# In SGD "added to the loss" and "shrunk directly" are one thing; in Adam they are not ([[optimizers]]): `Adam(weight_decay=1e-4)` does the former, `AdamW(weight_decay=0.01)` the latter, and a λ for one is no λ for the other.

# %% slideshow={"slide_type": "subslide"}
(x, y), _ = split_points([0])
x, y = x[0], y[0]
penalized, decayed = MLP(1, (8,), 1, seed=0), MLP(1, (8,), 1, seed=0)
by_hand = torch.optim.SGD(penalized.parameters(), lr=0.1)
built_in = torch.optim.SGD(decayed.parameters(), lr=0.1, weight_decay=0.05)
for _ in range(50):
    penalty = 0.05 / 2 * sum(w.square().sum() for w in penalized.parameters())
    by_hand.zero_grad()
    (nn.functional.mse_loss(penalized(x), y) + penalty).backward()
    by_hand.step()
    built_in.zero_grad()
    nn.functional.mse_loss(decayed(x), y).backward()
    built_in.step()

# %% [markdown] lang="zh-TW"
# **主張 10** SGD 走 50 步之後，「損失加上懲罰」與 `weight_decay=0.05` 給出相同的權重（差距小於 10⁻⁵）。

# %% [markdown] lang="en"
# **Claim 10** After 50 steps of SGD, the penalty in the loss and `weight_decay=0.05` give the same weights (within 10⁻⁵).

# %%
pairs = zip(penalized.parameters(), decayed.parameters(), strict=True)
claim(10, all(torch.allclose(a, b, rtol=0, atol=1e-5) for a, b in pairs))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 算一算七百步縮了多少
#
# AdamW 每步把權重乘上 1 − ηλ，學習率是 0.01。猜猜看：七百步之後，沒有梯度支持的權重，λ = 0.01 時還剩幾成？λ = 1 呢？

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### How much is shrunk in seven hundred steps?
#
# AdamW multiplies the weights by 1 − ηλ at every step; the rate is 0.01. Guess: after seven hundred steps, how much is left of a weight that no gradient supports, at λ = 0.01 and at λ = 1?


# %%
def weight_norms(runs, setting):
    models = runs.loc[runs["setting"] == setting, "model"]
    squares = [sum(w.square().sum((1, 2)) for w in model.parameters()) for model in models]
    return torch.cat(squares).sqrt().detach().numpy()


# %%
norms = {0.0: weight_norms(runs, "1-128-128-128-1")}
norms |= {decay: weight_norms(remedy_runs, f"AdamW {decay:g}") for decay in (0.01, 1.0)}
for decay, values in norms.items():
    left = (1 - 0.01 * decay) ** 700
    print(
        f"λ = {decay:4g}: {left:.5f} of an unused weight is left; norm {mean_interval(values):.1f}"
    )

# %% [markdown] lang="zh-TW"
# λ = 0.01 在整個訓練裡縮小不到一成；λ = 1 則是任何沒有梯度支持的權重都會消失。**衰減的力道是 η × λ × 步數**：換了學習率或訓練長度，λ 也要跟著重選。
#
# **主張 11** λ = 1 的權重範數（平均）不到 λ = 0 的七成；λ = 0.01 則在九成以上。

# %% [markdown] lang="en"
# Over the whole run λ = 0.01 shrinks by less than a tenth; at λ = 1 every weight that no gradient supports disappears. **The force of the decay is η × λ × steps**: with another rate or another length of training, choose λ anew.
#
# **Claim 11** At λ = 1 the mean norm of the weights is below 70 % of that at λ = 0; at λ = 0.01 it is above 90 %.

# %%
relative = {decay: values.mean() / norms[0.0].mean() for decay, values in norms.items()}
claim(11, relative[1.0] < 0.7 and relative[0.01] > 0.9)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## Dropout：訓練和評估時各做什麼
#
# 常見的說明是「測試時要調整輸出」。原始論文確實如此：訓練時只關閉，測試時把權重乘上 1 − p（Srivastava 等，2014）。PyTorch 呢？把 1 到 8 送進去看看。
#
# 想一想：p = 0.5，訓練模式裡，留下來的 8 會變成多少？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Dropout: what it does in training, what in evaluation
#
# One often reads that "outputs are adjusted at test time". So it was in the original paper: units are only dropped in training, and at test time weights are multiplied by 1 − p (Srivastava et al. 2014). And PyTorch? Send in the numbers 1 to 8.
#
# Predict: with p = 0.5 in training mode, what becomes of an 8 that survives?

# %%
dropout = nn.Dropout(p=0.5)
x = torch.arange(1.0, 9.0)
with seeded(0):
    print("train():", dropout(x).tolist())
    print("again:  ", dropout(x).tolist())
print("eval(): ", dropout.eval()(x).tolist())

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# PyTorch 在**訓練時**就放大，評估時什麼也不做。這樣平均不變，而部署的模型不必知道 p。
#
# **主張 12** p = 0.1、0.5、0.8：訓練模式裡留下的值恰好放大 1/(1−p) 倍，十萬個的平均與輸入相差不到 3 %；評估模式原樣輸出。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# PyTorch scales up **during training** and does nothing in evaluation. The mean stays, and the deployed model need not know p.
#
# **Claim 12** For p = 0.1, 0.5, 0.8: in training what survives is multiplied by 1/(1−p), and the mean of a hundred thousand is within 3 % of the input; evaluation hands the input on.

# %%
ones = torch.ones(100_000)
held = []
for p in (0.1, 0.5, 0.8):
    with seeded(0):
        output = nn.Dropout(p)(ones)
    survivors = output[output != 0]
    held += [torch.allclose(survivors, ones[0] / (1 - p)), abs(output.mean() - 1) < 0.03]
    held.append(torch.equal(nn.Dropout(p).eval()(ones), ones))
claim(12, all(bool(h) for h in held))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 轉轉看
#
# 拉動 p。每個點是一個神經元，輸入都是 1。p 越大，留下的越少，也越高；平均線呢？

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### Turn the knob
#
# Move p. A dot is a unit, and every input is 1. With larger p fewer survive, and they stand higher; and the mean?


# %% alt-zh="100 個神經元的輸出：p 是 0.5 時，大約一半是 0，另一半是 2，平均的虛線在 1 附近。" alt-en="Outputs of 100 units: at p = 0.5 about half are 0 and the others 2, and the dashed mean lies near 1."
def draw_dropout(p):
    with seeded(1):
        output = nn.Dropout(p)(torch.ones(100))
    _, ax = plt.subplots(figsize=(7, 2.6))
    ax.plot(output, "o", markersize=4, label="output of one unit")
    ax.axhline(output.mean(), color="#DE8F05", linestyle="--", label="mean")
    ax.set(xlabel="unit", ylabel="output", ylim=(-0.5, 10.5), title=f"p = {p:.1f}")
    ax.legend(loc="upper left", bbox_to_anchor=(1, 1))


explore(draw_dropout, p=slider(0, 0.9, 0.5, 0.1))

# %% [markdown] lang="zh-TW"
# 平均線一直在 1 附近；p 越大，它抖得越厲害：留下的少了，每一個又更大。

# %% [markdown] lang="en"
# The mean stays near 1; with larger p it wavers more, as fewer survive and each is larger.

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 關掉一半，為什麼反而學得好？
#
# 論文的解釋有兩層。誰下一步會缺席，沒有人知道，所以神經元不能只靠某個固定的同伴；而且每一步訓練的都是另一個比較瘦的網路，評估時全員到齊，近似這許多瘦網路的平均。
#
# 先猜：加上 dropout 之後，**訓練誤差**（用評估模式量）比較高還是比較低？真誤差呢？

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### Why does losing half help?
#
# The paper gives two reasons. Nobody knows who will be absent next, so no unit can rely on one particular companion; and every step trains another, thinner network: evaluation, with all units present, comes close to averaging them all.
#
# Guess: with dropout, is the **training error** (measured in evaluation mode) higher or lower? And the true error?

# %% alt-zh="兩張圖，均方誤差（幾何平均）對步數，縱軸取對數。訓練誤差：沒有 dropout 的一路降到 0.01 以下，dropout 0.5 停在 0.08 左右。真誤差：沒有 dropout 的先降後升；dropout 0.5 降得慢，但不回頭，大約 400 步之後比較低。" alt-en="Two plots of mean squared error (geometric mean over seeds) against steps, log scale. Training error: without dropout it sinks below 0.01, with dropout 0.5 it stays near 0.08. True error: without dropout it falls and rises again; with dropout 0.5 it falls slowly, does not turn back, and is lower from about step 400 on."
pair = {"no dropout": complex_, "dropout 0.5": curves_of(remedy_runs, "dropout 0.5")}
figure, axes = plt.subplots(1, 2, figsize=(9, 2.8), sharey=True)
for ax, index, title in zip(axes, (0, 2), ("training error", "true error"), strict=True):
    for name, measured in pair.items():
        plotting.plot_band(ax, STEPS, measured[:, index].T, name, log=True)
    ax.set(title=title, xlabel="step", ylabel="mean squared error")
legend = axes[1].legend(loc="upper left", bbox_to_anchor=(1, 1))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 左圖的訓練誤差停在雜訊的水準附近：雜訊背不下來了。右圖的真誤差不再回頭往上，最後也比較低。代價是慢：沒有 dropout 的網路在第 60 步左右其實更準，只要你知道該停在那裡。
#
# **主張 13** 二十個種子的平均訓練誤差，有 dropout 0.5 時是沒有時的三倍以上，成對差的區間不含 0。（真誤差比較低，是主張 7。）

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# The training error (left) stays near the level of the noise: it can no longer be learned by heart. The true error (right) does not turn back up, and ends lower. The price is time: around step 60 the network without dropout was better still, for anyone who had known to stop there.
#
# **Claim 13** Over twenty seeds the mean training error with dropout 0.5 is more than three times that without, and the paired interval excludes 0. (That the true error is lower is claim 7.)

# %%
without, with_half = (measured[-1, 0] for measured in pair.values())
print(f"training error, dropout 0.5 - none: {paired_difference(with_half, without):.3f}")
more = paired_difference(with_half, without).low > 0
claim(13, more and with_half.mean() > 3 * without.mean())

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 忘了 `eval()`，會怎樣？
#
# 拿剛才用 dropout 0.5 訓練好的網路，一份用 `eval()`，一份忘了。
#
# 想一想：程式會報錯嗎？預測會差多少？

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### What if `eval()` is forgotten?
#
# Take the networks just trained with dropout 0.5, once with `eval()`, once without.
#
# Predict: will there be an error message? How much worse are the predictions?

# %%
model = remedy_runs.loc[remedy_runs["setting"] == "dropout 0.5", "model"].iloc[0]
with seeded(0), torch.no_grad():
    right_curves = model.eval()(GRID)
    careless = torch.stack([model.train()(GRID) for _ in range(20)])
model.eval()
right_error = error_per_network(right_curves, TRUTH).numpy()
careless_error = torch.stack([error_per_network(c, TRUTH) for c in careless]).mean(0).numpy()
print(f"with eval():    {mean_interval(right_error):.3f}")
print(f"eval forgotten: {mean_interval(careless_error):.3f}")

# %% alt-zh="一條平順的實線是用 eval 的預測，靠近正弦曲線；三條沒用 eval 的預測上下亂跳，每次都不同。" alt-en="A smooth line, the prediction with eval, stays near the sine; three predictions without eval jump up and down, each differently." slideshow={"slide_type": "subslide"}
figure, ax = plt.subplots(figsize=(8, 3.0))
ax.plot(GRID, careless[:3, 0, :, 0].T, color="gray", linestyle="-", linewidth=1, alpha=0.6)
ax.plot([], [], color="gray", linewidth=1, label="eval() forgotten, three calls")
ax.plot(GRID, right_curves[0], "-", color="#DE8F05", linewidth=3, label="with eval()")
ax.plot(GRID, TRUTH, color="black", linestyle=":", label="sin(x)")
ax.set(xlabel="x (rad)", ylabel="y")
legend = ax.legend(loc="upper left", bbox_to_anchor=(1, 1))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 沒有任何錯誤訊息，只是答案每次不同，而且更差。
#
# **主張 14** 忘了 `eval()`，十個網路的平均真誤差是原來的 1.3 倍以上，成對差的區間不含 0。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# No error message: the answers just differ from call to call, and are worse.
#
# **Claim 14** With `eval()` forgotten the mean true error of ten networks is more than 1.3 times as large, and the paired interval excludes 0.

# %%
worse = paired_difference(careless_error, right_error)
claim(14, worse.low > 0 and careless_error.mean() > 1.3 * right_error.mean())

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 批次正規化：它算什麼
#
# 它放在線性層與激活函數之間：線性 → 批次正規化 → ReLU。每個特徵各自在**批次**上取平均 μ 與變異數 σ²，再用兩個學得到的參數 γ、β 放回適合的尺度（Ioffe 與 Szegedy，2015）：
#
# $$\hat{x} = \frac{x - \mu}{\sqrt{\sigma^2 + \epsilon}}, \qquad y = \gamma\,\hat{x} + \beta$$
#
# 評估時可能只有一個樣本，沒有批次可以平均，所以訓練時還要一路記下**執行中的統計量**：新值 = 0.9 × 舊值 + 0.1 × 這一批。
#
# 一個小謎題：0 和 2 的變異數，除以 N 是 1，除以 N−1 是 2。PyTorch 用哪一個？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Batch normalization: what it computes
#
# It stands between a linear layer and its activation: linear → batch norm → ReLU. Each feature takes its mean μ and variance σ² over the **batch**; then two learned parameters γ and β give it a suitable scale (Ioffe and Szegedy 2015):
#
# $$\hat{x} = \frac{x - \mu}{\sqrt{\sigma^2 + \epsilon}}, \qquad y = \gamma\,\hat{x} + \beta$$
#
# In evaluation there may be a single example and no batch to average over, so training keeps **running statistics**: new = 0.9 × old + 0.1 × this batch.
#
# A small riddle: the variance of 0 and 2 is 1 divided by N, and 2 divided by N−1. Which does PyTorch use?

# %%
norm = nn.BatchNorm1d(1)
print("output:", [f"≈{value:.3f}" for value in norm(torch.tensor([[0.0], [2.0]])).flatten()])
print(
    f"running mean ≈{norm.running_mean.item():.3f}, running variance ≈{norm.running_var.item():.3f}"
)
print("learned:", {name: tuple(p.shape) for name, p in norm.named_parameters()})
print("not learned:", [name for name, _ in norm.named_buffers()])

# %% [markdown] lang="zh-TW"
# 兩個都用！輸出是 ±1，所以**正規化**除以 N；執行中的變異數是 0.9 × 1 + 0.1 × **2** = 1.1，所以**記錄**除以 N−1。γ 存在 `weight`，β 存在 `bias`。

# %% [markdown] lang="en"
# Both! The output is ±1, so **normalizing** divides by N; the running variance is 0.9 × 1 + 0.1 × **2** = 1.1, so **recording** divides by N−1. γ is called `weight`, and β `bias`.

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 執行中的統計量要多久才可靠？
#
# 每批 32 個數，真正的平均是 5、標準差是 2。從 0 和 1 出發，要幾批才追得上？

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### How long until the running statistics can be trusted?
#
# Batches of 32 numbers whose true mean is 5 and standard deviation 2. Starting at 0 and 1, how many batches until they catch up?

# %%
norm, generator, track = nn.BatchNorm1d(1), seeding.generator(0), []
for _ in range(80):
    norm(5 + 2 * torch.randn(32, 1, generator=generator))
    track.append((norm.running_mean.item(), norm.running_var.item() ** 0.5))

# %% alt-zh="執行中的平均與標準差對批次數：兩條線從 0 和 1 出發，標準差約 20 批後到點線 2，平均約 40 批後到點線 5，之後小幅抖動。" alt-en="Running mean and deviation against batches: from 0 and 1, the deviation reaches the dotted line at 2 after about 20 batches, the mean that at 5 after about 40; then both jitter slightly."
figure, ax = plt.subplots(figsize=(7, 2.6))
lines = ax.plot(range(1, 81), track, label=["running mean", "running deviation"])
ax.hlines([5, 2], 1, 80, colors="gray", linestyles=":", linewidth=1)
ax.set(xlabel="batches seen", ylabel="running statistic")
legend = ax.legend()

# %% [markdown] lang="zh-TW"
# 平均要三、四十批：每一批只換掉一成，舊的 0 和 1 要慢慢淡掉，三十批後還剩 0.9³⁰ ≈ 4 %。訓練才走幾步就評估，用到的統計量還不可靠。

# %% [markdown] lang="en"
# Thirty to forty batches for the mean: each replaces a tenth only, so the 0 and 1 of the start fade slowly; after thirty, 0.9³⁰ ≈ 4 % is left. Evaluate after a few steps of training, and the statistics cannot be trusted yet.

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 忘了 `eval()`：看一眼，模型就變了
#
# 同一個樣本 x = 4，換不同的同伴一起送進去。想一想：它的輸出會變嗎？加上 `no_grad()` 就安全了嗎？

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### `eval()` forgotten: one look changes the model
#
# The same example x = 4, sent in with different companions. Predict: does its output change? Does `no_grad()` make it safe?

# %%
calm, wild = torch.tensor([[4.0], [5.0], [6.0]]), torch.tensor([[4.0], [-50.0], [-90.0]])
outputs = {}
for mode, companions in (("eval", "calm"), ("eval", "wild"), ("train", "calm"), ("train", "wild")):
    with torch.no_grad():
        batch = norm.train(mode == "train")(calm if companions == "calm" else wild)
    outputs[mode, companions] = value = batch[0].item()
    print(f"{mode}, {companions}: 4 -> ≈{value:.2f}, running mean ≈{norm.running_mean.item():.2f}")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 訓練模式裡，同樣的 4 因為同伴不同而得到不同的輸出；而且**連 `no_grad()` 也擋不住**：執行中的平均被那批怪資料拉走了，之後的評估全部受影響。
#
# **主張 15** 評估模式的輸出與同伴無關，統計量不變；訓練模式兩者都會變；這裡的（N、特徵）輸入若只有一個樣本，訓練模式直接拒絕（`ValueError`）。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# In training mode the same 4 comes out differently with other companions; and **even `no_grad()` does not help**: the strange batch has dragged the running mean along, and every later evaluation suffers.
#
# **Claim 15** In evaluation the output does not depend on companions and the statistics stay; in training both change, and a batch of one example of shape (N, features) is refused (`ValueError`).

# %%
fresh = nn.BatchNorm1d(1)
fresh.eval()(wild)
kept = fresh.running_mean.item() == 0
fresh.train()(wild)
moved = fresh.running_mean.item() != 0
try:
    fresh(torch.ones(1, 1))
    refused = False
except ValueError:
    refused = True
same = outputs["eval", "calm"] == outputs["eval", "wild"]
apart = abs(outputs["train", "calm"] - outputs["train", "wild"]) > 1
claim(15, same and apart and kept and moved and refused)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 「可以用十倍的學習率」？
#
# 常見的示範：有批次正規化的網路用 0.1，沒有的用 0.01，前者降得快，於是說「學習率可以放大十倍」。
#
# 哪裡不對？**沒有的那一個，從來沒試過 0.1。** 兩件事一起變，就分不出是誰的功勞。公平的做法是一張完整的格子：有或沒有 × 每一種學習率，十個種子，NaN 也要數。
#
# 任務照那個示範：1-128-128-1，排好序的前 35 點，SGD 500 步，看訓練損失。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## "Ten times the learning rate"?
#
# A popular demonstration: the network with batch norm trains at 0.1, the one without at 0.01; the former falls faster, hence "ten times the learning rate".
#
# What is wrong? **The one without was never tried at 0.1.** Two things changed at once, and neither can take the credit. Fair is a complete grid: with and without × every learning rate, ten seeds, and NaN counted.
#
# The task is that of the demonstration: 1-128-128-1, the first 35 sorted points, 500 steps of SGD; we look at the training loss.


# %% slideshow={"slide_type": "subslide"}
def train_with_sgd(seed, batch_norm, learning_rate):
    seeds = range(seed, seed + 10)
    (x, y), _ = split_points(seeds, shuffle=False)
    model = StackedMLP(1, (128, 128), 1, seeds=seeds, batch_norm=batch_norm)
    optimizer = torch.optim.SGD(model.parameters(), lr=learning_rate, fused=True)
    for _ in range(500):
        loss = error_per_network(model(x), y)
        optimizer.zero_grad()
        loss.sum().backward()
        optimizer.step()
    return {"batch_norm": batch_norm, "learning_rate": learning_rate, "loss": loss.detach().numpy()}


# %%
def grid_of(rates):
    return {
        f"{norm} {rate}": {"batch_norm": norm, "learning_rate": rate}
        for rate in rates
        for norm in (False, True)
    }


# %%
sine_rates = (0.001, 0.003, 0.01, 0.1, 0.3)
sine_grid = run_seeds(train_with_sgd, seeds=[0], settings=grid_of(sine_rates))
loss = {(r.batch_norm, r.learning_rate): r.loss for r in sine_grid.itertuples()}


# %% slideshow={"slide_type": "subslide"}
def plot_grid(ax, values, notes, rates, label):
    rows = ["without BN", "with BN"]
    sns.heatmap(values, annot=notes, fmt="", cmap="Blues", cbar_kws={"label": label}, ax=ax)
    ax.set_xticklabels(rates)
    ax.set_yticklabels(rows, rotation=0)
    ax.set(xlabel="learning rate")
    ax.grid(False)
    return ax


# %%
cells = [[loss[n, rate] for rate in sine_rates] for n in (False, True)]
medians = np.median(np.nan_to_num(cells, nan=np.inf), axis=2).clip(max=0.2)
failures = (~np.isfinite(cells)).sum(axis=2)
notes = [
    [f"{m:.3f}\n{f}/10 NaN" for m, f in zip(*row, strict=True)]
    for row in zip(medians, failures, strict=True)
]

# %% alt-zh="兩列五欄的熱圖，寫著訓練損失的中位數與 NaN 的個數。沒有批次正規化的一列在 0.001 較差，到 0.3 仍沒有或很少 NaN；有的一列在 0.001 到 0.01 較低，0.1 開始出現 NaN，0.3 幾乎全部失敗。" alt-en="A heat map of two rows and five columns with median training loss and the count of NaN. The row without batch norm is worse at 0.001 and still has no or few NaN at 0.3; the row with it is lower from 0.001 to 0.01, begins to fail at 0.1, and almost always fails at 0.3."
figure, ax = plt.subplots(figsize=(9, 2.8))
ax = plot_grid(ax, medians, notes, sine_rates, "median loss (0.2 = failed)")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 這張表說了兩件事。學習率**小**的時候，批次正規化確實走得比較快。但學習率大的時候，先垮掉的是**它**，不是另一個。
#
# **主張 16** 學習率 0.001、0.003、0.01：有批次正規化的訓練損失較低（成對區間都不含 0）。
#
# **主張 17** 學習率 0.3：十個種子裡，有批次正規化的至少多失敗五個。
#
# **主張 18** 沒有批次正規化，0.1 一樣能用：十個種子都沒有 NaN，損失平均比 0.01 時還低。所以這個任務上，「十倍」是假的。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# The table says two things. At **small** rates batch norm is indeed faster. At large ones it is batch norm that breaks first.
#
# **Claim 16** At rates 0.001, 0.003 and 0.01 the training loss is lower with batch norm (no paired interval contains zero).
#
# **Claim 17** At rate 0.3, of ten seeds at least five more fail with batch norm than without.
#
# **Claim 18** Without batch norm 0.1 works as well: no NaN in ten seeds, and the mean loss is below that at 0.01. On this task the "ten times" is false.

# %%
faster = {rate: paired_difference(loss[True, rate], loss[False, rate]) for rate in sine_rates[:3]}
for rate, difference in faster.items():
    print(f"rate {rate}, with - without: {difference:.3f}")
print(f"failing at 0.3 without: {share_interval(int(failures[0, -1]), 10):.0%}")
print(f"failing at 0.3 with:    {share_interval(int(failures[1, -1]), 10):.0%}")
claim(16, all(difference.high < 0 for difference in faster.values()))
claim(17, failures[1, -1] - failures[0, -1] >= 5)
claim(18, failures[0, 3] == 0 and loss[False, 0.1].mean() < loss[False, 0.01].mean())

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 換個任務：這次是真的
#
# 同一個問題問 MNIST：784-100-100-10，4,000 張訓練圖、小批次 125、SGD 三輪、五個種子，看驗證準確率。（為了省時間只用 4,000 張；完整的訓練在[[mnist_mlp]]。）
#
# 再猜一次：學習率 1，有批次正規化的會垮嗎？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Another task, and this time it is true
#
# Ask MNIST the same: 784-100-100-10, 4,000 training images, batches of 125, three epochs of SGD, five seeds, validation accuracy. (Only 4,000 images, to save time; [[mnist_mlp]] trains in full.)
#
# Guess again: at rate 1, does the network with batch norm break?


# %%
def train_on_digits(seed, batch_norm, learning_rate, train, val):
    model = StackedMLP(784, (100, 100), 10, seeds=range(seed, seed + 5), batch_norm=batch_norm)
    optimizer = torch.optim.SGD(model.parameters(), lr=learning_rate, fused=True)
    images, generator = train.images.flatten(1), seeding.generator(seed)
    for _ in range(3):
        orders = torch.stack([torch.randperm(len(images), generator=generator) for _ in range(5)])
        for rows in orders.split(125, dim=1):
            logits = model(images[rows]).flatten(0, 1)
            loss = nn.functional.cross_entropy(logits, train.labels[rows].flatten())
            optimizer.zero_grad()
            (5 * loss).backward()  # the mean over five networks, back to the sum of their means
            optimizer.step()
    model.eval()
    correct = model(val.images.flatten(1)).argmax(dim=2) == val.labels
    key = {"batch_norm": batch_norm, "learning_rate": learning_rate}
    return {**key, "accuracy": correct.float().mean(dim=1).numpy()}


# %% slideshow={"slide_type": "subslide"}
mnist = load_mnist()
print(mnist.banner())
part = {"train": mnist.train.subset(4000), "val": mnist.val}
digit_rates = (0.01, 0.1, 0.3, 1.0, 3.0)
digit_grid = run_seeds(train_on_digits, seeds=[0], settings=grid_of(digit_rates), **part)
accuracy = {(r.batch_norm, r.learning_rate): r.accuracy for r in digit_grid.itertuples()}

# %% alt-zh="兩列五欄的熱圖，寫著五個種子的平均驗證準確率與最低、最高。沒有批次正規化的一列只有 0.1 與 0.3 好，1 和 3 都接近瞎猜；有的一列五種學習率都在八成以上，0.1 到 3 都在九成左右。" alt-en="A heat map of two rows and five columns with mean, lowest and highest validation accuracy over five seeds. Without batch norm only 0.1 and 0.3 are good, and 1 and 3 are near guessing; with it all five rates are above 80 %, and 0.1 to 3 about 90 %." slideshow={"slide_type": "subslide"}
cells = 100 * np.array([[accuracy[n, rate] for rate in digit_rates] for n in (False, True)])
notes = [[f"{c.mean():.0f} %\n({c.min():.0f} to {c.max():.0f})" for c in row] for row in cells]
figure, ax = plt.subplots(figsize=(9, 2.8))
ax = plot_grid(ax, cells.mean(axis=2), notes, digit_rates, "validation accuracy (%)")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# **主張 19** 沒有批次正規化，學習率 0.3 的五個種子都超過 80 %，1 與 3 的平均卻不到 60 %；有批次正規化，1 與 3 的五個種子都超過 80 %。在這裡，批次正規化真的容許另一個網路承受不了的學習率。
#
# **主張 20** 但「能用」不等於「更好」：有批次正規化時，學習率從 0.1 提高到 1，準確率的差異（平均）不到 4 個百分點。
#
# 同一句話，在一個任務上是假的，在另一個任務上說得通：能用的最大學習率，這張表上是 3 比 0.3，剛好十倍。真正的上限，一個在 0.3 與 1 之間，一個比 3 還大，所以只敢說超過三倍。下次聽到這種話就要問：在哪個任務、哪些學習率、幾個種子？

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# **Claim 19** Without batch norm all five seeds exceed 80 % at rate 0.3, and their mean is below 60 % at 1 and 3; with it, all five exceed 80 % at 1 and 3. Here batch norm does permit rates that the other network cannot bear.
#
# **Claim 20** But "works" is not "is better": with batch norm, going from 0.1 to 1 changes the mean accuracy by less than 4 percentage points.
#
# The same sentence is false on one task and tenable on another: of the rates tried, the largest that works is 3 instead of 0.3, ten times. The true limits lie between 0.3 and 1, and above 3, so all that is certain is more than three times. When you hear such a sentence, ask: on which task, at which rates, over how many seeds?

# %%
for rate in digit_rates:
    gain = paired_difference(accuracy[True, rate], accuracy[False, rate])
    print(f"rate {rate}, with - without: {gain:.1%}")
high = [(accuracy[True, rate].min(), accuracy[False, rate].mean()) for rate in (1.0, 3.0)]
permits = all(lowest > 0.8 and without < 0.6 for lowest, without in high)
claim(19, permits and accuracy[False, 0.3].min() > 0.8)
claim(20, abs(accuracy[True, 1.0].mean() - accuracy[True, 0.1].mean()) < 0.04)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 練習 1：自己寫 dropout
#
# 難度 ★★☆，約 10 分鐘。
#
# 寫出 `inverted_dropout(x, p, training)`，行為與 `nn.Dropout` 相同，梯度與 dtype 也是（不要呼叫它，也不要呼叫 `F.dropout`）：`training=True` 時每個數各自以機率 `p` 變成 0，其餘的放大固定的倍數，使每個數的期望值不變（p < 1）；`training=False` 時原樣輸出。`p` 可能是 0，也可能是 1。不要改動 `x`。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Exercise 1: your own dropout
#
# Difficulty ★★☆, about 10 minutes.
#
# Write `inverted_dropout(x, p, training)`, which behaves as `nn.Dropout` does, in gradient and dtype, too (without calling it or `F.dropout`): with `training=True` every entry becomes 0 with probability `p` on its own, and the others grow by one fixed factor, so that the expected value of each stays (for p < 1); with `training=False` the input comes out as it is. `p` may be 0, and it may be 1. Leave `x` unchanged.


# %% tags=["exercise"]
def inverted_dropout(x, p, training):
    raise NotImplementedError  # your code here


# %% tags=["check"]
exercises.inverted_dropout.check(inverted_dropout)


# %% tags=["solution"]
# One possible answer; open it once you have tried.
def inverted_dropout_solution(x, p, training):
    """x with each entry zeroed with probability p and the rest enlarged; x itself in evaluation."""
    if not training or p == 0:
        return x
    if p == 1:
        return torch.zeros_like(x)
    survives = torch.rand(x.shape) >= p
    return x * survives / (1 - p)


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 練習 2：批次正規化的兩種模式
#
# 難度 ★★★，約 20 分鐘。
#
# 寫出 `batch_norm_forward`，結果與 `nn.BatchNorm1d` 相同。`x` 的形狀是（N、特徵），其餘四個張量的形狀都是（特徵），每個特徵一個數。回傳三樣：輸出、新的執行中平均、新的執行中變異數。兩種模式都要對；不要改動傳進來的張量。
#
# 先回想 0 和 2 的那個實驗：兩個變異數，各用在哪裡？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Exercise 2: batch normalization in both modes
#
# Difficulty ★★★, about 20 minutes.
#
# Write `batch_norm_forward`, with the results of `nn.BatchNorm1d`. `x` has shape (N, features), the other four tensors (features,). Return three things: the output, the new running mean, the new running variance. Both modes must be right; leave the given tensors unchanged.
#
# First recall the experiment with 0 and 2: there are two variances, and which goes where?


# %% tags=["exercise"]
def batch_norm_forward(x, gamma, beta, running_mean, running_var, training, momentum=0.1, eps=1e-5):
    raise NotImplementedError  # your code here: return output, running_mean, running_var


# %% tags=["check"]
exercises.batch_norm_forward.check(batch_norm_forward)


# %% tags=["solution"]
# One possible answer; open it once you have tried.
def batch_norm_forward_solution(
    x, gamma, beta, running_mean, running_var, training, momentum=0.1, eps=1e-5
):
    """(output, new running mean, new running variance) as nn.BatchNorm1d computes them."""
    mean, var = running_mean, running_var
    if training:
        mean, var = x.mean(dim=0), x.var(dim=0, correction=0)
        running_mean = (1 - momentum) * running_mean + momentum * mean
        running_var = (1 - momentum) * running_var + momentum * x.var(dim=0, correction=1)
    normalized = (x - mean) / torch.sqrt(var + eps)
    return gamma * normalized + beta, running_mean, running_var


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 練習 3：泛化落差
#
# 難度 ★★☆，約 10 分鐘。
#
# 寫出 `generalization_gap(model, train_loader, new_loader)`：新資料的均方誤差，減去訓練資料的均方誤差。兩個 loader 每次交出一個批次 (x, y)，最後一批可能比較短。
#
# 老實量：每個樣本一樣重、用評估模式、不記梯度；量完把模型切回**原來的模式**。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Exercise 3: the generalization gap
#
# Difficulty ★★☆, about 10 minutes.
#
# Write `generalization_gap(model, train_loader, new_loader)`: the mean squared error on new data minus that on the training data. Each loader hands out batches (x, y), and the last may be short.
#
# Measure honestly: every example counts alike, in evaluation mode, without gradients; and hand the model back **in the mode in which it came**.


# %% tags=["exercise"]
def generalization_gap(model, train_loader, new_loader):
    raise NotImplementedError  # your code here


# %% tags=["check"]
exercises.generalization_gap.check(generalization_gap)


# %% tags=["solution"]
# One possible answer; open it once you have tried.
@torch.no_grad()
def generalization_gap_solution(model, train_loader, new_loader):
    """Mean squared error on new examples minus that on the training examples."""
    was_training = model.training
    model.eval()
    means = []
    for loader in (train_loader, new_loader):
        errors = [(model(x) - y).square().flatten() for x, y in loader]
        means.append(torch.cat(errors).mean().item())
    model.train(was_training)
    return means[1] - means[0]


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 重點整理
#
# - 過擬合：訓練損失低於雜訊的水準，真誤差卻回頭往上。排好序再切，量到的是外插。
# - 大網路錯在**變異**：換一份雜訊，答案就換。正則化壓的就是它。
# - 資料最有效；小網路、早停、dropout、夠強的權重衰減都有效。力道是 η × λ × 步數，λ = 0.01 在這裡太弱。
# - PyTorch 的 dropout 在**訓練時**放大，評估時什麼都不做。批次正規化在訓練時看批次，在評估時看執行中的統計量。忘了 `eval()` 不會報錯。
# - 比較兩種方法，學習率要一起掃：一次只改一件事，多個種子，NaN 也算數。
#
# **下一課**：[[mnist_mlp]]，用多層感知機辨識手寫數字，把這些零件裝在一起。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Summary
#
# - Overfitting: the training loss sinks below the noise while the true error turns upward. Splitting sorted data measures extrapolation.
# - A large network's fault is **variance**: other noise, other answer. That is what regularization holds down.
# - More data works best; smaller networks, early stopping, dropout and weight decay of sufficient force all help. The force is η × λ × steps; λ = 0.01 is too weak here.
# - PyTorch's dropout scales **in training** and does nothing in evaluation. Batch norm looks at the batch in training, at running statistics in evaluation. A forgotten `eval()` raises no error.
# - To compare two methods, sweep the learning rate for both: change one thing at a time, use many seeds, count NaN.
#
# **Next**: [[mnist_mlp]] reads handwritten digits with a multi-layer perceptron and puts these parts together.

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "skip"}
# ### 原始文獻
#
# - Krogh, Hertz（1991），A simple weight decay can improve generalization。權重衰減。
# - Geman, Bienenstock, Doursat（1992），Neural networks and the bias/variance dilemma。偏差與變異。
# - Prechelt（1998），Early stopping – but when?。早停該看什麼、何時停。
# - Srivastava 等（2014），Dropout: a simple way to prevent neural networks from overfitting。
# - Ioffe, Szegedy（2015），Batch normalization: accelerating deep network training by reducing internal covariate shift。
# - Loshchilov, Hutter（2019），Decoupled weight decay regularization。AdamW。

# %% [markdown] lang="en" slideshow={"slide_type": "skip"}
# ### Primary sources
#
# - Krogh, Hertz (1991), A simple weight decay can improve generalization. Weight decay.
# - Geman, Bienenstock, Doursat (1992), Neural networks and the bias/variance dilemma.
# - Prechelt (1998), Early stopping – but when? What to watch, and when to stop.
# - Srivastava et al. (2014), Dropout: a simple way to prevent neural networks from overfitting.
# - Ioffe, Szegedy (2015), Batch normalization: accelerating deep network training by reducing internal covariate shift.
# - Loshchilov, Hutter (2019), Decoupled weight decay regularization. AdamW.
