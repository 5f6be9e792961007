"""The course's checklist: functions for any model and any loader, each of which returns a Finding.

Data: ``check_inputs``, ``check_neighbours``. Model: ``check_first_loss``, ``overfit_one_batch``,
``check_gradient_flow``, ``check_dead_units``, ``check_baseline``. Program: ``check_step``, ``check_evaluation``,
``check_speed``, ``check_curves``. ``print(finding)`` says what is suspicious and why, in the reader's
language; ``finding.suspicions`` has the names. Every check works on copies: your model, its mode and
gradients, your optimizer and all generators are afterwards, bit for bit, what they were.
"""

from course_utils.diagnostics.baseline_check import check_baseline
from course_utils.diagnostics.data_checks import check_inputs, check_neighbours
from course_utils.diagnostics.finding import Finding
from course_utils.diagnostics.model_checks import (
    check_dead_units,
    check_first_loss,
    check_gradient_flow,
    overfit_one_batch,
    plot_gradient_flow,
)
from course_utils.diagnostics.program_checks import (
    check_curves,
    check_evaluation,
    check_speed,
    check_step,
    ordinary_step,
)

__all__ = [
    "Finding",
    "check_baseline",
    "check_curves",
    "check_dead_units",
    "check_evaluation",
    "check_first_loss",
    "check_gradient_flow",
    "check_inputs",
    "check_neighbours",
    "check_speed",
    "check_step",
    "ordinary_step",
    "overfit_one_batch",
    "plot_gradient_flow",
]
