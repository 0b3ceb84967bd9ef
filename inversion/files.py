"""Encoders in files: the published ones (e, d, e_optim, d_optim, args), the checkpoints of our runs, and the encoder alone.

    encoder = read("encoder.pt")            # ready to encode
    encoder.check_fits(generator)

Size, widths and codes follow from the shapes of the tensors.
"""

import math
import re
from pathlib import Path

from torch import Tensor

import checkpoint
from checkpoint import architecture, container
from drawer import Drawer
from errors import InputError, named, printable, reading
from inversion.encoder import PUBLISHED_PSI, Encoder

State = dict[str, Tensor]
MOST_PASSES = 100
TRAIN = "train one with python -m scripts.train_encoder"


def read(path: str | Path) -> Encoder:
    """Eval mode, without gradients; the averaged one where there is one.

    Raises InputError, one line that begins with the path, for what is missing, damaged or something else.
    """
    path = Path(path)
    with reading(path, TRAIN):
        return understood(container.load(path)[0])


def understood(contents: dict) -> Encoder:
    """That of a file's contents, as `read`, whose messages name the file."""
    name = next((name for name in ("e_ema", "e") if isinstance(contents.get(name), dict)), "")
    state = {str(key).removeprefix("module."): value for key, value in (contents[name] if name else contents).items()}
    with named(name or "the file"):
        encoder = _built(state, contents.get("encoder"))
    return encoder.eval().requires_grad_(False)


def opened(path: str | Path, generator: Drawer) -> Encoder:
    """One for this network, on its device; a line where it was trained for another. Raises InputError as `read`."""
    encoder = read(path)
    with reading(Path(path)):
        encoder.check_fits(generator)
    if encoder.home not in ("", checkpoint.fingerprint(generator.state_dict())):
        print(f"{path}: was trained for another network than this one (or for an earlier one); look at what it finds")
    return encoder.to(generator.device)


def write(path: Path, encoder: Encoder, **beside: object) -> Path:
    """The encoder alone, in half precision: what is needed to use it. Returns the path."""
    state = {key: value.half() for key, value in encoder.state_dict().items() if not key.endswith(".kernel")}
    checkpoint.write(path, {"e": state, "encoder": encoder.as_dict(), **beside}, manifest=False)
    return path


def _built(state: State, stated: object) -> Encoder:
    last = _last(state)
    first = state.get("convs.0.0.weight")
    looks = first.shape[1:2] == (6,) if isinstance(first, Tensor) else False
    shape = architecture.from_discriminator(state | ({"convs.0.0.weight": first[:, :3]} if looks else {}))
    stated = stated if isinstance(stated, dict) else {"offset": False, "psi": PUBLISHED_PSI}
    numbers, n_latent = state[last].shape[0], 2 * shape.size.bit_length() - 4
    style_dim, passes = stated.get("style_dim") or numbers // n_latent, stated.get("passes", 1)
    if type(style_dim) is not int or style_dim < 1 or numbers not in (style_dim, n_latent * style_dim):
        raise InputError(f"{last}: {numbers} numbers are no {n_latent} codes for {shape.size} px")
    offset, psi, home = stated.get("offset", True), stated.get("psi", 1.0), printable(str(stated.get("home", "")))
    if type(psi) not in (int, float) or not math.isfinite(psi) or type(offset) is not bool:
        raise InputError(f"psi {printable(repr(psi))} and offset {printable(repr(offset))} say not what its codes mean")
    if type(passes) is not int or not 1 <= passes <= MOST_PASSES or (passes > 1) != looks:
        raise InputError(f"passes: {printable(repr(passes))}, and it looks at {first.shape[1]} channels")
    encoder = Encoder(shape.size, style_dim, shape.channels, numbers // style_dim, passes, offset, psi, home)
    shapes = {name: tensor.shape for name, tensor in encoder.state_dict().items()}
    encoder.load_state_dict(architecture.complete(state, shapes)[0])
    return encoder


def _last(state: State) -> str:
    """The name of the convolution that gives the codes. Raises InputError where there is none."""
    numbers = [int(match[1]) for name in state if (match := re.fullmatch(r"convs\.(\d{1,3})\.weight", name))]
    last = f"convs.{max(numbers, default=-1)}.weight"
    tensor = state.get(last)
    if not isinstance(tensor, Tensor) or tensor.ndim != 4 or tensor.shape[2:] != (4, 4):
        kind = checkpoint.kinds.described(state) or f"holds {', '.join(printable(key) for key in list(state)[:5])}"
        raise InputError(f"no encoder of this kind: {kind}; {TRAIN}")
    if not all(isinstance(value, Tensor) for value in state.values()):
        raise InputError("holds other things than tensors")
    return last
