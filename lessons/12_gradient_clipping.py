# %% [markdown] lang="zh-TW" about="救回一次真正爆炸的訓練；裁剪改變了什麼，什麼時候根本沒東西可裁" slideshow={"slide_type": "slide"}
# # 梯度裁剪
#
# 訓練好好的，忽然一步跨到天邊，損失（loss）變成 NaN，或是從此不動。**梯度裁剪**（gradient clipping）替這一步的長度設一個上限。學完之後，你能夠：
#
# - 說明梯度為什麼會爆炸（explode），並從紀錄裡看出來；
# - 依範數（norm）裁剪、依數值（value）裁剪，並說出哪一種會改變方向；
# - 說明裁剪之後「學習率（learning rate）× 上限（limit）」代表什麼，從範數的紀錄挑一個上限；
# - 判斷什麼時候裁剪根本沒有作用，以及在 Adam 之下，裁剪改變了什麼。
#
# 先備：[[optimizers]]（學習率與 Adam）、[[mnist_mlp]]（訓練迴圈）、[[initialization]]（連乘的倍數）。

# %% [markdown] lang="en" about="a run that really explodes, rescued; what clipping bends, and where there is nothing to clip" slideshow={"slide_type": "slide"}
# # Gradient clipping
#
# Training goes well, and then a single step lands beyond the horizon: the loss is NaN, or never moves again. **Gradient clipping** puts a limit on the length of that step. By the end you can
#
# - explain why gradients explode, and recognize it in a log;
# - clip by norm and by value, and say which of them turns the gradient;
# - say what "rate × limit" means once you clip, and choose a limit from a log of norms;
# - tell when clipping does nothing at all, and what it changes under Adam.
#
# It builds on [[optimizers]] (the rate, and Adam), [[mnist_mlp]] (the training loop) and [[initialization]] (factors that multiply).

# %% lang="zh-TW" tags=["setup"] slideshow={"slide_type": "subslide"}
from course_utils.notebook import set_up

device = set_up("gradient_clipping", language="zh-TW", workers=True)

# %% lang="en" tags=["setup"] slideshow={"slide_type": "subslide"}
from course_utils.notebook import set_up

device = set_up("gradient_clipping", language="en", workers=True)

# %% slideshow={"slide_type": "subslide"}
import math

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.nn import functional as F

from course_utils import plotting, seeding
from course_utils.exercises import gradient_clipping as exercises
from course_utils.experiment import run_seeds
from course_utils.intervals import compare_settings, equivalence, mean_interval, paired_difference
from course_utils.loader import TensorLoader
from course_utils.mnist import load_mnist
from course_utils.models import MNIST_MLP
from course_utils.notebook.claims import claim
from course_utils.notebook.explore import explore, slider
from course_utils.optimizers import adam_step, apply_step, sgd_step
from course_utils.running_sum import StackedSumRNN, clip_each, gradient_of_each, sums_to_learn
from course_utils.seeding import seeded
from course_utils.training import evaluate, train_epoch

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 一個權重的懸崖
#
# 十層網路，每層只有一個神經元（neuron），而且十層**共用同一個權重** w。輸入 1，輸出就是 w·w·…·w = w¹⁰。希望輸出是 1，損失就是 (w¹⁰ − 1)²，w = 1 最好。
#
# 猜猜看：w = 0.5 和 w = 1.5 離答案一樣遠。那裡的梯度差幾倍？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## The cliff of a single weight
#
# A network of ten layers, one unit each, and all ten **share one weight** w. For input 1 it answers w·w·…·w = w¹⁰. It should answer 1, so the loss is (w¹⁰ − 1)², and w = 1 is best.
#
# Guess: w = 0.5 and w = 1.5 are equally far from the answer. By what factor do the gradients there differ?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（6 分鐘）損失是 (w¹⁰ − 1)²，w = 1 最好。w = 0.5 和 w = 1.5 離答案一樣遠，那裡的梯度比起來如何？
#
# - ✗ 一樣大，方向相反。 *以為梯度由離答案的距離決定。*
# - ✗ 1.5 那邊大約是 3 倍。 *只比 w 本身，忘了九次方、十次方。*
# - ✓ 1.5 那邊大了超過一百萬倍。 *梯度含有 w⁹ 和 w¹⁰，連乘讓一邊是平原，另一邊是懸崖。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (6 min) The loss is (w¹⁰ − 1)², and w = 1 is best. w = 0.5 and w = 1.5 are equally far from it. How do the gradients there compare?
#
# - ✗ Equal in size, opposite in sign. *Thinks that the distance from the answer decides the gradient.*
# - ✗ About three times as large at 1.5. *Compares w itself and forgets the ninth and tenth powers.*
# - ✓ More than a million times as large at 1.5. *The gradient holds w⁹ and w¹⁰; multiplying again and again makes a plain on one side and a cliff on the other.*


# %%
def chain_loss(w):
    return (w**10 - 1) ** 2


def chain_gradient(w):
    return 20 * w**9 * (w**10 - 1)


# %% alt-zh="兩張圖的橫軸都是 w。左圖縱軸是損失，只畫到 5：0.15 到 0.7 是高度約 1 的平原，在 w = 1 降到 0，之後像一面牆，直直衝出圖外。右圖縱軸是梯度的絕對值（對數刻度），從 10 的負 6 次方升到約 50 萬，只在 w = 1 有一個缺口。" alt-en="Left: loss against w, shown up to 5: a plain of height 1 from 0.15 to 0.7, down to 0 at w = 1, and then a wall that leaves the picture. Right: absolute gradient, log axis, rising from 1e-6 to about 5e5, with a notch at w = 1." slideshow={"slide_type": "subslide"}
line = torch.linspace(0.15, 1.7, 400, dtype=torch.float64)
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.2))
left.plot(line, chain_loss(line))
left.set(xlabel="w", ylabel="loss (the wall goes on to 40,000)", ylim=(-0.2, 5))
right.semilogy(line, chain_gradient(line).abs())
right.plot([0.5, 1.5], chain_gradient(torch.tensor([0.5, 1.5])).abs(), "o")
axis = right.set(xlabel="w", ylabel="|gradient| (log)")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 超過一百萬倍。左邊是平原，右邊是**懸崖**（cliff；Pascanu、Mikolov、Bengio，2013）：在崖上，梯度說的「方向」是對的，「大小」卻是災難。w = 1.5、學習率 0.005，一步就超過 200；再算一次十次方……
#
# 那就限制這一步：梯度超過上限 c，就只算 c（`limit=inf` 表示不裁剪）。
#
# **主張 1** 從崖上 20 個起點出發，各走 200 步：不論哪一個，不裁剪都變成 NaN；上限設為 10，損失都走到 10⁻⁶ 以下。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# By more than a million. To the left is a plain, to the right a **cliff** (Pascanu et al. 2013): there the gradient is right about the direction, and its size is a disaster. At w = 1.5 and rate 0.005 one step is more than 200 long; take the tenth power of that ...
#
# So limit the step: a gradient beyond the limit c counts as c (`limit=inf` means no clipping).
#
# **Claim 1** From every one of 20 starts on the cliff, after 200 steps: without clipping it ends as NaN; with limit 10 it ends with a loss below 10⁻⁶.


# %%
def descend_chain(start, limit, lr=0.005, num_steps=200):
    w = nn.Parameter(start.clone())
    optimizer, path = torch.optim.SGD([w], lr=lr), [start]
    for _ in range(num_steps):
        w.grad = chain_gradient(w.detach())
        nn.utils.clip_grad_value_([w], limit)
        optimizer.step()
        path.append(w.detach().clone())
    return torch.stack(path)


# %%
starts = 1.2 + 0.4 * torch.rand(20, generator=seeding.generator(0))
ends = {limit: descend_chain(starts, limit)[-1] for limit in (math.inf, 10.0)}
for limit, end in ends.items():
    solved = int((chain_loss(end) < 1e-6).sum())
    print(f"limit {limit}: {solved} of 20 solved, {int(end.isnan().sum())} are NaN")
claim(1, bool(ends[math.inf].isnan().all() and (chain_loss(ends[10.0]) < 1e-6).all()))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 上限該多大？
#
# 拉動滑桿，起點 1.45。上限 1 會怎樣？100 呢？超過 200 呢？看看會不會跨過頭、落到平原上：那裡的梯度幾乎是 0，60 步之內走不回來。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### How large a limit?
#
# Move the slider; the start is 1.45. What does a limit of 1 do, and 100, and more than 200? Does it overshoot onto the plain? The gradient there is almost 0, and 60 steps do not bring it back.

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（3 分鐘）用沒有動量的 SGD（學習率 0.005）從 w = 1.45 走下損失 (w¹⁰ − 1)² 的懸崖，梯度裁剪的上限設得太大，例如 250。危險在哪裡？
#
# - ✓ 一步最長可以到 1.25，可能跨過谷底，落在梯度幾乎是 0 的平原上。 *裁剪只保證一步最長是學習率 × 上限。*
# - ✗ 沒有危險，只要裁剪了就會收斂。 *以為有裁剪就安全，不管上限多大。*
# - ✗ 走得太慢，走不到谷底。 *那是上限太小的毛病。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (3 min) SGD without momentum (rate 0.005) walks down the cliff of the loss (w¹⁰ − 1)² from w = 1.45 with a limit on the gradient that is too large, say 250. What is the danger?
#
# - ✓ A step may be as long as 1.25, across the valley and onto the plain, where the gradient is almost 0. *All that clipping promises is that no step is longer than rate × limit.*
# - ✗ None: whatever is clipped converges. *Thinks that clipping is safe at any limit.*
# - ✗ It is too slow to arrive. *That is the trouble with a limit that is too small.*


# %% alt-zh="上限 20 的路徑：左圖的點從崖上 1.45 以 0.1 的等距走下來，稍微跨過谷底到 0.95，再回到 1；右圖橫軸是步數，縱軸是 w，五步直線下降，第八步左右起停在 1。" alt-en="The path with limit 20: left, dots come down the cliff from 1.45 in equal steps of 0.1, pass the bottom slightly to 0.95, and return to 1; right, w against steps, a straight line down for five steps, and still at 1 from about the eighth."
def draw_chain(limit):
    path = descend_chain(torch.tensor([1.45]), limit, num_steps=60)[:, 0]
    _, (left, right) = plt.subplots(1, 2, figsize=(9, 3.0))
    left.semilogy(line, chain_loss(line), color="gray")
    left.semilogy(path, chain_loss(path).clamp(min=1e-3), "o-", linewidth=0.8, markersize=4)
    left.set(xlabel="w", ylabel="loss (log)", xlim=(0.1, 1.7), ylim=(5e-4, 1e5))
    right.plot(path, "o-", markersize=3)
    right.set(xlabel="step", ylabel="w", title=f"limit {limit:.0f}, longest step {limit / 200:.3g}")


explore(draw_chain, limit=slider(1, 300, value=20, step=1))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 這裡用的是沒有動量（momentum）的 SGD，裁剪只保證一件事：**一步最長是「學習率 × 上限」**。上限 1，每步最長 0.005，安全但慢；上限 200，一步可以跨 1，從崖上直接飛到平原。
#
# **主張 2** 20 個起點、四種上限（0.1 到 50），沒有一步比「學習率 × 上限」長（誤差 0.01%）；不裁剪時，第一步的長度都超過 2。由算式看，兩者都必然成立。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# With SGD without momentum, as here, clipping promises one thing only: **no step is longer than rate × limit**. With limit 1 that is 0.005, safe and slow; with limit 200 it is 1, a flight from the cliff right onto the plain.
#
# **Claim 2** For 20 starts and four limits from 0.1 to 50, no step is longer than rate × limit (to 0.01 %); without clipping every first step is longer than 2. By arithmetic, both must hold.

# %%
limits = [0.1, 1.0, 10.0, 50.0]
longest = [descend_chain(starts, c).diff(dim=0).abs().max().item() / (0.005 * c) for c in limits]
first_steps = descend_chain(starts, math.inf, num_steps=1).diff(dim=0).abs()
claim(2, max(longest) < 1.0001 and bool((first_steps > 2).all()))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 很多權重：兩種裁法
#
# 梯度是一整個向量 g，分散在許多張量裡。
#
# - **依範數**（`clip_grad_norm_`）：先算**所有張量合在一起**的長度 ‖g‖ = √(Σ gᵢ²)，再把整個向量乘上同一個倍數：g ← g · min(1, c / ‖g‖)。
# - **依數值**（`clip_grad_value_`）：每個數各自限制在 −c 與 c 之間（Mikolov，2012）。
#
# 兩個張量（tensor），梯度是 (3, 4) 與 (12)。想一想：`clip_grad_norm_(…, 6.5)` 之後各變成什麼？它**回傳**的是裁剪前還是裁剪後的範數？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Many weights: two ways to clip
#
# The gradient is a whole vector g, spread over many tensors.
#
# - **By norm** (`clip_grad_norm_`): take the length of **all tensors together**, ‖g‖ = √(Σ gᵢ²), and multiply the whole vector by one factor: g ← g · min(1, c / ‖g‖).
# - **By value** (`clip_grad_value_`): keep each number by itself between −c and c (Mikolov 2012).
#
# Two tensors have gradients (3, 4) and (12). Predict: what becomes of them after `clip_grad_norm_(…, 6.5)`? And is the norm that it **returns** from before clipping, or after?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（6 分鐘）兩個張量的梯度是 (3, 4) 和 (12)。呼叫 `clip_grad_norm_(…, 6.5)` 之後，梯度變成什麼？
#
# - ✗ (3, 4) 和 (6.5)。 *以為每個張量、或每個數各自和上限比。*
# - ✓ (1.5, 2) 和 (6)。 *所有張量合起來的長度是 13，是上限的兩倍，所以全部減半。*
# - ✗ (3, 4) 和 (12)，因為平均起來沒有超過 6.5。 *把範數當成平均。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (6 min) Two tensors have gradients (3, 4) and (12). What are they after `clip_grad_norm_(…, 6.5)`?
#
# - ✗ (3, 4) and (6.5). *Thinks that each tensor, or each number, is held against the limit by itself.*
# - ✓ (1.5, 2) and (6). *All tensors together have length 13, twice the limit, so everything is halved.*
# - ✗ (3, 4) and (12), as their mean is not above 6.5. *Takes the norm for a mean.*

# %%
a, b = nn.Parameter(torch.zeros(2)), nn.Parameter(torch.zeros(1))


def after_clipping(clip, limit, last=12.0):
    a.grad, b.grad = torch.tensor([3.0, 4.0]), torch.tensor([last])
    returned = clip([a, b], limit)
    numbers = torch.cat([a.grad, b.grad])
    return {"a.grad, b.grad": numbers.tolist(), "returned": returned}


# %% slideshow={"slide_type": "subslide"}
by_norm, by_value = nn.utils.clip_grad_norm_, nn.utils.clip_grad_value_
table = {
    "norm, limit 6.5": after_clipping(by_norm, 6.5),
    "norm, limit 20": after_clipping(by_norm, 20.0),
    "value, limit 6.5": after_clipping(by_value, 6.5),
    "norm, limit 6.5, one gradient inf": after_clipping(by_norm, 6.5, last=math.inf),
}
for name, row in table.items():
    numbers = ", ".join(f"{x:.3f}" for x in row["a.grad, b.grad"])
    print(f"{name:34s} {numbers:22s} returned {row['returned']}")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# - 範數是 √(9 + 16 + 144) = 13，是 6.5 的兩倍，所以全部乘上 ½。回傳 **13：裁剪前的範數**。這正是最有用的監視器。
# - 上限 20：13 不到 20，一個位元都不動。裁剪**只縮不放**。
# - 依數值：只有 12 被截成 6.5，於是方向變了。
# - 梯度裡有一個 inf：範數是 inf，倍數是 0，其餘的梯度全變成 0，inf 變成 NaN。裁剪救不了這種梯度，`error_if_nonfinite=True` 會讓你知道。
#
# **主張 3** 由定義，以下必然成立：回傳裁剪前的範數 13；裁剪後是 (1.5, 2, 6)，相差不到 10⁻⁵；不到上限的不動；有 inf 時得到 0、0、NaN。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# - The norm is √(9 + 16 + 144) = 13, twice 6.5, so everything is halved. What comes back is **13: the norm before clipping**, the best monitor there is.
# - Limit 20: 13 is below, and not a bit changes. Clipping **never lengthens**.
# - By value: only 12 is cut, to 6.5, and so the direction changes.
# - With an inf the norm is inf, the factor 0, the other gradients become 0, and the inf NaN. Clipping cannot save it; `error_if_nonfinite=True` lets you know.
#
# **Claim 3** By definition these must hold: 13, the norm before, is returned; after clipping there is (1.5, 2, 6), to 10⁻⁵; what is below the limit stays; with an inf there is 0, 0, NaN.

# %%
results = [torch.tensor(row["a.grad, b.grad"]) for row in table.values()]
returned = [row["returned"] for row in table.values()]
is_half = torch.allclose(results[0], torch.tensor([1.5, 2.0, 6.0]), rtol=0, atol=1e-5)
untouched = results[1].tolist() == [3.0, 4.0, 12.0] and results[2].tolist() == [3.0, 4.0, 6.5]
lost = results[3][:2].tolist() == [0.0, 0.0] and bool(results[3][2].isnan())
claim(3, is_half and untouched and lost and returned[:2] == [13.0, 13.0])

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 方向：留著，還是彎了？
#
# 兩個權重（weight），同樣的六個梯度（灰色虛線）。依範數裁剪，箭頭縮進一個圓；依數值裁剪，縮進一個正方形。猜猜看：哪幾支箭頭轉了方向？轉向哪裡？

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### The direction: kept or bent?
#
# Six gradients of two weights (dashed grey), drawn into a circle by norm, into a square by value. Guess: which arrows turn, and towards what?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（4 分鐘）兩個權重的梯度是 (4, 1)，依數值裁剪，上限 1。方向會怎樣？
#
# - ✗ 不變，只是變短。 *那是依範數裁剪。*
# - ✗ 轉向大的那一軸。 *大的數反而被截得最多。*
# - ✓ 轉向 (1, 1) 那個角。 *只有 4 被截成 1，兩個數變得一樣大。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (4 min) The gradient of two weights is (4, 1), and it is clipped by value at 1. What happens to its direction?
#
# - ✗ It is kept, only shortened. *That is clipping by norm.*
# - ✗ It turns towards the larger axis. *Overlooks that it is the larger number that is cut.*
# - ✓ It turns towards the corner (1, 1). *Only the 4 is cut to 1, which makes both numbers equal.*

# %%
arrows = [[4.0, 1.0], [1.2, 3.6], [-3.0, 3.4], [-3.8, -0.6], [-0.5, -0.7], [2.0, -3.2]]


def clipped_arrow(clip, arrow):
    weights = nn.Parameter(torch.zeros(2))
    weights.grad = torch.tensor(arrow)
    clip([weights], 1.0)
    return weights.grad.tolist()


# %% alt-zh="左圖依範數：六支箭頭都縮到圓內，與原來的灰色虛線同方向。右圖依數值：長的箭頭切齊正方形的邊，轉向四個角，短的那支不變。" alt-en="Left, by norm: six arrows shrink into the circle along their dashed grey originals. Right, by value: long arrows are cut at the sides of the square and turn towards its corners; the short one stays." slideshow={"slide_type": "subslide"}
figure, axes = plt.subplots(1, 2, figsize=(7.5, 3.3))
for ax, (name, clip) in zip(axes, {"norm": by_norm, "value": by_value}.items(), strict=True):
    for arrow in arrows:
        ax.plot([0, arrow[0]], [0, arrow[1]], "--", color="gray", linewidth=1)
        style = {"arrowstyle": "->", "color": "#D55E00", "lw": 2}
        ax.annotate("", clipped_arrow(clip, arrow), (0, 0), arrowprops=style)
    ax.set(title=f"by {name}, limit 1", xlabel="gradient of w₁", xlim=(-4, 4), ylim=(-4, 4))
    ax.set_aspect("equal")
axes[0].add_patch(plt.Circle((0, 0), 1, fill=False))
axes[1].add_patch(plt.Rectangle((-1, -1), 2, 2, fill=False))
label = axes[0].set_ylabel("gradient of w₂")

# %% [markdown] lang="zh-TW"
# 依數值裁剪，長的箭頭都往最近的**角**轉：截得夠狠，每個數都只剩正負號。這在兩維裡最多轉 45°，維數一多，還可以轉得更多。

# %% [markdown] lang="en"
# By value, the long arrows turn towards the nearest **corner**: cut hard enough, nothing is left of a number but its sign. In two dimensions that turns an arrow by 45° at most, in many it can be more.

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 真的會爆炸的網路
#
# 同一個權重連乘很多次的，還有**遞迴網路**（recurrent neural network，RNN，[[numpy_lstm]]的主角）。它一個一個讀進 x₁, x₂, …, x_T，每一步都用**同一個矩陣** W 更新它的記憶 h：
#
# h ← ReLU(h W + xₜ u + b)，讀完之後回答 h v + c。
#
# 反向傳播（back-propagation）往回走 T 步，就乘上 T 次 W（Bengio、Simard、Frasconi，1994）。把 W 設成 0.9、1、1.1 倍的單位矩陣，序列長度從 5 加到 80，量一量訓練之前的梯度。猜猜看，在對數刻度上，哪一條線是直的？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## A network that really explodes
#
# One weight multiplied again and again: that is a **recurrent network**, too ([[numpy_lstm]] is about one). It reads x₁, x₂, …, x_T one by one, and at each step updates its memory h with **the same matrix** W:
#
# h ← ReLU(h W + xₜ u + b), and after the last, the answer is h v + c.
#
# Back-propagation goes back T steps, and multiplies by W T times (Bengio et al. 1994). Let W be 0.9, 1 and 1.1 times the identity, let the sequences grow from 5 to 80, and measure the gradient before any training. Guess: on a log axis, which line is straight?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（5 分鐘）一個 ReLU 遞迴網路每一步都乘上同一個矩陣 W。訓練之前，序列越來越長，對數刻度上的梯度範數，哪一種 W 接近一條往上的直線？
#
# - ✗ W = 單位矩陣。 *乘上 1 不會累積成指數成長。*
# - ✓ W = 1.1 倍的單位矩陣。 *每一步都放大一成，連乘起來就是指數成長，在對數刻度上是直線。*
# - ✗ 三種都是，因為序列越長梯度一定越大。 *0.9 倍時，梯度大致停在原來的大小。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (5 min) A ReLU recurrent network multiplies by the same matrix W at each step. Before training, as sequences get longer, for which W is the gradient's norm nearly a straight rising line on a log axis?
#
# - ✗ W = the identity. *Multiplying by 1 does not add up to exponential growth.*
# - ✓ W = 1.1 times the identity. *A tenth more at each step, multiplied up, is exponential growth, a straight line on a log axis.*
# - ✗ All, for longer sequences always have larger gradients. *With 0.9 times the identity the gradient stays about where it was.*

# %%
lengths = [5, 10, 20, 40, 80]


def untrained_norms(factor, length):  # of ten networks
    nets = StackedSumRNN(range(10))
    nets.W.data.mul_(factor)
    generators = [seeding.generator(seed) for seed in range(10)]
    x, targets = sums_to_learn(generators, length=length)
    (nets(x) - targets).square().mean(dim=1).sum().backward()
    return gradient_of_each(nets).norm(dim=1)


# %% alt-zh="橫軸是序列長度，縱軸是梯度的範數（對數刻度）。W 為 1.1 倍時，線越過 20 之後幾乎是直線，長度 80 時達到約 4 千萬；1 倍緩緩升到幾百；0.9 倍停在 3 上下。" alt-en="Gradient norm against sequence length, log axis. With W times 1.1 the line is nearly straight beyond 20 and reaches about 4e7 at length 80; times 1 it climbs slowly to a few hundred; times 0.9 it stays near 3." slideshow={"slide_type": "subslide"}
figure, ax = plt.subplots(figsize=(8, 3.2))
grown = {}
for factor, marker in ((1.1, "o"), (1.0, "s"), (0.9, "^")):
    grown[factor] = torch.stack([untrained_norms(factor, n) for n in lengths], dim=1)
    label = f"W = {factor} × identity"
    plotting.plot_band(ax, lengths, grown[factor], label, log=True, marker=marker)
ax.set(xlabel="length of the sequence", ylabel="norm of the gradient (log)")
legend = ax.legend()

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 對數軸上的直線就是**指數成長**。W 只大了一成，長度 80 就差了好幾個數量級。（多乘 60 次是 1.1⁶⁰，約 300 倍；前向也連乘，答案的誤差跟著放大。）而訓練的每一步都在改 W。
#
# **主張 4** 序列長度從 20 加到 80，不論哪個種子（seed），W 是單位矩陣的 1.1 倍時，範數都變成一萬倍以上；1 倍時，不到一千倍；0.9 倍時，不到 20 倍。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# A straight line on a log axis is **exponential growth**. W is larger by a tenth only, and at length 80 that makes several orders of magnitude. (60 more factors make 1.1⁶⁰, about 300; the forward pass multiplies, too, and the error of the answer grows with it.) And every step of training changes W.
#
# **Claim 4** From length 20 to 80, for every seed: with W times 1.1 every norm grows more than ten-thousandfold, with the identity less than a thousandfold, with 0.9 less than twentyfold.

# %%
growth = {factor: norms[:, -1] / norms[:, 2] for factor, norms in grown.items()}
for factor, ratio in growth.items():
    print(f"W × {factor}: growth ≈{ratio.min():.1e} to ≈{ratio.max():.1e}")
claim(4, bool(((growth[1.1] > 1e4) & (growth[1.0] < 1000) & (growth[0.9] < 20)).all()))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 三種訓練法的賽跑
#
# 題目：讀 25 個 0 到 1 的隨機數，回答它們的總和（標準化成平均 0、變異數 1）。一律回答 0，均方誤差（mean squared error）就是 1，這是**基準線**（baseline）。32 個神經元，W 從單位矩陣開始（Le、Jaitly、Hinton，2015），SGD 0.01，批次（batch）16，300 步。
#
# 學習率與上限都用**驗證**（validation）的序列來比較；測試的序列留到最後，只用一次。
#
# 所有網路（每種設定十個種子）疊在一起訓練。`clip_each` 用這兩種裁法分別裁剪每個網路（`inf` 表示不裁剪），並回傳裁剪**前**的範數。
#
# 猜猜看：不裁剪的時候，損失會變成 NaN、一路往上，還是別的樣子？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Three ways to train, in a race
#
# The task: read 25 random numbers between 0 and 1 and answer their sum (standardized to mean 0 and variance 1). Always answering 0 has a mean squared error of 1, the **baseline**. There are 32 units, W starts as the identity (Le et al. 2015), SGD at 0.01, batches of 16, 300 steps.
#
# Rates and limits are compared on **validation** sequences; the test sequences are used once, at the end.
#
# All networks (ten seeds for each setting) train side by side. `clip_each` clips each of them by itself, in both ways (`inf`: no limit), and returns the norms **before** clipping.
#
# Predict: without clipping, will the loss turn to NaN, run upwards, or do something else?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（6 分鐘）一個 ReLU 遞迴網路學著把 25 個數加起來，SGD 學習率 0.01，不裁剪。損失會怎樣？
#
# - ✗ 變成 NaN。 *以為爆炸一定看得到 NaN。*
# - ✗ 越來越大，一路往上。 *以為每一步都會繼續爆炸。*
# - ✓ 先衝高，之後停在一律回答 0 的基準線。 *一步太大，ReLU 全都死了，只剩輸出的偏置還會動。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (6 min) A ReLU recurrent network learns to add up 25 numbers with SGD at 0.01, without clipping. What does the loss do?
#
# - ✗ It turns to NaN. *Thinks that an explosion always shows as NaN.*
# - ✗ It grows and grows. *Thinks that every step explodes anew.*
# - ✓ It shoots up, and then stays at the baseline of always answering 0. *One step too large kills the ReLUs, and only the output bias still moves.*


# %%
VALIDATION, TEST = 10_000, 20_000  # added to a network's seed: a thousand sequences of its own


@torch.no_grad()
def answers_on(held_out, nets, seeds):  # (mean squared error, spread of the answers) of each
    generators = [seeding.generator(held_out + seed) for seed in seeds]
    x, targets = sums_to_learn(generators, batch_size=1000, length=25)
    copies = nets.W.shape[0] // len(seeds)
    parts = [nets(part.repeat(copies, 1, 1)) for part in x.split(50, dim=1)]  # saves memory
    answers = torch.cat(parts, dim=1)
    mse = (answers - targets.repeat(copies, 1)).square().mean(dim=1)
    return mse, answers.std(dim=1)


# %% slideshow={"slide_type": "subslide"}
def train(seed, conditions, step, held_out=VALIDATION, num_seeds=5):
    seeds, copies = range(seed, seed + num_seeds), len(conditions)
    nets = StackedSumRNN([s for _ in range(copies) for s in seeds])
    generators = [seeding.generator(s) for s in seeds]
    max_norm, max_value, lr = torch.tensor(conditions).repeat_interleave(num_seeds, dim=0).T
    params, states = list(nets.parameters()), [{} for _ in nets.parameters()]
    # loss, norm, cosine of each step; a list of small tensors would leave holes in the memory
    logs = torch.zeros(3, len(lr), 300, dtype=torch.float64)
    for t in range(300):
        x, targets = sums_to_learn(generators, batch_size=16, length=25)
        loss = (nets(x.repeat(copies, 1, 1)) - targets.repeat(copies, 1)).square().mean(dim=1)
        nets.zero_grad()
        loss.sum().backward()
        before = gradient_of_each(nets)
        norms = clip_each(nets, max_norm, max_value)
        cosine = F.cosine_similarity(before, gradient_of_each(nets), dim=1)
        apply_step(step, params, states, lr=lr[:, None, None])
        logs[..., t] = torch.stack([loss.detach(), norms, cosine])
    results = dict(zip(("loss", "norm", "cosine"), logs, strict=True))
    results["mse"], results["spread"] = answers_on(held_out, nets, seeds)
    return {k: v.unflatten(0, (copies, num_seeds)).numpy() for k, v in results.items()}


# %% slideshow={"slide_type": "subslide"}
def setting(max_norm=math.inf, max_value=math.inf, lr=0.01):
    return max_norm, max_value, lr


def train_all(settings, step=sgd_step, seeds=(0, 5), **options):  # a row a setting
    conditions = list(settings.values())  # each number in seeds is the first of five
    halves = run_seeds(train, seeds=seeds, conditions=conditions, step=step, **options)
    keys = ["loss", "norm", "cosine", "mse", "spread"]
    joined = {key: list(np.concatenate(list(halves[key]), axis=1)) for key in keys}
    return pd.DataFrame(joined, index=pd.Index(list(settings)))


# %%
settings = {
    "no clipping": setting(),
    "value, limit 0.1": setting(max_value=0.1),
    "norm, limit 0.3": setting(max_norm=0.3),
}
race = train_all(settings)
middle = np.arange(5, 300, 10)  # of windows of ten steps


def by_window(log, size=10):  # means over 10 steps at a time: (seeds, 30)
    return log.reshape(len(log), -1, size).mean(axis=2)


# %% alt-zh="橫軸是步數，縱軸是訓練損失（對數刻度），畫出十個種子的平均與區間。不裁剪的線先衝高，之後停在基準線 1；依數值裁剪的線大多在 0.8 到 1 之間；依範數裁剪的線到第 200 步降到 0.4 左右，之後持平。" alt-en="Training loss against steps, log axis, mean and band over ten seeds. Without clipping it shoots up and then stays at the baseline of 1; by value it lies mostly between 0.8 and 1; by norm it falls to about 0.4 by step 200 and stays there." slideshow={"slide_type": "subslide"}
figure, ax = plt.subplots(figsize=(8.5, 3.3))
for (name, run), marker in zip(race.iterrows(), "os^", strict=True):
    plotting.plot_band(ax, middle, by_window(run["loss"]), name, log=True, marker=marker)
ax.axhline(1, color="black", linestyle=":", label="always answering 0")
ax.set(xlabel="step", ylabel="training loss (log)")
legend = ax.legend(fontsize=9)


# %% slideshow={"slide_type": "subslide"}
def seed_by_seed(runs):  # a row for each network, as compare_settings takes them
    rows = runs.rename_axis("setting").reset_index()[["setting", "mse"]].explode("mse")
    return rows.assign(seed=rows.groupby("setting").cumcount())


for name, mse in race["mse"].items():
    print(f"{name:17s} error {mean_interval(mse):.2f}, worst seed ≈{mse.max():.2f}")
compared = compare_settings(seed_by_seed(race), "mse", baseline="no clipping")
for row in compared.itertuples():
    print(f"{row.a} minus no clipping, paired: {row.difference:.2f}")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 沒有 NaN，也沒有一路往上：損失**停在基準線**，像什麼都沒學過。光看損失，你會以為是題目太難。
#
# **主張 5** 不裁剪時，十個種子的驗證誤差平均超過 0.85；依範數裁剪時，不論哪個種子都低於 0.65，平均也較低：成對差（paired difference）的 95% 信賴區間整個在 −0.3 以下，Holm 校正後仍有差異。
#
# **主張 6** 同樣是裁剪，依數值（上限 0.1）的誤差平均比依範數（上限 0.3）的大：成對差的 95% 信賴區間整個在 0 以上。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# No NaN, and no running upwards: it **stays at the baseline**, as if it had never learned. From the loss alone you would think the task too hard.
#
# **Claim 5** Without clipping the validation error of ten seeds is on average above 0.85; clipped by norm it is below 0.65 for every seed, and on average lower: the paired difference has its 95 % confidence interval below −0.3 (a difference after Holm's correction, too).
#
# **Claim 6** Both clip, but by value (limit 0.1) is on average worse than by norm (0.3): the paired difference has its interval above 0.

# %%
mse, versus = race["mse"], compared.set_index("a").loc["norm, limit 0.3"]
rescued = mse["norm, limit 0.3"].max() < 0.65 and versus["difference"].high < -0.3
claim(5, bool(mse["no clipping"].mean() > 0.85 and rescued and versus["differs"]))
worse = paired_difference(mse["value, limit 0.1"], mse["norm, limit 0.3"])
print(f"value minus norm, paired: {worse:.2f}")
claim(6, worse.low > 0)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 驗屍：讀範數的紀錄
#
# 損失看不出來的事，範數看得出來。每一條細線是一個種子，畫的是前 60 步**裁剪前**的範數。不裁剪的網路，在哪一步出事？出事之後，範數為什麼那麼小？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Post-mortem: read the log of norms
#
# What the loss hides, the norm shows. Each thin line is a seed: the norm **before** clipping, over the first 60 steps. When do the networks without clipping come to grief? And why is the norm so small afterwards?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（7 分鐘）ReLU 遞迴網路的梯度範數先衝到一萬以上，之後一直很小，損失停在基準線。範數變小代表什麼？
#
# - ✗ 到了最低點，訓練完成了。 *只記得最低點的梯度是 0。*
# - ✗ 訓練恢復穩定了，再等一等就會進步。 *把安靜當成健康。*
# - ✓ 神經元死了，梯度傳不回去；不管什麼序列，答案都幾乎一樣。 *看答案的標準差接近 0，就能確定。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (7 min) The gradient norm of a ReLU recurrent network shoots up beyond ten thousand and is tiny from then on, while the loss stays at the baseline. What does the small norm mean?
#
# - ✗ A minimum is reached, and training is done. *Remembers only that gradients are 0 at a minimum.*
# - ✗ Training has become stable again and will improve. *Takes quiet for health.*
# - ✓ The units are dead and no gradient gets through; its answers are nearly the same for every sequence. *A standard deviation of its answers near 0 makes sure.*

# %% alt-zh="橫軸是步數，畫前 60 步；縱軸是裁剪前的範數（對數刻度）。左圖不裁剪：多數的線在頭幾步衝到幾十到 1 萬以上，接著多半掉到 1 以下，第 40 與 51 步還各有一次竄到幾十。右圖依範數裁剪：十條線大致在 1 到 100 之間起伏，全都在上限 0.3 的虛線之上。" alt-en="The first 60 steps. Left, no clipping: in the first few steps most lines shoot up, to between a few tens and more than 10,000, and then most fall below 1; at steps 40 and 51 there are two more peaks of some tens. Right, clipped by norm: ten lines move roughly between 1 and 100, all above the dashed line of the limit, 0.3."
figure, axes = plt.subplots(1, 2, figsize=(9.5, 3.4), sharey=True)
for ax, name in zip(axes, ("no clipping", "norm, limit 0.3"), strict=True):
    ax.semilogy(race["norm"][name][:, :60].T, color="#0173B2", linewidth=0.8, alpha=0.7)
    ax.set(xlabel="step", title=name)
axes[0].set(ylabel="norm before clipping (log)")
line_at_limit = axes[1].axhline(0.3, color="#D55E00", linestyle="--")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 一步太大，把 ReLU 全推到負的那一邊：神經元死了（[[activations]]），從此梯度傳不到 W，只剩輸出的偏置（bias）在動。範數變小，**不是**病好了，是網路死了。
#
# 怎麼確定？看網路對一千條序列的答案差多少：完全答對的話，標準差（standard deviation）是 1；死掉的網路接近 0。
#
# **主張 7** 不裁剪時，十個網路至少有九個對所有的序列給出幾乎一樣的答案（標準差不到 0.2），最後 50 步的範數中位數也不到依範數裁剪的五分之一。依範數裁剪時，不論哪個種子，答案的標準差都超過 0.4。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# One step was too large and pushed the ReLUs to their negative side: the units are dead ([[activations]]), no gradient reaches W any more, and only the output bias moves. The norm is small not because all is well, but because the network is **dead**.
#
# To make sure, see how much its answers to a thousand sequences vary: were all right, their standard deviation would be 1; a dead network has nearly 0.
#
# **Claim 7** Without clipping at least nine of ten networks give nearly the same answer to every sequence (standard deviation below 0.2), and the median norm of the last 50 steps is less than a fifth of that with norm clipping. Clipped by norm, the deviation is above 0.4 for every seed.

# %%
spread = race["spread"]
last_norms = {name: float(np.median(norm[:, -50:])) for name, norm in race["norm"].items()}
for name in spread.index:
    print(f"{name:17s} spread of answers ≈{spread[name].min():.3f} to ≈{spread[name].max():.3f}")
dead = (spread["no clipping"] < 0.2).sum() >= 9 and (spread["norm, limit 0.3"] > 0.4).all()
claim(7, bool(dead) and last_norms["no clipping"] < last_norms["norm, limit 0.3"] / 5)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 真正的梯度轉了多少？
#
# 1,121 個權重的梯度，裁剪前後夾角的餘弦（cosine）：1 表示方向不變，0 表示直角。
#
# **主張 8** 依範數裁剪時，每一步的餘弦必然是 1（誤差 10⁻⁶）。依數值裁剪時，不論哪個種子，餘弦的平均都在 0.6 到 0.9 之間；全部的步裡，最低的餘弦低於 0.75，也就是轉了 40° 以上。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### How far do real gradients turn?
#
# The cosine between the gradient of 1,121 weights before and after: 1 keeps the direction, 0 is a right angle.
#
# **Claim 8** By norm the cosine is 1 at every step (to 10⁻⁶), which must hold. By value the mean lies between 0.6 and 0.9 for every seed, and the lowest of all steps is below 0.75: a turn of more than 40°.

# %% alt-zh="橫軸是步數，縱軸是餘弦。依範數裁剪是 1.0 的水平線；依數值裁剪從 0.8 緩緩降到 0.73。" alt-en="Cosine against steps. By norm it is a level line at 1.0; by value it falls slowly from 0.8 to 0.73."
figure, ax = plt.subplots(figsize=(8.5, 2.8))
for name, marker in (("norm, limit 0.3", "^"), ("value, limit 0.1", "s")):
    plotting.plot_band(ax, middle, by_window(race["cosine"][name]), name, marker=marker)
ax.set(xlabel="step", ylabel="cosine, before and after", ylim=(0.5, 1.05))
legend = ax.legend(loc="lower right", fontsize=9)

# %% slideshow={"slide_type": "subslide"}
kept, bent = race["cosine"]["norm, limit 0.3"], race["cosine"]["value, limit 0.1"]
print(f"by value, mean cosine: {mean_interval(bent.mean(axis=1)):.2f}, lowest ≈{bent.min():.2f}")
means = bent.mean(axis=1)
in_range = ((means > 0.6) & (means < 0.9)).all() and bent.min() < 0.75
claim(8, bool((abs(kept - 1) < 1e-6).all() and in_range))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 把學習率調小不就好了？
#
# 公平的比法是兩邊都掃過學習率：不裁剪從 0.0001 到 0.01，依範數裁剪（上限 0.3）從 0.001 到 0.1。
#
# 想一想：不裁剪的話，有沒有哪個學習率也行得通？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Would a smaller rate not do?
#
# To be fair, each sweeps the rate: without clipping from 0.0001 to 0.01, clipped by norm (limit 0.3) from 0.001 to 0.1.
#
# Predict: without clipping, is there a rate that works as well?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（4 分鐘）ReLU 遞迴網路用學習率 0.01 的 SGD 會爆炸。不裁剪，只把學習率調小，行得通嗎？
#
# - ✗ 不行，一定要裁剪。 *以為裁剪讓不可能變成可能。*
# - ✓ 在 0.001 附近，多數種子行得通；裁剪的好處是能用的範圍更寬。 *0.0001 太慢，0.003 又常常爆炸，要剛好猜中。*
# - ✗ 行，學習率越小越好。 *太小的學習率，同樣的步數走不到。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (4 min) A ReLU recurrent network explodes under SGD at rate 0.01. Does it work without clipping, at a smaller rate?
#
# - ✗ No, it has to be clipped. *Thinks that clipping makes the impossible possible.*
# - ✓ Near 0.001 it does for most seeds; what clipping gives is a wider range of rates that work. *0.0001 is too slow and 0.003 too often explodes, so one must hit it.*
# - ✗ Yes, the smaller the better. *Too small a rate does not arrive in the same number of steps.*

# %%
limits_by_name = {"no clipping": math.inf, "norm, limit 0.3": 0.3}
rates = {"no clipping": [1e-4, 3e-4, 1e-3, 3e-3], "norm, limit 0.3": [1e-3, 3e-2, 1e-1]}
grid = {
    (name, lr): setting(max_norm=limits_by_name[name], lr=lr)
    for name, lrs in rates.items()
    for lr in lrs
}
sweep = train_all(grid)
errors = {name: {1e-2: race["mse"][name]} for name in rates}
for (name, lr), mse in sweep["mse"].items():
    errors[name][lr] = mse

# %% alt-zh="橫軸是學習率，縱軸是驗證誤差，都是對數刻度。不裁剪的線在 0.001 附近最低，約 0.5，區間很寬，往兩邊升到 0.8 與 1；依範數裁剪在 0.001 是 0.9，從 0.01 到 0.1 都在 0.4 上下。" alt-en="Validation error against rate, log axes. Without clipping it is lowest near 0.001, about 0.5 with a wide band, and rises to 0.8 and 1 on either side; clipped by norm it is 0.9 at 0.001 and near 0.4 all the way from 0.01 to 0.1." slideshow={"slide_type": "subslide"}
figure, ax = plt.subplots(figsize=(8.5, 3.2))
for (name, by_rate), marker in zip(errors.items(), "o^", strict=True):
    lrs = sorted(by_rate)
    values = np.stack([by_rate[lr] for lr in lrs], axis=1)
    plotting.plot_band(ax, lrs, values, name, log=True, marker=marker)
ax.set(xscale="log", xlabel="rate (log)", ylabel="validation error (log)")
legend = ax.legend()

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 有。學習率 0.001 時不裁剪，多數種子也學得起來，和裁剪的最好成績相差不大（但看看最差的那個種子）。所以裁剪**不是**讓不可能變成可能，而是讓能用的學習率**範圍變寬**。
#
# **主張 9** 看十個種子驗證誤差的中位數：依範數裁剪，學習率 0.01、0.03、0.1 時都低於 0.7；不裁剪，學習率 0.001 時也低於 0.7，0.003 與 0.01 時則都高於 0.7。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# There is one. At 0.001 most seeds learn without clipping, about as well as with clipping at its best rate (but look at the worst seed). So clipping does **not** make the impossible possible; it **widens the range** of rates that work.
#
# **Claim 9** Median validation error of ten seeds: clipped by norm it is below 0.7 at rates 0.01, 0.03 and 0.1; without clipping it is below 0.7 at 0.001, too, and above at 0.003 and 0.01.

# %%
median = {n: {lr: np.median(e) for lr, e in by_rate.items()} for n, by_rate in errors.items()}
for name, lr in (("no clipping", 1e-3), ("norm, limit 0.3", 1e-2)):
    error = errors[name][lr]
    print(f"{name}, rate {lr}: median ≈{np.median(error):.2f}, worst seed ≈{error.max():.2f}")
clipped, unclipped = median["norm, limit 0.3"], median["no clipping"]
wide = max(clipped[lr] for lr in (1e-2, 3e-2, 1e-1)) < 0.7
claim(9, bool(wide and unclipped[1e-3] < 0.7 < min(unclipped[3e-3], unclipped[1e-2])))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 上限怎麼選？
#
# 常見的建議：先記錄一段正常訓練的範數，再取某個**百分位數**（percentile）當上限。（Pascanu 等人看的是平均範數：上限取平均的一半到十倍，仍可能收斂。）
#
# 我們手上有一份大致平穩的紀錄：不裁剪、學習率 0.001。取它的第 10、50、90 百分位數，再把學習率 0.01 的上限掃過一遍（依數值的也掃），畫出誤差。猜猜看：哪一個百分位數落在誤差的谷底？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## How to choose the limit
#
# The usual advice: log the norms of some ordinary training, and take a **percentile** as the limit. (Pascanu et al. go by the average norm: limits from half to ten times that can still converge, they say.)
#
# Of a mostly calm log (no clipping, rate 0.001) take the 10th, 50th and 90th percentiles, sweep the limit at rate 0.01 (by value as well), and draw the error. Guess: which percentile lies in its valley?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（7 分鐘）從一次平靜的訓練（學習率 0.001）記錄梯度範數，拿某個百分位數當上限，再用十倍的學習率訓練同一個遞迴網路。第 10 與第 90 百分位數，哪一個救得回來？
#
# - ✗ 第 90：只削掉最高的尖峰，其他的步不受影響。 *學習率大十倍，平常的步長就已經太長了。*
# - ✗ 兩個都行，有裁剪就好。 *以為上限是多少不要緊。*
# - ✓ 第 10，也就是九成的步都會超過的那個值。 *上限乘上學習率才是步長；學習率大了，上限就要小。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (7 min) Gradient norms are logged in a calm run (rate 0.001), and a percentile becomes the limit for training the same recurrent network at ten times that rate. Which one saves the run, the 10th or the 90th?
#
# - ✗ The 90th: it cuts the highest peaks and leaves the other steps alone. *At ten times the rate, ordinary steps are too long already.*
# - ✗ Both, as long as there is clipping. *Thinks that the limit itself does not matter.*
# - ✓ The 10th, which nine steps in ten of the log exceed. *Rate times limit is the length of a step; with a larger rate the limit must be smaller.*

# %%
calm = sweep["norm"]["no clipping", 0.001]
percentiles = {p: float(np.percentile(calm, p)) for p in (10, 50, 90)}
by_limit = {f"{c:g}": setting(max_norm=c) for c in (0.01, 0.1, 1, 3, 10, 30)}
by_limit |= {f"value {c:g}": setting(max_value=c) for c in (0.003, 0.01, 0.02, 0.03, 0.05, 0.3)}
by_limit |= {f"{p}th": setting(max_norm=percentiles[p]) for p in (10, 90)}
by_limit["1 @ 0.001"] = setting(max_norm=1.0, lr=0.001)
by_limit["1/3 @ 0.003"] = setting(max_norm=1 / 3, lr=0.003)
limited = train_all(by_limit)["mse"]
limited["value 0.1"] = race["mse"]["value, limit 0.1"]
limited["0.3"] = race["mse"]["norm, limit 0.3"]

# %% alt-zh="橫軸是上限，縱軸是驗證誤差，都是對數刻度。依範數的線是 U 字形：0.01 時約 1，0.3 到 3 之間最低約 0.4，10 時約 0.8、區間很寬，30 時又是 1。三條垂直虛線：第 10 百分位數約 4，在谷底邊緣；第 50 百分位數約 12，在右邊的坡上；第 90 百分位數約 35，已超出曲線右端。依數值的另一條線也是 U 字形，最低處在 0.03，約 0.6。" alt-en="Validation error against limit, log axes, U-shaped: about 1 at 0.01, lowest at about 0.4 between 0.3 and 3, about 0.8 with a wide band at 10, and 1 again at 30. Three dashed lines: the 10th percentile, about 4, at the edge of the valley; the 50th, about 12, on the right-hand slope; the 90th, about 35, beyond the right end of the curve. The line by value is U-shaped, too, lowest at 0.03 with about 0.6." slideshow={"slide_type": "subslide"}
figure, ax = plt.subplots(figsize=(8.5, 3.3))
swept = [0.01, 0.1, 0.3, 1, 3, 10, 30]
curve = np.stack([limited[f"{c:g}"] for c in swept], axis=1)
plotting.plot_band(ax, swept, curve, "by norm", log=True, marker="o")
value_limits = [0.003, 0.01, 0.02, 0.03, 0.05, 0.1, 0.3]
curve = np.stack([limited[f"value {c:g}"] for c in value_limits], axis=1)
plotting.plot_band(ax, value_limits, curve, "by value", log=True, marker="s")
for p, c in percentiles.items():
    ax.axvline(c, color="#D55E00", linestyle="--", linewidth=1)
    ax.annotate(f" {p}th", (c, 0.02), xycoords=("data", "axes fraction"), color="#D55E00")
ax.set(xscale="log", xlabel="limit (log)", ylabel="validation error (log)")
legend = ax.legend(loc="lower left")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 這裡的學習率是平靜那次的十倍：第 90 百分位數只削掉尖峰，而平常的步長已經太長了。實際跑過的兩個百分位數裡，救得回來的只有第 10 百分位數：那份紀錄裡**九成的步都超過它**，而且它也只在谷底邊緣。每一步都裁的時候，只有「學習率 × 上限」這個乘積有意義。最後讓依範數與依數值各自用驗證誤差最低的上限，換十個新種子，在測試的序列上比這一次。
#
# **主張 10** 學習率 0.01 時，上限取第 10 百分位數，十個種子的誤差中位數低於 0.6；取第 90 百分位數，中位數高於 0.75，平均也較高（成對差的 95% 信賴區間整個在 0 以上）。上限太小也不行：取 0.01，中位數高於 0.85。
#
# **主張 11** 學習率 0.001、0.003、0.01 分別配上限 1、⅓、0.1，乘積都是 0.001：不論哪個種子，三者的誤差相差都不到 0.01。乘積放大到三倍（0.01 配 0.3），誤差平均低了 0.2 以上（95% 信賴區間整個低於 −0.2）。
#
# **主張 12** 各用自己最好的上限（都是七個裡選一個）時，依數值裁剪的測試誤差平均還是較高：成對差的 95% 信賴區間整個在 0 以上。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# The rate is ten times that of the calm run: the 90th percentile cuts the peaks only, and ordinary steps are too long already. Of the two percentiles we trained with, only the 10th, which **nine steps in ten** of that log exceed, saves the run, at the edge of the valley. Where every step is clipped, only rate × limit has a meaning. Last, by norm and by value, each at its limit of lowest validation error, meet once on the test sequences, with ten new seeds.
#
# **Claim 10** At rate 0.01 the median error of ten seeds is below 0.6 with the 10th percentile as the limit, above 0.75 with the 90th (higher on average, too: paired interval above 0), and above 0.85 with limit 0.01, too small.
#
# **Claim 11** Rates 0.001, 0.003, 0.01 with limits 1, ⅓, 0.1 (product 0.001 each): for every seed the three errors are within 0.01 of one another. Three times that product (0.01 with 0.3) lowers the error by more than 0.2 on average (the whole 95 % confidence interval is below −0.2).
#
# **Claim 12** Each at its own best limit (the best of seven for each), the test error by value is still larger on average: paired interval above 0.

# %% slideshow={"slide_type": "subslide"}
high_minus_low = paired_difference(limited["90th"], limited["10th"])
print(f"90th minus 10th percentile, paired: {high_minus_low:.2f}")
middles = limited.map(np.median)
saved = middles["10th"] < 0.6 and middles["90th"] > 0.75 and high_minus_low.low > 0
claim(10, bool(saved and middles["0.01"] > 0.85))
same_product = np.stack([limited[name] for name in ("1 @ 0.001", "1/3 @ 0.003", "0.1")])
apart = same_product.max(axis=0) - same_product.min(axis=0)  # of each seed
print(f"product 0.001 in three ways: at most ≈{apart.max():.4f} apart")
tripled = paired_difference(limited["0.3"], limited["0.1"])
print(f"product 0.003 minus product 0.001, paired: {tripled:.2f}")
claim(11, bool(apart.max() < 0.01) and tripled.high < -0.2)


# %% slideshow={"slide_type": "subslide"}
def best_limit(limits, prefix=""):
    return min(limits, key=lambda c: limited[f"{prefix}{c:g}"].mean())


best = {"norm": best_limit(swept), "value": best_limit(value_limits, "value ")}
finalists = {"norm": setting(max_norm=best["norm"]), "value": setting(max_value=best["value"])}
final = train_all(finalists, seeds=(10, 15), held_out=TEST)["mse"]
for name, mse in final.items():
    print(f"by {name}, limit ≈{best[name]:g}: test error {mean_interval(mse):.2f}")
excess = paired_difference(final["value"], final["norm"])
print(f"by value minus by norm, paired: {excess:.2f}")
claim(12, excess.low > 0)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 換成 Adam 呢？
#
# Adam 把梯度除以它自己的大小（[[optimizers]]）。那麼裁剪還有用嗎？分兩種情形：
#
# 1. 每一步的梯度都乘上**同一個**倍數，例如 0.001。
# 2. 只有**某一步**的梯度變成一千倍。
#
# 用 20 串隨機的梯度（平均 1、標準差 0.5）各試 2,000 步。猜猜看，哪一種 Adam 感覺得到？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## And under Adam?
#
# Adam divides the gradient by its own size ([[optimizers]]). Is clipping any use, then? Two cases:
#
# 1. The gradients of all steps are multiplied by **one and the same** factor, say 0.001.
# 2. The gradient of **one step** is a thousand times as large.
#
# Try 20 streams of random gradients (mean 1, standard deviation 0.5), 2,000 steps each. Guess: which of the two does Adam feel?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（5 分鐘）用 Adam 訓練。情形一：每一步的梯度都乘上 0.001。情形二：只有某一步的梯度變成一千倍。Adam 感覺得到哪一種？
#
# - ✗ 情形一，步長會變成千分之一。 *那是 SGD；Adam 會除以梯度自己的大小。*
# - ✓ 情形二，之後一千多步都走得很短。 *√v̂ 記住了那個平方，尺撐大了；固定的倍數則約掉了。*
# - ✗ 兩種都感覺不到。 *以為除以自己的大小，就什麼都抵銷了。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (5 min) Training uses Adam. Case one: the gradients of all steps are multiplied by 0.001. Case two: the gradient of one step is a thousand times as large. Which one does Adam feel?
#
# - ✗ Case one: its steps become a thousandth. *That is SGD; Adam divides by the gradient's own size.*
# - ✓ Case two: for more than a thousand steps it hardly moves. *√v̂ remembers that square and the ruler is stretched; a constant factor cancels.*
# - ✗ Neither. *Thinks that dividing by its own size cancels everything.*

# %%
generator = seeding.generator(0)
ordinary = 1 + 0.5 * torch.randn(2000, 20, generator=generator, dtype=torch.float64)
with_spike, clipped_spike = ordinary.clone(), ordinary.clone()
with_spike[500], clipped_spike[500] = 1000, 5  # all others are below 5 anyway


def adam_steps(gradients):  # how far each step goes, in rates: (20 streams, 2000 steps)
    weight, state, path = torch.zeros(20, dtype=torch.float64), {}, []
    for grad in gradients:
        weight = adam_step(weight, grad, state, lr=1.0)
        path.append(weight)
    return torch.stack(path, dim=1).diff(dim=1).abs()


# %% slideshow={"slide_type": "subslide"}
streams = {"ordinary": ordinary, "all × 0.001": 0.001 * ordinary}
streams |= {"spike at step 500": with_spike, "spike, clipped at 5": clipped_spike}
moves = {name: adam_steps(gradients) for name, gradients in streams.items()}

# %% alt-zh="橫軸是步數，縱軸是步長除以學習率。有尖峰的那條在第 500 步跳到 2，接著掉到 0.1 以下，之後一千多步都沒有恢復；裁剪過的只跳到 1.2 左右，很快回到 0.9 左右。" alt-en="Step length over rate against steps. With a spike it jumps to 2 at step 500, then drops below 0.1 and does not recover in more than a thousand steps; clipped, it reaches only about 1.2 and is soon back near 0.9."
figure, ax = plt.subplots(figsize=(8.5, 3.1))
for name in ("spike at step 500", "spike, clipped at 5"):
    plotting.plot_band(ax, range(1, 2000), moves[name], name)
ax.set(xlabel="step", ylabel="length of step / rate", xlim=(300, 2000), ylim=(0, 2.2))
legend = ax.legend(loc="upper right")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 同一個倍數，Adam **完全沒感覺**：分子分母裡都有，約掉了（只差很小的 ε）。所以在 Adam 底下，每一步都裁到同樣的比例，等於沒裁。
#
# 只有一步的尖峰就不同了。當下的步長只變成兩倍，真正的傷害在後面：Adam 用 √v̂ 當每個參數的尺，v̂ 記住了那個平方，**這把尺就撐大了**，之後一千多步都邁不開步伐。裁剪保護的是這把尺。
#
# **主張 13** 全部的梯度都乘 0.001，步長必然不變（只差 ε 那麼一點，不到 0.01%）。20 串梯度的每一串，有尖峰而不裁剪時，第 600 到 1500 步的步長平均不到原本的 0.2 倍；裁到 5 的話，都在 0.9 倍以上。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# One factor for all, and Adam **feels nothing**: it cancels in numerator and denominator (but for the tiny ε). Under Adam, clipping every step by the same share amounts to no clipping.
#
# A single spike is another matter. The step itself is only twice as long; the harm comes afterwards: Adam's ruler for a parameter is √v̂, v̂ remembers that square, the **ruler is stretched**, and for more than a thousand steps it can hardly move. What clipping protects is the ruler.
#
# **Claim 13** With all gradients times 0.001 the steps stay as they are, which must hold (but for ε: no step changes by as much as 0.01 %). In every one of the 20 streams, with a spike and no clipping, steps 600 to 1500 keep on average less than 0.2 of their length; clipped at 5, more than 0.9 of it.

# %%
scale_free = (moves["all × 0.001"] - moves["ordinary"]).abs().max() < 1e-4
calm_length = moves["ordinary"][:, 600:1500].mean(dim=1)
left_over = {name: moves[name][:, 600:1500].mean(dim=1) / calm_length for name in list(streams)[2:]}
for name, share in left_over.items():
    print(f"{name}: {mean_interval(share):.0%} of the ordinary step")
spike, clipped = left_over.values()
claim(13, bool(scale_free and (spike < 0.2).all() and (clipped > 0.9).all()))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 遞迴網路配上 Adam
#
# 同樣的總和題，優化器換成 Adam，比較依範數裁剪（上限 1）與不裁剪，三種學習率，二十個種子。想一想：學習率是哪一個時，裁剪最有用？

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### The recurrent network with Adam
#
# The same sums, with Adam; clipped by norm (limit 1) against no clipping, at three rates, twenty seeds. Predict: at which rate does clipping help most?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（4 分鐘）學加法的 ReLU 遞迴網路改用 Adam，依範數裁剪（上限 1）與不裁剪相比，學習率 0.003、0.01、0.03。在哪一個學習率，裁剪最有用？
#
# - ✗ 都沒有用，Adam 已經把梯度的大小除掉了。 *單一的尖峰還是會撐大 Adam 的尺，太大的一步也照樣會壞事。*
# - ✗ 0.003，因為小的學習率最需要保護。 *學習率小的時候，很少走出太大的一步。*
# - ✓ 0.03。 *不裁剪時多數學不起來，裁剪後的誤差平均不到一半。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (4 min) The ReLU recurrent network that adds up numbers now uses Adam, clipped by norm (limit 1) or not, at rates 0.003, 0.01 and 0.03. At which rate does clipping help most?
#
# - ✗ At none, since Adam divides the size away. *A single spike still stretches Adam's ruler, and too large a step does harm as ever.*
# - ✗ At 0.003, as small rates need most protection. *At a small rate steps are seldom too large.*
# - ✓ At 0.03. *Without clipping most fail there, and clipping more than halves the error on average.*

# %% alt-zh="森林圖，橫軸是裁剪與不裁剪的驗證誤差之比，取以 2 為底的對數。學習率 0.003 時在 0 附近；0.01 時約 −1.1，0.03 時約 −1.9，區間都不含 0。" alt-en="Forest plot of the log2 ratio of validation errors, clipped to not clipped. 0.003 lies near 0; 0.01 is at about -1.1 and 0.03 at about -1.9, both intervals without 0." slideshow={"slide_type": "subslide"}
adam_rates = [0.003, 0.01, 0.03]
limit_of = {"none": math.inf, "norm": 1.0}
adam_grid = {(n, lr): setting(max_norm=c, lr=lr) for n, c in limit_of.items() for lr in adam_rates}
adam = train_all(adam_grid, step=adam_step, seeds=(0, 5, 10, 15))["mse"].map(np.log2)
gains = {lr: paired_difference(adam["norm", lr], adam["none", lr]) for lr in adam_rates}
figure, ax = plt.subplots(figsize=(8, 2.2))
plotting.plot_forest(ax, [f"Adam, rate {lr}" for lr in gains], list(gains.values()))
ax.margins(y=0.2)
axis = ax.set(xlabel="log2(error clipped / error not clipped)")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# −1 表示誤差減半，0 表示一樣。
#
# **主張 14** Adam 的學習率 0.003 時，平均起來，裁剪後的誤差在不裁剪的一半到兩倍之間（對數比的 90% 信賴區間在 ±1 之內）。學習率 0.03 時，不裁剪的誤差中位數高於 0.8，裁剪的低於 0.5；裁剪後的誤差平均不到一半（對數比的 95% 信賴區間整個在 −1 以下）。
#
# 學習率 0.003 時，裁剪就算有用，也很有限；學習率太大（0.03）時，Adam 也學不起來，裁剪救得回來。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# −1 means half the error, 0 the same.
#
# **Claim 14** With Adam at 0.003 the error with clipping is on average between half and twice that without (the 90 % interval of the log ratio lies within ±1). At 0.03 the median error is above 0.8 without and below 0.5 with clipping, and on average clipping more than halves it (the 95 % interval of the log ratio lies below −1).
#
# At 0.003 clipping helps a little at most; at 0.03 Adam fails as well, and clipping saves the run.

# %%
for lr, gain in gains.items():
    print(f"Adam {lr}: log2 of the ratio {gain:.2f}")
medians = {name: 2 ** np.median(adam[name, 0.03]) for name in limit_of}
print(f"median error at 0.03: none ≈{medians['none']:.2f}, norm ≈{medians['norm']:.2f}")
similar = equivalence(adam["norm", 0.003], adam["none", 0.003], margin=1)
print(f"Adam 0.003: {similar:.2f}")
saved = medians["none"] > 0.8 and medians["norm"] < 0.5 and gains[0.03].high < -1
claim(14, bool(similar.shown and saved))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 常見的示範：裁剪一個不會爆炸的網路
#
# 教材常拿[[mnist_mlp]]的 MNIST 網路（Adam 0.01、上限 1）來示範，印出「有裁剪」與「無裁剪」的平均範數，兩邊差不多。有兩個問題：
#
# 1. 「有裁剪」的那個數，是在裁剪**之前**量的。
# 2. 這個網路的梯度**本來就小**，有什麼可以裁？
#
# 重做一次：12,000 張圖（資料較少時用全部），每層 128 個神經元，兩輪，五個種子。`train_epoch` 的 `before_step` 負責裁剪，並記下前後的範數。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## The usual demonstration: clipping a network that does not explode
#
# Tutorials often clip the MNIST network of [[mnist_mlp]] (Adam at 0.01, limit 1), print the mean norm "with clipping" and "without", and find them alike. Two things are wrong:
#
# 1. The number "with clipping" was measured **before** clipping.
# 2. The gradients of this network **are small anyway**: what is there to clip?
#
# Do it again: 12,000 images (or all there are), 128 units per layer, two epochs, five seeds. `before_step` of `train_epoch` clips, and logs the norm before and after.

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（6 分鐘）MNIST 的 MLP 用 Adam（學習率 0.01）訓練，`clip_grad_norm_` 的上限是 1。印出它回傳的平均範數，有裁剪與沒裁剪幾乎一樣。為什麼？
#
# - ✓ 回傳的是裁剪前的範數，而且這個網路的梯度只在開頭幾步超過 1。 *量錯了地方，也幾乎沒有東西可裁。*
# - ✗ 裁剪沒有生效，PyTorch 的函式要另外打開。 *看到數字一樣，就以為程式沒有執行。*
# - ✗ 因為 Adam 會把裁剪掉的部分補回來。 *把「對固定的倍數沒感覺」當成會改變梯度的範數。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (6 min) An MLP trains on MNIST with Adam at 0.01 and `clip_grad_norm_` at limit 1. The mean norm that it returns is nearly the same as without clipping. Why?
#
# - ✓ What it returns is the norm before clipping, and this network's gradients exceed 1 in the first few steps only. *It was measured in the wrong place, and there is hardly anything to clip.*
# - ✗ The clipping did not act; PyTorch has to be told to. *Sees equal numbers and thinks that the code did not run.*
# - ✗ Because Adam makes up for what is clipped. *Takes "feels no constant factor" for a change of the gradient's norm.*

# %% slideshow={"slide_type": "subslide"}
mnist = load_mnist()
print(mnist.banner())
parts = {"train": mnist.train.subset(min(12000, len(mnist.train))), "val": mnist.val}
by_name = {"no clipping": math.inf, "limit 1": 1.0, "limit 0.1": 0.1}
by_name = {name: {"limit": limit} for name, limit in by_name.items()}


# %%
def train_mnist(seed, train, val, limit):
    model = MNIST_MLP(hidden_size=128, seed=seed)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    loader = TensorLoader(train, 128, shuffle=True, generator=seeding.generator(seed))
    before, after = [], []

    def clip(_loss):
        before.append(float(nn.utils.clip_grad_norm_(model.parameters(), limit)))
        after.append(float(nn.utils.get_total_norm([p.grad for p in model.parameters()])))

    with seeded(seed):  # for dropout
        for _ in range(2):
            train_epoch(model, loader, nn.CrossEntropyLoss(), optimizer, "cpu", clip)
    accuracy = evaluate(model, TensorLoader(val, 1000), nn.CrossEntropyLoss(), "cpu")[1]
    return {"accuracy": 100 * accuracy, "before": np.array(before), "after": np.array(after)}


# %%
ordinary_runs = run_seeds(train_mnist, seeds=range(5), settings=by_name, **parts)
logs = {
    (name, when): np.stack(rows[when])
    for name, rows in ordinary_runs.groupby("setting")
    for when in ("before", "after")
}

# %% alt-zh="橫軸是步數，縱軸是 MNIST 網路的梯度範數，都是對數刻度，五個種子。裁剪前與不裁剪幾乎重疊，從 3 左右很快降到 0.5 左右，只有最初幾步高於上限 1；裁剪後不超過 1。上限 5 的點線始終在所有線之上。" alt-en="Gradient norm of the MNIST network against steps, log axes, five seeds. Before clipping and without clipping nearly coincide, falling quickly from about 3 to about 0.5; only the first few steps exceed the limit of 1; after clipping none does. The dotted line at 5 is above everything." slideshow={"slide_type": "subslide"}
figure, ax = plt.subplots(figsize=(8.5, 3.3))
for name, when in (("no clipping", "before"), ("limit 1", "before"), ("limit 1", "after")):
    norms = logs[name, when]
    plotting.plot_band(ax, range(1, 1 + norms.shape[1]), norms, f"{name}, {when}", log=True)
ax.axhline(1, color="black", linestyle="--", linewidth=1)
ax.axhline(5, color="black", linestyle=":", linewidth=1)
ax.set(xscale="log", xlabel="step (log)", ylabel="norm of the gradient (log)")
legend = ax.legend(fontsize=9)

# %% slideshow={"slide_type": "subslide"}
norms = logs["no clipping", "before"]
above = {c: (norms > c).mean(axis=1) for c in (0.1, 1, 5)}
for c, share in above.items():
    measured = f"{mean_interval(share):.1%}" if share.any() else "none"
    print(f"steps with a norm above {c}: {measured}")
scores = {name: rows["accuracy"].to_numpy() for name, rows in ordinary_runs.groupby("setting")}
versus_none = {
    name: equivalence(scores[name], scores["no clipping"], margin=1) for name in list(by_name)[1:]
}
for name, result in versus_none.items():
    print(f"{name} minus no clipping: {result:.2f} (points)")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 上限 5 **一步都沒裁到**，上限 1 只碰到開頭的幾步。上限 0.1 幾乎每一步都裁，準確率（accuracy）還是差不多。可能的原因：範數很快就變化不大，縮的倍數也就差不多，而 Adam 對固定的倍數沒有感覺。
#
# **主張 15** 不論哪個種子，沒有一步的範數超過 5，超過 1 的步不到 25%，超過 0.1 的步在八成以上。上限 1 時，裁剪前的平均範數與不裁剪相差不到 20%；裁剪後的範數，每一步必然不超過 1。
#
# **主張 16** 在完整的 MNIST 上，上限 1 與上限 0.1 的平均準確率都與不裁剪**等效**（equivalent）：差距的 90% 信賴區間在 ±1 個百分點之內。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# Limit 5 **never clips a single step**, limit 1 only the first few. Limit 0.1 clips nearly every step, and accuracy is still much the same. A likely reason: the norm soon changes little, hence the factor, too, and a constant factor Adam does not feel.
#
# **Claim 15** For every seed no step has a norm above 5, fewer than 25 % are above 1, and more than eight in ten above 0.1. With limit 1, the mean norm before clipping is within 20 % of that without clipping; that after clipping no step exceeds 1 must hold.
#
# **Claim 16** On full MNIST the mean accuracies with limit 1 and with limit 0.1 are **equivalent** to that without clipping: the 90 % interval of the difference lies within ±1 point.

# %%
small = not above[5].any() and bool(((above[1] < 0.25) & (above[0.1] > 0.8)).all())
ratio = logs["limit 1", "before"].mean() / norms.mean()
claim(15, small and abs(ratio - 1) < 0.2 and bool(logs["limit 1", "after"].max() < 1.0001))
is_equivalent = all(result.shown for result in versus_none.values())
claim(16, is_equivalent, tiers="full", tier=mnist.tier)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 練習 1：依範數裁剪
#
# 難度 ★★☆，約 10 分鐘。
#
# 不用 `clip_grad_norm_`，寫出 `clip_by_norm(grads, max_norm)`：`grads` 是一串張量。回傳兩樣東西：裁剪後的一串**新**張量，以及裁剪**前**的範數（所有張量合在一起）。短的不拉長，全部是 0 也要能處理。
#
# 要比 PyTorch 的預設更嚴格：梯度裡有 nan 或 inf 時，引發 `ValueError`。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Exercise 1: clip by norm
#
# Difficulty ★★☆, about 10 minutes.
#
# Without `clip_grad_norm_`, write `clip_by_norm(grads, max_norm)`: `grads` is a list of tensors. Return two things: a list of **new**, clipped tensors, and the norm **before** clipping (of all tensors together). Short gradients are not stretched, and all zeros must work.
#
# Be stricter than PyTorch's default: where a gradient is nan or inf, raise a `ValueError`.


# %% tags=["exercise"]
def clip_by_norm(grads, max_norm):
    raise NotImplementedError  # your code here: return clipped, norm


# %% tags=["check"]
exercises.clip_by_norm.check(clip_by_norm)


# %% tags=["solution"]
# One possible answer; open it once you have tried.
def clip_by_norm_solution(grads, max_norm):
    """(clipped copies, norm before clipping) of a list of tensors (Pascanu et al. 2013)."""
    norm = torch.cat([grad.flatten() for grad in grads]).norm()
    if not norm.isfinite():
        raise ValueError(f"the norm of the gradient is {norm}")
    factor = max_norm / norm if norm > max_norm else 1.0
    return [factor * grad for grad in grads], norm


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 練習 2：依數值裁剪，並量出轉了多少
#
# 難度 ★★☆，約 10 分鐘。
#
# 寫出 `clip_by_value(grads, limit)`，回傳 `(clipped, cosine)`：裁剪後的一串**新**張量，以及餘弦。餘弦是**整個**梯度裁剪前後的夾角餘弦，把所有張量放在一起算。傳進來的張量不可以改動。
#
# 做完之後再問：`limit` 越來越小，餘弦會趨近多少？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Exercise 2: clip by value, and measure the turn
#
# Difficulty ★★☆, about 10 minutes.
#
# Write `clip_by_value(grads, limit)`: return (a list of **new**, clipped tensors, the cosine). The cosine is that between the **whole** gradient before and after, all tensors together. The tensors you are given must not change.
#
# When you are done: as `limit` gets smaller and smaller, what does the cosine approach?


# %% tags=["exercise"]
def clip_by_value(grads, limit):
    raise NotImplementedError  # your code here: return clipped, cosine


# %% tags=["check"]
exercises.clip_by_value.check(clip_by_value)


# %% tags=["solution"]
# One possible answer; open it once you have tried. As limit goes to 0, the cosine goes to that
# between g and sign(g): sum(|g|) / (sqrt(n) * norm(g)), where n counts the numbers that are not 0.
def clip_by_value_solution(grads, limit):
    """(clipped copies, cosine between the whole gradient before and after)."""
    clipped = [grad.clamp(-limit, limit) for grad in grads]
    before, after = (torch.cat([g.flatten() for g in part]) for part in (grads, clipped))
    return clipped, F.cosine_similarity(before, after, dim=0)


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 練習 3：從紀錄挑上限
#
# 難度 ★★☆，約 10 分鐘。
#
# `norms` 是一串裁剪前的範數（Python 的 list），一步一個。訓練可能在中途爆炸，從那一步起紀錄裡就有 inf 或 nan，之後的都不可信。寫出 `choose_limit(norms, share)`：回傳一個上限，使得**爆炸之前**的步當中，剛好有比例為 `share`（例如 0.1，即一成）的步會裁剪（範數大於上限的才會）。各步的範數都不相同，步數乘上 `share` 也剛好是整數。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Exercise 3: choose a limit from a log
#
# Difficulty ★★☆, about 10 minutes.
#
# `norms` is a list of norms before clipping, one per step. The run may have exploded on the way: from that step on the log holds inf or nan, and nothing after it can be trusted. Write `choose_limit(norms, share)`: return a limit such that of the steps **before the explosion** exactly a `share` (0.1, say) would be clipped, as those are whose norm is above the limit. No two norms are equal, and that share is a whole number of steps.


# %% tags=["exercise"]
def choose_limit(norms, share):
    raise NotImplementedError  # your code here


# %% tags=["check"]
exercises.choose_limit.check(choose_limit)


# %% tags=["solution"]
# One possible answer; open it once you have tried.
def choose_limit_solution(norms, share):
    """The limit that a share of the norms before the first non-finite one exceeds."""
    sane = []
    for norm in norms:
        if not math.isfinite(norm):
            break
        sane.append(norm)
    return torch.tensor(sane, dtype=torch.float64).quantile(1 - share).item()


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 練習 4：判讀四份紀錄
#
# 四次訓練，裁剪前的範數與上限（虛線）。每一次發生了什麼事？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Exercise 4: read four logs
#
# Four runs: norms before clipping, and the limit (dashed). What happened in each?

# %% alt-zh="四張範數的紀錄，橫軸是步數，縱軸是範數（對數刻度），虛線是上限。A 的線一直在虛線之上；B 先指數上升，第 70 步直落到很低；C 大多在虛線之下，有四根尖峰越過它；D 緩緩下降，一直在虛線之下。" alt-en="Four logs of norms, log axis, limits dashed. A stays above its line; B rises exponentially and at step 70 drops very low; C is mostly below its line, with four peaks above it; D falls slowly and stays below."
figure, axes = plt.subplots(1, 4, figsize=(11, 2.7))
for ax, (name, (log, limit)) in zip(axes, exercises.norm_logs().items(), strict=True):
    ax.semilogy(log, linewidth=0.9)
    ax.axhline(limit, color="#D55E00", linestyle="--")
    ax.set(title=name, xlabel="step")
label = axes[0].set_ylabel("norm before clipping (log)")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 難度 ★☆☆，約 5 分鐘。
#
# 四種各出現一次。每一份紀錄屬於哪一種？
#
# - `"idle"`：訓練一切正常，上限從來沒有作用；
# - `"spikes"`：只擋下少數尖峰；
# - `"always"`：幾乎每一步都裁：步長由上限決定；
# - `"dead"`：爆炸過，上限太高沒擋下來，網路已經死了。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# Difficulty ★☆☆, about 5 minutes.
#
# Each of the four occurs once. Which is which?
#
# - `"idle"`: all went well, and the limit never acted;
# - `"spikes"`: it stopped a few peaks;
# - `"always"`: nearly every step is clipped: the limit sets their length;
# - `"dead"`: it exploded, the limit was too high to stop it, and the network is dead.

# %% tags=["exercise"]
norm_readings = {"A": ..., "B": ..., "C": ..., "D": ...}

# %% tags=["check"]
exercises.norm_readings.check(norm_readings)

# %% tags=["solution"]
# One possible answer; open it once you have tried.
norm_readings_solution = {"A": "always", "B": "dead", "C": "spikes", "D": "idle"}

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 重點整理
#
# - 同一個矩陣連乘很多次，梯度可能指數成長。一步太大，網路可能變成 NaN，也可能**靜靜地死掉**，停在基準線。
# - 依範數裁剪，所有張量合用一個範數、一個倍數，方向不變，只縮不放。依數值裁剪會改變方向。
# - 沒有動量的 SGD 依範數裁剪，一步最長是「學習率 × 上限」；幾乎每一步都裁時，只有這個乘積有意義。
# - 記錄**裁剪前**的範數，先看紀錄，再定上限；從來碰不到的上限，等於沒有。
# - Adam 對固定的倍數沒有感覺，但一個尖峰會撐大它的尺。
# - 學習率調小也可能行（這裡是多數種子）；裁剪的好處是範圍更寬。
#
# **下一課**：[[lr_finder]]，學習率尋找器。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Summary
#
# - Multiply by the same matrix many times, and gradients may grow exponentially. One step too large, and the network turns to NaN, or **dies quietly** at the baseline.
# - By norm: one norm and one factor for all tensors; the direction is kept, and nothing is stretched. By value the gradient turns.
# - Clipped by norm, with SGD without momentum, no step is longer than rate × limit; where nearly every step is clipped, only that product has a meaning.
# - Log the norm **before** clipping, read the log, then set the limit; one that is never reached does nothing.
# - Adam does not feel a constant factor, but one spike stretches its ruler.
# - A smaller rate may do as well (here, for most seeds); what clipping gives you is a wider range.
#
# **Next**: [[lr_finder]], the learning-rate finder.

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "skip"}
# ### 原始文獻
#
# - Bengio, Simard, Frasconi（1994），Learning long-term dependencies with gradient descent is difficult，IEEE Transactions on Neural Networks 5(2)，doi:10.1109/72.279181。
# - Mikolov（2012），Statistical language models based on neural networks，Brno University of Technology 博士論文。依數值裁剪。
# - Pascanu, Mikolov, Bengio（2013），On the difficulty of training recurrent neural networks，ICML（PMLR 28），arXiv:1211.5063。懸崖，與依範數裁剪。
# - Le, Jaitly, Hinton（2015），A simple way to initialize recurrent networks of rectified linear units，arXiv:1504.00941。
# - Zhang, He, Sra, Jadbabaie（2020），Why gradient clipping accelerates training: a theoretical justification for adaptivity，ICLR，arXiv:1905.11881。梯度大的地方，曲率（curvature）往往也大。
# - Holm（1979），A simple sequentially rejective multiple test procedure，Scandinavian Journal of Statistics 6(2)，65–70。

# %% [markdown] lang="en" slideshow={"slide_type": "skip"}
# ### Primary sources
#
# - Bengio, Simard, Frasconi (1994), Learning long-term dependencies with gradient descent is difficult, IEEE Transactions on Neural Networks 5(2), doi:10.1109/72.279181.
# - Mikolov (2012), Statistical language models based on neural networks, doctoral thesis, Brno University of Technology. Clipping by value.
# - Pascanu, Mikolov, Bengio (2013), On the difficulty of training recurrent neural networks, ICML (PMLR 28), arXiv:1211.5063. The cliff, and clipping by norm.
# - Le, Jaitly, Hinton (2015), A simple way to initialize recurrent networks of rectified linear units, arXiv:1504.00941.
# - Zhang, He, Sra, Jadbabaie (2020), Why gradient clipping accelerates training: a theoretical justification for adaptivity, ICLR, arXiv:1905.11881. Where gradients are large, curvature tends to be, too.
# - Holm (1979), A simple sequentially rejective multiple test procedure, Scandinavian Journal of Statistics 6(2), 65–70.
