# %% [markdown] lang="zh-TW" about="激活函數與排程各用自己調好的學習率比較；真正留得住的早停快照；接續訓練時一個位元都不差的檢查點" slideshow={"slide_type": "slide"}
# # 訓練實務
#
# 模型會訓練了，接下來是每天都會碰到的四個問題：要不要換激活函數？學習率要不要隨時間變？什麼時候停？電腦半路當機怎麼辦？學完之後，你能夠：
#
# - 安排一場公平的比較：每一位參賽者都用自己調好的學習率，調的時候和評的時候用不同的種子；
# - 畫出五種學習率排程（schedule），說出真正有用的是哪一點；
# - 用早停（early stopping）拿回最好的那一輪（epoch）權重，也不拿測試集來做選擇；
# - 寫出禁得起當機的檢查點（checkpoint），讓接續的訓練和沒中斷過的分毫不差。
#
# 先備：[[optimizers]]（優化器）與[[mnist_mlp]]（訓練迴圈）。

# %% [markdown] lang="en" about="activations and schedules compared, each at a rate tuned for it; early stopping with a real snapshot; a checkpoint that resumes to the last bit" slideshow={"slide_type": "slide"}
# # Training practice
#
# Now come the questions of every working day: another activation function? A learning rate that changes? When to stop? What if the machine goes down half-way? By the end you can
#
# - set up a fair comparison: every contender at a rate tuned for it, and judged on other seeds than those it was tuned on;
# - draw five learning-rate schedules and say what helps;
# - get back the best epoch's weights by early stopping, and keep the test set out of your choices;
# - write checkpoints that survive a crash: a resumed run equals the uninterrupted one to the last bit.
#
# It builds on [[optimizers]] (optimizers) and [[mnist_mlp]] (the training loop).

# %% lang="zh-TW" tags=["setup"] slideshow={"slide_type": "subslide"}
from course_utils.notebook import set_up

device = set_up("training_practice", language="zh-TW", workers=True)

# %% lang="en" tags=["setup"] slideshow={"slide_type": "subslide"}
from course_utils.notebook import set_up

device = set_up("training_practice", language="en", workers=True)

# %% slideshow={"slide_type": "subslide"}
import copy
import math
import pickle
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.optim import lr_scheduler

from course_utils import plotting, seeding
from course_utils.checkpoint import CheckpointError, load_checkpoint, save_checkpoint
from course_utils.early_stopping import EarlyStopping
from course_utils.exercises import training_practice as exercises
from course_utils.experiment import run_seeds
from course_utils.intervals import (
    compare_settings,
    detectable_difference,
    mean_interval,
    paired_difference,
)
from course_utils.loader import TensorLoader
from course_utils.mnist import load_mnist
from course_utils.models import MLP, MNIST_MLP
from course_utils.notebook.claims import claim
from course_utils.stacked import StackedMLP
from course_utils.training import evaluate, fit, predict

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 一把公平的尺
#
# 激活函數和排程都有人說好，附上的證據卻常常偏心：新的方法仔細調過，舊的方法隨手設一個學習率。這一課的規則先講好：
#
# - 訓練圖片都**一樣**：固定的前 12,000 張（內附資料只有 4,000 張），縮成 14×14，批次大小 128；
# - 每一位參賽者都從**同樣五種**學習率裡挑，用五個種子，看驗證集；
# - 挑定之後，換 **20 個新種子**來評，同一個種子的兩邊成對相減。
#
# 早停與檢查點只用 2,000 張圖，大小不變。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## A fair ruler
#
# Activation functions and schedules are often praised on lopsided evidence: the new method carefully tuned, the old one at whatever rate was at hand. So the rules come first:
#
# - all train on the **same** images: the first 12,000 (or the 4,000 of the embedded data), shrunk to 14×14, in batches of 128;
# - every contender chooses among **the same five** learning rates, on five seeds and the validation set;
# - then **20 new seeds** judge, and differences are taken in pairs.
#
# Early stopping and checkpoints use 2,000 images, at full size.

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（5 分鐘）比較五種激活函數時，每一種先從五個學習率裡挑最好的。為什麼挑的時候用一批種子，評分時要換另一批？
#
# - ✗ 種子越多，結果越準，換不換其實沒有差別。 *把「多幾個種子」和「沒參與挑選的種子」當成同一回事。*
# - ✓ 挑出來的那個，在當初的種子上多少帶著運氣；新的種子才量得到真正的實力。 *從很多個裡挑最高的，挑到的成績會偏高。*
# - ✗ 因為網路會記住種子。 *以為種子像訓練圖片一樣，會被模型背起來。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (5 min) When five activation functions are compared, each first takes the best of five rates. Why are other seeds used for judging than for choosing?
#
# - ✗ More seeds make it more precise; whether they are new does not matter. *Takes more seeds and seeds that had no part in choosing for the same thing.*
# - ✓ The one that was chosen owes some of its result to luck on those seeds; new seeds measure what it is worth. *The best of many is too good on the very seeds that chose it.*
# - ✗ Because a network remembers its seed. *Thinks that a seed is learned like a training image.*

# %%
mnist = load_mnist()
print(mnist.banner())
train = mnist.train.subset(min(12_000, len(mnist.train)))
RATES = [0.001, 0.003, 0.01, 0.03, 0.1]


# %%
def half_size(dataset):  # inputs (N, 196), labels (N,)
    images, labels = dataset.tensors
    return nn.functional.avg_pool2d(images, 2).flatten(1), labels


halves = {"train": half_size(train), "val": half_size(mnist.val)}  # no run sees the test set

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 許多網路疊在一起訓練
#
# 要訓練的網路超過四百個。[[perceptron_xor]]把許多小網路疊成一個來算，這裡也一樣：Adam 是逐元素的，疊在一起的網路互不影響。每個網路照自己的種子洗牌。網路是[[mnist_mlp]]那一種，有批次正規化與 dropout，只是小一些：196-64-64-10。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### Many networks, stacked
#
# More than four hundred networks are trained, stacked and computed as one, as in [[perceptron_xor]]: Adam works element by element, so none notices the others. Each has its own order of the images. The network is that of [[mnist_mlp]], with batch norm and dropout, only smaller: 196-64-64-10.


# %%
def batches(seeds, inputs, labels, epochs):
    generators = [seeding.generator(seed) for seed in seeds]
    for _ in range(epochs):
        orders = [torch.randperm(len(labels), generator=generator) for generator in generators]
        for rows in torch.stack(orders).split(128, dim=1):
            yield inputs[rows], labels[rows]  # (S, 128, 196), (S, 128)


def losses_of(stack, inputs, labels):  # a loss and an accuracy (%) for each network
    logits = stack(inputs)  # (S, N, 10)
    labels = labels.expand(logits.shape[:2])
    losses = nn.functional.cross_entropy(logits.transpose(1, 2), labels, reduction="none")
    correct = (logits.argmax(dim=2) == labels).double()
    return losses.mean(dim=1), 100 * correct.mean(dim=1)


# %% slideshow={"slide_type": "subslide"}
def train_stack(seed, size, train, val, lr, epochs, activation=nn.ReLU, schedule=None):
    seeds, widths = range(seed, seed + size), (196, [64, 64], 10)
    options = {"activation": activation, "batch_norm": True, "dropout_rate": 0.2}
    stack = StackedMLP(*widths, seeds=seeds, **options)
    optimizer = torch.optim.Adam(stack.parameters(), lr=lr, fused=True)
    steps, train_losses = math.ceil(len(train[1]) / 128), []
    scheduler = schedule(optimizer, epochs, steps) if schedule else None
    with seeding.seeded(seed):  # dropout
        for inputs, labels in batches(seeds, *train, epochs):
            losses, _ = losses_of(stack, inputs, labels)
            optimizer.zero_grad()
            losses.sum().backward()
            optimizer.step()
            if scheduler:
                scheduler.step()
            train_losses.append(losses.detach())
    with torch.no_grad():
        val_loss, accuracy = losses_of(stack.eval(), *val)
    last_epoch = torch.stack(train_losses[-steps:]).mean(dim=0)
    return {"train_loss": last_epoch.numpy(), "val_loss": val_loss.numpy(), "accuracy": accuracy}


# %% slideshow={"slide_type": "subslide"}
def tune(contenders, measure, epochs):  # mean over five seeds: (contenders, rates)
    tries = {f"{n}, {lr}": s | {"lr": lr} for n, s in contenders.items() for lr in RATES}
    runs = run_seeds(train_stack, seeds=[100], settings=tries, size=5, epochs=epochs, **halves)
    means = np.array([values.mean() for values in runs[measure]])
    return pd.DataFrame(means.reshape(-1, len(RATES)), index=list(contenders), columns=RATES)


def judge(contenders, rates, epochs):  # a table (20 new seeds, contenders) for each measure
    settings = {name: s | {"lr": rates[name]} for name, s in contenders.items()}
    runs = run_seeds(train_stack, seeds=[0], settings=settings, size=20, epochs=epochs, **halves)
    runs = runs.set_index("setting")
    measures = ("train_loss", "val_loss", "accuracy")
    return {m: pd.DataFrame(dict(runs[m])).astype(float) for m in measures}


def compare(table, baseline=None):
    long = table.melt(ignore_index=False, var_name="setting").reset_index(names="seed")
    return compare_settings(long, "value", baseline)


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 換個激活函數，就會更好嗎？
#
# 常聽到「GELU 比 ReLU 好」，附上的證據往往只是各訓練一次，用同一個學習率。這裡有五種激活函數，每一種先調學習率，再比，各訓練三輪。
#
# 猜猜看：哪一種第一名？比起換激活函數，把學習率從 0.001 換成最好的那個，賺得比較多還是比較少？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## A different activation, a better model?
#
# "GELU beats ReLU" is often heard, on the evidence of one run of each, at one rate for both. Here are five activation functions, three epochs each, first tuned, then compared.
#
# Guess: which comes first? And what gains more: to exchange the activation function, or to move from a rate of 0.001 to the best one?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（6 分鐘）在 MNIST 上訓練一個有批次正規化的小網路，各三輪。哪一件事讓驗證準確率提高得比較多：把 ReLU 換成別的激活函數，還是把 Adam 的學習率從 0.001 調到最好？
#
# - ✓ 調學習率。 *五種激活函數都因此提高一個百分點以上；ReLU、Leaky ReLU、GELU、SiLU 調好之後，彼此相差不到一個百分點。*
# - ✗ 換激活函數。 *相信新的激活函數本身就是進步的來源。*
# - ✗ 兩件事一樣多。 *沒有想過 0.001 可能離最好的學習率還很遠。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (6 min) A small network with batch norm trains on MNIST for three epochs. What raises its validation accuracy more: to exchange ReLU for another activation function, or to move Adam's rate from 0.001 to its best?
#
# - ✓ The rate. *It gave each of the five more than a point; ReLU, Leaky ReLU, GELU and SiLU, once tuned, lie within one point.*
# - ✗ The activation function. *Believes that the newer function is itself the source of progress.*
# - ✗ Both alike. *Does not consider that 0.001 may be far from the best rate.*

# %%
activations = {
    "ReLU": {"activation": nn.ReLU},
    "Leaky 0.1": {"activation": lambda: nn.LeakyReLU(0.1)},
    "GELU": {"activation": nn.GELU},
    "SiLU": {"activation": nn.SiLU},
    "Tanh": {"activation": nn.Tanh},
}

# %%
tuning = tune(activations, "accuracy", epochs=3)
best_rates = tuning.idxmax(axis=1)

# %% slideshow={"slide_type": "subslide"} alt-zh="橫軸是學習率（對數刻度），縱軸是驗證準確率，五種激活函數各一條線。每一條都先升後降，在 0.01 附近最高。Tanh 整條在最下面，其餘四條靠得很近。" alt-en="Validation accuracy against the rate on a log axis, a line for each of five activation functions. Every line rises and falls and is highest near 0.01. Tanh lies below throughout; the other four are close together."
figure, ax = plt.subplots(figsize=(8, 3.2))
for (name, row), marker in zip(tuning.iterrows(), "os^Dv", strict=True):
    ax.semilogx(RATES, row, marker=marker, label=name)
ax.set(xlabel="rate (log)", ylabel="validation accuracy (%)")
print("best rates:", *[f"{name} ≈{rate:g}" for name, rate in best_rates.items()])
ax = ax.legend(loc="lower center", ncols=5, fontsize=9)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 每一條線都有自己的山頂。只在 0.001 比，等於大家都站在山腳。現在各用自己的學習率，換 20 個新種子來評：

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# Every line has a top of its own, and a comparison at 0.001 compares them all at the foot of the hill. Now each at its own rate, on 20 new seeds:

# %%
accuracy = judge(activations, best_rates, epochs=3)["accuracy"]
pairs = compare(accuracy)
wins = accuracy.idxmax(axis=1).value_counts()
print("best of five, by seed:", *[f"{name} ≈{count}," for name, count in wins.items()], "of 20")

# %% slideshow={"slide_type": "subslide"} alt-zh="十對激活函數的準確率之差與 95% 信賴區間。含有 Tanh 的四對差距最大，約一個半到兩個百分點。其餘各對都在 0.7 個百分點以內，有的是實心點，有的是空心點。" alt-en="Differences in accuracy of ten pairs of activation functions with 95 % intervals. The four pairs with Tanh differ most, by one and a half to two points. All others lie within 0.7 points; some dots are filled, some hollow."
figure, ax = plt.subplots(figsize=(8, 3.5))
names = [f"{a} - {b}" for a, b in zip(pairs["a"], pairs["b"], strict=True)]
plotting.plot_forest(ax, names, pairs["difference"], pairs["differs"])
ax = ax.set(xlabel="difference (points; filled: Holm p < 0.05)")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 一次比十對，單看區間很容易有一對碰巧避開零，所以要做 Holm 校正：校正後仍站得住的畫成實心，其餘空心，也就是**沒有發現差異**。沒有發現不等於沒有，所以下面也印出：差異要多大，這 20 個種子才測得出來。
#
# **主張 1** 在完整的 MNIST 上，五種激活函數的平均驗證準確率都因為把學習率從 0.001 換成最好的那個，提高 1 個百分點以上。相比之下，ReLU、Leaky ReLU、GELU、SiLU 這四種各用最好的學習率時，平均最多只差不到 1 個百分點。
#
# **主張 2** 在完整的 MNIST 上，GELU 的平均準確率高於另外四種，Tanh 則低於另外四種 0.5 個百分點以上（差距的 95% 信賴區間全都如此）。
#
# 這是三輪之後的差，而且只在這一個網路上。想提高準確率，先調學習率。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# Of ten intervals one easily misses zero by chance. Hence Holm's correction: dots that survive it are filled, the others hollow, which means **no difference found**. Not found is not none: printed below is how large a difference these 20 seeds would have found.
#
# **Claim 1** On full MNIST, for all five, moving from a rate of 0.001 to the best one raises the mean validation accuracy by more than 1 point. By comparison the means of ReLU, Leaky ReLU, GELU and SiLU, each at its best rate, lie within 1 point of each other.
#
# **Claim 2** On full MNIST the mean accuracy of GELU is above each of the other four, and that of Tanh more than 0.5 points below each (all these 95 % intervals say so).
#
# All this after three epochs, for this one network. For a better accuracy tune the rate first.

# %%
detectable = [
    detectable_difference(accuracy[a], accuracy[b], num_pairs=10)
    for a, b in zip(pairs["a"], pairs["b"], strict=True)
]
hollow = [
    (n, d) for n, d, found in zip(names, detectable, pairs["differs"], strict=True) if not found
]
for name, points in hollow:
    print(f"{name}: not told apart; a difference of ≈{points:.2f} points would have been found")
gained = tuning.max(axis=1) - tuning[0.001]
print("from 0.001 to the best rate:", *[f"≈{points:.1f}" for points in gained], "points")

# %% slideshow={"slide_type": "subslide"}
four = accuracy.drop(columns="Tanh")
tuning_wins = bool((gained > 1).all() and np.ptp(four.mean()) < 1)
claim(1, tuning_wins, tiers="full", tier=mnist.tier)
last = all(paired_difference(four[name], accuracy["Tanh"]).low > 0.5 for name in four)
others = accuracy.drop(columns="GELU")
first = all(paired_difference(accuracy["GELU"], others[name]).low > 0 for name in others)
claim(2, first and last, tiers="full", tier=mnist.tier)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 學習率排程：五種走法
#
# [[optimizers]]看過：固定的學習率有雜訊下限，步長大，走得快，但停在高處。**排程**讓學習率隨著步數改變。PyTorch 的排程器用法大同小異：`optimizer.step()` 之後呼叫 `scheduler.step()`，每步一次或每輪一次。
#
# 下面的 `epochs` 是總輪數，`steps` 是一輪有幾步。看圖之前先猜猜看：哪一種只升不降？哪一種要看驗證損失才知道怎麼走？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Learning-rate schedules: five ways to walk
#
# [[Optimizers]] showed it: a constant rate has a noise floor; large steps are quick, and stay high. A **schedule** lets the rate change with the steps. In PyTorch, after `optimizer.step()` comes `scheduler.step()`, once a step or once per epoch.
#
# Below, `epochs` is the number of epochs and `steps` the number of steps in each. Guess, before you look at the picture: which one only rises? Which one has to see a validation loss first?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（4 分鐘）五種排程：暖身（LinearLR）、階梯（StepLR）、餘弦、one-cycle、ReduceLROnPlateau。哪一種每一輪都要看驗證損失，才知道下一步的學習率？
#
# - ✗ 階梯，因為它在損失停滯時往下降一階。 *把「到了步數就降」當成「停滯了才降」。*
# - ✗ 全部，因為排程都是為了讓損失下降。 *以為排程會自動觀察訓練的情形。*
# - ✓ ReduceLROnPlateau。 *其餘四種在訓練開始之前就完全決定了，只數呼叫了幾次。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (4 min) Five schedules: warm-up (LinearLR), step (StepLR), cosine, one-cycle, ReduceLROnPlateau. Which one has to see the validation loss in order to know the next rate?
#
# - ✗ Step, since it goes down when the loss stalls. *Takes a fall at a fixed step for a fall at a stall.*
# - ✗ All of them, as all serve to lower the loss. *Thinks that a schedule watches the training by itself.*
# - ✓ ReduceLROnPlateau. *The other four are settled before training starts and only count how often they were called.*


# %%
def one_cycle(opt, epochs, steps):
    return lr_scheduler.OneCycleLR(opt, opt.param_groups[0]["lr"], total_steps=epochs * steps)


SCHEDULES = {
    "warm-up": lambda opt, epochs, steps: lr_scheduler.LinearLR(opt, 0.01, total_iters=steps),
    "step": lambda opt, epochs, steps: lr_scheduler.StepLR(opt, 2 * steps, gamma=0.3),
    "cosine": lambda opt, epochs, steps: lr_scheduler.CosineAnnealingLR(opt, epochs * steps),
    "one-cycle": one_cycle,
    "plateau": lambda opt, *_: lr_scheduler.ReduceLROnPlateau(opt, factor=0.3, patience=0),
}


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 要看一個排程，就給它一個只有一個權重的優化器，空走一遍，把學習率記下來。
#
# `ReduceLROnPlateau` 等驗證損失不再下降才動手，所以要餵它損失；這裡用編出來的五個數，第三輪變差。其餘四種每一**步**呼叫一次。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# To see a schedule, give it an optimizer with a single weight, walk through the steps, and note the rate.
#
# `ReduceLROnPlateau` acts once the validation loss no longer falls, so it must be fed losses: five made-up ones, the third worse. The other four are called once a **step**.

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（4 分鐘）`CosineAnnealingLR(optimizer, T_max=5)` 的 5 本來想的是 5 輪，程式卻每一步呼叫一次 `scheduler.step()`，一輪有 94 步。學習率會怎樣？
#
# - ✗ 五步之後降到 0，從此停在那裡。 *以為餘弦排程走完半個波就結束。*
# - ✓ 整場訓練都在上下振盪，每五步走完半個波。 *排程器不知道單位，只認得呼叫的次數；程式也不報錯。*
# - ✗ PyTorch 會報錯，因為呼叫次數超過 T_max。 *以為 T_max 是呼叫次數的上限，有人會檢查。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (4 min) `CosineAnnealingLR(optimizer, T_max=5)` was meant as 5 epochs, but `scheduler.step()` is called at every one of 94 steps an epoch. What does the rate do?
#
# - ✗ It reaches 0 after five steps and stays there. *Thinks that the cosine ends after half a wave.*
# - ✓ It swings up and down all through training, half a wave every five steps. *A scheduler knows no unit, only how often it was called; nothing complains.*
# - ✗ PyTorch raises an error, as there are more calls than T_max. *Takes T_max for a limit that somebody checks.*


# %%
def learning_rates(make, epochs=5, steps=94, val_losses=(0.3, 0.2, 0.21, 0.19, 0.18)):
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.01)
    scheduler, rates = make(optimizer, epochs, steps), []
    for step in range(epochs * steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if not isinstance(scheduler, lr_scheduler.ReduceLROnPlateau):
            scheduler.step()
        elif (step + 1) % steps == 0:  # once an epoch
            scheduler.step(val_losses[step // steps])
    return np.array(rates)


# %% slideshow={"slide_type": "subslide"} alt-zh="六張子圖，橫軸是步數，縱軸是學習率。warm-up 在第一輪直線上升後保持；step 下降兩次，共三階；cosine 平滑降到零；one-cycle 先升後降；plateau 在第三輪之後下降一次；第六張是每十步就上下振盪一次的餘弦，密得塞滿整張子圖。" alt-en="Six small panels, rate against step. warm-up rises through the first epoch and stays; step falls twice and so has three levels; cosine falls smoothly to zero; one-cycle rises, then falls; plateau falls once after the third epoch; the sixth is a cosine that swings down and up once in ten steps, so fast that it fills the panel."
panels = dict(SCHEDULES)
panels["cosine, but how?"] = lambda opt, epochs, _: lr_scheduler.CosineAnnealingLR(opt, epochs)
figure, axes = plt.subplots(2, 3, figsize=(9.5, 4), sharex=True, sharey=True)
for ax, (name, make) in zip(axes.flat, panels.items(), strict=True):
    ax.plot(learning_rates(make), linewidth=1.5)
    ax.set_title(name, fontsize=11)
for ax in axes[:, 0]:
    ax.set_ylabel("rate")
for ax in axes[1]:
    ax.set_xlabel("step")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 第六張小圖怎麼了？同一個餘弦排程，只是 `T_max` 填的是**輪數** 5，卻每一**步**呼叫一次：每五步走完半個波，學習率整場訓練都在上下振盪，程式卻不會報錯。
#
# 排程器只認得「呼叫了幾次」。所以用之前先畫出來。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# What went wrong in the sixth? It is the same cosine, but `T_max` counts **epochs**, 5, and it was called at every **step**: half a wave takes five steps, and the rate swings all through training.
#
# A scheduler knows only how often it was called. Draw it before you use it.

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 賽跑：排程對上固定學習率
#
# 各訓練五輪。對手是固定的學習率，而且也調過：拿調好的排程和沒調的固定學習率相比，贏了也不算數。排程要調的是最高的學習率，範圍相同。`plateau` 不參賽：疊在一起的網路共用一個排程器，五輪也太短。
#
# 想一想：哪幾種會贏過**調好的**固定學習率？贏的是形狀，還是別的？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## The race: schedules against a constant rate
#
# Five epochs each. The opponent is a constant rate, tuned as well: to beat an untuned one with a tuned schedule proves nothing. What a schedule tunes is its highest rate, over the same range. `plateau` does not run: stacked networks share one scheduler, and five epochs are too short.
#
# Predict: which of them beat a **tuned** constant rate? Is it by their shape, or by something else?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（6 分鐘）MNIST 上的小網路各訓練五輪，每一種都用調好的最高學習率。階梯、餘弦、one-cycle 都贏過固定的學習率，只暖身、之後固定的則沒有贏。前三種的共同點是什麼？
#
# - ✗ 曲線平滑。 *階梯一點也不平滑，成績卻差不多。*
# - ✗ 開頭有暖身。 *三種裡只有 one-cycle 有暖身；單獨暖身並沒有贏。*
# - ✓ 學習率先大後小。 *因為最後會降下來，一開始就敢走得更大。*
# - ✗ 學習率的平均比較低。 *以為只要學習率小就好；它們最好的最高學習率其實比固定的更大。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (6 min) Small networks train on MNIST for five epochs, each at its tuned highest rate. Step, cosine and one-cycle beat a constant rate; warm-up followed by a constant rate does not. What do the first three have in common?
#
# - ✗ A smooth curve. *Overlooks that step is not smooth at all and does about as well.*
# - ✗ A warm-up at the start. *Only one-cycle has one, and warm-up alone did not win.*
# - ✓ A large rate is followed by a small one. *Because it will come down, it can start higher.*
# - ✗ A lower rate on average. *Thinks smaller is simply better; their best highest rates are larger than the constant one.*

# %%
contenders = {"constant": {}}
contenders |= {n: {"schedule": s} for n, s in SCHEDULES.items() if n != "plateau"}
race_tuning = tune(contenders, "val_loss", epochs=5)
peaks = race_tuning.idxmin(axis=1)

# %% slideshow={"slide_type": "subslide"} alt-zh="橫軸是最高學習率，縱軸是驗證損失，都是對數刻度，五條谷形曲線。固定與 warm-up 的谷底在 0.003 到 0.01；step、cosine、one-cycle 的谷底更低，也更靠右，在 0.01 到 0.03。在 0.001，這三種反而最高。" alt-en="Validation loss against the highest rate, both axes logarithmic; five valleys. Constant and warm-up are lowest at 0.003 to 0.01; step, cosine and one-cycle go lower, further right, at 0.01 to 0.03. At 0.001 these three are the highest."
figure, ax = plt.subplots(figsize=(8, 3.2))
for (name, row), marker in zip(race_tuning.iterrows(), "osD^v", strict=True):
    ax.loglog(RATES, row, marker=marker, label=name)
ax.set(xlabel="highest rate (log)", ylabel="validation loss (nats, log)")
ax.set_yticks([0.13, 0.15, 0.2, 0.25], ["0.13", "0.15", "0.20", "0.25"])
ax.minorticks_off()
print("best highest rates:", *[f"{name} ≈{peak:g}" for name, peak in peaks.items()])
ax = ax.legend()

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 這張圖裡藏著一個騙人的方法：排程各用最好的學習率，固定學習率只用 0.001。換 20 個新種子，比**調好的對調好的**：

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# The picture holds a way to cheat: set the schedules at their best against a constant 0.001. So, on 20 new seeds, **tuned against tuned**:

# %%
judged = judge(contenders, peaks, epochs=5)
found = {loss: compare(judged[loss], "constant") for loss in ("train_loss", "val_loss")}

# %% alt-zh="兩張森林圖，各排程減去固定學習率的差，左邊是訓練損失，右邊是驗證損失。兩張圖中 step、cosine、one-cycle 都明顯在零的左邊，彼此靠得很近；warm-up 在零的右邊或零的附近。" alt-en="Two forest plots of each schedule minus the constant rate: training loss on the left, validation loss on the right. In both, step, cosine and one-cycle lie clearly left of zero and close together; warm-up lies right of zero or near it."
figure, axes = plt.subplots(1, 2, figsize=(10, 2.8))
for ax, (loss, rows) in zip(axes, found.items(), strict=True):
    plotting.plot_forest(ax, rows["a"], rows["difference"], rows["differs"])
    ax.set(title=loss.replace("_", " "), xlabel="minus tuned constant (nats)")
    ax.locator_params(axis="x", nbins=5)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# step、cosine、one-cycle 走的曲線不同，結果卻很接近。它們的共同點不在形狀，而在**先大後小**：因為最後會降下來，一開始就敢走得更大。（one-cycle 前面多一段暖身（warm-up），PyTorch 預設連 Adam 的 β₁ 也跟著變。）
#
# **主張 3** 這三種排程最後一輪的平均訓練損失，都低於調好的固定學習率（三個信賴區間都在零以下）。
#
# **主張 4** 在完整的 MNIST 上，三種的平均驗證損失也都低於調好的固定學習率（三個信賴區間都在零以下）。如果對手只用學習率 0.001，cosine 的領先看起來會是兩倍以上。
#
# **主張 5** 在完整的 MNIST 上，選哪一條曲線，比不上有沒有降下來：三種的平均驗證損失，彼此最大的差距，小於其中最小的一個領先固定學習率的幅度。
#
# **主張 6** 在完整的 MNIST 上，只暖身、之後固定的排程，就算有好處也小於 0.007：它的平均驗證損失減去固定學習率的平均，95% 信賴區間的下限高於 −0.007。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# Step, cosine and one-cycle walk different curves to nearly the same place. What they have in common is not their shape but that **a large rate is followed by a small one**: because the rate will come down, it can start higher. (One-cycle also warms up first and, by default, moves Adam's β₁.)
#
# **Claim 3** The mean training loss of these three in the last epoch is below that of the tuned constant rate (three intervals below zero).
#
# **Claim 4** On full MNIST so is their mean validation loss (three intervals below zero). Had the opponent run at 0.001 only, the lead of cosine would look more than twice as large.
#
# **Claim 5** On full MNIST the choice of the curve matters less than coming down at all: the largest gap between the mean validation losses of the three is smaller than the smallest of their leads over the constant rate.
#
# **Claim 6** On full MNIST a warm-up followed by a constant rate gains less than 0.007, if anything: the 95 % interval of its mean validation loss minus that of the constant rate begins above −0.007.

# %%
three, val_loss = ["step", "cosine", "one-cycle"], judged["val_loss"]
differences = {loss: dict(zip(r["a"], r["difference"], strict=True)) for loss, r in found.items()}
claim(3, all(differences["train_loss"][name].high < 0 for name in three))
lower = all(differences["val_loss"][name].high < 0 for name in three)
untuned_gap = race_tuning.loc["constant", 0.001] - race_tuning.loc["cosine"].min()
tuned_gap = race_tuning.loc["constant"].min() - race_tuning.loc["cosine"].min()
claim(4, bool(lower and untuned_gap > 2 * tuned_gap), tiers="full", tier=mnist.tier)

# %% slideshow={"slide_type": "subslide"}
for _, pair in compare(val_loss[three]).iterrows():
    a, b = pair["a"], pair["b"]
    detectable = detectable_difference(val_loss[a], val_loss[b], num_pairs=3)
    print(f"{a} - {b}: {pair['difference']:.4f}, detectable ≈{detectable:.4f}")
leads = [-differences["val_loss"][name].mean for name in three]
print("below constant, by:", *[f"≈{lead:.4f}" for lead in leads])
claim(5, np.ptp(val_loss[three].mean()) < min(leads), tiers="full", tier=mnist.tier)
warm_up = differences["val_loss"]["warm-up"]
print(f"warm-up minus constant: {warm_up:.4f}")
claim(6, warm_up.low > -0.007, tiers="full", tier=mnist.tier)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 早停：訓練到什麼時候？
#
# 為了很快看到過擬合（overfitting），這一節只用 2,000 張圖訓練，不加 dropout，也不加批次正規化，跑 25 輪，換十個種子。
#
# 想一想：驗證**損失**會在第幾輪最低？驗證**準確率**會在同一輪最高嗎？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Early stopping: how long to train?
#
# To see overfitting soon, this section trains on 2,000 images only, without dropout or batch normalization, for 25 epochs and ten seeds.
#
# Predict: in which epoch is the validation **loss** lowest? Is the validation **accuracy** highest in the same one?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（5 分鐘）用 2,000 張 MNIST 圖訓練一個沒有正則化的 MLP，跑 25 輪。驗證損失在第 10 輪前後到谷底，之後回升。驗證準確率呢？
#
# - ✗ 從同一輪開始下降。 *以為損失和準確率量的是同一件事。*
# - ✓ 沒有跟著下降，還緩緩上升。 *損失回升，是因為少數答錯的圖越來越有信心；準確率看不見信心。*
# - ✗ 不可能：損失上升，準確率一定下降，程式有錯。 *不知道兩者可以分道揚鑣。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (5 min) An MLP without regularization trains on 2,000 MNIST images for 25 epochs. Its validation loss is lowest near epoch 10 and then rises. And its validation accuracy?
#
# - ✗ It falls from that same epoch on. *Thinks that loss and accuracy measure the same thing.*
# - ✓ It does not fall with it, but creeps up. *The loss rises because a few wrong answers become ever surer; the accuracy cannot see that.*
# - ✗ Impossible: with a rising loss the accuracy must fall, so there is a bug. *Does not know that the two may part.*


# %%
def loaders(seed, train, val):
    generator = seeding.generator(seed)
    train_loader = TensorLoader(train, 128, shuffle=True, generator=generator)
    return train_loader, TensorLoader(val, 1000)


def small_run(seed, train, val, device, patience=None):
    train_loader, val_loader = loaders(seed, train, val)
    model, correct = MLP(784, [128, 128], 10, seed=seed), []
    optimizer = torch.optim.Adam(model.parameters(), lr=0.001, fused=True)

    def record(history):  # which validation images it gets right after this epoch
        answers = predict(model, val_loader, device).argmax(dim=1)
        correct.append((answers == val.labels).numpy())

    options = {"epochs": 25, "device": device, "after_epoch": record}
    if patience is not None:
        options["early_stopping"] = EarlyStopping(patience)
    history = fit(model, train_loader, val_loader, nn.CrossEntropyLoss(), optimizer, **options)
    return {"history": history, "model": model.cpu(), "correct": np.array(correct)}


# %% slideshow={"slide_type": "subslide"} alt-zh="兩張圖的橫軸都是輪數，左圖的縱軸是損失，右圖是準確率。訓練損失降到接近零；驗證損失先降，在第 9 到 15 輪左右的谷底幾乎持平，之後緩緩上升。驗證準確率沒有跟著下降，反而緩緩上升。" alt-en="Loss on the left, accuracy on the right, against epochs. Training loss falls towards zero; validation loss falls, is nearly flat at the bottom from about epoch 9 to 15, and then rises slowly. Validation accuracy does not fall with it, but creeps up."
small = {"train": train.subset(2000), "val": mnist.val.subset(min(2000, len(mnist.val)))}
small["device"] = str(device)
long_runs = run_seeds(small_run, seeds=range(10), **small)
histories = list(long_runs["history"])
figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 3.3))
plotting.plot_history(left, histories, "loss").set_ylim(-0.02, 0.8)  # the first epoch is higher
ax = plotting.plot_history(right, histories, "accuracy")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 損失先到谷底，之後回升；準確率卻沒有跟著掉。這不矛盾，因為損失還看模型**有多大的信心**：答錯的圖，信心越大罰得越重，準確率看不見這一點。所以先問「我在乎什麼」：機率要可信，就看損失；只問答對幾題，就看準確率（練習 1）。
#
# **主張 7** 換十個種子各訓練一次，驗證損失每次都在第 20 輪之前到谷底，第 25 輪都比谷底高出 0.01 以上。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# The loss bottoms out and later rises, yet the accuracy does not fall. No contradiction: the loss also punishes a wrong answer the more, the **surer** the model was, and the accuracy cannot see that. So first ask what you care about: for probabilities one can trust, watch the loss; if only right answers count, watch the accuracy (exercise 1).
#
# **Claim 7** For all ten seeds the validation loss bottoms out before epoch 20, and in epoch 25 it is more than 0.01 above that.

# %%
val_losses = np.array([history.val_loss for history in histories])  # (seeds, epochs)
best_epochs = val_losses.argmin(axis=1) + 1
print("epochs with the lowest validation loss:", *[f"≈{epoch}" for epoch in best_epochs])
risen = val_losses[:, -1] - val_losses.min(axis=1)
claim(7, bool((best_epochs < 20).all() and (risen > 0.01).all()))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 早停的規則：patience 與 min_delta
#
# **早停**的規則：連續 `patience` 輪沒有進步，就停，並把最好那一輪的權重放回去。「進步」指的是損失比目前最好的一輪還要低，而且差距超過 `min_delta`；有進步的那一輪，才成為新的「最好的一輪」。
#
# 課程的 `EarlyStopping` 就是這個規則。拿剛才記錄下來的曲線問它：patience 等於 1、2、3、5，各會停在哪一輪？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## The rule of early stopping: patience and min_delta
#
# **Early stopping** says: after `patience` epochs in a row without an improvement, stop, and put back the weights of the best epoch. An "improvement" is a loss below that of the best epoch so far, by more than `min_delta`; only an improvement becomes the new best epoch.
#
# `EarlyStopping` is this rule. On the curves just recorded, with a patience of 1, 2, 3, 5, where does it stop?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（5 分鐘）早停會留住最好那一輪的權重。把 patience 從 1 改成 5，代價是什麼？
#
# - ✗ 拿到的是過擬合之後的權重。 *忘了最後放回去的是最好那一輪，不是最後一輪。*
# - ✗ 更容易停得太早。 *把 patience 的方向弄反了。*
# - ✓ 只是多訓練幾輪，留下的驗證損失絕不會比較高。 *它看過的輪數包含 patience 1 看過的每一輪。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (5 min) Early stopping keeps the weights of the best epoch. What does it cost to raise the patience from 1 to 5?
#
# - ✗ One gets weights from after the overfitting set in. *Forgets that the best epoch is put back, not the last.*
# - ✗ It is more likely to stop too early. *Has the direction of patience the wrong way round.*
# - ✓ A few more epochs; the validation loss that is kept is never higher. *It has seen every epoch that a patience of 1 has seen.*


# %%
def when_it_stops(losses, patience):
    early_stopping = EarlyStopping(patience)
    for loss in losses:
        if early_stopping(float(loss), nn.Identity()):  # no weights here: only the rule matters
            break
    return early_stopping.epoch, early_stopping.best_epoch


# %%
stops = {p: [when_it_stops(losses, p) for losses in val_losses] for p in (1, 2, 3, 5)}
table = pd.DataFrame(stops, index=[f"seed {seed}" for seed in range(10)])
table.map(lambda pair: "stops ≈{}, keeps ≈{}".format(*pair)).rename(columns="patience {}".format)

# %% alt-zh="橫軸是輪數，縱軸是驗證損失，十個種子各一條曲線。三角形是 patience 1 停下的地方，多半還在下坡；方塊是 patience 3 停下的地方，都已經到了谷底附近。" alt-en="Validation loss of ten seeds against epochs. Triangles mark where a patience of 1 stops, mostly still on the way down; squares where a patience of 3 stops, all near the bottom." slideshow={"slide_type": "subslide"}
figure, ax = plt.subplots(figsize=(8.5, 3.2))
ax.plot(range(1, 26), val_losses.T, color="gray", linestyle="-", linewidth=1)
for patience, marker, color in ((1, "^", "#D55E00"), (3, "s", "#0173B2")):
    epochs = [epoch for epoch, _ in stops[patience]]
    heights = [losses[epoch - 1] for losses, epoch in zip(val_losses, epochs, strict=True)]
    ax.plot(epochs, heights, marker, color=color, label=f"patience {patience} stops")
ax.set(xlabel="epoch", ylabel="validation loss (nats)")
ax = ax.legend()

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 驗證損失會抖。patience 太小，第一次抖動就嚇得停下來；太大只是多花幾輪，最好的權重還留著。
#
# **主張 8** 十次訓練裡至少有一次，patience 1 留下的損失比 patience 5 高。反過來則不可能：patience 5 看過的輪數包含 patience 1 看過的每一輪，所以它留下的損失必然不會比較高。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# A validation loss wobbles. With too little patience the first wobble ends the run; too much costs a few epochs, and the best weights are kept all the same.
#
# **Claim 8** For at least one of the ten seeds a patience of 1 keeps a higher loss than a patience of 5. The reverse must not happen, and cannot: a patience of 5 has seen every epoch that a patience of 1 has seen.

# %%
kept = {
    p: np.array([losses[best - 1] for losses, (_, best) in zip(val_losses, pairs, strict=True)])
    for p, pairs in stops.items()
}
print(f"patience 1 minus 5, validation loss kept: {paired_difference(kept[1], kept[5]):.3f}")
claim(8, bool((kept[1] > kept[5]).any() and (kept[1] >= kept[5]).all()))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 會跟著訓練的「快照」
#
# 早停要記住最好那一輪的權重。網路上到處看得到這一行：
#
# `best_state = model.state_dict().copy()`
#
# 想一想：拍下快照之後，讓優化器再走一步，快照裡的權重會變嗎？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## A "snapshot" that goes on training
#
# Early stopping has to remember the best epoch's weights. This line is all over the web:
#
# `best_state = model.state_dict().copy()`
#
# Predict: take the snapshot, then let the optimizer make one step. Do the weights in the snapshot change?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（4 分鐘）先執行 `best_state = model.state_dict().copy()`，再讓優化器走一步。`best_state` 裡的權重會變嗎？
#
# - ✓ 會，變成新的權重。 *`.copy()` 只複製字典，張量還是同一塊記憶體，優化器就地改寫。*
# - ✗ 不會，`.copy()` 就是拍下一份。 *以為淺層複製會連裡面的張量一起複製。*
# - ✗ 不會，`state_dict()` 本來就回傳新的張量。 *不知道 state_dict 交出的是參數本身的記憶體。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (4 min) `best_state = model.state_dict().copy()`, and then the optimizer makes a step. Do the weights in `best_state` change?
#
# - ✓ Yes, they become the new ones. *`.copy()` copies the dictionary only; the tensors are the same memory, and the optimizer writes in place.*
# - ✗ No, `.copy()` makes a copy. *Thinks that a shallow copy copies the tensors inside.*
# - ✗ No, `state_dict()` returns new tensors anyway. *Does not know that state_dict hands out the memory of the parameters themselves.*

# %%
model = MLP(784, [16], 10, seed=0)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
shallow = model.state_dict().copy()
deep = copy.deepcopy(model.state_dict())
before = model.net[0].weight.detach().clone()

# %%
images, labels = mnist.train.tensors
nn.functional.cross_entropy(model(images[:128]), labels[:128]).backward()
optimizer.step()
for name, snapshot in {"shallow": shallow, "deep": deep}.items():
    print(f"{name}: still the old weights? {torch.equal(snapshot['net.0.weight'], before)}")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# `.copy()` 只複製了**字典**：裡面的張量還是原來那塊記憶體；優化器就地更新，「快照」也跟著變。等到還原「最好」的權重，拿到的其實是最後一輪的；訓練是停了，卻什麼也沒還原，也沒有任何錯誤訊息。
#
# `copy.deepcopy` 連張量一起複製，`EarlyStopping` 用的就是它。
#
# **主張 9** 走一步之後，淺層快照就等於新的權重；深層快照仍是舊的，一個位元都沒變。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# `.copy()` copies the **dictionary** only: the tensors in it are still the same memory, the optimizer writes in place, and the "snapshot" changes with it. The "best" weights that are restored are the last ones; nothing was put back, and no error says so.
#
# `copy.deepcopy`, which `EarlyStopping` uses, copies the tensors as well.
#
# **Claim 9** After one step the shallow snapshot equals the new weights; the deep one is still the old, to the bit.

# %%
now = model.net[0].weight
moved = not torch.equal(now, before)
follows, stays = (torch.equal(s["net.0.weight"], w) for s, w in ((shallow, now), (deep, before)))
claim(9, moved and follows and stays)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 用起來，然後打開測試集
#
# `fit(..., early_stopping=EarlyStopping(patience=3))`：每一輪把**驗證**損失交給它，該停就停，最後放回最好的權重。
#
# 用同樣的十個種子各訓練一次，和剛才跑滿 25 輪的比。模型都定案了，測試集現在打開，每個模型只用一次。猜猜看：早停的測試損失比較低嗎？準確率呢？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Use it, then open the test set
#
# `fit(..., early_stopping=EarlyStopping(patience=3))` hands it the **validation** loss of every epoch, stops when it says so, and puts the best weights back at the end.
#
# Train the same ten seeds so, and compare with the full 25 epochs. All models are final, so the test set is opened, once for each. Guess: is the test loss lower with early stopping? And the accuracy?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（5 分鐘）同一個 MLP 用 2,000 張 MNIST 圖訓練：一種看驗證損失早停（patience 3），一種跑滿 25 輪。測試集上，早停的那一種怎麼樣？
#
# - ✗ 損失和準確率都比較好。 *以為早停對每一個指標都有好處。*
# - ✗ 兩樣都比較差，因為訓練得少。 *以為訓練越久一定越好。*
# - ✓ 損失比較低，準確率卻沒有比較高。 *監看什麼就得到什麼；跑滿 25 輪的準確率還略高一點。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (5 min) The same MLP trains on 2,000 MNIST images: once stopped early by the validation loss (patience 3), once for the full 25 epochs. How does early stopping do on the test set?
#
# - ✗ Better in both loss and accuracy. *Thinks that early stopping serves every measure.*
# - ✗ Worse in both, for it trained less. *Thinks that longer is always better.*
# - ✓ A lower loss, but no higher accuracy. *You get what you watch; the full 25 epochs are even a little more accurate.*

# %%
stopped_runs = run_seeds(small_run, seeds=range(10), **small, patience=3)
test_loader = TensorLoader(mnist.test, 1000)


def test_results(models):  # (loss, accuracy in %), an array over the models for each
    results = [evaluate(model, test_loader, nn.CrossEntropyLoss(), "cpu") for model in models]
    return np.array(results).T * [[1], [100]]


# %%
long_loss, long_accuracy = test_results(long_runs["model"])
stopped_loss, stopped_accuracy = test_results(stopped_runs["model"])
print("epochs trained:", *[f"≈{len(history)}" for history in stopped_runs["history"]])
print(
    f"test loss, 25 epochs minus early stopping: {paired_difference(long_loss, stopped_loss):.3f}"
)
gained = paired_difference(long_accuracy, stopped_accuracy)
print(f"test accuracy, 25 epochs minus early stopping: {gained:.2f} points")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 看損失停下來，得到的是好的損失，準確率卻沒有跟著好：**你監看什麼，就得到什麼**。
#
# **主張 10** 十個種子的測試損失，跑滿 25 輪的都比早停的高出 0.01 以上。
#
# **主張 11** 在完整的 MNIST 上，測試準確率反而是跑滿 25 輪的比較高：差距的平均，95% 信賴區間在零以上。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# Stop by the loss and the loss is good; the accuracy does not follow: **you get what you watch**.
#
# **Claim 10** For all ten seeds the test loss after 25 epochs is more than 0.01 above that with early stopping.
#
# **Claim 11** On full MNIST the mean test accuracy is even higher after the full 25 epochs: the 95 % interval of the difference lies above zero.

# %%
claim(10, bool((long_loss > stopped_loss + 0.01).all()))
claim(11, gained.low > 0, tiers="full", tier=mnist.tier)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 如果用測試集來決定何時停？
#
# 很多教學直接把測試損失交給早停，再報告同一個測試集的成績。這樣挑會高估多少？這裡量最簡單的挑法，也就是挑準確率最高的一輪，而且不必動用測試集：
#
# 把驗證集切成許多小份，假裝每一份輪流是「測試集」。在那一份上挑準確率最高的一輪，報告它在那一份上的準確率，再和它在**其餘圖片**上的準確率相比。差多少，就是吹噓了多少。猜猜看：用 50 張圖來挑，會吹噓多少？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## What if the test set decides when to stop?
#
# Many tutorials hand the test loss to early stopping and then report the result on the same test set. How much does such choosing flatter? Measure the plainest kind (by the best accuracy), without the test set:
#
# Cut the validation set into many small parts, and let each in turn play the "test set". Choose the epoch with the highest accuracy on that part, report its accuracy there, and compare with its accuracy on **all other images**. The difference is how much one boasts. Guess: chosen on 50 images, how much?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（5 分鐘）訓練 25 輪，用 50 張圖挑出準確率最高的一輪，再報告它在這 50 張圖上的準確率。這個數字會怎樣？
#
# - ✗ 沒有偏差，因為模型從來沒有用這 50 張圖訓練。 *只把「訓練」當成偷看，忘了「挑選」也是。*
# - ✓ 偏高，大約高出三個百分點；圖越多，高得越少。 *從很多輪裡挑最高的，挑到的有一部分是運氣。*
# - ✗ 偏低，因為 50 張圖太少。 *以為樣本少會讓成績系統性地變差。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (5 min) Of 25 epochs the one with the highest accuracy on 50 images is chosen, and its accuracy on these 50 is reported. What about that number?
#
# - ✗ It is fair, as the model never trained on those 50. *Counts only training as peeking, and forgets choosing.*
# - ✓ Too high, by about three points, and less with more images. *The best of many epochs is in part the luckiest.*
# - ✗ Too low, for 50 images are few. *Thinks that a small sample makes results worse in a systematic way.*


# %%
def flattery(correct, size):  # correct: (epochs, images); the mean over all parts of this size
    epochs, count = correct.shape
    inside = correct.reshape(epochs, count // size, size).mean(axis=2)  # (epochs, parts)
    outside = (correct.sum(axis=1, keepdims=True) - size * inside) / (count - size)
    chosen = inside.argmax(axis=0)[None]
    gap = np.take_along_axis(inside - outside, chosen, axis=0)
    return 100 * gap.mean()


# %% slideshow={"slide_type": "subslide"} alt-zh="橫軸是「測試集」的張數（對數刻度），縱軸是高估的百分點：20 張約高估六個百分點，50 張約三個，250 張約一個；張數越多，高估越少，逐漸接近零。" alt-en="Flattery in percentage points against the size of the test set (log axis): about six points for 20 images, three for 50, one for 250, ever less, towards zero."
sizes = [size for size in (20, 50, 100, 250, 500, 1000) if 2 * size <= len(mnist.val)]
boast = np.array([[flattery(correct, n) for n in sizes] for correct in long_runs["correct"]])
figure, ax = plt.subplots(figsize=(8, 2.7))
plotting.plot_band(ax, sizes, boast, "best of 25 epochs", marker="o")
ax.axhline(0, color="black", linewidth=1)
ax.set(xlabel="images that choose the epoch (log)", ylabel="too high by (points)", xscale="log")
ax.set_xticks(sizes, sizes)
ax = ax.minorticks_off()

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 用 50 張圖，光是從 25 輪裡挑一輪，就能吹出三個百分點左右；圖更少，或要挑的東西更多（種子、設定、架構都來挑一挑），還會更多。想做到誠實並不難：改看驗證集就好。
#
# **主張 12** 用 50 張圖挑，平均高估 1.5 個百分點以上；用 250 張挑，高估不到 50 張時的七成。
#
# **主張 13** 在完整的 MNIST 上，用 1,000 張圖挑，高估不到 1 個百分點。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# On 50 images, merely picking one of 25 epochs buys about three points of boasting; on fewer, or with more to choose from (seeds, settings, architectures), even more. Honesty is easy: look at the validation set instead.
#
# **Claim 12** Chosen on 50 images, the result is too high by more than 1.5 percentage points on average; chosen on 250, by less than seven tenths of that.
#
# **Claim 13** On full MNIST, chosen on 1,000 images it is too high by less than 1 point.

# %%
mean_boast = dict(zip(sizes, boast.mean(axis=0), strict=True))
for size, column in zip(sizes, boast.T, strict=True):
    print(f"{size:5d} images: too high by {mean_interval(column):.2f} points")
claim(12, mean_boast[50] > 1.5 and mean_boast[250] < 0.7 * mean_boast[50])
claim(13, mean_boast.get(1000, 0) < 1, tiers="full", tier=mnist.tier)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 檢查點：一個張冠李戴的檔案
#
# 存檔很容易：`torch.save` 一個字典。但假設訓練好的 `model`，被後面某個實驗借走了名字，然後存檔。
#
# 想一想：錯誤會在哪一行跳出來？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Checkpoints: a file with two owners
#
# Saving is easy: `torch.save` a dictionary. But say a `model` was trained, an experiment further down borrows its name, and then comes the saving.
#
# Predict: which line raises the error?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（4 分鐘）優化器是為一個模型建立的，後來 `model` 這個名字被指給另一個模型，接著用 `torch.save` 把 `model.state_dict()` 和這個優化器的狀態一起存檔。錯誤會在什麼時候跳出來？
#
# - ✗ 存檔的時候，因為兩邊對不起來。 *以為 torch.save 會檢查內容是不是一套的。*
# - ✗ 改名字的那一行。 *以為 Python 知道優化器還在用原來的模型。*
# - ✓ 要等到讀檔、想放回原來的模型時，也許是好幾個小時之後。 *存檔只是把字典寫下來，什麼也不檢查。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (4 min) An optimizer was built for one model, then the name `model` was given to another, and `torch.save` stores `model.state_dict()` together with that optimizer's state. When does an error appear?
#
# - ✗ While saving, as the two do not fit. *Thinks that torch.save checks whether its contents belong together.*
# - ✗ At the line that reuses the name. *Thinks that Python knows of the optimizer's hold on the old model.*
# - ✓ Only when it is loaded into the original kind of model, perhaps hours later. *Saving writes a dictionary down and checks nothing.*

# %%
model = MNIST_MLP(hidden_size=128, seed=0)
optimizer = torch.optim.Adam(model.parameters(), lr=0.001)
model = MLP(784, [256, 256], 10, seed=0)  # an experiment further down borrows the name
checkpoint = {"model": model.state_dict(), "optimizer": optimizer.state_dict()}
resumed = MNIST_MLP(hidden_size=128, seed=1)

# %%
folder = TemporaryDirectory()  # nothing is left in your own folders
path = Path(folder.name) / "run.pt"
attempts = {
    "resume": lambda: resumed.load_state_dict(checkpoint["model"]),
    "save_checkpoint": lambda: save_checkpoint(path, model, optimizer),
}
refused = []
for name, attempt in attempts.items():
    try:
        attempt()
    except (RuntimeError, ValueError) as error:
        refused.append(name)
        print(f"{name}: {str(error).splitlines()[0]}")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 存的時候一聲不響，幾個小時後要接續時才爆炸：檔案裡是一個模型的權重，配上另一個模型的優化器。課程的 `save_checkpoint` 在**存檔當下**就檢查優化器手上的參數是不是這個模型的。
#
# **主張 14** 這個字典還原不了原來的模型；`save_checkpoint` 拒絕寫出這種檔案。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# Saving says nothing; hours later the resuming blows up: one model's weights, another model's optimizer. The course's `save_checkpoint` looks **while saving** whether the optimizer's parameters are this model's.
#
# **Claim 14** This dictionary cannot restore the original model, and `save_checkpoint` refuses to write such a file.

# %%
claim(14, refused == ["resume", "save_checkpoint"] and not path.exists())

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 要存哪些東西？
#
# 標準很嚴格：**接續的訓練要和沒中斷過的一模一樣，一個位元都不差。** 訓練一輪會改變什麼？權重和批次正規化的統計、Adam 的 m、v 與步數、排程走到哪裡、下一輪的圖片順序、dropout 的亂數。
#
# 我們故意漏掉一些，看看會怎樣。一次完整的訓練是六輪，第三輪結束時存檔：

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## What has to be saved?
#
# The standard is strict: **a resumed run is to equal the uninterrupted one to the last bit.** What does an epoch change? The weights and batch norm's statistics, Adam's m, v and step count, how far the schedule has gone, the order of the images to come, the random numbers of dropout.
#
# Leave some of it out on purpose. A whole run has six epochs, and is saved after the third:

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（6 分鐘）一次訓練有六輪，用 Adam 和餘弦排程，第三輪結束時存檔。接續時還原了模型、優化器、資料順序，只漏了排程。從哪一輪開始和沒中斷過的不同？
#
# - ✗ 接續後的第一輪，因為學習率馬上跳回起點。 *不知道目前的學習率也存在優化器裡。*
# - ✓ 接續後的第二輪。 *第一輪用的是優化器裡存著的學習率，完全正確；下一次調整才走錯，所以最難發現。*
# - ✗ 一直都相同，權重對了就好。 *以為檢查點只要有權重。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (6 min) A run of six epochs with Adam and a cosine schedule is saved after the third. It is resumed with model, optimizer and order of the data, but without the scheduler. From which epoch on does it differ from an uninterrupted run?
#
# - ✗ From the first one resumed, since the rate jumps back at once. *Does not know that the optimizer holds the present rate.*
# - ✓ From the second one resumed. *The first uses the rate kept in the optimizer and is perfectly right; the next change goes wrong, which is hard to notice.*
# - ✗ Never; with the right weights all is well. *Thinks that a checkpoint is its weights.*


# %%
def new_run(seed, train, val):
    model = MNIST_MLP(hidden_size=64, seed=seed)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01, fused=True)
    scheduler = lr_scheduler.CosineAnnealingLR(optimizer, T_max=6)
    train_loader, val_loader = loaders(seed, train, val)
    order = {"order": train_loader.generator}
    batches, parts = (train_loader, val_loader), (model, optimizer, scheduler)
    return SimpleNamespace(model=model, parts=parts, batches=batches, order=order)


def go_on(run, **options):
    model, optimizer, scheduler = run.parts
    criterion = nn.CrossEntropyLoss()
    return fit(model, *run.batches, criterion, optimizer, epochs=6, scheduler=scheduler, **options)


# %% slideshow={"slide_type": "subslide"}
def resume(seed, train, val, ways):  # one whole run, then one for each way to load its checkpoint
    whole, found = new_run(seed, train, val), {}
    with TemporaryDirectory() as folder, seeding.seeded(seed):
        path = Path(folder) / "run.pt"

        def save_the_third(history):
            if len(history) == 3:
                save_checkpoint(path, *whole.parts, history=history, generators=whole.order)

        found["uninterrupted"] = go_on(whole, after_epoch=save_the_third).train_loss
        for way, load in ways.items():
            again = new_run(seed + 100, train, val)  # new objects, as after a crash
            found[way] = go_on(again, history=load(path, again).history).train_loss
            both = zip(whole.model.parameters(), again.model.parameters(), strict=True)
            found[f"{way}, gap"] = max((a - b).abs().max().item() for a, b in both)
    return found


# %%
ways = {
    "everything": lambda path, run: load_checkpoint(path, *run.parts, generators=run.order),
    "no order": lambda path, run: load_checkpoint(path, *run.parts, generators={}),
    "no scheduler": lambda path, run: load_checkpoint(
        path, *run.parts[:2], scheduler=None, generators=run.order
    ),
    "weights only": lambda path, run: load_checkpoint(path, run.model),
}
resumed = run_seeds(resume, train=small["train"], val=small["val"], ways=ways)

# %% alt-zh="橫軸是輪數，縱軸是訓練損失，曲線是五個種子的平均，色帶是信賴區間，第三輪之後接續。完整還原的曲線與沒中斷的重疊；只還原權重的曲線在第四輪明顯往上跳，之後慢慢追回來。" alt-en="Training loss against epochs, mean and band over five seeds, resumed after the third epoch. Restoring everything falls on the uninterrupted curve; restoring the weights only jumps up in the fourth epoch and takes time to recover." slideshow={"slide_type": "subslide"}
losses = {run: np.array(resumed[run].tolist()) for run in ("uninterrupted", *ways)}
figure, ax = plt.subplots(figsize=(8.5, 3))
for run, marker in (("uninterrupted", "o"), ("everything", "x"), ("weights only", "s")):
    plotting.plot_band(ax, range(1, 7), losses[run], run, marker=marker)  # (seeds, epochs)
ax.axvline(3.5, color="gray", linewidth=1, linestyle="-")
ax.set(xlabel="epoch (killed after the third)", ylabel="training loss (nats)")
ax = ax.legend()

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 只存權重，模型沒有壞，但 Adam 的 m、v 歸零，學習率也跳回起點，大約一輪的進度就這樣丟了。漏了順序，就變成**另一次**訓練。
#
# 漏了排程最陰險：學習率存在優化器裡，所以接續後的第一輪完全正確，下一輪才走錯。
#
# **主張 15** 全部還原時，五次訓練的最大權重差距都剛好是 0；另外三種還原法，沒有一次是 0。
#
# **主張 16** 只還原權重時，接續後第一輪的訓練損失，五次都高出 0.05 以上。
#
# **主張 17** 漏掉排程時，第四輪的損失與沒中斷的一個位元都不差，第六輪的損失則五次都不同。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# With the weights alone, Adam's m and v are zero again and the rate jumps back to its start: there goes about an epoch of progress. Without the order it is just **another** run.
#
# A forgotten scheduler is the most insidious: the rate is kept in the optimizer, so the first epoch after resuming is perfectly right, and the next goes wrong.
#
# **Claim 15** With everything restored, the largest gap of any weight is exactly 0 for all five seeds. In the three other ways it is 0 for none.
#
# **Claim 16** With the weights only, the training loss of the first resumed epoch is higher by more than 0.05 for all five seeds.
#
# **Claim 17** Without the scheduler the loss of the fourth epoch equals the uninterrupted one to the bit, and that of the sixth differs for all five seeds.

# %%
gaps = {way: resumed[f"{way}, gap"] for way in ways}
for way, gap in gaps.items():
    print(f"{way:13s} largest gap of a weight: ≈{gap.max():.2g}")
exact, *others = (gap.to_numpy() for gap in gaps.values())
claim(15, not exact.any() and bool((np.array(others) > 0).all()))
jump = losses["weights only"][:, 3] - losses["uninterrupted"][:, 3]
print(f"weights only, jump in training loss: {mean_interval(jump):.3f}")
claim(16, bool((jump > 0.05).all()))
same = losses["no scheduler"] == losses["uninterrupted"]  # (seeds, epochs)
claim(17, bool(same[:, 3].all() and not same[:, 5].any()))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 寫到一半斷電
#
# 每一輪都存到同一個檔案。如果寫到一半斷電呢？把檔案的前 k 個位元組當作「斷電前寫完的部分」，比較兩種寫法：
#
# - 直接寫在舊檔案上；
# - 先寫到旁邊的暫存檔，寫完再**換名字**。換名字在檔案系統裡是一個動作，沒有做一半的。
#
# 20 個斷電時刻，各會毀掉幾次？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## A power cut in the middle of a write
#
# Every epoch is saved to the same file. What if the power goes in the middle of it? Take the first k bytes as what was written before the cut, and compare two ways:
#
# - write over the old file;
# - write a temporary file beside it, and **rename** it once complete. For the file system a rename is one act, never half done.
#
# Of 20 moments for the cut, how many destroy the checkpoint?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（4 分鐘）每一輪都把檢查點存到同一個檔名。怎麼寫，才能在寫到一半斷電時，仍然留下讀得回來的檔案？
#
# - ✓ 先寫到旁邊的暫存檔，寫完再換名字。 *換名字是一個動作，所以留下來的不是完整的舊檔，就是完整的新檔。*
# - ✗ 直接覆寫就好，檔案系統會保證整個檔案一次寫完。 *以為寫檔是一個動作。*
# - ✗ 先刪掉舊檔，再寫新檔。 *刪掉之後、寫完之前斷電，就什麼都沒有了。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (4 min) A checkpoint is saved under the same name every epoch. How must it be written so that a power cut in the middle leaves a file that loads?
#
# - ✓ Into a temporary file beside it, renamed once complete. *A rename is one act, so what is left is the whole old file or the whole new one.*
# - ✗ Straight over the old one; the file system writes a file as a whole. *Thinks that writing a file is one act.*
# - ✗ Delete the old one, then write the new one. *Overlooks the time in which there is neither.*


# %%
def write_in_place(path, content, cut):
    path.write_bytes(content[:cut])


def write_then_rename(path, content, cut):
    unfinished = path.with_name(path.name + ".part")
    unfinished.write_bytes(content[:cut])
    if cut == len(content):  # the power lasted to the end of the write
        unfinished.replace(path)


# %% slideshow={"slide_type": "subslide"}
model, versions = MNIST_MLP(hidden_size=128, seed=0), []
for epoch in (1, 2):
    save_checkpoint(path, model, epoch=epoch)
    versions.append(path.read_bytes())
old, new = versions


def epoch_after_the_cut(write, cut):
    path.write_bytes(old)
    write(path, new, cut)
    try:
        return f"epoch {load_checkpoint(path, model).epoch}"
    except CheckpointError:
        return "destroyed"


# %% slideshow={"slide_type": "subslide"}
cuts = np.linspace(0, len(new), 20).astype(int)
ways_to_write = {"in place": write_in_place, "then rename": write_then_rename}
left = {
    name: [epoch_after_the_cut(write, cut) for cut in cuts] for name, write in ways_to_write.items()
}
pd.DataFrame({name: pd.Series(f).value_counts() for name, f in left.items()}).fillna(0).astype(int)

# %% [markdown] lang="zh-TW"
# 最左邊寫的是留下來的檔案：第 1 輪（舊）、第 2 輪（新），或毀了。`save_checkpoint` 先用 `fsync` 把內容確實寫進磁碟（不然真的斷電時，可能名字換了，內容卻還沒寫到），再換名字。
#
# **主張 18** 直接覆寫時，除了寫完的那一次，其餘 19 次全毀；先寫再換名字，則一次都沒毀，留下來的不是舊檔就是新檔。

# %% [markdown] lang="en"
# The rows say what is left: the old file (epoch 1), the new one (epoch 2), or nothing that loads. `save_checkpoint` first forces the bytes onto the disk (`fsync`; else a real power cut may leave the new name without its content), then renames.
#
# **Claim 18** Written in place, every cut but the one after the last byte destroys it: 19 of 20. Written and renamed, none does: it is the old file or the new.

# %%
complete = ["epoch 2"]  # the cut after the last byte
in_place_is_lost = left["in place"] == ["destroyed"] * 19 + complete
claim(18, in_place_is_lost and left["then rename"] == ["epoch 1"] * 19 + complete)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 為什麼不把整個模型存起來？
#
# `torch.save(model, path)` 也能用，一行搞定。它用的是 pickle，而 pickle 存的不是資料，是**重建物件的程式**。讀一個 pickle 檔，就是執行別人寫的程式：

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Why not save the whole model?
#
# `torch.save(model, path)` works too, in one line. It uses pickle, and what pickle stores is not data but **a program that rebuilds the object**. To read a pickle is to run someone else's code:

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（4 分鐘）有人寄給你一個用 pickle 存的模型檔。打開它最壞會發生什麼事？
#
# - ✗ 版本不合，讀不出來。 *只想到相容性，把檔案當成單純的資料。*
# - ✗ 沒有事，要等到呼叫模型才會執行程式。 *以為讀檔和執行是兩回事。*
# - ✓ 執行寄件人挑的任何程式，例如刪掉檔案。 *pickle 存的是重建物件的程式，讀取就是執行。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (4 min) Somebody sends you a model in a pickle file. What is the worst that opening it can do?
#
# - ✗ It may fail to load, for its version does not fit. *Thinks of compatibility only and takes the file for mere data.*
# - ✗ Nothing, until the model is called. *Thinks that loading runs no code.*
# - ✓ Run any code of the sender's choice, such as deleting files. *A pickle is a program that rebuilds the object, and to read it is to run it.*


# %%
class Surprise:
    def __reduce__(self):
        return print, ("this line was printed by loading a file",)


path.write_bytes(pickle.dumps({"model": Surprise()}))
loaded = pickle.loads(path.read_bytes())

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 那一行也可以刪掉你的檔案。所以 PyTorch 2.6 起預設 `weights_only=True`，只收張量、數字、字串這類單純的資料，裝著這些東西的容器，以及你自己用 `add_safe_globals` 放行的型別。整個模型也會遭到拒絕。
#
# 就算來源可信，整個模型的檔案也很脆弱：裡面只記得類別叫什麼名字、住在哪個模組，改個名字、搬個檔案就讀不回來了。`state_dict` 只是名字與張量的對照表，讀取時不需要任何類別。
#
# **主張 19** 三個檔案裡，`weights_only=True` 只收 `state_dict`，而且讀回來的權重一個位元都不差。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# That line could have deleted your files. So since PyTorch 2.6 the default is `weights_only=True`: tensors, numbers, strings and other plain data, containers of these, and what you yourself let in by `add_safe_globals`. Whole models are refused, too.
#
# Even from a source you trust, a whole model is fragile: the file knows only the name of the class and its module; rename or move either, and it can no longer be read. A `state_dict` is names and tensors, and needs no class.
#
# **Claim 19** Of three files `weights_only=True` accepts only the `state_dict`, whose weights come back to the bit.

# %%
contents = {
    "a surprise": {"model": Surprise()},
    "a whole model": model,
    "a state_dict": model.state_dict(),
}
accepted = []
for name, content in contents.items():
    torch.save(content, path)
    try:
        loaded = torch.load(path, weights_only=True)
        accepted.append(name)
    except pickle.UnpicklingError:
        print(f"{name}: refused")

# %%
same = all(torch.equal(loaded[name], tensor) for name, tensor in model.state_dict().items())
claim(19, accepted == ["a state_dict"] and same)
folder.cleanup()

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 練習 1：看準確率的早停
#
# 難度 ★★☆，約 15 分鐘。
#
# 寫出類別 `EarlyStopper(patience, min_delta=0.0)`，監看**準確率**（越大越好）：
#
# - `update(val_accuracy, model)` 每輪呼叫一次。準確率比目前最好的一輪高出**超過** `min_delta` 才算進步（第一輪一定算）；有進步的那一輪，才成為新的「最好的一輪」。連續 `patience` 輪沒有進步，就在那一輪回傳 `True`，否則回傳 `False`。
# - `restore(model)` 把最好那一輪的狀態（參數與緩衝區）放回模型。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Exercise 1: early stopping by accuracy
#
# Difficulty ★★☆, about 15 minutes.
#
# Write the class `EarlyStopper(patience, min_delta=0.0)`, which watches an **accuracy** (larger is better):
#
# - `update(val_accuracy, model)` is called once per epoch. It is an improvement when the accuracy exceeds that of the best epoch so far by **more than** `min_delta` (the first epoch always is one); only an improvement becomes the new best epoch. After `patience` epochs in a row without one, return `True` in that very epoch; else `False`.
# - `restore(model)` puts the state of the best epoch (parameters and buffers) back into the model.


# %% tags=["exercise"]
class EarlyStopper:
    def __init__(self, patience, min_delta=0.0):
        raise NotImplementedError  # your code here, and in two more methods: update and restore


# %% tags=["check"]
exercises.EarlyStopper.check(EarlyStopper)


# %% tags=["solution"]
# One possible answer; open it once you have tried.
class EarlyStopper_solution:
    """Stops after ``patience`` epochs in a row without a better accuracy; keeps the best weights."""

    def __init__(self, patience, min_delta=0.0):
        self.patience, self.min_delta = patience, min_delta
        self.best, self.waited, self.snapshot = -math.inf, 0, None

    def update(self, val_accuracy, model):
        """Take note of an epoch; True where training should stop."""
        if val_accuracy > self.best + self.min_delta:
            self.best, self.waited = val_accuracy, 0
            self.snapshot = copy.deepcopy(model.state_dict())
        else:
            self.waited += 1
        return self.waited >= self.patience

    def restore(self, model):
        """Put the best weights back."""
        model.load_state_dict(self.snapshot)


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 練習 2：暖身加餘弦
#
# 難度 ★★☆，約 10 分鐘。
#
# 大型語言模型常用的排程（例如 GPT-3 與 LLaMA）是先暖身，再走餘弦。寫出 `warm_cosine`，回傳第 `step` 步（從 0 數起）的學習率：
#
# - 前 `warmup_steps` 步，從 0 直線上升，到第 `warmup_steps` 步剛好是 `max_lr`；
# - 然後沿著半個餘弦波下降，到第 `num_steps` 步剛好是 `min_lr`；
# - 之後一直留在 `min_lr`。`warmup_steps` 可以是 0。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Exercise 2: warm-up, then cosine
#
# Difficulty ★★☆, about 10 minutes.
#
# Large language models such as GPT-3 and LLaMA were trained with a warm-up first, then a cosine. Write `warm_cosine`, which returns the rate of step number `step` (counted from 0):
#
# - during the first `warmup_steps` it rises along a straight line from 0, and is exactly `max_lr` at step `warmup_steps`;
# - then it falls along half a cosine wave, and is exactly `min_lr` at step `num_steps`;
# - there it stays. `warmup_steps` may be 0.


# %% tags=["exercise"]
def warm_cosine(step, num_steps, warmup_steps, max_lr, min_lr):
    raise NotImplementedError  # your code here


# %% tags=["check"]
exercises.warm_cosine.check(warm_cosine)


# %% tags=["solution"]
# One possible answer; open it once you have tried.
def warm_cosine_solution(step, num_steps, warmup_steps, max_lr, min_lr):
    """Linear from 0 to max_lr, half a cosine wave down to min_lr, and there it stays."""
    if step < warmup_steps:
        return max_lr * step / warmup_steps
    share = min((step - warmup_steps) / (num_steps - warmup_steps), 1.0)
    return min_lr + (max_lr - min_lr) * (1 + math.cos(math.pi * share)) / 2


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 練習 3：殺不死的訓練
#
# 難度 ★★★，約 25 分鐘。
#
# 用 `torch.save` 與 `torch.load`，寫出 `train_resumably(path, run, epochs)`：把 `run` 訓練到總共完成 `epochs` 輪，回傳**這次**訓練了幾輪。每一輪結束都存到 `path`；如果 `path` 已經存在，就從那裡接著訓練，結果要和沒中斷過的一個位元都不差。任何時刻被殺掉（包括存檔的時候），`path` 都要讀得回來，而且 `weights_only=True` 收得下。
#
# `run` 有 `model`（裡面有 dropout）、`optimizer`、`scheduler`、`generator`（只決定資料的順序）；`run.train_epoch()` 訓練一輪，也會推進排程。拿 `exercises.PracticeRun(seed=0)` 來試；`path` 是 `pathlib.Path`。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Exercise 3: a run that cannot be killed
#
# Difficulty ★★★, about 25 minutes.
#
# With `torch.save` and `torch.load`, write `train_resumably(path, run, epochs)`: train `run` until `epochs` epochs are done in all, and return how many were trained **in this call**. Save to `path` after every epoch. If `path` exists already, go on from there, and end up exactly where an uninterrupted run does. Whenever it is killed (while saving, too), `path` must be readable, with `weights_only=True`.
#
# `run` has `model` (with dropout in it), `optimizer`, `scheduler`, `generator` (which sets the order of the examples, and nothing else); `run.train_epoch()` trains one epoch and moves the scheduler on. Try it with `exercises.PracticeRun(seed=0)`; `path` is a `pathlib.Path`.


# %% tags=["exercise"]
def train_resumably(path, run, epochs):
    raise NotImplementedError  # your code here: return the number of epochs trained in this call


# %% tags=["check"]
exercises.train_resumably.check(train_resumably)


# %% tags=["solution"]
# One possible answer; open it once you have tried.
def train_resumably_solution(path, run, epochs):
    """Bring ``run`` to ``epochs`` epochs, going on from ``path`` if it exists; epochs trained now."""
    done = 0
    if path.exists():
        state = torch.load(path, weights_only=True)
        run.model.load_state_dict(state["model"])
        run.optimizer.load_state_dict(state["optimizer"])
        run.scheduler.load_state_dict(state["scheduler"])
        run.generator.set_state(state["order"])
        torch.set_rng_state(state["dropout"])
        done = state["epoch"]
    for epoch in range(done, epochs):
        run.train_epoch()
        state = {
            "model": run.model.state_dict(),
            "optimizer": run.optimizer.state_dict(),
            "scheduler": run.scheduler.state_dict(),
            "order": run.generator.get_state(),
            "dropout": torch.get_rng_state(),
            "epoch": epoch + 1,
        }
        unfinished = path.with_suffix(".part")
        torch.save(state, unfinished)
        unfinished.replace(path)
    return epochs - done


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 重點整理
#
# - 公平的比較：每一位參賽者都用同樣的力氣調過，調的種子和評的種子分開，差異成對相減。
# - 在這裡，調好學習率，比在四種常用的激活函數之間換來換去，賺得更多。
# - 這裡有用的排程，共同點是學習率**先大後小**；走哪一條曲線，差別很小。先畫出來，確認單位是步還是輪。
# - 早停看驗證集，快照要深層複製。看損失停，得到的是好的損失，不一定是好的準確率。
# - 在同一份資料上挑選又報告，就是吹噓；資料越少，吹噓得越多。
# - 檢查點：模型、優化器、排程、亂數產生器，一樣都不能少；先寫暫存檔再換名字；只用 `weights_only=True` 讀檔。
#
# **下一課**：[[initialization]]，權重初始化：訓練還沒開始，勝負可能已經決定了。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Summary
#
# - A fair comparison: every contender tuned with the same effort, on other seeds than those that judge, differences taken in pairs.
# - Here, tuning the rate gained more than any exchange among four common activation functions.
# - The schedules that helped here put **a large rate before a small one**; along which curve mattered little. Draw it first, and check whether it counts steps or epochs.
# - Early stopping watches the validation set and needs a deep copy. Stop by the loss and you get a good loss, not always a good accuracy.
# - To choose and report on the same data is to boast; the less data, the more.
# - A checkpoint needs model, optimizer, scheduler and generators; write a temporary file and rename it; read with `weights_only=True` only.
#
# **Next**: [[initialization]], weight initialization, where a run may be won or lost before it begins.

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "skip"}
# ### 原始文獻
#
# - Prechelt（1998），Early stopping – but when?，Neural networks: tricks of the trade，LNCS 1524，doi:10.1007/3-540-49430-8_3。
# - Loshchilov、Hutter（2017），SGDR: stochastic gradient descent with warm restarts，ICLR，arXiv:1608.03983。餘弦排程。
# - Smith、Topin（2019），Super-convergence: very fast training of neural networks using large learning rates，Proc. SPIE 11006，arXiv:1708.07120。one-cycle。
# - Goyal 等人（2017），Accurate, large minibatch SGD: training ImageNet in 1 hour，arXiv:1706.02677。暖身。
# - Brown 等人（2020），Language models are few-shot learners，NeurIPS，arXiv:2005.14165；Touvron 等人（2023），LLaMA: open and efficient foundation language models，arXiv:2302.13971。先暖身、再走餘弦。
# - Hendrycks、Gimpel（2016），Gaussian error linear units (GELUs)，arXiv:1606.08415（也提出 SiLU）；Ramachandran、Zoph、Le（2017），Searching for activation functions，arXiv:1710.05941（稱它為 Swish）。
# - Holm（1979），A simple sequentially rejective multiple test procedure，Scandinavian Journal of Statistics 6(2)，65–70。多重比較的校正。
# - Cawley、Talbot（2010），On over-fitting in model selection and subsequent selection bias in performance evaluation，JMLR 11，2079–2107。挑選造成的高估。

# %% [markdown] lang="en" slideshow={"slide_type": "skip"}
# ### Primary sources
#
# - Prechelt (1998), Early stopping – but when? Neural networks: tricks of the trade, LNCS 1524, doi:10.1007/3-540-49430-8_3.
# - Loshchilov, Hutter (2017), SGDR: stochastic gradient descent with warm restarts. ICLR, arXiv:1608.03983. The cosine schedule.
# - Smith, Topin (2019), Super-convergence: very fast training of neural networks using large learning rates. Proc. SPIE 11006, arXiv:1708.07120. One-cycle.
# - Goyal et al. (2017), Accurate, large minibatch SGD: training ImageNet in 1 hour. arXiv:1706.02677. Warm-up.
# - Brown et al. (2020), Language models are few-shot learners. NeurIPS, arXiv:2005.14165; Touvron et al. (2023), LLaMA: open and efficient foundation language models. arXiv:2302.13971. A warm-up, then a cosine.
# - Hendrycks, Gimpel (2016), Gaussian error linear units (GELUs). arXiv:1606.08415 (and SiLU); Ramachandran, Zoph, Le (2017), Searching for activation functions. arXiv:1710.05941 (as Swish).
# - Holm (1979), A simple sequentially rejective multiple test procedure. Scandinavian Journal of Statistics 6(2), 65–70.
# - Cawley, Talbot (2010), On over-fitting in model selection and subsequent selection bias in performance evaluation. JMLR 11, 2079–2107.
