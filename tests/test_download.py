"""Downloading MNIST from servers on this machine, good, bad and silent."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from torchvision.datasets import MNIST

from course_utils import download
from course_utils.data import CHECKSUMS, DataError, load_mnist
from course_utils.download import download_mnist

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
