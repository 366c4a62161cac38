"""Audio files, read and written, and samples as mono blocks at one sample rate."""

import warnings
from contextlib import contextmanager
from itertools import chain
from numbers import Real

import numpy as np
import soundfile
import soxr

from yoho import InputError

BLOCK = 2**18  # frames that are read at a time: a recording may be hours long

# Which of so many channels holds the low-frequency effects (5.1, 6.1, 7.1): WAV's order, which others share; Ogg's.
LOW_FREQUENCY = {6: 3, 7: 3, 8: 3}

CANCELLED = 0.01  # where the mean of channels has less than this of the loudest one's power, they cancel (20 dB)


class AudioWarning(UserWarning):
    """A file is used, but something of it is missing, or it is read in an unusual way."""


def warn(path, what):
    """Say that a file is used, though."""
    warnings.warn(f"{path}: {what}", AudioWarning, stacklevel=3)


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

    Channels become one by `mono_blocks`. Raises InputError where the file is missing, unreadable, empty or not finite.
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
    """Write mono samples as 16-bit FLAC. Raises InputError where the file cannot be written, on a full disk say."""
    try:
        soundfile.write(path, samples, sample_rate, format="FLAC", subtype="PCM_16")
    except soundfile.LibsndfileError as error:
        raise InputError(f"{path}: cannot be written ({error}); is the disk full?") from error


def mono_blocks(blocks, name, low_frequency=LOW_FREQUENCY):
    """Yield mono blocks (samples,) of blocks (samples, channels): the mean of their channels.

    Of 5.1, 6.1 and 7.1 the channel of low-frequency effects is left out: low_frequency tells its number by how many
    there are. Where channels cancel each other, their mean is no sound, and the loudest of them is taken, with an
    AudioWarning that names where they come from.
    """
    power, taken = 0, None
    for block in blocks:
        if block.shape[1] == 1:
            yield block[:, 0]  # a mean of one takes its time
            continue
        if block.shape[1] in low_frequency:
            block = np.delete(block, low_frequency[block.shape[1]], axis=1)
        mean = block.mean(axis=1)
        # Of as many samples as a block has at most: those of a stream are short.
        power = power * (1 - min(1, len(block) / BLOCK)) + len(block) * np.append(block.var(axis=0), mean.var())
        if power[-1] >= CANCELLED * power[:-1].max():
            yield mean
            continue
        if taken is None:
            warn(name, "its channels cancel each other where they are added; the loudest is used there")
        if taken is None or power[taken] < power[:-1].max() / 2:  # of two as loud one is kept: they may be opposite
            taken = power[:-1].argmax()
        yield block[:, taken].copy()


def resampled(blocks, rate, sample_rate):
    """Blocks (samples,) of one sound at another sample rate, Hz: band-limited, as if it were resampled in one piece.

    Raises InputError for a rate that is none.
    """
    if not isinstance(rate, Real) or not 1 <= rate <= 1e7:  # not a number is not either
        raise InputError(f"rate: {rate} is no sample rate in Hz")
    if rate == sample_rate:
        yield from blocks
        return
    stream = soxr.ResampleStream(rate, sample_rate, 1, dtype="float32", quality="HQ")
    for block in blocks:
        # What comes of a low rate is many times longer: of blocks that wait, none may be.
        for piece in np.array_split(block, int(np.ceil(len(block) / rate * sample_rate / BLOCK)) or 1):
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
