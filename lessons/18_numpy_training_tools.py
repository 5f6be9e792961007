# %% [markdown] lang="zh-TW" about="不靠框架：損失、梯度檢查、裁剪、排程與訓練迴圈" slideshow={"slide_type": "slide"}
# # 用 NumPy 打造訓練工具
#
# 前面的課都有 autograd 幫你算梯度（gradient）。從這一課起，梯度要自己算，而自己算的東西會錯，錯了還不一定看得出來。這一課把訓練一個網路的每樣工具拆開來看，全部只用 NumPy。學完之後，你能夠：
#
# - 寫出在 ±10,000 的 logits 上也不會壞的損失函數（loss function），並說出哪些錯誤的標籤會不聲不響地算出一個數字；
# - 手推一個小網路的反向傳播（back-propagation），用**梯度檢查**（gradient check）證明推導正確，並說明 ε 為什麼既不能太大、也不能太小；
# - 說出用「隨機方向」估計的梯度是什麼、有多準、代價多大；
# - 讀懂一個訓練迴圈的每一行：裁剪（clipping）、排程（schedule）、早停（early stopping）、梯度累積（gradient accumulation）、混合精度（mixed precision）；
# - 把同一個網路放進 PyTorch，讓兩邊的損失一步一步對得上。
#
# 先備：[[losses]]、[[back_propagation]]、[[optimizers]]。

# %% [markdown] lang="en" about="losses, gradient checks, clipping, schedules and a training loop without a framework" slideshow={"slide_type": "slide"}
# # Training tools in NumPy
#
# So far autograd has found your gradients. From here on you find them yourself; what you write yourself can be wrong, and wrong need not look wrong. This lesson takes apart every tool that trains a network, with NumPy alone. By the end you can
#
# - write a loss that survives logits of ±10,000, and say which bad labels quietly produce a number;
# - derive a small network's backward pass, prove it right with a **gradient check**, and say why ε must be neither large nor tiny;
# - say what a gradient estimated from random directions is, how good it is, and what it costs;
# - read every line of a training loop: clipping, schedules, early stopping, gradient accumulation, mixed precision;
# - put the same network into PyTorch, and have both agree on the loss at every step.
#
# It builds on [[losses]], [[back_propagation]] and [[optimizers]].

# %% lang="zh-TW" tags=["setup"] slideshow={"slide_type": "subslide"}
from course_utils.notebook import set_up

device = set_up("numpy_training_tools", language="zh-TW")

# %% lang="en" tags=["setup"] slideshow={"slide_type": "subslide"}
from course_utils.notebook import set_up

device = set_up("numpy_training_tools", language="en")

# %% slideshow={"slide_type": "subslide"}
import time

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from sklearn.linear_model import LogisticRegression
from torch import nn
from torch.optim import lr_scheduler

from course_utils import plotting, seeding
from course_utils.exercises import numpy_training_tools as exercises
from course_utils.experiment import run_seeds
from course_utils.intervals import equivalence, mean_interval
from course_utils.notebook.claims import claim

# %% slideshow={"slide_type": "subslide"}
from course_utils.numpy_track import optimizers, schedules
from course_utils.numpy_track.mixed_precision import DynamicLossScale
from course_utils.numpy_track.training_utils import (
    EarlyStopping,
    clip_gradients,
    compute_numerical_gradient,
    compute_numerical_gradient_fast,
    create_batches,
    cross_entropy_loss,
    evaluate,
    plot_training_curves,
    softmax,
    train_model,
    train_step,
)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 公式沒錯，程式卻壞了
#
# softmax 的定義裡有 exp，而浮點數裝得下的 exp 有上限。[[losses]]看過它爆掉；現在要問得更準：**爆在哪裡**？
#
# 一個兩類的模型答錯了，錯的那一類 logit 比對的大 z。正確的損失是 log(1 + eᶻ)，z 大的時候就是 z。
#
# 猜猜看：照定義寫，float16、float32、float64 各能撐到 z 等於多少？（三者最大的數是 65,504、3×10³⁸、2×10³⁰⁸。）

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## The formula is right, the program breaks
#
# The softmax contains an exp, and a float can hold only so large an exp. [[Losses]] saw it overflow; now ask more precisely: **where**?
#
# A two-class model is wrong, the wrong class's logit exceeding the right one's by z. The correct loss is log(1 + eᶻ), which for large z is just z.
#
# Guess: written as defined, up to which z do float16, float32 and float64 last? (Their largest numbers are 65,504, 3×10³⁸ and 2×10³⁰⁸.)


# %%
def naive_softmax(logits):
    return np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)


def log_softmax(logits):
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


# %% slideshow={"slide_type": "subslide"}
gaps = np.logspace(0, 4, 801)
as_defined, shifted_first = {}, {}
for dtype in (np.float16, np.float32, np.float64):
    logits = np.stack([gaps, 0 * gaps], axis=1).astype(dtype)
    with np.errstate(all="ignore"):
        as_defined[dtype.__name__] = -np.log(naive_softmax(logits)[:, 1])
    shifted_first[dtype.__name__] = -log_softmax(logits)[:, 1]

# %% alt-zh="橫軸是 z，縱軸是損失，都是對數刻度。正確的線一路上升到一萬；照定義算的三條線疊在上面，float16 停在 11，float32 停在 89，float64 停在 710，停下的地方打叉。" alt-en="Loss against z, log axes. The correct line rises to ten thousand; the three lines computed as defined lie on it and end with a cross, float16 at 11, float32 at 89, float64 at 710."
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
# 上限就是最大的數取自然對數，ln M：11.1、88.7、709.8。再大一點，損失變成 inf，訓練當場結束。
#
# 解法有兩步，少一步都不行。先減掉每一列自己的最大值：機率不變，指數不再是正的，exp 就不會溢位（overflow）。再把對數寫開：log p = z′ − log Σ exp z′（z′ 是減過的 z）；要是先算 softmax 再取 log，太小的機率會下溢（underflow）成 0，損失還是 inf。
#
# **主張 1** 照定義算，三種精度最後一個有限的損失必然落在 ln M 的 2% 之內；用 `log_softmax`，到 z = 10,000 都與正確值相差不到 0.2%。
#
# **主張 2** 換 20 個種子（seed），隨機 logits 的大小到一萬，`log_softmax` 與 torch 的結果必然相差不到 10⁻⁹，照定義算的 softmax 必然每次都出現 nan。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# The limit is the natural logarithm of the largest number M, ln M: 11.1, 88.7, 709.8. A little beyond it the loss is inf, and training ends there and then.
#
# The remedy has two steps, and both are needed. Take off each row's own maximum: the probabilities stay, no exponent is positive any more, and exp does not overflow. Then write the logarithm out: log p = z′ − log Σ exp z′, with z′ the shifted z; a softmax followed by a log would let small probabilities underflow to 0, and the loss would be inf again.
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

# %%
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


# %%
def bare_loss(logits, labels):
    return -log_softmax(logits)[np.arange(len(labels)), labels].mean()


# %%
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


# %%
rng = seeding.rng(0)
labels = rng.integers(0, 4, 6)
logits = rng.normal(size=(6, 4)) + 4 * np.eye(4)[labels]  # a model that is nearly always right
for name, given in slips(labels).items():
    library = answer_or_refuse(logits, given)
    print(f"{name:26s} bare ≈{bare_loss(logits, given):.3f}  library {library}")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 每一次都得到一個正常的數字，沒有一次對。−1 從後面數，變成最後一類；(6, 1) 與 (6,) 廣播（broadcast）成 6×6，每個標籤和每一列都配了一次；只有一個標籤時，只算了第一列。
#
# 模型會照著這個錯的損失好好訓練，你只會覺得「效果不太好」。所以課程的 `cross_entropy_loss` 在計算前先問：形狀對嗎？是整數嗎？在範圍內嗎？錯誤訊息會說明收到了什麼、可以接受什麼、該怎麼改。
#
# **主張 3** 換 20 個種子，三種錯誤的標籤，沒有檢查的寫法必然每次都給出有限的數，課程的函式必然每次都引發 `ValueError`。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# Each time an ordinary number, and never the right one. −1 counts from the end and becomes the last class; (6, 1) and (6,) broadcast to 6×6, and every label meets every row; with one label only the first row counts.
#
# A model trains happily on the wrong loss, and all you notice is that "it does not work too well". So the course's `cross_entropy_loss` asks before it computes: do the shapes fit, are these integers, are they in range? Its message says what was given, what is allowed and what to do.
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
# ## 一份小資料：它往哪邊轉？
#
# 我們需要一個小到可以全部看清楚的任務。一個點繞著圓走六步，位置帶著雜訊；要回答的是：順時針（0）、靜止（1），還是逆時針（2）。起點隨機。
#
# 輸入是序列，形狀 (B, 6, 2)；[[numpy_lstm]]的 LSTM 也接受這種形狀。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## A small task: which way does it turn?
#
# We need a task small enough to see all of it. A point walks around a circle for six steps, its positions are noisy, and the question is: clockwise (0), standing still (1), or counter-clockwise (2)? It starts anywhere.
#
# Inputs are sequences of shape (B, 6, 2), as the LSTM of [[numpy_lstm]] takes them.


# %%
def make_turns(num_rows, rng, noise=0.4):
    y = rng.integers(0, 3, num_rows)
    speed = (y - 1) * np.pi / 6  # radians a step
    angles = rng.uniform(0, 2 * np.pi, (num_rows, 1)) + speed[:, None] * np.arange(6)
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
# The course's training tools ask three things of a model: `forward` gives logits, `get_params` hands out the parameters (name → array), `set_params` takes them back. With these three it can be trained even without back-propagation: the tools then find gradients by finite differences.
#
# This model flattens the sequence to 12 numbers, passes them through 16 tanh units, and puts out 3 logits: k = xU + a, h = tanh k, z = hV + c.


# %%
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
# 從損失往回走，每一行只用一次連鎖律（chain rule）。p 是 softmax(z)，q 是 one-hot 的標籤，⊙ 是逐元素相乘。
#
# | 代數 | 程式 | 形狀 |
# |---|---|---|
# | ∂L/∂z = (p − q) / B | `d_logits = (softmax(logits) - one_hot) / len(y)` | (B, 3) |
# | ∂L/∂V = hᵀ ∂L/∂z | `hidden.T @ d_logits` | (16, 3) |
# | ∂L/∂c = ∂L/∂z 各列相加 | `d_logits.sum(axis=0)` | (3,) |
# | ∂L/∂h = ∂L/∂z Vᵀ | `d_hidden = d_logits @ V.T` | (B, 16) |
# | ∂L/∂k = ∂L/∂h ⊙ (1 − h²) | `d_k = d_hidden * (1 - hidden**2)` | (B, 16) |
# | ∂L/∂U = xᵀ ∂L/∂k | `inputs.T @ d_k` | (12, 16) |
# | ∂L/∂a = ∂L/∂k 各列相加 | `d_k.sum(axis=0)` | (16,) |
#
# 檢查形狀是最快的除錯：梯度的形狀一定和參數相同。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Backward by hand: algebra on the left, code on the right
#
# Walk back from the loss, one use of the chain rule a line. p is softmax(z), q the one-hot label, ⊙ multiplies element by element.
#
# | algebra | code | shape |
# |---|---|---|
# | ∂L/∂z = (p − q) / B | `d_logits = (softmax(logits) - one_hot) / len(y)` | (B, 3) |
# | ∂L/∂V = hᵀ ∂L/∂z | `hidden.T @ d_logits` | (16, 3) |
# | ∂L/∂c = rows of ∂L/∂z added up | `d_logits.sum(axis=0)` | (3,) |
# | ∂L/∂h = ∂L/∂z Vᵀ | `d_hidden = d_logits @ V.T` | (B, 16) |
# | ∂L/∂k = ∂L/∂h ⊙ (1 − h²) | `d_k = d_hidden * (1 - hidden**2)` | (B, 16) |
# | ∂L/∂U = xᵀ ∂L/∂k | `inputs.T @ d_k` | (12, 16) |
# | ∂L/∂a = rows of ∂L/∂k added up | `d_k.sum(axis=0)` | (16,) |
#
# Looking at shapes is the quickest debugging there is: a gradient always has the shape of its parameter.


# %% slideshow={"slide_type": "subslide"}
class TurnNet(TanhNet):
    def loss_and_grads(self, X, y, task="classification"):
        logits = self.forward(X)
        one_hot = np.eye(logits.shape[1], dtype=logits.dtype)[y]
        d_logits = (softmax(logits) - one_hot) / len(y)
        return cross_entropy_loss(logits, y), self.backward(d_logits), logits

    def backward(self, d_logits):
        d_hidden = d_logits @ self.params["V"].T
        d_k = d_hidden * (1 - self.hidden**2)
        return {
            "U": self.inputs.T @ d_k,
            "a": d_k.sum(axis=0),
            "V": self.hidden.T @ d_logits,
            "c": d_logits.sum(axis=0),
        }


# %% [markdown] lang="zh-TW"
# 有了 `loss_and_grads`，訓練工具就會改用這個方法。但這個梯度對嗎？光看程式碼看不出來，看形狀也不夠。

# %% [markdown] lang="en"
# Where a model has `loss_and_grads`, the training tools use it. But is it right? Reading the code does not tell, and shapes are not enough.

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 梯度檢查：一個一個參數去量
#
# 導數（derivative）的定義就是檢查的方法。把一個參數往上推 ε、往下推 ε，看損失差多少，這叫做中央差分（central difference）：
#
# ∂L/∂θᵢ ≈ (L(θ + εeᵢ) − L(θ − εeᵢ)) / 2ε
#
# 每個參數要兩次前向計算，所以很慢；但這個方法只用到 `forward`，不會和反向傳播犯同樣的錯。兩邊用**相對差距** ‖a − b‖ / (‖a‖ + ‖b‖) 來比：絕對差距 10⁻⁵ 對一個大小 10⁻⁶ 的梯度，就是全錯。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Gradient check: measure one parameter after the other
#
# The definition of a derivative is the method. Push one parameter up by ε and down by ε, and see how the loss differs, a central difference:
#
# ∂L/∂θᵢ ≈ (L(θ + εeᵢ) − L(θ − εeᵢ)) / 2ε
#
# Two forward passes per parameter make it slow; but it uses `forward` only, and cannot share a mistake with the backward pass. Compare by the **relative gap** ‖a − b‖ / (‖a‖ + ‖b‖): an absolute gap of 10⁻⁵ in a gradient of size 10⁻⁶ is all wrong.


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


# %%
def relative_gap(a, b):
    return np.linalg.norm(a - b) / (np.linalg.norm(a) + np.linalg.norm(b))


# %% slideshow={"slide_type": "subslide"}
def fresh_net(seed, num_rows=32, net_class=TurnNet):
    rng = seeding.rng(seed)
    X, y = make_turns(num_rows, rng)
    return net_class(12, 16, 3, rng), X, y


# %%
def check_gradients(net, X, y):
    _, grads, _ = net.loss_and_grads(X, y)
    measured = central_difference(lambda: bare_loss(net.forward(X), y), net.params)
    return {name: relative_gap(grads[name], measured[name]) for name in grads}


# %%
checks = pd.DataFrame([check_gradients(*fresh_net(seed)) for seed in range(20)])
print("largest relative gap of 20 nets")
for name, gap in checks.max().items():
    print(f"    {name}: ≈{gap:.0e}")

# %% [markdown] lang="zh-TW"
# **主張 4** 20 個隨機的網路與批次（batch），四個參數陣列的相對差距必然小於 10⁻⁸；在種子 0 的網路上，課程的 `compute_numerical_gradient` 與上面的寫法，相對差距也小於 10⁻⁸。

# %% [markdown] lang="en"
# **Claim 4** For 20 random nets and batches, the relative gap of all four parameter arrays must be below 10⁻⁸; on the net of seed 0 the relative gap between the course's `compute_numerical_gradient` and the one above is below 10⁻⁸, too.

# %%
net, X, y = fresh_net(0)
ours = central_difference(lambda: bare_loss(net.forward(X), y), net.params)
library = compute_numerical_gradient(net, X, y, cross_entropy_loss)
same = all(relative_gap(ours[name], library[name]) < 1e-8 for name in ours)
claim(4, bool((checks < 1e-8).all(axis=None)) and same)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## ε 要多小？
#
# 導數是 ε → 0 的極限，所以 ε 越小越好，對嗎？把 ε 從 1 縮到 10⁻¹²，量三種做法的誤差：float64 中央差分、float64 單邊差分、float32 中央差分。
#
# 先猜：誤差會一路下降嗎？float32 最好的 ε 和 float64 一樣嗎？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## How small should ε be?
#
# A derivative is the limit ε → 0, so the smaller ε the better, is it not? Shrink ε from 1 to 10⁻¹² and measure the error of three ways: float64 looking both ways, float64 looking one way, float32 looking both ways.
#
# (Both ways is the central difference, one way the one-sided one.) Predict: does the error fall all the way? Is the best ε of float32 that of float64?


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


# %% slideshow={"slide_type": "subslide"}
def flatten(arrays):
    return np.concatenate([values.ravel() for values in arrays.values()])


# %%
def difference_error(seed, difference, dtype, epsilon):
    net, X, y = fresh_net(seed)
    _, exact, _ = net.loss_and_grads(X, y)
    net.set_params({name: values.astype(dtype) for name, values in net.params.items()})
    X = X.astype(dtype)
    measured = difference(lambda: bare_loss(net.forward(X), y), net.params, dtype(epsilon))
    return relative_gap(flatten(measured), flatten(exact))


# %%
epsilons = 10.0 ** np.arange(-12, 1)
ways = {
    "float64, both ways": (central_difference, np.float64),
    "float64, one way": (one_sided_difference, np.float64),
    "float32, both ways": (central_difference, np.float32),
}

# %%
errors = {
    name: np.array([[difference_error(seed, *way, e) for e in epsilons] for seed in range(5)])
    for name, way in ways.items()
}

# %% slideshow={"slide_type": "subslide"} alt-zh="橫軸是 ε，縱軸是梯度的相對誤差，都是對數刻度，三條 V 形或 U 形曲線。float64 中央差分最低，在 ε 為 10 的負 5 次方時達到 10 的負 10 次方；單邊差分的最低點在 10 的負 7 次方，誤差約一億分之四；float32 中央差分的最低點在百分之一，誤差約十萬分之七。往左，兩條 float64 以斜率 −1 上升；float32 也上升，到 10 的負 7 次方以下就停在 1。往右，中央差分的斜率是 2，單邊差分是 1。" alt-en="Relative error of the gradient against ε, log axes, three V-shaped curves. float64 both ways is lowest, 1e-10 at ε = 1e-5; one way has its minimum at 1e-7, only 4e-8; float32 is best at 1e-2 with only 7e-5. On the left both float64 curves rise with slope −1; float32 rises too, and stays at 1 below 1e-7; on the right both ways has slope 2, one way slope 1."
figure, ax = plt.subplots(figsize=(8, 3.4))
for (name, runs), marker in zip(errors.items(), "os^", strict=True):
    plotting.plot_band(ax, epsilons, runs, name, log=True, marker=marker)
ax.text(1e-10, 1e-4, "rounding: ∝ 1/ε")
ax.text(1e-3, 3e-9, "truncation: ∝ ε²")
ax.set(xscale="log", xlabel="ε (log)", ylabel="relative error (log)", ylim=(1e-11, 3))
ax = ax.legend(fontsize=9, loc="lower left")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 曲線是 U 形，因為有**兩種**誤差在拔河：
#
# - **截斷誤差**（truncation error）：曲線不是直線。中央差分讓 ε 的一次項抵消，剩下 ∝ ε²；單邊差分（one-sided difference）則是 ∝ ε。
# - **捨入誤差**（rounding error）：損失只準到相對誤差 u（機器精度），兩個幾乎相等的數相減，只剩下雜訊，再除以 ε：∝ u/ε。
#
# 兩者大小相當的地方最好：中央差分在 ε ≈ u^⅓（單邊差分則在 √u 附近，圖中是 10⁻⁷）。float64（u ≈ 10⁻¹⁶）是 10⁻⁵，float32（u ≈ 10⁻⁷）是 10⁻²。**用 float32 配上 ε = 10⁻⁵ 來檢查梯度，會把對的反向傳播判成錯的**：誤差有 6% 左右。
#
# **主張 5** 不論五個種子的哪一個，中央差分最好的 ε，在 float64 是 10⁻⁵，誤差小於 10⁻⁹；在 float32 是 10⁻²，誤差大於 10⁻⁵。float32 在 ε = 10⁻⁵ 時，誤差在 2% 到 20% 之間。單邊差分再好，誤差也是中央差分的 100 倍以上。
#
# **主張 6** 不論五個種子的哪一個，在 float64，ε 從 10⁻³ 加到 10⁻²，中央差分的誤差變成 90 到 110 倍，單邊差分的變成 9 到 11 倍；ε 從 10⁻⁹ 減到 10⁻¹⁰，中央差分的誤差變成 7 到 14 倍。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# The curve is a U because **two** errors pull against each other:
#
# - **Truncation**: the curve is not a straight line. Looking both ways cancels the term in ε and leaves ∝ ε²; looking one way leaves ∝ ε.
# - **Rounding**: a loss is exact only to a relative error u (machine precision); subtract two nearly equal ones and noise remains, which is then divided by ε: ∝ u/ε.
#
# Best is where they are about equal: ε ≈ u^⅓ looking both ways (one way: near √u, 10⁻⁷ in the figure). For float64 (u ≈ 10⁻¹⁶) that is 10⁻⁵, for float32 (u ≈ 10⁻⁷) it is 10⁻². **A check in float32 at ε = 10⁻⁵ calls a right backward pass wrong**: its own error is about 6 %.
#
# **Claim 5** For all five seeds: float64 is best at ε = 10⁻⁵, with an error below 10⁻⁹; float32 is best at 10⁻², with an error above 10⁻⁵, and at 10⁻⁵ its error lies between 2 % and 20 %. Looking one way is, at best, more than 100 times worse than both ways.
#
# **Claim 6** For all five seeds, in float64, from ε = 10⁻³ to 10⁻² the error grows 90- to 110-fold (looking one way: 9- to 11-fold); from 10⁻⁹ to 10⁻¹⁰ it grows 7- to 14-fold.

# %%
both, one, single = (errors[name] for name in ways)
best_at = [epsilons[runs.argmin(axis=1)] for runs in (both, single)]
right_places = np.allclose(best_at[0], 1e-5) and np.allclose(best_at[1], 1e-2)
print(f"float32 at ε = 1e-5: error {mean_interval(single[:, 7]):.1%}")
sizes = both.min(axis=1) < 1e-9, single.min(axis=1) > 1e-5, abs(single[:, 7] - 0.11) < 0.09
one_way_worse = one.min(axis=1) > 100 * both.min(axis=1)
claim(5, right_places and bool(np.all(sizes) and one_way_worse.all()))

# %%
growth = both[:, 10] / both[:, 9], one[:, 10] / one[:, 9], both[:, 2] / both[:, 3]
bounds = (90, 110), (9, 11), (7, 14)
within = [((g > low) & (g < high)).all() for g, (low, high) in zip(growth, bounds, strict=True)]
claim(6, all(within))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 訓練迴圈：十幾行
#
# 梯度有了，訓練就是：每一輪（epoch）把資料洗牌、分批；每一批算梯度、裁剪、走一步；每一輪結束在驗證集（validation set）上量一次。
#
# 平均損失按批次的**長度**加權（最後一批可能比較短），亂數由 `rng` 決定，不碰全域的產生器。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## The training loop: a dozen lines
#
# With gradients at hand, training is this: every epoch shuffles and cuts the data into batches; every batch gives a gradient, which is clipped and followed one step; every epoch ends with a measurement on validation.
#
# The mean loss weighs each batch by its **length** (the last may be short), and all chance comes from `rng`, never from the global generator.


# %%
def train(net, train_data, val_data, epochs, lr, rng):
    history = {"train_loss": [], "val_loss": [], "val_metric": []}
    for epoch in range(epochs):
        rate, losses, lengths = lr * 0.95 ** (epoch // 10), [], []
        for X, y in create_batches(*train_data, batch_size=32, rng=rng):
            loss, grads, _ = net.loss_and_grads(X, y)
            grads, _norm = clip_gradients(grads, max_norm=5.0)
            params = net.get_params()
            net.set_params({name: params[name] - rate * grads[name] for name in params})
            losses.append(loss)
            lengths.append(len(y))
        val_loss, val_accuracy = evaluate(net, *val_data)
        history["train_loss"].append(np.average(losses, weights=lengths))
        history["val_loss"].append(val_loss)
        history["val_metric"].append(val_accuracy)
    return history


# %% slideshow={"slide_type": "subslide"}
def turn_sets(seed):
    rng = seeding.rng(seed)
    return make_turns(400, rng), make_turns(400, rng), rng


# %%
def new_turns(seed):  # never seen in training, nor in choosing the epoch
    return make_turns(400, seeding.rng([seed, 1]))


def train_both_ways(seed):
    train_data, val_data, _ = turn_sets(seed)
    ours, theirs = (TurnNet(12, 16, 3, seeding.rng(seed)) for _ in range(2))
    rng = seeding.rng(seed)
    written_out = train(ours, train_data, val_data, epochs=25, lr=0.5, rng=rng)
    options = {"epochs": 25, "learning_rate": 0.5, "verbose": False, "rng": seed, "patience": 25}
    history = train_model(theirs, train_data, val_data, **options)
    return written_out, history, evaluate(theirs, *new_turns(seed))[1]


# %%
by_hand, by_library, tanh_net = zip(*[train_both_ways(seed) for seed in range(5)], strict=True)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 課程的 `train_model` 做的就是這件事，再加上檢查、早停，與完整的紀錄：六個串列，每輪一個數。`plot_training_curves` 把這些紀錄畫成四張小圖。先看種子 0。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# The course's `train_model` does just this, and adds checks, early stopping and a full record: six lists, one number per epoch. `plot_training_curves` draws them in four panels. Here is seed 0.

# %% alt-zh="四張小圖，橫軸都是輪數：訓練與驗證損失從 1.1 降到 0.1 左右；準確率從四成升到九成八；學習率每十輪下降一階；梯度範數從 0.55 起伏著降到 0.15。" alt-en="Four panels against epochs: training and validation loss fall from 1.1 to about 0.1; accuracy rises from four tenths to 98 %; the rate steps down every ten epochs; the gradient norm falls, with wobbles, from 0.55 to 0.15."
figure = plot_training_curves(by_library[0])
figure.set_size_inches(8.5, 4.6)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 它學到了嗎？和什麼比？
#
# 單看準確率（accuracy）一個數沒有意義。先定兩條基準（baseline）：瞎猜是三分之一；線性模型（scikit-learn 的邏輯迴歸）看同樣的 12 個數。`train_model` 結束時已經把驗證損失最低那一輪的參數放回去，所以兩者都各只有一個模型，在 400 筆新資料上各考一次。
#
# 想一想：起點隨機，三個類別的平均位置都在圓心。線性模型能做到多好？

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### Did it learn? Compared with what?
#
# An accuracy alone means nothing. Two floors: a guess (a third), and a linear model that sees the same 12 numbers. `train_model` put back the parameters of its lowest validation loss; each side has one model, examined once on 400 new rows.
#
# Predict: the start is random, so the mean position of all three classes is the centre. How well can a linear model do?


# %%
def linear_accuracy(seed):
    (X, y), _, _ = turn_sets(seed)
    X_new, y_new = new_turns(seed)
    model = LogisticRegression(max_iter=1000).fit(X.reshape(len(X), -1), y)
    return model.score(X_new.reshape(len(X_new), -1), y_new)


# %%
linear = np.array([linear_accuracy(seed) for seed in range(5)])
tanh_net = np.array(tanh_net)
print(f"linear model {mean_interval(linear):.1%}")
print(f"tanh network {mean_interval(tanh_net):.1%}")

# %% [markdown] lang="zh-TW"
# **主張 7** 換五個種子，上面的迴圈與 `train_model` 的訓練損失、驗證損失、準確率，每一輪必然相差不到 10⁻¹²。
#
# **主張 8** 不論五個種子的哪一個，在新資料上，tanh 網路的準確率都超過 93%，線性模型的都不到 50%。

# %% [markdown] lang="en"
# **Claim 7** For five seeds, training loss, validation loss and accuracy of the loop above and of `train_model` must differ by less than 10⁻¹² in every epoch.
#
# **Claim 8** For all five seeds, on new rows, the tanh network's accuracy is above 93 %, and the linear model's below 50 %.

# %%
pairs = zip(by_hand, by_library, strict=True)
claim(7, all(np.allclose(a[key], b[key], rtol=0, atol=1e-12) for a, b in pairs for key in a))
claim(8, bool((tanh_net > 0.93).all() and (linear < 0.5).all()))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 損失在下降，反向傳播就是對的嗎？
#
# 很多人用「損失有在降」來確認自己的反向傳播。我們故意寫錯四種，都是真的有人犯過的：
#
# - 忘了 tanh 的導數；
# - tanh 算了兩次：寫成 1 − tanh²(h)，但 h 已經是 tanh k；
# - 偏置的梯度取了平均，而不是相加；
# - 除以 B 之後，又除了類別數。
#
# 猜猜看：四種錯誤裡，有幾種的驗證損失曲線看起來沒有毛病？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## The loss falls; is the backward pass right?
#
# Many trust their backward pass because "the loss goes down". Here are four faults on purpose, each made by real people:
#
# - the derivative of tanh forgotten;
# - tanh applied twice: 1 − tanh²(h), where h is tanh k already;
# - bias gradients averaged instead of added up;
# - divided by B, and then by the number of classes, too.
#
# Guess: with how many of the four does the curve of the validation loss look all right?


# %%
def through_tanh(net, d_logits, slope_of_tanh):
    d_k = d_logits @ net.params["V"].T * slope_of_tanh
    return {"U": net.inputs.T @ d_k, "a": d_k.sum(axis=0)}


# %%
faults = {
    "none": lambda net, d, grads: {},
    "tanh forgotten": lambda net, d, grads: through_tanh(net, d, 1),
    "tanh twice": lambda net, d, grads: through_tanh(net, d, 1 - np.tanh(net.hidden) ** 2),
    "bias averaged": lambda net, d, grads: {name: grads[name] / len(d) for name in ("a", "c")},
    "classes averaged": lambda net, d, grads: {name: g / 3 for name, g in grads.items()},
}


# %% slideshow={"slide_type": "subslide"}
class FaultyNet(TurnNet):
    def backward(self, d_logits):
        grads = super().backward(d_logits)
        return grads | faults[self.fault](self, d_logits, grads)


# %%
def faulty_run(seed, fault):
    train_data, val_data, rng = turn_sets(seed)
    net = FaultyNet(12, 16, 3, rng)
    net.fault = fault
    checked = check_gradients(net, train_data[0][:32], train_data[1][:32])
    history = train(net, train_data, val_data, epochs=40, lr=0.5, rng=rng)
    return checked, history, evaluate(net, *new_turns(seed))[1]


# %%
faulty_runs = {fault: [faulty_run(seed, fault) for seed in range(5)] for fault in faults}

# %% slideshow={"slide_type": "subslide"} alt-zh="橫軸是輪數，縱軸是驗證損失，五條帶區間的曲線。正確的程式最快降到低處；tanh 算兩次的較慢、多除了類別數的更慢，但都平順下降；偏置取平均的前二十輪幾乎不動，之後才慢慢下降；忘了 tanh 導數的幾乎不動。" alt-en="Validation loss against epochs, five curves with bands. The right one falls fastest; tanh twice is slower and classes averaged slower still, but both fall smoothly; bias averaged hardly moves for twenty epochs, then falls slowly; tanh forgotten hardly moves."
figure, ax = plt.subplots(figsize=(8, 3.2))
for (fault, runs), marker in zip(faulty_runs.items(), "os^Dv", strict=True):
    curves = [history["val_loss"] for _, history, _ in runs]
    plotting.plot_band(ax, range(1, 41), curves, f"fault: {fault}", marker=marker)
ax.set(xlabel="epoch", ylabel="validation loss (nats)", ylim=(0, 1.6))
ax = ax.legend(fontsize=9, ncols=2, loc="upper right")

# %% slideshow={"slide_type": "subslide"}
rows = {}
for fault, runs in faulty_runs.items():
    gap = pd.DataFrame([checked for checked, *_ in runs]).mean()
    final = np.mean([accuracy for *_, accuracy in runs])
    rows[fault] = {name: f"≈{gap[name]:.0e}" for name in gap.index}
    rows[fault]["accuracy on new rows"] = f"≈{100 * final:.1f} %"
pd.DataFrame(rows).T.rename_axis("relative gap of:", axis=1)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 兩個錯誤**光看曲線抓不到**：損失平順地下降，只是比較慢，準確率也幾乎一樣（在新資料上考一次）；多除了類別數，等於把學習率除以三。另外兩個看起來像「模型不夠好」，你會去調學習率，而不是找錯。
#
# 梯度檢查一眼就看穿，還指出是哪一個陣列：對的陣列，差距是 10⁻¹⁰，錯的陣列是 10⁻¹ 上下，中間隔了九個數量級，不必猜門檻。
#
# **主張 9** 不論五個種子的哪一個，每種錯誤的最大相對差距都超過 0.05，沒有錯誤時都小於 10⁻⁸；而且「忘了 tanh」與「tanh 算兩次」只有 U、a 超過 10⁻⁸，「偏置取平均」只有 a、c。
#
# **主張 10** 「tanh 算兩次」和「多除了類別數」，五個種子在新資料上的準確率都超過 85%；平均而言，前者與正確的程式相差不到 3 個百分點，後者不到 8 個百分點（等效檢定，equivalence test：90% 信賴區間整個在界線之內）。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# Two faults **cannot be told from their curve**: the loss falls smoothly, only more slowly, and the accuracy (on new rows, once) is nearly the same; classes averaged is just a third of the rate. The other two look like "a model that is not good enough", and you would tune the rate instead of looking for the fault.
#
# The gradient check sees through all of them and names the array: 10⁻¹⁰ where it is right, near 10⁻¹ where it is wrong, nine orders of magnitude apart. There is no threshold to agonize over.
#
# **Claim 9** For all five seeds: every fault has a relative gap above 0.05, and without a fault all are below 10⁻⁸; with "tanh forgotten" and "tanh twice" only U and a are above 10⁻⁸, with "bias averaged" only a and c.
#
# **Claim 10** With "tanh twice" and with "classes averaged", all five seeds get above 85 % on new rows; on average the former is within 3 percentage points of the right one, the latter within 8 (a test of equivalence: the whole 90 % interval lies within the bound).

# %%
touched = {"tanh forgotten": "Ua", "tanh twice": "Ua", "bias averaged": "ac"}
found = []
for fault, runs in faulty_runs.items():
    gap = pd.DataFrame([checked for checked, *_ in runs])
    wrong = list({"none": "", "classes averaged": "UaVc", **touched}[fault])
    found.append((gap.drop(columns=wrong) < 1e-8).all(axis=None))
    found.append(fault == "none" or (gap.max(axis=1) > 0.05).all())
claim(9, all(found))

# %% slideshow={"slide_type": "subslide"}
final = {f: np.array([100 * accuracy for *_, accuracy in runs]) for f, runs in faulty_runs.items()}
alike = {
    fault: equivalence(final[fault], final["none"], margin)
    for fault, margin in {"tanh twice": 3, "classes averaged": 8}.items()
}
for fault, comparison in alike.items():
    print(f"accuracy, {fault} - none (points): {comparison:.1f}")
enough = all((final[fault] > 85).all() for fault in alike)
claim(10, bool(enough and all(comparison.shown for comparison in alike.values())))

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
# An element-wise check costs 2d forward passes, d being the number of parameters. Here is a cheap idea: toss d coins, +1 or −1 for each parameter, which gives a direction u; measure the slope along it once, with **two** forward passes, and multiply by u again:
#
# ĝ = slope × u, where slope ≈ g·u
#
# What does this estimate give on average? uᵢ² = 1, and the product of different uᵢ, uⱼ is 0 on average, so E[u uᵀ] is the identity and E[ĝ] = E[u uᵀ] g = g. As far as the slope itself is exact (its truncation error is ∝ ε²), the average is **exactly right**; statisticians say **unbiased** (Spall, 1992).
#
# And how good is a single estimate? Guess: with 259 parameters and one direction, what is the cosine of the angle between ĝ and the true gradient?


# %% slideshow={"slide_type": "subslide"}
def unflatten(vector, like):
    parts, start = {}, 0
    for name, values in like.items():
        parts[name] = vector[start : start + values.size].reshape(values.shape)
        start += values.size
    return parts


# %%
def loss_of(net, X, y):
    def loss(theta):
        net.set_params(unflatten(theta, net.params))
        return bare_loss(net.forward(X), y)

    return loss


# %%
def slopes_along(loss, theta, directions, epsilon=1e-5):
    ahead = [loss(theta + epsilon * u) for u in directions]
    behind = [loss(theta - epsilon * u) for u in directions]
    return (np.array(ahead) - np.array(behind)) / (2 * epsilon)


# %%
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
# （用常態分布的方向，則是 K + d + 1。）下面再放進一個常見的錯誤：把 ±1 換成 0 到 1 之間的亂數 `rng.random()`，忘了要有正有負。多取一些方向，救得回來嗎？

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### More directions, larger cosine
#
# Average K directions. The expectation of ĝ is g, but it carries a heap of noise with it: E‖ĝ‖² = ‖g‖² (K + d − 1)/K. Hence
#
# cos(ĝ, g) ≈ √(K / (K + d − 1))
#
# (With normally distributed directions it is K + d + 1.) Beside it we draw a common mistake: numbers between 0 and 1 from `rng.random()` in place of ±1, forgetting that there must be two signs. Will more directions save it?


# %%
def cosine(a, b):
    return a @ b / (np.linalg.norm(a) * np.linalg.norm(b))


# %%
def cosines(seed, draw, counts):
    net, X, y = fresh_net(seed)
    gradient = flatten(net.loss_and_grads(X, y)[1])
    rng, found = seeding.rng(100 + seed), []
    for count in counts:
        U = draw(rng, (count, len(gradient)))
        found.append(cosine((U @ gradient) @ U, gradient))  # the slope along u is g.u
    return found


# %%
counts = 4 ** np.arange(7)
draws = {
    "±1": lambda rng, shape: rng.choice([-1.0, 1.0], size=shape),
    "0 to 1, the mistake": lambda rng, shape: rng.random(shape),
}

# %%
cosine_runs = {
    name: np.array([cosines(seed, draw, counts) for seed in range(20)])
    for name, draw in draws.items()
}
theory = np.sqrt(counts / (counts + 259 - 1))

# %% slideshow={"slide_type": "subslide"} alt-zh="橫軸是方向個數 K（對數刻度），縱軸是餘弦。±1 的曲線從 0.04 上升，K = 256 時約 0.7，4096 時約 0.97；K = 1 略低於理論的灰線，其餘與灰線重合；0 到 1 的亂數停在 0.2 以下，再多也上不去。" alt-en="Cosine against the number of directions K, log axis. The ±1 curve rises from 0.04 to about 0.7 at K = 256 and 0.97 at 4096, a little below the grey line of theory at K = 1 and on it elsewhere; random numbers from 0 to 1 stay below 0.2 however many there are."
figure, ax = plt.subplots(figsize=(8, 3.2))
ax.plot(counts, theory, color="gray", linewidth=7, alpha=0.3, label="√(K / (K + d − 1))")
for (name, runs), marker in zip(cosine_runs.items(), "os", strict=True):
    plotting.plot_band(ax, counts, runs, f"directions {name}", marker=marker)
ax.set(xscale="log", xlabel="number of directions K (log)", ylabel="cosine with the gradient")
ax.set_ylim(0, 1)
ax = ax.legend(fontsize=9)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 一個方向平均只有 0.05 左右（公式的 0.06 是方均根）：幾乎垂直。要到 0.71，需要 K = d 個方向，而那正好是逐元素檢查的代價，後者的餘弦是 1。天下沒有白吃的午餐。
#
# 「0 到 1」則永遠偏向「所有參數一起增加或一起減少」那條線：E[u uᵀ] 不是單位矩陣，取再多也不會變對。這叫**有偏**（biased），而有偏的估計，平均救不了。
#
# **主張 11** 20 個網路平均起來，±1 的餘弦在每個 K 都與理論相差不到 0.04；`compute_numerical_gradient_fast` 用 256 個方向，每個網路的餘弦都在 0.6 與 0.8 之間。
#
# **主張 12** K = 4,096 時，每個網路用 ±1 的餘弦都超過 0.95；用「0 到 1」的餘弦，平均還不到 0.5。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# One direction gives about 0.05 on average (the formula's 0.06 is the root mean square): almost a right angle. Getting to 0.71 takes K = d directions, and that is what the element-wise check costs, whose cosine is 1. There is no free lunch.
#
# "0 to 1" always leans towards the line "all parameters up, or all down, together": E[u uᵀ] is not the identity, and no number of directions mends that. This is called **bias**, and averaging does not cure bias.
#
# **Claim 11** For 20 nets, the mean cosine of ±1 is within 0.04 of theory at every K; with 256 directions, `compute_numerical_gradient_fast` has a cosine between 0.6 and 0.8 every time.
#
# **Claim 12** At K = 4,096 the cosine of ±1 is above 0.95 every time; the mean of "0 to 1" is below 0.5.

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
claim(11, bool(near_theory and min(library_cosines) > 0.6 and max(library_cosines) < 0.8))
claim(12, bool((signs[:, -1] > 0.95).all() and mistake[:, -1].mean() < 0.5))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 一個梯度要多久？
#
# 解析梯度（analytic gradient，也就是反向傳播）、一個隨機方向、逐元素，各算一次梯度要多少時間？把隱藏層（hidden layer）從 4 加寬到 256。
#
# 先猜：參數變成 60 倍，三種各變慢幾倍？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## How long does one gradient take?
#
# The analytic gradient (back-propagation), one random direction, and element by element: how long does each need for one gradient? Widen the hidden layer from 4 to 256.
#
# Guess: with 60 times the parameters, how much slower is each?


# %%
def seconds(work, repeats=5):
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return np.median(times)


# %%
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
# 逐元素既要更多次前向，每次前向也更久，所以陡得多。一個隨機方向和解析梯度**花的時間差不多**，但前者的餘弦是 0.05，後者是 1：有反向傳播可用的時候，沒有理由用隨機方向來訓練。
#
# 這就是每個框架都做反向傳播的原因，也是值得親手寫一遍的原因。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# Element by element needs more forward passes and longer ones, so it climbs much faster. One random direction costs **about as much** as the analytic gradient, with a cosine of 0.05 where the latter has 1: where there is a backward pass, nothing speaks for training with directions.
#
# This is why every framework does back-propagation, and why writing it by hand is worth the trouble.

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 沒有反向傳播時：要少而準，還是多而粗？
#
# 假如真的沒有反向傳播（模擬器、黑盒子），只有前向可用。固定 4,000 次前向的預算，訓練同一批 60 列資料：
#
# - 逐元素：518 次前向換一個完全正確的梯度，只能走 7 步；
# - 一個隨機方向：2 次前向換一個餘弦 0.05 的方向，可以走 2,000 步；
# - 解析梯度（算作 3 次前向）當作對照：1,333 步。
#
# 每種方法先在別的種子上挑學習率。先猜：4,000 次之後，逐元素和隨機方向，誰的損失低？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Without a backward pass: few exact steps or many rough ones?
#
# Suppose there really is none (a simulator, a black box), and forward passes are all you have. With a budget of 4,000 of them, train on one fixed batch of 60 rows:
#
# - element by element: 518 passes buy one exact gradient, 7 steps in all;
# - one random direction: 2 passes buy a direction with a cosine of 0.05, 2,000 steps;
# - the analytic gradient (counted as 3 passes) for comparison: 1,333 steps.
#
# Each picks its rate on other seeds. Guess: after 4,000 passes, who has the lower loss, element by element or random directions?


# %%
def analytic(net, X, y, theta, rng):
    net.set_params(unflatten(theta, net.params))
    return flatten(net.loss_and_grads(X, y)[1])


def one_direction(net, X, y, theta, rng):
    return random_gradient(loss_of(net, X, y), theta, 1, rng)


def element_by_element(net, X, y, theta, rng):
    return slopes_along(loss_of(net, X, y), theta, np.eye(len(theta)))


# %% slideshow={"slide_type": "subslide"}
budget = np.geomspace(3, 4000, 60)


def spend(method, passes_a_step, lr, seed):
    net, X, y = fresh_net(seed, num_rows=60)
    theta, loss, rng = flatten(net.params), loss_of(net, X, y), seeding.rng(seed)
    losses = [loss(theta)]
    for _ in range(4000 // passes_a_step):
        theta = theta - lr * method(net, X, y, theta, rng)
        losses.append(loss(theta))
    return np.interp(budget, passes_a_step * np.arange(len(losses)), losses)


# %% slideshow={"slide_type": "subslide"}
methods = {
    "element by element": (element_by_element, 518, [1.0, 3.0, 10.0]),
    "one random direction": (one_direction, 2, [0.02, 0.1, 0.5]),
    "analytic": (analytic, 3, [1.0, 3.0, 10.0]),
}
spent = {}
for name, (method, passes, rates) in methods.items():
    final = [[spend(method, passes, lr, seed)[-1] for seed in range(10, 14)] for lr in rates]
    chosen = rates[int(np.argmin(np.max(final, axis=1)))]  # whose worst run is best
    spent[name] = np.array([spend(method, passes, chosen, seed) for seed in range(5)])
    print(f"{name:21s} rate {chosen:<5g} final loss {mean_interval(spent[name][:, -1]):.4f}")

# %% slideshow={"slide_type": "subslide"} alt-zh="橫軸是前向次數，縱軸是訓練損失，都是對數刻度。逐元素走得很少，停在 0.9 左右；一個隨機方向降到百分之一左右；解析梯度先衝到 10 以上，約 60 次前向後最低，最後降到萬分之一左右。" alt-en="Training loss against forward passes, log axes. Element by element takes few steps and stays near 0.9; one random direction gets down to about a hundredth; the analytic gradient first rises above 10, is lowest after some 60 passes, and ends near a ten-thousandth."
figure, ax = plt.subplots(figsize=(8, 3.2))
for name, curves in spent.items():
    plotting.plot_band(ax, budget, curves, name, log=True)
ax.set(xscale="log", xlabel="forward passes (log)", ylabel="training loss (nats, log)")
ax = ax.legend(fontsize=9, loc="lower left")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 粗的贏了，而且贏了很多。精確的一步受制於最陡的方向：學習率 10 會讓損失先衝到 10 以上，約 20 步後才降下來（看解析梯度那條線），只有 7 步等不到那時候；學習率小一點，7 步又走不了多遠。隨機方向幾乎總是避開最陡的那幾個方向，每一步雖然歪，平均起來卻是對的，而且走了 2,000 步。（大型語言模型也可以只用前向來微調：Malladi 等人，2023。他們的解釋是，預訓練過的模型，損失的局部有效秩很低。）
#
# 但兩者離解析梯度都很遠。所以結論有三句：要**檢查**並找出錯在哪個陣列，用逐元素（若只問對不對，一個隨機方向就夠，見練習 1）；沒有反向傳播而要**訓練**，就用隨機方向；有反向傳播，就用反向傳播。
#
# **主張 13** 不論五個種子的哪一個，花完 4,000 次前向之後，隨機方向的損失都不到逐元素的十分之一，解析梯度的損失又不到隨機方向的五分之一。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# The rough ones win, by far. An exact step is bound by the steepest direction: at rate 10 the loss first jumps above 10 and takes some 20 steps to come down (see the analytic curve), which 7 steps do not live to see; and at a smaller rate 7 steps do not lead far. A random direction almost always misses the few steepest ones; each step is askew, their average is right, and there were 2,000 of them. (Large language models, too, have been fine-tuned with forward passes alone: Malladi et al., 2023, who explain it by the low local effective rank of the loss once a model is pre-trained.)
#
# Both are far from the analytic gradient. So the conclusion has three sentences: to **check** and learn which array is wrong, element by element (one random direction is enough to learn whether anything is, see exercise 1); to **train** without a backward pass, random directions; where there is a backward pass, use it.
#
# **Claim 13** For all five seeds: with 4,000 passes spent, the loss of random directions is below a tenth of element by element's, and the analytic gradient's below a fifth of random directions'.

# %%
exact_few, rough_many, with_backward = (curves[:, -1] for curves in spent.values())
claim(13, bool((rough_many < exact_few / 10).all() and (with_backward < rough_many / 5).all()))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 裁剪：一個倍數，還是一個陣列一個？
#
# 梯度裁剪（gradient clipping）把太長的梯度縮短。參數分成好幾個陣列，範數（norm）該怎麼算？**全域範數**（global norm）把所有陣列的數字放在一起，全部乘上同一個倍數；「每個陣列各自裁」看起來也有道理。
#
# 想一想：縮短之後，方向還一樣嗎？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Clipping: one factor, or one for each array?
#
# Gradient clipping shortens a gradient that is too long. The parameters are several arrays; which norm is meant? The **global norm** takes the numbers of all arrays together and scales all by one factor; "clip each array by itself" sounds reasonable too.
#
# Predict: once shortened, do they still point the same way?


# %%
def clip_both_ways(seed, max_norm=0.05):
    net, X, y = fresh_net(seed)
    _, grads, _ = net.loss_and_grads(X, y)
    together, _ = clip_gradients(grads, max_norm)
    alone = {name: clip_gradients({name: g}, max_norm)[0][name] for name, g in grads.items()}
    return grads, together, alone


# %%
clipped = clip_both_ways(seed=0)
for name in "UaVc":
    norms = [np.linalg.norm(arrays[name]) for arrays in clipped]
    print("norm of {}: before ≈{:.3f}, together ≈{:.4f}, each alone ≈{:.4f}".format(name, *norms))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 這裡四個陣列都超過上限，各自裁就變得一樣長，原本不重要的偏置和權重平起平坐：方向被扭彎了。一起裁，比例不變。
#
# `clip_gradients` 回傳**新的**陣列和**裁剪前**的範數：前者保證呼叫者手上的梯度原封不動，後者是最好用的監測指標（上面四張小圖的右下角）。
#
# **主張 14** 20 個網路，一起裁剪時，餘弦與 1 必然相差不到 10⁻¹²；各自裁剪時，餘弦的平均低於 0.95，而且每一個都低於 0.999。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# Here all four arrays exceed the limit, so clipping each by itself makes them equally long, and a bias gradient that hardly mattered counts as much as a weight matrix's: the direction is bent. Together, the proportions stay.
#
# `clip_gradients` returns **new** arrays and the norm **before** clipping: the former leaves the caller's gradient alone, the latter is the most useful monitor there is (bottom right in the four panels above).
#
# **Claim 14** For 20 nets: clipped together, the cosine must be within 10⁻¹² of 1; each alone, its mean is below 0.95, and every one below 0.999.

# %%
kept, bent = [], []
for seed in range(20):
    grads, together, alone = (flatten(arrays) for arrays in clip_both_ways(seed))
    kept.append(abs(1 - cosine(together, grads)))
    bent.append(cosine(alone, grads))
print(f"each alone: cosine {mean_interval(bent):.3f}")
claim(14, bool(max(kept) < 1e-12 and np.mean(bent) < 0.95 and max(bent) < 0.999))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 早停：「最佳參數」真的還在嗎？
#
# 早停要記住驗證損失最低時的參數。下面這個寫法看起來完全沒問題，網路上到處都是。
#
# 雜訊更大的資料（0.7）、只有 200 列，過擬合（overfitting）會很明顯。訓練時就地更新參數（`values -= …`），這也很常見。
#
# 先猜：訓練完把「最佳參數」放回模型，驗證損失會是多少？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Early stopping: are the "best parameters" still there?
#
# Early stopping must remember the parameters of the lowest validation loss. The version below looks fine, and can be found everywhere.
#
# With noisier data (0.7) and 200 rows only, overfitting is plain to see. The training updates its parameters in place (`values -= …`), which is common too.
#
# Predict: with the "best parameters" put back at the end, what will the validation loss be?


# %%
class LeakyStopping:
    def __init__(self, patience):
        self.patience, self.bad_calls, self.best_loss = patience, 0, np.inf

    def __call__(self, val_loss, params):
        self.bad_calls += 1
        if val_loss < self.best_loss:
            self.best_loss, self.best_params, self.bad_calls = val_loss, params, 0
        return self.bad_calls >= self.patience

    def get_best_params(self):
        return self.best_params


# %% slideshow={"slide_type": "subslide"}
def train_in_place(seed, stopping, epochs=60):
    rng = seeding.rng(seed)
    train_data, val_data = (make_turns(n, rng, noise=0.7) for n in (200, 300))
    net, val_losses = TurnNet(12, 16, 3, rng), []
    for _ in range(epochs):
        for X, y in create_batches(*train_data, batch_size=25, rng=rng):
            _, grads, _ = net.loss_and_grads(X, y)
            for name, values in net.get_params().items():
                values -= 0.5 * grads[name]
        val_losses.append(evaluate(net, *val_data)[0])
        stopping(val_losses[-1], net.get_params())
    net.set_params(stopping.get_best_params())
    return val_losses, evaluate(net, *val_data)[0]


# %%
stoppings = {"LeakyStopping": LeakyStopping, "EarlyStopping": EarlyStopping}
restored = {
    name: [train_in_place(seed, stopping(patience=10)) for seed in range(5)]
    for name, stopping in stoppings.items()
}

# %% slideshow={"slide_type": "subslide"} alt-zh="橫軸是輪數，縱軸是種子 0 的驗證損失，先降後升，呈 U 形。LeakyStopping 放回的是最後一輪的高損失，以叉標示；EarlyStopping 放回谷底，以星標示。" alt-en="Validation loss of seed 0 against epochs falls, then rises: a U. What LeakyStopping puts back has the high loss of the last epoch, marked by a cross; EarlyStopping puts back the bottom, marked by a star."
val_losses, mended = restored["EarlyStopping"][0]
_, leaked = restored["LeakyStopping"][0]
figure, ax = plt.subplots(figsize=(8, 3.0))
ax.plot(range(1, 61), val_losses, label="validation loss")
best_epoch = int(np.argmin(val_losses)) + 1
ax.plot(best_epoch, leaked, "X", markersize=13, label="put back by LeakyStopping")
ax.plot(best_epoch, mended, "*", markersize=16, label="put back by EarlyStopping")
ax.set(xlabel="epoch", ylabel="loss (nats)")
ax = ax.legend(fontsize=9)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# `params` 是字典，裡面是**同一批陣列**。訓練繼續就地更新，「最佳參數」也跟著動：最後放回去的，就是最後一輪的參數。模型回不到谷底，分數卻寫著谷底的數字。
#
# 還有第二個漏洞：`get_best_params` 回傳自己保存的陣列，拿到的人一動，保存的也跟著動。課程的 `EarlyStopping` **進來時複製，出去時也複製**；`train_model` 不論有沒有提早停，最後都會放回最佳參數。
#
# **主張 15** 換五個種子，EarlyStopping 放回的模型，驗證損失必然等於紀錄裡最低的（相差不到 10⁻¹²）；LeakyStopping 放回的模型，損失必然等於最後一輪的，不論哪個種子都比最低的高，平均高出 0.1 以上。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# `params` is a dict, and the arrays in it are **the same arrays**. Training goes on writing into them, and the "best parameters" move along: what is put back are the last epoch's. The model never returns to the bottom, while the record says it did.
#
# There is a second leak: `get_best_params` hands out its own arrays, and whoever writes into them changes what is kept. The course's `EarlyStopping` **copies on the way in and on the way out**; and `train_model` puts the best parameters back whether or not it stopped early.
#
# **Claim 15** For five seeds, the model that EarlyStopping puts back must have the lowest validation loss on record (within 10⁻¹²), and that of LeakyStopping the last epoch's; this is higher for every seed, and on average by more than 0.1.

# %%
mended = [loss - min(curve) for curve, loss in restored["EarlyStopping"]]
leaked = [loss - min(curve) for curve, loss in restored["LeakyStopping"]]
is_last = [np.isclose(loss, curve[-1], atol=1e-12) for curve, loss in restored["LeakyStopping"]]
print(f"LeakyStopping: {mean_interval(leaked):.2f} above the lowest")
claim(
    15, max(np.abs(mended)) < 1e-12 and all(is_last) and min(leaked) > 0 and np.mean(leaked) > 0.1
)

# %%
stopping = EarlyStopping(patience=3)
stopping(1.0, {"w": np.ones(2)})
handed_out = stopping.get_best_params()
handed_out["w"][:] = 99
print("kept:", stopping.get_best_params()["w"], " handed out and overwritten:", handed_out["w"])

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 學習率排程，畫出來
#
# 排程是一個函式：收到 `(epoch, initial_lr)`，也就是第幾輪與初始學習率，回傳這一輪的學習率（learning rate）。階梯與餘弦各一行；`PlateauSchedule` 不一樣，要看驗證損失，停滯（plateau）了才砍。
#
# 猜猜看：把剛才那條 U 形的驗證損失交給 `PlateauSchedule`（耐心 5 輪、砍半），學習率會砍幾次？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Schedules, drawn
#
# A schedule is a function: (epoch, initial rate) → this epoch's rate. Staircase and cosine take one line each; `PlateauSchedule` is different: it watches the validation loss and cuts where there is no progress.
#
# Guess: shown the U-shaped validation loss from above (patience 5, cut by half), how many times will it cut?


# %%
def staircase(epoch, initial_lr, decay=0.5, decay_every=10):
    return initial_lr * decay ** (epoch // decay_every)


def cosine_wave(epoch, initial_lr, num_epochs=60):
    return initial_lr * (1 + np.cos(np.pi * epoch / num_epochs)) / 2


# %%
def draw_rates(schedule):
    rates = []
    for epoch, val_loss in enumerate(val_losses):
        rates.append(schedule(epoch, 0.1))
        if hasattr(schedule, "observe"):
            schedule.observe(val_loss)
    return rates


# %% slideshow={"slide_type": "subslide"} alt-zh="橫軸是輪數，縱軸是四種排程的學習率：階梯每十輪減半；餘弦由慢到快再到慢降到零；先暖身十輪再走餘弦；停滯排程一直維持 0.1，到驗證損失不再下降後連砍好幾次。" alt-en="The rates of four schedules against epochs: a staircase that halves every ten; a cosine, slow, fast, slow, down to zero; ten epochs of warm-up, then a cosine; a plateau schedule that stays at 0.1 until the validation loss stops falling, and then cuts again and again."
warm_up = schedules.WarmupSchedule(schedules.CosineSchedule(50), 10, start_factor=0.1)
plateau = schedules.PlateauSchedule(factor=0.5, patience=5)
drawn = {
    "staircase": staircase,
    "cosine": cosine_wave,
    "warm-up, cosine": warm_up,
    "plateau": plateau,
}
rates = {name: draw_rates(schedule) for name, schedule in drawn.items()}
figure, ax = plt.subplots(figsize=(8, 2.9))
for name, values in rates.items():
    ax.step(range(60), values, where="post", label=name)
ax.set(xlabel="epoch", ylabel="rate", ylim=(0, 0.105))
ax = ax.legend(fontsize=9, loc="upper right")


# %% slideshow={"slide_type": "subslide"}
def torch_rates(make_scheduler, watches_loss=False):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
    scheduler, rates = make_scheduler(optimizer), []
    for val_loss in val_losses:
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step(*[val_loss] * watches_loss)
    return rates


# %%
by_torch = {
    "staircase": torch_rates(lambda o: lr_scheduler.StepLR(o, 10, 0.5)),
    "cosine": torch_rates(lambda o: lr_scheduler.CosineAnnealingLR(o, 60)),
    "plateau": torch_rates(
        lambda o: lr_scheduler.ReduceLROnPlateau(o, factor=0.5, patience=5), True
    ),
}

# %% [markdown] lang="zh-TW"
# **主張 16** 階梯、餘弦、停滯三種排程，60 輪的學習率必然與 `torch.optim.lr_scheduler` 的相差不到 10⁻¹²；停滯排程每一次砍之前的六輪，驗證損失必然都沒有進步（比之前最低的再低萬分之一以上，才算進步）。在這條 U 形曲線上，停滯排程至少砍三次。
#
# 但停滯排程不知道谷底在哪裡：損失只要六輪沒有進步，學習率就砍，之後損失還是可能再降。

# %% [markdown] lang="en"
# **Claim 16** For staircase, cosine and plateau, all 60 rates must be within 10⁻¹² of those of `torch.optim.lr_scheduler`; and in the six epochs before each cut of the plateau schedule the validation loss must have made no progress (which means falling below its lowest by more than one part in ten thousand). On this U-shaped curve it cuts at least three times.
#
# Yet it does not know where the bottom is: six epochs without progress and it cuts, and the loss may still fall later.

# %%
same = [np.allclose(by_torch[name], rates[name], rtol=0, atol=1e-12) for name in by_torch]
cuts = np.flatnonzero(np.diff(rates["plateau"]) < 0) + 1
print("plateau cuts before epochs", *(cuts + 1), "and the lowest loss is at epoch", best_epoch)
patient = all(
    min(val_losses[cut - 6 : cut]) >= (1 - 1e-4) * min(val_losses[: cut - 6]) for cut in cuts
)
claim(16, all(same) and patient and len(cuts) >= 3)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 記憶體不夠？分幾次算梯度
#
# 批次想要 32，記憶體只裝得下 12。**梯度累積**：把批次切成幾份，一份一份算梯度，加起來再走一步。`train_step(..., accumulate=3)` 就是這樣。
#
# 32 切成三份是 11、11、10。想一想：把三份的平均梯度再取平均，等於整批的梯度嗎？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Short of memory? Compute the gradient in parts
#
# You want a batch of 32, and memory holds 12. **Gradient accumulation**: cut the batch into parts, find each part's gradient, add them up, then step once. `train_step(..., accumulate=3)` does this.
#
# Cut into three, 32 rows become 11, 11 and 10. Predict: is the mean of the three mean gradients the gradient of the whole batch?


# %%
def moved_by_one_step(seed, accumulate):
    net, X, y = fresh_net(seed)
    before = flatten(net.params)
    train_step(net, X, y, learning_rate=0.5, accumulate=accumulate)
    return flatten(net.params) - before


# %%
def moved_by_mean_of_means(seed, parts):
    net, X, y = fresh_net(seed)
    pieces = np.array_split(np.arange(32), parts)
    means = [flatten(net.loss_and_grads(X[rows], y[rows])[1]) for rows in pieces]
    return -0.5 * np.mean(means, axis=0)


# %%
whole = [moved_by_one_step(seed, 1) for seed in range(20)]
for parts in (2, 3, 5, 32):
    library = [relative_gap(moved_by_one_step(s, parts), whole[s]) for s in range(20)]
    means = [relative_gap(moved_by_mean_of_means(s, parts), whole[s]) for s in range(20)]
    print(f"{parts:2d} parts: accumulate ≈{max(library):.0e}, mean of means ≈{max(means):.0e}")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 份數整除時，兩種都對；不整除時，「平均的平均」會讓短的那一份權重過大。要按每份的列數加權。（[[mnist_mlp]]的評估也是同一個道理。）
#
# **主張 17** 換 20 個種子，分成 2、3、5、32 份，`accumulate` 走的那一步與整批的相對差距必然小於 10⁻¹²；分成 3 份或 5 份時，「平均的平均」與整批的相對差距都大於 10⁻⁴。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# Where the parts are equal, both are right; where they are not, the mean of means gives the short part too much weight. Weigh each by its number of rows. (The evaluation of [[mnist_mlp]] was the same point.)
#
# **Claim 17** For 20 seeds and 2, 3, 5 and 32 parts, the step of `accumulate` must be within a relative gap of 10⁻¹² of the whole batch's; with 3 or 5 parts the mean of means is off by more than 10⁻⁴ every time.

# %%
accumulated = [
    relative_gap(moved_by_one_step(s, p), whole[s]) for s in range(20) for p in (2, 3, 5, 32)
]
off = [relative_gap(moved_by_mean_of_means(s, p), whole[s]) for s in range(20) for p in (3, 5)]
claim(17, max(accumulated) < 1e-12 and min(off) > 1e-4)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 混合精度：float16 裝得下你的梯度嗎？
#
# float16 省一半的記憶體，GPU 上也快得多。代價是範圍很窄：大於 65,504 就變成 inf，小於 3×10⁻⁸ 就變成 **0**（下溢，underflow）。
#
# 我們這個小網路的梯度大約 10⁻²，沒事。但梯度的大小取決於損失的單位：輔助損失若乘上很小的權重，整個分布就往左移；對幾百萬個字取平均，每個字的 ∂L/∂z 也都帶著 1/N。下面把損失乘上 10⁻⁶ 看看。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Mixed precision: does float16 hold your gradient?
#
# float16 halves the memory and is much faster on a GPU. The price is a narrow range: above 65,504 it is inf, and below 3×10⁻⁸ it is **0** (underflow).
#
# The gradients of our small network are about 10⁻², and safe. But their size depends on the unit of the loss: a small weight on an auxiliary loss pushes the whole distribution to the left; and in a mean over millions of words, each word's ∂L/∂z carries a factor 1/N. Below, the loss is multiplied by 10⁻⁶.


# %%
class WeightedNet(TurnNet):
    loss_weight = 1.0

    def loss_and_grads(self, X, y, task="classification"):
        loss, grads, logits = super().loss_and_grads(X, y)
        scaled = {name: (self.loss_weight * g).astype(np.float32) for name, g in grads.items()}
        return self.loss_weight * loss, scaled, logits


# %%
def weighted_net(seed, loss_weight):
    net, X, y = fresh_net(seed, num_rows=400, net_class=WeightedNet)
    net.set_params({name: values.astype(np.float32) for name, values in net.params.items()})
    net.loss_weight = loss_weight
    return net, X.astype(np.float32), y


# %% slideshow={"slide_type": "subslide"}
def gradient_sizes(loss_weight):
    sizes = []
    for seed in range(5):
        net, X, y = weighted_net(seed, loss_weight)
        sizes.append(abs(flatten(net.loss_and_grads(X[:32], y[:32])[1])))
    return np.concatenate(sizes)


# %%
sizes = {"loss": gradient_sizes(1.0), "10⁻⁶ × loss": gradient_sizes(1e-6)}
sizes["10⁻⁶ × loss × 2¹⁵"] = 2**15 * sizes["10⁻⁶ × loss"]
for name, values in sizes.items():
    print(f"{name:20s} zero in float16: ≈{np.mean(values.astype(np.float16) == 0):.0%}")

# %% slideshow={"slide_type": "subslide"} alt-zh="梯度大小的三個直方圖，橫軸是梯度大小的 log10。原本的損失落在百分之一附近，完全在 float16 的範圍內；乘上 10 的負 6 次方後大半落進左邊變成 0 的灰色區域；再乘 2 的 15 次方，又回到範圍內。" alt-en="Three histograms of gradient sizes on a log10 axis. The loss itself gives sizes near 1e-2, well inside float16; times 1e-6 most fall into the grey region on the left that becomes 0; times 2^15 they are back inside."
figure, ax = plt.subplots(figsize=(8, 3.0))
for (name, values), style in zip(sizes.items(), ["-", "--", ":"], strict=True):
    ax.hist(np.log10(values), bins=40, histtype="step", label=name, linestyle=style, linewidth=2)
ax.axvspan(-13, np.log10(2.0**-25), color="gray", alpha=0.3)
ax.axvline(np.log10(65504), color="black", linewidth=1)
ax.text(-12.8, 95, "becomes 0")
ax.text(4.95, 95, "inf")
ax.set(xlabel="log10 of the gradient's size", ylabel="count", xlim=(-13, 6), ylim=(0, 110))
ax = ax.legend(fontsize=9, loc="upper center", ncols=3)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 損失縮放
#
# 解法（Micikevicius 等人，2018）：反向傳播之前把損失乘上 S，梯度跟著變成 S 倍，躲過下溢；在 float32 裡除回去，再更新 float32 的主要權重（master weights）。論文裡的 S 是固定的；這裡像 PyTorch 的 `GradScaler` 那樣，由程式自己找：溢位就減半、跳過這一步；一陣子沒事就加倍。
#
# 用 Adam 訓練，各種損失權重。只要 Adam 的 `eps` 小到可以忽略（下面用 10⁻²⁰，不是預設的 10⁻⁸），梯度的單位就不影響結果，在 float32 裡這幾種權重都該一樣。猜猜看：權重 10⁻⁶ 時，將近八成的梯度變成 0，準確率剩多少？

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### Loss scaling
#
# The remedy (Micikevicius et al., 2018): multiply the loss by S before the backward pass; gradients become S times as large and escape the underflow; divide them by S in float32 and update master weights in float32. The paper's S is constant; here the program finds it, as PyTorch's `GradScaler` does: an overflow halves it and skips the step; a while without one doubles it.
#
# Train with Adam at several loss weights. As long as Adam's `eps` is negligible (10⁻²⁰ below, not the default 10⁻⁸), it does not mind the unit of gradients, and in float32 all these weights should give the same. Guess: at weight 10⁻⁶, with nearly 80 % of the gradients at 0, what is left of the accuracy?


# %%
def half_precision_run(seed, loss_weight, loss_scale):
    net, X, y = weighted_net(seed, loss_weight)
    X_val, y_val = make_turns(400, seeding.rng(1000 + seed))
    adam = optimizers.Adam(eps=1e-20)  # the usual 1e-8 would drown such gradients
    options = {"epochs": 12, "patience": 12, "verbose": False, "clip_norm": np.inf, "rng": seed}
    options |= {"learning_rate": 0.02, "optimizer": adam, "loss_scale": loss_scale}
    history = train_model(net, (X, y), (X_val.astype(np.float32), y_val), **options)
    return {"accuracy": history["val_metric"][-1], "skipped": sum(history["skipped_steps"])}


# %%
weights = [1.0, 1e-3, 1e-6, 1e-7]
scales = {"float16, no scaling": 1.0, "float16, loss scaling": DynamicLossScale()}

# %%
runs = {
    name: run_seeds(
        half_precision_run,
        settings={str(w): {"loss_weight": w, "loss_scale": scale} for w in weights},
        n_jobs=1,
    )
    for name, scale in scales.items()
}
half = {name: run["accuracy"].to_numpy().reshape(len(weights), 5) for name, run in runs.items()}

# %% slideshow={"slide_type": "subslide"} alt-zh="橫軸是損失的權重（對數刻度），縱軸是驗證準確率。有損失縮放的線一直在 97% 左右；沒有縮放的在 10 的負 6 次方略低，到 10 的負 7 次方突然掉到瞎猜的三分之一。" alt-en="Validation accuracy against the weight of the loss, log axis. With loss scaling it stays near 97 %; without, it is a little lower at 1e-6 and falls off a cliff to a guess, one third, at 1e-7."
figure, ax = plt.subplots(figsize=(8, 3.0))
for (name, accuracies), marker in zip(half.items(), "os", strict=True):
    plotting.plot_band(ax, weights, 100 * accuracies.T, name, marker=marker)
ax.axhline(100 / 3, color="gray", linewidth=1, label="a guess")
ax.set(xscale="log", xlabel="weight of the loss (log)", ylabel="validation accuracy (%)")
ax.set_ylim(20, 102)
ax = ax.legend(fontsize=9, loc="center right")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 又一個意外：將近八成變成 0，準確率只少了幾個百分點；留下來的是大的那兩成，方向大致還在。可是再縮到十分之一，梯度就全部是 0，模型一步也沒動，沒有錯誤訊息，什麼都沒有。少幾個百分點，看不出**懸崖**就在下一步，所以要用自動的縮放。
#
# **主張 18** 權重 10⁻⁶ 時，有一半以上的梯度在 float16 裡是 0，而不論五個種子的哪一個，不縮放的準確率仍超過 80%；權重 10⁻⁷ 時，不縮放的準確率都低於 55%。有縮放的話，每一種權重、每一個種子都超過 90%。
#
# **主張 19** 不論五個種子的哪一個，從 S = 2²⁴ 開始，動態縮放會先跳過 3 到 20 步，之後的準確率仍超過 90%。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# Another surprise: with nearly eight tenths at 0 the accuracy loses a few points only; the large two tenths survive, and with them most of the direction. Ten times smaller still, and all are 0: the model does not move at all, and there is no error, no message, nothing. A loss of a few points does not tell that the **cliff** is one step away, hence the automatic scale.
#
# **Claim 18** For all five seeds: at weight 10⁻⁶ more than half of the gradients are 0 in float16, and without scaling the accuracy is still above 80 %; at 10⁻⁷ it is below 55 % without scaling, and with scaling above 90 % at every weight.
#
# **Claim 19** Starting at S = 2²⁴, dynamic scaling first skips 3 to 20 steps, and then all five seeds still end above 90 %.

# %%
unscaled, scaled = half.values()
lost = np.mean(sizes["10⁻⁶ × loss"].astype(np.float16) == 0)
survives = (unscaled[2] > 0.8).all() and (scaled > 0.9).all()
claim(18, bool(lost > 0.5 and survives and (unscaled[3:] < 0.55).all()))

# %%
high = DynamicLossScale(initial_scale=2.0**24)
started_high = [half_precision_run(seed, 1.0, high) for seed in range(5)]
skipped = [run["skipped"] for run in started_high]
print("steps skipped, five seeds:", *[f"≈{count}" for count in skipped])
reached = min(run["accuracy"] for run in started_high)
claim(19, min(skipped) >= 3 and max(skipped) <= 20 and reached > 0.9)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 通往 PyTorch 的橋
#
# 最後、也是最嚴格的檢查：把**同一個網路**（同樣的權重）放進 PyTorch，餵**同樣的批次**，用對應的優化器，一步一步比損失。
#
# 優化器都是同一個介面：`params = optimizer.step(params, grads, lr)`，字典進、字典出，進去的不改動。注意 `nn.Linear` 的權重形狀是 `(輸出, 輸入)`，和我們的相反，所以要轉置。
#
# 先猜：走 100 步之後，兩邊的損失會差多少？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## The bridge to PyTorch
#
# The last check is the strictest: put the **same network** (the same weights) into PyTorch, feed it the **same batches**, use the corresponding optimizer, and compare the losses step by step.
#
# All our optimizers have one interface: `params = optimizer.step(params, grads, lr)`, a dict in, a dict out, and nothing that went in is changed. Note that the weight of `nn.Linear` is (outputs, inputs), the reverse of ours, so it is transposed.
#
# Guess: after 100 steps, how far apart are the two losses?


# %%
def as_torch(params):
    linears = []
    for weight, bias in (("U", "a"), ("V", "c")):
        layer = nn.Linear(*params[weight].shape)
        layer.weight = nn.Parameter(torch.tensor(params[weight].T))
        layer.bias = nn.Parameter(torch.tensor(params[bias]))
        linears.append(layer)
    return nn.Sequential(nn.Flatten(), linears[0], nn.Tanh(), linears[1])


# %%
def torch_step(net, optimizer, X, y, clip_norm=None):
    loss = nn.functional.cross_entropy(net(torch.from_numpy(X)), torch.from_numpy(y))
    optimizer.zero_grad()
    loss.backward()
    if clip_norm is not None:
        nn.utils.clip_grad_norm_(net.parameters(), clip_norm)
    optimizer.step()
    return loss.item()


# %% slideshow={"slide_type": "subslide"}
def loss_gaps(seed, ours, theirs, lr, dtype=np.float64, clip=np.inf, torch_clip=None, **settings):
    net, X, y = fresh_net(seed, num_rows=400)
    net.set_params({name: values.astype(dtype) for name, values in net.params.items()})
    twin, rng, gaps = as_torch(net.params), seeding.rng(seed), []
    optimizer = theirs(twin.parameters(), lr=lr, **settings)
    while len(gaps) < 100:
        for X_batch, y_batch in create_batches(X.astype(dtype), y, rng=rng):
            loss, _, _ = train_step(net, X_batch, y_batch, lr, clip, optimizer=ours)
            gaps.append(abs(loss - torch_step(twin, optimizer, X_batch, y_batch, torch_clip)))
    return gaps[:100]


# %% slideshow={"slide_type": "subslide"}
o, t = optimizers, torch.optim
rules = {
    "SGD": (o.SGD, t.SGD, 0.5, {}),
    "Momentum": (o.Momentum, t.SGD, 0.1, {"momentum": 0.9}),
    "Nesterov": (o.Nesterov, t.SGD, 0.1, {"momentum": 0.9, "nesterov": True}),
    "RMSprop": (o.RMSprop, t.RMSprop, 0.01, {}),
    "Adam": (o.Adam, t.Adam, 0.02, {}),
    "AdamW": (o.AdamW, t.AdamW, 0.02, {"weight_decay": 0.01}),
}

# %%
gaps = {
    name: np.array([loss_gaps(seed, ours(), theirs, lr, **kw) for seed in range(5)])
    for name, (ours, theirs, lr, kw) in rules.items()
}
for name, gap in gaps.items():
    print(f"{name:9s} largest gap of 5 × 100 losses: ≈{gap.max():.0e}")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 第六位小數之謎
#
# 再加兩條：float32，以及 float64 加上裁剪（全域範數 0.3）。裁剪是一個除法和一個乘法，理應不會有什麼差別……

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### A riddle in the sixth digit
#
# Add two more: float32, and float64 with clipping (global norm 0.3). Clipping is one division and one multiplication, and ought to make no difference ...

# %%
bridge = {"float64": gaps["SGD"]}
extras = {
    "float64, clipped": {"clip": 0.3, "torch_clip": 0.3},
    "float32": {"dtype": np.float32},
}
for name, extra in extras.items():
    runs = [loss_gaps(seed, o.SGD(), t.SGD, 0.5, **extra) for seed in range(5)]
    bridge[name] = np.array(runs)

# %% slideshow={"slide_type": "subslide"} alt-zh="橫軸是步數，縱軸是兩邊損失的差距（對數刻度），取五個種子裡最大的。float64 一直在 10 的負 16 次方到負 15 次方（有一步五個種子都剛好是 0，線在那裡斷開）；float32 在 10 的負 7 次方上下；float64 加裁剪起初和 float32 差不多，後來升到 10 的負 6 次方以上，比 float32 還差。" alt-en="Gap between the two losses against steps, log axis, the largest of five seeds. float64 stays between 1e-16 and 1e-15 (at one step it is 0 for all five, and the line breaks off); float32 is near 1e-7; float64 with clipping starts out like float32 and then rises above 1e-6, worse than float32."
figure, ax = plt.subplots(figsize=(8, 3.0))
for name, runs in bridge.items():
    ax.semilogy(range(1, 101), runs.max(axis=0), label=name)
ax.set(xlabel="step", ylabel="largest gap of five\nseeds (nats, log)", ylim=(1e-17, 1e-4))
ax = ax.legend(fontsize=9, loc="center right")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 有裁剪的那條最後差了九個數量級，一定有原因。翻開 `clip_grad_norm_` 的原始碼：倍數是 `max_norm / (total_norm + 1e-6)`，為了不除以 0；我們的倍數沒有那個 10⁻⁶。對範數 0.3 來說，那是百萬分之三。
#
# 這就是對到第十位的好處：float64 差在第六位，表示兩邊**不是同一個公式**，而不是「大概是捨入」。
#
# **主張 20** 六種優化器（optimizer）、五個種子、100 步，float64 的損失每一步必然相差不到 10⁻¹⁰。
#
# **主張 21** 用 torch 的 `clip_grad_norm_` 裁剪，不論五個種子的哪一個，最大差距都超過 10⁻⁸，但小於 10⁻⁴；把我們的裁剪也加上 10⁻⁶，差距必然又回到 10⁻¹⁰ 以內。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# The clipped one ends nine orders of magnitude off, and there must be a reason. Open the source of `clip_grad_norm_`: its factor is `max_norm / (total_norm + 1e-6)`, so as not to divide by 0; ours has no 10⁻⁶. At a norm of 0.3 that is three parts in a million.
#
# This is what agreement to the tenth digit is good for: in float64, a difference in the sixth says that these are **not the same formula**, and not "rounding, probably".
#
# **Claim 20** For six optimizers, five seeds and 100 steps, the float64 losses must be within 10⁻¹⁰ at every step.
#
# **Claim 21** Clipped by torch's `clip_grad_norm_`, the largest gap of each of the five seeds is above 10⁻⁸ and below 10⁻⁴; with 10⁻⁶ in our clipping as well, it must be back within 10⁻¹⁰.


# %%
class ClipAsTorch(optimizers.SGD):
    def step(self, params, grads, learning_rate):
        factor = min(1, 0.3 / (np.linalg.norm(flatten(grads)) + 1e-6))
        return super().step(params, {k: factor * g for k, g in grads.items()}, learning_rate)


solved = [loss_gaps(seed, ClipAsTorch(), t.SGD, 0.5, torch_clip=0.3) for seed in range(5)]
print(f"with the same 1e-6, largest gap: ≈{np.max(solved):.0e}")

# %%
claim(20, max(gap.max() for gap in gaps.values()) < 1e-10)
riddle = bridge["float64, clipped"].max(axis=1)
claim(21, bool((riddle > 1e-8).all() and (riddle < 1e-4).all() and np.max(solved) < 1e-10))

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
    predicted = sum((grads[name] * direction[name]).sum() for name in params)
    return measured, predicted


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 練習 2：大到平方會爆的梯度
#
# 難度 ★★☆，約 15 分鐘。
#
# 裁剪是為了救爆炸的梯度，可是 float32 的梯度大到 10³⁰ 時，平方是 inf，範數是 inf，倍數是 0：整步都沒了。
#
# 寫出 `clip_by_global_norm(grads, max_norm)`：`grads` 是名字 → 陣列的字典，回傳 `(clipped, norm)`：裁剪後的新字典，與裁剪前的範數。全部的陣列乘同一個倍數，短的不拉長；10³⁰、10⁻³⁰、全部是 0 都要對；dtype 不變，傳進來的陣列不可以改動。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Exercise 2: gradients whose squares explode
#
# Difficulty ★★☆, about 15 minutes.
#
# Clipping is there to rescue exploding gradients; but in float32, gradients of 10³⁰ have squares of inf, a norm of inf, and a factor of 0: the whole step is gone.
#
# Write `clip_by_global_norm(grads, max_norm)`: `grads` is a dict from name to array; return (a new dict of clipped arrays, the norm before). All arrays share one factor, short gradients are not stretched; 10³⁰, 10⁻³⁰ and all zeros must come out right; dtypes stay, and the arrays you are given must not change.


# %% tags=["exercise"]
def clip_by_global_norm(grads, max_norm):
    raise NotImplementedError  # your code here: return clipped, norm


# %% tags=["check"]
exercises.clip_by_global_norm.check(clip_by_global_norm)


# %% tags=["solution"]
# One possible answer; open it once you have tried.
def clip_by_global_norm_solution(grads, max_norm):
    """(grads with a global norm of at most ``max_norm``, the norm before); any size, any dtype."""
    largest = max(float(abs(g).max()) for g in grads.values())
    if largest == 0:
        return {name: g.copy() for name, g in grads.items()}, 0.0
    squares = sum(((g.astype(float) / largest) ** 2).sum() for g in grads.values())
    norm = largest * float(np.sqrt(squares))
    factor = min(1.0, max_norm / norm)
    return {name: (g * factor).astype(g.dtype) for name, g in grads.items()}, norm


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 練習 3：守住最佳參數
#
# 難度 ★★☆，約 10 分鐘。
#
# 寫出類別 `BestParams`，進出兩道門都要關好：
#
# - `update(loss, params)`：損失比以往都低，就留下這份參數（名字 → 陣列的字典），回傳 True；否則回傳 False。打平不換。損失是 nan 時絕不留下。
# - `get()`：回傳目前最好的那一份；還沒有就回傳 None。
#
# 呼叫者之後不論怎麼改 `params`、怎麼改 `get()` 給他的東西，你保存的都不能變。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Exercise 3: guard the best parameters
#
# Difficulty ★★☆, about 10 minutes.
#
# Write a class `BestParams` with both its doors shut:
#
# - `update(loss, params)`: where the loss is lower than ever before, keep these parameters (a dict from name to array) and return True, else return False. A tie changes nothing. A loss of nan is never kept.
# - `get()`: hand out the best so far, or None where there is none yet.
#
# Whatever the caller does to `params` afterwards, or to what `get()` gave, what you keep must not change.


# %% tags=["exercise"]
class BestParams:
    def __init__(self):
        raise NotImplementedError  # your code here

    def update(self, loss, params):
        raise NotImplementedError  # your code here

    def get(self):
        raise NotImplementedError  # your code here


# %% tags=["check"]
exercises.BestParams.check(BestParams)


# %% tags=["solution"]
# One possible answer; open it once you have tried.
class BestParams_solution:
    """Keeps a copy of the parameters with the lowest loss, and hands out copies."""

    def __init__(self):
        self.loss, self.params = float("inf"), None

    def update(self, loss, params):
        """True where ``loss`` is lower than every one before; then ``params`` are kept."""
        if not loss < self.loss:
            return False
        self.loss, self.params = loss, self._copy(params)
        return True

    def get(self):
        """A copy of what was kept, or None."""
        return None if self.params is None else self._copy(self.params)

    def _copy(self, params):
        return {name: values.copy() for name, values in params.items()}


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 練習 4：長短不一的序列
#
# 難度 ★★★，約 20 分鐘。
#
# 一批序列長短不一，短的後面用 0 補齊（padding）。logits 的形狀是 (B, T, C)，目標 q 也是：真正的步，q 的一列是非負的數，加起來是這一步的權重（不一定是 1）；補齊的步，整列是 0。損失是加權平均：
#
# L = −Σ q log p ／ Σ q，p = softmax(logits)，兩個 Σ 都對 B、T、C 求和。
#
# 寫出 `masked_cross_entropy_gradient(logits, targets)`，回傳 ∂L/∂logits，形狀 (B, T, C)，logits 到 ±10,000 都要對。手邊就有檢查的方法。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Exercise 4: sequences of unequal length
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
    shifted = logits - logits.max(axis=-1, keepdims=True)
    exps = np.exp(shifted)
    probs = exps / exps.sum(axis=-1, keepdims=True)
    weights = targets.sum(axis=-1, keepdims=True)
    return (weights * probs - targets) / weights.sum()


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 重點整理
#
# - softmax 先減最大值，損失直接用 log-softmax 算；標籤先檢查再算，因為錯的標籤也會得到正常的數字。
# - 反向傳播一定要做梯度檢查：中央差分、float64、ε = 10⁻⁵、相對差距。損失會下降，證明不了什麼。
# - 隨機方向的估計無偏而粗糙：餘弦約 √(K/(K + d))。拿來檢查很好；沒有反向傳播時，訓練效果也比逐元素的好。
# - 裁剪用一個全域範數；平均按列數加權；「最佳參數」進出都要複製。
# - float16 裡太小的梯度會變成 0，而且不會報錯；損失縮放能把它們保住。
# - 用 float64 和另一個實作比到第十位：差在第六位，就是公式不同。
#
# **下一課**：[[numpy_lstm]]，同樣的工具，模型換成 LSTM，反向傳播要穿越時間。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Summary
#
# - Take the maximum off before a softmax, and compute the loss from log-softmax; check labels before you compute, because wrong labels give ordinary numbers.
# - Check every backward pass: central differences, float64, ε = 10⁻⁵, relative gap. A falling loss proves nothing.
# - Random directions are unbiased and rough: cosine about √(K/(K + d)). Good for checking; and where there is no backward pass, better at training than element by element.
# - Clip by one global norm; weigh means by rows; copy the "best parameters" on the way in and out.
# - Gradients too small for float16 become 0 without an error; loss scaling keeps them from it.
# - Compare with another implementation in float64, to the tenth digit: a difference in the sixth is another formula.
#
# **Next**: [[numpy_lstm]], with the same tools and an LSTM for a model, whose backward pass goes through time.

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "skip"}
# ### 原始文獻
#
# - Spall（1992），Multivariate stochastic approximation using a simultaneous perturbation gradient approximation，IEEE Transactions on Automatic Control 37(3)，doi:10.1109/9.119632。隨機方向。
# - Malladi, Gao, Nichani, Damian, Lee, Chen, Arora（2023），Fine-tuning language models with just forward passes，NeurIPS，arXiv:2305.17333。只用前向微調大模型。
# - Pascanu, Mikolov, Bengio（2013），On the difficulty of training recurrent neural networks，ICML（PMLR 28），arXiv:1211.5063。全域範數裁剪。
# - Prechelt（1998），Early stopping, but when?，收於 Neural Networks: Tricks of the Trade，Springer，doi:10.1007/3-540-49430-8_3。早停。
# - Loshchilov, Hutter（2017），SGDR: stochastic gradient descent with warm restarts，ICLR，arXiv:1608.03983。餘弦排程。
# - Micikevicius, Narang, Alben, Diamos, Elsen, Garcia, Ginsburg, Houston, Kuchaiev, Venkatesh, Wu（2018），Mixed precision training，ICLR，arXiv:1710.03740。損失縮放（固定的 S）；自動的縮放見 PyTorch 說明文件的 torch.amp.GradScaler。
# - Nocedal, Wright（2006），Numerical optimization，第 2 版，Springer，doi:10.1007/978-0-387-40065-5，第 8 章。有限差分的 ε。

# %% [markdown] lang="en" slideshow={"slide_type": "skip"}
# ### Primary sources
#
# - Spall (1992), Multivariate stochastic approximation using a simultaneous perturbation gradient approximation, IEEE Transactions on Automatic Control 37(3), doi:10.1109/9.119632. Random directions.
# - Malladi, Gao, Nichani, Damian, Lee, Chen, Arora (2023), Fine-tuning language models with just forward passes, NeurIPS, arXiv:2305.17333. Large models fine-tuned by forward passes alone.
# - Pascanu, Mikolov, Bengio (2013), On the difficulty of training recurrent neural networks, ICML (PMLR 28), arXiv:1211.5063. Clipping by global norm.
# - Prechelt (1998), Early stopping, but when?, in Neural Networks: Tricks of the Trade, Springer, doi:10.1007/3-540-49430-8_3. Early stopping.
# - Loshchilov, Hutter (2017), SGDR: stochastic gradient descent with warm restarts, ICLR, arXiv:1608.03983. The cosine schedule.
# - Micikevicius, Narang, Alben, Diamos, Elsen, Garcia, Ginsburg, Houston, Kuchaiev, Venkatesh, Wu (2018), Mixed precision training, ICLR, arXiv:1710.03740. Loss scaling, by a constant S; for a scale that finds itself, see torch.amp.GradScaler in PyTorch's documentation.
# - Nocedal, Wright (2006), Numerical optimization, 2nd edition, Springer, doi:10.1007/978-0-387-40065-5, chapter 8. The ε of finite differences.
