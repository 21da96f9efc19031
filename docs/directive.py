"""The directive `table-of`, which puts a table that the code prints into a page."""

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from docs import tables


def setup(app: object) -> dict[str, bool]:
    """Tell Sphinx of the directive."""
    app.add_directive("table-of", Table)  # type: ignore[attr-defined]
    return {"parallel_read_safe": True}


class Table(SphinxDirective):
    """A table by its name, as in `{table-of} names of JAX`."""

    required_arguments = 1
    final_argument_whitespace = True

    def run(self) -> list[nodes.Node]:
        """Return the table as the page has it."""
        header, rows = tables.TABLES[self.arguments[0]]()
        found = self.parse_text_to_nodes(tables.markdown(header, rows))
        for table in found:
            table["classes"] += ["printed", f"columns-{len(header)}"]
        return found
