"""The patients of lesson 12: one broken method each, charts that repeat, faults that are found."""

import math
import pickle
from dataclasses import fields

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from course_utils import clinic
from course_utils.clinic import NEW_PATIENTS, PATIENTS, run
from course_utils.clinic_charts import plot_charts, side_by_side
from course_utils.data import MEAN, STD, ImageDataset, load_mnist
from course_utils.faulty_programs import FAULTS, TrainingProgram, name_of

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
    "rate_too_low": {"step": "update_too_small", "curves": "not_falling"},
    "overfitting": {"curves": "overfitting"},
    "other_models_optimizer": {"step": "stands_still", "one batch": "not_memorized"},
    "no_zero_grad": {"step": "gradients_pile_up"},
    "softmax_twice": {"first loss": "probabilities", "one batch": "not_memorized"},
    "dead_relus": {"dead units": "dead_units", "gradient flow": "no_gradient"},
    "no_eval": {"evaluation": "training_mode"},
    "inputs_unscaled": {"inputs": "unscaled", "first loss": "above_chance"},
    "labels_shifted": {"neighbours": "unrelated", "curves": "not_falling"},
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
