"""SQL and diffs as HTML, always escaped; coloured where Pygments is installed.

Pure. Colours are classes, never inline styles, so that a strict Content-Security-Policy holds.
"""

import re
from collections.abc import Iterable
from importlib import import_module

from django.utils.html import escape, format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

# In characters: beyond it, colours would take longer than the page may.
MAX_COLOURED = 64 * 1024
_LEXERS = {"postgresql": "PostgresLexer", "mysql": "MySqlLexer"}
# What a message quotes to be typed: the command, its options, ids and placeholders.
_COMMAND = re.compile(
    r"manage\.py [a-z]+(?: (?:--database [\w.-]*\w|--[a-z]+(?:-[a-z]+)*|[A-Z]{2,}|\d[\w-]*))*"
)
_DIFF = (("+++", "head"), ("---", "head"), ("@@", "hunk"), ("+", "added"), ("-", "removed"))


def sql(text: str, vendor: str) -> SafeString:
    """Return SQL, one numbered ``span`` a line."""
    return _lines(("mg-line", line) for line in _coloured(text, vendor))


def plain(text: str) -> SafeString:
    """Return any other text, one ``span`` a line."""
    return _lines(("mg-text", line) for line in text.rstrip("\n").split("\n"))


def prose(text: str) -> SafeString:
    """Return a message, the command lines in it as code; no option breaks at its hyphens."""
    parts, end = [], 0
    for match in _COMMAND.finditer(text):
        parts += [(escape(text[end : match.start()]),), (_command(match[0]),)]
        end = match.end()
    return format_html_join("", "{}", [*parts, (escape(text[end:]),)])


def diff(text: str) -> SafeString:
    """Return a unified diff, each line with the class of its sign."""
    return _lines((f"mg-{_kind(line)}", line) for line in text.splitlines())


def _command(line: str) -> SafeString:
    words = ((word,) for word in line.split(" "))
    shown = format_html_join(" ", '<span class="mg-word">{}</span>', words)
    return format_html('<code dir="ltr" translate="no">{}</code>', shown)


def _lines(lines: Iterable[tuple[str, str]]) -> SafeString:
    return format_html_join("", '<span class="{}">{}\n</span>', lines)


def _coloured(text: str, vendor: str) -> list[SafeString]:
    if len(text) <= MAX_COLOURED:
        try:
            pygments = import_module("pygments")
            lexers, formatters = (
                import_module(f"pygments.{name}") for name in ("lexers", "formatters")
            )
        except ImportError:
            pass
        else:
            lexer = getattr(lexers, _LEXERS.get(vendor, "SqlLexer"))(stripnl=False, ensurenl=False)
            html = pygments.highlight(text, lexer, formatters.HtmlFormatter(nowrap=True))
            # The formatter escapes, and closes each span at the end of its line.
            return [mark_safe(line) for line in html.rstrip("\n").split("\n")]  # noqa: S308
    return [escape(line) for line in text.rstrip("\n").split("\n")]


def _kind(line: str) -> str:
    return next((kind for sign, kind in _DIFF if line.startswith(sign)), "same")
