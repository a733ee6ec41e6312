"""An explanation begins with ten lines that say it all."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from stored_runs import config, drawn, predictions, store_run, true_labels

import ensembles
from benchmark.explanation import Explanation
from benchmark.store.run_store import RunStore
from ensembles.explaining.explanation_text import explanation_text
from ensembles.explaining.summary_text import _fitting, summary_text


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


def test_a_line_that_is_too_long_loses_whole_parts() -> None:
    assert _fitting("x" * 80) == "x" * 80
    line = f"methods     best {'m' * 50} 31.25%; average 25.43% and more"
    assert _fitting(line) == f"methods     best {'m' * 50} 31.25% ..."
    assert _fitting(f"methods     {'m' * 50}, p = 0.7312345 (report only)") == f"methods     {'m' * 50}, p = ..."


def test_members_of_equal_weight(mixed: RunStore) -> None:
    ensembles.build("a,b", runs=mixed.root, name="pair")
    assert "2 of 2, of equal weight: a, b" in summary_text(ensembles.explain("pair", runs=mixed.root))


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
    parts = (f"{cost.parameters:,} parameters", f"{cost.milliseconds:.3f} ms", f"{cost.train_hours:.1f} h of training")
    assert all(part in said["cost"] for part in parts)


def test_members_without_weight_are_one_line(weighted: Explanation) -> None:
    text = explanation_text(weighted)
    table = text.partition("On validation\n")[2].partition("\n\n")[0]
    rows = [line.split()[1] for line in table.splitlines() if line[:2].strip().isdigit() and "[" in line]
    assert rows == ["a", "b"]
    worst = [100 * report.accuracy for report in weighted.validation.members[2:]]
    assert f"3 members of weight 0: alone {min(worst):.2f} to {max(worst):.2f} %, gains of " in " ".join(table.split())
    assert "those of weight 0 " in table
    assert "3 members of weight 0 are not listed" in " ".join(text.split())
    assert "Hours are those of the networks' own trainings, without teachers" in " ".join(text.split())
    assert max(map(len, text.splitlines())) <= 80
    weights = [replace(member, weight=member.weight or 0.1) for member in weighted.members[:4]]
    one = replace(weighted, members=(*weights, weighted.members[4]))
    assert "members of weight 0" not in explanation_text(one)


def test_members_that_harm_are_not_in_doubt(mixed: RunStore) -> None:
    ensembles.build("a,b,worst", runs=mixed.root, name="average")
    said = summary_text(ensembles.explain("average", runs=mixed.root))
    assert "; 1 of 3 harms, 0 in doubt" in said


def test_sets_of_members_are_told_apart_on_a_front(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "runs")
    for seed, skill in enumerate((1.0, 1.1, 1.2)):
        name = f"a_network_with_quite_a_long_name_{seed}_of_all_these_networks"
        store_run(store, config(name), [drawn(skill, seed)], parameters=10**seed)
    ensembles.build("all", runs=store.root, name="three")
    text = explanation_text(ensembles.explain("three", runs=store.root))
    front = text.partition("Pareto front by parameters of all networks\n")[2].partition("\n\n")[0]
    points = re.split(r"\n(?=\s{,2}\d)", front)
    sets = [" ".join(point.split()[2:]) for point in points]
    assert len(set(sets)) == len(sets) > 1
    assert max(map(len, front.splitlines())) <= 80


def test_losses_that_are_all_alike_have_no_interval_of_shares(tmp_path: Path) -> None:
    store, labels = RunStore(tmp_path / "runs"), true_labels("validation")
    perfect = np.eye(3, dtype=np.float32)[labels]
    for name in ("one", "two"):
        store_run(store, config(name), [replace(predictions("validation", 40), probabilities=perfect)])
    ensembles.build("one,two", runs=store.root, name="both")
    gain = ensembles.explain("both", runs=store.root).validation.members[1].gain_log_loss
    assert (gain.value, gain.low, gain.high) == (0, 0, 0)


def test_members_that_change_nothing_are_not_called_useful(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "runs")
    for name in ("a", "b", "c"):
        store_run(store, config(name), [drawn(1.4, 0)])
    ensembles.build("a,b,c", runs=store.root, name="alike")
    explanation = ensembles.explain("alike", runs=store.root)
    whole = " ".join(explanation_text(explanation).split())
    assert "b names the same classes as a, which stands in for it. c names the same classes as a, which" in whole
    said = summary_text(explanation)
    assert "no member by itself; 3 of 3 in doubt" in said


def test_stacking_has_no_weights_to_be_alike(mixed: RunStore) -> None:
    ensembles.build("a,b,bad", runs=mixed.root, name="s", method="stacking")
    said = summary_text(ensembles.explain("s", runs=mixed.root))
    assert "3 of 3, with coefficients of each class: a, b, bad" in said
