"""NumPy's files: what numpy.save writes is read; what claims, hides or packs more than it holds is refused in one line."""

import io
import zipfile

import numpy as np
import pytest
import torch

from editing import arrays, files
from errors import InputError
from tests.checkpoint.files import saved

KINDS = ["float16", "float32", "float64", "longdouble", ">f4", ">f8", "int32", "uint8", "bool"]


def header(shape: str, descr: str = "'<f4'", fortran: str = "False") -> bytes:
    text = f"{{'descr': {descr}, 'fortran_order': {fortran}, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text


def npy(array: np.ndarray) -> bytes:
    data = io.BytesIO()
    np.save(data, array)
    return data.getvalue()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("order", ["C", "F"])
def test_arrays_are_read_as_they_were_saved(tmp_path, kind, order):
    array = np.asarray(np.arange(24).reshape(2, 3, 4) - (kind != "uint8"), dtype=kind, order=order)
    np.save(tmp_path / "a.npy", array)
    (found,) = arrays.load(tmp_path / "a.npy").values()
    assert np.array_equal(found.double().numpy(), array.astype(float)) and found.is_contiguous()


@pytest.mark.parametrize("write", [np.savez, np.savez_compressed])
def test_archives_are_read_compressed_or_not(tmp_path, write):
    w, names = np.random.default_rng(0).normal(size=(2, 6, 8)), np.array(["anna", "bert"])
    write(tmp_path / "a.npz", w=w, names=names, settings=np.array([{"a": 1}], dtype=object))
    found = arrays.load(tmp_path / "a.npz")
    assert set(found) == {"w", "names"}  # objects are left out
    assert torch.equal(found["w"], torch.from_numpy(w)) and found["names"] == ["anna", "bert"]


def test_the_first_bytes_decide_not_the_ending(tmp_path):
    np.save(tmp_path / "a.npy", np.ones(3))
    np.savez(tmp_path / "b.npz", w=np.ones(3))
    for name in ("a.npy", "b.npz"):
        path = (tmp_path / name).rename(tmp_path / f"{name}.pt")
        assert arrays.is_array_file(path)
        assert torch.equal(next(iter(files.load(path).values())), torch.ones(3).double())
    assert not arrays.is_array_file(saved(tmp_path, {"w": torch.ones(3)}))


@pytest.mark.parametrize(
    "data, words",
    [
        (header("(1000000000000, 512)"), "more than the file holds"),
        (header("(4, 4)"), "the end of an array"),
        (header(f"({2**70},)"), "impossible shape"),
        (header("(-5,)"), "impossible shape"),
        (header("(1.5,)"), "damaged"),
        (header("(1,) * 10**9"), "damaged"),
        (header("(" + "1," * 200 + ")"), "damaged"),
        (header("(0, 8)"), "empty array"),
        (header("(1,)", "'<c8'") + bytes(8), "complex64, expected numbers"),
        (header("(1,)", "'|O'") + bytes(8), "Python objects"),
        (header("(1,)", "[('a', '<f4')]") + bytes(4), "expected numbers"),
        (header("(1,)", "'<M8[s]'") + bytes(8), "expected numbers"),
        (header("(1,)", "__import__('os').system('true')"), "damaged"),
        (b"\x93NUMPY\x09\x00" + bytes(100), "damaged"),
        (b"\x93NUMPY", "damaged"),
        (npy(np.ones(100))[:-1], "the end of an array"),
        (b"\x93NUMPY\x02\x00\xff\xff\xff\xff{", "damaged"),
    ],
)
def test_headers_that_lie_get_one_line(tmp_path, data, words):
    path = tmp_path / "a.npy"
    path.write_bytes(data)
    with pytest.raises(InputError, match=words) as caught:
        files.load(path)
    assert str(caught.value).startswith(f"{path}: ") and "\n" not in str(caught.value)


def test_objects_run_no_code(tmp_path):
    class Evil:
        def __reduce__(self):
            return open, (str(tmp_path / "canary"), "w")

    np.save(tmp_path / "a.npy", np.array([Evil()], dtype=object), allow_pickle=True)
    np.savez(tmp_path / "a.npz", w=np.array([Evil()], dtype=object))
    for name in ("a.npy", "a.npz"):
        with pytest.raises(InputError, match="Python objects, which might run code"):
            files.load(tmp_path / name)
    assert not (tmp_path / "canary").exists()


@pytest.mark.parametrize("members", [1, 40])
def test_a_small_archive_cannot_fill_the_memory(tmp_path, monkeypatch, members):
    """Zeros pack to a thousandth; 4 MB in one member or in forty, where 1 MB more than the file is allowed."""
    monkeypatch.setattr(arrays, "MOST_REPEATED", 10**6)
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        for i in range(members):
            with archive.open(f"w{i}.npy", "w") as member:
                member.write(header(f"({1_000_000 // members},)"))
                for _ in range(40 // members):
                    member.write(bytes(100_000))
    assert (tmp_path / "a.npz").stat().st_size < 2**16
    with pytest.raises(InputError, match="more than the file holds"):
        files.load(tmp_path / "a.npz")


@pytest.mark.parametrize("damage", ["cut", "flipped", "bzip2", "no array"])
def test_damaged_archives_get_one_line(tmp_path, damage):
    path = tmp_path / "a.npz"
    if damage == "bzip2":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_BZIP2) as archive:
            archive.writestr("w.npy", npy(np.ones(5)))
    elif damage == "no array":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("w.npy", b"hello")
    else:
        np.savez_compressed(path, w=np.random.default_rng(0).normal(size=500))
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 0xFF
        path.write_bytes(data[: len(data) // 2] if damage == "cut" else data)
    with pytest.raises(InputError) as caught:
        files.load(path)
    assert "\n" not in str(caught.value)
