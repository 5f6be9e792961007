# %% [markdown] lang="zh-TW" about="MNIST 的完整流程：從線性模型一階一階爬到 98%，每一階附區間與代價，最後看錯在哪裡" slideshow={"slide_type": "slide"}
# # 用多層感知機辨識手寫數字
#
# 前面幾課的零件，這一課全部裝在一起：神經元、激活函數、損失函數、優化器、正則化。學完之後，你能夠：
#
# - 載入 MNIST、檢查資料，並說明輸入的正規化（normalization）在哪裡有用、在哪裡多餘；
# - 自己寫出訓練迴圈（training loop），並知道每一行為什麼在那裡；
# - 從線性模型開始一階一階往上加，用五個種子的信賴區間說出每一階提高多少準確率、要付什麼代價；
# - 看出模型把哪些數字弄混，以及它答錯時有多少信心。
#
# 先備：[[perceptron_xor]]到[[regularization]]。

# %% [markdown] lang="en" about="the full loop on MNIST: from a linear model up to 98 %, each rung with its interval and its cost, and where it goes wrong" slideshow={"slide_type": "slide"}
# # Reading handwritten digits with a multi-layer perceptron
#
# This lesson assembles the parts of the earlier ones: neurons, activation functions, a loss function, an optimizer, regularization. By the end you can
#
# - load MNIST, inspect it, and say where normalizing inputs matters and where it does not;
# - write the training loop yourself and know why each line is there;
# - climb from a linear model rung by rung, and say with intervals over five seeds what each rung brings and costs;
# - see which digits the model mixes up, and how confident it is when it is wrong.
#
# It builds on [[perceptron_xor]] to [[regularization]].

# %% lang="zh-TW" tags=["setup"] slideshow={"slide_type": "subslide"}
from course_utils.notebook import set_up

device = set_up("mnist_mlp", language="zh-TW", workers=True)

# %% lang="en" tags=["setup"] slideshow={"slide_type": "subslide"}
from course_utils.notebook import set_up

device = set_up("mnist_mlp", language="en", workers=True)

# %% slideshow={"slide_type": "subslide"}
import time
from itertools import pairwise, product

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from PIL import Image
from sklearn.metrics import confusion_matrix
from torch import nn
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from course_utils import plotting, seeding
from course_utils.batches import batches_of
from course_utils.exercises import mnist_mlp as exercises
from course_utils.experiment import run_seeds
from course_utils.intervals import (
    detectable_difference,
    equivalence,
    mean_interval,
    paired_difference,
)
from course_utils.loader import TensorLoader
from course_utils.mnist import MEAN, STD, load_mnist
from course_utils.models import MLP, MNIST_MLP, count_parameters
from course_utils.notebook.claims import claim
from course_utils.seeding import seeded
from course_utils.stacked import StackedMLP
from course_utils.tally import Tally
from course_utils.training import best_device, evaluate, fit, predict

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 資料：先看，再訓練
#
# MNIST 的每張圖是 28×28 個灰階像素。我們把它分成三份，各有各的用途：**訓練集**（training set）用來調整權重，**驗證集**（validation set）用來做選擇（要訓練幾輪、選哪個學習率），**測試集**（test set）只在最後用一次。
#
# 想一想：如果用測試集來做選擇，最後報告的準確率會偏高還是偏低？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## The data: look first, train later
#
# An MNIST image has 28×28 grey pixels. We keep three parts for three purposes: the **training set** moves the weights, the **validation set** makes choices (how many epochs, which rate), and the **test set** is used once, at the very end.
#
# Predict: if the test set made the choices, would the accuracy you report be too high or too low?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（5 分鐘）有人每訓練出一個模型，就看一次測試準確率，最後挑測試準確率最高的那個，並報告那個數字。這個數字偏高還是偏低？
#
# - ✗ 不高也不低，測試圖片從來沒有用來訓練。*不只訓練會洩漏；拿來做選擇，就會挑中剛好適合那批圖片的模型。*
# - ✗ 偏低，測試圖片比較難。*難不難是另一回事；挑最高的，只會往高的那邊偏。*
# - ✓ 偏高。*挑中的模型多少靠了運氣，這份運氣到了新圖片上就沒有了；選擇要用驗證集。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (5 min) After every model somebody looks at its test accuracy, and in the end takes the model with the highest and reports that number. Is it too high or too low?
#
# - ✗ Neither: the test images were never trained on. *Not only training leaks; choosing by them picks the model that happens to suit these images.*
# - ✗ Too low: test images are harder. *How hard they are is another matter; to pick the highest can only lean upward.*
# - ✓ Too high. *The model picked was lucky to some degree, and that luck does not carry over to new images; validation data are for choosing.*

# %%
mnist = load_mnist()
print(mnist.banner())
images, labels = mnist.train.tensors
print("images:", tuple(images.shape), images.dtype)
print("labels:", tuple(labels.shape), labels.dtype)

# %% [markdown] lang="zh-TW"
# 偏高：你會挑中剛好適合那批測試圖片的模型，這份運氣到了新圖片上就沒有了。

# %% [markdown] lang="en"
# Too high: you would pick the model that happens to suit those test images, and that luck does not carry over to new ones.

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 它們長什麼樣？
#
# 每次訓練之前都先看一眼資料。標籤對得上嗎？方向對嗎？哪些連你自己都要想一下？

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### What do they look like?
#
# Look at the data before every training run. Do the labels fit? Is the orientation right? Which ones make even you hesitate?

# %% alt-zh="兩排共十張手寫數字，黑字白底，每張上方寫著它的標籤。" alt-en="Ten handwritten digits in two rows, dark on white, each with its label above."
figure = plt.figure(figsize=(7, 3.2))
titles = [f"label {label}" for label in labels[:10]]
axes = plotting.show_images(figure, images[:10], titles)
# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 為什麼減 0.1307、除以 0.3081？
#
# 像素原本在 0 到 1 之間，而且大多是 0（背景）。減去平均、除以標準差，全部像素合起來就以 0 為中心、大小約為 1。否則對一張圖來說，第一層每個神經元的權重梯度全部同號（或是 0），只能一起增、一起減（LeCun 等人，1998b）。這兩個數不是憑空來的，量一下就知道：

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### Why subtract 0.1307 and divide by 0.3081?
#
# Pixels lie between 0 and 1, and most are 0 (background). Subtracting the mean and dividing by the standard deviation centres all pixels taken together at 0 with a size of about 1. Otherwise, for one image, the gradients of a first-layer unit's weights all have the same sign (or are 0), and its weights can only grow or shrink together (LeCun et al. 1998b). The two numbers are no magic; measure them:

# %%
pixels = torch.cat([mnist.train.images, mnist.val.images]) * STD + MEAN  # undo it: back to [0, 1]
print(f"before: mean ≈{pixels.mean():.4f}, standard deviation ≈{pixels.std():.4f}")
print(f"after:  mean ≈{images.mean():.4f}, standard deviation ≈{images.std():.4f}")
print(f"share of background pixels: ≈{(pixels < 0.001).float().mean():.0%}")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# **主張 1** 正規化之後，訓練圖片的平均與 0、標準差與 1，都相差不到 0.02。
#
# **主張 2** 在完整的 MNIST 上，正規化之前量到的正是 0.1307 與 0.3081。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# **Claim 1** After normalization, the training images' mean is within 0.02 of 0 and their standard deviation within 0.02 of 1.
#
# **Claim 2** On full MNIST, what was measured before normalization is 0.1307 and 0.3081.

# %%
claim(1, abs(images.mean()) < 0.02 and abs(images.std() - 1) < 0.02)
same = round(pixels.mean().item(), 4) == MEAN and round(pixels.std().item(), 4) == STD
claim(2, same, tiers="full", tier=mnist.tier)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 一批一批地餵：DataLoader 與記憶體裡的張量
#
# 標準做法分兩層：`Dataset` 一次交出**一張**圖，`DataLoader` 再把它們疊成批次。下面照 torchvision 的 MNIST 那樣寫：每次取圖都重新轉成張量、重新正規化。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Feeding batches: DataLoader, and tensors in memory
#
# The standard way has two layers: a `Dataset` hands out **one** image at a time, and a `DataLoader` stacks them into batches. Here it is as torchvision's MNIST does it, turning each image into a tensor and normalizing it anew every time it is fetched.


# %%
class PictureDataset(Dataset):
    def __init__(self, pixels, labels):
        self.pixels, self.labels = pixels, labels
        self.transform = transforms.Compose(
            [transforms.ToTensor(), transforms.Normalize((MEAN,), (STD,))]
        )

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        image = Image.fromarray(self.pixels[index])
        return self.transform(image), int(self.labels[index])


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# MNIST 全部放得進記憶體，而且已經正規化好了。那麼一個批次只是**一次索引**：`images[rows]`。課程的 `TensorLoader` 就只做這件事。
#
# 猜猜看：跑過同一批圖（最多 6,000 張），兩者差幾倍？

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# All of MNIST fits into memory, normalized once. A batch is then **one indexing operation**: `images[rows]`. The course's `TensorLoader` does just that.
#
# Guess: over the same images (6,000 at most), how many times faster is it?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（6 分鐘）跑過同樣的 6,000 張 MNIST。一種載入器每取一張圖，就重新轉成張量、重新正規化，再疊成批次；另一種事先全部轉好，每個批次只做一次索引。兩者的時間差多少？
#
# - ✗ 差不多，圖一樣多。*只數了圖；前一種每張圖都要呼叫好幾次 Python 函式。*
# - ✗ 兩倍左右，多了一次轉換而已。*轉換不貴，貴的是一張一張來；每張圖都要付函式呼叫的代價。*
# - ✓ 幾十倍以上。*一次索引取代了幾百次的函式呼叫，轉換與正規化也早就做完了；確切的倍數看機器。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (6 min) The same 6,000 MNIST images go by. One loader makes a tensor of each image and normalizes it anew every time it is fetched, and stacks them into batches; the other has all that done beforehand, and a batch is one indexing operation. How do their times compare?
#
# - ✗ About the same: the images are as many. *Counts images; the first makes several calls in Python for each of them.*
# - ✗ About twice: there is a conversion more. *It is not the conversion that costs, but going one by one; every image pays for its calls.*
# - ✓ The first takes tens of times as long, or more. *One indexing operation takes the place of hundreds of calls, and conversion is already done; the factor depends on the machine.*


# %% tags=["timing"]
def seconds(loader):
    started = time.perf_counter()
    for _images, _labels in loader:
        pass
    return time.perf_counter() - started


part = mnist.train.subset(min(6000, len(mnist.train)))
raw_pixels = ((part.images * STD + MEAN) * 255).round().byte().squeeze(1).numpy()
pictures = PictureDataset(raw_pixels, part.labels)
shuffled = {"batch_size": 128, "shuffle": True}
one_by_one = DataLoader(pictures, **shuffled, generator=seeding.generator(0))
in_memory = TensorLoader(part, **shuffled, generator=seeding.generator(0))
print(f"DataLoader takes ≈{seconds(one_by_one) / seconds(in_memory):.0f} times as long")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# `TensorLoader` 比較快，是因為省下了逐張圖的 Python 函式呼叫，轉換與正規化也早就做完了（各佔多少，這裡沒有分開量）。倍數只量了一次，每次執行會差很多。資料大到放不進記憶體，或每輪都要隨機變形時，才輪到 `DataLoader` 上場（那時記得開 `num_workers`）。
#
# 快歸快，答案不能變：
#
# **主張 3** 兩種載入器**必定**交出同樣的批次：標籤完全相同，像素相差不到 10⁻⁵。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# It is faster because it spares the Python calls for every single image, and because conversion and normalization are already done (their shares are not measured here). The factor was timed once, and varies a lot from run to run. `DataLoader` earns its place where the data do not fit into memory, or where every epoch distorts them at random (then use its `num_workers`).
#
# Faster must not mean different:
#
# **Claim 3** Both loaders **must** hand out the same batches: equal labels, and pixels within 10⁻⁵.

# %%
in_order = zip(DataLoader(pictures, 128), TensorLoader(part, 128), strict=True)
same_batches = all(
    torch.equal(y, y_memory) and torch.allclose(x, x_memory, rtol=0, atol=1e-5)
    for (x, y), (x_memory, y_memory) in in_order
)
claim(3, same_batches)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 模型：784 → 256 → 256 → 10
#
# 每個隱藏層依序是線性、批次正規化、ReLU、dropout。最後一層只是線性：輸出十個 **logits**，softmax 留給損失函數做。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## The model: 784 → 256 → 256 → 10
#
# Each hidden layer is linear, batch normalization, ReLU, dropout, in this order. The last layer is only linear: it gives ten **logits**, and leaves the softmax to the loss function.


# %%
def hidden_layer(fan_in, fan_out):
    return nn.Linear(fan_in, fan_out), nn.BatchNorm1d(fan_out), nn.ReLU(), nn.Dropout(0.2)


with seeded(0):
    model = nn.Sequential(
        nn.Flatten(), *hidden_layer(784, 256), *hidden_layer(256, 256), nn.Linear(256, 10)
    )

# %% [markdown] lang="zh-TW"
# 課程把它收進 `course_utils.models`，名為 `MNIST_MLP`，之後直接使用；同一個種子給出同樣的權重。

# %% [markdown] lang="en"
# The course keeps it in `course_utils.models` as `MNIST_MLP`, to be used from here on; the same seed gives the same weights.

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 參數在哪裡？
#
# 想一想：兩個隱藏層一樣寬，哪一層的參數最多？

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### Where are the parameters?
#
# Predict: the hidden layers are equally wide; which layer has the most parameters?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（5 分鐘）一個 784 → 256 → 256 → 10 的多層感知機，兩個隱藏層一樣寬。哪一層的參數最多？
#
# - ✗ 兩個隱藏層一樣多，都是 256 個神經元。*只數了神經元；權重的個數是輸入個數乘上神經元個數。*
# - ✓ 第一個隱藏層，佔了七成以上。*784 × 256 遠大於 256 × 256。*
# - ✗ 輸出層，它要分出十類。*把責任當成參數；它只有 256 × 10 個權重。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (5 min) A multi-layer perceptron 784 → 256 → 256 → 10 has two hidden layers of equal width. Which layer has the most parameters?
#
# - ✗ The two hidden layers have equally many, with 256 units each. *Counts units; weights are inputs times units.*
# - ✓ The first hidden layer, with over seven tenths of all. *784 × 256 is far more than 256 × 256.*
# - ✗ The output layer, which has ten classes to tell apart. *Takes responsibility for parameters; it has 256 × 10 weights.*

# %%
layers = [layer for layer in model if count_parameters(layer) > 0]
sizes = [count_parameters(layer) for layer in layers]
pd.DataFrame({"parameters": sizes}, index=[str(layer) for layer in layers])

# %% [markdown] lang="zh-TW"
# 一個 784→256 的線性層有 784×256 個權重和 256 個偏置，共 200,960 個。
#
# **主張 4** 算得出來的**必定**成立：全部共 270,346 個參數，第一層就佔了七成以上；`MNIST_MLP(seed=0)` 與上面手寫的模型對同一批圖給出相同的 logits。

# %% [markdown] lang="en"
# A linear layer 784→256 has 784×256 weights and 256 biases: 200,960 numbers.
#
# **Claim 4** Arithmetic, which **must** hold: there are 270,346 parameters, over seven tenths of them in the first layer; `MNIST_MLP(seed=0)` gives the same logits as the model written out above.

# %%
same_logits = torch.equal(model.eval()(images[:100]), MNIST_MLP(seed=0).eval()(images[:100]))
claim(4, count_parameters(model) == 270_346 and sizes[0] / sum(sizes) > 0.7 and same_logits)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 訓練一輪：每一行都有理由
#
# 每一步有五個動作：前向計算、損失、清除舊梯度、反向傳播、更新。少了 `zero_grad`，梯度會一直累加；少了 `model.train()`，只要先前呼叫過 `eval()`，dropout 就不會啟動（模型已經在訓練模式時不再呼叫：你刻意用 `eval()` 凍結的層，就讓它凍著）。
#
# `batches_of` 檢查每個批次都是一對等長的張量；`tally.loss` 就是 `criterion(logits, labels)`，順手記下來。
#
# `before_step` 是預留給後面幾課的掛鉤（hook）：梯度已經算好、權重還沒動，正是記錄梯度、或把梯度縮短（[[gradient_clipping]]）的時機。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## One epoch: every line has its reason
#
# A step is five acts: forward, loss, clear the old gradients, backward, update. Without `zero_grad` gradients pile up; without `model.train()` dropout stays off once `eval()` has been called (it is not called on a model that is in training mode: a layer that you froze on purpose, by its `eval()`, stays frozen).
#
# `batches_of` checks that each batch is a pair of tensors of one length; `tally.loss` is `criterion(logits, labels)`, noted down.
#
# `before_step` is a hook for later lessons: the gradients are there and the weights have not moved, which is the moment to record gradients, or to shorten them ([[gradient_clipping]]).

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（6 分鐘）模型裡有 dropout。每一輪之後都呼叫 `eval()` 評估，但訓練的程式忘了再呼叫 `model.train()`。從第二輪起，會發生什麼事？
#
# - ✗ 權重不再更新，因為模型在評估模式。*把模式當成開關；更新權重的是優化器，和模式無關。*
# - ✗ PyTorch 會報錯，評估模式不能訓練。*以為錯了就會報錯；評估模式照樣可以反向傳播。*
# - ✓ 照樣訓練，但 dropout 不再作用。*模式只改變 dropout 與批次正規化這類層的行為，而且沒有任何訊息提醒你。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (6 min) A model has dropout. After each epoch it is evaluated with `eval()`, but the training code forgets to call `model.train()` again. What happens from the second epoch on?
#
# - ✗ Weights are no longer updated, as the model is in evaluation mode. *Takes the mode for a switch; it is the optimizer that updates, whatever the mode.*
# - ✗ PyTorch raises an error: one cannot train in evaluation mode. *Thinks that mistakes are reported; back-propagation works in evaluation mode, too.*
# - ✓ Training goes on, but dropout no longer acts. *The mode only changes what layers such as dropout and batch norm do, and nothing tells you.*


# %% saved="training"
def train_epoch(model, loader, criterion, optimizer, device, before_step=None):
    if not model.training:
        model.train()
    tally = Tally(criterion)
    for images, labels in batches_of(loader):
        images, labels = images.to(device), labels.to(device)
        logits = model(images)
        loss = tally.loss(logits, labels)
        optimizer.zero_grad()
        loss.backward()
        if before_step is not None:
            before_step(loss.detach())
        optimizer.step()
    return tally.means()


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 注意兩個細節。`tally.means()` 把每一批的損失乘上 `len(labels)` 再相加，最後才除以總數：最後一批比較短，不該和其他批次一樣重。記下的數一直留在裝置上，一輪只取回一次：每一步都呼叫 `.item()`，GPU 就得停下來等你。
#
# `evaluate` 是同一件事，但不更新權重；它在 `course_utils.training`，而練習 1 要你自己寫一次。
#
# **先問一個還沒訓練的模型**：十個類別它一無所知，損失會是多少？

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# Two details. `tally.means()` multiplies each batch's loss by `len(labels)`, adds up, and divides by the total at the end: the last batch is shorter and must not weigh as much as the others. And what is noted stays on the device, fetched once per epoch: with `.item()` at every step, a GPU would stop and wait for you.
#
# `evaluate` does the same without moving the weights; it lives in `course_utils.training`, and exercise 1 asks you to write your own.
#
# **Ask a model before training**: it knows nothing about the ten classes. What will its loss be?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（6 分鐘）一個還沒訓練的網路，要分十個類別，損失是交叉熵。訓練之前，損失大約是多少？
#
# - ✗ 0.9 左右，瞎猜十次錯九次。*把損失當成錯誤率；交叉熵看的是給正確類別的機率。*
# - ✓ 2.3 左右，也就是 ln 10。*什麼都不知道，十類的機率都接近十分之一，−ln 0.1 = ln 10。*
# - ✗ 說不準，權重是亂數，損失就是亂數。*起始的權重很小，logits 都在 0 附近，機率就差不多一樣；五個種子都很接近 ln 10。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (6 min) A network that is to tell ten classes apart has not been trained; its loss is cross-entropy. About how large is the loss before training?
#
# - ✗ About 0.9: guessing is wrong nine times in ten. *Takes the loss for the error rate; cross-entropy looks at the probability given to the right class.*
# - ✓ About 2.3, which is ln 10. *It knows nothing, all ten probabilities are near a tenth, and −ln 0.1 = ln 10.*
# - ✗ Nobody can say: the weights are random, and so is the loss. *Weights begin small, logits near 0, and probabilities nearly equal; for all five seeds it is close to ln 10.*

# %%
criterion = nn.CrossEntropyLoss()
val_loader = TensorLoader(mnist.val, batch_size=1000)
untrained = [evaluate(MNIST_MLP(seed=seed), val_loader, criterion, "cpu") for seed in range(5)]
losses, accuracies = np.array(untrained).T
print(f"loss {mean_interval(losses):.3f}, and ln 10 is {np.log(10):.3f}")
print(f"accuracy {mean_interval(accuracies):.1%}")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# **主張 5** 五個網路的初始損失與 ln 10 ≈ 2.303 都相差不到 0.1，準確率都低於 20%：和瞎猜差不多。
#
# 這是最便宜的除錯工具（Karpathy，2019）：訓練前的損失若離 ln K 很遠（K 是類別數），先別訓練，去找原因。
#
# **主張 6** `evaluate` 的結果**必定**與批次大小無關（7 與 1,000 的損失相差不到 10⁻⁵）。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# **Claim 5** Before training, all five networks have a loss within 0.1 of ln 10 ≈ 2.303 and an accuracy below 20 %: about as good as guessing.
#
# This is the cheapest debugging tool there is (Karpathy 2019): where the first loss is far from ln K (K classes), look for the cause before you train.
#
# **Claim 6** What `evaluate` returns **must** not depend on the batch size (the losses at 7 and at 1,000 agree within 10⁻⁵).

# %%
claim(5, bool((abs(losses - np.log(10)) < 0.1).all() and (accuracies < 0.2).all()))
small_batches = evaluate(model, TensorLoader(mnist.val, batch_size=7), criterion, "cpu")
large_batches = evaluate(model, val_loader, criterion, "cpu")
claim(6, np.allclose(small_batches, large_batches, rtol=0, atol=1e-5))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 一次完整的訓練，寫成一個函式
#
# `fit` 把 `train_epoch` 和 `evaluate` 串起來，記下每一輪的歷史，並顯示進度條。`fused=True` 讓 Adam 用一次融合的呼叫更新所有參數：數學一樣，省下零碎的呼叫。種子是引數，模型的選項也是：後面每一階都用這同一個函式。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## A whole run as one function
#
# `fit` strings `train_epoch` and `evaluate` together, keeps the history of every epoch and shows a progress bar. `fused=True` lets Adam update all parameters in one fused call: the same mathematics, fewer small calls. The seed is an argument, and so are the model's options: every rung below uses this one function.


# %%
def train_run(
    seed, train, val, rate, hidden_sizes=(256, 256), shift=0, epochs=10, batch=128, **options
):
    model = MLP(784, hidden_sizes, 10, seed=seed, **options)
    optimizer = torch.optim.Adam(model.parameters(), lr=rate, fused=True)
    generator = seeding.generator(seed)
    loader = TensorLoader(train, batch, shuffle=True, generator=generator)
    if shift > 0:
        loader = ShiftedCopies(loader, shift, generator)
    val_loader, where = TensorLoader(val, 1000), {"device": best_device(), "seed": seed}
    started = time.perf_counter()
    history = fit(
        model, loader, val_loader, nn.CrossEntropyLoss(), optimizer, epochs=epochs, **where
    )
    seconds = time.perf_counter() - started
    return {"history": history, "model": model.cpu(), "seconds": seconds, "rate": rate}


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# `ShiftedCopies` 是**資料擴增**（augmentation；Simard 等人，2003）：移動一個像素的 7 還是 7，所以每次取圖，都把它隨機往上下左右移最多 `most` 個像素，空出來的補上背景。網路就不會兩次看到一模一樣的圖。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# `ShiftedCopies` is **data augmentation** (Simard et al. 2003): a 7 moved by one pixel is still a 7, so each time an image is fetched it moves at random by up to `most` pixels, up or down and left or right, and the gap is filled with background. The network hardly ever sees the very same image twice.

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（6 分鐘）資料擴增：每次取圖，都把它隨機往上下左右移動最多一個像素。為什麼不在訓練之前一次全部移好？
#
# - ✓ 每次重新移，網路就不會一再看到一模一樣的圖。*一次移好，只是換了一份固定的訓練集，照樣背得下來。*
# - ✗ 沒有差別，移動的距離一樣。*只看移了多遠；重點是每一輪都不一樣。*
# - ✗ 移過的圖，標籤要重新標。*移動一個像素的 7 還是 7，所以標籤不必動。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (6 min) Data augmentation: each time an image is fetched, it moves at random by up to one pixel, up or down and left or right. Why not move all images once, before training?
#
# - ✓ Moved anew each time, the network does not see the very same image again and again. *Moved once, they are just another fixed training set, which can be learned by heart.*
# - ✗ There is no difference: they move as far. *Looks at the distance; the point is that every epoch is different.*
# - ✗ Images that were moved would need new labels. *A 7 moved by one pixel is still a 7, and keeps its label.*


# %%
class ShiftedCopies:
    def __init__(self, loader, most, generator):
        self.loader, self.most, self.generator = loader, most, generator

    def __len__(self):
        return len(self.loader)

    def __iter__(self):
        side, pad = torch.arange(28), [self.most] * 4
        for images, labels in self.loader:
            padded = nn.functional.pad(images, pad, value=-MEAN / STD)[:, 0]
            size = (2, len(images), 1)
            moves = torch.randint(0, 2 * self.most + 1, size, generator=self.generator)
            rows, columns = side + moves
            which = torch.arange(len(images))[:, None, None]
            yield padded[which, rows[:, :, None], columns[:, None, :]][:, None], labels


# %% alt-zh="兩排手寫數字：上排是同一張圖五次，位置各差一個像素以內；下排是另一張圖，也是如此。" alt-en="Two rows of handwritten digits: the same image five times in the upper row, its place differing by a pixel or so; another image likewise in the lower row." slideshow={"slide_type": "subslide"}
same_images = [(images[[0] * 5 + [1] * 5], labels[[0] * 5 + [1] * 5])]
moved, moved_labels = next(iter(ShiftedCopies(same_images, 2, seeding.generator(0))))
figure = plt.figure(figsize=(7, 3.0))
axes = plotting.show_images(figure, moved, [f"label {label}" for label in moved_labels])

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 正規化在哪裡有用？
#
# 前面說要減平均、除以標準差。真的差很多嗎？拿 3,000 張圖、SGD 三輪、三種學習率，比較**原始的**像素（0 到 1）與正規化之後：一個沒有批次正規化的多層感知機，一個有。和[[regularization]]一樣，五個種子疊成一疊。
#
# 想一想：批次正規化自己就會減平均、除以標準差。輸入先做過，還有差別嗎？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Where does normalizing matter?
#
# Subtract the mean, divide by the deviation, we said. Does it make much difference? Take 3,000 images, three epochs of SGD and three rates, and compare **raw** pixels (0 to 1) with normalized ones, in an MLP without batch normalization and in one with it. As in [[regularization]], five seeds are stacked.
#
# Predict: batch norm subtracts a mean and divides by a deviation itself. Does it still matter what was done to the inputs?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（7 分鐘）輸入的像素原本在 0 到 1 之間，可以先減平均、除以標準差。如果模型的第一層後面就是批次正規化，輸入先正規化過，驗證損失會差多少？
#
# - ✗ 差很多，輸入沒有正規化就學不好。*對沒有批次正規化的模型才成立；那時三種學習率都差很多。*
# - ✓ 幾乎沒有差別，都在 ±0.05 之內。*第一層的輸出會減掉批次平均、除以批次標準差，輸入的平移與縮放就抵消了。*
# - ✗ 反而更差，正規化做了兩次會失真。*以為兩次會累積；第二次做完，第一次的平移與縮放就不見了。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (7 min) Input pixels lie between 0 and 1; one may subtract their mean and divide by their deviation. If the model has batch norm after its first layer, how much does it change the validation loss to normalize the inputs beforehand?
#
# - ✗ A lot: without normalized inputs it learns badly. *True of a model without batch norm, where it made a large difference at all three rates.*
# - ✓ Hardly at all: by less than 0.05 either way. *The first layer's outputs lose their batch mean and are divided by their batch deviation, which cancels shift and scale of the inputs.*
# - ✗ It gets worse: normalizing twice distorts. *Thinks that the two pile up; after the second, the shift and scale of the first are gone.*


# %%
def train_with_sgd(seed, batch_norm, is_raw, rate, train, val):
    model = StackedMLP(784, (256, 256), 10, seeds=range(seed, seed + 5), batch_norm=batch_norm)
    optimizer = torch.optim.SGD(model.parameters(), lr=rate, fused=True)
    scale, shift = (STD, MEAN) if is_raw else (1, 0)
    x, val_x = (part.images.flatten(1) * scale + shift for part in (train, val))
    generator = seeding.generator(seed)
    for _ in range(3):
        orders = torch.stack([torch.randperm(len(x), generator=generator) for _ in range(5)])
        for rows in orders.split(128, dim=1):
            logits = model(x[rows]).flatten(0, 1)
            loss = nn.functional.cross_entropy(logits, train.labels[rows].flatten())
            optimizer.zero_grad()
            (5 * loss).backward()  # the mean over five networks, back to the sum of their means
            optimizer.step()
    val_logits = model.eval()(val_x)
    return [nn.functional.cross_entropy(logits, val.labels).item() for logits in val_logits]


# %%
sgd_rates = (0.03, 0.1, 0.3)
keys = list(product((False, True), (True, False), sgd_rates))
settings = {str(key): dict(zip(("batch_norm", "is_raw", "rate"), key, strict=True)) for key in keys}
few = {"train": mnist.train.subset(3000), "val": mnist.val}
sgd_runs = run_seeds(train_with_sgd, seeds=[0], settings=settings, **few)
val_loss = dict(zip(keys, sgd_runs["result"], strict=True))

# %% alt-zh="橫軸是學習率，縱軸是驗證損失，兩軸取對數，陰影帶是五個種子的 95% 區間。沒有批次正規化時，原始像素的線在每種學習率都高於正規化的線；有批次正規化時，兩條線幾乎重疊，而且最低。" alt-en="Validation loss against rate, log axes, bands are 95 % intervals over five seeds. Without batch norm the line of raw pixels lies above that of normalized ones at every rate; with batch norm the two lines nearly coincide, and are lowest." slideshow={"slide_type": "subslide"}
figure, ax = plt.subplots(figsize=(8, 3.2))
for (batch_norm, is_raw), marker in zip(product((False, True), (True, False)), "os^v", strict=True):
    label = f"{'raw' if is_raw else 'normalized'}, {'with' if batch_norm else 'without'} BN"
    losses = np.array([val_loss[batch_norm, is_raw, rate] for rate in sgd_rates]).T
    plotting.plot_band(ax, sgd_rates, losses, label, log=True, marker=marker)
ax.set(xscale="log", xlabel="learning rate (log)", ylabel="validation loss (nats, log)")
ax.set_xticks(sgd_rates, [str(rate) for rate in sgd_rates])
ax.set_yticks([0.25, 0.5, 1, 2], ["0.25", "0.5", "1", "2"])
ax.minorticks_off()
legend = ax.legend(loc="upper left", bbox_to_anchor=(1, 1))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# **主張 7** 沒有批次正規化時，三種學習率都一樣：平均而言，正規化過的輸入驗證損失較低（成對差的信賴區間都不含 0）。
#
# **主張 8** 有批次正規化時，三種學習率的差異都在 ±0.05 之內。這是等效檢定（equivalence test）的結論：不只是「沒有發現差異」，而是確認差異只有這麼小。第一層的輸出減掉批次平均、除以批次標準差，輸入的平移與縮放就抵消了。
#
# 我們的模型有批次正規化，所以先正規化並沒有讓它更好；養成這個習慣，是為了沒有它的模型。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# **Claim 7** Without batch norm it is the same at all three rates: on average normalized inputs have the lower validation loss (no paired interval contains zero).
#
# **Claim 8** With batch norm the difference is within ±0.05 at all three rates. (A test of equivalence shows that it is this small, which "no difference found" would not.) The first layer's outputs lose their batch mean and are divided by their batch deviation, which cancels any shift and scale of the inputs.
#
# Our model has batch norm, so normalizing its inputs does not make it better; it is a habit for the models that have none.

# %%
pairs = {key[::2]: (val_loss[key], val_loss[key[0], True, key[2]]) for key in keys if not key[1]}
for (batch_norm, rate), pair in pairs.items():
    name = "with" if batch_norm else "without"
    print(f"{name} BN, rate {rate}, normalized - raw: {paired_difference(*pair):.3f}")
claim(7, all(paired_difference(*pairs[False, rate]).high < 0 for rate in sgd_rates))
claim(8, all(equivalence(*pairs[True, rate], margin=0.05).shown for rate in sgd_rates))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 一階一階往上
#
# 98% 算高嗎？要有東西可比。我們從最簡單的模型開始，一次只加一樣：
#
# 1. **線性模型**（linear）：784 → 10，沒有隱藏層。
# 2. **多層感知機**（plain MLP）：784 → 256 → 256 → 10。
# 3. 加上**批次正規化**。
# 4. 再加上 **dropout** 0.2。
# 5. 再加上**移動過的圖**（shifted copies），最多一個像素。
#
# 為了省時間，這五階只用 12,000 張訓練圖（資料少的話，用一半），各訓練十輪。最後一階用**全部的訓練資料**（為了省時間，批次改成 256，不是 128）。
#
# 先下注：哪一階的進步最大？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Rung by rung
#
# Is 98 % much? That needs something to compare with. We begin with the simplest model and add one thing at a time:
#
# 1. a **linear** model: 784 → 10, no hidden layer;
# 2. a **plain MLP**: 784 → 256 → 256 → 10;
# 3. with **batch norm**;
# 4. and **dropout** 0.2;
# 5. and **shifted copies**, by up to one pixel.
#
# To save time these five rungs train on 12,000 images (half of the data, where there are fewer), ten epochs each. The last rung takes **all training data** (in batches of 256, not 128, to save time).
#
# Place your bets: which rung brings most?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（6 分鐘）從線性模型（784 → 10）開始，一次加一樣：兩個隱藏層、批次正規化、dropout、移動過的圖，最後用全部的訓練資料。在完整的 MNIST 上，哪一步讓測試準確率進步最多？
#
# - ✗ 批次正規化，現代的網路都靠它。*它的區間包含 0，這裡沒有發現差異。*
# - ✗ 全部的訓練資料，資料最重要。*有進步，大約 1 個百分點；但準確率已經很高，剩下的空間不多。*
# - ✓ 兩個隱藏層。*從約 91.6% 到約 96.3%，比其他任何一步都多；線性模型折不了空間。*
# - ✗ dropout，它專治過擬合。*就算有進步也很小，區間包含 0。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (6 min) Beginning with a linear model (784 → 10), one thing is added at a time: two hidden layers, batch norm, dropout, shifted copies, and at last all training data. On full MNIST, which step raises test accuracy most?
#
# - ✗ Batch norm, on which modern networks rely. *Its interval contains 0: no difference was found here.*
# - ✗ All training data: data matter most. *It helps, by about 1 percentage point; but accuracy is high by then, and there is little room left.*
# - ✓ The two hidden layers. *From about 91.6 % to about 96.3 %, more than any other step; a linear model cannot fold space.*
# - ✗ Dropout, which cures overfitting. *If it helps, then by little; its interval contains 0.*

# %%
rungs = {
    "linear": {"hidden_sizes": ()},
    "plain MLP": {},
    "+ batch norm": {"batch_norm": True},
    "+ dropout": {"batch_norm": True, "dropout_rate": 0.2},
    "+ shifted copies": {"batch_norm": True, "dropout_rate": 0.2, "shift": 1},
}
part = mnist.train.subset(min(12_000, len(mnist.train) // 2))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 公平起見，每一階都試同樣的三個學習率，由**驗證**準確率來選（兩個另外的種子、四分之一的圖，十輪）。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# To be fair, every rung tries the same three rates, and **validation** accuracy chooses (two other seeds, a quarter of the images, ten epochs).

# %% tags=["nbval-ignore-output"]
rates = (0.0003, 0.001, 0.003)
trials = {f"{n}, {rate}": {**rung, "rate": rate} for n, rung in rungs.items() for rate in rates}
quarter = {"train": part.subset(len(part) // 4), "val": mnist.val}
trial_runs = run_seeds(train_run, seeds=(5, 6), settings=trials, **quarter)
scores = trial_runs["history"].map(lambda history: history.val_accuracy[-1])
score = scores.groupby(trial_runs["setting"]).mean()
best = {name: max(rates, key=lambda rate, name=name: score[f"{name}, {rate}"]) for name in rungs}
print("chosen rates:", best)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 現在每一階訓練五個種子，每個核心一次跑一個；然後是用全部資料的最後一階。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# Now every rung trains on five seeds, each core taking one at a time; then comes the last rung, on all the data.

# %%
ladder = {name: {**rung, "rate": best[name]} for name, rung in rungs.items()}
part_runs = run_seeds(train_run, settings=ladder, train=part, val=mnist.val)
TOP = "+ all the data"
top = {TOP: {**ladder["+ shifted copies"], "batch": 256}}
runs = pd.concat([part_runs, run_seeds(train_run, settings=top, train=mnist.train, val=mnist.val)])
histories = {name: list(group["history"]) for name, group in runs.groupby("setting")}

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 學習曲線
#
# 想一想：第十輪結束時，訓練準確率和驗證準確率哪個高？沒有任何正則化的多層感知機，和有 dropout 又移動圖片的，答案一樣嗎？

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### Learning curves
#
# Predict: at the end of the tenth epoch, which is higher, training accuracy or validation accuracy? Is the answer the same for the plain MLP and for the one with dropout and shifted copies?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（6 分鐘）第十輪結束時，有 dropout、又隨機移動訓練圖片的網路，驗證準確率比訓練準確率還高，或者相差無幾。這是怎麼回事？
#
# - ✗ 驗證圖片混進了訓練集。*那樣兩者會接近，但這裡有更簡單的原因；沒有正則化的網路，差距的方向就正常。*
# - ✓ 訓練時的考卷比較難，而且訓練準確率是整輪的平均。*dropout 關掉一部分神經元，圖又被移動；這一輪剛開始、還比較差的時候也算在內。*
# - ✗ 程式寫錯了，訓練準確率一定比較高。*以為訓練準確率一定較高；量的時候，兩邊的條件並不一樣。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (6 min) At the end of the tenth epoch, a network with dropout and randomly shifted training images has a validation accuracy above its training accuracy, or hardly below. How can that be?
#
# - ✗ Validation images have got into the training set. *Then the two would be close, but there is a simpler reason; in the network without regularization the gap has the usual sign.*
# - ✓ In training the exam is harder, and training accuracy is a mean over the whole epoch. *Dropout switches units off and images are moved; and the epoch's beginning, when it was worse, counts as well.*
# - ✗ The program is wrong: training accuracy is always higher. *Takes that for a law; the two are measured under different conditions.*

# %% alt-zh="兩張圖，橫軸是訓練輪數，縱軸是準確率；實線圓點是訓練，虛線方點是驗證，陰影帶是五個種子的 95% 區間。左圖沒有正則化的多層感知機：訓練準確率升到接近 100%，驗證在它下面。右圖加了批次正規化、dropout 與移動過的圖：訓練準確率起初在驗證下面，最後也靠得很近。" alt-en="Accuracy against epochs, training solid with dots, validation dashed with squares, bands are 95 % intervals over five seeds. Plain MLP on the left: training climbs to nearly 100 % and validation stays below it. With batch norm, dropout and shifted copies on the right: training starts below validation and ends close to it."
figure, axes = plt.subplots(1, 2, figsize=(9, 3.2), sharey=True)
for ax, name in zip(axes, ("plain MLP", "+ shifted copies"), strict=True):
    plotting.plot_history(ax, histories[name], "accuracy").set_title(name)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 右圖的驗證準確率比較高，或者相差無幾（看資料多少而定）。這不是作弊：訓練時 dropout 關掉兩成的神經元，圖又被移來移去，考卷比驗證時難；而且訓練準確率是整輪的平均，也把這一輪剛開始、還比較笨的時候算了進去。左圖則把看過的圖記得滾瓜爛熟：那個差距，就是[[regularization]]的主題。
#
# **主張 9** 沒有正則化的五個網路，第十輪的訓練準確率都高於驗證準確率。
#
# **主張 10** 同一個種子相比，有 dropout 又移動圖片的網路，訓練減驗證的差距都比較小，五個種子都如此。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# On the right validation is higher, or hardly lower (it depends on the data). Nobody cheated: during training dropout switches off a fifth of the units and the images are moved about, which makes a harder exam; and training accuracy is a mean over the whole epoch, its clumsy beginning included. On the left, images once seen are known by heart: that gap is the subject of [[regularization]].
#
# **Claim 9** For all five plain networks, training accuracy in the tenth epoch is above validation accuracy.
#
# **Claim 10** Seed by seed, the gap (training minus validation) is smaller with dropout and shifted copies, for all five.

# %%
gaps = {
    name: np.array([h.train_accuracy[-1] - h.val_accuracy[-1] for h in histories[name]])
    for name in ("plain MLP", "+ shifted copies")
}
claim(9, (gaps["plain MLP"] > 0).all())
claim(10, (gaps["+ shifted copies"] < gaps["plain MLP"]).all())

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 測試：只有一次
#
# 所有的選擇都做完了，三十個網路也訓練完了，現在才打開測試集，一個網路看一次。區間只反映換種子的差異，不含換一批測試圖片的差異。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## The test: once
#
# All choices are made and thirty networks are trained; now the test set is opened, once for each. The intervals cover what other seeds would change, not what other test images would.

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（8 分鐘）六種模型各訓練五個網路，全部選擇都做完之後，每個網路在測試集上量一次，並報告五個種子的 95% 信賴區間。這個區間反映了什麼？
#
# - ✗ 換一批測試圖片，準確率會差多少。*測試圖片從頭到尾是同一批，區間裡沒有這一部分。*
# - ✓ 換種子重新訓練，準確率會差多少。*五個網路只差在起始權重與洗牌，看的是同一批測試圖片。*
# - ✗ 有 95% 的圖片會答對。*把信賴區間的 95% 當成準確率。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (8 min) Five networks of each of six models were trained; with all choices made, each network is measured on the test set once, and a 95 % confidence interval over five seeds is reported. What does the interval cover?
#
# - ✗ How much accuracy would change with other test images. *The test images are the same throughout, so that part is not in the interval.*
# - ✓ How much accuracy would change if one trained again with other seeds. *The five networks differ in initial weights and shuffling only, and see the same test images.*
# - ✗ That 95 % of the images are answered right. *Takes the 95 % of the interval for an accuracy.*

# %%
names = [*rungs, TOP]
test_loader = TensorLoader(mnist.test, batch_size=1000)
outputs = [predict(model, test_loader, "cpu") for model in runs["model"]]
test_labels = mnist.test.labels
all_logits = dict(zip(names, torch.stack(outputs).unflatten(0, (6, 5)), strict=True))
test_accuracy = {
    name: (logits.argmax(dim=2) == test_labels).float().mean(dim=1).numpy()
    for name, logits in all_logits.items()
}

# %%
for name in names:
    print(f"{name:17s}{mean_interval(test_accuracy[name]):.2%}")

# %% alt-zh="橫軸是六個階段，縱軸是測試集答錯的百分比，取對數，誤差線是 95% 區間。線性模型最高，多層感知機大幅下降，批次正規化與 dropout 下降不多，移動過的圖與全部資料又各降一段。" alt-en="Share of wrong answers on the test set for six rungs, log scale, bars are 95 % intervals. The linear model is highest, the plain MLP far lower, batch norm and dropout change it little, shifted copies and all the data lower it again." slideshow={"slide_type": "subslide"}
figure, ax = plt.subplots(figsize=(8.5, 3.2))
wrong = [mean_interval(100 * (1 - test_accuracy[name])) for name in names]
half_widths = [interval.half_width for interval in wrong]
ax.errorbar(names, [interval.mean for interval in wrong], yerr=half_widths, marker="o", capsize=4)
ax.set(yscale="log", ylabel="wrong answers (%, log)")
ax.set_yticks([1, 2, 4, 8], ["1", "2", "4", "8"])
ax.minorticks_off()
ax.tick_params(axis="x", rotation=15)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 每一階提高多少，又花多少？
#
# 成對相減（同一個種子），得到每一階的進步；時間以線性模型為 1。「測得出的差異」是說，小於它的進步，五個種子看不出來。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### What does each rung bring, and what does it cost?
#
# Paired differences, seed by seed, tell what each rung brings; times are multiples of the linear model's. "Detectable": five seeds do not see a gain smaller than this.

# %% tags=["timing"]
seconds_of = runs.groupby("setting")["seconds"].mean()
sizes_of = runs.groupby("setting")["model"].first().map(count_parameters)
gains = {}
for below, name in pairwise(names):
    pair = (test_accuracy[name], test_accuracy[below])
    gains[name] = paired_difference(*pair)
    print(f"{name}: {gains[name]:.2%}, detectable ≈{100 * detectable_difference(*pair):.2f} %")
for name in names:
    ratio = seconds_of[name] / seconds_of["linear"]
    print(f"{name:17s}{sizes_of[name]:8,d} parameters, ≈{ratio:.0f} times as long as linear")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# **主張 11** 在完整的 MNIST 上，最高一階的五個網路平均測試準確率至少 98%；不論哪一種資料，都超過 90%。
#
# **主張 12** 平均而言，加上隱藏層有進步（信賴區間不含 0）；在完整的 MNIST 上，這一階進步超過 3 個百分點，比其他任何一階都多。
#
# **主張 13** 在完整的 MNIST 上，平均而言，移動過的圖與更多資料也各有進步（信賴區間都不含 0）。
#
# 批次正規化與 dropout 就算有進步，也小得多，看印出來的區間：含 0 的就只是**沒有發現差異**。代價也要看：隱藏層把參數從七千多變成二十七萬，時間也多了好幾倍。這條路還能走多遠？Cireşan 等人（2010）用很大的多層感知機加上大量變形的圖，錯誤率降到 0.35%。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# **Claim 11** On full MNIST the five networks of the highest rung have a mean test accuracy of at least 98 %; on either data it is above 90 %.
#
# **Claim 12** On average hidden layers bring a gain (its interval excludes zero); on full MNIST it is more than 3 percentage points, and more than any other rung brings.
#
# **Claim 13** On full MNIST shifted copies and more data bring a gain each, on average (neither interval contains zero).
#
# Batch norm and dropout bring far less, if anything; look at their intervals: one that contains zero means **no difference found**. And look at the cost: hidden layers turn seven thousand parameters into a quarter of a million, and take several times as long. How far can this go? A very large MLP, fed on deformed images, got to 0.35 % wrong (Cireşan et al. 2010).

# %%
claim(11, test_accuracy[TOP].mean() > (0.98 if mnist.tier == "full" else 0.9))
first, *others = (gain.mean for gain in gains.values())
is_most = first > max(0.03, *others) or mnist.tier != "full"
claim(12, gains["plain MLP"].low > 0 and is_most)
later = [gains[name].low > 0 for name in ("+ shifted copies", TOP)]
claim(13, all(later), tiers="full", tier=mnist.tier)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 模型怎麼說？
#
# 以下看爬到最高一階的五個網路。softmax 把十個 logits 變成十個機率。最大的那個是它的答案，那個機率就是它的**信心**（confidence）。先看種子 0 對前十張測試圖怎麼說：

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## What does the model say?
#
# From here on we look at the five networks of the highest rung. The softmax turns ten logits into ten probabilities. The largest is its answer, and that probability is its **confidence**. This is what seed 0 says of the first ten test images:

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（6 分鐘）一個測試準確率 98% 以上的網路，答案的機率（softmax 最大的那個）叫做它的信心。它答錯的時候，平均信心大約是多少？
#
# - ✗ 10% 左右，它其實不知道。*以為答錯就等於不知道；它給了某個錯的類別很高的機率。*
# - ✗ 50% 左右，在兩個數字之間猶豫。*有些是這樣，但平均起來它更有把握。*
# - ✓ 70% 左右。*比答對時的 99% 低，但仍然很有信心；信心高不代表答對。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (6 min) A network has a test accuracy above 98 %. The probability of its answer, the largest of the softmax, is its confidence. About how confident is it, on average, when it is wrong?
#
# - ✗ About 10 %: it does not really know. *Thinks that being wrong is not knowing; it gives some wrong class a high probability.*
# - ✗ About 50 %: it wavers between two digits. *Sometimes it does, but on average it is surer than that.*
# - ✓ About 70 %. *Less than the 99 % when it is right, but still confident; high confidence does not mean right.*

# %% slideshow={"slide_type": "subslide"} alt-zh="十張測試圖片，每張上方寫著模型的預測、信心與真實標籤；答錯的以粗體橘紅色標示。" alt-en="Ten test images, each with the model's prediction, its confidence and the true label above; wrong ones in bold vermilion."
logits = all_logits[TOP]  # (5 seeds, N test images, 10)
predictions = logits.argmax(dim=2)
probs = logits.softmax(dim=2)
confidence = probs.amax(dim=2)
is_wrong = predictions != test_labels


def show_answers(rows):
    titles = [
        f"says {predictions[0, i]} (≈{confidence[0, i]:.0%})\ntrue {test_labels[i]}" for i in rows
    ]
    figure = plt.figure(figsize=(7.5, 3.3))
    plotting.show_images(figure, mnist.test.images[rows], titles, wrong=is_wrong[0, rows])


show_answers(torch.arange(10))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 最離譜的錯誤
#
# 這十張是它**答錯時最有信心**的。由你來讀，會答對幾張？

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### The worst mistakes
#
# Now the ten on which it was **most confident and wrong**. How many would you have read right?

# %% alt-zh="模型最有信心卻答錯的十張測試圖片，有些連人也難以辨認；上方寫著預測、信心與真實標籤。" alt-en="The ten test images on which the model was most confident and wrong, some hard even for people, with prediction, confidence and true label above."
worst = torch.where(is_wrong[0], confidence[0], 0).argsort(descending=True)[:10]
show_answers(worst)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 有些連人也會認錯，有些則不會。信心高不代表答對：
#
# **主張 14** 每個網路答錯時的平均信心都超過 55%，而答對時還要再高 15 個百分點以上。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# Some would fool a person, some would not. High confidence does not mean right:
#
# **Claim 14** For every network the mean confidence of its wrong answers is above 55 %, and that of its right answers is at least 15 percentage points higher still.

# %%
wrong_confidence = torch.stack([c[w].mean() for c, w in zip(confidence, is_wrong, strict=True)])
right_confidence = torch.stack([c[~w].mean() for c, w in zip(confidence, is_wrong, strict=True)])
print(f"mean confidence when wrong: {mean_interval(wrong_confidence):.0%}")
print(f"mean confidence when right: {mean_interval(right_confidence):.0%}")
claim(14, bool(((wrong_confidence > 0.55) & (right_confidence - wrong_confidence > 0.15)).all()))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 混淆矩陣：錯在哪裡
#
# 光看準確率，看不出**錯在哪裡**。混淆矩陣（confusion matrix）的列是真實數字，欄是預測；對角線是答對的，其餘都是錯誤。下面把五個種子加在一起。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## The confusion matrix: where it goes wrong
#
# An accuracy does not say **where** the mistakes are. In the confusion matrix a row is a true digit, a column a prediction; the diagonal is right, all else is wrong. This is the sum over the five seeds.

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（6 分鐘）混淆矩陣的列是真實數字，欄是預測。第 4 列、第 9 欄的數是 24。這是什麼意思？
#
# - ✓ 有 24 張 4 被看成 9。*列是真實的 4，欄是預測的 9。*
# - ✗ 有 24 張 9 被看成 4。*把列和欄弄反了；那個數在第 9 列、第 4 欄。*
# - ✗ 4 與 9 一共混淆了 24 次。*一格只有一個方向；要不分方向，得把對稱的兩格相加。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (6 min) In a confusion matrix a row is a true digit and a column a prediction. The entry in row 4, column 9 is 24. What does it say?
#
# - ✓ 24 images of a 4 were read as 9. *The row is the true 4, the column the predicted 9.*
# - ✗ 24 images of a 9 were read as 4. *Has rows and columns the wrong way round; that number is in row 9, column 4.*
# - ✗ 4 and 9 were confused 24 times in all. *An entry has one direction; for both, add the two that mirror each other.*

# %% alt-zh="十乘十的混淆矩陣，對角線是答對的次數；顏色表示錯誤次數，有些格子比其他格子深得多，在完整的 MNIST 上，4 看成 9 是其中之一。" alt-en="A ten by ten confusion matrix. The diagonal counts right answers; colour shows mistakes. Some cells are much darker than others, on full MNIST 4 read as 9 among them."
counts = sum(confusion_matrix(test_labels, p, labels=range(10)) for p in predictions)
figure, ax = plt.subplots(figsize=(6.5, 4.6))
ax = plotting.plot_confusion(ax, counts)
# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 最容易混淆的數字對
#
# 不分方向，把「4 看成 9」與「9 看成 4」加起來：

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### The most confused pairs
#
# Taking "4 read as 9" and "9 read as 4" together:

# %% alt-zh="長條圖，五次訓練裡最常混淆的十對數字，由高到低排列；在完整的 MNIST 上，最高的是 9 與 4。" alt-en="Bar chart, tallest first, of the ten pairs confused most often in five runs; on full MNIST the tallest is 9 and 4."
both_ways = counts + counts.T
pairs = {f"{a} and {b}": both_ways[a, b] for a in range(10) for b in range(a)}
top_pairs = pd.Series(pairs).nlargest(10)
figure, ax = plt.subplots(figsize=(8, 2.8))
ax.bar(top_pairs.index, top_pairs)
text = ax.set_ylabel("mistakes (count)")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# **主張 15** 90 種錯法當中最常見的十種，就佔了全部錯誤的三成以上（每種一樣多的話是 11%；但事後才挑最大的十種，光憑運氣也會偏高，錯誤總數少時尤其如此）。
#
# **主張 16** 在完整的 MNIST 上，最容易混淆的一對是 4 與 9。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# **Claim 15** Of the 90 ways to be wrong, the ten most frequent make up more than 30 % of all mistakes (equal counts would give 11 %; but the largest ten, picked afterwards, get more by chance alone, the more so where mistakes are few).
#
# **Claim 16** On full MNIST, the pair confused most often is 4 and 9.

# %%
off_diagonal = np.sort(counts[~np.eye(10, dtype=bool)])
claim(15, off_diagonal[-10:].sum() / off_diagonal.sum() > 0.3)
claim(16, top_pairs.index[0] == "9 and 4", tiers="full", tier=mnist.tier)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 練習 1：與批次大小無關的評估
#
# 難度 ★★☆，約 10 分鐘。
#
# 寫出 `evaluate_by_example`：回傳 `loader` 裡所有樣本的平均損失與準確率（0 到 1 之間）。`criterion` 給的是一個批次的平均，而最後一批可能比較短。不論批次多大，答案都要一樣；過程中模型要在評估模式，autograd 不得記錄計算圖。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Exercise 1: an evaluation that ignores the batch size
#
# Difficulty ★★☆, about 10 minutes.
#
# Write `evaluate_by_example`: return the mean loss and the accuracy (from 0 to 1) over all examples of `loader`. `criterion` gives the mean of one batch, and the last batch may be short. The answer must be the same for every batch size; on the way, the model is in evaluation mode and autograd records nothing.


# %% tags=["exercise"]
def evaluate_by_example(model, loader, criterion):
    raise NotImplementedError  # your code here: return loss, accuracy


# %% tags=["check"]
exercises.evaluate_by_example.check(evaluate_by_example)


# %% tags=["solution"]
# One possible answer; open it once you have tried.
def evaluate_by_example_solution(model, loader, criterion):
    """Mean loss and accuracy over all examples, whatever the batch size."""
    model.eval()
    total_loss, total_correct, count = 0.0, 0, 0
    with torch.no_grad():
        for images, labels in loader:
            logits = model(images)
            total_loss += criterion(logits, labels).item() * len(labels)
            total_correct += (logits.argmax(dim=1) == labels).sum().item()
            count += len(labels)
    return total_loss / count, total_correct / count


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 練習 2：自己數混淆矩陣
#
# 難度 ★★☆，約 10 分鐘。
#
# scikit-learn 有現成的 `confusion_matrix`。不用它，只用 torch 寫出 `count_confusions`：輸入兩個長度 N 的整數張量，回傳 (K, K) 的次數，列是真實類別，欄是預測類別。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Exercise 2: count the confusions yourself
#
# Difficulty ★★☆, about 10 minutes.
#
# scikit-learn has a `confusion_matrix`. Write `count_confusions` without it, with torch alone: given two integer tensors of length N, return the counts (K, K), a row a true class, a column a predicted one.


# %% tags=["exercise"]
def count_confusions(labels, predictions, num_classes):
    raise NotImplementedError  # your code here


# %% tags=["check"]
exercises.count_confusions.check(count_confusions)


# %% tags=["solution"]
# One possible answer; open it once you have tried.
def count_confusions_solution(labels, predictions, num_classes):
    """Counts (K, K): row = true class, column = predicted class."""
    pair_index = labels * num_classes + predictions
    counts = torch.bincount(pair_index, minlength=num_classes**2)
    return counts.reshape(num_classes, num_classes)


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 練習 3：信心可靠嗎？
#
# 難度 ★★★，約 15 分鐘。
#
# 模型說「90% 確定」時，真的有九成會對嗎？把信心從 0 到 1 切成 `num_bins` 個等寬的區間（bin，這裡叫「箱」），回傳每一箱的**準確率**；空箱填 `nan`。輸入：機率 (N, K) 與標籤 (N,)。
#
# 做完之後，拿 `probs[0]` 和 `test_labels` 試試看，並與每一箱的信心相比。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Exercise 3: can the confidence be trusted?
#
# Difficulty ★★★, about 15 minutes.
#
# When the model says "90 % sure", is it right nine times out of ten? Cut the confidence from 0 to 1 into `num_bins` bins of equal width and return the **accuracy** in each; `nan` where a bin is empty. Given: probabilities (N, K) and labels (N,).
#
# When you are done, try it on `probs[0]` and `test_labels`, and compare with the confidence of each bin.


# %% tags=["exercise"]
def accuracy_by_confidence(probs, labels, num_bins):
    raise NotImplementedError  # your code here


# %% tags=["check"]
exercises.accuracy_by_confidence.check(accuracy_by_confidence)


# %% tags=["solution"]
# One possible answer; open it once you have tried.
def accuracy_by_confidence_solution(probs, labels, num_bins):
    """Accuracy in each of num_bins equal-width confidence bins; nan where a bin is empty."""
    confidence, predictions = probs.max(dim=1)
    bins = (confidence * num_bins).long().clamp(max=num_bins - 1)
    correct = (predictions == labels).float()
    return torch.stack([correct[bins == index].mean() for index in range(num_bins)])


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 重點整理
#
# - 先看資料、量資料，再訓練；訓練前的損失應該接近 ln K。輸入的正規化，對沒有批次正規化的模型才有差別。
# - 每一步有五個動作：前向計算、損失、`zero_grad`、`backward`、`step`。評估時用 `eval()`，並停掉 autograd。
# - 平均要以**樣本**為單位，不是以批次為單位。
# - 98% 要有東西可比：從線性模型開始，一次只加一樣，報告每一階的區間與代價。
# - 驗證集做選擇，測試集一個模型只看一次。準確率之外，看混淆矩陣與最離譜的錯誤。
#
# **下一課**：[[training_practice]]，訓練實務：比較激活函數與學習率排程、早停、檢查點。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Summary
#
# - Look at the data and measure them before you train; the loss before training should be near ln K. Normalizing inputs matters to a model without batch norm.
# - A step is five acts: forward, loss, `zero_grad`, `backward`, `step`. To evaluate, use `eval()` and switch autograd off.
# - Means go by **example**, not by batch.
# - 98 % needs something to compare with: begin with a linear model, add one thing at a time, report each rung's interval and cost.
# - Validation makes the choices, and the test set is read once a model. Look beyond the accuracy: at the confusion matrix, and at the worst mistakes.
#
# **Next**: [[training_practice]], training practice: it compares activation functions and schedules, and adds early stopping and checkpoints.

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "skip"}
# ### 原始文獻
#
# - LeCun、Bottou、Bengio、Haffner（1998a），Gradient-based learning applied to document recognition，Proceedings of the IEEE 86(11)：2278–2324，doi:10.1109/5.726791。MNIST 的出處。
# - LeCun、Bottou、Orr、Müller（1998b），Efficient BackProp，收於 Neural Networks: Tricks of the Trade，Springer，doi:10.1007/3-540-49430-8_2。輸入要置中。
# - Simard、Steinkraus、Platt（2003），Best practices for convolutional neural networks applied to visual document analysis，ICDAR，958–962，doi:10.1109/ICDAR.2003.1227801。用變形的圖擴增訓練集。
# - Cireşan、Meier、Gambardella、Schmidhuber（2010），Deep, big, simple neural nets for handwritten digit recognition，Neural Computation 22(12)：3207–3220，arXiv:1003.0358。很大的多層感知機加上大量變形的圖，錯誤率 0.35%。
# - Srivastava、Hinton、Krizhevsky、Sutskever、Salakhutdinov（2014），Dropout: a simple way to prevent neural networks from overfitting，JMLR 15：1929–1958。
# - Ioffe、Szegedy（2015），Batch normalization: accelerating deep network training by reducing internal covariate shift，ICML，arXiv:1502.03167。
# - Kingma、Ba（2015），Adam: a method for stochastic optimization，ICLR，arXiv:1412.6980。
# - Guo、Pleiss、Sun、Weinberger（2017），On calibration of modern neural networks，ICML，arXiv:1706.04599。練習 3 的背景。
# - Karpathy（2019），A recipe for training neural networks，karpathy.github.io/2019/04/25/recipe。訓練前先看損失。

# %% [markdown] lang="en" slideshow={"slide_type": "skip"}
# ### Primary sources
#
# - LeCun, Bottou, Bengio, Haffner (1998a), Gradient-based learning applied to document recognition, Proceedings of the IEEE 86(11): 2278–2324, doi:10.1109/5.726791. Where MNIST comes from.
# - LeCun, Bottou, Orr, Müller (1998b), Efficient BackProp, in Neural Networks: Tricks of the Trade, Springer, doi:10.1007/3-540-49430-8_2. Why inputs are centred.
# - Simard, Steinkraus, Platt (2003), Best practices for convolutional neural networks applied to visual document analysis, ICDAR, 958–962, doi:10.1109/ICDAR.2003.1227801. A training set grown by distorted images.
# - Cireşan, Meier, Gambardella, Schmidhuber (2010), Deep, big, simple neural nets for handwritten digit recognition, Neural Computation 22(12): 3207–3220, arXiv:1003.0358. A very large MLP and many deformed images: 0.35 % wrong.
# - Srivastava, Hinton, Krizhevsky, Sutskever, Salakhutdinov (2014), Dropout: a simple way to prevent neural networks from overfitting, JMLR 15: 1929–1958.
# - Ioffe, Szegedy (2015), Batch normalization: accelerating deep network training by reducing internal covariate shift, ICML, arXiv:1502.03167.
# - Kingma, Ba (2015), Adam: a method for stochastic optimization, ICLR, arXiv:1412.6980.
# - Guo, Pleiss, Sun, Weinberger (2017), On calibration of modern neural networks, ICML, arXiv:1706.04599. Behind exercise 3.
# - Karpathy (2019), A recipe for training neural networks, karpathy.github.io/2019/04/25/recipe. Look at the loss before training.
