"""Errors that tell people what to do. Imports nothing of ours.

The library says what is wrong and what helps; a command says where, so that no flag is spelled in the library:

    with named(f"--source {path}"):
        source = checkpoint.read(path)                  # --source ffhq.pt: no such file; ...
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LONGEST = 300  # characters of what is wrong with a stranger's file


class InputError(ValueError):
    """Something the user gave cannot be used. The message is one line: what was given, what is wrong, what to do."""


class Diverged(InputError):
    """A run that cannot go on from where it is."""


class NoRun(InputError):
    """A file that holds networks, and no run to go on with."""


class OutOfMemory(InputError):
    """It takes more memory than there is."""


@contextmanager
def named(what: str) -> Iterator[None]:
    """Put `what`, such as "--ckpt ffhq.pt", before the message of an InputError that is raised within.

    A message that begins with what was given, or one of several, as of a file that cannot be read, gets only the flag.

    >>> with named("--seeds 3-1"):
    ...     raise InputError("the last comes before the first")
    Traceback (most recent call last):
    errors.InputError: --seeds 3-1: the last comes before the first
    >>> with named("--ckpt ./a.pt"):
    ...     raise InputError("a.pt: no such file")
    Traceback (most recent call last):
    errors.InputError: --ckpt a.pt: no such file
    """
    try:
        yield
    except InputError as error:
        flag, *words = what.split(" ")
        known = [f"{value}: " for word in (" ".join(words), *words) if word for value in (word, Path(word))]
        error.args = (f"{flag} {error}" if str(error).startswith(tuple(known)) else f"{what}: {error}",)
        raise


@contextmanager
def helped(kind: type[InputError], by: str) -> Iterator[None]:
    """Add `by`, such as "--batch", to the message of an InputError of this kind: the flags of the remedy that it names."""
    try:
        yield
    except kind as error:
        error.args = (f"{error} ({by})",)
        raise


@contextmanager
def reading(path: Path, missing: str = "") -> Iterator[None]:
    """Within it the file `path` is read; whatever goes wrong is an InputError that begins with its name, in one line.

    missing: what helps where there is no such file
    """
    try:
        if not path.is_file():
            what = "not an ordinary file" if path.exists() else "no such file"
            raise InputError(f"{what}; {missing}" if missing else what)
        yield
    except InputError as error:
        reason = printable(str(error), LONGEST)
    except OSError as error:
        reason = error.strerror or str(error)
    except MemoryError:
        reason = "not enough memory to read it"
    else:
        return
    raise InputError(f"{path}: {reason}")


def printable(text: str, length: int = 60) -> str:
    """Text of a stranger's file for the terminal: one line, no control characters, cut in the middle when it is long."""
    if len(text) > length:
        text = f"{text[: length // 2]}...{text[-length // 2 + 3 :]}"
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def spelled(name: str, value: object) -> str:
    """A flag as it is written: "--augment", "--batch 8"."""
    return f"--{name}" if value is True else f"--{name} {value}"
