"""Segmenting: the events equal those of decoding all windows at once, for any blocks, and are yielded once final."""

import json
import os

import numpy as np
import pandas as pd
import pytest
import soundfile
import torch

from untrained import AVERAGED, DESCRIPTION, SEGMENTING, noise, save_untrained
from yoho import InputError
from yoho.networks.saving import load_network
from yoho.segmenting.batching import prefetched
from yoho.segmenting.choice import best_run, choose_network
from yoho.segmenting.segmenter import COLUMNS, Segmenter
from yoho.windows.cutting import cut_windows, window_onsets
from yoho.windows.front_ends import LogMel
from yoho.windows.targets import Decoder

RATE = 1000
LABELS, WINDOWS, DECODING = (DESCRIPTION[key] for key in ("event_labels", "windows", "decoding"))
LENGTH, HOP, BINS = WINDOWS["length"], WINDOWS["hop"]["score"], WINDOWS["bins"]
# Decodings that find some events in random outputs.
WAYS = {"bins": {"threshold": 0.8}, "averaged": {"threshold": 0.25, "averaged": AVERAGED | {"median": 0.1}}}


def description(**changes):
    return DESCRIPTION | {"sample_rate": RATE} | changes


def drawn(number, seed=0):
    """Reproducible random outputs of a window; number: its first sample."""
    return np.random.default_rng([seed, number]).random((BINS, 3 * len(LABELS))).astype(np.float32)


class Drawn:
    """Stands in for a `Predictor`: the value of a window's first sample determines its outputs."""

    def __init__(self):
        self.asked = []

    def __call__(self, samples, first):
        numbers = [round(float(samples[start])) for start in first]
        self.asked += numbers
        return np.stack([drawn(number) for number in numbers])


def ramp(seconds):
    """A signal whose samples are equal to their index, which is exact in float32 up to 2**24."""
    return np.arange(round(seconds * RATE), dtype=np.float32)


def drawing(way, end_from):
    """A Segmenter of drawn outputs that decodes in one of WAYS, and the same for a `Decoder`."""
    decoding = DECODING | WAYS[way] | {"end_from": end_from}
    segmenting = {"silence": None, "high_pass": None, "decoding": way} | WAYS[way]
    return Segmenter(Drawn(), description(decoding=decoding, segmenting=segmenting)), decoding


def at_once(seconds, decoding):
    """Events of all windows, decoded together."""
    hop = WINDOWS["hop"]["averaged" if "averaged" in decoding else "score"]
    onsets = window_onsets(round(seconds * RATE) / RATE, LENGTH, hop)
    outputs = np.stack([drawn(round(onset * RATE)) for onset in onsets])
    windows = pd.DataFrame({"filename": "", "onset": onsets, "mix_duration": seconds})
    return Decoder(LABELS, LENGTH, **decoding).events(outputs, windows)


def blocks_of(signal, sizes):
    """Yield the signal in blocks of these sizes, which are repeated."""
    start = 0
    while start < len(signal):
        for size in sizes:
            yield signal[start : start + size]
            start += size


@pytest.mark.parametrize("end_from", ["bin", "onset"])
@pytest.mark.parametrize("seconds", [0.001, 1.0, 2.56, 2.561, 4.52, 9.0, 61.37])
@pytest.mark.parametrize("windows", [1, 3])
@pytest.mark.parametrize("way", WAYS)
def test_blocks_give_what_all_at_once_gives(end_from, seconds, windows, way):
    segmenter, decoding = drawing(way, end_from)
    blocks = (block for block in blocks_of(ramp(seconds), [1, 977, 0, 5003]) if len(block))
    times, tables = zip(*segmenter.decoded(segmenter.windows(segmenter.batches(blocks, True, windows))))
    events = pd.concat(tables).sort_values(["onset", "event_label"], ignore_index=True)
    wanted = at_once(seconds, decoding)
    assert len(wanted) or seconds < 1
    pd.testing.assert_frame_equal(events[COLUMNS[:3]], wanted[COLUMNS[:3]], check_dtype=False)
    assert times[-1] == pytest.approx(seconds)


def test_every_window_is_computed_once():
    predictor = Drawn()
    Segmenter(predictor, description()).segment_blocks(blocks_of(ramp(900), [4096]), None)
    assert predictor.asked == [round(onset * RATE) for onset in window_onsets(900, LENGTH, HOP)]


@pytest.mark.parametrize(("way", "delay"), [("bins", 2.86), ("averaged", 2.86 + 0.05 + 0.01)])
def test_an_event_is_told_within_the_stated_delay_and_never_changed(way, delay):
    segmenter, decoding = drawing(way, "bin")
    told, late = [], []
    heard = 0.0

    def live():
        nonlocal heard
        for block in blocks_of(ramp(120), [10]):
            heard += len(block) / RATE
            yield block

    for time, events in segmenter.stream(live()):
        assert (events["offset"] <= time + 1e-6).all()
        told.append(events)
        late += list(heard - events["offset"])
    assert segmenter.delay == pytest.approx(delay)
    assert 2 < max(late) <= segmenter.delay + 0.01 + 1e-6  # 0.01 s: a block
    pd.testing.assert_frame_equal(
        pd.concat(told).sort_values(["onset", "event_label"], ignore_index=True)[COLUMNS[:3]],
        at_once(120, decoding)[COLUMNS[:3]],
    )


def test_prefetching_keeps_order_and_errors():
    def items():
        yield from range(5)
        raise InputError("no more")

    found = []
    with pytest.raises(InputError, match="no more"):
        for item in prefetched(items(), 3):
            found.append(item)
    assert found == [0, 1, 2, 3, 4]
    assert list(prefetched([], 2)) == []


def test_score_is_the_mean_presence_of_the_bins():
    outputs = np.zeros((1, BINS, 6), np.float32)
    outputs[0, 2:5, 0], outputs[0, 2:5, 2] = [0.6, 0.7, 0.95], 1  # rain: three bins
    segmenter = Segmenter(lambda samples, first: outputs, description())
    (event,) = segmenter(np.ones(2560), RATE).itertuples()
    assert event.event_label == "rain"
    assert event.score == pytest.approx(0.75)
    assert (event.onset, event.offset) == pytest.approx((2 * LENGTH / 9, 5 * LENGTH / 9), abs=1e-6)


def test_the_threshold_is_that_of_the_scores_unless_named():
    own = {"rain": 0.3, "car": 0.9}
    decoding = DECODING | {"threshold": 0.6}
    assert list(Segmenter(None, description(thresholds=own, decoding=decoding)).thresholds) == [0.6, 0.6]
    assert list(Segmenter(None, description(thresholds=own), threshold="tuned").thresholds) == [0.3, 0.9]
    with pytest.raises(InputError, match="no tuned thresholds"):
        Segmenter(None, description(), threshold="tuned")
    assert list(Segmenter(None, description(thresholds=own), threshold=0.4).thresholds) == [0.4, 0.4]
    assert list(Segmenter(None, description()).thresholds) == [0.5, 0.5]
    with pytest.raises(InputError, match="dog"):
        Segmenter(None, description(), threshold={"dog": 0.1, "rain": 0.2, "car": 0.3})


def test_thresholds_are_of_their_class():
    outputs = np.zeros((1, BINS, 6), np.float32)
    outputs[0, 0, [0, 3]] = 0.6  # both classes
    outputs[0, 0, [2, 5]] = 1
    segmenter = Segmenter(lambda samples, first: outputs, description(), {"rain": 0.7, "car": 0.5})
    assert list(segmenter(np.ones(2560), RATE)["event_label"]) == ["car"]


@pytest.mark.parametrize(
    ("waveform", "match"),
    [
        (np.zeros(0), "no audio"),
        (np.full(100, np.nan), "not numbers"),
        (np.zeros((2, 44100)), r"samples, channels"),
        (np.zeros((2, 2, 2)), r"samples, channels"),
        (np.zeros(10, complex), "complex"),
        (np.zeros(10, np.uint8), "uint8"),
        (["a"], "floats"),
    ],
)
def test_a_waveform_that_is_none_is_refused(waveform, match):
    with pytest.raises(InputError, match=match):
        Segmenter(Drawn(), description())(waveform, RATE)


# ---- with a network --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return save_untrained(tmp_path_factory.mktemp("results") / "data" / "runs" / "mobilenet")


@pytest.fixture(scope="module")
def segmenter(folder):
    return Segmenter.load(folder, threshold=0.52, device="reference", threads=1)


def test_outputs_are_those_of_the_reference(segmenter, folder):
    waveform = noise(10)
    onsets = window_onsets(10, LENGTH, HOP)
    front_end = LogMel(44100, **segmenter.description["features"])
    features = front_end(cut_windows(waveform, onsets, LENGTH, 44100))
    with torch.no_grad():
        outputs = load_network(folder)[0](torch.from_numpy(features)).numpy()
    windows = pd.DataFrame({"filename": "", "onset": onsets, "mix_duration": 10.0})
    wanted = Decoder(LABELS, LENGTH, **DECODING | {"threshold": 0.52}).events(outputs, windows)
    as_in_the_paper = {key: value for key, value in segmenter.description.items() if key != "segmenting"}
    found = Segmenter(segmenter.predictor, as_in_the_paper, 0.52)(waveform, 44100)
    assert len(wanted)
    pd.testing.assert_frame_equal(found[COLUMNS[:3]], wanted[COLUMNS[:3]], atol=1e-4)


def test_a_file_and_its_samples_give_the_same(segmenter, tmp_path):
    path = tmp_path / "a.wav"
    soundfile.write(path, noise(7), 44100, subtype="FLOAT")
    duration, events = segmenter.file(path)
    assert duration == 7
    pd.testing.assert_frame_equal(events, segmenter(noise(7), 44100))


@pytest.mark.parametrize("scale", [1e-12, 1e-5, 1e-3, 1, 1000])
def test_loudness_does_not_matter(segmenter, scale):
    pd.testing.assert_frame_equal(segmenter(scale * noise(5), 44100), segmenter(noise(5), 44100), atol=1e-3)


@pytest.mark.parametrize(
    "waveform",
    [np.zeros(44100), np.ones(44100), np.sign(noise(1)), noise(1) + 0.8, np.float32([0.1]), noise(0.2)],
    ids=["silence", "constant", "clipped", "offset", "one sample", "short"],
)
def test_odd_audio_gives_events_within_it(segmenter, waveform):
    events = segmenter(waveform, 44100)
    assert list(events) == COLUMNS
    assert (events["onset"] >= 0).all()
    assert (events["offset"] <= len(waveform) / 44100 + 1e-6).all()


# ---- silence and offset ----------------------------------------------------------------------------------------------


def sounding(samples, first):
    """Stands in for a `Predictor`: every class sounds in every bin, as a network may output for silence."""
    return np.tile(np.float32([0.9, 0, 1]), (len(first), BINS, len(LABELS)))


def dither(samples, seed=0):
    """16-bit digital silence with triangular dither, as mastering tools write it; integers."""
    rng = np.random.default_rng(seed)
    return np.round(rng.uniform(-0.5, 0.5, samples) + rng.uniform(-0.5, 0.5, samples)).astype(np.int16)


SILENT = {
    "zeros": np.zeros(60 * RATE),
    "whole zeros": np.zeros(60 * RATE, np.int16),
    "constant": np.ones(60 * RATE),
    "tiny constant": np.full(60 * RATE, 1e-7),
    "dither": dither(60 * RATE),
    "dither and offset": dither(60 * RATE) + np.int16(1000),
    "dither as floats": dither(60 * RATE) / 2**15,
    "one sample": np.zeros(1),
}


@pytest.mark.parametrize("waveform", SILENT.values(), ids=SILENT)
@pytest.mark.parametrize("rate", [RATE, 1.7 * RATE])
@pytest.mark.parametrize("threshold", [0, 0.5])
@pytest.mark.parametrize("way", ["bins", "averaged"])
def test_silence_holds_no_event(waveform, rate, threshold, way):
    settings = SEGMENTING | {"averaged": AVERAGED | {"median": 0.3}}
    segmenter = Segmenter(sounding, description(segmenting=settings), threshold, way)
    if rate != RATE and len(waveform) > 1 and waveform[0]:  # resampling turns a constant into steps at both ends
        waveform = waveform - waveform[0]
    assert segmenter(waveform, rate).empty
    if rate == RATE and len(waveform) > 1:
        loud = np.concatenate([waveform, np.full(99, 9, waveform.dtype)])
        assert segmenter(loud, rate)["onset"].min() > len(waveform) / rate - LENGTH / BINS - AVERAGED["resolution"]


def test_silence_within_a_recording_holds_no_event():
    sound = (0.1 * np.random.default_rng(0).standard_normal(60 * RATE)).astype(np.float32)
    sound[20 * RATE : 40 * RATE] = 0
    first, second = (
        Segmenter(sounding, description(segmenting=SEGMENTING)).segment_blocks([sound], 0.0).events.groupby("onset")
    )
    width = LENGTH / BINS
    assert first[0] == 0 and 20 <= first[1]["offset"].max() < 20 + width
    assert 40 - width < second[0] <= 40 and second[1]["offset"].max() == 60


@pytest.mark.parametrize("scale", [0.1, 1e-2, 1e-3, 1e-4, 3e-5, 1e-5, 1e-7, 2**15])
def test_floats_of_any_scale_are_segmented_alike(segmenter, scale, tmp_path):
    wanted = segmenter(noise(10), 44100)
    assert len(wanted)
    pd.testing.assert_frame_equal(segmenter(noise(10) * np.float32(scale), 44100), wanted, atol=2e-3)
    soundfile.write(tmp_path / "a.wav", noise(10) * np.float32(scale), 44100, subtype="FLOAT")
    pd.testing.assert_frame_equal(segmenter.file(tmp_path / "a.wav").events, wanted, atol=2e-3)


def test_what_is_just_louder_than_the_limit_sounds():
    tone = np.sin(np.arange(10 * RATE))
    segmenter = Segmenter(sounding, description(segmenting=SEGMENTING))
    assert segmenter(np.round(2**31 * 1.01e-4 * tone).astype(np.int32), RATE)["offset"].max() == 10
    assert segmenter(np.round(2**31 * 0.99e-4 * tone).astype(np.int32), RATE).empty


def test_an_offset_changes_no_event(segmenter):
    wanted = segmenter(noise(10), 44100)
    assert len(wanted)
    for offset in (0.05, -0.1):
        pd.testing.assert_frame_equal(segmenter(noise(10) + np.float32(offset), 44100), wanted, atol=2e-3)


def loudness(samples, first):
    """Stands in for a `Predictor`: a window's samples determine its outputs, to the bit."""
    size = round(LENGTH * RATE)
    windows = np.stack([np.pad(samples[start : start + size], (0, size))[:size] for start in first])
    peaks = np.stack([np.abs(part).max(axis=1) for part in np.array_split(windows, 3 * BINS * len(LABELS), axis=1)], 1)
    return (5e3 * peaks % 1).reshape(len(first), BINS, -1)


@pytest.mark.parametrize("sizes", [[1], [97, 0, 1], [RATE, 1, 0, 7 * RATE]])
@pytest.mark.parametrize("seconds", [0.5, 61.37])
@pytest.mark.parametrize("way", WAYS)
def test_a_stream_gives_what_a_file_gives(sizes, seconds, way):
    signal = noise(seconds, RATE) + np.float32(0.1)
    signal[20_000:40_000] = 0.1
    segmenter = Segmenter(loudness, description(segmenting=SEGMENTING | WAYS[way]), WAYS[way]["threshold"], way)
    times, tables = zip(*segmenter.stream(blocks_of(signal, sizes), floats=True))
    found = pd.concat(tables).sort_values(["onset", "event_label"], ignore_index=True)
    wanted = segmenter.segment_blocks([signal], 0.0)
    assert len(wanted.events) and times[-1] == wanted.duration == seconds
    pd.testing.assert_frame_equal(found, wanted.events, rtol=0, atol=1e-12)


def test_a_run_that_says_nothing_of_segmenting_is_used_as_in_the_paper():
    assert Segmenter(sounding, description())(np.zeros(10 * RATE), RATE)["offset"].max() == 10
    assert Segmenter(sounding, description()).delay == pytest.approx(2.86)
    with pytest.raises(InputError, match="decoding averaged: .*choose bins"):
        Segmenter(sounding, description(), decoding="averaged")


def test_a_run_is_decoded_as_its_model_json_says_unless_asked_otherwise():
    own = description(segmenting=SEGMENTING | {"decoding": "averaged", "averaged": AVERAGED})
    assert Segmenter(None, own).hop == 0.64
    assert Segmenter(None, own, decoding="bins").hop == 1.96
    assert Segmenter(None, description(segmenting=SEGMENTING)).hop == 1.96


def test_whole_numbers_and_channels(segmenter):
    waveform = np.round(noise(5) * 20000).astype(np.int16)
    one = segmenter(waveform, 44100)
    pd.testing.assert_frame_equal(segmenter(np.stack([waveform, waveform], axis=1), 44100), one)
    pd.testing.assert_frame_equal(segmenter(waveform / np.float32(32767), 44100), one, atol=1e-3)


def test_another_rate_is_resampled():
    heard = []

    def keep(samples, first):
        heard.append(samples)
        return np.tile(np.float32([1, 0, 1]), (len(first), BINS, 2))

    time = np.arange(6 * 48000) / 48000
    events = Segmenter(keep, description(sample_rate=8000))(np.sin(2 * np.pi * 440 * time), 48000)
    assert events["offset"].max() == 6
    (samples,) = heard
    middle = slice(1000, -1000)
    wanted = np.sin(2 * np.pi * 440 * np.arange(len(samples)) / 8000)
    np.testing.assert_allclose(samples[middle], wanted[middle], atol=1e-3)


def test_best_run_has_the_highest_validation_score(folder, tmp_path):
    def taken(results):
        run, reason = best_run(results)
        return run.folder, reason

    results = folder.parents[2]
    assert taken(results) == (folder, "the best of dataset data by validation F1, 0.50")
    better = folder.parent / "better"
    better.mkdir()
    (better / "model.json").write_text(json.dumps({"validation": {"f1": 0.9}}))
    assert taken(results)[0] == folder  # it has no weights
    (better / "weights.safetensors").touch()
    assert taken(results) == (better, "the best of dataset data by validation F1, 0.90")
    (better / "model.json").write_text(json.dumps({"validation": {"f1": float("nan")}}))
    assert taken(results)[0] == folder
    assert best_run(tmp_path) is None


def put_run(results, dataset, f1, time, **data):
    """A run's folder with only those parts of a network that `best_run` reads; time: of its weights."""
    folder = results / dataset / "runs" / f"{f1}"
    folder.mkdir(parents=True)
    (folder / "model.json").write_text(json.dumps({"validation": {"f1": f1}} | ({"data": data} if data else {})))
    (folder / "weights.safetensors").touch()
    os.utime(folder / "weights.safetensors", (time, time))
    return folder


def test_f1_is_compared_within_a_dataset_and_real_recordings_go_first(tmp_path):
    def taken():
        (folder, *_), why = best_run(tmp_path)
        return folder, why.removeprefix(f"the best of dataset {folder.parts[-3]} by validation F1, ")

    unknown = put_run(tmp_path, "old", 0.99, 9)
    assert taken() == (unknown, "0.99")
    builtin = put_run(tmp_path, "builtin", 0.95, 8, origin="built-in recordings")
    assert taken() == (builtin, "0.95; it was preferred to old, which consists of recordings of an unknown source")
    esc10 = put_run(tmp_path, "esc10", 0.7, 1, origin="a collection's recordings", trained_on="esc10")
    put_run(tmp_path, "esc10", 0.6, 3, origin="a collection's recordings", trained_on="esc10")
    put_run(
        tmp_path, "esc10", 0.8, 4, origin="a collection's recordings", trained_on="esc10-pool_released"
    )  # heard its test recordings
    folder, why = taken()
    assert folder == esc10
    assert why.startswith(
        "0.70; it was preferred to esc10-pool_released, which is a variant, and to builtin, which consists of "
    )
    bbc = put_run(tmp_path, "bbc", 0.4, 5, origin="a collection's recordings")
    assert taken()[0] == bbc and "esc10, which is older" in taken()[1]
    own = put_run(tmp_path, "own", 0.3, 1, origin="your own recordings")
    assert taken()[0] == own and "builtin, which consists of built-in recordings" in taken()[1]


@pytest.mark.parametrize("data", [None, [], "synthetic", {"origin": ["your own recordings"]}, {"trained_on": 3}])
def test_a_model_card_of_another_form_is_a_run_all_the_same(tmp_path, data):
    folder = put_run(tmp_path, "data", 0.5, 1)
    (folder / "model.json").write_text(json.dumps({"validation": {"f1": 0.5}, "data": data}))
    assert best_run(tmp_path)[0].folder == folder


@pytest.mark.parametrize("origin", ["your own recordings", "a collection's recordings"])
def test_a_network_of_real_recordings_comes_before_the_ear(tmp_path, origin):
    put_run(tmp_path, "builtin", 0.9, 2, origin="built-in recordings")
    own = put_run(tmp_path, "own", 0.5, 1, origin=origin)
    folder, reason = choose_network(tmp_path)
    assert folder == own and reason.startswith("the best of dataset own") and reason.endswith("before the ear")


@pytest.mark.parametrize("origin", [None, "built-in recordings"])
def test_the_ear_comes_before_other_networks(tmp_path, origin):
    assert choose_network(tmp_path) == (tmp_path / "ear", "the ear, because no network is trained")
    builtin = put_run(tmp_path, "builtin", 0.9, 2, origin=origin)
    folder, reason = choose_network(tmp_path)
    assert folder == tmp_path / "ear" and str(builtin) in reason
    assert (origin or "recordings of an unknown source") in reason
