"""The pages of classes: which sound they hold, where it comes from, and what happens if it cannot be read."""

import base64
import io
import re

import numpy as np
import pandas as pd
import pytest
import soundfile

from yoho.archives import excerpts
from yoho.archives.excerpts import CONTEXT, HIGHEST_RATE, MOST, PAUSE, page_name, read_span, write_class_page
from yoho.audio import AudioWarning
from yoho.segmenting.page import TAIL
from yoho.segmenting.reading import open_audio

RATE = 16_000


def write_tones(path, *tones, rate=RATE):
    """Write a file of tones (Hz), of one second each."""
    moments = np.arange(rate) / rate
    sound = np.concatenate([0.5 * np.sin(2 * np.pi * tone * moments) for tone in tones])
    soundfile.write(path, sound, rate, format=None if path.suffix != ".mp3" else "MP3")
    return path


def certain(*events):
    """Rows of certain.csv from (path, onset, offset)."""
    columns = ["event_label", "rank", "filename", "path", "onset", "offset", "score", "time"]
    rows = [
        ("dog", rank, path.name, str(path), onset, offset, 1 - rank / 10, None)
        for rank, (path, onset, offset) in enumerate(events, start=1)
    ]
    return pd.DataFrame(rows, columns=columns)


def held(path):
    """The samples of a page's audio without its silent tail, and their rate."""
    (content,) = re.findall(r'"data:audio/flac;base64,([^"]*)"', path.read_text())
    samples, rate = soundfile.read(io.BytesIO(base64.b64decode(content)))
    return samples[:-TAIL], rate


def lane_names(path):
    return re.findall(r'role="group" aria-label="(\d[^"]*)"', path.read_text())


def spans(path):
    """Onset and offset (s) of the events of a page, in their order in time."""
    bars = re.findall(r'data-onset="([^"]*)" data-offset="([^"]*)" title', path.read_text())
    return np.array(bars, float)


def pitch(samples, rate):
    return np.abs(np.fft.rfft(samples * np.hanning(len(samples)))).argmax() * rate / len(samples)


def test_a_page_holds_each_event_with_its_context(tmp_path):
    a = write_tones(tmp_path / "a.wav", 500, 600, 700, 800, 900)
    b = write_tones(tmp_path / "b.flac", 1500, 1600, 1700, 1800)
    assert write_class_page(tmp_path / "dog.html", "dog", certain((a, 2.0, 3.0), (b, 1.5, 2.0))) == []
    samples, rate = held(tmp_path / "dog.html")
    assert rate == RATE
    assert len(samples) == round((3.0 + PAUSE + 2.5) * RATE)
    np.testing.assert_allclose(spans(tmp_path / "dog.html"), [[CONTEXT, 2.0], [3.0 + PAUSE + CONTEXT, 5.0]])
    for second, tone in [(0.1, 600), (1.1, 700), (2.1, 800), (3.6, 1500), (4.6, 1600), (5.2, 1700)]:
        assert abs(pitch(samples[round(second * rate) :][: rate // 4], rate) - tone) < 5
    assert not samples[round(3.0 * RATE) : round(3.5 * RATE)].any()
    assert lane_names(tmp_path / "dog.html") == ["1 · a.wav at 0:02.0", "2 · b.flac at 0:01.5"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.wav", "b.flac", "dog.html"]


def test_events_at_the_edges_of_a_file_have_less_context(tmp_path):
    a = write_tones(tmp_path / "a.wav", 500, 600, 700)
    write_class_page(tmp_path / "dog.html", "dog", certain((a, 0.25, 1.0), (a, 2.0, 3.0)))
    assert len(held(tmp_path / "dog.html")[0]) == round((2.0 + PAUSE + 2.0) * RATE)
    np.testing.assert_allclose(spans(tmp_path / "dog.html"), [[0.25, 1.0], [2.5 + CONTEXT, 2.5 + 2.0]])


def test_a_long_event_is_cut_and_says_so(tmp_path):
    a = write_tones(tmp_path / "a.wav", *range(500, 520))
    write_class_page(tmp_path / "dog.html", "dog", certain((a, 2.0, 19.0)))
    assert len(held(tmp_path / "dog.html")[0]) == round((MOST + 2 * CONTEXT) * RATE)
    np.testing.assert_allclose(spans(tmp_path / "dog.html"), [[1.0, 1.0 + MOST]])
    assert lane_names(tmp_path / "dog.html") == ["1 · a.wav at 0:02.0, its first 10 s"]


@pytest.mark.parametrize(("rates", "expected"), [((8000, 22_050), 22_050), ((16_000, 96_000), HIGHEST_RATE)])
def test_excerpts_get_the_highest_rate_that_browsers_play(tmp_path, rates, expected):
    files = [write_tones(tmp_path / f"{rate}.wav", 500, 600, 700, rate=rate) for rate in rates]
    write_class_page(tmp_path / "dog.html", "dog", certain(*((file, 1.0, 2.0) for file in files)))
    samples, rate = held(tmp_path / "dog.html")
    assert rate == expected
    assert abs(len(samples) - (6.0 + PAUSE) * rate) < 5
    for second in (1.2, 3.0 + PAUSE + 1.2):
        assert abs(pitch(samples[round(second * rate) :][: rate // 2], rate) - 600) < 5


def test_the_known_time_of_an_event_is_in_its_name(tmp_path):
    rows = certain((write_tones(tmp_path / "a.wav", 500, 600), 0.5, 1.0)).assign(time="2024-05-01 05:30:00.500000")
    write_class_page(tmp_path / "dog.html", "dog", rows)
    assert lane_names(tmp_path / "dog.html") == ["1 · 2024-05-01 05:30:00 · a.wav at 0:00.5"]


def test_a_lane_shows_rank_and_file_and_the_table_the_whole_event(tmp_path):
    (tmp_path / "A & b").mkdir()
    a = write_tones(tmp_path / "A & b" / "<i> a_1.wav", 500, 600)
    rows = certain((a, 0.5, 1.0)).assign(filename="A & b/<i> a_1.wav", time="2024-05-01 05:30:00")
    write_class_page(tmp_path / "dog.html", "dog", rows)
    page = (tmp_path / "dog.html").read_text()
    whole, broken = "1 · 2024-05-01 05:30:00 · A &amp; b/&lt;i&gt; a_{}1.wav at 0:00.5", "a_<wbr>1.wav"
    assert f'<span title="{whole.format("")}">1 · &lt;i&gt; {broken}</span>' in page
    assert f"</i>{whole.format('<wbr>')}</td>" in page
    assert re.findall(r'<th scope="col"[^>]*>([^<]*)', page) == ["start", "end", "event", "score"]


@pytest.mark.slow
@pytest.mark.parametrize("width", [360, 1200])
def test_the_names_of_a_recorder_fit_their_lanes(chromium, tmp_path, width):
    rows = certain(*((write_tones(tmp_path / f"20240501_0{hour}3000.wav", 500), 0.2, 0.8) for hour in range(5)))
    write_class_page(tmp_path / "dog.html", "dog", rows.assign(time="2024-05-01 05:30:00"))
    context = chromium.new_context(viewport={"width": width, "height": 900})
    page = context.new_page()
    page.goto((tmp_path / "dog.html").as_uri())
    for lane in page.locator(".name").all():
        text = lane.locator("span")
        assert text.evaluate("(text) => text.scrollHeight <= text.clientHeight")  # nothing is cut
        inner, outer = text.bounding_box(), lane.bounding_box()
        assert outer["y"] + 1 < inner["y"] and inner["y"] + inner["height"] < outer["y"] + outer["height"]
    context.close()


def test_ranks_are_in_order_however_many_there_are(tmp_path):
    a = write_tones(tmp_path / "a.wav", 500, 600)
    rows = certain(*((a, 0.5, 0.6 + (rank % 7) / 20) for rank in range(30)))
    write_class_page(tmp_path / "dog.html", "dog", rows.sample(frac=1, random_state=0))
    assert [name.split()[0] for name in lane_names(tmp_path / "dog.html")] == [str(rank) for rank in range(1, 31)]


def test_floats_of_another_scale_do_not_clip_or_hide_the_others(tmp_path):
    sine = np.sin(np.arange(2 * RATE) / 10)
    soundfile.write(tmp_path / "loud.wav", 32767 * sine, RATE, subtype="FLOAT")
    soundfile.write(tmp_path / "b.wav", 0.5 * sine, RATE)
    rows = certain(*((tmp_path / name, 0.5, 1.5) for name in ("loud.wav", "b.wav")))
    write_class_page(tmp_path / "dog.html", "dog", rows)
    samples, _ = held(tmp_path / "dog.html")
    loud, other = samples[: 2 * RATE], samples[-2 * RATE :]
    middle = slice(RATE // 2, RATE)
    np.testing.assert_allclose(loud[middle], sine[middle], atol=1e-3)
    np.testing.assert_allclose(other[middle], 0.5 * sine[middle], atol=1e-3)


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.ogg", "a.mp3", "a.aiff"])
def test_a_span_is_that_of_the_whole_file(tmp_path, name):
    path = tmp_path / name
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 20 * 44_100)
    soundfile.write(path, noise, 44_100)
    audio = open_audio(path)
    whole = np.concatenate(list(audio.blocks))
    for onset, offset in [(0.0, 1.0), (7.125, 9.5), (18.0, 30.0)]:
        samples, rate = read_span(path, onset, offset)
        expected = whole[round(onset * rate) : round(offset * rate)]
        assert len(samples) == len(expected)
        np.testing.assert_allclose(samples, expected, atol=1e-3)


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.ogg"])
def test_an_intact_file_is_not_read_from_its_beginning(tmp_path, monkeypatch, name):
    path = write_tones(tmp_path / name, 500, 600, 700)
    monkeypatch.delattr(excerpts, "open_audio")
    samples, rate = read_span(path, 1.0, 2.0)
    assert abs(pitch(samples, rate) - 600) < 5


@pytest.mark.parametrize("ending", ["wav", "flac", "ogg", "mp3"])
def test_a_file_that_joins_several_is_read_as_it_was_segmented(tmp_path, ending):
    parts = [write_tones(tmp_path / f"{tone}.{ending}", tone, tone + 100) for tone in (500, 1500)]
    joined = tmp_path / f"joined.{ending}"
    joined.write_bytes(b"".join(part.read_bytes() for part in parts))
    samples, rate = read_span(joined, 3.25, 3.75)
    assert abs(pitch(samples, rate) - 1600) < 5


def test_a_file_that_announces_too_little_is_read_as_it_was_segmented(tmp_path):
    content = bytearray(write_tones(tmp_path / "a.wav", 500, 600, 700).read_bytes())
    content[40:44] = (2 * RATE).to_bytes(4, "little")  # the bytes of sound: one second
    (tmp_path / "a.wav").write_bytes(content)
    samples, rate = read_span(tmp_path / "a.wav", 1.0, 2.0)
    assert abs(pitch(samples, rate) - 600) < 5


def test_a_file_that_lacks_a_part_is_read_as_it_was_segmented(tmp_path):
    pages = write_tones(tmp_path / "a.ogg", *range(500, 2500, 100)).read_bytes().split(b"OggS")
    (tmp_path / "a.ogg").write_bytes(b"OggS".join(pages[:5] + pages[6:]))
    audio = open_audio(tmp_path / "a.ogg")
    with pytest.warns(AudioWarning):
        whole = np.concatenate(list(audio.blocks))
    samples, rate = read_span(tmp_path / "a.ogg", 15.0, 16.0)
    np.testing.assert_array_equal(samples, whole[15 * rate : 16 * rate])


def test_what_cannot_be_read_is_left_out_with_a_line(tmp_path):
    a = write_tones(tmp_path / "a.wav", 500, 600)
    (tmp_path / "text.wav").write_text("no audio")
    (tmp_path / "empty.wav").touch()
    names = ["gone.wav", "text.wav", "a.wav", "empty.wav"]
    rows = certain(*((tmp_path / name, 0.5, 1.0) for name in names), (a, 7.0, 8.0))
    faults = write_class_page(tmp_path / "dog.html", "dog", rows)
    assert [fault.split(":")[0] for fault in faults] == [f"dog, event {rank}" for rank in (1, 2, 4, 5)]
    for fault, name in zip(faults, [names[0], names[1], names[3], "a.wav"]):
        assert str(tmp_path / name) in fault and "\n" not in fault
    assert lane_names(tmp_path / "dog.html") == ["3 · a.wav at 0:00.5"]


def test_a_page_without_any_excerpt_is_not_there(tmp_path):
    (tmp_path / "dog.html").write_text("older")
    (fault,) = write_class_page(tmp_path / "dog.html", "dog", certain((tmp_path / "gone.wav", 0, 1)))
    assert "gone.wav: there is no such file" in fault
    assert list(tmp_path.iterdir()) == []


def test_names_of_pages_are_safe_and_different():
    labels = ["dog", "Dog", "DOG", "sea_waves", "sea waves", "sea/waves", "sea__waves", "", ".", "..", "~", "../etc"]
    labels += ["<b>x</b>", "é", "鳥", "\udcff", "x" * 39, "x" * 300, "x" * 301, "Child speech, kid speaking", "a\nb"]
    names = [page_name(label) for label in labels]
    assert len({name.lower() for name in names}) == len(labels)
    assert all(re.fullmatch(r"[a-z0-9_]*(~[0-9a-f]{8})?\.html", name) and len(name) < 60 for name in names)
    assert (
        names[0] == "dog.html" and names[3] == "sea_waves.html" and names[-2].startswith("child_speech_kid_speaking~")
    )
