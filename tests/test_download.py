"""Downloading MNIST from servers on this machine, good, bad and silent."""

import re
import shlex
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from torchvision.datasets import MNIST

from course_utils import download, mnist
from course_utils.download import download_mnist
from course_utils.mnist import CHECKSUMS, DataError, load_mnist

REAL_CHECKSUMS = dict(CHECKSUMS)

pytestmark = pytest.mark.usefixtures("expect_mnist_files")


class Mirrors:
    """One server; the first part of a path says how it answers: good, absent, short, ..."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.asked: Counter[tuple[str, str]] = Counter()
        self.closing, self.both = threading.Event(), threading.Barrier(2)
        mirrors = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                _, manner, name = self.path.split("/")
                mirrors.asked[manner, name] += 1
                mirrors.answer(self, manner, name, files[name])

            def log_message(self, *args):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.handle_error = lambda *args: None  # a client that was ended hangs up
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,))
        self.thread.start()

    def answer(
        self, handler: BaseHTTPRequestHandler, manner: str, name: str, content: bytes
    ) -> None:
        if manner == "silent":
            self.closing.wait()
            return
        if manner == "absent" or (manner == "images" and "images" not in name):
            handler.send_error(404)
            return
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        if manner == "together":
            self.both.wait(timeout=200)
        if manner in ("good", "images", "together"):
            handler.wfile.write(content)
        elif manner == "short":
            handler.wfile.write(content[:-5])
        elif manner == "wrong":
            handler.wfile.write(bytes(len(content)))
        elif manner == "dripping":
            for byte in content:
                handler.wfile.write(bytes([byte]))
                if self.closing.wait(0.05):
                    break

    def url(self, manner: str) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/{manner}/"

    def close(self) -> None:
        self.closing.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def mirrors(mnist_files, monkeypatch):
    for variable in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(variable, "127.0.0.1")
    mirrors = Mirrors(mnist_files)
    yield mirrors
    mirrors.close()


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_checksums_are_those_of_torchvision():
    assert dict(MNIST.resources) == REAL_CHECKSUMS


def test_two_downloads_at_once_fetch_what_is_missing_or_damaged_and_nothing_else(
    tmp_path, mirrors, mnist_files
):
    whole, damaged, *absent = mnist_files
    folder = tmp_path / "MNIST" / "raw"
    folder.mkdir(parents=True)
    (folder / whole).write_bytes(mnist_files[whole])
    (folder / damaged).write_bytes(mnist_files[damaged][:-1])

    def run(_):
        return download_mnist(tmp_path, stall=200, mirrors=[mirrors.url("together")])

    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(run, range(2)))

    assert results == [[folder / name for name in (damaged, *absent)]] * 2
    assert contents(folder) == mnist_files
    assert {name for _, name in mirrors.asked} == {damaged, *absent}
    assert load_mnist("full", root=tmp_path).tier == "full"

    mirrors.asked.clear()
    assert download_mnist(tmp_path, mirrors=[mirrors.url("good")]) == []
    assert not mirrors.asked


def test_bad_mirrors_give_way_to_the_next_and_only_what_none_of_them_had_is_named(
    tmp_path, mirrors, mnist_files, write_files
):
    folder = write_files(tmp_path)
    missing, damaged = "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"
    (folder / missing).unlink()
    (folder / damaged).write_bytes(b"half a file")
    manners = ["absent", "short", "wrong", "silent", "images"]

    with pytest.raises(DataError, match=f"could not download {damaged}\\. .*make data"):
        download_mnist(tmp_path, stall=0.5, mirrors=[mirrors.url(m) for m in manners])

    assert contents(folder) == mnist_files | {damaged: b"half a file"}
    for name in (missing, damaged):
        assert [manner for manner in manners if mirrors.asked[manner, name]] == manners


#: Downloads as the real child does, byte by byte, without its seconds of importing torchvision,
#: which would count towards the deadline.
LIGHT_CHILD = """
import json, pathlib, sys, urllib.request
mirrors, files, folder, stall = json.load(sys.stdin)
for name in files:
    with urllib.request.urlopen(mirrors[0] + name, timeout=stall) as response:
        with (pathlib.Path(folder) / name).open("wb", buffering=0) as file:
            while byte := response.read(1):
                file.write(byte)
"""


def test_dripping_server_is_ended_at_the_deadline_and_leaves_nothing_half_written(
    tmp_path, mirrors, monkeypatch, capfd
):
    monkeypatch.setattr(download, "_CHILD", LIGHT_CHILD)
    for deadline in (1, 5, 25):  # more, where a machine needs longer to start the child
        with pytest.raises(DataError, match="could not download") as error:
            download_mnist(tmp_path, deadline=deadline, mirrors=[mirrors.url("dripping")])
        assert f"gave up after {deadline} seconds" in capfd.readouterr().err
        if mirrors.asked:
            break
    assert mirrors.asked, "the server never dripped, so nothing was tested"
    assert all(name in str(error.value) for name in CHECKSUMS)
    assert "make data" in str(error.value)
    assert contents(tmp_path / "MNIST" / "raw") == {}


@pytest.mark.parametrize("blocked", ["MNIST", "MNIST/raw"])
def test_folder_that_cannot_be_written_is_named_before_anything_is_asked(
    tmp_path, mirrors, blocked
):
    path = tmp_path / blocked
    path.parent.mkdir(exist_ok=True)
    path.write_text("a file where a folder should be")
    with pytest.raises(DataError, match=r"cannot write to .*--root") as error:
        download_mnist(tmp_path, mirrors=[mirrors.url("good")])
    assert str(tmp_path / "MNIST" / "raw") in str(error.value)
    assert not mirrors.asked


def test_command_line_ends_with_the_message_and_no_traceback(tmp_path, monkeypatch):
    (tmp_path / "MNIST").write_text("a file where a folder should be")
    monkeypatch.setattr("sys.argv", ["download", "--root", str(tmp_path)])
    with pytest.raises(SystemExit, match="cannot write to"):
        download.main()


@pytest.fixture
def student(tmp_path, mirrors, monkeypatch):
    """Types the commands of a message, in a course whose data folder is empty; the network works."""
    monkeypatch.setattr(download, "_CHILD", LIGHT_CHILD)
    monkeypatch.setattr(MNIST, "mirrors", [mirrors.url("good")])
    monkeypatch.setattr(mnist, "PROJECT_DATA_DIR", tmp_path / "course" / "data")
    monkeypatch.delenv("COURSE_DATA_DIR", raising=False)
    monkeypatch.delenv("COURSE_DATA", raising=False)

    def follow(message):
        (command,) = re.findall("`(python -m course_utils.download[^`]*)`", message)
        monkeypatch.setattr("sys.argv", shlex.split(command)[2:])
        download.main()

    return follow


@pytest.mark.parametrize("place", ["configured", "given", "project"])
@pytest.mark.parametrize("name", ["資料 'folder'", "data"])
def test_the_advice_to_complete_mnist_completes_it_where_it_is(
    place, name, tmp_path, student, write_files, monkeypatch, capsys
):
    root = tmp_path / name
    folder = write_files(root)
    (folder / "t10k-labels-idx1-ubyte.gz").unlink()
    if place == "configured":
        monkeypatch.setenv("COURSE_DATA_DIR", str(root))
    elif place == "project":
        monkeypatch.setattr(mnist, "PROJECT_DATA_DIR", root)
        monkeypatch.setenv("COURSE_DATA_DIR", str(tmp_path / "empty"))
    options = {"root": root} if place == "given" else {}
    with pytest.raises(DataError, match="incomplete") as error:
        load_mnist(**options)
    student(str(error.value))
    assert load_mnist(**options).tier == "full"
    assert (folder / "t10k-labels-idx1-ubyte.gz").is_file()
    printed = capsys.readouterr().out
    assert f"complete in {root}: 1 files fetched" in printed
    told = place == "given"  # a folder where no lesson would look
    assert ("set the environment variable COURSE_DATA_DIR to" in printed) is told


def test_the_advice_for_a_damaged_file_mends_it(tmp_path, student, write_files, monkeypatch):
    folder = write_files(tmp_path / "my data")
    (folder / "t10k-labels-idx1-ubyte.gz").write_bytes(b"damaged")
    with pytest.raises(DataError, match="damaged") as error:
        load_mnist(root=tmp_path / "my data")
    (folder / "t10k-labels-idx1-ubyte.gz").unlink()
    student(str(error.value))
    assert load_mnist(root=tmp_path / "my data").tier == "full"


def test_a_download_goes_where_the_lessons_look(tmp_path, student, monkeypatch):
    student("`python -m course_utils.download`")
    assert load_mnist().provenance.startswith(str(tmp_path / "course" / "data"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("COURSE_DATA_DIR", "~/shared")
    student("`python -m course_utils.download`")
    assert load_mnist().provenance.startswith(str(tmp_path / "shared"))


def test_home_is_expanded(tmp_path, student, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    download_mnist("~/x")
    assert load_mnist(root="~/x").tier == "full"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x"]


def test_a_read_only_course_is_told_how_the_lessons_find_data_elsewhere(
    tmp_path, student, monkeypatch
):
    def refuse(*args, **options):
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:  # root may write everywhere, so permissions are played
        patch.setattr("pathlib.Path.mkdir", refuse)
        with pytest.raises(SystemExit, match=r"cannot write to .*--root.*COURSE_DATA_DIR"):
            student("`python -m course_utils.download`")
    student(f"`python -m course_utils.download --root {tmp_path / 'mine'}`")
    monkeypatch.setenv("COURSE_DATA_DIR", str(tmp_path / "mine"))
    assert load_mnist().tier == "full"
