"""The look of every figure: size, font, colours for the colour-blind too, and names short enough to fit."""

import io
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

from benchmark.store.snapshot import FEWEST_DIGITS
from reports.text.tables import one_line, shortened

if TYPE_CHECKING:
    import pandas as pd

# In pixels of the picture, which pages show at its own size.
WIDTH: Final = 800
DOTS_PER_INCH: Final = 100
LONGEST_NAME: Final = 14
LONGEST_TITLE: Final = 72
LONGEST_IN_TITLE: Final = 22
LONGEST_MEMBER: Final = 32
SHORTEST_MODEL: Final = 6

# Okabe and Ito, Color Universal Design (2008), without its yellow, which is faint on white.
COLOURS: Final = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#000000")
DASHES: Final = ("-", "--", "-.", ":")
QUIET: Final = "#888888"

STYLE: Final = {
    "font.family": "DejaVu Sans",
    "font.size": 12,
    "axes.titlesize": 13,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.facecolor": "white",
    "legend.frameon": False,
    "legend.fontsize": 11,
    # A class may be called "$x$".
    "text.parse_math": False,
}

Draw = Callable[[Any], None]


def png(draw: Draw, height: int, width: int = WIDTH) -> bytes:
    """The PNG, in pixels, of what `draw` puts on an empty `matplotlib.figure.Figure`."""
    # The figure object with Agg, not pyplot: no window system, no state shared with whoever else draws.
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    written = io.BytesIO()
    with rc_context(STYLE), warnings.catch_warnings():
        # Letters that the font lacks become boxes, which the picture itself says well enough.
        warnings.filterwarnings("ignore", "Glyph .* missing from", UserWarning)
        size = (width / DOTS_PER_INCH, height / DOTS_PER_INCH)
        figure = Figure(figsize=size, dpi=DOTS_PER_INCH)
        figure.set_layout_engine("constrained", w_pad=0.1, h_pad=0.1)
        FigureCanvasAgg(figure)
        draw(figure)
        figure.savefig(written, format="png", dpi=DOTS_PER_INCH)
    return written.getvalue()


def short_names(names: Sequence[str]) -> list[str]:
    """Names as they stand at an axis: on one line, of at most `LONGEST_NAME` letters; those alike with their places."""
    shown = [middle_cut(name, LONGEST_NAME) for name in names]
    times = Counter(shown)
    return [f"{name} ({place})" if times[name] > 1 else name for place, name in enumerate(shown)]


def member_name(name: str) -> str:
    """A member's name as it stands in a figure: of its hash the digits that commands ask for, `cnn4@1a2b`.

    What is too long is cut in the model's name, for what follows tells runs of one model apart: its end is
    `...:cycle-2:taught:flip`.
    """
    title, at, digits = one_line(name).partition("@")
    model, colon, special = title.partition(":")
    ending = f"{colon}{special}{at}{digits[:FEWEST_DIGITS]}"
    room = LONGEST_MEMBER - len(ending)
    if not ending or len(model) <= room or room < SHORTEST_MODEL:
        return middle_cut(f"{model}{ending}", LONGEST_MEMBER)
    return f"{model[: room - 3]}...{ending}"


def middle_cut(name: str, width: int) -> str:
    """The name on one line of at most `width` letters; what is too long loses its middle, for ends tell apart."""
    line = one_line(name)
    if len(line) <= width:
        return line
    tail = (width - 3) // 2
    return f"{line[: width - 3 - tail]}...{line[-tail:]}"


def heatmap(matrix: "pd.DataFrame", heading: str, unit: str, *, cell: int, rotation: int, **cells: Any) -> bytes:
    """The PNG of a matrix of numbers from 0, with a colour bar.

    Args:
        matrix: its index and columns are the names beside and below it.
        heading: the title.
        unit: of the numbers.
        cell: edge of a cell in pixels, where the matrix would be smaller than a page.
        rotation: of the names below it, in degrees.
        **cells: how cells look, see `seaborn.heatmap`.
    """
    edge = max(WIDTH, 150 + cell * len(matrix))

    def draw(figure: Any) -> None:
        import seaborn

        axes = figure.add_subplot()
        bar = {"shrink": 0.8, "label": unit}
        ticks = {"xticklabels": True, "yticklabels": True}
        seaborn.heatmap(matrix, cmap="Blues", vmin=0, square=True, cbar_kws=bar, ax=axes, **ticks, **cells)
        # Above the whole figure: long names beside the matrix push its axes to the right.
        figure.suptitle(title(heading), fontsize=13)
        for label in axes.get_xticklabels():
            # Each name ends at its tick.
            label.set(rotation=rotation, ha="right", va="center", rotation_mode="anchor")
        axes.tick_params(axis="y", rotation=0)

    return png(draw, height=round(edge * 0.85), width=edge)


def in_title(name: str) -> str:
    """A name as it stands in a title with more behind it: of at most `LONGEST_IN_TITLE` letters."""
    return middle_cut(name, LONGEST_IN_TITLE)


def title(text: str) -> str:
    """A figure's title: on one line, of at most `LONGEST_TITLE` letters."""
    return shortened(text, LONGEST_TITLE)


def line_style(position: int) -> dict[str, str]:
    """Colour and dashes of the line at this position (from 0): 28 pairs, then from the start again."""
    return {"color": COLOURS[position % len(COLOURS)], "linestyle": DASHES[position // len(COLOURS) % len(DASHES)]}
