"""What every notebook does first: language, style, figures with alternative text, device."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from course_utils.language import Text, set_language

if TYPE_CHECKING:
    import torch

_OTHER_SEEDS = Text(
    "亂數的種子和課程的不同（環境變數 COURSE_SEED_OFFSET={offset}），所以數字也會不同。",
    "Random seeds are not the course's own (environment variable COURSE_SEED_OFFSET={offset}), so "
    "numbers differ.",
)


_SOLVED = Text("練習：{total} 題完成了 {solved} 題。", "Exercises: {solved} of {total} solved.")


def set_up(lesson: str, language: str, *, workers: bool = False) -> torch.device:
    """Prepare a notebook and return the device to train on. Call it before you import anything else.

    The builder and the tests set ``COURSE_STRICT``, and then every lesson stays on the CPU, whose
    results repeat.

    Args:
        lesson: its name, e.g. ``"mnist_mlp"``.
        language: ``"zh-TW"`` or ``"en"``.
        workers: start the processes of ``run_seeds`` now, for a lesson that will call it.

    Raises:
        ValueError: on another language, or a ``COURSE_SEED_OFFSET`` that is none.
        ModuleNotFoundError: with what to do about it, if a package that the course needs is not
            installed.
    """
    set_language(language)
    try:
        return _set_up(lesson, workers)
    except ModuleNotFoundError as error:
        requirements = Path(__file__).resolve().parents[2] / "requirements.txt"
        needed = f'-r "{requirements}"' if requirements.is_file() else error.name
        raise ModuleNotFoundError(
            f"the course needs the package {error.name!r}, which is not installed: run "
            f"`%pip install {needed}` in a cell, then restart the kernel",
            name=error.name,
        ) from error


def _set_up(lesson: str, workers: bool) -> torch.device:
    from course_utils.workers import collect_garbage_less_often, start_workers

    if workers:
        start_workers()
    collect_garbage_less_often()
    import torch  # these take seconds, in which the workers start

    from course_utils import progress
    from course_utils.notebook.figures import set_style, use_html_figures
    from course_utils.notebook.lessons import catalogue, solved_of, welcome
    from course_utils.notebook.replications import begin
    from course_utils.seeding import seed_offset
    from course_utils.training import best_device

    offset = seed_offset()
    begin(lesson)
    set_style()
    use_html_figures()
    strict = os.environ.get("COURSE_STRICT") == "1"
    device = torch.device("cpu") if strict else best_device()
    print(welcome(catalogue().get(lesson, {}), device))
    if progress.is_kept():
        solved, total = solved_of(lesson)
        print(_SOLVED.format(solved=solved, total=total))
    if offset:
        print(_OTHER_SEEDS.format(offset=offset))
    return device
