"""A fixture for searches: a function that searches as a job does."""

import io

import pytest

from servers import MANNERS, SEARCH
from yoho import job
from yoho.downloads.web import Web
from yoho.recordings.bbc_search import Search


@pytest.fixture
def search(server, monkeypatch):
    """A function that searches for clocks as a job does."""
    monkeypatch.setattr(job, "TERMINAL", io.StringIO())

    def search(page_size=4, passes=3, category="Clocks", query=None, address=server.address + SEARCH, **changes):
        with Web(**MANNERS | changes) as web:
            return Search(web, address, page_size, passes, job.progress, search.said.append).entries(category, query)

    search.said = []
    return search
