"""Latents of other programs: shapes, names and spaces; what does not fit gets one line with both numbers."""

import numpy as np
import pytest
import torch

from editing import latents
from errors import InputError
from tests.checkpoint.files import saved
from tests.editing.files import numbers, written
from tests.networks import tiny_generator

LAYERS, SIZE = 6, 8


@pytest.fixture(scope="module")
def generator():
    return tiny_generator()  # 16 px: 6 layers of 8 numbers


SHAPES = [
    ((8,), 1, "w"),
    ((1, 8), 1, "w"),
    ((3, 8), 3, "w"),
    ((3, 1, 8), 3, "w"),
    ((1, 1, 8), 1, "w"),
    ((6, 1, 8), 6, "w"),
    ((6, 8), 1, "w+"),
    ((1, 6, 8), 1, "w+"),
    ((3, 6, 8), 3, "w+"),
    ((6, 6, 8), 6, "w+"),
    ((3, 1, 6, 8), 3, "w+"),
    ((1, 3, 6, 8), 3, "w+"),
    ((1, 1, 1, 8), 1, "w"),
]


@pytest.mark.parametrize("ending", [".pt", ".npy"])
@pytest.mark.parametrize("shape, people, space", SHAPES)
def test_bare_arrays_are_people_or_layers_by_the_network(tmp_path, generator, shape, people, space, ending):
    latent = numbers(*shape)
    found = latents.read_latents(written(tmp_path, latent, ending), network=generator)
    assert (len(found), found.space) == (people, space)
    assert torch.equal(found.latent.flatten(), latent.flatten())
    assert found.names == (["me"] if people == 1 else [f"me {i}" for i in range(people)])
    assert found.w_plus(generator).shape == (people, LAYERS, SIZE)


@pytest.mark.parametrize("kind", ["float16", "float64", ">f4"])
def test_other_precisions_are_read_as_float32(tmp_path, generator, kind):
    array = numbers(2, 6, 8).numpy().astype(kind)
    np.save(tmp_path / "a.npy", array)
    found = latents.read_latents(tmp_path / "a.npy", network=generator)
    assert torch.equal(found.latent, torch.from_numpy(array.astype("float32")))


KEYS = ["w", "ws", "latents", "latent", "w_plus", "dlatents", "codes", "projected_w", "w_pivot", "anything"]


@pytest.mark.parametrize("ending", [".pt", ".npz"])
@pytest.mark.parametrize("key", KEYS)
def test_the_only_array_and_arrays_of_known_names_are_taken(tmp_path, generator, key, ending):
    latent = numbers(1, 6, 8)
    found = latents.read_latents(written(tmp_path, {key: latent}, ending), network=generator)
    assert (found.space, len(found)) == ("w+", 1) and torch.equal(found.latent, latent)


def test_w_goes_before_the_z_that_it_was_mapped_from_and_says_so(tmp_path, generator):
    w = numbers(3, 6, 8)
    found = latents.read_latents(written(tmp_path, {"z": numbers(3, 8), "w": w}, ".npz"), network=generator)
    assert torch.equal(found.latent, w) and "from 'w', not z" in str(found)


@pytest.mark.parametrize("contents, name", [({"z": numbers(3, 8)}, "me"), (numbers(3, 8), "z"), (numbers(3, 8), "faces_z")])
def test_z_is_known_by_its_name(tmp_path, generator, contents, name):
    path = written(tmp_path, contents, ".npz" if isinstance(contents, dict) else ".npy", name)
    found = latents.read_latents(path, network=generator)
    assert found.space == "z" and found.w_plus(generator).shape == (3, LAYERS, SIZE)


@pytest.mark.parametrize("each", [(8,), (1, 8), (6, 8), (1, 6, 8)])
@pytest.mark.parametrize("ending", [".pt", ".npz"])
def test_a_dict_by_the_names_of_photos_is_a_person_each(tmp_path, generator, each, ending):
    people = {name: numbers(*each) + i for i, name in enumerate(["anna.jpg", "bert.jpg", "carl.jpg"])}
    found = latents.read_latents(written(tmp_path, people, ending), network=generator)
    assert found.names == list(people) and found.space == ("w+" if 6 in each else "w")
    assert torch.equal(found.latent.flatten(), torch.cat([latent.flatten() for latent in people.values()]))
    if ending == ".pt":
        for nested in ({"latents": people}, {name: {"w": latent} for name, latent in people.items()}):
            again = latents.read_latents(written(tmp_path, nested), network=generator)
            assert again.names == list(people) and torch.equal(again.latent, found.latent)


def test_lists_and_tuples_are_read_and_pictures_in_them_passed_over(tmp_path, generator):
    one = numbers(6, 8)
    found = latents.read_latents(written(tmp_path, [one, one + 1]), network=generator)
    assert found.names == ["me 0", "me 1"] and torch.equal(found.latent, torch.stack([one, one + 1]))
    found = latents.read_latents(written(tmp_path, (torch.zeros(2, 3, 16, 16), torch.stack([one, one]))), network=generator)
    assert found.names == ["me 0", "me 1"] and torch.equal(found.latent, torch.stack([one, one]))


def test_names_beside_the_latents_are_theirs_and_settle_what_is_a_person(tmp_path, generator):
    names = ["a", "b", "c", "d", "e", "f"]
    for ending in (".pt", ".npz"):
        found = latents.read_latents(written(tmp_path, {"w": numbers(6, 8), "names": names}, ending), network=generator)
        assert (found.names, found.space) == (names, "w")


@pytest.mark.parametrize(
    "contents, words",
    [
        (numbers(18, 8), r"\[18, 8\] looks like one person of a network of 1024 px, which has 18 layers.*has 6 \(16 px\)"),
        (numbers(1, 18, 8), r"18 layers, which are for 1024 px, but this network has 6 layers \(16 px\)"),
        (numbers(2, 7, 8), "7 layers, but this network has 6 layers"),
        (numbers(2, 9), "latents of 9 numbers, but this network's have 8"),
        (numbers(1, 6, 512), "512 numbers, but this network's have 8"),
        ({"a": numbers(6, 8), "b": numbers(8)}, "different shapes"),
        ({"a": numbers(6, 8), "b": numbers(9, 4, 8)}, r"several arrays, none of them.*a \[6, 8\], b \[9, 4, 8\]"),
        (numbers(2, 8) * torch.nan, "NaN or Inf"),
        (numbers(2, 8).double() * 1e300, "NaN or Inf"),
        (torch.ones(2, 8, dtype=torch.int64), "int64, expected floating point"),
        (torch.zeros(0, 8), "not a latent file|empty"),
        ({"lat_comp": numbers(3, 1, 8)}, "a direction file"),
        ({"latent_avg": numbers(8), "g_ema": {"input.input": numbers(1)}}, "a checkpoint of networks"),
    ],
)
@pytest.mark.parametrize("ending", [".pt", ".npy"])
def test_what_does_not_fit_gets_one_line(tmp_path, generator, contents, words, ending):
    if isinstance(contents, dict) and ending != ".pt":
        ending = ".pt" if "g_ema" in contents else ".npz"
    path = written(tmp_path, contents, ending)
    with pytest.raises(InputError, match=words) as caught:
        latents.read_latents(path, network=generator)
    assert str(caught.value).startswith(f"{path}: ") and "\n" not in str(caught.value)


def test_an_expanded_latent_is_an_honest_one(tmp_path, generator):
    latent = numbers(2, 1, 8).expand(2, 6, 8)
    found = latents.read_latents(saved(tmp_path, {"latent": latent, "space": "w+"}), network=generator)
    assert torch.equal(found.latent, latent)


def test_what_was_read_is_told_with_space_and_layers(tmp_path, generator):
    told = [
        ((6, 8), "1 person in w+ (6 layers of 8 numbers); [6, 8] is one person, a w for each of the 6 layers"),
        ((3, 6, 8), "3 people in w+ (6 layers of 8 numbers)"),
        ((1, 8), "1 person in w (8 numbers)"),
    ]
    for shape, line in told:
        assert str(latents.read_latents(written(tmp_path, numbers(*shape)), network=generator)) == line


@pytest.mark.parametrize("ending", [".pt", ".npz"])
def test_names_beside_latents_of_layers(tmp_path, generator, ending):
    path = written(tmp_path, {"latents": numbers(3, 6, 8), "names": ["a", "b", "c"]}, ending)
    found = latents.read_latents(path, network=generator)
    assert (found.names, found.space) == (["a", "b", "c"], "w+")


@pytest.mark.parametrize(
    "key, text, space", [("space", "W+", "w+"), ("space", "wplus", "w+"), ("latent_space", "w_plus", "w+"), ("space", "Z", "z")]
)
def test_a_space_however_it_is_spelled(tmp_path, generator, key, text, space):
    contents = {"latent": numbers(2, 8) if space == "z" else numbers(2, 6, 8), key: text}
    assert latents.read_latents(written(tmp_path, contents, ".pt"), network=generator).space == space


@pytest.mark.parametrize("name", ["w_opt", "arr_0", "潜在"])
def test_the_only_array_that_fits_is_taken_and_said(tmp_path, generator, name):
    w = numbers(2, 6, 8)
    path = written(tmp_path, {name: w, "image": numbers(2, 3, 4, 4), "psi": torch.tensor(0.7)}, ".npz")
    found = latents.read_latents(path, network=generator)
    assert torch.equal(found.latent, w) and f"from '{name}', not image, psi" in str(found)


@pytest.mark.parametrize("listed", [lambda w: w.tolist(), lambda w: {"w": w.tolist()}, lambda w: {"me.jpg": [*w]}])
def test_lists_are_stacked(tmp_path, generator, listed):
    w = numbers(2, 6, 8)
    assert torch.equal(latents.read_latents(written(tmp_path, listed(w), ".pt"), network=generator).latent, w)


@pytest.mark.parametrize("contents", [[numbers(1, 8)] * 3 + [numbers(1, 4)] * 3, {"style_space": [numbers(1, 8)] * 3}])
def test_styles_of_layers_are_no_people(tmp_path, generator, contents):
    with pytest.raises(InputError, match="StyleSpace"):
        latents.read_latents(written(tmp_path, contents, ".pt"), network=generator)
