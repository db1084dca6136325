#!/usr/bin/env python3
"""Draw three acts of the demo's timeline as an SVG: the first two and the last.

    target/debug/demo | docs/timeline.py > docs/demo.svg
"""

import re
import sys
from html import escape

ACTS = (1, 2, 5)
MOST_LINES = 30
WIDTH, ROW, LEFT = 960, 20, 16
MOST_LETTERS = 100
# A calculator that reads nothing, and the group that joins in a later act.
NOISE = re.compile("nothing is read|names a group that does not exist")
COLOURS = {"drainer": "#0f6e84", "calculator": "#8250df", "CloudWatch": "#bc4c00", "ECS": "#1f6feb"}


def acts(lines):
    """Yield the title and the timeline of each act that is drawn. A line is a time, an actor and a text."""
    title, found = None, []
    for line in lines:
        begins = re.match(r"Act (\d+) · .*$", line)
        if begins:
            if title:
                yield title, found
            title, found = begins[0] if int(begins[1]) in ACTS else None, []
        event = re.match(r"  ( ?\d+:\d\d\.\d)  (.{12})  (.*)$", line)
        if title and event:
            found.append(tuple(part.strip() for part in event.groups()))
    if title:
        yield title, found


def shown(found):
    """Leave out repeated lines, and the middle of a long act."""
    found = [line for at, line in enumerate(found) if line[1:] not in [it[1:] for it in found[:at]]]
    found = [line for line in found if not NOISE.search(line[2])]
    if len(found) <= MOST_LINES:
        return found
    head = MOST_LINES // 2
    left_out = len(found) - MOST_LINES
    return [*found[:head], ("", "", f"… {left_out} more lines …"), *found[-(MOST_LINES - head) :]]


def text(x, y, said, more=""):
    return f'<text x="{x}" y="{y}"{more}>{escape(said)}</text>'


def svg(lines):
    drawn, y = [], 0
    for title, found in acts(lines):
        y += 2 * ROW
        drawn.append(text(LEFT, y, title, ' font-weight="bold" fill="#1f2328"'))
        for time, who, said in shown(found):
            y += ROW
            said = said if len(said) <= MOST_LETTERS else said[: MOST_LETTERS - 1] + "…"
            drawn.append(text(LEFT, y, time, ' fill="#656d76"'))
            drawn.append(text(LEFT + 72, y, who, f' fill="{COLOURS.get(who, "#1f2328")}"'))
            drawn.append(text(LEFT + 180, y, said, ' fill="#1f2328"'))
    if not drawn:
        sys.exit("timeline: the input is no output of the demo")
    height = y + ROW
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
        f'viewBox="0 0 {WIDTH} {height}" font-family="monospace" font-size="12">'
    )
    return "\n".join([head, '<rect width="100%" height="100%" fill="#ffffff"/>', *drawn, "</svg>", ""])


if __name__ == "__main__":
    sys.stdout.write(svg(sys.stdin.read().splitlines()))
