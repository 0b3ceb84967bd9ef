"""Tests of the commands. A package, so that a test of what a command drives may have the same file name."""
