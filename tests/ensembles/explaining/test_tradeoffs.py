"""Which members an ensemble could do without."""

import numpy as np
import pytest
from stored_runs import CLASS_NAMES, DATASET, config, ids, store_run, true_labels

import ensembles
from benchmark.metrics import accuracy
from benchmark.records import Predictions
from benchmark.store.run_store import RunStore
from ensembles.cli import main
from ensembles.explaining.tradeoffs import smallest
from zoo.errors import UserError


@pytest.fixture
def thirds(tmp_path) -> RunStore:  # type: ignore[no-untyped-def]
    """`a`, `b` and `c` are sure and right about one third of the images each; `d` about the first ten of `a`'s."""
    store = RunStore(tmp_path / "runs")
    labels = true_labels("validation", 300)
    for model, right in (("a", range(100)), ("b", range(100, 200)), ("c", range(200, 300)), ("d", range(10))):
        known = np.isin(np.arange(300), right)
        probabilities = np.where(
            known[:, None], np.eye(3)[labels], np.roll(np.eye(3)[labels], 1, axis=1) * 0.2 + 0.4 / 1.5
        )
        probabilities /= probabilities.sum(axis=1, keepdims=True)
        found = Predictions("validation", ids("validation", 300), CLASS_NAMES, probabilities.astype(np.float32), labels)
        store_run(store, config(model), [found])
    return store


def test_the_fewest_that_are_nearly_as_good(thirds: RunStore) -> None:
    # Every further third adds a third, and d nothing.
    assert smallest("a,b,c,d", within=0, runs=thirds.root) == ("a", "b", "c")
    two = smallest("d,c,b,a", within=34, runs=thirds.root)
    assert len(two) == 2
    assert "d" not in two


def test_the_names_are_those_of_build(thirds: RunStore) -> None:
    run = ensembles.build(smallest("a,b,c,d", within=1, runs=thirds.root), runs=thirds.root)
    assert run.config.model == "a+b+c"
    predicted = run.predictions("validation")
    assert predicted is not None
    assert predicted.labels is not None
    assert accuracy(predicted.probabilities, predicted.labels) == 1


def test_one_that_is_enough_alone_is_no_ensemble(thirds: RunStore) -> None:
    with pytest.raises(UserError, match=r"a alone \(33.33% on validation\) is within 70 points .* \(100.00%\)"):
        smallest("a,b,c,d", within=70, runs=thirds.root)


@pytest.mark.parametrize("within", [-0.1, 101, float("nan")])
def test_a_margin_is_in_points(thirds: RunStore, within: float) -> None:
    with pytest.raises(UserError, match="0 to 100"):
        smallest("a,b", within=within, runs=thirds.root)


def test_what_explain_calls_smallest_is_the_same(thirds: RunStore) -> None:
    ensembles.build("a,b,c,d", runs=thirds.root)
    found = ensembles.explain("a+b+c+d", runs=thirds.root, within=34).tradeoff
    assert found.smallest.members == smallest("a,b,c,d", within=34, runs=thirds.root)
    assert thirds.snapshot(DATASET).damaged == ()


def test_build_takes_the_fewest_within_a_margin(thirds: RunStore, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["build", "a,b,c,d", "--within", "1", "--runs", str(thirds.root)]) == 0
    assert "a+b+c: average of a, b, c" in capsys.readouterr().out
    (run,) = thirds.resolve(DATASET, "a+b+c")
    assert run.config.remark == "its members were chosen on these validation samples (--within 1)"
    assert main(["build", "--from", "all", "--within", "1", "--method", "greedy", "--runs", str(thirds.root)]) == 0
    assert "a+b+c:greedy" in capsys.readouterr().out
    assert main(["build", "a", "--seeds", "2", "--within", "1", "--runs", str(thirds.root)]) == 2
    assert "leave one of the two out" in capsys.readouterr().err
