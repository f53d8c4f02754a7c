"""The model card as one HTML file for a browser: pictures inside, nothing loaded, nothing run, readable on a telephone.

What the card says is written in `card`, as Markdown; raw HTML in it is shown as text.
"""

from __future__ import annotations

import base64
import html
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from oulad_platform.core.charts import GRID, INK, MUTED
from oulad_platform.core.house import House

if TYPE_CHECKING:
    from markdown_it.token import Token

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
STYLE = """\
body { margin: 0; background: #ffffff; color: %(ink)s; font-family: Arial, Helvetica, sans-serif; line-height: 1.45; }
main { max-width: 1080px; margin: 0 auto; padding: 12px 16px 40px; overflow-wrap: anywhere; }
h1 { margin: 8px 0 4px; font-size: 28px; line-height: 1.2; color: %(main)s; }
h2 { margin: 32px 0 8px; font-size: 20px; border-bottom: 2px solid %(main)s; }
h3 { margin: 20px 0 6px; font-size: 16px; }
p, ul { margin: 8px 0; }
ul { padding-left: 22px; }
.wide { overflow-x: auto; margin: 8px 0; }
table { border-collapse: collapse; font-size: 14px; }
th, td { padding: 5px 10px 5px 0; border-bottom: 1px solid %(grid)s; text-align: left; vertical-align: top; }
th { color: %(muted)s; min-width: 52px; overflow-wrap: normal; }
td { min-width: 52px; max-width: 560px; }
.many td { white-space: nowrap; }
.many td.words { white-space: normal; min-width: 220px; }
img { display: block; max-width: 100%%; height: auto; margin: 12px 0; }
"""
WORDY = 40


def card_html(markdown: str, pictures: Mapping[str, bytes], house: House, title: str) -> bytes:
    """The Markdown of a card as a whole page in the house's colour; `pictures` are the PNGs it shows, by file name.

    Raises ValueError when the card shows a picture that is not given.
    """
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = parser.parse(markdown)
    for token in tokens:
        for inline in token.children or ():
            if inline.type == "image":
                inline.attrSet("src", _data_uri(str(inline.attrGet("src")), pictures))
    _mark_tables(tokens)
    parser.add_render_rule("table_open", _table_open)
    parser.add_render_rule("table_close", _table_close)
    body = parser.renderer.render(tokens, parser.options, {})
    style = STYLE % {"main": house.main_colour, "ink": INK, "muted": MUTED, "grid": GRID}
    page = (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n<meta name="color-scheme" content="light">\n'
        f"<title>{html.escape(title)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n<main>\n{body}</main>\n</body>\n</html>\n"
    )
    return page.encode()


def _data_uri(name: str, pictures: Mapping[str, bytes]) -> str:
    if name not in pictures:
        raise ValueError(f"the card shows {name!r}, which is not among the pictures {sorted(pictures)}; give its PNG")
    return f"data:image/png;base64,{base64.b64encode(pictures[name]).decode()}"


def _mark_tables(tokens: Sequence[Token]) -> None:
    """Marks the tables of more than two columns, whose figures stay on one line, and in them the cells that hold sentences."""
    heads: list[Token] = []
    table: Token | None = None
    cell: Token | None = None
    for token in tokens:
        if token.type == "table_open":
            table, heads = token, []
        elif token.type == "th_open":
            token.attrSet("scope", "col")
            heads.append(token)
        elif token.type == "thead_close" and table is not None:
            table.meta["many"] = len(heads) > 2
        elif token.type == "td_open":
            cell = token
        elif token.type == "td_close":
            cell = None
        elif token.type == "inline" and cell is not None and len(token.content) > WORDY:
            cell.attrSet("class", "words")


def _table_open(renderer: Any, tokens: Sequence[Token], place: int, options: Any, env: Any) -> str:
    kind = "wide many" if tokens[place].meta.get("many") else "wide"
    return f'<div class="{kind}" tabindex="0" role="region" aria-label="Table">\n<table>\n'


def _table_close(renderer: Any, tokens: Sequence[Token], place: int, options: Any, env: Any) -> str:
    return "</table>\n</div>\n"
