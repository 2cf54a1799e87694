#!/usr/bin/env python3
"""Turns what a command prints into a picture for the README.

    smlp evaluate DIR --per-class | tools/terminal_svg.py 'smlp evaluate imagenette/val --per-class' > docs/evaluate.svg

The first line of the picture is the given command; the text stays text, so that the picture can be searched and read aloud.
"""

import html
import sys

FONT_SIZE, LINE, CELL, MARGIN = 14, 19, 8.43, 16
PAPER, INK, COMMAND = "#10151c", "#d7dee8", "#8fd18a"


def svg(command, lines):
    rows = [f"$ {command}", *lines]
    width = round(2 * MARGIN + CELL * max(map(len, rows)))
    height = 2 * MARGIN + LINE * len(rows)
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" role="img">',
        f"<title>{html.escape(command)}</title>",
        f'<rect width="100%" height="100%" rx="8" fill="{PAPER}"/>',
        f'<g font-family="DejaVu Sans Mono, Menlo, Consolas, monospace" font-size="{FONT_SIZE}" fill="{INK}" xml:space="preserve">',
    ]
    for i, row in enumerate(rows):
        # textLength keeps the columns straight whatever font is there.
        length = f' textLength="{CELL * len(row):.1f}"' if row.strip() else ""
        color = f' fill="{COMMAND}"' if i == 0 else ""
        y = MARGIN + LINE * i + FONT_SIZE
        out.append(f'<text x="{MARGIN}" y="{y}"{length}{color}>{html.escape(row, quote=False)}</text>')
    return "\n".join([*out, "</g>", "</svg>", ""])


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.stdout.write(svg(sys.argv[1], [line.rstrip() for line in sys.stdin]))


if __name__ == "__main__":
    main()
