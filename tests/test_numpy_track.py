"""The NumPy-only track, which must open at once."""

import subprocess
import sys


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
