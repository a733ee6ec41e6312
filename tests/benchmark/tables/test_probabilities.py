"""Rounded rows are made to sum to 1; what rounding does not explain is refused with its sum."""

import resource
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from numpy.typing import NDArray
from predicted_files import of, predicted, truth

from benchmark.tables import probabilities
from ensembles.importing.importing import import_predictions
from zoo.errors import UserError

VALUES = predicted()


def imported(values: NDArray[np.floating], tmp_path: Path) -> NDArray[np.float32]:
    classes = values.shape[1]
    run = import_predictions(
        "x", values, labels=truth(classes=classes), runs=tmp_path, class_names=[*map(str, range(classes))]
    )
    return of(run).probabilities


@pytest.mark.parametrize("decimals", [1, 2, 3, 4])
def test_rounded_rows(decimals: int, tmp_path: Path) -> None:
    rounded = np.round(VALUES, decimals)
    sums = rounded.sum(axis=1)
    farthest = sums[np.abs(sums - 1).argmax()]
    said = f"rounded to {decimals} decimals?, rows made to sum to 1 .the farthest sums to {farthest:.6g}"
    with pytest.warns(UserWarning, match=said):
        found = imported(rounded, tmp_path)
    np.testing.assert_allclose(found, rounded / sums[:, None], atol=1e-6)


def test_three_decimals_of_a_thousand_classes(tmp_path: Path) -> None:
    values = predicted(classes=1000)
    values = values**3 / (values**3).sum(axis=1, keepdims=True)
    rounded = np.round(values, 3)
    assert np.abs(rounded.sum(axis=1) - 1).max() > 0.02
    with pytest.warns(UserWarning, match="rounded to 3 decimals"):
        np.testing.assert_allclose(imported(rounded, tmp_path).sum(axis=1), 1, atol=1e-5)


def test_what_rounding_does_not_explain(tmp_path: Path) -> None:
    rounded = np.round(VALUES, 3)
    # Three classes and three decimals explain 3 x 0.5 x 10^-3 = 0.0015.
    rounded[4] = [0.5, 0.3, 0.199]
    rounded[7] = [0.5, 0.3, 0.198]
    rounded[9] = [0.5, 0.3, 0.202]
    said = "row 8 has probabilities that sum to 0.998, expected 1, which rounding to 3 decimals does not explain"
    with pytest.raises(UserError, match=f"{said} .and 1 other sample\\)"):
        imported(rounded, tmp_path)


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("wrong", [1, 3])
def test_numbers_too_large_to_be_scaled(kind: type, wrong: int, tmp_path: Path) -> None:
    """NumPy's warnings of overflow would reach the user beside our line; here they are errors."""
    values = VALUES.astype(kind)
    values[5, :wrong] = np.finfo(kind).max
    with pytest.raises(UserError, match=r"row 6 has probabilities that (sum to|are not finite)"):
        imported(values, tmp_path)


def test_several_labels_a_row_are_no_rounding(tmp_path: Path) -> None:
    votes = np.eye(30)[truth(classes=30)]
    votes[3, :2] = 1
    with pytest.raises(UserError, match=r"row 4 has probabilities that sum to [23], expected 1"):
        imported(votes, tmp_path)
    votes[3] = 0
    with pytest.raises(UserError, match="row 4 has probabilities that sum to 0, expected 1"):
        imported(votes, tmp_path)


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
def test_exact_rows_stay_as_they_are(kind: type, tmp_path: Path) -> None:
    values = VALUES.astype(kind)
    np.testing.assert_array_equal(imported(values, tmp_path), values.astype(np.float32))


@given(st.integers(0, 1000), st.integers(2, 40), st.integers(2, 6))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_every_rounding_is_explained(seed: int, classes: int, decimals: int) -> None:
    exact = np.random.default_rng(seed).dirichlet(np.full(classes, 0.3), 20)
    rounded = np.round(exact, decimals).astype(np.float32)
    values = probabilities._Values(probabilities.Rows("x", "", values=rounded), None, logits=False)
    sums = rounded.sum(axis=1, dtype=np.float64)
    explained = probabilities._explained(values, sums, decimals)
    assert explained[sums > 0].all()


@pytest.mark.parametrize("logits", [False, True])
def test_percentages_of_one_class_are_recognised(logits: bool, tmp_path: Path) -> None:
    lines = ["id,yes", *[f"{row},{row % 100}.5" for row in range(200)]]
    (tmp_path / "p.csv").write_text("\n".join(lines) + "\n")
    (tmp_path / "l.csv").write_text(
        "\n".join(["id,label", *[f"{row},{'yes' if row % 2 else 'no'}" for row in range(200)]])
    )
    with pytest.raises(UserError, match=r"are these percentages\? then divide them by 100") as error:
        import_predictions("x", tmp_path / "p.csv", labels=tmp_path / "l.csv", runs=tmp_path / "runs", logits=logits)
    assert "negative" not in str(error.value)
    assert ("leave --logits out" in str(error.value)) == logits


def test_percentages_are_recognised(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"sum to 100, .*are these percentages"):
        imported(100 * VALUES, tmp_path)


def test_blocks_make_no_difference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probabilities, "BLOCK_NUMBERS", 7)
    rounded = np.round(VALUES, 2)
    with pytest.warns(UserWarning, match="rounded to 2 decimals"):
        found = imported(rounded, tmp_path)
    np.testing.assert_allclose(found, rounded / rounded.sum(axis=1, keepdims=True), atol=1e-6)


def test_a_mapped_file_takes_twice_its_size(tmp_path: Path) -> None:
    samples, classes = 4000, 2500
    labels = np.arange(samples) % classes
    values = np.full((samples, classes), 0.5 / (classes - 1), np.float32)
    values[np.arange(samples), labels] = 0.5
    np.save(tmp_path / "x.npy", values)
    size = values.nbytes
    del values
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    import_predictions("x", tmp_path / "x.npy", labels=labels, runs=tmp_path / "runs")
    taken = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before
    assert taken < 3 * size
