"""Costs, subsets and fronts, against brute force."""

import json
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from stored_runs import config, predictions, store_run

from benchmark.files.run_layout import ENSEMBLE
from benchmark.metrics import accuracy, log_loss
from benchmark.records import RunRecord
from benchmark.store.run_store import RunStore
from ensembles.costs import (
    Cost,
    Search,
    Subset,
    cost,
    milliseconds_one_image,
    model_bytes,
    networks,
    pareto_front,
    search,
    trained,
)


def _mean(probabilities):  # type: ignore[no-untyped-def]
    return probabilities.mean(axis=0)


def _case(members: int, n: int = 120, classes: int = 4):  # type: ignore[no-untyped-def]
    generator = np.random.default_rng(members)
    labels = generator.integers(0, classes, n)
    skill = np.linspace(0.1, 0.8, members)[:, None, None]
    scores = generator.dirichlet(np.ones(classes), (members, n)) + skill * np.eye(classes)[labels]
    return scores / scores.sum(axis=2, keepdims=True), labels


def test_costs_add_up_and_each_network_counts_once(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    one = store_run(store, config("one"), [predictions("validation", 10)], parameters=7, milliseconds_per_image=0.5)
    two = store_run(store, config("two"), [predictions("validation", 10)], durations={"train": 1800.0})
    found = cost([one, two, one])
    assert (found.parameters, found.milliseconds) == (1007, 0.75)
    assert found.train_hours == pytest.approx(1812.5 / 3600)


def test_the_time_of_one_image_adds_up_where_every_network_says_it(tmp_path: Path) -> None:
    store, found = RunStore(tmp_path), [predictions("validation", 10)]
    one = store_run(store, config("one"), found, milliseconds_one_image=2.0)
    flipped = store_run(store, config("one", tta="flip"), found, milliseconds_one_image=4.0)
    old = store_run(store, config("old"), found)
    cropped = store_run(store, config("one", tta="tencrop"), found, milliseconds_one_image=20.0)
    shifted = store_run(store, config("one", tta="shifts"), found, milliseconds_one_image=36.0)
    # The image is one of the two views that a flip predicts, and none of the ten crops.
    assert milliseconds_one_image([one, flipped, one]) == 4.0
    assert milliseconds_one_image([one, cropped]) == 22.0
    # Shifts have both views of a flip.
    assert milliseconds_one_image([one, flipped, shifted]) == 36.0
    assert milliseconds_one_image([one, old]) is None


def test_views_of_a_network_were_trained_once(tmp_path: Path) -> None:
    store, facts = RunStore(tmp_path), {"parameters": 7, "flops": 50, "model_bytes": 28}
    found = [predictions("validation", 10)]
    plain = store_run(store, config("one"), found, **facts)
    flipped = store_run(store, config("one", tta="flip"), found, **facts | {"flops": 100})
    other = store_run(store, config("one"), found, seed=1, **facts)
    assert trained([plain, flipped, other]) == [flipped, other]
    assert cost([plain, flipped, other]) == Cost(14, 150, 0.5, pytest.approx(25 / 3600))


def test_thousands_of_subsets_hash_each_network_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, found = RunStore(tmp_path), [predictions("validation", 10)]
    runs = [store_run(store, config(f"m{n}", tta=tta, cycle=2), found) for n in range(3) for tta in ("none", "flip")]
    hashed: list[str] = []
    usual = json.dumps
    monkeypatch.setattr("benchmark.records.json.dumps", lambda *a, **b: hashed.append(usual(*a, **b)) or hashed[-1])
    costs = [cost(subset) for size in range(1, 7) for subset in combinations(runs, size)]
    assert len(costs) == 63
    # Each row's network, and its first cycle.
    assert len(hashed) <= 2 * len(runs)


def test_folds_are_several_networks(tmp_path: Path) -> None:
    facts = {"parameters": 7, "flops": 150, "model_bytes": 28}
    folded = store_run(RunStore(tmp_path), config("one", folds=3), [predictions("validation", 10)], **facts)
    assert cost([folded]) == Cost(21, 150, 0.25, pytest.approx(12.5 / 3600))
    assert model_bytes([folded, folded]) == 84


def test_an_ensemble_takes_the_networks_of_its_members_that_weigh(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    one, two, three = (store_run(store, config(name), [predictions("validation", 10)]) for name in ("a", "b", "c"))
    members = [
        {"name": "a", "runs": [one.name], "weight": 1.0},
        {"name": "b", "runs": [two.name], "weight": 0.0},
    ]
    asked = config("a+b", kind="ensemble", members=(one.name, two.name))
    record = RunRecord(config=asked, seed=0, parameters=5)
    inner = store.put(record, {"validation": predictions("validation", 10)}, {ENSEMBLE: {"members": members}})
    stored = {run.name: run for run in (one, two, three, inner)}
    assert networks([inner, three, one], stored) == [one, three]
    del stored[one.name]
    assert networks([inner, three], stored) == [inner, three]


def test_a_sum_with_an_unknown_is_unknown(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    one = store_run(store, config("one"), [predictions("validation", 10)])
    two = store_run(store, config("two"), [predictions("validation", 10)], parameters=None, durations={})
    assert cost([one, two]) == Cost(None, None, 0.5, None)


def test_all_subsets_of_a_few_are_tried() -> None:
    probabilities, labels = _case(5)
    found = search(_mean, probabilities, labels)
    assert found.exhaustive
    assert len(found.subsets) == 31
    expected = {
        chosen: accuracy(probabilities[list(chosen)].mean(axis=0), labels)
        for size in range(1, 6)
        for chosen in combinations(range(5), size)
    }
    assert {subset.members: subset.accuracy for subset in found.subsets} == expected
    assert found.best.accuracy == max(expected.values())
    assert found.best.log_loss == log_loss(probabilities[list(found.best.members)].mean(axis=0), labels)


def test_of_many_the_worst_goes_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ensembles.costs.EXHAUSTIVE", 3)
    probabilities, labels = _case(5)
    found = search(_mean, probabilities, labels)
    assert not found.exhaustive
    # Five alone, all five, five of four, four of three, three of two.
    assert [len(subset.members) for subset in found.subsets] == [1] * 5 + [5] + [4] * 5 + [3] * 4 + [2] * 3
    fours = [subset for subset in found.subsets if len(subset.members) == 4]
    best = max(fours, key=lambda subset: (subset.accuracy, -subset.log_loss))
    threes = [subset for subset in found.subsets if len(subset.members) == 3]
    assert all(set(subset.members) < set(best.members) for subset in threes)


def test_the_smallest_within_a_margin() -> None:
    found = Search(
        (
            Subset((0,), 0.690, 0.9),
            Subset((1,), 0.697, 0.9),
            Subset((2,), 0.697, 0.8),
            Subset((0, 1), 0.699, 0.7),
            Subset((0, 1, 2), 0.700, 0.7),
        ),
        exhaustive=True,
    )
    assert found.smallest(0).members == (0, 1, 2)
    assert found.smallest(0.1).members == (0, 1)
    # 0.3 points below is within 0.3; of two alike the lower log loss.
    assert found.smallest(0.3).members == (2,)


def test_front_by_hand() -> None:
    costs = [1, 2, 2, 3, 4, None, 2]
    accuracies = [0.5, 0.6, 0.7, 0.7, 0.8, 0.9, 0.7]
    assert pareto_front(costs, accuracies) == [True, False, True, False, True, False, True]


def test_front_is_what_nothing_beats() -> None:
    generator = np.random.default_rng(0)
    costs, accuracies = generator.integers(0, 8, (2, 60)).tolist()
    expected = [
        not any(
            (c <= costs[i] and a >= accuracies[i]) and (c < costs[i] or a > accuracies[i])
            for c, a in zip(costs, accuracies, strict=True)
        )
        for i in range(60)
    ]
    assert pareto_front(costs, accuracies) == expected
