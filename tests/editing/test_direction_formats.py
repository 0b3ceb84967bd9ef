"""Directions of other programs: an edit by their file is the edit that they publish."""

import numpy as np
import pytest
import torch

from editing.directions import apply, check_fits, read_directions, save_directions
from errors import InputError
from tests.editing.files import numbers, written
from tests.networks import tiny_generator


@pytest.fixture(scope="module")
def generator():
    return tiny_generator()


@pytest.mark.parametrize("shape", [(8,), (1, 8), (1, 1, 8)])
@pytest.mark.parametrize("ending", [".pt", ".npy"])
@pytest.mark.parametrize("length", [1.0, 3.5])
def test_one_vector_moves_everybody_by_its_multiple(tmp_path, generator, shape, ending, length):
    vector = torch.nn.functional.normalize(numbers(8), dim=0) * length
    found = read_directions(written(tmp_path, vector.reshape(shape), ending, "age_w_boundary"), network=generator)
    w_plus = numbers(2, 6, 8)
    torch.testing.assert_close(apply(w_plus, found, 0, -3), w_plus - 3 * vector)
    torch.testing.assert_close(found.vectors.norm(dim=1), torch.ones(1))
    assert found.names == ["age_w_boundary"]
    assert str(found) == "1 direction in w (8 numbers), for all layers"


def test_a_vector_for_each_layer_is_one_direction(tmp_path, generator):
    vectors = numbers(6, 8)
    vectors[:2] = 0
    found = read_directions(written(tmp_path, vectors), network=generator)
    w_plus = numbers(2, 6, 8)
    torch.testing.assert_close(apply(w_plus, found, 0, 2), w_plus + 2 * vectors)
    assert "1 direction in w+ (6 layers of 8 numbers), for the layers 2-5; [6, 8] is one direction" in str(found)


def test_several_vectors_are_directions_with_numbers(tmp_path, generator):
    found = read_directions(written(tmp_path, numbers(4, 8), ".npy"), network=generator)
    assert (len(found), found.names) == (4, ["me 0", "me 1", "me 2", "me 3"])
    assert len(read_directions(written(tmp_path, numbers(6, 1, 8), ".npy"), network=generator)) == 6


@pytest.mark.parametrize("ending", [".pt", ".npz"])
@pytest.mark.parametrize("names", [("lat_comp", "lat_stdev", "lat_mean"), ("comp", "std", "mean")])
@pytest.mark.parametrize("flat", [False, True])
def test_components_of_ganspace_count_in_standard_deviations(tmp_path, generator, ending, names, flat):
    components, deviations = torch.linalg.qr(numbers(8, 8).double())[0][:5], torch.linspace(3, 1, 5).double()
    mean = numbers(1, 8).double()
    contents = [components if flat else components[:, None], deviations, mean]
    others = {"act_comp": numbers(5, 1, 16), "act_mean": numbers(1, 16)}
    path = written(tmp_path, dict(zip(names, contents)) | others, ending)
    found = read_directions(path, network=generator)
    w_plus = numbers(2, 6, 8)
    torch.testing.assert_close(apply(w_plus, found, 2, -1.5), w_plus - (1.5 * deviations[2] * components[2]).float())
    torch.testing.assert_close(found.mean, mean[0].float())
    assert str(found) == "5 directions in w (8 numbers), for all layers, by ganspace, in standard deviations"
    again = read_directions(save_directions(tmp_path / "ours.pt", found))
    assert torch.equal(again.vectors, found.vectors) and again.method == "ganspace"


def test_a_dict_of_directions_keeps_their_names(tmp_path, generator):
    vectors = {"age": numbers(1, 8), "smile": numbers(1, 8) + 1}
    found = read_directions(written(tmp_path, vectors), network=generator)
    assert found.names == ["age", "smile"]
    torch.testing.assert_close(found.vectors[1] * found.scale[1], vectors["smile"][0])


@pytest.mark.parametrize(
    "contents, name, words",
    [
        (numbers(18, 8), "age", r"network of 1024 px, which has 18 layers; this one has 6 \(16 px\)"),
        (numbers(1, 18, 8), "age", r"made for 18 layers, which are for 1024 px, but this network has 6 \(16 px\)"),
        (numbers(1, 512), "age", "made for w of 512 numbers, but this network's has 8"),
        (numbers(1, 8), "age_z_boundary", "a direction in z"),
        (torch.zeros(1, 8), "age", "zero"),
        (torch.cat([numbers(1, 8), torch.zeros(1, 8)]), "age", "direction 1 is zero"),
        (numbers(1, 8) * torch.inf, "age", "NaN or Inf"),
        (torch.ones(1, 8, dtype=torch.int64), "age", "int64"),
        ({"w": numbers(1, 6, 8)}, "age", "a latent file"),
        ({"a": numbers(1, 8), "b": numbers(1, 9)}, "age", r"different shapes.*a \[1, 8\], b \[1, 9\]"),
        ({"lat_comp": numbers(3, 1, 8), "lat_stdev": numbers(4)}, "age", "3 directions, but 4 standard deviations"),
    ],
)
def test_what_does_not_fit_gets_one_line(tmp_path, generator, contents, name, words):
    path = written(tmp_path, contents, name=name)
    with pytest.raises(InputError, match=words) as caught:
        check_fits(read_directions(path, network=generator), generator)
    assert "\n" not in str(caught.value)


def test_objects_are_refused(tmp_path):
    np.save(tmp_path / "a.npy", np.array([{"age": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(InputError, match="Python objects"):
        read_directions(tmp_path / "a.npy")


def test_a_column_is_one_direction(tmp_path, generator):
    vector = torch.nn.functional.normalize(numbers(8), dim=0)
    found = read_directions(written(tmp_path, vector[:, None], ".npy"), network=generator)
    torch.testing.assert_close(found.vectors, vector[None])
    assert "[8, 1] is one direction, in a column" in str(found)


def test_names_and_layers_beside_directions_are_kept(tmp_path, generator):
    contents = {"directions": numbers(2, 8), "names": ["smile", "age"], "layers": [1, 2]}
    found = read_directions(written(tmp_path, contents), network=generator)
    assert (found.names, found.layers) == (["smile", "age"], [1, 2])
