# %% [markdown] lang="zh-TW" about="六種激活函數與導數；二十層之後還剩多少梯度；死掉的 ReLU" slideshow={"slide_type": "slide"}
# # 激活函數
#
# 每個神經元算完加權總和 z 之後，還要通過一個函數才輸出。這一課看這個函數決定了什麼。學完之後，你能夠：
#
# - 說明網路為什麼不能沒有激活函數（activation function，也譯激勵函數、活化函數）；
# - 讀出六種常用函數的值域、導數與弱點，不靠背，靠量測填完一張比較表；
# - 解釋梯度（gradient）為什麼會在深層網路裡消失（vanish），並在訓練之前就算出它每過一層剩下幾成；
# - 數出死掉的 ReLU（dead ReLU），而且不被單一批次（batch）騙過。
#
# 先備：[[perceptron_xor]]（神經元、多層感知機），以及導數（derivative）與連鎖律（chain rule）。反向傳播（back-propagation）的細節在[[back_propagation]]，這裡交給 autograd。

# %% [markdown] lang="en" about="six functions and their derivatives; what is left of the gradient after twenty layers; dead ReLUs" slideshow={"slide_type": "slide"}
# # Activation functions
#
# Once a neuron has its weighted sum z, it passes it through one more function. This lesson is about what that function decides. By the end you can
#
# - say why a network cannot do without an activation function;
# - read off range, derivative and weak spots of the six common ones, and fill in a table of them by measuring, not by heart;
# - explain why gradients vanish in deep networks, and work out before any training how much is left after each layer;
# - count dead ReLUs without being fooled by a single batch.
#
# It builds on [[perceptron_xor]] (neurons, multi-layer perceptrons), derivatives and the chain rule. [[Back_propagation]] opens it up; here autograd does it.

# %% lang="zh-TW" tags=["setup"] slideshow={"slide_type": "subslide"}
from course_utils.notebook import set_up

device = set_up("activations", language="zh-TW")

# %% lang="en" tags=["setup"] slideshow={"slide_type": "subslide"}
from course_utils.notebook import set_up

device = set_up("activations", language="en")

# %% slideshow={"slide_type": "subslide"}
import math
import timeit

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from scipy import optimize
from torch import nn
from torch.nn import functional as F

from course_utils import plotting, seeding
from course_utils.exercises import activations as exercises
from course_utils.intervals import mean_interval, paired_difference
from course_utils.mnist import load_mnist
from course_utils.notebook.claims import claim
from course_utils.notebook.explore import explore, slider
from course_utils.stacked import StackedMLP

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 拿掉激活函數，還剩下什麼？
#
# 任務：用一個 1 → 16 → 16 → 1 的網路描出 sin(2x)。分別試三種激活函數：什麼都不做（`Identity`）、ReLU、Tanh（一條從 −1 到 1 的 S 形曲線），其他完全一樣。`StackedMLP` 把 20 個網路（每個種子一個）疊成一個，一起訓練，彼此互不影響。
#
# 想一想：沒有激活函數的那個網路也有 321 個參數，它會畫出什麼形狀？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Take the activation away: what is left?
#
# The task: trace sin(2x) with a network 1 → 16 → 16 → 1. We try three activations, one that does nothing (`Identity`), ReLU and Tanh (an S-shaped curve from −1 to 1); all else is the same. `StackedMLP` trains 20 networks, one a seed, side by side; none touches another.
#
# Predict: the network without an activation has 321 parameters too. What shape will it draw?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（6 分鐘）用一個 1 → 16 → 16 → 1 的網路描出 sin(2x)（x 從 −3 到 3），但是不用激活函數：每一層只乘權重、加偏置。它有 321 個參數。訓練完之後，它畫出什麼形狀？
#
# - ✗ 大致是波浪，只是彎得比 sin(2x) 少。*以為參數夠多，就能彌補少掉的激活函數。*
# - ✓ 一條直線。*線性層接在一起，還是一個線性層；一個輸入、一個輸出時就是直線，參數再多也一樣。*
# - ✗ 一條折線，每個隱藏神經元折一次。*以為折點來自隱藏神經元本身；會折的其實是 ReLU。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (6 min) A network 1 → 16 → 16 → 1 is trained to trace sin(2x) for x from −3 to 3, but without an activation function: each layer only multiplies by weights and adds a bias. It has 321 parameters. What shape does it draw after training?
#
# - ✗ Roughly a wave, only with fewer bends than sin(2x). *Thinks that many parameters make up for the missing activation.*
# - ✓ A straight line. *Linear layers in a row are one linear layer; with one input and one output that is a line, however many parameters there are.*
# - ✗ A zigzag line with a corner for each hidden unit. *Thinks that hidden units bend by themselves; it is the ReLU that bends.*


# %%
def fit_curve(activation, x, target):
    nets = StackedMLP(1, [16, 16], 1, activation=activation, seeds=range(20))
    optimizer = torch.optim.Adam(nets.parameters(), lr=0.01, fused=True)
    for _ in range(500):
        loss = (nets(x) - target).square().mean(dim=(1, 2)).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return nets(x).detach().squeeze(2)  # (20 seeds, 200 points)


# %%
x = torch.linspace(-3, 3, 200)[:, None]
target = torch.sin(2 * x)
choices = {"Identity": nn.Identity, "ReLU": nn.ReLU, "Tanh": nn.Tanh}
curves = {name: fit_curve(activation, x, target) for name, activation in choices.items()}

# %% alt-zh="黑色細線是 sin(2x)。ReLU 與 Tanh 的平均曲線幾乎蓋住它；Identity 是一條直線，完全跟不上起伏。" alt-en="A thin black line is sin(2x). The mean curves of ReLU and Tanh all but cover it; Identity is a straight line that follows none of the waves." slideshow={"slide_type": "subslide"}
figure, ax = plt.subplots(figsize=(8, 3.2))
for name, predictions in curves.items():
    plotting.plot_band(ax, x.squeeze(), predictions, name)
ax.plot(x, target, color="black", linewidth=1, label="sin(2x)")
ax.set(xlabel="input x", ylabel="output, mean of 20 seeds")
legend = ax.legend(ncol=4, loc="upper center", bbox_to_anchor=(0.5, 1.2))

# %% slideshow={"slide_type": "subslide"}
best_line = np.polyval(np.polyfit(x.squeeze(), target.squeeze(), deg=1), x.squeeze())
line_error = np.square(best_line - target.squeeze().numpy()).mean()
errors = {name: (y - target.squeeze()).square().mean(dim=1) for name, y in curves.items()}
print(f"best straight line: MSE {line_error:.3f}")
for name, error in errors.items():
    print(f"{name:>8}: MSE {mean_interval(error):.4f}")

# %% [markdown] lang="zh-TW"
# 一條直線！三個線性層接在一起，仍然只是一個線性層（[[perceptron_xor]]用矩陣相乘證明過），再多參數、再多層都一樣。
#
# **主張 1** 沒有激活函數時，20 個網路沒有一個勝過最佳直線（均方誤差 0.436；mean squared error，MSE）；用 ReLU 或 Tanh 時，20 個網路的誤差都在 0.2 以下，不到直線的一半。

# %% [markdown] lang="en"
# A straight line! Three linear layers in a row are still one linear layer ([[perceptron_xor]] showed it by multiplying the matrices). More parameters and more layers change nothing.
#
# **Claim 1** Without an activation not one of 20 seeds beats the best straight line (mean squared error 0.436); with ReLU or Tanh all 20 end below 0.2, less than half of that.

# %%
beaten = bool((errors["Identity"] < line_error - 1e-4).any())
claim(1, not beaten and max(errors["ReLU"].max(), errors["Tanh"].max()) < 0.2)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 六種激活函數，和它們的導數
#
# 激活函數的第二個用途是控制輸出範圍：最後一層接上 sigmoid，輸出落在 0 與 1 之間，可以當成機率來讀。這一課談的是**隱藏層**，那裡更要緊的是**導數**：反向傳播時，梯度每經過一個神經元，就要乘一次這個導數。
#
# 六種函數是：sigmoid、Tanh、ReLU；LeakyReLU，在 0 的左邊留一點斜率（slope）；GELU 與 SiLU，ReLU 的兩個平滑的近親。
#
# 想一想：六種函數當中，哪些的導數可以大於 1？哪些可以小於 0？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Six activation functions, and their derivatives
#
# An activation has a second use, to bound an output: a sigmoid after the last layer gives numbers between 0 and 1 that can be read as probabilities. This lesson is about **hidden** layers, where the **derivative** matters more: in back-propagation the gradient is multiplied by it once at every neuron it passes.
#
# The six are sigmoid, Tanh and ReLU; LeakyReLU, which keeps a small slope left of 0; GELU and SiLU, two smooth relatives of ReLU.
#
# Predict: which of the six have a derivative that can exceed 1? Which can go below 0?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（7 分鐘）sigmoid、Tanh、ReLU、LeakyReLU（斜率 0.1）、GELU、SiLU 六種激活函數，哪些的導數有的地方大於 1，有的地方小於 0？
#
# - ✗ Tanh，它最陡。*把「在 0 最陡」當成「超過 1」；Tanh 的導數最大剛好是 1。*
# - ✗ LeakyReLU，它讓負數通過。*把負的輸出和負的斜率混為一談；它的斜率只有 0.1 和 1。*
# - ✗ 都沒有，激活函數只升不降。*以為激活函數一定單調。*
# - ✓ GELU 和 SiLU。*它們在 0 的左邊先降再升，到了右邊，有一段升得比 z 本身還快一點。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (7 min) Of the activations sigmoid, Tanh, ReLU, LeakyReLU (slope 0.1), GELU and SiLU, which have a derivative that is above 1 in some places and below 0 in others?
#
# - ✗ Tanh, for it is the steepest. *Takes "steepest at 0" for "above 1"; the largest derivative of Tanh is exactly 1.*
# - ✗ LeakyReLU, for it lets negative numbers through. *Confuses a negative output with a negative slope; its slopes are 0.1 and 1.*
# - ✗ None: an activation only rises. *Thinks that every activation is monotone.*
# - ✓ GELU and SiLU. *Left of 0 they fall before they rise, and on the right they rise a little faster than z itself for a while.*

# %%
ACTIVATIONS = {
    "Sigmoid": nn.Sigmoid,
    "Tanh": nn.Tanh,
    "ReLU": nn.ReLU,
    "LeakyReLU(0.1)": lambda: nn.LeakyReLU(0.1),  # 0.1 is the slope left of zero
    "GELU": nn.GELU,
    "SiLU": nn.SiLU,
}


def value_and_slope(activation, z):
    z = z.clone().requires_grad_()
    y = activation(z)
    (slope,) = torch.autograd.grad(y.sum(), z)
    return y.detach(), slope


# %% alt-zh="六張小圖，實線是函數、虛線是導數。Sigmoid 的導數最高只到 0.25，Tanh 的導數到 1 但兩端趨近 0；ReLU 的導數從 0 跳到 1；LeakyReLU 從 0.1 跳到 1；GELU 與 SiLU 的導數平滑，左邊略低於 0，右邊略高於 1。" alt-en="Six small plots, function solid, derivative dashed. Sigmoid's derivative peaks at 0.25; Tanh's reaches 1 but falls to 0 at both ends; ReLU's jumps from 0 to 1, LeakyReLU's from 0.1 to 1; those of GELU and SiLU are smooth, dip below 0 on the left and rise a little above 1 on the right." slideshow={"slide_type": "subslide"}
z = torch.linspace(-5, 5, 2001, dtype=torch.float64)
figure, axes = plt.subplots(2, 3, figsize=(10, 4.4), sharex=True)
for ax, (name, activation) in zip(axes.flat, ACTIVATIONS.items(), strict=True):
    y, slope = value_and_slope(activation(), z)
    ax.plot(z, y, label="function")
    ax.plot(z, slope, label="derivative")
    ax.set(title=name, ylim=(-1.2, 2.2))
figure.supxlabel("z (weighted sum)")
legend = axes[0, 0].legend(fontsize=9, loc="upper left")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 讀圖，再用數字核對
#
# **主張 2** sigmoid 的導數最大是 0.25，出現在 z = 0；autograd 給的 ReLU 導數只有 0 與 1 兩個值（在轉角 z = 0 沒有導數，PyTorch 取 0）。
#
# **主張 3** GELU 與 SiLU 的導數最大超過 1.09，最小低於 −0.09：它們在左邊會先下降再上升，不是單調函數。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### Read the picture, then check the numbers
#
# **Claim 2** The derivative of the sigmoid is at most 0.25, reached at z = 0; autograd gives ReLU only the derivatives 0 and 1 (at the corner z = 0 there is none, and PyTorch says 0).
#
# **Claim 3** The derivatives of GELU and SiLU rise above 1.09 and fall below −0.09: on the left these functions first fall and then rise; they are not monotone.

# %%
slopes = {name: value_and_slope(make(), z)[1] for name, make in ACTIVATIONS.items()}
highest_at_zero = abs(z[slopes["Sigmoid"].argmax()]) < 1e-6
claim(2, bool(highest_at_zero) and set(slopes["ReLU"].tolist()) == {0.0, 1.0})
claim(3, all(slopes[f].max() > 1.09 and slopes[f].min() < -0.09 for f in ("GELU", "SiLU")))
pd.DataFrame(
    {f: {"smallest": s.min().item(), "largest": s.max().item()} for f, s in slopes.items()}
).round(3)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 谷底有多深？
#
# GELU 和 SiLU 在 0 的左邊有一個淺谷。谷底沒有簡單的公式，就讓 `scipy.optimize` 去找。
#
# 猜猜看：誰的谷比較深？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## How deep is the valley?
#
# GELU and SiLU have a shallow valley left of 0. Its bottom has no simple formula, so let `scipy.optimize` find it.
#
# Guess: whose is deeper?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（3 分鐘）GELU 是 z·Φ(z)，Φ(z) 是標準常態的數小於 z 的機率；SiLU 是 z 乘上 sigmoid(z)。兩者在 0 的左邊都有一個淺谷。誰的谷比較深？為什麼？
#
# - ✓ SiLU。*往左走，sigmoid 降到 0 的速度比 Φ 慢，所以負的 z 留下得比較多。*
# - ✗ GELU，它的谷比較窄，所以比較深。*把窄當成深；谷窄正是因為 Φ 降得快，留下的負值反而少。*
# - ✗ 一樣深，兩個是同一個函數的近似。*圖上長得像，就當成同一個函數；SiLU 並不是 GELU 的近似式。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (3 min) GELU is z·Φ(z), where Φ(z) is the probability that a standard normal number is less than z; SiLU is z times sigmoid(z). Both have a shallow valley left of 0. Whose is deeper, and why?
#
# - ✓ SiLU's. *To the left the sigmoid falls to 0 more slowly than Φ, so more of a negative z is left.*
# - ✗ GELU's: its valley is narrower, and so it is deeper. *Takes narrow for deep; it is narrow because Φ falls fast, which leaves less of a negative z.*
# - ✗ Neither's: both approximate one function. *Takes curves that look alike for the same function; SiLU is no approximation of GELU.*


# %%
def lowest_point(function):
    def value(z):
        return function(torch.tensor(z, dtype=torch.float64)).item()

    found = optimize.minimize_scalar(value, bounds=(-5, 0), method="bounded")
    return found.x, found.fun


lowest = {"GELU": lowest_point(F.gelu), "SiLU": lowest_point(F.silu)}
for name, (where, depth) in lowest.items():
    print(f"{name}: lowest value {depth:.3f} at z = {where:.2f}")

# %% [markdown] lang="zh-TW"
# **主張 4** GELU 的最小值是 −0.170，SiLU 的是 −0.278（四捨五入到小數第三位）。
#
# 所以它們的輸出可以是負的，只是負不了多少。

# %% [markdown] lang="en"
# **Claim 4** The smallest value of GELU is −0.170 and that of SiLU −0.278 (rounded to three places).
#
# So their outputs can be negative, only not by much.

# %%
claim(4, round(lowest["GELU"][1], 3) == -0.170 and round(lowest["SiLU"][1], 3) == -0.278)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## LeakyReLU：說清楚是哪個斜率
#
# 常見的教材在表格裡寫 `max(0.01x, x)`，圖上畫的卻是斜率 0.1。兩個都叫 LeakyReLU，左半邊卻差十倍。PyTorch 的預設是 0.01。
#
# 想一想：如果橫軸和縱軸都從 −5 到 5，你看得出 0.01 和 ReLU 的差別嗎？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## LeakyReLU: say which slope
#
# Course notes often print `max(0.01x, x)` and plot a slope of 0.1. Both are called LeakyReLU, and their left halves differ tenfold. PyTorch's default is 0.01.
#
# Predict: with both axes from −5 to 5, could you tell 0.01 from ReLU?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（4 分鐘）把 ReLU 和斜率 0.01 的 LeakyReLU 畫在一起，橫軸和縱軸都從 −5 到 5。看得出差別嗎？這對訓練又說明了什麼？
#
# - ✗ 看得很清楚：0 的左邊一條平、一條斜。*想到的是教材上常畫的 0.1，那是十倍的斜率。*
# - ✗ 幾乎看不出來，所以訓練時用哪一個都一樣。*只看輸出；反向傳播看的是斜率，0 什麼都傳不過去，0.01 還傳得過去一點。*
# - ✓ 幾乎看不出來，在 −5 也只差 0.05；但訓練時不一樣。*一個斜率剛好是 0，一個不是，差在梯度有沒有路可走。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (4 min) ReLU and LeakyReLU with slope 0.01 are drawn together, both axes from −5 to 5. Can you tell them apart, and what does that say about training?
#
# - ✗ Easily: left of 0 one is flat and the other slopes. *Thinks of the slope that textbooks like to draw, 0.1, which is tenfold.*
# - ✗ Hardly, so in training it does not matter which one you take. *Looks at the output only; back-propagation looks at the slope, and 0 lets nothing through where 0.01 lets a little.*
# - ✓ Hardly, for even at −5 they are only 0.05 apart; yet in training they differ. *One slope is exactly 0, the other is not: that decides whether the gradient has a way through.*

# %% alt-zh="橫軸是 z，只畫小於 0 的部分；縱軸是輸出。ReLU 是 0，斜率 0.01 略往下，在 z = −5 處是 −0.05；斜率 0.1 明顯往下，同一處是 −0.5。" alt-en="Only z below 0: ReLU is 0, slope 0.01 goes down a little, to −0.05 at z = −5, slope 0.1 clearly, to −0.5."
negative = torch.linspace(-5, 0, 101)
leaks = {"ReLU": 0.0, "slope 0.01": 0.01, "slope 0.1": 0.1}
figure, ax = plt.subplots(figsize=(7, 2.4))
for name, slope in leaks.items():
    ax.plot(negative, F.leaky_relu(negative, slope), label=name)
ax.set(xlabel="z (weighted sum)", ylabel="output")
legend = ax.legend()

# %% [markdown] lang="zh-TW"
# 這張圖的縱軸只有 −0.5 到 0，才看得出斜率 0.01；縱軸若也是 −5 到 5，它離 ReLU 最遠只有 0.05，幾乎疊在一起。但它的導數不是 0：對反向傳播來說，這就是「還有路」和「沒有路」的差別。斜率是多出來的一個超參數（hyperparameter），所以以下凡用到 LeakyReLU，都會寫出斜率。

# %% [markdown] lang="en"
# Slope 0.01 shows only because this axis ends at −0.5, not −5. Yet its derivative is not 0: to back-propagation that is the difference between a way through and none. The slope is one more hyperparameter, so from here on every LeakyReLU is named with its own.

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 一張量出來的比較表
#
# 優缺點不用背，用量的。在 −100 到 100 之間量函數值和導數；再餵標準常態（standard normal，平均 0、標準差 1）的 z，看輸出的平均離 0 多遠。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## A table that was measured
#
# Instead of learning strengths and weaknesses by heart, measure: value and derivative between −100 and 100; then the mean output where z is standard normal (mean 0, standard deviation 1).

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（7 分鐘）sigmoid 和 Tanh 的輸出有上下限。為什麼這在輸出層受歡迎，在隱藏層卻是麻煩？
#
# - ✗ 隱藏層應該把數字原樣傳下去，有上下限就會改變它。*以為隱藏層只是傳遞；什麼都不改變的層，接再多也只是一個線性層。*
# - ✓ 輸出有上下限的曲線，兩端一定變平，那裡的梯度幾乎傳不到前面的層。*在輸出層，有上下限才能當機率讀；在隱藏層，變平就擋住了梯度。*
# - ✗ 算起來比較慢，而隱藏層有很多層。*把有界和慢混為一談；一層的時間大多花在矩陣乘法上。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (7 min) The outputs of sigmoid and Tanh have an upper and a lower limit. Why is that welcome at the output and a nuisance in a hidden layer?
#
# - ✗ A hidden layer should hand numbers on as they are, and limits change them. *Thinks that hidden layers only pass on; layers that change nothing are, however many, one linear layer.*
# - ✓ A curve with limits goes flat at both ends, and from there hardly any gradient reaches the layers before. *At the output the limits make a probability of it; in a hidden layer the flat ends stop the gradient.*
# - ✗ It takes longer to compute, and there are many hidden layers. *Confuses bounded with slow; most of a layer's time goes into its matrix product.*


# %%
def measure(activation):
    z = torch.linspace(-100, 100, 200_001, dtype=torch.float64)
    y, slope = value_and_slope(activation, z)
    normal = torch.from_numpy(seeding.rng(0).standard_normal(100_000))
    return {
        "lowest": y.min().item(),
        "highest": y.max().item(),
        "slope at -100": slope[0].item(),
        "slope at 100": slope[-1].item(),
        "smallest slope": slope.min().item(),
        "largest jump of slope": slope.diff().abs().max().item(),
        "mean output": activation(normal).mean().item(),
    }


# %% slideshow={"slide_type": "subslide"}
seven = {**ACTIVATIONS, "LeakyReLU(0.01)": nn.LeakyReLU}
order = ["Sigmoid", "Tanh", "ReLU", "LeakyReLU(0.01)", "LeakyReLU(0.1)", "GELU", "SiLU"]
measured = pd.DataFrame({name: measure(seven[name]()) for name in order}).T
(measured.round(3) + 0.0).map("{:.3f}".format)  # adding 0 turns -0 into 0

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 從量測到優缺點
#
# 對這七種函數，哪一端的斜率是 0，輸出在那一端就有界（bounded）；斜率還在，就會一直走到 ±∞。所以「有界」和「兩端平坦」是**同一件事**：用在輸出層是優點，用在隱藏層（hidden layer）是缺點。sigmoid 的最大值印成 1.000：數學上永遠到不了 1，是浮點數四捨五入的結果（[[losses]]會再遇到）。
#
# 每一條優缺點，都由上表的數字判定。下面公式裡的 Φ(z)，是標準常態的數小於 z 的機率。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### From measurements to strengths and weaknesses
#
# For these seven, where the slope at an end is 0 the output is bounded at that end; where it is not, the output goes on to ±∞. So "bounded" and "flat at both ends" are **one and the same**: a strength at the output, a weakness in a hidden layer. The sigmoid's highest value prints as 1.000: it never gets there, but rounding does ([[losses]] will meet this again).
#
# Each strength and weakness is a condition on the table above. In the formulas below, Φ(z) is the probability that a standard normal number is less than z.


# %%
def judge(m):
    ends_flat = max(m["slope at -100"], m["slope at 100"]) < 0.001
    strengths = {
        "bounded": ends_flat,
        "mean output near 0": abs(m["mean output"]) < 0.02,
        "slope 1 for large z": m["slope at 100"] > 0.999,
        "slope never 0": m["smallest slope"] > 0.001,
        "smooth": m["largest jump of slope"] < 0.01,
    }
    weaknesses = {
        "flat at both ends": ends_flat,
        "flat on the left": not ends_flat and m["slope at -100"] < 0.001,
        "mean output above 0": m["mean output"] > 0.1,
        "corner at 0": m["largest jump of slope"] > 0.5,
        "not monotone": m["smallest slope"] < -0.01,
    }
    return [", ".join(k for k in words if words[k]) for words in (strengths, weaknesses)]


# %% slideshow={"slide_type": "subslide"}
pd.set_option("display.max_colwidth", None)
low = measured["lowest"].map("{:.3f}".format).where(measured["slope at -100"] < 0.001, "-∞")
high = measured["highest"].map("{:.3f}".format).where(measured["slope at 100"] < 0.001, "∞")
formulas = ["1 / (1 + exp(-z))", "tanh(z)", "max(0, z)", "z if z > 0 else 0.01 z"]
formulas += ["z if z > 0 else 0.1 z", "z Φ(z)", "z / (1 + exp(-z))"]
table = pd.DataFrame({"formula": formulas, "range": low + " to " + high}, index=order)
table[["strengths", "weaknesses"]] = [judge(row) for _, row in measured.iterrows()]
table

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 這些為什麼算弱點？
#
# - **平坦**（flat）：斜率是 0 的地方，梯度傳不過去。
# - **平均大於 0**：權重（weight）的梯度是 δ·h（δ 是往回傳到這個神經元的梯度，h 是這個神經元的輸入）。前一層的 h 若全是正的，同一個樣本就會把這個神經元的所有權重一起往上推，或一起往下推；要讓一個增加、另一個減少，只能繞路（LeCun 等人，1998）。
# - **0 處有尖角**（corner）：尖角上沒有導數，導數在兩側突然改變。對梯度下降通常不要緊；用有限差分檢查梯度、或用到曲率（斜率變得多快）的方法，遇到尖角就不準。
# - **不單調**（not monotone）：兩個不同的 z 給出同一個輸出，而且在谷底左邊，z 變大，輸出反而變小。
#
# **主張 5** 七種當中，只有 Tanh 的平均輸出在 0 附近（0.02 以內），只有兩種 LeakyReLU 的斜率處處大於 0.001。
#
# 表裡沒有「效果好」這一欄：效果要看任務，[[training_practice]]會在 MNIST 上比。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### Why are these weaknesses?
#
# - **Flat**: where the slope is 0, no gradient gets through.
# - **Mean above 0**: the gradient of a weight is δ·h (δ is the gradient that comes back to the unit, h what enters it). If the layer before gives only positive h, one example pushes all the weights of a unit up together or down together; to raise one and lower another, they must take a detour (LeCun et al. 1998).
# - **Corner at 0**: there the derivative does not exist, and from one side to the other it jumps. Gradient descent hardly minds; checking a gradient by finite differences goes wrong there, and so do methods that use the curvature (how fast the slope changes).
# - **Not monotone**: two different z give the same output, and left of the valley a larger z gives a smaller one.
#
# **Claim 5** Of the seven, only Tanh has a mean output near 0 (within 0.02), and only the two LeakyReLUs have a slope above 0.001 everywhere.
#
# There is no column "works well": that depends on the task, and [[training_practice]] compares them on MNIST.

# %%
near_zero = table.index[table["strengths"].str.contains("mean output near 0")]
never_flat = table.index[table["strengths"].str.contains("slope never 0")]
claim(5, list(near_zero) == ["Tanh"] and list(never_flat) == order[3:5])

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 比較慢，是慢多少？
#
# 「GELU 計算較慢」：單看函數本身，這句話沒錯。但激活函數不會單獨出現，前面總有一個矩陣乘法（這裡是 1024 → 1024）。猜猜看：前向計算（forward pass）一次，激活函數佔整層時間的百分之幾？（數字因機器而異；輸入越多，矩陣乘法越久，比例就越小。）

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### Slower, but by how much?
#
# "GELU is slower" is true of the function alone. But an activation never comes alone: there is a matrix product in front of it (here 1024 → 1024). Guess: of the time of the layer's forward pass, how many percent are the activation's? (It depends on the machine; the more inputs, the longer the matrix product, and the smaller that share.)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（3 分鐘）一層是 1024 → 1024 的矩陣乘法，後面接激活函數。單獨計時，GELU 要花 ReLU 的好幾倍時間。把這一層的 ReLU 換成 GELU，整層前向計算的時間會怎樣？
#
# - ✗ 變成好幾倍。*忘了前面的矩陣乘法，整層的時間幾乎都花在那裡。*
# - ✗ 變短，平滑的函數比有尖角的好算。*把平滑當成便宜；GELU 單獨來看就比 ReLU 慢。*
# - ✓ 只多出百分之幾。*矩陣乘法佔了絕大部分的時間，激活函數慢一點也看不太出來。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (3 min) A layer is a matrix product, 1024 → 1024, and then an activation. Timed by itself, GELU takes several times as long as ReLU. What happens to the time of the whole layer's forward pass when GELU takes the place of ReLU?
#
# - ✗ It becomes several times as long. *Forgets the matrix product, which takes nearly all of the layer's time.*
# - ✗ It gets shorter: what is smooth is easier to compute than what has a corner. *Takes smooth for cheap; by itself GELU is the slower one.*
# - ✓ It grows by a few percent. *The matrix product takes by far the most time, so that a slow activation hardly shows.*


# %% tags=["timing"]
batch = torch.randn(512, 1024, generator=seeding.generator(0))


def seconds(layer):
    layer.requires_grad_(False)
    return min(timeit.repeat(lambda: layer(batch), number=2, repeat=10))


linear, relu = seconds(nn.Linear(1024, 1024)), seconds(nn.ReLU())
for name in ("Tanh", "GELU", "SiLU"):
    alone = seconds(ACTIVATIONS[name]())
    share = 100 * alone / (alone + linear)
    print(f"{name}: ≈{alone / relu:.1f} times ReLU, ≈{share:.0f} % of its layer's time")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 梯度消失：0.25 的十次方
#
# 十層 sigmoid，反向傳播就要乘上十個導數，每個最多 0.25。
#
# **主張 6** 0.25¹⁰ 小於百萬分之一（約 9.5 × 10⁻⁷）。
#
# 於是常聽到這樣的結論：「ReLU 的導數是 0 或 1，不會越乘越小。」這句話對不對，不用吵，量就知道。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Vanishing gradients: 0.25 to the tenth
#
# Ten layers of sigmoid: back-propagation multiplies ten derivatives, each at most 0.25.
#
# **Claim 6** 0.25¹⁰ is less than a millionth (about 9.5 × 10⁻⁷).
#
# Hence a sentence you will often hear: "ReLU's derivative is 0 or 1, so the product does not shrink." No need to argue about it; measure.

# %%
claim(6, 0.25**10 < 1e-6)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 怎麼量
#
# 拿一個還沒訓練的網路（每層 64 個神經元），餵 256 筆隨機輸入、隨機標籤（損失是交叉熵，[[losses]]會講），做**一次**反向傳播，記下每一層權重梯度的長度，也就是範數（norm）。十個種子，每個種子一個網路。只換三樣東西：激活函數、深度（depth），以及初始化（initialization），也就是權重從哪些亂數開始。
#
# （長度用 `double` 來算：10⁻²⁰ 左右的數，平方之後 float32 存不準。）

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### How we measure
#
# Take an untrained network, 64 units per layer, feed it 256 random inputs with random labels (the loss is cross-entropy, see [[losses]]), back-propagate **once**, and record how long the gradient of each layer's weights is. Ten seeds, a network each. Three things vary: the activation, the depth, and the initialization, that is, the random numbers at which the weights begin.
#
# (Lengths in `double`: float32 cannot hold the squares of numbers around 10⁻²⁰.)


# %%
generator = seeding.generator(0)
noise = torch.randn(256, 64, generator=generator)
noise_labels = torch.randint(0, 10, (256,), generator=generator)


def gradient_norms(activation, depth, initialization="default", weight_scale=1.0):
    settings = {"activation": activation, "initialization": initialization}
    nets = StackedMLP(64, [64] * depth, 10, seeds=range(10), **settings)
    weights = [p for name, p in nets.named_parameters() if name.endswith("weight")]
    with torch.no_grad():
        for weight in weights:
            weight.mul_(weight_scale)
    logits = nets(noise).flatten(0, 1)
    loss = 10 * F.cross_entropy(logits, noise_labels.repeat(10))  # a sum of ten mean losses
    loss.backward()
    norms = [w.grad.double().flatten(1).norm(dim=1) for w in weights]
    return torch.stack(norms).numpy()  # (layers, 10 seeds)


# %% slideshow={"slide_type": "subslide"}
DEPTHS = np.arange(2, 21, 2)


def first_layer_norms(activation, initialization):
    norms = [gradient_norms(activation, depth, initialization)[0] for depth in DEPTHS]
    return np.stack(norms, axis=1)  # (10 seeds, depths)


default = {name: first_layer_norms(make, "default") for name, make in ACTIVATIONS.items()}


def plot_depths(runs, title):
    _, ax = plt.subplots(figsize=(8, 3.3))
    for name, norms in runs.items():
        plotting.plot_band(ax, DEPTHS, norms, name, log=True)
    ax.set(xlabel="depth (hidden layers)", ylabel="gradient norm, layer 1", title=title)
    ax.set(xticks=DEPTHS, ylim=(1e-19, 1e2))
    return ax.legend(ncol=2, fontsize=9, loc="lower left")


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### PyTorch 的預設初始化
#
# 想一想：從 2 層加到 20 層，六條線哪幾條會保持水平？

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### PyTorch's default initialization
#
# Predict: going from 2 layers to 20, which of the six lines will stay level?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（7 分鐘）還沒訓練的網路，2 到 20 個隱藏層，每層 64 個神經元，PyTorch 的預設初始化。用六種激活函數，分別畫出第一層梯度的長度（對數刻度）隨深度的變化。哪些線會保持水平？
#
# - ✗ ReLU 和 LeakyReLU，它們右邊的斜率是 1。*只看斜率；梯度往回走，每一層還要乘上權重。*
# - ✗ 除了 sigmoid 以外都會，只有它的斜率小。*以為只有 0.25 這種小斜率才會讓梯度消失。*
# - ✓ 一條都沒有，全部往下掉，Tanh 掉得最慢。*每一層乘上的是斜率和權重，光是預設的權重就會讓梯度縮到約 0.58 倍。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (7 min) Untrained networks of 2 to 20 hidden layers, 64 units each, with PyTorch's default initialization. For each of six activations, plot the length of the first layer's gradient (log scale) against depth. Which lines stay level?
#
# - ✗ Those of ReLU and LeakyReLU, whose slope on the right is 1. *Looks at the slope alone; going back, the gradient is multiplied by each layer's weights as well.*
# - ✗ All but the sigmoid's: only its slope is small. *Thinks that only a slope as small as 0.25 makes gradients vanish.*
# - ✓ None: all of them fall, Tanh's the slowest. *Each layer multiplies by the slope and by the weights, and the default weights alone shrink the gradient to about 0.58.*

# %% alt-zh="橫軸是深度，縱軸是第一層的梯度長度（對數刻度）。六條線隨深度全部直線下降，沒有一條保持水平。20 層時，Tanh 約 10 的負 5 次方，ReLU 與 LeakyReLU(0.1) 約 10 的負 8 次方，GELU 與 SiLU 約 10 的負 11 次方，Sigmoid 約 10 的負 17 次方。" alt-en="On a logarithmic axis all six lines fall straight down with depth; none stays level. At twenty layers Tanh is near 5e-6, ReLU and LeakyReLU(0.1) near 7e-9, GELU and SiLU near 1e-11, Sigmoid near 4e-18."
legend = plot_depths(default, "PyTorch's default initialization, 10 seeds, 95 % bands")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 一條都沒有。（看起來只有四條：ReLU 與 LeakyReLU(0.1)、GELU 與 SiLU 各疊在一起。）在對數軸上它們全是直線：每多一層，就乘上一個固定的倍數。ReLU 也不例外。
#
# **主張 7** 在 PyTorch 的預設初始化下，從 2 層加到 20 層，六種激活函數各十個網路，第一層的梯度全都縮到不足千分之一；ReLU 到 20 層時不到 10⁻⁶。所以「ReLU 不會越乘越小」在這裡不成立。
#
# **主張 8** 20 層時，不論哪個種子，Tanh 留下的梯度都是 ReLU 的一百倍以上。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# None of them. (It looks like four: ReLU and LeakyReLU(0.1) lie on each other, and so do GELU and SiLU.) On a logarithmic axis they are straight: one more layer, times a fixed factor. ReLU is no exception.
#
# **Claim 7** With PyTorch's default initialization, from 2 to 20 layers, the first layer's gradient shrinks more than a thousandfold for all six activations and all ten seeds; ReLU's is below 10⁻⁶ at 20 layers. So here "ReLU's product does not shrink" is false.
#
# **Claim 8** At 20 layers Tanh keeps more gradient than ReLU for every seed, by a factor of over a hundred.

# %%
shrinks = all((norms[:, -1] < norms[:, 0] / 1000).all() for norms in default.values())
claim(7, shrinks and bool((default["ReLU"][:, -1] < 1e-6).all()))
claim(8, (default["Tanh"][:, -1] > 100 * default["ReLU"][:, -1]).all())

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 那個固定的倍數從哪裡來？
#
# 梯度往回走一層，會遇到**兩**個乘數，不是一個：
#
# 1. **激活函數的斜率**。預設的權重小，過了前幾層，z 都在 0 附近，所以要看的是 0 附近的斜率：sigmoid 是 0.25，GELU 和 SiLU 只有 0.5；ReLU 一半是 1、一半是 0，方均根（root mean square，平方的平均再開根號）是 √½ ≈ 0.71；Tanh 是 1。
# 2. **權重的大小**。PyTorch 的預設權重，標準差（standard deviation）是 1/√(3n)，n 是每個神經元的輸入個數（這裡 64）；n 個權重合起來，梯度的長度平均乘上 √n × 1/√(3n) = 1/√3 ≈ 0.58。
#
# 想一想：兩個乘數相乘，能預測出量到的倍數嗎？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Where does that fixed factor come from?
#
# Going back one layer, the gradient meets **two** multipliers, not one:
#
# 1. **The slope of the activation.** The default weights are small and keep z near 0 beyond the first few layers, so the slope near 0 is what counts: 0.25 for the sigmoid, only 0.5 for GELU and SiLU; for ReLU half are 1 and half 0, so their root mean square (the root of the mean of the squares) is √½ ≈ 0.71; 1 for Tanh.
# 2. **The size of the weights.** PyTorch's default weights have standard deviation 1/√(3n), for units of n inputs (here 64); n of them together multiply the gradient's length by √n × 1/√(3n) = 1/√3 ≈ 0.58 on average.
#
# Predict: does the product of the two give the factor that was measured?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（6 分鐘）梯度往回走一層，要乘上激活函數的斜率，也要乘上權重。PyTorch 的預設權重，標準差是 1/√(3n)，n 是每個神經元的輸入個數；Tanh 在 0 附近的斜率是 1。量出來，每往回走一層 Tanh，梯度的長度大約乘上多少？
#
# - ✓ 約 0.58。*斜率是 1，n 個權重合起來是 √n × 1/√(3n) = 1/√3；預測與量測相差不到一成。*
# - ✗ 1，斜率是 1 就不會變。*只算了斜率，忘了權重。*
# - ✗ 1/√(3n)，n = 64 時約 0.07。*只算了一個權重；一個神經元有 n 個權重，影響會合起來。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (6 min) Going back one layer, a gradient is multiplied by the activation's slope and by the weights. PyTorch's default weights have standard deviation 1/√(3n), for units of n inputs; near 0 Tanh has slope 1. By about what factor does the gradient's length change at each layer of Tanh, when it is measured?
#
# - ✓ About 0.58. *The slope is 1, and n weights together give √n × 1/√(3n) = 1/√3; prediction and measurement differ by less than a tenth.*
# - ✗ 1: with a slope of 1 nothing changes. *Counts the slope and forgets the weights.*
# - ✗ 1/√(3n), about 0.07 where n = 64. *Counts one weight; a unit has n of them, and their effects add up.*

# %% slideshow={"slide_type": "subslide"}
around_zero = torch.tensor([-1e-3, 1e-3], dtype=torch.float64)
slope_near_zero = {
    name: value_and_slope(make(), around_zero)[1].square().mean().sqrt().item()
    for name, make in ACTIVATIONS.items()
}
predicted = pd.Series(slope_near_zero) / np.sqrt(3)
ten_layers = {name: norms[:, -1] / norms[:, 4] for name, norms in default.items()}  # 10 -> 20
factors = pd.Series({name: (ratio**0.1).mean() for name, ratio in ten_layers.items()})
pd.DataFrame({"predicted": predicted.round(3), "measured": factors.map("≈{:.3f}".format)})

# %% [markdown] lang="zh-TW"
# **主張 9** 每多一層要乘的倍數，六種激活函數的預測與量測相差都不到 10%。
#
# 一次訓練都沒做，就算出來了。ReLU 每層剩約四成；18 層下來，0.41¹⁸ ≈ 10⁻⁷。

# %% [markdown] lang="en"
# **Claim 9** For all six activations the predicted factor per layer is within 10 % of the measured one.
#
# All without training. ReLU keeps about four tenths per layer; over eighteen layers that is 0.41¹⁸ ≈ 10⁻⁷.

# %%
claim(9, ((predicted / factors - 1).abs() < 0.1).all())

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 換初始化：Kaiming
#
# 既然有兩個乘數，斜率會吃掉 √½，那就讓權重補上 √2：標準差取 √(2/n)，偏置（bias）從 0 開始，乘積平均就是 1。這就是何愷明（Kaiming He）等人在 2015 年為 ReLU 設計的初始化。
#
# 想一想：它是為 ReLU 算的。用在另外五種上，哪幾條還是會掉下去？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Another initialization: Kaiming
#
# With two multipliers, where the slope costs √½ let the weights give √2 back: a standard deviation of √(2/n) makes the product 1 on average (biases start at 0). That is the initialization He et al. designed for ReLU in 2015 (Kaiming is the first author's given name).
#
# Predict: it was worked out for ReLU. Used with the other five, which lines will still fall?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（6 分鐘）Kaiming 初始化選的權重，讓 ReLU 的「斜率 × 權重」平均是 1。把同樣的權重用在另外五種激活函數上，疊 20 層，哪一種第一層的梯度仍然不到百萬分之一？
#
# - ✗ Tanh，它兩端都是平的。*以為 z 都跑到兩端去了；大部分的 z 還在中間，那裡並不平。*
# - ✓ sigmoid。*它的斜率最多 0.25，遠小於 Kaiming 的權重要補回的 √½ ≈ 0.71。*
# - ✗ LeakyReLU（斜率 0.1），它左邊的斜率太小。*左邊更小（是 0）的 ReLU 都沒事；一半的 z 在右邊，斜率是 1。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (6 min) Kaiming initialization chooses the weights so that for ReLU "slope times weights" is 1 on average. Used with the five other activations, 20 layers deep, with which one is the first layer's gradient still below a millionth?
#
# - ✗ Tanh, which is flat at both ends. *Thinks that all z end up there; most stay in the middle, which is not flat.*
# - ✓ The sigmoid. *Its slope is at most 0.25, far below the √½ ≈ 0.71 that Kaiming's weights make up for.*
# - ✗ LeakyReLU (slope 0.1), whose slope on the left is too small. *ReLU has less there, 0, and does well; half of all z are on the right, where the slope is 1.*

# %% alt-zh="座標軸與上一張圖相同，換成 Kaiming 初始化：ReLU、LeakyReLU(0.1)、Tanh 幾乎水平，停在 1 附近；GELU 略降，SiLU 降到約 0.01；只有 Sigmoid 仍直線下降，到 10 的負 10 次方左右。" alt-en="With Kaiming initialization ReLU, LeakyReLU(0.1) and Tanh are almost level near 1; GELU falls a little, SiLU to about 0.01; only Sigmoid still plunges, to about 1e-10."
kaiming = {name: first_layer_norms(make, "kaiming") for name, make in ACTIVATIONS.items()}
legend = plot_depths(kaiming, "Kaiming initialization, 10 seeds, 95 % bands")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 同樣 20 層，兩種初始化
#
# 下表是 20 層時第一層梯度的**絕對**長度（十個種子的幾何平均）。只報「第一層／最後一層」的比值會騙人：整個網路的梯度可以一起小到沒用，比值卻好看。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### Twenty layers, two initializations
#
# The table gives the **absolute** length of the first layer's gradient at 20 layers (geometric mean of ten seeds). The ratio of first to last layer misleads: all gradients can be uselessly small while their ratio looks fine.

# %%
at_20 = {
    label: {name: f"≈{np.exp(np.log(norms[:, -1]).mean()):.1e}" for name, norms in runs.items()}
    for label, runs in {"PyTorch default": default, "Kaiming": kaiming}.items()
}
pd.DataFrame(at_20)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# **主張 10** 同樣是 20 層的 ReLU，不論哪個種子，換成 Kaiming 之後，梯度都變成一百萬倍以上。
#
# **主張 11** 用 Kaiming 初始化，ReLU、LeakyReLU(0.1)、Tanh 到 20 層時，第一層的梯度仍在 0.05 以上；sigmoid 用哪一種初始化都不到 10⁻⁸。
#
# 所以梯度消不消失，不是激活函數一個人說了算：**報告時，初始化和激活函數要一起寫明**。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# **Claim 10** For the same 20 layers of ReLU, switching to Kaiming makes the gradient more than a million times larger for every seed.
#
# **Claim 11** Under Kaiming, ReLU, LeakyReLU(0.1) and Tanh keep more than 0.05 at 20 layers; the sigmoid is below 10⁻⁸ with either initialization.
#
# So the activation alone does not decide whether gradients vanish: **report activation and initialization together**.

# %%
claim(10, (kaiming["ReLU"][:, -1] > 1e6 * default["ReLU"][:, -1]).all())
keep = min(kaiming[name][:, -1].min() for name in ("ReLU", "LeakyReLU(0.1)", "Tanh"))
claim(
    11, keep > 0.05 and max(default["Sigmoid"][:, -1].max(), kaiming["Sigmoid"][:, -1].max()) < 1e-8
)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 0.25¹⁰ 只說了一半
#
# 0.25¹⁰ 只是**斜率**那一半的上限；另一半是權重，沒有上限。把預設的權重全部放大幾倍，sigmoid 的梯度會怎樣？
#
# 想一想：σ′ 永遠不超過 0.25，那麼 20 層 sigmoid 的梯度有可能**爆炸**（explode，大到失控）嗎？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## 0.25¹⁰ is half the story
#
# 0.25¹⁰ bounds the **slopes** only. The other half is the weights, and they have no bound. Multiply all default weights by some number: what becomes of the sigmoid's gradient?
#
# Predict: σ′ never exceeds 0.25. Can the gradient of 20 layers of sigmoid **explode** (grow huge) all the same?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（6 分鐘）sigmoid 的導數 σ′ 永遠不超過 0.25。那麼 20 層 sigmoid 的梯度，有可能大到失控（爆炸）嗎？
#
# - ✗ 不可能，0.25 連乘 20 次幾乎是 0。*只替斜率定了上限；每一層還要乘上權重。*
# - ✓ 有可能，只要權重夠大。*權重沒有上限；預設的權重放大 50 倍，第一層的梯度就超過 100。*
# - ✗ 會，層數多了，梯度自然會爆炸。*以為爆炸是深度造成的；用預設的權重，層數越多，梯度越小。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (6 min) The derivative σ′ of the sigmoid never exceeds 0.25. Can the gradient of 20 layers of sigmoid grow out of hand (explode) all the same?
#
# - ✗ No: 0.25, twenty times over, is all but 0. *Puts a bound on the slopes only; each layer multiplies by its weights, too.*
# - ✓ Yes, if the weights are large enough. *Weights have no bound; with 50 times the default ones the first layer's gradient exceeds 100.*
# - ✗ Yes: with many layers gradients explode by themselves. *Takes depth for the cause of explosion; with the default weights more layers make the gradient smaller.*

# %% alt-zh="橫軸是權重放大倍數，縱軸是第一層梯度的長度，都是對數刻度。10 層與 20 層兩條線都隨倍數上升，在約 20 倍處相交於 1 附近；50 倍時 20 層的梯度超過一千。" alt-en="Gradient of layer 1 against the factor on the weights, both logarithmic. The lines for 10 and 20 layers rise and cross near 1 at a factor of about 20; at 50 the 20-layer gradient exceeds a thousand."
scales = [1, 2, 5, 10, 20, 50]
figure, ax = plt.subplots(figsize=(7.5, 3))
for depth, marker in ((10, "o"), (20, "s")):
    runs = np.array([gradient_norms(nn.Sigmoid, depth, weight_scale=s)[0] for s in scales]).T
    plotting.plot_band(ax, scales, runs, f"{depth} layers of sigmoid", log=True, marker=marker)
ax.set(xscale="log", xlabel="factor on the default weights", ylabel="gradient norm, layer 1")
legend = ax.legend()

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# **主張 12** 雖然每個 σ′ 都不超過 0.25，權重放大 50 倍之後，20 層 sigmoid 第一層的梯度，十個種子都超過 100。
#
# 這不是建議你放大權重，而是說：上限要對整個乘積算，不能只算一半。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# **Claim 12** With weights 50 times as large, the first layer's gradient of 20 layers of sigmoid is above 100 for all ten seeds, although no σ′ exceeds 0.25.
#
# This is no advice to enlarge the weights: a bound must cover the whole product, not half of it.

# %%
claim(12, (runs[:, -1] > 100).all())

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 自己找平衡點
#
# 20 層的 ReLU 與 Tanh，橫軸是第幾層。在自己的電腦上拉動滑桿：把預設權重放大多少倍，ReLU 那條線會變平？（算算看：要補回的每層倍數是 0.41。）
#
# 最前面幾層本來就比較平：權重的梯度還要乘上那一層的輸入，而靠近輸入端的地方，訊號還沒有縮小。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### Find the balance yourself
#
# Twenty layers of ReLU and of Tanh, layer by layer. On your own machine, move the slider: what factor on the default weights makes the ReLU line level? (What must be made up for is 0.41 a layer.)
#
# The first few layers are level anyway: a weight's gradient is also multiplied by what enters its layer, and near the input the signal has not shrunk yet.

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（4 分鐘）PyTorch 的預設初始化下，梯度每往回走一層 ReLU，長度大約縮到 0.41 倍。把全部的預設權重放大幾倍，20 層 ReLU 的梯度才會大致保持水平？
#
# - ✗ 約 0.41 倍，量到多少就乘多少。*該補回縮掉的部分，卻再縮了一次。*
# - ✓ 約 2.4 倍。*每一層要補回 1/0.41 ≈ 2.4；放大之後，正好是 Kaiming 的標準差 √(2/n)。*
# - ✗ 約 5 × 10⁷ 倍，要補回 20 層。*每一層都乘上這個倍數；一層只要補一層的份。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (4 min) With PyTorch's default initialization, a gradient shrinks to about 0.41 of its length at each layer of ReLU it goes back. By what factor must all default weights be multiplied for the gradient of 20 layers of ReLU to stay roughly level?
#
# - ✗ About 0.41, the factor that was measured. *Shrinks once more what should be made up for.*
# - ✓ About 2.4. *Each layer has 1/0.41 ≈ 2.4 to make up for; so enlarged, the weights have Kaiming's standard deviation √(2/n).*
# - ✗ About 5 × 10⁷, to make up for 20 layers. *Every layer is multiplied by the factor; each makes up for itself only.*


# %% alt-zh="橫軸是第幾層，縱軸是梯度的長度（對數刻度）。預設權重（倍數 1）下，梯度從最後一層往前一路變小，到最前面四層左右才變平；ReLU 那條線比 Tanh 陡得多。" alt-en="With default weights (factor 1) the gradient shrinks from the last layer back to about the fourth and is level from there; the line of ReLU is much steeper than that of Tanh."
def draw(weight_scale):
    _, ax = plt.subplots(figsize=(7.5, 2.6))
    for name, marker in (("ReLU", "o"), ("Tanh", "s")):
        runs = gradient_norms(ACTIVATIONS[name], 20, weight_scale=weight_scale).T
        plotting.plot_band(ax, np.arange(1, 22), runs, name, log=True, marker=marker)
    ax.set(xlabel="layer (1 is next to the input)", ylabel="gradient norm", xticks=range(1, 22, 2))
    ax.legend()


explore(draw, weight_scale=slider(0.5, 4, value=1, step=0.05))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 梯度小，真的學不動嗎？
#
# Adam 會把梯度除以它自己的大小（[[optimizers]]），也許小梯度無妨？用真的數字圖片試：20 層 ReLU（每層 64），2,000 張 MNIST，Adam 0.001，只換初始化，各五個種子。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Do small gradients really keep a network from learning?
#
# Adam divides the gradient by its own size ([[optimizers]]), so perhaps small ones do no harm? Try it on real digits: 20 layers of ReLU, 64 units each, 2,000 MNIST images, Adam at 0.001, only the initialization changes, five seeds each.

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（6 分鐘）Adam 會把每個梯度除以它自己的大小。用 Adam 訓練 20 層 ReLU 的網路辨識 2,000 張 MNIST，一次從 PyTorch 的預設初始化（梯度會消失）開始，一次從 Kaiming 開始。八輪之後，準確率會如何？
#
# - ✗ 差不多，Adam 讓梯度的大小不再重要。*以為小梯度是唯一的問題；訊號往前傳時，圖與圖的差別也越來越小，除法補不回來。*
# - ✗ 預設的比較高，梯度小，步伐就穩。*把小梯度當成小心的步伐；Adam 的步長本來就不看梯度大小。*
# - ✓ 預設的遠遠落後。*Adam 在這裡補不回初始化的劣勢；至於原因，梯度小未必是唯一的一個。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (6 min) Adam divides each gradient by its own size. By Adam, a network of 20 ReLU layers is trained on 2,000 MNIST images, once from PyTorch's default initialization, where gradients vanish, and once from Kaiming's. How do the accuracies compare after eight epochs?
#
# - ✗ They are about equal: under Adam the size of a gradient does not matter. *Thinks that small gradients are the only trouble; on the way forward the differences between images shrink, too, and no division brings them back.*
# - ✗ The default is ahead: small gradients make steady steps. *Takes a small gradient for a careful step; the length of Adam's steps hardly depends on it.*
# - ✓ The default is far behind. *Here Adam does not make up for the initialization; small gradients need not be the only cause.*

# %%
mnist = load_mnist()
print(mnist.banner())
part = mnist.train.subset(2000)
images, labels = part.images.flatten(1), part.labels
held_out, held_out_labels = mnist.val.images.flatten(1), mnist.val.labels


# %% slideshow={"slide_type": "subslide"}
def train(learning_rate, hidden_sizes=(256, 256), epochs=4, **settings):
    nets = StackedMLP(784, hidden_sizes, 10, seeds=range(5), **settings)
    optimizer = torch.optim.Adam(nets.parameters(), lr=learning_rate, fused=True)
    generator = seeding.generator(0)
    for _ in range(epochs):
        order = torch.stack([torch.randperm(2000, generator=generator) for _ in range(5)])
        for rows in order.split(100, dim=1):  # (5 seeds, 100 images)
            loss = 5 * F.cross_entropy(nets(images[rows]).flatten(0, 1), labels[rows].flatten())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return nets


@torch.no_grad()
def accuracy(nets):
    return (nets(held_out).argmax(dim=2) == held_out_labels).double().mean(dim=1)


# %% slideshow={"slide_type": "subslide"}
deep = {}
for initialization in ("default", "kaiming"):
    nets = train(0.001, hidden_sizes=[64] * 20, epochs=8, initialization=initialization)
    deep[initialization] = accuracy(nets)
    print(f"{initialization}: accuracy {mean_interval(deep[initialization]):.1%}")
gain = paired_difference(deep["kaiming"], deep["default"])
print(f"difference: {gain:.1%}")

# %% [markdown] lang="zh-TW"
# **主張 13** 20 層 ReLU 平均起來，Kaiming 的準確率（accuracy）比預設初始化高出 40 個百分點以上（95% 信賴區間的下限也在 40 以上）。
#
# 所以在這八輪訓練裡，Adam 補不回預設初始化的劣勢。原因未必只是梯度小：訊號往前傳時，圖與圖的差別也越傳越小，這裡沒有把兩者分開測。[[initialization]]會細看初始化。

# %% [markdown] lang="en"
# **Claim 13** With twenty layers of ReLU, on average, Kaiming ends more than 40 percentage points above the default initialization (the lower end of the 95 % confidence interval, too, is above 40).
#
# So in these eight epochs Adam does not make up for the default initialization. Small gradients need not be the only cause: on the way forward the differences between images shrink, too, and the two were not tested apart. [[Initialization]] looks closer.

# %%
claim(13, gain.low > 0.4)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 死掉的 ReLU
#
# 如果一個 ReLU 神經元不論看**哪一張**圖，z 都不大於 0，它的輸出就永遠是 0，導數也永遠是 0：沒有梯度，損失就沒辦法把它推回來（Adam 記得先前的梯度，還會讓它再動幾步）。這叫**死掉的 ReLU**。（第一層的輸入是圖片，不會變；更深的層，還可能因為前面的層改變而復活。）
#
# 最常見的死因是一步跨得太大，把權重和偏置推到回不來的地方。看 784 → 256 → 256 → 10 的第一層，Adam 用三種學習率（learning rate）各訓練四輪。
#
# 想一想：學習率 0.01 時，會死掉幾成？準確率會掉多少？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Dead ReLUs
#
# If z is at most 0 for **every** image, a ReLU unit always gives 0 and its derivative is always 0: without a gradient the loss cannot push it back (Adam, which remembers past gradients, still moves it for a few steps). It is called a **dead ReLU**. (The first layer's inputs are the images, which stay the same; in deeper layers a unit may revive when the layers before it change.)
#
# The usual cause of death is a step too large, which throws weights and bias where they cannot return from. Look at the first layer of 784 → 256 → 256 → 10, trained for four epochs by Adam at three learning rates.
#
# Predict: at 0.01, how many will die? How much accuracy will that cost?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（8 分鐘）784 → 256 → 256 → 10 的 ReLU 網路，用 Adam 在 2,000 張 MNIST 上訓練。學習率 0.01 時，第一層大約一半的神經元死了（對每一張訓練圖都輸出 0）；0.001 時只有百分之幾。前者的準確率比後者差多少？
#
# - ✗ 差一半左右，活著的神經元只剩一半。*以為每個神經元各自負責一份準確率。*
# - ✗ 掉到瞎猜的程度，0 會一路傳到輸出。*以為死掉的神經元會拖垮後面的層；它們只是沒有貢獻。*
# - ✓ 差不到 4 個百分點，甚至看不出差別。*死掉一半，等於這一層只有一半寬；在這裡，一半寬已經夠用。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (8 min) A ReLU network 784 → 256 → 256 → 10 is trained by Adam on 2,000 MNIST images. At rate 0.01 about half of the first layer's units die (they give 0 for every training image), at 0.001 only a few percent. By how much is the accuracy of the former lower?
#
# - ✗ By about half, for only half of the units are alive. *Thinks that every unit answers for its own share of the accuracy.*
# - ✗ It is down to guessing: zeros spread to the output. *Thinks that dead units drag the later layers down; they merely contribute nothing.*
# - ✓ By less than 4 percentage points, if at all. *With half its units dead a layer is half as wide, and here half the width is enough.*


# %% slideshow={"slide_type": "subslide"}
@torch.no_grad()
def largest_z(nets, images):
    first_layer = nets.net[0]
    return first_layer(images.expand(nets.num_models, -1, -1)).amax(dim=1)  # (5 seeds, 256 units)


def dead_share(nets, images):
    return (largest_z(nets, images) <= 0).double().mean(dim=1)


# %%
rates = [0.001, 0.01, 0.1]
trained = [train(rate) for rate in rates]
dead = torch.stack([dead_share(nets, images) for nets in trained])  # (3 rates, 5 seeds)
dead_on_one_batch = torch.stack([dead_share(nets, images[:100]) for nets in trained])
scores = torch.stack([accuracy(nets) for nets in trained])

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 死了幾成，又錯了多少？
#
# 左圖兩條線：看過全部 2,000 張圖才判死，和只看一個批次（100 張）就判死。右圖是它們在沒看過的圖上的準確率。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### How many died, and what did it cost?
#
# Left, two lines: dead on all 2,000 images, and dead on a single batch of 100. Right, the accuracy on images not seen.

# %% alt-zh="兩張圖的橫軸都是學習率。左圖縱軸是死掉的比例：學習率 0.001 時只有百分之幾，0.01 時約一半，0.1 時幾乎全部；只看一個批次的那條線在 0.01 時更高。右圖縱軸是準確率：0.001 與 0.01 時相近，約九成，到 0.1 時掉到一成左右。" alt-en="Left: the dead share rises from a few percent at learning rate 0.001 to about half at 0.01 and nearly all at 0.1; judged by one batch it is higher at 0.01. Right: accuracy is about the same, near 90 %, at 0.001 and 0.01, and falls to around 10 % at 0.1."
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.1))
plotting.plot_band(left, rates, 100 * dead.T, "all 2,000 images", marker="o")
plotting.plot_band(left, rates, 100 * dead_on_one_batch.T, "one batch of 100", marker="s")
plotting.plot_band(right, rates, 100 * scores.T, "accuracy", marker="o")
left.set(
    xscale="log", xlabel="learning rate (Adam)", ylabel="dead units, layer 1 (%)", ylim=(0, 105)
)
right.set(xscale="log", xlabel="learning rate (Adam)", ylabel="accuracy (%)", ylim=(0, 105))
legend = left.legend(loc="lower right")

# %% slideshow={"slide_type": "subslide"}
for rate, share, batch, score in zip(rates, dead, dead_on_one_batch, scores, strict=True):
    print(f"learning rate {rate}")
    print(f"  dead on all images: {mean_interval(share, bounds=(0, 1)):.1%}")
    print(f"  dead on one batch:  {mean_interval(batch, bounds=(0, 1)):.1%}")
    print(f"  accuracy:           {mean_interval(score, bounds=(0, 1)):.1%}")
cost = paired_difference(scores[0], scores[1])
print(f"accuracy at 0.001 minus 0.01: {cost:.1%}")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# **主張 14** 死掉的比例平均起來，學習率 0.001 時不到 15%，0.01 時在 30% 到 75% 之間，0.1 時超過 90%。
#
# **主張 15** 學習率 0.01 時，每個種子都一樣：只看一個批次會高估死掉的比例（少看幾張圖，只可能多判死，不可能少判）。「在這批圖上沉默」不等於「死了」。
#
# **主張 16** 學習率 0.01 時，第一層死掉約一半，與 0.001 相比，平均準確率只掉了不到 4 個百分點（信賴區間的上限也不到 4）；學習率 0.1 時幾乎死光，平均準確率不到 40%。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# **Claim 14** The mean dead share is below 15 % at 0.001, between 30 % and 75 % at 0.01, and above 90 % at 0.1.
#
# **Claim 15** At 0.01, judging by one batch overstates the dead for every seed (fewer images can only call more units dead). "Silent on these images" does not mean dead.
#
# **Claim 16** At 0.01, with about half of the first layer dead, accuracy falls short of that at 0.001 by less than 4 percentage points on average (the upper end of the interval, too, is below 4); at 0.1, with nearly all dead, the mean accuracy is below 40 %.

# %%
share = dead.mean(dim=1)
claim(14, bool(share[0] < 0.15 and 0.3 < share[1] < 0.75 and share[2] > 0.9))
claim(15, (dead_on_one_batch[1] > dead[1]).all())
claim(16, cost.high < 0.04 and bool(scores[2].mean() < 0.4))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 少了死掉的神經元，會怎樣？
#
# 死掉的神經元什麼都沒貢獻，那麼把它們往外的權重全部設為 0，網路應該毫無感覺。同時驗證它們收到的梯度：不是「很小」，而是**剛好 0**。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### What does a network lose with its dead units?
#
# Dead units contribute nothing, so setting all their outgoing weights to 0 should leave the network untouched. While there, check the gradient that reaches them: not "small" but **exactly 0**.

# %%
nets = trained[1]
is_dead = largest_z(nets, images) <= 0  # (5 seeds, 256 units)
logits = nets(images)
nets.zero_grad()  # the last training step left its gradients behind
F.cross_entropy(logits.flatten(0, 1), labels.repeat(5)).backward()
first, second = nets.net[0].weight, nets.net[2].weight  # (5 seeds, inputs, outputs) each
gradient = first.grad.abs().amax(dim=1)  # the largest over a unit's 784 weights
with torch.no_grad():
    second[is_dead] = 0
    same_logits = torch.equal(nets(images), logits)

# %% [markdown] lang="zh-TW"
# **主張 17** 在這 2,000 張圖上，死掉的神經元收到的梯度剛好是 0；切斷它們之後，五個種子的所有 logits 一個位元都沒變。
#
# 也就是說，對這些圖而言，死掉一半的一層就是窄一半的一層。寬度夠用時，可能看不出差別；但你付了錢，卻只用到一半。

# %% [markdown] lang="en"
# **Claim 17** On these 2,000 images the gradient that reaches dead units is exactly 0; with them cut off, not one bit of the logits changes for any of the five seeds.
#
# On these images a layer half dead is thus a layer half as wide. Where the width was ample you may see no difference, but you paid for all of it.

# %%
claim(17, bool((gradient[is_dead] == 0).all() and is_dead.any()) and same_logits)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### LeakyReLU 救得了嗎？
#
# LeakyReLU 左邊的斜率是 0.01，不是 0，所以梯度還傳得到神經元，它就有機會回來。學習率 0.1 那場災難，只把 ReLU 換成 LeakyReLU(0.01)，再跑一次。
#
# 想一想：準確率能回到 0.001 時的水準嗎？

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### Does LeakyReLU save them?
#
# Left of 0 LeakyReLU has slope 0.01, not 0, so a gradient still reaches a unit, and it may come back. Run the disaster at 0.1 again with LeakyReLU(0.01).
#
# Predict: will the accuracy return to what it was at 0.001?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（5 分鐘）Adam 的學習率 0.1 時，ReLU 網路的第一層幾乎死光，準確率接近瞎猜。其他都不變，只把 ReLU 換成 LeakyReLU（斜率 0.01），準確率能回到學習率 0.001 時 ReLU 的水準嗎？
#
# - ✗ 能，神經元不會再死了。*以為死掉是唯一的害處；學習率太大，可能還有別的害處。*
# - ✓ 救回大半，但還是比較低。*左邊的斜率不是 0，神經元有機會回來；最便宜的解藥仍是調低學習率。*
# - ✗ 不能，還是接近瞎猜，0.01 和 0 沒有兩樣。*把很小的斜率當成沒有；只要不是 0，梯度就有路可走。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (5 min) At rate 0.1 by Adam, nearly the whole first layer of a ReLU network dies, and its accuracy is close to guessing. All else unchanged, LeakyReLU (slope 0.01) takes the place of ReLU. Does the accuracy return to what ReLU reaches at rate 0.001?
#
# - ✗ Yes: no unit can die any more. *Thinks that death was the only harm; so large a rate may do other harm.*
# - ✓ Most of the way, but it stays lower. *As the slope on the left is not 0, units may come back; the cheapest cure is still a smaller rate.*
# - ✗ No, it stays close to guessing: 0.01 is as good as 0. *Takes a small slope for none; unless it is 0, the gradient has a way through.*

# %%
leaky = accuracy(train(0.1, activation=nn.LeakyReLU))
rescue = paired_difference(leaky, scores[2])
shortfall = paired_difference(scores[0], leaky)
print(f"LeakyReLU(0.01) at 0.1: accuracy {mean_interval(leaky):.1%}")
print(f"minus ReLU at 0.1: {rescue:.1%}")
print(f"short of ReLU at 0.001 by {shortfall:.1%}")

# %% [markdown] lang="zh-TW"
# **主張 18** 學習率 0.1 時，LeakyReLU(0.01) 的準確率平均比 ReLU 高 30 個百分點以上；但不論哪個種子，都仍低於學習率 0.001 的 ReLU。
#
# 救回大半，但沒有全救回來。剩下的差距從哪裡來，這裡沒有測：學習率太大可能另有害處。最便宜的解藥仍是調低學習率。

# %% [markdown] lang="en"
# **Claim 18** At 0.1, LeakyReLU(0.01) is on average more than 30 percentage points above ReLU, and yet for every seed below ReLU at 0.001.
#
# It saves most, not all. Where the rest is lost was not tested: so large a rate may do other harm. The cheapest cure is still a smaller learning rate.

# %%
claim(18, rescue.mean > 0.3 and rescue.excludes_zero and bool((leaky < scores[0]).all()))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 練習 1：用 erf 寫出 GELU
#
# 難度 ★★☆，約 10 分鐘。
#
# GELU 的定義是 z·Φ(z)，Φ(z) 是標準常態變數小於 z 的機率，也就是密度 e^(−t²/2)/√(2π) 從 −∞ 到 z 的面積。PyTorch 有 `torch.erf`，它算的是 2e^(−s²)/√π 從 0 到 z 的面積。
#
# 寫出 `gelu_by_erf(z)`：輸入任何形狀的浮點張量（tensor），回傳**精確**的 GELU，不用 `F.gelu`，也不用近似式。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Exercise 1: GELU from erf
#
# Difficulty ★★☆, about 10 minutes.
#
# GELU is z·Φ(z), where Φ(z) is the probability that a standard normal variable is less than z: the area under the density e^(−t²/2)/√(2π) from −∞ to z. PyTorch has `torch.erf`, the area under 2e^(−s²)/√π from 0 to z.
#
# Write `gelu_by_erf(z)`: given a float tensor of any shape, return the **exact** GELU, without `F.gelu` and without an approximation.


# %% tags=["exercise"]
def gelu_by_erf(z):
    raise NotImplementedError  # your code here


# %% tags=["check"]
exercises.gelu_by_erf.check(gelu_by_erf)


# %% tags=["solution"]
# One possible answer; open it once you have tried.
def gelu_by_erf_solution(z):
    """z times the standard normal distribution function at z."""
    below = 0.5 * (1 + torch.erf(z / math.sqrt(2)))
    return z * below


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 練習 2：任何斜率的 LeakyReLU
#
# 難度 ★☆☆，約 5 分鐘。
#
# 寫出 `leaky_relu(z, slope)`：z 是任何形狀的浮點張量；z 為正時原封不動，否則乘上 `slope`。斜率可以是**任何**實數：0.01、0、3，甚至負的。不用 `F.leaky_relu`。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Exercise 2: LeakyReLU with any slope
#
# Difficulty ★☆☆, about 5 minutes.
#
# Write `leaky_relu(z, slope)`: z is a float tensor of any shape; where z is positive it passes unchanged, elsewhere it is multiplied by `slope`. The slope may be **any** real number: 0.01, 0, 3, even a negative one. Do it without `F.leaky_relu`.


# %% tags=["exercise"]
def leaky_relu(z, slope):
    raise NotImplementedError  # your code here


# %% tags=["check"]
exercises.leaky_relu.check(leaky_relu)


# %% tags=["solution"]
# One possible answer; open it once you have tried.
def leaky_relu_solution(z, slope):
    """z where it is positive, slope times z elsewhere; any slope."""
    return torch.where(z > 0, z, slope * z)


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 練習 3：一批一批地數死掉的神經元
#
# 難度 ★★☆，約 15 分鐘。
#
# 資料大到不能一次塞進記憶體時，圖片是一批一批來的。寫出 `count_dead_units(layer, loader)`：`layer(inputs)` 給出 ReLU **之後**的輸出，形狀是 `(B, H)`（H 個神經元）；`loader` 每次給一對 `(inputs, labels)`，最後一批可能比較短。回傳對**所有**樣本輸出都是 0 的神經元個數。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Exercise 3: count the dead, batch by batch
#
# Difficulty ★★☆, about 15 minutes.
#
# Where the data do not fit into memory at once, images come in batches. Write `count_dead_units(layer, loader)`: `layer(inputs)` gives the outputs **after** the ReLU, of shape `(B, H)` for H units; `loader` yields pairs `(inputs, labels)`, and the last batch may be short. Return the number of units that give 0 for **all** examples.


# %% tags=["exercise"]
def count_dead_units(layer, loader):
    raise NotImplementedError  # your code here


# %% tags=["check"]
exercises.count_dead_units.check(count_dead_units)


# %% tags=["solution"]
# One possible answer; open it once you have tried.
def count_dead_units_solution(layer, loader):
    """How many units of ``layer``, which ends in a ReLU, give 0 for every example of ``loader``."""
    fired = torch.tensor(False)
    with torch.no_grad():
        for inputs, _labels in loader:
            fired = fired | (layer(inputs) > 0).any(dim=0)
    return int((~fired).sum())


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 重點整理
#
# - 沒有激活函數，再深的網路也只是線性的：只有一個輸入時，就是一條直線。
# - 隱藏層要看的是導數：sigmoid 最多 0.25；ReLU 只有 0 和 1；LeakyReLU 處處不為 0（說清楚斜率！）；GELU 與 SiLU 平滑，但不單調。
# - 梯度每過一層，乘上的是「斜率 × 權重大小」。預設初始化下，20 層 ReLU 的梯度一樣會消失；Kaiming 讓 ReLU 的乘積平均是 1。報告時，初始化和激活函數都要說。
# - 死掉的 ReLU 要對全部資料判定，只看一個批次會高估。一層死一半，等於那一層窄一半，未必掉準確率；先調低學習率，再考慮 LeakyReLU。
#
# **下一課**：[[losses]]，損失函數：看網路怎麼知道自己錯了多少。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Summary
#
# - Without an activation the deepest network is linear: with one input, a straight line.
# - In hidden layers the derivative counts: at most 0.25 for the sigmoid; 0 or 1 for ReLU; never 0 for LeakyReLU (say which slope!); smooth, but not monotone functions for GELU and SiLU.
# - Each layer multiplies the gradient by "slope × size of the weights". With the default initialization the gradient of twenty layers of ReLU vanishes too; Kaiming makes ReLU's product 1 on average. Report activation and initialization.
# - Call a ReLU dead on all data only; one batch overstates. A layer half dead is a layer half as wide, and need not cost accuracy; lower the learning rate first, then consider LeakyReLU.
#
# **Next**: [[losses]], loss functions: how a network knows how wrong it is.

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "skip"}
# ### 原始文獻
#
# - Fukushima（1969），Visual feature extraction by a multilayered network of analog threshold elements，IEEE Transactions on Systems Science and Cybernetics 5(4)，322–333，doi:10.1109/TSSC.1969.300225。後來的文獻說，這裡已經用到 max(0, z)。
# - Nair、Hinton（2010），Rectified linear units improve restricted Boltzmann machines，ICML，807–814。拿 ReLU 和二元單元比較；談到 ReLU，最常引用這一篇。
# - LeCun、Bottou、Orr、Müller（1998），Efficient BackProp，收於 Neural Networks: Tricks of the Trade，Springer，doi:10.1007/3-540-49430-8_2。輸入的平均為什麼該在 0 附近。
# - Glorot、Bengio（2010），Understanding the difficulty of training deep feedforward neural networks，AISTATS（PMLR 9），249–256。飽和、梯度消失與 Xavier 初始化。
# - Maas、Hannun、Ng（2013），Rectifier nonlinearities improve neural network acoustic models，ICML Workshop on Deep Learning for Audio, Speech and Language Processing。LeakyReLU，斜率 0.01。
# - He、Zhang、Ren、Sun（2015），Delving deep into rectifiers: surpassing human-level performance on ImageNet classification，ICCV，arXiv:1502.01852。Kaiming 初始化。
# - Hendrycks、Gimpel（2016），Gaussian error linear units (GELUs)，arXiv:1606.08415。也給出 tanh 與 sigmoid 兩個近似式；SiLU 這個名字也出自這裡。
# - Ramachandran、Zoph、Le（2017），Searching for activation functions，arXiv:1710.05941。Swish。
# - Elfwing、Uchibe、Doya（2018），Sigmoid-weighted linear units for neural network function approximation in reinforcement learning，Neural Networks 107，3–11，arXiv:1702.03118。用 SiLU 訓練，即 β = 1 的 Swish。

# %% [markdown] lang="en" slideshow={"slide_type": "skip"}
# ### Primary sources
#
# - Fukushima (1969), Visual feature extraction by a multilayered network of analog threshold elements, IEEE Transactions on Systems Science and Cybernetics 5(4), 322–333, doi:10.1109/TSSC.1969.300225. By later accounts it used max(0, z) already.
# - Nair, Hinton (2010), Rectified linear units improve restricted Boltzmann machines, ICML, 807–814. Rectified units against binary ones; the paper most often cited for the ReLU.
# - LeCun, Bottou, Orr, Müller (1998), Efficient BackProp, in Neural Networks: Tricks of the Trade, Springer, doi:10.1007/3-540-49430-8_2. Why the mean of an input should be near 0.
# - Glorot, Bengio (2010), Understanding the difficulty of training deep feedforward neural networks, AISTATS (PMLR 9), 249–256. Saturation, vanishing gradients and Xavier initialization.
# - Maas, Hannun, Ng (2013), Rectifier nonlinearities improve neural network acoustic models, ICML Workshop on Deep Learning for Audio, Speech and Language Processing. LeakyReLU, with slope 0.01.
# - He, Zhang, Ren, Sun (2015), Delving deep into rectifiers: surpassing human-level performance on ImageNet classification, ICCV, arXiv:1502.01852. Kaiming initialization.
# - Hendrycks, Gimpel (2016), Gaussian error linear units (GELUs), arXiv:1606.08415. Also gives the tanh and the sigmoid approximation, and the SiLU its name.
# - Ramachandran, Zoph, Le (2017), Searching for activation functions, arXiv:1710.05941. Swish.
# - Elfwing, Uchibe, Doya (2018), Sigmoid-weighted linear units for neural network function approximation in reinforcement learning, Neural Networks 107, 3–11, arXiv:1702.03118. Trains with the SiLU, which is Swish with β = 1.
