"""Networks in NVIDIA's layout: the recorded images and logits, and a round trip without the loss of a bit."""

import torch

import checkpoint
from checkpoint import layouts
from model import Generator
from tests.checkpoint.nvidia_pickle import write_nvidia_pickle
from tests.vectors import for_each_folder


def records(folder):
    for path in sorted(folder.glob("*.pt")):
        record = torch.load(path, weights_only=True)
        if {"G", "D", "config"} <= set(record):
            yield path, record


def same(ours: dict, theirs: dict) -> bool:
    return set(ours) == set(theirs) and all(
        ours[name].shape == theirs[name].shape and torch.equal(ours[name], theirs[name]) for name in theirs
    )


@for_each_folder("nvidia")
@torch.no_grad()
def test_vectors_nvidia_generator_draws_the_recorded_images(folder):
    for path, record in records(folder):
        source = checkpoint.read(path)
        generator, z = source.generator("g"), record["z"]
        silence = [torch.zeros_like(noise) for noise in generator.stored_noise()]
        found = {
            "ws": generator.broadcast(generator.mapping(z)),
            "image_const": generator([z], randomize_noise=False)[0],
            "image_none": generator([z], noise=silence)[0],
        }
        for psi in [name.removeprefix("ws_psi") for name in record if name.startswith("ws_psi")]:
            options = {"truncation": float(psi), "truncation_latent": source.extra["latent_avg"], "randomize_noise": False}
            found[f"image_const_psi{psi}"], found[f"ws_psi{psi}"] = generator([z], return_latents=True, **options)
        for name in found.keys() & record.keys():
            close = {"atol": 1e-5, "rtol": 1e-5} if name.startswith("ws") else {"atol": 5e-5, "rtol": 1e-4}
            torch.testing.assert_close(found[name], record[name], **close)


@for_each_folder("nvidia")
def test_vectors_nvidia_discriminator_gives_the_recorded_logits(folder):
    for path, record in records(folder):
        source = checkpoint.read(path)
        assert source.architecture.stddev_group == record["config"]["mbstd_group_size"]
        discriminator = source.discriminator()
        for name, logits in record.items():
            if name.startswith("logits_"):
                judged = discriminator(record["real"][: len(logits)])
                torch.testing.assert_close(judged, logits, atol=5e-6, rtol=1e-5)


@for_each_folder("nvidia")
def test_vectors_nvidia_round_trip_is_bit_exact(folder):
    for path, record in records(folder):
        back = layouts.to_nvidia(checkpoint.read(path))
        assert same(back["G"], record["G"])
        assert same(back["D"], record["D"])
        for name in ("img_resolution", "z_dim", "w_dim", "c_dim", "mapping_layers", "conv_clamp", "mbstd_group_size"):
            assert back["config"][name] == record["config"][name]


@for_each_folder("nvidia")
def test_vectors_nvidia_through_a_pickle_is_bit_exact(folder, tmp_path):
    for _, record in records(folder):
        source = checkpoint.read(write_nvidia_pickle(tmp_path / "network.pkl", record["G"], record["D"]))
        assert source.format == "NVIDIA pickle"
        back = layouts.to_nvidia(source)
        assert same(back["G_ema"], record["G"])
        assert same(back["D"], record["D"])


@for_each_folder("nvidia")
def test_vectors_nvidia_order_of_our_parameters_is_kept(folder):
    for path, _ in records(folder):
        source = checkpoint.read(path)
        fresh: Generator = source.architecture.generator()
        assert list(source.networks["g"]) == list(fresh.state_dict())
        assert list(source.networks["d"]) == list(source.architecture.discriminator().state_dict())
