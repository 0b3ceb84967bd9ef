"""Images by number from an LMDB, a folder or a zip, and batches that are a function of (images, seed, position)."""

import io
import multiprocessing
import os
import pickle
import threading
import zipfile
from collections import Counter
from pathlib import Path

import lmdb
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import prepare_data
from data import store
from dataset import Batches, Images, open_images
from errors import InputError
from tests.waiting import PATIENCE

COUNT = 11


def picture(i: int) -> Image.Image:
    """A slope from left to right, so that a mirrored one is another, of level i."""
    row = np.linspace(0, 100, 40)[None, :, None] + np.array([10 * i, 50, 100])
    return Image.fromarray(np.broadcast_to(row, (20, 40, 3)).astype(np.uint8))


@pytest.fixture(scope="module")
def places(tmp_path_factory) -> dict[str, Path]:
    """The same pictures as a folder, a zip, and an LMDB with sizes 8 and 16, without loss."""
    root = tmp_path_factory.mktemp("places")
    (root / "folder").mkdir()
    with zipfile.ZipFile(root / "a.zip", "w") as archive:
        for i in range(COUNT):
            picture(i).save(root / "folder" / f"{i:02d}.png")
            archive.write(root / "folder" / f"{i:02d}.png", f"{i:02d}.png")
    (root / "folder" / "notes.txt").write_text("not a picture")
    (root / "folder" / "gone.png").symlink_to("nothing")
    words = ["--out", str(root / "lmdb"), "--size", "8,16", "--format", "png", str(root / "folder")]
    prepare_data.main(prepare_data.parser().parse_args(words))
    return {"folder": root / "folder", "zip": root / "a.zip", "lmdb": root / "lmdb"}


def jpeg(colour: tuple[int, int, int] = (9, 90, 200), size: int = 8) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (size, size), colour).save(file, "JPEG")
    return file.getvalue()


def write_lmdb(path: Path, **values: bytes) -> Path:
    """An LMDB by hand; "_" in names stands for "-"."""
    with lmdb.open(str(path), map_size=2**24) as environment, environment.begin(write=True) as transaction:
        for name, value in values.items():
            transaction.put(name.removeprefix("key_").replace("_", "-").encode(), value)
    return path


def draw(batches: Batches, count: int) -> list[torch.Tensor]:
    with batches:
        return [next(batches) for _ in range(count)]


# Images


def test_folder_zip_and_data_set_give_the_same_images(places):
    opened = [open_images(path, 16) for path in places.values()]
    for images in opened:
        assert len(images) == COUNT and images.size == 16
        assert all(torch.equal(image, expected) for image, expected in zip(images, opened[0], strict=True))
    assert opened[0][3].dtype == torch.uint8 and opened[0][3].shape == (3, 16, 16) and opened[0][3].is_contiguous()
    assert torch.equal(opened[0][-1], opened[0][COUNT - 1])


def test_data_set_of_one_size_needs_no_size(tmp_path):
    path = write_lmdb(tmp_path / "lmdb", length=b"1", key_8_00000=jpeg())
    assert open_images(path).size == 8 and store.sizes(path) == [8]


def test_data_set_of_the_reference_is_read(tmp_path):
    """It has no format key, and may hold leftovers of an older, larger set."""
    keys = {f"key_{size}_{i:05d}": jpeg(size=size) for size in (8, 16) for i in range(3)}
    images = open_images(write_lmdb(tmp_path / "lmdb", length=b"2", **keys), 16)
    assert len(images) == 2 and images[1].shape == (3, 16, 16)


def test_stored_sizes_are_found_among_many_keys(tmp_path):
    keys = {f"key_{size}_{i:05d}": b"x" for size in (4, 64, 128, 1024) for i in range(50)}
    assert store.sizes(write_lmdb(tmp_path / "lmdb", length=b"50", plan=b"x", log_0=b"x", **keys)) == [4, 64, 128, 1024]


@pytest.mark.parametrize(
    ("make", "size", "message"),
    [
        (lambda path: None, None, "no such file or folder; prepare_data.py makes"),
        (lambda path: path.with_name("it.partial").mkdir(), None, "prepare_data.py has not finished it; run it again"),
        (lambda path: path.mkdir(), 8, "holds no files"),
        (lambda path: (path.mkdir(), (path / "a.txt").write_text("x")), 8, r"holds no pictures: .*1 not an image"),
        (lambda path: (path.mkdir(), (path / "a.png").write_bytes(jpeg())), None, "need a size"),
        (lambda path: path.write_bytes(b"x"), 8, "not an image .* nor a zip or a film"),
        (lambda path: write_lmdb(path, length=b"1", key_8_00000=b"x", key_16_00000=b"x"), None, "several sizes.* 8, 16"),
        (lambda path: write_lmdb(path, length=b"1", key_8_00000=b"x"), 64, "are 8; prepare_data.py stores others"),
        (lambda path: write_lmdb(path, length=b"0"), 64, "no size 64; stored are none"),
        (lambda path: write_lmdb(path, key_8_00000=b"x"), 8, "an unfinished data set"),
        (lambda path: write_lmdb(path, length=b"2", key_8_00000=b"x"), 8, "fewer than the 2 images"),
        (lambda path: write_lmdb(path, length=b"1", format=b"99", key_8_00000=b"x"), 8, "a newer version"),
        (lambda path: (path.mkdir(), (path / "data.mdb").write_bytes(b"")), 8, "not a readable LMDB"),
        (lambda path: (path.mkdir(), (path / "data.mdb").write_bytes(b"x" * 9999)), 8, "not a readable LMDB"),
        (lambda path: _cut_short(write_lmdb(path, length=b"1", key_8_00000=bytes(50000))), 8, "cut short"),
    ],
)  # fmt: skip
def test_useless_path_is_refused_in_one_line_that_names_it(make, size, message, tmp_path):
    path = tmp_path / "it"
    make(path)
    with pytest.raises(InputError, match=message) as raised:
        open_images(path, size)
    assert str(raised.value).startswith(f"{path}: ") and "\n" not in str(raised.value)


def _cut_short(path: Path) -> None:
    data = path / "data.mdb"
    data.write_bytes(data.read_bytes()[:-20000])


@pytest.mark.parametrize("damaged", [b"", b"not an image", jpeg()[:100], jpeg(size=9)])
def test_image_that_does_not_decode_is_named(damaged, tmp_path):
    images = open_images(write_lmdb(tmp_path / "lmdb", length=b"2", key_8_00000=jpeg(), key_8_00001=damaged))
    with pytest.raises(InputError, match=r"image 8-00001 cannot be used \(.*run prepare_data.py again"):
        images[1]
    with pytest.raises(InputError, match="8-00001"):
        draw(Batches(images, 4), 1)


def test_picture_of_a_folder_that_does_not_decode_is_named(tmp_path):
    (tmp_path / "a.png").write_bytes(jpeg()[:300])
    with pytest.raises(InputError, match=r"a.png cannot be used \(damaged.*remove it"):
        open_images(tmp_path, 8)[0]


def test_first_bytes_decide_what_is_a_picture_and_all_else_is_counted(tmp_path):
    for name in ("a.jfif", "b", "c.txt", ".hidden.jpg", "Thumbs.db"):
        (tmp_path / name).write_bytes(jpeg(size=40))
    (tmp_path / "caption.jpg").write_text("a text")
    (tmp_path / "d.heic").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")
    images = open_images(tmp_path, 8)
    assert [images.name(i) for i in range(len(images))] == ["a.jfif", "b", "c.txt"]
    said = images.summary()
    assert said.startswith(f"{tmp_path}: 3 pictures; 2 passed over (1 not an image")
    assert "1 HEIC, not an image that is read; export it as JPEG" in said and "2 hidden or system files" in said
    assert open_images(write_lmdb(tmp_path / "lmdb", length=b"1", key_8_00000=jpeg())).summary().endswith(": 1 picture of 8 px")


def test_one_picture_is_a_set_of_one(tmp_path):
    (tmp_path / "me").write_bytes(jpeg(size=20))
    images = open_images(tmp_path / "me", 8)
    assert len(images) == 1 and images[0].shape == (3, 8, 8)


def test_what_cutting_does_is_counted_once_all_are_kept(tmp_path):
    for name, size in {"tall.png": (20, 60), "tiny.png": (2, 2), "good.png": (20, 24)}.items():
        Image.new("RGB", size).save(tmp_path / name)
    images = open_images(tmp_path, 16)
    with Batches(images, 2) as batches:
        batches.fill()
    (said,) = images.remarks()
    assert said.startswith("of 3 pictures 1 keeps less than two thirds of the picture, 1 enlarged more than 4 times: ")


def test_small_pictures_are_not_told_to_be_cut_otherwise(tmp_path):
    Image.new("RGB", (2, 2)).save(tmp_path / "tiny.png")
    images = open_images(tmp_path, 16)
    (said,) = images.remarks()
    assert said == "of 1 picture 1 enlarged more than 4 times: larger pictures, or a smaller size, are better"


@pytest.mark.parametrize("memory", [2**30, 0], ids=["kept", "read again and again"])
def test_enlarging_is_told_before_the_training(tmp_path, memory):
    for i, side in enumerate([8, 10, 16, 20, 16]):
        Image.new("RGB", (side, 2 * side)).save(tmp_path / f"{i}.png")
    images = open_images(tmp_path, 16)
    with Batches(images, 2, memory=memory) as batches:
        batches.fill()
    assert "of 5 pictures 2 enlarged to 16 px, up to 2 times" in images.remarks()[-1]
    assert not any("enlarged" in line for line in open_images(tmp_path, 8).remarks())


def _first_batches(images: Images, queue) -> None:
    torch.set_num_threads(1)
    batches = [batch.numpy() for batch in draw(Batches(images, 5, seed=1), 3)]
    data = os.stat(images.path / "data.mdb")
    queue.put((batches, store._open[data.st_dev, data.st_ino][0] == os.getpid()))


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_other_processes_get_equal_batches(method, places):
    images = open_images(places["lmdb"], 8)
    expected = draw(Batches(images, 5, seed=1), 3)
    context = multiprocessing.get_context(method)
    queue = context.Queue()
    process = context.Process(target=_first_batches, args=(images, queue))
    process.start()
    given, handle_is_own = queue.get(timeout=PATIENCE)
    process.join()
    assert handle_is_own and all(np.array_equal(a, b) for a, b in zip(given, expected, strict=True))
    assert torch.equal(images[0], pickle.loads(pickle.dumps(images))[0])


def test_two_sizes_of_one_data_set_can_be_open_at_once(places):
    small, large = open_images(places["lmdb"], 8), open_images(str(places["lmdb"]), 16)
    assert small[0].shape != large[0].shape


# Batches


@pytest.fixture(scope="module")
def images(places) -> Images:
    return open_images(places["lmdb"], 8)


def level(image: torch.Tensor) -> int:
    """Which picture it is, mirrored or not."""
    return round((image[0].float().mean().item() - 50) / 10)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 3),
    position=st.integers(0, 100),
    world=st.integers(1, 3),
    batch=st.integers(1, 15),
    workers=st.integers(1, 4),
    memory=st.sampled_from([0, 2**30]),
)
def test_stream_is_a_function_of_seed_and_position(images, seed, position, world, batch, workers, memory):
    """However it is cut into batches, ranks and threads, and wherever it is taken up."""
    length = position + 2 * batch * world
    stream = torch.cat(draw(Batches(images, length, seed=seed, workers=1), 1))
    ranks = [
        Batches(images, batch, seed, position=position, rank=rank, world=world, workers=workers, memory=memory)
        for rank in range(world)
    ]
    drawn = [draw(rank, 2) for rank in ranks]
    assert torch.equal(torch.cat([drawn[rank][step] for step in range(2) for rank in range(world)]), stream[position:])
    assert all(rank.position == length for rank in ranks)


def test_every_epoch_shows_every_image_once_in_its_own_order(images):
    stream = [level(image) for image in draw(Batches(images, 3 * COUNT), 1)[0]]
    epochs = [stream[i * COUNT : (i + 1) * COUNT] for i in range(3)]
    assert all(sorted(epoch) == list(range(COUNT)) for epoch in epochs)
    assert epochs[0] != epochs[1] != epochs[2] != epochs[0]


def test_batch_may_be_larger_than_the_set(images):
    assert Counter(level(image) for image in draw(Batches(images, 4 * COUNT), 1)[0]) == dict.fromkeys(range(COUNT), 4)


def test_half_the_images_are_mirrored_and_none_without_flip(images):
    def mirrored(image):
        return (image[0, :, 0] > image[0, :, -1]).all().item()

    share = np.mean([mirrored(image) for image in draw(Batches(images, 1000), 1)[0]])
    assert abs(share - 0.5) < 4 * 0.5 / 1000**0.5
    assert not any(mirrored(image) for image in draw(Batches(images, 100, flip=False), 1)[0])


def test_mirroring_is_chosen_anew_for_each_showing(images):
    first, second = draw(Batches(images, COUNT), 2)
    both = [{level(image): image for image in batch} for batch in (first, second)]
    assert {torch.equal(both[0][i], both[1][i]) for i in range(COUNT)} == {True, False}


def test_seeds_differ(images):
    a, b = (draw(Batches(images, 32, seed=seed), 1)[0] for seed in (0, 1))
    assert not torch.equal(a, b)


def test_batches_are_contiguous_bytes(images):
    batch = draw(Batches(images, 4), 1)[0]
    assert batch.shape == (4, 3, 8, 8) and batch.dtype == torch.uint8 and batch.is_contiguous()


@pytest.mark.parametrize("fails", [False, True])
def test_batches_for_a_gpu_are_the_same_in_pinned_memory_and_where_there_is_none_left(images, fails, monkeypatch):
    pinned = []

    def pin_memory(batch):
        if fails:
            raise RuntimeError("CUDA error: out of memory")
        pinned.append(batch.shape)
        return batch.clone()

    monkeypatch.setattr(torch.Tensor, "pin_memory", pin_memory)
    with Batches(images, 3) as plain, Batches(images, 3, pinned=True) as batches:
        assert all(map(torch.equal, draw(batches, 4), draw(plain, 4)))
    assert bool(pinned) != fails


def test_batch_handed_out_is_the_callers_own(images):
    with Batches(images, COUNT, flip=False) as batches:
        next(batches).zero_()
        assert sorted(level(image) for image in next(batches)) == list(range(COUNT))


@pytest.mark.parametrize(("memory", "decodings"), [(2**30, COUNT), (0, 5 * COUNT)])
def test_small_sets_are_decoded_once(images, memory, decodings, monkeypatch):
    count = Counter()
    decode = type(images)._picture
    monkeypatch.setattr(type(images), "_picture", lambda self, index: count.update([index]) or decode(self, index))
    draw(Batches(images, COUNT, workers=1, memory=memory), 5)
    assert count.total() == decodings if memory else count.total() >= decodings  # some may be decoded ahead


def test_a_small_set_can_be_decoded_ahead(images, monkeypatch):
    expected = draw(Batches(images, 4), 1)[0]
    with Batches(images, 4) as batches:
        batches.fill()
        monkeypatch.setattr(type(images), "_picture", None)
        assert torch.equal(next(batches), expected)


def test_closing_leaves_no_thread(images):
    before = threading.active_count()
    draw(Batches(images, 4, workers=3), 2)
    assert threading.active_count() == before
