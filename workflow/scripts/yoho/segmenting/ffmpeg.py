"""Mono blocks of a file, decoded by an installed ffmpeg."""

import json
import re
import shutil
import struct
import subprocess
import tempfile
from functools import partial

import numpy as np

from yoho import InputError
from yoho.audio import BLOCK, mono_blocks, warn
from yoho.containers.parts import is_cut
from yoho.segmenting.samples import pcm_frames

# This filter fills gaps between timestamps with silence. Timestamps of Vorbis are off by up to a block, so that a
# tolerance of less than 46 ms would tear intact files.
KEEP_TIMES = "aresample=async=1:min_hard_comp=0.05"
REMARKED = 0.1  # s: longer silence that replaces lost sound is reported
# Containers whose time begins at 0, even if their first track begins later; a broadcast (TS) may begin at any time.
BEGIN_AT_ZERO = ("mov", "matroska")

# Messages of ffmpeg's log: errors, and silence that was added.
PROBLEM = re.compile(r"^(?:\[[^]]+ @ \w+\] )*\[(?:error|fatal)\] (.*)", re.MULTILINE)
ADDED = re.compile(r"adding (\d+) audio samples of silence")


def ffmpeg_installed():
    """Whether ffmpeg can be called."""
    return shutil.which("ffmpeg") is not None


def ffmpeg_blocks(path, part, file, warn_once):
    """Yield the sample rate, and then mono blocks, of a file or one `Part` of it.

    The sound keeps its times: gaps become silence. part: None for the whole file; file: the whole file's `SoundFile`,
    or None if soundfile cannot read it; warn_once: called with each fault.
    """
    # Without "file:" ffmpeg could take a name for an address; without the whitelist it could open addresses in a file.
    source = f"file:{path}" if part is None else f"subfile,,start,{part.start},end,{part.end},,:file:{path}"
    number, begins = default_track(path) if part is None else (0, 0.0)
    command = ["ffmpeg", "-nostdin", "-nostats", "-hide_banner", "-loglevel", "level+verbose"]
    command += ["-protocol_whitelist", "file,pipe,subfile", "-i", source, "-map", f"0:a:{number}"]
    command += ["-af", KEEP_TIMES, "-c:a", "pcm_f32be", "-f", "au", "pipe:1"]
    length = 0
    # ffmpeg's messages go to a file, because a pipe could fill up unread and block ffmpeg.
    with tempfile.TemporaryFile() as log, subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log) as process:
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
            process.kill()  # if the caller stops early
        log.seek(0)
        messages = log.read().decode(errors="replace")
    problems = PROBLEM.findall(messages)
    if not length:
        problem = problems[0].removeprefix(f"{source}: ") if problems else "it holds no audio"
        raise InputError(f"{path}: cannot be read as audio ({problem})")
    silence = max(0, begins) + sum(map(int, ADDED.findall(messages))) / rate
    if problems:
        warn_once(f"is damaged ({problems[0]}); the readable sound is used")
    elif part is None and file and is_cut(file, length):
        warn_once("is cut off; the sound before the cut is used")
    elif silence > REMARKED:
        warn_once(f"has no sound for {silence:.1f} s, at its beginning or in between; silence is used there")


def default_track(path):
    """The number of a file's default audio track, or of its first one, and the time (s) at which its sound begins.

    Warns if there are other tracks. Raises InputError if there is no track.
    """
    entries = "format=format_name,start_time:stream=start_time:stream_disposition=default"
    command = ["ffprobe", "-loglevel", "error", "-protocol_whitelist", "file,pipe", "-of", "json"]
    command += ["-select_streams", "a", "-show_entries", entries, f"file:{path}"]
    found = json.loads(subprocess.run(command, capture_output=True).stdout or "{}")
    if not found.get("format"):
        return 0, 0.0  # ffmpeg reports the problem
    tracks, container = found["streams"], found["format"]
    if not tracks:
        raise InputError(f"{path}: cannot be read as audio (it holds no audio track)")
    number = next((number for number, each in enumerate(tracks) if each["disposition"]["default"]), 0)
    if len(tracks) > 1:
        warn(path, f"holds {len(tracks)} audio tracks; only number {number + 1} is used")
    at_zero = set(BEGIN_AT_ZERO) & set(container["format_name"].split(","))
    zero = 0.0 if at_zero else float(container.get("start_time", 0))
    return number, float(tracks[number].get("start_time", zero)) - zero
