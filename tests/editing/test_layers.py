"""Layers by number, name and resolution."""

import itertools

import pytest
import torch

from editing.layers import as_text, chosen, layers_of_resolutions, parse_layers
from errors import InputError
from tests.networks import tiny_generator


@pytest.mark.parametrize(
    "text, layers",
    [
        ("0", [0]),
        ("0-3,8", [0, 1, 2, 3, 8]),
        ("8, 2-3 ,2", [2, 3, 8]),
        ("coarse", [0, 1, 2, 3]),
        ("middle", [4, 5, 6, 7]),
        ("fine", [8, 9, 10, 11, 12, 13]),
        ("coarse,13", [0, 1, 2, 3, 13]),
        ("0-13", list(range(14))),
    ],
)
def test_layers_are_numbers_ranges_and_names(text, layers):
    assert parse_layers(text, n_latent=14) == layers


def test_names_together_are_all_layers_of_any_network():
    assert parse_layers("coarse,middle,fine", 18) == list(range(18))
    assert parse_layers("coarse,middle", 6) == list(range(6))


@pytest.mark.parametrize("size", [16, 32, 64])
def test_resolutions_together_are_all_layers_and_share_none(size):
    generator = tiny_generator(size=size)
    parts = [layers_of_resolutions(str(res), generator) for res in generator.resolutions]
    assert [*itertools.chain(*parts)] == list(range(generator.n_latent)) == layers_of_resolutions(f"4-{size}", generator)
    assert layers_of_resolutions(f"{size},4", generator) == sorted(parts[-1] + parts[0])


@pytest.mark.parametrize("res", [4, 8, 16])
def test_a_resolution_names_the_styles_that_its_convolutions_use(res):
    """Shown by what changes: the feature maps below stay as they are, those of this resolution do not."""
    generator = tiny_generator()
    w_plus = generator.broadcast(generator.mapping(torch.ones(1, 8)))
    other = w_plus.clone()
    other[:, layers_of_resolutions(f"{res}", generator)] += 1
    noise = generator.stored_noise()
    for at, before, after in zip(generator.resolutions, generator.features(w_plus, noise), generator.features(other, noise)):
        assert before.equal(after) == (at < res)


@pytest.mark.parametrize("layers", [[0], [3, 4, 5], [0, 2, 3, 9], list(range(18))])
def test_text_of_layers_is_read_back(layers):
    assert parse_layers(as_text(layers), 18) == layers


def test_neither_flag_is_no_choice():
    generator = tiny_generator()
    assert chosen(None, None, generator) is None
    assert chosen("1-2", None, generator) == [1, 2]
    assert chosen(None, "16", generator) == [3, 4, 5]


@pytest.mark.parametrize("text", ["", "x", "3-1", "-1", "0-", "6", "0-99999999999", "fine", "1.5", "0;3"])
def test_layers_that_are_none_get_one_line_that_says_what_is_wrong(text):
    with pytest.raises(InputError, match=r"^"):
        parse_layers(text, n_latent=6)


@pytest.mark.parametrize("text", ["", "x", "16-4", "32", "5", "4-", "-8", "04"])
def test_resolutions_that_are_none_get_one_line_with_those_there_are(text):
    with pytest.raises(InputError, match=r"^.*this network has 4, 8, 16$"):
        layers_of_resolutions(text, tiny_generator())
