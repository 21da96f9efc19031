"""vmap: a function of one example, for a batch of them.

The function runs once, on a *stand-in* for each example: an array that has one more axis in front, the *batch axis*,
and answers as one example would. Each function of NumPy that it meets has a *batching rule*, which says what to call on
the whole batch, and where its axes are then. No rule lets one example see another.

Where there is no rule, or the function asks an example for its numbers (`if x > 0`), nothing is guessed: it is called
for each example in turn, which is what vmap means, and a warning says why.

Stand-ins nest: those of an inner vmap hold those of an outer one, and whatever belongs to another vmap than the
innermost is no batch for its rules. So do transforms: since examples do not see one another, the gradients of all
examples are one gradient, that of the sum of the results.
"""

# Importing `rules` and `derivatives` fills the table of batching rules.
from autograd_np.batching import derivatives as derivatives
from autograd_np.batching import rules as rules
from autograd_np.batching.mapping import VmapLoopWarning, vmap

__all__ = ["VmapLoopWarning", "vmap"]
