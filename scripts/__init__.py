"""Commands, one for each thing to do: python -m scripts.NAME --help."""
