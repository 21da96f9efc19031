"""Links to NumPy's, SciPy's and scikit-learn's pages, in a build without a network.

intersphinx takes the addresses from a list that each site publishes. Their pages have regular names, so that the list
is made here of what is installed; `python -m docs --online` takes the published ones, which shows whether all is there.
"""

import inspect
import zlib
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

# The site, the folder of its pages, and the modules whose names have a page each.
SITES = {
    "numpy": ("https://numpy.org/doc/stable/", "reference/generated", "numpy numpy.linalg numpy.fft numpy.random"),
    "scipy": (
        "https://docs.scipy.org/doc/scipy/", "reference/generated",
        "scipy.special scipy.optimize scipy.signal scipy.linalg scipy.integrate scipy.stats scipy.sparse",
    ),
    "sklearn": (
        "https://scikit-learn.org/stable/", "modules/generated",
        "sklearn.datasets sklearn.linear_model sklearn.metrics sklearn.model_selection sklearn.neural_network "
        "sklearn.pipeline sklearn.preprocessing",
    ),
}  # fmt: skip


def mapping(built: Path, online: bool) -> dict[str, tuple[str, str | None]]:
    """Return what intersphinx reads, with lists of names written below a folder unless a network is to be used."""
    found: dict[str, tuple[str, str | None]] = {}
    for project, (site, folder, modules) in SITES.items():
        path = built / "elsewhere" / f"{project}.inv"
        if not online:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(inventory(project, [line for name in modules.split() for line in names(name, folder)]))
        found[project] = (site, None if online else str(path))
    return found


def names(module: str, folder: str) -> Iterator[str]:
    """Yield a line of the list for each public name of a module."""
    for name, value in vars(import_module(module)).items():
        if name.startswith("_") or not callable(value) or isinstance(value, ModuleType):
            continue
        role = "class" if inspect.isclass(value) else "function"
        page = f"{folder}/{module}.{name}.html#$"
        if module == "numpy.random":  # has few pages
            page = "reference/random/generator.html#$"
        yield f"{module}.{name} py:{role} 1 {page} -"


def inventory(project: str, lines: list[str]) -> bytes:
    """Return a list of names in the format that Sphinx writes and reads."""
    head = [
        "Sphinx inventory version 2",
        f"Project: {project}",
        "Version: ",
        "The rest of this file is compressed using zlib.",
    ]
    return "".join(f"# {line}\n" for line in head).encode() + zlib.compress("\n".join([*lines, ""]).encode())
