"""Where the eyes of skimage's astronaut are, and points that turn."""

import numpy as np

IRISES = np.array([(203.75, 100.9), (246.9, 103.4)])  # by eye on an enlargement


def turned(points, degrees, scale=1.0, shift=(0, 0)):
    """Clockwise to the eye, about the origin."""
    angle = np.radians(degrees)
    matrix = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return np.array(points) @ matrix.T + shift
