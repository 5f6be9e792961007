# %% [markdown] lang="zh-TW" about="SGD、動量、RMSprop、Adam、AdamW 各寫十行，並公平地比一場" slideshow={"slide_type": "slide"}
# # 優化器
#
# 反向傳播（back-propagation）告訴我們「往哪個方向損失會增加」。**優化器**（optimizer，也譯最佳化器）決定的是：拿著這個方向，權重到底要走多遠。學完之後，你能夠：
#
# - 說出學習率（learning rate）的上限從哪裡來，以及為什麼一個方向會拖累另一個方向；
# - 各用不到十行寫出 SGD、動量（momentum）、RMSprop、Adam、AdamW，而且與 `torch.optim` 算出一樣的結果；
# - 公平地比較優化器：每一個都用自己最好的設定；
# - 分清楚 L2 和權重衰減（weight decay）：在 SGD 裡是同一件事，在 Adam 裡不是。
#
# 先備：[[back_propagation]]（梯度從哪裡來）。只用 Python、PyTorch 和高中微積分。

# %% [markdown] lang="en" about="SGD, momentum, RMSprop, Adam and AdamW in ten lines each, and a fair race" slideshow={"slide_type": "slide"}
# # Optimizers
#
# Back-propagation tells us in which direction the loss grows. The **optimizer** decides how far the weights go with that knowledge. By the end you can
#
# - say where the limit on the learning rate comes from, and how one direction holds back another;
# - write SGD, momentum, RMSprop, Adam and AdamW in at most ten lines each, equal to `torch.optim`;
# - compare optimizers fairly: each at its own best settings;
# - tell L2 from weight decay: the same thing in SGD, and not in Adam.
#
# It builds on [[back_propagation]] (where gradients come from), and needs only Python, PyTorch and school calculus.

# %% lang="zh-TW" tags=["setup"] slideshow={"slide_type": "subslide"}
from course_utils.notebook import set_up

device = set_up("optimizers", language="zh-TW")

# %% lang="en" tags=["setup"] slideshow={"slide_type": "subslide"}
from course_utils.notebook import set_up

device = set_up("optimizers", language="en")

# %% slideshow={"slide_type": "subslide"}
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from torch import nn

from course_utils import plotting, seeding
from course_utils.exercises import optimizers as exercises
from course_utils.intervals import (
    compare_settings,
    detectable_difference,
    equivalence,
    mean_interval,
    paired_difference,
)
from course_utils.mnist import load_mnist
from course_utils.models import MLP
from course_utils.notebook.claims import claim
from course_utils.notebook.explore import explore, slider
from course_utils.stacked import StackedMLP

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 梯度下降（gradient descent）：一步可以跨多大？
#
# 規則只有一行：θ ← θ − η∇L，其中 η 是**學習率**。每個優化器我們都寫成同一種函式：給它參數、梯度，和一本只屬於這個參數的筆記 `state`，它就回傳新的參數。SGD 什麼都不必記。
#
# `descend` 從 `start` 出發，重複走 `num_steps` 步，留下走過的每一點。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Gradient descent: how far can one step go?
#
# The rule is one line: θ ← θ − η∇L, where η is the **learning rate**. We write every optimizer as the same kind of function: it is given a parameter, its gradient, and a notebook `state` that belongs to this parameter alone, and it returns the new parameter. SGD has nothing to remember.
#
# `descend` starts at `start`, takes `num_steps` steps, and keeps every point it visits.


# %% saved="optimizers: sgd_step"
def sgd_step(param, grad, state, lr):
    return param - lr * grad


def descend(step, gradient, start, num_steps=100, **settings):
    points, state = [start], {}
    for _ in range(num_steps):
        points.append(step(points[-1], gradient(points[-1]), state, **settings))
    return torch.stack(torch.broadcast_tensors(*points))


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 在一個碗裡走走看
#
# 最簡單的損失是一個碗：L(w) = ½hw²，梯度是 hw。h 是**曲率**（curvature），碗越陡，h 越大。取 h = 1，從 w = 1 出發。
#
# 猜猜看：學習率 0.2、1、1.8、2.1，各會怎麼走？哪一個一步就到谷底？

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### A walk in a bowl
#
# The simplest loss is a bowl: L(w) = ½hw², with gradient hw. Here h is the **curvature**; the steeper the bowl, the larger h. Take h = 1 and start at w = 1.
#
# Predict: how do the rates 0.2, 1, 1.8 and 2.1 walk? Which one reaches the bottom in a single step?

# %% alt-zh="橫軸是步數，縱軸是 w，四條曲線是四種學習率：0.2 慢慢下降，1 一步到 0，1.8 左右跳動但越跳越小，2.1 越跳越大。" alt-en="w against steps for four rates: 0.2 falls slowly, 1 reaches 0 in one step, 1.8 jumps from side to side with shrinking jumps, 2.1 jumps ever wider."
figure, ax = plt.subplots(figsize=(8, 3.2))
for lr, marker in zip([0.2, 1.0, 1.8, 2.1], "os^D", strict=True):
    walk = descend(sgd_step, lambda w: w, torch.tensor(1.0), num_steps=15, lr=lr)
    ax.plot(walk, marker=marker, markersize=4, label=f"rate {lr}")
ax.set(xlabel="step", ylabel="w")
ax = ax.legend(loc="upper left", ncols=2)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 代進去就明白了：w ← w − ηhw = (1 − ηh)w。每一步都乘上同一個數，只要 |1 − ηh| < 1 就會收斂（converge），也就是 **η < 2/h**。η = 1/h 一步到底，再大就衝過頭；大過 2/h，越衝越遠。
#
# 常見的誤會是「衝過頭就會發散（diverge）」。圖上的 1.8 每一步都衝過頭，還是到了。
#
# **主張 1** 曲率從 0.01 到 1000 隨機取 50 個，各走 100 步：學習率 1.95/h 時，與谷底的距離都只剩不到百分之一；學習率 2.05/h 時，都變成一百倍以上。這必然成立：0.95¹⁰⁰ ≈ 0.006，1.05¹⁰⁰ ≈ 131。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# Put it in and see: w ← w − ηhw = (1 − ηh)w. Every step multiplies by the same number, so it converges whenever |1 − ηh| < 1, that is, **η < 2/h**. At η = 1/h one step reaches the bottom; beyond that it overshoots; beyond 2/h it overshoots ever farther.
#
# A common mistake is "overshooting means diverging". Rate 1.8 in the picture overshoots at every step, and arrives.
#
# **Claim 1** For 50 random curvatures from 0.01 to 1000, a hundred steps at rate 1.95/h leave less than a hundredth of the distance, and at 2.05/h more than a hundredfold. This must hold: 0.95¹⁰⁰ ≈ 0.006 and 1.05¹⁰⁰ ≈ 131.

# %%
h = 10 ** (5 * torch.rand(50, generator=seeding.generator(0)) - 2)
ends = {c: descend(sgd_step, lambda w: h * w, torch.ones(50), lr=c / h)[-1] for c in (1.95, 2.05)}
claim(1, bool((ends[1.95].abs() < 0.01).all() and (ends[2.05].abs() > 100).all()))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## SGD 的 S：梯度每次都有點不準
#
# 訓練時，一個批次（batch）的梯度，只是從全部資料抽樣來的估計：平均是對的，每次都帶點雜訊（noise）。這就是 **stochastic**（隨機）。
#
# 同樣的碗（h = 1），梯度換成「w 加上標準差（standard deviation）1 的雜訊」。想一想：學習率固定，走得夠久就會停在谷底嗎？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## The S in SGD: every gradient is a little off
#
# In training, the gradient of a batch is a sample of the whole data's: right on average, noisy each time. That is the word **stochastic**.
#
# The same bowl (h = 1), but the gradient is now "w plus noise of standard deviation 1". Predict: with a constant rate, does a walk that goes on long enough settle at the bottom?


# %%
noise = torch.randn(1000, 20, 50, generator=seeding.generator(0))


def squared_error(rate_at):  # of 20 groups of 50 walks, after each step
    w, curve = torch.full((20, 50), 5.0), []
    for t, step_noise in enumerate(noise):
        w = sgd_step(w, w + step_noise, {}, lr=rate_at(t))
        curve.append((w**2).mean(dim=1))
    return torch.stack(curve, dim=1)


# %% slideshow={"slide_type": "subslide"}
rates = {
    "rate 0.4": lambda t: 0.4,
    "rate 0.04": lambda t: 0.04,
    "rate 0.4 / (1 + 0.4 t)": lambda t: 0.4 / (1 + 0.4 * t),
}
errors = {name: squared_error(rate_at) for name, rate_at in rates.items()}

# %% alt-zh="橫軸是步數，縱軸是 w² 的平均，都是對數刻度。學習率 0.4 很快就停在 0.25 左右，0.04 慢一點但停在 0.02 左右，遞減的學習率一路下降到 0.001。" alt-en="Mean squared error against steps, both axes logarithmic. Rate 0.4 soon stays near 0.25, 0.04 takes longer and stays near 0.02, the decreasing rate goes on down to 0.001."
figure, ax = plt.subplots(figsize=(8, 3.2))
for name, curves in errors.items():
    plotting.plot_band(ax, range(1, 1001), curves, name, log=True)
ax.set(xlabel="step t", ylabel="mean of w² (log)", xscale="log")
ax = ax.legend()

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 不會。固定的學習率有一個**雜訊下限**（noise floor）：走到某個高度，就只在那裡晃。這個高度算得出來：雜訊的標準差是 σ，一步之後 w ← (1 − η)w − η·雜訊，w² 的平均 V 就變成 (1 − η)²V + η²σ²；不再變動時，兩邊相等，解得 **V = ησ²/(2 − η)**。這裡 σ = 1，學習率 0.4 時是 0.250，0.04 時是 0.0204，和圖上一樣。
#
# 學習率大，走得快，但下限高；學習率小，走得慢，但下限低。要兩者兼得，學習率就得越來越小（Robbins 與 Monro，1951），這正是[[training_practice]]的學習率排程（schedule）。
#
# **主張 2** 20 組裡的每一組，取最後 300 步的平均：學習率 0.4 的下限是學習率 0.04 的六倍以上；遞減的學習率，又不到 0.04 的五分之一。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# It does not. A constant rate has a **noise floor**: it gets down to some height and then only wanders there. That height can be computed: if the noise has standard deviation σ, a step is w ← (1 − η)w − η·noise and turns V, the mean of w², into (1 − η)²V + η²σ²; when V no longer changes the two are equal, and so **V = ησ²/(2 − η)**. Here σ = 1: it is 0.250 at rate 0.4 and 0.0204 at 0.04, as in the picture.
#
# A large rate is quick and its floor is high; a small one is slow and its floor low. To have both, the rate must shrink (Robbins and Monro, 1951): that is what the schedules of [[training_practice]] are for.
#
# **Claim 2** In each of the 20 groups (mean of the last 300 steps), the floor of rate 0.4 is more than six times that of 0.04, and the decreasing rate lies below a fifth of the latter.

# %%
floors = {name: curves[:, -300:].mean(dim=1) for name, curves in errors.items()}
for name, floor in floors.items():
    print(f"{name:24s}{mean_interval(floor):.4f}")
high, low, falling = floors.values()
claim(2, bool((high > 6 * low).all() and (falling < low / 5).all()))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 狹長的碗：一個方向拖累另一個
#
# 現在有兩個參數：L = x² + 10y²。沿 x 的曲率是 2，沿 y 是 20，差了十倍。最大與最小曲率的比叫做**條件數**（condition number）κ；這個碗的 κ = 10。
#
# 學習率只有一個，兩個方向要共用。它的上限由哪一個方向決定？走得最慢的又是哪一個方向？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## A narrow bowl: one direction holds back the other
#
# Now there are two parameters: L = x² + 10y². The curvature is 2 along x and 20 along y, ten times as much. The ratio of the largest to the smallest curvature is the **condition number** κ; here κ = 10.
#
# There is one rate, and both directions must share it. Which direction sets its limit, and which one is the slowest?


# %%
curvature = torch.tensor([2.0, 20.0], dtype=torch.float64)


def bowl(point):
    return point[..., 0] ** 2 + 10 * point[..., 1] ** 2


def bowl_gradient(point):
    return curvature * point


# %% slideshow={"slide_type": "subslide"}
def draw_paths(ax, paths):
    line = torch.linspace(-6, 6, 121)
    grid = torch.stack(torch.meshgrid(line, line, indexing="xy"), dim=-1)
    levels = [2, 10, 30, 80, 160, 260]
    ax.contour(line, line, bowl(grid), levels=levels, colors="gray", linewidths=0.7)
    for (name, path), marker in zip(paths.items(), "os^D", strict=False):
        ax.plot(*path.T, marker=marker, markersize=3.5, linewidth=1.2, label=name)
    ax.plot(0, 0, "k*", markersize=10)
    ax.set(xlabel="x", ylabel="y", xlim=(-6, 6), ylim=(-6, 6))
    return ax


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 在 Jupyter 裡執行下一個儲存格，會出現滑桿：把學習率從 0.01 慢慢加到 0.104，看看路徑什麼時候開始上下跳、什麼時候跑出畫面。星號是谷底，起點是 (5, 5)。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# Run the next cell in Jupyter and a slider appears: move the rate slowly from 0.01 to 0.104, and watch when the path begins to zigzag and when it leaves the picture. The star is the bottom; the start is (5, 5).


# %% alt-zh="左圖是狹長碗的等高線與學習率 0.09 的路徑：沿 y 上下跳動，沿 x 平順前進。右圖橫軸是步數，縱軸是與 0 的距離（對數刻度）：|x| 與 |y| 都是直線，幾乎平行。" alt-en="Left: contours of the narrow bowl and the path at rate 0.09, jumping up and down along y and moving smoothly along x. Right: |x| and |y| against steps, two nearly parallel straight lines on a log axis."
def walk_in_the_bowl(lr):
    start = torch.tensor([5.0, 5.0], dtype=torch.float64)
    path = descend(sgd_step, bowl_gradient, start, num_steps=40, lr=lr)
    _, (left, right) = plt.subplots(1, 2, figsize=(8.5, 3.2), width_ratios=[1, 1.3])
    draw_paths(left, {"SGD": path}).set_title(f"rate {lr:.3f}")
    right.semilogy(path[:, 0].abs(), label="|x|, curvature 2")
    right.semilogy(path[:, 1].abs(), label="|y|, curvature 20")
    right.set(xlabel="step", ylabel="distance from 0 (log)")
    right.legend()


explore(walk_in_the_bowl, lr=slider(0.01, 0.104, value=0.09, step=0.002))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# **陡的方向決定上限**：2/20 = 0.1。**平的方向決定要走多久**：每一步 x 只乘上 1 − 2η，η 又不能超過 0.1。最好的折衷讓兩個方向一樣慢：1 − 2η = 20η − 1，得 η = 1/11 ≈ 0.091，每一步剩下 9/11。
#
# 條件數越大，折衷就越差。接下來的每一個優化器，都是在對付這件事。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# **The steep direction sets the limit**: 2/20 = 0.1. **The flat direction sets the time**: each step multiplies x by 1 − 2η only, and η cannot go beyond 0.1. The best compromise makes both equally slow: 1 − 2η = 20η − 1, so η = 1/11 ≈ 0.091, and 9/11 remain after each step.
#
# The larger the condition number, the worse the compromise. Every optimizer from here on is an answer to this.

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 動量：記得剛才往哪裡走
#
# 學習率接近上限時，陡的方向上，梯度一下正、一下負；平的方向上，梯度一直同號。如果把過去的梯度加起來，前者互相抵消，後者越積越多。這就是**動量**（Polyak，1964），累積起來的 v 叫做速度（velocity）：
#
# v ← βv + g，θ ← θ − ηv
#
# β = 0.9 時，一路同號的梯度最後會累積成幾倍？（1 + 0.9 + 0.81 + … = 10）

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Momentum: remember where you were going
#
# At a rate near the limit, the gradient along the steep direction changes sign from step to step; along the flat one it keeps it. Add up past gradients, and the former cancel while the latter pile up. This is **momentum** (Polyak, 1964); what has piled up, v, is the velocity:
#
# v ← βv + g, θ ← θ − ηv
#
# With β = 0.9, to how many times its size does a steady gradient pile up? (1 + 0.9 + 0.81 + … = 10)


# %% saved="optimizers"
def momentum_step(param, grad, state, lr, momentum=0.9):
    state["velocity"] = momentum * state.get("velocity", 0) + grad
    return param - lr * state["velocity"]


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 兩種寫法，一樣嗎？
#
# 很多講義這樣寫：v ← γv + ηg，θ ← θ − v。學習率乘在**速度裡面**；PyTorch 則乘在外面。
#
# 想一想：學習率不變時，兩者一樣嗎？訓練到一半把學習率砍成十分之一呢？

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### Two ways to write it: are they the same?
#
# Many lecture notes write v ← γv + ηg, θ ← θ − v: the rate is **inside the velocity**. PyTorch has it outside.
#
# Predict: do they agree while the rate is constant? And when it is cut to a tenth halfway?


# %%
def rate_inside_step(param, grad, state, lr, momentum=0.9):
    state["velocity"] = momentum * state.get("velocity", 0) + lr * grad
    return param - state["velocity"]


# %%
def step_lengths(step, start, rate_at, num_steps=60):
    point, state, lengths = start, {}, []
    for t in range(num_steps):
        moved = step(point, bowl_gradient(point), state, lr=rate_at(t))
        lengths.append((moved - point).norm(dim=-1))
        point = moved
    return torch.stack(lengths, dim=-1)


# %% slideshow={"slide_type": "subslide"}
random_points = seeding.generator(0)
starts = 10 * torch.rand(20, 2, generator=random_points, dtype=torch.float64) - 5
formulas = {"rate outside (PyTorch)": momentum_step, "rate inside": rate_inside_step}
cut = {
    name: step_lengths(step, starts, lambda t: 0.02 if t < 20 else 0.002)
    for name, step in formulas.items()
}

# %% alt-zh="橫軸是步數，縱軸是步長（對數刻度），畫出 20 個起點的平均與區間。第 20 步，學習率砍成十分之一：PyTorch 的步長立刻變得很短；學習率在速度裡的寫法，步長起初幾乎沒變，之後起伏下降，大多比較長。" alt-en="Step length against step, mean and band over 20 starts. At step 20 the rate is cut to a tenth: PyTorch's steps become short at once; with the rate inside the velocity they hardly change at first, then rise and fall, and are mostly longer."
figure, ax = plt.subplots(figsize=(8, 3.2))
for name, lengths in cut.items():
    plotting.plot_band(ax, range(60), lengths, name, log=True)
ax.axvline(19.5, color="gray", linewidth=1)
ax.set(xlabel="step (the rate falls to a tenth at step 20)", ylabel="length of step (log)")
ax = ax.legend()

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 學習率在裡面的話，速度「記得」舊的學習率，還會照舊的步長滑行一陣子，大約 1/(1 − β) = 10 步才忘掉。照著講義的公式，再搭配 PyTorch 的學習率排程，結果就和你想的不一樣。
#
# **主張 3** 學習率固定時，兩種寫法必然走出同樣的每一步（相差不到 10⁻¹⁰，只剩捨入誤差，rounding error）；學習率砍成十分之一後的第一步，不論從 20 個起點的哪一個出發，「學習率在裡面」的步長都是 PyTorch 的四倍以上。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# With the rate inside, the velocity "remembers" the old rate and goes on coasting for a while; forgetting takes about 1/(1 − β) = 10 steps. Combine the formula from such notes with a PyTorch schedule and you get something else than you think.
#
# **Claim 3** At a constant rate the two must step alike (to 10⁻¹⁰, which is rounding); in the first step after the cut, from every one of the 20 starts, "rate inside" steps more than four times as far as PyTorch.

# %%
constant = [step_lengths(step, starts, lambda t: 0.02) for step in formulas.values()]
outside, inside = (lengths[:, 20] for lengths in cut.values())
print(f"first step after the cut, inside / outside: {mean_interval(inside / outside):.1f}")
same = (constant[0] - constant[1]).abs().max() < 1e-10
claim(3, bool(same and (inside > 4 * outside).all()))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## RMSprop：每個參數自己的尺
#
# 另一條路：既然各方向的梯度大小不同，就讓每個參數的梯度除以**自己的**大小。v 記錄梯度平方的移動平均（moving average），√v 就是最近的典型大小：這是這個參數自己的一把尺（Tieleman 與 Hinton，2012）。
#
# ε 是個很小的數，只為了不要除以 0。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## RMSprop: a ruler for each parameter
#
# Another way: gradients differ in size from one direction to the next, so divide each parameter's gradient by **its own** size. v is a running mean of the squared gradient, and √v the typical size of late: this parameter's own ruler (Tieleman and Hinton, 2012).
#
# ε is a tiny number that only prevents division by 0.


# %% saved="optimizers"
def rmsprop_step(param, grad, state, lr, alpha=0.99, eps=1e-8):
    state["v"] = alpha * state.get("v", 0) + (1 - alpha) * grad**2
    return param - lr * grad / (state["v"].sqrt() + eps)


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### Adam：動量除以自己的尺
#
# Adam（Kingma 與 Ba，2015）把兩者合起來：m 是梯度的移動平均（動量），v 是梯度平方的移動平均（RMSprop），再加上一個**偏差修正**（bias correction）：兩個平均都從 0 開始，一開始都太小，所以除以 1 − βᵗ。等一下我們會看看少了它會怎樣。
#
# 兩個 β 就是 `torch.optim.Adam` 的 `betas`，預設 (0.9, 0.999)。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### Adam: momentum over that ruler
#
# Adam (Kingma and Ba, 2015) joins the two: m is a running mean of the gradient (momentum), v a running mean of its square (RMSprop), and a **bias correction** is added: both means start at 0 and are too small at first, so they are divided by 1 − βᵗ. We shall see what happens without it.
#
# The two β are the `betas` of `torch.optim.Adam`, (0.9, 0.999) by default.


# %% saved="optimizers"
def adam_step(param, grad, state, lr, betas=(0.9, 0.999), eps=1e-8):
    beta1, beta2 = betas
    state["t"] = state.get("t", 0) + 1
    state["m"] = beta1 * state.get("m", 0) + (1 - beta1) * grad
    state["v"] = beta2 * state.get("v", 0) + (1 - beta2) * grad**2
    m_hat = state["m"] / (1 - beta1 ** state["t"])
    v_hat = state["v"] / (1 - beta2 ** state["t"])
    return param - lr * m_hat / (v_hat.sqrt() + eps)


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### AdamW：先縮小一點，再照 Adam 走一步
#
# **權重衰減**讓每個權重每一步都縮小一點點。AdamW（Loshchilov 與 Hutter，2019）直接縮小參數，完全不經過梯度。這和「在 Adam 的梯度裡加上 L2」差在哪裡，後面會量給你看。（PyTorch 每一步縮小的比例是 ηλ；原論文的 λ 只乘排程的倍數，不乘基本學習率。）
#
# 真正的模型有很多個參數張量。`apply_step` 讓每一個用**自己的**梯度和**自己的** `state` 走一步：

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### AdamW: shrink a little, then step as Adam
#
# **Weight decay** makes every weight a little smaller at each step. AdamW (Loshchilov and Hutter, 2019) shrinks the parameter itself, and the gradient knows nothing of it. How that differs from adding L2 to Adam's gradient, we shall measure below. (In PyTorch a step shrinks it by the share ηλ; in the paper λ is multiplied by the schedule's factor, and not by the base rate.)
#
# A real model has many parameter tensors. `apply_step` moves each by **its own** gradient with **its own** `state`:


# %% saved="optimizers"
def adamw_step(param, grad, state, lr, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01):
    shrunk = (1 - lr * weight_decay) * param
    return adam_step(shrunk, grad, state, lr, betas, eps)


@torch.no_grad()
def apply_step(step, params, states, **settings):
    for param, state in zip(params, states, strict=True):
        param.copy_(step(param, param.grad, state, **settings))


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 和 torch.optim 一樣嗎？
#
# 自己寫的東西，要和別人的對過才算數。兩個一模一樣的小網路、同樣的 100 個批次，一個用我們的規則，一個用 `torch.optim`，最後比較所有的權重。
#
# 猜猜看：最大的差距會是 10⁻²、10⁻⁶，還是更小？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Equal to torch.optim?
#
# What you wrote yourself counts once it has been held against someone else's. Two identical small networks, the same 100 batches; one uses our rule, the other `torch.optim`; at the end all weights are compared.
#
# Guess: will the largest gap be 10⁻², 10⁻⁶, or less?


# %%
generator = seeding.generator(0)
batches = torch.randn(100, 16, 4, generator=generator, dtype=torch.float64)


def largest_gap(step, optimizer_class, **settings):
    ours, theirs = (MLP(4, [8], 4, seed=0).double() for _ in range(2))
    params, optimizer = list(ours.parameters()), optimizer_class(theirs.parameters(), **settings)
    states = [{} for _ in params]
    for batch in batches:
        for net in (ours, theirs):
            net.zero_grad()
            nn.functional.mse_loss(net(batch), batch.sin()).backward()
        apply_step(step, params, states, **settings)
        optimizer.step()
    pairs = zip(params, theirs.parameters(), strict=True)
    return max((a - b).abs().max().item() for a, b in pairs)


# %% slideshow={"slide_type": "subslide"}
pairs = {
    "SGD": (sgd_step, torch.optim.SGD, {"lr": 0.1}),
    "momentum": (momentum_step, torch.optim.SGD, {"lr": 0.02, "momentum": 0.9}),
    "RMSprop": (rmsprop_step, torch.optim.RMSprop, {"lr": 0.01, "alpha": 0.99}),
    "Adam": (adam_step, torch.optim.Adam, {"lr": 0.01, "betas": (0.9, 0.999)}),
    "AdamW": (adamw_step, torch.optim.AdamW, {"lr": 0.01, "weight_decay": 0.1}),
}

# %%
gaps = {name: largest_gap(step, cls, **settings) for name, (step, cls, settings) in pairs.items()}
for name, gap in gaps.items():
    print(f"{name:9s} largest gap of any weight after 100 steps: ≈{gap:.0e}")

# %% [markdown] lang="zh-TW"
# 差距只有捨入誤差那麼大。課程把這些規則收在 `course_utils.optimizers`；測試還用許多種設定與變動的學習率對過。
#
# **主張 4** 五種規則各走 100 步之後，每個權重都與 `torch.optim` 算出來的相差不到 10⁻⁶。公式相同，這必然成立。

# %% [markdown] lang="en"
# The gaps are as small as rounding. The course keeps these rules in `course_utils.optimizers`; a test compares them under many more settings, and with rates that change.
#
# **Claim 4** After 100 steps of each of the five rules, every weight is within 10⁻⁶ of `torch.optim`. The formulas are the same, so this must hold.

# %%
claim(4, all(gap < 1e-6 for gap in gaps.values()))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 沒有偏差修正的 Adam
#
# m 和 v 都從 0 開始，前幾步都太小。把修正拿掉，梯度固定不變，看看每一步走多遠。
#
# 先猜：前幾步會**太小**（因為 m 太小），還是**太大**？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Adam without bias correction
#
# m and v both start at 0, so both are too small at first. Take the correction away, hold the gradient constant, and watch how far each step goes.
#
# Predict: will the first steps be **too small** (because m is), or **too large**?


# %%
def uncorrected_step(param, grad, state, lr, betas=(0.9, 0.999), eps=1e-8):
    state["m"] = betas[0] * state.get("m", 0) + (1 - betas[0]) * grad
    state["v"] = betas[1] * state.get("v", 0) + (1 - betas[1]) * grad**2
    return param - lr * state["m"] / (state["v"].sqrt() + eps)


def steps_in_rates(step, gradients, num_steps=3000, lr=0.001):
    walk = descend(step, lambda _: gradients, torch.zeros_like(gradients), num_steps, lr=lr)
    return -walk.diff(dim=0) / lr


# %% slideshow={"slide_type": "subslide"}
gradients = torch.tensor([0.001, 1.0, 1000.0], dtype=torch.float64)
lengths = {
    "with correction": steps_in_rates(adam_step, gradients),
    "without": steps_in_rates(uncorrected_step, gradients),
}

# %% alt-zh="橫軸是步數（對數刻度），縱軸是步長除以學習率。有修正的 Adam 一直是 1；沒有修正的從 3.2 開始，第 12 步達到 6.6，幾千步後才回到 1。" alt-en="Step length divided by the rate against steps, on a log axis of steps. Corrected Adam stays at 1; without correction it begins at 3.2, peaks at 6.6 at step 12, and needs thousands of steps to return to 1."
figure, ax = plt.subplots(figsize=(8, 3.0))
for name, length in lengths.items():
    ax.semilogx(range(1, 3001), length[:, 1], label=name)
ax.set(xlabel="step (log)", ylabel="length of step / rate", ylim=(0, 7))
ax = ax.legend()

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# **太大！** m 確實太小：第一步只有 0.1g。但分母的 √v 更小：√0.001 g ≈ 0.032g。相除得 3.2。β₂ 比 β₁ 慢得多，分母要幾千步才跟上來。
#
# 再看梯度的大小：0.001、1、1000，有修正的第一步，步長都等於學習率（只差一點點 ε）。梯度穩定時，Adam 的學習率差不多就是「每一步走多遠」，與損失的單位無關。
#
# **主張 5** 三種大小的梯度，結果都相同；這是算術，必然成立。有修正時，第一步的步長等於學習率（相差不到 0.1%）；沒有修正時，第一步超過學習率的 3 倍，最大的一步超過 6 倍，到第 1000 步仍超過 1.2 倍。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# **Too large!** m is indeed too small: 0.1g at the first step. But √v, in the denominator, is smaller still: √0.001 g ≈ 0.032g. Their ratio is 3.2. β₂ is far slower than β₁, so the denominator takes thousands of steps to catch up.
#
# Look at the sizes, too: for gradients of 0.001, 1 and 1000 the corrected first step is one rate long (but for ε). While the gradient is steady, Adam's rate is, roughly, "how far a step goes", whatever the unit of the loss.
#
# **Claim 5** This is arithmetic and must hold, for all three sizes: with correction the first step is 1 times the rate (to 0.1 %); without, the first is more than 3 times, the largest more than 6 times, and at step 1000 it is still more than 1.2 times.

# %%
corrected, uncorrected = lengths["with correction"], lengths["without"]
print(f"without: first ≈{uncorrected[0, 1]:.2f}, largest ≈{uncorrected[:, 1].max():.2f} rates")
is_one = (corrected[0] - 1).abs() < 0.001
too_large = (uncorrected[0] > 3) & (uncorrected.amax(dim=0) > 6) & (uncorrected[999] > 1.2)
claim(5, bool((is_one & too_large).all()))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 一場不公平的賽跑
#
# 常見的示範是這樣：在 x² + 10y² 上，從 (5, 5) 出發走 100 步，SGD 與動量用學習率 0.01，Adam 用 0.1，看誰的損失最低。
#
# 先猜名次。再想想：這樣比，比的是優化器，還是學習率？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## An unfair race
#
# A common demonstration: on x² + 10y², from (5, 5), 100 steps; SGD and momentum at rate 0.01, Adam at 0.1; who ends with the lowest loss?
#
# Guess the order. Then ask: does this compare optimizers, or rates?

# %%
demonstration = {
    "SGD, rate 0.01": (sgd_step, {"lr": 0.01}),
    "momentum 0.9, rate 0.01": (momentum_step, {"lr": 0.01}),
    "Adam, rate 0.1": (adam_step, {"lr": 0.1}),
}


def race(entries, start):
    return {n: descend(step, bowl_gradient, start, **s) for n, (step, s) in entries.items()}


# %% slideshow={"slide_type": "subslide"} alt-zh="左圖橫軸是步數，縱軸是損失（對數刻度）：100 步後動量最低，Adam 次之，SGD 最高。右圖是等高線上的三條路徑：SGD 先落到 y = 0 的谷線，再沿著它慢慢走，動量繞圈，Adam 斜斜走直線。" alt-en="Left: loss against steps on a log axis; after 100 steps momentum is lowest, then Adam, SGD highest. Right: three paths on the contours; SGD drops to the valley floor and crawls, momentum swings around, Adam cuts straight across."
paths = race(demonstration, torch.tensor([5.0, 5.0], dtype=torch.float64))
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.3), width_ratios=[1.3, 1])
for name, path in paths.items():
    left.semilogy(bowl(path), label=name)
left.set(xlabel="step", ylabel="loss (log)")
left.legend(fontsize=9)
right = draw_paths(right, paths)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 每一個都換上各種學習率
#
# 看起來是動量第一、Adam 第二、SGD 墊底。但 SGD 在這裡可以用到將近 0.1，剛才只給它 0.01。讓每一個優化器都把學習率從 0.001 掃到 10，β 維持預設，從 20 個隨機起點走 100 步。
#
# 規則是逐元素（element-wise）的，所以 81 種學習率可以放進同一個張量，一次算完。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### Every one of them at every rate
#
# It looks like momentum first, Adam second, SGD last. But SGD can go up to almost 0.1 here, and it was given 0.01. Let every optimizer sweep the rate from 0.001 to 10, the β at their defaults, 100 steps from 20 random starts.
#
# The rules work element by element, so 81 rates fit into one tensor and run at once.

# %%
sweep = torch.logspace(-3, 1, 81, dtype=torch.float64)  # twenty rates a decade


def final_losses(step, starts, rates, **settings):  # (starts, rates); a runaway counts as 1e9
    path = descend(step, bowl_gradient, starts[:, None], lr=rates[:, None], **settings)
    return bowl(path[-1]).nan_to_num(nan=1e9).clamp(1e-300, 1e9)


# %%
rules = {"SGD": sgd_step, "momentum": momentum_step, "RMSprop": rmsprop_step, "Adam": adam_step}
finals = {name: final_losses(step, starts, sweep) for name, step in rules.items()}

# %% slideshow={"slide_type": "subslide"} alt-zh="橫軸是學習率，縱軸是 100 步後的損失（20 個起點的幾何平均），都是對數刻度。SGD 在 0.09 附近有一個又深又窄的谷，低到 10 的負 17 次方，接著立刻發散；動量與 Adam 的谷寬而淺；RMSprop 過了 0.06 就掉到圖外。" alt-en="Loss after 100 steps against the rate, log axes, geometric mean over 20 starts. SGD has a deep, narrow valley near 0.09, down to 1e-17, and then diverges at once; momentum and Adam have wide, shallow valleys; RMSprop drops out of the picture beyond 0.06."
figure, ax = plt.subplots(figsize=(8.5, 3.4))
for name, losses in finals.items():
    plotting.plot_band(ax, sweep, losses, name, log=True)
ax.set(xlabel="rate (log)", ylabel="loss after 100 steps (log)", xscale="log", ylim=(1e-20, 1e6))
ax = ax.legend(ncols=2, fontsize=9)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# SGD 從三者的墊底變成第一：在自己最好的學習率（約 0.09），**SGD 勝過 β = 0.9 的動量，也勝過預設 β 的 Adam**。剛才它墊底，只是學習率沒有選好。
#
# 動量和 Adam 的好處在別處：只求損失低於 0.01，能用的學習率範圍就寬得多，不必選得那麼準。（學習率大時 RMSprop 的表現，是這個碗太規矩的緣故，後面會拆穿。）
#
# **主張 6** 用示範的設定，20 個起點中至少有 15 個是 SGD 墊底。改讓每個優化器都用自己最好的學習率、β 維持 0.9，從 20 個起點出發都是 SGD 勝過動量與 Adam，損失不到它們的百萬分之一。
#
# **主張 7** 能讓損失（20 個起點的幾何平均）降到 0.01 以下的學習率有一個範圍；它的最大值與最小值之比，動量與 Adam 都是 SGD 的三倍以上。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# SGD goes from last of the three to first: at its own best rate (about 0.09), **SGD beats momentum with β = 0.9, and Adam with its default β**. It came last only because of how the rates had been chosen.
#
# Momentum and Adam have another virtue: to get below 0.01, far more rates will do, so you need not hit the right one so exactly. (RMSprop's feat at large rates is owed to a bowl that is too well-behaved; we shall find it out.)
#
# **Claim 6** At the demonstration's settings SGD is last from at least 15 of the 20 starts; each at its own best rate, with β still 0.9, SGD beats momentum and Adam from all 20, with a loss more than a million times smaller.
#
# **Claim 7** The rates that bring the loss (geometric mean over the 20 starts) below 0.01 form a range; the ratio of its largest to its smallest rate is, for momentum and for Adam, more than three times that of SGD.

# %%
demo = torch.stack([bowl(path[-1]) for path in race(demonstration, starts).values()])
best = {n: losses.log10()[:, losses.log10().mean(dim=0).argmin()] for n, losses in finals.items()}
usable = {name: sweep[losses.log10().mean(dim=0) < -2] for name, losses in finals.items()}
span = {name: float(rates.max() / rates.min()) for name, rates in usable.items()}
print("largest / smallest usable rate:", *[f"{name} ≈{x:.0f}" for name, x in span.items()])

# %%
sgd_is_last = int((demo.argmax(dim=0) == 0).sum())
sgd_wins = all(bool((best["SGD"] + 6 < best[name]).all()) for name in ("momentum", "Adam"))
claim(6, sgd_is_last >= 15 and sgd_wins)
claim(7, min(span["momentum"], span["Adam"]) > 3 * span["SGD"])

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 公平的賽跑：β 也要調
#
# 所以動量沒有用？還少調了一樣東西：β。對每一個 β，都讓它用自己最好的學習率。
#
# 想一想：0.9 這個到處都看得到的值，對 κ = 10 的碗太大還是太小？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## A fair race: β is tuned as well
#
# So is momentum useless? One thing has not been tuned yet: β. For each β, let it have its own best rate.
#
# Predict: is 0.9, the value seen everywhere, too large or too small for a bowl with κ = 10?

# %% slideshow={"slide_type": "subslide"}
betas = [round(0.05 * k, 2) for k in range(20)]
by_beta = {}
for beta in betas:
    losses = final_losses(momentum_step, starts, sweep, momentum=beta)
    by_beta[beta] = losses[:, losses.log10().mean(dim=0).argmin()]

# %% alt-zh="橫軸是 β，縱軸是用最好的學習率走 100 步後的損失（對數刻度）：β 為 0 是 10 的負 17 次方，0.3 左右最低約 10 的負 51 次方，0.9 只有 10 的負 5 次方。" alt-en="Loss after 100 steps at the best rate against β, log axis: 1e-17 at β = 0, lowest near 0.3 with about 1e-51, and only 1e-5 at 0.9."
figure, ax = plt.subplots(figsize=(8, 3.0))
curves = torch.stack(list(by_beta.values()), dim=1)
plotting.plot_band(ax, betas, curves, "momentum at its best rate", log=True, marker="o")
ax = ax.set(xlabel="β", ylabel="loss after 100 steps (log)")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 太大了：速度記得太久，一直衝過頭再繞回來，最後反而不如沒有動量（β = 0）。這個碗要的是 0.3 左右（理論值是 ((√κ − 1)/(√κ + 1))² = 0.27）。
#
# 現在四位選手都用自己最好的設定：SGD 掃學習率，動量掃學習率與 β，RMSprop 掃學習率與 α，Adam 掃學習率與兩個 β。在一百個起點上**選設定**，換另外一百個**比賽**。
#
# 猜猜看：誰會贏？

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# Too large: the velocity remembers for too long, overshoots and swings back, and ends up worse than no momentum at all (β = 0). This bowl wants about 0.3 (theory says ((√κ − 1)/(√κ + 1))² = 0.27).
#
# Now all four run at their own best: SGD sweeps the rate, momentum the rate and β, RMSprop the rate and α, Adam the rate and both β. The **settings are chosen** on a hundred starts, and the **race is run** from a hundred others.
#
# Guess: who wins?


# %%
def tuned(step, options=({},)):  # the settings with the lowest mean log loss on `tuning_starts`
    losses = [final_losses(step, tuning_starts, sweep, **o).log10().mean(dim=0) for o in options]
    index = int(torch.stack([loss.min() for loss in losses]).argmin())
    return step, {"lr": float(sweep[losses[index].argmin()]), **options[index]}


tuning_starts, new_starts = (
    10 * torch.rand(2, 100, 2, generator=random_points, dtype=torch.float64) - 5
)


# %%
adam_betas = [(b1, b2) for b1 in (0.0, 0.2, 0.4, 0.6, 0.8, 0.9) for b2 in (0.9, 0.99, 0.999)]
grids = {
    "SGD": (sgd_step, [{}]),
    "momentum": (momentum_step, [{"momentum": beta} for beta in betas]),
    "RMSprop": (rmsprop_step, [{"alpha": alpha} for alpha in (0.9, 0.99)]),
    "Adam": (adam_step, [{"betas": pair} for pair in adam_betas]),
}
best_steps = {name: tuned(step, options) for name, (step, options) in grids.items()}

# %% slideshow={"slide_type": "subslide"} alt-zh="左圖橫軸是步數，縱軸是一百個新起點的損失（對數刻度）：RMSprop 起初飛到最高，之後掉得最陡，最後最低；動量次之，接著是區間最寬的 Adam，SGD 最高。右圖是從 (5, 5) 出發的路徑：動量先衝過頭，很快就到谷底；RMSprop 第一步就飛出畫面。" alt-en="Left: loss against steps from a hundred new starts, log axis; RMSprop first shoots up, then falls most steeply and ends lowest; then momentum, then Adam with the widest band, SGD highest. Right: paths from (5, 5); momentum overshoots and soon is at the bottom, RMSprop leaves the picture in its first step."
races = race(best_steps, new_starts)
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.3), width_ratios=[1.3, 1])
for name, path in races.items():
    plotting.plot_band(left, range(101), bowl(path).T, name, log=True)
left.set(xlabel="step", ylabel="loss (log)")
left.legend()
right = draw_paths(right, race(best_steps, torch.tensor([5.0, 5.0], dtype=torch.float64)))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 動量勝過 SGD，而且不是險勝；但**最快的是 RMSprop**，還快得離譜。它選的是試過的學習率裡最大的一個：頭幾步飛得老遠，把每個參數的尺撐開，x 的尺配 x 的曲率，y 的尺配 y 的曲率。從此兩個方向縮得一樣快，彷彿 κ = 1。這是真本事，還是這個碗剛好擺正了？後面把碗轉一個角度，就知道了。
#
# Adam 平均輸給動量，但很看起點：它真正的學習率是 η/√v̂，而 v̂ 由一路上的梯度決定，也就由起點決定。同一組設定，從這裡出發剛剛好，從那裡出發就太大或太小，所以圖上它的區間最寬。
#
# （10⁻⁵⁰ 聽起來很荒謬：這個碗沒有雜訊，距離一直按比例縮小，永遠不會停。真正的訓練早就碰到雜訊下限了。）

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# Momentum beats SGD, and not by a nose; but **RMSprop is fastest of all**, absurdly so. It chose the largest rate of the sweep: its first steps fly far off and stretch the rulers, x's to fit the curvature of x, y's to fit that of y. From then on both directions shrink equally fast, as if κ were 1. Is that skill, or does this bowl just happen to stand straight? Turn the bowl, as we shall below, and you will see.
#
# Adam loses to momentum on average, but much depends on the start: its true rate is η/√v̂, and v̂ is made of the gradients met on the way, hence of the start. The same settings are just right from here and too large or too small from there; so its band in the picture is the widest.
#
# (10⁻⁵⁰ sounds absurd: this bowl has no noise, the distance keeps shrinking by a factor, and it never ends. Real training would long have reached its noise floor.)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# **主張 8** 不論從一百個新起點的哪一個出發，動量的損失都不到 SGD 的 10⁻¹⁵ 倍，RMSprop 的又不到動量的 10⁻³⁰ 倍。平均起來，動量的 log₁₀ 損失低於 Adam：成對差（動量減 Adam）的 95% 信賴區間整個在 0 以下。起點不同，log₁₀ 損失的標準差，Adam 是動量的十倍以上。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# **Claim 8** From every one of the hundred new starts momentum's loss is below 10⁻¹⁵ of SGD's, and RMSprop's below 10⁻³⁰ of momentum's. On average momentum's log₁₀ loss is below Adam's (the paired difference, momentum minus Adam, has its 95 % confidence interval below 0), and over the starts the standard deviation of Adam's is more than ten times momentum's.

# %%
ends = {name: bowl(path[-1]).clamp(min=1e-300).log10() for name, path in races.items()}
for name, (_, found) in best_steps.items():
    others = [f"{key} {value}" for key, value in found.items() if key != "lr"]
    print(f"{name}: lr ≈{found['lr']:.3f}", *others)
    print(
        f"    log10 of the final loss: {mean_interval(ends[name]):.1f}, std ≈{ends[name].std():.1f}"
    )
ahead = paired_difference(ends["momentum"], ends["Adam"])
print(f"momentum - Adam, paired: {ahead:.1f}")

# %%
in_order = (ends["RMSprop"] < ends["momentum"] - 30) & (ends["momentum"] < ends["SGD"] - 15)
adam_varies = ends["Adam"].std() > 10 * ends["momentum"].std()
claim(8, bool(in_order.all() and adam_varies) and ahead.high < 0)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 碗越狹長，要多走幾步？
#
# 條件數從 3 到 1000。SGD 用最好的學習率（2 除以最小與最大曲率的和），動量用理論上最好的學習率與 β。數一數：距離縮小到百萬分之一要幾步。
#
# 猜猜看：κ 變成 100 倍，步數也變成 100 倍嗎？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## The narrower the bowl, how many more steps?
#
# Condition numbers from 3 to 1000. SGD gets its best rate, 2/(smallest + largest curvature), momentum the rate and β that theory calls best. Count the steps until the distance is a millionth of what it was.
#
# Predict: with κ a hundred times as large, are there a hundred times as many steps?


# %%
def count_steps(step, curvatures, **settings):  # for 20 starts and each bowl
    point = torch.randn(20, *curvatures.shape, generator=random_points, dtype=torch.float64)
    goal, state = 1e-6 * point.norm(dim=-1), {}
    steps = torch.zeros_like(goal)
    while (point.norm(dim=-1) > goal).any():
        steps += point.norm(dim=-1) > goal
        point = step(point, curvatures * point, state, **settings)
    return steps


# %% slideshow={"slide_type": "subslide"}
kappa = torch.tensor([3.0, 10, 30, 100, 300, 1000], dtype=torch.float64)
bowls, root = torch.stack([torch.ones(6), kappa], dim=-1), kappa.sqrt()[:, None]
steps = {
    "SGD": count_steps(sgd_step, bowls, lr=2 / (1 + root**2)),
    "momentum": count_steps(
        momentum_step, bowls, lr=4 / (1 + root) ** 2, momentum=((root - 1) / (root + 1)) ** 2
    ),
}

# %% alt-zh="橫軸是條件數，縱軸是步數，都是對數刻度。兩條直線：SGD 的斜率是 1，動量約 0.5；κ 為 1000 時，SGD 約 6,900 步，動量約 310 步。" alt-en="Steps against condition number, log axes, two straight lines: SGD with slope 1, momentum with slope about 0.5; at κ = 1000 about 6900 steps against 310."
figure, ax = plt.subplots(figsize=(8, 3.2))
for (name, counts), marker in zip(steps.items(), "os", strict=True):
    plotting.plot_band(ax, kappa, counts, name, log=True, marker=marker)
ax.set(xlabel="condition number κ (log)", ylabel="steps to a millionth (log)", xscale="log")
ax = ax.legend()

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# SGD 的步數與 **κ** 成正比，動量大致只與 **√κ** 成正比。κ = 10 時動量只要不到一半的步數，κ = 1000 時只要二十分之一左右。網路的損失在各方向的曲率常差好幾個數量級，動量的價值就在這裡（Sutskever 等人，2013）。
#
# （Nesterov 在 1983 年提出的變形，不只在二次的碗上，對一般的平滑凸函數也有加速的保證；它怎麼寫，是練習 2。）
#
# **主張 9** 步數與 κ 都取對數，κ 從 10 到 1000，不論從哪個起點出發，SGD 的斜率都在 0.9 到 1.1 之間，動量的都在 0.4 到 0.65 之間。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# SGD's steps grow with **κ**, momentum's roughly with **√κ** only. At κ = 10 momentum needs fewer than half the steps, at κ = 1000 about a twentieth. The loss of a network is often curved by orders of magnitude more in one direction than in another, and there lies the worth of momentum (Sutskever et al., 2013).
#
# (Nesterov's variant of 1983 is proved to speed up not just bowls but smooth convex functions in general; how it goes is exercise 2.)
#
# **Claim 9** From κ = 10 to 1000, the slope on log axes lies between 0.9 and 1.1 for SGD and between 0.4 and 0.65 for momentum, from every start.

# %%
log_kappa = kappa[1:].log().numpy()
slopes = {n: np.polyfit(log_kappa, c[:, 1:].log().T.numpy(), deg=1)[0] for n, c in steps.items()}
for name, slope in slopes.items():
    print(f"slope of {name}: {mean_interval(slope):.3f}")
low = {"SGD": 0.9, "momentum": 0.4}
high = {"SGD": 1.1, "momentum": 0.65}
claim(9, all(low[n] < slopes[n].min() and slopes[n].max() < high[n] for n in slopes))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 把碗轉一個角度
#
# 同一個碗、同樣的起點，只是整張圖轉 22.5° 與 45°。每一個角度，每個優化器都重新調過，和剛才一樣：在一百個起點上選設定，在另外一百個上比。
#
# 想一想：哪些優化器會受影響？哪些根本看不出碗轉過？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Turn the bowl
#
# The same bowl and the same starts, only the whole picture is turned by 22.5° and 45°. At each angle every optimizer is tuned anew, as before: settings chosen on a hundred starts, compared on the other hundred.
#
# Predict: who minds, and who cannot even tell that the bowl was turned?


# %%
def when_turned(step, degrees, options):  # log10 of the final loss from each new start
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    turn = torch.tensor([[cos, sin], [-sin, cos]])

    def log_losses(starts, rates, option):  # (starts, rates)
        path = descend(
            step,
            lambda point: bowl_gradient(point @ turn.T) @ turn,
            (starts @ turn)[:, None],
            lr=rates[:, None],
            **option,
        )
        return bowl(path[-1] @ turn.T).nan_to_num(nan=1e9).clamp(1e-300, 1e9).log10()

    tuning = [log_losses(tuning_starts, sweep, option).mean(dim=0) for option in options]
    best = int(torch.stack([losses.min() for losses in tuning]).argmin())
    return log_losses(new_starts, sweep[tuning[best].argmin()][None], options[best])[:, 0]


# %% slideshow={"slide_type": "subslide"}
angles = [0, 22.5, 45]
turned = {
    name: torch.stack([when_turned(step, angle, options) for angle in angles], dim=1)
    for name, (step, options) in grids.items()
}

# %% alt-zh="橫軸是轉動的角度，縱軸是最好設定下 100 步後損失的 log10。SGD 約 −17、動量約 −51，兩條都是水平線；Adam 從約 −32 升到約 −15，RMSprop 從約 −110 升到約 −15。" alt-en="log10 of the loss after 100 steps at the best settings, against the angle. SGD at -17 and momentum at -51 are level lines; Adam rises from about -32 to about -15, RMSprop from about -110 to about -15."
figure, ax = plt.subplots(figsize=(8, 3.0))
for (name, losses), marker in zip(turned.items(), "os^D", strict=True):
    plotting.plot_band(ax, angles, losses, name, marker=marker)
ax.set(xlabel="angle (degrees)", ylabel="log10 of final loss", xticks=angles)
ax = ax.legend(ncols=2, fontsize=9)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# SGD 和動量只認得梯度這支箭，碗怎麼轉都一樣。Adam 和 RMSprop 是**沿著座標軸**一把尺一把尺地量；碗與座標軸對齊時，它們正好抵消了曲率的差別，轉到 45° 就幫不上忙。RMSprop 那驚人的成績，就是這樣來的；碗一轉，贏家就換成動量。
#
# 權重的座標軸在網路裡有意義嗎？沒有人能保證，只能量。
#
# **主張 10** 碗轉到 45° 之後，SGD 與動量必然不變（log₁₀ 損失變動不到 0.01）。不論從哪個起點出發，RMSprop 的損失都至少變成 10³⁰ 倍，四者之中都是動量最低。Adam 隨起點而不同，平均變差：log₁₀ 損失的成對差（45° 減 0°），95% 信賴區間整個在 0 以上。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# SGD and momentum know only the arrow of the gradient; however the bowl is turned, it is the same to them. Adam and RMSprop measure **along the axes**, a ruler for each: on a bowl aligned with the axes the rulers cancel the difference in curvature, and at 45° they are no help. That is where RMSprop's amazing result came from; turn the bowl, and the winner is momentum.
#
# Do the axes of the weights mean anything in a network? Nobody can promise it; it has to be measured.
#
# **Claim 10** With the bowl at 45° SGD and momentum must do as before (their log₁₀ loss changes by less than 0.01). From every start RMSprop's loss is at least 10³⁰ times worse, and momentum's is the lowest of the four. Adam's varies with the start and is worse on average: the paired difference of log₁₀ losses (45° minus 0°) has its 95 % confidence interval above 0.

# %%
change = {name: losses[:, -1] - losses[:, 0] for name, losses in turned.items()}
for name, difference in change.items():
    print(f"{name:9s}log10 of the loss, 45° - 0°: {mean_interval(difference):.1f}")
same = all(bool((change[name].abs() < 0.01).all()) for name in ("SGD", "momentum"))
worse = bool((change["RMSprop"] > 30).all()) and mean_interval(change["Adam"]).low > 0
others = [turned[name][:, -1] for name in ("SGD", "RMSprop", "Adam")]
momentum_wins = (turned["momentum"][:, -1] < torch.stack(others)).all()
claim(10, same and worse and bool(momentum_wins))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 實際怎麼呼叫：Adam、Adam 加 L2、AdamW
#
# 平常這樣寫：`lr` 是學習率（預設 0.001），`betas` 是兩個移動平均的係數，`weight_decay` 是 λ。注意 Adam 和 AdamW 的 `weight_decay` 名字一樣，做的事不一樣。
#
# 先看最單純的情形：**梯度是 0** 的權重（例如接在死掉的 ReLU 後面）。想一想：λ 從 10⁻⁴ 加到 10⁻²，Adam 的第一步會大 100 倍嗎？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## In daily use: Adam, Adam with L2, AdamW
#
# The usual calls: `lr` is the rate (0.001 by default), `betas` the coefficients of the two running means, `weight_decay` is λ. Note that the `weight_decay` of Adam and of AdamW share a name and do different things.
#
# Take the plainest case first: a weight whose **gradient is 0** (behind a dead ReLU, say). Predict: with λ raised from 10⁻⁴ to 10⁻², is Adam's first step 100 times as long?

# %%
calls = {
    "Adam": lambda p: torch.optim.Adam(p, lr=0.001, betas=(0.9, 0.999)),
    "Adam, L2 1e-4": lambda p: torch.optim.Adam(p, lr=0.001, weight_decay=1e-4),
    "Adam, L2 1e-2": lambda p: torch.optim.Adam(p, lr=0.001, weight_decay=1e-2),
    "AdamW, 1e-2": lambda p: torch.optim.AdamW(p, lr=0.001, weight_decay=0.01),
}

# %% slideshow={"slide_type": "subslide"}
first = torch.tensor([0.05, 0.5, -1.0, 2.0, -4.0], dtype=torch.float64)
moves = {}
for name, make_optimizer in calls.items():
    weight = nn.Parameter(first.clone())
    weight.grad = torch.zeros_like(first)
    make_optimizer([weight]).step()
    moves[name] = weight.detach() - first
pd.DataFrame(
    {name: [f"≈{m:+.6f}" for m in move] for name, move in moves.items()}, index=first.tolist()
)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 每一列是一個權重，每一欄是它走的第一步。
#
# Adam 把 L2 也當成梯度，再除以它自己的大小：λ 就這樣**被約掉了**。不管 λ 是 10⁻⁴ 還是 10⁻²、權重是大是小，都往 0 走一整個學習率。AdamW 則是按比例：每個權重都縮小自己的 ηλ = 10⁻⁵。
#
# **主張 11** 由公式必然得到：梯度為 0 時，加了 L2 的 Adam 不論 λ 是哪一個，五個權重的第一步都走 0.001（相差不到 1%）；AdamW 的第一步是權重的 10⁻⁵ 倍；沒有衰減的 Adam 不動。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# A row is a weight, a column its first step.
#
# Adam takes L2 for a gradient like any other and divides it by its own size: λ **cancels**. Whether λ is 10⁻⁴ or 10⁻², whether the weight is large or small, it moves by one whole rate towards 0. AdamW shrinks in proportion, by ηλ = 10⁻⁵.
#
# **Claim 11** By the formulas this must hold where the gradient is 0: with L2 in Adam the first step of all five weights is 0.001 (to 1 %), for both λ; AdamW's is 10⁻⁵ times the weight; Adam without decay stays.

# %%
is_rate = [
    ((moves[f"Adam, L2 {s}"] * first.sign() + 0.001).abs() < 1e-5).all() for s in ("1e-4", "1e-2")
]
in_proportion = torch.allclose(moves["AdamW, 1e-2"], -1e-5 * first, atol=0)
claim(11, bool(all(is_rate)) and in_proportion and not moves["Adam"].any())

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 一千步之後
#
# 權重全部從 1 開始，梯度是平均為 0 的雜訊，大小有五種，從 0.001 到 10，每種 2,000 個權重（20 組，每組 100 個）。λ = 0.1，學習率 0.001。
#
# 權重衰減應該讓大家縮小同樣的比例。猜猜看，在 Adam 裡用 L2，誰縮得最多？梯度大的，還是小的？

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### A thousand steps later
#
# All weights start at 1, and their gradients are noise of mean 0, in five sizes from 0.001 to 10, with 2,000 weights for each (20 groups of 100). λ = 0.1, rate 0.001.
#
# Weight decay ought to shrink all of them by the same share. Guess: with L2 in Adam, which shrink most, those with large gradients or those with small ones?


# %%
def share_left(optimizer_class, sizes, num_steps=1000):  # (20 groups, sizes)
    weights = nn.Parameter(torch.ones(20, len(sizes), 100))
    optimizer = optimizer_class([weights], lr=0.001, weight_decay=0.1)
    generator = seeding.generator(0)
    for _ in range(num_steps):
        weights.grad = sizes[:, None] * torch.randn(weights.shape, generator=generator)
        optimizer.step()
    return weights.detach().mean(dim=-1)


# %% slideshow={"slide_type": "subslide"}
sizes = torch.tensor([0.001, 0.01, 0.1, 1.0, 10.0])
left_over = {
    "Adam with L2": share_left(torch.optim.Adam, sizes),
    "AdamW": share_left(torch.optim.AdamW, sizes),
}

# %% alt-zh="橫軸是梯度的大小（對數刻度），縱軸是一千步後權重剩下的比例。AdamW 是水平線，約 0.90；Adam 加 L2 從梯度小時的 0.26 升到梯度大時的 0.99。" alt-en="Share of the weight left after a thousand steps against the size of its gradient, log axis. AdamW is level at about 0.90; Adam with L2 rises from 0.26 at small gradients to 0.99 at large ones."
figure, ax = plt.subplots(figsize=(8, 3.0))
for (name, share), marker in zip(left_over.items(), "os", strict=True):
    plotting.plot_band(ax, sizes, share, name, marker=marker)
ax.set(
    xscale="log", xlabel="size of the gradient (log)", ylabel="share of weight left", ylim=(0, 1.1)
)
ax = ax.legend()

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# AdamW：人人剩下 (1 − ηλ)¹⁰⁰⁰ ≈ 0.90。Adam 加 L2：**梯度小的縮得最多，梯度大的幾乎不縮**。L2 加進梯度之後也被那把尺除過，衰減的比例就隨梯度的大小而變。所以同樣寫 `weight_decay=0.01`，兩者不能互換。
#
# **主張 12** 20 組裡的每一組，用 AdamW 時，五種梯度大小的權重都剩下 0.85 到 0.95；用 Adam 加 L2 時，梯度 0.001 的權重剩下不到 0.35，梯度 10 的權重剩下 0.95 以上。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# AdamW: everyone keeps (1 − ηλ)¹⁰⁰⁰ ≈ 0.90. Adam with L2: **small gradients shrink most, large ones hardly at all**. Once in the gradient, L2 is divided by the ruler too, and the share by which a weight decays depends on its gradient. So `weight_decay=0.01` means two different things in the two.
#
# **Claim 12** In each of the 20 groups: with AdamW between 0.85 and 0.95 is left for all five sizes; with L2 in Adam less than 0.35 where the gradient is 0.001, and more than 0.95 where it is 10.

# %%
adamw, adam_l2 = left_over["AdamW"], left_over["Adam with L2"]
print(f"Adam with L2, gradients of 0.001: {mean_interval(adam_l2[:, 0]):.3f}")
print(f"Adam with L2, gradients of 10:    {mean_interval(adam_l2[:, -1]):.3f}")
is_even = bool(((adamw > 0.85) & (adamw < 0.95)).all())
claim(12, is_even and bool((adam_l2[:, 0] < 0.35).all() and (adam_l2[:, -1] > 0.95).all()))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 那 SGD 呢？
#
# SGD 加 L2：θ ← θ − η(g + λθ) = **(1 − ηλ)θ** − ηg。整理一下，就是權重衰減，縮小的比例是 **ηλ**，不是 λ。
#
# 用 PyTorch 驗證：一邊用 `weight_decay=λ`，一邊先縮小、再照 SGD 走一步，學習率每一步都在變。兩種縮法（ηλ 與 λ），哪一種對得上？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## And SGD?
#
# SGD with L2: θ ← θ − η(g + λθ) = **(1 − ηλ)θ** − ηg. Rearranged, it is weight decay, and the share is **ηλ**, not λ.
#
# Check it against PyTorch: `weight_decay=λ` on one side, shrinking and then SGD on the other, with a rate that changes at every step. Of the two shares, ηλ and λ, which one agrees?


# %%
def gap_to_torch(share, seed, weight_decay=0.1):
    grads = torch.randn(100, 50, generator=seeding.generator(seed), dtype=torch.float64)
    theirs = nn.Parameter(torch.ones(50, dtype=torch.float64))
    ours = torch.ones_like(theirs.data)
    optimizer = torch.optim.SGD([theirs], lr=0.1, weight_decay=weight_decay)
    for t, grad in enumerate(grads):
        lr = optimizer.param_groups[0]["lr"] = 0.1 / (1 + t)
        theirs.grad = grad
        optimizer.step()
        ours = sgd_step((1 - share(lr, weight_decay)) * ours, grad, {}, lr)
    return (ours - theirs).abs().max().item()


# %% slideshow={"slide_type": "subslide"}
rate_times_lambda = [gap_to_torch(lambda lr, wd: lr * wd, seed) for seed in range(20)]
lambda_alone = [gap_to_torch(lambda lr, wd: wd, seed) for seed in range(20)]
print(f"share ηλ: gap at most ≈{max(rate_times_lambda):.0e}")
print(f"share λ: gap at least ≈{min(lambda_alone):.1f}")

# %% [markdown] lang="zh-TW"
# 所以「L2 就是權重衰減」在 SGD 說得通，換到 Adam 就不對了。（SGD **加上動量**呢？練習 4 會讓你發現。）
#
# **主張 13** 學習率一路變動，縮小的比例用 ηλ 時，與 PyTorch 的 L2 必然相同（相差不到 10⁻¹²）；用 λ 時，20 個種子（seed）的每一個都相差 0.5 以上。

# %% [markdown] lang="en"
# So "L2 is weight decay" is true of SGD and false of Adam. (And of SGD **with momentum**? Exercise 4 lets you find out.)
#
# **Claim 13** With a changing rate, shrinking by ηλ must equal PyTorch's L2 (to 10⁻¹²); shrinking by λ is off by more than 0.5 for every one of 20 seeds.

# %%
claim(13, max(rate_times_lambda) < 1e-12 and min(lambda_alone) > 0.5)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 真的資料：MNIST 上的小比賽
#
# 碗看夠了。固定取 4,000 張訓練圖片，網路 784-24-10，批次 100，四輪（epoch）。五個優化器，各試五種學習率，用**驗證集**（validation set）選出自己最好的，再換 30 個新種子上測試集（test set）。
#
# 規則是逐元素的，所以「五種學習率 × 五個種子」共 25 個網路可以疊在一起訓練，每個種子有自己的權重和批次順序。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Real data: a small contest on MNIST
#
# Enough of bowls. A fixed 4,000 training images, a 784-24-10 network, batches of 100, four epochs. Five optimizers try five rates each; the **validation set** chooses the best rate of each, and 30 new seeds then go to the test set.
#
# The rules work element by element, so the 25 networks of "five rates × five seeds" are stacked and trained as one; each seed has its own weights and its own order of batches.

# %%
mnist = load_mnist()
print(mnist.banner())
images, labels = mnist.train.images[:4000].flatten(1), mnist.train.labels[:4000]


# %%
def train_stack(step, rates, seeds, epochs=4, batch_size=100):
    model = StackedMLP(784, [24], 10, seeds=[seed for _ in rates for seed in seeds])
    lr = torch.tensor(rates).repeat_interleave(len(seeds))[:, None, None]
    params = list(model.parameters())
    states = [{} for _ in params]
    generators = [seeding.generator(seed) for seed in seeds]
    for _ in range(epochs):
        order = torch.stack([torch.randperm(4000, generator=g) for g in generators])
        for rows in order.repeat(len(rates), 1).split(batch_size, dim=1):
            logits = model(images[rows]).permute(1, 2, 0)  # (batch, classes, models)
            loss = nn.functional.cross_entropy(logits, labels[rows].T, reduction="sum")
            model.zero_grad()
            (loss / batch_size).backward()
            apply_step(step, params, states, lr=lr)
    return model


# %% slideshow={"slide_type": "subslide"}
@torch.no_grad()
def accuracy(model, part):  # in percent, of every model in the stack
    predictions = model(part.images.flatten(1)).argmax(dim=-1)
    return 100 * (predictions == part.labels).float().mean(dim=1)


# %%
contest = {
    "SGD": (sgd_step, [0.01, 0.03, 0.1, 0.3, 1.0]),
    "momentum": (momentum_step, [0.001, 0.003, 0.01, 0.03, 0.1]),
    "RMSprop": (rmsprop_step, [0.0003, 0.001, 0.003, 0.01, 0.03]),
    "Adam": (adam_step, [0.0003, 0.001, 0.003, 0.01, 0.03]),
    "AdamW": (adamw_step, [0.0003, 0.001, 0.003, 0.01, 0.03]),
}

# %%
val_accuracy = {}
for name, (step, rates) in contest.items():
    model = train_stack(step, rates, seeds=range(5))
    val_accuracy[name] = accuracy(model, mnist.val).reshape(len(rates), 5)  # (rates, seeds)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 同一個學習率，誰比較好？
#
# 學習率 0.001 時，RMSprop 和動量誰贏？0.03 時呢？先猜，再看圖。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### At the same rate, who is better?
#
# At 0.001, who wins, RMSprop or momentum? And at 0.03? Guess first, then look.

# %% alt-zh="橫軸是學習率（對數刻度），縱軸是驗證準確率，五條山形曲線：頂端高度相近，都在 90% 出頭，但位置不同，Adam 類在 0.003 附近，動量在 0.03 附近，SGD 在 0.3，再大就掉到圖外。" alt-en="Validation accuracy against the rate on a log axis, five hills: their tops are about equally high, a little above 90 %, but in different places: the Adam family near 0.003, momentum near 0.03, SGD at 0.3, beyond which it drops out of the picture."
figure, ax = plt.subplots(figsize=(8.5, 3.4))
for (name, (_, rates)), marker in zip(contest.items(), "os^Dv", strict=True):
    plotting.plot_band(ax, rates, val_accuracy[name].T, name, marker=marker)
ax.set(xscale="log", xlabel="rate (log)", ylabel="validation accuracy (%)", ylim=(70, 96))
ax = ax.legend(ncols=2, fontsize=9)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 學習率 0.001 時，RMSprop 贏；0.03 時，動量贏。「用同樣的學習率比較」看起來公平，其實什麼也沒證明：挑一個學習率，就等於挑了贏家。
#
# **主張 14** 不論哪個種子，學習率 0.001 時，RMSprop 的驗證準確率（accuracy）都高過動量，0.03 時都反過來；平均都差 4 個百分點以上。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# At 0.001 RMSprop wins, at 0.03 momentum does. "At the same rate" sounds fair and proves nothing: whoever picks the rate picks the winner.
#
# **Claim 14** For every seed: at rate 0.001 RMSprop's validation accuracy is above momentum's, at 0.03 the other way round; on average by more than 4 percentage points each time.

# %%
slow = val_accuracy["RMSprop"][1] - val_accuracy["momentum"][0]
fast = val_accuracy["momentum"][3] - val_accuracy["RMSprop"][4]
print(f"at 0.001, RMSprop - momentum: {mean_interval(slow):.1f} points")
print(f"at 0.03,  momentum - RMSprop: {mean_interval(fast):.1f} points")
claim(14, bool((slow > 0).all() and (fast > 0).all() and slow.mean() > 4 and fast.mean() > 4))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 各用自己最好的學習率
#
# 學習率已經在驗證集上選好，每個優化器都試了五種。30 個新種子，測試集只用這一次；十對比較，p 值用 Holm 的方法校正（1979）。表裡的 `detectable` 欄，是十對一起比時，差距至少要多大才會被算成差異。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### Each at its own best rate
#
# The rates are settled on validation, five tried for each. Thirty new seeds, and the test set is used this once; ten comparisons in pairs, with Holm's correction of the p-values (1979). The column `detectable` says how large a difference would have had to be, among ten, to be called one.

# %%
test_accuracy = {}
for name, (step, rates) in contest.items():
    rate = rates[int(val_accuracy[name].mean(dim=1).argmax())]
    test_accuracy[name] = accuracy(train_stack(step, [rate], seeds=range(5, 35)), mnist.test)
    print(f"{name:9s}best rate ≈{rate:<7g}test accuracy {mean_interval(test_accuracy[name]):.1f} %")
rows = [
    {"setting": name, "seed": seed, "accuracy": float(score)}
    for name, scores in test_accuracy.items()
    for seed, score in enumerate(scores)
]
comparisons = compare_settings(pd.DataFrame(rows), "accuracy").set_index(["a", "b"])

# %% slideshow={"slide_type": "subslide"}
differences = comparisons["difference"].map(lambda interval: f"{interval:.2f}")
p_values = comparisons["p"].map(lambda p: f"≈{p:.3f}")
detectable = [
    f"≈{detectable_difference(test_accuracy[a], test_accuracy[b], num_pairs=10):.2f}"
    for a, b in comparisons.index
]
columns = {"difference of test accuracy (points)": differences, "p (Holm)": p_values}
pd.DataFrame({**columns, "detectable": detectable})

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 校正之後分不分得出差異，看種子而定：這裡一對也分不出來，換別的種子，有時會多出一兩對。「沒有發現」不等於「沒有」，所以要換個問法：差距**小到不必在意**嗎？我們先說好，2 個百分點以內不在意，不到主張 14 裡的一半。這叫**等效檢定**（equivalence test；Schuirmann，1987）：差距的 90% 信賴區間要整個落在 ±2 之內。Adam 與 AdamW 幾乎一樣：訓練這麼短，λ = 0.01 幾乎還沒有作用。
#
# 學習率就不同了，但要看差多少倍：
#
# **主張 15** 平均起來，每一個優化器光是換學習率，五種裡最好與最壞的驗證準確率就差 4 個百分點以上。
#
# **主張 16** 各用自己最好的學習率時，十對優化器的平均測試準確率都等效（±2 個百分點），Adam 與 AdamW 更在 ±0.5 個百分點之內。
#
# **主張 17** 在完整的 MNIST 上，學習率只偏離最好的值三倍左右（大一級或小一級）時，動量、Adam、AdamW 的準確率平均都只少了不到 2 個百分點：大致選對之後，再調也就只差這一點。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# Whether any pair differs after correction depends on the seeds: here none does, with others a pair or two sometimes will. "None found" is not "none", so ask another question: is the difference **too small to matter**? Let us agree beforehand that up to 2 points do not matter, less than half of what claim 14 saw. This is a **test of equivalence** (Schuirmann, 1987): the whole 90 % confidence interval of the difference must lie within ±2. Adam and AdamW are all but the same: in so short a training λ = 0.01 has hardly begun to act.
#
# Rates are another matter, but it depends on how far off they are:
#
# **Claim 15** On average, for every optimizer, the validation accuracies of its best and its worst rate, of the five, are more than 4 points apart.
#
# **Claim 16** Each at its own best rate, all ten pairs of optimizers have equivalent mean test accuracies (±2 points), and Adam and AdamW are even within ±0.5.
#
# **Claim 17** On full MNIST, on average, a rate that is off by only about a factor of three (one place up or down) costs momentum, Adam and AdamW less than 2 points of accuracy: once it is roughly right, there is little more to gain.

# %% slideshow={"slide_type": "subslide"}
means = {name: scores.mean(dim=1) for name, scores in val_accuracy.items()}
by_rate = {name: float(mean.max() - mean.min()) for name, mean in means.items()}
print("best - worst rate, points:", *[f"{name} ≈{gap:.1f}" for name, gap in by_rate.items()])
claim(15, min(by_rate.values()) > 4)

# %%
alike = {
    (a, b): equivalence(test_accuracy[a], test_accuracy[b], margin=0.5 if a == "Adam" else 2)
    for a, b in comparisons.index
}
for pair in (("SGD", "momentum"), ("Adam", "AdamW")):
    print(*pair, f"{alike[pair]:.2f}")
claim(16, all(result.shown for result in alike.values()))

# %%
cost = {}
for name in ("momentum", "Adam", "AdamW"):
    best = int(means[name].argmax())
    neighbors = means[name][max(best - 1, 0) : best + 2]
    cost[name] = float(means[name][best] - neighbors.min())
print("one place off, points:", *[f"{name} ≈{points:.1f}" for name, points in cost.items()])
claim(17, max(cost.values()) < 2, tiers="full", tier=mnist.tier)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 練習 1：碗斜著放，學習率的上限在哪裡？
#
# 難度 ★★☆，約 5 分鐘。
#
# 損失是 L(w) = ½wᵀHw，H 是 n×n 的對稱正定矩陣，不一定是對角矩陣。寫出 `largest_stable_rate`，回傳一個數：學習率小於它，梯度下降會收斂；大於它，就會發散。
#
# （用得到的線性代數：對稱矩陣有 n 個互相垂直的特徵向量；沿著其中任何一個，梯度 Hw 就是特徵值乘上 w，也就是一維的碗。）

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Exercise 1: a tilted bowl; where is the limit?
#
# Difficulty ★★☆, about 5 minutes.
#
# The loss is L(w) = ½wᵀHw with a symmetric positive definite n×n matrix H, which need not be diagonal. Write `largest_stable_rate`: return one number, the rate below which gradient descent converges and above which it diverges.
#
# (The linear algebra it takes: a symmetric matrix has n perpendicular eigenvectors, and along each of them the gradient Hw is the eigenvalue times w, a bowl in one dimension.)


# %% tags=["exercise"]
def largest_stable_rate(hessian):
    raise NotImplementedError  # your code here


# %% tags=["check"]
exercises.largest_stable_rate.check(largest_stable_rate)


# %% tags=["solution"]
# One possible answer; open it once you have tried.
def largest_stable_rate_solution(hessian):
    """The rate above which gradient descent on the quadratic with this Hessian (n, n) diverges."""
    return 2 / torch.linalg.eigvalsh(hessian).max()


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 練習 2：Nesterov 動量，先看一步
#
# 難度 ★★☆，約 10 分鐘。
#
# Nesterov 的想法：速度反正會帶我往前，不如把「下一步的速度」也先算進來。PyTorch 的寫法（和 Sutskever 等人的略有不同）是先更新 v ← βv + g，再走 θ ← θ − η(g + βv)，兩式依序執行。
#
# 寫出 `nesterov_step`，回傳 `(param, velocity)`，也就是新的參數與新的速度；不可以改動傳進來的張量。學習率改變時也要與 `torch.optim.SGD(nesterov=True)` 一致。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Exercise 2: Nesterov's momentum looks one step ahead
#
# Difficulty ★★☆, about 10 minutes.
#
# Nesterov's idea: the velocity will carry me on anyway, so count its next push in already. PyTorch's version, which differs a little from that of Sutskever et al., first updates v ← βv + g, then moves θ ← θ − η(g + βv), in this order.
#
# Write `nesterov_step`: return (new parameter, new velocity), and leave the tensors you are given unchanged. It must agree with `torch.optim.SGD(nesterov=True)`, also when the rate changes.


# %% tags=["exercise"]
def nesterov_step(param, grad, velocity, lr, momentum):
    raise NotImplementedError  # your code here: return param, velocity


# %% tags=["check"]
exercises.nesterov_step.check(nesterov_step)


# %% tags=["solution"]
# One possible answer; open it once you have tried.
def nesterov_step_solution(param, grad, velocity, lr, momentum):
    """(new parameter, new velocity) of Nesterov's momentum as PyTorch has it."""
    velocity = momentum * velocity + grad
    return param - lr * (grad + momentum * velocity), velocity


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 練習 3：寫一個真正的優化器類別
#
# 難度 ★★★，約 20 分鐘。
#
# 梯度一變小，Adam 的分母就跟著縮回去。**AMSGrad**（Reddi 等人，2018）改用 v 的歷史最大值：m、v 照舊更新，接著 u ← max(u, v)，再像 Adam 那樣修正 m 與 u（用 1 − β₁ᵗ 與 1 − β₂ᵗ；這是 PyTorch 的寫法，論文沒有這項修正），最後走 θ ← θ − η·m̂/(√û + ε)。
#
# 寫成類別，用法和 `torch.optim` 一樣：`AMSGrad(model.parameters(), lr=…)`，每次 `step()` 讀每個參數的 `.grad`，就地移動參數，不改動梯度。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Exercise 3: write a real optimizer class
#
# Difficulty ★★★, about 20 minutes.
#
# Adam's denominator shrinks again when gradients become small. **AMSGrad** (Reddi et al., 2018) takes the largest v so far: update m and v as before, then u ← max(u, v), correct m and u as in Adam (by 1 − β₁ᵗ and 1 − β₂ᵗ; so PyTorch has it, the paper leaves the correction out), and move θ ← θ − η·m̂/(√û + ε).
#
# Write it as a class that is used as those of `torch.optim`: `AMSGrad(model.parameters(), lr=…)`; each `step()` reads every parameter's `.grad` and moves the parameter in place, without changing the gradient.


# %% tags=["exercise"]
class AMSGrad:
    def __init__(self, params, lr=0.001, betas=(0.9, 0.999), eps=1e-8):
        raise NotImplementedError  # your code here

    def step(self):
        raise NotImplementedError  # your code here


# %% tags=["check"]
exercises.AMSGrad.check(AMSGrad)


# %% tags=["solution"]
# One possible answer; open it once you have tried.
class AMSGrad_solution:
    """Adam whose second moment never shrinks, over a list of parameters (Reddi et al. 2018)."""

    def __init__(self, params, lr=0.001, betas=(0.9, 0.999), eps=1e-8):
        self.params, self.lr, self.betas, self.eps, self.t = list(params), lr, betas, eps, 0
        self.states = [{name: torch.zeros_like(p) for name in "mvu"} for p in self.params]

    @torch.no_grad()
    def step(self):
        """Move every parameter in place by its gradient."""
        self.t += 1
        (beta1, beta2), t = self.betas, self.t
        for param, state in zip(self.params, self.states, strict=True):
            state["m"] = beta1 * state["m"] + (1 - beta1) * param.grad
            state["v"] = beta2 * state["v"] + (1 - beta2) * param.grad**2
            state["u"] = torch.maximum(state["u"], state["v"])
            m_hat, u_hat = state["m"] / (1 - beta1**t), state["u"] / (1 - beta2**t)
            param -= self.lr * m_hat / (u_hat.sqrt() + self.eps)


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 練習 4：SGDW，動量遇上權重衰減
#
# 難度 ★★☆，約 10 分鐘。
#
# 沒有動量時，L2 就是權重衰減。有了動量呢？寫出 `sgdw_step`：照 AdamW 的精神，每一步把原來的參數縮小一點（比例是 ηλ），不經過梯度，也不經過速度，其餘與 PyTorch 的動量相同。回傳 `(param, velocity)`，也就是新的參數與新的速度；不改動傳進來的張量（tensor）。
#
# 做完之後，用 `torch.optim.SGD(momentum=0.9, weight_decay=…)` 比一比：還一樣嗎？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Exercise 4: SGDW, momentum meets weight decay
#
# Difficulty ★★☆, about 10 minutes.
#
# Without momentum, L2 is weight decay. And with it? Write `sgdw_step` in the spirit of AdamW: the old parameter shrinks by the share ηλ, gradient and velocity know nothing of it, and the rest is PyTorch's momentum. Return (new parameter, new velocity), and leave the tensors you are given unchanged.
#
# When you are done, compare with `torch.optim.SGD(momentum=0.9, weight_decay=…)`: is it still the same?


# %% tags=["exercise"]
def sgdw_step(param, grad, velocity, lr, momentum, weight_decay):
    raise NotImplementedError  # your code here: return param, velocity


# %% tags=["check"]
exercises.sgdw_step.check(sgdw_step)


# %% tags=["solution"]
# One possible answer; open it once you have tried.
def sgdw_step_solution(param, grad, velocity, lr, momentum, weight_decay):
    """(new parameter, new velocity) of momentum with decoupled decay (Loshchilov, Hutter 2019)."""
    velocity = momentum * velocity + grad
    return param - lr * velocity - lr * weight_decay * param, velocity


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 重點整理
#
# - 學習率的上限是 2/最大曲率；要走多久，看最小曲率。兩者的比是條件數。
# - 固定的學習率有雜訊下限 ησ²/(2 − η)（曲率 1 時）；要更低，學習率就得遞減。
# - 動量把 κ 換成 √κ，但 β 也要調。PyTorch 的學習率乘在速度外面。
# - Adam 是動量除以每個參數自己的尺，再修正偏差；少了修正，前幾步會太大。它的尺沿著座標軸。
# - 比較優化器之前，先讓每一個都用自己最好的設定；學習率差上十倍，影響比換優化器大得多。
# - 「沒有發現差異」不等於「沒有差異」：要說一樣，就做等效檢定。
# - L2 在沒有動量的 SGD 裡就是權重衰減（每步縮小的比例是 ηλ），在 Adam 裡不是：要權重衰減就用 AdamW。
#
# **實務上**：先用 Adam 或 AdamW、學習率 0.001，再往上下各試兩三個值。**下一課**：[[regularization]]，正則化：讓模型不只在訓練資料上好。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Summary
#
# - The limit on the rate is 2 over the largest curvature; how long it takes depends on the smallest. Their ratio is the condition number.
# - A constant rate has a noise floor, ησ²/(2 − η) where the curvature is 1; to get lower, the rate must fall.
# - Momentum turns κ into √κ, but β must be tuned. PyTorch has the rate outside the velocity.
# - Adam is momentum over a ruler for each parameter, with its bias corrected; without that the first steps are too large. Its rulers lie along the axes.
# - Before you compare optimizers, give each its own best settings; a rate that is off by a factor of ten matters far more than the optimizer.
# - "No difference found" is not "no difference": to say that two are alike, test for equivalence.
# - L2 is weight decay in SGD without momentum (by the share ηλ) and is not in Adam: if you want weight decay, take AdamW.
#
# **In practice**: begin with Adam or AdamW at 0.001, then try two or three rates above and below. **Next**: [[regularization]], regularization: how a model gets good on more than its training data.

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "skip"}
# ### 原始文獻
#
# - Robbins, Monro（1951），A stochastic approximation method，Annals of Mathematical Statistics 22(3)，doi:10.1214/aoms/1177729586。遞減的學習率。
# - Polyak（1964），Some methods of speeding up the convergence of iteration methods，USSR Computational Mathematics and Mathematical Physics 4(5)，doi:10.1016/0041-5553(64)90137-5。動量。
# - Nesterov（1983），A method for solving the convex programming problem with convergence rate O(1/k²)，Soviet Mathematics Doklady 27(2)。
# - Tieleman, Hinton（2012），Lecture 6.5, RMSProp: divide the gradient by a running average of its recent magnitude，Coursera: Neural Networks for Machine Learning。
# - Sutskever, Martens, Dahl, Hinton（2013），On the importance of initialization and momentum in deep learning，ICML（PMLR 28）。
# - Kingma, Ba（2015），Adam: a method for stochastic optimization，ICLR，arXiv:1412.6980。
# - Reddi, Kale, Kumar（2018），On the convergence of Adam and beyond，ICLR，arXiv:1904.09237。練習 3 的 AMSGrad。
# - Loshchilov, Hutter（2019），Decoupled weight decay regularization，ICLR，arXiv:1711.05101。AdamW 與 SGDW。
# - Holm（1979），A simple sequentially rejective multiple test procedure，Scandinavian Journal of Statistics 6(2)。一次比很多對時，p 值的校正。
# - Schuirmann（1987），A comparison of the two one-sided tests procedure and the power approach for assessing the equivalence of average bioavailability，Journal of Pharmacokinetics and Biopharmaceutics 15(6)，doi:10.1007/BF01068419。等效檢定。

# %% [markdown] lang="en" slideshow={"slide_type": "skip"}
# ### Primary sources
#
# - Robbins, Monro (1951), A stochastic approximation method, Annals of Mathematical Statistics 22(3), doi:10.1214/aoms/1177729586. Rates that decrease.
# - Polyak (1964), Some methods of speeding up the convergence of iteration methods, USSR Computational Mathematics and Mathematical Physics 4(5), doi:10.1016/0041-5553(64)90137-5. Momentum.
# - Nesterov (1983), A method for solving the convex programming problem with convergence rate O(1/k²), Soviet Mathematics Doklady 27(2).
# - Tieleman, Hinton (2012), Lecture 6.5, RMSProp: divide the gradient by a running average of its recent magnitude, Coursera: Neural Networks for Machine Learning.
# - Sutskever, Martens, Dahl, Hinton (2013), On the importance of initialization and momentum in deep learning, ICML (PMLR 28).
# - Kingma, Ba (2015), Adam: a method for stochastic optimization, ICLR, arXiv:1412.6980.
# - Reddi, Kale, Kumar (2018), On the convergence of Adam and beyond, ICLR, arXiv:1904.09237. AMSGrad, of exercise 3.
# - Loshchilov, Hutter (2019), Decoupled weight decay regularization, ICLR, arXiv:1711.05101. AdamW and SGDW.
# - Holm (1979), A simple sequentially rejective multiple test procedure, Scandinavian Journal of Statistics 6(2). Correcting the p-values of many comparisons.
# - Schuirmann (1987), A comparison of the two one-sided tests procedure and the power approach for assessing the equivalence of average bioavailability, Journal of Pharmacokinetics and Biopharmaceutics 15(6), doi:10.1007/BF01068419. The test of equivalence.
