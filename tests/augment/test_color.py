"""Laws of the colour augmentation."""

import math

import pytest
import torch

from augment.color import apply_color, brightness, contrast, hue, luma_flip, sample_color, saturation
from augment.draw import Draw

ONE = torch.ones(1)


@pytest.fixture
def images():
    return torch.rand(4, 3, 5, 7, generator=torch.Generator().manual_seed(0)) * 2 - 1


def changed(images, C):
    return apply_color(images, C.expand(len(images), 4, 4))


def luma(images):
    return images.mean(1)


def test_the_identity_changes_nothing(images):
    assert torch.equal(changed(images, torch.eye(4)), images)


def test_brightness_adds_to_all_channels(images):
    torch.testing.assert_close(changed(images, brightness(0.3 * ONE)), images + 0.3)


def test_contrast_scales_about_mid_grey(images):
    torch.testing.assert_close(changed(images, contrast(1.5 * ONE)), images * 1.5)


def test_luma_flip_negates_luma_and_keeps_the_rest(images):
    flipped = changed(images, luma_flip(ONE))
    torch.testing.assert_close(luma(flipped), -luma(images))
    torch.testing.assert_close(flipped - luma(flipped)[:, None], images - luma(images)[:, None])


def test_a_third_of_a_hue_circle_permutes_the_channels(images):
    torch.testing.assert_close(changed(images, hue(2 * math.pi / 3 * ONE)), images[:, [2, 0, 1]], atol=1e-6, rtol=0)


def test_hue_keeps_luma_and_distance_from_grey(images):
    turned = changed(images, hue(0.7 * ONE))
    torch.testing.assert_close(luma(turned), luma(images))
    torch.testing.assert_close(turned.norm(dim=1), images.norm(dim=1))


def test_without_saturation_images_are_grey_with_their_luma(images):
    torch.testing.assert_close(changed(images, saturation(0 * ONE)), luma(images)[:, None].expand_as(images))


def test_each_image_has_its_own_matrix(images):
    C = sample_color(Draw(4, generator=torch.Generator().manual_seed(0)), 1.0)
    alone = torch.cat([apply_color(images[i : i + 1], C[i : i + 1]) for i in range(4)])
    torch.testing.assert_close(apply_color(images, C), alone)


def test_memory_layout_does_not_matter(images):
    C = sample_color(Draw(4, generator=torch.Generator().manual_seed(0)), 1.0)
    relaid = images.contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(apply_color(relaid, C), apply_color(images, C))
    torch.testing.assert_close(apply_color(images.transpose(2, 3), C), apply_color(images, C).transpose(2, 3))


def test_at_p_0_every_matrix_is_the_identity():
    assert torch.equal(sample_color(Draw(5), 0.0), torch.eye(4).expand(5, 4, 4))
