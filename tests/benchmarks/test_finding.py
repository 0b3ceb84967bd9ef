"""benchmarks.finding with a finder that knows the truth: everybody is found, without an error, however a photo is changed."""

import numpy as np
from PIL import Image

from benchmarks import finding
from faces import align, haar, mtcnn
from tests.commands import failure, run


class Exact:
    """Sees where the reddest and the greenest pixels are: the eyes."""

    def faces(self, picture):
        pixels = np.asarray(picture, float)
        strength = [np.clip(pixels[..., one] - pixels[..., other] - 40, 0, None) for one, other in ((0, 1), (1, 0))]
        if not all(of.any() for of in strength):
            raise align.NotFound("no face")
        return [align.Face(*(tuple(centre(of)) for of in strength))]


def centre(weights):
    rows, columns = np.indices(weights.shape) + 0.5
    return (weights * columns).sum() / weights.sum(), (weights * rows).sum() / weights.sum()


class Blind:
    def faces(self, picture):
        raise align.NotFound("no face")


def test_who_knows_the_truth_finds_everybody_and_who_is_blind_nobody(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(mtcnn, "Finder", Exact)
    monkeypatch.setattr(haar, "Finder", Blind)
    photo = Image.new("RGB", (160, 160), "grey")
    photo.paste("red", (52, 68, 68, 84))
    photo.paste((0, 255, 0), (92, 68, 108, 84))
    photo.save(tmp_path / "a.png")
    run(finding, tmp_path, "--cut", "--size", 160, "--turns", "0,30,90", "--small", "80")
    lines = [line.strip("| ").split(" | ") for line in capsys.readouterr().out.splitlines()[4:]]
    assert [line[:3] for line in lines] == [
        [kind, name, share]
        for kind in ("160 px", "turned 30", "turned 90", "80 px of 1024", "glasses", "sunglasses")
        for name, share in (("network", "0%" if kind == "sunglasses" else "100%"), ("cascade", "0%"))
    ]
    for scale, degrees in ((1, 0), (1, 30), (1, -90), (0.5, 0)):
        eyes = finding.look(Exact(), photo, scale, degrees).eyes
        np.testing.assert_allclose(eyes, np.multiply(finding.CUT, 160), atol=0.5)


def test_where_no_photo_can_be_read_the_first_reason_is_told(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(mtcnn, "Finder", Exact)
    monkeypatch.setattr(haar, "Finder", Blind)
    (tmp_path / "a.png").write_text("no picture")
    assert "a.png: " in failure(capsys, finding, tmp_path)


def test_the_upright_photo_comes_first_and_none_need_be_small():
    args = finding.parser().parse_args(["x", "--turns", "45,0,45", "--small", "0"])
    assert [name for name, _, _ in finding.conditions(args)] == ["512 px", "turned 45"]


def test_glasses_leave_the_eyes_to_be_seen_and_sunglasses_do_not():
    photo, eyes = Image.new("RGB", (160, 160), "grey"), np.multiply(finding.CUT, 160)
    clear, dark = (finding.glasses(photo, eyes, shade) for shade in finding.GLASSES.values())
    changed = [np.any(np.asarray(worn) != photo, -1) for worn in (clear, dark)]
    for x, y in eyes.astype(int):
        assert not changed[0][y, x] and changed[1][y, x]
    assert changed[1][changed[0]].all() and changed[0].any()
    assert finding.glasses(photo, None, finding.BLACK) is photo
