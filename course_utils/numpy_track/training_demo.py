"""Every training tool at work: ``python -m course_utils.numpy_track.training_demo [picture.png]``.

Each part shows one feature, checks what it promises, and is timed. A table at the end lists what was
checked. The training curves go into the picture named, or into a temporary folder.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from course_utils.numpy_track import demo_runs, demo_tools


def main(arguments: Sequence[str] | None = None) -> int:
    """Run all parts; returns 0 when every check held, else 1."""
    parser = argparse.ArgumentParser(description="Show, check and time every training tool.")
    parser.add_argument("picture", nargs="?", type=Path, help="where to save the training curves")
    picture = parser.parse_args(arguments).picture
    if picture is None:
        picture = Path(tempfile.mkdtemp(prefix="training_demo_")) / "training_curves.png"
    parts: list[Callable[[], demo_tools.Checks]] = [
        demo_tools.losses,
        demo_tools.gradients,
        demo_tools.clipping,
        demo_tools.schedules,
        demo_tools.early_stopping,
        partial(demo_runs.training, picture),
        demo_runs.own_loop,
        demo_runs.regression,
        demo_runs.optimizers,
        demo_runs.accumulation,
        demo_runs.mixed_precision,
        demo_runs.numerical_training,
        demo_runs.reproducibility,
        demo_runs.mistakes,
    ]
    rows: list[tuple[str, bool, str]] = []
    start = time.perf_counter()
    for part in parts:
        title = str((part.func if isinstance(part, partial) else part).__doc__).splitlines()[0]
        print(f"\n{title}")
        began = time.perf_counter()
        checks = part()
        took = f"{time.perf_counter() - began:.2f}"
        times = [took, *[""] * (len(checks) - 1)]
        rows += zip(checks, checks.values(), times, strict=True)
    print(f"\n{'':3}{'checked':70}{'seconds':>8}")
    for statement, held, seconds in rows:
        print(f"{'✓' if held else '✗':3}{statement:70}{seconds:>8}")
    total = time.perf_counter() - start
    passed = sum(bool(held) for _, held, _ in rows)
    print(f"\n{passed} of {len(rows)} checks held, in {total:.1f} s. Training curves: {picture}")
    return 0 if passed == len(rows) else 1


if __name__ == "__main__":
    sys.exit(main())
