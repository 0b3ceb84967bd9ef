"""A photo that somebody uploads, and the face in it.

photo = opened("me.jpg", data)                     # InputError for what is no picture, or too large
photo.face(64)                                     # as scripts.cartoonize cuts it
"""

from dataclasses import dataclass, replace
from functools import lru_cache

from PIL import Image, ImageDraw

import filenames
from data.decode import Unreadable, decode
from errors import InputError
from explorer.crop import Crop
from faces import align
from faces.align import NoFace
from faces.locate import Locator

LARGEST, PIXELS = 10 * 2**20, 64_000_000  # bytes, and pixels of what is uploaded
SHOWN = 560  # pixels of the longer side, with the square drawn in
LINE = (249, 115, 22)


@dataclass(frozen=True)
class Photo:
    """
    name:  of the file as it was uploaded, without folders
    where: its path for a command, where it is known, else the name
    found: the square in which the face was found; None: nobody was
    crop:  what is cut out; where it is `found`, no command needs to be told
    """

    name: str
    where: str
    picture: Image.Image
    found: Crop | None
    crop: Crop

    @property
    def eyes(self) -> str:
        """What a command has to be told, "" for nothing."""
        return "" if self.crop == self.found else self.crop.eyes()

    def face(self, size: int) -> Image.Image:
        """Raises InputError for a square beside the picture."""
        try:
            square = locator().squares(self.name, self.picture)[0] if not self.eyes else self.crop.square()
            return align.cut(self.picture, square, size)
        except NoFace as reason:
            raise InputError(str(reason)) from None

    def moved(self, right: float, down: float, larger: float, turn: float) -> "Photo":
        """From where the face was found: in parts of its side, in octaves of it, and in degrees."""
        start = self.start
        if not (right or down or larger or turn):
            return replace(self, crop=start)
        x, y = start.x + right * start.side, start.y + down * start.side
        return replace(self, crop=Crop(x, y, start.side * 2**larger, start.turn + turn))

    @property
    def start(self) -> Crop:
        return self.found or middle(self.picture)

    def outlined(self) -> Image.Image:
        """The picture, smaller, with the square in it."""
        scale = min(1.0, SHOWN / max(self.picture.size))
        small = self.picture.resize([max(1, round(side * scale)) for side in self.picture.size], Image.Resampling.LANCZOS)
        corners = [tuple(point) for point in (self.crop.square() * scale).tolist()]
        ImageDraw.Draw(small).line([*corners, corners[0]], fill=LINE, width=3, joint="curve")
        return small


@lru_cache(1)
def locator() -> Locator:
    return Locator()


def opened(name: str, data: bytes, where: str = "") -> Photo:
    """Raises InputError in words for whoever uploaded it."""
    name = filenames.safe(name.replace("\\", "/").rpartition("/")[2] or "photo")
    if len(data) > LARGEST:
        raise InputError(f"{name} has {len(data) / 2**20:.1f} MB; a photo may have {LARGEST >> 20} MB here")
    try:
        picture = decode(data, PIXELS).picture
    except Unreadable as reason:
        raise InputError(f"{name}: {reason}") from None
    if picture.info.get("shrunk", 1) != 1:
        raise InputError(f"{name}: more than {PIXELS // 10**6} megapixels; a smaller one, please")
    try:
        found = Crop.around(locator().squares(name, picture)[0])
    except NoFace:
        found = None
    return Photo(name, where or name, picture, found, found or middle(picture))


def middle(picture: Image.Image) -> Crop:
    return Crop.around(align.centre_square(picture))
