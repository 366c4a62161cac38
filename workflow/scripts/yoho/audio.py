"""Read and write audio files, and turn samples into mono blocks at one sample rate."""

import os
import warnings
from contextlib import contextmanager
from itertools import chain
from numbers import Real

import numpy as np
import soundfile
import soxr

from yoho import InputError

BLOCK = 2**18  # frames read at a time, because a recording may last hours

# {channels: number of the channel of low-frequency effects} of 5.1, 6.1 and 7.1, in the order of WAV and most formats.
LOW_FREQUENCY = {6: 3, 7: 3, 8: 3}

CANCELLED = 0.01  # channels cancel if their mean has less than this share of the loudest channel's power (20 dB)


class AudioWarning(UserWarning):
    """A file is used although part of it is missing, or it is read in an unusual way."""


def warn(path, what):
    """Issue an AudioWarning about a file."""
    warnings.warn(f"{path}: {what}", AudioWarning, stacklevel=3)


@contextmanager
def opened(path):
    """An open audio file. Raises InputError if it is missing or unreadable, even later, while it is read."""
    try:
        # soundfile raises a TypeError for a name that ends in .raw.
        file = soundfile.SoundFile(os.fsencode(path))
    except (OSError, RuntimeError, TypeError) as error:
        raise InputError(f"{path}: cannot be read as audio ({error}); replace or remove it") from error
    with file:
        try:
            yield file
        except (OSError, RuntimeError) as error:
            raise InputError(f"{path}: cannot be read to its end ({error}); replace or remove it") from error


def read_blocks(file, most=np.inf):
    """Yield the rest of an open file, or at most `most` samples, in blocks (samples, channels) float32.

    `SoundFile.blocks` would trust the announced length of a file and repeat earlier samples if the file is shorter.
    """
    while len(block := file.read(int(min(BLOCK, most)), dtype="float32", always_2d=True)):
        yield block
        most -= len(block)


def read_audio(path, onset=0.0, offset=None):
    """Mono samples (samples,) float32 of a file between two times (s), and the sample rate.

    Channels are mixed by `mono_blocks`. Raises InputError if the file is missing, unreadable, empty or not finite.
    """
    with opened(path) as file:
        file.seek(min(round(onset * file.samplerate), file.frames))
        frames = -1 if offset is None else round((offset - onset) * file.samplerate)
        samples, sample_rate = file.read(frames, dtype="float32", always_2d=True), file.samplerate
    if not len(samples):
        raise InputError(f"{path}: holds no audio{f' after {onset:.3f} s' if onset else ''}; replace or remove it")
    if not np.isfinite(samples).all():
        raise InputError(f"{path}: holds samples that are not numbers; replace or remove it")
    (samples,) = mono_blocks([samples], path)
    return samples, sample_rate


def write_audio(path, samples, sample_rate):
    """Write mono samples as 16-bit FLAC. Raises InputError if that fails, for example on a full disk."""
    try:
        soundfile.write(path, samples, sample_rate, format="FLAC", subtype="PCM_16")
    except soundfile.LibsndfileError as error:
        raise InputError(f"{path}: cannot be written ({error}); is the disk full?") from error


def mono_blocks(blocks, name, low_frequency=LOW_FREQUENCY):
    """Yield a mono block (samples,) for each block (samples, channels): the mean of its channels.

    low_frequency: {channels: number of the channel of low-frequency effects}, which is left out of 5.1, 6.1 and 7.1.
    If the channels cancel each other, the loudest one is used instead of their mean, with an AudioWarning about `name`.
    """
    power, taken = 0, None
    for block in blocks:
        if block.shape[1] == 1:
            yield block[:, 0]  # faster than a mean
            continue
        if block.shape[1] in low_frequency:
            block = np.delete(block, low_frequency[block.shape[1]], axis=1)
        mean = block.mean(axis=1)
        # A running sum over about BLOCK samples, because the blocks of a stream are short.
        power = power * (1 - min(1, len(block) / BLOCK)) + len(block) * np.append(block.var(axis=0), mean.var())
        if power[-1] >= CANCELLED * power[:-1].max():
            yield mean
            continue
        if taken is None:
            warn(name, "its channels cancel each other in the mean; the loudest one is used there")
        # The choice changes only for a clearly louder channel: channels that are equally loud may differ in sign.
        if taken is None or power[taken] < power[:-1].max() / 2:
            taken = power[:-1].argmax()
        yield block[:, taken].copy()


def resampled(blocks, rate, sample_rate):
    """Yield blocks (samples,) of a signal, resampled from `rate` to `sample_rate` (Hz) as if it were in one piece.

    Raises InputError for an impossible rate.
    """
    if not isinstance(rate, Real) or not 1 <= rate <= 1e7:  # this also refuses NaN
        raise InputError(f"rate: {rate} is not a sample rate in Hz")
    if rate == sample_rate:
        yield from blocks
        return
    stream = soxr.ResampleStream(rate, sample_rate, 1, dtype="float32", quality="HQ")
    for block in blocks:
        # From a low rate, the result is many times longer than the block, which is cut so that no result exceeds BLOCK.
        for piece in np.array_split(block, int(np.ceil(len(block) / rate * sample_rate / BLOCK)) or 1):
            yield stream.resample_chunk(piece)
    yield stream.resample_chunk(np.zeros(0, np.float32), last=True)


def checked_blocks(blocks, name):
    """Yield the non-empty blocks. Raises InputError about `name` if there are none or a sample is not finite."""
    blocks = (block for block in blocks if len(block))
    first = next(blocks, None)
    if first is None:
        raise InputError(f"{name}: holds no audio")
    for block in chain([first], blocks):
        if not np.isfinite(block).all():
            raise InputError(f"{name}: holds samples that are not numbers")
        yield block
