"""The page of the claims holds every verdict and every number of its tables."""

import html
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from arms import cell, curve, evidence, make_arm, verdict_of_each

from yoho.claims.page import claims_page
from yoho.claims.statistics import seeds_needed
from yoho.claims.verdicts import claims_table
from yoho.figures.tables import markdown_page


@pytest.fixture(scope="module")
def pages(fixed_claims, power):
    """{seeds: (table of claims, page)}."""
    tables = {seeds: claims_table(fixed_claims, "archive", evidence(seeds)) for seeds in (1, 5)}
    return {seeds: (table, claims_page(table, power, fixed_claims)) for seeds, table in tables.items()}


@pytest.mark.parametrize("seeds", [1, 5])
def test_page_holds_every_claim_its_statistic_its_verdict_and_its_numbers(claims, pages, seeds):
    table, page = pages[seeds]
    assert "dataset `archive`" in page.splitlines()[0]
    for claim, verdict in verdict_of_each(table).items():
        assert f"| {claim} | {claims[claim]['claim']} | **{verdict}** |" in page
        assert f"## {claim}: {verdict}" in page
        assert claims[claim]["statistic"] in page
    for row in table.itertuples():
        (line,) = [line for line in page.splitlines() if line.startswith(f"| {row.statistic} |")]
        assert f"| {row.estimate:+.3g} |" in line and f"| {row.verdict} | {row.reason} |" in line
        assert np.isnan(row.low) or f"| {row.low:+.3g} to {row.high:+.3g} |" in line
        assert line.count("|") == 10
    assert "95%" in page and page.endswith("|\n")
    assert not re.search(r"\bnan\b", page)


def test_page_holds_the_power_of_every_test(pages, power):
    section = pages[5][1].partition("## What this number of seeds can show")[2]
    rows = [line for line in section.splitlines() if line[:3] == "| C"]
    assert len(rows) == len(power) == 5
    chance, needed = power.loc[2, ["power", "seeds_needed"]]
    assert f"| C5 | data_loss | 0.05 | 0.05 | 5 | {chance:.2f} | {needed:.0f} |" in rows


def test_page_from_tables_on_disk_is_the_same(claims, pages, power, tmp_path):
    """The power is read from its table."""
    table, page = pages[5]
    power.to_csv(tmp_path / "power.csv", index=False, float_format="%.4g")
    assert claims_page(table, pd.read_csv(tmp_path / "power.csv"), claims) == page


def test_network_that_never_converges_leaves_no_nan_on_the_page(claims, power):
    never = cell("mask head", make_arm("head", f1=0.0, curves=[curve(top=0.0)] * 5))
    table = claims_table(claims, "archive", replace(evidence(), cells=[never]))
    assert not re.search(r"\bnan\b", claims_page(table, power, claims))


def test_margin_that_no_number_of_seeds_reaches_leaves_no_nan_on_the_page(claims, pages, power):
    assert np.isnan(seeds_needed(0.0005, 0.02, claims["level"], claims["power"]))
    none_suffice = power.assign(seeds_needed=np.nan)  # as `power_table` reports it
    assert not re.search(r"\bnan\b", claims_page(pages[5][0], none_suffice, claims))


def test_label_with_signs_of_markdown_is_shown_as_it_is(claims, pages, power):
    label = "a|b `c` *d* <b>e</b> _f_ \\g"
    table = pages[5][0].assign(statistic=label, reason=label)
    shown = markdown_page(claims_page(table, power, claims))
    cells = [html.unescape(cell) for cell in re.findall("<td>(.*)</td>", shown)]
    assert cells.count(label) == 2 * len(table)
