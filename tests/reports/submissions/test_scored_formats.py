"""`score` reads every format that `import` reads, and gives one result for all."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from predicted_files import IDS, NAMES, label_frame, predicted, truth, wide_frame, write

import reports
from reports.submissions.scoring import score_text
from zoo.errors import UserError

VALUES = predicted()
WIDE = wide_frame(VALUES)
LONG = WIDE.melt("id", var_name="class", value_name="probability")
HARD = [NAMES[place] for place in VALUES.argmax(axis=1)]
NAMED = (WIDE, pd.Series(HARD), HARD)


def npz(path: Path) -> None:
    np.savez(path, test=VALUES, validation=VALUES[:3])


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("x.csv", lambda path: write(path, WIDE)),
        ("x.csv.gz", lambda path: write(path, WIDE)),
        ("x.tsv", lambda path: write(path, WIDE, sep="\t")),
        ("long.csv", lambda path: write(path, LONG.sample(frac=1, random_state=0))),
        ("x.npy", lambda path: np.save(path, VALUES)),
        ("x.npz", npz),
        ("both.csv", lambda path: write(path, WIDE.assign(prediction=HARD))),
        ("named.csv", lambda path: write(path, WIDE.rename(columns={"id": "stem"}))),
    ],
)
def test_formats(name: str, make: Callable[[Path], object], tmp_path: Path) -> None:
    make(tmp_path / name)
    found = reports.score(tmp_path / name, write(tmp_path / "labels.csv", label_frame()))
    right = VALUES[np.arange(len(IDS)), truth()]
    assert found.accuracy.value == (VALUES.argmax(axis=1) == truth()).mean()
    assert found.log_loss is not None
    assert found.log_loss.value == pytest.approx(-np.log(right).mean(), rel=1e-5)
    assert f"read as {found.format}" in score_text(found).replace("\n", " ")


@pytest.mark.parametrize(
    "labels", [[NAMES[place] for place in truth()], label_frame(), label_frame()["label"], truth()]
)
@pytest.mark.parametrize("said", [VALUES, VALUES.tolist(), *NAMED], ids=["array", "rows", "frame", "series", "list"])
def test_what_is_in_memory(said: object, labels: object) -> None:
    if isinstance(labels, np.ndarray) and any(said is one for one in NAMED):
        with pytest.raises(UserError, match=r"is a number, the columns of the predictions|write both as integers or"):
            reports.score(said, labels)
        return
    found = reports.score(said, labels)
    assert (found.where, found.images) == ("the predictions", len(IDS))
    assert found.accuracy.value == (VALUES.argmax(axis=1) == truth()).mean()
    assert repr(found).startswith("the predictions: 30 samples, matched by")


@pytest.mark.parametrize("heading", ["prediction", "Predicted", "y_pred", "label"])
def test_one_column_with_a_heading(heading: str, tmp_path: Path) -> None:
    said = write(tmp_path / "x.csv", pd.DataFrame({heading: HARD}))
    found = reports.score(said, write(tmp_path / "labels.csv", label_frame()))
    assert (found.images, found.matched_by, found.log_loss) == (len(IDS), "row", None)
    assert "matched by the order of the rows" in score_text(found)


def test_one_column_without_a_heading(tmp_path: Path) -> None:
    said = write(tmp_path / "x.csv", pd.DataFrame({"x": HARD}), header=False)
    assert reports.score(said, write(tmp_path / "labels.csv", label_frame())).images == len(IDS)


@pytest.mark.parametrize(("heading", "flipped"), [("target", False), ("dog", False), ("cat", True), ("p_cat", True)])
def test_one_column_is_of_the_class_that_it_names(heading: str, flipped: bool, tmp_path: Path) -> None:
    values = np.linspace(0.05, 0.95, len(IDS))
    labels = pd.DataFrame({"id": IDS, "label": ["dog" if value > 0.3 else "cat" for value in values]})
    said = pd.DataFrame({"id": IDS, heading: 1 - values if flipped else values})
    found = reports.score(write(tmp_path / "x.csv", said), write(tmp_path / "labels.csv", labels))
    assert found.accuracy.value == ((values > 0.5) == (values > 0.3)).mean()
    assert found.notes[0] == f"the one column is taken for the probability of {'cat' if flipped else 'dog'}"


def test_logits_are_not_asked_for_by_an_option_that_is_not_there(tmp_path: Path) -> None:
    said = write(tmp_path / "x.csv", wide_frame(np.log(VALUES)))
    with pytest.raises(UserError, match=r"are these logits\? then take their softmax first"):
        reports.score(said, write(tmp_path / "labels.csv", label_frame()))


def test_rounded_rows_are_made_to_sum_to_1(tmp_path: Path) -> None:
    labels = write(tmp_path / "labels.csv", label_frame())
    rounded = reports.score(write(tmp_path / "x.csv", wide_frame(np.round(VALUES, 2))), labels)
    assert any(note.startswith("rounded to 2 decimals, rows made to sum to 1") for note in rounded.notes)
    wrong = WIDE.assign(cat=WIDE["cat"] + 0.3)
    with pytest.raises(UserError, match=r"sample '0000.jpg' has probabilities that sum to"):
        reports.score(write(tmp_path / "x.csv", wrong), labels)


def test_labels_of_several_splits(tmp_path: Path) -> None:
    splits = ["validation"] * 10 + ["test"] * 20
    labels = write(tmp_path / "labels.csv", label_frame(split=splits))
    assert reports.score(write(tmp_path / "x.csv", WIDE.iloc[10:]), labels).images == 20
    assert reports.score(write(tmp_path / "x.csv", WIDE), labels).images == 30
    other = write(tmp_path / "kaggle.csv", label_frame(Usage=["Public"] * 10 + ["Private"] * 20))
    assert reports.score(write(tmp_path / "x.csv", WIDE), other).images == 30


def test_ids_of_another_split_are_left_out_where_the_labels_tell_it(tmp_path: Path) -> None:
    splits = ["train"] * 5 + ["validation"] * 10 + ["test"] * 15
    labels = write(tmp_path / "labels.csv", label_frame(split=splits))
    without_train = write(tmp_path / "x.csv", WIDE.iloc[5:].sample(frac=1, random_state=0))
    found = reports.score(without_train, labels)
    assert found.images == 15
    assert found.accuracy.value == (VALUES.argmax(axis=1) == truth())[15:].mean()
    assert "the 15 rows of test taken, 10 of other splits left out" in score_text(found)
    alone = write(tmp_path / "test.csv", label_frame().iloc[15:])
    with pytest.raises(UserError, match=r"no id of the labels in .*test.csv is '00"):
        reports.score(without_train, alone)


@pytest.mark.parametrize("name", ["labels.npy", "labels.npz", "labels.csv.gz", "labels.tsv"])
def test_formats_of_labels(name: str, tmp_path: Path) -> None:
    texts = np.array(label_frame()["label"].tolist())
    path = tmp_path / name
    if name.endswith("npy"):
        np.save(path, texts)
    elif name.endswith("npz"):
        np.savez(path, labels=texts, ids=np.array(IDS))
    else:
        write(path, label_frame(), sep="\t" if name.endswith("tsv") else ",")
    found = reports.score(write(tmp_path / "x.csv", WIDE), path)
    assert found.accuracy.value == (VALUES.argmax(axis=1) == truth()).mean()
