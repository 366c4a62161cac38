"""What several test files share."""

import sys

import pytest


def pytest_addoption(parser):
    """`--golden DIR`, for the parity with the released code."""
    parser.addoption("--golden", metavar="DIR", help="recorded inputs and outputs of the released code")


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """Compute networks with one thread: on a busy machine two wait for each other far longer than they save."""
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


@pytest.fixture
def spread():
    """A stand-in for `job.spread` with its threads and description set: one call after another."""

    def serial(function, calls):
        return [function(*call) for call in calls]

    return serial
