"""Tallies by recording: their sums are the scores and the loss, and every second and bin belongs to one recording."""

import io

import numpy as np
import pandas as pd
import pytest
import sed_eval
import torch

from yoho.events import COLUMNS, merge_events, read_table, write_table
from yoho.scoring.records import TALLIES
from yoho.scoring.segments import COUNTS, Scorer, segment_scores
from yoho.scoring.tallies import EVENTS, LOSSES, OVERALL, f1, field_recordings, kinds, owners_at, recording_tallies
from yoho.windows.loss import bin_losses
from yoho.windows.targets import Decoder, encode_events

LABELS = ["clocks", "car", "aircraft"]  # not in the order of the alphabet
LENGTH, BINS, HOP = 2.56, 9, 1.96
TOLERANCES = {"collars": [0.1, 0.2, 0.5, 1.0], "collar_share": 0.5, "coverage": 0.5}
KINDS = kinds(TOLERANCES["collars"])
PARTS = ["presence_loss", "regression_loss"]


def lay(mixes):
    """A plan, from {mix: its clips in order, each (recording, event_label, length in s)}."""
    rows = []
    for filename, clips in mixes.items():
        onset = 0.0
        for recording, event_label, length in clips:
            rows.append((filename, onset, onset + length, event_label, recording))
            onset += length
    return pd.DataFrame(rows, columns=[*COLUMNS, "recording"])


def cut(plan, hop=HOP):
    """Windows over each mix of a plan, the last ones past its end."""
    lengths = plan.groupby("filename", sort=False)["offset"].max()
    rows = [(name, onset, end) for name, end in lengths.items() for onset in np.arange(0, end, hop)]
    return pd.DataFrame(rows, columns=["filename", "onset", "mix_duration"])


def truth(plan, windows):
    """Targets of the windows of a plan."""
    events = merge_events(plan)
    parts = [
        encode_events(events[events["filename"] == name], rows["onset"], LABELS, LENGTH, BINS)
        for name, rows in windows.groupby("filename", sort=False)
    ]
    return np.concatenate(parts)


def scorer(windows, reference, resolution=1.0):
    decoder = Decoder(LABELS, LENGTH, threshold=0.5, merge_gap=0.3, end_from="bin")
    return Scorer(windows, reference, decoder, resolution)


def tallies_of(plan, estimated=None, outputs=None, resolution=1.0):
    """Tallies of a plan. By default the network's events and outputs are the true ones."""
    windows, reference = cut(plan), merge_events(plan)
    targets = truth(plan, windows)
    estimated = reference if estimated is None else estimated
    outputs = targets if outputs is None else outputs
    scores = scorer(windows, reference, resolution)
    return recording_tallies(scores, outputs, targets, estimated, plan, tolerances=TOLERANCES)


def made_up(seed):
    """(plan, events, outputs): random mixes, in which some recordings come back, and a network's random results."""
    rng = np.random.default_rng(seed)
    recordings = [(f"{label}-{number}", label) for label in LABELS for number in range(3)]
    mixes = {
        f"mix-{mix}": [(*recordings[rng.integers(9)], rng.uniform(0.3, 6)) for _ in range(rng.integers(2, 9))]
        for mix in range(4)
    }
    plan = lay(mixes)
    names, count = plan["filename"].unique(), 40
    onset = rng.uniform(0, 25, count)
    events = pd.DataFrame({"filename": rng.choice(names, count), "onset": onset})
    events = events.assign(offset=onset + rng.exponential(2, count), event_label=rng.choice(LABELS, count))
    return plan, events, rng.random((len(cut(plan)), BINS, 9)).astype(np.float32)


def sums(tallies, event_label=OVERALL):
    return tallies.loc[tallies["event_label"] == event_label, KINDS].sum()


# ---- sums ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("resolution", [1.0, 0.5])
@pytest.mark.parametrize("seed", range(4))
def test_summed_over_recordings_they_give_the_segment_based_scores(seed, resolution):
    plan, estimated, outputs = made_up(seed)
    tallies = tallies_of(plan, estimated, outputs, resolution)
    durations = scorer(cut(plan), None).durations
    overall, per_class = segment_scores(merge_events(plan), estimated, durations, LABELS, resolution)
    rows = {OVERALL: overall} | {row["event_label"]: row for row in per_class.to_dict("records")}
    assert 0.1 < overall["f1"] < 0.9
    for name, scores in rows.items():
        total = sums(tallies, name)
        assert 2 * total["true_positives"] / (total["references"] + total["predictions"]) == pytest.approx(scores["f1"])
        assert total["errors"] / total["references"] == pytest.approx(scores["error_rate"])
    for kind in ("true_positives", "references", "predictions"):
        assert sums(tallies)[kind] == pytest.approx(sum(sums(tallies, label)[kind] for label in LABELS))


@pytest.mark.parametrize("seed", range(3))
def test_losses_sum_to_those_of_the_bins_within_the_mixes(seed):
    plan, estimated, outputs = made_up(seed)
    windows = cut(plan)
    parts = bin_losses(torch.from_numpy(outputs), torch.from_numpy(truth(plan, windows)))
    middles = windows["onset"].to_numpy()[:, None] + (np.arange(BINS) + 0.5) * LENGTH / BINS
    inside = middles < windows["mix_duration"].to_numpy()[:, None]
    assert 0 < (~inside).sum() < inside.sum()
    tallies = tallies_of(plan, estimated, outputs)
    for kind, losses in zip(PARTS, parts, strict=True):
        losses = losses.numpy()[inside]
        assert sums(tallies)[kind] == pytest.approx(losses.sum(), rel=1e-5)
        assert [sums(tallies, label)[kind] for label in LABELS] == pytest.approx(losses.sum(axis=0), rel=1e-5)
    assert [sums(tallies, name)["bins"] for name in (OVERALL, *LABELS)] == [inside.sum()] * 4


# The sums over the recordings of one example, and the sums in which each recording is weighted by its place.
DEFINED = {
    "true_positives": (41, 205),
    "references": (102, 492),
    "predictions": (97, 455),
    "errors": (84, 381),
    "presence_loss": (388.847, 1886.45),
    "regression_loss": (262.876, 1226.15),
    "bins": (393, 1877),
    "event_references": (18, 82),
    "event_predictions": (35, 169),
    "matches": (4, 21),
    "onset_error": (2.42675, 16.5959),
    "offset_error": (2.9023, 12.3326),
    "hits_0.1": (1, 1),
    "hits_0.2": (1, 1),
    "hits_0.5": (1, 1),
    "hits_1": (2, 8),
}


def test_sums_are_those_of_the_definition_that_records_name():
    """If the sums have to change, raise TALLIES, so that records of before and after are not compared."""
    assert TALLIES == 1
    tallies = tallies_of(*made_up(0))
    overall = tallies.loc[tallies["event_label"] == OVERALL, KINDS].to_numpy()
    places = np.arange(1, len(overall) + 1)
    found = dict(zip(KINDS, zip(overall.sum(axis=0), places @ overall)))
    assert found.keys() == DEFINED.keys()
    for kind, expected in DEFINED.items():
        assert found[kind] == pytest.approx(expected, rel=1e-5), kind


def test_network_that_is_right_has_no_errors_and_no_loss():
    tallies = tallies_of(made_up(0)[0])
    assert (tallies["true_positives"] == tallies["references"]).all() and (
        tallies["true_positives"] == tallies["predictions"]
    ).all()
    assert not tallies[["errors", *PARTS, "onset_error", "offset_error"]].any(axis=None)
    found = tallies[["event_references", "event_predictions", "matches", *KINDS[-4:]]].to_numpy()
    assert found.any() and (found == found[:, :1]).all()


def near(events, rng, shift):
    """Events as a network finds them: the true ones with shifted times, a fifth missed, and some false ones."""
    found = events.sample(frac=0.8, random_state=rng)
    times = np.sort(found[["onset", "offset"]].to_numpy() + rng.normal(0, shift, (len(found), 2)), axis=1).clip(0)
    found = found.assign(onset=times[:, 0], offset=times[:, 1])
    onset = rng.uniform(0, 25, 8)
    false = {"filename": rng.choice(events["filename"], 8), "onset": onset, "offset": onset + rng.exponential(2, 8)}
    return pd.concat([found, pd.DataFrame(false).assign(event_label=rng.choice(LABELS, 8))])


@pytest.mark.parametrize("grid", [None, 0.1])  # s: on a grid, many errors are equal to a collar, or nearly so
@pytest.mark.parametrize("seed", range(3))
def test_event_counts_sum_to_those_of_sed_eval(seed, grid):
    plan, rng = made_up(seed)[0], np.random.default_rng(seed)
    reference = merge_events(plan)
    estimated = merge_events(near(reference, rng, 0.4))
    if grid:
        for events in (plan, reference, estimated):
            events[["onset", "offset"]] = (events[["onset", "offset"]] / grid).round() * grid
        reference, estimated = merge_events(plan), merge_events(estimated)
    tallies = tallies_of(plan, estimated)
    for collar in TOLERANCES["collars"]:
        metrics = sed_eval.sound_event.EventBasedMetrics(
            LABELS, t_collar=collar, percentage_of_length=0.5, event_matching_type="optimal"
        )
        for name in plan["filename"].unique():
            metrics.evaluate(*(table[table["filename"] == name].to_dict("records") for table in (reference, estimated)))
        for name, counts in {OVERALL: metrics.overall, **metrics.class_wise}.items():
            found = sums(tallies, name)[["event_references", "event_predictions", f"hits_{collar:g}"]]
            assert found.tolist() == [counts["Nref"], counts["Nsys"], counts["Ntp"]]
    hits = sums(tallies)[KINDS[-4:]].tolist()
    assert 0 < hits[0] < hits[-1] < sums(tallies)["event_references"] and hits == sorted(hits)


def test_errors_of_times_are_sums_over_matched_events():
    plan = lay({"a": [("k", "clocks", 4), ("c", "car", 4), ("k", "clocks", 4)], "b": [("r", "aircraft", 9)]})
    late = plan.iloc[:3][COLUMNS]  # the event of the aircraft is missed
    late = late.assign(onset=late["onset"] + 0.25, offset=late["offset"] + 0.125)
    tallies = tallies_of(plan, late).set_index(["recording", "event_label"])
    columns = ["event_references", "event_predictions", "matches", "onset_error", "offset_error", *KINDS[-4:]]
    assert tallies.loc[("k", "clocks"), columns].tolist() == [2, 2, 2, 0.5, 0.25, 0, 0, 2, 2]
    assert tallies.loc[("k", OVERALL), columns].tolist() == [2, 2, 2, 0.5, 0.25, 0, 0, 2, 2]
    assert tallies.loc[("c", "car"), columns].tolist() == [1, 1, 1, 0.25, 0.125, 0, 0, 1, 1]
    assert tallies.loc[("r", "aircraft"), columns].tolist() == [1, 0, 0, 0, 0, 0, 0, 0, 0]
    assert not tallies.loc[("r", "car"), columns].any()


def test_touching_found_events_are_merged_before_their_ends_are_compared():
    """Two found events touch near the true onset; they are one event, whose onset is 4 s away, of which 1 s counts."""
    plan = lay({"a": [("c", "car", 4), ("k", "clocks", 4)]})
    found = pd.DataFrame([("a", 0, 4.125, "clocks"), ("a", 4.125, 7.5, "clocks")], columns=COLUMNS)
    tallies = tallies_of(plan, found).set_index(["recording", "event_label"])
    assert tallies.loc[("k", "clocks"), ["matches", "onset_error", "offset_error"]].tolist() == [1, 1, 0.5]


# ---- which recording a second or a bin belongs to --------------------------------------------------------------------


def test_every_second_belongs_to_the_recording_at_its_middle():
    """Recordings change at 2.4 s, before the middle of a second, and at 4.6 s, after one."""
    plan = lay({"a": [("k", "clocks", 2.4), ("c", "car", 2.2), ("r", "aircraft", 1.4)]})
    nothing = plan.iloc[:0][COLUMNS]
    overall = tallies_of(plan, nothing).set_index(["recording", "event_label"])
    # Seconds 2 and 4 hold two classes each. They belong to the recordings at 2.5 and at 4.5 s.
    assert overall.loc[("k", OVERALL), "references"] == 2 and overall.loc[("c", OVERALL), "references"] == 2 + 1 + 2
    assert overall.loc[("r", OVERALL), "references"] == 1
    assert overall.loc[("c", "clocks"), "references"] == 1 and overall.loc[("c", "aircraft"), "references"] == 1
    assert overall.loc[("k", "clocks"), "references"] == 2 and overall.loc[("k", "car"), "references"] == 0
    assert overall.loc["c", "errors"][OVERALL] == 5


def test_error_belongs_to_the_recording_in_which_it_is_made():
    plan = lay({"a": [("k", "clocks", 3), ("c", "car", 3)]})
    estimated = pd.DataFrame([("a", 0, 3, "clocks"), ("a", 2, 6, "car")], columns=COLUMNS)
    tallies = tallies_of(plan, estimated).set_index(["recording", "event_label"])
    assert tallies.loc[("k", OVERALL), COUNTS].tolist() == [3, 3, 4, 1]
    assert tallies.loc[("k", "car"), COUNTS].tolist() == [0, 0, 1, 1]
    assert tallies.loc[("c", OVERALL), COUNTS].tolist() == [3, 3, 3, 0]


def test_every_event_belongs_to_the_recording_at_its_middle():
    """The clocks are found 0.5 s late and 2.5 s too long, so the middle of what is found lies in the next recording.

    Of the 2.5 s, 1 s counts, the largest collar.
    """
    plan = lay({"a": [("k", "clocks", 2), ("l", "clocks", 1), ("c", "car", 4)]})
    found = tallies_of(plan, pd.DataFrame([("a", 0.5, 5.5, "clocks")], columns=COLUMNS))
    found = found.set_index(["recording", "event_label"])[EVENTS]
    for name in (OVERALL, "clocks"):
        assert found.loc[("k", name)].tolist() == [1, 0, 1, 0.5, 1]  # the clips of k and l sound as one event
        assert not found.loc[("l", name)].any()
    assert found.loc[("c", OVERALL)].tolist() == [1, 1, 0, 0, 0]
    assert found.loc[("c", "clocks")].tolist() == [0, 1, 0, 0, 0] and found.loc[("c", "car")].tolist() == [
        1,
        0,
        0,
        0,
        0,
    ]


@pytest.mark.parametrize("length, hop", [(9.0, LENGTH), (9.1, HOP)])
def test_every_bin_belongs_to_the_recording_at_its_middle(length, hop):
    plan = lay({"a": [("k", "clocks", 4.2), ("c", "car", length - 4.2)]})
    windows = cut(plan, hop)
    targets = truth(plan, windows)
    outputs = np.zeros_like(targets)
    reference = merge_events(plan)
    tallies = recording_tallies(scorer(windows, reference), outputs, targets, reference, plan, tolerances=TOLERANCES)
    tallies = tallies.set_index(["recording", "event_label"])
    parts = bin_losses(torch.from_numpy(outputs), torch.from_numpy(targets))
    losses = np.stack([part.sum(dim=2) for part in parts], axis=-1)  # (windows, bins, parts)
    expected, bins = {"k": np.zeros(2), "c": np.zeros(2)}, {"k": 0, "c": 0}
    for window, onset in enumerate(windows["onset"]):
        for place in range(BINS):
            middle = onset + (place + 0.5) * LENGTH / BINS
            if middle < length:
                expected["k" if middle < 4.2 else "c"] += losses[window, place]
                bins["k" if middle < 4.2 else "c"] += 1
    for name in expected:
        assert tallies.loc[(name, OVERALL), PARTS].tolist() == pytest.approx(expected[name], rel=1e-5)
        assert tallies.loc[(name, OVERALL), "bins"] == bins[name]


def test_bins_and_seconds_past_the_end_of_the_mix_do_not_count():
    """A short mix beside a long one: its last window reaches past its end, and the long mix has more seconds."""
    plan = lay({"short": [("k", "clocks", 3.0)], "long": [("c", "car", 12.0)]})
    everywhere = pd.DataFrame([("short", 0, 12, "car"), ("long", 0, 12, "car")], columns=COLUMNS)
    tallies = tallies_of(plan, everywhere, np.ones((len(cut(plan)), BINS, 9), np.float32))
    short = tallies[tallies["recording"] == "k"].set_index("event_label")
    assert short.loc["car", "predictions"] == 3 and short.loc[OVERALL, "errors"] == 3
    width = LENGTH / BINS
    assert short.loc[OVERALL, "bins"] == sum((n + 0.5) * width + onset < 3 for onset in (0, HOP) for n in range(BINS))
    # A class that is falsely present everywhere has a loss of 1 in every bin; its starts and ends add nothing.
    assert short.loc[["car", "aircraft"], PARTS].to_numpy() == pytest.approx(
        short.loc[["car", "aircraft"], ["bins"]].to_numpy() * [1, 0]
    )


def test_second_that_a_mix_ends_in_is_the_last_recording_s():
    """It is scored, as in sed_eval, although its middle lies past the end."""
    plan = lay({"a": [("k", "clocks", 3.2), ("c", "car", 1.1)], "b": [("r", "aircraft", 9.0)]})
    tallies = tallies_of(plan).set_index(["recording", "event_label"])
    assert tallies.loc[("c", "car"), "true_positives"] == 2 and tallies.loc[("k", OVERALL), "references"] == 3


def test_recording_that_comes_back_has_one_row_of_all_its_seconds():
    once = lay({"a": [("k", "clocks", 4.0), ("c", "car", 3.0)], "b": [("r", "aircraft", 3.0)]})
    again = lay({"a": [("k", "clocks", 4.0), ("c", "car", 3.0), ("k", "clocks", 2.0)], "b": [("k", "clocks", 5.0)]})
    first, second = (tallies_of(plan).set_index(["recording", "event_label"]) for plan in (once, again))
    assert (
        first.loc[("k", "clocks"), "true_positives"] == 4 and second.loc[("k", "clocks"), "true_positives"] == 4 + 2 + 5
    )
    assert second.index.is_unique
    assert second.loc[("k", OVERALL), "bins"] > first.loc[("k", OVERALL), "bins"]
    assert second.loc[("c", "car")].equals(first.loc[("c", "car")])


def test_owners_at_times():
    """Without overlap, one recording owns all classes."""
    plan = lay({"b": [("k", "clocks", 2.0), ("c", "car", 3.0)], "a": [("r", "aircraft", 1.0)]})
    names = np.array(["b", "a", "b", "b", "b", "a"])
    found = owners_at(plan, names, np.array([0, 0.5, 1.999, 2.0, 99, 1.5]), LABELS)
    assert found.tolist() == [[name] * 4 for name in ["k", "r", "k", "c", "c", "r"]]


def test_unit_is_the_field_recording_that_files_were_cut_from():
    """Two files cut from one field recording share a row, because their results depend on each other."""
    plan = lay({"a": [("take 1", "clocks", 4.0), ("c", "car", 3.0), ("take 2", "clocks", 2.0)]})
    groups = {"c": "field c", "take 1": "field k", "take 2": "field k", "elsewhere": "field e"}
    recordings = pd.DataFrame({"recording": list(groups), "group": groups.values()})
    of_files = tallies_of(plan).set_index(["recording", "event_label"])
    of_field = tallies_of(field_recordings(plan, recordings)).set_index(["recording", "event_label"])
    assert set(of_field.index.get_level_values(0)) == {"field c", "field k"}
    assert of_field.loc[("field k", "clocks"), "true_positives"] == 6
    np.testing.assert_allclose(
        of_field.loc["field k"][KINDS], of_files.loc["take 1"][KINDS] + of_files.loc["take 2"][KINDS]
    )
    assert plan["recording"].tolist() == ["take 1", "c", "take 2"]  # The plan itself is unchanged.


def test_background_is_recordings_of_their_own_that_hold_no_class():
    """Events found in the background are its errors, and all sums are still those of the scores."""
    plan = lay(
        {"a": [("b1", "", 3.0), ("c", "car", 4.0), ("b2", "", 2.0)], "b": [("k", "clocks", 3.0), ("b1", "", 4.0)]}
    )
    labelled = plan[plan["event_label"] != ""]
    windows, reference = cut(plan), merge_events(labelled)
    targets = truth(labelled, windows)
    alarm = pd.DataFrame([("b", 4.0, 6.0, "aircraft")], columns=COLUMNS)
    estimated = pd.concat([reference, alarm])
    found = recording_tallies(scorer(windows, reference), targets, targets, estimated, plan, tolerances=TOLERANCES)
    rows = found.set_index(["recording", "event_label"])
    assert rows.loc[("b1", OVERALL), ["true_positives", "references", "predictions", "errors"]].tolist() == [0, 0, 2, 2]
    assert rows.loc[("b2", OVERALL), ["predictions", "errors"]].tolist() == [0, 0]
    overall, _ = segment_scores(reference, estimated, scorer(windows, reference).durations, LABELS, 1.0)
    assert 2 * sums(found)["true_positives"] / (sums(found)["references"] + sums(found)["predictions"]) == overall["f1"]
    assert found.drop_duplicates("recording")["recording_label"].tolist() == ["", "", "car", "clocks"]


# ---- sounds over one another -----------------------------------------------------------------------------------------


def over(plan, *rows):
    """A plan with further clips over it, each (filename, onset, offset, event_label, recording)."""
    rows = pd.DataFrame(rows, columns=plan.columns)
    return pd.concat([plan, rows]).sort_values(["filename", "onset"], kind="stable", ignore_index=True)


def overlapping(seed):
    """(plan, events, outputs): as `made_up`, and clips of every mix lie over others, of another class each."""
    plan, events, outputs = made_up(seed)
    further = {"clocks": "car", "car": "aircraft", "aircraft": "clocks"}
    rows = [
        (row.filename, row.onset + 0.2, row.offset - 0.1, further[row.event_label], f"over {row.recording}")
        for row in plan.itertuples()
        if row.offset - row.onset > 2
    ]
    return over(plan, *rows), events, outputs


@pytest.mark.parametrize("resolution", [1.0, 0.5])
@pytest.mark.parametrize("seed", range(2))
def test_sums_over_overlapping_sounds_are_the_counts_of_sed_eval(seed, resolution):
    plan, estimated, outputs = overlapping(seed)
    estimated = merge_events(estimated)
    tallies = tallies_of(plan, estimated, outputs, resolution)
    metrics = sed_eval.sound_event.SegmentBasedMetrics(LABELS, time_resolution=resolution)
    by_event = sed_eval.sound_event.EventBasedMetrics(
        LABELS, t_collar=0.5, percentage_of_length=0.5, event_matching_type="optimal"
    )
    for name, length in scorer(cut(plan), None).durations.items():
        pair = [table[table["filename"] == name].to_dict("records") for table in (merge_events(plan), estimated)]
        metrics.evaluate(*pair, evaluated_length_seconds=length)
        by_event.evaluate(*pair)
    for name, counts in {OVERALL: metrics.overall, **metrics.class_wise}.items():
        assert sums(tallies, name)[COUNTS[:3]].tolist() == [counts["Ntp"], counts["Nref"], counts["Nsys"]]
    assert sums(tallies)["errors"] == metrics.overall["S"] + metrics.overall["D"] + metrics.overall["I"]
    for name, counts in {OVERALL: by_event.overall, **by_event.class_wise}.items():
        found = sums(tallies, name)[["event_references", "event_predictions", "hits_0.5"]]
        assert found.tolist() == [counts["Nref"], counts["Nsys"], counts["Ntp"]]
    assert (tallies["recording"].str.startswith("over") & (tallies["true_positives"] > 0)).any()
    windows = cut(plan)
    middles = windows["onset"].to_numpy()[:, None] + (np.arange(BINS) + 0.5) * LENGTH / BINS
    inside = middles < windows["mix_duration"].to_numpy()[:, None]
    for kind, losses in zip(PARTS, bin_losses(torch.from_numpy(outputs), torch.from_numpy(truth(plan, windows)))):
        assert sums(tallies)[kind] == pytest.approx(losses.numpy()[inside].sum(), rel=1e-5)
    assert sums(tallies)["bins"] == inside.sum()


def test_each_of_two_sounds_at_once_is_credited_to_its_own_recording():
    """A car sounds over the clocks from 2 to 5 s. Found are the car, too long, and the aircraft, which is not there."""
    plan = over(lay({"a": [("k", "clocks", 8.0)]}), ("a", 2.0, 5.0, "car", "c"))
    found = pd.DataFrame([("a", 2.0, 7.0, "car"), ("a", 3.0, 4.0, "aircraft"), ("a", 0, 8, "clocks")], columns=COLUMNS)
    outputs = np.zeros_like(truth(plan, cut(plan)))
    tallies = tallies_of(plan, found, outputs).set_index(["recording", "event_label"])
    counts = tallies[COUNTS[:3]]
    assert counts.loc[("c", "car")].tolist() == [3, 3, 3] and counts.loc[("k", "clocks")].tolist() == [8, 8, 8]
    assert not counts.loc[("c", "clocks")].any()
    assert counts.loc[("k", "car")].tolist() == [0, 0, 2]  # where the car has ended and the clocks still sound
    assert counts.loc[("c", "aircraft")].tolist() == [0, 0, 1]  # of no recording: of the one that began last
    assert counts.loc[("c", OVERALL)].tolist() == [3, 3, 4] and counts.loc[("k", OVERALL)].tolist() == [8, 8, 10]
    events = tallies[["event_references", "event_predictions"]]
    assert events.loc[("k", "clocks")].tolist() == [1, 1] and events.loc[("c", "car")].tolist() == [1, 1]
    # Every bin misses what sounds in it, so that it adds its losses to the recording of each class that it misses.
    losses = tallies["presence_loss"]
    assert losses["c", "car"] > 0 and losses["k", "clocks"] > 2 * losses["c", "car"] and losses["c", "clocks"] == 0
    assert losses["c", OVERALL] == pytest.approx(losses["c", "car"])


def test_what_classes_share_belongs_to_the_recording_that_began_last():
    """A segment has one number of errors, and a bin counts once, whatever classes sound there."""
    plan = over(lay({"a": [("k", "clocks", 8.0)]}), ("a", 2.0, 5.0, "car", "c"))
    nothing = plan.iloc[:0][COLUMNS]
    tallies = tallies_of(plan, nothing).set_index(["recording", "event_label"])
    assert tallies.loc[("k", OVERALL), "errors"] == 2 + 3 and tallies.loc[("c", OVERALL), "errors"] == 3 * 2
    middles = np.add.outer(cut(plan)["onset"].to_numpy(), (np.arange(BINS) + 0.5) * LENGTH / BINS)
    of_car, inside = (middles >= 2) & (middles < 5), middles < 8
    assert tallies.loc[("c", OVERALL), "bins"] == of_car.sum()
    assert tallies.loc[("k", OVERALL), "bins"] == inside.sum() - of_car.sum()


# ---- the table -------------------------------------------------------------------------------------------------------


def test_table_has_a_row_per_recording_and_class_and_one_for_all():
    plan = lay({"a": [("z", "car", 3.0), ("k", "clocks", 4.0)], "b": [("c", "car", 3.0), ("z", "car", 2.0)]})
    tallies = tallies_of(plan)
    assert tallies.columns[:3].tolist() == ["recording", "recording_label", "event_label"]
    assert tallies.columns[3:].tolist() == [*COUNTS, *LOSSES, *EVENTS, "hits_0.1", "hits_0.2", "hits_0.5", "hits_1"]
    assert len(tallies) == 3 * 4 and not tallies.isna().any(axis=None)
    assert set(map(tuple, tallies[["recording", "recording_label"]].to_numpy())) == {
        ("z", "car"),
        ("k", "clocks"),
        ("c", "car"),
    }
    for _, rows in tallies.groupby("recording"):
        assert sorted(rows["event_label"]) == sorted([OVERALL, *LABELS])


def test_recording_too_short_for_a_second_of_its_own_still_has_bins():
    plan = lay({"a": [("k", "clocks", 4.1), ("c", "car", 0.35), ("r", "aircraft", 4.0)]})
    tallies = tallies_of(plan).set_index(["recording", "event_label"])
    assert tallies.loc[("c", OVERALL), ["references", "predictions"]].tolist() == [0, 0]
    assert tallies.loc[("c", OVERALL), "bins"] > 0
    assert not tallies.isna().any(axis=None)


def test_recording_to_which_nothing_belongs_has_rows_of_zeros():
    """No middle of a second, of a bin or of an event lies in it: it goes on with the event of the recording before."""
    plan = lay({"a": [("k", "clocks", 4.0), ("l", "clocks", 0.01), ("r", "aircraft", 4.0)]})
    tallies = tallies_of(plan).set_index("recording")
    assert tallies.loc["l", "event_label"].tolist() == [OVERALL, *LABELS]
    assert (tallies.loc["l", KINDS] == 0).all(axis=None)


def test_without_outputs_the_losses_alone_are_missing():
    plan, estimated, outputs = made_up(0)
    windows, reference = cut(plan), merge_events(plan)
    found = recording_tallies(scorer(windows, reference), None, None, estimated, plan, tolerances=TOLERANCES)
    assert found[LOSSES].isna().all(axis=None)
    pd.testing.assert_frame_equal(found.drop(columns=LOSSES), tallies_of(plan, estimated, outputs).drop(columns=LOSSES))


def test_without_any_event_every_sum_of_events_is_zero():
    """So it is for a mix of background in which nothing is found."""
    plan = lay({"a": [("b", "", 5.0)]})
    nothing = pd.DataFrame(columns=COLUMNS)
    scores = scorer(cut(plan), nothing)
    found = recording_tallies(scores, None, None, nothing, plan, tolerances=TOLERANCES)
    assert len(found) == 4 and (found[[*COUNTS, *EVENTS, *KINDS[-4:]]] == 0).all(axis=None)


def test_table_is_written_and_read_as_it_is():
    plan = lay({"a": [("007", "car", 3.0), ("NA", "clocks", 4.0)]})
    outputs = np.random.default_rng(0).random((len(cut(plan)), BINS, 9)).astype(np.float32)
    tallies = tallies_of(plan, outputs=outputs)
    text = io.StringIO()
    write_table(tallies, text)
    again = read_table(io.StringIO(text.getvalue()))
    pd.testing.assert_frame_equal(tallies.astype(again.dtypes), again, atol=1e-6)
    assert set(again["recording"]) == {"007", "NA"}


@pytest.mark.parametrize("others", [0, 2])
def test_f1_of_sums_rests_on_the_first_three_kinds(others):
    sums = np.array([[[3, 4, 6], [0, 0, 0]], [[0, 5, 0], [2, 2, 2]]])  # (2, 2, kinds)
    sums = np.concatenate([sums, np.full((2, 2, others), 9)], axis=-1)
    np.testing.assert_allclose(f1(sums), [[0.6, 0], [0, 1]])
