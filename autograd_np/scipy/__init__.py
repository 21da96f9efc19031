"""What SciPy's own functions cannot do on tensors: the same names and signatures, for arrays and tensors.

Write `from autograd_np.scipy import integrate, linalg, signal, sparse, special, stats` in place of `from scipy import
...`. The ufuncs of `scipy.special` take tensors as they stand; they are in `special` as well, so that there is one
place to look.
"""
