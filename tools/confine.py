"""Shut the door behind a process that is about to run a stranger's code: what it may use and reach.

On Linux the kernel holds it: Landlock (files), seccomp (processes, network, signals), no capabilities,
and limits on processor time, memory and the size of files. On macOS there are these limits only; and
everywhere a hook that says no in Python's own words, which the careless meet and the malicious step
around. Nothing here is undone: it is for a process that ends with its one task.
"""

import contextlib
import ctypes
import os
import platform
import struct
import sys
from pathlib import Path
from typing import ClassVar

try:
    import resource
except ModuleNotFoundError:  # Windows
    resource = None  # type: ignore[assignment]

_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _FILTER_MODE = 38, 22, 2
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # the same on every machine
_READ, _WRITE = 0b1101, 0b10  # execute, read a file, list a folder; write a file
_MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
_ALLOW, _KILL, _ERROR = 0x7FFF0000, 0x80000000, 0x00050000
_EPERM, _ENOSYS, _ENOTSUP, _DONE = 1, 38, 95, 0
_NONE = 0xFFFFFFFF  # a call that the machine lacks

#: What each system call gets in place of its service; numbers for x86_64 and aarch64.
_REFUSED: dict[int, list[tuple[int, int]]] = {
    _EPERM: [
        *((57, _NONE), (58, _NONE), (59, 221), (322, 281)),  # fork, vfork, execve, execveat
        *((41, 198), (53, 199), (42, 203), (49, 200), (50, 201)),  # sockets
        *((101, 117), (310, 270), (311, 271)),  # ptrace, memory of other processes
        *((200, 130), (129, 138), (297, 240), (434, 434), (424, 424), (438, 438)),  # signals
        *((272, 97), (308, 268), (165, 40), (166, 39), (155, 41), (161, 51)),  # namespaces, mounts
        *((321, 280), (298, 241), (425, 425), (250, 219), (248, 217), (249, 218)),  # bpf, io_uring
        *((141, 140), (144, 119), (133, _NONE), (259, 33)),  # priorities, devices
        *((92, _NONE), (93, 55), (94, _NONE), (260, 54)),  # chown
    ],
    _ENOSYS: [(435, 435)],  # clone3: the C library then uses clone, which can be looked into
    _ENOTSUP: [(188, 5), (189, 6), (190, 7), (197, 14), (198, 15), (199, 16)],  # setxattr
    # chmod and times of files: done, as far as shutil.copy can tell
    _DONE: [
        *((90, _NONE), (91, 52), (268, 53), (452, 452)),
        *((132, _NONE), (235, _NONE), (261, _NONE), (280, 88)),
    ],
}
_CLONE, _KILLS, _PRLIMIT = (56, 220), ((62, 129), (234, 131)), (302, 261)
_CLONE_THREAD = 0x10000


class NotAllowed(PermissionError):
    """An answer did what no answer needs."""


def confine(folder: Path, readable: list[Path], *, seconds: int, memory: int, size: int) -> None:
    """From now on, this process writes below ``folder`` only and reads only that, Python, and ``readable``.

    seconds: of processor time. memory: bytes more than it has now. size: of a file, in bytes.
    """
    _limit(seconds, memory, size)
    places = [Path(sys.prefix), Path(sys.base_prefix), *readable]
    places += map(Path, ("/usr", "/lib", "/lib64", "/etc", "/dev/urandom"))
    places += map(
        Path, ("/proc/cpuinfo", "/proc/meminfo", "/sys/devices/system/cpu")
    )  # torch looks
    sys.addaudithook(_Hook(folder.resolve()))
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        libc.syscall(126 if platform.machine() == "x86_64" else 91, *_no_capabilities())
        _landlock(libc, folder, [path for path in places if path.exists()])
        _seccomp(libc)


def in_force() -> dict[str, bool]:
    """What this system offers: each kind of hold, and whether ``confine`` has it."""
    is_linux = sys.platform == "linux"
    libc = ctypes.CDLL(None) if is_linux else None
    files = is_linux and libc.syscall(_CREATE_RULESET, None, 0, 1) > 0
    calls = (
        is_linux and platform.machine() in _MACHINES and Path("/proc/sys/kernel/seccomp").exists()
    )
    limits = resource is not None
    return {
        "time and memory": limits,
        "files (Landlock)": files,
        "processes and network (seccomp)": calls,
    }


def _limit(seconds: int, memory: int, size: int) -> None:
    if resource is None:
        return
    limits = {"RLIMIT_CPU": (seconds, seconds + 1), "RLIMIT_FSIZE": (size, size)}
    limits |= {"RLIMIT_NOFILE": (128, 128), "RLIMIT_CORE": (0, 0)}
    with contextlib.suppress(OSError):  # macOS does not say how much it has, and does not limit it
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limits["RLIMIT_AS"] = (pages * resource.getpagesize() + memory,) * 2
    for name, values in limits.items():
        with contextlib.suppress(ValueError, OSError):  # it is lower already
            resource.setrlimit(getattr(resource, name), values)


def _no_capabilities() -> tuple[ctypes.Array, ctypes.Array]:
    """For ``capset``: even root is nobody in particular."""
    return ctypes.create_string_buffer(struct.pack("II", 0x20080522, 0)), (
        ctypes.create_string_buffer(24)
    )


def _landlock(libc: ctypes.CDLL, folder: Path, readable: list[Path]) -> None:
    version = libc.syscall(_CREATE_RULESET, None, 0, 1)
    if version < 1:
        return
    bits = 13 + sum(version >= since for since in (2, 3, 5))
    every = (1 << bits) - 1
    network, scope = (3 if version >= 4 else 0), (3 if version >= 6 else 0)
    attributes = struct.pack("QQQ", every, network, scope)[
        : 8 + 8 * (version >= 4) + 8 * (version >= 6)
    ]
    rules = libc.syscall(_CREATE_RULESET, attributes, len(attributes), 0)
    allowed = [*((path, _READ) for path in readable), (folder, every & ~(1 << 15))]
    for path, access in [*allowed, (Path("/dev/null"), _READ | _WRITE)]:
        handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
        access &= every if path.is_dir() else 0b111 | 1 << 14
        libc.syscall(_ADD_RULE, rules, 1, struct.pack("=Qi", access, handle), 0)
        os.close(handle)
    if libc.syscall(_RESTRICT_SELF, rules, 0):
        raise OSError(ctypes.get_errno(), "Landlock refused its rules")
    os.close(rules)


def _seccomp(libc: ctypes.CDLL) -> None:
    if platform.machine() not in _MACHINES:
        return
    column, architecture = _MACHINES[platform.machine()]
    load, equal, any_of, give = 0x20, 0x15, 0x45, 0x06  # of the Berkeley packet filter
    number, first_argument = 0, 16
    refuse = (give, 0, 0, _ERROR | _EPERM)
    program = [(load, 0, 0, 4), (equal, 1, 0, architecture), (give, 0, 0, _KILL)]
    program += [(load, 0, 0, number)]
    if column == 0:  # the calls of x32, numbered from 1 << 30
        program += [(0x35, 0, 1, 1 << 30), refuse]
    for error, calls in _REFUSED.items():
        for call in calls:
            program += [(equal, 0, 1, call[column]), (give, 0, 0, _ERROR | error)]
    # a thread is a clone, too; a signal to itself, and its own limits, are its own business
    program += [(equal, 0, 4, _CLONE[column]), (load, 0, 0, first_argument)]
    program += [(any_of, 1, 0, _CLONE_THREAD), refuse, (give, 0, 0, _ALLOW)]
    for call in (*_KILLS, _PRLIMIT):
        program += [(equal, 0, 5, call[column]), (load, 0, 0, first_argument)]
        program += [
            (equal, 1, 0, os.getpid()),
            (equal, 0, 1, 0 if call == _PRLIMIT else os.getpid()),
        ]
        program += [(give, 0, 0, _ALLOW), refuse]
    program += [(give, 0, 0, _ALLOW)]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in program))
    filter_ = struct.pack("HxxxxxxP", len(program), ctypes.addressof(code))
    if libc.prctl(_PR_SET_SECCOMP, _FILTER_MODE, filter_, 0, 0):
        raise OSError(ctypes.get_errno(), "seccomp refused its filter")


class _Hook:
    """Told of what Python is about to do; raises NotAllowed."""

    _NEVER: ClassVar = {
        *("socket.connect", "socket.bind", "socket.getaddrinfo", "subprocess.Popen", "os.system"),
        *("os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.forkpty", "os.kill", "os.killpg"),
    }
    _CHANGES: ClassVar = {
        "os.remove",
        "os.rename",
        "os.rmdir",
        "os.mkdir",
        "os.link",
        "os.symlink",
        "os.truncate",
    }
    _FLAGS = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC

    def __init__(self, folder: Path) -> None:
        self._folder = os.fspath(folder)

    def __call__(self, event: str, arguments: tuple) -> None:
        if event in self._NEVER:
            raise NotAllowed(f"{event} is not allowed in an answer")
        writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & self._FLAGS
        if (writes or event in self._CHANGES) and isinstance(
            arguments[0], str | bytes | os.PathLike
        ):
            path = os.path.realpath(os.fsdecode(arguments[0]))
            if path != os.devnull and not path.startswith(self._folder + os.sep):
                raise NotAllowed(f"an answer may write to a temporary folder only, not to {path}")
