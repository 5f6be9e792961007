"""The first half of the training demo: its small task, and the tools one by one, before any training."""

import time

import numpy as np

from course_utils.numpy_track.checks import check_rng
from course_utils.numpy_track.lstm_baseline import LSTM
from course_utils.numpy_track.model_interface import Model, Params
from course_utils.numpy_track.relational_rnn import RelationalRNN
from course_utils.numpy_track.schedules import (
    CosineSchedule,
    PlateauSchedule,
    Schedule,
    StepSchedule,
    WarmupSchedule,
)
from course_utils.numpy_track.training_utils import (
    EarlyStopping,
    accuracy,
    clip_gradients,
    compute_numerical_gradient,
    compute_numerical_gradient_fast,
    cross_entropy_loss,
    learning_rate_schedule,
    mse_loss,
    softmax,
)

Checks = dict[str, bool]


def sequences(num_rows: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(X, labels, values): in which third of (N, 9, 2) did channel 0 peak; its running mean per step."""
    X = check_rng(seed).normal(size=(num_rows, 9, 2)).astype(np.float32)
    labels = X[:, :, 0].argmax(axis=1) // 3
    running_mean = X[:, :, :1].cumsum(axis=1) / np.arange(1, 10)[:, None]
    return X, labels, running_mean.astype(np.float32)


X, Y, VALUES = sequences(600, seed=1)
X_VAL, Y_VAL, VALUES_VAL = sequences(300, seed=2)


def flat(arrays: Params) -> np.ndarray:
    """All numbers of a dict of arrays as one vector."""
    return np.concatenate([np.ravel(arrays[name]) for name in sorted(arrays)]).astype(np.float64)


def with_float64(model: Model) -> Model:
    """The same model, calculating in float64."""
    model.set_params({name: p.astype(np.float64) for name, p in model.get_params().items()})
    return model


def losses() -> Checks:
    """Losses, softmax, accuracy."""
    logits, ids = np.array([[2.0, 1.0, 0.1], [0.5, 2.5, 0.3]]), np.array([0, 1])
    print("softmax", softmax(logits).round(3).tolist())
    print(f"cross-entropy {cross_entropy_loss(logits, ids):.4f}, accuracy {accuracy(logits, ids)}")
    return {
        "a perfect prediction costs nothing": cross_entropy_loss(1e3 * np.eye(3), [0, 1, 2]) == 0
        and mse_loss(logits, logits) == 0,
        "ids and one-hot targets agree": cross_entropy_loss(logits, ids)
        == cross_entropy_loss(logits, np.eye(3)[ids]),
        "logits of ±10,000 are exact": cross_entropy_loss([[1e4, -1e4]], [1]) == 20000,
    }


def gradients() -> Checks:
    """Numerical gradients, element by element and along random directions, beside exact ones."""
    checks, x, y = {}, X[:16].astype(np.float64), Y[:16]
    for model in (RelationalRNN(2, 5, 3, 2, 4, 2, rng=0), LSTM(2, 6, 3, rng=0)):
        with_float64(model)
        start = time.perf_counter()
        exact = flat(model.loss_and_grads(x, y)[1])
        middle = time.perf_counter()
        numerical = flat(compute_numerical_gradient(model, x, y, cross_entropy_loss))
        end = time.perf_counter()
        worst = np.abs(numerical - exact).max() / np.abs(exact).max()
        name = type(model).__name__
        print(
            f"{name}, {exact.size} parameters: back-propagation {1e3 * (middle - start):.1f} ms, "
            f"element-wise {1e3 * (end - middle):.0f} ms, relative difference {worst:.1e}"
        )
        checks[f"{name}: back-propagation agrees with central differences"] = worst < 1e-6
    cosines = []
    for seed in range(20):
        estimate = compute_numerical_gradient_fast(model, x, y, cross_entropy_loss, rng=seed)
        cosines.append(
            flat(estimate) @ exact / np.linalg.norm(flat(estimate)) / np.linalg.norm(exact)
        )
    expected = np.sqrt(32 / (32 + exact.size))
    print(f"32 random directions: mean cosine {np.mean(cosines):.2f}, theory {expected:.2f}")
    checks["random directions are worth what theory says"] = abs(np.mean(cosines) - expected) < 0.08
    return checks


def clipping() -> Checks:
    """Gradient clipping."""
    grads = {"W": np.full((3, 4), 10.0), "b": np.full(4, 10.0)}
    clipped, norm = clip_gradients(grads, max_norm=5.0)
    print(f"norm {norm:.1f} -> {np.linalg.norm(flat(clipped)):.1f}")
    small, _ = clip_gradients({"W": np.full(4, 0.1)})
    return {
        "a large gradient is clipped to the limit": np.isclose(np.linalg.norm(flat(clipped)), 5),
        "a small one is left alone": bool((small["W"] == 0.1).all()),
    }


def schedules() -> Checks:
    """Learning-rate schedules."""
    shown: dict[str, Schedule] = {
        "default": learning_rate_schedule,
        "step": StepSchedule(0.5, 5),
        "cosine": CosineSchedule(20),
        "warm-up, then cosine": WarmupSchedule(CosineSchedule(15), 5),
        "plateau": (plateau := PlateauSchedule(0.5, patience=2)),
    }
    rates: dict[str, list[float]] = {name: [] for name in shown}
    for epoch in range(20):
        for name, schedule in shown.items():
            rates[name].append(schedule(epoch, 0.1))
        plateau.observe(max(1.0 - 0.1 * epoch, 0.5))  # a loss that stops falling in epoch 5
    for name, values in rates.items():
        print(f"{name:>20}: " + " ".join(f"{rate:.3f}" for rate in values[::3]))
    return {
        "the default decays by 0.95 every 10 epochs": bool(np.isclose(rates["default"][10], 0.095)),
        "warm-up reaches the full rate": rates["warm-up, then cosine"][5] == 0.1,
        "plateau cuts once the loss stays": rates["plateau"][8] == 0.1 > rates["plateau"][9],
    }


def early_stopping() -> Checks:
    """Early stopping."""
    stopping = EarlyStopping(patience=3)
    for epoch, loss in enumerate([1.0, 0.6, 0.5, 0.55, 0.6, 0.7, 0.8], 1):
        if stopping(loss, {"epoch": np.array([float(epoch)])}):
            break
    kept = stopping.get_best_params()
    best = 0 if kept is None else kept["epoch"][0]
    print(f"stopped after epoch {epoch}, best was epoch {best:.0f}")
    return {"three epochs without improvement stop; the best is kept": (epoch, best) == (6, 3)}
