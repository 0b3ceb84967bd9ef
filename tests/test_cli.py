"""What the commands share: spellings, advice, --config, limits, and errors in one line."""

import argparse
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import cli
import shipped
from errors import InputError

ROOT = Path(__file__).parent.parent


def parser() -> cli.Parser:
    parser = cli.Parser("Cook something.", "python -m scripts.cook [flags] DISH")
    add = parser.add_argument_group("cooking").add_argument
    add("dish", nargs="?")
    add("--cook_time", type=cli.number(float, above=0), default=1.0)
    add("--guests", type=cli.number(int, least=1, most=9), default=2)
    add("--spices", default="")
    add("--shift", type=float, default=0.0)
    add("--hot", action="store_true")
    add("--recipe", type=cli.existing_file)
    add("--resume", nargs="?", const="latest")
    add("--pots", nargs="+")
    add("--drinks", nargs="+", action="extend")
    return parser


def parse(*words: object):
    return parser().parse_args([str(word) for word in words])


def refusal(capsys, *words: object) -> str:
    """The one line about words that cannot be parsed."""
    with pytest.raises(SystemExit) as stop:
        parse(*words)
    said = capsys.readouterr()
    assert stop.value.code == 2
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert said.err.startswith("cook: ") and said.err.endswith("; --help lists the flags\n")
    return said.err


def config(tmp_path, text: str) -> Path:
    path = tmp_path / "cook.toml"
    path.write_text(text)
    return path


@pytest.mark.parametrize("words", [["--cook_time", "3"], ["--cook-time", "3"], ["--cook_time=3"], ["--cook-time=3"]])
def test_flags_are_understood_with_hyphens_and_with_equals_signs(words):
    assert parse(*words).cook_time == 3
    assert parse("soup", *words, "--hot").dish == "soup"


def test_values_keep_their_hyphens():
    args = parse("two-course-dish", "--spices", "bay-leaf", "--cook-time=2")
    assert (args.dish, args.spices) == ("two-course-dish", "bay-leaf")


def test_a_value_that_looks_like_a_flag_follows_an_equals_sign(capsys):
    assert parse("--spices=--cook-time").spices == "--cook-time"
    assert parse("--shift", -1.5).shift == parse("--shift=-1.5").shift == -1.5
    assert "--spices: expected a value (write --flag=-1 when" in refusal(capsys, "--spices", "--hot")
    assert "--spices: expected a value" in refusal(capsys, "--spices")


@pytest.mark.parametrize("word", ["--cook_tiem", "--cook-tiem", "--coook-time=3", "-cook_time", "--cook"])
def test_a_misspelled_flag_is_answered_with_the_nearest_one(capsys, word):
    assert refusal(capsys, "soup", word).startswith(f"cook: {word.split('=')[0]}: no such flag; did you mean --cook_time?")


@pytest.mark.parametrize("words", [[""], ["--pots", "a", ""], ["--recipe="], ["--drinks", ""]], ids=str)
def test_an_empty_word_is_no_value(capsys, words):
    assert "an empty word; name something (is a variable of the shell unset?)" in refusal(capsys, *words)
    assert parse("soup").spices == ""


def test_a_file_whose_name_begins_like_a_flag_is_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("-d.png", "--e.png", "--guests.png"):
        Path(name).write_text("")
        assert parse("--guests", 3, name).dish == f"./{name}"
        assert parse("--", name).dish.removeprefix("./") == name
    Path("-h.png").write_text("")  # begins with a flag that there is
    assert cli.Parser("", "x")._as_path("-h.png") == "-h.png"


def test_a_flag_like_no_other_gets_no_advice(capsys):
    assert refusal(capsys, "--zzz") == "cook: --zzz: no such flag; --help lists the flags\n"


def test_flags_are_not_abbreviated(capsys):
    assert "--gues: no such flag; did you mean --guests?" in refusal(capsys, "--gues", "3")


def test_one_argument_too_many_is_named(capsys):
    assert refusal(capsys, "soup", "salad") == "cook: salad: one argument too many; --help lists the flags\n"


def test_a_misspelled_flag_that_is_required_is_answered_with_the_nearest_one(capsys):
    strict = cli.Parser("", "python -m scripts.cook")
    strict.add_argument("--ckpt", required=True)
    with pytest.raises(SystemExit):
        strict.parse_args(["--chkpt", "a.pt"])
    assert "--chkpt: no such flag; did you mean --ckpt?" in capsys.readouterr().err


def test_whoever_names_no_network_hears_of_the_one_that_comes_along(capsys):
    strict = cli.Parser("", "python -m scripts.cook")
    strict.add_argument("--ckpt", required=True)
    with pytest.raises(SystemExit):
        strict.parse_args([])
    assert "required: --ckpt; demo/photo64.pt comes along" in capsys.readouterr().err
    assert Path(os.path.relpath(ROOT / shipped.EXAMPLE)) == shipped.PHOTO and shipped.PHOTO.is_file()


def test_help_begins_with_the_usage_and_the_description(capsys):
    with pytest.raises(SystemExit) as stop:
        parse("--help")
    assert stop.value.code == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "usage: python -m scripts.cook [flags] DISH"
    assert "Cook something." in lines
    assert any(line.strip().startswith("--config FILE.toml") for line in lines)


@pytest.mark.parametrize(
    "usage, name",
    [
        ("python train.py [flags] LMDB", "train.py"),
        ("python -m scripts.generate [flags]", "generate"),
        ("python -m studies.sefa [flags]", "studies.sefa"),
        ("python a.py", "a.py"),
    ],
)
def test_messages_begin_with_the_name_of_the_command(usage, name):
    assert cli.Parser("", usage).prog == name


def test_the_words_are_kept_as_they_were_understood(tmp_path):
    path = config(tmp_path, "guests = 3")
    assert parse("--config", path, "--cook-time=2").argv == ["--config", str(path), "--cook_time=2"]


def test_config_gives_values_of_every_kind(tmp_path):
    text = 'cook-time = 2.5\nguests = 4\nspices = ["salt", "mace", 3]\nhot = true\nshift = -1e-3 # cold\nresume = "old.pt"\n'
    args = parse("--config", config(tmp_path, text))
    assert (args.cook_time, args.guests, args.spices, args.hot) == (2.5, 4, "salt,mace,3", True)
    assert (args.shift, args.resume) == (-0.001, "old.pt")


def test_flags_of_several_words_take_lists_of_a_config(tmp_path):
    path = config(tmp_path, 'pots = ["red", 2]\ndrinks = ["ann,e", "bert"]')
    args = parse("soup", "--config", path)
    assert (args.pots, args.drinks, args.dish) == (["red", "2"], ["ann,e", "bert"], "soup")


def test_flags_that_collect_take_all_of_the_command_line_and_then_none_of_a_config(tmp_path):
    path = config(tmp_path, 'drinks = ["anne", "bert"]')
    args = parse("soup", "--drinks", "carl", "dora", "--drinks=eve", "--config", path)
    assert args.drinks == ["carl", "dora", "eve"]


def test_config_that_says_false_leaves_a_flag_out(tmp_path):
    assert parse("--config", config(tmp_path, "hot = false")).hot is False


def test_what_was_given_is_told_from_what_was_left_alone(tmp_path):
    path = config(tmp_path, "guests = 3\nhot = false")
    assert parser().given(["--config", str(path), "--cook_time=2.5", "soup"]) == {
        "config",
        "guests",
        "hot",
        "cook_time",
        "dish",
    }
    assert parser().given(["soup"]) == {"dish"}


@pytest.mark.parametrize("spelling", ["--guests", "--guests="])
def test_command_line_wins_over_config_wherever_it_stands(tmp_path, spelling):
    flags = ["--guests=5"] if spelling.endswith("=") else ["--guests", "5"]
    named = ["--config", config(tmp_path, "guests = 3\ncook_time = 7")]
    for words in ([*named, *flags], [*flags, *named]):
        args = parse(*words, "soup")
        assert (args.guests, args.cook_time, args.dish) == (5, 7, "soup")


@pytest.mark.parametrize(
    "text, words",
    [
        ("guest = 3", ["guest: no such flag; did you mean --guests?"]),
        ("[kitchen]\nguests = 3", ["kitchen: no such flag"]),
        ("guests = [1", ["cook.toml", "Unclosed array"]),
        ("guests = 12", ["--guests: 12: must be at least 1 and at most 9"]),
        ("guests = 1.5", ["--guests", "not a whole number"]),
        ("guests = true", ["--guests: expected a value"]),
        ("hot = 'yes'", ["--hot", "'yes'"]),
        ("cook_time = nan", ["--cook_time: nan: must be above 0"]),
    ],
)
def test_config_that_cannot_be_used_is_refused_in_one_line(tmp_path, capsys, text, words):
    message = refusal(capsys, "--config", config(tmp_path, text))
    for word in words:
        assert word in message


@pytest.mark.parametrize("words", [["--config", "missing.toml"], ["--config"]], ids=" ".join)
def test_config_that_does_not_exist_is_refused_in_one_line(capsys, words):
    assert "--config" in refusal(capsys, "soup", *words)


def test_config_that_is_no_text_is_refused_in_one_line(tmp_path, capsys):
    path = tmp_path / "cook.toml"
    path.write_bytes(b"\xff\xfe\x00")
    assert "cook.toml" in refusal(capsys, "--config", path)


def test_config_true_does_not_swallow_the_first_argument(tmp_path):
    args = parse("soup", "--config", config(tmp_path, "resume = true"))
    assert (args.resume, args.dish) == ("latest", "soup")


@pytest.mark.parametrize(
    "limits, good, bad, message",
    [
        ({"kind": int, "least": 1}, ["1", "99"], ["0", "-3"], "must be at least 1"),
        ({"least": 0, "most": 1}, ["0", "1", "0.5", "1e-9"], ["-0.1", "1.1", "nan", "inf", "-inf"], "at least 0 and at most 1"),
        ({"above": 0}, ["1e-9", "3"], ["0", "-0.0", "-1", "nan"], "must be above 0"),
        ({"above": 0, "most": 2}, ["2"], ["0", "2.1", "inf"], "must be above 0 and at most 2"),
        ({"kind": int}, ["5", "-5"], ["1.5", "x", "", "nan", "inf"], "is not a whole number"),
        ({}, ["-1e3", "5"], ["x", "", "1,5"], "is not a number"),
    ],
    ids=["least", "least and most", "above", "above and most", "int", "float"],
)
def test_numbers_are_converted_within_their_limits(limits, good, bad, message):
    convert = cli.number(**limits)
    kind = limits.get("kind", float)
    for text in good:
        value = convert(text)
        assert type(value) is kind and value == float(text)
    for text in bad:
        with pytest.raises(argparse.ArgumentTypeError, match=message):
            convert(text)


@pytest.mark.parametrize("limits, text", [({}, "nan"), ({}, "inf"), ({"above": 0}, "inf"), ({"most": 1}, "-inf")], ids=str)
def test_numbers_are_finite(limits, text):
    with pytest.raises(argparse.ArgumentTypeError):
        cli.number(**limits)(text)


@pytest.mark.parametrize("kind, most, beyond", [(int, 2**63 - 1, 2**63), (int, -(2**63) + 1, -(10**30)), (float, 1e38, 1e39)])
def test_numbers_are_what_tensors_hold(kind, most, beyond):
    value = cli.number(kind)(str(most))
    assert torch.tensor(value, dtype=torch.float32 if kind is float else torch.int64).isfinite() and value == most
    with pytest.raises(argparse.ArgumentTypeError, match="a number that tensors hold"):
        cli.number(kind)(str(beyond))


def test_a_new_file_is_no_folder(tmp_path):
    assert cli.new_file(str(tmp_path / "new.pt")) == tmp_path / "new.pt"
    with pytest.raises(argparse.ArgumentTypeError, match="is a folder; name a file"):
        cli.new_file(str(tmp_path))


def test_a_folder_to_write_into_is_there_or_can_be_made(tmp_path, monkeypatch):
    (tmp_path / "pie").write_text("")
    assert cli.out_folder(str(tmp_path)) == tmp_path and cli.out_folder("new/er") == Path("new/er")
    for text, told in (
        (tmp_path / "pie", "pie: is no folder"),
        (tmp_path / "pie/a/b", "pie is no folder"),
        ("/dev/null", "is no"),
    ):
        with pytest.raises(argparse.ArgumentTypeError, match=told):
            cli.out_folder(str(text))
    monkeypatch.setattr(cli.os, "access", lambda *_: False)
    with pytest.raises(argparse.ArgumentTypeError, match="not permitted"):
        cli.out_folder(str(tmp_path / "new"))


@pytest.mark.parametrize("text, expected", [("0.5", [0.5]), ("-1,1", [-1, 1]), ("-1:1:3", [-1, 0, 1]), ("1:0:2", [1, 0])])
def test_a_series_is_a_list_or_a_range(text, expected):
    assert cli.series(text) == expected


def test_an_existing_file_is_a_path(tmp_path, capsys):
    path = config(tmp_path, "")
    assert parse("--recipe", path).recipe == path
    wrong = {tmp_path: "is a folder; name a file", "/dev/null": "not an ordinary file", tmp_path / "missing": "no such file"}
    for other, why in wrong.items():
        assert f"--recipe: {other}: {why}" in refusal(capsys, "--recipe", other)


def test_a_picture_tells_what_was_given_and_of_seeds_and_latents_the_one_that_was_drawn():
    args = argparse.Namespace(seeds="0-3", latents=None, truncation=0.0, cutoff=None, loop=False)
    assert cli.told(args, vars(args)) == {"seeds": "0-3", "truncation": 0.0, "loop": False}
    args.latents = ["me.pt"]
    assert cli.told(args, ("latents", "seeds")) == {"latents": ["me.pt"]}


def because(error: Exception, cause: BaseException) -> Exception:
    error.__cause__ = cause
    return error


def raising(error: BaseException):
    def main(_):
        raise error

    return main


@pytest.mark.parametrize(
    "error, message",
    [
        (InputError("--dish stone: not edible"), "cook: --dish stone: not edible"),
        (InputError("two\n  lines"), "cook: two lines"),
        (FileNotFoundError(2, "No such file or directory", "pan"), "cook: [Errno 2] No such file or directory: 'pan'"),
        (FileExistsError(17, "File exists", "pan"), "cook: pan: is no folder, and one is needed there; name another place"),
        (IsADirectoryError(21, "Is a directory", "pan"), "cook: pan: is a folder, and a file is needed there; name a file"),
        (
            OSError(28, "No space left on device"),
            "cook: not written (No space left on device); make room, or name another place",
        ),
        (OSError(27, "File too large", "pie"), "cook: pie: not written (File too large); make room, or name another place"),
        (KeyboardInterrupt(), "cook: interrupted"),
        (because(RuntimeError("Error calling __set_name__"), KeyboardInterrupt()), "cook: interrupted"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_failures_end_in_one_line(capsys, error, message):
    with pytest.raises(SystemExit) as stop:
        cli.run(raising(error), parser(), [])
    assert stop.value.code == message  # which Python prints on stderr, with status 1
    assert capsys.readouterr() == ("", "")


def test_debug_shows_the_traceback_before_the_line(capsys):
    with pytest.raises(SystemExit) as stop:
        cli.run(raising(InputError("no salt")), parser(), ["--debug"])
    assert stop.value.code == "cook: no salt"
    shown = capsys.readouterr().err
    assert shown.startswith("Traceback") and "in main" in shown and "InputError: no salt" in shown


def test_mistakes_of_the_program_are_not_hidden():
    for bug in (ValueError("a bug"), RuntimeError("a bug")):
        with pytest.raises(type(bug), match="a bug"):
            cli.run(raising(bug), parser(), [])


def test_the_written_path_is_the_last_line(capsys):
    def main(args):
        print("cooking", args.dish)
        return Path("out") / args.dish

    cli.run(main, parser(), ["soup"])
    assert capsys.readouterr().out.splitlines() == ["cooking soup", "out/soup"]


def test_a_command_that_writes_nothing_prints_no_path(capsys):
    cli.run(lambda _: None, parser(), [])
    assert capsys.readouterr().out == ""


def test_every_command_of_a_folder_is_kept_once_and_the_latest_is_last(tmp_path):
    for words in (["soup"], ["a stew"], ["soup"], ["caf\udce9"]):  # the last is a name that is no UTF-8
        cli.save_command(parse(*words), tmp_path / "new")
    lines = (tmp_path / "new" / "command.txt").read_bytes().splitlines()
    assert lines == [b"python -m scripts.cook " + words for words in (b"'a stew'", b"soup", b"'caf\xe9'")]


def without_reader(*words: str) -> subprocess.CompletedProcess:
    """Run Python with a standard output that nobody reads."""
    reading, writing = os.pipe()
    os.close(reading)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    try:
        return subprocess.run([sys.executable, *words], stdout=writing, stderr=subprocess.PIPE, cwd=ROOT, env=environment)
    finally:
        os.close(writing)


def program(body: str) -> list[str]:
    return ["-c", f"import cli\ncli.run(lambda args: {body}, cli.Parser('', 'python a.py'), [])"]


def test_a_reader_that_has_seen_enough_is_no_error():
    done = without_reader(*program("[print('line', flush=True) for _ in range(10_000)] and None"))
    assert (done.returncode, done.stderr) == (0, b"")


def test_help_can_be_cut_short():
    command = f"{sys.executable} -m scripts.generate --help | head -1"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, cwd=ROOT)
    assert (done.stdout, done.stderr) == ("usage: python -m scripts.generate [flags] --ckpt FILE\n", "")


@pytest.mark.parametrize("words", [program("'a path'"), ["-m", "scripts.generate", "--help"]], ids=["path", "help"])
def test_a_reader_that_left_before_the_end_is_no_error(words):
    done = without_reader(*words)
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_name_that_the_output_cannot_write_ends_no_work(monkeypatch):
    out = io.TextIOWrapper(io.BytesIO(), "ascii")
    monkeypatch.setattr(sys, "stdout", out)
    cli.run(lambda args: Path("ü", os.fsdecode(b"\xe9.png")), parser(), [])
    assert out.buffer.getvalue() == rb"\xfc/\udce9.png" + b"\n"


def needy(later: bool = False) -> cli.Parser:
    parser = cli.Parser("Bake.", "python bake.py [flags]", later)
    for flag in ("--icing", "--colours", "--layers"):
        parser.add_argument(flag)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--raw", action="store_true")
    with parser.needing("--icing"):
        parser.add_argument("--sugar", action="store_true")
    parser.needs("--colours", "--icing thin", "--layers")
    parser.idle_with("--minutes", "--raw", "--layers 0")
    return parser


@pytest.mark.parametrize(
    "words, told",
    [
        ("--sugar", "--sugar: has no effect without --icing; give both, or leave it out"),
        ("--colours red", "--colours red: has no effect without --icing thin or --layers; give both, or leave it out"),
        ("--colours red --icing thick", "--colours red: has no effect without --icing thin or --layers"),
        ("--minutes 5 --raw", "--minutes 5.0: has no effect with --raw; leave one out"),
        ("--layers 0 --minutes 5", "--minutes 5.0: has no effect with --layers 0; leave one out"),
    ],
)
def test_a_flag_that_would_do_nothing_is_refused(capsys, words, told):
    with pytest.raises(SystemExit):
        needy().parse_args(words.split())
    assert f"bake.py: {told}" in capsys.readouterr().err
    assert needy().idle(needy(later=True).parse_args(words.split())).startswith(told)


@pytest.mark.parametrize(
    "words",
    [
        "--sugar --icing thick",
        "--colours red --icing thick,thin",
        "--colours red --layers 3",
        "--minutes 5",
        "--minutes 30 --raw",
    ],
)
def test_a_flag_that_does_something_or_says_what_is_so_is_taken(words):
    assert needy().parse_args(words.split()).given >= {words.split()[0].strip("-")}


@pytest.mark.parametrize(
    "seeds, latents, message",
    [
        ("0-3", None, "--seeds 0-3: too many"),
        ("0-3", ["a.pt", "b.pt"], "--latents a.pt b.pt: too many"),
        (None, None, "--seeds: too many"),
    ],
)
def test_the_flag_that_gave_something_is_named(seeds, latents, message):
    args = argparse.Namespace(seeds=seeds, latents=latents)
    with pytest.raises(InputError) as caught, cli.named_by(args, "latents", "seeds"):
        raise InputError("too many")
    assert str(caught.value) == message


def test_of_several_files_the_one_that_is_wrong_is_named():
    with pytest.raises(InputError) as caught, cli.named_by(argparse.Namespace(latents=["a.pt", "b.pt"]), "latents"):
        raise InputError("b.pt: no such file")
    assert str(caught.value) == "--latents b.pt: no such file"


def test_a_value_is_read_for_its_flag():
    assert cli.read("--eggs", "3", int) == 3 and cli.read("--eggs", "11", int, base=2) == 3

    def spoilt(text):
        raise InputError(f"{text}: not edible")

    with pytest.raises(InputError, match=r"^--eggs 3: not edible$"):
        cli.read("--eggs", "3", spoilt)
