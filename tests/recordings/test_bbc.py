"""BBC Sound Effects: rules, groups, manifest, licence; searched and fetched from a server on the loopback interface."""

import hashlib
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest
import soundfile
import yaml
from downloads import audio

import servers
from places import ROOT
from servers import MANNERS
from yoho import InputError, job
from yoho.downloads.web import Web
from yoho.events import write_table
from yoho.recordings import bbc, bbc_library
from yoho.recordings.bbc_library import describe_entry, first_of_each, group_of, matching_classes
from yoho.recordings.manifest import MANIFEST_COLUMNS, read_manifest

SOUNDDESCS = ROOT.parent / "shared" / "data" / "bbc" / "six_classes_sounddescs.csv"
CONFIG = yaml.safe_load((ROOT / "config" / "bbc.yaml").read_text())["datasets"]
DESCRIBED, RELEASED = (CONFIG[name]["recordings"]["classes"] for name in ("bbc", "bbc_released"))


# ---- rules -----------------------------------------------------------------------------------------------------------


def row(category, description, cd_name="", band=""):
    return {"id": "1", "category": category, "description": description, "cd_name": cd_name, "band": band}


@pytest.mark.parametrize(
    "category, words, described, released",
    [
        ("Transport", "Car drives off", ["car"], ["car"]),
        ("Transport", "Vintage cars.", ["car"], ["car"]),
        ("Transport|Sport", "Rally: CAR, passes", ["car"], ["car"]),
        ("Transport", "Horse and cart", [], ["car"]),
        ("Transport", "Railway carriage", [], ["car"]),
        ("Transport", "Vauxhall Carlton, exterior", [], ["car"]),
        ("Transport", "Aircraft, undercarriage lowered", ["aircraft"], ["car", "aircraft"]),
        ("Transport", "Hovercraft", [], []),
        ("Aircraft|Transport", "Spitfire passes", ["aircraft"], ["aircraft"]),
        ("Aircraft|Transport", "Airport, car arrives", ["car", "aircraft"], ["car", "aircraft"]),
        ("Footsteps|Comedy", "Car door", ["footsteps"], ["footsteps"]),
        ("Nature", "Rainforest at dawn", ["rainforest"], ["rainforest"]),
        ("Nature", "birds of the rainforest", ["rainforest"], []),
        ("Nature", "Tropical rain forest", ["rainforest"], []),
        ("Nature", "Rain on forest floor", [], []),
        ("Birds", "Rainforest bird", [], []),
        ("Daily Life", "car", [], []),
    ],
)
def test_presets(category, words, described, released):
    assert matching_classes(row(category, words), DESCRIBED) == described
    assert matching_classes(row(category, words), RELEASED) == released
    assert matching_classes(row(category, "", cd_name=words), DESCRIBED) == described
    assert matching_classes(row(category, "", cd_name=words), RELEASED) == released


def test_band_description_counts_only_for_rainforest_and_only_as_described():
    recording = row("Nature", "Frogs at night", band="Borneo, RAINFOREST edge")
    assert (matching_classes(recording, DESCRIBED), matching_classes(recording, RELEASED)) == (["rainforest"], [])
    assert matching_classes(row("Transport", "Lorry", band="car"), DESCRIBED) == []


@pytest.fixture(scope="module")
def recordings():
    """The recordings of SoundDescs under the released rules, as rows of a manifest."""
    if not SOUNDDESCS.is_file():
        pytest.skip(f"no metadata of SoundDescs at {SOUNDDESCS}")
    table = pd.read_csv(SOUNDDESCS, dtype=str, keep_default_na=False)
    return table.rename(columns={"categories": "category", "CDName": "cd_name"}).assign(band="").to_dict("records")


WITHOUT_TEXT = ["nhu05004001", "nhu05012186", "nhu05015129", "nhu05061115", "nhu05073088"]


def test_released_rules_give_every_class_of_sounddescs_but_where_there_is_no_text(recordings):
    assert len(recordings) == 3751
    found = [matching_classes(recording, RELEASED) for recording in recordings]
    missed = [recording for recording, own in zip(recordings, found, strict=True) if recording["class"] not in own]
    assert [recording["id"] for recording in missed] == WITHOUT_TEXT
    assert all("description not stored here" in recording["description"] for recording in missed)


def test_recording_that_meets_the_rules_of_two_classes_is_of_the_first(recordings):
    """07069013 has a row for each of two classes in SoundDescs; here a recording holds one class."""
    double = [recording for recording in recordings if len(matching_classes(recording, RELEASED)) > 1]
    rows = [("07009068", "car"), ("07009069", "car"), ("07069013", "aircraft"), ("07069013", "car")]
    assert [(recording["id"], recording["class"]) for recording in double] == rows
    assert all("undercarriage" in recording["description"].lower() for recording in double)
    assert [matching_classes(recording, RELEASED) for recording in double] == [["car", "aircraft"]] * 4
    assert [matching_classes(recording, DESCRIBED) for recording in double] == [["aircraft"]] * 4
    assert sum(matching_classes(recording, RELEASED)[:1] == [recording["class"]] for recording in recordings) == 3745


def test_whole_words_drop_82_of_1249_cars_and_make_3_aircraft(recordings):
    found = {label: [] for label in ("car", "aircraft", None)}
    for recording in recordings:
        own = matching_classes(recording, DESCRIBED)
        if recording["class"] == "car":
            found[own[0] if own else None].append(recording)
        elif recording["id"] not in WITHOUT_TEXT:
            assert own[0] == recording["class"]  # no other class loses or gains any
    assert {label: len(rows) for label, rows in found.items()} == {"car": 1164, "aircraft": 3, None: 82}
    words = Counter(
        word
        for recording in found[None]
        for word in set(re.findall(r"[a-z]*car[a-z]*", f"{recording['cd_name']} {recording['description']}".lower()))
    )
    assert words == {
        "cart": 30,
        "carriage": 26,
        "railcar": 17,
        "cargo": 5,
        "carrying": 4,
        "carthorse": 2,
        "sidecar": 1,
        "sidecars": 1,
        "carry": 1,
        "tramcar": 1,
    }
    assert all("undercarriage" in recording["description"].lower() for recording in found["aircraft"])


@pytest.mark.parametrize("rules, dropped", [("described", (542, 27, 3)), ("released", (457, 26, 3))])
def test_without_a_catalogue_the_names_of_discs_are_missed(recordings, rules, dropped):
    """Many cars are recognised only by the disc's name. SoundDescs has 1249 cars, 666 aircraft and 21 rainforests."""
    classes = {"described": DESCRIBED, "released": RELEASED}[rules]
    found = Counter(
        recording["class"]
        for recording in recordings
        if recording["id"] not in WITHOUT_TEXT
        and recording["class"] not in matching_classes(recording | {"cd_name": ""}, classes)
    )
    assert tuple(found[label] for label in ("car", "aircraft", "rainforest")) == dropped


# ---- groups ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name, disc, group",
    [
        ("07069013", "ECD147", "ECD147"),
        ("07069013", "", "07069"),
        ("07069013", "  ", "07069"),
        ("NHU05004001", "", "NHU05004"),
        ("NHU123", "", "NHU123"),  # nothing but a recording's number: no tape
        ("NHU1", "", "NHU1"),
        ("123", "", "123"),
    ],
)
def test_group_is_the_disc_else_the_tape_and_never_empty(name, disc, group):
    assert group_of(name, disc) == group


def test_no_disc_of_sounddescs_is_on_two_tapes(recordings):
    """A tape can therefore stand in for its discs: 464 discs are on 63 tapes, and natural history has 5 tapes."""
    own = [recording for recording in recordings if recording["id"] not in WITHOUT_TEXT]
    tapes = pd.DataFrame(
        [(recording["CDNumber"], group_of(recording["id"], "")) for recording in own], columns=["disc", "tape"]
    )
    assert (tapes["disc"] != "").all() and (tapes.groupby("disc")["tape"].nunique() == 1).all()
    assert tapes.nunique().to_list() == [464, 63]
    assert len({group_of(name.upper(), "") for name in WITHOUT_TEXT}) == 5


def test_few_of_each_class_come_from_as_many_groups_as_there_are():
    table = pd.DataFrame(
        [("car", "a"), ("car", "a"), ("car", "b"), ("car", "a"), ("car", "c"), ("clocks", "a"), ("clocks", "a")],
        columns=["event_label", "group"],
    )
    assert first_of_each(table, 3).index.to_list() == [0, 2, 4, 5, 6]
    assert first_of_each(table, 4).index.to_list() == [0, 1, 2, 4, 5, 6]
    assert first_of_each(table, None) is table


# ---- what the interface says -----------------------------------------------------------------------------------------


def entry(name, category="Clocks", words="", seconds=1.0, band=None, size=None):
    plain = servers.entry(name, categories=category.split("|"), size=size)
    extra = None if band is None else {"habitat": None, "recordist": None, "bandDescription": band}
    return plain | {"description": words, "duration": seconds * 1000, "additionalMetadata": extra}


def test_entry_becomes_a_row():
    said = entry("NHU05004001", "Nature|Birds", "Frogs,\n at\tnight ", 2.5, "Borneo", 1234)
    assert describe_entry(said, None, "http://media", "mp3") == {
        "id": "NHU05004001",
        "group": "NHU05004",
        "duration": 2.5,
        "address": "http://media/mp3/NHU05004001.mp3",
        "licence": bbc_library.LICENCE,
        "sha256": "",
        "size": 1234,
        "file": "NHU05004001.mp3",
        "category": "Nature|Birds",
        "description": "Frogs, at night",
        "band": "Borneo",
        "cd_name": "",
    }


def test_entry_that_says_nothing_becomes_a_row_too():
    said = describe_entry({"id": "07000001"}, None, "http://media", "wav")
    assert [said[key] for key in ("duration", "size", "category", "description", "band")] == [None, None, "", "", ""]
    assert describe_entry({"id": "07000001", "categories": [{}], "duration": "5"}, None, "", "wav")["category"] == ""


def test_catalogue_gives_disc_and_name(tmp_path):
    (tmp_path / "discs.csv").write_text("id,CDNumber,CDName,more\n07000001,ECD1,Cars,x\nnhu05004001,,Frogs,x\n")
    discs = bbc_library.read_catalogue(tmp_path / "discs.csv")
    rows = [describe_entry({"id": name}, discs, "", "wav") for name in ("07000001", "NHU05004001", "07000002")]
    assert [(row["group"], row["cd_name"]) for row in rows] == [("ECD1", "Cars"), ("NHU05004", "Frogs"), ("07000", "")]
    (tmp_path / "discs.csv").write_text("id,CDName\n")
    with pytest.raises(InputError, match=r"discs\.csv: no column CDNumber"):
        bbc_library.read_catalogue(tmp_path / "discs.csv")


@pytest.mark.parametrize(
    "change", [{"categories": ["Clocks"]}, {"categories": "Clocks"}, {"categories": 7}, {"additionalMetadata": "x"}]
)
def test_entry_of_another_form_is_named(change):
    with pytest.raises(InputError, match="id 07000001: its entry"):
        describe_entry(entry("07000001") | change, None, "", "wav")


# ---- fetching --------------------------------------------------------------------------------------------------------


CLASSES = [
    {"event_label": "car", "rules": [{"category": "Transport", "fields": ["description"], "pattern": r"(?i)\bcar\b"}]},
    {"event_label": "clocks", "rules": [{"category": "Clocks"}]},
]


@pytest.fixture
def library():
    """A small library: eight cars and eight clocks, two to a tape, and a cart."""
    server = servers.Server()
    for number in range(1, 9):
        name = f"0700{number // 2}00{number}"
        add(server, entry(name, "Transport", f"Car {number}", number), audio(number))
        add(
            server,
            entry(f"0800{number // 2}00{number}", "Clocks|Machines", f"Clock {number}", number),
            audio(-number % 99),
        )
    add(server, entry("07009001", "Transport", "Horse and cart"), audio(50))
    yield server
    server.close()


def add(server, said, content, *faults, always=None):
    said["fileSizes"] = {"wavFileSize": len(content), "mp3FileSize": len(content)}
    server.entries.append(said)
    server.add(f"{said['id']}.wav", content, *faults, always=always)


@pytest.fixture
def fetch(library, tmp_path):
    """A function that fetches from the library and returns the manifest; `fetch.said` holds the terminal's lines."""
    said = []

    def run(manners=None, **changes):
        settings = CONFIG["bbc"]["recordings"] | {"accept_licence": True, "classes": CLASSES}
        settings |= {"search": library.address + servers.SEARCH, "media": library.address, "bad": "stop"} | changes
        settings = {key: value for key, value in settings.items() if key not in ("trim_db", "splits", "seed")}
        with Web(**MANNERS | (manners or {})) as web:
            return bbc.fetch(tmp_path / "downloads", web, job.progress, said.append, **settings)

    run.said = said
    return run


def test_manifest_says_what_was_found_and_what_arrived(fetch, library, tmp_path):
    table = fetch()
    assert table.columns.to_list()[: len(MANIFEST_COLUMNS)] == MANIFEST_COLUMNS
    assert {"category", "description"} < set(table.columns)
    assert table["event_label"].to_list() == ["car"] * 8 + ["clocks"] * 8
    assert "07009001" not in set(table["id"])
    for said in table.itertuples():
        content = (tmp_path / "downloads" / said.file).read_bytes()
        assert content == library.media[f"/wav/{said.id}.wav"]
        assert said.sha256 == hashlib.sha256(content).hexdigest() and said.size == len(content)
        assert said.address == f"{library.address}/wav/{said.id}.wav" and "RemArc" in said.licence
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", said.retrieved)
        assert said.group == said.id[:5] and said.duration == int(said.id[-1])
    assert any("licence accepted: RemArc" in line for line in fetch.said)
    assert any(line.startswith("car: 8 recordings") for line in fetch.said)


def test_licence_is_shown_and_nothing_is_asked_for_until_it_is_accepted(fetch, library, tmp_path):
    with pytest.raises(InputError) as caught:
        fetch(accept_licence=False)
    for words in ("RemArc", "non-commercial", "personal, or for research or education", "not to be passed on"):
        assert words in str(caught.value)
    assert "bbc.co.uk" in str(caught.value) and "accept_licence: true" in str(caught.value)
    assert library.asked == [] and not (tmp_path / "downloads").exists()


def test_licence_holds_for_a_kept_manifest_too(fetch, library, tmp_path):
    write_table(fetch(), tmp_path / "kept.tsv")
    library.asked.clear()
    with pytest.raises(InputError, match="RemArc"):
        fetch(accept_licence=False, manifest=str(tmp_path / "kept.tsv"))
    assert library.asked == []


def test_dataset_is_rebuilt_from_a_kept_manifest_without_a_search(fetch, library, tmp_path):
    first = fetch()
    write_table(first, tmp_path / "kept.tsv")
    for file in (tmp_path / "downloads").iterdir():
        file.unlink()
    library.asked.clear()
    again = fetch(manifest=str(tmp_path / "kept.tsv"), search="http://127.0.0.1:9/nowhere")
    assert {asked.method for asked in library.asked} == {"GET"}
    pd.testing.assert_frame_equal(again.drop(columns="retrieved"), first.drop(columns="retrieved"), check_dtype=False)


def test_groups_of_a_kept_manifest_are_joined_as_those_of_a_search(fetch, library, tmp_path):
    """Someone may have edited it; the same description and length still mean the same recording."""
    table = fetch()
    table.loc[table["id"] == "08000001", ["description", "duration"]] = ["Twin", 3.0]
    table.loc[table["id"] == "08004008", ["description", "duration"]] = ["Twin", 3.0]
    write_table(table.assign(group=table["id"]), tmp_path / "kept.tsv")
    groups = fetch(manifest=str(tmp_path / "kept.tsv")).set_index("id")["group"]
    assert groups["08000001"] == groups["08004008"] and groups.nunique() == 15


def test_tape_with_a_recording_of_no_known_disc_is_one_group(fetch, tmp_path):
    """07001002 and 07001003 are on one tape; both discs of tape 07002 are known."""
    discs = "id,CDNumber,CDName\n07001002,ECD1,x\n07002004,ECD2,x\n07002005,ECD3,x\n"
    (tmp_path / "discs.csv").write_text(discs)
    groups = fetch(catalogue=str(tmp_path / "discs.csv")).set_index("id")["group"]
    assert groups["07001002"] == groups["07001003"]
    assert (groups["07002004"], groups["07002005"]) == ("ECD2", "ECD3")


def test_it_is_said_that_there_is_no_catalogue(fetch):
    fetch()
    assert any("no `catalogue`" in line for line in fetch.said)


def test_recording_that_is_no_longer_what_the_kept_manifest_says_is_named(fetch, library, tmp_path):
    write_table(fetch(), tmp_path / "kept.tsv")
    (tmp_path / "downloads" / "07000001.wav").unlink()
    library.media["/wav/07000001.wav"] = audio(77)
    with pytest.raises(InputError, match=r"07000001\.wav, http://127\S+: has sha256"):
        fetch(manifest=str(tmp_path / "kept.tsv"))
    table = fetch(manifest=str(tmp_path / "kept.tsv"), bad="leave_out")
    assert len(table) == 15 and "07000001" not in set(table["id"])


@pytest.mark.parametrize(
    "change, words",
    [
        (lambda table: table.drop(columns="sha256"), r"kept\.tsv: no column sha256"),
        (lambda table: table[table["event_label"] == "car"], r"kept\.tsv: class clocks"),
        (lambda table: table.assign(group=" "), r"kept\.tsv, row 1 \(07000001\): group ' ' cannot be used"),
        (lambda table: table.assign(size="big"), r"kept\.tsv, row 1 \(07000001\): size 'big' cannot be used"),
        (
            lambda table: table.assign(duration=["1"] * 7 + ["inf"] + [""] * 8),
            r"kept\.tsv, row 8 \(07004008\): duration 'inf' cannot be used",
        ),
    ],
)
def test_manifest_that_does_not_fit_is_named(fetch, tmp_path, change, words):
    write_table(change(fetch()), tmp_path / "kept.tsv")
    with pytest.raises(InputError, match=words):
        fetch(manifest=str(tmp_path / "kept.tsv"))


def test_same_audio_or_same_words_and_length_are_one_group(fetch, library):
    add(library, entry("07050001", "Transport", "car of another tape", 33), audio(3))  # the audio of 07001003
    add(library, entry("07060001", "Transport", "Car 5", 5), audio(60))  # words and length of 07002005
    add(library, entry("07060002", "Transport", "Car 5", 6), audio(61))  # only the words
    add(library, entry("07070001", "Clocks", "", 4), audio(62))  # no words, twice
    add(library, entry("07080001", "Clocks", "", 4), audio(63))
    group = fetch().set_index("id")["group"]
    assert group["07050001"] == group["07001003"] == group["07001002"] == "07001"
    assert group["07060001"] == group["07002005"] == "07002"
    assert group["07060002"] == group["07060001"]  # of one tape
    assert group["07070001"] == "07070" and group["07080001"] == "07080"
    assert (group != "").all()


def test_recording_that_cannot_be_had_stops_the_run_or_is_left_out(fetch, library, capsys):
    add(library, entry("07040001", "Transport", "Car that is not there"), audio(40), always=servers.status(404))
    add(library, entry("07040002", "Clocks", "HTML"), audio(41), always=servers.instead(b"<html>", "text/html"))
    with pytest.raises(InputError) as caught:
        fetch()
    first, *lines = str(caught.value).splitlines()
    assert first == "2 recordings cannot be used:" and len(lines) == 2
    assert re.match(r"07040001\.wav, http://127\S+/wav/07040001\.wav: answered 404", lines[0])
    assert len(fetch(bad="leave_out")) == 16
    assert len([line for line in capsys.readouterr().out.splitlines() if line.startswith("left out: ")]) == 2
    assert "2 recordings left out, each with a line in the log" in fetch.said


def test_entry_with_an_impossible_id_is_named_and_nothing_of_it_is_fetched(fetch, library, tmp_path, capsys):
    library.entries.append(entry("../../07040001", "Clocks", "Clock"))
    with pytest.raises(InputError, match=r"id '\.\./\.\./07040001'"):
        fetch()
    assert len(fetch(bad="leave_out")) == 16
    assert "left out: id '../../07040001'" in capsys.readouterr().out
    assert not any("07040001" in asked.path for asked in library.asked)
    assert {path.name for path in tmp_path.iterdir()} == {"downloads"}


def test_nothing_at_all_is_an_error(fetch, library):
    for path in library.media:
        library.faults[path] = [servers.status(404)]
    with pytest.raises(InputError, match="none of the recordings could be fetched"):
        fetch(bad="leave_out")


def test_class_without_an_entry_is_named(fetch):
    with pytest.raises(InputError, match="no entry meets the rules of crowds"):
        fetch(classes=[*CLASSES, {"event_label": "crowds", "rules": [{"category": "Crowds"}]}])


def test_few_of_each_are_fetched_from_different_tapes(fetch, library):
    table = fetch(max_per_class=3)
    assert table["event_label"].value_counts().to_dict() == {"car": 3, "clocks": 3}
    assert table["group"].is_unique
    assert len({asked.path for asked in library.asked if asked.method == "GET"}) == 6


def test_class_of_fewer_groups_than_splits_is_named_before_anything_is_fetched(fetch, library, tmp_path):
    library.entries = [said for said in library.entries if said["id"] < "07001004" or said["id"] > "08"]
    with pytest.raises(InputError, match=r"class car: 2 group\(s\) of recordings for 3 splits"):
        fetch(max_per_class=3)
    assert {asked.method for asked in library.asked} == {"POST"}


def test_outage_is_no_bad_recording(fetch, library, tmp_path):
    """No recording is left out for an outage, and the next run fetches them all."""
    for path in list(library.media)[3:]:
        library.faults[path] = [servers.status(503)]
    for give_up, words in (
        (3, "^3 files in a row could not be fetched"),
        (100, "^13 of 16 files could not be fetched"),
    ):
        with pytest.raises(InputError, match=words):
            fetch(bad="leave_out", manners={"give_up": give_up})
    assert len(list((tmp_path / "downloads").glob("*.wav"))) == 3
    library.faults.clear()
    assert len(fetch(bad="leave_out")) == 16


def test_mp3_is_an_option(fetch, library, tmp_path):
    for said in library.entries:
        content = audio(int(said["id"][-3:]), 0.5, "MP3")
        said["fileSizes"]["mp3FileSize"] = len(content)
        library.add(f"{said['id']}.mp3", content)
    table = fetch(format="mp3")
    assert table["file"].str.endswith(".mp3").all()
    assert soundfile.info(tmp_path / "downloads" / table["file"].iloc[0]).format == "MP3"


def test_each_category_and_query_is_searched_once(fetch, library):
    rule = {"category": "Nature", "query": "rainforest"}
    classes = [*CLASSES, {"event_label": "more", "rules": [{"category": "Clocks"}, rule, rule]}]
    with pytest.raises(InputError, match="rules of more"):
        fetch(classes=classes)
    asked = [asked.content["criteria"] for asked in library.asked]
    assert [(said["categories"], said["query"]) for said in asked] == [
        (["Transport"], None),
        (["Clocks"], None),
        (["Nature"], "rainforest"),
    ]


def test_fetched_recordings_are_collected_from_their_manifest(fetch, tmp_path, spread):
    table = fetch()
    write_table(table, tmp_path / "manifest.tsv")
    assert read_manifest(tmp_path / "manifest.tsv")["id"].to_list() == table["id"].to_list()  # leading zeros stay
    listed = bbc.collect(None, spread, path=str(tmp_path / "manifest.tsv"))
    assert listed["recording"].to_list() == table["id"].to_list()
    assert listed["group"].to_list() == table["group"].to_list()
    assert all(Path(path).is_file() for path in listed["path"])
    # A kept manifest may have columns of its keeper's, and come from a program that begins it with a mark.
    extra = table.assign(**dict.fromkeys(("recording", "onset", "offset", "split", "path", "silences"), "other"))
    (tmp_path / "manifest.tsv").write_text(extra.to_csv(sep="\t", index=False), encoding="utf-8-sig")
    pd.testing.assert_frame_equal(bbc.collect(None, spread, path=str(tmp_path / "manifest.tsv")), listed)


# ---- as a user runs it -----------------------------------------------------------------------------------------------

WORKFLOW = """
dataset: small
datasets:
  small:
    source: bbc
    recordings:
      accept_licence: {accepted}
      manifest: null
      catalogue: null
      search: {address}/api/sfx/search
      media: {address}
      page_size: 4
      passes: 3
      format: wav
      max_per_class: null
      classes:
        - {{event_label: car, rules: [{{category: Transport, fields: [description], pattern: '(?i)\\bcar\\b'}}]}}
        - {{event_label: clocks, rules: [{{category: Clocks, query: clock}}]}}
      trim_db: 40
      splits: {{train: 0.6, valid: 0.2, test: 0.2}}
      seed: 0
    mixes: {{train: 1, valid: 1, test: 1, seed: 0}}
recordings: {{downloads: {{rate: {rate}, backoff: [0.01, 0.1]}}}}
"""


@pytest.fixture
def snakemake(library, tmp_path):
    """A function that runs the workflow on the library: the exit code and the output."""

    def run(*arguments, accepted="true", rate=50):
        config = tmp_path / "small.yaml"
        config.write_text(WORKFLOW.format(accepted=accepted, address=library.address, rate=rate))
        call = [sys.executable, "-m", "snakemake", "--snakefile", ROOT / "Snakefile", "--directory", tmp_path]
        call += ["--cores", "1", *arguments, "--configfile", config]
        done = subprocess.run([str(part) for part in call], capture_output=True, text=True, timeout=300)
        return done.returncode, done.stdout + done.stderr

    return run


def test_library_becomes_recordings_by_the_workflow(snakemake, library, tmp_path):
    table, small = "results/small/recordings.tsv", tmp_path / "results" / "small"
    code, text = snakemake(table)
    assert code == 0, text
    recordings = pd.read_csv(small / "recordings.tsv", sep="\t", dtype=str)
    assert len(recordings) == 16 and (recordings.groupby("group")["split"].nunique() == 1).all()
    assert recordings.groupby("event_label")["split"].nunique().to_dict() == {"car": 3, "clocks": 3}
    kept = small / "downloads" / "manifest.tsv"
    assert kept.read_bytes() == (small / "manifest.tsv").read_bytes()
    assert set(read_manifest(kept)["id"]) == set(recordings["recording"])
    # Other manners find nothing else.
    code, text = snakemake(table, "--dry-run", rate=40)
    assert code == 0 and "Nothing to be done" in text
    # Another setting does: Snakemake deletes the manifest, the copy stays. Nothing is asked without the licence.
    library.asked.clear()
    code, text = snakemake(table, accepted="false")
    assert code != 0 and "accept_licence: true" in text and "Traceback" not in text
    assert library.asked == []
    assert not (small / "manifest.tsv").exists() and len(read_manifest(kept)) == 16


def test_manifest_of_recordings_that_are_not_fetched_cannot_be_made(snakemake):
    code, text = snakemake("results/builtin/manifest.tsv", "--dry-run")
    assert code != 0 and "No rule to produce results/builtin/manifest.tsv" in text and "Traceback" not in text
