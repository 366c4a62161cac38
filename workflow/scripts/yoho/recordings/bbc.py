"""The paper's own recordings: six classes of BBC Sound Effects, found by rules, each named in a manifest.

A manifest is a table with a row per recording: id, event_label, group, duration (s), address, licence, retrieved
(UTC), sha256, size (bytes), file (its name in the folder), and, as the library describes it, category, description,
band and cd_name. From a kept manifest the same recordings are fetched again without a search.
"""

import re
from pathlib import Path

import numpy as np
import pandas as pd

from yoho import InputError
from yoho.recordings.bbc_search import search_library
from yoho.recordings.download import File, check_audio, download
from yoho.recordings.listening import listed
from yoho.recordings.manifest import MANIFEST, read_manifest
from yoho.recordings.splits import SPLITS, join_groups

LICENCE = "RemArc, https://sound-effects.bbcrewind.co.uk/licensing"
TERMS = f"""The recordings of BBC Sound Effects come under the RemArc licence ({LICENCE.split(", ")[1]}):
- non-commercial use alone: personal, or for research or education;
- they are not to be passed on, nor is what can be turned back into them: mixes made of them are not to be published;
- wherever they are used, the credit is: bbc.co.uk - (c) copyright [year] BBC.
Read it; if you accept it, set `accept_licence: true` in the `recordings` of the dataset. Nothing has been fetched."""


def fetch_bbc(
    folder,
    web,
    progress,
    tell,
    *,
    accept_licence,
    manifest,
    catalogue,
    classes,
    search,
    media,
    page_size,
    passes,
    format,
    max_per_class,
    bad,
):
    """Find the recordings of some classes, or read them from a manifest, and fetch them; returns the new manifest.

    folder: where the files come to lie; web: a yoho.download.Web; progress, tell: those of `job`
    accept_licence   whether the user accepts TERMS
    manifest         one that was kept, or None: then `classes` and `catalogue` are searched for
    catalogue        table with id, CDNumber and CDName, or None
    classes          list of {event_label, rules}: see `labels`
    search, media    addresses of the search interface and of the folders `wav/` and `mp3/`
    page_size, passes   entries of a page; how often to search until nothing moved
    format           "wav" or "mp3"
    max_per_class    recordings of a class, None for all there are
    bad              "stop", or "leave_out" recordings that cannot be had
    Raises InputError where the licence is not accepted, too little is found, a recording cannot be had, or the
    server is out: that says nothing of a recording, and none is left out for it.
    """
    if not accept_licence:
        raise InputError(TERMS)
    tell(f"BBC Sound Effects, licence accepted: {LICENCE}")
    if manifest:
        table = kept(manifest, [entry["event_label"] for entry in classes])
    else:
        discs = read_catalogue(catalogue) if catalogue else None
        if discs is None:
            tell("no `catalogue`: names of discs are unknown to the rules, and a tape is a group")
        entries, refused = find(web, search, classes, progress, tell, page_size, passes)
        leave(refused, bad, tell)
        table = label([describe(entry, discs, media, format) for entry in entries], classes)
    table = first_of_each(join_tapes(table), max_per_class)
    groups = table.groupby("event_label")["group"].nunique()
    for event_label, count in groups[groups < len(SPLITS)].items():
        raise InputError(f"class {event_label}: {count} group(s) of recordings for {len(SPLITS)} splits; it needs more")
    for event_label, members in table.groupby("event_label", sort=False):
        sizes = members["size"]
        unknown = f", and {sizes.isna().sum()} of unknown size" if sizes.isna().any() else ""
        tell(f"{event_label}: {len(members)} recordings, {sizes.sum() / 1e9:.2f} GB{unknown}")
    files = [
        File(row.address, row.file, None if pd.isna(row.size) else int(row.size), row.sha256 or None)
        for row in table.itertuples()
    ]
    fetched = download(web, files, folder, progress, check_audio)
    leave([file.fault for file in fetched if file.error], bad, tell)
    arrived = pd.DataFrame(fetched, index=table.index)
    table = table.assign(**arrived[["size", "sha256", "retrieved"]])[arrived["error"].isna()]
    if table.empty:
        raise InputError(f"{media}: none of the recordings could be had; the log says why")
    table = join_groups(table, ["sha256"])
    return table[[*MANIFEST, *sorted(set(table) - set(MANIFEST))]].astype({"size": int})


def find(web, address, classes, progress, tell, page_size, passes):
    """Entries of the library under any rule's category and query, each once, by id; and what was refused."""
    entries, refused = {}, []
    rules = [rule for entry in classes for rule in entry["rules"]]
    for category, query in dict.fromkeys((rule["category"], rule.get("query")) for rule in rules):
        found, lines = search_library(web, address, category, query, progress, tell, page_size=page_size, passes=passes)
        print(f"category {category}, query {query}: {len(found)} entries")
        entries |= {entry["id"]: entry for entry in found}
        refused += lines
    return [entries[name] for name in sorted(entries)], list(dict.fromkeys(refused))


def leave(lines, bad, tell):
    """Raise InputError with some recordings' faults where these stop the run; print them where they are left out."""
    if lines and bad == "stop":
        raise InputError(listed(lines))
    for line in lines:
        print(f"left out: {line}")
    if lines:
        tell(f"{len(lines)} recordings left out, each with a line in the log")


def describe(entry, discs, media, format):
    """What the library's entry of a recording says, and the catalogue of discs, as a row of a manifest.

    Raises InputError where the entry is of another form.
    """
    name = entry["id"]
    parts, extra = entry.get("categories") or [], entry.get("additionalMetadata") or {}
    if not isinstance(extra, dict) or not isinstance(parts, list) or not all(isinstance(part, dict) for part in parts):
        raise InputError(f"id {name}: its entry in the library is not of the form that is known")
    disc = discs.loc[name] if discs is not None and name in discs.index else {"CDNumber": "", "CDName": ""}
    duration = entry.get("duration")
    return {
        "id": name,
        "group": group_of(name, disc["CDNumber"]),
        "duration": duration / 1000 if isinstance(duration, int | float) else None,  # ms
        "address": f"{media}/{format}/{name}.{format}",
        "licence": LICENCE,
        "sha256": "",
        "size": size_of(entry, format),
        "file": f"{name}.{format}",
        "category": "|".join(text(part.get("className")) for part in parts),
        "description": text(entry.get("description")),
        "band": text(extra.get("bandDescription")),
        "cd_name": disc["CDName"],
    }


def size_of(entry, form):
    """Bytes of an entry's "wav" or "mp3"; None where it does not say so."""
    sizes = entry.get("fileSizes")
    size = sizes.get(f"{form}FileSize") if isinstance(sizes, dict) else None
    return size if isinstance(size, int) and size > 0 else None


def text(value):
    """A text of the library in one line, "" for none."""
    return " ".join(str(value or "").split())


def group_of(name, disc):
    """The original field recording: the disc's number, else the tape, which is the id without its last three digits.

    No disc holds more than one tape, so that a tape is a group where the disc is unknown. An id of three digits or
    fewer has no tape and is a group of its own.
    """
    tape = re.fullmatch(r"((?:NHU)?[0-9]+)[0-9]{3}", name)
    return disc.strip() or (tape[1] if tape else name)


def join_tapes(table):
    """Make one group of all that may be of one field recording, by what is known before anything is fetched.

    A tape that has a recording of unknown disc is one group, discs and all; and so are the same description and
    duration.
    """
    tape = table["id"].map(lambda name: group_of(name, ""))
    table = table.assign(tape=tape.where(tape.isin(tape[tape == table["group"]]), ""))
    keys = [["tape"], ["description", "duration"]] if "description" in table else [["tape"]]
    return join_groups(table, *keys).drop(columns="tape")


def read_catalogue(path):
    """Number and name of the disc of each id, by id. Raises InputError where the file lacks them."""
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as a table ({str(error).strip()})") from error
    if missing := {"id", "CDNumber", "CDName"} - set(table.columns):
        raise InputError(f"{path}: no column {', '.join(sorted(missing))}; a catalogue has them")
    return table.assign(id=table["id"].str.upper()).drop_duplicates("id").set_index("id")


def labels(row, classes):
    """Every class that has a rule which a recording meets, in order; the first is its class.

    A rule has a category, of which the recording must be, and may have a pattern: a regular expression that is to
    be found in `fields` (cd_name, description, band), joined by a space.
    """
    categories = row["category"].split("|")
    return [entry["event_label"] for entry in classes if any(meets(row, categories, rule) for rule in entry["rules"])]


def meets(row, categories, rule):
    """Whether a recording meets a rule."""
    if rule["category"] not in categories:
        return False
    return "pattern" not in rule or bool(re.search(rule["pattern"], " ".join(row[field] for field in rule["fields"])))


def label(rows, classes):
    """Put every row that meets a rule under its class; prints how many meet none, or rules of several."""
    chosen = []
    for row in rows:
        found = labels(row, classes)
        if found[1:]:
            print(f"{row['id']}: {found[0]}, and not {', '.join(found[1:])}: {row['description']}")
        chosen += [row | {"event_label": found[0]}] if found else []
    print(f"{len(rows) - len(chosen)} of {len(rows)} entries meet no rule")
    event_labels = [entry["event_label"] for entry in classes]
    if absent := set(event_labels) - {row["event_label"] for row in chosen}:
        raise InputError(f"classes: no entry meets the rules of {', '.join(sorted(absent))}; check them")
    chosen.sort(key=lambda row: event_labels.index(row["event_label"]))
    return pd.DataFrame(chosen)


def first_of_each(table, most):
    """At most so many recordings of each class, taken from as many groups as there are; all of them for None."""
    if most is None:
        return table
    turn = table.groupby(["event_label", "group"]).cumcount()
    return table.iloc[turn.argsort(kind="stable")].groupby("event_label").head(most).sort_index()


def kept(path, event_labels):
    """Recordings of a manifest that was kept. Raises InputError where it has other classes or a value is none."""
    table = read_manifest(path)
    if differing := set(table["event_label"]) ^ set(event_labels):
        raise InputError(f"{path}: class {', '.join(sorted(differing))} is in it or in the config's `classes` alone")
    numbers = table[["size", "duration"]].apply(pd.to_numeric, errors="coerce").replace([np.inf, -np.inf], np.nan)
    wrong = (numbers.isna() & (table[list(numbers)] != "")).assign(group=table["group"].str.strip() == "")
    for row, column in zip(*np.nonzero(wrong)):
        key, value = wrong.columns[column], table[wrong.columns[column]].iloc[row]
        raise InputError(f"{path}, row {row + 1} ({table['id'].iloc[row]}): {key} {value!r} cannot be used")
    return table.assign(**numbers)


def bbc_recordings(folder, spread, *, path):
    """Recordings of a manifest (see yoho.recordings.bbc), whose files lie in `downloads/` beside it."""
    table = read_manifest(path)
    paths = [str(Path(path).parent / "downloads" / name) for name in table["file"]]
    return table[["id", "event_label", "group"]].rename(columns={"id": "recording"}).assign(path=paths)
