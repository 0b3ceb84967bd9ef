"""Files from strangers: none runs code, fills the memory or hangs, and each ends in one line."""

import io
import os
import pickle
import resource
import signal
import struct
import time
import zipfile
from pathlib import Path

import pytest
import torch

import checkpoint
from checkpoint import container
from checkpoint.nvidia import generator_to_nvidia
from errors import InputError
from tests.checkpoint import hostile
from tests.checkpoint.files import networks, saved, stream_with_pickle, training_contents, zip_with_pickle
from tests.checkpoint.nvidia_pickle import write_nvidia_pickle
from tests.networks import tiny_generator
from tests.waiting import PATIENCE

SECONDS, BYTES = 30, 4 * 2**30


def pickle_alone(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


CONTAINERS = {"zip": zip_with_pickle, "stream": stream_with_pickle, "pickle": pickle_alone}


def refusal(path: Path) -> str:
    """The one line that ends the reading, within the limits of time and memory."""
    start = time.process_time()  # of this process alone, however busy the machine is
    with pytest.raises(InputError) as caught:
        checkpoint.read(path)
    assert time.process_time() - start < SECONDS
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 < BYTES
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    return message


@pytest.fixture
def canary(tmp_path):
    """A file that only foreign code would create."""
    path = tmp_path / "canary"
    yield path
    assert not path.exists()


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("name", hostile.PICKLES)
def test_pickle_made_by_hand(tmp_path, canary, name, container):
    message = refusal(CONTAINERS[container](tmp_path / "file.pt", hostile.pickled(name, canary)))
    if " " not in name and "." in name:
        assert f"wants to call {name}, " in message


def test_the_canary_would_be_seen(tmp_path):
    """The pickles do what they say, where nothing stops them."""
    for name in ("os.system", "builtins.eval", "STACK_GLOBAL", "INST", "OBJ"):
        path = tmp_path / name
        pickle.Unpickler(io.BytesIO(hostile.pickled(name, path))).load()
        assert path.exists()


@pytest.mark.parametrize("name", ["os.system", "STACK_GLOBAL", "BUILD of a class itself", "a memo of 64 GiB"])
def test_pickle_inside_a_tensor_of_nvidias(tmp_path, canary, name):
    """The data of such a tensor is a file within the file."""
    inner = stream_with_pickle(tmp_path / "inner", hostile.pickled(name, canary)).read_bytes()
    storage = hostile.call("torch.storage._load_from_bytes", b"B" + struct.pack("<I", len(inner)) + inner)
    refusal(pickle_alone(tmp_path / "file.pkl", hostile.PROTO + b"}" + hostile.text("G") + storage + b"s."))


def test_source_text_inside_an_nvidia_pickle_is_not_run(tmp_path, canary):
    state = generator_to_nvidia(tiny_generator().state_dict(), torch.zeros(8))
    path = write_nvidia_pickle(tmp_path / "file.pkl", state, source=f"open({str(canary)!r}, 'w').close()")
    assert checkpoint.read(path).format == "NVIDIA pickle"


def tensor_pickle(shape: tuple, stride: tuple, numel: int, offset: int = 0, **beside) -> bytes:
    """{"g_ema": {"input.input": a tensor of this shape on storage 0}} as torch.save pickles it."""
    storage = b"(" + hostile.text("storage") + hostile.named("torch.FloatStorage") + hostile.text("0") + hostile.text("cpu")
    storage += long(numel) + beside.get("view", b"") + b"tQ"
    tensor = hostile.named("torch._utils._rebuild_tensor_v2") + b"(" + storage + long(offset) + numbers(shape) + numbers(stride)
    tensor += b"\x89" + hostile.named("collections.OrderedDict") + b")RtR"
    return b"\x80\x02}" + hostile.text("g_ema") + b"}" + hostile.text("input.input") + tensor + b"ss."


def long(value: int) -> bytes:
    data = value.to_bytes(16, "little", signed=True)
    return b"\x8a\x10" + data


def numbers(values: tuple) -> bytes:
    return b"(" + b"".join(long(value) for value in values) + b"t"


@pytest.mark.parametrize("container", ["zip", "stream"])
@pytest.mark.parametrize(
    ("shape", "stride", "numel", "offset"),
    [
        ((10**6, 10**6), (10**6, 1), 100, 0),
        ((10**6, 10**6), (0, 0), 100, 0),
        ((2**40,), (0,), 100, 0),
        ((10,), (1,), 2**40, 0),
        ((2**33,), (1,), 2**33, 0),
        ((10,), (1,), 2**80, 0),
        ((10,), (1,), -5, 0),
        ((10,), (1,), 100, 95),
        ((10,), (1,), 100, -1),
        ((10,), (-1,), 100, 50),
        ((-10,), (1,), 100, 0),
        ((10, 10), (1,), 100, 0),
    ],
)
def test_tensor_that_is_larger_than_its_data(tmp_path, container, shape, stride, numel, offset):
    if container == "zip":
        path = zip_with_pickle(tmp_path / "file.pt", tensor_pickle(shape, stride, numel, offset), (bytes(400),))
    else:
        data = tensor_pickle(shape, stride, numel, offset, view=b"N")
        path = stream_with_pickle(tmp_path / "file.pt", data)
        keys = hostile.plain(["0"]) + struct.pack("<q", 100) + bytes(400)
        path.write_bytes(path.read_bytes()[: -len(hostile.plain([]))] + keys)
    refusal(path)


def test_ten_thousand_tensors_on_one_storage(tmp_path):
    """Each fits the file; copied, they would not fit the memory."""
    base = torch.zeros(2**20)
    path = saved(tmp_path, {"g_ema": {f"x{i}": base.view(2**20) for i in range(10_000)}})
    assert "more data than any network" in refusal(path)


VIEWS = {
    "expanded": lambda: torch.randn(3, 1, 8).expand(3, 600, 8),
    "expanded from one number": lambda: torch.ones(()).expand(1000, 8),
    "narrowed": lambda: torch.randn(100, 8)[40:43, 2:5],
    "transposed": lambda: torch.randn(8, 300).T,
    "every third": lambda: torch.randn(90, 8)[::3],
    "windows that overlap": lambda: torch.randn(500).unfold(0, 64, 1),
    "empty": lambda: torch.randn(5, 8)[:0],
}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("view", VIEWS)
def test_views_are_read_for_what_they_reach(tmp_path, view, stream):
    """Honest programs save them: torch.save keeps a storage once, and with each tensor how it walks through it."""
    tensor = VIEWS[view]()
    found = container.load(saved(tmp_path, {"x": tensor, "again": [tensor, tensor[:1]]}, stream=stream))[0]
    assert torch.equal(found["x"], tensor)
    assert torch.equal(found["again"][0], tensor) and torch.equal(found["again"][1], tensor[:1])


@pytest.mark.parametrize("view", ["expanded", "transposed", "narrowed"])
def test_networks_of_views_are_read(tmp_path, view):
    plain = networks()["g_ema"]
    views = {
        "expanded": lambda x: x[:, :1].expand_as(x) if x.ndim == 2 and len(x) != len(x.T) else x,
        "transposed": lambda x: x.mT.contiguous().mT if x.ndim > 1 else x,
        "narrowed": lambda x: torch.cat([x, x])[len(x) :] if x.ndim else x,
    }
    path = saved(tmp_path, {"g_ema": {name: views[view](x) for name, x in plain.items()}})
    found = checkpoint.read(path).generator().state_dict()
    assert all(torch.equal(found[name], views[view](x)) for name, x in plain.items())


def test_a_small_file_whose_tensors_would_fill_the_memory(tmp_path):
    path = saved(tmp_path, {"g_ema": {f"x{i}": torch.zeros(1, 8).expand(2**20, 8) for i in range(9)}})
    assert path.stat().st_size < 2**16
    assert "more data than any network" in refusal(path)


def test_compressed_members(tmp_path):
    bomb = hostile.plain({"g_ema": {"x": "0" * 2**26}})
    path = zip_with_pickle(tmp_path / "file.pt", bomb, compression=zipfile.ZIP_DEFLATED)
    assert "compressed zip" in refusal(path)


@pytest.mark.parametrize("field", ["size in the directory", "size before the data", "both"])
@pytest.mark.parametrize("declared", [2**32 - 2, 2**31, 5000])
def test_zip_that_declares_other_sizes(tmp_path, field, declared):
    path = saved(tmp_path, networks())
    data = bytearray(path.read_bytes())
    places = {"size in the directory": (b"PK\x01\x02", 20), "size before the data": (b"PK\x03\x04", 18)}
    for signature, offset in [places[field]] if field in places else places.values():
        start = data.find(signature)
        data[start + offset : start + offset + 8] = struct.pack("<LL", declared, declared)
    path.write_bytes(data)
    if field == "size before the data":  # readers go by the directory
        checkpoint.read(path)
    else:
        refusal(path)


@pytest.mark.parametrize("change", ["comment", "directory too long", "directory elsewhere", "64 bits contradict"])
def test_zip_whose_end_is_not_what_it_should_be(tmp_path, change):
    path = saved(tmp_path, networks())
    data = bytearray(path.read_bytes())
    if change == "comment":
        data[-2:] = b"\x03\x00"
        data += b"abc"
    elif change == "directory too long":
        data[-10:-6] = struct.pack("<L", 2**31)
    elif change == "directory elsewhere":
        data[-6:-2] = struct.pack("<L", 0)
    else:
        data[-22 - 20 - 16 : -22 - 20 - 8] = struct.pack("<Q", 2**40)
    path.write_bytes(data)
    assert "damaged" in refusal(path)


def test_two_members_of_one_name(tmp_path):
    path = zip_with_pickle(tmp_path / "file.pt", hostile.plain({}))
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning):
        archive.writestr("archive/data.pkl", hostile.plain({"g": 1}))
    assert "two members of one name" in refusal(path)


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_torchscript_program(tmp_path, compression):
    path = tmp_path / "file.pt"
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name in ("data.pkl", "constants.pkl", "code/__torch__.py"):
            archive.writestr(f"archive/{name}", hostile.plain({}))
    assert "TorchScript" in refusal(path)


def test_zip_of_something_else(tmp_path):
    path = tmp_path / "photos.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.png", b"")
    assert "none that torch.save wrote" in refusal(path)


def whole_file(tmp_path, kind: str) -> Path:
    if kind == "pickle":
        state = generator_to_nvidia(tiny_generator().state_dict(), torch.zeros(8))
        return write_nvidia_pickle(tmp_path / "file.pkl", state)
    return saved(tmp_path, training_contents(), stream=kind == "stream")


@pytest.mark.parametrize("kind", ["zip", "stream", "pickle"])
def test_truncated_file(tmp_path, kind):
    path = whole_file(tmp_path, kind)
    data = path.read_bytes()
    for length in [0, 1, 4, 15, 16, 40, 100, 1000, len(data) // 2, len(data) - 100, len(data) - 22, len(data) - 1]:
        path.write_bytes(data[:length])
        refusal(path)


@pytest.mark.parametrize("kind", ["zip", "stream", "pickle"])
def test_zeroed_half(tmp_path, kind):
    path = whole_file(tmp_path, kind)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2] + bytes(len(data) - len(data) // 2))
    refusal(path)


@pytest.mark.parametrize("kind", ["zip", "stream", "pickle"])
def test_flipped_bits(tmp_path, kind):
    """One line, or the same numbers; only in formats without checksums may a number have changed."""
    path = whole_file(tmp_path, kind)
    data, original = path.read_bytes(), checkpoint.read(path)
    positions = torch.randint(len(data) * 8, (50,), generator=torch.Generator().manual_seed(1)).tolist()
    refused = 0
    for position in positions:
        flipped = bytearray(data)
        flipped[position // 8] ^= 1 << position % 8
        path.write_bytes(flipped)
        try:
            found = checkpoint.read(path)
        except InputError as error:
            assert "\n" not in str(error)
            refused += 1
            continue
        if kind == "zip":
            for name, state in original.networks.items():
                assert all(torch.equal(found.networks[name][key], tensor) for key, tensor in state.items())
    assert refused > (10 if kind == "zip" else 0)


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (b"", "the file is empty"),
        (b"<!DOCTYPE html><html>", "a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid", "a Git LFS pointer"),
        (b"\x01\x02\x03\x04" * 100, "unknown format"),
    ],
)
def test_something_else(tmp_path, data, line):
    assert line in refusal(pickle_alone(tmp_path / "file.pt", data))


def test_tensorflow_pickle(tmp_path):
    data = hostile.PROTO + hostile.named("dnnlib.tflib.network.Network") + b")\x81."
    assert "TensorFlow" in refusal(pickle_alone(tmp_path / "file.pkl", data))


def test_safetensors_that_are_not(tmp_path):
    pytest.importorskip("safetensors")
    for data in (b"\xff" * 8 + b"{}", struct.pack("<Q", 2) + b"{}", b'\x10\x00\x00\x00\x00\x00\x00\x00{"a": [1, 2, 3]}'):
        refusal(pickle_alone(tmp_path / "file.safetensors", data))


def test_file_that_never_ends(tmp_path):
    os.mkfifo(tmp_path / "file.pt")
    (tmp_path / "zero.pt").symlink_to("/dev/zero")
    signal.alarm(PATIENCE)
    try:
        assert "not an ordinary file" in refusal(tmp_path / "file.pt")
        assert "not an ordinary file" in refusal(tmp_path / "zero.pt")
    finally:
        signal.alarm(0)


def test_huge_sparse_file(tmp_path):
    for start in (b"PK\x03\x04", b"\x80\x04c", b""):
        path = tmp_path / "file.pt"
        with path.open("wb") as file:
            file.write(start)
            file.truncate(2**40)
        assert "more than any network" in refusal(path)


def test_sparse_file_below_the_limit(tmp_path):
    path = tmp_path / "file.pt"
    with path.open("wb") as file:
        file.write(b"\x80\x04cos\nsystem")
        file.truncate(2**28)
    refusal(path)


@pytest.mark.parametrize("width", [0, 5000])
def test_absurd_widths(tmp_path, width):
    state = networks()["g_ema"] | {"input.input": torch.zeros(1, width, 4, 4)}
    assert "input.input: expected 4 dimensions of 1 to 4096" in refusal(saved(tmp_path, {"g_ema": state}))


@pytest.mark.parametrize("name", ["two\nlines", "\x1b[2Jcleared", "a" * 10**6])
def test_names_from_the_file_cannot_spoil_the_terminal(tmp_path, name):
    for contents in ({name: 1}, {"g": networks()["g"] | {name: torch.zeros(1)}}, {"g": {name: 1}}):
        message = refusal(saved(tmp_path, contents))
        assert message.isprintable()
        assert len(message) < 600


def test_absurd_numbers_of_layers(tmp_path):
    state = networks()["g_ema"]
    assert "1 to 8 levels" in refusal(saved(tmp_path, {"g_ema": state | {"to_rgbs.900.bias": torch.zeros(1)}}))
    many = {f"style.{i}.weight": torch.zeros(8, 8) for i in range(1, 999)}
    assert "style.3.bias: expected [8], found no such tensor" in refusal(saved(tmp_path, {"g_ema": state | many}))
    far = {"style." + "9" * 5000 + ".weight": torch.zeros(8, 8)}
    assert "unexpected tensor" in refusal(saved(tmp_path, {"g_ema": state | far}))
