"""A save by JupyterLab keeps a lesson's file as shipped until somebody edits it; no work is lost."""

import asyncio
import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import build
import nbformat
import pytest
from jupyter_server.services.contents.largefilemanager import (
    AsyncLargeFileManager,
    LargeFileManager,
)

from course_utils.notebook import saving

NAME = "99_example.ipynb"
LAB = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python", "version": "3.12.9", "codemirror_mode": {"version": 3}},
}


@pytest.fixture
def lesson(tmp_path):
    """A finished notebook as the builder writes it."""
    v4 = nbformat.v4
    picture = {"text/html": '<img alt="line" src="data:,">', "text/plain": "<Figure>"}
    cells = [
        v4.new_markdown_cell("# 99  例子\n\n兩行"),
        v4.new_code_cell("print(1)\nprint(2)", outputs=[v4.new_output("stream", text="1\n2\n")]),
        v4.new_code_cell(
            "answer = 42",
            metadata={"tags": ["solution"], "jupyter": {"source_hidden": True}},
            outputs=[v4.new_output("display_data", data=picture)],
        ),
        v4.new_code_cell("def exercise():\n    raise NotImplementedError"),
    ]
    notebook = v4.new_notebook(cells=cells)
    notebook.nbformat_minor = 5
    build.finish(notebook, Path("99_example.py"))
    path = tmp_path / "notebooks" / NAME
    path.parent.mkdir()
    path.write_text(nbformat.writes(notebook) + "\n", encoding="utf-8")
    return path


def manager(folder, kind=LargeFileManager, hook=saving.keep_as_shipped):
    contents = kind(root_dir=str(folder))
    contents.register_pre_save_hook(hook)
    return contents


def presented(contents, path=NAME):
    """The notebook as JupyterLab sends it after its cells were run and a solution unfolded."""
    content = contents.get(path, type="notebook")["content"]
    content["metadata"] |= LAB
    for number, cell in enumerate(content["cells"]):
        if cell["cell_type"] == "code":
            cell["execution_count"] = 10 + number
            cell["outputs"] = [nbformat.v4.new_output("stream", text="of today\n")]
            cell["metadata"] |= {"trusted": True, "scrolled": True, "execution": {"busy": "now"}}
    content["cells"][2]["metadata"]["jupyter"] = {"source_hidden": False}
    return content


def save(contents, content, path=NAME):
    return contents.save({"type": "notebook", "format": "json", "content": content}, path)


def test_presenting_leaves_every_byte(lesson):
    before, contents = lesson.read_bytes(), manager(lesson.parent)
    for _ in range(2):
        save(contents, presented(contents))
        assert lesson.read_bytes() == before


def test_presenting_leaves_every_byte_with_the_manager_that_the_server_uses(lesson):
    before, contents = lesson.read_bytes(), manager(lesson.parent, AsyncLargeFileManager)
    content = presented(manager(lesson.parent))
    asyncio.run(save(contents, content))
    assert lesson.read_bytes() == before


def edit_source(content):
    content["cells"][3]["source"] = "def exercise():\n    return 1"


def add_a_cell(content):
    content["cells"].append(nbformat.v4.new_code_cell("mine"))


def delete_a_cell(content):
    del content["cells"][1]


def move_a_cell(content):
    content["cells"][1:3] = content["cells"][2:0:-1]


def make_it_prose(content):
    cell = content["cells"][3]
    content["cells"][3] = nbformat.v4.new_markdown_cell(cell["source"], id=cell["id"])


def tag_a_cell(content):
    content["cells"][1]["metadata"]["tags"] = ["mine"]


def make_it_a_slide(content):
    content["cells"][1]["metadata"]["slideshow"] = {"slide_type": "slide"}


def attach_a_picture(content):
    content["cells"][0]["attachments"] = {"a.png": {"image/png": "AAAA"}}


EDITS = [edit_source, add_a_cell, delete_a_cell, move_a_cell, make_it_prose, tag_a_cell]
EDITS += [make_it_a_slide, attach_a_picture]


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.__name__)
def test_once_edited_everything_is_saved_but_for_the_kernels_version(edit, lesson):
    contents = manager(lesson.parent)
    content = presented(contents)
    edit(content)
    expected = json.loads(json.dumps(content))
    save(contents, content)
    saved = contents.get(NAME, type="notebook")["content"]
    for cell in (*expected["cells"], *saved["cells"]):
        cell["metadata"].pop("trusted", None)
    assert saved["cells"] == expected["cells"]
    assert {key: saved["metadata"][key] for key in LAB} == saving.METADATA


def test_outputs_of_edited_work_are_kept_and_so_is_an_edit_that_was_undone(lesson):
    contents = manager(lesson.parent)
    shipped = contents.get(NAME, type="notebook")["content"]["cells"][3]["source"]
    content = presented(contents)
    edit_source(content)
    save(contents, content)
    for source in ("def exercise():\n    return 1", shipped):
        content = presented(contents)
        content["cells"][3]["source"] = source
        content["cells"][3]["outputs"][0]["text"] = f"printed by {source}"
        save(contents, content)
        last = contents.get(NAME, type="notebook")["content"]["cells"][3]
        assert (last["source"], last["outputs"][0]["text"]) == (source, f"printed by {source}")


def test_a_copy_is_saved_whole(lesson):
    contents = manager(lesson.parent)
    content = presented(contents)
    save(contents, content, "mine.ipynb")
    saved = contents.get("mine.ipynb", type="notebook")["content"]
    assert saved["cells"][1]["outputs"][0]["text"] == "of today\n"


@pytest.mark.parametrize("place", ["99_example-Copy1.ipynb", "hw/99_example.ipynb"])
def test_what_is_run_in_a_copy_is_saved(place, lesson):
    contents = manager(lesson.parent)
    (lesson.parent / "hw" / "deeper").mkdir(parents=True)
    contents.copy(NAME, place)  # at first as shipped
    save(contents, presented(contents, place), place)
    saved = contents.get(place, type="notebook")["content"]
    assert saved["cells"][1]["outputs"][0]["text"] == "of today\n"


def test_what_the_property_inspector_writes_when_it_is_opened_is_no_edit(lesson):
    before, contents = lesson.read_bytes(), manager(lesson.parent)
    content = presented(contents)
    for cell in content["cells"]:
        inspected = {"editable": True, "slideshow": {"slide_type": ""}, "tags": []}
        cell["metadata"] = inspected | cell["metadata"]
    save(contents, content)
    assert lesson.read_bytes() == before


@pytest.mark.parametrize("own", [{"rise": {"theme": "sky"}}, {"jupytext": {"formats": "ipynb,py"}}])
def test_settings_of_the_notebook_are_an_edit(own, lesson):
    contents = manager(lesson.parent)
    content = presented(contents)
    content["metadata"] |= own
    save(contents, content)
    assert own.items() <= contents.get(NAME, type="notebook")["content"]["metadata"].items()


def test_another_kernel_that_a_student_chose_stays(lesson):
    contents = manager(lesson.parent)
    content = presented(contents)
    edit_source(content)
    content["metadata"]["kernelspec"] = {"display_name": "Mine", "name": "mine"}
    save(contents, content)
    saved = contents.get(NAME, type="notebook")["content"]["metadata"]
    assert saved["kernelspec"]["name"] == "mine"


def test_other_notebooks_and_files_are_none_of_its_business(tmp_path):
    contents = manager(tmp_path)
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1")], metadata=LAB)
    save(contents, notebook)
    assert contents.get(NAME, type="notebook")["content"]["metadata"] == LAB
    contents.save({"type": "file", "format": "text", "content": "words"}, "notes.txt")
    contents.save({"type": "directory"}, "folder")
    assert (tmp_path / "notes.txt").read_text() == "words" and (tmp_path / "folder").is_dir()


@pytest.mark.parametrize("on_disk", ["", "not json", "[]", '{"cells": 3}'])
def test_whatever_is_on_disk_never_prevents_a_save(on_disk, lesson):
    contents = manager(lesson.parent)
    content = presented(contents)
    lesson.write_text(on_disk)
    save(contents, content)
    cells = contents.get(NAME, type="notebook")["content"]["cells"]
    assert cells[1]["outputs"][0]["text"] == "of today\n"


def test_the_hook_is_put_where_another_extension_replaced_the_manager(lesson):
    config = json.loads((build.ROOT / "tools/jupyter/course_utils.json").read_text())
    (name,) = config["ServerApp"]["jpserver_extensions"]
    (point,) = import_module(name)._jupyter_server_extension_points()
    waiting = []
    loop = SimpleNamespace(add_callback=waiting.append)
    server = SimpleNamespace(contents_manager=LargeFileManager(), io_loop=loop)
    import_module(point["module"])._load_jupyter_server_extension(server)
    server.contents_manager = LargeFileManager(root_dir=str(lesson.parent))
    for callback in waiting:  # the server begins to run
        callback()
    before = lesson.read_bytes()
    save(server.contents_manager, presented(server.contents_manager))
    assert lesson.read_bytes() == before


def test_the_hook_needs_no_torch():
    code = "import sys, course_utils.notebook.saving; print('torch' in sys.modules, 'numpy' in sys.modules)"
    command = [sys.executable, "-c", code]
    result = subprocess.run(command, capture_output=True, text=True, check=True, cwd=build.ROOT)
    assert result.stdout.split() == ["False", "False"]
