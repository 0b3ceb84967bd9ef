"""What a step of an encoder's training moves, and what it leaves."""

import copy
import dataclasses

import pytest
import torch

from inversion import cost
from inversion.encoder import Encoder
from inversion.settings import Settings, Weights, learning_rate
from inversion.symptoms import EncoderSymptoms
from inversion.training import Inversion, begun_as
from tests.networks import CHANNELS, tiny_discriminator, tiny_generator
from vision.perceptual import DiscriminatorDistance

CPU = torch.device("cpu")


def pixels(count: int = 2) -> torch.Tensor:
    return torch.randint(0, 256, (count, 3, 16, 16), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)


def training(n_codes: int = 6, passes: int = 1, judge: bool = True, weights: Weights | None = None, **settings) -> Inversion:
    torch.manual_seed(0)
    generator = tiny_generator().requires_grad_(False)
    generator.w_avg = generator.w_avg
    distance = DiscriminatorDistance(tiny_discriminator(2))
    encoder = Encoder(16, 8, CHANNELS, n_codes, passes)
    settings = Settings(**{"batch": 4, "photos": 2, "iterations": 100, "weights": weights or Weights()} | settings)
    discriminator = tiny_discriminator(3) if judge else None
    return Inversion(settings, encoder, generator, distance, discriminator, torch.zeros(3, 3, 16, 16), CPU, seed=3)


def equal(before, after) -> bool:
    return all(torch.equal(*pair) for pair in zip(before.parameters(), after.parameters(), strict=True))


@pytest.mark.parametrize(("n_codes", "passes"), [(1, 1), (6, 1), (6, 3)])
def test_a_step_moves_encoder_average_and_discriminator_and_nothing_else(n_codes, passes):
    ours = training(n_codes, passes)
    before = {name: copy.deepcopy(network) for name, network in ours.networks().items()}
    frozen = copy.deepcopy(ours.generator), copy.deepcopy(ours.distance)
    logs = ours.step(pixels())
    for name, network in ours.networks().items():
        assert not any(torch.equal(*pair) for pair in zip(before[name].parameters(), network.parameters()))
    assert equal(frozen[0], ours.generator) and equal(frozen[1], ours.distance)
    assert {*logs} == {"features", "pixels", "latents", "near_w", "near_mean", "adversarial", "variety", "d", "r1"}
    assert all(parameter.requires_grad for parameter in ours.discriminator.parameters())
    ours.iteration = 1
    assert "r1" not in ours.step(pixels())


def test_without_a_discriminator_there_is_none():
    ours = training(judge=False)
    assert {*ours.networks()} == {"e", "e_ema"} and {*ours.optimizers()} == {"e_optim"}
    assert {*ours.step(pixels())} == {"features", "pixels", "latents", "near_w", "near_mean", "variety"}


def test_without_photos_all_pictures_are_drawn_and_without_drawn_ones_none_is_known():
    ours = training(judge=False, photos=0)
    images, known = ours.pictures(None)
    assert len(images) == len(known) == 4 and "latents" in ours.step()
    ours = training(judge=False, batch=2)
    assert len(ours.pictures(pixels())[1]) == 0 and "latents" not in ours.step(pixels())


def test_drawn_people_are_known_and_some_are_mixed():
    ours = training()
    w_plus = ours.people(64)
    mixed = (w_plus != w_plus[:, :1]).any(2).any(1)
    assert 16 < mixed.sum() < 48
    ours.generator.make_noise = lambda count, rng: ours.generator.stored_noise()  # drawn with fresh ones otherwise
    images, known = ours.pictures(pixels())
    torch.testing.assert_close(images[2:], ours.generator.synthesis(known, ours.generator.stored_noise()).clamp(-1, 1))


def test_losses_are_what_they_say():
    ours = training(weights=Weights(1, 2, 3, 4, 5, 6))
    images, known = ours.pictures(pixels())
    total, terms, drawing = ours.losses(images, known)
    w_plus = ours.encoder.w_plus(images, ours.generator)
    torch.testing.assert_close(drawing, ours.generator.synthesis(w_plus, ours.generator.stored_noise()))
    torch.testing.assert_close(terms["features"], ours.distance(drawing, images).mean())
    torch.testing.assert_close(terms["pixels"], (drawing - images).square().mean())
    unit = ours.spread**2
    torch.testing.assert_close(terms["latents"], (w_plus[2:] - known).square().sum(2).mean() / unit)
    torch.testing.assert_close(terms["near_w"], w_plus.var(1, unbiased=False).sum(1).mean() / unit)
    torch.testing.assert_close(terms["near_mean"], (w_plus - ours.generator.w_avg).square().sum(2).mean() / unit)
    weights = vars(ours.settings.weights)
    torch.testing.assert_close(total, sum(weights[name] * value for name, value in terms.items() if name in weights))


@pytest.mark.parametrize("passes", [1, 2])
def test_what_is_drawn_is_learnt(passes):
    ours = training(passes=passes, judge=False, photos=0, batch=8, lr=0.01, iterations=300, ema=0.9)
    logs = []
    for ours.iteration in range(150):
        logs.append(ours.step())
    first, last = (
        {name: torch.stack([log[name] for log in part]).mean() for name in log}
        for part in (logs[:10], logs[-10:])
        for log in logs[:1]
    )
    assert last["features"] < 0.8 * first["features"] and last["latents"] < 0.9 * first["latents"]


@pytest.mark.parametrize("passes", [1, 2])
def test_the_encoder_begins_as_the_discriminator_and_says_the_mean(passes):
    ours, judge = training(passes=passes), tiny_discriminator(3)
    assert begun_as(judge, ours.encoder)
    faces = torch.rand(2, 3, 16, 16)
    seen = faces if passes == 1 else torch.cat([faces, torch.rand(2, 3, 16, 16)], 1)
    torch.testing.assert_close(ours.encoder.convs[:-1](seen), judge.convs(faces))
    w_plus = ours.encoder.w_plus(torch.rand(2, 3, 16, 16), ours.generator)
    assert torch.equal(w_plus, ours.generator.w_avg.expand(2, 6, -1))
    wider = Encoder(16, 8, {4: 9, 8: 8, 16: 4}, 6)
    assert not begun_as(judge, wider) and not wider.convs[-1].weight.any()


def test_the_average_follows_and_encodes():
    ours = training(ema=0.5)
    before = copy.deepcopy(ours.average.convs[-1].weight)
    ours.step(pixels())
    torch.testing.assert_close(ours.average.convs[-1].weight, (before + ours.encoder.convs[-1].weight) / 2)
    w_plus = ours.average.w_plus(torch.zeros(1, 3, 16, 16), ours.generator)
    drawn = ours.generator.synthesis(w_plus, ours.generator.stored_noise())
    torch.testing.assert_close(ours.inverted(torch.zeros(1, 3, 16, 16)), drawn)


def test_the_score_is_the_mean_over_pictures_whatever_the_batch():
    ours, images = training(), torch.rand(5, 3, 16, 16)
    assert ours.score(images, 2) == pytest.approx(ours.score(images, 5), rel=1e-4)


def test_the_learning_rate_falls_in_the_second_half():
    ours = training(lr=1e-3)
    for iteration, expected in ((0, 1e-3), (50, 1e-3), (75, 5e-4)):
        ours.iteration = iteration
        ours.step(pixels())
        assert [optimizer.param_groups[0]["lr"] for optimizer in ours.optimizers().values()] == [pytest.approx(expected)] * 2
    assert learning_rate(dataclasses.replace(ours.settings, iterations=1), 1) == 0


def test_a_collapse_is_said_once_and_not_at_the_beginning(tmp_path):
    symptoms = EncoderSymptoms("python -m scripts.train_encoder", tmp_path)
    assert symptoms.new({"iteration": 10, "variety": 0.01}) == []
    assert "of everybody" in symptoms.new({"iteration": 600, "variety": 0.01})[0]
    assert symptoms.new({"iteration": 610, "variety": 0.01}) == symptoms.new({"iteration": 620, "variety": 0.5}) == []


@pytest.mark.parametrize(("judge", "passes"), [(True, 1), (False, 3)])
def test_the_cost_is_counted_without_touching_the_training(judge, passes):
    ours = training(passes=passes, judge=judge)
    before = copy.deepcopy(ours.encoder), torch.get_rng_state()
    text = cost.describe(ours, 3600)
    assert text.startswith("Estimate: ") and "an iteration of 4 pictures, " in text and "for 3,600 iterations" in text
    assert equal(before[0], ours.encoder) and ours.encoder.convs[-1].weight.device.type == "cpu"
    gflop, held = cost.of_an_image(ours)
    assert gflop > 0 and held > 3 * 16 * 16 * 4
