"""Compare two models on the same images: which is better, by how much, and what does each alone get right?"""

import json
import shlex
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmark.recipe_statistics import RecipeDifference, recipe_difference
from benchmark.records import JOINT
from benchmark.statistics import mcnemar_exact, paired_interval
from benchmark.store.run_store import RunStore
from benchmark.training.inference.tta import NONE
from reports.leaderboards.significance import Hits, sign_flip_p_value
from reports.pages.describing import shown_names
from reports.pages.evaluation import Evaluation, evaluate, labelled_split
from reports.text import tables
from reports.text.text_blocks import Block, Bullets, Lines, Table, made_by, markdown_page, text_page
from zoo.errors import UserError

MCNEMAR: Final = "exact McNemar"
SIGN_FLIP: Final = "sign-flip permutation"
LEVEL: Final = 0.05

CLASS_COLUMNS: Final = ("class", "images", "both", "only_a", "only_b", "neither")


@dataclass(frozen=True, eq=False)
class Comparison:
    """What is known about the difference of two models, a less b.

    Attributes:
        a, b: their names.
        dataset: `name-fingerprint`.
        split: "test" or "validation".
        images: of that split.
        seeds: of a and of b.
        accuracies: of a and of b, 0-1, the means over their seeds.
        difference, low, high: of the accuracies, with the 95 % interval over images, -1 to 1.
        test: that the p-value comes from.
        p_value: two-sided, 0-1: of these networks, as they were trained.
        recipes: the difference over other trainings as well as other images; None where either has a single training.
        held: what these other trainings have in common with those that were compared, such as a teacher; or "".
        classes: one row a class with the columns of `CLASS_COLUMNS`: images that both, one alone or neither has right;
            of several seeds the means over all pairs of them.
        only_a, only_b: ids of the images that one alone has right, with all its seeds against all of the other.
        runs: where the runs are.
        labels: the file that the test labels come from, if not from the runs.
        remarks: what a reader must know of a validation score, by the model's name.
    """

    a: str
    b: str
    dataset: str
    split: str
    images: int
    seeds: tuple[int, int]
    accuracies: tuple[float, float]
    difference: float
    low: float
    high: float
    test: str
    p_value: float
    recipes: RecipeDifference | None
    held: str
    classes: pd.DataFrame
    only_a: tuple[str, ...]
    only_b: tuple[str, ...]
    runs: str
    labels: str | None
    remarks: Mapping[str, str]

    @property
    def sentence(self) -> str:
        """The result as a sentence to quote, in percentage points, the better model first."""
        about = f"{self.images:,} {self.split} images"
        if self.seeds != (1, 1):
            about += f", seeds: {self.seeds[0]} of {self.a}, {self.seeds[1]} of {self.b}"
        return self._result(self, f"{self.test} {_p(self.p_value)}, {about}")

    @property
    def recipe_sentence(self) -> str:
        """What other trainings of the two recipes would give, as a sentence to quote."""
        recipes = self.recipes
        if recipes is None:
            return (
                "The interval is over images. Another training of either may differ by more, which only several seeds "
                "of both can tell"
            )
        degrees = f"t with {recipes.degrees_of_freedom:,.1f} degrees of freedom"
        tail = f"over trainings and images, {degrees}, {_p(recipes.p_value)}"
        return f"Over other trainings too{self.held}: {self._result(recipes, tail)}"

    def _result(self, difference: "Comparison | RecipeDifference", tail: str) -> str:
        better, other, low, high = self.a, self.b, difference.low, difference.high
        if difference.difference < 0:
            better, other, low, high = self.b, self.a, -difference.high, -difference.low
        points = _points(100 * abs(difference.difference))
        if difference.difference == 0:
            verdict = f"{better} and {other} are right equally often"
        elif difference.p_value < LEVEL:
            verdict = f"{better} is {points} points better than {other}"
        else:
            verdict = f"{better} is {points} points better than {other}, which may be chance"
        return f"{verdict} (95 % interval {_signed(100 * low)} to {_signed(100 * high)}, {tail})"

    @property
    def text(self) -> str:
        """The comparison for a terminal of 80 columns."""
        return text_page(*self._page())

    @property
    def markdown(self) -> str:
        """The comparison in GitHub's Markdown."""
        return markdown_page(*self._page())

    @property
    def json(self) -> str:
        """The comparison as a JSON object, numbers in full, with the ids of the images that one alone has right."""
        data: dict[str, Any] = {name: getattr(self, name) for name in self.__dataclass_fields__}
        data["recipes"] = asdict(self.recipes) if self.recipes else None
        data["classes"] = json.loads(tables.json_table(self.classes))
        sentences = {"sentence": self.sentence, "recipe_sentence": self.recipe_sentence}
        return json.dumps({**sentences, **data}, indent=2, ensure_ascii=False) + "\n"

    def __str__(self) -> str:
        return self.text

    def _page(self) -> tuple[str, list[Block]]:
        a, b = (tables.shortened(name, 24) for name in (self.a, self.b))
        first, second = (100 * accuracy for accuracy in self.accuracies)
        several = self.seeds != (1, 1)
        written = "{:,.1f}".format if several else "{:,.0f}".format
        columns = {"both": "both right", "only_a": f"only {a}", "only_b": f"only {b}", "neither": "neither"}
        totals = self.classes[list(CLASS_COLUMNS[1:])].sum()
        rows = pd.concat([self.classes, pd.DataFrame([{"class": "all", **totals}])], ignore_index=True)
        cells = {"class": [*shown_names(tuple(self.classes["class"])), "all"]}
        cells["images"] = [f"{images:,.0f}" for images in rows["images"]]
        # Two models of one name differ in a digit beyond the shortening.
        for place, (column, heading) in enumerate(columns.items()):
            cells[heading if heading not in cells else f"{heading} ({place})"] = [
                written(value) for value in rows[column]
            ]
        means = ", means over all pairs of seeds" if several else ""
        remarks = [f"{name}: {remark}." for name, remark in self.remarks.items() if self.split == "validation"]
        chance = (
            "The test is of this pair alone. Of many pairs some differ by chance; the leaderboard corrects for that."
        )
        blocks: list[Block] = [
            Lines([f"{self.sentence}.", f"Accuracy: {self.a} {first:.2f} %, {self.b} {second:.2f} %."]),
            Table(f"Images classified correctly{means}", pd.DataFrame(cells, dtype="object"), ["class"]),
            Bullets("Notes", [f"{self.recipe_sentence}.", chance, *remarks]),
            made_by(f"compare {shlex.join((self.a, self.b))}", self.runs, self.dataset, self.labels),
        ]
        return f"{self.a} against {self.b} on {self.dataset}", blocks


def compare(
    a: str,
    b: str,
    *,
    runs: Path | str = "runs",
    data: str | None = None,
    labels: Path | str | None = None,
) -> Comparison:
    """Compare two models on test where both have labels for it, else on validation.

    Single-seed runs get the exact McNemar test; otherwise each image's correctness is averaged over the seeds and the
    differences get a sign-flip permutation test: those of the leaderboard, for a single pair.

    Args:
        a, b: a model (all its seeds), `model@hash`, `model-hash/seed-0` or an ensemble.
        runs: where the runs are.
        data: the dataset, with or without fingerprint; needed where several are stored.
        labels: a file of test labels, see `reports.submissions.labels.read_labels`; they are not stored.

    Raises:
        UserError: an unknown name, no labels, or runs on different images or classes.
    """
    store = RunStore(Path(runs))
    dataset = store.find_dataset(data)
    snapshot = store.snapshot(dataset)
    both = [snapshot.resolve(name) for name in (a, b)]
    on_test = labels is not None or all(labelled_split(seeds) == "test" for seeds in both)
    split = "test" if on_test else "validation"
    first, second = (evaluate(snapshot, name, labels, split) for name in (a, b))
    return _comparison(first, _aligned(first, second), runs)


def _comparison(first: Evaluation, second: Evaluation, runs: Path | str) -> Comparison:
    right_a, right_b = first.correct.mean(axis=0), second.correct.mean(axis=0)
    difference, low, high = paired_interval(right_a, right_b)
    single = first.seeds == second.seeds == 1
    return Comparison(
        a=first.name,
        b=second.name,
        dataset=first.dataset,
        split=first.split,
        images=first.images,
        seeds=(first.seeds, second.seeds),
        accuracies=(float(right_a.mean()), float(right_b.mean())),
        difference=difference,
        low=low,
        high=high,
        test=MCNEMAR if single else SIGN_FLIP,
        p_value=mcnemar_exact(right_a, right_b) if single else sign_flip_p_value(_hits(first), _hits(second)),
        recipes=_recipes(first, second),
        held=_held(first, second),
        classes=_by_class(first, right_a, right_b),
        only_a=tuple(first.sample_ids[(right_a == 1) & (right_b == 0)].tolist()),
        only_b=tuple(first.sample_ids[(right_a == 0) & (right_b == 1)].tolist()),
        runs=str(runs),
        labels=None if first.label_file is None else str(first.label_file),
        remarks={evaluation.name: evaluation.remark for evaluation in (first, second) if evaluation.remark},
    )


def _aligned(first: Evaluation, second: Evaluation) -> Evaluation:
    """The second with its images in the order of the first's. Raises UserError where they are not the same images."""
    if second.class_names != first.class_names:
        raise UserError(
            f"{first.name} and {second.name} know different classes ({', '.join(first.class_names)}; "
            f"{', '.join(second.class_names)}): compare runs on the same data"
        )
    ids, others = set(first.sample_ids.tolist()), set(second.sample_ids.tolist())
    if ids != others:
        raise UserError(
            f"{first.name} and {second.name} have different {first.split} images ({len(ids):,} and {len(others):,}, "
            f"{len(ids & others):,} in common): compare runs on the same data"
        )
    aligned = second.on(first.sample_ids)
    if not np.array_equal(aligned.labels, first.labels):
        raise UserError(f"{first.name} and {second.name} have different {first.split} labels: attach one with --labels")
    if first.images < 2:
        raise UserError(f"there is one {first.split} image: a comparison needs at least two")
    return aligned


def _hits(evaluation: Evaluation) -> Hits:
    return Hits(evaluation.correct.sum(axis=0), evaluation.seeds)


def _recipes(first: Evaluation, second: Evaluation) -> RecipeDifference | None:
    trainings, others = _trainings(first), _trainings(second)
    # Rows of one network (other views, say) are compared within that network; other rows would add noise only.
    if common := [training for training in trainings if training in others]:
        rows, other_rows = ([names.index(training) for training in common] for names in (trainings, others))
        scores, same = (first.correct[rows], second.correct[other_rows]), True
    else:
        scores, same = (first.correct, second.correct), False
    return recipe_difference(*scores, same_trainings=same) if min(map(len, scores)) > 1 else None


def _trainings(evaluation: Evaluation) -> list[tuple[str, int]]:
    """Which training each row comes from: its configuration without test-time augmentation, and its seed."""
    return [(replace(run.config, tta=NONE).hash, run.record.seed) for run in evaluation.runs]


def _held(first: Evaluation, second: Evaluation) -> str:
    configs = [evaluation.runs[0].config for evaluation in (first, second)]
    held = {
        "teachers": any(config.teacher for config in configs),
        "members": any(config.kind == JOINT for config in configs),
    }
    named = " and ".join(name for name, is_there in held.items() if is_there)
    return f" (with the same {named})" if named else ""


def _by_class(first: Evaluation, right_a: NDArray[np.float64], right_b: NDArray[np.float64]) -> pd.DataFrame:
    shares = {
        "images": np.ones_like(right_a),
        "both": right_a * right_b,
        "only_a": right_a * (1 - right_b),
        "only_b": (1 - right_a) * right_b,
        "neither": (1 - right_a) * (1 - right_b),
    }
    classes = len(first.class_names)
    sums = {name: np.bincount(first.labels, weights=values, minlength=classes) for name, values in shares.items()}
    sums["images"] = sums["images"].astype(np.int64)
    return pd.DataFrame({"class": first.class_names, **sums}, columns=list(CLASS_COLUMNS))


def _p(value: float) -> str:
    return "p < 0.001" if value < 0.001 else f"p = {value:.3f}"


def _points(value: float) -> str:
    return f"{value:.1f}" if round(value, 1) else f"{value:.2f}"


def _signed(value: float) -> str:
    # Never "-0.0".
    return f"{round(value, 1) + 0:.1f}"
