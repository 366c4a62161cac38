"""BBC Sound Effects: which recordings hold which class, which were recorded together, and how they are fetched.

Besides the usual columns, the manifest has the library's category, description, band and cd_name of each recording.
From a kept manifest the same recordings are fetched again without a search.
"""

import re

import numpy as np
import pandas as pd

from yoho import InputError
from yoho.downloads.download import File, check_audio, download_files
from yoho.recordings.bad import stop_or_leave_out
from yoho.recordings.bbc_search import Search
from yoho.recordings.manifest import MANIFEST_COLUMNS, read_foreign_table, read_manifest
from yoho.recordings.splits import SPLITS, join_groups

LICENCE = "RemArc, https://sound-effects.bbcrewind.co.uk/licensing"
TERMS = f"""The recordings of BBC Sound Effects come under the RemArc licence ({LICENCE.split(", ")[1]}):
- they are for non-commercial use only: personal, or for research or education;
- they are not to be passed on, and neither are mixes made of them, nor anything that can be turned back into them;
- wherever they are used, the credit is: bbc.co.uk - (c) copyright [year] BBC.
Read it; if you accept it, set `accept_licence: true` in the `recordings` of the dataset. Nothing has been fetched."""


def fetch_selection(settings, folder, web, progress, say):
    """Find recordings of the library, or read them from a kept manifest, and fetch them; returns their manifest.

    settings: the dataset's section `recordings`, whose keys the config's schema describes, and `bad`; folder: of
    the downloads; web: a `yoho.downloads.web.Web`; progress, say: those of `job`.
    Raises InputError if the licence is not accepted, if a class has too few recordings, if a recording cannot be
    fetched and `bad` is "stop", or if the server fails: a failing server is no reason to leave a recording out.
    """
    if not settings["accept_licence"]:
        raise InputError(TERMS)
    say(f"BBC Sound Effects, licence accepted: {LICENCE}")
    table = read_kept(settings) if settings["manifest"] else search_library(settings, web, progress, say)
    table = first_of_each(join_tapes(table), settings["max_per_class"])
    groups = table.groupby("event_label")["group"].nunique()
    for event_label, count in groups[groups < len(SPLITS)].items():
        raise InputError(f"class {event_label}: {count} group(s) of recordings for {len(SPLITS)} splits; it needs more")
    say_sizes(table, say)
    files = [
        File(row.address, row.file, None if pd.isna(row.size) else int(row.size), row.sha256 or None)
        for row in table.itertuples()
    ]
    fetched = download_files(web, files, folder, progress, check_audio)
    leave_out([file.fault for file in fetched if file.error], settings, say)
    arrived = pd.DataFrame(fetched, index=table.index)
    table = table.assign(**arrived[["size", "sha256", "retrieved"]])[arrived["error"].isna()]
    if table.empty:
        raise InputError(f"{settings['media']}: none of the recordings could be fetched; the log says why")
    table = join_groups(table, ["sha256"])
    return table[[*MANIFEST_COLUMNS, *sorted(set(table) - set(MANIFEST_COLUMNS))]].astype({"size": int})


def leave_out(faults, settings, say):
    """Call `stop_or_leave_out`, and say how many recordings are left out."""
    stop_or_leave_out(faults, settings["bad"])
    if faults:
        say(f"{len(faults)} recordings left out, each with a line in the log")


def say_sizes(table, say):
    """Say how many recordings of each class are fetched, and how large they are."""
    for event_label, members in table.groupby("event_label", sort=False):
        sizes = members["size"]
        unknown = f", and {sizes.isna().sum()} of unknown size" if sizes.isna().any() else ""
        say(f"{event_label}: {len(members)} recordings, {sizes.sum() / 1e9:.2f} GB{unknown}")


def search_library(settings, web, progress, say):
    """The recordings that meet a rule of a class, as rows of a manifest. Raises InputError for a class without any."""
    discs = read_catalogue(settings["catalogue"]) if settings["catalogue"] else None
    if discs is None:
        say("no `catalogue`: the rules do not see the names of discs, and each tape is a group")
    search = Search(web, settings["search"], settings["page_size"], settings["passes"], progress, say)
    entries, refused = {}, []
    rules = [rule for entry in settings["classes"] for rule in entry["rules"]]
    for category, query in dict.fromkeys((rule["category"], rule.get("query")) for rule in rules):
        found, faults = search.entries(category, query)
        print(f"category {category}, query {query}: {len(found)} entries")
        entries |= {entry["id"]: entry for entry in found}
        refused += faults
    leave_out(list(dict.fromkeys(refused)), settings, say)
    rows = [describe_entry(entries[name], discs, settings["media"], settings["format"]) for name in sorted(entries)]
    return classified(rows, settings["classes"])


def describe_entry(entry, discs, media, form):
    """A row of a manifest from the library's entry of a recording and the catalogue of discs.

    discs: from `read_catalogue`, or None; media: address of the folders; form: "wav" or "mp3".
    Raises InputError if the entry has an unknown form.
    """
    name = entry["id"]
    parts, extra = entry.get("categories") or [], entry.get("additionalMetadata") or {}
    if not isinstance(extra, dict) or not isinstance(parts, list) or not all(isinstance(part, dict) for part in parts):
        raise InputError(f"id {name}: its entry in the library has an unknown form")
    disc = discs.loc[name] if discs is not None and name in discs.index else {"CDNumber": "", "CDName": ""}
    duration = entry.get("duration")
    return {
        "id": name,
        "group": group_of(name, disc["CDNumber"]),
        "duration": duration / 1000 if isinstance(duration, int | float) else None,  # ms
        "address": f"{media}/{form}/{name}.{form}",
        "licence": LICENCE,
        "sha256": "",
        "size": announced_size(entry, form),
        "file": f"{name}.{form}",
        "category": "|".join(one_line(part.get("className")) for part in parts),
        "description": one_line(entry.get("description")),
        "band": one_line(extra.get("bandDescription")),
        "cd_name": disc["CDName"],
    }


def announced_size(entry, form):
    """Bytes of an entry's "wav" or "mp3"; None if the entry does not say."""
    sizes = entry.get("fileSizes")
    size = sizes.get(f"{form}FileSize") if isinstance(sizes, dict) else None
    return size if isinstance(size, int) and size > 0 else None


def one_line(value):
    """A text of the library as one line; "" if there is none."""
    return " ".join(str(value or "").split())


def read_catalogue(path):
    """Number and name of each recording's disc, by the recording's id. Raises InputError if the file lacks them."""
    table = read_foreign_table(path, ("id", "CDNumber", "CDName"), "a catalogue")
    return table.assign(id=table["id"].str.upper()).drop_duplicates("id").set_index("id")


def matching_classes(row, classes):
    """The classes whose rules a recording meets, in order; the first is its class.

    A rule has a category, which must be one of the recording's, and may have a pattern: a regular expression that must
    match somewhere in the rule's `fields` (cd_name, description, band), joined by a space.
    """
    categories = row["category"].split("|")
    return [entry["event_label"] for entry in classes if any(meets(row, categories, rule) for rule in entry["rules"])]


def meets(row, categories, rule):
    """Whether a recording meets a rule."""
    if rule["category"] not in categories:
        return False
    return "pattern" not in rule or bool(re.search(rule["pattern"], " ".join(row[field] for field in rule["fields"])))


def classified(rows, classes):
    """Table of the rows that meet a rule, with their class. Raises InputError for a class without a row."""
    chosen = []
    for row in rows:
        found = matching_classes(row, classes)
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
    """At most `most` recordings of each class, from as many groups as possible; None: all of them."""
    if most is None:
        return table
    turn = table.groupby(["event_label", "group"]).cumcount()
    return table.iloc[turn.argsort(kind="stable")].groupby("event_label").head(most).sort_index()


def group_of(name, disc):
    """The original field recording: the disc's number, or if that is unknown the tape, the id less its last 3 digits.

    No disc holds more than one tape, so the tape can stand in for an unknown disc. An id of three digits or fewer has
    no tape and is a group of its own.
    """
    tape = re.fullmatch(r"((?:NHU)?[0-9]+)[0-9]{3}", name)
    return disc.strip() or (tape[1] if tape else name)


def join_tapes(table):
    """Merge groups that may come from the same field recording, as far as this is known before they are fetched.

    If the disc of any recording of a tape is unknown, the whole tape is one group, with all its discs. Recordings with
    the same description and duration are in one group, too.
    """
    tape = table["id"].map(lambda name: group_of(name, ""))
    table = table.assign(tape=tape.where(tape.isin(tape[tape == table["group"]]), ""))
    keys = [["tape"], ["description", "duration"]] if "description" in table else [["tape"]]
    return join_groups(table, *keys).drop(columns="tape")


def read_kept(settings):
    """The recordings of a kept manifest. Raises InputError if its classes differ from the config's, or for a value
    that cannot be used."""
    path, table = settings["manifest"], read_manifest(settings["manifest"])
    if differing := set(table["event_label"]) ^ {entry["event_label"] for entry in settings["classes"]}:
        raise InputError(
            f"{path}: class {', '.join(sorted(differing))} is only in this file or only in the config's `classes`"
        )
    numbers = table[["size", "duration"]].apply(pd.to_numeric, errors="coerce").replace([np.inf, -np.inf], np.nan)
    wrong = (numbers.isna() & (table[list(numbers)] != "")).assign(group=table["group"].str.strip() == "")
    for row, column in zip(*np.nonzero(wrong)):
        key, value = wrong.columns[column], table[wrong.columns[column]].iloc[row]
        raise InputError(f"{path}, row {row + 1} ({table['id'].iloc[row]}): {key} {value!r} cannot be used")
    return table.assign(**numbers)
