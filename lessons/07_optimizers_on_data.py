# %% [markdown] lang="zh-TW" about="學習率差三倍要付出多少、批次大小與梯度雜訊、線性縮放到哪裡為止、公平的比賽" slideshow={"slide_type": "slide"}
# # 優化器用在資料上
#
# [[optimizers]]在碗裡比過優化器。真的資料不是碗：梯度帶雜訊，曲率一路在變，最後算數的是沒看過的資料。學完之後，你能夠：
#
# - 說出學習率（learning rate）偏離最好的值三倍、十倍，各要付出多少；
# - 量出批次（batch）的梯度有多吵，並算出要多大的批次，雜訊才小到想要的程度；
# - 說明批次加大，為什麼起初省步數，後來只是多花力氣；
# - 照線性縮放規則調學習率，也知道它到哪裡為止；
# - 公平地比較優化器（optimizer，也譯最佳化器），並且如實說出分不分得出高下。
#
# 先備：[[optimizers]]（五種優化器與雜訊下限）、[[losses]]（交叉熵）。

# %% [markdown] lang="en" about="What a rate off by three costs, batch size and gradient noise, how far linear scaling goes, a fair race" slideshow={"slide_type": "slide"}
# # Optimizers on data
#
# In [[optimizers]] they raced in bowls. Data are no bowl: gradients are noisy, the curvature changes on the way, and what counts in the end is data not seen before. By the end you can
#
# - say what it costs when the learning rate is three or ten times off its best value;
# - measure how noisy a batch's gradient is, and work out the batch for the noise you want;
# - explain why larger batches save steps at first, and later only effort is lost;
# - adjust the rate by the linear scaling rule, and know where it ends;
# - compare optimizers fairly, and say honestly whether they can be told apart.
#
# It builds on [[optimizers]] (five optimizers, the noise floor) and [[losses]] (cross-entropy).

# %% lang="zh-TW" tags=["setup"] slideshow={"slide_type": "subslide"}
from course_utils.notebook import set_up

device = set_up("optimizers_on_data", language="zh-TW")

# %% lang="en" tags=["setup"] slideshow={"slide_type": "subslide"}
from course_utils.notebook import set_up

device = set_up("optimizers_on_data", language="en")

# %% slideshow={"slide_type": "subslide"}
import math
import time

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from torch import nn

from course_utils import plotting, seeding
from course_utils.exercises import optimizers_on_data as exercises
from course_utils.intervals import (
    compare_settings,
    detectable_difference,
    equivalence,
    mean_interval,
    paired_difference,
)
from course_utils.mnist import load_mnist
from course_utils.notebook.claims import claim
from course_utils.optimizers import (
    adam_step,
    adamw_step,
    apply_step,
    momentum_step,
    rmsprop_step,
    sgd_step,
)
from course_utils.stacked import StackedMLP

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 真的資料：MNIST 上的小比賽
#
# 碗看夠了。固定取 4,000 張訓練圖片，網路 784-24-10，批次 100，四輪（epoch）。五個優化器，各試五種學習率，每一種都訓練五個種子（seed），準確率（accuracy）在**驗證集**（validation set）上量。
#
# 規則是逐元素（element-wise）的，所以「五種學習率 × 五個種子」共 25 個網路可以疊在一起訓練，每個種子有自己的權重和批次順序。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Real data: a small contest on MNIST
#
# Enough of bowls. A fixed 4,000 training images, a 784-24-10 network, batches of 100, four epochs. Five optimizers try five rates each, with five seeds at every rate; accuracy is measured on the **validation set**.
#
# The rules work element by element, so the 25 networks of "five rates × five seeds" are stacked and trained as one; each seed has its own weights and its own order of batches.

# %%
mnist = load_mnist()
print(mnist.banner())
images, labels = mnist.train.images[:4000].flatten(1), mnist.train.labels[:4000]


# %%
def train_stack(step, rates, seeds, epochs=4, batch_size=100):
    model = StackedMLP(784, [24], 10, seeds=[seed for _ in rates for seed in seeds])
    lr = torch.tensor(rates).repeat_interleave(len(seeds))[:, None, None]
    params = list(model.parameters())
    states = [{} for _ in params]
    generators = [seeding.generator(seed) for seed in seeds]
    for _ in range(epochs):
        order = torch.stack([torch.randperm(4000, generator=g) for g in generators])
        for rows in order.repeat(len(rates), 1).split(batch_size, dim=1):
            logits = model(images[rows]).permute(1, 2, 0)  # (batch, classes, models)
            loss = nn.functional.cross_entropy(logits, labels[rows].T, reduction="sum")
            model.zero_grad()
            (loss / batch_size).backward()
            apply_step(step, params, states, lr=lr)
    return model


# %% slideshow={"slide_type": "subslide"}
@torch.no_grad()
def accuracy(model, part):  # in percent, of every model in the stack
    predictions = model(part.images.flatten(1)).argmax(dim=-1)
    return 100 * (predictions == part.labels).float().mean(dim=1)


# %%
contest = {
    "SGD": (sgd_step, [0.01, 0.03, 0.1, 0.3, 1.0]),
    "momentum": (momentum_step, [0.001, 0.003, 0.01, 0.03, 0.1]),
    "RMSprop": (rmsprop_step, [0.0003, 0.001, 0.003, 0.01, 0.03]),
    "Adam": (adam_step, [0.0003, 0.001, 0.003, 0.01, 0.03]),
    "AdamW": (adamw_step, [0.0003, 0.001, 0.003, 0.01, 0.03]),
}

# %%
val_accuracy = {}
for name, (step, rates) in contest.items():
    model = train_stack(step, rates, seeds=range(5))
    val_accuracy[name] = accuracy(model, mnist.val).reshape(len(rates), 5)  # (rates, seeds)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 同一個學習率，誰比較好？
#
# 學習率 0.001 時，RMSprop 和動量誰贏？0.03 時呢？先猜，再看圖。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### At the same rate, who is better?
#
# At 0.001, who wins, RMSprop or momentum? And at 0.03? Guess first, then look.

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（5 分鐘）MNIST 上的小網路，用學習率 0.001 比較，RMSprop 遠遠勝過動量。可以下什麼結論？
#
# - ✗ RMSprop 是比較好的優化器。 *以為學習率相同就是公平；但同一個數字，對兩者的意義完全不同。*
# - ✓ 只知道 0.001 適合 RMSprop，不適合動量。 *動量最好的學習率大得多；換成 0.03，贏的就是動量。*
# - ✗ 動量不適合這份資料。 *把學習率太小的結果，當成優化器本身的缺點。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (5 min) A small network on MNIST: at rate 0.001 RMSprop is far ahead of momentum. What follows?
#
# - ✗ RMSprop is the better optimizer. *Takes equal rates for a fair race; the same number means different things to the two.*
# - ✓ Only that 0.001 suits RMSprop and not momentum. *Momentum's best rate is far larger; at 0.03 it is momentum that wins.*
# - ✗ Momentum does not suit these data. *Blames the optimizer for a rate that is too small.*

# %% alt-zh="橫軸是學習率（對數刻度），縱軸是驗證準確率，五條山形曲線：頂端高度相近，都在 90% 出頭，但位置不同，Adam 類在 0.003 附近，動量在 0.03 附近，SGD 在 0.3，再大就掉到圖外。" alt-en="Validation accuracy against the rate on a log axis, five hills: their tops are about equally high, a little above 90 %, but in different places: the Adam family near 0.003, momentum near 0.03, SGD at 0.3, beyond which it drops out of the picture."
figure, ax = plt.subplots(figsize=(8.5, 3.4))
for (name, (_, rates)), marker in zip(contest.items(), "os^Dv", strict=True):
    plotting.plot_band(ax, rates, val_accuracy[name].T, name, marker=marker)
ax.set(xscale="log", xlabel="rate (log)", ylabel="validation accuracy (%)", ylim=(70, 96))
ax = ax.legend(ncols=2, fontsize=9)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 學習率 0.001 時，RMSprop 贏；0.03 時，動量贏。「用同樣的學習率比較」看起來公平，其實什麼也沒證明：挑一個學習率，就等於挑了贏家。
#
# **主張 1** 不論哪個種子，學習率 0.001 時，RMSprop 的驗證準確率都高過動量，0.03 時都反過來；平均都差 4 個百分點以上。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# At 0.001 RMSprop wins, at 0.03 momentum does. "At the same rate" sounds fair and proves nothing: whoever picks the rate picks the winner.
#
# **Claim 1** For every seed: at rate 0.001 RMSprop's validation accuracy is above momentum's, at 0.03 the other way round; on average by more than 4 percentage points each time.

# %%
slow = val_accuracy["RMSprop"][1] - val_accuracy["momentum"][0]
fast = val_accuracy["momentum"][3] - val_accuracy["RMSprop"][4]
print(f"at 0.001, RMSprop - momentum: {mean_interval(slow):.1f} points")
print(f"at 0.03,  momentum - RMSprop: {mean_interval(fast):.1f} points")
claim(1, bool((slow > 0).all() and (fast > 0).all() and slow.mean() > 4 and fast.mean() > 4))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 離最好的學習率多遠，要付出多少？
#
# 五座山的山頂，位置不同。把它們各自左右挪一挪，讓最好的學習率都落在 1，再看看山坡有多陡。
#
# 猜猜看：學習率差三倍左右，準確率會掉多少？差十倍以上呢？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## How much does a rate cost that is not the best?
#
# The five hills have their tops in different places. Shift each sideways until its best rate stands at 1, and see how steep the slopes are.
#
# Predict: how much accuracy does a rate cost that is about three times off? And one that is ten times off, or more?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（5 分鐘）用 Adam 訓練一個 MNIST 上的小網路。學習率比最好的值差三倍左右，和差十倍，哪一個影響大？
#
# - ✓ 差十倍，影響大得多。 *山頂附近很平，差三倍只少一點點；走遠了，坡就越來越陡。*
# - ✗ 一樣大：最好的學習率只有一個，離開它就不行。 *以為山頂是尖的；附近一大段其實差不多高。*
# - ✗ 都沒有影響，學習率只決定快慢。 *忘了訓練的長度固定：太慢就沒學完，太快就亂跳。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (5 min) Adam trains a small network on MNIST. Which matters more: a rate that is about three times off its best value, or one that is ten times off?
#
# - ✓ Ten times, by far. *The top is flat, and a factor of three costs little; farther off, the slope gets steep.*
# - ✗ Both as much: there is one best rate, and off it nothing works. *Takes the top for a peak; a wide stretch around it is about as high.*
# - ✗ Neither: the rate only decides how fast it goes. *Forgets that training is of fixed length: too slow does not finish, too fast jumps about.*

# %% slideshow={"slide_type": "subslide"} alt-zh="橫軸是學習率除以最好的學習率（對數刻度），縱軸是驗證準確率比最好時少幾個百分點。在 1 的左右三倍之內（灰色區域），動量、Adam、AdamW 只低一點點；再往外都降得更快。SGD 的學習率只要再大三倍，就掉出圖外。" alt-en="Validation accuracy below the best, in points, against the rate over the best rate, log axis. Within a factor of three of 1 (grey) momentum, Adam and AdamW are only a little lower; farther out all fall faster. SGD drops out of the picture at a rate three times its best."
means = {name: scores.mean(dim=1) for name, scores in val_accuracy.items()}
figure, ax = plt.subplots(figsize=(8.5, 3.2))
for (name, (_, rates)), marker in zip(contest.items(), "os^Dv", strict=True):
    best = int(means[name].argmax())
    lost = val_accuracy[name] - val_accuracy[name][best]
    plotting.plot_band(ax, np.array(rates) / rates[best], lost.T, name, marker=marker)
ax.axvspan(1 / 4, 4, color="gray", alpha=0.12)
ax.set(xscale="log", ylim=(-25, 3))
ax.set(xlabel="rate / best rate (log)", ylabel="accuracy - accuracy at the best (points)")
ax = ax.legend(ncols=2, fontsize=9)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 動量和 Adam 的山頂是平的，走遠了才陡；SGD 的右邊卻是懸崖。所以先把學習率的**數量級**找對，細調留到最後；拿不準時，寧可小一點。
#
# **主張 2** 平均起來，每一個優化器光是換學習率，五種裡最好與最壞的驗證準確率就差 4 個百分點以上。
#
# **主張 3** 在完整的 MNIST 上，學習率只偏離最好的值三倍左右（大一級或小一級）時，動量、Adam、AdamW 的準確率平均都只少了不到 2 個百分點。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# The hills of momentum and Adam are flat on top and steep farther out; to the right of SGD's there is a cliff. So first get the **order of magnitude** of the rate right, and leave the fine tuning for last; when in doubt, go lower.
#
# **Claim 2** On average, for every optimizer, the validation accuracies of its best and its worst rate, of the five, are more than 4 points apart.
#
# **Claim 3** On full MNIST, on average, a rate that is off by only about a factor of three (one place up or down) costs momentum, Adam and AdamW less than 2 points of accuracy.

# %%
by_rate = {name: float(mean.max() - mean.min()) for name, mean in means.items()}
print("best - worst rate, points:", *[f"{name} ≈{gap:.1f}" for name, gap in by_rate.items()])
claim(2, min(by_rate.values()) > 4)

# %%
cost = {}
for name in ("momentum", "Adam", "AdamW"):
    best = int(means[name].argmax())
    neighbors = means[name][max(best - 1, 0) : best + 2]
    cost[name] = float(means[name][best] - neighbors.min())
print("one place off, points:", *[f"{name} ≈{points:.1f}" for name, points in cost.items()])
claim(3, max(cost.values()) < 2, tiers="full", tier=mnist.tier)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 一個批次的梯度有多吵？
#
# 批次的梯度是估計，不是真值。停在同一組權重上，比一比：隨機抽 B 張圖的平均梯度，離全部 4,000 張的平均梯度有多遠？這個距離（重抽一百次的均方根），就是**雜訊**（noise）。
#
# 猜猜看：批次大四倍，雜訊剩下幾分之一？訓練過之後，比起剛開始，雜訊相對於梯度是大還是小？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## How noisy is a batch's gradient?
#
# A batch's gradient is an estimate. Stay at one set of weights and compare: how far is the mean gradient of B images, drawn at random, from that of all 4,000? That distance (root mean square over a hundred draws) is the **noise**.
#
# Predict: with a batch four times as large, what share of the noise is left? And after training, is the noise larger or smaller, compared with the gradient, than at the start?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（6 分鐘）批次的圖片都是隨機抽的。想讓梯度的雜訊減半，批次要變成幾倍？
#
# - ✗ 兩倍。 *以為雜訊與 B 成反比；平均 B 個獨立的數，變異數才與 B 成反比，標準差要再開根號。*
# - ✓ 四倍。 *雜訊與 √B 成反比：√4 = 2。*
# - ✗ 不管多大都沒有用，雜訊來自資料。 *沒想到平均會讓獨立的誤差互相抵消。*
# - ✗ 一半：小批次的梯度比較準。 *把「小批次走得快」當成「小批次估得準」。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (6 min) The images of a batch are drawn at random. To halve the noise of its gradient, how many times as large must the batch be?
#
# - ✗ Twice. *Takes noise to fall as 1/B; it is the variance of a mean of B independent numbers that does, and the deviation is its root.*
# - ✓ Four times. *Noise falls as 1/√B, and √4 = 2.*
# - ✗ No size helps, the noise is in the data. *Overlooks that averaging lets independent errors cancel.*
# - ✗ Half as large: small batches are more exact. *Takes "small batches make quick progress" for "small batches estimate well".*


# %%
def batch_gradients(model, rows):  # rows: (models, batch); one gradient for each model
    logits = model(images[rows]).permute(1, 2, 0)  # (batch, classes, models)
    losses = nn.functional.cross_entropy(logits, labels[rows].T, reduction="none").mean(dim=0)
    gradients = torch.autograd.grad(losses.sum(), list(model.parameters()))
    return torch.cat([gradient.flatten(1) for gradient in gradients], dim=1)


# %% slideshow={"slide_type": "subslide"}
batch_sizes = [1, 4, 16, 64, 256]


def gradient_noise(model, draws=100):  # (models, batch sizes), in lengths of the full gradient
    generator, models = seeding.generator(0), model.num_models
    full = batch_gradients(model, torch.arange(4000).expand(models, -1))
    noise = []
    for size in batch_sizes:
        rows = torch.randint(4000, (draws, models, size), generator=generator)
        off = torch.stack([(batch_gradients(model, r) - full).norm(dim=1) for r in rows])
        noise.append((off**2).mean(dim=0).sqrt() / full.norm(dim=1))
    return torch.stack(noise, dim=1)


# %%
seeds = range(10)
noise = {
    "at the start": gradient_noise(StackedMLP(784, [24], 10, seeds=seeds)),
    "after four epochs": gradient_noise(train_stack(sgd_step, [0.1], seeds)),
}

# %% slideshow={"slide_type": "subslide"} alt-zh="橫軸是批次大小，縱軸是雜訊除以完整梯度的長度，都是對數刻度。兩條直線平行下降，斜率是 −0.5：剛開始的在 B 約 70 處降到 1，訓練四輪之後的那條比較高，B 約 256 時才降到 1。" alt-en="Noise over the length of the full gradient against batch size, log axes: two parallel falling lines of slope -0.5. At the start the line reaches 1 near B = 70; after four epochs it lies higher and comes down to 1 only near B = 256."
figure, ax = plt.subplots(figsize=(8, 3.2))
for (name, ratios), marker in zip(noise.items(), "os", strict=True):
    plotting.plot_band(ax, batch_sizes, ratios, name, log=True, marker=marker)
ax.axhline(1, color="gray", linewidth=1)
ax.set(xscale="log", xlabel="batch size B (log)", ylabel="noise / length of gradient (log)")
ax = ax.legend()

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 四倍的圖，一半的雜訊：平均 B 個獨立的數，變異數是原來的 1/B，標準差就是 **1/√B**。第一千張圖帶來的，遠不如第十張。
#
# 灰線是雜訊和梯度一樣長的地方。那裡的批次大小叫做**梯度雜訊尺度**（gradient noise scale；McCandlish 等人，2018）：B 遠小於它，走的方向幾乎都是雜訊；B 遠大於它，方向已經夠準，再加大也得不到什麼。訓練久了，梯度縮短，各張圖的意見卻還是不同，尺度就變大了。
#
# **主張 4** 十個網路平均，雜訊對 B 的斜率（都取對數）是 −0.5：95% 信賴區間，剛開始時整個落在 −0.52 到 −0.48，四輪之後整個落在 −0.6 到 −0.4。
#
# **主張 5** 每一個網路，四輪之後的雜訊尺度都比剛開始大；平均是三倍以上。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# Four times the images, half the noise: a mean of B independent numbers has 1/B of their variance, and so **1/√B** of their deviation. The thousandth image brings far less than the tenth.
#
# On the grey line noise is as long as the gradient. The batch size at that point is the **gradient noise scale** (McCandlish et al., 2018): with B far below it a step is mostly noise; far above, the direction is good enough already, and a larger batch gains little. As training goes on, the gradient gets shorter while the images still disagree, and the scale grows.
#
# **Claim 4** On average over ten networks the slope of noise against B, both logarithmic, is −0.5: its 95 % confidence interval lies within −0.52 and −0.48 at the start, and within −0.6 and −0.4 after four epochs.
#
# **Claim 5** In every network the noise scale is larger after four epochs than at the start, on average more than three times as large.

# %%
log_sizes = np.log(batch_sizes)
slopes = [mean_interval(np.polyfit(log_sizes, r.log().T.numpy(), deg=1)[0]) for r in noise.values()]
print("slope:", *[f"{name} {slope:.3f}" for name, slope in zip(noise, slopes, strict=True)])
is_half = [
    abs(slope.low + 0.5) < near and abs(slope.high + 0.5) < near
    for slope, near in zip(slopes, (0.02, 0.1), strict=True)
]
claim(4, all(is_half))

# %%
scales = [(r**2 * torch.tensor(batch_sizes)).mean(dim=1) for r in noise.values()]
growth = scales[1] / scales[0]
print(f"noise scale: {mean_interval(scales[0]):.0f}, then {mean_interval(scales[1]):.0f} images")
claim(5, bool((growth > 1).all()) and growth.mean() > 3)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 批次加大，步數會少多少？
#
# 雜訊小，步伐就能大。用 SGD 把驗證損失（loss）降到 0.45，批次從 4 試到 512。每一種批次都有自己最好的學習率：八種學習率各用五個種子賽跑，五個都最先到的就選它；再換十個新種子，數步數。
#
# 猜猜看：批次大兩倍，步數會減半嗎？會一直這樣下去嗎？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## How many steps does a larger batch save?
#
# With less noise, steps can be longer. SGD is to bring the validation loss down to 0.45, with batches from 4 to 512. Each batch size gets its own best rate: eight rates run with five seeds each, and the first to bring all five there is chosen; ten new seeds then count the steps.
#
# Predict: with the batch doubled, is the number of steps halved? And does it go on like that?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（7 分鐘）把批次從 4 一路加大到 512，每一種都用自己最好的學習率。到達同樣損失的步數會怎樣？
#
# - ✗ 每次加倍都減半，一直減下去。 *只想到雜訊變小，忘了步伐還受曲率限制。*
# - ✗ 不變，步數由學習率決定。 *忘了雜訊小了，最好的學習率就可以大一些。*
# - ✓ 起初幾乎減半，後來幾乎不再減少。 *雜訊小到比梯度短很多之後，限制步伐的是曲率，不是雜訊。*
# - ✗ 變多，因為每一步看的圖比較多。 *把「一步要算多久」和「要走幾步」混在一起。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (7 min) Batches grow from 4 to 512, each with its own best rate. What happens to the number of steps to the same loss?
#
# - ✗ It halves with every doubling, on and on. *Thinks only of the falling noise and forgets that curvature limits the step as well.*
# - ✗ It stays, since the rate decides it. *Forgets that with less noise the best rate can be larger.*
# - ✓ It nearly halves at first, and later hardly falls. *Once noise is much shorter than the gradient, curvature limits the step and noise no longer does.*
# - ✗ It grows, since each step looks at more images. *Mixes up how long a step takes with how many there are.*

# %% slideshow={"slide_type": "subslide"}
val_images, val_labels = mnist.val.images[:500].flatten(1), mnist.val.labels[:500]


def stacked(rates, seeds):  # for each rate all seeds: networks, their rates, the seeds' draws
    model = StackedMLP(784, [24], 10, seeds=[seed for _ in rates for seed in seeds])
    lr = torch.tensor(rates).repeat_interleave(len(seeds))[:, None, None]
    return model, lr, [seeding.generator(seed) for seed in seeds]


def take_step(model, lr, generators, batch_size):  # of plain SGD, by all networks
    rows = torch.stack([torch.randint(4000, (batch_size,), generator=g) for g in generators])
    rows = rows.repeat(model.num_models // len(generators), 1)
    logits = model(images[rows]).permute(1, 2, 0)
    loss = nn.functional.cross_entropy(logits, labels[rows].T, reduction="sum") / batch_size
    model.zero_grad()
    loss.backward()
    params = list(model.parameters())
    apply_step(sgd_step, params, [{} for _ in params], lr=lr)


# %% slideshow={"slide_type": "subslide"}
@torch.no_grad()
def val_losses(model):  # of every network
    logits = model(val_images).permute(1, 2, 0)
    targets = val_labels[:, None].expand(-1, model.num_models)
    return nn.functional.cross_entropy(logits, targets, reduction="none").mean(dim=0)


def steps_to_loss(rates, seeds, batch_size, goal=0.45, at_most=5000):  # (rates, seeds)
    model, lr, generators = stacked(rates, seeds)
    steps, next_look = torch.full((model.num_models,), torch.inf), 8
    for step in range(1, at_most + 1):
        take_step(model, lr, generators, batch_size)
        if step == next_look:
            steps[(val_losses(model) <= goal) & steps.isinf()] = step
            next_look = max(step + 1, int(1.1 * step))  # the next look 10 % later
            if steps.reshape(len(rates), -1).isfinite().all(dim=1).any():
                break  # the first rate has brought all its seeds there
    return steps.reshape(len(rates), -1)


# %% slideshow={"slide_type": "subslide"}
batch_sizes = np.array([4, 8, 16, 32, 64, 128, 256, 512])
sweep, chosen, steps = [0.005 * 2**k for k in range(8)], [], []
for size in batch_sizes:
    trial = steps_to_loss(sweep, range(5), int(size))
    chosen.append(sweep[int(trial.mean(dim=1).argmin())])
    steps.append(steps_to_loss(chosen[-1:], range(5, 15), int(size))[0])
chosen, steps = np.array(chosen), torch.stack(steps, dim=1).numpy()  # (seeds, batch sizes)

# %% slideshow={"slide_type": "subslide"} alt-zh="左圖橫軸是批次大小，縱軸是到達損失 0.45 的步數，都是對數刻度：曲線先沿著 1/B 的虛線下降，B 到 64 以後漸漸變平，停在四十步上下。右圖橫軸是批次大小，縱軸是選出的學習率，都是對數刻度：起初與 B 成正比，之後變平，停在 0.3 左右。" alt-en="Left: steps to a loss of 0.45 against batch size, log axes; the curve first follows the dashed line 1/B, levels off beyond B = 64 and ends near forty steps. Right: the chosen rate against batch size, log axes; at first in proportion to B, later level at about 0.3."
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.3))
plotting.plot_band(left, batch_sizes, steps, "measured", log=True, marker="o")
left.plot(batch_sizes, steps[:, 0].mean() * 4 / batch_sizes, "--", color="gray", label="1/B")
left.set(xscale="log", xlabel="batch size B (log)", ylabel="steps to a loss of 0.45 (log)")
right.loglog(batch_sizes, chosen, "o-", label="chosen")
right.plot(batch_sizes, chosen[0] * batch_sizes / 4, "--", color="gray", label="proportional to B")
right.set(xlabel="batch size B (log)", ylabel="best of eight rates (log)", ylim=(0.01, 1))
left.legend()
right = right.legend()

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 左邊三段都看得到（Shallue 等人，2019 在大得多的模型上也量到）：起初批次加倍，步數減半，總共看的圖片一樣多，等於**白賺**；接著越省越少；最後加大批次，只是**同樣的步數做更多工**。右邊說明了原因：雜訊小了，學習率就能跟著加大，直到曲率不准它再大。
#
# **主張 6** 十個種子平均，批次從 4 到 16，步數減到不到一半；從 128 到 512，批次一樣大了四倍，步數還剩一半以上。到達目標總共要看的圖片，批次 512 是批次 4 的四倍以上。
#
# **主張 7** 批次從 4 到 32，選出的學習率放大的倍數，比從 64 到 512 大；兩段的批次都大了八倍。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# All three stretches can be seen on the left (Shallue et al., 2019, measured them on far larger models): at first a batch twice as large takes half the steps, and so no more images altogether, which is **a free gain**; then it saves less and less; in the end a larger batch is **more work for the same number of steps**. The right side says why: with less noise the rate can grow along, until curvature allows no more.
#
# **Claim 6** On average over ten seeds, from batch 4 to 16 the steps fall to less than half; from 128 to 512, again four times the batch, more than half of them remain. The images it takes altogether are more than four times as many with batches of 512 as with 4.
#
# **Claim 7** From batch 4 to 32 the chosen rate grows by a larger factor than from 64 to 512; both times the batch grows eightfold.

# %% slideshow={"slide_type": "subslide"}
mean_steps = dict(zip(batch_sizes.tolist(), steps.mean(axis=0).tolist(), strict=True))
for size, rate, count in zip(batch_sizes, chosen, steps.T, strict=True):
    print(f"batch {size:3d}: rate ≈{rate:<5.2g} steps {mean_interval(count):.0f}")
early, late = (mean_steps[16] / mean_steps[4], mean_steps[512] / mean_steps[128])
claim(6, early < 1 / 2 < late and 512 * mean_steps[512] > 4 * 4 * mean_steps[4])
claim(7, chosen[3] / chosen[0] > chosen[7] / chosen[4])

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 步數少，就比較快嗎？
#
# 一步要多久，看機器：批次大，一步算得久，但能平行計算的也多。在你的機器上量一量，再乘上步數。
#
# 猜猜看：時間最短的批次，會是最小的、最大的，還是中間的？

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### Fewer steps: is that faster?
#
# How long a step takes depends on the machine: a larger batch is more to compute, and more of it can be done in parallel. Measure it on yours, and multiply by the steps.
#
# Predict: which batch size takes the least time, the smallest, the largest, or one in between?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（4 分鐘）用同一顆 CPU 訓練同一個小網路，到達同樣的損失。哪一種批次最省時間？
#
# - ✗ 最小的，因為每一步算得最快。 *忘了每一步都有固定的開銷，而步數最多。*
# - ✓ 中間的：步數已經省了大半，一步也還不太久。 *時間是步數乘上一步的秒數；一個先減後平，一個先平後增。*
# - ✗ 最大的，因為步數最少。 *只看步數，沒看一步要算多久。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (4 min) One CPU trains the same small network to the same loss. Which batch size takes the least time?
#
# - ✗ The smallest, since its steps are quickest. *Forgets that every step has a fixed overhead, and that there are the most of them.*
# - ✓ One in between: most of the steps are saved, and a step is still short. *Time is steps times seconds a step; the one falls and levels off, the other is level and then rises.*
# - ✗ The largest, since it takes the fewest steps. *Counts steps and not how long one takes.*


# %%
def seconds_per_step(batch_size, num_steps=30):
    model, lr, generators = stacked([0.1], [0])
    take_step(model, lr, generators, batch_size)  # the first is slower
    began = time.perf_counter()
    for _ in range(num_steps):
        take_step(model, lr, generators, batch_size)
    return (time.perf_counter() - began) / num_steps


seconds = [seconds_per_step(int(size)) for size in batch_sizes]

# %% slideshow={"slide_type": "subslide"} tags=["timing"] alt-zh="左圖橫軸是批次大小，縱軸是一步的毫秒數，都是對數刻度：批次小的時候幾乎是平的，批次大了就上升。右圖橫軸是批次大小，縱軸是到達損失 0.45 的秒數，都是對數刻度：先降後升，中間的批次最快。" alt-en="Left: milliseconds per step against batch size, log axes, almost level for small batches and rising for large ones. Right: seconds to a loss of 0.45 against batch size, log axes: they fall and then rise, and a batch in between is fastest."
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.0))
left.loglog(batch_sizes, 1000 * np.array(seconds), "o-")
left.set(xlabel="batch size B (log)", ylabel="milliseconds per step (log)")
times = steps * np.array(seconds)
plotting.plot_band(right, batch_sizes, times, "one network", log=True, marker="o")
right = right.set(xscale="log", xlabel="batch size B (log)", ylabel="seconds to the loss (log)")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 一步總有固定的開銷，所以批次很小時，加大幾乎不花時間；等到計算單元都忙起來，一步才與 B 成正比。機器越會平行計算，谷底就越往右移。因此，「最好的批次大小」不只是資料的事，也是機器的事。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# A step has a fixed overhead, so that while batches are small a larger one costs hardly any time; once the machine is busy, a step takes as long as B is large. The more a machine does in parallel, the farther right the bottom lies. So the best batch size is not a matter of the data alone, but of the machine as well.

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 線性縮放：批次大 k 倍，學習率也大 k 倍
#
# 「與 B 成正比」有個名字：**線性縮放規則**（linear scaling rule；Goyal 等人，2017）。道理是：走 k 小步 η 的時候，權重幾乎沒動，k 個梯度加起來，就等於用 k 倍大的批次、以 kη 走一大步。雜訊下限也說同樣的話：批次大 k 倍，σ² 剩 1/k，η 大 k 倍，下限 ησ²/(2 − η) 差不多不變。
#
# 批次 4、學習率 0.01 當起點，大家都只看 4,000 張圖（一輪的量）。想一想：照規則放大，批次 32 的結果還一樣嗎？512 呢（學習率 1.28）？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Linear scaling: k times the batch, k times the rate
#
# "In proportion to B" has a name: the **linear scaling rule** (Goyal et al., 2017). The reasoning: over k small steps of η the weights hardly move, so the k gradients add up to one long step of kη with a batch k times as large. The noise floor says the same: with k times the batch σ² is 1/k of what it was, with k times η the floor ησ²/(2 − η) stays about where it is.
#
# Start from batch 4 at rate 0.01, and let everyone see 4,000 images only (one epoch's worth). Predict: scaled by the rule, does batch 32 still end at the same loss? And 512, at a rate of 1.28?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（6 分鐘）線性縮放規則說：批次大 k 倍，學習率也大 k 倍。批次很大時，它為什麼失靈？
#
# - ✗ 批次大，雜訊也大，承受不了大的學習率。 *方向反了：批次越大，雜訊越小。*
# - ✗ 圖片不夠多。 *看的圖片總數固定；問題不在資料量，在一步太長。*
# - ✓ 一步太長：走 k 小步時梯度早就變了，而且步長超過曲率的上限就會發散。 *規則假設權重在 k 小步之間幾乎沒動；步伐大了，這個假設就不成立。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (6 min) The linear scaling rule: k times the batch, k times the rate. Why does it fail for very large batches?
#
# - ✗ Large batches are noisier and cannot bear a large rate. *The wrong way round: the larger the batch, the less noise.*
# - ✗ There are not enough images. *The number of images seen is fixed; it is the length of a step that is the trouble, not the data.*
# - ✓ Steps get too long: over k small steps the gradient would have changed, and beyond the limit set by curvature they diverge. *The rule supposes that the weights hardly move over k small steps; with long steps that is no longer so.*


# %% slideshow={"slide_type": "subslide"}
def loss_after(rate_at, num_images=4000, num_seeds=10):  # (seeds, batch sizes)
    losses = []
    for size in batch_sizes.tolist():
        model, lr, generators = stacked([rate_at(size)], range(num_seeds))
        for _ in range(num_images // size):
            take_step(model, lr, generators, size)
        losses.append(val_losses(model))
    return torch.stack(losses, dim=1)


policies = {
    "rate kept": loss_after(lambda size: 0.01),
    "linear scaling": loss_after(lambda size: 0.01 * size / 4),
}

# %% slideshow={"slide_type": "subslide"} alt-zh="橫軸是批次大小（對數刻度），縱軸是看過 4,000 張圖之後的驗證損失。學習率不變的曲線從 8 開始一路上升，512 時接近灰線 ln 10。線性縮放的曲線到 32 都是水平的，約 0.4，之後往上，256 時快到灰線，512 之前就衝出圖外。" alt-en="Validation loss after 4,000 images against batch size, log axis. With the rate kept, the curve rises from 8 on and comes near the grey line, ln 10, at 512. With linear scaling it is level at about 0.4 up to 32, then turns up, is near the grey line at 256, and leaves the picture before 512."
figure, ax = plt.subplots(figsize=(8, 3.2))
for (name, losses), marker in zip(policies.items(), "os", strict=True):
    plotting.plot_band(ax, batch_sizes, losses, name, marker=marker)
ax.axhline(np.log(10), color="gray", linewidth=1)
ax.set(xscale="log", xlabel="batch size B (log)", ylabel="validation loss", ylim=(0, 2.6))
ax = ax.legend(loc="center left")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 批次 32 只走八分之一的步數，結果卻看不出差別；學習率不跟著加大的話，步數少了就是沒學完。但規則有盡頭：過了那裡，學習率撞上曲率的上限（灰線 ln 10 是亂猜的損失）。一開始曲率往往最大，所以 Goyal 等人先用小的學習率，再一步步加上去，這叫**暖身**（warm-up），是練習 2。盡頭在哪裡，每個模型都不同，要自己量。
#
# **主張 8** 照線性縮放，批次 32 與批次 4 的平均驗證損失等效：差距的 90% 信賴區間整個落在 ±0.05 之內。學習率不變的話，批次 32 平均比批次 4 高：差距的 95% 信賴區間整個在 0.3 以上。
#
# **主張 9** 批次 512 時，照線性縮放的驗證損失，十個種子的每一個都在 1 以上。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# Batch 32 takes an eighth of the steps and ends as low; with the rate kept, fewer steps mean unfinished training. But the rule has an end: beyond it the rate runs into the limit set by curvature (the grey line, ln 10, is the loss of a guess). Curvature is often largest at the beginning; so Goyal et al. begin with a small rate and raise it step by step. That is **warm-up**, your exercise 2. Where the end lies differs from model to model and has to be measured.
#
# **Claim 8** With linear scaling, batch 32 and batch 4 have equivalent mean validation losses: the 90 % confidence interval of their difference lies within ±0.05. With the rate kept, batch 32 is on average above batch 4: the 95 % confidence interval of the difference lies above 0.3.
#
# **Claim 9** At batch 512, linear scaling leaves a validation loss above 1 for each of the ten seeds.

# %%
kept, scaled = policies.values()  # columns: batches of 4, 8, 16, 32, ...
alike = equivalence(scaled[:, 3], scaled[:, 0], margin=0.05)
print("linear scaling, batch 32 - batch 4:", f"{alike:.3f}")
worse = paired_difference(kept[:, 3], kept[:, 0])
print(f"rate kept,      batch 32 - batch 4: {worse:.3f}")
claim(8, alike.shown and worse.low > 0.3)
claim(9, bool((scaled[:, -1] > 1).all()))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 公平的比賽：各用自己最好的學習率
#
# 回到五個優化器。學習率已經在驗證集上選好，每個都試了五種。30 個新種子，測試集（test set）只用這一次；十對比較，p 值用 Holm 的方法校正（1979）。表裡的 `detectable` 欄，是十對一起比時，差距至少要多大才會被算成差異。
#
# 猜猜看：五個優化器的測試準確率，會差多少？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## A fair race: each at its own best rate
#
# Back to the five optimizers. The rates are settled on validation, five tried for each. Thirty new seeds, and the test set is used this once; ten comparisons in pairs, with Holm's correction of the p-values (1979). The column `detectable` says how large a difference would have had to be, among ten, to be called one.
#
# Predict: how far apart are the test accuracies of the five?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（7 分鐘）五個優化器各用自己最好的學習率，三十個種子，校正後十對都沒有發現差異。哪一句話說得對？
#
# - ✗ 五個優化器一樣好。 *把「沒有發現差異」當成「沒有差異」；差距可能存在，只是小到這麼多種子看不出來。*
# - ✓ 差距若有，多半比可測出的差距小；要說一樣，還得做等效檢定。 *沒有發現差異，只說明資料不足以看出差異；等效要另外檢定。*
# - ✗ 種子太多了，差異被平均掉。 *種子越多，估計越準，越容易看出差異。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (7 min) Five optimizers, each at its own best rate, thirty seeds; after correction none of ten pairs differs. Which sentence is right?
#
# - ✗ The five are equally good. *Takes "no difference found" for "no difference"; there may be one, too small for so many seeds.*
# - ✓ Differences, if any, are most likely smaller than what could be detected; to call them alike takes a test of equivalence. *Not finding a difference says only that the data do not show one; equivalence is tested for separately.*
# - ✗ There were too many seeds, and the differences averaged out. *More seeds make estimates more precise and differences easier to see.*

# %%
test_accuracy = {}
for name, (step, rates) in contest.items():
    rate = rates[int(val_accuracy[name].mean(dim=1).argmax())]
    test_accuracy[name] = accuracy(train_stack(step, [rate], seeds=range(5, 35)), mnist.test)
    print(f"{name:9s}best rate ≈{rate:<7g}test accuracy {mean_interval(test_accuracy[name]):.1f} %")
rows = [
    {"setting": name, "seed": seed, "accuracy": float(score)}
    for name, scores in test_accuracy.items()
    for seed, score in enumerate(scores)
]
comparisons = compare_settings(pd.DataFrame(rows), "accuracy").set_index(["a", "b"])

# %% slideshow={"slide_type": "subslide"}
differences = comparisons["difference"].map(lambda interval: f"{interval:.2f}")
p_values = comparisons["p"].map(lambda p: f"≈{p:.3f}")
detectable = [
    f"≈{detectable_difference(test_accuracy[a], test_accuracy[b], num_pairs=10):.2f}"
    for a, b in comparisons.index
]
columns = {"difference of test accuracy (points)": differences, "p (Holm)": p_values}
pd.DataFrame({**columns, "detectable": detectable})

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 校正之後分不分得出差異，看種子而定：這裡一對也分不出來，換別的種子，有時會多出一兩對。「沒有發現」不等於「沒有」，所以要換個問法：差距**小到不必在意**嗎？我們先說好，2 個百分點以內不在意，不到主張 1 裡的一半。這叫**等效檢定**（equivalence test；Schuirmann，1987）：差距的 90% 信賴區間要整個落在 ±2 之內。Adam 與 AdamW 幾乎一樣：訓練這麼短，λ = 0.01 幾乎還沒有作用。
#
# **主張 10** 各用自己最好的學習率時，十對優化器的平均測試準確率都等效（±2 個百分點），Adam 與 AdamW 更在 ±0.5 個百分點之內。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# Whether any pair differs after correction depends on the seeds: here none does, with others a pair or two sometimes will. "None found" is not "none", so ask another question: is the difference **too small to matter**? Let us agree beforehand that up to 2 points do not matter, less than half of what claim 1 saw. This is a **test of equivalence** (Schuirmann, 1987): the whole 90 % confidence interval of the difference must lie within ±2. Adam and AdamW are all but the same: in so short a training λ = 0.01 has hardly begun to act.
#
# **Claim 10** Each at its own best rate, all ten pairs of optimizers have equivalent mean test accuracies (±2 points), and Adam and AdamW are even within ±0.5.

# %%
alike = {
    (a, b): equivalence(test_accuracy[a], test_accuracy[b], margin=0.5 if a == "Adam" else 2)
    for a, b in comparisons.index
}
for pair in (("SGD", "momentum"), ("Adam", "AdamW")):
    print(*pair, f"{alike[pair]:.2f}")
claim(10, all(result.shown for result in alike.values()))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 練習 1：雜訊要小到這樣，批次得多大？
#
# 難度 ★★☆，約 10 分鐘。
#
# `gradients` 的形狀是 (N, P)：N 筆資料各自的梯度，P 是參數的個數（浮點數張量，平均不為 0）。批次從這 N 筆隨機抽 B 筆（抽過的放回去），取平均；它的雜訊，是批次的平均與全部 N 筆的平均之間，距離的均方根。
#
# 寫出 `batch_size_for_noise`，回傳最小的 B（整數，至少 1），讓雜訊不超過平均梯度長度的 `tolerance` 倍（`tolerance` 大於 0）。用算的，不用抽。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Exercise 1: noise as small as this: how large a batch?
#
# Difficulty ★★☆, about 10 minutes.
#
# `gradients` has shape (N, P): the gradient of each of N examples, P parameters (a floating-point tensor whose mean is not 0). A batch draws B of these N at random (with replacement) and takes their mean; its noise is the root mean square of the distance between that mean and the mean of all N.
#
# Write `batch_size_for_noise`: return the smallest B (a whole number, at least 1) whose noise is at most `tolerance` times the length of the mean gradient (`tolerance` is above 0). Compute it, without drawing.


# %% tags=["exercise"]
def batch_size_for_noise(gradients, tolerance):
    raise NotImplementedError  # your code here


# %% tags=["check"]
exercises.batch_size_for_noise.check(batch_size_for_noise)


# %% tags=["solution"]
# One possible answer; open it once you have tried.
def batch_size_for_noise_solution(gradients, tolerance):
    """The smallest batch whose noise is at most tolerance (above 0) mean gradients; gradients (N, P)."""
    mean = gradients.mean(dim=0)
    noise = (gradients - mean).square().sum(dim=1).mean()  # squared, of a batch of one
    return max(1, math.ceil(noise / (tolerance * mean.norm()) ** 2))


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 練習 2：放大的學習率，先暖身
#
# 難度 ★☆☆，約 5 分鐘。
#
# 學習率 `base_rate` 適合批次 `base_batch_size`。寫出 `scaled_rate`，回傳批次 `batch_size` 在第 `step` 步（從 0 數起）的學習率：目標照線性縮放規則；前 `warmup_steps` 步從 `base_rate`（第 0 步）平均地變到目標（第 `warmup_steps` 步），之後停在目標。`warmup_steps` 可以是 0；`batch_size` 可以比 `base_batch_size` 小。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Exercise 2: the scaled rate, with warm-up
#
# Difficulty ★☆☆, about 5 minutes.
#
# The rate `base_rate` suits batches of `base_batch_size`. Write `scaled_rate`: return the rate for batches of `batch_size` at step `step` (counted from 0). The target follows the linear scaling rule; over the first `warmup_steps` steps the rate goes evenly from `base_rate` (at step 0) to the target (at step `warmup_steps`), and then stays there. `warmup_steps` may be 0, and `batch_size` smaller than `base_batch_size`.


# %% tags=["exercise"]
def scaled_rate(step, batch_size, base_rate, base_batch_size, warmup_steps):
    raise NotImplementedError  # your code here


# %% tags=["check"]
exercises.scaled_rate.check(scaled_rate)


# %% tags=["solution"]
# One possible answer; open it once you have tried.
def scaled_rate_solution(step, batch_size, base_rate, base_batch_size, warmup_steps):
    """The rate at a step (from 0): linear scaling with a gradual warm-up (Goyal et al. 2017)."""
    target = base_rate * batch_size / base_batch_size
    if step >= warmup_steps:
        return target
    return base_rate + (target - base_rate) * step / warmup_steps


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 練習 3：寫一個真正的優化器類別
#
# 難度 ★★★，約 20 分鐘。
#
# 梯度一變小，Adam 的分母就跟著縮回去。**AMSGrad**（Reddi 等人，2018）改用 v 的歷史最大值：m、v 照舊更新，接著 u ← max(u, v)，再像 Adam 那樣修正 m 與 u（用 1 − β₁ᵗ 與 1 − β₂ᵗ；這是 PyTorch 的寫法，論文沒有這項修正），最後走 θ ← θ − η·m̂/(√û + ε)。
#
# 寫成類別，用法和 `torch.optim` 一樣：`AMSGrad(model.parameters(), lr=…)`，每次 `step()` 讀每個參數的 `.grad`，就地移動參數，不改動梯度。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Exercise 3: write a real optimizer class
#
# Difficulty ★★★, about 20 minutes.
#
# Adam's denominator shrinks again when gradients become small. **AMSGrad** (Reddi et al., 2018) takes the largest v so far: update m and v as before, then u ← max(u, v), correct m and u as in Adam (by 1 − β₁ᵗ and 1 − β₂ᵗ; so PyTorch has it, the paper leaves the correction out), and move θ ← θ − η·m̂/(√û + ε).
#
# Write it as a class that is used as those of `torch.optim`: `AMSGrad(model.parameters(), lr=…)`; each `step()` reads every parameter's `.grad` and moves the parameter in place, without changing the gradient.


# %% tags=["exercise"]
class AMSGrad:
    def __init__(self, params, lr=0.001, betas=(0.9, 0.999), eps=1e-8):
        raise NotImplementedError  # your code here

    def step(self):
        raise NotImplementedError  # your code here


# %% tags=["check"]
exercises.AMSGrad.check(AMSGrad)


# %% tags=["solution"]
# One possible answer; open it once you have tried.
class AMSGrad_solution:
    """Adam whose second moment never shrinks, over a list of parameters (Reddi et al. 2018)."""

    def __init__(self, params, lr=0.001, betas=(0.9, 0.999), eps=1e-8):
        self.params, self.lr, self.betas, self.eps, self.t = list(params), lr, betas, eps, 0
        self.states = [{name: torch.zeros_like(p) for name in "mvu"} for p in self.params]

    @torch.no_grad()
    def step(self):
        """Move every parameter in place by its gradient."""
        self.t += 1
        (beta1, beta2), t = self.betas, self.t
        for param, state in zip(self.params, self.states, strict=True):
            state["m"] = beta1 * state["m"] + (1 - beta1) * param.grad
            state["v"] = beta2 * state["v"] + (1 - beta2) * param.grad**2
            state["u"] = torch.maximum(state["u"], state["v"])
            m_hat, u_hat = state["m"] / (1 - beta1**t), state["u"] / (1 - beta2**t)
            param -= self.lr * m_hat / (u_hat.sqrt() + self.eps)


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 重點整理
#
# - 「同樣的學習率」不公平：每個優化器都要用自己最好的。差三倍左右損失不大，差十倍就差得多。
# - 批次梯度的雜訊與 √B 成反比；雜訊與梯度一樣長的批次，是梯度雜訊尺度，訓練久了會變大。
# - 批次加大，起初步數減半、學習率加倍，後來兩者都停住。要多少時間，還要看機器。
# - 線性縮放規則：批次大 k 倍，學習率大 k 倍；到曲率的上限為止。
# - 「沒有發現差異」不等於「沒有差異」：報出可測出的差距；要說一樣，就做等效檢定。
#
# **實務上**：先用 Adam 或 AdamW、學習率 0.001，再往上下各試兩三個值；換了批次大小，學習率要跟著重調。**下一課**：[[regularization]]，讓模型不只在訓練資料上好。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Summary
#
# - "At the same rate" is not fair: every optimizer gets its own best. A factor of three or so costs little, a factor of ten a lot.
# - A batch's gradient has noise in proportion to 1/√B; where noise is as long as the gradient, the batch is the gradient noise scale, which grows with training.
# - A larger batch first halves the steps and doubles the rate, and later does neither. How much time it takes depends on the machine, too.
# - Linear scaling: k times the batch, k times the rate, until the limit set by curvature.
# - "No difference found" is not "no difference": report what could have been detected, and to say that two are alike, test for equivalence.
#
# **In practice**: begin with Adam or AdamW at 0.001, then try two or three rates above and below; with another batch size, tune the rate again. **Next**: [[regularization]], on how a model gets good on more than its training data.

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "skip"}
# ### 原始文獻
#
# - Goyal, Dollár, Girshick, Noordhuis, Wesolowski, Kyrola, Tulloch, Jia, He（2017），Accurate, large minibatch SGD: training ImageNet in 1 hour，arXiv:1706.02677。線性縮放與暖身。
# - McCandlish, Kaplan, Amodei, OpenAI Dota Team（2018），An empirical model of large-batch training，arXiv:1812.06162。梯度雜訊尺度。
# - Shallue, Lee, Antognini, Sohl-Dickstein, Frostig, Dahl（2019），Measuring the effects of data parallelism on neural network training，Journal of Machine Learning Research 20(112)。批次大小與步數。
# - Reddi, Kale, Kumar（2018），On the convergence of Adam and beyond，ICLR，arXiv:1904.09237。練習 3 的 AMSGrad。
# - Holm（1979），A simple sequentially rejective multiple test procedure，Scandinavian Journal of Statistics 6(2)。一次比很多對時，p 值的校正。
# - Schuirmann（1987），A comparison of the two one-sided tests procedure and the power approach for assessing the equivalence of average bioavailability，Journal of Pharmacokinetics and Biopharmaceutics 15(6)，doi:10.1007/BF01068419。等效檢定。

# %% [markdown] lang="en" slideshow={"slide_type": "skip"}
# ### Primary sources
#
# - Goyal, Dollár, Girshick, Noordhuis, Wesolowski, Kyrola, Tulloch, Jia, He (2017), Accurate, large minibatch SGD: training ImageNet in 1 hour, arXiv:1706.02677. Linear scaling, and warm-up.
# - McCandlish, Kaplan, Amodei, OpenAI Dota Team (2018), An empirical model of large-batch training, arXiv:1812.06162. The gradient noise scale.
# - Shallue, Lee, Antognini, Sohl-Dickstein, Frostig, Dahl (2019), Measuring the effects of data parallelism on neural network training, Journal of Machine Learning Research 20(112). Batch size and steps.
# - Reddi, Kale, Kumar (2018), On the convergence of Adam and beyond, ICLR, arXiv:1904.09237. AMSGrad, of exercise 3.
# - Holm (1979), A simple sequentially rejective multiple test procedure, Scandinavian Journal of Statistics 6(2). Correcting the p-values of many comparisons.
# - Schuirmann (1987), A comparison of the two one-sided tests procedure and the power approach for assessing the equivalence of average bioavailability, Journal of Pharmacokinetics and Biopharmaceutics 15(6), doi:10.1007/BF01068419. The test of equivalence.
