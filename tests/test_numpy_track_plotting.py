"""The picture of a run, its table, and that a failed write leaves nothing behind."""

import math
import sys

import matplotlib.pyplot as plt
import numpy as np
import pytest

from course_utils.numpy_track.plotting import history_table
from course_utils.numpy_track.training_utils import plot_training_curves

HISTORY = {
    "train_loss": [1.0, 0.5, 0.25],
    "train_metric": [0.3, 0.6, 0.9],
    "val_loss": [1.1, 0.7, 0.8],
    "val_metric": [0.2, 0.5, 0.4],
    "learning_rates": [0.1, 0.1, 0.05],
    "grad_norms": [2.0, float("nan"), 1.0],
}


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def test_four_pictures_show_the_six_lists():
    figure = plot_training_curves(HISTORY)
    drawn = [line for ax in figure.axes for line in ax.get_lines()]
    assert [ax.get_title() for ax in figure.axes] == [
        "Loss",
        "Metric",
        "Learning rate",
        "Gradient norm",
    ]
    order = ["train_loss", "val_loss", "train_metric", "val_metric", "learning_rates", "grad_norms"]
    for line, key in zip(drawn, order, strict=True):
        assert line.get_xdata().tolist() == [1, 2, 3]
        np.testing.assert_array_equal(line.get_ydata(), HISTORY[key])
    for ax in figure.axes[:2]:
        assert [t.get_text() for t in ax.get_legend().get_texts()] == ["training", "validation"]
        one, other = ax.get_lines()
        assert (
            one.get_linestyle() != other.get_linestyle() and one.get_marker() != other.get_marker()
        )
    assert all(ax.get_ylabel() for ax in figure.axes)


@pytest.mark.parametrize("name", ["curves.png", "curves.pdf", "two words.svg"])
def test_the_file_appears_whole_and_alone(tmp_path, name):
    (tmp_path / name).write_text("old")
    plot_training_curves(HISTORY, tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).stat().st_size > 3000
    plot_training_curves(HISTORY, str(tmp_path / name))


def test_a_write_that_fails_keeps_the_old_file_and_leaves_no_rest(tmp_path, monkeypatch):
    old = tmp_path / "curves.png"
    old.write_text("old")

    def disk_full(figure, path, **options):
        path.write_text("half a pict")
        raise OSError("disk full")

    monkeypatch.setattr("matplotlib.figure.Figure.savefig", disk_full)
    with pytest.raises(OSError, match="disk full"):
        plot_training_curves(HISTORY, old)
    assert [path.name for path in tmp_path.iterdir()] == ["curves.png"]
    assert old.read_text() == "old"


def test_names_that_cannot_be_written_are_refused_before_anything_is_drawn(tmp_path):
    with pytest.raises(ValueError, match=r"must end in a format such as \.png or \.pdf"):
        plot_training_curves(HISTORY, tmp_path / "curves")
    with pytest.raises(FileNotFoundError, match="the folder of save_path does not exist"):
        plot_training_curves(HISTORY, tmp_path / "nowhere" / "curves.png")
    with pytest.raises(ValueError, match="xyz"):
        plot_training_curves(HISTORY, tmp_path / "curves.xyz")
    assert list(tmp_path.iterdir()) == []


def test_without_matplotlib_there_is_a_table(monkeypatch, capsys, tmp_path):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    assert plot_training_curves(HISTORY, tmp_path / "curves.png") is None
    printed = capsys.readouterr().out
    assert history_table(HISTORY) in printed
    assert "matplotlib is not installed, so nothing was written to" in printed
    assert list(tmp_path.iterdir()) == []


def long_history(num_epochs, **changes):
    return {key: np.linspace(1, 2, num_epochs) for key in HISTORY} | changes


@pytest.mark.parametrize(("num_epochs", "size"), [(1, 4), (30, 4), (31, 0)])
def test_points_are_marked_as_long_as_there_are_few(num_epochs, size):
    lines = [x for ax in plot_training_curves(long_history(num_epochs)).axes for x in ax.lines]
    assert {line.get_markersize() for line in lines} == {size} and len(lines) == 6


def test_rates_and_norms_are_seen_from_0_up_and_labels_say_what_is_drawn():
    loss, metric, rate, norm = plot_training_curves(HISTORY).axes
    assert rate.get_ylim() == (0, pytest.approx(0.11)) and norm.get_ylim() == (0, 2.2)
    assert [ax.get_xlabel() for ax in (loss, metric, rate, norm)] == ["", "", "epoch", "epoch"]
    assert [ax.get_ylabel().split(",")[0] for ax in (loss, metric, rate, norm)] == [
        "mean over rows",
        "accuracy",
        "rate of the epoch",
        "mean over steps",
    ]
    frozen = {**HISTORY, "learning_rates": [0.0] * 3, "grad_norms": [math.nan] * 3}
    assert [ax.get_ylim() for ax in plot_training_curves(frozen).axes[2:]] == [(0, 1.1)] * 2
    ticks = rate.xaxis.get_major_locator().tick_values(1, 3)
    assert (ticks == ticks.round()).all(), "no half epochs"
    rate.set_xlim(2, 3)
    assert loss.get_xlim() == (2, 3), "the four show the same epochs"


def test_a_file_in_the_present_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    plot_training_curves(HISTORY, "curves.svg")
    assert [path.name for path in tmp_path.iterdir()] == ["curves.svg"]


@pytest.mark.parametrize(
    ("num_epochs", "rows"),
    [(1, [1]), (20, range(1, 21)), (21, range(1, 22, 2)), (22, [*range(1, 22, 2), 22])],
)
def test_rows_of_the_table_are_evenly_thinned(num_epochs, rows):
    history = long_history(num_epochs, val_metric=1 + np.arange(num_epochs))
    lines = history_table(history).splitlines()[1:]
    assert [int(line.split()[0]) for line in lines] == list(rows)
    assert [float(line.split()[4]) for line in lines] == list(rows)
    assert len(history_table(history, max_rows=1).splitlines()) == 2 + (num_epochs > 1)


def test_the_table_has_a_row_an_epoch_or_about_twenty():
    lines = history_table(HISTORY).splitlines()
    assert lines[0].split() == ["epoch", *HISTORY]
    assert lines[1].split() == ["1", "1", "0.3", "1.1", "0.2", "0.1", "2"]
    assert lines[2].split()[-1] == "nan" and len(lines) == 4
    long = {key: np.linspace(1, 2, 173) for key in HISTORY}
    rows = history_table(long).splitlines()[1:]
    assert len(rows) <= 21 and rows[-1].split()[0] == "173"


@pytest.mark.parametrize(
    ("history", "message"),
    [
        ({}, "it lacks train_loss, train_metric"),
        ({**HISTORY, "val_loss": [1.0]}, "equally long and not empty.*'val_loss': 1"),
        ({key: [] for key in HISTORY}, "equally long and not empty"),
    ],
)
def test_what_is_no_history(history, message):
    with pytest.raises(ValueError, match=message):
        plot_training_curves(history)
    with pytest.raises(ValueError, match=message):
        history_table(history)
