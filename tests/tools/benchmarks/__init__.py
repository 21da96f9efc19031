"""The benchmark: this project beside its peers, on one machine, in one run.

`python -m pip install ".[benchmarks]"` installs the peers, `python -m tests.tools.benchmarks` runs it.
"""
