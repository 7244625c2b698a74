# ruff: noqa: INP001 - Sphinx finds it by its path
"""How Sphinx builds the documentation: `sphinx-build -W docs docs/_build`."""

import sys
from importlib import metadata
from pathlib import Path

import django
from django.conf import settings
from pygments.lexers.sql import PostgresLexer
from sphinx.application import Sphinx

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "_ext"))

# The reference is generated from the commands, which need a Django project around them.
if not settings.configured:
    settings.configure(INSTALLED_APPS=["migration_guard"], DATABASES={})
    django.setup()

project = "migration_guard"
author = "the authors of migration_guard"
copyright = author  # noqa: A001 - Sphinx's name for it
release = metadata.version("django-migration-guard")

extensions = ["myst_parser", "generated"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
root_doc = "index"
exclude_patterns = ["_build", "_ext", "ci", "images"]
# Some examples are wrong SQL on purpose, and look it.
suppress_warnings = ["misc.highlighting_failure"]
# These pages are made of measurements; without them, links to them lead nowhere.
if any(not (HERE / page).exists() for page in ("faults.md", "speed.md")):
    suppress_warnings.append("myst.xref_missing")
pygments_style = "tango"
pygments_dark_style = "monokai"

smartquotes = False  # they would spoil what is to be typed

html_theme = "furo"
html_title = "migration_guard"
html_show_sphinx = False
html_show_copyright = False
html_copy_source = False
html_theme_options = {"sidebar_hide_name": False}


def setup(app: Sphinx) -> None:
    """Let SQL be PostgreSQL's, which knows dollar quotes."""
    app.add_lexer("sql", PostgresLexer)
