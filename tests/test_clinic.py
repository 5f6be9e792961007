"""The patients of the debugging clinic: one broken method each, charts that repeat, faults that are found."""

import math
import pickle
import re
from dataclasses import fields
from html import unescape
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from course_utils import clinic
from course_utils.clinic import NEW_PATIENTS, PATIENTS, run
from course_utils.clinic.charts import plot_charts, side_by_side
from course_utils.clinic.programs import FAULTS, TrainingProgram, name_of
from course_utils.mnist import MEAN, STD, ImageDataset, load_mnist

METHODS = {name for name in vars(TrainingProgram) if not name.startswith("_")}


@pytest.fixture(scope="module")
def pictures():
    return clinic.take_pictures(load_mnist("embedded"), 2000, 500)


@pytest.fixture(scope="module")
def charts(pictures):
    programs = {"sound": TrainingProgram, **FAULTS}
    return {name: run(program(), pictures, seed=0) for name, program in programs.items()}


def small(pictures):
    return clinic.Pictures(*(getattr(pictures, f.name)[:200] for f in fields(pictures)))


def test_pictures_are_the_bytes_they_were():
    pixels = torch.arange(256, dtype=torch.uint8).repeat(49)[: 28 * 28 * 16].reshape(16, 28, 28)
    images = ((pixels / 255 - MEAN) / STD)[:, None]
    mnist = load_mnist("embedded")._replace(train=ImageDataset(images, torch.arange(16) % 10))
    pictures = clinic.take_pictures(mnist, 16, 3)
    assert torch.equal(pictures.train_pixels, pixels)
    assert torch.equal(pictures.val_labels, mnist.val.labels[:3])


def test_pictures_reach_another_process_as_they_are(pictures):
    sent = pickle.loads(pickle.dumps(pictures))
    for field in fields(pictures):
        assert torch.equal(getattr(sent, field.name), getattr(pictures, field.name))
    sent.train_pixels[0] += 1  # its own memory, and writable


def test_every_patient_has_one_fault_and_every_fault_a_patient():
    programs = set(FAULTS.values())
    assert programs == set(TrainingProgram.__subclasses__())
    assert set(PATIENTS.values()) == programs and len(PATIENTS) == len(programs)
    assert list(NEW_PATIENTS.values()).count(TrainingProgram) == 1
    assert len(set(NEW_PATIENTS.values())) == len(NEW_PATIENTS)
    for name, program in FAULTS.items():
        assert len(METHODS & set(vars(program))) == 1, name
        assert name_of(program) == name
    assert name_of(TrainingProgram) == "sound"


def test_a_run_repeats_to_the_last_bit_and_leaves_the_generator_alone(pictures):
    before = torch.get_rng_state()
    a, b = (run(TrainingProgram(), small(pictures), seed=3, num_steps=7, every=3) for _ in "ab")
    other = run(TrainingProgram(), small(pictures), seed=4, num_steps=7, every=3)
    assert torch.equal(before, torch.get_rng_state())
    assert a.steps == [0, 3, 6]
    assert math.isnan(a.train_loss[0]) and a.train_loss[1:] == b.train_loss[1:]
    assert (a.val_loss, a.val_accuracy) == (b.val_loss, b.val_accuracy)
    assert a.val_loss != other.val_loss
    for p, q in zip(a.model.parameters(), b.model.parameters(), strict=True):
        assert torch.equal(p, q)


def test_the_slow_loader_gives_the_same_pictures(pictures):
    given = small(pictures)
    slow, fast = (
        program().make_loader(given.train_pixels, given.train_labels, seed=1)
        for program in (FAULTS["slow_loader"], TrainingProgram)
    )
    seen = [
        sorted(
            (*x.flatten().tolist(), int(y)) for batch in loader for x, y in zip(*batch, strict=True)
        )
        for loader in (slow, fast)
    ]
    assert len(slow) == len(fast) == 2 and seen[0] == seen[1]


@pytest.mark.parametrize("bad", [{"num_steps": 0}, {"every": 0}])
def test_a_run_needs_steps(pictures, bad):
    with pytest.raises(ValueError, match="must be at least 1, got"):
        run(TrainingProgram(), pictures, seed=0, **bad)


#: fault -> check -> what it must call suspicious. The slow loader is a matter of the clock.
EXPECTED = {
    "rate_diverges": {"step": "non_finite", "curves": "non_finite"},
    "rate_too_high": {"step": "update_too_large", "one batch": "not_memorized"},
    "rate_too_low": {
        "step": "update_too_small",
        "baseline": "no_better",
        "curves": "not_falling",
    },
    "overfitting": {"curves": "overfitting"},
    "other_models_optimizer": {"step": "stands_still", "one batch": "not_memorized"},
    "no_zero_grad": {"step": "gradients_pile_up"},
    "softmax_twice": {"first loss": "probabilities", "one batch": "not_memorized"},
    "dead_relus": {"dead units": "dead_units", "gradient flow": "no_gradient"},
    "no_eval": {"evaluation": "training_mode"},
    "inputs_unscaled": {"inputs": "unscaled", "first loss": "above_chance"},
    "labels_shifted": {
        "neighbours": "unrelated",
        "baseline": "no_better",
        "curves": "not_falling",
    },
}


@pytest.mark.parametrize("fault", ["sound", *FAULTS])
def test_the_checks_name_the_fault(pictures, charts, fault):
    program = FAULTS.get(fault, TrainingProgram)()
    findings = clinic.examine(program, pictures, charts[fault], seed=0)
    del findings["speed"]
    if fault in ("sound", "slow_loader"):
        assert all(finding.ok for finding in findings.values())
    for check, suspicion in EXPECTED.get(fault, {}).items():
        assert suspicion in findings[check].suspicions, f"{fault}: {findings[check]}"


def test_a_slow_loader_is_read_once_for_all_checks_but_that_of_its_speed(pictures, charts):
    class Batches(list):
        passes = 0

        def __iter__(self):
            Batches.passes += 1
            return super().__iter__()

    class Counted(TrainingProgram):
        def make_loader(self, pixels, labels, seed):
            return Batches(super().make_loader(pixels, labels, seed))

    clinic.examine(Counted(), small(pictures), charts["sound"], seed=0)
    assert Batches.passes == 1 + 5  # speed is measured over 10 batches, of which there are two


def test_mended_patients_are_better(charts):
    for fault in FAULTS:
        gain = charts["sound"].val_accuracy[-1] - charts[fault].val_accuracy[-1]
        assert abs(gain) < 0.1 if fault == "slow_loader" else gain > 0.03, fault


def test_charts_have_a_column_a_patient_and_say_where_nan_begins(charts):
    figure = Figure()
    patients = {"A": [charts["rate_diverges"]] * 2, "B": [charts["no_zero_grad"]]}
    axes = plot_charts(figure, patients, [charts["sound"]])
    assert axes.shape == (3, 2)
    assert [ax.get_title().split(" (")[0].strip() for ax in axes[0]] == ["patient A", "patient B"]
    assert [text.get_text() for text in axes[0, 0].texts] == ["NaN"]
    low, high = axes[2, 1].get_ylim()
    for line in axes[2, 1].lines:
        assert np.nanmax(line.get_ydata()) < high and np.nanmin(line.get_ydata()) > low
    figure.savefig("/dev/null", format="png")
    untimed = plot_charts(Figure(), patients, [charts["sound"]], timed=False)
    assert [ax.get_title() for ax in untimed[0]] == ["patient A", "patient B"]


def a_chart(**changes):
    """A chart of three steps, made up."""
    values = {
        "steps": [0, 10, 20],
        "train_loss": [2.0, 1.0, 0.5],
        "val_loss": [2.2, 1.2, 0.6],
        "val_accuracy": [0.1, 0.5, 0.8],
        "grad_norm": [1.0, 2.0, 3.0],
        "seconds": 2.0,
    } | changes
    return SimpleNamespace(**values)


def curves(ax):
    return [(line.get_color(), list(line.get_ydata())) for line in ax.lines]


def test_a_column_shows_the_patients_curves_over_the_mean_of_the_sound_ones():
    sound = [a_chart(), a_chart(val_loss=[2.4, 1.4, 0.8], val_accuracy=[0.3, 0.7, 1.0])]
    sound[1].grad_norm = [3.0, 4.0, 5.0]
    ill = a_chart(train_loss=[math.nan, 40.0, 0.01], val_loss=[2.0, 35.0, 0.02])
    ill.grad_norm, ill.val_accuracy = [0.01, 1.0, 5000.0], [0.1, 0.2, 0.3]
    axes = plot_charts(Figure(), {"A": [ill], "B": [a_chart()]}, sound)
    loss, accuracy, norm = axes[:, 0]
    train, val = "#0173B2", "#D55E00"
    expected = [
        (loss, [("gray", [2.3, 1.3, 0.7]), (train, [math.nan, 30, 0.08]), (val, [2, 30, 0.08])]),
        (accuracy, [("gray", [20, 60, 90]), (val, [10, 20, 30])]),
        (norm, [("gray", [2, 3, 4]), (train, [0.05, 1, 1000])]),
    ]
    for ax, lines in expected:
        drawn = curves(ax)[: len(lines)]
        assert [color for color, _ in drawn] == [color for color, _ in lines]
        for (_, one), (_, other) in zip(drawn, lines, strict=True):
            np.testing.assert_allclose(one, other)
    assert curves(loss)[3] == ("black", [pytest.approx(math.log(10))] * 2)
    styles = [line.get_linestyle() for line in loss.lines[:3]]
    assert styles == [":", "-", "--"], "not by colour alone"
    assert [ax.get_ylabel() for ax in axes[:, 0]] == [
        "loss (log)",
        "accuracy (%)",
        "gradient norm\n(log)",
    ]
    assert not any(ax.get_ylabel() for ax in axes[:, 1])
    assert [ax.get_xlabel() for ax in axes.flat] == [""] * 4 + ["step"] * 2
    assert [ax.get_yscale() for ax in axes[:, 0]] == ["log", "linear", "log"]
    assert accuracy.get_ylim() == (0, 100)
    for ax, low, high in ((loss, 0.08, 30), (norm, 0.05, 1000)):
        bottom, top = ax.get_ylim()
        assert low / 2 < bottom < low and high < top < 2 * high, "its edge is seen"
    (legend,) = axes[0, 0].figure.legends
    texts = [text.get_text() for text in legend.get_texts()]
    assert texts == ["training", "validation", "sound program (validation; bottom: training)"]
    handles = [line.get_color() for line in legend.get_lines()]
    assert handles == [train, val, "gray"]


def test_titles_say_how_many_times_the_sound_programs_time_was_taken():
    ill = [a_chart(seconds=seconds) for seconds in (1.0, 5.0, 100.0)]
    sound = [a_chart(seconds=seconds) for seconds in (0.1, 2.0, 90.0)]
    axes = plot_charts(Figure(), {"A": ill}, sound)
    assert axes[0, 0].get_title() == "patient A  (time x2.5)"


@pytest.mark.parametrize(("num_broken", "hatched"), [(1, False), (2, True), (4, True)])
def test_a_panel_is_hatched_from_where_half_the_seeds_have_nan(num_broken, hatched):
    broken = a_chart(val_loss=[2.0, math.nan, math.inf])
    charts = [broken] * num_broken + [a_chart()] * (4 - num_broken)
    axes = plot_charts(Figure(), {"A": charts}, [a_chart()])
    for ax in axes[:, 0]:
        is_marked = hatched and ax is not axes[1, 0]
        assert [text.get_text() for text in ax.texts] == ["NaN"] * is_marked
        spans = [patch for patch in ax.patches if patch.get_hatch()]
        assert len(spans) == is_marked
        for span in spans:
            assert (span.get_x(), span.get_x() + span.get_width()) == (10, 20)


def test_side_by_side_shades_and_marks_the_lines_that_differ_and_escapes_code():
    shown = side_by_side(FAULTS["no_zero_grad"]).data
    left, right = shown.split("</td>")[:2]
    assert "as it came" in left and "mended" in right
    assert "optimizer.zero_grad" not in left and "✗" not in left
    marked = [line for line in right.splitlines() if "✓" in line]
    assert len(marked) == 1 and "zero_grad" in marked[0] and "background:#D5E8F5" in marked[0]
    assert right.count("background:") == 1
    for fault in FAULTS:
        shown = side_by_side(FAULTS[fault]).data
        code = "\n".join(re.findall(r"<pre[^>]*>(.*?)</pre>", shown, re.DOTALL))
        text = unescape(re.sub("<[^>]*>", "", code))
        longest = max(len(line) - 2 for line in text.splitlines())
        assert ("</tr><tr>" in shown) == (longest > 60), fault
        assert " -> " not in text, "annotations are left out"


@pytest.mark.parametrize("patients, sound", [({}, 1), ({"A": []}, 1), ({"A": [1]}, 0)])
def test_charts_of_nobody_are_refused(charts, patients, sound):
    with pytest.raises(ValueError, match="at least one patient"):
        plot_charts(Figure(), patients, [charts["sound"]] * sound)


@pytest.mark.parametrize("fault", FAULTS)
def test_side_by_side_marks_what_differs(fault):
    shown = side_by_side(FAULTS[fault]).data
    assert shown.count("<pre") == 2 and '"""' not in shown and ": Tensor" not in shown
    assert ("✗" in shown) == (fault not in ("no_zero_grad", "no_eval"))  # these lack a line
    assert ("✓" in shown) == (fault not in ("overfitting", "labels_shifted"))  # one line too many


def test_side_by_side_needs_a_patient():
    with pytest.raises(ValueError, match="overrides exactly one method, TrainingProgram has"):
        side_by_side(TrainingProgram)
