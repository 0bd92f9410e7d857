"""Words as a cloud: the more a word weighs, the larger it is."""

from collections.abc import Sequence

from lamp_core.viz.templating import asset, render_template

SMALLEST_EM, LARGEST_EM = 0.8, 2.0  # letters of a word that weighs nothing and of the heaviest


def sized(words: Sequence[tuple[str, float]]) -> list[tuple[str, float, float]]:
    """Words and weights, the heaviest first, with the size of each in em."""
    return [
        (word, weight, SMALLEST_EM + (LARGEST_EM - SMALLEST_EM) * weight / words[0][1])
        for word, weight in words
    ]


def cloud_page(words: Sequence[tuple[str, float]], title: str) -> str:
    """A page of HTML with words and weights, the heaviest first; it loads nothing."""
    from markupsafe import Markup

    style = Markup(f"<style>\n{asset('theme.css')}</style>")
    return render_template("cloud_page.html", words=sized(words), title=title, style=style)
