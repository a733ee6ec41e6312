"""The ensembles that stand in every leaderboard: what `python -m benchmark run --all` ends with."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmark.store.stored_run import StoredRun
from ensembles.building.building import build
from ensembles.methods.options import AVERAGE

TRIO: Final = ("resnet", "bayes", "vgg")
"""The coursework's ensemble, built where all three are stored."""

SEVEN: Final = "cnn7"
"""The coursework's `cnn7x10` averages ten of it; here all seeds are averaged."""


@dataclass(frozen=True)
class Standard:
    """An ensemble to build: members, name and method, as `ensembles.build` takes them."""

    members: tuple[str, ...]
    name: str
    method: str = AVERAGE


def standard(runs: Sequence[StoredRun]) -> list[Standard]:
    """The average of all models and the greedy selection from them, the coursework's trio, and the seeds of `cnn7`.

    Args:
        runs: whole runs. Of a model in several configurations the first counts, plain ones before test-time
            augmentation, so that views of one network are not two members. Left out are copies of other runs, and what
            cannot be judged, because it has no validation predictions.
    """
    names = {run.name for run in runs}
    judged = [run for run in runs if run.copy_of not in names and run.predictions("validation") is not None]
    judged.sort(key=lambda run: run.config.tta != "none")
    models: dict[str, str] = {}
    for run in judged:
        models.setdefault(run.config.model, run.config.full_title)
    standards = []
    if len(models) > 1:
        every = tuple(models.values())
        standards += [Standard(every, "average-all"), Standard(every, "greedy-all", "greedy")]
    if models.keys() >= set(TRIO):
        standards.append(Standard(tuple(models[name] for name in TRIO), "+".join(TRIO)))
    seeds = [run.name for run in judged if run.config.full_title == models.get(SEVEN)]
    if len(seeds) > 1:
        standards.append(Standard(tuple(seeds), f"{SEVEN}x{len(seeds)}"))
    return standards


def build_standard(done: Sequence[StoredRun], runs: Path | str, data: str) -> list[StoredRun]:
    """Build them from what was just trained. Arguments are those of `ensembles.build`.

    Raises:
        UserError: members that do not belong together.
    """
    return [
        build(asked.members, runs=runs, data=data, name=asked.name, method=asked.method) for asked in standard(done)
    ]
