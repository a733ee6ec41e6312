"""A page as a list of blocks, written for a terminal of 80 columns or in GitHub's Markdown."""

import re
import shlex
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pandas as pd

from benchmark.tables.given_labels import WORDS
from reports.text import tables


@dataclass(frozen=True)
class Sentence:
    """A paragraph."""

    text: str


@dataclass(frozen=True)
class Lines:
    """Short texts, each on a line of its own."""

    texts: Sequence[str]


@dataclass(frozen=True)
class Bullets:
    """A heading and sentences below it."""

    heading: str
    sentences: Sequence[str]


@dataclass(frozen=True, eq=False)
class Table:
    """A heading and a table below it.

    Attributes:
        heading: what the rows are; "" for the table that the page is about.
        keys: the columns that say which row it is.
        widest: letters of a cell's longest line on a terminal.
    """

    heading: str
    cells: pd.DataFrame
    keys: Sequence[str]
    widest: int = tables.WIDEST_CELL


@dataclass(frozen=True)
class Picture:
    """A picture in a file beside the page, and what it shows; a terminal does not show it."""

    file: str
    what: str


@dataclass(frozen=True)
class Shell:
    """A command: what it does, and its words, each option with its value as one."""

    heading: str
    words: Sequence[str]

    def lines(self) -> list[str]:
        """Indented by four, which is code in Markdown as well; a word a line where one would not hold them."""
        whole = f"    {' '.join(self.words)}"
        if len(whole) <= tables.WIDTH:
            return [whole]
        return [*[f"    {word} \\" for word in self.words[:-1]], f"    {self.words[-1]}"]


Block = Sentence | Lines | Bullets | Table | Picture | Shell


def made_by(command: str, runs: Path | str, dataset: str, labels: str = "", options: Sequence[str] = ()) -> list[Shell]:
    """The command that shows the numbers again; none where the labels are in no file.

    Args:
        command: of `python -m reports`, with the names of the runs it is about, quoted for a shell.
        dataset: `name-fingerprint`; "" where there are no runs.
        labels: where they come from, if not from the runs.
    """
    if labels == WORDS:
        return []
    words = [f"python -m reports {command}", *([f"--data {shlex.quote(dataset)}"] if dataset else [])]
    if dataset and Path(runs) != Path("runs"):
        words.append(f"--runs {shlex.quote(str(runs))}")
    if labels:
        words.append(f"--labels {shlex.quote(labels)}")
    return [Shell("To see these numbers again", [*words, *options])]


def text_page(heading: str, blocks: Sequence[Block], width: int = tables.WIDTH) -> str:
    """The page for a terminal: tables are as wide as that, and sentences 80 columns, which are read more easily."""
    lines = paragraph_lines(heading)
    lines.append("=" * max(map(len, lines)))
    for block in blocks:
        if isinstance(block, Sentence):
            lines += ["", *paragraph_lines(block.text)]
        elif isinstance(block, Lines):
            lines += ["", *[line for text in block.texts for line in paragraph_lines(text)]]
        elif isinstance(block, Bullets):
            lines += ["", block.heading, ""]
            lines += [line for text in block.sentences for line in paragraph_lines(text, "- ", "  ")]
        elif isinstance(block, Table):
            lines += ["", block.heading] if block.heading else []
            lines += ["", tables.text_tables(block.cells, block.keys, block.widest, width)]
        elif isinstance(block, Shell):
            lines += ["", f"{block.heading}:", "", *block.lines()]
    return "\n".join(lines) + "\n"


def markdown_page(heading: str, blocks: Sequence[Block]) -> str:
    """The page in Markdown, whatever Markdown or HTML would read as its own escaped."""
    lines = [f"# {tables.markdown(heading)}"]
    for block in blocks:
        if isinstance(block, Sentence):
            lines += ["", _paragraph(block.text)]
        elif isinstance(block, Lines):
            lines += [line for text in block.texts for line in ("", _paragraph(text))]
        elif isinstance(block, Bullets):
            lines += ["", f"## {tables.markdown(block.heading)}", ""]
            lines += [f"- {_paragraph(text)}" for text in block.sentences]
        elif isinstance(block, Table):
            lines += ["", f"## {tables.markdown(block.heading)}"] if block.heading else []
            lines += ["", tables.markdown_table(block.cells)]
        elif isinstance(block, Shell):
            lines += ["", f"{block.heading}:", "", *block.lines()]
        else:
            lines += ["", f"![{tables.markdown(block.what)}]({quote(block.file)})"]
    return "\n".join(lines) + "\n"


def _paragraph(text: str) -> str:
    """The text in Markdown; at its start a class called "-", "#" or "1." would be a list or a heading."""
    parts = re.split(r"(`python -m [^`]+`)", text)
    # A command in a sentence stays code, in which nothing is to be escaped.
    whole = "".join(tables.one_line(part) if place % 2 else tables.markdown(part) for place, part in enumerate(parts))
    return re.sub(r"^(\d*)([-+#=.)])(?=\s|\2|$)", r"\1\\\2", whole)


def paragraph_lines(text: str, first: str = "", rest: str = "") -> list[str]:
    """The text on lines of at most 80 letters, `first` before the first of them and `rest` before the others."""
    # A number and its % stay together, and so does a p-value: the spaces that are not to be broken at become others.
    unbroken = re.sub(r"\bp ([<=]) (?=\d)", "p\u00a0\\1\u00a0", tables.one_line(text)).replace(" %", "\u00a0%")
    lines = textwrap.wrap(unbroken, tables.WIDTH, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False)
    return [line.replace("\u00a0", " ") for line in lines]


@dataclass(frozen=True, eq=False, repr=False)
class WrittenPage:
    """A Markdown page that was written, with pictures beside it.

    Attributes:
        page: the file.
        text: the same for a terminal of 80 columns, without pictures.
    """

    page: Path
    text: str

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"{self.text}\nWith figures: {self.page}"


class Page:
    """A result that reads as a page, also in a notebook; a subclass gives title and blocks by `_page`."""

    @property
    def text(self) -> str:
        """The page for a terminal of 80 columns."""
        return text_page(*self._page())

    @property
    def markdown(self) -> str:
        """The page in GitHub's Markdown."""
        return markdown_page(*self._page())

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return self.text

    def _page(self) -> tuple[str, list[Block]]:
        raise NotImplementedError
