"""The table of formats: a row for each, and no error where none is promised."""

import prepare_data
from benchmarks import formats
from tests.commands import run


def test_exact_formats_are_exact_and_every_format_has_a_row(capsys):
    run(formats, "--size", 16, "--count", 2, "--rounds", 1)
    rows = [line.strip("| ").split(" | ") for line in capsys.readouterr().out.splitlines()[2:]]
    assert [row[1] for row in rows] == [*prepare_data.ENCODINGS] * 2
    assert {row[1] for row in rows if row[-1] == "0"} == {"webp", "png"}
