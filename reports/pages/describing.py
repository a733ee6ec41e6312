"""One model in numbers and words: frames and sentences about its scores, classes and confusions."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmark.metrics import SCORES, class_scores, confusion_matrix
from benchmark.resampling import bootstrap_intervals
from benchmark.statistics import wilson_interval
from reports.pages.evaluation import Evaluation
from reports.text.columns import COLUMNS
from reports.text.drawing import middle_cut

LONGEST_NAME: Final = 22
SMALLEST_SHARE: Final = 0.05
"""Rarer confusions are not mentioned."""


def score_table(evaluation: Evaluation) -> pd.DataFrame:
    """The scores of `SCORES` and the macro ROC-AUC, one row each: score, value, low, high, deviation.

    A single seed has the 95 % interval over samples (Wilson's for accuracy, the bootstrap's for the rest, none for
    AUC); several have the mean over the seeds and the standard deviation (n - 1) of their scores instead.
    """
    intervals = dict.fromkeys(SCORES, (float("nan"), float("nan")))
    if evaluation.seeds == 1:
        intervals["accuracy"] = wilson_interval(int(evaluation.correct.sum()), evaluation.images)
        others = {name: score for name, score in SCORES.items() if name != "accuracy"}
        drawn = bootstrap_intervals([*others.values()], evaluation.probabilities[0], evaluation.labels)
        intervals |= zip(others, drawn, strict=True)
    rows = []
    for name, score in SCORES.items():
        values = [score(probabilities, evaluation.labels) for probabilities in evaluation.probabilities]
        heading = COLUMNS[name].heading if name in COLUMNS else name
        rows.append((heading, float(np.mean(values)), *intervals[name], _deviation(values)))
    areas = np.array([np.nan if np.isnan(row).all() else np.nanmean(row) for row in class_areas(evaluation)])
    rows.append(("macro AUC", float(areas.mean()), float("nan"), float("nan"), _deviation(areas)))
    return pd.DataFrame(rows, columns=["score", "value", "low", "high", "deviation"])


def class_table(evaluation: Evaluation) -> pd.DataFrame:
    """One row a class, means over the seeds, 0-1: class, images, recall, low, high, precision, f1, auc.

    `images` is the class' size in the split. `low` and `high` bound the recall: Wilson's 95 % interval of a single
    seed, the lowest and highest of several. Recall and AUC are missing for a class without samples, and precision
    and F1 where in addition no seed predicts it.
    """
    seeds = [class_scores(probabilities, evaluation.labels) for probabilities in evaluation.probabilities]
    support = seeds[0].support
    named = support + sum(scores.predicted for scores in seeds)
    recall = np.where(support > 0, [scores.recall for scores in seeds], np.nan)
    low, high = recall.min(axis=0), recall.max(axis=0)
    if evaluation.seeds == 1:
        hits = np.diagonal(mean_confusion(evaluation)).astype(int)
        bounds = [
            wilson_interval(int(hit), int(n)) if n else (np.nan, np.nan) for hit, n in zip(hits, support, strict=True)
        ]
        low, high = np.array(bounds).T
    return pd.DataFrame(
        {
            "class": evaluation.class_names,
            "images": support,
            "recall": recall.mean(axis=0),
            "low": low,
            "high": high,
            "precision": np.where(named > 0, np.mean([scores.precision for scores in seeds], axis=0), np.nan),
            "f1": np.where(named > 0, np.mean([scores.f1 for scores in seeds], axis=0), np.nan),
            "auc": class_areas(evaluation).mean(axis=0),
        }
    )


def mean_confusion(evaluation: Evaluation) -> NDArray[np.float64]:
    """Samples by true class (rows) and predicted class (columns), shape (classes, classes): the mean over the seeds."""
    counts = [confusion_matrix(probabilities, evaluation.labels) for probabilities in evaluation.probabilities]
    mean: NDArray[np.float64] = np.mean(counts, axis=0)
    return mean


def counted_unit(evaluation: Evaluation) -> str:
    """What `mean_confusion` counts, in words."""
    noun = evaluation.noun.many
    return noun if evaluation.seeds == 1 else f"{noun}, mean of {evaluation.seeds} seeds"


def confusion_shares(evaluation: Evaluation) -> NDArray[np.float64]:
    """`mean_confusion` with rows that sum to 1; a class without samples is missing (NaN) in every column."""
    counts = mean_confusion(evaluation)
    sizes = counts.sum(axis=1, keepdims=True)
    shares: NDArray[np.float64] = np.divide(counts, sizes, out=np.full_like(counts, np.nan), where=sizes > 0)
    return shares


def class_areas(evaluation: Evaluation) -> NDArray[np.float64]:
    """Area under the ROC curve of each class against all others, shape (seeds, classes).

    It is the share of pairs, of a sample of the class and one of another, in which the first has the higher
    probability, equals counting half (Mann and Whitney 1947; Hanley and McNeil 1982). Missing (NaN) where no sample, or
    every sample, is of the class.
    """
    from scipy.stats import rankdata

    classes, labels, n = len(evaluation.class_names), evaluation.labels, evaluation.images
    size = np.bincount(labels, minlength=classes)
    areas = np.empty((evaluation.seeds, classes))
    for seed, probabilities in enumerate(evaluation.probabilities):
        own = rankdata(probabilities, axis=0)[np.arange(n), labels]
        above = np.bincount(labels, own, classes) - size * (size + 1) / 2
        areas[seed] = np.divide(above, size * (n - size), out=np.full(classes, np.nan), where=size * (n - size) > 0)
    return areas


def class_sentences(evaluation: Evaluation) -> list[str]:
    """What becomes of each class, in words, the worst recognised first; classes without samples are left out."""
    shares, sizes = confusion_shares(evaluation), mean_confusion(evaluation).sum(axis=1)
    names = shown_names(evaluation.class_names)
    sentences = []
    for position in np.argsort(np.diagonal(shares), kind="stable"):
        if not sizes[position]:
            continue
        others = [other for other in np.argsort(-shares[position], kind="stable") if other != position]
        taken = [
            f"{'taken ' if not place else ''}for {names[other]} in {_percent(shares[position, other])}"
            for place, other in enumerate(others[:2])
            if shares[position, other] >= SMALLEST_SHARE
        ]
        size = round(sizes[position])
        sentences.append(
            f"{names[position]} ({evaluation.noun.counted(size)}) is recognised in "
            f"{_percent(shares[position, position])}{', ' if taken else ''}{' and '.join(taken)}"
        )
    return sentences


def headline(evaluation: Evaluation) -> str:
    """The worst confusion in one sentence: "fear is taken for sad in 23 %"; empty where nothing is confused."""
    shares = np.nan_to_num(confusion_shares(evaluation))
    np.fill_diagonal(shares, 0)
    true, predicted = np.unravel_index(shares.argmax(), shares.shape)
    if not shares[true, predicted]:
        return ""
    names = shown_names(evaluation.class_names)
    size = round(mean_confusion(evaluation)[true].sum())
    share = _percent(shares[true, predicted])
    return f"{names[true]} is taken for {names[predicted]} in {share} of {evaluation.noun.counted(size)}"


def shown_names(class_names: Sequence[str]) -> list[str]:
    """Class names as tables and sentences show them: on one line, of at most `LONGEST_NAME` letters, all different."""
    shown = [middle_cut(name, LONGEST_NAME) for name in class_names]
    times = Counter(shown)
    return [f"{name} ({place})" if times[name] > 1 else name for place, name in enumerate(shown)]


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _deviation(values: list[float] | NDArray[np.float64]) -> float:
    return float(np.std(values, ddof=1)) if len(values) > 1 else float("nan")
