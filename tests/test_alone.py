"""A notebook without the course around it finds it above, installs it, or says what to do."""

import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace

import alone
import build
import pytest

CELL = 'from course_utils.notebook import set_up\n\ndevice = set_up("example", language="{}")'
# As if the course were not installed; then the cell, as a notebook runs it.
RUN = """
import os, sys
from pathlib import Path
sys.meta_path[:] = [finder for finder in sys.meta_path if "editable" not in repr(finder).lower()]
init = "course_utils/__init__.py"
site = Path(os.environ["PYTHONPATH"])  # what lies there is what is installed
sys.path[:] = [path for path in sys.path if Path(path) == site or not Path(path, init).exists()]
sys.path_importer_cache.clear()
from IPython.core.interactiveshell import InteractiveShell
result = InteractiveShell.instance(colors="NoColor").run_cell(sys.argv[1])
sys.exit(not result.success)
"""
NOTEBOOK = "def set_up(*arguments, **named):\n    print('ready:', __file__)\n"


def write_course(folder, code=NOTEBOOK):
    """A course of two lines, which can be installed."""
    (folder / "course_utils").mkdir(parents=True)
    (folder / "course_utils" / "__init__.py").write_text("")
    (folder / "course_utils" / "notebook.py").write_text(code)
    return folder


def write_wheel(folder):
    wheel = folder / "course_utils-0.1-py3-none-any.whl"
    info = "course_utils-0.1.dist-info"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("course_utils/__init__.py", "")
        archive.writestr("course_utils/notebook/__init__.py", NOTEBOOK)
        archive.writestr(
            f"{info}/METADATA", "Metadata-Version: 2.1\nName: course-utils\nVersion: 0.1\n"
        )
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")
    return wheel


@pytest.fixture
def run_cell(tmp_path, monkeypatch):
    """A function that runs a set-up cell in a folder; returns whether it succeeded, and its output."""
    site = tmp_path / "site-packages"
    site.mkdir()
    for name in ("COURSE_SOURCE", "PYTHONPATH", "PIP_FIND_LINKS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    # pip installs there, and asks no index
    monkeypatch.setenv("PIP_TARGET", str(site))
    monkeypatch.setenv("PIP_NO_INDEX", "1")

    def run(folder, language="en", source=None):
        folder.mkdir(parents=True, exist_ok=True)
        environment = {**os.environ, "PYTHONPATH": str(site)}
        if source is not None:
            environment["COURSE_SOURCE"] = str(source)
        cell = build.with_search_for_the_course(CELL.format(language), language)
        result = subprocess.run(
            [sys.executable, "-c", RUN, cell],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
        )
        return result.returncode == 0, result.stdout + result.stderr

    return run


@pytest.mark.parametrize("inside", [".", "notebooks/en", "我的 'work'/hw 1"])
def test_the_course_is_found_in_the_folder_or_above(inside, run_cell, tmp_path):
    course = write_course(tmp_path / '課程 "a"')
    succeeded, said = run_cell(course / inside)
    assert succeeded and f"ready: {course / 'course_utils' / 'notebook.py'}" in said, said


def test_the_processes_that_it_starts_find_the_course_too(run_cell, tmp_path):
    start = "import subprocess, sys\ndef set_up(*a, **k):\n    "
    start += "subprocess.run([sys.executable, '-c', 'import course_utils.child'], check=True)\n"
    course = write_course(tmp_path / "course", start)
    (course / "course_utils" / "child.py").write_text("print('child ready')")
    succeeded, said = run_cell(course / "notebooks")
    assert succeeded and "child ready" in said, said


def test_a_wheel_is_installed_and_then_stays(run_cell, tmp_path):
    source = write_wheel(tmp_path)
    succeeded, said = run_cell(tmp_path / "alone", source=source)
    assert succeeded and "ready:" in said and "site-packages" in said, said


@pytest.mark.parametrize(
    ("language", "source"), [("en", None), ("zh-TW", None), ("en", ""), ("zh-TW", "/no/such.whl")]
)
def test_otherwise_one_sentence_says_what_to_do(language, source, run_cell, tmp_path):
    succeeded, said = run_cell(tmp_path / "alone", language, source)
    assert not succeeded
    lines = [line for line in said.splitlines() if line.strip() and "pip" not in line.lower()]
    lines = [line for line in lines if "such.whl" not in line]  # what pip says of it
    assert lines == ["".join(build.HOW_TO_GET_THE_COURSE[language])], said
    advice = re.search(r"%env (\w+)=…", said)[1]
    assert advice == "COURSE_SOURCE"


def test_following_that_advice_works(run_cell, tmp_path, monkeypatch):
    """What %env sets is what the cell reads, in the same notebook."""
    wheel = write_wheel(tmp_path)
    cell = build.with_search_for_the_course(CELL.format("en"), "en")
    monkeypatch.setattr(
        build,
        "with_search_for_the_course",
        lambda *arguments: f"%env COURSE_SOURCE={wheel}\n{cell}",
    )
    succeeded, said = run_cell(tmp_path / "alone")
    assert succeeded and "ready:" in said, said


@pytest.mark.parametrize("source", ["course", "'{}/course'", ' "{}/course" '])
def test_a_folder_may_be_named_without_a_slash_or_in_quotes(source, run_cell, tmp_path):
    write_course(tmp_path / "course")
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "course").symlink_to(tmp_path / "course")
    succeeded, said = run_cell(tmp_path / "work", source=source.format(tmp_path))
    assert succeeded and "ready:" in said, said


def test_a_name_is_never_asked_of_the_worlds_packages(run_cell, tmp_path, monkeypatch):
    write_wheel(tmp_path)  # as if an index had a package of this name
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    succeeded, said = run_cell(tmp_path / "alone", source="course-utils")
    assert not succeeded and build.HOW_TO_GET_THE_COURSE["en"][1] in said, said


def test_a_folder_that_pip_cannot_install_from_is_used_as_it_is(run_cell, tmp_path):
    course = write_course(tmp_path / "course")  # no pyproject.toml; or a folder that is read-only
    succeeded, said = run_cell(tmp_path / "alone", source=course)
    assert succeeded and f"ready: {course / 'course_utils' / 'notebook.py'}" in said, said


def test_a_bare_folder_of_its_name_is_not_taken_for_the_course(run_cell, tmp_path):
    (tmp_path / "alone" / "course_utils").mkdir(parents=True)
    succeeded, said = run_cell(tmp_path / "alone", source=write_wheel(tmp_path))
    assert succeeded and "ready:" in said and "site-packages" in said, said


def test_it_is_found_where_pip_installs_for_the_user(run_cell, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONUSERBASE", str(tmp_path / "user"))
    asked = [sys.executable, "-c", "import site; print(site.getusersitepackages())"]
    place = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
    monkeypatch.setenv("PIP_TARGET", place)  # a folder that is not there yet
    succeeded, said = run_cell(tmp_path / "alone", source=write_wheel(tmp_path))
    assert succeeded and f"ready: {place}" in said, said


def test_the_course_above_goes_before_an_installed_one(run_cell, tmp_path):
    write_course(tmp_path / "site-packages", "raise RuntimeError('an old copy')")
    course = write_course(tmp_path / "course")
    succeeded, said = run_cell(course / "notebooks")
    assert succeeded and f"ready: {course / 'course_utils' / 'notebook.py'}" in said, said


def test_an_installed_one_is_used_and_nothing_is_installed(run_cell, tmp_path):
    write_course(tmp_path / "site-packages")
    succeeded, said = run_cell(tmp_path / "alone", source="/no/such.whl")
    assert succeeded and "ready:" in said and "such.whl" not in said, said


def test_a_package_that_the_course_misses_is_named(run_cell, tmp_path):
    course = write_course(tmp_path / "course", "import no_such_package")
    succeeded, said = run_cell(course)
    assert not succeeded and "No module named 'no_such_package'" in said
    assert "COURSE_SOURCE=" not in said.replace('COURSE_SOURCE")', "")


@pytest.mark.parametrize("language", build.FOLDERS)
def test_the_cell_is_short_and_holds_the_address_of_pyproject(language, tmp_path, monkeypatch):
    plain = build.with_search_for_the_course(CELL.format(language), language)
    lines = [line for line in plain.splitlines() if line]
    assert len(lines) <= 20 and max(map(len, lines)) <= 105
    assert plain.endswith(CELL.format(language))
    assert 'or "")' in plain, "no address until the repository is public"
    monkeypatch.setattr(build, "PYPROJECT", tmp_path / "pyproject.toml")
    build.PYPROJECT.write_text('[project.urls]\nsource = "https://example.org/course"\n')
    assert 'or "git+https://example.org/course")' in build.with_search_for_the_course(
        CELL.format(language), language
    )


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The course as its wheel installs it."""
    folder = tmp_path_factory.mktemp("wheel") / "library"
    alone.install_wheel(folder)
    return folder


def test_the_wheel_holds_what_the_course_needs_at_run_time_and_no_tests(installed):
    files = {path.relative_to(installed).as_posix() for path in installed.rglob("*.*")}
    needed = {
        path.relative_to(alone.ROOT).as_posix()
        for path in (alone.ROOT / "course_utils").rglob("*")
        if path.suffix in (".py", ".json")
    }
    assert needed <= files
    assert "etc/jupyter/jupyter_server_config.d/course_utils.json" in files
    assert {path.name for path in installed.iterdir()} == {
        "course_utils",
        "course_utils-0.1.0.dist-info",
        "etc",
    }
    metadata = (installed / "course_utils-0.1.0.dist-info" / "METADATA").read_text()
    assert "Requires-Dist: torch>=2.9.1" in metadata and "Provides-Extra: dask" in metadata


def test_notebooks_run_in_an_empty_folder_with_the_course_of_the_wheel(
    installed, tmp_path, capfd, monkeypatch
):
    (tmp_path / "show.py").write_text(
        "import os, sys, course_utils\n"
        "for path in sys.argv[1:]:\n"
        "    print(os.listdir(os.path.dirname(path)), open(path).read())\n"
        "print(course_utils.__file__)\nsys.exit(7)\n"
    )
    (tmp_path / "a.ipynb").write_text("a notebook")
    monkeypatch.setattr(alone, "install_wheel", lambda folder: shutil.copytree(installed, folder))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), str(alone.ROOT)]))
    monkeypatch.chdir(tmp_path)
    assert alone.main(["show", "a.ipynb"]) == 7
    listed, imported = capfd.readouterr().out.splitlines()
    assert listed == "['a.ipynb'] a notebook"
    assert "library" in imported and str(alone.ROOT) not in imported


def test_pytest_names_each_cell_by_its_notebook(tmp_path, monkeypatch):
    """Below its root a test has its file in its name, which workers share the cells out by."""
    commands = []

    def run(command, **_):
        commands.append(command)
        return SimpleNamespace(returncode=0)

    monkeypatch.setattr(alone, "install_wheel", lambda folder: None)
    monkeypatch.setattr(alone.subprocess, "run", run)
    path = tmp_path / "a.ipynb"
    path.write_text("a notebook")
    assert alone.main(["pytest", "-q", str(path)]) == 0
    (command,) = commands
    (copy,) = [word for word in command if word.endswith(".ipynb")]
    assert f"--rootdir={Path(copy).parent}" in command
    alone.main(["other", str(path)])
    assert not [word for word in commands[1] if word.startswith("--rootdir")]
