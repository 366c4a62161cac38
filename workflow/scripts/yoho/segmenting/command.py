"""The command that segments audio files, folders or a stream."""

import argparse
import os
import sys
import warnings
from contextlib import redirect_stdout
from dataclasses import replace
from errno import ENOENT
from pathlib import Path
from tempfile import TemporaryFile

import yaml

from yoho import InputError, job, places
from yoho.audio import AudioWarning, checked_blocks, resampled
from yoho.networks.making import ear_settings, is_made, make_ear, own_copies
from yoho.networks.run_folder import read_description
from yoho.segmenting.choice import EAR, choose_network
from yoho.segmenting.finding import find_audio
from yoho.segmenting.outcomes import Options, segment_file, tried
from yoho.segmenting.queries import Queries
from yoho.segmenting.references import read_references
from yoho.segmenting.samples import ENCODINGS, pcm_blocks
from yoho.segmenting.segmenter import DECODINGS
from yoho.segmenting.streams import discard, one_line, prepare_streams, print_line, print_problem
from yoho.segmenting.writing import FORMS, check_joined, check_writer

RESULTS, CONFIG = places.results_folder(), places.CONFIG
DEFAULT = "the ear" if places.INSTALLED else "the best one in results/, or the ear"  # the network if none is named


def segment_files(found, options):
    """Segment the files of a `Found`; returns (number of segmented files, number of failures).

    Every failure, every warning, and what is passed over in a folder, is one line on standard error.
    Raises InputError if the options do not fit the files or the network.
    """
    check_writer(options.form)
    files = list(found.files.values())
    for fault in found.faults.values():
        print_problem(fault)
    for note in found.notes:
        print_problem(note, "note")
    if not files:
        return 0, len(found.faults)
    root = os.path.commonpath([place.parent for place in found.files])
    names = [place.relative_to(root) for place in found.files]
    references = read_references(options.reference, files, names) if options.reference else [None] * len(files)
    options = replace(options, jobs=(jobs := options.jobs_for(len(files))))
    options.segmenter()  # raises InputError before any file is read
    calls = [(file, segment_file, *each, options) for file, *each in zip(files, names, references)]
    outcomes = job.spread(tried, calls, jobs, "segmenting") if jobs > 1 else (tried(*call) for call in calls)
    failed = print_outcomes(files, outcomes, options)
    return len(files) - failed, len(found.faults) + failed


def print_outcomes(files, outcomes, options):
    """Print every `Outcome` as it comes; returns the number of failures."""
    form = FORMS[options.form]
    header, failed = form.header if options.output is None else "", 0
    for file, outcome in zip(files, outcomes):
        for warning in outcome.warnings:
            print_problem(warning, "warning")
        if outcome.error:
            print_problem(outcome.error)
            failed += 1
        text = outcome.result or ""
        title = f"# {one_line(file)}\n" if text and len(files) > 1 and not form.named else ""
        print(header + title + text, end="", flush=True)
        header = ""
    return failed


def segment_stream(stream, options, *, encoding, channels, rate):
    """Segment raw PCM from a binary stream, printing each event on standard output as soon as it is final."""
    segmenter, form = replace(options, jobs=1).segmenter(), FORMS[options.form]
    blocks = checked_blocks(pcm_blocks(stream, encoding, channels), "standard input")
    found = segmenter.stream(resampled(blocks, rate, segmenter.sample_rate), floats=encoding.startswith("f"))
    print(form.header, end="", flush=True)
    with warnings.catch_warnings(action="always", category=AudioWarning):
        warnings.showwarning = lambda message, *_: print_problem(message, "warning")
        for time, events in found:
            print(form.write("standard input", time, events), end="", flush=True)


def find_network(weights, ear):
    """The folder of the network that the options --weights and --ear name or, without them, of the best one."""
    if weights is not None:
        return weights
    folder, reason = choose_network(RESULTS) if ear is None else (RESULTS / EAR, "the ear, as --ear says")
    if folder == RESULTS / EAR:
        config = yaml.safe_load(CONFIG.read_text())
        settings, downloads = ear_settings(config), config["recordings"]["downloads"]
        if ear:
            check_copies(ear, settings["published"])
        if not is_made(folder, settings):
            check_writable(folder)
            with redirect_stdout(None):  # Standard output is for events.
                make_ear(folder, ear or config["ear"]["path"], downloads, print_line, settings)
    print_line(f"network: {folder} ({reason})")
    return folder


def check_writable(folder):
    """Make the folder of the ear. Raises InputError if it cannot be written."""
    try:
        if not folder.is_absolute():
            raise FileNotFoundError(ENOENT, "there is no home folder")
        folder.mkdir(parents=True, exist_ok=True)
        TemporaryFile(dir=folder).close()
    except OSError as error:
        todo = "set XDG_CACHE_HOME to a folder that can be written" if places.INSTALLED else "let it be written"
        raise InputError(f"{folder}: the ear cannot be kept here ({error.strerror}); {todo}") from error


def check_copies(ear, published):
    """Raise InputError if the FILE of --ear is not the published one, even if the ear is made already."""
    try:
        own_copies(ear, published)
    except InputError as error:
        hint = f"; {audio_as_ear(ear)}" if Path(ear).is_file() else ""
        raise InputError(f"{error}{hint}") from error


def audio_as_ear(ear):
    """What to do if audio follows --ear, which takes it for its FILE."""
    return f"--ear takes the file of the ear's weights; to segment audio with the ear, write: {ear} --ear"


def command_line():
    """The parser of the command line."""
    parser = argparse.ArgumentParser(description="Find when classes sound in audio files.")
    add = parser.add_argument
    add("paths", nargs="*", metavar="AUDIO", help="files, folders, or - for raw PCM on standard input")
    network = parser.add_mutually_exclusive_group().add_argument
    network("--weights", metavar="RUN", help=f"folder of a trained network (default: {DEFAULT})")
    network(
        "--ear",
        nargs="?",
        const="",
        metavar="FILE",
        help="the ear, which knows AudioSet's 521 sounds, even if there is a trained network; FILE: a copy of its "
        "published weights, so that they are not fetched",
    )
    add("--class", dest="classes", action="append", metavar="CLASS", help="report only this class; can be repeated")
    add(
        "--query",
        dest="queries",
        action="append",
        metavar="WORDS",
        help="report only what these words mean: 'a dog barking', 'the first bell after the rain'; can be repeated",
    )
    add("--explain", action="store_true", help="print the classes for which the words of --query stand, and end")
    add(
        "--top",
        type=int,
        metavar="N",
        help="report only the N classes that sound longest in each file, weighted by score",
    )
    add(
        "--threshold",
        type=threshold,
        help="lowest presence (0 to 1) at which a class counts as sounding, or 'tuned' for a tuned threshold of each "
        "class (default: the threshold with which the network was scored)",
    )
    add("--decoding", choices=DECODINGS, help="bins as in the paper, or averages over overlapping windows")
    add("--format", dest="form", choices=FORMS, default="text", help="format of the events (default: text)")
    add("--output", metavar="FOLDER", help="for each audio file, write a file of events to this folder")
    add("--page", action="store_true", help="for each file, write an HTML page to listen to")
    add("--reference", metavar="FILE", help="true events for the page: lines start,end,class, labels or a table")
    add("--jobs", type=int, default=0, help="number of processes (default: chosen by the number of files)")
    add = parser.add_argument_group("raw PCM on standard input").add_argument
    add("--encoding", choices=ENCODINGS, default="s16le", help="format of the samples (default: s16le)")
    add("--rate", type=float, default=44100, help="sample rate in Hz (default: 44100)")
    add("--channels", type=int, default=1, help="number of interleaved channels (default: 1)")
    return parser


def threshold(text):
    """The value of --threshold: a number from 0 to 1, or "tuned"."""
    if text == "tuned":
        return text
    if not 0 <= (number := float(text)) <= 1:
        raise argparse.ArgumentTypeError("must be from 0 to 1, or tuned")
    return number


def main(argv):
    """Run the command line; returns the exit code: 0, or 2 if any file could not be segmented."""
    closed, parser = prepare_streams(), command_line()
    given = vars(parser.parse_args(argv))
    raw = {name: given.pop(name) for name in ("encoding", "rate", "channels")}
    paths = given.pop("paths")
    if raw["channels"] < 1 or given["jobs"] < 0:
        parser.error("--channels must be at least 1, and --jobs at least 0")
    if given["top"] is not None and (given["top"] < 1 or "-" in paths):
        parser.error("--top must be at least 1, and it needs files: in a stream, nobody knows what sounds longest")
    if given["reference"] and not given["page"]:
        parser.error("--reference needs --page")
    explained = given.pop("explain")
    if given["queries"] and given["classes"]:
        parser.error("--query and --class exclude each other: the words of a query may be the name of a class")
    if explained and not given["queries"]:
        parser.error("--explain needs --query")
    if not paths and not explained:
        parser.error(audio_as_ear(given["ear"]) if given["ear"] else "the following arguments are required: AUDIO")
    try:
        if "stdin" in closed and "-" in paths:
            raise InputError("standard input: is closed")
        if "stdout" in closed and not given["output"]:
            raise InputError("standard output: is closed; name a folder with --output")
        ear, queries = given.pop("ear"), given["queries"] and Queries.of(given["queries"])
        if explained:
            folder = find_network(given["weights"], ear)
            print(queries.explained(read_description(folder), folder), end="")
            return 0
        given["queries"] = queries
        found = None if "-" in paths else find_audio(paths)
        if found is not None and not given["output"]:
            check_joined(given["form"], len(found.files))
        if found is None or found.files:  # Without audio no network is needed, and none is fetched.
            given["weights"] = str(find_network(given["weights"], ear))
        options = Options(**given)
        if found is None:
            if paths != ["-"] or options.output or options.page or not FORMS[options.form].lines:
                parser.error("-: must be the only input, with its events on standard output as text, dcase or audacity")
            segment_stream(sys.stdin.buffer, options, **raw)
            return 0
        segmented, failed = segment_files(found, options)
        if segmented + failed > 1:
            print_line(f"{segmented} segmented, {failed} failed")
        return 2 if failed else 0
    except InputError as error:
        print_problem(error)
    except OSError as error:
        if error.filename is None:
            discard(sys.stdout)
        if isinstance(error, BrokenPipeError):  # the reader of standard output has closed it
            return 0
        print_problem(f"{error.filename or 'standard output'}: {error.strerror or error}")
    except KeyboardInterrupt:
        return 130
    return 2
