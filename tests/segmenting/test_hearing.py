"""Segmenting with the ear: it is made at first use, knows kinds of classes, and hides the general by the specific."""

import csv
import io
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import soundfile
import yaml
from calibrate_ear import calibrate_ear
from hearing import ONTOLOGY, WEIGHTS, YAMNET, config_of, pretend, put_published
from recorded import ESC10

from servers import MANNERS
from untrained import noise
from yoho.events import write_table
from yoho.recordings.splits import RECORDING_COLUMNS
from yoho.segmenting import command as module
from yoho.segmenting.command import main
from yoho.segmenting.segmenter import Segmenter, cached_segmenter, ear_segmenter

RATE = 16000


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """An empty current folder, with a file of noise and empty results."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(module, "RESULTS", tmp_path / "results")
    soundfile.write("street.wav", 0.1 + 0.5 * noise(6, RATE), RATE)
    cached_segmenter.cache_clear()
    return tmp_path


@pytest.fixture
def config(here, monkeypatch):
    """A function that changes the config of the command line, in which the published files are on this machine."""

    def write(config):
        Path("config.yaml").write_text(yaml.safe_dump(config))
        monkeypatch.setattr(module, "CONFIG", here / "config.yaml")

    write(config_of(path=put_published(here / "published")))
    return write


@pytest.fixture
def street(here, monkeypatch, config):
    """The ear hears a car, a vehicle, rain and silence in any sound."""
    pretend(monkeypatch, here, Vehicle=0.9, Car=0.75, Rain=0.8, Silence=0.9)


def labels(text):
    return [row[2] for row in csv.reader(io.StringIO(text))]


# ---- the first use ---------------------------------------------------------------------------------------------------


def test_the_first_use_fetches_the_ear_and_a_later_one_needs_nothing(street, config, server, capsys, here):
    given = config_of(server.add("yamnet.tflite", WEIGHTS), server.add("ontology.json", ONTOLOGY))
    given["recordings"]["downloads"] |= MANNERS
    config(given)
    assert main(["street.wav"]) == 0
    out, err = capsys.readouterr()
    assert set(labels(out)) == {"Car", "Rain"}
    assert f"fetching {server.address}/tflite/yamnet.tflite and {server.address}/json/ontology.json, once\n" in err
    assert err.endswith(f"network: {here}/results/ear (the ear, because no network is trained)\n")
    server.close()
    assert main(["street.wav"]) == 0
    assert capsys.readouterr() == (out, err[err.index("network:") :])


def test_without_a_network_one_line_says_what_to_do(street, config, server, capsys):
    address = f"{server.address}/gone"
    server.close()
    given = config_of(f"{address}/yamnet.tflite", f"{address}/ontology.json")
    given["recordings"]["downloads"] |= MANNERS
    config(given)
    assert main(["street.wav"]) == 2
    out, err = capsys.readouterr()
    (line,) = [line for line in err.splitlines() if line.startswith("error: ")]
    assert out == "" and err.endswith(f"{line}\n")
    assert "yamnet.tflite" in line and "--ear FILE" in line and "ear.path" in line


def test_the_ear_can_be_made_of_a_file(street, config, here, capsys):
    config(config_of())
    assert main(["street.wav", "--ear", str(here / "published" / "yamnet.tflite")]) == 0
    out, err = capsys.readouterr()
    assert set(labels(out)) == {"Car", "Rain"}
    assert err == f"network: {here}/results/ear (the ear, as --ear says)\n"
    made = [file.stat().st_mtime_ns for file in (here / "results" / "ear").glob("*.*")]
    assert main(["street.wav", "--ear", str(here / "published" / "yamnet.tflite")]) == 0
    assert [file.stat().st_mtime_ns for file in (here / "results" / "ear").glob("*.*")] == made
    capsys.readouterr()
    assert main(["--ear", "street.wav", "street.wav"]) == 2  # even though the ear is there already
    error = capsys.readouterr().err
    assert error.startswith("error: street.wav: is not yamnet.tflite") and "write: street.wav --ear" in error


def test_audio_that_is_taken_for_the_file_of_weights_is_explained(street, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["--ear", "street.wav"])
    error = capsys.readouterr().err
    assert stopped.value.code == 2 and "write: street.wav --ear" in error.splitlines()[-1]
    with pytest.raises(SystemExit):
        main([])
    assert "required: AUDIO" in capsys.readouterr().err


def test_no_ear_is_made_for_audio_that_is_not_there(street, here, capsys):
    assert main(["sreet.wav"]) == 2
    assert capsys.readouterr().err == "error: sreet.wav: No such file or directory\n"
    assert not (here / "results").exists()


def test_half_an_ear_is_made_again(street, here):
    assert main(["street.wav"]) == 0
    weights = here / "results" / "ear" / "weights.safetensors"
    content = weights.read_bytes()
    weights.write_bytes(content[:1000])
    assert main(["street.wav"]) == 0
    assert weights.read_bytes() == content


# ---- classes ---------------------------------------------------------------------------------------------------------


def test_a_general_class_is_hidden_unless_it_is_asked_for(street, capsys):
    for decoding in ("averaged", "bins"):
        for asked, found in (
            ([], {"Car", "Rain"}),
            (["vehicle"], {"Vehicle"}),
            (["Vehicle", "car"], {"Vehicle", "Car"}),
            (["Alarm"], set()),
            (["silence"], {"Silence"}),
        ):
            options = [part for name in asked for part in ("--class", name)]
            assert main(["street.wav", "--decoding", decoding, *options]) == 0
            assert set(labels(capsys.readouterr().out)) == found


def test_a_class_stands_for_all_kinds_of_it(here, monkeypatch, config, capsys):
    pretend(monkeypatch, here, Car=0.7, Car_alarm=0.6)
    assert main(["street.wav", "--class", "Vehicle", "--class", "Alarm", "--format", "json"]) == 0
    found = {event["event_label"]: event["score"] for event in json.loads(capsys.readouterr().out)["events"]}
    assert found == pytest.approx({"Vehicle": 0.7, "Alarm": 0.6}, abs=0.01)  # of the most present kind


def test_a_class_of_a_dataset_may_have_the_name_of_one_that_the_ear_leaves_out(street, here):
    assert main(["street.wav"]) == 0
    segmenter = ear_segmenter("results/ear", None, {"Silence": ["Rain"]}, threads=1)
    assert set(segmenter.file("street.wav").events["event_label"]) == {"Silence"}


def test_thresholds_may_be_a_column_of_a_table(street, here):
    assert main(["street.wav"]) == 0
    thresholds = pd.Series(json.loads(Path("results/ear/model.json").read_text())["network"]["thresholds"])
    segmenter = ear_segmenter("results/ear", thresholds, {"traffic": ["Car"]}, threads=1)
    assert set(segmenter.file("street.wav").events["event_label"]) == {"traffic"}


@pytest.mark.parametrize("decoding", ["bins", "averaged"])
def test_raw_logits_do_not_depend_on_the_decoding_or_the_scale(street, here, config, decoding):
    given = config_of(path=here / "published")
    given["segmenting"]["decoding"] = decoding
    config(given)
    assert main(["street.wav"]) == 0
    samples, rate = soundfile.read("street.wav")
    soundfile.write("loud.wav", 3 * samples / np.abs(samples).max(), rate, subtype="FLOAT")
    rows = [("a", "loud.wav", "car", "a", "train", 6.0, 0.0, 6.0, "")]
    write_table(pd.DataFrame(rows, columns=RECORDING_COLUMNS), "recordings.tsv")
    files = SimpleNamespace(ear=["results/ear/model.json"], recordings="recordings.tsv")
    background = {"recordings": 1, "duration": 5, "level": [-60, -25], "seed": 0, "sounds": {"silence": ["Silence"]}}
    settings = {"quantile": 0.5, "lowest": 0.0001}
    given = {"names": {"car": ["Car"]}, "splits": ["train"], "background": background, "sample_rate": RATE}
    calibrate_ear(files, "table.csv", 1, **given, settings=settings)
    found = pd.read_csv("table.csv").set_index("event_label")["threshold"]
    # The pretended ear has the raw logit 0 of every class, in any sound.
    assert found["Vehicle"] == found["Car"] == pytest.approx(np.log(0.0001 / 0.9999), abs=1e-4)
    assert found["Rain"] == found["Silence"] == pytest.approx(0, abs=1e-4)


def test_an_unknown_class_gets_similar_names(street, capsys):
    assert main(["street.wav", "--class", "car horn"]) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert "Vehicle horn, car horn, honking" in error and len(error) < 200


def test_the_ear_has_no_tuned_thresholds(street, capsys):
    assert main(["street.wav", "--threshold", "tuned"]) == 2
    assert "no tuned thresholds" in capsys.readouterr().err
    assert main(["street.wav", "--threshold", "0.78"]) == 0
    assert set(labels(capsys.readouterr().out)) == {"Vehicle", "Rain"}  # the car is no longer there


def test_top_leaves_the_classes_that_sound_longest(street, capsys):
    assert main(["street.wav", "--top", "1"]) == 0
    assert set(labels(capsys.readouterr().out)) == {"Rain"}
    for wrong in (["street.wav", "--top", "0"], ["-", "--top", "1"]):
        with pytest.raises(SystemExit):
            main(wrong)
        assert "--top" in capsys.readouterr().err


def test_a_stream_gives_what_a_file_gives(street, capsys, monkeypatch):
    samples, _ = soundfile.read("street.wav", dtype="int16")
    for options in ([], ["--class", "Vehicle"]):
        assert main(["street.wav", *options]) == 0
        out = capsys.readouterr().out
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(samples.tobytes())))
        assert main(["-", "--rate", str(RATE), *options]) == 0
        assert sorted(capsys.readouterr().out.splitlines()) == sorted(out.splitlines()) != []


@pytest.mark.parametrize("level", [None, -85])
def test_silence_is_silent(street, capsys, level):
    samples = np.zeros(5 * RATE) if level is None else np.random.default_rng(0).normal(0, 10 ** (level / 20), 5 * RATE)
    soundfile.write("quiet.wav", samples / 3, RATE, subtype="PCM_24")
    assert main(["quiet.wav"]) == 0
    assert capsys.readouterr().out == ""


def test_python_loads_the_ear_with_some_classes(street, here):
    assert main(["street.wav"]) == 0
    samples, rate = soundfile.read("street.wav")
    assert set(Segmenter.load(here / "results/ear")(samples, rate)["event_label"]) == {"Car", "Rain"}
    segmenter = Segmenter.load("results/ear", classes=["vehicle"])
    assert segmenter.classes == ["Vehicle"] and set(segmenter(samples, rate)["event_label"]) == {"Vehicle"}


# ---- pages, the rule, real sounds ------------------------------------------------------------------------------------


def test_the_page_shows_the_classes_that_sound_longest_first(street):
    Path("true.csv").write_text("0.5,1.0,owl\n1.0,6.0,Goat\n")
    assert main(["street.wav", "--page", "--reference", "true.csv"]) == 0
    page = Path("street.wav.html").read_text()
    lanes = [line.split('aria-label="')[1].split('"')[0] for line in page.splitlines() if 'class="lane"' in line]
    assert sorted(lanes) == ["Car", "Goat", "Rain", "owl"] and lanes[-1] == "owl"


needs_the_published_ear = pytest.mark.skipif(
    not YAMNET.is_dir() or not ESC10.is_dir(), reason="the published ear and ESC-10 are not here"
)


@needs_the_published_ear
@pytest.mark.parametrize(
    ("clip", "asked", "heard"),
    [
        ("1-19898-A-41", None, {"Chainsaw"}),
        ("1-19898-A-41", "engine", {"Engine"}),
        ("1-21935-A-38", None, {"Tick-tock"}),
        ("1-28135-A-11", "Water", {"Water"}),
        ("1-28135-A-11", "Music", set()),
    ],
)
def test_the_published_ear_hears_real_sounds(clip, asked, heard, capsys):
    options = ["--class", asked] if asked else []
    assert main([str(ESC10 / f"audio/{clip}.ogg"), "--ear", str(YAMNET), *options]) == 0
    found = set(labels(capsys.readouterr().out))
    assert found == heard if asked else found >= heard


@needs_the_published_ear
def test_floats_of_a_large_scale_are_heard_as_others_are(capsys):
    samples, rate = soundfile.read(ESC10 / "audio/1-19898-A-41.ogg")
    samples /= np.abs(samples).max()
    for scale in (4, 2**15):
        soundfile.write(f"{scale}.wav", scale * samples, rate, subtype="FLOAT")
    found = []
    for name in ("4.wav", f"{2**15}.wav"):
        assert main([name, "--ear", str(YAMNET)]) == 0
        found.append(capsys.readouterr().out)
    assert found[0] == found[1] and "Chainsaw" in labels(found[0])
