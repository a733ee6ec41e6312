"""What a comparison of two rows found, as text, Markdown and JSON."""

import json
import shlex
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from benchmark.nouns import Noun
from benchmark.recipe_statistics import RecipeDifference
from benchmark.statistics import ALPHA, p_value_text
from reports.pages.caveats import Ranks
from reports.pages.describing import shown_names
from reports.pages.differences import ACCURACY, ECE_NOTE, PER_IMAGE, label_of
from reports.submissions.labels import place_of
from reports.text import tables
from reports.text.columns import COLUMNS, number
from reports.text.text_blocks import Block, Bullets, Lines, Page, Table, made_by


@dataclass(frozen=True, eq=False, repr=False)
class Comparison(Page):
    """What is known about the difference of two models, a minus b.

    Attributes:
        a, b: their names; of predictions in a file its path, of others their place, "model 1".
        dataset: `name-fingerprint`; "" where files are compared without any runs.
        split: "test" or "validation".
        images: how many samples that split has.
        noun: what they are called; not part of `json`.
        seeds: of a and of b.
        metric: what is compared, a name in `benchmark.metrics.SCORES`.
        scores, difference, low, high, test, p_value, smallest: see `reports.pages.differences.PairedDifference`.
        accuracies: of a and of b, 0-1, the means over their seeds.
        recipes: the difference over other trainings as well as other samples; None where either has a single training.
        held: what these other trainings have in common with those that were compared, such as a teacher, and which of
            them tell; or "".
        classes: one row a class: class, images, both, only_a, only_b, neither, which are the samples that both, one
            alone or neither has right; of several seeds the means over all pairs of them.
        only_a, only_b: ids of the samples that one alone has right, with all its seeds against all of the other.
        runs: where the runs are.
        labels: where the test labels come from, if not from the runs: a file, or words.
        repeatable: whether both are runs or files, so that a command can compare them again; not part of `json`.
        ranks: where both stand on the leaderboard; None where one has no row, or not accuracy is compared.
        caveats: what was fitted or chosen on the same samples, see `reports.pages.caveats`.
    """

    a: str
    b: str
    dataset: str
    split: str
    images: int
    noun: Noun
    seeds: tuple[int, int]
    metric: str
    scores: tuple[float, float]
    accuracies: tuple[float, float]
    difference: float
    low: float
    high: float
    test: str
    p_value: float
    smallest: float | None
    recipes: RecipeDifference | None
    held: str
    classes: pd.DataFrame
    only_a: tuple[str, ...]
    only_b: tuple[str, ...]
    runs: str
    labels: str | None
    repeatable: bool
    ranks: Ranks | None
    caveats: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """The result as a sentence to quote, accuracies in percentage points, the better model first."""
        about = self.noun.counted(self.images, self.split)
        if self.seeds != (1, 1):
            about += f", seeds: {self.seeds[0]} of {self.a}, {self.seeds[1]} of {self.b}"
        return self._result(self, f"{self.test} {p_value_text(self.p_value)}, {about}")

    @property
    def recipe_sentence(self) -> str:
        """What other trainings of the two recipes would give, as a sentence to quote."""
        recipes, over = self.recipes, f"The interval is over {self.noun.many}"
        if recipes is None and self.metric not in PER_IMAGE and self.metric != ACCURACY:
            return f"{over}. Other trainings are compared by accuracy, log loss and MSE only"
        if recipes is None and min(self.seeds) > 1:
            return f"{over}. The two have one training in common, and only several would tell what others may differ by"
        if recipes is None:
            return f"{over}. Another training of either may differ by more, which only several seeds of both can tell"
        degrees = f"t with {recipes.degrees_of_freedom:,.1f} degrees of freedom"
        tail = f"over trainings and {self.noun.many}, {degrees}, {p_value_text(recipes.p_value)}"
        return f"Over other trainings too{self.held}: {self._result(recipes, tail)}"

    @property
    def power_sentence(self) -> str:
        """What difference these samples could show, as a sentence."""
        if self.smallest is None:
            return (
                f"The two differ on too few {self.noun.many} for any difference to be found in four of five cases "
                "(power 80 %, level 5 %)"
            )
        smallest = self._amount(self.smallest)
        size = abs(self.difference)
        less = size < self.smallest and self._amount(size) != smallest and self.p_value >= ALPHA
        beyond = " The difference found is smaller." if less and size else ""
        return (
            f"The smallest true difference that this test finds on these {self.noun.many} in four of five cases (power "
            f"80 %, level 5 %) is {smallest}.{beyond}"
        )

    def _result(self, difference: "Comparison | RecipeDifference", tail: str) -> str:
        # The better one first: of losses that is the one with less.
        better, other, low, high = self.a, self.b, difference.low, difference.high
        less = COLUMNS[self.metric].better == "low" if self.metric in COLUMNS else False
        if difference.difference < 0:
            low, high = -difference.high, -difference.low
        if (difference.difference < 0) != less:
            better, other = self.b, self.a
        amount = self._amount(abs(difference.difference))
        chance = "" if difference.p_value < ALPHA else ", which may be chance"
        if self.metric == ACCURACY:
            digits = _digits(100 * abs(difference.difference))
            ends = f"{_signed(100 * low, digits)} to {_signed(100 * high, digits)}"
            verdict = f"{better} is {amount} better than {other}{chance}"
        else:
            ends = f"{number(low)} to {number(high)}"
            score = label_of(self.metric)
            verdict = f"{better} has {amount} {'less' if less else 'more'} {score} than {other}{chance}"
        if difference.difference == 0:
            verdict = f"{self.a} and {self.b} are right equally often"
            if self.metric != ACCURACY:
                verdict = f"{self.a} and {self.b} have the same {label_of(self.metric)}"
        return f"{verdict} (95 % interval {ends}, {tail})"

    def _amount(self, difference: float) -> str:
        points = 100 * difference
        return f"{points:.{_digits(points)}f} points" if self.metric == ACCURACY else number(difference)

    @property
    def notes(self) -> list[str]:
        """What a reader must know, a sentence each, without a full stop."""
        chance = (
            "The test is of this pair alone. Of many pairs some differ by chance; the leaderboard corrects for that"
        )
        if self.metric != ACCURACY:
            chance = "The leaderboard tests accuracies only. Of many pairs some differ by chance"
        rank = self.ranks.sentence(self.p_value) if self.ranks else chance
        hint = [ECE_NOTE] if self.metric == "ece" else []
        return [*hint, self.recipe_sentence, self.power_sentence.removesuffix("."), rank, *self.caveats]

    @property
    def place(self) -> str:
        """The dataset, or the file of labels where there are no runs, or words."""
        return self.dataset or place_of(self.labels or "")

    @property
    def json(self) -> str:
        """The comparison as a JSON object, numbers in full, with the ids of the samples that one alone has right."""
        names = [name for name in self.__dataclass_fields__ if name not in ("noun", "repeatable")]
        data: dict[str, Any] = {name: getattr(self, name) for name in names}
        data["recipes"] = asdict(self.recipes) if self.recipes else None
        data["classes"] = json.loads(tables.json_table(self.classes))
        data["ranks"] = asdict(self.ranks) if self.ranks else None
        sentences: dict[str, Any] = {"sentence": self.sentence, "recipe_sentence": self.recipe_sentence}
        sentences["power_sentence"] = self.power_sentence
        return json.dumps({**sentences, **data}, indent=2, ensure_ascii=False) + "\n"

    def _page(self) -> tuple[str, list[Block]]:
        a, b = (tables.shortened(name, 24) for name in (self.a, self.b))
        first, second = (100 * accuracy for accuracy in self.accuracies)
        several = self.seeds != (1, 1)
        written = "{:,.1f}".format if several else "{:,.0f}".format
        columns = {"both": "both right", "only_a": f"only {a}", "only_b": f"only {b}", "neither": "neither"}
        totals = self.classes.drop(columns="class").sum()
        rows = pd.concat([self.classes, pd.DataFrame([{"class": "all", **totals}])], ignore_index=True)
        cells = {"class": [*shown_names(tuple(self.classes["class"])), "all"]}
        cells[self.noun.many] = [f"{images:,.0f}" for images in rows["images"]]
        # Two models of one name differ in a digit beyond the shortening.
        for place, (column, heading) in enumerate(columns.items()):
            cells[heading if heading not in cells else f"{heading} ({place})"] = [
                written(value) for value in rows[column]
            ]
        means = ", means over all pairs of seeds" if several else ""
        lines = [f"{self.sentence}.", f"Accuracy: {self.a} {first:.2f} %, {self.b} {second:.2f} %."]
        if self.metric != ACCURACY:
            one, other = self.scores
            label = label_of(self.metric)
            lines.append(f"{label[0].upper()}{label[1:]}: {self.a} {number(one)}, {self.b} {number(other)}.")
        options = [] if self.metric == ACCURACY else [f"--metric {self.metric}"]
        again = made_by(shlex.join(["compare", self.a, self.b]), self.runs, self.dataset, self.labels or "", options)
        blocks: list[Block] = [
            Lines(lines),
            Table(
                f"{self.noun.many.capitalize()} classified correctly{means}",
                pd.DataFrame(cells, dtype="object"),
                ["class"],
            ),
            Bullets("Notes", [f"{note}." for note in self.notes]),
            *(again if self.repeatable else []),
        ]
        return f"{self.a} against {self.b} on {self.place}", blocks


def _digits(points: float) -> int:
    """The fewest digits behind the point, at least one, with which so many points, 0 or more, do not look like none."""
    return next((digits for digits in range(1, 7) if round(points, digits)), 1)


def _signed(points: float, digits: int) -> str:
    # Never "-0.0".
    return f"{round(points, digits) + 0:.{digits}f}"
