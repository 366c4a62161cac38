"""Options and fixtures that several test files share."""

import shutil
import sys

import pytest

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
