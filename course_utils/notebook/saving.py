"""Opening and presenting a lesson leaves its file alone: what JupyterLab calls before it saves.

Each save writes the outputs of the day and the name and version of the kernel into the notebook, so
that the next ``git pull`` meets a changed file. Of the course's notebooks, which carry a seal, this
hook keeps the file as it was shipped for as long as nobody has edited it. Once anything was edited,
everything is saved, outputs too, and only the kernel's name and version stay as they were shipped.

``etc/jupyter`` of the environment switches it on, as a server extension. It imports no torch.
"""

import copy
import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerApp
    from jupyter_server.services.contents.manager import ContentsManager

#: What every notebook of the course says about its kernel; a save by JupyterLab adds more.
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"file_extension": ".py", "name": "python"},
}
#: Cell metadata that says how a cell is shown or when it ran, which reading and presenting change.
_HOW_IT_IS_SHOWN = {"collapsed", "ExecuteTime", "execution", "jupyter", "scrolled", "trusted"}
#: What JupyterLab's property inspector writes into cells when it is merely opened.
_SAYS_NOTHING = {"editable": True, "slideshow": {"slide_type": ""}, "tags": []}
#: Metadata of a notebook that no person writes.
_BY_THE_KERNEL = {*METADATA, "widgets"}


def seal(cells: list[dict]) -> str:
    """A checksum of cells with their outputs, which says that a file is as it was shipped."""
    text = json.dumps(_plain(cells), sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def keep_as_shipped(model: dict[str, Any], path: str, contents_manager: "ContentsManager") -> None:
    """Put into ``model``, which is about to be saved, what is to be in the file.

    path: of the notebook, below the server's root. The server logs an exception, and saves.
    """
    content = model.get("content")
    if model.get("type") != "notebook" or "course" not in content.get("metadata", {}):
        return
    on_disk = _read(Path(contents_manager._get_os_path(path)))
    if on_disk is not None and _written(on_disk) == _written(content):
        model["content"] = on_disk
        return
    metadata = content["metadata"]
    if metadata.get("kernelspec", {}).get("name") == METADATA["kernelspec"]["name"]:
        metadata |= copy.deepcopy(METADATA)


def _read(file: Path) -> dict | None:
    """The notebook in a file, or None unless it is as it was shipped, and where it was: no copy."""
    if not file.is_file():
        return None
    notebook = nbformat.read(file, as_version=nbformat.NO_CONVERT)
    course = notebook["metadata"].get("course", {})
    is_shipped = course.get("seal") == seal(notebook["cells"])
    place = file.absolute().parent.parts
    in_place = place[-1:] == ("notebooks",) or place[-2:] == ("notebooks", "en")
    in_place &= file.stem == course.get("lesson")
    return notebook if is_shipped and in_place else None


def _plain(cells: list[dict]) -> list[dict]:
    return json.loads(json.dumps(cells))


def _written(notebook: dict) -> tuple[dict, list[dict]]:
    """What a person writes: not the outputs, nor the kernel, nor how a cell is shown."""
    own = {k: v for k, v in notebook["metadata"].items() if k not in _BY_THE_KERNEL}
    cells = [
        {
            **{key: cell.get(key) for key in ("cell_type", "source", "attachments")},
            "metadata": {
                key: value
                for key, value in cell["metadata"].items()
                if key not in _HOW_IT_IS_SHOWN and _SAYS_NOTHING.get(key, ...) != value
            },
        }
        for cell in notebook["cells"]
    ]
    return own, cells


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "course_utils.notebook.saving"}]


def _load_jupyter_server_extension(server: "ServerApp") -> None:
    def register() -> None:
        server.contents_manager.register_pre_save_hook(keep_as_shipped)

    # once all extensions are loaded: Jupytext's, for one, puts a manager of its own in place
    server.io_loop.add_callback(register)
