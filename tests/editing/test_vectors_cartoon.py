"""Swapped feature maps against recorded ones of the published layer swap."""

import pytest
import torch
from torch.nn import functional as F

from editing import layer_swap
from tests.networks import recorded_generator, recorded_swap
from tests.vectors import for_each_folder

IMAGE = {"atol": 5e-5, "rtol": 1e-4}
DISTANCE = {"atol": 0, "rtol": 1e-4}


@pytest.fixture
def networks():
    """Source, target, one w_plus for both, and the noise; as they were recorded."""

    def load(folder):
        record, home = recorded_swap(folder)
        source, latents = recorded_generator(home)
        target, _ = recorded_generator(home)
        target.load_state_dict(record["target_state_dict_params"], strict=False)  # the rest, kernels and noise, is the source's
        with torch.no_grad():
            people = len(next(iter(record["swap"].values()))["image_source"])
            w_plus = source.broadcast(source.mapping(latents["z1"][:people]))
        return source, target, w_plus, latents["noise"], record["swap"]

    return load


@for_each_folder("cartoon")
@torch.no_grad()
def test_vectors_of_both_networks(folder, networks):
    source, target, w_plus, noise, swaps = networks(folder)
    assert swaps
    for case in swaps.values():
        torch.testing.assert_close(source.synthesis(w_plus, noise), case["image_source"], **IMAGE)
        torch.testing.assert_close(target.synthesis(w_plus, noise), case["image_target"], **IMAGE)


@for_each_folder("cartoon")
def test_vectors_of_swapped_images(folder, networks):
    source, target, w_plus, noise, swaps = networks(folder)
    for layer, case in swaps.items():
        found = layer_swap.swap_features(source, target, w_plus, 4 * 2 ** int(layer), noise)
        torch.testing.assert_close(
            found, case["image_target_swapped"], **IMAGE, msg=lambda m, layer=layer: f"swap {layer}: {m}"
        )


@for_each_folder("cartoon")
@torch.no_grad()
def test_vectors_of_features_and_their_distance(folder, networks):
    source, target, w_plus, noise, swaps = networks(folder)
    ours, theirs = source.features(w_plus, noise), target.features(w_plus, noise)
    for layer, case in swaps.items():
        level = int(layer)  # 1 is 8 px, and features[0] is 4 px
        if "feature_source" in case:
            torch.testing.assert_close(ours[level], case["feature_source"], **IMAGE)
        if "feature_mse" in case:
            torch.testing.assert_close(F.mse_loss(ours[level], theirs[level]), case["feature_mse"], **DISTANCE)


@for_each_folder("cartoon")
@torch.no_grad()
def test_vectors_of_the_distance_of_images_at_each_resolution(folder, networks):
    source, target, w_plus, noise, swaps = networks(folder)
    pairs = zip(source.rgb_pyramid(w_plus, noise), target.rgb_pyramid(w_plus, noise), strict=True)
    found = torch.stack([F.mse_loss(ours, theirs) for ours, theirs in pairs])
    for case in swaps.values():
        if "skip_rgb_mse_per_res" in case:
            torch.testing.assert_close(found, torch.as_tensor(case["skip_rgb_mse_per_res"]), **DISTANCE)
