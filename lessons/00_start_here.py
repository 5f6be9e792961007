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

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（2 分鐘）課程裝好了，沒有網路，也沒有下載過 MNIST。這時候執行一課，用的是什麼資料？
#
# - ✗ 它停下來，等你下載。*以為課程一定要連線。*
# - ✓ 隨課程附上的 5,000 張真實數字。*它們和程式一起安裝，只是比完整的 MNIST 少。*
# - ✗ 程式當場造出來的假數字。*以為附上的資料是模擬的。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (2 min) The course is installed, there is no network, and MNIST was never downloaded. On what data does a lesson run?
#
# - ✗ It stops and waits for a download. *Thinks that the course needs a connection.*
# - ✓ The 5,000 real digits that come along. *They are installed with the code; there are only fewer of them than in full MNIST.*
# - ✗ Digits made up on the spot. *Takes what comes along for simulated data.*

# %% alt-zh="一排五張手寫數字，上方寫著標籤。" alt-en="Five handwritten digits in a row, each with its label above."
mnist = load_mnist()
print(mnist.banner())
titles = [f"label {label}" for label in mnist.train.labels[:5]]
figure = plt.figure(figsize=(7, 1.8))
axes = plotting.show_images(figure, mnist.train.images[:5], titles)
# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 課程地圖
#
# 照編號走就好。第一站[[tensors_and_gradients]]從 Python 講到 PyTorch；熟悉 PyTorch 的人，可以直接到[[perceptron_xor]]。表裡的分鐘數有三種：從頭執行到尾（實測）、在課堂上講完（含猜測與討論）、再加上練習。自己讀的話，後兩種只是參考。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## The map
#
# Follow the numbers. [[Tensors_and_gradients]], the first stop, leads from Python to PyTorch; if you know PyTorch, go straight to [[perceptron_xor]]. The minutes are of three kinds: to run a lesson from top to bottom (measured), to teach it in class with guesses and discussion, and that with the exercises. If you read by yourself, the last two are a guide only.

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（2 分鐘）一課的程式兩分鐘就跑完，上課卻要八十分鐘。時間花到哪裡去了？
#
# - ✓ 先猜、看圖、討論猜錯的理由。*電腦的時間很短，想清楚要久得多。*
# - ✗ 等電腦訓練。*以為訓練神經網路總是很慢；課裡的模型都很小。*
# - ✗ 逐行讀程式。*以為讀完程式就學會了；重點是結果為什麼是這樣。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (2 min) A lesson runs in two minutes and is taught in eighty. Where does the time go?
#
# - ✓ Into predictions, pictures, and why a guess was wrong. *The computer is quick; thinking takes longer.*
# - ✗ Into waiting for the training. *Thinks that training is always slow; the models of the course are small.*
# - ✗ Into reading code line by line. *Thinks that reading the code is the lesson; what counts is why a result is as it is.*

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

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（4 分鐘）一條主張的後面寫著：換種子重做 10 次，成立 9 次。你執行時它沒有成立，該怎麼想？
#
# - ✗ 程式被你弄壞了。*以為結果不同就是出錯。*
# - ✗ 這條主張有九成的機率是真的。*把重做時成立的次數，當成主張為真的機率。*
# - ✓ 這可能就是那少見的一次；再換幾個種子看看。*十次裡有一次不成立，所以一次失敗還說明不了什麼。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (4 min) A claim is followed by its record: it held in 9 of 10 repetitions with other seeds. It fails on your machine. What do you conclude?
#
# - ✗ That you have broken something. *Takes another result for a mistake.*
# - ✗ That the claim is true with a probability of nine tenths. *Takes the share of repetitions for the probability that a sentence is true.*
# - ✓ That this may be the rare case; try some more seeds. *One of ten repetitions failed too, so one failure says little.*


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

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（5 分鐘）兩種方法各跑五個種子，準確率的差平均是 0.15 個百分點，95% 信賴區間從 −0.2 到 0.5。課程會怎麼說？
#
# - ✗ 第一種比較好，因為平均的差大於 0。*只看平均，忘了換一批種子它就可能變號。*
# - ✓ 沒有發現差異。*區間包含 0：兩邊都有可能。*
# - ✗ 兩種一樣好。*把「看不出差異」當成「證明相等」；最多差到 0.5 也還沒有排除。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (5 min) Two methods run from five seeds each. The mean difference in accuracy is 0.15 points, with a 95 % interval from −0.2 to 0.5. What does the course say?
#
# - ✗ The first is better, for the mean difference is positive. *Looks at the mean alone, whose sign other seeds may change.*
# - ✓ No difference found. *The interval contains 0, so it may be either way.*
# - ✗ Both are equally good. *Takes "not told apart" for "equal"; a difference of up to 0.5 is not excluded.*

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
# 答對的練習會記在你自己電腦上的一個小檔案裡（只記這件事）。再執行一次課程地圖（`lesson_table()`），就看得到每一課完成了幾題；在終端機執行 `python -m course_utils.progress` 也可以。不想記錄，就設定環境變數 `COURSE_PROGRESS=off`。

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
# Which exercises you have solved is kept in a small file on your own machine, and nothing else is. Run the map (`lesson_table()`) again, or `python -m course_utils.progress` in a terminal, to see how many you have done of each lesson. To keep nothing, set the environment variable `COURSE_PROGRESS=off`.


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
