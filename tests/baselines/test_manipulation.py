"""One coordinate of z is moved, all others stay."""

import pytest
import torch

from baselines import manipulation
from baselines.dcgan import Generator
from errors import InputError

Z = torch.tensor([0.5, -2.0, 0.0, 1.0])


@pytest.mark.parametrize("mode, expected", [("scale", [4.0, -2.0]), ("set", [-2.0, 1.0]), ("add", [-4.0, -1.0])])
def test_a_mode_says_what_a_value_does(mode, expected):
    rows = manipulation.moved(Z, [1], [-2, 1], mode)
    assert rows.shape == (1, 2, 4)
    assert rows[0, :, 1].tolist() == expected
    assert torch.equal(rows[:, :, [0, 2, 3]], Z[[0, 2, 3]].expand(1, 2, 3))


def test_a_coordinate_of_nothing_stays_under_scaling_and_the_neutral_value_is_z_itself():
    assert torch.equal(manipulation.moved(Z, [2], [-3, 3], "scale"), Z.expand(1, 2, 4))
    assert torch.equal(manipulation.moved(Z, [0, 1, 2, 3], [1], "scale"), Z.expand(4, 1, 4))
    assert torch.equal(manipulation.moved(Z, [0, 1, 2, 3], [0], "add"), Z.expand(4, 1, 4))


def test_the_sheet_has_a_row_for_each_coordinate():
    generator = Generator(4, 2).eval()
    one, two = (manipulation.sheet(generator, Z, rows, [-1, 0, 1], "set") for rows in ([0], [0, 3]))
    assert two.height > 1.8 * one.height - 40 and two.width == one.width
    with pytest.raises(InputError, match="5: z has the coordinates 1 to 4"):
        manipulation.sheet(generator, Z, [4], [0], "set")
