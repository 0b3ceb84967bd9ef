"""A package, so that `tests.vectors` is found before a `tests` folder that another package installs."""
