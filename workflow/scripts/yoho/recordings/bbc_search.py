"""The search interface of BBC Sound Effects, page by page."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass

from yoho import InputError
from yoho.downloads.web import FAILURES, Unsteady, Web, reason

ID = re.compile(r"[0-9]{7,8}|NHU[0-9]+")  # seven digits: 0009006, of the authors' own pool
REACH = 10_000  # entries that one search can show; the interface refuses a larger from + size


@dataclass(frozen=True)
class Search:
    """Searches of BBC Sound Effects; progress, say: those of `job`."""

    web: Web
    address: str  # of the interface
    page_size: int  # entries, two or more
    passes: int  # maximum number of passes over all pages; they stop early once no entry moves
    progress: Callable
    say: Callable

    def entries(self, category, query):
        """The entries of a category, as the interface describes them, and a line for each entry with an invalid id.

        query: words that narrow the search, or None. Returns (list of dicts, each id once; list of lines).
        Raises InputError if the interface cannot be reached, its answer has an unknown form, or it finds more than it
        can show.
        """
        found = {}
        with self.progress(desc="search", unit=" entries") as bar:
            for _ in range(self.passes):
                try:
                    entries, moved = self.pass_over(category, query, bar)
                except FAILURES as error:
                    raise InputError(f"{self.address}: {reason(error)}") from error
                found |= entries
                if not moved:
                    break
                print(f"{self.address}: {moved}; entries moved from page to page")
            else:
                still = f"entries still moved in pass {self.passes}; some may be missing: raise `passes`"
                self.say(f"{category}, query {query}: {still}")
        good = [entry for name, entry in found.items() if ID.fullmatch(name)]
        bad = [name for name in found if not ID.fullmatch(name)]
        return good, [f"id {name!r}, {self.address}: should be 7 or 8 digits, or NHU and digits" for name in bad]

    def pass_over(self, category, query, bar):
        """One pass over all pages: {id: entry}, and a sign that entries moved meanwhile ("" if there is none).

        When an entry comes or goes, the later ones move, and one of them would be missed or seen twice at the edge of a
        page. So each page begins with the last entry of the page before.
        """
        found, moved, total, start, last = {}, "", None, 0, None
        while total is None or start + 1 < total:
            count, page = self.web.insist(self.page, category, query, start, min(self.page_size, REACH - start))
            if count > REACH:
                raise InputError(f"{count} entries in {category}, query {query}; a search shows {REACH}: narrow it")
            if total not in (None, count):
                moved = f"{count} entries instead of {total}"
            elif start and page and page[0]["id"] != last:
                moved = f"entry {start} is {page[0]['id']!r} instead of {last!r}"
            total = count
            found |= {entry["id"]: entry for entry in page}
            bar.update(len(found) - bar.n)
            if len(page) < 2:
                break
            start, last = start + len(page) - 1, page[-1]["id"]
        if not moved and len(found) != total:
            moved = f"{len(found)} entries instead of {total}"
        return found, moved

    def page(self, category, query, start, size):
        """Entries start ... start + size - 1 of a search: (number of all entries, these entries)."""
        criteria = dict.fromkeys(["tags", "durations", "continents", "sortBy", "source", "recordist", "habitat"])
        criteria |= {"from": start, "size": size, "query": query, "categories": [category]}
        with self.web.open("POST", self.address, json={"criteria": criteria}) as response:
            if response.status_code != 200:
                raise InputError(f"answered {response.status_code} {response.reason}")
            body = b"".join(self.web.pieces(response))
        try:
            answer = json.loads(body)
        except ValueError as error:
            raise Unsteady(f"the answer is not complete JSON ({error}); it begins with {body[:40]!r}") from error
        try:
            total, entries = answer["total"], answer["results"]
            if isinstance(total, int) and all(isinstance(entry["id"], str) for entry in entries):
                return total, entries
        except (TypeError, LookupError):
            pass
        raise InputError(f"the answer is not of the form {{total, results: [{{id}}]}}: {body[:40]!r}")
