"""Commands that print figures and ratios: run one with `python -m benchmarks.NAME`."""
