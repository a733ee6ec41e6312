"""Stacking with one coefficient a member: by hand, against scipy, in blocks, and by its promises."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from stored_runs import config, ids, store_run
from synthetic_members import synthetic

import ensembles
from benchmark.metrics import log_loss
from benchmark.records import Predictions
from benchmark.store.run_store import RunStore
from ensembles.building.building import stored_combination
from ensembles.member_rows import MemberRows, Source
from ensembles.methods import shared_stacking
from ensembles.methods.combination import stratified_folds
from ensembles.methods.methods import restored
from ensembles.methods.options import FOLDS, Options
from ensembles.methods.shared_stacking import SharedStack, best_exponents, fit_shared_stack
from zoo.errors import UserError

Array = NDArray[np.float64]


def objective(exponents: Array, probabilities: Array, labels: NDArray[np.int64]) -> float:
    """The sum of losses and half the squares of the exponents."""
    pooled = SharedStack(exponents)(probabilities)
    return float(-np.log(pooled[np.arange(len(labels)), labels]).sum() + (exponents**2).sum() / 2)


def test_a_product_by_hand() -> None:
    # 0.5 * 0.8^2 against 0.5 * 0.2^2: 16 to 1.
    found = SharedStack(np.array([1.0, 2.0]))(np.array([[[0.5, 0.5]], [[0.8, 0.2]]]))
    np.testing.assert_allclose(found, [[16 / 17, 1 / 17]])


@pytest.mark.parametrize("seed", range(3))
def test_no_lower_objective_for_scipy(seed: int) -> None:
    optimize: Any = pytest.importorskip("scipy.optimize")
    # As many members as samples of some fits, two of them copies and one useless.
    probabilities, labels = synthetic(6, 200, classes=5, seed=seed)
    probabilities[4], probabilities[5] = probabilities[3], probabilities[5][::-1]
    some = np.arange(200) % 5 > 0
    found = best_exponents(probabilities, labels, [np.ones(200, bool), some])
    for exponents, rows in zip(found, (np.ones(200, bool), some), strict=True):
        said = probabilities[:, rows], labels[rows]
        result = optimize.minimize(objective, np.full(6, 0.2), said, bounds=[(0, None)] * 6, tol=1e-10)
        assert (exponents >= 0).all()
        assert objective(exponents, *said) <= result.fun + 2e-6 * rows.sum()


def test_every_row_is_predicted_by_the_other_folds() -> None:
    probabilities, labels = synthetic(3, 300, classes=4, seed=1)
    stack = fit_shared_stack(probabilities, labels, seed=7)
    folds = stratified_folds(labels, FOLDS, 7)
    assert stack.held_out is not None
    for fold in range(FOLDS):
        inside = folds == fold
        (alone,) = best_exponents(probabilities[:, ~inside], labels[~inside], [np.ones(int((~inside).sum()), bool)])
        expected = SharedStack(alone)(probabilities[:, inside])
        np.testing.assert_allclose(stack.held_out[inside], expected, atol=2e-3)
    average = log_loss(probabilities.mean(axis=0), labels)
    assert log_loss(stack(probabilities), labels) < log_loss(stack.held_out, labels) < average


def test_in_blocks_with_second_derivatives_of_some(monkeypatch: pytest.MonkeyPatch) -> None:
    probabilities, labels = synthetic(4, 600, classes=6, seed=3)
    expected = fit_shared_stack(probabilities, labels, seed=0)
    monkeypatch.setattr(shared_stacking, "BLOCK_BYTES", 4 * 6 * 8 * 50)
    monkeypatch.setattr(shared_stacking, "CURVATURE_SAMPLES", 100)
    rows = MemberRows(tuple((Source(one.astype(np.float32), None),) for one in probabilities), probabilities.shape)
    found = fit_shared_stack(rows, labels, seed=0)
    np.testing.assert_allclose(found.exponents, expected.exponents, atol=5e-3)
    assert found.held_out is not None
    assert expected.held_out is not None
    assert log_loss(found.held_out, labels) == pytest.approx(log_loss(expected.held_out, labels), abs=1e-5)


def test_second_derivatives_are_of_samples_from_all_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where samples stand in the order of their classes, those of the first alone would mislead every step."""
    probabilities, labels = synthetic(4, 6_000, classes=3, seed=3)
    order = np.argsort(labels, kind="stable")
    passes = []
    derivatives = shared_stacking.Problem.derivatives
    monkeypatch.setattr(
        shared_stacking.Problem, "derivatives", lambda *args: passes.append(args[2]) or derivatives(*args)
    )
    whole = [np.ones(len(labels), bool)]
    straight = best_exponents(probabilities, labels, whole)
    taken = len(passes)
    passes.clear()
    ordered = best_exponents(probabilities[:, order], labels[order], whole)
    np.testing.assert_allclose(ordered, straight, atol=1e-2)
    assert len(passes) <= taken + 2
    covered = {int(labels[order][part].min()) for part in passes[0]}
    assert covered == {0, 1, 2}


def test_there_and_back() -> None:
    stack = SharedStack(np.array([0.5, 0.0, 1.5]))
    again = restored("stacking", json.loads(json.dumps(stack.to_json())))
    assert isinstance(again, SharedStack)
    np.testing.assert_array_equal(again.exponents, stack.exponents)
    np.testing.assert_array_equal(again.weights, [0.25, 0, 0.75])
    for exponents in ([-1.0, 2.0], [np.nan]):
        with pytest.raises(ValueError, match="finite and not negative"):
            SharedStack(np.array(exponents))
    with pytest.raises(ValueError, match="expected probabilities of 3 members, got 2"):
        stack(np.ones((2, 1, 2)))


def test_one_class_only() -> None:
    probabilities, _ = synthetic(2, 30, classes=3)
    with pytest.raises(UserError, match="at least two classes"):
        fit_shared_stack(probabilities, np.zeros(30, np.int64), seed=0)


def test_stored_and_explained(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    probabilities, labels = synthetic(3, 200, classes=4, seed=5)
    for number, said in enumerate(probabilities.astype(np.float32)):
        names = tuple("abcd")
        store_run(
            store, config(f"model{number}"), [Predictions("validation", ids("validation", 200), names, said, labels)]
        )
    plain = ensembles.build("all", runs=store.root, method="stacking", name="full")
    run = ensembles.build("all", runs=store.root, method="stacking", options=Options(features="shared"))
    assert run.config.hash != plain.config.hash
    assert isinstance(stored_combination(run), SharedStack)
    found = ensembles.explain(run.config.model, runs=store.root)
    weights = [member.weight for member in found.members]
    assert sum(weight for weight in weights if weight is not None) == pytest.approx(1)
