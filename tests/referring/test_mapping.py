"""From words to classes: names, similar words, and words that no class answers."""

import numpy as np
import pytest
import yaml

from places import ROOT
from yoho import InputError
from yoho.referring import vectors
from yoho.referring.encoder import load_encoder
from yoho.referring.mapping import Mapper
from yoho.segmenting.queries import sounds_of_audioset

SETTINGS = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())["referring"]
FEW = ["Dog", "Bark", "Rain", "Chicken, rooster", "Crying, sobbing", "Baby cry, infant cry", "Ocean", "sea_waves"]


def mapper(event_labels=FEW, descriptions=None, others=(), **changed):
    return Mapper(event_labels, descriptions or {}, others, SETTINGS | changed)


@pytest.mark.parametrize(
    ("query", "label"), [("dog", "Dog"), ("chicken,  ROOSTER", "Chicken, rooster"), ("Sea waves", "sea_waves")]
)
def test_the_name_of_a_class_stands_for_it_alone(query, label, monkeypatch):
    monkeypatch.setattr("yoho.referring.mapping.load_encoder", None)  # and needs no encoder
    assert mapper()(query) == {label: 1.0}


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("a dog barking", "Bark"),
        ("the baby won't stop crying", "Baby cry, infant cry"),
        ("waves breaking on the shore", "sea_waves"),
        ("it is raining", "Rain"),
    ],
)
def test_words_stand_for_the_class_of_the_same_meaning(query, first):
    found = mapper()(query)
    assert next(iter(found)) == first
    assert list(found.values()) == sorted(found.values(), reverse=True) and max(found.values()) < 1


def test_a_query_stands_for_classes_that_are_nearly_as_similar_but_for_few():
    assert len(mapper(margin=0)("a baby crying")) == 1
    near = mapper(margin=2, most=3)("a baby crying")
    assert len(near) == 3 and list(near)[:2] == ["Baby cry, infant cry", "Crying, sobbing"]
    assert mapper(margin=2, most=1)("a baby crying").keys() == {"Baby cry, infant cry"}


def test_a_description_counts_as_much_as_the_name():
    labels, text = ["Alpha", "Beta"], "A dog that barks"
    plain, described = (
        mapper(labels, descriptions, lowest=-1, lowest_unknown=-1, margin=2)("a dog barking")
        for descriptions in ({}, {"Beta": text})
    )
    query, name, meaning = load_encoder()(["a dog barking", "Beta", text])
    assert plain["Beta"] == pytest.approx(query @ name, abs=1e-6)
    assert described["Beta"] == pytest.approx(query @ (name + meaning) / 2, abs=1e-6)


NOTHING = ["my tax return", "asdfgh", "select * from users", "Hundegebell", "ein Hund bellt", "un chien qui aboie"]


@pytest.mark.parametrize("query", [*NOTHING, "собака лает", "犬が吠える", "x" * 900, "🐶"])
def test_what_no_class_means_is_refused_with_the_nearest_classes(query):
    with pytest.raises(InputError) as error:
        mapper()(query)
    message = str(error.value)
    assert message.startswith('query "') and "\n" not in message and len(message) < 300
    near = message.partition("the nearest classes are ")[2].split("; ")[:3]
    assert all(text[:-7] in FEW and float(text[-5:-1]) < 0.5 for text in near)


def test_a_network_does_not_answer_for_a_sound_that_it_lacks():
    own = ["rain", "car"]
    assert mapper(own, others=["Train"])("automobile").keys() == {"car"}
    assert mapper(own)("train").keys() == {"car"}  # the nearest word that there is
    with pytest.raises(
        InputError, match=r'^query "train": this rather means Train \(1.00\), which is none of the classes'
    ):
        mapper(own, others=["Train", "Car passing by"])("train")
    # A sound that is related to a class does not keep it from answering.
    near = "drops of rain"
    assert mapper(own, others=["Train", "Raindrop"])(near).keys() == {"rain"}
    with pytest.raises(InputError, match="this rather means Raindrop"):
        mapper(own, others=["Train", "Raindrop"], related=1, ahead=0)(near)


@pytest.fixture(scope="module")
def network():
    return mapper(["dog", "rain", "car", "crackling_fire"], others=sounds_of_audioset())


@pytest.mark.parametrize("query", ["cat", "a cat", "thunder", "wind", "explosion", "a motorcycle", "engine"])
def test_a_sound_of_audioset_that_is_none_of_the_classes_is_refused(network, query):
    with pytest.raises(InputError, match="this rather means"):
        network(query)


def test_a_query_with_more_words_than_the_encoder_reads_is_refused():
    with pytest.raises(InputError, match="has more words than can be compared"):
        mapper()("rain " * 150)


def test_the_paper_s_classes_answer_what_they_mean_among_all_of_audioset():
    paper = mapper(["rainforest", "car", "crowds", "footsteps", "clocks", "aircraft"], others=sounds_of_audioset())
    for query, label in {"a plane taking off": "aircraft", "ticking clocks": "clocks", "Car": "car"}.items():
        assert paper(query).keys() == {label}
    for query in ("a dog barking", "thunder", "church bells"):
        with pytest.raises(InputError, match="this rather means"):
            paper(query)


# ---- vectors that a folder keeps -------------------------------------------------------------------------------------


class Counting:
    """An encoder that counts the texts it is given."""

    name = "counting"

    def __init__(self):
        self.texts = 0

    def __call__(self, texts):
        self.texts += len(texts)
        return np.array([[len(text)] for text in texts], np.float32)


def test_vectors_are_computed_once_for_the_same_texts(tmp_path):
    encode, said = Counting(), []
    for texts, count in ((["a", "bb"], 2), (["a", "bb"], 2), (["a", "ccc"], 4)):
        found = vectors.kept_vectors(encode, texts, tmp_path, said.append)
        assert (encode.texts, found[:, 0].tolist()) == (count, [len(text) for text in texts])
    file = tmp_path / vectors.KEPT
    with np.load(file) as kept:
        digest = kept["digest"]
    file.write_bytes(b"damaged")
    assert vectors.kept_vectors(encode, ["a", "ccc"], tmp_path, said.append)[1, 0] == 3
    for wrong in (np.ones((1, 1), np.float32), np.full((2, 1), np.nan, np.float32)):
        np.savez(file, vectors=wrong, digest=digest)
        assert vectors.kept_vectors(encode, ["a", "ccc"], tmp_path, said.append)[1, 0] == 3
    assert encode.texts == 10 and len(said) == 5


def test_vectors_are_computed_without_a_folder_that_can_be_written(tmp_path):
    for folder in (None, tmp_path / "absent"):
        assert vectors.kept_vectors(Counting(), ["a"], folder, print).tolist() == [[1]]
