"""scripts.download against a server on this machine: whole, interrupted, resumed, without ranges, wrong."""

import hashlib
import http.server
import threading
from email.utils import formatdate

import pytest

import published
import utils
from errors import InputError
from scripts import download

DATA = bytes(i * i % 251 for i in range(3_000_000))
SHA256 = hashlib.sha256(DATA).hexdigest()


class Server(http.server.ThreadingHTTPServer):
    """Serves DATA as /model.pt.

    ranges:   whether it can begin in the middle
    breaks:   how many answers end early, after a third of what was asked
    etag:     its mark of this version; "" for none
    requests: the Range header of each request
    """

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.ranges, self.breaks, self.etag, self.data = True, 0, '"1"', DATA
        self.requests = []
        self.redirects = {}

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request, client_address):
        """A client that hangs up early is no failure of the test."""


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        server, wanted = self.server, self.headers.get("Range")
        server.requests.append(wanted)
        if self.path in server.redirects:
            self.send_response(302)
            self.send_header("Location", server.redirects[self.path])
            self.end_headers()
            return
        if not self.path.partition("?")[0].endswith("/model.pt"):
            self.send_error(404)
            return
        first = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted else 0
        partial = server.ranges and wanted and self.headers.get("If-Range") in (None, server.etag)
        first = first if partial else 0
        if first >= len(server.data):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(server.data)}")
            self.end_headers()
            return
        body = server.data[first:]
        self.send_response(206 if partial else 200)
        if partial:
            self.send_header("Content-Range", f"bytes {first}-{len(server.data) - 1}/{len(server.data)}")
        if server.etag:
            self.send_header("ETag", server.etag)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if server.breaks:
            server.breaks -= 1
            body = body[: len(body) // 3]
        self.wfile.write(body)

    def log_message(self, *args):
        pass


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr(published, "PAUSE", 0)
    server = Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def run(*words):
    return download.main(download.parser().parse_args(list(map(str, words))))


def files(folder) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_whole_file(server, tmp_path, capsys):
    path = run(f"{server.url}/a/model.pt?x=1", "--out", tmp_path / "new", "--sha256", SHA256.upper())
    assert path == tmp_path / "new" / "model.pt"
    assert path.read_bytes() == DATA
    assert files(tmp_path / "new") == ["model.pt"]
    assert f"SHA-256 {SHA256} (as expected)" in capsys.readouterr().out


def test_without_a_known_hash_it_is_printed(server, tmp_path, capsys):
    run(f"{server.url}/model.pt", "--out", tmp_path)
    assert f"SHA-256 {SHA256} (none is published; compare it the next time)" in capsys.readouterr().out


def test_interruptions_are_resumed(server, tmp_path, capsys):
    server.breaks = 3
    assert run(f"{server.url}/model.pt", "--out", tmp_path, "--sha256", SHA256).read_bytes() == DATA
    assert server.requests[0] is None
    assert all(wanted.startswith("bytes=") for wanted in server.requests[1:])
    assert len(server.requests) == 4
    assert capsys.readouterr().err.count("interrupted at") == 3


def test_a_later_call_goes_on_from_the_part(server, tmp_path):
    server.breaks = 1
    with pytest.raises(http.client.IncompleteRead):
        published._receive(f"{server.url}/model.pt", tmp_path / "model.pt.part")
    assert files(tmp_path) == ["model.pt.part", "model.pt.part.etag"]
    assert run(f"{server.url}/model.pt", "--out", tmp_path, "--sha256", SHA256).read_bytes() == DATA
    assert server.requests == [None, f"bytes={len(DATA) // 3}-"]
    assert files(tmp_path) == ["model.pt"]


def test_a_part_that_is_already_whole(server, tmp_path):
    (tmp_path / "model.pt.part").write_bytes(DATA)
    (tmp_path / "model.pt.part.etag").write_text('"1"')
    assert run(f"{server.url}/model.pt", "--out", tmp_path, "--sha256", SHA256).read_bytes() == DATA
    assert server.requests == [f"bytes={len(DATA)}-"]


@pytest.mark.parametrize("length", [10, len(DATA) + 5])
@pytest.mark.parametrize("tagged", [True, False])
def test_a_part_of_an_older_version_is_thrown_away(server, tmp_path, length, tagged):
    (tmp_path / "model.pt.part").write_bytes(b"x" * length)
    if tagged:
        (tmp_path / "model.pt.part.etag").write_text('"0"')
    assert run(f"{server.url}/model.pt", "--out", tmp_path, "--sha256", SHA256).read_bytes() == DATA


def test_server_without_ranges_begins_anew(server, tmp_path):
    server.ranges, server.breaks = False, 2
    assert run(f"{server.url}/model.pt", "--out", tmp_path, "--sha256", SHA256).read_bytes() == DATA


@pytest.mark.parametrize("etag", ["", 'W/"1"'])
def test_without_a_strong_mark_it_begins_anew(server, tmp_path, etag):
    server.etag, server.breaks = etag, 1
    assert run(f"{server.url}/model.pt", "--out", tmp_path, "--sha256", SHA256).read_bytes() == DATA
    assert server.requests == [None, None]


def test_last_modified_is_a_mark_too(tmp_path):
    date = formatdate(usegmt=True)
    published._remember(tmp_path / "a.part", {"Last-Modified": date})
    assert (tmp_path / "a.part.etag").read_text() == date


def test_wrong_hash_never_gets_the_name(server, tmp_path):
    with pytest.raises(InputError, match=rf"SHA-256 is {SHA256}, expected {'0' * 64}; deleted$"):
        run(f"{server.url}/model.pt", "--out", tmp_path, "--sha256", "0" * 64)
    assert not (tmp_path / "model.pt").exists()
    assert not (tmp_path / "model.pt.part").exists()


def test_present_file_is_checked_and_kept(server, tmp_path, capsys):
    (tmp_path / "model.pt").write_bytes(DATA)
    run(f"{server.url}/model.pt", "--out", tmp_path, "--sha256", SHA256)
    assert "already there" in capsys.readouterr().out
    (tmp_path / "model.pt").write_bytes(b"something of the user's")
    with pytest.raises(InputError, match=r"not touched$"):
        run(f"{server.url}/model.pt", "--out", tmp_path, "--sha256", SHA256)
    assert (tmp_path / "model.pt").read_bytes() == b"something of the user's"
    assert server.requests == []
    run(f"{server.url}/model.pt", "--out", tmp_path, "--sha256", SHA256, "--overwrite")
    assert (tmp_path / "model.pt").read_bytes() == DATA


def test_no_such_file_on_the_server(server, tmp_path):
    with pytest.raises(InputError, match=r"other.pt: 404 Not Found$"):
        run(f"{server.url}/other.pt", "--out", tmp_path)
    assert len(server.requests) == 1


def test_no_connection(tmp_path, monkeypatch):
    monkeypatch.setattr(published, "PAUSE", 0)
    with pytest.raises(InputError, match=r"gave up \(.*refused.*\); the same command goes on"):
        run("http://127.0.0.1:9/model.pt", "--out", tmp_path)


def test_redirects_are_followed_to_safe_places_only(server, tmp_path):
    server.redirects = {"/old.pt": f"{server.url}/model.pt", "/plain.pt": "http://example.org/model.pt", "/loop.pt": "/loop.pt"}
    assert run(f"{server.url}/old.pt", "--out", tmp_path).read_bytes() == DATA
    with pytest.raises(InputError, match=r"http://example.org/model.pt: expected an https link$"):
        run(f"{server.url}/plain.pt", "--out", tmp_path)
    server.requests.clear()
    with pytest.raises(InputError, match=r"loop\.pt: 302"):
        run(f"{server.url}/loop.pt", "--out", tmp_path)
    assert len(server.requests) <= published.REDIRECTS + 1


@pytest.mark.parametrize(
    "url", ["http://example.org/a.pt", "ftp://example.org/a.pt", "file:///etc/passwd", "//example.org/a.pt"]
)
def test_only_https(tmp_path, url):
    with pytest.raises(InputError, match=r"expected an https link$"):
        run(url, "--out", tmp_path)


@pytest.mark.parametrize("end", ["/", "/..", "/%2e%2e", "/a%00b", "/" + "a" * 200])
def test_a_link_must_end_in_a_file_name(tmp_path, end):
    with pytest.raises(InputError, match="does not end in a file name"):
        run(f"https://example.org{end}", "--out", tmp_path / "in")
    assert not (tmp_path / "in").exists()


def test_a_name_cannot_leave_the_folder(tmp_path):
    assert published._name("https://example.org/a/..%2f..%2fb.pt") == "b.pt"
    assert published._name("https://example.org/a/..%5c..%5cb.pt") == "b.pt"


def test_a_file_larger_than_the_limit_or_the_disk(server, tmp_path, monkeypatch):
    monkeypatch.setattr(published, "LARGEST", 1000)
    with pytest.raises(InputError, match="announced, expected at most"):
        run(f"{server.url}/model.pt", "--out", tmp_path)
    monkeypatch.undo()
    monkeypatch.setattr(published.shutil, "disk_usage", lambda path: published.shutil._ntuple_diskusage(10, 9, 1))
    with pytest.raises(InputError, match="the disk has 0 MiB free"):
        run(f"{server.url}/model.pt", "--out", tmp_path)


@pytest.mark.parametrize("name", published.PUBLISHED)
def test_offline_prints_link_and_place(tmp_path, capsys, name):
    assert run(name, "--offline", "--out", tmp_path / "nets") is None
    said = capsys.readouterr().out
    assert published.PUBLISHED[name].url in said
    assert str(tmp_path / "nets") in said
    assert not (tmp_path / "nets").exists()


def test_files_that_need_a_click_are_explained(tmp_path, capsys):
    assert run("ffhq256-rosinality", "--out", tmp_path) is None
    assert str(tmp_path / "550000.pt") in capsys.readouterr().out


def test_published_table_is_sound():
    for file in published.PUBLISHED.values():
        published.check_link(file.url)
        assert file.licence
        assert file.file or published._name(file.url)
        assert len(file.sha256) <= 64


@pytest.mark.parametrize("words", [["vgg17"], ["ffhq256", "--sha256", "123"], ["ffhq256", "--sha256", "z" * 64]])
def test_wrong_words(tmp_path, words):
    with pytest.raises(InputError):
        run(*words, "--out", tmp_path)


@pytest.mark.parametrize("name", ["ffhq256.pt", "550000.pt", "FFHQ256.PT", "ffhq256-rosinality"])
def test_a_file_is_found_by_any_of_its_names(name):
    assert published.find(name) is published.PUBLISHED["ffhq256-rosinality"]


def table(server) -> dict[str, published.Published]:
    """A file that is there, one that is not, one behind a click."""
    return {
        "first": published.Published(f"{server.url}/none.pt", "no such file", "free"),
        "second": published.Published(f"{server.url}/model.pt", "a network", "free"),
        "third": published.Published(f"{server.url}/hidden", "by hand", "free", file="third.pt", by_hand=True),
    }


def test_all_are_fetched_and_one_that_fails_is_named_at_the_end(server, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(published, "PUBLISHED", table(server))
    with pytest.raises(InputError, match=r"all: 1 of 3 files are missing \(first\); run it again"):
        run("all", "--out", tmp_path)
    assert (tmp_path / "model.pt").read_bytes() == DATA
    said = capsys.readouterr().out
    assert "failed:" in said and "404" in said
    assert f"place:   {tmp_path / 'third.pt'}" in said
    del published.PUBLISHED["first"]
    assert run("all", "--out", tmp_path) == tmp_path
    assert "already there" in capsys.readouterr().out


def test_all_offline_names_every_link_and_place(tmp_path, capsys):
    run("all", "--offline", "--out", tmp_path / "nets")
    said = capsys.readouterr().out
    assert all(file.url in said for file in published.PUBLISHED.values())
    assert said.count("place:") == len(published.PUBLISHED)
    assert not (tmp_path / "nets").exists()


def test_a_hash_belongs_to_one_file(tmp_path):
    with pytest.raises(InputError, match="--sha256"):
        run("all", "--sha256", "0" * 64, "--out", tmp_path)


def test_a_full_disk_ends_it_at_once(server, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(published, "_receive", full)
    with pytest.raises(OSError) as caught:
        run(f"{server.url}/model.pt", "--out", tmp_path)
    assert caught.value.filename == str(tmp_path / "model.pt.part")


def test_the_published_function_fetches_all_or_one(server, tmp_path, monkeypatch):
    monkeypatch.setattr(published, "PUBLISHED", {name: file for name, file in table(server).items() if name != "first"})
    assert utils.download_pretrained_model(out=tmp_path / "all") == tmp_path / "all"
    assert (tmp_path / "all" / "model.pt").read_bytes() == DATA
    assert utils.download_pretrained_model(False, "second", tmp_path) == tmp_path / "model.pt"
    assert utils.download_pretrained_model(download_all=False, file="third.pt", out=tmp_path) is None
