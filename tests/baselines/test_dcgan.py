"""DCGAN: the tutorial's layers and names, its losses, and files of both."""

import copy
import math

import pytest
import torch

import utils
from baselines import dcgan
from baselines.dcgan import DCGAN, Discriminator, Generator, Settings
from editing import latents
from errors import InputError

CPU = torch.device("cpu")
TINY = Settings(nz=6, ngf=2, ndf=2, batch=4)


def pixels(count=4):
    return torch.randint(0, 256, (count, 3, 64, 64), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))


def test_the_published_networks_have_as_many_parameters_under_the_published_names():
    with torch.device("meta"):
        generator, discriminator = Generator(), Discriminator()
    counts = [sum(p.numel() for p in network.parameters()) for network in (generator, discriminator)]
    assert counts == [3_576_704, 2_765_568]
    names = {name.rsplit(".", 1)[0] for name, _ in generator.named_parameters()}
    assert names == {f"main.{i}" for i in (0, 1, 3, 4, 6, 7, 9, 10, 12)}
    assert {name.rsplit(".", 1)[0] for name, _ in discriminator.named_parameters()} == {
        f"main.{i}" for i in (0, 2, 3, 5, 6, 8, 9, 11)
    }


def test_weights_begin_as_published():
    torch.manual_seed(0)
    generator = Generator(32, 16)
    assert generator.main[3].weight.std().item() == pytest.approx(0.02, rel=0.05)
    assert generator.main[1].weight.mean().item() == pytest.approx(1, abs=0.01) and not generator.main[1].bias.any()


def test_losses_are_those_of_probabilities():
    """BCE after a sigmoid, in the stable form."""
    logits = torch.tensor([-2.0, 0.0, 3.0])
    p = logits.sigmoid()
    torch.testing.assert_close(dcgan.cross_entropy(logits, 1), -p.log().mean())
    torch.testing.assert_close(dcgan.cross_entropy(logits, 0), -(1 - p).log().mean())
    assert dcgan.cross_entropy(torch.zeros(3), 1).item() == pytest.approx(math.log(2))


def test_a_step_moves_both_networks_each_by_its_own_loss():
    training = DCGAN(TINY, CPU)
    before = {key: [p.clone() for p in network.parameters()] for key, network in training.networks().items()}
    logs = training.step(pixels())
    assert {"d", "g"} <= {*logs} and 0 < logs["D(x)"] < 1 and 0 < logs["D(G(z))"] < 1
    for key, network in training.networks().items():
        assert all(not torch.equal(a, b) for a, b in zip(before[key], network.parameters()))
        assert not any(p.grad is not None and p.grad.any() for p in network.parameters())


def test_steps_are_those_of_the_published_loop():
    """Written plainly: real, then generated images for the discriminator; the same generated ones for the generator."""
    training = DCGAN(TINY, CPU)
    g, d = copy.deepcopy(training.generator), copy.deepcopy(training.discriminator)
    drawn = torch.Generator().set_state(training.rng.get_state())
    g_optim, d_optim = (torch.optim.Adam(network.parameters(), 0.0002, (0.5, 0.999)) for network in (g, d))
    bce = torch.nn.BCELoss()
    for _ in range(3):
        logs = training.step(pixels())
        fake = g(torch.randn(4, 6, generator=drawn))
        d.zero_grad()
        loss_real = bce(d(utils.from_pixels(pixels())).sigmoid(), torch.ones(4))
        loss_fake = bce(d(fake.detach()).sigmoid(), torch.zeros(4))
        (loss_real + loss_fake).backward()
        d_optim.step()
        g.zero_grad()
        loss_g = bce(d(fake).sigmoid(), torch.ones(4))
        loss_g.backward()
        g_optim.step()
        torch.testing.assert_close(logs["d"], (loss_real + loss_fake).detach())
        torch.testing.assert_close(logs["g"], loss_g.detach())
    for network, plain in ((training.generator, g), (training.discriminator, d)):
        for (name, tensor), other in zip(network.state_dict().items(), plain.state_dict().values()):
            torch.testing.assert_close(tensor, other, atol=1e-4, rtol=1e-3, msg=name)


def test_mixed_precision_stays_near_full_precision():
    whole, mixed = (DCGAN(Settings(ngf=4, ndf=4, precision=precision), CPU, seed=1) for precision in ("fp32", "bf16"))
    for ours in (whole, mixed):
        ours.logs = ours.step(pixels(8))
    assert mixed.logs["d"].dtype == torch.float32 and not torch.equal(mixed.logs["d"], whole.logs["d"])
    torch.testing.assert_close(mixed.logs["d"], whole.logs["d"], rtol=0.02, atol=0.02)


def test_it_learns_to_tell_real_from_generated():
    training = DCGAN(Settings(nz=6, ngf=2, ndf=4, batch=8, lr=0.002), CPU)
    first, *_, last = (training.step(pixels(8))["d"].item() for _ in range(30))
    assert last < 0.7 * first


def test_it_goes_on_exactly():
    whole, parts = DCGAN(TINY, CPU), DCGAN(TINY, CPU)
    for training in (whole, parts):
        training.step(pixels())
    again = DCGAN(TINY, CPU, seed=5)
    again.load_state_dict(parts.state_dict())
    for training in (whole, again):
        training.step(pixels())
    for key, network in whole.networks().items():
        for name, tensor in network.state_dict().items():
            assert torch.equal(tensor, again.networks()[key].state_dict()[name]), name


def test_the_generator_is_a_drawer():
    generator = Generator(6, 2).eval()
    drawn = latents.draw(generator, latents.people(generator, [0, 1]))
    assert drawn.shape == (2, 3, 64, 64) and drawn.abs().max() <= 1
    z = utils.seeded_normal([0, 1], 6)
    torch.testing.assert_close(drawn, generator(z))
    torch.testing.assert_close(latents.people(generator, [0], psi=0)[:, 0], torch.zeros(1, 6))


def test_pictures_do_not_depend_on_their_batch_and_training_goes_on():
    training = DCGAN(TINY, CPU)
    training.step(pixels())
    z = utils.seeded_normal(range(3), 6)
    with training.drawing() as generator:
        torch.testing.assert_close(generator(z)[:1], generator(z[:1]))
    assert training.generator.training
    assert training.sheet(4).width > 2 * 64


def test_files_of_ours_and_of_the_tutorial_are_read(tmp_path):
    generator, z = Generator(6, 2).eval(), torch.randn(2, 6)
    state = generator.state_dict()
    for contents in (
        state,
        {"g": state, "d": Discriminator(2).state_dict()},
        {f"module.{name}": t for name, t in state.items()},
    ):
        torch.save(contents, tmp_path / "a.pt")
        assert torch.equal(dcgan.read(tmp_path / "a.pt")(z), generator(z))


def test_other_files_are_refused_in_a_line(tmp_path):
    state = Generator(6, 2).state_dict()
    for contents, part in (
        ({"d": Discriminator(2).state_dict()}, "holds no generator of a DCGAN"),
        ({name: tensor for name, tensor in state.items() if name != "main.3.weight"}, "main.3.weight: expected [16, 8, 4, 4]"),
        (state | {"main.4.bias": torch.zeros(3)}, "main.4.bias: expected [8], found [3]"),
    ):
        torch.save(contents, tmp_path / "a.pt")
        with pytest.raises(InputError) as caught:
            dcgan.read(tmp_path / "a.pt")
        assert part in str(caught.value) and str(caught.value).startswith(str(tmp_path / "a.pt"))
