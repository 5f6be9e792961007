"""The builder writes the same notebook twice, loses nothing, and notices drift."""

import json
import re
import shutil
import subprocess
import sys

import build
import nbformat
import pytest

from course_utils.data import load_mnist

ROOT = build.ROOT
LESSON = """
# %% [markdown] lang="zh-TW" slideshow={"slide_type": "slide"}
# # 99　例子

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# # 99  An example

# %% lang="zh-TW" tags=["setup"]
from course_utils.notebook import set_up
set_up("99_example", language="zh-TW")

# %% lang="en" tags=["setup"]
from course_utils.notebook import set_up
set_up("99_example", language="en")

# %%
from course_utils.claims import claim
claim(1, 1 + 1 == 2)
print("two is 2 and pi is ≈3.14159")

# %% alt-zh="一條「上升」的線" alt-en="A line that goes \\"up\\"" slideshow={"slide_type": "subslide"}
import matplotlib.pyplot as plt
lines = plt.plot([1, 2], [1, 2])

# %% tags=["check"]
from tqdm.auto import tqdm
from course_utils.progress import progress
total = sum(progress(range(3), "adding"))

# %% tags=["solution"]
# One possible answer.
answer = 42
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A course of one lesson in a temporary folder; returns a function that (re)writes it."""
    folders = {"zh-TW": tmp_path / "notebooks", "en": tmp_path / "notebooks" / "en"}
    for folder in ("lessons", "notebooks/en"):
        (tmp_path / folder).mkdir(parents=True)
    monkeypatch.setattr(build, "ROOT", tmp_path)
    monkeypatch.setattr(build, "FOLDERS", folders)
    path = tmp_path / "lessons" / "99_example.py"

    def write(text=LESSON):
        path.write_text(text.lstrip(), encoding="utf-8")
        return path

    return write


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Both editions of the example, built once: language -> bytes."""
    folder = tmp_path_factory.mktemp("built")
    path = folder / "99_example.py"
    path.write_text(LESSON.lstrip(), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(build, "FOLDERS", {"zh-TW": folder, "en": folder / "en"})
        (folder / "en").mkdir()
        for language in build.FOLDERS:
            build.build(path, language)
        return {
            language: (where / "99_example.ipynb").read_bytes()
            for language, where in build.FOLDERS.items()
        }


def test_each_edition_speaks_its_language(built):
    chinese, english = (nbformat.reads(built[k].decode(), as_version=4) for k in ("zh-TW", "en"))
    assert [c.id for c in chinese.cells] == [c.id for c in english.cells]
    assert chinese.cells[0].source == "# 99　例子"
    assert english.cells[0].source == "# 99  An example"
    assert "主張 1" in chinese.cells[2].outputs[0].text
    assert "Claim 1" in english.cells[2].outputs[0].text
    assert "lang" not in str([c.metadata for c in chinese.cells])


def test_figures_carry_the_authored_alt_text_and_no_png_output(built):
    for language, alt in (("zh-TW", "一條「上升」的線"), ("en", "A line that goes &quot;up&quot;")):
        cell = nbformat.reads(built[language].decode(), as_version=4).cells[3]
        (output,) = cell.outputs
        assert f'alt="{alt}"' in output.data["text/html"]
        assert set(output.data) == {"text/html", "text/plain"}


def test_metadata_for_nbgrader_slides_and_collapsed_solutions(built):
    cells = nbformat.reads(built["en"].decode(), as_version=4).cells
    assert cells[4].metadata.nbgrader.grade_id == "99_example-004"
    assert cells[4].outputs == [], "a progress bar is silent under the builder"
    assert cells[5].metadata.jupyter.source_hidden is True
    assert cells[3].metadata.slideshow.slide_type == "subslide"


def test_building_twice_gives_the_same_bytes(built, place):
    build.build(place(), "en")
    again = (build.FOLDERS["en"] / "99_example.ipynb").read_bytes()
    assert again == built["en"]
    assert not re.search(rb"20\d\d-\d\d-\d\dT|/tmp/", again), "no time stamps, no paths"


@pytest.mark.parametrize(
    ("bad_cell", "message"),
    [
        ("1 / 0", "ZeroDivisionError"),
        ("claim(2, False)", "Claim 2 did not hold"),
        ("object()", "no other run repeats"),
        ("import matplotlib.pyplot as plt\nplt.subplots()[1]", "no other run repeats"),
        ("import sys\nprint('noise', file=sys.stderr)", "stderr"),
        ("import matplotlib.pyplot as plt\nlines = plt.plot([1])", "no alt-zh"),
    ],
)
def test_a_bad_cell_is_named_and_the_old_notebook_stays(bad_cell, message, place):
    target = build.FOLDERS["en"] / "99_example.ipynb"
    target.write_text("the old notebook")
    path = place(f"{LESSON.split('# %% alt-zh')[0]}# %%\n{bad_cell}\n")
    with pytest.raises(build.BuildError, match="99_example") as caught:
        build.build(path, "en")
    assert message in str(caught.value)
    assert bad_cell.splitlines()[-1][:10] in str(caught.value) or "99_example-003" in str(
        caught.value
    )
    assert target.read_text() == "the old notebook"
    assert [p.name for p in target.parent.iterdir()] == ["99_example.ipynb"]


def put(built):
    for language, folder in build.FOLDERS.items():
        (folder / "99_example.ipynb").write_bytes(built[language])


def test_no_drift_where_nothing_changed(built, place, capsys):
    place()
    put(built)
    build.check()
    assert "2 notebooks" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("claim(1, 1 + 1 == 2)", "claim(1, 1 + 1 == 2.0)"),
        ("# # 99  An example", "# # 99  Another example"),
        ('"subslide"', '"slide"'),
        ("goes", "climbs"),
        ("# %% tags", "# %%\nextra = 1\n\n# %% tags"),
    ],
)
def test_a_lesson_edited_without_rebuilding_fails(old, new, built, place):
    place(LESSON.replace(old, new, 1))
    put(built)
    with pytest.raises(SystemExit, match="make notebooks"):
        build.check()


@pytest.mark.parametrize("language", build.FOLDERS)
def test_a_notebook_built_without_full_mnist_fails(language, built, place, monkeypatch):
    place()
    put(built)
    path = build.FOLDERS[language] / "99_example.ipynb"
    notebook = nbformat.read(path, as_version=4)
    output = next(o for cell in notebook.cells for o in cell.get("outputs", []) if "text" in o)
    monkeypatch.setattr("course_utils.language._current", language)
    for tier, passes in (("full", True), ("embedded", False)):
        output.text = load_mnist("embedded")._replace(tier=tier).banner() + "\n"
        build.finish(notebook, path)
        nbformat.write(notebook, path)
        if passes:
            build.check()
        else:
            with pytest.raises(SystemExit, match=f"{path.name} was built without full MNIST"):
                build.check()


def test_outputs_changed_by_hand_fail(built, place):
    place()
    changed = built["en"].replace(b' "two is 2', b' "two is 3')
    put({**built, "en": changed})
    with pytest.raises(SystemExit, match=r"99_example\.ipynb: its outputs were changed by hand"):
        build.check()


def test_a_set_up_cell_begins_with_the_one_line_that_the_builder_extends(place):
    path = place(LESSON.replace("import set_up\nset_up", "import set_up  # as always\nset_up"))
    with pytest.raises(build.BuildError, match="a set-up cell begins 'from"):
        build.edition(path, "en")


def test_a_missing_and_an_orphaned_notebook_fail(built, place):
    place()
    put(built)
    (build.FOLDERS["en"] / "99_example.ipynb").rename(build.FOLDERS["en"] / "98_old.ipynb")
    with pytest.raises(SystemExit, match=r"(?s)99_example.ipynb is missing.*98_old"):
        build.check()


def run_nbval(path, *options):
    config = ROOT / "tests" / "nbval_sanitize.cfg"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir"]
    command += [str(path.parent), "--nbval-current-env", "--nbval-sanitize-with", str(config)]
    command += [*options, str(path)]
    return subprocess.run(command, cwd=path.parent, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("old", "new", "passes"),
    [
        ("pi is ≈3.14159", "pi is ≈3.14159", True),
        ("pi is ≈3.14159", "pi is ≈3.14160", True),
        ("two is 2", "two is 3", False),
    ],
)
def test_nbval_notices_a_changed_number_unless_it_is_approximate(
    old, new, passes, built, tmp_path, monkeypatch
):
    for name, value in build.BUILD_ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    notebook = json.loads(built["en"])
    for cell in notebook["cells"]:
        for output in cell.get("outputs", []):
            if "text" in output:
                output["text"] = [line.replace(old, new) for line in output["text"]]
    path = tmp_path / "99_example.ipynb"
    path.write_text(json.dumps(notebook), encoding="utf-8")
    result = run_nbval(path, "--nbval")
    assert (result.returncode == 0) is passes, result.stdout[-3000:]


def test_the_network_is_refused_in_kernels(place, tmp_path, monkeypatch):
    code = """
# %%
import socket
for address in ("192.0.2.1", "example.org"):
    try:
        socket.create_connection((address, 80), timeout=1)
    except ConnectionRefusedError as error:
        print(error)
from course_utils.experiment import run_seeds
print(run_seeds(lambda seed: seed + 1, n_jobs=2)["result"].tolist())
"""
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "tests" / "refuse_network"))
    build.build(place(code), "en")
    notebook = nbformat.read(build.FOLDERS["en"] / "99_example.ipynb", as_version=4)
    printed = notebook.cells[0].outputs[0].text
    assert printed.count("the course runs offline") == 2
    assert "[1, 2, 3, 4, 5]" in printed


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_make_knows_its_targets():
    for target in (
        "lab",
        "test",
        "test-oldest",
        "notebooks",
        "data",
        "bench",
        "experiments",
        "clean",
    ):
        command = ["make", "-n", target, "COURSE_LANG=en"]
        result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stderr
        if target == "lab":
            assert "notebooks/en/00_start_here.ipynb" in result.stdout
