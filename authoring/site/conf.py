"""Sphinx's settings for the website; `python -m authoring site` calls it with these."""

import base64
import hashlib
import json
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx

project = "Transfer learning, live"
html_title = project
language = "en"
smartquotes = False  # they would make one dash of the two before an option
extensions = ["myst_nb"]

# The outputs are those that the lessons were stored with: building a page never computes.
nb_execution_mode = "off"
nb_render_markdown_format = "myst"  # what code wrote links other lessons, too
nb_code_prompt_show = "Show the set-up cell, the same in every lesson"
nb_code_prompt_hide = "Hide the set-up cell"
myst_enable_extensions = ["colon_fence", "html_image"]
myst_heading_anchors = 4

# Furo and Sphinx's own search bring all they need: no font, script or style from anywhere else.
html_theme = "furo"
html_static_path = ["static"]
html_css_files = ["course.css"]
html_favicon = "static/favicon.svg"
html_copy_source = False
html_use_index = False
html_show_copyright = False
templates_path: list[str] = []


def descriptions(notebook: Path) -> dict[str, str]:
    """Return the text alternatives of a notebook's pictures, by the name MyST-NB gives the file."""
    found = {}
    for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
        for output in cell.get("outputs", []):
            picture = "".join(output.get("data", {}).get("image/png", ""))
            alt = output.get("metadata", {}).get("image/png", {}).get("alt", "")
            if picture and alt:
                found[hashlib.sha256(base64.b64decode(picture)).hexdigest()] = alt
    return found


def describe_pictures(app: Sphinx, doctree: nodes.document) -> None:
    """Give each stored figure its text alternative, which MyST-NB drops."""
    page = Path(app.env.doc2path(app.env.docname))
    if page.suffix != ".ipynb":
        return
    alts = descriptions(page)
    for image in doctree.findall(nodes.image):
        if not image.get("alt"):
            image["alt"] = alts.get(Path(image["uri"]).stem, "")


def setup(app: Sphinx) -> None:
    """Register what this site adds to Sphinx."""
    # before Sphinx copies the images and gives them other names
    app.connect("doctree-read", describe_pictures, priority=100)
