"""A picture of bars as SVG, readable on a light and on a dark page alike."""

from collections.abc import Sequence
from html import escape
from typing import NamedTuple

_WIDTH, _LEFT, _RIGHT, _ROW, _BAR = 900, 400, 80, 40, 24
# Readable on white and on black alike: a picture does not know the theme of its page.
_TEXT, _OURS, _OTHERS = "#7d8896", "#2f80c2", "#98a2ae"
_FONT = "system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif"


class Bar(NamedTuple):
    """One bar; that of ours stands out."""

    text: str
    seconds: float
    is_ours: bool = False


def draw(title: str, bars: Sequence[Bar]) -> str:
    """Return the bars below each other, each with its text and its seconds."""
    longest = max(bar.seconds for bar in bars)
    height = _ROW * len(bars) + 44
    words = "; ".join(f"{bar.text}: {bar.seconds:.1f} s" for bar in bars)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" '
        f'aria-labelledby="t d" font-family="{_FONT}" font-size="17" fill="{_TEXT}">',
        f'  <title id="t">{escape(title)}</title>',
        f'  <desc id="d">{escape(words)}.</desc>',
        f'  <text x="0" y="22" font-weight="600">{escape(title)}</text>',
    ]
    for number, bar in enumerate(bars):
        top = 44 + _ROW * number
        width = max(bar.seconds / longest * (_WIDTH - _LEFT - _RIGHT), 2)
        color, weight = (_OURS, "600") if bar.is_ours else (_OTHERS, "400")
        middle = top + 18
        lines += [
            f'  <text x="{_LEFT - 14}" y="{middle}" text-anchor="end" font-weight="{weight}">'
            f"{escape(bar.text)}</text>",
            f'  <rect x="{_LEFT}" y="{top}" width="{width:.0f}" height="{_BAR}" rx="4" '
            f'fill="{color}"/>',
            f'  <text x="{_LEFT + width + 12:.0f}" y="{middle}" font-weight="{weight}">'
            f"{bar.seconds:.1f} s</text>",
        ]
    return "\n".join([*lines, "</svg>", ""])
