"""Audio files, read and written; audio of any length as mono blocks at one sample rate: files, raw PCM, arrays."""

import os
import re
import shutil
import subprocess
import tempfile
import warnings
from contextlib import contextmanager
from itertools import chain
from pathlib import Path

import numpy as np
import soundfile
import soxr

from yoho import InputError

BLOCK = 2**18  # frames that are read at a time: a recording may be hours long

# Bytes that a file announces which was written as it came, its length not known beforehand: all ones, and SoX's.
UNKNOWN_BYTES = (2**32 - 1, 0x7FFFF000, 0x7F000008)
UNKNOWN_FRAMES = 2**63 - 1  # what libsndfile then says

MP3 = ("MP3", "MPEG")  # libsndfile's names

# Raw PCM by its name in ffmpeg: NumPy's type, and what full scale is.
ENCODINGS = {
    "s16le": ("<i2", 2**15),
    "s32le": ("<i4", 2**31),
    "f32le": ("<f4", 1),
}

# What a folder is searched for.
SUFFIXES = {f".{name.lower()}" for name in soundfile.available_formats()} - {".raw"}
SUFFIXES |= {".aif", ".aifc", ".snd", ".opus", ".oga"}  # other names of the same formats
SUFFIXES |= {".m4a", ".m4b", ".mp4", ".aac", ".wma", ".webm", ".mka", ".mkv", ".mov"}  # for ffmpeg


class CutOff(UserWarning):
    """A file of which the end is missing."""


@contextmanager
def opened(path):
    """An audio file to read. Raises InputError where it is missing or unreadable, also while it is being read."""
    try:
        # A name that ends in .raw is a TypeError.
        file = soundfile.SoundFile(path)
    except (OSError, RuntimeError, TypeError) as error:
        raise InputError(f"{path}: cannot be read as audio ({error}); replace or remove it") from error
    with file:
        try:
            yield file
        except (OSError, RuntimeError) as error:
            raise InputError(f"{path}: cannot be read to its end ({error}); replace or remove it") from error


def read_blocks(file, most=np.inf):
    """Yield the rest of an opened file, or `most` samples of it, in blocks (samples, channels) float32.

    `SoundFile.blocks` trusts the length that a file announces, and gives earlier samples again for what it lacks.
    """
    while len(block := file.read(int(min(BLOCK, most)), dtype="float32", always_2d=True)):
        yield block
        most -= len(block)


def read_audio(path, onset=0.0, offset=None):
    """Mono samples (samples,) float32 of a file between two times in seconds, and its sample rate.

    Channels are averaged. Raises InputError where the file is missing, unreadable, empty or not finite.
    """
    with opened(path) as file:
        file.seek(min(round(onset * file.samplerate), file.frames))
        frames = -1 if offset is None else round((offset - onset) * file.samplerate)
        samples, sample_rate = file.read(frames, dtype="float32", always_2d=True), file.samplerate
    if not len(samples):
        raise InputError(f"{path}: holds no audio{f' after {onset:.3f} s' if onset else ''}; replace or remove it")
    if not np.isfinite(samples).all():
        raise InputError(f"{path}: holds samples that are not numbers; replace or remove it")
    return samples.mean(axis=1), sample_rate


def write_audio(path, samples, sample_rate):
    """Write mono samples as 16-bit FLAC. Raises InputError where the file cannot be written, on a full disk say."""
    try:
        soundfile.write(path, samples, sample_rate, format="FLAC", subtype="PCM_16")
    except soundfile.LibsndfileError as error:
        raise InputError(f"{path}: cannot be written ({error}); is the disk full?") from error


def is_cut(file, length):
    """Whether a file of which `length` samples could be read says that it has more, or lacks its end.

    WAV in all its forms, AIFF, AU, SVX, Ogg and MP3 with a header say so; of FLAC and CAF what is cut is an error.
    """
    if file.format == "OGG":
        with open(file.name, "rb") as content:
            content.seek(max(0, content.seek(0, os.SEEK_END) - 65307))  # a page is no longer
            tail = content.read()
        page = tail[tail.rfind(b"OggS") :]
        # The flag of the last page, and all the bytes that its table of segments announces.
        return len(page) < 28 or not page[5] & 4 or len(page) < 27 + page[26] + sum(page[27 : 27 + page[26]])
    if is_estimated(file):
        return False
    sizes = re.search(
        r"^ *(?:data|SSND|BODY|riff|Riff size|Data Size) *: (\d+) \(should be (\d+)\)", file.extra_info, re.MULTILINE
    )
    announced, there = map(int, sizes.groups()) if sizes else (0, 0)
    frame = 8 * file.channels  # bytes, at most: what is no whole frame is not announced
    unknown = any(0 <= mark - announced < frame for mark in UNKNOWN_BYTES)
    counted_too = 2 * 1152 if file.format in MP3 else 0  # frames of the header and of the tag, by some encoders
    return length < file.frames - counted_too or there < announced and not unknown


def is_estimated(file):
    """Whether a file is an MP3 without a header that tells its length: libsndfile reads as far as it guesses."""
    if file.format not in MP3:
        return False
    with open(file.name, "rb") as content:
        start = content.read(10)
        if start[:3] == b"ID3":  # a tag; its size has seven bits a byte
            content.seek(10 + sum(byte << 7 * place for place, byte in enumerate(start[:5:-1])))
        else:
            content.seek(0)
        return not re.search(b"Xing|Info|VBRI", content.read(256))


# ---- blocks, whatever they come from ---------------------------------------------------------------------------------


def file_blocks(path, sample_rate):
    """Yield the samples of a file in mono blocks (samples,) float32 at `sample_rate`. Channels are averaged.

    What soundfile cannot open, or knows no length of, goes to ffmpeg, where it is installed. A file that was cut short
    gives what there is of it and, where its format tells, a CutOff warning; or, where that cannot be decoded, an error.
    Raises InputError where the file is missing, a pipe, no audio, damaged, empty or not finite.
    """
    try:
        file = soundfile_of(path)
    except (OSError, RuntimeError, TypeError) as error:  # a name that ends in .raw is a TypeError
        if not path.is_file():
            raise InputError(f"{path}: there is no such file") from error
        if path.stat().st_size == 0:
            raise InputError(f"{path}: the file is empty") from error
        if not shutil.which("ffmpeg"):
            raise InputError(f"{path}: cannot be read as audio ({error}; ffmpeg is not installed)") from error
        blocks = ffmpeg_blocks(path, sample_rate)
    else:
        if not path.is_file():
            file.close()
            raise InputError(f"{path}: is a pipe; save it as a file, or give raw PCM on standard input, as -")
        blocks = resampled(soundfile_blocks(path, file), file.samplerate, sample_rate)
    yield from sound(blocks, path)


def soundfile_of(path):
    """A file that soundfile opens and reads. Raises what soundfile raises, for one that ffmpeg reads better too."""
    file = soundfile.SoundFile(os.fsencode(path))
    # A FLAC file that does not tell its length fails at its end; an MP3 is read as far as libsndfile guesses.
    if file.frames == UNKNOWN_FRAMES or is_estimated(file) and shutil.which("ffmpeg"):
        file.close()
        raise RuntimeError("its length is unknown")
    return file


def holds_floats(path):
    """Whether a file holds samples as floats, whose full scale nothing tells. False where soundfile cannot open it."""
    try:
        # A pipe can be opened once: not here.
        return Path(path).is_file() and soundfile.info(os.fsencode(path)).subtype in ("FLOAT", "DOUBLE")
    except (OSError, RuntimeError, TypeError):  # a name that ends in .raw is a TypeError
        return False


def soundfile_blocks(path, file):
    """Mono blocks of an open soundfile at its own rate."""
    length = 0
    with file:
        try:
            for block in read_blocks(file):
                length += len(block)
                yield mono(block)
            if is_cut(file, length):
                warnings.warn(f"{path}: is cut off; what there is of it is used", CutOff, stacklevel=2)
        except (OSError, RuntimeError) as error:
            raise InputError(f"{path}: cannot be read to its end ({error})") from error


def ffmpeg_blocks(path, sample_rate):
    """Mono blocks of a file's first sound track as ffmpeg decodes and resamples it."""
    # The name is that of a file whatever it looks like, and nothing in the file makes ffmpeg open an address.
    source = ["-protocol_whitelist", "file,pipe", "-i", f"file:{path}", "-map", "0:a:0"]
    sink = ["-f", "f32le", "-ac", "1", "-ar", str(sample_rate), "pipe:1"]
    command = ["ffmpeg", "-nostdin", "-loglevel", "error", "-xerror", *source, *sink]
    # What ffmpeg says goes to a file: a pipe that nobody empties meanwhile would stop it once full.
    with tempfile.TemporaryFile() as said, subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said) as process:
        try:
            yield from pcm_blocks(process.stdout, "f32le", 1)
            process.wait()
        finally:
            process.kill()  # where the caller has had enough
        said.seek(0)
        problem = said.read().decode(errors="replace")
    if process.returncode:
        reason = problem.partition("\n")[0].removeprefix(f"file:{path}: ") or "ffmpeg failed"
        raise InputError(f"{path}: cannot be read as audio ({reason})")


def pcm_blocks(stream, encoding, channels):
    """Mono blocks (samples,) float32 of raw PCM that is read from a binary stream, as soon as it arrives."""
    kind, full_scale = ENCODINGS[encoding]
    size, rest = np.dtype(kind).itemsize * channels, b""
    while arrived := stream.read1(BLOCK * size):
        whole = len(rest + arrived) // size * size
        data, rest = (rest + arrived)[:whole], (rest + arrived)[whole:]
        samples = np.frombuffer(data, kind).astype(np.float32) / full_scale
        if len(samples):
            yield mono(samples.reshape(-1, channels))


@contextmanager
def for_soundfile(path, sample_rate):
    """A file that soundfile reads: `path`, or a temporary copy where only ffmpeg does or the name is no text."""
    try:
        str(path).encode()
        soundfile_of(path).close()
    except (OSError, RuntimeError, TypeError, UnicodeError):
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder, "audio.flac")
            with soundfile.SoundFile(copy, "w", sample_rate, 1) as file:
                for block in file_blocks(path, sample_rate):
                    file.write(block)
            yield copy
    else:
        yield path


def array_blocks(waveform):
    """Mono blocks of an array (samples,) or (samples, channels), as soundfile reads it: floats, or whole numbers.

    Raises InputError for another shape or type.
    """
    waveform = np.asarray(waveform)
    if waveform.dtype.kind not in "fi":
        raise InputError(f"waveform: floats or signed whole numbers are wanted, not {waveform.dtype}")
    if waveform.ndim not in (1, 2) or waveform.ndim == 2 and waveform.shape[1] > max(waveform.shape[0], 8):
        raise InputError(f"waveform: (samples,) or (samples, channels) is wanted, not {waveform.shape}")
    full_scale = -float(np.iinfo(waveform.dtype).min) if waveform.dtype.kind == "i" else 1
    for start in range(0, len(waveform), BLOCK):
        block = waveform[start : start + BLOCK].astype(np.float32) / np.float32(full_scale)
        yield block if block.ndim == 1 else mono(block)


def mono(samples):
    """The mean of channels, (samples,), of (samples, channels)."""
    return samples[:, 0] if samples.shape[1] == 1 else samples.mean(axis=1)  # a mean of one takes its time


def resampled(blocks, rate, sample_rate):
    """Blocks (samples,) of one sound at another sample rate, Hz: band-limited, as if it were resampled in one piece.

    Raises InputError for a rate that is none.
    """
    if not 1 <= rate <= 1e7:  # not a number is not either
        raise InputError(f"rate: {rate} is no sample rate in Hz")
    if rate == sample_rate:
        yield from blocks
        return
    stream = soxr.ResampleStream(rate, sample_rate, 1, dtype="float32", quality="HQ")
    for block in blocks:
        # What comes of a low rate is many times longer: of blocks that wait, none may be.
        for piece in np.array_split(block, int(np.ceil(len(block) / rate * sample_rate / BLOCK))):
            yield stream.resample_chunk(piece)
    yield stream.resample_chunk(np.zeros(0, np.float32), last=True)


def sound(blocks, name):
    """The same blocks; InputError, naming where they come from, where none holds a sample or one is not finite."""
    blocks = (block for block in blocks if len(block))
    first = next(blocks, None)
    if first is None:
        raise InputError(f"{name}: holds no audio")
    for block in chain([first], blocks):
        if not np.isfinite(block).all():
            raise InputError(f"{name}: holds samples that are not numbers")
        yield block
