"""Segment one audio file after another: write the events and the page of each, and turn its faults into lines."""

import os
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from joblib import cpu_count

from yoho import InputError, job
from yoho.audio import AudioWarning
from yoho.files import write_whole
from yoho.segmenting.classes import longest
from yoho.segmenting.finding import PAGE_AUDIO
from yoho.segmenting.page import TRUTH, write_page
from yoho.segmenting.queries import Queries
from yoho.segmenting.references import up_to_end
from yoho.segmenting.segmenter import cached_segmenter
from yoho.segmenting.writing import FORMS, named_after

PAGE = ".html"
ENDINGS = [*(f".{form.suffix}" for form in FORMS.values()), PAGE, PAGE_AUDIO]  # of all that may be written of a file


@dataclass(frozen=True)
class Options:
    """How audio files are segmented, and what is written.

    weights: a run's folder; form: a key of FORMS; output: the folder that gets a file of events for each audio file,
    None: all events go to standard output; page: whether each file gets a page, in that folder or the current one;
    reference: a file of true events for the pages; classes, queries, threshold, decoding: see `Segmenter`; top: how
    many classes are reported of each file, those that sound longest, None: all; jobs: number of processes, 0: chosen by
    the number of files; cores: number of cores that all processes share; scratch: a folder on the file system of the
    output for unfinished files, None: they lie beside the finished ones.
    """

    weights: str
    form: str
    output: str | None = None
    page: bool = False
    reference: str | None = None
    classes: list | None = None
    queries: Queries | None = None
    top: int | None = None
    threshold: float | str | None = None
    decoding: str | None = None
    jobs: int = 0
    cores: int = field(default_factory=cpu_count)
    scratch: str | None = None

    def segmenter(self):
        """The `Segmenter` of one process, whose threads use its share of the cores."""
        chosen = {name: getattr(self, name) for name in ("threshold", "decoding", "queries")}
        classes, threads = self.classes and tuple(self.classes), max(1, self.cores // max(1, self.jobs))
        return cached_segmenter(self.weights, classes=classes, threads=threads, **chosen)

    def jobs_for(self, files):
        """The number of processes for this number of files."""
        # Starting a process takes as long as segmenting minutes of audio.
        return min(self.jobs or (self.cores if files >= 4 * self.cores else 1), files)


class Outcome(NamedTuple):
    """What came of a file.

    result: of the function that was tried, None after an error; error: one line or None; warnings: lines.
    """

    result: object
    error: str | None
    warnings: list


def tried(file, function, *arguments, raises=frozenset()):
    """The `Outcome` of a function of a file. An exception becomes one line, so that other files are still segmented.

    raises: the numbers of those OSErrors that are raised instead.
    """
    result, error = None, None
    with warnings.catch_warnings(record=True, action="always", category=AudioWarning) as caught:
        try:
            result = function(file, *arguments)
        except InputError as raised:
            error = str(raised)
        except OSError as raised:
            if raised.errno in raises:
                raise
            error = f"{raised.filename2 or raised.filename or file}: {raised.strerror or raised}"
        except Exception as raised:
            raised = job.explained(raised)
            kind = "" if isinstance(raised, InputError) else f"{type(raised).__name__}: "
            error = f"{file}: {kind}{raised}"
    messages = [str(warning.message) for warning in caught if warning.category is AudioWarning]
    for other in caught:
        if other.category is not AudioWarning:
            warnings.showwarning(other.message, other.category, other.filename, other.lineno)
    # Each warning once: for a page, the file is read twice.
    return Outcome(result, error, list(dict.fromkeys(messages)))


def segment_file(file, name, reference, options):
    """Segment a file and write its events and its page; returns the text for standard output. See `write_events`."""
    return write_events(file, name, options.segmenter().file(file), options, reference)


def write_events(file, name, segmented, options, reference=None):
    """Write the events of a `Segmented` file and its page; returns the text for standard output.

    name: the file's path below the folder of the output; reference: table of true events for the page, or None.
    """
    form, (duration, events) = FORMS[options.form], segmented
    events = events if options.top is None else longest(events, options.top)
    text = form.write(name, duration, events)
    target = Path(options.output or "", name)
    if options.output is not None or options.page:
        make_folder(target.parent, options.output or ".")
    if options.output is not None:
        part = Path(options.scratch or target.parent, f".{os.getpid()}.part")
        content = (form.header + text).encode("utf-8", "surrogateescape")
        write_whole(named_after(target, f".{form.suffix}"), content, part)
        text = ""
    if options.page:
        if reference is not None:
            reference = up_to_end(reference, duration, options.reference, file)
        if reference is not None and options.classes:
            reference = reference[reference["event_label"].isin(options.segmenter().classes)]
        tracks = ({} if reference is None else {TRUTH: reference}) | {"found": events}
        labels, page = options.segmenter().labels, named_after(target, PAGE)
        write_page(page, file, tracks, labels, title=file.name, scratch=options.scratch)
    return text


def make_folder(folder, output):
    """Make a folder for what is written. Raises InputError if a link leads it out of the folder of the output."""
    folder.mkdir(parents=True, exist_ok=True)
    if not Path(os.path.realpath(folder)).is_relative_to(os.path.realpath(output)):
        raise InputError(f"{folder}: is a link that leads out of {output}; name another folder with --output")
