"""The leaderboard's columns: heading, meaning, format and sorting direction of each."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from benchmark.arguments import names_in, typed
from zoo.errors import UserError, unknown_name

Format = Callable[[Any], str]

SMALL: Final = 1e-3
"""Of which four decimals would show too little."""


def _percent(digits: int) -> Format:
    return lambda value: f"{100 * value:.{digits}f}"


def rounded(digits: int) -> Format:
    """Numbers of so many decimals, none of which is -0."""
    return lambda value: f"{round(value, digits) + 0.0:.{digits}f}"


def number(value: float) -> str:
    """A score, or a difference of two: four decimals, and two digits of what is smaller, as MSE of many classes is."""
    return f"{value:.2g}" if 0 < abs(value) < SMALL else rounded(4)(value)


def _millions(digits: int) -> Format:
    return lambda value: f"{value / 1e6:,.{digits}f}"


@dataclass(frozen=True)
class Column:
    """One column of the leaderboard.

    Attributes:
        heading: for people; accuracies are in percent there, 0-1 in CSV and JSON.
        meaning: one phrase.
        written: formats a value.
        short: another name that `columns` and `metric` take; the first is that of the frame, of CSV and of JSON.
        better: "high" or "low": the best value stands first; "" sorts upwards.
        bound: formats an end of the 95 % interval; None where the column has none.
        type: of the frame's column.
    """

    heading: str
    meaning: str
    written: Format = str
    short: str = ""
    better: str = ""
    bound: Format | None = None
    type: str = "float64"


COLUMNS: Final[Mapping[str, Column]] = {
    "rank": Column(
        "rank", "rows of one rank do not differ significantly from the first of them", "{:.0f}".format, type="Int64"
    ),
    "model": Column("model", "model, ensemble or published system", type="str"),
    "validation_accuracy": Column(
        "validation %", "accuracy on validation", _percent(2), "validation", "high", _percent(1)
    ),
    "test_accuracy": Column("test %", "accuracy on test", _percent(2), "test", "high", _percent(1)),
    "drop": Column("drop", "validation minus test, in percentage points", _percent(2), better="low", bound=_percent(1)),
    "macro_f1": Column(
        "macro F1", "mean of the classes' F1", "{:.4f}".format, "f1", better="high", bound="{:.3f}".format
    ),
    "log_loss": Column("log loss", "cross-entropy in nats", "{:.4f}".format, better="low", bound="{:.3f}".format),
    "mse": Column("MSE", "mean of (p - one-hot)^2 over samples and classes", number, better="low", bound=number),
    "ece": Column(
        "ECE",
        "expected calibration error, 15 bins; its interval lies high",
        "{:.4f}".format,
        better="low",
        bound="{:.3f}".format,
    ),
    "parameters": Column(
        "parameters",
        "all weights counted; of folds, those of one network",
        "{:,.0f}".format,
        better="low",
        type="Int64",
    ),
    "operations": Column(
        "M operations", "millions of floating-point operations an image", _millions(1), "flops", "low", type="Int64"
    ),
    "model_bytes": Column(
        "size MB",
        "of the stored model, in 10^6 bytes; of folds, of one network",
        _millions(2),
        "size",
        "low",
        type="Int64",
    ),
    "train_seconds": Column("train s", "seconds of training", "{:,.1f}".format, "train", "low"),
    "milliseconds_per_image": Column(
        "ms/image", "of prediction on the device, in batches of 256", "{:,.3f}".format, "latency", "low"
    ),
    "milliseconds_one_image": Column(
        "ms alone", "of an image predicted by itself on the device", "{:,.3f}".format, "alone", "low"
    ),
    "weights": Column("weights", "what a transfer model started from", type="str"),
    "tta": Column("TTA", "test-time augmentation", type="str"),
    "seeds": Column("seeds", "runs of a configuration, or failures of one reason", "{:.0f}".format, type="Int64"),
    "device": Column("device", "that the run was made on", type="str"),
    "training_precision": Column("trained in", "float32 or bfloat16", short="precision", type="str"),
    "status": Column("status", "ok, external, published, published apart, or failed with its reason", type="str"),
    "kind": Column("kind", "model, ensemble, joint, external or published", type="str"),
    "recipe": Column("recipe", "the preset and what differs from it", type="str"),
    "p_value": Column(
        "p",
        "Holm-corrected p-value against the first row of its rank; of that row, against the first of the rank above",
        "{:.2g}".format,
        "p",
        "low",
    ),
    "selected_on": Column(
        "chosen on", "what chose a published figure's epoch or members", short="chosen_on", type="str"
    ),
    "verdict": Column("verdict", "whether ours differs significantly from a published figure", type="str"),
    "lost_seconds": Column("lost s", "seconds that failures took, all together", "{:,.1f}".format, "lost", "low"),
}

SCORES: Final = tuple(name for name, column in COLUMNS.items() if column.bound)
"""The columns with an interval and a deviation over seeds."""

ALWAYS: Final = ("rank", "model", "status")
"""Columns that are always shown: which row it is, and whether and why it failed."""

DEFAULT: Final = tuple(COLUMNS)[: list(COLUMNS).index("status") + 1]

# All of them would be nine tables of 80 columns; --columns shows the others.
TEXT_SCORES: Final = ("test_accuracy", "validation_accuracy", "drop", "macro_f1", "log_loss")
TEXT_COSTS: Final = ("parameters", "train_seconds", "milliseconds_per_image", "seeds", "status")
TEXT: Final = ("rank", "model", *TEXT_SCORES, *TEXT_COSTS)


@dataclass(frozen=True)
class View:
    """How a leaderboard is shown. Ranks and tests are those of all rows, and rows that are not shown are counted.

    Attributes:
        metric: the column that sorts, by its name in the frame; None for the accuracy on the split that ranks.
        columns: those shown, by their names in the frame, in order; None for those of the format.
        published: whether published figures stand between the rows.
        models: patterns of the rows that are shown, see `reports.leaderboards.excerpt`; all where there is none.
        top: how many of them are shown at most, at least 1; None for all.
        per_class: whether the scores of every class stand below.
    """

    metric: str | None = None
    columns: tuple[str, ...] | None = None
    published: bool = False
    models: tuple[str, ...] = ()
    top: int | None = None
    per_class: bool = False

    def shown(self, otherwise: tuple[str, ...]) -> tuple[str, ...]:
        """The columns shown where the format itself would show `otherwise`."""
        if self.columns is not None:
            return self.columns
        if self.metric is None or self.metric in otherwise:
            return otherwise
        # What sorts is to be seen; the status stays the last.
        return (*otherwise[:-1], self.metric, otherwise[-1])


PLAIN: Final = View()
"""The view without any option."""


def view(
    metric: str | None = None,
    columns: str | Sequence[str] | None = None,
    *,
    published: bool = False,
    models: str | Sequence[str] = (),
    top: int | None = None,
    per_class: bool = False,
) -> View:
    """The view of these options.

    Columns go by their names or short names; several, and patterns of models, are a sequence or have commas between.
    The metric "accuracy" is that on the split that ranks. The columns "all" are every one, and `ALWAYS` are added.

    Raises:
        UserError: there is no such column, it cannot sort, or fewer than one row is asked for.
    """
    chosen = None
    if "all" in names_in(columns or ()):
        chosen = tuple(COLUMNS)
    elif columns is not None:
        names = [find_column(name) for name in names_in(columns) if name]
        if not names:
            raise UserError("--columns names no column: expected names with commas between them, such as drop,ece")
        chosen = tuple(dict.fromkeys([*ALWAYS[:2], *[name for name in names if name != "status"], "status"]))
    sorting = None if metric in (None, "accuracy") else find_column(str(metric))
    if sorting == "p_value":
        raise UserError("p-values compare a row with the first of its rank, so they cannot sort: leave --metric out")
    top = typed("top", top, int | None)
    if top is not None and top < 1:
        raise UserError(f"--top must be at least 1, got {top}")
    # Ranks are those of the usual order.
    return View(None if sorting == "rank" else sorting, chosen, published, tuple(names_in(models)), top, per_class)


def find_column(name: str) -> str:
    """The name in the frame of the column that the user calls `name`: log_loss, log-loss, validation, f1, size.

    Raises:
        UserError: there is none.
    """
    wanted = name.strip().lower().replace("-", "_").replace(" ", "_")
    for column, facts in COLUMNS.items():
        if wanted and wanted in (column, facts.short):
            return column
    raise unknown_name("column", name.strip(), [*COLUMNS, *[facts.short for facts in COLUMNS.values() if facts.short]])
