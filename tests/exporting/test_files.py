"""A file of ONNX does what the network does, for any number of pictures, and says what it is; or there is none."""

import sys
from pathlib import Path

import pytest
import torch

from errors import InputError
from exporting import files
from exporting.networks import Drawing, PhotoToCartoon, Translation
from tests.networks import tiny_encoder, tiny_generator, tiny_generator1
from translation.networks import Generator as Translator

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")


def cartoons() -> PhotoToCartoon:
    """8 px, so that it is recorded soon."""
    return PhotoToCartoon(tiny_generator(0, 8), tiny_generator(1, 8), tiny_encoder(4, size=8, passes=2))


def translation() -> Translation:
    torch.manual_seed(0)
    return Translation(Translator(4, 1, 16, light=True), 16)


def run(path: Path, inputs: tuple[torch.Tensor, ...], names) -> list[torch.Tensor]:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return [*map(torch.from_numpy, session.run(None, {name: one.numpy() for name, one in zip(names, inputs, strict=True)}))]


KINDS = {
    "photo to cartoon": cartoons,
    "z and psi": lambda: Drawing(tiny_generator(), "z"),
    "StyleGAN1": lambda: Drawing(tiny_generator1()),
    "translator": translation,
}


@pytest.mark.parametrize("kind", KINDS)
@torch.no_grad()
def test_a_file_gives_what_the_network_gives_for_any_number_of_pictures(tmp_path, kind):
    network, path = KINDS[kind](), tmp_path / "new" / "file.onnx"
    written = files.write(path, network, {"licence": "MIT"})
    assert written.error <= files.TOLERANCE and written.size == path.stat().st_size
    assert [one.name for one in path.parent.iterdir()] == ["file.onnx"]
    for count in (1, 2, 5):
        inputs = network.examples(count)
        given, expected = run(path, inputs, network.inputs), network(*inputs)
        for one, other in zip(given, (expected,) if isinstance(expected, torch.Tensor) else expected, strict=True):
            torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4)
    model = onnx.load(path)
    assert model.opset_import[0].version >= 17 and not any(node.metadata_props or node.doc_string for node in model.graph.node)
    told = {one.key: one.value for one in model.metadata_props}
    assert (told["kind"], told["size"], told["licence"]) == (network.kind, str(network.size), "MIT")
    assert f"torch {torch.__version__.split('+')[0]}" in told["made_by"]
    assert {f"input {name}" for name in network.inputs} | {f"output {name}" for name in network.outputs} <= told.keys()


@torch.no_grad()
def test_half_precision_is_kept_in_the_file_and_computed_with_in_float32(tmp_path):
    exact, path = Drawing(tiny_generator()), tmp_path / "file.onnx"
    expected = exact(*exact.examples(2))
    written = files.write(path, Drawing(tiny_generator()), {}, half=True)
    (given,) = run(path, exact.examples(2), exact.inputs)
    assert 0 < (given - expected).abs().max() <= written.rounding + 1e-5 and written.error <= files.TOLERANCE
    kinds = {tensor.data_type for tensor in onnx.load(path).graph.initializer if tensor.dims and max(tensor.dims) > 64}
    assert kinds <= {onnx.TensorProto.FLOAT16}


def test_numbers_beyond_half_precision_are_no_half(tmp_path):
    generator = tiny_generator()
    generator.conv1.activate.bias.data[0] = 1e6
    with pytest.raises(InputError, match=r"conv1\.activate\.bias: .* beyond those of half precision"):
        files.write(tmp_path / "file.onnx", Drawing(generator), {}, half=True)
    assert not [*tmp_path.iterdir()]


def test_more_weights_than_a_file_holds_are_refused_before_the_work(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "LARGEST", 1000)
    with pytest.raises(InputError, match="more than a file of ONNX holds"):
        files.write(tmp_path / "file.onnx", Drawing(tiny_generator()), {})
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize("differs", [1e-3, float("nan")])
def test_a_file_that_does_not_agree_is_left_out_and_an_earlier_one_stays(tmp_path, monkeypatch, differs):
    (tmp_path / "file.onnx").write_text("earlier")
    given = files._run
    monkeypatch.setattr(files, "_run", lambda *what: [one + differs for one in given(*what)])
    with pytest.raises(InputError, match=r"file\.onnx: not written: .* differs from PyTorch by (0\.001|nan)"):
        files.write(tmp_path / "file.onnx", Drawing(tiny_generator()), {})
    assert [(one.name, one.read_text()) for one in tmp_path.iterdir()] == [("file.onnx", "earlier")]


def test_what_cannot_be_recorded_gets_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr(Drawing, "forward", lambda self, w_plus: w_plus.no_such_thing())
    with pytest.raises(InputError, match=r"PyTorch cannot record this network: .*no_such_thing.*onnxscript \d"):
        files.write(tmp_path / "file.onnx", Drawing(tiny_generator()), {})
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize("name", files.PACKAGES)
def test_a_missing_package_is_named_with_the_extra_that_brings_it(tmp_path, monkeypatch, name):
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(InputError, match=rf"pip install -e \.\[onnx\] .*{name}"):
        files.write(tmp_path / "file.onnx", Drawing(tiny_generator()), {})
