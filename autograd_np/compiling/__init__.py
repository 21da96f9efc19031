"""Functions that are captured while they run, and run as programs of NumPy from then on.

How that works, in the order of the rooms. A program is a list of calls of NumPy, which is written down, thinned out,
placed in memory, and printed. Its calls are never put into another order, which is what makes writes into memory
safe; folding, on request, moves products alone.

**Capture** (`capture.py`). The function runs once on *stand-ins* in place of its arrays. A stand-in holds an array
and takes part in all of NumPy by its two protocols; each call that meets one is computed at once and written down as
a `Call`: what was called, with what, what came out, in whose memory it was written. Models, losses, the rules of the
backward pass and optimisers run as they are, since they are NumPy. So a capture *is* a run, and a step is not lost by
it. What makes a Python value of elements (`if x.sum() > 0`, `float(x)`, `x[x > 0]`) is refused with its line.

**Names** (`capturing.py`, `frames.py`, `names.py`). The variable to which the function assigns a result gives it its
name, a layer gives its own to its output, and the gradient of something is called `d_` and its name. A watch, as
anomaly mode is one, tells to which layer a call belongs, forwards and backwards.

**Reach** (`reach.py`, `things.py`, `code.py`). What the function reads besides its arguments is found by a walk: from
the cells, globals and defaults of its code to what these hold, containers, attributes, classes with their methods,
functions, modules of a user's. While it is captured, stand-ins are put there in place of arrays, so that what is
computed of them alone is written down, too. Which numbers, keys and arrays there are, and of which form, is compared
before each run, object by object; where something is another one, there is another program. Arrays that lie where
nothing else can be put, as in a context variable, are compared by their elements. A run that exchanges something
there, draws at random, or goes on with an iterator, is refused, since a program would not.

**Two runs** (`runs.py`). The function is captured twice with different numbers, and the two lists are laid side by
side. A number, an array or a call in which they differ, and which does not come from the inputs, is refused. The first
of them may also differ in that an optimiser makes its memory.

**Flow** (`flow.py`). Walking backwards from what is returned, from guards, and from memory that outlives the run,
calls are left out on which nothing depends; so are copies of what nobody touches any more. Memory is told by the
array that owns it: views are the same memory as what they are views of.

**Folding** (`folding.py`, `blas.py`), with `exact=False` alone. A product of matrices that is added to something,
such as the gradient of a weight to the weight, becomes one call of BLAS, which rounds otherwise in the last digits.
All else computes the same bits.

**Places** (`places.py`). Every result that can be told where to go has its place in one stretch of bytes, from the
call that makes it to the last one that touches it or a view of it; then the place is taken again: in place, by a
result that is computed element by element where an operand ends, else by one of about the same size. Strides are
those of the capture, since sums are added up in the order of memory. The kernels of images take the memory of arrays
that are gone (`memory.py`). So a step makes no large arrays.

**The text** (`program.py`). Each call is printed as a line of NumPy, results into their places by `out`. Views of
what stays in its place are made once and need no line. Numbers beside small arrays are arrays, which NumPy need not
make of them each time. The text is compiled under a file name that tracebacks and debuggers can show lines of.

**Guards.** A condition that this project checks itself, such as whether labels are in range, is a line `if not
finite.all(): raise Changed`. The program then stands for something else than was asked, and the function runs as it
was given. All guards come before the first write into anything that outlives the run.

**Calls** (`compiled.py`). A program holds for one combination of shapes, strides, dtypes, other arguments, modes and
settings; the eight that were used last are kept. Threads take turns. Arrays from outside are read as they are in each
run. Results are copies. **Files** (`saving.py`) hold the text, the source of the kernels that it calls, and arrays
beside it; they run with NumPy alone.

**Limits.** Packages that are installed are not walked through: a global of theirs that is exchanged goes unnoticed;
what a user's objects hold of theirs is followed. So it is with a container of more than 2,000 entries. Code that asks
for an array's exact type (`type(x) is np.ndarray`) sees a stand-in. A generator has drawn by the time that a guard
sends a batch back. In a tuned process (`tune_process`) eager products are computed in halves and those of programs are
not: they may differ in the last bit.
"""

from autograd_np.compiling.capturing import Slot, State
from autograd_np.compiling.compiled import Compiled, compile
from autograd_np.refusals import Uncapturable

__all__ = ["Compiled", "Slot", "State", "Uncapturable", "compile"]
