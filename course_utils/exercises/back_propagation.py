"""Exercises of back_propagation: broadcasting undone, a fork, and a softmax net by hand."""

from collections.abc import Callable, Iterator
from itertools import product
from types import SimpleNamespace

import torch
from torch import Tensor
from torch.nn import functional as F

from course_utils.exercises.by_reference import given, right_answer
from course_utils.language import Text
from course_utils.seeding import generator

_AUTOGRAD = [torch.autograd.grad, torch.autograd.backward, Tensor.backward]


def _normal(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=generator(seed), dtype=torch.float64)


# --- scale_and_shift_backward


def _layers() -> Iterator[given]:
    for seed, (rows, columns) in enumerate([(2, 3), (3, 3), (5, 2), (1, 4), (4, 1)]):
        x, grad = _normal(2, rows, columns, seed=seed)
        scale, shift = _normal(columns, seed=seed + 50), _normal(rows, 1, seed=seed + 60)
        for dtype in (torch.float64, torch.float32):
            name = str(dtype).removeprefix("torch.")
            case = Text(f"x 是 ({rows}, {columns})，{name}", f"x ({rows}, {columns}), {name}")
            yield given(*(t.to(dtype) for t in (x, scale, shift, grad)), case=case)


@right_answer(
    cases=_layers,
    parts="(dx, dscale, dshift)",
    forbidden=_AUTOGRAD,
    hint=Text(
        "拿一個數來想：scale[0] 用在哪幾個 y 上？它每用一次，就有一條路通往損失。shift[0, 0] 又用在哪幾個 y 上？",
        "Take a single number: in which entries of y is scale[0] used? Each use is a path to the loss. And in which is shift[0, 0]?",
    ),
)
def scale_and_shift_backward(x, scale, shift, grad):
    """Gradients of x (N, D), scale (D,) and shift (N, 1) from that of scale * x + shift."""
    return grad * scale, (grad * x).sum(dim=0), grad.sum(dim=1, keepdim=True)


def _right_dx(x: Tensor, scale: Tensor, shift: Tensor, grad: Tensor) -> Tensor:
    return grad * scale


def _right_dscale(x: Tensor, scale: Tensor, shift: Tensor, grad: Tensor) -> Tensor:
    return (grad * x).sum(dim=0)


def _right_dshift(x: Tensor, scale: Tensor, shift: Tensor, grad: Tensor) -> Tensor:
    return grad.sum(dim=1, keepdim=True)


def _wrong_layer(
    name: str,
    text: Text,
    dx: tuple[Callable, ...] = (),
    dscale: tuple[Callable, ...] = (),
    dshift: tuple[Callable, ...] = (),
) -> None:
    """Wrong ways to each of the three; any one, two or all of them may be wrong."""

    def way(*parts: Callable) -> Callable:
        return lambda *args: tuple(part(*args) for part in parts)

    rights = _right_dx, _right_dscale, _right_dshift
    choices = product((_right_dx, *dx), (_right_dscale, *dscale), (_right_dshift, *dshift))
    ways = (way(*parts) for parts in choices if parts != rights)
    scale_and_shift_backward.mistake(name, text, *ways)


_wrong_layer(
    "not_summed",
    Text(
        "scale 和 shift 的梯度要和它們自己同形狀。同一個數用了好幾次，就是岔路：每次的梯度要加起來。",
        "the gradients of scale and shift have the shapes of scale and shift. One number used several times is a fork: its gradients are added up.",
    ),
    dscale=(lambda x, s, t, g: g * x,),
    dshift=(lambda x, s, t, g: g,),
)
_wrong_layer(
    "wrong_axis",
    Text(
        "加總的方向反了。scale 的每個數沿著一整欄重複使用，shift 的每個數沿著一整列。",
        "the sum runs along the wrong axis. Each number of scale is used down a whole column, each number of shift along a whole row.",
    ),
    dscale=(
        lambda x, s, t, g: (g * x).sum(1),
        lambda x, s, t, g: (g * x).sum(1, keepdim=True),
    ),
    dshift=(lambda x, s, t, g: g.sum(0), lambda x, s, t, g: g.sum(0, keepdim=True)),
)
_wrong_layer(
    "axis_lost",
    Text(
        "數字都對，形狀不對：shift 是 (N, 1)，它的梯度也是。加總時要留住那個軸。",
        "the numbers are right and a shape is not: shift is (N, 1), and so is its gradient. Keep that axis when you sum.",
    ),
    dshift=(lambda x, s, t, g: g.sum(1),),
)
_wrong_layer(
    "axis_kept",
    Text(
        "數字都對，形狀不對：scale 是 (D,)，它的梯度不該多一個軸。",
        "the numbers are right and a shape is not: scale is (D,), and its gradient has no axis more.",
    ),
    dscale=(lambda x, s, t, g: (g * x).sum(0, keepdim=True),),
)
_wrong_layer(
    "summed_over_all",
    Text(
        "你把整張表加成一個數。scale 和 shift 裡有好幾個數，各有各的梯度。",
        "you summed the whole table into one number. scale and shift hold several numbers, each with a gradient of its own.",
    ),
    dscale=(lambda x, s, t, g: (g * x).sum(),),
    dshift=(lambda x, s, t, g: g.sum(),),
)
_wrong_layer(
    "mean_for_sum",
    Text(
        "你取了平均。岔路的梯度是相加的；損失若是平均，那個除數早就在傳進來的 grad 裡了。",
        "you took a mean. At a fork gradients add; where the loss is a mean, its divisor is in grad already.",
    ),
    dscale=(lambda x, s, t, g: (g * x).mean(0),),
    dshift=(lambda x, s, t, g: g.mean(1, keepdim=True),),
)
_wrong_layer(
    "scale_forgotten",
    Text(
        "x 的梯度少了 scale：x 動一點點，y 會動 scale 倍。",
        "the gradient of x lacks scale: as x moves a little, y moves scale times as much.",
    ),
    dx=(lambda x, s, t, g: g,),
)
_wrong_layer(
    "x_forgotten",
    Text(
        "scale 的梯度少了 x：它不是加上去的，而是乘在 x 上。",
        "the gradient of scale lacks x: scale is not added, it multiplies x.",
    ),
    dscale=(lambda x, s, t, g: g.sum(0),),
)
_wrong_layer(
    "own_factor",
    Text(
        "乘法的梯度要乘上「另一個」乘數。對 scale 求導時，乘上的是 x；scale 自己不該再出現。",
        "at a product each factor's gradient is multiplied by the other one. For scale that is x; scale itself does not come in again.",
    ),
    dx=(lambda x, s, t, g: g * x,),
    dscale=(
        lambda x, s, t, g: (g * s * x).sum(0),
        lambda x, s, t, g: (g * s).sum(0),
        lambda x, s, t, g: g.sum(0) * s,
    ),
)
_wrong_layer(
    "shift_scaled",
    Text(
        "shift 是在乘完之後才加上去的：通往它的路不經過 scale，也不經過 x。",
        "shift is added after the product: the path to it passes neither scale nor x.",
    ),
    dshift=(
        lambda x, s, t, g: (g * s).sum(1, keepdim=True),
        lambda x, s, t, g: (g * x).sum(1, keepdim=True),
        lambda x, s, t, g: (g * t).sum(1, keepdim=True),
    ),
)
_wrong_layer(
    "output_for_input",
    Text(
        "scale 乘的是 x，不是輸出 y：梯度要乘上進來的數。",
        "scale multiplies x, not the output y: the gradient is multiplied by what came in.",
    ),
    dscale=(
        lambda x, s, t, g: (g * (x * s + t)).sum(0),
        lambda x, s, t, g: (g * (x + t)).sum(0),
    ),
)
_wrong_layer(
    "product_of_sums",
    Text(
        "你先各自加總，再相乘。每一格先乘好自己的 grad 和 x，才能加起來。",
        "you summed each and multiplied afterwards. Each entry multiplies its own grad and x first; then add.",
    ),
    dscale=(lambda x, s, t, g: g.sum(0) * x.sum(0),),
)
_wrong_layer(
    "gradient_forgotten",
    Text(
        "這是 y 自己的導數，還沒有乘上從損失回傳來的 grad。",
        "these are derivatives of y; what comes back from the loss, grad, is not multiplied in.",
    ),
    dx=(lambda x, s, t, g: s.expand_as(x),),
    dscale=(lambda x, s, t, g: x.sum(0), lambda x, s, t, g: x),
    dshift=(
        lambda x, s, t, g: torch.ones_like(g).sum(1, keepdim=True),
        lambda x, s, t, g: torch.ones_like(t),
    ),
)
_wrong_layer(
    "divided",
    Text(
        "你除以 scale 了。往回走不是把前向的計算倒過來做：前向乘了什麼，梯度也乘什麼。",
        "you divided by scale. Going back does not undo the computation: what it multiplied by, the gradient is multiplied by, too.",
    ),
    dx=(lambda x, s, t, g: g / s,),
)


# --- residual_backward


def _blocks() -> Iterator[given]:
    few = (
        torch.tensor([[1.0, 1.0], [2.0, -1.0], [0.0, 0.0]]),
        torch.tensor([[1.0, 0.5], [-1.0, 2.0]]),  # x @ W is 0 in three places
        torch.tensor([[1.0, 2.0], [-0.5, 3.0], [0.25, -1.0]]),
    )
    yield given(*few, case=Text("x 是 (3, 2)", "x (3, 2)"))
    for seed, (rows, columns) in enumerate([(1, 2), (5, 3), (6, 6), (4, 1), (2, 4)], start=100):
        x, grad = _normal(2, rows, columns, seed=seed)
        W = _normal(columns, columns, seed=seed + 50)
        for dtype in (torch.float64, torch.float32):
            name = str(dtype).removeprefix("torch.")
            case = Text(f"x 是 ({rows}, {columns})，{name}", f"x ({rows}, {columns}), {name}")
            yield given(x.to(dtype), W.to(dtype), grad.to(dtype), case=case)


@right_answer(
    cases=_blocks,
    parts="(dx, dW)",
    forbidden=_AUTOGRAD,
    hint=Text(
        "y 是兩項的和，x 在兩項裡都出現。把兩條路分開寫，各算各的，最後想想岔路的規則。過 ReLU 時，看的是 x @ W 的正負。",
        "y is a sum of two terms, and x stands in both. Write the two paths down one by one, then think of the rule for forks. At the ReLU, what counts is the sign of x @ W.",
    ),
)
def residual_backward(x, W, grad):
    """Gradients of x (N, D) and W (D, D) from that of x + relu(x @ W)."""
    da = grad * (x @ W > 0)
    return grad + da @ W.T, x.T @ da


def _wrong_block(name: str, text: Text, *ways: Callable) -> None:
    """ways: of what a block computes on its way, the two gradients (None: the right one)."""

    def way(wrong: Callable) -> Callable:
        def both(x, W, grad):
            a = x @ W
            known = SimpleNamespace(x=x, W=W, g=grad, a=a, mask=(a > 0).to(x), N=len(x))
            known.da = grad * known.mask
            dx, dW = wrong(known)
            dx = grad + known.da @ W.T if dx is None else dx
            return dx, x.T @ known.da if dW is None else dW

        return both

    residual_backward.mistake(name, text, *map(way, ways))


def _of_mask(mask: Callable) -> list[Callable]:
    """The gradients with another mask: in both, in one, in the other."""
    return [
        lambda k: (k.g + (k.g * mask(k)) @ k.W.T, k.x.T @ (k.g * mask(k))),
        lambda k: (k.g + (k.g * mask(k)) @ k.W.T, None),
        lambda k: (None, k.x.T @ (k.g * mask(k))),
    ]


_wrong_block(
    "skip_only",
    Text(
        "x 到損失有兩條路，你只走了捷徑那一條。經過 W 與 ReLU 的那條路也有貢獻。",
        "two paths lead from x to the loss, and you took the short one only. The one through W and the ReLU has its share.",
    ),
    lambda k: (k.g, None),
)
_wrong_block(
    "layer_only",
    Text(
        "x 到損失有兩條路，你只走了經過 W 的那一條。直接加到 y 上的那條路也有貢獻。",
        "two paths lead from x to the loss, and you took the one through W only. The x that is added to y has its share, too.",
    ),
    lambda k: (k.da @ k.W.T, None),
    lambda k: (k.g @ k.W.T, k.x.T @ k.g),
)
_wrong_block(
    "not_transposed",
    Text(
        "往回走要乘 W 的轉置：前向時，輸入 i 經由 W[i, j] 到輸出 j；回來時要從輸出 j 走回輸入 i。",
        "the way back multiplies by W transposed: input i reached output j through W[i, j], and the gradient of output j has to find its way to input i.",
    ),
    lambda k: (k.g + k.da @ k.W, None),
    lambda k: (k.g + k.da @ k.W, k.da.T @ k.x),
)
_wrong_block(
    "relu_forgotten",
    Text(
        "你的梯度直接穿過 ReLU。x @ W 不大於 0 的地方，輸出固定是 0，梯度傳不過去。",
        "your gradient goes straight through the ReLU. Where x @ W is not above 0 the output is stuck at 0, and no gradient passes.",
    ),
    *_of_mask(lambda k: 1),
)
_wrong_block(
    "sign_of_something_else",
    Text(
        "ReLU 收到的是 x @ W，斜率要看「它」的正負，不是看 x、y 或 grad 的。",
        "what the ReLU is given is x @ W: its slope goes by the sign of that, not of x, y or grad.",
    ),
    *_of_mask(lambda k: k.x > 0),
    *_of_mask(lambda k: k.x + k.a.relu() > 0),
    *_of_mask(lambda k: k.g > 0),
)
_wrong_block(
    "relu_for_its_slope",
    Text(
        "你乘的是 ReLU 的輸出，不是它的斜率。斜率只有 0 和 1 兩種。",
        "you multiplied by the ReLU's output, not by its slope, which is 0 or 1.",
    ),
    *_of_mask(lambda k: k.a.relu()),
    *_of_mask(lambda k: k.a),
)
_wrong_block(
    "slope_at_0",
    Text(
        "只差在 x @ W 剛好是 0 的地方：題目說 ReLU 在 0 的斜率是 0。",
        "only the places where x @ W is exactly 0 are off: the question takes ReLU's slope at 0 to be 0.",
    ),
    *_of_mask(lambda k: k.a >= 0),
)
_wrong_block(
    "both_through_relu",
    Text(
        "捷徑上沒有 ReLU：grad 直接傳到 x，不該被遮住。",
        "there is no ReLU on the short path: grad reaches x there whole.",
    ),
    lambda k: (k.da + k.da @ k.W.T, None),
    lambda k: (k.mask * (k.g + k.g @ k.W.T), None),
    lambda k: (k.mask * (k.g + k.da @ k.W.T), None),
)
_wrong_block(
    "mask_after_w",
    Text(
        "次序反了：往回走先遇到 ReLU，再遇到 W。",
        "the order is wrong: on the way back the ReLU comes first, then W.",
    ),
    lambda k: (k.g + (k.g @ k.W.T) * k.mask, None),
    lambda k: (k.g + (k.g @ k.W.T) * k.mask, k.x.T @ k.g),
)
_wrong_block(
    "paths_multiplied",
    Text(
        "兩條路的梯度要相加。相乘的是「同一條路上」一個接一個的導數。",
        "the gradients of the two paths add. What multiplies are the derivatives along one and the same path.",
    ),
    lambda k: (k.g * (k.da @ k.W.T), None),
)
_wrong_block(
    "paths_averaged",
    Text(
        "兩條路的梯度是相加，不是取平均。",
        "the gradients of the two paths add; no mean is taken.",
    ),
    lambda k: ((k.g + k.da @ k.W.T) / 2, None),
)
_wrong_block(
    "paths_subtracted",
    Text(
        "兩條路的梯度要相加，你相減了。",
        "the gradients of the two paths add; you subtracted one from the other.",
    ),
    lambda k: (k.g - k.da @ k.W.T, None),
    lambda k: (k.da @ k.W.T - k.g, None),
)
_wrong_block(
    "mean_over_batch",
    Text(
        "你多除了 N。W 每個樣本都用到，梯度是相加的；損失若是平均，1/N 早就在傳進來的 grad 裡了。",
        "you divided by N as well. Every example uses W, and its gradients add; where the loss is a mean, 1/N is in grad already.",
    ),
    lambda k: (None, k.x.T @ k.da / k.N),
    lambda k: ((k.g + k.da @ k.W.T) / k.N, None),
    lambda k: ((k.g + k.da @ k.W.T) / k.N, k.x.T @ k.da / k.N),
)
_wrong_block(
    "dw_transposed",
    Text(
        "W 的梯度轉置了：dW[i, j] 是輸入 i 乘上輸出 j 的梯度。",
        "the gradient of W is transposed: dW[i, j] is input i times the gradient of output j.",
    ),
    lambda k: (None, k.da.T @ k.x),
)
_wrong_block(
    "not_summed_over_examples",
    Text(
        "你給每個樣本各一個矩陣。W 只有一個，N 個樣本都用它，梯度要加起來。",
        "you returned a matrix for each example. There is one W, which all N use, and its gradients are added up.",
    ),
    lambda k: (None, k.x[:, :, None] * k.da[:, None, :]),
)
_wrong_block(
    "another_input",
    Text(
        "W 的梯度是「進到 W 的數」乘上回傳來的訊號。進到 W 的是 x。",
        "W's gradient is what came into W times the signal that comes back. What came into W is x.",
    ),
    lambda k: (None, k.a.relu().T @ k.da),
    lambda k: (None, (k.x + k.a.relu()).T @ k.da),
    lambda k: (None, k.a.T @ k.da),
)


# --- softmax_net_gradients


def _nets() -> Iterator[given]:
    V = torch.tensor([[1.0, 2.0], [-1.0, 1.0]])
    on_paper = torch.tensor([1.0, 2.0]), torch.tensor([[0.5, -0.25], [0.0, 0.5]]), torch.zeros(2), V
    for label in (0, 1):
        x, W, b, V = on_paper
        case = Text(f"題目裡的那個網路，label={label}", f"the net of the question, label={label}")
        yield given(x, label, W, b, V, torch.zeros(2), case=case)
    for seed, label in ((200, 0), (201, 1), (202, 1)):
        x, b, c = _normal(3, 2, seed=seed)
        W, V = _normal(2, 2, 2, seed=seed + 50)
        for dtype in (torch.float64, torch.float32):
            name = str(dtype).removeprefix("torch.")
            tensors = (t.to(dtype) for t in (W, b, V, c))
            case = Text(
                f"隨機的網路，label={label}，{name}", f"a random net, label={label}, {name}"
            )
            yield given(x.to(dtype), label, *tensors, case=case)


@right_answer(
    cases=_nets,
    parts="(dW, db, dV, dc)",
    terms=lambda x, label, W, b, V, c: 1 + float(x.abs().max()),
    forbidden=_AUTOGRAD,
    hint=Text(
        "從損失往回，一站一站走：∂L/∂z 是機率減標籤，標籤寫成兩個數。h₁ 通往 z₁，也通往 z₂。過 tanh 時乘上 1 − h²。",
        "Walk back from the loss, stop by stop: ∂L/∂z is probability minus label, with the label as two numbers. h₁ leads to z₁, and to z₂ as well. Passing tanh multiplies by 1 − h².",
    ),
)
def softmax_net_gradients(x, label, W, b, V, c):
    """Gradients of W, b, V and c: of −ln p of the label, with p = softmax(V tanh(W x + b) + c)."""
    h = torch.tanh(W @ x + b)
    dz = torch.softmax(V @ h + c, dim=0)
    dz[label] -= 1
    da = (V.T @ dz) * (1 - h**2)
    return torch.outer(da, x), da, torch.outer(dz, h), dz


_RIGHT_STEPS: dict[str, Callable] = {
    "dz": lambda k: k.p - k.y,
    "dh": lambda k: k.V.T @ k.dz,
    "slope": lambda k: 1 - k.h**2,
    "dW": lambda k: torch.outer(k.da, k.x),
    "dV": lambda k: torch.outer(k.dz, k.h),
}


def _wrong_net(name: str, text: Text, *steps: dict[str, Callable]) -> None:
    """steps: those of the way back that are done otherwise."""

    def way(wrong: dict[str, Callable]) -> Callable:
        step = _RIGHT_STEPS | wrong

        def gradients(x, label, W, b, V, c):
            a = W @ x + b
            h = torch.tanh(a)
            z = V @ h + c
            y = F.one_hot(torch.tensor(label), 2).to(z)
            k = SimpleNamespace(x=x, label=label, V=V, a=a, h=h, z=z, p=z.softmax(0), y=y)
            k.dz = step["dz"](k)
            k.dh = step["dh"](k)
            k.da = k.dh * step["slope"](k)
            return step["dW"](k), k.da, step["dV"](k), k.dz

        return gradients

    softmax_net_gradients.mistake(name, text, *map(way, steps))


_wrong_net(
    "sign_lost",
    Text(
        "正負號反了：照你的方向走，優化器會把正確類別的機率壓低。∂L/∂z 是機率減標籤。",
        "the sign is reversed: an optimizer would push the right class's probability down. ∂L/∂z is probability minus label.",
    ),
    {"dz": lambda k: k.y - k.p},
)
_wrong_net(
    "label_not_subtracted",
    Text(
        "你沒有減掉標籤：梯度裡還看不出正確答案是哪一類。dc 的兩個數加起來應該是 0。",
        "the label was not taken off: your gradient does not know which class is right. The two numbers of dc should add up to 0.",
    ),
    {"dz": lambda k: k.p},
    {"dz": lambda k: k.p - 1},
)
_wrong_net(
    "number_for_one_hot",
    Text(
        "你減掉的是標籤的編號。標籤要先寫成兩個數，正確的那一類是 1，另一類是 0。",
        "you took off the number of the label. It has to become two numbers first: 1 for the right class, 0 for the other.",
    ),
    {"dz": lambda k: k.p - k.label},
)
_wrong_net(
    "other_label",
    Text(
        "你把兩個類別對調了：該減 1 的是 label 那一類。",
        "the two classes are swapped: the 1 comes off the class of the label.",
    ),
    {"dz": lambda k: k.p - (1 - k.y)},
)
_wrong_net(
    "softmax_slope_too_many",
    Text(
        "softmax 的導數你多乘了一次：p − y 已經是損失對 z 的梯度，softmax 早就走過了。",
        "the softmax's derivative is in there once too often: p − y is the gradient with respect to z, beyond the softmax.",
    ),
    {"dz": lambda k: (k.p - k.y) * k.p * (1 - k.p)},
    {"dz": lambda k: (torch.diag(k.p) - torch.outer(k.p, k.p)) @ (k.p - k.y)},
)
_wrong_net(
    "with_respect_to_p",
    Text(
        "這是對機率 p 的梯度，還要穿過 softmax 才到 z，而每個 p 都和兩個 z 有關。",
        "this is the gradient with respect to the probabilities. The softmax still lies between them and z, and each p depends on both z.",
    ),
    {"dz": lambda k: -k.y / k.p},
    {"dz": lambda k: -k.y / k.p * k.p * (1 - k.p)},
)
_wrong_net(
    "sigmoid_for_softmax",
    Text(
        "你對兩個 z 各自做 sigmoid，兩個機率加起來就不是 1。兩個類別互相競爭，要用 softmax。",
        "you put each z through a sigmoid of its own, and the two probabilities do not add to 1. The classes compete, which is what a softmax is for.",
    ),
    {"dz": lambda k: k.z.sigmoid() - k.y},
)
_wrong_net(
    "halved",
    Text(
        "你多除了 2。損失是一個樣本的，不對類別取平均。",
        "you divided by 2 as well. The loss is that of one example, and no mean over classes.",
    ),
    {"dz": lambda k: (k.p - k.y) / 2},
)
_wrong_net(
    "slope_forgotten",
    Text(
        "往回走經過 tanh，卻沒有乘上它的斜率。",
        "the way back passes tanh, and its slope is not multiplied in.",
    ),
    {"slope": lambda k: 1},
)
_wrong_net(
    "slope_of_sigmoid",
    Text(
        "h(1 − h) 是 sigmoid 的斜率。這裡的激活函數是 tanh。",
        "h(1 − h) is the slope of a sigmoid. The activation here is tanh.",
    ),
    {"slope": lambda k: k.h * (1 - k.h)},
    {"slope": lambda k: k.a.sigmoid() * (1 - k.a.sigmoid())},
)
_wrong_net(
    "slope_wrong",
    Text(
        "tanh 的斜率不對。它在 a = 0 時是 1，往兩邊變小；用 h = tanh(a) 怎麼寫？",
        "tanh's slope is off. It is 1 at a = 0 and falls on both sides; how do you write it with h = tanh(a)?",
    ),
    {"slope": lambda k: 1 - k.a**2},
    {"slope": lambda k: 1 - k.h},
    {"slope": lambda k: 1 - torch.tanh(k.h) ** 2},
    {"slope": lambda k: k.h},
    {"slope": lambda k: 1 + k.h**2},
    {"slope": lambda k: k.h**2},
)
_wrong_net(
    "v_not_transposed",
    Text(
        "往回走要乘 V 的轉置：h₁ 通往 z₁ 的權重是 V[0, 0]，通往 z₂ 的是 V[1, 0]。",
        "the way back multiplies by V transposed: h₁ leads to z₁ by the weight V[0, 0], and to z₂ by V[1, 0].",
    ),
    {"dh": lambda k: k.V @ k.dz},
)
_wrong_net(
    "one_path_only",
    Text(
        "每個 h 都通往兩個 z，你只走了其中一條。岔路的梯度要加起來。",
        "each h leads to both z, and you took one of the two paths. At a fork gradients add.",
    ),
    {"dh": lambda k: k.V[k.label] * k.dz[k.label]},
    {"dh": lambda k: k.V[1 - k.label] * k.dz[1 - k.label]},
    {"dh": lambda k: k.V.diagonal() * k.dz},
)
_wrong_net(
    "v_forgotten",
    Text(
        "從 z 回到 h 要經過 V，你的梯度裡沒有它。",
        "the way from z back to h passes V, which your gradient lacks.",
    ),
    {"dh": lambda k: k.dz},
    {"dh": lambda k: k.V.sum(0)},
)
_wrong_net(
    "transposed",
    Text(
        "矩陣的列與欄對調了：dW[i, j] 是第 i 個輸出的梯度，乘上第 j 個輸入。",
        "rows and columns are exchanged: dW[i, j] is the gradient of output i times input j.",
    ),
    {"dW": lambda k: torch.outer(k.x, k.da)},
    {"dV": lambda k: torch.outer(k.h, k.dz)},
    {"dW": lambda k: torch.outer(k.x, k.da), "dV": lambda k: torch.outer(k.h, k.dz)},
)
_wrong_net(
    "another_input",
    Text(
        "權重的梯度是回傳來的訊號，乘上「進到這一層的數」：W 收到的是 x，V 收到的是 h。",
        "a weight's gradient is the signal coming back times what came into its layer: into W came x, into V came h.",
    ),
    {"dW": lambda k: torch.outer(k.da, k.h)},
    {"dV": lambda k: torch.outer(k.dz, k.a)},
    {"dV": lambda k: torch.outer(k.dz, k.x)},
    {"dW": lambda k: torch.outer(k.da, k.h), "dV": lambda k: torch.outer(k.dz, k.a)},
    {"dW": lambda k: torch.outer(k.da, k.h), "dV": lambda k: torch.outer(k.dz, k.z)},
)
_wrong_net(
    "signal_before_the_slope",
    Text(
        "W 的梯度用的訊號還沒有穿過 tanh：要用 ∂L/∂a，不是 ∂L/∂h。",
        "the signal in W's gradient has not passed tanh yet: it takes ∂L/∂a, not ∂L/∂h.",
    ),
    {"dW": lambda k: torch.outer(k.dh, k.x)},
)
