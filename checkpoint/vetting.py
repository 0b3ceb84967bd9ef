"""Look at a pickle before anything is built from it.

A pickle is a program for a small stack machine. It may call what it names, and a short one can keep an unpickler busy, or
fill the memory, without calling anything. This walks over its instructions, and follows only how large the stack's
tuples become.

    with open("network.pkl", "rb") as file:
        vet(file)       # reads to the end of the first pickle
"""

import pickletools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, NamedTuple

from checkpoint.records import CALLED, REFUSED, judge, refusal
from errors import InputError

MOST_INSTRUCTIONS = 1_000_000  # a checkpoint with its optimizers has twenty thousand
MOST_LEAVES = 1_000_000  # of a tuple
MOST_LEVELS = 32  # of tuples in tuples
MOST_NAMES = 1000  # of classes and functions

# How pickletools, pickle, torch and safetensors say that a file ends too early.
CUT = ("exhausted", "not enough data", "out of input", "truncated", "unexpected EOF", "no newline", "ncomplete", "remain")

NUMBERS = frozenset(("NONE", "NEWTRUE", "NEWFALSE", "BININT", "BININT1", "BININT2", "LONG1", "LONG4", "BINFLOAT"))
TEXTS = frozenset(("SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8", "SHORT_BINSTRING", "BINSTRING"))
BYTES = frozenset(("SHORT_BINBYTES", "BINBYTES", "BINBYTES8", "BYTEARRAY8"))
EMPTY = frozenset(("EMPTY_TUPLE", "EMPTY_LIST", "EMPTY_DICT", "EMPTY_SET"))
CONSTANTS = NUMBERS | TEXTS | BYTES | EMPTY
TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
INTO_CONTAINER = {"APPEND": 1, "SETITEM": 2, "BUILD": 1}  # what each takes off the stack, leaving the container
MARKED_INTO_CONTAINER = frozenset(("APPENDS", "SETITEMS", "ADDITEMS"))
CALLS = frozenset(("REDUCE", "NEWOBJ"))


class Item(NamedTuple):
    """What is known of a value on the stack."""

    leaves: int = 1
    levels: int = 0
    text: str | None = None
    named: bool = False  # a class or function itself
    uncallable: str = ""  # why it must not be called


MARK = Item()


def vet(file: BinaryIO) -> None:
    """Read one pickle and refuse it with InputError unless `judge` allows what it does with its names, and it stays small.

    Hashing a tuple visits all its leaves, however often they are the same object: hence the limits on tuples.
    """
    stack: list[Item] = []
    memo: dict[int, Item] = {}
    names: set[tuple[str, str]] = set()
    with understood():
        for count, (opcode, argument, _) in enumerate(pickletools.genops(file)):
            if count > MOST_INSTRUCTIONS:
                raise InputError(f"pickle of more than {MOST_INSTRUCTIONS:,} instructions")
            if len(names) > MOST_NAMES:
                raise InputError(f"pickle of more than {MOST_NAMES:,} names")
            _step(opcode.name, argument, stack, memo, names)


@contextmanager
def understood() -> Iterator[None]:
    """Within it a stranger's stream is read, which fails in many ways when it is damaged: each is an InputError."""
    try:
        yield
    except (InputError, MemoryError):
        raise
    except Exception as error:  # unknown instruction, early end, empty stack, ...
        raise InputError(_damage(error)) from None


def _damage(error: Exception) -> str:
    """What the failure of a reader says of the file."""
    line = first_line(error)
    cut = isinstance(error, EOFError) or any(word in line for word in CUT)
    return "damaged (the end is missing); copy or download it again" if cut else f"damaged ({line})"


def first_line(error: Exception) -> str:
    return str(error).partition("\n")[0] or type(error).__name__


def _step(name: str, argument, stack: list[Item], memo: dict[int, Item], names: set[tuple[str, str]]) -> None:
    if name in CONSTANTS:
        stack.append(Item(text=argument if isinstance(argument, str) else None))
    elif name in ("BINPUT", "LONG_BINPUT"):
        if argument > MOST_INSTRUCTIONS:  # the standard unpickler allocates a table as long as the index
            raise InputError(f"pickle with the memo index {argument:,}")
        memo[argument] = _top(stack)
    elif name == "MEMOIZE":
        memo[len(memo)] = _top(stack)
    elif name in ("BINGET", "LONG_BINGET"):
        stack.append(memo[argument])
    elif name in TUPLES:
        stack.append(_tuple(_pop(stack, TUPLES[name])))
    elif name in ("TUPLE", "FROZENSET"):
        stack.append(_tuple(_pop_to_mark(stack)))
    elif name in INTO_CONTAINER:
        _pop(stack, INTO_CONTAINER[name])
        if _top(stack).named:  # setting attributes of a class would outlive the file
            raise InputError("wants to change what it names; nothing of it was run")
    elif name in MARKED_INTO_CONTAINER:
        _pop_to_mark(stack)
    elif name in CALLS:
        _, called = _pop(stack, 2)
        if called.uncallable:
            raise InputError(called.uncallable)
        stack.append(Item())
    elif name == "BINPERSID":
        _pop(stack, 1)
        stack.append(Item())
    elif name == "GLOBAL":
        stack.append(_global(*argument.split(" ", 1), names))
    elif name == "STACK_GLOBAL":
        attribute, module = _pop(stack, 2)
        stack.append(_global(module.text, attribute.text, names))
    elif name == "MARK":
        stack.append(MARK)
    elif name not in ("PROTO", "FRAME", "STOP"):
        raise InputError(f"pickle with the instruction {name}, which no checkpoint needs")


def _global(module: str | None, name: str | None, names: set[tuple[str, str]]) -> Item:
    use = judge(module, name)
    if use == REFUSED:
        raise InputError(refusal(module, name))
    names.add((module, name))
    return Item(named=True, uncallable="" if use == CALLED else refusal(module, name))


def _tuple(items: list[Item]) -> Item:
    leaves = 1 + sum(item.leaves for item in items)
    levels = 1 + max((item.levels for item in items), default=0)
    if leaves > MOST_LEAVES or levels > MOST_LEVELS:
        raise InputError("pickle of tuples nested too deeply")
    return Item(leaves, levels)


def _top(stack: list[Item]) -> Item:
    if stack[-1] is MARK:
        raise ValueError("mark in place of a value")
    return stack[-1]


def _pop(stack: list[Item], count: int) -> list[Item]:
    """The topmost values, last first."""
    items = []
    for _ in range(count):
        items.append(_top(stack))
        stack.pop()
    return items


def _pop_to_mark(stack: list[Item]) -> list[Item]:
    items = []
    while (item := stack.pop()) is not MARK:
        items.append(item)
    return items
