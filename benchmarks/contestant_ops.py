"""The operators of a network: ours, their definitions, and those of others; see contestant.py."""

import functools
from collections.abc import Callable

import torch
from torch import Tensor

Pieces = dict[str, Callable[[], object]]
OP_SIDES = {"blur": (1, 1), "up 2": (0.5, 0), "down 2": (1, 0), "leaky relu": (1, 0)}  # times the side, and more
OP_CHANNELS = 128
OP_BATCH = {"cpu": 2, "cuda": 16}  # on a GPU beyond its cache: 268 MB in bfloat16 at 256 px


def pieces(kind: str, setting: dict) -> Pieces:
    """Forward, and forward with backward, of each operator as a network of `side` px has them."""
    operators = {
        "ours": our_operators,
        "plain": functools.partial(our_operators, impl="ref"),
        "rosinality": functools.partial(our_operators, whole=False),  # the same names
        "ada": ada_operators,
    }
    dtype = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[setting["precision"]]
    timed = {}
    for name, operator in operators[kind](setting).items():
        layout = torch.channels_last if kind == "ours" else torch.contiguous_format
        factor, more = OP_SIDES[name]
        side = int(setting["side"] * factor) + more
        shape = OP_BATCH[setting["device"]], OP_CHANNELS, side, side
        x = torch.randn(shape, device=setting["device"], dtype=dtype).contiguous(memory_format=layout).requires_grad_()
        grad = torch.randn_like(operator(x))
        timed[f"{name}, forward"] = functools.partial(forward, operator, x)
        timed[f"{name}, with backward"] = functools.partial(there_and_back, operator, x, grad)
    if kind == "ours":
        timed["copy, forward"] = x.detach().clone
    if setting["device"] == "cuda":
        pool = torch.cuda.graph_pool_handle()  # they run one after the other
        return {name: Recorded(piece, setting["repeats"], pool) for name, piece in timed.items()}
    return timed


class Recorded:
    """A piece `runs` times in one CUDA graph, so that the GPU is timed, and not Python; one by one if it cannot be."""

    def __init__(self, piece: Callable[[], object], runs: int, pool: tuple[int, int]):
        self.piece, self.runs, self.graph = piece, runs, None
        for _ in range(3):
            piece()
        torch.cuda.synchronize()
        try:
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph, pool=pool):
                self._all()
            self.graph = graph
        except RuntimeError as error:
            print(f"not recorded: {str(error).splitlines()[0]}")

    def __call__(self) -> None:
        self.graph.replay() if self.graph else self._all()

    def _all(self) -> None:
        for _ in range(self.runs):
            self.piece()


@torch.no_grad()
def forward(operator: Callable[[Tensor], Tensor], x: Tensor) -> None:
    operator(x)


def there_and_back(operator: Callable[[Tensor], Tensor], x: Tensor, grad: Tensor) -> None:
    torch.autograd.grad(operator(x), x, grad)


def filters(device: str) -> tuple[Tensor, Tensor]:
    """The published 4x4 kernel, and a bias."""
    taps = torch.tensor([1.0, 3.0, 3.0, 1.0], device=device)
    return torch.outer(taps, taps) / 64, torch.zeros(OP_CHANNELS, device=device)


def our_operators(setting: dict, whole: bool = True, **impl: str):
    """whole: whether filter and bias are float32 beside any x, as in training; others want them in x's type."""
    from op import fused_leaky_relu, upfirdn2d

    kernel, bias = filters(setting["device"])

    @functools.cache
    def beside(dtype: torch.dtype) -> list[Tensor]:
        return [tensor if whole else tensor.to(dtype) for tensor in (kernel, kernel * 4, bias)]

    return {
        "blur": lambda x: upfirdn2d(x, beside(x.dtype)[0], pad=(1, 1), **impl),
        "up 2": lambda x: upfirdn2d(x, beside(x.dtype)[1], up=2, pad=(2, 1), **impl),
        "down 2": lambda x: upfirdn2d(x, beside(x.dtype)[0], down=2, pad=(1, 1), **impl),
        "leaky relu": lambda x: fused_leaky_relu(x, beside(x.dtype)[2], **impl),
    }


def ada_operators(setting: dict):
    from torch_utils.ops.bias_act import bias_act
    from torch_utils.ops.upfirdn2d import upfirdn2d

    kernel, bias = filters(setting["device"])
    return {
        "blur": lambda x: upfirdn2d(x, kernel, padding=1),
        "up 2": lambda x: upfirdn2d(x, kernel, up=2, padding=[2, 1, 2, 1], gain=4),
        "down 2": lambda x: upfirdn2d(x, kernel, down=2, padding=1),
        "leaky relu": lambda x: bias_act(x, bias.to(x.dtype), act="lrelu"),
    }
