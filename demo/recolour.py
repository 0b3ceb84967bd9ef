"""More dark hair on light skin among the 3D heads, and less of what photos seldom have: which demo/toon64.pt was trained on.

    python demo/recolour.py aligned/crops heads           # 140 aligned heads of Fluent Emoji in, 130 out

Fluent Emoji gives its second lightest skin fair, red, white or no hair, and never dark: a network that learns this turns the
dark hair of many photos fair, or leaves it out. A hairstyle has the same pixels in every skin, so the dark hair of one picture
fits the face of another.
"""

import shutil
import sys
from pathlib import Path

import numpy as np
from PIL import Image

STYLES = (  # of a style: black hair on the lightest skin; brown hair; fair hair on the second lightest skin
    *((125, 126, 127), (130, 131, 132), (136, 141, 146), (139, 144, 149), (161, 166, 171), (164, 169, 174)),
    *((241, 246, 251), (244, 249, 254), (265, 266, 267), (275, 278, 281), (276, 279, 282), (277, 280, 283)),
)
LEFT_OUT = {
    *(137, 147, 162, 167, 172, 177, 182, 242, 247, 252, 257, 262),  # bald; three others stay
    *(138, 143, 148, 153, 158, 173, 178, 183, 243, 248, 253, 258, 263),  # white hair; old people's and two others stay
    *range(185, 200),  # fair hair on every skin; who has it otherwise stays
    *(150, 155, 175, 180, 255, 260),  # red hair on dark skin
}
LUMA = 0.2126, 0.7152, 0.0722
DARK, LIGHT = 70, 120  # 0 to 255: all hair, and none


def main(heads: Path, out: Path) -> None:
    names = [f"{number:04d}.png" for style in STYLES for number in style]
    if lacking := [name for name in names if not (heads / name).is_file()]:
        sys.exit(f"recolour.py: {heads}: holds no {lacking[0]}; the heads are those of demo/toon64.txt")
    if out.exists():
        sys.exit(f"recolour.py: {out}: exists; name a new folder")
    out.mkdir(parents=True)
    for path in sorted(heads.glob("*.png")):
        if int(path.stem) not in LEFT_OUT:
            shutil.copy(path, out)
    for numbers in STYLES:
        black, brown, fair = (np.asarray(Image.open(heads / f"{number:04d}.png").convert("RGB"), float) for number in numbers)
        hair = np.clip((LIGHT - black @ LUMA) / (LIGHT - DARK), 0, 1)[..., None]
        for name, face, other in (("fair-black", fair, black), ("fair-brown", fair, brown), ("brown-black", brown, black)):
            Image.fromarray(np.uint8(np.round(face + hair * (other - face)))).save(out / f"{numbers[0]:04d}-{name}.png")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: python demo/recolour.py HEADS OUT")
    main(*map(Path, sys.argv[1:]))
