"""Files that want to run code, fill the memory or keep the reader busy. Nothing here is dangerous to this process as such.

`PICKLES` are pickles by hand, instruction by instruction; `canary` is a path that each tries to create.
"""

import pickle
import struct
from collections.abc import Callable

PROTO = b"\x80\x04"


def text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value.encode())) + value.encode()


def named(name: str) -> bytes:
    """The instruction that looks a name up: module.attribute."""
    module, _, attribute = name.rpartition(".")
    return b"c" + f"{module}\n{attribute}\n".encode()


def call(name: str, *arguments: bytes) -> bytes:
    """name(*arguments) by GLOBAL, MARK ... TUPLE and REDUCE."""
    return named(name) + b"(" + b"".join(arguments) + b"tR"


def touch(canary) -> bytes:
    return text(f"touch {canary}")


def open_canary(canary) -> bytes:
    return text(f"open({str(canary)!r}, 'w').close()")


PICKLES: dict[str, Callable[[object], bytes]] = {
    "os.system": lambda canary: call("os.system", touch(canary)),
    "posix.system": lambda canary: call("posix.system", touch(canary)),
    "nt.system": lambda canary: call("nt.system", touch(canary)),
    "subprocess.Popen": lambda canary: call("subprocess.Popen", b"](" + text("touch") + text(str(canary)) + b"e"),
    "subprocess.check_output": lambda canary: call("subprocess.check_output", b"](" + text("touch") + text(str(canary)) + b"e"),
    "builtins.eval": lambda canary: call("builtins.eval", open_canary(canary)),
    "builtins.exec": lambda canary: call("builtins.exec", open_canary(canary)),
    "__builtin__.eval, the old name": lambda canary: call("__builtin__.eval", open_canary(canary)),
    "builtins.open": lambda canary: call("builtins.open", text(str(canary)), text("w")),
    "builtins.getattr": lambda canary: call("builtins.getattr", named("collections.OrderedDict"), text("__subclasses__")),
    "builtins.__import__": lambda canary: call("builtins.__import__", text("antigravity")),
    "runpy.run_path": lambda canary: call("runpy.run_path", text(str(canary))),
    "pickle.loads": lambda canary: call("pickle.loads", b"B" + struct.pack("<I", 4) + b"\x80\x02N."),
    "torch.load": lambda canary: call("torch.load", text(str(canary))),
    "torch.serialization.load": lambda canary: call("torch.serialization.load", text(str(canary))),
    "torch.hub.load": lambda canary: call("torch.hub.load", text("a/b"), text("c")),
    "numpy.load": lambda canary: call("numpy.load", text(str(canary))),
    "code of a lambda": lambda canary: call("types.FunctionType", named("builtins.eval"), b"}"),
    "functools.partial of a command": lambda canary: call("functools.partial", named("os.system"), touch(canary)),
    "webbrowser.open": lambda canary: call("webbrowser.open", text("https://example.org")),
    "shutil.rmtree": lambda canary: call("shutil.rmtree", text(f"{canary}-not-there")),
    "STACK_GLOBAL": lambda canary: text("os") + text("system") + b"\x93(" + touch(canary) + b"tR",
    "STACK_GLOBAL from the memo": lambda canary: (
        text("os") + b"\x94" + text("system") + b"\x94h\x00h\x01\x93(" + touch(canary) + b"tR"
    ),
    "INST": lambda canary: b"(" + touch(canary) + b"ios\nsystem\n",
    "OBJ": lambda canary: b"(" + named("os.system") + touch(canary) + b"o",
    "NEWOBJ": lambda canary: named("subprocess.Popen") + b"(" + text("true") + b"t\x81",
    "NEWOBJ_EX": lambda canary: named("subprocess.Popen") + b"(" + text("true") + b"t}\x92",
    "BUILD with a hidden name": lambda canary: named("argparse.Namespace") + b")\x81}" + text("x") + named("os.system") + b"sb",
    "BUILD of a class itself": lambda canary: named("collections.OrderedDict") + b"}" + text("x") + b"K\x01sb",
    "EXT1, the registry of extensions": lambda canary: b"\x82\x01",
    "PERSID in text": lambda canary: b"Pos.system\n",
    "a dotted attribute": lambda canary: text("collections") + text("OrderedDict.fromkeys") + b"\x93(]tR",
    "a name with a blank": lambda canary: b"ccollections OrderedDict\nx\n)R",
    "a codec": lambda canary: call("_codecs.encode", text("a" * 100), text("punycode")),
    "deep tuples, which overflow when hashed": lambda canary: b"}" + b")" + b"\x85" * 100_000 + b"Ns",
    "wide tuples, 2^60 leaves when hashed": lambda canary: b"}" + b")" + b"2\x86" * 60 + b"Ns",
    "wide tuples by the memo": lambda canary: (
        b"})" + b"".join(b"q" + bytes([i]) + b"h" + bytes([i]) + b"\x86" for i in range(60)) + b"Ns"
    ),
    "a memo of 64 GiB": lambda canary: b"Nr" + struct.pack("<I", 2**32 - 2),
    "a string of 4 GiB": lambda canary: b"X" + struct.pack("<I", 2**32 - 1) + b"a",
    "a string of 2^60 bytes": lambda canary: b"\x8d" + struct.pack("<Q", 2**60) + b"a",
    "a frame of 2^60 bytes": lambda canary: b"\x95" + struct.pack("<Q", 2**60) + b"N",
    "a million instructions": lambda canary: b"]" + b"Na" * 500_000,
    "deep lists": lambda canary: b"]" * 100_000 + b"a" * 99_999,
    "wide lists, 2^60 leaves": lambda canary: (
        b"]" + b"".join(b"q" + bytes([i]) + b"](h" + bytes([i]) + b"h" + bytes([i]) + b"e" for i in range(60))
    ),
    "a list that contains itself": lambda canary: b"]q\x00h\x00a",
    "a counter of 10^12 elements": lambda canary: call("collections.Counter", b"K\x01"),
    "a bytearray of 1 TiB": lambda canary: call("builtins.bytearray", b"\x8a\x06" + (2**40).to_bytes(6, "little")),
    "an empty stack": lambda canary: b"0",
    "no such memo entry": lambda canary: b"h\x07",
    "a tuple across the mark": lambda canary: b"N(\x85",
    "no end": lambda canary: b"N" * 10,
}


def pickled(name: str, canary) -> bytes:
    end = b"" if name in ("no end", "a string of 4 GiB") else b"."
    return PROTO + PICKLES[name](canary) + end


def plain(value: object) -> bytes:
    return pickle.dumps(value, 2)
