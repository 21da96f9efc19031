"""What is on the tape, shown: as a list of steps, and as a picture."""

from autograd_np.show.drawing import draw
from autograd_np.show.listing import print_tape

__all__ = ["draw", "print_tape"]
