"""Hard labels that are numbers: which classes they mean is given, told by an npz, or assumed and said."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from predicted_files import IDS, NAMES, SAMPLES, label_frame, of, predicted, truth

import ensembles
import reports
from benchmark.tables.numbered_labels import with_names
from benchmark.tables.prediction_rows import Rows
from ensembles.cli import main

pytestmark = pytest.mark.filterwarnings("ignore:the likeliest classes", "ignore:the validation predictions")

OTHER = (NAMES[1], NAMES[2], NAMES[0])
VALUES = predicted()
LIKELIEST = VALUES.argmax(axis=1)
NUMBERS = np.array([OTHER.index(NAMES[at]) for at in LIKELIEST])
"""The likeliest classes, as a program would write them whose classes are in another order."""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A store with the dataset; so its classes have an order already."""
    ensembles.import_predictions("full", VALUES, labels=label_frame(), runs=tmp_path / "runs")
    np.save(tmp_path / "hard.npy", NUMBERS)
    np.savez(tmp_path / "named.npz", predictions=NUMBERS, class_names=np.array(OTHER), sample_ids=np.array(IDS))
    return tmp_path


def test_the_classes_that_are_given_are_in_the_order_of_the_numbers(place: Path) -> None:
    run = ensembles.import_predictions("hard", place / "hard.npy", class_names=OTHER, runs=place / "runs")
    np.testing.assert_array_equal(of(run).probabilities.argmax(axis=1), LIKELIEST)
    run = ensembles.import_predictions("array", NUMBERS, class_names=OTHER, runs=place / "runs")
    np.testing.assert_array_equal(of(run).probabilities.argmax(axis=1), LIKELIEST)


def test_an_npz_names_its_classes_to_every_command(place: Path) -> None:
    run = ensembles.import_predictions("named", place / "named.npz", runs=place / "runs")
    np.testing.assert_array_equal(of(run).probabilities.argmax(axis=1), LIKELIEST)
    compared = reports.compare(str(place / "named.npz"), "full", runs=place / "runs")
    assert compared.difference == 0


def test_what_was_assumed_is_said_and_the_right_order_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = np.array(NAMES)[truth(200)]
    np.save(tmp_path / "labels.npy", labels)
    np.save(tmp_path / "hard.npy", np.array([OTHER.index(name) for name in labels]))
    asked = ["import", str(tmp_path / "hard.npy"), "--labels", str(tmp_path / "labels.npy")]
    assert main([*asked, "--runs", str(tmp_path / "runs")]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert f"0, 1, 2 are {', '.join(NAMES)}; the rows are in the order of" in said
    assert f"with the numbers in the order {','.join(OTHER)} 100.00% would be: --classes gives the order of" in said
    assert main([*asked, "--classes", ",".join(OTHER), "--name", "right", "--runs", str(tmp_path / "runs")]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "validation accuracy 100.00%" in said
    assert "0, 1, 2 are" not in said


@pytest.mark.parametrize(
    ("labels", "class_names", "expected"),
    [
        (["1", "0"], ("b", "a"), ["a", "b"]),
        (["1.0", "00"], ("b", "a"), ["a", "b"]),
        # FER-2013's own numbers, where the classes are in its order; else places.
        (["0", "6"], ("angry", "fear", "happy", "sad", "surprise", "neutral"), ["angry", "neutral"]),
        (["0", "5"], ("neutral", "angry", "fear", "happy", "sad", "surprise"), ["neutral", "surprise"]),
        (["0", "1"], ("angry", "fear", "happy", "sad", "surprise", "neutral"), ["angry", "fear"]),
        # Names, numbers that are names, numbers of no class, and what could be read in two ways stay.
        (["a", "b"], ("b", "a"), ["a", "b"]),
        (["1", "0"], ("0", "1"), ["1", "0"]),
        (["0", "2"], ("b", "a"), ["0", "2"]),
        (["1", "2"], ("class_1", "class_2", "class_3"), ["1", "2"]),
    ],
)
def test_names_for_numbers(labels: list[str], class_names: tuple[str, ...], expected: list[str]) -> None:
    rows = Rows("here", "hard labels", labels=labels)
    assert list(with_names(rows, class_names).labels or ()) == expected


def test_a_column_of_0_and_1_that_is_named_after_a_class_stays() -> None:
    rows = Rows("here", "hard labels", labels=["0", "1"], headings=("a",))
    assert with_names(rows, ("a", "b")) is rows


@pytest.mark.parametrize("name", [None, 0, "", "id", "image", "split", "fold", "label", "cat"])
def test_another_name_of_a_series_changes_nothing(tmp_path: Path, name: Any) -> None:
    said = pd.Series([NAMES[at] for at in LIKELIEST], name=name)
    run = ensembles.import_predictions("mine", said, labels=label_frame(), runs=tmp_path)
    np.testing.assert_array_equal(of(run).probabilities.argmax(axis=1), LIKELIEST)


@pytest.mark.parametrize("hard", [False, True])
@pytest.mark.filterwarnings("ignore:every predicted label is the true one")
def test_a_series_is_of_the_class_that_it_is_named_after(tmp_path: Path, hard: bool) -> None:
    sick = np.array([["sick", "well"][label] for label in truth() % 2])
    labels = pd.DataFrame({"id": IDS, "label": sick})
    probability = np.where(sick == "sick", 0.9, 0.2)
    said: Any = pd.Series((probability > 0.5).astype(int) if hard else probability, name="sick", index=IDS)
    run = ensembles.import_predictions("mine", said, labels=labels, runs=tmp_path)
    found = of(run)
    assert found.labels is not None
    np.testing.assert_array_equal(found.probabilities.argmax(axis=1), found.labels)
    assert len(found.labels) == SAMPLES
