"""Measurements: not tests, and never part of `make test`."""
