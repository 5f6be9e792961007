"""Random problems for the fuzz tests: valid ones, valid ones with a mistake in them, and torch's answer."""

import numpy as np
import torch
from hypothesis import strategies as st
from torch.nn import functional as F

KINDS = ["ids", "ids per step", "soft", "soft per step", "values", "values per step"]
seeds = st.integers(0, 2**32 - 1)
sizes = st.integers(1, 5)
float_dtypes = st.sampled_from([np.float32, np.float64])
id_dtypes = st.sampled_from([np.int8, np.int32, np.int64, np.uint8, np.uint64])


@st.composite
def problems(draw, min_rows=1):
    """(X, y, task, number of outputs) of any valid kind; T never equals C, which would be ambiguous."""
    rng = np.random.default_rng(draw(seeds))
    kind, dtype = draw(st.sampled_from(KINDS)), draw(float_dtypes)
    B, T, num_features = min_rows - 1 + draw(sizes), draw(sizes), draw(sizes)
    C = draw(st.integers(2, 5).filter(lambda c: c != T))
    X = (10 ** rng.uniform(-2, 1) * rng.normal(size=(B, T, num_features))).astype(dtype)
    answers = (B, T) if kind.endswith("a step") else (B,)
    if kind.startswith("ids"):
        return X, rng.integers(0, C, answers).astype(draw(id_dtypes)), "classification", C
    if kind.startswith("soft"):
        probs = rng.dirichlet(np.ones(C), answers)
        hard = np.eye(C)[rng.integers(0, C, answers)]
        return X, hard if draw(st.booleans()) else probs, "classification", C
    num_values = draw(sizes)
    values = rng.normal(size=(*answers, num_values)).astype(draw(float_dtypes))
    if num_values == 1 and draw(st.booleans()):
        values = values[..., 0]
    return X, values, "regression", num_values


def reference(params, X, y, task):
    """(loss, gradients, predictions) of TanhModel by torch's autograd in float64."""
    theta = {
        k: torch.tensor(np.asarray(v, np.float64), requires_grad=True) for k, v in params.items()
    }
    inputs, y = torch.tensor(np.asarray(X, np.float64)), np.asarray(y)
    num_outputs = theta["c"].numel()
    if task == "classification":
        steps = y.ndim == 3 or (y.ndim == 2 and y.dtype.kind in "iu" and y.shape[1] == X.shape[1])
    else:
        steps = y.ndim == 3 or (y.ndim == 2 and num_outputs == 1 and y.shape[1] == X.shape[1] > 1)
    if not steps:
        inputs = inputs[:, -1]
    outputs = torch.tanh(inputs @ theta["U"] + theta["a"]) @ theta["V"] + theta["c"]
    if task == "regression":
        loss = F.mse_loss(outputs, torch.tensor(np.asarray(y, np.float64)).reshape(outputs.shape))
    else:
        probs = np.eye(num_outputs)[y.astype(int)] if y.dtype.kind in "iu" else y
        loss = -(torch.tensor(probs) * F.log_softmax(outputs, -1)).sum(-1).mean()
    loss.backward()
    return loss.item(), {k: v.grad.numpy() for k, v in theta.items()}, outputs.detach().numpy()


def tolerance(dtype):
    return {"rtol": 1e-4, "atol": 1e-5} if dtype == np.float32 else {"rtol": 1e-9, "atol": 1e-10}


def spoil(draw, X, y, task, num_outputs):
    """(X, y, task) with one mistake in it that no call may accept."""
    spot = tuple(draw(st.integers(0, n - 1)) for n in X.shape)
    ways = {
        "NaN in X": lambda: (put(X, spot, draw(st.sampled_from([np.nan, np.inf]))), y, task),
        "y too long": lambda: (X, np.concatenate([y, y[:1]]), task),
        "y too short": lambda: (X[[0, *range(len(X))]], y, task),
        "empty": lambda: (X[:0], y[:0], task),
        "1-D X": lambda: (X[:, 0, 0], y, task),
        "object X": lambda: (X.astype(object), y, task),
        "bool y": lambda: (X, y > 0, task),
        "complex y": lambda: (X, y * 1j, task),
        "task": lambda: (X, y, draw(st.sampled_from(["", "Regression", None, "classify"]))),
        "one axis more": lambda: (X, y[..., None, None, None], task),
    }
    if y.dtype.kind in "iu":
        where = tuple(draw(st.integers(0, n - 1)) for n in y.shape)
        wrong = draw(st.sampled_from([-1, -100, num_outputs, num_outputs + 7]))
        ways["label"] = lambda: (X, put(y.astype(int), where, wrong), task)
        ways["float ids"] = lambda: (X, y.astype(float), task)
        if y.shape[-1] != 1 or y.ndim == 1:
            ways["(B, 1)"] = lambda: (
                (X, y[..., None], task) if X.shape[1] > 1 else (X, y - 1e9, task)
            )
    else:
        ways["NaN in y"] = lambda: (X, put(y, (0,) * y.ndim, np.nan), task)
        if task == "classification":
            ways["sums"] = lambda: (X, y * 1.01, task)
            ways["below 0"] = lambda: (
                X,
                y - 2 * np.eye(num_outputs)[0] + 2 * np.eye(num_outputs)[1],
                task,
            )
    name = draw(st.sampled_from(sorted(ways)))
    return ways[name]()


def put(array, where, value):
    array = array.copy()
    array[where] = value
    return array
