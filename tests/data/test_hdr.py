"""HDR and wide gamuts to a screen: closed forms and laws."""

import numpy as np
import pytest

from data import hdr

GREYS = np.linspace(0, 1, 41)[:, None, None].repeat(3, 2)
TRANSFERS = [hdr.PQ, hdr.HLG]


def test_the_curves_pass_through_the_points_of_the_standards():
    assert hdr.pq_light(np.array([0.0, 1.0])) == pytest.approx([0, 10000], abs=1e-6)
    assert hdr.pq_light(np.array(0.5081)) == pytest.approx(100, rel=0.01)  # BT.2408: 100 nits at 50.8 %
    assert hdr.pq_light(np.array(0.5806)) == pytest.approx(203, rel=0.01)
    assert hdr.hlg_light(np.array([[1.0, 1, 1], [0.75, 0.75, 0.75]]))[:, 0] == pytest.approx([1000, 203], rel=0.01)
    assert hdr.srgb(np.array([0.0, 0.2140, 1.0])) == pytest.approx([0, 0.5, 1], abs=1e-3)


@pytest.mark.parametrize("transfer", [1, *TRANSFERS])
@pytest.mark.parametrize("primaries", [2, 1, *hdr.WIDE])
def test_grey_stays_grey_and_brighter_stays_brighter(transfer, primaries):
    shown = hdr.to_screen(GREYS, primaries, transfer).astype(int)
    assert np.ptp(shown, axis=2).max() <= 1
    assert (np.diff(shown[:, 0, 1]) >= 0).all() and shown[0].max() == 0 and shown[-1].min() >= 254


def test_primaries_of_the_screen_are_left_alone():
    assert hdr.between(hdr.PRIMARIES[1], hdr.PRIMARIES[1]) == pytest.approx(np.eye(3), abs=1e-12)
    pixels = np.random.default_rng(0).random((4, 5, 3))
    assert np.array_equal(hdr.to_screen(pixels, 1, 1), np.rint(pixels * 255))


def test_a_colour_that_both_gamuts_hold_is_the_same_light_in_both():
    """BT.2087: the red of BT.709 is (0.6274, 0.0691, 0.0164) in linear BT.2020."""
    wide = np.array([[[0.6274, 0.0691, 0.0164]]]) ** (1 / hdr.SDR_GAMMA)
    assert np.abs(hdr.to_screen(wide, 9, 14).astype(int) - [255, 0, 0]).max() <= 8


@pytest.mark.parametrize("brightness", [0.1, 0.7, 1.5, 40.0])
def test_bright_colours_keep_their_hue_and_dim_ones_their_light(brightness):
    light = brightness * np.array([[[1.0, 0.6, 0.55]]])
    squeezed = hdr.squeezed(light)
    assert squeezed / squeezed[..., :1] == pytest.approx(light / light[..., :1])
    assert squeezed.max() <= 1
    assert brightness > hdr.KNEE or squeezed == pytest.approx(light)


@pytest.mark.parametrize("transfer", [1, *TRANSFERS])
def test_a_frame_of_any_height_is_shown_row_by_row_as_alone(transfer):
    deep = np.random.default_rng(0).integers(0, 65536, (2 * hdr.BAND + 5, 3, 3), dtype=np.uint16)
    whole = hdr.to_screen(deep, 9, transfer)
    for row in (0, hdr.BAND - 1, hdr.BAND, len(deep) - 1):
        assert np.array_equal(whole[row : row + 1], hdr.to_screen(deep[row : row + 1] / np.float32(65535), 9, transfer))
