"""The NumPy-only track: it opens at once, and its READMEs say what runs."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from course_utils import numpy_track
from course_utils.numpy_track import training_utils

READMES = [Path(numpy_track.__file__).with_name(n) for n in ("README.md", "README.zh-TW.md")]


def test_importing_the_track_loads_neither_torch_nor_matplotlib():
    code = (
        "import pkgutil, sys, importlib, course_utils.numpy_track as track\n"
        "for module in pkgutil.iter_modules(track.__path__, track.__name__ + '.'):\n"
        "    importlib.import_module(module.name)\n"
        "print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    loaded = set(result.stdout.split())
    assert "course_utils" in loaded
    assert loaded.isdisjoint({"torch", "torchvision", "matplotlib"})


def python_block(readme: Path) -> str:
    (code,) = re.findall(r"```python\n(.*?)```", readme.read_text(encoding="utf-8"), re.DOTALL)
    return code


def test_the_quick_start_runs_and_both_languages_show_the_same(tmp_path, monkeypatch, capsys):
    code, translated = map(python_block, READMES)
    assert code == translated
    monkeypatch.chdir(tmp_path)
    namespace = {"__name__": "quick_start"}
    exec(compile(code, READMES[0].name, "exec"), namespace)
    assert (tmp_path / "training_curves.png").stat().st_size > 10_000
    assert namespace["accuracy"] > 0.4  # a quarter by chance
    numerical, exact = re.findall(r"epoch 2/2 .*", capsys.readouterr().out)
    numbers = [np.array(re.findall(r"\d+\.\d+", line), float) for line in (numerical, exact)]
    np.testing.assert_allclose(*numbers, rtol=1e-3)


@pytest.mark.parametrize("readme", READMES, ids=lambda path: path.name)
def test_the_readme_names_every_tool_and_its_links_lead_somewhere(readme):
    text = readme.read_text(encoding="utf-8")
    assert [name for name in training_utils.__all__ if f"`{name}" not in text] == []
    links = re.findall(r"\]\(([^)#]+)\)", text)
    assert links and all((readme.parent / link).exists() for link in links)
    modules = re.findall(r"`(\w+)\.\w+\(", text)
    assert modules and all((readme.parent / f"{name}.py").exists() for name in modules)
