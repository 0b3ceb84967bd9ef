"""Keep to PyTorch's own operators where a program is recorded: for torch.export, ONNX and torch.jit.trace.

with op.plain():
    program = torch.export.export(network, inputs)            # nothing in it but PyTorch's own operators
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_plain: ContextVar[bool] = ContextVar("plain", default=False)


@contextmanager
def plain() -> Iterator[None]:
    """Within it, `impl="auto"` takes nothing compiled and no autograd function of ours; in this thread or task alone."""
    before = _plain.set(True)
    try:
        yield
    finally:
        _plain.reset(before)


def is_plain() -> bool:
    return _plain.get()
