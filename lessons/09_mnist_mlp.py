# %% [markdown] lang="zh-TW" about="MNIST 的完整流程：五個種子、附信賴區間的 98%，以及錯在哪裡" slideshow={"slide_type": "slide"}
# # 用多層感知機辨識手寫數字
#
# 前面幾課的零件，這一課全部裝在一起：神經元、激活函數、損失函數、優化器、正則化。學完之後，你能夠
#
# - 載入 MNIST、檢查資料，並說明為什麼要正規化；
# - 自己寫出訓練迴圈，並知道每一行為什麼在那裡；
# - 用五個種子和信賴區間報告準確率，而不是只報一次的好運；
# - 看出模型把哪些數字弄混，以及它答錯時有多少信心。
#
# 先備：[[perceptron_xor]]到[[regularization]]。這裡只用 Python、PyTorch 和高中數學。

# %% [markdown] lang="en" about="the full loop on MNIST: five seeds, 98 % with an interval, where it goes wrong" slideshow={"slide_type": "slide"}
# # Reading handwritten digits with a multi-layer perceptron
#
# This lesson assembles the parts of the earlier ones: neurons, activation functions, a loss function, an optimizer, regularization. By the end you can
#
# - load MNIST, inspect it, and say why it is normalized;
# - write the training loop yourself and know why each line is there;
# - report an accuracy from five seeds with a confidence interval, not from one lucky run;
# - see which digits the model mixes up, and how confident it is when it is wrong.
#
# It builds on [[perceptron_xor]] to [[regularization]], and needs only Python, PyTorch and school mathematics.

# %% lang="zh-TW" tags=["setup"] slideshow={"slide_type": "subslide"}
from course_utils.notebook import set_up

device = set_up("mnist_mlp", language="zh-TW", workers=True)

# %% lang="en" tags=["setup"] slideshow={"slide_type": "subslide"}
from course_utils.notebook import set_up

device = set_up("mnist_mlp", language="en", workers=True)

# %% slideshow={"slide_type": "subslide"}
import time

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
from course_utils.intervals import mean_interval
from course_utils.loader import TensorLoader
from course_utils.mnist import MEAN, STD, load_mnist
from course_utils.models import MNIST_MLP, count_parameters
from course_utils.notebook.claims import claim
from course_utils.seeding import seeded
from course_utils.tally import Tally
from course_utils.training import evaluate, fit, predict

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 資料：先看，再訓練
#
# MNIST 的每張圖是 28×28 個灰階像素。我們把它分成三份，各有各的用途：**訓練集**用來調整權重，**驗證集**用來做選擇（要訓練幾輪、選哪個模型），**測試集**只在最後用一次。
#
# 想一想：如果用測試集來做選擇，最後報告的準確率會偏高還是偏低？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## The data: look first, train later
#
# An MNIST image has 28×28 grey pixels. We keep three parts for three purposes: the **training set** moves the weights, the **validation set** makes choices (how many epochs, which model), and the **test set** is used once, at the very end.
#
# Predict: if the test set made the choices, would the accuracy you report be too high or too low?

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
# 像素原本在 0 到 1 之間，而且大多是 0（背景）。減去平均、除以標準差之後，全部像素合起來以 0 為中心、大小約為 1；這樣對一張圖來說，第一層每個神經元的權重梯度才不會全部同號。這兩個數不是魔法常數，量一下就知道：

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### Why subtract 0.1307 and divide by 0.3081?
#
# Pixels lie between 0 and 1, and most are 0 (background). Subtracting the mean and dividing by the standard deviation centres all pixels taken together at 0 with a size of about 1. For one image, the gradients of a first-layer unit's weights then no longer all have the same sign. The two numbers are no magic constants; measure them:

# %%
pixels = torch.cat([mnist.train.images, mnist.val.images]) * STD + MEAN  # undo it: back to [0, 1]
print(f"before: mean ≈{pixels.mean():.4f}, standard deviation ≈{pixels.std():.4f}")
print(f"after:  mean ≈{images.mean():.4f}, standard deviation ≈{images.std():.4f}")
print(f"share of background pixels: ≈{(pixels < 0.001).float().mean():.0%}")

# %% [markdown] lang="zh-TW"
# **主張 1** 正規化之後，訓練圖片的平均與 0、標準差與 1，都相差不到 0.02。
#
# **主張 2** 在完整的 MNIST 上，正規化之前量到的正是 0.1307 與 0.3081。

# %% [markdown] lang="en"
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
# 猜猜看：走過同一批圖（最多 6,000 張），兩者差幾倍？

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# All of MNIST fits into memory, normalized once. A batch is then **one indexing operation**: `images[rows]`. The course's `TensorLoader` does just that.
#
# Guess: over the same images (6,000 at most), how many times faster is it?


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
# 它比較快，是因為省下了逐張圖的 Python 函式呼叫，轉換與正規化也早就做完了（各佔多少，這裡沒有分開量）。倍數只計時一次，每次執行會差很多。資料大到放不進記憶體，或每輪都要隨機變形時，才輪到 `DataLoader` 上場（那時記得開 `num_workers`）。
#
# 但快不能換來不同的答案：
#
# **主張 3** 兩種載入器交出的每個批次，標籤完全相同，像素相差不到 10⁻⁵。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# It is faster because it spares the Python calls for every single image, and because conversion and normalization are already done (their shares are not measured here). The factor was timed once, and varies a lot from run to run. `DataLoader` earns its place where the data do not fit into memory, or where every epoch distorts them at random (then use its `num_workers`).
#
# Faster must not mean different:
#
# **Claim 3** Both loaders hand out the same batches: equal labels, and pixels within 10⁻⁵.

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

# %%
layers = [layer for layer in model if count_parameters(layer) > 0]
sizes = [count_parameters(layer) for layer in layers]
pd.DataFrame({"parameters": sizes}, index=[str(layer) for layer in layers])

# %% [markdown] lang="zh-TW"
# 一個 784→256 的線性層有 784×256 個權重和 256 個偏置，共 200,960 個。
#
# **主張 4** 全部共 270,346 個參數，第一層就佔了七成以上；`MNIST_MLP(seed=0)` 與上面手寫的模型對同一批圖給出相同的 logits。

# %% [markdown] lang="en"
# A linear layer 784→256 has 784×256 weights and 256 biases: 200,960 numbers.
#
# **Claim 4** There are 270,346 parameters, over seven tenths of them in the first layer; `MNIST_MLP(seed=0)` gives the same logits as the model written out above.

# %%
same_logits = torch.equal(model.eval()(images[:100]), MNIST_MLP(seed=0).eval()(images[:100]))
claim(4, count_parameters(model) == 270_346 and sizes[0] / sum(sizes) > 0.7 and same_logits)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 訓練一輪：每一行都有理由
#
# 一步是五個動作：前向、損失、清除舊梯度、反向、更新。少了 `zero_grad`，梯度會一直累加；少了 `model.train()`，只要先前呼叫過 `eval()`，dropout 就不會啟動（模型已經在訓練模式時不再呼叫：你刻意用 `eval()` 凍結的層，就讓它凍著）。
#
# `batches_of` 檢查每個批次都是一對等長的張量；`tally.loss` 就是 `criterion(logits, labels)`，順手記下來。
#
# `before_step` 是留給後面幾課的一道門：梯度已經算好、權重還沒動，正是記錄或裁剪的時機。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## One epoch: every line has its reason
#
# A step is five acts: forward, loss, clear the old gradients, backward, update. Without `zero_grad` gradients pile up; without `model.train()` dropout stays off once `eval()` has been called (it is not called on a model that is in training mode: a layer that you froze on purpose, by its `eval()`, stays frozen).
#
# `batches_of` checks that each batch is a pair of tensors of one length; `tally.loss` is `criterion(logits, labels)`, noted down.
#
# `before_step` is a door for later lessons: the gradients are there and the weights have not moved, which is the moment to record or to clip.


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
# 注意兩個細節。`tally.means()` 把每一批的損失乘上 `len(labels)` 再相加，最後才除以總數：最後一批比較短，不該和別人一樣重。記下的數一直留在裝置上，一輪只取回一次：每一步都叫 `.item()`，GPU 就得停下來等你。
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

# %%
criterion = nn.CrossEntropyLoss()
val_loader = TensorLoader(mnist.val, batch_size=1000)
untrained = [evaluate(MNIST_MLP(seed=seed), val_loader, criterion, "cpu") for seed in range(5)]
losses, accuracies = np.array(untrained).T
print(f"loss {mean_interval(losses):.3f}, and ln 10 is {np.log(10):.3f}")
print(f"accuracy {mean_interval(accuracies):.1%}")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# **主張 5** 五個種子的初始損失都在 ln 10 ≈ 2.303 的 ±0.1 之內，準確率都低於 20 %：和瞎猜差不多。
#
# 這是最便宜的除錯工具：訓練前的損失若離 ln K 很遠（K 是類別數），先別訓練，去找原因。
#
# **主張 6** `evaluate` 的結果與批次大小無關（7 與 1,000 的損失相差不到 10⁻⁵）。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# **Claim 5** Before training, all five seeds have a loss within 0.1 of ln 10 ≈ 2.303 and an accuracy below 20 %: about as good as guessing.
#
# This is the cheapest debugging tool there is: where the first loss is far from ln K (K classes), look for the cause before you train.
#
# **Claim 6** What `evaluate` returns does not depend on the batch size (the losses at 7 and at 1,000 agree within 10⁻⁵).

# %%
claim(5, bool((abs(losses - np.log(10)) < 0.1).all() and (accuracies < 0.2).all()))
small_batches = evaluate(model, TensorLoader(mnist.val, batch_size=7), criterion, "cpu")
large_batches = evaluate(model, val_loader, criterion, "cpu")
claim(6, np.allclose(small_batches, large_batches, rtol=0, atol=1e-5))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 訓練：十輪，五個種子
#
# 一次完整的訓練寫成一個函式，種子是它的參數。`fit` 把 `train_epoch` 和 `evaluate` 串起來，記下每輪的歷史，並顯示進度條。`fused=True` 讓 Adam 用一次融合的呼叫更新所有參數：數學一樣，省下零碎的呼叫。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Training: ten epochs, five seeds
#
# A whole run is one function, and the seed is its argument. `fit` strings `train_epoch` and `evaluate` together, keeps the history of every epoch and shows a progress bar. `fused=True` lets Adam update all parameters in one fused call: the same mathematics, fewer small calls.


# %%
def train_run(seed, mnist, device):
    model = MNIST_MLP(hidden_size=256, dropout_rate=0.2, seed=seed)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.001, fused=True)
    generator = seeding.generator(seed)
    train_loader = TensorLoader(mnist.train, 256, shuffle=True, generator=generator)
    val_loader = TensorLoader(mnist.val, 1000)
    criterion = nn.CrossEntropyLoss()
    history = fit(
        model, train_loader, val_loader, criterion, optimizer, epochs=10, device=device, seed=seed
    )
    return {"history": history, "model": model.cpu()}


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 先親眼看一次：種子 0。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# Watch one run first: seed 0.

# %%
first_run = train_run(0, mnist, device)
history = first_run["history"]
for epoch in (0, 4, 9):
    print(
        f"epoch {epoch + 1:2d}: training loss ≈{history.train_loss[epoch]:.3f}, "
        f"validation accuracy ≈{100 * history.val_accuracy[epoch]:.1f} %"
    )

# %% [markdown] lang="zh-TW"
# 再讓其餘四個種子平行跑，每個核心一次跑一個：

# %% [markdown] lang="en"
# Then the other four seeds in parallel, each core taking one at a time:

# %%
other_runs = run_seeds(train_run, seeds=range(1, 5), mnist=mnist, device=str(device))
runs = [first_run, *other_runs[["history", "model"]].to_dict("records")]
histories = [run["history"] for run in runs]

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 學習曲線
#
# 想一想：第一輪結束時，訓練準確率和驗證準確率哪個高？

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### Learning curves
#
# Predict: after the first epoch, which is higher, training accuracy or validation accuracy?

# %% alt-zh="左圖損失、右圖準確率，對訓練輪數作圖。實線圓點是訓練，虛線方點是驗證，帶狀是五個種子的 95 % 區間。訓練起初比驗證差，最後比驗證好。" alt-en="Loss on the left and accuracy on the right against epochs. Training is a solid line with dots, validation a dashed line with squares, bands are 95 % intervals over five seeds. Training starts worse and ends better than validation."
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.2))
plotting.plot_history(left, histories, "loss")
ax = plotting.plot_history(right, histories, "accuracy")
# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 驗證集反而高！這不是作弊，有兩個常見的原因（這裡沒有分開量）：訓練時 dropout 關掉了兩成的神經元；而且訓練準確率是整輪的平均，包含了輪初還很笨的時候。到了最後，訓練損失遠低於驗證損失：看過的圖，模型比較拿手。光有差距還不等於[[regularization]]的過擬合；要看驗證損失有沒有回頭往上。
#
# **主張 7** 五個種子的第一輪，驗證準確率都高於訓練準確率。
#
# **主張 8** 第十輪時，五個種子的訓練損失都低於驗證損失。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# Validation is higher! Nobody cheated; two reasons are well known (they are not measured apart here): during training dropout switches off a fifth of the units, and the training accuracy is a mean over the whole epoch, its clumsy beginning included. By the end the training loss lies well below the validation loss: the model does better on images it has seen. The gap alone is not yet the overfitting of [[regularization]]; for that, see whether the validation loss turns upward.
#
# **Claim 7** In the first epoch, validation accuracy is above training accuracy for all five seeds.
#
# **Claim 8** In the tenth, training loss is below validation loss for all five seeds.

# %%
claim(7, all(h.val_accuracy[0] > h.train_accuracy[0] for h in histories))
claim(8, all(h.train_loss[-1] < h.val_loss[-1] for h in histories))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 測試：只有一次
#
# 模型和訓練輪數都已經定了，現在才打開測試集。五個種子給出五個數，我們報告平均與 95 % 信賴區間。這個區間只反映換種子的差異，不含換一批測試圖片的差異。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## The test: once
#
# The model and the number of epochs are settled, so now the test set is opened. Five seeds give five numbers; we report their mean and its 95 % confidence interval. It covers what other seeds would change, not what other test images would.

# %%
test_loader = TensorLoader(mnist.test, batch_size=1000)
test_labels = mnist.test.labels
logits = torch.stack([predict(run["model"], test_loader, "cpu") for run in runs])
predictions = logits.argmax(dim=2)  # (5 seeds, N test images)
test_accuracy = (predictions == test_labels).float().mean(dim=1)
print(f"test accuracy over five seeds: {mean_interval(test_accuracy):.2%}")

# %% [markdown] lang="zh-TW"
# **主張 9** 在完整的 MNIST 上，五個種子的平均測試準確率至少 97.9 %。
#
# **主張 10** 不論哪一種資料，平均測試準確率都超過 90 %，每個種子的答對率都是瞎猜的八倍以上。

# %% [markdown] lang="en"
# **Claim 9** On full MNIST the mean test accuracy over five seeds is at least 97.9 %.
#
# **Claim 10** On either data the mean test accuracy is above 90 %, and every seed is right more than eight times as often as a guess.

# %%
claim(9, test_accuracy.mean() >= 0.979, tiers="full", tier=mnist.tier)
claim(10, test_accuracy.mean() > 0.9 and bool((test_accuracy > 0.8).all()))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 模型怎麼說？
#
# softmax 把十個 logits 變成十個機率。最大的那個是它的答案，那個機率就是它的**信心**。先看種子 0 對前十張測試圖怎麼說：

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## What does the model say?
#
# The softmax turns ten logits into ten probabilities. The largest is its answer, and that probability is its **confidence**. This is what seed 0 says of the first ten test images:

# %% slideshow={"slide_type": "subslide"} alt-zh="十張測試圖片，每張上方寫著模型的預測、信心與真實標籤；答錯的以粗體橘紅色標示。" alt-en="Ten test images, each with the model's prediction, its confidence and the true label above; wrong ones in bold vermilion."
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
# 換成它**答錯時最有信心**的十張。換你來讀，你會答對幾張？

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
# **主張 11** 每個種子答錯時的平均信心都超過 55 %，而答對時還要再高 15 個百分點以上。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# Some would fool a person, some would not. High confidence does not mean right:
#
# **Claim 11** For every seed the mean confidence of its wrong answers is above 55 %, and that of its right answers is at least 15 percentage points higher still.

# %%
wrong_confidence = torch.stack([c[w].mean() for c, w in zip(confidence, is_wrong, strict=True)])
right_confidence = torch.stack([c[~w].mean() for c, w in zip(confidence, is_wrong, strict=True)])
print(f"mean confidence when wrong: {mean_interval(wrong_confidence):.0%}")
print(f"mean confidence when right: {mean_interval(right_confidence):.0%}")
claim(11, bool(((wrong_confidence > 0.55) & (right_confidence - wrong_confidence > 0.15)).all()))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 混淆矩陣：錯在哪裡
#
# 一個準確率說不出**錯在哪裡**。混淆矩陣的列是真實數字，欄是預測；對角線是答對的，其餘都是錯誤。下面把五個種子加在一起。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## The confusion matrix: where it goes wrong
#
# An accuracy does not say **where** the mistakes are. In the confusion matrix a row is a true digit, a column a prediction; the diagonal is right, all else is wrong. This is the sum over the five seeds.

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
# **主張 12** 90 種錯法當中最常見的十種，就佔了全部錯誤的三成以上（每種一樣多的話是 11 %；但事後才挑最大的十種，光憑機遇也會更高，錯誤總數少時尤其如此）。
#
# **主張 13** 在完整的 MNIST 上，最容易混淆的一對是 4 與 9。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# **Claim 12** Of the 90 ways to be wrong, the ten most frequent make up more than 30 % of all mistakes (equal counts would give 11 %; but the largest ten, picked afterwards, get more by chance alone, the more so where mistakes are few).
#
# **Claim 13** On full MNIST, the pair confused most often is 4 and 9.

# %%
off_diagonal = np.sort(counts[~np.eye(10, dtype=bool)])
claim(12, off_diagonal[-10:].sum() / off_diagonal.sum() > 0.3)
claim(13, top_pairs.index[0] == "9 and 4", tiers="full", tier=mnist.tier)

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
# 上面用了 scikit-learn。現在不用它，只用 torch 寫出 `count_confusions`：輸入兩個長度 N 的整數張量，回傳 (K, K) 的次數，列是真實類別，欄是預測類別。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Exercise 2: count the confusions yourself
#
# Difficulty ★★☆, about 10 minutes.
#
# We called scikit-learn above. Now write `count_confusions` with torch alone: given two integer tensors of length N, return the counts (K, K), a row a true class, a column a predicted one.


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
# 模型說「90 % 確定」時，真的有九成會對嗎？把信心從 0 到 1 切成 `num_bins` 個等寬的箱子，回傳每一箱的**準確率**；空箱填 `nan`。輸入：機率 (N, K) 與標籤 (N,)。
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
# - 先看資料、量資料，再訓練；訓練前的損失應該接近 ln K。
# - 一步五個動作：前向、損失、`zero_grad`、`backward`、`step`。評估時用 `eval()`，並停掉 autograd。
# - 平均要以**樣本**為單位，不是以批次為單位。
# - 驗證集做選擇，測試集只用一次；五個種子與信賴區間，才是一個能相信的數字。
# - 準確率之外，看混淆矩陣與最離譜的錯誤。
#
# **下一課**：[[training_practice]]，訓練實務：比較激活函數與學習率排程、早停、檢查點。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Summary
#
# - Look at the data and measure them before you train; the loss before training should be near ln K.
# - A step is five acts: forward, loss, `zero_grad`, `backward`, `step`. To evaluate, use `eval()` and switch autograd off.
# - Means go by **example**, not by batch.
# - Validation makes the choices and the test set is used once; five seeds and an interval make a number you can believe.
# - Look beyond the accuracy: at the confusion matrix, and at the worst mistakes.
#
# **Next**: [[training_practice]], training practice: it compares activation functions and schedules, and adds early stopping and checkpoints.

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "skip"}
# ### 原始文獻
#
# - LeCun, Bottou, Bengio, Haffner（1998），Gradient-based learning applied to document recognition。MNIST 的出處。
# - Srivastava 等（2014），Dropout: a simple way to prevent neural networks from overfitting。
# - Ioffe, Szegedy（2015），Batch normalization: accelerating deep network training by reducing internal covariate shift。
# - Kingma, Ba（2015），Adam: a method for stochastic optimization。
# - Guo, Pleiss, Sun, Weinberger（2017），On calibration of modern neural networks。練習 3 的背景。

# %% [markdown] lang="en" slideshow={"slide_type": "skip"}
# ### Primary sources
#
# - LeCun, Bottou, Bengio, Haffner (1998), Gradient-based learning applied to document recognition. Where MNIST comes from.
# - Srivastava et al. (2014), Dropout: a simple way to prevent neural networks from overfitting.
# - Ioffe, Szegedy (2015), Batch normalization: accelerating deep network training by reducing internal covariate shift.
# - Kingma, Ba (2015), Adam: a method for stochastic optimization.
# - Guo, Pleiss, Sun, Weinberger (2017), On calibration of modern neural networks. Behind exercise 3.
