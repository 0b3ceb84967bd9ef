"""Directions in W, in one kind of file for every way to find them (SeFa, GANSpace, differences of two people).

    directions = read_directions("factor.pt")
    edited = apply(w_plus, directions, index=2, degree=3)       # [batch, n_latent, style_dim]

An `Edit` is a direction with the layers it acts on, and a range: what a slider shows. Directions hold named ones.
"""

import dataclasses
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from drawer import Drawer
from editing import direction_formats, files
from editing.latent_formats import of_layers
from editing.layers import as_text, parse_layers
from errors import InputError, named

NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?"
NAMED_EDIT = re.compile(rf"(?P<name>[^=]+)=(?P<index>\d+)(:(?P<layers>[\w,-]+)(:(?P<low>{NUMBER})\.\.(?P<high>{NUMBER}))?)?")
LONGEST = 4000  # characters of a command that are kept
ONE_VECTOR, ONE_FOR_EACH_LAYER = 2, 3  # dimensions of `vectors`


@dataclass
class Edit:
    """One slider: which direction, on which layers (None: those of the directions), and how far, in degrees."""

    index: int
    layers: list[int] | None = None
    low: float = -2.0
    high: float = 2.0


@dataclass
class Directions:
    """K directions, strongest first.

    vectors: [K, style_dim], or [K, n_latent, style_dim]; unit length
    space:   "w"
    layers:  those they were found for, and act on; None: all
    scale:   [K], the length of one degree: 1, or a standard deviation
    mean:    [style_dim], where coordinates are counted from; None where they were found without one
    values:  [K], eigenvalues or variances, falling
    names:   K, for people; edit them as you like
    method:  what found them: "sefa", "ganspace", ...
    ckpt:    fingerprint of the generator they were found in, "" where unknown
    edits:   named sliders
    command: what wrote the file, one line for each command, "" where unknown
    note:    what had to be decided when the file of another program was read
    """

    vectors: Tensor
    space: str = "w"
    layers: list[int] | None = None
    scale: Tensor | None = None
    mean: Tensor | None = None
    values: Tensor | None = None
    names: list[str] = field(default_factory=list)
    method: str = ""
    ckpt: str = ""
    edits: dict[str, Edit] = field(default_factory=dict)
    command: str = ""
    note: str = ""

    def __post_init__(self):
        self.scale = torch.ones(len(self)) if self.scale is None else self.scale
        self.names = self.names or files.texts(None, len(self), self.method or "direction")

    def __len__(self) -> int:
        return len(self.vectors)

    def __str__(self) -> str:
        """
        >>> print(Directions(torch.eye(512)[:80], method="ganspace"))
        80 directions in w (512 numbers), for all layers, by ganspace, in standard deviations
        """
        count = f"{len(self)} direction{'s' * (len(self) > 1)}"
        *own, size = self.vectors.shape[1:]
        where = f"in w+ ({own[0]} layers of {size} numbers)" if own else f"in w ({size} numbers)"
        layers = "all layers" if self.layers is None else f"the layers {as_text(self.layers)}"
        parts = [f"{count} {where}", f"for {layers}", *[f"by {self.method}"] * bool(self.method)]
        parts += ["in standard deviations"] * (self.method == "ganspace")
        return ", ".join(parts) + (f"; {self.note}" if self.note else "")


def apply(
    w_plus: Tensor, directions: Directions, index: int, degree: float | Tensor, layers: Sequence[int] | None = None
) -> Tensor:
    """w_l + m_l * degree * scale_k * v_k, with m_l = 1 for the chosen layers and 0 for the others, which stay bit-equal.

    w_plus: [batch, n_latent, style_dim]
    degree: one for all, or [batch]
    layers: overrides those of the directions
    """
    layers = _acting(directions, w_plus, layers)
    degree = torch.as_tensor(degree, dtype=w_plus.dtype, device=w_plus.device).reshape(-1, 1, 1)
    edited = w_plus.clone()
    edited[:, layers] += degree * directions.scale[index].to(w_plus) * _vector(directions, index, w_plus)[layers]
    return edited


def centre(w_plus: Tensor, directions: Directions, index: int, layers: Sequence[int] | None = None) -> Tensor:
    """w_l - m_l * ((w_l - mean) . v_k) v_k: to coordinate 0, so that a sweep shows places, not steps (GANSpace, Sec. 3.2)."""
    layers = _acting(directions, w_plus, layers)
    vector = _vector(directions, index, w_plus)[layers]
    mean = torch.zeros_like(vector[0]) if directions.mean is None else directions.mean.to(w_plus)
    centred = w_plus.clone()
    centred[:, layers] -= ((w_plus[:, layers] - mean) * vector).sum(-1, keepdim=True) * vector
    return centred


def save_directions(path: str | Path, directions: Directions) -> Path:
    """As plain values; with [K, style_dim] also `eigvec`, the columns that stylegan2-pytorch's apply_factor.py reads."""
    contents = {name: value for name, value in vars(directions).items() if value is not None}
    contents["edits"] = {name: dataclasses.asdict(edit) for name, edit in directions.edits.items()}
    if directions.vectors.ndim == ONE_VECTOR:
        contents["eigvec"] = directions.vectors.T
    return files.save(path, contents)


def read_directions(path: str | Path, network: Drawer | None = None) -> Directions:
    """Ours, and those of other programs, see direction_formats.py; the network decides what the file leaves open."""
    contents = files.load(path)
    with named(str(path)):
        return _checked(direction_formats.understood(contents, Path(path).stem, network))


def check_fits(directions: Directions, generator: Drawer) -> None:
    """Raises InputError for directions that were found in a network of another shape."""
    *layers, size = directions.vectors.shape[1:]
    if size != generator.style_dim:
        raise InputError(f"made for w of {size} numbers, but this network's has {generator.style_dim}; factorise it")
    acting = [directions.layers or [], *(edit.layers or [] for edit in directions.edits.values())]
    highest = max((layer for some in acting for layer in some), default=0)
    if layers not in ([], [generator.n_latent]) or highest >= generator.n_latent:
        theirs = of_layers(*layers) if layers else f"at least {highest + 1} layers"
        ours = f"this network has {generator.n_latent} ({generator.size} px)"
        raise InputError(f"made for {theirs}, but {ours}; factorise it")


def parse_edits(text: str, directions: Directions) -> dict[str, Edit]:
    """{name: edit} for "0-7,12", and for the names of sliders and of directions.

    >>> parse_edits("0,smile", Directions(torch.eye(2), edits={"smile": Edit(1, [3])}))
    {'0': Edit(index=0, layers=None, low=-2.0, high=2.0), 'smile': Edit(index=1, layers=[3], low=-2.0, high=2.0)}
    """
    edits = {}
    for part in map(str.strip, text.split(",")):
        first, dash, last = part.partition("-")
        last = last if dash else first
        if part in directions.edits:
            edits[part] = dataclasses.replace(directions.edits[part])
        elif part in directions.names:
            edits[part] = Edit(directions.names.index(part))
        elif not (first.isdecimal() and last.isdecimal() and int(first) <= int(last)):
            raise InputError(f"{text}: {part!r} is not a number, a range such as 0-7, or a name in the file")
        elif int(last) >= len(directions):
            raise InputError(f"{text}: this file has the directions 0-{len(directions) - 1}")
        else:
            edits |= {str(index): Edit(index) for index in range(int(first), int(last) + 1)}
    return edits


def named_edit(text: str, count: int, generator: Drawer) -> tuple[str, Edit]:
    """ "hair=9:8-10:-3..3" -> the name, and which of `count` components, layers and range. Raises InputError."""
    match = NAMED_EDIT.fullmatch(text.strip())
    if match is None:
        raise InputError('expected NAME=K, NAME=K:LAYERS or NAME=K:LAYERS:LOW..HIGH, "hair=9:8-10:-3..3"')
    name, index, acting = match["name"].strip(), int(match["index"]), match["layers"]
    if index >= count:
        raise InputError(f"the components are 0-{count - 1}")
    if "," in name or name.replace("-", "").isdecimal():
        raise InputError("a name is no number and has no comma, since names, numbers and ranges stand in one list")
    low, high = (float(match[end] or usual) for end, usual in (("low", Edit.low), ("high", Edit.high)))
    if not -math.inf < low < high < math.inf:
        raise InputError("the range goes from the lower end to the higher, -3..3")
    with named(f"layers {acting}"):
        layers = None if acting in (None, "all") else parse_layers(acting, generator.n_latent)
    return name, Edit(index, layers, low, high)


def _acting(directions: Directions, w_plus: Tensor, layers: Sequence[int] | None) -> list[int]:
    layers = directions.layers if layers is None else layers
    return list(range(w_plus.shape[1]) if layers is None else layers)


def _vector(directions: Directions, index: int, w_plus: Tensor) -> Tensor:
    """[n_latent, style_dim]"""
    vector = directions.vectors[index].to(w_plus)
    return vector if vector.ndim == 2 else vector.expand(w_plus.shape[1], -1)


def _checked(contents: dict) -> Directions:
    vectors = contents.get("vectors")
    if not isinstance(vectors, Tensor) or vectors.ndim not in (ONE_VECTOR, ONE_FOR_EACH_LAYER) or not vectors.numel():
        raise InputError(f"not a direction file ({files.described(contents)}); closed_form_factorization.py writes one")
    count, size = len(vectors), vectors.shape[-1]
    shapes = {"vectors": list(vectors.shape), "scale": [count], "values": [count], "mean": [size]}
    tensors = {name: contents[name] for name in shapes if contents.get(name) is not None}
    for name, tensor in tensors.items():
        if not isinstance(tensor, Tensor) or list(tensor.shape) != shapes[name] or not tensor.is_floating_point():
            raise InputError(f"damaged ({name}: expected numbers {shapes[name]})")
        if not tensor.isfinite().all():
            raise InputError(f"damaged ({name} holds NaN or Inf)")
    if contents.get("space", "w") != "w":
        raise InputError(f"directions in the space {files.printable(str(contents['space']))!r}, expected 'w'")
    method, command = files.printable(str(contents.get("method", ""))), contents.get("command")
    return Directions(
        **{name: tensor.float() for name, tensor in tensors.items()},
        layers=_checked_layers(contents.get("layers")),
        names=files.texts(contents.get("names"), count, method or "direction"),
        method=method,
        ckpt=files.printable(str(contents.get("ckpt", ""))),
        edits=_checked_edits(contents.get("edits", {}), count),
        command="\n".join(files.printable(line, LONGEST) for line in command.splitlines()) if isinstance(command, str) else "",
        note=files.printable(str(contents.get("note", "")), 200),
    )


def _checked_layers(layers: object) -> list[int] | None:
    known = isinstance(layers, list) and layers and all(type(layer) is int and 0 <= layer < 100 for layer in layers)
    if layers is not None and not known:
        raise InputError("damaged (layers: expected a list of numbers)")
    return layers


def _checked_edits(edits: object, count: int) -> dict[str, Edit]:
    checked = {}
    for name, entry in edits.items() if isinstance(edits, dict) else [("edits", edits)]:
        name = files.printable(str(name))
        try:
            edit = Edit(**entry)
            low, high = float(edit.low), float(edit.high)
            if type(edit.index) is not int or not 0 <= edit.index < count or not -math.inf < low < high < math.inf:
                raise ValueError
        except (TypeError, ValueError):
            raise InputError(f"damaged (the edit {name!r})") from None
        checked[name] = Edit(edit.index, _checked_layers(edit.layers), low, high)
    return checked
