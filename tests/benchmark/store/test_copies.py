"""Runs that repeat another's predictions are found, whatever was done to the numbers; others are not."""

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import combinations

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmark.records import Predictions
from benchmark.store import copies
from benchmark.store.copies import Copy, compared, copies_among, copy_sentences, find_copies, sketched

Change = Callable[[NDArray[np.float64]], NDArray[np.float64]]


def made(seed: int, samples: int = 500, classes: int = 7) -> Predictions:
    scores = np.random.default_rng(seed).normal(0, 2, (samples, classes))
    exponents = np.exp(scores)
    return Predictions(
        split="validation",
        sample_ids=np.arange(samples).astype(np.str_),
        class_names=tuple(f"class {number}" for number in range(classes)),
        probabilities=(exponents / exponents.sum(axis=1, keepdims=True)).astype(np.float32),
    )


def changed(predictions: Predictions, change: Change) -> Predictions:
    values = change(predictions.probabilities.astype(np.float64))
    return replace(predictions, probabilities=(values / values.sum(axis=1, keepdims=True)).astype(np.float32))


def one_hot(probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.eye(probabilities.shape[1])[probabilities.argmax(axis=1)]


@pytest.mark.parametrize(
    "change",
    [
        lambda values: values,
        lambda values: values.astype(np.float16).astype(np.float64),
        lambda values: np.round(values, 3),
        lambda values: np.round(values, 2),
        lambda values: np.round(values.astype(np.float16).astype(np.float64), 2),
    ],
    ids=["itself", "half precision", "three decimals", "two decimals", "two decimals of half precision"],
)
def test_the_same_predictions(change: Change) -> None:
    ours = made(0)
    copy = changed(ours, change)
    expected = Copy("theirs", "ours", "validation", same_predictions=True)
    assert find_copies({"ours": ours, "other": made(1), "theirs": copy}) == [expected]
    assert find_copies({"ours": copy, "theirs": ours}) == [expected]
    assert copy_sentences([expected, replace(expected, split="test")]) == [
        "the validation and test predictions of theirs are those of ours"
    ]


@pytest.mark.parametrize("change", [one_hot, np.sqrt], ids=["hard votes", "another temperature"])
def test_the_same_likeliest_classes(change: Change) -> None:
    ours = made(0)
    (found,) = find_copies({"ours": ours, "theirs": changed(ours, change)})
    assert not found.same_predictions
    assert found.sentence == "the likeliest classes on validation are all those of ours"
    assert copy_sentences([found]) == ["the likeliest classes of theirs on validation are all those of ours"]


def test_other_predictions_are_none() -> None:
    ours = made(0)
    nearly = changed(ours, lambda values: values + 0.02 * (np.arange(len(values)) % 50 == 3)[:, None] * [1, *[0] * 6])
    turned = changed(ours, lambda values: np.where((np.arange(len(values)) == 7)[:, None], values[:, ::-1], values))
    assert find_copies({"ours": ours, "another": made(1)}) == []
    assert all(not found.same_predictions for found in find_copies({"ours": ours, "nearly": nearly}))
    assert find_copies({"ours": ours, "turned": turned}) == []


def test_models_of_a_rare_class_are_no_copies_of_each_other() -> None:
    def rare(seed: int) -> Predictions:
        scores = np.random.default_rng(seed).normal(-7.5, 0.5, 500)
        share = 1 / (1 + np.exp(-scores))
        return replace(made(0, classes=2), probabilities=np.stack([1 - share, share], axis=1).astype(np.float32))

    first, second = rare(1), rare(2)
    assert np.abs(first.probabilities - second.probabilities).max() < copies.TOLERANCE
    assert [copy.same_predictions for copy in find_copies({"a": first, "b": second})] == [False]
    exact = replace(first, probabilities=first.probabilities.copy())
    assert [copy.same_predictions for copy in find_copies({"a": first, "b": exact})] == [True]


def test_other_samples_are_not_compared() -> None:
    ours = made(0)
    assert find_copies({"ours": ours, "theirs": replace(ours, sample_ids=ours.sample_ids[::-1].copy())}) == []
    nothing = Predictions("test", np.empty(0, np.str_), ("a", "b"), np.empty((0, 2), np.float32))
    assert find_copies({"one": nothing, "two": nothing}) == []


def test_a_hundred_runs_take_no_time_and_only_those_alike_are_loaded() -> None:
    runs = {f"run {seed}": made(seed, 3589) for seed in range(99)} | {"copy": made(17, 3589)}
    loaded = []

    def load(name: str) -> Predictions:
        loaded.append(name)
        return runs[name]

    sketches = {name: sketched(predictions, partial(load, name)) for name, predictions in runs.items()}
    started = time.perf_counter()
    assert [(found.run, found.of) for found in copies_among(sketches)] == [("copy", "run 17")]
    assert time.perf_counter() - started < 5
    assert sorted(loaded) == ["copy", "run 17"]


def test_most_pairs_of_many_runs_are_never_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    """2,000 runs are two million pairs: one by one they took more than all the rest of a leaderboard."""
    seen = []
    monkeypatch.setattr(copies, "compared", lambda *pair: seen.append(pair) or compared(*pair))
    runs = {f"run {seed}": made(seed, 40, 3) for seed in range(200)} | {"copy": made(17, 40, 3)}
    assert [(found.run, found.of) for found in find_copies(runs)] == [("copy", "run 17")]
    assert len(seen) < 20


def test_as_if_every_two_were_compared() -> None:
    changes: list[Change] = [
        lambda values: values, lambda values: np.round(values, 2), lambda values: np.round(values, 3), np.sqrt,
        one_hot, lambda values: values + np.linspace(0, 4e-3, len(values))[:, None], lambda values: values[::-1],
    ]  # fmt: skip
    runs = {
        f"{seed} {number}": changed(made(seed, 60, 3), change)
        for seed in range(3) for number, change in enumerate(changes)
    }  # fmt: skip
    sketches = {name: sketched(found, partial(runs.__getitem__, name)) for name, found in runs.items()}
    pairs = [compared((b, sketches[b]), (a, sketches[a])) for a, b in combinations(sketches, 2)]
    assert find_copies(runs) == [found for found in pairs if found]
    assert 30 < len([found for found in pairs if found]) < 100
