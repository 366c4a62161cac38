"""The summary page of an archive: what it says, its calendars, and its display in a browser."""

import base64
import io
import json
import re
from html.parser import HTMLParser
from urllib.parse import unquote

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from places import ROOT
from yoho.archives import calendars
from yoho.archives.excerpts import page_name
from yoho.archives.summary import (
    CALENDARS,
    LISTED,
    NO_BREAK,
    Archive,
    lasting,
    moment,
    percent,
    summary_page,
    write_summary,
)
from yoho.segmenting.writing import named_after

HOSTILE = "\"'><script>window.seen = 1</script><img src=x onerror='window.seen = 1'></title>{{ 7 * 7 }}&amp;_/."
CALENDAR = ["event_label", "date", "hour", "minutes", "recorded"]
CLASSES = ["event_label", "events", "minutes", "files"]
TOTALS = {"files": 2000, "failed": 0, "hours": 120.0, "events": 3, "without_time": 0, "first": None, "last": None}


def calendar_table(first="2024-05-01", count=3, sounds=(), recorded=60.0):
    """calendar.csv of some days that are recorded throughout; sounds: rows (label, day, hour, minutes)."""
    dates = np.datetime64(first) + np.arange(count)
    rows = [("", str(date), hour, 0, recorded) for date in dates for hour in range(24)]
    rows += [(label, str(dates[day]), hour, minutes, recorded) for label, day, hour, minutes in sounds]
    return pd.DataFrame(rows, columns=CALENDAR)


def archive(sounds=(), calendar=None, **fields):
    """An `Archive` in which classes sound; sounds: rows (label, day, hour, minutes)."""
    rows = pd.DataFrame(sounds, columns=["event_label", "day", "hour", "minutes"])
    classes = rows.groupby("event_label", as_index=False)["minutes"].sum().sort_values("minutes", ascending=False)
    empty = Archive(
        name="Forest",
        network="the network",
        totals=TOTALS,
        notes=[],
        classes=classes.assign(events=1, files=1)[CLASSES],
        calendar=calendar_table(sounds=sounds) if calendar is None else calendar,
        failed=pd.DataFrame(columns=["filename", "error"]),
        files=pd.DataFrame(),
        links={},
    )
    return empty._replace(**fields)


class Page(HTMLParser):
    """The elements of a page as (tag, attributes), and its text."""

    def __init__(self, page):
        super().__init__()
        self.elements, self.pieces = [], []
        self.feed(page)
        self.text = re.sub(r"\s+", " ", " ".join(self.pieces))

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.pieces.append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


def shown(*args, **fields):
    return Page(summary_page(archive(*args, **fields)))


def image(page, number=0):
    """The pixels of a calendar, (rows, columns, RGBA)."""
    content = page.all("img")[number]["src"].removeprefix("data:image/png;base64,")
    return np.array(Image.open(io.BytesIO(base64.b64decode(content))).convert("RGBA"))


def rgba(colour):
    return [*bytes.fromhex(colour), 255]


# ---- calendars -------------------------------------------------------------------------------------------------------


def test_a_calendar_shows_hours_from_the_top_and_days_from_the_left():
    calendar = calendar_table(sounds=[("dog", 1, 5, 60.0), ("dog", 2, 23, 0.06), ("dog", 0, 0, 0.001)])
    calendar = calendar.drop(index=calendar[(calendar["date"] == "2024-05-03") & (calendar["hour"] == 7)].index)
    pixels = image(shown([("dog", 1, 5, 60.06)], calendar))
    assert pixels.shape == (24, 3, 4)
    assert list(pixels[5, 1]) == rgba(calendars.SHARES[-1])  # the whole hour
    assert list(pixels[23, 2]) == list(pixels[0, 0]) == rgba(calendars.SHARES[0])  # a thousandth, and less
    assert pixels[7, 2, 3] == 0  # not recorded
    silent = (pixels == rgba(calendars.SILENT)).all(axis=2)
    assert silent.sum() == 24 * 3 - 4


@pytest.mark.parametrize(
    ("share", "colour"),
    [(1.0, 13), (0.62, 13), (0.6, 12), (0.1, 9), (0.01, 4), (0.0011, 0), (1.2, 13)],  # 14 colours over three decades
)
def test_colours_are_even_steps_of_the_logarithm(share, colour):
    pixels = image(shown([("dog", 0, 0, 60 * share)]))
    assert list(pixels[0, 0]) == rgba(calendars.SHARES[colour])


@pytest.mark.parametrize(
    ("count", "per_column", "columns"), [(1, 1, 1), (400, 1, 400), (401, 2, 201), (4000, 10, 400), (20_000, 50, 400)]
)
def test_many_days_share_a_column(count, per_column, columns):
    days = calendars.days_of(calendar_table(count=count, recorded=2.0))
    assert (days.per_column, days.recorded.shape) == (per_column, (24, columns))
    assert days.recorded.sum() == 2.0 * 24 * count
    assert days.last - days.first == count - 1
    assert calendars.width(days) <= calendars.WIDTH
    ticks = calendars.ticks(days)
    assert 1 <= len(ticks) <= max(1, calendars.width(days) // calendars.TICK)
    assert all(place == 0 or (1 - place / 100) * calendars.width(days) >= calendars.TICK for place, _ in ticks)


def test_a_column_of_several_days_shows_the_share_of_their_recorded_time():
    sounds = [("dog", 0, 0, 30.0), ("dog", 1, 0, 6.0)]  # 36 of 120 minutes
    pixels = image(shown(sounds, calendar_table(count=401, sounds=sounds)))
    assert list(pixels[0, 0]) == rgba(calendars.SHARES[11])


@pytest.mark.parametrize(
    ("first", "count", "names"),
    [
        ("2024-05-01", 1, ["May"]),
        ("2024-05-02", 3, ["2 May"]),
        ("2023-12-20", 120, ["2024", "Feb", "Mar", "Apr"]),
        ("2020-05-01", 366 * 4, ["2021", "2022", "2023"]),
    ],
)
def test_the_time_axis_has_dates(first, count, names):
    ticks = calendars.ticks(calendars.days_of(calendar_table(first, count)))
    for place, name in ticks:
        date = np.datetime64(first) + round(place / 100 * count)
        if count < 200:
            assert calendars.day_name(date) == name
    assert names is None or [name for _, name in ticks] == names


def test_a_clock_that_was_wrong_does_not_stretch_the_calendar():
    calendar = pd.concat([calendar_table("1970-01-01", 1), calendar_table("2024-05-01", 30, [("dog", 3, 4, 6.0)])])
    page = shown([("dog", 3, 4, 6.0)], calendar)
    assert image(page).shape[1] == 30
    assert "24.0 h of audio from 1970-01-01 on" in page.text


def test_calendars_have_words():
    page = shown([("dog", 0, 5, 30.0), ("dog", 1, 5, 15.0), ("dog", 0, 17, 0.5)])
    words = "1.1% of the recorded time, most from 5 to 6 h (25%)"
    assert page.all("img")[0]["alt"].replace(NO_BREAK, " ") == f"dog: sounds in {words}"
    assert f"dog {words}" in page.text


def test_the_share_is_that_of_the_recorded_time_alone():
    calendar = calendar_table(count=2, sounds=[("dog", 0, 5, 0.05)], recorded=0.1)  # files of 6 s, one every hour
    calendar = calendar[calendar["hour"].isin([5, 17])]
    page = shown([("dog", 0, 5, 0.05)], calendar)
    assert "12% of the recorded time, most from 5 to 6 h (25%)" in page.text  # 3 s of 24 s


def test_the_classes_with_most_minutes_have_calendars():
    page = shown([(f"class {number}", 0, 5, 60 / number) for number in range(1, 522)])
    names = [attributes["alt"].split(":")[0] for attributes in page.all("img")]
    assert names == [f"class {number}" for number in range(1, CALENDARS + 1)]
    assert f"Of 521 classes, the {CALENDARS} with the longest duration are shown" in page.text
    assert "class 521" in page.text


def test_24_calendars_of_400_days_are_small():
    rng = np.random.default_rng(0)
    sounds = [
        (f"class {number}", day, hour, minutes)
        for number in range(CALENDARS)
        for (day, hour), minutes in np.ndenumerate(rng.uniform(0, 60, (400, 24)) * (rng.random((400, 24)) < 0.5))
        if minutes
    ]
    assert len(summary_page(archive(sounds, calendar_table(count=400, sounds=sounds)))) < 250_000


# ---- what the page says ----------------------------------------------------------------------------------------------


def test_without_known_times_there_is_no_calendar():
    page = shown([("dog", 0, 5, 1.0)], pd.DataFrame(columns=CALENDAR))
    assert not page.all("img") and "no file's time is known" in page.text and "GUANO" in page.text


@pytest.mark.parametrize(("count", "words"), [(1, "1 file of 2,000, because its time is"), (7, "7 files of 2,000")])
def test_files_without_a_time_are_counted(count, words):
    assert words in shown([("dog", 0, 5, 1.0)], totals=TOTALS | {"without_time": count}).text


def test_an_archive_without_events():
    page = shown()
    assert "No event was found." in page.text and "No class sounds at a known time." in page.text


def test_the_table_of_classes():
    page = shown([("dog", 0, 5, 30.0), ("cat", 0, 5, 45.0)], links={f"classes/{page_name('dog')}": "classes/dog.html"})
    assert re.search(r"cat ?1 ?45\.0 min ?22\.5 s ?1 ?dog ?1 ?30\.0 min ?15\.0 s ?1", page.text)
    links = [attributes["href"] for attributes in page.all("a")]
    assert links == ["classes/dog.html"] * 2  # in the table and above the calendar


def test_the_first_failed_files_are_listed():
    failed = pd.DataFrame(
        [(f"{number}.wav", "the file is empty") for number in range(130)], columns=["filename", "error"]
    )
    page = shown(failed=failed[:LISTED], totals=TOTALS | {"failed": 12_345})
    assert "12,345 files failed" in page.text and "These are the first 100." in page.text
    assert page.text.count("the file is empty") == LISTED
    assert "failed.csv" in [attributes["href"] for attributes in page.all("a")]
    assert "failed.csv" not in shown().text


def test_notes_and_hostile_names_are_text():
    sounds = [(HOSTILE, 0, 5, 30.0)]
    failed = pd.DataFrame([(HOSTILE, HOSTILE)], columns=["filename", "error"])
    page = shown(sounds, name=HOSTILE, network=HOSTILE, notes=[HOSTILE], failed=failed)
    assert {tag for tag, _ in page.elements} & {"script"} == set()
    assert len(page.all("img")) == 1 and page.text.count("7 * 7") == 8
    assert page.all("img")[0]["alt"].startswith(HOSTILE + ": ")


def test_the_page_has_no_script_and_loads_nothing():
    page = shown([("dog", 0, 5, 1.0)])
    (policy,) = (meta["content"] for meta in page.all("meta") if meta.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'; img-src data:;") and "script" not in policy
    assert not page.all("script") and not page.all("link")
    assert all(attributes["src"].startswith("data:") for attributes in page.all("img"))
    assert not any(name.startswith("on") for _, attributes in page.elements for name in attributes)


def test_the_colours_are_those_of_the_page_of_a_recording():
    folder = ROOT / "workflow" / "scripts" / "yoho"
    pages = [(folder / name).read_text() for name in ("segmenting/page.html", "archives/summary.html")]
    one, other = (re.findall(r"--(paper|panel|ink|faint|line|lane|glow): (#\w+)", page) for page in pages)
    assert len(one) == 14 and one == other


@pytest.mark.parametrize(
    ("share", "text"),
    [(0, "0%"), (1, "100%"), (0.1234, "12%"), (0.0012, "0.12%"), (0.00001, "<0.01%"), (0.0004, "0.04%")],
)
def test_percent(share, text):
    assert percent(share) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        *[(0, "0 s"), (0.0004, "<0.001 s"), (0.0095, "0.0095 s"), (0.57, "0.57 s"), (1, "1.0 s"), (5.001, "5.0 s")],
        *[(59.94, "59.9 s"), (59.96, "1.0 min"), (125, "2.1 min"), (3596, "59.9 min"), (3598, "1.0 h")],
        (3600 * 1234.56, "1,234.6 h"),
    ],
)
def test_a_duration_has_the_unit_that_fits(seconds, text):
    assert lasting(seconds) == text.replace(" ", NO_BREAK)


def test_a_small_archive_is_not_rounded_away():
    sounds = [("dog", 0, 5, 9.4 / 60), ("cat", 0, 5, 9.1 / 60)]
    page = shown(sounds, totals=TOTALS | {"hours": 125 / 3600})
    assert "audio 2.1 min" in page.text
    assert re.search(r"dog ?1 ?9\.4 s ?4\.5 min ?1 ?cat ?1 ?9\.1 s ?4\.4 min ?1", page.text)


def test_the_page_says_once_that_something_was_passed_over():
    page = shown(notes=["/data/rec: passed over: hidden (1), not audio by their names, such as .txt (1)"])
    assert "Notes /data/rec: passed over: hidden (1), not audio by their names, such as .txt (1)" in page.text
    assert page.text.lower().count("passed over") == 1


def test_moment():
    times = ["2024-05-01T05:30:00.5", pd.Timestamp("2024-05-01 05:30:59"), None, pd.NaT]
    assert [moment(time) for time in times] == ["2024-05-01 05:30"] * 2 + ["", ""]


# ---- from a folder ---------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path):
    """An archive's folder of results, with few files of odd names."""
    pytest.importorskip("pyarrow")
    names = ["50% #1?.wav", "site A/é & <b>.wav", f"{'x' * 250}.wav", "gone/a.wav", "NA"]
    for name in names:
        if "gone" not in name:
            path = tmp_path / "files" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            named_after(path, ".csv").touch()
    named_after(tmp_path / "files" / names[1], ".html").touch()
    errors = ["", "", "", "the file is empty", ""]
    pd.DataFrame(
        {
            "filename": names,
            "duration": [None if error else 60.0 for error in errors],
            "time": pd.to_datetime(["2024-05-01 05:30", None, None, None, None]),
            "events": 1,
            "warnings": ["", "is cut off; the sound before the cut is used", "", "", ""],
            "error": errors,
        }
    ).to_parquet(tmp_path / "files.parquet")
    pd.DataFrame([("dog", 3, 2.0, 2), ("NA", 1, 1.0, 1)], columns=CLASSES).to_csv(tmp_path / "classes.csv", index=False)
    calendar_table(sounds=[("dog", 0, 5, 1.0), ("NA", 0, 5, 2.0)]).to_csv(tmp_path / "calendar.csv", index=False)
    (tmp_path / "failed.csv").write_text("filename,error\ngone/a.wav,the file is empty\n")
    (tmp_path / "plan.json").write_text(json.dumps({"shards": {}, "faults": {}, "notes": ["3 hidden files"]}))
    totals = TOTALS | {"files": 4, "failed": 1, "first": "2024-05-01T05:30:00", "last": "2024-05-03T06:00:00"}
    (tmp_path / "totals.json").write_text(json.dumps(totals))
    (tmp_path / "classes").mkdir()
    (tmp_path / "classes" / page_name("dog")).touch()
    return tmp_path


def test_all_links_lead_to_what_is_there(folder):
    write_summary(folder, "Forest", "the network", "csv")
    page = Page((folder / "index.html").read_text(encoding="utf-8"))
    places = [unquote(attributes["href"]) for attributes in page.all("a")]
    assert all((folder / place).exists() for place in places)
    assert "files/50%25%20%231%3F.wav.csv" in [attributes["href"] for attributes in page.all("a")]
    tables = {"files.parquet", "classes.csv", "calendar.csv", "failed.csv", "files"}
    files = {str(path.relative_to(folder)) for path in folder.glob("files/**/*") if path.is_file()}
    assert len(files) == 5 and set(places) == tables | files | {"classes/dog.html"}
    assert "Recorded from 2024-05-01 05:30 to 2024-05-03 06:00" in page.text
    assert "3 hidden files" in page.text and "is cut off; the sound before the cut is used" in page.text


def test_the_same_tables_make_the_same_page(folder):
    pages = []
    for _ in range(2):
        write_summary(folder, "Forest", "the network", "csv")
        pages.append((folder / "index.html").read_bytes())
    assert pages[0] == pages[1]


def test_the_files_of_a_large_archive_are_not_even_read(folder):
    (folder / "totals.json").write_text(json.dumps(TOTALS | {"files": 100, "failed": 1}))
    (folder / "files.parquet").write_text("not read")
    write_summary(folder, "Forest", "the network", "csv")
    page = Page((folder / "index.html").read_text())
    assert "50% #1?.wav" not in page.text
    assert "files.parquet" in [attributes["href"] for attributes in page.all("a")]


# ---- in a browser ----------------------------------------------------------------------------------------------------


def luminance(colour):
    """Relative luminance of a CSS colour, as the WCAG defines it."""
    shares = np.array([int(part) for part in re.findall(r"\d+", colour)[:3]]) / 255
    return np.where(shares <= 0.04045, shares / 12.92, ((shares + 0.055) / 1.055) ** 2.4) @ [0.2126, 0.7152, 0.0722]


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1400])
def test_it_can_be_read_everywhere(chromium, folder, scheme, width):
    sounds = [(HOSTILE, 0, 5, 30.0), ("dog", 300, 5, 30.0)]
    links = {f"classes/{page_name('dog')}": "classes/dog.html"}
    text = summary_page(archive(sounds, calendar_table(count=390, sounds=sounds), links=links, name=HOSTILE))
    (folder / "index.html").write_text(text, encoding="utf-8")
    context, faults = (
        chromium.new_context(color_scheme=scheme, offline=True, viewport={"width": width, "height": 800}),
        [],
    )
    page = context.new_page()
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda message: faults.append(message.text))
    page.goto((folder / "index.html").as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate("[...document.images].every((image) => image.complete && image.naturalHeight === 24)")
    box = page.locator("img").first.bounding_box()
    assert box["height"] == 120 and (box["width"] == 390 if width > 400 else box["width"] < width)
    backs = [
        page.locator(part).first.evaluate("(e) => getComputedStyle(e).backgroundColor") for part in ("body", ".rows")
    ]
    for part in ("h1", "header p", ".note", "th", "td", "td a", ".legend", ".dates span", ".totals dt", "figcaption p"):
        colour = page.locator(part).first.evaluate("(element) => getComputedStyle(element).color")
        for back in backs:
            dark, light = sorted([luminance(colour), luminance(back)])
            assert (light + 0.05) / (dark + 0.05) >= 4.5, part
    assert all((luminance(back) < 0.05) == (scheme == "dark") for back in backs)
    assert page.title() == page.locator("h1").inner_text() == HOSTILE
    page.locator("td a").click()
    assert page.url.endswith("/classes/dog.html")
    context.close()
    assert not faults


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_an_edge_is_shaded_as_long_as_the_table_goes_on_behind_it(chromium, scheme):
    sounds = [(f"{'a_long_name_' * 3}{number}", 0, 5, 60 / number) for number in range(1, 41)]
    context = chromium.new_context(color_scheme=scheme, viewport={"width": 300, "height": 900})
    page = context.new_page()
    page.set_content(summary_page(archive(sounds)))
    table = page.locator(".rows")

    def shaded():
        """Whether the edge at the bottom has another colour than the table, and whether the edge at the right has."""
        pixels = np.array(Image.open(io.BytesIO(table.screenshot())).convert("RGB")).astype(int)
        plain, bottom, right = (  # left of the text, and above the round corner
            np.median(pixels[place], axis=0)
            for place in ((slice(None), 4), (slice(-18, -10), 4), (slice(100, 400), -4))
        )
        return np.abs(bottom - plain).max() > 20, np.abs(right - plain).max() > 20

    assert shaded() == (True, True)
    table.evaluate("(table) => table.scrollTo(1000, 0)")
    assert shaded() == (True, False)
    table.evaluate("(table) => table.scrollTo(0, 10000)")
    assert shaded() == (False, True)
    context.close()
