"""Mono blocks of raw PCM from a stream, or of an array."""

from functools import partial
from itertools import chain

import numpy as np

from yoho import InputError
from yoho.audio import BLOCK, mono_blocks
from yoho.containers.frames import START, format_of

# {name of an encoding of raw PCM in ffmpeg: (NumPy's type, full scale)}.
ENCODINGS = {
    "s16le": ("<i2", 2**15),
    "s32le": ("<i4", 2**31),
    "f32le": ("<f4", 1),
}


def pcm_blocks(stream, encoding, channels):
    """Yield mono blocks (samples,) float32 of raw PCM from a binary stream as soon as it arrives.

    Raises InputError if the stream is an audio file.
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
    """Yield blocks (samples, channels) float32, not yet scaled, of pieces of bytes; kind: NumPy's type of a sample."""
    size, rest = np.dtype(kind).itemsize * channels, b""
    for piece in pieces:
        data = rest + piece
        whole = len(data) // size * size
        data, rest = data[:whole], data[whole:]
        if data:
            yield np.frombuffer(data, kind).astype(np.float32).reshape(-1, channels)


def array_blocks(waveform):
    """Yield mono blocks of an array (samples,) or (samples, channels) of floats or signed whole numbers.

    Raises InputError for another shape or type. 64-bit whole numbers are refused: NumPy makes them from any list of
    whole numbers, whose full scale is unknown.
    """
    try:
        waveform = np.asarray(waveform)
    except ValueError as error:
        raise InputError(f"waveform: cannot be read as numbers ({error})") from error
    if waveform.dtype.kind not in "fi" or waveform.dtype.kind == "i" and waveform.dtype.itemsize == 8:
        raise InputError(
            "waveform: must hold floats of full scale 1 or signed whole numbers of 8, 16 or 32 bits, not "
            f"{waveform.dtype}; for 16-bit samples in a list, give numpy.int16(waveform)"
        )
    if waveform.ndim not in (1, 2) or waveform.ndim == 2 and not 1 <= waveform.shape[1] <= max(len(waveform), 8):
        raise InputError(f"waveform: must have the shape (samples,) or (samples, channels), not {waveform.shape}")
    full_scale = -float(np.iinfo(waveform.dtype).min) if waveform.dtype.kind == "i" else 1
    blocks = (waveform[start : start + BLOCK] for start in range(0, len(waveform), BLOCK))
    blocks = (block.astype(np.float32) / np.float32(full_scale) for block in blocks)
    yield from mono_blocks((block.reshape(len(block), -1) for block in blocks), "waveform")
