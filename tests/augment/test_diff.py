"""DiffAugment by its definition: what each of the three changes may do, and how often."""

import pytest
import torch

from augment import DiffAugment
from augment.diff import cutout, recolour, translate
from augment.draw import Draw


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def images():
    return torch.rand(256, 3, 16, 24, generator=seeded()) * 2 - 1


def draw(images, seed=1):
    return Draw(len(images), generator=seeded(seed))


class Recorded:
    """In place of Draw: the numbers as they are given, one after the other."""

    def __init__(self, *numbers):
        self.numbers = iter(numbers)

    def uniform(self, low, high):
        return torch.tensor([next(self.numbers)])


def test_colour_is_brightness_saturation_and_contrast_as_they_are_defined(images):
    image = images[:1].double()
    b, s, c = 0.25, 1.75, 0.5
    torch.testing.assert_close(recolour(image, Recorded(b, 1.0, 1.0)), image + b)
    grey = image.mean(1, keepdim=True)
    torch.testing.assert_close(recolour(image, Recorded(0.0, s, 1.0)) - grey, s * (image - grey))
    torch.testing.assert_close(recolour(image, Recorded(0.0, 1.0, c)) - image.mean(), c * (image - image.mean()))
    contrasted_first = recolour(recolour(image, Recorded(0.0, 1.0, c)), Recorded(b, s, 1.0))
    torch.testing.assert_close(recolour(image, Recorded(b, s, c)), contrasted_first)


def test_colours_change_within_their_limits_and_reach_near_them(images):
    images = images.double()
    changed = recolour(images, draw(images))
    grey, grey_before = (x.mean(1, keepdim=True) for x in (changed, images))
    b = changed.mean((1, 2, 3)) - images.mean((1, 2, 3))
    c = grey.std((1, 2, 3)) / grey_before.std((1, 2, 3))
    s = (changed - grey).std((1, 2, 3)) / (images - grey_before).std((1, 2, 3)) / c
    for factor, least, most in ((b, -0.5, 0.5), (s, 0, 2), (c, 0.5, 1.5)):
        assert least <= factor.min() < least + 0.05 and most - 0.05 < factor.max() <= most


def test_an_image_is_shifted_by_whole_pixels_up_to_an_eighth_and_zeros_move_in(images):
    seen = set()
    for before, after in zip(images, translate(images, draw(images))):
        padded = torch.nn.functional.pad(before, (3, 3, 2, 2))
        fits = [(y, x) for y in range(5) for x in range(7) if torch.equal(padded[:, y : y + 16, x : x + 24], after)]
        assert len(fits) == 1
        seen |= set(fits)
    assert len(seen) == 35, "every shift, the furthest ones too"


def test_a_square_of_half_the_size_is_cut_out_and_its_centre_is_any_pixel(images):
    kept = cutout(torch.ones_like(images), draw(images))
    assert torch.equal(kept[:, :1].expand(-1, 3, -1, -1), kept)
    gone = kept[:, 0] == 0
    rows, columns = gone.any(2), gone.any(1)
    assert torch.equal(gone, rows[:, :, None] & columns[:, None, :]), "a rectangle"
    assert (rows.sum(1).max(), columns.sum(1).max()) == (8, 12)
    assert (rows.sum(1).min(), columns.sum(1).min()) == (4, 6), "half of it lies beyond the edge"
    assert gone.any(0).all()
    assert torch.equal(cutout(images, draw(images)), images * kept)


def test_all_of_it_repeats_with_its_random_numbers_and_differs_from_image_to_image(images):
    same = images[:1].expand(8, -1, -1, -1)
    once, again = (DiffAugment()(same, seeded(3)) for _ in range(2))
    assert torch.equal(once, again) and once.shape == same.shape
    assert len({image.sum().item() for image in once}) == 8
    before = torch.get_rng_state()
    DiffAugment()(same, seeded(3))
    assert torch.equal(torch.get_rng_state(), before)


def test_it_is_differentiable_twice():
    images = torch.rand(2, 3, 8, 8, generator=seeded(), dtype=torch.float64).requires_grad_(True)
    augmented = lambda x: DiffAugment()(x, seeded(5))
    assert torch.autograd.gradcheck(augmented, images)
    assert torch.autograd.gradgradcheck(lambda x: augmented(x).square(), images)


@pytest.mark.parametrize("size", [(4, 4), (5, 7), (8, 6)])
def test_small_and_odd_images_keep_their_size(size):
    assert DiffAugment()(torch.rand(3, 3, *size), seeded()).shape == (3, 3, *size)
