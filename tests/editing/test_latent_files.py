"""Latent files: what is written is read, also what stylegan2-pytorch's projector writes; nothing else is."""

import pytest
import torch

import checkpoint
from editing import latents
from errors import InputError
from tests.checkpoint import hostile
from tests.checkpoint.files import saved, zip_with_pickle
from tests.networks import tiny_generator

NAMES = ["anna.png", "ben.png", "carl.png"]


@pytest.fixture(scope="module")
def generator():
    return tiny_generator()


def of_space(space, generator):
    z = torch.randn(3, 8, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        w = generator.mapping(z)
    return {"z": z, "w": w, "w+": generator.broadcast(w).contiguous()}[space]


@pytest.mark.parametrize("space", ["z", "w", "w+"])
def test_latents_are_read_as_written_and_give_the_same_people(tmp_path, generator, space):
    latent, noise = of_space(space, generator), generator.make_noise(3)
    path = latents.save_latents(
        tmp_path / "new" / "a.pt", latent, space=space, names=NAMES, noise=noise, ckpt="0123456789ab", truncated=True
    )
    found = latents.read_latents(path)
    assert (found.space, found.names, found.ckpt, found.truncated, len(found)) == (space, NAMES, "0123456789ab", True, 3)
    assert torch.equal(found.latent, latent)
    assert all(torch.equal(*layers) for layers in zip(found.noise, noise, strict=True))
    assert torch.equal(found.w_plus(generator), of_space("w+", generator))
    torch.load(path, weights_only=True)  # anybody can


def test_noise_is_optional_and_then_that_of_the_network(tmp_path, generator):
    path = latents.save_latents(tmp_path / "a.pt", of_space("w", generator), space="w", names=NAMES)
    found = latents.read_latents(path)
    assert (found.noise, found.ckpt, found.truncated) == (None, "", False)
    w_plus = found.w_plus(generator)
    assert torch.equal(latents.draw(generator, w_plus, noise=found.noise), latents.draw(generator, w_plus))


@pytest.mark.parametrize("batch", [1, 2, 3])
def test_everybody_is_drawn_with_their_own_noise_in_any_batch(generator, batch):
    w_plus, noise = of_space("w+", generator), generator.make_noise(3)
    together = latents.draw(generator, w_plus, batch, noise)
    for i in range(3):
        alone = latents.draw(generator, w_plus[i : i + 1], noise=[layer[i : i + 1] for layer in noise])
        torch.testing.assert_close(together[i : i + 1], alone, atol=1e-5, rtol=1e-4)
    assert not torch.allclose(together, latents.draw(generator, w_plus))


@pytest.mark.parametrize("space", ["w", "w+"])
@pytest.mark.parametrize("fork", [False, True])
def test_files_of_the_published_projectors_are_read(tmp_path, generator, space, fork):
    """One entry for each picture. The reference's latent is bare and has its own noise, the fork's noise is that of all."""
    latent, noise = of_space(space, generator), generator.make_noise(3)
    entries = {}
    for i, name in enumerate(NAMES):
        if fork:
            entries[name] = {"r_img": torch.zeros(16, 16, 3), "latent": latent[i : i + 1], "noise": noise, "args": None}
        else:
            own = [layer[i : i + 1] for layer in noise]
            entries[name] = {"img": torch.zeros(3, 16, 16), "latent": latent[i].requires_grad_(), "noise": own}
            latent = latent.detach()
    found = latents.read_latents(saved(tmp_path, entries))
    assert (found.space, found.names) == (space, NAMES)
    assert torch.equal(found.latent, latent)
    assert all(torch.equal(*layers) for layers in zip(found.noise, noise, strict=True))
    assert not found.latent.requires_grad


def test_one_picture_of_a_published_projector_is_read(tmp_path, generator):
    entry = {"img": torch.zeros(3, 16, 16), "latent": torch.ones(8), "noise": generator.make_noise(1)}
    found = latents.read_latents(saved(tmp_path, {"me.png": entry}))
    assert torch.equal(found.latent, torch.ones(1, 8)) and len(found.noise) == generator.num_layers


@pytest.mark.parametrize(
    "contents, words",
    [
        ({}, "holds nothing"),
        ({"g_ema": {"input.input": torch.zeros(1)}}, "a checkpoint of networks"),
        ({"eigvec": torch.eye(8)}, "a direction file"),
        ({"latent": "x"}, "not a latent file"),
        ({"latent": torch.tensor(0.0)}, "not a latent file"),
        ({"latent": torch.zeros(0, 8)}, "not a latent file"),
        ({"latent": torch.zeros(1, 8), "space": "w+"}, r"\[1, 8\].*'w\+'"),
        ({"latent": torch.zeros(1, 8), "space": ["w"]}, "damaged"),
        ({"latent": torch.zeros(1, 8, dtype=torch.int32)}, "damaged"),
        ({"latent": torch.full((1, 8), torch.nan)}, "damaged"),
        ({"latent": torch.zeros(1, 8), "noise": torch.zeros(1)}, "damaged .noise"),
        ({"latent": torch.zeros(1, 8), "noise": [torch.zeros(2, 1, 4, 4)]}, "damaged .noise"),
        ({"a": {"latent": torch.zeros(8)}, "b": {"latent": torch.zeros(6, 8)}}, "different shapes"),
        ({"a": {"latent": "x"}}, "damaged"),
    ],
)
def test_other_files_get_one_line_that_names_the_file(tmp_path, contents, words):
    path = saved(tmp_path, contents)
    with pytest.raises(InputError, match=words) as caught:
        latents.read_latents(path)
    assert str(caught.value).startswith(f"{path}: ") and "\n" not in str(caught.value)


def test_a_file_that_wants_to_run_code_is_refused(tmp_path):
    path = zip_with_pickle(tmp_path / "a.pt", hostile.pickled("os.system", tmp_path / "canary"))
    with pytest.raises(InputError, match=f"^{path}: wants to call os.system"):
        latents.read_latents(path)
    assert not (tmp_path / "canary").exists()


def test_a_missing_file_gets_one_line(tmp_path):
    with pytest.raises(InputError, match=r"^.*a.pt: no such file$"):
        latents.read_latents(tmp_path / "a.pt")


@pytest.mark.parametrize("shape", [(1, 9), (1, 6, 9), (1, 5, 8), (1, 10, 8)])
def test_latents_of_another_size_get_one_line(generator, shape):
    other = latents.Latents(torch.zeros(shape), "w" if len(shape) == 2 else "w+", ["a"])
    with pytest.raises(InputError, match=r"^latents of .*, but this network.*(8|6 layers \(16 px\)); project with it$"):
        other.w_plus(generator)


def test_noise_of_another_network_gets_one_line(generator):
    other = latents.Latents(torch.zeros(1, 8), "w", ["a"], noise=tiny_generator(size=32).make_noise(1))
    with pytest.raises(InputError, match=r"noise of the resolutions \[4, 8, 8, 16, 16, 32, 32\]"):
        latents.check_fits(other, generator)


def test_names_of_a_strangers_file_stay_on_one_printable_line(tmp_path):
    path = saved(tmp_path, {"latent": torch.zeros(2, 8), "source": ["a\x1b[2J\nb", "c" * 1000]})
    for name in latents.read_latents(path).names:
        assert name.isprintable() and len(name) <= 60


def test_latents_that_are_not_finite_are_not_written(tmp_path):
    with pytest.raises(checkpoint.NotFinite):
        latents.save_latents(tmp_path / "a.pt", torch.full((1, 8), torch.nan), space="w", names=["a"])
    assert not list(tmp_path.iterdir())
