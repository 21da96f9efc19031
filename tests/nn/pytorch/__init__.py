"""What PyTorch makes of the layers, losses and functions that it has under the same names.

`families` holds the cases, `values` what PyTorch made of them, so that they are compared where PyTorch is not
installed. `python -m tests.nn.pytorch`, in an environment with PyTorch, records them anew.
"""
