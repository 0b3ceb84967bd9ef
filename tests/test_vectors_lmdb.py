"""prepare_data.py stores what the reference stored: the same keys, order and pixels, for sizes 16 and 32."""

import numpy as np
import torch
from PIL import Image

import prepare_data
from data import store
from dataset import open_images
from tests.vectors import for_each_folder


@for_each_folder("lmdb")
def test_keys_and_pixels_match_the_reference(folder, tmp_path):
    recorded = torch.load(folder / "prepare.pt", weights_only=True)
    for name, pixels in recorded["inputs"].items():
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels.numpy()).save(tmp_path / "in" / name)
    for resample, decoded in recorded["decoded"].items():
        out = tmp_path / resample
        sizes = ",".join(sorted({key.partition("-")[0] for key in decoded if "-" in key}, key=int))
        words = ["--out", str(out), "--size", sizes, "--resample", resample, "--format", "jpeg420", str(tmp_path / "in")]
        prepare_data.main(prepare_data.parser().parse_args(words))
        assert store.read(out, b"length").decode() == decoded["length"]
        images = {size: open_images(out, size) for size in store.sizes(out)}
        keys = {store.key(size, i).decode(): images[size][i] for size in images for i in range(len(images[size]))}
        assert set(keys) == set(decoded) - {"length"}
        for key, image in keys.items():
            difference = np.abs(image.permute(1, 2, 0).int().numpy() - decoded[key].int().numpy())
            assert difference.max() <= 4 and difference.mean() < 0.3, (resample, key)
