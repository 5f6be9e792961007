# %% [markdown] lang="zh-TW" about="從一張表到一份誠實的報告：先切分、量洩漏、公平比較、存檔與預測" slideshow={"slide_type": "slide"}
# # 你自己的資料
#
# 前面的課，資料都是準備好的。你自己的資料多半是一張表：有數字、有類別、有缺漏，欄位名稱還可能打錯字。這一課從一個 CSV 檔走到一份站得住腳的報告。學完之後，你能夠：
#
# - 在學任何東西之前先切分，並量出每一種**資料洩漏**（leakage）讓成績虛胖多少；
# - 用 scikit-learn 處理缺漏值與類別，只從訓練列學；
# - 遇到不平衡的類別，換一把尺，並在驗證資料上挑門檻；
# - 讓 MLP 與兩個對手公平比賽，說出誰贏、誰輸、誰分不出高下；
# - 把模型與前處理存成一個檔案，再用一個會檢查輸入的函式預測。
#
# 先備：[[mnist_mlp]]（訓練、驗證、測試）、[[training_practice]]（早停、公平的比較）。

# %% [markdown] lang="en" about="from a table to an honest report: split first, measure leaks, compare fairly, save and predict" slideshow={"slide_type": "slide"}
# # Your own data
#
# So far the data came prepared. Your own data is most likely a table: numbers, categories, gaps, and a misspelt name here and there. This lesson goes from a CSV file to a report that stands up to questions. By the end you can
#
# - split before anything is learned, and measure how much each kind of **leakage** flatters a result;
# - treat missing values and categories with scikit-learn, learning from training rows alone;
# - take another yardstick where classes are imbalanced, and choose a threshold on validation data;
# - let the MLP compete fairly with two rivals, and say who wins, who loses and what cannot be told;
# - keep model and preparation in one file, and predict with a function that checks its input.
#
# It builds on [[mnist_mlp]] (training, validation, test) and [[training_practice]] (early stopping, fair comparisons).

# %% lang="zh-TW" tags=["setup"] slideshow={"slide_type": "subslide"}
from course_utils.notebook import set_up

device = set_up("your_own_data", language="zh-TW", workers=True)

# %% lang="en" tags=["setup"] slideshow={"slide_type": "subslide"}
from course_utils.notebook import set_up

device = set_up("your_own_data", language="en", workers=True)

# %% slideshow={"slide_type": "subslide"}
# The imports of this lesson.
import pickle
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import mlxtend
import numpy as np
import pandas as pd
from scipy import special
from sklearn import metrics, model_selection
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.feature_selection import SelectKBest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold, train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, TargetEncoder

from course_utils import plotting, seeding
from course_utils.exercises import your_own_data as exercises
from course_utils.experiment import run_seeds
from course_utils.intervals import holm, mean_interval, resampled_interval, share_interval
from course_utils.notebook.claims import claim
from course_utils.predictor import load_predictor, save_predictor
from course_utils.tables import TableMLP, preparation

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 先造一張像樣的髒表
#
# 套件 mlxtend 附了一張 1970 到 1982 年的汽車表：392 輛車、重量、馬力、產地、名稱、每加侖英里數（mpg）。真實的表會有缺漏，這一張已經清理過了，所以我們公開地弄壞它：隨機抹掉 12% 的馬力、8% 的重量、6% 的產地，再寫成 CSV。要弄壞哪些格子固定不變，那是資料，不是實驗。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## First, a decently dirty table
#
# The package mlxtend ships a table of cars from 1970 to 1982: 392 of them, with weight, horsepower, origin, name, and miles per gallon (mpg). Real tables have gaps; this one was cleaned, so we damage it, openly: 12 % of the horsepowers, 8 % of the weights and 6 % of the origins are wiped out at random, and the rest is written to a CSV file. Which cells those are never changes: they are data, not experiment.

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（3 分鐘）你從網路上拿到一張表，392 列，一個缺漏值也沒有。最該先問什麼？
#
# - ✗ 什麼都不必問，沒有缺漏最好。 *以為乾淨的表就是真實的樣子。*
# - ✓ 有人清理過嗎？怎麼清的，有沒有刪掉整列？ *真實的表多半有缺漏；清理的方法會影響結果，將來的資料卻沒有人先清理。*
# - ✗ 要用哪一種模型？ *還沒看資料就想著模型。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (3 min) You find a table of 392 rows on the web without a single gap. What is the first thing to ask?
#
# - ✗ Nothing; no gaps is best. *Thinks that a clean table shows how things were.*
# - ✓ Has somebody cleaned it, and how; were rows removed? *Real tables mostly have gaps; the cleaning affects results, and nobody will have cleaned what comes later.*
# - ✗ Which model to use? *Thinks of models before having looked at the data.*

# %%
NAMES = ["cylinders", "displacement", "horsepower", "weight", "acceleration", "year"]
NAMES += ["origin", "name", "mpg"]
shipped = Path(mlxtend.__file__).parent / "data" / "data" / "autompg.csv.gz"
whole = pd.read_csv(shipped, names=NAMES).replace({"origin": {1: "USA", 2: "Europe", 3: "Japan"}})

folder = tempfile.TemporaryDirectory()
path = Path(folder.name) / "cars.csv"
order, start = seeding.fixed_permutation(len(whole)), 0
for column, count in {"horsepower": 47, "weight": 31, "origin": 24}.items():
    whole.loc[order[start : start + count], column] = None
    start += count
whole.to_csv(path, index=False)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 讀進來，看一看
#
# 想一想：在訓練之前，一張表該先看哪三件事？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Read it, look at it
#
# Predict: which three things should you look at in a table before any training?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（5 分鐘）拿到一張 CSV，要預測其中一欄。訓練之前，最先該看哪三件事？
#
# - ✗ 三個模型的準確率，看哪一個適合。 *跳過看資料，直接比模型。*
# - ✗ 整張表的平均、標準差，先把每一欄縮放好。 *還沒切分就從全部的列學了東西。*
# - ✓ 型別與缺漏、有哪些類別、答案怎麼分布。 *打錯的字、該是數字的文字、太少的類別，都在這裡現形。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (5 min) A CSV file arrives, and one of its columns is to be predicted. Which three things come first, before any training?
#
# - ✗ The accuracy of three models, to see which one suits. *Skips the look at the data.*
# - ✗ Mean and deviation of the whole table, to scale every column. *Learns from all rows before the split.*
# - ✓ Types and gaps, the categories there are, and how the answer is distributed. *Misspellings, numbers that are text and rare classes show here.*

# %% slideshow={"slide_type": "subslide"}
cars = pd.read_csv(path)
cars.head(4)

# %% slideshow={"slide_type": "subslide"}
pd.DataFrame({"type": cars.dtypes.astype(str), "missing": cars.isna().sum()}).query("missing > 0")

# %%
makers = cars["name"].str.split().str[0]
print(sorted(set(makers)))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 看型別與缺漏、看類別有哪些、看答案怎麼分布。名稱的第一個字是廠牌，裡面有 `chevroelt`、`maxda`、`vokswagen`：打字的人也會錯。照固定規則改正拼字，不必從資料學任何東西，所以可以在切分之前做。
#
# 我們的問題：這輛車**省油**嗎（mpg 至少 30）？`mpg` 就是答案，要從輸入拿掉；名稱幾乎一車一個，只留廠牌。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# Types and gaps, the categories there are, and how the answers are distributed. The first word of a name is the maker, and there stand `chevroelt`, `maxda`, `vokswagen`: whoever types makes mistakes. To mend spelling by a fixed rule learns nothing from the data, so it may come before the split.
#
# Our question: is the car **economical** (at least 30 mpg)? `mpg` is the answer, so it leaves the inputs; names are nearly unique, so only the maker stays.

# %%
SPELLING = {"chevroelt": "chevrolet", "chevy": "chevrolet", "maxda": "mazda", "vw": "volkswagen"}
SPELLING |= {"toyouta": "toyota", "vokswagen": "volkswagen", "mercedes-benz": "mercedes"}
cars["maker"] = makers.replace(SPELLING)
is_economical = cars["mpg"] >= 30
NUMBERS, CATEGORIES = NAMES[:6], ["origin", "maker"]

# %% slideshow={"slide_type": "subslide"} alt-zh="散布圖，橫軸是重量（磅），縱軸是每加侖英里數。車越重，里程越低。水平線在 30：線上的點是省油的車，大約兩成三，幾乎都輕於 3,000 磅。" alt-en="A scatter plot of miles per gallon against weight in pounds. The heavier the car, the lower the mileage. A level line at 30: the dots above it are the economical cars, about 23 %, nearly all of them below 3,000 pounds."
figure, ax = plt.subplots(figsize=(7.5, 3))
for name, marker, rows in (("economical", "o", is_economical), ("other", "x", ~is_economical)):
    label = f"{name}: {rows.mean():.0%}"
    ax.scatter(cars["weight"][rows], cars["mpg"][rows], marker=marker, s=18, label=label)
ax.axhline(30, color="black", linewidth=1)
ax.set(xlabel="weight (pounds)", ylabel="miles per gallon")
legend = ax.legend()

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 切分在先，其他在後
#
# 五分之一的車鎖進抽屜，報告寫好那天才打開，每個完成的模型只看一次。按答案分層（stratify），兩邊省油的比例才相同。
#
# 之後所有的探索、挑選、比較，都只用剩下的 313 輛。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## The split comes first
#
# A fifth of the cars goes into a drawer, which is opened on the day of the report, once for each finished model. The split is stratified by the answer, so that both sides have the same share of economical cars.
#
# All exploring, choosing and comparing from here on uses the 313 others.

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（3 分鐘）汽車表裡有 `chevroelt`、`maxda` 這種打錯的廠牌。切分之前就照固定的對照表改正，算不算洩漏？
#
# - ✗ 算，切分之前什麼都不能做。 *把規則背成口訣，忘了理由是「不能從測試列學到東西」。*
# - ✗ 算，因為測試列也改了。 *改動不是洩漏，學到東西才是。*
# - ✓ 不算，固定的規則沒有從資料學到任何東西。 *對照表和哪些列在測試裡無關。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (3 min) A table of cars has makers misspelt as `chevroelt` and `maxda`. Is it a leak to mend them by a fixed list before the split?
#
# - ✗ Yes, nothing may be done before the split. *Knows the rule by heart and has lost its reason: to learn nothing from test rows.*
# - ✗ Yes, as test rows are changed, too. *Changing is no leak; learning is.*
# - ✓ No, a fixed rule learns nothing from the data. *The list does not depend on which rows are in the test set.*

# %%
rows, drawer = train_test_split(
    cars.index, test_size=0.2, stratify=is_economical, random_state=seeding.shifted(0)
)
X = cars.loc[rows, NUMBERS + CATEGORIES].reset_index(drop=True)
y = is_economical[rows].to_numpy()
print(f"{len(X)} cars to work with, {len(drawer)} in the drawer")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 缺漏值與類別
#
# 網路只吃有限的數字。scikit-learn 的 `ColumnTransformer` 讓每一類欄位走自己的路：
#
# - 數字：缺的填**中位數**（`SimpleImputer`），另加一欄記下「這裡本來是空的」（indicator），再縮放成平均 0、標準差 1；
# - 類別：缺的當成一個叫 `missing` 的類別，每個類別一欄 0 或 1（`OneHotEncoder`）。
#
# 想一想：訓練時沒見過的廠牌，例如 Tesla，會變成什麼？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Missing values and categories
#
# A network takes finite numbers only. With scikit-learn's `ColumnTransformer` each kind of column goes its own way:
#
# - numbers: a gap becomes the **median** (`SimpleImputer`), a further column notes that it was one (the indicator), and all are scaled to mean 0 and deviation 1;
# - categories: a gap becomes a category called `missing`, and each category a column of 0 or 1 (`OneHotEncoder`).
#
# Predict: a maker that training never met, say Tesla: what does it become?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（5 分鐘）前處理用 `OneHotEncoder(handle_unknown="ignore")`，在訓練列上學了 28 個廠牌。來了一輛訓練時沒見過的 Tesla，它會變成什麼？
#
# - ✗ 新增第 29 欄。 *學完之後，欄位的數目就固定了，網路的輸入也是。*
# - ✓ 28 個廠牌欄都是 0。 *不報錯，也不假裝是別的廠牌。*
# - ✗ 引發錯誤。 *那是預設的 `handle_unknown="error"`。*
# - ✗ 最常見的廠牌。 *把類別的編碼當成缺漏的填補。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (5 min) A preparation with `OneHotEncoder(handle_unknown="ignore")` has learned 28 makers from the training rows. A Tesla comes, which it never met. What does it become?
#
# - ✗ A 29th column. *After fitting the number of columns is fixed, and so are the network's inputs.*
# - ✓ 0 in all 28 columns of makers. *Nothing is raised, and it does not pose as another maker.*
# - ✗ An error. *That is the default, `handle_unknown="error"`.*
# - ✗ The most frequent maker. *Takes encoding for imputation.*

# %%
prepare = preparation(NUMBERS, CATEGORIES).fit(X)
odd = X.iloc[[0]].assign(maker="tesla", horsepower=np.nan)
prepared = pd.DataFrame(prepare.transform(odd), columns=prepare.get_feature_names_out())
print(f"{X.shape[1]} columns become {prepared.shape[1]}")
of_maker = prepared.filter(like="maker_")
print(f"Tesla: {of_maker.shape[1]} columns of makers, sum {of_maker.to_numpy().sum():.0f}")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 每個廠牌欄位都是 0，也不會報錯：這是 `handle_unknown="ignore"` 的意思。
#
# **主張 1** 沒見過的廠牌，每個廠牌欄一定都是 0；缺的馬力，一定填成訓練列的中位數。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# Every maker's column is 0, and nothing is raised: that is what `handle_unknown="ignore"` means.
#
# **Claim 1** It must hold that a maker never seen is 0 in every maker's column, and that a missing horsepower becomes the median of the training rows.

# %%
imputer, scaler = prepare.named_transformers_["numbers"]
at = NUMBERS.index("horsepower")
filled = prepared["numbers__horsepower"][0] * scaler.scale_[at] + scaler.mean_[at]
claim(1, (of_maker == 0).all(axis=None) and np.isclose(filled, X["horsepower"].median()))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 313 列，怎麼知道準不準？交叉驗證
#
# 分成 5 **折**（fold），輪流以一折評分、其餘四折訓練；整個再重洗幾次，就是重複的**交叉驗證**（cross-validation）。
#
# 但是任兩次訓練都共用許多列，J 個成績並不獨立，把它們當成獨立的，區間就太窄。Nadeau 與 Bengio（2003）的校正，是把平均的變異數從 s²/J 改成
#
# $$s^2\left(\frac{1}{J} + \frac{n_\text{test}}{n_\text{train}}\right),\qquad \text{K 折時 } \frac{n_\text{test}}{n_\text{train}} = \frac{1}{K-1}$$
#
# 想一想：兩個能力完全相同的模型，比 300 次。普通的 95% 區間，有幾次會說「不同」？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## 313 rows: how good is it really? Cross-validation
#
# Divide the rows into 5 **folds**; each is scored once by a model trained on the four others; shuffle and repeat. That is repeated **cross-validation**.
#
# Any two of these trainings share many rows, though, so the J results are not independent, and an interval that takes them for independent is too narrow. Nadeau and Bengio (2003) correct the variance of the mean from s²/J to
#
# $$s^2\left(\frac{1}{J} + \frac{n_\text{test}}{n_\text{train}}\right),\qquad \frac{n_\text{test}}{n_\text{train}} = \frac{1}{K-1}\text{ for K folds}$$
#
# Predict: two models of exactly equal skill compete 300 times. In how many does the plain 95 % interval say that they differ?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（6 分鐘）兩個能力完全相同的模型，用重複五次的 5 折交叉驗證比較，把 25 個差當成獨立的，算普通的 95% 信賴區間。這樣比 300 次，大約有幾成會說「不同」？
#
# - ✗ 5%，這就是 95% 的意思。 *只有獨立的時候才是；這些訓練共用許多列。*
# - ✗ 幾乎沒有，因為兩者真的一樣好。 *以為平均了 25 次，雜訊就沒有了。*
# - ✓ 四成以上。 *重複越多次，普通的區間越窄，但新的資料不會從洗牌裡跑出來。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (6 min) Two models of exactly equal skill are compared by 5 folds repeated five times, with a plain 95 % interval that takes the 25 differences for independent. Of 300 such comparisons, how many say that they differ?
#
# - ✗ 5 %, which is what 95 % means. *Only if they were independent; these trainings share many rows.*
# - ✗ Hardly any, as they are equal. *Thinks that averaging 25 times removes all noise.*
# - ✓ More than 40 %. *The plain interval shrinks with every repeat, but shuffling makes no new data.*


# %% slideshow={"slide_type": "subslide"}
def accuracy_of_nearest_mean(inputs, labels, is_test):
    train, means = ~is_test, []
    for label in (0, 1):
        means.append(inputs[train & (labels == label)].mean(axis=0))
    scores = (inputs[is_test] - sum(means) / 2) @ (means[1] - means[0])
    return ((scores > 0) == labels[is_test]).mean()


def differences_of_equals(rng):
    labels = rng.integers(0, 2, 100)
    first, second = rng.normal(size=(2, 100, 5)) + 0.3 * labels[:, None]  # equally informative
    found = []
    for folds in (rng.permutation(100) % 5 for _ in range(5)):
        for k in range(5):
            a, b = (accuracy_of_nearest_mean(z, labels, folds == k) for z in (first, second))
            found.append(a - b)
    return found


# %%
rng = seeding.rng(0)
comparisons = [differences_of_equals(rng) for _ in range(300)]
errors = {}
for name, interval in (("plain", mean_interval), ("corrected", lambda d: resampled_interval(d, 5))):
    errors[name] = share_interval(sum(interval(d).excludes_zero for d in comparisons), 300)
    print(f"{name:9}: says that equals differ in {errors[name]:.0%} of 300")

# %% slideshow={"slide_type": "subslide"} alt-zh="兩根長條，縱軸是把一樣好的模型說成不同的比例。普通的區間超過四成，校正後的不到一成，靠近虛線標出的 5%。" alt-en="Two bars: the share of comparisons in which equals are said to differ. Above 40 % with the plain interval; with the corrected one below 10 %, near the dashed line at 5 %."
figure, ax = plt.subplots(figsize=(5.5, 3))
for name, hatch in (("plain", ""), ("corrected", "//")):
    share = errors[name]
    error = [[100 * (share.mean - share.low)], [100 * (share.high - share.mean)]]
    ax.bar(name, 100 * share.mean, yerr=error, capsize=5, hatch=hatch, edgecolor="white")
ax.axhline(5, color="black", linewidth=1, linestyle="--")
label = ax.set_ylabel("equals said to differ (%)")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 普通的區間本來只該錯 5%，卻錯了四成多。校正後離 5% 不遠；它是近似，不是定理。重複更多次，校正的區間也不會一直變窄：新的資料不會從洗牌裡跑出來。
#
# **主張 2** 在 300 次比較裡，普通的區間把一樣好的模型說成不同，比例超過 25%（整個信賴區間）；校正後的不到 15%。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# The plain interval should err in 5 % and errs in more than 40 %. The corrected one comes near 5 %; it is an approximation, not a theorem. Nor does it keep shrinking as you repeat: shuffling does not make new data.
#
# **Claim 2** In 300 comparisons the plain interval says that equals differ in more than 25 % (its whole confidence interval), the corrected one in less than 15 %.

# %%
claim(2, errors["plain"].low > 0.25 and errors["corrected"].mean < 0.15)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 洩漏：分數從哪裡偷來的？
#
# **洩漏**就是：評分用的列，或將來才知道的事，混進了訓練。下面把五種洩漏各量一次，每次都和老實的做法比（同樣的 20 折，成對相減）：
#
# 1. 用**全部的列**縮放、填補；
# 2. 用**全部的列**挑特徵，留下和答案最相關的 20 欄（這裡是 1,000 欄純雜訊，答案是擲硬幣）；
# 3. 資料匯出了兩次，**同一列**落在兩邊（量兩種模型：邏輯迴歸，也就是線性模型；最近鄰，照最像的那一列訓練資料回答）；
# 4. 多了一欄**知道答案**的：一年的油錢；
# 5. 用**全部的列**做目標編碼（target encoding）：把車名換成同名車省油的比例。
#
# 想一想：哪一種虛胖最多？有沒有哪一種一點也不虛胖？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Leakage: where is the score stolen from?
#
# A **leak** is when rows that judge, or facts known only later, get into the training. Here are five, each held against the honest way (the same 20 folds, in pairs):
#
# 1. scaling and imputing on **all rows**;
# 2. selecting features, the 20 columns that go best with the answer, on **all rows** (here 1,000 columns of pure noise, and the answer is a coin);
# 3. an export that was run twice, so that **one row** stands on both sides (measured for logistic regression, a linear model, and for the nearest row, which answers like the most similar training row);
# 4. a column that **knows the answer**: the fuel bill of a year;
# 5. target encoding on **all rows**: each name becomes the share of economical cars of that name.
#
# Predict: which flatters the most? Is there one that does not flatter at all?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（8 分鐘）313 列的表。哪一種洩漏讓交叉驗證的準確率虛胖最多？
#
# - ✓ 用全部的列，從 1,000 欄雜訊裡挑出 20 欄。 *挑出來的欄正好配合測試列的答案，連擲硬幣都「預測」到七成。*
# - ✗ 用全部的列算平均、標準差和中位數，再縮放、填補。 *平均與中位數多看幾列，幾乎不變，這裡看不出影響。*
# - ✗ 都一樣，洩漏就是洩漏。 *沒有量過，就不知道差多少。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (8 min) On a table of 313 rows, which leak flatters the accuracy of cross-validation most?
#
# - ✓ Choosing 20 of 1,000 columns of noise with the help of all rows. *The chosen columns fit the test rows' answers by luck, and even a coin is "predicted" to some 70 %.*
# - ✗ Means, deviations and medians from all rows, for scaling and imputing. *A few rows more hardly move them; no effect is seen here.*
# - ✗ All alike; a leak is a leak. *Without measuring one does not know how much each matters.*


# %% slideshow={"slide_type": "subslide"}
def scores(model, inputs, labels):
    folds = model_selection.RepeatedStratifiedKFold(
        n_splits=5, n_repeats=4, random_state=seeding.shifted(0)
    )
    return 100 * model_selection.cross_val_score(model, inputs, labels, cv=folds)


def logistic(numbers=NUMBERS):
    return make_pipeline(preparation(numbers, CATEGORIES), LogisticRegression(max_iter=3000))


honest = scores(logistic(), X, y)
print(f"honest accuracy (%): {resampled_interval(honest, 5):.1f}")

# %% slideshow={"slide_type": "subslide"}
flatters = {}
seen_all = preparation(NUMBERS, CATEGORIES).fit_transform(X)
flatters["scaled, imputed"] = scores(LogisticRegression(max_iter=3000), seen_all, y) - honest

rng = seeding.rng(1)
noise, coin = rng.normal(size=(len(X), 1000)), rng.integers(0, 2, len(X))
leaky = scores(LogisticRegression(), SelectKBest(k=20).fit_transform(noise, coin), coin)
fair = scores(make_pipeline(SelectKBest(k=20), LogisticRegression()), noise, coin)
flatters["features selected"] = leaky - fair
print(f"a coin, predicted: ≈{leaky.mean():.0f} % with the leak, ≈{fair.mean():.0f} % without")


# %% slideshow={"slide_type": "subslide"}
def flattered_by_twins(model):
    twice, owner = pd.concat([X, X], ignore_index=True), np.tile(np.arange(len(X)), 2)
    apart, together = [], []
    for seed in range(4):
        folds = model_selection.StratifiedGroupKFold(
            5, shuffle=True, random_state=seeding.shifted(seed)
        )
        for found, groups in ((apart, np.arange(len(twice))), (together, owner)):
            found.extend(
                model_selection.cross_val_score(
                    model, twice, np.tile(y, 2), groups=groups, cv=folds
                )
            )
    return 100 * np.subtract(apart, together)


nearest = make_pipeline(preparation(NUMBERS, CATEGORIES), KNeighborsClassifier(1))
flatters["twins, logistic"] = flattered_by_twins(logistic())
flatters["twins, nearest row"] = flattered_by_twins(nearest)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 油錢是由 mpg 算出來的（再加 2% 的雜訊）：這輛車還沒上路，怎麼會有一年的帳單？目標編碼則有老實的做法：`TargetEncoder` 放進管線（pipeline），只看訓練列。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# The fuel bill is worked out from mpg (plus 2 % noise): how could a car that was never driven have a bill for a year? For target encoding there is an honest way: put `TargetEncoder` into the pipeline, where it sees training rows only.

# %%
wobble = 1 + 0.02 * seeding.rng(2).normal(size=len(X))
with_bill = X.assign(bill=1e4 / cars.loc[rows, "mpg"].to_numpy() * wobble)
flatters["fuel bill"] = scores(logistic([*NUMBERS, "bill"]), with_bill, y) - honest

names = cars.loc[rows, "name"].to_numpy()
share = pd.Series(y.astype(float)).groupby(names).transform("mean")
leaky = scores(logistic([*NUMBERS, "name"]), X.assign(name=share), y)
by_name = make_pipeline(TargetEncoder(), StandardScaler())
prepare = preparation(NUMBERS, CATEGORIES)
prepare.transformers.append(("name", by_name, ["name"]))
model = make_pipeline(prepare, LogisticRegression(max_iter=3000))
with seeding.seeded(0):  # TargetEncoder draws its inner folds
    fair = scores(model, X.assign(name=names), y)
flatters["target encoding"] = leaky - fair

# %% slideshow={"slide_type": "subslide"} alt-zh="森林圖，橫軸是洩漏讓準確率虛胖的百分點。縮放與填補在 0；挑特徵約 20；同一列在兩邊時，邏輯迴歸大約 2、最近鄰約 10；油錢與目標編碼各約 4 到 6。橫條是校正後的 95% 區間。" alt-en="A forest plot of the percentage points by which each leak flatters accuracy. Scaling and imputing: 0. Features selected: about 20. Twins: about 2 for logistic regression, about 10 for the nearest row. Fuel bill and target encoding: about 4 to 6. Bars are corrected 95 % intervals."
gains = {name: resampled_interval(values, 5) for name, values in flatters.items()}
figure, ax = plt.subplots(figsize=(8, 3.2))
plotting.plot_forest(ax, list(gains), list(gains.values()))
label = ax.set_xlabel("accuracy with the leak minus without (points, corrected 95 % interval)")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 挑特徵最狠：擲硬幣也能「預測」到七成。縮放與填補在這裡幾乎不影響：平均與中位數多看幾列，改變很小。照樣放進管線，因為你事先不知道自己的資料會不會，而管線不花一毛錢。同一列在兩邊，會背的模型虛胖得多。
#
# **主張 3** 平均而言，用全部的列挑特徵，虛胖超過 5 個百分點（整個信賴區間）；縮放與填補的整個區間都在 ±2 個百分點之內。
#
# **主張 4** 平均而言，同一列在兩邊時，最近鄰虛胖超過 2 個百分點（整個信賴區間），也比邏輯迴歸多；油錢與目標編碼的平均都虛胖 1 個百分點以上。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# Selection is the worst: even a coin is "predicted" to some 70 %. Scaling and imputing hardly matter here: means and medians move little for a few rows more. They belong in the pipeline all the same, for you cannot know beforehand whether they matter on your data, and it costs nothing. With a row on both sides, a model that memorizes is flattered far more.
#
# **Claim 3** On average, features selected on all rows flatter by more than 5 points (the whole interval); for scaling and imputing the whole interval lies within ±2 points.
#
# **Claim 4** On average, a row on both sides flatters the nearest row by more than 2 points (the whole interval), and by more than logistic regression; fuel bill and target encoding flatter by more than 1 point in the mean.

# %% slideshow={"slide_type": "subslide"}
for name, gain in gains.items():
    print(f"{name:18} {gain:.1f}")
harmless, twins = gains["scaled, imputed"], gains["twins, nearest row"]
claim(3, gains["features selected"].low > 5 and harmless.low > -2 and harmless.high < 2)
more = twins.low > 2 and twins.mean > gains["twins, logistic"].mean
claim(4, more and min(gains["fuel bill"].mean, gains["target encoding"].mean) > 1)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 不平衡：準確率 93%，卻只找到三分之一
#
# 換一張表：scikit-learn 附的 1,797 個手寫數字（64 欄）。問題：「這是 8 嗎？」是的只有一成。一律答「不是」，準確率就有九成。
#
# 三把尺：
#
# - **召回率**（recall）：真的 8 裡找到幾成；
# - **平衡準確率**（balanced accuracy）：兩類各自的召回率取平均，瞎猜是 50%；
# - **平均精確率**（average precision）：只看排序，與門檻無關。
#
# 想一想：把少數類別加權，或把門檻從 0.5 降下來，這三把尺各會怎麼動？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Imbalance: 93 % accurate, and two thirds missed
#
# Another table: the 1,797 handwritten digits that scikit-learn ships (64 columns). The question: "is it an 8?" One in ten is, so to say "no" always is 90 % accurate.
#
# Three yardsticks:
#
# - **recall**: the share of true eights that are found;
# - **balanced accuracy**: the mean of both classes' recalls; a guess has 50 %;
# - **average precision**: looks at the order alone, whatever the threshold.
#
# Predict: give the rare class more weight, or lower the threshold from 0.5: how does each of the three move?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（7 分鐘）問「這個手寫數字是 8 嗎」，只有一成是。把門檻從 0.5 降到在驗證列上挑的值，召回率從三成多升到九成左右。平均精確率（average precision）呢？
#
# - ✗ 跟著召回率大幅上升。 *以為每一把尺都會跟著門檻動。*
# - ✗ 下降，因為誤報變多了。 *那是某一個門檻上的精確率。*
# - ✓ 不變。 *它只看排序，而換門檻只改變在哪裡切。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (7 min) "Is this handwritten digit an 8?" holds for one in ten. With a threshold chosen on validation rows in place of 0.5, recall rises from a third to about nine tenths. And average precision?
#
# - ✗ It rises with recall. *Thinks that every yardstick moves with the threshold.*
# - ✗ It falls, as there are more false alarms. *That is precision at one threshold.*
# - ✓ It does not change. *It looks at the order alone, and a threshold only says where to cut.*


# %% slideshow={"slide_type": "subslide"}
def best_threshold(probs, labels):
    candidates = np.unique(probs)
    found = [metrics.balanced_accuracy_score(labels, probs >= t) for t in candidates]
    return candidates[np.argmax(found)]


def measured(probs, labels, threshold):
    answers = probs >= threshold
    return {
        "accuracy": metrics.accuracy_score(labels, answers),
        "recall": metrics.recall_score(labels, answers),
        "balanced accuracy": metrics.balanced_accuracy_score(labels, answers),
        "average precision": metrics.average_precision_score(labels, probs),
    }


# %% slideshow={"slide_type": "subslide"}
def eights(seed, pixels, is_eight):
    found = []
    folds = StratifiedKFold(5, shuffle=True, random_state=seeding.shifted(seed))
    for fold, (rows, test) in enumerate(folds.split(pixels, is_eight)):
        train, val = train_test_split(
            rows, test_size=0.25, stratify=is_eight[rows], random_state=seeding.shifted(seed)
        )
        for weight in (None, "balanced"):
            model = LogisticRegression(C=0.01, class_weight=weight, max_iter=3000)
            model = make_pipeline(StandardScaler(), model).fit(pixels[train], is_eight[train])
            of_val, of_test = (model.predict_proba(pixels[part])[:, 1] for part in (val, test))
            chosen = best_threshold(of_val, is_eight[val])
            thresholds = (
                {"as it is": 0.5, "threshold": chosen} if weight is None else {"weights": 0.5}
            )
            for way, threshold in thresholds.items():
                row = measured(of_test, is_eight[test], threshold)
                found.append({"way": way, "fold": (seed, fold), **row})
    return {"rows": found}


# %% slideshow={"slide_type": "subslide"}
digits = load_digits()
runs = run_seeds(eights, range(2), pixels=digits.data, is_eight=digits.target == 8)
rows_of_all = [row for found in runs["rows"] for row in found]
ways = 100 * pd.DataFrame(rows_of_all).set_index(["way", "fold"])
ways.groupby("way").mean().map("≈{:.1f}".format)

# %% slideshow={"slide_type": "subslide"} alt-zh="橫軸是門檻，縱軸是百分比。門檻從 0 升到 0.15 左右，平衡準確率升到九成，再往右就一路下降；準確率則一路升到 0.3 附近，之後略降。垂直線標出在驗證列上挑到的門檻，離 0.5 很遠。" alt-en="Percent against the threshold. Balanced accuracy climbs to about 90 % near a threshold of 0.15 and falls steadily from there; accuracy keeps rising until about 0.3 and then falls a little. A vertical line marks the threshold chosen on the validation rows, far from 0.5."
train, val = train_test_split(
    np.arange(len(digits.target)), stratify=digits.target == 8, random_state=seeding.shifted(0)
)
model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=3000))
probs = model.fit(digits.data[train], digits.target[train] == 8).predict_proba(digits.data[val])
thresholds = np.linspace(0.01, 0.7, 70)
curves = [measured(probs[:, 1], digits.target[val] == 8, t) for t in thresholds]
figure, ax = plt.subplots(figsize=(7.5, 2.3))
for name, style in (("accuracy", "--"), ("balanced accuracy", "-")):
    ax.plot(thresholds, [100 * curve[name] for curve in curves], style, label=name)
ax.axvline(best_threshold(probs[:, 1], digits.target[val] == 8), color="black", linewidth=1)
ax.set(xlabel="threshold", ylabel="validation (%)")
legend = ax.legend()

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 門檻在**驗證**的列上挑，在測試折上評分。兩種辦法都把召回率從三成多拉到九成左右，準確率只退一點；平均精確率幾乎不動，因為它們改的主要是在哪裡切，而不是排序。（這個模型刻意用很強的正則化，C = 0.01；C 大一點，差距就小一點。）
#
# **主張 5** 一律答「不是」，平衡準確率一定是 50%，準確率卻一定在 90% 以上。平均而言，不加權、門檻 0.5 的模型，準確率超過 91%，召回率卻不到一半。
#
# **主張 6** 平均而言，加權與調門檻都讓平衡準確率提高 8 個百分點以上（整個信賴區間）；加權之後，平均精確率的平均改變不到 2 個百分點。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# The threshold is chosen on **validation** rows and judged on the test fold. Either way lifts recall from a third to about nine tenths, for a little accuracy; average precision hardly moves, since what changes is mainly where to cut, not the order. (The model is strongly regularized on purpose, C = 0.01; with a larger C the gap is smaller.)
#
# **Claim 5** To say "no" always must have a balanced accuracy of 50 % and an accuracy above 90 %. On average, the model without weights, at a threshold of 0.5, is more than 91 % accurate and has a recall of less than a half.
#
# **Claim 6** On average, weights and threshold each raise balanced accuracy by more than 8 points (the whole interval); weights change the mean of average precision by less than 2 points.

# %% slideshow={"slide_type": "subslide"}
never, is_eight = np.zeros(len(digits.target), dtype=bool), digits.target == 8
of_never = metrics.balanced_accuracy_score(is_eight, never)
is_blind = of_never == 0.5 and metrics.accuracy_score(is_eight, never) > 0.9
plain = ways.loc["as it is"].mean()
claim(5, is_blind and plain["accuracy"] > 91 and plain["recall"] < 50)


def gain(way, yardstick):
    return resampled_interval(ways.loc[way, yardstick] - ways.loc["as it is", yardstick], 5)


for way in ("weights", "threshold"):
    print(f"{way}: balanced accuracy {gain(way, 'balanced accuracy'):.1f}")
lifted = min(gain(way, "balanced accuracy").low for way in ("weights", "threshold"))
claim(6, lifted > 8 and abs(gain("weights", "average precision").mean) < 2)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 比賽：MLP、邏輯迴歸、梯度提升
#
# 三位選手，一樣的功夫：
#
# - 同一套前處理，同樣的折（兩次 5 折）；
# - 每位一個旋鈕、三個值，只在**訓練折裡面**再切一次來挑（巢狀，nested），看對數損失（log loss，也就是交叉熵）；
# - 挑好之後，用整個訓練折重新訓練。
#
# 梯度提升（gradient boosting）把許多棵小的決策樹加起來，每一棵補前面沒做好的地方。MLP 是 `TableMLP`：課程的 `MLP`（64 個神經元）、`fit` 與早停，包成 scikit-learn 認得的樣子；早停要的驗證列，也從它自己的訓練列裡切。
#
# 四張表：汽車、乳癌、糖尿病（一年後的病情是否高過中位數），還有「這個手寫數字是偶數嗎？」。想一想：MLP 會贏哪幾張？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## The race: MLP, logistic regression, gradient boosting
#
# Three contenders, the same effort:
#
# - one preparation, the same folds (5 of them, twice);
# - a knob each with three values, chosen by log loss (cross-entropy) on a split **inside the training fold** (nested);
# - then trained once more on the whole training fold.
#
# Gradient boosting adds up many small decision trees, each mending what those before it left wrong. The MLP is `TableMLP`: the course's `MLP` (64 units), `fit` and early stopping, wrapped so that scikit-learn knows it; the validation rows for stopping are split off its own training rows, too.
#
# Four tables: cars, breast cancer, diabetes (is the disease after a year above the median?), and "is this handwritten digit even?". Predict: which of them does the MLP win?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（8 分鐘）四張小表：汽車、乳癌、糖尿病、「手寫數字是不是偶數」。MLP 在哪幾張表上明顯勝過邏輯迴歸？
#
# - ✗ 四張都是，因為 MLP 能表示的函數更多。 *表示得出來不等於幾百列就學得到。*
# - ✓ 只有偶數那一張。 *偶數不是一刀切得開的；其餘三張看不出差別。*
# - ✗ 一張也沒有，表格資料用樹才對。 *把「常常不划算」當成「從來不行」。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (8 min) Four small tables: cars, breast cancer, diabetes, and "is the handwritten digit even". On which of them does an MLP clearly beat logistic regression?
#
# - ✗ On all four, for an MLP can represent more. *To be able to represent is not to learn it from a few hundred rows.*
# - ✓ On the even digits only. *No straight cut tells even from odd; on the other three no difference is seen.*
# - ✗ On none; tables are for trees. *Takes "often not worth it" for "never".*

# %% slideshow={"slide_type": "subslide"}
disease, progress = load_diabetes(return_X_y=True, as_frame=True)
cancer, is_benign = load_breast_cancer(return_X_y=True, as_frame=True)
pixels = pd.DataFrame(digits.data, columns=digits.feature_names)
TABLES = {
    "cars": (X, y),
    "breast cancer": (cancer, is_benign.to_numpy()),
    "diabetes": (disease, (progress > progress.median()).to_numpy()),
    "even digits": (pixels[:800], digits.target[:800] % 2 == 0),
}

# %%
CONTENDERS = {
    "logistic": (LogisticRegression(max_iter=3000), "C", [0.03, 0.3, 3]),
    "boosting": (
        HistGradientBoostingClassifier(max_iter=50, random_state=seeding.shifted(0)),
        "learning_rate",
        [0.03, 0.1, 0.3],
    ),
    "MLP": (TableMLP(), "learning_rate", [0.002, 0.006, 0.02]),
}


# %% slideshow={"slide_type": "subslide"}
def race(seed, table, model, knob, values):
    inputs, labels = table
    numbers = list(inputs.select_dtypes("number"))
    categories = [column for column in inputs if column not in numbers]
    once = model_selection.StratifiedShuffleSplit(
        1, test_size=0.25, random_state=seeding.shifted(seed)
    )
    folds = StratifiedKFold(5, shuffle=True, random_state=seeding.shifted(seed))
    accuracy, loss = [], []
    for train, test in folds.split(inputs, labels):
        pipeline = make_pipeline(preparation(numbers, categories), clone(model))
        grid = {f"{pipeline.steps[-1][0]}__{knob}": values}
        search = GridSearchCV(pipeline, grid, scoring="neg_log_loss", cv=once)
        probs = search.fit(inputs.iloc[train], labels[train]).predict_proba(inputs.iloc[test])
        accuracy.append(100 * np.mean(search.classes_[probs.argmax(axis=1)] == labels[test]))
        loss.append(metrics.log_loss(labels[test], probs, labels=search.classes_))
    return {"accuracy": accuracy, "loss": loss}


# %% slideshow={"slide_type": "subslide"}
def run_all(tables):
    settings = {}
    for table in tables:
        for name, (model, knob, values) in CONTENDERS.items():
            what = {"table": tables[table], "model": model, "knob": knob, "values": values}
            settings[f"{table}: {name}"] = what
    runs = run_seeds(race, range(2), settings)
    return runs.groupby("setting")[["accuracy", "loss"]].agg(lambda lists: np.concatenate([*lists]))


raced = run_all(TABLES)

# %%
means = raced.map(np.mean)
means.index = pd.MultiIndex.from_tuples([name.split(": ") for name in means.index])
means["accuracy"].unstack()[[*CONTENDERS]].loc[[*TABLES]].map("≈{:.1f} %".format)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 分得出來嗎？
#
# 平均不是判決。逐折相減、用校正的區間，再對八組比較做 Holm 校正（實心點：校正後仍找得到差異）。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### Can they be told apart?
#
# A mean is no verdict. Subtract fold by fold, take the corrected interval, and correct the eight comparisons by Holm (a filled dot: a difference is found even so).


# %%
def against_rivals(raced, tables):
    found = {}
    for table in tables:
        for rival in ("logistic", "boosting"):
            pair = (raced["accuracy"][f"{table}: {name}"] for name in ("MLP", rival))
            found[f"{table}: MLP - {rival}"] = resampled_interval(np.subtract(*pair), 5)
    return found


def p_value(interval, num_values=10):
    t = special.stdtrit(num_values - 1, 0.975) * interval.mean / interval.half_width
    return 2 * special.stdtr(num_values - 1, -abs(t))


# %% slideshow={"slide_type": "subslide"} alt-zh="森林圖，八列，橫軸是 MLP 的準確率減去對手的百分點。偶數那張表，MLP 明顯勝過邏輯迴歸，約 6 個百分點；其餘各列的區間都跨過 0。" alt-en="A forest plot of eight rows: accuracy of the MLP minus that of a rival, in points. On even digits the MLP beats logistic regression clearly, by about 6 points; all other intervals cross 0."
versus = against_rivals(raced, TABLES)
differs = holm([p_value(interval) for interval in versus.values()]) < 0.05
figure, ax = plt.subplots(figsize=(8, 3.0))
plotting.plot_forest(ax, list(versus), list(versus.values()), differs)
label = ax.set_xlabel("accuracy, MLP minus rival (points, corrected 95 % interval)")

# %% slideshow={"slide_type": "subslide"}
for name, interval in versus.items():
    print(f"{name:31} {interval:.1f}, could miss ≈{interval.half_width:.1f}")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 直線切不開的題目（偶數），MLP 勝過邏輯迴歸；和提升樹分不出高下。另外三張表，誰也沒有贏過誰，而這不是說一樣好：幾百列的表，差距要到 could miss 那麼大才看得出來。分不出高下時，選簡單、快、說得清楚的那一個。
#
# **主張 7** 偶數那張表，MLP 的平均準確率比邏輯迴歸高（整個區間在 0 以上）；和提升樹的平均相差不到 3 個百分點。
#
# **主張 8** 另外三張表的六組比較，經 Holm 校正後，沒有一組發現 MLP 勝過對手。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# Where no straight cut will do (even digits), the MLP beats logistic regression; from boosting it is not told apart. On the other three tables nobody beat anybody, which is not to say that they are equal: with a few hundred rows a difference must be as large as "could miss" to be seen. Where nothing is told apart, take what is simple, fast and easy to explain.
#
# **Claim 7** On average, the MLP is more accurate than logistic regression on even digits (the whole interval above 0), and its mean is within 3 points of boosting's.
#
# **Claim 8** In the six comparisons on the other three tables, none finds, after Holm's correction, that the MLP beats a rival.

# %%
even = [versus[f"even digits: MLP - {rival}"] for rival in ("logistic", "boosting")]
claim(7, even[0].low > 0 and abs(even[1].mean) < 3)
wins = differs & (np.array([interval.mean for interval in versus.values()]) > 0)
claim(8, not wins[:6].any())

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## MLP 什麼時候會輸，為什麼？
#
# 在汽車表加上 100 欄純雜訊，像一張什麼都收的問卷。樹一次只看一欄，沒用的欄就不選；MLP 的第一層把所有欄混在一起，313 列不夠它學會把沒用的權重都壓到 0（Grinsztajn、Oyallon 與 Varoquaux，2022，在較大的表上也量到這件事）。
#
# 想一想：三位選手的準確率各掉多少？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## When does the MLP lose, and why?
#
# Add 100 columns of pure noise to the cars, as in a questionnaire that asks everything. A tree looks at one column at a time and does not choose the useless ones; an MLP's first layer mixes all columns, and 313 rows are too few to learn that 100 weights a unit should be 0 (Grinsztajn, Oyallon and Varoquaux, 2022, measured this on larger tables, too).
#
# Predict: how much accuracy does each contender lose?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（5 分鐘）313 列的汽車表加上 100 欄純雜訊。邏輯迴歸、梯度提升樹、MLP，哪一個的準確率掉得最少？
#
# - ✗ MLP，因為它會自己學會忽略沒有用的欄。 *要有夠多的列，才學得會把一百欄的權重壓到 0。*
# - ✗ 邏輯迴歸，因為最簡單。 *它也把所有欄加在一起，同樣會背下雜訊。*
# - ✓ 梯度提升樹。 *樹一次只看一欄，沒有用的就不選。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (5 min) A table of 313 cars gets 100 columns of pure noise. Which loses least accuracy: logistic regression, gradient boosting or an MLP?
#
# - ✗ The MLP, which learns to ignore useless columns. *It takes many rows to learn that the weights of 100 columns should be 0.*
# - ✗ Logistic regression, being the simplest. *It adds up all columns, too, and learns the noise.*
# - ✓ Gradient boosting. *A tree looks at one column at a time and does not choose the useless ones.*

# %% slideshow={"slide_type": "subslide"} alt-zh="森林圖，三列：加上雜訊欄之後準確率的變化。邏輯迴歸與 MLP 各掉好幾個百分點，提升樹的變化接近 0。" alt-en="A forest plot of three rows: the change of accuracy when noise columns are added. Logistic regression and the MLP lose several points each; the change of boosting is near 0."
columns = [f"noise {k}" for k in range(100)]
noise = pd.DataFrame(seeding.rng(3).normal(size=(len(X), 100)), columns=columns)
noisy = run_all({"noisy cars": (X.join(noise), y)})
changes = {}
for name in CONTENDERS:
    change = noisy["accuracy"][f"noisy cars: {name}"] - raced["accuracy"][f"cars: {name}"]
    changes[name] = resampled_interval(change, 5)
figure, ax = plt.subplots(figsize=(8, 2.4))
plotting.plot_forest(ax, list(changes), list(changes.values()))
label = ax.set_xlabel("accuracy with 100 noise columns minus without (points)")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 同樣的列、同樣的折，只多了沒有用的欄，MLP 的平均就落後提升樹好幾個百分點（區間印在下面；313 列有時還不夠排除 0）。所以「MLP 適不適合表格」要看表格：列多、欄欄有用、答案彎曲，它才有機會；列少又雜，樹比較耐操。
#
# **主張 9** 加了 100 欄雜訊之後，MLP 十折的平均準確率下降 2 個百分點以上，而且比提升樹多掉 2 個百分點以上。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# The same rows, the same folds, useless columns besides, and the mean of the MLP falls several points behind that of boosting (the interval is printed below; 313 rows do not always suffice to exclude 0). So whether an MLP suits tables depends on the table: with many rows, useful columns and a curved answer it has a chance; with few rows and much clutter, trees bear more.
#
# **Claim 9** With 100 noise columns the mean accuracy of the MLP over the ten folds falls by more than 2 points, and by more than 2 points more than that of boosting.

# %%
for name, change in changes.items():
    print(f"{name:9} {change:.1f}")
lost = against_rivals(noisy, ["noisy cars"])["noisy cars: MLP - boosting"]
print(f"MLP - boosting, with noise: {lost:.1f}")
claim(9, changes["MLP"].mean < min(-2, changes["boosting"].mean - 2))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 存檔：模型和前處理不能分家
#
# 只存權重，明年就沒有人知道中位數是多少。存整個 Python 物件（pickle、joblib）又太多：**讀 pickle，就是執行檔案裡寫的東西**。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Keep model and preparation together
#
# Keep the weights alone, and next year nobody knows the medians. Keep whole Python objects (pickle, joblib), and you keep too much: **to read a pickle is to run what the file says**.

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（5 分鐘）只存了 MLP 的權重，沒存前處理。明年要預測一輛新車，缺什麼？
#
# - ✓ 訓練列的中位數、尺度與類別，少了就算不出同樣的輸入。 *前處理也是從訓練資料學來的，是模型的一部分。*
# - ✗ 不缺什麼，權重就是模型。 *忘了網路吃的是填補、縮放、編碼之後的數字。*
# - ✗ 不缺什麼，用新資料重新學一次前處理就好。 *尺度不同，同一輛車會變成不同的輸入。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (5 min) Only the weights of an MLP were kept, not its preparation. What is missing when a new car is to be predicted next year?
#
# - ✓ The medians, scales and categories of the training rows, without which the inputs cannot be made. *The preparation was learned from training data, too, and is a part of the model.*
# - ✗ Nothing; the weights are the model. *Forgets that the network takes numbers that were filled, scaled and encoded.*
# - ✗ Nothing; the preparation is fitted anew on the new data. *With other scales the same car becomes another input.*

# %%
letter = b"cbuiltins\nprint\n(S'this file has just run a function of its choice'\ntR."
opened = pickle.loads(letter)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 這封信只印了一行字；換成刪檔案也一樣。`save_predictor` 只存**普通的值**（中位數、尺度、類別名稱、範圍）與張量，用 `torch.load(weights_only=True)` 讀，不執行任何東西。`load_predictor` 給你一個函式：表格進，機率出。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# This letter printed a line; it might as well have deleted files. `save_predictor` keeps **plain values** (medians, scales, names of categories, ranges) and tensors, and `torch.load(weights_only=True)` reads them and runs nothing. `load_predictor` hands you a function: a table in, probabilities out.

# %%
finished = make_pipeline(preparation(NUMBERS, CATEGORIES), TableMLP(learning_rate=0.006))
finished.fit(X, y)
save_predictor(Path(folder.name) / "cars.pt", finished, X)
predict = load_predictor(Path(folder.name) / "cars.pt")
predict(X.head(3)).map("≈{:.2f}".format)

# %% slideshow={"slide_type": "subslide"}
wrong_inputs = {
    "a column is missing": X.drop(columns="year"),
    "the year in full": X.assign(year=X["year"] + 1900),
    "weights in tonnes": X.assign(weight=X["weight"] / 2205),
}
for what, table in wrong_inputs.items():
    try:
        predict(table)
    except ValueError as error:
        print(f"{what}: {str(error)[:90]}")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 函式會檢查欄位、型別與範圍（訓練範圍外再放寬一成）。它擋得住噸，擋不住公斤：1,500 公斤看起來就像一輛 1,500 磅的輕車。單位還是要寫在欄名裡。
#
# **主張 10** 讀回來的函式，一定與原來的管線給出同樣的機率（相差不到 10⁻⁵），也一定拒絕上面三張錯的表。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# It checks columns, types and ranges (those of training and a tenth beyond). It stops tonnes, and not kilograms: 1,500 kg look like a light car of 1,500 pounds. Write units into the names of columns.
#
# **Claim 10** It must hold that the function read back gives the pipeline's probabilities (within 10⁻⁵), and that it refuses the three wrong tables.

# %%
refused = 0
for table in wrong_inputs.values():
    try:
        predict(table)
    except ValueError:
        refused += 1
same = np.allclose(predict(X), finished.predict_proba(X), rtol=0, atol=1e-5)
claim(10, same and refused == 3)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 打開抽屜
#
# 報告要交了。完成的模型有兩個：存好的 MLP，和邏輯迴歸。各看抽屜**一次**。
#
# 想一想：79 輛車，準確率的區間會有多寬？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Open the drawer
#
# The report is due. Two models are finished: the MLP in its file, and logistic regression. Each sees the drawer **once**.
#
# Predict: with 79 cars, how wide is the interval of an accuracy?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（5 分鐘）抽屜裡有 79 輛車，完成的模型只看一次，準確率大約 89%。95% 信賴區間有多寬？
#
# - ✓ 十幾個百分點，大約從 80% 到 94%。 *79 列就只能說這麼多；區間要寫進報告。*
# - ✗ 大約一個百分點。 *以為幾十列就能量到小數點。*
# - ✗ 沒有寬度，測試集只看一次，就是確定的數。 *這些列也是抽樣來的，換 79 輛車就是別的數字。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (5 min) A finished model sees the 79 cars of a test set once and is about 89 % accurate. How wide is the 95 % interval?
#
# - ✓ Some ten points or more, about 80 % to 94 %. *That is all that 79 rows can say, and it belongs in the report.*
# - ✗ About one point. *Thinks that a few dozen rows measure to the decimal.*
# - ✗ It has no width, as the test set is seen once. *These rows are a sample, too; 79 other cars give another number.*

# %%
kept_apart = cars.loc[drawer, NUMBERS + CATEGORIES]
answers = {
    "MLP": predict(kept_apart)[True].to_numpy() >= 0.5,
    "logistic": logistic().fit(X, y).predict(kept_apart),
}
for name, answer in answers.items():
    right = int((answer == is_economical[drawer]).sum())
    print(f"{name}: {share_interval(right, len(drawer)):.0%}")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 十幾個百分點寬：79 列就只能說這麼多。把區間一起寫進報告；不要因為不滿意，就回頭再調一次、再看一次。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# Some ten points wide or more: that is all that 79 rows can say. The interval belongs in the report; and if you do not like it, do not go back, tune again and look again.

# %%
folder.cleanup()

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 專題任務單（可以直接發給學生）
#
# 用你自己的一張表（至少 300 列、5 欄），交出一本筆記本與一頁報告：
#
# 1. **問題**：預測什麼？給誰用？預測的那一刻，哪些欄位已經知道？
# 2. **來源**：資料從哪裡來、授權、有沒有個人資料、一列代表什麼。
# 3. **看**：型別、缺漏、類別、答案的分布、重複的列。
# 4. **切分**：先切；同一個人（或同一批）的列放同一邊；跟時間有關就照時間切。
# 5. **基準**：一律猜最多的類別；邏輯迴歸。
# 6. **模型**：MLP 與一個對手，同樣的功夫，只在訓練列裡挑。
# 7. **結果**：成對差與校正的區間；至少一種洩漏，量出虛胖多少。
# 8. **測試**：打開一次，附上區間。
# 9. **限制**：什麼資料進來會出錯？錯了誰受害？
# 10. **交付**：一個檔案、一個會檢查輸入的預測函式。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Project sheet (to hand out as it is)
#
# Take a table of your own (at least 300 rows and 5 columns); hand in a notebook and a report of one page:
#
# 1. **Question**: what is predicted, for whom, and which columns are known at that moment?
# 2. **Source**: where from, under which licence, any personal data, what is a row?
# 3. **Look**: types, gaps, categories, how the answers are distributed, duplicate rows.
# 4. **Split**: first; rows of one person (or one batch) on one side; by time where time matters.
# 5. **Baselines**: always the largest class; logistic regression.
# 6. **Models**: an MLP and a rival, the same effort, chosen within the training rows.
# 7. **Results**: paired differences with corrected intervals; at least one leak, and how much it flatters.
# 8. **Test**: opened once, with its interval.
# 9. **Limits**: what input goes wrong, and who is harmed if it does?
# 10. **Delivery**: one file, and a prediction function that checks its input.

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（5 分鐘）你的表裡，同一位病人有好幾列。訓練和測試該怎麼切？
#
# - ✗ 隨機切就好，每一列都不同。 *同一個人的列很像，模型會認人，成績虛胖。*
# - ✗ 按答案分層就夠了。 *分層只讓比例相同，擋不住同一個人落在兩邊。*
# - ✓ 同一位病人的列全部放在同一邊。 *將來遇到的是新的病人，測試也該是。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (5 min) In your table one patient has several rows. How should training and test be split?
#
# - ✗ At random, since every row is different. *Rows of one person are alike; the model knows the person and the result is flattered.*
# - ✗ Stratified by the answer, and no more. *That makes shares equal and does not keep a person on one side.*
# - ✓ All rows of a patient on the same side. *Whom the model will meet are new patients, and so should the test be.*

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ### 評分規準
#
# | 項目（分數） | 不足 | 合格 | 優良 |
# |---|---|---|---|
# | 問題與資料（15） | 說不清一列是什麼 | 來源、授權、答案都清楚 | 指出哪些欄位在預測時還不知道 |
# | 切分與洩漏（25） | 切分前就學了東西 | 全部放在管線裡 | 量出一種洩漏，附區間 |
# | 公平的比較（25） | 只調自己的模型 | 功夫相同，有基準 | 成對差、校正的區間、可偵測的差距 |
# | 報告的誠實（20） | 只報最好的一次 | 有區間，測試只看一次 | 說明分不出高下的地方與限制 |
# | 重現與交付（15） | 別人跑不出來 | 有種子，從頭執行得完 | 預測函式擋得住錯的輸入 |
#
# 準確率高低**不計分**。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### Rubric
#
# | item (points) | not yet | good | excellent |
# |---|---|---|---|
# | question and data (15) | unclear what a row is | source, licence and answer are clear | says which columns are not known yet when predicting |
# | split and leaks (25) | something was learned before the split | everything is in the pipeline | one leak measured, with its interval |
# | fair comparison (25) | only its own model is tuned | the same effort, baselines | paired differences, corrected intervals, detectable difference |
# | honest report (20) | the best run only | intervals, the test seen once | says what is not told apart, and the limits |
# | repeatable, delivered (15) | nobody else can run it | seeded, runs from top to bottom | the prediction function stops wrong input |
#
# The height of the accuracy earns **no points**.

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 練習 1：找出會洩漏的列
#
# 難度 ★☆☆，約 10 分鐘。
#
# 同一位病人的好幾張片子，不該落在兩邊。寫出 `leaking_rows(groups, is_test)`：`groups` 是 (N,) 的整數陣列，說每一列屬於誰；`is_test` 是 (N,) 的布林陣列。回傳 (N,) 的布林陣列：**訓練列**之中，同一個人也出現在測試列的，是 True；其餘（所有測試列也在內）是 False。不要改動傳進來的陣列。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Exercise 1: find the rows that leak
#
# Difficulty ★☆☆, about 10 minutes.
#
# Several images of one patient should not fall on both sides. Write `leaking_rows(groups, is_test)`: `groups` is an integer array (N,) that says to whom each row belongs, `is_test` a boolean array (N,). Return a boolean array (N,): True for each **training row** whose owner has a row in the test part, too; False for all others, every test row among them. Leave the arrays that come in as they are.


# %% tags=["exercise"]
def leaking_rows(groups, is_test):
    raise NotImplementedError  # your code here


# %% tags=["check"]
exercises.leaking_rows.check(leaking_rows)


# %% tags=["solution"]
# One possible answer; open it once you have tried.
def leaking_rows_solution(groups, is_test):
    """Which training rows (N,) share their group with a test row."""
    return ~is_test & np.isin(groups, groups[is_test])


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 練習 2：只從訓練列學
#
# 難度 ★★☆，約 15 分鐘。
#
# 寫出 `prepare_numbers(table, is_train)`：`table` 是 (N, D) 的 float64，缺漏是 nan；`is_train` 是 (N,) 的布林陣列。先把每一欄的缺漏填成**訓練列**已知數字的中位數（個數是偶數時，取中間兩個的平均）；再減去訓練列（填好之後）的平均，除以它們的標準差（`ddof=0`）。訓練列裡完全相同的欄，只減平均，不除。訓練列的每一欄至少有一個已知的數。回傳新的 (N, D)，所有的列都要處理好。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Exercise 2: learn from training rows alone
#
# Difficulty ★★☆, about 15 minutes.
#
# Write `prepare_numbers(table, is_train)`: `table` is float64 (N, D) with nan for gaps, `is_train` a boolean array (N,). First fill each column's gaps with the median of the numbers known in the **training rows** (of an even count, the mean of the middle two); then subtract the mean of the training rows, as filled, and divide by their standard deviation (`ddof=0`). From a column that is constant in the training rows only subtract. Every column has at least one known number in the training rows. Return a new (N, D) with all rows prepared.


# %% tags=["exercise"]
def prepare_numbers(table, is_train):
    raise NotImplementedError  # your code here


# %% tags=["check"]
exercises.prepare_numbers.check(prepare_numbers)


# %% tags=["solution"]
# One possible answer; open it once you have tried.
def prepare_numbers_solution(table, is_train):
    """All rows of ``table`` (N, D), filled and scaled by what the training rows say."""
    filled = np.where(np.isnan(table), np.nanmedian(table[is_train], axis=0), table)
    mean, deviation = filled[is_train].mean(axis=0), filled[is_train].std(axis=0)
    is_constant = np.ptp(filled[is_train], axis=0) == 0
    return (filled - mean) / np.where(is_constant, 1, deviation)


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 練習 3：校正的區間
#
# 難度 ★★☆，約 15 分鐘。
#
# 課裡叫用了 `resampled_interval`。現在自己寫，而且不限於 K 折：`corrected_interval(differences, num_train, num_test)`，`differences` 是 (J,) 的差（J 至少 2，每次切分一個），每次切分都用 `num_train` 列訓練、`num_test` 列評分。回傳 (low, high)：Nadeau 與 Bengio 校正的 95% 雙尾 t 區間，自由度 J − 1，s² 用 `ddof=1`。可以用 scipy。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Exercise 3: the corrected interval
#
# Difficulty ★★☆, about 15 minutes.
#
# The lesson called `resampled_interval`. Now write your own, for other splits than K folds, too: `corrected_interval(differences, num_train, num_test)`, where `differences` (J,) holds one difference a split (J at least 2), each trained on `num_train` rows and judged on `num_test`. Return (low, high): the two-sided 95 % t-interval as Nadeau and Bengio correct it, with J − 1 degrees of freedom and `ddof=1` in s². scipy is welcome.


# %% tags=["exercise"]
def corrected_interval(differences, num_train, num_test):
    raise NotImplementedError  # your code here


# %% tags=["check"]
exercises.corrected_interval.check(corrected_interval)


# %% tags=["solution"]
# One possible answer; open it once you have tried.
def corrected_interval_solution(differences, num_train, num_test):
    """(low, high) of the mean of ``differences`` (J,), corrected for splits that overlap."""
    num_splits = len(differences)
    variance = np.var(differences, ddof=1) * (1 / num_splits + num_test / num_train)
    margin = special.stdtrit(num_splits - 1, 0.975) * np.sqrt(variance)
    return np.mean(differences) - margin, np.mean(differences) + margin


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 重點整理
#
# - 先切分，再學任何東西；前處理放進管線，每一折自己學。
# - 洩漏要量：挑特徵最狠，縮放與填補在這裡看不出影響；會背的模型最怕重複的列。
# - 不平衡時看召回率、平衡準確率、平均精確率；門檻在驗證資料上挑。
# - 交叉驗證的折互相重疊：成對相減，用校正的區間；「分不出高下」不是「一樣好」。
# - 小而雜的表，MLP 常常不划算；先跑邏輯迴歸與提升樹。
# - 模型與前處理存在一起，只存普通的值；預測函式要檢查輸入。
#
# 接下來，做你自己的專題。一台電腦不夠用的時候，下一課是 [[many_machines]]。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Summary
#
# - Split before anything is learned; the preparation goes into the pipeline and is learned in each fold.
# - Measure leaks: selecting features was the worst, scaling and imputing showed nothing here; models that memorize are hurt most by duplicate rows.
# - With imbalance, look at recall, balanced accuracy and average precision; choose the threshold on validation data.
# - Folds overlap: subtract in pairs and correct the interval; "not told apart" is not "equal".
# - On small, cluttered tables an MLP is often not worth it; run logistic regression and boosting first.
# - Keep model and preparation together, as plain values; a prediction function checks its input.
#
# Now do a project of your own. For when one computer is not enough, the next lesson is [[many_machines]].

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "skip"}
# ### 原始文獻
#
# - Nadeau, Bengio（2003），Inference for the generalization error。Machine Learning 52，239–281，doi:10.1023/A:1024068626366。校正的重抽樣 t 檢定。
# - Bouckaert, Frank（2004），Evaluating the replicability of significance tests for comparing learning algorithms。PAKDD 2004，doi:10.1007/978-3-540-24775-3_3。把校正用於重複的 K 折。
# - Ambroise, McLachlan（2002），Selection bias in gene extraction on the basis of microarray gene-expression data。PNAS 99(10)，6562–6566，doi:10.1073/pnas.102102699。先挑特徵再交叉驗證的偏差。
# - Grinsztajn, Oyallon, Varoquaux（2022），Why do tree-based models still outperform deep learning on typical tabular data? NeurIPS 2022 Datasets and Benchmarks，arXiv:2207.08815。沒有用的欄，對網路的傷害比對樹大。
# - Holm（1979），A simple sequentially rejective multiple test procedure。Scandinavian Journal of Statistics 6(2)，65–70。一次比很多對時的校正。

# %% [markdown] lang="en" slideshow={"slide_type": "skip"}
# ### Primary sources
#
# - Nadeau, Bengio (2003), Inference for the generalization error. Machine Learning 52, 239–281, doi:10.1023/A:1024068626366. The corrected resampled t-test.
# - Bouckaert, Frank (2004), Evaluating the replicability of significance tests for comparing learning algorithms. PAKDD 2004, doi:10.1007/978-3-540-24775-3_3. The correction for repeated K folds.
# - Ambroise, McLachlan (2002), Selection bias in gene extraction on the basis of microarray gene-expression data. PNAS 99(10), 6562–6566, doi:10.1073/pnas.102102699. The bias of selecting first and cross-validating afterwards.
# - Grinsztajn, Oyallon, Varoquaux (2022), Why do tree-based models still outperform deep learning on typical tabular data? NeurIPS 2022 Datasets and Benchmarks, arXiv:2207.08815. Useless columns hurt networks more than trees.
# - Holm (1979), A simple sequentially rejective multiple test procedure. Scandinavian Journal of Statistics 6(2), 65–70. The correction where many pairs are compared.
