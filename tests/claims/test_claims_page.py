"""The page of the claims holds every verdict, every number of its tables, and what the verdicts rest on."""

import html
import re
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
from arms import NETWORKS, STUDENT, about, cell, curve, evidence, given, make_arm, nobody, verdict_of_each

from yoho.claims.history import GRID, Commit
from yoho.claims.measures import training_row
from yoho.claims.page import NO_BREAK, Findings, claims_page
from yoho.claims.power import power_table, seeds_needed
from yoho.claims.statements import SHOWN
from yoho.claims.verdicts import claims_table
from yoho.figures.tables import markdown_page

LAST = about(precision="bfloat16", started="2030-01-01T09:59Z")
RUNS = {"mobilenet-seed_0": LAST, "vggish-seed_0": about(finished="2030-01-01T10:00Z")}
NAMES = [f"C{number}" for number in range(1, 8)]
NO_RIVAL = "the config has no networks for it"
STOOD = dict.fromkeys([*NAMES, GRID], Commit("abc1234", datetime(2029, 12, 31, 23, 59, tzinfo=UTC)))


def findings(claims, power, shown, **others):
    """What a page shows about some evidence."""
    trainings = pd.DataFrame([training_row(arm, claims) for arm in shown.arms.values()])
    table = claims_table(claims, "archive", shown)
    found = Findings(table, power, trainings, RUNS, len(RUNS), {}, STOOD, "bbc", "recordings of the field")
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
        if np.isfinite(row.estimate):
            assert f"| {row.estimate:+.3g} |" in line or f"| {row.estimate:+,.0f} |" in line
        assert f"| {row.verdict} | {row.reason} |" in line
        assert np.isnan(row.low) or f"| {row.low:+.3g} to {row.high:+.3g} |" in line
        assert np.isnan(row.smallest_margin) or f"| {row.smallest_margin:.3g} | {row.verdict} |" in line
        rest = line.removeprefix(f"| {row.statistic} ")
        assert (f"| {row.test} |" in rest) == (row.test != "none")
        assert line.endswith(
            f"| {seeds} | {seeds} | 60,000 | 680 | 600 | {row.n_recordings or ''} |" if row.n_seeds else "|" + "  |" * 6
        )
    assert page.endswith("|\n") and not re.search(r"\bnan\b", page)


def test_page_says_how_a_test_is_decided(claims, found):
    page = plain(claims_page(found[5], claims | {"level": 0.01}))
    assert "one-sided at the level 0.01" in page and "a coverage of 98%" in page


def test_verdict_stands_beside_what_it_rests_on(claims, found):
    lines = claims_page(found[5], claims).splitlines()
    for claim in NAMES:
        (line,) = [line for line in lines if line.startswith(f"| {claim} | {claims[claim]['claim']}")]
        exposure = "5 seeds, each with 60,000 windows (680 mixes, 600 recordings); 24 test recordings"
        arithmetic = "arithmetic; the rows of F1: " if claim == "C7" else ""
        assert line.endswith(f"| {arithmetic}{exposure} |")


def test_sizes_of_networks_are_printed_whole(claims, found):
    lines = section(claims_page(found[5], claims), "C7: contradicted").splitlines()
    assert [line.split(" | ")[1] for line in lines if "| parameters, " in line] == [
        "+1,050,240",
        "-9,015,470",
        "-10,287,040",
    ]


def test_speed_is_a_number_without_seeds(claims, power):
    shown = evidence()
    speeds = [
        {"network": label, "round": turn, "times_real_time": speed, "network_s": 1 / (speed + turn), "decoding_s": 0}
        for label, speed in {"YOHO": 400, "CRNN": 100, "CRNN on 10 s": 50}.items()
        for turn in range(3)
    ]
    rivals = {"rival": make_arm("CRNN"), "rival_long": make_arm("CRNN on 10 s")}
    shown = replace(shown, arms=shown.arms | rivals, speeds=pd.DataFrame(speeds))
    page = claims_page(findings(claims, power, shown), claims)
    (line,) = [line for line in page.splitlines() if "decoding, YOHO as a multiple of CRNN on 10 s" in line]
    assert "| +7.86 |" in line and "supported | 3 rounds on one machine, with random weights |  |" in line


# ---- interim and undecided -------------------------------------------------------------------------------------------


def planned(shown, seeds):
    """The evidence with more seeds planned than there are."""
    seeds = list(range(seeds))
    arms = {role: arm._replace(planned=seeds) for role, arm in shown.arms.items()}
    cells = [(label, *(arm._replace(planned=seeds) for arm in pair)) for label, *pair in shown.cells]
    return replace(shown, arms=arms, cells=cells)


def top_rows(page):
    """{claim: its row in the table of verdicts, without its last column}."""
    table = page.partition("| what the verdict rests on |")[2].partition("\n## ")[0]
    rows = [line.strip("| ").split(" | ") for line in table.splitlines() if line[:3] == "| C"]
    return {row[0]: row[2:4] for row in rows}


def test_verdict_on_fewer_seeds_than_planned_is_interim(claims, power):
    """A contradiction by arithmetic is final."""
    shown = planned(evidence(), 12)
    page = claims_page(findings(claims, power, shown, planned=120), claims)
    assert "2 of 120 runs are there. The verdicts are computed again with each run" in plain(page)
    assert "due to chance more often than the level says" in plain(page)
    interim = dict.fromkeys(NAMES[:6], ["**supported**, interim: 5 of 12 seeds", ""])
    assert top_rows(page) == interim | {"C7": ["**contradicted**", ""], "C8": ["**undecided**", NO_RIVAL]}
    assert "\n## C1: supported, interim: 5 of 12 seeds\n" in page and "\n## C7: contradicted\n" in page
    assert "| 5 | 12 | 60,000 |" in section(page, "C1: supported, interim: 5 of 12 seeds")


def test_contradiction_that_lacks_seeds_is_interim(claims, power):
    shown = planned(evidence(), 12)
    shown = replace(shown, arms=shown.arms | {"proposed": planned(given({"": make_arm(f1=0.5)}), 12).arms[""]})
    assert top_rows(claims_page(findings(claims, power, shown), claims))["C1"] == [
        "**contradicted**, interim: 5 of 12 seeds",
        "",
    ]


def test_verdict_lacks_the_seeds_of_its_network_with_the_fewest(claims, power):
    shown = evidence()
    fewer = shown.arms["vggish"].of_seeds([0, 1])  # of five planned ones
    page = claims_page(findings(claims, power, replace(shown, arms=shown.arms | {"vggish": fewer})), claims)
    marked = {claim: cells[0] for claim, cells in top_rows(page).items() if "interim" in cells[0]}
    assert {claim: words.partition(", ")[2] for claim, words in marked.items()} == dict.fromkeys(
        ["C3", "C4"], "interim: 2 of 5 seeds"
    )


def test_complete_study_is_not_interim(claims, found):
    page = claims_page(found[5], claims)
    assert "All 2 runs are there." in page and "interim: " not in page


def test_undecided_claim_has_one_short_reason(claims, power):
    shown = evidence()
    late = shown.arms["baseline"]._replace(histories=[curve(gain=0.05)] * 5)
    noisy = [cell("a", make_arm("a", by_seed=20 * STUDENT)), cell("b", make_arm("b"))]
    page = claims_page(
        findings(claims, power, replace(shown, arms=shown.arms | {"baseline": late}, cells=noisy)), claims
    )
    reasons = {claim: cells[1] for claim, cells in top_rows(page).items()}
    assert reasons == dict.fromkeys(["C1", "C2", "C3", "C4", "C6"], "not trained") | {
        "C5": "neither equality nor a larger difference is significant",
        "C7": "",
        "C8": NO_RIVAL,
    }


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


@pytest.mark.parametrize(
    "epochs, words",
    [
        (("last", "last"), "The weights of the last epoch were tested, so"),
        (("best", "best"), "The weights of the epoch with the best validation F1 were tested."),
        (("last", "best"), "In 1 of 2 runs the weights of the last epoch were tested, and in the others"),
    ],
)
def test_head_says_which_weights_were_tested_by_the_settings(claims, found, epochs, words):
    """The best epoch may be the last."""
    settings = [{"run": {"training": {"tested_epoch": epoch}, "seed": 0}} for epoch in epochs]
    runs = {run: own | {"settings": each} for (run, own), each in zip(RUNS.items(), settings)}
    assert words in plain(claims_page(found[5]._replace(runs=runs), claims))


def test_head_says_how_many_runs_tested_averages(claims, found):
    assert "moving averages" not in claims_page(found[5], claims)
    averaged = {"run": {"training": {"tested_epoch": "last", "ema_decay": 0.99}, "seed": 0}}
    runs = RUNS | {"mobilenet-seed_0": LAST | {"settings": averaged}}
    page = plain(claims_page(found[5]._replace(runs=runs), claims))
    assert (
        "favoured a network. In 1 of 2 runs, these weights are moving averages over the steps of the training." in page
    )


def test_head_says_that_runs_have_drawn_different_things_anew(claims, found):
    drawn = {run: about()["exposure"] | {"anew": own} for run, own in zip("abcd", (True, False, "mixes", False))}
    page = plain(claims_page(found[5]._replace(runs={run: about(exposure=own) for run, own in drawn.items()}), claims))
    assert (
        "drawn anew: in 1 of 4 runs recordings and mixes, in 1 of 4 runs mixes, "
        "in 2 of 4 runs neither recordings nor mixes." in page
    )
    assert "All training seeds share" not in page and "Every training seed has drawn" not in page


def test_records_that_do_not_count_are_named_with_the_reason(claims, found):
    assert "Left out" not in claims_page(found[5], claims)
    left_out = {"old-seed_0": "test mixes", "old-seed_1": "run.training.epochs, mixes"}
    page = plain(claims_page(found[5]._replace(left_out=left_out), claims))
    assert "differ from this config: `old-seed_0` (test mixes); `old-seed_1` (run.training.epochs, mixes)." in page


def test_runs_stand_in_the_order_in_which_they_were_finished(claims, found):
    rows = section(claims_page(found[5], claims), "The runs").strip().splitlines()[2:]
    assert rows == [
        "| vggish-seed\\_0 | `e66c201` | AMD EPYC | float32 | 2030-01-01 10:00 UTC |",
        "| mobilenet-seed\\_0 | `e66c201` | AMD EPYC | bfloat16 | 2030-01-02 03:04 UTC |",
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
    """The first run was started on January 1st at 9:59, before another one was finished."""
    late = Commit("fed4321", datetime(2030, 1, 1, 9, 59, tzinfo=UTC))
    stood = STOOD | {"C2": late, "C3": None, GRID: late}
    margins = section(claims_page(found[5]._replace(stood=stood), claims), MARGINS)
    assert "| C1 | 2029-12-31 23:59 UTC, commit `abc1234` | yes |" in margins
    assert "| C2 | 2030-01-01 09:59 UTC, commit `fed4321` | no |" in margins
    assert "| C3 | not committed as they are | no |" in margins
    assert "| the grid of the study | 2030-01-01 09:59 UTC, commit `fed4321` | no |" in margins
    assert "The first run that counts was started at 2030-01-01 09:59 UTC." in plain(margins)


def test_settings_stood_before_no_run_that_is_not_there(claims, found):
    margins = section(claims_page(found[5]._replace(runs={}), claims), MARGINS)
    assert "| C1 | 2029-12-31 23:59 UTC, commit `abc1234` | no run yet |" in margins


def test_page_without_a_history_claims_nothing_about_it(claims, found):
    margins = plain(section(claims_page(found[5]._replace(stood=None), claims), MARGINS))
    assert "this page cannot say whether the settings of the claims and the grid of the study stood in" in margins
    assert "commit `" not in margins


def power_rows(page):
    lines = section(page, MARGINS).partition("| claim | measure |")[2].replace(NO_BREAK, " ").splitlines()
    return [line for line in lines if line[:3] == "| C"]


def test_page_holds_the_power_of_every_test(claims, found, power):
    rows = power_rows(claims_page(found[5], claims))
    assert len(rows) == len(power) == 7
    chance, needed = power.loc[2, ["power", "seeds_needed"]]
    assert f"| C5 | data loss as a share | 0.05 | 0.05 |  |  | 0 | 5 | {chance:.2f} | {needed:.0f} |" in rows


def test_page_holds_the_deviations_so_far(claims, found):
    table = power_table(claims, dict.fromkeys(["C1", "C5", "C6", "C7"], 5), {("C1", "f1"): [0.0, 0.02, -0.02, 0.01]})
    row = table.loc[0]
    deviation = f"{row['deviation']:.3g} | {row['low']:.3g} to {row['high']:.3g} | 4 | 5"
    assert (
        f"| C1 | F1 | 0.01 | 0.02 | {deviation} |" in power_rows(claims_page(found[5]._replace(power=table), claims))[0]
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
    label = "a|b `c` *d* <b>e</b> _f_ \\g [h](i) j&amp;k ~~l~~ $m$ {n}"
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
    assert shown.count("<table>") == 5 + 8 and "| ---" not in shown


def test_shown_rows_have_no_test(found):
    table = found[5].verdicts
    assert (table["verdict"] == SHOWN).sum() == 7 + 2 + 6
    assert (table.loc[table["verdict"] == SHOWN, "test"] == "none").all()
