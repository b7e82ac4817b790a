"""How fast, as ratios against something that runs in the same minute: ``python tests/benchmarks/run.py``."""
