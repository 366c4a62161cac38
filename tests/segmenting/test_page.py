"""The page of a recording: its content and, in a browser without a network, its display and controls."""

import base64
import io
import re
import time
import tracemalloc
from collections import namedtuple
from html.parser import HTMLParser
from urllib.parse import quote

import numpy as np
import pandas as pd
import pytest
import soundfile
from matplotlib import colormaps
from matplotlib.image import imread, imsave

from yoho import InputError
from yoho.segmenting.page import (
    BANDS,
    COLUMNS,
    RANGE,
    TAIL,
    TRUTH,
    clock,
    coloured,
    draw,
    lanes,
    log_mel_columns,
    write_page,
)

HOSTILE = "\"'><script>window.seen = 1</script><img src=x onerror='window.seen = 1'></title>{{ 7 * 7 }}&amp;_."
LABELS = ["dog", "sea_waves", "rain"]
FOUND = pd.DataFrame(
    [(3.25, 4.0, "sea_waves", 0.875), (1.0, 2.5, "dog", 0.5), (2.125, 2.75, "dog", np.nan), (5.0, 6.0, "owl", 1.0)],
    columns=["onset", "offset", "event_label", "score"],
)
TRUE = pd.DataFrame([(1.25, 2.75, "dog"), (0.5, 1.0, "cat")], columns=["onset", "offset", "event_label"])
RATE, DURATION = 16_000, 8.0


class Elements(HTMLParser):
    """The elements of a page as (tag, attributes), and the texts between the tags."""

    def __init__(self, page):
        super().__init__()
        self.elements, self.texts = [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.texts.append(data.strip())

    def all(self, tag, kind=""):
        return [a for name, a in self.elements if name == tag and kind in a.get("class", "").split() + [""]]


def write_tone(path, duration=DURATION, rate=RATE):
    """Write a stereo file: silence, then in its second half a tone of 1 kHz in the left channel."""
    moments = np.arange(round(duration * rate)) / rate
    tone = 0.5 * np.sin(2 * np.pi * 1000 * moments) * (moments >= duration / 2)
    soundfile.write(path, np.stack([tone, np.zeros_like(tone)], axis=1), rate)
    return path


@pytest.fixture
def recording(tmp_path):
    return write_tone(tmp_path / "tone.wav")


def tracks_of(found, reference=None):
    """The events found in a recording, after the true ones if there are any."""
    return ({} if reference is None else {TRUTH: reference}) | {"found": found}


def written(target, audio, events=FOUND, event_labels=LABELS, reference=None, **options):
    write_page(target, audio, tracks_of(events, reference), event_labels, **options)
    return target.read_text(encoding="utf-8")


def held(page, kind):
    """The content of the page's data URI of a MIME type, as a file."""
    (content,) = re.findall(rf'"data:{kind};base64,([^"]*)"', page)
    return io.BytesIO(base64.b64decode(content, validate=True))


def test_a_page_holds_the_mono_audio(recording, tmp_path):
    samples, rate = soundfile.read(held(written(tmp_path / "a.html", recording), "audio/flac"), always_2d=True)
    expected, _ = soundfile.read(recording)
    assert samples.shape == (len(expected) + TAIL, 1) and rate == RATE
    assert np.abs(samples[:-TAIL, 0] - expected.mean(axis=1)).max() < 2**-15
    assert not samples[-TAIL:].any()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.html", "tone.wav"]


def test_samples_that_are_no_numbers_are_silent(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.array([0.5, np.nan, np.inf, 0.25], np.float32), RATE, subtype="FLOAT")
    samples, _ = soundfile.read(held(written(tmp_path / "a.html", tmp_path / "a.wav"), "audio/flac"))
    assert np.allclose(samples[:-TAIL], [0.5, 0, 1, 0.25], atol=1e-4)


@pytest.mark.parametrize("scale", [32767, 1e-5, 1.5])
def test_floats_of_another_scale_are_heard(tmp_path, scale):
    wave = np.sin(np.arange(4000) / 10)
    soundfile.write(tmp_path / "a.wav", scale * wave, RATE, subtype="FLOAT")
    samples, _ = soundfile.read(held(written(tmp_path / "a.html", tmp_path / "a.wav"), "audio/flac"))
    np.testing.assert_allclose(samples[:-TAIL], wave / np.abs(wave).max(), atol=1e-3)


@pytest.mark.parametrize("scale", [0.01, 1])
def test_floats_of_scale_1_stay_as_loud_as_they_are(tmp_path, scale):
    soundfile.write(tmp_path / "a.wav", scale * np.sin(np.arange(4000) / 10), RATE, subtype="FLOAT")
    samples, _ = soundfile.read(held(written(tmp_path / "a.html", tmp_path / "a.wav"), "audio/flac"))
    np.testing.assert_allclose(samples[:-TAIL], scale * np.sin(np.arange(4000) / 10), atol=1e-4)


def test_the_picture_shows_the_sound_where_and_as_high_as_it_is(recording, tmp_path):
    picture = imread(held(written(tmp_path / "a.html", recording), "image/jpeg"), format="jpeg").astype(int).sum(axis=2)
    assert picture.shape[0] <= BANDS and DURATION * 60 < picture.shape[1] <= COLUMNS
    middle = picture.shape[1] // 2
    assert picture[:, : middle - 5].max() < 40
    loudest = picture[:, middle + 5 : -5].argmax(axis=0)
    # 1 kHz is mel 15, and 8 kHz mel 45.2: the tone is a third of the way up from the lowest row.
    assert np.abs(loudest / picture.shape[0] - 2 / 3).max() < 0.03


@pytest.mark.parametrize(("rate", "duration"), [(300, 3), (8000, 0.001), (11_025, 300), (96_000, 2)])
def test_the_picture_keeps_its_bounds(tmp_path, rate, duration):
    soundfile.write(tmp_path / "a.wav", np.random.default_rng(0).uniform(-0.1, 0.1, round(rate * duration)), rate)
    page = written(tmp_path / "a.html", tmp_path / "a.wav")
    rows, columns, _ = imread(held(page, "image/jpeg"), format="jpeg").shape
    assert 1 <= rows <= BANDS and 1 <= columns <= COLUMNS


def test_the_picture_is_matplotlib_s(tmp_path):
    moments = np.arange(3 * RATE) / RATE
    chirp = np.sin(2 * np.pi * (200 + 1000 * moments) * moments) * moments / 3
    soundfile.write(tmp_path / "a.flac", chirp + np.random.default_rng(0).normal(0, 1e-3, len(chirp)), RATE)
    decibels = log_mel_columns(tmp_path / "a.flac", len(chirp))
    top, fine = np.percentile(decibels, 99.9), {"quality": 85, "subsampling": 0}
    exact = colormaps["magma"]((decibels.T[::-1] - top) / RANGE + 1, bytes=True)[..., :3].astype(int)
    imsave(tmp_path / "a.jpg", decibels.T, top - RANGE, top, "magma", origin="lower", pil_kwargs=fine)
    found = imread(io.BytesIO(draw(tmp_path / "a.flac", len(chirp))), format="jpeg")
    loss, own = (np.abs(picture - exact).mean() for picture in (imread(tmp_path / "a.jpg"), found))
    assert found.shape == exact.shape
    # JPEG's own loss, and the difference of the colours; upside down, the difference is many times as large.
    assert own < loss + 0.5 and np.abs(found[::-1] - exact).mean() > 5 * own


def test_the_colours_are_those_of_magma():
    levels = (np.arange(256) + 0.5) / 256
    expected = colormaps["magma"](levels[None], bytes=True)[..., :3].astype(int)
    assert np.abs(coloured(levels[None]) - expected).max() <= 4
    assert (coloured(np.array([[-9, 0], [1, 9]])) == coloured(np.array([[0, 0], [1, 1]]))).all()


def test_silence_is_dark(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.zeros(RATE), RATE)
    assert imread(held(written(tmp_path / "a.html", tmp_path / "a.wav"), "image/jpeg"), format="jpeg").max() < 16


def test_longer_audio_lies_beside_the_page(recording, tmp_path):
    samples = round(DURATION * RATE)
    assert "data:audio" in written(tmp_path / "a.html", recording, self_contained=samples)
    target = tmp_path / "50% #1? é.html"
    page = Elements(written(target, recording, self_contained=samples - 1))
    beside = tmp_path / "50% #1? é.page.flac"
    assert page.all("audio")[0]["src"] == quote(beside.name) and "#" not in page.all("audio")[0]["src"]
    assert soundfile.info(beside).frames == samples + TAIL and soundfile.info(beside).channels == 1


def test_the_recording_itself_is_not_overwritten(tmp_path):
    audio = tmp_path / "a.page.flac"
    write_tone(audio)
    before = audio.read_bytes()
    with pytest.raises(InputError, match="a.page.flac: would be overwritten"):
        write_page(tmp_path / "a.html", audio, {"found": FOUND}, LABELS, self_contained=0)
    assert audio.read_bytes() == before


def test_what_is_no_audio_leaves_no_page(tmp_path):
    (tmp_path / "a.wav").write_text("no audio")
    with pytest.raises(InputError, match="a.wav: cannot be read as audio"):
        write_page(tmp_path / "a.html", tmp_path / "a.wav", {"found": FOUND}, LABELS)
    assert [path.name for path in tmp_path.iterdir()] == ["a.wav"]


@pytest.mark.parametrize("self_contained", [0, 10**9])
def test_memory_does_not_grow_with_the_length(tmp_path, self_contained):
    peaks = []
    for seconds in (400, 400, 1600):  # libraries are loaded the first time
        audio = write_tone(tmp_path / "long.wav", seconds, 8000)
        tracemalloc.start()
        write_page(tmp_path / "long.html", audio, {"found": FOUND}, LABELS, self_contained=self_contained)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[2] < 1.2 * peaks[1]


def test_names_are_text_whatever_they_hold(tmp_path):
    audio = write_tone(tmp_path / (HOSTILE.replace("/", "") + ".wav"))
    events = FOUND.assign(event_label=HOSTILE)
    for title in (HOSTILE, None):
        page = Elements(written(tmp_path / "a.html", audio, events, [HOSTILE], reference=events, title=title))
        assert len(page.all("script")) == 1 and len(page.all("img")) == 1
        assert not [name for _, attributes in page.elements for name in attributes if name.startswith("on")]
        assert page.texts.count(title or audio.name) == 2  # <title>, <h1>
        assert {name["aria-label"] for name in page.all("div", "lane")} == {HOSTILE}
        assert all(bar["title"].startswith(HOSTILE + ", 0:0") for bar in page.all("button", "event"))


def test_a_name_that_is_no_unicode_is_written(recording, tmp_path):
    assert "<h1>a?.wav</h1>" in written(tmp_path / "a.html", recording, title="a\udcff.wav")


def test_the_policy_names_nothing_but_the_page(recording, tmp_path):
    for limit, media in ((0, "file: 'self'"), (10**9, "data:")):
        page = written(tmp_path / "a.html", recording, self_contained=limit)
        policy = Elements(page).elements[5][1]["content"]
        rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
        assert rules.pop("script-src").startswith("'sha256-")
        assert rules == {
            "default-src": "'none'",
            "img-src": "data:",
            "media-src": media,
            "style-src": "'unsafe-inline'",
            "base-uri": "'none'",
            "form-action": "'none'",
        }
        assert not re.search(r"(https?:)?//[a-z]", re.sub(r"base64,[^\"]*", "", page))


def test_scores_and_truth_are_shown_only_where_there_are_any(recording, tmp_path):
    plain = written(tmp_path / "a.html", recording, FOUND.drop(columns="score"))
    assert ">score<" not in plain and "4 events</p>" in plain and 'class="legend"' not in plain
    full = written(tmp_path / "a.html", recording, FOUND[:1], reference=TRUE)
    assert ">score<" in full and "1 event · 2 true</p>" in full and 'class="legend"' in full
    nothing = written(tmp_path / "a.html", recording, FOUND[:0], reference=TRUE[:0])
    assert "0 events · 0 true</p>" in nothing and "No event was found." in nothing and "<table>" not in nothing


NETWORKS = {TRUTH: TRUE, "MobileNet": FOUND, "net & <mask>": FOUND.assign(event_label="dog"), "none": FOUND[:0]}


def test_several_tracks_are_named(recording, tmp_path):
    write_page(tmp_path / "a.html", recording, NETWORKS, LABELS)
    page = Elements((tmp_path / "a.html").read_text(encoding="utf-8"))
    assert "8.0 · MobileNet: 4 events · net & <mask>: 4 events · none: 0 events · 2 true" in " ".join(page.texts)
    assert len(page.all("div", "row")) == 2 * len(NETWORKS) * len(page.all("div", "lane"))
    summaries = [bar["title"] for bar in page.all("button", "event")]
    assert "dog, 0:01.250 to 0:02.750, true" in summaries
    assert "dog, 0:03.250 to 0:04.000, score 0.88, net & <mask>" in summaries
    assert sum(text.endswith(", MobileNet") for text in summaries) == len(FOUND)


def test_lanes_of_24_classes_look_apart():
    drawn = lanes({}, [str(number) for number in range(24)])
    assert len({(lane.colour, lane.hatch) for lane in drawn.values()}) == 24
    assert all(lane.hatch == 0 for lane in list(drawn.values())[:8])


def test_of_more_classes_only_those_that_sound_have_lanes_the_longest_first():
    event = namedtuple("Event", "onset offset event_label")
    found, true = [event(0, 1, "3"), event(2, 3, "3"), event(0, 1.5, "20")], [event(0, 4, "owl")]
    assert list(lanes({"found": found, TRUTH: true}, [str(number) for number in range(25)])) == ["owl", "3", "20"]
    assert list(lanes({"found": []}, [str(number) for number in range(25)])) == []


@pytest.mark.parametrize(
    ("seconds", "digits", "text"),
    [
        (0, 0, "0:00"),
        (4.6166, 3, "0:04.617"),
        (59.9996, 3, "1:00.000"),
        (3599.96, 1, "1:00:00.0"),
        (3723, 0, "1:02:03"),
    ],
)
def test_clock(seconds, digits, text):
    assert clock(seconds, digits) == text


# ---- in a browser ----------------------------------------------------------------------------------------------------


@pytest.fixture
def show(chromium, tmp_path):
    """A function that opens a page. The test fails if the page has an error or requests any other file or address."""
    faults, asked, allowed, contexts = [], [], [], []

    def open_page(audio, events=FOUND, event_labels=LABELS, reference=None, target=None, scheme="light", **options):
        target = target or tmp_path / "page.html"
        tracks = events if isinstance(events, dict) else tracks_of(events, reference)
        write_page(target, audio, tracks, event_labels, **options)
        allowed.extend(path.as_uri() for path in (target, target.with_name(f"{target.stem}.page.flac")))
        contexts.append(
            chromium.new_context(color_scheme=scheme, offline=True, viewport={"width": 1200, "height": 900})
        )
        page = contexts[-1].new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("requestfailed", lambda request: faults.append(f"cannot have {request.url[:100]}"))
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda message: message.type == "error" and faults.append(message.text))
        page.goto(target.as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not faults
    assert {url for url in asked if not url.startswith("data:")} <= set(allowed)
    assert len(asked) >= len(contexts)


def wait(page, condition):
    """Wait until a condition holds. Playwright's own function needs eval, which the page forbids."""
    until = time.monotonic() + 10
    while not page.evaluate(condition):
        assert time.monotonic() < until, condition
        page.wait_for_timeout(20)


def position(page):
    return page.evaluate("audio.currentTime")


def click_at(page, selector, seconds):
    """Click an element of the timeline at a time."""
    box = page.locator(selector).bounding_box()
    left, width = (page.locator("#timeline").bounding_box()[side] for side in ("x", "width"))
    page.mouse.click(left + width * seconds / DURATION, box["y"] + box["height"] - 2)


@pytest.mark.slow
def test_it_plays(show, recording):
    page = show(recording)
    wait(page, "audio.readyState === 4")
    assert page.evaluate("audio.duration") == pytest.approx(DURATION + TAIL / RATE, abs=0.001)
    assert page.locator(".time span").inner_text() == "/ 0:08.0"
    page.click("#play")
    wait(page, "audio.currentTime > 0.3")
    assert "playing" in page.locator("body").get_attribute("class")
    page.keyboard.press(" ")
    wait(page, "audio.paused && !document.body.matches('.playing')")
    assert page.locator("#now").inner_text() == clock(position(page), 1)
    head, strip = (page.locator(name).bounding_box() for name in ("#playhead", "#timeline"))
    assert head["x"] + 1 - strip["x"] == pytest.approx(strip["width"] * position(page) / DURATION, abs=1)


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [0.1, 0.35, 2.0])
def test_the_end_of_the_audio_can_be_reached_and_is_the_end(show, tmp_path, seconds):
    page = show(write_tone(tmp_path / "short.wav", seconds, 44_100), FOUND[:0])
    wait(page, "audio.readyState === 4")
    for share in (0.3, 0.9, 0.95, 1):
        page.evaluate(f"seek({share} * duration)")
        wait(page, "audio.readyState === 4 && !audio.seeking")
    page.evaluate("audio.addEventListener('play', () => { window.began = audio.currentTime; })")
    page.keyboard.press(" ")  # from the start again
    wait(page, "window.began < duration / 2 && audio.paused")
    assert position(page) == pytest.approx(seconds, abs=0.001)
    assert page.evaluate("audio.error === null") and page.locator(".failure").is_hidden()


@pytest.mark.slow
def test_a_click_seeks_there(show, recording):
    page = show(recording, reference=TRUE)
    pixel = DURATION / page.locator("#timeline").bounding_box()["width"]
    for selector, seconds in (("img.picture", 6.5), (".lane >> nth=1", 0.7), (".lane >> nth=2", 7.9), ("#ruler", 3.0)):
        click_at(page, selector, seconds)
        assert position(page) == pytest.approx(seconds, abs=pixel) and page.evaluate("audio.paused")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("selector", "onset"), [("tbody tr >> nth=1", 2.125), (".event.found[data-onset='3.25']", 3.25)]
)
def test_a_click_plays_a_segment_to_its_end(show, recording, selector, onset):
    page = show(recording, FOUND.assign(offset=FOUND["onset"] + 0.4))
    page.click(selector)
    wait(page, "!audio.paused")
    assert onset <= position(page) < onset + 0.4
    wait(page, "audio.paused")
    assert position(page) == pytest.approx(onset + 0.4, abs=0.001)


@pytest.mark.slow
def test_keys(show, recording):
    page = show(recording)

    def press(keys):
        for key in keys.split():
            page.keyboard.press(key)
        return round(position(page), 3)

    assert [press("n") for _ in range(5)] == [1.0, 2.125, 3.25, 5.0, 5.0]
    assert [press("P") for _ in range(4)] == [3.25, 2.125, 1.0, 1.0]
    assert press("ArrowRight ArrowRight") == 3.0 and press("ArrowLeft") == 2.0
    assert press("Shift+ArrowRight") == DURATION and press("Shift+ArrowLeft") == 0
    assert press("End") == DURATION and press("Home") == 0 and press("ArrowLeft") == 0
    assert press("Control+n") == 0
    page.focus("tbody tr:nth-child(3) button")
    press("Space")
    wait(page, "!audio.paused && audio.currentTime < 1")  # it plays from the current position, not the focused event
    press("Space")
    wait(page, "audio.paused")
    press("Enter")
    wait(page, "audio.currentTime >= 3.25")


@pytest.mark.slow
def test_zoom_keeps_the_playhead_in_place_and_in_view(show, recording):
    page = show(recording)

    def widths():
        return [page.locator(name).bounding_box()["width"] for name in ("#timeline", ".view")]

    def head():
        return page.locator("#playhead").bounding_box()["x"]

    click_at(page, "img.picture", 4.0)
    before = head()
    for key, zoom in (("+", 2), ("=", 4), ("+", 4), ("-", 2)):
        page.keyboard.press(key)
        assert widths()[0] == pytest.approx(zoom * widths()[1], abs=1)
        assert head() == pytest.approx(before, abs=1.5)
        assert page.locator("#in").is_disabled() == (zoom == 4)
    shown = page.locator("#ruler span").all_inner_texts()
    assert shown == [f"0:0{second:.1f}" for second in np.arange(2, 6.5, 0.5)]  # only the marks in view
    page.keyboard.press("End")
    left, width = (page.locator(".view").bounding_box()[side] for side in ("x", "width"))
    assert left <= head() <= left + width
    page.keyboard.press("-")
    assert page.locator("#out").is_disabled() and widths()[0] == pytest.approx(widths()[1], abs=1)
    assert page.locator("#ruler span").all_inner_texts()[:3] == ["0:00.0", "0:00.5", "0:01.0"]


@pytest.mark.slow
def test_lanes_and_rows_say_what_the_tables_say(show, recording):
    page = show(recording, reference=TRUE)
    strip = page.locator("#timeline").bounding_box()
    assert page.locator(".name").all_inner_texts() == ["dog", "sea_waves", "rain", "cat", "owl"]
    for kind, table in (("found", FOUND), ("true", TRUE)):
        drawn = []
        for label in page.locator(".lane").all():
            for bar in label.locator(f".event.{kind}").all():
                box = bar.bounding_box()
                assert label.bounding_box()["y"] < box["y"] < label.bounding_box()["y"] + label.bounding_box()["height"]
                seconds = [(x - strip["x"]) * DURATION / strip["width"] for x in (box["x"], box["x"] + box["width"])]
                exact = [float(bar.get_attribute(f"data-{side}")) for side in ("onset", "offset")]
                assert seconds == pytest.approx(exact, abs=DURATION / strip["width"])
                drawn.append((*exact, label.get_attribute("aria-label")))
        assert sorted(drawn) == sorted(zip(table["onset"], table["offset"], table["event_label"]))
    said = [row.locator("td").all_inner_texts() for row in page.locator("tbody tr").all()]
    assert said == [
        ["0:01.000", "0:02.500", "dog", "0.50"],
        ["0:02.125", "0:02.750", "dog", ""],
        ["0:03.250", "0:04.000", "sea_waves", "0.88"],
        ["0:05.000", "0:06.000", "owl", "1.00"],
    ]


@pytest.mark.slow
def test_every_track_has_its_row_in_every_lane(show, recording):
    page = show(recording, NETWORKS)
    names = page.locator(".name")
    assert names.first.locator(".row").all_inner_texts() == list(NETWORKS)
    for lane, name in zip(page.locator(".lane").all(), names.all(), strict=True):
        rows = [row.bounding_box() for row in lane.locator(".row").all()]
        labels = [row.bounding_box() for row in name.locator(".row").all()]
        assert [row["y"] for row in rows] == pytest.approx([label["y"] for label in labels], abs=1)
        box = lane.bounding_box()
        assert box["y"] < rows[0]["y"] and rows[-1]["y"] + rows[-1]["height"] < box["y"] + box["height"]
    assert page.locator("tbody td.track").all_inner_texts() == 4 * ["MobileNet", "net & <mask>"]
    page.keyboard.press("n")
    assert position(page) == 1.0 and page.locator("tbody tr.on").count() == 2


@pytest.mark.slow
def test_what_sounds_is_marked(show, recording):
    page = show(recording, reference=TRUE)
    page.evaluate("seek(2.25)")
    assert page.locator(".name.on").all_inner_texts() == ["dog"]
    assert page.locator("tbody tr.on").count() == 2
    assert page.locator(".event.true.on").count() == 1
    page.evaluate("seek(2.5)")
    assert page.locator("tbody tr.on").count() == 1
    page.evaluate("seek(7)")
    assert page.locator(".on").count() == 0


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_light_and_dark_can_be_read(show, recording, scheme):
    page = show(recording, reference=TRUE, scheme=scheme)
    colours = {
        name: page.locator(name).first.evaluate("(element) => getComputedStyle(element).color")
        for name in ("h1", "header p", ".name", "th", "td", ".help", "#ruler span")
    }
    backs = [
        page.locator(name).evaluate("(element) => getComputedStyle(element).backgroundColor")
        for name in ("body", ".board", ".rows")
    ]
    assert all((luminance(back) < 0.05) == (scheme == "dark") for back in backs)
    for name, colour in colours.items():
        assert min(contrast(colour, back) for back in backs) >= 4.5, name


def luminance(colour):
    """Relative luminance of a CSS colour, as the WCAG defines it."""
    shares = np.array([int(part) for part in re.findall(r"\d+", colour)[:3]]) / 255
    return np.where(shares <= 0.04045, shares / 12.92, ((shares + 0.055) / 1.055) ** 2.4) @ [0.2126, 0.7152, 0.0722]


def contrast(*colours):
    dark, light = sorted(luminance(colour) for colour in colours)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.slow
def test_audio_beside_the_page_plays(show, recording, tmp_path):
    page = show(recording, target=tmp_path / "50% #1? é.html", self_contained=0)
    wait(page, "audio.readyState === 4")
    page.keyboard.press("n")
    page.keyboard.press(" ")
    wait(page, "audio.currentTime > 1.3")
    assert page.locator(".failure").is_hidden()


@pytest.mark.slow
def test_audio_that_is_gone_is_told(chromium, recording, tmp_path):
    write_page(tmp_path / "page.html", recording, {"found": FOUND}, LABELS, self_contained=0)
    (tmp_path / "page.page.flac").unlink()
    page = chromium.new_page()
    page.goto((tmp_path / "page.html").as_uri())
    wait(page, "!document.querySelector('.failure').hidden")
    assert "page.page.flac" in page.locator(".failure").inner_text()
    page.close()


@pytest.mark.slow
def test_an_empty_recording_is_told(show, tmp_path):
    soundfile.write(tmp_path / "empty.wav", np.zeros(0), RATE)
    page = show(tmp_path / "empty.wav", FOUND[:0], reference=TRUE[:0])
    assert "empty" in page.locator(".failure").inner_text()
    assert page.locator("#play").is_disabled()
    for key in (" ", "n", "End", "+"):
        page.keyboard.press(key)
    page.locator(".lane").first.click()
    assert page.evaluate("audio.paused") and position(page) == 0
    assert page.locator("#now").inner_text() == "0:00.0"


@pytest.mark.slow
def test_hostile_names_do_nothing(show, tmp_path):
    audio = write_tone(tmp_path / (HOSTILE.replace("/", "") + ".wav"))
    page = show(audio, FOUND.assign(event_label=HOSTILE), [HOSTILE], reference=TRUE.assign(event_label=HOSTILE))
    wait(page, "audio.readyState === 4")
    assert page.evaluate("window.seen") is None
    assert page.locator("h1").inner_text() == audio.name == page.title()
    assert page.locator("tbody .class").first.inner_text() == HOSTILE == page.locator(".name").inner_text()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("attempt", "rule"),
    [
        ("fetch('https://example.org').catch(() => {})", "connect-src"),
        ("new Image().src = 'https://example.org/a.png'", "img-src"),
        ("audio.src = 'https://example.org/a.flac'", "media-src"),
        ("document.body.setAttribute('onclick', 'seen = 1'), document.body.click()", "script-src-attr"),
        ("document.body.append(Object.assign(document.createElement('script'), {text: '1'}))", "script-src-elem"),
    ],
)
def test_the_browser_holds_to_the_policy(chromium, recording, tmp_path, attempt, rule):
    write_page(tmp_path / "page.html", recording, {"found": FOUND}, LABELS)
    context = chromium.new_context(offline=True)
    page = context.new_page()
    page.goto((tmp_path / "page.html").as_uri())
    refused = "document.addEventListener('securitypolicyviolation', (event) => done(event.effectiveDirective))"
    told = page.evaluate(f"new Promise((done) => {{ {refused}; setTimeout(() => done('nothing'), 3000); {attempt}; }})")
    context.close()
    assert told == rule
