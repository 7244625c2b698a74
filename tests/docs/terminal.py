"""Draws what a command printed as a picture of a terminal (SVG), which any page can show."""

import re
from io import StringIO
from xml.etree import ElementTree as ET

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

# The fonts of the reader's machine: a picture on a page may load nothing from elsewhere.
FORMAT = """\
<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg" role="img">
<style>
.{unique_id}-matrix {{ font: {char_height}px/{line_height}px ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace }}
.{unique_id}-title {{ font: 18px system-ui, 'Segoe UI', Helvetica, Arial, sans-serif }}
{styles}
</style>
<defs><clipPath id="{unique_id}-clip-terminal"><rect width="{terminal_width}" height="{terminal_height}"/></clipPath>{lines}</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""
BACKGROUND, FOREGROUND = (22, 27, 34), (214, 220, 228)
# Black, red, green, yellow, blue, magenta, cyan, white; then the bright ones.
COLOURS = [
    (110, 118, 129), (255, 123, 114), (99, 201, 120), (227, 179, 65),
    (121, 184, 255), (210, 168, 255), (86, 212, 221), FOREGROUND,
]  # fmt: skip
THEME = TerminalTheme(BACKGROUND, FOREGROUND, COLOURS, COLOURS)


def draw(title: str, lines: str, columns: int) -> str:
    """Return the picture of a terminal with these lines, which may have ANSI colours."""
    console = Console(
        record=True, width=columns, file=StringIO(), force_terminal=True, color_system="standard"
    )
    console.print(Text.from_ansi(lines), soft_wrap=False)
    return console.export_svg(title=title, theme=THEME, code_format=FORMAT, unique_id="terminal")


def read(picture: str) -> str:
    """Return the words that a picture shows, as a reader meets them."""
    root = ET.fromstring(picture)  # noqa: S314 - it is ours
    texts = ["".join(node.itertext()) for node in root.iter("{http://www.w3.org/2000/svg}text")]
    return re.sub(r"\s+", " ", "".join(texts).replace("\xa0", " "))
