"""The files that the browser gets: the page, its modules and styles, and the player with its 3-D figure."""

import re
from functools import cache
from pathlib import Path

from lamp_core.viz.player import PACKED, SCRIPTS
from lamp_core.viz.templating import asset

STATIC = Path(__file__).parent / "static"
SHARED = (*SCRIPTS, *PACKED, "player.css")
"""What reports have too."""
THEME = "theme.css"
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}
DARK = re.compile(r"@media screen and \(prefers-color-scheme: dark\) \{\s*:root \{(.*?)\}\s*\}", re.DOTALL)


def static_file(name: str) -> tuple[str, str] | None:
    """Text and media type of a file of the page; None where there is none of this name."""
    kind = TYPES.get(Path(name).suffix)
    if kind is None:
        return None
    if name == THEME:
        return theme(), kind
    if name in SHARED:
        return asset(name), kind
    known = {path.name: path for path in STATIC.iterdir()}
    return (known[name].read_text(encoding="utf-8"), kind) if name in known else None


@cache
def theme() -> str:
    """The reports' theme, whose dark half can be chosen too: by ``data-theme`` of the root."""
    text = asset(THEME)
    dark = DARK.search(text)
    if dark is None:
        return text
    chosen = f':root[data-theme="dark"] {{ color-scheme: dark;{dark[1]}}}\n'
    system = dark[0].replace(":root", ':root:not([data-theme="light"])')
    light = ':root[data-theme="light"] { color-scheme: light; }\n'
    return DARK.sub("", text) + system + "\n" + chosen + light
