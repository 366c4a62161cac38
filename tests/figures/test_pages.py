"""Tables and pages of the report: each page is one file, and no text of a table is lost or read as HTML."""

import re
from types import SimpleNamespace

import count_networks as counting
import numpy as np
import pandas as pd
import pytest
import soundfile
from show_mix import show_mix

from yoho.events import write_table
from yoho.figures.tables import markdown_page, table_page, text_page, write_results
from yoho.networks.backbones import BACKBONES
from yoho.networks.network import Network


def cells(page):
    return [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in re.findall(r"<tr>.*?</tr>", page)]


def test_table_page_shows_every_value_and_holds_the_file(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("run,name,f1,count,good\nlong,<b>,0.123456,12345,True\nother,none,,1,False\n")
    page = table_page("Name & more", path)
    assert cells(page) == [
        ["name", "f1", "count", "good", "run"],
        ["&lt;b&gt;", "0.1235", "12,345", "yes", "long"],
        ["none", "", "1", "no", "other"],
    ]
    assert "<h1>Name &amp; more</h1>" in page and 'download="a.csv" href="data:text/csv;base64,' in page


def test_table_page_shows_names_as_they_are_written(tmp_path):
    path = tmp_path / "a.csv"
    rows = [{"dataset": "007", "difference": name, "f1": 0.5} for name in ("1", "1e5", "0.10", "inf")]
    write_results(path, rows)
    assert [row[:2] for row in cells(table_page("a", path))[1:]] == [["007", row["difference"]] for row in rows]


def test_markdown_page_has_the_first_line_for_its_title():
    page = markdown_page("# On `x`\n\nSome **text**.\n\n| a | b |\n| --- | --- |\n| 1 | <2 |\n")
    assert "<h1>On x</h1>" in page and "<strong>text</strong>" in page and "<td>&lt;2</td>" in page


def test_text_page_is_the_text():
    assert "<pre>a &lt; {b}\n c</pre>" in text_page("t", "a < {b}\n c")


@pytest.mark.parametrize("float_format", [None, "%.4g"])
def test_results_are_written_as_a_table_and_given_a_title_as_a_page(tmp_path, float_format):
    rows = [{"name": "a", "f1": 1 / 3, "count": 2}, {"name": "b", "f1": None, "count": 3}]
    write_results(tmp_path / "a.csv", rows, float_format)
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]
    assert (tmp_path / "a.csv").read_text() == pd.DataFrame(rows).to_csv(index=False, float_format=float_format)
    write_results(tmp_path / "b.csv", pd.DataFrame(rows), float_format, title="B")
    assert (tmp_path / "b.csv").read_text() == (tmp_path / "a.csv").read_text()
    assert (tmp_path / "b.html").read_text() == table_page("B", tmp_path / "b.csv")


def test_a_mix_is_shown_with_its_own_events_of_every_network(tmp_path):
    audio = tmp_path / "audio"
    audio.mkdir()
    soundfile.write(audio / "test-0001.flac", np.zeros(4 * 16_000), 16_000)
    events = pd.DataFrame(
        [("test-0001.flac", 1.0, 3.0, "car"), ("test-0000.flac", 0.5, 2.5, "car")],
        columns=["filename", "onset", "offset", "event_label"],
    )
    found = [tmp_path / run / "test_events.tsv" for run in ("one", "other")]
    for file in found:
        file.parent.mkdir()
        write_table(events.assign(event_label="<other>"), file)
    write_table(events, tmp_path / "events.tsv")
    files = SimpleNamespace(audio=audio, events=tmp_path / "events.tsv", predictions=found)
    runs = {"net & mask": "other", "net": "one"}
    show_mix(files, tmp_path / "mix.html", "test-0001", runs=runs, event_labels=["car"])
    page = (tmp_path / "mix.html").read_text()
    bars = re.findall(r'<button class="event [^>]* data-onset="([\d.]+)" data-offset="([\d.]+)" title="([^"]*)"', page)
    assert [(float(onset), float(offset)) for onset, offset, _ in bars] == [(1.0, 3.0)] * 3
    labels = [summary.partition(", ")[0] + summary[summary.rindex(", ") :] for *_, summary in bars]
    assert labels == ["car, true", "&lt;other&gt;, net &amp; mask", "&lt;other&gt;, net"]
    assert "<h1>Test mix test-0001</h1>" in page and "data:audio/flac;base64," in page
    assert not list(tmp_path.glob("*.flac"))


LOG_MEL = {"sample_rate": 44100, "n_fft": 2048, "hop_length": 441, "win_length": 1103, "n_mels": 40, "top_db": 80}
OF_YAMNET = {"kind": "yamnet", "sample_rate": 16000, "n_fft": 512, "hop_length": 160, "win_length": 400, "n_mels": 64}
OF_YAMNET |= {"fmin": 125, "fmax": 7500, "offset": 0.001}


def counted(path, monkeypatch, **networks):
    """The table of the networks of a config and of VGGish, on windows of 96 frames."""
    monkeypatch.setattr(counting, "BACKBONES", {"vggish": BACKBONES["vggish"]})
    windows = {"length": 0.95, "bins": 3}
    settings = {"classes": 2, "windows": windows, "front_end": LOG_MEL}
    networks = {name: {"windows": windows} | own for name, own in networks.items()}
    settings |= {"released_l2": {"first": 0.001, "pointwise": 0.01}, "seed": 0}
    counting.count_networks(path, networks=networks, **settings)
    return pd.read_csv(path, keep_default_na=False)


def test_released_penalty_is_that_of_the_kernels_that_the_released_code_penalises(tmp_path, monkeypatch):
    """VGGish has none of them; ResNet-18 has the neck's."""
    own = {"pretrained": False, "front_end": LOG_MEL}
    found = counted(tmp_path / "n.csv", monkeypatch, resnet18=own).set_index(["backbone", "mask"])["released_penalty"]
    assert (found["vggish"] == 0).all()
    # Glorot's variance is 2 / (inputs + outputs), so a kernel's squares have the mean sum 2 * inputs * outputs / (...).
    sizes = [(512, 512), (512, 256), (256, 128)]
    expected = 0.01 * sum(2 * first * second / (first + second) for first, second in sizes)
    assert found["resnet18", "none"] == pytest.approx(expected, rel=0.01)
    assert found["resnet18"].nunique() == 1  # the mask's kernels are not penalised, and the others are the same


def test_networks_of_the_config_are_counted_on_their_own_images_without_a_download(tmp_path, monkeypatch):
    monkeypatch.setattr("timm.models._builder.load_pretrained", pytest.fail)
    own = {"pretrained": True, "front_end": OF_YAMNET}
    found = counted(tmp_path / "n.csv", monkeypatch, resnet18=own, vggish=own)
    assert found.loc[found["backbone"] == "resnet18", "mask"].nunique() == 4
    # The networks of the paper keep the configured front end.
    pairs = found[["backbone", "input"]].drop_duplicates()
    assert pairs.to_numpy().tolist() == [["vggish", "96x40"], ["resnet18", "96x64"]]


@pytest.mark.parametrize("pretrained", [True, False])
def test_yamnet_is_counted_in_the_form_of_its_run(tmp_path, monkeypatch, pretrained):
    own = {"pretrained": pretrained, "front_end": OF_YAMNET}
    found = counted(tmp_path / "n.csv", monkeypatch, yamnet=own).query("backbone == 'yamnet' and mask == 'none'")
    kind = {"backbone": "yamnet", "mask": "none", "masking": "multiply", "pretrained": pretrained}
    network = Network(**kind, classes=2, frames=96, n_mels=64, bins=3)
    assert found["trainable_parameters"].item() == sum(weights.numel() for weights in network.parameters())
