"""What an encoder's numbers mean, and the files that hold them."""

import argparse
import math

import pytest
import torch
from torch import nn

from checkpoint import architecture
from checkpoint.write import STAMP
from editing import latents
from errors import InputError
from inversion import files
from inversion.encoder import Encoder
from model import truncate
from tests.networks import CHANNELS, tiny_discriminator, tiny_encoder, tiny_generator


def faces(count: int = 2, side: int = 16) -> torch.Tensor:
    return torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(1)) * 2 - 1


@pytest.mark.parametrize("n_codes", [1, 6])
@pytest.mark.parametrize("passes", [1, 3])
def test_codes_count_from_the_mean(n_codes, passes):
    generator, encoder = tiny_generator(), tiny_encoder(n_codes, passes=passes)
    nn.init.zeros_(encoder.convs[-1].weight)
    expected = generator.w_avg.expand(2, generator.n_latent, -1)
    assert torch.equal(encoder.w_plus(faces(), generator), expected)


def test_a_face_gives_the_same_alone_and_in_company():
    generator, encoder = tiny_generator(), tiny_encoder()
    together = encoder.w_plus(faces(3), generator)
    for i in range(3):
        torch.testing.assert_close(encoder.w_plus(faces(3)[i : i + 1], generator)[0], together[i])


def test_each_look_sees_the_drawing_of_the_one_before():
    generator, encoder = tiny_generator(), tiny_encoder(passes=2)
    guess = generator.w_avg.expand(2, 6, -1)
    for _ in range(2):
        drawing = generator.synthesis(guess, generator.stored_noise())
        guess = guess + encoder(torch.cat([faces(), drawing], 1))
    torch.testing.assert_close(encoder.w_plus(faces(), generator), guess)


@pytest.mark.parametrize("n_codes", [1, 6])
@pytest.mark.parametrize("passes", [1, 3])
def test_a_file_gives_back_the_encoder(tmp_path, n_codes, passes):
    encoder, generator = tiny_encoder(n_codes, passes=passes, home="abc"), tiny_generator()
    with torch.no_grad():
        encoder.convs[-1].weight.mul_(0.1)  # as far from the mean as faces are
    found = files.read(files.write(tmp_path / "encoder.pt", encoder, iteration=3))
    assert (found.n_codes, found.passes, found.home, found.channels) == (n_codes, passes, "abc", CHANNELS)
    torch.testing.assert_close(found.w_plus(faces(), generator), encoder.w_plus(faces(), generator), atol=5e-3, rtol=5e-3)


def published_forward(state: dict, image: torch.Tensor, codes: int) -> torch.Tensor:
    """The published encoder, written anew from its description: plain convolutions, leaky ReLUs, blurs."""
    functional = nn.functional
    taps = torch.outer(*[torch.tensor([1.0, 3.0, 3.0, 1.0])] * 2) / 64

    def conv(x, name, stride=1, padding=0):
        weight = state[f"{name}.weight"]
        return functional.conv2d(x, weight / math.sqrt(weight[0].numel()), stride=stride, padding=padding)

    def active(x, name):
        return functional.leaky_relu(x + state[f"{name}.bias"].view(1, -1, 1, 1), 0.2) * math.sqrt(2)

    def blurred(x, before, after):
        x = functional.pad(x, (before, after, before, after))
        return functional.conv2d(x, taps.expand(x.shape[1], 1, 4, 4), groups=x.shape[1])

    x = active(conv(image, "convs.0.0"), "convs.0.1")
    for i in range(1, int(math.log2(image.shape[-1])) - 1):
        y = active(conv(x, f"convs.{i}.conv1.0", padding=1), f"convs.{i}.conv1.1")
        y = active(conv(blurred(y, 2, 2), f"convs.{i}.conv2.1", stride=2), f"convs.{i}.conv2.2")
        x = (y + conv(blurred(x, 1, 1), f"convs.{i}.skip.1", stride=2)) / math.sqrt(2)
    last = max(int(name.split(".")[1]) for name in state)
    return conv(x, f"convs.{last}").view(len(image), codes, -1)


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_published_file_gives_its_images(tmp_path, wrapped):
    """Keys e, d, e_optim, d_optim, args; codes count from 0, and were drawn with psi 0.7 about the mean w."""
    generator, encoder = tiny_generator(), tiny_encoder()
    with torch.no_grad():
        for name, parameter in encoder.named_parameters():
            if name.endswith("bias"):
                parameter.normal_()
    before = "module." if wrapped else ""
    contents = {
        "e": {before + name: tensor for name, tensor in encoder.state_dict().items()},
        "d": tiny_discriminator().state_dict(),
        "e_optim": {"state": {}, "param_groups": []},
        "d_optim": {"state": {}, "param_groups": []},
        "args": argparse.Namespace(size=16, iter=1, vgg=1.0, l2=1.0, adv=0.05),
    }
    torch.save(contents, tmp_path / "published.pt")
    found = files.read(tmp_path / "published.pt")
    codes = published_forward(encoder.state_dict(), faces(), 6)
    expected = latents.draw(generator, truncate(codes, generator.w_avg, 0.7))
    torch.testing.assert_close(latents.draw(generator, found.w_plus(faces(), generator)), expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("size", [8, 64, 256])
def test_any_size_and_width_is_told_by_the_shapes(tmp_path, size):
    channels = {2**k: 3 + k for k in range(2, size.bit_length())}
    encoder = Encoder(size, 5, channels, 2 * size.bit_length() - 4)
    torch.save({"e": encoder.state_dict()}, tmp_path / "e.pt")
    found = files.read(tmp_path / "e.pt")
    assert (found.size, found.style_dim, found.channels, found.n_codes) == (size, 5, channels, encoder.n_codes)
    assert (found.offset, found.psi) == (False, 0.7)


def broken(**changes) -> dict:
    state = tiny_encoder().state_dict()
    return {"e": {name: tensor for name, tensor in (state | changes).items() if tensor is not None}}


@pytest.mark.parametrize(
    ("contents", "said"),
    [
        ({"e": tiny_discriminator().state_dict()}, "a StyleGAN2 discriminator"),
        ({"g_ema": tiny_generator().state_dict()}, "no encoder of this kind"),
        (broken(**{"convs.4.weight": torch.zeros(48, 8, 4, 4)}), "convs.4.weight"),
        (broken(**{"convs.1.conv1.0.weight": None}), "convs.1.conv1.0.weight"),
        (broken(**{"convs.1.conv1.0.weight": torch.full((4, 4, 3, 3), math.nan)}), "finite"),
        (broken(**{"convs.3.weight": torch.zeros(47, 8, 4, 4)}), "no 6 codes for 16 px"),
        (broken() | {"encoder": {"style_dim": 7}}, "no 6 codes for 16 px"),
        (broken() | {"encoder": {"style_dim": "8"}}, "convs.3.weight"),
        (broken() | {"encoder": {"style_dim": 8, "psi": "much"}}, "psi"),
        (broken() | {"encoder": {"style_dim": 8, "passes": 2}}, "passes: 2, and it looks at 3 channels"),
        (broken(**{"convs.0.0.weight": torch.zeros(4, 6, 1, 1)}), "passes: 1, and it looks at 6 channels"),
        (broken(**{"convs.0.0.weight": torch.zeros(4, 4, 1, 1)}), "4 channels"),
        ({"e": {"a": torch.zeros(1)}}, "holds a"),
    ],
)
def test_what_is_no_encoder_is_refused_in_a_line_that_names_the_file(tmp_path, contents, said):
    torch.save(contents, tmp_path / "file.pt")
    with pytest.raises(InputError) as error:
        files.read(tmp_path / "file.pt")
    message = str(error.value)
    assert message.startswith(f"{tmp_path / 'file.pt'}: ") and said in message and "\n" not in message


def test_missing_files_are_refused(tmp_path):
    with pytest.raises(InputError, match="no such file; train one"):
        files.read(tmp_path / "none.pt")


def test_it_fits_networks_of_its_shape_only():
    encoder = tiny_encoder()
    encoder.check_fits(tiny_generator())
    tiny_encoder(1).check_fits(tiny_generator())
    for other in (tiny_generator(size=32), tiny_generator(style_dim=6)):
        with pytest.raises(InputError, match="16 px with 6 codes of 8 numbers"):
            encoder.check_fits(other)


def test_the_layers_are_those_of_a_discriminator_without_its_end():
    ours = {name: tensor.shape for name, tensor in tiny_encoder().state_dict().items()}
    theirs = architecture.from_discriminator(tiny_discriminator().state_dict()).discriminator_shapes()
    shared = {name: shape for name, shape in theirs.items() if name.startswith("convs.")}
    assert {name: ours[name] for name in shared} == shared and [*ours.keys() - shared.keys()] == ["convs.3.weight"]


def test_files_of_ours_are_marked_as_such(tmp_path):
    files.write(tmp_path / "encoder.pt", tiny_encoder())
    assert torch.load(tmp_path / "encoder.pt", weights_only=True)["written_by"] == STAMP
