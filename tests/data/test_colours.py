"""Pictures of other colour spaces are shown in sRGB; those of sRGB are left alone to the bit."""

import io
import struct

import numpy as np
import pytest
from PIL import Image, ImageCms

from data import colours
from data.decode import decode
from tests.data.awkward import saved, scene

D65 = colours.D65
P3 = colours.PRIMARIES[12]
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def matrix(primaries) -> np.ndarray:
    """Linear RGB -> XYZ, [3, 3]."""
    columns = np.array([(x / y, 1, (1 - x - y) / y) for x, y in primaries[1:]]).T
    white = np.array([(x / y, 1, (1 - x - y) / y) for x, y in primaries[:1]])[0]
    return columns * np.linalg.solve(columns, white)


def linear(pixels: np.ndarray) -> np.ndarray:
    values = pixels / 255
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def encoded(light: np.ndarray, gamma: float = 0) -> np.ndarray:
    light = light.clip(0, 1)
    curve = light ** (1 / gamma) if gamma else np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.rint(255 * curve).astype(np.uint8)


def stored(primaries, gamma: float = 0) -> np.ndarray:
    """The numbers that show the scene in another space with the white of sRGB."""
    return encoded(linear(scene()) @ (np.linalg.inv(matrix(primaries)) @ matrix(colours.PRIMARIES[1])).T, gamma)


def check(data: bytes, note: str, tolerance: float = 0.7) -> None:
    """The scene is there. Rounding to 8 bits in another space costs dark colours some levels, so the mean is compared."""
    picture, notes = decode(data)
    assert np.abs(np.asarray(picture).astype(int) - scene()).mean() <= tolerance
    assert any(note in one for one in notes)
    assert "icc_profile" not in picture.info  # it would be written into a PNG made of the picture


PROFILE = colours.matrix_profile(P3, name="Display P3")


@pytest.mark.parametrize(
    ("kind", "options", "tolerance"),
    [
        ("PNG", {}, 0.7),
        ("TIFF", {}, 0.7),
        ("WEBP", {"lossless": True}, 0.7),
        ("JPEG", {"quality": 100, "subsampling": 0}, 1.5),
        ("AVIF", {"quality": 100, "subsampling": "4:4:4"}, 1.5),
    ],
)
def test_a_wide_gamut_is_converted_in_every_format(kind, options, tolerance):
    numbers = stored(P3)
    assert np.abs(numbers.astype(int) - scene()).mean() > 5
    check(saved(Image.fromarray(numbers), kind, icc_profile=PROFILE, **options), "converted to sRGB from Display P3", tolerance)


def test_a_jpeg_2000_keeps_its_profile_in_a_box():
    data = saved(Image.fromarray(stored(P3)), "JPEG2000")
    at = data.index(b"colr") - 4
    length = int.from_bytes(data[at : at + 4])
    own = struct.pack(">I4sBBB", 11 + len(PROFILE), b"colr", 2, 0, 0) + PROFILE
    header = data.index(b"jp2h") - 4
    whole = int.from_bytes(data[header : header + 4]) - length + len(own)
    check(data[:header] + struct.pack(">I", whole) + data[header + 4 : at] + own + data[at + length :], "Display P3")


def test_transparency_and_palettes_survive():
    numbers = Image.fromarray(stored(P3))
    half = np.full(scene().shape[:2], 255, np.uint8)
    half[:, :10] = 0
    numbers.putalpha(Image.fromarray(half))
    picture, notes = decode(saved(numbers, "PNG", icc_profile=PROFILE))
    found = np.asarray(picture).astype(int)
    assert (found[:, :10] == 255).all() and np.abs(found[:, 10:] - scene()[:, 10:]).mean() <= 0.7 and len(notes) == 2
    flat = Image.new("RGB", (8, 8), (40, 180, 90)).quantize(2)
    plain = decode(saved(flat.convert("RGB"), "PNG", icc_profile=PROFILE)).picture.getpixel((3, 3))
    assert decode(saved(flat, "PNG", icc_profile=PROFILE)).picture.getpixel((3, 3)) == plain != (40, 180, 90)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF"])
@pytest.mark.parametrize("profile", [SRGB, colours.matrix_profile(colours.PRIMARIES[1])])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_srgb_is_left_alone_to_the_bit(kind, profile, mode):
    picture = Image.fromarray(scene()).convert(mode)
    plain, notes = decode(saved(picture, kind, icc_profile=profile))
    assert np.array_equal(plain, decode(saved(picture, kind)).picture) and not notes


@pytest.mark.parametrize("broken", [b"nonsense", PROFILE[:200], PROFILE[:36] + b"xxxx" + PROFILE[40:], b"\0" * 600])
def test_a_broken_profile_is_noted_and_ignored(broken):
    picture, notes = decode(saved(Image.fromarray(scene()), "PNG", icc_profile=broken))
    assert np.array_equal(picture, scene()) and notes == [colours.UNREADABLE]


def test_a_profile_of_another_mode_is_noted_and_ignored():
    picture, notes = decode(saved(Image.fromarray(scene()).convert("L"), "PNG", icc_profile=PROFILE))
    assert np.array_equal(picture, Image.fromarray(scene()).convert("L").convert("RGB")) and "another mode" in notes[0]


def grey_profile(gamma: float) -> bytes:
    curve = struct.pack(">4sIHHi", b"para", 0, 0, 0, round(65536 * gamma))
    white = colours.xyz_tag(colours.D50)
    tags = struct.pack(">I4sII4sII", 2, b"wtpt", 156, len(white), b"kTRC", 156 + len(white), len(curve))
    rest = tags + white + curve
    return struct.pack(">I", 128 + len(rest)) + PROFILE[4:16] + b"GRAY" + PROFILE[20:128] + rest


def test_grey_of_another_gamma_is_converted():
    ramp = np.arange(256, dtype=np.uint8)[None]
    expected = encoded((ramp / 255) ** 1.8)
    assert np.abs(expected.astype(int) - ramp).max() > 15
    picture, notes = decode(saved(Image.fromarray(ramp), "PNG", icc_profile=grey_profile(1.8)))
    assert np.abs(np.asarray(picture)[..., 0].astype(int) - expected).max() <= 2 and "converted" in notes[0]
    picture, _ = decode(saved(Image.fromarray(ramp.astype(np.uint16) * 257), "PNG", icc_profile=grey_profile(1.8)))
    assert np.abs(np.asarray(picture)[..., 0].astype(int) - expected).max() <= 2


def ink_profile(paper: tuple[int, int, int], cyan: tuple[int, int, int]) -> bytes:
    """CMYK: paper without ink, `cyan` with cyan alone, black with any other; in Lab of 8 bits."""
    corners = [paper if inks == 0 else cyan if inks == 8 else (0, 128, 128) for inks in range(16)]
    same = bytes(range(256))
    unit = struct.pack(">9i", *[65536 * (i % 4 == 0) for i in range(9)])
    table = b"mft1" + bytes(4) + bytes([4, 3, 2, 0]) + unit + same * 4 + bytes(sum(corners, ())) + same * 3
    white = colours.xyz_tag(colours.D50)
    tags = struct.pack(">I4sII4sII", 2, b"wtpt", 156, len(white), b"A2B0", 156 + len(white), len(table))
    rest = tags + white + table
    header = struct.pack(">I", 128 + len(rest)) + PROFILE[4:8] + b"\2\x40\0\0prtrCMYKLab " + PROFILE[24:128]
    return header + rest


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_inks_are_shown_as_their_profile_says(kind):
    inks = Image.new("CMYK", (16, 16), (255, 0, 0, 0))
    picture, notes = decode(saved(inks, kind, icc_profile=ink_profile((255, 128, 128), (140, 100, 90))))
    lab = np.array([140 * 100 / 255, 100 - 128, 90 - 128])
    f = (lab[0] + 16) / 116
    xyz = np.array(colours.D50) * np.array([f + lab[1] / 500, f, f - lab[2] / 200]) ** 3
    to_d65 = np.linalg.inv(colours.BRADFORD) @ np.diag(
        colours.BRADFORD @ matrix(colours.PRIMARIES[1]).sum(1) / (colours.BRADFORD @ colours.D50)
    ) @ colours.BRADFORD  # fmt: skip
    expected = encoded(np.linalg.solve(matrix(colours.PRIMARIES[1]), to_d65 @ xyz))
    assert np.abs(np.asarray(picture)[8, 8].astype(int) - expected).max() <= 4 and "converted" in notes[0]
    assert np.abs(np.array(decode(saved(inks, kind)).picture.getpixel((8, 8))) - expected).max() > 40


def with_chunk(data: bytes, name: bytes, content: bytes) -> bytes:
    """A PNG with one more chunk before its pixels."""
    import zlib

    chunk = struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
    return data[:33] + chunk + data[33:]


def chromaticities(primaries) -> bytes:
    return struct.pack(">8I", *[round(100000 * value) for point in primaries for value in point])


def test_what_a_png_says_in_other_chunks_counts():
    wide = saved(Image.fromarray(stored(P3)), "PNG")
    check(with_chunk(wide, b"cICP", bytes([12, 13, 0, 1])), "code points 12/13")
    check(with_chunk(wide, b"cHRM", chromaticities(P3)), "gAMA and cHRM")
    light = saved(Image.fromarray(encoded(linear(scene()), gamma=1.4)), "PNG")
    check(with_chunk(light, b"gAMA", struct.pack(">I", round(100000 / 1.4))), "gAMA and cHRM")
    plain = saved(Image.fromarray(scene()), "PNG")
    for name, content in {
        b"gAMA": struct.pack(">I", 45455),
        b"cHRM": chromaticities(colours.PRIMARIES[1]),
        b"cICP": bytes([1, 13, 0, 1]),
    }.items():
        picture, notes = decode(with_chunk(plain, name, content))
        assert np.array_equal(picture, scene()) and not notes
    ignored = with_chunk(with_chunk(plain, b"cHRM", chromaticities(P3)), b"sRGB", b"\0")
    assert np.array_equal(decode(ignored).picture, scene())
    picture, notes = decode(with_chunk(plain, b"cHRM", bytes(32)))
    assert np.array_equal(picture, scene()) and notes == [colours.UNREADABLE]


def test_hdr_is_brought_to_a_screen():
    picture, notes = decode(with_chunk(saved(Image.fromarray(scene()), "PNG"), b"cICP", bytes([9, 16, 0, 1])))
    assert notes == ["HDR brought to what a screen shows"] and not np.array_equal(picture, scene())


def test_avif_says_it_in_numbers():
    data = bytearray(saved(Image.fromarray(stored(P3)), "AVIF", quality=100, subsampling="4:4:4"))
    at = data.index(b"colrnclx")
    struct.pack_into(">HH", data, at + 8, 12, 13)
    check(bytes(data), "code points 12/13", tolerance=1.5)


def test_a_camera_marks_adobe_rgb_by_a_name():
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0xA001] = 0xFFFF
    exif._ifds[0xA005] = {1: "R03"}
    exif.get_ifd(0x8769)[0xA005] = {1: "R03"}
    numbers = Image.fromarray(stored(colours.ADOBE[0], colours.ADOBE[1]))
    check(saved(numbers, "JPEG", quality=100, subsampling=0, exif=exif), "Adobe RGB", tolerance=1.5)


def test_primaries_on_a_line_span_no_colours():
    with pytest.raises(ValueError, match="one line"):
        colours.matrix_profile((D65, (0.1, 0.1), (0.2, 0.2), (0.3, 0.3)))
    assert Image.open(io.BytesIO(saved(Image.new("RGB", (4, 4)), "PNG", icc_profile=PROFILE))).info["icc_profile"] == PROFILE
