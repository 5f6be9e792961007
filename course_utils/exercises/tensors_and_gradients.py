"""Exercises of tensors_and_gradients: columns, distances, a slope, a module, a step in chunks."""

import itertools
import operator
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy.spatial.distance import cdist
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils.exercises.by_reference import Seen, given, right_answer
from course_utils.language import Text
from course_utils.seeding import generator


def _normal(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=generator(seed), dtype=torch.float64)


# --- standardize

_FAR = 1000.0


def _tables() -> Iterator[given]:
    few = torch.tensor([[1.0, 10.0, -2.0], [2.0, 40.0, 0.0], [6.0, 20.0, 7.0], [3.0, 90.0, -1.0]])
    yield given(few, case=Text("形狀 (4, 3)", "shape (4, 3)"))
    yield given(few[:3].clone(), case=Text("形狀 (3, 3)", "shape (3, 3)"))
    yield given(few[:, :1].clone(), case=Text("形狀 (4, 1)", "shape (4, 1)"))
    many = _normal(50, 4, seed=0) * torch.tensor([1.0, 20.0, 0.3, 5.0]) + 2
    yield given(many, case=Text("形狀 (50, 4)，float64", "shape (50, 4), float64"))
    far = (_FAR + _normal(40, 2, seed=1)).float()
    yield given(far, case=Text("平均約 1,000 的兩欄", "two columns with means near 1,000"))
    constant = few.clone()
    constant[:, 1] = 5.0
    yield given(constant, case=Text("第 1 欄全是 5", "column 1 is 5 throughout"))


def _deviations(x: Tensor, correction: int = 0) -> Tensor:
    std = x.std(dim=0, correction=correction)
    return torch.where(std > 0, std, 1)


@right_answer(
    cases=_tables,
    is_new=True,
    enough=torch.float32,
    terms=lambda x: (x.abs().amax(dim=0) / _deviations(x)).max(),
    hint=Text(
        "x.mean(dim=0) 把哪一個軸收掉了？剩下的形狀 (D,) 和 (N, D) 怎麼廣播？最後想想：全部相同的一欄，標準差是多少，除以它會怎樣？",
        "Which axis does x.mean(dim=0) take away? How does what is left, (D,), broadcast with (N, D)? Last: what is the standard deviation of a column of equal numbers, and what comes of dividing by it?",
    ),
)
def standardize(x):
    """Columns with mean 0 and standard deviation 1; a constant column becomes 0."""
    return (x - x.mean(dim=0)) / _deviations(x)


def _is_constant_somewhere(x: Tensor) -> bool:
    return bool((x == x[0]).all(dim=0).any())


def _wrong_table(name: str, text: Text, *ways: Callable, least_columns: int = 1) -> None:
    """Wrong solutions that say nothing of constant columns, and of tables with too few columns."""

    def partial(way: Callable) -> Callable:
        return lambda x: ... if _is_constant_somewhere(x) or x.shape[1] < least_columns else way(x)

    standardize.mistake(name, text, *map(partial, ways))


_wrong_table(
    "whole_table",
    Text(
        "你用的是整張表的平均（或標準差），每一欄該用自己的。",
        "you used the mean (or the deviation) of the whole table; each column has its own.",
    ),
    *(lambda x, c=c: (x - x.mean()) / x.std(correction=c) for c in (0, 1)),
    *(lambda x, c=c: (x - x.mean(dim=0)) / x.std(correction=c) for c in (0, 1)),
    lambda x: (x - x.mean()) / _deviations(x),
    least_columns=2,
)
_wrong_table(
    "rows",
    Text(
        "你處理的是每一列：同一個樣本的不同量被混在一起平均了。dim 說的是要「收掉」哪個軸。",
        "you standardized the rows, so that different quantities of one example were averaged. dim names the axis that goes away.",
    ),
    *(
        lambda x, c=c: (x - x.mean(dim=1, keepdim=True)) / x.std(dim=1, keepdim=True, correction=c)
        for c in (0, 1)
    ),
    least_columns=2,
)
_wrong_table(
    "divides_by_n_minus_1",
    Text(
        "你的標準差除以 N − 1（torch 的預設）。題目要除以 N：看看 std 的 correction。",
        "your standard deviation divides by N − 1, torch's default. The question divides by N: see the argument correction of std.",
    ),
    lambda x: (x - x.mean(dim=0)) / _deviations(x, 1),
)
_wrong_table(
    "variance",
    Text(
        "你除以變異數，也就是標準差的平方：少開了一個根號。",
        "you divided by the variance, the square of the standard deviation: a root is missing.",
    ),
    *(lambda x, c=c: (x - x.mean(dim=0)) / _deviations(x, c) ** 2 for c in (0, 1)),
)
_wrong_table(
    "mean_kept",
    Text(
        "你除了標準差，沒有減平均：各欄的平均還不是 0。",
        "you divided and did not subtract: the columns do not have mean 0 yet.",
    ),
    *(lambda x, c=c: x / _deviations(x, c) for c in (0, 1)),
)
_wrong_table(
    "mean_only",
    Text(
        "你減了平均，沒有除標準差：各欄的幅度還是不一樣。",
        "you subtracted and did not divide: the columns still differ in scale.",
    ),
    lambda x: x - x.mean(dim=0),
)
_wrong_table(
    "min_max",
    Text(
        "你把每一欄縮到 0 與 1 之間；題目要的是平均 0、標準差 1。",
        "you scaled each column to run from 0 to 1; wanted are mean 0 and standard deviation 1.",
    ),
    lambda x: (x - x.amin(dim=0)) / (x.amax(dim=0) - x.amin(dim=0)),
    lambda x: (x - x.mean(dim=0)) / (x.amax(dim=0) - x.amin(dim=0)),
)
_wrong_table(
    "mean_after_division",
    Text(
        "你先除標準差，再減「原來的」平均；除過之後，平均也變了。",
        "you divided first and then subtracted the old mean; after the division the mean is another.",
    ),
    *(lambda x, c=c: x / _deviations(x, c) - x.mean(dim=0) for c in (0, 1)),
)
standardize.mistake(
    "constant_column",
    Text(
        "有一欄全部相同時，你算的是 0 除以 0。題目說那一欄該變成 0。",
        "where a column is constant you divide 0 by 0. The question says that it becomes 0.",
    ),
    when=lambda wrong: all(
        seen.got.overflows and _is_constant_somewhere(seen.case.args[0]) for seen in wrong
    ),
)
standardize.mistake(
    "cancellation",
    Text(
        "平均很大時，你的標準差不準：「平方的平均」與「平均的平方」幾乎相等，一減就只剩捨入誤差。先減平均，再平方。",
        "where the mean is large your deviation is off: the mean of squares and the square of the mean are nearly equal, and their difference is rounding. Subtract the mean first, then square.",
    ),
    when=lambda wrong: all(seen.case.args[0].mean() > _FAR / 2 for seen in wrong),
)


# --- pairwise_distances


def _clouds() -> Iterator[given]:
    a = torch.tensor([[0.0, 0.0], [3.0, 4.0], [1.0, -1.0]])
    b = torch.tensor([[0.0, 2.0], [6.0, 8.0], [-2.0, 1.0], [1.0, 1.0]])
    sizes = Text("形狀 {a} 與 {b}", "shapes {a} and {b}")
    near = _normal(5, 3, seed=2)
    for one, other in (
        (a, b),
        (near, _normal(5, 3, seed=3)),
        (_normal(2, 6, seed=4), _normal(1, 6, seed=5)),
        (a[:, :1].clone(), b[:, 1:].clone()),
    ):
        yield given(one, other, case=sizes.format(a=tuple(one.shape), b=tuple(other.shape)))
    for dtype in (torch.float32, torch.float64):
        clouds = 100 * _normal(6, 3, seed=6).to(dtype), 100 * _normal(4, 3, seed=7).to(dtype)
        together = torch.cat([clouds[1], clouds[0][:3], clouds[0][3:] + 0.001])
        yield given(
            clouds[0], together, case=Text("有些點重合或很近", "some points coincide or nearly")
        )


@right_answer(
    cases=_clouds,
    is_new=True,
    forbidden=[torch.cdist, F.pairwise_distance],
    hint=Text(
        "要讓每個 a 遇到每個 b，各需要自己的軸。a[:, None] 和 b[None] 的形狀是什麼？相減之後呢？哪一個軸該加起來？",
        "For every a to meet every b, each needs an axis of its own. What are the shapes of a[:, None] and b[None]? Of their difference? Which axis is to be summed?",
    ),
)
def pairwise_distances(a, b):
    """Euclidean distances (N, M), by SciPy."""
    return torch.from_numpy(cdist(a.numpy(), b.numpy()))


def _differences(a: Tensor, b: Tensor) -> Tensor:
    return a[:, None] - b[None]


pairwise_distances.mistake(
    "squared_distance",
    Text(
        "這是距離的平方：最後還要開根號。",
        "these are squared distances: a square root is missing at the end.",
    ),
    lambda a, b: _differences(a, b).square().sum(dim=2),
)
pairwise_distances.mistake(
    "city_blocks",
    Text(
        "你把差的絕對值加起來（各自平方再開根號也是這樣）：那是沿著街道走的距離。先把平方加完，再開一次根號。",
        "you added up absolute differences (so does a root of each square): that is the distance along streets. Add up the squares first, then take one root.",
    ),
    lambda a, b: _differences(a, b).abs().sum(dim=2),
)
pairwise_distances.mistake(
    "largest_difference",
    Text(
        "你只取了差最大的那個坐標；距離要算進每個坐標。",
        "you took the coordinate that differs most; a distance counts all of them.",
    ),
    lambda a, b: _differences(a, b).abs().amax(dim=2),
)
pairwise_distances.mistake(
    "mean_not_sum",
    Text(
        "你對坐標取了平均，距離裡是總和：坐標越多，距離只會越大。",
        "you took the mean over the coordinates, where a distance has their sum: more coordinates can only make it longer.",
    ),
    lambda a, b: _differences(a, b).square().mean(dim=2).sqrt(),
    lambda a, b: _differences(a, b).square().mean(dim=2),
)
pairwise_distances.mistake(
    "not_summed",
    Text(
        "坐標還沒有加起來：你的結果還留著長度 D 的軸。",
        "the coordinates are not added up yet: your result still has the axis of length D.",
    ),
    lambda a, b: _differences(a, b).abs(),
    lambda a, b: _differences(a, b).square(),
    _differences,
)
pairwise_distances.mistake(
    "wrong_axis_summed",
    Text(
        "加錯軸了：你加的是「點」，該加的是「坐標」。相減之後的形狀是 (N, M, D)，哪一個軸要收掉？",
        "the wrong axis was summed: you added over points, not over coordinates. The difference has shape (N, M, D); which axis should go?",
    ),
    *(lambda a, b, d=d: _differences(a, b).square().sum(dim=d).sqrt() for d in (0, 1)),
    *(lambda a, b, d=d: _differences(a, b).square().sum(dim=d) for d in (0, 1)),
)
pairwise_distances.mistake(
    "sum_before_square",
    Text(
        "你先把各坐標的差加起來，再平方：正的和負的差就互相抵消了。先平方，再相加。",
        "you added the differences first and squared the sum, so that positive and negative ones cancel. Square first, then add.",
    ),
    lambda a, b: _differences(a, b).sum(dim=2).abs(),
    lambda a, b: _differences(a, b).sum(dim=2).square(),
)
pairwise_distances.mistake(
    "products",
    Text(
        "這是內積，不是距離：一個點和自己的距離該是 0。",
        "these are dot products, not distances: a point is at distance 0 from itself.",
    ),
    lambda a, b: a @ b.T,
)
pairwise_distances.mistake(
    "added_constant",
    Text(
        "你在根號裡多加了一個小數：重合的兩點，距離就不是 0 了。",
        "you added a small number under the root: two points that coincide are then not at distance 0.",
    ),
    *(
        lambda a, b, e=e: (_differences(a, b).square().sum(dim=2) + e).sqrt()
        for e in (1e-4, 1e-6, 1e-8, 1e-10, 1e-12)
    ),
)


def _is_wrong_where_near(seen: Seen) -> bool:
    """Whether only the distances of points that all but coincide are wrong."""
    if seen.got.parts is None or [g.shape for g in seen.got.arrays] != [
        r.shape for r in seen.right.arrays
    ]:
        return False
    got, right = seen.got.arrays[0], seen.right.arrays[0]
    wrong = ~seen.tolerance.agree(got, right)
    return bool((right[wrong] < 1e-3 * right.max()).all())


pairwise_distances.mistake(
    "cancellation",
    Text(
        "只有重合（或很近）的點算錯：|a|² − 2a·b + |b|² 是兩個大數相減，剩下的是捨入誤差。直接用 a − b。",
        "only points that coincide, or nearly, come out wrong: |a|² − 2a·b + |b|² subtracts large numbers, and what is left is rounding. Use a − b itself.",
    ),
    when=lambda wrong: all(map(_is_wrong_where_near, wrong)),
)


# --- central_difference


def _cubes(w: Tensor) -> Tensor:
    return (w**3).sum()


def _mixed(w: Tensor) -> Tensor:
    first, second, third = w
    return first * second**2 + second * third**3


def _of_a_matrix(w: Tensor) -> Tensor:
    return (w.sum(dim=0) ** 3).sum() + (w**2).sum() * w[0, 0]


def _slopes() -> Iterator[given]:
    vector = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)
    matrix = torch.tensor([[0.5, 1.0, -1.5], [2.0, -0.5, 0.25]], dtype=torch.float64)
    said = Text("w 的形狀 {shape}，h = {h}", "w of shape {shape}, h = {h}")
    for f, w, h in (
        (_cubes, vector, 0.1),
        (_mixed, vector, 0.2),
        (_of_a_matrix, matrix, 0.5),
        (torch.exp, torch.tensor(2.0, dtype=torch.float64), 0.5),
        (_cubes, torch.tensor([3.0, -1.0]), 0.25),
    ):
        yield given(f, w, h, case=said.format(shape=tuple(w.shape), h=h))


@right_answer(
    cases=_slopes,
    is_new=True,
    forbidden=[torch.autograd.grad, torch.autograd.backward, Tensor.backward],
    terms=lambda f, w, h: f(w).abs() / h,
    hint=Text(
        "先寫好「只動一個數」：複製 w，把第 i 個數加 h，算 f；再減 h，算 f。多維的 w 可以用 w.clone().view(-1)[i]，它和複製品共用記憶體。",
        "First write the move of a single number: copy w, raise number i by h, ask f; lower it by h, ask f. For a w of several axes, w.clone().view(-1)[i] helps: that view shares the copy's memory.",
    ),
)
def central_difference(f, w, h):
    """Central differences of f at w, one number at a time."""
    steps = torch.eye(w.numel(), dtype=w.dtype).reshape(-1, *w.shape) * h
    return torch.stack([(f(w + s) - f(w - s)) / (2 * h) for s in steps]).reshape(w.shape)


def _each(f: Callable, w: Tensor, h: float, slope: Callable) -> Tensor:
    """slope: of f with a number raised by h, with it lowered, and as it is."""
    steps = torch.eye(w.numel(), dtype=w.dtype).reshape(-1, *w.shape) * h
    return torch.stack([slope(f(w + s), f(w - s), f(w)) for s in steps]).reshape(w.shape)


def _wrong_slope(name: str, text: Text, *slopes: Callable) -> None:
    """slopes: of (f up, f down, f here, h)."""
    central_difference.mistake(
        name,
        text,
        *(
            lambda f, w, h, slope=slope: _each(f, w, h, lambda *values: slope(*values, h))
            for slope in slopes
        ),
    )


_wrong_slope(
    "forward",
    Text(
        "你只往右看：(f(w + h) − f(w)) / h。中央差分左右各走一步，誤差小得多。",
        "you look to the right only: (f(w + h) − f(w)) / h. A central difference steps both ways, and its error is far smaller.",
    ),
    lambda up, down, here, h: (up - here) / h,
    lambda up, down, here, h: (up - here) / (2 * h),
)
_wrong_slope(
    "backward",
    Text(
        "你只往左看：(f(w) − f(w − h)) / h。中央差分左右各走一步，誤差小得多。",
        "you look to the left only: (f(w) − f(w − h)) / h. A central difference steps both ways, and its error is far smaller.",
    ),
    lambda up, down, here, h: (here - down) / h,
    lambda up, down, here, h: (here - down) / (2 * h),
)
_wrong_slope(
    "half_the_run",
    Text(
        "從 w − h 走到 w + h，一共走了多遠？你只除以 h。",
        "from w − h to w + h, how far is that? You divided by h only.",
    ),
    lambda up, down, here, h: (up - down) / h,
)
_wrong_slope(
    "not_divided",
    Text(
        "這是高度差，還不是斜率：還要除以走過的距離。",
        "this is the difference in height, not a slope yet: divide by how far you went.",
    ),
    lambda up, down, here, h: up - down,
)
_wrong_slope(
    "times_h",
    Text(
        "括號少了：`/ 2 * h` 是先除以 2 再「乘」h。",
        "parentheses are missing: `/ 2 * h` divides by 2 and then multiplies by h.",
    ),
    lambda up, down, here, h: (up - down) / 2 * h,
    lambda up, down, here, h: up - down / (2 * h),
)


def _half_steps(f: Callable, w: Tensor, h: float, run: float) -> Tensor:
    return _each(f, w, h / 2, lambda up, down, here: (up - down) / (run * h))


central_difference.mistake(
    "half_a_step",
    Text(
        "你左右各只走了半步；題目要 w + h 與 w − h。",
        "you went half a step each way; the question asks for w + h and w − h.",
    ),
    lambda f, w, h: _half_steps(f, w, h, 2),
    lambda f, w, h: _half_steps(f, w, h, 1),
)


def _several_at_once(f: Callable, w: Tensor, h: float, is_moved: Callable) -> Tensor:
    """is_moved: of the places of all numbers and of one, those that move with it."""
    places = torch.tensor(list(np.ndindex(*w.shape)), dtype=torch.long).reshape(w.numel(), -1)
    steps = [h * is_moved(places, place).reshape(w.shape).to(w.dtype) for place in places]
    return torch.stack([(f(w + s) - f(w - s)) / (2 * h) for s in steps]).reshape(w.shape)


central_difference.mistake(
    "all_at_once",
    Text(
        "你讓所有的數一起動，得到的是所有斜率的總和。偏導數一次只動一個數。",
        "you moved all numbers together, which gives the sum of all slopes. A partial derivative moves one number at a time.",
    ),
    lambda f, w, h: (f(w + h) - f(w - h)) / (2 * h) * torch.ones_like(w),
    lambda f, w, h: (f(w + h) - f(w - h)) / (2 * h),
)
central_difference.mistake(
    "rows_moved",
    Text(
        "w 是矩陣時，w[i] 是一整列：你讓同一列的數一起動了。",
        "where w is a matrix, w[i] is a whole row: you moved its numbers together.",
    ),
    lambda f, w, h: _several_at_once(f, w, h, lambda all_, one: (all_ == one)[:, :1].all(dim=1)),
)
central_difference.mistake(
    "by_autograd",
    Text(
        "這是 autograd 的答案，不是有限差分的：兩者差一點點，那正是這題要看的。",
        "this is autograd's answer, not that of finite differences: they differ a little, which is what this is about.",
    ),
    lambda f, w, h: torch.func.grad(f)(w),
)


def _never_back(f: Callable, w: Tensor, h: float, stays: float) -> Tensor:
    moved, slopes = w.clone().reshape(-1), []
    for i in range(len(moved)):
        here = moved[i].clone()
        values = []
        for sign in (1, -1):
            moved[i] = here + sign * h
            values.append(f(moved.reshape(w.shape)))
        moved[i] = here + stays * h
        slopes.append((values[0] - values[1]) / (2 * h))
    return torch.stack(slopes).reshape(w.shape)


central_difference.mistake(
    "not_moved_back",
    Text(
        "第一個數是對的，後面的不對：前面動過的數沒有放回原位。",
        "the first number is right and later ones are not: those that were moved before were not put back.",
    ),
    lambda f, w, h: _never_back(f, w, h, -1),
    lambda f, w, h: _never_back(f, w, h, 1),
)
central_difference.mistake(
    "comes_flat",
    Text(
        "數字都對，形狀不對：結果要和 w 一樣的形狀。",
        "the numbers are right and their shape is not: the result has the shape of w.",
    ),
    lambda f, w, h: _each(f, w, h, lambda up, down, here: (up - down) / (2 * h)).flatten(),
)


# --- Parabola


def _parabolas() -> Iterator[given]:
    said = Text(
        "Parabola({a}, {b}, {c})，x 的形狀 {shape}", "Parabola({a}, {b}, {c}), x of shape {shape}"
    )
    for a, b, c, x in (
        (2.0, -0.5, 3.0, torch.tensor([-2.0, -1.0, 0.0, 1.5])),
        (3, 1, -2, torch.tensor([[1.0, 2.0, -1.0], [0.5, 0.0, 4.0]])),
        (0.5, 2.0, 1.5, torch.tensor(3.0)),
    ):
        yield given(a, b, c, x, case=said.format(a=a, b=b, c=c, shape=tuple(x.shape)))


def _use_parabola(answer: Callable, a: float, b: float, c: float, x: Tensor) -> tuple:
    """(output, parameters by name, gradients of the sum of the output by name)."""
    model = answer(a, b, c)
    output = model(x)
    parameters = dict(model.named_parameters())
    if parameters and output.requires_grad:
        output.sum().backward()
    gradients = {
        name: torch.zeros_like(p) if p.grad is None else p.grad for name, p in parameters.items()
    }
    return output, parameters, gradients


@right_answer(
    cases=_parabolas,
    use=_use_parabola,
    parts="(output, parameters, gradients)",
    hint=Text(
        "照課文的 Line 寫：__init__ 先呼叫 super().__init__()，再把三個數各變成 nn.Parameter。整數不能有梯度，所以先變成浮點數。",
        "Follow Line in the lesson: __init__ calls super().__init__() first and then makes an nn.Parameter of each of the three numbers. Whole numbers cannot have a gradient, so make them floats first.",
    ),
)
class Parabola(nn.Module):
    """a x² + b x + c."""

    def __init__(self, a: float, b: float, c: float) -> None:
        super().__init__()
        self.a, self.b, self.c = (nn.Parameter(torch.tensor(float(v))) for v in (a, b, c))

    def forward(self, x: Tensor) -> Tensor:
        """Of any shape."""
        return self.a * x**2 + self.b * x + self.c


_of_parabola: Any = Parabola  # for mypy, to which a decorated class stays a class


def _parabola(formula: Callable, make: Callable = nn.Parameter, shape: Sequence[int] = ()) -> type:
    """A module whose forward is formula(a, b, c, x)."""

    class Wrong(nn.Module):
        def __init__(self, a: float, b: float, c: float) -> None:
            super().__init__()
            self.a, self.b, self.c = (
                make(torch.tensor(float(v)).reshape(shape)) for v in (a, b, c)
            )

        def forward(self, x: Tensor) -> Tensor:
            return formula(self.a, self.b, self.c, x)

    return Wrong


def _right_formula(a: Tensor, b: Tensor, c: Tensor, x: Tensor) -> Tensor:
    return a * x**2 + b * x + c


_of_parabola.mistake(
    "not_parameters",
    Text(
        "輸出是對的，但模型裡一個參數也找不到：普通的數或張量，優化器看不見。包成 nn.Parameter。",
        "the output is right, but the model has no parameters: plain numbers or tensors are out of an optimizer's sight. Wrap them in nn.Parameter.",
    ),
    _parabola(_right_formula, make=Tensor.clone),
)
_of_parabola.mistake(
    "lost_gradient_in_forward",
    Text(
        "輸出是對的，梯度到不了參數：forward 裡有什麼離開了 autograd（.item()、float()、.detach()、no_grad）？",
        "the output is right, and no gradient reaches the parameters: what in forward leaves autograd (.item(), float(), .detach(), no_grad)?",
    ),
    _parabola(lambda *given_: _right_formula(*given_).detach()),
)
_of_parabola.mistake(
    "an_axis_too_many",
    Text(
        "參數的形狀該是 ()，你的是 (1,)：方括號多了一層，x 的形狀是 () 時，輸出就多一個軸。",
        "the parameters should have shape (), yours have (1,): one pair of brackets too many, and for an x of shape () the output has an axis more.",
    ),
    _parabola(_right_formula, shape=(1,)),
)
_of_parabola.mistake(
    "coefficients_swapped",
    Text(
        "三個係數的位置對錯了：a 乘 x²，b 乘 x，c 單獨加。",
        "the three coefficients are in the wrong places: a belongs to x², b to x, c stands alone.",
    ),
    *(
        _parabola(lambda *given_, order=order: _right_formula(*(given_[i] for i in (*order, 3))))
        for order in itertools.permutations(range(3))
        if order != (0, 1, 2)
    ),
)
_of_parabola.mistake(
    "not_squared",
    Text(
        "x 沒有平方：`x * 2` 是兩倍，`x ** 2` 才是平方。",
        "x is not squared: `x * 2` is the double, `x ** 2` the square.",
    ),
    _parabola(lambda a, b, c, x: a * x * 2 + b * x + c),
    _parabola(lambda a, b, c, x: a * x + b * x + c),
    _parabola(lambda a, b, c, x: a * 2**x + b * x + c),
)
_of_parabola.mistake(
    "factor_squared",
    Text(
        "a 也被平方了：`**` 只作用在緊接著它前面的東西，括號裡就是整個 a·x。",
        "a was squared as well: `**` applies to what stands right before it, and in parentheses that is all of a·x.",
    ),
    _parabola(lambda a, b, c, x: (a * x) ** 2 + b * x + c),
)
_of_parabola.mistake(
    "no_constant",
    Text(
        "a·x²、b·x、c 三項裡，有一項沒有算進去。",
        "of the three terms a·x², b·x and c, one is missing from your sum.",
    ),
    _parabola(lambda a, b, c, x: a * x**2 + b * x + 0 * c),
    _parabola(lambda a, b, c, x: a * x**2 + 0 * b * x + c),
    _parabola(lambda a, b, c, x: 0 * a * x**2 + b * x + c),
)


def _all_say(kind: type[BaseException], words: str) -> Callable[[list[Seen]], bool]:
    """Whether all inputs end in this kind of error, with these words in it."""
    return lambda wrong: all(
        isinstance(seen.got.error, kind) and words in str(seen.got.error) for seen in wrong
    )


_of_parabola.mistake(
    "super_forgotten",
    Text(
        "`super().__init__()` 沒有先呼叫：nn.Module 還沒準備好地方放參數。把它寫在 __init__ 的第一行。",
        "`super().__init__()` was not called first: nn.Module has not made the place for parameters yet. Put it on the first line of __init__.",
    ),
    when=_all_say(AttributeError, "__init__"),
)
_of_parabola.mistake(
    "whole_numbers",
    Text(
        "拿到整數（例如 Parabola(3, 1, −2)）時，torch.tensor 做出整數張量，它不能有梯度。先變成浮點數。",
        "where whole numbers come, as in Parabola(3, 1, −2), torch.tensor makes a tensor of integers, which cannot have a gradient. Make them floats first.",
    ),
    when=_all_say(RuntimeError, "floating point"),
)
_of_parabola.mistake(
    "forward_missing",
    Text(
        "model(x) 會呼叫名叫 forward 的方法，你的類別裡沒有：檢查名稱，還有縮排。",
        "model(x) calls a method of the name forward, and your class has none: check its name, and its indentation.",
    ),
    when=_all_say(NotImplementedError, "forward"),
)
_of_parabola.mistake(
    "not_a_module",
    Text(
        "你的類別不是 nn.Module：請寫 `class Parabola(nn.Module):`，model(x) 才會呼叫 forward，參數也才找得到。",
        "your class is no nn.Module: write `class Parabola(nn.Module):`, so that model(x) calls forward and its parameters are found.",
    ),
    when=lambda wrong: (
        _all_say(TypeError, "not callable")(wrong)
        or _all_say(AttributeError, "named_parameters")(wrong)
    ),
)


def _names(seen: Seen) -> set[str]:
    return set(seen.got.parts[1]) if seen.got.parts else set()


_of_parabola.mistake(
    "other_names",
    Text(
        "模型有參數，但不是名叫 a、b、c 的那三個。state_dict 靠名字認參數。",
        "the model has parameters, but not the three by the names a, b and c. A state_dict knows parameters by their names.",
    ),
    when=lambda wrong: all(
        seen.got.parts is not None
        and _names(seen) not in (set(), set(seen.right.parts[1]))
        and seen.tolerance.allow_all(seen.got.parts[0], seen.right.parts[0])
        for seen in wrong
    ),
)


def _starts_elsewhere(seen: Seen) -> bool:
    """Whether the formula is right, and the parameters do not begin at the numbers given."""
    if seen.got.parts is None or _names(seen) != set(seen.right.parts[1]):
        return False
    output, parameters, _ = seen.got.parts
    x = seen.case.args[3].numpy()
    a, b, c = (parameters[f"[{name!r}]"] for name in "abc")
    expected = a * x**2 + b * x + c
    return np.allclose(output.get("", np.nan), expected, rtol=1e-4)


_of_parabola.mistake(
    "starts_elsewhere",
    Text(
        "公式是對的，參數卻不是從給你的 a、b、c 開始。",
        "the formula is right, but the parameters do not begin at the a, b and c you were given.",
    ),
    when=lambda wrong: all(map(_starts_elsewhere, wrong)),
)


# --- step_in_chunks


def _batches() -> Iterator[given]:
    said = Text(
        "{rows} 列，每次最多 {chunk_size} 列", "{rows} rows, at most {chunk_size} at a time"
    )
    for rows, columns, chunk_size in ((10, 3, 4), (12, 2, 4), (7, 1, 3), (5, 2, 1), (5, 2, 8)):
        x, y = _normal(rows, columns, seed=rows), 3 + _normal(rows, seed=rows + 1)
        yield given(x, y, chunk_size, case=said.format(rows=rows, chunk_size=chunk_size))


def _use_step(answer: Callable, x: Tensor, y: Tensor, chunk_size: int) -> tuple | None:
    """Two steps: (losses, weights, whether few enough rows at a time, whether losses are numbers)."""
    model = nn.Linear(x.shape[1], 1, dtype=x.dtype)
    nn.init.constant_(model.weight, 0.5)
    nn.init.constant_(model.bias, -1.0)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.5)
    model(x[:1]).sum().backward()  # gradients of earlier
    rows: list[int] = []
    model.register_forward_pre_hook(lambda module, inputs: rows.append(len(inputs[0])))
    losses = [answer(model, optimizer, x, y, chunk_size) for _ in range(2)]
    if None in losses:
        return None
    weights = torch.cat([model.weight.detach()[0], model.bias.detach()])
    are_few = max(rows, default=0) <= chunk_size
    return losses, weights, are_few, all(isinstance(loss, float | int) for loss in losses)


@right_answer(
    cases=_batches,
    use=_use_step,
    parts="(losses, weights, at most chunk_size rows, Python numbers)",
    hint=Text(
        "backward 會把梯度加到 .grad 上，這次正好用得上：迴圈之前清一次，每一塊各呼叫一次 backward，迴圈之後走一步。每一塊的損失要乘上多少，加起來才是整批的平均？",
        "backward adds to .grad, which for once is what you want: clear once before the loop, call backward for each chunk, step once after it. By what must each chunk's loss be multiplied for the sum to be the mean over the whole batch?",
    ),
)
def step_in_chunks(model, optimizer, x, y, chunk_size):
    """One step on the mean squared error; the loss before it."""
    optimizer.zero_grad()
    total = 0.0
    for rows in torch.arange(len(x)).split(chunk_size):
        loss = (model(x[rows]).squeeze(1) - y[rows]).square().sum() / len(x)
        loss.backward()
        total += loss.item()
    optimizer.step()
    return total


def _paired(output: Tensor, y: Tensor) -> Tensor:
    return output.squeeze(1) - y


def _share(rows: int, total: int, num_chunks: int) -> float:
    return rows / total


@dataclass
class _Losses:
    """What an answer may return for the loss of the whole batch."""

    right: float = 0.0
    added: float = 0.0  # the chunks' losses, as they were differentiated
    mean: float = 0.0  # of the chunks' means
    last: float = 0.0  # the mean of the last chunk
    last_part: float = 0.0  # and as it was differentiated
    after: float = 0.0  # of the whole batch, after the step


def _steps(
    share: Callable = _share,
    errors: Callable = _paired,
    *,
    clear: str = "once",
    step: str = "once",
    report: Callable = lambda losses: losses.right,
    whole: bool = False,
    drop: bool = False,
) -> Callable:
    """A wrong solution. share: what a chunk's mean is multiplied by; report: the loss that is told."""

    def one_step(model, optimizer, x, y, chunk_size):
        size = len(x) if whole else chunk_size
        chunks = [c for c in torch.arange(len(x)).split(size) if not drop or len(c) == size]
        if clear == "once":
            optimizer.zero_grad()
        found = _Losses()
        for rows in chunks:
            if clear == "each":
                optimizer.zero_grad()
            loss = errors(model(x[rows]), y[rows]).square().mean()
            weight = share(len(rows), len(x), len(chunks))
            (weight * loss).backward()
            if step == "each":
                optimizer.step()
            found.last, found.last_part = loss.item(), weight * loss.item()
            found.right += found.last * len(rows) / len(x)
            found.added += found.last_part
            found.mean += found.last / len(chunks)
        if step == "once":
            optimizer.step()
        with torch.no_grad():
            for rows in chunks:
                found.after += _paired(model(x[rows]), y[rows]).square().sum().item() / len(x)
        return report(found)

    return one_step


_REPORTS = tuple(map(operator.attrgetter, ("right", "added", "mean", "last", "last_part", "after")))
_SHARES = (
    _share,
    lambda rows, total, num: 1.0,
    lambda rows, total, num: 1 / num,
    lambda rows, total, num: float(rows),
)


def _wrong_step(
    name: str, text: Text, *shares: Callable, reports: Sequence = _REPORTS, **options: Any
) -> None:
    """Wrong solutions: each share with each report."""
    step_in_chunks.mistake(
        name,
        text,
        *(
            _steps(share, report=report, **options)
            for share in shares or (_share,)
            for report in reports
        ),
    )


_wrong_step(
    "whole_batch",
    Text(
        "整批一次通過了模型：列數超過 chunk_size，記憶體放不下。",
        "the whole batch went through the model at once: more rows than chunk_size, which the memory does not hold.",
    ),
    _share,
    lambda rows, total, num: float(rows),
    whole=True,
)
_wrong_step(
    "a_step_a_chunk",
    Text(
        "你每一塊都走了一步。題目要整批走「一步」：step 放在迴圈之後。",
        "you took a step for each chunk. The question is for one step of the whole batch: step() goes after the loop.",
    ),
    *_SHARES,
    clear="each",
    step="each",
)
_wrong_step(
    "cleared_between",
    Text(
        "zero_grad 在迴圈裡：前面幾塊的梯度都被清掉了，只剩最後一塊。",
        "zero_grad stands in the loop: it wipes out the gradients of the earlier chunks, and the last one alone is left.",
    ),
    *_SHARES,
    clear="each",
)
_wrong_step(
    "never_cleared",
    Text(
        "舊的梯度沒有清掉：呼叫之前留在 .grad 裡的，也算進了這一步。",
        "old gradients were not cleared: what was in .grad before the call counts in this step.",
    ),
    *_SHARES,
    clear="never",
)
_wrong_step(
    "no_step",
    Text(
        "權重沒有動：step 沒有呼叫，或呼叫之前梯度才剛被清掉。",
        "the weights did not move: step was not called, or the gradients had just been cleared when it was.",
    ),
    *_SHARES,
    step="never",
    reports=_REPORTS[:5],
)
_wrong_step(
    "means_added",
    Text(
        "你把每一塊的平均直接相加：切成 K 塊，損失和梯度就大了約 K 倍。",
        "you added the chunks' means as they are: with K chunks, loss and gradient come out about K times as large.",
    ),
    lambda rows, total, num: 1.0,
)
_wrong_step(
    "mean_of_means",
    Text(
        "你讓每一塊一樣重。最後一塊比較短，它的每一列就比別人重了：要依列數加權。",
        "you gave each chunk the same weight. The last is shorter, so its rows weigh more than others: weight by the number of rows.",
    ),
    lambda rows, total, num: 1 / num,
)
_wrong_step(
    "sum_not_mean",
    Text(
        "這是平方的總和；題目要整批的平均：除以 N。",
        "this is the sum of the squares; the question is for the mean of the batch: divide by N.",
    ),
    lambda rows, total, num: float(rows),
)
_wrong_step(
    "broadcast",
    Text(
        "模型輸出 (n, 1)，y 是 (n,)，相減變成 (n, n)：每個輸出和「所有」答案都比了一遍。",
        "the model puts out (n, 1) and y is (n,): their difference is (n, n), every output against all answers.",
    ),
    *_SHARES,
    errors=lambda output, y: output - y,
)
_wrong_step(
    "rest_dropped",
    Text(
        "最後湊不滿一塊的列被丟掉了。",
        "the rows that do not fill a last chunk were left out.",
    ),
    *_SHARES,
    drop=True,
)
_wrong_step(
    "loss_after_step",
    Text(
        "權重是對的；損失卻是走完這一步「之後」的。題目要走之前的。",
        "the weights are right; the loss is that after the step. Wanted is the one before it.",
    ),
    reports=_REPORTS[5:],
)
_wrong_step(
    "last_loss",
    Text(
        "權重是對的；回傳的卻是最後一塊自己的損失，不是整批的。",
        "the weights are right; what you return is the loss of the last chunk, not of the whole batch.",
    ),
    reports=_REPORTS[3:5],
)
_wrong_step(
    "loss_of_equal_chunks",
    Text(
        "權重是對的；回傳的損失卻讓每一塊一樣重，短的那一塊就太重了。",
        "the weights are right; the loss you return counts all chunks alike, and so the short one too much.",
    ),
    reports=_REPORTS[2:3],
)
_wrong_step(
    "not_a_float",
    Text(
        "數字都對，但回傳的是張量；題目要 Python 的數字：.item()。",
        "the numbers are right, but you return a tensor; a Python number is wanted: .item().",
    ),
    reports=(lambda losses: torch.tensor(losses.right, dtype=torch.float64),),
)
