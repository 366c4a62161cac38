"""A page to hear and see what was found in a recording: audio, log-mel picture, a lane per class, a table.

It needs nothing but a browser; audio beyond a stated length lies in a file beside it.
"""

import base64
import hashlib
import io
import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple
from urllib.parse import quote

import librosa
import numpy as np
import pandas as pd
import scipy.fft
import soundfile
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from matplotlib.image import imsave

from yoho import InputError
from yoho.audio import opened, read_blocks
from yoho.files import data_uri
from yoho.palette import COLOURS
from yoho.segmenting.levels import STEP, loudest
from yoho.segmenting.reading import open_audio
from yoho.segmenting.writing import named_after

SELF_CONTAINED = 600 * 48_000  # samples up to which a page holds its audio: ten minutes at 48 kHz
TAIL = 2**16  # samples of silence after the audio: in the last frames of a FLAC file Chromium cannot always seek

# The picture: at most so many columns and mel bands, and what its colours span.
COLUMNS = 2048
BANDS = 80
RANGE = 80  # dB
QUIET = -90  # dB: what is brightest in a picture is taken to be no quieter, so that silence is dark

HATCHES = 3  # ways to fill a colour (none, and two hatches of page.html): classes from the ninth on differ in theirs


class Segment(NamedTuple):
    """A class that sounds from `onset` to `offset`, s; `score` in [0, 1] where it has one."""

    label: str
    onset: float
    offset: float
    score: float | None = None


class Lane(NamedTuple):
    """What is drawn of a class: its colour (CSS), the number of its hatch, the segments found and the true ones."""

    label: str
    colour: str
    hatch: int
    found: list
    true: list


def write_page(target, audio, events, event_labels, *, reference=None, title=None, self_contained=SELF_CONTAINED):
    """Write `target`, an HTML page of the segments found in a recording, over its audio.

    audio: path of a file that `open_audio` reads; events: table of onset, offset (s), event_label and, where there is
    one, score in [0, 1]; event_labels: classes in the order of their lanes, to which unknown ones of the tables are
    added; reference: table of the true onset, offset, event_label; title: the file's name where there is none.
    The audio is mixed to mono, and silence added that is not played. More than `self_contained` samples are written
    to NAME.page.flac beside NAME.html, where a name that becomes too long is shortened.
    Of a file no more is in memory at a time than a block, however long it is.
    Raises InputError where the audio cannot be read, or is the file that would be written beside the page.
    """
    target, audio = Path(target), Path(audio)
    beside = named_after(target.with_suffix(""), ".page.flac")
    if beside.exists() and beside.samefile(audio):
        raise InputError(f"{audio}: would be overwritten by the audio of {target}; give one of them another name")
    # Whole or not at all: the page and its audio take their places when both are written.
    with TemporaryDirectory(dir=target.parent, prefix=".page-") as folder:
        coded, page = Path(folder, "audio.flac"), Path(folder, "page.html")
        samples, sample_rate = encode(audio, coded)
        aside = samples > self_contained
        content = TEMPLATES.get_template("page.html").stream(
            title=audio.name if title is None else title,
            duration=samples / sample_rate,
            top=f"{sample_rate / 2000:.2g} kHz",
            picture=data_uri(draw(coded, samples), "image/jpeg") if samples else None,
            lanes=lanes(segments(events), None if reference is None else segments(reference), event_labels),
            rows=segments(events),
            scored="score" in events,
            compared=reference is not None,
            aside=aside,
            beside=beside.name,
            source=[quote(os.fsencode(beside.name))] if aside else held(coded) if samples else None,
        )
        with page.open("w", encoding="utf-8", errors="replace", newline="\n") as file:
            content.dump(file)
        if aside:
            coded.replace(beside)
        page.replace(target)


def encode(audio, coded):
    """Write a file's audio, mixed to mono, as 16-bit FLAC, and the tail; returns its samples and its sample rate.

    Floats may have any scale. Where the loudest is above 1, or below half a step of 16 bits, it becomes 1.
    """
    sound, scale = open_audio(audio), 1.0
    if sound.floats:
        peak = loudest(sound.blocks) or 1.0
        scale = 1.0 if STEP <= peak <= 1 else 1 / peak
        sound = open_audio(audio)
    try:
        with soundfile.SoundFile(coded, "w", sound.rate, 1, format="FLAC", subtype="PCM_16") as file:
            for block in sound.blocks:
                file.write(np.nan_to_num(block * scale))
            samples = file.frames
            file.write(np.zeros(TAIL, np.float32))
            return samples, sound.rate
    except soundfile.LibsndfileError as error:
        raise InputError(f"{coded}: cannot be written ({error}); is the disk full?") from error


def blocks(path, samples):
    """The first `samples` of a file, block by block, (samples, channels) float32."""
    with opened(path) as file:
        yield from read_blocks(file, samples)


def draw(path, samples):
    """The log-mel picture of the first `samples` of a mono file: JPEG, bytes; low bands below.

    Its brightness is that of the thousandth loudest part, or louder, down to `RANGE` dB below.
    """
    decibels = log_mel_columns(path, samples)
    top = max(np.percentile(decibels, 99.9), QUIET)
    picture, fine = io.BytesIO(), {"quality": 85, "subsampling": 0}
    imsave(picture, decibels.T, top - RANGE, top, cmap="magma", origin="lower", format="jpeg", pil_kwargs=fine)
    return picture.getvalue()


def log_mel_columns(path, samples):
    """Mel power of the first `samples` of a mono file, (columns, bands) dB, each column the mean of its share.

    Frames of about 45 ms, centred, overlap by half in a long file and by seven eighths in a short one.
    """
    sample_rate = soundfile.info(path).samplerate
    size = 2 ** max(int(np.ceil(np.log2(0.042 * sample_rate))), 5)
    hop = min(max(samples // COLUMNS, size // 8), size // 2)
    # Of a low rate fewer bands: none may be narrower than the spectrum is fine.
    bands = min(BANDS, size // 8)
    mel = librosa.filters.mel(sr=sample_rate, n_fft=size, n_mels=bands).T
    taper = librosa.filters.get_window("hann", size).astype(np.float32) / (size / 4)  # a sine of amplitude 1 has peak 1

    count = samples // hop + 1
    columns = min(COLUMNS, count)
    column = np.arange(count) * columns // count  # of each frame, ascending
    power, first = np.zeros((columns, size // 2 + 1), np.float32), 0
    for frames in framed(path, samples, size, hop):
        spectra = scipy.fft.rfft(frames * taper)
        places, begins = np.unique(column[first : first + len(frames)], return_index=True)
        power[places] += np.add.reduceat(spectra.real**2 + spectra.imag**2, begins)
        first += len(frames)
    # The mean of mel power is the mel power of the mean, which is sooner had.
    mel_power = power / np.bincount(column)[:, None] @ mel
    return 10 * np.log10(np.maximum(mel_power, 1e-20))


def framed(path, samples, size, hop):
    """Frames of the first `samples` of a mono file, some (frames, size) at a time; zeros around.

    Frame t is centred on sample t * hop.
    """
    edge = np.zeros((size // 2, 1), np.float32)
    waiting = edge[:, 0]
    for part in (blocks(path, samples), [edge]):
        for block in part:
            # A few hundred frames at a time: their spectra take more room than the block.
            for piece in np.array_split(block[:, 0], len(block) // (256 * hop) + 1):
                waiting = np.concatenate([waiting, piece])
                if len(waiting) >= size:
                    frames = np.lib.stride_tricks.sliding_window_view(waiting, size)[::hop]
                    yield frames
                    waiting = waiting[len(frames) * hop :]


def segments(events):
    """The rows of a table of events, in order of time."""
    scores = events["score"] if "score" in events else np.full(len(events), np.nan)
    rows = zip(events["event_label"], events["onset"], events["offset"], scores)
    found = [
        Segment(str(label), float(onset), float(offset), None if pd.isna(score) else float(score))
        for label, onset, offset, score in rows
    ]
    return sorted(found, key=lambda segment: (segment.onset, segment.offset, segment.label))


def lanes(found, true, event_labels):
    """{label: Lane} of the classes of `event_labels`, and of the others that segments have; true: segments or None."""
    true = true or []
    labels = dict.fromkeys([*map(str, event_labels), *(segment.label for segment in found + true)])
    return {
        label: Lane(
            label,
            # Black is that of the page's ink, which is white in the dark.
            COLOURS[number % len(COLOURS)].replace("#000000", "var(--ink)"),
            number // len(COLOURS) % HATCHES,
            [segment for segment in found if segment.label == label],
            [segment for segment in true if segment.label == label],
        )
        for number, label in enumerate(labels)
    }


def held(path):
    """A FLAC file as an address that holds it, piece by piece."""
    yield data_uri(b"", "audio/flac")
    with path.open("rb") as file:
        while piece := file.read(3 * 2**18):  # threes of bytes: only the end is padded
            yield base64.b64encode(piece).decode()


def clock(seconds, digits=0):
    """Seconds as a clock shows them: 0:04.617, 1:02:03."""
    minutes, rest = divmod(round(seconds * 10**digits), 60 * 10**digits)
    hours, minutes = divmod(minutes, 60)
    rest = f"{rest / 10**digits:0{3 + digits if digits else 2}.{digits}f}"
    return f"{hours}:{minutes:02}:{rest}" if hours else f"{minutes}:{rest}"


def digest(text):
    """What a page's policy names a script by that may run: the SHA-256 of its text."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
TEMPLATES.filters |= {"clock": clock, "digest": digest}
