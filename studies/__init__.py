"""Experiments whose outcome the documents tell. Not tests, and never part of `make test`."""
