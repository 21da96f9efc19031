"""Hypothesis profiles, dev while writing, ci on every change, nightly for the long run; and what workers share."""

import gc
import os

import pytest
from hypothesis import HealthCheck, settings

# Each of several workers, and each example that it starts, has its share: more threads than cores wait for one another.
# BLAS reads this when NumPy is first imported, which is later.
_workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
if _workers > 1:
    _share = str(max(1, (os.cpu_count() or 1) // _workers))
    os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), _share))

# The arrays and networks that are drawn are not small, and a shared machine can stall: neither is a fault.
_quiet = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large]}

settings.register_profile("dev", max_examples=20, **_quiet)
settings.register_profile("ci", max_examples=30, derandomize=True, print_blob=True, **_quiet)
settings.register_profile("nightly", max_examples=300, print_blob=True, **_quiet)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "dev"))


@pytest.hookimpl(tryfirst=True)
def pytest_collection() -> None:
    """Hide the many thousand tests from the garbage collector, which would look through them again and again."""
    gc.disable()


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()
