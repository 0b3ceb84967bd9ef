"""What every command shares: flags in both spellings, --config, "did you mean", errors in one line. Imports no torch.

A command is three things at the end of its file:

    def parser(): ...                  # cli.Parser(__doc__), groups of flags
    def main(args): ...                # the work; returns the path it wrote, or None
    if __name__ == "__main__":
        cli.run(main, parser())
"""

import argparse
import contextlib
import difflib
import errno
import os
import shlex
import signal
import sys
import tomllib
import traceback
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import allocation  # noqa: F401 (decides how freed memory is kept)
import shipped
import threads  # noqa: F401 (decides how threads wait, before any command imports torch)
from errors import InputError, named, spelled
from writing import NO_ROOM, write_text

MISTAKEN = {
    errno.EACCES: "not permitted; name a place that is yours to read or write",
    errno.EEXIST: "is no folder, and one is needed there; name another place",
    errno.EISDIR: "is a folder, and a file is needed there; name a file",
    errno.ENOTDIR: "lies in no folder: a part of this path is a file; name another place",
    errno.EROFS: "lies on a disk that cannot be written; name another place",
}


Value, Result = TypeVar("Value"), TypeVar("Result")
LARGEST_FLOAT = 2.0**127  # about the largest of 32 bits
OFF = (None, False, -1, [])  # values of a flag that asks for nothing; 0 is among them


class Parser(argparse.ArgumentParser):
    """argparse with this project's manners.

    description: the module docstring of the command
    usage:       how it is called, such as "python train.py [flags] LMDB"

    later:       a preset or a saved run may bring what a flag needs; the command calls `check` once they have

    `--learning-rate` means `--learning_rate`; an unknown flag is answered with the nearest known one; `--config FILE.toml`
    reads flags from a file, which the command line overrides; `--debug` shows the traceback of an error.

    A flag that would do nothing is refused: parser.needs("--frames --columns", "--loop"), parser.idle_with("--n", "--add_to").
    """

    def __init__(self, description: str, usage: str, later: bool = False):
        self.later = later
        self._needs: list[tuple[str, tuple[str, ...], bool]] = []  # (name, conditions, whether one of them has to hold)
        super().__init__(
            prog=usage.removeprefix("python ").removeprefix("-m ").removeprefix("scripts.").split()[0],
            usage=usage,
            description=description,
            formatter_class=lambda prog: argparse.RawDescriptionHelpFormatter(prog, max_help_position=34, width=118),
            allow_abbrev=False,
            add_help=False,
        )
        general = self.add_argument_group("general")
        general.add_argument("-h", "--help", action="help", help="show this help")
        general.add_argument(
            "--config", type=existing_file, metavar="FILE.toml", help="read flags from a file; the command line wins"
        )
        general.add_argument("--debug", action="store_true", help="show the traceback of an error")

    def parse_args(self, args: Sequence[str] | None = None, namespace=None) -> argparse.Namespace:
        words = [self._underscored(self._as_path(word)) for word in (sys.argv[1:] if args is None else args)]
        self._off: set[str] = set()
        self._unknown = [word.partition("=")[0] for word in words if word.startswith("--") and not self._knows(word)]
        namespace, unknown = self.parse_known_args([*self._config_words(words), *words], namespace)
        if unknown:
            flag = unknown[0].partition("=")[0]
            self.error(f"{flag}: {self._advice(flag)}")
        namespace.argv, namespace.command, namespace.given = words, self.usage.split(" [")[0], self.given(words)
        if not self.later and (told := self.idle(namespace)):
            self.error(told)
        return namespace

    def add_argument_group(self, *args, **kwargs) -> argparse._ArgumentGroup:
        """One that takes `needs` and `idle_with` as well, for those who are given a group to declare flags in."""
        group = super().add_argument_group(*args, **kwargs)
        group.needs, group.idle_with = self.needs, self.idle_with
        return group

    def needs(self, flags: str, *conditions: str) -> None:
        """`flags` do nothing unless a condition holds: "--flag" is asked for, or "--flag value", also within a list."""
        self._needs += [(self._option_string_actions[flag].dest, conditions, True) for flag in flags.split()]

    def idle_with(self, flags: str, *conditions: str) -> None:
        """`flags` do nothing where a condition holds."""
        self._needs += [(self._option_string_actions[flag].dest, conditions, False) for flag in flags.split()]

    @contextlib.contextmanager
    def needing(self, *conditions: str) -> Iterator[None]:
        """Flags that are declared within it do nothing unless a condition holds."""
        known = len(self._actions)
        yield
        self.needs(" ".join(action.option_strings[0] for action in self._actions[known:]), *conditions)

    def check(self, args: argparse.Namespace) -> None:
        """Raises InputError for a flag that would do nothing."""
        if told := self.idle(args):
            raise InputError(told)

    def idle(self, args: argparse.Namespace) -> str | None:
        """What to say of a flag that was given a value of its own and would do nothing."""
        for name, conditions, wanted in self._needs:
            value, held = vars(args)[name], [condition for condition in conditions if self._holds(args, condition)]
            if name in args.given and value != self.get_default(name) and bool(held) != wanted:
                if held:
                    return f"{spelled(name, value)}: has no effect with {held[0]}; leave one out"
                return f"{spelled(name, value)}: has no effect without {' or '.join(conditions)}; give both, or leave it out"
        return None

    def _holds(self, args: argparse.Namespace, condition: str) -> bool:
        flag, _, text = condition.partition(" ")
        action = self._option_string_actions[flag]
        value = vars(args)[action.dest]
        if not text:
            return value not in OFF
        return (action.type or str)(text) in (value, *(value.split(",") if isinstance(value, str) else ()))

    def given(self, words: Sequence[str]) -> set[str]:
        """Names of what `words` set, be it to its default: by a flag, an argument, or the file of --config, false included."""
        self._off = set()
        unset = object()
        collecting = argparse._AppendAction  # and its child, for "extend": they add to what is there
        blank = {action.dest: None if isinstance(action, collecting) else unset for action in self._actions}
        found, _ = self.parse_known_args([*self._config_words(words), *words], argparse.Namespace(**blank))
        return self._off | {name for name, value in vars(found).items() if value is not unset and value is not None}

    def error(self, message: str):
        """One line on stderr, exit status 2."""
        if "are required" in message and self._unknown:  # a misspelled flag is why another one is missing
            message = f"{self._unknown[0]}: {self._advice(self._unknown[0])}"
        elif "are required" in message and "--ckpt" in message:
            message += f"; {shipped.EXAMPLE} comes along"
        message = message.removeprefix("argument ").replace(
            "expected one argument", "expected a value (write --flag=-1 when it begins with a minus)"
        )
        print(f"{self.prog}: {message}; --help lists the flags", file=sys.stderr)
        sys.exit(2)

    def _get_value(self, action: argparse.Action, text: str):
        """As argparse's. A path of no letters would be this folder, with all that is in it."""
        if not text and text != action.default:
            raise argparse.ArgumentError(action, "an empty word; name something (is a variable of the shell unset?)")
        return super()._get_value(action, text)

    def _knows(self, word: str) -> bool:
        return word == "--" or word.partition("=")[0] in self._option_string_actions

    def _as_path(self, word: str) -> str:
        """A file whose name begins like a flag, as a shell's *.png may bring it along: -d.png -> ./-d.png."""
        known = self._knows(word) or any(len(flag) == 2 and word.startswith(flag) for flag in self._option_string_actions)
        return f"./{word}" if len(word) > 2 and word[0] == "-" and not known and Path(word).is_file() else word

    def _underscored(self, word: str) -> str:
        flag, equals, value = word.partition("=")
        spelled = "--" + flag[2:].replace("-", "_")
        return spelled + equals + value if flag.startswith("--") and spelled in self._option_string_actions else word

    def _config_words(self, words: Sequence[str]) -> list[str]:
        finder = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
        finder.add_argument("--config", type=existing_file)
        try:
            path = finder.parse_known_args(words)[0].config
        except argparse.ArgumentError as error:
            self.error(str(error))
        if path is None:
            return []
        try:
            settings = tomllib.loads(path.read_text("utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
            self.error(f"--config {path}: {error}")
        given = {word.partition("=")[0] for word in words}
        return [
            word
            for name, value in settings.items()
            if not (given & self._collecting(f"--{name}"))
            for word in self._flag_words(name, value, path)
        ]

    def _collecting(self, flag: str) -> set[str]:
        """The spellings of a flag that takes more with each use; given on the command line, it takes none from a file."""
        action = self._option_string_actions.get(self._underscored(flag))
        return set(action.option_strings) if isinstance(action, argparse._ExtendAction) else set()

    def _flag_words(self, name: str, value, path: Path) -> list[str]:
        flag = self._underscored(f"--{name}")
        action = self._option_string_actions.get(flag)
        if action is None or name == "config":
            self.error(f"--config {path}: {name}: {self._advice(flag) if action is None else 'one file only'}")
        if isinstance(value, bool):
            if not value:
                self._off.add(action.dest)
                return []
            return [flag if action.nargs != "?" else f"{flag}={action.const}"]
        if isinstance(value, list) and isinstance(action, argparse._ExtendAction):
            return [f"{flag}={one}" for one in value]
        if isinstance(value, list) and action.nargs == "+":  # a word each, as on the command line
            return [flag, *map(str, value)]
        return [f"{flag}={','.join(map(str, value)) if isinstance(value, list) else value}"]

    def _advice(self, flag: str) -> str:
        if not flag.startswith("-"):
            return "one argument too many"
        near = difflib.get_close_matches(
            flag.replace("-", "_"), {f.replace("-", "_"): f for f in self._option_string_actions}, 1, 0.6
        )
        return "no such flag" + (f"; did you mean --{near[0].lstrip('_')}?" if near else "")


def run(main: Callable[[argparse.Namespace], Path | None], parser: Parser, words: Sequence[str] | None = None) -> None:
    """Parse, work, print the written path as the last line. Wrong input and a failing disk end in one line and status 1."""
    debug = False
    _say_any_name()
    try:
        try:
            args = parser.parse_args(words)
            debug = args.debug
            written = main(args)
            if written is not None:
                print(written)
        finally:
            sys.stdout.flush()  # here, where a reader that has gone is understood
    except KeyboardInterrupt:
        sys.exit(f"{parser.prog}: interrupted")
    except RuntimeError as error:  # what Python 3.11 makes of Ctrl-C in a class that torch is just defining
        if not isinstance(error.__cause__, KeyboardInterrupt):
            raise
        sys.exit(f"{parser.prog}: interrupted")
    except BrokenPipeError:  # the reader of our output, `head` for instance, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (InputError, OSError) as error:
        if debug:
            traceback.print_exc()
        sys.exit(f"{parser.prog}: {' '.join(_told(error).split())}")


def _say_any_name() -> None:
    """A name that the output's encoding lacks is written with backslashes; it is no reason to end a work."""
    for stream in (sys.stdout, sys.stderr):
        if getattr(stream, "errors", None) == "strict" and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _told(error: InputError | OSError) -> str:
    """A disk that takes no more, or a wrong place, is the user's matter: which file, why, and what to do."""
    if isinstance(error, OSError) and error.filename is not None and error.errno in MISTAKEN:
        return f"{error.filename}: {MISTAKEN[error.errno]}"
    if not isinstance(error, OSError) or error.errno not in NO_ROOM:
        return str(error)
    name = f"{error.filename}: " if error.filename is not None else ""
    return f"{name}not written ({error.strerror}); make room, or name another place"


def read(flag: str, value: Value, reader: Callable[..., Result], *others, **more) -> Result:
    """reader(value, ...), where `value` is what a flag was given; the flag stands before what is wrong with it.

    read("--ckpt", args.ckpt, checkpoint.read_aloud)            # --ckpt ffhq.pt: no such file; ...
    """
    with named(f"{flag} {value}"):
        return reader(value, *others, **more)


def check_made_of(source: Path, out: Path, overwrite: bool, what: str) -> None:
    """Raises InputError where OUT may not be written: it exists, and no --overwrite is given, or is the file to `what`."""
    if out.exists() and not overwrite:
        raise InputError(f"{out}: exists; give --overwrite to replace it")
    if out.exists() and out.samefile(source):
        raise InputError(f"{out}: is the file to {what}")


def named_by(args: argparse.Namespace, *names: str) -> contextlib.AbstractContextManager:
    """As `errors.named`, for what the first of these flags gave that has a value: named_by(args, "latents", "seeds")."""
    name = next((name for name in names if vars(args)[name] is not None), names[-1])
    value = vars(args)[name]
    values = [] if value is None else value if isinstance(value, list) else [value]
    return named(" ".join(map(str, [f"--{name}", *values])))


def expect(args: argparse.Namespace, architecture) -> None:
    """Compare the published --size and --channel_multiplier with a `checkpoint.Architecture`. Raises InputError."""
    for name in ("size", "channel_multiplier"):
        with named_by(args, name):
            architecture.expect(**{name: vars(args)[name]})


@contextlib.contextmanager
def sigterm_interrupts() -> Iterator[None]:
    """Within it SIGTERM does what Ctrl-C does: whoever catches KeyboardInterrupt can save what there is."""
    previous = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


def save_command(args: argparse.Namespace, folder: Path) -> None:
    """Note in command.txt the line that makes the files of this folder again: one for each command, the latest last."""
    folder.mkdir(parents=True, exist_ok=True)
    path, line = folder / "command.txt", command_line(args)
    earlier = path.read_text("utf-8", "surrogateescape").splitlines() if path.is_file() else []
    if earlier[-1:] != [line]:
        lines = [*(one for one in earlier if one != line), line]
        write_text(path, "".join(f"{one}\n" for one in lines))


def command_line(args: argparse.Namespace) -> str:
    """As it can be pasted into a shell."""
    return f"{args.command} {shlex.join(args.argv)}"


def told(args: argparse.Namespace, names: Sequence[str]) -> dict[str, object]:
    """{flag: value} of these flags, for the text of a picture: what is left out is not in it, nor are seeds beside latents."""
    latents = vars(args).get("latents")
    given = {name: vars(args)[name] for name in names if name != "seeds" or not latents}
    return {name: value for name, value in given.items() if value is not None}


def check_out(out: Path, ckpt: str) -> None:
    """Raises InputError for an --out that would replace the network it is made from."""
    if out.exists() and Path(ckpt).exists() and out.samefile(ckpt):
        raise InputError(f"--out {out}: is the checkpoint itself; name another file")


def existing_file(text: str) -> Path:
    """For `type=`: a path that must name a file."""
    path = Path(text)
    if not path.is_file():
        what = "is a folder; name a file" if path.is_dir() else "not an ordinary file" if path.exists() else "no such file"
        raise argparse.ArgumentTypeError(f"{text}: {what}")
    return path


def new_file(text: str) -> Path:
    """For `type=`: a path that may not name a folder, which would be found out after all the work."""
    if Path(text).is_dir():
        raise argparse.ArgumentTypeError(f"{text}: is a folder; name a file")
    return Path(text)


def out_folder(text: str) -> Path:
    """For `type=`: a folder to write into, there or still to be made; what forbids it is said before the work."""
    there = next(place for place in (Path(text), *Path(text).absolute().parents) if place.exists())
    if not there.is_dir():
        raise argparse.ArgumentTypeError(
            f"{text}: {'' if there == Path(text) else f'{there} '}is no folder; name another place"
        )
    if not os.access(there, os.W_OK | os.X_OK):
        raise argparse.ArgumentTypeError(f"{text}: not permitted; name a place that is yours to write")
    return Path(text)


def count_or_off(text: str) -> int:
    """For `type=`: a whole number from 1 on, or -1 for off."""
    try:
        value = int(text)
    except ValueError:
        value = 0
    if value < 1 and value != -1:
        raise argparse.ArgumentTypeError(f"{text}: expected 1 or more, or -1 for off")
    return value


def number(kind: type = float, least: float | None = None, most: float | None = None, above: float | None = None):
    """For `type=`: an int or float within limits, and those of tensors, e.g. number(int, least=1)."""
    beyond = 2**63 if kind is int else LARGEST_FLOAT
    limits = [f"at least {least}"] * (least is not None) + [f"above {above}"] * (above is not None)
    limits += [f"at most {most}"] * (most is not None)

    def convert(text: str):
        try:
            value = kind(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is not {'a whole number' if kind is int else 'a number'}") from None
        within = (least is None or value >= least) and (above is None or value > above) and (most is None or value <= most)
        if not within or not abs(value) < beyond:  # nan neither
            told = " and ".join(limits) if limits and not within else "finite, and a number that tensors hold"
            raise argparse.ArgumentTypeError(f"{text}: must be {told}")
        return value

    return convert


def numbers(kind: type = float, **limits: float) -> Callable[[str], list]:
    """For `type=`: several with commas between, "1,10,50"; limits: of each, as of `number`"""
    convert = number(kind, **limits)
    return lambda text: [convert(part) for part in text.split(",")]


def some_of(choices: Collection[str], flag: str, text: str | None) -> list[str]:
    """The names that a flag lists, "fid,kid"; None: all there are. Raises InputError for one that is not among the choices."""
    names = [*choices] if text is None else [name.strip() for name in text.split(",")]
    if unknown := [name for name in names if name not in choices]:
        raise InputError(f"{flag} {unknown[0]}: choose from {', '.join(choices)}")
    return names


def series(text: str) -> list[float]:
    """For `type=`: numbers with commas between, or the ends of evenly spaced ones and how many there are, FIRST:LAST:COUNT.

    >>> series("-1:1:5"), series("0,0.5")
    ([-1.0, -0.5, 0.0, 0.5, 1.0], [0.0, 0.5])
    """
    if ":" not in text:
        return numbers()(text)
    parts = text.split(":")
    if len(parts) != 3:
        raise argparse.ArgumentTypeError(f"{text}: expected FIRST:LAST:COUNT, such as -1:1:9")
    first, last, count = number()(parts[0]), number()(parts[1]), number(int, least=2, most=1000)(parts[2])
    return [first + (last - first) * step / (count - 1) for step in range(count)]
