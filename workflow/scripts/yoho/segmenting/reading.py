"""Mono blocks of an intact, joined or damaged audio file, read by soundfile or an installed ffmpeg."""

import io
import os
from collections.abc import Iterator
from itertools import chain
from typing import NamedTuple

import numpy as np
import soundfile

from yoho import InputError
from yoho.audio import LOW_FREQUENCY, checked_blocks, mono_blocks, read_blocks, resampled, warn
from yoho.containers.frames import START, format_of
from yoho.containers.parts import is_cut, misread, parts, sound_bytes
from yoho.segmenting.ffmpeg import REMARKED, ffmpeg_blocks, ffmpeg_installed

LOW_FREQUENCY_OF_OGG = {6: 5, 7: 6, 8: 7}


class Audio(NamedTuple):
    """A file's sample rate (Hz) and its mono blocks (samples,) float32.

    floats: whether the file holds floats, whose full scale is unknown.
    """

    rate: int
    blocks: Iterator
    floats: bool


def resampled_audio(path, sample_rate):
    """A file's `Audio` at another sample rate (Hz), as `open_audio`; also raises InputError for non-finite samples."""
    audio = open_audio(path)
    blocks = checked_blocks(resampled(audio.blocks, audio.rate, sample_rate), path)
    return audio._replace(rate=sample_rate, blocks=blocks)


def open_audio(path):
    """The `Audio` of a file that soundfile or an installed ffmpeg reads. Its blocks are read later, as needed.

    soundfile reads intact files of the formats that it knows, ffmpeg the rest. If a file is cut or damaged, the blocks
    hold everything that can be read, each part at its time, and the first fault is an AudioWarning. Raises InputError,
    possibly only while the blocks are read, if the file is missing, a pipe or not audio, or if nothing can be read.
    """
    faults = []

    def warn_once(fault):  # A file's first fault often causes the others.
        if not faults:
            warn(path, fault)
        faults.append(fault)

    if not path.exists() or path.is_dir():
        raise InputError(f"{path}: there is no such file")
    if not path.is_file():
        raise InputError(f"{path}: is a pipe; save it as a file, or give raw PCM on standard input, as -")
    file = known_to_soundfile(path)
    if file is not None:
        found, read = parts(path, file.format), soundfile_blocks
        if fault := misread(path, file, found):
            if ffmpeg_installed():
                read = ffmpeg_blocks
            else:
                warn_once(f"{fault}; an installed ffmpeg would read all of it")
                found = found if file.format == "OGG" else found[:1]
    else:
        with path.open("rb") as content:
            found, read = parts(path, format_of(content.read(START))), ffmpeg_blocks
    if (lost := sum(part.lost for part in found)) >= REMARKED:
        warn_once(f"is damaged; silence replaces about {lost:.1f} s of lost sound")
    elif lost:
        warn_once("is damaged; the readable sound is used")
    if found[-1].cut:
        warn_once("is cut off; the sound before the cut is used")
    first, *others = [read(path, part if len(found) > 1 else None, file, warn_once) for part in found]
    rate = next(first)

    def following():
        for blocks, part in zip(others, found[1:]):
            yield np.zeros(round(part.lost * rate), np.float32)
            try:
                yield from resampled(blocks, next(blocks), rate)
            except InputError as error:
                warn_once(f"is damaged, and a part of it is left out ({error})")

    return Audio(rate, chain(first, following()), file is not None and file.subtype in ("FLOAT", "DOUBLE"))


def known_to_soundfile(path):
    """The closed `SoundFile` of a file; None if soundfile cannot read it, but an installed ffmpeg may.

    Raises InputError if the file is empty, or if ffmpeg is needed and not installed.
    """
    try:
        file = soundfile.SoundFile(os.fsencode(path))
    except (OSError, RuntimeError, TypeError) as error:  # TypeError: the name ends in .raw
        if path.stat().st_size == 0:
            raise InputError(f"{path}: the file is empty") from error
        if not ffmpeg_installed():
            raise InputError(f"{path}: cannot be read as audio ({error}; ffmpeg is not installed)") from error
        return None
    file.close()
    return file


def soundfile_blocks(path, part, file, warn_once):
    """Yield the sample rate, and then mono blocks, of a file or one `Part` of it; arguments as of `ffmpeg_blocks`."""
    length, problem = 0, None
    with open_part(path, part, file, warn_once) as content:
        yield content.samplerate
        order = LOW_FREQUENCY_OF_OGG if file.format == "OGG" else LOW_FREQUENCY
        try:
            for block in mono_blocks(read_blocks(content), path, order):
                length += len(block)
                yield block
            if part is None and content.format != "RAW" and is_cut(content, length):
                warn_once("is cut off; the sound before the cut is used")
        except (OSError, RuntimeError) as error:
            problem = error
    if problem and ffmpeg_installed():
        warn_once(f"is damaged ({problem}); the readable sound is used")
        rest = ffmpeg_blocks(path, part, file, warn_once)
        next(rest)
        yield from without_first(rest, length)
    elif problem and length:
        read = length / content.samplerate
        warn_once(f"is damaged ({problem}); its first {read:.3f} s are used; an installed ffmpeg would read more")
    elif problem:
        raise InputError(f"{path}: cannot be read ({problem})")


def open_part(path, part, file, warn_once):
    """Open a file or a part of it with soundfile, as raw PCM if it holds more sound than its header announces."""
    if part is not None:
        return soundfile.SoundFile(ByteRange(path, part.start, part.end))
    if beyond := sound_bytes(path, file.format):
        order = file.endian if file.endian != "FILE" else "LITTLE" if file.format.startswith("WAV") else "BIG"
        whole = ByteRange(path, *beyond)
        try:
            raw = soundfile.SoundFile(whole, "r", file.samplerate, file.channels, file.subtype, order, "RAW")
        except (RuntimeError, TypeError, ValueError):  # this coding needs its header
            warn_once("holds more sound than its header announces; the excess is not used")
        else:
            if raw.frames > file.frames + 1:
                announced, actual = file.frames / file.samplerate, raw.frames / raw.samplerate
                warn_once(f"announces {announced:.3f} s and holds {actual:.3f} s; all of it is used")
                return raw
            raw.close()  # libsndfile already found the excess
    return soundfile.SoundFile(os.fsencode(path))


class ByteRange(io.RawIOBase):
    """A range of a file's bytes as a file of its own."""

    def __init__(self, path, start, end):
        self.file, self.start, self.size = open(path, "rb"), start, end - start  # noqa: SIM115 (open until closed)
        self.file.seek(start)

    def seekable(self):
        return True

    def readable(self):
        return True

    def tell(self):
        return self.file.tell() - self.start

    def seek(self, offset, whence=os.SEEK_SET):
        origin = {os.SEEK_SET: 0, os.SEEK_CUR: self.tell(), os.SEEK_END: self.size}[whence]
        return self.file.seek(self.start + max(0, origin + offset)) - self.start

    def readinto(self, buffer):
        most = max(0, min(len(buffer), self.size - self.tell()))
        return self.file.readinto(memoryview(buffer)[:most])

    def close(self):
        self.file.close()
        super().close()


def without_first(blocks, count):
    """Yield the blocks without their first `count` samples."""
    for block in blocks:
        if len(block) > count:
            yield block[count:]
        count = max(0, count - len(block))
