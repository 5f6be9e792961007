# %% [markdown] lang="zh-TW" about="不靠框架：損失、手推的梯度、梯度檢查、隨機方向" slideshow={"slide_type": "slide"}
# # 用 NumPy 寫損失與梯度
#
# 前面的課都有 autograd 幫你算梯度（gradient）。從這一課起，梯度要自己算，而自己算的東西會錯，錯了還不一定看得出來。全部只用 NumPy。學完之後，你能夠：
#
# - 寫出在 ±10,000 的 logits 上也不會壞的損失函數（loss function），並說出哪些錯誤的標籤或形狀會不聲不響地算出一個數字；
# - 手推一個小網路的反向傳播（back-propagation），分類與迴歸（regression）都會，並用**梯度檢查**（gradient check）證明推導正確；
# - 說明 ε 為什麼既不能太大、也不能太小；檢查沒過時，分辨是程式寫錯，還是踩到轉角（kink）；
# - 說出用「隨機方向」估計的梯度是什麼、有多準、代價多大。
#
# 先備：[[losses]]、[[back_propagation]]。

# %% [markdown] lang="en" about="losses, gradients by hand, gradient checks and random directions, without a framework" slideshow={"slide_type": "slide"}
# # Losses and gradients in NumPy
#
# From here on you find gradients yourself, with NumPy alone; what you write yourself can be wrong, and wrong need not look wrong. By the end you can
#
# - write a loss that survives logits of ±10,000, and say which labels and shapes quietly give a wrong number;
# - derive a small network's backward pass, for classes and for regression, and prove it right with a **gradient check**;
# - say why ε must be neither large nor tiny, and tell a bug from a kink;
# - say how good a gradient estimated from random directions is, and what it costs.
#
# It builds on [[losses]] and [[back_propagation]].

# %% lang="zh-TW" tags=["setup"] slideshow={"slide_type": "subslide"}
from course_utils.notebook import set_up

device = set_up("numpy_losses_and_gradients", language="zh-TW")

# %% lang="en" tags=["setup"] slideshow={"slide_type": "subslide"}
from course_utils.notebook import set_up

device = set_up("numpy_losses_and_gradients", language="en")

# %% slideshow={"slide_type": "subslide"}
import time

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch

from course_utils import plotting, seeding
from course_utils.exercises import numpy_losses_and_gradients as exercises
from course_utils.intervals import equivalence, mean_interval
from course_utils.notebook.claims import claim
from course_utils.numpy_track.training_utils import (
    accuracy,
    compute_numerical_gradient,
    compute_numerical_gradient_fast,
    cross_entropy_loss,
    evaluate,
    mse_loss,
    softmax,
    train_model,
)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 公式沒錯，程式卻壞了
#
# [[losses]]看過 softmax 裡的 exp 爆掉。到底**爆在哪裡**？
#
# 一個兩類的模型答錯了，錯的那一類 logit 比對的大 z。正確的損失是 log(1 + eᶻ)，z 大的時候就是 z。
#
# 猜猜看：照定義寫，float16、float32、float64 各能撐到 z 等於多少？（三者最大的數是 65,504、3×10³⁸、2×10³⁰⁸。）

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## The formula is right, the program breaks
#
# [[Losses]] saw the exp of a softmax overflow; **where** does it?
#
# A two-class model is wrong, the wrong class's logit exceeding the right one's by z. The correct loss is log(1 + eᶻ), for large z just z.
#
# Guess: written as defined, up to which z do float16, float32 and float64 last? (Their largest numbers are 65,504, 3×10³⁸ and 2×10³⁰⁸.)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（5 分鐘）一個兩類的模型答錯了，錯的那一類 logit 比對的大 100。用 float32 照定義先算 softmax、再取對數，得到的損失是多少？
#
# - ✓ inf 或 nan。*float32 的 exp 到 89 左右就溢位，機率變成 0，取對數就是 inf。*
# - ✗ 100，也就是正確的損失。*只想到公式；float32 裝不下 e¹⁰⁰，公式對不表示算得出來。*
# - ✗ 比 100 略小，因為有捨入誤差。*把溢位當成一般的捨入；溢位是整個數都沒了。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (5 min) A two-class model is wrong: the wrong class's logit exceeds the right one's by 100. In float32, with a softmax as defined and then a logarithm, what is the loss?
#
# - ✓ inf or nan. *In float32 exp overflows near 89, the probability becomes 0, and its logarithm infinite.*
# - ✗ 100, the correct loss. *Thinks of the formula alone; float32 does not hold e¹⁰⁰, and a right formula need not be computable.*
# - ✗ A little below 100, by rounding. *Takes overflow for ordinary rounding; an overflow loses the whole number.*


# %%
def naive_softmax(logits):
    return np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)


def log_softmax(logits):
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


gaps = np.logspace(0, 4, 801)
as_defined, shifted_first = {}, {}
for dtype in (np.float16, np.float32, np.float64):
    logits = np.stack([gaps, 0 * gaps], axis=1).astype(dtype)
    with np.errstate(all="ignore"):
        as_defined[dtype.__name__] = -np.log(naive_softmax(logits)[:, 1])
    shifted_first[dtype.__name__] = -log_softmax(logits)[:, 1]

# %% slideshow={"slide_type": "subslide"} alt-zh="橫軸是 z，縱軸是損失，都是對數刻度。正確的線一路上升到一萬；照定義算的三條線疊在上面，float16 停在 11，float32 停在 89，float64 停在 710，停下的地方打叉。" alt-en="Loss against z, log axes. The correct line rises to ten thousand; the three lines computed as defined lie on it and end with a cross, float16 at 11, float32 at 89, float64 at 710."
figure, ax = plt.subplots(figsize=(8, 3.0))
ax.plot(gaps, shifted_first["float64"], color="gray", linewidth=7, alpha=0.3, label="correct")
for name, loss in as_defined.items():
    last = np.isfinite(loss).sum() - 1
    ax.plot(gaps, loss, label=f"as defined, {name}", marker="X", markevery=[last], markersize=10)
ax.set(
    xscale="log", yscale="log", xlabel="z, the gap of the logits (log)", ylabel="loss (nats, log)"
)
ax = ax.legend(fontsize=9)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 上限就是 ln M（M 是最大的數）：11.1、88.7、709.8。再大一點，損失變成 inf，訓練當場結束。
#
# 解法有兩步。先減掉每一列自己的最大值：機率不變，指數不再是正的，exp 就不會溢位（overflow）。再把對數寫開：log p = z′ − log Σ exp z′（z′ 是減過的 z）；要是先算 softmax 再取 log，太小的機率會下溢（underflow）成 0，損失還是 inf。
#
# **主張 1** 照定義算，三種精度最後一個有限的損失必然落在 ln M 的 2% 之內；用 `log_softmax`，到 z = 10,000 都與正確值相差不到 0.2%。
#
# **主張 2** 換 20 個種子（seed），隨機 logits 的大小到一萬，`log_softmax` 與 torch 的結果必然相差不到 10⁻⁹，照定義算的 softmax 必然每次都出現 nan。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# The limit is ln M, M being the largest number: 11.1, 88.7, 709.8. Beyond it the loss is inf, and training ends.
#
# The remedy has two steps. Take off each row's own maximum: the probabilities stay, no exponent is positive any more, and exp does not overflow. Then write the logarithm out, log p = z′ − log Σ exp z′ with the shifted z′; a softmax and then a log would let small probabilities underflow to 0, and the loss be inf again.
#
# **Claim 1** As defined, the last finite loss of all three precisions must lie within 2 % of ln M; with `log_softmax`, every loss up to z = 10,000 is within 0.2 % of the correct one.
#
# **Claim 2** For 20 seeds of random logits of size ten thousand, `log_softmax` must be within 10⁻⁹ of torch's, and the softmax as defined must have a nan every time.

# %%
limits = [np.log(float(np.finfo(name).max)) for name in as_defined]
reached = [gaps[np.isfinite(loss)][-1] for loss in as_defined.values()]
exact = np.logaddexp(0, gaps)
close = all(np.allclose(loss, exact, rtol=0.002) for loss in shifted_first.values())
claim(1, np.allclose(reached, limits, rtol=0.02) and close)

wild = 1e4 * seeding.rng(0).normal(size=(20, 8, 5))
by_torch = torch.from_numpy(wild).log_softmax(dim=-1).numpy()
with np.errstate(all="ignore"):
    broke = np.isnan(naive_softmax(wild)).any(axis=(1, 2))
claim(2, bool(abs(log_softmax(wild) - by_torch).max() < 1e-9 and broke.all()))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 更糟的是：沒有壞，只是答錯
#
# inf 至少看得見。下面這一行看起來完全正確：從每一列挑出正確類別的對數機率，取平均。
#
# 想一想：標籤裡混進一個 −1（有人用它表示「沒有標籤」）會怎樣？標籤的形狀是 (B, 1) 呢？只給一個標籤呢？程式會不會報錯？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Worse: not broken, just wrong
#
# An inf can at least be seen. The line below looks entirely correct: pick the log-probability of the right class from each row, and take the mean.
#
# Predict: what if a −1 slips into the labels (some use it for "no label")? If the labels have shape (B, 1)? If there is one label only? Will the program complain?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（5 分鐘）損失這樣寫：`-log_softmax(logits)[np.arange(len(labels)), labels].mean()`。有一個標籤是 −1，意思是「沒有標籤」。會發生什麼事？
#
# - ✗ 引發 IndexError，因為沒有第 −1 類。*以為索引必須在 0 到 C − 1 之間；NumPy 的負索引從後面數。*
# - ✗ 這一列被略過。*以為 −1 有特殊意義；沒有人告訴程式這件事。*
# - ✓ 這一列當成最後一類來算，損失是一個普通的數。*負索引合法，所以沒有任何錯誤訊息。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (5 min) A loss is written `-log_softmax(logits)[np.arange(len(labels)), labels].mean()`. One label is −1, meant as "no label". What happens?
#
# - ✗ An IndexError: there is no class −1. *Thinks that indices must lie in 0 to C − 1; in NumPy a negative one counts from the end.*
# - ✗ The row is skipped. *Thinks that −1 means something special; nobody has told the program.*
# - ✓ The row counts as one of the last class, and the loss is an ordinary number. *A negative index is legal, so there is no error.*


# %%
def bare_loss(logits, labels):
    return -log_softmax(logits)[np.arange(len(labels)), labels].mean()


def slips(labels):
    return {
        "labels as they should be": labels,
        "one label is -1": np.where(np.arange(len(labels)) == 2, -1, labels),
        "labels of shape (B, 1)": labels[:, None],
        "one label for all rows": labels[:1],
    }


# %% slideshow={"slide_type": "subslide"}
def answer_or_refuse(logits, labels):
    try:
        return f"≈{cross_entropy_loss(logits, labels):.3f}"
    except ValueError as error:
        return f"ValueError: {str(error)[:50]}..."


rng = seeding.rng(0)
labels = rng.integers(0, 4, 6)
logits = rng.normal(size=(6, 4)) + 4 * np.eye(4)[labels]  # a model that is nearly always right
for name, given in slips(labels).items():
    library = answer_or_refuse(logits, given)
    print(f"{name:26s} bare ≈{bare_loss(logits, given):.3f}  library {library}")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 每一次都得到一個正常的數字，沒有一次對。−1 從後面數，變成最後一類；(6, 1) 與 (6,) 廣播（broadcast）成 6×6，每個標籤和每一列都配了一次；只有一個標籤時，只算了第一列。
#
# 模型會照著這個錯的損失好好訓練，你只會覺得「效果不太好」。所以課程的 `cross_entropy_loss`（類別編號、one-hot、軟標籤都可以）在計算前先問：形狀對嗎？是整數嗎？在範圍內嗎？
#
# **主張 3** 換 20 個種子，三種錯誤的標籤，沒有檢查的寫法必然每次都給出有限的數，課程的函式必然每次都引發 `ValueError`。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# Each time an ordinary number, and never the right one. −1 counts from the end and becomes the last class; (6, 1) and (6,) broadcast to 6×6, and every label meets every row; with one label only the first row counts.
#
# A model trains happily on the wrong loss, and you notice only that "it does not work too well". So `cross_entropy_loss`, for class ids, one-hot and soft targets, asks first: do the shapes fit, are these integers, are they in range?
#
# **Claim 3** For 20 seeds and the three slips, the bare formula must give a finite number, and the course's function must raise a ValueError, every time.

# %%
finite, refused = [], []
for seed in range(20):
    rng = seeding.rng(seed)
    logits, labels = rng.normal(size=(6, 4)), rng.integers(0, 4, 6)
    for given in list(slips(labels).values())[1:]:
        finite.append(np.isfinite(bare_loss(logits, given)))
        refused.append(answer_or_refuse(logits, given).startswith("ValueError"))
claim(3, all(finite) and all(refused))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 目標換成數字，形狀照樣會騙人
#
# 迴歸的目標不是類別，而是數。損失用均方誤差（mean squared error）：`mse_loss` 把每個數的誤差平方，再取平均。
#
# 網路的輸出形狀是 (B, 1)，目標是每列一個數，形狀是 (B,)。沒有檢查的寫法是 `((predictions - targets) ** 2).mean()`。
#
# 想一想：甲把每個目標都預測對了，乙每次都猜目標的平均。照這個寫法，誰的損失比較低？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## A number for a target: shapes deceive here, too
#
# In regression the target is a number. The loss is the mean squared error: `mse_loss` squares every error and takes the mean.
#
# A network puts out (B, 1); the targets, one number a row, are (B,). Without a check the loss is `((predictions - targets) ** 2).mean()`.
#
# Predict: one model hits every target exactly, another always says their mean. Which has the lower loss, written so?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（5 分鐘）模型的輸出是 (B, 1)，目標是 (B,)，損失寫成 `((predictions - targets) ** 2).mean()`。用這個損失訓練，模型會學到什麼？
#
# - ✗ 學得到，只是損失的數字大了 B 倍。*以為廣播只改變大小；平均已經除以 B²，改變的是和誰比。*
# - ✓ 不管輸入是什麼，都輸出目標的平均。*每個預測都和所有的目標比，不變的那一個輸給所有目標的總和最少。*
# - ✗ 什麼都學不到，因為形狀不合會引發例外。*以為 NumPy 會拒絕 (B, 1) 減 (B,)；它廣播成 B×B。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (5 min) A model puts out (B, 1), the targets have shape (B,), and the loss is `((predictions - targets) ** 2).mean()`. What does a model trained on it learn?
#
# - ✗ The right thing; the loss is only B times as large. *Thinks that a broadcast changes the size alone; what changes is who is compared with whom.*
# - ✓ To put out the mean of the targets, whatever the input. *Every prediction is compared with all targets, and the mean is nearest to all of them.*
# - ✗ Nothing: shapes that do not fit raise an error. *Thinks that NumPy refuses (B, 1) minus (B,); it broadcasts to B×B.*


# %%
def bare_square(predictions, targets):
    return ((predictions - targets) ** 2).mean()


def line_data(seed):
    rng = seeding.rng(seed)
    x = rng.uniform(-1, 1, 60)
    return x, 2 * x + 0.5 + 0.4 * rng.normal(size=60)


x, targets = line_data(0)
for name, guess in {"every target": targets, "always the mean": 0 * x + targets.mean()}.items():
    bare, library = (loss(guess[:, None], targets) for loss in (bare_square, mse_loss))
    print(f"{name:15s} bare ≈{bare:.3f}  library ≈{library:.3f}")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# (60, 1) 減 (60,) 廣播成 60×60：每個預測都和每個目標比了一次。這些平方的平均，等於預測的變異數、目標的變異數、兩者平均之差的平方，三個數相加；所以預測完全不變的人最佔便宜。`mse_loss` 接受 (B, 1) 配 (B,)，因為意思只有一種；其他不合的形狀一律拒絕。
#
# 拿它來訓練呢？讓一條直線各走 300 步，一條照 MSE 的梯度 2(ŷ − t)/B，一條照上面那 60×60 個數的梯度。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# (60, 1) minus (60,) broadcasts to 60×60: every prediction meets every target. The mean of these squares is Var(predictions) + Var(targets) + (the difference of their means)², so whoever never varies does best. `mse_loss` takes (B, 1) with (B,) for what it must mean, and refuses other misfits.
#
# And training on it? One line takes 300 steps down the gradient of the MSE, 2(ŷ − t)/B, another down that of those 60×60 numbers.


# %%
def fit_line(x, targets, slope_of_loss):
    slope, height = 0.0, 0.0
    for _ in range(300):
        d = slope_of_loss(slope * x + height, targets)  # ∂L/∂predictions, (B,)
        slope, height = slope - 0.3 * (d * x).sum(), height - 0.3 * d.sum()
    return slope, height


slopes_of_losses = {
    "mse_loss": lambda p, t: 2 * (p - t) / len(p),
    "60×60 broadcast": lambda p, t: 2 * (p[:, None] - t).mean(axis=1) / len(p),
}

# %% slideshow={"slide_type": "subslide"} alt-zh="橫軸是輸入，縱軸是目標，六十個點沿著一條上升的直線散開。用 mse_loss 訓練的實線穿過這些點；用廣播出來的損失訓練的虛線是水平的，停在目標的平均。" alt-en="Target against input: sixty points scattered along a rising line. The solid line trained with mse_loss runs through them; the dashed one, trained on the broadcast loss, is flat at the mean of the targets."
figure, ax = plt.subplots(figsize=(8, 2.9))
ax.plot(x, targets, "o", color="gray", markersize=4, label="data")
for (name, d_loss), style in zip(slopes_of_losses.items(), ["-", "--"], strict=True):
    ax.plot([-1, 1], np.polyval(fit_line(x, targets, d_loss), [-1, 1]), style, label=name)
ax.set(xlabel="input x", ylabel="target")
ax = ax.legend(fontsize=9)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# **主張 4** 換 20 個種子，沒有檢查的寫法，全部預測對的損失必然是目標變異數的兩倍，永遠猜平均的必然是一倍；`mse_loss` 給的必然是 0 與一倍（都相差不到 10⁻⁹）。用前者訓練的直線，斜率與 0 相差不到 0.01；用 `mse_loss` 的，每次都在 1.5 與 2.5 之間（資料的斜率是 2）。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# **Claim 4** For 20 seeds, written bare, hitting every target must cost twice the targets' variance and their mean once; by `mse_loss` it must be 0 and once the variance (all within 10⁻⁹). Trained on the former, a line's slope is within 0.01 of 0; with `mse_loss` it lies between 1.5 and 2.5 every time (the data's is 2).

# %%
off, slopes = [], []
for seed in range(20):
    x, t = line_data(seed)
    guesses = t[:, None], np.full((60, 1), t.mean())
    costs = [loss(guess, t) for loss in (bare_square, mse_loss) for guess in guesses]
    off.append(abs(np.array(costs) - t.var() * np.array([2, 1, 0, 1])).max())
    slopes.append([fit_line(x, t, d_loss)[0] for d_loss in slopes_of_losses.values()])
rising, flat = np.array(slopes).T
claim(4, max(off) < 1e-9 and abs(flat).max() < 0.01 and bool((abs(rising - 2) < 0.5).all()))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 一份小資料：它往哪邊轉？
#
# 一個點繞著圓走六步，位置帶著雜訊；要回答的是：順時針（0）、靜止（1），還是逆時針（2）。起點隨機。
#
# 輸入是序列，形狀 (B, 6, 2)，和[[numpy_lstm]]的 LSTM 一樣。同一份資料也能問一個數：下一步會在哪裡（兩個座標，迴歸）？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## A small task: which way does it turn?
#
# A point walks around a circle for six steps, from anywhere, its positions noisy: clockwise (0), standing still (1), or counter-clockwise (2)? And, a regression, where will it be next (two numbers)? Inputs are sequences (B, 6, 2), as the LSTM of [[numpy_lstm]] takes them.

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（3 分鐘）一個點繞圓走六步，起點隨機，要判斷順時針、靜止或逆時針。只看每個類別的平均位置，能分辨嗎？
#
# - ✓ 不能，三類的平均位置都在圓心。*起點均勻分布在圓上，一平均就互相抵消；方向藏在前後兩步的關係裡。*
# - ✗ 能，順時針的點偏右，逆時針的偏左。*把某一個例子的走向當成整個類別的位置。*
# - ✗ 能，靜止的點離圓心最近。*以為不動的點不在圓上；它停在圓上的某一點。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (3 min) A point walks six steps around a circle from a random start: clockwise, still or counter-clockwise? Do the mean positions of the three classes tell them apart?
#
# - ✓ No, all three are at the centre. *Starts are uniform on the circle and cancel in the mean; the direction is in how steps follow each other.*
# - ✗ Yes, clockwise points lie to the right and the others to the left. *Takes the way one example goes for the place of its class.*
# - ✗ Yes, the still ones are nearest to the centre. *Thinks that a point at rest is not on the circle; it rests somewhere on it.*


# %% saved="numpy_track.turning"
def make_turns(num_rows, rng, noise=0.4, num_steps=6):
    y = rng.integers(0, 3, num_rows)
    speed = (y - 1) * np.pi / 6  # radians a step
    angles = rng.uniform(0, 2 * np.pi, (num_rows, 1)) + speed[:, None] * np.arange(num_steps)
    X = np.stack([np.cos(angles), np.sin(angles)], axis=-1)
    return X + noise * rng.normal(size=X.shape), y


# %% slideshow={"slide_type": "subslide"} alt-zh="三張圖：順時針、靜止、逆時針各一個例子。實線是真正的路徑，虛線是帶雜訊的觀測，起點以方塊標示。雜訊大到不容易一眼看出方向。" alt-en="Three panels, one example each of clockwise, still and counter-clockwise. The true path is solid, the noisy observation dashed, its start marked by a square. The noise is large enough to make the direction hard to see."
seen, hidden = (make_turns(60, seeding.rng(3), noise) for noise in (0.4, 0.0))
figure, axes = plt.subplots(1, 3, figsize=(8, 2.9), sharex=True, sharey=True)
for turn, (ax, title) in enumerate(
    zip(axes, ["clockwise", "still", "counter-clockwise"], strict=True)
):
    row = np.flatnonzero(seen[1] == turn)[0]
    ax.plot(*hidden[0][row].T, marker="o", label="true")
    ax.plot(*seen[0][row].T, marker="s", markevery=[0], markersize=9, label="observed")
    ax.set(title=f"{turn}: {title}", xlabel="x", aspect="equal", xlim=(-2, 2), ylim=(-2, 2))
axes[0].set_ylabel("y")
legend = axes[0].legend(fontsize=9, loc="lower left")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 模型只要三個方法
#
# 課程的訓練工具對模型只有三個要求：`forward` 給出 logits，`get_params` 回傳參數（名字 → 陣列），`set_params` 換上新的參數（parameter）。有這三個方法（method）就能訓練，就算沒有反向傳播也行：工具會用有限差分（finite difference）算梯度。
#
# 這裡的模型把序列攤平成 12 個數，經過 16 個 tanh，輸出 3 個 logits：k = xU + a，h = tanh k，z = hV + c。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## A model needs three methods
#
# The course's tools ask three things of a model: `forward` gives logits, `get_params` hands out the parameters (name → array), `set_params` takes them back. That is enough to train it even without back-propagation: gradients are then found by finite differences.
#
# This one flattens the sequence to 12 numbers, then 16 tanh units and 3 logits: k = xU + a, h = tanh k, z = hV + c.

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（3 分鐘）有一個自己寫的模型，只有 `forward`、`get_params`、`set_params`，沒有反向傳播。課程的訓練工具能訓練它嗎？
#
# - ✗ 不能，沒有 `backward` 就沒有梯度。*以為梯度只能由反向傳播得到；改變參數、看損失怎麼變，也能量出梯度。*
# - ✓ 能，用有限差分量梯度，只是慢。*有這三個方法，就能改參數、再算一次損失。*
# - ✗ 能，而且一樣快。*忘了每個參數都要多做兩次前向計算。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (3 min) A model of your own has `forward`, `get_params` and `set_params` and no back-propagation. Can the course's training tools train it?
#
# - ✗ No: without `backward` there is no gradient. *Thinks that gradients come from back-propagation alone; change a parameter, watch the loss, and you have measured one.*
# - ✓ Yes, with gradients measured by finite differences, only slowly. *With these three, parameters can be changed and the loss computed again.*
# - ✗ Yes, and just as fast. *Forgets the two forward passes that every parameter costs.*


# %% saved="numpy_track.turning"
class TanhNet:
    def __init__(self, num_inputs, num_hidden, num_outputs, rng):
        self.params = {
            "U": rng.normal(size=(num_inputs, num_hidden)) / np.sqrt(num_inputs),
            "a": np.zeros(num_hidden),
            "V": rng.normal(size=(num_hidden, num_outputs)) / np.sqrt(num_hidden),
            "c": np.zeros(num_outputs),
        }

    def forward(self, X, return_sequences=False):
        self.inputs = X.reshape(len(X), -1)
        self.hidden = np.tanh(self.inputs @ self.params["U"] + self.params["a"])
        return self.hidden @ self.params["V"] + self.params["c"]

    def get_params(self):
        return self.params

    def set_params(self, params):
        self.params = params


# %% slideshow={"slide_type": "subslide"}
X, y = make_turns(32, seeding.rng(0))
net = TanhNet(12, 16, 3, seeding.rng(0))
print("X", X.shape, "-> logits", net.forward(X).shape)
print({name: values.shape for name, values in net.get_params().items()})
print("parameters:", sum(values.size for values in net.get_params().values()))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 手推反向傳播：左邊代數，右邊程式
#
# 從損失往回走，每一行只用一次連鎖律（chain rule）。p 是 softmax(z)，q 是 one-hot 的標籤，⊙ 是逐元素相乘；迴歸只換第一行，t 是目標，N 是所有數的個數。
#
# | 代數 | 程式 | 形狀 |
# |---|---|---|
# | ∂L/∂z = (p − q) / B | `d_outputs = (softmax(outputs) - one_hot) / len(y)` | (B, 3) |
# | 迴歸：∂L/∂z = 2 (z − t) / N | `d_outputs = 2 * (outputs - t) / outputs.size` | (B, 2) |
# | ∂L/∂V = hᵀ ∂L/∂z | `hidden.T @ d_outputs` | (16, 3) |
# | ∂L/∂c = ∂L/∂z 各列相加 | `d_outputs.sum(axis=0)` | (3,) |
# | ∂L/∂h = ∂L/∂z Vᵀ | `d_hidden = d_outputs @ V.T` | (B, 16) |
# | ∂L/∂k = ∂L/∂h ⊙ (1 − h²) | `d_k = d_hidden * (1 - hidden**2)` | (B, 16) |
# | ∂L/∂U = xᵀ ∂L/∂k | `inputs.T @ d_k` | (12, 16) |
# | ∂L/∂a = ∂L/∂k 各列相加 | `d_k.sum(axis=0)` | (16,) |
#
# 檢查形狀是最快的除錯：梯度的形狀一定和參數相同。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Backward by hand: algebra on the left, code on the right
#
# One use of the chain rule a line. p is softmax(z), q the one-hot label, ⊙ multiplies element by element; for regression only the first line changes (t is the target, N the count of all numbers).
#
# | algebra | code | shape |
# |---|---|---|
# | ∂L/∂z = (p − q) / B | `d_outputs = (softmax(outputs) - one_hot) / len(y)` | (B, 3) |
# | regression: ∂L/∂z = 2 (z − t) / N | `d_outputs = 2 * (outputs - t) / outputs.size` | (B, 2) |
# | ∂L/∂V = hᵀ ∂L/∂z | `hidden.T @ d_outputs` | (16, 3) |
# | ∂L/∂c = rows of ∂L/∂z added up | `d_outputs.sum(axis=0)` | (3,) |
# | ∂L/∂h = ∂L/∂z Vᵀ | `d_hidden = d_outputs @ V.T` | (B, 16) |
# | ∂L/∂k = ∂L/∂h ⊙ (1 − h²) | `d_k = d_hidden * (1 - hidden**2)` | (B, 16) |
# | ∂L/∂U = xᵀ ∂L/∂k | `inputs.T @ d_k` | (12, 16) |
# | ∂L/∂a = rows of ∂L/∂k added up | `d_k.sum(axis=0)` | (16,) |
#
# A gradient always has the shape of its parameter: the quickest check there is.

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（6 分鐘）z = hV + c，批次有 B 列，已經知道 ∂L/∂z，形狀 (B, 3)。偏置 c（形狀 (3,)）的梯度為什麼是 ∂L/∂z 各列「相加」，而不是各列的平均？
#
# - ✗ 應該取平均，否則批次越大，梯度越大。*平均已經在損失裡：∂L/∂z 帶著 1/B，再平均就除了兩次。*
# - ✗ 相加或平均都可以，只差一個常數，方向一樣。*只有 c 差了 B 倍，和其他參數的比例就錯了，整個梯度的方向也就不同。*
# - ✓ 同一個 c 加到每一列，每一列都使損失改變一份，這些份要相加。*一個參數用了 B 次，就像走到岔路：每一條路的梯度相加。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (6 min) z = hV + c for a batch of B rows, and ∂L/∂z, of shape (B, 3), is known. Why is the gradient of the bias c, of shape (3,), the sum of the rows of ∂L/∂z and not their mean?
#
# - ✗ It should be the mean, or larger batches have larger gradients. *The mean is in the loss: ∂L/∂z has its 1/B already, and another mean divides twice.*
# - ✗ Either will do: they differ by a constant, so the direction is the same. *Only c would be off by B; against the other parameters its proportion is wrong, and so is the direction.*
# - ✓ The same c is added to every row, each row changes the loss by a share, and shares add. *A parameter used B times is a fork, and at a fork gradients add.*


# %% saved="numpy_track.turning" slideshow={"slide_type": "subslide"}
class TurnNet(TanhNet):
    def loss_and_grads(self, X, y, task="classification"):
        outputs = self.forward(X)
        if task == "regression":
            loss, d_outputs = mse_loss(outputs, y), outputs - y.reshape(outputs.shape)
            return loss, self.backward(2 * d_outputs / outputs.size), outputs
        one_hot = np.eye(outputs.shape[1], dtype=outputs.dtype)[y]
        d_outputs = (softmax(outputs) - one_hot) / len(y)
        return cross_entropy_loss(outputs, y), self.backward(d_outputs), outputs

    def backward(self, d_outputs):
        d_hidden = d_outputs @ self.params["V"].T
        d_k = d_hidden * (1 - self.hidden**2)
        return {
            "U": self.inputs.T @ d_k,
            "a": d_k.sum(axis=0),
            "V": self.hidden.T @ d_outputs,
            "c": d_outputs.sum(axis=0),
        }


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 梯度檢查：一個一個參數去量
#
# 有了 `loss_and_grads`，訓練工具就會改用這個方法。但這個梯度對嗎？光看程式碼看不出來，看形狀也不夠。
#
# 導數（derivative）的定義就是檢查的方法。把一個參數往上推 ε、往下推 ε，看損失差多少，這叫做中央差分（central difference）：
#
# ∂L/∂θᵢ ≈ (L(θ + εeᵢ) − L(θ − εeᵢ)) / 2ε
#
# 每個參數要兩次前向計算，所以很慢；但這個方法只用到 `forward`，不會和反向傳播犯同樣的錯。兩邊用**相對差距** ‖a − b‖ / (‖a‖ + ‖b‖) 來比：絕對差距 10⁻⁵ 對一個大小 10⁻⁶ 的梯度，就是全錯。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Gradient check: measure one parameter after the other
#
# The training tools use `loss_and_grads`. But is it right? Neither reading the code nor shapes tell.
#
# The definition of a derivative is the method. Push one parameter up by ε and down by ε, and see how the loss differs, a central difference:
#
# ∂L/∂θᵢ ≈ (L(θ + εeᵢ) − L(θ − εeᵢ)) / 2ε
#
# Two forward passes per parameter are slow; but using `forward` only, it cannot share a mistake with the backward pass. Compare by the **relative gap** ‖a − b‖ / (‖a‖ + ‖b‖): an absolute gap of 10⁻⁵ in a gradient of size 10⁻⁶ is all wrong.

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（5 分鐘）反向傳播算出的梯度，和中央差分量到的梯度，最大的絕對差距是 10⁻⁶。可以說反向傳播是對的嗎？
#
# - ✓ 還不行，要看差距和梯度大小的比例。*相對差距 ‖a − b‖ / (‖a‖ + ‖b‖) 才有意義。*
# - ✗ 可以，10⁻⁶ 很小。*沒有和梯度的大小比；梯度若只有 10⁻⁶，就是全錯。*
# - ✗ 不行，除非差距剛好是 0。*有限差分本身就有誤差，永遠不會剛好相等。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (5 min) A gradient from back-propagation and one measured by central differences differ by 10⁻⁶ at most. Is the backward pass right?
#
# - ✓ Not known yet: the gap must be compared with the gradient's size. *Only the relative gap, ‖a − b‖ / (‖a‖ + ‖b‖), means something.*
# - ✗ Yes, 10⁻⁶ is small. *Does not compare it with the gradient; if that is 10⁻⁶ itself, all of it is wrong.*
# - ✗ No, unless the gap is exactly 0. *A finite difference has errors of its own and is never exactly equal.*


# %%
def central_difference(loss, params, epsilon=1e-5):
    grads = {name: np.empty_like(values) for name, values in params.items()}
    for name, values in params.items():
        for i in np.ndindex(values.shape):
            theta = values[i]
            values[i] = theta + epsilon
            loss_above = loss()
            values[i] = theta - epsilon
            grads[name][i] = (loss_above - loss()) / (2 * epsilon)
            values[i] = theta
    return grads


# %% saved="numpy_track.turning"
def fresh_net(seed, num_rows=32, net_class=TurnNet):
    rng = seeding.rng(seed)
    X, y = make_turns(num_rows, rng)
    return net_class(12, 16, 3, rng), X, y


# %% saved="numpy_track.flat_gradients" slideshow={"slide_type": "subslide"}
def flatten(arrays):
    return np.concatenate([values.ravel() for values in arrays.values()])


def relative_gap(a, b):
    return np.linalg.norm(a - b) / (np.linalg.norm(a) + np.linalg.norm(b))


# %%
def check_gradients(net, X, y, task="classification"):
    _, grads, _ = net.loss_and_grads(X, y, task)
    loss_fn = {"classification": bare_loss, "regression": mse_loss}[task]
    measured = central_difference(lambda: loss_fn(net.forward(X), y), net.params)
    return {name: relative_gap(grads[name], measured[name]) for name in grads}


def where_next(seed, num_rows=32):
    rng = seeding.rng(seed)
    steps, _ = make_turns(num_rows, rng, num_steps=7)
    return TurnNet(12, 16, 2, rng), steps[:, :6], steps[:, 6]


# %% slideshow={"slide_type": "subslide"}
classes = pd.DataFrame([check_gradients(*fresh_net(seed)) for seed in range(20)])
numbers = pd.DataFrame([check_gradients(*where_next(s), "regression") for s in range(20)])
print("largest relative gap of 20 nets")
for name in "UaVc":
    gaps_of = f"classes ≈{classes[name].max():.0e}, regression ≈{numbers[name].max():.0e}"
    print(f"    {name}: {gaps_of}")

# %% [markdown] lang="zh-TW"
# **主張 5** 20 個隨機的網路與批次（batch），分類與迴歸，四個參數陣列的相對差距必然小於 10⁻⁸；在種子 0 的網路上，課程的 `compute_numerical_gradient` 與上面的寫法，相對差距也小於 10⁻⁸。

# %% [markdown] lang="en"
# **Claim 5** For 20 random nets and batches, of classification and of regression, the relative gap of all four parameter arrays must be below 10⁻⁸; on the net of seed 0, so is that of the course's `compute_numerical_gradient` and the one above.

# %%
net, X, y = fresh_net(0)
ours = central_difference(lambda: bare_loss(net.forward(X), y), net.params)
library = compute_numerical_gradient(net, X, y, cross_entropy_loss)
same = all(relative_gap(ours[name], library[name]) < 1e-8 for name in ours)
claim(5, bool((classes < 1e-8).all(axis=None) and (numbers < 1e-8).all(axis=None)) and same)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## ε 要多小？
#
# 導數是 ε → 0 的極限，所以 ε 越小越好，對嗎？把 ε 從 1 縮到 10⁻¹²，量三種做法的誤差：float64 中央差分、float64 單邊差分（one-sided difference）、float32 中央差分。
#
# 先猜：誤差會一路下降嗎？float32 最好的 ε 和 float64 一樣嗎？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## How small should ε be?
#
# A derivative is the limit ε → 0, so the smaller ε the better? Shrink it from 1 to 10⁻¹² and measure the error of the central difference (looking both ways) in float64 and float32, and of the one-sided one (looking one way) in float64.
#
# Predict: does the error fall all the way? Is the best ε of float32 that of float64?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（7 分鐘）用 float32 的網路做梯度檢查，中央差分的 ε 設成 10⁻⁵，相對差距是 6%。反向傳播寫錯了嗎？
#
# - ✗ 寫錯了，6% 遠大於捨入誤差。*不知道捨入誤差會被除以 ε 放大：損失差一點點，除以 10⁻⁵ 就很大。*
# - ✗ 看不出來，要把 ε 再縮小到 10⁻⁸ 才準。*以為 ε 越小越準；捨入誤差是 ∝ 1/ε，只會更糟。*
# - ✓ 看不出來，這把尺本身就有幾個百分點的誤差，要換 float64 再量。*float32 的損失只準到 10⁻⁷，除以 ε = 10⁻⁵，剩下的就是雜訊。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (7 min) A gradient check of a float32 network, by central differences with ε = 10⁻⁵, gives a relative gap of 6 %. Is the backward pass wrong?
#
# - ✗ Yes, 6 % is far more than rounding. *Does not know that rounding is divided by ε: a tiny error of the loss is large after division by 10⁻⁵.*
# - ✗ It does not tell: only ε = 10⁻⁸ would be exact enough. *Thinks smaller is always better; rounding grows as 1/ε, and that makes it worse.*
# - ✓ It does not tell: this ruler itself is off by some per cent. Measure again in float64. *A float32 loss is exact to 10⁻⁷; divided by ε = 10⁻⁵, noise is what remains.*


# %%
def one_sided_difference(loss, params, epsilon):
    grads, loss_here = {name: np.empty_like(v) for name, v in params.items()}, loss()
    for name, values in params.items():
        for i in np.ndindex(values.shape):
            theta = values[i]
            values[i] = theta + epsilon
            grads[name][i] = (loss() - loss_here) / epsilon
            values[i] = theta
    return grads


def difference_error(seed, difference, dtype, epsilon):
    net, X, y = fresh_net(seed)
    _, exact, _ = net.loss_and_grads(X, y)
    net.set_params({name: values.astype(dtype) for name, values in net.params.items()})
    X = X.astype(dtype)
    measured = difference(lambda: bare_loss(net.forward(X), y), net.params, dtype(epsilon))
    return relative_gap(flatten(measured), flatten(exact))


# %% slideshow={"slide_type": "subslide"}
epsilons = 10.0 ** np.arange(-12, 1)
ways = {
    "float64, both ways": (central_difference, np.float64),
    "float64, one way": (one_sided_difference, np.float64),
    "float32, both ways": (central_difference, np.float32),
}

errors = {
    name: np.array([[difference_error(seed, *way, e) for e in epsilons] for seed in range(5)])
    for name, way in ways.items()
}

# %% slideshow={"slide_type": "subslide"} alt-zh="橫軸是 ε，縱軸是梯度的相對誤差，都是對數刻度，三條 V 形或 U 形曲線。float64 中央差分最低，在 ε 為 10 的負 5 次方時達到 10 的負 10 次方；單邊差分的最低點在 10 的負 7 次方，誤差約一億分之四；float32 中央差分的最低點在百分之一，誤差約十萬分之七。往左，兩條 float64 以斜率 −1 上升；float32 也上升，到 10 的負 7 次方以下就停在 1。往右，中央差分的斜率是 2，單邊差分是 1。" alt-en="Relative error of the gradient against ε, log axes, three V-shaped curves. float64 both ways is lowest, 1e-10 at ε = 1e-5; one way has its minimum at 1e-7, only 4e-8; float32 is best at 1e-2 with only 7e-5. On the left both float64 curves rise with slope −1; float32 rises too, and stays at 1 below 1e-7; on the right both ways has slope 2, one way slope 1."
figure, ax = plt.subplots(figsize=(8, 3.4))
for (name, runs), marker in zip(errors.items(), "os^", strict=True):
    plotting.plot_band(ax, epsilons, runs, name, log=True, marker=marker)
ax.set_title("left: rounding, ∝ 1/ε; right: truncation, ∝ ε² both ways, ∝ ε one way", fontsize=11)
ax.set(xscale="log", xlabel="ε (log)", ylabel="relative error (log)", ylim=(1e-11, 3))
ax = ax.legend(fontsize=9, loc="lower left")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 曲線是 U 形，因為有**兩種**誤差在拔河：
#
# - **截斷誤差**（truncation error）：曲線不是直線。中央差分剩下 ∝ ε²，單邊差分是 ∝ ε。
# - **捨入誤差**（rounding error）：損失只準到相對誤差 u（機器精度），兩個幾乎相等的數相減，只剩下雜訊，再除以 ε：∝ u/ε。
#
# 兩者大小相當的地方最好：中央差分在 ε ≈ u^⅓（單邊差分則在 √u 附近）。float64（u ≈ 10⁻¹⁶）是 10⁻⁵，float32（u ≈ 10⁻⁷）是 10⁻²。**用 float32 配上 ε = 10⁻⁵ 來檢查梯度，會把對的反向傳播判成錯的**：誤差有 6% 左右。
#
# **主張 6** 不論五個種子的哪一個，中央差分最好的 ε，在 float64 是 10⁻⁵，誤差小於 10⁻⁹；在 float32 是 10⁻²，誤差大於 10⁻⁵。float32 在 ε = 10⁻⁵ 時，誤差在 2% 到 20% 之間。單邊差分再好，誤差也是中央差分的 100 倍以上。
#
# **主張 7** 不論五個種子的哪一個，在 float64，ε 從 10⁻³ 加到 10⁻²，中央差分的誤差變成 90 到 110 倍，單邊差分的變成 9 到 11 倍；ε 從 10⁻⁹ 減到 10⁻¹⁰，中央差分的誤差變成 7 到 14 倍。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# **Two** errors pull against each other:
#
# - **Truncation**: the curve is not a straight line. Looking both ways leaves ∝ ε², one way ∝ ε.
# - **Rounding**: a loss is exact to a relative error u (machine precision); subtract two nearly equal ones and noise remains, divided by ε: ∝ u/ε.
#
# Best is where they are about equal: ε ≈ u^⅓ both ways (one way: near √u). For float64 (u ≈ 10⁻¹⁶) that is 10⁻⁵, for float32 (u ≈ 10⁻⁷) it is 10⁻². **A check in float32 at ε = 10⁻⁵ calls a right backward pass wrong**: its own error is about 6 %.
#
# **Claim 6** For all five seeds: float64 is best at ε = 10⁻⁵, with an error below 10⁻⁹; float32 is best at 10⁻², with an error above 10⁻⁵, and at 10⁻⁵ its error lies between 2 % and 20 %. Looking one way is, at best, more than 100 times worse than both ways.
#
# **Claim 7** For all five seeds, in float64, from ε = 10⁻³ to 10⁻² the error grows 90- to 110-fold (looking one way: 9- to 11-fold); from 10⁻⁹ to 10⁻¹⁰ it grows 7- to 14-fold.

# %%
both, one, single = (errors[name] for name in ways)
best_at = [epsilons[runs.argmin(axis=1)] for runs in (both, single)]
right_places = np.allclose(best_at[0], 1e-5) and np.allclose(best_at[1], 1e-2)
print(f"float32 at ε = 1e-5: error {mean_interval(single[:, 7]):.1%}")
sizes = both.min(axis=1) < 1e-9, single.min(axis=1) > 1e-5, abs(single[:, 7] - 0.11) < 0.09
one_way_worse = one.min(axis=1) > 100 * both.min(axis=1)
claim(6, right_places and bool(np.all(sizes) and one_way_worse.all()))

growth = both[:, 10] / both[:, 9], one[:, 10] / one[:, 9], both[:, 2] / both[:, 3]
bounds = (90, 110), (9, 11), (7, 14)
within = [((g > low) & (g < high)).all() for g, (low, high) in zip(growth, bounds, strict=True)]
claim(7, all(within))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 損失在下降，反向傳播就是對的嗎？
#
# 很多人用「損失有在降」來確認自己的反向傳播。我們故意寫錯四種，都是真的有人犯過的：
#
# - 忘了 tanh 的導數；
# - tanh 算了兩次：寫成 1 − tanh²(h)，但 h 已經是 tanh k；
# - 偏置（bias）的梯度取了平均，而不是相加；
# - 除以 B 之後，又除了類別數。
#
# 猜猜看：四種錯誤裡，有幾種的驗證損失曲線看起來沒有毛病？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## The loss falls; is the backward pass right?
#
# Many trust their backward pass because "the loss goes down". Four faults on purpose, each made by real people:
#
# - the derivative of tanh forgotten;
# - tanh applied twice: 1 − tanh²(h), where h is tanh k already;
# - bias gradients averaged instead of added up;
# - divided by B, and then by the number of classes, too.
#
# Guess: with how many of the four does the curve of the validation loss look all right?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（6 分鐘）反向傳播裡把 tanh 的導數寫成 1 − tanh²(h)，但 h 已經是 tanh(k)。訓練時會看到什麼？
#
# - ✗ 損失不會下降，因為梯度是錯的。*以為錯的梯度一定帶錯方向；只要大致朝下坡，損失照樣下降。*
# - ✓ 損失平順地下降，只是慢一點，準確率也差不多。*導數的正負號都對，方向大致對，曲線看不出毛病。*
# - ✗ 損失變成 nan。*把推導錯誤和數值溢位混為一談。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (6 min) A backward pass has the derivative of tanh as 1 − tanh²(h), where h is tanh(k) already. What does training show?
#
# - ✗ A loss that does not fall: the gradient is wrong. *Thinks that a wrong gradient must point the wrong way; roughly downhill is enough for a falling loss.*
# - ✓ A loss that falls smoothly, a little more slowly, to nearly the same accuracy. *The slope has the right sign everywhere and the gradient roughly the right direction; no curve shows it.*
# - ✗ A loss of nan. *Mixes up a wrong derivation with numerical overflow.*


# %%
def through_hidden(net, d_outputs, slope):
    d_k = d_outputs @ net.params["V"].T * slope
    return {"U": net.inputs.T @ d_k, "a": d_k.sum(axis=0)}


faults = {
    "none": lambda net, d, grads: {},
    "tanh forgotten": lambda net, d, grads: through_hidden(net, d, 1),
    "tanh twice": lambda net, d, grads: through_hidden(net, d, 1 - np.tanh(net.hidden) ** 2),
    "bias averaged": lambda net, d, grads: {name: grads[name] / len(d) for name in "ac"},
    "classes averaged": lambda net, d, grads: {name: g / 3 for name, g in grads.items()},
}


# %% slideshow={"slide_type": "subslide"}
class FaultyNet(TurnNet):
    def backward(self, d_outputs):
        grads = super().backward(d_outputs)
        return grads | faults[self.fault](self, d_outputs, grads)


def faulty_run(seed, fault):
    rng = seeding.rng(seed)
    train_data, val_data = make_turns(400, rng), make_turns(400, rng)
    net = FaultyNet(12, 16, 3, rng)
    net.fault = fault
    checked = check_gradients(net, train_data[0][:32], train_data[1][:32])
    options = {"epochs": 40, "patience": 40, "learning_rate": 0.5, "verbose": False, "rng": seed}
    history = train_model(net, train_data, val_data, **options)
    new_turns = make_turns(400, seeding.rng([seed, 1]))  # never seen in training or choosing
    return checked, history["val_loss"], 100 * evaluate(net, *new_turns)[1]


# %%
faulty_runs = {fault: [faulty_run(seed, fault) for seed in range(10)] for fault in faults}

# %% slideshow={"slide_type": "subslide"} alt-zh="橫軸是輪數，縱軸是驗證損失，五條帶區間的曲線。正確的程式最快降到低處；tanh 算兩次的較慢、多除了類別數的更慢，但都平順下降；偏置取平均的前二十輪幾乎不動，之後才慢慢下降；忘了 tanh 導數的幾乎不動。" alt-en="Validation loss against epochs, five curves with bands. The right one falls fastest; tanh twice is slower and classes averaged slower still, but both fall smoothly; bias averaged hardly moves for twenty epochs, then falls slowly; tanh forgotten hardly moves."
figure, ax = plt.subplots(figsize=(8, 3.2))
for (fault, runs), marker in zip(faulty_runs.items(), "os^Dv", strict=True):
    curves = [val_losses for _, val_losses, _ in runs]
    plotting.plot_band(ax, range(1, 41), curves, f"fault: {fault}", marker=marker)
ax.set(xlabel="epoch", ylabel="validation loss (nats)", ylim=(0, 1.6))
ax = ax.legend(fontsize=9, ncols=2, loc="upper right")

# %% slideshow={"slide_type": "subslide"}
rows = {}
for fault, runs in faulty_runs.items():
    gap = pd.DataFrame([checked for checked, *_ in runs]).mean()
    rows[fault] = {name: f"≈{gap[name]:.0e}" for name in gap.index}
    rows[fault]["accuracy on new rows"] = f"≈{np.mean([score for *_, score in runs]):.1f} %"
pd.DataFrame(rows).T.rename_axis("relative gap of:", axis=1)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 兩個錯誤**光看曲線抓不到**：損失平順地下降，只是比較慢，準確率（accuracy）也幾乎一樣（驗證損失最低的那一輪，在新資料上考一次）；多除了類別數，等於把學習率除以三。另外兩個看起來像「模型不夠好」，你會去調學習率，而不是找錯。
#
# 梯度檢查一眼就看穿，還指出是哪一個陣列：對的陣列，差距是 10⁻¹⁰，錯的陣列是 10⁻¹ 上下，不必猜門檻。
#
# **主張 8** 不論十個種子的哪一個，每種錯誤的最大相對差距都超過 0.05，沒有錯誤時都小於 10⁻⁸；而且「忘了 tanh」與「tanh 算兩次」只有 U、a 超過 10⁻⁸，「偏置取平均」只有 a、c。
#
# **主張 9** 「tanh 算兩次」和「多除了類別數」，十個種子在新資料上的準確率都超過 85%；平均而言，前者與正確的程式相差不到 3 個百分點，後者不到 5 個百分點（等效檢定，equivalence test：90% 信賴區間整個在界線之內）。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# Two faults **cannot be told from their curve**: the loss falls smoothly, only more slowly, and the accuracy (of the epoch with the lowest validation loss, once, on new rows) is nearly the same; classes averaged is just a third of the rate. The other two look like "a model that is not good enough", and you would tune the rate.
#
# The gradient check sees through all four and names the array: 10⁻¹⁰ where it is right, near 10⁻¹ where it is wrong.
#
# **Claim 8** For all ten seeds: every fault has a relative gap above 0.05, and without a fault all are below 10⁻⁸; with "tanh forgotten" and "tanh twice" only U and a are above 10⁻⁸, with "bias averaged" only a and c.
#
# **Claim 9** With "tanh twice" and with "classes averaged", all ten seeds get above 85 % on new rows; on average the former is within 3 percentage points of the right one, the latter within 5 (a test of equivalence: the whole 90 % interval lies within the bound).

# %%
touched = {"tanh forgotten": "Ua", "tanh twice": "Ua", "bias averaged": "ac"}
found = []
for fault, runs in faulty_runs.items():
    gap = pd.DataFrame([checked for checked, *_ in runs])
    wrong = list({"none": "", "classes averaged": "UaVc", **touched}[fault])
    found.append((gap.drop(columns=wrong) < 1e-8).all(axis=None))
    found.append(fault == "none" or (gap.max(axis=1) > 0.05).all())
claim(8, all(found))

# %% slideshow={"slide_type": "subslide"}
final = {fault: np.array([score for *_, score in runs]) for fault, runs in faulty_runs.items()}
margins = {"tanh twice": 3, "classes averaged": 5}
alike = {f: equivalence(final[f], final["none"], margin) for f, margin in margins.items()}
print(*(f"accuracy, {f} - none (points): {alike[f]:.1f}" for f in alike), sep="\n")
enough = all((final[fault] > 85).all() for fault in alike)
claim(9, bool(enough and all(comparison.shown for comparison in alike.values())))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 沒有斜率的地方：階梯與轉角
#
# 我們真正在意的是準確率（`accuracy`：答對的比例），不是交叉熵。那為什麼不直接沿著準確率的梯度往上走？
#
# 猜猜看：用中央差分（ε = 10⁻⁸）量準確率的梯度，259 個參數裡有幾個不是 0？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Where there is no slope: stairs and kinks
#
# What we care about is `accuracy`, the share of right answers, not the cross-entropy. Why not go up the gradient of the accuracy itself?
#
# Guess: measured by central differences (ε = 10⁻⁸), how many of the 259 parameters have an accuracy gradient other than 0?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（4 分鐘）一個分類網路，為什麼用交叉熵訓練，而不直接讓準確率變高？
#
# - ✓ 參數動一點點，準確率幾乎都不動，梯度是 0，不知道往哪裡走。*準確率是階梯；交叉熵會隨著每一點改變而改變。*
# - ✗ 因為準確率算起來比較慢。*兩者都只要一次前向計算；問題不在速度。*
# - ✗ 因為交叉熵低，準確率就一定高，兩者是同一件事。*兩者相關，但不相同；交叉熵可以降而準確率不變。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (4 min) Why is a classifier trained on cross-entropy, and not made to raise its accuracy directly?
#
# - ✓ Nudge a parameter and the accuracy hardly ever moves: its gradient is 0 and shows no way. *Accuracy is a staircase; cross-entropy answers every nudge.*
# - ✗ Accuracy takes longer to compute. *Both need one forward pass; speed is not the matter.*
# - ✗ They are the same: a lower cross-entropy is a higher accuracy. *They go together and are not the same; the one can fall while the other stays.*

# %% slideshow={"slide_type": "subslide"} alt-zh="兩張圖，橫軸都是同一個權重。左圖是交叉熵，是一條平滑的曲線；右圖是準確率，是一段段水平的階梯，只在少數幾個地方跳一階。" alt-en="Two panels against the same weight. On the left the cross-entropy is a smooth curve; on the right the accuracy is a staircase, level nearly everywhere, with a jump in a few places."
net, X, y = fresh_net(0)
weights = np.linspace(-4, 4, 801)
found = []
for weight in weights:
    net.params["V"][0, 0] = weight
    logits = net.forward(X)
    found.append([cross_entropy_loss(logits, y), 100 * accuracy(logits, y)])
figure, axes = plt.subplots(1, 2, figsize=(8, 2.6))
for ax, values, label in zip(
    axes, np.transpose(found), ["cross-entropy (nats)", "accuracy (%)"], strict=True
):
    ax.plot(weights, values)
    ax = ax.set(xlabel="one weight, V[0, 0]", ylabel=label)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# **主張 10** 不論 20 個網路的哪一個，準確率的中央差分在 259 個參數上全部是 0；交叉熵的梯度，四個陣列沒有一個是 0。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# **Claim 10** For each of 20 nets the central difference of the accuracy is 0 at all 259 parameters; of the cross-entropy's gradient none of the four arrays is 0.


# %%
def is_level(seed):
    net, X, y = fresh_net(seed)
    stairs = central_difference(lambda: accuracy(net.forward(X), y), net.params, 1e-8)
    grads = net.loss_and_grads(X, y)[1]
    return not flatten(stairs).any() and all(g.any() for g in grads.values())


claim(10, all(is_level(seed) for seed in range(20)))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 轉角：檢查沒過，是程式錯了嗎？
#
# [[back_propagation#checking-gradients-and-relu-s-kink]]看過另一種沒有斜率的地方：ReLU 在 0 的轉角。兩腳跨在轉角的兩邊，中央差分量到的是兩種斜率的平均，檢查就不會過，而 `backward` 是對的。
#
# 怎麼分辨？把左右兩邊的單邊差分分開看。想一想：程式寫錯時，左邊量的斜率和右邊量的一樣嗎？跨在轉角上時呢？

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### Kinks: a failed check, and is it a bug?
#
# [[back_propagation#checking-gradients-and-relu-s-kink]] met ReLU's kink at 0. With a foot on either side, a central difference is the mean of two slopes; the check fails, and `backward` is right.
#
# How to tell? Look at the two one-sided differences apart. Predict: where the code is wrong, are the slopes to the left and to the right the same? And astride a kink?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（6 分鐘）梯度檢查在某個參數上沒過。左邊單邊差分量到 0.30，右邊也是 0.30，`backward` 說 0.10。這是什麼情形？
#
# - ✗ 踩到了轉角。*轉角上左右兩邊的斜率不同；這裡兩邊一致。*
# - ✓ `backward` 寫錯了。*兩邊的尺意見一致，只有 `backward` 不同意。*
# - ✗ ε 太小，捨入誤差蓋過了一切。*捨入誤差是雜訊，不會讓兩邊剛好量到同一個數。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (6 min) A gradient check fails at one parameter. The one-sided difference to the left says 0.30, that to the right 0.30, and `backward` says 0.10. What is it?
#
# - ✗ A kink. *At a kink the slopes to the left and right differ; here they agree.*
# - ✓ `backward` is wrong. *Both rulers agree with each other, and only `backward` does not.*
# - ✗ An ε so small that all is rounding. *Rounding is noise; it would not give both sides the same number.*


# %% slideshow={"slide_type": "subslide"}
class ReluNet(TurnNet):
    def forward(self, X, return_sequences=False):
        self.inputs = X.reshape(len(X), -1)
        self.hidden = np.maximum(self.inputs @ self.params["U"] + self.params["a"], 0)
        return self.hidden @ self.params["V"] + self.params["c"]

    def backward(self, d_outputs):
        return super().backward(d_outputs) | through_hidden(self, d_outputs, self.hidden > 0)


class BiasAveraged(ReluNet):
    def backward(self, d_outputs):
        grads = super().backward(d_outputs)
        return grads | {name: grads[name] / len(d_outputs) for name in "ac"}


# %% slideshow={"slide_type": "subslide"}
def both_sides(net, X, y, epsilon=1e-4):
    def loss():
        return bare_loss(net.forward(X), y)

    grads = flatten(net.loss_and_grads(X, y)[1])
    sides = [one_sided_difference(loss, net.params, step) for step in (epsilon, -epsilon)]
    right, left = map(flatten, sides)
    return abs(right - left) / 2, abs((right + left) / 2 - grads)


def with_a_blank_row(net, X, y):
    return net, np.concatenate([0 * X[:1], X[1:]]), y  # as a padded sequence would be


# %%
nets = {
    "tanh": lambda seed: fresh_net(seed),
    "ReLU, one blank row": lambda seed: with_a_blank_row(*fresh_net(seed, net_class=ReluNet)),
    "ReLU, biases averaged": lambda seed: fresh_net(seed, net_class=BiasAveraged),
}
sides = {name: [both_sides(*make(seed)) for seed in range(20)] for name, make in nets.items()}

# %% slideshow={"slide_type": "subslide"} alt-zh="橫軸是左右兩邊斜率相差的一半，縱軸是檢查的誤差，都是對數刻度。tanh 的點都在左下方、對角線之下；有一列全是 0 的 ReLU，另有一群點落在右上方的對角線上；偏置取平均的程式，偏置的點高高地落在對角線之上。" alt-en="Error of the check against half the difference of the right and left slopes, log axes. The points of tanh lie low, below the diagonal; the ReLU with a blank row has a group of points at the upper right, on the diagonal; those of the biases that were averaged lie far above it."
figure, ax = plt.subplots(figsize=(8, 3.3))
for (name, runs), marker in zip(sides.items(), "o^X", strict=True):
    ax.loglog(*np.concatenate(runs[:5], axis=1), marker, alpha=0.5, markersize=5, label=name)
ax.loglog([1e-12, 1], [1e-12, 1], color="gray", linewidth=1, label="equal")
ax.set(xlabel="half of |right slope − left slope| (log)", ylabel="error of the check (log)")
ax = ax.legend(fontsize=9, loc="lower right")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# - **轉角**：誤差就是左右斜率差的一半，點落在線上。一列全是 0（例如補齊的序列），偏置又是 0，16 個神經元全都站在轉角上，ε 再小也沒用。
# - **寫錯**：左右兩邊互相同意，只是都不同意 `backward`，點遠遠在線的上方。
# - **平滑**：誤差遠小於左右的差，點在線的下方。
#
# **主張 11** 不論 20 個網路的哪一個：有一列全是 0 的 ReLU，檢查的誤差最大都超過 10⁻³，而誤差超過 10⁻⁵ 的參數，誤差都不到左右斜率差之半的 1.5 倍；偏置取平均時，誤差超過 10⁻⁵ 的參數，至少一半的誤差是左右斜率差之半的 10 倍以上。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# - **A kink**: the error is half the difference of left and right, on the line. With a row of zeros (a padded sequence) and biases of 0, all 16 units stand on their kink, and no ε helps.
# - **A bug**: left and right agree with each other and not with `backward`, far above the line.
# - **Smooth**: far below.
#
# **Claim 11** For each of 20 nets: with a blank row, the ReLU's largest error is above 10⁻³, and wherever an error is above 10⁻⁵ it is below 1.5 times half the difference of left and right; with biases averaged, at least half of the errors above 10⁻⁵ are more than 10 times that.


# %%
at_kinks, at_bugs = (
    [error[error > 1e-5] / half_gap[error > 1e-5] for half_gap, error in sides[name]]
    for name in list(nets)[1:]
)
largest = [error.max() for _, error in sides["ReLU, one blank row"]]
print(f"error / half of |right − left|: kinks ≈{np.median(np.concatenate(at_kinks)):.2f}, ", end="")
print(f"bug ≈{np.median(np.concatenate(at_bugs)):.0f}")
on_the_line = max(ratios.max() for ratios in at_kinks) < 1.5
claim(11, min(largest) > 1e-3 and on_the_line and min(map(np.median, at_bugs)) > 10)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 不逐一量，亂走一步行不行？
#
# 逐元素（element-wise）的檢查要 2d 次前向計算（d 是參數個數）。有個便宜的主意：丟 d 次硬幣，每個參數隨機 +1 或 −1，得到一個方向 u；沿著它量一次斜率，只要**兩次**前向，再乘回 u：
#
# ĝ = 斜率 × u，斜率 ≈ g·u
#
# 這個估計有什麼性質？uᵢ² = 1，而不同的 uᵢ、uⱼ 相乘平均是 0，所以 E[u uᵀ] 是單位矩陣，E[ĝ] = E[u uᵀ] g = g。只要斜率量得準（截斷誤差 ∝ ε²），平均起來就**完全正確**，統計上叫做**無偏**（unbiased；Spall，1992）。
#
# 那麼，只估一次有多準？先猜：259 個參數、一個方向，ĝ 與真正梯度的夾角餘弦大約多少？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Instead of measuring one by one, a step at random?
#
# An element-wise check costs 2d forward passes, d being the number of parameters. A cheap idea: toss d coins, +1 or −1 for each, which gives a direction u; measure the slope along it with **two** forward passes, and multiply by u again:
#
# ĝ = slope × u, where slope ≈ g·u
#
# uᵢ² = 1, and the product of different uᵢ, uⱼ is 0 on average, so E[u uᵀ] is the identity and E[ĝ] = E[u uᵀ] g = g. As far as the slope itself is exact (to ∝ ε²), the average is **exactly right**, **unbiased** (Spall, 1992).
#
# And a single estimate? Guess: with 259 parameters and one direction, what is the cosine of the angle between ĝ and the true gradient?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（6 分鐘）用一個隨機方向（每個參數 +1 或 −1）估計 259 個參數的梯度，這個估計是無偏的。「無偏」是說什麼？
#
# - ✗ 每一次估計都接近真正的梯度。*把平均的性質當成每一次的性質；單獨一次的方向幾乎和梯度垂直。*
# - ✗ 沿著它走一步，損失一定下降。*只要這一步夠小，通常會降；但那和無偏是兩回事。*
# - ✓ 許多次估計平均起來，會趨近真正的梯度。*無偏說的是期望值，不是單獨一次有多準。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (6 min) One random direction, +1 or −1 for each of 259 parameters, gives an estimate of the gradient that is unbiased. What does "unbiased" say?
#
# - ✗ Every estimate is near the true gradient. *Takes a property of the mean for one of each estimate; a single one is almost at a right angle to it.*
# - ✗ A step along it surely lowers the loss. *A short enough one usually does, and that is another matter.*
# - ✓ The mean of many estimates tends to the true gradient. *It speaks of the expectation, not of how good a single one is.*


# %% saved="numpy_track.flat_gradients" slideshow={"slide_type": "subslide"}
def unflatten(vector, like):
    parts, start = {}, 0
    for name, values in like.items():
        parts[name] = vector[start : start + values.size].reshape(values.shape)
        start += values.size
    return parts


def loss_of(net, X, y):
    def loss(theta):
        net.set_params(unflatten(theta, net.get_params()))
        return cross_entropy_loss(net.forward(X), y)

    return loss


# %% saved="numpy_track.flat_gradients"
def slopes_along(loss, theta, directions, epsilon=1e-5):
    ahead = [loss(theta + epsilon * u) for u in directions]
    behind = [loss(theta - epsilon * u) for u in directions]
    return (np.array(ahead) - np.array(behind)) / (2 * epsilon)


# %% saved="numpy_track.flat_gradients"
def random_gradient(loss, theta, num_directions, rng):
    U = rng.choice([-1.0, 1.0], size=(num_directions, len(theta)))
    return slopes_along(loss, theta, U) @ U / num_directions


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 方向越多，餘弦越大
#
# 取 K 個方向平均。ĝ 的期望是 g，但它多帶了一大堆雜訊：E‖ĝ‖² = ‖g‖² (K + d − 1)/K。所以
#
# cos(ĝ, g) ≈ √(K / (K + d − 1))
#
# 下面再放進一個常見的錯誤：把 ±1 換成 0 到 1 之間的亂數 `rng.random()`，忘了要有正有負。想一想：多取一些方向，救得回來嗎？

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### More directions, larger cosine
#
# The mean ĝ of K directions carries a heap of noise: E‖ĝ‖² = ‖g‖² (K + d − 1)/K. Hence
#
# cos(ĝ, g) ≈ √(K / (K + d − 1))
#
# Beside it a common mistake: numbers between 0 and 1 from `rng.random()` in place of ±1, with one sign only. Predict: will more directions save it?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（7 分鐘）估計梯度時，把 ±1 的隨機方向換成 0 到 1 之間的亂數。取越來越多的方向平均，估計會變得和真正的梯度同方向嗎？
#
# - ✓ 不會，它永遠偏向所有參數一起增加或一起減少的那條線。*亂數全是正的，E[u uᵀ] 不是單位矩陣的倍數，平均之後還是歪的。*
# - ✗ 會，方向夠多，任何隨機的錯都會平均掉。*平均只能去掉雜訊，去不掉偏差。*
# - ✗ 會，只是長度不對，乘一個常數就好。*不只是長度；偏的是方向。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (7 min) For an estimate of the gradient, random directions of ±1 are replaced by numbers between 0 and 1. Averaged over ever more directions, will it point along the true gradient?
#
# - ✓ No, it always leans towards all parameters going up, or all down, together. *The numbers are all positive, E[u uᵀ] is no multiple of the identity, and the mean stays askew.*
# - ✗ Yes: with enough directions any random error averages out. *An average removes noise; it does not remove bias.*
# - ✗ Yes, only its length is wrong, by a constant. *Not the length alone; the direction is bent.*


# %% saved="numpy_track.flat_gradients"
def cosine(a, b):
    return a @ b / (np.linalg.norm(a) * np.linalg.norm(b))


# %%
def cosines(seed, draw, counts):
    net, X, y = fresh_net(seed)
    gradient, rng = flatten(net.loss_and_grads(X, y)[1]), seeding.rng(100 + seed)
    directions = [draw(rng, (count, len(gradient))) for count in counts]
    return [cosine((U @ gradient) @ U, gradient) for U in directions]  # a slope along u is g.u


# %%
counts = 4 ** np.arange(7)
draws = {
    "±1": lambda rng, shape: rng.choice([-1.0, 1.0], size=shape),
    "0 to 1, the mistake": lambda rng, shape: rng.random(shape),
}

cosine_runs = {
    name: np.array([cosines(seed, draw, counts) for seed in range(20)])
    for name, draw in draws.items()
}
theory = np.sqrt(counts / (counts + 259 - 1))

# %% slideshow={"slide_type": "subslide"} alt-zh="橫軸是方向個數 K（對數刻度），縱軸是餘弦。±1 的曲線從 0.04 上升，K = 256 時約 0.7，4096 時約 0.97；K = 1 略低於理論的灰線，其餘與灰線重合；0 到 1 的亂數停在 0.2 以下，再多也上不去。" alt-en="Cosine against the number of directions K, log axis. The ±1 curve rises from 0.04 to about 0.7 at K = 256 and 0.97 at 4096, a little below the grey line of theory at K = 1 and on it elsewhere; random numbers from 0 to 1 stay below 0.2 however many there are."
figure, ax = plt.subplots(figsize=(8, 3.2))
ax.semilogx(counts, theory, color="gray", linewidth=7, alpha=0.3, label="√(K / (K + d − 1))")
for (name, runs), marker in zip(cosine_runs.items(), "os", strict=True):
    plotting.plot_band(ax, counts, runs, f"directions {name}", marker=marker)
ax.set(xlabel="number of directions K (log)", ylabel="cosine with the gradient", ylim=(0, 1))
ax = ax.legend(fontsize=9)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 一個方向平均只有 0.05 左右（公式的 0.06 是方均根）：幾乎垂直。要到 0.71，需要 K = d 個方向，而那正好是逐元素檢查的代價，後者的餘弦是 1。天下沒有白吃的午餐。
#
# 「0 到 1」則永遠偏向「所有參數一起增加或一起減少」那條線：E[u uᵀ] 不是單位矩陣，取再多也不會變對。這叫**有偏**（biased），而有偏的估計，平均救不了。
#
# **主張 12** 20 個網路平均起來，±1 的餘弦在每個 K 都與理論相差不到 0.04；`compute_numerical_gradient_fast` 用 256 個方向，每個網路的餘弦都在 0.6 與 0.8 之間。
#
# **主張 13** K = 4,096 時，每個網路用 ±1 的餘弦都超過 0.95；用「0 到 1」的餘弦，平均還不到 0.5。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# One direction gives about 0.05 on average (the formula's 0.06 is the root mean square): almost a right angle. Getting to 0.71 takes K = d directions, the price of the element-wise check, whose cosine is 1.
#
# "0 to 1" always leans towards "all parameters up, or all down, together": E[u uᵀ] is not the identity. This is **bias**, and averaging does not cure it.
#
# **Claim 12** For 20 nets, the mean cosine of ±1 is within 0.04 of theory at every K; with 256 directions, `compute_numerical_gradient_fast` has a cosine between 0.6 and 0.8 every time.
#
# **Claim 13** At K = 4,096 the cosine of ±1 is above 0.95 every time; the mean of "0 to 1" is below 0.5.

# %%
library_cosines = []
for seed in range(20):
    net, X, y = fresh_net(seed)
    gradient = flatten(net.loss_and_grads(X, y)[1])
    options = {"num_directions": 256, "rng": seed}
    estimate = compute_numerical_gradient_fast(net, X, y, cross_entropy_loss, **options)
    library_cosines.append(cosine(flatten(estimate), gradient))
print(f"library, 256 directions: cosine {mean_interval(library_cosines):.2f}")

# %%
signs, mistake = cosine_runs.values()
near_theory = abs(signs.mean(axis=0) - theory).max() < 0.04
claim(12, bool(near_theory and min(library_cosines) > 0.6 and max(library_cosines) < 0.8))
claim(13, bool((signs[:, -1] > 0.95).all() and mistake[:, -1].mean() < 0.5))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 一個梯度要多久？
#
# 解析梯度（analytic gradient，也就是反向傳播）、一個隨機方向、逐元素，各算一次梯度要多少時間？把隱藏層（hidden layer）從 4 加寬到 256。
#
# 先猜：參數變成 60 倍，三種各變慢幾倍？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## How long does one gradient take?
#
# One gradient by back-propagation (analytic), by one random direction, and element by element, while the hidden layer widens from 4 to 256 units.
#
# Guess: with 60 times the parameters, how much slower is each?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（4 分鐘）參數從一百個加到六千個。逐元素量一次梯度所花的時間，和反向傳播比，差距會怎麼變？
#
# - ✗ 不變，兩者都和參數個數成正比。*忘了逐元素是「每個參數」都做兩次前向，而每次前向本身也隨參數變久。*
# - ✗ 縮小，大網路的反向傳播比較慢。*反向傳播也變慢，但慢得少得多。*
# - ✓ 越拉越大，因為逐元素的前向次數隨參數增加。*反向傳播無論多少參數，都只要大約兩三次前向的時間。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (4 min) From a hundred parameters to six thousand: how does the time of an element-wise gradient compare with that of back-propagation?
#
# - ✗ As before, since both grow with the parameters. *Forgets that there are two passes for each parameter, and that each pass grows as well.*
# - ✗ It narrows: back-propagation is slow in large networks. *It slows down too, and far less.*
# - ✓ The gap widens: the number of passes grows with the parameters. *Back-propagation takes the time of two or three passes, however many parameters there are.*


# %%
def seconds(work, repeats=5):
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return np.median(times)


def gradient_seconds(num_hidden):
    rng = seeding.rng(0)
    (X, y), net = make_turns(32, rng), TurnNet(12, num_hidden, 3, rng)
    loss, theta = loss_of(net, X, y), flatten(net.params)
    return {
        "parameters": len(theta),
        "analytic": seconds(lambda: net.loss_and_grads(X, y)),
        "one random direction": seconds(lambda: random_gradient(loss, theta, 1, rng)),
        "element by element": seconds(lambda: slopes_along(loss, theta, np.eye(len(theta))), 1),
    }


# %% slideshow={"slide_type": "subslide"} tags=["timing"] alt-zh="橫軸是參數個數，縱軸是算一次梯度的秒數，都是對數刻度。解析梯度與一個隨機方向都在萬分之一到千分之一秒之間，緩緩上升；逐元素從百分之一秒上下陡升到一秒上下。" alt-en="Seconds for one gradient against the number of parameters, log axes. Analytic and one random direction both stay between a ten-thousandth and a thousandth of a second and rise slowly; element by element climbs steeply from around a hundredth of a second to a second or so."
costs = pd.DataFrame([gradient_seconds(width) for width in (4, 16, 64, 256)])
costs = costs.set_index("parameters")
figure, ax = plt.subplots(figsize=(8, 3.0))
for (name, column), marker in zip(costs.items(), "os^", strict=True):
    ax.plot(costs.index, column, label=name, marker=marker)
ax.set(xscale="log", yscale="log", xlabel="parameters d (log)", ylabel="seconds (log)")
legend = ax.legend(fontsize=9)
slowest = costs["element by element"] / costs["analytic"]
print(f"element by element / analytic: ≈{slowest.iloc[0]:.0f} to ≈{slowest.iloc[-1]:.0f} times")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 逐元素既要更多次前向，每次前向也更久，所以陡得多。一個隨機方向和解析梯度**花的時間差不多**，但前者的餘弦是 0.05，後者是 1。這就是每個框架都做反向傳播的原因，也是值得親手寫一遍的原因。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# Element by element needs more forward passes and longer ones. One random direction costs **about as much** as the analytic gradient, with a cosine of 0.05 where the latter has 1. This is why every framework does back-propagation, and why it is worth writing by hand.

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 練習 1：一次檢查整個梯度
#
# 難度 ★★☆，約 10 分鐘。
#
# 隨機方向拿來訓練很粗糙，拿來**檢查**卻很好用：沿著一個方向量到的斜率，應該等於梯度預測的斜率；只要兩次前向，反向傳播的任何錯誤幾乎都逃不掉。
#
# 寫出 `slopes_along_direction(loss, params, grads, direction, epsilon)`，回傳 `(measured, predicted)`：量到的斜率（slope）與預測的斜率。`loss` 接受一個參數字典，回傳一個數；`params`、`grads`、`direction` 是同名的字典，不可以改動。量到的斜率是中央差分：兩邊各走 `epsilon` 倍的 `direction`，所有陣列一起走。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Exercise 1: check the whole gradient at once
#
# Difficulty ★★☆, about 10 minutes.
#
# Random directions are a rough way to train and a fine way to **check**: the slope measured along a direction must be the slope that the gradient predicts; two forward passes, and hardly any fault of the backward pass escapes.
#
# Write `slopes_along_direction(loss, params, grads, direction, epsilon)`: return (measured slope, predicted slope). `loss` takes a dict of parameters and returns a number; `params`, `grads` and `direction` are dicts of the same names, and must not change. The measured slope is a central difference: `epsilon` times `direction` to either side, all arrays at once.


# %% tags=["exercise"]
def slopes_along_direction(loss, params, grads, direction, epsilon):
    raise NotImplementedError  # your code here: return measured, predicted


# %% tags=["check"]
exercises.slopes_along_direction.check(slopes_along_direction)


# %% tags=["solution"]
# One possible answer; open it once you have tried.
def slopes_along_direction_solution(loss, params, grads, direction, epsilon):
    """(slope of the loss along ``direction`` by central difference, slope that ``grads`` predicts)."""
    above = {name: params[name] + epsilon * direction[name] for name in params}
    below = {name: params[name] - epsilon * direction[name] for name in params}
    measured = (loss(above) - loss(below)) / (2 * epsilon)
    return measured, sum((grads[name] * direction[name]).sum() for name in params)


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 練習 2：不怕離群值（outlier）的損失
#
# 難度 ★★☆，約 15 分鐘。
#
# MSE 把誤差平方：一個壞掉的測量值差了 100，就抵得過一萬個差 1 的。Huber 損失對誤差 e = 預測 − 目標這樣算：|e| ≤ δ 時是 ½e²，超過之後改走直線，δ(|e| − ½δ)，兩段平順地接在一起，沒有轉角。L 是所有數的平均。
#
# 寫出 `huber_loss_and_gradient(predictions, targets, delta)`，回傳 `(loss, gradient)`：L（一個數），與 ∂L/∂predictions（形狀和 `predictions` 相同）。兩個陣列同形狀，幾軸都可以，δ > 0；傳進來的陣列不可以改動。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Exercise 2: a loss that bears outliers
#
# Difficulty ★★☆, about 15 minutes.
#
# MSE squares errors: one broken measurement that is off by 100 weighs as much as ten thousand that are off by 1. The Huber loss of an error e = prediction − target is ½e² where |e| ≤ δ, and beyond that the straight line δ(|e| − ½δ); the two pieces join smoothly, without a kink. L is the mean over all numbers.
#
# Write `huber_loss_and_gradient(predictions, targets, delta)`: return (L, one number; ∂L/∂predictions, in the shape of `predictions`). Both arrays have the same shape, with any number of axes, δ > 0, and the arrays you are given must not change.


# %% tags=["exercise"]
def huber_loss_and_gradient(predictions, targets, delta):
    raise NotImplementedError  # your code here: return loss, gradient


# %% tags=["check"]
exercises.huber_loss_and_gradient.check(huber_loss_and_gradient)


# %% tags=["solution"]
# One possible answer; open it once you have tried.
def huber_loss_and_gradient_solution(predictions, targets, delta):
    """(mean Huber loss, its gradient at the predictions); both arrays of one shape, delta > 0."""
    errors = predictions - targets
    size = abs(errors)
    losses = np.where(size <= delta, errors**2 / 2, delta * (size - delta / 2))
    return losses.mean(), errors.clip(-delta, delta) / errors.size


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 練習 3：長短不一的序列
#
# 難度 ★★★，約 20 分鐘。
#
# 一批序列長短不一，短的後面用 0 補齊（padding）。logits 的形狀是 (B, T, C)，目標 q 也是：真正的步，q 的一列是非負的數，加起來是這一步的權重（不一定是 1）；補齊的步，整列是 0。損失是加權平均：
#
# L = −Σ q log p ／ Σ q，p = softmax(logits)，兩個 Σ 都對 B、T、C 求和。
#
# 寫出 `masked_cross_entropy_gradient(logits, targets)`，回傳 ∂L/∂logits，形狀 (B, T, C)，logits 到 ±10,000 都要對。手邊就有檢查的方法。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Exercise 3: sequences of unequal length
#
# Difficulty ★★★, about 20 minutes.
#
# The sequences of a batch differ in length, and short ones are padded with 0. Logits have shape (B, T, C), and so have the targets q: a real step's row is not negative and adds up to the weight of that step (not always 1); a padded step's row is all 0. The loss is a weighted mean:
#
# L = −Σ q log p / Σ q, with p = softmax(logits), and both Σ over B, T and C.
#
# Write `masked_cross_entropy_gradient(logits, targets)`: return ∂L/∂logits, of shape (B, T, C), right for logits up to ±10,000. You have a way to check it at hand.


# %% tags=["exercise"]
def masked_cross_entropy_gradient(logits, targets):
    raise NotImplementedError  # your code here


# %% tags=["check"]
exercises.masked_cross_entropy_gradient.check(masked_cross_entropy_gradient)


# %% tags=["solution"]
# One possible answer; open it once you have tried.
def masked_cross_entropy_gradient_solution(logits, targets):
    """∂L/∂logits (B, T, C) of L = -Σ q log p / Σ q; a padded step has q = 0 and gradient 0."""
    exps = np.exp(logits - logits.max(axis=-1, keepdims=True))
    probs = exps / exps.sum(axis=-1, keepdims=True)
    weights = targets.sum(axis=-1, keepdims=True)
    return (weights * probs - targets) / weights.sum()


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 重點整理
#
# - softmax 先減最大值，損失直接用 log-softmax 算；標籤與形狀先檢查再算，因為錯的也會得到正常的數字。
# - 換任務只換第一行：分類是 (p − q)/B，迴歸是 2(z − t)/N，後面的反向傳播都一樣。
# - 反向傳播一定要做梯度檢查：中央差分、float64、ε = 10⁻⁵、相對差距。損失會下降，證明不了什麼。
# - 檢查沒過時比較左右兩邊：兩邊不同是轉角，兩邊相同而 `backward` 不同是寫錯。準確率是階梯，不能拿來走。
# - 隨機方向的估計無偏而粗糙：餘弦約 √(K/(K + d))，拿來檢查很好。
#
# **下一課**：[[numpy_training_loop]]，把這些梯度放進訓練迴圈。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Summary
#
# - Compute the loss from log-softmax, the maximum taken off first; check labels and shapes, because wrong ones give ordinary numbers.
# - Another task changes the first line only: (p − q)/B for classes, 2(z − t)/N for regression.
# - Check every backward pass: central differences, float64, ε = 10⁻⁵, relative gap. A falling loss proves nothing.
# - Where a check fails, left and right differ at a kink; at a bug they agree, and `backward` does not. Accuracy is a staircase and no guide.
# - Random directions are unbiased and rough, with a cosine of about √(K/(K + d)), and good for checking.
#
# **Next**: [[numpy_training_loop]] puts these gradients into a training loop.

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "skip"}
# ### 原始文獻
#
# - Spall（1992），Multivariate stochastic approximation using a simultaneous perturbation gradient approximation，IEEE Transactions on Automatic Control 37(3)，doi:10.1109/9.119632。隨機方向。
# - Nocedal, Wright（2006），Numerical optimization，第 2 版，Springer，doi:10.1007/978-0-387-40065-5，第 8 章。有限差分的 ε。
# - Huber（1964），Robust estimation of a location parameter，The Annals of Mathematical Statistics 35(1)，73–101，doi:10.1214/aoms/1177703732。練習 2 的損失。

# %% [markdown] lang="en" slideshow={"slide_type": "skip"}
# ### Primary sources
#
# - Spall (1992), Multivariate stochastic approximation using a simultaneous perturbation gradient approximation, IEEE Transactions on Automatic Control 37(3), doi:10.1109/9.119632. Random directions.
# - Nocedal, Wright (2006), Numerical optimization, 2nd edition, Springer, doi:10.1007/978-0-387-40065-5, chapter 8. The ε of finite differences.
# - Huber (1964), Robust estimation of a location parameter, The Annals of Mathematical Statistics 35(1), 73–101, doi:10.1214/aoms/1177703732. The loss of exercise 2.
