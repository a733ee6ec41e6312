"""Rows that repeat the predictions of another row under another name, rows of hard labels, and rows with ties."""

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from benchmark.records import EXTERNAL, PREDICTED
from benchmark.store.copies import Copy
from benchmark.ties import tie_sentence
from reports.leaderboards.results import Results
from reports.leaderboards.rows import display_names, keys, ranking_split

HARD: Final = "all probabilities are 0 or 1, as of hard labels, of which log loss, MSE and ECE say nothing"


@dataclass(frozen=True)
class Repeat:
    """A row that repeats another, or one of its seeds that does.

    Attributes:
        row: its model and hash.
        of: those of the row that it repeats.
        whole: whether both rows are a single run.
        external: whether the row was imported.
        copy: on which split, and whether probabilities or only the likeliest classes are the same.
    """

    row: Hashable
    of: Hashable
    whole: bool
    external: bool
    copy: Copy


def repeats(results: Results) -> list[Repeat]:
    """Every row that repeats another on a split, each once: on the split that ranks if it does so there.

    Of several rows that it repeats the first counts whose probabilities are the same, else the first.
    """
    whole = results.whole.drop_duplicates("run")
    rows = dict(zip(whole["run"], keys(whole), strict=True))
    kinds = dict(zip(whole["run"], whole["kind"], strict=True))
    seeds = Counter(rows.values())
    first = ranking_split(results)
    repeated: dict[Hashable, Repeat] = {}
    for split in (first, *[other for other in PREDICTED if other != first]):
        on_split: dict[str, Copy] = {}
        for copy in sorted(results.copies[split], key=lambda copy: not copy.same_predictions):
            if rows[copy.run] != rows[copy.of]:
                on_split.setdefault(copy.run, copy)
        for run, copy in on_split.items():
            pair = rows[run], rows[copy.of]
            single = all(seeds[row] == 1 for row in pair)
            repeated.setdefault(pair[0], Repeat(*pair, single, kinds[run] == EXTERNAL, copy))
    return list(repeated.values())


def counted_once(repeated: Iterable[Repeat], split: str) -> dict[Hashable, Hashable]:
    """The imported rows that are not tested by themselves on a split, with the row that stands for each."""
    copies = {one.row: one.of for one in repeated if one.external and one.whole and one.copy.split == split}

    def original(row: Hashable) -> Hashable:
        return original(copies[row]) if row in copies else row

    return {row: original(row) for row in copies}


def repeat_sentences(results: Results, names: Mapping[Hashable, str]) -> list[str]:
    """A sentence for all shown rows that repeat the same row."""
    every = display_names(results)
    groups: dict[tuple[str, bool], list[str]] = {}
    for one in repeats(results):
        if one.row in names:
            of = every[one.of] if one.whole else one.copy.of
            sentence = replace(one.copy, of=of).sentence + (", rounding aside" if one.copy.same_predictions else "")
            counted = one.external and one.whole
            groups.setdefault((sentence, counted), []).append(names[one.row] if one.whole else one.copy.run)
    return [
        f"{', '.join(rows)}: {sentence}{'; tested as one with it' if counted else ''}"
        for (sentence, counted), rows in groups.items()
    ]


def hard_label_sentences(results: Results, names: Mapping[Hashable, str]) -> list[str]:
    """That scores of probabilities say nothing of rows whose probabilities are all 0 and 1, unless a remark says so."""
    split = ranking_split(results)
    whole = results.scores[(results.scores["split"] == split) & ~results.scores["remark"].str.contains("hard labels")]
    pairs = zip(keys(whole), whole["run"], strict=True)
    rows = dict.fromkeys(key for key, run in pairs if key in names and _is_hard(results, run, split))
    if not rows:
        return []
    return [f"{', '.join(names[row] for row in rows)}: {HARD}"]


def tie_sentences(results: Results, names: Mapping[Hashable, str]) -> list[str]:
    """A sentence for each row whose accuracy depends on which of several likeliest classes is taken."""
    split = ranking_split(results)
    whole = results.scores[(results.scores["split"] == split) & results.scores["accuracy"].notna()]
    runs: dict[Hashable, list[str]] = {}
    for row, run in zip(keys(whole), whole["run"], strict=True):
        if row in names:
            runs.setdefault(row, []).append(run)
    sentences = []
    for key, own in runs.items():
        predicted = [results.predictions[run, split] for run in own]
        pairs = ((one.probabilities, one.labels) for one in predicted if one.labels is not None)
        if sentence := tie_sentence(pairs, results.noun):
            sentences.append(f"{names[key]}: {sentence}")
    return sentences


def _is_hard(results: Results, run: str, split: str) -> bool:
    probabilities = results.predictions[run, split].probabilities
    return bool(len(probabilities) and probabilities[0].max() == 1 and (probabilities.max(axis=1) == 1).all())
