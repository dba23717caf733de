"""Sphinx's settings for the documentation site (docs/site/build.py)."""

from ckstudy import __version__

project = "ckstudy"
author = "the ckstudy developers"
version = release = __version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.mathjax", "sphinx.ext.napoleon"]
html_theme = "furo"
html_title = "ckstudy"
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 4
# Links to code and to folders lead out of the site; tests/test_documents.py follows every link.
suppress_warnings = ["myst.xref_missing", "myst.header", "misc.highlighting_failure", "ref.python"]
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the docstrings have the types, with units and shapes
napoleon_google_docstring = False
