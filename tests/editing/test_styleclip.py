"""Latent optimisation by words: what stays, what falls, and directions that give back what was found."""

import pytest
import torch

from editing import directions, latents, people, styleclip
from editing.styleclip import Search
from editing.sweeps import Scene
from errors import InputError
from tests.networks import tiny_generator
from tests.vision import doubles

EYES = doubles.eyes()
WANTED = torch.nn.functional.normalize(torch.ones(6), dim=0)


@pytest.fixture(scope="module")
def generator():
    return tiny_generator(seed=1).requires_grad_(False)


@pytest.fixture(scope="module")
def start(generator):
    return latents.people(generator, [0, 1, 2], psi=0.7)


def found(generator, start, **options):
    search = Search(**{"steps": 30, "lr": 0.1, "l2": 0.0} | options.pop("search", {}))
    return styleclip.find(generator, EYES, WANTED, start, search=search, **options)


def test_pictures_come_to_fit_the_words(generator, start):
    moved = found(generator, start)
    assert moved.fits.shape == (31, 3)
    assert (moved.fits[-1] > moved.fits[0] + 0.1).all()
    with torch.no_grad():
        images = generator.synthesis(start + moved.moved, generator.stored_noise())
        torch.testing.assert_close(EYES(images) @ WANTED, moved.fits[-1])


def test_the_loss_that_falls_is_the_published_one(generator, start):
    """One step of Adam, by hand: 1 - cos + l2 |w - w_0|^2, summed over all numbers; the first has the learning rate 0."""
    l2, schedule = 0.5, Search(3, 0.1, 0.5)
    w = start.clone().requires_grad_()
    optimizer = torch.optim.Adam([w], 0.1)
    for step in range(3):
        optimizer.param_groups[0]["lr"] = schedule.learning_rate(step)
        fit = EYES(generator.synthesis(w, generator.stored_noise())) @ WANTED
        loss = (1 - fit).sum() + l2 * (w - start).square().sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    moved = found(generator, start, search={"steps": 3, "l2": l2})
    torch.testing.assert_close(start + moved.moved, w.detach(), rtol=1e-4, atol=1e-5)
    assert schedule.learning_rate(0) == 0


def test_an_endless_weight_keeps_everybody(generator, start):
    near = found(generator, start, search={"l2": 1.0}).moved.abs().max()
    far = found(generator, start, search={"l2": 1e-6}).moved.abs().max()
    held = found(generator, start, search={"l2": 1e9, "lr": 1e-4}).moved.abs().max()
    assert held < 1e-3 < near < far


def test_a_search_that_diverges_says_so(generator, start):
    with pytest.raises(InputError, match=r"the fit is NaN or Inf after \d+ steps; search with a lower learning rate"):
        found(generator, start, search={"lr": 1e38})


def test_layers_that_were_not_chosen_stay_bit_equal(generator, start):
    moved = found(generator, start, layers=[1, 3])
    others = [layer for layer in range(generator.n_latent) if layer not in (1, 3)]
    assert not moved.moved[:, others].any() and moved.moved[:, [1, 3]].abs().min(2).values.max() > 0
    assert (moved.fits[-1] > moved.fits[0]).all()


def test_nobody_depends_on_the_company(generator, start):
    noise = generator.make_noise(3, torch.Generator().manual_seed(1))
    wanted = {"a": WANTED, "b": -WANTED}
    each = [
        dict(styleclip.find_each(generator, EYES, wanted, start, noise, at_once, search=Search(8, 0.1, 0.008)))
        for at_once in (1, 2, 3)
    ]
    for some in each[1:]:
        for words in wanted:
            torch.testing.assert_close(some[words].moved, each[0][words].moved, rtol=1e-3, atol=1e-4)
            assert some[words].fits.shape == (9, 3)
    assert not torch.allclose(each[0]["a"].moved, each[0]["b"].moved)


def test_the_network_and_the_start_do_not_change(generator, start):
    before, began = {name: value.clone() for name, value in generator.state_dict().items()}, start.clone()
    found(generator, start)
    assert torch.equal(start, began)
    assert all(torch.equal(value, before[name]) for name, value in generator.state_dict().items())


def test_a_step_is_timed(generator, start):
    assert 0 < styleclip.seconds_of_a_step(generator, EYES, WANTED, start, generator.stored_noise()) < 60


def test_strength_0_is_the_person_and_1_is_what_was_found(generator, start, tmp_path):
    moved = {"old": found(generator, start).moved, "young": found(generator, start, layers=[2]).moved}
    names = ["0", "1", "2"]
    path = directions.save_directions(tmp_path / "words.pt", styleclip.as_directions(moved, names, reach=2.0))
    read = directions.read_directions(path, generator)
    assert read.names[:3] == ["old", "young", "old (0)"] and len(read) == 8
    assert {name: (edit.index, edit.low, edit.high) for name, edit in read.edits.items()} == {
        "old": (0, -2.0, 2.0),
        "young": (1, -2.0, 2.0),
    }
    for number, words in enumerate(moved):
        for person in range(3):
            index = styleclip.index_of(number, person, 3, 2)
            assert read.names[index] == f"{words} ({person})"
            one = start[person : person + 1]
            assert torch.equal(directions.apply(one, read, index, 0.0), one)
            expected = one + moved[words][person]
            torch.testing.assert_close(directions.apply(one, read, index, 1.0), expected, rtol=0, atol=1e-5)
        mean = start + moved[words].mean(0)
        torch.testing.assert_close(directions.apply(start, read, number, 1.0), mean, rtol=0, atol=1e-5)


def test_the_directions_of_one_person_are_hers_and_keep_their_layers(generator, start):
    moved = found(generator, start[:1], layers=[0, 4]).moved
    made = styleclip.as_directions({"a, b": moved}, ["7"], layers=[0, 4])
    assert len(made) == 1 and made.names == ["a b"] and made.layers == [0, 4]
    assert styleclip.index_of(0, 0, 1, 1) == 0
    torch.testing.assert_close(directions.apply(start[:1], made, 0, 1.0), start[:1] + moved)
    still = styleclip.as_directions({"nothing": torch.zeros_like(moved)}, ["7"])
    assert torch.equal(directions.apply(start, still, 0, 3.0), start)


def test_the_sheet_has_a_row_for_words_people_and_networks(generator, start):
    who = people.by_seed("0-2")
    networks = {"source": generator, "cartoon": tiny_generator(seed=2)}
    scenes = {name: Scene(network, who, 0.7) for name, network in networks.items()}
    made = styleclip.as_directions({"old": found(generator, start).moved}, who.names)
    sheet = styleclip.sheet(scenes, made, ["old"], [0.0, 1.0, 2.0])
    one = styleclip.sheet({"source": scenes["source"]}, made, ["old"], [0.0, 1.0, 2.0])
    assert sheet.height > 1.9 * one.height
