"""The grammar of queries: how the words of a query become an expression.

What follows "after", "before" and the like is an expression itself: "a dog after the first car before the rain" means a
dog after the first of the cars before the rain. A word such as "first" chooses among all that follows it: "the first
dog after the rain" means the first of the dogs after the rain.
"""

import functools
import re

from yoho import InputError
from yoho.referring.expressions import Length, Relation, Sound, Which
from yoho.referring.packages import check_packages

MOST_CHARACTERS = 1000
SHOWN = 40  # characters of a user's text that an error shows
PUNCTUATION = " .,;:!?…"

# A word of the grammar is a word of a sound where the grammar has no place for it, as in "a click every second". END is
# the end of a word. Of the terminals that may follow, the parser tries those with a high number, as in WHICH.3, first.
GRAMMAR = r"""
    ?start: _FIND? expression
    ?expression: related | WHICH related -> which
    ?related: measured
        | measured RELATION expression -> relation
        | measured _WITHIN NUMBER UNIT _OF expression -> within
    ?measured: sound | length
    length: (sound | length _AND?) LENGTH NUMBER UNIT
    sound: (WORD | QUOTED | misplaced) (WORD | QUOTED | SIGN | unknown)*

    END: /(?![\w'-])/
    _FIND.1: /(find|when is|when was)/ END
    WHICH.3: /(the )?/ CHOICE END
    CHOICE: /(first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth)/ | /(last|(long|short|loud|quiet)est)/
    RELATION.1: /(after|before|during|while|without)/ END
    _WITHIN.1: "within" END
    _OF: "of" END
    LENGTH.1: /((of|for|lasting) )?(longer than|shorter than|at least|at most)/ END
    _AND: "and" END
    NUMBER: /(\d{1,6}(\.\d+)?|\.\d+)(?!\d)/ | /(one|two|three|four|five|six|seven|eight|nine|ten)/ END
    UNIT: /(s|sec|seconds?|min|minutes?)/ END
    QUOTED: /"[^"]*\w[^"]*"/
    WORD.-1: /[^\s"]*\w[^\s"]*/
    SIGN.-2: /[^\s"<>]+/
    %ignore /\s+|[.,;:!?…]+(?!\S)/

    // Words that ask for what the grammar does not know. They would otherwise be taken for words of a sound.
    unknown: UNKNOWN
    !misplaced: UNKNOWN | NO_START | RELATION | _WITHIN | LENGTH
    JOIN: /(after|before|during|while|without|within)/
    UNKNOWN.2: (/(between|until|till|since|except|unless|no|not|never|neither|nor|twice)/
        | /((is|are|was|do|does|did)n't|nearest|closest|(long|short|loud|quiet)est)/
        | /(but|excluding|minus|instead of|other than|everything|anything|then|following|preceding|overlapping)/
        | /(near|first|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth|last|final|earliest|latest)/
        | /[<>]\S*/
        | /lasting (?!longer|shorter|at )\S+/
        | /(\w+ly |straight |long |always )/ JOIN
        | /(every other|followed by|preceded by|and then|(?!longer|shorter)\S+ than)/
        | /(and |or |but |only |even |just |right |soon |shortly |immediately |\()/ JOIN
        | JOIN / (each|every|all|both|either)/
        | "the " CHOICE
        | NUMBER / ?/ (UNIT | "times")
        | /at / NUMBER / ?(o'clock|am|pm)/
        | /\d+:\d\d/) END
    NO_START.4: (/(the )?/ CHOICE /[ -]/ (/(few|couple|and|or|but(-one)?|to(-last)?)/ | CHOICE | UNIT | NUMBER)
        | "every " CHOICE
        | /(the )?/ CHOICE " of"
        | /(the )?(next|previous|penultimate|eleventh|twelfth|\w+teenth|twentieth|\d+(st|nd|rd|th))/
        | NUMBER / ?(o'clock|am|pm)/) END
        | /\(\S*/
"""

NUMBERS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")

KNOWN = (
    'the grammar knows "first" to "tenth", "last", "longest", "shortest", "loudest" and "quietest" before a sound, '
    '"after", "before", "during", "while", "without" and "within 5 seconds of" between two sounds, and "longer than '
    '3 seconds", "shorter than", "at least" and "at most" after a sound; put other words in "quotation marks"'
)

EXAMPLES = [
    # query, its meaning
    ("a dog barking", "[a dog barking]"),
    ("The first dog bark", "first of [dog bark]"),
    ("Find the loudest thunder!", "loudest of [thunder]"),
    ("dog bark after the helicopter", "([dog bark] after [the helicopter])"),
    ("the first dog bark after the helicopter", "first of ([dog bark] after [the helicopter])"),
    ("a car before the first rooster", "([a car] before first of [rooster])"),
    ("rain during a storm", "([rain] during [a storm])"),
    ("a dog barking while it rains", "([a dog barking] during [it rains])"),
    ("rain without thunder", "([rain] without [thunder])"),
    ("the first dog bark within 5 seconds of the rain", "first of ([dog bark] within 5 s of [the rain])"),
    ("a cough within two minutes of a sneeze", "([a cough] within 120 s of [a sneeze])"),
    ("the longest rain longer than 3 seconds", "longest of ([rain] longer than 3 s)"),
    ("rain shorter than 2.5s", "([rain] shorter than 2.5 s)"),
    ("rain of at least 3 sec and at most one minute", "(([rain] at least 3 s) at most 60 s)"),
    ("dog barking longer than 3 seconds during the rain", "(([dog barking] longer than 3 s) during [the rain])"),
    ("dog barking during rain longer than 3 seconds", "([dog barking] during ([rain] longer than 3 s))"),
    (
        "the last dog bark before the first rooster after the rain",
        "last of ([dog bark] before first of ([rooster] after [the rain]))",
    ),
    # Words of the grammar in the description of a sound
    ("the second hand moving", "second of [hand moving]"),
    ('"the second hand" moving', "[the second hand moving]"),
    ('the last "wave before the storm"', "last of [wave before the storm]"),
    ("a regular quiet click every second", "[a regular quiet click every second]"),
    ("water washing back and forth slowly", "[water washing back and forth slowly]"),
    ("the tide coming in over the pebbles", "[the tide coming in over the pebbles]"),
    ("time passing in an empty room", "[time passing in an empty room]"),
    ("rain or hail", "[rain or hail]"),
]


@functools.cache
def parser():
    """The parser. It is built when it is first used, because to import Lark takes longer than to parse a query."""
    from lark import Lark

    return Lark(GRAMMAR, parser="lalr")


def parse(query):
    """The expression that a query means. Case, and punctuation at the end, do not matter.

    Raises InputError if a package is missing, if the query has no words or too many characters, or if it asks for what
    the grammar does not know. The message then names the words that cannot be read, and lists what the grammar knows.
    """
    text = one_line(query).lower().translate(str.maketrans("“”‘’", "\"\"''")).strip(PUNCTUATION)
    if len(query) > MOST_CHARACTERS:
        raise InputError(f"query {shown(query)}: has {len(query)} characters; use at most {MOST_CHARACTERS}")
    if not re.search(r"\w", text):
        raise InputError(f'query {shown(query)}: has no words; describe a sound, such as "a dog barking"')
    check_packages()
    from lark.exceptions import UnexpectedInput

    try:
        tree = parser().parse(text)
    except UnexpectedInput as error:
        words = getattr(error, "token", text[error.pos_in_stream :])
    else:
        refused = list(tree.find_pred(lambda node: node.data in ("unknown", "misplaced")))
        if not refused:
            return meaning(tree)
        words = min((node.children[0] for node in refused), key=lambda token: token.start_pos)
    problem = f"the grammar cannot read {shown(words)}" if words else "is not complete"
    raise InputError(f"query {shown(query)}: {problem}; {KNOWN}")


def meaning(tree):
    """The expression of a tree of the grammar's rules and words."""
    match tree.data, [child if isinstance(child, str) else meaning(child) for child in tree.children]:
        case "sound", words:
            return Sound(" ".join(word.strip('"') for word in words).strip(PUNCTUATION))
        case "which", [choice, of]:
            return Which(choice.split()[-1], of)
        case "length", [of, than, number, unit]:
            return Length(of, " ".join(than.split()[-2:]), seconds(number, unit))
        case "relation", [of, relation, other]:
            return Relation(of, "during" if relation == "while" else str(relation), other)
        case "within", [of, number, unit, other]:
            return Relation(of, "within", other, seconds(number, unit))


def seconds(number, unit):
    """Seconds from a number, in digits or as a word, and a unit."""
    count = NUMBERS.index(number) + 1 if number in NUMBERS else float(number)
    return count * (60 if unit.startswith("min") else 1)


def one_line(text):
    """A text with single spaces in place of line breaks, control characters and runs of spaces."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


def shown(text):
    """The beginning of a user's text in quotation marks, on one line, for an error."""
    line = one_line(text)
    return f'"{line[:SHOWN]}…"' if len(line) > SHOWN else f'"{line}"'
