"""The most memory of a program and its child processes, as the builder records it."""

import json
import subprocess
import sys
from pathlib import Path

import memory

HOLD = "import time; block = bytearray({mb} * 2**20); block[::4096] = b'x' * len(block[::4096]); time.sleep(1.5)"


MEASURE = f"""
import json, subprocess, sys
from memory import PeakMemory
child = {HOLD.format(mb=60)!r}
parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {{child!r}}])"
peaks = []
for commands in ([child], [parent], [child, child], []):
    with PeakMemory(0.05) as peak:
        running = [subprocess.Popen([sys.executable, "-c", command]) for command in commands]
        assert not any(process.wait() for process in running)
    peaks.append(peak.bytes / 2**20)
print(json.dumps(peaks))
"""


def test_children_and_their_children_count_together_and_only_while_they_live():
    """In a process of its own: this one may have other children."""
    folder = Path(memory.__file__).parent
    printed = subprocess.check_output([sys.executable, "-c", MEASURE], cwd=folder, text=True)
    one, below, both, none = json.loads(printed)
    assert 60 <= one < 90 and 60 <= below < 110 and 120 <= both < 170 and none == 0
