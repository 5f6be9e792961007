# %% [markdown] lang="zh-TW" about="記憶格之間的注意力，以及與 LSTM 的誠實比較" slideshow={"slide_type": "slide"}
# # 用 NumPy 推導 Relational RNN
#
# LSTM 的記憶是一個向量。如果要記住四樣東西，又要比較它們，何不給四個格子，讓格子彼此看一看？這就是關聯記憶（Santoro 等，2018）。學完之後，你能夠
#
# - 一步一步寫出注意力（分數、softmax、遮罩），並與 PyTorch 對上；
# - 寫出記憶的更新與閘，說出格子為什麼一開始就必須不同；
# - 手推注意力、層正規化與閘的梯度，並用有限差分檢查；
# - 公平地比較兩個模型：學習率一樣用心挑，五個種子，同步數與同秒數，旁邊畫上不用學習的規則；
# - 看出一個「贏了 3.7 %」的數字值多少。
#
# 先備：[[numpy_training_tools]]（梯度檢查）、[[numpy_lstm]]（穿越時間的反向傳播）。

# %% [markdown] lang="en" about="attention over memory slots, and an honest comparison with the LSTM" slideshow={"slide_type": "slide"}
# # The Relational RNN, derived in NumPy
#
# An LSTM's memory is one vector. If four things are to be remembered and compared, why not give them four slots, and let the slots look at each other? That is relational memory (Santoro et al., 2018). By the end you can
#
# - write attention step by step (scores, softmax, mask), and match PyTorch;
# - write out the update of the memory and its gates, and say why slots must differ from the start;
# - derive the gradients of attention, layer normalization and gates, and check them by finite differences;
# - compare two models fairly: rates chosen with equal care, five seeds, equal steps and equal seconds, with rules that learn nothing drawn beside them;
# - tell what a number such as "better by 3.7 %" is worth.
#
# It builds on [[numpy_training_tools]] (gradient checks) and [[numpy_lstm]] (back-propagation through time).

# %% lang="zh-TW" tags=["setup"] slideshow={"slide_type": "subslide"}
from course_utils.notebook import set_up

device = set_up("numpy_relational_rnn", language="zh-TW", workers=True)

# %% lang="en" tags=["setup"] slideshow={"slide_type": "subslide"}
from course_utils.notebook import set_up

device = set_up("numpy_relational_rnn", language="en", workers=True)

# %% slideshow={"slide_type": "subslide"}
import time

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
import torch
from torch.nn import functional as F

from course_utils import plotting, seeding
from course_utils.exercises import numpy_relational_rnn as exercises
from course_utils.experiment import run_seeds
from course_utils.intervals import mean_interval, paired_difference
from course_utils.notebook.claims import claim

# %% slideshow={"slide_type": "subslide"}
from course_utils.numpy_track import farthest_vector
from course_utils.numpy_track.activations import sigmoid
from course_utils.numpy_track.attention import create_causal_mask, scaled_dot_product_attention
from course_utils.numpy_track.relational_rnn import RelationalMemory, RelationalRNN

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 注意力：用相似程度查表
#
# 字典查的是**完全相同**的鍵。注意力查的是**相似**的鍵：查詢 $q$ 和每個鍵 $k_j$ 做內積，得到分數；softmax 把分數變成加起來是 1 的權重；結果是值 $v_j$ 的加權平均（Vaswani 等，2017）：
#
# $$A=\mathrm{softmax}\!\left(\frac{QK^\top}{\sqrt K}\right)\qquad O=AV$$
#
# 分子的 $K$ 是所有的鍵排成的矩陣；根號裡的 $K$ 是一個鍵有幾個數（文獻常寫成 $d_k$）。
#
# 想一想：2 個查詢、5 個鍵、鍵有 3 個數、值有 4 個數。$A$ 和 $O$ 各是什麼形狀？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Attention: looking things up by likeness
#
# A dictionary finds the key that is **equal**. Attention finds keys that are **alike**: a query $q$ has a dot product, its score, with every key $k_j$; a softmax turns scores into weights that sum to 1; the result is the weighted mean of the values $v_j$ (Vaswani et al., 2017):
#
# $$A=\mathrm{softmax}\!\left(\frac{QK^\top}{\sqrt K}\right)\qquad O=AV$$
#
# Above, $K$ is the matrix of all keys; under the root, $K$ is how many numbers a key has (often written $d_k$).
#
# Predict: 2 queries, 5 keys, 3 numbers a key, 4 numbers a value. What shapes have $A$ and $O$?


# %%
def softmax(scores):
    exps = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return exps / exps.sum(axis=-1, keepdims=True)


# %%
rng = seeding.rng(0)
Q, K, V = rng.normal(size=(2, 3)), rng.normal(size=(5, 3)), rng.normal(size=(5, 4))
scores = Q @ K.T / np.sqrt(3)
A = softmax(scores)
print("scores", scores.shape, " A", A.shape, " rows sum to", A.sum(axis=1), " O", (A @ V).shape)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 遮罩：有些鍵不准看
#
# 讀句子時，第 $t$ 個字不該偷看後面的字。作法：在 softmax **之前**，把不准看的分數加上 $-\infty$；$e^{-\infty}=0$，權重就剛好是 0，其餘的自動重新分配。
#
# 想一想：改成在 softmax **之後**把權重乘以 0，哪裡不對？

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### A mask: some keys may not be looked at
#
# Reading a sentence, word number $t$ must not peek at later words. The way to do it: **before** the softmax, add $-\infty$ to the forbidden scores; $e^{-\infty}=0$ makes the weight exactly 0, and the rest is shared out anew.
#
# Predict: what goes wrong if you multiply the weights by 0 **after** the softmax instead?

# %%
Q, K, V = (rng.normal(size=(6, 3)) for _ in range(3))
scores = Q @ K.T / np.sqrt(3)
mask = create_causal_mask(6)  # 0 where the key is not later than the query, -inf where it is
causal = softmax(scores + mask)
too_late = softmax(scores) * (mask == 0)
print("first row, masked before:", causal[0].round(2))
print("rows sum to, masked after:", too_late.sum(axis=1).round(2))

# %% slideshow={"slide_type": "subslide"} alt-zh="三張六乘六熱圖：分數有正有負；沒有遮罩的權重每列都散在六個鍵上；加了因果遮罩的權重只剩下三角，第一列全部落在第一個鍵。" alt-en="Three heat maps of six by six: scores of both signs; weights without a mask spread over all six keys in each row; with the causal mask only the lower triangle remains, and the first row is all on the first key."
figure, axes = plt.subplots(1, 3, figsize=(10, 2.9), layout="constrained")
panels = {"scores": scores, "weights": softmax(scores), "weights, causal mask": causal}
for ax, (title, table) in zip(axes, panels.items(), strict=True):
    colors = {"cmap": "vlag", "center": 0} if title == "scores" else {"cmap": "Blues", "vmax": 1}
    sns.heatmap(table, annot=True, fmt=".1f", ax=ax, cbar=False, annot_kws={"size": 9}, **colors)
    ax.grid(False)
    labels = ax.set(title=title, xlabel="key", ylabel="query")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 事後乘 0，除了什麼都沒遮的最後一列，每列的和都不到 1，輸出平白縮水；最前面兩個字縮得最多。
#
# **主張 1** 三行寫成的注意力，有沒有遮罩都與 `torch` 的 `scaled_dot_product_attention` 相同；課程的函式也是（五個種子、多個批次與頭，差距小於 10⁻¹²）。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# Multiplied by 0 afterwards, every row but the last (where nothing is masked) sums to less than 1; the output shrinks for no reason, most of all for the first two words.
#
# **Claim 1** Attention in three lines equals `torch`'s `scaled_dot_product_attention` with and without a mask; so does the course's function (five seeds, batches of several heads, within 10⁻¹²).

# %%
gaps = []
for seed in range(5):
    rng = seeding.rng(seed)
    Q, K, V = (rng.normal(size=(4, 2, 6, size)) for size in (3, 3, 5))  # batch 4, heads 2, steps 6
    for mask in (np.zeros((6, 6)), create_causal_mask(6)):
        ours = softmax(Q @ K.mT / np.sqrt(3) + mask) @ V
        by_torch = F.scaled_dot_product_attention(*map(torch.tensor, (Q, K, V, mask))).numpy()
        library, _ = scaled_dot_product_attention(Q, K, V, mask)
        gaps += [abs(ours - by_torch).max(), abs(library - by_torch).max()]

# %%
claim(1, max(gaps) < 1e-12)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 為什麼要除以 √K？
#
# 兩個隨機向量各有 $K$ 個標準常態的數，內積是 $K$ 項的和：變異數是 $K$，標準差是 $\sqrt K$。分數一大，softmax 就幾乎只看一個鍵，斜率趨近 0（[[activations]]的飽和）。
#
# 猜猜看：K = 256、不除以 √K，10 個鍵裡最大的權重平均是多少？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Why divide by √K?
#
# Two random vectors of $K$ standard normal numbers: their dot product is a sum of $K$ terms, with variance $K$ and standard deviation $\sqrt K$. With large scores the softmax looks at hardly more than one key, and its slope goes to 0 (saturation, [[activations]]).
#
# Guess: with K = 256 and no division by √K, how large is the largest of 10 weights on average?

# %%
sizes = [1, 4, 16, 64, 256, 1024]
largest = {"not scaled": [], "scaled by 1/√K": []}
for seed in range(5):
    rng = seeding.rng(seed)
    pairs = [(rng.normal(size=(500, 1, K)), rng.normal(size=(500, 10, K))) for K in sizes]
    scores = [(q @ k.mT)[:, 0] for q, k in pairs]
    for name, power in (("not scaled", 0), ("scaled by 1/√K", -0.5)):
        weights = [softmax(s * K**power) for s, K in zip(scores, sizes, strict=True)]
        largest[name].append([w.max(axis=1).mean() for w in weights])

# %% slideshow={"slide_type": "subslide"} alt-zh="最大權重對鍵的大小。不縮放的線從 0.3 左右升到接近 1；縮放的線停在 0.3 上下。帶狀是五個種子的 95% 區間，很窄。" alt-en="Largest weight against key size. Not scaled, the line rises from about 0.3 to nearly 1; scaled, it stays near 0.3. Bands, 95 % intervals over five seeds, are narrow."
figure, ax = plt.subplots(figsize=(7, 3))
for (name, runs), marker in zip(largest.items(), "os", strict=True):
    plotting.plot_band(ax, sizes, runs, name, marker=marker)
ax.axhline(0.1, color="gray", linestyle=":", label="equal weights")
ax.set(
    xscale="log", xlabel="numbers in a key, K (log)", ylabel="largest of 10 weights", ylim=(0, 1)
)
legend = ax.legend(loc="upper left", bbox_to_anchor=(1, 1))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# **主張 2** 五個種子都一樣：K = 256 時，不除以 √K，最大的權重平均超過 0.85；除了之後低於 0.45。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# **Claim 2** In all five seeds, at K = 256, the largest weight is above 0.85 on average without the division by √K, and below 0.45 with it.

# %%
plain, scaled = (np.array(runs)[:, sizes.index(256)] for runs in largest.values())
print(f"not scaled {mean_interval(plain):.2f}\nscaled     {mean_interval(scaled):.2f}")
claim(2, bool((plain > 0.85).all() and (scaled < 0.45).all()))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 記憶是一張表：格子彼此看，也看輸入
#
# 記憶 $M$ 有 $N$ 個格子，每格 $D$ 個數。每一步讀一個輸入 $x$，先變成同樣寬的一列 $e=xW_x+b_x$，放在最下面：$U=[M;e]$，共 $N+1$ 列。接著
#
# 1. 每一列有自己的查詢、鍵與值：$q,k,v=\mathrm{LN}(UW_{qkv}+b_{qkv})$，切成 $H$ 個頭；
# 2. 格子看所有的列：$O=\mathrm{softmax}(qk^\top/\sqrt K)\,v$；
# 3. $Y=\mathrm{LN}(M+O)$，再過一個小網路：$Z=\mathrm{LN}(Y+\mathrm{relu}(YW_1+b_1)W_2+b_2)$。
#
# LN 是層正規化（Ba 等，2016）：每一列減平均、除以標準差，再乘增益、加偏置。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## The memory is a table: slots look at each other, and at the input
#
# A memory $M$ has $N$ slots of $D$ numbers. Each step reads an input $x$, makes it a row of the same width, $e=xW_x+b_x$, and puts it at the bottom: $U=[M;e]$, with $N+1$ rows. Then
#
# 1. each row has its own query, key and value: $q,k,v=\mathrm{LN}(UW_{qkv}+b_{qkv})$, cut into $H$ heads;
# 2. slots look at all rows: $O=\mathrm{softmax}(qk^\top/\sqrt K)\,v$;
# 3. $Y=\mathrm{LN}(M+O)$, and a small network: $Z=\mathrm{LN}(Y+\mathrm{relu}(YW_1+b_1)W_2+b_2)$.
#
# LN is layer normalization (Ba et al., 2016): take off each row's mean, divide by its standard deviation, multiply by a gain, add a bias.


# %%
def layer_norm(x, gain, bias, eps=1e-5):
    centered = x - x.mean(axis=-1, keepdims=True)
    variance = (centered**2).mean(axis=-1, keepdims=True)
    return gain * centered / np.sqrt(variance + eps) + bias


def normed(x, P, name):
    return layer_norm(x, P[f"ln_{name}_gain"], P[f"ln_{name}_bias"])


def linear(x, P, name):
    return x @ P[f"W_{name}"] + P[f"b_{name}"]


# %% slideshow={"slide_type": "subslide"}
def attend(U, P, num_heads, look):
    rows, N = normed(linear(U, P, "qkv"), P, "qkv"), U.shape[1] - 1
    by_head = rows.reshape(*rows.shape[:2], num_heads, -1).swapaxes(1, 2)  # (B, H, N + 1, 3 K)
    q, k, v = np.split(by_head, 3, axis=-1)
    A = look(q[:, :, :N] @ k.mT / np.sqrt(q.shape[-1]))  # slots ask, all rows answer
    return (A @ v).swapaxes(1, 2).reshape(len(U), N, -1), A  # heads side by side again


def candidate(M, e, P, num_heads, look):
    seen, A = attend(np.concatenate([M, e[:, None]], axis=1), P, num_heads, look)
    Y = normed(M + seen, P, "attention")
    Z = normed(Y + linear(np.maximum(linear(Y, P, "1"), 0), P, "2"), P, "mlp")
    return Z, A


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 閘：寫多少、留多少
#
# $Z$ 還不是新的記憶，只是**提議**。和 LSTM 一樣，兩個閘決定寫多少、留多少，每個數各有自己的閘：
#
# $$[G_i;G_f]=eW_{gi}+b_{gi}+\tanh(M)W_{gm}+b_{gm}\qquad i=\sigma(G_i)\quad f=\sigma(G_f+1)$$
#
# $$M'=i\odot\tanh(Z)+f\odot M$$
#
# 想一想：那個 $+1$ 做什麼用？（[[numpy_lstm]]見過。）

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### Gates: how much to write, how much to keep
#
# $Z$ is not yet the new memory, only a **proposal**. As in an LSTM, two gates say how much to write and how much to keep, and every number has its own:
#
# $$[G_i;G_f]=eW_{gi}+b_{gi}+\tanh(M)W_{gm}+b_{gm}\qquad i=\sigma(G_i)\quad f=\sigma(G_f+1)$$
#
# $$M'=i\odot\tanh(Z)+f\odot M$$
#
# Predict: what is the $+1$ good for? ([[Numpy_lstm]] met it.)


# %%
def core_step(x, M, P, num_heads, look=softmax):
    e = linear(x, P, "x")
    Z, A = candidate(M, e, P, num_heads, look)
    G = linear(e, P, "gi")[:, None] + linear(np.tanh(M), P, "gm")  # (B, N, 2 D)
    G_i, G_f = np.split(G, 2, axis=-1)
    i, f = sigmoid(G_i), sigmoid(G_f + 1)
    return i * np.tanh(Z) + f * M, A


# %% slideshow={"slide_type": "subslide"}
def random_core(seed, num_slots=4, slot_size=6, num_heads=2, input_size=3):
    rng = seeding.rng(seed)
    core = RelationalMemory(num_slots, slot_size, num_heads, input_size, rng=rng)
    params = {name: rng.normal(0, 0.5, p.shape) for name, p in core.get_params().items()}
    core.set_params(params)
    return core, params, rng


core, P, rng = random_core(seed=0)
M, A = core_step(rng.normal(size=(5, 3)), core.initial_memory(5), P, num_heads=2)
print("memory (B, N, D):", M.shape, "  weights (B, H, N, N + 1):", A.shape)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# $+1$ 讓「留」的閘一開始偏開（$\sigma(1)\approx0.73$），剛開始訓練時記憶才不會一下就忘光。
#
# **主張 3** 這三十行和課程的 `RelationalMemory` 相同：連走十步之後，記憶的差距小於 10⁻¹⁰（五個種子）。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# The $+1$ opens the gate that keeps ($\sigma(1)\approx0.73$), so that a memory in its first training steps does not forget at once.
#
# **Claim 3** These thirty lines equal the course's `RelationalMemory`: after ten steps in a row the memories agree within 10⁻¹⁰ (five seeds).

# %%
gaps = []
for seed in range(5):
    core, P, rng = random_core(seed)
    ours = library = core.initial_memory(5)
    for x in rng.normal(size=(10, 5, 3)):
        ours, _ = core_step(x, ours, P, num_heads=2)
        library = core.forward(x, library)
    gaps.append(abs(ours - library).max())

# %%
claim(3, max(gaps) < 1e-10)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 格子一開始就必須不同
#
# 記憶從什麼開始？LSTM 從 0 開始，這裡也填 0 好嗎？
#
# 想一想：如果兩個格子的數一模一樣，走一步之後，它們會不同嗎？訓練能不能把它們分開？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Slots must differ from the start
#
# Where does the memory begin? An LSTM begins at 0; shall we fill in 0 here too?
#
# Predict: if two slots hold exactly the same numbers, do they differ one step later? Can training part them?


# %%
def slot_distances(seed, start, num_steps=100):
    """Smallest distance between two slots, after 0 ... num_steps steps."""
    rng = seeding.rng(seed)
    core = RelationalMemory(num_slots=4, slot_size=32, num_heads=4, input_size=3, rng=rng)
    M = core.initial_memory(1) if start == "identity" else np.zeros((1, 4, 32))
    distances = []
    for x in rng.normal(size=(num_steps + 1, 1, 3)):
        gaps = np.linalg.norm(M[0][:, None] - M[0], axis=-1)
        distances.append(gaps[np.triu_indices(4, k=1)].min())
        M = core.forward(x, M)
    return distances


starts = {
    s: np.array([slot_distances(seed, s) for seed in range(20)]) for s in ("zeros", "identity")
}

# %% slideshow={"slide_type": "subslide"} alt-zh="最近兩格的距離對步數。從單位矩陣開始，平均從 1.4 升到 2.4，再降到一百步的 0.7 左右；二十條細線裡，有幾條已經貼近 0，也有幾條還在 1.4 以上。從 0 開始的線始終在 0。帶狀是 95% 區間。" alt-en="Distance of the two nearest slots against steps. Started from the identity, the mean rises from 1.4 to 2.4 and then sinks to about 0.7 at a hundred steps; of twenty thin lines a few are close to 0 by then, and a few still above 1.4. Started from zeros, it stays at 0. Bands are 95 % intervals."
figure, ax = plt.subplots(figsize=(7, 3))
every_fifth = range(0, 101, 5)
for (name, runs), marker in zip(starts.items(), "xo", strict=True):
    plotting.plot_band(ax, every_fifth, runs[:, ::5], f"start: {name}", marker=marker)
ax.plot(starts["identity"].T, "-", color="C1", alpha=0.3, linewidth=0.8, zorder=0)
ax.set(xlabel="steps", ylabel="nearest two slots: distance")
legend = ax.legend(loc="upper left", bbox_to_anchor=(1, 1))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 從 0 開始，走幾步都一樣：每個格子用的是**同一組**權重，相同的列問相同的問題、得到相同的回答、開一樣的閘。這件事對任何權重都成立，所以訓練也分不開它們：四個格子，其實只有一個。這和[[initialization]]「常數初始化」是同一件事：對稱不會自己打破。
#
# 因此記憶從**單位矩陣**的列開始，不足的補 0。如果 $N>D$，就沒有那麼多不同的列，課程的類別會拒絕。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# From zeros, however many the steps, it stays so: all slots use the **same** weights, and equal rows ask equal questions, get equal answers, open equal gates. That holds for any weights, so training cannot part them either: four slots are really one. It is [[initialization]]'s constant initialization again: a symmetry does not break by itself.
#
# So the memory begins as rows of the **identity matrix**, filled up with zeros. With $N>D$ there are not enough different rows, and the course's class refuses.

# %%
try:
    RelationalMemory(num_slots=8, slot_size=4)
except ValueError as error:
    print("ValueError:", error)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 不同的起點能撐多久？
#
# 起點不同，只保證**開始**不同。沒訓練過的格子看的是同一張表，頭幾步還愈離愈遠，走久了，多數模型最近的兩格卻愈來愈像，有些到一百步時已經幾乎相同（也有幾個始終分得開）。這一課訓練用的序列最多五步，離那裡還很遠。
#
# **主張 4** 二十組未訓練的權重：從 0 開始，一百步裡四個格子都一樣（差距小於 10⁻⁵，float32 的捨入）；從單位矩陣開始，前三十步最近的兩格始終相距 0.1 以上，但是到第一百步，至少有三組已經近到 0.1 以內。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### How long does a different start last?
#
# A different start promises no more than a different **beginning**. Untrained slots look at the same table; for some steps they move apart, but in the long run the nearest two grow alike in most models, and after a hundred steps are almost the same in some (in a few they stay apart). The sequences this lesson trains on have five steps at most, which is far from there.
#
# **Claim 4** For twenty sets of untrained weights: from zeros, all four slots agree through a hundred steps (within 10⁻⁵, float32's rounding); from the identity, the nearest two lie more than 0.1 apart for thirty steps, yet at step one hundred they are within 0.1 in at least three sets.

# %%
early, late = starts["identity"][:, :31], starts["identity"][:, -1]
print(f"nearest in 30 steps ≈{early.min():.2f}; within 0.1 at step 100: {(late < 0.1).sum()} of 20")
alike = starts["zeros"].max() < 1e-5
claim(4, bool(alike and early.min() > 0.1 and (late < 0.1).sum() >= 3))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 回程，第一段：閘
#
# 記 $\bar z=\partial L/\partial z$，假設 $\bar M'$ 已知。由 $M'=i\odot\tanh(Z)+f\odot M$：
#
# $$\bar G_i=\bar M'\odot\tanh(Z)\odot i(1-i)\qquad\bar G_f=\bar M'\odot M\odot f(1-f)$$
#
# $$\bar Z=\bar M'\odot i\odot(1-\tanh^2 Z)\qquad\bar M\mathrel{+}=\bar M'\odot f$$
#
# 最後用 $\mathrel{+}=$，因為 $M$ 還從別的路進來：閘的 $\tanh(M)$、注意力、$M+O$。四條路的梯度要加起來。想一想：如果只留 $\bar M'\odot f$ 這一條，印出來的損失會露出馬腳嗎？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## The way back, part one: gates
#
# Write $\bar z=\partial L/\partial z$, and let $\bar M'$ be known. From $M'=i\odot\tanh(Z)+f\odot M$:
#
# $$\bar G_i=\bar M'\odot\tanh(Z)\odot i(1-i)\qquad\bar G_f=\bar M'\odot M\odot f(1-f)$$
#
# $$\bar Z=\bar M'\odot i\odot(1-\tanh^2 Z)\qquad\bar M\mathrel{+}=\bar M'\odot f$$
#
# The last one has $\mathrel{+}=$, because $M$ comes in by other ways as well: the gates' $\tanh(M)$, attention, and $M+O$. Gradients of all four ways add up. Predict: with $\bar M'\odot f$ alone, would the printed loss give it away?


# %%
def gated(M, Z, G_i, G_f):
    return sigmoid(G_i) * np.tanh(Z) + sigmoid(G_f + 1) * M


def gated_backward(d_new, M, Z, G_i, G_f):
    i, f, proposal = sigmoid(G_i), sigmoid(G_f + 1), np.tanh(Z)
    return {
        "M": d_new * f,
        "Z": d_new * i * (1 - proposal**2),
        "G_i": d_new * proposal * i * (1 - i),
        "G_f": d_new * M * f * (1 - f),
    }


# %% slideshow={"slide_type": "subslide"}
def numeric_gradient(function, arrays, name, d_output, size=1e-5):
    """Central differences of sum(d_output * function(**arrays)), one number of one array at a time."""
    grad = np.empty_like(arrays[name])
    for index in np.ndindex(grad.shape):
        step = np.zeros_like(grad)
        step[index] = size
        ahead, behind = (function(**arrays | {name: arrays[name] + s}) for s in (step, -step))
        grad[index] = (d_output * (ahead - behind)).sum() / (2 * size)
    return grad


def worst_gap(function, arrays, d_output, grads):
    gaps = [abs(numeric_gradient(function, arrays, k, d_output) - grads[k]).max() for k in grads]
    return max(gaps)


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 不會：同樣的權重，前向一個位元也沒變，錯的只有梯度。而方向不太準的梯度，常常照樣讓損失下降（[[numpy_training_tools]]的「tanh 算兩次」就是一例）。看得出來的是檢查：
#
# **主張 5** 閘的四行梯度與中央差分一致（五個種子，差距小於 10⁻⁸）；漏掉 $f$ 裡面的 $+1$，誤差大到 10⁻³ 以上。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# It would not: with the same weights not a bit of the forward pass has changed, only the gradient is wrong. And a gradient that points roughly right often brings the loss down all the same ([[numpy_training_tools]]'s "tanh twice" did). The check is what tells:
#
# **Claim 5** The gates' four lines agree with central differences (five seeds, within 10⁻⁸); with the $+1$ in $f$ forgotten, the error exceeds 10⁻³.

# %%
gaps, careless = [], []
for seed in range(5):
    rng = seeding.rng(seed)
    arrays = {name: rng.normal(size=(2, 3, 4)) for name in ("M", "Z", "G_i", "G_f")}
    d_new = rng.normal(size=(2, 3, 4))
    gaps.append(worst_gap(gated, arrays, d_new, gated_backward(d_new, **arrays)))
    without_one = gated_backward(d_new, **arrays | {"G_f": arrays["G_f"] - 1})
    careless.append(worst_gap(gated, arrays, d_new, {"G_f": without_one["G_f"]}))

# %%
print(f"worst gap ≈{max(gaps):.0e}, without the + 1 ≈{min(careless):.2f}")
claim(5, max(gaps) < 1e-8 and min(careless) > 1e-3)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 回程，第二段：層正規化，一列一列來
#
# 一列 $x$ 有 $F$ 個數，先不管增益與偏置：$\mu=\frac1F\sum x_j$，$s=\sqrt{\frac1F\sum(x_j-\mu)^2+\varepsilon}$，$\hat x=(x-\mu)/s$。
#
# $x_k$ 動一點，$\hat x_j$ 因為三個原因而動：
#
# | 原因 | 怎麼動 |
# |---|---|
# | 它自己，只有 $j=k$ 時 | $\mathbf 1_{jk}/s$ |
# | 平均跟著動，$\partial\mu/\partial x_k=1/F$ | $-\frac1F/s$ |
# | 標準差跟著動，$\partial s/\partial x_k=\hat x_k/F$ | $-\hat x_j\hat x_k/(Fs)$ |
#
# 三項加起來是雅可比矩陣：$J=\left(I-\frac1F\mathbf 1\mathbf 1^\top-\frac1F\hat x\hat x^\top\right)/s$。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## The way back, part two: layer normalization, one row
#
# A row $x$ has $F$ numbers; leave gain and bias aside: $\mu=\frac1F\sum x_j$, $s=\sqrt{\frac1F\sum(x_j-\mu)^2+\varepsilon}$, $\hat x=(x-\mu)/s$.
#
# When $x_k$ moves a little, $\hat x_j$ moves for three reasons:
#
# | reason | how it moves |
# |---|---|
# | it is the same number, only for $j=k$ | $\mathbf 1_{jk}/s$ |
# | the mean moves along, $\partial\mu/\partial x_k=1/F$ | $-\frac1F/s$ |
# | the standard deviation moves along, $\partial s/\partial x_k=\hat x_k/F$ | $-\hat x_j\hat x_k/(Fs)$ |
#
# Added up they are the Jacobian: $J=\left(I-\frac1F\mathbf 1\mathbf 1^\top-\frac1F\hat x\hat x^\top\right)/s$.


# %%
def normalize(x):
    return layer_norm(x, gain=1.0, bias=0.0)


def jacobian(x):
    F, s = len(x), np.sqrt(x.var() + 1e-5)
    x_hat = (x - x.mean()) / s
    itself = np.eye(F)
    through_mean = np.ones((F, F)) / F
    through_deviation = np.outer(x_hat, x_hat) / F
    return (itself - through_mean - through_deviation) / s


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 想一想：如果上面來的梯度 $\bar{\hat x}$ 每個數都相同，$\bar x=J^\top\bar{\hat x}$ 是多少？如果它正好與 $\hat x$ 成正比呢？

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# Predict: if the gradient $\bar{\hat x}$ from above is the same in every number, what is $\bar x=J^\top\bar{\hat x}$? And if it happens to be proportional to $\hat x$?

# %%
x = np.array([0.5, -1.0, 2.0, 0.3, -0.2])
J, x_hat = jacobian(x), normalize(x)
print("a gradient of ones arrives as     ", (J @ np.ones(5)).round(4) + 0.0)
print("one proportional to x_hat as      ", (J @ x_hat).round(4) + 0.0)
print("any other keeps something, such as", (J @ np.arange(5)).round(4))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 都是 0！整列加一個數、整列乘一個正數，正規化之後都一樣（不計 ε），所以這兩個方向的梯度傳不過去。這是檢查自己公式的好方法：少一項，就有一個方向漏過去。
#
# **主張 6** $J$ 與中央差分一致（五個種子，小於 10⁻⁸）；它把 $\mathbf 1$ 與 $\hat x$ 都變成 0（小於 10⁻³；$\hat x$ 的不是剛好 0，因為有 ε）；少了平均或標準差那一項，都有元素錯了 0.05 以上。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# Nothing, both times! A number added to the whole row, or a positive one multiplied into it, is gone after normalization (but for ε), so gradients in these two directions cannot pass. It is a good test of your own formula: with a term missing, one direction leaks.
#
# **Claim 6** $J$ agrees with central differences (five seeds, within 10⁻⁸); it maps $\mathbf 1$ and $\hat x$ to 0 (within 10⁻³; for $\hat x$ not exactly, because of ε); without the term of the mean, or that of the deviation, some entry is off by more than 0.05.

# %%
gaps, leaks, missing = [], [], []
for seed in range(5):
    x = seeding.rng(seed).normal(size=6)
    J, x_hat, s = jacobian(x), normalize(x), np.sqrt(x.var() + 1e-5)
    numeric = [numeric_gradient(normalize, {"x": x}, "x", row) for row in np.eye(6)]
    gaps.append(abs(J - numeric).max())
    leaks += [abs(J @ np.ones(6)).max(), abs(J @ x_hat).max()]
    for left_out in (np.ones((6, 6)), np.outer(x_hat, x_hat)):
        missing.append(abs(J + left_out / 6 / s - numeric).max())

# %%
claim(6, max(gaps) < 1e-8 and max(leaks) < 1e-3 and min(missing) > 0.05)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 回程，第三段：注意力
#
# 記分數 $S=QK^\top/\sqrt K$（有遮罩就再加上），$A=\mathrm{softmax}(S)$。由 $O=AV$：$\bar V=A^\top\bar O$，$\bar A=\bar OV^\top$。再穿過 softmax。一列的權重加起來是 1，所以大家一起得到的，等於誰也沒得到：先減掉加權平均，
#
# $$\bar S=A\odot\Bigl(\bar A-\textstyle\sum_j\bar A_jA_j\Bigr)\qquad \bar Q=\bar SK/\sqrt K\qquad\bar K=\bar S^\top Q/\sqrt K$$
#
# 想一想：遮罩在回程要做什麼？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## The way back, part three: attention
#
# Call the scores $S=QK^\top/\sqrt K$ (plus the mask, if any), so $A=\mathrm{softmax}(S)$. From $O=AV$: $\bar V=A^\top\bar O$ and $\bar A=\bar OV^\top$. Then through the softmax. The weights of a row sum to 1, so what all of them gain, none of them gains; take off the weighted mean first,
#
# $$\bar S=A\odot\Bigl(\bar A-\textstyle\sum_j\bar A_jA_j\Bigr)\qquad \bar Q=\bar SK/\sqrt K\qquad\bar K=\bar S^\top Q/\sqrt K$$
#
# Predict: what must be done about the mask on the way back?


# %%
def attention(Q, K, V, mask=0.0):
    return softmax(Q @ K.mT / np.sqrt(K.shape[-1]) + mask) @ V


def attention_backward(d_O, Q, K, V, mask=0.0):
    scale = 1 / np.sqrt(K.shape[-1])
    A = softmax(Q @ K.mT * scale + mask)
    d_A = d_O @ V.mT
    d_S = A * (d_A - (d_A * A).sum(axis=-1, keepdims=True)) * scale
    return {"Q": d_S @ K, "K": d_S.mT @ Q, "V": A.mT @ d_O}


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 什麼也不用做：被遮住的權重是 0，乘上去，梯度就是 0。
#
# **主張 7** 三個梯度與中央差分一致，有沒有遮罩都是（五個種子，小於 10⁻⁸）。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# Nothing: a masked weight is 0, and multiplies the gradient by 0.
#
# **Claim 7** All three gradients agree with central differences, with and without a mask (five seeds, within 10⁻⁸).

# %%
gaps = []
for seed in range(5):
    rng = seeding.rng(seed)
    arrays = {
        "Q": rng.normal(size=(4, 3)),
        "K": rng.normal(size=(4, 3)),
        "V": rng.normal(size=(4, 2)),
    }
    d_O = rng.normal(size=(4, 2))
    for mask in (0.0, create_causal_mask(4)):
        grads = attention_backward(d_O, **arrays, mask=mask)
        gaps.append(worst_gap(lambda mask=mask, **a: attention(**a, mask=mask), arrays, d_O, grads))

# %%
claim(7, max(gaps) < 1e-8)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 整個模型，和 PyTorch 對答案
#
# 把三段接起來、穿越時間，就是課程的 `RelationalRNN`（`relational_memory_backward.py`：上面三段的式子，加上[[numpy_training_tools]]的線性層與[[activations]]的 ReLU）：記憶走完整個序列，攤平，過一層 ReLU，再到輸出層。
#
# 我們用 PyTorch 再寫一次前向，讓 autograd 算梯度，全部用 float64 比。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## The whole model, checked against PyTorch
#
# The three parts joined, and taken through time, are the course's `RelationalRNN` (`relational_memory_backward.py`: the formulas of the three parts, with [[numpy_training_tools]]'s linear layers and [[activations]]'s ReLU): the memory goes through the sequence, is flattened, passes a ReLU layer, then the output layer.
#
# We write the forward pass once more in PyTorch, let autograd find the gradients, and compare it all in float64.


# %%
def torch_norm(x, P, name):
    return F.layer_norm(x, x.shape[-1:], P[f"ln_{name}_gain"], P[f"ln_{name}_bias"])


def torch_step(x, M, P, num_heads):
    e = linear(x, P, "x")
    rows = torch_norm(linear(torch.cat([M, e[:, None]], dim=1), P, "qkv"), P, "qkv")
    q, k, v = rows.unflatten(-1, (num_heads, -1)).transpose(1, 2).chunk(3, dim=-1)
    seen = F.scaled_dot_product_attention(q[:, :, :-1], k, v).transpose(1, 2).flatten(2)
    Y = torch_norm(M + seen, P, "attention")
    Z = torch_norm(Y + linear(linear(Y, P, "1").relu(), P, "2"), P, "mlp")
    G_i, G_f = (linear(e, P, "gi")[:, None] + linear(M.tanh(), P, "gm")).chunk(2, dim=-1)
    return G_i.sigmoid() * Z.tanh() + (G_f + 1).sigmoid() * M


# %% slideshow={"slide_type": "subslide"}
def torch_loss_and_grads(X, y, params, M, num_heads):
    P = {name: torch.tensor(values, requires_grad=True) for name, values in params.items()}
    M = torch.tensor(M)
    for x in torch.tensor(X).unbind(dim=1):
        M = torch_step(x, M, P, num_heads)
    logits = linear(linear(M.flatten(1), P, "h").relu(), P, "out")
    loss = F.cross_entropy(logits, torch.tensor(y))
    loss.backward()
    return loss.item(), {name: values.grad.numpy() for name, values in P.items()}


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# **主張 8** 五個種子：損失與每一個參數的梯度（22 個張量）都與 autograd 相同，相對差距小於 10⁻¹⁰。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# **Claim 8** For five seeds, the loss and the gradient of every parameter (22 tensors) equal autograd's, within 10⁻¹⁰ relative.

# %%
gaps = []
for seed in range(5):
    rng = seeding.rng(seed)
    model = RelationalRNN(3, 7, 4, num_slots=4, slot_size=6, num_heads=2, rng=rng)
    params = {name: rng.normal(0, 0.5, p.shape) for name, p in model.get_params().items()}
    model.set_params(params)
    X, y = rng.normal(size=(5, 8, 3)), rng.integers(0, 4, 5)
    start = model.cell.core.initial_memory(5)
    loss, grads, _ = model.loss_and_grads(X, y)
    torch_loss, torch_grads = torch_loss_and_grads(X, y, params, start, num_heads=2)
    gaps.append(abs(loss - torch_loss) / torch_loss)
    gaps += [abs(grads[k] - g).max() / abs(g).max() for k, g in torch_grads.items()]

# %%
print(f"{len(grads)} tensors, worst gap ≈{max(gaps):.0e}")
claim(8, set(grads) == set(torch_grads) and max(gaps) < 1e-10)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 一個需要比較的任務：誰離它最遠？
#
# 依序讀 $k$ 個平面上的點，每個點帶一個標籤；題目指定其中一個當**參考點**。讀完之後回答：離參考點最遠的，是哪個標籤？（Santoro 等 2018 的任務，名次固定為第 1。）每一步還不知道後面有什麼，所以點要記得住，還要能兩兩比較。
#
# 想一想：不學習、不算距離，只靠簡單的規則，能答對多少？例如「猜參考點以外的任何一個」「選離原點最遠的」「選和參考點內積最小的」。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## A task that takes comparing: which is farthest from it?
#
# Read $k$ points of the plane one by one, each with a label; the question names one of them as the **reference**. After the last, answer: which label lies farthest from the reference? (The task of Santoro et al. 2018, with the rank fixed at 1.) No step knows what comes later, so points must be remembered, and then compared in pairs.
#
# Predict: with no learning and no distances, how often are simple rules right? Such as "guess any but the reference", "take the one farthest from the origin", "take the smallest dot product with the reference".

# %%
setting = farthest_vector.SETTINGS["k = 4"]
X, y, _ = setting.sequences(3, seeding.rng(123))
print("X (sequences, k, features):", X.shape, "= 2 coordinates + 3 one-hots of 4")
pd.DataFrame(X[0].round(2), columns=["x", "y", *"ABCD", *(f"ref {c}" for c in "ABCD"), *"1234"])

# %% slideshow={"slide_type": "subslide"} alt-zh="三個例子，各是平面上四個帶字母的點。方形是參考點，星號是離它最遠的點，虛線連起兩者，灰線是參考點到其餘的點。" alt-en="Three examples, each four lettered points in a plane. The square is the reference, the star the point farthest from it, a dashed line joins the two, and grey lines run to the others."
figure, axes = plt.subplots(1, 3, figsize=(10, 3.3), layout="constrained")
for ax, points, answer in zip(axes, X, y.argmax(axis=1), strict=True):
    labels, reference = points[:, 2:6].argmax(axis=1), points[0, 6:10].argmax()
    start = points[labels == reference, :2][0]
    for (px, py), label in zip(points[:, :2], labels, strict=True):
        far = label == answer
        ax.plot([start[0], px], [start[1], py], "--" if far else "-", color="C1" if far else "0.8")
        marker = "s" if label == reference else "*" if far else "o"
        ax.plot(px, py, marker, color="C1" if far else "C0", markersize=14 if far else 8)
        ax.annotate("ABCD"[label], (px, py), (7, 5), textcoords="offset points")
    axis = ax.set(xlim=(-1.1, 1.1), ylim=(-1.1, 1.1), aspect="equal", xlabel="x", ylabel="y")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 先量規則，再看模型
#
# 4,000 個留著不用的序列上，規則答對的比例：

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### Rules first, models later
#
# How often the rules are right, on 4,000 sequences set aside:

# %%
rules = {name: farthest_vector.baselines(s) for name, s in farthest_vector.SETTINGS.items()}
table = pd.DataFrame(rules).T.drop(index="k = 5, n varies").dropna(axis=1)
table.map("≈{:.3f}".format)

# %% [markdown] lang="zh-TW"
# 內積最小的規則答對八成以上！一個模型拿到 0.8，**不能**證明它會比較距離；它可能只學會了「方向相反」。所以下面的圖都畫出三條線，只有超過最高的那一條，我們才說模型學到了更多。
#
# **主張 9** k = 3、4、5 都一樣：內積規則超過 0.78，比第二好的規則高 0.15 以上。

# %% [markdown] lang="en"
# The smallest dot product is right in more than eight of ten! A model at 0.8 has **not** been shown to compare distances; it may have learned no more than "the opposite direction". So all three lines are drawn below, and only above the highest do we say that a model learned more.
#
# **Claim 9** For k = 3, 4 and 5: the dot-product rule is above 0.78, and more than 0.15 above the second-best rule.

# %%
dot, others = table["smallest dot product"], table.drop(columns="smallest dot product")
claim(9, bool((dot > 0.78).all() and (dot - others.max(axis=1) > 0.15).all()))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 公平的比較要先講好規則
#
# - **LSTM 的預算更大**：四倍的參數。兩個模型的讀出層一樣（64 個 ReLU，再到輸出）。
# - **學習率一樣用心挑**：在 k = 4 上，同樣三個學習率、另外四個種子、一樣走到最後一步，用另一批序列選出平均最好的；別的 k 沿用。
# - 每一步都是新的 64 個序列，Adam，裁剪到 1；同一個種子，兩個模型看到同樣的序列。
# - **五個種子**；同步數與同秒數都報。
#
# 全部跑一次要二十多分鐘，所以結果存在 `farthest_vector.json`，連同種子、設定與版本；`make experiments` 重做全部，`make experiments ARGS=--check` 重做其中一點。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## A fair comparison settles its rules first
#
# - **The LSTM has the larger budget**: four times the parameters. Both read out alike (64 ReLU units, then the output).
# - **Learning rates are chosen with equal care**: at k = 4, the same three rates, four other seeds, all the way to the last step; the best mean on other sequences wins, and serves for every other k.
# - Every step has 64 fresh sequences, Adam, clipping at 1; at one seed both models see the same sequences.
# - **Five seeds**; equal steps and equal seconds are both reported.
#
# All of it takes twenty to twenty-five minutes, so the results stand in `farthest_vector.json`, with seeds, settings and versions; `make experiments` makes them all anew, `make experiments ARGS=--check` one point.

# %%
results = farthest_vector.load_results()
tuning = pd.DataFrame(results["tuning"]["runs"])
tuning["final accuracy"] = tuning["accuracy"].map(lambda curve: curve[-1])
print("parameters, k = 4:", results["num_parameters"]["k = 4"])
print("chosen rates:", results["tuning"]["chosen"])
grid = tuning.pivot_table(
    index="model", columns="learning_rate", values="final accuracy", aggfunc=["mean", "min"]
)
grid.map("≈{:.2f}".format)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 五個種子的學習曲線
#
# 上表的左半是四個種子的平均，右半是最差的一個。如果只看其中兩個種子，六種挑法有三種會替 Relational RNN 選 0.004；如果只走到一半，LSTM 的三個學習率都還停在 1/3，0.004 只是碰巧最高，而用它走到最後還是 1/3。調校也需要種子和耐心。
#
# 先下注：k = 4、六千步之後，誰會超過內積規則那條線？LSTM 會停在 1/(k−1) 嗎？

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### Learning curves of five seeds
#
# The left half of the last table is the mean of four seeds, the right half the worst of them. With two of the seeds only, three pairs in six would have chosen 0.004 for the Relational RNN; after half the steps all three rates leave the LSTM at 1/3, with 0.004 ahead by luck, and at that rate it is still there at the end. Tuning, too, takes seeds and patience.
#
# Place your bet: at k = 4, after six thousand steps, who is above the dot-product line? Does the LSTM stay at 1/(k−1)?


# %%
runs = pd.DataFrame(results["runs"])


def accuracies(setting, model):
    """(steps (T,), accuracy (seeds, T)) on the sequences set aside."""
    chosen = runs[(runs["setting"] == setting) & (runs["model"] == model)]
    return np.array(chosen["steps"].iloc[0]), np.array(chosen["accuracy"].tolist())


def plot_comparison(ax, setting):
    for model, marker in zip(farthest_vector.MODELS, "os", strict=True):
        plotting.plot_band(ax, *accuracies(setting, model), model, marker=marker)
    rules = {k: v for k, v in results["baselines"][setting].items() if k != "chance"}
    for (name, share), style in zip(rules.items(), (":", "--", "-."), strict=False):
        ax.axhline(share, color="gray", linestyle=style, label=name)
    return ax.set(title=setting, xlabel="training steps", ylabel="accuracy", ylim=(0, 1))


# %% slideshow={"slide_type": "subslide"} alt-zh="兩張圖，準確率對訓練步數，帶狀是五個種子的 95% 區間。k = 4：Relational RNN 一千步就到 0.5，三千步越過內積規則的線，停在 0.88；LSTM 四千步以前貼著 1/3 的線，之後陡升到 0.85。k = 5：Relational RNN 升到 0.83，剛好越過內積規則；LSTM 一直貼著 1/4。" alt-en="Two panels, accuracy against training steps, bands of 95 % over five seeds. k = 4: the Relational RNN is at 0.5 after a thousand steps, passes the dot-product line at three thousand and ends at 0.88; the LSTM lies on the line of 1/3 for four thousand steps, then climbs steeply to 0.85. k = 5: the Relational RNN rises to 0.83, just past the dot-product rule; the LSTM stays on the line of 1/4."
figure, axes = plt.subplots(1, 2, figsize=(11, 3.6), sharey=True, layout="constrained")
panels = [plot_comparison(ax, name) for ax, name in zip(axes, ("k = 4", "k = 5"), strict=True)]
legend = axes[1].legend(loc="upper left", bbox_to_anchor=(1, 1))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# k = 4：LSTM 在 1/(k−1) 的線上躺了四千步，只學會「不要答參考點自己」；然後忽然爬上來，五個種子裡有四個最後也越過了內積規則，第五個停在線下一點點，還在往上。所以它**做得到，只是晚得多**；什麼時候開始爬，每個種子差了好幾百步。k = 5：六千步裡它沒有離開那條線；再多走會怎樣，我們沒有量。
#
# 但 LSTM 每一步比較快，同步數對它不公平。換成同秒數（一步的 CPU 時間，兩個模型輪流量）再比一次：

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# k = 4: for four thousand steps the LSTM lies on the line of 1/(k−1), having learned only "not the reference itself"; then it suddenly climbs, and in four of five seeds it, too, ends past the dot-product rule; the fifth ends just below, still rising. So it **can, only much later**; when the climb begins differs by hundreds of steps from seed to seed. k = 5: it does not leave that line in six thousand steps; what more steps would do, we have not measured.
#
# But a step of the LSTM is quicker, and equal steps are unfair to it. Compare again after equal seconds (CPU time of a step, both models taking turns):


# %%
def compared(setting, equal, share):
    """{model: accuracy of every seed} at a share of the way, in equally many steps or seconds."""
    curves = {model: accuracies(setting, model) for model in farthest_vector.MODELS}
    costs = (
        results["step_milliseconds"][setting] if equal == "seconds" else dict.fromkeys(curves, 1)
    )
    limit = share * min(steps[-1] * costs[model] for model, (steps, _) in curves.items())
    last = {
        model: (steps * costs[model] <= limit).sum() - 1 for model, (steps, _) in curves.items()
    }
    return {model: accuracy[:, last[model]] for model, (_, accuracy) in curves.items()}


# %% slideshow={"slide_type": "subslide"}
rows = []
for setting in ("k = 4", "k = 5"):
    for equal in ("steps", "seconds"):
        for share, when in ((0.5, "halfway"), (1, "at the end")):
            ends = compared(setting, equal, share)
            means = {model: f"≈{values.mean():.2f}" for model, values in ends.items()}
            gap = paired_difference(*ends.values())
            rows.append(
                {"task": setting, "equal": equal, "when": when, **means, "difference": f"{gap:.2f}"}
            )
print(pd.DataFrame(rows).to_string(index=False))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# k = 4 的終點，差距只剩幾個百分點；同秒數時區間包含 0，沒有發現差異。半路上差距很大：關聯記憶的好處是**早**，不是 LSTM 到不了的高度。k = 5 的終點才是真正的分別，但要老實說：同步數的 0.83 只比內積規則高一點，同秒數的約 0.7 還不到那條線。
#
# **主張 10** k = 4：三千步時，五個種子的 Relational RNN 都超過 0.7，LSTM 都低於 0.45；六千步時，Relational RNN 的每個種子都超過內積規則，LSTM 的每個種子也都超過 0.75。
#
# **主張 11** k = 5：六千步時，每個種子的 Relational RNN 都超過 0.75，LSTM 都低於 0.3；同秒數時，成對差距的區間也在 0.3 以上。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# At the end of k = 4 a few points are left of the difference; after equal seconds the interval contains 0, and no difference is found. Halfway the difference is large: what a relational memory gains is being **early**, not a height that the LSTM cannot reach. At k = 5 the end tells them apart; but frankly, 0.83 after equal steps is only just above the dot-product rule, and about 0.7 after equal seconds is still below it.
#
# **Claim 10** k = 4: after three thousand steps all five seeds of the Relational RNN are above 0.7 and all of the LSTM below 0.45; after six thousand, every seed of the Relational RNN is above the dot-product rule, and every LSTM above 0.75.
#
# **Claim 11** k = 5: after six thousand steps every seed of the Relational RNN is above 0.75 and every LSTM below 0.3; after equal seconds, too, the interval of the paired difference lies above 0.3.

# %%
halfway, ends = compared("k = 4", "steps", 0.5), compared("k = 4", "steps", 1)
rule = results["baselines"]["k = 4"]["smallest dot product"]
apart = (halfway["relational"] > 0.7).all() and (halfway["LSTM"] < 0.45).all()
arrived = (ends["relational"] > rule).all() and (ends["LSTM"] > 0.75).all()
claim(10, bool(apart and arrived))

# %%
ends, in_time = compared("k = 5", "steps", 1), compared("k = 5", "seconds", 1)
apart = (ends["relational"] > 0.75).all() and (ends["LSTM"] < 0.3).all()
claim(11, bool(apart and paired_difference(*in_time.values()).low > 0.3))
# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 自己訓練一次：k = 3
#
# 上面的曲線是讀來的。這裡現場訓練一個小的：三個點，兩個種子，兩個模型，各 2,000 步。設定與檔案裡的一模一樣，所以同一個種子應該走出同樣的曲線。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Train one yourself: k = 3
#
# The curves above were read from a file. Here a small one is trained live: three points, two seeds, both models, 2,000 steps each. The settings are those of the file, so the same seed should walk the same curve.

# %%
setting = farthest_vector.SETTINGS["k = 3"]
rates = results["tuning"]["chosen"]
choices = {m: {"model": m, "learning_rate": rates[m]} for m in farthest_vector.MODELS}
live = run_seeds(farthest_vector.train_run, range(2), choices, setting=setting)
live["final"] = live["accuracy"].map(lambda curve: curve[-1])
print(live.pivot(index="setting", columns="seed", values="final").map("≈{:.3f}".format))

# %% slideshow={"slide_type": "subslide"} alt-zh="k = 3 的準確率對訓練步數。Relational RNN 的帶狀升到 0.9，越過內積規則的 0.86；LSTM 貼著 0.5，到最後一點才稍微抬頭。黑色的叉是現場訓練的四次，都落在帶狀上或旁邊。" alt-en="Accuracy against training steps for k = 3. The band of the Relational RNN rises to 0.9, past the dot-product rule at 0.86; the LSTM lies on 0.5 and lifts a little at the last point. Black crosses, the four runs trained here, lie on the bands or beside them."
figure, ax = plt.subplots(figsize=(8, 3.4))
plot_comparison(ax, "k = 3")
for run in live.itertuples():
    label = "trained here" if run.Index == 0 else None
    ax.plot(run.steps, run.accuracy, "kx", markersize=6, label=label)
legend = ax.legend(loc="upper left", bbox_to_anchor=(1, 1))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 線是檔案裡五個種子的平均，叉號是現場訓練的種子 0 與 1，所以有些叉不在線上。要比的是同一個種子：
#
# **主張 12** 兩個種子現場訓練的 Relational RNN 都超過 0.8，比同種子的 LSTM 高 0.15 以上，而且和檔案裡的同一次執行相差不到 0.05。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# The lines are means of the file's five seeds, the crosses seeds 0 and 1 trained here, so some lie off the lines. The same seeds are what to compare:
#
# **Claim 12** Both seeds of the Relational RNN trained here are above 0.8, more than 0.15 above the LSTM of the same seed, and within 0.05 of the same run in the file.

# %%
here = live.pivot(index="seed", columns="setting", values="final")
filed = accuracies("k = 3", "relational")[1][:2, -1]
higher = (here["relational"] > 0.8) & (here["relational"] - here["LSTM"] > 0.15)
claim(12, bool(higher.all() and abs(here["relational"] - filed).max() < 0.05))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 格子在看什麼？
#
# 剛訓練好的模型，把注意力畫出來：每一步，三個格子（列）各看三個格子與輸入（欄）；只畫四個頭裡的第一個。先畫兩個不同的序列，再畫 4,000 個序列的平均。
#
# 想一想：你看得出哪一格負責參考點嗎？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## What do the slots look at?
#
# Draw the attention of the model just trained: at each step, where three slots (rows) look, at three slots and the input (columns); only the first of four heads is drawn. Two different sequences first, then the mean of 4,000.
#
# Predict: can you tell which slot looks after the reference?

# %%
X, y, _ = setting.held_out()
nets = live[live["setting"] == "relational"].sort_values("seed")["net"].tolist()
maps = nets[0].attention_maps(X)
print("attention (B, T, heads, N, N + 1):", maps.shape)

# %% slideshow={"slide_type": "subslide"} alt-zh="九張熱圖，欄是三步，列是兩個序列與 4,000 個的平均。兩個序列的圖樣不同，沒有一格固定看某處；平均的圖裡，輸入那一欄拿到 0.2 到 0.7，其餘散開。" alt-en="Nine heat maps, columns for three steps, rows for two sequences and the mean of 4,000. The two sequences differ, and no slot keeps to one place; in the mean, slots give the input between 0.2 and 0.7 and spread the rest."
figure, axes = plt.subplots(
    3, 3, figsize=(8.5, 4.3), sharex=True, sharey=True, layout="constrained"
)
shown = {"sequence 1": maps[0], "sequence 2": maps[1], "mean of 4,000": maps.mean(axis=0)}
colors = {"vmin": 0, "vmax": 1, "cmap": "Blues", "cbar": False, "annot": True, "fmt": ".1f"}
for row, (name, steps) in enumerate(shown.items()):
    for t, ax in enumerate(axes[row]):
        sns.heatmap(steps[t, 0], ax=ax, **colors)  # the first head
        ax.grid(False)
        ax.set(title=f"step {t + 1}" if row == 0 else "", ylabel=name if t == 0 else "")
        ax.set_yticks([0.5, 1.5, 2.5], ["1", "2", "3"])
ticks = ax.set_xticks([0.5, 1.5, 2.5, 3.5], ["slot 1", "slot 2", "slot 3", "input"])

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 老實說：**看不出來**。就這個頭來說，平均大約一半的權重在剛讀進來的輸入上，其餘散在各格；序列之間差很多，卻沒有一個一句話說得完的規律。圖畫得出來，不等於讀得懂。
#
# 與其盯著圖看，不如**動手改**：把注意力換掉，其餘不動，看準確率掉多少。
#
# - 換成平均圖：每個序列都用 4,000 個的平均；
# - 換成別人的圖：用另一個序列的注意力；
# - 全部相等：每個權重都是 1/4。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# Frankly: **one cannot tell**. In this head about half the weight, on average, is on the input just read; the rest is spread over the slots; sequences differ a lot, but by no rule that fits in a sentence. That a picture can be drawn does not mean that it can be read.
#
# Better than staring is **changing** something: replace the attention, leave all else, and see how much accuracy is lost.
#
# - the mean map: every sequence gets the mean of 4,000;
# - another's map: the attention of some other sequence;
# - all equal: every weight 1/4.


# %%
def answers(net, X, look):
    """Labels (B,) that the net answers when ``look`` turns scores into weights."""
    P, core = net.get_params(), net.cell.core
    M = core.initial_memory(len(X))
    for t in range(X.shape[1]):
        M, _ = core_step(X[:, t], M, P, core.num_heads, look)
    hidden = np.maximum(linear(M.reshape(len(X), -1), P, "h"), 0)
    return linear(hidden, P, "out").argmax(axis=1)


ways = {
    "as trained": softmax,
    "the mean map": lambda scores: softmax(scores).mean(axis=0, keepdims=True),
    "another's map": lambda scores: np.roll(softmax(scores), 1, axis=0),
    "all equal": lambda scores: np.full_like(scores, 1 / scores.shape[-1]),
}

# %% slideshow={"slide_type": "subslide"}
labels = y.argmax(axis=1)
scores = {
    name: [(answers(net, X, look) == labels).mean() for net in nets] for name, look in ways.items()
}
changed = pd.DataFrame(scores, index=["seed 0", "seed 1"]).T
changed.map("≈{:.3f}".format)

# %% [markdown] lang="zh-TW"
# **主張 13** 兩個現場訓練的模型都一樣：換成平均圖，準確率掉 0.1 以上；換成別的序列的圖，掉 0.15 以上；全部相等，掉 0.2 以上。看不懂的圖，模型卻少不了它，而且要是**這個序列自己的**。

# %% [markdown] lang="en"
# **Claim 13** In both models trained here, the mean map costs more than 0.1 of accuracy, another sequence's map more than 0.15, and equal weights more than 0.2. We cannot read the maps, yet the model cannot do without them, and they must be **this sequence's own**.

# %%
cost = changed.loc["as trained"] - changed
limits = {"the mean map": 0.1, "another's map": 0.15, "all equal": 0.2}
claim(13, all((cost.loc[name] > limit).all() for name, limit in limits.items()))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 哪裡沒有幫助：名次隨機
#
# 原論文的任務更難：每個序列問的名次隨機（第 1 到第 k 遠）。同樣的模型、同樣的學習率，k = 5，但是只走 1,500 步。
#
# 這裡也有一條捷徑：問最後一名時，答參考點自己（它離自己最近）；問別的名次，就在其餘的點裡隨便猜。想一想：模型會停在哪裡？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Where it does not help: a random rank
#
# The original task is harder: every sequence asks for a random rank (1st to k-th farthest). The same models, the same rates, k = 5, but 1,500 steps only.
#
# There is a shortcut here as well: asked for the last rank, answer the reference itself (nothing is nearer to it); asked for any other, guess among the rest. Predict: where do the models end up?

# %% slideshow={"slide_type": "subslide"} alt-zh="k = 5、名次隨機：準確率對訓練步數。兩個模型的線幾乎重疊，從頭到尾貼著 0.40 的點線。" alt-en="k = 5 with a random rank: accuracy against training steps. The lines of both models nearly coincide, on the dotted line at 0.40 from beginning to end."
figure, ax = plt.subplots(figsize=(8, 3.2))
plot_comparison(ax, "k = 5, n varies")
ax.set(ylim=(0, 0.7))
legend = ax.legend(loc="upper left", bbox_to_anchor=(1, 1))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 1,500 步之後，兩個模型都還在捷徑上，分不出高下：換成更難的問題，在這個預算裡**看不出**關聯記憶有幫助。但這只有前面的四分之一：k = 5、名次固定時，Relational RNN 到 1,500 步也才剛開始爬。再多走會怎樣，我們沒有量。原論文用了大得多的模型和長得多的訓練。
#
# **主張 14** 五個種子：兩個模型的終點與捷徑都相差不到 0.03，成對差距的區間包含 0（沒有發現差異）。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# After 1,500 steps both models are still at the shortcut, and neither is ahead: on the harder question, within this budget, relational memory **shows no help**. But that is a quarter of the steps above: with the rank fixed, at k = 5, the Relational RNN had only begun to climb by then. What more steps would do, we have not measured. The original paper used far larger models and far longer training.
#
# **Claim 14** Over five seeds, both models end within 0.03 of the shortcut, and the interval of the paired difference contains 0 (no difference found).

# %%
ends = compared("k = 5, n varies", "steps", 1)
shortcut = results["baselines"]["k = 5, n varies"]["last rank: the reference"]
print(f"relational − LSTM: {paired_difference(*ends.values()):.3f}")
near = all(abs(accuracy - shortcut).max() < 0.03 for accuracy in ends.values())
claim(14, bool(near and not paired_difference(*ends.values()).excludes_zero))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 「贏了 3.7 %」值多少？
#
# 網路上有一份實作報告：Relational RNN 比 LSTM 好 3.7 %。細看它的程式：兩個模型都**沒有訓練過**，只跑了**一個種子**。
#
# 想一想：沒訓練過的模型，準確率的期望值是多少？（提示：把輸出層的欄對調，是一組同樣可能的權重。）
#
# 我們照做，但用 40 個種子：

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## What is "better by 3.7 %" worth?
#
# An implementation found on the net reports: the Relational RNN beats the LSTM by 3.7 %. A closer look at its code: neither model was **trained**, and there was **one seed**.
#
# Predict: what accuracy is to be expected of an untrained model? (Think of swapping the output layer's columns: weights just as likely.)
#
# Let us do the same, with 40 seeds:

# %%
setting = farthest_vector.SETTINGS["k = 4"]
X, y, _ = setting.sequences(500, seeding.rng(0))
untrained = {model: [] for model in farthest_vector.MODELS}
for seed in range(40):
    for model, shares in untrained.items():
        net = farthest_vector.build_model(model, setting, seeding.rng([seed, 0]))
        logits = net.forward(X, return_sequences=False)
        shares.append((logits.argmax(axis=1) == y.argmax(axis=1)).mean())
gaps = 100 * (np.array(untrained["relational"]) - untrained["LSTM"])

# %% slideshow={"slide_type": "subslide"} alt-zh="四十個種子的差，由小到大排成一列點，從約 −7 到 +11 個百分點，多數落在 ±3 之間。兩條虛線標出 ±3.7；平均的區間跨過 0。" alt-en="Forty seeds' differences sorted into a row of dots, from about −7 to +11 points, most within ±3. Dashed lines mark ±3.7; the interval of the mean crosses 0."
figure, ax = plt.subplots(figsize=(8, 3.2))
ax.plot(range(40), np.sort(gaps), "o", label="one seed")
interval = mean_interval(gaps)
ax.axhspan(interval.low, interval.high, alpha=0.3, label="mean, 95 % interval")
for limit in (-3.7, 3.7):
    ax.axhline(limit, color="gray", linestyle="--", label="±3.7 points" if limit > 0 else None)
ax.set(xlabel="seeds, sorted", ylabel="relational − LSTM (points)")
legend = ax.legend()

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 期望值是 1/4，不管什麼架構：每一欄輸出都一樣可能是正確答案的那一欄。一個種子的差是純粹的運氣；挑對種子，要「贏」要「輸」都可以。
#
# **主張 15** 40 個種子：平均差的 95 % 區間包含 0（沒有發現差異）；至少 5 個種子的 Relational RNN「贏」3.7 以上，也至少有 2 個「輸」3.7 以上。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# The expected accuracy is 1/4, whatever the architecture: each output column is as likely as any other to be the right one. One seed's difference is pure luck; with the right seed you can "win" or "lose" as you please.
#
# **Claim 15** Over 40 seeds, the 95 % interval of the mean difference contains 0 (no difference found); in at least 5 seeds the Relational RNN "wins" by 3.7 or more, and in at least 2 it "loses" by 3.7 or more.

# %%
print(f"{interval:.1f}; wins {(gaps >= 3.7).sum()}, losses {(gaps <= -3.7).sum()}")
claim(
    15, bool(not interval.excludes_zero and (gaps >= 3.7).sum() >= 5 and (gaps <= -3.7).sum() >= 2)
)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 格子要花多少時間？
#
# 每個格子都看每個格子，注意力的分數有 $N(N+1)$ 個，隨 $N$ 平方成長；線性層則只隨 $N$ 成長。猜猜看：N 從 2 到 32，一次前向加反向的時間變成幾倍？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## What do slots cost?
#
# Every slot looks at every slot: attention has $N(N+1)$ scores, which grow as $N$ squared; linear layers grow only as $N$. Guess: from N = 2 to 32, by what factor does one forward and backward pass slow down?

# %% tags=["timing"]
slots, milliseconds = [2, 4, 8, 16, 32], []
rng = seeding.rng(0)
X, y = rng.normal(size=(32, 10, 8)).astype(np.float32), rng.integers(0, 4, 32)
for num_slots in slots:
    net = RelationalRNN(8, 64, 4, num_slots=num_slots, slot_size=32, num_heads=4, rng=rng)
    net.loss_and_grads(X, y)  # the first call makes the buffers
    started = time.process_time()
    for _ in range(10):
        net.loss_and_grads(X, y)
    milliseconds.append(100 * (time.process_time() - started))

# %% slideshow={"slide_type": "subslide"} tags=["timing"] alt-zh="一次前向加反向的毫秒數對格子數，雙對數座標。量到的線起初幾乎是平的，之後上升得和斜率 1 的虛線差不多；32 格時遠低於斜率 2 的點線。" alt-en="Milliseconds of a forward and backward pass against slots, log axes. The measured line is almost level at first, then rises about as the dashed line of slope 1; at 32 slots it is far below the dotted line of slope 2."
figure, ax = plt.subplots(figsize=(7, 3.2))
ax.plot(slots, milliseconds, "o-", label="measured")
for power, style in ((1, "--"), (2, ":")):
    line = milliseconds[1] * (np.array(slots) / slots[1]) ** power
    ax.plot(slots, line, style, color="gray", label=f"slope {power}")
ax.set(xscale="log", yscale="log", xlabel="slots, N (log)", ylabel="CPU time of a pass (ms, log)")
ax.set_xticks(slots, slots, minor=False)
ax.minorticks_off()
legend = ax.legend()

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# $N$ 變成 16 倍，時間還不到 16 倍，更不用說 256 倍：格子少的時候，大半是不隨 $N$ 變的固定開銷，線起初幾乎是平的。到了 32 格，線變陡了：這時四個頭有 4,224 個分數，記憶只有 1,024 個數。（隨步數、批次怎麼變，`make bench` 會畫。）

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# Sixteen times the slots take less than sixteen times the time, let alone 256 times: with few slots most of it is overhead that does not grow with $N$, so the line begins almost level. Towards 32 slots it gets steeper: there, four heads have 4,224 scores, and the memory just 1,024 numbers. (How it grows with steps and batch, `make bench` draws.)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 練習 1：一條捷徑值多少
#
# 難度 ★☆☆，約 5 分鐘。
#
# 名次隨機（1 到 k 一樣常見）時，有一條捷徑：問最後一名，就答參考點自己；問別的名次，就在其餘的點裡隨便猜一個。
#
# 寫出 `shortcut_accuracy(k)`：這條捷徑的準確率期望值。不要用模擬；寫完再和「名次隨機」那張圖裡的點線比。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Exercise 1: what a shortcut is worth
#
# Difficulty ★☆☆, about 5 minutes.
#
# With a random rank (1 to k, equally often) there is a shortcut: asked for the last rank, answer the reference itself; asked for any other, guess among the rest.
#
# Write `shortcut_accuracy(k)`: the expected accuracy of this shortcut. Do not simulate; then compare with the dotted line in the figure of the random rank.


# %% tags=["exercise"]
def shortcut_accuracy(k):
    raise NotImplementedError  # your code here


# %% tags=["check"]
exercises.shortcut_accuracy.check(shortcut_accuracy)


# %% tags=["solution"]
# One possible answer; open it once you have tried.
def shortcut_accuracy_solution(k):
    """For the last rank (one question in k) always right, else one guess among k - 1."""
    return 1 / k + (k - 1) / k * 1 / (k - 1)


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 練習 2：只有前幾個鍵是真的
#
# 難度 ★★☆，約 15 分鐘。
#
# 一批序列長短不一，短的用別的數補齊。`Q` 是 (B, T_q, d)、`K` 是 (B, T_k, d)、`V` 是 (B, T_k, d_v)；`lengths[b]` 說第 b 個序列只有前幾個鍵是真的，從 0 到 T_k。
#
# 寫出 `padded_attention(Q, K, V, lengths)`，回傳（輸出，權重）；分數和課文一樣，是 $QK^\top/\sqrt d$。補齊的列裡可能有 10¹⁵ 那麼大的數，分數可能到正負數萬；長度 0 的序列什麼也看不到，權重與輸出都是 0。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Exercise 2: only the first keys are real
#
# Difficulty ★★☆, about 15 minutes.
#
# The sequences of a batch differ in length, and short ones are padded with anything. `Q` is (B, T_q, d), `K` is (B, T_k, d), `V` is (B, T_k, d_v); `lengths[b]` says how many keys of sequence b are real, the first ones, from 0 to T_k.
#
# Write `padded_attention(Q, K, V, lengths)`: return (output, weights); the scores are the lesson's, $QK^\top/\sqrt d$. Padded rows may hold numbers as large as 10¹⁵, and scores may reach tens of thousands, of either sign; a sequence of length 0 sees nothing, and its weights and output are 0.


# %% tags=["exercise"]
def padded_attention(Q, K, V, lengths):
    raise NotImplementedError  # your code here: return output, weights


# %% tags=["check"]
exercises.padded_attention.check(padded_attention)


# %% tags=["solution"]
# One possible answer; open it once you have tried.
def padded_attention_solution(Q, K, V, lengths):
    """(output, weights): only the first ``lengths[b]`` keys are real; without any, both are 0."""
    real = np.arange(K.shape[1]) < np.asarray(lengths)[:, None, None]  # (B, 1, T_k)
    scores = np.where(real, Q @ K.mT / np.sqrt(K.shape[-1]), -np.inf)
    highest = scores.max(axis=-1, keepdims=True)
    exps = np.exp(scores - np.where(np.isfinite(highest), highest, 0))
    total = exps.sum(axis=-1, keepdims=True)
    weights = exps / np.where(total > 0, total, 1)
    return weights @ V, weights


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 練習 3：一個閘管一整格
#
# 難度 ★★☆，約 15 分鐘。
#
# 課文的閘每個數各有一個（`gate="unit"`）。另一種做法是每格只有兩個閘（`gate="memory"`），整格一起寫、一起留：$M'=\sigma(G_0)\tanh(Z)+\sigma(G_1+1)M$，其中 $G$ 的形狀是 (B, N, 2)，$M$、$Z$ 是 (B, N, D)。
#
# 寫出 `memory_gate_gradient(d_new, M, Z, G)`：`d_new` 是 ∂L/∂M′，回傳 ∂L/∂G。手邊有 `numeric_gradient` 可以檢查。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Exercise 3: one gate for a whole slot
#
# Difficulty ★★☆, about 15 minutes.
#
# The lesson's gates come one for every number (`gate="unit"`). Another way is two gates a slot (`gate="memory"`), so that a slot is written and kept as a whole: $M'=\sigma(G_0)\tanh(Z)+\sigma(G_1+1)M$, with $G$ of shape (B, N, 2), and $M$ and $Z$ of shape (B, N, D).
#
# Write `memory_gate_gradient(d_new, M, Z, G)`: `d_new` is ∂L/∂M′; return ∂L/∂G. You have `numeric_gradient` at hand to check it.


# %% tags=["exercise"]
def memory_gate_gradient(d_new, M, Z, G):
    raise NotImplementedError  # your code here


# %% tags=["check"]
exercises.memory_gate_gradient.check(memory_gate_gradient)


# %% tags=["solution"]
# One possible answer; open it once you have tried.
def memory_gate_gradient_solution(d_new, M, Z, G):
    """∂L/∂G (B, N, 2), from M' = σ(G₀) tanh(Z) + σ(G₁ + 1) M."""
    gates = 1 / (1 + np.exp(-(G + np.array([0, 1]))))
    d_gates = np.stack([(d_new * np.tanh(Z)).sum(axis=-1), (d_new * M).sum(axis=-1)], axis=-1)
    return d_gates * gates * (1 - gates)


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 練習 4：層正規化的回程，不建 J
#
# 難度 ★★★，約 20 分鐘。
#
# 課文為一列建了 F×F 的 $J$，沒有增益。真正的程式有很多列，而且不建 $J$。
#
# 寫出 `layer_norm_backward(d_y, x, gain, eps=1e-5)`：$y=\text{gain}\cdot\hat x+\text{bias}$，`x` 與 `d_y` 的形狀是 (…, F)，前面可以有任意多軸，也可以沒有。回傳（∂L/∂x，∂L/∂gain，∂L/∂bias），後兩個的形狀是 (F,)。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Exercise 4: layer normalization backward, without J
#
# Difficulty ★★★, about 20 minutes.
#
# The lesson built an F×F matrix $J$ for one row, with no gain. A real program has many rows, and builds no $J$.
#
# Write `layer_norm_backward(d_y, x, gain, eps=1e-5)`: $y=\text{gain}\cdot\hat x+\text{bias}$; `x` and `d_y` have shape (…, F), with any number of axes in front, or none. Return (∂L/∂x, ∂L/∂gain, ∂L/∂bias), the last two of shape (F,).


# %% tags=["exercise"]
def layer_norm_backward(d_y, x, gain, eps=1e-5):
    raise NotImplementedError  # your code here: return d_x, d_gain, d_bias


# %% tags=["check"]
exercises.layer_norm_backward.check(layer_norm_backward)


# %% tags=["solution"]
# One possible answer; open it once you have tried.
def layer_norm_backward_solution(d_y, x, gain, eps=1e-5):
    """(∂L/∂x, ∂L/∂gain, ∂L/∂bias), x of shape (..., F)."""
    std = np.sqrt(x.var(axis=-1, keepdims=True) + eps)
    x_hat = (x - x.mean(axis=-1, keepdims=True)) / std
    d_hat = d_y * gain
    through_mean = d_hat.mean(axis=-1, keepdims=True)
    through_deviation = x_hat * (d_hat * x_hat).mean(axis=-1, keepdims=True)
    rows = tuple(range(x.ndim - 1))
    d_x = (d_hat - through_mean - through_deviation) / std
    return d_x, (d_y * x_hat).sum(axis=rows), d_y.sum(axis=rows)


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 重點整理
#
# - 注意力是用相似程度查表：分數、softmax、加權平均；遮罩在 softmax **之前**加 −∞；除以 √K，分數才不會隨鍵的大小變大，讓 softmax 一開始就飽和。
# - 關聯記憶的格子彼此看，也看輸入；閘決定寫多少、留多少。格子一開始就要不同，對稱不會自己打破。
# - 層正規化的回程有三項；穿不過去的兩個方向，是檢查公式的好方法。
# - 比較模型之前，先量規則、先把兩邊的學習率都挑好，再看好幾個種子；只有超過規則的部分才算數。
# - 注意力圖畫得出來，不等於讀得懂；動手改掉它，看準確率，才知道它有沒有用。
# - 沒訓練過、只有一個種子的「贏了 3.7 %」，是運氣。
#
# 這是最後一課。[[numpy_training_tools]]到[[numpy_relational_rnn]]的程式都在 `course_utils/numpy_track/`；`python -m course_utils.numpy_track.training_demo` 把每樣功能跑一遍。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Summary
#
# - Attention looks up by likeness: scores, softmax, weighted mean. A mask adds −∞ **before** the softmax; dividing by √K keeps scores from growing with the size of a key, so the softmax does not begin saturated.
# - In a relational memory slots look at each other and at the input; gates say how much to write and keep. Slots must start different, since a symmetry does not break by itself.
# - Layer normalization has three terms on the way back; the two directions that cannot pass are a good test of your formula.
# - Before comparing models, measure rules, choose both rates with care, then look at several seeds; only what stands above the rules counts.
# - An attention map that can be drawn need not be readable; change it and watch the accuracy to know whether it matters.
# - "Better by 3.7 %", untrained and at one seed, is luck.
#
# This is the last lesson. The code of [[numpy_training_tools]] to [[numpy_relational_rnn]] stands in `course_utils/numpy_track/`; `python -m course_utils.numpy_track.training_demo` runs every feature once.
# %% [markdown] lang="zh-TW" slideshow={"slide_type": "skip"}
# ### 原始文獻
#
# - Santoro 等（2018），Relational recurrent neural networks。關聯記憶，以及第 n 遠的任務。
# - Vaswani 等（2017），Attention is all you need。縮放的內積注意力、多頭、遮罩。
# - Ba, Kiros, Hinton（2016），Layer normalization。
# - Hochreiter, Schmidhuber（1997），Long short-term memory。

# %% [markdown] lang="en" slideshow={"slide_type": "skip"}
# ### Primary sources
#
# - Santoro et al. (2018), Relational recurrent neural networks. The relational memory core, and the n-th farthest task.
# - Vaswani et al. (2017), Attention is all you need. Scaled dot-product attention, several heads, masks.
# - Ba, Kiros, Hinton (2016), Layer normalization.
# - Hochreiter, Schmidhuber (1997), Long short-term memory.
