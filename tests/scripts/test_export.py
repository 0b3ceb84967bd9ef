"""scripts.export: which network becomes a file, and what is refused."""

import pytest
import torch

import checkpoint
import shipped
from exporting import files
from inversion import files as encoders
from scripts import export
from tests.commands import failure, run
from tests.networks import child_of, tiny_encoder, tiny_generator
from translation.networks import Generator as Translator

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxscript")
pytest.importorskip("onnxruntime")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """s.pt, its child t.pt, and e.pt, their encoder; wide.pt of 32 px; u.pt, a U-GAT-IT; text.pt."""
    folder = tmp_path_factory.mktemp("place")
    source = tiny_generator(0)
    checkpoint.write(folder / "s.pt", {"g_ema": source.state_dict()})
    checkpoint.write(folder / "t.pt", {"g_ema": child_of(source).state_dict()})
    checkpoint.write(folder / "wide.pt", {"g_ema": tiny_generator(size=32).state_dict()})
    encoders.write(folder / "e.pt", tiny_encoder(home=checkpoint.fingerprint(source.state_dict())))
    torch.manual_seed(0)
    torch.save({"genA2B": Translator(4, 1, 16, light=True).state_dict()}, folder / "u.pt")
    (folder / "text.pt").write_text("no network")
    return folder


def told(path) -> dict[str, str]:
    return {one.key: one.value for one in onnx.load(path).metadata_props}


def test_a_pair_and_its_encoder_become_one_file_that_names_them(place, tmp_path, capsys):
    words = [tmp_path / "c.onnx", "--source", place / "s.pt", "--target", place / "t.pt", "--encoder", place / "e.pt"]
    run(export, *words, "--swap", 8, "--truncation", 0.8, "--licence", "CC0", "--half")
    said = capsys.readouterr().out.splitlines()
    assert said[-1] == str(tmp_path / "c.onnx") and "differs from PyTorch by up to" in said[-2]
    facts = told(tmp_path / "c.onnx")
    assert facts["source"] == f"s.pt {checkpoint.fingerprint(checkpoint.read(place / 's.pt').generator().state_dict())}"
    assert facts["target"].startswith("t.pt ") and facts["encoder"].startswith("e.pt ")
    assert (facts["swap"], facts["truncation"], facts["reach"], facts["licence"]) == ("8", "0.8", "1.5", "CC0")
    assert "exists; give --overwrite" in failure(capsys, export, *words)


def test_networks_that_come_along_need_no_name(place, tmp_path, monkeypatch):
    for name, file in (("PHOTO", "s.pt"), ("CARTOON", "t.pt")):
        monkeypatch.setattr(shipped, name, place / file)
    monkeypatch.setattr(shipped, "ENCODERS", {place / "s.pt": place / "e.pt"})
    facts = {}
    monkeypatch.setattr(files, "write", lambda path, network, told, half: facts.update(told) or files.Written(0, 0, 0))
    run(export, tmp_path / "c.onnx")
    assert [facts[name].split()[0] for name in ("source", "target", "encoder")] == ["s.pt", "t.pt", "e.pt"]


@pytest.mark.parametrize(
    "words, kind, first",
    [
        (["--ckpt", "{s}", "--space", "z", "--no_noise"], "latent to picture", "input z"),
        (["--translator", "{u}", "--size", "24"], "picture to picture", "input photo"),
    ],
)
def test_others_become_a_file_as_well(place, tmp_path, words, kind, first):
    run(export, tmp_path / "f.onnx", *[word.format(s=place / "s.pt", u=place / "u.pt") for word in words])
    facts = told(tmp_path / "f.onnx")
    assert facts["kind"] == kind and first in facts and facts["size"] == ("24" if "--size" in words else "16")


@pytest.mark.parametrize(
    "words, expected",
    [
        (["o.pt"], ["o.pt", ".onnx"]),
        (["o.onnx", "--source", "{s}", "--target", "{t}"], ["--source", "--encoder", "scripts.train_encoder"]),
        (["o.onnx", "--source", "{s}", "--target", "{wide}", "--encoder", "{e}"], ["--target", "32 px"]),
        (["o.onnx", "--source", "{wide}", "--target", "{wide}", "--encoder", "{e}"], ["--encoder", "16 px"]),
        (["o.onnx", "--source", "{s}", "--target", "{t}", "--encoder", "{s}"], ["--encoder", "no encoder of this kind"]),
        (["o.onnx", "--ckpt", "{text}"], ["--ckpt", "text.pt"]),
        (["o.onnx", "--ckpt", "{u}"], ["--ckpt", "u.pt"]),
        (["o.onnx", "--translator", "{s}"], ["--translator", "no U-GAT-IT translator"]),
        (["o.onnx", "--translator", "{u}", "--direction", "B2A"], ["--translator", "no genB2A"]),
        (["o.onnx", "--translator", "{u}", "--size", "18"], ["--size 18", "divisible by 4"]),
        (["o.onnx", "--translator", "{u}", "--ckpt", "{s}"], ["--ckpt", "--translator"]),
        (["{text}/o.onnx", "--ckpt", "{s}"], ["text.pt", "name another place"]),
    ],
    ids=lambda words: " ".join(words),
)
def test_wrong_input_gets_one_line_and_writes_nothing(place, tmp_path, capsys, words, expected):
    networks = {name: place / f"{name}.pt" for name in ("s", "t", "e", "u", "wide", "text")}
    given = [word.format(**networks) for word in words]
    message = failure(capsys, export, tmp_path / given[0], *given[1:]).splitlines()[-1]
    assert message.startswith("export: ") and all(part in message for part in expected)
    assert not [*tmp_path.iterdir()]
