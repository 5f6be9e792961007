# %% [markdown] lang="zh-TW" about="SGD、動量、RMSprop、Adam、AdamW 各寫十行，在碗、鞍點和彎谷裡公平地比" slideshow={"slide_type": "slide"}
# # 優化器
#
# 反向傳播（back-propagation）告訴我們損失往哪個方向增加。**優化器**（optimizer，也譯最佳化器）決定權重要走多遠。學完之後，你能夠：
#
# - 說出學習率（learning rate）的上限從哪裡來；
# - 寫出 SGD、動量（momentum）、RMSprop、Adam、AdamW，而且與 `torch.optim` 算出一樣的結果；
# - 公平地比較優化器：每一個都用自己最好的設定；
# - 分清楚 L2 和權重衰減（weight decay）：在 SGD 裡是同一件事，在 Adam 裡不是。
#
# 先備：[[back_propagation]]與高中微積分。

# %% [markdown] lang="en" about="SGD, momentum, RMSprop, Adam and AdamW in ten lines each, raced fairly in bowls, off a saddle and round a bend" slideshow={"slide_type": "slide"}
# # Optimizers
#
# Back-propagation tells us in which direction the loss grows; the **optimizer** decides how far the weights go. By the end you can
#
# - say where the limit on the learning rate comes from;
# - write SGD, momentum, RMSprop, Adam and AdamW, equal to `torch.optim`;
# - compare optimizers fairly: each at its own best settings;
# - tell L2 from weight decay: the same in SGD, and not in Adam.
#
# It builds on [[back_propagation]] and needs school calculus only.

# %% lang="zh-TW" tags=["setup"] slideshow={"slide_type": "subslide"}
from course_utils.notebook import set_up

device = set_up("optimizers", language="zh-TW")

# %% lang="en" tags=["setup"] slideshow={"slide_type": "subslide"}
from course_utils.notebook import set_up

device = set_up("optimizers", language="en")

# %% slideshow={"slide_type": "subslide"}
import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import nn

from course_utils import plotting, seeding
from course_utils.exercises import optimizers as exercises
from course_utils.intervals import mean_interval, paired_difference
from course_utils.models import MLP
from course_utils.notebook.claims import claim
from course_utils.notebook.explore import explore, slider

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 梯度下降（gradient descent）：一步可以跨多大？
#
# 規則只有一行：θ ← θ − η∇L，其中 η 是**學習率**。每個優化器我們都寫成同一種函式：給它參數、梯度，和一本只屬於這個參數的筆記 `state`，它就回傳新的參數。SGD 什麼都不必記。
#
# `descend` 從 `start` 出發走 `num_steps` 步，留下走過的每一點。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Gradient descent: how far can one step go?
#
# The rule is one line: θ ← θ − η∇L, where η is the **learning rate**. Every optimizer here is a function that is given a parameter, its gradient and a notebook `state` of this parameter's own, and returns the new parameter. SGD has nothing to remember.
#
# `descend` takes `num_steps` steps from `start` and keeps every point it visits.


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

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（5 分鐘）損失是一個碗 L(w) = ½w²。學習率 1.8 的梯度下降，每一步都衝過谷底、到了另一邊。最後會怎樣？
#
# - ✗ 發散：只要衝過頭，就會越衝越遠。 *以為衝過頭就等於發散；要看跳到另一邊之後，離谷底更近還是更遠。*
# - ✓ 收斂：每次跳到另一邊，但離谷底越來越近。 *每一步乘上 1 − 1.8 = −0.8，大小一直縮小。*
# - ✗ 在谷底兩邊永遠跳下去，距離不變。 *那是學習率剛好 2 的情形：每一步乘上 −1。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (5 min) The loss is a bowl, L(w) = ½w². At rate 1.8 gradient descent overshoots the bottom in every step. How does it end?
#
# - ✗ It diverges: once it overshoots, it goes ever farther. *Takes overshooting for diverging; what matters is whether it lands nearer or farther on the other side.*
# - ✓ It converges: it jumps from side to side, nearer each time. *Each step multiplies w by 1 − 1.8 = −0.8, which shrinks.*
# - ✗ It jumps from side to side for ever, at the same distance. *That is what happens at rate 2 exactly, where each step multiplies by −1.*

# %% alt-zh="橫軸是步數，縱軸是 w，四條曲線是四種學習率：0.2 慢慢下降，1 一步到 0，1.8 左右跳動但越跳越小，2.1 越跳越大。" alt-en="w against steps for four rates: 0.2 falls slowly, 1 reaches 0 in one step, 1.8 jumps from side to side with shrinking jumps, 2.1 jumps ever wider."
figure, ax = plt.subplots(figsize=(8, 3.2))
for lr, marker in zip([0.2, 1.0, 1.8, 2.1], "os^D", strict=True):
    walk = descend(sgd_step, lambda w: w, torch.tensor(1.0), num_steps=15, lr=lr)
    ax.plot(walk, marker=marker, markersize=4, label=f"rate {lr}")
ax.set(xlabel="step", ylabel="w")
ax = ax.legend(loc="upper left", ncols=2)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 代進去：w ← w − ηhw = (1 − ηh)w。只要 |1 − ηh| < 1 就會收斂（converge），也就是 **η < 2/h**。η = 1/h 一步到底，再大就衝過頭；大過 2/h，越衝越遠。
#
# 衝過頭不等於發散（diverge）：1.8 每一步都衝過頭，還是到了。
#
# **主張 1** 曲率從 0.01 到 1000 隨機取 50 個，各走 100 步：學習率 1.95/h 時，與谷底的距離都只剩不到百分之一；學習率 2.05/h 時，都變成一百倍以上。這必然成立：0.95¹⁰⁰ ≈ 0.006，1.05¹⁰⁰ ≈ 131。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# w ← w − ηhw = (1 − ηh)w. It converges whenever |1 − ηh| < 1, that is, **η < 2/h**. At η = 1/h one step reaches the bottom; beyond that it overshoots, and beyond 2/h ever farther.
#
# Overshooting is not diverging: rate 1.8 overshoots at every step, and arrives.
#
# **Claim 1** For 50 random curvatures from 0.01 to 1000, a hundred steps at rate 1.95/h leave less than a hundredth of the distance, and at 2.05/h more than a hundredfold. This must hold: 0.95¹⁰⁰ ≈ 0.006 and 1.05¹⁰⁰ ≈ 131.

# %%
h = 10 ** (5 * torch.rand(50, generator=seeding.generator(0)) - 2)
ends = {c: descend(sgd_step, lambda w: h * w, torch.ones(50), lr=c / h)[-1] for c in (1.95, 2.05)}
claim(1, bool((ends[1.95].abs() < 0.01).all() and (ends[2.05].abs() > 100).all()))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## SGD 的 S：梯度每次都有點不準
#
# 訓練時，一個批次（batch）的梯度只是估計：平均是對的，每次都帶點雜訊（noise）。這就是 **stochastic**（隨機）。
#
# 同樣的碗（h = 1），梯度換成「w 加上標準差（standard deviation）1 的雜訊」。想一想：學習率固定，走得夠久就會停在谷底嗎？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## The S in SGD: every gradient is a little off
#
# In training, a batch's gradient is right on average and noisy each time: **stochastic**.
#
# The same bowl (h = 1), with noise of standard deviation 1 added to the gradient. Predict: with a constant rate, does a long walk settle at the bottom?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（5 分鐘）梯度每一步都帶雜訊，學習率固定不變。走得夠久，權重會停在谷底嗎？
#
# - ✗ 會，雜訊平均起來是 0。 *梯度的平均是對的，但每一步都又被推開，離谷底的平方距離不會平均成 0。*
# - ✗ 不會，它會越走越遠。 *拉回谷底的力量與距離成正比，所以會停在某個高度附近。*
# - ✓ 不會，會在某個高度上晃，學習率越大，晃得越高。 *雜訊不斷推開，梯度不斷拉回，兩者在 ησ²/(2 − η) 平衡。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (5 min) Every gradient is noisy, and the rate is constant. Does a walk that goes on long enough settle at the bottom?
#
# - ✗ Yes, since the noise is 0 on average. *The gradient is right on average, but every step is pushed off again, and squared distances do not average to 0.*
# - ✗ No, it drifts ever farther away. *The pull to the bottom grows with the distance, so that it stays near some height.*
# - ✓ No, it wanders at some height, and the larger the rate, the higher. *Noise pushes away and the gradient pulls back; the two balance at ησ²/(2 − η).*

# %% slideshow={"slide_type": "subslide"}
noise = torch.randn(1000, 20, 50, generator=seeding.generator(0))


def squared_error(rate_at):  # of 20 groups of 50 walks, after each step
    w, curve = torch.full((20, 50), 5.0), []
    for t, step_noise in enumerate(noise):
        w = sgd_step(w, w + step_noise, {}, lr=rate_at(t))
        curve.append((w**2).mean(dim=1))
    return torch.stack(curve, dim=1)


rates = {
    "rate 0.4": lambda t: 0.4,
    "rate 0.04": lambda t: 0.04,
    "rate 0.4 / (1 + 0.4 t)": lambda t: 0.4 / (1 + 0.4 * t),
}
errors = {name: squared_error(rate_at) for name, rate_at in rates.items()}

# %% slideshow={"slide_type": "subslide"} alt-zh="橫軸是步數，縱軸是 w² 的平均，都是對數刻度。學習率 0.4 很快就停在 0.25 左右，0.04 慢一點但停在 0.02 左右，遞減的學習率一路下降到 0.001。" alt-en="Mean squared error against steps, both axes logarithmic. Rate 0.4 soon stays near 0.25, 0.04 takes longer and stays near 0.02, the decreasing rate goes on down to 0.001."
figure, ax = plt.subplots(figsize=(8, 3.2))
for name, curves in errors.items():
    plotting.plot_band(ax, range(1, 1001), curves, name, log=True)
ax.set(xlabel="step t", ylabel="mean of w² (log)", xscale="log")
ax = ax.legend()

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 不會。固定的學習率有一個**雜訊下限**（noise floor）：雜訊的標準差是 σ，一步之後 w ← (1 − η)w − η·雜訊，w² 的平均 V 就變成 (1 − η)²V + η²σ²；V 不再變動時，解得 **V = ησ²/(2 − η)**。σ = 1，學習率 0.4 時是 0.250，0.04 時是 0.0204。
#
# 學習率大，走得快，但下限高；小，走得慢，但下限低。要兩者兼得，學習率就得越來越小（Robbins 與 Monro，1951），這正是[[training_practice]]的學習率排程（schedule）。
#
# **主張 2** 20 組裡的每一組，取最後 300 步的平均：學習率 0.4 的下限是學習率 0.04 的六倍以上；遞減的學習率，又不到 0.04 的五分之一。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# It does not: a constant rate has a **noise floor**. With noise of deviation σ a step is w ← (1 − η)w − η·noise and turns V, the mean of w², into (1 − η)²V + η²σ²; once V no longer changes, **V = ησ²/(2 − η)**. With σ = 1 that is 0.250 at rate 0.4 and 0.0204 at 0.04.
#
# A large rate is quick with a high floor, a small one slow with a low floor. To have both, the rate must shrink (Robbins and Monro, 1951), as the schedules of [[training_practice]] do.
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
# 現在有兩個參數：L = x² + 10y²。沿 x 的曲率是 2，沿 y 是 20。最大與最小曲率的比叫做**條件數**（condition number）κ；這裡 κ = 10。學習率只有一個，兩個方向要共用。
#
# 想一想：上限由哪一個方向決定？走得最慢的又是哪一個？在 Jupyter 裡執行，就有滑桿：把學習率慢慢加到 0.104，看路徑什麼時候上下跳、什麼時候跑出畫面（星號是谷底）。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## A narrow bowl: one direction holds back the other
#
# Now there are two parameters: L = x² + 10y². The curvature is 2 along x and 20 along y. The ratio of the largest to the smallest is the **condition number** κ; here κ = 10. There is one rate, and both directions must share it.
#
# Predict: which direction sets its limit, and which one is the slowest? In Jupyter, move the slider up to 0.104: when does the path zigzag, and when does it leave the picture? (The star is the bottom.)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（4 分鐘）損失 x² + 10y²，兩個方向共用一個學習率。哪一個方向決定學習率的上限，哪一個方向決定要走多久？
#
# - ✓ 陡的（y）決定上限，平的（x）決定要走多久。 *陡的方向最先發散；學習率受它限制，平的方向就走得慢。*
# - ✗ 平的（x）決定上限，陡的（y）決定要走多久。 *以為陡的方向梯度大、難走；其實梯度大的方向最容易衝過頭。*
# - ✗ 兩個方向的平均曲率決定一切。 *各方向各走各的，一個發散，整個就發散。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (4 min) The loss is x² + 10y², and both directions share one rate. Which direction sets the limit on the rate, and which decides how long it takes?
#
# - ✓ The steep one (y) sets the limit, the flat one (x) the time. *The steep direction diverges first; held back by it, the rate is slow along the flat one.*
# - ✗ The flat one (x) sets the limit, the steep one (y) the time. *Takes a large gradient for hard going; where it is large one overshoots most easily.*
# - ✗ The mean curvature of the two decides both. *Each direction goes its own way, and when one diverges, all is lost.*

# %%
curvature = torch.tensor([2.0, 20.0], dtype=torch.float64)


def bowl(point):
    return point[..., 0] ** 2 + 10 * point[..., 1] ** 2


def bowl_gradient(point):
    return curvature * point


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


# %% slideshow={"slide_type": "subslide"} alt-zh="左圖是狹長碗的等高線與學習率 0.09 的路徑：沿 y 上下跳動，沿 x 平順前進。右圖橫軸是步數，縱軸是與 0 的距離（對數刻度）：|x| 與 |y| 都是直線，幾乎平行。" alt-en="Left: contours of the narrow bowl and the path at rate 0.09, jumping up and down along y and moving smoothly along x. Right: |x| and |y| against steps, two nearly parallel straight lines on a log axis."
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
# **陡的方向決定上限**：2/20 = 0.1。**平的方向決定要走多久**：每一步 x 只乘上 1 − 2η。最好的折衷是 η = 1/11 ≈ 0.091，每一步兩個方向都剩下 9/11；κ 越大，折衷就越差。接下來的每一個優化器，都是在對付這件事。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# **The steep direction sets the limit**: 2/20 = 0.1. **The flat direction sets the time**: each step multiplies x by 1 − 2η only. The best compromise, η = 1/11 ≈ 0.091, leaves 9/11 of both after each step; the larger κ, the worse. Every optimizer from here on is an answer to this.

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 動量：記得剛才往哪裡走
#
# 學習率接近上限時，陡的方向上，梯度一下正、一下負；平的方向上，梯度一直同號。把過去的梯度加起來，前者互相抵消，後者越積越多。這就是**動量**（Polyak，1964），v 叫做速度（velocity）：
#
# v ← βv + g，θ ← θ − ηv
#
# β = 0.9 時，一路同號的梯度最後會累積成 1 + 0.9 + 0.81 + … = 10 倍。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Momentum: remember where you were going
#
# Near the limit, the gradient along the steep direction changes sign at every step; along the flat one it keeps it. Add up past gradients, and the former cancel while the latter pile up: **momentum** (Polyak, 1964), with the velocity v:
#
# v ← βv + g, θ ← θ − ηv
#
# With β = 0.9 a steady gradient piles up to 1 + 0.9 + 0.81 + … = 10 times its size.


# %% saved="optimizers"
def momentum_step(param, grad, state, lr, momentum=0.9):
    state["velocity"] = momentum * state.get("velocity", 0) + grad
    return param - lr * state["velocity"]


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 兩種寫法，一樣嗎？
#
# 很多講義這樣寫：v ← γv + ηg，θ ← θ − v，學習率乘在**速度裡面**。
#
# 想一想：學習率不變時，兩者一樣嗎？訓練到一半把學習率砍成十分之一呢？

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### Two ways to write it: are they the same?
#
# Many lecture notes write v ← γv + ηg, θ ← θ − v, with the rate **inside the velocity**.
#
# Predict: do they agree while the rate is constant? And when it is cut to a tenth halfway?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（5 分鐘）動量有兩種寫法：學習率乘在速度外面（PyTorch），或乘在速度裡面。訓練到一半，學習率砍成十分之一，接下來會怎樣？
#
# - ✗ 兩種完全相同，只是把 η 移項而已。 *只有學習率不變時才成立。*
# - ✗ PyTorch 的寫法會照舊的步長再滑行一陣子。 *弄反了：乘在外面的學習率，一改就立刻作用在整個速度上。*
# - ✓ 乘在裡面的寫法會照舊的步長再滑行一陣子。 *速度裡累積的是舊的 η 乘上梯度，要十步左右才忘掉。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (5 min) Momentum can be written with the rate outside the velocity (PyTorch) or inside it. Halfway through, the rate is cut to a tenth. What happens next?
#
# - ✗ Both do exactly the same, η has only been moved. *True only while the rate is constant.*
# - ✗ PyTorch's version coasts on with its old steps for a while. *The wrong way round: a rate outside acts on the whole velocity at once.*
# - ✓ The version with the rate inside coasts on with its old steps for a while. *Its velocity is made of gradients times the old η, and takes some ten steps to forget.*


# %%
def rate_inside_step(param, grad, state, lr, momentum=0.9):
    state["velocity"] = momentum * state.get("velocity", 0) + lr * grad
    return param - state["velocity"]


def step_lengths(step, start, rate_at, num_steps=60):
    point, state, lengths = start, {}, []
    for t in range(num_steps):
        moved = step(point, bowl_gradient(point), state, lr=rate_at(t))
        lengths.append((moved - point).norm(dim=-1))
        point = moved
    return torch.stack(lengths, dim=-1)


# %% alt-zh="橫軸是步數，縱軸是步長（對數刻度），畫出 20 個起點的平均與區間。第 20 步，學習率砍成十分之一：PyTorch 的步長立刻變得很短；學習率在速度裡的寫法，步長起初幾乎沒變，之後起伏下降，大多比較長。" alt-en="Step length against step, mean and band over 20 starts. At step 20 the rate is cut to a tenth: PyTorch's steps become short at once; with the rate inside the velocity they hardly change at first, then rise and fall, and are mostly longer." slideshow={"slide_type": "subslide"}
random_points = seeding.generator(0)
starts = 10 * torch.rand(20, 2, generator=random_points, dtype=torch.float64) - 5
formulas = {"rate outside (PyTorch)": momentum_step, "rate inside": rate_inside_step}
cut = {
    name: step_lengths(step, starts, lambda t: 0.02 if t < 20 else 0.002)
    for name, step in formulas.items()
}

figure, ax = plt.subplots(figsize=(8, 3.2))
for name, lengths in cut.items():
    plotting.plot_band(ax, range(60), lengths, name, log=True)
ax.axvline(19.5, color="gray", linewidth=1)
ax.set(xlabel="step (the rate falls to a tenth at step 20)", ylabel="length of step (log)")
ax = ax.legend()

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 學習率在裡面的話，速度「記得」舊的學習率，還會滑行一陣子，大約 1/(1 − β) = 10 步才忘掉。
#
# **主張 3** 學習率固定時，兩種寫法必然走出同樣的每一步（相差不到 10⁻¹⁰，只剩捨入誤差，rounding error）；學習率砍成十分之一後的第一步，不論從 20 個起點的哪一個出發，「學習率在裡面」的步長都是 PyTorch 的四倍以上。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# With the rate inside, the velocity "remembers" the old rate and coasts on; forgetting takes about 1/(1 − β) = 10 steps.
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
# 另一條路：讓每個參數的梯度除以**自己的**大小。v 記錄梯度平方的移動平均（moving average），√v 就是最近的典型大小：這是這個參數自己的一把尺（Tieleman 與 Hinton，2012）。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## RMSprop: a ruler for each parameter
#
# Another way: divide each parameter's gradient by **its own** size. v is a running mean of the squared gradient, and √v the typical size of late: this parameter's own ruler (Tieleman and Hinton, 2012).

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（4 分鐘）一個參數的梯度一直在 1000 左右，另一個在 0.001 左右。用 RMSprop，哪一個每一步走得比較遠？
#
# - ✗ 梯度 1000 的那一個，遠一百萬倍。 *那是 SGD；RMSprop 把梯度除以自己的大小。*
# - ✓ 差不多一樣遠。 *每個參數的梯度都除以自己最近的典型大小，單位就約掉了。*
# - ✗ 梯度 0.001 的那一個，因為除以小的數。 *只看了分母；分子也一樣小。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (4 min) One parameter's gradients are around 1000, another's around 0.001. With RMSprop, which goes farther in a step?
#
# - ✗ The one with 1000, a million times as far. *That is SGD; RMSprop divides a gradient by its own size.*
# - ✓ Both go about as far. *Each gradient is divided by its own typical size of late, and the unit cancels.*
# - ✗ The one with 0.001, since it is divided by a small number. *Looks at the denominator alone; the numerator is just as small.*


# %% saved="optimizers"
def rmsprop_step(param, grad, state, lr, alpha=0.99, eps=1e-8):
    state["v"] = alpha * state.get("v", 0) + (1 - alpha) * grad**2
    return param - lr * grad / (state["v"].sqrt() + eps)


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### Adam：動量除以自己的尺
#
# Adam（Kingma 與 Ba，2015）把兩者合起來：m 是梯度的移動平均（動量），v 是梯度平方的移動平均，再加上**偏差修正**（bias correction）：兩個平均都從 0 開始，一開始都太小，所以除以 1 − βᵗ。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### Adam: momentum over that ruler
#
# Adam (Kingma and Ba, 2015) joins the two: m is a running mean of the gradient (momentum), v one of its square, and a **bias correction** is added: both means start at 0 and are too small at first, so they are divided by 1 − βᵗ.


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
# **權重衰減**讓每個權重每一步都縮小一點點。AdamW（Loshchilov 與 Hutter，2019）直接縮小參數，完全不經過梯度。
#
# 真正的模型有很多個參數張量。`apply_step` 讓每一個用**自己的**梯度和**自己的** `state` 走一步：

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### AdamW: shrink a little, then step as Adam
#
# **Weight decay** makes every weight a little smaller at each step. AdamW (Loshchilov and Hutter, 2019) shrinks the parameter itself, and the gradient knows nothing of it.
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
# 兩個一模一樣的小網路、同樣的 100 個批次（batch），一個用我們的規則，一個用 `torch.optim`，最後比較所有的權重。
#
# **主張 4** 五種規則各走 100 步之後，每個權重都與 `torch.optim` 算出來的相差不到 10⁻⁶。公式相同，這必然成立。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Equal to torch.optim?
#
# Two identical small networks, the same 100 batches; one uses our rule, the other `torch.optim`; at the end all weights are compared.
#
# **Claim 4** After 100 steps of each of the five rules, every weight is within 10⁻⁶ of `torch.optim`. The formulas are the same, so this must hold.

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（3 分鐘）兩個優化器公式相同，只是運算順序不同，用 float64 走 100 步。兩邊的權重會差多少？
#
# - ✗ 完全相同，一個位元都不差。 *浮點數的加法順序不同，捨入就不同。*
# - ✗ 約百分之一，因為誤差每一步都放大。 *一百步的捨入誤差還很小；差到這麼多，就是公式不同。*
# - ✓ 只差捨入誤差那麼大，遠小於 10⁻⁶。 *float64 有十六位左右的精確度。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (3 min) Two optimizers have the same formula and compute it in another order, for 100 steps in float64. How far apart are the weights?
#
# - ✗ Not at all, bit for bit. *With floating-point numbers another order of operations rounds otherwise.*
# - ✗ About a hundredth, since errors grow with each step. *Rounding over a hundred steps is still tiny; a gap like that means another formula.*
# - ✓ By rounding only, far below 10⁻⁶. *float64 holds some sixteen digits.*

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
gaps = {name: largest_gap(step, cls, **settings) for name, (step, cls, settings) in pairs.items()}
for name, gap in gaps.items():
    print(f"{name:9s} largest gap of any weight after 100 steps: ≈{gap:.0e}")
claim(4, all(gap < 1e-6 for gap in gaps.values()))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 沒有偏差修正的 Adam
#
# m 和 v 都從 0 開始，前幾步都太小。把修正拿掉，梯度固定不變。
#
# 先猜：前幾步會**太小**（因為 m 太小），還是**太大**？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Adam without bias correction
#
# m and v both start at 0 and are too small at first. Take the correction away, and hold the gradient constant.
#
# Predict: will the first steps be **too small** (because m is), or **too large**?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（4 分鐘）Adam 的 m 和 v 都從 0 開始（β 為 0.9 與 0.999）。拿掉偏差修正，前幾步會怎樣？
#
# - ✗ 太小，因為 m 從 0 開始。 *只看了分子；分母的 √v 也太小，而且小得更多。*
# - ✗ 不變，兩個偏差剛好抵消。 *只有兩個衰減率配得剛好才會抵消；0.9 與 0.999 差得遠。*
# - ✓ 太大，因為分母 √v 比分子 m 更偏小。 *第一步 m = 0.1g，√v ≈ 0.032g，相除約 3.2。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (4 min) Adam's m and v both start at 0 (β of 0.9 and 0.999). Without bias correction, what are the first steps like?
#
# - ✗ Too small, since m starts at 0. *Looks at the numerator alone; √v below it is too small as well, and by more.*
# - ✗ As they should be, the two biases cancel. *They would for two decay rates that match; 0.9 and 0.999 are far apart.*
# - ✓ Too large, since √v below falls short by more than m above. *In the first step m = 0.1g and √v ≈ 0.032g, a ratio of about 3.2.*


# %%
def uncorrected_step(param, grad, state, lr, betas=(0.9, 0.999), eps=1e-8):
    state["m"] = betas[0] * state.get("m", 0) + (1 - betas[0]) * grad
    state["v"] = betas[1] * state.get("v", 0) + (1 - betas[1]) * grad**2
    return param - lr * state["m"] / (state["v"].sqrt() + eps)


def steps_in_rates(step, gradients, num_steps=3000, lr=0.001):
    return -descend(step, lambda _: gradients, 0 * gradients, num_steps, lr=lr).diff(dim=0) / lr


# %% slideshow={"slide_type": "subslide"}
gradients = torch.tensor([0.001, 1.0, 1000.0], dtype=torch.float64)
lengths = {
    "with correction": steps_in_rates(adam_step, gradients),
    "without": steps_in_rates(uncorrected_step, gradients),
}

# %% alt-zh="橫軸是步數（對數刻度），縱軸是步長除以學習率。有修正的 Adam 一直是 1；沒有修正的從 3.2 開始，第 12 步達到 6.6，幾千步後才回到 1。" alt-en="Step length divided by the rate against steps, on a log axis of steps. Corrected Adam stays at 1; without correction it begins at 3.2, peaks at 6.6 at step 12, and needs thousands of steps to return to 1." slideshow={"slide_type": "subslide"}
figure, ax = plt.subplots(figsize=(8, 3.0))
for name, length in lengths.items():
    ax.semilogx(range(1, 3001), length[:, 1], label=name)
ax.set(xlabel="step (log)", ylabel="length of step / rate", ylim=(0, 7))
ax = ax.legend()

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# **太大！** 第一步的 m 只有 0.1g，但分母的 √v 更小：√0.001 g ≈ 0.032g，相除得 3.2；分母要幾千步才跟上來。
#
# 有修正的第一步，步長等於學習率，梯度是 0.001、1 還是 1000 都一樣。梯度穩定時，Adam 的學習率差不多就是「每一步走多遠」，與損失的單位無關。
#
# **主張 5** 三種大小的梯度，結果都相同；這是算術，必然成立。有修正時，第一步的步長等於學習率（相差不到 0.1%）；沒有修正時，第一步超過學習率的 3 倍，最大的一步超過 6 倍，到第 1000 步仍超過 1.2 倍。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# **Too large!** At the first step m is only 0.1g, but √v below it is smaller still, √0.001 g ≈ 0.032g; and it takes thousands of steps to catch up.
#
# The corrected first step is one rate long for gradients of 0.001, 1 and 1000 alike: Adam's rate is, roughly, "how far a step goes", whatever the unit of the loss.
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
# 常見的示範是這樣：在 x² + 10y² 上，從 (5, 5) 出發走 100 步，SGD 與動量用學習率 0.01，Adam 用 0.1，看誰的損失最低。先猜名次。再想想：這樣比，比的是優化器，還是學習率？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## An unfair race
#
# A common demonstration: on x² + 10y², from (5, 5), 100 steps; SGD and momentum at rate 0.01, Adam at 0.1; who ends with the lowest loss? Guess the order. Then ask: does this compare optimizers, or rates?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（4 分鐘）一份教材在 x² + 10y² 上比較：SGD 用學習率 0.01、動量用 0.01、Adam 用 0.1，結果 SGD 墊底。可以下什麼結論？
#
# - ✗ SGD 最慢，所以才有後來的優化器。 *0.01 離 SGD 能用的上限 0.1 很遠；換成自己最好的學習率，它勝過 β = 0.9 的動量。*
# - ✓ 什麼也不能：每一個都還沒有用自己最好的學習率。 *名次可能只反映學習率挑得好不好。*
# - ✗ 只要三個都改用 0.01，就公平了。 *同一個數字對三者的意義不同；相同不等於公平。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (4 min) A course compares on x² + 10y²: SGD at rate 0.01, momentum at 0.01, Adam at 0.1; SGD comes last. What follows?
#
# - ✗ SGD is the slowest, which is why the others were invented. *0.01 is far below the 0.1 that SGD could bear; at its best rate it beats momentum with β = 0.9.*
# - ✓ Nothing: none of them ran at its own best rate. *The order may only show how well the rates were picked.*
# - ✗ With 0.01 for all three it would be fair. *The same number means different things to the three; equal is not fair.*

# %% slideshow={"slide_type": "subslide"} alt-zh="左圖橫軸是步數，縱軸是損失（對數刻度）：100 步後動量最低，Adam 次之，SGD 最高。右圖是等高線上的三條路徑：SGD 先落到 y = 0 的谷線，再沿著它慢慢走，動量繞圈，Adam 斜斜走直線。" alt-en="Left: loss against steps on a log axis; after 100 steps momentum is lowest, then Adam, SGD highest. Right: three paths on the contours; SGD drops to the valley floor and crawls, momentum swings around, Adam cuts straight across."
demonstration = {
    "SGD, rate 0.01": (sgd_step, {"lr": 0.01}),
    "momentum 0.9, rate 0.01": (momentum_step, {"lr": 0.01}),
    "Adam, rate 0.1": (adam_step, {"lr": 0.1}),
}


def race(entries, start):
    return {n: descend(step, bowl_gradient, start, **s) for n, (step, s) in entries.items()}


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
# SGD 在這裡可以用到將近 0.1，剛才只給它 0.01。讓每一個都把學習率從 0.001 掃到 10，β 維持預設，從 20 個隨機起點出發；規則是逐元素（element-wise）的，所以所有的學習率放進同一個張量，一次算完。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### Every one of them at every rate
#
# SGD can go up to almost 0.1 here, and it was given 0.01. Let each sweep the rate from 0.001 to 10, the β at their defaults, from 20 random starts; the rules work element by element, so all rates run at once in one tensor.

# %%
sweep = torch.logspace(-3, 1, 81, dtype=torch.float64)  # twenty rates a decade


def final_losses(step, starts, rates, loss=bowl, gradient=bowl_gradient, num_steps=100, **options):
    path = descend(step, gradient, starts[:, None], num_steps, lr=rates[:, None], **options)
    return loss(path[-1]).nan_to_num(nan=1e9).clamp(1e-300, 1e9)  # (starts, rates)


rules = {"SGD": sgd_step, "momentum": momentum_step, "RMSprop": rmsprop_step, "Adam": adam_step}
finals = {name: final_losses(step, starts, sweep) for name, step in rules.items()}

# %% slideshow={"slide_type": "subslide"} alt-zh="橫軸是學習率，縱軸是 100 步後的損失（20 個起點的幾何平均），都是對數刻度。SGD 在 0.09 附近有一個又深又窄的谷，低到 10 的負 17 次方，接著立刻發散；動量與 Adam 的谷寬而淺；RMSprop 過了 0.06 就掉到圖外。" alt-en="Loss after 100 steps against the rate, log axes, geometric mean over 20 starts. SGD has a deep, narrow valley near 0.09, down to 1e-17, and then diverges at once; momentum and Adam have wide, shallow valleys; RMSprop drops out of the picture beyond 0.06."
figure, ax = plt.subplots(figsize=(8.5, 3.4))
for name, losses in finals.items():
    plotting.plot_band(ax, sweep, losses, name, log=True)
ax.set(xlabel="rate (log)", ylabel="loss after 100 steps (log)", xscale="log", ylim=(1e-20, 1e6))
ax = ax.legend(ncols=2, fontsize=9)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 在自己最好的學習率（約 0.09），**SGD 勝過 β = 0.9 的動量，也勝過預設 β 的 Adam**。動量和 Adam 的好處在別處：只求損失低於 0.01，能用的學習率範圍寬得多。
#
# **主張 6** 用示範的設定，20 個起點中至少有 15 個是 SGD 墊底。改讓每個優化器都用自己最好的學習率、β 維持 0.9，從 20 個起點出發都是 SGD 勝過動量與 Adam，損失不到它們的百萬分之一。
#
# **主張 7** 能讓損失（20 個起點的幾何平均）降到 0.01 以下的學習率有一個範圍；它的最大值與最小值之比，動量與 Adam 都是 SGD 的三倍以上。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# At its own best rate (about 0.09), **SGD beats momentum with β = 0.9, and Adam with its default β**. Momentum and Adam have another virtue: to get below 0.01, far more rates will do.
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
# 所以動量沒有用？還沒有調 β。現在四位選手都用自己最好的設定：都掃學習率，動量還掃 β，RMSprop 還掃 α，Adam 還掃兩個 β。在一百個起點上**選設定**，換另外一百個**比賽**。
#
# 猜猜看：誰會贏？動量選到的 β，會比 0.9 這個到處都看得到的值大還是小？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## A fair race: β is tuned as well
#
# So is momentum useless? Its β has not been tuned yet. Now all four run at their own best: all sweep the rate, momentum also β, RMSprop α, Adam both β. The **settings are chosen** on a hundred starts, and the **race is run** from a hundred others.
#
# Guess: who wins? And will momentum's β come out above or below 0.9, the value seen everywhere?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（5 分鐘）動量的 β = 0.9 到處可見。條件數只有 10 的碗上，每個 β 都用自己最好的學習率，結果如何？
#
# - ✗ 0.9 最好，不然大家不會用它。 *預設值是為更狹長的損失選的，不是為每一個問題。*
# - ✗ β 越大越好，記得越久，走得越快。 *記得太久會一直衝過頭再繞回來。*
# - ✓ 0.9 太大：較小的 β 好得多，連 0 都勝過它。 *這個碗要的 β 約 0.3；曲率差得越多，最好的 β 才越大。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (5 min) β = 0.9 is seen everywhere. On a bowl of condition number 10, with the best rate for each β, how does it do?
#
# - ✗ 0.9 is best, or else nobody would use it. *The default was chosen for far narrower losses, and not for every problem.*
# - ✗ The larger β the better: a longer memory is faster. *A memory that is too long overshoots and swings back.*
# - ✓ 0.9 is too large: smaller β do far better, and even 0 beats it. *This bowl wants about 0.3; the best β grows with the condition number.*


# %%
def tuned(step, options, starts, **problem):  # the settings with the lowest mean log loss
    losses = [final_losses(step, starts, sweep, **problem, **o).log10().mean(0) for o in options]
    index = int(torch.stack([loss.min() for loss in losses]).argmin())
    return {"lr": float(sweep[losses[index].argmin()]), **options[index]}


pair = 10 * torch.rand(2, 100, 2, generator=random_points, dtype=torch.float64) - 5
tuning_starts, new_starts = pair

# %%
betas = [round(0.05 * k, 2) for k in range(20)]
adam_betas = [(b1, b2) for b1 in (0.0, 0.2, 0.4, 0.6, 0.8, 0.9) for b2 in (0.9, 0.99, 0.999)]
grids = {
    "SGD": (sgd_step, [{}]),
    "momentum": (momentum_step, [{"momentum": beta} for beta in betas]),
    "RMSprop": (rmsprop_step, [{"alpha": alpha} for alpha in (0.9, 0.99)]),
    "Adam": (adam_step, [{"betas": pair} for pair in adam_betas]),
}
best_steps = {
    name: (step, tuned(step, options, tuning_starts)) for name, (step, options) in grids.items()
}
races = race(best_steps, new_starts)

# %% slideshow={"slide_type": "subslide"} alt-zh="左圖橫軸是步數，縱軸是一百個新起點的損失（對數刻度）：RMSprop 起初飛到最高，之後掉得最陡，最後最低；動量次之，接著是區間最寬的 Adam，SGD 最高。右圖是從 (5, 5) 出發的路徑：動量先衝過頭，很快就到谷底；RMSprop 第一步就飛出畫面。" alt-en="Left: loss against steps from a hundred new starts, log axis; RMSprop first shoots up, then falls most steeply and ends lowest; then momentum, then Adam with the widest band, SGD highest. Right: paths from (5, 5); momentum overshoots and soon is at the bottom, RMSprop leaves the picture in its first step."
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.3), width_ratios=[1.3, 1])
for name, path in races.items():
    plotting.plot_band(left, range(101), bowl(path).T, name, log=True)
left.set(xlabel="step", ylabel="loss (log)")
left.legend()
right = draw_paths(right, race(best_steps, torch.tensor([5.0, 5.0], dtype=torch.float64)))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 動量（β 只要 0.3 左右：記得太久會衝過頭）勝過 SGD，但**最快的是 RMSprop**，還快得離譜。它用了極大的學習率：頭幾步飛得老遠，把每把尺撐開，各配各的軸的曲率，彷彿 κ = 1。這是真本事，還是這個碗剛好擺正了？
#
# **主張 8** 不論從一百個新起點的哪一個出發，動量的損失都不到 SGD 的 10⁻¹⁵ 倍，RMSprop 的又不到動量的 10⁻³⁰ 倍。平均起來，動量的 log₁₀ 損失低於 Adam：成對差（動量減 Adam）的 95% 信賴區間整個在 0 以下。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# Momentum beats SGD (with a β of about 0.3: a longer memory overshoots), but **RMSprop is fastest of all**, absurdly so. At a huge rate its first steps fly far off and stretch each ruler to fit the curvature of its axis, as if κ were 1. Is that skill, or does this bowl just happen to stand straight?
#
# **Claim 8** From every one of the hundred new starts momentum's loss is below 10⁻¹⁵ of SGD's, and RMSprop's below 10⁻³⁰ of momentum's. On average momentum's log₁₀ loss is below Adam's: the paired difference, momentum minus Adam, has its 95 % confidence interval below 0.

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
in_order = (ends["RMSprop"] < ends["momentum"] - 30) & (ends["momentum"] < ends["SGD"] - 15)
claim(8, bool(in_order.all()) and ahead.high < 0)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 碗越狹長，要多走幾步？
#
# 條件數從 3 到 1000，SGD 與動量都用理論上最好的設定。數一數：距離縮小到百萬分之一要幾步。
#
# 猜猜看：κ 變成 100 倍，步數也變成 100 倍嗎？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## The narrower the bowl, how many more steps?
#
# Condition numbers from 3 to 1000; SGD and momentum at the settings that theory calls best. Count the steps until the distance is a millionth of what it was.
#
# Predict: with κ a hundred times as large, are there a hundred times as many steps?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（4 分鐘）碗的條件數 κ 變成 100 倍，SGD 和動量都用理論上最好的設定。到達同樣的精確度，步數變成幾倍？
#
# - ✗ 兩者都是 100 倍左右。 *SGD 是，動量不是：它只隨 √κ 增加。*
# - ✓ SGD 約 100 倍，動量約 10 倍。 *SGD 的步數與 κ 成正比，動量大致與 √κ 成正比。*
# - ✗ 都不變，調好學習率就夠了。 *學習率只有一個，平的方向還是被陡的方向拖累。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (4 min) The condition number κ grows a hundredfold; SGD and momentum each have the settings that theory calls best. How many times as many steps does the same accuracy take?
#
# - ✗ About 100 times for both. *For SGD, yes; momentum's steps grow with √κ only.*
# - ✓ About 100 times for SGD, about 10 times for momentum. *SGD's steps grow with κ, momentum's roughly with √κ.*
# - ✗ No more for either, once the rate is tuned. *There is one rate, and the flat direction is still held back by the steep one.*


# %%
def count_steps(step, curvatures, **settings):  # for 20 starts and each bowl
    point = torch.randn(20, *curvatures.shape, generator=random_points, dtype=torch.float64)
    goal, state = 1e-6 * point.norm(dim=-1), {}
    steps = torch.zeros_like(goal)
    while (point.norm(dim=-1) > goal).any():
        steps += point.norm(dim=-1) > goal
        point = step(point, curvatures * point, state, **settings)
    return steps


# %% alt-zh="橫軸是條件數，縱軸是步數，都是對數刻度。兩條直線：SGD 的斜率是 1，動量約 0.5；κ 為 1000 時，SGD 約 6,900 步，動量約 310 步。" alt-en="Steps against condition number, log axes, two straight lines: SGD with slope 1, momentum with slope about 0.5; at κ = 1000 about 6900 steps against 310." slideshow={"slide_type": "subslide"}
kappa = torch.tensor([3.0, 10, 30, 100, 300, 1000], dtype=torch.float64)
bowls, root = torch.stack([torch.ones(6), kappa], dim=-1), kappa.sqrt()[:, None]
steps = {
    "SGD": count_steps(sgd_step, bowls, lr=2 / (1 + root**2)),
    "momentum": count_steps(
        momentum_step, bowls, lr=4 / (1 + root) ** 2, momentum=((root - 1) / (root + 1)) ** 2
    ),
}

figure, ax = plt.subplots(figsize=(8, 3.2))
for (name, counts), marker in zip(steps.items(), "os", strict=True):
    plotting.plot_band(ax, kappa, counts, name, log=True, marker=marker)
ax.set(xlabel="condition number κ (log)", ylabel="steps to a millionth (log)", xscale="log")
ax = ax.legend()

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# SGD 的步數與 **κ** 成正比，動量大致只與 **√κ** 成正比：κ = 1000 時只要二十分之一左右。網路的損失在各方向的曲率常差好幾個數量級，動量的價值就在這裡（Sutskever 等人，2013）。（Nesterov 的變形是練習 2。）
#
# **主張 9** 步數與 κ 都取對數，κ 從 10 到 1000，不論從哪個起點出發，SGD 的斜率都在 0.9 到 1.1 之間，動量的都在 0.4 到 0.65 之間。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# SGD's steps grow with **κ**, momentum's roughly with **√κ** only: at κ = 1000 it needs about a twentieth. Networks are often curved by orders of magnitude more in one direction than in another, and there lies the worth of momentum (Sutskever et al., 2013). (A variant, Nesterov's, is exercise 2.)
#
# **Claim 9** From κ = 10 to 1000, the slope on log axes lies between 0.9 and 1.1 for SGD and between 0.4 and 0.65 for momentum, from every start.

# %%
log_kappa = kappa[1:].log().numpy()
slopes = {n: np.polyfit(log_kappa, c[:, 1:].log().T.numpy(), deg=1)[0] for n, c in steps.items()}
for name, slope in slopes.items():
    print(f"slope of {name}: {mean_interval(slope):.3f}")
bounds = {"SGD": (0.9, 1.1), "momentum": (0.4, 0.65)}
claim(9, all(low < slopes[n].min() and slopes[n].max() < high for n, (low, high) in bounds.items()))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 把碗轉一個角度
#
# 同一個碗、同樣的起點，只是整張圖轉 22.5° 與 45°。每一個角度，每個優化器都重新調過。
#
# 想一想：哪些優化器會受影響？哪些根本看不出碗轉過？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Turn the bowl
#
# The same bowl and starts, only the whole picture is turned by 22.5° and 45°. At each angle every optimizer is tuned anew.
#
# Predict: who minds, and who cannot even tell that the bowl was turned?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（5 分鐘）狹長的碗原本與座標軸對齊，現在轉了 45°。哪些優化器會變差？
#
# - ✗ 都會，因為路徑變斜了。 *SGD 和動量只用到梯度這個向量，整張圖一起轉，它們的路徑就跟著轉。*
# - ✗ SGD 和動量，因為它們沒有每個參數自己的尺。 *正因為沒有尺，座標軸轉到哪裡對它們都一樣。*
# - ✓ RMSprop 和 Adam，因為它們的尺沿著座標軸。 *碗斜了，座標軸的方向就不再是曲率的方向，尺幫不上忙。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (5 min) A narrow bowl, aligned with the axes, is turned by 45°. Which optimizers do worse?
#
# - ✗ All of them, since the paths become slanted. *SGD and momentum use the gradient as a vector only; turn the whole picture and their paths turn with it.*
# - ✗ SGD and momentum, since they have no ruler for each parameter. *Just because they have none, it is all the same to them where the axes point.*
# - ✓ RMSprop and Adam, since their rulers lie along the axes. *In a slanted bowl the axes are no longer the directions of curvature, and the rulers do not help.*


# %%
def when_turned(step, degrees, options):  # log10 of the final loss from each new start
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    turn = torch.tensor([[cos, sin], [-sin, cos]])
    turned_bowl = {
        "loss": lambda point: bowl(point @ turn.T),
        "gradient": lambda point: bowl_gradient(point @ turn.T) @ turn,
    }
    found = tuned(step, options, tuning_starts @ turn, **turned_bowl)
    rate = torch.tensor([found.pop("lr")])
    return final_losses(step, new_starts @ turn, rate, **turned_bowl, **found)[:, 0].log10()


# %% alt-zh="橫軸是轉動的角度，縱軸是最好設定下 100 步後損失的 log10。SGD 約 −17、動量約 −51，兩條都是水平線；Adam 從約 −32 升到約 −15，RMSprop 從約 −110 升到約 −15。" alt-en="log10 of the loss after 100 steps at the best settings, against the angle. SGD at -17 and momentum at -51 are level lines; Adam rises from about -32 to about -15, RMSprop from about -110 to about -15." slideshow={"slide_type": "subslide"}
angles = [0, 22.5, 45]
turned = {
    name: torch.stack([when_turned(step, angle, options) for angle in angles], dim=1)
    for name, (step, options) in grids.items()
}

figure, ax = plt.subplots(figsize=(8, 3.0))
for (name, losses), marker in zip(turned.items(), "os^D", strict=True):
    plotting.plot_band(ax, angles, losses, name, marker=marker)
ax.set(xlabel="angle (degrees)", ylabel="log10 of final loss", xticks=angles)
ax = ax.legend(ncols=2, fontsize=9)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# SGD 和動量只認得梯度這支箭，碗怎麼轉都一樣。Adam 和 RMSprop 是**沿著座標軸**量的；轉到 45°，尺就幫不上忙。座標軸在網路裡有意義嗎？只能量。
#
# **主張 10** 碗轉到 45° 之後，SGD 與動量必然不變（log₁₀ 損失變動不到 0.01）。不論從哪個起點出發，RMSprop 的損失都至少變成 10³⁰ 倍，四者之中都是動量最低。Adam 隨起點而不同，平均變差：log₁₀ 損失的成對差（45° 減 0°），95% 信賴區間整個在 0 以上。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# To SGD and momentum, which know only the arrow of the gradient, a turned bowl is the same bowl. Adam and RMSprop measure **along the axes**; at 45° their rulers are no help. Do the axes mean anything in a network? It has to be measured.
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
# ## 鞍點：往上也往下的地方
#
# L = ½x² − ½y² + ¼y⁴ 在原點沿 x 是谷、沿 y 是峰，梯度卻是 0：這叫**鞍點**（saddle point）。參數很多的時候，一般認為它比不好的谷底更麻煩（Dauphin 等人，2014）。真正的谷底在 y = ±1。
#
# 從 x = 1 出發，y 只偏離稜線一點點，從 10⁻¹ 到 10⁻¹²。猜猜看：偏離小一千倍，離開鞍點要多走幾倍的步數？剛好在稜線上（y = 0）呢？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## A saddle: up one way, down another
#
# At the origin, L = ½x² − ½y² + ¼y⁴ is a valley along x and a peak along y, and yet the gradient is 0: a **saddle point**. In high dimensions they are thought to be a greater trouble than bad minima (Dauphin et al., 2014). The true bottoms are at y = ±1.
#
# Start at x = 1, with y off the ridge by only 10⁻¹ to 10⁻¹². Predict: a thousand times nearer, how many times as many steps does it take to leave? And from y = 0 exactly?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（5 分鐘）從鞍點旁邊出發，離稜線只有 10⁻¹²。為什麼 SGD 要走很久才離開，Adam 卻幾步就離開了？
#
# - ✗ Adam 的學習率比較大。 *兩者用同樣的學習率，也是這樣。*
# - ✓ SGD 的步長與微小的梯度成正比，Adam 把梯度除以它自己的大小。 *再小的梯度，只要不是 0，除以自己的大小之後都是 1 左右。*
# - ✗ Adam 的動量帶它衝過稜線。 *只有動量也快不了多少；關鍵是除以自己的尺。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (5 min) From beside a saddle, only 10⁻¹² off the ridge, SGD takes long to leave and Adam a few steps. Why?
#
# - ✗ Adam has the larger rate. *It is so with the same rate for both.*
# - ✓ SGD's step is in proportion to the tiny gradient; Adam divides the gradient by its own size. *However small, unless it is 0, a gradient over its own size is about 1.*
# - ✗ Adam's momentum carries it across the ridge. *Momentum alone helps little; what counts is the ruler.*


# %% slideshow={"slide_type": "subslide"} alt-zh="橫軸是起點離稜線的距離（對數刻度），縱軸是離開鞍點的步數。SGD 從 10 的負 1 次方的 19 步，直線上升到 10 的負 12 次方的 284 步；動量的直線平緩得多，到 100 步；RMSprop 與 Adam 幾乎是水平的，都在十步以內。" alt-en="Steps until the saddle is left against the distance from the ridge at the start, log axis. SGD rises in a straight line from 19 steps at 1e-1 to 284 at 1e-12; momentum's line is flatter and reaches 100; RMSprop and Adam are almost level, below ten steps."
def saddle_gradient(point):
    x, y = point[..., 0], point[..., 1]
    return torch.stack([x, y**3 - y], dim=-1)


offsets = torch.logspace(-1, -12, 12, dtype=torch.float64)
beside = torch.stack([torch.ones(12, dtype=torch.float64), offsets], dim=-1)
figure, ax = plt.subplots(figsize=(8, 3.0))
steps_to_leave = {}
for (name, step), marker in zip(rules.items(), "os^D", strict=True):
    path = descend(step, saddle_gradient, beside, 400, lr=0.1)
    steps_to_leave[name] = (path[..., 1].abs() > 0.5).int().argmax(dim=0)
    ax.semilogx(offsets, steps_to_leave[name], marker=marker, label=name)
ax.set(xlabel="distance from the ridge at the start (log)", ylabel="steps until |y| > 0.5")
ax = ax.legend()

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# SGD 每一步都把 y 放大成大約 1 + η 倍，所以偏離每小十倍，就**多**走同樣的步數。Adam 與 RMSprop 把微小的梯度除以它自己的大小，走的是學習率那麼大的一步。剛好在稜線上，誰都出不去；真正的訓練裡，雜訊會推一把。
#
# **主張 11** 學習率都是 0.1，沒有亂數，所以必然如此：偏離從 10⁻³ 到 10⁻¹²，每小十倍，SGD 都多走 23 到 26 步；動量的步數都不到 SGD 的一半；RMSprop 與 Adam 從哪裡出發都在 10 步以內；從 y = 0 出發，四個都停在稜線上。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# Every step of SGD makes y larger by a factor of about 1 + η, so each tenth of the distance **adds** the same number of steps. Adam and RMSprop divide the tiny gradient by its own size, and step as far as the rate says. On the ridge itself nobody leaves; in training, noise gives the push.
#
# **Claim 11** At rate 0.1, with nothing random, this must hold: from 10⁻³ to 10⁻¹² each tenth of the distance costs SGD 23 to 26 steps more; momentum takes fewer than half of SGD's, RMSprop and Adam at most 10; from y = 0 all four stay.

# %%
more = steps_to_leave["SGD"].diff()[2:]
is_quick = all(int(steps_to_leave[name].max()) <= 10 for name in ("RMSprop", "Adam"))
half = bool((2 * steps_to_leave["momentum"] < steps_to_leave["SGD"]).all())
ridge = torch.tensor([1.0, 0.0], dtype=torch.float64)
stay = [descend(step, saddle_gradient, ridge, 400, lr=0.1)[:, 1] for step in rules.values()]
print("more steps for a tenth of the distance, SGD:", more.tolist())
claim(
    11, bool(((more >= 23) & (more <= 26)).all()) and half and is_quick and not any(map(any, stay))
)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 彎曲的山谷
#
# Rosenbrock（1960）的山谷 L = (1 − x)² + 100(y − x²)²，谷線沿著拋物線 y = x² 彎過去，最低點在 (1, 1)。從 (−1.2, 1) 附近出發走 300 步，四位選手和剛才一樣調、一樣換起點比。
#
# 想一想：谷一路轉彎，沿座標軸的尺還有用嗎？動量呢？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## A valley with a bend
#
# The floor of Rosenbrock's (1960) valley, L = (1 − x)² + 100(y − x²)², bends along the parabola y = x², with its lowest point at (1, 1). From around (−1.2, 1), 300 steps; all four are tuned and raced as before.
#
# Predict: where the valley keeps turning, are rulers along the axes any use? And momentum?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（5 分鐘）在擺正的狹長碗上，RMSprop 遠遠勝過其他優化器。換成彎曲的山谷，各自重新調過，為什麼它不再領先？
#
# - ✓ 谷的方向一路在變，沿座標軸的尺無法一直配合。 *尺配合的是座標軸方向的曲率；谷一轉彎，窄的方向就不再沿著座標軸。*
# - ✗ 因為彎曲的山谷有雜訊。 *這裡的梯度沒有雜訊。*
# - ✗ 因為沒有替它調學習率。 *每一個都重新調過。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (5 min) On a narrow bowl that stands straight RMSprop is far ahead. In a valley with a bend, all tuned anew, it no longer leads. Why?
#
# - ✓ The valley keeps changing direction, and rulers along the axes cannot follow. *Rulers fit the curvature along the axes; where the valley bends, its narrow direction lies along neither.*
# - ✗ Because a valley with a bend is noisy. *There is no noise in these gradients.*
# - ✗ Because its rate was not tuned. *All of them were tuned anew.*


# %% slideshow={"slide_type": "subslide"}
def valley(point):
    x, y = point[..., 0], point[..., 1]
    return (1 - x) ** 2 + 100 * (y - x**2) ** 2


def valley_gradient(point):
    x, y = point[..., 0], point[..., 1]
    return torch.stack([2 * (x - 1) - 400 * x * (y - x**2), 200 * (y - x**2)], dim=-1)


around = torch.tensor([-1.2, 1.0], dtype=torch.float64)
tuning_valley, new_valley = (
    around + 0.4 * torch.rand(2, 40, 2, generator=random_points, dtype=torch.float64) - 0.2
)
problem = {"loss": valley, "gradient": valley_gradient, "num_steps": 300}
in_valley = {n: (step, tuned(step, o, tuning_valley, **problem)) for n, (step, o) in grids.items()}

# %% slideshow={"slide_type": "subslide"} alt-zh="左圖橫軸是步數，縱軸是四十個新起點的損失（對數刻度）：動量與 Adam 降到 10 的負 3 次方以下，SGD 與 RMSprop 停在 10 的負 1 次方上下。右圖是拋物線形山谷的等高線，以及每十步一點的路徑：SGD 沿著谷線慢慢走，沒有走到星號；動量與 Adam 到了。" alt-en="Left: loss against steps from forty new starts, log axis; momentum and Adam fall below 1e-3, SGD and RMSprop stay around 1e-1. Right: contours of the parabolic valley and paths, a dot every ten steps; SGD crawls along the floor and does not reach the star, momentum and Adam do."
races = {
    name: descend(step, valley_gradient, new_valley, 300, **found)
    for name, (step, found) in in_valley.items()
}
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.3), width_ratios=[1.3, 1])
for (name, path), marker in zip(races.items(), "os^D", strict=True):
    losses = valley(path).nan_to_num(nan=1e9).clamp(1e-300, 1e9)
    plotting.plot_band(left, range(301), losses.T, name, log=True)
    right.plot(*path[::10, 0].T, marker=marker, markersize=3, linewidth=1)
left.set(xlabel="step", ylabel="loss (log)")
left.legend(fontsize=9)
x = torch.linspace(-1.6, 1.6, 161)
grid = torch.stack(torch.meshgrid(x, x + 0.6, indexing="xy"), dim=-1)
right.contour(x, x + 0.6, valley(grid), levels=[1, 10, 50, 200], colors="gray", linewidths=0.7)
right.plot(1, 1, "k*", markersize=10)
right = right.set(xlabel="x", ylabel="y", xlim=(-1.6, 1.6), ylim=(-1, 2.2))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 沒有一把沿座標軸的尺配得上一路轉彎的谷：RMSprop 不再領先。動量與 Adam 會沿著谷線累積速度，遠遠在前（動量的好設定離發散不遠，偶爾有一個起點會飛走）。地形不同，名次就不同：**沒有一個到處都贏**。
#
# **主張 12** 四十個新起點的損失取中位數（median）：動量與 Adam 的都不到 SGD 的十分之一，也不到 RMSprop 的十分之一。Adam 的損失更是從每一個起點出發都不到 SGD 的十分之一。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# No ruler along the axes fits a valley that keeps turning: RMSprop's lead is gone. Momentum and Adam, which build up a velocity along the floor, are far ahead (though momentum's best settings are not far from diverging). Another landscape, another ranking: **none wins everywhere**.
#
# **Claim 12** The median loss over the forty new starts is, for momentum and for Adam, below a tenth of SGD's and of RMSprop's; Adam's loss is below a tenth of SGD's from every one of them.

# %%
ends = {n: valley(path[-1]).nan_to_num(nan=1e9) for n, path in races.items()}
median = {name: float(losses.median()) for name, losses in ends.items()}
print("median loss:", *[f"{name} ≈{loss:.1e}" for name, loss in median.items()])
ahead = 10 * max(median["momentum"], median["Adam"]) < min(median["SGD"], median["RMSprop"])
claim(12, ahead and bool((10 * ends["Adam"] < ends["SGD"]).all()))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## L2 就是權重衰減嗎？
#
# SGD 加 L2：θ ← θ − η(g + λθ) = **(1 − ηλ)θ** − ηg。整理一下，就是權重衰減，每一步縮小的比例是 **ηλ**。`torch.optim.Adam` 的 `weight_decay` 也把 λθ 加進梯度，`AdamW` 的則直接縮小權重。
#
# 權重全部從 1 開始，梯度是平均為 0 的雜訊，大小有五種，從 0.001 到 10，走一千步，λ = 0.1，學習率 0.001。猜猜看：在 Adam 裡用 L2，誰縮得最多？梯度大的，還是小的？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Is L2 weight decay?
#
# SGD with L2: θ ← θ − η(g + λθ) = **(1 − ηλ)θ** − ηg. Rearranged, it is weight decay, by the share **ηλ** a step. In `torch.optim.Adam`, `weight_decay` adds λθ to the gradient, too; in `AdamW` it shrinks the weight itself.
#
# All weights start at 1, their gradients are noise of mean 0, in five sizes from 0.001 to 10; a thousand steps, λ = 0.1, rate 0.001. Guess: with L2 in Adam, which shrink most, those with large gradients or with small ones?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（6 分鐘）在 Adam 的梯度裡加上 L2，λ 相同。哪些權重縮得最多？
#
# - ✗ 都一樣，每一步縮小 ηλ。 *那是 SGD 或 AdamW；Adam 會把 L2 的部分也除以那把尺。*
# - ✗ 梯度大的，因為它們動得多。 *梯度大的尺也大，L2 除以它之後幾乎不剩。*
# - ✓ 梯度小的，因為 L2 被除以一把小的尺。 *λθ 加進梯度以後，一起除以 √v̂；尺越小，縮得越多。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (6 min) L2 is added to Adam's gradient, with the same λ for all. Which weights shrink most?
#
# - ✗ All alike, by ηλ a step. *That is SGD, or AdamW; Adam divides the L2 part by the ruler, too.*
# - ✗ Those with large gradients, since they move most. *Their rulers are large as well, and hardly any of L2 is left after dividing.*
# - ✓ Those with small gradients, since L2 is divided by a small ruler. *Once in the gradient, λθ is divided by √v̂ with it; the smaller the ruler, the more it shrinks.*


# %%
def share_left(optimizer_class, sizes, num_steps=1000):  # (20 groups, sizes)
    weights = nn.Parameter(torch.ones(20, len(sizes), 100))
    optimizer = optimizer_class([weights], lr=0.001, weight_decay=0.1)
    generator = seeding.generator(0)
    for _ in range(num_steps):
        weights.grad = sizes[:, None] * torch.randn(weights.shape, generator=generator)
        optimizer.step()
    return weights.detach().mean(dim=-1)


# %% alt-zh="橫軸是梯度的大小（對數刻度），縱軸是一千步後權重剩下的比例。AdamW 是水平線，約 0.90；Adam 加 L2 從梯度小時的 0.26 升到梯度大時的 0.99。" alt-en="Share of the weight left after a thousand steps against the size of its gradient, log axis. AdamW is level at about 0.90; Adam with L2 rises from 0.26 at small gradients to 0.99 at large ones." slideshow={"slide_type": "subslide"}
sizes = torch.tensor([0.001, 0.01, 0.1, 1.0, 10.0])
left_over = {
    "Adam with L2": share_left(torch.optim.Adam, sizes),
    "AdamW": share_left(torch.optim.AdamW, sizes),
}

figure, ax = plt.subplots(figsize=(8, 3.0))
for (name, share), marker in zip(left_over.items(), "os", strict=True):
    plotting.plot_band(ax, sizes, share, name, marker=marker)
ax.set(
    xscale="log", xlabel="size of the gradient (log)", ylabel="share of weight left", ylim=(0, 1.1)
)
ax = ax.legend()

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# AdamW：人人剩下 (1 − ηλ)¹⁰⁰⁰ ≈ 0.90。Adam 加 L2：**梯度小的縮得最多，梯度大的幾乎不縮**，因為 L2 也被那把尺除過。要權重衰減，就用 AdamW。（SGD **加上動量**呢？練習 3 會讓你發現。）
#
# **主張 13** 20 組裡的每一組，用 AdamW 時，五種梯度大小的權重都剩下 0.85 到 0.95；用 Adam 加 L2 時，梯度 0.001 的權重剩下不到 0.35，梯度 10 的權重剩下 0.95 以上。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# AdamW: everyone keeps (1 − ηλ)¹⁰⁰⁰ ≈ 0.90. Adam with L2: **small gradients shrink most, large ones hardly at all**, since L2 is divided by the ruler too. If you want weight decay, take AdamW. (And SGD **with momentum**? Exercise 3 lets you find out.)
#
# **Claim 13** In each of the 20 groups: with AdamW between 0.85 and 0.95 is left for all five sizes; with L2 in Adam less than 0.35 where the gradient is 0.001, and more than 0.95 where it is 10.

# %%
adamw, adam_l2 = left_over["AdamW"], left_over["Adam with L2"]
print(f"Adam with L2, gradients of 0.001: {mean_interval(adam_l2[:, 0]):.3f}")
print(f"Adam with L2, gradients of 10:    {mean_interval(adam_l2[:, -1]):.3f}")
is_even = bool(((adamw > 0.85) & (adamw < 0.95)).all())
claim(13, is_even and bool((adam_l2[:, 0] < 0.35).all() and (adam_l2[:, -1] > 0.95).all()))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 練習 1：碗斜著放，學習率的上限在哪裡？
#
# 難度 ★★☆，約 5 分鐘。
#
# 損失是 L(w) = ½wᵀHw，H 是 n×n 的對稱正定矩陣，不一定是對角矩陣。寫出 `largest_stable_rate`，回傳一個數：學習率小於它，梯度下降會收斂；大於它，就會發散。
#
# （對稱矩陣有 n 個互相垂直的特徵向量；沿著其中任何一個，梯度 Hw 就是特徵值乘上 w，也就是一維的碗。）

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Exercise 1: a tilted bowl; where is the limit?
#
# Difficulty ★★☆, about 5 minutes.
#
# The loss is L(w) = ½wᵀHw with a symmetric positive definite n×n matrix H, which need not be diagonal. Write `largest_stable_rate`: return one number, the rate below which gradient descent converges and above which it diverges.
#
# (A symmetric matrix has n perpendicular eigenvectors; along each of them the gradient Hw is the eigenvalue times w, a bowl in one dimension.)


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
# Nesterov 的想法：速度反正會帶我往前，不如把「下一步的速度」也先算進來。PyTorch 的寫法是先更新 v ← βv + g，再走 θ ← θ − η(g + βv)，兩式依序執行。
#
# 寫出 `nesterov_step`，回傳 `(param, velocity)`，也就是新的參數與新的速度；不可以改動傳進來的張量。學習率改變時也要與 `torch.optim.SGD(nesterov=True)` 一致。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Exercise 2: Nesterov's momentum looks one step ahead
#
# Difficulty ★★☆, about 10 minutes.
#
# Nesterov's idea: the velocity will carry me on anyway, so count its next push in already. PyTorch's version first updates v ← βv + g, then moves θ ← θ − η(g + βv), in this order.
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
# ## 練習 3：SGDW，動量遇上權重衰減
#
# 難度 ★★☆，約 10 分鐘。
#
# 寫出 `sgdw_step`：照 AdamW 的精神，每一步把原來的參數縮小一點（比例是 ηλ），不經過梯度，也不經過速度，其餘與 PyTorch 的動量相同。回傳 `(param, velocity)`，也就是新的參數與新的速度；不改動傳進來的張量（tensor）。
#
# 做完之後，用 `torch.optim.SGD(momentum=0.9, weight_decay=…)` 比一比：還一樣嗎？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Exercise 3: SGDW, momentum meets weight decay
#
# Difficulty ★★☆, about 10 minutes.
#
# Write `sgdw_step` in the spirit of AdamW: the old parameter shrinks by the share ηλ, gradient and velocity know nothing of it, and the rest is PyTorch's momentum. Return (new parameter, new velocity), and leave the tensors you are given unchanged.
#
# Then compare with `torch.optim.SGD(momentum=0.9, weight_decay=…)`: is it still the same?


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
# - 學習率的上限是 2/最大曲率；要走多久，看最小曲率。
# - 固定的學習率有雜訊下限 ησ²/(2 − η)（曲率 1 時）；要更低，學習率就得遞減。
# - 動量把 κ 換成 √κ，但 β 也要調。
# - Adam 是動量除以每個參數自己的尺（沿著座標軸），再修正偏差。
# - 比較優化器之前，先讓每一個都用自己最好的設定；地形不同，名次也不同。
# - L2 在沒有動量的 SGD 裡就是權重衰減（每步縮小的比例是 ηλ），在 Adam 裡不是。
#
# **下一課**：[[optimizers_on_data]]：雜訊、批次大小，和一場公平的比賽。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Summary
#
# - The limit on the rate is 2 over the largest curvature; how long it takes depends on the smallest.
# - A constant rate has a noise floor, ησ²/(2 − η) where the curvature is 1; to get lower, it must fall.
# - Momentum turns κ into √κ, but β must be tuned.
# - Adam is momentum over a ruler for each parameter, along the axes, with its bias corrected.
# - Before you compare optimizers, give each its own best settings; another landscape, another ranking.
# - L2 is weight decay in SGD without momentum (by the share ηλ) and is not in Adam.
#
# **Next**: [[optimizers_on_data]]: noise, batch sizes, and a fair race.

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "skip"}
# ### 原始文獻
#
# - Robbins, Monro（1951），A stochastic approximation method，Annals of Mathematical Statistics 22(3)，doi:10.1214/aoms/1177729586。遞減的學習率。
# - Polyak（1964），Some methods of speeding up the convergence of iteration methods，USSR Computational Mathematics and Mathematical Physics 4(5)，doi:10.1016/0041-5553(64)90137-5。動量。
# - Nesterov（1983），A method for solving the convex programming problem with convergence rate O(1/k²)，Soviet Mathematics Doklady 27(2)。
# - Tieleman, Hinton（2012），Lecture 6.5, RMSProp: divide the gradient by a running average of its recent magnitude，Coursera: Neural Networks for Machine Learning。
# - Sutskever, Martens, Dahl, Hinton（2013），On the importance of initialization and momentum in deep learning，ICML（PMLR 28）。
# - Kingma, Ba（2015），Adam: a method for stochastic optimization，ICLR，arXiv:1412.6980。
# - Loshchilov, Hutter（2019），Decoupled weight decay regularization，ICLR，arXiv:1711.05101。AdamW 與 SGDW。
# - Rosenbrock（1960），An automatic method for finding the greatest or least value of a function，The Computer Journal 3(3)，doi:10.1093/comjnl/3.3.175。彎曲的山谷。
# - Dauphin, Pascanu, Gulcehre, Cho, Ganguli, Bengio（2014），Identifying and attacking the saddle point problem in high-dimensional non-convex optimization，NeurIPS 27，arXiv:1406.2572。鞍點。

# %% [markdown] lang="en" slideshow={"slide_type": "skip"}
# ### Primary sources
#
# - Robbins, Monro (1951), A stochastic approximation method, Annals of Mathematical Statistics 22(3), doi:10.1214/aoms/1177729586. Rates that decrease.
# - Polyak (1964), Some methods of speeding up the convergence of iteration methods, USSR Computational Mathematics and Mathematical Physics 4(5), doi:10.1016/0041-5553(64)90137-5. Momentum.
# - Nesterov (1983), A method for solving the convex programming problem with convergence rate O(1/k²), Soviet Mathematics Doklady 27(2).
# - Tieleman, Hinton (2012), Lecture 6.5, RMSProp: divide the gradient by a running average of its recent magnitude, Coursera: Neural Networks for Machine Learning.
# - Sutskever, Martens, Dahl, Hinton (2013), On the importance of initialization and momentum in deep learning, ICML (PMLR 28).
# - Kingma, Ba (2015), Adam: a method for stochastic optimization, ICLR, arXiv:1412.6980.
# - Loshchilov, Hutter (2019), Decoupled weight decay regularization, ICLR, arXiv:1711.05101. AdamW and SGDW.
# - Rosenbrock (1960), An automatic method for finding the greatest or least value of a function, The Computer Journal 3(3), doi:10.1093/comjnl/3.3.175. The valley with a bend.
# - Dauphin, Pascanu, Gulcehre, Cho, Ganguli, Bengio (2014), Identifying and attacking the saddle point problem in high-dimensional non-convex optimization, NeurIPS 27, arXiv:1406.2572. Saddle points.
