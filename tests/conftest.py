"""Options and fixtures that several test files share."""

import io
import os
import shutil
import sys

import pytest
from downloads import tree

from servers import MANNERS, Server
from yoho import job
from yoho.downloads.download import check_audio, download_files
from yoho.downloads.web import Web

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")


def pytest_addoption(parser):
    """Add `--golden DIR` for parity with the released code, and `--device cpu` to rehearse the tests of `tests/gpu`."""
    parser.addoption("--device", choices=["cuda", "cpu"], default="cuda", help="where the tests of tests/gpu compute")
    parser.addoption("--golden", metavar="DIR", help="recorded inputs and outputs of the released code")


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """Compute networks with one thread, because on a busy machine two threads wait longer than they save."""
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


@pytest.fixture
def spread():
    """Stands in for `job.spread` with its threads and description set, but makes one call after another."""

    def serial(function, calls):
        return [function(*call) for call in calls]

    return serial


@pytest.fixture(scope="module")
def chromium():
    """A headless browser."""
    if not CHROMIUM:
        pytest.skip("no Chromium here (Debian: apt-get install chromium)")
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


# ---- downloads: a server, the target folder, and a function that fetches as a job does -------------------------------


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The target folder, deep in others that must not change."""
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    for place in (tmp_path, tmp_path / "a", inner):
        (place / "untouched.txt").write_text("as it was")
    monkeypatch.chdir(inner)
    before = tree(tmp_path)
    yield inner / "target"
    outside = {path: content for path, content in tree(tmp_path).items() if path.parts[:3] != ("a", "b", "target")}
    assert outside == before


@pytest.fixture(autouse=True)
def no_proxy_of_the_machine(monkeypatch):
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


@pytest.fixture
def server():
    server = Server()
    yield server
    server.close()


@pytest.fixture
def other():
    """Another host: another port of the loopback interface."""
    server = Server()
    yield server
    server.close()


@pytest.fixture
def get(folder, monkeypatch):
    """A function that downloads files as a job does; its `bars` are the progress bars that were shown."""
    monkeypatch.setattr(job, "TERMINAL", io.StringIO())

    def progress(**settings):
        get.bars.append(job.progress(**settings))
        return get.bars[-1]

    def get(*files, check=check_audio, **changes):
        with Web(**MANNERS | changes) as web:
            return download_files(web, files, folder, progress, check)

    get.bars = []
    return get
