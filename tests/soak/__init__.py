"""Long trials, run by hand: `python -m tests.soak.soak`, `python -m tests.soak.rehearsal`."""
