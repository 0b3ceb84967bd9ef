"""Looks: what is changed in people, one thing after another, and nothing that was not asked for."""

from dataclasses import replace

import pytest
import torch

from editing import people, sefa, style_mixing
from editing.directions import Edit, apply, save_directions
from editing.looks import AS_THEY_ARE, Look, Move, parse_move
from editing.truncation import truncate_below
from errors import InputError
from tests.networks import tiny_generator

WHO, OTHER = people.by_seed("0-2"), people.by_seed("9")


@pytest.fixture(scope="module")
def generator():
    return tiny_generator()


@pytest.fixture(scope="module")
def found(generator):
    return sefa.sefa(generator)


@pytest.mark.parametrize("psi", [1.0, 0.7])
def test_nothing_asked_for_changes_nothing(generator, psi):
    assert torch.equal(AS_THEY_ARE.w_plus(WHO, generator, psi), WHO.w_plus(generator, psi))
    assert AS_THEY_ARE.noise_of(WHO, generator) is None


def test_layers_from_the_cutoff_on_are_not_truncated(generator):
    w_plus = Look(cutoff=2).w_plus(WHO, generator, 0.5)
    assert torch.equal(w_plus, truncate_below(WHO.w_plus(generator), generator.w_avg, 0.5, 2))


def test_the_giver_gives_layers_as_it_is_truncated_itself(generator):
    given = Look(giver=OTHER, given=[0, 3]).w_plus(WHO, generator, 0.5)
    expected = style_mixing.mix(WHO.w_plus(generator, 0.5), OTHER.w_plus(generator, 0.5), [0, 3])
    assert torch.equal(given, expected)


def test_moves_add_up_in_any_order_on_their_own_layers(generator, found):
    moves = [Move(found, Edit(1), 2.0), Move(found, Edit(3, [2, 3]), -1.0)]
    both, turned = (Look(moves=some).w_plus(WHO, generator, 0.7) for some in (moves, moves[::-1]))
    torch.testing.assert_close(both, turned)
    expected = apply(apply(WHO.w_plus(generator, 0.7), found, 1, 2.0), found, 3, -1.0, [2, 3])
    assert torch.equal(both, expected)


def test_what_is_moved_has_the_layers_of_the_giver(generator, found):
    move = Move(found, Edit(0), 3.0)
    moved = Look(giver=OTHER, given=range(generator.n_latent), moves=[move]).w_plus(WHO, generator)
    assert torch.equal(moved, move(OTHER.w_plus(generator)).expand_as(moved))


def test_without_noise_one_w_is_one_picture_whatever_noise_is_stored(generator):
    look, others = Look(noise=False), tiny_generator()
    for layer in others.stored_noise():
        layer.add_(1)
    first, second = ([*people.everybody(net, WHO, people.Brush(look=look))] for net in (generator, others))
    assert [p.tobytes() for p in first] == [p.tobytes() for p in second]
    assert first[0].tobytes() != next(people.everybody(generator, WHO)).tobytes()


def test_a_move_is_read_by_number_and_by_name(generator, found, tmp_path):
    found = replace(found, names=["hair", *found.names[1:]], edits={"smile": Edit(2, [1, 2])})
    path = str(save_directions(tmp_path / "a:b=c.pt", found))
    by_number, by_name, slider = (parse_move(f"{path}:{text}", generator) for text in ("0=2.5", "hair=-.5:0-2", "smile=1e0"))
    assert (by_number.edit.index, by_number.degree, by_number.edit.layers) == (0, 2.5, None)
    assert (by_name.edit.index, by_name.degree, by_name.edit.layers) == (0, -0.5, [0, 1, 2])
    assert (slider.edit.index, slider.degree, slider.edit.layers) == (2, 1.0, [1, 2])


REFUSED = {
    **{"f.pt": "expected FILE", "f.pt:0": "expected", "f.pt:0=x": "expected", "none.pt:0=1": "no such file"},
    **{"{}:99=1": "0-7", "{}:0-1=1": "one direction", "{}:sad=1": "sad", "{}:0=1:40": "layers 0-"},
}


@pytest.mark.parametrize(("text", "said"), REFUSED.items())
def test_a_move_that_is_none_is_refused_in_words(generator, found, tmp_path, text, said):
    path = save_directions(tmp_path / "f.pt", found)
    with pytest.raises(InputError, match=said):
        parse_move(text.format(path), generator)
