"""`python -m alone MODULE ... NOTEBOOK ...`: run a module on notebooks that have no course around them.

The notebooks are copied into an otherwise empty folder, and the course comes from a wheel that is
built and unpacked beside it, before everything else on the path.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def install_wheel(folder: Path) -> None:
    """Build the course's wheel from a copy of its files and install it, alone, into ``folder``."""
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    with tempfile.TemporaryDirectory() as temporary:
        source = Path(temporary, "source")  # for setuptools writes beside what it builds from
        ignore = shutil.ignore_patterns("__pycache__")
        for name in ("course_utils", "tools"):
            shutil.copytree(ROOT / name, source / name, ignore=ignore)
        shutil.copy2(ROOT / "pyproject.toml", source)
        build = [*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", temporary]
        subprocess.run([*build, str(source)], check=True)
        (wheel,) = Path(temporary).glob("*.whl")
        install = [*pip, "install", "--no-deps", "--no-index", "--target", str(folder)]
        subprocess.run([*install, str(wheel)], check=True)


def main(arguments: list[str]) -> int:
    with tempfile.TemporaryDirectory() as temporary:
        library, empty = Path(temporary, "library"), Path(temporary, "empty")
        empty.mkdir()
        install_wheel(library)
        command = [sys.executable, "-m"]
        for argument in arguments:
            is_notebook = argument.endswith(".ipynb")
            command.append(shutil.copy2(argument, empty) if is_notebook else argument)
        if "pytest" in command:  # tests outside its root have no file in their names, and get mixed
            command.append(f"--rootdir={empty}")
        paths = [str(library), os.environ.get("PYTHONPATH")]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
        return subprocess.run(command, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
