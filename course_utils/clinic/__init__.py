"""The clinic: programs with one fault each, the charts of their runs, and their examination.

``programs``: the faults, each a method of a training program. ``patients``: which of them are seen.
``runs``: train a program, keep its chart, examine it with every check. ``charts``: draw it all.
"""

from course_utils.clinic import programs
from course_utils.clinic.patients import NEW_PATIENTS, PATIENTS
from course_utils.clinic.programs import TrainingProgram
from course_utils.clinic.runs import Chart, Pictures, examine, run, take_pictures

__all__ = [
    "NEW_PATIENTS",
    "PATIENTS",
    "Chart",
    "Pictures",
    "TrainingProgram",
    "examine",
    "programs",
    "run",
    "take_pictures",
]
