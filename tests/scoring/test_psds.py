"""PSDS and PSD-ROCs: against recorded results of sed_scores_eval, and by hand."""

from pathlib import Path

import numpy as np
import pytest

from yoho.scoring.psds import Scenario, Truth, changes, curves, detections, interval, listed_detections, psds, runs

SCENARIOS = {
    "1": Scenario(dtc=0.7, gtc=0.7, cttc=0.3, alpha_ct=0.0, alpha_st=1.0, e_max=100.0),
    "2": Scenario(dtc=0.1, gtc=0.1, cttc=0.3, alpha_ct=0.5, alpha_st=1.0, e_max=100.0),
    "mixed": Scenario(dtc=0.5, gtc=0.6, cttc=0.2, alpha_ct=1.0, alpha_st=0.0, e_max=100.0),
}
GOLDEN = dict(np.load(Path(__file__).parent / "golden" / "psds.npz"))
CASES = [key.rpartition("/")[0] for key in GOLDEN if key.endswith("/psds")]


def recorded(name):
    """Scores of each file with the edges of their cells, and the true events, of a recorded case."""
    scores, cells, step, events = (GOLDEN[f"{name}/{part}"] for part in ("scores", "cells", "step", "events"))
    parts = np.split(scores.astype(float), np.cumsum(cells)[:-1])
    files = [(np.arange(len(part) + 1) * step, part) for part in parts]
    file, onset, offset, label = events.T
    return files, Truth(file.astype(int), label.astype(int), onset, offset, cells * step, scores.shape[1])


def step_curve(corners, places):
    """The height of a step curve at some places."""
    reach, height = corners
    return height[np.searchsorted(reach, places, side="right") - 1]


@pytest.mark.parametrize("case", CASES)
def test_score_and_curves_are_those_of_sed_scores_eval(case):
    name, _, scenario = case.partition("/")
    files, truth = recorded(name)
    counts = changes(detections(files), truth, SCENARIOS[scenario])
    overall = GOLDEN[f"{case}/psds"][0]
    assert psds(counts, SCENARIOS[scenario]) == pytest.approx(overall, abs=1e-6)
    effective, *single = curves(counts, SCENARIOS[scenario])
    recorded_curves = {number: GOLDEN.get(f"{case}/roc_{number}") for number in range(len(single))}
    for found, wanted in [(effective, GOLDEN[f"{case}/roc"]), *((single[k], v) for k, v in recorded_curves.items())]:
        if wanted is not None:
            places, heights = wanted
            np.testing.assert_allclose(step_curve(found, places + 1e-6), heights, atol=1e-6)


def plain_runs(scores):
    """All runs of cells, at every distinct score: {(first, stop): highest threshold}, and each with its lowest."""
    found = {}
    for threshold in np.unique(scores):
        edges = np.flatnonzero(np.diff(np.r_[False, scores >= threshold, False].astype(int)))
        for first, stop in edges.reshape(-1, 2).tolist():
            found.setdefault((first, stop), []).append(threshold)
    lower = dict(zip(np.unique(scores), [-np.inf, *np.unique(scores)]))
    return sorted((*run, max(levels), lower[min(levels)]) for run, levels in found.items())


@pytest.mark.parametrize("levels", [3, 1000])
@pytest.mark.parametrize("cells", [1, 2, 60])
def test_runs_are_those_of_every_threshold(levels, cells):
    scores = np.random.default_rng(cells).integers(0, levels, cells) / levels
    np.testing.assert_array_equal(sorted(zip(*runs(scores))), plain_runs(scores))


def single(*events, duration=36.0, classes=2):
    """The truth of one file, from events (label, onset, offset)."""
    label, onset, offset = np.array(events).T
    return Truth(np.zeros(len(label), int), label.astype(int), onset, offset, np.array([duration]), classes)


def at(level, *events):
    """Detections (label, onset, offset) of one file at one threshold."""
    label, onset, offset = np.array(events).T
    return listed_detections([(np.zeros(len(label), int), label.astype(int), onset, offset)], [level])


def test_a_false_positive_and_a_cross_trigger_cost_what_the_formula_says():
    truth = single((0, 0.0, 9.0), (1, 10.0, 19.0))
    found = at(0.5, (0, 0.0, 9.0), (0, 12.0, 15.0), (1, 10.0, 19.0))  # the second one is of class 0 in an event of 1
    scenario = Scenario(dtc=0.7, gtc=0.7, cttc=0.3, alpha_ct=0.5, alpha_st=0.0, e_max=1000.0)
    counts = changes(found, truth, scenario)
    effective, first, second = curves(counts, scenario)
    np.testing.assert_allclose(first, [[0, 100 + 0.5 * 400, 1000], [0, 1, 1]])  # one in 36 s, one in 9 s of class 1
    np.testing.assert_allclose(second, [[0, 1000], [1, 1]])
    np.testing.assert_allclose(effective, [[0, 300, 1000], [0.5, 1, 1]])
    assert psds(counts, scenario) == pytest.approx(0.3 * 0.5 + 0.7)
    assert psds(counts, scenario._replace(alpha_st=1.0)) == pytest.approx(0.7)  # 0.5 - 0.5 up to 300 per hour
    assert psds(counts, scenario._replace(e_max=200.0)) == pytest.approx(0.5)


@pytest.mark.parametrize("offset, found", [(6.3, 1), (6.2999, 0)])
def test_an_event_counts_from_the_share_that_is_covered(offset, found):
    scenario = SCENARIOS["1"]
    counts = changes(at(0.5, (0, 0.0, offset)), single((0, 0.0, 9.0), classes=1), scenario)
    assert psds(counts, scenario) == found


def test_detections_at_a_few_thresholds_are_those_of_scores_with_these_values():
    files, truth = recorded("ties")
    found, scenario = detections(files), SCENARIOS["2"]
    thresholds = np.unique(np.concatenate([scores.ravel() for _, scores in files]))
    tables = []
    for threshold in thresholds:
        here = (found.level >= threshold) & (found.until < threshold)
        tables.append(tuple(part[here] for part in found[:4]))
    one, other = (changes(each, truth, scenario) for each in (found, listed_detections(tables, thresholds)))
    for part, same in zip(one, other):
        np.testing.assert_array_equal(part, same)


def test_a_resample_is_the_score_of_the_files_that_it_draws():
    files, truth = recorded("random")
    again, _ = recorded("resampled")
    counts = changes(detections(files), truth, SCENARIOS["1"])
    assert [len(scores) for _, scores in again] == [len(files[file][1]) for file in (0, 0, 3, 2)]
    score = psds(counts, SCENARIOS["1"], np.array([[2, 0, 1, 1], [1, 1, 1, 1]]))
    wanted = [GOLDEN["resampled/1/psds"][0], GOLDEN["random/1/psds"][0]]
    np.testing.assert_allclose(score, wanted, atol=1e-6)


def repeated(files, truth, times):
    """Scores and truth with each file as often as `times`, (files,), says: the files that a resample draws."""
    chosen = np.repeat(np.arange(len(files)), times)
    events = [np.flatnonzero(truth.file == file) for file in chosen]
    rows, numbers = np.concatenate(events), np.repeat(np.arange(len(chosen)), [len(own) for own in events])
    others = (part[rows] for part in truth[1:4])
    return [files[file] for file in chosen], Truth(numbers, *others, truth.durations[chosen], truth.classes)


def score_of(files, truth, scenario):
    return psds(changes(detections(files), truth, scenario), scenario)


@pytest.mark.parametrize("e_max", [20.0, 100.0])
@pytest.mark.parametrize("name", ["1", "2"])
def test_interval_is_seeded_and_holds_the_quantiles_of_resamples(name, e_max, monkeypatch):
    (files, truth), scenario = recorded("difficult"), SCENARIOS[name]._replace(e_max=e_max)
    counts = changes(detections(files), truth, scenario)
    draws = np.random.default_rng(3).multinomial(6, np.full(6, 1 / 6), size=25)
    one_by_one = [score_of(*repeated(files, truth, times), scenario) for times in draws]
    np.testing.assert_allclose(psds(counts, scenario, draws), one_by_one, atol=1e-12)
    wanted = np.quantile(one_by_one, [0.05, 0.95])
    np.testing.assert_allclose(interval(counts, scenario, np.random.default_rng(3), 25, 0.05), wanted)
    monkeypatch.setattr("yoho.scoring.psds.MOST", 1)  # one resample at a time
    np.testing.assert_allclose(interval(counts, scenario, np.random.default_rng(3), 25, 0.05), wanted)


def test_resamples_without_a_true_event_do_not_count():
    scenario, edges = SCENARIOS["1"], np.arange(5.0)
    files = [(edges, np.array([[0.9], [0.9], [0.1], [0.1]])), (edges, np.array([[0.1], [0.5], [0.2], [0.2]]))]
    truth = Truth(np.array([0]), np.array([0]), np.array([0.0]), np.array([2.0]), np.full(2, 4.0), 1)
    counts = changes(detections(files), truth, scenario)
    draws = np.random.default_rng(0).multinomial(2, [0.5, 0.5], size=20)
    assert (draws[:, 0] == 0).any()
    assert np.isnan(psds(counts, scenario, draws)).tolist() == (draws[:, 0] == 0).tolist()
    assert interval(counts, scenario, np.random.default_rng(0), 20, 0.05) == (1, 1)


def test_without_true_events_there_is_no_score():
    files, truth = recorded("random")
    nothing = Truth(*(part[:0] for part in truth[:4]), truth.durations, truth.classes)
    for scenario in SCENARIOS.values():
        counts = changes(detections(files), nothing, scenario)
        assert np.isnan(psds(counts, scenario))
        assert np.isnan(interval(counts, scenario, np.random.default_rng(0), 9, 0.05)).all()


def test_nothing_found_is_a_score_of_0_and_one_file_has_no_interval():
    counts = changes(listed_detections([(np.zeros(0),) * 4], [0.5]), single((0, 0.0, 9.0)), SCENARIOS["2"])
    assert psds(counts, SCENARIOS["2"]) == 0
    for corners in curves(counts, SCENARIOS["2"]):
        np.testing.assert_array_equal(corners, [[0, 100], [0, 0]])
    assert np.isnan(interval(counts, SCENARIOS["2"], np.random.default_rng(0), 9, 0.05)).all()
