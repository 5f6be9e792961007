# %% [markdown] lang="zh-TW" about="六種起點、十層深：訊號剩下多少、全零為什麼學不動、初始損失透露什麼" slideshow={"slide_type": "slide"}
# # 權重初始化
#
# 訓練總要從某一點出發，再一步一步往下走。這時還沒看過任何資料，起點該設在哪裡，只能由你決定。學完之後，你能夠：
#
# - 從「有幾個數加在一起」推出權重（weight）該多大，並說明 Xavier 與 Kaiming 兩種初始化（initialization）差在哪裡；
# - 量出訊號（signal）和梯度（gradient）走過十層之後還剩多少；
# - 說明為什麼一模一樣的神經元（neuron）永遠學不出不同的東西，以及全部設成 0 時到底哪些參數會動；
# - 在訓練之前預測初始損失（first loss），並知道這個數能告訴你什麼、不能告訴你什麼。
#
# 先備：[[activations]]（梯度消失）、[[back_propagation]]、[[mnist_mlp]]（訓練迴圈）。

# %% [markdown] lang="en" about="six ways to start, ten layers deep: what survives, why zeros never learn, what the first loss tells" slideshow={"slide_type": "slide"}
# # Weight initialization
#
# Training starts at some point and walks downhill from there. Where that point lies is your decision. By the end you can
#
# - work out how large weights should be from how many numbers are added up, and say how Xavier and Kaiming differ;
# - measure how much of the signal, and of the gradient, is left after ten layers;
# - explain why units that are exactly alike never learn different things, and which parameters move when everything is 0;
# - predict the first loss before any training, and know what it can tell you and what it cannot.
#
# It builds on [[activations]] (vanishing gradients), [[back_propagation]] and [[mnist_mlp]] (the training loop).

# %% lang="zh-TW" tags=["setup"] slideshow={"slide_type": "subslide"}
from course_utils.notebook import set_up

device = set_up("initialization", language="zh-TW", workers=True)

# %% lang="en" tags=["setup"] slideshow={"slide_type": "subslide"}
from course_utils.notebook import set_up

device = set_up("initialization", language="en", workers=True)

# %% slideshow={"slide_type": "subslide"}
import math

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.nn import functional as F

from course_utils import plotting, seeding
from course_utils.exercises import initialization as exercises
from course_utils.experiment import run_seeds
from course_utils.intervals import compare_settings, equivalence, mean_interval, paired_difference
from course_utils.mnist import load_mnist
from course_utils.models import MLP, initialize
from course_utils.notebook.claims import claim
from course_utils.notebook.explore import explore, slider
from course_utils.seeding import seeded
from course_utils.stacked import StackedMLP

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 六種起點
#
# | 名稱 | 權重 | 偏置（bias） |
# |---|---|---|
# | kaiming | 隨機，變異數（variance）2 /（輸入個數） | 0 |
# | xavier | 隨機，變異數 2 /（輸入個數＋輸出個數） | 0 |
# | default | 不指定時，`nn.Linear` 自己採用的 | 隨機 |
# | normal | 隨機，標準差（standard deviation）0.01 的常態分布 | 0 |
# | constant | 全部 0.01 | 0 |
# | zeros | 全部 0 | 0 |
#
# 主角是一個十層的網路：九個隱藏層（hidden layer）各 128 個 ReLU，加上輸出層。
#
# 猜猜看：訓練兩輪（epoch）之後，哪幾種學得起來？哪一種最好？寫下你的排名，這一課最後再對答案。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Six places to start
#
# | name | weights | biases |
# |---|---|---|
# | kaiming | random, variance 2/(inputs) | 0 |
# | xavier | random, variance 2/(inputs + outputs) | 0 |
# | default | what `nn.Linear` does by itself | random |
# | normal | random, standard deviation 0.01 | 0 |
# | constant | all 0.01 | 0 |
# | zeros | all 0 | 0 |
#
# The network has ten layers: nine hidden ones of 128 ReLU units, and the output layer.
#
# Guess: after two epochs, which of them will have learned, and which will be best? Write down your ranking.

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（5 分鐘）一個十層的 ReLU 網路（每層 128 個神經元）在 MNIST 上用 Adam 訓練兩輪。權重從哪一種起點出發，準確率會超過八成？
#
# - ✗ 只要是隨機的都可以，包括標準差 0.01 的常態分布。 *以為隨機就夠了，大小不要緊。*
# - ✓ 大小合適的隨機權重：Kaiming、Xavier，PyTorch 的預設慢一些；標準差 0.01、全部 0.01、全部 0 都不行。 *隨機打破對稱，合適的大小讓訊號走得過十層，兩樣都要有。*
# - ✗ 除了全部是 0，哪一種都可以。 *以為只有 0 是特別的。*
# - ✗ 從哪裡出發都一樣，Adam 會調整。 *以為優化器能彌補任何起點。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (5 min) A ReLU network of ten layers (128 units each) trains on MNIST with Adam for two epochs. From which weights does it get above 80 % accuracy?
#
# - ✗ From any random ones, normal with deviation 0.01 included. *Thinks that being random is enough, whatever the size.*
# - ✓ Random ones of a fitting size: Kaiming, Xavier, more slowly PyTorch's default; not deviation 0.01, all 0.01 or all 0. *Randomness breaks the symmetry and the size lets signals pass ten layers; it takes both.*
# - ✗ From anything but zeros. *Thinks that zero alone is special.*
# - ✗ From anywhere, as Adam adapts. *Thinks that an optimizer makes up for any start.*

# %%
SCHEMES = ["kaiming", "xavier", "default", "normal", "constant", "zeros"]
TEN_LAYERS = [128] * 9  # the hidden layers; the output layer is the tenth

mnist = load_mnist()
print(mnist.banner())

# %% slideshow={"slide_type": "subslide"}
with seeded(0):
    middle = {name: initialize(nn.Linear(128, 128), name).weight.detach() for name in SCHEMES}
stds = {name: f"≈{weight.std():.3f}" for name, weight in middle.items()}
pd.DataFrame({"standard deviation of the weights": stds})

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 往前走：訊號還剩多少？
#
# 一個 128 → 128 的層，隨機的四種起點，標準差最多差十幾倍。這麼一點差別，要緊嗎？
#
# 十個種子（seed）：每個種子各有一個還沒訓練的網路，並各自抽 500 張圖。讓圖走過網路，每經過一個隱藏層，就量一次輸出的標準差（跨圖片、跨神經元）。順便反向傳播（back-propagation）一次，把梯度也量下來。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Going forward: how much of the signal is left?
#
# For a layer 128 → 128 the standard deviations of the four random starts differ by a dozen times at most. Can so little matter?
#
# Ten seeds, for each an untrained network and 500 images of its own. Send the images through, and after each hidden layer measure the standard deviation of what comes out, over images and units. Back-propagate once, too, and measure the gradients.

# %%
generator = seeding.generator(0)
picks = torch.stack([torch.randperm(4000, generator=generator)[:500] for _ in range(10)])
images, labels = mnist.train.images.flatten(1)[picks], mnist.train.labels[picks]


def signals_and_gradients(initialization):
    nets = StackedMLP(784, TEN_LAYERS, 10, seeds=range(10), initialization=initialization)
    x, signals = images, []
    for layer in nets.net:
        x = layer(x)
        if isinstance(layer, nn.ReLU):
            x.retain_grad()  # autograd keeps the gradients of weights only, unless it is asked
            signals.append(x)
    F.cross_entropy(x.flatten(0, 1), labels.flatten(), reduction="sum").backward()
    gradients = [x.grad.double() for x in signals]  # of each image's own loss
    return [x.detach().double() for x in signals], gradients


# %% slideshow={"slide_type": "subslide"}
measured = {name: signals_and_gradients(name) for name in SCHEMES}


def spread(tensors):  # (10 seeds, 9 hidden layers)
    return torch.stack([x.std(dim=(1, 2)) for x in tensors], dim=1)


forward = {name: spread(signals) for name, (signals, _) in measured.items()}
backward = {name: spread(gradients) for name, (_, gradients) in measured.items()}

# %%
LAYERS = np.arange(1, 10)


def plot_layers(ax, spreads, names, ylabel):
    for name, marker in zip(names, "os^Dv", strict=False):
        plotting.plot_band(ax, LAYERS, spreads[name], name, log=True, marker=marker)
    ax.set(xlabel="hidden layer (1 is next to the input)", ylabel=ylabel, xticks=LAYERS)
    return ax.legend(ncols=2, fontsize=9, loc="best")


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 先猜，再看
#
# normal 的權重標準差是 0.01，constant 的權重個個都是 0.01，大小相當。猜猜看：九層之後，哪一條線往上、哪一條往下、哪一條是平的？（zeros 每一層都是 0，在對數軸上畫不出來。）

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### Guess, then look
#
# normal's weights have standard deviation 0.01, constant's are all 0.01: the same size. Guess: after nine layers, which line goes up, which goes down, which is level? (A log axis cannot show zeros, which gives 0.)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（5 分鐘）十層、每層 128 個 ReLU 的網路。甲的權重是標準差 0.01 的常態分布，乙的權重全部是 0.01。訊號走過九個隱藏層之後呢？
#
# - ✗ 兩個都消失，因為權重一樣小。 *只看單一權重的大小，沒想到 128 個加起來是抵銷還是累加。*
# - ✗ 甲放大，乙消失。 *以為隨機會讓訊號變大。*
# - ✓ 甲幾乎消失，乙緩緩放大。 *甲的項有正有負，互相抵銷；乙的 128 項全是正的，加起來每層是 1.28 倍。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (5 min) Ten-layer networks with 128 ReLU units a layer: A has normal weights of deviation 0.01, B has weights that are all 0.01. What becomes of the signal over nine hidden layers?
#
# - ✗ It vanishes in both, as the weights are equally small. *Looks at a single weight and not at whether 128 of them cancel or add up.*
# - ✗ It grows in A and vanishes in B. *Thinks that randomness enlarges a signal.*
# - ✓ It all but vanishes in A and grows slowly in B. *In A terms of both signs cancel; in B all 128 are positive and add up to 1.28 a layer.*

# %% alt-zh="橫軸是第幾個隱藏層，縱軸是輸出的標準差（對數刻度）。kaiming 大致維持在 0.8 的水平線；xavier 直線下降到 0.05；default 先降後停在 0.03；normal 直線掉到 10 的負 9 次方以下；constant 從 0.7 緩緩升到 5。" alt-en="Standard deviation of the outputs against hidden layer, log axis. kaiming stays level at 0.8; xavier falls in a straight line to 0.05; default falls and then stays at 0.03; normal plunges below 1e-9; constant climbs slowly from 0.7 to 5."
figure, ax = plt.subplots(figsize=(8.5, 3.2))
legend = plot_layers(ax, forward, SCHEMES[:5], "std of outputs (log)")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 對數軸上的直線，表示每一層都乘上同一個倍數；倍數只差一點點，連乘八次就是天壤之別。
#
# **主張 1** 從第一層到第九層，kaiming 的標準差平均變化不到兩倍；不論哪個種子，xavier 的都只剩不到五分之一，normal 的都只剩不到 10⁻⁷，constant 的都變成三倍以上；zeros 必然處處是 0。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# A straight line on a log axis means one factor at every layer; factors that differ a little are worlds apart once multiplied eight times.
#
# **Claim 1** From the first to the ninth layer kaiming changes by less than a factor of two on average; for every seed xavier keeps less than a fifth, normal less than 10⁻⁷, and constant grows more than threefold; zeros must be 0 everywhere.

# %%
left = {name: spreads[:, -1] / spreads[:, 0] for name, spreads in forward.items()}
is_level = 0.5 < left["kaiming"].log().mean().exp() < 2
shrink = (left["xavier"] < 0.2) & (left["normal"] < 1e-7)
claim(1, bool(is_level and (shrink & (left["constant"] > 3)).all() and not forward["zeros"].any()))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### default 怎麼停住了？
#
# default 那條線掉到 0.03 之後就平了。訊號得救了嗎？把標準差拆開來看：**同一個神經元**在 500 張圖之間差多少？如果每張圖都讓它給出同一個數，那個數再大也沒有用。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### Why does default come to rest?
#
# The line of default falls to 0.03 and stays there. Is the signal saved? Take the deviation apart: how much does **one and the same unit** vary over the 500 images? If it says the same for every image it says nothing, however large its number.

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（3 分鐘）十層 ReLU 網路用 PyTorch 預設的初始化。輸出的標準差在後面幾層停在 0.03 左右，不再下降。停住不動的是什麼？
#
# - ✓ 隨機的偏置，每張圖都一樣；圖片的訊號還在消失。 *同一個神經元跨圖片的差別一路往下掉。*
# - ✗ 圖片的訊號，到這裡穩定下來了。 *把「神經元之間的差別」當成「圖片之間的差別」。*
# - ✗ 浮點數的捨入誤差。 *0.03 遠遠大於捨入誤差。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (3 min) In a ten-layer ReLU network with PyTorch's default initialization the deviation of the outputs comes to rest near 0.03 in the later layers. What is it that stays?
#
# - ✓ The random biases, the same for every image; the signal of the images goes on vanishing. *How much one unit varies over the images keeps falling.*
# - ✗ The signal of the images, which has become stable. *Takes differences between units for differences between images.*
# - ✗ Rounding errors. *Overlooks that 0.03 is far larger than those.*

# %% alt-zh="橫軸是第幾個隱藏層，縱軸是輸出的標準差（對數刻度）。kaiming 的全部標準差停在 0.8，同一神經元跨圖片的部分從 0.7 緩降到 0.4；default 的全部標準差停在 0.03，跨圖片的部分卻一路直線掉到 0.0002。" alt-en="Log axis. For kaiming the whole deviation is level at 0.8 and the part over images drops slowly from 0.7 to 0.4; for default the whole stays at 0.03 while the part over images goes straight down to 0.0002."
figure, ax = plt.subplots(figsize=(8.5, 3.2))
over_images = {}
for name, markers in (("kaiming", "os"), ("default", "^D")):
    signals, _ = measured[name]
    parts = torch.stack([x.var(dim=1).mean(dim=1).sqrt() for x in signals], dim=1)
    over_images[name] = parts / forward[name]
    plotting.plot_band(ax, LAYERS, forward[name], f"{name}, all", log=True, marker=markers[0])
    plotting.plot_band(ax, LAYERS, parts, f"{name}, over images", log=True, marker=markers[1])
ax.set(xlabel="hidden layer", ylabel="std of outputs (log)", xticks=LAYERS)
legend = ax.legend(ncols=2, fontsize=9, loc="lower left")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 沒有。停住不動的是隨機的**偏置**，圖片的訊號還是一路往下掉。量的時候要想清楚：量到的到底是什麼。
#
# **主張 2** 在第九層，不論哪個種子，default 跨圖片的標準差都不到全部標準差的 5%，kaiming 的都超過 25%。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# It is not: what stays are the random **biases**; the signal of the images keeps falling.
#
# **Claim 2** At the ninth layer, for every seed, default's standard deviation over images is less than 5 % of its whole standard deviation; kaiming's is more than 25 %.

# %%
from_images = {name: share[:, -1] for name, share in over_images.items()}
for name, share in from_images.items():
    print(f"{name}, deviation over images / of all: {mean_interval(share):.1%}")
claim(2, bool(((from_images["default"] < 0.05) & (from_images["kaiming"] > 0.25)).all()))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 往回走：梯度還剩多少？
#
# 訓練靠的是往回走的梯度。下圖是每個隱藏層的輸出收到的梯度，越靠右越接近損失，反向傳播由右往左。
#
# 猜猜看：constant 的訊號越走越大，那它的梯度呢？它會比 kaiming 大，還是小？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Going back: how much of the gradient is left?
#
# Training lives on the gradient that comes back. The picture shows what the outputs of each hidden layer receive; back-propagation runs from right to left.
#
# Guess: constant's signal grew from layer to layer. Will its gradient be larger than kaiming's, or smaller?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（5 分鐘）十層 ReLU 網路的權重全部是 0.01，偏置是 0，損失是交叉熵。訓練之前，隱藏層收到的梯度是多少？
#
# - ✗ 很大，因為訊號每過一層都變大。 *以為前向放大，反向也一定放大。*
# - ✗ 和隨機的起點差不多，只是每個神經元都一樣。 *知道對稱，卻沒有算輸出層的總和。*
# - ✓ 0，只差捨入誤差。 *輸出層的權重都相同，每個神經元收到 0.01 乘上 p − y 的總和，而機率與標籤的總和都是 1。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (5 min) A ten-layer ReLU network has all weights 0.01 and biases 0; the loss is cross-entropy. What gradient do its hidden layers receive before training?
#
# - ✗ A large one, since the signal grows from layer to layer. *Thinks that what grows forward grows backward.*
# - ✗ About that of a random start, only alike for all units. *Knows the symmetry, but has not added up the output layer.*
# - ✓ 0, but for rounding. *The output weights are all alike, so each unit receives 0.01 times the sum of p − y, and probabilities and labels both add up to 1.*

# %% alt-zh="橫軸是第幾個隱藏層，縱軸是梯度的標準差（對數刻度）。kaiming 停在 0.13；xavier、default、normal 往左直線下降，到第一層分別約 0.007、10 的負 4 次方以下、10 的負 10 次方以下。" alt-en="Standard deviation of the gradient against hidden layer, log axis. kaiming is level at 0.13; xavier, default and normal fall in straight lines towards the left, to about 0.007, 4e-5 and 2e-11 at layer 1."
figure, ax = plt.subplots(figsize=(8.5, 3.2))
legend = plot_layers(ax, backward, SCHEMES[:4], "std of gradients (log)")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 圖上只有四條線：**constant 的梯度也是 0**（只剩捨入誤差，rounding error）。最後一個隱藏層收到的是 Σₖ 0.01(pₖ − yₖ)，而機率加起來是 1，標籤加起來也是 1。
#
# **主張 3** 往回走八層，kaiming 的梯度平均變化不到兩倍；不論哪個種子，default 的都只剩不到 1%，normal 的都只剩不到 10⁻⁶。
#
# **主張 4** 由上面的算式，這必然成立：訓練之前，zeros 往回傳的梯度處處是 0；constant 的也是 0，只剩捨入誤差，不到 kaiming 的十萬分之一。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# There are only four lines: **constant's gradient is 0 as well** (but for rounding). The last hidden layer receives Σₖ 0.01(pₖ − yₖ), and probabilities add up to 1, as labels do.
#
# **Claim 3** Going back eight layers, kaiming's gradient changes by less than a factor of two on average; for every seed default keeps less than 1 %, and normal less than 10⁻⁶.
#
# **Claim 4** By the algebra this must hold: before training, the gradient that goes back is 0 everywhere for zeros, and so, but for rounding, is that of constant, less than a hundred-thousandth of kaiming's.

# %%
left_back = {name: spreads[:, 0] / spreads[:, -1] for name, spreads in backward.items()}
is_level = 0.5 < left_back["kaiming"].log().mean().exp() < 2
shrink = (left_back["default"] < 0.01) & (left_back["normal"] < 1e-6)
claim(3, bool(is_level and shrink.all()))
tiny = backward["constant"] < 1e-5 * backward["kaiming"]
claim(4, bool(tiny.all()) and not backward["zeros"].any())

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 該多大？先用手找
#
# 把問題簡化到底：只留矩陣和 ReLU。輸入是 n 個標準常態隨機數，權重是標準差 σ 的常態分布，每一層都是 n → n。量每一層輸出的**方均根**（root mean square）√E[x²]（ReLU 的輸出平均不是 0，方均根才是它的大小）。
#
# 在自己的電腦上拉動滑桿：n = 128 時，σ 要多大，線才會平？n = 512 呢？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## How large? First by hand
#
# Strip the question to the bone: matrices and ReLU. The input is n standard normal numbers, the weights are normal with standard deviation σ, every layer is n → n. Measure the **root mean square** √E[x²] of each layer's output (after a ReLU the mean is not 0, so this is its size).
#
# On your own machine, move the slider: at which σ is the line level with n = 128? And with n = 512?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（7 分鐘）只有矩陣和 ReLU 的網路，每層 n 個神經元，權重是標準差 σ 的常態分布。n 從 128 變成 512，要讓訊號的大小每層不變，σ 要怎麼改？
#
# - ✗ 不變，σ 和寬度無關。 *以為有一個適合所有網路的標準差。*
# - ✓ 減半。 *變異數要是 2/n，所以 σ 是 √(2/n)，n 變成四倍，σ 變成一半。*
# - ✗ 變成四分之一。 *把變異數和標準差混在一起。*
# - ✗ 加倍，因為網路變大了。 *忘了加在一起的數變多了。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (7 min) A network of matrices and ReLU has n units a layer and normal weights of deviation σ. As n goes from 128 to 512, how must σ change to keep the size of the signal from layer to layer?
#
# - ✗ Not at all; σ has nothing to do with the width. *Thinks that one deviation suits every network.*
# - ✓ It is halved. *The variance must be 2/n, so σ is √(2/n): four times n, half of σ.*
# - ✗ It becomes a quarter. *Confuses variance and deviation.*
# - ✗ It is doubled, as the network is larger. *Forgets that more numbers are added up.*


# %%
def sizes_by_layer(width, std, num_layers=10):  # (10 seeds, layers)
    generator = seeding.generator(0)
    x, sizes = torch.randn(10, 100, width, generator=generator), []
    for _ in range(num_layers):
        weight = std * torch.randn(10, width, width, generator=generator)
        x = torch.relu(x @ weight)
        sizes.append(x.double().square().mean(dim=(1, 2)).sqrt())
    return torch.stack(sizes, dim=1)


# %% slideshow={"slide_type": "subslide"} alt-zh="橫軸是第幾層，縱軸是輸出的方均根（對數刻度），σ 為 0.05：n = 128 那條線每層剩四成，掉到 0.0001；n = 512 每層剩八成，降到 0.1 左右。" alt-en="Root mean square against layer at σ = 0.05, log axis: with n = 128 it keeps four tenths a layer and falls to 0.0001; with n = 512 it keeps eight tenths and falls to about 0.1."
def draw(std):
    _, ax = plt.subplots(figsize=(8, 2.7))
    for width, marker in ((128, "o"), (512, "s")):
        sizes = sizes_by_layer(width, std)
        plotting.plot_band(ax, range(1, 11), sizes, f"n = {width}", log=True, marker=marker)
    ax.set(xlabel="layer", ylabel="size of output (log)", title=f"σ = {std:.3f}", ylim=(1e-5, 1e5))
    ax.legend()


explore(draw, std=slider(0.02, 0.25, value=0.05, step=0.0025))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 再用紙筆算
#
# 128 個要 0.125，512 個要 0.0625：個數四倍，σ 減半。三行就能推出來。一個神經元把 **n 個**數加在一起（n 就叫 **fan_in**）：
#
# 1. z = w₁x₁ + … + wₙxₙ。權重彼此獨立、平均是 0，交叉項平均都消失：E[z²] = **n · Var(w) · E[x²]**。
# 2. 權重對 0 對稱，z 也就對 0 對稱，ReLU 砍掉負的一半：下一層的 E[x²] = **½ E[z²]**。
# 3. 合起來，每過一層 E[x²] 乘上 **n · Var(w) / 2**。要它等於 1，就得 **Var(w) = 2/n**。
#
# 這就是 Kaiming 初始化（何愷明等人，2015；Kaiming 就是他的名字）。大小（方均根）每層變成 σ√(n/2) 倍：這個公式準嗎？

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### Then on paper
#
# With 128 it takes 0.125, with 512 it takes 0.0625: four times the number, half the σ. Three lines derive it. A unit adds up **n** numbers (n is called **fan_in**):
#
# 1. z = w₁x₁ + … + wₙxₙ. The weights are independent with mean 0, so the cross terms vanish on average: E[z²] = **n · Var(w) · E[x²]**.
# 2. With the weights z is symmetric about 0, and ReLU cuts the negative half off: the next layer has E[x²] = **½ E[z²]**.
# 3. Together: each layer multiplies E[x²] by **n · Var(w) / 2**. For that to be 1, **Var(w) = 2/n**.
#
# That is Kaiming initialization (He et al., 2015). It says that the size is multiplied by σ√(n/2). Is it right?

# %% alt-zh="橫軸是寬度 n，縱軸是每層的倍數，都是對數刻度。σ 為 0.01、0.05、0.1 的三組量測點都落在各自的理論直線上，斜率二分之一；σ 取 √(2/n) 的那組是水平線 1。" alt-en="Factor a layer against width n, log axes. The points for σ = 0.01, 0.05 and 0.1 lie on their theoretical straight lines of slope one half; with σ = √(2/n) the line is level at 1." slideshow={"slide_type": "subslide"}
WIDTHS = np.array([32, 64, 128, 256, 512])
rules = {"0.01": 0.01 + 0 * WIDTHS, "0.05": 0.05 + 0 * WIDTHS, "0.1": 0.1 + 0 * WIDTHS}
rules["√(2/n)"] = np.sqrt(2 / WIDTHS)
figure, ax = plt.subplots(figsize=(8, 3.2))
errors = []
for (name, stds), marker in zip(rules.items(), "os^D", strict=True):
    sizes = [sizes_by_layer(n, std) for n, std in zip(WIDTHS, stds, strict=True)]
    factors = torch.stack([(s[:, -1] / s[:, 0]) ** (1 / 9) for s in sizes], dim=1)
    theory = stds * np.sqrt(WIDTHS / 2)
    errors.append(factors.mean(dim=0).numpy() / theory - 1)
    plotting.plot_band(ax, WIDTHS, factors, f"σ = {name}", log=True, marker=marker)
    ax.plot(WIDTHS, theory, color="black", linestyle="-", linewidth=0.7)
ax.set(xscale="log", xlabel="width n (log)", ylabel="factor a layer (log)")
ax.set_xticks(WIDTHS, WIDTHS)
ax.minorticks_off()
legend = ax.legend(ncols=2, fontsize=9)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 黑色細線是公式，點是實測值。沒有一個固定的 σ 適合所有寬度：0.1 在 n = 200 剛好，到 512 就爆炸，到 32 就消失。
#
# **主張 5** 二十種 σ 與 n 的組合，每層的平均倍數與 σ√(n/2) 都相差不到 10%。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# Thin black lines are the formula, points are measured. No fixed σ suits every width: 0.1 is right at n = 200, explodes at 512 and vanishes at 32.
#
# **Claim 5** In all twenty combinations the factor a layer is on average within 10 % of σ√(n/2).

# %%
print(f"largest error: ≈{100 * np.abs(errors).max():.1f} %")
claim(5, np.abs(errors).max() < 0.1)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 往回走，看的是 fan_out
#
# 同樣的三行，反過來再算一次。每個 x 都會送進下一層的 **m 個**神經元（**fan_out**），所以它的梯度也是 m 個數的和：每過一層，梯度平方的平均乘上 m · Var(w) / 2。
#
# 前向要 Var(w) = 2/n，反向要 2/m；n ≠ m 時無法兩全。激活函數的斜率若是 1，就沒有那個 ½：前向要 1/n（LeCun 等人，1998），反向要 1/m。Glorot 與 Bengio（2010，Xavier 是 Glorot 的名字）取兩者的折衷：**Var(w) = 2/(n + m)**。
#
# 想一想：把 Xavier 用在 ReLU 上，每層會剩下幾成？圖上的 default 呢？（它是 ±1/√n 之間的均勻分布，變異數 1/(3n)。）

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Going back, fan_out is what counts
#
# The same three lines, the other way round. An x is sent to **m** units of the next layer (**fan_out**), so its gradient, too, is a sum of m numbers: each layer multiplies the mean squared gradient by m · Var(w) / 2.
#
# Forward asks for Var(w) = 2/n, backward for 2/m; where n ≠ m you cannot have both. An activation of slope 1 has no such ½: 1/n forward (LeCun et al. 1998), 1/m backward. Glorot and Bengio (2010; Xavier is Glorot's given name) took the compromise: **Var(w) = 2/(n + m)**.
#
# Predict: with Xavier under ReLU, how much is left a layer? And with default (uniform between ±1/√n, variance 1/(3n))?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（6 分鐘）每層 128 → 128 的 ReLU 網路用 Xavier 初始化，變異數 2/(128 + 128)。訊號的大小每過一層剩下多少？
#
# - ✗ 全部，Xavier 就是為了讓訊號不變。 *忘了 Xavier 假設斜率是 1，而 ReLU 砍掉一半。*
# - ✗ 一半。 *把平方的平均（剩一半）當成大小。*
# - ✓ 大約 0.71，也就是 1/√2。 *平方的平均剩一半，大小就剩一半的平方根。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (6 min) A ReLU network with layers 128 → 128 uses Xavier initialization, variance 2/(128 + 128). How much of the signal's size is left after each layer?
#
# - ✗ All of it, which is what Xavier is for. *Forgets that Xavier supposes slope 1, and ReLU cuts half off.*
# - ✗ A half. *Takes the mean square, which is halved, for the size.*
# - ✓ About 0.71, or 1/√2. *The mean square is halved, so the size keeps the square root of a half.*

# %% slideshow={"slide_type": "subslide"}
variances = {
    "kaiming": 2 / 128,
    "xavier": 2 / (128 + 128),
    "default": 1 / (3 * 128),
    "normal": 1e-4,
}
table = pd.DataFrame({"Var(w)": variances})
table["predicted"] = np.sqrt(128 * table["Var(w)"] / 2)
for column, ratios in (("forward", left), ("backward", left_back)):
    table[column] = [float(ratios[name].log().mean().exp() ** (1 / 8)) for name in variances]
table.map("≈{:.3g}".format)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 一次訓練都不必做，預測就和十層網路實測的梯度倍數幾乎相同。只有 default 的 forward 那一欄對不上，原因剛才看過：偏置。
#
# **主張 6** 四種初始化，每層梯度的平均倍數與預測相差都不到 5%。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# Without a step of training, the predictions all but equal the factors measured on the ten-layer network's gradients. The forward number of default alone does not fit: its biases.
#
# **Claim 6** For all four initializations the gradient's factor a layer is on average within 5 % of the prediction.

# %%
claim(6, bool((table["backward"] / table["predicted"] - 1).abs().max() < 0.05))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 在 PyTorch 裡怎麼呼叫
#
# 名稱結尾的底線表示就地（in-place）改寫權重。`nonlinearity="relu"` 就是那個 2。注意 `weight` 的形狀是 `(輸出, 輸入)`，fan_in 是**後面**那個。
#
# 常有人說「PyTorch 預設就是 Kaiming」。`nn.Linear` 的原始碼的確呼叫 `kaiming_uniform_`，但給了 `a=√5`，只是為了湊出 ±1/√n 的均勻分布。差多少？

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### What to call in PyTorch
#
# The trailing underscore means that the weight is overwritten in place; `nonlinearity="relu"` is that 2. `weight.shape` is (outputs, inputs): fan_in comes **last**.
#
# You will hear that "PyTorch's default is Kaiming". `nn.Linear` does call `kaiming_uniform_`, but with `a=√5`, only to get the uniform distribution between ±1/√n. How much does it matter?


# %%
def kaiming_(module):
    if isinstance(module, nn.Linear):
        nn.init.kaiming_uniform_(module.weight, nonlinearity="relu")
        nn.init.zeros_(module.bias)


with seeded(0):
    net = MLP(784, TEN_LAYERS, 10)
    default_std = net.net[0].weight.std().item()
    net.apply(kaiming_)  # calls kaiming_ on every module inside

# %% slideshow={"slide_type": "subslide"}
kaiming_std, derived = net.net[0].weight.std().item(), np.sqrt(2 / 784)
print(f"layer 1: default ≈{default_std:.4f}, Kaiming ≈{kaiming_std:.4f}, √(2/784) = {derived:.4f}")
print(f"Kaiming / default ≈{kaiming_std / default_std:.2f}, and √6 = {np.sqrt(6):.2f}")

# %% [markdown] lang="zh-TW"
# **主張 7** 用 Kaiming 時，第一層（784 → 128）的標準差與 √(2/784) 相差不到 2%：要看的是 784，不是 128；這個標準差是 PyTorch 預設的 √6 ≈ 2.45 倍（也相差不到 2%）。這必然成立，只有抽樣誤差；十萬個權重，誤差很小。

# %% [markdown] lang="en"
# **Claim 7** But for sampling error, small with a hundred thousand weights, this must hold: the standard deviation of the first layer (784 → 128) is within 2 % of √(2/784): what counts is the 784, not the 128; and Kaiming is √6 ≈ 2.45 times PyTorch's default (to 2 %).

# %%
is_fan_in = abs(kaiming_std / derived - 1) < 0.02
claim(7, is_fan_in and abs(kaiming_std / default_std / np.sqrt(6) - 1) < 0.02)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 對稱：一樣的神經元，永遠一樣
#
# constant 還有另一個毛病。同一層的神經元，權重全部相同。那又怎樣？訓練時批次（batch）是隨機的，Adam 又給每個權重自己的步長，總會走散吧？
#
# 想一想：784-64-64-10，constant，4,000 張圖，Adam 走三輪。第一層的 64 個神經元會變成幾種不同的樣子？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Symmetry: alike once, alike for ever
#
# There is something else wrong with constant: all units of a layer have the same weights. So what? Batches are random, and Adam gives every weight its own step; surely they will drift apart?
#
# Predict: 784-64-64-10, constant, 4,000 images, three epochs of Adam. How many different kinds of unit will the first layer's 64 have become?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（6 分鐘）784-64-64-10 的 ReLU 網路，每一層的權重全部相同，用 Adam 在隨機的批次上訓練三輪，沒有 dropout。第一層的 64 個神經元會變成幾種？
#
# - ✓ 一種。 *輸入、輸出的權重都相同，輸出就相同，梯度也相同，更新之後還是相同。*
# - ✗ 64 種，隨機的批次會讓它們分開。 *忘了每一批對所有神經元都是同一批。*
# - ✗ 好幾種，因為 Adam 給每個權重自己的步長。 *沒想到相同的梯度會得到相同的步長。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (6 min) A ReLU network 784-64-64-10 whose weights are all alike trains with Adam on random batches for three epochs, without dropout. How many kinds of unit are there among the 64 of its first layer?
#
# - ✓ One. *With the same weights in and out they give the same output, get the same gradient, and are the same after the update.*
# - ✗ 64, as random batches drive them apart. *Forgets that every batch is the same one for all units.*
# - ✗ Several, as Adam gives each weight a step of its own. *Overlooks that equal gradients get equal steps.*


# %%
def train_one_epoch(nets, optimizer, part, generators):
    images, labels = part.images.flatten(1), part.labels
    orders = torch.stack([torch.randperm(len(labels), generator=g) for g in generators])
    for rows in orders.split(128, dim=1):  # (networks, 128): each has its own batch
        logits = nets(images[rows]).flatten(0, 1)
        loss = len(generators) * F.cross_entropy(logits, labels[rows].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


@torch.no_grad()
def accuracy(nets, part):  # in percent, of every network in the stack
    predictions = nets.eval()(part.images.flatten(1)).argmax(dim=2)
    return 100 * (predictions == part.labels).float().mean(dim=1)


# %% slideshow={"slide_type": "subslide"}
def train_small(initialization, **settings):
    settings |= {"initialization": initialization, "seeds": range(5)}
    nets = StackedMLP(784, [64, 64], 10, **settings)
    before = {name: p.detach().clone() for name, p in nets.named_parameters()}
    optimizer = torch.optim.Adam(nets.parameters(), lr=0.001, fused=True)
    generators = [seeding.generator(seed) for seed in range(5)]
    with seeded(0):  # for dropout
        for _ in range(3):
            train_one_epoch(nets.train(), optimizer, mnist.train.subset(4000), generators)
    return nets, before


small = {name: train_small(name) for name in ("constant", "kaiming", "zeros")}

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 一個神經元有 784 個權重，排成 28×28 就是一張圖：它在找什麼圖樣。下面是訓練之後，第一層前六個神經元（種子 0）：

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# The 784 weights of a unit, laid out as 28×28, show what it looks for: the first six units of layer 1 after training (seed 0).

# %% alt-zh="兩排各六張 28×28 的權重圖。上排 constant 六張一模一樣；下排 kaiming 每張都不同。" alt-en="Two rows of six 28×28 pictures of weights. In the top row, constant, all six are identical; in the bottom row, kaiming, each is different."
figure, axes = plt.subplots(2, 6, figsize=(9, 3.3))
for row, name in zip(axes, ("constant", "kaiming"), strict=True):
    weights = small[name][0].net[0].weight[0].detach()  # (784 inputs, 64 units)
    for unit, ax in enumerate(row):
        ax.imshow(weights[:, unit].reshape(28, 28), cmap="RdBu_r", vmin=-0.15, vmax=0.15)
        ax.set(xticks=[], yticks=[], title=f"{name}, unit {unit}")
        ax.title.set_size(9)
        ax.grid(False)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# **一種**。兩個神經元若輸入端與輸出端的權重（和偏置）全都相同，輸出就相同，收到的梯度也相同，更新之後還是相同。批次再隨機，對它們也是同一批；Adam 再聰明，看到的也是同樣的梯度。這叫**對稱**（symmetry），只有從外面才能打破。於是 64 個神經元只抵得上一個。
#
# 主張 4 不是說 constant 往回傳的梯度是 0 嗎？那是訓練之前。輸出層權重自己的梯度是 δ·h（δ = p − y，h 是隱藏層的輸出），並不是 0；只要走一步，十個類別的權重就各不相同，梯度便傳得回去了。
#
# **主張 8** 訓練之後，不論哪個種子，constant 的第一層都動了 0.01 以上，任兩個神經元卻相差不到 10⁻⁴；logits 只沿著一個方向變化：第二個奇異值（singular value）不到第一個的千分之一（kaiming 的超過四分之一）；驗證準確率（accuracy）不到 30%。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# **One.** Where two units share all weights that come in and go out, they give the same output, receive the same gradient, and are the same after the update. However random the batch, it is the same batch for both; however clever Adam, it sees the same gradient twice. This **symmetry** can only be broken from outside: 64 units are worth one.
#
# But did not claim 4 say that no gradient goes back? That was before training. The output weights' own gradient is δ·h (δ = p − y, h the hidden output), not 0: after one step the ten classes have different weights, and the gradient gets through.
#
# **Claim 8** For every seed, after training: the first layer of constant has moved by more than 0.01, and yet no two units differ by 10⁻⁴; the logits vary along one direction: their second singular value is below a thousandth of the first (kaiming's is above a quarter); validation accuracy is below 30 %.


# %% slideshow={"slide_type": "subslide"}
@torch.no_grad()
def second_direction(nets):  # second singular value over the first, for each network
    logits = nets.eval()(mnist.val.images.flatten(1))
    values = torch.linalg.svdvals(logits - logits.mean(dim=1, keepdim=True))
    return values[:, 1] / values[:, 0]


nets, before = small["constant"]
weight = nets.net[0].weight.detach()  # (5 seeds, 784 inputs, 64 units)
moved = (weight - before["net.0.weight"]).abs().amax(dim=(1, 2))
apart = (weight - weight[:, :, :1]).abs().amax(dim=(1, 2))
print(f"accuracy of constant: {mean_interval(accuracy(nets, mnist.val)):.1f} %")

# %%
is_one = (moved > 0.01) & (apart < 1e-4) & (second_direction(nets) < 1e-3)
is_many = second_direction(small["kaiming"][0]) > 0.25
claim(8, bool((is_one & is_many & (accuracy(nets, mnist.val) < 30)).all()))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 全部是 0：誰會動？
#
# 很多教材說：「全部設成 0，所有神經元會學到相同的東西。」聽起來和 constant 一樣。真的有在學嗎？
#
# 想一想：三層、每層有權重和偏置，一共六個參數張量。訓練三輪之後，哪幾個動過？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## All zeros: who moves?
#
# Many tutorials say: "with zeros, all neurons learn the same thing". But do they learn at all?
#
# Predict: three layers, weights and biases, six parameter tensors in all. After three epochs, which of them have moved?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（4 分鐘）三層的 ReLU 網路，權重和偏置全部從 0 開始，用交叉熵訓練。哪些參數會動？
#
# - ✗ 全部都會動，只是同一層的神經元學到一樣的東西。 *那是 sigmoid 的情形；ReLU 的輸出是 0，沒有東西可以學。*
# - ✗ 一個也不動。 *忘了輸出層的偏置直接收到 p − y。*
# - ✗ 輸出層的權重和偏置。 *輸出層權重的梯度要乘上隱藏層的輸出，而那是 0。*
# - ✓ 只有輸出層的偏置。 *隱藏層的輸出是 0，輸出層的權重也是 0，梯度在兩個方向都斷了。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (4 min) A ReLU network of three layers starts with all weights and biases 0 and trains on cross-entropy. Which parameters move?
#
# - ✗ All, only that the units of a layer learn the same thing. *That describes the sigmoid; with ReLU the outputs are 0 and there is nothing to learn from.*
# - ✗ None. *Forgets that the output bias receives p − y directly.*
# - ✗ The output layer's weights and bias. *The gradient of its weights is multiplied by the hidden output, which is 0.*
# - ✓ The output bias alone. *Hidden outputs are 0 and so are the output weights, so the gradient is cut off both ways.*

# %%
small["zeros, sigmoid"] = train_small("zeros", activation=nn.Sigmoid)
names = [f"layer {k} {kind}" for k in (1, 2, 3) for kind in ("weight", "bias")]


def largest_moves(name):
    nets, before = small[name]
    return [(p.detach() - before[key]).abs().max().item() for key, p in nets.named_parameters()]


moves = {name: largest_moves(name) for name in ("zeros", "zeros, sigmoid")}
pd.DataFrame(moves, index=names).map(lambda move: f"≈{move:.3f}" if move > 0 else "0")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ReLU 配上 0：**只有輸出層的偏置**動過。隱藏層的輸出 h 是 0，輸出層權重的梯度 δ·h 就是 0；往回的梯度要乘上輸出層的權重，也是 0。剩下的偏置只學到「哪個數字比較多」，對每張圖都給同一個答案。
#
# 那句話說的其實是 **sigmoid**：h = ½，第一步只有輸出層動，之後每走一步，梯度就往回多傳一層；但同一層的神經元永遠一樣。
#
# **主張 9** zeros 配 ReLU 時，前五個張量必然一個位元都不動，動的只有輸出層的偏置；不論哪個種子，網路對所有驗證圖片都只給同一個答案，準確率不到 15%。
#
# **主張 10** zeros 配 sigmoid 時，不論哪個種子，第一層都動了 0.01 以上，任兩個神經元相差不到 0.01，準確率不到 30%。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# With ReLU and zeros, **nothing but the output bias** has moved. The hidden output h is 0, so the gradient δ·h of the output weights is 0; the gradient that goes back is multiplied by those weights, and is 0, too. The bias alone learns which digits are more frequent.
#
# What the tutorials describe is the **sigmoid**: h = ½, so the output layer moves first, and with each step the gradient gets one layer further back, the units of a layer always together.
#
# **Claim 9** zeros with ReLU: not one bit of the first five tensors moved, which must hold, and the output bias did; every seed gives one and the same answer to all validation images, with an accuracy below 15 %.
#
# **Claim 10** zeros with the sigmoid, for every seed: the first layer moved by more than 0.01, no two of its units differ by 0.01, and accuracy is below 30 %.

# %%
nets, _ = small["zeros"]
answers = nets(mnist.val.images.flatten(1)).argmax(dim=2)  # (5 seeds, images)
one_answer = bool((answers == answers[:, :1]).all() and (accuracy(nets, mnist.val) < 15).all())
claim(9, not any(moves["zeros"][:5]) and moves["zeros"][5] > 0 and one_answer)
nets, _ = small["zeros, sigmoid"]
apart = (nets.net[0].weight - nets.net[0].weight[:, :, :1]).abs().max()
together = moves["zeros, sigmoid"][0] > 0.01 and bool(apart < 0.01)
claim(10, together and bool((accuracy(nets, mnist.val) < 30).all()))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 什麼打得破對稱？
#
# 同樣從 constant 出發，只加上 dropout：每一步隨機關掉兩成的神經元。想一想：這算是「從外面」嗎？

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### What breaks the symmetry?
#
# Start from constant again, and only add dropout: a fifth of the units, at random, are off at every step. Predict: does that count as "from outside"?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（3 分鐘）權重全部相同的網路加上 dropout，每一步隨機關掉兩成的神經元。對稱會打破嗎？
#
# - ✗ 不會，每個神經元被關掉的機率都相同。 *機率相同，不表示每一次都一起開、一起關。*
# - ✓ 會，但比一開始就隨機差得多。 *一個開、一個關，梯度就不同；只是起步太晚。*
# - ✗ 會，從此和隨機的起點一樣好。 *以為對稱一打破，損失的進度就補得回來。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (3 min) A network whose weights are all alike gets dropout, a fifth of its units off at random at every step. Is the symmetry broken?
#
# - ✗ No, since each unit has the same probability. *Equal probabilities do not mean that they are on and off together.*
# - ✓ Yes, but it does far worse than a random start. *One on and the other off get different gradients, only much too late.*
# - ✗ Yes, and from then on it is as good as a random start. *Thinks that the time lost is made up for.*

# %%
small["constant, dropout"] = train_small("constant", dropout_rate=0.2)
scores = {name: accuracy(nets, mnist.val) for name, (nets, _) in small.items()}
for name, score in scores.items():
    print(f"{name:18s}accuracy {mean_interval(score):.1f} %")
gain = paired_difference(scores["constant, dropout"], scores["constant"])
print(f"dropout - none, paired: {gain:.1f} points")

# %% [markdown] lang="zh-TW"
# 算。一批裡只要有一張圖讓雙胞胎一個開、一個關，梯度就不同，從此分道揚鑣。但和一開始就隨機相比，起步還是晚太多了。
#
# **主張 11** 加上 dropout 之後，constant 的準確率平均提高 2 個百分點以上（95% 信賴區間的下限也高於 2），但平均仍比 kaiming 低 20 個百分點以上（區間的下限也高於 20）。

# %% [markdown] lang="en"
# It does: on some image of a batch one twin is on and the other off; their gradients differ, and they go separate ways. But against a random start it comes much too late.
#
# **Claim 11** On average dropout raises the accuracy of constant by more than 2 percentage points (the whole 95 % confidence interval), and leaves it more than 20 points below kaiming (the whole interval).

# %%
short = paired_difference(scores["kaiming"], scores["constant, dropout"])
claim(11, gain.low > 2 and short.low > 20)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 初始損失
#
# [[mnist_mlp]]說：訓練前的損失應該接近 ln 10 ≈ 2.303（這項檢查見 Karpathy，2019）。對六種初始化都成立嗎？十層和三層（784-128-128-10）都量量看，不必訓練，所以用五十個種子。
#
# 想一想：哪些會從 ln 10 開始？這表示它們是好的起點嗎？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## The first loss
#
# [[Mnist_mlp]] said: before training, the loss should be near ln 10 ≈ 2.303 (Karpathy, 2019). Is that so for all six? Measure it for ten layers, and for three (784-128-128-10), with fifty seeds.
#
# Predict: which of them start at ln 10? And does that make them good places to start?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（3 分鐘）MNIST 有十類，ln 10 約 2.303。十層的 ReLU 網路裡，全部 0、全部 0.01、標準差 0.01 這三種起點，訓練前的損失都正好是 2.303；Kaiming 大約 3.1。這說明什麼？
#
# - ✗ 前三種是比較好的起點。 *把健康檢查當成成績：這三種其實學不起來。*
# - ✗ Kaiming 的程式寫錯了。 *以為偏離 ln 10 就一定是錯誤。*
# - ✓ 訊號或梯度一路消失的網路，反而正好從 ln 10 出發，所以這個數不保證學得起來。 *每一類都給同樣的機率，就是 ln 10。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (3 min) MNIST has ten classes, and ln 10 is about 2.303. In a ten-layer ReLU network, all 0, all 0.01 and deviation 0.01 have a loss of exactly 2.303 before training, Kaiming about 3.1. What does that show?
#
# - ✗ The first three are better places to start. *Takes a check-up for a grade: these three do not learn.*
# - ✗ Kaiming was coded wrongly. *Thinks that any distance from ln 10 is a mistake.*
# - ✓ Networks that lose signal or gradient on the way start right at ln 10, so the number is no promise of learning. *Equal probabilities for all classes make ln 10.*


# %%
@torch.no_grad()
def first_loss(hidden_sizes, initialization):  # loss, and spread of an image's ten logits
    nets = StackedMLP(784, hidden_sizes, 10, seeds=range(50), initialization=initialization)
    logits = nets(mnist.train.images[:200].flatten(1))  # (50 seeds, 200 images, 10 classes)
    answers = mnist.train.labels[:200].repeat(50)
    losses = F.cross_entropy(logits.flatten(0, 1), answers, reduction="none")
    return losses.reshape(50, 200).mean(dim=1), logits.var(dim=2).mean(dim=1).sqrt()


depths = {"ten layers": TEN_LAYERS, "three layers": [128, 128]}
first = {(d, name): first_loss(sizes, name) for d, sizes in depths.items() for name in SCHEMES}

# %% slideshow={"slide_type": "subslide"}
table = pd.DataFrame(
    {
        depth: {name: f"{mean_interval(first[depth, name][0]):.3f}" for name in SCHEMES}
        for depth in depths
    }
)
table

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 高出來的部分從哪裡來？
#
# 訊號或梯度一路流失殆盡的三種（zeros、constant、normal）反而分毫不差，最穩的 kaiming 卻高出一截。
#
# 還沒訓練的模型，給每張圖的十個 logits 就像十個隨機數。它們散得越開，模型就越「有信心」，而這份信心毫無根據。取平均 0、標準差 s 的常態 logits，平均損失是 E[ln Σ eᶻ]，s 小的時候大約是 ln 10 + 0.45 s²。
#
# kaiming 的 s 從哪來？最後一層的變異數也是 2/n，後面卻沒有 ReLU 來砍掉一半。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### Where does the excess come from?
#
# The three that lose signal or gradient on the way (zeros, constant, normal) are spot on, and kaiming, the steadiest of all, starts well above.
#
# In an untrained model the ten logits of an image are like ten random numbers. The wider they spread, the more "confident" the model, for no reason. For normal logits of mean 0 and standard deviation s the mean loss is E[ln Σ eᶻ], for small s about ln 10 + 0.45 s².
#
# And kaiming's s? Its last layer has variance 2/n as well, with no ReLU after it to take half away.

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（3 分鐘）還沒訓練的 Kaiming 網路在 MNIST 上的損失大約 3.1，比 ln 10 高。多出來的部分從哪裡來？
#
# - ✗ 標籤有一部分配錯了。 *沒訓練過的模型，損失幾乎看不出標籤對不對。*
# - ✓ 十個 logits 隨機地散得很開，模型毫無根據地有信心。 *最後一層的變異數也是 2/n，後面卻沒有 ReLU 砍掉一半。*
# - ✗ 網路太深，前向計算的誤差累積起來了。 *三層的 Kaiming 網路也差不多這麼高。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (3 min) Before training, a Kaiming network on MNIST has a loss of about 3.1, above ln 10. Where does the excess come from?
#
# - ✗ Some labels are wrong. *The loss of an untrained model hardly depends on the labels.*
# - ✓ The ten logits spread widely by chance, a confidence without reason. *The last layer has variance 2/n, too, with no ReLU after it to take half away.*
# - ✗ The network is deep, and errors have piled up. *A Kaiming network of three layers is about as high.*

# %% slideshow={"slide_type": "subslide"} alt-zh="橫軸是 logits 的標準差 s，縱軸是初始損失。理論曲線從 2.3 開始，s 超過 0.5 後彎上去。六個點都在曲線上：default 與十層 xavier 在左端，三層 xavier 約 2.6，兩個 kaiming 約 3.1。" alt-en="First loss against the spread of the logits. The theoretical curve starts at 2.3 and bends upward beyond 0.5. All six points lie on it: default and ten-layer xavier at the left end, three-layer xavier near 2.6, both kaiming near 3.1."
s = torch.linspace(0, 3, 61)
random_logits = torch.randn(20_000, 10, generator=seeding.generator(0))
curve = torch.stack([torch.logsumexp(k * random_logits, dim=1).mean() for k in s])
figure, ax = plt.subplots(figsize=(8, 3.3))
ax.plot(s, curve, color="black", label="random logits")
shown = [key for key in first if key[1] in SCHEMES[:3]]
for key, marker in zip(shown, "os^DvP", strict=True):
    y, x = (mean_interval(values) for values in first[key])
    ax.errorbar(x.mean, y.mean, y.half_width, fmt=marker, capsize=4, label=", ".join(key[::-1]))
ax.set(xlabel="standard deviation s of an image's ten logits", ylabel="first loss (nats)")
ax.set(xlim=(-0.05, 2), ylim=(2.2, 3.8))
legend = ax.legend(fontsize=9)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# **主張 12** 兩種深度的 zeros、constant、normal、default，不論哪個種子，初始損失與 ln 10 都相差不到 0.05；kaiming 平均超過 2.7（95% 信賴區間整個高於 2.7）。
#
# **主張 13** 十二種情形的平均損失，都與「隨機 logits」的預測**等效**（equivalent；每個網路用自己的 s）：差距的 90% 信賴區間在 ±0.15 之內。
#
# 所以「初始損失接近 ln 10」是健康檢查，不是成績。太高，可能是輸入沒有縮放、損失算錯了，也可能只是起點比較散。標籤配錯，這項檢查看不出來：沒訓練過的模型，損失和標籤幾乎無關。剛好是 ln 10，也不保證學得起來。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# **Claim 12** For zeros, constant, normal and default, at both depths, the first loss is within 0.05 of ln 10 for every seed; kaiming's is above 2.7 on average (the whole 95 % interval).
#
# **Claim 13** In all twelve cases the mean loss is **equivalent** to what random logits predict (each network with its own s): the 90 % interval of the difference lies within ±0.15.
#
# So "the first loss is near ln 10" is a check-up, not a grade. Too high may be unscaled inputs, a mistake in the loss, or just a wide start; wrong labels it cannot see; and spot on promises nothing.

# %%
exact = [first[d, n][0] for d in depths for n in ("zeros", "constant", "normal", "default")]
near = all(bool(((loss - np.log(10)).abs() < 0.05).all()) for loss in exact)
claim(12, near and all(mean_interval(first[d, "kaiming"][0]).low > 2.7 for d in depths))
alike = {
    key: equivalence(losses, np.interp(spreads, s, curve), margin=0.15)
    for key, (losses, spreads) in first.items()
}
print(f"kaiming, ten layers, minus prediction: {alike['ten layers', 'kaiming']:.3f}")
claim(13, all(result.shown for result in alike.values()))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 對答案：十層網路的賽跑
#
# 固定取訓練集（training set）的 12,000 張（資料較少時用全部），批次 128，Adam 0.001，兩輪，五個種子，每輪看一次驗證準確率（固定的 2,000 張，每個網路都看同樣的圖）。把你一開始寫的排名拿出來。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## The answer: ten layers race
#
# A fixed 12,000 training images (or all), batches of 128, Adam at 0.001, two epochs, five seeds; after each epoch the accuracy on a fixed 2,000 validation images. Take out your ranking.

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（5 分鐘）十層 ReLU 網路用 Xavier 時，傳到第一層的梯度只剩十六分之一，用 Kaiming 時幾乎不變。用 Adam 訓練兩輪之後，兩者卻等效。最說得通的原因是什麼？
#
# - ✗ 梯度的大小從來不重要，方向才重要。 *換成 SGD，大小就重要了。*
# - ✗ 五個種子太少，其實差很多。 *等效檢定說的是：差距在 ±3 個百分點之內。*
# - ✓ Adam 把每個梯度除以它自己的大小，固定的倍數補得回來。 *換成 SGD，Kaiming 就遙遙領先。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (5 min) In a ten-layer ReLU network only a sixteenth of the gradient reaches the first layer with Xavier, nearly all of it with Kaiming. Yet after two epochs of Adam the two are equivalent. What is the most likely reason?
#
# - ✗ The size of a gradient never matters, only its direction. *With SGD the size does matter.*
# - ✗ Five seeds are too few; they really differ a lot. *The test of equivalence puts the difference within ±3 points.*
# - ✓ Adam divides each gradient by its own size and makes up for a constant factor. *With SGD instead, Kaiming is far ahead.*


# %%
def race(seed, train, val, hidden_sizes, initialization, num_seeds, zero_last=False):
    seeds = range(seed, seed + num_seeds)
    nets = StackedMLP(784, hidden_sizes, 10, seeds=seeds, initialization=initialization)
    if zero_last:
        nn.init.zeros_(nets.net[-1].weight)
    optimizer = torch.optim.Adam(nets.parameters(), lr=0.001, fused=True)
    generators = [seeding.generator(s) for s in seeds]
    scores = []
    for _ in range(2):
        train_one_epoch(nets, optimizer, train, generators)
        scores.append(accuracy(nets, val))
    return torch.stack(scores, dim=1).numpy()  # (seeds, epochs), in percent


# %% slideshow={"slide_type": "subslide"}
part = {
    "train": mnist.train.subset(min(12000, len(mnist.train))),
    "val": mnist.val.subset(min(2000, len(mnist.val))),
}
settings = {
    name: {"hidden_sizes": TEN_LAYERS, "initialization": name, "num_seeds": 5} for name in SCHEMES
}
races = run_seeds(race, seeds=[0], settings=settings, **part)
ten = dict(zip(races["setting"], races["result"], strict=True))

# %% alt-zh="橫軸是輪數，縱軸是驗證準確率，六條線。kaiming 與 xavier 從九成左右起步，幾乎重疊；default 起步慢，第二輪追上大半；normal 與 constant 停在兩成左右；zeros 停在一成。" alt-en="Validation accuracy against epochs, six lines. kaiming and xavier start near 90 % and nearly coincide; default starts slowly and catches up most of the way in the second epoch; normal and constant stay near 20 %, zeros at 10 %."
figure, ax = plt.subplots(figsize=(9, 3.4))
for (name, scores), marker in zip(ten.items(), "os^DvP", strict=True):
    plotting.plot_band(ax, [1, 2], scores, name, marker=marker)
ax.set(xlabel="epoch", ylabel="validation accuracy (%)", xticks=[1, 2], ylim=(0, 100))
legend = ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))


# %% slideshow={"slide_type": "subslide"}
def as_runs(results, epoch):  # a row for each network, as compare_settings takes them
    rows = [
        {"setting": name, "seed": seed, "accuracy": score}
        for name, scores in results.items()
        for seed, score in enumerate(scores[:, epoch - 1])
    ]
    return pd.DataFrame(rows)


compared = {e: compare_settings(as_runs(ten, e), "accuracy", baseline="kaiming") for e in (1, 2)}
compared = {e: table.set_index("a").rename_axis(None) for e, table in compared.items()}
pd.DataFrame(
    {
        f"minus kaiming, epoch {epoch} (points)": table["difference"].map("{:.1f}".format)
        for epoch, table in compared.items()
    }
)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# **主張 14** 兩輪之後，不論哪個種子，zeros 的準確率都不到 15%，constant 的都不到 30%；normal 平均比 kaiming 低 20 個百分點以上（成對差的 95% 信賴區間整個低於 −20）。
#
# **主張 15** 第一輪之後，default 平均比 kaiming 低 5 個百分點以上（信賴區間整個低於 −5）；兩輪之後平均仍較低。
#
# **主張 16** 在完整的 MNIST 上，兩輪之後 kaiming 與 xavier 的平均準確率**等效**：差距的 90% 信賴區間在 ±3 個百分點之內。
#
# 最後這一點值得想想：xavier 傳到第一層的梯度只剩十六分之一，為什麼不輸？

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# **Claim 14** After two epochs zeros is below 15 % and constant below 30 % for every seed; normal is on average more than 20 percentage points below kaiming (the whole interval).
#
# **Claim 15** After one epoch default is on average more than 5 points below kaiming (the whole interval); after two it is still lower on average.
#
# **Claim 16** On full MNIST, after two epochs, the mean accuracies of kaiming and xavier are **equivalent**: the 90 % interval of the difference lies within ±3 points.
#
# Only a sixteenth of xavier's gradient reaches the first layer, so why does it not lose?

# %%
stuck = (ten["zeros"][:, 1] < 15).all() and (ten["constant"][:, 1] < 30).all()
claim(14, bool(stuck) and compared[2].loc["normal", "difference"].high < -20)
slow = compared[1].loc["default", "difference"].high < -5
claim(15, slow and compared[2].loc["default", "difference"].mean < 0)
versus = equivalence(ten["xavier"][:, 1], ten["kaiming"][:, 1], margin=3)
print(f"xavier - kaiming, epoch 2: {versus:.2f} (points)")
claim(16, versus.shown, tiers="full", tier=mnist.tier)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 把 Adam 拿掉
#
# Adam 把每個梯度除以它自己的大小（[[optimizers]]），所以只剩十六分之一也補得回來。那就換成什麼都不補的 SGD（學習率 0.03），4,000 張圖、一輪。猜猜看，名次會怎樣？

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### Take Adam away
#
# Adam divides each gradient by its own size ([[optimizers]]), so a factor of sixteen it can make up for. Use SGD instead, which makes up for nothing (rate 0.03): 4,000 images, one epoch. Guess: what does the ranking look like now?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（3 分鐘）把 Adam 換成 SGD（學習率 0.03），十層 ReLU 網路在 4,000 張 MNIST 圖上訓練一輪。Kaiming、Xavier、PyTorch 預設的名次如何？
#
# - ✓ Kaiming 遙遙領先，Xavier 其次，預設幾乎沒學到。 *SGD 的步長就是學習率乘上梯度，梯度小的層走不動。*
# - ✗ 三種差不多，和用 Adam 時一樣。 *以為初始化的影響和優化器無關。*
# - ✗ 預設最好，因為它的權重最小、最穩。 *以為小的權重比較安全。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (3 min) Adam is exchanged for SGD (rate 0.03), and ten-layer ReLU networks train for one epoch on 4,000 MNIST images. How do Kaiming, Xavier and PyTorch's default rank?
#
# - ✓ Kaiming far ahead, then Xavier; the default has hardly learned. *With SGD a step is rate times gradient, so layers with small gradients hardly move.*
# - ✗ All about alike, as with Adam. *Thinks that initialization and optimizer have nothing to do with each other.*
# - ✗ The default is best, having the smallest and steadiest weights. *Thinks that small weights are safe.*

# %%
with_sgd = {}
for name in SCHEMES[:3]:
    nets = StackedMLP(784, TEN_LAYERS, 10, seeds=range(5), initialization=name)
    optimizer = torch.optim.SGD(nets.parameters(), lr=0.03, fused=True)
    generators = [seeding.generator(seed) for seed in range(5)]
    train_one_epoch(nets, optimizer, mnist.train.subset(4000), generators)
    with_sgd[name] = accuracy(nets, mnist.val)
    print(f"SGD, {name:8s} {mean_interval(with_sgd[name]):.1f} %")

# %% [markdown] lang="zh-TW"
# **主張 17** 換成 SGD，一輪之後 kaiming 的準確率平均比 xavier 高 10 個百分點以上（95% 信賴區間整個高於 10），default 則不論哪個種子都不到 20%。
#
# Adam 補得了的，SGD 補不了：結果與此相符。但兩場比賽的圖片數和步數也不同，SGD 的學習率（learning rate）又只試了一個。梯度比 Adam 的 ε = 10⁻⁸ 還小時（normal 的第一層收到的是 10⁻¹¹），Adam 幫得上的忙就很有限了。

# %% [markdown] lang="en"
# **Claim 17** With SGD, after one epoch, kaiming is on average more than 10 points above xavier (the whole 95 % interval), and default is below 20 % for every seed.
#
# This fits; but the two races also differ in images and steps, and only one SGD rate was tried. Where gradients are smaller than Adam's ε = 10⁻⁸ (normal's first layer receives 10⁻¹¹), it can help but little.

# %%
ahead = paired_difference(with_sgd["kaiming"], with_sgd["xavier"])
print(f"kaiming - xavier, paired: {ahead:.1f} points")
claim(17, ahead.low > 10 and bool((with_sgd["default"] < 20).all()))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 三層的時候呢？
#
# 常見的示範用三層網路，只跑一個種子。我們用 784-128-128-10、6,000 張圖（資料較少時用全部）、十五個種子，再加上一位新的參賽者：kaiming，但**最後一層的權重設成 0**（初始損失正好是 ln 10）。
#
# 想一想：三層時差別有多大？最後一層是 0，會學不動嗎？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## And with three layers?
#
# Common demonstrations use three layers, and one seed. Take 784-128-128-10, 6,000 images (or all) and fifteen seeds. A new contender is kaiming with the **weights of the last layer set to 0** (its first loss is exactly ln 10).
#
# Predict: how large are the differences with three layers? And with a last layer of zeros, is it stuck?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（6 分鐘）三層的 ReLU 網路用 Kaiming 初始化，只有最後一層的權重設成 0。訓練會怎樣？
#
# - ✗ 學不動，和全部是 0 一樣。 *以為 0 本身就會讓訓練停住。*
# - ✗ 只有輸出層的偏置學得到東西。 *最後一層收到的訊號不是 0，所以權重的梯度也不是 0。*
# - ✓ 學得起來，只是第一輪慢一點。 *前面的層是隨機的；一步之後，最後一層的權重就不是 0，也各不相同。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (6 min) A ReLU network of three layers starts with Kaiming, only the last layer's weights are set to 0. How does it train?
#
# - ✗ It is stuck, as with all zeros. *Thinks that a zero as such stops training.*
# - ✗ Only the output bias learns. *The last layer receives signals that are not 0, so its weights have gradients.*
# - ✓ It learns, a little more slowly in the first epoch. *The layers before are random; after one step the last weights are neither 0 nor alike.*

# %%
three_layers = {"hidden_sizes": [128, 128], "num_seeds": 15}
starts = ("default", "xavier", "kaiming")
settings = {name: {**three_layers, "initialization": name} for name in starts}
settings["last layer 0"] = {**settings["kaiming"], "zero_last": True}
part["train"] = mnist.train.subset(min(6000, len(mnist.train)))
races = run_seeds(race, seeds=[0], settings=settings, **part)
three = dict(zip(races["setting"], races["result"], strict=True))
for name, scores in three.items():
    print(f"{name:13s}epoch 1: {mean_interval(scores[:, 0]):.1f}")
    print(f"{'':13s}epoch 2: {mean_interval(scores[:, 1]):.1f}")

# %% alt-zh="兩張森林圖，橫軸是準確率減去 default 的成對差。第一輪：xavier 與 kaiming 高出一個百分點左右，區間不含 0；最後一層為 0 的低約 0.8 個百分點，區間也不含 0。第二輪：xavier 與 kaiming 仍高出一個百分點左右；最後一層為 0 的與 default 沒有發現差異。" alt-en="Two forest plots of paired differences from default. Epoch 1: xavier and kaiming are about one point higher, last layer 0 about 0.8 points lower, all intervals without 0. Epoch 2: xavier and kaiming are still about one point higher; between last layer 0 and default no difference was found." slideshow={"slide_type": "subslide"}
figure, axes = plt.subplots(1, 2, figsize=(9, 2.4), sharex=True)
for ax, epoch in zip(axes, (1, 2), strict=True):
    table = compare_settings(as_runs(three, epoch), "accuracy", baseline="default")
    plotting.plot_forest(ax, table["a"], table["difference"], table["differs"])
    ax.set(title=f"epoch {epoch}", xlabel="accuracy minus default (points)")
    ax.margins(y=0.2)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# **主張 18** 三層的網路在第一輪之後，平均起來 kaiming 的準確率比 default 高（成對差的 95% 信賴區間整個在 0 以上），但高不到 5 個百分點；kaiming 與 xavier **等效**（差距的 90% 信賴區間在 ±1.5 個百分點之內）。
#
# **主張 19** 只把最後一層設成 0，不論哪個種子都學得起來（兩輪後超過 80%），但第一輪平均比 kaiming 慢（成對差的 95% 信賴區間整個在 0 以下）。
#
# 所以 0 本身沒有錯，要看它用在哪裡：這裡前面的層是隨機的，最後一層收到的訊號各不相同，一步之後，最後一層的權重就不是 0，也各不相同，梯度便流得回去。而從 ln 10 出發並沒有比較快：初始損失是用來抓錯的。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# **Claim 18** Three layers, after one epoch, on average: kaiming is above default (interval above 0), by less than 5 points; kaiming and xavier are **equivalent** (the 90 % interval of the difference lies within ±1.5 points).
#
# **Claim 19** With only the last layer at 0 every seed learns (above 80 % after two epochs), but in the first epoch on average more slowly than kaiming (interval below 0).
#
# So a zero is not poison in itself: the layers before are random, so after one step the last weights are neither 0 nor alike, and the gradient gets through. And starting at ln 10 was no faster: the first loss is for catching mistakes.

# %%
gain = paired_difference(three["kaiming"][:, 0], three["default"][:, 0])
versus = equivalence(three["kaiming"][:, 0], three["xavier"][:, 0], margin=1.5)
print(f"kaiming - xavier, epoch 1: {versus:.2f} (points)")
claim(18, gain.low > 0 and gain.high < 5 and versus.shown)
slower = paired_difference(three["last layer 0"][:, 0], three["kaiming"][:, 0])
claim(19, bool((three["last layer 0"][:, 1] > 80).all()) and slower.high < 0)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 練習 1：界限是多少？
#
# 難度 ★★☆，約 10 分鐘。
#
# 課裡算的是變異數。`xavier_uniform_` 與 `kaiming_uniform_` 其實是從 [−b, b] 均勻抽樣。寫出 `initialization_bounds(weight, negative_slope)`：`weight` 是 `nn.Linear` 的權重，回傳兩個數（Xavier 的 b、Kaiming 的 b）。
#
# Kaiming 的部分要再推廣一步：激活函數是斜率 `negative_slope` 的 LeakyReLU（0 就是 ReLU），看的是 fan_in。推導的第二行要改成什麼？不要呼叫 `nn.init`。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Exercise 1: what are the bounds?
#
# Difficulty ★★☆, about 10 minutes.
#
# The lesson worked out variances. What `xavier_uniform_` and `kaiming_uniform_` really do is draw uniformly from [−b, b]. Write `initialization_bounds(weight, negative_slope)`: `weight` is the weight of an `nn.Linear`; return two numbers, Xavier's b and Kaiming's b.
#
# The Kaiming part goes a little further: the activation is a LeakyReLU of slope `negative_slope` (0 is ReLU), and fan_in counts. What becomes of the second line of the derivation? Do not call `nn.init`.


# %% tags=["exercise"]
def initialization_bounds(weight, negative_slope):
    raise NotImplementedError  # your code here: return xavier, kaiming


# %% tags=["check"]
exercises.initialization_bounds.check(initialization_bounds)


# %% tags=["solution"]
# One possible answer; open it once you have tried.
def initialization_bounds_solution(weight, negative_slope):
    """(Xavier, Kaiming) bounds of the uniform distribution for a weight (outputs, inputs)."""
    fan_out, fan_in = weight.shape
    xavier_variance = 2 / (fan_in + fan_out)
    kaiming_variance = 2 / (1 + negative_slope**2) / fan_in
    return math.sqrt(3 * xavier_variance), math.sqrt(3 * kaiming_variance)


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 練習 2：找出雙胞胎
#
# 難度 ★★★，約 15 分鐘。
#
# 一個只有單一隱藏層的網路：`hidden`（`nn.Linear`）、ReLU、`output`（`nn.Linear`）。有些隱藏神經元，不管資料與損失函數是什麼、訓練多久（沒有 dropout），都會和另一個**永遠一模一樣**。寫出 `count_twins(hidden, output)`：回傳這樣的神經元有幾個（一個整數）。
#
# 只要現在的輸出相同就夠了嗎？想想梯度從哪裡來。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Exercise 2: spot the twins
#
# Difficulty ★★★, about 15 minutes.
#
# A network with one hidden layer: `hidden` (an `nn.Linear`), ReLU, `output` (an `nn.Linear`). Some hidden units will stay **exactly like another one for ever**, whatever the data and the loss function, and however long the training (without dropout). Write `count_twins(hidden, output)`: return how many units that is, one integer.
#
# Is it enough that they give the same output now? Think of where the gradient comes from.


# %% tags=["exercise"]
def count_twins(hidden, output):
    raise NotImplementedError  # your code here


# %% tags=["check"]
exercises.count_twins.check(count_twins)


# %% tags=["solution"]
# One possible answer; open it once you have tried.
def count_twins_solution(hidden, output):
    """How many hidden units share incoming weights, bias and outgoing weights with another."""
    units = torch.cat([hidden.weight, hidden.bias[:, None], output.weight.T], dim=1)
    _, group_sizes = torch.unique(units, dim=0, return_counts=True)
    return int(group_sizes[group_sizes > 1].sum())


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 練習 3：預測初始損失
#
# 難度 ★★☆，約 10 分鐘。
#
# 類別不平衡時，模型即使對每張圖都給同樣的機率，損失也可能低於 ln K。假設最後一層的權重是 0、偏置是 `bias`（K 個數），資料裡第 k 類有 `counts[k]` 張圖。寫出 `predict_first_loss(counts, bias)`：訓練之前，全部圖片的平均交叉熵是多少？偏置可能大到 ±10⁴。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Exercise 3: predict the first loss
#
# Difficulty ★★☆, about 10 minutes.
#
# Where classes are unbalanced, a model that gives every image the same probabilities can have a loss below ln K. Suppose the last layer's weights are 0 and its biases are `bias` (K numbers), and the data have `counts[k]` images of class k. Write `predict_first_loss(counts, bias)`: before any training, what is the mean cross-entropy over all images? Biases may be as large as ±10⁴.


# %% tags=["exercise"]
def predict_first_loss(counts, bias):
    raise NotImplementedError  # your code here


# %% tags=["check"]
exercises.predict_first_loss.check(predict_first_loss)


# %% tags=["solution"]
# One possible answer; open it once you have tried.
def predict_first_loss_solution(counts, bias):
    """Mean cross-entropy where every image's logits are ``bias``; counts: images a class (K,)."""
    loss_of_class = bias.logsumexp(dim=0) - bias
    return (counts * loss_of_class).sum() / counts.sum()


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 重點整理
#
# - 一層把 E[x²] 乘上 n · Var(w) / 2（ReLU）。要它是 1：Var(w) = 2/n，n 是 fan_in。
# - Xavier 為斜率 1 的激活函數取前向與反向的折衷；PyTorch 預設的標準差只有 Kaiming 的 1/√6。深的 ReLU 網路，自己指定 Kaiming。
# - 一樣的神經元收到一樣的梯度，永遠一樣。隨機就是用來打破對稱的。
# - zeros 配 ReLU 只有輸出層的偏置會動；「大家學到一樣的東西」說的是 sigmoid。
# - 初始損失接近 ln K（K 是類別數）是健康檢查：不通過要查，通過也不保證。
# - 三層時，合理的選擇只差一兩個百分點；十層時，default 第一輪就落後十個百分點以上。kaiming 與 xavier 用 Adam 等效，換成 SGD 就分開了。
#
# **下一課**：[[gradient_clipping]]，梯度裁剪。起點再好，途中也可能爆炸。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Summary
#
# - A layer multiplies E[x²] by n · Var(w) / 2 (with ReLU). For that to be 1, Var(w) = 2/n, where n is fan_in.
# - Xavier is a compromise between forward and backward, for activations of slope 1; PyTorch's default has 1/√6 of Kaiming's deviation. For deep ReLU networks, ask for Kaiming.
# - Units that are alike receive the same gradient and stay alike. Randomness breaks the symmetry.
# - With zeros and ReLU only the output bias moves; "all neurons learn the same" describes the sigmoid.
# - A first loss near ln K (K classes) is a check-up: failing it is a reason to look, passing it is no promise.
# - With three layers, sensible choices differ by a point or two; with ten, default is more than ten points behind after one epoch. Under Adam kaiming and xavier are equivalent; under SGD they come apart.
#
# **Next**: [[gradient_clipping]], gradient clipping. However good the start, things may still explode on the way.

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "skip"}
# ### 原始文獻
#
# - LeCun, Bottou, Orr, Müller（1998），Efficient BackProp，收於 Neural Networks: Tricks of the Trade，LNCS 1524，doi:10.1007/3-540-49430-8_2。變異數 1/n 的來源。
# - Glorot, Bengio（2010），Understanding the difficulty of training deep feedforward neural networks，AISTATS（PMLR 9），249–256。
# - He, Zhang, Ren, Sun（2015），Delving deep into rectifiers: surpassing human-level performance on ImageNet classification，ICCV，arXiv:1502.01852。
# - Karpathy（2019），A recipe for training neural networks，karpathy.github.io/2019/04/25/recipe。

# %% [markdown] lang="en" slideshow={"slide_type": "skip"}
# ### Primary sources
#
# - LeCun, Bottou, Orr, Müller (1998), Efficient BackProp, in Neural Networks: Tricks of the Trade, LNCS 1524, doi:10.1007/3-540-49430-8_2. Where variance 1/n comes from.
# - Glorot, Bengio (2010), Understanding the difficulty of training deep feedforward neural networks, AISTATS (PMLR 9), 249–256.
# - He, Zhang, Ren, Sun (2015), Delving deep into rectifiers: surpassing human-level performance on ImageNet classification, ICCV, arXiv:1502.01852.
# - Karpathy (2019), A recipe for training neural networks, karpathy.github.io/2019/04/25/recipe.
