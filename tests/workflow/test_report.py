"""The report of a finished run, opened in a browser without a network and clicked through as a reader would."""

import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from places import ROOT

TINY = ROOT / "tests" / "config" / "tiny.yaml"
LITTLE = """
training: {epochs: 1}
benchmarks: {repeats: 1}
studies:
  rival: {runs: []}
  audit: {runs: [{label: decode, backbone: mobilenet, mask: none, decode: released}]}
  front_ends:
    seeds: [0]
    runs:
      - {label: log-mel, backbone: mobilenet, mask: none}
      - {label: PCEN, backbone: mobilenet, mask: none, front_end: pcen}
"""
TARGETS = ["all", "audit", "mask_study", "front_ends", "claims", "psd_roc"]

# What the report of all targets holds: category, subcategory ("Other" where there is but one), files.
RESULTS = {
    ("Dataset", "Recordings"): {"dataset.png", "dataset.html"},
    ("Dataset", "Audio examples"): {"test-0000.html"},
    ("Figures", "Networks"): {"fig4.png", "fig5.png", "psd_roc.png"},
    ("Figures", "Mask"): {"fig6.png"},
    ("Tables", "Other"): {"scores.html", "networks.html"},
    ("Studies", "Audit"): {"audit.png", "audit.html"},
    ("Studies", "Mask study"): {"mask_study.png", "mask_study.html"},
    ("Studies", "Front ends"): {"front_ends.png", "front_ends.html"},
    ("Claims", "Other"): {"claims.html", "power.html"},
    ("Provenance", "Other"): {"provenance.html"},
}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def finished(chromium, tmp_path_factory):
    """Everything of the tiny config in little time, and a function that calls Snakemake there."""
    folder = tmp_path_factory.mktemp("report")
    little = folder / "little.yaml"
    little.write_text(LITTLE)

    def call(*arguments):
        snakemake = [sys.executable, "-m", "snakemake", "--snakefile", ROOT / "Snakefile", "--directory", folder]
        command = [*snakemake, "--cores", "2", "--configfile", TINY, little, *arguments, "--", *TARGETS]
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr

    call()
    return folder, call


@pytest.fixture(scope="module", params=["zip", "html"])
def report(finished, request):
    """Path of the report's page."""
    folder, call = finished
    path = folder / "results" / f"report.{request.param}"
    call("--report", path)
    if request.param == "html":
        return path
    with zipfile.ZipFile(path) as archive:
        archive.extractall(folder / "unpacked")
    return folder / "unpacked" / "report" / "report.html"


@pytest.fixture
def page(chromium):
    """A page that ends the test where it asks anything of a network or a script of it fails."""
    page, faults = chromium.new_page(viewport={"width": 1400, "height": 900}), []

    def look(request):
        if not request.url.startswith(("file:", "data:", "blob:")):
            faults.append(f"asks for {request.url}")

    page.on("request", look)
    page.on("requestfailed", lambda request: faults.append(f"cannot have {request.url[:100]}"))
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda message: message.type == "error" and faults.append(message.text))
    page.context.set_offline(True)
    yield page
    page.close()
    assert not faults


def test_every_result_opens_and_is_explained(report, page, tmp_path):
    page.goto(report.as_uri())
    page.get_by_role("heading", name="Which sound occurs when").wait_for()
    page.locator("#rulegraph canvas, #rulegraph svg").first.wait_for()
    categories = page.evaluate("categories")
    found = {(category, sub): paths for category, subs in categories.items() for sub, paths in subs.items()}
    assert {place: {Path(path).name for path in paths} for place, paths in found.items()} == RESULTS
    for (category, sub), paths in found.items():
        for path in paths:
            page.locator("nav ol a").first.click()  # home
            page.get_by_role("link", name=category, exact=True).click()
            if len(categories[category]) > 1:
                page.get_by_role("link", name=sub, exact=True).click()
            (label,) = page.evaluate("path => Object.values(results[path].labels)", path)
            eye, information = page.locator("tr", has_text=label).locator("a").all()
            eye.click()
            check_shown(page, Path(path).suffix)
            information.click()
            described = page.locator("nav .prose")
            described.wait_for()
            assert len(described.inner_text()) > 100
            assert "{" not in described.inner_text() and "System Message" not in described.inner_text()
            page.screenshot(path=tmp_path / f"{Path(path).stem}.png")


def check_shown(page, kind):
    """The result that was clicked fills the page: an image, or a page of its own with a table, a text or a sound."""
    if kind == ".png":
        image = page.locator("img[src*='png']")
        image.wait_for()
        assert image.evaluate("image => image.decode().then(() => image.naturalWidth)") > 500
    else:
        frame = page.frame_locator("iframe")
        frame.locator("h1").wait_for()
        assert frame.locator("table tr, pre, .lane").count() > 0


def test_a_mix_plays_and_its_playhead_follows(finished, page):
    folder, _ = finished
    page.goto((folder / "results/figures/examples/test-0000.html").as_uri())
    assert page.locator(".event.true").count() > 0
    page.locator("img.picture").click(position={"x": 500, "y": 20})
    begin = page.evaluate("audio.currentTime")
    assert begin > 3
    page.evaluate("audio.muted = true; audio.play()")
    deadline = time.monotonic() + 20
    while page.evaluate("audio.currentTime") < begin + 1:  # the page forbids what `wait_for_function` needs
        assert time.monotonic() < deadline
        page.wait_for_timeout(50)
    strip, head = (page.locator(name).bounding_box() for name in ("#timeline", "#playhead"))
    share = page.evaluate("audio.currentTime / duration")
    assert (head["x"] - strip["x"]) / strip["width"] == pytest.approx(share, abs=0.05)
