"""Scores of a submission are those of an independent library; what does not match is refused with file and line."""

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.metrics import accuracy_score, f1_score, log_loss as sklearn_log_loss
from stored_runs import config, predictions, store_run

import reports
from benchmark.store.run_store import RunStore
from reports.cli import main
from reports.submissions.scoring import score_text
from zoo.errors import UserError

TRUE = [0, 1, 2, 2, 6, 0, 3, 3, 3, 1]
SAID = [0, 1, 2, 0, 6, 0, 3, 1, 3, 4]
FER = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")


def write(path: Path, lines: list[str]) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def rows(header: str, labels: list[object]) -> list[str]:
    return [header, *[f"i{row},{label}" for row, label in enumerate(labels)]]


def as_lines(labels: list[int]) -> list[str]:
    return [str(label) for label in labels]


@pytest.mark.parametrize(
    ("submission", "labels", "matched_by"),
    [
        (as_lines(SAID), as_lines(TRUE), "row"),
        (rows("id,emotion", SAID), as_lines(TRUE), "row"),
        (rows("id,emotion", SAID), ["id,label", *reversed(rows("", TRUE)[1:])], "id"),
        (rows("image_id,prediction", SAID), rows("id,emotion", [FER[label] for label in TRUE]), "id"),
        (["guess,image", *[f"{FER[label].title()},i{row}.png" for row, label in enumerate(SAID)]],
         rows("id,emotion", TRUE), "id"),
        (["emotion", *[FER[label] for label in SAID]], as_lines(TRUE), "row"),
    ],
    ids=["lines", "ids against lines", "ids in another order", "other headings", "file names", "names"],
)  # fmt: skip
def test_labels(submission: list[str], labels: list[str], matched_by: str, tmp_path: Path) -> None:
    found = reports.score(write(tmp_path / "s.csv", submission), write(tmp_path / "l.csv", labels))
    interval = binomtest(7, 10).proportion_ci(method="wilson")
    assert (found.images, found.matched_by, found.log_loss) == (10, matched_by, None)
    assert found.accuracy.value == accuracy_score(TRUE, SAID) == 0.7
    assert (found.accuracy.low, found.accuracy.high) == pytest.approx((interval.low, interval.high))
    assert found.macro_f1.value == pytest.approx(f1_score(TRUE, SAID, average="macro"))
    assert found.macro_f1.low < found.macro_f1.value < found.macro_f1.high
    assert sum(found.never_right.values()) == 1


@pytest.mark.parametrize("header", ["id,angry,disgust,fear", "name,Anger,DISGUST,fear"])
def test_probabilities(header: str, tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    probabilities = generator.dirichlet([1, 1, 1], 30)
    true = generator.integers(0, 3, 30)
    lines = [header, *[f"i{row}," + ",".join(map(str, values)) for row, values in enumerate(probabilities)]]
    truth = rows("id,emotion", [FER[label] for label in true])
    found = reports.score(write(tmp_path / "s.csv", lines), write(tmp_path / "l.csv", truth))
    assert found.log_loss is not None
    assert found.log_loss.value == pytest.approx(sklearn_log_loss(true, probabilities))
    assert found.log_loss.low < found.log_loss.value < found.log_loss.high
    assert found.accuracy.value == accuracy_score(true, probabilities.argmax(axis=1))
    assert found.macro_f1.value == pytest.approx(f1_score(true, probabilities.argmax(axis=1), average="macro"))


def test_columns_in_any_order_go_by_their_names(tmp_path: Path) -> None:
    said = write(tmp_path / "s.csv", ["id,dog,cat,owl", "a,1,0,0", "b,1,0,0", "c,0,1,0"])
    names = write(tmp_path / "names.csv", ["id,label", "a,dog", "b,dog", "c,cat"])
    assert reports.score(said, names).accuracy.value == 1
    integers = write(tmp_path / "integers.csv", ["id,label", "a,1", "b,1", "c,0"])
    with pytest.raises(UserError, match=r"line 2: label '1' is a number, .* as dog, cat, owl") as caught:
        reports.score(said, integers)
    assert "\n" not in str(caught.value)


def test_columns_that_are_called_by_integers(tmp_path: Path) -> None:
    said = write(tmp_path / "s.csv", ["id,3,1,2", "a,1,0,0", "b,0,1,0", "c,0,0,1"])
    assert reports.score(said, write(tmp_path / "l.csv", ["id,label", "a,3", "b,1", "c,2"])).accuracy.value == 1
    with pytest.raises(UserError, match=r"line 3: unknown class '0', expected one of 3, 1, 2"):
        reports.score(said, write(tmp_path / "l.csv", ["id,label", "a,2", "b,0", "c,1"]))


def test_columns_of_fer_in_any_order_have_its_integers(tmp_path: Path) -> None:
    said = write(tmp_path / "s.csv", ["id,Neutral,anger,happy", "a,1,0,0", "b,0,1,0", "c,0,0,1"])
    assert reports.score(said, write(tmp_path / "l.csv", ["id,label", "a,6", "b,0", "c,3"])).accuracy.value == 1


@pytest.mark.parametrize(
    "names",
    [
        ["1", "2", "10"],
        ["PrivateTest-9", "PrivateTest-10", "PrivateTest-100"],
        ["test/a/2.png", "test/a/10.png", "test/b/1.png"],
        ["img10", "img 2", "img"],
        ["9" * 999, "9" * 1000, "a"],
    ],
    ids=["integers", "ours", "file names", "with a blank", "long"],
)
def test_a_submission_without_ids_is_for_labels_in_the_order_of_names(names: list[str], tmp_path: Path) -> None:
    said = write(tmp_path / "s.csv", ["0", "1", "2"])
    pairs = [f"{name},{label}" for label, name in enumerate(names)]
    assert reports.score(said, write(tmp_path / "l.csv", ["id,emotion", *pairs])).accuracy.value == 1
    shuffled = write(tmp_path / "l.csv", ["id,emotion", pairs[0], pairs[2], pairs[1]])
    with pytest.raises(UserError, match=r"l.csv, line 4: the id .*, expected ids in ascending order") as caught:
        reports.score(said, shuffled)
    assert "\n" not in str(caught.value)
    with_ids = write(tmp_path / "s.csv", ["id,emotion", *pairs])
    assert reports.score(with_ids, shuffled).accuracy.value == 1


def test_any_other_class_names(tmp_path: Path) -> None:
    said = write(tmp_path / "s.csv", rows("id,species", ["cat", "dog", "cat"]))
    true = write(tmp_path / "l.csv", rows("id,class", ["cat", "dog", "dog"]))
    found = reports.score(said, true)
    assert found.accuracy.value == pytest.approx(2 / 3)
    assert found.macro_f1.value == pytest.approx(2 / 3)
    assert found.never_right == {}


@pytest.mark.parametrize(
    ("said", "true", "right", "never_right"),
    [
        ([1, 0, 2], [1, 1, 1], 1 / 3, {"0": 1, "2": 1}),
        ([8, 1, 5, 0], [0, 1, 5, 0], 3 / 4, {"8": 1}),
        ([0, 1, -1], [0, 1, 2], 2 / 3, {"-1": 1}),
        ([0, "happy", 2], [0, 3, 3], 2 / 3, {"fear": 1}),
    ],
    ids=["three classes", "ten classes", "negative", "a name of FER-2013's"],
)
def test_integers_are_those_of_fer_only_beside_a_name(
    said: list[object], true: list[object], right: float, never_right: dict[str, int], tmp_path: Path
) -> None:
    submission = write(tmp_path / "s.csv", rows("id,label", said))
    found = reports.score(submission, write(tmp_path / "l.csv", rows("id,label", true)))
    assert found.accuracy.value == pytest.approx(right)
    assert found.never_right == never_right


@pytest.mark.parametrize(
    ("submission", "labels", "message"),
    [
        (["0", "1"], ["0", "1", "2"], "s.csv has 2 rows, expected 3, one for each of the labels in .*l.csv"),
        (
            ["id,emotion", "a,0"],
            ["id,emotion", "a,0", "b,1"],
            "has 1 ids, expected 2, those of .*l.csv: 'b' is missing",
        ),
        (
            ["id,emotion", "a,0", "c,0"],
            ["id,emotion", "a,0", "b,1"],
            "line 3: the ids do not match: no id of .*l.csv is 'c', and 'b' is missing here",
        ),
        (["id,emotion", "a/1,0", "b/2,0"], ["id,emotion", "a/1,0", "a/2,1"], "line 3: .*no id of .*l.csv is 'b/2'"),
        (["id,emotion", "a,0", "i.2,0"], ["id,emotion", "a,0", "i.1,1"], "line 3: .*no id of .*l.csv is 'i.2'"),
        (["id,emotion", "a,0", "a,0"], ["id,emotion", "a,0", "b,1"], "line 3: the id 'a' occurs a second time"),
        (["id,emotion", "a,0"], ["id,emotion", "a,0", "a,1"], "l.csv, line 3: the id 'a' occurs a second time"),
        (["hapy", "sad"], ["happy", "sad"], "s.csv has 1 row, expected 2.* a first line that is not a class counts"),
        (["8", "1"], ["happy", "sad"], "s.csv, line 1: unknown class '8'"),
        (["1", "2"], ["cat", "dog"], "write both as integers or both as names"),
        (["id,x,y", "a,0.5,0.3"], ["id,emotion", "a,x"], "sample 'a' has probabilities that sum to 0.8, expected 1"),
        (["id,x,y", "a,1,0"], ["id,emotion", f"{'a' * 1001},x"], "l.csv, line 2: id is too long"),
        (["id,x,y", "a,0.5,much"], ["id,emotion", "a,x"], "line 2: 'much' is not a number, expected a probability"),
        (["id,x,y", "a,1,0"], ["id,emotion", "a,z"], "l.csv, line 2: unknown class 'z'"),
        (["id,x", "a,1", "b"], ["id,emotion", "a,z"], "line 3: 1 columns, expected 2"),
        ([""], ["1"], "is empty: expected a header, and one row per sample"),
    ],
)
def test_what_does_not_match(submission: list[str], labels: list[str], message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=message):
        reports.score(write(tmp_path / "s.csv", submission), write(tmp_path / "l.csv", labels))


def test_the_command_prints_the_scores(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    submission, labels = write(tmp_path / "s.csv", as_lines(SAID)), write(tmp_path / "l.csv", as_lines(TRUE))
    assert main(["score", str(submission), "--labels", str(labels)]) == 0
    said = capsys.readouterr().out
    assert said == f"{submission}: {score_text(reports.score(submission, labels))}"
    assert "accuracy    70.00 %   95 % interval 39.68 to 89.22 (Wilson)" in said
    assert "NOTE: 1 rows have a class that no label has, such as '4'" in said


@pytest.mark.parametrize(
    ("submission", "labels"),
    [
        (["1.0", "0.0", "1"], ["1", "0", "01"]),
        (["Cat", "dog", "CAT"], ["cat", "Dog", "cat"]),
        (["10.0", "9.0", "1.0"], ["10", "9", "1"]),
    ],
)
def test_one_class_in_several_spellings(submission: list[str], labels: list[str], tmp_path: Path) -> None:
    found = reports.score(write(tmp_path / "s.csv", submission), write(tmp_path / "l.csv", labels))
    assert (found.accuracy.value, found.macro_f1.value, found.never_right) == (1, 1, {})


@pytest.mark.parametrize(
    ("header", "labels"),
    [
        ("id,p_0,p_1,p_2", ["0", "1", "2"]),
        ("id,p_0,p_1,p_2", ["angry", "Disgust", "fear"]),
        ("id,prob_angry,prob_disgust,prob_fear", ["0", "1", "2"]),
        ("id,class1,class2,class3", ["1.0", "2.0", "3.0"]),
        ("id,Cat,Dog,Owl", ["cat", "dog", "owl"]),
    ],
)
def test_columns_with_a_prefix(header: str, labels: list[str], tmp_path: Path) -> None:
    said = write(tmp_path / "s.csv", [header, "a,1,0,0", "b,0,1,0", "c,0,0,1"])
    true = ["id,label", *[f"{name},{label}" for name, label in zip("abc", labels, strict=True)]]
    found = reports.score(said, write(tmp_path / "l.csv", true))
    assert found.accuracy.value == 1


@pytest.mark.parametrize(
    ("submission", "matched_by"),
    [
        (["angry,disgust,fear", "1,0,0", "0,1,0", "0,0,1"], "row"),
        ([",angry,disgust,fear", "0,1,0,0", "1,0,1,0", "2,0,0,1"], "row"),
        ([",id,angry,disgust,fear", "0,c,0,0,1", "1,a,1,0,0", "2,b,0,1,0"], "id"),
        ([",angry,disgust,fear", "c,0,0,1", "a,1,0,0", "b,0,1,0"], "id"),
        (["Unnamed: 0,label", "0,angry", "1,disgust", "2,fear"], "row"),
        ([",label", "c,fear", "a,angry", "b,disgust"], "id"),
    ],
    ids=["no ids", "row numbers", "row numbers and ids", "index of ids", "labels by row", "labels by id"],
)
def test_files_as_pandas_writes_them(submission: list[str], matched_by: str, tmp_path: Path) -> None:
    said = write(tmp_path / "s.csv", submission)
    for labels in (
        ["id,label", "a,0", "b,1", "c,2"],
        [",id,label", "0,a,0", "1,b,1", "2,c,2"],
        [",label", "a,0", "b,1", "c,2"],
    ):
        found = reports.score(said, write(tmp_path / "l.csv", labels))
        assert (found.accuracy.value, found.matched_by) == (1, matched_by)


@pytest.mark.parametrize("first", [0, 1])
def test_rows_go_by_their_numbers_where_the_labels_have_no_ids(first: int, tmp_path: Path) -> None:
    order, true = [3, 0, 11, 7, 1, 2, 10, 4, 5, 6, 8, 9], [row % 7 for row in range(12)]
    labels = write(tmp_path / "l.csv", ["label", *map(str, true)])
    said = write(tmp_path / "s.csv", ["id,label", *[f"{row + first},{true[row]}" for row in order]])
    assert reports.score(said, labels).accuracy.value == 1
    named = write(tmp_path / "n.csv", ["id,label", *[f"x{row},{true[row]}" for row in order]])
    with pytest.raises(
        UserError, match=r"n.csv: the id 'x0' after 'x3', expected ids in ascending order, because .* have"
    ):
        reports.score(named, labels)
    ascending = write(tmp_path / "a.csv", ["id,label", *[f"x{row},{true[row]}" for row in range(12)]])
    assert reports.score(ascending, labels).accuracy.value == 1
    assert reports.compare(said, ascending, labels=labels).difference == 0


def test_two_columns_of_probabilities_without_ids(tmp_path: Path) -> None:
    said = write(tmp_path / "s.csv", ["cat,dog", "0.25,0.75", "0.5,0.5"])
    found = reports.score(said, write(tmp_path / "l.csv", ["dog", "cat"]))
    assert found.accuracy.value == 1
    assert found.log_loss is not None
    assert found.log_loss.value == pytest.approx(-(np.log(0.75) + np.log(0.5)) / 2)


def test_ids_off_by_one_do_not_match(tmp_path: Path) -> None:
    said = write(tmp_path / "s.csv", ["id,emotion", *[f"{row + 1},{row % 7}" for row in range(50)]])
    true = write(tmp_path / "l.csv", ["id,emotion", *[f"{row},{row % 7}" for row in range(50)]])
    with pytest.raises(UserError, match=r"s.csv, line 51: the ids do not match: .* '50', and '0' is missing"):
        reports.score(said, true)


def test_how_ids_were_matched_is_said(tmp_path: Path) -> None:
    said = write(tmp_path / "s.csv", ["id,emotion", "0,1", "1,2"])
    true = write(tmp_path / "l.csv", ["image,emotion", "0000.jpg,1", "0001.jpg,2"])
    found = reports.score(said, true)
    assert found.accuracy.value == 1
    assert found.ids == "2 ids matched as numbers, leading zeros aside: '0' is '0000.jpg'"
    assert found.ids in score_text(found)


@pytest.mark.parametrize("missing", ["", "nan", "NaN"])
@pytest.mark.parametrize("said", [SAID, [FER[label] for label in SAID]], ids=["integers", "names"])
def test_a_missing_label_is_no_class(said: list[object], missing: str, tmp_path: Path) -> None:
    """Beside others, or in the place of all, as the toolkit itself writes sealed labels."""
    true: list[object] = [FER[label] if said is not SAID else label for label in TRUE]
    submission, other = (write(tmp_path / name, rows("id,emotion", said)) for name in ("s.csv", "t.csv"))
    some = write(tmp_path / "some.csv", rows("id,emotion", [*true[:8], missing, missing]))
    sealed = write(tmp_path / "sealed.csv", rows("id,emotion", [missing] * len(true)))
    for labels, message in (some, "line 10: no label; 2 samples have none"), (sealed, "all 10 labels are empty"):
        with pytest.raises(UserError, match=message):
            reports.score(submission, labels)
        with pytest.raises(UserError, match=message):
            reports.compare(str(submission), str(other), labels=labels)
    write(submission, rows("id,emotion", [*said[:8], missing, missing]))
    with pytest.raises(UserError, match=r"s\.csv, line 10: no label, expected one for each sample"):
        reports.score(submission, write(tmp_path / "whole.csv", rows("id,emotion", true)))


def test_ties_are_said(tmp_path: Path) -> None:
    tied = write(tmp_path / "s.csv", ["id,cat,dog", "a,0.5,0.5", "b,0.5,0.5", "c,0.9,0.1", "d,0.8,0.2"])
    found = reports.score(tied, write(tmp_path / "l.csv", ["id,label", "a,cat", "b,dog", "c,cat", "d,dog"]))
    assert found.accuracy.value == 0.5
    assert "50.0% of the samples have several likeliest classes" in " ".join(score_text(found).split())
    assert "accuracy is 25.00% to 75.00%" in " ".join(score_text(found).split())


@pytest.fixture
def both_splits(tmp_path: Path) -> Path:
    """Labels of validation, and ids alone of a sealed test set."""
    rows = [f"v{row},{FER[label]},validation" for row, label in enumerate(TRUE)]
    return write(tmp_path / "l.csv", ["id,label,split", *rows, *(f"t{row},,test" for row in range(len(TRUE)))])


@pytest.mark.parametrize(
    "submission",
    [
        ["id,label", *[f"v{row},{FER[label]}" for row, label in enumerate(SAID)]],
        ["id,label", *[f"{split}{row},{FER[label]}" for split in "tv" for row, label in enumerate(SAID)]],
        ["id,label,split", *[f"{split[0]}{row},{FER[label]},{split}" for split in ("test", "validation")
                             for row, label in enumerate(SAID)]],
    ],
    ids=["validation", "both", "both with splits"],
)  # fmt: skip
def test_labels_of_several_splits_are_for_the_one_that_is_predicted(
    submission: list[str], both_splits: Path, tmp_path: Path
) -> None:
    """As the import takes them; a sealed test set has no labels to score with."""
    file = write(tmp_path / "s.csv", submission)
    found = reports.score(file, both_splits)
    assert (found.images, found.accuracy.value) == (10, 0.7)
    assert f"labels of validation in {both_splits}" in found.notes
    again = write(tmp_path / "again.csv", submission)
    compared = reports.compare(str(file), str(again), labels=both_splits, runs=tmp_path / "none")
    assert (compared.split, compared.accuracies) == ("validation", (0.7, 0.7))


def test_a_file_that_is_not_there_is_all_that_is_told(tmp_path: Path) -> None:
    store_run(RunStore(tmp_path), config("a"), [predictions("validation", 20)])
    with pytest.raises(UserError, match=r"gone\.csv: \w.*(?<!--labels FILE)$"):
        reports.score(tmp_path / "gone.csv", runs=tmp_path)


def test_predictions_of_a_sealed_or_incomplete_test_are_of_no_other_split(both_splits: Path, tmp_path: Path) -> None:
    """Two splits may have as many samples: what has no ids may well be of test."""
    file = write(tmp_path / "s.csv", [str(label) for label in SAID])
    with pytest.raises(UserError, match="all 10 labels are empty, as those of a sealed test set are"):
        reports.score(file, both_splits)
    opened = write(both_splits, [line.replace(",,", ",angry,") for line in both_splits.read_text().split()])
    ids = [f"v{row}" for row in range(10)] + [f"t{row}" for row in range(9)]
    cut = write(tmp_path / "cut.csv", ["id,label", *(f"{name},angry" for name in ids)])
    with pytest.raises(UserError, match="t9"):
        reports.score(cut, opened)


def test_labels_of_two_splits_are_for_test_first(both_splits: Path, tmp_path: Path) -> None:
    opened = write(both_splits, [line.replace(",,", ",angry,") for line in both_splits.read_text().split()])
    file = write(tmp_path / "s.csv", ["angry"] * len(TRUE))
    assert reports.score(file, opened).accuracy.value == 1
    validation = write(tmp_path / "v.csv", ["id,label", *[f"v{row},angry" for row in range(len(TRUE))]])
    assert reports.score(validation, opened).accuracy.value == 0.2
    ids = [f"{split}{row},angry" for split in "vt" for row in range(len(TRUE))]
    everything = write(tmp_path / "a.csv", ["id,label", *ids])
    assert reports.score(everything, opened).images == 20
    with pytest.raises(UserError, match="expected 10, one for each of the test labels"):
        reports.score(write(tmp_path / "few.csv", ["angry"] * 7), opened)
