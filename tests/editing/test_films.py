"""Films: a walk meets everybody and stands half way where its space says; the way between two networks goes there and back."""

import numpy as np
import pytest
import torch

import utils
from editing import films, latents
from editing import people as who
from editing.layer_swap import Way
from tests.networks import tiny_generator
from tests.scripts.sheets import differ

WALKS = [("w", "lerp"), ("w", "spline"), ("z", "slerp"), ("z", "lerp")]


@pytest.fixture(scope="module")
def cartoon():
    return tiny_generator(seed=1)


def frames(network, seeds, count, space="w", kind="lerp", **more):
    """Of a film by one network, [frames, 16, 16, 3]."""
    paths = films.walks({"": network}, who.by_seed(seeds), count, space, kind, **more)
    return np.stack(list(map(np.asarray, films.side_by_side({"": network}, paths)))).astype(int)


def drawn(network, w):
    return utils.to_pixels(latents.draw(network, network.broadcast(w))).numpy().astype(int)


@pytest.mark.parametrize("space, kind", WALKS)
@pytest.mark.parametrize("loop", [False, True])
def test_a_walk_passes_exactly_through_everybody_and_a_loop_closes(cartoon, space, kind, loop):
    found = frames(cartoon, "3,7,1", 4, space, kind, loop=loop)
    assert len(found) == (3 * 4 if loop else 2 * 4 + 1)
    expected = drawn(cartoon, latents.people(cartoon, [3, 7, 1]))
    assert differ(found[::4], expected) <= 1
    steps = np.abs(np.diff(found, axis=0)).mean((1, 2, 3))
    seam = np.abs(found[0] - found[-1]).mean()
    assert steps.min() > 0
    assert not loop or seam < 2 * steps.max()  # the last step is one like the others


def test_half_way_is_the_mean_in_w_and_on_the_arc_in_z(cartoon):
    w = latents.people(cartoon, [3, 7])
    assert differ(frames(cartoon, "3,7", 2)[1:2], drawn(cartoon, w.mean(0, keepdim=True))) <= 1
    z = utils.seeded_normal([3, 7], 8)
    angle = torch.nn.functional.cosine_similarity(*z, dim=0).acos()
    middle = z.sum(0, keepdim=True) * torch.sin(angle / 2) / torch.sin(angle)
    assert differ(frames(cartoon, "3,7", 2, "z", "slerp")[1:2], drawn(cartoon, cartoon.mapping(middle))) <= 1


def test_truncation_0_stands_still(cartoon):
    for space, kind in WALKS:
        found = frames(cartoon, "0-1", 3, space, kind, psi=0)
        assert differ(found, found[:1]) <= 1


@pytest.mark.parametrize("networks", [1, 2])
def test_frames_have_the_size_that_was_foretold_and_all_are_counted(cartoon, networks):
    pair = dict(list({"cartoon": cartoon, "photo": tiny_generator(seed=2)}.items())[:networks])
    counts, paths = [], films.walks(pair, who.by_seed("0-1"), 3)
    sizes = {frame.size for frame in films.side_by_side(pair, paths, who.Brush(batch=2, drawn=counts.append))}
    assert sizes == {films.walk_size(pair)} and sum(counts) == networks * 4


@pytest.mark.parametrize("way", [Way(), Way("interpolate"), Way(reverse=True, width=0.5)])
def test_the_way_between_two_networks_goes_there_and_back(cartoon, way):
    everybody = who.by_seed("0-2")
    film = films.swap_loop(tiny_generator(seed=2), cartoon, everybody, way, frames=4, columns=2)
    assert len(film) == 2 * (4 - 1)
    assert {frame.size for frame in film} == {films.swap_loop_size(cartoon, everybody, columns=2)}
    pixels = [np.asarray(frame)[20:] for frame in film]  # below the title
    assert all(np.array_equal(pixels[i], pixels[-i]) for i in range(1, 3))
