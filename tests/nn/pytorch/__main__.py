"""Record what PyTorch makes of the cases; with names of families, of those alone."""

import sys
from importlib import resources
from pathlib import Path

from tests.nn.pytorch.cases import PyTorch, all_cases, as_text, initial, measured


def record(names: list[str]) -> None:
    """Write the values of each family to its file."""
    results: dict[str, dict[str, object]] = {}
    pytorch = PyTorch()
    for family, case in all_cases():
        if not names or family in names:
            pytorch.torch.manual_seed(0)
            made = measured(pytorch, case)
            results.setdefault(family, {})[case.name] = {**made, "initial": initial(pytorch, case)}
    folder = Path(str(resources.files("tests.nn.pytorch") / "values"))
    for family, values in results.items():
        (folder / f"{family}.json").write_text(as_text(values))
        print(f"{family}: {len(values)} cases")


if __name__ == "__main__":
    record(sys.argv[1:])
