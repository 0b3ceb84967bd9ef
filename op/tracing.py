"""Keep to the definitions of the operators where a program is recorded: for torch.export, ONNX and torch.jit.trace.

with op.plain():
    program = torch.export.export(network, inputs)            # nothing in it but PyTorch's own operators
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_plain: ContextVar[bool] = ContextVar("plain", default=False)


@contextmanager
def plain() -> Iterator[None]:
    """Within it, `impl="auto"` is `impl="ref"` and convolutions are PyTorch's; in this thread or task, and in no other."""
    before = _plain.set(True)
    try:
        yield
    finally:
        _plain.reset(before)


def is_plain() -> bool:
    return _plain.get()
