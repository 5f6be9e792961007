"""The front of the training tools: everything a training script calls, under one name.

What a table of contents is to a book, this file is to the track: each name leads to the file that
explains it. Optimizers, schedules and loss scales, which ``train_model`` takes by keyword, stand in
``optimizers``, ``schedules`` and ``mixed_precision``.
"""

from course_utils.numpy_track.batches import create_batches
from course_utils.numpy_track.clipping import clip_gradients
from course_utils.numpy_track.early_stopping import EarlyStopping
from course_utils.numpy_track.gradients import (
    compute_numerical_gradient,
    compute_numerical_gradient_fast,
)
from course_utils.numpy_track.losses import accuracy, cross_entropy_loss, mse_loss, softmax
from course_utils.numpy_track.plotting import plot_training_curves
from course_utils.numpy_track.schedules import learning_rate_schedule
from course_utils.numpy_track.training_loop import evaluate, train_model
from course_utils.numpy_track.training_step import train_step

__all__ = [
    "EarlyStopping",
    "accuracy",
    "clip_gradients",
    "compute_numerical_gradient",
    "compute_numerical_gradient_fast",
    "create_batches",
    "cross_entropy_loss",
    "evaluate",
    "learning_rate_schedule",
    "mse_loss",
    "plot_training_curves",
    "softmax",
    "train_model",
    "train_step",
]
