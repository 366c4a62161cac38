"""Vectors of many texts, which a folder keeps, because computing those of AudioSet's 521 sounds takes seconds."""

import hashlib
import json
from contextlib import suppress
from io import BytesIO
from pathlib import Path

import numpy as np

from yoho.files import write_whole

KEPT = "words.npz"


def kept_vectors(encode, texts, folder, say):
    """The vectors of texts, float32, (texts, numbers), from the folder's file or from the encoder.

    encode: an `Encoder`; say: prints a line. The file is written if it does not hold these texts and the folder can be
    written.
    """
    digest = hashlib.sha256(json.dumps([encode.name, *texts]).encode()).hexdigest()
    file = None if folder is None else Path(folder, KEPT)
    with suppress(Exception), np.load(file) as kept:  # The file may be missing, or damaged in one of many ways.
        vectors = kept["vectors"]
        if str(kept["digest"]) == digest and len(vectors) == len(texts) and np.isfinite(vectors).all():
            return vectors
    say(f"the vectors of {len(texts)} names and descriptions are computed")
    vectors = encode(texts)
    if file is not None:
        content = BytesIO()
        np.savez(content, vectors=vectors, digest=digest)
        with suppress(OSError):  # A later use computes them again.
            write_whole(file, content.getvalue())
    return vectors
