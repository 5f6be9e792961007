# %% [markdown] lang="zh-TW" about="一個神經元就是一條線：怎麼學會、為什麼學不會 XOR，多一層又如何學會" slideshow={"slide_type": "slide"}
# # 感知機與 XOR
#
# 一個神經元（neuron）就是一條線：線的一邊答 1，另一邊答 0。這一課看它怎麼自己找到那條線，什麼時候永遠找不到，以及多一層神經元為什麼就找得到。學完之後，你能夠：
#
# - 寫出神經元與 Rosenblatt 的感知機（perceptron）規則，說明它為什麼會停；
# - 證明沒有一條直線分得開 XOR，一次用紙筆，一次用電腦；
# - 解釋為什麼疊再多線性層都沒有用，而一層 ReLU 就有用；
# - 分清楚「做得到」與「學得會」，並用一千個種子量出兩者的差距。
#
# 先備：[[tensors_and_gradients]]，以及高中數學。

# %% [markdown] lang="en" about="a neuron is a line: how it learns, why it never learns XOR, and how one more layer does" slideshow={"slide_type": "slide"}
# # The perceptron and XOR
#
# A neuron is a line: on one side it answers 1, on the other 0. Watch it find that line by itself, see when it never will, and why one more layer changes that. By the end you can
#
# - write down a neuron and Rosenblatt's learning rule, and say why the rule comes to rest;
# - prove that no line separates XOR, by hand and by computer;
# - explain why stacking linear layers gains nothing, and one layer of ReLUs does;
# - tell "can represent" from "does learn", and measure the gap with a thousand seeds.
#
# It builds on [[tensors_and_gradients]] and school mathematics.

# %% lang="zh-TW" tags=["setup"] slideshow={"slide_type": "subslide"}
from course_utils.notebook import set_up

device = set_up("perceptron_xor", language="zh-TW")

# %% lang="en" tags=["setup"] slideshow={"slide_type": "subslide"}
from course_utils.notebook import set_up

device = set_up("perceptron_xor", language="en")

# %% slideshow={"slide_type": "subslide"}
import time
from itertools import combinations, pairwise, permutations, product

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from scipy.optimize import linprog
from scipy.stats import entropy
from torch import nn

from course_utils import plotting, seeding
from course_utils.exercises import perceptron_xor as exercises
from course_utils.intervals import share_interval
from course_utils.models import MLP
from course_utils.notebook.claims import claim
from course_utils.notebook.explore import explore, slider
from course_utils.seeding import seeded
from course_utils.stacked import StackedMLP

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 一個神經元
#
# > **y = σ(w·x + b)**
#
# 輸入 x 與權重（weight）w 的內積（dot product），加上偏置（bias）b，就是**分數**（score）；分數再通過激活函數（activation function）σ。1958 年 Rosenblatt 的感知機，σ 是階梯函數：分數大於 0 就答 1，否則答 0。換成平滑的 sigmoid，答案就變成 0 到 1 之間的數。
#
# 想一想：w = (1, 1)、b = −1.5，輸入是兩個位元。這個神經元在計算什麼？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## One neuron
#
# > **y = σ(w·x + b)**
#
# The dot product of the input x and the weights w, plus the bias b, is the **score**; it goes through an activation function σ. In Rosenblatt's perceptron of 1958, σ is a step: a score above 0 answers 1, any other 0. A smooth sigmoid in its place answers with a number between 0 and 1.
#
# Predict: with w = (1, 1), b = −1.5 and two bits as input, what does this neuron compute?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（6 分鐘）一個神經元的權重是 w = (1, 1)，偏置是 b = −1.5，分數大於 0 就答 1。輸入是兩個位元時，它在計算什麼？
#
# - ✗ OR。*忘了偏置：只有一個 1 時，分數是 1 − 1.5，還不到 0。*
# - ✓ AND。*兩個都是 1 時分數是 0.5，其餘都是負的。*
# - ✗ XOR。*以為兩個 1 加起來太多，答案就翻回 0；分數越大，階梯函數越不會翻回去。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (6 min) A neuron with weights w = (1, 1) and bias b = −1.5 answers 1 where its score is more than 0. What does it compute on two bits?
#
# - ✗ OR. *Forgets the bias: with a single 1 the score is 1 − 1.5, which is less than 0.*
# - ✓ AND. *Two ones score 0.5, everything else a negative number.*
# - ✗ XOR. *Thinks that two ones are too many and turn the answer back; a step never turns back as the score grows.*

# %%
corners = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])  # every pair of bits
scores = corners @ np.array([1, 1]) - 1.5
table = pd.DataFrame(corners, columns=["x1", "x2"]).assign(score=scores)
table.assign(step=(scores > 0).astype(int), sigmoid=(1 / (1 + np.exp(-scores))).round(3))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 三個題目：AND、OR、XOR
#
# 剛才的神經元算的是 AND：兩個都是 1 才答 1。OR 是至少一個 1，XOR 是**恰好**一個 1。
#
# 兩個位元就是平面上的一個點，分數等於 0 的地方是一條直線。圓點要答 0，方塊要答 1：哪幾題能用一條直線把它們分開？

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### Three problems: AND, OR, XOR
#
# That neuron computes AND, 1 only if both bits are 1. OR wants at least one 1, XOR **exactly** one.
#
# Two bits are a point in the plane, and the points of score 0 are a straight line. Circles must answer 0 and squares 1: in which problems can one line keep them apart?


# %%
gates = {"AND": [-1, -1, -1, 1], "OR": [-1, 1, 1, 1], "XOR": [-1, 1, 1, -1]}
gates = {name: np.array(labels) for name, labels in gates.items()}  # -1 stands for 0


def draw_gate(ax, labels, title, weights=None, bias=0):
    for label, marker, color in ((-1, "o", "#DE8F05"), (1, "s", "#0173B2")):
        x, y = corners[labels == label].T
        ax.scatter(x, y, s=70, marker=marker, color=color, edgecolor="black", zorder=3)
    if weights is not None:
        w = torch.tensor(weights, dtype=torch.float32)
        plotting.plot_decision_boundary(
            ax, lambda points: points @ w + bias, xlim=(-0.6, 1.6), ylim=(-0.6, 1.6)
        )
        wrong = labels * (corners @ w.numpy() + bias) <= 0
        ax.scatter(*corners[wrong].T, s=260, facecolors="none", edgecolors="black", zorder=2)
    ax.set(title=title, xlim=(-0.6, 1.6), ylim=(-0.6, 1.6), xticks=[0, 1], yticks=[0, 1])
    ax.set(xlabel="$x_1$", ylabel="$x_2$", aspect="equal")
    return ax


# %% slideshow={"slide_type": "subslide"} alt-zh="三張圖，各有四個點。AND 只有右上角是方塊，OR 只有左下角是圓點，XOR 的圓點與方塊各佔一條對角線。" alt-en="Three pictures of four points. AND has a square at the top right only, OR a circle at the bottom left only; in XOR circles hold one diagonal and squares the other."
figure, axes = plt.subplots(1, 3, figsize=(8.5, 2.9))
for ax, (name, labels) in zip(axes, gates.items(), strict=True):
    draw_gate(ax, labels, name)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 換你來當學習演算法
#
# 這條線算的是 OR。移動滑桿，讓它算 AND：圈起來的點答錯了，或剛好在線上，目標是一個圈也沒有。
#
# 試過之後，把 b 調成 0，只動 w。（做不到：(1, 0) 與 (0, 1) 要答 0，w₁ 與 w₂ 就都不能大於 0；那麼 (1, 1) 的分數 w₁ + w₂ 也不會大於 0。）

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### Be the learning algorithm
#
# The line computes OR. Move the sliders until it computes AND: no ring, which marks a point that is wrong or on the line, may be left.
#
# Then set b to 0 and move only w. (It cannot be done: for (1, 0) and (0, 1) to answer 0, neither w₁ nor w₂ may be above 0, and nor then is w₁ + w₂, the score of (1, 1).)


# %% alt-zh="一條直線把左下角和其他三點分開：它算的是 OR。對 AND 來說，左上和右下兩個點答錯了，圈了起來。" alt-en="A line cuts the bottom left corner off from the other three: it computes OR. For AND the top left and bottom right points are wrong, and ringed."
def try_line(w1, w2, b):
    _figure, ax = plt.subplots(figsize=(3.4, 2.9))
    draw_gate(ax, gates["AND"], f"AND? w = ({w1:g}, {w2:g}), b = {b:g}", (w1, w2), b)


explore(try_line, w1=slider(-3, 3, 1, 0.5), w2=slider(-3, 3, 1, 0.5), b=slider(-3, 3, -0.5, 0.5))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 讓它自己學：Rosenblatt 的規則
#
# 把標籤（label）寫成 t = −1 或 +1，那麼「答對」就是 t·分數 > 0。規則只有一條：
#
# > 答對，什麼都不動。答錯（或剛好在線上），就令 **w ← w + t·x**，**b ← b + t**。
#
# 更新之後，這個點的 t·分數增加了 |x|² + 1。
#
# 一輪（epoch）就是把四個點看一遍；某一輪一個錯也沒有，就停。注意 `<=`：從全零開始，每個分數都是 0，如果只寫 `<`，它一步也不會動。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## It learns by itself: Rosenblatt's rule
#
# Write the labels as t = −1 or +1; then "right" means t·score > 0. There is a single rule:
#
# > If right, change nothing. If wrong (or exactly on the line), let **w ← w + t·x** and **b ← b + t**.
#
# After the update this point's t·score has grown by |x|² + 1.
#
# One epoch looks at the four points once; after one without a mistake, it stops. Mind the `<=`: all scores start at 0, and `<` would never take a first step.


# %%
def perceptron(labels, orders, start=(0, 0, 0)):
    weights, bias = np.array(start[:2]), start[2]
    epochs = []
    for order in orders:  # in which order this epoch looks at the points
        updates = []
        for i in order:
            if labels[i] * (corners[i] @ weights + bias) <= 0:
                weights, bias = weights + labels[i] * corners[i], bias + labels[i]
                updates.append((weights, bias, i))
        epochs.append(updates)
        if not updates:
            break
    return epochs


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 一步一步看它學會 OR
#
# 每張小圖是一次更新之後的樣子，標題寫著剛才答錯的點，藍色那側答 1。猜猜看：這七次更新裡，哪個點錯得最多次？

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### Watch it learn OR, step by step
#
# Each small picture is the state after one update; its title names the point that was wrong, and the blue side answers 1. Guess: in these seven updates, which point is wrong most often?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（8 分鐘）感知機從全零出發學 OR。四個點裡，為什麼 (0, 0) 錯得最多次？
#
# - ✗ 要答 0 的只有它，規則會多看少數的點。*以為規則會替點加權；每一輪，每個點都只看一次。*
# - ✗ 不管權重是多少，它的分數都是 0。*忘了還有偏置。*
# - ✓ 它的 x 是 0，只動得了偏置；別的點一錯，又把偏置拉回來。*每次只能讓 b 減 1，權重完全不動。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (8 min) From weights of zero a perceptron learns OR. Why is (0, 0), of the four points, wrong most often?
#
# - ✗ It alone must answer 0, and the rule looks more often at what is rare. *Thinks that the rule weighs points; each epoch looks at each of them once.*
# - ✗ Its score is 0 whatever the weights are. *Forgets that there is a bias.*
# - ✓ Its x is 0, so it moves only the bias, which mistakes elsewhere pull back. *Each of its mistakes lowers b by 1 and leaves the weights alone.*

# %% slideshow={"slide_type": "subslide"} alt-zh="七張小圖，依序是七次更新之後的直線。線從左下角外側進來，來回擺動，最後停在原點與其餘三點之間，圈起來的錯誤點全部消失。" alt-en="Seven small pictures, one after each update. The line comes in from beyond the bottom left corner, swings back and forth, and ends between the origin and the other three points, with no ringed mistakes left."
epochs = perceptron(gates["OR"], [(3, 1, 0, 2)] * 20)
steps = [update for updates in epochs for update in updates]
figure, axes = plt.subplots(2, 4, figsize=(9, 4.3))
for ax, (number, (weights, bias, i)) in zip(axes.flat, enumerate(steps, 1), strict=False):
    x1, x2 = corners[i]
    draw_gate(ax, gates["OR"], f"{number}. ({x1}, {x2}) was wrong", weights, bias)
    ax.set(xlabel="", ylabel="")
axes[1, 3].axis("off")
last = axes[1, 3].text(0, 0.5, "then an epoch\nwithout mistakes")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 是原點 (0, 0)，七次裡錯了四次。原點一錯，b 就減 1；(1, 0) 或 (0, 1) 一錯，b 又加回來，線也轉一點方向。原點的 x = 0，所以它只動得了 b：**忘了更新偏置，這個點永遠糾正不了。**

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# It is the origin, (0, 0): four of the seven. A mistake there lowers b by 1; one at (1, 0) or (0, 1) raises it again and turns the line. At the origin x = 0, so it can move only b: **if the bias is forgotten, this point can never be put right.**

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 三個題目都交給它
#
# 換個起點，從 w = (−0.5, 0.5)、b = 0.25 出發，各給它一千輪。AND 和 OR 都提早停了。想一想：XOR 的一千輪，換來什麼？

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### All three problems
#
# From another start, w = (−0.5, 0.5), b = 0.25, each problem gets up to a thousand epochs. AND and OR stop early. Predict: what do a thousand epochs buy for XOR?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（5 分鐘）感知機的規則在 XOR 上跑一千輪，得到什麼？
#
# - ✗ 只錯一個點的線，那是最好的結果。*以為規則在找錯得最少的線；它只管眼前的點，好線也會被推走。*
# - ✓ 什麼也留不住：每一輪都有錯，線一直在動。*沒有線分得開，所以永遠有點可以更新。*
# - ✗ 越來越大的權重。*以為一直更新就會一直變大；權重會回到以前的值，一再重複。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (5 min) The perceptron rule runs on XOR for a thousand epochs. What comes of it?
#
# - ✗ A line with a single mistake, the best there is. *Thinks that the rule looks for the fewest mistakes; it sees one point at a time and leaves good lines, too.*
# - ✓ Nothing that stays: every epoch has mistakes, and the line keeps moving. *No line separates the points, so there is always one to update on.*
# - ✗ Weights that grow and grow. *Thinks that endless updates add up without end; the weights come back to where they were.*

# %% alt-zh="AND 與 OR 各有一條學出來的直線，四點全對。XOR 過了一千輪，線仍然有三個點答錯，圈了起來。" alt-en="AND and OR each show a learned line with all four points right. After a thousand epochs XOR's line still has three ringed mistakes."
figure, axes = plt.subplots(1, 3, figsize=(8.5, 2.9))
for ax, (name, labels) in zip(axes, gates.items(), strict=True):
    epochs = perceptron(labels, [range(4)] * 1000, start=(-0.5, 0.5, 0.25))
    weights, bias, _ = [update for updates in epochs for update in updates][-1]
    draw_gate(ax, labels, f"{name}: epoch {len(epochs)}", weights, bias)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 它保證會停嗎？
#
# 會，只要有一條線分得開（Novikoff，1962）。證明只要兩步。把 x 後面接一個 1，偏置就成了第三個權重；設 u 是某條正確的線（長度 1），γ 是它與最近一點的間隔（margin），也就是每個點都有 t·(u·x) ≥ γ > 0；R 是最長的 x 的長度。從全零開始，更新 k 次之後：
#
# - **w·u 至少是 kγ**：每次更新，(w + t·x)·u = w·u + t·(u·x)，至少增加 γ。u 的長度是 1，所以 w·u = |w|·cos θ ≤ |w|（θ 是兩者的夾角），於是 **|w| ≥ kγ**。
# - **|w|² 至多是 kR²**：|w + t·x|² = |w|² + 2t·(w·x) + |x|²（因為 t² = 1）。只在答錯時更新，這時 t·(w·x) ≤ 0，所以至多增加 |x|² ≤ R²，於是 **|w| ≤ R√k**。
#
# 合起來是 kγ ≤ R√k，也就是 **k ≤ R²/γ²**：不管照什麼順序看這些點，更新次數都有上限。下面拿 (2, 2, −3) 與 (2, 2, −1) 除以長度，當作 AND 與 OR 的 u。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Is it sure to stop?
#
# Yes, provided some line separates the points (Novikoff 1962), and the proof takes two steps. Append a 1 to each x, so that the bias becomes a third weight; let u be a correct line (of length 1), γ its margin at the nearest point, so that t·(u·x) ≥ γ > 0 for all points, and R the length of the longest x. Starting from zero, after k updates:
#
# - **w·u is at least kγ**: at each update (w + t·x)·u = w·u + t·(u·x), which is at least γ more. As u has length 1, w·u = |w|·cos θ ≤ |w| (θ is their angle), and so **|w| ≥ kγ**.
# - **|w|² is at most kR²**: |w + t·x|² = |w|² + 2t·(w·x) + |x|² (because t² = 1). Updates happen only on mistakes, where t·(w·x) ≤ 0, so it grows by |x|² ≤ R² at most, and **|w| ≤ R√k**.
#
# Together kγ ≤ R√k, that is **k ≤ R²/γ²**: in whatever order the points come, the number of updates has a limit. (2, 2, −3) and (2, 2, −1), divided by their lengths, serve as u for AND and OR.

# %%
with_one = np.column_stack([corners, np.ones(4)])
limits = {}
for name, line in {"AND": (2, 2, -3), "OR": (2, 2, -1)}.items():
    margin = (gates[name] * (with_one @ line)).min() / np.linalg.norm(line)
    limits[name] = (with_one**2).sum(axis=1).max() / margin**2
    print(f"{name}: at most {limits[name]:.0f} updates")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 一千種順序
#
# 每個**種子**（seed，亂數的起點）都在每一輪重新洗牌。AND 需要的更新比 OR 多還是少？（`seeding.rng(seed)` 就是 NumPy 的 `np.random.default_rng(seed)`。）

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### A thousand orders
#
# Every **seed** (where random numbers begin) shuffles the points anew in every epoch. Does AND take more updates than OR, or fewer? (`seeding.rng(seed)` is NumPy's `np.random.default_rng(seed)`.)


# %%
def shuffled(seed, num_epochs=25):
    rng = seeding.rng(seed)
    return (rng.permutation(4) for _ in range(num_epochs))


runs = {name: [perceptron(gates[name], shuffled(s)) for s in range(1000)] for name in gates}
num_updates = {name: np.array([sum(map(len, run)) for run in runs[name]]) for name in limits}
for name, counts in num_updates.items():
    print(f"{name}: ≈{counts.mean():.1f} updates, from ≈{counts.min()} to ≈{counts.max()}")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# AND 大約需要兩倍：它的線離原點比較遠，接上 1 之後間隔比較小，上限也就將近兩倍。
#
# **主張 1** AND 與 OR 的更新次數分別不超過 51 次與 27 次，這必然成立（就是上面的定理）；而且每一種順序，AND 與 OR 都在 25 輪之內學會。平均起來，AND 的更新次數是 OR 的 1.5 倍以上。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# AND takes about twice as many: its line is further from the origin, so with the 1 appended its margin is smaller and its limit nearly twice as high.
#
# **Claim 1** That there are at most 51 and 27 updates must hold (it is the theorem above); in every one of the thousand orders AND and OR are learned within 25 epochs. On average AND takes over 1.5 times as many updates as OR.

# %%
learned = all(run[-1] == [] for name in limits for run in runs[name])
within = all((num_updates[name] <= limits[name]).all() for name in limits)
claim(1, learned and within and num_updates["AND"].mean() > 1.5 * num_updates["OR"].mean())

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 錯誤會一輪比一輪少嗎？
#
# 想一想：畫出每一輪的平均錯誤數，三條線會是什麼樣子？（色帶是 95% 信賴區間，confidence interval，比標記還窄。）

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### Fewer mistakes in every epoch?
#
# Predict: draw the mean number of mistakes per epoch; what will the three lines look like? (The bands, 95 % confidence intervals, are narrower than the markers.)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（8 分鐘）用一千種順序訓練感知機，畫出每一輪平均錯幾個點。AND、OR、XOR 三條線會是什麼樣子？
#
# - ✓ AND 與 OR 降到 0，OR 比較快；XOR 一直停在三個以上。*前兩題有線，遲早會停；XOR 沒有，錯誤不會消失。*
# - ✗ 三條都降到 0，XOR 最慢。*以為難的題目只是需要久一點。*
# - ✗ XOR 降到 1 就停住。*最好的線確實只錯一個，但規則不會停在那裡。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (8 min) A perceptron is trained in a thousand orders of the points. Drawn against epochs, what do its mean mistakes on AND, OR and XOR look like?
#
# - ✓ AND and OR fall to 0, OR sooner; XOR stays at more than three. *The first two have a line and come to rest; XOR has none, and its mistakes remain.*
# - ✗ All three fall to 0, XOR last. *Thinks that a hard problem only takes longer.*
# - ✗ That of XOR falls to 1 and stays there. *The best line does have one mistake, but the rule does not stay with it.*

# %% alt-zh="橫軸是輪數，縱軸是每一輪的平均錯誤數：OR 最快降到零，AND 慢一些，XOR 始終在三與四之間，開頭略降之後就停在那裡。" alt-en="Mean mistakes per epoch: OR falls to zero first, AND later, and XOR stays between three and four, level after a small drop at the start."
figure, ax = plt.subplots(figsize=(6.5, 2.5))
for name, marker in {"AND": "o", "OR": "s", "XOR": "^"}.items():
    mistakes = [[len(updates) for updates in run] + [0] * (25 - len(run)) for run in runs[name]]
    plotting.plot_band(ax, range(1, 16), np.array(mistakes)[:, :15], name, marker=marker)
ax.set(xlabel="epoch", ylabel="mistakes (of 4)", ylim=(-0.2, 4))
legend = ax.legend()

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### XOR：永遠繞圈
#
# AND 與 OR 中途都會停滯一陣子，最後還是降到 0。XOR 則不然：平均下來，每輪總要錯三個多。
#
# 固定順序時看得最清楚，這是第一千輪的四次更新：四個點一個接一個出錯，四次更新剛好抵消，又回到這一輪開始時的線。規則沒有記憶：**回到同一組權重，就會走同一條路，沒完沒了。**

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### XOR: round and round forever
#
# AND and OR stall for a while and then fall to 0; XOR, on average, keeps making more than three mistakes per epoch.
#
# A fixed order shows it best. These are the four updates of its thousandth epoch: each point in turn is wrong, the updates cancel, and the line is back where the epoch began. The rule has no memory: **back at the same weights, it takes the same path again, without end.**

# %% alt-zh="四張小圖是第一千輪的四次更新：每次更新後都還有兩三個點圈著，第四次更新又回到這一輪開始時的線。" alt-en="Four small pictures, the four updates of epoch one thousand: after each, two or three points are ringed as wrong, and the fourth update brings back the line the epoch began with."
figure, axes = plt.subplots(1, 4, figsize=(9, 2.4))
for ax, (weights, bias, i) in zip(axes, epochs[-1], strict=True):
    x1, x2 = corners[i]
    draw_gate(ax, gates["XOR"], f"after ({x1}, {x2})", weights, bias).set(ylabel="")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# **主張 2** 在 XOR 上，從全零出發，24 種固定順序的第二輪都四點全錯，走完又回到第一輪結束時的權重；順序只有 24 種，全都試過，所以這必然成立。順序固定、換一百個隨機起點，每一個也都在一百輪之內陷入循環：某一輪結束時的權重，和更早的某一輪一模一樣。
#
# 遲早會陷入循環，也是必然的：感知機的權重不會越走越遠（感知機循環定理，Minsky 與 Papert，1969；Block 與 Levin，1970）；起點是整數，權重就一直是整數，範圍有限，總會重複。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# **Claim 2** On XOR, from zero and in each of the 24 fixed orders of the points, the second epoch gets all four wrong and ends at the weights the first one ended at; there are no other orders, so this must hold. From every one of a hundred random starts, in a fixed order, it runs into a cycle within a hundred epochs: the weights at the end of some epoch equal those of an earlier one.
#
# That it cycles must hold as well: a perceptron's weights never wander off (the perceptron cycling theorem: Minsky and Papert 1969; Block and Levin 1970). Whole numbers at the start stay whole, finitely many are within reach, and so some must come again.


# %%
def end_of_epochs(epochs):
    return [(*updates[-1][0].tolist(), int(updates[-1][1])) for updates in epochs]


xor = gates["XOR"]
from_zero = [perceptron(xor, [order] * 2) for order in permutations(range(4))]
back = all(len(e[1]) == 4 and len(set(end_of_epochs(e))) == 1 for e in from_zero)
starts = seeding.rng(0).integers(-5, 6, size=(100, 3))
elsewhere = [end_of_epochs(perceptron(xor, [range(4)] * 100, start)) for start in starts]
cycles = all(len(set(states)) < len(states) for states in elsewhere)
claim(2, back and cycles)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 沒有一條直線分得開 XOR
#
# 是規則太笨嗎？寫下 XOR 對 w₁、w₂、b 的四個要求：
#
# | 輸入 | 該答 | 要求 |
# |---|---|---|
# | (0, 0) | 0 | b ≤ 0 |
# | (0, 1) | 1 | w₂ + b > 0 |
# | (1, 0) | 1 | w₁ + b > 0 |
# | (1, 1) | 0 | w₁ + w₂ + b ≤ 0 |
#
# 中間兩式相加：w₁ + w₂ + 2b > 0，也就是 w₁ + w₂ + b > −b。由第一式 −b ≥ 0，所以 w₁ + w₂ + b > 0，和第四式矛盾。**沒有這條線**（Minsky 與 Papert，1969）。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## No line separates XOR
#
# Is the rule too stupid? Write down what XOR asks of w₁, w₂ and b:
#
# | input | answer | demand |
# |---|---|---|
# | (0, 0) | 0 | b ≤ 0 |
# | (0, 1) | 1 | w₂ + b > 0 |
# | (1, 0) | 1 | w₁ + b > 0 |
# | (1, 1) | 0 | w₁ + w₂ + b ≤ 0 |
#
# Add the middle two: w₁ + w₂ + 2b > 0, that is w₁ + w₂ + b > −b. By the first, −b ≥ 0; so w₁ + w₂ + b > 0, and this contradicts the fourth. **There is no such line** (Minsky and Papert 1969).

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 讓電腦來找，結果找不到
#
# 「有沒有一組數，滿足這些不等式？」正是線性規劃（linear program）回答的問題。我們要求 t·分數 ≥ 1 而不是 > 0，因為同一條線把權重放大就做得到。`status` 是 0 表示找到了，2 表示無解。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### Let the computer look, and find that there is none
#
# "Are there numbers with these inequalities?" is what a linear program answers. We ask for t·score ≥ 1 instead of > 0, as larger weights on the same line will do. A `status` of 0 means found, 2 no solution.


# %%
def find_line(points, labels):
    rows = np.column_stack([points, np.ones(len(points))])
    return linprog(
        c=np.zeros(rows.shape[1]),  # nothing to minimize: any solution will do
        A_ub=-labels[:, None] * rows,
        b_ub=-np.ones(len(rows)),
        bounds=(None, None),  # by default linprog wants numbers >= 0
    )


for name, labels in gates.items():
    print(f"{name}: status {find_line(corners, labels).status}")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# **主張 3** AND 與 OR 有解；XOR 無解，但拿掉任何一個點就有解。這必然成立（XOR 的部分剛剛證過），所以一條線最多讓 XOR 答對四分之三。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# **Claim 3** AND and OR have a solution. XOR has none, but any three of its points do. This must hold (for XOR you have just seen the proof): so a single line gets at best three quarters of XOR right.

# %%
status = {name: find_line(corners, labels).status for name, labels in gates.items()}
three = [list(kept) for kept in combinations(range(4), 3)]
any_three = all(find_line(corners[kept], xor[kept]).status == 0 for kept in three)
claim(3, status == {"AND": 0, "OR": 0, "XOR": 2} and any_three)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### XOR 是特例嗎？
#
# 兩個位元共有 2⁴ = 16 種題目。猜猜看，一條直線分得開幾種？

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### Is XOR an exception?
#
# Two bits allow 2⁴ = 16 problems. Guess: how many of them can a line do?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（8 分鐘）兩個位元有 16 種題目（每一種輸入各答 0 或 1）。一條直線分得開幾種？
#
# - ✗ 15 種，只有 XOR 不行。*忘了 XOR 的相反也不行：把答案全部對調，要的是同一條線。*
# - ✗ 10 種，答案有兩個 0、兩個 1 的都不行。*以為問題出在兩邊一樣多；「第一個位元是 1」也是兩個對兩個，一條線就分開了。*
# - ✓ 14 種，XOR 和它的相反不行。*其餘的題目，兩類的點都不在交叉的對角線上。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (8 min) On two bits there are 16 problems (a 0 or a 1 for each input). How many can a straight line do?
#
# - ✗ 15, all but XOR. *Forgets its opposite: with all answers swapped, the same line is needed.*
# - ✗ 10, all but those with two zeros and two ones. *Blames the balance; "the first bit is 1" has two of each, and a line does it.*
# - ✓ 14, all but XOR and its opposite. *In no other problem do the two kinds hold crossing diagonals.*

# %% alt-zh="十六種題目的小圖。十四種有線性規劃找到的直線（其中兩種整片同色，不需要線）；只有 XOR 與 XNOR 標著沒有直線。" alt-en="Small pictures of all sixteen problems. Fourteen show what the linear program found (two of them one color, with no line needed); only XOR and its opposite, XNOR, are marked as having no line."
every_gate = [np.array(labels) for labels in product([-1, 1], repeat=4)]
solutions = [find_line(corners, labels).x for labels in every_gate]
figure, axes = plt.subplots(2, 8, figsize=(10, 2.9))
for ax, labels, line in zip(axes.flat, every_gate, solutions, strict=True):
    if line is None:
        draw_gate(ax, labels, "no line")
    else:
        draw_gate(ax, labels, "", line[:2], line[2])
    ax.set(xlabel="", ylabel="", xticks=[], yticks=[])

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 只有 XOR 和它的相反（XNOR）不行。輸入一多，線性可分（linearly separable，一條直線、平面或超平面分得開）的比例很快就往下掉：三個位元有 256 種題目，104 種可分（四成）；四個位元有 65,536 種，已知只有 1,882 種（不到 3%；Muroga 等人，1962）。
#
# **主張 4** 16 種題目，剛好 14 種線性可分；三個位元的 256 種，剛好 104 種。每一種都數過，所以必然成立。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# Only XOR and its opposite (XNOR) fail. With more inputs, the share that is linearly separable (by a line, a plane, a hyperplane) soon falls: of the 256 problems on three bits, 104 are (four in ten); of the 65,536 on four bits, it is known, only 1,882 (under 3 %; Muroga et al. 1962).
#
# **Claim 4** Of the 16 problems, exactly 14 are linearly separable; of the 256 on three bits, exactly 104. All of them were counted, so this must hold.

# %%
cube = np.array(list(product([0, 1], repeat=3)))
on_cube = [find_line(cube, np.array(t)).status == 0 for t in product([-1, 1], repeat=8)]
claim(4, sum(line is not None for line in solutions) == 14 and sum(on_cube) == 104)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 那就疊幾層？
#
# 一個神經元不夠，就疊三層。想一想：2 → 4 → 4 → 1，三個線性層（linear layer）接在一起，算得出 XOR 嗎？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Stack some layers, then?
#
# If one neuron is not enough, stack three layers. Predict: can 2 → 4 → 4 → 1, three linear layers in a row, do XOR?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（8 分鐘）三個線性層 2 → 4 → 4 → 1 接在一起，中間什麼也不放，從兩百個種子訓練 XOR。有幾個學得會？
#
# - ✓ 一個也沒有。*疊起來的線性層就是一個線性層，還是一條直線。*
# - ✗ 大部分，因為參數有 37 個。*以為參數多，能做的事就多；合併之後只剩 3 個數。*
# - ✗ 少數運氣好的。*以為是訓練的問題；沒有一組權重做得到。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (8 min) Three linear layers, 2 → 4 → 4 → 1 with nothing in between, are trained on XOR from two hundred seeds. How many learn it?
#
# - ✓ None. *A stack of linear layers is one linear layer, which is still one line.*
# - ✗ Most, with 37 parameters. *Thinks that more parameters can do more; merged, they are 3 numbers.*
# - ✗ A few that are lucky. *Takes it for a matter of training; there are no weights that do it.*

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 把兩層代進去看：W₂(W₁x + b₁) + b₂ = (W₂W₁)x + (W₂b₁ + b₂)。又是「一個矩陣乘 x，加一個向量」：**疊起來的線性層，就是一個線性層**。用數字確認：

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# Substitute two layers: W₂(W₁x + b₁) + b₂ = (W₂W₁)x + (W₂b₁ + b₂). Again "a matrix times x, plus a vector": **a stack of linear layers is one linear layer**. With numbers:

# %%
with seeded(0):
    stack = nn.Sequential(nn.Linear(2, 4), nn.Linear(4, 4), nn.Linear(4, 1)).double()
W, b = torch.eye(2).double(), torch.zeros(2).double()
for layer in stack:
    W, b = layer.weight @ W, layer.weight @ b + layer.bias
points = torch.randn(1000, 2, generator=seeding.generator(0)).double()
difference = (stack(points) - (points @ W.T + b)).abs().max().item()
print(f"merged into one layer {tuple(W.shape)}: largest difference ≈{difference:.0e}")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 訓練看看
#
# 還是換兩百個種子，訓練看看。損失（loss）是 `BCEWithLogitsLoss`（二元交叉熵，binary cross-entropy，[[losses]]細講）：答案全對又有把握時接近 0；四個點都答「一半一半」時，是 ln 2 ≈ 0.693（自然對數的單位叫 nat，圖上寫 nats）。每一步用 `backward()` 求出損失對每個權重的斜率（[[tensors_and_gradients]]），再由優化器（optimizer，也譯最佳化器）Adam 把權重往損失變小的方向挪一點（[[optimizers]]）。
#
# `StackedMLP` 把每個種子的小網路疊成一個，用同一批矩陣乘法一起算。每個網路的損失分開取平均（`reduction="none"` 保留每個點的損失），再加總，所以它們互不影響；`nn.Identity` 是什麼也不做的激活函數。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### Train it anyway
#
# Let two hundred seeds try all the same. The loss is `BCEWithLogitsLoss` (binary cross-entropy, see [[losses]]): near 0 when all answers are right and confident, and ln 2 ≈ 0.693 when all four points get "fifty-fifty" (the unit of natural logarithms is the nat). At each step `backward()` finds the slope of the loss for every weight ([[tensors_and_gradients]]), and the optimizer Adam moves the weights a little downhill ([[optimizers]]).
#
# `StackedMLP` stacks a small network for each seed into one, all served by the same matrix products. Each loss is averaged by itself (`reduction="none"` keeps that of each point), then they are added up, so no network affects another; `nn.Identity` does nothing.


# %%
inputs = torch.tensor(corners, dtype=torch.float32)
targets = torch.tensor([[0.0], [1.0], [1.0], [0.0]])  # XOR, now as probabilities


def train_stack(stack, num_steps=500):
    criterion = nn.BCEWithLogitsLoss(reduction="none")
    optimizer = torch.optim.Adam(stack.parameters(), lr=0.1, fused=True)
    history = []
    for _ in range(num_steps):
        logits = stack(inputs)  # (seeds, 4, 1)
        losses = criterion(logits, targets.expand_as(logits)).mean(dim=(1, 2))
        optimizer.zero_grad()
        losses.sum().backward()
        optimizer.step()
        history.append(losses.detach())
    return torch.stack(history)  # (steps, seeds)


# %% slideshow={"slide_type": "subslide"}
def solved(stack):
    with torch.no_grad():
        return ((stack(inputs) > 0) == (targets > 0)).all(dim=(1, 2))


linear = StackedMLP(2, [4, 4], 1, seeds=range(200), activation=nn.Identity)
final_losses = train_stack(linear)[-1]
print(f"solved: {solved(linear).sum().item()} of 200")
print(f"final losses from ≈{final_losses.min():.3f} to ≈{final_losses.max():.3f}")

# %% [markdown] lang="zh-TW"
# 它們全都退到同一個答案：對四個點都答 0.5。
#
# **主張 5** 三個線性層與合併後的一層，在一千個點上相差不到 10⁻¹²；除了捨入誤差，兩者必然相等。
#
# **主張 6** 兩百個三層線性網路，沒有一個學會 XOR，這必然成立；每個網路最後的損失，與 ln 2 都相差不到 0.01。

# %% [markdown] lang="en"
# All of them retreat to the same answer, 0.5 for every point.
#
# **Claim 5** The three linear layers and the merged one differ by less than 10⁻¹² on a thousand points; but for rounding, they must be equal.
#
# **Claim 6** Of two hundred three-layer linear networks none learns XOR, which must hold; the final loss of every one is within 0.01 of ln 2.

# %%
claim(5, difference < 1e-12)
claim(6, not solved(linear).any() and (abs(final_losses - np.log(2)) < 0.01).all())

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 中間折一下：多層感知機
#
# 缺的是**非線性**（non-linearity）。在兩層之間放一個 ReLU，也就是 max(0, z)，小於 0 的變成 0，兩層就合不起來了。這就是多層感知機（multi-layer perceptron，MLP）：
#
# 2 個輸入 → 線性 → **ReLU** → 4 個隱藏神經元（hidden neuron）→ 線性 → 1 個 logit
#
# 最後的 sigmoid 由損失函數代勞，所以網路輸出的是 logit：大於 0 就答 1。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## One bend in between: the multi-layer perceptron
#
# What is missing is a **non-linearity**. Put a ReLU between two layers, max(0, z), which turns everything below 0 into 0, and they no longer merge. That is a multi-layer perceptron (MLP):
#
# 2 inputs → linear → **ReLU** → 4 hidden neurons → linear → 1 logit
#
# The loss function takes care of the final sigmoid, so the network puts out a logit: above 0 it answers 1.

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（6 分鐘）兩個線性層之間放一個 ReLU，為什麼就合不成一個線性層了？
#
# - ✗ 因為隱藏層有 4 個神經元，比輸入多。*以為靠的是寬度；沒有 ReLU，多寬都能合併。*
# - ✓ ReLU 一側放行、一側變成 0，沒有一個矩陣同時做得到這兩件事。*它不是線性的，所以代不進同一個式子。*
# - ✗ 因為最後有 sigmoid。*最後的 sigmoid 只改變機率，分界還是一條直線。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (6 min) Why can two linear layers not be merged into one once a ReLU stands between them?
#
# - ✗ Because the hidden layer has 4 neurons, more than there are inputs. *Thinks that it is the width; without the ReLU layers of any width merge.*
# - ✓ It lets one side pass and turns the other into 0, which no single matrix does. *It is not linear, so the two formulas do not become one.*
# - ✗ Because of the sigmoid at the end. *A last sigmoid changes the probabilities; the boundary stays a line.*


# %%
def train_one(model, num_steps=500):
    criterion = nn.BCEWithLogitsLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1, fused=True)
    losses = []
    for _ in range(num_steps):
        loss = criterion(model(inputs), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


# %% slideshow={"slide_type": "subslide"}
with seeded(0):
    model = nn.Sequential(nn.Linear(2, 4), nn.ReLU(), nn.Linear(4, 1))
one_run = train_one(model)
with torch.no_grad():
    probs = model(inputs).sigmoid()
for x, target, p in zip(corners, targets, probs, strict=True):
    print(f"input {x}, target {target.item():.0f}, prediction ≈{p.item():.3f}")

# %% [markdown] lang="zh-TW"
# 解開了！可是，這是 MLP 厲害，還是種子 0 運氣好？

# %% [markdown] lang="en"
# Solved! But is the MLP good, or is seed 0 lucky?

# %% slideshow={"slide_type": "subslide"} alt-zh="種子 0 的學習曲線，橫軸是訓練步數，縱軸是損失：從 0.7 左右一路降到接近零。" alt-en="The learning curve of seed 0: the loss falls from about 0.7 to nearly zero."
figure, ax = plt.subplots(figsize=(6.5, 2.8))
ax.plot(one_run)
ax.set(xlabel="training step", ylabel="loss (nats)", ylim=(0, 0.8), title="2-4-1, seed 0")
ax.axhline(np.log(2), color="gray", linestyle=":")
text = ax.text(300, 0.64, "ln 2: fifty-fifty everywhere", va="top")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 換一個種子
#
# 你常會讀到：「有四個隱藏神經元的 MLP 就能解開 XOR。」照這麼說，換個種子也該一樣。我們訓練一千個種子，畫出前二十個。想一想：二十條曲線裡，有幾條會降到 0？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Change the seed
#
# You will often read that an MLP with four hidden neurons solves XOR. Then the seed should not matter. A thousand seeds are trained, and the first twenty drawn. Predict: how many of the twenty curves reach 0?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（8 分鐘）2-4-1 的 ReLU 網路，從一千個種子訓練 XOR，每個走 500 步。學會的有多少？
#
# - ✗ 全部，因為四個隱藏神經元做得到 XOR。*把做得到當成學得會。*
# - ✗ 幾乎沒有，XOR 本來就學不會。*把一個神經元的限制套到多層網路上。*
# - ✓ 大約六成，其餘的卡住了。*起點不好的網路停在平台上，再走 500 步也幾乎出不來。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (8 min) 2-4-1 networks with ReLUs are trained on XOR from a thousand seeds, 500 steps each. How many learn it?
#
# - ✗ All, for four hidden neurons can represent XOR. *Takes "can represent" for "does learn".*
# - ✗ Hardly any, for XOR cannot be learned. *Applies the limit of one neuron to a network with a hidden layer.*
# - ✓ About six in ten; the others are stuck. *From a bad start they stay on a plateau, and 500 steps more hardly help.*

# %% alt-zh="二十條學習曲線，橫軸是訓練步數，縱軸是損失。大約一半降到零；其餘停在三個平台上，高度約是 0.69、0.48、0.35。" alt-en="Twenty learning curves. About half reach zero; the others stay on one of three plateaus, near 0.69, 0.48 and 0.35."
nets = {4: StackedMLP(2, [4], 1, seeds=range(1000))}
history = train_stack(nets[4])
figure, ax = plt.subplots(figsize=(6.5, 2.8))
for curve, is_solved in zip(history.T[:20], solved(nets[4]), strict=False):
    ax.plot(curve, "C0-" if is_solved else "C3--", alpha=0.7, linewidth=1.5)
ax.plot([], [], "C0-", label="solved")
ax.plot([], [], "C3--", label="stuck")
ax.set(xlabel="training step", ylabel="loss (nats)", ylim=(0, 1))
legend = ax.legend(loc="upper right")

# %% slideshow={"slide_type": "subslide"}
num_solved = solved(nets[4]).sum().item()
print(f"2-4-1 networks that solve XOR: {share_interval(num_solved, 1000):.1%}")

# %% [markdown] lang="zh-TW"
# 大約五個裡面有兩個學不會！那句話若是說「每次都能」，就是**錯的**。種子 0 只是運氣好。
#
# **主張 7** 一千個 2-4-1 網路裡，學會 XOR 的比例在 50% 到 75% 之間（整個 95% 信賴區間都在這個範圍裡）。
#
# 這是 Wilson 區間，推算真正的比例落在哪裡。訓練久一點會好嗎？換一個全新的優化器，再走 500 步：

# %% [markdown] lang="en"
# About two in five do not learn it! If that sentence means "every time", it is **false**. Seed 0 was lucky.
#
# **Claim 7** Of a thousand 2-4-1 networks, between 50 % and 75 % learn XOR (the whole 95 % confidence interval lies between the two).
#
# The interval, Wilson's, says where the true share may lie. Does longer training help? Another 500 steps, with a fresh optimizer:

# %%
share = share_interval(num_solved, 1000)
claim(7, share.low > 0.5 and share.high < 0.75)
stuck = ~solved(nets[4])
stuck_losses = history[-1][stuck]
with torch.no_grad():
    stuck_probs = nets[4](inputs)[stuck].sigmoid().squeeze(2)  # (stuck networks, 4 points)
train_stack(nets[4])
gained = (solved(nets[4]).sum() - num_solved).item()
print(f"solved after 500 steps: ≈{num_solved}; after 500 more: ≈{num_solved + gained}")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 卡在哪裡？
#
# 幾乎沒有幫助：它們不是慢，是**卡住**了，給好幾個點**同一個機率**（合理的解釋，這裡沒有量：ReLU 把它們壓成了同一個值）。三個平台就是這麼來的：
#
# - 四個點同一個答案：都是 1/2，損失 ln 2 ≈ 0.693；
# - 三個點同一個答案（兩個同類，一個異類）：1/3 或 2/3，損失 ¾·H(⅓) ≈ 0.477；
# - 兩個點同一個答案（一個 0，一個 1）：1/2，損失 ½·ln 2 ≈ 0.347。
#
# H(⅓) 是「三分之一對三分之二」的熵（entropy）：照真實比例作答時的平均損失（[[losses]]）。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### Stuck where?
#
# Hardly: they are not slow, they are **stuck**, giving **the same probability** to several points. (A likely explanation, not measured here: its ReLUs have squashed them into one value.) Hence three plateaus:
#
# - four points alike: 1/2 for each, loss ln 2 ≈ 0.693;
# - three points alike (two of one kind, one of the other): 1/3 or 2/3, loss ¾·H(⅓) ≈ 0.477;
# - two points alike (a 0 and a 1): 1/2 for both, loss ½·ln 2 ≈ 0.347.
#
# H(⅓) is the entropy of "one third against two thirds": the mean loss of whoever answers with the true shares ([[losses]]).

# %% slideshow={"slide_type": "subslide"}
gaps = (stuck_probs[:, :, None] - stuck_probs[:, None, :]).abs()
alike = (gaps < 0.02).sum(dim=2).amax(dim=1)  # size of the largest group with one probability
plateaus = {4: np.log(2), 3: 0.75 * entropy([1 / 3, 2 / 3]), 2: np.log(2) / 2}
for size, loss in plateaus.items():
    measured = stuck_losses[alike == size]
    print(f"{size} points alike: ≈{len(measured)} of ≈{len(alike)} stuck networks, ", end="")
    print(f"mean loss ≈{measured.mean():.3f}, expected {loss:.3f}")

# %% [markdown] lang="zh-TW"
# **主張 8** 平均起來，卡住的網路有九成以上給兩個、三個或四個點同一個機率，損失也與上面算出的值相差不到 0.01；再訓練 500 步，一千個裡多學會的不到 50 個。

# %% [markdown] lang="en"
# **Claim 8** On average over nine tenths of the stuck networks give one probability to two, three or four points, and their loss is within 0.01 of the value computed above; 500 steps more rescue fewer than 50 of the thousand.

# %%
expected = torch.tensor([plateaus.get(size, np.nan) for size in alike.tolist()])
explained = (stuck_losses - expected).abs() < 0.01
claim(8, explained.float().mean().item() > 0.9 and gained < 50)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 一千個網路，為什麼不必等一千倍的時間？
#
# 網路這麼小，時間幾乎都花在 Python 與 PyTorch 的呼叫上，不是算術。疊在一起，一次呼叫就算完所有網路。量量看：逐個訓練，每個網路要花幾倍的時間？

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### Why a thousand networks do not take a thousand times as long
#
# Networks this small spend their time on calls, not on arithmetic; stacked, a single call serves them all. Trained one by one, how many times as long does a network take?


# %% tags=["timing"]
def seconds(work):
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


models = [MLP(2, [4], 1, seed=seed) for seed in range(3)]
one_by_one = seconds(lambda: [train_one(model, 100) for model in models]) / 3
together = seconds(lambda: train_stack(nets[4], 100)) / 1000
print(f"one by one, a network takes ≈{one_by_one / together:.0f} times as long")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 越寬，越容易學會
#
# 兩個隱藏神經元就**做得到** XOR（練習 2 請你親手做一個）。但做得到不等於**學得會**。想一想：隱藏神經元從 2 個加到 16 個，學會的比例怎麼變？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## The wider, the easier to learn
#
# Two hidden neurons **can represent** XOR (exercise 2 has you build it by hand). To be able to represent is not to **learn**. Predict: from 2 to 16 hidden neurons, how does the share that learns it change?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（6 分鐘）隱藏神經元從 2 個加到 4、8、16 個，用 ReLU 網路學 XOR，學會的種子比例怎麼變？
#
# - ✗ 下降，因為要學的權重變多了。*以為參數越多，訓練一定越難。*
# - ✓ 一路上升，16 個時幾乎全部學會。*神經元多，起步位置夠好的機會就多。*
# - ✗ 都一樣，因為 2 個就夠了。*做得到只需要 2 個；學得會是另一回事。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (6 min) ReLU networks with 2, 4, 8 and 16 hidden neurons learn XOR. How does the share of seeds that succeed change?
#
# - ✗ It falls, for there are more weights to learn. *Thinks that more parameters are always harder to train.*
# - ✓ It rises all the way, and with 16 nearly all succeed. *With more neurons it is likelier that some start in a good place.*
# - ✗ It is the same, for 2 are enough. *Two are enough to represent XOR; to learn it is another matter.*

# %%
widths = [2, 3, 4, 8, 16]
shares = {4: share_interval(num_solved, 1000)}
for width in [2, 3, 8, 16]:
    nets[width] = StackedMLP(2, [width], 1, seeds=range(1000))
    train_stack(nets[width])
    shares[width] = share_interval(solved(nets[width]).sum().item(), 1000)
for width in widths:
    print(f"{width:2d} hidden: {shares[width]:.1%}")

# %% slideshow={"slide_type": "subslide"} alt-zh="橫軸是隱藏神經元數，縱軸是學會 XOR 的比例：2 個約兩成，3 個不到五成，4 個約六成，8 個約九成半，16 個幾乎全部；誤差線互不重疊。" alt-en="Share of seeds that learn XOR against hidden neurons: about a fifth at 2, under half at 3, six tenths at 4, nineteen twentieths at 8, nearly all at 16; the error bars do not overlap."
middle = np.array([100 * shares[width].mean for width in widths])
ends = np.array([[100 * shares[width].low, 100 * shares[width].high] for width in widths]).T
figure, ax = plt.subplots(figsize=(6.5, 3))
ax.errorbar(widths, middle, yerr=abs(ends - middle), marker="o", capsize=4)
ax.set_xscale("log", base=2)
ax.set(xticks=widths, xticklabels=widths, ylim=(0, 105))
labels = ax.set(xlabel="hidden neurons", ylabel="seeds that solve XOR (%)")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 需要的不過兩個，多的也許是機會：只要**有些**神經元起步的位置夠好就行，卡住的那些不礙事（量到的是比例上升，不是原因）。這是神經網路常常「大得超過需要」的一個理由。
#
# **主張 9** 一千個種子平均起來：2 個隱藏神經元，學會的不到 30%；16 個，超過 98%；每加寬一級，比例都上升，相鄰的 95% 信賴區間互不重疊。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# Two would be enough. The others may be more chances: **some** neurons must start in a good place, and those that are stuck do no harm (measured is that the share rises, not why). It is one reason why neural networks are so often larger than they need to be.
#
# **Claim 9** On average over a thousand seeds: with 2 hidden neurons fewer than 30 % learn it, with 16 more than 98 %; every step in width raises the share, and neighboring 95 % intervals do not overlap.

# %%
rising = all(shares[narrow].high < shares[wide].low for narrow, wide in pairwise(widths))
claim(9, shares[2].mean < 0.3 and shares[16].mean > 0.98 and rising)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 輸出層眼中的世界
#
# 輸出層（output layer）自己只是一個感知機，只會畫直線。它解得開 XOR，因為它看到的不是 x，而是隱藏層（hidden layer）的輸出 h；只有兩個隱藏神經元時，h 也是平面上的點。
#
# 我們挑第一個學會的 2-2-1 網路（大約五個種子才有一個學會）。左圖是輸入空間（input space），右圖是隱藏空間（hidden space）。想一想：四個點到了右圖，會在哪裡？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## The world as the hidden layer shows it
#
# The output layer is itself just a perceptron that draws lines. It solves XOR because it does not see x, but what the hidden layer makes of it, h: with two hidden neurons a point in a plane, too.
#
# We take the first 2-2-1 network that learned it (about one seed in five does). On the left is the input space, on the right the hidden space. Predict: where do the four points go?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（8 分鐘）一個 2-2-1 的 ReLU 網路學會了 XOR。在兩個隱藏神經元的輸出 (h₁, h₂) 畫成的平面上，四個輸入點會在哪裡？
#
# - ✗ 還是四個角，只是轉了方向。*以為一層網路只會旋轉和平移；ReLU 會把平面摺起來。*
# - ✗ 兩類仍在交叉的對角線上，由輸出層彎著切開。*以為輸出層畫得出曲線；它只會畫直線。*
# - ✓ (0, 1) 與 (1, 0) 疊在一起，一條直線就分開了。*隱藏層把平面摺到輸出層切得開的樣子。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (8 min) A 2-2-1 network with ReLUs has learned XOR. In the plane of its two hidden outputs (h₁, h₂), where are the four input points?
#
# - ✗ Still at four corners, only turned. *Thinks that a layer turns and shifts; the ReLU folds the plane.*
# - ✗ Still on crossing diagonals, which the output layer cuts by a curve. *Thinks that the output layer can draw curves; it draws a line.*
# - ✓ (0, 1) and (1, 0) lie on each other, and one line parts them from the rest. *The hidden layer folds the plane so that the output layer can cut it.*

# %%
seed = solved(nets[2]).nonzero()[0].item()
model = MLP(2, [2], 1, seed=seed)
losses = train_one(model)
to_hidden, to_logit = model.net[:2], model.net[2]  # linear and ReLU; the output layer
hidden = to_hidden(inputs).detach()

# %% slideshow={"slide_type": "subslide"} alt-zh="左圖：輸入空間裡，答 1 的是兩條線之間的帶狀區域，裡面有 (0,1) 和 (1,0)，另外兩點在外面。右圖：隱藏空間裡，(0,1) 與 (1,0) 落在同一點，一條直線就把它和另外兩點分開。" alt-en="Left, in the input space, the region that answers 1 is a band that holds (0,1) and (1,0) and leaves out the other two. Right, in the hidden space, (0,1) and (1,0) have landed on the same point, and one straight line separates it from the others."
figure, axes = plt.subplots(1, 2, figsize=(8, 3.2))
draw_gate(axes[0], xor, "input space")
box = {"xlim": (-0.6, 1.6), "ylim": (-0.6, 1.6)}
plotting.plot_decision_boundary(axes[0], lambda x: model(x), **box)
box = {"xlim": (-0.6, hidden.max() + 1), "ylim": (-0.6, hidden.max() + 1)}
plotting.plot_decision_boundary(axes[1], lambda h: to_logit(h), **box)
for label, marker, color in ((-1, "o", "#DE8F05"), (1, "s", "#0173B2")):
    axes[1].scatter(*hidden[xor == label].T, s=70, marker=marker, color=color, edgecolor="black")
for place in hidden.round(decimals=1).unique(dim=0):
    here = [str(tuple(x)) for x in corners[(hidden - place).abs().amax(dim=1) < 0.1].tolist()]
    axes[1].annotate("\n".join(here), place, xytext=(8, -8), textcoords="offset points", fontsize=9)
text = axes[1].set(title="hidden space", xlabel="$h_1$", ylabel="$h_2$")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 隱藏層把平面**摺**起來：ReLU 把負的一側壓成 0，(0, 1) 和 (1, 0) 疊到了一起，一刀就分開了。
#
# 卡住的網路，是哪一層的錯？對前三百個網路的隱藏空間，再跑一次線性規劃：

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# The hidden layer **folds** the plane: each ReLU squashes its negative side to 0, and (0, 1) and (1, 0) come to lie on each other: one straight cut will do.
#
# In a stuck network, which layer is to blame? The linear program again, on the hidden spaces of the first three hundred networks:

# %%
with torch.no_grad():
    hidden_of_all = nets[2].net[:2](inputs.expand(1000, 4, 2)).double().numpy()
first = slice(0, 300)
separable = np.array([find_line(h, xor).status == 0 for h in hidden_of_all[first]])
is_solved = solved(nets[2])[first].numpy()
print(f"solved: ≈{separable[is_solved].sum()} of ≈{is_solved.sum()} hidden spaces separable")
print(f"stuck:  ≈{separable[~is_solved].sum()} of ≈{(~is_solved).sum()} hidden spaces separable")

# %% [markdown] lang="zh-TW"
# **主張 10** 這三百個 2-2-1 網路裡，學會的網路，XOR 在隱藏空間裡一律線性可分；卡住的網路裡，可分的不到 5%。（前半必然成立：答對時，輸出層就是那條線。）所以卡住的網路，問題出在**隱藏層**最後的樣子：沒有把點摺到一條線分得開的位置。

# %% [markdown] lang="en"
# **Claim 10** In each of these three hundred 2-2-1 networks that solved it, XOR is linearly separable in the hidden space; of the stuck ones, in fewer than 5 %. (The first half must hold: where the answers are right, the output layer is that line.) So in the stuck ones the fault lies in the **hidden layer** as it ended: it has not folded the points to where a line can part them.

# %%
claim(10, separable[is_solved].all() and separable[~is_solved].mean() < 0.05)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 練習 1：標籤是 0 與 1 的感知機
#
# 難度 ★★☆，約 10 分鐘。
#
# Rosenblatt 的規則用標籤 t = −1 或 +1：t·(w·x + b) > 0 就不動，否則 w ← w + t·x，b ← b + t。資料裡的標籤卻常是 0/1。寫出 `perceptron_update`：看一個點 `x`（NumPy 陣列，長度不限）和它的 `label`（0 或 1），回傳新的 `(weights, bias)`。
#
# 答對就不動；答錯，或分數剛好是 0，就照這條規則更新權重與偏置，但兩者的改變量都乘上學習率（learning rate）`learning_rate`。不要改動傳進來的陣列。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Exercise 1: a perceptron for labels 0 and 1
#
# Difficulty ★★☆, about 10 minutes.
#
# Rosenblatt's rule has labels t = −1 or +1: where t·(w·x + b) > 0 nothing changes, else w ← w + t·x and b ← b + t. Data often have labels 0/1. Write `perceptron_update`: given one point `x` (a NumPy array of any length) and its `label` (0 or 1), return the new `(weights, bias)`.
#
# If it is right, change nothing; if it is wrong, or its score is exactly 0, update by this rule, both changes multiplied by `learning_rate`. Leave the array you were given as it is.


# %% tags=["exercise"]
def perceptron_update(weights, bias, x, label, learning_rate):
    raise NotImplementedError  # your code here: return weights, bias


# %% tags=["check"]
exercises.perceptron_update.check(perceptron_update)


# %% tags=["solution"]
# One possible answer; open it once you have tried.
def perceptron_update_solution(weights, bias, x, label, learning_rate):
    """Weights and bias after one point with label 0 or 1; a score of 0 counts as wrong."""
    sign = 2 * label - 1
    if sign * (weights @ x + bias) > 0:
        return weights, bias
    return weights + learning_rate * sign * x, bias + learning_rate * sign


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 練習 2：親手做一個 XOR
#
# 難度 ★★★，約 15 分鐘。
#
# 用紙筆找出 2-2-1 網路的權重：隱藏神經元用 **ReLU**，分數 w₂·relu(W₁x + b₁) + b₂ **大於 0** 代表 1，否則代表 0。
#
# 寫成一個字典：`"W1"` 是 2×2（一列是一個隱藏神經元的權重）、`"b1"` 與 `"w2"` 各兩個數、`"b2"` 一個數。答案不只一組。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Exercise 2: XOR by hand
#
# Difficulty ★★★, about 15 minutes.
#
# With pencil and paper, find the weights of a 2-2-1 network: the hidden units are **ReLUs**, and a score w₂·relu(W₁x + b₁) + b₂ **above 0** means 1, any other means 0.
#
# Write them as a dict: `"W1"` is 2×2 (a row holds the weights of one hidden unit), `"b1"` and `"w2"` are two numbers each, `"b2"` is one. There is more than one answer.

# %% tags=["exercise"]
xor_weights = ...  # your numbers here: {"W1": ..., "b1": ..., "w2": ..., "b2": ...}

# %% tags=["check"]
exercises.xor_weights.check(xor_weights)

# %% tags=["solution"]
# One possible answer; open it once you have tried. Both units look at x1 + x2: one turns on above
# 0, the other above 1 and pulls twice as hard.
xor_weights_solution = {"W1": [[1, 1], [1, 1]], "b1": [0, -1], "w2": [1, -2], "b2": 0}

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 練習 3：數一數參數
#
# 難度 ★☆☆，約 5 分鐘。
#
# 寫出 `count_mlp_parameters`：輸入各層的寬度，例如 `[2, 4, 1]`，回傳這個 MLP 有多少個可訓練的參數（parameter）。隱藏層幾層都可以，零層也可以。先用紙筆算 2-4-1，再寫程式。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Exercise 3: count the parameters
#
# Difficulty ★☆☆, about 5 minutes.
#
# Write `count_mlp_parameters`: given the widths of all layers, such as `[2, 4, 1]`, return how many numbers are trained in that MLP. There may be any number of hidden layers, none included. Do 2-4-1 on paper first.


# %% tags=["exercise"]
def count_mlp_parameters(widths):
    raise NotImplementedError  # your code here


# %% tags=["check"]
exercises.count_mlp_parameters.check(count_mlp_parameters)


# %% tags=["solution"]
# One possible answer; open it once you have tried.
def count_mlp_parameters_solution(widths):
    """How many weights and biases a fully connected net of these widths has."""
    return sum(fan_in * fan_out + fan_out for fan_in, fan_out in pairwise(widths))


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 重點整理
#
# - 神經元算的是 σ(w·x + b)：一條直線，兩個答案。沒有偏置，線就釘死在原點上。
# - 感知機只從錯誤中學習。有線分得開，它就一定會停；沒有，它就永遠停不下來。
# - XOR 不是線性可分的；疊線性層等於一層線性層，救不了它。
# - 隱藏層加上 ReLU，把空間摺起來，讓輸出層一刀分開。
# - **做得到不等於學得會**：2-4-1 網路大約六成的種子學會 XOR，16 個隱藏神經元則幾乎全部。
#
# **下一課**：[[activations]]，激活函數：為什麼是 ReLU，還有哪些選擇。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Summary
#
# - A neuron computes σ(w·x + b): one line, two answers. Without a bias, the line is nailed to the origin.
# - A perceptron learns from mistakes only. If some line separates the points, it is sure to stop; if none does, it never stops.
# - XOR is not linearly separable, and stacked linear layers, being one linear layer, cannot save it.
# - A hidden layer with ReLUs folds the space, so that the output layer can cut it straight.
# - **To represent is not to learn**: about six in ten 2-4-1 networks learn XOR, with 16 hidden neurons nearly all.
#
# **Next**: [[activations]], activation functions: why ReLU, and what else there is.

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "skip"}
# ### 原始文獻
#
# - Rosenblatt（1958），The perceptron: a probabilistic model for information storage and organization in the brain，Psychological Review 65(6)，doi:10.1037/h0042519。感知機。
# - Rosenblatt（1962），Principles of neurodynamics: perceptrons and the theory of brain mechanisms，Spartan Books。從錯誤中學習的規則。
# - Novikoff（1962），On convergence proofs on perceptrons，Symposium on the Mathematical Theory of Automata 12，Polytechnic Institute of Brooklyn。收斂的證明。
# - Minsky, Papert（1969），Perceptrons: an introduction to computational geometry，MIT Press。單層感知機做不到的事。
# - Block, Levin（1970），On the boundedness of an iterative procedure for solving a system of linear inequalities，Proceedings of the American Mathematical Society 26(2)。權重總是有界。
# - Muroga, Toda, Kondo（1962），Majority decision functions of up to six variables，Mathematics of Computation 16，doi:10.1090/S0025-5718-62-99195-0。線性可分的題目有幾種（OEIS A000609）。
# - Wilson（1927），Probable inference, the law of succession, and statistical inference，Journal of the American Statistical Association 22(158)，doi:10.1080/01621459.1927.10502953。比例的信賴區間。

# %% [markdown] lang="en" slideshow={"slide_type": "skip"}
# ### Primary sources
#
# - Rosenblatt (1958), The perceptron: a probabilistic model for information storage and organization in the brain, Psychological Review 65(6), doi:10.1037/h0042519. The perceptron.
# - Rosenblatt (1962), Principles of neurodynamics: perceptrons and the theory of brain mechanisms, Spartan Books. The rule that learns from mistakes.
# - Novikoff (1962), On convergence proofs on perceptrons, Symposium on the Mathematical Theory of Automata 12, Polytechnic Institute of Brooklyn. The proof that it stops.
# - Minsky, Papert (1969), Perceptrons: an introduction to computational geometry, MIT Press. What a single layer cannot do.
# - Block, Levin (1970), On the boundedness of an iterative procedure for solving a system of linear inequalities, Proceedings of the American Mathematical Society 26(2). The weights stay bounded.
# - Muroga, Toda, Kondo (1962), Majority decision functions of up to six variables, Mathematics of Computation 16, doi:10.1090/S0025-5718-62-99195-0. How many problems are separable (OEIS A000609).
# - Wilson (1927), Probable inference, the law of succession, and statistical inference, Journal of the American Statistical Association 22(158), doi:10.1080/01621459.1927.10502953. Intervals for shares.
