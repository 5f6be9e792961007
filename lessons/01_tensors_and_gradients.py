# %% [markdown] lang="zh-TW" about="從 Python 到 PyTorch：張量、廣播、梯度、模組，親手寫出訓練迴圈，也學會讀錯誤訊息" slideshow={"slide_type": "slide"}
# # 張量與梯度
#
# 你會 Python，還沒學過機器學習？就從這一課開始：後面每一課用到的 PyTorch，這裡都先說清楚，最後用一條直線去配一堆有雜訊的點。
#
# **模型**（model）是一個函數，裡面有可以調的數；**訓練**（training）就是調到它的預測準為止。學完之後，你能夠：
#
# - 說出一個張量的形狀、資料型別與裝置，並預測廣播之後的形狀；
# - 讓 `backward` 算出斜率，再用另一種方法驗算；
# - 寫出訓練迴圈：先自己動手，再用 `nn.Module` 與優化器；
# - 讀懂初學者都會遇到的錯誤訊息。
#
# 先備：Python、高中數學，以及[[start_here]]。

# %% [markdown] lang="en" about="from Python to PyTorch: tensors, broadcasting, gradients, modules, a training loop by hand, and how to read error messages" slideshow={"slide_type": "slide"}
# # Tensors and gradients
#
# You know Python, and no machine learning? Begin here: this is the PyTorch that all later lessons use, and at its end we fit a line to noisy points.
#
# A **model** is a function with numbers in it that can be adjusted; to **train** it is to adjust them until its predictions are right. By the end you can
#
# - tell a tensor's shape, dtype and device, and predict the shape that broadcasting gives;
# - let `backward` compute slopes, and check them in another way;
# - write a training loop, by hand first, then with `nn.Module` and an optimizer;
# - read the error messages that every beginner meets.
#
# It builds on Python, school mathematics and [[start_here]].

# %% lang="zh-TW" tags=["setup"] slideshow={"slide_type": "subslide"}
from course_utils.notebook import set_up

device = set_up("tensors_and_gradients", language="zh-TW")

# %% lang="en" tags=["setup"] slideshow={"slide_type": "subslide"}
from course_utils.notebook import set_up

device = set_up("tensors_and_gradients", language="en")

# %% slideshow={"slide_type": "subslide"}
import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import nn

from course_utils import plotting, seeding
from course_utils.exercises import tensors_and_gradients as exercises
from course_utils.notebook.claims import claim
from course_utils.notebook.explore import explore, slider
from course_utils.seeding import seeded

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 張量是什麼？
#
# **張量**（tensor）是排成格子的數字，全部同一種。沒有軸（axis）的是一個數，叫**純量**（scalar）；一個軸的是一串數，叫**向量**（vector）；兩個軸的是一張表，叫**矩陣**（matrix）；再多也可以。
#
# **形狀**（shape）依序寫出每個軸有多長：`(3, 2)` 是 3 列 2 欄。**dtype**（資料型別）說裡面是哪一種數。
#
# 猜猜看：五張 28×28 的灰階圖片放進一個張量，形狀是什麼？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## What is a tensor?
#
# A **tensor** is a grid of numbers, all of one kind. Without any axis it is one number, a **scalar**; with one axis a **vector**; with two a table, a **matrix**; and there may be more.
#
# Its **shape** says how long each axis is: `(3, 2)` means 3 rows and 2 columns. Its **dtype** (data type) says what kind of number is inside.
#
# Guess: five grey images of 28×28 pixels, in one tensor: of what shape?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（4 分鐘）五張 28×28 的灰階圖片放進一個張量，形狀是什麼？
#
# - ✗ `(28, 28, 5)`。*以為張數要接在後面；在 PyTorch 裡，第一個軸數的是樣本。*
# - ✗ `(5, 784)`。*以為張量只有列與欄，所以一張圖片一定要拉成一列。*
# - ✓ `(5, 28, 28)`。*第一個軸數樣本，後面的軸是一個樣本自己的形狀。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (4 min) Five grey images of 28×28 pixels are put into one tensor. What is its shape?
#
# - ✗ `(28, 28, 5)`. *Appends the count at the end; in PyTorch the first axis counts examples.*
# - ✗ `(5, 784)`. *Thinks that a tensor has rows and columns only, so that an image must be one row.*
# - ✓ `(5, 28, 28)`. *The first axis counts examples, the others are the shape of one.*

# %%
examples = {
    "a scalar": torch.tensor(3.5),
    "a vector": torch.tensor([1, 2, 3]),
    "a matrix": torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]),
    "five images": torch.zeros(5, 28, 28),
    "a comparison": torch.tensor([1, 2, 3]) > 2,
}
for name, tensor in examples.items():
    print(f"{name:12} shape {tuple(tensor.shape)!s:12} dtype {tensor.dtype}")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 在這門課裡，第一個軸幾乎都在數**樣本**（example）：`(N, D)` 是 N 個樣本，每個有 D 個數，也就是 D 個**特徵**（feature）。
#
# 寫了小數點，就是 `float32`（約 7 位有效數字），模型的計算都用它；沒寫，就是 `int64`，又叫 `long`，用來數數。`float64` 又叫 `double`，約 16 位。轉換用 `.float()`、`.long()`、`.double()`。
#
# 接著是一張表：4 個學生、3 次考試。編號從 0 開始，`:` 表示整個軸都要。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# In this course the first axis nearly always counts **examples**: `(N, D)` holds N examples of D numbers each, their **features**.
#
# With a decimal point you get `float32` (about 7 digits), in which models compute; without it `int64`, or `long`, for counting. `float64`, or `double`, has about 16 digits. `.float()`, `.long()` and `.double()` convert.
#
# Now a table: 4 students, 3 tests. Counting starts at 0; `:` takes a whole axis.

# %%
scores = torch.tensor([[7.0, 9.0, 5.0], [6.0, 8.0, 10.0], [9.0, 4.0, 8.0], [3.0, 7.0, 6.0]])
print("row 0        ", scores[0])
print("column 1     ", scores[:, 1])
print("a number     ", scores[2, 0].item())  # .item() makes a Python number of it
print("those above 8", scores[scores > 8])
print("a new axis   ", tuple(scores[:, 1].shape), "->", tuple(scores[:, 1][:, None].shape))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## dim：哪一個軸不見了？
#
# `sum`、`mean`、`amax`（最大值）把許多數合成一個，叫**彙總**（reduction）。`dim` 指定要**收掉**的軸。
#
# 想一想：`scores.mean(dim=0)` 會是 3 個數，還是 4 個？是每個學生的平均，還是每次考試的？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## dim: which axis goes away?
#
# `sum`, `mean` and `amax` (the largest) make one number of many: they are **reductions**. `dim` names the axis that **goes away**.
#
# Predict: is `scores.mean(dim=0)` 3 numbers or 4? A mean for each student, or for each test?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（4 分鐘）`scores` 的列是 4 個學生，欄是 3 次考試。`scores.mean(dim=0)` 得到什麼？
#
# - ✓ 3 個數：每次考試的平均。*`dim` 說的是收掉哪個軸；收掉學生，剩下考試。*
# - ✗ 4 個數：每個學生的平均。*把 `dim=0` 讀成「每一列算一次」，其實它是被收掉的軸。*
# - ✗ 1 個數：全部的平均。*以為 0 表示「不指定軸」。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (4 min) The rows of `scores` are 4 students, its columns 3 tests. What does `scores.mean(dim=0)` give?
#
# - ✓ 3 numbers, a mean for each test. *`dim` names the axis that goes away; without students, tests are left.*
# - ✗ 4 numbers, a mean for each student. *Reads `dim=0` as "once for each row", but it is the axis that goes away.*
# - ✗ 1 number, the mean of all. *Thinks that 0 means "no axis in particular".*

# %%
print("of all          ", scores.mean())
print("dim=0           ", scores.mean(dim=0))
print("dim=1           ", scores.mean(dim=1))
print("dim=1, keepdim  ", tuple(scores.mean(dim=1, keepdim=True).shape))
print("where, not what ", scores.argmax(dim=1))

# %% [markdown] lang="zh-TW"
# `dim=0` 收掉學生的軸，剩下 3 次考試各自的平均。`keepdim=True` 把收掉的軸留成長度 1。`argmax` 回傳最大值的**位置**。`dim=-1` 是最後一個軸。

# %% [markdown] lang="en"
# `dim=0` takes the students away and leaves a mean for each of the 3 tests. `keepdim=True` keeps the axis, with length 1. `argmax` tells **where** the largest stands. `dim=-1` is the last axis.

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 廣播：形狀不同也能相加
#
# `(3, 1)` 加 `(4,)` 行不行？行，這叫**廣播**（broadcasting）。規則只有一條：把兩個形狀**靠右對齊**（缺的當作 1），每個軸的長度要嘛相等，要嘛其中一個是 1；是 1 的就重複到一樣長。猜猜看：結果是什麼形狀？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Broadcasting: adding what differs in shape
#
# Can `(3, 1)` be added to `(4,)`? Yes, by **broadcasting**, which has one rule: line the shapes up **at the right** (a missing axis counts as 1); along each axis the lengths must be equal, or one of them must be 1, which is then repeated. Guess: what shape comes out?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（5 分鐘）形狀 `(3, 1)` 加上形狀 `(4,)`，結果是什麼形狀？
#
# - ✗ 沒有結果，只有錯誤訊息。*以為形狀一定要相同才能相加。*
# - ✓ `(3, 4)`。*靠右對齊：1 重複成 4，缺的軸當作 1，重複成 3。*
# - ✗ `(3, 1)`。*以為結果的形狀由左邊的張量決定，右邊只是配合它。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (5 min) A tensor of shape `(3, 1)` is added to one of shape `(4,)`. What shape comes out?
#
# - ✗ None, only an error message. *Thinks that shapes must be equal to be added.*
# - ✓ `(3, 4)`. *Lined up at the right, the 1 is repeated to 4, and the missing axis, a 1, to 3.*
# - ✗ `(3, 1)`. *Thinks that the tensor on the left decides, and the other one is made to fit.*

# %% slideshow={"slide_type": "subslide"} alt-zh="三個格子圖。左邊是一欄三個數 0、10、20；中間是一列四個數 1 到 4；右邊是三列四欄的和，每一格是左邊那一列的數加上中間那一欄的數。" alt-en="Three grids. On the left a column of three numbers, 0, 10, 20; in the middle a row of four, 1 to 4; on the right their sum in three rows and four columns, each cell the number of its row plus that of its column."
column, row = torch.tensor([[0], [10], [20]]), torch.tensor([1, 2, 3, 4])
grids = {"column (3, 1)": column, "row (4,)": row[None], "column + row (3, 4)": column + row}
figure, axes = plt.subplots(1, 3, figsize=(7, 2.2), width_ratios=[1.6, 3, 3])
for ax, (title, grid) in zip(axes, grids.items(), strict=True):
    ax.imshow(grid, cmap="Blues", vmin=0, vmax=40)
    for (i, j), number in np.ndenumerate(grid.numpy()):
        ax.text(j, i, number, ha="center", va="center")
    ax.set(title=title, xticks=[], yticks=[])
    ax.grid(False)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 把錯誤訊息唸出來
#
# 出錯時，筆記本會印出一長串，**先看最後一行**：它說錯在哪裡。為了讓這一課能從頭跑到尾，我們用 `complaint` 只印那一行（的第一句）。
#
# `(4,)` 加 `(3,)`，PyTorch 會怎麼說？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Read the error message aloud
#
# A notebook reports an error at length; **read the last line first**: it says what is wrong. Here `complaint` prints that one (its first sentence), so that the lesson runs through.
#
# What does PyTorch say to `(4,)` plus `(3,)`?


# %%
def complaint(attempt):
    try:
        attempt()
    except (RuntimeError, TypeError, ValueError) as error:
        print(f"{type(error).__name__}: {str(error).split('. ')[0]}")


complaint(lambda: torch.ones(4) + torch.ones(3))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# **唸出來**：第 0 軸上，a 的長度是 4，b 的長度是 3，應該一樣（singleton 指長度 1）。**改法**：印出兩邊的 `.shape`，決定誰該多一個軸，例如 `a[:, None]`。
#
# ### 沒有訊息的錯
#
# 更危險的是不出聲的錯。模型的預測常是 `(N, 1)`，答案卻常是 `(N,)`。想一想：四個預測全對，照這兩種形狀相減，誤差平方的平均是多少？

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# **Aloud**: along axis 0, a has length 4 and b has length 3, and they should be equal ("singleton" means length 1). **Mend**: print both shapes, and add the missing axis, as in `a[:, None]`.
#
# ### The mistake without a message
#
# Worse is the silent one. Predictions are often `(N, 1)`, and answers `(N,)`. Predict: all four predictions are right; subtract these shapes, and what is the mean square?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（6 分鐘）四個預測全對，形狀是 `(4, 1)`；答案的形狀是 `(4,)`，四個數都不同。`(predictions - targets).square().mean()` 是多少？
#
# - ✗ 0。*心裡是一對一對相減的，沒有想到廣播。*
# - ✗ 沒有答案：PyTorch 會說形狀不合。*以為形狀不同一定有錯誤訊息。*
# - ✓ 大於 0。*廣播讓每個預測和四個答案都相減，得到 16 個差。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (6 min) Four predictions of shape `(4, 1)` are all right; the answers, of shape `(4,)`, all differ. What is `(predictions - targets).square().mean()`?
#
# - ✗ It is 0. *Subtracts pair by pair in the mind, and forgets broadcasting.*
# - ✗ There is none: PyTorch complains about the shapes. *Thinks that different shapes always raise an error.*
# - ✓ It is more than 0. *By broadcasting every prediction meets all four answers, in 16 differences.*

# %%
predictions = torch.tensor([[1.0], [2.0], [3.0], [4.0]])  # (4, 1)
targets = torch.tensor([1.0, 2.0, 3.0, 4.0])  # (4,)
silent = (predictions - targets).square()
meant = (predictions.squeeze(1) - targets).square()  # squeeze(1) drops axis 1, of length 1
print(f"(4, 1) - (4,): shape {tuple(silent.shape)}, mean {silent.mean()}")
print(f"(4,)   - (4,): shape {tuple(meant.shape)}, mean {meant.mean()}")

# %% [markdown] lang="zh-TW"
# 每個預測和**所有**答案都比了一遍，4 個誤差變成 16 個。相減之前，先看兩邊的形狀。
#
# **主張 1** 預測全對時，形狀 `(N, 1)` 減 `(N,)` 的平方平均仍然是答案變異數（除以 N）的兩倍。這必然成立；下面用五組亂數驗算。

# %% [markdown] lang="en"
# Every prediction met **all** answers: 16 errors. Look at both shapes before you subtract.
#
# **Claim 1** Even where all predictions are right, the mean square of `(N, 1)` minus `(N,)` is twice the variance of the answers (the one that divides by N). It must hold; five sets of random numbers check it.


# %%
def silent_error(seed):
    answers = torch.randn(100, generator=seeding.generator(seed), dtype=torch.float64)
    error = (answers[:, None] - answers).square().mean()
    return (error - 2 * answers.var(correction=0)).abs().item()


claim(1, max(silent_error(seed) for seed in range(5)) < 1e-10)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 矩陣乘法
#
# 兩個一樣長的向量，對應的數相乘再全部加起來，叫**內積**（dot product）。`@` 是矩陣乘法：左邊的每一列和右邊的每一欄做內積。`(N, D) @ (D, K)` 得到 `(N, K)`：中間的兩個 D 要相等，乘完就不見了。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## The matrix product
#
# Multiply two vectors number by number and add up: that is their **dot product**. `@`, the matrix product, makes one of every row on the left and every column on the right. `(N, D) @ (D, K)` gives `(N, K)`: the inner lengths must be equal, and vanish.

# %%
inputs = torch.ones(4, 3)
print(tuple((inputs @ torch.ones(3, 2)).shape))
complaint(lambda: inputs @ torch.ones(4, 3))
print(tuple((inputs @ torch.ones(4, 3).T).shape))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# **唸出來**：4x3 和 4x3 不能相乘，因為中間的 3 和 4 不相等。**改法**：想清楚哪個軸該消失，需要時用 `.T` 把兩個軸對調（轉置）。
#
# ### dtype 不合
#
# `from_numpy` 是 NumPy 的 4×3 個 1 變成的張量（NumPy 的小數預設是 `float64`）。想一想：哪幾個會抱怨？`from_numpy @ torch.ones(3, 2)`；先 `.float()` 再乘；`torch.tensor([1, 2, 3]).mean()`。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# **Aloud**: 4x3 and 4x3 cannot be multiplied, for the inner 3 and 4 differ. **Mend**: ask which axis should vanish; `.T` swaps the two (it transposes).
#
# ### dtypes that do not fit
#
# `from_numpy` is a tensor made of NumPy's 4×3 ones (its decimals are `float64`). Predict: which complain? `from_numpy @ torch.ones(3, 2)`; the same after `.float()`; `torch.tensor([1, 2, 3]).mean()`.

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（5 分鐘）`a = torch.from_numpy(np.ones((4, 3)))`。哪一行不會引發錯誤？
#
# - ✗ `a @ torch.ones(3, 2)`*只看形狀；NumPy 給的是 `float64`，PyTorch 的 1 是 `float32`。*
# - ✓ `a.float() @ torch.ones(3, 2)`*先轉成 `float32`，兩邊就一樣了。*
# - ✗ `torch.tensor([1, 2, 3]).mean()`*以為答案當然是 2；整數的平均不一定是整數，PyTorch 不替你選型別。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (5 min) With `a = torch.from_numpy(np.ones((4, 3)))`, which line raises no error?
#
# - ✗ `a @ torch.ones(3, 2)` *Looks at shapes only; NumPy gives `float64`, and the ones of PyTorch are `float32`.*
# - ✓ `a.float() @ torch.ones(3, 2)` *Converted first, both are `float32`.*
# - ✗ `torch.tensor([1, 2, 3]).mean()` *Expects 2; a mean of whole numbers need not be whole, and PyTorch chooses no type for you.*

# %%
from_numpy = torch.from_numpy(np.ones((4, 3)))
complaint(lambda: from_numpy @ torch.ones(3, 2))
complaint(lambda: from_numpy.float() @ torch.ones(3, 2))
complaint(lambda: torch.tensor([1, 2, 3]).mean())

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# **唸出來**：m1 是 double（`float64`），m2 是 float（`float32`），要相同；中間那行先轉換過，沒事。第三行：整數的平均可能不是整數，PyTorch 不替你決定。**改法**：`.float()`。
#
# ### 同一份記憶體
#
# 切一列、加軸、轉置、`reshape`、`from_numpy`、`.numpy()`，得到的多半是**檢視**（view）：還是原來的數，只是換個看法。`.clone()` 才是複製。猜猜看：改了 `row`，`table` 變不變？

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# **Aloud**: m1 is double (`float64`), m2 is float (`float32`), and they should be the same; the second line converts first. The third: the mean of whole numbers may not be whole, and PyTorch does not guess. **Mend**: `.float()`.
#
# ### One piece of memory
#
# A row, a new axis, a transpose, `reshape`, `from_numpy`, `.numpy()`: mostly you get a **view**, the same numbers looked at otherwise. `.clone()` makes a copy. Guess: when `row` changes, does `table`?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（5 分鐘）`row = table[0]`，接著 `row[0] = 99`。`table` 會怎麼樣？
#
# - ✓ `table` 的那個數也變成 99。*`row` 是檢視：同一份記憶體，換個看法。*
# - ✗ 不變。*以為取出一列就是複製，像 Python 的串列切片那樣。*
# - ✗ 引發錯誤，因為 `row` 只能讀。*以為取出來的東西不能改。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (5 min) After `row = table[0]` comes `row[0] = 99`. What becomes of `table`?
#
# - ✓ Its number becomes 99 as well. *`row` is a view: the same memory, looked at otherwise.*
# - ✗ Nothing. *Thinks that taking a row copies it, as slicing a Python list does.*
# - ✗ An error is raised, for `row` is read-only. *Thinks that what is taken out may not be changed.*

# %%
table = torch.arange(6).reshape(2, 3)  # arange counts: 0, 1, ... 5
row, copied = table[0], table[1].clone()
row[0], copied[0] = 99, -1
row += 100  # in place
print(table)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# `row` 變了，`table` 就跟著變；`copied` 不影響它。寫進原來記憶體的運算叫**就地**（in-place）運算：`x[0] = …`、`x += …`，以及名字以底線結尾的方法，例如 `x.zero_()`。
#
# ### 裝置
#
# 張量住在某個**裝置**（device）上：`cpu`，或 GPU（圖形處理器：`cuda`、`mps`）。一起計算的張量要在同一個裝置上；`.to(device)` 把模型和資料搬到你的機器上最快的那一個，它由設定的那一格找出來。假裝置 `meta` 只有形狀，沒有數字，沒有 GPU 也能看到這種錯。**唸出來**：一個張量在 meta，另一個在 cpu。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# `row` changed `table`; `copied` did not. What writes into the memory it finds works **in place**: `x[0] = …`, `x += …`, and methods that end in an underscore, such as `x.zero_()`.
#
# ### Devices
#
# A tensor lives on a **device**: `cpu`, or a GPU (a graphics processor: `cuda`, `mps`). Tensors that meet must be on the same one; `.to(device)` takes model and data to your machine's fastest, found by the set-up cell. A make-believe device, `meta`, of shapes without numbers, shows the error without a GPU. **Aloud**: a tensor on meta meets one on cpu.

# %%
moved = torch.ones(2).to(device) + torch.ones(2, device=device)
complaint(lambda: torch.ones(2) + torch.ones(2, device="meta"))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 梯度就是斜率
#
# 訓練，就是讓一個數變小：這個數叫**損失**（loss），說明模型錯得多嚴重。它的**斜率**告訴我們該往哪裡走。先看只由一個數 w 決定的損失。
#
# `requires_grad=True` 請 PyTorch 把 w 參與的計算記下來；`backward()` 沿著紀錄往回走，把斜率放進 `w.grad`。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## A gradient is a slope
#
# To train is to make a number smaller: the **loss**, which says how wrong a model is. Its **slope** tells which way to go. First, a loss that depends on one number w.
#
# `requires_grad=True` asks PyTorch to note down what is computed with w; `backward()` walks back along those notes and puts the slope into `w.grad`.


# %%
def valley(w):
    return (w - 2) ** 2 + 1


w = torch.tensor(3.5, requires_grad=True)
loss = valley(w)
loss.backward()
print(f"w = {w.item()}: loss {loss.item()}, slope {w.grad.item()}")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 微分也是這麼說：2(w − 2) = 3。記下來的計算叫**計算圖**（graph），你自己建立的 w 是它的**葉節點**（leaf），整套機制叫 **autograd**。
#
# 拉動 w：斜率是正的，往哪邊走損失會變小？斜率是 0 的地方有什麼特別？

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# Calculus agrees: 2(w − 2) = 3. The notes are called the **graph**, w, which you made yourself, is a **leaf** of it, and the machinery is **autograd**.
#
# Move w: where the slope is positive, which way does the loss fall? What is special where the slope is 0?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（7 分鐘）損失是 (w − 2)² + 1，現在 w = 3.5，斜率是 3。要讓損失變小，w 該怎麼動？
#
# - ✗ 變大。*跟著斜率的正負號走；正的斜率表示 w 變大時損失上升。*
# - ✗ 直接變成 3。*把斜率當成最低點的位置。*
# - ✓ 變小。*斜率是正的，損失往右上升，所以往左走。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (7 min) The loss is (w − 2)² + 1; at w = 3.5 its slope is 3. How must w move for the loss to fall?
#
# - ✗ Up. *Follows the sign of the slope; a positive one says that the loss rises with w.*
# - ✗ Straight to 3. *Takes the slope for the place of the minimum.*
# - ✓ Down. *The slope is positive, so the loss rises to the right, and one goes left.*


# %% alt-zh="一條開口向上的拋物線，最低點在 w = 2。w = 3.5 處的切線往右上傾斜，斜率是 3。" alt-en="A parabola that opens upward, lowest at w = 2. The tangent at w = 3.5 rises to the right, with slope 3."
def draw_tangent(w):
    at = torch.tensor(w, requires_grad=True)
    valley(at).backward()
    grid, near = torch.linspace(-1, 5, 100), torch.tensor([w - 1, w + 1])
    _figure, ax = plt.subplots(figsize=(5.5, 2.8))
    ax.plot(grid, valley(grid), label="loss")
    ax.plot(near, valley(w) + at.grad * (near - w), "--", label=f"slope {at.grad.item():g}")
    ax.plot(w, valley(w), "ko")
    ax.set(xlabel="w", ylabel="loss", ylim=(-1, 11))
    ax.legend(loc="upper center")


explore(draw_tangent, w=slider(-1, 5, 3.5, 0.25))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 別相信，驗算
#
# 斜率是「升高多少除以走了多遠」，不用 autograd 也能算：往右走一點點 h，是 (L(w+h) − L(w))/h；左右各走一步，是 (L(w+h) − L(w−h))/2h，叫**中央差分**（central difference）。兩者都是**有限差分**（finite difference）。
#
# 拿 w³ 在 w = 2 試試，斜率是 12。想一想：h 越小越準嗎？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Do not believe it, check it
#
# A slope is "how much higher, by how far", and needs no autograd: a small step h to the right gives (L(w+h) − L(w))/h; a step both ways gives (L(w+h) − L(w−h))/2h, the **central difference**. Both are **finite differences**.
#
# Take w³ at w = 2, slope 12. Predict: the smaller h, the better?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（6 分鐘）用中央差分算 w³ 在 w = 2 的斜率，h 越取越小。誤差會怎麼變？
#
# - ✗ 一直變小。*只想到弦越來越像切線，忘了電腦的數字位數有限。*
# - ✓ 先變小，再變大。*h 太小時，兩個幾乎相等的數相減，捨入誤差再除以很小的 h。*
# - ✗ 不變。*以為中央差分在多項式上沒有誤差；在 w³ 上它差了 h²。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (6 min) The central difference gives the slope of w³ at w = 2, with ever smaller h. What becomes of its error?
#
# - ✗ It falls and falls. *Thinks of the chord that becomes a tangent, and forgets that a computer rounds.*
# - ✓ It falls, then rises. *With h too small two nearly equal numbers are subtracted, and rounding is divided by a tiny h.*
# - ✗ It stays the same. *Thinks that central differences are exact on polynomials; on w³ they are off by h².*


# %%
def slope_errors(dtype, steps):
    w = torch.tensor(2.0, dtype=dtype)
    central = [((w + h) ** 3 - (w - h) ** 3) / (2 * h) for h in steps]
    forward = [((w + h) ** 3 - w**3) / h for h in steps]
    return [abs(np.array(slopes) - 12) for slopes in (central, forward)]


steps = 10.0 ** -np.arange(0, 8)
central, forward = slope_errors(torch.float64, steps)
central_32, _ = slope_errors(torch.float32, steps)

# %% slideshow={"slide_type": "subslide"} alt-zh="橫軸是步長 h，縱軸是斜率的誤差，都取對數。單邊差分的誤差隨 h 成比例下降；中央差分下降得快得多，到 10 的負 5 次方附近最準，之後回升；float32 的中央差分在 h = 0.01 就到底，之後越小越糟。" alt-en="Error of the slope against the step h, both axes logarithmic. The one-sided difference falls in proportion to h; the central one falls much faster, is best near 1e-5 and then rises; in float32 the central difference is best at 0.01 and gets worse from there."
figure, ax = plt.subplots(figsize=(7, 3))
ax.loglog(steps, forward, "s--", label="one-sided, float64")
ax.loglog(steps, central, "o-", label="central, float64")
ax.loglog(steps, central_32, "^:", label="central, float32")
ax.set(xlabel="step h", ylabel="error of the slope")
legend = ax.legend()

# %% [markdown] lang="zh-TW"
# h 太大，弦不是切線；h 太小，兩個幾乎相等的數相減，只剩捨入誤差。驗算時用 `float64`，h 取 10⁻⁵ 左右。
#
# **主張 2** 在 w³ 上，單邊差分差了 6h + h²，中央差分只差 h²；這必然成立（展開就知道），這裡在 h = 0.1 驗算。用 `float32`，圖上沒有一個 h 的誤差小於 10⁻⁵；用 `float64`，h = 10⁻⁵ 的誤差小於 10⁻⁸。

# %% [markdown] lang="en"
# With h too large, a chord is no tangent; with h too small, rounding is what is left of two all but equal numbers. To check, use `float64` and an h near 10⁻⁵.
#
# **Claim 2** On w³ the one-sided difference is off by 6h + h² and the central one by h² only; this must hold (expand it), and is checked at h = 0.1. In `float32` no h in the picture comes within 10⁻⁵; in `float64`, h = 10⁻⁵ comes within 10⁻⁸.

# %%
expanded = abs(forward[1] - 0.61) < 1e-9 and abs(central[1] - 0.01) < 1e-9
claim(2, expanded and central_32.min() > 1e-5 and central[5] < 1e-8)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 很多斜率：梯度
#
# 有很多數可以調，就每個都有一個斜率；合在一起叫**梯度**（gradient），形狀和張量一樣。梯度指向損失上升最快的方向，所以每一步都往**反方向**走，叫**梯度下降**（gradient descent）：
#
# > w ← w − η · 梯度
#
# η 是**學習率**（learning rate），決定一步走多大。`backward` 只接受一個數；下面先對三個損失直接呼叫，看它怎麼說。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Many slopes: the gradient
#
# Where many numbers can be adjusted, each has a slope; together they are the **gradient**, of the same shape as the tensor. It points where the loss rises fastest, so each step goes the **other** way; that is **gradient descent**:
#
# > w ← w − η · gradient
#
# η, the **learning rate**, sets the length of a step. `backward` wants a single number; first hear what it says to three losses at once.

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（5 分鐘）`losses = w**2` 是三個損失。為什麼 `losses.backward()` 引發錯誤，`losses.sum().backward()` 卻沒事？
#
# - ✗ 平方不能微分，加總才可以。*以為問題出在運算本身；三個損失各自都能微分。*
# - ✓ `backward` 要從一個數出發，加總之後只剩一個數。*三個損失有三個斜率，它不知道要哪一個。*
# - ✗ 只有總和可以，平均就不行。*把例子當成規則；任何一個數都可以，平均也是。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (5 min) `losses = w**2` holds three losses. Why does `losses.backward()` raise an error, and `losses.sum().backward()` none?
#
# - ✗ A square has no slope, a sum has one. *Looks for the fault in the operation; each of the three losses has a slope.*
# - ✓ `backward` starts from a single number, and the sum is one. *Three losses have three slopes, and it cannot know which is meant.*
# - ✗ Only a sum will do, a mean would not. *Takes the example for the rule; any single number will do, a mean too.*

# %%
w = torch.tensor([3.0, -1.0, 2.0], requires_grad=True)
losses = w**2  # the distance of each number from 0, squared
complaint(lambda: losses.backward())
losses.sum().backward()
print("gradient of the sum:", w.grad)
for reduction in ("none", "sum", "mean"):
    print(f"{reduction:4}", nn.MSELoss(reduction=reduction)(w.detach(), torch.zeros(3)))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# **唸出來**：只有純量（scalar outputs）能直接呼叫；三個損失，要求誰的斜率？**改法**：先用 `sum` 或 `mean` 合成一個。這裡每個損失只看自己的 w，所以總和的梯度就是各自的斜率。
#
# PyTorch 的損失函數用 `reduction` 選（後三行）：`"none"` 每個樣本一個損失，`"sum"` 加總，`"mean"` 平均（預設）。`MSELoss` 是**均方誤差**（mean squared error）。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# **Aloud**: only for scalar outputs does it know what to do; of three losses, whose slope is meant? **Mend**: make one number of them first, by `sum` or `mean`. Here each loss looks at its own w alone, so the gradient of the sum is each one's own slope.
#
# PyTorch's loss functions take a `reduction` (last three lines): `"none"` leaves a loss for each example, `"sum"` adds up, `"mean"` (the default) averages. `MSELoss` is the **mean squared error**.

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 梯度會累加
#
# 同一個 w，算三次損失，各呼叫一次 `backward`，中間什麼也不做。猜猜看：三次印出來的 `w.grad` 一樣嗎？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Gradients accumulate
#
# One w; compute the loss three times, call `backward` each time, and do nothing in between. Guess: does `w.grad` print the same three times?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（5 分鐘）在 w = 3.5，損失 (w − 2)² + 1 的斜率是 3。重新算三次損失，每次都呼叫 `backward`，中間什麼也不清。`w.grad` 依序是多少？
#
# - ✗ 3、3、3。*以為 `backward` 會蓋掉舊的梯度。*
# - ✗ 3，然後引發錯誤。*以為同一個 w 只能 `backward` 一次；不能重走的是同一張計算圖，這裡每次都重新算了損失。*
# - ✓ 3、6、9。*`backward` 把新的斜率加上去。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (5 min) At w = 3.5 the loss (w − 2)² + 1 has slope 3. It is computed three times, with a `backward` each and nothing cleared. What does `w.grad` hold in turn?
#
# - ✗ 3, 3, 3. *Thinks that `backward` overwrites the old gradient.*
# - ✗ 3, then an error is raised. *Thinks that w can serve only once; it is one graph that cannot be walked twice, and each loss has a new one.*
# - ✓ 3, 6, 9. *`backward` adds the new slope to the old.*

# %%
w = torch.tensor(3.5, requires_grad=True)
seen = []
for _ in range(3):
    valley(w).backward()
    seen.append(w.grad.item())
print(seen)

# %% [markdown] lang="zh-TW"
# `backward` 把新的斜率**加**到 `.grad` 上。這是故意的（練習 5 就用得上）。每走一步之前要自己清掉：`w.grad = None`，或用優化器的 `zero_grad()`。忘了清，不會有任何錯誤訊息。
#
# **主張 3** 第 k 次之後，`w.grad` 是斜率的 k 倍。這必然成立。

# %% [markdown] lang="en"
# `backward` **adds** the new slope to `.grad`. This is on purpose (exercise 5 makes use of it). Before each step you clear it yourself: `w.grad = None`, or an optimizer's `zero_grad()`. If you forget, no message tells you.
#
# **Claim 3** After the k-th call `w.grad` is k times the slope. This must hold.

# %%
claim(3, seen == [3.0, 6.0, 9.0])

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### autograd 的四種抱怨
#
# 同一個損失再 `backward` 一次；就地修改葉節點；要有梯度的張量變成 NumPy；要整數也有梯度。`w.sub_(0.1)` 就是 `w -= 0.1`。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### Four complaints of autograd
#
# A second `backward` of one loss; a leaf changed in place (`w.sub_(0.1)` is `w -= 0.1`); NumPy of a tensor with a gradient; a gradient of whole numbers.

# %%
loss = valley(w)
loss.backward()
complaint(lambda: loss.backward())
complaint(lambda: w.sub_(0.1))
complaint(lambda: valley(w).numpy())
complaint(lambda: torch.tensor([1, 2, 3], requires_grad=True))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# **逐句唸出來，再改：**
#
# 1. 計算圖走過一次，紀錄就丟掉了（省記憶體）。改法：重新算一次損失。
# 2. 葉節點不能在記錄中就地修改：紀錄會對不上。改法：更新寫在 `with torch.no_grad():` 裡，裡面什麼也不記錄。
# 3. NumPy 沒有地方放梯度。改法：先 `.detach()`，得到同樣的數、不帶紀錄的張量；只要一個數，就用 `.item()`。
# 4. 整數不能只挪一點點，所以沒有斜率。改法：`1.0` 或 `.float()`。
#
# 整個函式都不必記錄，就在 `def` 上面寫 `@torch.no_grad()`。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# **One by one, aloud, and mended:**
#
# 1. After one walk the notes are thrown away (to save memory). Mend: compute the loss again.
# 2. A leaf may not change in place while notes are taken: they would no longer fit. Mend: update inside `with torch.no_grad():`, where nothing is noted.
# 3. NumPy has no place for gradients. Mend: `.detach()` first gives the same numbers without notes; for a single number, `.item()`.
# 4. A whole number cannot be moved by a little, so it has no slope. Mend: `1.0`, or `.float()`.
#
# `@torch.no_grad()` above a `def` serves a whole function.

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 用一條線去配資料
#
# 資料：40 個點，來自直線 y = 2x + 1，再加上標準差 0.3 的雜訊（noise）。模型是 ŷ = w·x + b，有兩個要學的數，叫**參數**（parameter）：**權重**（weight）w 與**偏置**（bias）b。損失是均方誤差。
#
# 每一步做四件事：**前向**（forward，算出預測和損失）、**反向**（backward，算出斜率）、更新、清除。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Fit a line
#
# The data: 40 points of the line y = 2x + 1, with noise of standard deviation 0.3. The model is ŷ = w·x + b, with two numbers to learn, its **parameters**: the **weight** w and the **bias** b. The loss is the mean squared error.
#
# Each step has four parts: **forward** (predictions and loss), **backward** (slopes), update, clear.

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（7 分鐘）手寫的訓練迴圈裡，更新 `w -= lr * w.grad` 為什麼要寫在 `torch.no_grad()` 裡？
#
# - ✓ 更新不是模型的計算，不該記下來；少了它，PyTorch 會拒絕就地修改葉節點。*紀錄是給下一次 `backward` 用的，更新不在其中。*
# - ✗ 這樣才會清除 `w.grad`。*把不記錄和清除梯度混為一談；梯度要另外清。*
# - ✗ 只是為了快一點，不寫也可以。*以為它只影響速度；不寫會引發錯誤。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (7 min) In a training loop by hand, why does the update `w -= lr * w.grad` stand inside `torch.no_grad()`?
#
# - ✓ It is no part of the model and must not be noted; without it PyTorch refuses to change a leaf in place. *The notes are for the next `backward`, to which the update does not belong.*
# - ✗ So that `w.grad` is cleared. *Mixes up taking no notes and clearing gradients, which is another line.*
# - ✗ To be faster; it could be left out. *Thinks that it is about speed only; without it an error is raised.*


# %%
def noisy_line(seed):
    generator = seeding.generator(seed)
    x = 2 * torch.rand(40, 1, generator=generator) - 1
    return x, 2 * x + 1 + 0.3 * torch.randn(40, 1, generator=generator)


def fit_by_hand(x, y, clear=True, lr=0.3, num_steps=100):
    w, b = torch.zeros((), requires_grad=True), torch.zeros((), requires_grad=True)
    history = []
    for _ in range(num_steps):
        loss = (w * x + b - y).square().mean()  # forward
        history.append((w.item(), b.item(), loss.item()))
        loss.backward()
        with torch.no_grad():
            w -= lr * w.grad
            b -= lr * b.grad
        if clear:
            w.grad = b.grad = None
    return np.array(history)  # (steps, 3): w, b, loss before each step


# %% slideshow={"slide_type": "subslide"} alt-zh="左圖：損失從約 2 開始，二十步之內降到 0.1 以下，然後走平。右圖：四十個點與第 0、2、5、99 步的直線，從水平線一路轉到穿過點群中央。" alt-en="Left: the loss falls from about 2 to below 0.1 within twenty steps and stays level. Right: forty points and the lines at steps 0, 2, 5 and 99, which turn from flat until they run through the middle of the points."
x, y = noisy_line(0)
history = fit_by_hand(x, y)
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3))
left.plot(history[:, 2])
left.set(xlabel="step", ylabel="mean squared error", ylim=(0, None))
right.plot(x, y, ".", color="gray")
for step, style in ((0, ":"), (2, "-."), (5, "--"), (99, "-")):
    right.plot([-1, 1], history[step, 0] * np.array([-1, 1]) + history[step, 1], style, label=step)
right.set(xlabel="x", ylabel="y")
legend = right.legend(title="step")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 損失沒有降到 0，剩下的是雜訊。得到的 w 與 b 也不剛好是 2 與 1，而是最合這 40 個點的那一條線。
#
# **主張 4** 換五組資料，每一組走 100 步之後，w 與 b 都和最小平方法的公式解（`np.polyfit`）相差不到 0.001。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# The loss does not reach 0, as noise is left; and w and b are not quite 2 and 1: theirs is the line that suits these 40 points best.
#
# **Claim 4** For every one of five data sets, after 100 steps w and b are within 0.001 of what the formula of least squares gives (`np.polyfit`).

# %%
data = [noisy_line(seed) for seed in range(5)]
fitted = np.array([fit_by_hand(x, y)[-1, :2] for x, y in data])
formula = np.array([np.polyfit(x.squeeze(1), y.squeeze(1), deg=1) for x, y in data])
print(f"w = ≈{fitted[0, 0]:.3f}, b = ≈{fitted[0, 1]:.3f} on the first data set")
claim(4, abs(fitted - formula).max() < 0.001)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 兩個不出聲的錯
#
# 一個忘了清除梯度；另一個讓 y 的形狀變成 `(40,)`。程式都不出聲地執行完。想一想：損失曲線與直線會變成什麼樣子？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Two mistakes without a sound
#
# One forgets to clear the gradients; the other has `y` of shape `(40,)`. Both run in silence. Predict: what becomes of the loss curve, and of the line?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（7 分鐘）用直線去配 y = 2x + 1 附近的點，輸出的形狀是 `(40, 1)`，`y` 的形狀卻是 `(40,)`。訓練出來的是哪一條線？
#
# - ✗ 對的那一條。*以為 PyTorch 會把 40 個預測和 40 個答案一對一配好。*
# - ✗ 沒有線：損失來回擺盪。*和忘了清除梯度的樣子弄混了。*
# - ✓ 一條水平線，高度是 y 的平均。*每個 x 都要配所有的 y，最好的答案就是平均。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (7 min) A line is fitted to points near y = 2x + 1. The output has shape `(40, 1)`, but `y` has shape `(40,)`. Which line comes out?
#
# - ✗ The right one. *Thinks that PyTorch pairs the 40 predictions with the 40 answers.*
# - ✗ None: the loss swings up and down. *Mixes it up with gradients that are never cleared.*
# - ✓ A level one, at the mean of y. *Every x is fitted to all y, and the best answer to them is their mean.*

# %% alt-zh="左圖：清除梯度時損失平穩下降；忘了清除時，損失在接近 0 與 2 以上之間來回擺盪，停不下來。右圖：形狀對的直線穿過點群；形狀錯的直線是水平的，高度是 y 的平均。" alt-en="Left: with gradients cleared the loss falls smoothly; without, it swings between almost 0 and over 2 and does not settle. Right: with the right shapes the line runs through the points; with the wrong ones it is level, at the mean of y." slideshow={"slide_type": "subslide"}
never_cleared, wrong_shape = fit_by_hand(x, y, clear=False), fit_by_hand(x, y.squeeze(1))
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3))
left.plot(history[:, 2], label="cleared")
left.plot(never_cleared[:, 2], "--", label="never cleared")
left.set(xlabel="step", ylabel="mean squared error", ylim=(0, 3))
left.legend(loc="upper center", ncols=2)
right.plot(x, y, ".", color="gray")
for w, b, style, label in (
    (*history[-1, :2], "-", "(40, 1)"),
    (*wrong_shape[-1, :2], "--", "(40,)"),
):
    right.plot([-1, 1], [b - w, b + w], style, label=f"y of shape {label}")
right.set(xlabel="x", ylabel="y")
legend = right.legend()

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 忘了清除，每一步都帶著過去所有的斜率，衝過谷底又盪回來。形狀錯了，每個 x 都在配**所有的** y：最好的答案，就是不管 x 是多少，都答 y 的平均。
#
# **主張 5** 五組資料，每一組忘了清除時，最後 20 步裡最大的損失，都是正常訓練的 5 倍以上。
#
# **主張 6** `y` 是 `(N,)`、輸出是 `(N, 1)` 時，最好的直線必然是水平的，高度是 y 的平均；五組資料都走到那裡（相差不到 0.001）。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# Without clearing, each step carries all past slopes along, shoots through the bottom and swings back. With the wrong shape every x is fitted to **all** y, and the best answer is their mean, whatever x is.
#
# **Claim 5** For every one of five data sets, without clearing, the largest loss of the last 20 steps is over 5 times that of proper training.
#
# **Claim 6** Where `y` is `(N,)` and the output `(N, 1)`, the best line must be level, at the mean of y; on all five data sets the training arrives there (within 0.001).

# %%
proper, careless = (
    np.array([fit_by_hand(x, y, clear)[-20:, 2].max() for x, y in data]) for clear in (True, False)
)
claim(5, (careless > 5 * proper).all())
level = np.array([fit_by_hand(x, y.squeeze(1))[-1, :2] - [0, y.mean()] for x, y in data])
claim(6, abs(level).max() < 0.001)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## nn.Module：把參數和計算收在一起
#
# PyTorch 的**模組**（module）是一個類別（class）：`__init__` 準備參數，`forward` 寫怎麼算。`model(x)` 會呼叫 `forward(x)`。
#
# `super().__init__()` 讓 `nn.Module` 先準備好記參數的地方；`nn.Parameter` 是 `requires_grad=True` 的張量，放進去就會被記住。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## nn.Module: parameters and computation in one
#
# A **module** of PyTorch is a class: `__init__` prepares the parameters, `forward` says how to compute, and `model(x)` calls it.
#
# `super().__init__()` makes the place where parameters are kept; an `nn.Parameter`, a tensor with `requires_grad=True`, is kept there once it is assigned.

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（6 分鐘）在 `Line` 的 `__init__` 裡，`self.weight` 如果只是 `torch.zeros(())`，不是 `nn.Parameter`，訓練時會怎麼樣？
#
# - ✗ 和原來一樣。*以為模組裡的每個張量都會被記成參數。*
# - ✓ 權重永遠是 0，優化器不知道有它。*`parameters()` 只給出 `nn.Parameter`。*
# - ✗ 呼叫 `model(x)` 時引發錯誤。*以為 `forward` 只能用參數來算。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (6 min) If `__init__` of the module `Line` makes `self.weight` a plain `torch.zeros(())` and no `nn.Parameter`, what happens in training?
#
# - ✗ The same as before. *Thinks that a module keeps every tensor as a parameter.*
# - ✓ The weight stays 0, as the optimizer does not know of it. *`parameters()` gives what is an `nn.Parameter`, and nothing else.*
# - ✗ Calling `model(x)` raises an error. *Thinks that `forward` can compute with parameters only.*


# %%
class Line(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(()))
        self.bias = nn.Parameter(torch.zeros(()))

    def forward(self, x):
        return self.weight * x + self.bias


model = Line()
for name, parameter in model.named_parameters():
    print(name, tuple(parameter.shape), parameter.item())
print(sum(parameter.numel() for parameter in model.parameters()), "parameters")
print(dict(model.state_dict()))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# `parameters()` 給出所有參數，交給優化器；`numel()` 數一個張量有幾個數。`state_dict()` 是「名字對張量」的字典，存檔就存它（[[training_practice]]）。
#
# ### 訓練迴圈的五行
#
# 更新與清除，交給**優化器**（optimizer）；`SGD` 是隨機梯度下降（stochastic gradient descent），就是我們手寫的那條規則。損失函數常叫 `criterion`。迴圈裡這五行，之後每一課都會看到。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# `parameters()` gives them all, for an optimizer; `numel()` counts a tensor's numbers. `state_dict()` is a dict from names to tensors, to be saved ([[training_practice]]).
#
# ### Five lines of a training loop
#
# An **optimizer** updates and clears; `SGD`, stochastic gradient descent, is the rule we wrote by hand. A loss function is often called `criterion`. These five lines come back in every lesson.


# %%
def train(model, x, y, lr=0.3, num_steps=100):
    criterion = nn.MSELoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    losses = []
    for _ in range(num_steps):
        loss = criterion(model(x), y)  # forward
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### nn.Linear：現成的
#
# `nn.Linear(D, K)` 就是 `x @ weight.T + bias`，輸入 `(N, D)`，輸出 `(N, K)`；`weight` 的形狀是 `(K, D)`，輸出在前。它的起點是亂數，這裡改成 0 才好比較。
#
# **主張 7** 手寫迴圈、`Line` 與 `nn.Linear`，100 步的損失每一步都相差不到 10⁻⁵：算的是同一件事，除了捨入誤差（rounding error），必然相等。（`np.ptp` 是最大值減最小值。）

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### nn.Linear: ready-made
#
# `nn.Linear(D, K)` is `x @ weight.T + bias`, from `(N, D)` to `(N, K)`; its `weight` has shape `(K, D)`, outputs first. It starts at random numbers, set to 0 here to compare.
#
# **Claim 7** The loop by hand, `Line` and `nn.Linear` have losses within 10⁻⁵ of each other at each of 100 steps: they compute the same, so but for rounding they must be equal. (`np.ptp` is the largest minus the smallest.)

# %%
linear = nn.Linear(1, 1)
with torch.no_grad():
    linear.weight.zero_()
    linear.bias.zero_()
three = np.array([history[:, 2], train(model, x, y), train(linear, x, y)])
print(f"largest difference ≈{np.ptp(three, axis=0).max():.0e}")
claim(7, np.ptp(three, axis=0).max() < 1e-5)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 批次與輪
#
# 六萬張圖片，不必全部看完才走一步。把資料打亂，切成小份，叫**批次**（batch），每份走一步；全部看過一遍，叫一**輪**（epoch）。40 個點、批次大小（batch size）8，一輪就是 5 步。
#
# 想一想：一樣看五輪，一次看 40 個、8 個、1 個，哪一種的損失降得最快？（色帶是十組資料的 95% 信賴區間。）

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Batches and epochs
#
# A step need not wait for all 60,000 images. Shuffle the data and cut them into **batches**, with a step for each; once through all of them is an **epoch**. With 40 points and a batch size of 8, an epoch has 5 steps.
#
# Predict: five epochs, 40, 8 or 1 points at a time: which loss falls fastest? (Bands: 95 % intervals over ten data sets.)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（7 分鐘）40 個點、學習率 0.1，訓練五輪。一次看 40 個、8 個、1 個，哪一種的損失降得最快？
#
# - ✗ 一次 40 個。*以為方向越準就越快；它五輪只走五步。*
# - ✓ 一次 1 個。*它走了 200 步，方向雖然粗略，還是走得遠。*
# - ✗ 一樣快，因為看的資料一樣多。*數的是看過幾個點，不是走了幾步。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (7 min) 40 points, rate 0.1, five epochs, 40, 8 or 1 points at a time. Which loss falls fastest?
#
# - ✗ That of 40 at a time. *Thinks that the most exact direction wins; in five epochs it takes five steps only.*
# - ✓ That of 1 at a time. *It takes 200 steps, rough ones, and still goes far.*
# - ✗ None, for all see the same data. *Counts the points that were seen, not the steps that were taken.*


# %%
def train_in_batches(seed, batch_size, lr=0.1, num_epochs=5):
    (x, y), model, criterion = noisy_line(seed), Line(), nn.MSELoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    generator = seeding.generator(seed)
    losses = [criterion(model(x), y).item()]
    for _ in range(num_epochs):
        order = torch.randperm(len(x), generator=generator)  # 0 to 39, shuffled
        for rows in order.split(batch_size):
            loss = criterion(model(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            losses.append(criterion(model(x), y).item())
    return losses


# %% slideshow={"slide_type": "subslide"} alt-zh="橫軸是輪，縱軸是全部資料的均方誤差。批次 40 緩慢下降，五輪後還在 0.8 左右；批次 8 五輪後降到 0.15 附近；批次 1 第一輪就到 0.1 左右。色帶是十組資料的 95% 區間。" alt-en="Mean squared error on all data against epochs. Batches of 40 fall slowly and are still near 0.8 after five epochs; batches of 8 end near 0.15; batches of 1 are near 0.1 after the first. Bands are 95 % intervals over ten data sets."
sizes = {40: "s", 8: "o", 1: "^"}
runs = {size: np.array([train_in_batches(seed, size) for seed in range(10)]) for size in sizes}
figure, ax = plt.subplots(figsize=(7, 3))
for size, marker in sizes.items():
    plotting.plot_band(ax, range(6), runs[size], f"batch size {size}", marker=marker)
ax.set(xlabel="epoch", ylabel="mean squared error", ylim=(0, None))
legend = ax.legend()

# %% [markdown] lang="zh-TW"
# 看的資料一樣多，步數卻是 5、25、200：走得多，就到得早。代價是每一步的方向有雜訊：一份的梯度，只是整體梯度的估計。
#
# **主張 8** 十組資料，每一組訓練五輪、學習率 0.1 之後，批次 8 的損失都不到一次看 40 個的一半。

# %% [markdown] lang="en"
# The same data, in 5, 25 and 200 steps: who takes more is there sooner. The price is noise: a batch's gradient only estimates that of all data.
#
# **Claim 8** For every one of ten data sets, after five epochs at rate 0.1, the loss with batches of 8 is less than half of that with all 40 at once.

# %%
claim(8, (runs[8][:, -1] < 0.5 * runs[40][:, -1]).all())

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## train() 與 eval()
#
# 有些層在訓練時和使用時不一樣，例如 **dropout**：訓練時隨機把一半的數變成 0（其餘乘 2），使用時原樣放行。`model.train()` 與 `model.eval()` 切換整個模型的模式。這和 autograd 是兩回事：`eval()` 不會關掉記錄，`no_grad()` 不會切換模式；評估時，兩個通常都要。
#
# 猜猜看：一百個 1 通過 dropout，兩種模式下各會出現哪些數？（`with seeded(0):` 讓裡面的亂數從種子 0 開始。）

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## train() and eval()
#
# Some layers differ in training and in use. **Dropout**, for one, turns a random half of the numbers into 0 in training (and doubles the rest); in use all pass. `model.train()` and `model.eval()` switch the mode of a whole model. Autograd is another matter: `eval()` does not stop its notes, nor `no_grad()` switch the mode; evaluation mostly wants both.
#
# Guess: a hundred ones pass through dropout; which numbers come out in each mode? (`with seeded(0):` makes what is drawn inside come from seed 0.)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（4 分鐘）一百個 1 通過 `nn.Dropout(0.5)`，模式是 `eval()`。出來的是什麼？
#
# - ✗ 一半是 0，一半是 2。*那是訓練時的樣子。*
# - ✗ 全部是 0.5。*以為使用時才縮小；PyTorch 在訓練時就把留下的數放大了。*
# - ✓ 全部是 1。*使用時原樣放行。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (4 min) A hundred ones go through `nn.Dropout(0.5)` in the mode `eval()`. What comes out?
#
# - ✗ Half of them 0, half of them 2. *This is what happens in training.*
# - ✗ All of them 0.5. *Thinks that use scales down; PyTorch scales up what is kept in training.*
# - ✓ All of them 1. *In use everything passes as it is.*

# %%
dropout, ones = nn.Dropout(0.5), torch.ones(100)
with seeded(0):
    print("train:", dropout.train()(ones).unique())
    print("eval: ", dropout.eval()(ones).unique())

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 從直線到網路：logits
#
# `nn.Sequential` 把模組一個接一個串起來。要在 K 個類別裡選一個時，網路輸出 K 個分數，叫 **logits**：可以是任何實數，越大越有把握。`softmax` 把它們變成加起來是 1 的機率；只有一個 logit（是或否）時用 `sigmoid`。損失函數自己會做這件事，所以網路直接輸出 logits（[[losses]]）。
#
# 答案是類別的編號。想一想：寫成 `0.0` 行不行？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## From a line to a network: logits
#
# `nn.Sequential` runs modules one after the other. To choose among K classes, a network puts out K scores, called **logits**: any real numbers, the larger the surer. `softmax` turns them into probabilities that add up to 1; for a single logit (yes or no) `sigmoid` does. The loss functions do this themselves, so networks put out plain logits ([[losses]]).
#
# The answers are the numbers of the classes. Predict: may they be written as `0.0`?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（6 分鐘）三個類別的網路用 `nn.CrossEntropyLoss` 訓練。答案為什麼不能寫成 `0.0`、`2.0` 這樣的小數？
#
# - ✗ 類別要從 1 開始編號。*以為錯在 0；編號就是從 0 開始。*
# - ✓ 類別是編號，不是量，要用整數。*PyTorch 用它去找第幾個 logit，一個位置只能是整數。*
# - ✗ 小數會讓損失沒有斜率。*把答案和要學的數弄混了；答案不需要斜率。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (6 min) A network for three classes is trained with `nn.CrossEntropyLoss`. Why may its answers not be decimals such as `0.0` and `2.0`?
#
# - ✗ Classes are numbered from 1 on. *Looks for the fault in the 0; numbers do begin at 0.*
# - ✓ A class is a number on a list, not an amount, and must be whole. *PyTorch looks up a logit by it, and a position is a whole number.*
# - ✗ Decimals would leave the loss without a slope. *Mixes up answers and parameters; an answer needs no slope.*

# %%
with seeded(0):
    network = nn.Sequential(nn.Linear(2, 4), nn.ReLU(), nn.Linear(4, 3))
logits = network(torch.ones(5, 2))
probs = logits.softmax(dim=1)
print(f"logits {tuple(logits.shape)}, sums of probs {probs.sum(dim=1).tolist()[:2]}, ...")
criterion = nn.CrossEntropyLoss()
complaint(lambda: criterion(logits, torch.zeros(5)))
print("with long:", tuple(criterion(logits, torch.zeros(5).long()).shape))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# **唸出來**：答案（target）該是 Long，拿到的是 Float；類別是編號，不是量。**改法**：`labels.long()`。反過來，`MSELoss` 與 `BCEWithLogitsLoss` 的答案要用小數：`labels.float()`。
#
# ### 後面會遇到的詞
#
# | 詞 | 意思 |
# |---|---|
# | 隱藏層（hidden layer） | 輸入與輸出之間的層；後面的 `nn.ReLU()` 把負數變成 0 |
# | 超參數（hyperparameter） | 由你選的數：學習率、批次大小 |
# | 訓練集、驗證集、測試集（training, validation, test set） | 用來學習、用來做選擇、最後考一次的三份資料 |
# | `nn.functional`，簡稱 `F` | 同樣的計算，寫成沒有參數的函式 |
# | `torch.autograd.grad(loss, w)` | 直接回傳斜率，不放進 `.grad` |
# | `torch.stack`、`torch.cat` | 疊出一個新軸；沿著舊軸接起來 |
# | `fused=True` | 優化器一次更新所有參數：同樣的算法，比較快 |

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# **Aloud**: the target should be Long and is Float; a class is a number on a list, not an amount. **Mend**: `labels.long()`. But `MSELoss` and `BCEWithLogitsLoss` want decimals: `labels.float()`.
#
# ### Words you will meet
#
# | word | meaning |
# |---|---|
# | hidden layer | one between input and output; `nn.ReLU()` after it turns negative numbers into 0 |
# | hyperparameter | a number that you choose: learning rate, batch size |
# | training, validation, test set | data to learn from, to choose by, for one final exam |
# | `nn.functional`, for short `F` | the same computations as functions without parameters |
# | `torch.autograd.grad(loss, w)` | returns the slope, and leaves `.grad` alone |
# | `torch.stack`, `torch.cat` | pile up along a new axis; join along an old one |
# | `fused=True` | an optimizer that updates all parameters in one go: same rule, faster |

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 練習 1：每一欄都站在同一把尺上
#
# 難度 ★☆☆，約 8 分鐘。
#
# 寫出 `standardize`：`x` 的形狀是 `(N, D)`，回傳一個同樣形狀的新張量，每一欄的平均是 0、標準差是 1。標準差除以 N（`correction=0`）；數字全部相同的一欄，變成全 0。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Exercise 1: all columns on one scale
#
# Difficulty ★☆☆, about 8 minutes.
#
# Write `standardize`: for `x` of shape `(N, D)`, return a new tensor of that shape in which each column has mean 0 and standard deviation 1 (dividing by N, `correction=0`); a column of equal numbers becomes all 0.


# %% tags=["exercise"]
def standardize(x):
    raise NotImplementedError  # your code here


# %% tags=["check"]
exercises.standardize.check(standardize)


# %% tags=["solution"]
# One possible answer; open it once you have tried.
def standardize_solution(x):
    """Columns with mean 0 and standard deviation 1; a constant one becomes 0."""
    std = x.std(dim=0, correction=0)
    return (x - x.mean(dim=0)) / torch.where(std > 0, std, 1)


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 練習 2：每個點到每個點的距離
#
# 難度 ★★☆，約 10 分鐘。
#
# 寫出 `pairwise_distances`：`a` 的形狀是 `(N, D)`，`b` 是 `(M, D)`，每一列是 D 維空間裡的一個點。回傳 `(N, M)`：第 i 列第 j 欄是 `a[i]` 到 `b[j]` 的距離（坐標差的平方和，再開根號）。重合或非常靠近的點也要算準。不用 `torch.cdist`。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Exercise 2: from every point to every point
#
# Difficulty ★★☆, about 10 minutes.
#
# Write `pairwise_distances`: `a` has shape `(N, D)`, `b` has `(M, D)`, and each row is a point in D dimensions. Return `(N, M)`: in row i and column j the distance from `a[i]` to `b[j]` (the root of the sum of squared differences). It must be right also for points that coincide or lie very near. Do without `torch.cdist`.


# %% tags=["exercise"]
def pairwise_distances(a, b):
    raise NotImplementedError  # your code here


# %% tags=["check"]
exercises.pairwise_distances.check(pairwise_distances)


# %% tags=["solution"]
# One possible answer; open it once you have tried.
def pairwise_distances_solution(a, b):
    """Distances (N, M): every a gets an axis of its own, and so does every b."""
    return (a[:, None] - b[None]).square().sum(dim=2).sqrt()


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 練習 3：不用 autograd 的梯度
#
# 難度 ★★☆，約 12 分鐘。
#
# 寫出 `central_difference`：函數 `f` 收一個和 `w` 同形狀的張量，回傳一個純量。回傳和 `w` 一樣形狀的新張量，每個位置是 `f` 對那個數的中央差分：**只有**那個數加 h 與減 h，其他不動。`w` 可以是任何形狀（也可以是 `()`），不要改動它，也不要用 autograd。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Exercise 3: a gradient without autograd
#
# Difficulty ★★☆, about 12 minutes.
#
# Write `central_difference`: `f` takes a tensor of `w`'s shape and returns a scalar. Return a new tensor of the shape of `w`, with the central difference of `f` at each place: **only** that number goes up by h and down by h, the others stay. `w` may have any shape (also `()`); leave it as it is, and do without autograd.


# %% tags=["exercise"]
def central_difference(f, w, h):
    raise NotImplementedError  # your code here


# %% tags=["check"]
exercises.central_difference.check(central_difference)


# %% tags=["solution"]
# One possible answer; open it once you have tried.
def central_difference_solution(f, w, h):
    """Central differences, one number at a time, each on copies of w."""
    slopes = torch.zeros_like(w)
    for i in range(w.numel()):
        up, down = w.clone(), w.clone()
        up.view(-1)[i] += h  # view(-1): the same memory, seen as one long row
        down.view(-1)[i] -= h
        slopes.view(-1)[i] = (f(up) - f(down)) / (2 * h)
    return slopes


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 練習 4：拋物線模組
#
# 難度 ★★☆，約 10 分鐘。
#
# 寫出 `nn.Module` 的子類別 `Parabola`。`Parabola(a, b, c)` 收三個 Python 數字（可能是整數），它們是三個可訓練參數的起點；參數就叫 `a`、`b`、`c`，形狀都是 `()`。`model(x)` 回傳 a·x² + b·x + c，`x` 可以是任何形狀。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Exercise 4: a parabola as a module
#
# Difficulty ★★☆, about 10 minutes.
#
# Write `Parabola`, a subclass of `nn.Module`. `Parabola(a, b, c)` takes three Python numbers (they may be whole), where its three trainable parameters begin; these are called `a`, `b` and `c` and have shape `()`. `model(x)` returns a·x² + b·x + c, for `x` of any shape.


# %% tags=["exercise"]
class Parabola(nn.Module):
    def __init__(self, a, b, c):
        raise NotImplementedError  # your code here

    def forward(self, x):
        raise NotImplementedError  # your code here


# %% tags=["check"]
exercises.Parabola.check(Parabola)


# %% tags=["solution"]
# One possible answer; open it once you have tried.
class Parabola_solution(nn.Module):
    """a x² + b x + c, with a, b and c to be trained."""

    def __init__(self, a, b, c):
        super().__init__()
        self.a = nn.Parameter(torch.tensor(float(a)))
        self.b = nn.Parameter(torch.tensor(float(b)))
        self.c = nn.Parameter(torch.tensor(float(c)))

    def forward(self, x):
        """Of any shape."""
        return self.a * x**2 + self.b * x + self.c


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 練習 5：一步，分幾口吃
#
# 難度 ★★★，約 15 分鐘。
#
# 整個批次太大，記憶體放不下。寫出 `step_in_chunks`：用 `optimizer` 走**一步**，和一次看完整批 `x`（形狀 `(N, D)`）的那一步完全相同，但每次最多讓 `chunk_size` 列通過 `model`。損失是整批的均方誤差；`model` 的輸出形狀是 `(n, 1)`，`y` 是 `(N,)`。最後一塊可能比較短；呼叫之前留在 `.grad` 裡的東西不能算進去。回傳走這一步**之前**的整批損失，要是 Python 的數字。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Exercise 5: one step in several bites
#
# Difficulty ★★★, about 15 minutes.
#
# The batch does not fit into memory. Write `step_in_chunks`: take **one** step of `optimizer`, the very step that the whole batch `x` of shape `(N, D)` would take, while at most `chunk_size` rows go through `model` at a time. The loss is the mean squared error of the whole batch; `model` puts out `(n, 1)`, and `y` is `(N,)`. The last chunk may be shorter; what was in `.grad` before the call must not count. Return the loss of the whole batch **before** the step, as a Python number.


# %% tags=["exercise"]
def step_in_chunks(model, optimizer, x, y, chunk_size):
    raise NotImplementedError  # your code here


# %% tags=["check"]
exercises.step_in_chunks.check(step_in_chunks)


# %% tags=["solution"]
# One possible answer; open it once you have tried.
def step_in_chunks_solution(model, optimizer, x, y, chunk_size):
    """One step on the whole batch's mean squared error, which is returned."""
    optimizer.zero_grad()
    total = 0.0
    for xs, ys in zip(x.split(chunk_size), y.split(chunk_size), strict=True):
        loss = (model(xs).squeeze(1) - ys).square().sum() / len(x)
        loss.backward()
        total += loss.item()
    optimizer.step()
    return total


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 重點整理
#
# - 張量有形狀、dtype 與裝置；出錯時先印這三樣。
# - 廣播靠右對齊；`(N, 1)` 遇上 `(N,)` 會不出聲地變成 `(N, N)`。
# - `backward` 把斜率**加**到 `.grad` 上；有限差分可以驗算。
# - 更新在 `no_grad` 裡做；要拿數字出來，用 `.item()` 或 `.detach()`。
# - 一步：前向、損失、`zero_grad`、`backward`、`step`；看過全部批次是一輪。
# - `train()` 與 `eval()` 切換模式，和記不記錄是兩回事；分類的網路輸出 logits。
#
# **下一課**：[[perceptron_xor]]，一個神經元，以及它做不到的事。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Summary
#
# - A tensor has a shape, a dtype and a device; when something fails, print these three first.
# - Broadcasting lines shapes up at the right; `(N, 1)` and `(N,)` make `(N, N)` without a sound.
# - `backward` **adds** slopes to `.grad`; finite differences check them.
# - Update inside `no_grad`; take numbers out by `.item()` or `.detach()`.
# - A step: forward, loss, `zero_grad`, `backward`, `step`; once through all batches is an epoch.
# - `train()` and `eval()` switch the mode, `no_grad` does not; networks for classes put out logits.
#
# **Next**: [[perceptron_xor]], a single neuron, and what it cannot do.

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "skip"}
# ### 原始文獻
#
# - Cauchy（1847），Méthode générale pour la résolution des systèmes d'équations simultanées，Comptes rendus hebdomadaires des séances de l'Académie des sciences 25，536–538。梯度下降。
# - Robbins、Monro（1951），A stochastic approximation method，Annals of Mathematical Statistics 22(3)，400–407，doi:10.1214/aoms/1177729586。小批次訓練的理論起點。
# - Paszke 等人（2019），PyTorch: an imperative style, high-performance deep learning library，NeurIPS 32，arXiv:1912.01703。
# - Harris 等人（2020），Array programming with NumPy，Nature 585(7825)，357–362，doi:10.1038/s41586-020-2649-2。陣列、檢視與廣播。

# %% [markdown] lang="en" slideshow={"slide_type": "skip"}
# ### Primary sources
#
# - Cauchy (1847), Méthode générale pour la résolution des systèmes d'équations simultanées, Comptes rendus hebdomadaires des séances de l'Académie des sciences 25, 536–538. Gradient descent.
# - Robbins, Monro (1951), A stochastic approximation method, Annals of Mathematical Statistics 22(3), 400–407, doi:10.1214/aoms/1177729586. Where the theory of training in batches begins.
# - Paszke et al. (2019), PyTorch: an imperative style, high-performance deep learning library, NeurIPS 32, arXiv:1912.01703.
# - Harris et al. (2020), Array programming with NumPy, Nature 585(7825), 357–362, doi:10.1038/s41586-020-2649-2. Arrays, views and broadcasting.
