"""Audio of any kind as mono blocks: files that soundfile or ffmpeg reads, raw PCM, arrays."""

import io
import json
import os
import re
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Iterator
from functools import partial
from itertools import chain
from typing import NamedTuple

import numpy as np
import soundfile

from yoho import InputError
from yoho.audio import BLOCK, LOW_FREQUENCY, mono_blocks, read_blocks, resampled, sound, warn
from yoho.containers.frames import START, format_of
from yoho.containers.headers import sound_bytes
from yoho.containers.parts import is_cut, misread, parts

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
LOW_FREQUENCY_OF_OGG = {6: 5, 7: 6, 8: 7}

# Silence where timestamps leave a gap. Those of Vorbis are off by up to a block: with less than 46 ms of tolerance,
# whole files are torn.
KEEP_TIMES = "aresample=async=1:min_hard_comp=0.05"
REMARKED = 0.1  # s of silence, in a gap or before the sound begins, that are remarked upon
# Containers whose time begins at 0, whenever their first track does; a broadcast (TS) may begin at any hour.
BEGIN_AT_ZERO = ("mov", "matroska")


# ---- files of any kind -----------------------------------------------------------------------------------------------


class Audio(NamedTuple):
    """A file's sample rate, Hz, and its mono blocks (samples,) float32.

    floats: whether the file holds its samples as floats, whose scale nobody knows.
    """

    rate: int
    blocks: Iterator
    floats: bool


def file_audio(path, sample_rate):
    """A file's `Audio` at another sample rate, Hz. See `open_audio`; InputError too for samples that are not finite."""
    audio = open_audio(path)
    return audio._replace(rate=sample_rate, blocks=sound(resampled(audio.blocks, audio.rate, sample_rate), path))


def open_audio(path):
    """Open a file that soundfile or an installed ffmpeg reads: its `Audio`, of which the blocks are yet to be read.

    soundfile reads whole files of the formats that it knows; ffmpeg reads the rest. Where a file is cut or damaged, the
    blocks hold everything that can be read, at its time, and the first fault is a warning (AudioWarning). Raises
    InputError, also from the blocks, where the file is missing, a pipe or no audio, and where nothing can be read.
    """
    file, tell = None, Once(path)
    if not path.exists() or path.is_dir():
        raise InputError(f"{path}: there is no such file")
    if not path.is_file():
        raise InputError(f"{path}: is a pipe; save it as a file, or give raw PCM on standard input, as -")
    try:
        file = soundfile.SoundFile(os.fsencode(path))
    except (OSError, RuntimeError, TypeError) as error:  # a name that ends in .raw is a TypeError
        if path.stat().st_size == 0:
            raise InputError(f"{path}: the file is empty") from error
        if not shutil.which("ffmpeg"):
            raise InputError(f"{path}: cannot be read as audio ({error}; ffmpeg is not installed)") from error
        with path.open("rb") as content:
            found, read = parts(path, format_of(content.read(START))), ffmpeg_blocks
    else:
        file.close()
        found, read = parts(path, file.format), soundfile_blocks
        if fault := misread(path, file, found):
            if shutil.which("ffmpeg"):
                read = ffmpeg_blocks
            else:
                tell(f"{fault}; with ffmpeg installed, all of it is read")
                found = found if file.format == "OGG" else found[:1]
    if (lost := sum(part.lost for part in found)) >= REMARKED:
        tell(f"is damaged; about {lost:.1f} s of sound are lost, and silence here")
    elif lost:
        tell("is damaged; what can be read of it is used")
    if found[-1].cut:
        tell("is cut off; what there is of it is used")
    first, *others = [read(path, part if len(found) > 1 else None, file, tell) for part in found]
    rate = next(first)

    def following():
        for blocks, part in zip(others, found[1:]):
            yield np.zeros(round(part.lost * rate), np.float32)
            try:
                yield from resampled(blocks, next(blocks), rate)
            except InputError as error:
                tell(f"is damaged, and in part left out ({error})")

    return Audio(rate, chain(first, following()), file is not None and file.subtype in ("FLOAT", "DOUBLE"))


class Once:
    """Warns of the first fault of a file alone, because the first one often causes the others."""

    def __init__(self, path):
        self.path, self.said = path, False

    def __call__(self, what):
        if not self.said:
            warn(self.path, what)
        self.said = True


def soundfile_blocks(path, part, file, tell):
    """Yield the sample rate, and then mono blocks, of a file or of a part of it by soundfile.

    part: a `Part`, None: the whole; file: what soundfile says of the whole; tell: called with what is wrong with it.
    """
    length, problem = 0, None
    with soundfile_of(path, part, file, tell) as content:
        yield content.samplerate
        order = LOW_FREQUENCY_OF_OGG if file.format == "OGG" else LOW_FREQUENCY
        try:
            for block in mono_blocks(read_blocks(content), path, order):
                length += len(block)
                yield block
            if part is None and content.format != "RAW" and is_cut(content, length):
                tell("is cut off; what there is of it is used")
        except (OSError, RuntimeError) as error:
            problem = error
    if problem and shutil.which("ffmpeg"):
        tell(f"is damaged ({problem}); what can be read of it is used")
        rest = ffmpeg_blocks(path, part, file, tell)
        next(rest)
        yield from without(rest, length)
    elif problem and length:
        read = length / content.samplerate
        tell(f"is damaged ({problem}); its first {read:.3f} s are used; an installed ffmpeg would read more")
    elif problem:
        raise InputError(f"{path}: cannot be read ({problem})")


def soundfile_of(path, part, file, tell):
    """Open a file, or some bytes of it, in soundfile; as raw PCM where it holds more sound than its header says."""
    if part is not None:
        return soundfile.SoundFile(Bytes(path, part.start, part.end))
    if beyond := sound_bytes(path, file.format):
        order = file.endian if file.endian != "FILE" else "LITTLE" if file.format.startswith("WAV") else "BIG"
        whole = Bytes(path, *beyond)
        try:
            raw = soundfile.SoundFile(whole, "r", file.samplerate, file.channels, file.subtype, order, "RAW")
        except (RuntimeError, TypeError, ValueError):  # a coding that needs its header
            tell("holds more sound than its header announces, which is not used")
        else:
            if raw.frames > file.frames + 1:
                announced, there = file.frames / file.samplerate, raw.frames / raw.samplerate
                tell(f"announces {announced:.3f} s and holds {there:.3f} s; all of it is used")
                return raw
            raw.close()  # libsndfile has found out by itself
    return soundfile.SoundFile(os.fsencode(path))


class Bytes(io.RawIOBase):
    """Some bytes of a file as a file of their own."""

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


def without(blocks, count):
    """The same blocks without the first `count` samples."""
    for block in blocks:
        if len(block) > count:
            yield block[count:]
        count = max(0, count - len(block))


def ffmpeg_blocks(path, part, file, tell):
    """Yield the sample rate, and then mono blocks, of a file or of a part of it by ffmpeg; arguments as above.

    Sound stands at its time: a gap is silence. file: None where soundfile does not know the file.
    """
    # The name is that of a file whatever it looks like, and nothing in the file makes ffmpeg open an address.
    source = f"file:{path}" if part is None else f"subfile,,start,{part.start},end,{part.end},,:file:{path}"
    number, begins = track(path) if part is None else (0, 0.0)
    command = ["ffmpeg", "-nostdin", "-nostats", "-hide_banner", "-loglevel", "level+verbose"]
    command += ["-protocol_whitelist", "file,pipe,subfile", "-i", source, "-map", f"0:a:{number}"]
    command += ["-af", KEEP_TIMES, "-c:a", "pcm_f32be", "-f", "au", "pipe:1"]
    length = 0
    # What ffmpeg says goes to a file: a pipe that nobody empties meanwhile would stop it once full.
    with tempfile.TemporaryFile() as said, subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said) as process:
        try:
            header = process.stdout.read(24)
            if len(header) == 24:
                _, start, _, _, rate, channels = struct.unpack(">6I", header)
                process.stdout.read(start - 24)
                pieces = iter(partial(process.stdout.read1, 4 * channels * BLOCK), b"")
                yield rate
                yield np.zeros(max(0, round(begins * rate)), np.float32)
                for block in mono_blocks(pcm_frames(pieces, ">f4", channels), path):
                    length += len(block)
                    yield block
            process.wait()
        finally:
            process.kill()  # where the caller has had enough
        said.seek(0)
        text = said.read().decode(errors="replace")
    problems = re.findall(r"^(?:\[[^]]+ @ \w+\] )*\[(?:error|fatal)\] (.*)", text, re.MULTILINE)
    if not length:
        problem = problems[0].removeprefix(f"{source}: ") if problems else "it holds no audio"
        raise InputError(f"{path}: cannot be read as audio ({problem})")
    silence = max(0, begins) + sum(map(int, re.findall(r"adding (\d+) audio samples of silence", text))) / rate
    if problems:
        tell(f"is damaged ({problems[0]}); what can be read of it is used")
    elif part is None and file and is_cut(file, length):
        tell("is cut off; what there is of it is used")
    elif silence > REMARKED:
        tell(f"has no sound for {silence:.1f} s, at its beginning or in between; that is silence here")


def track(path):
    """Number of a file's default sound track, or else of its first, and when its sound begins, s.

    Others are left, with a warning. InputError where there is none.
    """
    entries = "format=format_name,start_time:stream=start_time:stream_disposition=default"
    command = ["ffprobe", "-loglevel", "error", "-protocol_whitelist", "file,pipe", "-of", "json"]
    command += ["-select_streams", "a", "-show_entries", entries, f"file:{path}"]
    found = json.loads(subprocess.run(command, capture_output=True).stdout or "{}")
    if not found.get("format"):
        return 0, 0.0  # ffmpeg will say what is wrong
    tracks, container = found["streams"], found["format"]
    if not tracks:
        raise InputError(f"{path}: cannot be read as audio (it holds no sound track)")
    number = next((number for number, each in enumerate(tracks) if each["disposition"]["default"]), 0)
    if len(tracks) > 1:
        warn(path, f"holds {len(tracks)} sound tracks; number {number + 1} is used, the others are left")
    at_zero = set(BEGIN_AT_ZERO) & set(container["format_name"].split(","))
    zero = 0.0 if at_zero else float(container.get("start_time", 0))
    return number, float(tracks[number].get("start_time", zero)) - zero


# ---- samples of any kind ---------------------------------------------------------------------------------------------


def pcm_blocks(stream, encoding, channels):
    """Mono blocks (samples,) float32 of raw PCM that is read from a binary stream, as soon as it arrives.

    Raises InputError where the stream is that of an audio file.
    """
    kind, full_scale = ENCODINGS[encoding]
    pieces, start = iter(partial(stream.read1, BLOCK), b""), b""
    for piece in pieces:
        start += piece
        if len(start) >= (START if start[:1] == b"\xff" else 12):
            break
    if name := format_of(start):
        raise InputError(
            f"standard input: is a file ({name}), not raw PCM; save it and give its name, or decode it first: "
            "ffmpeg -i - -f s16le -ac 1 -ar 44100 -"
        )
    for block in mono_blocks(pcm_frames(chain([start], pieces), kind, channels), "standard input"):
        yield block / np.float32(full_scale)


def pcm_frames(pieces, kind, channels):
    """Blocks (samples, channels) float32 of samples of a NumPy type, not scaled, that come as pieces of bytes."""
    size, rest = np.dtype(kind).itemsize * channels, b""
    for piece in pieces:
        data = rest + piece
        whole = len(data) // size * size
        data, rest = data[:whole], data[whole:]
        if data:
            yield np.frombuffer(data, kind).astype(np.float32).reshape(-1, channels)


def array_blocks(waveform):
    """Mono blocks of an array (samples,) or (samples, channels), as soundfile reads it: floats, or whole numbers.

    Raises InputError for another shape or type. Whole numbers of 64 bits are refused too: NumPy makes them of any list,
    and their full scale is unknown.
    """
    try:
        waveform = np.asarray(waveform)
    except ValueError as error:
        raise InputError(f"waveform: cannot be read as numbers ({error})") from error
    if waveform.dtype.kind not in "fi" or waveform.dtype.kind == "i" and waveform.dtype.itemsize == 8:
        raise InputError(
            f"waveform: floats of full scale 1, or signed whole numbers of 8, 16 or 32 bits, are wanted, not "
            f"{waveform.dtype}; for 16-bit samples in a list, give numpy.int16(waveform)"
        )
    if waveform.ndim not in (1, 2) or waveform.ndim == 2 and not 1 <= waveform.shape[1] <= max(len(waveform), 8):
        raise InputError(f"waveform: (samples,) or (samples, channels) is wanted, not {waveform.shape}")
    full_scale = -float(np.iinfo(waveform.dtype).min) if waveform.dtype.kind == "i" else 1
    blocks = (waveform[start : start + BLOCK] for start in range(0, len(waveform), BLOCK))
    blocks = (block.astype(np.float32) / np.float32(full_scale) for block in blocks)
    yield from mono_blocks((block.reshape(len(block), -1) for block in blocks), "waveform")
