"""editing.tuning: a copy draws the photo, and what it learned goes into another network, up to a quarter of the size."""

import pytest
import torch

import checkpoint
from editing import latents, tuning
from errors import InputError
from tests.networks import child_of, tiny_generator, tiny_generator1
from vision.perceptual import PixelDistance


@pytest.fixture(params=[tiny_generator, tiny_generator1], ids=["StyleGAN2", "StyleGAN1"])
def source(request):
    return request.param(0).eval().requires_grad_(False)


@pytest.fixture
def photo():
    return torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1


def somebody(source):
    return latents.people(source, [3])


def pictures(*networks):
    return [latents.draw(network, somebody(networks[0])) for network in networks]


def test_the_photo_is_drawn_from_where_it_was_and_the_source_stays(source, photo):
    before, told = checkpoint.fingerprint(source.state_dict()), []
    step = lambda loss, noise: told.append(loss)
    tuned = tuning.tune(source, PixelDistance(), photo, somebody(source), 60, stepped=step)
    plain, near = ((image - photo).square().mean() for image in pictures(source, tuned))
    assert near < 0.7 * plain and told[-1] < 0.7 * told[0] and len(told) == 60
    assert told[0] == pytest.approx((1 + tuning.MSE) * plain.item(), rel=1e-5)  # the distance is the mean square here
    assert checkpoint.fingerprint(source.state_dict()) == before and not any(p.requires_grad for p in tuned.parameters())


def test_people_and_noise_stay_who_they_are(source, photo):
    tuned = tuning.tune(source, PixelDistance(), photo, somebody(source), 3)
    same = lambda ours, theirs: all(map(torch.equal, ours, theirs))
    assert same(tuned.style.parameters(), source.style.parameters()) and same(tuned.stored_noise(), source.stored_noise())
    assert torch.equal(somebody(tuned), somebody(source))


def test_no_step_changes_nothing(source, photo):
    tuned = tuning.tune(source, PixelDistance(), photo, somebody(source), 0)
    assert torch.equal(*pictures(source, tuned)) and torch.equal(*pictures(source, tuning.carry(source, source, tuned)))


def test_the_difference_is_carried_into_coarse_levels_alone(source, photo):
    target = child_of(source)
    tuned = tuning.tune(source, PixelDistance(), photo, somebody(source), 5)
    carried, none = tuning.carry(target, source, tuned, 0.5), tuning.carry(target, source, tuned, 0)
    assert torch.equal(*pictures(target, none)) and not torch.equal(*pictures(target, carried))
    for res in source.resolutions:
        levels = (network.level(res).parameters() for network in (target, source, tuned, carried))
        for theirs, before, after, ours in zip(*levels, strict=True):
            expected = theirs + 0.5 * (after - before) if res <= 4 else theirs  # of 16 px
            torch.testing.assert_close(ours, expected)


def test_of_the_source_itself_that_is_the_tuned_network_below_and_the_source_above():
    source = tiny_generator(size=32).eval().requires_grad_(False)
    photo = torch.zeros(1, 3, 32, 32)
    tuned = tuning.tune(source, PixelDistance(), photo, somebody(source), 2)
    carried = tuning.carry(source, source, tuned)
    for res, theirs in {4: tuned, 8: tuned, 16: source, 32: source}.items():
        for ours, expected in zip(carried.level(res).parameters(), theirs.level(res).parameters(), strict=True):
            torch.testing.assert_close(ours, expected)


def test_other_widths_do_not_fit():
    source = tiny_generator()
    assert tuning.fits(child_of(source), source)
    assert not tuning.fits(tiny_generator(channels={4: 4, 8: 4, 16: 4}), source)


def test_a_loss_without_number_is_one_line(photo):
    source = tiny_generator().eval().requires_grad_(False)
    with pytest.raises(InputError, match="the loss is nan at step 1"):
        tuning.tune(source, PixelDistance(), photo * float("nan"), somebody(source), 2)
