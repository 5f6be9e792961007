"""What sets the course up: the lists of packages, the environment, and where it goes wrong."""

import functools
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import tomllib
import zipfile
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import install
import pytest
from packaging.requirements import Requirement

ROOT = install.ROOT
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def pins(name):
    lines = (line.split("#")[0].strip() for line in (ROOT / name).read_text().splitlines())
    return [Requirement(line) for line in lines if line and not line.startswith("-r")]


@pytest.mark.parametrize(
    ("file", "ranges"),
    [
        (
            "requirements.txt",
            PROJECT["dependencies"] + PROJECT["optional-dependencies"]["lab"],
        ),
        ("requirements-dev.txt", PROJECT["optional-dependencies"]["dev"]),
    ],
)
def test_pins_lie_within_the_ranges_of_the_same_packages(file, ranges):
    ranges = {range_.name: range_.specifier for range_ in map(Requirement, ranges)}
    found = {pin.name: str(pin.specifier).removeprefix("==") for pin in pins(file)}
    assert found.keys() == ranges.keys()
    assert {name: v for name, v in found.items() if not ranges[name].contains(v)} == {}


def test_the_oldest_versions_are_the_lower_ends_of_the_ranges():
    oldest = [Requirement(line) for line in install.oldest().splitlines()]
    assert {pin.name for pin in oldest} == {pin.name for pin in pins("requirements.txt")}
    versions = {pin.name: str(pin.specifier) for pin in oldest}
    assert versions["torch"] == "==2.9.1" and versions["torchvision"] == "==0.24.1"
    assert all(re.fullmatch(r"==[\d.]+", version) for version in versions.values())


def test_pythons_are_those_that_the_package_declares():
    declared = Requirement(f"x {PROJECT['requires-python']}").specifier
    minors = [f"3.{minor}" for minor in range(30)]
    assert tuple(minor for minor in minors if minor in declared) == install.PYTHONS


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


@pytest.fixture
def served(tmp_path):
    """(folder, address) of a web server."""
    folder = tmp_path / "served"
    folder.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield folder, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


TAG = "cp{0}-cp{0}-linux_{1}".format(
    "".join(map(str, sys.version_info[:2])), os.uname().machine if hasattr(os, "uname") else "x"
)


def offer(index, name, version):
    """Put a wheel that holds one script into an index."""
    folder = index / name
    folder.mkdir(parents=True, exist_ok=True)
    file = f"{name}-{version}-{TAG}.whl"
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(folder / file, "w") as wheel:
        wheel.writestr(f"{name}.py", f"def run():\n    print('{name} runs')\n")
        wheel.writestr(
            f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        )
        wheel.writestr(f"{info}/WHEEL", f"Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: {TAG}\n")
        wheel.writestr(f"{info}/entry_points.txt", f"[console_scripts]\n{name}-run = {name}:run\n")
        wheel.writestr(f"{info}/RECORD", "")
    links = [
        f'<a href="{path.name.replace("+", "%2B")}">{path.name}</a>'
        for path in folder.glob("*.whl")
    ]
    (folder / "index.html").write_text(
        "<!DOCTYPE html><html><body>" + "".join(links) + "</body></html>"
    )


@pytest.fixture
def no_gpu(monkeypatch):
    monkeypatch.setattr(install.sys, "platform", "linux")
    monkeypatch.setattr(install.shutil, "which", lambda name: None)
    monkeypatch.setattr(install.Path, "exists", lambda path: False)


WANTED = ["torch==1.0.0", "torchvision==1.1.0"]
HERE = f"{sys.version_info.major}.{sys.version_info.minor}"


def test_the_index_for_the_cpu_is_asked_for_both_pins(served, no_gpu, monkeypatch):
    folder, address = served
    monkeypatch.setenv("TORCH_INDEX", f"{address}/")
    offer(folder, "torch", "1.0.0+cpu")
    index, why = install.cpu_index(WANTED, HERE)
    assert index == "" and f"{address} did not offer torch==1.0.0 and torchvision" in why
    offer(folder, "torchvision", "1.1.0+cpu")
    index, why = install.cpu_index(WANTED, HERE)
    assert index == address and "no NVIDIA GPU" in why
    for wrong in (["torch==1.0.1", WANTED[1]], ["torch==1.0", WANTED[1]], ["torch==1x0x0"]):
        assert install.cpu_index(wrong, HERE)[0] == ""
    assert install.cpu_index(WANTED, "3.99")[0] == ""


def test_where_another_pytorch_is_wanted_no_index_is_asked(no_gpu, monkeypatch):
    monkeypatch.setattr(install, "has_wheels", lambda *arguments: True)
    assert install.cpu_index(WANTED, HERE)[0] == install.CPU_INDEX
    monkeypatch.setenv("TORCH_INDEX", "")
    assert install.cpu_index(WANTED, HERE)[0] == ""
    monkeypatch.delenv("TORCH_INDEX")
    monkeypatch.setattr(install.shutil, "which", lambda name: f"/usr/bin/{name}")
    assert install.cpu_index(WANTED, HERE)[0] == ""
    monkeypatch.setattr(install.shutil, "which", lambda name: None)
    monkeypatch.setattr(install.sys, "platform", "darwin")
    assert install.cpu_index(WANTED, HERE)[0] == ""


def test_a_silent_index_is_not_waited_for(no_gpu, monkeypatch):
    ended = threading.Event()
    monkeypatch.setattr(install, "has_wheels", lambda *arguments: ended.wait(60))
    monkeypatch.setattr(install, "SECONDS_FOR_INDEX", 0.05)
    assert install.cpu_index(WANTED, HERE)[0] == ""
    assert not ended.is_set()
    ended.set()


@pytest.mark.parametrize("address", ["http://127.0.0.1:9", "nonsense", "ftp://", "http://[::"])
def test_an_index_that_is_not_there_is_no_index(address, no_gpu, monkeypatch):
    monkeypatch.setenv("TORCH_INDEX", address)
    assert install.cpu_index(WANTED, HERE)[0] == ""


def test_how_much_is_coming_is_said_and_a_full_disk_is_warned_of(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(install.sys, "platform", "linux")
    usage = shutil.disk_usage(tmp_path)
    for free, small, size in (
        (2e9, True, "1.5 GB"),
        (2e9, False, "6.1 GB"),
        (9e9, False, "6.1 GB"),
    ):
        monkeypatch.setattr(
            install.shutil, "disk_usage", lambda path, f=free: usage._replace(free=f)
        )
        install.announce(tmp_path, small, "a reason")
        said = capsys.readouterr().out
        assert size in said and "a reason" in said
        assert ("only 2.0 GB free" in said) == (free < float(size.split()[0]) * 1e9)


@pytest.fixture
def course(tmp_path):
    """A course whose requirements are two tiny wheels; its folder has an unusual name."""
    root = tmp_path / "my 'course' 作業"
    (root / "course_utils").mkdir(parents=True)
    (root / "course_utils" / "__init__.py").write_text("")
    shutil.copytree(ROOT / "tools", root / "tools", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy2(ROOT / name, root)
    (root / "requirements.txt").write_text("# pins\ntorch==1.0.0  # tensors\ntorchvision==1.1.0\n")
    (root / "requirements-dev.txt").write_text("-r requirements.txt\n")
    return root


def set_up(root, address, *options, **environment):
    names = ("HOME", "TMPDIR", "SYSTEMROOT")
    clean = {name: os.environ[name] for name in names if name in os.environ}
    clean |= {
        "PATH": "/usr/bin:/bin",
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }
    clean |= {"PIP_INDEX_URL": f"{address}/usual", "TORCH_INDEX": f"{address}/cpu", **environment}
    command = [sys.executable, str(root / "tools" / "install.py"), *options]
    return subprocess.run(command, env=clean, capture_output=True, text=True, check=False)


def versions(root, python=".venv/bin/python"):
    code = "import json, importlib.metadata as m; print(json.dumps({d.name: d.version for d in m.distributions()}))"
    return json.loads(subprocess.check_output([root / python, "-I", "-c", code]))


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there is one PyTorch")
def test_an_environment_from_nothing_to_another_place(course, served):
    """Made from the CPU index; whole, it is left alone; moved, it works; changed, it follows."""
    folder, address = served
    for name, version in (("torch", "1.0.0"), ("torchvision", "1.1.0")):
        offer(folder / "cpu", name, f"{version}+cpu")
        offer(folder / "usual", name, version)
    offer(folder / "usual", "torch", "2.0.0")
    first = set_up(course, address)
    assert first.returncode == 0, first.stderr
    assert "about 1.5 GB" in first.stdout and f"{address}/cpu" in first.stdout
    assert versions(course) | {"torch": "1.0.0+cpu", "torchvision": "1.1.0+cpu"} == versions(course)
    again = set_up(course, "http://127.0.0.1:9")
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")

    moved = course.rename(course.parent / "renamed course")
    imported = "import course_utils; print(course_utils.__file__)"
    python = moved / ".venv" / "bin" / "python"
    assert "renamed" in subprocess.check_output([python, "-I", "-c", imported], text=True)
    after = set_up(moved, "http://127.0.0.1:9")
    assert after.returncode == 0 and "has moved" in after.stdout, after.stderr
    script = moved / ".venv" / "bin" / "torch-run"
    assert subprocess.check_output([script], text=True) == "torch runs\n"
    assert "renamed course" in (moved / ".venv/bin/activate").read_text()
    assert set_up(moved, "http://127.0.0.1:9").stdout == ""

    requirements = moved / "requirements.txt"
    requirements.write_text(requirements.read_text().replace("1.0.0", "3.0.0"))
    failed = set_up(moved, address)
    assert failed.returncode != 0 and "This failed" in failed.stderr
    requirements.write_text(requirements.read_text().replace("3.0.0", "2.0.0"))
    repaired = set_up(moved, address)  # though the requirements are not what the last run failed at
    assert "about 6.1 GB" in repaired.stdout and "did not offer" in repaired.stdout
    assert repaired.returncode == 0 and versions(moved)["torch"] == "2.0.0"
    assert set_up(moved, "http://127.0.0.1:9").stdout == ""


class Called(Exception):
    pass


@pytest.fixture
def environment(tmp_path, monkeypatch):
    """An environment whose Python answers what a test wants, and the list of commands called."""
    place = install.Environment(
        tmp_path / ".venv", {"requirements.txt": "a==1\n# no\nb==2  # why\n"}
    )
    place.uv, place.calls, place.answers = None, [], {"version_info": HERE, "import pip": "pip"}
    library = tmp_path / ".venv" / "lib"
    place.answers["purelib"] = str(library)

    def call(command, **options):
        place.calls.append(" ".join(map(str, command)))
        place.variables = options.get("env")
        library.mkdir(parents=True, exist_ok=True)
        return 0

    def ask(code):
        answers = (answer for part, answer in place.answers.items() if part in code)
        return next(answers, "") if place.folder.exists() else ""

    monkeypatch.setattr(install.subprocess, "call", call)
    monkeypatch.setattr(install, "announce", lambda *arguments: None)
    monkeypatch.setattr(install, "cpu_index", lambda *arguments: ("", ""))
    place.ask = ask
    return place


def test_uv_installs_if_it_is_found_and_the_environment_needs_no_pip(environment):
    environment.uv = "/somewhere/uv"
    del environment.answers["import pip"]
    environment.make_ready()
    _, installing = environment.calls
    assert (
        installing == f"/somewhere/uv pip install --python {environment.python} --quiet a==1 b==2"
    )


def test_a_pip_that_installs_for_the_user_installs_into_the_environment(environment, monkeypatch):
    monkeypatch.setenv("PIP_USER", "1")
    environment.make_ready()
    assert environment.variables == {**os.environ, "PIP_USER": "0"}


@pytest.mark.parametrize(
    ("platform", "machine", "size", "says"),
    [
        ("darwin", "x86_64", 2**63 - 1, "Macs with an Intel processor"),
        ("darwin", "arm64", 2**63 - 1, None),
        ("win32", "AMD64", 2**31 - 1, "32-bit Python"),
        ("win32", "AMD64", 2**63 - 1, None),
        ("linux", "x86_64", 2**63 - 1, None),
    ],
)
def test_where_pytorch_has_no_wheels_it_is_said_before_anything_begins(
    platform, machine, size, says, environment, monkeypatch
):
    monkeypatch.setattr(install.sys, "platform", platform)
    monkeypatch.setattr(install.sys, "maxsize", size)
    monkeypatch.setattr(install.platform, "machine", lambda: machine)
    if says is None:
        environment.make_ready()
        return
    with pytest.raises(SystemExit, match=f"{says}.*(Colab|64-bit)"):
        environment.make_ready()
    assert environment.calls == [] and not environment.folder.exists()


def test_an_environment_without_pip_gets_one(environment):
    del environment.answers["import pip"]
    environment.make_ready()
    made, pip, installing = environment.calls
    assert "-m venv" in made and pip.endswith("-m ensurepip")
    assert installing.endswith("-m pip install --quiet a==1 b==2")


def test_the_requirements_of_maintainers_suffice_for_students_too(environment):
    environment.requirements["requirements-dev.txt"] = "-r requirements.txt\nc==3\n"
    environment.make_ready()
    assert environment.calls[-1].endswith("a==1 b==2 c==3")
    environment.calls.clear()
    del environment.requirements["requirements-dev.txt"]
    environment.make_ready()
    assert environment.calls == []
    environment.requirements["requirements.txt"] = "a==1\nb==3\n"
    environment.make_ready()
    assert environment.calls[-1].endswith("a==1 b==3")


def test_another_python_than_it_was_made_with_makes_it_anew(environment):
    environment.make_ready()
    (environment.folder / "lib" / "old").touch()
    environment.answers["version_info"] = next(v for v in install.PYTHONS if v != HERE)
    environment.make_ready()
    assert "-m venv" in environment.calls[-2] and not (environment.folder / "lib" / "old").exists()


def test_a_python_that_runs_no_longer_makes_it_anew_if_the_course_made_it(environment):
    environment.make_ready()
    environment.answers["version_info"] = ""
    mark = environment.folder / install.MARK
    mark.unlink()
    with pytest.raises(SystemExit, match="the course did not make it: move it away"):
        environment.make_ready()
    assert (environment.folder / "lib").is_dir()


def test_an_install_that_was_cut_off_is_not_taken_for_whole(environment, monkeypatch):
    environment.make_ready()
    environment.requirements["requirements.txt"] = "a==2\n"
    monkeypatch.setattr(install.subprocess, "call", lambda command, **_: 1)
    with pytest.raises(SystemExit, match="This failed"):
        environment.make_ready()
    environment.requirements["requirements.txt"] = "a==1\n# no\nb==2  # why\n"  # as it was before
    with pytest.raises(SystemExit, match="This failed"):
        environment.make_ready()


def test_if_the_index_for_the_cpu_breaks_off_the_usual_one_is_asked(
    environment, monkeypatch, capsys
):
    environment.requirements["requirements.txt"] = "torch==1.0.0\ntorchvision==1.1.0\nb==2\n"
    monkeypatch.setattr(install, "cpu_index", lambda *arguments: ("http://cpu", ""))
    record = install.subprocess.call
    monkeypatch.setattr(
        install.subprocess, "call", lambda c, **_: record(c) or int("http://cpu" in c)
    )
    environment.make_ready()
    assert environment.calls[-2].endswith(
        "--no-deps --index-url http://cpu torch==1.0.0 torchvision==1.1.0"
    )
    assert environment.calls[-1].endswith("--quiet torch==1.0.0 torchvision==1.1.0 b==2")
    assert "the usual index" in capsys.readouterr().out


def test_a_python_that_cannot_make_environments_says_what_to_do(environment, monkeypatch):
    monkeypatch.setattr(install.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SystemExit, match=f"sudo apt install python{HERE}-venv"):
        environment.make_ready()
    environment.uv = "uv"
    environment.make_ready()
    assert environment.calls[0].startswith("uv venv --allow-existing --python")


def test_an_unsupported_python_is_said_in_one_sentence(environment, monkeypatch):
    monkeypatch.setattr(install, "PYTHONS", ("3.1",))
    with pytest.raises(
        SystemExit, match=r"needs Python 3\.11, 3\.12 or 3\.13, and .* get one"
    ) as said:
        environment.make_ready()
    assert "\n" not in str(said.value) and not environment.folder.exists()


def test_a_moved_course_that_may_not_be_written_works_on(environment, monkeypatch, capsys):
    environment.make_ready()
    stamp = json.loads((environment.folder / install.STAMP).read_text())
    (environment.folder / install.STAMP).write_text(json.dumps({**stamp, "place": "/elsewhere"}))

    def refuse(*arguments):
        raise PermissionError("read-only")

    monkeypatch.setattr(environment, "connect", refuse)
    environment.make_ready()
    assert "works nevertheless" in capsys.readouterr().out


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_make_without_a_python_says_what_to_do(course):
    command = ["make", "lab", "PYTHON=python3.99"]
    result = subprocess.run(command, cwd=course, capture_output=True, text=True, check=False)
    assert result.returncode != 0 and "There is no python3.99" in result.stdout


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
@pytest.mark.parametrize("name", ["a b", "it's", 'say "hi"', "$HOME", "作業", "`x`"])
def test_make_lab_in_any_folder(name, course):
    """Up to the commands: they name nothing by an absolute path, and reach Jupyter as meant."""
    root = course.rename(course.parent / name)
    first = root / "notebooks" / "en" / f"{4:02d}_start_here.ipynb"  # whatever its number
    first.parent.mkdir(parents=True)
    first.touch()
    python = root / "fake" / "python"
    python.parent.mkdir()
    python.write_text('#!/bin/sh\npwd\nfor word; do echo "$word"; done\n')
    python.chmod(0o755)
    command = [
        "make",
        "--no-print-directory",
        "-o",
        "install",
        "lab",
        "BIN=fake",
        "COURSE_LANG=en",
        "ARGS=--no-browser",
    ]
    environment = {**os.environ, "COURSE_DATA_DIR": str(root)}
    result = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    words = result.stdout.splitlines()[-6:]
    start = first.relative_to(root).as_posix()
    assert words[0] == str(root.resolve())
    assert words[1:] == ["-m", "jupyterlab", start, "--ServerApp.root_dir=.", "--no-browser"]
