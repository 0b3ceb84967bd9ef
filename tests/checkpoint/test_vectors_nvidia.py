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
def test_vectors_nvidia_generator_draws_the_recorded_images(folder):
    for path, record in records(folder):
        source = checkpoint.read(path)
        generator, w_avg = source.generator("g"), source.extra["latent_avg"]
        w_plus = generator.broadcast(generator.mapping(record["z"]))
        torch.testing.assert_close(w_plus, record["ws"], atol=1e-5, rtol=1e-5)
        image, _ = generator([record["z"]], randomize_noise=False)
        torch.testing.assert_close(image, record["image_const"], atol=5e-5, rtol=1e-4)
        silence = [torch.zeros_like(noise) for noise in generator.stored_noise()]
        image, _ = generator([record["z"]], noise=silence)
        torch.testing.assert_close(image, record["image_none"], atol=5e-5, rtol=1e-4)
        image, w_plus = generator(
            [record["z"]], return_latents=True, truncation=0.7, truncation_latent=w_avg, randomize_noise=False
        )
        torch.testing.assert_close(w_plus, record["ws_psi0.7"], atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(image, record["image_const_psi0.7"], atol=5e-5, rtol=1e-4)


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
