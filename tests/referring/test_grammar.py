"""The grammar of queries: its own table of examples, and what it refuses."""

import subprocess
import sys

import numpy as np
import pytest

from yoho import InputError
from yoho.referring import grammar
from yoho.referring.expressions import ORDINALS, Length, Relation, Sound, Which, sounds
from yoho.referring.grammar import EXAMPLES, KNOWN, parse


@pytest.mark.parametrize(("query", "meaning"), EXAMPLES)
def test_the_examples_mean_what_the_table_says(query, meaning):
    assert str(parse(query)) == meaning


def test_an_expression_is_made_of_small_records():
    rain = Length(Sound("rain"), "at least", 90.0)
    dog = Relation(Sound("a dog"), "within", Sound("a car"), 0.5)
    assert parse("the quietest rain for at least 1.5 minutes") == Which("quietest", rain)
    assert parse("a dog within .5 s of a car") == dog


@pytest.mark.parametrize("number, word", [*enumerate(grammar.NUMBERS, 1)])
def test_numbers_are_digits_or_words(number, word):
    assert parse(f"rain longer than {word} seconds") == parse(f"rain longer than {number}s")


@pytest.mark.parametrize("which", [*ORDINALS, "last", "longest", "shortest", "loudest", "quietest"])
def test_one_event_is_chosen_with_and_without_an_article(which):
    assert parse(f"the {which} bark") == parse(f"{which} bark") == Which(which, Sound("bark"))


@pytest.mark.parametrize("query", ["A dog, after THE rain!", " a  dog after\n the rain...", "a dog after the rain\0?"])
def test_case_spaces_and_punctuation_do_not_matter(query):
    assert str(parse(query)) == "([a dog] after [the rain])"


@pytest.mark.parametrize(
    "query",
    [
        "third-floor door closing",
        "a rock & roll band",
        "a crowd (outdoors)",
        "an after-party in the afternoon",
        "ten dogs barking",
        "a second dog",
        "clock striking three o'clock",
        "a motor at 90 km/h",
        "a baby that won't stop crying",
        "findings whispered",
        "dog or cat",
        "狗叫",
    ],
)
def test_words_of_a_description_stay_a_plain_sound(query):
    assert parse(query) == Sound(query)


def test_quotation_marks_make_words_of_the_grammar_plain():
    assert parse("“The first” dog") == Sound("the first dog")
    assert parse('a dog after "not the rain after 3 o\'clock"') == Relation(
        Sound("a dog"), "after", Sound("not the rain after 3 o'clock")
    )


REFUSED = [
    # query, the words that the message names
    ("a dog between the rain and the thunder", "between"),
    ("a dog until the rain", "until"),
    ("dogs since the rain", "since"),
    ("all dogs except the first", "except"),
    ("rain unless it thunders", "unless"),
    ("rain not during thunder", "not"),
    ("rain longer than 3 seconds not during thunder", "not"),
    ("no dog", "no"),
    ("a dog that never barks", "never"),
    ("a dog that doesn’t bark", "doesn't"),
    ("a dog barking twice", "twice"),
    ("a dog barking three times", "three times"),
    ("a dog louder than the rain", "louder than"),
    ("a dog quieter than the rain", "quieter than"),
    ("the dog nearest to the car", "nearest"),
    ("every other dog bark", "every other"),
    ("every second dog bark", "every second"),
    ("a dog at 3 o'clock", "at 3 o'clock"),
    ("a dog after 3 o'clock", "3 o'clock"),
    ("a dog at 0:30", "0:30"),
    ("a dog after 10 seconds", "10 seconds"),
    ("a dog 5 seconds after the rain", "5 seconds"),
    ("a dog shortly after the rain", "shortly after"),
    ("a dog during the rain or after the thunder", "or after"),
    ("a dog after every car", "after every"),
    ("a dog (after the rain)", "(after"),
    ("(a dog after the rain) before a car", "(a"),
    ("the last two dogs", "the last two"),
    ("the last 10 seconds of rain", "the last 10"),
    ("the first and last dog", "the first and"),
    ("the second longest rain", "the second longest"),
    ("the second-to-last dog", "the second-to-last"),
    ("the last but one dog", "the last but"),
    ("the two longest rains", "longest"),
    ("dogs before and after the rain", "and after"),
    ("the first minute of rain", "the first minute"),
    ("the eleventh dog", "the eleventh"),
    ("2nd dog", "2nd"),
    ("the next dog after the rain", "the next"),
    ("a dog and the last car", "the last"),
    ("first the last dog", "the last"),
    ("after the rain", "after"),
    ("while", "while"),
    ("a dog after before the rain", "before"),
    ("longer than 3 seconds", "longer than"),
    ("rain longer than rain", "rain"),
    ("rain longer than 3 hours", "hours"),
    ("rain longer than 3 seconds barking", "barking"),
    ("rain longer than 9999999 seconds", "9999999"),
    ("a dog within seconds of the rain", "seconds"),
    ("a dog within -3 seconds of the rain", "-3"),
    ("a dog within tens of seconds of the rain", "tens"),
    ("a dog within 3 seconds after the rain", "after"),
    ("a dog within a room", "a"),
    ('a 5" pipe', '" pipe'),
    ("a dog after &", "&"),
    ('a dog after ""', '""'),
    ("everything but dogs", "everything"),
    ("rain but no thunder", "but"),
    ("rain excluding thunder", "excluding"),
    ("rain minus thunder", "minus"),
    ("rain instead of thunder", "instead of"),
    ("a sound other than rain", "other than"),
    ("a dog following the car", "following"),
    ("a dog then a car", "then"),
    ("a dog overlapping the rain", "overlapping"),
    ("a dog near the rain", "near"),
    ("the dog that barks first", "first"),
    ("a first dog", "first"),
    ("the dog's last bark", "last"),
    ("the final dog", "final"),
    ("the earliest dog", "earliest"),
    ("a dog directly after rain", "directly after"),
    ("rain lasting over a minute", "lasting over"),
    ("a dog >3s", ">3s"),
    ("the first of the dogs", "the first of"),
]


@pytest.mark.parametrize(("query", "words"), REFUSED)
def test_what_the_grammar_does_not_know_is_named(query, words):
    with pytest.raises(InputError) as error:
        parse(query)
    assert f': the grammar cannot read "{words}"; ' in str(error.value)
    assert str(error.value).endswith(KNOWN)


def test_any_words_mean_something_or_are_refused():
    words = ["the", "first", "second", "last", "longest", "after", "without", "within", "3", "two", "seconds", "of"]
    words += ["longer than", "at least", "and", "not", "find", "every", "dog", "rain", "o'clock", "0:30", "狗"]
    words += ['"the last"', '"', "(", ",", "-"]
    rng, understood = np.random.default_rng(0), 0
    for count in rng.integers(1, 9, 1000):
        query = " ".join(rng.choice(words, count))
        try:
            understood += bool(sounds(parse(query)))
        except InputError as error:
            assert str(error).endswith(KNOWN) or "has no words" in str(error)
    assert 100 < understood < 900


@pytest.mark.parametrize("query", ["a dog after", "the first", "find", "rain without the last", "a dog within 3 s of"])
def test_an_incomplete_query_is_refused(query):
    with pytest.raises(InputError, match=f'^query "{query}": is not complete; the grammar knows'):
        parse(query)


@pytest.mark.parametrize("query", ["", " \n\t", "\x00"])
def test_an_empty_query_is_refused(query):
    with pytest.raises(InputError, match='^query "": has no words; describe'):
        parse(query)


@pytest.mark.parametrize("query", ["...", "?!", '""', "🐶"])
def test_a_query_without_words_is_refused(query):
    with pytest.raises(InputError, match=r"^query .*: has no words; describe"):
        parse(query)


def test_a_query_may_have_1000_characters():
    assert parse("a" * 1000) == Sound("a" * 1000)
    with pytest.raises(InputError, match=f'^query "{"a" * 40}…": has 1001 characters; use at most 1000$'):
        parse("a" * 1001)
    deep = parse("a after " * 124 + "a")  # 993 characters
    assert str(deep).count("after") == 124


@pytest.mark.parametrize("query", ["not\na\x1b[31m\rdog\u2028\x85", "a dog\n" * 100 + "until", "\ud800 not \u202e"])
def test_an_error_has_one_line_of_printable_characters(query):
    with pytest.raises(InputError) as error:
        parse(query)
    assert str(error.value).isprintable()
    assert len(str(error.value)) < len(KNOWN) + 150


def test_lark_is_imported_by_the_first_query_and_the_parser_is_built_once():
    code = "import sys, yoho.referring.grammar as grammar; assert 'lark' not in sys.modules; "
    code += "grammar.parse('rain'), grammar.parse('wind'); assert grammar.parser.cache_info().misses == 1"
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": ":".join(sys.path)})
