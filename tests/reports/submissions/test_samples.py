"""A competition's sample submission is copied as it stands, or refused."""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from stored_runs import CLASS_NAMES, config, predictions, store_run

import reports
from benchmark.records import Predictions
from benchmark.store.run_store import RunStore
from reports.submissions.samples import read_sample
from zoo.errors import UserError

IDS = [f"test-{row:05d}" for row in range(6)]


def six(class_names: tuple[str, ...] = CLASS_NAMES) -> Predictions:
    return replace(predictions("test", 6, count=6, class_names=class_names))


@pytest.fixture
def small(tmp_path: Path) -> RunStore:
    """A store with one run, `cnn4`, right for all of six test images."""
    store = RunStore(tmp_path / "runs")
    store_run(store, config("cnn4"), [six()])
    return store


def submitted(store: RunStore, rows: list[list[str]], **options: str) -> list[list[str]]:
    folder = store.root.parent
    with (folder / "sample.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    path = reports.submission(
        "cnn4",
        runs=store.root,
        output=folder / "out.csv",
        sample=folder / "sample.csv",
        **options,  # type: ignore[arg-type]
    )
    with path.open(newline="") as file:
        return list(csv.reader(file))


def true_labels() -> list[int]:
    labels = six().labels
    assert labels is not None
    return [int(label) for label in labels]


# The ids may be called as a class is: "no" for number.
@pytest.mark.parametrize(("ids", "heading", "place"), [("id", "target", 1), ("id", "no", 0), ("no", "target", 1)])
def test_probabilities_are_written_where_the_sample_has_whole_numbers(
    ids: str, heading: str, place: int, tmp_path: Path
) -> None:
    store = RunStore(tmp_path / "runs")
    found = six(class_names=("no", "yes"))
    store_run(store, config("cnn4"), [found])
    rows = [[ids, heading], *[[name, "0"] for name in found.sample_ids.tolist()]]
    written = submitted(store, rows, format="probabilities")
    assert [float(cell) for _, cell in written[1:]] == pytest.approx(found.probabilities[:, place].tolist())
    assert {cell for _, cell in submitted(store, rows)[1:]} <= {"0", "1"}
    layout = read_sample(tmp_path / "sample.csv")
    named = heading in found.class_names
    assert layout.contents(found.sample_ids, found.class_names) == (
        "1 for no, 0 for yes" if named else "labels: 0 for no, 1 for yes"
    )
    asked = replace(layout, probabilities=True)
    assert asked.contents(found.sample_ids, found.class_names) == f"the probability of {found.class_names[place]}"


@pytest.mark.parametrize(
    ("shown", "written"),
    [
        (["0"] * 6, ["0", "1", "2"]),
        ([""] * 6, ["0", "1", "2"]),
        (["apple"] * 6, list(CLASS_NAMES)),
        (["Banana"] * 6, ["Apple", "Banana", "Cherry"]),
        (["CHERRY", "APPLE"] * 3, ["APPLE", "BANANA", "CHERRY"]),
    ],
)
def test_labels_are_written_as_the_sample_writes_them(small: RunStore, shown: list[str], written: list[str]) -> None:
    rows = [["Id", "What it is"], *[[name, label] for name, label in zip(IDS, shown, strict=True)]]
    expected = [[name, written[label]] for name, label in zip(IDS, true_labels(), strict=True)]
    assert submitted(small, rows) == [["Id", "What it is"], *expected]


def test_synonyms_of_fer_are_kept_where_all_are_shown(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "runs")
    store_run(store, config("cnn4"), [six(("angry", "happy", "sad"))])
    rows = [["id", "label"], *[[name, label] for name, label in zip(IDS, ["Anger", "Joy", "Sadness"] * 2, strict=True)]]
    said = [["Anger", "Joy", "Sadness"][label] for label in true_labels()]
    assert [row[1] for row in submitted(store, rows)[1:]] == said
    with pytest.raises(UserError, match="'Anger' for 'angry' and does not show how it writes 'happy'"):
        submitted(store, [["id", "label"], *[[name, "Anger"] for name in IDS]])


def test_columns_may_stand_in_any_order(small: RunStore) -> None:
    assert submitted(small, [["label", "file"], *[["0", name] for name in IDS]])[1] == [str(true_labels()[0]), IDS[0]]
    wide = submitted(small, [["cherry", "file", "Apple", "banana"], *[["0", f"{name}.jpg", "0", "0"] for name in IDS]])
    assert wide[0] == ["cherry", "file", "Apple", "banana"]
    assert [row[1] for row in wide[1:]] == [f"{name}.jpg" for name in IDS]
    said = np.array([[row[2], row[3], row[0]] for row in wide[1:]], np.float64)
    np.testing.assert_allclose(said, six().probabilities, rtol=1e-6)


LONG = [[name, "0"] for name in IDS]


@pytest.mark.parametrize(
    ("rows", "options", "message"),
    [
        (
            [["id", "label"], *LONG[:-1]],
            {},
            "has 5 ids, expected 6, those of the test samples: 'test-00005' is missing",
        ),
        ([["id", "label"], *LONG, ["more", "0"]], {}, "line 8: no id of the test samples is 'more'"),
        ([["id", "label"], *LONG, LONG[0]], {}, "line 8: the id 'test-00000' occurs a second time"),
        (
            [["id", "label"], ["1", "0"], ["2", "0"]],
            {},
            "line 2: the ids do not match: no id of the test samples is '1', and 'test-00000' is",
        ),
        (
            [["id", "label"], *LONG[:-1], [IDS[5], "7"]],
            {},
            "line 7: label '7' is not a class, expected one of apple, banana, cherry or 0, 1, 2",
        ),
        ([["id", "label"], *LONG[:-1], [IDS[5]]], {}, "line 7: 1 columns, expected 2"),
        ([["id", "apple", "banana"], *[[*row, "0"] for row in LONG]], {}, "expected one for each class"),
        ([["label"], *[["0"] for _ in IDS]], {}, "expected a header with an id column"),
        ([["id", "label"]], {}, "has a header and no rows"),
        ([["id", "label"], *LONG], {"format": "probabilities"}, "one column beside the ids, too few for 3 classes"),
        ([["id", "label"], *LONG], {"format": "icml"}, "another layout than --format icml"),
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_is_written(
    small: RunStore, rows: list[list[str]], options: dict[str, str], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        submitted(small, rows, **options)
    assert not (small.root.parent / "out.csv").exists()


def test_integers_for_ids_and_labels(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "runs")
    store_run(store, config("cnn4"), [replace(six(), sample_ids=np.array(list("543210")))])
    rows = submitted(store, [["label", "id"], *[["1", name] for name in "012345"]])
    assert rows[1:] == [[str(label), name] for label, name in zip(reversed(true_labels()), "012345", strict=True)]


def test_a_sample_with_a_format_that_fits(small: RunStore) -> None:
    assert len(submitted(small, [["id", "label"], *LONG], format="id-emotion")) == 7


@pytest.mark.parametrize(("heading", "place"), [("target", 1), ("no", 0), ("prob_no", 0), ("yes", 1)])
def test_numbers_such_as_a_half_ask_for_the_probability_of_one_of_two_classes(
    heading: str, place: int, tmp_path: Path
) -> None:
    store = RunStore(tmp_path / "runs")
    store_run(store, config("cnn4"), [of_two := six(("no", "yes"))])
    rows = submitted(store, [["id", heading], *[[name, "0.5"] for name in IDS]])
    assert rows[0] == ["id", heading]
    np.testing.assert_allclose([float(row[1]) for row in rows[1:]], of_two.probabilities[:, place], rtol=1e-6)


@pytest.mark.parametrize("cell", ["0", "1", ""])
@pytest.mark.parametrize(("heading", "one"), [("no", 0), ("p_no", 0), ("Yes", 1), ("label", 1)])
def test_a_column_of_ones_and_zeros_is_about_the_class_it_is_named_after(
    heading: str, one: int, cell: str, tmp_path: Path
) -> None:
    store = RunStore(tmp_path / "runs")
    store_run(store, config("cnn4"), [found := six(class_names=("no", "yes"))])
    assert found.labels is not None
    sample = [["id", heading], *([sample_id, cell] for sample_id in IDS)]
    assert [row[1] for row in submitted(store, sample)[1:]] == [str(int(label == one)) for label in found.labels]


def test_the_sample_itself_is_not_written_over(small: RunStore) -> None:
    sample = small.root.parent / "sample.csv"
    submitted(small, [["id", "label"], *LONG])
    before = sample.read_bytes()
    with pytest.raises(UserError, match=r"sample\.csv is the sample itself"):
        reports.submission("cnn4", runs=small.root, sample=sample, output=sample)
    assert sample.read_bytes() == before
