# %% [markdown] lang="zh-TW" about="裁剪、排程、早停、優化器、累積、半精度，與訓練迴圈" slideshow={"slide_type": "slide"}
# # 用 NumPy 寫訓練迴圈
#
# 梯度（gradient）有了，也檢查過了。這一課把訓練一個網路的每樣工具拆開來看，全部只用 NumPy。學完之後，你能夠：
#
# - 讀懂並寫出一個訓練迴圈：分批、裁剪（clipping）、走一步、驗證、紀錄；
# - 說出裁剪、早停（early stopping）、梯度累積（gradient accumulation）各有哪一種寫法看起來沒問題，其實是錯的；
# - 畫出學習率（learning rate）排程（schedule），並用六種優化器（optimizer）訓練，每一種都和 PyTorch 的一步一步對得上；
# - 說明半精度（half precision）為什麼會讓梯度不聲不響地變成 0，損失縮放與主要權重（master weights）怎麼把梯度保住。
#
# 先備：[[numpy_losses_and_gradients]]、[[optimizers]]。

# %% [markdown] lang="en" about="clipping, schedules, early stopping, optimizers, accumulation, half precision, and the training loop" slideshow={"slide_type": "slide"}
# # The training loop in NumPy
#
# The gradient is there, and checked. This lesson takes apart every tool that trains a network, with NumPy alone. By the end you can
#
# - read and write a training loop: batches, clipping, a step, validation, a record;
# - say which way of writing clipping, early stopping and gradient accumulation looks fine and is wrong;
# - draw schedules of the learning rate, and train with six optimizers, each equal to PyTorch's step by step;
# - say why half precision can turn gradients into 0 without a word, and how loss scaling and master weights keep them.
#
# It builds on [[numpy_losses_and_gradients]] and [[optimizers]].

# %% lang="zh-TW" tags=["setup"] slideshow={"slide_type": "subslide"}
from course_utils.notebook import set_up

device = set_up("numpy_training_loop", language="zh-TW")

# %% lang="en" tags=["setup"] slideshow={"slide_type": "subslide"}
from course_utils.notebook import set_up

device = set_up("numpy_training_loop", language="en")

# %% slideshow={"slide_type": "subslide"}
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from sklearn.linear_model import LinearRegression, LogisticRegression
from torch import nn
from torch.optim import lr_scheduler

from course_utils import plotting, seeding
from course_utils.exercises import numpy_training_loop as exercises
from course_utils.experiment import run_seeds
from course_utils.intervals import mean_interval
from course_utils.notebook.claims import claim

# %% slideshow={"slide_type": "subslide"}
from course_utils.numpy_track import optimizers, schedules
from course_utils.numpy_track.mixed_precision import DynamicLossScale
from course_utils.numpy_track.training_utils import (
    EarlyStopping,
    clip_gradients,
    create_batches,
    evaluate,
    learning_rate_schedule,
    plot_training_curves,
    train_model,
    train_step,
)
from course_utils.numpy_track.flat_gradients import (
    cosine,
    flatten,
    loss_of,
    random_gradient,
    relative_gap,
    slopes_along,
    unflatten,
)
from course_utils.numpy_track.turning import TurnNet, fresh_net, make_turns

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 訓練迴圈：十幾行
#
# 任務和網路都來自[[numpy_losses_and_gradients]]：一個點繞著圓走六步，位置帶著雜訊，是順時針（0）、靜止（1），還是逆時針（2）？`TurnNet` 的 `loss_and_grads` 已經檢查過了。
#
# 訓練就是：每一輪（epoch）把資料洗牌、分批；每一批（batch）算梯度、裁剪、走一步；每一輪結束在驗證集（validation set）上量一次。
#
# 想一想：最後一批只有 16 列，其他各批有 32 列。一輪的平均損失（loss）怎麼算？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## The training loop: a dozen lines
#
# Task and network come from [[numpy_losses_and_gradients]]: a point walks around a circle for six noisy steps; clockwise (0), still (1) or counter-clockwise (2)? The `loss_and_grads` of `TurnNet` has been checked.
#
# Training is this: every epoch shuffles and cuts the data into batches; every batch gives a gradient, which is clipped and followed one step; every epoch ends with a measurement on validation.
#
# Predict: the last batch has 16 rows, the others 32. How is the mean loss of an epoch computed?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（7 分鐘）一輪有 13 批，前 12 批各 32 列，最後一批 16 列。把 13 個批次的平均損失直接平均，得到的是整輪的平均損失嗎？
#
# - ✓ 不是，最後一批的每一列分量變成兩倍；要用列數加權。*每批的平均乘上列數，加起來再除以總列數，才是每一列的平均。*
# - ✗ 是，平均的平均就是平均。*只有每批一樣長時才成立。*
# - ✗ 不是，最後一批應該丟掉不算。*丟掉就少看了 16 列；加權就好。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (7 min) An epoch has 13 batches, twelve of 32 rows and a last one of 16. Is the plain mean of the 13 mean losses the mean loss of the epoch?
#
# - ✓ No: each row of the last batch counts double; weigh by the number of rows. *Each mean times its rows, added up and divided by all rows, is the mean over rows.*
# - ✗ Yes, a mean of means is a mean. *So only where all batches have one length.*
# - ✗ No: the last batch should be left out. *That leaves 16 rows unseen; weights are enough.*


# %%
def train(net, train_data, val_data, epochs, lr, rng):
    history = {"train_loss": [], "val_loss": [], "val_metric": []}
    for epoch in range(epochs):
        rate, losses, lengths = learning_rate_schedule(epoch, lr), [], []
        for X, y in create_batches(*train_data, batch_size=32, rng=rng):
            loss, grads, _ = net.loss_and_grads(X, y)
            grads, _norm = clip_gradients(grads, max_norm=5.0)
            params = net.get_params()
            net.set_params({name: params[name] - rate * grads[name] for name in params})
            losses.append(loss)
            lengths.append(len(y))
        val_loss, val_accuracy = evaluate(net, *val_data)
        history["train_loss"].append(np.average(losses, weights=lengths))
        history["val_loss"].append(val_loss)
        history["val_metric"].append(val_accuracy)
    return history


# %% slideshow={"slide_type": "subslide"}
def turn_sets(seed):
    rng = seeding.rng(seed)
    return make_turns(400, rng), make_turns(400, rng)


def new_turns(seed):  # never seen in training, nor in choosing the epoch
    return make_turns(400, seeding.rng([seed, 1]))


# %%
def train_both_ways(seed):
    train_data, val_data = turn_sets(seed)
    ours, theirs = (TurnNet(12, 16, 3, seeding.rng(seed)) for _ in range(2))
    written_out = train(ours, train_data, val_data, epochs=25, lr=0.5, rng=seeding.rng(seed))
    options = {"epochs": 25, "learning_rate": 0.5, "verbose": False, "rng": seed, "patience": 25}
    history = train_model(theirs, train_data, val_data, **options)
    return written_out, history, evaluate(theirs, *new_turns(seed))[1]


by_hand, by_library, tanh_net = zip(*[train_both_ways(seed) for seed in range(5)], strict=True)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 亂數都由 `rng` 決定，不碰全域的產生器。`learning_rate_schedule(epoch, initial_lr, decay=0.95, decay_every=10)` 每十輪把學習率乘上 0.95。
#
# 課程的 `train_model` 做的就是這件事，再加上檢查、早停，與完整的紀錄：六個串列，每輪一個數。`plot_training_curves` 把這些紀錄畫成四張小圖。先看種子 0。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# All chance comes from `rng`, never from the global generator. `learning_rate_schedule(epoch, initial_lr, decay=0.95, decay_every=10)` multiplies the rate by 0.95 every ten epochs.
#
# The course's `train_model` does just this, and adds checks, early stopping and a full record: six lists, one number per epoch. `plot_training_curves` draws them in four panels. Here is seed 0.

# %% alt-zh="四張小圖，橫軸都是輪數：訓練與驗證損失從 1.1 降到 0.1 左右；準確率從四成升到九成八；學習率每十輪下降一階；梯度範數從 0.55 起伏著降到 0.15。" alt-en="Four panels against epochs: training and validation loss fall from 1.1 to about 0.1; accuracy rises from four tenths to 98 %; the rate steps down every ten epochs; the gradient norm falls, with wobbles, from 0.55 to 0.15."
figure = plot_training_curves(by_library[0])
figure.set_size_inches(8.5, 4.6)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 它學到了嗎？和什麼比？
#
# 單看準確率（accuracy）一個數沒有意義。先定兩條基準（baseline）：瞎猜是三分之一；線性模型（scikit-learn 的邏輯迴歸）看同樣的 12 個數。`train_model` 結束時已經把驗證損失最低那一輪的參數放回去，所以兩者都各只有一個模型，在 400 筆新資料上各考一次。
#
# 想一想：起點隨機，三個類別的平均位置都在圓心。線性模型能做到多好？

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### Did it learn? Compared with what?
#
# An accuracy alone means nothing. Two floors: a guess (a third), and a linear model that sees the same 12 numbers. `train_model` put back the parameters of its lowest validation loss; each side has one model, examined once on 400 new rows.
#
# Predict: the start is random, so the mean position of all three classes is the centre. How well can a linear model do?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（5 分鐘）順時針、靜止、逆時針三類各有許多繞圓走六步的例子，起點隨機。線性模型（邏輯迴歸）看 12 個座標，準確率大約多少？
#
# - ✗ 和網路差不多，資料這麼小。*小不代表線性可分；方向是座標之間乘積的關係。*
# - ✗ 一半左右，因為靜止的那一類容易認。*靜止也不能由座標的加權和看出來：要比較前後兩步。*
# - ✓ 接近瞎猜的三分之一。*起點隨機，三類的平均都在圓心，沒有一個座標的加權和能分辨方向。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (5 min) Clockwise, still, counter-clockwise: many walks of six steps around a circle, from random starts. How accurate is a linear model (logistic regression) of the 12 coordinates?
#
# - ✗ About as good as a network; the data are so small. *Small is not linearly separable; the direction is in products of coordinates.*
# - ✗ Near a half: the still ones are easy to tell. *Stillness is no weighted sum of coordinates either: it takes a comparison of steps.*
# - ✓ About a guess, one third. *Starts are random, all three means are at the centre, and no weighted sum of coordinates tells the direction.*


# %%
def linear_accuracy(seed):
    (X, y), _ = turn_sets(seed)
    X_new, y_new = new_turns(seed)
    model = LogisticRegression(max_iter=1000).fit(X.reshape(len(X), -1), y)
    return model.score(X_new.reshape(len(X_new), -1), y_new)


# %%
linear = np.array([linear_accuracy(seed) for seed in range(5)])
tanh_net = np.array(tanh_net)
print(f"linear model {mean_interval(linear):.1%}")
print(f"tanh network {mean_interval(tanh_net):.1%}")

# %% [markdown] lang="zh-TW"
# **主張 1** 換五個種子，上面的迴圈與 `train_model` 的訓練損失、驗證損失、準確率，每一輪必然相差不到 10⁻¹²。
#
# **主張 2** 不論五個種子的哪一個，在新資料上，tanh 網路的準確率都超過 93%，線性模型的都不到 50%。

# %% [markdown] lang="en"
# **Claim 1** For five seeds, training loss, validation loss and accuracy of the loop above and of `train_model` must differ by less than 10⁻¹² in every epoch.
#
# **Claim 2** For all five seeds, on new rows, the tanh network's accuracy is above 93 %, and the linear model's below 50 %.

# %%
pairs = zip(by_hand, by_library, strict=True)
claim(1, all(np.allclose(a[key], b[key], rtol=0, atol=1e-12) for a, b in pairs for key in a))
claim(2, bool((tanh_net > 0.93).all() and (linear < 0.5).all()))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 換成迴歸：只改一個參數
#
# 同樣的六步，改問第七步會在哪裡（兩個座標，帶著同樣的雜訊）。`train_model(..., task="regression")` 就改用 `mse_loss`，紀錄裡的指標則是負的損失（越大越好）。
#
# 猜猜看：三種猜法，「停在第六步的地方」、線性模型、網路，誰的均方誤差最低？雜訊的變異數是 0.16，沒有人能比它更低。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### Regression: one argument changes
#
# From the same six steps, where will the seventh be (two coordinates, with the same noise)? `train_model(..., task="regression")` takes `mse_loss`, and the metric in its record is minus the loss (larger is better).
#
# Guess: "where the sixth was", a linear model and the network, which has the lowest mean squared error? The noise has a variance of 0.16, below which nobody gets.

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（4 分鐘）從帶雜訊的六步預測第七步。每個觀測值的雜訊變異數是 0.16。一個模型在新資料上的均方誤差最低能到多少？
#
# - ✗ 0，只要模型夠大、資料夠多。*把擬合訓練資料和預測新資料混為一談；新的雜訊無法預知。*
# - ✓ 0.16，就算完全知道真正的位置。*目標本身帶著變異數 0.16 的雜訊，這一份誰也去不掉。*
# - ✗ 0.32，因為有兩個座標。*均方誤差是對所有的數取平均，不是相加。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (4 min) The seventh step is predicted from six, and every observation has noise of variance 0.16. How low can a model's mean squared error be on new rows?
#
# - ✗ 0, with a large enough model and enough data. *Mixes up fitting the training rows with predicting new ones; new noise cannot be foreseen.*
# - ✓ 0.16, even for one that knows the true position. *The target itself carries noise of variance 0.16, of which nobody gets rid.*
# - ✗ 0.32: there are two coordinates. *The mean is over all numbers; it is not a sum.*


# %% slideshow={"slide_type": "subslide"}
def where_next(rng):
    steps, _ = make_turns(400, rng, num_steps=7)
    return steps[:, :6], steps[:, 6]


def next_step_errors(seed):
    rng = seeding.rng(seed)
    train_data, val_data, (X, target) = (where_next(rng) for _ in range(3))
    net, flat = TurnNet(12, 16, 2, rng), (400, 12)
    options = {"epochs": 40, "patience": 40, "learning_rate": 0.5, "verbose": False, "rng": seed}
    train_model(net, train_data, val_data, task="regression", **options)
    line = LinearRegression().fit(train_data[0].reshape(flat), train_data[1])
    return {
        "where the sixth was": ((X[:, -1] - target) ** 2).mean(),
        "linear model": ((line.predict(X.reshape(flat)) - target) ** 2).mean(),
        "tanh network": evaluate(net, X, target, task="regression")[0],
    }


next_errors = pd.DataFrame([next_step_errors(seed) for seed in range(5)])
for name, column in next_errors.items():
    print(f"{name:20s} mean squared error {mean_interval(column):.3f}")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# **主張 3** 不論五個種子的哪一個，網路的均方誤差都比線性模型低 0.01 以上，線性模型的又比「停在第六步的地方」低 0.03 以上；三者都高於 0.2。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# **Claim 3** For all five seeds: the network's mean squared error is more than 0.01 below the linear model's, which is more than 0.03 below that of "where the sixth was"; all are above 0.2.

# %%
still, line, network = next_errors.to_numpy().T
claim(
    3,
    bool(
        ((line - network) > 0.01).all() and ((still - line) > 0.03).all() and (network > 0.2).all()
    ),
)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 沒有反向傳播時：要少而準，還是多而粗？
#
# 假如真的沒有反向傳播（模擬器、黑盒子），只有前向可用。固定 4,000 次前向的預算，訓練同一批 60 列資料：
#
# - 逐元素：518 次前向換一個完全正確的梯度，只能走 7 步；
# - 一個隨機方向：2 次前向換一個餘弦 0.05 的方向，可以走 2,000 步；
# - 解析梯度（算作 3 次前向）當作對照：1,333 步。
#
# 每種方法先在別的種子上挑學習率。先猜：4,000 次之後，逐元素和隨機方向，誰的損失低？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Without a backward pass: few exact steps or many rough ones?
#
# Suppose there really is none (a simulator, a black box), and forward passes are all you have. With a budget of 4,000 of them, train on one fixed batch of 60 rows:
#
# - element by element: 518 passes buy one exact gradient, 7 steps in all;
# - one random direction: 2 passes buy a direction with a cosine of 0.05, 2,000 steps;
# - the analytic gradient (counted as 3 passes) for comparison: 1,333 steps.
#
# Each picks its rate on other seeds. Guess: after 4,000 passes, who has the lower loss, element by element or random directions?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（7 分鐘）沒有反向傳播，只能做前向計算，預算 4,000 次。逐元素的精確梯度每步 518 次；一個隨機方向每步 2 次，但和梯度幾乎垂直。用哪一種訓練比較好？
#
# - ✓ 隨機方向，2,000 步雖然歪，平均起來是對的。*估計無偏，許多小步的誤差互相抵消。*
# - ✗ 精確梯度，7 步都走對的方向。*步數太少：最陡的方向限制了每一步能走多遠。*
# - ✗ 一樣好，總共的前向次數相同。*同樣的次數買到不同的東西；要看一次能換到多少下降。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (7 min) There is no backward pass, only a budget of 4,000 forward passes. An exact element-wise gradient takes 518 a step; one random direction takes 2, and is almost at a right angle to the gradient. Which trains better?
#
# - ✓ Random directions: 2,000 steps, each askew, are right on average. *The estimate is unbiased, and the errors of many small steps cancel.*
# - ✗ The exact gradient: all of its 7 steps are right. *Too few: the steepest direction limits how far one step may go.*
# - ✗ They are alike, for the passes are. *Equal passes buy different things; what counts is the descent for each.*


# %%
def analytic(net, X, y, theta, rng):
    net.set_params(unflatten(theta, net.params))
    return flatten(net.loss_and_grads(X, y)[1])


def one_direction(net, X, y, theta, rng):
    return random_gradient(loss_of(net, X, y), theta, 1, rng)


def element_by_element(net, X, y, theta, rng):
    return slopes_along(loss_of(net, X, y), theta, np.eye(len(theta)))


# %% slideshow={"slide_type": "subslide"}
budget = np.geomspace(3, 4000, 60)


def spend(method, passes_a_step, lr, seed):
    net, X, y = fresh_net(seed, num_rows=60)
    theta, loss, rng = flatten(net.params), loss_of(net, X, y), seeding.rng(seed)
    losses = [loss(theta)]
    for _ in range(4000 // passes_a_step):
        theta = theta - lr * method(net, X, y, theta, rng)
        losses.append(loss(theta))
    return np.interp(budget, passes_a_step * np.arange(len(losses)), losses)


# %% slideshow={"slide_type": "subslide"}
methods = {
    "element by element": (element_by_element, 518, [1.0, 3.0, 10.0]),
    "one random direction": (one_direction, 2, [0.02, 0.1, 0.5]),
    "analytic": (analytic, 3, [1.0, 3.0, 10.0]),
}
spent = {}
for name, (method, passes, rates) in methods.items():
    final = [[spend(method, passes, lr, seed)[-1] for seed in range(10, 14)] for lr in rates]
    chosen = rates[int(np.argmin(np.max(final, axis=1)))]  # whose worst run is best
    spent[name] = np.array([spend(method, passes, chosen, seed) for seed in range(5)])
    print(f"{name:21s} rate {chosen:<5g} final loss {mean_interval(spent[name][:, -1]):.4f}")

# %% slideshow={"slide_type": "subslide"} alt-zh="橫軸是前向次數，縱軸是訓練損失，都是對數刻度。逐元素走得很少，停在 0.9 左右；一個隨機方向降到百分之一左右；解析梯度先衝到 10 以上，約 60 次前向後最低，最後降到萬分之一左右。" alt-en="Training loss against forward passes, log axes. Element by element takes few steps and stays near 0.9; one random direction gets down to about a hundredth; the analytic gradient first rises above 10, is lowest after some 60 passes, and ends near a ten-thousandth."
figure, ax = plt.subplots(figsize=(8, 3.2))
for name, curves in spent.items():
    plotting.plot_band(ax, budget, curves, name, log=True)
ax.set(xscale="log", xlabel="forward passes (log)", ylabel="training loss (nats, log)")
ax = ax.legend(fontsize=9, loc="lower left")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 粗的贏了，而且贏了很多。精確的一步受制於最陡的方向：學習率 10 會讓損失先衝到 10 以上，約 20 步後才降下來（看解析梯度那條線），只有 7 步等不到那時候；學習率小一點，7 步又走不了多遠。隨機方向幾乎總是避開最陡的那幾個方向，每一步雖然歪，平均起來卻是對的，而且走了 2,000 步。（大型語言模型也可以只用前向來微調：Malladi 等人，2023。他們的解釋是，預訓練過的模型，損失的局部有效秩很低。）
#
# 但兩者離解析梯度都很遠。所以結論有三句：要**檢查**並找出錯在哪個陣列，用逐元素（若只問對不對，一個隨機方向就夠，見[[numpy_losses_and_gradients]]的練習 1）；沒有反向傳播而要**訓練**，就用隨機方向；有反向傳播，就用反向傳播。
#
# **主張 4** 不論五個種子的哪一個，花完 4,000 次前向之後，隨機方向的損失都不到逐元素的十分之一，解析梯度的損失又不到隨機方向的五分之一。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# The rough ones win, by far. An exact step is bound by the steepest direction: at rate 10 the loss first jumps above 10 and takes some 20 steps to come down (see the analytic curve), which 7 steps do not live to see; and at a smaller rate 7 steps do not lead far. A random direction almost always misses the few steepest ones; each step is askew, their average is right, and there were 2,000 of them. (Large language models, too, have been fine-tuned with forward passes alone: Malladi et al., 2023, who explain it by the low local effective rank of the loss once a model is pre-trained.)
#
# Both are far from the analytic gradient. So the conclusion has three sentences: to **check** and learn which array is wrong, element by element (one random direction is enough to learn whether anything is, see exercise 1 of [[numpy_losses_and_gradients]]); to **train** without a backward pass, random directions; where there is a backward pass, use it.
#
# **Claim 4** For all five seeds: with 4,000 passes spent, the loss of random directions is below a tenth of element by element's, and the analytic gradient's below a fifth of random directions'.

# %%
exact_few, rough_many, with_backward = (curves[:, -1] for curves in spent.values())
claim(4, bool((rough_many < exact_few / 10).all() and (with_backward < rough_many / 5).all()))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 裁剪：一個倍數，還是一個陣列一個？
#
# 梯度裁剪（gradient clipping）把太長的梯度縮短。參數分成好幾個陣列，範數（norm）該怎麼算？**全域範數**（global norm）把所有陣列的數字放在一起，全部乘上同一個倍數；「每個陣列各自裁」看起來也有道理。
#
# 想一想：縮短之後，方向還一樣嗎？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Clipping: one factor, or one for each array?
#
# Gradient clipping shortens a gradient that is too long. The parameters are several arrays; which norm is meant? The **global norm** takes the numbers of all arrays together and scales all by one factor; "clip each array by itself" sounds reasonable too.
#
# Predict: once shortened, do they still point the same way?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（4 分鐘）四個參數陣列，梯度都超過上限。每個陣列各自縮到同樣的長度上限，和全部用一個倍數縮小，差在哪裡？
#
# - ✗ 沒有差別，都是縮短。*只看長度，忘了各陣列之間的比例。*
# - ✓ 各自縮會改變陣列之間的比例，合起來的方向就彎了。*同一個倍數保持方向；不同的倍數不會。*
# - ✗ 各自縮比較安全，方向也比較準。*上限各自成立，但走的不再是梯度的方向。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (4 min) The gradients of four parameter arrays all exceed the limit. What is the difference between shortening each array to the limit by itself and all by one factor?
#
# - ✗ None: both shorten. *Looks at lengths alone and forgets the proportions between arrays.*
# - ✓ Each by itself changes the proportions, and the direction of the whole is bent. *One factor keeps a direction; several do not.*
# - ✗ Each by itself is safer, and truer to the direction. *Every array obeys its limit, but the step no longer follows the gradient.*


# %%
def clip_both_ways(seed, max_norm=0.05):
    net, X, y = fresh_net(seed)
    _, grads, _ = net.loss_and_grads(X, y)
    together, _ = clip_gradients(grads, max_norm)
    alone = {name: clip_gradients({name: g}, max_norm)[0][name] for name, g in grads.items()}
    return grads, together, alone


# %%
clipped = clip_both_ways(seed=0)
for name in "UaVc":
    norms = [np.linalg.norm(arrays[name]) for arrays in clipped]
    print("norm of {}: before ≈{:.3f}, together ≈{:.4f}, each alone ≈{:.4f}".format(name, *norms))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 這裡四個陣列都超過上限，各自裁就變得一樣長，原本不重要的偏置和權重平起平坐：方向被扭彎了。一起裁，比例不變。
#
# `clip_gradients` 回傳**新的**陣列和**裁剪前**的範數：前者保證呼叫者手上的梯度原封不動，後者是最好用的監測指標（上面四張小圖的右下角）。
#
# **主張 5** 20 個網路，一起裁剪時，餘弦與 1 必然相差不到 10⁻¹²；各自裁剪時，餘弦的平均低於 0.95，而且每一個都低於 0.999。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# Here all four arrays exceed the limit, so clipping each by itself makes them equally long, and a bias gradient that hardly mattered counts as much as a weight matrix's: the direction is bent. Together, the proportions stay.
#
# `clip_gradients` returns **new** arrays and the norm **before** clipping: the former leaves the caller's gradient alone, the latter is the most useful monitor there is (bottom right in the four panels above).
#
# **Claim 5** For 20 nets: clipped together, the cosine must be within 10⁻¹² of 1; each alone, its mean is below 0.95, and every one below 0.999.

# %%
kept, bent = [], []
for seed in range(20):
    grads, together, alone = (flatten(arrays) for arrays in clip_both_ways(seed))
    kept.append(abs(1 - cosine(together, grads)))
    bent.append(cosine(alone, grads))
print(f"each alone: cosine {mean_interval(bent):.3f}")
claim(5, bool(max(kept) < 1e-12 and np.mean(bent) < 0.95 and max(bent) < 0.999))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 早停：「最佳參數」真的還在嗎？
#
# 早停要記住驗證損失最低時的參數。下面這個寫法看起來完全沒問題，網路上到處都是。
#
# 雜訊更大的資料（0.7）、只有 200 列，過擬合（overfitting）會很明顯。訓練時就地更新參數（`values -= …`），這也很常見。
#
# 先猜：訓練完把「最佳參數」放回模型，驗證損失會是多少？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Early stopping: are the "best parameters" still there?
#
# Early stopping must remember the parameters of the lowest validation loss. The version below looks fine, and can be found everywhere.
#
# With noisier data (0.7) and 200 rows only, overfitting is plain to see. The training updates its parameters in place (`values -= …`), which is common too.
#
# Predict: with the "best parameters" put back at the end, what will the validation loss be?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（6 分鐘）早停的程式在驗證損失創新低時寫 `self.best_params = params`，而訓練用 `values -= ...` 就地更新。訓練完放回「最佳參數」，模型是哪一輪的？
#
# - ✗ 驗證損失最低的那一輪。*以為指派會複製；它只是同一批陣列的另一個名字。*
# - ✗ 第一輪。*以為存下來的東西從此不變，而且只存一次。*
# - ✓ 最後一輪。*字典裡是同一批陣列，就地更新時「最佳參數」也跟著動。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (6 min) Early stopping says `self.best_params = params` whenever the validation loss is a new low, and training updates in place with `values -= ...`. With the "best parameters" put back at the end, which epoch's is the model?
#
# - ✗ That of the lowest validation loss. *Thinks that an assignment copies; it is another name for the same arrays.*
# - ✗ The first one's. *Thinks that what is kept is kept once and stays as it was.*
# - ✓ The last one's. *The arrays in the dict are the same ones, and move with every update in place.*


# %%
class LeakyStopping:
    def __init__(self, patience):
        self.patience, self.bad_calls, self.best_loss = patience, 0, np.inf

    def __call__(self, val_loss, params):
        self.bad_calls += 1
        if val_loss < self.best_loss:
            self.best_loss, self.best_params, self.bad_calls = val_loss, params, 0
        return self.bad_calls >= self.patience

    def get_best_params(self):
        return self.best_params


# %% slideshow={"slide_type": "subslide"}
def train_in_place(seed, stopping, epochs=60):
    rng = seeding.rng(seed)
    train_data, val_data = (make_turns(n, rng, noise=0.7) for n in (200, 300))
    net, val_losses = TurnNet(12, 16, 3, rng), []
    for _ in range(epochs):
        for X, y in create_batches(*train_data, batch_size=25, rng=rng):
            _, grads, _ = net.loss_and_grads(X, y)
            for name, values in net.get_params().items():
                values -= 0.5 * grads[name]
        val_losses.append(evaluate(net, *val_data)[0])
        stopping(val_losses[-1], net.get_params())
    net.set_params(stopping.get_best_params())
    return val_losses, evaluate(net, *val_data)[0]


# %%
stoppings = {"LeakyStopping": LeakyStopping, "EarlyStopping": EarlyStopping}
restored = {
    name: [train_in_place(seed, stopping(patience=10)) for seed in range(5)]
    for name, stopping in stoppings.items()
}

# %% slideshow={"slide_type": "subslide"} alt-zh="橫軸是輪數，縱軸是種子 0 的驗證損失，先降後升，呈 U 形。LeakyStopping 放回的是最後一輪的高損失，以叉標示；EarlyStopping 放回谷底，以星標示。" alt-en="Validation loss of seed 0 against epochs falls, then rises: a U. What LeakyStopping puts back has the high loss of the last epoch, marked by a cross; EarlyStopping puts back the bottom, marked by a star."
val_losses, mended = restored["EarlyStopping"][0]
_, leaked = restored["LeakyStopping"][0]
figure, ax = plt.subplots(figsize=(8, 3.0))
ax.plot(range(1, 61), val_losses, label="validation loss")
best_epoch = int(np.argmin(val_losses)) + 1
ax.plot(best_epoch, leaked, "X", markersize=13, label="put back by LeakyStopping")
ax.plot(best_epoch, mended, "*", markersize=16, label="put back by EarlyStopping")
ax.set(xlabel="epoch", ylabel="loss (nats)")
ax = ax.legend(fontsize=9)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# `params` 是字典，裡面是**同一批陣列**。訓練繼續就地更新，「最佳參數」也跟著動：最後放回去的，就是最後一輪的參數。模型回不到谷底，分數卻寫著谷底的數字。
#
# 還有第二個漏洞：`get_best_params` 回傳自己保存的陣列，拿到的人一動，保存的也跟著動。課程的 `EarlyStopping` **進來時複製，出去時也複製**；`train_model` 不論有沒有提早停，最後都會放回最佳參數。
#
# **主張 6** 換五個種子，EarlyStopping 放回的模型，驗證損失必然等於紀錄裡最低的（相差不到 10⁻¹²）；LeakyStopping 放回的模型，損失必然等於最後一輪的，不論哪個種子都比最低的高，平均高出 0.1 以上。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# `params` is a dict, and the arrays in it are **the same arrays**. Training goes on writing into them, and the "best parameters" move along: what is put back are the last epoch's. The model never returns to the bottom, while the record says it did.
#
# There is a second leak: `get_best_params` hands out its own arrays, and whoever writes into them changes what is kept. The course's `EarlyStopping` **copies on the way in and on the way out**; and `train_model` puts the best parameters back whether or not it stopped early.
#
# **Claim 6** For five seeds, the model that EarlyStopping puts back must have the lowest validation loss on record (within 10⁻¹²), and that of LeakyStopping the last epoch's; this is higher for every seed, and on average by more than 0.1.

# %%
mended = [loss - min(curve) for curve, loss in restored["EarlyStopping"]]
leaked = [loss - min(curve) for curve, loss in restored["LeakyStopping"]]
is_last = [np.isclose(loss, curve[-1], atol=1e-12) for curve, loss in restored["LeakyStopping"]]
print(f"LeakyStopping: {mean_interval(leaked):.2f} above the lowest")
claim(6, max(np.abs(mended)) < 1e-12 and all(is_last) and min(leaked) > 0 and np.mean(leaked) > 0.1)

# %%
stopping = EarlyStopping(patience=3)
stopping(1.0, {"w": np.ones(2)})
handed_out = stopping.get_best_params()
handed_out["w"][:] = 99
print("kept:", stopping.get_best_params()["w"], " handed out and overwritten:", handed_out["w"])

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 學習率排程，畫出來
#
# 排程是一個函式：收到 `(epoch, initial_lr)`，也就是第幾輪與初始學習率，回傳這一輪的學習率。`learning_rate_schedule` 是階梯：初始學習率乘上 decay 的 ⌊epoch / decay_every⌋ 次方。餘弦一行；`PlateauSchedule` 不一樣，要看驗證損失，停滯（plateau）了才砍。
#
# 猜猜看：把剛才那條 U 形的驗證損失交給 `PlateauSchedule`（耐心 5 輪、砍半），學習率會砍幾次？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Schedules, drawn
#
# A schedule is a function: (epoch, initial rate) → this epoch's rate. `learning_rate_schedule` is a staircase: the initial rate times decay to the power ⌊epoch / decay_every⌋. A cosine takes one line; `PlateauSchedule` is different: it watches the validation loss and cuts where there is no progress.
#
# Guess: shown the U-shaped validation loss from above (patience 5, cut by half), how many times will it cut?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（5 分鐘）驗證損失先降後升，呈 U 形，之後再也沒有低過谷底。停滯排程（耐心 5 輪、砍半）會砍幾次學習率？
#
# - ✓ 谷底之後每六輪砍一次，砍到結束。*之後再也沒有進步，每次砍完重新計算耐心，用完又砍。*
# - ✗ 一次，在谷底之後。*以為砍過就停；每多六輪沒有進步，它就再砍一次。*
# - ✗ 不會砍，因為損失一直在變。*「停滯」問的是有沒有比最低的再低，不是有沒有變動。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (5 min) A validation loss falls, then rises, a U, and never again gets below its bottom. How often does a plateau schedule (patience 5, cut by half) cut the rate?
#
# - ✓ Every six epochs after the bottom, to the end. *There is no progress any more; after each cut patience starts anew, and runs out again.*
# - ✗ Once, after the bottom. *Thinks that one cut is all; every six epochs more without progress bring another.*
# - ✗ Never: the loss keeps changing. *Progress means falling below the lowest so far, not changing.*


# %%
def staircase(epoch, initial_lr):
    return learning_rate_schedule(epoch, initial_lr, decay=0.5, decay_every=10)


def cosine_wave(epoch, initial_lr, num_epochs=60):
    return initial_lr * (1 + np.cos(np.pi * epoch / num_epochs)) / 2


def draw_rates(schedule):
    rates = []
    for epoch, val_loss in enumerate(val_losses):
        rates.append(schedule(epoch, 0.1))
        if hasattr(schedule, "observe"):
            schedule.observe(val_loss)
    return rates


# %% slideshow={"slide_type": "subslide"} alt-zh="橫軸是輪數，縱軸是四種排程的學習率：階梯每十輪減半；餘弦由慢到快再到慢降到零；先暖身十輪再走餘弦；停滯排程一直維持 0.1，到驗證損失不再下降後連砍好幾次。" alt-en="The rates of four schedules against epochs: a staircase that halves every ten; a cosine, slow, fast, slow, down to zero; ten epochs of warm-up, then a cosine; a plateau schedule that stays at 0.1 until the validation loss stops falling, and then cuts again and again."
warm_up = schedules.WarmupSchedule(schedules.CosineSchedule(50), 10, start_factor=0.1)
plateau = schedules.PlateauSchedule(factor=0.5, patience=5)
drawn = {
    "staircase": staircase,
    "cosine": cosine_wave,
    "warm-up, cosine": warm_up,
    "plateau": plateau,
}
rates = {name: draw_rates(schedule) for name, schedule in drawn.items()}
figure, ax = plt.subplots(figsize=(8, 2.9))
for name, values in rates.items():
    ax.step(range(60), values, where="post", label=name)
ax.set(xlabel="epoch", ylabel="rate", ylim=(0, 0.105))
ax = ax.legend(fontsize=9, loc="upper right")


# %% slideshow={"slide_type": "subslide"}
def torch_rates(make_scheduler, watches_loss=False):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
    scheduler, rates = make_scheduler(optimizer), []
    for val_loss in val_losses:
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step(*[val_loss] * watches_loss)
    return rates


# %%
by_torch = {
    "staircase": torch_rates(lambda o: lr_scheduler.StepLR(o, 10, 0.5)),
    "cosine": torch_rates(lambda o: lr_scheduler.CosineAnnealingLR(o, 60)),
    "plateau": torch_rates(
        lambda o: lr_scheduler.ReduceLROnPlateau(o, factor=0.5, patience=5), True
    ),
}

# %% [markdown] lang="zh-TW"
# **主張 7** 階梯、餘弦、停滯三種排程，60 輪的學習率必然與 `torch.optim.lr_scheduler` 的相差不到 10⁻¹²；停滯排程每一次砍之前的六輪，驗證損失必然都沒有進步（比之前最低的再低萬分之一以上，才算進步）。在這條 U 形曲線上，停滯排程至少砍三次。
#
# 但停滯排程不知道谷底在哪裡：損失只要六輪沒有進步，學習率就砍，之後損失還是可能再降。

# %% [markdown] lang="en"
# **Claim 7** For staircase, cosine and plateau, all 60 rates must be within 10⁻¹² of those of `torch.optim.lr_scheduler`; and in the six epochs before each cut of the plateau schedule the validation loss must have made no progress (which means falling below its lowest by more than one part in ten thousand). On this U-shaped curve it cuts at least three times.
#
# Yet it does not know where the bottom is: six epochs without progress and it cuts, and the loss may still fall later.

# %%
same = [np.allclose(by_torch[name], rates[name], rtol=0, atol=1e-12) for name in by_torch]
cuts = np.flatnonzero(np.diff(rates["plateau"]) < 0) + 1
print("plateau cuts before epochs", *(cuts + 1), "and the lowest loss is at epoch", best_epoch)
patient = all(
    min(val_losses[cut - 6 : cut]) >= (1 - 1e-4) * min(val_losses[: cut - 6]) for cut in cuts
)
claim(7, all(same) and patient and len(cuts) >= 3)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 六種優化器，與通往 PyTorch 的橋
#
# 優化器都是同一個介面：`params = optimizer.step(params, grads, lr)`，字典進、字典出，進去的不改動。`SGD`、`Momentum`、`Nesterov`、`RMSprop`、`Adam`、`AdamW` 各自記得自己的狀態；公式見[[optimizers]]。
#
# 最嚴格的檢查：把**同一個網路**（同樣的權重）放進 PyTorch，餵**同樣的批次**，用對應的優化器，一步一步比損失。`nn.Linear` 的權重形狀是 `(輸出, 輸入)`，和我們的相反，所以要轉置。
#
# 先猜：走 100 步之後，兩邊的損失會差多少？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Six optimizers, and the bridge to PyTorch
#
# All optimizers have one interface: `params = optimizer.step(params, grads, lr)`, a dict in, a dict out, and nothing that went in is changed. `SGD`, `Momentum`, `Nesterov`, `RMSprop`, `Adam` and `AdamW` each remember their own state; [[optimizers]] has the formulas.
#
# The strictest check: put the **same network** (the same weights) into PyTorch, feed it the **same batches**, use the corresponding optimizer, and compare the losses step by step. The weight of `nn.Linear` is (outputs, inputs), the reverse of ours, so it is transposed.
#
# Guess: after 100 steps, how far apart are the two losses?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（6 分鐘）同一個網路、同樣的批次，用自己寫的 Adam 和 PyTorch 的 Adam 各走 100 步，都是 float64。損失在第六位小數開始不同。最可能的原因是什麼？
#
# - ✗ 捨入誤差，兩個實作總會差一點。*float64 的捨入在第十六位附近，100 步也長不到第六位。*
# - ✗ 亂數種子不同。*批次和權重都相同，這裡沒有別的隨機。*
# - ✓ 兩邊的公式不一樣，例如 ε 放的位置不同。*差到第六位，表示算的不是同一個東西。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (6 min) One network, the same batches, 100 steps with an Adam of your own and with PyTorch's, both in float64. The losses differ from the sixth decimal on. What is the likeliest reason?
#
# - ✗ Rounding: two implementations always differ a little. *In float64 that is near the sixteenth digit, and 100 steps do not take it to the sixth.*
# - ✗ Different random seeds. *Batches and weights are the same, and nothing else is random.*
# - ✓ Two different formulas, such as ε in another place. *A difference in the sixth digit says that different things are computed.*


# %%
def as_torch(params):
    linears = []
    for weight, bias in (("U", "a"), ("V", "c")):
        layer = nn.Linear(*params[weight].shape)
        layer.weight = nn.Parameter(torch.tensor(params[weight].T))
        layer.bias = nn.Parameter(torch.tensor(params[bias]))
        linears.append(layer)
    return nn.Sequential(nn.Flatten(), linears[0], nn.Tanh(), linears[1])


# %%
def torch_step(net, optimizer, X, y, clip_norm=None):
    loss = nn.functional.cross_entropy(net(torch.from_numpy(X)), torch.from_numpy(y))
    optimizer.zero_grad()
    loss.backward()
    if clip_norm is not None:
        nn.utils.clip_grad_norm_(net.parameters(), clip_norm)
    optimizer.step()
    return loss.item()


# %% slideshow={"slide_type": "subslide"}
def loss_gaps(seed, ours, theirs, lr, dtype=np.float64, clip=np.inf, torch_clip=None, **settings):
    net, X, y = fresh_net(seed, num_rows=400)
    net.set_params({name: values.astype(dtype) for name, values in net.params.items()})
    twin, rng, gaps = as_torch(net.params), seeding.rng(seed), []
    optimizer = theirs(twin.parameters(), lr=lr, **settings)
    while len(gaps) < 100:
        for X_batch, y_batch in create_batches(X.astype(dtype), y, rng=rng):
            loss, _, _ = train_step(net, X_batch, y_batch, lr, clip, optimizer=ours)
            gaps.append(abs(loss - torch_step(twin, optimizer, X_batch, y_batch, torch_clip)))
    return gaps[:100]


# %% slideshow={"slide_type": "subslide"}
o, t = optimizers, torch.optim
rules = {
    "SGD": (o.SGD, t.SGD, 0.5, {}),
    "Momentum": (o.Momentum, t.SGD, 0.1, {"momentum": 0.9}),
    "Nesterov": (o.Nesterov, t.SGD, 0.1, {"momentum": 0.9, "nesterov": True}),
    "RMSprop": (o.RMSprop, t.RMSprop, 0.01, {}),
    "Adam": (o.Adam, t.Adam, 0.02, {}),
    "AdamW": (o.AdamW, t.AdamW, 0.02, {"weight_decay": 0.01}),
}

# %%
gaps = {
    name: np.array([loss_gaps(seed, ours(), theirs, lr, **kw) for seed in range(5)])
    for name, (ours, theirs, lr, kw) in rules.items()
}
for name, gap in gaps.items():
    print(f"{name:9s} largest gap of 5 × 100 losses: ≈{gap.max():.0e}")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 第六位小數之謎
#
# 再加兩條：float32，以及 float64 加上裁剪（全域範數 0.3）。裁剪是一個除法和一個乘法，理應不會有什麼差別……

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### A riddle in the sixth digit
#
# Add two more: float32, and float64 with clipping (global norm 0.3). Clipping is one division and one multiplication, and ought to make no difference ...

# %%
bridge = {"float64": gaps["SGD"]}
extras = {
    "float64, clipped": {"clip": 0.3, "torch_clip": 0.3},
    "float32": {"dtype": np.float32},
}
for name, extra in extras.items():
    runs = [loss_gaps(seed, o.SGD(), t.SGD, 0.5, **extra) for seed in range(5)]
    bridge[name] = np.array(runs)

# %% slideshow={"slide_type": "subslide"} alt-zh="橫軸是步數，縱軸是兩邊損失的差距（對數刻度），取五個種子裡最大的。float64 一直在 10 的負 16 次方到負 15 次方（有一步五個種子都剛好是 0，線在那裡斷開）；float32 在 10 的負 7 次方上下；float64 加裁剪起初和 float32 差不多，後來升到 10 的負 6 次方以上，比 float32 還差。" alt-en="Gap between the two losses against steps, log axis, the largest of five seeds. float64 stays between 1e-16 and 1e-15 (at one step it is 0 for all five, and the line breaks off); float32 is near 1e-7; float64 with clipping starts out like float32 and then rises above 1e-6, worse than float32."
figure, ax = plt.subplots(figsize=(8, 3.0))
for name, runs in bridge.items():
    ax.semilogy(range(1, 101), runs.max(axis=0), label=name, nonpositive="mask")
ax.set(xlabel="step", ylabel="largest gap of five\nseeds (nats, log)", ylim=(1e-17, 1e-4))
ax = ax.legend(fontsize=9, loc="center right")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 有裁剪的那條最後差了九個數量級，一定有原因。翻開 `clip_grad_norm_` 的原始碼：倍數是 `max_norm / (total_norm + 1e-6)`，為了不除以 0；我們的倍數沒有那個 10⁻⁶。對範數 0.3 來說，那是百萬分之三。
#
# 這就是對到第十位的好處：float64 差在第六位，表示兩邊**不是同一個公式**，而不是「大概是捨入」。
#
# **主張 8** 六種優化器（optimizer）、五個種子、100 步，float64 的損失每一步必然相差不到 10⁻¹⁰。
#
# **主張 9** 用 torch 的 `clip_grad_norm_` 裁剪，不論五個種子的哪一個，最大差距都超過 10⁻⁸，但小於 10⁻⁴；把我們的裁剪也加上 10⁻⁶，差距必然又回到 10⁻¹⁰ 以內。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# The clipped one ends nine orders of magnitude off, and there must be a reason. Open the source of `clip_grad_norm_`: its factor is `max_norm / (total_norm + 1e-6)`, so as not to divide by 0; ours has no 10⁻⁶. At a norm of 0.3 that is three parts in a million.
#
# This is what agreement to the tenth digit is good for: in float64, a difference in the sixth says that these are **not the same formula**, and not "rounding, probably".
#
# **Claim 8** For six optimizers, five seeds and 100 steps, the float64 losses must be within 10⁻¹⁰ at every step.
#
# **Claim 9** Clipped by torch's `clip_grad_norm_`, the largest gap of each of the five seeds is above 10⁻⁸ and below 10⁻⁴; with 10⁻⁶ in our clipping as well, it must be back within 10⁻¹⁰.


# %%
class ClipAsTorch(optimizers.SGD):
    def step(self, params, grads, learning_rate):
        factor = min(1, 0.3 / (np.linalg.norm(flatten(grads)) + 1e-6))
        return super().step(params, {k: factor * g for k, g in grads.items()}, learning_rate)


solved = [loss_gaps(seed, ClipAsTorch(), t.SGD, 0.5, torch_clip=0.3) for seed in range(5)]
print(f"with the same 1e-6, largest gap: ≈{np.max(solved):.0e}")

# %%
claim(8, max(gap.max() for gap in gaps.values()) < 1e-10)
riddle = bridge["float64, clipped"].max(axis=1)
claim(9, bool((riddle > 1e-8).all() and (riddle < 1e-4).all() and np.max(solved) < 1e-10))

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 記憶體不夠？分幾次算梯度
#
# 批次想要 32，記憶體只裝得下 12。**梯度累積**：把批次切成幾份，一份一份算梯度，加起來再走一步。`train_step(..., accumulate=3)` 就是這樣。
#
# 32 切成三份是 11、11、10。想一想：把三份的平均梯度再取平均，等於整批的梯度嗎？

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Short of memory? Compute the gradient in parts
#
# You want a batch of 32, and memory holds 12. **Gradient accumulation**: cut the batch into parts, find each part's gradient, add them up, then step once. `train_step(..., accumulate=3)` does this.
#
# Cut into three, 32 rows become 11, 11 and 10. Predict: is the mean of the three mean gradients the gradient of the whole batch?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（4 分鐘）32 列的批次切成 11、11、10 三份，各算平均損失的梯度。要得到整批的梯度，怎麼合起來？
#
# - ✗ 三個梯度取平均。*短的一份只有 10 列，卻和 11 列的一份同樣重。*
# - ✓ 乘上各自的列數再相加，除以 32。*這才是每一列的梯度的平均，和怎麼切無關。*
# - ✗ 三個梯度相加。*每一份已經是平均，相加就大了三倍左右。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (4 min) A batch of 32 rows is cut into 11, 11 and 10, and each part gives the gradient of its mean loss. How do they make the gradient of the whole batch?
#
# - ✗ By the mean of the three. *The part of 10 rows would weigh as much as one of 11.*
# - ✓ Each times its rows, added up, divided by 32. *That is the mean over rows, however they are cut.*
# - ✗ By their sum. *Each is a mean already; the sum is about three times too large.*


# %%
def moved_by_one_step(seed, accumulate):
    net, X, y = fresh_net(seed)
    before = flatten(net.params)
    train_step(net, X, y, learning_rate=0.5, accumulate=accumulate)
    return flatten(net.params) - before


# %%
def moved_by_mean_of_means(seed, parts):
    net, X, y = fresh_net(seed)
    pieces = np.array_split(np.arange(32), parts)
    means = [flatten(net.loss_and_grads(X[rows], y[rows])[1]) for rows in pieces]
    return -0.5 * np.mean(means, axis=0)


# %%
whole = [moved_by_one_step(seed, 1) for seed in range(20)]
for parts in (2, 3, 5, 32):
    library = [relative_gap(moved_by_one_step(s, parts), whole[s]) for s in range(20)]
    means = [relative_gap(moved_by_mean_of_means(s, parts), whole[s]) for s in range(20)]
    print(f"{parts:2d} parts: accumulate ≈{max(library):.0e}, mean of means ≈{max(means):.0e}")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 份數整除時，兩種都對；不整除時，「平均的平均」會讓短的那一份權重過大。要按每份的列數加權。（[[mnist_mlp]]的評估也是同一個道理。）
#
# **主張 10** 換 20 個種子，分成 2、3、5、32 份，`accumulate` 走的那一步與整批的相對差距必然小於 10⁻¹²；分成 3 份或 5 份時，「平均的平均」與整批的相對差距都大於 10⁻⁴。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# Where the parts are equal, both are right; where they are not, the mean of means gives the short part too much weight. Weigh each by its number of rows. (The evaluation of [[mnist_mlp]] was the same point.)
#
# **Claim 10** For 20 seeds and 2, 3, 5 and 32 parts, the step of `accumulate` must be within a relative gap of 10⁻¹² of the whole batch's; with 3 or 5 parts the mean of means is off by more than 10⁻⁴ every time.

# %%
accumulated = [
    relative_gap(moved_by_one_step(s, p), whole[s]) for s in range(20) for p in (2, 3, 5, 32)
]
off = [relative_gap(moved_by_mean_of_means(s, p), whole[s]) for s in range(20) for p in (3, 5)]
claim(10, max(accumulated) < 1e-12 and min(off) > 1e-4)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 混合精度：float16 裝得下你的梯度嗎？
#
# float16 省一半的記憶體，GPU 上也快得多。代價是範圍很窄：大於 65,504 就變成 inf，小於 3×10⁻⁸ 就變成 **0**（下溢，underflow）。
#
# 我們這個小網路的梯度大約 10⁻²，沒事。但梯度的大小取決於損失的單位：輔助損失若乘上很小的權重，整個分布就往左移；對幾百萬個字取平均，每個字的 ∂L/∂z 也都帶著 1/N。下面把損失乘上 10⁻⁶ 看看。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Mixed precision: does float16 hold your gradient?
#
# float16 halves the memory and is much faster on a GPU. The price is a narrow range: above 65,504 it is inf, and below 3×10⁻⁸ it is **0** (underflow).
#
# The gradients of our small network are about 10⁻², and safe. But their size depends on the unit of the loss: a small weight on an auxiliary loss pushes the whole distribution to the left; and in a mean over millions of words, each word's ∂L/∂z carries a factor 1/N. Below, the loss is multiplied by 10⁻⁶.

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（4 分鐘）把損失乘上 10⁻⁶，用 float16 算梯度，原本大小約 10⁻² 的梯度會怎樣？
#
# - ✓ 大多變成 0，而且沒有任何錯誤訊息。*10⁻⁸ 小於 float16 最小的數的一半，下溢成 0。*
# - ✗ 數字粗糙一點，但比例不變。*以為浮點數的位數固定就沒事；範圍也有下限。*
# - ✗ 變成 inf，訓練停下來。*那是太大時的溢位；太小是無聲的。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (4 min) A loss is multiplied by 10⁻⁶ and its gradients, of some 10⁻² before, are computed in float16. What becomes of them?
#
# - ✓ Most become 0, without any error. *10⁻⁸ is less than half of float16's smallest number and underflows.*
# - ✗ A little less exact, in the same proportions. *Thinks that a fixed number of digits is all; the range has a lower end as well.*
# - ✗ They become inf, and training stops. *That is what too large does; too small is silent.*


# %%
class WeightedNet(TurnNet):
    loss_weight = 1.0

    def loss_and_grads(self, X, y, task="classification"):
        loss, grads, logits = super().loss_and_grads(X, y)
        scaled = {name: (self.loss_weight * g).astype(np.float32) for name, g in grads.items()}
        return self.loss_weight * loss, scaled, logits


# %%
def weighted_net(seed, loss_weight):
    net, X, y = fresh_net(seed, num_rows=400, net_class=WeightedNet)
    net.set_params({name: values.astype(np.float32) for name, values in net.params.items()})
    net.loss_weight = loss_weight
    return net, X.astype(np.float32), y


# %% slideshow={"slide_type": "subslide"}
def gradient_sizes(loss_weight):
    sizes = []
    for seed in range(5):
        net, X, y = weighted_net(seed, loss_weight)
        sizes.append(abs(flatten(net.loss_and_grads(X[:32], y[:32])[1])))
    return np.concatenate(sizes)


# %%
sizes = {"loss": gradient_sizes(1.0), "10⁻⁶ × loss": gradient_sizes(1e-6)}
sizes["10⁻⁶ × loss × 2¹⁵"] = 2**15 * sizes["10⁻⁶ × loss"]
for name, values in sizes.items():
    print(f"{name:20s} zero in float16: ≈{np.mean(values.astype(np.float16) == 0):.0%}")

# %% slideshow={"slide_type": "subslide"} alt-zh="梯度大小的三個直方圖，橫軸是梯度大小的 log10。原本的損失落在百分之一附近，完全在 float16 的範圍內；乘上 10 的負 6 次方後大半落進左邊變成 0 的灰色區域；再乘 2 的 15 次方，又回到範圍內。" alt-en="Three histograms of gradient sizes on a log10 axis. The loss itself gives sizes near 1e-2, well inside float16; times 1e-6 most fall into the grey region on the left that becomes 0; times 2^15 they are back inside."
figure, ax = plt.subplots(figsize=(8, 3.0))
for (name, values), style in zip(sizes.items(), ["-", "--", ":"], strict=True):
    ax.hist(np.log10(values), bins=40, histtype="step", label=name, linestyle=style, linewidth=2)
ax.axvspan(-13, np.log10(2.0**-25), color="gray", alpha=0.3)
ax.axvline(np.log10(65504), color="black", linewidth=1)
ax.text(-12.8, 95, "becomes 0")
ax.text(4.95, 95, "inf")
ax.set(xlabel="log10 of the gradient's size", ylabel="count", xlim=(-13, 6), ylim=(0, 130))
ax = ax.legend(fontsize=9, loc="upper center", ncols=3)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# ### 損失縮放
#
# 解法（Micikevicius 等人，2018）：反向傳播之前把損失乘上 S，梯度跟著變成 S 倍，躲過下溢；在 float32 裡除回去，再更新 float32 的主要權重（master weights）。論文裡的 S 是固定的；這裡像 PyTorch 的 `GradScaler` 那樣，由程式自己找：溢位就減半、跳過這一步；一陣子沒事就加倍。
#
# 用 Adam 訓練，各種損失權重。只要 Adam 的 `eps` 小到可以忽略（下面用 10⁻²⁰，不是預設的 10⁻⁸），梯度的單位就不影響結果，在 float32 裡這幾種權重都該一樣。猜猜看：權重 10⁻⁶ 時，將近八成的梯度變成 0，準確率剩多少？

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### Loss scaling
#
# The remedy (Micikevicius et al., 2018): multiply the loss by S before the backward pass; gradients become S times as large and escape the underflow; divide them by S in float32 and update master weights in float32. The paper's S is constant; here the program finds it, as PyTorch's `GradScaler` does: an overflow halves it and skips the step; a while without one doubles it.
#
# Train with Adam at several loss weights. As long as Adam's `eps` is negligible (10⁻²⁰ below, not the default 10⁻⁸), it does not mind the unit of gradients, and in float32 all these weights should give the same. Guess: at weight 10⁻⁶, with nearly 80 % of the gradients at 0, what is left of the accuracy?

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "notes"}
# **提問**（6 分鐘）混合精度訓練在反向傳播之前把損失乘上 S，更新前再把梯度除以 S。除法為什麼要在 float32 裡做，而不是 float16？
#
# - ✗ 因為 float16 的除法比較慢。*問題不在速度。*
# - ✓ 除完的梯度太小，float16 裝不下，又會變成 0。*縮放就是為了躲開下溢；在 float16 裡除回去，等於白做。*
# - ✗ 因為 S 太大，float16 存不了 S。*S 常常存得下；存不下的是除完的小數。*

# %% [markdown] lang="en" slideshow={"slide_type": "notes"}
# **Ask** (6 min) Mixed-precision training multiplies the loss by S before the backward pass and divides the gradients by S before the update. Why must that division be done in float32, and not in float16?
#
# - ✗ Division is slow in float16. *Speed is not the matter.*
# - ✓ The divided gradients are too small for float16 and would become 0 again. *The scale is there to escape that underflow; dividing in float16 undoes it.*
# - ✗ S is too large for float16. *It often is not; what does not fit is the small result.*


# %%
def half_precision_run(seed, loss_weight, loss_scale):
    net, X, y = weighted_net(seed, loss_weight)
    X_val, y_val = make_turns(400, seeding.rng(1000 + seed))
    adam = optimizers.Adam(eps=1e-20)  # the usual 1e-8 would drown such gradients
    options = {"epochs": 12, "patience": 12, "verbose": False, "clip_norm": np.inf, "rng": seed}
    options |= {"learning_rate": 0.02, "optimizer": adam, "loss_scale": loss_scale}
    history = train_model(net, (X, y), (X_val.astype(np.float32), y_val), **options)
    return {"accuracy": history["val_metric"][-1], "skipped": sum(history["skipped_steps"])}


# %%
weights = [1.0, 1e-3, 1e-6, 1e-7]
scales = {"float16, no scaling": 1.0, "float16, loss scaling": DynamicLossScale()}

runs = {
    name: run_seeds(
        half_precision_run,
        settings={str(w): {"loss_weight": w, "loss_scale": scale} for w in weights},
        n_jobs=1,
    )
    for name, scale in scales.items()
}
half = {name: run["accuracy"].to_numpy().reshape(len(weights), 5) for name, run in runs.items()}

# %% slideshow={"slide_type": "subslide"} alt-zh="橫軸是損失的權重（對數刻度），縱軸是驗證準確率。有損失縮放的線一直在 97% 左右；沒有縮放的在 10 的負 6 次方略低，到 10 的負 7 次方突然掉到瞎猜的三分之一。" alt-en="Validation accuracy against the weight of the loss, log axis. With loss scaling it stays near 97 %; without, it is a little lower at 1e-6 and falls off a cliff to a guess, one third, at 1e-7."
figure, ax = plt.subplots(figsize=(8, 3.0))
for (name, accuracies), marker in zip(half.items(), "os", strict=True):
    plotting.plot_band(ax, weights, 100 * accuracies.T, name, marker=marker)
ax.axhline(100 / 3, color="gray", linewidth=1, label="a guess")
ax.set(xscale="log", xlabel="weight of the loss (log)", ylabel="validation accuracy (%)")
ax.set_ylim(20, 102)
ax = ax.legend(fontsize=9, loc="center right")

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "subslide"}
# 又一個意外：將近八成變成 0，準確率只少了幾個百分點；留下來的是大的那兩成，方向大致還在。可是再縮到十分之一，梯度就全部是 0，模型一步也沒動，沒有錯誤訊息，什麼都沒有。少幾個百分點，看不出**懸崖**就在下一步，所以要用自動的縮放。
#
# **主張 11** 權重 10⁻⁶ 時，有一半以上的梯度在 float16 裡是 0，而不論五個種子的哪一個，不縮放的準確率仍超過 80%；權重 10⁻⁷ 時，不縮放的準確率都低於 55%。有縮放的話，每一種權重、每一個種子都超過 90%。
#
# **主張 12** 不論五個種子的哪一個，從 S = 2²⁴ 開始，動態縮放會先跳過 3 到 20 步，之後的準確率仍超過 90%。

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# Another surprise: with nearly eight tenths at 0 the accuracy loses a few points only; the large two tenths survive, and with them most of the direction. Ten times smaller still, and all are 0: the model does not move at all, and there is no error, no message, nothing. A loss of a few points does not tell that the **cliff** is one step away, hence the automatic scale.
#
# **Claim 11** For all five seeds: at weight 10⁻⁶ more than half of the gradients are 0 in float16, and without scaling the accuracy is still above 80 %; at 10⁻⁷ it is below 55 % without scaling, and with scaling above 90 % at every weight.
#
# **Claim 12** Starting at S = 2²⁴, dynamic scaling first skips 3 to 20 steps, and then all five seeds still end above 90 %.

# %%
unscaled, scaled = half.values()
lost = np.mean(sizes["10⁻⁶ × loss"].astype(np.float16) == 0)
survives = (unscaled[2] > 0.8).all() and (scaled > 0.9).all()
claim(11, bool(lost > 0.5 and survives and (unscaled[3:] < 0.55).all()))

# %%
high = DynamicLossScale(initial_scale=2.0**24)
started_high = [half_precision_run(seed, 1.0, high) for seed in range(5)]
skipped = [run["skipped"] for run in started_high]
print("steps skipped, five seeds:", *[f"≈{count}" for count in skipped])
reached = min(run["accuracy"] for run in started_high)
claim(12, min(skipped) >= 3 and max(skipped) <= 20 and reached > 0.9)

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 練習 1：大到平方會爆的梯度
#
# 難度 ★★☆，約 15 分鐘。
#
# 裁剪是為了救爆炸的梯度，可是 float32 的梯度大到 10³⁰ 時，平方是 inf，範數是 inf，倍數是 0：整步都沒了。
#
# 寫出 `clip_by_global_norm(grads, max_norm)`：`grads` 是名字 → 陣列的字典，回傳 `(clipped, norm)`：裁剪後的新字典，與裁剪前的範數。全部的陣列乘同一個倍數，短的不拉長；10³⁰、10⁻³⁰、全部是 0 都要對；dtype 不變，傳進來的陣列不可以改動。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Exercise 1: gradients whose squares explode
#
# Difficulty ★★☆, about 15 minutes.
#
# Clipping is there to rescue exploding gradients; but in float32, gradients of 10³⁰ have squares of inf, a norm of inf, and a factor of 0: the whole step is gone.
#
# Write `clip_by_global_norm(grads, max_norm)`: `grads` is a dict from name to array; return (a new dict of clipped arrays, the norm before). All arrays share one factor, short gradients are not stretched; 10³⁰, 10⁻³⁰ and all zeros must come out right; dtypes stay, and the arrays you are given must not change.


# %% tags=["exercise"]
def clip_by_global_norm(grads, max_norm):
    raise NotImplementedError  # your code here: return clipped, norm


# %% tags=["check"]
exercises.clip_by_global_norm.check(clip_by_global_norm)


# %% tags=["solution"]
# One possible answer; open it once you have tried.
def clip_by_global_norm_solution(grads, max_norm):
    """(grads with a global norm of at most ``max_norm``, the norm before); any size, any dtype."""
    largest = max(float(abs(g).max()) for g in grads.values())
    if largest == 0:
        return {name: g.copy() for name, g in grads.items()}, 0.0
    squares = sum(((g.astype(float) / largest) ** 2).sum() for g in grads.values())
    norm = largest * float(np.sqrt(squares))
    factor = min(1.0, max_norm / norm)
    return {name: (g * factor).astype(g.dtype) for name, g in grads.items()}, norm


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 練習 2：守住最佳參數
#
# 難度 ★★☆，約 10 分鐘。
#
# 寫出類別 `BestParams`，進出兩道門都要關好：
#
# - `update(loss, params)`：損失比以往都低，就留下這份參數（名字 → 陣列的字典），回傳 True；否則回傳 False。打平不換。損失是 nan 時絕不留下。
# - `get()`：回傳目前最好的那一份；還沒有就回傳 None。
#
# 呼叫者之後不論怎麼改 `params`、怎麼改 `get()` 給他的東西，你保存的都不能變。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Exercise 2: guard the best parameters
#
# Difficulty ★★☆, about 10 minutes.
#
# Write a class `BestParams` with both its doors shut:
#
# - `update(loss, params)`: where the loss is lower than ever before, keep these parameters (a dict from name to array) and return True, else return False. A tie changes nothing. A loss of nan is never kept.
# - `get()`: hand out the best so far, or None where there is none yet.
#
# Whatever the caller does to `params` afterwards, or to what `get()` gave, what you keep must not change.


# %% tags=["exercise"]
class BestParams:
    def __init__(self):
        raise NotImplementedError  # your code here

    def update(self, loss, params):
        raise NotImplementedError  # your code here

    def get(self):
        raise NotImplementedError  # your code here


# %% tags=["check"]
exercises.BestParams.check(BestParams)


# %% tags=["solution"]
# One possible answer; open it once you have tried.
class BestParams_solution:
    """Keeps a copy of the parameters with the lowest loss, and hands out copies."""

    def __init__(self):
        self.loss, self.params = float("inf"), None

    def update(self, loss, params):
        """True where ``loss`` is lower than every one before; then ``params`` are kept."""
        if not loss < self.loss:
            return False
        self.loss, self.params = loss, self._copy(params)
        return True

    def get(self):
        """A copy of what was kept, or None."""
        return None if self.params is None else self._copy(self.params)

    def _copy(self, params):
        return {name: values.copy() for name, values in params.items()}


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 練習 3：把 float16 的梯度還原
#
# 難度 ★★☆，約 10 分鐘。
#
# 損失乘上 S 之後，float16 裡的梯度也是 S 倍。更新 float32 的主要權重之前，要除回去；只要有一個數是 inf 或 nan，這一步就得跳過。
#
# 寫出 `unscale_gradients(grads, loss_scale)`：`grads` 是名字 → float16 陣列的字典，`loss_scale` 是 S。回傳 `(gradients, overflowed)`：`gradients` 是新的字典，陣列是 float32，除以 S，除完只剩 10⁻⁹ 的也要對；`overflowed` 在任何一個陣列有 inf 或 nan 時是 True，否則是 False（是 True 時，`gradients` 不會有人用）。傳進來的字典和陣列都不可以改動。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Exercise 3: bring gradients back from float16
#
# Difficulty ★★☆, about 10 minutes.
#
# With the loss multiplied by S, gradients in float16 are S times as large. Before they update the float32 master weights they are divided by S; and where any number is inf or nan, the step must be skipped.
#
# Write `unscale_gradients(grads, loss_scale)`: `grads` is a dict from name to float16 array, `loss_scale` is S. Return (a new dict of float32 arrays, divided by S, right even where 10⁻⁹ is left; whether the step overflowed). The second is True where any array has an inf or nan, else False (where it is True, nobody uses the first). The dict and the arrays you are given must not change.


# %% tags=["exercise"]
def unscale_gradients(grads, loss_scale):
    raise NotImplementedError  # your code here: return gradients, overflowed


# %% tags=["check"]
exercises.unscale_gradients.check(unscale_gradients)


# %% tags=["solution"]
# One possible answer; open it once you have tried.
def unscale_gradients_solution(grads, loss_scale):
    """(float32 gradients divided by ``loss_scale``, whether any number is inf or nan)."""
    overflowed = not all(np.isfinite(g).all() for g in grads.values())
    return {n: g.astype(np.float32) / np.float32(loss_scale) for n, g in grads.items()}, overflowed


# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# ## 重點整理
#
# - 訓練迴圈：洗牌、分批、梯度、裁剪、走一步、驗證；平均按列數加權，六條紀錄畫成四張小圖。
# - 沒有反向傳播而要訓練，粗而多的隨機方向勝過精而少的逐元素；有反向傳播，就用反向傳播。
# - 裁剪用一個全域範數；「最佳參數」進出都要複製；累積按列數加權。
# - 排程是 `(epoch, initial_lr)` 的函式；停滯排程不知道谷底在哪裡。
# - float16 裡太小的梯度會變成 0，而且不會報錯；損失縮放能把它們保住，更新用 float32 的主要權重。
# - 用 float64 和另一個實作比到第十位：差在第六位，就是公式不同。
#
# **下一課**：[[numpy_lstm]]，同樣的工具，模型換成 LSTM，反向傳播要穿越時間。

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Summary
#
# - The loop: shuffle, batch, gradient, clip, step, validate; means weighed by rows, six records in four panels.
# - To train without a backward pass, many rough random directions beat few exact element-wise gradients; where there is a backward pass, use it.
# - Clip by one global norm; copy the "best parameters" on the way in and out; weigh accumulated parts by rows.
# - A schedule is a function of epoch and initial rate; a plateau schedule does not know where the bottom is.
# - Gradients too small for float16 become 0 without an error; loss scaling keeps them from it, and float32 master weights are what is updated.
# - Compare with another implementation in float64, to the tenth digit: a difference in the sixth is another formula.
#
# **Next**: [[numpy_lstm]], with the same tools and an LSTM for a model, whose backward pass goes through time.

# %% [markdown] lang="zh-TW" slideshow={"slide_type": "skip"}
# ### 原始文獻
#
# - Malladi, Gao, Nichani, Damian, Lee, Chen, Arora（2023），Fine-tuning language models with just forward passes，NeurIPS，arXiv:2305.17333。只用前向微調大模型。
# - Pascanu, Mikolov, Bengio（2013），On the difficulty of training recurrent neural networks，ICML（PMLR 28），arXiv:1211.5063。全域範數裁剪。
# - Prechelt（1998），Early stopping, but when?，收於 Neural Networks: Tricks of the Trade，Springer，doi:10.1007/3-540-49430-8_3。早停。
# - Loshchilov, Hutter（2017），SGDR: stochastic gradient descent with warm restarts，ICLR，arXiv:1608.03983。餘弦排程。
# - Micikevicius, Narang, Alben, Diamos, Elsen, Garcia, Ginsburg, Houston, Kuchaiev, Venkatesh, Wu（2018），Mixed precision training，ICLR，arXiv:1710.03740。損失縮放（固定的 S）；自動的縮放見 PyTorch 說明文件的 torch.amp.GradScaler。

# %% [markdown] lang="en" slideshow={"slide_type": "skip"}
# ### Primary sources
#
# - Malladi, Gao, Nichani, Damian, Lee, Chen, Arora (2023), Fine-tuning language models with just forward passes, NeurIPS, arXiv:2305.17333. Large models fine-tuned by forward passes alone.
# - Pascanu, Mikolov, Bengio (2013), On the difficulty of training recurrent neural networks, ICML (PMLR 28), arXiv:1211.5063. Clipping by global norm.
# - Prechelt (1998), Early stopping, but when?, in Neural Networks: Tricks of the Trade, Springer, doi:10.1007/3-540-49430-8_3. Early stopping.
# - Loshchilov, Hutter (2017), SGDR: stochastic gradient descent with warm restarts, ICLR, arXiv:1608.03983. The cosine schedule.
# - Micikevicius, Narang, Alben, Diamos, Elsen, Garcia, Ginsburg, Houston, Kuchaiev, Venkatesh, Wu (2018), Mixed precision training, ICLR, arXiv:1710.03740. Loss scaling, by a constant S; for a scale that finds itself, see torch.amp.GradScaler in PyTorch's documentation.
