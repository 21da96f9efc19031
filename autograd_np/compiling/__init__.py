"""Functions that are captured while they run, and run as programs of NumPy from then on."""

from autograd_np.capture import Uncapturable
from autograd_np.compiling.capturing import Slot, State
from autograd_np.compiling.compiled import Compiled, compile

__all__ = ["Compiled", "Slot", "State", "Uncapturable", "compile"]
