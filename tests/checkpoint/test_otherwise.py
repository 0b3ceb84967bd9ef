"""Files that are no checkpoints say what they are, and what to do."""

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile

import numpy as np
import pytest

import checkpoint
from checkpoint.nvidia import generator_to_nvidia
from tests.checkpoint.files import networks, refusal, saved, training_contents
from tests.checkpoint.nvidia_pickle import write_nvidia_pickle


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    return saved(tmp_path_factory.mktemp("network"), networks(), "ffhq.pt")


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("inside", ["ffhq.pt", "models/ffhq.pth", "networks/ffhq.pkl", "a.safetensors", "last.ckpt"])
@pytest.mark.parametrize("ending", ["pt", "zip"])
def test_a_zip_around_a_network(tmp_path, network, compression, inside, ending):
    path = tmp_path / f"file.{ending}"
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("__MACOSX/._ffhq.pt", b"")
        archive.writestr("README.txt", b"hello")
        archive.write(network, inside)
    assert refusal(path) == f"a zip archive around {inside}: unpack it, and name the file inside"


@pytest.mark.parametrize("change", [lambda data: data[: len(data) // 2], lambda data: data + b"more"], ids=["cut", "longer"])
def test_a_damaged_zip_around_a_network(tmp_path, network, change):
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(network, "ffhq.pt")
    path = tmp_path / "file.zip"
    path.write_bytes(change(whole.getvalue()))
    assert refusal(path).startswith("a zip archive around ffhq.pt: unpack it")


def tar(data: bytes, mode: str = "w", name: str = "networks/ffhq.pt") -> bytes:
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode=mode) as archive:
        entry = tarfile.TarInfo(name)
        entry.size = len(data)
        archive.addfile(entry, io.BytesIO(data))
    return whole.getvalue()


PACKERS = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "7-Zip": lambda data: b"7z\xbc\xaf\x27\x1c" + data,
    "RAR": lambda data: b"Rar!\x1a\x07\x00" + data,
    "zstd": lambda data: b"\x28\xb5\x2f\xfd" + data,
}


@pytest.mark.parametrize("packer", PACKERS)
@pytest.mark.parametrize("ending", ["pt", "pkl", "safetensors"])
def test_packed_files(tmp_path, network, packer, ending):
    path = tmp_path / f"ffhq.{ending}"
    path.write_bytes(PACKERS[packer](network.read_bytes()))
    assert refusal(path) == f"not a checkpoint: packed by {packer}: unpack it, and name the file inside"


def test_tars(tmp_path, network):
    path = tmp_path / "ffhq.tar"
    path.write_bytes(tar(network.read_bytes()))
    assert refusal(path) == "not a checkpoint: a tar archive around networks/ffhq.pt: unpack it, and name the file inside"
    path.write_bytes(tar(network.read_bytes(), "w:gz"))
    assert "packed by gzip: unpack it" in refusal(path)
    path.write_bytes(tar(b"", name="sys_info"))
    assert "PyTorch 0.1" in refusal(path)


@pytest.mark.parametrize("ending", ["pt", "pkl", "safetensors", "zip"])
@pytest.mark.parametrize(
    ("data", "line"),
    [
        (b"<!DOCTYPE html><html>", "a web page: the download did not work"),
        (b"\xef\xbb\xbf\r\n <html>", "a web page"),
        (b"<?xml version='1.0'?><Error><Code>AccessDenied", "a web page"),
        (b'{"error": "not found"}', "what the server answered"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:12\nsize 3\n", "Git LFS pointer"),
        (b"/annex/objects/SHA256E-s1--2", "git-annex pointer"),
        (b"https://drive.google.com/file/d/1", "a link"),
        (b"just some text that somebody saved as a checkpoint", "a text"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "a picture"),
        (b"\xff\xd8\xff\xe0" + bytes(100), "a picture"),
        (b"\x89HDF\r\n\x1a\n" + bytes(100), "Keras"),
        (bytes(5000), "nothing but zeros"),
        (b"", "the file is empty"),
    ],
)
def test_other_files(tmp_path, ending, data, line):
    path = tmp_path / f"file.{ending}"
    path.write_bytes(data)
    assert line in refusal(path)


def test_numpy_files(tmp_path):
    np.save(tmp_path / "w.npy", np.zeros(3))
    np.savez(tmp_path / "w.npz", w=np.zeros(3))
    assert "a NumPy array" in refusal(tmp_path / "w.npy")
    assert "NumPy arrays" in refusal(tmp_path / "w.npz")


@pytest.mark.parametrize("kind", ["zip", "stream", "pickle"])
def test_an_unfinished_download(tmp_path, kind):
    if kind == "pickle":
        path = write_nvidia_pickle(tmp_path / "g.pkl", generator_to_nvidia(networks()["g"]))
    else:
        path = saved(tmp_path, training_contents(), stream=kind == "stream")
    data = path.read_bytes()
    for part in (0.1, 0.5, 0.9, 0.999):
        path.write_bytes(data[: int(part * len(data))])
        assert refusal(path) == "damaged (the end is missing); copy or download it again"


def test_safetensors_are_known_by_their_bytes(tmp_path):
    safetensors = pytest.importorskip("safetensors.torch")
    safetensors.save_file(dict(networks()["g_ema"]), tmp_path / "g.pt")
    assert checkpoint.read(tmp_path / "g.pt").format == "safetensors"
    data = (tmp_path / "g.pt").read_bytes()
    (tmp_path / "g.pt").write_bytes(data[:-100])
    assert "the end is missing" in refusal(tmp_path / "g.pt")
    torch_file = saved(tmp_path, networks(), "torch.safetensors")
    assert set(checkpoint.read(torch_file).networks) == {"g", "d", "g_ema"}


def test_a_folder_that_was_unpacked_from_a_network(tmp_path, network):
    with zipfile.ZipFile(network) as archive:
        archive.extractall(tmp_path / "ffhq")
    assert refusal(tmp_path / "ffhq").startswith("a folder, unpacked from a file of torch.save; name that file")


def test_networks_of_other_frameworks_and_lists_of_files(tmp_path):
    for name, data, words in (
        ("g.onnx", b"\x08\x07\x12\x07pytorch\x1a\x052.4.0" + bytes(200), "an ONNX network"),
        (
            "model.safetensors.index.json",
            b'{"metadata": {}, "weight_map": {"a": "b"}}',
            "the list of a network in several files",
        ),
    ):
        (tmp_path / name).write_bytes(data)
        assert words in refusal(tmp_path / name)
