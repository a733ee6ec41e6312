"""Caveats of a comparison: what was fitted or chosen on its samples, and what the leaderboard says of the pair."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from benchmark.records import EXTERNAL
from benchmark.statistics import ALPHA, p_value_text
from benchmark.store.made_again import outdated
from benchmark.store.stored_run import StoredRun
from reports.leaderboards.notes import absent_sentence
from reports.leaderboards.ranking import Standing
from reports.leaderboards.remarks import epoch_chosen, fitted, fitted_anywhere
from reports.pages.evaluation import Evaluation


@dataclass(frozen=True)
class Ranks:
    """The ranks of two rows on the leaderboard, and the p-value of their pair, corrected for so many pairs.

    Attributes:
        split: whose accuracies rank: "test" or "validation".
        ranks: of both.
        p_value: 1 where one row repeats the other.
        pairs: how many are tested.
        repeated: whether the two are tested as one row.
    """

    split: str
    ranks: tuple[int, int]
    p_value: float
    pairs: int
    repeated: bool

    def sentence(self, p_value: float) -> str:
        """What the leaderboard says of the pair, and why that may differ from the pair's own test (`p_value`)."""
        first, second = self.ranks
        board = f"On the leaderboard by {self.split} accuracy"
        text = f"{board} {self.pairs:,} pairs are tested: after Holm's correction this one has "
        if self.pairs == 1:
            text = f"{board} this is the only pair: there it has "
        text += f"{p_value_text(self.p_value)}, and "
        if self.repeated:
            text = f"{board} they are tested as one row, since one repeats the other: "
        text += f"both have rank {first}" if first == second else f"the ranks are {first} and {second}"
        if p_value < ALPHA <= self.p_value:
            text += ". The test above is of this pair alone; of so many pairs some would differ by chance"
        if first != second and self.p_value >= ALPHA:
            text += (
                ". A rank begins with a row that differs significantly from the first of the rank above, not from all"
            )
        if first == second and self.p_value < ALPHA:
            text += ". They share it because neither differs significantly from the first row of that rank"
        return text


def ranks_of(standing: Standing | None, first: Evaluation, second: Evaluation) -> Ranks | None:
    """Where both stand; None where one of them is not a ranked row: a file, or one seed of several."""
    places = [_place(standing, evaluation) for evaluation in (first, second)]
    if standing is None or None in places:
        return None
    a, b = (place for place in places if place is not None)
    ranks = int(standing.rows["rank"].iloc[a]), int(standing.rows["rank"].iloc[b])
    repeated = bool(standing.rows["tested"].iloc[a] == standing.rows["tested"].iloc[b])
    return Ranks(standing.split, ranks, float(standing.p_values[a, b]), standing.pairs, repeated)


def caveats(evaluations: Sequence[Evaluation], standing: Standing | None, stored: Mapping[str, StoredRun]) -> list[str]:
    """A sentence for each way in which what is compared was fitted or chosen on the same samples.

    Args:
        standing: the leaderboard by accuracy on that split, if it is known.
    """
    noun = evaluations[0].noun.many
    sentences = [f"{one.name}: {note}" for one in evaluations for note in (*one.notes, one.ties) if note]
    sentences += [sentence for one in evaluations if (sentence := _chosen_among(one, standing))]
    if evaluations[0].split == "validation":
        sentences += [f"{one.name}: {one.remark}" for one in evaluations if one.remark]
        sentences += [sentence for one in evaluations if (sentence := _fitted_on(one, stored))]
        if epochs := [one.name for one in evaluations if any(epoch_chosen(run, stored) for run in one.runs)]:
            sentences.append(f"{', '.join(epochs)}: the epoch of each network was chosen on these {noun}")
    else:
        sentences += [
            f"{one.name}: {found[1]} was made again after {found[0]} was built of it"
            for one in evaluations
            if (found := next((found for run in one.runs if (found := outdated(run, stored))), None))
        ]
    if lowered := [one.name for one in evaluations if one.predicts_unlabelled]:
        sentences.append(absent_sentence(evaluations[0].split, evaluations[0].unlabelled, lowered))
    unknown = [one.name for one in evaluations if not one.runs or one.runs[0].config.kind == EXTERNAL]
    if unknown:
        sentences.append(f"{', '.join(unknown)}: made elsewhere, so it is not known what was chosen on these {noun}")
    return sentences


def _chosen_among(evaluation: Evaluation, standing: Standing | None) -> str:
    """That it is the best of many on these samples: if it was chosen for that, its score on them is too high."""
    place = _place(standing, evaluation)
    if standing is None or place is None:
        return ""
    noun = evaluation.noun.many
    too_high = f"if it was chosen because of that, its accuracy on these {noun} is too high"
    if place == 0 and len(standing.rows) > 2:
        return f"{evaluation.name} is the first of {len(standing.rows)} rows by accuracy on these {noun}: {too_high}"
    alike = _alike(standing.rows, evaluation)
    if len(alike) > 1 and alike[0] == place:
        model = evaluation.runs[0].config.model
        return f"{evaluation.name} is the best of {len(alike)} rows of {model} on these {noun}: {too_high}"
    return ""


def _alike(rows: pd.DataFrame, evaluation: Evaluation) -> list[int]:
    """The places of the rows of the same model, in any configuration and view."""
    model = evaluation.runs[0].config.model
    return [place for place, (title, _) in enumerate(rows["key"]) if title.partition(":")[0] == model]


def _place(standing: Standing | None, evaluation: Evaluation) -> int | None:
    if standing is None or not evaluation.runs:
        return None
    config = evaluation.runs[0].config
    for place, (key, seeds) in enumerate(zip(standing.rows["key"], standing.rows["seeds"], strict=True)):
        if key == (config.title, config.hash) and seeds == evaluation.seeds:
            return place
    return None


def _fitted_on(evaluation: Evaluation, stored: Mapping[str, StoredRun]) -> str:
    run = evaluation.runs[0] if evaluation.runs else None
    if run is None or run.config.in_sample or not fitted_anywhere(run, stored):
        return ""
    noun = evaluation.noun.many
    if fitted(run):
        return (
            f"{evaluation.name} was fitted on these {noun}: each fifth of them is predicted by what was fitted on the "
            "other four"
        )
    return f"{evaluation.name} has members that were fitted on these {noun}"
