"""A JupyterHub for a class: `jupyterhub -f tools/jupyterhub_config.py`, see INSTRUCTORS.md.

Students read the course where it lies and write into a copy of the notebooks in their own homes, made
at their first login and never replaced. COURSE_HUB_PASSWORD is what they all log in with; each has an
account of the system. For real names, put your university's authenticator in its place.
"""

import os
import pwd
import subprocess
from pathlib import Path

from jupyterhub.spawner import LocalProcessSpawner

COURSE = Path(__file__).resolve().parent.parent
HOME_FOLDER = "course"

c = get_config()  # noqa: F821 (JupyterHub gives it)
c.JupyterHub.bind_url = os.environ.get("COURSE_HUB_URL", "http://127.0.0.1:8000")
c.JupyterHub.authenticator_class = "shared-password"
c.SharedPasswordAuthenticator.user_password = os.environ["COURSE_HUB_PASSWORD"]
c.Authenticator.allow_all = True

FIRST = min((COURSE / "notebooks").glob("*.ipynb")).name
c.Spawner.default_url = f"/lab/tree/{HOME_FOLDER}/{FIRST}"
c.Spawner.environment = {
    "COURSE_DATA_DIR": os.environ.get("COURSE_DATA_DIR", str(COURSE / "data")),
    # a lesson's workers, a processor each; without it, every student starts one per processor
    "LOKY_MAX_CPU_COUNT": os.environ.get("COURSE_HUB_WORKERS", "2"),
    "OMP_NUM_THREADS": "1",
}
# what a student may take; SystemdSpawner, DockerSpawner and KubeSpawner hold to it, a local process not
c.Spawner.mem_limit = "4G"
c.Spawner.cpu_limit = 2.0


def give_notebooks(spawner: LocalProcessSpawner) -> None:
    """Put a copy of the notebooks into a student's home; what is there already stays as it is.

    It runs as the student: a link that leads out of the home leads nowhere that they may not write.
    """
    account = pwd.getpwnam(spawner.user.name)
    target = Path(account.pw_dir, HOME_FOLDER)
    commands = ["mkdir", "-p", target], ["cp", "-R", "-n", f"{COURSE / 'notebooks'}/.", target]
    for command in commands:  # some versions of cp say that they left out what was there
        subprocess.run(
            command, user=account.pw_uid, group=account.pw_gid, extra_groups=[], check=False
        )


c.Spawner.pre_spawn_hook = give_notebooks
