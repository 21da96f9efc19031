"""What Sphinx is told of the site. `python -m docs` builds it."""

import inspect
import re
import sys
import tomllib
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from docs import elsewhere, gallery, reference  # noqa: E402 - found by the line above


def setup(app: object) -> None:
    """Tell Sphinx of the options of `python -m docs`."""
    add = app.add_config_value  # type: ignore[attr-defined]
    add("fast", "0", "env")
    add("online", "0", "env")
    add("built", str(HERE / "_build"), "env")
    app.connect("config-inited", prepare, priority=1)  # type: ignore[attr-defined]
    app.connect("autodoc-process-signature", of_init)  # type: ignore[attr-defined]
    app.connect("autodoc-process-docstring", as_text, priority=400)  # type: ignore[attr-defined] - before numpydoc


def as_text(_app: object, _what: str, _name: str, _it: object, _options: object, lines: list[str]) -> None:
    """Let bars and stars of formulas in docstrings, such as |x| and (N, *), stand for themselves."""
    for i, line in enumerate(lines):
        if not line.lstrip().startswith(">>>") and "`" not in line:
            lines[i] = re.sub(r"\||(?<=[( ])\*(?=[,)]|\w+\))", r"\\\g<0>", line)


def of_init(
    _app: object, what: str, _name: str, it: object, _options: object, signature: str | None, returned: str | None
) -> tuple[str | None, str | None]:
    """Show what a class is called with where its `__new__` takes anything: layers look at their arguments there."""
    if what == "class" and signature == "(*args, **kwargs)":
        own = inspect.signature(it.__init__)  # type: ignore[misc]
        parameters = [p.replace(annotation=p.empty) for p in list(own.parameters.values())[1:]]
        text = str(own.replace(parameters=parameters, return_annotation=own.empty))
        signature = re.sub(r"<class '(.+?)'>", r"\1", text)
    return signature, returned


def prepare(_app: object, config: object) -> None:
    """Write what the other extensions read: the examples as a gallery takes them, and the lists of names elsewhere."""
    built, fast, online = (getattr(config, name) for name in ("built", "fast", "online"))
    config.intersphinx_mapping = elsewhere.mapping(Path(built), online == "True")  # type: ignore[attr-defined]
    reference.write()
    config.sphinx_gallery_conf = gallery.settings(Path(built), run=fast != "True")  # type: ignore[attr-defined]


project = "autograd_np"
author = "the authors of autograd_np"
version = release = tomllib.loads((HERE.parent / "pyproject.toml").read_text())["project"]["version"]

extensions = [
    "sphinx.ext.autodoc", "sphinx.ext.autosummary", "sphinx.ext.intersphinx", "numpydoc",
    "myst_parser", "sphinx_copybutton", "sphinx_gallery.gen_gallery",
    "docs.directive",
]  # fmt: skip
exclude_patterns = ["_build"]
default_role = "py:obj"  # what stands in single backticks in a docstring
nitpicky = False
language = "en"

autosummary_generate = False
autodoc_typehints = "none"  # the sections of parameters have them
numpydoc_show_class_members = False
numpydoc_xref_param_type = False
myst_enable_extensions = ["attrs_block"]
myst_heading_anchors = 3
suppress_warnings = ["config.cache"]  # the gallery's settings hold functions

html_theme = "pydata_sphinx_theme"
html_title = "autograd_np"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_theme_options = {
    "navbar_align": "left",
    "header_links_before_dropdown": 6,
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "collapse_navigation": True,
    "footer_start": ["copyright"],
    "footer_end": [],
    "pygments_light_style": "tango",
}
html_sidebars = {"index": [], "start": []}
copyright = "the authors, under the MIT licence"
