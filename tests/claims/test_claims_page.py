"""The page of the claims holds every verdict, every number of its tables, and what the verdicts rest on."""

import html
import re
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
from arms import NETWORKS, about, cell, curve, evidence, given, make_arm, nobody, verdict_of_each

from yoho.claims.history import Commit
from yoho.claims.measures import training_row
from yoho.claims.page import NO_BREAK, Findings, claims_page
from yoho.claims.power import power_table, seeds_needed
from yoho.claims.statements import SHOWN
from yoho.claims.verdicts import claims_table
from yoho.figures.tables import markdown_page

RUNS = {"mobilenet-seed_0": about(epochs=20), "vggish-seed_0": about(epochs=20, finished="2030-01-01T10:00Z")}
STOOD = {f"C{number}": Commit("abc1234", datetime(2029, 12, 31, 23, 59, tzinfo=UTC)) for number in range(1, 8)}


def findings(claims, power, shown, **others):
    """What a page shows about some evidence."""
    trainings = pd.DataFrame([training_row(arm, claims) for arm in shown.arms.values()])
    table = claims_table(claims, "archive", shown)
    found = Findings(table, power, trainings, RUNS, [], STOOD, "bbc", "recordings of the field")
    return found._replace(**others)


@pytest.fixture(scope="module")
def found(fixed_claims, power):
    """{seeds: Findings}."""
    return {seeds: findings(fixed_claims, power, evidence(seeds)) for seeds in (1, 5)}


def section(page, heading):
    return page.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def plain(page):
    """A page on one line, with plain spaces."""
    return re.sub(r"\s+", " ", page)


# ---- verdicts --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seeds", [1, 5])
def test_page_holds_every_claim_its_statistic_its_verdict_and_its_numbers(claims, found, seeds):
    table, page = found[seeds].verdicts, claims_page(found[seeds], claims)
    assert "dataset `archive`" in page.splitlines()[0]
    for claim, verdict in verdict_of_each(table).items():
        assert f"| {claim} | {claims[claim]['claim']} | **{verdict}** | " in page
        assert claims[claim]["statistic"] in section(page, f"{claim}: {verdict}")
    for row in table.itertuples():
        text = section(page, f"{row.claim}: {row.claim_verdict}").replace(NO_BREAK, " ")
        (line,) = [line for line in text.splitlines() if line.startswith(f"| {row.statistic} |")]
        assert f"| {row.estimate:+.3g} |" in line and f"| {row.verdict} | {row.reason} |" in line
        assert np.isnan(row.low) or f"| {row.low:+.3g} to {row.high:+.3g} |" in line
        assert np.isnan(row.smallest_margin) or f"| {row.smallest_margin:.3g} | {row.verdict} |" in line
        assert (f"| {row.test} |" in line) == (row.test != "none")
        assert line.endswith(
            f"| {seeds} | 60,000 | 680 | 600 | {row.n_recordings or ''} |" if row.n_seeds else "|" + "  |" * 5
        )
    assert page.endswith("|\n") and not re.search(r"\bnan\b", page)


def test_page_says_how_a_test_is_decided(claims, found):
    page = plain(claims_page(found[5], claims | {"level": 0.01}))
    assert "one-sided at the level 0.01" in page and "a coverage of 98%" in page


def test_verdict_stands_beside_what_it_rests_on(claims, found):
    lines = claims_page(found[5], claims).splitlines()
    for claim in STOOD:
        (line,) = [line for line in lines if line.startswith(f"| {claim} | {claims[claim]['claim']}")]
        exposure = "5 seeds, each with 60,000 windows (680 mixes, 600 recordings); 24 test recordings"
        assert line.endswith(f"| {exposure} |")


def test_seeds_and_exposures_that_differ_are_given_as_ranges(claims, power):
    shown = evidence()
    fewer = (
        shown.arms["vggish"].of_seeds([0, 1, 2])._replace(exposure={"windows_seen": 9000, "mixes": 8, "recordings": 7})
    )
    page = claims_page(findings(claims, power, replace(shown, arms=shown.arms | {"vggish": fewer})), claims)
    ranges = "3 to 5 seeds, each with 9,000 to 60,000 windows (8 to 680 mixes, 7 to 600 recordings)"
    assert [line[:4] for line in page.splitlines() if ranges in line] == ["| C4", "| C7"]


def test_rows_that_are_only_shown_do_not_count_in_what_a_verdict_rests_on(claims, power):
    shown = evidence()
    fewer = shown.arms["vggish_released"].of_seeds([0, 1])
    page = claims_page(findings(claims, power, replace(shown, arms=shown.arms | {"vggish_released": fewer})), claims)
    (line,) = [line for line in page.splitlines() if line.startswith(f"| C3 | {claims['C3']['claim']}")]
    assert "| 5 seeds, each" in line


# ---- data, networks and runs -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "anew, words",
    [
        (True, "has drawn its own training recordings and mixes, its own initial weights"),
        ("mixes", "has drawn its own training mixes, its own initial weights"),
        (False, "share the training recordings and mixes. They differ in initial weights"),
    ],
)
def test_head_says_what_the_data_are_and_how_seeds_vary(claims, found, anew, words):
    runs = {run: own | {"exposure": own["exposure"] | {"anew": anew}} for run, own in RUNS.items()}
    head = plain(claims_page(found[5]._replace(runs=runs), claims).partition("| claim |")[0])
    assert "The dataset `archive` is of the source `bbc`: recordings of the field." in head and words in head


def test_head_says_which_weights_were_tested(claims, found):
    assert "weights of the last epoch were tested" in plain(claims_page(found[5], claims))
    runs = RUNS | {"vggish-seed_0": RUNS["vggish-seed_0"] | {"epoch": 7}}
    page = plain(claims_page(found[5]._replace(runs=runs), claims))
    assert "best validation F1 were tested, which in 1 of 2 runs was not the last." in page


def test_records_of_another_test_set_are_named(claims, found):
    assert "Left out" not in claims_page(found[5], claims)
    page = claims_page(found[5]._replace(left_out=["old-seed_0", "old-seed_1"]), claims)
    assert "**Left out**, because they were tested on other mixes: `old-seed_0`, `old-seed_1`." in page


def test_runs_stand_in_the_order_in_which_they_were_finished(claims, found):
    rows = section(claims_page(found[5], claims), "The runs").strip().splitlines()[2:]
    assert rows == [
        "| vggish-seed\\_0 | `e66c201` | AMD EPYC | 2030-01-01 10:00 UTC |",
        "| mobilenet-seed\\_0 | `e66c201` | AMD EPYC | 2030-01-02 03:04 UTC |",
    ]


def test_networks_stand_with_their_training(claims, power):
    shown = evidence()
    shown.arms["vggish"] = shown.arms["vggish"]._replace(histories=[curve(0.7, gain=0.03)] * 5)
    rows = section(claims_page(findings(claims, power, shown), claims), "Which networks are trained").splitlines()
    assert "| YOHO | 5 | 0.800 | +0.000 | +0.000 to +0.000 | yes |" in [row.replace(NO_BREAK, " ") for row in rows]
    (vggish,) = [row for row in rows if row.startswith("| VGGish |")]
    assert vggish.startswith("| VGGish | 5 | 0.700 | +0.030 | ") and vggish.endswith("| no |")


def test_page_without_any_run_says_so(claims, power):
    networks = {role: nobody(role) for role in NETWORKS}
    nothing = given(networks, [cell("a", nobody("a"), nobody("none"))])
    page = claims_page(findings(claims, power, nothing, runs={}), claims)
    assert "No run counts yet." in page and not re.search(r"\bnan\b", page)
    assert "no seed has trained both" in page and "seeds, each with" not in page


# ---- margins, history and power --------------------------------------------------------------------------------------

MARGINS = "The margins, and what this number of seeds can show"


def test_page_says_how_the_margins_were_changed(claims, found):
    assert claims["changed"] in section(claims_page(found[5], claims), MARGINS)


def test_settings_that_stood_before_the_first_run_are_told_from_others(claims, found):
    """The first run was finished on January 1st at 10:00."""
    late = Commit("fed4321", datetime(2030, 1, 1, 10, 0, tzinfo=UTC))
    page = claims_page(found[5]._replace(stood=STOOD | {"C2": late, "C3": None}), claims)
    margins = section(page, MARGINS)
    assert "| C1 | 2029-12-31 23:59 UTC, commit `abc1234` | yes |" in margins
    assert "| C2 | 2030-01-01 10:00 UTC, commit `fed4321` | no |" in margins
    assert "| C3 | not committed as they are | no |" in margins
    assert "The first run that counts was finished at 2030-01-01 10:00 UTC." in plain(margins)


def test_page_without_a_history_claims_nothing_about_it(claims, found):
    margins = plain(section(claims_page(found[5]._replace(stood=None), claims), MARGINS))
    assert "this page cannot say whether the settings of the claims stood in the config before the first run" in margins
    assert "commit `" not in margins


def power_rows(page):
    lines = section(page, MARGINS).partition("| claim | measure |")[2].replace(NO_BREAK, " ").splitlines()
    return [line for line in lines if line[:3] == "| C"]


def test_page_holds_the_power_of_every_test(claims, found, power):
    rows = power_rows(claims_page(found[5], claims))
    assert len(rows) == len(power) == 7
    chance, needed = power.loc[2, ["power", "seeds_needed"]]
    assert f"| C5 | data_loss | 0.05 | 0.05 |  |  |  | 5 | {chance:.2f} | {needed:.0f} |" in rows


def test_page_holds_the_deviations_of_the_pilot(claims, found):
    table = power_table(claims, dict.fromkeys(["C1", "C5", "C6", "C7"], 5), {("C1", "f1"): [0.0, 0.02, -0.02, 0.01]})
    row = table.loc[0]
    deviation = f"{row['pilot_deviation']:.3g} | {row['pilot_low']:.3g} to {row['pilot_high']:.3g} | 4 | 5"
    assert (
        f"| C1 | f1 | 0.01 | 0.02 | {deviation} |" in power_rows(claims_page(found[5]._replace(power=table), claims))[0]
    )


def test_page_from_tables_on_disk_is_the_same(claims, found, power, tmp_path):
    """The power is read from its table."""
    power.to_csv(tmp_path / "power.csv", index=False, float_format="%.4g")
    again = found[5]._replace(power=pd.read_csv(tmp_path / "power.csv"))
    assert claims_page(again, claims) == claims_page(found[5], claims)


def test_margin_that_no_number_of_seeds_reaches_leaves_no_nan_on_the_page(claims, found, power):
    assert np.isnan(seeds_needed(0.0005, 0.02, claims["level"], claims["power"]))
    none_suffice = power.assign(seeds_needed=np.nan)  # as `power_table` reports it
    page = claims_page(found[5]._replace(power=none_suffice), claims)
    assert not re.search(r"\bnan\b", page) and "| over 1000 |" in page


# ---- signs -----------------------------------------------------------------------------------------------------------


def test_network_that_never_learns_leaves_no_nan_on_the_page(claims, power):
    never = cell("mask head", make_arm("head", f1=0.0, curves=[curve(top=0.0, epochs=1)] * 5, matched=0.0))
    assert not re.search(r"\bnan\b", claims_page(findings(claims, power, replace(evidence(), cells=[never])), claims))


def test_label_with_signs_of_markdown_is_shown_as_it_is(claims, found):
    label = "a|b `c` *d* <b>e</b> _f_ \\g"
    table = found[5].verdicts.assign(statistic=label, reason=label)
    shown = markdown_page(claims_page(found[5]._replace(verdicts=table), claims))
    cells = [html.unescape(cell) for cell in re.findall("<td>(.*)</td>", shown)]
    assert cells.count(label) == 2 * len(table)


def test_page_becomes_tables_of_html(claims, found):
    """Every row has as many cells as its heading."""
    shown = markdown_page(claims_page(found[5], claims))
    for table in re.findall("<table>(.*?)</table>", shown, re.DOTALL):
        heads, *rows = re.findall("<tr>(.*?)</tr>", table, re.DOTALL)
        assert {row.count("<td>") for row in rows} == {heads.count("<th>")}
    assert shown.count("<table>") == 5 + 7 and "| ---" not in shown


def test_shown_rows_have_no_test(found):
    table = found[5].verdicts
    assert (table["verdict"] == SHOWN).sum() == 6 + 2 + 6
    assert (table.loc[table["verdict"] == SHOWN, "test"] == "none").all()
