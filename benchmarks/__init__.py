"""Scripts that measure this library beside others, in ratios from one interleaved run.

Run as `python -m benchmarks.steps` and so on; docs/performance.md explains them and shows the
tables. Nothing in the library imports this; a contender is one class in ours.py, by_hand.py,
with_*.py.
"""
