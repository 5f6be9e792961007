# %% [markdown] lang="zh-TW" about="一個數一個數手算梯度，岔路、批次、softmax；再寫一個一頁長的 autograd" slideshow={"slide_type": "slide"}
# # 反向傳播
#
# 損失說出模型錯了多少。那麼每一個權重該往哪裡動？**反向傳播**（back-propagation）從損失往回走一趟，就知道全部的答案。學完之後，你能夠：
#
# - 只用連鎖律（chain rule），一個數一個數算出一個小網路的全部梯度；
# - 說出岔路、批次與矩陣乘法裡，哪些梯度要相加，以及為什麼；
# - 推導 softmax 加交叉熵的梯度 $p - y$；
# - 讀懂、寫出一個一頁長的 autograd，並用它訓練網路；
# - 用有限差分檢查梯度，並認出 ReLU 的轉角設下的陷阱。
#
# 先備：[[activations]]、[[losses]]，以及導數與連鎖律。

# %% [markdown] lang="en" about="gradients by hand, number by number; forks, batches, softmax; then an autograd of one page" slideshow={"slide_type": "slide"}
# # Back-propagation
#
# The loss says how wrong the model is. Which way, then, should each weight move? **Back-propagation** walks back from the loss, once, and knows for all of them. By the end you can
#
# - find every gradient of a small network with nothing but the chain rule, number by number;
# - say which gradients add, and why, at a fork, in a batch and in a matrix product;
# - derive the gradient of softmax with cross-entropy, $p - y$;
# - read and write an autograd engine of one page, and train a network with it;
# - check a gradient by finite differences, and see through the trap that ReLU's kinks set.
#
# It builds on [[activations]] and [[losses]], and on derivatives and the chain rule.

# %% lang="zh-TW" tags=["setup"] slideshow={"slide_type": "subslide"}
from course_utils.notebook import set_up

device = set_up("back_propagation", language="zh-TW")

# %% lang="en" tags=["setup"] slideshow={"slide_type": "subslide"}
from course_utils.notebook import set_up

device = set_up("back_propagation", language="en")

# %% slideshow={"slide_type": "subslide"}
import math

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
import torch
from sklearn.datasets import make_moons
from torch import nn
from torch.nn import functional as F

from course_utils import plotting, seeding
from course_utils.exercises import back_propagation as exercises
from course_utils.intervals import mean_interval
from course_utils.notebook.claims import claim

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 連鎖律，從後往前走
#
# 取一個最小的網路：兩個輸入、兩個隱藏神經元、一個輸出，共九個參數。激活函數都是 sigmoid，損失是二元交叉熵。
#
# 先做一次前向計算（forward pass），記下路上的每個數：

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## The chain rule, walked backward
#
# Take the smallest network worth the name: two inputs, two hidden neurons, one output, nine parameters. The activations are sigmoids, the loss is binary cross-entropy.
#
# First a forward pass, keeping every number on the way:

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（4 分鐘）反向傳播之前，要先做一次前向計算，並把路上的每個數都記下來。為什麼要記？
#
# - ✗ 萬一損失變大，可以退回去。*把紀錄當成存檔；反向傳播只算梯度，不改權重。*
# - ✓ 算導數時用得到。*例如 σ′(a) = h(1 − h)，∂L/∂v = ∂L/∂z · h，都要用到前向計算得到的 h。*
# - ✗ 用來和 autograd 的答案核對。*核對要另外做；不核對，也得靠這些數才算得出梯度。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (4 min) Before back-propagation there is a forward pass, and every number on the way is kept. What for?
#
# - ✗ To go back in case the loss gets larger. *Takes the record for a saved game; back-propagation computes gradients and changes no weight.*
# - ✓ The derivatives need them. *σ′(a) = h(1 − h) and ∂L/∂v = ∂L/∂z · h, for instance, take the h of the forward pass.*
# - ✗ To compare them with autograd's answer. *Checking is another matter; without these numbers there is no gradient to check.*


# %%
def sigmoid(a):
    return 1 / (1 + math.exp(-a))


x1, x2, y = 2.0, 4.0, 1.0
w11, w12, b1 = 0.5, -0.3, 0.2  # into hidden neuron 1
w21, w22, b2 = -0.2, 0.2, 0.1  # into hidden neuron 2
v1, v2, c = 1.0, -2.0, 0.1  # into the output

# %%
a1 = w11 * x1 + w12 * x2 + b1  # a₁ = w₁₁x₁ + w₁₂x₂ + b₁
a2 = w21 * x1 + w22 * x2 + b2  # a₂ = w₂₁x₁ + w₂₂x₂ + b₂
h1, h2 = sigmoid(a1), sigmoid(a2)  # hᵢ = σ(aᵢ)
z = v1 * h1 + v2 * h2 + c  # z = v₁h₁ + v₂h₂ + c
p = sigmoid(z)  # p = σ(z)
loss = -(y * math.log(p) + (1 - y) * math.log(1 - p))  # L
print(f"{h1=:.4f}  {h2=:.4f}  {z=:.4f}  {p=:.4f}  {loss=:.4f}")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 往回走第一段：損失 → 輸出層
#
# 連鎖律：$\dfrac{\partial L}{\partial v_1} = \dfrac{\partial L}{\partial z}\cdot\dfrac{\partial z}{\partial v_1}$，而 $\dfrac{\partial L}{\partial z} = p - y$ 在[[losses]]已經見過。$\partial L/\partial z$ 只要算一次，後面一直重用：這就是反向傳播省下來的工夫。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### Backward, first stretch: from the loss to the output layer
#
# The chain rule: $\dfrac{\partial L}{\partial v_1} = \dfrac{\partial L}{\partial z}\cdot\dfrac{\partial z}{\partial v_1}$, and $\dfrac{\partial L}{\partial z} = p - y$ is known from [[losses]]. It is computed once and used again and again: that is the work back-propagation saves.

# %%
dz = p - y  # ∂L/∂z = p − y
dv1 = dz * h1  # ∂L/∂v₁ = ∂L/∂z · h₁
dv2 = dz * h2  # ∂L/∂v₂ = ∂L/∂z · h₂
dc = dz  # ∂L/∂c = ∂L/∂z · 1
print(f"{dz=:.4f}  {dv1=:.4f}  {dv2=:.4f}  {dc=:.4f}")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 第二段：穿過隱藏層
#
# 每經過一個運算，梯度就乘上那個運算自己的導數：穿過 $v_1 h_1$ 乘 $v_1$，穿過 sigmoid 乘 $\sigma'(a_1) = h_1(1-h_1)$。
#
# 想一想：$x_2 = 2x_1$。同一個神經元的兩個權重，梯度有什麼關係？

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### Second stretch: through the hidden layer
#
# Passing an operation multiplies the gradient by the operation's own derivative: by $v_1$ on the way through $v_1 h_1$, by $\sigma'(a_1) = h_1(1-h_1)$ through the sigmoid.
#
# Predict: $x_2 = 2x_1$. How are the gradients of the two weights of one neuron related?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（7 分鐘）一個隱藏神經元收到兩個輸入：x₁ = 2，x₂ = 4。損失對這兩個權重 w₁、w₂ 的梯度，有什麼關係？
#
# - ✗ 一樣大，兩個權重通往同一個神經元。*只看了回傳來的訊號；梯度還要乘上各自的輸入。*
# - ✗ 要知道 w₁、w₂ 是多少才說得出來。*權重影響回傳來的訊號，但兩個權重收到的是同一個訊號，比較時就約掉了。*
# - ✓ w₂ 的剛好是 w₁ 的兩倍。*權重的梯度 = 回傳來的訊號 × 進來的輸入；訊號相同，輸入差兩倍。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (7 min) A hidden neuron receives two inputs, x₁ = 2 and x₂ = 4. How are the gradients of its two weights, w₁ and w₂, related?
#
# - ✗ They are equal: both weights lead to the same neuron. *Looks at the signal coming back only; it is multiplied by each weight's own input.*
# - ✗ One has to know w₁ and w₂ to tell. *The weights influence the signal coming back, but both get the same signal, and in the comparison it cancels.*
# - ✓ That of w₂ is exactly twice that of w₁. *A weight's gradient is the signal coming back times the input coming in; the signal is the same and one input is twice the other.*

# %%
dh1 = dz * v1  # ∂L/∂h₁ = ∂L/∂z · v₁
dh2 = dz * v2  # ∂L/∂h₂ = ∂L/∂z · v₂
da1 = dh1 * h1 * (1 - h1)  # ∂L/∂a₁ = ∂L/∂h₁ · σ′(a₁)
da2 = dh2 * h2 * (1 - h2)  # ∂L/∂a₂ = ∂L/∂h₂ · σ′(a₂)
dw11, dw12, db1 = da1 * x1, da1 * x2, da1  # ∂L/∂w₁ⱼ = ∂L/∂a₁ · xⱼ
dw21, dw22, db2 = da2 * x1, da2 * x2, da2  # ∂L/∂w₂ⱼ = ∂L/∂a₂ · xⱼ
print(f"{da1=:.4f}  {dw11=:.4f}  {dw12=:.4f}  {db1=:.4f}")
print(f"{da2=:.4f}  {dw21=:.4f}  {dw22=:.4f}  {db2=:.4f}")

# %%
edges = {("x1", "h1"): (w11, dw11), ("x2", "h1"): (w12, dw12), ("x1", "h2"): (w21, dw21)}
edges |= {("x2", "h2"): (w22, dw22), ("h1", "p"): (v1, dv1), ("h2", "p"): (v2, dv2)}
edges |= {("p", "L"): ("", dz)}
places = {"x1": (0, 1), "x2": (0, 0), "h1": (2, 1), "h2": (2, 0), "p": (3.6, 0.5), "L": (4.6, 0.5)}
values = {"x1": x1, "x2": x2, "h1": h1, "h2": h2, "p": p, "L": loss}

# %% slideshow={"slide_type": "subslide"} alt-zh="2-2-1 網路的圖。每個圓圈寫著前向計算的值，每條線寫著權重和它的梯度。從 x2 出發的兩條線，梯度是從 x1 出發的兩倍；進入下方隱藏神經元的兩條線梯度是正的，其餘都是負的。" alt-en="The 2-2-1 network. Each circle bears its forward value, each line its weight and gradient. The lines from x2 have twice the gradient of those from x1; the gradients are positive on the two lines into the lower hidden neuron and negative on all others."
figure, ax = plt.subplots(figsize=(9.5, 3.2))
for (source, sink), (weight, gradient) in edges.items():
    (xa, ya), (xb, yb) = places[source], places[sink]
    ax.plot([xa, xb], [ya, yb], color="gray", linestyle="-", zorder=1)
    text = f"{weight}\ngrad {gradient:+.3f}" if weight else f"dz {gradient:+.3f}"
    where = (xa + 0.33 * (xb - xa), ya + 0.33 * (yb - ya)) if weight else (4.1, 0.66)
    ax.text(*where, text, fontsize=10, ha="center", va="center", backgroundcolor="white")
for name, (xa, ya) in places.items():
    circle = {"boxstyle": "circle", "facecolor": "#DDEBF7", "edgecolor": "black"}
    ax.text(xa, ya, f"{name}\n{values[name]:.3f}", ha="center", va="center", bbox=circle)
ax.set(xlim=(-0.4, 5), ylim=(-0.35, 1.35))
limits = ax.axis("off")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 對得上嗎？
#
# 先回答剛才的問題：剛好兩倍。權重的梯度 = 回傳來的訊號 × 進來的輸入；輸入大，梯度就大，這也是輸入要正規化（normalization，調到同一個尺度）的理由之一。
#
# 這些數對不對？請兩位裁判：autograd，以及完全不靠微分的**有限差分**（finite difference）：把一個參數推動一點點，看損失變多少。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### Is it right?
#
# First the answer: exactly twice. A weight's gradient is the signal coming back times the input coming in; large inputs make large gradients, one reason to normalize them (to bring all to one scale).
#
# And are these numbers right? Two referees: autograd, and **finite differences**, which know no calculus: nudge one parameter, and see by how much the loss moves.

# %%
net = nn.Sequential(nn.Linear(2, 2), nn.Sigmoid(), nn.Linear(2, 1)).double()
theta = torch.tensor([w11, w12, w21, w22, b1, b2, v1, v2, c], dtype=torch.float64)
example, answer = torch.tensor([[x1, x2]]).double(), torch.tensor([[y]]).double()


def loss_at(theta):
    nn.utils.vector_to_parameters(theta, net.parameters())
    return F.binary_cross_entropy_with_logits(net(example), answer)


loss_at(theta.clone()).backward()
autograd = torch.cat([parameter.grad.flatten() for parameter in net.parameters()])
nudges = 1e-6 * torch.eye(9, dtype=torch.float64)
differences = [(loss_at(theta + n) - loss_at(theta - n)).item() / 2e-6 for n in nudges]

# %% slideshow={"slide_type": "subslide"}
by_hand = torch.tensor([dw11, dw12, dw21, dw22, db1, db2, dv1, dv2, dc], dtype=torch.float64)
names = ["w11", "w12", "w21", "w22", "b1", "b2", "v1", "v2", "c"]
table = {"by hand": by_hand, "autograd": autograd, "finite difference": differences}
pd.DataFrame(table, index=names).round(6).T

# %% [markdown] lang="zh-TW"
# 有限差分一個參數要做兩次前向計算，九個就是 18 次；反向傳播往回走**一趟**，九個就全有了。參數有 27 萬個時，差別就在算得出來與算不出來。
#
# **主張 1** 由連鎖律，這必然成立：九個手算的梯度與 autograd 相差不到 10⁻¹²，與有限差分相差不到 10⁻⁷；兩個隱藏神經元都一樣，一個權重的梯度剛好是另一個的兩倍。

# %% [markdown] lang="en"
# Finite differences take two forward passes per parameter, 18 for nine; back-propagation walks back **once** and has them all. With 270,000 parameters that is the difference between possible and not.
#
# **Claim 1** By the chain rule this must hold: the nine gradients by hand are within 10⁻¹² of autograd's and within 10⁻⁷ of the finite differences; in both hidden neurons one weight's gradient is exactly twice the other's.

# %%
exact = (by_hand - autograd).abs().max() < 1e-12
close = (by_hand - torch.tensor(differences)).abs().max() < 1e-7
claim(1, bool(exact and close) and dw12 == 2 * dw11 and dw22 == 2 * dw21)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 岔路：同一個數用在兩處
#
# 到目前為止，每個隱藏神經元只通往一個輸出。現在加上第二個輸出 $z_2$，它有自己的標籤 $y_2 = 0$，損失是兩個輸出的損失相加。$h_1$ 這時有**兩條路**通往損失，這叫做岔路（fork）：一條路說 $h_1$ 該變大，另一條說該變小。
#
# 想一想：$\partial L/\partial h_1$ 是兩條路的 (a) 乘積，(b) 平均，(c) 和，(d) 比較大的那一個？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## A fork: one number, used in two places
#
# So far each hidden neuron led to one output. Now add a second output $z_2$ with a label of its own, $y_2 = 0$, and let the loss be the sum of both losses. $h_1$ then has **two paths** to the loss, a fork: one says that $h_1$ should grow, the other that it should shrink.
#
# Predict: is $\partial L/\partial h_1$ (a) the product of the two paths, (b) their mean, (c) their sum, or (d) the larger one?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（6 分鐘）隱藏層的一個數 h 同時通往兩個輸出，兩個輸出各有自己的損失，總損失是兩者相加。沿著一條路算出來，h 該變大；沿著另一條路算，h 該變小。∂L/∂h 是兩條路的什麼？
#
# - ✗ 乘積，連鎖律說要乘。*沿著一條路走要乘；兩條路是兩份影響，不是同一條路的兩段。*
# - ✗ 平均，兩條路各說各話，折衷一下。*把梯度當成意見；推動 h，兩份影響會同時發生，一份也不會減半。*
# - ✓ 和。*h 動一點點，損失的變化是兩條路的影響加起來，所以岔路的梯度要相加。*
# - ✗ 比較大的那一個，它說了算。*以為小的影響可以忽略；實際推動 h，損失的變化兩份都算。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (6 min) A hidden number h leads to two outputs, each with a loss of its own, and the total loss is their sum. By one path h should grow, by the other it should shrink. What is ∂L/∂h, in terms of the two paths?
#
# - ✗ Their product: the chain rule multiplies. *Along one path it does; two paths are two effects, not two stretches of one.*
# - ✗ Their mean: the paths disagree and meet halfway. *Takes gradients for opinions; if h is nudged, both effects happen, neither by half.*
# - ✓ Their sum. *If h moves a little, the loss moves by both effects together, so at a fork gradients add.*
# - ✗ The larger one, which has the last word. *Thinks that the smaller effect may be left out; nudge h, and the loss moves by both.*

# %%
u1, u2, d, y2 = 0.5, 1.5, 0.0, 0.0  # into the second output, and its label
z2 = u1 * h1 + u2 * h2 + d
dz2 = sigmoid(z2) - y2
paths = {"h1": (dz * v1, dz2 * u1), "h2": (dz * v2, dz2 * u2)}  # by way of z, by way of z2


def loss_of(h1, h2):
    p, p2 = sigmoid(v1 * h1 + v2 * h2 + c), sigmoid(u1 * h1 + u2 * h2 + d)
    return -math.log(p) - math.log(1 - p2)


nudged = (loss_of(h1 + 1e-6, h2) - loss_of(h1 - 1e-6, h2)) / 2e-6
nudged_2 = (loss_of(h1, h2 + 1e-6) - loss_of(h1, h2 - 1e-6)) / 2e-6

# %% slideshow={"slide_type": "subslide"} alt-zh="h1 與 h2 各有四根長條，縱軸是梯度：經過 z 的路、經過 z2 的路、兩條路的和、有限差分。h1 的兩條路一負一正，和是 −0.27；h2 的兩條路都是正的，和是 2.46。有限差分的長條都和「和」一樣高。" alt-en="Four bars each for h1 and h2, gradient on the vertical axis: the path through z, the path through z2, their sum, the finite difference. For h1 one path is negative and one positive, with sum −0.27; for h2 both are positive, with sum 2.46. The finite difference is as tall as the sum."
figure, ax = plt.subplots(figsize=(8, 3))
for place, (name, measured) in enumerate({"h1": nudged, "h2": nudged_2}.items()):
    heights = [*paths[name], sum(paths[name]), measured]
    labels = ["path through z", "path through z2", "sum of the paths", "finite difference"]
    for k, hatch in enumerate(("", "//", "..", "xx")):
        label = labels[k] if place == 0 else None
        bar = (place + 0.2 * k, heights[k])
        ax.bar(*bar, width=0.18, hatch=hatch, color=f"C{k}", label=label, edgecolor="white")
ax.axhline(0, color="black", linewidth=0.8)
ax.set(xticks=[0.3, 1.3], xticklabels=["∂L/∂h1", "∂L/∂h2"], ylabel="gradient")
legend = ax.legend(fontsize=9)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 是 (c)。把 $h_1$ 推動一點點 $\varepsilon$：$z$ 動了 $v_1\varepsilon$，$z_2$ 動了 $u_1\varepsilon$，損失因此一共動了 $\frac{\partial L}{\partial z}v_1\varepsilon + \frac{\partial L}{\partial z_2}u_1\varepsilon$。兩份影響都發生了，所以**岔路的梯度要相加**。
#
# **主張 2** 由連鎖律，這必然成立：$h_1$ 與 $h_2$ 的梯度都是兩條路的和，與有限差分相差不到 10⁻⁷；只走任何一條路，都差了 0.3 以上。
#
# | 前向計算 | 往回走 |
# |---|---|
# | 一個數用在好幾處（岔路） | 梯度相加 |
# | 兩個數相加 | 梯度原樣傳給兩邊 |
# | 兩個數相乘 | 各得到梯度 × 另一個數 |
# | 函數 $f$ | 梯度 × $f'$ |

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# It is (c). Nudge $h_1$ by a little $\varepsilon$: $z$ moves by $v_1\varepsilon$, $z_2$ by $u_1\varepsilon$, and the loss by $\frac{\partial L}{\partial z}v_1\varepsilon + \frac{\partial L}{\partial z_2}u_1\varepsilon$ in all. Both effects happen, so **at a fork gradients add**.
#
# **Claim 2** By the chain rule this must hold: for $h_1$ and for $h_2$ the sum over the paths is within 10⁻⁷ of the finite difference; either path alone is off by more than 0.3.
#
# | forward | backward |
# |---|---|
# | one number in several places (a fork) | gradients add |
# | two numbers added | the gradient as it is, to both |
# | two numbers multiplied | to each, the gradient × the other |
# | a function $f$ | the gradient × $f'$ |

# %%
pairs = list(zip(paths.values(), (nudged, nudged_2), strict=True))
sums_agree = all(abs(sum(both) - measured) < 1e-7 for both, measured in pairs)
claim(2, sums_agree and all(abs(one - m) > 0.3 for both, m in pairs for one in both))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 一批樣本：每個權重都是岔路
#
# 批次（batch）裡有兩個樣本，損失取平均。同一個 $w_{11}$ 兩個樣本都用：這又是岔路。
#
# 想一想：平均損失對 $w_{11}$ 的梯度，可以從兩個樣本各自的梯度算出來嗎？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## A batch: every weight is a fork
#
# A batch has two examples, and the loss is their mean. Both use the same $w_{11}$: a fork again.
#
# Predict: can the gradient of the mean loss by $w_{11}$ be had from the gradients of the two examples?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（5 分鐘）一個批次有兩個樣本，損失取平均。單獨算，某個權重的梯度在樣本 1 是 −0.4，在樣本 2 是 0.2。平均損失對這個權重的梯度是多少？
#
# - ✓ −0.1。*同一個權重兩個樣本都用，是岔路，所以相加；「取平均」再讓每一份乘上 1/2。*
# - ✗ −0.2。*只把兩份相加，忘了損失取了平均。*
# - ✗ 算不出來，要把兩個樣本一起重跑一次。*以為批次會產生新的東西；它只是把各樣本的梯度加起來。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (5 min) A batch has two examples, and the loss is their mean. Taken alone, a weight's gradient is −0.4 for example 1 and 0.2 for example 2. What is its gradient of the mean loss?
#
# - ✓ −0.1. *Both examples use the same weight, a fork, so the gradients add; the mean multiplies each by 1/2.*
# - ✗ −0.2. *Adds the two and forgets that the loss is a mean.*
# - ✗ It cannot be told without running both examples together. *Thinks that a batch makes something new; it adds up the gradients of its examples.*


# %%
def gradients_by_hand(x1, x2, y):  # the two stretches from above
    h1, h2 = sigmoid(w11 * x1 + w12 * x2 + b1), sigmoid(w21 * x1 + w22 * x2 + b2)
    dz = sigmoid(v1 * h1 + v2 * h2 + c) - y
    da1, da2 = dz * v1 * h1 * (1 - h1), dz * v2 * h2 * (1 - h2)
    return [da1 * x1, da1 * x2, da2 * x1, da2 * x2, da1, da2, dz * h1, dz * h2, dz]


first, second = torch.tensor([gradients_by_hand(2.0, 4.0, 1.0), gradients_by_hand(-1.0, 3.0, 0.0)])
example, answer = torch.tensor([[2.0, 4.0], [-1.0, 3.0]]).double(), torch.tensor([[1.0], [0.0]])
answer = answer.double()
net.zero_grad()
loss_at(theta.clone()).backward()
of_mean = torch.cat([parameter.grad.flatten() for parameter in net.parameters()])

# %% slideshow={"slide_type": "subslide"}
table = {"example 1": first, "example 2": second, "(1 + 2) / 2": (first + second) / 2}
pd.DataFrame(table | {"autograd, mean loss": of_mean}, index=names).round(4).T

# %% [markdown] lang="zh-TW"
# 可以：每個樣本的梯度相加，再除以 N。「平均」給每條路都乘上 1/N，岔路再把它們加起來。要是損失不取平均，梯度就只是和，批次越大，步長也越大。
#
# **主張 3** 由岔路的規則，這必然成立：九個參數都一樣，兩個樣本的梯度相加再除以 2，與平均損失的 autograd 梯度相差不到 10⁻⁶。

# %% [markdown] lang="en"
# It can: add the gradients of the examples and divide by N. The mean multiplies each path by 1/N, and the fork adds them up. Without the mean the gradient would be the sum alone, and a larger batch would take larger steps.
#
# **Claim 3** By the rule for forks this must hold: for all nine parameters the two examples' gradients, added and halved, are within 10⁻⁶ of autograd's for the mean loss.

# %%
claim(3, bool(((first + second) / 2 - of_mean).abs().max() < 1e-6))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## softmax 加交叉熵：為什麼是 p − y
#
# K 個類別時，每個 $z_k$ 都在 softmax 的分母裡，所以每個 $z_k$ 都影響**所有的**機率：處處是岔路。K 個 logits、K 個機率，共有 K² 個導數，排成一張表，叫雅可比矩陣（Jacobian）：
#
# $$\frac{\partial p_j}{\partial z_k} = p_j\,(\delta_{jk} - p_k), \qquad \delta_{jk} = 1 \text{（若 } j = k\text{），否則 } 0$$
#
# 標籤是類別 1。想一想：三個 logits 裡，哪些的梯度是負的？三個梯度加起來是多少？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Softmax with cross-entropy: why p − y
#
# With K classes, each $z_k$ stands in the denominator of the softmax and so moves **all** probabilities: forks everywhere. K logits and K probabilities have K² derivatives, in a table that is called the Jacobian:
#
# $$\frac{\partial p_j}{\partial z_k} = p_j\,(\delta_{jk} - p_k), \qquad \delta_{jk} = 1 \text{ if } j = k \text{, else } 0$$
#
# The label is class 1. Predict: which of the three logits have a negative gradient, and what do the three gradients add up to?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（7 分鐘）三個類別，標籤是類別 1，softmax 給的機率是 (0.66, 0.24, 0.10)。交叉熵對三個 logits 的梯度，哪些是負的？三個加起來是多少？
#
# - ✗ 類別 0 和 2 是負的，它們該降下來；加起來是 0。*把梯度當成該走的方向；梯度下降往梯度的反方向走。*
# - ✗ 只有類別 1 是負的；加起來是 1。*以為梯度和機率一樣加起來是 1；別忘了還要減掉標籤，標籤加起來也是 1。*
# - ✓ 只有類別 1 是負的；加起來是 0。*梯度是 p − y，也就是 (0.66, −0.76, 0.10)。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (7 min) Three classes, the label is class 1, and the softmax gives the probabilities (0.66, 0.24, 0.10). Which of the three logits have a negative gradient of the cross-entropy, and what do the three add up to?
#
# - ✗ Those of classes 0 and 2, which should come down; the sum is 0. *Takes the gradient for the way to go; gradient descent goes against it.*
# - ✗ That of class 1 only; the sum is 1. *Thinks that gradients add up to 1, as probabilities do; the label, which adds up to 1 as well, is taken off.*
# - ✓ That of class 1 only; the sum is 0. *The gradient is p − y, that is (0.66, −0.76, 0.10).*

# %%
z = torch.tensor([2.0, 1.0, 0.1], dtype=torch.float64, requires_grad=True)
F.cross_entropy(z[None], torch.tensor([1])).backward()
p, y = z.detach().softmax(0), torch.tensor([0.0, 1.0, 0.0], dtype=torch.float64)
jacobian = torch.diag(p) - torch.outer(p, p)  # row j, column k: ∂p_j/∂z_k
long_way = jacobian.T @ (-y / p)  # over all paths: ∂L/∂p_j is −1/p_j at the label, else 0

# %% slideshow={"slide_type": "subslide"} alt-zh="左圖是三乘三的雅可比矩陣：對角線是正的，其他格是負的。右圖的橫軸是三個類別，縱軸是數值，每類有三根長條：機率 p、標籤 y、以及 p 減 y。只有正確的類別 1，p 減 y 是負的。" alt-en="Left, the three-by-three Jacobian: positive on the diagonal, negative elsewhere. Right, three bars for each class: probability p, label y, and p minus y. Only for the right class, 1, is p minus y negative."
figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 3))
sns.heatmap(jacobian, annot=True, fmt=".3f", cmap="coolwarm", center=0, cbar=False, ax=left)
left.set(xlabel="logit k", ylabel="probability j", title="∂p_j / ∂z_k")
for k, (name, heights) in enumerate({"p": p, "y": y, "p − y": p - y}.items()):
    at = np.arange(3) + 0.27 * k - 0.27
    right.bar(at, heights, width=0.25, hatch=("", "//", "xx")[k], label=name, edgecolor="white")
right.axhline(0, color="black", linewidth=0.8)
right.set(xlabel="class (the label is 1)", ylabel="value", xticks=range(3))
legend = right.legend()

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 長的路：沿著每一條路乘，再全部加起來，結果正好是 $p - y$。短的路只要兩行。把損失寫開：
#
# $$L = -\ln p_{\text{標籤}} = -z_{\text{標籤}} + \ln\sum_j e^{z_j}$$
#
# 第一項對 $z_k$ 的導數，在標籤那一類是 $-1$，其他是 0，也就是 $-y_k$；第二項的導數是 $e^{z_k}/\sum_j e^{z_j} = p_k$。相加就是 $p_k - y_k$。
#
# **主張 4** 這必然成立：走遍所有的路、$p - y$ 與 autograd，三者相差不到 10⁻¹²；只有標籤那一類的梯度是負的，三個梯度加起來是 0。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# The long way multiplies along every path and adds them all up, and out comes $p - y$. The short way takes two lines. Write the loss out:
#
# $$L = -\ln p_{\text{label}} = -z_{\text{label}} + \ln\sum_j e^{z_j}$$
#
# The first term's derivative by $z_k$ is $-1$ for the label and 0 for the others, that is $-y_k$; the second's is $e^{z_k}/\sum_j e^{z_j} = p_k$. Together they make $p_k - y_k$.
#
# **Claim 4** This must hold: the sum over all paths, $p - y$ and autograd are within 10⁻¹² of one another; only the label's gradient is negative, and the three add up to 0.

# %%
gaps = [(way - (p - y)).abs().max() for way in (long_way, z.grad)]
signs = ((p - y) < 0).tolist() == [False, True, False]
claim(4, bool(max(gaps) < 1e-12) and signs and abs((p - y).sum().item()) < 1e-12)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 整層一起算
#
# 真正的網路有幾百個神經元、幾百個樣本，一個數一個數寫不完。寫成矩陣：N 個樣本、D 個輸入、H 個隱藏神經元、K 類，$A = XW + b$，$H = \sigma(A)$，$Z = HV + c$。
#
# 往回走有兩種和要加：一種沿著**樣本**（權重是岔路），一種沿著**下一層的神經元**（$h$ 是岔路）。想一想：下面六行裡，這兩種和藏在哪裡？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## A whole layer at once
#
# Real networks have hundreds of neurons and of examples. Written with matrices, for N examples, D inputs, H hidden neurons and K classes: $A = XW + b$, $H = \sigma(A)$, $Z = HV + c$.
#
# On the way back two sums are taken, one over **examples** (a weight is a fork) and one over **neurons of the next layer** (an $h$ is a fork). Predict: where do the two hide in the six lines of `backward`?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（7 分鐘）一個隱藏層的輸出是 `H`，形狀 (N, H)：N 個樣本、H 個神經元；下一層是 `Z = H @ V + c`。往回走時，`dV = H.T @ dZ`，`dH = dZ @ V.T`。這兩個矩陣乘法各沿著什麼相加？
#
# - ✗ 第一個沿著下一層的神經元，第二個沿著樣本。*兩個弄反了；看形狀：`dV` 裡沒有樣本，`dH` 裡沒有下一層。*
# - ✓ 第一個沿著樣本，第二個沿著下一層的神經元。*每個權重所有樣本都用，每個 h 下一層的神經元都用，兩種都是岔路。*
# - ✗ 都沒有相加，矩陣乘法只是把數相乘。*忘了矩陣乘法的每一格都是一個和。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (7 min) A hidden layer puts out `H` of shape (N, H), for N examples and H neurons; the next layer is `Z = H @ V + c`. On the way back `dV = H.T @ dZ` and `dH = dZ @ V.T`. Over what does each of these products add?
#
# - ✗ The first over the neurons of the next layer, the second over examples. *Has them the wrong way round; by their shapes `dV` has no examples in it, and `dH` no next layer.*
# - ✓ The first over examples, the second over the neurons of the next layer. *All examples use each weight, and all neurons of the next layer use each h: both are forks.*
# - ✗ Neither adds: a matrix product multiplies. *Forgets that every entry of a matrix product is a sum.*


# %%
def forward(X, W, b, V, c):
    H = torch.sigmoid(X @ W + b)  # (N, H)
    return H, H @ V + c  # logits (N, K)


def backward(X, H, Z, labels, V):
    dZ = (Z.softmax(dim=1) - F.one_hot(labels, Z.shape[1])) / len(X)  # p − y, of the mean
    dV, dc = H.T @ dZ, dZ.sum(dim=0)  # what came in, times the signal
    dH = dZ @ V.T
    dA = dH * H * (1 - H)  # through the sigmoid
    dW, db = X.T @ dA, dA.sum(dim=0)
    return dW, db, dV, dc


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 藏在矩陣乘法裡：`H.T @ dZ` 與 `X.T @ dA` 沿著樣本加，`dZ @ V.T` 沿著下一層加；偏置對每個樣本都一樣，所以沿著樣本 `sum`。層數再多，也只是逐層重複後三行。
#
# 忘了哪一邊要轉置，就看形狀：梯度和它的參數同形狀，通常只有一種乘法說得通。（方陣除外，所以要檢查。）
#
# 一個網路對了，也許是湊巧。檢查兩百個，大小全都隨機：

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# In the matrix products: `H.T @ dZ` and `X.T @ dA` add over examples, `dZ @ V.T` adds over the next layer; a bias is the same for every example, hence the `sum`. With more layers, the last three lines repeat layer by layer.
#
# If you forget which side to transpose, look at the shapes: a gradient has its parameter's, and mostly just one product fits. (Not for square matrices, so check.)
#
# One network may be luck. Check two hundred, all their sizes random:

# %%
gaps, generator = [], seeding.generator(0)
for _ in range(200):
    N, D, hidden, K = torch.randint(1, 9, (4,), generator=generator).tolist()
    shapes = [(N, D), (D, hidden), (hidden,), (hidden, K), (K,)]
    X, *parameters = [torch.randn(s, generator=generator, dtype=torch.float64) for s in shapes]
    labels = torch.randint(0, K, (N,), generator=generator)
    for parameter in parameters:
        parameter.requires_grad_()
    H, Z = forward(X, *parameters)
    F.cross_entropy(Z, labels).backward()
    with torch.no_grad():
        by_hand = backward(X, H, Z, labels, parameters[2])
    pairs = zip(by_hand, parameters, strict=True)
    gaps += [(hand - parameter.grad).abs().max().item() for hand, parameter in pairs]

# %% [markdown] lang="zh-TW"
# **主張 5** 這必然成立：兩百個大小隨機的網路，四組梯度手算與 autograd 最大的差距不到 10⁻¹²。

# %% [markdown] lang="en"
# **Claim 5** This must hold: over two hundred networks of random sizes, the largest gap between hand and autograd, in any of the four gradients, is below 10⁻¹².

# %%
claim(5, len(gaps) == 800 and max(gaps) < 1e-12)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 讓程式自己往回走
#
# 換一個網路，就要重寫一次 `backward`？不必。網路由加、乘、exp 這類小運算組成，每個運算只要記住兩件事：它的**輸入是誰**，以及梯度回傳來時，**各輸入分到多少**。這樣串起來的圖叫做計算圖（computational graph），沿著它往回走，就是自動微分（automatic differentiation）。PyTorch 的 autograd 也是這樣做的；我們用 NumPy 寫一頁。
#
# 先處理廣播（broadcasting）。(5, 3) 加 (3,) 時，那三個數各用了五次，又是岔路：梯度要沿著重複的軸加回來。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Let the program walk back by itself
#
# Must `backward` be written anew for every network? No. A network is made of small operations, such as +, × and exp, and each need only remember two things: **what it was computed from**, and **what share of a gradient** each of these gets. The graph that they form is the computational graph, and walking it backward is automatic differentiation. PyTorch's autograd does that; here is one page of it in NumPy.
#
# First, broadcasting. In (5, 3) plus (3,), each of the three numbers is used five times, a fork again: the gradient is summed over the axes that were repeated.


# %% saved="autograd"
def unbroadcast(grad, shape):
    grad = grad.sum(axis=tuple(range(grad.ndim - len(shape))))  # axes that were put in front
    return grad.sum(axis=tuple(i for i, n in enumerate(shape) if n == 1), keepdims=True)


def as_tensor(value):
    return value if isinstance(value, Tensor) else Tensor(value)


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 微積分的部分：一個運算一條規則
#
# 每個結果帶著一張名單：（輸入，分到多少）。加法原樣傳，乘法乘上另一個，`@` 就是剛才的 `dZ @ V.T` 與 `H.T @ dZ`。
#
# 想一想：`total` 把很多數加成一個。梯度回傳來時，每個數分到多少？

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### The calculus: a rule for each operation
#
# Each result carries a list of pairs, (operand, its share). A sum hands the gradient on, a product multiplies by the other factor, and `@` is the `dZ @ V.T` and `H.T @ dZ` of just now.
#
# Predict: `total` adds many numbers into one. What share does each get?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（8 分鐘）`total` 把很多數加成一個數。往回走時，這個結果收到的梯度是 g。原來的每個數分到多少？
#
# - ✗ g 除以數的個數，大家平分。*把相加當成平均；只有取平均時，才要除以個數。*
# - ✗ g 乘上那個數自己。*把相加當成相乘；乘法才會用到另一個因子。*
# - ✓ 每個都分到完整的 g。*推動任何一個數，總和就動一樣多，所以梯度原樣傳給每一個。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (8 min) `total` adds many numbers into one. On the way back this one receives a gradient g. What does each of the numbers get?
#
# - ✗ g divided by how many they are: it is shared out. *Takes a sum for a mean; only a mean divides.*
# - ✗ g times the number itself. *Takes a sum for a product; it is a product that brings in the other factor.*
# - ✓ Each gets the whole of g. *Nudge any one of them, and the sum moves by as much, so the gradient is handed on as it is.*


# %% saved="autograd"
def add(a, b):
    a, b = as_tensor(a), as_tensor(b)
    return Tensor(a.data + b.data, [(a, lambda g: g), (b, lambda g: g)])


def multiply(a, b):
    a, b = as_tensor(a), as_tensor(b)
    return Tensor(a.data * b.data, [(a, lambda g: g * b.data), (b, lambda g: g * a.data)])


def matmul(a, b):
    a, b = as_tensor(a), as_tensor(b)
    if a.data.ndim != 2 or b.data.ndim != 2:
        shapes = f"{a.data.shape} and {b.data.shape}"
        raise ValueError(
            f"@ takes two matrices, got shapes {shapes}; make a vector (1, D) or (D, 1)"
        )
    return Tensor(a.data @ b.data, [(a, lambda g: g @ b.data.T), (b, lambda g: a.data.T @ g)])


# %% slideshow={"slide_type": "subslide"} saved="autograd"
def total(a, axis=None, keepdims=False):
    kept = a.data.sum(axis=axis, keepdims=True)
    values = kept if keepdims else a.data.sum(axis=axis)
    return Tensor(values, [(a, lambda g: g.reshape(kept.shape) * np.ones_like(a.data))])


def mean(a, axis=None, keepdims=False):
    summed = total(a, axis, keepdims)
    return summed * (summed.data.size / a.data.size)


def negative(a):
    return multiply(a, -1)


def subtract(a, b):
    return add(a, negative(b))


# %% slideshow={"slide_type": "subslide"} saved="autograd"
def power(a, n):
    return Tensor(a.data**n, [(a, lambda g: g * n * a.data ** (n - 1))])


def divide(a, b):
    return multiply(a, power(as_tensor(b), -1))


def exp(a):
    values = np.exp(a.data)
    return Tensor(values, [(a, lambda g: g * values)])


def log(a):
    return Tensor(np.log(a.data), [(a, lambda g: g / a.data)])


def relu(a):
    return Tensor(np.maximum(a.data, 0), [(a, lambda g: g * (a.data > 0))])


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 往回走的部分：一個迴圈
#
# `backward` 不懂微積分，只懂一件事：**岔路的梯度要相加，到齊了才往下傳**。怎麼知道到齊了？每個張量（tensor）記著自己的深度；用到它的運算都比它深，所以每次挑最深的一個來處理，它的梯度一定到齊了。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### The walk back: one loop
#
# `backward` knows no calculus. It knows that **at a fork gradients add, and are passed on once all have arrived**. How can it tell that they have? Each tensor knows its depth; whatever uses it is deeper. So it always takes the deepest one, whose gradient must be complete.

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（6 分鐘）一個張量被後面三個運算用到。autograd 往回走時，什麼時候可以把它的梯度再往前傳？
#
# - ✗ 第一份梯度一到就傳，另外兩份之後再補。*以為之後還補得回來；這裡的引擎每個張量只往前傳一次，傳早了就少了兩份。*
# - ✓ 三份都到齊，加起來之後。*岔路的梯度要相加；每次處理最深的張量，就保證到齊了。*
# - ✗ 隨時都可以，加法不管先後。*加的順序不要緊，但加完才能傳。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (6 min) Three later operations use one tensor. When autograd walks back, at what point may it hand on that tensor's gradient?
#
# - ✗ As soon as the first share arrives; the other two follow later. *Thinks that they can be added afterwards; this engine hands each tensor's gradient on once, and too early means without the rest.*
# - ✓ Once all three shares have arrived and are added. *At a fork gradients add; always taking the deepest tensor makes sure that all are there.*
# - ✗ At any time: sums do not care about order. *The order of adding does not matter, but adding must be done before handing on.*


# %% slideshow={"slide_type": "subslide"} saved="autograd"
class Tensor:
    __array_ufunc__ = None  # NumPy leaves array + tensor to __radd__

    def __init__(self, data, parents=()):
        self.data = np.array(data, dtype=float)
        self.grad = np.zeros_like(self.data)
        self.parents = parents
        self.depth = 1 + max((parent.depth for parent, _ in parents), default=0)

    def backward(self):
        waiting = {self: np.ones_like(self.data)}  # tensor -> what has arrived so far
        while waiting:
            tensor = max(waiting, key=lambda t: t.depth)  # whatever uses it is deeper, and done
            grad = waiting.pop(tensor)
            tensor.grad = tensor.grad + grad
            for parent, share in tensor.parents:
                arrived = unbroadcast(share(grad), parent.data.shape)
                waiting[parent] = waiting.get(parent, 0) + arrived  # at a fork gradients add

    __add__ = __radd__ = add
    __mul__ = __rmul__ = multiply
    __matmul__, __pow__ = matmul, power
    __neg__, __sub__, __truediv__ = negative, subtract, divide
    sum, mean, exp, log, relu = total, mean, exp, log, relu

    def __rsub__(self, other):
        return subtract(other, self)

    def __rtruediv__(self, other):
        return divide(other, self)


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 考它一考
#
# 減法與除法沒有自己的規則：它們由加、乘、次方組成，梯度自動就對。拿一個有岔路、有廣播、有矩陣的式子，同一段程式分別交給我們的 `Tensor` 與 PyTorch：

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### Put it to the test
#
# Subtraction and division have no rule of their own: they are made of +, × and powers, and their gradients follow. Take a formula with forks, broadcasting and matrices, and give the same code to our `Tensor` and to PyTorch:


# %%
def formula(X, W, b):  # X and W are used twice, b is broadcast over the rows
    h = (X @ W + b).relu()
    return ((h - X) ** 2).mean() / (1 + (W * W).sum()) + (h.exp().sum(1) + 1).log().mean()


rng = seeding.rng(0)
gaps = []
for _ in range(100):
    arrays = [rng.normal(size=shape) for shape in ((5, 3), (3, 3), (3,))]
    ours = [Tensor(array) for array in arrays]
    theirs = [torch.tensor(array, requires_grad=True) for array in arrays]
    for inputs in (ours, theirs):
        formula(*inputs).backward()
    pairs = zip(ours, theirs, strict=True)
    gaps += [np.abs(mine.grad - other.grad.numpy()).max() for mine, other in pairs]

# %% [markdown] lang="zh-TW"
# **主張 6** 這必然成立：一百組隨機的輸入，三個張量的梯度與 PyTorch 相差都不到 10⁻¹²。（課程的測試還用幾百張隨機的計算圖考它。）
#
# 這一頁存成 `course_utils.autograd`。PyTorch 多出來的，主要是速度、GPU，和幾百條規則。

# %% [markdown] lang="en"
# **Claim 6** This must hold: for a hundred random inputs the gradients of all three tensors are within 10⁻¹² of PyTorch's. (The course's tests try it on hundreds of random graphs besides.)
#
# This page is `course_utils.autograd`. What PyTorch adds is, above all, speed, GPUs, and hundreds of rules.

# %%
claim(6, len(gaps) == 300 and max(gaps) < 1e-12)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 它能訓練網路嗎？
#
# 兩彎新月，一條直線分不開。用我們的引擎寫一個 2-16-2 的網路：softmax、交叉熵、梯度下降（gradient descent），200 個點訓練，另外 200 個點測驗。十個種子，每個種子有自己的點與起點。
#
# 猜猜看：300 步之後，有幾個學得會？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Can it train a network?
#
# Two crescents that no straight line separates. With our engine, a 2-16-2 network: softmax, cross-entropy, gradient descent, 200 points to train on and another 200 to examine it. Ten seeds, each with points and a start of its own.
#
# Guess: after 300 steps, how many will have learned it?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（7 分鐘）用一頁自己寫的 autograd 訓練 2-16-2 的網路，分開兩彎新月，一條直線分不開。十個種子，每個種子 200 個訓練點，梯度下降 300 步。在沒看過的點上，有幾個網路的準確率超過 93%？
#
# - ✗ 一個也沒有，自己寫的梯度不夠準。*這台引擎的梯度和 PyTorch 只差捨入誤差。*
# - ✗ 六個左右，像 2-4-1 的網路學 XOR 那樣。*把很小的網路的運氣搬過來；這裡有 16 個隱藏神經元，卡住的機會小得多。*
# - ✓ 十個全部。*梯度是對的，網路也夠寬，十個種子都學會了。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (7 min) With a home-made autograd of one page, a 2-16-2 network is trained to part two crescents, which no straight line separates. Ten seeds, each with 200 points to train on, 300 steps of gradient descent. How many of the networks get above 93 % on unseen points?
#
# - ✗ None: home-made gradients are not precise enough. *This engine's gradients differ from PyTorch's by rounding only.*
# - ✗ About six, as with 2-4-1 networks on XOR. *Carries over the luck of tiny networks; with 16 hidden neurons it is far less likely to be stuck.*
# - ✓ All ten. *The gradients are right and the network is wide enough: every one of the ten seeds learns it.*


# %%
def logits_of(net, X):
    W, b, V, c = net
    return (as_tensor(X) @ W + b).relu() @ V + c


def cross_entropy(logits, labels):
    shifted = logits - logits.data.max(axis=1, keepdims=True)  # changes no probability
    log_probs = shifted - shifted.exp().sum(axis=1, keepdims=True).log()
    return -(log_probs * np.eye(2)[labels]).sum() / len(labels)


def make_net(seed, hidden=16):
    rng = seeding.rng(seed)
    W, V = rng.normal(size=(2, hidden)), rng.normal(size=(hidden, 2)) / np.sqrt(hidden)
    return [Tensor(values) for values in (W, np.zeros(hidden), V, np.zeros(2))]


# %% slideshow={"slide_type": "subslide"}
def train(seed, steps=300, lr=1.0):
    points, labels = make_moons(400, noise=0.1, random_state=seeding.shifted(seed))
    net, losses = make_net(seed), []
    for _ in range(steps):
        loss = cross_entropy(logits_of(net, points[:200]), labels[:200])
        for parameter in net:
            parameter.grad[...] = 0  # gradients add up over calls, in PyTorch too
        loss.backward()
        for parameter in net:
            parameter.data -= lr * parameter.grad
        losses.append(float(loss.data))
    answers = logits_of(net, points[200:]).data.argmax(axis=1)
    return net, losses, (answers == labels[200:]).mean()


runs = [train(seed) for seed in range(10)]

# %% slideshow={"slide_type": "subslide"} alt-zh="左圖的橫軸是步數，縱軸是訓練損失，十個種子的平均從大約 0.8 降到 0.02 左右，陰影帶是 95% 區間。右圖是第一個種子的兩彎新月，底色是網路的答案，邊界沿著兩彎新月之間彎曲。" alt-en="Left, training loss against steps: the mean over ten seeds falls from about 0.8 to near 0.02; the band is a 95 % interval. Right, the two crescents of the first seed, the background showing the network's answers, with a border that winds between the crescents."
figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 3.2))
curves = np.array([losses for _, losses, _ in runs])
plotting.plot_band(left, np.arange(300), curves, "2-16-2 by our engine")
left.set(xlabel="step", ylabel="training loss (nats)", yscale="log")
points, labels = make_moons(400, noise=0.1, random_state=seeding.shifted(0))
across, up = np.meshgrid(np.linspace(-1.6, 2.6, 120), np.linspace(-1.1, 1.6, 90))
grid = np.stack([across.ravel(), up.ravel()], axis=1)
answers = logits_of(runs[0][0], grid).data.argmax(axis=1).reshape(across.shape)
right.contourf(across, up, answers, levels=[-0.5, 0.5, 1.5], colors=["#DDEBF7", "#FCE4D6"])
for label, marker in enumerate("o^"):
    right.scatter(*points[labels == label].T, s=9, marker=marker, label=f"label {label}")
right.set(xlabel="x₁", ylabel="x₂")
legend = right.legend(loc="upper right", fontsize=9)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# **主張 7** 換十個種子，每一個網路在沒看過的 200 個點上，準確率都超過 93%；損失最後都不到開始時的五分之一。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# **Claim 7** For every one of the ten seeds the accuracy on the 200 unseen points is above 93 %, and the loss ends below a fifth of what it began with.

# %%
accuracies = np.array([accuracy for _, _, accuracy in runs])
print(f"accuracy on unseen points: {mean_interval(accuracies):.1%}")
claim(7, accuracies.min() > 0.93 and bool((curves[:, -1] < curves[:, 0] / 5).all()))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 檢查梯度，以及 ReLU 的轉角
#
# 自己寫的 `backward`，用有限差分檢查，叫做梯度檢查（gradient check）。平滑的函數沒有問題；ReLU 在 0 有一個轉角（kink），左邊斜率 0，右邊斜率 1。
#
# 取 $\varepsilon = 0.1$，算 $\big(\text{relu}(x+\varepsilon) - \text{relu}(x-\varepsilon)\big)/2\varepsilon$。想一想：$x = 0.02$ 的斜率是 1，有限差分會說多少？$x$ 剛好是 0 呢？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Checking gradients, and ReLU's kink
#
# To compare a `backward` of your own with finite differences is a gradient check. Smooth functions make no trouble; ReLU has a kink at 0, with slope 0 to the left and 1 to the right.
#
# With $\varepsilon = 0.1$, take $\big(\text{relu}(x+\varepsilon) - \text{relu}(x-\varepsilon)\big)/2\varepsilon$. Predict: at $x = 0.02$ the slope is 1; what does the finite difference say? And at $x = 0$ itself?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（6 分鐘）ReLU 在 x = 0.02 的斜率是 1。取 ε = 0.1，用有限差分 (relu(x + ε) − relu(x − ε)) / 2ε 去量，會得到多少？
#
# - ✓ 0.6。*左腳在 −0.08，右腳在 0.12，跨過了轉角：(0.12 − 0) / 0.2 = 0.6，是兩種斜率混在一起。*
# - ✗ 1，x 是正的，斜率就是 1。*只看 x 自己；有限差分看的是左右各 ε 的兩點。*
# - ✗ 0.5，正好一半。*那是 x 剛好等於 0 的時候。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (6 min) At x = 0.02 the slope of ReLU is 1. What does the finite difference (relu(x + ε) − relu(x − ε)) / 2ε give there with ε = 0.1?
#
# - ✓ 0.6. *One foot is at −0.08 and the other at 0.12, across the kink: (0.12 − 0) / 0.2 = 0.6, a mixture of both slopes.*
# - ✗ 1: x is positive, so the slope is 1. *Looks at x alone; a finite difference looks at two points, ε to either side.*
# - ✗ 0.5, just half. *That is what it gives at x = 0 exactly.*

# %%
rows = []
for place in (-0.2, -0.02, 0.0, 0.02, 0.2):
    x = Tensor(place)
    x.relu().backward()
    rows.append([place, float(x.grad), (max(place + 0.1, 0) - max(place - 0.1, 0)) / 0.2])
slopes = pd.DataFrame(rows, columns=["x", "backward", "finite difference"]).round(3)
slopes

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 兩腳跨在轉角的兩邊，量到的是兩種斜率混在一起：0.02 的地方是 0.6。錯的是尺，不是 `backward`。在 0 的地方，永遠是 0.5，$\varepsilon$ 再小也一樣；autograd 則約定取 0。
#
# **主張 8** 這是算術，必然成立：離 0 超過 $\varepsilon$ 的兩點，兩者一致（相差不到 10⁻⁹）；離 0 不到 $\varepsilon$ 的三點，兩者差了 0.3 以上；在 0，有限差分是 0.5。
#
# 一個網路有幾百個轉角，檢查時踩得到嗎？量量看：30 個隱藏神經元、20 個樣本，三種情形，各十個種子：sigmoid；ReLU；以及 ReLU、偏置全是 0、其中一個樣本是全 0 的（像一張空白的圖）。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# With a foot on either side of the kink, it measures a mixture of both slopes: 0.6 at 0.02. The ruler is wrong, not `backward`. At 0 it is always 0.5, however small $\varepsilon$; autograd has agreed on 0.
#
# **Claim 8** This is arithmetic and must hold: at the two points farther than $\varepsilon$ from 0 both agree (within 10⁻⁹), at the three nearer ones they differ by more than 0.3, and at 0 the finite difference is 0.5.
#
# A network has hundreds of kinks; does a check step on them? Measure it, with 30 hidden neurons and 20 examples, ten seeds each: a sigmoid; a ReLU; and a ReLU whose biases are 0, with one example that is all zeros, like a blank image.

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（7 分鐘）用有限差分檢查一個 ReLU 網路的梯度。偏置全是 0，而且有一個樣本的輸入全是 0（像一張空白的圖）。ε 取多少，檢查才會通過？
#
# - ✗ 很小，例如 10⁻⁷，就踩不到轉角了。*平常是這樣；但這個樣本的 z 剛好是 0，轉角就在腳下。*
# - ✗ 很大，例如 0.1，才看得出真正的斜率。*ε 越大，跨過的轉角越多，誤差越大。*
# - ✓ 取多少都不會通過，而 `backward` 並沒有錯。*z 剛好在轉角上，推動偏置，一邊的斜率是 0，另一邊是 1；該換隨機的參數來檢查。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (7 min) The gradient of a ReLU network is checked by finite differences. All biases are 0, and one example's inputs are all 0 (like a blank image). Which ε makes the check pass?
#
# - ✗ A small one, 10⁻⁷ say, which steps on no kink. *True as a rule; but this example's z is exactly 0, so that the kink lies underfoot.*
# - ✗ A large one, 0.1 say, which shows the true slope. *The larger ε, the more kinks are crossed, and the larger the error.*
# - ✓ None, and yet `backward` is right. *z is exactly at the kink: nudge a bias, and the slope is 0 on one side and 1 on the other; check at random parameters instead.*

# %%
gap = (slopes["backward"] - slopes["finite difference"]).abs()
near = slopes["x"].abs() < 0.1
halfway = slopes["finite difference"][2] == 0.5
claim(8, bool((gap[~near] < 1e-9).all() and (gap[near] > 0.3).all() and halfway))


# %% slideshow={"slide_type": "subslide"}
def smooth(a):
    return 1 / (1 + (-a).exp())


def draw(seed, blank):
    rng = seeding.rng(seed)
    X, y = rng.normal(size=(20, 2)), rng.choice([-1.0, 1.0], size=(20, 1))
    W, b, v = rng.normal(size=(2, 30)), rng.normal(size=30), rng.normal(size=(30, 1))
    if blank:
        X[0], b = 0, np.zeros(30)
    return X, y, [W, b, v / np.sqrt(30)]


def loss_of(parameters, X, y, activation):
    W, b, v = parameters
    return ((activation(X @ W + b) @ v - y) ** 2).mean()


# %% slideshow={"slide_type": "subslide"}
def largest_error(seed, activation, blank, epsilon):
    X, y, parameters = draw(seed, blank)
    X = Tensor(X)
    leaves = [Tensor(values) for values in parameters]
    loss_of(leaves, X, y, activation).backward()
    errors = []
    for leaf in leaves:
        for place in np.ndindex(leaf.data.shape):
            losses, start = [], leaf.data[place]
            for leaf.data[place] in (start + epsilon, start - epsilon):
                losses.append(float(loss_of(leaves, X, y, activation).data))
            leaf.data[place] = start
            errors.append((losses[0] - losses[1]) / (2 * epsilon) - leaf.grad[place])
    return np.abs(errors).max()


# %%
epsilons = 10.0 ** np.arange(-10, 0)
cases = {"sigmoid": (smooth, False), "ReLU": (Tensor.relu, False)}
cases["ReLU, blank example, biases 0"] = (Tensor.relu, True)
errors = {
    name: np.array([[largest_error(seed, *case, e) for e in epsilons] for seed in range(10)])
    for name, case in cases.items()
}

# %% slideshow={"slide_type": "subslide"} alt-zh="橫軸是 ε，縱軸是最大的誤差，都取對數。sigmoid 的線是 V 字形，在 ε = 10 的負 5 次方附近最低。ReLU 的線在 ε 大於 10 的負 3 次方時高高在上，ε 變小就掉到和捨入誤差一樣低。有空白樣本、偏置是 0 的 ReLU，不論 ε 多小，誤差都停在 0.02 左右。" alt-en="Largest error against ε, both on log axes. The sigmoid's line is a V with its lowest point near ε = 1e-5. ReLU's stands high for ε above 1e-3 and drops to the level of rounding below. For the ReLU with a blank example and biases 0 the error stays near 0.02 however small ε is."
figure, ax = plt.subplots(figsize=(8.5, 3.3))
for (name, values), marker in zip(errors.items(), "os^", strict=True):
    plotting.plot_band(ax, epsilons, values, name, log=True, marker=marker)
ax.set(xscale="log", xlabel="ε (log)", ylabel="largest error (log)")
legend = ax.legend(fontsize=9)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# - **sigmoid**：ε 太大，曲線不直；ε 太小，相減只剩捨入誤差。中間最好。
# - **ReLU**：ε 大就會跨過轉角；夠小，就幾乎踩不到。
# - **空白樣本**：轉角正好在腳下，ε 再小也沒用。偏置全是 0 的網路遇到空白的輸入，處處如此：檢查失敗，`backward` 卻沒有錯。
#
# **主張 9** 換十個種子，每一次都如此：ε = 0.1 時，ReLU 的誤差超過 10⁻³；ε = 10⁻⁷ 時，sigmoid 與 ReLU 的誤差都不到 10⁻⁶，有空白樣本的 ReLU，誤差仍超過 10⁻³。
#
# 所以檢查時用 float64、ε 取 10⁻⁵ 到 10⁻⁷，在**隨機**的參數上檢查，不要用剛歸零的偏置；若只有幾個參數不合，看看推動它時，有沒有神經元的正負號變了。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# - **Sigmoid**: with ε too large the curve bends, with ε too small the difference is all rounding. The middle is best.
# - **ReLU**: a large ε crosses kinks; a small one hardly ever does.
# - **A blank example**: the kink lies underfoot, and no ε helps. A network with zero biases meets that at every blank input: the check fails, and `backward` is right.
#
# **Claim 9** For every one of ten seeds: at ε = 0.1 ReLU's error is above 10⁻³; at ε = 10⁻⁷ those of sigmoid and ReLU are below 10⁻⁶, and that of the ReLU with a blank example is still above 10⁻³.
#
# So check in float64, with ε from 10⁻⁵ to 10⁻⁷, at **random** parameters, not at biases just set to 0; and if a few parameters disagree, see whether some neuron changes its sign as you nudge them.

# %%
large, small = epsilons.searchsorted([0.09, 0.9e-7])
blank = errors["ReLU, blank example, biases 0"]
passes = max(errors["sigmoid"][:, small].max(), errors["ReLU"][:, small].max()) < 1e-6
claim(9, bool(passes and errors["ReLU"][:, large].min() > 1e-3 and blank[:, small].min() > 1e-3))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 練習 1：廣播過的，加回來
#
# 難度 ★☆☆，約 10 分鐘。
#
# 一層網路計算 `y = scale * x + shift`：x 是 (N, D)；scale 是 (D,)，每一欄一個；shift 是 (N, 1)，每一列一個。給你 grad，也就是 ∂L/∂y，形狀 (N, D)。寫出 `scale_and_shift_backward`，依序回傳 x、scale、shift 的梯度，各和自己同形狀，不用 autograd。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Exercise 1: what was broadcast is summed
#
# Difficulty ★☆☆, about 10 minutes.
#
# A layer computes `y = scale * x + shift`: x is (N, D); scale is (D,), one for each column; shift is (N, 1), one for each row. You are given grad, which is ∂L/∂y, (N, D). Write `scale_and_shift_backward`: return the gradients of x, scale and shift, in this order and each in the shape of its own, without autograd.


# %% tags=["exercise"]
def scale_and_shift_backward(x, scale, shift, grad):
    raise NotImplementedError  # your code here


# %% tags=["check"]
exercises.scale_and_shift_backward.check(scale_and_shift_backward)


# %% tags=["solution"]
# One possible answer; open it once you have tried.
def scale_and_shift_backward_solution(x, scale, shift, grad):
    """Gradients of x (N, D), scale (D,) and shift (N, 1) from that of scale * x + shift."""
    return grad * scale, (grad * x).sum(dim=0), grad.sum(dim=1, keepdim=True)


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 練習 2：有捷徑的一層
#
# 難度 ★★☆，約 15 分鐘。
#
# 很深的網路常在一層旁邊加一條捷徑（skip connection）：`y = x + relu(x @ W)`，x 是 (N, D)，W 是 (D, D)。給你 grad，也就是 ∂L/∂y，形狀 (N, D)。寫出 `residual_backward`，依序回傳 x 與 W 的梯度，不用 autograd。ReLU 在 0 的斜率取 0。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Exercise 2: a layer with a short cut
#
# Difficulty ★★☆, about 15 minutes.
#
# Very deep networks often give a layer a short cut (a skip connection): `y = x + relu(x @ W)`, with x (N, D) and W (D, D). You are given grad, which is ∂L/∂y, (N, D). Write `residual_backward`: return the gradients of x and W, in this order, without autograd. ReLU's slope at 0 is 0.


# %% tags=["exercise"]
def residual_backward(x, W, grad):
    raise NotImplementedError  # your code here


# %% tags=["check"]
exercises.residual_backward.check(residual_backward)


# %% tags=["solution"]
# One possible answer; open it once you have tried.
def residual_backward_solution(x, W, grad):
    """Gradients of x (N, D) and W (D, D) from that of x + relu(x @ W)."""
    through_relu = grad * (x @ W > 0)
    return grad + through_relu @ W.T, x.T @ through_relu


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 練習 3：2-2-2 的 softmax 網路，全部手算
#
# 難度 ★★★，約 30 分鐘。
#
# $h = \tanh(Wx + b)$，$z = Vh + c$，$p = \text{softmax}(z)$，$L = -\ln p_{label}$。一個樣本 x (2,)，label 是 0 或 1；W、V 是 (2, 2)，b、c 是 (2,)。
#
# 先在紙上做：x = (1, 2)，W = ((0.5, −0.25), (0, 0.5))，V = ((1, 2), (−1, 1))，b、c 都是 0，label = 0（這時 Wx + b = (0, 1)）。十二個導數全寫出來。然後寫 `softmax_net_gradients`，依序回傳 W、b、V、c 的梯度，不用 autograd；拿它驗算你的紙。（tanh 的導數是 1 − h²。）

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Exercise 3: a 2-2-2 softmax net, all by hand
#
# Difficulty ★★★, about 30 minutes.
#
# $h = \tanh(Wx + b)$, $z = Vh + c$, $p = \text{softmax}(z)$, $L = -\ln p_{label}$. One example x (2,), whose label is 0 or 1; W and V are (2, 2), b and c (2,).
#
# Begin on paper: x = (1, 2), W = ((0.5, −0.25), (0, 0.5)), V = ((1, 2), (−1, 1)), b and c 0, label = 0 (so that Wx + b = (0, 1)). Write all twelve derivatives down. Then write `softmax_net_gradients`: return the gradients of W, b, V and c, in this order, without autograd, and check your paper by it. (The derivative of tanh is 1 − h².)


# %% tags=["exercise"]
def softmax_net_gradients(x, label, W, b, V, c):
    raise NotImplementedError  # your code here


# %% tags=["check"]
exercises.softmax_net_gradients.check(softmax_net_gradients)


# %% tags=["solution"]
# One possible answer; open it once you have tried.
def softmax_net_gradients_solution(x, label, W, b, V, c):
    """Gradients of W, b, V, c of −ln p of the label, with p = softmax(V tanh(W x + b) + c)."""
    h = torch.tanh(W @ x + b)
    dz = torch.softmax(V @ h + c, dim=0)
    dz[label] -= 1  # p − y
    da = (V.T @ dz) * (1 - h**2)  # each h leads to both z: the product adds the two paths
    return torch.outer(da, x), da, torch.outer(dz, h), dz


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 重點整理
#
# - 反向傳播：回傳來的訊號，乘上每個運算自己的導數，一路重用；往回走一趟，全部的梯度都有了。
# - **岔路的梯度要相加**。批次、廣播、下一層的神經元，都是岔路；矩陣乘法替你加好了。
# - softmax 加交叉熵，對 logits 的梯度是 $p - y$；損失取平均，就再除以 N。
# - 權重的梯度 = 進來的數 × 回傳來的訊號，形狀和權重一樣。
# - 梯度檢查用 float64、隨機的參數、不大不小的 ε；ReLU 的轉角會讓檢查失敗，而程式沒有錯。
#
# **下一課**：[[optimizers]]，優化器：有了梯度，該怎麼走。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Summary
#
# - Back-propagation multiplies the signal coming back by the derivative of each operation, and reuses it all the way; one walk back has every gradient.
# - **At a fork gradients add.** Batches, broadcasting and the neurons of the next layer are forks; a matrix product does the adding for you.
# - Softmax with cross-entropy has the gradient $p - y$ at the logits; for a mean loss, divide by N.
# - A weight's gradient is what came in times the signal that came back, in the weight's own shape.
# - Check gradients in float64, at random parameters, with an ε neither large nor tiny; at ReLU's kinks a check fails though the code is right.
#
# **Next**: [[optimizers]], optimizers: what to do with a gradient.

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "skip"}
# ### 原始文獻
#
# - Linnainmaa（1970），The representation of the cumulative rounding error of an algorithm as a Taylor expansion of the local rounding errors，赫爾辛基大學碩士論文（芬蘭文）；英文版 Taylor expansion of the accumulated rounding error，*BIT Numerical Mathematics* 16(2)，146–160（1976），doi:10.1007/BF01931367。反向模式的自動微分，通常以它為最早的發表。
# - Rumelhart、Hinton、Williams（1986），Learning representations by back-propagating errors，*Nature* 323，533–536，doi:10.1038/323533a0。一般認為，反向傳播因這一篇而廣為人知。
# - Griewank（2012），Who invented the reverse mode of differentiation?，*Documenta Mathematica*，Extra Volume ISMP，389–400，doi:10.4171/DMS/6/38。同一個想法怎麼被發現了好幾次。
# - Baydin、Pearlmutter、Radul、Siskind（2018），Automatic differentiation in machine learning: a survey，*Journal of Machine Learning Research* 18(153)，1–43，arXiv:1502.05767。
# - Paszke 等人（2019），PyTorch: An imperative style, high-performance deep learning library，*Advances in Neural Information Processing Systems* 32，arXiv:1912.01703。
# - 史丹佛大學 CS231n 課程講義 Neural Networks Part 3。梯度檢查與轉角。

# %% [markdown] lang="en" slideshow={"slide_type": "skip"}
# ### Primary sources
#
# - Linnainmaa (1970), The representation of the cumulative rounding error of an algorithm as a Taylor expansion of the local rounding errors, master's thesis (in Finnish), University of Helsinki; in English: Taylor expansion of the accumulated rounding error, *BIT Numerical Mathematics* 16(2), 146–160 (1976), doi:10.1007/BF01931367. Commonly cited as the first publication of reverse-mode automatic differentiation.
# - Rumelhart, Hinton, Williams (1986), Learning representations by back-propagating errors, *Nature* 323, 533–536, doi:10.1038/323533a0. Commonly credited with making back-propagation known.
# - Griewank (2012), Who invented the reverse mode of differentiation?, *Documenta Mathematica*, Extra Volume ISMP, 389–400, doi:10.4171/DMS/6/38. How one idea was found several times.
# - Baydin, Pearlmutter, Radul, Siskind (2018), Automatic differentiation in machine learning: a survey, *Journal of Machine Learning Research* 18(153), 1–43, arXiv:1502.05767.
# - Paszke et al. (2019), PyTorch: An imperative style, high-performance deep learning library, *Advances in Neural Information Processing Systems* 32, arXiv:1912.01703.
# - Stanford's course CS231n, notes Neural Networks Part 3. Gradient checks and kinks.
