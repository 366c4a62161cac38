"""An HTML page to hear a recording and see its events: audio, log-mel picture, a lane for each class, a table.

The page needs only a browser. It holds the audio itself up to a given length; longer audio lies in a file beside it.
"""

import base64
import hashlib
import io
import os
from collections import Counter
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple
from urllib.parse import quote

import numpy as np
import soundfile
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from PIL import Image

from yoho import InputError
from yoho.audio import opened, read_blocks
from yoho.files import data_uri
from yoho.palette import COLOURS
from yoho.segmenting.finding import PAGE_AUDIO
from yoho.segmenting.levels import STEP, loudest
from yoho.segmenting.reading import open_audio
from yoho.segmenting.writing import named_after
from yoho.windows.mel import hann, mel_filters

SELF_CONTAINED = 600 * 48_000  # samples up to which a page holds its audio: ten minutes at 48 kHz
TAIL = 2**16  # samples of silence after the audio: Chromium cannot always seek to the last frames of a FLAC file
TRUTH = "true"  # name of the track of true events

# The log-mel picture is for display only: its size follows the recording's length and rate, and it is computed here
# instead of by a network's front end.
COLUMNS = 2048  # maximum width of the picture
BANDS = 80  # maximum number of mel bands
RANGE = 80  # dB that the colours span
QUIET = -90  # dB: lowest level of the brightest colour, so that silence stays dark

# Colours at even steps of matplotlib's colour map magma (by Nathaniel Smith and Stefan van der Walt, CC0).
MAGMA = """
000003 0b0824 1f114b 3b0f6f 57147d 711f81 8c2980 a7317d c33b74 dd4968 f0605d fa7f5e fd9f6c febe83 fddd9f fbfcbf
"""

LONG = 20  # characters of a label that needs a wider column
HATCHES = 3  # fillings of a colour (none and the two of page.html): classes after the eighth differ in their filling
APART = HATCHES * len(COLOURS)  # lanes that look apart; of more classes, only those that sound have lanes


class Lane(NamedTuple):
    """A class on the page: its colour (CSS), the number of its filling, and its events {track: [event]}."""

    label: str
    colour: str
    hatch: int
    tracks: dict


def write_page(
    target, audio, tracks, event_labels, *, title=None, short=None, self_contained=SELF_CONTAINED, scratch=None
):
    """Write the HTML page `target`, which plays a recording and shows its events.

    audio: path of a file that `open_audio` can read.
    tracks: {name: table of events}, in the order of display; each table has onset, offset (s), event_label and
    optionally score in [0, 1]. The track named TRUTH holds the true events.
    event_labels: classes in the order of their lanes; classes that only the tables contain are added. Of more than
    APART classes, only those of the tables have lanes, the longest in all first.
    short: {event_label: what its lane shows instead}, if each label names a single event, and needs more room.
    title: None for the file's name. scratch: a folder on the same file system for unfinished files, None: the page's.
    The audio is mixed to mono. If it has more than `self_contained` samples, it is written to NAME.page.flac beside
    NAME.html; a name that would become too long is shortened. Memory use does not depend on the recording's length.
    Raises InputError if the audio cannot be read, or if the file beside the page would replace it.
    """
    target, audio = Path(target), Path(audio)
    beside = named_after(target.with_suffix(""), PAGE_AUDIO)
    if beside.exists() and beside.samefile(audio):
        raise InputError(f"{audio}: would be overwritten by the audio of {target}; give one of them another name")
    tracks = {name: events_of(table) for name, table in tracks.items()}
    found = {name: events for name, events in tracks.items() if name != TRUTH}
    shown = lanes(tracks, event_labels)
    rows = sorted(((event, name) for name, events in found.items() for event in events), key=lambda row: row[0][:2])
    # The page and its audio take their places only when both are complete.
    with TemporaryDirectory(dir=scratch or target.parent, prefix=".page-") as folder:
        coded, page = Path(folder, "audio.flac"), Path(folder, "page.html")
        samples, sample_rate = encode(audio, coded)
        aside = samples > self_contained
        content = TEMPLATES.get_template("page.html").stream(
            title=audio.name if title is None else title,
            duration=samples / sample_rate,
            top=f"{sample_rate / 2000:.2g} kHz",
            picture=data_uri(draw(coded, samples), "image/jpeg") if samples else None,
            truth=TRUTH,
            tracks=tracks,
            found=found,
            lanes=shown,
            short=short or {},
            long=short or any(len(label) > LONG for label in shown),
            rows=rows,
            scored=any(event.score is not None for event, _ in rows),
            aside=aside,
            beside=beside.name,
            source=[quote(os.fsencode(beside.name))] if aside else data_uri_pieces(coded) if samples else None,
        )
        with page.open("w", encoding="utf-8", errors="replace", newline="\n") as file:
            content.dump(file)
        if aside:
            coded.replace(beside)
        page.replace(target)


def encode(audio, coded):
    """Write a file's audio, mixed to mono, and the silent tail as 16-bit FLAC; returns (samples, sample rate).

    Floats may have any scale. They are divided by their peak if it is above 1 or below half a step of 16 bits.
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


def draw(path, samples):
    """The log-mel picture of the first `samples` of a mono file, as the bytes of a JPEG. Low bands are at the bottom.

    The colours end at the level that one point in a thousand exceeds, and begin `RANGE` dB below.
    """
    decibels = log_mel_columns(path, samples)
    top = max(np.percentile(decibels, 99.9), QUIET)
    picture = io.BytesIO()
    Image.fromarray(coloured((decibels.T[::-1] - top) / RANGE + 1)).save(picture, "jpeg", quality=85, subsampling=0)
    return picture.getvalue()


def coloured(levels):
    """Colours of levels, (rows, columns, 3) uint8, from MAGMA's first for 0 and below to its last for 1 and above."""
    points = np.array([tuple(bytes.fromhex(colour)) for colour in MAGMA.split()])
    steps = np.linspace(0, 1, len(points))
    return np.stack([np.interp(levels, steps, channel) for channel in points.T], axis=-1).round().astype(np.uint8)


def log_mel_columns(path, samples):
    """Mel power of the first `samples` of a mono file in dB, (columns, bands); a column is the mean of its frames.

    The frames are centred and about 45 ms long. They overlap by half in a long file, by seven eighths in a short one.
    """
    sample_rate = soundfile.info(path).samplerate
    size = 2 ** max(int(np.ceil(np.log2(0.042 * sample_rate))), 5)
    hop = min(max(samples // COLUMNS, size // 8), size // 2)
    # Fewer bands at a low rate: no band may be narrower than the spectrum's resolution.
    bands = min(BANDS, size // 8)
    mel = mel_filters(sample_rate, size, bands)
    taper = 4 * hann(size).astype(np.float32)  # a sine of amplitude 1 has peak 1

    count = samples // hop + 1
    columns = min(COLUMNS, count)
    column = np.arange(count) * columns // count  # of each frame, ascending
    power, first = np.zeros((columns, size // 2 + 1), np.float32), 0
    for frames in framed(path, samples, size, hop):
        spectra = np.fft.rfft(frames * taper, norm="forward")
        places, begins = np.unique(column[first : first + len(frames)], return_index=True)
        power[places] += np.add.reduceat(spectra.real**2 + spectra.imag**2, begins)
        first += len(frames)
    # The mean of mel power is the mel power of the mean, which is faster to compute.
    mel_power = power / np.bincount(column)[:, None] @ mel
    return 10 * np.log10(np.maximum(mel_power, 1e-20))


def framed(path, samples, size, hop):
    """Yield the frames of the first `samples` of a mono file, zero-padded, a few hundred (frames, size) at a time.

    Frame t is centred on sample t * hop.
    """
    edge = np.zeros((size // 2, 1), np.float32)
    waiting = edge[:, 0]
    with opened(path) as file:
        for block in chain(read_blocks(file, samples), [edge]):
            # A few hundred frames at a time: their spectra take more room than the block.
            for piece in np.array_split(block[:, 0], len(block) // (256 * hop) + 1):
                waiting = np.concatenate([waiting, piece])
                if len(waiting) >= size:
                    frames = np.lib.stride_tricks.sliding_window_view(waiting, size)[::hop]
                    yield frames
                    waiting = waiting[len(frames) * hop :]


def events_of(table):
    """The rows of a table of events (onset, offset, event_label, score or None), in order of time."""
    table = table.reindex(columns=["onset", "offset", "event_label", "score"])
    table = table.astype({"onset": float, "offset": float, "event_label": str, "score": object})
    table["score"] = table["score"].where(table["score"].notna(), None)
    return list(table.sort_values(["onset", "offset", "event_label"]).itertuples(index=False, name="Event"))


def lanes(tracks, event_labels):
    """{label: Lane} of the classes of `event_labels` and then of any others; tracks: {name: `events_of` a table}.

    Of more than APART classes, only those that sound have lanes, in the order of their total duration.
    """
    seconds = Counter()
    for event in chain(*tracks.values()):
        seconds[event.event_label] += event.offset - event.onset
    if len(event_labels) > APART:
        event_labels = [label for label, _ in seconds.most_common()]
    return {
        label: Lane(
            label,
            # The palette's black becomes the colour of the page's text, which is white in the dark scheme.
            COLOURS[number % len(COLOURS)].replace("#000000", "var(--ink)"),
            number // len(COLOURS) % HATCHES,
            {name: [event for event in events if event.event_label == label] for name, events in tracks.items()},
        )
        for number, label in enumerate(dict.fromkeys(chain(map(str, event_labels), seconds)))
    }


def data_uri_pieces(path):
    """Yield the data URI of a FLAC file piece by piece."""
    yield data_uri(b"", "audio/flac")
    with path.open("rb") as file:
        while piece := file.read(3 * 2**18):  # a multiple of three bytes: base64 pads only the end
            yield base64.b64encode(piece).decode()


def clock(seconds, digits=0):
    """Seconds in the format of a clock, for example 0:04.617 or 1:02:03."""
    minutes, rest = divmod(round(seconds * 10**digits), 60 * 10**digits)
    hours, minutes = divmod(minutes, 60)
    rest = f"{rest / 10**digits:0{3 + digits if digits else 2}.{digits}f}"
    return f"{hours}:{minutes:02}:{rest}" if hours else f"{minutes}:{rest}"


def digest(text):
    """SHA-256 of a script, by which the page's Content-Security-Policy allows that script alone."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
TEMPLATES.filters |= {"clock": clock, "digest": digest}
