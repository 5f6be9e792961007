# %% [markdown] lang="zh-TW" about="穿越時間的反向傳播，一個閘一個閘地推，結果與 PyTorch 相同" slideshow={"slide_type": "slide"}
# # 用 NumPy 推導 LSTM
#
# 讀一個句子，要記得開頭說了什麼。LSTM（long short-term memory）用三個閘（gate）守著一格記憶；這一課把前向（forward）與反向（backward）一行一行寫出來，不靠 autograd。學完之後，你能夠：
#
# - 在紙上推導穿越時間的反向傳播（back-propagation through time，BPTT），並用有限差分（finite difference）檢查每一行；
# - 說出每個閘的梯度從哪裡來，並讓自己的結果與 `torch.nn.LSTM` 一致；
# - 解釋為什麼「LSTM 不會梯度消失（vanishing gradient）」只說對了一半，另一半要看遺忘閘（forget gate）的偏置（bias）；
# - 在需要記憶的任務上，拿 LSTM 和瞎猜、多數類別、只看一部分輸入的對照表（look-up table）比較，再找一條更強的捷徑來考 LSTM。
#
# 先備：[[back_propagation]]、[[numpy_losses_and_gradients]]（梯度檢查）、[[numpy_training_loop]]。

# %% [markdown] lang="en" about="back-propagation through time, one gate at a time, equal to PyTorch's" slideshow={"slide_type": "slide"}
# # The LSTM, derived in NumPy
#
# To understand a sentence you must still know how it began. An LSTM guards a memory cell with three gates; this lesson writes out its way forward and its way back line by line, without autograd. By the end you can
#
# - derive back-propagation through time (BPTT) on paper and check every line by finite differences;
# - say where each gate's gradient comes from, and match `torch.nn.LSTM` with your own;
# - explain why "LSTMs do not suffer from vanishing gradients" is half the truth, and what the forget gate's bias has to do with the other half;
# - hold an LSTM against guessing, the majority class and look-up tables that see only part of the sequence, on tasks that need memory; then look for a stronger shortcut.
#
# It builds on [[back_propagation]], [[numpy_losses_and_gradients]] (gradient checks) and [[numpy_training_loop]].

# %% lang="zh-TW" tags=["setup"] slideshow={"slide_type": "subslide"}
from course_utils.notebook import set_up

device = set_up("numpy_lstm", language="zh-TW", workers=True)

# %% lang="en" tags=["setup"] slideshow={"slide_type": "subslide"}
from course_utils.notebook import set_up

device = set_up("numpy_lstm", language="en", workers=True)

# %% slideshow={"slide_type": "subslide"}
import matplotlib.pyplot as plt
import numpy as np
import torch

from course_utils import plotting, seeding
from course_utils.exercises import numpy_lstm as exercises
from course_utils.experiment import run_seeds
from course_utils.intervals import mean_interval
from course_utils.notebook.claims import claim
from course_utils.notebook.explore import explore, slider
from course_utils.numpy_track import tasks
from course_utils.numpy_track.activations import sigmoid
from course_utils.numpy_track.initializers import orthogonal_initializer, xavier_initializer
from course_utils.numpy_track.lstm_baseline import LSTM
from course_utils.numpy_track.optimizers import Adam
from course_utils.numpy_track.training_utils import evaluate, train_model, train_step

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 一步：三個閘、一個候選值、一格記憶
#
# 輸入 $x$，上一步的隱藏向量（hidden vector）$h$，記憶（cell）$c$。遺忘閘 $f$、輸入閘（input gate）$i$、輸出閘（output gate）$o$ 決定放行多少，候選值（candidate）$g$ 是準備寫進去的內容：
#
# $$f=\sigma(xW_f+hU_f+b_f)\quad i=\sigma(xW_i+hU_i+b_i)\quad o=\sigma(xW_o+hU_o+b_o)\quad g=\tanh(xW_c+hU_c+b_c)$$
#
# $$c' = f\odot c + i\odot g,\qquad h' = o\odot\tanh(c')$$
#
# 想一想：$f$ 全是 1、$i$ 全是 0 時，記憶會怎樣？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## One step: three gates, a candidate, one memory
#
# From the input $x$, the previous hidden vector $h$ and the cell $c$. The forget gate $f$, input gate $i$ and output gate $o$ say how much passes; the candidate $g$ is what there is to write:
#
# $$f=\sigma(xW_f+hU_f+b_f)\quad i=\sigma(xW_i+hU_i+b_i)\quad o=\sigma(xW_o+hU_o+b_o)\quad g=\tanh(xW_c+hU_c+b_c)$$
#
# $$c' = f\odot c + i\odot g,\qquad h' = o\odot\tanh(c')$$
#
# Predict: with $f$ all ones and $i$ all zeros, what becomes of the memory?


# %%
def lstm_step(x, h, c, params):
    a = {k: x @ params["W_" + k] + h @ params["U_" + k] + params["b_" + k] for k in "fioc"}
    f, i, o = sigmoid(a["f"]), sigmoid(a["i"]), sigmoid(a["o"])
    g = np.tanh(a["c"])
    c_new = f * c + i * g
    h_new = o * np.tanh(c_new)
    return h_new, c_new, {"x": x, "h": h, "c": c, "f": f, "i": i, "o": o, "g": g, "c_new": c_new}


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 記憶原封不動地留下：$c'=c$。這條路上沒有矩陣、沒有 tanh，是整個 LSTM 的重點。
#
# 最後回傳的字典是**紀錄帶**（tape）：反向時需要的一切都記在裡面。先把各個形狀看清楚（批次 3、輸入 4、隱藏 5）：

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# It stays untouched: $c'=c$. No matrix, no tanh on this path; that is the whole point of an LSTM.
#
# The dict returned last is the **tape**: it records all that the way back will need. The shapes at one glance (batch 3, input 4, hidden 5):

# %%
model = LSTM(input_size=4, hidden_size=5, output_size=2, rng=0)
params = {name: values.astype(float) for name, values in model.get_params().items()}
model.set_params(params)  # float64 from here on
rng = seeding.rng(0)
X, y = rng.normal(size=(3, 6, 4)), np.array([0, 1, 1])  # 3 sequences of 6 steps
h, c, step_tape = lstm_step(X[:, 0], np.zeros((3, 5)), np.zeros((3, 5)), params)
print({name: values.shape for name, values in step_tape.items()})
print("W_f", params["W_f"].shape, " U_f", params["U_f"].shape, " b_f", params["b_f"].shape)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 整個序列：同一組權重，走 T 步
#
# 每一步用**同一組**參數，並讀進上一步算出來的 $h$ 與 $c$，這就是「遞迴」（recurrent）的意思。最後一步的 $h$ 經過輸出層，成為 logits。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### A whole sequence: the same weights, T times
#
# Every step uses the **same** parameters and takes in the $h$ and $c$ that the step before gave out; that is what "recurrent" means. The last $h$ goes through the output layer and becomes logits.


# %%
def lstm_forward(X, params):
    h = c = np.zeros((len(X), len(params["b_f"])))
    tape = []
    for t in range(X.shape[1]):
        h, c, step_tape = lstm_step(X[:, t], h, c, params)
        tape.append(step_tape)
    return h @ params["W_out"] + params["b_out"], h, tape


logits, h_last, tape = lstm_forward(X, params)
print("logits", logits.shape, " steps on the tape:", len(tape))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# **主張 1** 換五個種子（seed），這不到二十行的程式必然和課程的 `LSTM` 給出相同的 logits（差距小於 10⁻¹²）。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# **Claim 1** These few lines must give the same logits as the course's `LSTM` (five seeds, within 10⁻¹²).


# %%
def random_case(seed):
    rng = seeding.rng(seed)
    model = LSTM(input_size=4, hidden_size=5, output_size=2, rng=rng)
    params = {name: rng.normal(0, 0.5, p.shape) for name, p in model.get_params().items()}
    model.set_params(params)
    return model, params, rng.normal(size=(3, 6, 4)), rng.integers(0, 2, 3)


gaps = []
for seed in range(5):
    model, params, X, y = random_case(seed)
    gaps.append(abs(lstm_forward(X, params)[0] - model.forward(X, return_sequences=False)).max())
claim(1, max(gaps) < 1e-12)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 往回走：一次一個閘
#
# 反向傳播只問一件事：**這個數動一點，損失動多少？** 記 $\bar z=\partial L/\partial z$。先只看一步，假設 $\bar h'$ 已經知道。由 $h'=o\odot\tanh(c')$：
#
# $$\bar o=\bar h'\odot\tanh(c')\qquad \bar c' = \bar h'\odot o\odot(1-\tanh^2 c')$$
#
# 為了能逐行檢查，我們把閘的數值當成自由變數，用有限差分再算一次。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## The way back: one gate at a time
#
# Back-propagation asks one question: **if this number moves a little, how much does the loss move?** Write $\bar z=\partial L/\partial z$. Take one step alone and suppose $\bar h'$ is known. From $h'=o\odot\tanh(c')$:
#
# $$\bar o=\bar h'\odot\tanh(c')\qquad \bar c' = \bar h'\odot o\odot(1-\tanh^2 c')$$
#
# To check line by line, treat the gate values as free variables and compute each again by finite differences.

# %%
s = tape[-1]  # the last step, with f, i, o, g, c as recorded
d_h = rng.normal(size=s["o"].shape)  # stands for what arrives from the output layer


def loss_of(changed):
    v = s | changed
    return (d_h * v["o"] * np.tanh(v["f"] * v["c"] + v["i"] * v["g"])).sum()


def numeric(name, size=1e-6):
    grad = np.empty_like(s[name])
    for index in np.ndindex(grad.shape):
        step = np.zeros_like(grad)
        step[index] = size
        grad[index] = loss_of({name: s[name] + step}) - loss_of({name: s[name] - step})
    return grad / (2 * size)


# %% slideshow={"slide_type": "subslide"}
d_o = d_h * np.tanh(s["c_new"])
d_c_new = d_h * s["o"] * (1 - np.tanh(s["c_new"]) ** 2)
print(f"output gate: largest error ≈{abs(d_o - numeric('o')).max():.0e}")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 記憶把梯度交給 f、i、g，也傳給過去的 c
#
# 由 $c'=f\odot c+i\odot g$，乘法的導數（derivative）就是「乘上另一個因子」：
#
# $$\bar f=\bar c'\odot c\qquad \bar i=\bar c'\odot g\qquad \bar g=\bar c'\odot i\qquad \bar c=\bar c'\odot f$$
#
# 最後一式就是時間的高速公路：梯度往回走一步，只要乘一次 $f$。猜猜看：這四行裡，哪一行會因為分不清新舊而寫錯？

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### The cell hands its gradient to f, i and g, and to the cell before
#
# From $c'=f\odot c+i\odot g$; the derivative of a product is "times the other factor":
#
# $$\bar f=\bar c'\odot c\qquad \bar i=\bar c'\odot g\qquad \bar g=\bar c'\odot i\qquad \bar c=\bar c'\odot f$$
#
# The last one is the motorway through time: one step back, and the gradient is multiplied by $f$ once. Guess: in which of the four lines can old and new be confused?

# %%
by_hand = {
    "f": d_c_new * s["c"],
    "i": d_c_new * s["g"],
    "g": d_c_new * s["i"],
    "c": d_c_new * s["f"],
    "o": d_o,
}
errors = {name: abs(values - numeric(name)).max() for name, values in by_hand.items()}
print({name: f"≈{error:.0e}" for name, error in errors.items()})

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 是 $\bar f$：要乘的是**舊的**記憶 $c$，不是 $c'$。寫成 $c'$，形狀一樣、程式不報錯、損失也會降，只有檢查看得出來。
#
# **主張 2** 三個閘、候選值與記憶的梯度，必然和有限差分一致（差距小於 10⁻⁸）；在這個例子裡，把 $c$ 誤寫成 $c'$，誤差超過 10⁻⁴，是那個界線的一萬倍以上。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# It is $\bar f$: the factor is the **old** cell $c$, not $c'$. With $c'$ the shapes fit, nothing complains, and the loss even falls; only a check can tell.
#
# **Claim 2** The gradients of the three gates, the candidate and the cell must agree with finite differences (within 10⁻⁸); in this example, writing $c'$ for $c$ makes the error more than 10⁻⁴, ten thousand times that bound.

# %%
wrong_f = d_c_new * s["c_new"]
claim(2, max(errors.values()) < 1e-8 and abs(wrong_f - numeric("f")).max() > 1e-4)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 穿過 σ 與 tanh，再穿過矩陣
#
# 閘的前面是激活函數（activation function）。設 $a_f=xW_f+hU_f+b_f$，用 $\sigma'=\sigma(1-\sigma)$、$\tanh'=1-\tanh^2$：
#
# $$\bar a_f=\bar f\odot f(1-f)\qquad \bar a_g=\bar g\odot(1-g^2)$$
#
# 再前面是線性層，和[[back_propagation]]完全一樣：
#
# $$\bar W = x^{\top}\bar a\qquad \bar U=h^{\top}\bar a\qquad \bar b=\textstyle\sum_{batch}\bar a\qquad \bar h = \sum_{k}\bar a_kU_k^{\top}$$
#
# 同樣 $\bar x=\sum_k\bar a_kW_k^{\top}$；$k$ 取四種，候選值 $g$ 用的是 $W_c$、$U_c$。在序列裡，$\bar c'$ 還要加上從後一步往回傳的那一份。往回走一步，要算的就是這些：

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Through σ and tanh, then through the matrices
#
# Before a gate stands its activation. Let $a_f=xW_f+hU_f+b_f$; with $\sigma'=\sigma(1-\sigma)$ and $\tanh'=1-\tanh^2$:
#
# $$\bar a_f=\bar f\odot f(1-f)\qquad \bar a_g=\bar g\odot(1-g^2)$$
#
# Before that a linear layer, just as in [[back_propagation]]:
#
# $$\bar W = x^{\top}\bar a\qquad \bar U=h^{\top}\bar a\qquad \bar b=\textstyle\sum_{batch}\bar a\qquad \bar h = \sum_{k}\bar a_kU_k^{\top}$$
#
# Likewise $\bar x=\sum_k\bar a_kW_k^{\top}$; $k$ runs over all four, and the candidate $g$ has $W_c$ and $U_c$. Inside a sequence, $\bar c'$ also gets what comes back from the step after. That is all there is to one step back:


# %% slideshow={"slide_type": "subslide"}
def lstm_step_backward(d_h, d_c, s, params, grads):
    tanh_c = np.tanh(s["c_new"])
    d_c = d_c + d_h * s["o"] * (1 - tanh_c**2)  # from later steps, and from this step's h
    d_a = {
        "f": d_c * s["c"] * s["f"] * (1 - s["f"]),
        "i": d_c * s["g"] * s["i"] * (1 - s["i"]),
        "o": d_h * tanh_c * s["o"] * (1 - s["o"]),
        "c": d_c * s["i"] * (1 - s["g"] ** 2),
    }
    for k, d in d_a.items():
        grads["W_" + k] += s["x"].T @ d
        grads["U_" + k] += s["h"].T @ d
        grads["b_" + k] += d.sum(axis=0)
    d_x = sum(d @ params["W_" + k].T for k, d in d_a.items())
    d_h = sum(d @ params["U_" + k].T for k, d in d_a.items())
    return d_h, d_c * s["f"], d_x


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 穿越時間：從最後一步走回第一步
#
# 同一個 $W$ 在 T 步都用過，所以它的梯度是 T 份的**總和**：注意程式裡的 `+=`。想一想：把 `+=` 寫成 `=`，會得到哪一步的梯度？

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### Through time: from the last step to the first
#
# The same $W$ was used in all T steps, so its gradient is the **sum** of T contributions: mind the `+=` above. Predict: with `=` in its place, which step's gradient would you get?


# %%
def lstm_backward(d_logits, h_last, tape, params):
    grads = {name: np.zeros_like(values) for name, values in params.items()}
    grads["W_out"], grads["b_out"] = h_last.T @ d_logits, d_logits.sum(axis=0)
    d_h, d_c = d_logits @ params["W_out"].T, 0.0
    d_inputs = []
    for s in reversed(tape):
        d_h, d_c, d_x = lstm_step_backward(d_h, d_c, s, params, grads)
        d_inputs.append(d_x)
    return grads, np.stack(d_inputs[::-1], axis=1)


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 會得到第一步的梯度：迴圈最後才走到第一步，把先算好的都蓋掉了。
#
# **主張 3** 換五個種子，十四個參數陣列的梯度必然和課程 `LSTM` 的 `loss_and_grads` 相同（相對差距小於 10⁻¹⁰）。
#
# **主張 4** 和 `torch.nn.LSTM` 也必然相同：logits，以及各個 $W$、$U$ 的梯度，差距都小於 10⁻¹⁰。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# That of the first step (the loop reaches it last, and overwrites all the others).
#
# **Claim 3** The gradients of all fourteen parameter arrays must equal those of the course's `LSTM.loss_and_grads` (five seeds, relative difference below 10⁻¹⁰).
#
# **Claim 4** `torch.nn.LSTM` must agree too: the logits, and the gradients of every gate's $W$ and $U$, within 10⁻¹⁰.


# %%
def hand_gradients(X, y, params):
    logits, h_last, tape = lstm_forward(X, params)
    probs = np.exp(logits - logits.max(axis=1, keepdims=True))
    probs /= probs.sum(axis=1, keepdims=True)
    return logits, lstm_backward((probs - np.eye(2)[y]) / len(y), h_last, tape, params)[0]


def largest_gap(ours, theirs):
    return max(abs(ours[k] - theirs[k]).max() / (1e-3 + abs(theirs[k]).max()) for k in theirs)


gaps = []
for seed in range(5):
    model, params, X, y = random_case(seed)
    gaps.append(largest_gap(hand_gradients(X, y, params)[1], model.loss_and_grads(X, y)[1]))
claim(3, max(gaps) < 1e-10)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 和 PyTorch 對答案
#
# PyTorch 把三個閘和候選值疊成一個矩陣，順序是 i、f、g、o，而且每個閘有**兩個**偏置（相加之後才有意義，所以第二個設成 0）。PyTorch 的權重形狀和我們的相反，要轉置。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### Checking against PyTorch
#
# PyTorch stacks the three gates and the candidate into one matrix, in the order i, f, g, o, and gives every gate **two** biases (only their sum matters, so the second is set to 0). Its weights are transposed.


# %%
def stacked(params, letter):
    return torch.tensor(np.concatenate([params[letter + k].T for k in "ifco"]))


def torch_gradients(X, y, params):
    lstm = torch.nn.LSTM(4, 5, batch_first=True, dtype=torch.float64)
    head = torch.nn.Linear(5, 2, dtype=torch.float64)
    with torch.no_grad():
        lstm.weight_ih_l0.copy_(stacked(params, "W_"))
        lstm.weight_hh_l0.copy_(stacked(params, "U_"))
        lstm.bias_ih_l0.copy_(stacked(params, "b_"))
        lstm.bias_hh_l0.zero_()
        head.weight.copy_(torch.tensor(params["W_out"].T))
        head.bias.copy_(torch.tensor(params["b_out"]))
    logits = head(lstm(torch.tensor(X))[0][:, -1])
    torch.nn.functional.cross_entropy(logits, torch.tensor(y)).backward()
    return logits.detach().numpy(), lstm.weight_hh_l0.grad, lstm.weight_ih_l0.grad


# %% slideshow={"slide_type": "subslide"}
gaps = []
for seed in range(5):
    _, params, X, y = random_case(seed)
    logits, grads = hand_gradients(X, y, params)
    torch_logits, d_hidden, d_input = torch_gradients(X, y, params)
    gaps.append(abs(logits - torch_logits).max())
    gaps.append((stacked(grads, "U_") - d_hidden).abs().max())
    gaps.append((stacked(grads, "W_") - d_input).abs().max())
claim(4, bool(max(gaps) < 1e-10))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 梯度走得了多遠？
#
# 大家說：遞迴網路（recurrent neural network，RNN）會梯度消失，LSTM 不會。我們量量看。讀 50 步隨機輸入，只在最後一步有損失，看 $\|\partial L/\partial x_t\|$ 隨距離怎麼變：
#
# - tanh RNN：$h'=\tanh(xW+hU)$，$U$ 是正交矩陣（orthogonal matrix；Saxe 等人，2014）：這種矩陣本身不放大也不縮小梯度，縮小的是 tanh 的導數；
# - LSTM，遺忘閘偏置 $b_f$ 從 0、1、3 開始。
#
# 先下注：49 步之前，這四個各剩下多少？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## How far does the gradient reach?
#
# They say that RNNs have vanishing gradients and LSTMs do not. Measure it: read 50 random inputs, with a loss at the last step only, and look at $\|\partial L/\partial x_t\|$ against the distance.
#
# - a tanh RNN, $h'=\tanh(xW+hU)$, with $U$ orthogonal (by itself it neither stretches nor shrinks a gradient, Saxe et al. 2014; the slope of tanh shrinks it);
# - an LSTM whose forget-gate bias $b_f$ begins at 0, 1 or 3.
#
# Place your bet: 49 steps back, how much is left of each?


# %%
def rnn_input_gradients(X, params):
    h, hidden = np.zeros((len(X), params["U"].shape[0])), []
    for t in range(X.shape[1]):
        h = np.tanh(X[:, t] @ params["W"] + h @ params["U"])
        hidden.append(h)
    d_h, d_inputs = params["d_last"], []
    for h in reversed(hidden):
        d_a = d_h * (1 - h**2)
        d_inputs.append(d_a @ params["W"].T)
        d_h = d_a @ params["U"].T
    return np.stack(d_inputs[::-1], axis=1)


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 兩個模型的輸入都是 8 維、隱藏 32 維；起步時 $W$ 用 Xavier，$U$ 用正交矩陣。輸入是標準常態的亂數，再乘上 `scale`（先用 1）。範數（norm）對 32 個序列取平均：


# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# Both models read 8 numbers a step and have 32 hidden units; to begin with, $W$ is Xavier and $U$ orthogonal. Inputs are standard normal, times `scale` (1 for now). Norms are means over 32 sequences:


# %%
def lstm_norms(seed, forget_bias, scale=1.0):
    rng = seeding.rng(seed)
    model = LSTM(8, 32, 1, forget_bias=forget_bias, rng=rng)
    params = {name: values.astype(float) for name, values in model.get_params().items()}
    _, h_last, tape = lstm_forward(scale * rng.normal(size=(32, 50, 8)), params)
    _, d_inputs = lstm_backward(np.ones((32, 1)), h_last, tape, params)
    return np.linalg.norm(d_inputs, axis=2).mean(axis=0)[::-1]  # nearest step first


def rnn_norms(seed, scale=1.0):
    rng = seeding.rng(seed)
    params = {
        "W": xavier_initializer((8, 32), rng=rng),
        "U": orthogonal_initializer((32, 32), rng=rng),
        "d_last": np.ones((32, 1)) @ xavier_initializer((32, 1), rng=rng).T,
    }
    d_inputs = rnn_input_gradients(scale * rng.normal(size=(32, 50, 8)), params)
    return np.linalg.norm(d_inputs, axis=2).mean(axis=0)[::-1]


# %%
def norms_at(scale):
    norms = {"tanh RNN": np.array([rnn_norms(seed, scale) for seed in range(8)])}
    for bias in (0, 1, 3):
        every_seed = [lstm_norms(seed, bias, scale) for seed in range(8)]
        norms[f"LSTM, forget bias {bias}"] = np.array(every_seed)
    return norms


norms = norms_at(scale=1)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 先看展開後的計算過程：每個方塊是一步（每五步畫一個），越往左越早；箭頭是梯度走的方向，顏色越深，傳到那一步的梯度越大（對數）。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# First the computation unrolled: each square is a step (every fifth is drawn), earlier ones further left. Arrows show the way the gradient goes; the darker a square, the larger the gradient that reaches it (logarithmic).

# %% alt-zh="四列展開的計算，橫軸是距離損失幾步，每列十一個方塊，從 49 步到 0 步；顏色越深，梯度越大。tanh RNN 與遺忘閘偏置 0 的 LSTM 往左很快變淡；偏置 1 慢一些；偏置 3 始終一樣深。" alt-en="Four rows of unrolled computations, eleven squares each, for 49 to 0 steps before the loss. The tanh RNN and the LSTM with forget bias 0 fade quickly to the left; bias 1 more slowly; bias 3 stays dark."
shown = [49, 44, 39, 34, 29, 24, 19, 14, 9, 4, 0]
figure, ax = plt.subplots(figsize=(8.5, 3))
for row, values in enumerate(norms.values()):
    sizes = np.log10(values[:, shown].mean(axis=0) / values[:, 0].mean())
    squares = ax.scatter(range(11), [row] * 11, c=sizes, s=500, marker="s", vmin=-8, vmax=0, ec="k")
    for at in range(10):
        ax.annotate("", (at + 0.25, row), (at + 0.75, row), arrowprops={"arrowstyle": "->"})
ax.set_xticks(range(11), shown)
ax.set_yticks(range(4), list(norms))
ax.set(xlabel="steps before the loss", xlim=(-0.5, 10.5), ylim=(3.5, -0.5))
ax.grid(False)
bar = figure.colorbar(squares, label="log10 of the gradient,\nlast step = 0")

# %% slideshow={"slide_type": "subslide"} alt-zh="橫軸是往回的步數，縱軸是梯度的範數（對數刻度）。tanh RNN 與偏置 0 的 LSTM 都掉到百萬分之一以下，偏置 0 掉得更低；偏置 1 掉到萬分之二左右，約為起點的千分之一；偏置 3 先略降再回升，終點比起點高。色帶是八個種子的 95% 信賴區間。" alt-en="Gradient norm on a log axis against steps back. The tanh RNN and the LSTM with bias 0 both fall below a millionth, bias 0 lowest; bias 1 falls to about two ten-thousandths, a thousandth of where it began; bias 3 dips a little, then rises to end above its start. Bands are 95 % intervals over eight seeds."
figure, ax = plt.subplots(figsize=(8, 3.2))
for (name, values), marker in zip(norms.items(), "os^d", strict=True):
    steps = [0, 9, 19, 29, 39, 49]
    plotting.plot_band(ax, steps, values[:, steps], name, log=True, marker=marker)
ax.set(xlabel="steps back from the loss", ylabel="mean norm of ∂L/∂x")
legend = ax.legend(loc="upper left", bbox_to_anchor=(1, 1))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 偏置 0 的 **LSTM** 一樣消失！原因就在 $\bar c=\bar c'\odot f$：$b_f=0$ 時 $f$ 大約是 0.5，光走這條路，五十步只剩 $0.5^{50}\approx10^{-15}$（多出來的部分，是繞道 $h$ 往回傳的）。$b_f=3$ 時 $f\approx0.95$，光走這條路五十步還留著 $0.95^{50}\approx0.08$；沿途從 $h$ 繞回來的梯度再加進來，上面量到的總量甚至比最後一步還大。
#
# 所以：**LSTM 的架構鋪了一條高速公路；訓練開始時，遺忘閘的偏置決定它通不通車。**

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# The **LSTM** with bias 0 vanishes too! The reason is $\bar c=\bar c'\odot f$: with $b_f=0$, $f$ is about 0.5, and by this road alone fifty steps leave $0.5^{50}\approx10^{-15}$ (what there is beyond it came round by $h$). With $b_f=3$, $f\approx0.95$, and this road alone still carries $0.95^{50}\approx0.08$; gradient that comes back round by $h$ is added along the way, and the total measured above even exceeds that of the last step.
#
# So: **the LSTM's architecture builds a motorway, and at the start of training the forget gate's bias decides whether it is open.**

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 換個輸入大小，結論還在嗎？
#
# 上面的輸入大小都是 1。想一想：全部縮成十分之一，往回 49 步，哪幾個模型留下的會差很多？
#
# 然後拉動滑桿：0 是剛才的大小，−1 是十分之一。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### Other inputs, same conclusion?
#
# All inputs above had size 1. Predict: shrink them to a tenth. For which of the models does what is left after 49 steps change a lot?
#
# Then move the slider: 0 is the size above, −1 a tenth of it.


# %% slideshow={"slide_type": "subslide"} alt-zh="橫軸是往回的步數，縱軸是每個模型的梯度占最後一步的比例（對數刻度），輸入縮成十分之一。tanh RNN 與偏置 1 的 LSTM 幾乎一起降到十分之一左右，偏置 0 的 LSTM 仍降到百萬分之一以下，偏置 3 升到三十倍左右。" alt-en="With inputs a tenth in size, each model's gradient as a share of the last step's (log axis) against steps back. The tanh RNN and the LSTM with bias 1 fall to about a tenth, almost together; the LSTM with bias 0 still falls below a millionth, and bias 3 rises to about thirty times."
def draw_shares(log10_scale):
    _, ax = plt.subplots(figsize=(8, 3.2))
    steps = [0, 9, 19, 29, 39, 49]
    for (name, values), marker in zip(norms_at(10**log10_scale).items(), "os^d", strict=True):
        shares = values[:, steps] / values[:, :1]
        plotting.plot_band(ax, steps, shares, name, log=True, marker=marker)
    ax.set(xlabel="steps back from the loss", ylabel="share of the last step's gradient")
    ax.set(title=f"inputs of size {10**log10_scale:.2g}", ylim=(1e-18, 1e5))
    ax.legend(loc="upper left", bbox_to_anchor=(1, 1))


explore(draw_shares, log10_scale=slider(-1, 0.5, value=-1, step=0.25))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 輸入小的時候，tanh 幾乎是直線，導數接近 1，$U$ 正交的 RNN 就**不會消失**：留下的梯度和偏置 1 的 LSTM 差不多。輸入大的時候，tanh 飽和（saturate），RNN 才消失得比 LSTM 還快。所以「RNN 會消失，LSTM 不會」要看輸入多大、權重從哪裡起步；不管輸入多大都成立的，是遺忘閘偏置的順序。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# With small inputs tanh is nearly straight, its slope is near 1, and the orthogonal RNN **does not vanish**: it keeps about as much as the LSTM with bias 1. With large inputs tanh saturates, and only then does it vanish faster than the LSTM. So "RNNs vanish, LSTMs do not" depends on the size of the inputs and on where the weights start; what holds at every size is the order of the forget biases.

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 主張 5 到 7，八個種子的每一個都成立：
#
# **主張 5** 輸入大小為 1 時，往回 49 步，tanh RNN 和偏置 0 的 LSTM 的梯度都縮到最後一步的十萬分之一以下；偏置 3 的 LSTM 還留下一半以上。
#
# **主張 6** 輸入大小為 0.1、1、3 時，偏置 1 留下的比例都是偏置 0 的一百倍以上，偏置 3 留下的又是偏置 1 的十倍以上。
#
# **主張 7** tanh RNN 沒有這種固定的名次：輸入大小為 0.1 時，RNN 留下 2% 以上，是偏置 0 的 LSTM 的一千倍以上；輸入大小為 3 時，RNN 留下的反而不到偏置 0 的十分之一。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# Claims 5 to 7 hold for every one of eight seeds:
#
# **Claim 5** With inputs of size 1, 49 steps back, the tanh RNN and the LSTM with bias 0 both shrink to less than a hundred-thousandth of the last step's gradient; bias 3 keeps more than half.
#
# **Claim 6** With inputs of size 0.1, 1 and 3, the share that bias 1 keeps is more than a hundred times that of bias 0, and bias 3 keeps more than ten times as much again.
#
# **Claim 7** The tanh RNN has no such fixed place: with inputs of size 0.1 it keeps more than two hundredths, over a thousand times as much as bias 0; with inputs of size 3, less than a tenth of what bias 0 keeps.


# %% slideshow={"slide_type": "subslide"}
def shares_kept(scale):  # 49 steps back, as shares of the last step's gradient: a row a model
    return np.array([values[:, 49] / values[:, 0] for values in norms_at(scale).values()])


# %%
shares = {scale: shares_kept(scale) for scale in (0.1, 1, 3)}
for scale, kept in shares.items():
    medians = [f"{name} ≈{m:.0e}" for name, m in zip(norms, np.median(kept, axis=1), strict=True)]
    print(f"inputs of size {scale}:", ", ".join(medians))

# %%
rnn, closed, ajar, wide_open = shares[1]
claim(5, bool(max(rnn.max(), closed.max()) < 1e-5 and wide_open.min() > 0.5))

# %%
ordered = [
    (ajar > 100 * closed).all() and (wide_open > 10 * ajar).all()
    for _, closed, ajar, wide_open in shares.values()
]
claim(6, bool(all(ordered)))

# %%
small, large = shares[0.1], shares[3]
small_keeps = (small[0] > 0.02).all() and (small[0] > 1000 * small[1]).all()
claim(7, bool(small_keeps and (large[0] < 0.1 * large[1]).all()))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 三個小世界，沒有記憶就答不出來
#
# - **配對**：看到兩對符號，再問其中一個的夥伴是誰（之後還有五步空白）；
# - **球在哪裡**：有人走動、有人撿球，最後問球在哪裡（仿 bAbI；Weston 等人，2015）；
# - **追蹤**：三個物件在 4×4 的格子上輪流走動，最後問其中一個的位置。
#
# LSTM 答對 90% 算厲害嗎？要先知道**簡單的捷徑**能答對多少。我們替每個世界準備四個對手，都是對照表：
#
# 1. 多數類別；
# 2. 只看問題那一步（把訓練資料裡每種問題最常見的答案記下來）；
# 3. 再多看前一步；
# 4. 只看每個特徵在整個序列裡的總和（不知道順序，也不知道誰和哪個地點在同一步）。
#
# 先猜：每個世界最強的對手是哪一個？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Three small worlds that cannot be answered without memory
#
# - **Pairs**: two pairs of symbols pass by, then one symbol asks for its partner (five empty steps follow);
# - **Where is the ball?** People walk about, someone takes the ball; where is it now? (after bAbI, Weston et al. 2015);
# - **Tracking**: three objects take turns walking on a 4×4 grid; where is this one?
#
# Is 90 % good? First find out what **simple shortcuts** can get. Each world gets four opponents, all of them look-up tables:
#
# 1. the majority class;
# 2. the question only (the commonest training answer to each question);
# 3. the step before it as well;
# 4. the total of each feature over the sequence (not the order, nor who went with which place).
#
# Guess first: which is the strongest in each world?


# %% slideshow={"slide_type": "subslide"}
def pairs(n, rng):
    return tasks.generate_pair_matching(n, seq_len=10, vocab_size=6, rng=rng)


def where_is_the_ball(n, rng):
    return tasks.generate_babi_simple(n, max_facts=5, rng=rng)


def tracking(n, rng):
    return tasks.generate_object_tracking(n, seq_len=10, n_objects=3, grid_size=4, rng=rng)


def as_class(y):  # one-hot answers, or positions (x, y) in quarters
    return np.rint(4 * y).astype(int) @ [4, 1] if y.shape[1] == 2 else y.argmax(axis=1)


worlds = {"pairs": (pairs, 4000), "ball": (where_is_the_ball, 6000), "tracking": (tracking, 4000)}

# %%
X, y, about = pairs(1, seeding.rng(1))
for step in X[0]:
    symbol = step[:6].argmax() if step[:6].any() else "-"
    print(symbol, "<- whose partner is it?" if step[6] else "")
print("answer:", as_class(y)[0])

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 對照表的做法是：訓練時每看到一種樣子，就記下它最常見的答案。沒見過的樣子就猜多數類別。樣子太多、幾乎不重複時（追蹤的總和），對照表就退化成多數類別；這不表示那些資訊沒有用。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# A look-up table says: for what was seen, which answer was commonest in training? What it never saw gets the majority class. Where hardly anything is seen twice (the totals in tracking), the table is no better than the majority; that does not make the information worthless.


# %%
def table_accuracy(view, train, test):
    answers = {}
    for key, answer in zip(map(bytes, view(train[0])), as_class(train[1]), strict=True):
        answers.setdefault(key, []).append(answer)
    majority = np.bincount(as_class(train[1])).argmax()
    commonest = {key: np.bincount(given).argmax() for key, given in answers.items()}
    guesses = [commonest.get(bytes(seen), majority) for seen in view(test[0])]
    return np.mean(guesses == as_class(test[1]))


def views(name):
    at = 4 if name == "pairs" else -1  # the step that asks
    return {
        "majority": lambda X: X[:, 0] * 0,
        "the question only": lambda X: X[:, at],
        "and the step before": lambda X: np.concatenate([X[:, at], X[:, at - 1]], axis=1),
        "totals only": lambda X: X.sum(axis=1).round(6),
    }


# %% slideshow={"slide_type": "subslide"}
def run_world(seed, name, make, num_train):
    rng = seeding.rng(seed)
    train, val, test = (make(n, rng) for n in (num_train, 500, 1000))
    shares = {rule: table_accuracy(view, train, test) for rule, view in views(name).items()}
    about = train[2]
    model = LSTM(about["input_dim"], 48, about["output_dim"], rng=rng)
    task = "regression" if name == "tracking" else "classification"
    settings = {"clip_norm": 1.0, "task": task, "optimizer": Adam(), "rng": rng, "verbose": False}
    settings |= {"lr_decay": 0.5, "lr_decay_every": 5, "patience": 15}
    train_model(model, train[:2], val[:2], 15, 64, 0.01, **settings)
    answers = as_class(model.forward(test[0], return_sequences=False))
    return shares | {"answers": answers, "LSTM": np.mean(answers == as_class(test[1]))}


# %%
settings = {
    name: {"name": name, "make": make, "num_train": n} for name, (make, n) in worlds.items()
}
results = run_seeds(run_world, settings=settings)
for name, table in results.groupby("setting", sort=False):
    print(f"{name:9} LSTM {mean_interval(table['LSTM']):.1%}")

# %% slideshow={"slide_type": "subslide"} alt-zh="橫軸是三個世界，縱軸是準確率。LSTM 在三個世界都遠高於四張對照表；球的世界裡，只看總和的對照表有六成多，是最強的對手。誤差線是五個種子的 95% 信賴區間。" alt-en="Accuracy in three worlds. The LSTM is far above all four tables in each; in the world of the ball the table of totals, at over 60 %, is the strongest opponent. Error bars are 95 % intervals over five seeds."
figure, ax = plt.subplots(figsize=(8, 3.2))
contenders = [*views("pairs"), "LSTM"]
for position, (name, marker) in enumerate(zip(contenders, "sv^Do", strict=True)):
    intervals = [mean_interval(results.query("setting == @world")[name]) for world in worlds]
    means = np.array([interval.mean for interval in intervals])
    halves = [interval.half_width for interval in intervals]
    at = np.arange(3) + 0.13 * (position - 2)
    ax.errorbar(at, means, halves, fmt=marker, capsize=3, label=name)
ax.set_xticks(range(3), list(worlds))
ax.set(ylim=(0, 1.03), ylabel="accuracy on 1,000 new sequences")
legend = ax.legend(loc="upper left", bbox_to_anchor=(1, 1))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 你猜中最強的對手了嗎？在球的世界裡，只看總和就能答對六成多：各個地點提到幾次，已經透露了不少。**只和瞎猜（25%）比，會高估 LSTM。**
#
# **主張 8** 不論五個種子的哪一個，在三個世界裡，LSTM 的準確率（accuracy）都比這四張對照表中最強的高出 10 個百分點以上；追蹤與配對高出 40 個百分點以上。
#
# **主張 9** 不論五個種子的哪一個，在球的世界裡，只看總和的對照表都比多數類別高 25 個百分點以上。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# Did you guess the strongest opponent? In the world of the ball, totals alone get more than 60 %: how often each place was mentioned gives much away. **Held against guessing (25 %) alone, the LSTM would look better than it is.**
#
# **Claim 8** In all five seeds and three worlds the LSTM is more than 10 points above the strongest of these four tables; in pairs and tracking more than 40.
#
# **Claim 9** In the world of the ball, for all five seeds, the table of totals is more than 25 points above the majority class.

# %%
lead = results["LSTM"] - results[list(views("pairs"))].max(axis=1)
ball = results["setting"] == "ball"
claim(8, bool((lead > 0.10).all() and (lead[~ball] > 0.40).all()))
totals = results["totals only"] - results["majority"]
claim(9, bool((totals[ball] > 0.25).all()))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 還有更強的捷徑
#
# 四張對照表都輸了，可以收工了嗎？再想一條捷徑：凡是撿過球的人，數一數他們去過哪些地點，答最多的那個。這條捷徑（shortcut）也不管順序。先猜：LSTM 贏幾個百分點？

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### A stronger shortcut
#
# All four tables have lost; are we done? Here is a shortcut that a person might think of: count the places visited by everyone who ever took the ball, and answer the commonest. It ignores order too. Guess first: by how many points does the LSTM win?


# %%
def commonest_place(X):
    people, places, goes, takes = X[..., :4], X[..., 5:9], X[..., 9:10], X[..., 10:11]
    visits = np.einsum("nta,ntl->nal", people * goes, places)
    took = (people * takes).any(axis=1)
    return np.einsum("na,nal->nl", took, visits).argmax(axis=1)


rows = []
for run in results[ball].itertuples():
    rng = seeding.rng(run.seed)
    *_, (X, y, _) = (where_is_the_ball(n, rng) for n in (6000, 500, 1000))  # the same test data
    found = commonest_place(X) == as_class(y)
    right = run.answers == as_class(y)
    rows.append([found.mean(), right.mean(), right[~found].mean()])
shortcut, lstm, where_missed = np.transpose(rows)
print(f"shortcut {mean_interval(shortcut):.1%}, LSTM {mean_interval(lstm):.1%}")
print(f"LSTM where the shortcut is wrong: {mean_interval(where_missed):.1%}")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# LSTM **輸了**，輸給一條不用訓練、也不管順序的捷徑。那麼它是不是完全沒學到順序？準確率回答不了；要看**捷徑答錯的那些序列**：只會走這條捷徑的模型，在那裡一題也答不對。LSTM 在那裡平均答對一半以上，所以它學到的不只是這條捷徑，只是還不夠好。
#
# **主張 10** 不論五個種子的哪一個，捷徑都贏過 LSTM；而在捷徑答錯的序列上，LSTM 都答對 40% 以上。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# The LSTM **loses**, to a shortcut that needs no training and ignores order. Has it learnt nothing of the order, then? Accuracy cannot say; look at **the sequences that the shortcut gets wrong**, where a model that only takes this shortcut has nothing right. The LSTM has more than half of them right on average: it has learnt something that the shortcut lacks, only not enough of it.
#
# **Claim 10** For all five seeds the shortcut beats the LSTM; and of the sequences that the shortcut misses, the LSTM has more than 40 % right.

# %%
claim(10, bool((shortcut > lstm).all() and (where_missed > 0.4).all()))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 高速公路不通車，學得會嗎？
#
# 最長的記憶測驗：第一步出現四個符號之一，接著 49 步沒有符號；每一步（包括第一步）都有雜訊。讀完要答出：開頭是哪一個？瞎猜是 25%。
#
# 三個 LSTM 只差遺忘閘偏置的**起點**：0、1、3。先猜：訓練 200 步之後，八個種子裡各有幾個學會？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## With the motorway closed, can it learn at all?
#
# The longest memory test: one of four symbols at the first step, then 49 steps without one, and noise at every step, the first included. After the last step: which symbol was it? Guessing gets 25 %.
#
# Three LSTMs differ only in where the forget bias **starts**: 0, 1, 3. Guess first: after 200 steps of training, how many of eight seeds have learnt it?


# %%
def recall_first(n, rng):
    y = rng.integers(0, 4, n)
    X = np.zeros((n, 50, 5))
    X[..., 4] = rng.normal(size=(n, 50))  # noise at every step
    X[np.arange(n), 0, y] = 1
    return X, y


def run_recall(seed, forget_bias):
    rng = seeding.rng(seed)
    model, optimizer = LSTM(5, 16, 4, forget_bias=forget_bias, rng=rng), Adam()
    test, curve = recall_first(500, rng), []
    for step in range(200):
        train_step(model, *recall_first(32, rng), 0.01, clip_norm=1.0, optimizer=optimizer)
        if step % 20 == 19:
            curve.append(evaluate(model, *test)[1])
    return {"curve": curve, "accuracy": curve[-1]}


# %%
biases = {f"forget bias {bias}": {"forget_bias": bias} for bias in (0, 1, 3)}
recall = run_seeds(run_recall, range(8), biases)

# %% slideshow={"slide_type": "subslide"} alt-zh="橫軸是訓練步數，縱軸是準確率，八個種子各一條曲線。偏置 0 全部停在 25%；偏置 1 有的學會、有的沒有；偏置 3 幾乎全部很快到 100%。" alt-en="Accuracy against training steps, one curve for each of eight seeds. Bias 0 stays at 25 % throughout; with bias 1 some learn and some do not; with bias 3 nearly all soon reach 100 %."
figure, axes = plt.subplots(1, 3, figsize=(9, 2.8), sharey=True)
for ax, (name, runs) in zip(axes, recall.groupby("setting", sort=False), strict=True):
    lines = ax.plot(range(20, 201, 20), np.array(runs["curve"].tolist()).T, "C0-", alpha=0.5)
    ax.axhline(0.25, color="black", linestyle=":")
    ax.set(title=name, xlabel="training step", ylim=(0, 1.05))
label = axes[0].set_ylabel("accuracy (dotted: chance)")

# %% slideshow={"slide_type": "subslide"}
solved = recall.assign(solved=recall["accuracy"] > 0.9).groupby("setting")["solved"].sum()
closed, ajar, wide_open = (int(solved[name]) for name in biases)
print("solved:", {name: f"≈{solved[name]} of 8" for name in biases})

# %% [markdown] lang="zh-TW"
# **主張 11** 準確率超過 90% 才算學會。偏置從 3 開始，八個種子裡至少六個學會；從 0 開始，一個也沒學會，準確率全部低於 40%。課程的 `LSTM` 預設是 1，這八個種子裡，學會的個數比從 3 開始時少（只有八個種子，還不能斷定有差別）。
#
# 想讓 LSTM 記得更久，就讓遺忘閘從更大的偏置起步（Gers 等人，2000；Jozefowicz 等人，2015）。想一想：如果任務要的是**忘掉**呢？這時大偏置還是好的起點嗎？

# %% [markdown] lang="en"
# **Claim 11** Learnt means an accuracy above 90 %. From bias 3, at least six of eight seeds learn it; from 0 none does, and all stay below 40 %. The course's `LSTM` starts at 1 by default; of these eight seeds fewer learn it than from 3 (eight are too few to call that a difference).
#
# To make it remember longer, let the forget gate start with a larger bias (Gers et al. 2000; Jozefowicz et al. 2015). Think on: what if a task asks for **forgetting**? Would a large bias still be a good start?

# %%
hopeless = recall.query("setting == 'forget bias 0'")["accuracy"].max() < 0.4
claim(11, bool(wide_open >= 6 and ajar < wide_open and closed == 0 and hopeless))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 練習 1：權重的梯度，穿越時間
#
# 難度 ★★☆，約 15 分鐘。
#
# tanh RNN：$h_t=\tanh(x_tW+h_{t-1}U)$，$h_0=0$。損失只看最後的 $h_T$，而 $\partial L/\partial h_T$ 就是 `d_last`。先在紙上推一遍，再寫 `rnn_weight_gradients(X, W, U, d_last)`，回傳 `(d_W, d_U)`。
#
# `X` 是 (B, T, D)，`W` 是 (D, H)，`U` 是 (H, H)，`d_last` 是 (B, H)。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Exercise 1: the weights' gradient, through time
#
# Difficulty ★★☆, about 15 minutes.
#
# A tanh RNN: $h_t=\tanh(x_tW+h_{t-1}U)$, $h_0=0$. The loss sees the last $h_T$ only, and $\partial L/\partial h_T$ is `d_last`. Derive it on paper first, then write `rnn_weight_gradients(X, W, U, d_last)`, which returns `(d_W, d_U)`.
#
# `X` is (B, T, D), `W` (D, H), `U` (H, H), `d_last` (B, H).


# %% tags=["exercise"]
def rnn_weight_gradients(X, W, U, d_last):
    raise NotImplementedError


# %% tags=["check"]
exercises.rnn_weight_gradients.check(rnn_weight_gradients)


# %% tags=["solution"]
# One way to do it.
def rnn_weight_gradients_solution(X, W, U, d_last):
    """(d_W, d_U) of a tanh RNN, h' = tanh(xW + hU), whose loss sees the last h only."""
    hidden = [np.zeros((len(X), len(U)))]
    for t in range(X.shape[1]):
        hidden.append(np.tanh(X[:, t] @ W + hidden[-1] @ U))
    d_W, d_U, d_h = np.zeros_like(W), np.zeros_like(U), d_last
    for t in reversed(range(X.shape[1])):
        d_a = d_h * (1 - hidden[t + 1] ** 2)
        d_W += X[:, t].T @ d_a
        d_U += hidden[t].T @ d_a
        d_h = d_a @ U.T
    return d_W, d_U


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 練習 2：另一種閘的梯度：GRU
#
# 難度 ★★☆，約 10 分鐘。
#
# GRU（gated recurrent unit）只有一個狀態。這裡把最後一行寫成 $h'=(1-z)\odot h+z\odot n$（Cho 等人與 PyTorch 把 $z$ 和 $1-z$ 對調），其中 $z=\sigma(a_z)$、$n=\tanh(a_n)$。已知 $\bar h'$（`d_h_new`）與 `z`、`n`、`h`，寫出 `gru_blend_backward(d_h_new, z, n, h)`，回傳 $(\bar a_z, \bar a_n, \bar h)$。這裡的 $\bar h$ 只算直接出現在這一行的 $h$。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Exercise 2: another gate's gradient: the GRU
#
# Difficulty ★★☆, about 10 minutes.
#
# A GRU has one state. We write its last line as $h'=(1-z)\odot h+z\odot n$ (Cho et al. and PyTorch exchange $z$ and $1-z$), with $z=\sigma(a_z)$ and $n=\tanh(a_n)$. Given $\bar h'$ (`d_h_new`) and `z`, `n`, `h`, write `gru_blend_backward(d_h_new, z, n, h)`, which returns $(\bar a_z, \bar a_n, \bar h)$. Here $\bar h$ counts only the $h$ that stands in this line.


# %% tags=["exercise"]
def gru_blend_backward(d_h_new, z, n, h):
    raise NotImplementedError


# %% tags=["check"]
exercises.gru_blend_backward.check(gru_blend_backward)


# %% tags=["solution"]
# One way to do it.
def gru_blend_backward_solution(d_h_new, z, n, h):
    """(d_a_z, d_a_n, d_h) of h' = (1 - z) h + z n, with z = σ(a_z) and n = tanh(a_n)."""
    d_a_z = d_h_new * (n - h) * z * (1 - z)
    d_a_n = d_h_new * z * (1 - n**2)
    return d_a_z, d_a_n, d_h_new * (1 - z)


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 練習 3：長短不一的序列
#
# 難度 ★☆☆，約 5 分鐘。
#
# 一批序列長短不一，短的在尾端補上空白的時間步。`hidden` 是 (B, T, H)，`lengths` 是各序列真正的長度，(B,) 的整數陣列。寫 `last_valid_hidden(hidden, lengths)`，回傳每個序列讀完自己最後一步時的隱藏向量，(B, H)。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Exercise 3: sequences of unequal length
#
# Difficulty ★☆☆, about 5 minutes.
#
# The sequences of a batch differ in length; empty steps are appended to the short ones. `hidden` is (B, T, H), `lengths` holds each sequence's own length, integers (B,). Write `last_valid_hidden(hidden, lengths)`: the hidden vector after each sequence's own last step, (B, H).


# %% tags=["exercise"]
def last_valid_hidden(hidden, lengths):
    raise NotImplementedError


# %% tags=["check"]
exercises.last_valid_hidden.check(last_valid_hidden)


# %% tags=["solution"]
# One way to do it.
def last_valid_hidden_solution(hidden, lengths):
    """(B, H): the row of ``hidden`` (B, T, H) at each sequence's own last step."""
    return hidden[np.arange(len(hidden)), lengths - 1]


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 練習 4：數參數
#
# 難度 ★☆☆，約 5 分鐘。
#
# 這一課的 LSTM（每個閘一個偏置）加上輸出層，一共學幾個數？寫 `lstm_parameters(input_size, hidden_size, output_size)`。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Exercise 4: count the parameters
#
# Difficulty ★☆☆, about 5 minutes.
#
# How many numbers does this lesson's LSTM (one bias a gate) learn, output layer included? Write `lstm_parameters(input_size, hidden_size, output_size)`.


# %% tags=["exercise"]
def lstm_parameters(input_size, hidden_size, output_size):
    raise NotImplementedError


# %% tags=["check"]
exercises.lstm_parameters.check(lstm_parameters)


# %% tags=["solution"]
# One way to do it.
def lstm_parameters_solution(input_size, hidden_size, output_size):
    """Four gates with W, U and b each, and an output layer."""
    one_gate = hidden_size * (input_size + hidden_size + 1)
    return 4 * one_gate + output_size * (hidden_size + 1)


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 重點整理
#
# - BPTT 沒有新數學：乘法把梯度交給另一個因子，激活函數再乘自己的導數，線性層乘轉置；同一組權重用了 T 次，就把 T 份加起來。
# - $\bar c=\bar c'\odot f$ 是唯一不經過矩陣的路。通不通，看遺忘閘：偏置從 0 起步的 LSTM，輸入不管大小都會梯度消失（RNN 會不會，要看輸入多大）；在這一課的 200 步訓練裡，這種 LSTM 學不會記住 49 步前的事。
# - 每一行都可以用有限差分檢查；形狀對、損失會降，都不能證明梯度是對的。
# - 準確率要和你想得到的最強的**捷徑**比，不能只和瞎猜比；再看捷徑答錯的地方，模型答對多少。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Summary
#
# - BPTT needs no new mathematics: a product hands the gradient to the other factor, an activation multiplies by its slope, a linear layer by its transpose; weights used T times add up T shares.
# - $\bar c=\bar c'\odot f$ is the only road without a matrix. Whether it is open is up to the forget gate: an LSTM whose bias starts at 0 has vanishing gradients whatever the size of its inputs (an RNN has them or not, depending on that size), and in this lesson's 200 training steps it does not learn to recall what lies 49 steps back.
# - Every line can be checked by finite differences; fitting shapes and a falling loss do not prove a gradient.
# - Hold an accuracy against the strongest **shortcut** you can think of, not against guessing alone; then see what the model gets right where the shortcut is wrong.

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "skip"}
# ### 原始文獻
#
# - Hochreiter, Schmidhuber（1997），Long short-term memory，Neural Computation 9(8)，doi:10.1162/neco.1997.9.8.1735。當時還沒有遺忘閘。
# - Gers, Schmidhuber, Cummins（2000），Learning to forget: continual prediction with LSTM，Neural Computation 12(10)，doi:10.1162/089976600300015015。遺忘閘。
# - Werbos（1990），Backpropagation through time: what it does and how to do it，Proceedings of the IEEE 78(10)，doi:10.1109/5.58337。
# - Bengio, Simard, Frasconi（1994），Learning long-term dependencies with gradient descent is difficult，IEEE Transactions on Neural Networks 5(2)，doi:10.1109/72.279181。
# - Saxe, McClelland, Ganguli（2014），Exact solutions to the nonlinear dynamics of learning in deep linear neural networks，ICLR，arXiv:1312.6120。正交初始化。
# - Cho, van Merriënboer, Gulcehre, Bahdanau, Bougares, Schwenk, Bengio（2014），Learning phrase representations using RNN encoder–decoder for statistical machine translation，EMNLP，arXiv:1406.1078。GRU。
# - Jozefowicz, Zaremba, Sutskever（2015），An empirical exploration of recurrent network architectures，ICML（PMLR 37）。遺忘閘的偏置從 1 起步。
# - Weston, Bordes, Chopra, Rush, van Merriënboer, Joulin, Mikolov（2015），Towards AI-complete question answering: a set of prerequisite toy tasks，arXiv:1502.05698。bAbI。

# %% [markdown] lang="en" slideshow={"slide_type": "skip"}
# ### Primary sources
#
# - Hochreiter, Schmidhuber (1997), Long short-term memory, Neural Computation 9(8), doi:10.1162/neco.1997.9.8.1735. It had no forget gate yet.
# - Gers, Schmidhuber, Cummins (2000), Learning to forget: continual prediction with LSTM, Neural Computation 12(10), doi:10.1162/089976600300015015. The forget gate.
# - Werbos (1990), Backpropagation through time: what it does and how to do it, Proceedings of the IEEE 78(10), doi:10.1109/5.58337.
# - Bengio, Simard, Frasconi (1994), Learning long-term dependencies with gradient descent is difficult, IEEE Transactions on Neural Networks 5(2), doi:10.1109/72.279181.
# - Saxe, McClelland, Ganguli (2014), Exact solutions to the nonlinear dynamics of learning in deep linear neural networks, ICLR, arXiv:1312.6120. Orthogonal initialization.
# - Cho, van Merriënboer, Gulcehre, Bahdanau, Bougares, Schwenk, Bengio (2014), Learning phrase representations using RNN encoder–decoder for statistical machine translation, EMNLP, arXiv:1406.1078. The GRU.
# - Jozefowicz, Zaremba, Sutskever (2015), An empirical exploration of recurrent network architectures, ICML (PMLR 37). A forget bias that starts at 1.
# - Weston, Bordes, Chopra, Rush, van Merriënboer, Joulin, Mikolov (2015), Towards AI-complete question answering: a set of prerequisite toy tasks, arXiv:1502.05698. bAbI.
