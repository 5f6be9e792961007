"""Set the course up: `python3 tools/install.py [--dev | --oldest]`, on Windows `py tools/install.py`.

Makes the environment .venv and brings requirements.txt into it, with uv if it is found, else with pip.
Called again, it does nothing unless something changed: the requirements, the Python, the folder's place.
Needs a Python and nothing else; older ones can read this file, to be told which one is needed.
"""

import argparse
import hashlib
import importlib.util
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import threading
import urllib.parse
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PYTHONS = ("3.11", "3.12", "3.13")
CPU_INDEX = "https://download.pytorch.org/whl/cpu"  # $TORCH_INDEX names another; empty for none
SECONDS_FOR_INDEX = 5
STAMP = "course.json"  # in an environment: what was installed, and where; written last
MARK = "made-by-the-course"  # in an environment: `make clean` may remove it
SERVER_CONFIG = ROOT / "tools" / "jupyter" / "course_utils.json"
LAB_CONFIG = ROOT / "tools" / "jupyter" / "jupyter_lab_config.json"

# What pip does for each package that it installs, in an environment that lies elsewhere now.
WRITE_SCRIPTS = """
import importlib.metadata, os, sys
from pip._vendor.distlib.scripts import ScriptMaker
maker = ScriptMaker(None, os.path.dirname(sys.executable))
maker.clobber, maker.variants = True, {""}
for entry in importlib.metadata.entry_points(group="console_scripts"):
    maker.make(f"{entry.name} = {entry.value}")
"""


class Environment:
    """A virtual environment in ``folder``, into which ``requirements`` (file name -> text) belong."""

    def __init__(self, folder: Path, requirements: dict) -> None:
        self.folder, self.requirements = folder, requirements
        self.python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
        self.uv = shutil.which("uv")

    def ask(self, code: str) -> str:
        """What its Python prints, or "" if there is none that runs, or if it fails."""
        try:
            answer = subprocess.run(
                [str(self.python), "-c", code],
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                check=True,
            )
        except (OSError, subprocess.CalledProcessError):
            return ""
        return os.fsdecode(answer.stdout).strip()

    def version(self) -> str:
        """Of its Python: "3.12", or "" if there is none that runs."""
        return self.ask("import sys; print('%d.%d' % sys.version_info[:2])")

    def stamp(self) -> dict:
        """What was installed; {} if there is none, or if that was not finished."""
        try:
            return json.loads((self.folder / STAMP).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}

    def wanted(self) -> dict:
        """The stamp of an environment that has everything."""
        sums = {
            name: hashlib.sha256(text.encode("utf-8")).hexdigest()
            for name, text in self.requirements.items()
        }
        return {"requirements": sums, "python": self.version(), "place": str(self.folder)}

    def make_ready(self) -> None:
        """Do what is missing, and nothing else."""
        found, wanted = self.stamp(), self.wanted()
        has_all = found and wanted["requirements"].items() <= found["requirements"].items()
        if not has_all or found["python"] != wanted["python"]:
            self.install(found)
        elif found["place"] != wanted["place"]:
            self.settle(found)

    def install(self, found: dict) -> None:
        """Bring the requirements into it; found: its stamp."""
        if found:
            (self.folder / STAMP).unlink()
        if not self.version() or found.get("python", self.version()) != self.version():
            self.create()
        if self.version() not in PYTHONS:
            sys.exit(f"{self.folder} has Python {self.version()}: remove it, then try again.")
        if not self.uv and not self.ask("import pip; print(pip)"):  # as `uv venv` makes them
            run([str(self.python), "-m", "ensurepip"])
        pins = re.findall(r"^torch(?:vision)?==[\w.]+$", self.lines(), re.MULTILINE)
        if not self.holds(pins):
            index, why = cpu_index(pins, self.version())
            announce(self.folder, bool(index), why)
            if index and subprocess.call(self.pip("--no-deps", "--index-url", index, *pins)) != 0:
                print("That failed; the usual index has PyTorch too.", flush=True)
        run(self.pip(*self.lines().split()))
        self.connect()
        self.write_stamp(self.wanted())

    def create(self) -> None:
        """Make the environment anew; one that the course did not make is never removed."""
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        if version not in PYTHONS:
            sys.exit(
                f"The course needs Python 3.11, 3.12 or 3.13, and {sys.executable} is {version}: get "
                "one from python.org and name it, as in `make lab PYTHON=python3.12`, on Windows "
                "`py -3.12 tools\\install.py`."
            )
        check_machine()
        if (self.folder / MARK).is_file():
            shutil.rmtree(str(self.folder))
        elif self.folder.exists() and any(self.folder.iterdir()):
            sys.exit(
                f"{self.folder} holds no Python that runs, and the course did not make it: move it "
                "away, then try again."
            )
        command = [sys.executable, "-m", "venv"]
        if not (importlib.util.find_spec("venv") and importlib.util.find_spec("ensurepip")):
            if not self.uv:
                sys.exit(
                    "This Python lacks the module that makes environments. On Debian and Ubuntu: "
                    f"`sudo apt install python{version}-venv`, then try again."
                )
            command = [self.uv, "venv", "--allow-existing", "--python", sys.executable]
        self.folder.mkdir(exist_ok=True)
        (self.folder / MARK).write_text("`make clean` may remove this environment.\n")
        run([*command, str(self.folder)])

    def pip(self, *arguments: str) -> list:
        """The command that installs: with uv if it is found, else with the environment's pip."""
        quiet = [] if sys.stdout.isatty() else ["--quiet"]
        if self.uv:
            return [self.uv, "pip", "install", "--python", str(self.python), *quiet, *arguments]
        return [str(self.python), "-m", "pip", "install", *quiet, *arguments]

    def lines(self) -> str:
        """The requirements, one a line."""
        lines = "\n".join(self.requirements.values()).splitlines()
        lines = [line.split("#")[0].strip() for line in lines]
        return "\n".join(line for line in lines if line and not line.startswith("-r"))

    def holds(self, pins: list) -> bool:
        """Whether these versions are in it, of whichever build (2.14.1+cpu is a 2.14.1)."""
        names = [pin.split("==")[0] for pin in pins]
        code = f"from importlib.metadata import version; print(*map(version, {names!r}))"
        versions = [answer.split("+")[0] for answer in self.ask(code).split()]
        return versions == [pin.split("==")[1] for pin in pins]

    def connect(self) -> None:
        """Let its Python find course_utils by a relative path, and its Jupyter the hook that saves and no address
        to ask for news."""
        library = Path(self.ask("import sysconfig; print(sysconfig.get_path('purelib'))"))
        path = os.path.relpath(str(ROOT), str(library))
        (library / "course_utils.pth").write_text(path + "\n", encoding="utf-8")
        config = self.folder / "etc" / "jupyter" / "jupyter_server_config.d"
        config.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(str(SERVER_CONFIG), str(config / SERVER_CONFIG.name))
        shutil.copyfile(str(LAB_CONFIG), str(config.parent / LAB_CONFIG.name))

    def settle(self, found: dict) -> None:
        """Write anew what names the place where the environment lay; nothing is downloaded."""
        print(f"The course has moved: {self.folder} is put in order.", flush=True)
        try:
            subprocess.call([str(self.python), "-m", "venv", "--without-pip", str(self.folder)])
            self.ask(WRITE_SCRIPTS)
            self.connect()
            self.write_stamp({**found, "place": str(self.folder)})
        except PermissionError as error:
            print(f"Not all of it could be: {error}. `make lab` works nevertheless.", flush=True)

    def write_stamp(self, stamp: dict) -> None:
        """Say that what the stamp describes is complete."""
        (self.folder / STAMP).write_text(json.dumps(stamp, indent=2) + "\n", encoding="utf-8")


def check_machine() -> None:
    """End with a sentence if PyTorch offers no wheel."""
    if sys.maxsize < 2**32:
        sys.exit(
            f"{sys.executable} is a 32-bit Python, for which there is no PyTorch: get a 64-bit one from "
            "python.org, then try again."
        )
    if sys.platform == "darwin" and platform.machine() == "x86_64":
        sys.exit(
            "For Macs with an Intel processor there is no PyTorch of the version that the course needs "
            "(on one with an Apple chip, this Python is an Intel one: get another from python.org). Open "
            "the notebooks on Colab or in a container instead; see the README."
        )


def run(command: list) -> None:
    """Run what must succeed; its own messages say what went wrong."""
    # a pip told to install for the user, as clusters do, would refuse to in an environment
    if subprocess.call(command, env={**os.environ, "PIP_USER": "0"}) != 0:
        sys.exit("This failed (call it again to go on from there): " + " ".join(command))


def cpu_index(pins: list, version: str) -> tuple:
    """(address of an index with PyTorch for the CPU, or "", and why): on Linux without NVIDIA GPU.

    It must show the wheels of all pins for this Python and this machine within a few seconds.
    """
    index = os.environ.get("TORCH_INDEX", CPU_INDEX).rstrip("/")
    if sys.platform != "linux":
        return "", "PyTorch for this system"
    if shutil.which("nvidia-smi") or Path("/proc/driver/nvidia").exists():
        return "", "PyTorch with CUDA, for the NVIDIA GPU here"
    if not index:
        return "", "PyTorch with CUDA, as TORCH_INDEX is empty"
    answers = []
    asking = threading.Thread(target=lambda: answers.append(has_wheels(index, pins, version)))
    asking.daemon = True  # whatever name server or line it waits for, it is not waited for
    asking.start()
    asking.join(SECONDS_FOR_INDEX)
    if answers == [True]:
        return index, f"PyTorch for the CPU from {index}, as there is no NVIDIA GPU here"
    return "", f"PyTorch with CUDA, as {index} did not offer {' and '.join(pins)} in time"


def has_wheels(index: str, pins: list, version: str) -> bool:
    tag = "cp" + version.replace(".", "")
    for name, number in (pin.split("==") for pin in pins):
        try:
            with urllib.request.urlopen(f"{index}/{name}/", timeout=SECONDS_FOR_INDEX) as answer:
                page = urllib.parse.unquote(answer.read().decode("utf-8", "replace"))
        except (OSError, ValueError):
            return False
        build = rf"{name}-{re.escape(number)}(\+\w+)?-{tag}-{tag}-\w*{platform.machine()}\.whl"
        if not re.search(build, page):
            return False
    return True


def announce(folder: Path, small: bool, why: str) -> None:
    """Say how much is coming, and why, before it comes."""
    large = sys.platform == "linux" and not small
    on_disk, download = (6.1, 3.2) if large else (1.5, 0.5)
    print(
        f"Installing into {folder.name}, once: about {on_disk} GB on disk, {download} GB to download. "
        f"With {why}."
    )
    free = shutil.disk_usage(str(folder)).free / 1e9
    if free < on_disk:
        print(f"Warning: this disk has only {free:.1f} GB free.")
    sys.stdout.flush()


def oldest() -> str:
    """Requirements at the lower ends of pyproject.toml's ranges."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")  # tomllib came with Python 3.11
    found = [
        re.search(rf"^{name} = \[(.*?)\]$", text, re.MULTILINE | re.DOTALL).group(1)
        for name in ("dependencies", "lab")
    ]
    return "\n".join(re.findall(r'"([^"]+)"', "".join(found))).replace(">=", "==") + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description="Set the course up in .venv.")
    parser.add_argument("--dev", action="store_true", help="with all that a maintainer needs")
    parser.add_argument(
        "--oldest", action="store_true", help="as --dev, in .venv-oldest, the oldest versions"
    )
    arguments = parser.parse_args()
    files = ["requirements.txt"]
    if arguments.dev or arguments.oldest:
        files.append("requirements-dev.txt")
    requirements = {name: (ROOT / name).read_text(encoding="utf-8") for name in files}
    if arguments.oldest:
        requirements["requirements.txt"] = oldest()
    folder = ROOT / (".venv-oldest" if arguments.oldest else ".venv")
    try:
        Environment(folder, requirements).make_ready()
    except PermissionError as error:
        sys.exit(f"Cannot write here ({error}): copy the course into a folder of your own.")


if __name__ == "__main__":
    main()
