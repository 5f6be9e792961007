# %% [markdown] lang="zh-TW" about="穿越時間的反向傳播，一個閘一個閘地推，結果與 PyTorch 相同" slideshow={"slide_type": "slide"}
# # 用 NumPy 推導 LSTM
#
# 讀一個句子，要記得開頭說了什麼。LSTM（long short-term memory）用三個閘（gate）守著一格記憶；這一課把前向（forward）與反向（backward）一行一行寫出來，不靠 autograd。學完之後，你能夠：
#
# - 推導穿越時間的反向傳播（back-propagation through time，BPTT），用有限差分（finite difference）檢查每一行，並與 `torch.nn.LSTM` 一致；
# - 解釋為什麼「LSTM 不會梯度消失（vanishing gradient）」只說對了一半，另一半要看遺忘閘（forget gate）的偏置（bias）；
# - 在需要記憶的任務上，拿 LSTM 和對照表（look-up table）比較，再找一條更強的捷徑來考；
# - 訓練一個會寫英文的模型：狀態一路接下去，梯度只往回走幾步，再用每個字元幾位元（bits per character）和數字母的方法比高下。
#
# 先備：[[back_propagation]]、[[numpy_losses_and_gradients]]（梯度檢查）、[[numpy_training_loop]]。

# %% [markdown] lang="en" about="back-propagation through time, one gate at a time, equal to PyTorch's" slideshow={"slide_type": "slide"}
# # The LSTM, derived in NumPy
#
# To understand a sentence you must still know how it began. An LSTM guards a memory cell with three gates; here both its ways, forward and back, are written out without autograd. By the end you can
#
# - derive back-propagation through time (BPTT), check every line by finite differences, and match `torch.nn.LSTM`;
# - explain why "LSTMs do not suffer from vanishing gradients" is half the truth, and what the forget gate's bias has to do with it;
# - hold an LSTM against look-up tables on tasks that need memory, then against a stronger shortcut;
# - train a model that writes English, its state carried on and its gradient cut off, and compare it in bits per character with counting letters.
#
# It builds on [[back_propagation]], [[numpy_losses_and_gradients]] (gradient checks) and [[numpy_training_loop]].

# %% lang="zh-TW" tags=["setup"] slideshow={"slide_type": "subslide"}
from course_utils.notebook import set_up

device = set_up("numpy_lstm", language="zh-TW", workers=True)

# %% lang="en" tags=["setup"] slideshow={"slide_type": "subslide"}
from course_utils.notebook import set_up

device = set_up("numpy_lstm", language="en", workers=True)

# %% slideshow={"slide_type": "subslide"}
from itertools import islice
from textwrap import fill

import matplotlib.pyplot as plt
import numpy as np
import torch

from course_utils import plotting, seeding
from course_utils.exercises import numpy_lstm as exercises
from course_utils.experiment import run_seeds
from course_utils.intervals import mean_interval, paired_difference
from course_utils.notebook.claims import claim
from course_utils.notebook.explore import explore, slider
from course_utils.numpy_track import tasks
from course_utils.numpy_track.activations import sigmoid
from course_utils.numpy_track.clipping import clip_gradients
from course_utils.numpy_track.initializers import orthogonal_initializer, xavier_initializer
from course_utils.numpy_track.losses import cross_entropy_loss
from course_utils.numpy_track.lstm_baseline import LSTM
from course_utils.numpy_track.optimizers import Adam
from course_utils.numpy_track.text import Alphabet, read_prose, streams, write_text
from course_utils.numpy_track.training_utils import evaluate, train_model

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

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（5 分鐘）LSTM 的記憶是 c′ = f⊙c + i⊙g。遺忘閘 f 全是 1、輸入閘 i 全是 0 的那一步，記憶會怎樣？
#
# - ✗ 清成 0。 *看到輸入閘關上，就以為什麼都沒有了；舊的記憶是由遺忘閘決定的。*
# - ✓ 原封不動。 *f⊙c 就是 c，i⊙g 是 0，所以 c′ = c。*
# - ✗ 變成候選值 g。 *把兩個閘的角色對調了：寫入要靠 i。*
# - ✗ 還是會變一點，因為經過 tanh。 *tanh 只在輸出 h 的時候用，記憶這條路上沒有。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (5 min) An LSTM's cell is c′ = f⊙c + i⊙g. In a step with the forget gate f all ones and the input gate i all zeros, what becomes of the cell?
#
# - ✗ It is cleared to 0. *Sees the input gate closed and thinks nothing is left; the old cell is up to the forget gate.*
# - ✓ It stays untouched. *f⊙c is c, and i⊙g is 0, so c′ = c.*
# - ✗ It becomes the candidate g. *Exchanges the two gates: writing takes i.*
# - ✗ It changes a little, by the tanh. *The tanh comes in for the output h only, not on the cell's own path.*


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
# The dict returned last is the **tape**: all that the way back will need. The shapes (batch 3, input 4, hidden 5):

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
#
# **主張 1** 換五個種子（seed），這不到二十行的程式必然和課程的 `LSTM` 給出相同的 logits（差距小於 10⁻¹²）。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### A whole sequence: the same weights, T times
#
# Every step uses the **same** parameters and takes in the $h$ and $c$ of the step before: that is "recurrent". The last $h$ goes through the output layer and becomes logits.
#
# **Claim 1** These few lines must give the same logits as the course's `LSTM` (five seeds, within 10⁻¹²).


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


# %% slideshow={"slide_type": "subslide"}
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
# **If this number moves a little, how much does the loss move?** Write $\bar z=\partial L/\partial z$. Take one step alone and suppose $\bar h'$ is known. From $h'=o\odot\tanh(c')$:
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

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（6 分鐘）由 c′ = f⊙c + i⊙g 求遺忘閘的梯度時，有人把 ∂L/∂f = ∂L/∂c′ ⊙ c 裡的 c 寫成 c′。怎樣才會發現？
#
# - ✗ 程式會因為形狀不合而停下來。 *c 和 c′ 的形狀相同，什麼都不會報錯。*
# - ✗ 損失不會下降。 *方向大致對的梯度，照樣讓損失下降。*
# - ✓ 和有限差分比，誤差大得多。 *只有另外算一次梯度，才看得出這個因子錯了。*
# - ✗ 不必發現，兩種寫法一樣。 *乘法的導數是另一個因子，那是舊的記憶。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (6 min) For the forget gate's gradient in c′ = f⊙c + i⊙g somebody writes c′ for the c of ∂L/∂f = ∂L/∂c′ ⊙ c. How would it come out?
#
# - ✗ The program stops, since shapes do not fit. *c and c′ have one shape, so nothing complains.*
# - ✗ The loss does not fall. *A gradient that points roughly right still brings the loss down.*
# - ✓ Compared with finite differences, the error is far larger. *Only a gradient found in another way shows that this factor is wrong.*
# - ✗ It need not: both are the same. *The slope of a product is the other factor, which is the old cell.*

# %%
d_c_new = d_h * s["o"] * (1 - np.tanh(s["c_new"]) ** 2)
by_hand = {
    "f": d_c_new * s["c"],
    "i": d_c_new * s["g"],
    "g": d_c_new * s["i"],
    "c": d_c_new * s["f"],
    "o": d_h * np.tanh(s["c_new"]),
}
errors = {name: abs(values - numeric(name)).max() for name, values in by_hand.items()}
print({name: f"≈{error:.0e}" for name, error in errors.items()})

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 是 $\bar f$：要乘的是**舊的**記憶 $c$，不是 $c'$。寫成 $c'$，形狀一樣、程式不報錯、損失也會降，只有檢查看得出來。
#
# **主張 2** 三個閘、候選值與記憶的梯度，必然和有限差分一致（差距小於 10⁻⁸）；在這個例子裡，把 $c$ 誤寫成 $c'$，誤差超過 10⁻⁴，是那個界線的一萬倍以上。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# It is $\bar f$: the factor is the **old** cell $c$, not $c'$. With $c'$ nothing complains, and the loss even falls; only a check can tell.
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
# Likewise $\bar x=\sum_k\bar a_kW_k^{\top}$; $k$ runs over all four; the candidate $g$ has $W_c$ and $U_c$. Inside a sequence, $\bar c'$ also gets what comes back from the step after:


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

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（6 分鐘）RNN 的反向傳播從最後一步往第一步走，每一步把權重的梯度加上去（`grads += ...`）。如果誤寫成 `grads = ...`，最後留下的是哪一步的梯度？
#
# - ✓ 第一步的。 *迴圈最後才走到第一步，前面算好的都被蓋掉了。*
# - ✗ 最後一步的。 *忘了反向傳播是倒著走的。*
# - ✗ 各步的平均。 *= 是覆蓋，不會平均。*
# - ✗ 和原來一樣，因為權重是同一組。 *正因為是同一組，才要把每一步的份加起來。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (6 min) The backward pass of an RNN goes from the last step to the first and adds to the weights' gradient at each (`grads += ...`). With `grads = ...` by mistake, which step's gradient is left?
#
# - ✓ The first step's. *The loop reaches it last and overwrites all the others.*
# - ✗ The last step's. *Forgets that the way back runs in reverse.*
# - ✗ The mean over all steps. *= overwrites, it does not average.*
# - ✗ The same as before, since the weights are the same. *Because they are the same, every step's share has to be added.*


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
#
# PyTorch 把三個閘和候選值疊成一個矩陣，順序是 i、f、g、o，權重要轉置；每個閘有**兩個**偏置（相加之後才有意義，所以第二個設成 0）。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# That of the first step (the loop reaches it last, and overwrites all the others).
#
# **Claim 3** The gradients of all fourteen parameter arrays must equal those of the course's `LSTM.loss_and_grads` (five seeds, relative difference below 10⁻¹⁰).
#
# **Claim 4** `torch.nn.LSTM` must agree too: the logits, and the gradients of every gate's $W$ and $U$, within 10⁻¹⁰.
#
# PyTorch stacks gates and candidate into one matrix, in the order i, f, g, o, with weights transposed, and gives every gate **two** biases (only their sum matters; the second is set to 0).


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


# %% slideshow={"slide_type": "subslide"}
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
# 輸入是 8 個標準常態的亂數，再乘上 `scale`（先用 1）；隱藏向量有 32 維；起步時 $W$ 用 Xavier，$U$ 用正交矩陣。範數（norm）對 32 個序列取平均。
#
# 先猜：49 步之前，這四個各剩下多少？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## How far does the gradient reach?
#
# RNNs have vanishing gradients, they say, and LSTMs do not. Read 50 random inputs, with a loss at the last step only, and measure $\|\partial L/\partial x_t\|$ against the distance.
#
# - a tanh RNN, $h'=\tanh(xW+hU)$, with $U$ orthogonal (by itself it neither stretches nor shrinks a gradient, Saxe et al. 2014; the slope of tanh shrinks it);
# - an LSTM whose forget-gate bias $b_f$ begins at 0, 1 or 3.
#
# Inputs are 8 standard normal numbers a step, times `scale` (1 for now); there are 32 hidden units; to begin with, $W$ is Xavier and $U$ orthogonal. Norms are means over 32 sequences.
#
# Guess: 49 steps back, how much is left of each?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（8 分鐘）LSTM 讀 50 步大小為 1 的亂數，只在最後一步有損失，還沒有訓練。遺忘閘的偏置從 0 開始時，49 步以前的輸入還分得到多少梯度？
#
# - ✗ 大約和最後一步一樣，LSTM 不會梯度消失。 *架構鋪了路，通不通卻要看遺忘閘。*
# - ✗ 大約一半。 *遺忘閘大約是 0.5，但是每一步都要再乘一次。*
# - ✓ 不到最後一步的十萬分之一。 *每走一步乘一次約 0.5 的遺忘閘，五十步下來幾乎什麼也不剩。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (8 min) An untrained LSTM reads 50 steps of random inputs of size 1, with a loss at the last step only. With a forget bias that starts at 0, how much gradient reaches the input of 49 steps before?
#
# - ✗ About as much as at the last step: LSTMs do not vanish. *The architecture builds the road; the forget gate decides whether it is open.*
# - ✗ About half. *The forget gate is about 0.5, but it is multiplied in again at every step.*
# - ✓ Less than a hundred-thousandth of the last step's. *Each step multiplies by a forget gate of about 0.5; after fifty, next to nothing is left.*


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


# %% slideshow={"slide_type": "subslide"}
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

# %% slideshow={"slide_type": "subslide"} alt-zh="橫軸是往回的步數，縱軸是梯度的範數（對數刻度）。tanh RNN 與偏置 0 的 LSTM 都掉到百萬分之一以下，偏置 0 掉得更低；偏置 1 掉到萬分之二左右，約為起點的千分之一；偏置 3 先略降再回升，終點比起點高。色帶是八個種子的 95% 信賴區間。" alt-en="Gradient norm on a log axis against steps back. The tanh RNN and the LSTM with bias 0 both fall below a millionth, bias 0 lowest; bias 1 falls to about two ten-thousandths, a thousandth of where it began; bias 3 dips a little, then rises to end above its start. Bands are 95 % intervals over eight seeds."
figure, ax = plt.subplots(figsize=(8, 3.2))
for (name, values), marker in zip(norms.items(), "os^d", strict=True):
    steps = [0, 9, 19, 29, 39, 49]
    plotting.plot_band(ax, steps, values[:, steps], name, log=True, marker=marker)
ax.set(xlabel="steps back from the loss", ylabel="mean norm of ∂L/∂x")
legend = ax.legend(loc="upper left", bbox_to_anchor=(1, 1))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 偏置 0 的 **LSTM** 一樣消失！原因就在 $\bar c=\bar c'\odot f$：$b_f=0$ 時 $f$ 大約是 0.5，光走這條路，五十步只剩 $0.5^{50}\approx10^{-15}$（多出來的部分，是繞道 $h$ 往回傳的）。$b_f=3$ 時 $f\approx0.95$，光走這條路五十步還留著 $0.95^{50}\approx0.08$，從 $h$ 繞回來的梯度還會再加進來。**LSTM 的架構鋪了一條高速公路；訓練開始時，遺忘閘的偏置決定通不通車。**
#
# 想一想：輸入全部縮成十分之一，往回 49 步，哪幾個模型留下的會差很多？然後拉動滑桿：0 是剛才的大小，−1 是十分之一。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# The **LSTM** with bias 0 vanishes too! In $\bar c=\bar c'\odot f$, $b_f=0$ makes $f$ about 0.5, and by this road alone fifty steps leave $0.5^{50}\approx10^{-15}$ (the rest came round by $h$). With $b_f=3$, $f\approx0.95$: this road alone still carries $0.95^{50}\approx0.08$, and what comes round by $h$ is added. **The architecture builds a motorway; at the start of training the forget gate's bias decides whether it is open.**
#
# Predict: shrink all inputs to a tenth. For which models does what is left after 49 steps change a lot? Then move the slider: 0 is the size above, −1 a tenth of it.

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（6 分鐘）tanh RNN 的遞迴矩陣是正交矩陣，讀 50 步亂數。把輸入從 1 縮成 0.1，49 步以前的梯度為什麼會變大很多？
#
# - ✗ 輸入小，損失就小，梯度不容易消失。 *損失的大小和梯度走得多遠是兩回事。*
# - ✓ tanh 幾乎是直線，導數接近 1，每一步縮得少。 *正交矩陣不縮放梯度，縮小的只有 tanh 的導數。*
# - ✗ 正交矩陣會把小的梯度放大。 *正交矩陣保持長度，不放大也不縮小。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (6 min) A tanh RNN with an orthogonal recurrent matrix reads 50 random inputs. Why does the gradient that reaches 49 steps back grow so much when the inputs shrink from size 1 to 0.1?
#
# - ✗ Small inputs make a small loss, which vanishes less. *The size of a loss and how far its gradient reaches are two things.*
# - ✓ tanh is nearly straight there, with a slope near 1, so each step shrinks little. *The orthogonal matrix keeps the length; only the slope of tanh shrinks a gradient.*
# - ✗ The orthogonal matrix enlarges small gradients. *It keeps lengths, and neither stretches nor shrinks.*


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
# 輸入小的時候，tanh 幾乎是直線，導數接近 1，$U$ 正交的 RNN 就**不會消失**：留下的梯度和偏置 1 的 LSTM 差不多。輸入大的時候，tanh 飽和（saturate），RNN 才消失得比 LSTM 還快。不管輸入多大都成立的，是遺忘閘偏置的順序。
#
# 主張 5 到 7，八個種子的每一個都成立：
#
# **主張 5** 輸入大小為 1 時，往回 49 步，tanh RNN 和偏置 0 的 LSTM 的梯度都縮到最後一步的十萬分之一以下；偏置 3 的 LSTM 還留下一半以上。
#
# **主張 6** 輸入大小為 0.1、1、3 時，偏置 1 留下的比例都是偏置 0 的一百倍以上，偏置 3 留下的又是偏置 1 的十倍以上。
#
# **主張 7** tanh RNN 沒有這種固定的名次：輸入大小為 0.1 時，RNN 留下 2% 以上，是偏置 0 的 LSTM 的一千倍以上；輸入大小為 3 時，RNN 留下的反而不到偏置 0 的十分之一。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# With small inputs tanh is nearly straight, and the orthogonal RNN **does not vanish**: it keeps about as much as the LSTM with bias 1. With large inputs tanh saturates, and it vanishes faster than the LSTM. What holds at every size is the order of the forget biases.
#
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
# LSTM 答對 90% 算厲害嗎？要先知道**簡單的捷徑**能答對多少。我們替每個世界準備四個對手，都是對照表：訓練時每看到一種樣子，就記下它最常見的答案；沒見過的樣子猜多數類別。
#
# 1. 多數類別；
# 2. 只看問題那一步；
# 3. 再多看前一步；
# 4. 只看每個特徵在整個序列裡的總和，不知道順序。
#
# 先猜：每個世界最強的對手是哪一個？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Three small worlds that cannot be answered without memory
#
# - **Pairs**: two pairs of symbols pass by, then one symbol asks for its partner (five empty steps follow);
# - **Where is the ball?** People walk about, someone takes the ball; where is it now? (after bAbI, Weston et al. 2015);
# - **Tracking**: three objects take turns walking on a 4×4 grid; where is this one?
#
# Is 90 % good? First find out what **simple shortcuts** get: four look-up tables that keep the commonest training answer to what they see (and give the majority class for what is new):
#
# 1. the majority class;
# 2. the question only;
# 3. the step before it as well;
# 4. the total of each feature over the sequence, without any order.
#
# Guess: which is the strongest in each world?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（6 分鐘）「球在哪裡」的任務：有人走動、有人撿球，最後問球在哪裡，答案有四種。LSTM 的準確率該拿什麼來比，才知道它學到了什麼？
#
# - ✗ 和瞎猜的 25% 比就夠了。 *瞎猜太弱：只看每個特徵的總和、不管順序，就有六成多。*
# - ✓ 和只看一部分輸入、你想得到的最強的捷徑比。 *超過捷徑的部分，才是捷徑解釋不了的。*
# - ✗ 和訓練準確率比。 *那看的是過擬合，不是任務能不能靠捷徑答對。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (6 min) In the task "where is the ball", people walk about, someone takes the ball, and the last step asks where it is, one of four places. What should an LSTM's accuracy be held against to know what it has learnt?
#
# - ✗ Guessing, 25 %, is enough. *Too weak: the totals of the features, without any order, get over 60 %.*
# - ✓ The strongest shortcut you can think of that sees only part of the input. *Only what stands above it cannot be explained by the shortcut.*
# - ✗ Its training accuracy. *That speaks of overfitting, not of whether a shortcut answers the questions.*


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


# %% slideshow={"slide_type": "subslide"}
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
# 在球的世界裡，只看總和就能答對六成多：各個地點提到幾次，已經透露了不少。**只和瞎猜（25%）比，會高估 LSTM。**
#
# **主張 8** 不論五個種子的哪一個，在三個世界裡，LSTM 的準確率（accuracy）都比這四張對照表中最強的高出 10 個百分點以上；追蹤與配對高出 40 個百分點以上。
#
# **主張 9** 不論五個種子的哪一個，在球的世界裡，只看總和的對照表都比多數類別高 25 個百分點以上。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# In the world of the ball, totals alone get more than 60 %: how often a place was mentioned gives much away. **Held against guessing (25 %) alone, the LSTM would look better than it is.**
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
# 還有更強的**捷徑**（shortcut）嗎？凡是撿過球的人，數一數他們去過哪些地點，答最多的那個。先猜：LSTM 贏幾個百分點？

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# Is there a stronger **shortcut**? Count the places visited by everyone who ever took the ball, and answer the commonest. Guess first: by how many points does the LSTM win?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（5 分鐘）一條不用訓練、也不管順序的捷徑，準確率高過 LSTM。怎樣才能知道 LSTM 是不是只學會了這條捷徑？
#
# - ✗ 不可能：輸了就是什麼都沒學到。 *準確率較低的模型，可能在別的題目上答對。*
# - ✓ 看捷徑答錯的那些序列，LSTM 答對多少。 *只走這條捷徑的模型，在那裡一題也答不對。*
# - ✗ 把 LSTM 訓練得更久。 *準確率變高也說不出它用的是什麼。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (5 min) A shortcut that needs no training and ignores order is more accurate than the LSTM. How can one tell whether the LSTM has learnt that shortcut only?
#
# - ✗ One cannot: it lost, so it has learnt nothing. *A model with the lower accuracy may be right on other questions.*
# - ✓ See how many of the sequences that the shortcut gets wrong it has right. *A model that only takes the shortcut has none of them right.*
# - ✗ Train the LSTM for longer. *A higher accuracy does not say what it is based on.*


# %% slideshow={"slide_type": "subslide"}
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
# LSTM **輸了**，輸給一條不用訓練、也不管順序的捷徑。那麼它是不是完全沒學到順序？要看**捷徑答錯的那些序列**：LSTM 在那裡平均答對一半以上，所以學到的不只是這條捷徑，只是還不夠。
#
# **主張 10** 不論五個種子的哪一個，捷徑都贏過 LSTM；而在捷徑答錯的序列上，LSTM 都答對 40% 以上。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# The LSTM **loses**, to a shortcut that needs no training and ignores order. Has it learnt nothing of the order, then? Look at **the sequences that the shortcut gets wrong**: the LSTM has more than half of them right on average. It has learnt something that the shortcut lacks, only not enough.
#
# **Claim 10** For all five seeds the shortcut beats the LSTM; and of the sequences that the shortcut misses, the LSTM has more than 40 % right.

# %%
claim(10, bool((shortcut > lstm).all() and (where_missed > 0.4).all()))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 高速公路不通車，學得會嗎？
#
# 最長的記憶測驗：第一步出現四個符號之一，接著 49 步沒有符號；每一步都有雜訊。讀完要答出：開頭是哪一個？瞎猜是 25%。
#
# 三個 LSTM 只差遺忘閘偏置的**起點**：0、1、3。先猜：訓練 200 步之後，八個種子裡各有幾個學會？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## With the motorway closed, can it learn at all?
#
# The longest memory test: one of four symbols at the first step, then 49 steps without one, and noise at every step. Which symbol was it? Guessing gets 25 %.
#
# Three LSTMs differ in where the forget bias **starts**: 0, 1, 3. Guess first: after 200 steps of training, how many of eight seeds have learnt it?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（6 分鐘）符號出現在第一步，50 步以後才問。遺忘閘偏置從 0 開始的 LSTM，訓練 200 步、八個種子一個也學不會；從 3 開始，幾乎都學會。為什麼？
#
# - ✗ 偏置大，模型的參數比較多。 *參數的數目一樣，只是起點不同。*
# - ✗ 偏置大，學習率就等於變大了。 *學習率沒有變；變的是梯度能不能走到第一步。*
# - ✓ 遺忘閘幾乎全開，梯度和記憶都走得過 50 步。 *偏置 0 時每一步乘上約 0.5，兩者都消失了。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (6 min) A symbol stands at the first of 50 steps and is asked for at the end. With a forget bias that starts at 0 none of eight LSTMs learns it in 200 training steps; from 3 nearly all do. Why?
#
# - ✗ A larger bias means more parameters. *Their number is the same; only the start differs.*
# - ✗ A larger bias acts as a larger learning rate. *The rate is the same; what changes is whether a gradient reaches the first step.*
# - ✓ The forget gate is nearly open, so gradient and memory both get across 50 steps. *With bias 0 each step multiplies by about 0.5, and both vanish.*


# %% slideshow={"slide_type": "subslide"}
def recall_first(n, rng):
    y = rng.integers(0, 4, n)
    X = np.zeros((n, 50, 5))
    X[..., 4] = rng.normal(size=(n, 50))  # noise at every step
    X[np.arange(n), 0, y] = 1
    return X, y


def follow(model, optimizer, grads, learning_rate):
    clipped, _ = clip_gradients(grads, max_norm=1.0)
    model.set_params(optimizer.step(model.get_params(), clipped, learning_rate))


def run_recall(seed, forget_bias, reach=50):
    rng = seeding.rng(seed)
    model, optimizer = LSTM(5, 16, 4, forget_bias=forget_bias, rng=rng), Adam()
    test, curve, state = recall_first(500, rng), [], None
    for step in range(200):
        X, y = recall_first(32, rng)
        if reach < 50:  # read the beginning for its state only: no gradient will go there
            _, *state = model.forward(X[:, :-reach], return_state=True)
        follow(model, optimizer, model.loss_and_grads(X[:, -reach:], y, state=state)[1], 0.01)
        if step % 20 == 19:
            curve.append(evaluate(model, *test)[1])
    return {"curve": curve, "accuracy": curve[-1]}


# %% slideshow={"slide_type": "subslide"} alt-zh="橫軸是訓練步數，縱軸是準確率，八個種子各一條曲線。偏置 0 全部停在 25%；偏置 1 有的學會、有的沒有；偏置 3 幾乎全部很快到 100%。" alt-en="Accuracy against training steps, one curve for each of eight seeds. Bias 0 stays at 25 % throughout; with bias 1 some learn and some do not; with bias 3 nearly all soon reach 100 %."
biases = {f"forget bias {bias}": {"forget_bias": bias} for bias in (0, 1, 3)}
recall = run_seeds(run_recall, range(8), biases)

figure, axes = plt.subplots(1, 3, figsize=(9, 2.8), sharey=True)
for ax, (name, runs) in zip(axes, recall.groupby("setting", sort=False), strict=True):
    lines = ax.plot(range(20, 201, 20), np.array(runs["curve"].tolist()).T, "C0-", alpha=0.5)
    ax.axhline(0.25, color="black", linestyle=":")
    ax.set(title=name, xlabel="training step", ylim=(0, 1.05))
label = axes[0].set_ylabel("accuracy (dotted: chance)")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# **主張 11** 準確率超過 90% 才算學會。偏置從 3 開始，八個種子裡至少一半學會；從 0 開始，一個也沒學會，準確率全部低於 40%。課程的 `LSTM` 預設是 1：學會的個數上面印了出來，八個種子還不足以和 3 比出高下。
#
# 想讓 LSTM 記得更久，就讓遺忘閘從更大的偏置起步（Gers 等人，2000；Jozefowicz 等人，2015）。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# **Claim 11** Learnt means an accuracy above 90 %. From bias 3, at least half of eight seeds learn it; from 0 none does, and all stay below 40 %. The course's default is 1: how many learn from there is printed above, and eight seeds are too few to rank it against 3.
#
# To make it remember longer, let the forget gate start with a larger bias (Gers et al. 2000; Jozefowicz et al. 2015).

# %%
solved = recall.assign(solved=recall["accuracy"] > 0.9).groupby("setting")["solved"].sum()
closed, _, wide_open = (int(solved[name]) for name in biases)
print("solved:", {name: f"≈{solved[name]} of 8" for name in biases})
hopeless = recall.query("setting == 'forget bias 0'")["accuracy"].max() < 0.4
claim(11, bool(wide_open >= 4 and closed == 0 and hopeless))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 會寫字的網路
#
# 讀一個字元，猜下一個；再把猜的當成讀到的，繼續猜。這樣的 LSTM 就會寫文章。課文是這門課自己的英文內容：英文只有七十幾種字元，十幾萬字就夠練；中文要認得幾千個字，這點篇幅遠遠不夠。
#
# 依位置切成三份：前八成訓練，接著一成驗證，最後一成測試。成績是**每個字元幾位元**：$-\log_2 p$（下一個字元）的平均，越低越好。先看數一數就會的對手：
#
# - 什麼都不知道：每個字元機率都一樣；
# - 數單一字元；
# - 數**相鄰兩個字元**（bigram）：每個次數先加 $\alpha$，$\alpha$ 由驗證的那一份決定。
#
# 先猜：三個對手各要幾位元？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## A net that writes
#
# Read a character, guess the next; take the guess as read, and guess on: such an LSTM writes. It learns from this course's own English prose (some seventy characters; Chinese has thousands, and would take far more text), cut by position: eight tenths train, one validates, the last tests. The score is **bits per character**, the mean of $-\log_2 p$(next character); lower is better. First, opponents that only count:
#
# - know nothing: every character equally likely;
# - count single characters;
# - count **pairs of neighbours** (bigrams): $\alpha$ is added to every count, and the validation part chooses $\alpha$.
#
# Guess first: how many bits does each need?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（7 分鐘）文章有 76 種字元。什麼都不知道的模型，每個字元要 log₂ 76 ≈ 6.2 位元；只數單一字元的出現次數，約 4.5 位元。這 1.7 位元是哪裡來的？
#
# - ✗ 知道前一個字元是什麼。 *單一字元的次數不看前一個；那是數相鄰字元才有的。*
# - ✓ 常見的字元機率高，需要的位元少，而它們又最常出現。 *−log₂ p 依出現次數平均，分布越不平均，越省。*
# - ✗ 字元變少了。 *76 種都還在，只是機率不同。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (7 min) A text has 76 different characters. Knowing nothing costs log₂ 76 ≈ 6.2 bits a character; counting single characters about 4.5. Where do these 1.7 bits come from?
#
# - ✗ From knowing the character before. *Counts of single characters do not look at it; counting pairs does.*
# - ✓ Common characters have a high probability, which costs few bits, and they come most often. *The mean of −log₂ p is weighted by how often; the more uneven, the cheaper.*
# - ✗ There are fewer characters now. *All 76 are still there, with other probabilities.*

# %%
text = read_prose()
alphabet = Alphabet(text)
ids = alphabet.encode(text)
train, val, test = np.split(ids, [len(ids) * 8 // 10, len(ids) * 9 // 10])
print(f"{len(text):,} characters, {len(alphabet)} different ones. It begins:")
print(fill(text[:170], 90))


# %% slideshow={"slide_type": "subslide"}
def count_bits(part, alpha):
    counts = np.full((len(alphabet), len(alphabet)), alpha)
    np.add.at(counts, (train[:-1], train[1:]), 1)
    single = counts.sum(axis=0) / counts.sum()
    pairs = counts / counts.sum(axis=1, keepdims=True)
    before, after = part[:-1], part[1:]
    uniform = np.log2(len(alphabet))
    return [uniform, -np.log2(single[after]).mean(), -np.log2(pairs[before, after]).mean()]


alphas = (0.01, 0.03, 0.1, 0.3, 1.0)
alpha = min(alphas, key=lambda a: count_bits(val, a)[2])
print(f"alpha {alpha}; bits per character on validation:", np.round(count_bits(val, alpha), 2))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 平行的段落、接下去的狀態、到此為止的梯度
#
# 十幾萬步的序列，一次反向傳播太長。實際的作法（截斷的 BPTT；Williams 與 Peng，1990）：
#
# - 把文章切成 $B$ 段，並排著讀，每次讀 $T$ 步，更新一次；
# - **狀態接下去**：這次最後的 $h$ 與 $c$，就是下一次的起點；
# - **梯度到此為止**：只在這 $T$ 步裡往回走。
#
# 三段、每次 12 步，頭兩次讀到的是：

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### Parallel streams, a state carried on, a gradient cut off
#
# A hundred thousand steps are too long for one way back. Truncated BPTT (Williams and Peng 1990):
#
# - cut the text into $B$ streams, read side by side, $T$ steps at a time, one update each;
# - the **state is carried on**: the last $h$ and $c$ are where the next $T$ steps begin;
# - the **gradient is cut off**: it goes back through these $T$ steps only.
#
# Three streams, 12 steps at a time, the first two times:

# %%
for X, y in islice(streams(train, num_streams=3, num_steps=12), 2):
    print("read:", [alphabet.decode(row) for row in X])
    print("next:", [alphabet.decode(row) for row in y])


# %% slideshow={"slide_type": "subslide"}
def train_writer(seed, hidden_size, num_epochs, learning_rate, num_steps, carry=True):
    size = len(alphabet)
    model, optimizer = LSTM(size, hidden_size, size, rng=seeding.rng(seed)), Adam()
    for epoch in range(num_epochs):
        state, rate = None, learning_rate * (1 - epoch / num_epochs)
        for X, y in streams(train, 1024 // num_steps, num_steps):
            X = alphabet.one_hot(X)
            _, grads, _, after = model.loss_and_grads(X, y, state=state, return_state=True)
            state = after if carry else None
            follow(model, optimizer, grads, rate)
    return model


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 要是每次都**歸零**重來（`carry=False`），會損失多少？$T$ = 2、8、32，每次更新都是 1,024 個字元，各走三個週期，神經元 64 個。歸零訓練的模型考兩次：一次和訓練時一樣，每 $T$ 步歸零；一次讓它一口氣讀完，狀態一路接著。
#
# 先猜：哪一條線最低？$T$ 變大時，三條線會怎樣？

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# What does it cost to **reset** the state each time instead (`carry=False`)? $T$ is 2, 8 and 32, always 1,024 characters an update, three epochs, 64 units. A model trained with resets is examined twice: from zero every $T$ steps, and in one go.
#
# Guess first: which line is lowest? What happens to them as $T$ grows?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（8 分鐘）逐字元的 LSTM 每次讀 T 步、更新一次。有兩個模型每次都把狀態歸零：一個 T = 2，一個 T = 32，考的時候也一樣分段歸零。為什麼 T = 2 的差得多？
#
# - ✗ T = 2 更新的次數比較多，過擬合了。 *兩邊每次更新的字元數一樣多，更新次數也一樣。*
# - ✓ 每一段的頭幾個字元沒有前文可看，T = 2 時幾乎每個都是。 *歸零丟掉的是前文；段越短，丟得越頻繁。*
# - ✗ 梯度只走 2 步，權重學不好。 *狀態接下去時，梯度一樣只走 2 步，成績卻和 32 步差不多。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (8 min) A character LSTM reads T steps, then updates. Two models have their state reset each time, one with T = 2 and one with T = 32, and are examined in the same pieces. Why is T = 2 so much worse?
#
# - ✗ With T = 2 there are more updates, so it overfits. *Each update has as many characters in both, and there are as many updates.*
# - ✓ The first characters of a piece have nothing before them, and at T = 2 that is nearly all of them. *A reset throws away what was read; the shorter the pieces, the more often.*
# - ✗ A gradient of 2 steps cannot train the weights. *With the state carried on the gradient has 2 steps too, and the result is about that of 32.*


# %%
def bits_per_character(model, part, num_steps=None):
    num_steps = num_steps or len(part) - 1  # in one go
    X, y = next(streams(part, (len(part) - 1) // num_steps, num_steps))
    return cross_entropy_loss(model.forward(alphabet.one_hot(X)), y) / np.log(2)


def run_reading(seed, num_steps, carry):
    model = train_writer(seed, 64, 3, 0.01, num_steps, carry)
    in_pieces = bits_per_character(model, val, num_steps)
    return {"in one go": bits_per_character(model, val), "in pieces": in_pieces}


lengths = (2, 8, 32)
grid = {
    f"{T}, {name}": {"num_steps": T, "carry": name == "carried"}
    for T in lengths
    for name in ("carried", "reset")
}
readings = run_seeds(run_reading, range(5), grid).set_index("setting")

# %% slideshow={"slide_type": "subslide"} alt-zh="橫軸是每次讀幾步（2、8、32），縱軸是驗證時每個字元的位元數。狀態接下去的線最低，幾乎是平的，在 3.0 左右；歸零訓練、分段讀的線從 3.3 往下靠近；歸零訓練、一口氣讀完的線在 2 步時超過 4，從 8 步起和狀態接下去的幾乎重疊。色帶是五個種子的 95% 信賴區間。" alt-en="Bits per character on validation against steps at a time (2, 8 and 32). With the state carried on, the line is lowest and nearly flat, at about 3.0; trained with resets and read in pieces, the line comes down towards it from 3.3; trained with resets and read in one go, it is above 4 at 2 steps, and from 8 steps on nearly coincides with the first. Bands are 95 % intervals over five seeds."
lines = {
    "state carried on": ("carried", "in one go"),
    "trained with resets, read in pieces": ("reset", "in pieces"),
    "trained with resets, read in one go": ("reset", "in one go"),
}
bits = {
    name: np.array([readings.loc[f"{T}, {how}", reading] for T in lengths]).T
    for name, (how, reading) in lines.items()
}
figure, ax = plt.subplots(figsize=(8, 3.2))
for (name, values), marker in zip(bits.items(), "osx", strict=True):
    plotting.plot_band(ax, range(3), values, name, marker=marker)
ax.set(xlabel="steps at a time, T", ylabel="bits per character")
ax.set_xticks(range(3), lengths)
legend = ax.legend(loc="upper left", bbox_to_anchor=(1, 1))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 狀態接下去的那條線最低，而且幾乎是平的。分段讀，每一段的頭幾個字元都只能憑空猜。兩步就歸零的模型從沒見過讀了很久的狀態，一口氣讀完，考得比數相鄰字元還差；八步以上，倒是學到了可以一路用下去的狀態。
#
# **主張 12** 不論五個種子的哪一個，$T$ = 2 時，歸零訓練的模型都比狀態接下去的差：分段讀，每個字元多 0.2 位元以上；一口氣讀完，多 0.4 位元以上。
#
# **主張 13** 平均來說，狀態接下去時，梯度只往回走 2 步和走 32 步，差不到 0.2 位元（整個 95% 信賴區間）。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# The carried state is lowest, and nearly flat. Read in pieces, the first characters of each must be guessed out of nothing. The model that was reset every two steps has never met a state that has read for long: in one go it does worse than counting pairs. From eight steps on, its state can be carried on all the same.
#
# **Claim 12** For all five seeds, at $T$ = 2 the model trained with resets is worse than the one with its state carried on: by more than 0.2 bits a character in pieces, by more than 0.4 in one go.
#
# **Claim 13** On average, with the state carried on, a gradient that goes back 2 steps and one that goes back 32 are less than 0.2 bits apart (whole 95 % interval).

# %%
carried, in_pieces, in_one_go = bits.values()
costs = in_pieces[:, 0] - carried[:, 0], in_one_go[:, 0] - carried[:, 0]
claim(12, bool((costs[0] > 0.2).all() and (costs[1] > 0.4).all()))
cut_short = paired_difference(carried[:, 0], carried[:, 2])
print(f"2 steps - 32 steps: {cut_short:.2f} bits")
claim(13, max(abs(cut_short.low), abs(cut_short.high)) < 0.2)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 那麼截斷不用付代價？
#
# 這麼小的模型，要猜下一個字元，靠的多半是前面幾個。再回到剛才的記憶測驗：偏置 3，前 25 步只讀不學，梯度只走最後 25 步，**到不了**出現符號的第一步。先猜：八個種子裡，還有幾個學會？

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### Is the cut free, then?
#
# What such a small model needs stands mostly in the few characters before. Back to the memory test: bias 3, the first 25 steps are read only, and the gradient of the last 25 **does not reach** the first one, where the symbol is. Guess: how many of eight seeds still learn it?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（6 分鐘）要記住第一步的符號，50 步之後回答。訓練時狀態一路接下去，梯度卻只往回走最後 25 步。為什麼八個種子都學不到九成？
#
# - ✗ 前 25 步的狀態被丟掉了。 *狀態有接下去；丟掉的只是梯度。*
# - ✗ 25 步的梯度比較小，多練幾步就好。 *對第一步來說，梯度不是小，而是完全沒有。*
# - ✓ 第一步怎麼把符號寫進記憶，梯度教不到。 *只能靠起步時的權重碰巧留下的痕跡，所以比瞎猜好，卻到不了九成。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (6 min) A symbol of the first step is to be recalled 50 steps later. In training the state is carried on, but the gradient goes back through the last 25 steps only. Why does none of eight seeds get to 90 %?
#
# - ✗ The state of the first 25 steps is thrown away. *It is carried on; only the gradient is not.*
# - ✗ A gradient over 25 steps is smaller; train for longer. *For the first step it is not small, there is none at all.*
# - ✓ No gradient teaches the first step how to write the symbol into the cell. *There is only what the initial weights happen to leave: better than guessing, not 90 %.*

# %%
cut_off = run_seeds(run_recall, range(8), forget_bias=3, reach=25)["accuracy"]
print(f"learnt: ≈{(cut_off > 0.9).sum()} of 8; accuracy {mean_interval(cut_off):.0%}")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 符號還留在狀態裡，所以比瞎猜好；但是第一步該怎麼把符號**寫進去**，梯度教不到。
#
# **主張 14** 梯度截在 25 步，八個種子裡最多兩個學會；走完全程時比這多。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# The symbol is still in the state, so it beats guessing; but no gradient teaches the first step how to **write** it.
#
# **Claim 14** With the gradient cut off at 25 steps at most two of eight seeds learn it; all the way, more do.

# %%
claim(14, bool((cut_off > 0.9).sum() <= 2 < wide_open))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 比高下，然後讓它寫
#
# 128 個神經元，12 個週期，$T$ = 32，狀態接下去，一個模型十幾秒；五個種子，各在測試的那一份上考**一次**。寫的時候，機率是 $\mathrm{softmax}(z/\tau)$，$\tau$ 是**溫度**（temperature）。先猜：0.5 和 1，哪一個錯字少？代價是什麼？

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### Judged, then set to write
#
# 128 units, 12 epochs, $T$ = 32, the state carried on: some ten seconds a model. Five seeds, each examined **once** on the test part. To write, it draws from $\mathrm{softmax}(z/\tau)$; $\tau$ is the **temperature**. Guess: which of 0.5 and 1 misspells less, and at what price?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（7 分鐘）逐字元的模型用 softmax(z/τ) 抽下一個字元。把溫度 τ 從 1 降到 0.5，寫出來的文章會怎樣？
#
# - ✗ 機率變得比較平均，花樣變多。 *方向反了：除以小於 1 的數，logits 的差距變大。*
# - ✗ 模型懂得更多，所以意思比較通順。 *權重沒有變，只是更常挑機率高的字元。*
# - ✓ 錯字少了，卻更常重複同樣的字。 *大的機率變得更大，罕見的字元幾乎抽不到。*
# - ✗ 每次都寫出一模一樣的文章。 *那要 τ 趨近 0；0.5 還是在抽。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (7 min) A character model draws the next character from softmax(z/τ). What happens to its text when the temperature τ goes from 1 down to 0.5?
#
# - ✗ Probabilities become more even, and there is more variety. *The wrong way round: divided by less than 1, logits lie further apart.*
# - ✗ The model understands more, so the text makes more sense. *The weights are the same; likely characters are drawn more often.*
# - ✓ It misspells less, and repeats the same words more often. *What was likely becomes likelier, and rare characters are hardly drawn.*
# - ✗ It writes exactly the same text each time. *That takes τ near 0; at 0.5 it still draws.*


# %%
def run_writer(seed):
    model, rng = train_writer(seed, 128, 12, 0.005, num_steps=32), seeding.rng([seed, 1])
    found = {"bits": bits_per_character(model, test)}
    for temperature in (0.5, 1.0):
        found[temperature] = write_text(model, alphabet, "The ", 1000, temperature, rng=rng)
    return found


writers = run_seeds(run_writer, range(5))
counted = dict(zip(("uniform", "single characters", "pairs"), count_bits(test, alpha), strict=True))
print("test:", ", ".join(f"{name} {value:.2f}" for name, value in counted.items()))
print(f"LSTM {mean_interval(writers['bits']):.2f} bits per character")

# %% slideshow={"slide_type": "subslide"} tags=["nbval-ignore-output"]
for temperature in (0.5, 1.0):
    print(f"temperature {temperature}:\n{fill(writers[temperature][0][:400], 90)}\n")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 看起來像英文，卻沒有意思：模型學到的是字元怎麼相接。溫度低，錯字少，話卻一再重複；溫度高，花樣多，錯字也多。
#
# **主張 15** 不論五個種子的哪一個，在測試的那一份上，LSTM 每個字元都比數相鄰字元少 0.7 位元以上。
#
# **主張 16** 不論五個種子的哪一個，溫度 0.5 寫出的字，在訓練文章裡出現過的比例，都比溫度 1 高 15 個百分點以上。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# It looks like English and means nothing: what the model knows is how characters join. A low temperature misspells less and repeats itself; a high one has more variety, and more errors.
#
# **Claim 15** For all five seeds, on the test part, the LSTM needs at least 0.7 bits a character less than counting pairs.
#
# **Claim 16** For all five seeds, of the words written at temperature 0.5 the share that occurs in the training part is more than 15 points higher than at temperature 1.


# %%
def words(written):
    return "".join(c if c.isalpha() else " " for c in written.lower()).split()


real = set(words(alphabet.decode(train)))
known = {t: np.array([np.isin(words(w), [*real]).mean() for w in writers[t]]) for t in (0.5, 1.0)}
print({t: f"{mean_interval(shares):.0%}" for t, shares in known.items()})
# %%
claim(15, bool((counted["pairs"] - writers["bits"] > 0.7).all()))
claim(16, bool((known[0.5] - known[1.0] > 0.15).all()))

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
# 一個 LSTM（每個閘一個偏置）加上輸出層，一共學幾個數？寫 `lstm_parameters(input_size, hidden_size, output_size)`。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Exercise 4: count the parameters
#
# Difficulty ★☆☆, about 5 minutes.
#
# How many numbers does an LSTM with one bias a gate learn, output layer included? Write `lstm_parameters(input_size, hidden_size, output_size)`.


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
# ## 練習 5：把文章切成平行的段落
#
# 難度 ★★☆，約 10 分鐘。
#
# `ids` 是一篇文章的字元編號，(N,) 的整數陣列。寫 `cut_into_streams(ids, num_streams)`，回傳 `(X, y)`，形狀都是 (num_streams, L)：`X` 的第 r 列是文章的第 r 段，各段一樣長、一段接一段；`y` 是 `X` 裡每個字元在文章裡的**下一個**字元。L 要盡量大；用不到的字元都在文章結尾。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Exercise 5: cut a text into streams
#
# Difficulty ★★☆, about 10 minutes.
#
# `ids` are the characters of a text as numbers, integers (N,). Write `cut_into_streams(ids, num_streams)`, which returns `(X, y)`, both of shape (num_streams, L): row r of `X` is the r-th part of the text, all parts equally long and one after the other; `y` holds the character that **follows** each of `X` in the text. L is to be as large as possible; what is left unused stands at the end of the text.


# %% tags=["exercise"]
def cut_into_streams(ids, num_streams):
    raise NotImplementedError


# %% tags=["check"]
exercises.cut_into_streams.check(cut_into_streams)


# %% tags=["solution"]
# One way to do it.
def cut_into_streams_solution(ids, num_streams):
    """(X, y), each (num_streams, L): consecutive parts of a text, and what follows each character."""
    L = (len(ids) - 1) // num_streams
    X = ids[: num_streams * L].reshape(num_streams, L)
    return X, ids[1 : num_streams * L + 1].reshape(num_streams, L)


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 重點整理
#
# - BPTT 沒有新數學：乘法把梯度交給另一個因子，激活函數再乘自己的導數，線性層乘轉置；同一組權重用了 T 次，就把 T 份加起來。
# - $\bar c=\bar c'\odot f$ 是唯一不經過矩陣的路。通不通，看遺忘閘：偏置從 0 起步，輸入不管大小都會梯度消失（RNN 會不會，要看輸入多大），也學不會 49 步前的事。
# - 每一行都可以用有限差分檢查；形狀對、損失會降，都不能證明梯度是對的。
# - 準確率要和你想得到的最強的**捷徑**比，不能只和瞎猜比；再看捷徑答錯的地方，模型答對多少。
# - 長文章用截斷的 BPTT：狀態一路接下去，梯度只走 $T$ 步。狀態歸零，每段開頭就得瞎猜；梯度走不到的地方，模型學不到該記什麼。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Summary
#
# - BPTT needs no new mathematics: a product hands the gradient to the other factor, an activation multiplies by its slope, a linear layer by its transpose; weights used T times add up T shares.
# - $\bar c=\bar c'\odot f$ is the only road without a matrix. Whether it is open is up to the forget gate: with a bias that starts at 0 gradients vanish whatever the size of the inputs (an RNN's do or do not, depending on it), and what lies 49 steps back is not learnt.
# - Check every line by finite differences; fitting shapes and a falling loss prove nothing.
# - Hold an accuracy against the strongest **shortcut** you can think of; then see what the model gets right where it is wrong.
# - Truncated BPTT carries the state on and stops the gradient after $T$ steps. With the state reset, each piece begins with guesses; where no gradient comes, a model does not learn what to remember.

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "skip"}
# ### 原始文獻
#
# - Hochreiter, Schmidhuber（1997），Long short-term memory，Neural Computation 9(8)，doi:10.1162/neco.1997.9.8.1735。
# - Gers, Schmidhuber, Cummins（2000），Learning to forget: continual prediction with LSTM，Neural Computation 12(10)，doi:10.1162/089976600300015015。
# - Werbos（1990），Backpropagation through time: what it does and how to do it，Proceedings of the IEEE 78(10)，doi:10.1109/5.58337。
# - Williams, Peng（1990），An efficient gradient-based algorithm for on-line training of recurrent network trajectories，Neural Computation 2(4)，doi:10.1162/neco.1990.2.4.490。
# - Bengio, Simard, Frasconi（1994），Learning long-term dependencies with gradient descent is difficult，IEEE Transactions on Neural Networks 5(2)，doi:10.1109/72.279181。
# - Saxe, McClelland, Ganguli（2014），Exact solutions to the nonlinear dynamics of learning in deep linear neural networks，ICLR，arXiv:1312.6120。
# - Cho, van Merriënboer, Gulcehre, Bahdanau, Bougares, Schwenk, Bengio（2014），Learning phrase representations using RNN encoder–decoder for statistical machine translation，EMNLP，arXiv:1406.1078。
# - Jozefowicz, Zaremba, Sutskever（2015），An empirical exploration of recurrent network architectures，ICML（PMLR 37）。
# - Weston, Bordes, Chopra, Rush, van Merriënboer, Joulin, Mikolov（2015），Towards AI-complete question answering: a set of prerequisite toy tasks，arXiv:1502.05698。

# %% [markdown] lang="en" slideshow={"slide_type": "skip"}
# ### Primary sources
#
# - Hochreiter, Schmidhuber (1997), Long short-term memory, Neural Computation 9(8), doi:10.1162/neco.1997.9.8.1735.
# - Gers, Schmidhuber, Cummins (2000), Learning to forget: continual prediction with LSTM, Neural Computation 12(10), doi:10.1162/089976600300015015.
# - Werbos (1990), Backpropagation through time: what it does and how to do it, Proceedings of the IEEE 78(10), doi:10.1109/5.58337.
# - Williams, Peng (1990), An efficient gradient-based algorithm for on-line training of recurrent network trajectories, Neural Computation 2(4), doi:10.1162/neco.1990.2.4.490.
# - Bengio, Simard, Frasconi (1994), Learning long-term dependencies with gradient descent is difficult, IEEE Transactions on Neural Networks 5(2), doi:10.1109/72.279181.
# - Saxe, McClelland, Ganguli (2014), Exact solutions to the nonlinear dynamics of learning in deep linear neural networks, ICLR, arXiv:1312.6120.
# - Cho, van Merriënboer, Gulcehre, Bahdanau, Bougares, Schwenk, Bengio (2014), Learning phrase representations using RNN encoder–decoder for statistical machine translation, EMNLP, arXiv:1406.1078.
# - Jozefowicz, Zaremba, Sutskever (2015), An empirical exploration of recurrent network architectures, ICML (PMLR 37).
# - Weston, Bordes, Chopra, Rush, van Merriënboer, Joulin, Mikolov (2015), Towards AI-complete question answering: a set of prerequisite toy tasks, arXiv:1502.05698.
