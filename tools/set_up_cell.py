"""How the set-up cell of every notebook begins: what follows here, with two texts filled in.

In a lesson stands the last line alone; build.py puts the rest before it, for whoever opens a notebook
without the course around it.
"""

import importlib.util, os, pathlib, site, subprocess, sys

top = [f for f in pathlib.Path("-").absolute().parents if (f / "course_utils/__init__.py").exists()]
if not top and not getattr(importlib.util.find_spec("course_utils"), "origin", None):  # install it
    source = (os.environ.get("COURSE_SOURCE") or "DEFAULT_SOURCE").strip(" '\"")
    path = pathlib.Path(os.path.expanduser(source)).absolute()  # a mere name may be anybody's
    pip = [sys.executable, "-m", "pip", "install", "-q", source if "://" in source else str(path)]
    top = [path] if (path / "course_utils/__init__.py").exists() else []
    if (not source or subprocess.call(pip)) and not top:
        missing = ModuleNotFoundError("HOW_TO_GET_THE_COURSE")
        missing._render_traceback_ = lambda: [str(missing)]  # this sentence, no traceback
        raise missing
    sys.path.append(site.getusersitepackages())  # where pip may have put it
    importlib.invalidate_caches()
sys.path[:0] = top = [str(folder) for folder in top[:1]]  # and for the processes started here:
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [*top, os.environ.get("PYTHONPATH")]))
from course_utils.notebook import set_up
