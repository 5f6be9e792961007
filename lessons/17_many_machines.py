# %% [markdown] lang="zh-TW" about="多個行程一起訓練一個模型、一台壞了怎麼接續、一步要花多久、許多次訓練怎麼送上叢集" slideshow={"slide_type": "slide"}
# # 許多台機器
#
# 一台電腦太慢的時候，有兩條路：讓許多行程（process）合力訓練**一個**模型，或者把**許多次**互不相干的訓練分給許多台機器。學完之後，你能夠：
#
# - 說明兩個半批的梯度什麼時候合起來等於整批的梯度，什麼時候不等於；
# - 用 PyTorch 的 `DistributedDataParallel` 讓兩個行程訓練一個模型，有一個中途死掉時從檔案接續；
# - 從量到的時間推算 8、64、1,024 個行程能快多少，並指出快不上去的原因；
# - 說明批次跟著變大時學習率怎麼調，以及調到哪裡就不行了；
# - 把許多個種子的實驗送到叢集（cluster）上執行。
#
# 先備：[[optimizers_on_data]]、[[regularization]]（batch norm 與 dropout）、[[training_practice]]（檢查點）。

# %% [markdown] lang="en" about="several processes train one model, one of them dies, what a step costs, and many runs on a cluster" slideshow={"slide_type": "slide"}
# # Many machines
#
# When one computer is too slow, there are two ways out: let many processes train **one** model together, or deal out **many** independent runs to many machines. By the end you can
#
# - say when the gradients of two half batches make up the gradient of the whole, and when they do not;
# - let two processes train one model with PyTorch's `DistributedDataParallel`, and go on from a file when one of them dies;
# - predict from measured times how much faster 8, 64 or 1,024 processes are, and what stops them;
# - say how the learning rate follows a growing batch, and where that ends;
# - send a sweep of many seeds to a cluster.
#
# It builds on [[optimizers_on_data]], [[regularization]] (batch norm and dropout) and [[training_practice]] (checkpoints).

# %% lang="zh-TW" tags=["setup"] slideshow={"slide_type": "subslide"}
from course_utils.notebook import set_up

device = set_up("many_machines", language="zh-TW", workers=True)

# %% lang="en" tags=["setup"] slideshow={"slide_type": "subslide"}
from course_utils.notebook import set_up

device = set_up("many_machines", language="en", workers=True)

# %% slideshow={"slide_type": "skip"}
# The imports of this lesson.
import json
import logging
import os
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

import joblib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.utils.data import DistributedSampler

import course_utils
from course_utils import seeding
from course_utils.exercises import many_machines as exercises
from course_utils.experiment import run_seeds
from course_utils.intervals import mean_interval
from course_utils.loader import TensorLoader
from course_utils.mnist import load_mnist
from course_utils.models import MLP
from course_utils.notebook.claims import claim
from course_utils.seeding import seeded
from course_utils.training import evaluate, train_epoch

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 一人半批，梯度會知道嗎？
#
# 兩個行程有一模一樣的模型，各算半批圖片的梯度，再取平均。用平均走一步，兩邊的模型就還是一模一樣。
#
# 想一想：這個平均等於整批的梯度嗎？如果一邊 200 張、另一邊 56 張呢？模型裡有 batch norm 或 dropout 呢？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Half a batch each: can the gradient tell?
#
# Two processes hold the same model. Each computes the gradient of half a batch, and they take the mean. A step by that mean leaves both with the same model again.
#
# Predict: is the mean equal to the gradient of the whole batch? And if one side has 200 images and the other 56? With batch norm or dropout in the model?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（7 分鐘）一批 256 張圖分給兩個行程：一邊 200 張，一邊 56 張。各自算出自己那幾張的平均損失的梯度，再把兩個梯度直接平均。和整批的梯度比，結果如何？
#
# - ✗ 一樣，因為每一張圖都用到了一次。*以為每張圖出現一次就夠，沒看份量。*
# - ✓ 不一樣：少的那一邊，每張圖的份量比較重。*56 張的那一邊也占一半，所以每張圖占 1/112，另一邊只占 1/400。*
# - ✗ 不一樣，因為浮點數相加的順序變了。*順序只影響最後幾位數字，差不到百萬分之一。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (7 min) A batch of 256 images is split between two processes: 200 here, 56 there. Each takes the gradient of the mean loss of its own images, and the two gradients are simply averaged. How does the result compare with the gradient of the whole batch?
#
# - ✗ It is the same, for every image is used once. *Thinks that appearing once is enough, and forgets the weights.*
# - ✓ It differs: each image of the smaller share weighs more. *The 56 count for one half, so each of them weighs 1/112, and each of the others 1/400.*
# - ✗ It differs, because floating-point numbers are added in another order. *Order touches the last digits only, less than a millionth.*

# %%
mnist = load_mnist()
criterion = nn.CrossEntropyLoss()


def gradient(model, images, labels):
    """All gradients of the mean loss, as one vector."""
    model.zero_grad()
    criterion(model(images), labels).backward()
    return torch.cat([p.grad.flatten() for p in model.parameters()])


# %%
def mean_of_two(model, images, labels, first):
    """The gradients of the first images and of the others, averaged as two processes would."""
    one = gradient(model, images[:first], labels[:first])
    other = gradient(model, images[first:], labels[first:])
    return (one + other) / 2


def distance(found, wanted):
    return ((found - wanted).norm() / wanted.norm()).item()


# %% slideshow={"slide_type": "subslide"}
CASES = {"two halves": ({}, 128), "200 and 56": ({}, 200)}
CASES |= {"batch norm": ({"batch_norm": True}, 128), "dropout": ({"dropout_rate": 0.5}, 128)}
distances = {name: [] for name in [*CASES, "dropout, drawn anew"]}
for seed in range(5):
    rows = seeding.rng(seed).permutation(len(mnist.train))[:256]
    images, labels = mnist.train.images[rows], mnist.train.labels[rows]
    for name, (options, first) in CASES.items():
        model = MLP(784, [64], 10, seed=seed, **options)
        with seeded(seed):
            whole = gradient(model, images, labels)
            found = mean_of_two(model, images, labels, first)
            again = gradient(model, images, labels)
        distances[name].append(distance(found, whole))
    distances["dropout, drawn anew"].append(distance(again, whole))  # the model with dropout

# %% slideshow={"slide_type": "subslide"} alt-zh="五種情形的相對差距，縱軸是對數刻度，每種五個種子。兩個半批的點在一千萬分之二附近；200 與 56 張約 0.3，batch norm 約 0.1，dropout 與重抽一次的 dropout 都約 0.6。" alt-en="Relative distances of five cases on a log axis, five seeds each. Two halves lie near two ten-millionths; 200 and 56 near 0.3, batch norm near 0.1, dropout and dropout drawn anew both near 0.6."
figure, ax = plt.subplots(figsize=(8, 3.2))
for position, (values, marker) in enumerate(zip(distances.values(), "os^Dv", strict=True)):
    ax.plot([position] * 5, values, marker, alpha=0.7)
ax.set(yscale="log", ylabel="relative distance\nfrom the whole's gradient", ylim=(1e-8, 3))
ticks = ax.set_xticks(range(5), distances)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 平均的平均等於整體的平均，條件是兩份一樣大。batch norm 用半批算平均與變異數，所以每一張圖的輸出都變了。dropout 的兩邊各抽各的遮罩：看起來差最多，但在**整批**上重抽一次遮罩，差距也一樣大；那是同一個期望值的另一次抽樣，不是錯誤。
#
# **主張 1** 沒有 batch norm 與 dropout 的模型，兩個一樣大的半批，梯度的平均必定等於整批的梯度（只差捨入）。
#
# **主張 2** 份量不等（200 與 56）時直接平均，每個種子的相對差距都大於 0.1；用了 batch norm，每個種子都大於 0.03。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# A mean of means is the mean of all, provided the shares are equal. Batch norm takes its mean and variance from half a batch, so the output of every image changes. With dropout each side draws masks of its own. That looks worst, and yet drawing anew for the **whole** batch changes the gradient as much: it is another draw with the same expectation, not an error.
#
# **Claim 1** For a model without batch norm and dropout, the mean over two halves of equal size must equal the gradient of the whole, up to rounding.
#
# **Claim 2** With unequal shares (200 and 56), plainly averaged, the relative distance is above 0.1 for every seed; with batch norm it is above 0.03 for every seed.

# %%
claim(1, max(distances["two halves"]) < 1e-5)
claim(2, min(distances["200 and 56"]) > 0.1 and min(distances["batch norm"]) > 0.03)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 每個行程拿到哪些圖？
#
# 這種訓練裡，每個行程有一個編號，叫做 **rank**，從 0 開始；行程的總數叫 **world size**。`DistributedSampler` 讓每個 rank 拿到自己的那一份。
#
# 想一想：10 張圖分給 4 個 rank，每個 rank 拿到幾張？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Who gets which images?
#
# Each process has a number, its **rank**, from 0 up; how many there are is the **world size**. `DistributedSampler` gives every rank its own share.
#
# Predict: 10 images are dealt to 4 ranks. How many does each rank get?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（4 分鐘）用 `DistributedSampler` 訓練，但每個 epoch 都忘了呼叫 `set_epoch`。會發生什麼事？
#
# - ✗ 每個 rank 都拿到全部的圖。*以為 set_epoch 負責切分；切分是 rank 與 world size 決定的。*
# - ✗ 程式停下來，報錯。*以為 PyTorch 會檢查；它不會，所以這個錯很難發現。*
# - ✓ 每個 epoch 的順序都一樣，批次也都一樣。*打亂用的是種子加上 epoch 的編號，編號不變，順序就不變。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (4 min) A training uses `DistributedSampler` and never calls `set_epoch`. What happens?
#
# - ✗ Every rank gets all images. *Thinks that set_epoch does the sharing; rank and world size do.*
# - ✗ The program stops with an error. *Expects PyTorch to check; it does not, which makes this hard to find.*
# - ✓ Every epoch has the same order, and so the same batches. *The shuffle is seeded with seed plus epoch: the same number, the same order.*


# %%
def share(rank, epoch, seed=0, num_ranks=4):
    sampler = DistributedSampler(range(10), num_ranks, rank, seed=seeding.shifted(seed))
    sampler.set_epoch(epoch)
    return list(sampler)


for rank in range(4):
    print(f"rank {rank}: epoch 0 {share(rank, 0)}, epoch 1 {share(rank, 1)}")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 每人 3 張：所有 rank 都要走同樣多步，否則先走完的會等不到其他人。10 不能被 4 整除，所以順序最前面的兩張補到最後，那兩張在這個 epoch 用了兩次。
#
# **主張 3** 四份必定一樣長，合起來包含全部 10 張，其中兩張出現兩次。
#
# **主張 4** 換一個 epoch 編號，五個種子的順序都變了；編號不變，順序必定不變。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# Three each: all ranks must take equally many steps, or else those who finish first wait in vain. As 4 does not divide 10, the first two of the order are put at its end again, and are used twice in this epoch.
#
# **Claim 3** The four shares must be equally long and hold all 10 images, two of them twice.
#
# **Claim 4** With another epoch number the order changes for each of five seeds; with the same number it must stay.

# %%
dealt = [index for rank in range(4) for index in share(rank, 0)]
counts = sorted(dealt.count(index) for index in range(10))
claim(3, {len(share(rank, 0)) for rank in range(4)} == {3} and counts == [1] * 8 + [2] * 2)
orders = [[share(0, epoch, seed, num_ranks=1) for epoch in (0, 1, 0)] for seed in range(5)]
claim(4, all(first != second and first == third for first, second, third in orders))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 一支程式，每個 rank 執行一次
#
# 所有 rank 執行同一支程式。它從環境變數讀出自己是誰，找到其他 rank，然後照平常的樣子訓練。下面三格就是整支程式，我們會把它寫進暫存資料夾。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## One script, run once a rank
#
# All ranks run the same script. It learns from the environment who it is, finds the others, and trains as usual. The next three cells are the whole script, which we shall write into a temporary folder.

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（6 分鐘）全域批次（global batch）固定 128，從一個 rank 換成兩個。每個 rank 的 `DataLoader` 批次大小與學習率該怎麼設？
#
# - ✓ 批次 64，學習率不變。*兩邊合起來還是 128 張的平均梯度，所以走的是同一步。*
# - ✗ 批次 128，學習率不變。*全域批次變成 256，一個 epoch 的步數少了一半。*
# - ✗ 批次 64，學習率減半。*以為學習率要跟著每個 rank 的批次走；它跟著的是全域批次。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (6 min) The global batch stays 128 while one rank becomes two. What should the batch size of each rank's `DataLoader` and the learning rate be?
#
# - ✓ Batch 64, the same rate. *Together they still average over 128 images, so the step is the same.*
# - ✗ Batch 128, the same rate. *The global batch becomes 256, and an epoch has half as many steps.*
# - ✗ Batch 64, half the rate. *Thinks that the rate follows each rank's batch; it follows the global one.*

# %% slideshow={"slide_type": "subslide"}
START = """
import json, os, torch
from torch import distributed, nn
from torch.utils.data import DataLoader, DistributedSampler
from course_utils import seeding
from course_utils.mnist import load_mnist
from course_utils.models import MLP

torch.set_num_threads(1)
rank, world = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
meet = os.environ.get("MEET", "env://")  # where ranks find each other
distributed.init_process_group("gloo", init_method=meet, rank=rank, world_size=world)
"""

# %% slideshow={"slide_type": "-"}
PREPARE = """
data = load_mnist("embedded").train
sampler = DistributedSampler(data, seed=seeding.shifted(0))
loader = DataLoader(data, 128 // world, sampler=sampler)  # 128 is the global batch
model = MLP(784, [64], 10, seed=0)
parallel = nn.parallel.DistributedDataParallel(model)  # backward() averages over ranks
optimizer = torch.optim.SGD(parallel.parameters(), 0.05, momentum=0.9)
"""

# %% slideshow={"slide_type": "subslide"}
TRAIN = """
first = 0
if os.path.exists("state.pt"):
    state = torch.load("state.pt", weights_only=True)
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    first = state["epochs"]
for epoch in range(first, 3):
    sampler.set_epoch(epoch)
    seen = torch.zeros(2)  # sum of losses, number of images
    for step, (images, labels) in enumerate(loader):
        if (epoch, step, rank) == (2, 5, 1) and "DIE" in os.environ:
            os._exit(9)
        loss = nn.functional.cross_entropy(parallel(images), labels)
        optimizer.zero_grad(); loss.backward(); optimizer.step()
        seen += torch.tensor([loss.item() * len(labels), len(labels)])
    own = seen[0] / seen[1]
    distributed.all_reduce(seen)  # every rank now holds the sums over all
    if rank == 0:  # one reports and saves, whole or not at all
        print(json.dumps({"epoch": epoch, "own": own.item(), "all": (seen[0] / seen[1]).item()}))
        torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(),
                    "epochs": epoch + 1}, "state.part")
        os.replace("state.part", "state.pt")
distributed.destroy_process_group()
"""

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 和平常的迴圈比，多出來的只有幾行：
#
# - `DistributedDataParallel` 在 `backward()` 裡把各 rank 的梯度平均，每一步之後權重都相同；
# - 每個 rank 只看到自己那一份，所以損失要先 `all_reduce` 再印；
# - 只有 rank 0 存檔，而且存裡面的 `model`，名稱才不會多一個 `module.`。
#
# 模型裡沒有 batch norm。要用的話，GPU 上可以換成 `SyncBatchNorm`，它跨 rank 算平均與變異數。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# Compared with the usual loop there are only a few lines more:
#
# - `DistributedDataParallel` averages the gradients of all ranks inside `backward()`, so weights are equal after every step;
# - a rank has seen its own share only, so the loss goes through `all_reduce` before it is printed;
# - rank 0 alone saves, and saves the inner `model`, so that no name begins with `module.`.
#
# There is no batch norm in the model. On GPUs, `SyncBatchNorm` may take its place: it computes mean and variance over all ranks.

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# PyTorch 附的 `torchrun` 會替你啟動各個 rank，設好環境變數：`torchrun --standalone --nproc-per-node 2 train.py`，同一支程式就能執行。但它的會合點會在**所有**網路介面上開一個連接埠。筆記本不該這麼做，所以我們自己啟動，讓 rank 透過一個檔案會合，彼此只用本機的回送介面（loopback）通訊。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# PyTorch brings `torchrun`, which starts the ranks and sets the environment for you: `torchrun --standalone --nproc-per-node 2 train.py` runs this very script. Its meeting point, however, opens a port on **all** network interfaces. A notebook should not, so we start the ranks ourselves, let them meet through a file, and have them talk over the machine's loopback interface.

# %% slideshow={"slide_type": "subslide"}
folder = tempfile.TemporaryDirectory()
loopback = {"linux": "lo", "darwin": "lo0"}.get(sys.platform)
paths = [str(Path(course_utils.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
BASE = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
BASE |= {"GLOO_SOCKET_IFNAME": loopback} if loopback else {}


# %%
def launch(script, world, place, **more):
    """Run a script once a rank: (exit codes, lines of rank 0). Complaints go to errors.txt."""
    place = Path(folder.name, place)
    place.mkdir(exist_ok=True)
    (place / "train.py").write_text(script, encoding="utf-8")
    meet = (place / f"meet-{time.monotonic_ns()}").as_uri()
    shared = {**BASE, "MEET": meet, "WORLD_SIZE": str(world), **more}
    with (place / "errors.txt").open("a") as errors:
        options = {"cwd": place, "stdout": subprocess.PIPE, "stderr": errors, "text": True}
        command = [sys.executable, "train.py"]
        environments = [shared | {"RANK": str(rank)} for rank in range(world)]
        ranks = [subprocess.Popen(command, env=env, **options) for env in environments]
        outputs = [rank.communicate(timeout=300)[0] for rank in ranks]
    return [rank.returncode for rank in ranks], [*map(json.loads, outputs[0].splitlines())]


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 兩個 rank 走的是同一條路嗎？
#
# 想一想：一個 rank 每步 128 張，兩個 rank 每步各 64 張。三個 epoch 之後，兩邊的權重會一樣嗎？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Do two ranks walk the same path?
#
# Predict: one rank takes 128 images a step, two ranks take 64 each. Are the weights equal after three epochs?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（4 分鐘）一個沒有 batch norm 的 MLP 用兩個 rank 訓練。rank 0 印出自己這個 epoch 的平均損失，沒有經過 `all_reduce`。這個數有什麼問題？
#
# - ✗ 它是真正損失的一半。*把平均和總和混在一起；一半的圖的平均，不會是一半。*
# - ✓ 它只來自一半的圖，和全部的平均不同。*每個 rank 只看到自己那一份。*
# - ✗ 沒有問題，因為權重相同，損失也就相同。*權重相同，圖不同，損失就不同。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (4 min) An MLP without batch norm is trained by two ranks. Rank 0 prints the mean loss of its own epoch, without `all_reduce`. What is wrong with that number?
#
# - ✗ It is half the true loss. *Mixes up mean and sum: the mean over half the images is no half.*
# - ✓ It comes from half the images, and differs from the mean over all. *A rank sees its own share only.*
# - ✗ Nothing: equal weights have equal losses. *Equal weights on other images have other losses.*

# %%
codes_one, alone = launch(START + PREPARE + TRAIN, 1, "one")
codes_two, together = launch(START + PREPARE + TRAIN, 2, "two")
for one, two in zip(alone, together, strict=True):
    print(f"epoch {one['epoch']}: one rank ≈{one['all']:.4f}, two ranks ≈{two['all']:.4f}", end="")
    print(f" (rank 0's own share ≈{two['own']:.4f})")


# %%
def weights_in(place):
    state = torch.load(Path(folder.name, place, "state.pt"), weights_only=True)
    return torch.cat([value.flatten() for value in state["model"].values()])


apart = distance(weights_in("two"), weights_in("one"))
print(f"relative distance of the weights ≈{apart:.0e}")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# rank r 拿順序中的第 r、r + 2、r + 4……張，所以兩個 rank 每一步合起來，正好是一個 rank 的那 128 張；差的只是相加的順序。
#
# **主張 5** 三個 epoch 之後，兩個 rank 與一個 rank 的權重必定相同，只差捨入（相對差距小於千分之一）。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# Rank r takes numbers r, r + 2, r + 4, … of the order, so in every step both together have exactly the 128 images that one rank has; only the order of adding differs.
#
# **Claim 5** After three epochs the weights of two ranks and of one must be the same up to rounding (a relative distance under one thousandth).

# %%
claim(5, codes_one == [0] and codes_two == [0, 0] and apart < 1e-3)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 一個 rank 死了
#
# 許多台機器一起跑，總有一台會壞。這裡讓 rank 1 在第三個 epoch 走了五步之後消失。
#
# 想一想：rank 0 會怎麼樣？之前的兩個 epoch 還在嗎？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## A rank dies
#
# Of many machines, some will break. Here rank 1 vanishes after five steps of the third epoch.
#
# Predict: what becomes of rank 0? And of the two epochs before?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（4 分鐘）兩個 rank 用動量訓練，rank 1 在第三個 epoch 中途死掉。從第二個 epoch 結束時的檔案接續，要得到和沒有中斷時一模一樣的權重，檔案裡至少要有什麼？
#
# - ✗ 模型的權重就夠了。*忘了動量也有狀態；少了它，接續的第一步就不同。*
# - ✗ 兩個 rank 各自的權重與梯度。*每一步之後權重都相同，存一份就夠；梯度會重算。*
# - ✓ 權重、優化器的狀態、做完幾個 epoch。*epoch 的編號決定接下來的順序。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (4 min) Two ranks train with momentum, and rank 1 dies in the middle of the third epoch. To go on from a file of the end of the second, and arrive at exactly the weights of an undisturbed run, what must the file hold at least?
#
# - ✗ The weights of the model. *Forgets that momentum has a state; without it the first step differs.*
# - ✗ The weights and gradients of either rank. *Weights are equal after every step, so one copy will do; gradients are computed anew.*
# - ✓ Weights, the optimizer's state, and the number of finished epochs. *The number decides which order comes next.*

# %%
codes, lines = launch(START + PREPARE + TRAIN, 2, "broken", DIE="1")
print("both ranks failed:", all(codes), "- epochs finished:", [line["epoch"] for line in lines])
codes, lines = launch(START + PREPARE + TRAIN, 2, "broken")
print("started again:", codes, "- epochs made:", [line["epoch"] for line in lines])

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# rank 0 等不到對方的梯度，也以錯誤結束：一個死，全部停。再啟動一次，從 rank 0 每個 epoch 存下的檔案接續，只損失半個 epoch。`torchrun --max-restarts 3` 會自動重新啟動，但程式要自己會接續，像這一支。
#
# **主張 6** 接續的訓練，最後的權重和沒有中斷的那一次必定完全相同，一個位元也不差。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# Rank 0 waits for gradients that never come, and ends with an error, too: one dies, all stop. Started again, they go on from the file that rank 0 writes after each epoch; half an epoch is lost. `torchrun --max-restarts 3` starts them again by itself, but the script must know how to go on, as this one does.
#
# **Claim 6** The weights of the resumed training must equal those of the undisturbed one to the last bit.

# %%
claim(6, codes == [0, 0] and torch.equal(weights_in("broken"), weights_in("two")))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 一步要花多久？
#
# 一步的時間 ＝ 計算 ＋ 通訊的固定時間 ＋ 位元組數 ÷ 頻寬（bandwidth）。行程越多，每個人算得越少，要傳的卻沒有變少：梯度和模型一樣大。
#
# 想一想：批次固定 1,024，1,024 個行程會快 1,024 倍嗎？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## What does a step cost?
#
# The time of a step = computing + a constant for communication + bytes ÷ bandwidth. The more processes, the less each computes; what they send does not shrink, for a gradient is as large as the model.
#
# Predict: with the batch fixed at 1,024, are 1,024 processes 1,024 times as fast?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（8 分鐘）全域批次固定，行程從 64 個增加到 1,024 個，每一步卻幾乎沒有變快。最主要的原因是什麼？
#
# - ✓ 計算已經分到很少，剩下的是交換梯度的時間，它不隨行程變少。*每個行程都要送出和收進大約兩倍模型大小的資料。*
# - ✗ 每個行程的批次變小，梯度變得太吵。*那影響要走幾步，不影響一步花多久。*
# - ✗ 行程越多，每個行程要傳的資料就成比例變多。*環狀 all-reduce 裡，每人傳的趨近模型大小的兩倍，不再增加。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (8 min) The global batch is fixed, and 64 processes become 1,024, but a step hardly gets any faster. What is the main reason?
#
# - ✓ Little computing is left; what remains is the exchange of gradients, which does not shrink with more processes. *Each of them sends and receives about twice the size of the model.*
# - ✗ Each process has a smaller batch, so gradients become too noisy. *That changes how many steps are needed, not the time of one.*
# - ✗ Each process sends in proportion to their number. *In a ring all-reduce what each sends approaches twice the model's size, and grows no more.*

# %% tags=["timing"]
large = MLP(784, [1024, 1024], 10, seed=0)
BATCHES, seconds = [64, 128, 256, 512, 1024], []
with seeding.deterministic():  # one thread, as a rank has
    for size in BATCHES:
        images, labels = mnist.train.images[:size], mnist.train.labels[:size]
        times = []
        for _ in range(6):
            start = time.perf_counter()
            gradient(large, images, labels)
            times.append(time.perf_counter() - start)
        seconds.append(np.median(times[1:]))  # the first one warms up
each, fixed = np.polyfit(BATCHES, seconds, 1)
print(f"computing: ≈{1e3 * fixed:.1f} ms + ≈{1e3 * each:.3f} ms an image")

# %% slideshow={"slide_type": "subslide"}
EXCHANGE = """
import statistics, time
for size in (1, 100_000, 1_000_000, 2_000_000):
    numbers, seconds = torch.ones(size), []
    for _ in range(12):
        distributed.barrier()
        start = time.perf_counter()
        distributed.all_reduce(numbers)
        seconds.append(time.perf_counter() - start)
    if rank == 0:
        print(json.dumps({"bytes": 4 * size, "seconds": statistics.median(seconds)}))
distributed.destroy_process_group()
"""

# %% tags=["timing"]
exchange = pd.DataFrame(launch(START + EXCHANGE, 2, "exchange")[1])
a_byte, constant = np.polyfit(exchange["bytes"], exchange["seconds"], 1)
bandwidth, constant = 1 / max(a_byte, 1e-12), max(constant, 0)
num_bytes = sum(4 * p.numel() for p in large.parameters())
print(f"exchange: ≈{1e3 * constant:.1f} ms + bytes / ≈{bandwidth / 1e6:.0f} MB/s;", end=" ")
print(f"the gradient has {num_bytes / 1e6:.1f} MB")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 兩個行程交換時，每人傳一份梯度。**環狀 all-reduce** 裡，w 個行程圍成一圈，每人傳 2(w − 1)/w 份：兩個行程一份，再多也不到兩份。於是可以推算任何 w。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# When two exchange, each sends one gradient. In a **ring all-reduce** of w processes each sends 2(w − 1)/w gradients: one for two processes, and never two however many there are. So any w can be predicted.


# %%
def step_seconds(workers, batch):
    """Predicted seconds of a step in which ``batch`` images are shared by all workers."""
    computing = fixed + each * batch / workers
    sent = 2 * (workers - 1) / workers * num_bytes
    return computing + np.where(workers > 1, constant + sent / bandwidth, 0)


workers = 2.0 ** np.arange(11)
same_batch = step_seconds(1, 1024) / step_seconds(workers, 1024)
same_share = workers * step_seconds(1, 1024) / step_seconds(workers, 1024 * workers)

# %% tags=["timing"] slideshow={"slide_type": "subslide"} alt-zh="對數刻度上，每秒圖片數的倍數對行程數，從 1 到 1,024。理想是一條直線。每個行程的批次固定時，曲線和理想平行，略低。全域批次固定時，曲線在個位數就變平。" alt-en="Images a second relative to one process against 1 to 1,024 processes, log axes. The ideal is a straight line. With the batch of each process fixed, the curve runs parallel to it, somewhat lower. With the global batch fixed, it becomes flat below ten."
figure, ax = plt.subplots(figsize=(8, 3.6))
ax.plot(workers, workers, color="grey", linestyle=":", label="ideal")
ax.plot(workers, same_share, "s--", label="1,024 images each")
ax.plot(workers, same_batch, "o-", label="1,024 images in all")
ax.set(xscale="log", yscale="log", xlabel="processes", ylabel="times as many images a second")
legend = ax.legend()

# %% tags=["timing"] slideshow={"slide_type": "subslide"}
for number in (2, 8, 64, 1024):
    chosen = workers == number
    print(
        f"{number:>5} processes: ≈{same_batch[chosen][0]:.1f} times with the same batch,", end=" "
    )
    print(f"≈{same_share[chosen][0]:.0f} times with a batch that grows")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 批次不變時，計算分得再細，交換的時間還在，所以加速有天花板。批次跟著行程變大時，效率（efficiency）留得住，但走的已經是另一種步伐：下一節就是這件事。
#
# 這個推算有一處保守、兩處樂觀：DDP 會邊算邊傳；環狀的固定時間會隨行程數增加（練習 3）；真正的網路和回送介面不同，要在你的機器上重量。
#
# **主張 7** 批次固定時，不論多少個行程，推算的加速必定低於「一個行程的時間 ÷（固定時間 ＋ 位元組數 ÷ 頻寬）」；1,024 個行程的效率低於一成。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# With the same batch, computing can be divided as finely as you like: the exchange remains, and puts a ceiling on the speed-up. With a batch that grows, efficiency stays, but these are no longer the same steps; the next section is about that.
#
# The prediction is cautious in one place and hopeful in two: DDP sends while it computes; in a ring the constant grows with the number of processes (exercise 3); and a real network is not the loopback interface, so measure yours.
#
# **Claim 7** With a fixed batch the predicted speed-up must stay below the time of one process ÷ (constant + bytes ÷ bandwidth), for any number of processes; the efficiency of 1,024 is below one tenth.

# %%
ceiling = step_seconds(1, 1024) / (constant + num_bytes / bandwidth)
claim(7, same_batch[1:].max() < ceiling and same_batch[-1] / 1024 < 0.1)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 批次變大，學習率跟著變大，到哪裡為止？
#
# 每個行程各 64 張，w 個行程一步就是 64w 張，一個 epoch 的步數少了 w 倍。**線性縮放**：學習率也乘以 w，一步抵 w 步（[[optimizers_on_data]] 在一台機器上量過同樣的事，[[optimizers]] 說明學習率的上限從哪裡來）。
#
# 想一想：w ＝ 4 時管用嗎？w ＝ 16 呢？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## A larger batch, a higher rate: how far?
#
# With 64 images each, a step of w processes takes 64w images, and an epoch has w times fewer steps. **Linear scaling** multiplies the rate by w as well, so that one step stands for w ([[optimizers_on_data]] measures the same on one machine, and [[optimizers]] shows where the limit on the rate comes from).
#
# Predict: does it serve for w = 4? And for w = 16?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（6 分鐘）MNIST 上的 MLP，批次 64、學習率 0.05 訓練得好。批次變成 16 倍，學習率也乘 16，同樣看過 24,000 張圖，準確率卻比學習率不變的還低得多。為什麼？
#
# - ✗ 批次大，梯度的雜訊太多。*批次越大，雜訊越少。*
# - ✗ 看過的圖不夠多。*看過的張數一樣；不縮放學習率的大批次學到八成以上。*
# - ✓ 一步太長，超過了損失曲面容許的學習率。*一步抵 16 步，只在這 16 步的梯度差不多時才成立；曲率給了學習率上限。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (6 min) An MLP on MNIST trains well with batch 64 and rate 0.05. With 16 times the batch and 16 times the rate, after the same 24,000 images, it is far less accurate than with the rate left as it was. Why?
#
# - ✗ A large batch makes gradients noisy. *The larger the batch, the less noise.*
# - ✗ It has seen too few images. *It saw as many; the large batch at the old rate gets above 80 %.*
# - ✓ A step is too long: the rate is above what the loss surface allows. *One step stands for 16 only while those 16 gradients are alike; curvature limits the rate.*

# %%
data = mnist.train.subset(min(12_000, len(mnist.train)))


def follow(seed, workers, rate, data, val):
    """Validation accuracy after 24,000 images in batches of 64 a worker, on one machine."""
    model = MLP(784, [128], 10, seed=seed)
    optimizer = torch.optim.SGD(model.parameters(), rate)
    with seeded(seed):
        loader = TensorLoader(data, 64 * workers, shuffle=True)
        for _ in range(24_000 // len(data)):
            train_epoch(model, loader, nn.CrossEntropyLoss(), optimizer, "cpu")
    return evaluate(model, TensorLoader(val, 1000), nn.CrossEntropyLoss(), "cpu")[1]


# %%
SETTINGS = {"1": {"workers": 1, "rate": 0.05}}
for number in (4, 16):
    SETTINGS[f"{number}, same rate"] = {"workers": number, "rate": 0.05}
    SETTINGS[f"{number}, scaled"] = {"workers": number, "rate": 0.05 * number}
runs = run_seeds(follow, range(5), SETTINGS, data=data, val=mnist.val)
accuracy = {name: group["result"].to_numpy() for name, group in runs.groupby("setting")}

# %% slideshow={"slide_type": "subslide"} alt-zh="五種設定的驗證準確率，每種五個種子，附平均與 95% 區間。一個行程約九成一；四個行程，學習率不變略低，縮放後與一個行程相近；十六個行程，學習率不變約八成二，縮放後掉到五成上下，各種子相差很多。" alt-en="Validation accuracy of five settings, five seeds each, with means and 95 % intervals. One worker about 91 %; four at the same rate a little lower, scaled about the same as one; sixteen at the same rate about 82 %, scaled down to around 50 %, with seeds far apart."
figure, ax = plt.subplots(figsize=(8, 3.2))
for position, name in enumerate(SETTINGS):
    mean = mean_interval(accuracy[name])
    ax.plot([position] * 5, accuracy[name], "o", color="grey", alpha=0.6)
    ax.errorbar(position + 0.15, mean.mean, mean.half_width, marker="s", capsize=4, color="C0")
ax.set(xlabel="workers of 64 images each", ylabel="validation accuracy", ylim=(0, 1))
ticks = ax.set_xticks(range(len(SETTINGS)), SETTINGS)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 灰點是種子，方塊是平均與 95% 區間。乘 4 管用，乘 16 就超過了學習率的上限。大批次的訓練常先讓學習率慢慢升到縮放後的值（warm-up，暖身）；就算如此，再大的批次也總有不划算的時候。
#
# **主張 8** w ＝ 4 時，五個種子裡，縮放學習率的準確率每個都高於不縮放的。
#
# **主張 9** w ＝ 16 時反過來：五個種子裡，縮放的準確率每個都低於不縮放的。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# Grey dots are seeds, squares means with 95 % intervals. Four times serves, sixteen times is above the limit on the rate. Trainings with large batches often let the rate rise slowly to the scaled one (warm-up); and even so there is a batch size beyond which more does not pay.
#
# **Claim 8** For w = 4, the scaled rate is more accurate than the unscaled one for each of five seeds.
#
# **Claim 9** For w = 16 it is the other way round: the scaled rate is less accurate than the unscaled one for each of five seeds.

# %%
claim(8, (accuracy["4, scaled"] > accuracy["4, same rate"]).all())
claim(9, (accuracy["16, scaled"] < accuracy["16, same rate"]).all())

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 許多次訓練：叢集上的 `run_seeds`
#
# 上面的 25 次訓練互不相干，不必交換梯度。這種工作最容易分給許多台機器：`run_seeds` 一行都不用改，外面包一層 `joblib.parallel_config("dask")`，就由 Dask 的叢集來做。
#
# 下面在這台電腦上開兩個工作行程當作叢集。在真正的叢集上，換掉的只有 `LocalCluster` 那一行。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Many runs: `run_seeds` on a cluster
#
# The 25 runs above are independent and exchange no gradients. Such work is easiest to deal out: not a line of the `run_seeds` call changes, and inside `joblib.parallel_config("dask")` a Dask cluster does it.
#
# Here two worker processes on this computer stand for a cluster. On a real one, only the line with `LocalCluster` is another.

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（4 分鐘）你要把同一個小模型用 100 個種子各訓練一次，有 50 台機器。怎麼分最好？
#
# - ✗ 用 `DistributedDataParallel`，50 台一起訓練一個種子，做完再換下一個。*每一步都要交換梯度，小模型的時間都花在等待。*
# - ✓ 每台機器自己訓練兩個種子。*種子之間互不相干，不必通訊。*
# - ✗ 把資料切成 50 份，每台只看自己的那一份。*那會得到 50 個只看過一點資料的模型，不是同一個實驗。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (4 min) The same small model is to be trained with 100 seeds, and you have 50 machines. How are they best used?
#
# - ✗ With `DistributedDataParallel`: all 50 train one seed, then the next. *Every step exchanges gradients, and a small model spends its time waiting.*
# - ✓ Each machine trains two seeds by itself. *Seeds are independent, and need no communication.*
# - ✗ The data are cut into 50 parts, and each machine sees its own only. *That gives 50 models that have seen little, which is another experiment.*

# %% tags=["nbval-ignore-output"]
if find_spec("distributed"):
    from distributed import Client, LocalCluster

    here = {"host": "127.0.0.1", "local_directory": folder.name, "silence_logs": logging.ERROR}
    here |= {"dashboard_address": "127.0.0.1:0", "worker_dashboard_address": "127.0.0.1:0"}
    local = LocalCluster(n_workers=2, threads_per_worker=1, **here)
    with local as cluster, Client(cluster), joblib.parallel_config("dask"):
        dealt_out = run_seeds(follow, range(2), SETTINGS, data=data, val=mnist.val)
    same = dealt_out.merge(runs, on=["setting", "seed", "result"])
    print(f"{len(same)} of {len(dealt_out)} runs gave the same number as before, to the last bit.")
else:
    print(
        'Dask is not installed here. `pip install "dask[distributed]"`, then run this cell again.'
    )

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 資料每個工作行程只送一次；工作行程死了，它的訓練由別人重做；中途加入的也會分到工作；加上 `keep=資料夾`，做完的就不會再做。課程的說明文件「從筆電到叢集」寫了 Slurm、Kubernetes 與 JupyterHub 上怎麼開。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# The data travel once a worker; when a worker dies, others repeat its runs; one that joins late gets its share; with `keep=folder` nothing that was finished is made again. The course's page "From laptop to cluster" says how to start one on Slurm, Kubernetes and JupyterHub.

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 練習 1：份量不等的平均
#
# 難度 ★☆☆，約 8 分鐘。
#
# 寫 `average_gradients(gradients, counts)`。`gradients` 是一個 list，每個 rank 一個張量，形狀都相同，是那個 rank 的圖的**平均**損失的梯度；`counts` 是每個 rank 有幾張圖的 list。回傳全部圖片平均損失的梯度，形狀與 dtype 不變。一張圖也沒有的 rank（`counts` 是 0）送來的全是 NaN，不能算進去；至少有一個 rank 有圖。不可以改動輸入。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Exercise 1: averaging unequal shares
#
# Difficulty ★☆☆, about 8 minutes.
#
# Write `average_gradients(gradients, counts)`. `gradients` is a list with one tensor for each rank, all of one shape: the gradient of the **mean** loss over that rank's images. `counts` is a list of how many images each rank has. Return the gradient of the mean loss over all images, of the same shape and dtype. A rank without images (a count of 0) sends nothing but NaN and must not count; at least one rank has some. Leave the arguments as they are.


# %% tags=["exercise"]
def average_gradients(gradients, counts):
    raise NotImplementedError  # your code here


# %% tags=["check"]
exercises.average_gradients.check(average_gradients)


# %% tags=["solution"]
# One possible answer; open it once you have tried.
def average_gradients_solution(gradients, counts):
    """The gradient of the mean loss over the images of all ranks."""
    total = sum(counts)
    shares = [g * (n / total) for g, n in zip(gradients, counts, strict=True) if n > 0]
    return torch.stack(shares).sum(dim=0)


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 練習 2：rank r 拿到哪些圖？
#
# 難度 ★★☆，約 10 分鐘。
#
# 不用 `DistributedSampler`，寫 `indices_of(order, rank, world)`：`order` 是這個 epoch 的順序（整數的 list，至少一個），回傳這個 rank 依序拿到的索引，也是 list。規則和課裡看到的相同：rank r 拿第 r、r + world、r + 2·world……個；長度不能被 `world` 整除時，從 `order` 的開頭補到能整除為止，一圈不夠就再從頭補。不可以改動 `order`。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Exercise 2: which images does rank r get?
#
# Difficulty ★★☆, about 10 minutes.
#
# Without `DistributedSampler`, write `indices_of(order, rank, world)`: `order` is the order of this epoch (a list of whole numbers, at least one). Return the list of indices that this rank gets, in turn. The rule is the one seen in the lesson: rank r gets numbers r, r + world, r + 2·world, … of the order; where `world` does not divide its length, it is filled up from the beginning of `order` until it does, and from the beginning once more if one round is not enough. Leave `order` as it is.


# %% tags=["exercise"]
def indices_of(order, rank, world):
    raise NotImplementedError  # your code here


# %% tags=["check"]
exercises.indices_of.check(indices_of)


# %% tags=["solution"]
# One possible answer; open it once you have tried.
def indices_of_solution(order, rank, world):
    """Every world-th index from number ``rank`` on, of an order filled up from its beginning."""
    rounds = -(-len(order) // world)
    return [order[(rank + world * k) % len(order)] for k in range(rounds)]


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 練習 3：從幾個行程開始，再多也沒有用？
#
# 難度 ★★☆，約 12 分鐘。
#
# 環狀 all-reduce 的訊息要一個接一個傳，所以固定的時間隨圈子變大。設一步的時間是 T(w) ＝ `computing` / w ＋ `message` · (w − 1)：`computing` 是一個行程算完整批的秒數（大於 0），`message` 是每多一個行程多花的秒數（大於 0）。寫 `best_number_of_workers(computing, message, limit)`，回傳 1 到 `limit`（整數，至少 1，可能大到 10¹²）之間讓 T 最小的整數 w；一樣快時取少的。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Exercise 3: from how many on do more not help?
#
# Difficulty ★★☆, about 12 minutes.
#
# The messages of a ring all-reduce follow one another, so the constant grows with the ring. Let the time of a step be T(w) = `computing` / w + `message` · (w − 1), where `computing` is the seconds that one process takes for the whole batch (above 0), and `message` the seconds that each further process adds (above 0). Write `best_number_of_workers(computing, message, limit)`: the whole number w from 1 to `limit` (a whole number, at least 1, perhaps as large as 10¹²) with the smallest T; of two equally fast ones, the smaller.


# %% tags=["exercise"]
def best_number_of_workers(computing, message, limit):
    raise NotImplementedError  # your code here


# %% tags=["check"]
exercises.best_number_of_workers.check(best_number_of_workers)


# %% tags=["solution"]
# One possible answer; open it once you have tried.
def best_number_of_workers_solution(computing, message, limit):
    """The minimum of computing / w + message · (w − 1) over whole w in [1, limit]."""
    near = int((computing / message) ** 0.5)  # T falls before the root and rises after it
    choices = [min(max(w, 1), limit) for w in (near, near + 1)]
    return min(choices, key=lambda w: (computing / w + message * (w - 1), w))


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 重點整理
#
# - 份量相等時，各 rank 梯度的平均就是整批的梯度；份量不等要加權，batch norm 會變，dropout 只是另一次抽樣。
# - `DistributedSampler` 分圖，`set_epoch` 換順序；學習率屬於全域批次；損失要先 `all_reduce`；rank 0 存檔。
# - 一個 rank 死，全部停；存了權重、優化器與 epoch 編號，就能接續得一個位元也不差。
# - 一步 ＝ 計算 ＋ 固定時間 ＋ 位元組數 ÷ 頻寬。批次固定，加速有天花板。
# - 批次與學習率一起放大，到某個倍數為止。
# - 互不相干的許多次訓練，最值得分給許多台機器。
#
# 下一課 [[numpy_losses_and_gradients]] 不用任何框架，從損失函數開始自己寫。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Summary
#
# - With equal shares, the mean of the ranks' gradients is the gradient of the whole batch; unequal shares need weights, batch norm changes, dropout is merely drawn anew.
# - `DistributedSampler` deals out images, `set_epoch` changes the order; the rate belongs to the global batch; losses go through `all_reduce`; rank 0 saves.
# - One rank dies, all stop; with weights, optimizer and epoch number saved, training goes on to the same last bit.
# - A step = computing + constant + bytes ÷ bandwidth. With a fixed batch the speed-up has a ceiling.
# - Batch and rate can be scaled together up to some factor.
# - Many independent runs are what is most worth dealing out to many machines.
#
# The next lesson, [[numpy_losses_and_gradients]], does without any framework and begins with the losses.

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "skip"}
# ### 原始文獻
#
# - Li 等人（2020），PyTorch Distributed: Experiences on Accelerating Data Parallel Training。VLDB 13(12)，arXiv:2006.15704。`DistributedDataParallel` 怎麼邊算邊傳。
# - Patarasuk, Yuan（2009），Bandwidth optimal all-reduce algorithms for clusters of workstations。J. Parallel Distrib. Comput. 69(2)，117–124。環狀 all-reduce 與它的下界。
# - Goyal 等人（2017），Accurate, Large Minibatch SGD: Training ImageNet in 1 Hour。arXiv:1706.02677。線性縮放與暖身，批次到 8,192。
# - Rocklin（2015），Dask: Parallel Computation with Blocked algorithms and Task Scheduling。SciPy 2015。

# %% [markdown] lang="en" slideshow={"slide_type": "skip"}
# ### Primary sources
#
# - Li et al. (2020), PyTorch Distributed: Experiences on Accelerating Data Parallel Training. VLDB 13(12), arXiv:2006.15704. How `DistributedDataParallel` sends while it computes.
# - Patarasuk, Yuan (2009), Bandwidth optimal all-reduce algorithms for clusters of workstations. J. Parallel Distrib. Comput. 69(2), 117–124. The ring all-reduce, and the bound that it meets.
# - Goyal et al. (2017), Accurate, Large Minibatch SGD: Training ImageNet in 1 Hour. arXiv:1706.02677. Linear scaling and warm-up, for batches up to 8,192.
# - Rocklin (2015), Dask: Parallel Computation with Blocked algorithms and Task Scheduling. SciPy 2015.
