"""The segmenters that are scored: those of runs, and that of the untrained ear."""

from yoho.events import read_table
from yoho.segmenting.segmenter import Segmenter, ear_segmenter


def tested_segmenter(folder, classes=None, names=None, *, threads):
    """The `Segmenter` of a run's folder or, if `names` are given, of the untrained ear's folder, on the CPU.

    classes: the table of the ear's classes whose thresholds count, a path, or nothing for its own thresholds; names:
    the sounds of AudioSet for each class to report.
    """
    if not names:
        return Segmenter.load(folder, device="cpu", threads=threads)
    thresholds = read_table(classes, sep=",")["threshold"] if classes else None
    return ear_segmenter(folder, thresholds, names, threads=threads)
