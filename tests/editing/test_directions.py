"""Directions: the laws of an edit, and their files."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from editing import latents
from editing.directions import (
    Directions,
    Edit,
    apply,
    centre,
    check_fits,
    parse_edits,
    read_directions,
    save_directions,
)
from errors import InputError
from tests.checkpoint import hostile
from tests.checkpoint.files import saved, zip_with_pickle
from tests.networks import tiny_generator


def random_directions(count=4, size=8, **options):
    vectors = torch.linalg.qr(torch.randn(size, size, generator=torch.Generator().manual_seed(3)))[0][:count]
    return Directions(vectors, scale=torch.linspace(2, 0.5, count), method="test", **options)


def people():
    return torch.randn(3, 6, 8, generator=torch.Generator().manual_seed(4))


degrees = st.floats(-10, 10, width=32)
some_layers = st.lists(st.integers(0, 5), min_size=1, unique=True)


@given(degree=degrees, layers=some_layers, index=st.integers(0, 3))
@settings(max_examples=40, deadline=None)
def test_an_edit_moves_the_chosen_layers_by_degree_scale_and_vector(degree, layers, index):
    directions, w_plus = random_directions(), people()
    edited = apply(w_plus, directions, index, degree, layers)
    others = [layer for layer in range(6) if layer not in layers]
    assert torch.equal(edited[:, others], w_plus[:, others])
    step = degree * directions.scale[index] * directions.vectors[index]
    torch.testing.assert_close(edited[:, layers] - w_plus[:, layers], step.expand(3, len(layers), -1), atol=1e-5, rtol=1e-5)


def test_degree_0_changes_nothing():
    w_plus = people()
    assert torch.equal(apply(w_plus, random_directions(), 2, 0), w_plus)


@given(degree=degrees)
@settings(max_examples=20, deadline=None)
def test_opposite_degrees_lie_on_both_sides_of_the_person(degree):
    directions, w_plus = random_directions(), people()
    ends = [apply(w_plus, directions, 1, sign * degree) for sign in (1, -1)]
    torch.testing.assert_close((ends[0] + ends[1]) / 2, w_plus, atol=1e-5, rtol=1e-5)


def test_two_edits_commute():
    directions, w_plus = random_directions(), people()
    one = apply(apply(w_plus, directions, 0, 2, [0, 1]), directions, 3, -1, [1, 2])
    other = apply(apply(w_plus, directions, 3, -1, [1, 2]), directions, 0, 2, [0, 1])
    torch.testing.assert_close(one, other, atol=1e-6, rtol=1e-6)


def test_the_person_that_is_edited_stays_as_it_was():
    w_plus = people()
    apply(w_plus, random_directions(), 0, 3)
    centre(w_plus, random_directions(), 0)
    assert torch.equal(w_plus, people())


def test_everybody_may_have_their_own_degree():
    directions, w_plus = random_directions(), people()
    together = apply(w_plus, directions, 0, torch.tensor([-1.0, 0.0, 2.0]))
    for i, degree in enumerate((-1, 0, 2)):
        torch.testing.assert_close(together[i], apply(w_plus, directions, 0, degree)[i])


def test_a_vector_for_each_layer_moves_each_by_its_own():
    vectors = torch.randn(2, 6, 8)
    moved = apply(people(), Directions(vectors), 1, 2.0, [0, 4]) - people()
    torch.testing.assert_close(moved[:, [0, 4]], 2 * vectors[1, [0, 4]].expand(3, -1, -1), atol=1e-5, rtol=1e-5)
    assert not moved[:, [1, 2, 3, 5]].any()


def test_the_layers_of_the_directions_count_unless_others_are_chosen():
    directions = random_directions(layers=[2])
    changed = (apply(people(), directions, 0, 1) != people()).any(-1).any(0)
    assert changed.tolist() == [False, False, True, False, False, False]
    changed = (apply(people(), directions, 0, 1, [5]) != people()).any(-1).any(0)
    assert changed.tolist() == [False] * 5 + [True]


def test_centred_people_have_coordinate_0_and_keep_the_others():
    directions, w_plus = random_directions(mean=torch.full((8,), 0.5)), people()
    centred = centre(w_plus, directions, 1, [0, 3])
    coordinates = (centred - directions.mean) @ directions.vectors.T
    before = (w_plus - directions.mean) @ directions.vectors.T
    torch.testing.assert_close(coordinates[:, [0, 3], 1], torch.zeros(3, 2), atol=1e-5, rtol=0)
    torch.testing.assert_close(coordinates[..., [0, 2, 3]], before[..., [0, 2, 3]], atol=1e-5, rtol=1e-5)
    assert torch.equal(centred[:, [1, 2, 4, 5]], w_plus[:, [1, 2, 4, 5]])
    assert not torch.allclose(before[:, [0, 3], 1], torch.zeros(3, 2), atol=0.01)


def test_directions_are_read_as_written(tmp_path):
    written = random_directions(
        layers=[0, 1],
        mean=torch.ones(8),
        values=torch.arange(4.0),
        names=["smile", "b", "c", "d"],
        ckpt="0123456789ab",
        edits={"hair": Edit(2, [4, 5], -1, 3)},
    )
    found = read_directions(save_directions(tmp_path / "new" / "a.pt", written))
    for name, value in vars(written).items():
        other = getattr(found, name)
        assert torch.equal(other, value) if isinstance(value, torch.Tensor) else other == value, name


def test_the_file_opens_as_a_factor_of_stylegan2_pytorch(tmp_path):
    directions = random_directions(8)
    contents = torch.load(save_directions(tmp_path / "a.pt", directions), weights_only=True)
    assert isinstance(contents["ckpt"], str)
    assert torch.equal(contents["eigvec"][:, 3], directions.vectors[3])


def test_a_factor_of_stylegan2_pytorch_is_read(tmp_path):
    eigvec = torch.linalg.qr(torch.randn(8, 8))[0]
    found = read_directions(saved(tmp_path, {"ckpt": "550000.pt", "eigvec": eigvec}))
    assert torch.equal(found.vectors, eigvec.T) and torch.equal(found.scale, torch.ones(8))
    assert (found.space, found.layers, found.method) == ("w", None, "sefa")


def test_the_same_file_edits_a_fine_tuned_child(tmp_path):
    """The same step in w; another picture, since the child is another network."""
    source, child = tiny_generator(1), tiny_generator(2)
    child.style.load_state_dict(source.style.state_dict())
    found = read_directions(save_directions(tmp_path / "a.pt", random_directions(ckpt="of the source")))
    edited = []
    for generator in (source, child):
        check_fits(found, generator)
        edited.append(apply(latents.people(generator, [0, 1]), found, 0, 3))
        assert not torch.allclose(
            latents.draw(generator, edited[-1]), latents.draw(generator, latents.people(generator, [0, 1])), atol=1e-3
        )
    assert torch.equal(*edited)


def test_edits_are_numbers_ranges_and_names():
    directions = random_directions(names=["pose", "smile", "c", "d"], edits={"hair 2-3": Edit(2, [5], -1, 1)})
    assert parse_edits("0,2-3", directions) == {"0": Edit(0), "2": Edit(2), "3": Edit(3)}
    assert parse_edits("smile, hair 2-3", directions) == {"smile": Edit(1), "hair 2-3": Edit(2, [5], -1, 1)}


@pytest.mark.parametrize("text", ["", "4", "0-4", "3-1", "-1", "nose", "1.5", "0-99999999999"])
def test_edits_that_are_none_get_one_line_that_says_what_is_wrong(text):
    with pytest.raises(InputError, match=r"^.*(0-3|a name in the file)$"):
        parse_edits(text, random_directions())


@pytest.mark.parametrize("options", [{"size": 9, "count": 2}, {"layers": [6]}, {"edits": {"a": Edit(0, [6])}}])
def test_directions_of_another_network_get_one_line(options):
    with pytest.raises(InputError, match=r"^made for .* but this network.*; factorise it$"):
        check_fits(random_directions(**options), tiny_generator())


def test_vectors_for_other_layers_get_one_line():
    with pytest.raises(InputError, match="made for 10 layers, which are for 64 px, but this network has 6"):
        check_fits(Directions(torch.randn(2, 10, 8)), tiny_generator())
    check_fits(Directions(torch.randn(2, 6, 8)), tiny_generator())


@pytest.mark.parametrize(
    "contents, words",
    [
        ({}, "holds nothing"),
        ({"g_ema": {"input.input": torch.zeros(1)}}, "a checkpoint of networks"),
        ({"latent": torch.zeros(1, 8)}, "a latent file"),
        ({"eigvec": "x"}, "not a direction file"),
        ({"eigvec": torch.zeros(0, 8)}, "not a direction file"),
        ({"vectors": torch.eye(8, dtype=torch.int32)}, "damaged .vectors"),
        ({"vectors": torch.full((2, 8), torch.inf)}, "damaged .vectors holds NaN or Inf"),
        ({"vectors": torch.eye(8), "scale": torch.ones(7)}, r"scale: expected numbers \[8\]"),
        ({"vectors": torch.eye(8), "mean": [1.0]}, r"mean: expected numbers \[8\]"),
        ({"vectors": torch.eye(8), "space": "s"}, "space 's'"),
        ({"vectors": torch.eye(8), "layers": "0-3"}, "layers: expected a list of numbers"),
        ({"vectors": torch.eye(8), "layers": [0, -1]}, "layers: expected a list of numbers"),
        ({"vectors": torch.eye(8), "edits": {"a": {"index": 8}}}, "edit 'a'"),
        ({"vectors": torch.eye(8), "edits": {"a": {"index": 0, "low": 1, "high": float("inf")}}}, "edit 'a'"),
        ({"vectors": torch.eye(8), "edits": {"a": {"index": 0, "colour": 1}}}, "edit 'a'"),
        ({"vectors": torch.eye(8), "edits": [1]}, "edit 'edits'"),
    ],
)
def test_other_files_get_one_line_that_names_the_file(tmp_path, contents, words):
    path = saved(tmp_path, contents)
    with pytest.raises(InputError, match=words) as caught:
        read_directions(path)
    assert str(caught.value).startswith(f"{path}: ") and "\n" not in str(caught.value)


def test_a_file_that_wants_to_run_code_is_refused(tmp_path):
    path = zip_with_pickle(tmp_path / "a.pt", hostile.pickled("os.system", tmp_path / "canary"))
    with pytest.raises(InputError, match=f"^{path}: wants to call os.system"):
        read_directions(path)
    assert not (tmp_path / "canary").exists()
