"""High dynamic range and wide gamuts -> what a screen shows (sRGB).

    shown = to_screen(pixels, primaries=9, transfer=16)        # [height, width, 3] in [0, 1] -> uint8

The numbers are those of ITU-T H.273. PQ and HLG (ITU-R BT.2100) speak of light; white paper is at 203 nits (BT.2408), and
becomes nearly white; what is brighter keeps its colour and is squeezed into the rest.
"""

import numpy as np

PQ, HLG = 16, 18  # transfers
WHITE_NITS, HLG_PEAK = 203, 1000
BAND = 64  # rows at a time
KNEE = 0.75  # of the light of white: below it nothing changes
SDR_GAMMA = 2.4  # of a film that is not HDR (ITU-R BT.1886)
D65 = (0.3127, 0.3290)
PRIMARIES = {  # xy of white, red, green and blue, by their number
    1: (D65, (0.640, 0.330), (0.300, 0.600), (0.150, 0.060)),  # BT.709 and sRGB
    5: (D65, (0.640, 0.330), (0.290, 0.600), (0.150, 0.060)),
    6: (D65, (0.630, 0.340), (0.310, 0.595), (0.155, 0.070)),
    9: (D65, (0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),  # BT.2020
    11: ((0.314, 0.351), (0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
    12: (D65, (0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),  # Display P3
}
WIDE = (9, 12)  # primaries whose films hold colours that no screen shows


def beyond_a_screen(primaries: int, transfer: int) -> bool:
    """Whether pixels of these primaries and this transfer need `to_screen`."""
    return transfer in (PQ, HLG) or primaries in WIDE


def to_screen(pixels: np.ndarray, primaries: int, transfer: int) -> np.ndarray:
    """R'G'B' [height, width, 3] in [0, 1], or uint16, -> uint8 sRGB. Unknown primaries: BT.2020's with HDR."""
    own = PRIMARIES[primaries if primaries in (1, *WIDE) else 9]
    matrix = between(own, PRIMARIES[1]).T.astype(np.float32)
    shown = np.empty(pixels.shape, np.uint8)
    for top in range(0, len(pixels), BAND):  # a frame of 4K as a whole would take a gigabyte
        band = pixels[top : top + BAND]
        band = band / np.float32(65535) if band.dtype == np.uint16 else band
        shown[top : top + BAND] = np.rint(_encoded(band, matrix, transfer) * 255)
    return shown


def _encoded(pixels: np.ndarray, matrix: np.ndarray, transfer: int) -> np.ndarray:
    if transfer in (PQ, HLG):
        light = {PQ: pq_light, HLG: hlg_light}[transfer](pixels) / WHITE_NITS
        return srgb(squeezed(light @ matrix))
    return np.clip(pixels**SDR_GAMMA @ matrix, 0, 1) ** (1 / SDR_GAMMA)


def pq_light(pixels: np.ndarray) -> np.ndarray:
    """Nits (SMPTE ST 2084)."""
    m1, m2, c1, c2, c3 = 2610 / 16384, 2523 / 32, 3424 / 4096, 2413 / 128, 2392 / 128
    root = np.clip(pixels, 0, 1) ** (1 / m2)
    return 10000 * (np.maximum(root - c1, 0) / (c2 - c3 * root)) ** (1 / m1)


def hlg_light(pixels: np.ndarray) -> np.ndarray:
    """Nits on a display of 1000 (BT.2100, tables 5)."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    pixels = np.clip(pixels, 0, 1)
    scene = np.where(pixels <= 0.5, pixels**2 / 3, (np.exp((pixels - c) / a) + b) / 12)
    luminance = scene @ np.array([0.2627, 0.6780, 0.0593])
    return HLG_PEAK * luminance[..., None] ** 0.2 * scene


def srgb(light: np.ndarray) -> np.ndarray:
    """Linear in [0, 1] -> encoded (IEC 61966-2-1)."""
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * np.maximum(light, 0.0031308) ** (1 / 2.4) - 0.055)


def squeezed(light: np.ndarray) -> np.ndarray:
    """[0, inf) -> [0, 1): above the knee the largest of the three approaches 1, the others keep their ratio to it."""
    light = np.maximum(light, 0)
    most = light.max(-1, keepdims=True)
    over = np.maximum(most - KNEE, 0)
    level = np.where(over > 0, KNEE + (1 - KNEE) * -np.expm1(-over / (1 - KNEE)), most)
    return light * (level / np.maximum(most, 1e-6))


def between(own: tuple, other: tuple) -> np.ndarray:
    """[3, 3]: linear RGB of one set of primaries -> of the other, both with the same white."""
    return np.linalg.inv(to_xyz(other)[1]) @ to_xyz(own)[1]


def to_xyz(primaries: tuple) -> tuple[np.ndarray, np.ndarray]:
    """White [3], and [3, 3]: linear RGB -> X, Y, Z, such that all three primaries together are white with Y = 1."""
    xyz = np.array([(x / y, 1, (1 - x - y) / y) for x, y in primaries])
    white, columns = xyz[0], xyz[1:].T
    return white, columns * np.linalg.solve(columns, white)
