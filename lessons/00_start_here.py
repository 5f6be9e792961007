# %% [markdown] lang="zh-TW" about="環境、資料，以及主張、練習和 ≈ 的約定" slideshow={"slide_type": "slide"}
# # 從這裡開始
#
# 這門課教你訓練神經網路，從一個神經元開始。每一課都是一本可以執行的筆記本：先猜，再跑，再看圖。
#
# 這一頁大約五分鐘：確認環境、看看資料、認識**主張**（claim）、**練習**（exercise）和 **≈** 三個約定。
#
# 只要會一個操作：選一個儲存格（cell），按 Shift+Enter。現在就試試下面兩個。

# %% [markdown] lang="en" about="your machine, your data, how claims, exercises and ≈ work" slideshow={"slide_type": "slide"}
# # Start here
#
# This course teaches you to train neural networks, beginning with a single neuron. Every lesson is a notebook you can run: guess first, then run, then look at the picture.
#
# This page takes five minutes: check your machine, see which data you have, and meet three conventions, **claims**, **exercises** and **≈**.
#
# There is one thing to know: select a cell and press Shift+Enter. Try it on the two cells below.

# %% lang="zh-TW" tags=["setup"] slideshow={"slide_type": "subslide"}
from course_utils.notebook import set_up

device = set_up("start_here", language="zh-TW")

# %% lang="en" tags=["setup"] slideshow={"slide_type": "subslide"}
from course_utils.notebook import set_up

device = set_up("start_here", language="en")

# %% slideshow={"slide_type": "subslide"}
import matplotlib.pyplot as plt
import torch

from course_utils import plotting, seeding
from course_utils.exercises import start_here as exercises
from course_utils.experiment import run_seeds
from course_utils.intervals import mean_interval
from course_utils.mnist import load_mnist
from course_utils.notebook.claims import claim
from course_utils.notebook.lessons import lesson_table

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 你手上有哪些資料？
#
# 本課程用 MNIST 手寫數字資料集。下載過就用完整的 70,000 張；沒有的話，用隨課程附上的 5,000 張真實數字。安裝好之後，沒有網路也能上課。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Which data do you have?
#
# The course uses MNIST, handwritten digits. Once you have downloaded it, you have all 70,000 images; until then, the 5,000 real digits that come with the course. Once the course is installed, no network is needed.

# %% alt-zh="一排五張手寫數字，上方寫著標籤。" alt-en="Five handwritten digits in a row, each with its label above."
mnist = load_mnist()
print(mnist.banner())
titles = [f"label {label}" for label in mnist.train.labels[:5]]
figure = plt.figure(figsize=(7, 1.8))
axes = plotting.show_images(figure, mnist.train.images[:5], titles)
# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 課程地圖
#
# 照編號走就好。第一站[[tensors_and_gradients]]從 Python 講到 PyTorch；熟悉 PyTorch 的人，可以直接到[[perceptron_xor]]。表中的分鐘數是從頭執行到尾的實測值；思考和做練習另計，通常花得更久。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## The map
#
# Follow the numbers. [[Tensors_and_gradients]], the first stop, leads from Python to PyTorch; if you know PyTorch, go straight to [[perceptron_xor]]. The minutes are measured, for running a lesson from top to bottom; thinking and the exercises come on top, and take most of your time.

# %%
lesson_table()

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 約定一：每條主張，程式當場驗證
#
# 課文說到的結果，都寫成編號的**主張**，由緊接著的程式當場檢驗。成立就印出 ✓。
#
# ✓ 後面的括號是這條主張的紀錄：我們換上新的種子，把整課重做好幾次，數它成立了幾次。在你那裡萬一不成立，這個紀錄會告訴你那有多罕見。
#
# 例如：擲一枚公正的硬幣 100 次，正面大約佔一半。「大約」是多少？
#
# **主張 1** 換五個種子（seed，亂數的起點）各擲一次，正面的比例都與 0.5 相差不到 0.2。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Convention one: claims are executed
#
# Whatever the text says about a result is a numbered **claim**, and the code that follows tests it on the spot. Where it holds, you see a ✓.
#
# The parentheses after the ✓ hold the claim's record: we repeated the whole lesson several times, each time with fresh seeds, and counted how often it held. Should it fail on your machine, the record tells you how rare that is.
#
# For example: toss a fair coin 100 times, and about half come up heads. How much is "about"?
#
# **Claim 1** From each of five seeds (where the random numbers begin), the share of heads is within 0.2 of 0.5.


# %%
def toss(seed):
    generator = seeding.generator(seed)
    return torch.randint(0, 2, (100,), generator=generator).float().mean().item()


shares = run_seeds(toss, seeds=range(5), n_jobs=1)["result"]
claim(1, bool((abs(shares - 0.5) < 0.2).all()))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 約定二：≈ 後面的數字，你的可能不同
#
# 處理器、執行緒數、函式庫版本，都會改變最後幾位小數。這樣的數字一律寫在 ≈ 後面。用完整的 MNIST 時，沒有 ≈ 的數字，你看到的應該一模一樣；用附上的 5,000 張時，結果會不同。
#
# 亂數也能重現：`seeding.generator(seed)` 就是 PyTorch 的 `torch.Generator().manual_seed(seed)`，從**種子** `seed` 出發，每次都給出同一串亂數。課程的亂數全部來自 `seeding`；啟動前設定環境變數 `COURSE_SEED_OFFSET=1`，每一課的種子就全都換成另一批。
#
# 比較兩種方法時，我們不憑一次的好運下結論：至少跑五個種子，報告平均和 95% 信賴區間（confidence interval，95% CI）。兩者差異的區間若包含 0，就說「沒有發現差異」。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Convention two: a number behind ≈ may differ on your machine
#
# CPU, number of threads and library versions change the last digits. Such a number always stands behind ≈. With full MNIST, a number without ≈ should be the same on your screen; with the 5,000 digits, results differ.
#
# Random numbers repeat, too: `seeding.generator(seed)` is PyTorch's `torch.Generator().manual_seed(seed)`, and gives the same numbers whenever it starts from the same **seed**. All chance in the course comes from `seeding`: set the environment variable `COURSE_SEED_OFFSET=1` before you start, and every lesson has other seeds.
#
# When two methods are compared, one lucky run does not count: we run at least five seeds and report the mean and its 95 % confidence interval (95 % CI). Where the interval of a difference contains 0, we say "no difference found".

# %%
print(f"100 tosses, five times: share of heads {mean_interval(shares):.2f}")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 約定三：練習會告訴你錯在哪裡
#
# 難度 ★☆☆，約 2 分鐘。
#
# 寫出 `accuracy`：它收到兩個等長的整數張量（tensor，PyTorch 的數字陣列，用起來很像 NumPy 的），一個是模型的答案，一個是正確答案；回傳答對的比例（0 到 1），也就是準確率（accuracy）。
#
# 1. 先不改，直接執行這兩個儲存格：它會說「還沒有作答」。
# 2. 寫下你的答案，再執行一次。故意寫錯也沒關係，看看它怎麼回應。
# 3. 卡住的話，拿掉 `hint()` 那一格開頭的 `#`，執行它。參考解答摺疊在最後。
#
# 答對的練習會記在你自己電腦上的一個小檔案裡（只記這件事）。下次執行到上面的課程地圖，就看得到每一課完成了幾題；在終端機執行 `python -m course_utils.progress` 也可以。不想記錄，就設定環境變數 `COURSE_PROGRESS=off`。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Convention three: an exercise tells you what went wrong
#
# Difficulty ★☆☆, about 2 minutes.
#
# Write `accuracy`: given the model's answers and the right ones (integer **tensors**, PyTorch's arrays of numbers, of equal length; they work much like NumPy's), return the share that is right, from 0 to 1.
#
# 1. Change nothing and run the two cells: it says "not attempted".
# 2. Write your answer and run them again. Go on, make a mistake on purpose and see what it says.
# 3. Stuck? Delete the first `#` of the `hint()` cell and run it. A reference solution is folded away at the end.
#
# Which exercises you have solved is kept in a small file on your own machine, and nothing else is. Run the map above again, or `python -m course_utils.progress` in a terminal, to see how many you have done of each lesson. To keep nothing, set the environment variable `COURSE_PROGRESS=off`.


# %% tags=["exercise"]
def accuracy(predictions, labels):
    raise NotImplementedError  # your code here


# %% tags=["check"]
exercises.accuracy.check(accuracy)


# %% tags=["solution"]
# One possible answer; open it once you have tried.
def accuracy_solution(predictions, labels):
    """Share of equal entries."""
    return (predictions == labels).float().mean()


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 開始吧
#
# - **順序**：上一課寫過的東西，下一課會直接匯入使用；`course_utils` 裡就是你讀過的那些程式。
# - **弄亂了？** 選單 Kernel → Restart Kernel，再從頭執行。
# - **要拿來上課？** 按工具列的投影片圖示（RISE），每個想法就是一張投影片。
# - **想要完整的 MNIST？** 連上網路後，在終端機執行 `make data`；沒有 make 的話（例如 Windows），在課程的環境裡執行 `python -m course_utils.download`。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Off you go
#
# - **Order**: what one lesson writes out, the next ones import; `course_utils` holds the very code you have read.
# - **In a muddle?** Kernel → Restart Kernel, then run from the top.
# - **Teaching?** The slide icon in the toolbar (RISE) presents one idea a slide.
# - **Full MNIST?** Once online, run `make data` in a terminal; without make (on Windows, say), `python -m course_utils.download` in the course's environment.
