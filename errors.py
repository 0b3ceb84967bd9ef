"""Errors that tell people what to do. Imports nothing.

The library says what is wrong and what helps; a command says where, so that no flag is spelled in the library:

    with named(f"--source {path}"):
        source = checkpoint.read(path)                  # --source ffhq.pt: no such file; ...
"""

from collections.abc import Iterator
from contextlib import contextmanager


class InputError(ValueError):
    """Something the user gave cannot be used. The message is one line: what was given, what is wrong, what to do."""


@contextmanager
def named(what: str) -> Iterator[None]:
    """Put `what`, such as "--ckpt ffhq.pt", before the message of an InputError that is raised within.

    >>> with named("--seeds 3-1"):
    ...     raise InputError("the last comes before the first")
    Traceback (most recent call last):
    errors.InputError: --seeds 3-1: the last comes before the first
    """
    try:
        yield
    except InputError as error:
        raise InputError(f"{what}: {error}") from None
