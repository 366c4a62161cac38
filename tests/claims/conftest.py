"""Fixtures of the tests of claims: the config's claims section, and the table of power."""

import copy
import gc

import pytest
import yaml

from places import ROOT
from yoho.claims.power import power_table


@pytest.fixture(scope="module", autouse=True)
def frozen():
    """Keep existing objects out of the garbage collection that statsmodels runs at each call of `holm` (0.5 s)."""
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(scope="session")
def fixed_claims():
    """The config's claims, with margins and levels that do not change with the config."""
    section = copy.deepcopy(yaml.safe_load((ROOT / "config" / "config.yaml").read_text())["claims"])
    section |= {"level": 0.05, "power": 0.8, "replicates": 200, "seed": 0}
    section |= {"trained": {"floor": 0.3, "gain": 0.02}}
    section["expected_deviation"] = {"f1": 0.02, "data_loss": 0.05, "area": 0.03}
    for claim, margin in {"C1": 0.01, "C3": 0.05, "C4": 0.2, "C7": 0.02}.items():
        section[claim]["margin"] = margin
    section["C4"] |= {"slight": 0.1, "source": "bbc"}
    section["C5"]["margin"] = {"f1": 0.01, "data_loss": 0.05, "area": 0.02}
    section["C6"]["margin"] = {"f1": 0.01, "data_loss": 0.05}
    return section


@pytest.fixture
def claims(fixed_claims):
    """A copy of the claims that a test may change."""
    return copy.deepcopy(fixed_claims)


@pytest.fixture(scope="session")
def power(fixed_claims):
    """The table of power of five seeds."""
    return power_table(fixed_claims, dict.fromkeys(["C1", "C5", "C6", "C7"], 5), {})
