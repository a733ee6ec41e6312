"""Figures about one model: confusion, classes, learning, calibration, ROC. Each takes an evaluation and gives a PNG."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmark.metrics import BINS, calibration_gaps
from benchmark.statistics import wilson_interval
from reports.pages.describing import class_areas, class_table, confusion_shares, counted_unit, mean_confusion
from reports.pages.evaluation import Evaluation
from reports.text.drawing import COLOURS, DASHES, QUIET, heatmap, in_title, line_style, png, short_names, title

FEW_CLASSES: Final = 10
"""Up to so many classes each has a line of its own; beyond, the worst ones have."""

LARGEST_ANNOTATED: Final = 30
"""Up to so many classes the cells of a confusion matrix have room for a number."""

LARGEST_DRAWN: Final = 60
"""Up to so many classes a figure has room for a row each; beyond, the ones with most errors have."""


def confusion_counts(evaluation: Evaluation) -> bytes:
    """The confusion matrix in samples (the mean over the seeds)."""
    counts = mean_confusion(evaluation)
    written = "{:.0f}".format if (counts == counts.round()).all() else "{:.1f}".format
    return _confusion(evaluation, counts, written, counted_unit(evaluation))


def confusion_rates(evaluation: Evaluation) -> bytes:
    """The confusion matrix with rows that sum to 100 %."""
    return _confusion(evaluation, 100 * confusion_shares(evaluation), "{:.0f}".format, "% of each true class")


def _confusion(
    evaluation: Evaluation, values: NDArray[np.float64], written: Callable[[float], str], unit: str
) -> bytes:
    shown = _most_errors(evaluation)
    every = short_names(evaluation.class_names)
    names = [every[place] for place in shown]
    classes, values = len(names), values[np.ix_(shown, shown)]
    some = "" if classes == len(evaluation.class_names) else f", the {classes} classes with most errors"
    texts = np.array([["" if np.isnan(value) else written(value) for value in row] for row in values])
    return heatmap(
        pd.DataFrame(values, pd.Index(names, name="true class"), pd.Index(names, name="predicted class")),
        f"Confusion of {in_title(evaluation.name)}: {unit} ({evaluation.split}{some})",
        unit,
        cell=32,
        rotation=45 if classes <= FEW_CLASSES else 90,
        annot=texts if classes <= LARGEST_ANNOTATED else False,
        fmt="",
        linewidths=1 if classes <= LARGEST_ANNOTATED else 0,
        annot_kws={"fontsize": 13 if classes <= FEW_CLASSES else 9},
    )


def _most_errors(evaluation: Evaluation) -> NDArray[np.intp]:
    """The positions of all classes; of more than `LARGEST_DRAWN`, those that are confused most often."""
    counts = mean_confusion(evaluation)
    errors = counts.sum(axis=0) + counts.sum(axis=1) - 2 * counts.diagonal()
    return np.sort(np.argsort(-errors, kind="stable")[:LARGEST_DRAWN])


def recall_and_size(evaluation: Evaluation) -> bytes:
    """Recall of every class, the worst above, beside how many samples the split has; of many classes the worst."""
    table = worst_classes(evaluation).iloc[::-1]
    some = "" if len(table) == len(evaluation.class_names) else f", the {len(table)} worst"
    rows = np.arange(len(table))
    every = short_names(evaluation.class_names)
    names = [every[place] for place in table.index]
    recall = table["recall"].fillna(0).to_numpy()
    errors = np.nan_to_num(100 * np.array([recall - table["low"], table["high"] - recall])).clip(0)
    bars = "95 % interval" if evaluation.seeds == 1 else f"lowest to highest of {evaluation.seeds} seeds"

    def draw(figure: Any) -> None:
        left, right = figure.subplots(1, 2, sharey=True, width_ratios=(2, 1))
        figure.suptitle(
            title(f"Recall of {in_title(evaluation.name)} by class ({evaluation.split}{some})"), fontsize=13
        )
        left.barh(rows, 100 * recall, xerr=errors, color=COLOURS[0], ecolor="#333333", capsize=3, height=0.7)
        left.set_xlim(0, 100)
        left.set_xlabel(f"recall in % (line: {bars})")
        left.set_yticks(rows, names)
        left.set_ylim(-0.6, len(rows) - 0.4)
        right.barh(rows, table["images"], color=COLOURS[1], height=0.7)
        right.set_xlabel(f"{evaluation.split} {evaluation.noun.many}")
        right.set_xlim(0, 1.25 * max(table["images"].max(), 1))
        for row, size in zip(rows, table["images"], strict=True):
            right.text(size, row, f" {size:,}", va="center", fontsize=11)

    return png(draw, height=max(300, 130 + 34 * len(table)))


def worst_classes(evaluation: Evaluation) -> pd.DataFrame:
    """The rows of the classes of least recall, the worst first; those without samples, which have none, come last."""
    return class_table(evaluation).sort_values("recall", kind="stable")[:LARGEST_DRAWN]


def learning_curves(evaluation: Evaluation) -> bytes | None:
    """Loss and accuracy by epoch, of train and validation, one pair of lines a seed; None where nothing was trained."""
    histories = [(run, run.history()) for run in evaluation.runs]
    histories = [(run, history) for run, history in histories if history.get("epoch")]
    if not histories:
        return None

    def draw(figure: Any) -> None:
        from matplotlib.ticker import MaxNLocator

        panels = figure.subplots(1, 2)
        figure.suptitle(title(f"Learning curves of {in_title(evaluation.name)}"), fontsize=13)
        for axes, column, label, unit in zip(
            panels, ("loss", "accuracy"), ("loss (nats)", "accuracy in %"), (1, 100), strict=True
        ):
            for position, (run, history) in enumerate(histories):
                _curves(axes, history, column, unit, line_style(position), run.record.best_epoch)
            axes.set_xlabel("epoch")
            axes.set_ylabel(label)
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        figure.legend(handles=_keys([run.record.seed for run, _ in histories]), loc="outside lower center", ncols=6)

    return png(draw, height=440)


def _curves(
    axes: Any, history: Mapping[str, list[float]], column: str, unit: float, style: Mapping[str, str], best: int | None
) -> None:
    epochs = history["epoch"]
    for name, dashes, width in ((column, ":", 1.5), (f"validation_{column}", "-", 2.2)):
        if name in history:
            values = unit * np.array(history[name])
            axes.plot(epochs, values, dashes, color=style["color"], linewidth=width)
            if name.startswith("validation") and best in epochs:
                axes.plot([best], [values[epochs.index(best)]], "o", color=style["color"], markersize=8)


def _keys(seeds: list[int]) -> list[Any]:
    from matplotlib.lines import Line2D

    keys = [
        Line2D([], [], color="#333333", linestyle=":", label="train"),
        Line2D([], [], color="#333333", linewidth=2.2, label="validation"),
        Line2D([], [], color="#333333", marker="o", linestyle="", markersize=8, label="epoch kept"),
    ]
    return keys + [
        Line2D([], [], color=line_style(place)["color"], linewidth=2.2, label=f"seed {seed}")
        for place, seed in enumerate(seeds)
    ]


def reliability(evaluation: Evaluation) -> bytes:
    """How often the model is right where it says so with some confidence; all seeds' predictions together."""
    positions, gaps, correct = [], [], evaluation.correct.ravel()
    for probabilities in evaluation.probabilities:
        position, gap = calibration_gaps(probabilities, evaluation.labels)
        positions.append(position)
        gaps.append(gap)
    place = np.concatenate(positions)
    confidence = np.concatenate(gaps) + correct
    counts = np.bincount(place, minlength=BINS)
    used = counts > 0
    hits = np.bincount(place, weights=correct, minlength=BINS)[used]
    right = 100 * hits / counts[used]
    # Of several seeds an image counts several times, for which there is no such interval.
    low, high = (
        100 * np.array([wilson_interval(round(hit), int(n)) for hit, n in zip(hits, counts[used], strict=True)]).T
    )
    errors = [right - low, high - right] if evaluation.seeds == 1 else None
    label = "this model, 95 % interval" if evaluation.seeds == 1 else "this model"
    stated = 100 * np.bincount(place, weights=confidence, minlength=BINS)[used] / counts[used]
    middles = 100 * (np.arange(BINS) + 0.5) / BINS
    seeds_text = "" if evaluation.seeds == 1 else f", {evaluation.seeds} seeds together"

    def draw(figure: Any) -> None:
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
        upper.set_title(title(f"Reliability of {in_title(evaluation.name)} ({evaluation.split}{seeds_text})"))
        upper.plot([0, 100], [0, 100], color=QUIET, linestyle="--", label="perfectly calibrated")
        upper.errorbar(
            stated, right, errors, fmt="o-", color=COLOURS[0], linewidth=2, elinewidth=1, capsize=3, label=label
        )
        upper.set_ylabel("right in %")
        upper.set_ylim(-2, 102)
        upper.set_xlim(0, 100)
        upper.legend(loc="lower right")
        lower.bar(middles, 100 * counts / counts.sum(), width=90 / BINS, color=COLOURS[1])
        lower.set_ylabel(f"{evaluation.noun.many} in %")
        lower.set_xlabel("confidence: the probability of the predicted class, in %")

    return png(draw, height=620)


def roc_curves(evaluation: Evaluation) -> bytes:
    """The ROC curve of every class against the others, the mean over the seeds at each false-positive rate."""
    from sklearn.metrics import roc_curve

    grid = np.linspace(0, 1, 201)
    areas = class_areas(evaluation).mean(axis=0)
    curves = {}
    for position in np.flatnonzero(~np.isnan(areas)):
        curves_of_seeds = [
            roc_curve(evaluation.labels == position, probabilities[:, position])[:2]
            for probabilities in evaluation.probabilities
        ]
        # At no false positives a curve rises; of the two ends `interp` gives the upper one.
        curve = np.mean([np.interp(grid, false, true) for false, true in curves_of_seeds], axis=0)
        curves[position] = np.concatenate([[0], curve])
    grid = np.concatenate([[0], grid])
    worst = sorted(curves, key=lambda position: areas[position])
    named = set(worst if len(worst) <= FEW_CLASSES else worst[: len(COLOURS)])
    seeds_text = "" if evaluation.seeds == 1 else f", mean of {evaluation.seeds} seeds"
    names = short_names(evaluation.class_names)

    def draw(figure: Any) -> None:
        axes = figure.add_subplot()
        axes.set_title(title(f"ROC by class of {in_title(evaluation.name)} ({evaluation.split}{seeds_text})"))
        axes.plot([0, 100], [0, 100], color=QUIET, linestyle=":", linewidth=1)
        for position in curves.keys() - named:
            axes.plot(100 * grid, 100 * curves[position], color="#BBBBBB", linewidth=0.8)
        for place, position in enumerate(position for position in worst if position in named):
            label = f"{names[position]}: AUC {areas[position]:.3f}"
            style = {**line_style(place), "linestyle": DASHES[place % len(DASHES)]}
            axes.plot(100 * grid, 100 * curves[position], linewidth=2, label=label, **style)
        if others := len(curves) - len(named):
            axes.plot([], [], color="#BBBBBB", linewidth=0.8, label=f"{others} other classes")
        axes.set_xlabel(f"false positives: % of the {evaluation.noun.many} of other classes")
        axes.set_ylabel("true positives: % of the class")
        axes.set_xlim(-1, 101)
        axes.set_ylim(-1, 101)
        axes.set_aspect("equal")
        if curves:
            axes.legend(loc="lower right")

    return png(draw, height=700)
