"""The page of a segmented file: what it holds, and in a browser that it plays, seeks and shows what the table says."""

import base64
import io
import re
import shutil
import time
import tracemalloc

import numpy as np
import pandas as pd
import pytest
import soundfile
from matplotlib.image import imread

from yoho import InputError
from yoho.page import clock, write_page

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
RATE = 8000
LABELS = ["rain", "car"]
EVENTS = pd.DataFrame(
    [(0.5, 2.25, "car", 0.87), (3.0, 4.0, "rain", 0.61), (3.5, 9.5, "car", 0.99)],
    columns=["onset", "offset", "event_label", "score"],
)
TRUE = pd.DataFrame([(0.4, 2.0, "car"), (3.0, 4.1, "dog")], columns=["onset", "offset", "event_label"])


def sound(seconds=10):
    """A tone whose height tells the time: 500 Hz, and 2000 Hz in the second half."""
    at = np.arange(seconds * RATE) / RATE
    return 0.5 * np.sin(2 * np.pi * np.where(at < seconds / 2, 500, 2000) * at)


@pytest.fixture
def audio(tmp_path):
    path = tmp_path / "song.wav"
    soundfile.write(path, np.stack([sound(), sound()], axis=1), RATE)
    return path


def embedded(page, kind):
    """What a page holds of a kind of data, decoded."""
    (found,) = re.findall(rf"data:{kind};base64,([A-Za-z0-9+/=]+)", page)
    return io.BytesIO(base64.b64decode(found))


def test_holds_the_sound_as_it_is(audio, tmp_path):
    write_page(tmp_path / "a.html", audio, EVENTS, LABELS)
    samples, rate = soundfile.read(embedded((tmp_path / "a.html").read_text(), "audio/flac"))
    assert rate == RATE
    np.testing.assert_allclose(samples, sound(), atol=1e-4)
    assert not (tmp_path / "a.page.flac").exists()


def test_sound_that_would_clip_is_softer(tmp_path):
    soundfile.write(tmp_path / "loud.wav", 4 * sound(), RATE, subtype="FLOAT")
    write_page(tmp_path / "a.html", tmp_path / "loud.wav", EVENTS, LABELS)
    samples, _ = soundfile.read(embedded((tmp_path / "a.html").read_text(), "audio/flac"))
    np.testing.assert_allclose(samples, sound() * 2, atol=1e-3)


def test_long_sound_lies_beside(audio, tmp_path):
    write_page(tmp_path / "a b#.html", audio, EVENTS, LABELS, self_contained=10 * RATE - 1)
    page = (tmp_path / "a b#.html").read_text()
    assert 'src="a%20b%23.page.flac"' in page
    assert "data:audio" not in page
    assert len(soundfile.read(tmp_path / "a b#.page.flac")[0]) == 10 * RATE


def test_picture_shows_when_what_sounds(audio, tmp_path):
    write_page(tmp_path / "a.html", audio, EVENTS, LABELS)
    picture = imread(embedded((tmp_path / "a.html").read_text(), "image/jpeg"), format="jpeg").sum(axis=2)
    height, width = picture.shape
    assert (height, width) == (80, -(-10 * RATE // 256))
    brightest = height - 1 - picture.argmax(axis=0)  # bands from below
    low, high = brightest[: width // 2 - 5], brightest[width // 2 + 5 :]
    assert low.max() < 20 < 35 < high.min()


def test_picture_is_no_wider_than_it_must_be(tmp_path):
    soundfile.write(tmp_path / "long.wav", np.zeros(600 * RATE), RATE)
    write_page(tmp_path / "a.html", tmp_path / "long.wav", EVENTS, LABELS)
    picture = imread(embedded((tmp_path / "a.html").read_text(), "image/jpeg"), format="jpeg")
    assert picture.shape[1] <= 2048
    assert picture.max() < 10  # silence is black


@pytest.mark.parametrize("samples", [0, 1, 300])
def test_next_to_no_sound(tmp_path, samples):
    soundfile.write(tmp_path / "short.wav", np.zeros(samples), RATE)
    write_page(tmp_path / "a.html", tmp_path / "short.wav", EVENTS.iloc[:0], LABELS)
    assert "No segments" in (tmp_path / "a.html").read_text()


def test_names_are_text_and_never_code(audio, tmp_path):
    label = '<script>alert("1")</script>\'"'
    events = EVENTS.assign(event_label=label)
    write_page(tmp_path / "a.html", audio, events, [label], reference=events, title="</title><script>alert(2)</script>")
    page = (tmp_path / "a.html").read_text()
    assert page.count("<script>") == 1
    assert "alert(" not in re.sub(r"alert\((&#34;|2)", "", page)
    assert "onload" not in page


def test_what_is_no_audio_and_what_cannot_be_written(audio, tmp_path):
    (tmp_path / "text.wav").write_text("no audio")
    with pytest.raises(InputError, match="text.wav"):
        write_page(tmp_path / "a.html", tmp_path / "text.wav", EVENTS, LABELS)
    with pytest.raises(OSError):
        write_page(tmp_path / "none" / "a.html", audio, EVENTS, LABELS)


@pytest.mark.slow
def test_memory_does_not_grow_with_length(tmp_path):
    def peak(seconds):
        path = tmp_path / f"{seconds}.wav"
        soundfile.write(path, np.zeros(seconds * RATE, np.int16), RATE)
        tracemalloc.start()
        write_page(tmp_path / "a.html", path, EVENTS, LABELS, self_contained=0)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    peak(60)
    assert peak(7200) < 1.2 * peak(600)


@pytest.mark.parametrize(
    ("seconds", "digits", "told"),
    [(0, 0, "0:00"), (59.9996, 3, "1:00.000"), (61.25, 1, "1:01.2"), (3600, 0, "1:00:00"), (7325.5, 3, "2:02:05.500")],
)
def test_clock(seconds, digits, told):
    assert clock(seconds, digits) == told


# ---- in a browser ----------------------------------------------------------------------------------------------------

in_browser = [
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM, reason="no Chromium here (Debian: apt-get install chromium)"),
]


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        options = ["--no-sandbox", "--autoplay-policy=no-user-gesture-required"]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=options)
        yield browser
        browser.close()


@pytest.fixture(params=["within", "beside"])
def page(browser, audio, tmp_path, request):
    """The opened page, with the sound in it and beside it; nothing else may be asked for."""
    target = tmp_path / "song.wav.html"
    held = {"within": 10**9, "beside": 0}[request.param]
    write_page(target, audio, EVENTS, LABELS, reference=TRUE, self_contained=held)
    opened, asked, said = browser.new_page(), [], []
    opened.on("request", lambda request: asked.append(request.url))
    opened.on("console", lambda message: said.append(message.text))
    opened.on("pageerror", lambda error: said.append(str(error)))
    opened.goto(target.as_uri())
    wait(opened, "audio.readyState >= 1")
    yield opened
    own = {target.as_uri(), (tmp_path / "song.wav.page.flac").as_uri()}
    assert {url for url in asked if not url.startswith("data:")} <= own
    assert said == []
    opened.close()


def wait(page, condition, seconds=20):
    """Wait for what must become true of the audio; the page forbids that its browser waits by itself."""
    deadline = time.monotonic() + seconds
    while not page.evaluate(f"(audio => {condition})(document.querySelector('#audio'))"):
        assert time.monotonic() < deadline, condition
        time.sleep(0.02)


def position(page):
    return page.evaluate("document.querySelector('#audio').currentTime")


class TestInBrowser:
    pytestmark = in_browser

    def test_plays_and_pauses(self, page):
        page.click("#play")
        wait(page, "audio.currentTime > 0.2")
        assert page.locator("#now").inner_text() != "0:00.0"
        page.keyboard.press("Space")
        wait(page, "audio.paused")
        assert page.locator(".failure").is_hidden()

    def test_a_click_on_the_picture_seeks(self, page):
        box = page.locator("img.picture").bounding_box()
        page.mouse.click(box["x"] + 0.7 * box["width"], box["y"] + box["height"] / 2)
        assert position(page) == pytest.approx(7, abs=0.05)
        assert page.locator("#now").inner_text() == "0:07.0"

    def test_a_click_on_a_lane_and_on_a_segment(self, page):
        box = page.locator(".lane").nth(0).bounding_box()
        page.mouse.click(box["x"] + 0.8 * box["width"], box["y"] + 5)
        assert position(page) == pytest.approx(8, abs=0.05)
        page.locator(".lane").nth(0).locator(".found").click()
        wait(page, "audio.currentTime >= 3.2")
        wait(page, "audio.paused")  # at the segment's end
        assert position(page) == pytest.approx(4, abs=0.01)

    def test_a_click_on_a_row_plays_it(self, page):
        page.locator("tbody tr").nth(2).click()
        wait(page, "audio.currentTime > 3.6")
        assert page.locator("tbody tr.on").count() >= 1
        assert position(page) < 9.5

    @pytest.mark.parametrize(
        ("keys", "wanted"),
        [
            (["n"], 0.5),
            (["n", "n"], 3.0),
            (["n", "n", "n", "p"], 3.0),
            (["ArrowRight"], 1.0),
            (["Shift+ArrowRight", "ArrowLeft"], 9.0),
            (["End", "ArrowLeft"], 9.0),
            (["ArrowRight", "Home"], 0.0),
        ],
    )
    def test_keyboard(self, page, keys, wanted):
        for key in keys:
            page.keyboard.press(key)
        assert position(page) == pytest.approx(wanted, abs=0.01)

    def test_zoom_keeps_the_playhead_in_view(self, page):
        page.keyboard.press("End")
        before = page.locator("#timeline").bounding_box()["width"]
        page.keyboard.press("+")
        assert page.locator("#timeline").bounding_box()["width"] == pytest.approx(2 * before, rel=0.01)
        view, head = page.locator(".view").bounding_box(), page.locator("#playhead").bounding_box()
        assert view["x"] - 2 <= head["x"] <= view["x"] + view["width"] + 2

    def test_lanes_and_table_say_what_the_events_say(self, page):
        assert page.locator(".name").all_inner_texts() == ["rain", "car", "dog"]
        timeline = page.locator("#timeline").bounding_box()
        for kind, events in (("found", EVENTS), ("true", TRUE)):
            assert page.locator(f".segment.{kind}[data-onset]").count() == len(events)
            for event in events.itertuples():
                lane = page.locator(f'.lane[aria-label="{event.event_label}"]')
                box = lane.locator(f'.{kind}[data-onset="{event.onset:.6f}"]').bounding_box()
                assert box["x"] - timeline["x"] == pytest.approx(timeline["width"] * event.onset / 10, abs=1)
                assert box["width"] == pytest.approx(timeline["width"] * (event.offset - event.onset) / 10, abs=1)
        rows = [row.split("\t") for row in page.locator("tbody tr").all_inner_texts()]
        wanted = [[clock(e.onset, 3), clock(e.offset, 3), e.event_label, f"{e.score:.2f}"] for e in EVENTS.itertuples()]
        assert [[cell.strip() for cell in row] for row in rows] == wanted

    def test_what_sounds_now_is_marked(self, page):
        page.keyboard.press("n")
        page.keyboard.press("n")
        assert page.locator(".name.on").all_inner_texts() == ["rain"]
        page.keyboard.press("ArrowRight")  # 4.0 s: the rain has ended, the car sounds
        assert page.locator(".name.on").all_inner_texts() == ["car"]
