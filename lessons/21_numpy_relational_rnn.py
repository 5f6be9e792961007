# %% [markdown] lang="zh-TW" about="記憶格之間的注意力，以及與 LSTM 的公平比較" slideshow={"slide_type": "slide"}
# # 用 NumPy 推導 Relational RNN
#
# LSTM 的記憶是一個向量。如果要記住四樣東西，又要比較它們，何不給它四個記憶格（memory slot），讓它們互相看一看？這就是關聯式記憶（relational memory；Santoro 等人，2018）。學完之後，你能夠：
#
# - 寫出注意力、記憶的更新與閘，與 PyTorch 對上，並說出記憶格為什麼一開始就必須不同；
# - 手推注意力、層正規化與閘的梯度，並用有限差分檢查；
# - 公平地比較兩個模型：大小與學習率一樣用心挑、用十個新種子、比「相同步數」也比「相同秒數」；
# - 判斷「贏了 3.7%」這種數字可不可信。
#
# 先備：[[numpy_losses_and_gradients]]（梯度檢查）、[[numpy_lstm]]（穿越時間的反向傳播）。

# %% [markdown] lang="en" about="attention over memory slots, and an honest comparison with the LSTM" slideshow={"slide_type": "slide"}
# # The Relational RNN, derived in NumPy
#
# An LSTM's memory is one vector. If four things are to be remembered and compared, why not give them four slots, and let the slots look at each other? That is relational memory (Santoro et al., 2018). By the end you can
#
# - write out attention, the update of the memory and its gates, match PyTorch, and say why slots must differ from the start;
# - derive the gradients of attention, layer normalization and gates, and check them by finite differences;
# - compare two models fairly: sizes and rates chosen with equal care, ten fresh seeds, equal steps and equal seconds;
# - judge whether a number such as "better by 3.7 %" can be trusted.
#
# It builds on [[numpy_losses_and_gradients]] (gradient checks) and [[numpy_lstm]] (back-propagation through time).

# %% lang="zh-TW" tags=["setup"] slideshow={"slide_type": "subslide"}
from course_utils.notebook import set_up

device = set_up("numpy_relational_rnn", language="zh-TW", workers=True)

# %% lang="en" tags=["setup"] slideshow={"slide_type": "subslide"}
from course_utils.notebook import set_up

device = set_up("numpy_relational_rnn", language="en", workers=True)

# %% slideshow={"slide_type": "subslide"}
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from torch.nn import functional as F

from course_utils import plotting, seeding
from course_utils.exercises import numpy_relational_rnn as exercises
from course_utils.experiment import run_seeds
from course_utils.intervals import equivalence, mean_interval, paired_difference
from course_utils.notebook.claims import claim
from course_utils.numpy_track import farthest_vector
from course_utils.numpy_track.activations import sigmoid
from course_utils.numpy_track.attention import create_causal_mask, scaled_dot_product_attention
from course_utils.numpy_track.losses import accuracy, cross_entropy_loss
from course_utils.numpy_track.relational_rnn import RelationalMemory, RelationalRNN

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 注意力：依相似程度查表
#
# 字典查的是**完全相同**的鍵，注意力查的是**相似**的鍵：查詢 $q$ 和每個鍵 $k_j$ 做內積，得到分數；softmax 把分數變成加起來是 1 的權重；結果是值 $v_j$ 的加權平均（Vaswani 等人，2017）：
#
# $$A=\mathrm{softmax}\!\left(\frac{QK^\top}{\sqrt K}\right)\qquad O=AV$$
#
# 根號裡的 $K$ 是一個鍵有幾個數（文獻常寫成 $d_k$）。
#
# 想一想：2 個查詢、5 個鍵，每個鍵是 3 維、每個值是 4 維。$A$ 和 $O$ 各是什麼形狀？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Attention: looking things up by likeness
#
# A dictionary finds the key that is **equal**, attention keys that are **alike**: a query $q$ has a dot product, its score, with every key $k_j$; a softmax makes weights of the scores; the result is the weighted mean of the values $v_j$ (Vaswani et al., 2017):
#
# $$A=\mathrm{softmax}\!\left(\frac{QK^\top}{\sqrt K}\right)\qquad O=AV$$
#
# Under the root, $K$ is how many numbers a key has (often written $d_k$).
#
# Predict: 2 queries, 5 keys, 3 numbers a key, 4 numbers a value. What shapes have $A$ and $O$?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（5 分鐘）注意力有 2 個查詢、5 個鍵，每個鍵 3 維、每個值 4 維。權重 A 與輸出 O 是什麼形狀？
#
# - ✗ A 是 2×3，O 是 2×3。 *把鍵的維度當成鍵的個數；內積之後，3 就加總掉了。*
# - ✓ A 是 2×5，O 是 2×4。 *每個查詢對每個鍵有一個權重；輸出是值的加權平均。*
# - ✗ A 是 5×2，O 是 5×4。 *以為每個鍵有一個輸出；提問的是查詢。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (5 min) Attention with 2 queries and 5 keys, 3 numbers a key, 4 numbers a value. What shapes have the weights A and the output O?
#
# - ✗ A is 2×3, O is 2×3. *Takes the size of a key for the number of keys; the dot product sums the 3 away.*
# - ✓ A is 2×5, O is 2×4. *Every query has a weight for every key, and the output is a weighted mean of values.*
# - ✗ A is 5×2, O is 5×4. *Thinks that every key gets an output; it is the queries that ask.*


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
# 讀句子時，第 $t$ 個字不該偷看後面的字。作法：在 softmax **之前**，把不准看的分數加上 $-\infty$，權重就剛好是 0，其餘的自動重新分配。
#
# 想一想：改成在 softmax **之後**把權重乘以 0，哪裡不對？

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### A mask: some keys may not be looked at
#
# Word number $t$ must not peek at later words. So **before** the softmax, add $-\infty$ to the forbidden scores: the weight is exactly 0, and the rest is shared out anew.
#
# Predict: what goes wrong if you multiply the weights by 0 **after** the softmax instead?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（5 分鐘）因果遮罩應該在 softmax 之前把不准看的分數加上 −∞。改成在 softmax 之後把那些權重乘以 0，會怎樣？
#
# - ✗ 一樣，反正權重都是 0。 *被遮的是 0，剩下的卻沒有重新分配。*
# - ✗ 不准看的鍵還是會漏出值來。 *權重是 0，值不會漏；問題在其餘的權重。*
# - ✓ 每列剩下的權重加起來不到 1，輸出縮水。 *先分配、再刪掉，刪掉的那一份就不見了。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (5 min) A causal mask should add −∞ to the forbidden scores before the softmax. What if those weights are multiplied by 0 after the softmax instead?
#
# - ✗ It is the same: the weights are 0 either way. *The masked ones are 0, but the rest is not shared out anew.*
# - ✗ Values of forbidden keys still leak through. *With weight 0 none do; the trouble is with the other weights.*
# - ✓ What is left in a row sums to less than 1, and the output shrinks. *What was shared out first and then removed is gone.*

# %%
Q, K, V = (rng.normal(size=(6, 3)) for _ in range(3))
scores = Q @ K.T / np.sqrt(3)
mask = create_causal_mask(6)  # 0 where the key is not later than the query, -inf where it is
causal = softmax(scores + mask)
too_late = softmax(scores) * (mask == 0)
print("rows sum to, masked after:", too_late.sum(axis=1).round(2))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 事後乘 0，每列的和都不到 1（最後一列除外），輸出平白縮水。
#
# **主張 1** 三行寫成的注意力，有沒有遮罩都與 `torch` 的 `scaled_dot_product_attention` 相同；課程的函式也是（五個種子、多個批次與頭，差距小於 10⁻¹²）。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# Multiplied by 0 afterwards, every row but the last sums to less than 1, and the output shrinks.
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
# 兩個隨機向量各有 $K$ 個標準常態的數，內積的變異數是 $K$，標準差是 $\sqrt K$。分數一大，softmax 就幾乎只看一個鍵，斜率趨近 0。
#
# 猜猜看：K = 256、不除以 √K，10 個鍵裡最大的權重平均是多少？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Why divide by √K?
#
# The dot product of two random vectors of $K$ standard normal numbers has variance $K$ and standard deviation $\sqrt K$. With large scores the softmax looks at hardly more than one key, and its slope goes to 0.
#
# Guess: with K = 256 and no division by √K, how large is the largest of 10 weights on average?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（5 分鐘）查詢和鍵都是 K 個標準常態的亂數。為什麼內積要先除以 √K，再做 softmax？
#
# - ✗ 讓權重加起來等於 1。 *softmax 本來就會讓權重加起來等於 1。*
# - ✓ 內積的標準差是 √K；不除，softmax 一開始就幾乎只看一個鍵。 *分數一大，softmax 飽和，斜率趨近 0。*
# - ✗ 讓計算快一點。 *除法不會變快；影響的是分數的大小。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (5 min) Queries and keys are K standard normal numbers each. Why divide the dot product by √K before the softmax?
#
# - ✗ So that the weights sum to 1. *The softmax does that anyway.*
# - ✓ Its standard deviation is √K; undivided, the softmax looks at hardly more than one key from the start. *With large scores the softmax saturates and its slope goes to 0.*
# - ✗ To make it faster. *A division saves nothing; it is about the size of the scores.*

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# **主張 2** 五個種子都一樣：K = 256 時，不除以 √K，最大的權重平均超過 0.85；除了之後低於 0.45。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# **Claim 2** In all five seeds, at K = 256, the largest weight is above 0.85 on average without the division by √K, and below 0.45 with it.

# %%
largest = []
for seed in range(5):
    rng = seeding.rng(seed)
    q, k = rng.normal(size=(500, 1, 256)), rng.normal(size=(500, 10, 256))
    largest.append([softmax(q @ k.mT / scale).max(axis=-1).mean() for scale in (1, 256**0.5)])
plain, scaled = np.transpose(largest)
print(f"not scaled {mean_interval(plain):.2f}\nscaled     {mean_interval(scaled):.2f}")
claim(2, bool((plain > 0.85).all() and (scaled < 0.45).all()))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 記憶是一張表：記憶格彼此看，也看輸入
#
# 記憶 $M$ 有 $N$ 個記憶格，每個 $D$ 維。輸入 $x$ 先變成同樣寬的一列 $e=xW_x+b_x$，放在最下面：$U=[M;e]$，共 $N+1$ 列。接著
#
# 1. 每一列有自己的查詢、鍵與值：$q,k,v=\mathrm{LN}(UW_{qkv}+b_{qkv})$，切成 $H$ 個頭；
# 2. 記憶格看所有的列：$O=\mathrm{softmax}(qk^\top/\sqrt K)\,v$；
# 3. $Y=\mathrm{LN}(M+O)$，再過一個小網路：$Z=\mathrm{LN}(Y+\mathrm{relu}(YW_1+b_1)W_2+b_2)$。
#
# LN 是層正規化（Ba 等人，2016）：每一列減平均、除以標準差，再乘增益、加偏置。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## The memory is a table: slots look at each other, and at the input
#
# A memory $M$ has $N$ slots of $D$ numbers. An input $x$ becomes a row of that width, $e=xW_x+b_x$, at the bottom: $U=[M;e]$, with $N+1$ rows. Then
#
# 1. each row has its own query, key and value: $q,k,v=\mathrm{LN}(UW_{qkv}+b_{qkv})$, cut into $H$ heads;
# 2. slots look at all rows: $O=\mathrm{softmax}(qk^\top/\sqrt K)\,v$;
# 3. $Y=\mathrm{LN}(M+O)$, and a small network: $Z=\mathrm{LN}(Y+\mathrm{relu}(YW_1+b_1)W_2+b_2)$.
#
# LN is layer normalization (Ba et al., 2016): each row minus its mean, over its standard deviation, times a gain, plus a bias.


# %% slideshow={"slide_type": "subslide"}
def layer_norm(x, gain, bias, eps=1e-5):
    centered = x - x.mean(axis=-1, keepdims=True)
    variance = (centered**2).mean(axis=-1, keepdims=True)
    return gain * centered / np.sqrt(variance + eps) + bias


def normed(x, P, name):
    return layer_norm(x, P[f"ln_{name}_gain"], P[f"ln_{name}_bias"])


def linear(x, P, name):
    return x @ P[f"W_{name}"] + P[f"b_{name}"]


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
# $Z$ 只是**提議**。和 LSTM 一樣，兩個閘決定寫多少、留多少，每個數各有自己的閘：
#
# $$[G_i;G_f]=eW_{gi}+b_{gi}+\tanh(M)W_{gm}+b_{gm}\qquad i=\sigma(G_i)\quad f=\sigma(G_f+1)$$
#
# $$M'=i\odot\tanh(Z)+f\odot M$$
#
# $+1$ 讓「留」的閘一開始就偏向打開（$\sigma(1)\approx0.73$），就像[[numpy_lstm]]的遺忘閘偏置。
#
# **主張 3** 這三十行和課程的 `RelationalMemory` 相同：連走十步之後，記憶的差距小於 10⁻¹⁰（五個種子）。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### Gates: how much to write, how much to keep
#
# $Z$ is only a **proposal**. As in an LSTM, two gates say how much to write and to keep, for every number:
#
# $$[G_i;G_f]=eW_{gi}+b_{gi}+\tanh(M)W_{gm}+b_{gm}\qquad i=\sigma(G_i)\quad f=\sigma(G_f+1)$$
#
# $$M'=i\odot\tanh(Z)+f\odot M$$
#
# The $+1$ opens the gate that keeps ($\sigma(1)\approx0.73$), as [[numpy_lstm]]'s forget bias did.
#
# **Claim 3** These thirty lines equal the course's `RelationalMemory`: after ten steps in a row the memories agree within 10⁻¹⁰ (five seeds).

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（8 分鐘）關聯式記憶裡，每個記憶格的新內容要經過兩個閘：M′ = i⊙tanh(Z) + f⊙M，f = σ(G + 1)。那個 +1 做什麼用？
#
# - ✓ 讓「留」的閘一開始就偏向打開。 *G 一開始在 0 附近，σ(1) ≈ 0.73，剛開始訓練時不會一下就忘光。*
# - ✗ 避免除以零。 *這裡沒有除法。*
# - ✗ 讓寫入的閘也跟著打開。 *+1 只加在 f 裡；i 是另一個閘。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (8 min) In a relational memory each slot passes two gates: M′ = i⊙tanh(Z) + f⊙M, with f = σ(G + 1). What is the +1 good for?
#
# - ✓ The gate that keeps begins rather open. *G begins near 0, and σ(1) ≈ 0.73, so that a memory in its first training steps does not forget at once.*
# - ✗ It avoids a division by zero. *There is no division here.*
# - ✗ It opens the gate that writes as well. *The +1 stands in f only; i is another gate.*


# %%
def core_step(x, M, P, num_heads, look=softmax):
    e = linear(x, P, "x")
    Z, A = candidate(M, e, P, num_heads, look)
    G = linear(e, P, "gi")[:, None] + linear(np.tanh(M), P, "gm")  # (B, N, 2 D)
    G_i, G_f = np.split(G, 2, axis=-1)
    return sigmoid(G_i) * np.tanh(Z) + sigmoid(G_f + 1) * M, A


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
# ## 記憶格一開始就必須不同
#
# 記憶的初始值要填什麼？LSTM 填 0，這裡也填 0 好嗎？
#
# 想一想：如果兩個記憶格的數一模一樣，走一步之後會不同嗎？訓練能不能把它們分開？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Slots must differ from the start
#
# An LSTM begins at 0; shall the memory begin there too?
#
# Predict: if two slots hold exactly the same numbers, do they differ one step later? Can training part them?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（5 分鐘）關聯式記憶的所有記憶格用同一組權重。如果記憶全部從 0 開始，訓練能不能讓四個記憶格各記各的？
#
# - ✗ 能，每個記憶格會收到不同的梯度。 *內容相同、權重相同，收到的梯度也相同。*
# - ✗ 能，輸入裡的雜訊會把它們分開。 *每個記憶格看到的是同一個輸入。*
# - ✓ 不能，相同的記憶格走一步之後還是相同。 *問相同的問題、得到相同的回答、開一樣的閘；權重怎麼變都一樣。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (5 min) All slots of a relational memory use the same weights. If the memory begins at 0 everywhere, can training make four slots hold different things?
#
# - ✗ Yes, each slot gets a gradient of its own. *With equal contents and equal weights the gradients are equal too.*
# - ✗ Yes, noise in the input parts them. *All slots see the same input.*
# - ✓ No, slots that are equal stay equal after every step. *They ask the same, get the same answer and open the same gates, whatever the weights are.*


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

# %% slideshow={"slide_type": "subslide"} alt-zh="最近的兩個記憶格的距離對步數。從單位矩陣開始，平均從 1.4 升到 2.4，到第一百步又降到 0.7 左右；二十條細線裡，有幾條已經貼近 0，也有幾條還在 1.4 以上。從 0 開始的線始終在 0。色帶是 95% 區間。" alt-en="Distance of the two nearest slots against steps. Started from the identity, the mean rises from 1.4 to 2.4 and then sinks to about 0.7 at a hundred steps; of twenty thin lines a few are close to 0 by then, and a few still above 1.4. Started from zeros, it stays at 0. Bands are 95 % intervals."
figure, ax = plt.subplots(figsize=(7, 3))
for (name, runs), marker in zip(starts.items(), "xo", strict=True):
    plotting.plot_band(ax, range(0, 101, 5), runs[:, ::5], f"start: {name}", marker=marker)
ax.plot(starts["identity"].T, "-", color="C1", alpha=0.3, linewidth=0.8, zorder=0)
ax.set(xlabel="steps", ylabel="nearest two slots: distance")
legend = ax.legend(loc="upper left", bbox_to_anchor=(1, 1))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 從 0 開始，走再多步，記憶格還是一樣：每個記憶格用的是**同一組**權重，相同的列問相同的問題、得到相同的回答、開一樣的閘。權重怎麼訓練都一樣：四個記憶格，其實只有一個，就像[[initialization]]的「常數初始化」。
#
# 因此記憶從**單位矩陣**的列開始，不足的補 0（所以 $N$ 不能大於 $D$）。可是走久了，多數模型裡最接近的兩個記憶格越來越像；這一課訓練用的序列最多五步，離那裡還很遠。
#
# **主張 4** 二十組未訓練的權重：從 0 開始，一百步裡四個記憶格都一樣（差距小於 10⁻⁵）；從單位矩陣開始，前三十步最近的兩個記憶格始終相距 0.1 以上，但是到第一百步，至少有三組已經近到 0.1 以內。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# From zeros it stays so: all slots use the **same** weights, and equal rows ask equal questions, get equal answers, open equal gates. That holds for any weights, trained ones too: four slots are really one, as in [[initialization]]'s constant initialization.
#
# So the memory begins as rows of the **identity matrix**, filled up with zeros (so $N$ may not exceed $D$). In the long run, though, the nearest two slots grow alike in most models; this lesson trains on five steps at most.
#
# **Claim 4** For twenty sets of untrained weights: from zeros, all four slots agree through a hundred steps (within 10⁻⁵); from the identity, the nearest two lie more than 0.1 apart for thirty steps, yet within 0.1 at step one hundred in at least three sets.

# %%
early, late = starts["identity"][:, :31], starts["identity"][:, -1]
print(f"nearest in 30 steps ≈{early.min():.2f}; within 0.1 at step 100: {(late < 0.1).sum()} of 20")
alike = starts["zeros"].max() < 1e-5
claim(4, bool(alike and early.min() > 0.1 and (late < 0.1).sum() >= 3))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 反向傳播，第一段：閘
#
# 記 $\bar z=\partial L/\partial z$，假設 $\bar M'$ 已知。由 $M'=i\odot\tanh(Z)+f\odot M$：
#
# $$\bar G_i=\bar M'\odot\tanh(Z)\odot i(1-i)\qquad\bar G_f=\bar M'\odot M\odot f(1-f)$$
#
# $$\bar Z=\bar M'\odot i\odot(1-\tanh^2 Z)\qquad\bar M\mathrel{+}=\bar M'\odot f$$
#
# 最後用 $\mathrel{+}=$，因為 $M$ 還從別的路進來（閘的 $\tanh(M)$、注意力、$M+O$），梯度要加起來。想一想：如果只留 $\bar M'\odot f$ 這一條，印出來的損失會露出馬腳嗎？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## The way back, part one: gates
#
# Write $\bar z=\partial L/\partial z$, and let $\bar M'$ be known. From $M'=i\odot\tanh(Z)+f\odot M$:
#
# $$\bar G_i=\bar M'\odot\tanh(Z)\odot i(1-i)\qquad\bar G_f=\bar M'\odot M\odot f(1-f)$$
#
# $$\bar Z=\bar M'\odot i\odot(1-\tanh^2 Z)\qquad\bar M\mathrel{+}=\bar M'\odot f$$
#
# The last one has $\mathrel{+}=$, because $M$ comes in by other ways as well (the gates' $\tanh(M)$, attention, $M+O$), and gradients add up. Predict: with $\bar M'\odot f$ alone, would the printed loss give it away?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（6 分鐘）記憶 M 從四條路影響下一步，反向傳播時卻只算了其中一條的梯度。怎樣才會發現？
#
# - ✗ 前向算出來的損失會不一樣。 *前向完全沒有改，同樣的權重給出同樣的損失。*
# - ✗ 訓練時損失一定會上升。 *方向大致對的梯度，常常照樣讓損失下降。*
# - ✓ 拿有限差分來檢查梯度。 *只有另外算一次梯度，才看得出少了幾條路。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (6 min) A memory M acts on the next step by four ways, and the backward pass counts the gradient of one of them. How would it come out?
#
# - ✗ The loss of the forward pass is another. *The forward pass is unchanged: equal weights give an equal loss.*
# - ✗ In training the loss is bound to rise. *A gradient that points roughly right often brings it down all the same.*
# - ✓ By checking the gradient with finite differences. *Only a gradient found in another way shows that some are missing.*


# %% slideshow={"slide_type": "subslide"}
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
# 不會：前向一個位元也沒變，錯的只有梯度；方向不太準的梯度，常常照樣讓損失下降。看得出來的是檢查：
#
# **主張 5** 閘的四行梯度與中央差分一致（五個種子，差距小於 10⁻⁸）；漏掉 $f$ 裡面的 $+1$，誤差大到 10⁻³ 以上。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# It would not: not a bit of the forward pass has changed, and a gradient that points roughly right often brings the loss down all the same. The check is what tells:
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
print(f"worst gap ≈{max(gaps):.0e}, without the + 1 ≈{min(careless):.2f}")
claim(5, max(gaps) < 1e-8 and min(careless) > 1e-3)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 反向傳播，第二段：層正規化，一列一列來
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
#
# 想一想：如果 $\bar{\hat x}$ 各分量都相同，$\bar x=J^\top\bar{\hat x}$ 是多少？如果正好與 $\hat x$ 成正比呢？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## The way back, part two: layer normalization, one row
#
# A row $x$ has $F$ numbers; without gain and bias: $\mu=\frac1F\sum x_j$, $s=\sqrt{\frac1F\sum(x_j-\mu)^2+\varepsilon}$, $\hat x=(x-\mu)/s$.
#
# When $x_k$ moves a little, $\hat x_j$ moves for three reasons:
#
# | reason | how it moves |
# |---|---|
# | it is the same number ($j=k$) | $\mathbf 1_{jk}/s$ |
# | the mean moves, $\partial\mu/\partial x_k=1/F$ | $-\frac1F/s$ |
# | the deviation moves, $\partial s/\partial x_k=\hat x_k/F$ | $-\hat x_j\hat x_k/(Fs)$ |
#
# Added up they are the Jacobian: $J=\left(I-\frac1F\mathbf 1\mathbf 1^\top-\frac1F\hat x\hat x^\top\right)/s$.
#
# Predict: if $\bar{\hat x}$ is the same in every number, what is $\bar x=J^\top\bar{\hat x}$? And if it is proportional to $\hat x$?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（6 分鐘）層正規化把一列 x 變成 x̂ =（x − 平均）/ 標準差。如果往回傳來的梯度每個分量都一樣，傳到 x 的梯度是多少？
#
# - ✗ 每個分量都是那個數除以標準差。 *漏了平均也會跟著動的那一項。*
# - ✓ 0。 *整列加上同一個數，x̂ 不變，所以這個方向的梯度傳不過去。*
# - ✗ 和往回傳來的一樣。 *以為正規化只是搬一搬數字，不影響梯度。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (6 min) Layer normalization turns a row x into x̂ = (x − mean)/deviation. If the gradient from above is the same in every number, what gradient arrives at x?
#
# - ✗ That number over the deviation, everywhere. *Leaves out that the mean moves as well.*
# - ✓ 0. *A number added to the whole row leaves x̂ as it is, so a gradient in this direction cannot pass.*
# - ✗ The same as from above. *Thinks that normalization only shifts numbers, with no effect on gradients.*


# %% slideshow={"slide_type": "subslide"}
def normalize(x):
    return layer_norm(x, gain=1.0, bias=0.0)


def jacobian(x):
    F, s = len(x), np.sqrt(x.var() + 1e-5)
    x_hat = (x - x.mean()) / s
    itself = np.eye(F)
    through_mean = np.ones((F, F)) / F
    through_deviation = np.outer(x_hat, x_hat) / F
    return (itself - through_mean - through_deviation) / s


# %%
x = np.array([0.5, -1.0, 2.0, 0.3, -0.2])
J, x_hat = jacobian(x), normalize(x)
print("a gradient of ones arrives as     ", (J @ np.ones(5)).round(4) + 0.0)
print("one proportional to x_hat as      ", (J @ x_hat).round(4) + 0.0)
print("any other keeps something, such as", (J @ np.arange(5)).round(4))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 都是 0！整列加一個數、乘一個正數，正規化之後都一樣（不計 ε），這兩個方向的梯度傳不過去：少一項，就有一個方向漏過去。
#
# **主張 6** $J$ 與中央差分一致（五個種子，小於 10⁻⁸）；它把 $\mathbf 1$ 與 $\hat x$ 都變成 0（小於 10⁻³；$\hat x$ 的不是剛好 0，因為有 ε）；少了平均或標準差那一項，都有元素錯了 0.05 以上。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# Nothing, both times! A number added to the row, or a positive one multiplied into it, is gone after normalization (but for ε): gradients in these directions cannot pass. With a term missing, one leaks.
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
# ## 反向傳播，第三段：注意力
#
# 記分數 $S=QK^\top/\sqrt K$（有遮罩就再加上），$A=\mathrm{softmax}(S)$。由 $O=AV$：$\bar V=A^\top\bar O$，$\bar A=\bar OV^\top$。再穿過 softmax：每個分數同時加上同一個數，權重不會變，所以先減掉加權平均，
#
# $$\bar S=A\odot\Bigl(\bar A-\textstyle\sum_j\bar A_jA_j\Bigr)\qquad \bar Q=\bar SK/\sqrt K\qquad\bar K=\bar S^\top Q/\sqrt K$$
#
# 遮罩在反向時不必處理：被遮住的權重是 0，乘上去，梯度就是 0。
#
# **主張 7** 三個梯度與中央差分一致，有沒有遮罩都是（五個種子，小於 10⁻⁸）。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## The way back, part three: attention
#
# Call the scores $S=QK^\top/\sqrt K$ (plus the mask, if any), so $A=\mathrm{softmax}(S)$. From $O=AV$: $\bar V=A^\top\bar O$ and $\bar A=\bar OV^\top$. Then through the softmax; a number added to all scores changes nothing, so take off the weighted mean first,
#
# $$\bar S=A\odot\Bigl(\bar A-\textstyle\sum_j\bar A_jA_j\Bigr)\qquad \bar Q=\bar SK/\sqrt K\qquad\bar K=\bar S^\top Q/\sqrt K$$
#
# The mask needs nothing on the way back: a masked weight is 0, and multiplies the gradient by 0.
#
# **Claim 7** All three gradients agree with central differences, with and without a mask (five seeds, within 10⁻⁸).

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（6 分鐘）因果遮罩在前向時加在分數上。反向傳播時，要對被遮住的分數做什麼特別的處理？
#
# - ✗ 把梯度也加上 −∞。 *遮罩是常數，加法的導數是 1，梯度不用再加什麼。*
# - ✗ 先把遮罩拿掉，再算一次 softmax。 *反向用的就是前向的權重，重算反而錯。*
# - ✓ 不必處理，梯度自己就是 0。 *softmax 的導數裡乘著權重，而被遮住的權重是 0。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (6 min) A causal mask is added to the scores in the forward pass. What must be done about the masked scores on the way back?
#
# - ✗ Add −∞ to their gradient, too. *The mask is a constant; the slope of an addition is 1, and nothing is added to a gradient.*
# - ✗ Take the mask off and do the softmax again. *The way back uses the weights of the way forward; other weights would be wrong.*
# - ✓ Nothing: their gradient is 0 by itself. *The slope of a softmax has the weight as a factor, and a masked weight is 0.*


# %% slideshow={"slide_type": "subslide"}
def attention(Q, K, V, mask=0.0):
    return softmax(Q @ K.mT / np.sqrt(K.shape[-1]) + mask) @ V


def attention_backward(d_O, Q, K, V, mask=0.0):
    scale = 1 / np.sqrt(K.shape[-1])
    A = softmax(Q @ K.mT * scale + mask)
    d_A = d_O @ V.mT
    d_S = A * (d_A - (d_A * A).sum(axis=-1, keepdims=True)) * scale
    return {"Q": d_S @ K, "K": d_S.mT @ Q, "V": A.mT @ d_O}


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
# 把三段接起來、穿越時間，就是課程的 `RelationalRNN`（`relational_memory_backward.py`）：記憶走完整個序列，攤平，過一層 ReLU，再到輸出層。
#
# 我們用 PyTorch 再寫一次前向，讓 autograd 算梯度，全部用 float64 比。
#
# **主張 8** 五個種子：損失與每一個參數的梯度（22 個張量）都與 autograd 相同，相對差距小於 10⁻¹⁰。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## The whole model, checked against PyTorch
#
# The three parts joined, and taken through time, are the course's `RelationalRNN` (`relational_memory_backward.py`): the memory goes through the sequence, is flattened, passes a ReLU layer, then the output layer.
#
# We write the forward pass once more in PyTorch and let autograd find the gradients.
#
# **Claim 8** For five seeds, the loss and the gradient of every parameter (22 tensors) equal autograd's, within 10⁻¹⁰ relative.

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（4 分鐘）手推的梯度要和 PyTorch 的 autograd 比。為什麼用 float64，而且 22 個張量各自比？
#
# - ✓ 捨入誤差遠小於公式的錯，而且大張量不會蓋掉小張量的錯。 *float64 的差距約 10⁻¹⁵，公式錯了會大上好幾個數量級。*
# - ✗ float64 訓練出來的模型比較準。 *這裡沒有訓練，只是在核對公式。*
# - ✗ autograd 只支援 float64。 *autograd 也算 float32，只是捨入誤差大得多。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (4 min) Gradients derived by hand are compared with PyTorch's autograd. Why in float64, and each of 22 tensors by itself?
#
# - ✓ Rounding is far smaller than an error in a formula, and large tensors cannot hide errors in small ones. *In float64 they agree to about 10⁻¹⁵; a wrong formula is off by orders of magnitude more.*
# - ✗ A model trained in float64 is more accurate. *Nothing is trained here; formulas are checked.*
# - ✗ autograd works in float64 only. *It does float32 as well, with far more rounding.*


# %% slideshow={"slide_type": "subslide"}
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


def torch_loss_and_grads(X, y, params, M, num_heads):
    P = {name: torch.tensor(values, requires_grad=True) for name, values in params.items()}
    M = torch.tensor(M)
    for x in torch.tensor(X).unbind(dim=1):
        M = torch_step(x, M, P, num_heads)
    logits = linear(linear(M.flatten(1), P, "h").relu(), P, "out")
    loss = F.cross_entropy(logits, torch.tensor(y))
    loss.backward()
    return loss.item(), {name: values.grad.numpy() for name, values in P.items()}


# %% slideshow={"slide_type": "subslide"}
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
print(f"{len(grads)} tensors, worst gap ≈{max(gaps):.0e}")
claim(8, set(grads) == set(torch_grads) and max(gaps) < 1e-10)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 一個需要比較的任務：誰離它最遠？
#
# 依序讀 $k$ 個平面上的點，每個點帶一個標籤；題目指定其中一個當**參考點**。讀完之後回答：離參考點最遠的，是哪個標籤？（Santoro 等人 2018 年的任務，簡化成 2 維、三到五個向量、名次固定為第 1。）點要記得住，還要能兩兩比較。
#
# 想一想：不學習，只靠規則，能答對多少？例如「猜參考點以外的任何一個」「選離原點最遠的」「選和參考點內積最小的」。三個例子之後，是規則在 4,000 個留著不用的序列上答對的比例。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## A task that takes comparing: which is farthest from it?
#
# Read $k$ points of the plane one by one, each with a label; one of them is the **reference**. Which label lies farthest from it? (The task of Santoro et al. 2018, cut down to 2 numbers, three to five vectors, and rank 1.) Points must be remembered, and compared in pairs.
#
# Predict: with no learning, how often are rules right such as "guess any but the reference", "take the one farthest from the origin", "take the smallest dot product with the reference"? After three examples comes their share on 4,000 sequences set aside.

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（6 分鐘）任務是：四個點裡，哪一個離參考點最遠？有個模型答對八成。它一定學會了比較距離嗎？
#
# - ✗ 是，瞎猜只有 25%。 *和瞎猜比太容易了：有不必學習的規則也答對八成。*
# - ✓ 不一定，「選和參考點內積最小的」也答對八成以上。 *要超過最強的規則，才說得出模型學到了更多。*
# - ✗ 不一定，但再多一個種子就能確定。 *換種子說明結果穩不穩，說不出模型用的是什麼。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (6 min) The task: of four points, which lies farthest from the reference? A model is right in eight of ten. Has it surely learnt to compare distances?
#
# - ✗ Yes, guessing gets 25 %. *Too easy an opponent: a rule without any learning is right in eight of ten, too.*
# - ✓ Not surely: "take the smallest dot product with the reference" gets over 80 % as well. *Only above the strongest rule can one say that more was learnt.*
# - ✗ Not surely, but one more seed would settle it. *Another seed tells whether a result is stable, not what the model uses.*

# %% slideshow={"slide_type": "subslide"} alt-zh="三個例子，各是平面上四個帶字母的點。方形是參考點，星號是離它最遠的點，虛線連起兩者，灰線是參考點到其餘的點。" alt-en="Three examples, each four lettered points in a plane. The square is the reference, the star the point farthest from it, a dashed line joins the two, and grey lines run to the others."
X, y, _ = farthest_vector.SETTINGS["k = 4"].sequences(3, seeding.rng(123))
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

# %% slideshow={"slide_type": "subslide"}
rules = {name: farthest_vector.baselines(s) for name, s in farthest_vector.SETTINGS.items()}
table = pd.DataFrame(rules).T.drop(index="k = 5, n varies").dropna(axis=1)
table.map("≈{:.3f}".format)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 內積最小的規則答對八成以上！模型拿到 0.8，**不能**證明它會比較距離；它可能只學會了「方向相反」。下面的圖都畫出三條線，超過最高的才算數。
#
# **主張 9** k = 3、4、5 都一樣：內積規則超過 0.78，比第二好的規則高 0.15 以上。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# The smallest dot product is right in more than eight of ten! A model at 0.8 has **not** been shown to compare distances; it may have learned "the opposite direction". All three lines are drawn below; only above the highest do we say that a model learned more.
#
# **Claim 9** For k = 3, 4 and 5: the dot-product rule is above 0.78, and more than 0.15 above the second-best rule.

# %%
dot, others = table["smallest dot product"], table.drop(columns="smallest dot product")
claim(9, bool((dot > 0.78).all() and (dot - others.max(axis=1) > 0.15).all()))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 公平的比較要先講好規則
#
# - **大小和學習率都讓兩邊挑**：每個模型三種大小、五個學習率，在每個 k 都試過。十五種先各跑一個種子，最好的三種再跑兩個，由**驗證**序列的平均決定。
# - **另外的種子來評分**：十個新種子、另一批序列。同一個種子，兩個模型看到同樣的資料：每一步都是新的 64 個序列，Adam，裁剪到 1。
# - 兩個模型的讀出層一樣；相同步數與相同秒數都報。
#
# 兩個核心大約要一小時，所以結果存在 `farthest_vector.json`；`make experiments` 重做全部。
#
# 想一想：LSTM 的 32、64、128 個神經元，哪一種最會做這件事？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## A fair comparison settles its rules first
#
# - **Both sides may choose size and rate**: three sizes of each model, five learning rates, tried at every k. All fifteen run on one seed, the best three on two more; *validation* sequences decide.
# - **Other seeds judge**: ten new ones, and other sequences. At one seed both models see the same data: 64 fresh sequences a step, Adam, clipping at 1.
# - Both read out alike; equal steps and equal seconds are both reported.
#
# It takes an hour on two cores, so the results stand in `farthest_vector.json`; `make experiments` makes them anew.
#
# Predict: of 32, 64 and 128 units, which LSTM does this best?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（7 分鐘）要公平地比較 LSTM 和 Relational RNN，LSTM 固定用最大的 128 個神經元，只調學習率，夠不夠「優待」？
#
# - ✗ 夠，參數最多的最強。 *在這個任務上，最小的 LSTM 反而最好。*
# - ✗ 夠，反正學習率調過了。 *最好的學習率和大小有關，只調一個會錯過好的組合。*
# - ✓ 不夠，兩邊的大小和學習率要一樣用心挑。 *網格決定輸贏：128 個神經元在較小的學習率下學不會，32 個配大一點的就追上來。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (7 min) For a fair comparison of LSTM and Relational RNN the LSTM always gets the largest size, 128 units, and only its rate is tuned. Generous enough?
#
# - ✗ Yes, most parameters make the strongest model. *On this task the smallest LSTM is the best.*
# - ✗ Yes, since the rate is tuned. *The best rate depends on the size; tuning one of them misses good pairs.*
# - ✓ No, size and rate must be chosen with equal care for both. *The grid decides who wins: 128 units fail at low rates, and 32 with a larger one catch up.*

# %% slideshow={"slide_type": "subslide"}
results = farthest_vector.load_results()
chosen = results["tuning"]["chosen"]
rows = [
    {
        "task": setting,
        "model": model,
        **choice,
        "parameters": results["num_parameters"][setting][model][choice["size"]],
        "ms per step": f"≈{results['step_milliseconds'][setting][model]}",
    }
    for setting, of_setting in chosen.items()
    for model, choice in of_setting.items()
]
print(pd.DataFrame(rows).to_string(index=False))

# %% slideshow={"slide_type": "subslide"} alt-zh="三張小圖，k = 3、4、5：橫軸是學習率（對數刻度），縱軸是驗證準確率。Relational RNN 的三條線在 0.001 與 0.002 最高，往右掉到只會避開參考點的水準；LSTM 的線在 0.001 偏低，到 0.005 或 0.01 才升到同樣高，神經元越少越好。" alt-en="Three panels, k = 3, 4, 5: learning rate on a log axis against validation accuracy. The three lines of the Relational RNN are highest at 0.001 and 0.002 and fall, to the right, to the level of avoiding the reference; those of the LSTM are low at 0.001 and as high only at 0.005 or 0.01, the fewer units the better."
tuning = pd.DataFrame(results["tuning"]["runs"])
first = tuning[tuning["seed"] == results["tuning"]["seeds"][0]]
figure, axes = plt.subplots(1, 3, figsize=(11, 3.4), sharey=True, layout="constrained")
for ax, setting in zip(axes, ("k = 3", "k = 4", "k = 5"), strict=True):
    of_setting = first[first["setting"] == setting]
    for (model, size), runs in of_setting.groupby(["model", "size"], sort=False):
        color, marker = ("C1", "s") if model == "LSTM" else ("C0", "o")
        style = dict(zip(farthest_vector.SIZES[model], (":", "--", "-"), strict=True))[size]
        label = f"{model}, {size}"
        ax.plot(
            runs["learning_rate"], runs["accuracy"], style, color=color, marker=marker, label=label
        )
    ax.set(title=setting, xscale="log", xlabel="learning rate (log)", ylim=(0, 1))
axes[0].set(ylabel="validation accuracy")
legend = axes[2].legend(loc="upper left", bbox_to_anchor=(1, 1))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 最小的 LSTM 勝出，學習率還比關聯式記憶大（圖是一個調校用的種子）。假如只試 128 個神經元、學習率 0.001 與 0.002，k = 3 的結論會是：LSTM 完全學不會。**網格決定輸贏**，所以兩邊的網格要一樣大。（32 個神經元落在網格的邊上：更小的 LSTM 也許更好。）
#
# **主張 10** 調校的紀錄裡，k = 3：128 個神經元的 LSTM 用 0.001 與 0.002 都不到 0.55，同樣兩個學習率的 Relational RNN 最好的超過 0.85；而 32 個神經元、學習率 0.01 的 LSTM，三個種子也都超過 0.85。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# The smallest LSTM wins, at a larger rate than the relational memory's (drawn: one tuning seed). Had we tried 128 units only, at rates 0.001 and 0.002, the verdict at k = 3 would be that an LSTM cannot learn this. **The grid decides who wins**, so both must be equally large. (32 units lie on its edge: a smaller LSTM might be better still.)
#
# **Claim 10** In the record of the tuning, at k = 3: an LSTM of 128 units stays below 0.55 at 0.001 and at 0.002, where the best Relational RNN is above 0.85; with 32 units and 0.01 the LSTM, too, is above 0.85 in all three seeds.

# %% slideshow={"slide_type": "subslide"}
at_3 = tuning[tuning["setting"] == "k = 3"].set_index(["size", "learning_rate"])["accuracy"]
large = at_3.loc["128 units"].loc[[0.001, 0.002]]
small = at_3.loc["32 units"].loc[[0.01]]
best = pd.concat(
    [at_3.loc[size].loc[[0.001, 0.002]] for size in farthest_vector.SIZES["relational"]]
)
wins = bool((small > 0.85).all() and len(small) == 3)
claim(10, bool((large < 0.55).all() and best.max() > 0.85 and wins), filed=True)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 想一想：兩邊都用自己最好的組合，走同樣多步，誰先越過內積規則的線？最後誰比較高？

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# Predict: after equally many steps, each at its best choice, who is first to pass the dot-product line? And who ends higher?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（8 分鐘）走同樣多步，Relational RNN 先學會；給同樣多的 CPU 秒數，LSTM 領先。哪一個才是正確的比法？
#
# - ✗ 相同步數，因為看到的資料一樣多。 *步數相同，花的時間卻差好幾倍。*
# - ✗ 相同秒數，因為時間才是真正的成本。 *資料少的時候，每一筆學到多少才要緊；換硬體，時間比也會變。*
# - ✓ 看你缺的是資料還是時間，兩種都要報。 *兩個問題不同，答案也相反。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (8 min) In equally many steps the Relational RNN learns first; in equal CPU seconds the LSTM leads. Which comparison is the right one?
#
# - ✗ Equal steps, since both see as much data. *Steps are equal, and the time they take differs several times.*
# - ✗ Equal seconds, since time is the real cost. *Where data are scarce it counts what each example teaches; and on other hardware the ratio is another.*
# - ✓ It depends on whether data or time is scarce: report both. *They are two questions, with opposite answers.*

# %%
runs = pd.DataFrame(results["runs"])


def accuracies(setting, model):
    """(steps (T,), accuracy (seeds, T)) on the sequences set aside."""
    chosen = runs[(runs["setting"] == setting) & (runs["model"] == model)].sort_values("seed")
    return np.array(chosen["steps"].iloc[0]), np.array(chosen["accuracy"].tolist())


def plot_comparison(ax, setting):
    for model, color in zip(farthest_vector.MODELS, ("C0", "C1"), strict=True):
        steps, curves = accuracies(setting, model)
        ax.plot(steps, curves.T, color=color, alpha=0.25, linewidth=0.8)
        style = "-" if model == "relational" else "--"
        ax.plot(steps, curves.mean(axis=0), style, color=color, linewidth=2.5, label=model)
    rules = {k: v for k, v in results["baselines"][setting].items() if k != "chance"}
    for (name, share), style in zip(rules.items(), (":", "--", "-."), strict=False):
        ax.axhline(share, color="gray", linestyle=style, label=name)
    return ax.set(title=setting, xlabel="training steps", ylim=(0, 1))


# %% slideshow={"slide_type": "subslide"} alt-zh="三張小圖，k = 3、4、5：橫軸是訓練步數，縱軸是準確率，細線是十個種子，粗線是平均。三張圖裡都是 Relational RNN 先升起來。k = 3 與 4 時，LSTM 後來趕上，最後略高，兩者都越過內積規則。k = 5 時，Relational RNN 的細線全部越過內積規則；LSTM 的細線散得很開，有的到 0.8，有一條停在 0.3。" alt-en="Three panels, k = 3, 4, 5: accuracy against training steps, thin lines for ten seeds, thick ones for their mean. The Relational RNN rises first in all three. At k = 3 and 4 the LSTM catches up and ends slightly higher, both past the dot-product rule. At k = 5 all thin lines of the Relational RNN pass that rule; those of the LSTM are spread widely, some reach 0.8 and one stays at 0.3."
figure, axes = plt.subplots(1, 3, figsize=(11, 3.6), sharey=True, layout="constrained")
panels = [plot_comparison(ax, f"k = {k}") for ax, k in zip(axes, (3, 4, 5), strict=True)]
axes[0].set(ylabel="accuracy")
legend = axes[2].legend(loc="upper left", bbox_to_anchor=(1, 1))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# Relational RNN 先起步；k = 3 與 4 的終點，LSTM 不但趕上，平均還高一點；k = 5，LSTM 的種子散得很開，有的還在路上。
#
# 但是 LSTM 的一步比較快，用「相同步數」比，對它不公平。所以也比相同秒數：量一步的 CPU 時間，以 LSTM 走完全程的時間為準。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# The Relational RNN is off first. At the end of k = 3 and 4 the LSTM has caught up, and is even a little higher on average; at k = 5 its seeds are spread widely, some still on their way.
#
# But a step of the LSTM is quicker, so equal steps are unfair to it. Hence equal seconds as well: the CPU time of a step, and the time in which the LSTM goes all the way.


# %% slideshow={"slide_type": "subslide"}
def after(setting, share=1.0, equal="steps"):
    """{model: accuracy of every seed} at a share of the way, in equally many steps or seconds."""
    curves = {model: accuracies(setting, model) for model in farthest_vector.MODELS}
    cost = results["step_milliseconds"][setting] if equal == "seconds" else dict.fromkeys(curves, 1)
    limit = share * min(steps[-1] * cost[model] for model, (steps, _) in curves.items())
    return {
        model: accuracy[:, (steps * cost[model] <= limit).sum() - 1]
        for model, (steps, accuracy) in curves.items()
    }


budgets = {"half the steps": {"share": 0.5}, "all steps": {}, "equal seconds": {"equal": "seconds"}}
outcomes = {
    (f"k = {k}", name): after(f"k = {k}", **b) for k in (3, 4, 5) for name, b in budgets.items()
}
gaps = {which: paired_difference(*outcome.values()) for which, outcome in outcomes.items()}
rows = [
    {"task": task, "after": name}
    | {model: f"≈{values.mean():.2f}" for model, values in outcomes[task, name].items()}
    | {"relational − LSTM": f"{gap:.2f}"}
    for (task, name), gap in gaps.items()
]
print(pd.DataFrame(rows).to_string(index=False))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 誰比較好，要看比的是什麼：關聯式記憶**學得早**，LSTM 的一步便宜（大約只要四分之一的時間）。
#
# **主張 11** 十個種子的平均，相同步數：走到一半時，Relational RNN 在三個 k 都領先（整個信賴區間大於 0）；走完時，k = 3、4 的差距在 ±0.05 之內（等效檢定），兩個模型的每個種子都超過內積規則；k = 5 的 Relational RNN 十個種子都超過它，LSTM 最多五個。
#
# **主張 12** 十個種子的平均，相同秒數：LSTM 在三個 k 都領先 0.2 以上（整個信賴區間）。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# Which is better depends on what is compared: the relational memory **learns early**, the LSTM's step is cheap (about a quarter of the time).
#
# **Claim 11** On average over ten seeds, in equal steps: halfway the Relational RNN leads at every k (whole interval above 0); at the end, for k = 3 and 4, the difference lies within ±0.05 (a test of equivalence), and every seed of both models is above the dot-product rule; at k = 5 all ten of the Relational RNN are, and at most five of the LSTM.
#
# **Claim 12** On average over ten seeds, in equal seconds: the LSTM leads by more than 0.2 at every k (whole interval).

# %%
rule = {task: results["baselines"][task]["smallest dot product"] for task, _ in outcomes}
past = {
    task: {m: (v > rule[task]).sum() for m, v in outcomes[task, "all steps"].items()}
    for task in rule
}
early = all(gaps[task, "half the steps"].low > 0 for task in rule)
alike = all(
    equivalence(*outcomes[task, "all steps"].values(), margin=0.05).shown
    and set(past[task].values()) == {10}
    for task in ("k = 3", "k = 4")
)
print(pd.DataFrame(past))

# %%
learned = past["k = 5"]["relational"] == 10 and past["k = 5"]["LSTM"] <= 5
claim(11, bool(early and alike and learned), filed=True)
claim(12, all(gaps[task, "equal seconds"].high < -0.2 for task in rule), filed=True)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 這些結論的範圍：平面上的點、最多五個、一個執行緒的 NumPy，以及檔案裡的十個種子。大小和學習率是依相同步數挑的；依相同秒數挑，小一點的關聯式記憶可能划算些。
#
# 原論文的任務大得多：八個向量、每個 16 維，參考點和名次都隨機。他們報告關聯式記憶（RMC）最後穩定在 91%，而 LSTM 與 DNC 的最佳批次準確率都不超過 30%。作者也提醒，這不足以斷定是設計裡的哪一部分造成的（Santoro 等人，2018，4.1、5.1 節與附錄 A.1）。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# How far this reaches: points of a plane, five at most, NumPy on one thread, the file's ten seeds. Sizes and rates were chosen for equal steps; for equal seconds a smaller relational memory might do better.
#
# The original task is much larger: eight vectors of 16 numbers, reference and rank both random. The authors report 91 % for their relational memory core, and at most 30 % as best batch accuracy for LSTM and DNC. They add that this does not settle which part of the design is the cause (Santoro et al., 2018, sections 4.1 and 5.1, appendix A.1).

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 自己訓練一次：k = 3
#
# 上面的曲線是讀來的；這裡現場訓練：三個點、兩個種子、兩個模型，各 2,000 步。LSTM 的學習率大，偶爾會卡住（換了種子再試的六次裡，一次停在 0.5），所以只主張 Relational RNN：
#
# **主張 13** 現場訓練的兩個 Relational RNN，每個種子都超過 0.83，而且和檔案裡十個種子的平均相差不到 0.05。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Train one yourself: k = 3
#
# The curves above were read from a file; these are trained live: three points, two seeds, both models, 2,000 steps each. At its large rate the LSTM gets stuck now and then (one of six runs with yet other seeds stayed at 0.5), so the claim is about the Relational RNN:
#
# **Claim 13** Both Relational RNNs trained here, every seed, are above 0.83, and within 0.05 of the mean of the file's ten.

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（5 分鐘）結果檔裡有十個種子的學習曲線。為什麼還要現場訓練兩個，和檔案比？
#
# - ✗ 讓結果變成十二個種子，比較準。 *現場的只用來核對，沒有併進平均。*
# - ✓ 看檔案裡的結果在這台機器上重做得出來。 *讀來的數字，要能重做才可信。*
# - ✗ 現場訓練的比較新，應該取代檔案裡的。 *兩個種子比十個種子更不可靠。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (5 min) A file holds the learning curves of ten seeds. Why train two more here and compare?
#
# - ✗ Twelve seeds are more accurate than ten. *Those trained here serve as a check, and do not enter the mean.*
# - ✓ To see that what the file says can be made again on this machine. *A number that was read is to be trusted if it can be repeated.*
# - ✗ Runs made now are newer and should replace the file's. *Two seeds are less reliable than ten.*

# %%
setting = farthest_vector.SETTINGS["k = 3"]
choices = {model: {"model": model, **choice} for model, choice in chosen["k = 3"].items()}
live = run_seeds(farthest_vector.train_run, range(2), choices, setting=setting)
live["final"] = live["accuracy"].map(lambda curve: curve[-1])
print(live.pivot(index="setting", columns="seed", values="final").map("≈{:.3f}".format))
here = live[live["setting"] == "relational"]["final"]
filed = accuracies("k = 3", "relational")[1][:, -1].mean()
claim(13, bool((here > 0.83).all() and abs(here - filed).max() < 0.05))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 記憶格在看什麼？
#
# 把剛訓練好的模型的注意力畫出來：每一步，八個記憶格（列）各看八個記憶格與輸入（欄）；只畫四個頭裡的第一個：兩個序列，和 4,000 個序列的平均。
#
# 想一想：你看得出哪一個記憶格負責參考點嗎？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## What do the slots look at?
#
# The attention of the model just trained: at each step, where eight slots (rows) look, at eight slots and the input (columns); the first of four heads, for two sequences and for the mean of 4,000.
#
# Predict: can you tell which slot looks after the reference?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（7 分鐘）一張注意力圖看不出規律。怎樣才能知道模型需不需要這些注意力？
#
# - ✗ 多畫幾個序列，總會看出來。 *看得出或看不出，都不是證據。*
# - ✗ 看不出規律，就表示模型沒在用。 *讀不懂不等於沒有用。*
# - ✓ 把注意力換成別的，其餘不動，看準確率掉多少。 *換掉之後掉了，就表示模型少不了。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (7 min) A map of attention shows no rule that one can read. How can one tell whether the model needs that attention?
#
# - ✗ Draw more sequences until it shows. *Seeing something, or nothing, is no evidence.*
# - ✗ No visible rule means that the model does not use it. *What we cannot read may still be used.*
# - ✓ Replace the attention, leave all else, and see how much accuracy is lost. *If accuracy falls, the model needed it.*

# %%
X, y, _ = setting.held_out()
nets = live[live["setting"] == "relational"].sort_values("seed")["net"].tolist()
maps = nets[0].attention_maps(X)
print("attention (B, T, heads, N, N + 1):", maps.shape)

# %% slideshow={"slide_type": "subslide"} alt-zh="九張熱圖排成三列三欄：欄是三個時間步，列是兩個序列與 4,000 個序列的平均。記憶格看的地方各不相同，兩個序列的圖樣也不同；平均起來，多數記憶格把一半左右的權重給輸入那一欄（最右邊），第一步還有幾格集中在第 7、8 個記憶格。" alt-en="Nine heat maps, columns for three steps, rows for two sequences and the mean of 4,000. Slots look at different places, and the two sequences differ; on average most slots give about half their weight to the input (the rightmost column), and at the first step a few look at slots 7 and 8."
figure, axes = plt.subplots(
    3, 3, figsize=(8.5, 4.0), sharex=True, sharey=True, layout="constrained"
)
shown = {"sequence 1": maps[0], "sequence 2": maps[1], "mean of 4,000": maps.mean(axis=0)}
for row, (name, steps) in enumerate(shown.items()):
    for t, ax in enumerate(axes[row]):
        image = ax.imshow(steps[t, 0], vmin=0, vmax=1, cmap="Blues", aspect="auto")
        ax.grid(False)
        ax.set(title=f"step {t + 1}" if row == 0 else "", ylabel=name if t == 0 else "")
        ax.set_xticks(range(9), [*map(str, range(1, 9)), "in"])
        ax.set_yticks([0, 3, 7], ["1", "4", "8"])
for ax in axes[2]:
    ax.set(xlabel="slots looked at, input (in)")
bar = figure.colorbar(image, ax=axes, label="weight")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 老實說：**看不出來**。平均大約一半的權重在剛讀進來的輸入上，其餘散在各個記憶格；序列之間差很多，卻找不出規律。圖畫得出來，不等於讀得懂。與其盯著看，不如**動手改**：把注意力換掉，看準確率掉多少。
#
# - 換成平均圖：每個序列都用 4,000 個的平均；
# - 換成別人的圖：用另一個序列的注意力；
# - 全部相等：每個權重都是 1/9。
#
# **主張 14** 兩個現場訓練的模型都一樣：換成平均圖，準確率掉 0.1 以上；換成別的序列的圖，掉 0.15 以上；全部相等，掉 0.2 以上。看不懂的圖，模型卻少不了，而且要是**這個序列自己的**。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# Frankly: **one cannot tell**. About half the weight, on average, is on the input just read, the rest spread over the slots; sequences differ by no rule that fits in a sentence. Better than staring is **changing** something: replace the attention, and see how much accuracy is lost.
#
# - the mean map: every sequence gets the mean of 4,000;
# - another's map: the attention of some other sequence;
# - all equal: every weight 1/9.
#
# **Claim 14** In both models trained here, the mean map costs more than 0.1 of accuracy, another sequence's map more than 0.15, and equal weights more than 0.2. The maps we cannot read are needed, and must be **this sequence's own**.


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
print(changed.map("≈{:.3f}".format))
cost = changed.loc["as trained"] - changed
limits = {"the mean map": 0.1, "another's map": 0.15, "all equal": 0.2}
claim(14, all((cost.loc[name] > limit).all() for name, limit in limits.items()))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 哪裡沒有幫助：名次隨機
#
# 原論文的任務更難：每個序列問的名次隨機（第 1 到第 k 遠）。大小和學習率重新挑過，k = 5，但是只走 1,500 步。
#
# 這裡也有一條捷徑：問最後一名，就答參考點自己；問別的名次，就在其餘的點裡隨便猜。想一想：模型會停在哪裡？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Where it does not help: a random rank
#
# The original task is harder: every sequence asks for a random rank (1st to k-th farthest). Sizes and rates were chosen anew; k = 5, but 1,500 steps only.
#
# Again there is a shortcut: asked for the last rank, answer the reference itself; for any other, guess among the rest. Predict: where do the models end up?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（5 分鐘）問的名次是隨機的（第 1 到第 5 遠），兩個模型走了 1,500 步，準確率都停在 0.40。該怎麼解讀？
#
# - ✗ 0.40 比瞎猜的 0.2 高一倍，模型學會了一部分的比較。 *問最後一名就答參考點自己、其餘隨便猜，也正好是 0.40。*
# - ✓ 兩個都停在一條捷徑上，看不出誰比較好。 *1/5 全對，4/5 猜四選一：0.2 + 0.2 = 0.4。*
# - ✗ 證明關聯式記憶對這個問題沒有幫助。 *只走了 1,500 步；再多走會怎樣，沒有量。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (5 min) The rank asked for is random (1st to 5th farthest). After 1,500 steps both models are at an accuracy of 0.40. What does it mean?
#
# - ✗ Twice the 0.2 of guessing: they have learnt some comparing. *To answer the reference itself for the last rank and guess otherwise gives exactly 0.40.*
# - ✓ Both are at a shortcut, and neither is shown to be better. *One in five always right, four in five a guess among four: 0.2 + 0.2 = 0.4.*
# - ✗ It proves that relational memory is no help here. *These are 1,500 steps; what more would do was not measured.*

# %% slideshow={"slide_type": "subslide"} alt-zh="k = 5、名次隨機：準確率對訓練步數。兩個模型的線幾乎重疊，從頭到尾貼著 0.40 的點線。" alt-en="k = 5 with a random rank: accuracy against training steps. The lines of both models nearly coincide, on the dotted line at 0.40 from beginning to end."
figure, ax = plt.subplots(figsize=(8, 3.2))
plot_comparison(ax, "k = 5, n varies")
ax.set(ylim=(0, 0.7))
legend = ax.legend(loc="upper left", bbox_to_anchor=(1, 1))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 1,500 步之後，兩個模型都還在捷徑上：在這個預算裡，**看不出**關聯式記憶有幫助。但這只有前面步數的四分之一；再多走會怎樣，我們沒有量。
#
# **主張 15** 十個種子都一樣：兩個模型的終點與捷徑相差都不到 0.03；平均來說，兩個模型的差距在 ±0.02 之內（等效檢定）。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# After 1,500 steps both models are still at the shortcut: within this budget, relational memory **shows no help**. But that is a quarter of the steps above; what more would do, we have not measured.
#
# **Claim 15** In every one of ten seeds, both models end within 0.03 of the shortcut; on average their difference lies within ±0.02 (a test of equivalence).

# %%
ends = after("k = 5, n varies")
shortcut = results["baselines"]["k = 5, n varies"]["last rank: the reference"]
same = equivalence(*ends.values(), margin=0.02)
print(f"relational − LSTM: {same:.3f}")
near = all(abs(accuracy - shortcut).max() < 0.03 for accuracy in ends.values())
claim(15, bool(near and same.shown), filed=True)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 「贏了 3.7%」可不可信？
#
# GitHub 上有一份實作（pageman/sutskever-30-implementations）說：Relational RNN 的測試 MSE 比 LSTM 低 3.7%（0.2694 → 0.2593）。細看程式：兩個模型都**沒有訓練過**，只有**一個種子**，而且各看各的資料。
#
# 我們在自己的任務上照做，但用 100 個種子，兩個模型看同樣的資料。想一想：沒訓練過的模型，準確率的期望值是多少？損失呢？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Can "better by 3.7 %" be trusted?
#
# An implementation on GitHub (pageman/sutskever-30-implementations) reports a Relational RNN whose test MSE is 3.7 % below the LSTM's (0.2694 → 0.2593). In its code neither model was **trained**, there was **one seed**, and each saw data of its own.
#
# Let us do the same on our task, with 100 seeds and the same data for both. Predict: what accuracy is to be expected of an untrained model? And what loss?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（6 分鐘）兩個都沒訓練過的模型，各用一個種子，其中一個的準確率高出 3.7 個百分點。這說明什麼？
#
# - ✗ 準確率高的架構比較好。 *沒訓練過的模型，準確率的期望值都是 1/4，和架構無關。*
# - ✗ 差距太小，要 10 個百分點才算數。 *大小不是重點：不訓練，差多少都只是運氣。*
# - ✓ 什麼也沒說明：換個種子，輸贏就可能反過來。 *100 個種子裡，兩邊「贏」3.7 以上的都有好幾個。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (6 min) Of two untrained models, one seed each, one is 3.7 points more accurate. What does that show?
#
# - ✗ The more accurate architecture is better. *Untrained, the expected accuracy is 1/4 for any architecture.*
# - ✗ Too small a gap: it would take 10 points. *Its size is not the point: without training any gap is luck.*
# - ✓ Nothing: with another seed it may be the other way round. *Of 100 seeds several "win" by 3.7 or more on either side.*

# %%
setting = farthest_vector.SETTINGS["k = 4"]
X, y, _ = setting.sequences(500, seeding.rng(0))
untrained = {model: [] for model in farthest_vector.MODELS}
for seed in range(100):
    for model, outcomes in untrained.items():
        size = chosen["k = 4"][model]["size"]
        net = farthest_vector.build_model(model, setting, size, seeding.rng([seed, 0]))
        logits = net.forward(X, return_sequences=False)
        outcomes.append((accuracy(logits, y), cross_entropy_loss(logits, y)))
relational, lstm = (np.array(outcomes).T for outcomes in untrained.values())
points = 100 * (relational[0] - lstm[0])
lower_loss = 100 * (1 - relational[1] / lstm[1])

# %% slideshow={"slide_type": "subslide"} alt-zh="兩張小圖，各是一百個種子由小到大排成的一列點。左：準確率的差，從約 −10 到 +14 個百分點，兩邊都有不少超過虛線 ±3.7，平均在 0 附近。右：損失低了百分之幾，幾乎全部在 0 以下，平均約 −20：沒訓練過的 Relational RNN 損失比較高。" alt-en="Two panels, each with a hundred seeds' values sorted into a row of dots. Left: difference of accuracy, from about −10 to +14 points, several beyond the dashed lines of ±3.7 on both sides, the mean near 0. Right: by how many per cent the loss is lower; nearly all are below 0, the mean about −20: the untrained Relational RNN has the higher loss."
figure, axes = plt.subplots(1, 2, figsize=(10, 3.2), layout="constrained")
for ax, values, label in zip(
    axes, (points, lower_loss), ("accuracy (points)", "loss (% lower)"), strict=True
):
    ax.plot(range(100), np.sort(values), "o", markersize=3, label="one seed")
    interval = mean_interval(values)
    ax.axhspan(interval.low, interval.high, alpha=0.3, label="mean, 95 % interval")
    for limit in (-3.7, 3.7):
        ax.axhline(limit, color="gray", linestyle="--", label="±3.7" if limit > 0 else None)
    ax.set(xlabel="seeds, sorted", ylabel=f"relational − LSTM: {label}")
axes[1].set(ylabel="relational against LSTM: loss (% lower)")
legend = axes[0].legend()

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 準確率的期望值是 1/4，不管什麼架構：正確答案落在每一欄的機會都相同。一個種子的差是純粹的運氣。損失卻有系統地不同：沒訓練過的 Relational RNN 損失**較高**，因為 logits 一開始就散得比較開（[[initialization]]的初始損失）。這說的是怎麼初始化，和學不學得會無關。
#
# **主張 16** 平均來說（100 個種子），準確率的差距在 ±2.5 個百分點之內（等效檢定），但至少 5 個種子「贏」3.7 個百分點以上，也至少 5 個「輸」這麼多；Relational RNN 的損失則高了 8% 以上（整個信賴區間）。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# The expected accuracy is 1/4, whatever the architecture: the right answer is equally likely to fall on any column. One seed's difference is pure luck. The loss differs for a reason: untrained, the Relational RNN's is **higher**, since its logits are spread more widely (the first loss of [[initialization]]). That tells of initialization, and nothing about learning.
#
# **Claim 16** On average over 100 seeds, the difference in accuracy lies within ±2.5 points (a test of equivalence), yet at least 5 seeds "win" by 3.7 points or more, and at least 5 "lose" by as much; and the Relational RNN's loss is higher by more than 8 % (whole interval).

# %%
same = equivalence(relational[0], lstm[0], margin=0.025)
print(f"accuracy {same:.1%}")
print(
    f"wins {(points >= 3.7).sum()}, losses {(points <= -3.7).sum()}; loss {mean_interval(-lower_loss):.0f} %"
)
both_ways = min((points >= 3.7).sum(), (points <= -3.7).sum()) >= 5

# %%
claim(16, bool(same.shown and both_ways and mean_interval(-lower_loss).low > 8))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 練習 1：一條捷徑能答對多少
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
# 序列長短不一，短的用別的數補齊。`Q` 是 (B, T_q, d)、`K` 是 (B, T_k, d)、`V` 是 (B, T_k, d_v)；`lengths[b]` 說第 b 個序列只有前幾個鍵是真的，從 0 到 T_k。
#
# 寫出 `padded_attention(Q, K, V, lengths)`，回傳（輸出，權重）；分數和課文一樣，是 $QK^\top/\sqrt d$。補齊的列裡可能有 10¹⁵ 那麼大的數，分數可能到正負數萬；長度 0 的序列什麼也看不到，權重與輸出都是 0。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Exercise 2: only the first keys are real
#
# Difficulty ★★☆, about 15 minutes.
#
# Sequences differ in length; short ones are padded with anything. `Q` is (B, T_q, d), `K` is (B, T_k, d), `V` is (B, T_k, d_v); `lengths[b]` says how many keys of sequence b are real, the first ones, from 0 to T_k.
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
# ## 練習 3：一個閘管整個記憶格
#
# 難度 ★★☆，約 15 分鐘。
#
# 課文的閘每個數各有一個（`gate="unit"`）。另一種做法是每個記憶格只有兩個閘（`gate="memory"`），整個記憶格一起寫、一起留：$M'=\sigma(G_0)\tanh(Z)+\sigma(G_1+1)M$，其中 $G$ 的形狀是 (B, N, 2)，$M$、$Z$ 是 (B, N, D)。
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
# ## 練習 4：層正規化的反向傳播，不建 J
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
# The lesson built an F×F matrix $J$ for one row; a real program has many rows, and no $J$.
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
# - 注意力是用相似程度查表：分數、softmax、加權平均；遮罩在 softmax **之前**加 −∞；除以 √K，softmax 才不會一開始就飽和。
# - 關聯式記憶的記憶格彼此看，也看輸入；閘決定寫多少、留多少。記憶格一開始就要不同，對稱不會自動打破。
# - 層正規化的反向傳播有三項；穿不過去的兩個方向可以檢查公式。
# - 比較模型之前，先量規則、把兩邊的大小與學習率都挑好，再看好幾個種子。步數與秒數可能給出相反的輸贏，兩種都要報。
# - 注意力圖畫得出來，不等於讀得懂；動手改，看準確率，才知道有沒有用。
# - 沒訓練過、只有一個種子的「贏了 3.7%」，是運氣，或者只是初始化不同。
#
# 這是最後一課。[[numpy_losses_and_gradients]]到[[numpy_relational_rnn]]的程式都在 `course_utils/numpy_track/`；`python -m course_utils.numpy_track.training_demo` 把每樣功能跑一遍。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Summary
#
# - Attention looks up by likeness: scores, softmax, weighted mean. A mask adds −∞ **before** the softmax; dividing by √K keeps the softmax from beginning saturated.
# - Slots of a relational memory look at each other and at the input; gates say how much to write and keep. Slots must start different: a symmetry does not break by itself.
# - Layer normalization has three terms on the way back; the two directions that cannot pass test your formula.
# - Before comparing models, measure rules, choose size and rate of both with care, then look at several seeds. Steps and seconds may name different winners; report both.
# - A map that can be drawn need not be readable; change it and watch the accuracy.
# - "Better by 3.7 %", untrained and at one seed, is luck, or a different initialization.
#
# This is the last lesson. The code of [[numpy_losses_and_gradients]] to [[numpy_relational_rnn]] stands in `course_utils/numpy_track/`; `python -m course_utils.numpy_track.training_demo` runs every feature once.
# %% [markdown] lang="zh-TW" slideshow={"slide_type": "skip"}
# ### 原始文獻
#
# - Santoro, Faulkner, Raposo, Rae, Chrzanowski, Weber, Wierstra, Vinyals, Pascanu, Lillicrap（2018），*Relational recurrent neural networks*，NeurIPS，arXiv:1806.01822。更新式的細節出自他們的程式 Sonnet（github.com/google-deepmind/sonnet，第 1 版 relational_memory.py）。
# - Vaswani, Shazeer, Parmar, Uszkoreit, Jones, Gomez, Kaiser, Polosukhin（2017），*Attention is all you need*，NeurIPS，arXiv:1706.03762。
# - Ba, Kiros, Hinton（2016），*Layer normalization*，arXiv:1607.06450。
# - Hochreiter, Schmidhuber（1997），*Long short-term memory*，Neural Computation 9(8)，1735–1780。
# - Wiegreffe, Pinter（2019），*Attention is not not explanation*，EMNLP-IJCNLP，arXiv:1908.04626。把注意力換成全部相等，作為對照。

# %% [markdown] lang="en" slideshow={"slide_type": "skip"}
# ### Primary sources
#
# - Santoro, Faulkner, Raposo, Rae, Chrzanowski, Weber, Wierstra, Vinyals, Pascanu, Lillicrap (2018), *Relational recurrent neural networks*, NeurIPS, arXiv:1806.01822. The details of the update are those of their code, Sonnet (github.com/google-deepmind/sonnet, version 1, relational_memory.py).
# - Vaswani, Shazeer, Parmar, Uszkoreit, Jones, Gomez, Kaiser, Polosukhin (2017), *Attention is all you need*, NeurIPS, arXiv:1706.03762.
# - Ba, Kiros, Hinton (2016), *Layer normalization*, arXiv:1607.06450.
# - Hochreiter, Schmidhuber (1997), *Long short-term memory*, Neural Computation 9(8), 1735–1780.
# - Wiegreffe, Pinter (2019), *Attention is not not explanation*, EMNLP-IJCNLP, arXiv:1908.04626. All weights equal, as a baseline.
