"""What a message says, and who says it: the library what is wrong, the command which flag."""

import pytest

from errors import InputError, helped, named, reading


class Special(InputError):
    pass


@pytest.mark.parametrize(
    "what, message, whole",
    [
        ("--seeds 3-1", "the last comes before the first", "--seeds 3-1: the last comes before the first"),
        ("--ckpt a.pt", "a.pt: no such file", "--ckpt a.pt: no such file"),
        ("--ckpt ./a.pt", "a.pt: no such file", "--ckpt a.pt: no such file"),
        ("--ckpt a.pt", "a.pth: no such file", "--ckpt a.pt: a.pth: no such file"),
        ("g_ema", "g_ema: twice", "g_ema: g_ema: twice"),
    ],
)
def test_the_name_stands_before_the_message_once(what, message, whole):
    with pytest.raises(Special) as caught, named(what):
        raise Special(message)
    assert str(caught.value) == whole


def test_the_flags_of_a_remedy_are_added_to_errors_of_its_kind():
    for error, whole in ((Special("take fewer"), "take fewer (--seeds)"), (InputError("none"), "none")):
        with pytest.raises(type(error)) as caught, helped(Special, "--seeds"):
            raise error
        assert str(caught.value) == whole


@pytest.mark.parametrize(
    "error, reason",
    [
        (InputError("damaged\n\x1b" + "x" * 400), "damaged??"),
        (OSError(5, "Input/output error"), "Input/output error"),
        (MemoryError(), "not enough memory to read it"),
    ],
)
def test_whatever_goes_wrong_in_reading_is_one_line_with_the_files_name(tmp_path, error, reason):
    path = tmp_path / "a.pt"
    path.touch()
    with pytest.raises(InputError) as caught, reading(path):
        raise error
    assert str(caught.value).startswith(f"{path}: {reason}") and len(str(caught.value)) < 310 + len(str(path))
    assert str(caught.value).isprintable()


def test_a_file_that_is_not_there_is_said_with_what_helps(tmp_path):
    for path, said in ((tmp_path / "a.pt", "no such file; draw one"), (tmp_path, "not an ordinary file; draw one")):
        with pytest.raises(InputError) as caught, reading(path, missing="draw one"):
            raise AssertionError("it is not read")
        assert str(caught.value) == f"{path}: {said}"
