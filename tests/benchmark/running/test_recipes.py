"""What a stored configuration is beside a model's own recipe, and that planning it again comes to the same."""

import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stored_runs import predictions, store_run

from benchmark.cli import parser
from benchmark.commands.training_arguments import call_of
from benchmark.dataset import Dataset, Split
from benchmark.records import RunConfig
from benchmark.running.planning import chosen_models, plan
from benchmark.running.recipes import FILE, recipe_of, training_command
from benchmark.store.run_store import RunStore
from zoo import all_models, get_model
from zoo.settings import TrainingSettings

CHANGES: list[dict[str, Any]] = [
    {},
    {"epochs": 7, "schedule": "cosine", "patience": 0},
    {"weights": "random", "augmentation": "flip"},
    {"dropout": 0.5, "train_base": True, "mixup": 0.5},
]


def dataset() -> Dataset:
    def split(name: str) -> Split:
        ids = np.array([f"{name}-{place}" for place in range(2)])
        return Split(name, np.zeros((2, 4, 4, 1), np.uint8), np.array([0, 1]), ids)

    return Dataset("tiny", ("a", "b"), split("train"), split("validation"))


def planned(name: str, preset: str, changes: dict[str, Any]) -> RunConfig:
    (found,) = plan([get_model(name)], dataset(), preset, (0,), changes).configs
    return found


def understood(name: str, changes: dict[str, Any]) -> dict[str, Any]:
    """Those of the changes that mean something to the model, and do not contradict each other."""
    spec = get_model(name)
    kept = {key: value for key, value in changes.items() if key in (*spec.hyperparameters, *vars(TrainingSettings()))}
    if spec.backbone is not None and "weights" in changes:
        kept["weights"] = changes["weights"]
    return {} if spec.estimator is not None else kept


@pytest.mark.parametrize("changes", CHANGES, ids=lambda changes: ",".join(changes) or "none")
@pytest.mark.parametrize("preset", ["paper", "quick"])
@pytest.mark.parametrize("name", all_models())
def test_planned_again_it_is_the_same(name: str, preset: str, changes: dict[str, Any]) -> None:
    asked = planned(name, preset, understood(name, changes))
    recipe = recipe_of(asked)
    assert recipe is not None
    assert planned(name, recipe.preset, dict(recipe.changes)).hash == asked.hash


def test_only_what_differs_is_told() -> None:
    assert str(recipe_of(planned("cnn4", "paper", {}))) == "its own recipe"
    assert str(recipe_of(planned("cnn4", "quick", {}))) == "the quick preset"
    changed = planned("resnet", "paper", {"epochs": 7, "train_base": True, "weights": "random"})
    assert str(recipe_of(changed)) == "its own recipe with weights=random, train_base=true, views=0, epochs=7"
    # As many images as there are: no quick look, whatever else it has of one.
    long = planned("cnn4", "quick", {"images": 0})
    assert str(recipe_of(long)).startswith("its own recipe with ")


def test_a_search_names_what_it_found() -> None:
    found = replace(planned("bayes", "paper", {"filters": 96}), model="bayes-tuned")
    assert str(recipe_of(found)) == "its own recipe with filters=96"


@pytest.mark.parametrize(
    "changes", [{"kind": "ensemble"}, {"kind": "external"}, {"kind": "joint"}, {"model": "gone"}, {"training": None}]
)
def test_what_the_zoo_does_not_describe_has_none(tmp_path: Path, changes: dict[str, Any]) -> None:
    other = replace(planned("cnn4", "paper", {}), **changes)
    assert recipe_of(other) is None
    assert training_command([store_run(RunStore(tmp_path), other, [predictions("validation", 9)])], "DATA") is None


def test_the_command_asks_for_the_run(tmp_path: Path) -> None:
    changes = {"epochs": 7, "dropout": 0.125, "train_base": True}
    asked = replace(planned("vgg", "paper", changes), tta="flip", folds=5)
    store, facts = RunStore(tmp_path), {"provenance": {"precision": "bfloat16"}}
    runs = [store_run(store, asked, [predictions("validation", 9)], seed=seed, **facts) for seed in (0, 2)]
    words = training_command(runs, "my data.csv")
    assert words is not None
    assert not any("--cycles" in word for word in words)
    arguments = parser().parse_args(shlex.split(" ".join(words))[3:])
    assert (arguments.tta, arguments.folds, arguments.precision, arguments.seeds) == ("flip", 5, "bfloat16", 3)
    assert (arguments.data, arguments.preset, arguments.refit) == (["my data.csv"], "paper", False)
    (again,) = plan(chosen_models(arguments.models), dataset(), "paper", (0,), call_of(arguments)["settings"]).configs
    assert replace(again, tta="flip", folds=5).hash == asked.hash


def test_the_command_of_a_later_cycle_makes_all_up_to_it(tmp_path: Path) -> None:
    asked = replace(planned("cnn4", "paper", {}), cycle=3)
    assert str(recipe_of(asked)) == "its own recipe, trained in 3 cycles"
    words = training_command([store_run(RunStore(tmp_path), asked, [predictions("validation", 9)])], "DATA")
    assert words is not None
    assert parser().parse_args(shlex.split(" ".join(words))[3:]).cycles == 3


def test_a_single_seed_is_asked_for_as_such(tmp_path: Path) -> None:
    store, asked = RunStore(tmp_path), planned("cnn4", "paper", {})
    for seed, said in ((0, "--seeds 1"), (3, "--seed 3")):
        words = training_command([store_run(store, asked, [predictions("validation", 9)], seed=seed)], "DATA")
        assert words is not None
        assert said in words


def test_a_file_of_weights_has_to_be_given_anew(tmp_path: Path) -> None:
    asked = replace(planned("resnet", "paper", {}), weights="mine-0a1b2c3d", refit=True)
    words = training_command([store_run(RunStore(tmp_path), asked, [predictions("validation", 9)])], "DATA")
    assert words is not None
    assert f"--set weights={FILE}" in words
    assert "--refit" in words


def test_a_search_is_no_such_command(tmp_path: Path) -> None:
    tuned = replace(planned("bayes", "paper", {}), model="bayes-tuned")
    assert training_command([store_run(RunStore(tmp_path), tuned, [predictions("validation", 9)])], "DATA") is None
