"""Calibrate the untrained ear: from which raw logit on each of its classes is present.

Negatives are recordings of known classes, in which all unrelated classes of AudioSet are absent, and background.
"""

from pathlib import Path

import numpy as np

from yoho import job
from yoho.audio import resampled
from yoho.events import read_table
from yoho.networks.calibration import relatives, thresholds
from yoho.places import AUDIOSET
from yoho.recordings.background import CALIBRATED, KINDS, make_background
from yoho.segmenting.classes import members
from yoho.segmenting.segmenter import AT_ONCE, ear_segmenter


def calibrate_ear(files, target, threads, *, names, splits, background, sample_rate, settings):
    classes = read_table(AUDIOSET, sep=",")
    # In averaged decoding, no window hides a class where a kind of it sounds.
    segmenter = ear_segmenter(Path(files.ear[0]).parent, np.zeros(len(classes)), decoding="averaged", threads=threads)
    description = segmenter.description
    recordings = read_table(files.recordings)
    recordings = recordings[recordings["split"].isin(splits) & recordings["event_label"].isin(names)]
    logits = {}
    for label, rows in recordings.groupby("event_label"):
        paths = job.progress(rows["path"], desc=label)
        logits[label] = np.concatenate([raw_logits(segmenter, *segmenter.read(Path(path))) for path in paths])
    sounds = background.pop("sounds")
    quiet = {kind: backgrounds(segmenter, kind, sample_rate, **background) for kind in sounds}
    quiet = {kind: np.concatenate([raw_logits(segmenter, *each) for each in given]) for kind, given in quiet.items()}
    numbers = {label: number for number, label in enumerate(description["event_labels"])}
    below = {numbers[name]: [numbers[kind] for kind in kinds] for name, kinds in description["descendants"].items()}

    def related(sounds):
        return {label: relatives(members(description, own), below) for label, own in sounds.items()}

    found = thresholds([(logits, related(names)), (quiet, related(sounds))], **settings)
    classes.assign(threshold=found.round(4)).to_csv(target, index=False, lineterminator="\n")


def raw_logits(segmenter, blocks, peak):
    """Raw logits, (bins, classes), of the bins of a signal that are not silent; arguments as of `segment_blocks`."""
    batches, threads = segmenter.batches(blocks, peak, AT_ONCE), segmenter.threads
    windows = segmenter.windows(batches, threads, ahead=threads)
    presence = np.concatenate([outputs[..., ::3].reshape(-1, len(segmenter.event_labels)) for outputs, _ in windows])
    heard = presence[(presence > 0).any(axis=1)].astype(np.float64).clip(1e-30, 1 - 1e-7)
    return np.log(heard / (1 - heard))


def backgrounds(segmenter, kind, sample_rate, *, recordings, duration, level, seed):
    """Yield blocks and peak of each recording of a kind of background, as from `Segmenter.read`."""
    for index in range(recordings):
        own_seed = seed, list(KINDS).index(kind), index, CALIBRATED
        samples = make_background(kind, own_seed, duration, level, sample_rate)
        yield resampled([samples], sample_rate, segmenter.sample_rate), None


if __name__ == "__main__":
    job.start(snakemake)
    calibrate_ear(snakemake.input, snakemake.output[0], snakemake.threads, **job.params(snakemake))
