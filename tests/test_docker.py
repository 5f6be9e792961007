"""The Dockerfile's steps, in order, in a fresh folder, without Docker; and what the editor reads.

`PYTHONPATH=tools python tests/test_docker.py FOLDER` does the same with the real packages (a few GB), and then runs CMD.
What root does before `USER` would change this machine: of that, only the syntax is looked at.
"""

import fnmatch
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from test_set_up import offer

ROOT = Path(__file__).resolve().parent.parent


def instructions():
    """(name, rest) of the Dockerfile's lines."""
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    return [tuple(line.split(maxsplit=1)) for line in lines if line and line[0] != "#"]


def is_ignored(relative):
    """Whether .dockerignore keeps a path out of the image; the last line that fits decides."""
    ignored = False
    for line in (ROOT / ".dockerignore").read_text().split():
        pattern = line.removeprefix("!")
        if pattern.startswith("**/"):
            fits = fnmatch.fnmatch(Path(relative).name, pattern[3:])
        else:
            fits = fnmatch.fnmatch(relative, pattern)
        if fits:
            ignored = not line.startswith("!")
    return ignored


def copy(sources, target):
    def ignore(folder, names):
        relative = Path(folder).relative_to(ROOT)
        return [name for name in names if is_ignored((relative / name).as_posix())]

    for source in sources:
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, target, ignore=ignore, dirs_exist_ok=True)
        else:
            target.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / source, target)


def follow(folder, change=lambda workplace: None, **environment):
    """Do what the image's building does; returns (its home, its variables, its command).

    change: called after each COPY. environment: goes before what ENV says.
    """
    user, place, named, command = "root", folder, {}, []
    binaries = folder / "bin"  # the image's python
    binaries.mkdir(parents=True)
    for name in ("python", "python3"):
        (binaries / name).symlink_to(sys.executable)
    for name, rest in instructions():
        if name == "RUN" and user == "root":
            subprocess.run(["sh", "-n", "-c", rest], check=True)
        elif name == "RUN":
            values = {
                "HOME": str(folder),
                "PATH": f"{binaries}:/usr/bin:/bin",
                **named,
                **environment,
            }
            kept = {key: value for key, value in os.environ.items() if key.startswith("PIP_")}
            subprocess.run(["sh", "-c", rest], cwd=place, env={**kept, **values}, check=True)
        elif name == "USER":
            user = rest
        elif name == "WORKDIR":
            place = folder / rest.lstrip("/")
            place.mkdir(parents=True, exist_ok=True)
        elif name == "ENV":
            named |= dict(pair.split("=", 1) for pair in shlex.split(rest))
        elif name == "COPY":
            *sources, target = [word for word in rest.split() if not word.startswith("--")]
            copy(sources, place / target)
            change(place)
        elif name == "CMD":
            command = json.loads(rest)
        else:
            assert name in ("FROM", "EXPOSE"), f"unknown instruction {name}"
    assert user != "root"
    return place, named, command


@pytest.mark.skipif(sys.platform != "linux", reason="an image is a Linux")
def test_every_step_of_the_dockerfile_works_in_a_fresh_folder(tmp_path):
    wheels = tmp_path / "wheels"
    for name, version in (("torch", "1.0.0"), ("torchvision", "1.1.0")):
        offer(wheels, name, version)

    def want_tiny_wheels(place):
        if (place / "requirements.txt").exists():
            (place / "requirements.txt").write_text("torch==1.0.0\ntorchvision==1.1.0\n")

    links = f"{wheels / 'torch'} {wheels / 'torchvision'}"
    options = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": links, "PIP_CONFIG_FILE": os.devnull}
    options["TORCH_INDEX"] = "http://127.0.0.1:9"
    place, named, command = follow(tmp_path / "image", want_tiny_wheels, **options)
    assert named["TORCH_INDEX"].endswith("/cpu")
    python, module, name, start, *options = command
    imports = "import torch, course_utils; print(course_utils.__file__)"
    found = subprocess.check_output([place / python, "-I", "-c", imports], text=True, cwd=tmp_path)
    assert found.strip() == str(place / "course_utils" / "__init__.py")
    assert (module, name) == ("-m", "jupyterlab") and (place / start).is_file()
    assert not any("token" in option or "password" in option for option in options)
    assert (place / "data/README.md").is_file() and not (place / ".git").exists()


@pytest.mark.parametrize(
    ("path", "ignored"),
    [
        (".git", True),
        (".venv", True),
        (".venv-oldest", True),
        ("build", True),
        ("data/MNIST", True),
        ("data/README.md", False),
        ("tests/__pycache__", True),
        ("course_utils/mnist.py", False),
        (".devcontainer", False),
    ],
)
def test_what_can_be_made_again_stays_out_of_the_image(path, ignored):
    assert is_ignored(path) is ignored


def test_the_image_runs_a_supported_python_and_ends_up_with_another_user_than_root():
    from install import PYTHONS

    (image,) = [rest for name, rest in instructions() if name == "FROM" and ":" in rest]
    assert re.match(r"python:(3\.\d+)-slim", image)[1] in PYTHONS
    (user,) = [rest for name, rest in instructions() if name == "USER"]
    made = [rest for name, rest in instructions() if name == "RUN" and "useradd" in rest]
    assert f"useradd --create-home {user} " in made[0]
    assert all(f"--chown={user}:{user} " in rest for name, rest in instructions() if name == "COPY")


def test_the_editors_container_is_a_stage_of_the_same_file():
    container = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text())
    build = container["build"]
    assert (ROOT / ".devcontainer" / build["dockerfile"]).resolve() == ROOT / "Dockerfile"
    assert (ROOT / ".devcontainer" / build["context"]).resolve() == ROOT
    stages = [rest.split(" AS ")[1] for name, rest in instructions() if " AS " in rest]
    assert build["target"] in stages
    assert container["remoteUser"] == dict(instructions())["USER"]
    assert [str(port) for port in container["forwardPorts"]] == [dict(instructions())["EXPOSE"]]
    script = container["postCreateCommand"].split()[1]
    assert (ROOT / script).is_file()


if __name__ == "__main__":
    workplace, variables, start_lab = follow(Path(sys.argv[1]).resolve())
    os.chdir(workplace)
    os.execve(start_lab[0], [*start_lab, "--allow-root"], {**os.environ, **variables})
