"""How the set-up cell of every notebook begins: what follows here, with two texts filled in.

In a lesson stands the last line alone; build.py puts the rest before it, for whoever opens a notebook
without the course around it.
"""

import importlib.util, os, subprocess, sys
from pathlib import Path

if importlib.util.find_spec("course_utils") is None:  # not installed: look above, or install
    folders = [str(folder) for folder in (Path.cwd(), *Path.cwd().parents)]
    here = [folder for folder in folders if os.path.isfile(f"{folder}/course_utils/__init__.py")]
    source = os.path.expanduser(os.environ.get("COURSE_SOURCE") or "DEFAULT_SOURCE")
    if here:
        sys.path.insert(0, here[0])
        paths = [here[0], os.environ.get("PYTHONPATH")]  # for the processes that this one starts
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    elif not source or subprocess.call([sys.executable, "-m", "pip", "install", "-q", source]):
        missing = ModuleNotFoundError("HOW_TO_GET_THE_COURSE")
        missing._render_traceback_ = lambda: [str(missing)]  # this sentence, no traceback
        raise missing
    importlib.invalidate_caches()
from course_utils.notebook import set_up
