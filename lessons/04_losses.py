# %% [markdown] lang="zh-TW" about="MSE 與交叉熵從哪裡來、怎麼算才穩定；四個不會報錯的錯誤" slideshow={"slide_type": "slide"}
# # 損失函數
#
# 模型答錯了，錯多少？損失函數（loss function）把「錯多少」變成一個數，訓練就是把這個數壓低。學完之後，你能夠：
#
# - 手算均方誤差（MSE）、二元交叉熵、交叉熵，並和 PyTorch 對上每一位數；
# - 說明這些損失從哪裡來：選一個機率分布，最大概似（maximum likelihood）就給你一個損失；
# - 說出為什麼損失要收 logits，而不是機率；
# - 認出四個不會報錯的錯誤：廣播、先 sigmoid 再取對數、exp 溢位、softmax 做兩次。
#
# 先備：[[perceptron_xor]]、[[activations]]，以及高中的指數、對數、微分與機率。

# %% [markdown] lang="en" about="where MSE and cross-entropy come from, how to compute them stably, and four mistakes that raise no error" slideshow={"slide_type": "slide"}
# # Loss functions
#
# The model was wrong. How wrong? A loss function turns that into one number, and training pushes the number down. By the end you can
#
# - compute MSE, binary cross-entropy and cross-entropy by hand, and match PyTorch digit by digit;
# - say where they come from: choose a distribution, and maximum likelihood hands you a loss;
# - say why a loss wants logits rather than probabilities;
# - recognize four mistakes that raise no error: broadcasting, a sigmoid before the log, an exp that overflows, a softmax applied twice.
#
# It builds on [[perceptron_xor]] and [[activations]], and on exponentials, logarithms, derivatives and probability as taught at school.

# %% lang="zh-TW" tags=["setup"] slideshow={"slide_type": "subslide"}
from course_utils.notebook import set_up

device = set_up("losses", language="zh-TW")

# %% lang="en" tags=["setup"] slideshow={"slide_type": "subslide"}
from course_utils.notebook import set_up

device = set_up("losses", language="en")

# %% slideshow={"slide_type": "subslide"}
import copy
import math

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
import torch
from scipy.stats import ttest_rel
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional as F

from course_utils import plotting, seeding
from course_utils.exercises import losses as exercises
from course_utils.intervals import holm, mean_interval, paired_difference, share_interval
from course_utils.notebook.claims import claim
from course_utils.notebook.explore import explore, slider
from course_utils.stacked import StackedMLP

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 均方誤差（mean squared error）：把誤差平方，再平均
#
# $$L = \frac{1}{n}\sum_i (\hat y_i - y_i)^2$$
#
# 四個預測，誤差的大小是 0.5、0.5、0.1、0.2。想一想：前兩個佔了誤差總和的 77%，那它們在**損失**裡佔幾成？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Mean squared error: square the errors, then average
#
# $$L = \frac{1}{n}\sum_i (\hat y_i - y_i)^2$$
#
# Four predictions, with errors of size 0.5, 0.5, 0.1, 0.2. The first two make up 77 % of the summed errors. Predict: what share of the **loss** is theirs?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（4 分鐘）四個預測，誤差的大小是 0.5、0.5、0.1、0.2。前兩個佔了誤差總和的 77%。它們在均方誤差裡佔多少？
#
# - ✗ 也是 77%，平方再平均，對大家一視同仁。*以為平方不改變比例；0.5 是 0.1 的 5 倍，平方之後是 25 倍。*
# - ✗ 不到 77%，取平均會把差距拉近。*把「取平均」想成「拉平」；平均只是除以 4，比例不變。*
# - ✓ 超過 77%，大約 91%。*平方會放大大的誤差；所以 MSE 怕離群值。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (4 min) Four predictions are off by 0.5, 0.5, 0.1 and 0.2. The first two make up 77 % of the summed errors. What share of the mean squared error is theirs?
#
# - ✗ 77 %, too: squaring and averaging treat all alike. *Thinks that squaring keeps proportions; 0.5 is 5 times 0.1, and its square 25 times.*
# - ✗ Less than 77 %: a mean evens out. *Takes averaging for leveling; it only divides by 4, and shares stay.*
# - ✓ More, about 91 %. *Squaring magnifies large errors, which is why MSE fears outliers.*

# %%
predictions = torch.tensor([2.5, 0.0, 2.1, 1.8])
targets = torch.tensor([3.0, -0.5, 2.0, 2.0])
errors = predictions - targets
by_hand = errors.square().mean()
by_torch = nn.MSELoss()(predictions, targets)
print(f"(0.25 + 0.25 + 0.01 + 0.04) / 4 = {0.55 / 4:.4f}")
print(f"by hand {by_hand:.4f}, nn.MSELoss {by_torch:.4f}")

# %% slideshow={"slide_type": "subslide"} alt-zh="橫軸是四個點，縱軸是所佔的百分比。每個點有兩根長條，一根是在絕對誤差裡的比例，一根是在平方誤差裡的比例。誤差大的前兩點，平方之後比例變高；後兩點的比例都不到原來的一半。" alt-en="Two bars for each of four points: its share of the absolute error, and of the squared error. Squaring raises the share of the two large errors; the shares of the other two fall by more than half."
shares = {"absolute error": errors.abs(), "squared error": errors.square()}
figure, ax = plt.subplots(figsize=(6.5, 3))
for offset, hatch, name in zip((-0.2, 0.2), ("", "//"), shares, strict=True):
    heights = 100 * shares[name] / shares[name].sum()
    ax.bar(np.arange(4) + offset, heights, width=0.4, hatch=hatch, label=name, edgecolor="white")
ax.set(xlabel="point", ylabel="share of the sum (%)", xticks=range(4))
legend = ax.legend()

# %% [markdown] lang="zh-TW"
# 平方會放大大的誤差：兩個 0.5 佔了損失的 91%。MSE 因此很怕離群值（outlier，離其他點很遠的點），最離譜的預測，梯度也最大。
#
# **主張 1** 這只是算術，必然成立：手算的損失與 `nn.MSELoss` 都是 0.1375，其中九成以上來自前兩個點。

# %% [markdown] lang="en"
# Squaring favors large errors: the two of 0.5 carry 91 % of the loss. That is why MSE fears outliers (points far off the rest), and the worst prediction has the largest gradient.
#
# **Claim 1** By hand and by `nn.MSELoss` the loss is 0.1375, and the first two points carry over nine tenths of it. This is arithmetic and must hold.

# %%
share = errors[:2].square().sum() / errors.square().sum()
claim(1, bool(abs(by_hand - 0.1375) < 1e-6 and abs(by_torch - by_hand) < 1e-6 and share > 0.9))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 第一個不會報錯的錯誤：廣播（broadcasting）
#
# 模型的輸出通常是 (N, 1)，標籤卻常常存成 (N,)。40 個輸出減 40 個標籤，你預期得到幾個數？

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### The first mistake that raises no error: broadcasting
#
# A model's output usually has shape (N, 1), while labels are often kept as (N,). Take 40 labels from 40 outputs: how many numbers do you expect?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（3 分鐘）`x` 的形狀是 (40, 1)，`y` 的形狀是 (40,)。`x - y` 有幾個數？
#
# - ✗ 40 個，一個減一個。*照順序配對，是人的想法；PyTorch 只看形狀，從右邊對齊。*
# - ✓ 1,600 個。*從右邊對齊，長度 1 的軸會重複：每個 x 都和每個 y 相減，得到 (40, 40)。*
# - ✗ 一個也沒有，形狀不同會報錯。*以為形狀不同就會被擋下；長度是 1 的軸，廣播會自動重複。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (3 min) `x` has shape (40, 1) and `y` has shape (40,). How many numbers does `x - y` hold?
#
# - ✗ 40: one minus one, forty times. *Pairs them in order, as a person would; PyTorch looks at shapes only, and lines them up at the right.*
# - ✓ 1,600. *Lined up at the right, axes of length 1 are repeated: every x meets every y, which gives (40, 40).*
# - ✗ None: the shapes differ, so it raises an error. *Thinks that different shapes are refused; broadcasting repeats an axis of length 1.*

# %%
x = torch.linspace(-1, 1, 40)[:, None]
noise = torch.randn(40, generator=seeding.generator(0))
y = 2 * x[:, 0] + 0.2 * noise
print("x", tuple(x.shape), "  y", tuple(y.shape), "  x - y", tuple((x - y).shape))


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 1,600 個：每個輸出都和**所有**標籤比了一遍。`nn.MSELoss` 會印出警告，自己寫的 `(a - b) ** 2` 什麼也不說。
#
# 猜猜看：這樣訓練二十個小網路，學到的會是什麼？（`StackedMLP` 把二十個種子疊在一起，一次訓練完。）

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# 1,600: every output met **all** the labels. `nn.MSELoss` prints a warning; your own `(a - b) ** 2` says nothing.
#
# Guess: train twenty small networks that way, and what do they learn? (`StackedMLP` stacks twenty seeds and trains them all at once.)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（5 分鐘）40 個點大致落在一條斜線上。二十個小網路去學，輸出的形狀是 (40, 1)，標籤是 (40,)，損失寫成 `((outputs - labels) ** 2).mean()`。它們學到什麼？
#
# - ✓ 一條水平線，高度是標籤的平均。*每個輸出都要討好全部的標籤，最好的答案就是平均；損失照樣下降，也不報錯。*
# - ✗ 還是那條斜線，只是學得慢。*以為多比幾次只是浪費時間；每個輸出的目標已經換成所有的標籤。*
# - ✗ 什麼都沒有，損失不會下降，一看就知道錯了。*以為錯誤一定看得出來；這一種，曲線看起來很正常。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (5 min) Forty points lie along a sloping line. Twenty small networks learn them; the outputs have shape (40, 1), the labels (40,), and the loss is `((outputs - labels) ** 2).mean()`. What do they learn?
#
# - ✓ A flat line at the mean of the labels. *Each output must please all labels, and the best it can do is their mean; the loss falls all the same, and no error is raised.*
# - ✗ The sloping line, only more slowly. *Thinks that extra comparisons merely cost time; the target of each output is now all labels.*
# - ✗ Nothing: the loss does not fall, so one sees at once that something is wrong. *Thinks that a mistake shows; with this one the curve looks fine.*


# %%
def fit_curve(y):
    nets = StackedMLP(1, [16], 1, seeds=range(20), activation=nn.Tanh)
    optimizer = torch.optim.Adam(nets.parameters(), lr=0.02)
    for _ in range(300):
        loss = (nets(x) - y).square().mean(dim=(1, 2)).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return nets(x).squeeze(-1).detach()


# %% slideshow={"slide_type": "subslide"} alt-zh="橫軸是 x，縱軸是 y 與預測。四十個點沿著一條斜線。標籤形狀是 (N, 1) 的二十個網路貼著斜線；標籤形狀是 (N,) 的二十個網路，全部學成一條停在平均值的水平線。" alt-en="Forty points along a sloping line. The twenty networks with labels (N, 1) follow it; the twenty with labels (N,) all learn a flat line at the mean."
curves = {"y (N, 1)": fit_curve(y[:, None]), "y (N,): broadcast": fit_curve(y)}
figure, ax = plt.subplots(figsize=(7, 3.2))
ax.scatter(x, y, s=14, color="gray", label="data")
for name, outputs in curves.items():
    plotting.plot_band(ax, x[:, 0], outputs, name)
ax.set(xlabel="x", ylabel="y and its prediction")
legend = ax.legend()

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 一條水平線：要同時討好所有標籤，最好的答案就是它們的平均。程式不報錯，損失也在下降，模型卻什麼也沒學到。
#
# **主張 2** 換二十個種子各訓練一次，每一次都如此：形狀正確的網路解釋了 90% 以上的變異（R²）；廣播的網路，R² 與 0 相差不到 0.05。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# A flat line: whoever must please all labels at once can do no better than their mean. No error, a falling loss, and nothing learned.
#
# **Claim 2** For every seed the right shape explains more than 90 % of the variance (R²), and with broadcasting R² is within 0.05 of 0.

# %%
variance = y.var(unbiased=False)
r2 = {name: 1 - (outputs - y).square().mean(1) / variance for name, outputs in curves.items()}
for name, values in r2.items():
    print(f"{name:18s} R² {mean_interval(values):.3f}")
claim(2, bool((r2["y (N, 1)"] > 0.9).all() and (r2["y (N,): broadcast"].abs() < 0.05).all()))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 交叉熵（cross-entropy）：對正確答案有多驚訝
#
# 分類時，模型給的是**機率** $p$。損失取 $-\ln p_{\text{正確答案}}$：給正確答案的機率越低，越驚訝，損失越大。
#
# 想一想：模型說「有 90% 的機率是 1」。標籤真的是 1，損失是 0.105；標籤是 0 的話，損失是它的兩倍？九倍？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Cross-entropy: how surprising was the right answer?
#
# A classifier gives a **probability** $p$. Its loss is $-\ln p_{\text{right answer}}$: the less probable the model thought the right answer, the greater the surprise, and the loss.
#
# Predict: the model says "1, with 90 %". If the label is 1, the loss is 0.105. And if it is 0? Twice that? Nine times?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（6 分鐘）模型說「有 90% 的機率是 1」。標籤真的是 1，交叉熵是 0.105；標籤是 0 的話，是多少？
#
# - ✗ 約 0.21，是它的兩倍。*以為答錯就是加倍罰；損失看的是給正確答案多少機率。*
# - ✗ 約 0.95，是它的九倍，因為機率是 90% 比 10%。*以為損失和機率成正比；損失是機率的負對數。*
# - ✓ 約 2.30，是它的 22 倍。*−ln 0.1 ≈ 2.30；給正確答案的機率趨近 0，損失沒有上限。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (6 min) A model says "1, with 90 %". If the label is 1, the cross-entropy is 0.105. What is it if the label is 0?
#
# - ✗ About 0.21, twice that. *Thinks of a doubled fine; the loss depends on how probable the right answer was said to be.*
# - ✗ About 0.95, nine times that, since the probabilities are 90 to 10. *Thinks that the loss is proportional to the probability; it is the negative logarithm of it.*
# - ✓ About 2.30, 22 times that. *−ln 0.1 ≈ 2.30; as the probability of the right answer goes to 0 the loss has no ceiling.*

# %% slideshow={"slide_type": "subslide"} alt-zh="橫軸是模型給標籤 1 的機率 p，縱軸是損失。標籤是 1 時，p 越大，損失越小，p = 1 時降到 0；標籤是 0 時相反。在答錯的那一端，兩條曲線都衝向無限大。p = 0.9 的兩個點，一個在 0.105，一個在 2.303。" alt-en="Two curves: with label 1 the loss falls to 0 as the probability p grows, with label 0 it rises. Both shoot up without bound at the wrong end. Two points at p = 0.9 stand at 0.105 and 2.303."
p = torch.linspace(0.004, 0.996, 249)
figure, ax = plt.subplots(figsize=(7, 3))
for name, loss, at in (
    ("label 1: −ln p", -p.log(), 0.9),
    ("label 0: −ln(1 − p)", -(1 - p).log(), 0.1),
):
    ax.plot(p, loss, label=name)
    ax.plot(0.9, -math.log(at), marker="o", color="black", linestyle="")
    ax.annotate(f"{-math.log(at):.3f}", (0.9, -math.log(at)), (-20, 10), textcoords="offset points")
ax.set(xlabel="predicted probability p of label 1", ylabel="loss (nats)")
legend = ax.legend()

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 22 倍。沒有上限正是重點：錯得斬釘截鐵，代價可以無限大。損失的單位是 nat（用的是自然對數）；除以 ln 2 就換成位元（bit），Shannon 用它來衡量資訊。
#
# 把兩種標籤寫成一式，就是二元交叉熵（binary cross-entropy）：$-\big(y \ln p + (1-y)\ln(1-p)\big)$。PyTorch 有兩種：`BCELoss` 收機率，`BCEWithLogitsLoss` 收 logits（還沒經過 sigmoid 的輸出），sigmoid 包在裡面。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# 22 times. That it has no ceiling is the point: the price of being wrong and sure is as high as you like. The unit is the nat (natural logarithm); divide by ln 2 for bits, in which Shannon measured information.
#
# Both labels in one formula make the binary cross-entropy, $-\big(y \ln p + (1-y)\ln(1-p)\big)$. PyTorch has it twice: `BCELoss` takes probabilities, `BCEWithLogitsLoss` takes logits, the outputs before any sigmoid, and has the sigmoid inside.

# %%
logits = torch.tensor([2.0, -1.0, 0.5])
labels = torch.tensor([1.0, 0.0, 0.0])
p = torch.sigmoid(logits)
by_hand = -(labels * p.log() + (1 - labels) * (1 - p).log()).mean()
from_probs = nn.BCELoss()(p, labels)
from_logits = nn.BCEWithLogitsLoss()(logits, labels)
print(f"by hand {by_hand:.4f}, BCELoss {from_probs:.4f}, BCEWithLogitsLoss {from_logits:.4f}")

# %% [markdown] lang="zh-TW"
# **主張 3** 三種算法用的是同一個公式，結果必然相同：彼此相差不到 10⁻⁶。
#
# 既然一樣，為什麼要有兩個？

# %% [markdown] lang="en"
# **Claim 3** The three agree within 10⁻⁶: it is one formula, and this must hold.
#
# If they are equal, why are there two?

# %%
claim(3, bool(abs(by_hand - from_probs) < 1e-6 and abs(by_hand - from_logits) < 1e-6))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 第二個不會報錯的錯誤：先 sigmoid，再取對數
#
# 標籤是 0，模型卻越來越肯定是 1：logit 從 5 到 200。損失應該跟著 logit 長大，梯度應該接近 1（「快往下調」）。兩種寫法都做得到嗎？

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### The second mistake that raises no error: a sigmoid before the log
#
# The label is 0, and the model grows ever surer of 1: the logit goes from 5 to 200. The loss should grow with the logit and the gradient should be near 1 ("come down, quickly"). Do both versions obey?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（6 分鐘）標籤是 0，logit 卻從 5 一路升到 200，模型越來越肯定錯的答案。在 float32 裡先做 sigmoid、再用 `BCELoss`，損失對 logit 的梯度會怎樣？
#
# - ✗ 一直接近 1，因為梯度是機率減標籤。*紙上是對的；float32 存不下那麼接近 1 的數。*
# - ✓ 起初接近 1，logit 過了大約 17 就變成 0。*sigmoid 進位成剛好 1，導數 p(1 − p) 就是 0，錯得最離譜的樣本反而學不到東西。*
# - ✗ 越來越大，沒有上限。*把損失和梯度混為一談；該越來越大的是損失，梯度最多是 1。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (6 min) The label is 0, but the logit rises from 5 to 200: the model gets ever surer of the wrong answer. In float32, with a sigmoid first and then `BCELoss`, what becomes of the gradient with respect to the logit?
#
# - ✗ It stays near 1, being probability minus label. *True on paper; float32 cannot hold a number that close to 1.*
# - ✓ It is near 1 at first, and 0 from a logit of about 17 on. *The sigmoid rounds to exactly 1 and its derivative p(1 − p) to 0, so that the most mistaken example teaches nothing.*
# - ✗ It grows and grows. *Confuses the loss with its gradient; it is the loss that should grow, the gradient is at most 1.*


# %%
def loss_and_gradient(loss, z):
    z = torch.as_tensor(z).clone().requires_grad_()
    values = loss(z)
    values.sum().backward()
    return values.detach(), z.grad


z = torch.tensor([5.0, 10.0, 20.0, 200.0])
zeros = torch.zeros(4)
sigmoid_first = loss_and_gradient(
    lambda z: F.binary_cross_entropy(z.sigmoid(), zeros, reduction="none"), z
)
with_logits = loss_and_gradient(
    lambda z: F.binary_cross_entropy_with_logits(z, zeros, reduction="none"), z
)

# %%
columns = {"logit": z, "sigmoid, BCELoss": sigmoid_first[0], "its gradient": sigmoid_first[1]}
columns |= {"BCEWithLogitsLoss": with_logits[0], "gradient": with_logits[1]}
pd.DataFrame({name: values.numpy().round(2) for name, values in columns.items()})

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 從 logit 17 左右起，float32 的 sigmoid 進位成**剛好 1**，`1 − p` 是 0。`BCELoss` 把無限大截成 100；sigmoid 的導數 $p(1-p)$ 也是 0，梯度因此是 0：錯得最離譜的樣本，偏偏學不到任何東西，而且不會報錯。
#
# **主張 4** 這由 float32 決定，必然成立。標籤是 0、logit 是 20 時，先做 sigmoid 的損失是 100、梯度是 0；`BCEWithLogitsLoss` 的損失是 20、梯度是 1。標籤是 1、logit 是負數的那一側，晚一點才壞：logit 是 −20 時還正確，到了 −40，梯度的大小已經不到 0.001。
#
# float32 在 0 附近很密，在 1 附近很疏，所以 −20 沒事；−40 壞在 `BCELoss` 反向傳播時，分母 $p(1-p)$ 最小只取到 10⁻¹²。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# From a logit of about 17 on, the float32 sigmoid rounds to **exactly 1**, and `1 − p` is 0. `BCELoss` cuts the infinite loss off at 100; the sigmoid's derivative $p(1-p)$ is 0 too, and so is the gradient: the most mistaken example of all teaches nothing, and no error is raised.
#
# **Claim 4** float32 decides this, so it must hold. With label 0 and logit 20, the sigmoid first gives loss 100 and gradient 0; `BCEWithLogitsLoss` gives loss 20 and gradient 1. The other side (label 1, negative logits) fails later: at −20 it is still right, at −40 the gradient is below 0.001 in size. float32 is dense near 0 and sparse near 1, hence −20 is safe; −40 fails because `BCELoss`, going backward, divides by $p(1-p)$ or 10⁻¹², whichever is larger.

# %%
at_20 = [float(part[2]) for part in (*sigmoid_first, *with_logits)]
ones, negative = torch.ones(2), torch.tensor([-20.0, -40.0])
_, slopes = loss_and_gradient(lambda z: 2 * F.binary_cross_entropy(z.sigmoid(), ones), negative)
fails_later = bool(abs(slopes[0] + 1) < 1e-4 and abs(slopes[1]) < 1e-3)
claim(4, np.allclose(at_20, [100, 0, 20, 1], atol=1e-4) and fails_later)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 多個類別：softmax，再取對數
#
# K 個類別就有 K 個 logits。softmax 把它們變成加起來是 1 的機率：$p_k = e^{z_k} / \sum_j e^{z_j}$。
#
# 三個樣本、四個類別，標籤是 0、1、3。想一想：三個都答對了，哪一個的損失最大？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Many classes: softmax, then a logarithm
#
# K classes have K logits. The softmax turns them into probabilities that add up to 1: $p_k = e^{z_k} / \sum_j e^{z_j}$.
#
# Three examples, four classes, labels 0, 1, 3. Predict: all three are right; which has the largest loss?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（5 分鐘）四個類別，三個樣本的 logits 是 (2.0, 1.0, 0.1, 0.5)、(0.5, 2.5, 0.3, 0.2)、(0.1, 0.2, 0.3, 3.0)，標籤是 0、1、3，三個都答對了。哪一個的交叉熵最大？
#
# - ✗ 都是 0，答對了就沒有損失。*把交叉熵當成答錯的次數；答對了，機率不到 1，仍有損失。*
# - ✗ 第三個，它的 logit 最大。*把 logit 大當成損失大；要看的是領先其他類別多少。*
# - ✓ 第一個，正確的類別只領先 1。*它的機率只有 57%，損失最大；所以全部答對之後，訓練還不會停。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (5 min) Four classes; three examples have the logits (2.0, 1.0, 0.1, 0.5), (0.5, 2.5, 0.3, 0.2) and (0.1, 0.2, 0.3, 3.0) and the labels 0, 1 and 3. All three are right. Which has the largest cross-entropy?
#
# - ✗ All have 0: what is right costs nothing. *Takes cross-entropy for a count of mistakes; a right answer with a probability below 1 still has a loss.*
# - ✗ The third, whose logit is the largest. *Takes a large logit for a large loss; what counts is the lead over the other classes.*
# - ✓ The first, whose class leads by 1 only. *Its probability is just 57 %, so its loss is the largest; hence training does not stop once all are right.*

# %%
logits = torch.tensor([[2.0, 1.0, 0.1, 0.5], [0.5, 2.5, 0.3, 0.2], [0.1, 0.2, 0.3, 3.0]])
labels = torch.tensor([0, 1, 3])
probs = logits.exp() / logits.exp().sum(dim=1, keepdim=True)  # each row adds up to 1
losses = -probs[torch.arange(3), labels].log()

# %% slideshow={"slide_type": "subslide"} alt-zh="三列四欄的機率表，橫軸是類別，正確的類別加上粗框，左邊寫著每個樣本的損失。三列的最大機率都在正確的類別；第一列只有 0.575，損失最大，是 0.554。" alt-en="A table of probabilities, three rows and four columns, the right class framed, the loss on the left. The framed one is the largest in each row; in the first row it is only 0.575, and the loss, 0.554, the largest."
figure, ax = plt.subplots(figsize=(6.5, 2.6))
names = [f"sample {i}: loss {loss:.3f}" for i, loss in enumerate(losses)]
sns.heatmap(probs, annot=True, fmt=".3f", cmap="Blues", vmin=0, vmax=1, yticklabels=names, ax=ax)
for row, label in enumerate(labels.tolist()):
    ax.add_patch(plt.Rectangle((label, row), 1, 1, fill=False, edgecolor="black", linewidth=3))
ax.set(xlabel="class (right one framed)")
ax.tick_params(axis="y", rotation=0)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 第一個：正確類別的 logit 只領先 1，機率才 57%。**答對了也還有損失**，所以訓練不會在「全部答對」時停下來。
#
# `nn.CrossEntropyLoss` 是同一件事的另一種拆法：先 log-softmax，再 `NLLLoss`（挑出標籤那一格，加負號，取平均）。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# The first: it leads by 1 only, and its class gets 57 %. **Right answers still cost something**, so training does not stop once all are right.
#
# `nn.CrossEntropyLoss` is the same thing cut differently: a log-softmax, then `NLLLoss` (take the label's entry, change its sign, average).

# %%
in_two_steps = nn.NLLLoss()(logits.log_softmax(dim=1), labels)
in_one = nn.CrossEntropyLoss()(logits, labels)
print(f"by hand {losses.mean():.4f}, log-softmax + NLL {in_two_steps:.4f}, in one {in_one:.4f}")
print(f"knowing nothing: ln 4 = {math.log(4):.4f}")

# %% [markdown] lang="zh-TW"
# **主張 5** 這必然成立：三種算法算出來都是 0.3399，彼此相差不到 10⁻⁶；三個樣本裡，第一個的損失最大。
#
# 注意引數的順序與型別：`CrossEntropyLoss` 收 **logits** (N, K) 與**整數**標籤 (N,)，取平均時除以 N，不是除以 N×K。

# %% [markdown] lang="en"
# **Claim 5** The three agree within 10⁻⁶, at 0.3399; the first example has the largest loss. This must hold.
#
# Mind what goes in: `CrossEntropyLoss` takes **logits** (N, K) and **integer** labels (N,), and its mean divides by N, not by N×K.

# %%
same = abs(losses.mean() - in_one) < 1e-6 and abs(in_two_steps - in_one) < 1e-6
claim(5, bool(same and abs(in_one - 0.3399) < 5e-5 and losses.argmax() == 0))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 為什麼偏偏是這兩種損失？
#
# MSE 量的是距離，交叉熵量的是驚訝，看起來毫不相干。其實它們是同一個想法：模型說的不是一個答案，而是一個**機率分布**；好的模型，會讓實際發生的資料顯得很有可能。這種可能性叫做概似（likelihood），讓它最大，就是**最大概似**（maximum likelihood）。
#
# 同一段長度量了五次。假設每次的誤差都是常態分布（Gaussian）、標準差是 σ。想一想：真正的長度 μ 是多少時，這五個數最有可能出現？答案和 σ 有關嗎？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Why these two losses, of all?
#
# MSE measures a distance, cross-entropy a surprise; they seem to have nothing in common. They are one idea: a model states not an answer but a **distribution**, and a good one makes what did happen look likely. To make that likelihood as large as it can be is **maximum likelihood**.
#
# One length was measured five times. Say that the errors are Gaussian (normally distributed) with standard deviation σ. Predict: for which true length μ are these five numbers most likely? Does it depend on σ?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（7 分鐘）同一段長度量了五次，假設誤差是常態分布、標準差是 σ。真正的長度 μ 是多少時，這五個數最有可能出現？
#
# - ✓ 五個數的平均，和 σ 無關。*取對數之後，μ 只出現在平方和裡，所以概似最大的地方，就是均方誤差最小的地方。*
# - ✗ σ 小的時候是平均，σ 大的時候是中位數。*把 σ 大當成有離群值；常態分布不論 σ 多大，最好的都是平均。*
# - ✗ σ 越大，離平均越遠。*把山有多平當成山頂在哪裡；σ 只改變山的寬窄。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (7 min) One length was measured five times; say that the errors are normally distributed with standard deviation σ. For which true length μ are these five numbers most likely?
#
# - ✓ Their mean, whatever σ is. *In the logarithm μ stands in the sum of squares only, so the likelihood is highest where the mean squared error is lowest.*
# - ✗ Their mean where σ is small, their median where it is large. *Takes a large σ for outliers; with normal errors the mean is best, whatever σ is.*
# - ✗ The larger σ, the further from the mean. *Takes how flat the hill is for where its top stands; σ makes it broad or narrow.*

# %%
lengths = torch.tensor([2.1, 1.6, 2.4, 1.9, 2.5], dtype=torch.float64)
mu = torch.linspace(1, 3, 201, dtype=torch.float64)
mse = (lengths - mu[:, None]).square().mean(dim=1)  # (201,), one for each μ
likelihoods = {
    sigma: torch.distributions.Normal(mu[:, None], sigma).log_prob(lengths).sum(dim=1)
    for sigma in (0.3, 0.6)
}

# %% slideshow={"slide_type": "subslide"} alt-zh="兩張圖的橫軸都是 μ。左圖的縱軸是五個數的概似：σ = 0.3 是又高又窄的山，σ = 0.6 是又低又寬的山，兩座山的山頂都在 2.1。右圖的縱軸是負對數概似的平均與 MSE：三條都是拋物線，谷底都在 2.1。" alt-en="Both plots run over μ. Left, the likelihood of the five numbers: a tall narrow hill for σ = 0.3, a low broad one for σ = 0.6, both with their top at 2.1. Right, the mean negative log-likelihood, and the MSE: three parabolas, all lowest at 2.1."
figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 3))
for (sigma, logs), style in zip(likelihoods.items(), ("-", "--"), strict=True):
    left.plot(mu, logs.exp(), linestyle=style, label=f"σ = {sigma}")
    right.plot(mu, -logs / 5, linestyle=style, label=f"−log-likelihood / 5, σ = {sigma}")
right.plot(mu, mse, linestyle=":", label="MSE")
left.set(xlabel="μ", ylabel="likelihood of the five numbers")
right.set(xlabel="μ", ylabel="loss")
left.legend()
legend = right.legend(fontsize=9)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 山頂都在平均值 2.1，和 σ 無關。常態分布的密度裡有 $e^{-(x-\mu)^2/2\sigma^2}$：五個密度相乘再取對數，就只剩平方的和。取負號是為了讓「最好」變成「最小」：
#
# $$-\frac{1}{n}\ln(\text{概似}) = \frac{\text{MSE}}{2\sigma^2} + \ln\big(\sigma\sqrt{2\pi}\big)$$
#
# **主張 6** 這必然成立：不論 μ 是多少、σ 是 0.3 還是 0.6，兩邊相差不到 10⁻⁹；兩條負對數概似和 MSE 一樣，都在五個數的平均值最低。
#
# 所以用 MSE，就是假設誤差是常態分布，而且處處一樣大。離群值多的資料不是這樣，難怪 MSE 怕它們。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# Both tops are at the mean, 2.1, whatever σ is. A Gaussian's density contains $e^{-(x-\mu)^2/2\sigma^2}$: multiply five of them, take the log, and what is left is a sum of squares. The minus turns "best" into "lowest":
#
# $$-\frac{1}{n}\ln(\text{likelihood}) = \frac{\text{MSE}}{2\sigma^2} + \ln\big(\sigma\sqrt{2\pi}\big)$$
#
# **Claim 6** This must hold: for every μ, and for σ = 0.3 and 0.6 alike, the two sides are within 10⁻⁹, and both negative log-likelihoods are lowest where MSE is, at the mean of the five.
#
# To use MSE is therefore to assume errors that are Gaussian and equally large everywhere. Data with many outliers are not like that; no wonder MSE fears them.

# %%
sides_agree, lowest = True, [mu[mse.argmin()]]
for sigma, logs in likelihoods.items():
    formula = mse / (2 * sigma**2) + math.log(sigma * math.sqrt(2 * math.pi))
    sides_agree &= bool((-logs / 5 - formula).abs().max() < 1e-9)
    lowest.append(mu[logs.argmax()])
claim(6, sides_agree and all(abs(place - lengths.mean()) < 1e-9 for place in lowest))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 換成類別
#
# 抽屜裡抽了十次球：紅 5 次、綠 3 次、藍 2 次。模型說三種顏色的機率是 $p$（這叫類別分布，categorical distribution）。這十次的概似是 $p_{\text{紅}}^5\,p_{\text{綠}}^3\,p_{\text{藍}}^2$，取對數、變號、除以 10，就是交叉熵。
#
# 想一想：哪一組 $p$ 的損失最低？最低能到 0 嗎？

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### The same with classes
#
# A ball was drawn ten times: red 5 times, green 3, blue 2. A model gives the three colors probabilities $p$ (a categorical distribution). The likelihood of the ten is $p_r^5\,p_g^3\,p_b^2$; its log, with a minus and over 10, is the cross-entropy.
#
# Predict: which $p$ has the lowest loss? Can the loss get down to 0?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（5 分鐘）抽了十次球：紅 5 次、綠 3 次、藍 2 次。模型替三種顏色各給一個機率。哪一組機率在這十次上的交叉熵最低？最低能到 0 嗎？
#
# - ✗ (1, 0, 0)，紅色最多；損失是 0。*以為是選出最多的那個；這樣另外五顆球的機率是 0，損失無限大。*
# - ✗ (0.5, 0.3, 0.2)；機率完全正確，損失就是 0。*以為機率說對了就沒有損失；下一顆球的顏色還是猜不準。*
# - ✓ (0.5, 0.3, 0.2)；損失最低是 1.03 nat，到不了 0。*觀察到的比例讓這十次最有可能出現，剩下的損失就是這些比例的熵。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (5 min) Ten balls were drawn: 5 red, 3 green, 2 blue. A model gives each color a probability. Which probabilities have the lowest cross-entropy on these ten, and can it be 0?
#
# - ✗ (1, 0, 0), as red is the most frequent; the loss is 0. *Thinks of picking a winner; then five of the balls had probability 0, and the loss is infinite.*
# - ✗ (0.5, 0.3, 0.2); with the right probabilities the loss is 0. *Thinks that being right about the probabilities costs nothing; the color of a ball remains uncertain.*
# - ✓ (0.5, 0.3, 0.2); the loss is 1.03 nats and cannot be 0. *The observed shares make these ten most likely, and what is left is the entropy of the shares.*

# %%
balls = torch.tensor([0] * 5 + [1] * 3 + [2] * 2)
candidates = {
    "all equal": torch.full((3,), 1 / 3),
    "surer of red": torch.tensor([0.8, 0.15, 0.05]),
    "the shares": torch.tensor([0.5, 0.3, 0.2]),
}
rows = []
for p in candidates.values():
    likelihood = p[balls].prod().item()  # the ten probabilities, multiplied
    loss = F.cross_entropy(p.log().expand(10, 3), balls).item()
    rows.append([f"{likelihood:.2e}", -math.log(likelihood) / 10, loss])
columns = ["likelihood", "-ln(likelihood) / 10", "cross_entropy"]
pd.DataFrame(rows, index=list(candidates), columns=columns).round(4)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# **主張 7** 這必然成立：三組機率的負對數概似除以 10，與 `cross_entropy` 相差不到 10⁻⁵；最低的是觀察到的比例 (0.5, 0.3, 0.2)，隨機抽的一萬組機率沒有一組更低。
#
# 最低的損失不是 0，而是這些比例的熵（entropy），1.03 nat：球的顏色本來就有這麼難猜。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# **Claim 7** This must hold: for all three, the negative log-likelihood over 10 is within 10⁻⁵ of `cross_entropy`; the observed shares (0.5, 0.3, 0.2) are lowest, and none of ten thousand random distributions is lower.
#
# The lowest loss is not 0 but the entropy of the shares, 1.03 nats: the colors are that hard to guess.

# %%
same = all(abs(row[1] - row[2]) < 1e-5 for row in rows)
shares = candidates["the shares"]
others = torch.randn(10_000, 3, generator=seeding.generator(0)).softmax(dim=1)
entropy, losses = -(shares * shares.log()).sum(), -(others.log() @ shares)
claim(7, bool(same and abs(rows[2][2] - entropy) < 1e-5 and losses.min() >= entropy - 1e-6))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 第三個錯誤：exp 溢位（overflow）
#
# 上面手算的 softmax 照抄了定義。logits 變大時呢？float32 最大約 3.4×10³⁸，也就是 $e^{88.7}$。
#
# 想一想：標籤的 logit 是 0，另一個是 $z$，正確的損失大約就是 $z$。下面三種寫法，哪些會壞掉，在哪裡？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## The third mistake: exp overflows
#
# The softmax above was copied from its definition. What if the logits grow? The largest float32 is about 3.4×10³⁸, which is $e^{88.7}$.
#
# Predict: the label's logit is 0, the other's is $z$; the right loss is about $z$. Which of these three break, and where?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（6 分鐘）兩個類別，標籤那一類的 logit 是 0，另一類是 120，正確的損失大約是 120。在 float32 裡，哪些寫法算得對：照定義寫 exp 除以總和再取對數、先 `softmax` 再取對數、`log_softmax`？
#
# - ✗ 三種都對，它們是同一個公式。*紙上是同一個公式；float32 最大只到 3.4×10³⁸，e¹²⁰ 放不下。*
# - ✗ 後兩種，只有自己寫的 exp 會溢位。*`softmax` 不會溢位，但標籤那一類的機率小到變成 0，取對數就是無限大。*
# - ✓ 只有 `log_softmax`。*先減掉最大的 logit，再讓 log 與 exp 抵消，那個小得存不下的機率根本不會出現。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (6 min) Two classes; the logit of the label is 0, that of the other class 120, and the right loss is about 120. In float32, which of these get it right: exp over the sum as defined, then log; `softmax`, then log; `log_softmax`?
#
# - ✗ All three: they are one formula. *On paper they are; float32 ends at 3.4×10³⁸, and e¹²⁰ is larger.*
# - ✗ The last two: only a handwritten exp overflows. *`softmax` does not overflow, but the label's probability becomes 0, and its logarithm infinite.*
# - ✓ Only `log_softmax`. *It takes the largest logit off and lets log and exp cancel, so that the probability that is too small never appears.*

# %%
z = torch.linspace(0, 150, 601)
rows = torch.stack([torch.zeros_like(z), z], dim=1)  # label 0, and it is wrong
ways = {
    "exp / sum, then log": -(rows.exp() / rows.exp().sum(dim=1, keepdim=True))[:, 0].log(),
    "softmax, then log": -rows.softmax(dim=1)[:, 0].log(),
    "log_softmax": -rows.log_softmax(dim=1)[:, 0],
}

# %% slideshow={"slide_type": "subslide"} alt-zh="橫軸是錯誤類別的 logit，縱軸是損失。照定義寫的線，在 88.7 附近變成無限大而中斷；先做 softmax 再取對數的線，在 104 附近中斷；log_softmax 的線一路直直向上。" alt-en="Loss against the wrong class's logit. The definition becomes infinite and breaks off near 88.7, a softmax and then a log near 104; log_softmax goes straight on."
figure, ax = plt.subplots(figsize=(7.5, 3.2))
for lift, (name, values) in zip((12, 6, 0), ways.items(), strict=True):
    good = values.isfinite()
    last = int(good.sum()) - 1
    ax.plot(z[good], values[good] + lift, label=name)
    if last < len(z) - 1:
        ax.plot(
            z[last], values[last] + lift, marker="X", markersize=10, color="black", linestyle=""
        )
        print(f"{name}: no longer finite beyond z ≈{z[last]:.0f}")
ax.set(xlabel="logit z of the wrong class", ylabel="loss (nats), lines set 6 apart")
legend = ax.legend()

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 解法：先減掉同一個數
#
# 分子分母同乘 $e^{-c}$，機率不變：softmax 只看 logits 之間的**差**。取 $c$ 為最大的 logit，最大的 exp 就是 $e^0 = 1$，不會溢位，總和也不會是 0。
#
# 取對數之後，就是 **log-sum-exp** 的等式：
#
# $$\ln\sum_j e^{z_j} = c + \ln\sum_j e^{z_j - c}$$
#
# 例如 [1000, 1001, 1002] 減去 1002，成為 [−2, −1, 0]：

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### The remedy: take the same number off first
#
# Multiply numerator and denominator by $e^{-c}$ and no probability changes: a softmax sees **differences** of logits only. With the largest logit as $c$, the largest exp is $e^0 = 1$: nothing overflows, and the sum cannot be 0.
#
# Its logarithm is the **log-sum-exp** identity:
#
# $$\ln\sum_j e^{z_j} = c + \ln\sum_j e^{z_j - c}$$
#
# For instance, [1000, 1001, 1002] minus 1002 is [−2, −1, 0]:

# %%
row = torch.tensor([1000.0, 1001.0, 1002.0])
exponentials = [math.exp(z) for z in (-2, -1, 0)]
print(f"naive:   ln(e^1000 + e^1001 + e^1002) = {row.exp().sum().log()}")
print(f"shifted: 1002 + ln(e^-2 + e^-1 + e^0) = {1002 + math.log(sum(exponentials)):.3f}")
print(f"torch.logsumexp                       = {row.logsumexp(0):.3f}")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# float64 只是把牆移到 709，沒有拆掉它。
#
# **主張 8** 這也必然成立。logits 是 [10,000, 0, −10,000]、標籤是最後一類時，不論 float32 或 float64，照定義寫的 softmax 都會在第一類得到 nan（無限大除以無限大）；先做 softmax 再取對數，都得到 inf（機率太小，已經變成 0）；`cross_entropy` 都得到正確的 20,000。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# float64 only moves the wall to 709; it does not take it down.
#
# **Claim 8** This must hold, too: with logits [10,000, 0, −10,000] and the last class as label, in float32 and in float64 alike, the softmax as defined gives nan at the first class (infinity over infinity), a softmax and then a log gives inf (the probability has become 0), and `cross_entropy` gives 20,000, which is right.

# %%
label = torch.tensor([2])
results = []
for dtype in (torch.float32, torch.float64):
    row = torch.tensor([[1e4, 0.0, -1e4]], dtype=dtype)
    as_defined = row.exp() / row.exp().sum()
    results.append([as_defined[0, 0], -row.softmax(1)[0, 2].log(), F.cross_entropy(row, label)])
nan, infinite, right = torch.tensor(results).T
claim(8, bool(nan.isnan().all() and infinite.isinf().all() and (right == 20_000).all()))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 分類為什麼不用 MSE？看它答錯又十分篤定的時候
#
# 標籤是 1。對 $p = \sigma(z)$ 用 MSE，由連鎖律得
#
# $$\frac{\partial}{\partial z}(p-1)^2 = 2(p-1)\,p(1-p), \qquad \frac{\partial}{\partial z}(-\ln p) = p - 1$$
#
# 想一想：$z = -10$ 時，模型幾乎確定答案是 0，錯得離譜。這時兩個梯度各有多大？（在 Jupyter 裡執行，就能拖動 $z$ 的滑桿。）

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Why not MSE for classification? Look at a confident mistake
#
# The label is 1. MSE on $p = \sigma(z)$ gives, by the chain rule,
#
# $$\frac{\partial}{\partial z}(p-1)^2 = 2(p-1)\,p(1-p), \qquad \frac{\partial}{\partial z}(-\ln p) = p - 1$$
#
# Predict: at $z = -10$ the model is all but certain of 0, and badly wrong. How large is each gradient? (In a live notebook you can drag $z$.)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（6 分鐘）標籤是 1，logit 是 −10：模型幾乎確定答案是 0，錯得離譜。對 sigmoid 的輸出用 MSE，和用交叉熵，損失對 logit 的梯度各有多大？
#
# - ✗ 兩個都接近 1，錯得離譜就會被拉回來。*以為錯得多，梯度就大；還要乘上 sigmoid 的導數。*
# - ✓ MSE 的幾乎是 0，交叉熵的接近 1。*sigmoid 在這裡是平的，p(1 − p) 幾乎是 0；交叉熵的對數剛好把這個因子消掉。*
# - ✗ MSE 的比較大，平方會放大大的誤差。*對機率來說沒錯，但 1 的平方還是 1；再乘上 p(1 − p)，就什麼也不剩。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (6 min) The label is 1 and the logit −10: the model is all but certain of 0, and badly wrong. How large are the gradients with respect to the logit, of MSE on the sigmoid's output and of cross-entropy?
#
# - ✗ Both near 1: what is badly wrong gets pulled back. *Thinks that a large mistake means a large gradient; the sigmoid's derivative is a factor, too.*
# - ✓ MSE's is next to 0, cross-entropy's near 1. *The sigmoid is flat there and p(1 − p) all but 0; the logarithm in cross-entropy cancels just that factor.*
# - ✗ MSE's is the larger: squaring magnifies large errors. *Thinks of the probability, where an error near 1 squared is still 1; times p(1 − p) next to nothing is left.*


# %%
def mse_on_sigmoid(z):
    return (z.sigmoid() - 1).square()


def cross_entropy_of_one(z):
    return F.binary_cross_entropy_with_logits(z, torch.ones_like(z), reduction="none")


confident = torch.tensor([-10.0])
two_losses = {"MSE on sigmoid": mse_on_sigmoid, "cross-entropy": cross_entropy_of_one}


# %% slideshow={"slide_type": "subslide"} alt-zh="兩張圖的橫軸都是 logit。左圖的縱軸是損失：在答錯的一側，交叉熵是斜坡，MSE 是平台。右圖的縱軸是梯度：logit 越負，交叉熵的梯度越接近 −1，MSE 的梯度回到 0。黑點標在 z = −6，MSE 在那裡幾乎沒有坡度。" alt-en="Left, loss against the logit: on the wrong side cross-entropy is a ramp, MSE a plateau. Right, the gradient: as the logit falls cross-entropy's tends to −1, MSE's returns to 0. Black dots at z = −6, where MSE has next to no slope."
def draw_losses(z):
    grid = torch.linspace(-10, 10, 401)
    _, (left, right) = plt.subplots(1, 2, figsize=(9.5, 3.2))
    for name, loss in two_losses.items():
        for ax, curve, dot in zip(
            (left, right), loss_and_gradient(loss, grid), loss_and_gradient(loss, [z]), strict=True
        ):
            ax.plot(grid, curve, label=name)
            ax.plot(z, dot, marker="o", color="black", linestyle="")
    left.set(xlabel="logit z (label 1)", ylabel="loss")
    right.set(xlabel="logit z (label 1)", ylabel="gradient (loss per unit of z)")
    left.legend()


explore(draw_losses, z=slider(-10, 10, -6, 0.5))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# $p$ 低於 1/3 之後，錯得越離譜，MSE 的坡度越平：sigmoid 飽和（saturate，變平）了，$p(1-p)$ 把梯度乘到接近 0。交叉熵的 log 恰好把這個因子**消掉**，剩下最簡單的「機率減標籤」。
#
# **主張 9** 由公式必然得到：$z = -10$ 時，交叉熵梯度的大小超過 0.999，MSE 的小於 0.0001，還不到交叉熵的萬分之一；MSE 的梯度不論在哪裡，大小都不超過 8/27（出現在 $p = 1/3$）。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# Once $p$ is below 1/3, the worse the mistake, the flatter MSE's slope: the sigmoid saturates (goes flat), and $p(1-p)$ multiplies the gradient to nothing. The log in cross-entropy **cancels** just that factor, and leaves the simplest thing there could be, probability minus label.
#
# **Claim 9** By the formulas this must hold: at $z = -10$ cross-entropy's gradient has a size above 0.999 and MSE's below 0.0001, over ten thousand times less; nowhere is MSE's larger than 8/27 (at $p = 1/3$).

# %%
at_minus_10 = {
    name: loss_and_gradient(loss, confident)[1].item() for name, loss in two_losses.items()
}
for name, gradient in at_minus_10.items():
    print(f"{name}: gradient ≈{gradient:.6f}")
steepest = loss_and_gradient(mse_on_sigmoid, torch.linspace(-20, 20, 40_001))[1].abs().max().item()
of_mse, of_ce = (abs(gradient) for gradient in at_minus_10.values())
claim(9, of_ce > 0.999 and of_mse < 1e-4 and of_ce > 1e4 * of_mse and abs(steepest - 8 / 27) < 1e-4)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 真的會卡住嗎？
#
# 這種事真的會發生：標籤接反，訓練了一陣子才發現。下面的一百個網路各有自己的六十個點，先用**反的**標籤學到很有自信，再換成正確的標籤，分別用 MSE 與交叉熵繼續訓練。起點完全相同。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### Does it really get stuck?
#
# It happens: the labels were swapped, and someone noticed late. Below, a hundred networks, each with sixty points of its own, first learn the **swapped** labels until they are sure of them; then the labels are mended, and each goes on from the very same weights with MSE, and with cross-entropy.


# %%
point_labels = torch.arange(60) % 2
noise = torch.randn(100, 60, 2, generator=seeding.generator(0))  # of each network its own
points = 0.5 * noise + torch.where(point_labels[:, None] == 1, 1.0, -1.0)
point_labels = point_labels[:, None].float()


def mse_from_logits(z, y):
    return (z.sigmoid() - y).square()


def bce_from_torch(z, y):
    return F.binary_cross_entropy_with_logits(z, y.expand_as(z), reduction="none")


# %% slideshow={"slide_type": "subslide"}
def train(nets, criterion, optimizer, labels, steps):
    accuracies = []
    for _ in range(steps):
        logits = nets(points)
        loss = criterion(logits, labels).mean(dim=(1, 2)).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        accuracies.append(((logits > 0) == (labels > 0.5)).float().mean(dim=(1, 2)))
    return torch.stack(accuracies, dim=1)  # (100 seeds, steps)


start = StackedMLP(2, [8], 1, seeds=range(100), activation=nn.Tanh)
optimizer = torch.optim.Adam(start.parameters(), lr=0.05)
swapped = train(start, bce_from_torch, optimizer, 1 - point_labels, steps=100)
margin = (start(points) * (2 * point_labels - 1)).mean(dim=(1, 2)).detach()
print(f"mean logit towards the right label: {mean_interval(margin):.1f}")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 起點的 logit 平均落在**錯的**一邊，離 0 大約 8：已經走到 MSE 曲線很平的地方。換上正確的標籤，用 SGD（學習率 0.1 與 10）和 Adam（學習率 0.01）各走 200 步。
#
# 猜猜看：三種設定裡，MSE 在哪幾種卡住？

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# On average the logits start about 8 on the **wrong** side: far out where MSE is flat. Now with the right labels, 200 steps each of SGD (learning rates 0.1 and 10) and of Adam (0.01).
#
# Guess: in which of the three does MSE get stuck?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（7 分鐘）一批網路用接反的標籤學得很有自信，logit 落在錯的一邊，離 0 大約 8。換回正確的標籤，用 MSE（接在 sigmoid 後面）再走 200 步。SGD 學習率 0.1、SGD 學習率 10、Adam 學習率 0.01，哪幾種會卡住？
#
# - ✗ 三種都會，MSE 的梯度指錯方向。*MSE 的梯度方向沒錯，只是很小。*
# - ✓ 只有 SGD 學習率 0.1。*梯度小，學習率放大一百倍就走得動；Adam 則會把梯度除以它自己近來的大小。*
# - ✗ 兩種 SGD 都會，只有 Adam 逃得出來。*忘了學習率也能補償小梯度：大一百倍，步長就大一百倍。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (7 min) Networks have become sure of swapped labels; their logits lie about 8 on the wrong side. The labels are put right, and with MSE on the sigmoid they train for 200 more steps: SGD at rate 0.1, SGD at rate 10, Adam at 0.01. Which get stuck?
#
# - ✗ All three: MSE's gradient points the wrong way. *It points the right way and is merely small.*
# - ✓ SGD at 0.1 only. *The gradient is small, so a rate a hundred times larger gets them out; Adam divides each gradient by its own recent size.*
# - ✗ Both SGDs: only Adam gets out. *Forgets that the rate can make up for a small gradient: a hundred times the rate is a hundred times the step.*

# %%
criteria = {"MSE on sigmoid": mse_from_logits, "cross-entropy": bce_from_torch}
optimizers = {
    "SGD 0.1": lambda parameters: torch.optim.SGD(parameters, lr=0.1),
    "SGD 10": lambda parameters: torch.optim.SGD(parameters, lr=10),
    "Adam 0.01": lambda parameters: torch.optim.Adam(parameters, lr=0.01),
}
escapes = {}
for how, make_optimizer in optimizers.items():
    for name, criterion in criteria.items():
        nets = copy.deepcopy(start)
        optimizer = make_optimizer(nets.parameters())
        escapes[how, name] = train(nets, criterion, optimizer, point_labels, steps=200)

# %% slideshow={"slide_type": "subslide"} alt-zh="三張圖，橫軸是步數，縱軸是準確率。SGD、學習率 0.1：交叉熵很快到 100%，MSE 停在 0。SGD、學習率 10：兩者都到 100%。Adam、學習率 0.01：兩條線都在大約第 50 步到第 120 步之間升到 100%，MSE 中途在六成左右停頓，仍比交叉熵早到。陰影帶是一百個種子的 95% 區間。" alt-en="Three plots of accuracy against steps. SGD 0.1: cross-entropy soon reaches 100 %, MSE stays at 0. SGD 10: both reach 100 %. Adam 0.01: both rise to 100 % between about steps 50 and 120, MSE with a pause near 60 %, and yet sooner than cross-entropy. Bands are 95 % intervals over a hundred seeds."
figure, axes = plt.subplots(1, 3, figsize=(10, 3), sharey=True)
for ax, how in zip(axes, optimizers, strict=True):
    for name in criteria:
        plotting.plot_band(ax, np.arange(200), 100 * escapes[how, name], name)
    ax.set(title=how, xlabel="step")
axes[0].set(ylabel="accuracy (%)")
legend = axes[1].legend(loc="center right")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 只有一種！MSE 卡住，是因為梯度**小**，不是因為方向錯。把學習率放大一百倍就逃得出來；Adam 會把每個梯度除以它自己近來的大小，梯度再小也走得動，MSE 在這裡甚至早了幾步到達 90%。交叉熵的好處，是你不必靠這些補救。
#
# **主張 10** SGD 的學習率是 0.1 時，一百個網路用交叉熵，個個最後的準確率都超過 90%；用 MSE，至少九十個低於 20%。
#
# **主張 11** SGD 的學習率是 10，或用 Adam（0.01）時，平均來說兩種損失都逃了出來：最後的準確率超過 95%（整個區間都是）。用 Adam 時，兩者到達 90% 要的步數差不多：成對差（paired difference，同一個種子的 MSE 減交叉熵）的區間在 −20 步到 5 步之間。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# In one only! MSE is stuck because its gradient is **small**, not because it points the wrong way. A learning rate a hundred times larger gets it out. Adam divides each gradient by its own recent size, so that it moves however small they are, and MSE here even reaches 90 % a few steps sooner. The merit of cross-entropy is that you need neither remedy.
#
# **Claim 10** With SGD at rate 0.1, all hundred networks end at an accuracy above 90 % with cross-entropy; with MSE at least ninety end below 20 %.
#
# **Claim 11** With SGD at rate 10, and with Adam at 0.01, both losses on average escape and end above 95 % (the whole interval). Under Adam the two take much the same number of steps to 90 %: the paired difference (MSE minus cross-entropy, seed by seed) has its interval between −20 and 5 steps.


# %%
def first_step_above(level, accuracies):  # of each seed; all steps, if it never gets there
    above = accuracies > level
    return torch.where(above.any(dim=1), above.int().argmax(dim=1), above.shape[1])


last = {key: accuracies[:, -1] for key, accuracies in escapes.items()}
slow = last["SGD 0.1", "MSE on sigmoid"], last["SGD 0.1", "cross-entropy"]
claim(10, bool((slow[0] < 0.2).sum() >= 90 and (slow[1] > 0.9).all()))
first = [first_step_above(0.9, escapes["Adam 0.01", name]) for name in criteria]
gap = paired_difference(*first)
print(f"Adam 0.01, steps to 90 %, MSE minus cross-entropy: {gap:.1f}")
escaped = [mean_interval(last[how, name]) for how in list(optimizers)[1:] for name in criteria]
claim(11, min(accuracy.low for accuracy in escaped) > 0.95 and gap.low > -20 and gap.high < 5)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 第四個錯誤：softmax 做了兩次
#
# `CrossEntropyLoss` 裡面已經有 softmax。若模型的最後一層也是 softmax，損失收到的「logits」就只在 0 到 1 之間。
#
# 最好的情況是 [1, 0, …, 0]。再做一次 softmax，正確的類別只拿到 $e/(e+K-1)$，損失因此**永遠**不會低於
#
# $$\ln\Big(1 + \frac{K-1}{e}\Big)$$

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## The fourth mistake: a softmax applied twice
#
# `CrossEntropyLoss` has a softmax inside. If the model's last layer is a softmax too, the "logits" that the loss receives lie between 0 and 1.
#
# At best they are [1, 0, …, 0]. After the second softmax the right class has only $e/(e+K-1)$, so the loss can **never** fall below
#
# $$\ln\Big(1 + \frac{K-1}{e}\Big)$$

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（5 分鐘）模型的最後一層已經是 softmax，損失又用了裡面有 softmax 的 `CrossEntropyLoss`。十個類別，模型對每個樣本都完全確定、也完全正確。損失是多少？
#
# - ✗ 0，全部答對而且確定。*以為損失看到的是確定的答案；它看到的「logits」是 [1, 0, …, 0]，領先只有 1。*
# - ✓ 約 1.46，不可能再低。*第二次 softmax 只給正確的類別 e/(e + 9) ≈ 23%，負對數是 1.46。*
# - ✗ ln 10 ≈ 2.30，做兩次就什麼也分不出來。*以為第二次 softmax 把差別抹光；它只是把差別壓小。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (5 min) A model's last layer is a softmax already, and its loss is `CrossEntropyLoss`, which has one inside. With ten classes, the model is certain and right about every example. What is the loss?
#
# - ✗ 0: all are right, and certain. *Thinks that the loss sees certain answers; the "logits" it sees are [1, 0, …, 0], a lead of 1.*
# - ✓ About 1.46, and it can never be lower. *The second softmax gives the right class e/(e + 9) ≈ 23 %, whose negative logarithm is 1.46.*
# - ✗ ln 10 ≈ 2.30: after two nothing can be told apart. *Thinks that the second softmax wipes out all differences; it only makes them small.*

# %%
rows = []
for num_classes in (2, 4, 10, 1000):
    perfect = 1e4 * torch.eye(num_classes)[:1]  # certain of class 0, and right
    once = F.cross_entropy(perfect, torch.tensor([0])).item()
    twice = F.cross_entropy(perfect.softmax(dim=1), torch.tensor([0])).item()
    bound = math.log(1 + (num_classes - 1) / math.e)
    rows.append([num_classes, abs(once), twice, bound, math.log(num_classes)])
columns = ["classes K", "softmax once", "softmax twice", "ln(1 + (K-1)/e)", "knowing nothing: ln K"]
bounds = pd.DataFrame(rows, columns=columns).round(4)
bounds

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 從一無所知到全對，損失總共只降了不到 1；只做一次的話，1,000 類可以從 6.9 一路降到 0。而且平坦的地方又出現了：多出來的那層 softmax 會飽和，和 sigmoid 一樣。
#
# **主張 12** 這是算術，必然成立：四種 K 都一樣，完美的答案做了兩次 softmax，損失就等於這個下限（相差不到 10⁻³）。遇到錯得很篤定的答案（十類，錯的那一類 logit 是 10，其餘是 0），做兩次的梯度長度（範數）不到做一次的千分之一。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# From knowing nothing to perfect, the loss falls by less than 1; with one softmax and 1,000 classes it falls from 6.9 to 0. And the flat place is back: the added softmax saturates, as the sigmoid did.
#
# **Claim 12** This is arithmetic and must hold: for all four K, a perfect answer after two softmaxes has just this bound as its loss (within 10⁻³). At a confident mistake (ten classes, the wrong logit 10, the others 0) the gradient through two is less than a thousandth as long as through one.

# %%
mistake = 10 * torch.eye(10)[1:2]  # certain of class 1; the label is 0
lengths = {}
label = torch.tensor([0])
ways = {
    "once": lambda z: F.cross_entropy(z, label),
    "twice": lambda z: F.cross_entropy(z.softmax(dim=1), label),
}
for name, way in ways.items():
    lengths[name] = loss_and_gradient(way, mistake)[1].norm().item()
    print(f"softmax {name}: length of the gradient ≈{lengths[name]:.5f}")
at_the_bound = np.allclose(bounds["softmax twice"], bounds["ln(1 + (K-1)/e)"], atol=1e-3)
claim(12, at_the_bound and lengths["twice"] < lengths["once"] / 1000)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 它會毀掉訓練嗎？
#
# scikit-learn 附的 8×8 手寫數字，500 張訓練、其餘測試，64-32-10 的網路，Adam，200 步，二十個種子，每個種子抽自己的 500 張。
#
# 猜猜看：做兩次 softmax，準確率會 (a) 掉到 10%，(b) 差一點，(c) 一樣？

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### Does it ruin training?
#
# The 8×8 digits that come with scikit-learn, 500 to train on and the rest to test, a 64-32-10 network, Adam, 200 steps, twenty seeds, each of which draws 500 of its own.
#
# Guess: with the softmax twice, will the accuracy (a) fall to 10 %, (b) suffer somewhat, (c) be the same?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（8 分鐘）用 500 張 8×8 的手寫數字，訓練一個 64-32-10 的網路，Adam 走 200 步。不小心把 softmax 做了兩次，測試準確率會怎樣？
#
# - ✗ 掉到 10%，和瞎猜一樣。*以為這種錯會讓訓練完全失敗；梯度變小，但方向還有用。*
# - ✗ 一樣，softmax 不改變哪一類最大。*對訓練好的模型說得通；但訓練靠梯度，梯度變了，學到的就不同。*
# - ✓ 學得會，但比較慢，少了大約 8 個百分點。*曲線照樣下降，所以沒有人起疑；二十個網路裡，大多數乾脆不答某個數字。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (8 min) A 64-32-10 network is trained on 500 handwritten digits of 8×8 pixels, 200 steps of Adam. By mistake the softmax is applied twice. What becomes of the test accuracy?
#
# - ✗ It falls to 10 %, which is guessing. *Thinks that such a mistake makes training fail outright; the gradient gets smaller, but its direction still helps.*
# - ✗ It is the same: a softmax does not change which class is largest. *True of a trained model; but training goes by gradients, and other gradients learn other weights.*
# - ✓ The network learns, but more slowly, and loses about 8 percentage points. *The curve falls, so nobody suspects a thing; most of the twenty networks never answer with some digit.*


# %%
pixels, digit_labels = map(torch.tensor, load_digits(return_X_y=True))
size = len(pixels)
orders = torch.stack([torch.randperm(size, generator=seeding.generator(s)) for s in range(20)])
pixels, digit_labels = pixels[orders].float() / 16, digit_labels[orders]  # (20 seeds, images)


def train_digits(softmax_twice, lr):
    nets = StackedMLP(64, [32], 10, seeds=range(20))
    optimizer = torch.optim.Adam(nets.parameters(), lr=lr, fused=True)
    history, answers = [], digit_labels[:, :500]
    for _ in range(200):
        logits = nets(pixels[:, :500])
        scores = logits.softmax(dim=2) if softmax_twice else logits
        loss = F.cross_entropy(scores.transpose(1, 2), answers, reduction="none").mean(dim=1)
        optimizer.zero_grad()
        loss.sum().backward()
        optimizer.step()
        history.append(torch.stack([loss.detach(), (logits.argmax(2) == answers).float().mean(1)]))
    with torch.no_grad():
        predictions = nets(pixels[:, 500:]).argmax(dim=2)
    return torch.stack(history, dim=2), predictions  # (loss and accuracy, seeds, steps)


rates = (0.003, 0.01, 0.03)
digit_runs = {(twice, lr): train_digits(twice, lr) for twice in (False, True) for lr in rates}

# %% slideshow={"slide_type": "subslide"} alt-zh="橫軸是步數；左圖的縱軸是訓練損失，右圖的縱軸是訓練準確率；線是二十個種子的平均，陰影帶是 95% 區間。只做一次 softmax 的，損失降到接近 0，準確率到 100%；做兩次的，損失停在虛線的下限 1.461 之上，準確率上升得慢，停在大約 92%，陰影帶也寬。" alt-en="Loss on the left and training accuracy on the right against steps, mean and 95 % interval over twenty seeds. Once: the loss falls to nearly 0, the accuracy reaches 100 %. Twice: the loss stays above the dotted bound of 1.461, the accuracy rises later and stops at about 92 %, with a wide band."
figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 3.2))
for twice, name in ((False, "softmax once"), (True, "softmax twice")):
    loss, accuracy = digit_runs[twice, 0.01][0]
    plotting.plot_band(left, np.arange(200), loss, name)
    plotting.plot_band(right, np.arange(200), 100 * accuracy, name)
bound = math.log(1 + 9 / math.e)
left.axhline(bound, color="black", linestyle=":", label=f"ln(1 + 9/e) = {bound:.3f}")
left.set(xlabel="step (learning rate 0.01)", ylabel="training loss (nats)")
right.set(xlabel="step (learning rate 0.01)", ylabel="training accuracy (%)")
legend = left.legend()

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# (b)，而這正是它危險的地方：曲線在下降，模型在學，沒有人會起疑。但它學得慢，損失也像撞到地板。
#
# **主張 13** 三種學習率之下，做兩次 softmax 的訓練損失都不會低於 1.461，這必然成立（就是上面的下限）；只做一次的，學習率 0.01 時，二十個網路的訓練損失最後都低於 0.05。
#
# **主張 14** 學習率 0.01 時，換二十個種子，做兩次的網路每一次都比較晚到達 80% 的訓練準確率；平均來說，要的步數是只做一次的兩倍以上。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# It is (b), and that is what makes it dangerous: the curve falls, the model learns, nobody suspects a thing. But it learns slowly, and its loss seems to meet a floor.
#
# **Claim 13** At all three rates the training loss with two softmaxes is never below 1.461, which must hold (it is the bound above); with one, at rate 0.01, it ends below 0.05 for every seed.
#
# **Claim 14** At rate 0.01 every seed reaches 80 % training accuracy later with two softmaxes; on average it takes more than twice as many steps as with one.

# %%
lowest = min(digit_runs[True, lr][0][0].min() for lr in rates)
claim(13, bool(lowest > 1.461 and (digit_runs[False, 0.01][0][0, :, -1] < 0.05).all()))
steps = [first_step_above(0.8, digit_runs[kind, 0.01][0][1]).double() for kind in (False, True)]
print(f"steps to 80 %: once {mean_interval(steps[0]):.0f}, twice {mean_interval(steps[1]):.0f}")
claim(14, bool((steps[1] > steps[0]).all() and steps[1].mean() > 2 * steps[0].mean()))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 換個學習率會不會好一點？看 200 步之後的**測試**準確率（差異是同一個種子相減）：

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# Would another learning rate help? Look at the **test** accuracy after 200 steps (differences within each seed):

# %%
rows, differences, p_values, lost = [], [], [], {False: [], True: []}
for lr in rates:
    answers = [digit_runs[twice, lr][1] for twice in (False, True)]
    once, twice = [(a == digit_labels[:, 500:]).float().mean(1).numpy() for a in answers]
    differences.append(paired_difference(twice, once))
    p_values.append(ttest_rel(twice, once).pvalue)
    for kind, a in zip(lost, answers, strict=True):
        lost[kind].append(sum(len(row.unique()) < 10 for row in a))
    rows.append(
        [lr, *(f"≈{100 * a.mean():.1f} %" for a in (once, twice)), f"{differences[-1]:.1%}"]
    )
pd.DataFrame(rows, columns=["learning rate", "once", "twice", "difference"])

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 三種學習率都一樣，測試準確率平均少了大約 6 到 8 個百分點。（這個幅度只適用於這個任務、這麼多資料與步數；換一個設定，就要重新量。）一個線索：看看模型**從來不答**哪些數字：
#
# **主張 15** 三種學習率之下，做兩次 softmax 的測試準確率平均都比較低：光憑運氣，差到這麼多的機會不到千分之一（p < 0.001；同時檢定三個差異，所以用 Holm 校正），差異的信賴區間也整個低於 −2 個百分點。每種學習率各訓練二十個網路：做兩次 softmax 的，至少有五個完全不答某個數字；只做一次的，一個也沒有。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# On average some 6 to 8 percentage points of test accuracy are gone, at any of these rates. (That size belongs to this task, with this much data and this many steps; measure again for another.) A clue: see how many models **never answer** with some digit:
#
# **Claim 15** At all three rates the test accuracy is on average lower with two: luck alone would make so large a difference less than once in a thousand times (p < 0.001, with Holm's correction for three tests at once), and the interval lies below −2 percentage points. At each rate at least five of the twenty networks with two gave up on some digit and never answered with it; of those with one, for every seed, none did.

# %%
for lr, once, twice in zip(rates, *lost.values(), strict=True):
    shares = [f"{share_interval(count, 20):.0%}" for count in (once, twice)]
    print(f"rate {lr}, gave up on a digit: once {shares[0]}, twice {shares[1]}")
worse = all(difference.high < -0.02 for difference in differences)
significant = bool((holm(p_values) < 1e-3).all())
claim(15, worse and significant and max(lost[False]) == 0 and min(lost[True]) >= 5)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 練習 1：不會廣播的 MSE
#
# 難度 ★☆☆，約 8 分鐘。
#
# 寫出 `mean_squared_error`。兩邊都有 N 個數，但形狀可能是 (N,) 或 (N, 1)，四種組合都要給出同一個平均。數目不同時（例如一邊 4 個、一邊 1 個）要引發例外，不能算下去。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Exercise 1: an MSE that does not broadcast
#
# Difficulty ★☆☆, about 8 minutes.
#
# Write `mean_squared_error`. Both sides hold N numbers, shaped (N,) or (N, 1); all four combinations must give the same mean. Where the counts differ (4 against 1, say), raise an error instead of going on.


# %% tags=["exercise"]
def mean_squared_error(predictions, targets):
    raise NotImplementedError  # your code here


# %% tags=["check"]
exercises.mean_squared_error.check(mean_squared_error)


# %% tags=["solution"]
# One possible answer; open it once you have tried.
def mean_squared_error_solution(predictions, targets):
    """Mean squared error of N numbers each, whether they come as (N,) or as (N, 1)."""
    if predictions.numel() != targets.numel():
        raise ValueError(f"{predictions.numel()} predictions, but {targets.numel()} targets")
    return (predictions.reshape(-1) - targets.reshape(-1)).square().mean()


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 練習 2：從 logits 算二元交叉熵
#
# 難度 ★★☆，約 15 分鐘。
#
# 寫出 `bce_from_logits`：輸入 logits (N,) 與 0、1 標籤 (N,)，回傳平均損失。logit 到 ±10,000 都要正確（float32 也是），**梯度也是**。只用 exp、log、絕對值、最大值這類基本運算。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Exercise 2: binary cross-entropy from logits
#
# Difficulty ★★☆, about 15 minutes.
#
# Write `bce_from_logits`: given logits (N,) and labels 0 or 1 (N,), return the mean loss. It must be right up to logits of ±10,000, in float32 too, **and so must its gradient**. Use only basic operations such as exp, log, absolute value and maximum.


# %% tags=["exercise"]
def bce_from_logits(logits, labels):
    raise NotImplementedError  # your code here


# %% tags=["check"]
exercises.bce_from_logits.check(bce_from_logits)


# %% tags=["solution"]
# One possible answer; open it once you have tried.
def bce_from_logits_solution(logits, labels):
    """Mean binary cross-entropy of logits (N,) against labels (N,), finite for any finite logit."""
    at_least_0 = torch.maximum(logits, torch.zeros_like(logits))  # its slope at 0 is 1/2
    softplus = at_least_0 + torch.log1p(torch.exp(-torch.abs(logits)))
    return (softplus - labels * logits).mean()


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 練習 3：穩定的交叉熵
#
# 難度 ★★★，約 20 分鐘。
#
# 寫出 `cross_entropy`：logits (N, K)、整數標籤 (N,)，`reduction` 是 `"mean"` 或 `"sum"`。logits 到 ±10,000 都要和 PyTorch 一致。不要呼叫 `cross_entropy`、`log_softmax` 或 `logsumexp`。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Exercise 3: a stable cross-entropy
#
# Difficulty ★★★, about 20 minutes.
#
# Write `cross_entropy`: logits (N, K), integer labels (N,), and a `reduction` of `"mean"` or `"sum"`. It must agree with PyTorch up to logits of ±10,000. Do not call `cross_entropy`, `log_softmax` or `logsumexp`.


# %% tags=["exercise"]
def cross_entropy(logits, labels, reduction="mean"):
    raise NotImplementedError  # your code here


# %% tags=["check"]
exercises.cross_entropy.check(cross_entropy)


# %% tags=["solution"]
# One possible answer; open it once you have tried.
def cross_entropy_solution(logits, labels, reduction="mean"):
    """Cross-entropy of logits (N, K) against classes (N,), averaged or summed over the examples."""
    shifted = logits - logits.max(dim=1, keepdim=True).values
    log_total = shifted.exp().sum(dim=1).log()
    losses = log_total - shifted[torch.arange(len(labels)), labels]
    return losses.mean() if reduction == "mean" else losses.sum()


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 練習 4：交叉熵的梯度，手算
#
# 難度 ★★☆，約 12 分鐘。
#
# 只有兩類時，$\partial L/\partial z = p - y$。K 類時呢？寫出 `cross_entropy_gradient`：**平均**交叉熵對 logits (N, K) 的梯度，形狀也是 (N, K)，不用 autograd。標籤是整數 (N,)；logits 到 ±10,000 都要正確。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Exercise 4: the gradient of cross-entropy, by hand
#
# Difficulty ★★☆, about 12 minutes.
#
# With two classes, $\partial L/\partial z = p - y$. And with K? Write `cross_entropy_gradient`: the gradient of the **mean** cross-entropy with respect to the logits (N, K), of the same shape, without autograd. The labels are integers (N,); it must be right up to logits of ±10,000.


# %% tags=["exercise"]
def cross_entropy_gradient(logits, labels):
    raise NotImplementedError  # your code here


# %% tags=["check"]
exercises.cross_entropy_gradient.check(cross_entropy_gradient)


# %% tags=["solution"]
# One possible answer; open it once you have tried.
def cross_entropy_gradient_solution(logits, labels):
    """Gradient (N, K) of the mean cross-entropy with respect to the logits (N, K)."""
    gradient = torch.softmax(logits, dim=1)
    gradient[torch.arange(len(labels)), labels] -= 1
    return gradient / len(labels)


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 重點整理
#
# | 任務 | 損失 | 給它什麼 |
# |---|---|---|
# | 迴歸（regression，預測一個數） | `MSELoss` | 兩邊**同形狀** |
# | 二元分類 | `BCEWithLogitsLoss` | logits 與 0／1 的浮點標籤，同形狀 |
# | 多類別 | `CrossEntropyLoss` | logits (N, K) 與整數標籤 (N,) |
#
# - 損失收 **logits**。先做 sigmoid 或 softmax，會失去精度、失去梯度，或兩者皆失。
# - 減掉最大的 logit，exp 就不會溢位；log 與 exp 能抵消就先抵消。
# - 交叉熵對 logit 的梯度是機率減標籤，錯得再離譜也不會消失。
# - 選一個機率分布，最大概似就給出損失：常態分布給 MSE，類別分布給交叉熵。
#
# **下一課**：[[back_propagation]]，反向傳播：有了損失，每個權重該往哪裡動。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Summary
#
# | task | loss | give it |
# |---|---|---|
# | regression (predict a number) | `MSELoss` | both sides in the **same shape** |
# | two classes | `BCEWithLogitsLoss` | logits and float labels 0 or 1, same shape |
# | many classes | `CrossEntropyLoss` | logits (N, K) and integer labels (N,) |
#
# - A loss takes **logits**. A sigmoid or softmax before it costs precision, or gradient, or both.
# - With the largest logit taken off, exp cannot overflow; where a log and an exp cancel, cancel them first.
# - Cross-entropy's gradient at the logit is probability minus label: it does not vanish, however wrong the answer.
# - Choose a distribution, and maximum likelihood gives the loss: MSE for a Gaussian, cross-entropy for a categorical.
#
# **Next**: [[back_propagation]]: there is a loss; which way should each weight move?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "skip"}
# ### 原始文獻
#
# - Fisher（1922），On the mathematical foundations of theoretical statistics，*Philosophical Transactions of the Royal Society A* 222，309–368，doi:10.1098/rsta.1922.0009。最大概似法由此得名。
# - Shannon（1948），A mathematical theory of communication，*Bell System Technical Journal* 27(3)，379–423，doi:10.1002/j.1538-7305.1948.tb01338.x。提出熵，並用對數來衡量資訊。
# - Good（1952），Rational decisions，*Journal of the Royal Statistical Society B* 14(1)，107–114，doi:10.1111/j.2517-6161.1952.tb00104.x。用機率的對數替預測打分數。
# - Solla、Levin、Fleisher（1988），Accelerated learning in layered neural networks，*Complex Systems* 2，625–640。交叉熵（文中稱為相對熵）與平方誤差的比較。
# - Bridle（1990），Probabilistic interpretation of feedforward classification network outputs, with relationships to statistical pattern recognition，*Neurocomputing*（NATO ASI Series F 68），227–236，doi:10.1007/978-3-642-76153-9_28。已經用了 softmax 這個名字。
# - Blanchard、Higham、Higham（2021），Accurately computing the log-sum-exp and softmax functions，*IMA Journal of Numerical Analysis* 41(4)，2311–2330，doi:10.1093/imanum/draa038。減掉最大值的寫法，準不準。
# - Holm（1979），A simple sequentially rejective multiple test procedure，*Scandinavian Journal of Statistics* 6(2)，65–70。同時檢定好幾個差異時的校正。

# %% [markdown] lang="en" slideshow={"slide_type": "skip"}
# ### Primary sources
#
# - Fisher (1922), On the mathematical foundations of theoretical statistics, *Philosophical Transactions of the Royal Society A* 222, 309–368, doi:10.1098/rsta.1922.0009. Where maximum likelihood got its name.
# - Shannon (1948), A mathematical theory of communication, *Bell System Technical Journal* 27(3), 379–423, doi:10.1002/j.1538-7305.1948.tb01338.x. Entropy, and the logarithm as a measure of information.
# - Good (1952), Rational decisions, *Journal of the Royal Statistical Society B* 14(1), 107–114, doi:10.1111/j.2517-6161.1952.tb00104.x. Scores a forecast by the logarithm of its probability.
# - Solla, Levin, Fleisher (1988), Accelerated learning in layered neural networks, *Complex Systems* 2, 625–640. Cross-entropy (there called relative entropy) compared with squared error.
# - Bridle (1990), Probabilistic interpretation of feedforward classification network outputs, with relationships to statistical pattern recognition, *Neurocomputing* (NATO ASI Series F 68), 227–236, doi:10.1007/978-3-642-76153-9_28. Calls the softmax by this name.
# - Blanchard, Higham, Higham (2021), Accurately computing the log-sum-exp and softmax functions, *IMA Journal of Numerical Analysis* 41(4), 2311–2330, doi:10.1093/imanum/draa038. How accurate the shifted formulas are.
# - Holm (1979), A simple sequentially rejective multiple test procedure, *Scandinavian Journal of Statistics* 6(2), 65–70. The correction for several tests at once.
