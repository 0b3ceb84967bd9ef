"""What stands on the controls means a face, and a face stands on the controls."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from editing import sefa
from editing.directions import Edit
from errors import InputError
from explorer import sliders
from explorer.controls import DEGREES, LAYERS, NAMES, Sheet, face_of, moved, values_of
from explorer.face import Face, Strength
from explorer.studio import Studio
from explorer.visit import Visit
from model import Generator
from tests.networks import tiny_generator

FILE = "factor.pt"


@pytest.fixture(scope="module")
def studio():
    networks = {"source": tiny_generator(seed=1), "cartoon": tiny_generator(seed=1)}
    found = sefa.sefa(networks["source"])
    found.edits["smile"] = Edit(2, [1, 2], -1.0, 4.0)
    return Studio(networks, {"source": "s.pt", "cartoon": "c.pt"}, {FILE: found})


def plain(studio, **others):
    """The controls as the page begins."""
    values = {"mixed": "nobody", "giver": 1, "given": ["coarse"], "own": ""} | dict.fromkeys(LAYERS, "")
    return values | values_of(Face(), Visit(), studio, Sheet(FILE)) | others


places, degrees, layers = st.integers(1, 7), st.sampled_from([-2.5, 0.1, 3.0]), st.sampled_from(["", "0-2"])
strengths = st.builds(lambda place, degree, on: Strength(FILE, place, place - 1, degree, on), places, degrees, layers)
sets = st.lists(strengths, unique_by=lambda one: one.slot).map(lambda some: tuple(sorted(some, key=lambda one: one.slot)))
faces = st.builds(
    Face,
    seed=st.integers(0, 2**32 - 1),
    psi=st.sampled_from([-1.0, 0.0, 0.35, 1.0, 1.5]),
    cutoff=st.sampled_from([None, 0, 3]),
    noise=st.booleans(),
    strengths=sets,
    swap=st.sampled_from([None, 8, 16]),
)


@given(face=faces, mixed=st.sampled_from([("", ""), ("5", "coarse"), ("0", "coarse,5")]))
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # of a busy machine
def test_a_face_comes_back_from_the_controls(studio, face, mixed):
    face = Face(**{**vars(face), "giver": mixed[0], "given": mixed[1]})
    values = plain(studio) | values_of(face, Visit(), studio, Sheet(FILE))
    assert face_of(values, Visit(), studio, Sheet(FILE)) == face


def test_strengths_of_other_files_and_sheets_stay(studio):
    visit = Visit(now=Face().moved(Strength("other.pt", 0, 0, 2.0)))
    face = face_of(plain(studio, degree3=1.5), visit, studio, Sheet(FILE))
    assert {one.path for one in face.strengths} == {"other.pt", FILE}


def test_named_sliders_come_first_with_layers_and_ends_of_their_own(studio):
    first, second, *_ = studio.sliders(FILE)
    assert (first.name, first.index, first.layers, first.low, first.high) == ("smile", 2, "1-2", -1.0, 4.0)
    assert (second.name, second.index, second.layers) == ("sefa 0", 0, "")
    values = plain(studio)
    assert values[LAYERS[0]] == "1-2"
    assert face_of(values | {DEGREES[0]: 2.0}, Visit(), studio, Sheet(FILE)).strengths == (Strength(FILE, 0, 2, 2.0, "1-2"),)


def test_a_direction_with_a_named_slider_as_far_on_all_its_layers_has_no_second_one():
    found = sefa.sefa(tiny_generator())
    found.method, found.edits = "styleclip", {"old": Edit(0), "old a little": Edit(1, None, 0.0, 1.0)}
    kept = [(one.name, one.index) for one in sliders.of(found)]
    assert kept == [("old", 0), ("old a little", 1), *enumerated(found.names)[1:]]
    assert [one.place for one in sliders.of(found)] == [*range(len(kept))]


def enumerated(names):
    return [(name, index) for index, name in enumerate(names)]


def test_the_average_person_is_measured_once(studio, monkeypatch):
    monkeypatch.setattr(Generator, "mean_latent", None)
    assert studio.pictures(Face(seed=9)) and studio.look(Face(cutoff=2)).w_plus(studio.who(Face()), studio.last, 0.7).shape


def test_a_named_slider_and_a_direction_are_renamed_in_the_words_of_the_file(studio):
    found = sefa.sefa(tiny_generator())
    found.edits["smile"] = Edit(2, [1, 2])
    smile, hair, *_ = sliders.of(found)
    sliders.renamed(found, smile, "grin")
    sliders.renamed(found, hair, "hair")
    assert found.edits == {"grin": Edit(2, [1, 2])} and found.names[0] == "hair"


WRONG = [
    ({"seed": -1}, "seed"),
    ({"seed": 1.5}, "seed"),
    ({"mixed": "a seed", "own": "99"}, "second person"),
    ({"layers0": "x"}, "layers"),
]


@pytest.mark.parametrize(("values", "said"), WRONG)
def test_what_cannot_be_drawn_is_said_in_words(studio, values, said):
    with pytest.raises(InputError, match=said):
        face_of(plain(studio, **values), Visit(), studio, Sheet(FILE))


def test_a_move_of_one_slider_is_told_from_others():
    face = Face(strengths=(Strength(FILE, 1, 0, 2.0),))
    assert moved(Face(), Face(psi=0.1)) == "psi"
    assert moved(face, face.moved(Strength(FILE, 1, 0, 3.0))) == moved(face, Face()) != ""
    for other in (Face(psi=0.1, cutoff=3), Face(noise=False), Face(psi=0.1, noise=False)):
        assert moved(Face(), other) == ""


def test_every_control_has_a_value(studio):
    assert set(plain(studio)) == set(NAMES)
