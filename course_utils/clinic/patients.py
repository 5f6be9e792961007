"""Who is seen in the clinic: letter -> program, each with one method that is broken."""

from course_utils.clinic import programs
from course_utils.clinic.programs import TrainingProgram

#: The patients of the lesson, in the order in which they are seen.
PATIENTS: dict[str, type[TrainingProgram]] = {
    "A": programs.OtherModelsOptimizer,
    "B": programs.NoEval,
    "C": programs.RateDiverges,
    "D": programs.SoftmaxTwice,
    "E": programs.Overfitting,
    "F": programs.RateTooLow,
    "G": programs.InputsUnscaled,
    "H": programs.SlowLoader,
    "I": programs.DeadReLUs,
    "J": programs.RateTooHigh,
    "K": programs.LabelsShifted,
    "L": programs.NoZeroGrad,
}


#: The patients of the exercise; one of them is sound.
NEW_PATIENTS: dict[str, type[TrainingProgram]] = {
    "M": programs.DeadReLUs,
    "N": programs.NoEval,
    "O": programs.InputsUnscaled,
    "P": programs.SoftmaxTwice,
    "Q": TrainingProgram,
    "R": programs.NoZeroGrad,
    "S": programs.OtherModelsOptimizer,
    "T": programs.Overfitting,
}
