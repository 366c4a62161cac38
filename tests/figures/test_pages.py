"""Pages for the report: whole in one file, nothing of a table or text lost or taken for HTML."""

import re

import count_networks as counting
import numpy as np
import pandas as pd
from record_provenance import record_provenance

from yoho.figures.mix_page import mix_page
from yoho.figures.tables import markdown_page, table_page, text_page
from yoho.provenance import commit, versions


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


def test_markdown_page_has_the_first_line_for_its_title():
    page = markdown_page("# On `x`\n\nSome **text**.\n\n| a | b |\n| --- | --- |\n| 1 | <2 |\n")
    assert "<h1>On x</h1>" in page and "<strong>text</strong>" in page and "<td>&lt;2</td>" in page


def test_text_page_is_the_text():
    assert "<pre>a &lt; {b}\n c</pre>" in text_page("t", "a < {b}\n c")


def test_mix_page_draws_each_event_where_it_sounds():
    truth = pd.DataFrame({"onset": [1.0], "offset": [3.0], "event_label": ["car"]})
    rows = {"true": truth, "net & mask": truth.assign(event_label="<other>"), "none": truth.iloc[:0]}
    page = mix_page("Mix", np.zeros(4 * 44100, np.float32), 44100, rows, ["car", "<other>"])
    bars = re.findall(r'<rect x="([\d.]+)" y="\d+" width="([\d.]+)" height="7" fill="#\w+"><title>(.*?)</title>', page)
    assert [(float(x), float(width)) for x, width, _ in bars] == [(330.0, 440.0)] * 2
    assert [told for *_, told in bars] == ["true: car, 1.00 to 3.00 s", "net &amp; mask: &lt;other&gt;, 1.00 to 3.00 s"]
    assert "data:audio/mpeg;base64," in page and "duration = 4.0" in page


def test_networks_of_the_config_are_counted_too(tmp_path, monkeypatch):
    monkeypatch.setattr(counting, "BACKBONES", ["vggish"])
    settings = {"classes": 2, "windows": {"length": 0.64, "bins": 3}, "features": {"hop_length": 441, "n_mels": 40}}
    counting.count_networks(tmp_path / "n.csv", backbones=["resnet18", "vggish"], sample_rate=44100, **settings)
    found = pd.read_csv(tmp_path / "n.csv", keep_default_na=False)
    assert list(found["backbone"].unique()) == ["vggish", "resnet18"]
    assert found.loc[found["backbone"] == "resnet18", "mask"].nunique() == 4


# ---- provenance ------------------------------------------------------------------------------------------------------


def test_provenance_is_the_same_again_and_names_no_place(tmp_path):
    texts = []
    for name in ("one", "other"):
        made = type("Made", (), {"file": tmp_path / f"{name}.json", "page": tmp_path / f"{name}.html"})
        record_provenance(made, config={"dataset": "x"})
        texts.append(made.file.read_text())
    assert texts[0] == texts[1] and '"torch": ' in texts[0] and '"dataset": "x"' in texts[0]
    assert not re.search(r'"/|[0-9]{2}:[0-9]{2}:', texts[0])


def test_commit_is_unknown_without_git(monkeypatch):
    assert re.fullmatch(r"[\w.-]+", commit())
    monkeypatch.setenv("PATH", "")
    assert commit() == "unknown"


def test_versions_are_those_that_are_imported():
    assert versions()["numpy"] == np.__version__
