"""Segment audio files: what sounds when, by a trained network.

From the command line (`segment_audio.py --help`) and as the script of the rule `segment`, by the same function.
"""

import argparse
import codecs
import os
import re
import signal
import sys
import warnings
from contextlib import suppress
from functools import partial
from pathlib import Path

if __name__ == "__main__" and "snakemake" not in globals():
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends it at once while packages are loaded, with no traceback

from tqdm import tqdm

from yoho import InputError, job
from yoho.audio import AudioWarning, checked_blocks, resampled
from yoho.segmenting.choice import best_run
from yoho.segmenting.page import TRUTH, write_page
from yoho.segmenting.samples import ENCODINGS, pcm_blocks
from yoho.segmenting.segmenter import DECODINGS, cached_segmenter as load
from yoho.segmenting.writing import FORMS, named_after, names_files, read_events

RESULTS = Path(__file__).parents[2] / "results"


def segment_audio(
    paths,
    weights,
    *,
    form,
    output=None,
    page=False,
    reference=None,
    classes=None,
    threshold=None,
    decoding=None,
    jobs=0,
):
    """Segment audio files, and those in folders; returns how many were, and how many could not be.

    weights: a run's folder; form: one of FORMS; output: a folder that gets a file of events for each, None: all on
    standard output; page: whether each gets a page too, in that folder or the current one; reference: a file of true
    events, for the pages; classes: the only ones that are told, None: all; threshold, decoding: see `Segmenter`; jobs:
    processes, 0: as many as pay. What cannot be done, or only in part, is a line each on standard error.
    Raises InputError where nothing can be done at all.
    """
    files, problems = find_audio(paths)
    for problem in problems:
        complain(problem)
    if not files:
        return 0, len(problems)
    root = Path(os.path.commonpath([file.absolute().parent for file in files]))
    names = [file.absolute().relative_to(root) for file in files]
    if reference and len(files) > 1 and not names_files(reference):
        raise InputError(f"{reference}: true events of several files must be a DCASE table with a column filename")
    true = [read_events(reference, {str(name), name.name}) if reference else None for name in names]
    cores = os.cpu_count()
    # Starting a process takes seconds, in each of which minutes of audio are segmented.
    jobs = min(jobs or (cores if len(files) >= 4 * cores else 1), len(files))
    network = (weights, threshold, decoding, None if jobs == 1 else 1)
    known = load(*network).event_labels
    if unknown := set(classes or ()) - set(known):
        raise InputError(f"class {', '.join(sorted(unknown))}: not known; the network knows {', '.join(known)}")
    options = (network, form, output, page, classes or known)
    calls = [(*each, *options) for each in zip(files, names, true)]
    done = job.spread(attempt, calls, jobs, "segmenting") if jobs > 1 else (attempt(*call) for call in calls)
    lines, failed = FORMS[form].header if output is None else "", 0
    for file, (text, problem, remarks) in zip(files, done):
        for remark in remarks:
            complain(remark, "warning")
        if problem:
            complain(problem)
            failed += 1
        if text and len(files) > 1 and not FORMS[form].named:
            text = f"# {one_line(file)}\n{text}"
        print(lines + text, end="", flush=True)
        lines = ""
    return len(files) - failed, len(problems) + failed


def attempt(file, *call):
    """Segment one file: (its events as text for standard output, what went wrong or None, what is to be said)."""
    with warnings.catch_warnings(record=True, action="always", category=AudioWarning) as caught:
        text, problem = segment_file(file, *call)
    remarks = [str(warning.message) for warning in caught if warning.category is AudioWarning]
    for other in caught:
        if other.category is not AudioWarning:
            warnings.showwarning(other.message, other.category, other.filename, other.lineno)
    return text, problem, list(dict.fromkeys(remarks))  # for a page a file may be read again


def segment_file(file, name, true, network, form, output, page, classes):
    """Segment one file: (its events as text for standard output, what went wrong or None)."""
    try:
        segmenter = load(*network)
        duration, events = segmenter.file(file)
        events = events[events["event_label"].isin(classes)].reset_index(drop=True)
        text = FORMS[form].write(name, duration, events)
        target = Path(output or "", name if output else name.name)
        if output is not None:
            target.parent.mkdir(parents=True, exist_ok=True)
            path = named_after(target, f".{FORMS[form].suffix}")
            path.write_text(FORMS[form].header + text, encoding="utf-8", errors="surrogateescape")
            text = ""
        if page:
            if true is not None and classes != segmenter.event_labels:
                true = true[true["event_label"].isin(classes)]
            tracks = ({} if true is None else {TRUTH: true}) | {"found": events}
            write_page(named_after(target, ".html"), file, tracks, classes, title=file.name)
        return text, None
    except InputError as error:
        return "", str(error)
    except OSError as error:
        return "", f"{error.filename or file}: {error.strerror or error}"
    except Exception as error:  # whatever a file may hold, the others are still done
        error = job.explained(error)
        return "", f"{file}: {'' if isinstance(error, InputError) else f'{type(error).__name__}: '}{error}"


def find_audio(paths):
    """Files of `paths`, with those in folders whose names end as audio does: (files, what there is not)."""
    files, problems = {}, []
    for path in map(Path, paths):
        try:
            if path.is_dir():
                unread = []
                inside = sorted(filter(partial(looks_like_audio, path), inside_of(path, unread.append)))
                problems += [f"{error.filename}: {error.strerror}" for error in unread]
                if not inside and not unread:
                    problems.append(f"{path}: no audio in this folder")
                files |= {file.absolute(): file for file in inside}
            else:
                path.stat()
                files.setdefault(path.absolute(), path)
        except OSError as error:  # not there, not allowed, too long a name
            problems.append(f"{path}: {error.strerror}")
    return list(files.values()), problems


def inside_of(folder, unread):
    """Yield what lies in a folder and below, but for hidden folders; `unread` gets the OSError of each other one."""
    for root, folders, names in os.walk(folder, onerror=unread):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (Path(root, name) for name in names)


def looks_like_audio(folder, path):
    """Whether a path below a folder is a file whose name ends as audio does; not what is hidden or part of a page."""
    left_out = any(part.startswith(".") for part in path.relative_to(folder).parts) or path.match("*.page.flac")
    return not left_out and path.suffix.lower() in SUFFIXES and path.is_file()


def segment_stream(stream, network, *, encoding, channels, rate, form, classes=None):
    """Segment raw PCM from a binary stream: each event is a line on standard output as soon as it is certain."""
    segmenter = load(*network)
    blocks = checked_blocks(pcm_blocks(stream, encoding, channels), "standard input")
    print(FORMS[form].header, end="", flush=True)
    blocks = resampled(blocks, rate, segmenter.sample_rate)
    with warnings.catch_warnings(action="always", category=AudioWarning):
        warnings.showwarning = lambda message, *_: complain(message, "warning")
        for time, events in segmenter.stream(blocks, floats=encoding.startswith("f")):
            events = events[events["event_label"].isin(classes or segmenter.event_labels)]
            print(FORMS[form].write("standard input", time, events), end="", flush=True)


def complain(problem, kind="error"):
    """Say in a line what cannot be done, or is done otherwise than one would think."""
    tell(f"{kind}: {one_line(problem)}")


def tell(line):
    """Say something on standard error, or nowhere where that cannot be written."""
    try:
        tqdm.write(line, file=sys.stderr)
    except OSError:
        lead_nowhere(sys.stderr)


def lead_nowhere(stream):
    """Let a stream that cannot be written take what is left in it: Python writes that when it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def one_line(what):
    """Text without line breaks and other signs that steer a terminal, which a file's name may hold."""
    return re.sub(r"[\x00-\x1f\x7f-\x9f]", lambda sign: repr(sign[0])[1:-1], str(what))


def any_name(error):
    """How a name goes into a stream: bytes that are no text as they are, what its encoding lacks as \\u9ce5."""
    with suppress(UnicodeError):
        return codecs.lookup_error("surrogateescape")(error)
    return codecs.lookup_error("backslashreplace")(error)


codecs.register_error("any_name", any_name)


def settle_streams():
    """Let standard output and error take any name; returns which standard streams are closed; they lead nowhere now."""
    closed = [name for name in ("stdin", "stdout", "stderr") if getattr(sys, name) is None]
    for name in closed:  # in this order: each gets the number that is its own
        stream = open(os.devnull, "r" if name == "stdin" else "w")  # noqa: SIM115
        os.set_inheritable(stream.fileno(), True)  # or a process that is started would take that number for a pipe
        setattr(sys, name, stream)
    job.TERMINAL = job.TERMINAL or sys.stderr
    sys.stdout.reconfigure(errors="any_name")
    sys.stderr.reconfigure(errors="backslashreplace")
    return closed


def arguments():
    """The command line."""
    parser = argparse.ArgumentParser(description="What sounds when in audio files, by a trained network.")
    parser.add_argument("paths", nargs="+", metavar="AUDIO", help="files, folders, or - for raw PCM on standard input")
    parser.add_argument("--weights", metavar="RUN", help="folder of a trained network (default: the best in results/)")
    parser.add_argument("--class", dest="classes", action="append", metavar="CLASS", help="tell this class only")
    parser.add_argument(
        "--threshold",
        type=share,
        help="presence from which on a class sounds, 0 to 1 (default: the scores'), or tuned: that of each class",
    )
    parser.add_argument("--decoding", choices=DECODINGS, help="how windows become events: as in the paper, or steadier")
    parser.add_argument("--format", dest="form", choices=FORMS, default="text")
    parser.add_argument("--output", metavar="FOLDER", help="write a file for each here, not to standard output")
    parser.add_argument("--page", action="store_true", help="make an HTML page of each, in FOLDER or the current one")
    parser.add_argument(
        "--reference", metavar="FILE", help="true events, for the page: start,end,class lines, or a table"
    )
    parser.add_argument("--jobs", type=int, default=0, help="processes for many files (default: as many as pay)")
    stream = parser.add_argument_group("raw PCM on standard input")
    stream.add_argument("--encoding", choices=ENCODINGS, default="s16le")
    stream.add_argument("--rate", type=float, default=44100, help="Hz (default: 44100)")
    stream.add_argument("--channels", type=int, default=1, help="interleaved (default: 1)")
    return parser


def share(text):
    """A number from 0 to 1, or "tuned"."""
    if text == "tuned":
        return text
    if not 0 <= (number := float(text)) <= 1:
        raise argparse.ArgumentTypeError("must be from 0 to 1, or tuned")
    return number


def main(argv):
    """Do what the command line asks for; returns the exit code: 0, or 2 where anything could not be done."""
    closed, parser = settle_streams(), arguments()
    given = vars(parser.parse_args(argv))
    raw = {name: given.pop(name) for name in ("encoding", "rate", "channels")}
    paths, weights = given.pop("paths"), given.pop("weights")
    if raw["channels"] < 1 or given["jobs"] < 0:
        parser.error("--channels and --jobs must be positive")
    if given["reference"] and not given["page"]:
        parser.error("--reference is for --page")
    try:
        if "stdin" in closed and "-" in paths:
            raise InputError("standard input: is closed")
        if "stdout" in closed and not given["output"]:
            raise InputError("standard output: is closed; name a folder with --output")
        if weights is None:
            weights, why = best_run(RESULTS)
            tell(f"network: {weights} ({why})")
        if "-" in paths:
            if paths != ["-"] or given["output"] or given["page"] or not FORMS[given["form"]].lines:
                parser.error("standard input is segmented alone, to standard output, as text, dcase or audacity")
            network = (str(weights), given["threshold"], given["decoding"], None)
            segment_stream(sys.stdin.buffer, network, **raw, form=given["form"], classes=given["classes"])
            return 0
        done, failed = segment_audio(paths, str(weights), **given)
        if done + failed > 1:
            tell(f"{done} segmented, {failed} failed")
        return 2 if failed else 0
    except InputError as error:
        complain(error)
    except OSError as error:
        if error.filename is None:
            lead_nowhere(sys.stdout)
        if isinstance(error, BrokenPipeError):  # whoever read our output has had enough
            return 0
        complain(f"{error.filename or 'standard output'}: {error.strerror or error}")
    except KeyboardInterrupt:
        return 130
    return 2


if __name__ == "__main__":
    if "snakemake" in globals():
        job.start(snakemake)
        folder, params = snakemake.output[0], snakemake.params
        weights, why = (params.weights, "as the config says") if params.weights else best_run("results")
        weights = str(weights)
        job.say(f"network: {weights} ({why})")
        done, failed = segment_audio(
            snakemake.input, weights, form=params.form, output=folder, page=params.page, jobs=snakemake.threads
        )
        if not done:
            raise InputError("nothing could be segmented")
        job.say(f"{done} segmented, {failed} failed: {folder}")
    else:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        sys.exit(main(sys.argv[1:]))
