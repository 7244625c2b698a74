"""SQL and diffs as HTML: always escaped, and coloured where Pygments is installed.

Pure. Colours are CSS classes, never inline styles, as a strict Content-Security-Policy demands.
"""

from collections.abc import Iterable
from importlib import import_module
from typing import Final

from django.utils.html import escape, format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from migration_guard.reports import command_lines
from migration_guard.reports.escaping import escape_characters

# In characters; colouring a longer text would take too long for a page.
MAX_COLOURED: Final = 64 * 1024
_LEXERS: Final = {"postgresql": "PostgresLexer", "sqlite": "SqlLexer", "mysql": "MySqlLexer"}
_DIFF: Final = (("+++", "head"), ("---", "head"), ("@@", "next"), ("+", "good"), ("-", "bad"))


def sql(text: str, vendor: str) -> SafeString:
    """Return SQL as HTML, each line a numbered ``span``."""
    return _lines(("mg-line", line) for line in _colour(escape_characters(text), vendor))


def plain(text: str) -> SafeString:
    """Return any other text as HTML, each line a ``span``."""
    return _lines(("mg-text", line) for line in escape_characters(text).rstrip("\n").split("\n"))


def prose(text: str, alias: str) -> SafeString:
    """Return a message as HTML, with its command lines, on ``alias``, as code."""
    text = escape_characters(command_lines.for_database(text, alias))
    parts, end = [], 0
    for match in command_lines.LINE.finditer(text):
        parts += [(escape(text[end : match.start()]),), (_command(match[0]),)]
        end = match.end()
    return format_html_join("", "{}", [*parts, (escape(text[end:]),)])


def diff(text: str) -> SafeString:
    """Return a unified diff as HTML, each line with the CSS class of its sign."""
    return _lines((f"mg-{_kind(line)}", line) for line in escape_characters(text).splitlines())


def _command(line: str) -> SafeString:
    # Words in spans of their own, so that no option breaks at its hyphens.
    words = ((word,) for word in line.split(" "))
    spans = format_html_join(" ", '<span class="mg-word">{}</span>', words)
    return format_html('<code class="mg-mono" dir="ltr" translate="no">{}</code>', spans)


def _lines(lines: Iterable[tuple[str, str]]) -> SafeString:
    return format_html_join("", '<span class="{}">{}\n</span>', lines)


def _colour(text: str, vendor: str) -> list[SafeString]:
    if len(text) <= MAX_COLOURED:
        try:
            pygments = import_module("pygments")
            lexers, formatters = (
                import_module(f"pygments.{name}") for name in ("lexers", "formatters")
            )
        except ImportError:
            pass
        else:
            lexer = getattr(lexers, _LEXERS[vendor])(stripnl=False, ensurenl=False)
            html = pygments.highlight(text, lexer, formatters.HtmlFormatter(nowrap=True))
            # The formatter escapes, and closes each span at the end of its line.
            return [mark_safe(line) for line in html.rstrip("\n").split("\n")]  # noqa: S308
    return [escape(line) for line in text.rstrip("\n").split("\n")]


def _kind(line: str) -> str:
    return next((kind for sign, kind in _DIFF if line.startswith(sign)), "same")
