"""`ensembles.import_predictions` takes what a notebook has, and what follows works on such a store."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from predicted_files import IDS, NAMES, SAMPLES, TEST_IDS, TESTED, label_frame, of, predicted, truth, wide_frame, write

import ensembles
import reports
from ensembles.cli import main
from reports.cli import main as reports_main
from zoo.errors import UserError

VALUES = predicted()
GIVEN: dict[str, Any] = {
    "an array": VALUES,
    "lists": VALUES.tolist(),
    "a frame": wide_frame(VALUES),
    "a frame without ids": wide_frame(VALUES)[list(NAMES)],
    "an index of ids": wide_frame(VALUES).set_index("id").sample(frac=1, random_state=0),
    "columns by number": pd.DataFrame(VALUES),
}


@pytest.mark.parametrize("name", GIVEN)
def test_arrays_and_frames(name: str, tmp_path: Path) -> None:
    run = ensembles.import_predictions("mine", validation=GIVEN[name], labels=label_frame(), runs=tmp_path)
    np.testing.assert_allclose(of(run).probabilities, VALUES, atol=1e-7)
    assert of(run).sample_ids.tolist() == IDS


@pytest.mark.parametrize(
    "said",
    [VALUES.argmax(axis=1), pd.Series(VALUES.argmax(axis=1), index=IDS), [NAMES[at] for at in VALUES.argmax(axis=1)]],
)
def test_hard_labels(said: Any, tmp_path: Path) -> None:
    run = ensembles.import_predictions("mine", said, labels=label_frame(), runs=tmp_path)
    np.testing.assert_array_equal(of(run).probabilities.argmax(axis=1), VALUES.argmax(axis=1))
    assert "hard labels" in run.config.remark


def test_ids_by_split(tmp_path: Path) -> None:
    order = np.random.default_rng(0).permutation(SAMPLES)
    ids = {"validation": np.array(IDS)[order], "test": TEST_IDS}
    run = ensembles.import_predictions(
        "mine", VALUES[order], predicted(TESTED, 5), labels=label_frame(), ids=ids, runs=tmp_path
    )
    np.testing.assert_allclose(of(run).probabilities, VALUES, atol=1e-7)
    assert of(run, "test").sample_ids.tolist() == TEST_IDS


def test_one_frame_of_both_splits(tmp_path: Path) -> None:
    """A frame tells by its ids which rows are of test, as a file does; of test alone it is no validation."""
    ids, values = [*IDS, *TEST_IDS], np.vstack([VALUES, predicted(TESTED, 5)])
    labels = pd.DataFrame({"id": ids, "label": [NAMES[label] for label in (*truth(), *truth(TESTED))]})
    labels["split"] = ["validation"] * SAMPLES + ["test"] * TESTED
    frame = wide_frame(values, ids).sample(frac=1, random_state=0)
    run = ensembles.import_predictions("mine", frame, labels=labels, runs=tmp_path)
    np.testing.assert_allclose(of(run).probabilities, VALUES, atol=1e-7)
    np.testing.assert_allclose(of(run, "test").probabilities, values[SAMPLES:], atol=1e-7)
    with pytest.warns(UserWarning, match="are those of mine"):
        joined = ensembles.import_predictions("joined", frame.set_index("id"), runs=tmp_path)
    assert of(joined, "test").sample_ids.tolist() == of(run, "test").sample_ids.tolist()
    of_test = frame[frame["id"].isin(TEST_IDS)]
    with pytest.raises(UserError, match=f"has {TESTED} validation samples, such as 05.*they are not in the labels"):
        ensembles.import_predictions("theirs", of_test, labels=labels, runs=tmp_path)


def test_labels_by_split(tmp_path: Path) -> None:
    """As a notebook has them, two arrays; predictions without ids are in their order."""
    labels = {"validation": truth(), "test": truth(TESTED)}
    run = ensembles.import_predictions("mine", VALUES, predicted(TESTED, 5), labels=labels, runs=tmp_path)
    assert (of(run).labels == truth()).all()
    assert (of(run, "test").labels == truth(TESTED)).all()
    frames = {"validation": label_frame(), "test": label_frame().iloc[:TESTED].assign(id=TEST_IDS)}
    tested = wide_frame(predicted(TESTED, 5), TEST_IDS)
    named = ensembles.import_predictions("a", wide_frame(VALUES), tested, labels=frames, runs=tmp_path / "b")
    assert of(named).sample_ids.tolist() == IDS
    for wrong, message in (
        ({"tset": truth()}, "labels are of train, validation, test, got some of 'tset'|got some of 'tset'"),
        ({}, "labels are of no split"),
        ({"validation": label_frame(), "test": truth(TESTED)}, "expected all or none"),
        ({"validation": label_frame(split="test")}, "the labels of validation have a split of their own, 'test'"),
    ):
        with pytest.raises(UserError, match=message):
            ensembles.import_predictions("mine", VALUES, labels=wrong, runs=tmp_path / "c")


def test_arguments_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="'lables': did you mean labels"):
        ensembles.import_predictions("mine", VALUES, lables=truth(), runs=tmp_path)  # type: ignore[call-arg]
    with pytest.raises(UserError, match="name must be text, got a value of type ndarray"):
        ensembles.import_predictions(VALUES, labels=truth(), runs=tmp_path)  # type: ignore[arg-type]
    with pytest.raises(UserError, match="the class cat is named twice in cat, cat, owl"):
        ensembles.import_predictions("mine", VALUES, labels=truth(), class_names="cat,cat,owl", runs=tmp_path)
    run = ensembles.import_predictions("mine", VALUES, labels=truth(), class_names="cat,dog,owl", runs=tmp_path)
    assert run.class_names == NAMES
    with pytest.raises(TypeError, match="'colums': did you mean columns"):
        reports.leaderboard(tmp_path, colums="ece")  # type: ignore[call-arg]
    with pytest.raises(UserError, match="top must be a whole number, got '2'"):
        reports.leaderboard(tmp_path, top="2")  # type: ignore[arg-type]


def test_a_run_stands_for_its_name(tmp_path: Path) -> None:
    one, two = (
        ensembles.import_predictions(name, predicted(seed=seed), labels=label_frame(), runs=tmp_path)
        for seed, name in enumerate("ab")
    )
    built = ensembles.build([one, "b"], runs=tmp_path)
    assert built.config.members == (one.name, two.name)
    assert reports.compare(one, two, runs=tmp_path).p_value == reports.compare("a", "b", runs=tmp_path).p_value
    assert ensembles.explain(built, runs=tmp_path, within=np.float32(1)).run == built.name
    with pytest.raises(UserError, match=r"call ensembles\.build_all, or give the command `--method all`"):
        ensembles.build("a,b", method="all", runs=tmp_path)


def test_a_frame_of_folds_and_the_index_of_a_split(tmp_path: Path) -> None:
    """As `train_test_split` leaves frames: their index is that of the rows of the whole."""
    labels = pd.Series(truth(), name="species", index=np.random.default_rng(0).permutation(200)[:SAMPLES])
    said = pd.DataFrame(VALUES, index=labels.index).sample(frac=1, random_state=1)
    run = ensembles.import_predictions("mine", said, labels=labels, runs=tmp_path)
    np.testing.assert_allclose(of(run).probabilities, VALUES, atol=1e-7)
    assert of(run).sample_ids.tolist() == [str(name) for name in labels.index]


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (np.ones((2, 2, 2)), r"the validation predictions: probabilities are float64 \(2, 2, 2\), expected numbers"),
        (np.array([[1j, 0]] * SAMPLES), "expected numbers"),
        ([[1], [1, 2]], "the validation predictions is not an array|probabilities are object"),
        (VALUES[:, :2], "has 2 columns, expected 3, one for each class: cat, dog, owl or 0, 1, 2"),
        (np.empty((0, 3)), "has no rows"),
        (3, r"expected numbers of shape \(samples, classes\)"),
        (wide_frame(VALUES).assign(cat="x"), "the column cat has no numbers"),
        (None, "no predictions"),
    ],
)
def test_what_is_none(said: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=message):
        ensembles.import_predictions("mine", said, labels=label_frame(), runs=tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("said", "classes", "message"),
    [
        (VALUES, NAMES[:2], "has 3 columns without names; --classes names 2"),
        (wide_frame(VALUES).rename(columns={name: str(place) for place, name in enumerate(NAMES)}), NAMES[:2],
         "has 3 columns without names; --classes names 2"),
        (VALUES[:, 0], NAMES, "has one column, of one of two classes; --classes names 3"),
    ],
)  # fmt: skip
def test_too_few_or_too_many_classes_are_named(
    said: Any, classes: tuple[str, ...], message: str, tmp_path: Path
) -> None:
    ensembles.import_predictions("first", VALUES[::-1].copy(), labels=label_frame(), runs=tmp_path)
    with pytest.raises(UserError, match=message):
        ensembles.import_predictions("mine", said, class_names=classes, runs=tmp_path)
    # Named columns may be some of the classes' names in another order.
    ensembles.import_predictions("named", wide_frame(VALUES), class_names=NAMES[:2], runs=tmp_path)


@pytest.fixture(params=["both", "validation", "test"])
def imported(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A store of three imported runs and nothing else, with predictions of the splits that the name says."""
    monkeypatch.chdir(tmp_path)
    for seed, name in enumerate("abc"):
        test = wide_frame(predicted(TESTED, 10 + seed), TEST_IDS)
        if request.param == "test":
            ensembles.import_predictions(name, test=test, data="trial")
        else:
            test = test if request.param == "both" else None
            ensembles.import_predictions(name, predicted(seed=seed), test, labels=label_frame())
    return str(request.param)


def test_every_report_works_on_imports_alone(imported: str, capsys: pytest.CaptureFixture[str]) -> None:
    judged = imported != "test"
    assert main(["build", "a,b,c", "--method", "all" if judged else "vote"]) == 0
    assert len(reports.leaderboard()) >= 4
    assert reports_main(["leaderboard", "--per-class"]) == 0
    write(Path("truth.csv"), pd.DataFrame({"id": TEST_IDS, "label": [NAMES[at] for at in truth(TESTED)]}))
    labels = [] if judged else ["--labels", "truth.csv"]
    ensemble = "a+b+c" if judged else "a+b+c:vote"
    assert reports_main(["compare", "a", "b", *labels]) == 0
    assert reports_main(["model", "a", *labels, "-o", "page"]) == 0
    assert main(["explain", ensemble]) == (0 if judged else 2)
    assert reports_main(["submission", ensemble, "-o", "s.csv"]) == (2 if imported == "validation" else 0)
    said = capsys.readouterr()
    assert "Traceback" not in said.err
    for line in said.err.splitlines():
        assert line.startswith(("error: ", "note: ")), line
