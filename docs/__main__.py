"""Build the site: `python -m docs`, in the project's folder."""

import argparse
import shutil
import sys
from pathlib import Path

from sphinx.cmd.build import build_main

from docs.links import broken

HERE = Path(__file__).parent


def main(arguments: list[str] | None = None) -> int:
    """Build the pages into docs/_build/html, or where the options say, and return 0 if nothing is wrong.

    A warning is an error: a link that leads nowhere, or an example that fails.
    """
    parser = argparse.ArgumentParser(prog="python -m docs", description="Build the site. A warning is an error.")
    parser.add_argument(
        "--fast", action="store_true", help="run no example: its page has the code, and not what it prints and draws"
    )
    parser.add_argument(
        "--online", action="store_true",
        help="take the lists of NumPy's, SciPy's and scikit-learn's pages from their sites, not from what is installed",
    )  # fmt: skip
    parser.add_argument(
        "--out", type=Path, default=HERE / "_build", metavar="DIR", help="where the site goes (default: docs/_build)"
    )
    options = parser.parse_args(arguments)
    out = options.out.resolve()
    # Sphinx sees changes of pages, and not those of the tables and docstrings in them.
    for old in (out / "html", out / "doctrees", HERE / "generated"):
        shutil.rmtree(old, ignore_errors=True)
    settings = {"fast": options.fast, "online": options.online, "built": out}
    code = build_main(
        [
            "-W", "--keep-going", "-q", "-j", "auto", "-b", "html", "-d", str(out / "doctrees"),
            *(f"-D{name}={value}" for name, value in settings.items()),
            str(HERE), str(out / "html"),
        ]
    )  # fmt: skip
    wrong = broken(out / "html") if code == 0 else []
    for line in wrong:
        print(f"a link that leads nowhere: {line}", file=sys.stderr)
    if code == 0 and not wrong:
        print(f"The site is {out / 'html' / 'index.html'}")
    return code or bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
