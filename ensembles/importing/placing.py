"""Which sample each row of a file is about."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmark.matching.sample_ids import IdMatcher
from benchmark.nouns import counted
from benchmark.records import PREDICTED
from benchmark.tables.prediction_rows import Rows, split_name
from benchmark.tables.probabilities import Placed
from ensembles.importing.known import OUT_OF_FOLD, STORED, Known, Samples, samples
from zoo.errors import UserError

WORDS: Final = {"validation": ("val", "valid", "validation", "oof", "train"), "test": ("test",)}
"""Words in the names of files that say which split they are of."""

SAY: Final = "give the file of test with --test, or say it in the file's name, as in val_mine.npy"


@dataclass(frozen=True, eq=False)
class Given:
    """Predictions as they were handed over.

    Attributes:
        rows: of one file, array or frame.
        split: "validation" or "test" where the user said so, else None.
        own_ids: whether the rows had ids, which the user did not give.
    """

    rows: Rows
    split: str | None = None
    own_ids: bool = False


def with_new_test(given: Sequence[Given], known: Known) -> Known:
    """The dataset with the test samples that these files have, where they are the first to have any.

    Such are files that the user called test, rows whose split is test, and files of which no id is known where there
    are others besides.
    """
    if "test" in known.parts:
        return known
    names, sources = list[str](), list[str]()
    for one in given:
        ids, splits = one.rows.sample_ids, one.rows.splits
        numbers, before = [str(row) for row in range(len(one.rows))], len(names)
        if splits is not None:
            names += [name for name, text in zip(ids or numbers, splits, strict=True) if split_name(text) == "test"]
        elif one.split == "test" or (one.split is None and ids is None and told_split(one.rows.where) == "test"):
            names += ids or numbers
        elif one.split is None and ids is not None and len(given) > 1 and not _any_known(ids, known):
            names += ids
        if len(names) > before:
            sources.append(one.rows.where)
    if not names:
        return known
    found = replace(samples(list(dict.fromkeys(names))), where=" and ".join(dict.fromkeys(sources)))
    return replace(known, parts={**known.parts, "test": found})


def _any_known(ids: Sequence[str], known: Known) -> bool:
    return any((IdMatcher(part.sample_ids.tolist()).match(ids).places >= 0).any() for part in known.parts.values())


def with_folds(given: Sequence[Given], known: Known) -> tuple[Known, bool]:
    """The dataset with the samples that these files' validation predictions are of, and whether they are out of fold.

    They are where one file has rows about samples of train.

    Raises:
        UserError: such a file is called test.
    """
    folded = known.parts.get(OUT_OF_FOLD)
    parts = {name: part for name, part in known.parts.items() if name != OUT_OF_FOLD}
    if folded is None:
        return replace(known, parts=parts), known.all_out_of_fold
    matcher = IdMatcher(folded.sample_ids.tolist())
    usual = IdMatcher(parts["validation"].sample_ids.tolist() if "validation" in parts else [])
    others = {len(part) for part in parts.values()}
    for one in given:
        rows, ids = one.rows, list(one.rows.sample_ids or ())
        unknown = [ids[row] for row in np.flatnonzero(usual.match(ids).places < 0).tolist()]
        if one.split != "test" and (
            any(split_name(text) == "train" for text in set(rows.splits or ()))
            or (matcher.match(unknown).places >= 0).any()
            or (rows.sample_ids is None and len(rows) in {len(folded), len(known.rows)} - others)
        ):
            # Rows of the whole file of labels are told apart by their order, and ids that test lacks tell that, too.
            of_test = _all_known(ids, parts["test"]) if ids and "test" in parts else not ids
            of_test = of_test and len(rows) != len(known.rows)
            if of_test and one.split is None and rows.splits is None and told_split(rows.where) == "test":
                raise UserError(
                    f"{rows.where} is called test, but its rows are those of train: give the file of test with --test, "
                    "or call it otherwise"
                )
            rows_of = [("validation" if name == OUT_OF_FOLD else name, at) for name, at in known.rows]
            return replace(known, parts={**parts, "validation": folded}, rows=rows_of), True
    rows_of = [("", 0) if name == OUT_OF_FOLD else (name, at) for name, at in known.rows]
    return replace(known, parts=parts, rows=rows_of), False


def _all_known(ids: Sequence[str], part: Samples) -> bool:
    return bool((IdMatcher(part.sample_ids.tolist()).match(ids).places >= 0).all())


def place(given: Given, known: Known, *, out_of_fold: bool) -> Placed:
    """Find the sample of each row.

    Rows without ids are in the order of the samples of that split which has as many, or of the whole file of labels.
    """
    if given.rows.sample_ids is None:
        return _by_order(given, known)
    splits = None
    if given.rows.splits is None and given.split == "validation" and "test" in known.parts:
        # What stands in memory may hold both splits, as a file may.
        either = _by_id(replace(given, split=None), known, None)
        if not either.faults and all(len(rows) for rows, _ in either.targets.values()):
            return either
    if given.rows.splits is not None:
        names = [split_name(text) or text for text in given.rows.splits]
        splits = np.array(["validation" if out_of_fold and name == "train" else name for name in names])
    return _by_id(given, known, splits)


def _by_order(given: Given, known: Known) -> Placed:
    rows, count = given.rows, len(given.rows)
    told = {name for text in set(rows.splits or ()) if (name := split_name(text))}
    wanted = given.split or (told.pop() if len(told) == 1 else None)
    fitting = [name for name, part in known.parts.items() if len(part) == count and wanted in (None, name)]
    if len(fitting) > 1 and (hint := told_split(rows.where)) in fitting:
        fitting = [hint]
    if len(fitting) == 1:
        return Placed(rows, {fitting[0]: (np.arange(count), known.parts[fitting[0]].order)})
    if not fitting and count == len(known.rows) and wanted is None:
        targets = _rows_by_split(known)
        left = count - sum(len(places) for _, places in targets.values())
        fault = f"has {count:,} rows and no ids, of which {left:,} are of no split that is imported"
        return Placed(rows, targets, (fault,) if left else ())
    has = f"has {count:,} rows and no ids, "
    if fitting:
        return Placed(rows, {}, (f"{has}which fits {' and '.join(fitting)}: {SAY}",))
    sizes = {name: len(part) for name, part in known.parts.items() if wanted in (None, name)}
    expected = " or ".join(f"{size:,} ({name})" for name, size in sizes.items()) or "ids"
    one_more = known.where != STORED and count + 1 in sizes.values()
    hint = f"; is the first line of {known.where} a heading? call it label" if one_more else ""
    return Placed(rows, {}, (f"{has}expected {expected} in the order of {known.where}{hint}",))


def _rows_by_split(known: Known) -> dict[str, tuple[NDArray[np.intp], NDArray[np.int64]]]:
    targets = {}
    for name in known.parts:
        rows = [row for row, (part, _) in enumerate(known.rows) if part == name]
        targets[name] = (np.array(rows, np.intp), np.array([known.rows[row][1] for row in rows], np.int64))
    return targets


def told_split(where: str) -> str | None:
    """The split that a file's name tells; None where it tells none or two."""
    name = PurePath(where).name.lower()
    for mark in "_-., ":
        name = name.replace(mark, " ")
    splits = [split for split, words in WORDS.items() if not set(words).isdisjoint(name.split())]
    return splits[0] if len(splits) == 1 else None


def _by_id(given: Given, known: Known, splits: NDArray[np.str_] | None) -> Placed:
    ids = list(given.rows.sample_ids or ())
    faults: list[str] = []
    if splits is not None and (strange := [text for text in dict.fromkeys(splits.tolist()) if text not in known.parts]):
        faults.append(f"the split {strange[0]!r} is none of {', '.join(known.parts)}")
    places, notes = {}, []
    for name, part in known.parts.items():
        if splits is not None:
            inside = np.flatnonzero(splits == name)
        else:
            inside = np.arange(len(ids) if given.split in (None, name) else 0)
        texts = [ids[row] for row in inside.tolist()]
        matches = IdMatcher(part.sample_ids.tolist()).match(texts)
        if (matches.places < 0).any() and given.rows.splits is not None:
            # Out of fold, ids that train and validation share have their split in front.
            names = [f"{split_name(given.rows.splits[row])}/{ids[row]}" for row in inside.tolist()]
            own = IdMatcher(part.sample_ids.tolist()).match(names)
            matches = own if (own.places >= 0).sum() > (matches.places >= 0).sum() else matches
        places[name] = np.full(len(ids), -1, np.int64)
        places[name][inside] = matches.places
        notes += [matches.id_note] if matches.id_note else []
        if (splits is not None or given.split == name) and (unknown := inside[matches.places < 0]).size:
            has_none = "no stored run has them" if known.where == STORED else f"they are not in {known.where}"
            faults.append(f"has {counted(unknown.size, f'{name} sample')}, such as {ids[unknown[0]]}: {has_none}")
    if splits is None and given.split is None:
        faults += _undecided(ids, places, known)
    targets = {name: (rows := np.flatnonzero(at >= 0), at[rows]) for name, at in places.items()}
    return Placed(given.rows, targets, tuple(faults), "; ".join(notes))


def _undecided(ids: Sequence[str], places: Mapping[str, NDArray[np.int64]], known: Known) -> list[str]:
    """Faults of ids in no split or in two; one that only one split has in this very spelling is that split's."""
    inside = np.array([at >= 0 for at in places.values()]).reshape(len(places), len(ids))
    several = np.flatnonzero(inside.sum(axis=0) > 1)
    exact = {name: set(known.parts[name].sample_ids.tolist()) for name in places} if several.size else {}
    for row in several.tolist():
        same = [name for name in places if ids[row] in exact[name]]
        if len(same) == 1:
            for name in places:
                if name != same[0]:
                    places[name][row] = -1
        else:
            everywhere = " and in ".join(places)
            return [
                f"the id {ids[row]} is in {everywhere}: add a column `split`, or give --test a file of other samples"
            ]
    unknown = np.flatnonzero(~inside.any(axis=0))
    if not unknown.size:
        return []
    first, are = ids[unknown[0]], "is" if unknown.size == 1 else "are"
    both = [name for part in known.parts.values() for name in IdMatcher(part.sample_ids.tolist()).candidates(first)]
    if len(both) > 1:
        return [f"{counted(unknown.size, 'id')} {are} of no one sample: {first!r} may be {both[0]!r} or {both[1]!r}"]
    hint = "" if "test" in known.parts else "; if they are of test, give --test or the labels"
    examples = " and ".join(f"{str(part.sample_ids[0])!r} of {name}" for name, part in known.parts.items())
    return [
        f"{counted(unknown.size, 'id')} {are} in neither {' nor '.join(PREDICTED)}, such as {first!r}: "
        f"expected ids such as {examples}{hint}"
    ]
