"""The course in a real browser: `make lab` serves it, a lesson runs there, every slide fits.

`python tests/test_browser.py notebooks/NN_name.ipynb` prints every slide of a notebook and how
far it reaches beyond the screen.
"""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import install
import nbformat
import psutil
import pytest
from lesson_rules import notebook_path
from playwright.sync_api import BrowserContext, Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").rglob("[0-9][0-9]_*.ipynb"))
START = notebook_path("start_here").name
WIDGET = "application/vnd.jupyter.widget-view+json"
NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = os.environ.get("COURSE_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        CHROMIUM is None, reason=f"no Chromium: none of {', '.join(NAMES)}, nor COURSE_CHROMIUM"
    ),
    pytest.mark.skipif(shutil.which("make") is None, reason="no make on this system"),
]

# The kernel is strict and repeats itself; a download fails at once, as without a network.
ENVIRONMENT = {
    "COURSE_DATA": "embedded",
    "COURSE_STRICT": "1",
    "OMP_NUM_THREADS": "1",
    "http_proxy": "http://127.0.0.1:9",
    "https_proxy": "http://127.0.0.1:9",
    "no_proxy": "127.0.0.1,localhost",
}
# Windowing would keep cells out of the page that are out of sight. In slides, no transition, and no
# delayed selection of a code cell: it would turn back to the slide that was just measured.
SETTINGS = {
    "@jupyterlab/notebook-extension/tracker": {"windowingMode": "none"},
    "jupyterlab-rise/plugin": {"transition": "none", "auto_select": "none"},
}


@dataclass
class Lab:
    """A running `make lab`: a copy of the course in ``folder``, served at ``url`` (with no /)."""

    folder: Path
    url: str
    token: str
    log: Path
    process: psutil.Process
    opens: str  # the address that a student's browser is sent to

    def address(self, path: str, **query: str) -> str:
        pairs = {"token": self.token, **query}.items()
        return f"{self.url}/{path}?" + "&".join(f"{key}={value}" for key, value in pairs)


@contextmanager
def make_lab(folder: Path) -> Iterator[Lab]:
    """Run `make lab` in a copy of the course, which is then free to be changed; end all of it."""
    ignored = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints")
    for name in ("course_utils", "notebooks"):
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    for name in ("Makefile", "pyproject.toml", "requirements.txt"):
        shutil.copy2(ROOT / name, folder / name)
    (folder / "data").mkdir()
    for name, values in SETTINGS.items():
        file = folder / "settings" / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(values))
    own = {"CONFIG_DIR": "config", "DATA_DIR": "share", "RUNTIME_DIR": "runtime"}
    own_choices = ("COURSE_LANG", "COURSE_DATA_DIR")
    environment = {key: value for key, value in os.environ.items() if key not in own_choices}
    environment |= ENVIRONMENT | {f"JUPYTER_{key}": str(folder / own[key]) for key in own}
    server_config = folder / "etc" / "jupyter_server_config.d"
    server_config.mkdir(parents=True)  # as install.py does
    shutil.copy(install.SERVER_CONFIG, server_config)
    shutil.copy(install.LAB_CONFIG, server_config.parent)
    environment |= {"JUPYTER_CONFIG_PATH": str(server_config.parent)}
    environment |= {"JUPYTERLAB_SETTINGS_DIR": str(folder / "settings")}
    environment |= {"JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces")}
    arguments = f"--no-browser --port {free_port()}"
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        arguments += " --allow-root"
    # This Python's environment is the installed one: -o says that nothing is to be installed.
    command = ["make", "-o", "install", f"BIN={Path(sys.executable).parent}"]
    command += ["lab", f"ARGS={arguments}"]
    log = folder / "lab.log"
    with log.open("w") as output:
        process = psutil.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        opens = wait_for(lambda: opened_address(folder / "runtime"), process, log)
        url, token = opens.split("/lab")[0], opens.partition("token=")[2]
        yield Lab(folder, url, token, log, process, opens)
    finally:
        end(process)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def opened_address(runtime: Path) -> str | None:
    """Where Jupyter sends the browser: it writes a page that does so before it says it is ready."""
    for page in runtime.glob("jpserver-file-to-run-*-open.html"):
        if found := re.search(r"url=(http[^\"]+)", page.read_text()):
            return found[1]
    return None


def wait_for(
    value: Callable[[], str | None], process: psutil.Popen, log: Path, seconds: float = 120
) -> str:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.poll() is None:
        if result := value():
            return result
        time.sleep(0.2)
    raise RuntimeError(f"`make lab` did not start:\n{log.read_text(encoding='utf-8')[-3000:]}")


def end(process: psutil.Popen) -> None:
    """End make, the server, its kernels and their workers, which are not all of one group."""
    family = [process]
    if process.is_running():
        family += process.children(recursive=True)
        os.killpg(process.pid, signal.SIGTERM)
    for survivor in psutil.wait_procs(family, timeout=20)[1]:
        survivor.kill()


@contextmanager
def chromium() -> Iterator[BrowserContext]:
    """A Chromium that shows 1280x720 pixels and reaches nothing but this machine."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        try:
            context = browser.new_context(viewport={"width": 1280, "height": 720})
            context.route(lambda url: "//127.0.0.1" not in url and "//localhost" not in url, refuse)
            yield context
        finally:
            browser.close()


def refuse(route) -> None:
    route.abort()


@pytest.fixture(scope="module")
def lab(tmp_path_factory) -> Iterator[Lab]:
    with make_lab(tmp_path_factory.mktemp("course")) as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[BrowserContext]:
    with chromium() as context:
        yield context


@pytest.fixture
def page(browser) -> Iterator[Page]:
    page = browser.new_page()
    try:
        yield page
    finally:
        page.close()


def open_notebook(page: Page, address: str) -> None:
    """Open a notebook in JupyterLab and wait until it shows and its kernel is idle."""
    page.goto(address)
    page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=60_000)
    page.get_by_text("| Idle").wait_for(timeout=60_000)  # in the status bar: the kernel answers


def test_make_lab_opens_the_start_notebook(lab, page):
    assert "/lab/tree/" in lab.opens and START in lab.opens, lab.opens
    open_notebook(page, lab.opens)
    expected = nbformat.read(lab.folder / "notebooks" / START, as_version=4).cells[0].source
    title = expected.splitlines()[0].lstrip("# ").split()
    heading = page.locator(".jp-MarkdownCell h1").first.inner_text()
    assert all(word in heading for word in title), heading
    assert page.locator(".jp-Dialog").count() == 0


def test_make_lab_went_on_without_a_network(lab):
    log = lab.log.read_text(encoding="utf-8")
    assert "could not download" in log and "make data" in log
    assert not list(lab.folder.glob("data/**/*.gz"))


def test_lab_refuses_without_a_token(lab):
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{lab.url}/api/contents")
    assert refused.value.code == 403
    with urllib.request.urlopen(f"{lab.url}/lab/tree/notebooks/{START}") as answer:
        assert "/login" in answer.url
    with urllib.request.urlopen(lab.address("api/contents/notebooks")) as answer:
        assert START in [entry["name"] for entry in json.load(answer)["content"]]


def test_lab_listens_on_this_machine_only(lab):
    family = [lab.process, *lab.process.children(recursive=True)]
    listening = {
        (connection.laddr.ip, connection.laddr.port)
        for process in family
        for connection in process.net_connections()
        if connection.status == psutil.CONN_LISTEN
    }
    assert int(lab.url.rsplit(":", 1)[1]) in {port for _, port in listening}
    assert {ip for ip, _ in listening} <= {"127.0.0.1", "::1"}


def test_jupyterlab_asks_nobody_for_news_or_updates(lab):
    with urllib.request.urlopen(lab.address("lab"), timeout=60) as answer:
        assert '"news": {"disabled": true}' in answer.read().decode()
    with urllib.request.urlopen(lab.address("lab/api/update"), timeout=60) as answer:
        assert json.load(answer) == {"notification": None}


def test_lesson_runs_in_jupyterlab(lab, page):
    lesson = nbformat.read(notebook_path("mnist_mlp"), as_version=4)
    code_cells = [cell for cell in lesson.cells if cell.cell_type == "code"]
    figures = sum(
        output.get("data", {}).get("text/html", "").startswith("<img alt=")
        for cell in code_cells
        for output in cell.outputs
    )
    assert figures > 0
    for cell in code_cells:  # whatever is found afterwards comes from this run
        cell.outputs, cell.execution_count = [], None
    copy = lab.folder / "notebooks" / "run_all.ipynb"
    nbformat.write(lesson, copy)

    open_notebook(page, lab.address(f"lab/tree/notebooks/{copy.name}", reset=""))
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    wait_until_run(page)
    page.keyboard.press("Control+s")
    saved = wait_until_saved(copy, page)

    for cell in saved:
        for output in cell.outputs:
            assert output.output_type != "error", f"{cell.source[:80]}\n{output.evalue}"
            assert output.get("name") != "stderr", f"{cell.source[:80]}\n{output.text}"
            # A widget's output shows "Loading widget..." when reopened, and "0%|" in slides.
            assert WIDGET not in output.get("data", {}), f"left behind: {output.data}"
    assert [cell.execution_count for cell in saved] == list(range(1, len(saved) + 1))
    assert page.locator(".jp-Dialog").count() == 0
    images = page.locator(".jp-OutputArea-output img")
    pictures = images.evaluate_all("all => all.map(i => [i.alt.trim(), i.naturalWidth])")
    assert len(pictures) == figures
    named = [
        alt not in ("", "Image") for alt, _ in pictures
    ]  # "Image" is JupyterLab's own, for none
    assert all(named) and all(width > 0 for _, width in pictures), pictures
    shown = " ".join(page.locator(".jp-OutputArea").all_inner_texts())
    assert not re.search(r"it/s|s/it|\d%\|", shown), "a progress bar is left behind"
    assert not page.locator(".jp-OutputArea [role=progressbar]:visible, progress:visible").count()


def saved(page: Page, name: str) -> int:
    """Save by the keyboard; returns the server's status once it has."""
    with page.expect_response(
        lambda answer: answer.request.method == "PUT" and name in answer.url, timeout=20_000
    ) as answer:
        page.keyboard.press("Control+s")
    return answer.value.status


def test_reading_running_and_presenting_leave_a_lesson_as_it_was(lab, page):
    path = lab.folder / "notebooks" / "en" / START
    before = path.read_bytes()
    open_notebook(page, lab.address(f"lab/tree/notebooks/en/{START}", reset=""))
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    wait_until_run(page)
    assert saved(page, START) == 200
    assert path.read_bytes() == before

    page.goto(lab.address(f"rise/notebooks/en/{START}"))
    page.wait_for_selector("section.present > section.present", timeout=60_000)
    page.wait_for_function(MATH_IS_SET, timeout=20_000)
    page.wait_for_timeout(3_000)  # until its kernel answers
    page.keyboard.press("Escape")
    for _ in range(4):
        page.keyboard.press("Shift+Enter")
        page.wait_for_timeout(300)
    page.wait_for_selector(".jp-InputPrompt:has-text('[1]:')", timeout=60_000, state="attached")
    assert saved(page, START) == 200
    assert path.read_bytes() == before


def wait_until_run(page: Page, seconds: float = 240) -> None:
    """Until no cell waits and the kernel is idle, seen twice running."""
    page.wait_for_selector(".jp-InputPrompt:has-text('[1]:')", timeout=60_000)
    state = """() => document.querySelector('.jp-Notebook-ExecutionIndicator').dataset.status +
        [...document.querySelectorAll('.jp-InputPrompt')].filter(p => p.innerText.includes('*')).length"""
    deadline, idle = time.monotonic() + seconds, 0
    while idle < 2:
        assert time.monotonic() < deadline, f"still running after {seconds} s"
        page.wait_for_timeout(500)
        idle = idle + 1 if page.evaluate(state) == "idle0" else 0


def wait_until_saved(path: Path, page: Page, seconds: float = 20) -> list:
    """The code cells on disk, once one of them has a number."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        cells = nbformat.read(path, as_version=4).cells
        cells = [cell for cell in cells if cell.cell_type == "code"]
        if any(cell.execution_count for cell in cells):
            return cells
        page.wait_for_timeout(200)
    raise AssertionError(f"{path.name} was not saved")


# How RISE shows a notebook: it moves the cells into nested sections, <section id="slide-2-1"> being
# subslide 1 of slide 2, in a box as large as the window. It neither scales a slide down (its minScale
# is 1) nor scrolls it (`scroll` is off): a slide is centred until it is higher than the window, and
# whatever lies beyond the window's edge cannot be seen. So the fair measure is where the lowest and
# the rightmost thing on a slide ends. Cells of type skip or notes take no room; fragments are counted,
# all of them shown. Long lines of code and long outputs scroll, and wide tables are cut off, inside a
# box of their own: what is hidden there counts as well, for an audience does not scroll.
# `window.Reveal` does not exist here; the address after # chooses the slide.
MEASURE = """async () => {
  const frame = () => new Promise(done => requestAnimationFrame(done));
  const shown = e => e.getClientRects().length && !e.closest('.reveal-skip, aside.notes');
  const hidden = (e, axis, size) => getComputedStyle(e)['overflow' + axis] !== 'visible' &&
    e['client' + size] ? e['scroll' + size] - e['client' + size] : 0;
  const beyond = (all, edge, limit, axis, size) => Math.ceil(Math.max(
    -limit,
    ...all.map(e => e.getBoundingClientRect()[edge] - limit),
    ...all.map(e => hidden(e, axis, size)).filter(pixels => pixels > 1)));
  await Promise.all([...document.images].map(image => image.decode().catch(() => null)));
  const slides = [];
  for (const slide of document.querySelectorAll('.slides > section > section')) {
    const address = '#/' + slide.id.split('-').slice(1).join('/');
    const onStage = () => slide.matches('section.present > section.present');
    for (const end = Date.now() + 20000; Date.now() < end && !onStage(); await frame()) {
      if (location.hash !== address) location.hash = address;  // RISE, still starting, sets its own
    }
    if (!onStage()) throw new Error(slide.id + ' was never presented');
    let height = -1;
    while (height !== slide.scrollHeight) {
      height = slide.scrollHeight;
      for (let i = 0; i < 3; i++) await frame();
    }
    const boxes = [...slide.querySelectorAll('.jp-Cell')].filter(shown);
    const insides = boxes.flatMap(box => [...box.querySelectorAll(':not(.jp-InputPrompt)')])
      .filter(shown);
    const first = [...slide.querySelectorAll('h1, h2, h3, h4, p, th, .cm-line')].find(shown);
    slides.push({
      id: slide.id,
      title: (first ? first.textContent : '').replace('¶', '').trim(),
      down: beyond(insides, 'bottom', innerHeight, 'Y', 'Height'),
      right: beyond(insides, 'right', innerWidth, 'X', 'Width'),
      raw: boxes.some(e => e.matches('.jp-MarkdownCell:not(.jp-mod-rendered)')),
    });
  }
  return slides;
}"""
# Formulas are set a little later than the text; until then their dollar signs are in it.
MATH_IS_SET = """() => [...document.querySelectorAll('.jp-RenderedMarkdown')].every(text => {
  const copy = text.cloneNode(true);
  copy.querySelectorAll('code, pre, mjx-container').forEach(e => e.remove());
  return !copy.textContent.includes('$');
})"""


@dataclass
class Slide:
    """One slide or subslide; ``down`` and ``right`` are pixels beyond the window, or below 0."""

    id: str
    title: str
    down: int
    right: int
    raw: bool

    def __str__(self) -> str:
        return f"{self.id:12} {self.down:+5.0f} down {self.right:+5d} right  {self.title[:60]}"


def present(lab: Lab, page: Page, path: str) -> list[Slide]:
    """Present ``notebooks/<path>`` with its committed outputs and measure every slide."""
    held = []  # requests for a kernel: slides that are only looked at need none
    page.route(
        "**/api/sessions*",
        lambda route: held.append(route) if route.request.method == "POST" else route.continue_(),
    )
    page.goto(lab.address(f"rise/notebooks/{path}"))
    page.wait_for_selector("section.present > section.present", timeout=60_000)
    page.wait_for_function(MATH_IS_SET, timeout=20_000)
    slides = [Slide(**values) for values in page.evaluate(MEASURE)]
    for route in held:  # only now, as RISE shows a dialog; an open one is let through at the end
        route.abort()
    return slides


@pytest.mark.parametrize(
    "path",  # one live deck a language; test_slides.py looks at every deck
    [
        path.relative_to(ROOT / "notebooks").as_posix()
        for path in NOTEBOOKS
        if path.stem == notebook_path("losses").stem
    ],
)
def test_slides_fit(lab, page, path):
    slides = present(lab, page, path)
    types = [
        cell.metadata.get("slideshow", {}).get("slide_type")
        for cell in nbformat.read(lab.folder / "notebooks" / path, as_version=4).cells
    ]
    assert len(slides) == sum(kind in ("slide", "subslide") for kind in types)
    assert not [slide.title for slide in slides if slide.raw], "Markdown is not rendered"
    too_large = [str(slide) for slide in slides if max(slide.down, slide.right) > 0]
    assert not too_large, "beyond 1280x720 pixels:\n" + "\n".join(too_large)


if __name__ == "__main__":
    with (
        tempfile.TemporaryDirectory() as temporary,
        make_lab(Path(temporary)) as served,
        chromium() as window,
    ):
        for name in sys.argv[1:]:
            relative = Path(name).resolve().relative_to(ROOT / "notebooks").as_posix()
            print(relative, *present(served, window.new_page(), relative), sep="\n")
