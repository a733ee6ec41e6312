"""Store predictions of other programs as runs, for the leaderboard and for ensembles."""

import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from textwrap import fill
from typing import Any, Final, TypedDict, Unpack

from benchmark.arguments import check_keywords, typed
from benchmark.files.checksums import DamagedError
from benchmark.matching.class_names import ClassMatcher, listed
from benchmark.metrics import accuracy, log_loss
from benchmark.records import EXTERNAL, PREDICTED, Predictions, RunRecord
from benchmark.store.copies import Sketch, compared, copy_sentences, sketched
from benchmark.store.run_store import RunStore
from benchmark.store.stored_run import StoredRun
from benchmark.tables.numbered_labels import with_names
from benchmark.tables.prediction_rows import Rows
from benchmark.tables.sources import are_files
from ensembles.importing.datasets import Asked, known_dataset, told_classes
from ensembles.importing.doubts import doubts, doubts_of_test
from ensembles.importing.known import Known
from ensembles.importing.placing import Given, with_new_test
from ensembles.importing.preparing import Ids, MemberFiles, Prepared, prepare, sizes_text, unnamed_columns
from ensembles.importing.stored_already import check_content, check_name, labels_not_kept
from zoo.errors import UserError

SEED: Final = 0
KEPT_BYTES: Final = 1 << 29
"""Predictions of several members up to this size stay in memory between checking and storing."""

ALREADY: Final = "it is stored already"

WIDTH: Final = 80

SHOWN: Final = 3
"""Members whose errors a message lists."""


class Options(TypedDict, total=False):
    """Where predictions go, and what they are.

    Attributes:
        runs: directory of the store (default: runs).
        data: the dataset, with or without fingerprint. A new one gets this name, by default that of the labels' file.
        logits: whether the numbers are logits, of which the softmax is taken.
        seed: of the training, where there are several, each imported under the same name.
    """

    runs: Path | str
    data: str | None
    logits: bool
    seed: int


OPTIONS: Final = tuple(Options.__annotations__)


@dataclass(frozen=True, eq=False)
class Imported:
    """A run that was imported.

    Attributes:
        run: as it is stored.
        samples: how many there are, by split.
        scores: accuracy (0-1) and log loss (nats) on validation; None without validation labels.
        lines: what each of its files was understood as.
        notes: what was done to its numbers, how ids were found, and whose copy it is.
    """

    run: StoredRun
    samples: Mapping[str, int]
    scores: tuple[float, float] | None
    lines: tuple[str, ...]
    notes: tuple[str, ...]


def import_predictions(
    name: str,
    validation: Any = None,
    test: Any = None,
    *,
    labels: Any = None,
    ids: Any = None,
    class_names: Sequence[str] = (),
    **options: Unpack[Options],
) -> StoredRun:
    """Store another program's predictions as a run of kind "external", unless it is stored already.

    Labels make the dataset. Where its runs are stored already, the run joins them and the labels may be left out. All
    samples of a split are needed. What was done to the numbers, and whose copy they are, is a warning.

    Args:
        name: of the run.
        validation: predictions of validation, in any format of docs/import.md: a path, several of one run, an array
            (n, classes) in the order of the labels, or a DataFrame. Files may hold test as well, and then tell which
            rows are of it by their ids or a column `split`.
        test: predictions of test.
        labels: of validation, and of test if known: a path, an array, a Series or a DataFrame; or a mapping of
            `validation` and `test` to these.
        ids: sample ids for the rows of arrays: a path, a sequence, or a mapping of `validation` and `test` to these.
        class_names: the classes, in the order of columns without names; by default those of the labels, sorted.
        **options: `runs`, `data`, `logits` and `seed`, see `Options`.

    Raises:
        UserError: what cannot be read, is not probabilities or does not fit the dataset; or a name that is in
            use. Nothing is stored then.
    """
    name = typed("name", name, str)
    check_keywords("import_predictions", options, ("validation", "test", "labels", "ids", "class_names", *OPTIONS))
    asked = Asked(labels=labels, ids=ids, class_names=typed("class_names", class_names, tuple[str, ...]), **options)
    if validation is None and test is None:
        raise UserError(f"no predictions of {name}: give those of validation, of test, or of both")
    files = () if validation is None else tuple(validation) if are_files(validation) else (validation,)
    (imported,) = import_members([MemberFiles(name, files, () if test is None else (test,))], asked)
    for note in imported.notes:
        if note != ALREADY:
            warnings.warn(note, stacklevel=2)
    return imported.run


@dataclass(frozen=True, eq=False)
class _Reading:
    """How files become predictions.

    Attributes:
        asked: by the user.
        ids: for rows that have none, see `Asked.read_ids`.
    """

    asked: Asked
    ids: Ids

    def given(self, member: MemberFiles, classes: tuple[str, ...]) -> list[Given]:
        """What its files hold."""
        return _with_headings(member.read(classes, self.ids), self.asked.class_names)

    def prepared(self, member: MemberFiles, given: Sequence[Given], known: Known) -> Prepared:
        """What its files hold as predictions of the dataset; the errors are those of `prepare`."""
        several = self.asked.seed is not None
        return prepare(member.name, given, known, logits=self.asked.logits, one_of_seeds=several)


def import_members(members: Sequence[MemberFiles], asked: Asked) -> list[Imported]:
    """Store several runs of one dataset, or none of them if there is anything wrong.

    Raises:
        UserError: see `import_predictions`.
    """
    store, reading = asked.store, _Reading(asked, asked.read_ids())
    # Which samples test has is told by the first file of it: by one with ids, if there is any.
    leader = next((member for member in members if not member.only_arrays), members[0])
    first = reading.given(leader, asked.class_names or told_classes(asked))
    known = known_dataset(asked, first)
    if (strange := ClassMatcher(known.class_names).positions(asked.class_names) < 0).any():
        name = asked.class_names[int(strange.argmax())]
        raise UserError(f"{name} is no class of {known.full_name}: expected {listed(known.class_names)}")
    stored = store.runs(known.full_name)
    for member in members:
        check_name(member.name, stored)
    known, prepared = _all_prepared(reading, members, known, (leader, first))
    for one in prepared:
        check_content(one, stored, asked.seed)
    untold = _untold(prepared, known, stored)
    copies, imported = Copies(stored), list[Imported]()
    for member, one in zip(members, prepared, strict=True):
        read_again = not one.predictions
        whole = reading.prepared(member, reading.given(member, known.class_names), known) if read_again else one
        doubtful = _doubts(whole, stored) + (untold if not imported else [])
        run, notes = _stored(store, member, whole, asked.seed or SEED, copies)
        counts = {split: len(predicted.sample_ids) for split, predicted in whole.predictions.items()}
        imported.append(Imported(run, counts, _scores(whole), whole.lines, (*whole.notes, *doubtful, *notes)))
        stored = [*stored, imported[-1].run]
    return imported


def _all_prepared(
    reading: _Reading, members: Sequence[MemberFiles], known: Known, read: tuple[MemberFiles, Sequence[Given]]
) -> tuple[Known, list[Prepared]]:
    """The dataset with the samples of test that the members tell, and what each of them predicts.

    Where all of it is large, the later members are without their predictions: their files are read again.

    Args:
        read: the member that was read already, and what its files hold.

    Raises:
        UserError: those of all members in one; or ids were given, and all rows have their own.
    """
    prepared: list[Prepared] = []
    faults, kept, unused = [], 0, bool(reading.ids)
    leader, first = read
    for member in members:
        try:
            given = first if member is leader else reading.given(member, known.class_names)
            unused = unused and all(one.own_ids for one in given)
            known = with_new_test(given, known)
            one = reading.prepared(member, given, known)
        except UserError as error:
            faults.append(str(error))
            continue
        kept += sum(predicted.probabilities.nbytes for predicted in one.predictions.values())
        prepared.append(one if len(members) == 1 or kept < KEPT_BYTES else replace(one, predictions={}))
    if faults:
        others = f"; and {len(faults) - SHOWN} other members" if len(faults) > SHOWN else ""
        raise UserError("; ".join(faults[:SHOWN]) + others)
    if unused:
        raise UserError(f"the rows of {first[0].rows.where} have ids already: give no others")
    return known, prepared


def _with_headings(given: Sequence[Given], class_names: tuple[str, ...]) -> list[Given]:
    """The rows; columns without names get those that the user gave: a stored dataset may have another order."""
    return [replace(one, rows=_with_names(one.rows, class_names)) for one in given] if class_names else list(given)


def _with_names(rows: Rows, class_names: tuple[str, ...]) -> Rows:
    if rows.labels is not None:
        return with_names(rows, class_names)
    if not unnamed_columns(rows, class_names):
        return rows
    if len(class_names) != (2 if rows.columns == 1 else rows.columns):
        held = "one column, of one of two classes" if rows.columns == 1 else f"{rows.columns:,} columns without names"
        raise UserError(f"{rows.where} has {held}; --classes names {len(class_names):,}")
    if rows.columns == 1 or rows.headings is None:
        return replace(rows, headings=class_names)
    places = ClassMatcher(class_names).columns(rows.headings).positions
    return rows if None in places else replace(rows, headings=tuple(class_names[place or 0] for place in places))


def _doubts(prepared: Prepared, stored: Sequence[StoredRun]) -> list[str]:
    """What is probably wrong with what was assumed of the files."""
    doubtful, predictions = list[str](), prepared.predictions
    if "validation" in predictions:
        assumed = {"columns": prepared.columns_assumed, "rows": prepared.rows_assumed}
        assumed["labels_given"] = "hard_labels" in prepared.config.hyperparameters
        doubtful += doubts(predictions["validation"], **assumed)
    if prepared.test_rows_assumed and set(PREDICTED) <= set(predictions):
        others = (run for run in stored if run.config.kind != "ensemble" and all(map(run.predicted, PREDICTED)))
        if other := next(others, None):
            # Which the run keeps: each of many members is compared with it.
            theirs = {split: found for split in PREDICTED if (found := other.predictions(split)) is not None}
            doubtful += doubts_of_test(predictions, theirs, other.config.title)
    return doubtful


def _untold(prepared: Sequence[Prepared], known: Known, stored: Sequence[StoredRun]) -> list[str]:
    """What becomes of a test split that no stored run predicts: labels that none can keep, or numbers for names."""
    test = known.parts.get("test")
    if test is None or any(run.predicted("test") for run in stored):
        return []
    if test.labels is not None and not any(one.tested for one in prepared):
        return ["the labels of test are not kept, because nothing predicts test: give --labels again with what does"]
    # Samples that the predictions themselves told, not the labels, where those of validation have names.
    validation = known.parts.get("validation")
    named = validation is not None and validation.sample_ids.tolist() != [str(row) for row in range(len(validation))]
    if test.where and named and any(one.test_rows_assumed for one in prepared):
        return ["the samples of test are numbered from 0, in the order of the rows: later imports need these numbers"]
    return []


def _stored(
    store: RunStore, member: MemberFiles, prepared: Prepared, seed: int, copies: "Copies"
) -> tuple[StoredRun, list[str]]:
    """The run of these predictions, and which other it repeats."""
    if run := store.find(prepared.config, seed):
        return run, [ALREADY, *labels_not_kept(run, prepared)]
    from benchmark.hardware.provenance import provenance

    facts = {**provenance(["numpy"]), "files": member.file_names}
    run = store.put(RunRecord(config=prepared.config, seed=seed, provenance=facts), prepared.predictions)
    return run, copies.of(run, prepared.predictions)


def _scores(prepared: Prepared) -> tuple[float, float] | None:
    validation = prepared.predictions.get("validation")
    if validation is None or validation.labels is None:
        return None
    return accuracy(validation.probabilities, validation.labels), log_loss(validation.probabilities, validation.labels)


class Copies:
    """The stored runs' predictions, in short, to find which run a new one repeats."""

    def __init__(self, stored: Sequence[StoredRun]) -> None:
        self._unread = list(stored)
        self._known: dict[str, list[tuple[StoredRun, Sketch]]] = {}

    def of(self, run: StoredRun, predictions: Mapping[str, Predictions]) -> list[str]:
        """A sentence for each earlier run that this one repeats."""
        for stored in self._unread:
            for split in PREDICTED:
                self._add(stored, split)
        self._unread, repeated = [], []
        for split, predicted in predictions.items():
            earlier = self._known.setdefault(split, [])
            sketch = sketched(predicted, partial(predictions.__getitem__, split))
            titles = Counter(one.config.title for one, _ in earlier)
            for other, known in earlier:
                same = other.config.title == run.config.title
                name = other.name if same or titles[other.config.title] > 1 else other.config.title
                copy = compared((run.name if same else run.config.title, sketch), (name, known))
                repeated += [copy] if copy else []
            earlier.append((run, replace(sketch, load=partial(_read, run, split))))
        return copy_sentences(repeated)

    def _add(self, run: StoredRun, split: str) -> None:
        with suppress(DamagedError):  # which reports say
            if f"{split}.npz" in run.record.files:
                sketch = sketched(_read(run, split), partial(_read, run, split))
                self._known.setdefault(split, []).append((run, sketch))


def _read(run: StoredRun, split: str) -> Predictions:
    """A run's predictions of a split that it has."""
    predictions = run.read_predictions(split)
    assert predictions is not None  # noqa: S101 - for mypy: asked for before
    return predictions


def imported_text(imported: Sequence[Imported]) -> str:
    """What was imported, a few lines for each run; with scores on validation."""
    lines = [line for one in imported for line in _text_of(one)]
    return "\n".join(
        fill(line, WIDTH, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False) for line in lines
    )


def _text_of(one: Imported) -> list[str]:
    sizes = sizes_text(one.samples, {split: split for split in one.samples})
    lines = [f"{one.run.config.model}: {EXTERNAL} predictions of {sizes}"]
    lines += [f"  {line}" for line in one.lines]
    if one.scores:
        hard = one.run.config.hyperparameters.get("hard_labels")
        loss = "no log loss, because labels are not probabilities" if hard else f"log loss {one.scores[1]:.4f}"
        lines.append(f"  validation accuracy {one.scores[0]:.2%}, {loss}")
    elif "validation" not in one.samples:
        lines.append("  no validation predictions: only average, geometric and vote can combine it")
    if "test" not in one.samples:
        lines.append("  no test predictions")
    lines += [f"  note: {note}" for note in one.notes]
    return [*lines, f"  stored in {one.run.path}"]
