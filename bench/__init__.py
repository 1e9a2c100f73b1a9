"""Benchmarks, run by `make bench`: whole processes, side by side, read as ratios in one run."""
