"""Numerical gradients against exact ones, what random directions are worth, and clipping."""

import warnings

import numpy as np
import pytest
from hypothesis import strategies as st
from numpy_models import TanhModel, TanhModelWithGrads, assert_unchanged, classes, copied

from course_utils.numpy_track.gradients import loss_and_grads
from course_utils.numpy_track.losses import cross_entropy_loss, mse_loss
from course_utils.numpy_track.training_utils import (
    compute_numerical_gradient,
    compute_numerical_gradient_fast,
    train_step,
)

#: Overflow is foreseen: it is an error with a message or it is harmless, and never a warning.
pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")

NUMERICAL = [compute_numerical_gradient, compute_numerical_gradient_fast]
seeds = st.integers(0, 2**32 - 1)


def flat(grads):
    return np.concatenate([np.ravel(grads[name]).astype(np.float64) for name in sorted(grads)])


def cosine(a, b):
    return a @ b / np.linalg.norm(a) / np.linalg.norm(b)


def targets_of_every_kind(seed=0, B=4, T=5, C=3):
    rng = np.random.default_rng(seed)
    ids, probs = rng.integers(0, C, (B, T)), rng.dirichlet(np.ones(C), (B, T))
    values = rng.normal(size=(B, T, C))
    return {
        "ids": (ids[:, 0], cross_entropy_loss, "classification"),
        "ids per step": (ids, cross_entropy_loss, "classification"),
        "soft": (probs[:, 0], cross_entropy_loss, "classification"),
        "soft per step": (probs, cross_entropy_loss, "classification"),
        "values": (values[:, 0], mse_loss, "regression"),
        "values per step": (values, mse_loss, "regression"),
    }


# --- element by element


@pytest.mark.parametrize("kind", targets_of_every_kind())
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-8), (np.float32, 1e-6)])
def test_central_differences_agree_with_exact_gradients(kind, dtype, tolerance):
    y, loss_fn, task = targets_of_every_kind()[kind]
    X, _ = classes(4, dtype=dtype)
    model = TanhModelWithGrads(dtype=dtype)
    before = copied(model)
    _, exact, _ = model.loss_and_grads(X, y, task)
    grads = compute_numerical_gradient(model, X, y, loss_fn)
    for name, g in exact.items():
        assert grads[name].dtype == dtype and grads[name].shape == g.shape
        np.testing.assert_allclose(grads[name], g, rtol=0, atol=tolerance, err_msg=name)
    assert_unchanged(model, before)


class Float32Model(TanhModelWithGrads):
    """Rounds what it is given, as many a first model does."""

    def set_params(self, params):
        self.params = {name: np.float32(values) for name, values in params.items()}


def test_a_model_that_insists_on_float32_gets_a_step_that_rounding_does_not_drown():
    X, y = classes(8)
    model = Float32Model()
    _, exact, _ = model.loss_and_grads(X, y)
    grads = compute_numerical_gradient(model, X, y, cross_entropy_loss)
    np.testing.assert_allclose(flat(grads), flat(exact), rtol=0, atol=3e-4)
    many = compute_numerical_gradient_fast(
        model, X, y, cross_entropy_loss, num_directions=3000, rng=0
    )
    assert cosine(flat(many), flat(exact)) > 0.98


def test_large_parameters_do_not_swallow_the_step():
    X, y = classes(8, dtype=np.float64)
    model = TanhModelWithGrads(dtype=np.float64)
    model.set_params({**copied(model), "c": np.array([1e12, 1e12, 1e12])})
    _, exact, _ = model.loss_and_grads(X, y)
    grads = compute_numerical_gradient(model, X, y, cross_entropy_loss, epsilon=1e-13)
    np.testing.assert_allclose(grads["c"], exact["c"], atol=0.05)


class Line(TanhModel):
    """Answers 3 · (c - start), in whatever way ``answer`` says."""

    def __init__(self, answer, start=0.0):
        super().__init__(num_outputs=1, dtype=np.float64)
        self.answer, self.start = answer, start
        self.params["c"] = np.array([float(start)])

    def forward(self, X, return_sequences=False):
        self.asked = return_sequences
        return self.answer(np.full((len(X), 1), 3 * (self.params["c"][0] - self.start)))


def slope_of(model, y=None, **options):
    """∂L/∂c where the loss is the mean of the predictions."""
    y, mean = np.zeros(2) if y is None else y, lambda p, t: float(p.mean())
    return compute_numerical_gradient(model, np.zeros((2, 1, 3)), y, mean, **options)["c"][0]


def test_the_difference_is_divided_by_what_the_parameter_moved_after_rounding():
    assert slope_of(Line(np.float64, 1e12), epsilon=3e-16) == 3  # by 2 or 3 of its roundings

    class Half(TanhModel):
        def forward(self, X, return_sequences=False):
            return np.full((len(X), 1), np.float16(self.params["c"][0]))

    half = Half(num_outputs=1, dtype=np.float64)
    half.params["c"] = np.array([1.0])
    assert slope_of(half) == 1


def test_a_model_that_answers_in_whole_numbers_keeps_its_float64_step():
    def counts(predictions):
        return np.rint(1e9 * predictions).astype(np.int64)

    assert slope_of(Line(counts)) == pytest.approx(3e9, rel=1e-4)


def test_a_model_may_write_to_the_parameters_it_is_lent():
    class Untidy(Line):
        def forward(self, X, return_sequences=False):
            answer = super().forward(X, return_sequences) * self.params["V"][0]
            for values in self.params.values():
                values[...] = 7
            return answer

    model = Untidy(np.float64, 2.0)
    assert slope_of(model) == pytest.approx(3 * model.params["V"][0, 0])
    assert model.params["c"] == 2


@pytest.mark.parametrize(
    ("shape", "sequences"), [((2,), False), ((2, 1, 1), True), ((2, 1, 2, 2), True)]
)
def test_targets_of_another_loss_ask_for_sequences_by_their_axes(shape, sequences):
    model = Line(np.float64)
    slope_of(model, np.zeros(shape))
    assert model.asked is sequences


# --- along random directions


@pytest.mark.parametrize("kind", ["ids", "values per step"])
def test_the_mean_over_many_directions_is_the_gradient(kind):
    y, loss_fn, task = targets_of_every_kind()[kind]
    X, _ = classes(4, dtype=np.float64)
    model = TanhModelWithGrads(dtype=np.float64)
    exact = flat(model.loss_and_grads(X, y, task)[1])
    num_directions, runs = 50, 60
    rng = np.random.default_rng(0)
    estimates = np.array(
        [
            flat(
                compute_numerical_gradient_fast(
                    model, X, y, loss_fn, rng=rng, num_directions=num_directions
                )
            )
            for _ in range(runs)
        ]
    )
    z = (estimates.mean(axis=0) - exact) / (estimates.std(axis=0, ddof=1) / np.sqrt(runs))
    assert np.abs(z).max() < 4.5, "biased in some parameter"
    assert np.mean(z**2) == pytest.approx(1, abs=0.8)


@pytest.mark.parametrize("num_directions", [1, 8, 31])
def test_cosine_and_length_are_what_the_docstring_says(num_directions):
    X, y = classes(8, dtype=np.float64)
    model = TanhModelWithGrads(num_hidden=40, dtype=np.float64)
    exact = flat(model.loss_and_grads(X, y)[1])
    rng = np.random.default_rng(1)
    estimates = [
        flat(
            compute_numerical_gradient_fast(
                model, X, y, cross_entropy_loss, rng=rng, num_directions=num_directions
            )
        )
        for _ in range(300)
    ]
    expected = np.sqrt(num_directions / (num_directions + exact.size))
    cosines = np.array([cosine(g, exact) for g in estimates])
    lengths = [np.linalg.norm(g) / np.linalg.norm(exact) for g in estimates]
    assert np.sqrt(np.mean(cosines**2)) == pytest.approx(expected, rel=0.2)
    assert np.sqrt(np.mean(np.square(lengths))) == pytest.approx(1 / expected, rel=0.2)


def test_directions_are_drawn_from_rng_alone():
    X, y = classes(4)
    model = TanhModel()
    before, state = copied(model), np.random.get_state()[1].copy()  # noqa: NPY002

    def estimate(rng):
        return flat(compute_numerical_gradient_fast(model, X, y, cross_entropy_loss, rng=rng))

    one, same, other = estimate(3), estimate(np.random.default_rng(3)), estimate(4)
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)
    assert_unchanged(model, before)
    np.testing.assert_array_equal(np.random.get_state()[1], state)  # noqa: NPY002
    grads = compute_numerical_gradient_fast(model, X, y, cross_entropy_loss, rng=3)
    assert {g.dtype for g in grads.values()} == {np.dtype(np.float32)}  # the parameters' own


class Recorder(TanhModelWithGrads):
    """Notes down every value that ``c`` was set to, and answers in the dtype given."""

    def __init__(self, answers, **options):
        super().__init__(**options)
        self.answers, self.seen = answers, []

    def set_params(self, params):
        self.seen.append(params["c"].copy())
        super().set_params(params)

    def forward(self, X, return_sequences=False):
        return super().forward(X, return_sequences).astype(self.answers)


@pytest.mark.parametrize(
    ("answers", "options", "expected"),
    [
        (np.float64, {}, 1e-5),
        (np.float64, {"epsilon": 1e-3}, 1e-3),
        (np.float32, {}, 0.00492),  # the cube root of 2⁻²³
        (np.float32, {"epsilon": 0.1}, 0.1),
        (np.float16, {}, 0.0992),
    ],
)
def test_the_step_is_epsilon_or_what_the_dtype_needs_and_relative_beyond_1(
    answers, options, expected
):
    X, y = classes(4)
    for function in NUMERICAL:
        model = Recorder(answers, dtype=np.float64)
        model.params["c"] = start = np.array([0.5, -1.0, 100.0])
        function(model, X, y, cross_entropy_loss, **options)
        moved = np.abs(np.array(model.seen, float) - start).max(axis=0)
        tolerance = 0.1 if answers == np.float16 else 1e-2
        np.testing.assert_allclose(moved, expected * np.array([1, 1, 100]), rtol=tolerance)
        assert model.params["c"].tolist() == start.tolist()


def test_32_directions_by_default_and_two_passes_for_each():
    calls = []

    def loss(predictions, targets):
        calls.append(1)
        return float(predictions.sum())

    X, y = classes(4)
    compute_numerical_gradient_fast(TanhModel(), X, y, loss, rng=0)
    assert len(calls) == 64
    calls.clear()
    compute_numerical_gradient(TanhModel(), X, y, loss)
    assert len(calls) == 2 * 31  # parameters


def test_directions_are_coin_flips():
    """Along ±1 a gradient of one parameter alone comes out exactly, whatever the directions."""

    X = np.zeros((2, 1, 3))
    model = Line(np.float64)
    square = lambda p, t: float(p.mean())  # noqa: E731
    grads = compute_numerical_gradient_fast(model, X, np.zeros(2), square, rng=1, num_directions=1)
    np.testing.assert_allclose(grads["c"], 3, rtol=1e-8)
    np.testing.assert_allclose(np.abs(grads["U"]), 3, rtol=1e-8)
    assert {1.0, -1.0} == set(np.sign(grads["U"]).ravel())


# --- where they cannot be had


@pytest.mark.parametrize("function", NUMERICAL)
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epsilon": 0}, "epsilon must be a finite number above 0, got 0"),
        ({"epsilon": float("nan")}, "epsilon must be .* got nan"),
        ({"y": [0, 1, 2]}, "4 inputs and 3 targets"),
        ({"y": [0, 1, 2, 3]}, r"lie in \[0, 3\)"),
        ({"X": np.full((4, 5, 3), np.nan)}, "X must be finite"),
        ({"loss_fn": lambda p, y: np.nan}, "the value of loss_fn must be a finite number, got nan"),
        ({"loss_fn": lambda p, y: (p - 1) ** 2}, "the value of loss_fn must be a finite number"),
        ({"loss_fn": lambda p, y: 0.0, "y": np.ones((4, 3))}, "say return_sequences=True or"),
    ],
)
def test_what_makes_no_sense_is_refused_and_leaves_the_model_alone(function, change, message):
    X, y = classes(4)
    arguments = {"X": X, "y": y, "loss_fn": cross_entropy_loss, "epsilon": 1e-5, **change}
    model = TanhModel()
    before = copied(model)
    with pytest.raises(ValueError, match=message):
        function(model, *arguments.values())
    assert_unchanged(model, before)


@pytest.mark.parametrize("num_directions", [0, -1, 2.0, True])
def test_a_number_of_directions_that_is_none(num_directions):
    X, y = classes(4)
    with pytest.raises(ValueError, match="num_directions must be"):
        compute_numerical_gradient_fast(
            TanhModel(), X, y, cross_entropy_loss, num_directions=num_directions
        )


@pytest.mark.parametrize("function", NUMERICAL)
def test_another_loss_is_welcome(function):
    X, _ = classes(4)
    y = np.zeros((4, 3))
    absolute = lambda p, t: float(np.abs(p - t).sum())  # noqa: E731
    grads = function(TanhModel(), X, y, absolute, return_sequences=False)
    assert all(np.isfinite(g).all() for g in grads.values())


class NoSetParams:
    def forward(self, X, return_sequences=False):
        return X

    def get_params(self):
        return {"w": np.ones(1)}


def test_what_is_no_model_is_told_so():
    with pytest.raises(TypeError, match=r"needs the methods .* NoSetParams lacks set_params"):
        compute_numerical_gradient(NoSetParams(), *classes(4), cross_entropy_loss)


# --- the choice


def test_exact_gradients_are_taken_where_the_model_has_them():
    X, y = classes(4)
    model = TanhModelWithGrads()
    _, grads, _ = loss_and_grads(model, X, y, "classification", np.random.default_rng(0))
    np.testing.assert_array_equal(flat(grads), flat(model.loss_and_grads(X, y)[1]))
    values = np.random.default_rng(0).normal(size=(4, 3))
    loss, _, _ = loss_and_grads(model, X, values, "regression", None)
    assert loss == pytest.approx(mse_loss(model.forward(X), values))
    for either in (model, TanhModel()):
        with pytest.raises(ValueError, match="must be 'classification' or 'regression'"):
            loss_and_grads(either, X, y, "ranking", None)


def test_up_to_2000_parameters_element_by_element_and_beyond_with_a_warning():
    X, y = classes(3)
    y = y % 2
    sizes = {"num_hidden": 333, "num_outputs": 2}  # 2,000 parameters
    small, large = TanhModel(**sizes), TanhModel(num_hidden=4, num_outputs=397)
    rng = np.random.default_rng(0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loss, grads, predictions = loss_and_grads(small, X, y, "classification", rng)
    twin = TanhModelWithGrads(**sizes)
    exact = twin.loss_and_grads(X, y)
    assert loss == pytest.approx(exact[0])
    np.testing.assert_allclose(flat(grads), flat(exact[1]), atol=1e-6)
    np.testing.assert_allclose(predictions, exact[2], atol=1e-6)
    expected = (
        r"2,001 parameters: 4,002 forward passes .* 64 along 32 .* about 0.13 .* about 8 times"
    )
    estimates = []
    for seed in (0, 0, 1):
        with pytest.warns(UserWarning, match=expected):
            rng = np.random.default_rng(seed)
            estimates.append(flat(loss_and_grads(large, X, y, "classification", rng)[1]))
    with pytest.warns(UserWarning, match=expected) as said:
        train_step(large, X, y, 0.1)
    assert said[0].filename == __file__, "the line that asked for it"
    np.testing.assert_array_equal(estimates[0], estimates[1])
    assert not np.array_equal(estimates[0], estimates[2])
