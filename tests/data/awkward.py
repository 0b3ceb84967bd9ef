"""Awkward image files, made by code: what strangers' folders hold.

    for name, case in pictures().items(): ...
    expected = fill_folder(folder)

A case is bytes, and the picture or the reason they must give; the folder also gets links, a FIFO and odd names.
"""

import io
import os
import struct
import zipfile
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
import PIL
from PIL import Image

YCBCR = "raw" if int(PIL.__version__.split(".")[0]) >= 13 else "tiff_lzw"  # Pillow 12 cannot read what it wrote raw
WIDTH, HEIGHT = 48, 32
WHITE = np.array([255, 255, 255])


class Case(NamedTuple):
    data: bytes
    picture: np.ndarray | None = None  # uint8 [height, width, 3]
    reason: str = ""  # a part of it, for what must be rejected
    tolerance: float = 2  # mean difference of levels
    note: str = ""  # a part of one


def scene() -> np.ndarray:
    """Four quarters of different colours, each a slope: uint8 [32, 48, 3]. No turn or flip leaves it alike."""
    colours = np.array([[[220, 30, 30], [30, 200, 60]], [[40, 60, 210], [230, 210, 40]]])
    quarters = colours.repeat(HEIGHT // 2, 0).repeat(WIDTH // 2, 1)
    slope = np.linspace(1, 0.7, HEIGHT)[:, None, None] * np.linspace(0.8, 1, WIDTH)[None, :, None]
    return (quarters * slope).astype(np.uint8)


def grey_of(rgb: np.ndarray) -> np.ndarray:
    """Luma (ITU-R 601) -> uint8 [height, width, 3]."""
    return np.rint(rgb @ [0.299, 0.587, 0.114]).astype(np.uint8)[..., None].repeat(3, 2)


def saved(picture: Image.Image, kind: str, **options) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def png(pixels: np.ndarray, kind: int, depth: int, transparent: bytes = b"", size: tuple[int, int] | None = None) -> bytes:
    """A PNG by hand, for what Pillow does not write. pixels: bytes of each row, uint8 [height, bytes]."""
    width, height = size or (pixels.shape[1] * 8 // depth, pixels.shape[0])

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0))
    middle = chunk(b"tRNS", transparent) if transparent else b""
    return b"\x89PNG\r\n\x1a\n" + header + middle + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def tiff_grey(values: np.ndarray, white_is_zero: bool = False) -> bytes:
    """A 16-bit grey TIFF by hand. values: uint16 or big-endian >u2 [height, width]."""
    height, width = values.shape
    tags = {256: width, 257: height, 258: 16, 259: 1, 262: int(not white_is_zero), 273: 8 + 2 + 9 * 12 + 4, 277: 1, 278: height}
    tags[279] = values.size * 2
    order, mark = (">", b"MM\0*") if values.dtype == ">u2" else ("<", b"II*\0")
    entries = b"".join(struct.pack(order + "HHII", tag, 4, 1, value) for tag, value in sorted(tags.items()))
    return mark + struct.pack(order + "IH", 8, len(tags)) + entries + bytes(4) + values.tobytes()


def pictures() -> dict[str, Case]:
    """All cases that are bytes, by file name."""
    return _modes() | _depths() | _orientations() | _several_frames() | _truncations() | _bombs_and_strangers() | _shapes()


def _modes() -> dict[str, Case]:
    rgb = scene()
    picture, grey = Image.fromarray(rgb), grey_of(rgb)
    half = np.where(np.arange(WIDTH) < WIDTH // 2, 255, 0).astype(np.uint8)[None].repeat(HEIGHT, 0)
    right_white = np.where(half[..., None] > 0, rgb, WHITE).astype(np.uint8)
    rgba = Image.fromarray(np.dstack([rgb, half]))
    veil = Image.fromarray(np.dstack([rgb, np.full_like(half, 128)]))
    veiled = np.rint(rgb * (128 / 255) + 255 * (127 / 255)).astype(np.uint8)
    black_white = np.where(grey > 120, 255, 0).astype(np.uint8)
    flat = Image.fromarray(np.where(half[..., None] > 0, [200, 40, 90], [10, 20, 30]).astype(np.uint8))
    left_only = np.where(half[..., None] > 0, [200, 40, 90], WHITE).astype(np.uint8)
    palette = flat.quantize(4)
    two_bits, four_bits = np.array([[0b00011011]] * 4, np.uint8), np.array([[0x05, 0xAF]] * 4, np.uint8)
    steps = np.array([0, 85, 170, 255], np.uint8)[None, :, None].repeat(4, 0).repeat(3, 2)
    return {
        "rgb.png": Case(saved(picture, "PNG"), rgb, tolerance=0),
        "rgb.jpg": Case(saved(picture, "JPEG", quality=95), rgb, tolerance=8),
        "rgb-progressive.jpg": Case(saved(picture, "JPEG", quality=95, progressive=True), rgb, tolerance=8),
        "rgb.webp": Case(saved(picture, "WEBP", quality=95), rgb, tolerance=8),
        "rgb-lossless.webp": Case(saved(picture, "WEBP", lossless=True), rgb, tolerance=0),
        "rgb.bmp": Case(saved(picture, "BMP"), rgb, tolerance=0),
        "rgb.tif": Case(saved(picture, "TIFF"), rgb, tolerance=0),
        "rgb-lzw.tif": Case(saved(picture, "TIFF", compression="tiff_lzw"), rgb, tolerance=0),
        "rgb.avif": Case(saved(picture, "AVIF", quality=100, subsampling="4:4:4"), rgb, tolerance=4),
        "alpha.avif": Case(saved(rgba, "AVIF", quality=100), right_white, note="laid on white", tolerance=8),
        "rgb.jp2": Case(saved(picture, "JPEG2000"), rgb, tolerance=0),
        "rgb.j2k": Case(saved(picture, "JPEG2000", no_jp2=True), rgb, tolerance=0),
        "rgb.ppm": Case(saved(picture, "PPM"), rgb, tolerance=0),
        "grey.pgm": Case(saved(picture.convert("L"), "PPM"), grey),
        "palette.gif": Case(saved(flat.quantize(4), "GIF"), np.asarray(flat), tolerance=0),
        "palette.png": Case(saved(flat.quantize(4), "PNG"), np.asarray(flat), tolerance=0),
        "palette-transparent.png": Case(
            saved(palette, "PNG", transparency=palette.getpixel((WIDTH - 1, 0))), left_only, note="laid on white", tolerance=0
        ),
        "palette-transparent.gif": Case(
            saved(palette, "GIF", transparency=palette.getpixel((WIDTH - 1, 0))), left_only, note="laid on white", tolerance=0
        ),
        "grey.png": Case(saved(picture.convert("L"), "PNG"), grey),
        "grey.jpg": Case(saved(picture.convert("L"), "JPEG", quality=95), grey, tolerance=4),
        "grey-alpha.png": Case(
            saved(Image.merge("LA", (picture.convert("L"), Image.fromarray(half))), "PNG"),
            np.where(half[..., None] > 0, grey, WHITE).astype(np.uint8),
            note="laid on white",
        ),
        "black-white.png": Case(saved(Image.fromarray(black_white[..., 0]).convert("1"), "PNG"), black_white, tolerance=0),
        "black-white.bmp": Case(saved(Image.fromarray(black_white[..., 0]).convert("1"), "BMP"), black_white, tolerance=0),
        "alpha.png": Case(saved(rgba, "PNG"), right_white, note="laid on white", tolerance=0),
        "alpha.webp": Case(saved(rgba, "WEBP", lossless=True, exact=True), right_white, note="laid on white", tolerance=0),
        "alpha.tif": Case(saved(rgba, "TIFF"), right_white, note="laid on white", tolerance=0),
        "alpha-half.png": Case(saved(veil, "PNG"), veiled, note="laid on white"),
        "alpha-opaque.png": Case(saved(picture.convert("RGBA"), "PNG"), rgb, tolerance=0),
        "transparent-colour.png": Case(
            saved(flat, "PNG", transparency=(10, 20, 30)), left_only, note="laid on white", tolerance=0
        ),
        "grey-2-bits.png": Case(png(two_bits, 0, 2), steps, tolerance=0),
        "grey-2-bits-transparent.png": Case(
            png(two_bits, 0, 2, struct.pack(">H", 1)),
            np.where(steps == 85, 255, steps).astype(np.uint8),
            note="laid on white",
            tolerance=0,
        ),
        "grey-4-bits-transparent.png": Case(
            png(four_bits, 0, 4, struct.pack(">H", 5)),
            np.where(steps == 85, 255, steps).astype(np.uint8),
            note="laid on white",
            tolerance=0,
        ),
        "cmyk.jpg": Case(saved(picture.convert("CMYK"), "JPEG", quality=95), rgb, tolerance=8),
        "cmyk.tif": Case(saved(picture.convert("CMYK"), "TIFF"), rgb),
        "ycbcr.tif": Case(saved(picture.convert("YCbCr"), "TIFF", compression=YCBCR), rgb),
        "lab.tif": Case(
            saved(Image.new("LAB", (8, 8), (136, 208, 195)), "TIFF"), np.full((8, 8, 3), [255, 0, 0], np.uint8), tolerance=12
        ),
    }


def _depths() -> dict[str, Case]:
    ramp = np.linspace(0, 1, WIDTH)[None].repeat(HEIGHT, 0)
    expected = np.rint(ramp * 255).astype(np.uint8)[..., None].repeat(3, 2)
    deep = np.rint(ramp * 65535).astype(np.uint16)
    rgb = np.stack([deep, deep[:, ::-1], deep // 2], -1)
    expected_rgb = np.rint(rgb / 257).astype(np.uint8)
    clear, clear_rgb = deep.copy(), rgb.copy()  # their first column is transparent, so it turns from dark to white
    clear[:, 0], clear_rgb[:, 0] = 0x1234, 0x1234
    first = np.arange(WIDTH)[None, :, None] == 0
    broken = ramp.copy()
    broken[3, 3] = np.nan

    def png16(values: np.ndarray, kind: int, transparent: bytes = b"") -> bytes:
        rows = np.ascontiguousarray(values.astype(">u2")).reshape(HEIGHT, -1).view(np.uint8)
        return png(rows, kind, 16, transparent, (WIDTH, HEIGHT))

    def real(values: np.ndarray) -> bytes:
        return saved(Image.fromarray(values.astype(np.float32)), "TIFF")

    def exact(data: bytes, picture: np.ndarray, note: str = "") -> Case:
        return Case(data, picture.astype(np.uint8), note=note, tolerance=0.05)

    white = "laid on white"
    return {
        "grey16.png": exact(png16(deep, 0), expected),
        "grey16-dark.png": exact(png16(deep // 300, 0), np.rint(deep // 300 / 257)[..., None].repeat(3, 2)),
        "grey16-transparent.png": exact(png16(clear, 0, struct.pack(">H", 0x1234)), np.where(first, 255, expected), white),
        "rgb16.png": Case(png16(rgb, 2), expected_rgb),
        "rgb16-transparent.png": Case(
            png16(clear_rgb, 2, struct.pack(">HHH", *[0x1234] * 3)),
            np.where(first, 255, expected_rgb).astype(np.uint8),
            note=white,
        ),
        "grey16-dark.pgm": exact(
            b"P5 48 32 65535\n" + (deep // 300).astype(">u2").tobytes(), np.rint(deep // 300 / 257)[..., None].repeat(3, 2)
        ),
        "grey16.jp2": exact(saved(Image.fromarray(deep), "JPEG2000"), expected),
        "grey16.tif": exact(saved(Image.fromarray(deep), "TIFF"), expected),
        "grey16-big-endian.tif": exact(tiff_grey(deep.astype(">u2")), expected),
        "grey16-white-is-zero.tif": exact(tiff_grey(deep, white_is_zero=True), 255 - expected),
        "int32.tif": exact(saved(Image.fromarray(deep.astype(np.int32)), "TIFF"), expected, "65535 taken as white"),
        "int32-negative.tif": Case(saved(Image.fromarray(deep.astype(np.int32) - 9), "TIFF"), reason="negative"),
        "float-1.tif": exact(real(ramp), expected, "1 taken as white"),
        "float-255.tif": exact(real(ramp * 255), expected, "255 taken as white"),
        "float-million.tif": exact(real(ramp * 1e6), expected, "taken as white"),
        "float-negative.tif": Case(real(ramp - 0.5), reason="negative"),
        "float-nan.tif": Case(real(broken), reason="not finite"),
    }


def _orientations() -> dict[str, Case]:
    """Stored so that EXIF orientation 1-8 brings the scene upright."""
    rgb = scene()
    undone = {
        1: rgb,
        2: rgb[:, ::-1],
        3: rgb[::-1, ::-1],
        4: rgb[::-1],
        5: rgb.transpose(1, 0, 2),
        6: np.rot90(rgb),
        7: rgb[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(rgb, -1),
    }

    def tagged(number: int, kind: str, **options) -> bytes:
        exif = Image.Exif()
        exif[0x0112] = number
        return saved(Image.fromarray(np.ascontiguousarray(undone[number])), kind, exif=exif, **options)

    cases = {f"exif-{n}.jpg": Case(tagged(n, "JPEG", quality=95), rgb, tolerance=8) for n in undone}
    junk = saved(Image.fromarray(rgb), "JPEG", quality=95, exif=b"Exif\0\0" + b"\xff" * 40)
    return cases | {
        "exif-6.png": Case(tagged(6, "PNG"), rgb, tolerance=0),
        "exif-8.webp": Case(tagged(8, "WEBP", lossless=True), rgb, tolerance=0),
        "exif-5.tif": Case(tagged(5, "TIFF"), rgb, tolerance=0),
        "exif-junk.jpg": Case(junk, rgb, tolerance=8),
    }


def _several_frames() -> dict[str, Case]:
    colours = [[200, 40, 90], [10, 20, 30], [90, 200, 10]]
    frames = [Image.fromarray(np.full((HEIGHT, WIDTH, 3), colour, np.uint8)) for colour in colours]
    first, more = np.asarray(frames[0]), {"save_all": True, "append_images": frames[1:]}
    animation = "first frame of an animation"
    return {
        "animation.gif": Case(
            saved(frames[0].quantize(4), "GIF", save_all=True, append_images=[f.quantize(4) for f in frames[1:]]),
            first,
            note=animation,
        ),
        "animation.webp": Case(saved(frames[0], "WEBP", lossless=True, **more), first, note=animation),
        "animation.png": Case(saved(frames[0], "PNG", **more), first, note=animation),
        "pages.tif": Case(saved(frames[0], "TIFF", **more), first, note="first page"),
    }


def _truncations() -> dict[str, Case]:
    rgb = scene()
    noisy = np.clip(rgb + np.random.default_rng(0).normal(0, 9, rgb.shape), 0, 255).astype(np.uint8)
    picture = Image.fromarray(noisy)
    jpeg = saved(picture, "JPEG", quality=95)
    progressive = saved(picture, "JPEG", quality=95, progressive=True)
    restarts = saved(picture, "JPEG", quality=95, restart_marker_blocks=1)
    png_data, gif = saved(picture, "PNG"), saved(picture.quantize(64), "GIF")
    flipped = bytearray(png_data)
    flipped[len(flipped) // 2] ^= 1
    last_scan = progressive.rindex(b"\xff\xda")
    last_restart = max(restarts.rfind(bytes([0xFF, 0xD0 + i])) for i in range(8))
    supplied = "end marker supplied"
    cut = {f"cut-{share}.jpg": Case(jpeg[: len(jpeg) * share // 100], reason="(?i)truncated") for share in (40, 70, 95)}
    return cut | {
        "cut-3-bytes.jpg": Case(jpeg[:-3], reason="(?i)truncated"),
        "cut-header.jpg": Case(jpeg[:15], reason="damaged"),
        "no-end-marker.jpg": Case(jpeg[:-2], np.asarray(Image.open(io.BytesIO(jpeg))), tolerance=0, note=supplied),
        "half-end-marker.jpg": Case(jpeg[:-1], np.asarray(Image.open(io.BytesIO(jpeg))), tolerance=0, note=supplied),
        "no-end-marker-progressive.jpg": Case(
            progressive[:-2], np.asarray(Image.open(io.BytesIO(progressive))), tolerance=0, note=supplied
        ),
        "no-end-marker-restarts.jpg": Case(
            restarts[:-2], np.asarray(Image.open(io.BytesIO(restarts))), tolerance=0, note=supplied
        ),
        "cut-before-last-scan.jpg": Case(progressive[:last_scan], reason="(?i)truncated"),
        "cut-before-last-restart.jpg": Case(restarts[:last_restart], reason="(?i)truncated"),
        "cut-half.png": Case(png_data[: len(png_data) // 2], reason="damaged"),
        "flipped-bit.png": Case(bytes(flipped), reason="damaged"),
        "cut-half.gif": Case(gif[: len(gif) // 2], reason="damaged"),
        "cut.webp": Case(saved(picture, "WEBP")[:-20], reason="damaged"),
        "cut-half.bmp": Case(saved(picture, "BMP")[:2000], reason="damaged"),
        "cut-half.tif": Case(saved(picture, "TIFF")[:2000], reason="damaged"),
        "cut-half.ppm": Case(saved(picture, "PPM")[:2000], reason="damaged"),
        "cut-half.jp2": Case(saved(picture, "JPEG2000")[:2000], reason="damaged"),
        "cut-half.avif": Case(saved(picture, "AVIF")[:-100], reason="damaged"),
        "cut-lzw.tif": Case(saved(picture, "TIFF", compression="tiff_lzw")[:-1000], reason="damaged"),
    }


def _bombs_and_strangers() -> dict[str, Case]:
    row = np.zeros((1, 4), np.uint8)
    picture = Image.fromarray(scene())
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("a.png", saved(picture, "PNG"))
    return {
        "bomb.png": Case(png(row, 0, 8, size=(50_000, 50_000)), reason="over the limit"),
        "bomb.gif": Case(
            b"GIF89a" + struct.pack("<HH", 65535, 65535) + saved(picture.quantize(4), "GIF")[10:],
            reason="over the limit",
        ),
        "bomb.bmp": Case(
            saved(picture, "BMP")[:18] + struct.pack("<ii", 30_000, 30_000) + saved(picture, "BMP")[26:],
            reason="over the limit",
        ),
        "empty.png": Case(b"", reason="empty file"),
        "empty.jpg": Case(b"", reason="empty file"),
        "text.png": Case(b"this is not a picture\n" * 20, reason="not an image"),
        "page.jpg": Case(b"<!DOCTYPE html><html>404 Not Found</html>", reason="not an image"),
        "drawing.svg": Case(b'<svg xmlns="http://www.w3.org/2000/svg"/>', reason="not an image"),
        "phone.heic": Case(
            b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(200), reason="HEIC, not an image .* export it as JPEG"
        ),
        "thumbnail.dng": Case(saved(picture, "TIFF", tiffinfo={254: 1}), reason="raw, not an image .* export it as JPEG"),
        "bitmap.txt": Case(b"BM is no picture either\n" * 9, reason="not an image"),
        "layers.psd": Case(b"8BPS\0\1" + bytes(200), reason="not an image"),
        "paper.eps": Case(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", reason="not an image"),
        "zeros.jpg": Case(bytes(5000), reason="not an image"),
        "inner.zip": Case(inner.getvalue(), reason="an archive inside; .*name it by itself"),
        "is-a-png.jpg": Case(saved(picture, "PNG"), scene(), tolerance=0),
        "is-a-jpeg.png": Case(saved(picture, "JPEG", quality=95), scene(), tolerance=8),
        "no-suffix": Case(saved(picture, "PNG"), scene(), tolerance=0),
        "trailing-bytes.jpg": Case(saved(picture, "JPEG", quality=95) + b"\0" * 999, scene(), tolerance=8),
    }


def _shapes() -> dict[str, Case]:
    strip = np.tile(np.array([[[250, 10, 10]]], np.uint8), (1, 3000, 1))
    return {
        "one-pixel.png": Case(saved(Image.new("RGB", (1, 1), (9, 90, 200)), "PNG"), np.full((1, 1, 3), [9, 90, 200], np.uint8)),
        "wide-strip.png": Case(saved(Image.fromarray(strip), "PNG"), strip),
        "tall-strip.png": Case(saved(Image.fromarray(strip.transpose(1, 0, 2)), "PNG"), strip.transpose(1, 0, 2)),
    }


def fill_folder(folder: Path) -> dict[str, str]:
    """Write the kit, with what only a file system can hold, and return {name: reason or ""} for all of it."""
    folder.mkdir()
    expected = {}
    for name, case in pictures().items():
        (folder / name).write_bytes(case.data)
        expected[name] = case.reason
    good = pictures()["rgb.png"].data
    for name in (
        "deep/er/ünïcode ☃.png",
        "new\nline.png",
        "-dash.png",
        " spaces .png",
        "x" * 240 + ".png",
        os.fsdecode(b"latin\xe9.png"),
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(good)
        expected[name] = ""
    (folder / "empty folder.png").mkdir()
    outside = folder.parent / "outside.png"
    outside.write_bytes(good)
    links = {
        "link.png": ("rgb.png", ""),
        "link-out.png": (outside, "leaves the folder"),
        "link-etc": ("/etc", "leaves the folder"),
        "link-nowhere.png": ("nothing.png", "broken link"),
        "link-loop.png": ("link-loop.png", "broken link"),
        "link-deep": ("deep", "link to a folder"),
    }
    for name, (target, reason) in links.items():
        (folder / name).symlink_to(target)
        expected[name] = reason
    os.mkfifo(folder / "fifo.png")
    expected["fifo.png"] = "not a regular file"
    return expected
