"""Hypothesis profiles: `dev` while writing, `ci` on every change, `nightly` for the long run."""

import os

from hypothesis import HealthCheck, settings

# The arrays and networks that are drawn are not small, and a shared machine can stall: neither is a fault.
_quiet = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large]}

settings.register_profile("dev", max_examples=20, **_quiet)
settings.register_profile("ci", max_examples=50, derandomize=True, print_blob=True, **_quiet)
settings.register_profile("nightly", max_examples=300, print_blob=True, **_quiet)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "dev"))
