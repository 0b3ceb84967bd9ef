"""Where the eyes of skimage's astronaut are, points that turn, and where they come to lie."""

import numpy as np

IRISES = np.array([(203.75, 100.9), (246.9, 103.4)])  # by eye on an enlargement


def turned(points, degrees, scale=1.0, shift=(0, 0)):
    """Clockwise to the eye, about the origin."""
    angle = np.radians(degrees)
    matrix = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return np.array(points) @ matrix.T + shift


def places(square, points):
    """Where points of the picture come to lie in the crop: across and down, 0 to 1."""
    across, down = square[3] - square[0], square[1] - square[0]
    return [np.array([(p - square[0]) @ axis / (axis @ axis) for axis in (across, down)]) for p in np.array(points, float)]
