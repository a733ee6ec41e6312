"""From the files of one member to its predictions, with everything that is wrong with them in one error."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmark.matching.class_names import ClassMatcher, listed, number
from benchmark.matching.sample_ids import check_rows
from benchmark.nouns import counted
from benchmark.records import EXTERNAL, PREDICTED, Predictions, RunConfig
from benchmark.tables.formats import KnownNames
from benchmark.tables.frame_tables import and_others
from benchmark.tables.numbered_labels import numbered
from benchmark.tables.prediction_rows import Rows
from benchmark.tables.probabilities import Filled, Placed, class_of_one_column, fill
from benchmark.tables.sources import is_frame, read_rows
from ensembles.importing.known import OUT_OF_FOLD, STORED, Known
from ensembles.importing.placing import Given, place, with_folds
from zoo.errors import UserError

DIGITS: Final = 16
MANY_MISSING: Final = 0.1
"""The share of a split's samples from which on a file is rather of another part than faulty."""

Ids = Mapping[str, Sequence[str]]
"""Sample ids for rows of arrays, by split; under "" for any split."""


@dataclass(frozen=True, eq=False)
class MemberFiles:
    """What one run is made of.

    Attributes:
        name: of the run.
        files: predictions of validation, or of whatever their ids and splits tell: paths, arrays, frames.
        test: predictions of test.
    """

    name: str
    files: tuple[Any, ...]
    test: tuple[Any, ...] = ()

    def read(self, classes: Sequence[str], ids: Ids) -> list[Given]:
        """The rows of every file.

        Args:
            classes: names of classes, as far as they are known.
            ids: for rows that have none.

        Raises:
            UserError: a file that cannot be read; what is wrong with several of them is one message.
        """
        given, faults = list[Given](), list[str]()
        # A file may hold both splits; what stands in memory is of one.
        sources = [(None if is_file(source) else "validation", source) for source in self.files]
        for split, source in (*sources, *(("test", source) for source in self.test)):
            words = f"the {split or 'validation'} predictions"
            try:
                for rows in read_rows(source, words, KnownNames(classes)):
                    named = _with_ids(rows, ids, split)
                    # Where test is told apart, rows that tell nothing themselves are of validation.
                    tells = named.sample_ids is not None or named.splits is not None
                    told = split if tells or not self.test else split or "validation"
                    given.append(Given(named, told, own_ids=rows.sample_ids is not None))
            except UserError as error:
                faults.append(str(error))
        faults += _unused_ids(given, ids)
        if faults:
            raise UserError("; ".join(faults))
        return given

    @property
    def only_arrays(self) -> bool:
        """Whether nothing here can tell ids."""
        return not any(
            is_frame(source) or (is_file(source) and Path(source).suffix.lower() != ".npy")
            for source in (*self.files, *self.test)
        )

    @property
    def file_names(self) -> list[str]:
        """The names of the files, for the record; arrays have none."""
        return [Path(source).name for source in (*self.files, *self.test) if is_file(source)]


def is_file(source: Any) -> bool:
    """Whether predictions are in a file."""
    return isinstance(source, (str, Path))


def _with_ids(rows: Rows, ids: Ids, split: str | None) -> Rows:
    """The rows, with the user's ids if they have none; those for any split only where there are as many.

    Raises:
        UserError: there are more or fewer ids for this split than rows.
    """
    if rows.sample_ids is not None:
        return rows
    own = split or "validation"
    if own in ids:
        check_rows(len(ids[own]), len(rows), f"the list of {own} ids", f"the rows of {rows.where}")
        return replace(rows, sample_ids=list(ids[own]))
    if "" in ids and len(ids[""]) == len(rows):
        return replace(rows, sample_ids=list(ids[""]))
    return rows


def _unused_ids(given: Sequence[Given], ids: Ids) -> list[str]:
    """A fault where ids for rows of any split are those of none."""
    left = [one.rows for one in given if one.rows.sample_ids is None]
    if "" not in ids or not left or any(one.rows.sample_ids == list(ids[""]) for one in given):
        return []
    return [f"{left[0].where} has {counted(len(left[0]), 'row')}, expected one for each of the {len(ids['']):,} ids"]


@dataclass(frozen=True, eq=False)
class Prepared:
    """A run as it will be stored.

    Attributes:
        config: of the run.
        predictions: by split.
        lines: what each file was understood as.
        notes: what was done to numbers, and how ids were found.
        columns_assumed: whether columns, or labels, of validation do not name their classes.
        rows_assumed: whether rows of validation have no ids.
        test_rows_assumed: the same of test.
        tested: whether it has predictions of test.
        content: a hash of the predictions.
    """

    config: RunConfig
    predictions: Mapping[str, Predictions]
    lines: tuple[str, ...]
    notes: tuple[str, ...]
    columns_assumed: bool = False
    rows_assumed: bool = False
    test_rows_assumed: bool = False
    tested: bool = False
    content: str = ""


def prepare(name: str, given: Sequence[Given], known: Known, *, logits: bool, one_of_seeds: bool = False) -> Prepared:
    """Match rows with samples and classes, and check their numbers.

    Args:
        one_of_seeds: whether runs of other seeds share its configuration, which then says nothing of the predictions.

    Raises:
        UserError: all that is wrong.
    """
    train_apart = OUT_OF_FOLD in known.parts
    known, out_of_fold = with_folds(given, known)
    # Where nobody tells train from validation, a column of folds says that all labels were trained on.
    out_of_fold = out_of_fold or (not train_apart and _folds(given) > 0)
    placed = [place(one, known, out_of_fold=out_of_fold) for one in given]
    sources = {split: [one.rows for one in placed if len(one.targets.get(split, ((),))[0])] for split in PREDICTED}
    outputs = {
        split: np.empty((len(known.parts[split]), len(known.class_names)), np.float32)
        for split, rows in sources.items()
        if rows
    }
    filled = [fill(_only(one, outputs), known.class_names, outputs, logits=logits) for one in placed]
    _refuse(placed, filled, known)
    predictions = {
        split: Predictions(
            split=split,
            sample_ids=known.parts[split].sample_ids,
            class_names=known.class_names,
            probabilities=probabilities,
            labels=known.parts[split].labels,
        )
        for split, probabilities in outputs.items()
    }
    folds, content = _folds(given) or known.folds, digest(predictions)
    hard = any(one.rows.labels is not None for one in placed)
    return Prepared(
        config=_configuration(
            name,
            known,
            {} if one_of_seeds else {"predictions": content},
            hard=hard,
            folds=folds if out_of_fold else None,
        ),
        predictions=predictions,
        lines=tuple(_line(one, known, out_of_fold=out_of_fold) for one in placed),
        notes=tuple(
            f"{one.rows.where}: {note}"
            for one, read in zip(placed, filled, strict=True)
            for note in (*read.notes, one.id_note)
            if note
        ),
        columns_assumed=any(
            unnamed_columns(rows, known.class_names) or numbered(rows, known.class_names)
            for rows in sources["validation"]
        ),
        rows_assumed=any(rows.sample_ids is None for rows in sources["validation"]),
        test_rows_assumed=any(rows.sample_ids is None for rows in sources["test"]),
        tested=bool(sources["test"]),
        content=content,
    )


def _only(placed: Placed, outputs: Mapping[str, NDArray[np.float32]]) -> Placed:
    return replace(placed, targets={split: target for split, target in placed.targets.items() if split in outputs})


def _line(placed: Placed, known: Known, *, out_of_fold: bool) -> str:
    words = {"validation": "out-of-fold" if out_of_fold else "validation", "test": "test"}
    sizes = {split: len(rows) for split, (rows, _) in placed.targets.items() if len(rows)}
    parts = (sizes_text(sizes, words), _columns_text(placed.rows, known), _order_text(placed, known))
    return f"{placed.rows.where}: {'; '.join([placed.rows.format, *filter(None, parts)])}"


def _columns_text(rows: Rows, known: Known) -> str:
    """Which classes columns were taken for that do not name them."""
    if rows.labels is not None:
        if not numbered(rows, known.class_names):
            return ""
        return f"{listed(ClassMatcher(known.class_names).written)} are {listed(known.class_names)}"
    if rows.columns == 1 and len(known.class_names) == 2:
        return f"the column is {known.class_names[class_of_one_column(rows, known.class_names) or 0]}"
    return f"the columns are {listed(known.class_names)}" if unnamed_columns(rows, known.class_names) else ""


def unnamed_columns(rows: Rows, class_names: Sequence[str]) -> bool:
    """Whether columns do not name their classes: they have no names, or the places of classes that are not numbers.

    The only column, of one of two classes, may be called anything.
    """
    if rows.labels is not None or not rows.headings:
        return rows.labels is None
    matcher = ClassMatcher(class_names)
    if rows.columns == 1:
        return matcher.named_by(rows.headings[-1]) is None
    prefix = matcher.columns(rows.headings).prefix
    by_place = all(number(heading.removeprefix(prefix)) is not None for heading in rows.headings)
    return by_place and not all(number(name) is not None for name in class_names)


def _order_text(placed: Placed, known: Known) -> str:
    """Whose order rows without ids were taken to have."""
    if placed.rows.sample_ids is not None:
        return ""
    sources = [known.parts[split].where or known.where for split, (rows, _) in placed.targets.items() if len(rows)]
    others = [source for source in dict.fromkeys(sources) if source != placed.rows.where]
    return f"the rows are in the order of {' and '.join(others)}" if others else ""


def sizes_text(sizes: Mapping[str, int], words: Mapping[str, str]) -> str:
    """How many samples there are of each split, by the words for the splits."""
    counts = [f"{count:,} {words[split]}" for split, count in sizes.items()]
    return f"{' and '.join(counts)} sample{'' if [*sizes.values()][-1:] == [1] else 's'}"


def _folds(given: Sequence[Given]) -> int:
    """How many folds the files name."""
    return len({text for one in given for text in one.rows.folds or () if text})


def digest(predictions: Mapping[str, Predictions]) -> str:
    """Some digits of a hash of all probabilities, by split."""
    content = hashlib.sha256()
    for split, predicted in predictions.items():
        content.update(split.encode())
        content.update(np.ascontiguousarray(predicted.probabilities, "<f4").data)
    return content.hexdigest()[:DIGITS]


def _configuration(name: str, known: Known, told: Mapping[str, str], *, hard: bool, folds: int | None) -> RunConfig:
    marks = {"hard_labels": hard, "out_of_fold": folds == 0}
    return RunConfig(
        dataset=known.dataset,
        fingerprint=known.fingerprint,
        model=name,
        kind=EXTERNAL,
        split=known.split,
        hyperparameters={
            **told,
            **{mark: True for mark, applies in marks.items() if applies},
        },
        folds=folds or 0,
    )


def _refuse(placed: Sequence[Placed], filled: Sequence[Filled], known: Known) -> None:
    """Raise UserError, with everything that is wrong, unless each sample of each split has its row."""
    names = ", ".join(dict.fromkeys(one.rows.where for one in placed))
    faults: dict[str, list[str]] = {}
    for one, read in zip(placed, filled, strict=True):
        phrases = [*one.rows.faults, *one.faults, *read.faults, *_wrong_truth(one, known)]
        faults.setdefault(one.rows.where, []).extend(phrases)
    for split, part in known.parts.items():
        counts = np.zeros(len(part), np.int64)
        for one in placed:
            if split in one.targets:
                np.add.at(counts, one.targets[split][1], 1)
        if not counts.any():
            continue
        if (counts > 1).any():
            phrase = f"the {split} sample {str(part.sample_ids[counts.argmax()])!r} occurs {counts.max()} times"
            faults.setdefault(names, []).append(and_others(phrase, int((counts > 1).sum()) - 1, "samples"))
        if (counts == 0).any():
            missing = int((counts == 0).sum())
            first = part.sample_ids[int((counts == 0).argmax())]
            phrase = f"lacks {counted(missing, f'{split} sample')}, such as {first}: all are needed"
            # As the file has when the stored runs were validated on more than it was, such as folds.
            if known.where == STORED and missing > len(part) * MANY_MISSING:
                phrase += "; if the file is of another part of the labels, give these again with --labels"
            faults.setdefault(names, []).append(phrase)
    if any(faults.values()):
        raise UserError("; ".join(f"{where}: {'; '.join(phrases)}" for where, phrases in faults.items() if phrases))


def _wrong_truth(placed: Placed, known: Known) -> list[str]:
    """That the true labels which a file has besides are not those that are known."""
    if placed.rows.truth is None:
        return []
    positions = ClassMatcher(known.class_names).positions(placed.rows.truth)
    wrong: list[str] = []
    for split, (rows, places) in placed.targets.items():
        labels = known.parts[split].labels
        if labels is not None:
            wrong += known.parts[split].sample_ids[places[positions[rows] != labels[places]]].tolist()
    whose = "the stored ones" if known.where == STORED else f"those in {known.where}"
    differs = f"its column of labels differs from {whose} for {counted(len(wrong), 'sample')}"
    return [f"{differs}, such as {wrong[0]}"] if wrong else []
