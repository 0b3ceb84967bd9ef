"""Weights that others publish: where they are, and how they get here: resumable, checked, and never over plain http.

    path = get("ffhq256", Path("networks"))         # a file of the table below, or an https link
    get_all(Path("networks"))

Imports no torch.
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

import progress
from errors import InputError
from writing import NO_ROOM

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
    also: str = ""  # a name under which it goes round as well


PUBLISHED = {
    **{
        f"ffhq{size}": Published(
            f"https://nvlabs-fi-cdn.nvidia.com/stylegan2-ada-pytorch/pretrained/{file}",
            f"faces, {size} px: NVIDIA .pkl with G, D and G_ema, which every command reads as it is",
            "NVIDIA Source Code License, non-commercial; trained on FFHQ (CC BY-NC-SA 4.0)",
        )
        for size, file in (
            (256, "transfer-learning-source-nets/ffhq-res256-mirror-paper256-noaug.pkl"),
            (1024, "ffhq.pkl"),
        )
    },
    "ffhq256-rosinality": Published(
        "https://drive.google.com/file/d/1PQutd-JboOCOZqmd95XWxWrO8gGEvRcO/view",
        "faces, 256 px: training file of stylegan2-pytorch with g, d and g_ema",
        "as its project page states; trained on FFHQ (CC BY-NC-SA 4.0)",
        file="550000.pt",
        by_hand=True,
        also="ffhq256.pt",
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
    "clip": Published(
        "https://openaipublic.azureedge.net/clip/models/"
        "40d365715913c9da98579312b702a82c18be219cc2a73407c4526f58eba950af/ViT-B-32.pt",
        "CLIP ViT-B/32 of OpenAI, for faces and styles by words",
        "MIT",
        sha256="40d365715913c9da98579312b702a82c18be219cc2a73407c4526f58eba950af",
    ),
    "inception": Published(
        "https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/weights-inception-2015-12-05-6726825d.pth",
        "Inception-v3 of torch-fidelity, for FID and KID by scripts.evaluate",
        "Apache-2.0, as TensorFlow's models; trained on ImageNet",
        sha256="6726825d",
    ),
}


def get(name: str, folder: Path, sha256: str = "", overwrite: bool = False, offline: bool = False) -> Path | None:
    """Fetch one file into the folder and return its path, or say where it is and where to put it, and return None.

    name:    of the table, the name of a file in it ("Disney.pt"), or an https link
    sha256:  what the file must hash to
    offline: say it of every file; else only of those whose host asks for a click

    Raises InputError, in one line.
    """
    file = find(name)
    check_link(file.url)
    expected = (sha256 or file.sha256).lower()
    if not re.fullmatch(r"[0-9a-f]{0,64}", expected) or (sha256 and len(sha256) != 64):
        raise InputError(f"SHA-256 {sha256}: expected 64 hexadecimal digits")
    path = folder / (file.file or _name(file.url))
    if path.is_file() and not overwrite:
        _check_hash(path, path, expected)
        print("already there")
        return path
    if offline or file.by_hand:
        return _explain(file, path)
    if file.licence:
        print(f"licence: {file.licence}")
    fetch(file.url, path, expected)
    return path


def get_all(folder: Path, overwrite: bool = False, offline: bool = False) -> Path:
    """Every file of the table, one after the other. One that fails does not stop the next; raises InputError at the end."""
    failed = []
    for name, file in PUBLISHED.items():
        print(f"{name}: {file.what}")
        try:
            get(name, folder, overwrite=overwrite, offline=offline)
        except InputError as error:
            print(f"failed: {error}")
            failed.append(name)
    if failed:
        raise InputError(
            f"all: {len(failed)} of {len(PUBLISHED)} files are missing ({', '.join(failed)}); run it again to go on"
        )
    return folder


def find(name: str) -> Published:
    """By the table's name, by a file's name in any case, or a link."""
    if name in PUBLISHED:
        return PUBLISHED[name]
    for file in PUBLISHED.values():
        if name.lower() in {known.lower() for known in (file.file, file.also) if known}:
            return file
    if "/" not in name:
        raise InputError(f"{name}: not a published file ({', '.join(PUBLISHED)}, or all) nor a link")
    return Published(name, "", "")


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
            if isinstance(error, OSError) and error.errno in NO_ROOM:  # trying again makes no room
                raise OSError(error.errno, error.strerror, str(part)) from None
            if isinstance(error, urllib.error.HTTPError) and error.code < 500:
                raise InputError(f"{url}: {error.code} {error.reason}") from None
            failures = 0 if _size(part) > before else failures + 1
            reason = str(error) or type(error).__name__
            print(f"interrupted at {_size(part) / 2**20:,.1f} MiB ({reason})", file=sys.stderr)
            time.sleep(PAUSE)
    else:
        raise InputError(f"{url}: gave up ({reason}); the same command goes on from {part}")
    _check_hash(part, path, expected)
    os.replace(part, path)
    _tag(part).unlink(missing_ok=True)


def check_link(url: str) -> None:
    """https, or http on this machine."""
    link = urllib.parse.urlsplit(url)
    if link.scheme != "https" and not (link.scheme == "http" and link.hostname in LOCAL):
        raise InputError(f"{url}: expected an https link")


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
                    raise InputError(f"{url}: more than {LARGEST >> 30} GiB")
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
        raise InputError(f"{part}: {total / 2**30:.1f} GiB announced, expected at most {LARGEST >> 30} GiB")
    free = shutil.disk_usage(part.parent).free
    if length > free:
        raise InputError(f"{part}: needs {length / 2**20:,.0f} MiB, the disk has {free / 2**20:,.0f} MiB free")


def _check_hash(file: Path, path: Path, expected: str) -> None:
    """Compare before the file gets its name."""
    with file.open("rb") as data:
        digest = hashlib.file_digest(data, "sha256").hexdigest()
    if not digest.startswith(expected):
        if file != path:
            file.unlink()
        raise InputError(f"{path}: SHA-256 is {digest}, expected {expected}; {'deleted' if file != path else 'not touched'}")
    print(f"SHA-256 {digest} ({'as expected' if expected else 'none is published; compare it the next time'})")


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
        raise InputError(f"{url}: the link does not end in a file name")
    return name


def _tag(part: Path) -> Path:
    return part.with_name(part.name + ".etag")


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0
