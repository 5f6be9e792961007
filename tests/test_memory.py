"""The most memory of a program and its child processes, as the builder records it."""

import subprocess
import sys

from memory import PeakMemory

HOLD = "import time; block = bytearray({mb} * 2**20); block[::4096] = b'x' * len(block[::4096]); time.sleep(1.5)"


def test_children_and_their_children_count_together_and_only_while_they_live():
    child = HOLD.format(mb=60)
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    with PeakMemory(0.05) as one:
        subprocess.run([sys.executable, "-c", child], check=True)
    with PeakMemory(0.05) as below:
        subprocess.run([sys.executable, "-c", parent], check=True)
    with PeakMemory(0.05) as both:
        running = [subprocess.Popen([sys.executable, "-c", child]) for _ in range(2)]
        assert [process.wait() for process in running] == [0, 0]
    megabytes = [round(peak.bytes / 2**20) for peak in (one, below, both)]
    assert 60 <= megabytes[0] < 90 and 60 <= megabytes[1] < 110
    assert 120 <= megabytes[2] < 170


def test_without_children_it_is_nothing():
    with PeakMemory(0.01) as peak:
        pass
    assert peak.bytes == 0
