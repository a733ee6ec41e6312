"""What is stored already under a name that predictions are imported as."""

from collections.abc import Sequence

from benchmark.records import EXTERNAL, PREDICTED, RunConfig
from benchmark.store.stored_run import StoredRun
from ensembles.importing.preparing import Prepared, digest
from ensembles.members import ALL
from zoo.errors import UserError
from zoo.registry import all_models


def check_name(name: str, stored: Sequence[StoredRun]) -> None:
    """Refuse a name that means something else: where models of the zoo are stored, also those that are not."""
    taken = {run.config.model: run.config.kind for run in stored}
    if name == ALL:
        raise UserError(f"{ALL} means every stored model: choose another --name")
    trained = any(kind not in (EXTERNAL, "ensemble") for kind in taken.values())
    if taken.get(name, EXTERNAL) != EXTERNAL or (trained and name in all_models()):
        kind = taken.get(name, "model")
        raise UserError(f"{name} is the name of {'an' if kind == 'ensemble' else 'a'} {kind}: choose another --name")


def check_content(prepared: Prepared, stored: Sequence[StoredRun], seed: int | None) -> None:
    """Refuse other predictions under a name, or under a name and a seed, that is in use."""
    same = {run.config.hash: run for run in stored if run.config.model == prepared.config.model}
    if same and prepared.config.hash not in same:
        other = next(iter(same.values()))
        raise UserError(_other_content(prepared, other, seed))
    for run in stored:
        if seed is not None and run.config.hash == prepared.config.hash and run.record.seed == seed:
            theirs = {split: found for split in PREDICTED if (found := run.predictions(split)) is not None}
            if digest(theirs) != prepared.content:
                raise UserError(
                    f"{run.name} is stored already with other predictions: give these another --seed, or remove "
                    f"{run.path} to replace it"
                )


def _other_content(prepared: Prepared, other: StoredRun, seed: int | None) -> str:
    """Why a name is in use, and what to do; `other` has it."""
    name, place = prepared.config.model, other.path.parent
    one_of_seeds = "predictions" not in other.config.hyperparameters
    if one_of_seeds and seed is None:
        return f"{name} is stored already, by seed: give these their --seed or another --name, or remove {place}"
    if not one_of_seeds and seed is not None:
        return (
            f"{name} is stored already, without a seed: give these another --name, or remove {place} and import it "
            "again with its --seed"
        )
    if one_of_seeds or other.config.hyperparameters["predictions"] == prepared.content:
        ours, theirs = _kind_of_content(prepared.config), _kind_of_content(other.config)
        return f"{name} is stored already, as {theirs}, these are {ours}: give these another --name, or remove {place}"
    return (
        f"{name} is stored already with other predictions: give these another --name, import all files of a run at "
        f"once, import each of several seeds with its --seed, or remove {place} to replace it"
    )


def _kind_of_content(config: RunConfig) -> str:
    what = "labels" if config.hyperparameters.get("hard_labels") else "probabilities"
    folds = f" of {config.folds} folds" if config.folds else " out of fold" if config.out_of_fold else ""
    return what + folds


def labels_not_kept(run: StoredRun, prepared: Prepared) -> list[str]:
    """A sentence where labels of test are given that a run which is stored already has not."""
    ours, theirs = prepared.predictions.get("test"), run.predictions("test")
    if ours is None or ours.labels is None or theirs is None or theirs.labels is not None:
        return []
    return [
        f"it keeps no labels of test: remove {run.path} and import it again with them, or give --labels to the "
        "commands of reports"
    ]
