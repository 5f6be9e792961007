# %% [markdown] lang="zh-TW" about="什麼真的能減少過擬合：七種方法用同樣的力氣調，再用偏差與變異看它們各改了什麼" slideshow={"slide_type": "slide"}
# # 過擬合與正則化
#
# 訓練損失降到 0，是好消息嗎？這一課的網路會把雜訊一字不漏地背下來，有什麼救得了它？學完之後，你能夠：
#
# - 分清楚過擬合（overfitting）與**外插**（extrapolation），也知道驗證曲線看得出多少過擬合；
# - 公平地比較七種方法：每種都試一樣多的劑量，在驗證資料上選，再用新的種子評分；
# - 把誤差拆成偏差與變異，看每種方法改的是哪一邊；
# - 說出 dropout 與批次正規化在訓練、評估兩種模式裡各做什麼，也說得出「批次正規化可以用十倍的學習率」何時對、何時不對。
#
# 先備：[[perceptron_xor]]到[[optimizers]]。

# %% [markdown] lang="en" about="what really reduces overfitting: seven remedies tuned alike, and what each does to bias and variance" slideshow={"slide_type": "slide"}
# # Overfitting and regularization
#
# The training loss has gone to zero: good news? The networks of this lesson learn noise by heart; what rescues them? By the end you can
#
# - tell overfitting from **extrapolation**, and know what a validation curve shows of it;
# - compare seven remedies fairly: as many doses of each, chosen on validation data, judged on fresh seeds;
# - split an error into bias and variance, and see which of the two a remedy changes;
# - say what dropout and batch normalization do in training and in evaluation, and when "batch norm allows ten times the learning rate" is true.
#
# It builds on [[perceptron_xor]] to [[optimizers]].

# %% lang="zh-TW" tags=["setup"] slideshow={"slide_type": "subslide"}
from course_utils.notebook import set_up

device = set_up("regularization", language="zh-TW", workers=True)

# %% lang="en" tags=["setup"] slideshow={"slide_type": "subslide"}
from course_utils.notebook import set_up

device = set_up("regularization", language="en", workers=True)

# %% slideshow={"slide_type": "subslide"}
import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
import torch
from scipy import stats
from torch import nn

from course_utils import plotting, seeding
from course_utils.exercises import regularization as exercises
from course_utils.experiment import run_seeds
from course_utils.intervals import (
    detectable_difference,
    holm,
    mean_interval,
    paired_difference,
    share_interval,
)
from course_utils.mnist import load_mnist
from course_utils.notebook.claims import claim
from course_utils.seeding import seeded
from course_utils.stacked import StackedMLP

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 背下來，不等於學會
#
# 真實的規律是 sin(x)。我們只看得到 50 個點，每點都加了標準差 0.3 的雜訊（noise）。隨機抽 35 點訓練，另外 15 點留著**驗證**（validation）。
#
# 因為資料是自己造的，我們還有一份平常拿不到的考卷：在 61 個位置上直接和 sin(x) 比，稱為**真實誤差**（true error）。
#
# 想一想：一條曲線穿過全部 35 個訓練點，它的真實誤差會是 0 嗎？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Learning by heart is not learning
#
# The law behind the data is sin(x). We see 50 points of it, each with noise of standard deviation 0.3: 35, drawn at random, for training, the other 15 for **validation**.
#
# Having made the data, we also own an exam usually out of reach: the **true error**, against sin(x) itself at 61 places.
#
# Predict: a curve passes through all 35 training points. Is its true error zero?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（5 分鐘）真實的規律是 sin(x)。有 35 個訓練點，每點都加了標準差 0.3 的雜訊。一條曲線穿過全部 35 點，訓練損失是 0。它和 sin(x) 相比的誤差（真實誤差）也是 0 嗎？
#
# - ✗ 是，每一點都對，規律就找到了。*把資料點當成規律；點上有雜訊，穿過點就連雜訊也學了。*
# - ✗ 幾乎是，35 個雜訊會互相抵消。*取平均時才會抵消；要穿過每一點的曲線，每一點的雜訊都得照單全收。*
# - ✓ 不是。*每一點都偏離 sin(x)，穿過這些點的曲線也就偏離 sin(x)。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (5 min) The law is sin(x). There are 35 training points, each with noise of standard deviation 0.3. A curve passes through all of them, so its training loss is 0. Is its error against sin(x) itself, the true error, 0 as well?
#
# - ✗ Yes: every point is right, so the law is found. *Takes the points for the law; they carry noise, and to pass through them is to learn the noise, too.*
# - ✗ Nearly, as 35 noises cancel out. *They do in a mean; a curve through every point takes each one's noise as it is.*
# - ✓ No. *Every point is off sin(x), and so is a curve that passes through them.*


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
# 每個種子有自己的雜訊、自己的分法。`split_points` 把許多種子疊成一疊，形狀是 `(種子, 點, 1)`。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# Every seed has its own noise and split; `split_points` stacks many, in shape (seed, point, 1).


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
legend = plot_points(ax, *split_points([0])).legend(loc="upper left", bbox_to_anchor=(1, 1))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 一次訓練二十個網路
#
# 一個種子的結果只是一次運氣，所以每個設定都要二十個種子，由 `StackedMLP` 疊成一個來訓練。
#
# 每個網路要有**自己的**損失，最後才相加：這樣每個網路的梯度就和單獨訓練時一樣。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Twenty networks trained as one
#
# One seed is one draw of luck, so every setting gets twenty, stacked by `StackedMLP`.
#
# Each network needs a loss **of its own**, and only these are added up: then each gets the gradient it would get alone.

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（5 分鐘）二十個網路的權重疊在一起訓練，二十個損失相加之後，只呼叫一次 `backward()`。為什麼每個網路得到的梯度，和單獨訓練時一樣？
#
# - ✓ 總和裡只有它自己的損失用到它的權重。*別的網路的損失和它的權重無關，微分是 0。*
# - ✗ 因為最後會除以二十。*把相加當成平均；真的除以二十，梯度就只剩二十分之一。*
# - ✗ 不一樣，它們會互相學習。*以為疊在一起就會互相影響；每個網路有自己的權重，之間沒有路。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (5 min) Twenty networks are stacked and trained together; their twenty losses are added up, and `backward()` is called once. Why does each network get the gradient it would get alone?
#
# - ✓ In the sum, only its own loss depends on its weights. *The other networks' losses do not depend on them, and their derivative is 0.*
# - ✗ Because the sum is divided by twenty in the end. *Takes a sum for a mean; divided by twenty, a gradient would be a twentieth.*
# - ✗ It does not: they learn from each other. *Thinks that what is stacked mixes; each network has weights of its own, and no path leads from one to another.*


# %%
def error_per_network(outputs, targets):
    return (outputs - targets).square().mean(dim=(1, 2))


# %%
@torch.no_grad()
def measure(model, train, held_out):
    model.eval()
    pairs = [(model(x), y) for x, y in (train, held_out, (GRID, TRUTH))]
    model.train()
    errors = torch.stack([error_per_network(*pair) for pair in pairs])
    return errors.numpy(), pairs[-1][0][..., 0].numpy()  # (3 errors, network), (network, place)


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# Adam 走七百步，學習率 0.01（`weight_decay=0` 的 AdamW 就是 Adam），每步用 35 個點，每 20 步量一次。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# Seven hundred steps of Adam at rate 0.01 (AdamW with `weight_decay=0` is Adam), each on 35 points, measured every 20.


# %%
def train_stack(
    seed, hidden_sizes=(64, 64, 64), num_points=50, shuffle=True, batch=35, decay=0.0, **options
):
    seeds = range(seed, seed + 20)
    (x, y), held_out = split_points(seeds, num_points, shuffle)
    model = StackedMLP(1, hidden_sizes, 1, seeds=seeds, **options)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01, weight_decay=decay, fused=True)
    measured = []
    with seeded(seed):
        for step in range(1, 701):
            rows = torch.randperm(x.shape[1])[:batch]
            optimizer.zero_grad()
            error_per_network(model(x[:, rows]), y[:, rows]).sum().backward()
            optimizer.step()
            if step % 20 == 0:
                measured.append(measure(model, (x, y), held_out))
    errors, curves = (np.array(part) for part in zip(*measured, strict=True))
    return {"errors": errors, "curves": curves, "model": model.eval()}


# %% slideshow={"slide_type": "subslide"}
STEPS = np.arange(20, 701, 20)


def collect(runs, setting, what="errors"):
    """Errors (35 measurements, 3 kinds, networks) or predicted curves (35, networks, places)."""
    parts = list(runs.loc[runs["setting"] == setting, what])
    return np.concatenate(parts, axis=2 if what == "errors" else 1)


# %%
settings = {"1-8-8-8-1": {"hidden_sizes": (8, 8, 8)}, "1-64-64-64-1": {}}
runs = run_seeds(train_stack, seeds=[0], settings=settings)
small, large = (collect(runs, name) for name in settings)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 過擬合的樣子
#
# 對訓練資料越來越準，對別的卻越來越不準，就叫**過擬合**（過度擬合）。
#
# 左邊 169 個參數，右邊八千多個。猜猜看：哪一邊的訓練損失低？哪一邊的真實誤差低？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## What overfitting looks like
#
# A network **overfits** where it gets ever better on the training data and ever worse on everything else.
#
# On the left 169 parameters, on the right over eight thousand. Guess: which side has the lower training loss? Which has the lower true error?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（6 分鐘）兩個網路學同樣的 35 個有雜訊的點：1-8-8-8-1 有 169 個參數，1-64-64-64-1 有八千多個。訓練完之後，哪一個的訓練損失低？哪一個與真實規律相比的誤差低？
#
# - ✗ 大的兩樣都低，參數多，什麼都學得比較好。*把「配合資料」當成「找到規律」；多出來的參數拿去背雜訊了。*
# - ✓ 大的訓練損失低，小的真實誤差低。*大網路把雜訊也背了下來，所以在點與點之間離開了真實的規律。*
# - ✗ 小的兩樣都低，參數少，比較好訓練。*參數少，彎不出那麼多急轉，訓練損失降不到那麼低。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (6 min) Two networks learn the same 35 noisy points: 1-8-8-8-1 has 169 parameters, 1-64-64-64-1 over eight thousand. After training, which has the lower training loss, and which the lower error against the true law?
#
# - ✗ The large one has both: with more parameters everything is learned better. *Takes fitting the data for finding the law; the extra parameters went into memorizing noise.*
# - ✓ The large one has the lower training loss, the small one the lower true error. *The large one memorized the noise as well, and so leaves the true law between the points.*
# - ✗ The small one has both: with fewer parameters training is easier. *With few parameters it cannot bend as sharply, and its training loss stays higher.*

# %% alt-zh="兩張圖，橫軸是步數，縱軸是均方誤差（幾何平均），取對數，陰影帶是 95% 區間。左圖小網路的三條線很快變平。右圖大網路的訓練損失一路降到 0.02 以下，真實誤差先降後升，驗證損失最後最高。" alt-en="Two plots of mean squared error (geometric mean over seeds) against steps, log scale, with 95 % bands. Small network on the left: all three curves soon go flat. Large network on the right: training loss sinks below 0.02 while the true error falls first and then rises; validation loss ends highest."
figure, axes = plt.subplots(1, 2, figsize=(9, 3.0), sharey=True)
for ax, errors, title in zip(axes, (small, large), settings, strict=True):
    for index, label in enumerate(("training", "validation", "true error")):
        plotting.plot_band(ax, STEPS, errors[:, index].T, label, log=True)
    ax.axhline(0.09, color="gray", linewidth=1, label="noise variance")
    ax.set(title=title, xlabel="step", ylabel="mean squared error")
legend = axes[1].legend(loc="upper left", bbox_to_anchor=(1, 1))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 它學到了什麼曲線？
#
# 同一份資料（種子 0）。右邊的曲線在點與點之間做了什麼？

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### Which curves did they learn?
#
# The same data (seed 0). What does the curve on the right do between the points?

# %% alt-zh="左圖小網路的折線平順地跟著正弦曲線；右圖大網路的曲線穿過許多訓練點，上下急轉，離開了正弦曲線。" alt-en="On the left the small network follows the sine smoothly in a few bends. On the right the large network passes through many training points, swings sharply and leaves the sine."
figure, axes = plt.subplots(1, 2, figsize=(9, 3.0), sharey=True)
for ax, setting in zip(axes, settings, strict=True):
    plot_points(ax, *split_points([0]))
    ax.plot(GRID, collect(runs, setting, "curves")[-1, 0], label="network")
    ax.set_title(setting)
legend = axes[1].legend(loc="upper left", bbox_to_anchor=(1, 1))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 曲線跟著雜訊急轉，所以離開了 sin(x)。就連 sin(x) 自己，面對有雜訊的點，損失也大約是雜訊的變異數 0.09；訓練損失**遠低於** 0.09，就是在背雜訊。
#
# **主張 1** 大網路最後的平均訓練損失不到雜訊變異數的一半，連信賴區間的上限也是。
#
# **主張 2** 大網路的訓練損失比小網路低，真實誤差卻比小網路高：兩個成對差（同一個種子相減）的信賴區間都不含 0。
#
# **主張 3** 大網路的平均驗證損失在前 200 步就到了最低。從那一步到最後，二十個種子裡至少十八個的真實誤差變大了，至少十一個的驗證損失變大了。
#
# 只有 15 個驗證點，所以單看一條驗證曲線，過擬合看得見，但看不清楚。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# The curve swerves after the noise. Even sin(x) itself has a loss of about 0.09 on noisy points, the variance of the noise; a training loss **far below** that is noise learned by heart.
#
# **Claim 1** The large network's mean training loss ends below half the noise variance, with its whole interval.
#
# **Claim 2** The large network's training loss is lower than the small one's, and its true error is higher: no paired interval (of differences seed by seed) contains zero.
#
# **Claim 3** The large network's mean validation loss is lowest within the first 200 steps. From there to the end the true error rises for at least 18 of the twenty seeds, the validation loss for at least 11.
#
# One validation curve of 15 points shows overfitting dimly.

# %%
memorized = mean_interval(large[-1, 0])
print(f"training loss, large: {memorized:.3f}")
claim(1, memorized.high < 0.045)

# %%
train_gap, true_gap = (paired_difference(large[-1, k], small[-1, k]) for k in (0, 2))
print(f"large - small: training loss {train_gap:.3f}, true error {true_gap:.3f}")
claim(2, train_gap.high < 0 < true_gap.low)
lowest = large[:, 1].mean(axis=1).argmin()
risen = {kind: (large[-1, k] > large[lowest, k]).sum() for k, kind in ((1, "val"), (2, "true"))}
claim(3, STEPS[lowest] <= 200 and risen["true"] >= 18 and risen["val"] >= 11)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 換個分法，量到的是另一件事
#
# 常見的寫法是 `X[:35]` 訓練、`X[35:]` 測試。但這裡的 x 是**排好序**的：訓練只看到左邊，考試全在右邊。這是在問「沒去過的地方會怎樣」，也就是**外插**。
#
# 猜猜看：小網路不太過擬合。在這種分法下，它的驗證損失是多少？0.1、0.3，還是更大？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Split otherwise, and you measure something else
#
# Many train on `X[:35]` and test on `X[35:]`. But here x is **sorted**: training sees the left, and the exam is on the right. That asks what happens where nobody has been: **extrapolation**.
#
# Guess: the small network overfits little. What is its validation loss under this split: 0.1, 0.3, more?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（5 分鐘）一個不太過擬合的小網路，隨機切分時驗證損失很低。資料依 x 排好序，這次改用左邊的七成訓練、右邊的三成驗證。驗證損失會怎樣？
#
# - ✗ 差不多，它本來就不太過擬合。*以為驗證損失只反映過擬合；這次問的是沒去過的地方。*
# - ✗ 更低，排好序的資料比較好學。*訓練損失也許低；考的卻是另一邊。*
# - ✓ 高得多，是兩倍以上。*右邊沒有訓練點，網路只能外插；這個數字量的不是過擬合。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (5 min) A small network overfits little, and with a random split its validation loss is low. Now the data are sorted by x; it trains on the left 70 % and is validated on the right 30 %. What becomes of the validation loss?
#
# - ✗ It stays about the same, as the network overfits little. *Thinks that validation loss shows overfitting only; this time it asks about places where nobody has been.*
# - ✗ It gets lower: sorted data are easier to learn. *Perhaps the training loss does; the exam is on the other side.*
# - ✓ It is far higher, more than twice. *On the right there are no training points, and the network must extrapolate; this number does not measure overfitting.*

# %% alt-zh="兩張圖的灰色區域（x 大於約 1.2）裡都沒有訓練點。五個種子的預測線在左邊貼近正弦曲線，進入灰色區域後幾乎直線散開，方向各不相同。" alt-en="In both panels the grey region right of about 1.2 has no training points. Five seeds' predictions stay near the sine on the left, then fan out almost straight, each its own way." slideshow={"slide_type": "subslide"}
sorted_settings = {name: {**options, "shuffle": False} for name, options in settings.items()}
sorted_runs = run_seeds(train_stack, seeds=[0], settings=sorted_settings)
figure, axes = plt.subplots(1, 2, figsize=(9, 3.0), sharey=True)
for ax, setting in zip(axes, settings, strict=True):
    ax.axvspan(-3 + 34.5 * 6 / 49, 3, color="gray", alpha=0.15, label="no training data")
    ax.plot(GRID, collect(sorted_runs, setting, "curves")[-1, :5].T)
    ax.plot(GRID, TRUTH, color="black", linewidth=3, linestyle=":", label="sin(x)")
    ax.set(title=f"{setting}, five seeds", xlabel="x (rad)", ylabel="y", ylim=(-5, 5))
legend = axes[1].legend(loc="upper left", bbox_to_anchor=(1, 1))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ReLU 網路出了資料範圍，差不多就是一條直線，往哪裡飛看運氣。
#
# **主張 4** 按順序切，小網路和大網路的驗證損失（中位數）都是隨機切分時的兩倍以上。連不太過擬合的網路也「不及格」，所以這個數字量的不是過擬合。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# Beyond the data a ReLU network goes nearly straight, and luck decides where.
#
# **Claim 4** With the sorted split, the validation loss (median) of the small and of the large network is more than twice that of the random split. The network that overfits little "fails", too: this number does not measure overfitting.

# %%
ratios = []
for name in settings:
    losses = [np.median(collect(group, name)[-1, 1]) for group in (runs, sorted_runs)]
    print(f"{name}: random split ≈{losses[0]:.2f}, sorted split ≈{losses[1]:.2f}")
    ratios.append(losses[1] / losses[0])
claim(4, min(ratios) > 2)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 多大才太大？
#
# 三個隱藏層，每層 2 到 256 個神經元。想一想：訓練損失與真實誤差隨大小怎麼走？兩條線的最低點在同一處嗎？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## How large is too large?
#
# Three hidden layers of 2 to 256 units each. Predict: how do training loss and true error move with size? Are both lowest at the same place?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（5 分鐘）三個隱藏層，每層從 2 個神經元加到 128 個，訓練點都是同樣 35 個有雜訊的點。訓練損失和真實誤差各怎麼走？
#
# - ✗ 兩個都一路下降。*以為越大越好；真實誤差在中途就回頭了。*
# - ✓ 訓練損失一路下降，真實誤差先降再升，最低點在 8 個左右。*太小學不到規律，太大就去背雜訊。*
# - ✗ 兩個都先降再升，最低點在同一處。*以為訓練損失看得出過擬合；網路越大越背得住，訓練損失就越低。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (5 min) Three hidden layers, of 2 up to 128 units each, all trained on 35 noisy points. How do training loss and true error move as the layers get wider?
#
# - ✗ Both go on falling. *Thinks that larger is better; the true error turns back on the way.*
# - ✓ The training loss goes on falling; the true error falls and then rises, lowest at about 8. *Too small, and it misses the law; too large, and it memorizes noise.*
# - ✗ Both fall and then rise, lowest at the same place. *Thinks that the training loss shows overfitting; the larger the network, the more it can memorize, and the lower that loss.*

# %%
widths = [2, 4, 8, 16, 32, 64, 128, 256]
sizes = {f"width {w}": {"hidden_sizes": (w, w, w)} for w in widths}
size_runs = run_seeds(train_stack, seeds=[0], settings=sizes)
by_width = np.stack([collect(size_runs, name)[-1] for name in sizes], axis=2)

# %% alt-zh="橫軸是每層神經元數，縱軸是均方誤差，兩軸都取對數，陰影帶是二十個種子的 95% 區間。訓練損失一路降到 128，到 256 又稍高；驗證損失與真實誤差先降後升，最低點在 8 附近。" alt-en="Mean squared error against units a layer, both axes logarithmic, bands are 95 % intervals over twenty seeds. Training loss falls up to 128 and is slightly higher at 256; validation loss and true error fall, then rise, lowest near 8." slideshow={"slide_type": "subslide"}
figure, ax = plt.subplots(figsize=(7, 3.0))
labels = (("training", "o"), ("validation", "s"), ("true error", "^"))
for index, (label, marker) in enumerate(labels):
    plotting.plot_band(ax, widths, by_width[index], label, log=True, marker=marker)
ax.set(xscale="log", xlabel="units in each of three hidden layers", ylabel="mean squared error")
ax.set_xticks(widths, widths)
legend = ax.legend(loc="upper left", bbox_to_anchor=(1, 1))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 錯在偏，還是錯在抖？
#
# 二十個種子給出二十條曲線。平均曲線與 sin(x) 的差距平方是**偏差平方**（squared bias）：換多少份資料都還在的部分。各條曲線圍著平均抖動的程度是**變異**（variance）：換一份雜訊、一種分法、一組起始權重，就跟著變的部分（Geman 等人，1992）。
#
# 二十條曲線的平均自己也還在抖，抖的程度是變異的二十分之一，會混進偏差平方，所以要扣掉。猜猜看：大網路錯在哪一種？

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### Wrong by bias, or by trembling?
#
# Twenty seeds give twenty curves. The squared distance of their mean from sin(x) is the **squared bias**: what stays wrong with any draw. Their scatter around the mean is the **variance**: what changes with another draw of noise, split and initial weights (Geman et al. 1992).
#
# (A mean of twenty trembles, too: a twentieth of the variance is taken off the squared bias.) Guess: which of the two is a large network's fault?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（7 分鐘）同一種大網路訓練二十次，每次換一份雜訊、一種分法、一組起始權重，得到二十條曲線。它們與真實規律的差距，主要來自哪裡？
#
# - ✗ 偏差：二十條曲線都偏向同一邊。*以為錯就是歪；二十條的平均很接近真實規律。*
# - ✗ 兩者各半，錯誤總是一半一半。*這兩個部分加起來是總誤差，但各佔多少，要看模型有多大。*
# - ✓ 變異：每條曲線抖得不一樣。*換一份雜訊，答案就變；平均起來卻接近真實規律，變異佔了九成以上。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (7 min) A large network is trained twenty times, each time with another draw of noise, another split and other initial weights, which gives twenty curves. Where does their distance from the true law mostly come from?
#
# - ✗ Bias: all twenty lean to the same side. *Takes being wrong for leaning; the mean of the twenty is close to the law.*
# - ✗ Half from either: errors are shared. *The two parts add up to the whole, but their shares depend on the size of the model.*
# - ✓ Variance: each curve trembles in its own way. *Other noise, other answer; on average they are close to the law, and variance makes up over nine tenths.*


# %%
def bias_and_variance(curves):
    """Squared bias and variance, without bias of their own, of curves (networks, places)."""
    variance = curves.var(axis=0, ddof=1).mean()
    squared_bias = ((curves.mean(axis=0) - TRUTH[:, 0].numpy()) ** 2).mean()
    return squared_bias - variance / len(curves), variance


parts = np.array([bias_and_variance(collect(size_runs, name, "curves")[-1]) for name in sizes])


# %% slideshow={"slide_type": "subslide"}
def plot_parts(ax, names, parts):
    places = np.arange(len(names))
    ax.bar(places - 0.2, parts[:, 0], 0.4, hatch="//", label="squared bias")
    ax.bar(places + 0.2, parts[:, 1], 0.4, label="variance")
    ax.set_xticks(places, names)
    ax.legend()


# %% alt-zh="長條圖，每種寬度兩根長條。寬度 2 的偏差平方與變異都很大；寬度 8 以後偏差平方幾乎是零，變異從 8 到 128 隨寬度增加。" alt-en="Bars, two a width. At width 2 squared bias and variance are both large; from width 8 on the squared bias is nearly zero, and the variance grows with width from 8 to 128."
figure, ax = plt.subplots(figsize=(7, 2.7))
plot_parts(ax, widths, parts)
texts = ax.set(xlabel="units in each of three hidden layers", ylabel="mean squared error")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# **主張 5** 真實誤差在寬度 8 比寬度 2 低，也比寬度 128 低（成對差的信賴區間都不含 0），而寬度 128 的訓練損失是三者中最低的。
#
# **主張 6** 兩個部分相加**必定**等於平均真實誤差（這裡相差不到 10⁻⁴）；寬度 128 的網路，變異佔了九成以上。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# **Claim 5** The true error of width 8 is below that of width 2 and of width 128 (no paired interval contains zero), while width 128 has the lowest training loss of the three.
#
# **Claim 6** The two parts **must** add up to the mean true error (here within 10⁻⁴); at width 128 more than nine tenths of it is variance.

# %%
true_error = dict(zip(widths, by_width[2].T, strict=True))
excess = [paired_difference(true_error[w], true_error[8]) for w in (2, 128)]
print(f"true error, width 2 - 8: {excess[0]:.3f}, width 128 - 8: {excess[1]:.3f}")
claim(5, min(e.low for e in excess) > 0 and by_width[0].mean(axis=0)[[0, 2, 6]].argmin() == 2)
adds_up = np.allclose(parts.sum(axis=1), by_width[2].mean(axis=0), atol=1e-4)
claim(6, adds_up and parts[6, 1] > 0.9 * parts[6].sum())

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 再大下去，會不會又變好？
#
# 有些研究發現**雙重下降**（double descent）：模型一路加大，誤差先降，在「剛好記得住」全部訓練資料的大小升到頂，之後**又降下來**（Belkin 等人，2019；Nakkiran 等人，2020）。
#
# 訓練不一定走得到損失最低的地方，所以換一種能直接解的模型來找：隱藏層隨機畫好就不動（每個神經元是一個折點），輸出層用最小平方法解；解不只一個時，取權重最小的。
#
# 猜猜看：35 個訓練點，3 到 1,000 個神經元，真實誤差在哪裡最高？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Larger still: does it get better again?
#
# Some studies find **double descent**: as a model grows the error falls, rises to a peak where the model can *just* memorize the training data, and **falls again** (Belkin et al. 2019; Nakkiran et al. 2020).
#
# Training need not end at the lowest loss, so we search in a model that is solved outright: a random hidden layer, never trained (each unit one kink), and an output layer by least squares; of several solutions, that of the smallest weights.
#
# Guess: with 35 training points and 3 to 1,000 units, where is the true error highest?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（8 分鐘）35 個訓練點。模型的隱藏層隨機畫好就不動，輸出層用最小平方法一次解出來。隱藏神經元從 3 個加到 1,000 個，真實誤差（中位數）在哪裡最高？
#
# - ✗ 1,000 個，參數最多，過擬合最嚴重。*以為參數越多越糟；解很多時取權重最小的，反而比較平順。*
# - ✓ 35 個左右，和訓練點一樣多。*剛好穿得過所有的點，只有一種勉強的辦法；再多，就有比較平順的解可以選。*
# - ✗ 3 個，太少了，什麼都學不會。*太少確實不好，但輸出不會亂跳；剛好穿得過每一點時，擺盪大得多。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (8 min) There are 35 training points. A model's hidden layer is random and stays as drawn; its output layer is solved by least squares. With 3 to 1,000 hidden units, where is the true error (its median) highest?
#
# - ✗ At 1,000, which has the most parameters and overfits the most. *Thinks that more parameters are always worse; of many solutions the one with the smallest weights is taken, and that is smoother.*
# - ✓ At about 35, as many as training points. *There is just one forced way through all points; with more units there are smoother ones to choose from.*
# - ✗ At 3, which is too few to learn anything. *Too few is bad, but the output does not jump about; where it just reaches every point, it swings far more.*


# %%
def solve_output_layer(width, decay, seeds):
    (x, y), _ = split_points(seeds)
    draws = [torch.rand(width, generator=seeding.generator(seed)) for seed in seeds]
    kinks = 6 * torch.stack(draws)[:, None].double() - 3
    signs = torch.tensor([1.0, -1.0]).repeat(width)[:width]

    def hidden(x):
        return torch.relu(signs * (x - kinks)) / width**0.5

    gram = hidden(x) @ hidden(x).mT + decay * torch.eye(x.shape[1])
    weights = hidden(x).mT @ torch.linalg.pinv(gram, hermitian=True) @ y.double()
    pairs = [(hidden(x) @ weights, y), (hidden(GRID) @ weights, TRUTH)]
    return torch.stack([error_per_network(*pair) for pair in pairs]).numpy()


# %% alt-zh="橫軸是神經元數，縱軸是真實誤差的中位數，兩軸取對數，陰影帶是四分位距。沒有權重衰減的線先降到 10 附近，在 20 到 60 之間衝高，35 有一條直線標出訓練點的數目，之後又降，但沒有低於第一個低點。加了權重衰減的線沒有尖峰，一路降到底後變平，低於另一條線。" alt-en="Median true error against units, log axes, bands from the lower to the upper quartile. Without weight decay the line falls until about 10, shoots up between 20 and 60, where a vertical line marks 35, the number of training points, and falls again, though not below its first valley. With weight decay there is no peak: the line falls, stays flat, and lies below the other." slideshow={"slide_type": "subslide"}
num_units = [3, 5, 10, 20, 35, 60, 100, 300, 1000]
solved = {
    decay: np.stack([solve_output_layer(n, decay, range(40)) for n in num_units])
    for decay in (0.0, 0.01)
}
figure, ax = plt.subplots(figsize=(8, 3.2))
for (decay, errors), marker in zip(solved.items(), "os", strict=True):
    low, middle, high = np.quantile(errors[:, 1], [0.25, 0.5, 0.75], axis=1)
    ax.plot(num_units, middle, marker=marker, label=f"weight decay {decay:g}")
    ax.fill_between(num_units, low, high, alpha=0.2)
ax.axvline(35, color="gray", linestyle=":", label="35 training points")
ax.set(xscale="log", yscale="log", xlabel="hidden units", ylabel="true error")
legend = ax.legend(loc="upper left", bbox_to_anchor=(1, 1))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 找到了：尖峰在神經元數接近訓練點數的地方，那時穿過全部的點只有一種勉強的辦法。再多，權重小的解就比較平順。
#
# **主張 7** 四十個種子的中位數：20、35、60 個神經元當中最高的，是 10 個時的三倍以上，也是 1,000 個時的一點五倍以上；但 1,000 個時並沒有低於 10 個時。
#
# **主張 8** 加上權重衰減（把權重往零拉，力道 λ = 0.01），尖峰就消失：從 10 個到 1,000 個神經元，每一種大小的中位數都低於沒有衰減時，最高的不到最低的兩倍（參考 Nakkiran 等人，2021）。
#
# **主張 9** 訓練出來的網路看不出雙重下降：從 128 加寬到 256，真實誤差就算降也只降一點（印在下面），訓練損失卻升高了，是記得少了；而且 256 的真實誤差仍高於寬度 8（成對差的信賴區間都不含 0）。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# There it is: the peak lies where units are about as many as points, and only one forced way leads through them. With more, small weights choose a smoother one.
#
# **Claim 7** Of the medians over forty seeds, the highest at 20, 35 or 60 units is more than three times that at 10, and more than 1.5 times that at 1,000; yet that at 1,000 is not below that at 10.
#
# **Claim 8** Weight decay, which pulls weights toward zero (here by λ = 0.01), removes the peak: from 10 to 1,000 units every median lies below that without decay, and the highest is less than twice the lowest (compare Nakkiran et al. 2021).
#
# **Claim 9** The trained networks do not show it: from 128 to 256 the true error falls little, if at all, but the training loss rises, so less was memorized; and at 256 the true error is still above that at width 8 (neither paired interval contains zero).

# %%
free, decayed = (np.median(errors[:, 1], axis=1) for errors in solved.values())
print("medians without decay:", [f"≈{value:.2f}" for value in free])
claim(7, free[3:6].max() > max(3 * free[2], 1.5 * free[-1]) and free[-1] >= free[2])
claim(8, (decayed[2:] < free[2:]).all() and decayed[2:].max() < 2 * decayed[2:].min())
wider = [paired_difference(by_width[k, :, 7], by_width[k, :, 6]) for k in (0, 2)]
print(f"width 256 - 128: training loss {wider[0]:.3f}, true error {wider[1]:.3f}")
claim(9, wider[0].low > 0 and paired_difference(true_error[256], true_error[8]).low > 0)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 七種藥方，同樣的力氣
#
# **正則化**（regularization）就是讓網路不那麼容易跟著雜訊抖的方法。病人都是 1-64-64-64-1，每種藥都試四個劑量：
#
# - **少一點神經元**：仍是三層，每層 4、8、16、32 個。
# - **dropout**：訓練時隨機關閉一部分神經元，機率 0.05、0.1、0.2、0.4。
# - **權重衰減**（weight decay）：每一步把權重往零拉一點；AdamW，λ = 0.3、1、3、10。
# - **批次正規化**（batch normalization）：用整個批次的平均與標準差，重新縮放每個神經元。一個樣本的輸出因此跟著同伴變，論文發現，這樣在新資料上反而比較準（Ioffe 與 Szegedy，2015）；批次 35、17、11、7。
# - **小批次**（small batches）：不加別的，批次 24、17、11、7。
# - **早停**（early stopping）：驗證損失連續 20、40、80、160 步沒有新低就停，回到最低的那一步。
# - **更多資料**：100、150、250、500 點，步數相同。
#
# 先下注：哪一種最有效？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Seven remedies, the same effort
#
# **Regularization** is whatever keeps a network from trembling with the noise. The patient is always 1-64-64-64-1, and every remedy comes in four doses:
#
# - **fewer units**: still three layers, of 4, 8, 16, 32.
# - **dropout**: units switched off at random during training, with probability 0.05, 0.1, 0.2, 0.4.
# - **weight decay**: weights pulled toward zero at every step; AdamW, λ = 0.3, 1, 3, 10.
# - **batch normalization**: every unit rescaled by its batch's mean and deviation. An example's output then varies with its companions, which helps on new data, its authors found (Ioffe and Szegedy 2015); batches of 35, 17, 11, 7.
# - **small batches**, and nothing else: 24, 17, 11, 7.
# - **early stopping**: stop when the validation loss has reached no new low for 20, 40, 80, 160 steps, and go back to the lowest.
# - **more data**: 100, 150, 250, 500 points, as many steps.
#
# Place your bets: which works best?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（8 分鐘）1-64-64-64-1 的網路學 35 個有雜訊的點，過擬合得很厲害。每種方法都調到最好，哪一種讓真實誤差降得最多？
#
# - ✗ dropout，它是專門用來對付過擬合的。*有名不等於最有效；這裡它有幫助，但排在後面。*
# - ✗ 減少神經元，模型簡單就不會過擬合。*有幫助；但看到的還是那 35 個點，雜訊沒有少。*
# - ✓ 更多資料。*雜訊要靠更多的點才會互相抵消；在這裡，其他方法都只做到一部分。*
# - ✗ 權重衰減，壓住權重，曲線就不會亂彎。*在不加資料的方法裡，它名列前茅，但還是比不上真的多看一些點。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (8 min) A 1-64-64-64-1 network learns 35 noisy points and overfits badly. Each remedy is tuned as well as it can be. Which lowers the true error most?
#
# - ✗ Dropout, which was made against overfitting. *Famous is not best; it helps here, but stands near the end of the list.*
# - ✗ Fewer units: a simple model cannot overfit. *It helps, but the points are still the same 35, with the same noise.*
# - ✓ More data. *It takes more points for the noise to cancel out; here the other remedies go only part of the way.*
# - ✗ Weight decay: hold the weights down, and the curve cannot bend wildly. *It is among the best that add no data, but no match for seeing more points.*

# %% slideshow={"slide_type": "subslide"}
doses = {
    "fewer units": {f"{n} units": {"hidden_sizes": (n, n, n)} for n in (4, 8, 16, 32)},
    "dropout": {f"p {p}": {"dropout_rate": p} for p in (0.05, 0.1, 0.2, 0.4)},
    "weight decay": {f"λ {decay}": {"decay": decay} for decay in (0.3, 1, 3, 10)},
    "batch norm": {f"BN, batch {n}": {"batch_norm": True, "batch": n} for n in (35, 17, 11, 7)},
    "small batches": {f"batch {n}": {"batch": n} for n in (24, 17, 11, 7)},
    "more data": {f"{n} points": {"num_points": n} for n in (100, 150, 250, 500)},
}
trials = {dose: options for group in doses.values() for dose, options in group.items()}
trial_runs = run_seeds(train_stack, seeds=[0], settings=trials)
val_loss = {dose: collect(trial_runs, dose)[-1, 1].mean() for dose in trials}


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 劑量由二十個種子的平均**驗證損失**來選。早停本來就靠驗證損失，等得越久，看過的低點越多，驗證損失只會更低：照這個標準，它總是選最長的。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# The mean **validation loss** of twenty seeds chooses; early stopping lives on it, so its longest wait always wins.


# %% tags=["nbval-ignore-output"]
def stop_early(val_losses, checks):
    """Index of the lowest validation loss when `checks` measurements have brought no lower one."""
    best = 0
    for now, loss in enumerate(val_losses):
        best = now if loss < val_losses[best] else best
        if now - best >= checks:
            break
    return best


for checks in (1, 2, 4, 8):
    stops = [stop_early(losses, checks) for losses in large[:, 1].T]
    val_loss[f"wait {20 * checks}"] = large[stops, 1, range(20)].mean()
doses["early stopping"] = {f"wait {20 * checks}": {} for checks in (1, 2, 4, 8)}
chosen = {remedy: min(group, key=val_loss.get) for remedy, group in doses.items()}
for remedy, group in doses.items():
    tried = ", ".join(f"{dose} ≈{val_loss[dose]:.3f}" for dose in group)
    print(f"{remedy + ':':15s}{tried}\n{'':15s}chosen: {chosen[remedy]}")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 換四十個新的種子，打分數
#
# 用選出來的劑量，在四十個**沒用過的種子**上重新訓練。同一個種子面對同一份資料（更多資料除外），所以**成對**相減。七個比較一起做，運氣也有七次機會，p 值要用 Holm 校正（Holm，1979）。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### Judged on forty fresh seeds
#
# Train anew, at the chosen doses, on forty seeds **not used so far**. A seed means the same data (but for more data), so differences are **paired**; seven chances for luck call for Holm's correction (Holm 1979).

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（5 分鐘）每種方法都試四個劑量，在二十個種子上挑驗證損失最低的。為什麼評分時要換一批沒用過的種子？
#
# - ✗ 因為網路已經背下了那些種子的資料。*每次都從頭訓練，網路不會記得別的種子。*
# - ✓ 因為被挑中的劑量，在挑它的那些種子上多半有點運氣。*從四個裡挑最好的，連運氣也一起挑了；換新的種子，運氣就不算數。*
# - ✗ 因為種子越多越準。*準不準要看種子有幾個，和新舊無關；舊種子再多，偏高也還在。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (5 min) Each remedy comes in four doses, and the one with the lowest validation loss on twenty seeds is chosen. Why is it judged on seeds that were not used so far?
#
# - ✗ Because the networks have memorized those seeds' data. *Every training starts anew; a network knows nothing of other seeds.*
# - ✓ Because a chosen dose was probably a little lucky on the seeds that chose it. *To pick the best of four is to pick luck as well; on fresh seeds that luck does not count.*
# - ✗ Because more seeds are more precise. *Precision depends on how many there are, not on whether they are fresh; with old ones the flattery stays.*

# %%
final = {"untreated": {}, "λ 0.01": {"decay": 0.01}, "BN, batch 35": trials["BN, batch 35"]}
final |= {remedy: (trials | doses["early stopping"])[dose] for remedy, dose in chosen.items()}
final["same batch, no BN"] = {"batch": final["batch norm"]["batch"]}
del final["early stopping"]  # it is the untreated run, looked at earlier
final_runs = run_seeds(train_stack, seeds=(20, 40), settings=final)
errors = {name: collect(final_runs, name)[-1, 2] for name in final}
curves = {name: collect(final_runs, name, "curves")[-1] for name in final}
untreated = collect(final_runs, "untreated")
checks = int(chosen["early stopping"].split()[1]) // 20
stops = [stop_early(losses, checks) for losses in untreated[:, 1].T]
errors["early stopping"] = untreated[stops, 2, range(40)]
curves["early stopping"] = collect(final_runs, "untreated", "curves")[stops, range(40)]

# %% slideshow={"slide_type": "subslide"}
order = sorted(doses, key=lambda name: errors[name].mean())
effects = [paired_difference(errors[name], errors["untreated"]) for name in order]
raw_p = [stats.ttest_rel(errors[name], errors["untreated"]).pvalue for name in order]
p_values = holm(raw_p)
print(f"untreated: {mean_interval(errors['untreated']):.3f}")
for name, effect, p in zip(order, effects, p_values, strict=True):
    print(f"{name:15s} {effect:.3f}, corrected p ≈{p:.1g}")

# %% alt-zh="森林圖，七種方法各一列：點是真實誤差的成對變化，橫線是 95% 區間。更多資料在最左邊（改善最多），其餘六種也都在零的左邊，彼此的區間大多重疊。" alt-en="A forest plot, a row a remedy: the dot is the paired change in true error, the bar its 95 % interval. More data is leftmost (best); the other six lie left of zero, too, with intervals that mostly overlap." slideshow={"slide_type": "subslide"}
figure, ax = plt.subplots(figsize=(8, 3.2))
ax = plotting.plot_forest(ax, order, effects, p_values < 0.05)
texts = ax.set(xlabel="change in true error (filled: corrected p < 0.05)")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# **主張 10** 平均而言，七種方法調好之後都降低了真實誤差（Holm 校正之後）。
#
# **主張 11** 在這裡，更多資料最有效：它的平均真實誤差不到其他任何一種的四分之三。
#
# 其餘六種誰高誰低？下面列出分得開的；其他的只是**分不出來**，不等於一樣：多小的差異會看漏，印在最後一行。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# **Claim 10** On average all seven remedies, once tuned, lower the true error (after Holm's correction).
#
# **Claim 11** Here more data works best: its mean true error is below three quarters of any other remedy's.
#
# Of the other six, the pairs told apart are listed; the rest are **not told apart**, which is not "equal": the last line says what difference may go unnoticed.

# %% tags=["nbval-ignore-output"]
claim(10, all(effect.high < 0 for effect in effects) and (p_values < 0.05).all())
best, *others = order
claim(11, best == "more data" and errors[best].mean() < 0.75 * errors[others[0]].mean())
pairs = [(a, b) for i, a in enumerate(others) for b in others[i + 1 :]]
pair_p = holm([stats.ttest_rel(errors[a], errors[b]).pvalue for a, b in pairs])
apart = [f"{a} below {b}" for (a, b), p in zip(pairs, pair_p, strict=True) if p < 0.05]
print("told apart:", "; ".join(apart) or "none")
missed = max(detectable_difference(errors[a], errors[b], len(pairs)) for a, b in pairs)
print(f"differences up to ≈{missed:.3f} may go unnoticed")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 它們改的是偏差，還是變異？
#
# 四十條曲線，照前面的辦法拆開。猜猜看：這些方法降低的是變異，還是偏差平方？

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### Bias or variance: which do they change?
#
# Forty curves each, split as before. Guess: do the remedies lower the variance, or the squared bias?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（5 分鐘）一個過擬合的大網路，用七種方法治療，真實誤差都降低了。降低的主要是哪一部分？
#
# - ✗ 偏差平方，曲線不再歪到一邊。*大網路本來就不太歪，偏差平方不到變異的一成，沒有多少可以降。*
# - ✓ 變異。*大網路錯在隨雜訊抖動；七種方法都讓它抖得少一點。*
# - ✗ 兩者都降，各降一半左右。*以為降低誤差必然兩邊都降；下手太重時，偏差甚至會升高。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (5 min) A large network that overfits is treated with seven remedies, and every one lowers its true error. Which part do they mainly lower?
#
# - ✗ The squared bias: the curves no longer lean to one side. *A large network hardly leans; its squared bias is less than a tenth of the variance, so there is little to gain.*
# - ✓ The variance. *A large network's fault is to tremble with the noise; all seven make it tremble less.*
# - ✗ Both, by about half each. *Thinks that less error means less of both; too strong a dose even raises the bias.*

# %% alt-zh="長條圖，未治療與七種方法各兩根長條。未治療的變異最高；每一種方法的變異都比較低，更多資料最低。偏差平方全都遠低於變異。" alt-en="Bars, two for the untreated network and for each remedy. The untreated variance is the highest; every remedy's is lower, that of more data the lowest. Squared bias is far below the variance everywhere." slideshow={"slide_type": "subslide"}
names = ["untreated", *reversed(order)]
remedy_parts = np.array([bias_and_variance(curves[name]) for name in names])
figure, ax = plt.subplots(figsize=(9.5, 3.0))
plot_parts(ax, [name.replace(" ", "\n") for name in names], remedy_parts)
text = ax.set_ylabel("mean squared error")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# **主張 12** 七種方法的變異都不到未治療時的八成五；沒有一種靠降低偏差取勝，因為未治療時的偏差平方本來就不到變異的一成。
#
# **主張 13** 批次正規化的效果要靠小批次的雜訊：平均而言，選出來的批次加上批次正規化，真實誤差低於**每批全部 35 點**的批次正規化，也低於**同樣的批次不加它**（成對差的信賴區間都不含 0）。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# **Claim 12** Every remedy's variance is below 85 % of the untreated network's; none wins by lowering the bias, for the untreated squared bias is less than a tenth of the variance.
#
# **Claim 13** What batch norm gains comes with the noise of batches: on average the batch chosen has a lower true error than batch norm over **all 35 points**, and than **the same batch without it** (no paired interval contains zero).

# %%
variances = dict(zip(names, remedy_parts[:, 1], strict=True))
lower = [variances[name] < 0.85 * variances["untreated"] for name in order]
claim(12, all(lower) and remedy_parts[0, 0] < 0.1 * variances["untreated"])
rivals = ("BN, batch 35", "same batch, no BN")
gains = {name: paired_difference(errors["batch norm"], errors[name]) for name in rivals}
for name, gain in gains.items():
    print(f"batch norm - {name}: {gain:.3f}")
whole = (errors["BN, batch 35"], errors["untreated"])
print(f"BN, batch 35 - untreated: {paired_difference(*whole):.3f}")
print(f"detectable: ≈{detectable_difference(*whole):.3f}")
claim(13, all(gain.high < 0 for gain in gains.values()))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 權重衰減：0.01 為什麼不夠，10 為什麼太多？
#
# L2 正則化在損失後面加上 $\frac{\lambda}{2}\lVert w\rVert^2$。它的梯度是 $\lambda w$，所以 SGD 的一步變成 $w \leftarrow (1 - \eta\lambda)\,w - \eta\,\nabla L$：先把權重縮小一點點。大權重才彎得出急轉的曲線。AdamW 直接縮小權重；`Adam(weight_decay=...)` 則是加在損失上，兩者的 λ 不能互相照抄（[[optimizers]]）。
#
# 這裡 η = 0.01，走七百步。得不到梯度補給的權重，λ = 0.01（PyTorch 的預設值）時還剩 (1 − 0.0001)⁷⁰⁰ ≈ 93%，λ = 1 時只剩千分之一。**衰減的力道是 η × λ × 步數**：換了學習率或訓練長度，λ 也要跟著重選。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Weight decay: why is 0.01 too little, and 10 too much?
#
# L2 regularization adds $\frac{\lambda}{2}\lVert w\rVert^2$ to the loss. Its gradient is $\lambda w$, so a step of SGD becomes $w \leftarrow (1 - \eta\lambda)\,w - \eta\,\nabla L$: the weights shrink a little first. Sharp bends take large weights. AdamW shrinks directly, `Adam(weight_decay=...)` adds to the loss: a λ for one is no λ for the other ([[optimizers]]).
#
# Here η = 0.01, for seven hundred steps. Of a weight that no gradient feeds, λ = 0.01 (PyTorch's default) leaves (1 − 0.0001)⁷⁰⁰ ≈ 93 %, and λ = 1 a thousandth. **The force of the decay is η × λ × steps**: with another rate or length of training, choose λ anew.

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（7 分鐘）AdamW 每一步把權重乘上 1 − ηλ。η = 0.01、λ = 1、走 700 步，得不到梯度的權重只剩千分之一。現在 η 改成 0.001，λ 和步數不變，會剩多少？
#
# - ✗ 還是千分之一，λ 沒有變。*以為力道只看 λ；力道是 η × λ × 步數。*
# - ✗ 百分之一，力道十分之一，就剩十倍。*以為成正比；每一步都是乘上去的，要看次方。*
# - ✓ 大約一半。*0.999 的 700 次方約 0.5；所以換了學習率或訓練長度，λ 要重選。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (7 min) At every step AdamW multiplies the weights by 1 − ηλ. With η = 0.01 and λ = 1, after 700 steps a thousandth is left of a weight that gets no gradient. How much is left with η = 0.001, λ and steps unchanged?
#
# - ✗ A thousandth as before: λ is the same. *Thinks that λ alone sets the force; it is η × λ × steps.*
# - ✗ A hundredth: a tenth of the force leaves ten times as much. *Thinks in proportions; it is multiplied step after step, so look at the power.*
# - ✓ About half. *0.999 to the power 700 is about 0.5; with another rate or length of training, choose λ anew.*

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# **主張 14** 平均而言，λ = 0.01 的真實誤差高於選出來的 λ（成對差的信賴區間不含 0）。
#
# **主張 15** 下手太重就換成偏差：λ = 10 的偏差平方（二十個種子）是 λ = 1 的三倍以上，變異則更低。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# **Claim 14** On average the true error at λ = 0.01 is above that at the λ chosen (the paired interval excludes zero).
#
# **Claim 15** Too strong a dose pays in bias: at λ = 10 the squared bias (twenty seeds) is more than three times that at λ = 1, and the variance is lower.

# %%
weak = errors["λ 0.01"]
print(f"λ 0.01 - chosen λ:  {paired_difference(weak, errors['weight decay']):.3f}")
print(f"λ 0.01 - untreated: {paired_difference(weak, errors['untreated']):.3f}")
claim(14, paired_difference(weak, errors["weight decay"]).low > 0)
mild, strong = (bias_and_variance(collect(trial_runs, f"λ {d}", "curves")[-1]) for d in (1, 10))
print(f"squared bias: λ 1 ≈{mild[0]:.4f}, λ 10 ≈{strong[0]:.4f}")
claim(15, strong[0] > 3 * mild[0] and strong[1] < mild[1])

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## Dropout：訓練和評估時各做什麼
#
# 每一步訓練的都是另一個比較瘦的網路；評估時全員到齊，近似這許多瘦網路的平均。論文裡，p 是**留下**的機率，測試時把權重乘上 p（Srivastava 等人，2014）。PyTorch 的 p 是**關閉**的機率；測試時它也要調整嗎？
#
# 想一想：p = 0.5，訓練模式裡，留下來的 8 會變成多少？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Dropout: what it does in training, what in evaluation
#
# Every step trains another, thinner network; evaluation, with all units, comes close to averaging them. In the paper p is the probability to **stay**, and at test time weights are multiplied by p (Srivastava et al. 2014). PyTorch's p is the probability to be **dropped**. Does it adjust at test time, too?
#
# Predict: with p = 0.5 in training mode, what becomes of an 8 that survives?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（6 分鐘）PyTorch 的 `nn.Dropout(p=0.5)`，訓練模式。輸入裡有一個 8，這次沒有被關掉。它變成多少？
#
# - ✗ 8，留下來的就原樣通過。*這樣訓練時的平均會少一半，評估時就對不上。*
# - ✗ 4，乘上留下的機率 0.5。*那是論文在測試時的做法，乘的是權重；PyTorch 在訓練時就先放大。*
# - ✓ 16。*留下的值除以 1 − p，平均才不變；評估時什麼都不必做。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (6 min) PyTorch's `nn.Dropout(p=0.5)` is in training mode. An input of 8 is not dropped this time. What does it become?
#
# - ✗ 8: what stays passes unchanged. *Then the mean in training would be half of that in evaluation.*
# - ✗ 4, multiplied by 0.5, the probability to stay. *That is what the paper does to the weights at test time; PyTorch scales up during training instead.*
# - ✓ 16. *What stays is divided by 1 − p, so that the mean is kept; in evaluation nothing needs to be done.*

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
# **主張 16** p = 0.1、0.5、0.8：訓練模式裡留下的值**必定**放大 1/(1−p) 倍，評估模式原樣輸出；十萬個輸出的平均與輸入相差不到 3%。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# PyTorch scales up **during training** and does nothing in evaluation. The mean stays, and the deployed model need not know p.
#
# **Claim 16** For p = 0.1, 0.5, 0.8: in training what survives **must** be multiplied by 1/(1−p), and evaluation hands the input on; the mean of a hundred thousand outputs is within 3 % of the input.

# %%
ones = torch.ones(100_000)
held = []
for p in (0.1, 0.5, 0.8):
    with seeded(0):
        output = nn.Dropout(p)(ones)
    survivors = output[output != 0]
    held += [torch.allclose(survivors, ones[0] / (1 - p)), abs(output.mean() - 1) < 0.03]
    held.append(torch.equal(nn.Dropout(p).eval()(ones), ones))
claim(16, all(bool(h) for h in held))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 批次正規化在算什麼
#
# 它放在線性層與激活函數之間。每個特徵各自在**批次**上取平均 μ 與變異數 σ²，再用兩個可學習的參數 γ、β 放回適合的尺度：
#
# $$\hat{x} = \frac{x - \mu}{\sqrt{\sigma^2 + \epsilon}}, \qquad y = \gamma\,\hat{x} + \beta$$
#
# 評估時可能只有一個樣本，所以訓練時一路記下**移動統計量**（running statistics）：新值 = 0.9 × 舊值 + 0.1 × 這一批。
#
# 一個小謎題：0 和 2 的變異數，除以 N 是 1，除以 N−1 是 2。PyTorch 用哪一個？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Batch normalization: what it computes
#
# It stands between a linear layer and its activation. Each feature takes its mean μ and variance σ² over the **batch**; then two learned parameters γ and β give it a suitable scale:
#
# $$\hat{x} = \frac{x - \mu}{\sqrt{\sigma^2 + \epsilon}}, \qquad y = \gamma\,\hat{x} + \beta$$
#
# In evaluation there may be a single example, so training keeps **running statistics**: new = 0.9 × old + 0.1 × this batch.
#
# A riddle: the variance of 0 and 2 is 1 divided by N, and 2 divided by N−1. Which does PyTorch use?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（6 分鐘）一個批次只有兩個數，0 和 2。變異數除以 N 是 1，除以 N − 1 是 2。訓練模式的 `nn.BatchNorm1d` 用哪一個？
#
# - ✗ 都除以 N。*移動變異數記成 0.9 × 1 + 0.1 × 2 = 1.1，用的是 2。*
# - ✗ 都除以 N − 1。*那樣輸出會是 ±0.71；實際上是 ±1。*
# - ✓ 兩個都用：正規化這個批次時除以 N，記錄移動統計量時除以 N − 1。*輸出 ±1 看得出前者，移動變異數 1.1 看得出後者。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (6 min) A batch holds two numbers, 0 and 2. Their variance is 1 if divided by N, and 2 if divided by N − 1. Which does `nn.BatchNorm1d` use in training mode?
#
# - ✗ It divides by N throughout. *The running variance becomes 0.9 × 1 + 0.1 × 2 = 1.1, so it took the 2.*
# - ✗ It divides by N − 1 throughout. *Then the output would be ±0.71; it is ±1.*
# - ✓ Both: N to normalize the batch, N − 1 to record the running statistics. *The output of ±1 shows the one, the running variance of 1.1 the other.*

# %%
norm = nn.BatchNorm1d(1)
print("output:", [f"≈{value:.3f}" for value in norm(torch.tensor([[0.0], [2.0]])).flatten()])
print(f"running mean ≈{norm.running_mean.item():.3f}, variance ≈{norm.running_var.item():.3f}")
print("learned:", {name: tuple(p.shape) for name, p in norm.named_parameters()})
print("not learned:", [name for name, _ in norm.named_buffers()])

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 兩個都用！輸出是 ±1，所以**正規化**除以 N；移動變異數是 0.9 × 1 + 0.1 × **2** = 1.1，所以**記錄**除以 N−1。γ 存在 `weight`，β 存在 `bias`。
#
# 現在忘了 `eval()`，把同一個樣本 x = 4 和不同的同伴一起送進去。想一想：它的輸出會變嗎？加上 `no_grad()` 就安全了嗎？

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# Both! The output is ±1, so **normalizing** divides by N; the running variance is 0.9 × 1 + 0.1 × **2** = 1.1, so **recording** divides by N−1. γ is called `weight`, and β `bias`.
#
# Now forget `eval()`, and send the same example x = 4 in with different companions. Predict: does its output change? Does `no_grad()` make it safe?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（6 分鐘）模型裡有批次正規化，評估時忘了呼叫 `eval()`，只用了 `torch.no_grad()`。同一張圖，換一批同伴一起送進去，會怎樣？
#
# - ✗ 輸出不變，每個樣本各自正規化。*訓練模式用的是整個批次的平均與變異數，同伴一換就變了。*
# - ✗ 輸出會變，但模型沒有受到影響，因為 `no_grad()` 什麼都不記。*`no_grad()` 只停掉 autograd 的紀錄；移動統計量照樣更新。*
# - ✓ 輸出會變，移動統計量也被帶走，之後的評估跟著受影響。*模式由 `train()` 與 `eval()` 決定，和 `no_grad()` 無關。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (6 min) A model has batch normalization, and at evaluation `eval()` is forgotten; only `torch.no_grad()` is used. What happens if one image is sent through with other companions?
#
# - ✗ The output stays: each example is normalized by itself. *Training mode takes mean and variance of the whole batch, so companions matter.*
# - ✗ The output changes, but the model is unharmed, since `no_grad()` records nothing. *`no_grad()` stops autograd's notes only; the running statistics move all the same.*
# - ✓ The output changes, and the running statistics are dragged along, for every later evaluation. *The mode is set by `train()` and `eval()`, and `no_grad()` has no part in it.*

# %%
calm, wild = torch.tensor([[4.0], [5.0], [6.0]]), torch.tensor([[4.0], [-50.0], [-90.0]])
outputs, running = {}, {}
for mode, name in (("eval", "calm"), ("eval", "wild"), ("train", "calm"), ("train", "wild")):
    with torch.no_grad():
        batch = norm.train(mode == "train")(calm if name == "calm" else wild)
    outputs[mode, name], running[mode, name] = batch[0].item(), norm.running_mean.item()
    print(f"{mode}, {name}: 4 -> ≈{batch[0].item():.2f}, mean ≈{running[mode, name]:.2f}")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 訓練模式裡，同樣的 4 因為同伴不同而得到不同的輸出；而且**連 `no_grad()` 也擋不住**：移動平均被那批怪資料拉走了，之後的評估全部受影響。
#
# **主張 17** 評估模式的輸出**必定**與同伴無關，統計量也不變；訓練模式兩者都會變。只有一個樣本時，訓練模式直接拒絕（`ValueError`）。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# In training mode the same 4 comes out differently with other companions; and **even `no_grad()` does not help**: the strange batch has dragged the running mean along, for every later evaluation.
#
# **Claim 17** In evaluation the output **must** not depend on companions, nor the statistics move; in training both change. A batch of one example is refused in training (`ValueError`).

# %%
try:
    norm.train()(torch.ones(1, 1))
    refused = False
except ValueError:
    refused = True
same = outputs["eval", "calm"] == outputs["eval", "wild"]
kept = running["eval", "calm"] == running["eval", "wild"]
apart = abs(outputs["train", "calm"] - outputs["train", "wild"]) > 1
moved = running["train", "wild"] < running["train", "calm"] - 1
claim(17, same and kept and apart and moved and refused)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 「可以用十倍的學習率」？
#
# 常見的示範：有批次正規化的網路用 0.1，沒有的用 0.01，前者降得快，於是說「學習率可以放大十倍」。（原始論文在一個大型影像網路上試過 5 倍與 30 倍。）可是**沒有的那一個，從來沒試過 0.1。** 公平的做法是完整的網格：有或沒有 × 每一種學習率，十個種子，結果變成 NaN 的也要數。
#
# 任務照那個示範：1-128-128-1，排好序的前 35 點，SGD 500 步，看訓練損失。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## "Ten times the learning rate"?
#
# A popular demonstration: the network with batch norm trains at 0.1, the one without at 0.01; the former falls faster, hence "ten times the learning rate". (The original paper tried 5 and 30 times, on a large image network.) But **the one without was never tried at 0.1.** Fair is a complete grid: with and without × every rate, ten seeds, and runs that end in NaN counted.
#
# The task is the demonstration's: 1-128-128-1, the first 35 sorted points, 500 steps of SGD; we look at the training loss.

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（6 分鐘）有人示範：有批次正規化的網路用學習率 0.1，沒有的用 0.01，前者的損失降得比較快，所以「有批次正規化就能用十倍的學習率」。這個示範少了什麼？
#
# - ✗ 少了測試準確率，光看訓練損失不算。*這句話說的是訓練承受得住多大的學習率，看訓練損失就夠了。*
# - ✓ 少了沒有批次正規化、學習率 0.1 的那一組。*不試就不知道它承不承受得住；在 sin(x) 的任務上，它其實也能用。*
# - ✗ 少了更多的訓練步數。*走得再久，沒試過的學習率還是沒試過。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (6 min) A demonstration: a network with batch norm trains at rate 0.1, one without at 0.01, and the former's loss falls faster; "so batch norm allows ten times the learning rate". What is missing?
#
# - ✗ The test accuracy: training loss alone does not count. *The sentence is about which rate training can bear, and for that the training loss will do.*
# - ✓ The network without batch norm at rate 0.1. *Untried, nobody knows whether it can bear it; on the sin(x) task it can.*
# - ✗ More training steps. *However long it runs, a rate that was not tried was not tried.*


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
    pairs = [(norm, rate) for rate in rates for norm in (False, True)]
    return {f"{n} {rate}": {"batch_norm": n, "learning_rate": rate} for n, rate in pairs}


# %%
sine_rates = (0.001, 0.003, 0.01, 0.1, 0.3)
sine_grid = run_seeds(train_with_sgd, seeds=[0], settings=grid_of(sine_rates))
loss = {(r.batch_norm, r.learning_rate): r.loss for r in sine_grid.itertuples()}
cells = [[loss[n, rate] for rate in sine_rates] for n in (False, True)]
medians = np.median(np.nan_to_num(cells, nan=np.inf), axis=2).clip(max=0.2)
failures = (~np.isfinite(cells)).sum(axis=2)


# %% alt-zh="兩列五欄的熱圖，寫著訓練損失的中位數與 NaN 的個數。沒有批次正規化的一列在 0.001 較差，到 0.3 仍沒有或很少 NaN；有的一列在 0.001 到 0.01 較低，0.1 開始出現 NaN，0.3 幾乎全部失敗。" alt-en="A heat map of two rows and five columns with median training loss and the count of NaN. The row without batch norm is worse at 0.001 and still has no or few NaN at 0.3; the row with it is lower from 0.001 to 0.01, begins to fail at 0.1, and almost always fails at 0.3." slideshow={"slide_type": "subslide"}
def plot_grid(values, notes, rates, label):
    _, ax = plt.subplots(figsize=(9, 2.8))
    sns.heatmap(values, annot=notes, fmt="", cmap="Blues", cbar_kws={"label": label}, ax=ax)
    ax.set_xticklabels(rates)
    ax.set_yticklabels(["without BN", "with BN"], rotation=0)
    ax.set(xlabel="learning rate")
    ax.grid(False)


rows = zip(medians, failures, strict=True)
notes = [[f"{m:.3f}\n{f}/10 NaN" for m, f in zip(*row, strict=True)] for row in rows]
plot_grid(medians, notes, sine_rates, "median loss (0.2 = failed)")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 學習率**小**的時候，批次正規化確實走得比較快。但學習率大的時候，先垮掉的是**它**。
#
# **主張 18** 學習率 0.001、0.003、0.01：平均而言，有批次正規化的訓練損失較低（成對差的信賴區間都不含 0）。
#
# **主張 19** 學習率 0.3：十個網路裡，有批次正規化的至少多失敗五個。
#
# **主張 20** 沒有批次正規化，學習率 0.1 一樣能用：十個網路都沒有 NaN，平均損失比 0.01 時還低。所以這個任務上，「十倍」是假的。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# At **small** rates batch norm is faster; at large ones it breaks first.
#
# **Claim 18** At rates 0.001, 0.003 and 0.01 the training loss is on average lower with batch norm (no paired interval contains zero).
#
# **Claim 19** At rate 0.3, of ten networks at least five more fail with batch norm than without.
#
# **Claim 20** Without batch norm 0.1 works as well: none of ten networks gives NaN, and the mean loss is below that at 0.01. On this task the "ten times" is false.

# %%
faster = {rate: paired_difference(loss[True, rate], loss[False, rate]) for rate in sine_rates[:3]}
for rate, difference in faster.items():
    print(f"rate {rate}, with - without: {difference:.3f}")
print(f"failing at 0.3 without: {share_interval(int(failures[0, -1]), 10):.0%}")
print(f"failing at 0.3 with:    {share_interval(int(failures[1, -1]), 10):.0%}")
claim(18, all(difference.high < 0 for difference in faster.values()))
claim(19, failures[1, -1] - failures[0, -1] >= 5)
claim(20, failures[0, 3] == 0 and loss[False, 0.1].mean() < loss[False, 0.01].mean())

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 為什麼先垮的是它？
#
# 輸出層是線性的，所以對它的權重來說，均方誤差是一個**碗**；最陡的方向曲率是 h 時，學習率超過 2/h，梯度下降就發散（[[optimizers]]）。曲率看的是輸出層收到的數有多大，而批次正規化把每個神經元都撐到同樣的大小。
#
# 猜猜看：訓練還沒開始，有批次正規化的碗比較陡，還是比較平？

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### Why does batch norm break first?
#
# The output layer is linear, so to its weights the mean squared error is a **bowl**, and where the steepest direction has curvature h, gradient descent diverges at rates above 2/h ([[optimizers]]). The curvature comes from the size of what the layer receives; batch norm inflates every unit to one size.
#
# Guess: before training, is the bowl steeper or flatter with batch norm?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（6 分鐘）均方誤差對輸出層的權重是一個碗，碗越陡，承受得住的學習率越小。1-128-128-1 的網路還沒訓練時，有批次正規化的碗比較陡，還是比較平？
#
# - ✗ 比較平，批次正規化讓損失變平順。*把別處聽來的說法搬過來；這裡看的是輸出層收到的數有多大。*
# - ✓ 比較陡。*批次正規化把每個神經元都撐到同樣的大小，輸出層收到的數變大，曲率也變大。*
# - ✗ 一樣，輸出層後面沒有批次正規化。*碗的形狀由輸出層收到的數決定，而那些數剛經過批次正規化。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (6 min) To the output layer's weights the mean squared error is a bowl; the steeper it is, the smaller the rate it bears. Before training a 1-128-128-1 network, is the bowl steeper or flatter with batch norm?
#
# - ✗ Flatter: batch norm makes the loss smoother. *Carries over what is said elsewhere; here it depends on the size of what the output layer receives.*
# - ✓ Steeper. *Batch norm inflates every unit to one size, so the output layer receives larger numbers, and the curvature grows.*
# - ✗ The same: there is no batch norm behind the output layer. *The bowl's shape is decided by what the output layer receives, and that comes out of batch norm.*


# %%
@torch.no_grad()
def largest_curvature(batch_norm):
    """Of the loss in each network's output weights and bias, before training."""
    (x, _), _ = split_points(range(10), shuffle=False)
    hidden = StackedMLP(1, (128, 128), 1, seeds=range(10), batch_norm=batch_norm).net[:-1](x)
    inputs = torch.cat([hidden, torch.ones_like(x)], dim=2)
    hessian = 2 * inputs.mT @ inputs / x.shape[1]
    return torch.linalg.eigvalsh(hessian)[:, -1].numpy()


curvature = {batch_norm: largest_curvature(batch_norm) for batch_norm in (False, True)}
for batch_norm, values in curvature.items():
    name = "with BN:   " if batch_norm else "without BN:"
    print(f"{name} curvature {mean_interval(values):.0f}, limit 2/h ≈{2 / values.mean():.3f}")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# **主張 21** 每一個網路在訓練之前，有批次正規化時輸出層的最大曲率都是沒有時的 1.5 倍以上；極限 2/h，有批次正規化的都低於 0.05，沒有的都高於 0.05。
#
# 這是起點的極限，而且只看一層，所以說得出誰先垮，說不出在哪個學習率垮。那麼它為什麼有用？論文的理由是各層輸入的分布不再一直變（內部共變量偏移，internal covariate shift）。Santurkar 等人（2018）存疑：他們故意把分布弄亂，網路照樣訓練得好；他們認為關鍵是損失的地形變得平順。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# **Claim 21** For every network, before training, the output layer's largest curvature is over 1.5 times as large with batch norm as without; the limit 2/h is below 0.05 for all with it, above 0.05 for all without.
#
# The limit is that of the start, and of one layer: it tells who breaks first, not at which rate. Why then does batch norm help? Its paper: each layer's inputs stop shifting (internal covariate shift). Santurkar et al. (2018) doubt it: shifted on purpose, networks trained well all the same; they credit a smoother loss.

# %%
limits = {batch_norm: 2 / values for batch_norm, values in curvature.items()}
steeper = (curvature[True] > 1.5 * curvature[False]).all()
claim(21, bool(steeper and limits[True].max() < 0.05 < limits[False].min()))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 換個任務：這次是真的
#
# 拿同一個問題問 MNIST：784-100-100-10，4,000 張訓練圖、小批次 125、SGD 三輪、五個種子，看驗證準確率。（為了省時間只用 4,000 張；完整的訓練在[[mnist_mlp]]。）
#
# 再猜猜看：學習率 1，有批次正規化的會垮嗎？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Another task, and this time it is true
#
# Ask MNIST the same: 784-100-100-10, 4,000 training images to save time ([[mnist_mlp]] trains in full), batches of 125, three epochs of SGD, five seeds, validation accuracy. Guess again: at rate 1, does the network with batch norm break?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（6 分鐘）在 sin(x) 的任務上，學習率大的時候，先垮掉的是有批次正規化的網路。換成 MNIST，784-100-100-10，SGD 的學習率是 1，有沒有批次正規化，哪一個會垮？
#
# - ✗ 有批次正規化的會垮，和 sin(x) 時一樣。*把一個任務的結果當成通則。*
# - ✗ 兩個都會垮，學習率 1 太大了。*以為「太大」有固定的門檻；它要看任務，也要看網路。*
# - ✓ 沒有的垮了，有的還在八成以上。*同一句話，在一個任務上是假的，在另一個任務上說得通：要問任務、學習率和種子數。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (6 min) On the sin(x) task, at large rates the network with batch norm broke first. Now MNIST, 784-100-100-10, SGD at rate 1, with and without batch norm: which breaks?
#
# - ✗ The one with batch norm, as on sin(x). *Takes the result of one task for a law.*
# - ✗ Both: a rate of 1 is too large. *Thinks that "too large" is a fixed number; it depends on the task and on the network.*
# - ✓ The one without; the other stays above 80 %. *The same sentence is false on one task and tenable on another: ask for the task, the rates and the seeds.*


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


# %% alt-zh="兩列五欄的熱圖，寫著五個種子的平均驗證準確率與最低、最高。沒有批次正規化的一列只有 0.1 與 0.3 好，1 和 3 都接近瞎猜；有的一列五種學習率都在八成以上，0.1 到 3 都在九成左右。" alt-en="A heat map of two rows and five columns with mean, lowest and highest validation accuracy over five seeds. Without batch norm only 0.1 and 0.3 are good, and 1 and 3 are near guessing; with it all five rates are above 80 %, and 0.1 to 3 about 90 %." slideshow={"slide_type": "subslide"}
mnist = load_mnist()
print(mnist.banner())
part = {"train": mnist.train.subset(4000), "val": mnist.val}
digit_rates = (0.01, 0.1, 0.3, 1.0, 3.0)
digit_grid = run_seeds(train_on_digits, seeds=[0], settings=grid_of(digit_rates), **part)
accuracy = {(r.batch_norm, r.learning_rate): r.accuracy for r in digit_grid.itertuples()}
cells = 100 * np.array([[accuracy[n, rate] for rate in digit_rates] for n in (False, True)])
notes = [[f"{c.mean():.0f} %\n({c.min():.0f} to {c.max():.0f})" for c in row] for row in cells]
plot_grid(cells.mean(axis=2), notes, digit_rates, "validation accuracy (%)")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# **主張 22** 沒有批次正規化，學習率 0.3 的五個網路都超過 80%，1 與 3 的平均卻不到 60%；有批次正規化，1 與 3 的五個網路都超過 80%。在這裡，它撐得住另一個網路撐不住的學習率。
#
# 同一句話，在一個任務上是假的，在另一個任務上說得通。所以下次聽到就要問：在哪個任務、哪些學習率、幾個種子？

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# **Claim 22** Without batch norm all five networks exceed 80 % at rate 0.3, and their mean is below 60 % at 1 and 3; with it, all five exceed 80 % at 1 and 3. Here batch norm bears rates that the other network cannot.
#
# False on one task, tenable on another. So ask: on which task, at which rates, over how many seeds?

# %%
for rate in digit_rates:
    gain = paired_difference(accuracy[True, rate], accuracy[False, rate])
    print(f"rate {rate}, with - without: {gain:.1%}")
high = [(accuracy[True, rate].min(), accuracy[False, rate].mean()) for rate in (1.0, 3.0)]
permits = all(lowest > 0.8 and without < 0.6 for lowest, without in high)
claim(22, permits and accuracy[False, 0.3].min() > 0.8)

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
# 寫出 `batch_norm_forward`，結果與 `nn.BatchNorm1d` 相同。`x` 的形狀是`(N, features)`，其餘四個張量的形狀都是 `(features,)`，每個特徵一個數。回傳三樣：輸出、新的移動平均、新的移動變異數。兩種模式都要對；不要改動傳進來的張量。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Exercise 2: batch normalization in both modes
#
# Difficulty ★★★, about 20 minutes.
#
# Write `batch_norm_forward`, with the results of `nn.BatchNorm1d`. `x` has shape (N, features), the other four tensors (features,). Return three things: the output, the new running mean, the new running variance. Both modes must be right; leave the given tensors unchanged.


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
# 寫出 `generalization_gap(model, train_loader, new_loader)`：新資料的均方誤差，減去訓練資料的均方誤差。兩個載入器（loader）每次交出一個批次 (x, y)，最後一批可能比較短。
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
# - 過擬合：訓練損失低於雜訊的水準，真實誤差卻回頭往上。排好序再切，量到的是外插。
# - 大網路錯在**變異**：換一份雜訊，答案就變。每一種正則化降低的都是變異；下手太重，偏差就上來。
# - 比較要公平：每種方法一樣多的劑量，在驗證資料上選，換新的種子打分數。
# - 雙重下降在能直接解的模型上找得到；一點權重衰減就能抹平它。
# - PyTorch 的 dropout 在**訓練時**放大，評估時什麼都不做。批次正規化在訓練時看批次，在評估時看移動統計量。
# - 批次正規化撐得住多大的學習率，要看任務：兩邊的學習率都要掃。
#
# **下一課**：[[mnist_mlp]]，用多層感知機辨識手寫數字，把這些零件裝在一起。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Summary
#
# - Overfitting: the training loss sinks below the noise while the true error turns upward. Splitting sorted data measures extrapolation.
# - A large network's fault is **variance**: other noise, other answer. Every remedy lowers it; too much raises the bias.
# - Compare fairly: as many doses of each, chosen on validation, judged on fresh seeds.
# - Double descent is there in a model solved outright; weight decay flattens it.
# - PyTorch's dropout scales **in training** and does nothing in evaluation. Batch norm looks at the batch in training, at running statistics in evaluation.
# - What rate batch norm can bear depends on the task: sweep the rate for both sides.
#
# **Next**: [[mnist_mlp]] reads handwritten digits with these parts.

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "skip"}
# ### 原始文獻
#
# - Holm（1979），A simple sequentially rejective multiple test procedure，Scandinavian Journal of Statistics 6(2)：65–70。
# - Krogh、Hertz（1991），A simple weight decay can improve generalization，NIPS 4，950–957。權重衰減。
# - Geman、Bienenstock、Doursat（1992），Neural networks and the bias/variance dilemma，Neural Computation 4(1)，doi:10.1162/neco.1992.4.1.1。
# - Prechelt（1998），Early stopping – but when?，收於 Neural Networks: Tricks of the Trade，Springer，doi:10.1007/3-540-49430-8_3。
# - Srivastava、Hinton、Krizhevsky、Sutskever、Salakhutdinov（2014），Dropout: a simple way to prevent neural networks from overfitting，JMLR 15：1929–1958。
# - Ioffe、Szegedy（2015），Batch normalization: accelerating deep network training by reducing internal covariate shift，ICML，arXiv:1502.03167。學習率 5 倍與 30 倍在第 4.2 節，輸出跟著同伴變、因而有正則化的效果，在第 3.4 節。
# - Santurkar、Tsipras、Ilyas、Mądry（2018），How does batch normalization help optimization?，NeurIPS，arXiv:1805.11604。
# - Loshchilov、Hutter（2019），Decoupled weight decay regularization，ICLR，arXiv:1711.05101。AdamW。
# - Belkin、Hsu、Ma、Mandal（2019），Reconciling modern machine-learning practice and the classical bias–variance trade-off，PNAS 116(32)，doi:10.1073/pnas.1903070116。
# - Nakkiran、Kaplun、Bansal、Yang、Barak、Sutskever（2020），Deep double descent: where bigger models and more data hurt，ICLR，arXiv:1912.02292。
# - Nakkiran、Venkat、Kakade、Ma（2021），Optimal regularization can mitigate double descent，ICLR，arXiv:2003.01897。

# %% [markdown] lang="en" slideshow={"slide_type": "skip"}
# ### Primary sources
#
# - Holm (1979), A simple sequentially rejective multiple test procedure, Scandinavian Journal of Statistics 6(2): 65–70.
# - Krogh, Hertz (1991), A simple weight decay can improve generalization, NIPS 4, 950–957.
# - Geman, Bienenstock, Doursat (1992), Neural networks and the bias/variance dilemma, Neural Computation 4(1), doi:10.1162/neco.1992.4.1.1.
# - Prechelt (1998), Early stopping – but when?, in Neural Networks: Tricks of the Trade, Springer, doi:10.1007/3-540-49430-8_3.
# - Srivastava, Hinton, Krizhevsky, Sutskever, Salakhutdinov (2014), Dropout: a simple way to prevent neural networks from overfitting, JMLR 15: 1929–1958.
# - Ioffe, Szegedy (2015), Batch normalization: accelerating deep network training by reducing internal covariate shift, ICML, arXiv:1502.03167. The rates: section 4.2; outputs that vary with companions: section 3.4.
# - Santurkar, Tsipras, Ilyas, Mądry (2018), How does batch normalization help optimization?, NeurIPS, arXiv:1805.11604.
# - Loshchilov, Hutter (2019), Decoupled weight decay regularization, ICLR, arXiv:1711.05101. AdamW.
# - Belkin, Hsu, Ma, Mandal (2019), Reconciling modern machine-learning practice and the classical bias–variance trade-off, PNAS 116(32), doi:10.1073/pnas.1903070116.
# - Nakkiran, Kaplun, Bansal, Yang, Barak, Sutskever (2020), Deep double descent: where bigger models and more data hurt, ICLR, arXiv:1912.02292.
# - Nakkiran, Venkat, Kakade, Ma (2021), Optimal regularization can mitigate double descent, ICLR, arXiv:2003.01897.
