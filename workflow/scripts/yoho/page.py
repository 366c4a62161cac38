"""A page for a segmented file: audio to play, its log-mel picture, a lane for each class. A browser is all it needs."""

import io
import os
from pathlib import Path
from urllib.parse import quote

import librosa
import numpy as np
import soundfile
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from matplotlib.image import imsave

from yoho import InputError
from yoho.features import mel_decibels
from yoho.pages import data_uri

# Okabe and Ito's colours; "--ink" is black on white, and white on black. A ninth class takes the first again, hatched.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "var(--ink)", "#F0E442")

# Of the picture: columns at most, mel bands, samples of a frame, dB from black to white.
COLUMNS, BANDS, N_FFT, RANGE = 2048, 80, 2048, 80

BLOCK = 2**18  # frames of a file that are read at a time


def write_page(target, audio, events, event_labels, *, reference=None, title=None, self_contained=600 * 48000):
    """Write the page of an audio file.

    target: the page, .html; audio: a file that soundfile reads; events: table of onset, offset (s), event_label and
    score; event_labels: the lanes, in order; reference: table of the true events, or None; title: None: the file's
    name. Up to `self_contained` samples the page holds the audio itself, as mono FLAC; beyond, that lies beside the
    page, as NAME.page.flac. Memory does not grow with the audio's length.
    Raises InputError where the audio cannot be read, OSError where the page cannot be written.
    """
    target, audio = Path(target), Path(audio)
    try:
        with soundfile.SoundFile(os.fsencode(audio)) as file:
            length, sample_rate = file.frames, file.samplerate
            picture = data_uri(log_mel_picture(file), "image/jpeg")
            if length <= self_contained:
                write_flac(flac := io.BytesIO(), file)
                sound = data_uri(flac.getvalue(), "audio/flac")
            else:
                beside = target.with_name(f"{target.stem}.page.flac")
                write_flac(os.fsencode(beside), file)
                sound = quote(os.fsencode(beside.name))
    except (soundfile.LibsndfileError, TypeError) as error:
        raise InputError(f"{audio}: no page can be made of it ({error})") from error
    duration = max(length, 1) / sample_rate
    lanes, found = arrange(events, reference, event_labels)
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined
    )
    page = environment.get_template("page.html").render(
        title=title or audio.name,
        duration=duration,
        sound=sound,
        picture=picture,
        top=f"{sample_rate / 2000:.3g} kHz",
        lanes=lanes,
        found=found,
        reference=reference if reference is None else reference.to_dict("records"),
        clock=clock,
        percent=lambda seconds: f"{100 * seconds / duration:.6f}%",
    )
    target.write_text(page, encoding="utf-8", errors="surrogateescape")


# ---- sound and picture -----------------------------------------------------------------------------------------------


def write_flac(target, file):
    """Write the audio of an open soundfile as mono FLAC of 16 bits, softer where it would clip."""
    blocks = {"blocksize": BLOCK, "dtype": "float32", "always_2d": True}
    file.seek(0)
    peak = max((np.abs(block.mean(axis=1)).max() for block in file.blocks(**blocks)), default=0.0)
    file.seek(0)
    with soundfile.SoundFile(target, "w", file.samplerate, 1, "PCM_16", format="FLAC") as copy:
        for block in file.blocks(**blocks):
            copy.write(block.mean(axis=1) / max(peak, 1.0))


def log_mel_picture(file):
    """Log-mel power of an open soundfile as a JPEG: time to the right, frequency upwards, at most COLUMNS wide.

    A column shows the loudest of up to four frames, which lie evenly over the stretch of time that it stands for.
    """
    taper = np.hanning(N_FFT)
    mel = librosa.filters.mel(sr=file.samplerate, n_fft=N_FFT, n_mels=BANDS).T
    stretch = max(-(-file.frames // COLUMNS), N_FFT // 8)  # samples
    begins = np.arange(0, stretch, max(stretch // 4, N_FFT))

    def read(count):
        return file.read(count, dtype="float32", always_2d=True, fill_value=0).mean(axis=1)

    file.seek(0)
    samples, columns = np.concatenate([np.zeros(N_FFT // 2, np.float32), read(N_FFT // 2)]), []
    for _ in range(0, max(file.frames, 1), stretch):
        # Frames are centred on the samples of the stretch, and so reach half a frame past it on both sides.
        samples = np.concatenate([samples[-N_FFT:], read(stretch)])
        columns.append(mel_decibels(samples, begins, taper, mel).max(axis=0))
    loudness, jpeg = np.transpose(columns), io.BytesIO()
    loudest = max(loudness.max(), -100)  # of silence: black
    look = {"cmap": "magma", "origin": "lower", "vmin": loudest - RANGE, "vmax": loudest}
    imsave(jpeg, loudness, format="jpeg", pil_kwargs={"quality": 88}, **look)
    return jpeg.getvalue()


# ---- events ----------------------------------------------------------------------------------------------------------


def arrange(events, reference, event_labels):
    """Lanes, one for each class, and the events found, in order of onset: dictionaries for the template."""
    tables = [("found", events)] + ([] if reference is None else [("true", reference)])
    labels = dict.fromkeys([*event_labels, *(label for _, table in tables for label in table["event_label"])])
    lanes = {
        label: {"label": label, "colour": COLOURS[number % len(COLOURS)], "again": " again" * (number >= len(COLOURS))}
        for number, label in enumerate(labels)
    }
    rows = [
        {
            "kind": kind,
            "lane": lanes[row["event_label"]],
            "onset": row["onset"],
            "offset": row["offset"],
            "score": f"{row['score']:.2f}" if kind == "found" else "",
        }
        for kind, table in tables
        for row in table.sort_values(["onset", "offset"], kind="stable").to_dict("records")
    ]
    for row in rows:
        what = f"score {row['score']}" if row["kind"] == "found" else "true"
        row["told"] = f"{row['lane']['label']}, {clock(row['onset'], 3)} to {clock(row['offset'], 3)}, {what}"
    for lane in lanes.values():
        lane["rows"] = [row for row in rows if row["lane"] is lane]
    return list(lanes.values()), [row for row in rows if row["kind"] == "found"]


def clock(seconds, digits=0):
    """Seconds as 1:02:03.4, without the hours where there are none."""
    whole = round(seconds * 10**digits)
    minutes, rest = divmod(whole, 60 * 10**digits)
    rest = f"{rest / 10**digits:0{digits + 3 if digits else 2}.{digits}f}"
    return f"{minutes // 60}:{minutes % 60:02d}:{rest}" if minutes >= 60 else f"{minutes}:{rest}"
