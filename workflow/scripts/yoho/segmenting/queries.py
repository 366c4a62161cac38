"""Queries: what is asked for in words, the classes of a network that answer, and the events that are meant."""

import csv
import io
from dataclasses import dataclass, replace
from functools import cached_property

import pandas as pd
import yaml

from yoho import InputError, places
from yoho.referring.expressions import Sound, is_plain, needs_level, select, sounds
from yoho.referring.grammar import one_line, parse, shown
from yoho.referring.mapping import SETTINGS, Mapper, spelled
from yoho.segmenting.streams import print_line


@dataclass(frozen=True)
class Queries:
    """Queries in words. Each is an expression, see `yoho.referring.grammar`.

    texts: the queries, each once; settings: pairs of the config's `referring`; names: those of a network's classes,
    spelled in one way. A query that is such a name is a plain sound.
    """

    texts: tuple
    settings: tuple
    names: tuple = ()

    @classmethod
    def of(cls, texts, settings=None):
        """Queries of a list of texts; settings: the config's `referring`, None: that of the default config.

        Raises InputError if there is no text, or something else than texts.
        """
        if isinstance(texts, str) or not texts or not all(isinstance(text, str) for text in texts):
            raise InputError(f"queries: {texts!r} must be a list of texts, of at least one")
        settings = settings or yaml.safe_load(places.CONFIG.read_text())["referring"]
        return cls(tuple(dict.fromkeys(map(one_line, texts))), tuple((key, settings[key]) for key in SETTINGS))

    def among(self, event_labels):
        """The same queries to a network with these classes."""
        names = set(map(spelled, event_labels)) & set(map(spelled, self.texts))
        return replace(self, names=tuple(sorted(names)))

    @cached_property
    def expressions(self):
        """The queries and what they mean, {text: expression}.

        Raises InputError for a text that is empty or no expression.
        """
        return {text: Sound(text) if spelled(text) in self.names else parse(text) for text in self.texts}

    @property
    def sounds(self):
        """The plain sounds in all queries, each once."""
        return list(dict.fromkeys(sound for expression in self.expressions.values() for sound in sounds(expression)))

    @property
    def involved(self):
        """The queries that are more than one plain sound."""
        return [text for text, expression in self.expressions.items() if not is_plain(expression)]

    def classes(self, description, folder):
        """The classes of a network for which each sound stands, {sound: {event_label: similarity}}.

        description: the content of the network's `model.json`; folder: the network's.
        Raises InputError for a sound that no class answers.
        """
        own = description.get("kind") == "ear"
        labels, others = description["event_labels"], [] if own else sounds_of_audioset()
        descriptions, settings = description.get("descriptions", {}), dict(self.settings)
        mapper = Mapper(labels, descriptions, others, settings, folder=folder, say=print_line)
        found = {sound: mapper(sound) for sound in self.sounds}
        for sound, near in found.items():
            if max(near.values()) < mapper.settings["doubtful"]:
                stands = "; ".join(f"{label} ({similarity:.2f})" for label, similarity in near.items())
                print_line(f"note: query {shown(sound)}: may mean none of the classes; it stands for {stands}")
        return found

    def explained(self, description, folder):
        """What the queries mean to a network, as text: lines of sound, class, similarity below each query."""
        self = self.among(description["event_labels"])
        classes, lines = self.classes(description, folder), io.StringIO()
        for text, expression in self.expressions.items():
            lines.write(f"# {text}: {expression}\n")
            found = [(sound, *pair) for sound in sounds(expression) for pair in classes[sound].items()]
            rows = [(sound, label, f"{similarity:.2f}") for sound, label, similarity in found]
            csv.writer(lines, lineterminator="\n").writerows(rows)
        return lines.getvalue()

    def answers(self, events, levels=None):
        """The events that the queries mean, whose labels are the queries, sorted by onset.

        events: a table of onset, offset (s), event_label (a sound) and score; levels: function that returns the levels
        of such events, dB, (events,), for queries such as "the loudest bell".
        """
        if any(map(needs_level, self.expressions.values())):
            events = events.assign(level=levels(events) if len(events) else 0.0)
        columns = [name for name in events if name != "level"]
        found = [
            select(expression, events)[columns].assign(event_label=text)
            for text, expression in self.expressions.items()
        ]
        return pd.concat(found).sort_values(["onset", "event_label"], kind="stable", ignore_index=True)


def sounds_of_audioset():
    """The names of the 521 sounds of AudioSet."""
    with places.AUDIOSET.open(encoding="utf-8", newline="") as table:
        return [row["event_label"] for row in csv.DictReader(table)]
