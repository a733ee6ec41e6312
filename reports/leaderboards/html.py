"""The leaderboard as one HTML page: a click on a heading sorts it, and it loads nothing."""

import hashlib
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any, Final

import pandas as pd

from reports.leaderboards.excerpt import APART, excerpt, left_out
from reports.leaderboards.notes import heading, notes, origins, published_note, reading
from reports.leaderboards.pages import command, published_tables, statuses, title
from reports.leaderboards.ranking import class_table, rank, sorting_metric
from reports.leaderboards.results import Results
from reports.leaderboards.rows import ACCURACIES, ranking_split
from reports.text import tables
from reports.text.columns import COLUMNS, DEFAULT, PLAIN, SCORES, View

LONGEST_STATUS: Final = 1000
PAGE: Final = "leaderboard.html"
STYLE: Final = "leaderboard.css"
SCRIPT: Final = "leaderboard.js"


def html_page(results: Results, runs: Path | str, shown: View = PLAIN) -> str:
    """The leaderboard for a browser. Arguments are those of `reports.leaderboards.pages.text_page`.

    All text of the data is escaped and on one line. The page's content policy allows only its own script and style,
    which it names by their hashes.
    """
    columns = shown.shown(DEFAULT)
    ranked = rank(results, replace(shown, columns=columns))
    rows = excerpt(ranked, shown)
    board, names = rows[rows["status"] != APART], set(rows["model"])
    sorts = "rank" if shown.metric is None or shown.metric in ACCURACIES else sorting_metric(results, shown)
    table = _table("leaderboard", board.assign(status=statuses(board, LONGEST_STATUS)), columns, sorts)
    above = [*heading(results, shown), *left_out(ranked, rows)]
    body = [f"<h1>{_text(title(results))}</h1>", *map(_paragraph, above), table]
    body.append(_list("Notes", notes(results, names, shown), "notes"))
    body.append(_list("How to read the table", reading(results, shown)))
    if shown.published:
        for place, (title_of_part, published) in enumerate(published_tables(rows).items()):
            name = f"published{place or ''}"
            body += [f"<h2>{title_of_part}</h2>", _table(name, published, list(published.columns))]
        body += [_paragraph(published_note(results))]
    body += [_list("How the rows were made", origins(results, names)), _classes(results, board), _legend(columns)]
    for shell in command(results, runs, shown):
        made = "\n".join(line.removeprefix("    ") for line in shell.lines())
        body += [f"<h2>{shell.heading}</h2>", f"<pre>{escape(made)}</pre>"]
    style, script = asset(STYLE), asset(SCRIPT)
    return Template(asset(PAGE)).substitute(
        title=_text(title(results)),
        style=style,
        style_hash=_digest(style),
        script=script,
        script_hash=_digest(script),
        body="\n".join(part for part in body if part),
    )


@cache
def asset(name: str) -> str:
    """The text of a file beside this module: the page, its style or its script."""
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def _digest(content: str) -> str:
    return f"sha256-{b64encode(hashlib.sha256(content.encode()).digest()).decode()}"


def _table(name: str, frame: pd.DataFrame, columns: Sequence[str], sorts: str = "") -> str:
    """A table whose headings sort it, with an id of its own; `sorts` is the column that sorts it already, if any."""
    shown = tables.cells(tables.with_parts(frame, columns))
    heads = [_header(column, label, sorts) for column, label in zip(columns, shown.columns, strict=True)]
    rows, before = [], None
    for texts, row in zip(shown.to_numpy(), frame[list(columns)].to_dict("records"), strict=True):
        kind = str(row.get("status", "")).split(" ")[0].rstrip(":")
        first = not pd.isna(row.get("rank")) and row["rank"] != before
        before = row["rank"] if first else before
        cells = [_cell(*facts) for facts in zip(columns, texts, row.values(), strict=True)]
        rows.append(f'<tr class="{_text(kind)}{" first" if first else ""}">{"".join(cells)}</tr>')
    ranked = " ranked" if sorts == "rank" else ""
    head = f"<thead><tr>{''.join(heads)}</tr></thead>"
    body = "\n".join(["<tbody>", *rows, "</tbody>"])
    return f'<div class="scroll" tabindex="0"><table id="{name}" class="sortable{ranked}">{head}\n{body}</table></div>'


def _header(name: str, label: str, sorts: str) -> str:
    facts = COLUMNS.get(name)
    better = facts.better if facts else "high" if label in tables.NUMBERS else ""
    direction = "none" if name != sorts else "descending" if better == "high" else "ascending"
    key = ' class="key"' if name == "model" else ""
    kind = "number" if label in tables.NUMBERS else "text"
    hint = f' title="{_text(facts.meaning)}"' if facts else ""
    return (
        f'<th scope="col"{key} aria-sort="{direction}" data-column="{_text(name)}" data-type="{kind}" '
        f'data-better="{better}" data-label="{_text(label)}"><button type="button"{hint}>{_text(label)}</button></th>'
    )


def _cell(name: str, text: str, value: Any) -> str:
    known = "" if pd.isna(value) else f' data-value="{_text(str(value))}"'
    if name == "model":
        # Names of ensembles may go on in the next line behind a +.
        return f'<th scope="row"{known}>{_text(text).replace("+", "+<wbr>")}</th>'
    kind = "number" if tables.FORMATS.get(name, (name,))[0] in tables.NUMBERS else "text"
    written, bracket, interval = text.partition(" [") if name in SCORES else (text, "", "")
    ends = f' <span class="interval">[{_text(interval)}</span>' if bracket else ""
    return f'<td class="{kind} {_text(name)}"{known}>{_text(written)}{ends}</td>'


def _classes(results: Results, board: pd.DataFrame) -> str:
    classes = class_table(results, board)
    if not len(classes):
        return ""
    table = _table("classes", classes, list(classes.columns))
    return f"<details><summary>Per class, on {ranking_split(results)}</summary>\n{table}</details>"


def _legend(columns: Sequence[str]) -> str:
    entries = [f"<dt>{_text(COLUMNS[name].heading)}</dt><dd>{_text(COLUMNS[name].meaning)}</dd>" for name in columns]
    return f"<details><summary>What the columns mean</summary>\n<dl>{''.join(entries)}</dl></details>"


def _list(heading: str, sentences: Sequence[str], kind: str = "") -> str:
    if not sentences:
        return ""
    items = "\n".join(f"<li>{_text(sentence)}</li>" for sentence in sentences)
    return f'<h2>{heading}</h2>\n<ul class="{kind}">\n{items}\n</ul>'


def _paragraph(text: str) -> str:
    return f"<p>{_text(text)}</p>"


def _text(text: str) -> str:
    return escape(tables.one_line(text))
