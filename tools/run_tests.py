"""`make test`: every stage in turn, then how long each took, and a failing exit code if any failed."""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from xml.etree import ElementTree

from build import BUILD_ENVIRONMENT, ROOT

from course_utils.mnist import load_mnist

NBVAL = ["pytest", "--nbval-current-env", "--nbval-cell-timeout=900", "--timeout=1800", "-q"]
NBVAL += ["-p", "no:cacheprovider", "-n", "2", "--dist", "loadfile"]
# In the order of their names, which puts first the browser tests: few, and the longest by far.
TESTS = ["pytest", "-q", "-n", "2", "--dist", "loadfile", "--no-loadscope-reorder"]
# Two notebooks at a time, one per core: there, starting more processes would only cost time.
ONE_PROCESS_EACH = {**BUILD_ENVIRONMENT, "LOKY_MAX_CPU_COUNT": "1"}
STRICT = ["--nbval", "--nbval-sanitize-with", "tests/nbval_sanitize.cfg"]
LAX = ["--nbval-lax", "--nbval-sanitize-with", "tests/nbval_sanitize.cfg"]
NUM_SLOWEST = 10
INTERRUPTED = 130  # the exit code of what Ctrl-C has ended


def notebooks(folder: str) -> list[str]:
    return [str(path.relative_to(ROOT)) for path in sorted((ROOT / folder).glob("*.ipynb"))]


def stages() -> dict[str, tuple[list[str], dict[str, str]]]:
    """Name -> (arguments for this Python's -m, environment to add)."""
    # there NumPy and torch say other types, and may draw other numbers
    is_oldest = Path(sys.prefix).name == ".venv-oldest"
    has_full = load_mnist().tier == "full"
    zh_mode, zh_data = (STRICT, "full") if has_full else (LAX, "embedded")
    zh_name = "notebooks, zh-TW, strict, full MNIST" if has_full else "notebooks, zh-TW, lax"
    paths = (ROOT / "tests" / "refuse_network", ROOT / "tools")
    offline = {"COURSE_DATA": "embedded", "PYTHONPATH": os.pathsep.join(map(str, paths))}
    tools = {"PYTHONPATH": str(ROOT / "tools")}
    return {
        "lint": (["ruff", "check", "."], {}),
        "format": (["ruff", "format", "--check", "."], {}),
        **({} if is_oldest else {"types": (["mypy"], {})}),
        "lessons": (["check_lessons"], tools),
        "tests": (TESTS, {"OMP_NUM_THREADS": "1"}),
        **({} if is_oldest else {"replications": (["replicate", "--check"], tools)}),
        zh_name: (
            [*NBVAL, *zh_mode, *notebooks("notebooks")],
            {**ONE_PROCESS_EACH, "COURSE_DATA": zh_data},
        ),
        "notebooks, en, lax, embedded, offline, alone": (
            ["alone", *NBVAL, *LAX, *notebooks("notebooks/en")],
            {**ONE_PROCESS_EACH, **offline},
        ),
    }


def run(arguments: list[str], environment: dict[str, str]) -> subprocess.Popen:
    """The stage's process, ended. Ctrl-C reaches it too; it gets ten seconds to say how far it came."""
    command = [sys.executable, "-m", *arguments]
    with subprocess.Popen(command, cwd=ROOT, env={**os.environ, **environment}) as process:
        try:
            process.wait()
        except KeyboardInterrupt:
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=10)
            process.kill()
            raise
    return process


def test_seconds(report: Path) -> list[tuple[float, str]]:
    """(seconds, name) of every test in a report of ``pytest --junitxml``; none if it wrote none."""
    try:
        cases = ElementTree.parse(report).iter("testcase")
    except (FileNotFoundError, ElementTree.ParseError):  # not begun, or ended by force
        return []
    return [
        (float(case.get("time")), f"{case.get('classname')}::{case.get('name')}") for case in cases
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="run the stages whose name contains this text")
    only = parser.parse_args().only
    sys.stdout.reconfigure(errors="backslashreplace")  # for a console that is not UTF-8
    chosen = {name: stage for name, stage in stages().items() if only in name}
    if not chosen:
        sys.exit(f"no stage has {only!r} in its name; there are:\n" + "\n".join(stages()))
    lines, tests, failed, interrupted = [], [], 0, False
    with tempfile.TemporaryDirectory() as folder:
        for name, (arguments, environment) in chosen.items():
            print(f"\n=== {name}", flush=True)
            started = time.perf_counter()
            report = Path(folder) / f"{len(lines)}.xml"
            if "pytest" in arguments:
                arguments = [*arguments, f"--junitxml={report}"]
            try:
                result = run(arguments, environment)
                failed += result.returncode != 0
                verdict = "passed" if result.returncode == 0 else "FAILED"
            except KeyboardInterrupt:
                failed, verdict, interrupted = failed + 1, "STOPPED", True
            lines.append(f"{verdict:7} {time.perf_counter() - started:6.0f} s  {name}")
            tests += test_seconds(report)
            if interrupted:
                break
    slowest = sorted(tests, reverse=True)[:NUM_SLOWEST]
    if slowest:
        print(f"\nThe {len(slowest)} slowest of {len(tests)} tests:")
    for seconds, name in slowest:
        print(f"{seconds:14.1f} s  {name}")
    print("\n" + "\n".join(lines))
    print(f"{len(lines) - failed} passed, {failed} failed")
    sys.exit(INTERRUPTED if interrupted else 1 if failed else 0)


if __name__ == "__main__":
    main()
