"""Queries: words in, times out, from the command line, from Python, in streams, on pages and in the workflow."""

import csv
import io
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
import yaml
from hearing import config_of, pretend, put_published

from untrained import noise, save_untrained
from yoho import InputError
from yoho.referring.vectors import KEPT
from yoho.segmenting import command as module
from yoho.segmenting.command import main
from yoho.segmenting.levels import event_levels
from yoho.segmenting.queries import Queries
from yoho.segmenting.segmenter import Segmenter, cached_segmenter

RATE = 16000
READ = []  # what the ear keeps of the words of its classes, since reading them takes seconds


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return save_untrained(tmp_path_factory.mktemp("results") / "data" / "runs" / "mobilenet")


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """An empty current folder with a file, in any of which the ear hears a car, rain and barks, and a trained run."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(module, "RESULTS", tmp_path / "results")
    sound = noise(9, RATE)  # that falls silent from 3.1 to 6.3 s, when the ear hears nothing
    sound[5 * RATE :] *= 0.5
    soundfile.write("street.wav", sound, RATE)
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config_of(path=put_published(tmp_path / "published"))))
    monkeypatch.setattr(module, "CONFIG", tmp_path / "config.yaml")
    pretend(monkeypatch, tmp_path, Car=0.9, Rain=0.8, Bark=0.7)
    cached_segmenter.cache_clear()
    words = tmp_path / "results" / "ear" / KEPT
    words.parent.mkdir(parents=True)
    if READ:
        words.write_bytes(READ[0])
    yield tmp_path
    if words.exists():
        READ[:] = [words.read_bytes()]


def rows(text):
    """(start, end, label) of the lines of events."""
    return [(float(start), float(end), label) for start, end, label in csv.reader(io.StringIO(text))]


def asked(capsys, *queries, options=()):
    """The events that the command prints for queries."""
    assert main(["street.wav", *options, *(part for query in queries for part in ("--query", query))]) == 0
    return rows(capsys.readouterr().out)


def test_queries_are_reported_by_their_own_words(capsys):
    found = asked(capsys, "a dog  barking", "it is raining")
    for query in ("a dog barking", "it is raining"):
        (first, _), (second, _) = [(start, end) for start, end, label in found if label == query]
        assert first == 0 and 5.5 < second < 6.5
    assert len(found) == 4


def test_expressions_choose_among_the_events(capsys):
    car, first, last, loudest, quiet = "a car", "the first car", "the last car", "the loudest car", "quietest car"
    found = asked(capsys, car, first, last, loudest, quiet, "rain without a car", "a car longer than 9 seconds")
    events = [(start, end) for start, end, label in found if label == car]
    assert len(events) == 2
    of = {
        label: [(start, end) for start, end, other in found if other == label]
        for label in (first, last, loudest, quiet)
    }
    assert of == {first: events[:1], last: events[1:], loudest: events[:1], quiet: events[1:]}
    assert {label for *_, label in found} == {car, first, last, loudest, quiet}


def test_a_query_and_a_class_are_heard_alike(capsys):
    threshold = ["--threshold", "0.7"]  # By default, those of queries and of classes differ.
    assert main(["street.wav", "--class", "Car", *threshold]) == 0
    assert rows(capsys.readouterr().out) == asked(capsys, "Car", options=threshold)


def test_queries_have_a_threshold_of_their_own(here, monkeypatch, capsys):
    pretend(monkeypatch, here, Car=0.55)
    assert main(["street.wav", "--class", "Car"]) == 0
    assert rows(capsys.readouterr().out)
    assert not asked(capsys, "a car") and asked(capsys, "a car", options=["--threshold", "0.5"])


def test_explain_prints_classes_and_similarities(capsys):
    assert main(["--ear", "--explain", "--query", "a dog barking", "--query", "The first car after RAIN!"]) == 0
    first, bark, *more = capsys.readouterr().out.splitlines()
    assert first == "# a dog barking: [a dog barking]"
    assert bark.startswith("a dog barking,Bark,0.")
    assert "# The first car after RAIN!: first of ([car] after [rain])" in more
    assert more[-2:] == ["car,Car,1.00", "rain,Rain,1.00"]


@pytest.mark.parametrize(
    "query", ["", "asdfgh", "my tax return", "собака лает", "a dog between cars", "x" * 10_000, "\0", "\udc80"]
)
@pytest.mark.parametrize("options", [[], ["--explain"]])
def test_what_has_no_answer_is_one_line_and_no_event(query, options, capsys):
    assert main(["street.wav", "--ear", "--query", query, "--query", "a car", *options]) == 2
    out, err = capsys.readouterr()
    lines = [line for line in err.splitlines() if line.startswith("error: ")]
    assert out == "" and len(lines) == 1 and lines[0].startswith("error: query ") and len(lines[0]) < 500


def test_options_that_do_not_fit_queries_are_refused(capsys):
    for options in (["--query", "a", "--class", "Car"], ["--explain"]):
        with pytest.raises(SystemExit):
            main(["street.wav", *options])
        assert "--query" in capsys.readouterr().err


@pytest.mark.parametrize("form", ["json", "dcase", "audacity", "rttm"])
def test_every_form_names_the_query(form, capsys):
    assert main(["street.wav", "--ear", "--format", form, "--query", "a dog, barking"]) == 0
    out = capsys.readouterr().out
    assert ("a_dog,_barking" if form == "rttm" else "a dog, barking") in out


def test_a_page_has_a_lane_for_each_query(capsys):
    queries = ["a car", "the first car", "church bells"]
    options = ["--page", *(part for query in queries for part in ("--query", query))]
    assert main(["street.wav", *options]) == 0
    page = Path("street.wav.html").read_text()
    assert all(query in page for query in queries)


def test_a_stream_answers_plain_sounds_alone(here, capsys, monkeypatch):
    samples, rate = soundfile.read("street.wav", dtype="int16")

    def stream(*options):
        monkeypatch.setattr("sys.stdin", type("Stdin", (), {"buffer": io.BytesIO(samples.tobytes())}))
        code = main(["-", "--ear", "--rate", str(rate), *options])
        return code, capsys.readouterr()

    code, (out, _) = stream("--query", "a car")
    assert code == 0 and rows(out) == asked(capsys, "a car")
    code, (out, err) = stream("--query", "the first car")
    assert (code, out) == (2, "") and "in a stream, only plain sounds" in err
    segmenter = Segmenter.load("results/ear", queries=["the last car"])
    with pytest.raises(InputError, match="in a stream"):
        next(segmenter.stream([samples]))


def test_a_folder_is_segmented_by_queries_in_several_processes(here, capsys):
    Path("audio").mkdir()
    for number in range(3):
        Path(f"audio/{number}.wav").write_bytes(Path("street.wav").read_bytes())
    assert main([str(here / "audio"), "--ear", "--jobs", "2", "--query", "the last car", "--format", "json"]) == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [[event["event_label"] for event in file["events"]] for file in found] == [["the last car"]] * 3


def test_python_gets_the_events_of_queries():
    main(["street.wav"])
    samples, rate = soundfile.read("street.wav")
    segmenter = Segmenter.load("results/ear", queries=["the loudest car", "rain"])
    found = segmenter(samples, rate)
    assert found["event_label"].tolist() == ["rain", "the loudest car", "rain"]
    pd.testing.assert_frame_equal(found, segmenter.file("street.wav").events, rtol=1e-2)


def test_a_query_of_a_trained_run_keeps_its_starts_and_ends(run):
    own = Segmenter.load(run).file("street.wav").events
    label = own["event_label"].iloc[0]
    asked = Segmenter.load(run, queries=[label]).file("street.wav").events
    pd.testing.assert_frame_equal(asked, own[own["event_label"] == label].reset_index(drop=True))


# ---- parts -----------------------------------------------------------------------------------------------------------


def test_levels_of_events_are_mean_powers():
    rate, seconds = 1000, np.arange(5000) / 1000
    signal = np.sqrt(2) * np.sin(2 * np.pi * 100 * seconds) * np.where(seconds < 2, 1.0, 0.1)
    events = pd.DataFrame({"onset": [0.0, 2.0, 1.0, 4.99, 0.5], "offset": [2.0, 5.0, 3.0, 7.0, 0.501]})
    found = event_levels(events, np.array_split(signal.astype(np.float32), 7), rate, None)
    np.testing.assert_allclose(found, [0, -20, 10 * np.log10(0.505), -20, 0], atol=0.01)
    assert event_levels(events[:0], [signal], rate, None).shape == (0,)


def test_levels_do_not_drift_where_a_cell_is_no_whole_number_of_samples():
    rate = 22050
    signal = np.full(100 * rate, 0.001, np.float32)
    signal[90 * rate : 91 * rate] = 0.5
    found = event_levels(pd.DataFrame({"onset": [90.0, 10.0], "offset": [91.0, 11.0]}), [signal], rate, None)
    np.testing.assert_allclose(found, [20 * np.log10(0.5), -60], atol=0.2)


@pytest.mark.parametrize("texts", ["a dog barking", [], [3], [None]])
def test_queries_that_are_no_list_of_texts_are_refused(texts):
    with pytest.raises(InputError, match="^queries: "):
        Queries.of(texts)


def test_classes_and_queries_exclude_each_other():
    main(["street.wav"])
    with pytest.raises(InputError, match="classes and queries"):
        Segmenter.load("results/ear", classes=["Car"], queries=["a car"])


def test_the_name_of_a_class_is_no_expression():
    labels = ["Bee, wasp, etc.", "second hand", "no speech", "(other)", "traffic"]
    description = {"event_labels": labels, "kind": "ear"}
    queries = Queries.of([*labels, "the second hand", "SECOND hand"]).among(labels)
    found = queries.classes(description, None)
    assert {sound: list(names) for sound, names in found.items() if sound != "hand"} == {
        **{label: [label] for label in labels},
        "SECOND hand": ["second hand"],
    }
    assert queries.involved == ["the second hand"]


def test_a_doubtful_query_is_noted(capsys):
    settings = yaml.safe_load(Path("config.yaml").read_text())["referring"] | {"doubtful": 0.99}
    Queries.of(["it is raining", "rain"], settings).classes({"event_labels": ["rain"], "kind": "ear"}, None)
    notes = [line for line in capsys.readouterr().err.splitlines() if line.startswith("note: ")]
    assert len(notes) == 1
    assert notes[0].startswith('note: query "it is raining": may mean none of the classes; it stands for rain (0.')


def test_queries_have_single_spaces_and_come_once():
    queries = Queries.of(["a  dog\nbarking", "a dog barking", "rain after thunder", "thunder"])
    assert queries.texts == ("a dog barking", "rain after thunder", "thunder")
    assert queries.sounds == ["a dog barking", "rain", "thunder"] and queries.involved == ["rain after thunder"]
    assert queries == Queries.of(list(queries.texts)) and hash(queries) == hash(Queries.of(list(queries.texts)))


def test_answers_keep_the_events_of_each_query():
    rows = [(0.0, 1.0, "dog", 0.9), (2.0, 3.0, "rain", 0.8), (4.0, 5.0, "dog", 0.7)]
    events = pd.DataFrame(rows, columns=["onset", "offset", "event_label", "score"])
    queries = Queries.of(["DOG", "dog after rain", "rain during dog"])
    answers = queries.answers(events)
    assert list(answers.itertuples(index=False, name=None)) == [
        (0.0, 1.0, "DOG", 0.9),
        (4.0, 5.0, "DOG", 0.7),
        (4.0, 5.0, "dog after rain", 0.7),
    ]
    assert list(answers) == list(events)
