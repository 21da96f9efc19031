"""The cases, a module for each family: `CASES`, a list, and `random_cases`, a Hypothesis strategy of more."""
