"""What the shared plots draw, read back from the Axes."""

import math

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from scipy import stats

from course_utils.intervals import Interval
from course_utils.mnist import MEAN, STD
from course_utils.plotting import (
    plot_band,
    plot_confusion,
    plot_decision_boundary,
    plot_forest,
    plot_history,
    show_images,
)
from course_utils.training import History


@pytest.fixture
def ax():
    return Figure().subplots()


def band_at(ax, x: float, which: int = 0) -> tuple[float, float]:
    """Lower and upper edge of a filled band at ``x``."""
    vertices = ax.collections[which].get_paths()[0].vertices
    heights = vertices[np.isclose(vertices[:, 0], x), 1]
    return heights.min(), heights.max()


# --- plot_band

RUNS = np.array([[1.0, 2.0, 4.0], [3.0, 2.5, 8.0], [2.0, 6.0, 1.0]])


def t_interval(values):
    return stats.t.interval(0.95, len(values) - 1, np.mean(values), stats.sem(values))


def test_band_is_the_mean_and_the_t_interval_at_each_point(ax):
    assert plot_band(ax, [10, 20, 30], RUNS, "Adam") is ax
    (line,) = ax.lines
    assert line.get_label() == "Adam"
    assert line.get_ydata() == pytest.approx(RUNS.mean(axis=0))
    for x, values in zip([10, 20, 30], RUNS.T, strict=True):
        assert band_at(ax, x) == pytest.approx(t_interval(values))
    ax.plot([10, 20, 30], [0, 0, 0])
    plot_band(ax, [10, 20, 30], RUNS + 1, "SGD", marker="s")
    assert [line.get_marker() for line in ax.lines[::2]] == ["", "s"]
    for line, band in zip(ax.lines[::2], ax.collections, strict=True):
        assert to_rgb(band.get_facecolor()[0][:3]) == to_rgb(line.get_color())


def test_band_on_a_logarithmic_axis_is_that_of_the_logarithms(ax):
    plot_band(ax, [10, 20, 30], RUNS, "Adam", log=True)
    assert ax.get_yscale() == "log"
    assert ax.lines[0].get_ydata() == pytest.approx(stats.gmean(RUNS, axis=0))
    for x, values in zip([10, 20, 30], RUNS.T, strict=True):
        assert band_at(ax, x) == pytest.approx(np.exp(t_interval(np.log(values))))


@pytest.mark.parametrize("runs", [RUNS[:1], RUNS[0], RUNS[:, :2], RUNS[None]], ids=np.shape)
def test_band_refuses_runs_of_another_shape(ax, runs):
    with pytest.raises(ValueError, match=r"shape \(S >= 2, 3\)"):
        plot_band(ax, [10, 20, 30], runs, "Adam")
    assert not ax.lines


# --- plot_history


def history(shift: float = 0.0) -> History:
    return History(
        train_loss=[2.0 + shift, 1.0 + shift],
        train_accuracy=[0.5 + shift, 0.75],
        val_loss=[2.5, 1.5 + shift],
        val_accuracy=[0.4, 0.6 + shift],
    )


def test_one_history_gives_two_lines_from_epoch_1(ax):
    assert plot_history(ax, [history()], "loss") is ax
    curves = {line.get_label(): line for line in ax.lines}
    assert curves["training"].get_xydata().tolist() == [[1, 2.0], [2, 1.0]]
    assert curves["validation"].get_xydata().tolist() == [[1, 2.5], [2, 1.5]]
    assert not ax.collections
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("epoch", "loss (nats)")
    markers = {line.get_marker() for line in ax.lines}
    assert len(markers) == 2, "colour must not be the only difference"


def test_several_histories_give_means_and_bands_in_percent(ax):
    plot_history(ax, [history(), history(0.1)], "accuracy")
    curves = {line.get_label(): line.get_ydata() for line in ax.lines}
    assert curves["training"] == pytest.approx([55, 75])
    assert curves["validation"] == pytest.approx([40, 65])
    assert band_at(ax, 2, which=1) == pytest.approx(t_interval([60, 70]))
    assert ax.get_ylabel() == "accuracy (%)"
    assert len({line.get_marker() for line in ax.lines}) == 2
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["training", "validation"]


def test_one_history_needs_no_list(ax):
    history = History([2.0, 1.0], [0.5, 0.75], [2.5, 1.5], [0.25, 0.5])
    lines = plot_history(ax, history, "loss").lines
    assert [list(line.get_ydata()) for line in lines] == [[2.0, 1.0], [2.5, 1.5]]


def test_history_of_an_unknown_metric_is_refused(ax):
    with pytest.raises(ValueError, match="'loss' or 'accuracy', got 'acc'"):
        plot_history(ax, [history()], "acc")


@pytest.mark.parametrize(
    "histories, lengths",
    [
        ([], r"\[\]"),
        ([history(), History([1.0], [0.5], [1.0], [0.5])], r"\[1, 2\]"),
        ([History(train_loss=[2.0, 1.0], val_loss=[2.0])], r"\[1, 2\]"),
    ],
)
def test_histories_of_different_lengths_are_refused(histories, lengths, ax):
    with pytest.raises(ValueError, match=f"of one length.*{lengths}.*one at a time"):
        plot_history(ax, histories, "loss")


# --- show_images


def test_images_are_shown_as_they_were_before_normalization():
    raw = torch.rand(7, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    titles = [f"image {i}" for i in range(7)]
    axes = show_images(Figure(), (raw - MEAN) / STD, titles, columns=3)
    assert axes.shape == (3, 3)
    for image, title, ax in zip(raw, titles, axes.flat, strict=False):
        shown = ax.images[0]
        torch.testing.assert_close(
            torch.as_tensor(np.asarray(shown.get_array())), image[0], rtol=0, atol=1e-5
        )
        assert ax.get_title() == title
        assert shown.get_clim() == (0, 1)
    assert not any(ax.images for ax in axes.flat[7:])
    assert not any(ax.axison for ax in axes.flat)


@pytest.mark.parametrize("kind", [list, np.array, torch.tensor])
def test_wrong_ones_are_marked_by_more_than_colour(kind):
    wrong = kind([False, True, False])
    axes = show_images(Figure(), torch.zeros(3, 1, 28, 28), list("abc"), wrong=wrong)
    assert axes.shape == (1, 5)
    weights = [ax.title.get_fontweight() for ax in axes.flat[:3]]
    colors = [ax.title.get_color() for ax in axes.flat[:3]]
    assert weights[1] == "bold"
    assert weights[0] == weights[2] != "bold"
    assert colors[0] == colors[2] != colors[1]


def test_images_need_a_title_each():
    with pytest.raises(ValueError, match="got 2, 3"):
        show_images(Figure(), torch.zeros(3, 1, 28, 28), ["a", "b"])


# --- plot_confusion


def test_confusion_writes_every_count_and_colours_mistakes_only(ax):
    counts = np.array([[50, 2, 0], [1, 60, 3], [0, 4, 70]])
    assert plot_confusion(ax, torch.tensor(counts), ["cat", "dog", "owl"]) is ax
    assert [int(text.get_text()) for text in ax.texts] == counts.ravel().tolist()
    colours = np.asarray(ax.collections[0].get_array()).reshape(3, 3)
    assert colours.tolist() == [[0, 2, 0], [1, 0, 3], [0, 4, 0]]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["cat", "dog", "owl"]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["cat", "dog", "owl"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("predicted class", "true class")
    assert ax.yaxis_inverted(), "the first class is the first row"
    labels = [*ax.get_xticklabels(), *ax.get_yticklabels()]
    assert {label.get_rotation() for label in labels} == {0}


def test_confusion_has_no_grid_over_its_numbers():
    with plt.rc_context({"axes.grid": True}):
        ax = plot_confusion(Figure().subplots(), np.eye(2, dtype=int))
    assert not any(line.get_visible() for line in [*ax.get_xgridlines(), *ax.get_ygridlines()])


def test_confusion_without_names_numbers_its_classes(ax):
    plot_confusion(ax, np.eye(4, dtype=int))
    assert [label.get_text() for label in ax.get_xticklabels()] == ["0", "1", "2", "3"]


@pytest.mark.parametrize("shape", [(2, 3), (4,), (2, 2, 2), (0, 0)])
def test_confusion_needs_a_square(ax, shape):
    with pytest.raises(ValueError, match="square"):
        plot_confusion(ax, np.zeros(shape, dtype=int))


def test_confusion_takes_counts_of_any_type_and_refuses_what_are_none(ax):
    for counts in (
        np.array([[5.0, 1.0], [0.0, 2.0]]),
        torch.tensor([[5.0, 1.0], [0.0, 2.0]]).half(),
    ):
        ax.clear()
        plot_confusion(ax, counts)
        assert [text.get_text() for text in ax.texts] == ["5", "1", "0", "2"]
    for bad in (
        [[0.5, 0.5], [0.25, 0.75]],
        [[-1, 0], [0, 1]],
        [[math.nan, 0], [0, 1]],
        [[math.inf]],
    ):
        with pytest.raises(ValueError, match=r"whole numbers of examples.*without dividing"):
            plot_confusion(ax, bad)
    with pytest.raises(ValueError, match="class_names must be 2, one per class, got 3"):
        plot_confusion(ax, np.eye(2, dtype=int), ["a", "b", "c"])


# --- plot_decision_boundary


def lines_and_areas(ax):
    """Points of the drawn line, and the area of each colour (class 0, class 1)."""
    lines = [s for s in ax.collections if not s.filled]
    (areas,) = [s for s in ax.collections if s.filled]
    points = np.concatenate([path.vertices for s in lines for path in s.get_paths()] or [[]])
    return points, [bool(len(path.vertices)) for path in areas.get_paths()]


@pytest.mark.parametrize("axis", [0, 1])
def test_the_line_lies_where_the_score_is_zero(ax, axis):
    limits = {"xlim": (-1.0, 2.0), "ylim": (0.0, 3.0)}

    def score(points):
        assert not torch.is_grad_enabled()
        return (points[:, axis] - 0.7)[:, None]  # (N, 1), as a model returns it

    assert plot_decision_boundary(ax, score, **limits, resolution=31) is ax
    points, shaded = lines_and_areas(ax)
    assert points[:, axis] == pytest.approx(0.7, abs=1e-5)
    other = points[:, 1 - axis]
    assert (other.min(), other.max()) == pytest.approx(list(limits.values())[1 - axis])
    assert shaded == [True, True]
    blue, orange = to_rgb("#0173B2"), to_rgb("#DE8F05")
    (areas,) = [s for s in ax.collections if s.filled]
    assert [tuple(color[:3]) for color in areas.get_facecolor()] == [
        orange,
        blue,
    ]  # class 0, class 1
    assert (ax.get_xlim(), ax.get_ylim()) == tuple(limits.values())


@pytest.mark.parametrize(
    ("value", "shaded"), [(1.0, [False, True]), (-1.0, [True, False]), (0.0, [True, False])]
)
@pytest.mark.filterwarnings("error")
def test_a_constant_score_shades_one_class_and_draws_no_line(ax, value, shaded):
    plot_decision_boundary(
        ax, lambda points: torch.full((len(points),), value), xlim=(0, 1), ylim=(0, 1), resolution=5
    )
    points, found = lines_and_areas(ax)
    assert points.size == 0
    assert found == shaded


# --- plot_forest

EFFECTS = [Interval(-0.2, -0.3, -0.1), Interval(0.05, -0.02, 0.2)]


def forest_dots(ax):
    return [bar.lines[0] for bar in ax.containers]


@pytest.mark.parametrize(("found", "filled"), [((), [True, False]), ([False, True], [False, True])])
def test_forest_has_a_row_an_interval_and_fills_what_was_found(ax, found, filled):
    assert plot_forest(ax, ["dropout", "AdamW"], EFFECTS, found) is ax
    assert [label.get_text() for label in ax.get_yticklabels()] == ["dropout", "AdamW"]
    assert ax.yaxis_inverted()
    for row, (dot, effect, is_filled) in enumerate(
        zip(forest_dots(ax), EFFECTS, filled, strict=True)
    ):
        assert dot.get_xydata().tolist() == [[effect.mean, row]]
        assert (dot.get_markerfacecolor() != "white") == is_filled
        assert (dot.get_color() != "gray") == is_filled
    (zero,) = [line for line in ax.lines if list(line.get_xdata()) == [0, 0]]
    assert list(zero.get_ydata()) == [0, 1], "from the bottom to the top of the Axes"
    (ends,) = ax.containers[1].lines[2][0].get_segments()
    assert ends[:, 0] == pytest.approx([-0.02, 0.2])  # from low to high, not mean ± half


@pytest.mark.parametrize(
    ("labels", "found"), [(["one"], ()), (["a", "b"], [True]), (["a", "b"], [True] * 3)]
)
def test_forest_refuses_what_does_not_match(ax, labels, found):
    with pytest.raises(ValueError, match="must be as many"):
        plot_forest(ax, labels, EFFECTS, found)
