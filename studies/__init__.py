"""What the methods do to pictures, on rendered faces whose truth is known: pages in docs/study/. Speed is in benchmarks/."""
