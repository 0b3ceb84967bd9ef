"""Fetch published weights: resumable, checked, and never over plain http.

python -m scripts.download ffhq256
python -m scripts.download https://example.org/cartoon.pt --sha256 0123...
python -m scripts.download ffhq256 --offline          says where the file is and where to put it
"""

import hashlib
import http.client
import os
import re
import shutil
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import cli
import progress

ATTEMPTS = 4  # connections without a single byte before it gives up
PAUSE = 1.0  # seconds before the next one
PATIENCE = 30  # seconds without a byte
LARGEST = 8 * 2**30  # bytes
REDIRECTS = 5
CHUNK = MIB = 2**20
LOCAL = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Published:
    """A file that others publish. sha256: all of it, or the leading digits where its publisher states only these."""

    url: str
    what: str
    licence: str
    file: str = ""  # the name to keep it under; else that of the link
    sha256: str = ""
    by_hand: bool = False  # the host asks for a click


PUBLISHED = {
    "ffhq256": Published(
        "https://nvlabs-fi-cdn.nvidia.com/stylegan2-ada-pytorch/pretrained/"
        "transfer-learning-source-nets/ffhq-res256-mirror-paper256-noaug.pkl",
        "faces, 256 px: NVIDIA .pkl with G, D and G_ema, which every command reads as it is",
        "NVIDIA Source Code License, non-commercial; trained on FFHQ (CC BY-NC-SA 4.0)",
    ),
    "ffhq1024": Published(
        "https://nvlabs-fi-cdn.nvidia.com/stylegan2-ada-pytorch/pretrained/ffhq.pkl",
        "faces, 1024 px: NVIDIA .pkl with G, D and G_ema, which every command reads as it is",
        "NVIDIA Source Code License, non-commercial; trained on FFHQ (CC BY-NC-SA 4.0)",
    ),
    "ffhq256-rosinality": Published(
        "https://drive.google.com/file/d/1PQutd-JboOCOZqmd95XWxWrO8gGEvRcO/view",
        "faces, 256 px: training file of stylegan2-pytorch with g, d and g_ema",
        "as its project page states; trained on FFHQ (CC BY-NC-SA 4.0)",
        file="550000.pt",
        by_hand=True,
    ),
    **{
        name.lower().replace("_", "-"): Published(
            f"https://drive.google.com/uc?id={drive_id}",
            f"cartoon faces, 256 px, by {method}: training file of Cartoon-StyleGAN",
            "none stated; fine-tuned from FFHQ (CC BY-NC-SA 4.0), the drawings belong to their artists",
            file=f"{name}.pt",
            by_hand=True,
        )
        for name, method, drive_id in (
            ("NaverWebtoon", "FreezeD + ADA", "1yIn_gM3Fk3RrRphTPNBPgJ3c-PuzCjOB"),
            ("NaverWebtoon_FreezeSG", "FreezeSG", "1OysFtj7QTy7rPnxV9TXeEgBfmtgr8575"),
            ("NaverWebtoon_StructureLoss", "structure loss", "1Oylfl5j-XGoG_pFHtQwHd2G7yNSHx2Rm"),
            ("Romance101", "FreezeD + ADA", "1wWt4dPC9TJfJ6cF3mwg7kQvpuVwPhSN7"),
            ("TrueBeauty", "FreezeD + ADA", "1yEky49SnkBqPhdWvSAwgK5Sbrc3ctz1y"),
            ("Disney", "FreezeD + ADA", "1z51gxECweWXqSYQxZJaHOJ4TtjUDGLxA"),
            ("Disney_FreezeSG", "FreezeSG", "1PJaNozfJYyQ1ChfZiU2RwJqGlOurgKl7"),
            ("Disney_StructureLoss", "structure loss", "1PILW-H4Q0W8S22TO4auln1Wgz8cyroH6"),
            ("Metface_FreezeSG", "FreezeSG", "1P5T6DL3Cl8T74HqYE0rCBQxcq15cipuw"),
            ("Metface_StructureLoss", "structure loss", "1P65UldIHd2QfBu88dYdo1SbGjcDaq1YL"),
        )
    },
    "vgg16": Published(
        "https://download.pytorch.org/models/vgg16-397923af.pth",
        "VGG16 of torchvision, for the perceptual distance of the projector",
        "as torchvision states; trained on ImageNet",
        sha256="397923af",
    ),
    "inception": Published(
        "https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/weights-inception-2015-12-05-6726825d.pth",
        "Inception-v3 of torch-fidelity, for FID and KID by scripts.evaluate",
        "Apache-2.0, as TensorFlow's models; trained on ImageNet",
        sha256="6726825d",
    ),
}


def parser() -> cli.Parser:
    known = "\n".join(f"  {name:28}{file.what}" for name, file in PUBLISHED.items())
    command = cli.Parser(f"{__doc__}\npublished files:\n{known}\n", "python -m scripts.download [flags] NAME|URL")
    command.add_argument("name", metavar="NAME|URL", help="one of the published files, or an https link")
    command.add_argument("--out", type=Path, default=Path("networks"), metavar="DIR", help="folder (default: networks)")
    command.add_argument("--sha256", metavar="HEX", help="what the file must hash to")
    command.add_argument("--offline", action="store_true", help="only print the link and the place for the file")
    command.add_argument("--overwrite", action="store_true", help="fetch again what is there")
    return command


def main(args) -> Path | None:
    file = PUBLISHED.get(args.name) or Published(args.name, "", "")
    if "/" not in file.url:
        raise cli.InputError(f"{args.name}: not a published file ({', '.join(PUBLISHED)}) nor a link")
    check_link(file.url)
    expected = (args.sha256 or file.sha256).lower()
    if not re.fullmatch(r"[0-9a-f]{0,64}", expected) or (args.sha256 and len(args.sha256) != 64):
        raise cli.InputError(f"--sha256 {args.sha256}: expected 64 hexadecimal digits")
    path = args.out / (file.file or _name(file.url))
    if path.is_file() and not args.overwrite:
        _check_hash(path, path, expected)
        print("already there")
        return path
    if args.offline or file.by_hand:
        return _explain(file, path)
    if file.licence:
        print(f"licence: {file.licence}")
    fetch(file.url, path, expected)
    return path


def fetch(url: str, path: Path, expected: str = "") -> None:
    """Download to `path`, by way of `path`.part, which a later call continues. Raises InputError, in one line.

    expected: SHA-256, or its first digits; without it the hash is printed, to be pinned the next time
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.open("ab").close()  # a folder that cannot be written to is no matter of the connection
    failures = 0
    while failures < ATTEMPTS:
        before = _size(part)
        try:
            _receive(url, part)
            break
        except (OSError, http.client.HTTPException) as error:
            if isinstance(error, urllib.error.HTTPError) and error.code < 500:
                raise cli.InputError(f"{url}: {error.code} {error.reason}") from None
            failures = 0 if _size(part) > before else failures + 1
            reason = str(error) or type(error).__name__
            print(f"interrupted at {_size(part) / 2**20:,.1f} MiB ({reason})", file=sys.stderr)
            time.sleep(PAUSE)
    else:
        raise cli.InputError(f"{url}: gave up ({reason}); the same command goes on from {part}, --offline tells the link")
    _check_hash(part, path, expected)
    os.replace(part, path)
    _tag(part).unlink(missing_ok=True)


def check_link(url: str) -> None:
    """https, or http on this machine."""
    link = urllib.parse.urlsplit(url)
    if link.scheme != "https" and not (link.scheme == "http" and link.hostname in LOCAL):
        raise cli.InputError(f"{url}: expected an https link")


class _Redirects(urllib.request.HTTPRedirectHandler):
    max_redirections = REDIRECTS

    def redirect_request(self, request, file, code, message, headers, new_url):
        check_link(new_url)
        return super().redirect_request(request, file, code, message, headers, new_url)


def _receive(url: str, part: Path) -> None:
    """One connection: from the end of the part file on, if the server can and the file is still the same one."""
    have = _size(part)
    request = urllib.request.Request(url, headers={"User-Agent": "cartoon-stylegan2"})
    if have and _tag(part).is_file():
        request.add_header("Range", f"bytes={have}-")
        request.add_header("If-Range", _tag(part).read_text())
    try:
        response = urllib.request.build_opener(_Redirects).open(request, timeout=PATIENCE)
    except urllib.error.HTTPError as error:
        if error.code == 416:  # nothing follows the part: it is the whole file, or another one
            if error.headers.get("Content-Range") == f"bytes */{have}":
                return
            part.unlink()
            _tag(part).unlink()
            _receive(url, part)
            return
        raise
    with response:
        go_on = response.status == 206 and (response.headers.get("Content-Range") or "").startswith(f"bytes {have}-")
        length = int(response.headers.get("Content-Length") or -1)
        total = length + have if go_on else length
        _check_room(part, length, total)
        _remember(part, response.headers)
        whole = round(total / MIB) if total > 0 else None
        with part.open("ab" if go_on else "wb") as file, progress.Bar(whole, "MiB", part.stem, round(file.tell() / MIB)) as bar:
            while chunk := response.read(CHUNK):
                file.write(chunk)
                bar.update(round(file.tell() / MIB) - bar.done)
                if file.tell() > LARGEST:
                    raise cli.InputError(f"{url}: more than {LARGEST >> 30} GiB")
            received = file.tell()
    if 0 <= total != received:
        raise http.client.IncompleteRead(b"", total - received)


def _remember(part: Path, headers) -> None:
    """The server's mark of this version of the file, so that a later version is not glued to half of this one."""
    mark = headers.get("ETag") or headers.get("Last-Modified") or ""
    if mark and not mark.startswith("W/"):  # a weak mark does not promise equal bytes
        _tag(part).write_text(mark)
    else:
        _tag(part).unlink(missing_ok=True)


def _check_room(part: Path, length: int, total: int) -> None:
    if total > LARGEST:
        raise cli.InputError(f"{part}: {total / 2**30:.1f} GiB announced, expected at most {LARGEST >> 30} GiB")
    free = shutil.disk_usage(part.parent).free
    if length > free:
        raise cli.InputError(f"{part}: needs {length / 2**20:,.0f} MiB, the disk has {free / 2**20:,.0f} MiB free")


def _check_hash(file: Path, path: Path, expected: str) -> None:
    """Compare before the file gets its name."""
    with file.open("rb") as data:
        found = hashlib.file_digest(data, "sha256").hexdigest()
    if not found.startswith(expected):
        if file != path:
            file.unlink()
        raise cli.InputError(f"{path}: SHA-256 is {found}, expected {expected}; {'deleted' if file != path else 'not touched'}")
    print(f"SHA-256 {found} ({'as expected' if expected else 'none is published; pin it with --sha256'})")


def _explain(file: Published, path: Path) -> None:
    print(f"link:    {file.url}")
    print(f"place:   {path}")
    if file.licence:
        print(f"licence: {file.licence}")
    if file.sha256:
        print(f"SHA-256: {file.sha256}{'...' * (len(file.sha256) < 64)}")


def _name(url: str) -> str:
    """The last part of a link's path, as a plain file name."""
    name = urllib.parse.unquote(urllib.parse.urlsplit(url).path).rsplit("/", 1)[-1].rsplit("\\", 1)[-1]
    if not re.fullmatch(r"[\w.+ -]{1,120}", name) or not name.strip("."):
        raise cli.InputError(f"{url}: the link does not end in a file name")
    return name


def _tag(part: Path) -> Path:
    return part.with_name(part.name + ".etag")


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


if __name__ == "__main__":
    cli.run(main, parser())
