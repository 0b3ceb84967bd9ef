"""One page for all tests, of small networks; a browser of one's own for each. No test may lead out of this machine."""

import pytest

from benchmarks.page import ALONE, CHROMIUM, PATIENCE, served
from tests.explorer.served import networks


@pytest.fixture(scope="session")
def browser():
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed; make test-ui brings it")
    pytest.importorskip("gradio", reason="gradio is not installed; make test-ui brings it")
    if CHROMIUM is None:
        pytest.skip("no Chromium; Debian: apt install chromium")
    with playwright.sync_playwright() as started:
        chromium = started.chromium.launch(executable_path=CHROMIUM, args=ALONE)
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def files(tmp_path_factory):
    """The two networks."""
    return networks(tmp_path_factory.mktemp("networks"))


@pytest.fixture(scope="session")
def run(tmp_path_factory):
    """The folder of a training run that has just begun."""
    folder = tmp_path_factory.mktemp("runs") / "expr"
    folder.mkdir()
    (folder / "options.json").write_text('{"iter": 500, "batch": 4}')
    (folder / "stats.jsonl").write_text('{"iteration": 10, "kimg": 0.04, "d": 1.5, "g": 0.7}\n')
    return folder


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """What the page writes goes to `explored` in it."""
    return tmp_path_factory.mktemp("served")


@pytest.fixture(scope="session")
def address(browser, files, run, folder):
    source, cartoon = files
    with served(folder, "--ckpt", cartoon, "--source", source, "--runs", run, OMP_NUM_THREADS="1") as at:
        yield at


@pytest.fixture
def visit(browser, address):
    """Opens the page in a browser of its own. At the end nothing was wrong, and nothing was asked of another machine."""
    contexts, wrong = [], []

    def come(width: int = 1280, height: int = 900):
        context = browser.new_context(
            viewport={"width": width, "height": height}, permissions=["clipboard-read", "clipboard-write"]
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("request", lambda asked: None if asked.url.startswith((address, "data:", "blob:")) else wrong.append(asked.url))
        page.goto(address, timeout=3 * PATIENCE)
        page.wait_for_selector("#pictures figure:not([data-preview]) img")
        return page

    yield come
    for context in contexts:
        context.close()
    assert not wrong


@pytest.fixture
def page(visit):
    return visit()
