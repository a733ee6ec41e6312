"""An explanation begins with ten lines that say it all, and ends with what to take."""

import shlex
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from stored_runs import DATASET, config, store_run

import ensembles
from benchmark.explanation import Explanation, Point
from benchmark.records import Predictions
from benchmark.store.run_store import RunStore
from ensembles.cli import main
from ensembles.explaining.explanation_text import explanation_text
from ensembles.explaining.summary_text import advice, summary_text


def drawn(skill: float, seed: int, samples: int = 600) -> Predictions:
    generator = np.random.default_rng(seed)
    labels = np.random.default_rng(99).integers(0, 3, samples)
    scores = generator.normal(size=(samples, 3))
    scores[np.arange(samples), labels] += skill
    exponents = np.exp(scores)
    probabilities = (exponents / exponents.sum(axis=1, keepdims=True)).astype(np.float32)
    return Predictions("validation", np.arange(samples).astype(np.str_), ("a", "b", "c"), probabilities, labels)


@pytest.fixture
def mixed(tmp_path: Path) -> RunStore:
    """Two good members, and three that no fitted method weighs."""
    store = RunStore(tmp_path / "runs")
    for seed, (name, skill) in enumerate({"a": 1.4, "b": 1.4, "bad": -1.0, "worse": -1.1, "worst": -1.2}.items()):
        store_run(store, config(name), [drawn(skill, seed)])
    return store


@pytest.fixture
def weighted(mixed: RunStore) -> Explanation:
    ensembles.build("a,b,bad,worse,worst", runs=mixed.root, name="w", method="weighted")
    return ensembles.explain("w", runs=mixed.root)


def command(words: str) -> str:
    return f"python -m {words}"


def test_ten_lines_say_it_all(weighted: Explanation) -> None:
    text = explanation_text(weighted).splitlines()
    head = text[: text.index("", 3)]
    assert len([line for line in head if line]) <= 10
    lines = summary_text(weighted).splitlines()
    assert len(lines) <= 8
    assert max(map(len, lines)) <= 80
    assert lines == [line for line in head if line in lines]
    said = {line[:13].strip(): line[13:] for line in lines}
    assert said["validation"].startswith(f"{weighted.validation.accuracy:.2%}, +")
    assert said["validation"].endswith((" points against its best member a", " points against its best member b"))
    assert said["members"].startswith("2 of 5: ")
    assert said["useful"].startswith(("a most, -", "b most, -"))
    assert said["useful"].endswith(" points without it; none is in doubt")
    cost = weighted.cost
    parts = (f"{cost.parameters:,} parameters", f"{cost.milliseconds:.3f} ms", f"{cost.train_hours:.1f} hours")
    assert all(part in said["cost"] for part in parts)


def test_members_without_weight_are_one_line(weighted: Explanation) -> None:
    text = explanation_text(weighted)
    table = text.partition("On validation\n")[2].partition("\n\n")[0]
    rows = [line.split()[1] for line in table.splitlines() if line[:2].strip().isdigit() and "[" in line]
    assert rows == ["a", "b"]
    worst = [100 * report.accuracy for report in weighted.validation.members[2:]]
    assert f"3 members of weight 0: alone {min(worst):.2f} to {max(worst):.2f} %, gains of " in " ".join(table.split())
    assert "those of weight 0 " in table
    assert "3 members of weight 0 are not listed" in text
    weights = [replace(member, weight=member.weight or 0.1) for member in weighted.members[:4]]
    one = replace(weighted, members=(*weights, weighted.members[4]))
    assert "members of weight 0" not in explanation_text(one)


def test_the_simplest_that_is_good_enough_is_taken(weighted: Explanation) -> None:
    nothing = Point((), "average", 0.0, 9.0, weighted.cost, ())
    alone = replace(weighted, tradeoff=replace(weighted.tradeoff, best=nothing, smallest=nothing))
    sentence, words = advice(alone, command)
    assert sentence.startswith("Take w")
    assert words.startswith("python -m ensembles build a,b,bad,worse,worst --method weighted")
    best = weighted.tradeoff.best
    point = replace(weighted.tradeoff.smallest, members=("a",), accuracy=weighted.validation.accuracy)
    smaller = replace(weighted, tradeoff=replace(weighted.tradeoff, smallest=point, best=replace(best, accuracy=0.5)))
    said, words = advice(smaller, command)
    assert said.startswith("Take the average of a: ")
    assert "expect a little less elsewhere" in said
    assert words == "python -m ensembles build a"


def test_a_member_that_is_good_enough_needs_no_building(mixed: RunStore) -> None:
    ensembles.build("a,worst", runs=mixed.root, name="pair")
    sentence, words = advice(ensembles.explain("pair", runs=mixed.root), command)
    assert sentence.startswith("Take a alone: it is right for ")
    assert words == ""


def test_another_method_is_taken_where_it_is_better(mixed: RunStore) -> None:
    ensembles.build("a,b,bad,worse,worst", runs=mixed.root, name="w", method="weighted")
    ensembles.build("a,b,bad,worse,worst", runs=mixed.root, name="plain")
    found = ensembles.explain("plain", runs=mixed.root)
    nothing = Point((), "average", 0.0, 9.0, found.cost, ())
    found = replace(found, tradeoff=replace(found.tradeoff, best=nothing, smallest=nothing))
    sentence, words = advice(found, command)
    assert sentence.startswith("Take weighted of the same members: it is right for ")
    assert words == "python -m ensembles build a,b,bad,worse,worst --method weighted"


def test_the_command_line_ends_with_it(mixed: RunStore, capsys: pytest.CaptureFixture[str]) -> None:
    ensembles.build("all", runs=mixed.root, method="weighted")
    assert main(["explain", "weighted-all", "--runs", str(mixed.root)]) == 0
    ending = capsys.readouterr().out.rpartition("\nTake ")[2]
    words = shlex.split(ending.partition(":\n")[2].replace("\\\n", ""))
    assert words[:4] == ["python", "-m", "ensembles", "build"]
    assert words[-2:] == ["--runs", str(mixed.root)]
    assert main(words[3:]) == 0
    assert RunStore(mixed.root).datasets() == [DATASET]
