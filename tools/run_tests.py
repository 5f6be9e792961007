"""`make test`: every stage in turn, one summary line each, and a failing exit code if any failed."""

import argparse
import os
import subprocess
import sys
import time

from build import BUILD_ENVIRONMENT, ROOT

from course_utils.data import load_mnist

NBVAL = ["pytest", "--nbval-current-env", "--nbval-cell-timeout=900", "--timeout=1800", "-q"]
NBVAL += ["-p", "no:cacheprovider", "-n", "2", "--dist", "loadfile"]
# In the order of their names, which puts first the browser tests: few, and the longest by far.
TESTS = ["pytest", "-q", "-n", "2", "--dist", "loadfile", "--no-loadscope-reorder"]
# Two notebooks at a time, one a core: there, starting more processes would only cost time.
ONE_PROCESS_EACH = {**BUILD_ENVIRONMENT, "LOKY_MAX_CPU_COUNT": "1"}
STRICT = ["--nbval", "--nbval-sanitize-with", "tests/nbval_sanitize.cfg"]
LAX = ["--nbval-lax", "--nbval-sanitize-with", "tests/nbval_sanitize.cfg"]


def notebooks(folder: str) -> list[str]:
    return [str(path.relative_to(ROOT)) for path in sorted((ROOT / folder).glob("*.ipynb"))]


def stages() -> dict[str, tuple[list[str], dict[str, str]]]:
    """Name -> (arguments for this Python's -m, environment to add)."""
    has_full = load_mnist().tier == "full"
    zh_mode, zh_data = (STRICT, "full") if has_full else (LAX, "embedded")
    zh_name = "notebooks, zh-TW, strict, full MNIST" if has_full else "notebooks, zh-TW, lax"
    paths = (ROOT / "tests" / "refuse_network", ROOT / "tools")
    offline = {"COURSE_DATA": "embedded", "PYTHONPATH": os.pathsep.join(map(str, paths))}
    return {
        "lint": (["ruff", "check", "."], {}),
        "format": (["ruff", "format", "--check", "."], {}),
        "notebooks match lessons": (["build", "--check"], {"PYTHONPATH": str(ROOT / "tools")}),
        "tests": (TESTS, {"OMP_NUM_THREADS": "1"}),
        zh_name: (
            [*NBVAL, *zh_mode, *notebooks("notebooks")],
            {**ONE_PROCESS_EACH, "COURSE_DATA": zh_data},
        ),
        "notebooks, en, lax, embedded, offline, alone": (
            ["alone", *NBVAL, *LAX, *notebooks("notebooks/en")],
            {**ONE_PROCESS_EACH, **offline},
        ),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="run the stages whose name contains this text")
    only = parser.parse_args().only
    lines, failed = [], 0
    for name, (arguments, environment) in stages().items():
        if only not in name:
            continue
        print(f"\n=== {name}", flush=True)
        started = time.perf_counter()
        command = [sys.executable, "-m", *arguments]
        result = subprocess.run(command, cwd=ROOT, env={**os.environ, **environment}, check=False)
        failed += result.returncode != 0
        verdict = "passed" if result.returncode == 0 else "FAILED"
        lines.append(f"{verdict}  {time.perf_counter() - started:6.0f} s  {name}")
    print("\n" + "\n".join(lines))
    print(f"{len(lines) - failed} passed, {failed} failed")
    sys.exit(1 if failed or not lines else 0)


if __name__ == "__main__":
    main()
