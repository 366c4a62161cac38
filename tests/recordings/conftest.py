"""Fixtures for downloads: a server, the target folder, and functions that fetch as a job does."""

import io
import os

import pytest
from downloads import tree

from servers import MANNERS, SEARCH, Server
from yoho import job
from yoho.recordings.bbc_search import Search
from yoho.recordings.download import check_audio, download_files
from yoho.recordings.web import Web


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


@pytest.fixture
def search(server, monkeypatch):
    """A function that searches for clocks as a job does."""
    monkeypatch.setattr(job, "TERMINAL", io.StringIO())

    def search(page_size=4, passes=3, category="Clocks", query=None, address=server.address + SEARCH, **changes):
        with Web(**MANNERS | changes) as web:
            return Search(web, address, page_size, passes, job.progress, search.said.append).entries(category, query)

    search.said = []
    return search
