"""The search interface of BBC Sound Effects, page by page."""

import json
import re

from yoho import InputError
from yoho.recordings.web import FAILURES, Unsteady, reason

ID = re.compile(r"[0-9]{7,8}|NHU[0-9]+")  # seven: 0009006, of the authors' own pool
REACH = 10_000  # entries that one search can show: its from + size may not be more


def search_library(web, address, category, query, progress, tell, *, page_size, passes):
    """Entries of BBC Sound Effects, as the interface at `address` describes them, each id once.

    category: of which all are; query: words that narrow it, or None; progress, tell: those of `job`; page_size:
    entries, two or more; passes: how often, at most, to go through all pages until nothing moved meanwhile.
    Returns (entries, refused): a list of dicts, and a line for each entry whose id is none.
    Raises InputError where the interface cannot be reached, answers in another form, or finds more than it can show.
    """
    found = {}
    with progress(desc="search", unit=" entries") as bar:
        for _ in range(passes):
            try:
                entries, moved = search_through(web, address, category, query, bar, page_size)
            except FAILURES as error:
                raise InputError(f"{address}: {reason(error)}") from error
            found |= entries
            if not moved:
                break
            print(f"{address}: {moved}; entries moved from page to page")
        else:
            tell(f"{category}, query {query}: entries still moved in pass {passes}; some may be missing (`passes`)")
    good = [entry for name, entry in found.items() if ID.fullmatch(name)]
    bad = [name for name in found if not ID.fullmatch(name)]
    return good, [f"id {name!r}, {address}: neither 7 or 8 digits nor NHU and digits" for name in bad]


def search_through(web, address, category, query, bar, page_size):
    """One pass over all pages of a search: {id: entry}, and how it shows that entries moved meanwhile, if they did.

    An entry that comes or goes moves the later ones, and one of them over the edge of a page: it would be missed,
    or seen twice. So each page begins with the last entry of the one before.
    """
    found, moved, total, start, last = {}, "", None, 0, None
    while total is None or start + 1 < total:
        size = min(page_size, REACH - start)
        count, page = web.insist(search_page, web, address, category, query, start, size)
        if count > REACH:
            raise InputError(f"{count} entries in {category}, query {query}; a search shows {REACH}: narrow it")
        if total not in (None, count):
            moved = f"{count} entries, before {total}"
        elif start and page and page[0]["id"] != last:
            moved = f"entry {start} is {page[0]['id']!r}, before {last!r}"
        total = count
        found |= {entry["id"]: entry for entry in page}
        bar.update(len(found) - bar.n)
        if len(page) < 2:
            break
        start, last = start + len(page) - 1, page[-1]["id"]
    if not moved and len(found) != total:
        moved = f"{len(found)} entries, by its own count {total}"
    return found, moved


def search_page(web, address, category, query, start, size):
    """Entries start ... start + size - 1 of a search: (how many there are in all, these)."""
    criteria = dict.fromkeys(["tags", "durations", "continents", "sortBy", "source", "recordist", "habitat"])
    criteria |= {"from": start, "size": size, "query": query, "categories": [category]}
    with web.open("POST", address, json={"criteria": criteria}) as response:
        if response.status_code != 200:
            raise InputError(f"answered {response.status_code} {response.reason}")
        body = b"".join(web.pieces(response))
    try:
        answer = json.loads(body)
    except ValueError as error:
        raise Unsteady(f"the answer is no whole JSON ({error}); it begins with {body[:40]!r}") from error
    try:
        total, entries = answer["total"], answer["results"]
        if isinstance(total, int) and all(isinstance(entry["id"], str) for entry in entries):
            return total, entries
    except (TypeError, LookupError):
        pass
    raise InputError(f"the answer is not of the form that is known: total, results, each with an id: {body[:40]!r}")
