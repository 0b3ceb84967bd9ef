"""People by seed or from a file: the same latents in every network, and names that can be written under pictures."""

import pytest
import torch

import checkpoint
import utils
from editing import latents, people
from errors import InputError
from tests.networks import tiny_generator


@pytest.fixture
def generator():
    return tiny_generator()


def saved(path, latent, space="w+", names=("Anna", "Bert"), **options):
    return latents.save_latents(path, latent, space=space, names=names, **options)


def test_seeds_are_people_of_each_network(generator):
    who = people.by_seed("3,0-1")
    assert (len(who), who.names, who.file_names()) == (3, ["3", "0", "1"], ["seed0003", "seed0000", "seed0001"])
    for network in (generator, tiny_generator(seed=1)):
        assert torch.equal(who.w_plus(network, 0.7), latents.people(network, [3, 0, 1], 0.7))
    assert torch.equal(who.z(generator), utils.seeded_normal([3, 0, 1], 8))
    assert who.noise(generator) is None


@pytest.mark.parametrize("space, shape", [("w", (2, 8)), ("w+", (2, 6, 8))])
def test_latents_in_w_are_the_same_in_every_network(generator, tmp_path, space, shape):
    latent = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    who = people.from_file(saved(tmp_path / "faces.pt", latent, space))
    assert who.names == ["Anna", "Bert"]
    expected = generator.broadcast(latent)
    for network in (generator, tiny_generator(seed=1)):
        assert torch.equal(who.w_plus(network), expected)
    average = generator.w_avg
    torch.testing.assert_close(who.w_plus(generator, 0.5), (expected + average) / 2)
    with pytest.raises(InputError, match=r".*faces.pt: .*no z"):
        who.z(generator)


def test_latents_in_z_are_mapped_by_whoever_draws_them(generator, tmp_path):
    z = utils.seeded_normal([4, 5], 8)
    who = people.from_file(saved(tmp_path / "faces.pt", z, "z"))
    for network in (generator, tiny_generator(seed=1)):
        torch.testing.assert_close(who.w_plus(network), latents.people(network, [4, 5]))
        assert torch.equal(who.z(network), z)


def test_found_noise_belongs_to_the_network_it_was_found_in(generator, tmp_path):
    noise = generator.make_noise(2, torch.Generator().manual_seed(0))
    home = checkpoint.fingerprint(generator.state_dict())
    for ckpt, at_home, elsewhere in ((home, True, False), ("", True, True)):
        who = people.from_file(saved(tmp_path / f"{ckpt}.pt", torch.zeros(2, 6, 8), noise=noise, ckpt=ckpt))
        assert (who.noise(generator) is not None, who.noise(tiny_generator(seed=1)) is not None) == (at_home, elsewhere)
        assert all(torch.equal(ours, theirs) for ours, theirs in zip(who.noise(generator), noise))
    assert people.from_file(saved(tmp_path / "no.pt", torch.zeros(2, 6, 8), ckpt=home)).noise(generator) is None


@pytest.mark.parametrize(
    "names, captions, files",
    [
        (["a/anna.png", "b/bert.jpg"], ["anna.png", "bert.jpg"], ["anna", "bert"]),
        (["a/anna.png", "b/anna.png"], ["anna.png", "anna.png"], ["0000-anna", "0001-anna"]),
        (["1", "2"], ["1", "2"], ["1", "2"]),
        (["/", "."], ["/", "."], ["0000-latent", "0001-latent"]),
    ],
)
def test_names_of_files_lose_folder_and_ending_and_stay_apart(tmp_path, names, captions, files):
    who = people.from_file(saved(tmp_path / "faces.pt", torch.zeros(2, 8), "w", names))
    assert (who.names, who.file_names()) == (captions, files)


def test_one_flag_takes_seeds_or_a_file(tmp_path):
    path = saved(tmp_path / "faces.pt", torch.zeros(2, 8), "w")
    assert people.by_seed_or_file(str(path)).names == ["Anna", "Bert"]
    assert people.by_seed_or_file("1-2").seeds == [1, 2]


def test_groups_are_one_crowd_in_their_order(generator, tmp_path):
    """Seeds, w and w+, with noise and without."""
    noise = generator.make_noise(1, torch.Generator().manual_seed(0))
    w_plus, w = torch.randn(1, 6, 8, generator=torch.Generator().manual_seed(1)), torch.ones(2, 8)
    one = people.from_file(saved(tmp_path / "one.pt", w_plus, "w+", ["me.png"], noise=noise))
    groups = [one, people.from_file(saved(tmp_path / "two.pt", w, "w", ["me.png", "you.png"])), people.by_seed("3")]
    who = people.together(groups)
    assert len(who) == 4 and who.names == ["one me.png", "two me.png", "you.png", "3"]
    assert who.file_names() == ["one-me", "two-me", "you", "seed0003"]
    assert torch.equal(who.w_plus(generator, 0.7), torch.cat([group.w_plus(generator, 0.7) for group in groups]))
    stored = generator.stored_noise()
    for ours, found, own in zip(who.noise(generator), noise, stored, strict=True):
        assert torch.equal(ours, torch.cat([found, own, own, own]))
    assert torch.equal(who.noise(generator, 0)[1], noise[1]) and who.noise(generator, 2) is None
    assert people.together(groups[1:]).noise(generator) is None
    assert people.together([one]) is one


def test_the_same_file_twice_still_has_two_names_a_person(tmp_path):
    one = people.from_file(saved(tmp_path / "one.pt", torch.ones(2, 8), "w"))
    who = people.together([one, one])
    assert len(set(who.names)) == len(set(who.file_names())) == 4


@pytest.mark.parametrize("text", ["", "1,", "x", "-1", "3-1"])
def test_what_is_no_seed_is_refused(text):
    with pytest.raises(InputError, match=f"^{text}"):
        people.by_seed_or_file(text)


def test_a_missing_file_and_latents_of_another_size_are_refused(generator, tmp_path):
    with pytest.raises(InputError, match=r"^.*missing.pt: no such file"):
        people.by_seed_or_file(str(tmp_path / "missing.pt"))
    for space, shape in (("w", (2, 9)), ("w+", (2, 5, 8)), ("z", (2, 4))):
        who = people.from_file(saved(tmp_path / "faces.pt", torch.zeros(shape), space))
        for use in (who.w_plus, who.z):
            with pytest.raises(InputError, match=r"^.*faces.pt"):
                use(generator)


@pytest.mark.parametrize("batch", [1, 2, 8])
def test_pictures_come_with_the_news_of_each_batch(generator, batch):
    w_plus, news = people.by_seed("0-4").w_plus(generator), []
    noise = generator.make_noise(5, torch.Generator().manual_seed(0))
    found = [*people.pictures(generator, w_plus, people.Brush(batch=batch, drawn=news.append), noise)]
    assert sum(news) == 5 and max(news) == min(batch, 5)
    expected = utils.to_pixels(latents.draw(generator, w_plus, noise=noise))
    for picture, pixels in zip(found, expected, strict=True):
        assert (torch.as_tensor(list(picture.tobytes())) - pixels.flatten().int()).abs().max() <= 1


def test_captions_are_names_that_a_sheet_can_show():
    who = people.People(["a.png", "小林.png", "Zoë.png"])
    assert who.captions == ["a.png", "#2", "Zoë.png"] and who.names[1] == "小林.png"
