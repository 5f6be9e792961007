"""How the set-up cell of every notebook begins: what follows here, with two texts filled in.

In a lesson stands the last line alone; build.py puts the rest before it, for whoever opens a notebook
without the course around it.
"""

import importlib.util, os, pathlib, subprocess, sys

if importlib.util.find_spec("course_utils") is None:  # not installed: look above, or install
    folders = [pathlib.Path.cwd(), *pathlib.Path.cwd().parents]
    here = [str(folder) for folder in folders if (folder / "course_utils/__init__.py").is_file()]
    source = os.path.expanduser(os.environ.get("COURSE_SOURCE") or "DEFAULT_SOURCE")
    if here:
        sys.path.insert(0, here[0])  # and for the processes that this one starts:
        os.environ["PYTHONPATH"] = os.pathsep.join([here[0], os.environ.get("PYTHONPATH", "")])
    elif not source or subprocess.call([sys.executable, "-m", "pip", "install", "-q", source]):
        missing = ModuleNotFoundError("HOW_TO_GET_THE_COURSE")
        missing._render_traceback_ = lambda: [str(missing)]  # this sentence, no traceback
        raise missing
    importlib.invalidate_caches()
from course_utils.notebook import set_up
