"""Several rows compared with each other on the same samples, every two of them."""

import json
import shlex
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from benchmark.statistics import ALPHA, holm, p_value_text
from reports.pages.comparison import Comparison
from reports.pages.differences import ACCURACY, ECE_NOTE, label_of
from reports.text.columns import COLUMNS, number, rounded
from reports.text.text_blocks import Block, Bullets, Lines, Page, Table, made_by


@dataclass(frozen=True, eq=False, repr=False)
class Comparisons(Page):
    """Every two of several models.

    Attributes:
        pairs: every two, in the order of the names.
        caveats: of all of them, see `reports.pages.caveats`.
    """

    pairs: tuple[Comparison, ...]
    caveats: tuple[str, ...]

    @property
    def names(self) -> list[str]:
        """Of what is compared, in the order given."""
        return list(self._scores)

    @cached_property
    def p_values(self) -> tuple[float, ...]:
        """Of the pairs, Holm-corrected for their number."""
        return tuple(holm([pair.p_value for pair in self.pairs]).tolist())

    @property
    def sentence(self) -> str:
        """The result as a sentence to quote."""
        different = sum(value < ALPHA for value in self.p_values)
        first = self.pairs[0]
        about = first.noun.counted(first.images, first.split)
        return (
            f"{different} of {len(self.pairs)} pairs differ significantly in {self._label} on {about}, Holm-corrected "
            "for these pairs"
        )

    @property
    def json(self) -> str:
        """The comparisons as a JSON object with what `Comparison.json` has for each pair."""
        pairs = [
            {"corrected_p_value": p_value, **json.loads(pair.json)}
            for pair, p_value in zip(self.pairs, self.p_values, strict=True)
        ]
        data = {"sentence": self.sentence, "scores": self._scores, "caveats": self.caveats, "pairs": pairs}
        return json.dumps(data, indent=2, ensure_ascii=False) + "\n"

    @cached_property
    def _scores(self) -> dict[str, float]:
        """By name, in the order given."""
        scores: dict[str, float] = {}
        for pair in self.pairs:
            scores |= dict(zip((pair.a, pair.b), pair.scores, strict=True))
        return scores

    @property
    def _label(self) -> str:
        return label_of(self.pairs[0].metric)

    def _shared_ranks(self) -> list[str]:
        """Which pairs differ significantly here and not on the leaderboard, and why."""
        corrected, alike = list[str](), list[str]()
        for pair, p_value in zip(self.pairs, self.p_values, strict=True):
            if p_value < ALPHA and pair.ranks and pair.ranks.ranks[0] == pair.ranks.ranks[1]:
                p_text = p_value_text(pair.ranks.p_value)
                text = f"{pair.a} and {pair.b} (rank {pair.ranks.ranks[0]}, corrected there to {p_text})"
                (corrected if pair.ranks.p_value >= ALPHA else alike).append(text)
        every = next((pair.ranks.pairs for pair in self.pairs if pair.ranks), 0)
        notes = {
            f"Significantly different here, but of one rank on the leaderboard, which corrects for {every:,} pairs in "
            f"place of {len(self.pairs)}": corrected,
            "Significantly different here and on the leaderboard, but of one rank, because neither differs "
            "significantly from the first row of that rank": alike,
        }
        return [f"{note}: {', '.join(pairs)}" for note, pairs in notes.items() if pairs]

    def _page(self) -> tuple[str, list[Block]]:
        first = self.pairs[0]
        percent = first.metric == ACCURACY
        unit, form = (100, rounded(2)) if percent else (1, number)
        less = first.metric in COLUMNS and COLUMNS[first.metric].better == "low"
        ordered = sorted(self._scores.items(), key=lambda item: item[1] if less else -item[1])
        heading = f"{self._label}{', %' if percent else ''}"
        scores = pd.DataFrame([(name, form(unit * score)) for name, score in ordered], columns=["", heading])
        rows = []
        for pair, corrected in zip(self.pairs, self.p_values, strict=True):
            value, low, high = (form(unit * end) for end in (pair.difference, pair.low, pair.high))
            p_values = (p_value_text(one).removeprefix("p ").removeprefix("= ") for one in (pair.p_value, corrected))
            rows.append((pair.a, pair.b, f"{value} [{low}, {high}]", *p_values))
        columns = ["A", "B", f"A minus B{', points' if percent else ''}", "p", "corrected p"]
        table = pd.DataFrame(rows, columns=columns, dtype="object")
        notes = [*([ECE_NOTE] if first.metric == "ece" else []), *self._shared_ranks()]
        if smallest := [unit * pair.smallest for pair in self.pairs if pair.smallest is not None]:
            ends = f"{form(min(smallest))} to {form(max(smallest))}{' points' if percent else ''}"
            sentence = f"The smallest true difference that these tests find in four of five cases is {ends}"
            notes.append(f"{sentence}, by pair, before the correction")
        options = [] if percent else [f"--metric {first.metric}"]
        words = shlex.join(["compare", *self.names])
        again = made_by(words, first.runs, first.dataset, first.labels or "", options)
        blocks: list[Block] = [
            Lines([f"{self.sentence}.", f"Tests: {', '.join(dict.fromkeys(pair.test for pair in self.pairs))}."]),
            Table("", scores, [""]),
            Table("Every pair", table, ["A", "B"]),
            Bullets("Notes", [f"{note}." for note in (*notes, *self.caveats)]),
            *(again if all(pair.repeatable for pair in self.pairs) else []),
        ]
        return f"{len(self._scores)} compared on {first.place}", blocks
