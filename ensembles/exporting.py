"""An ensemble as one network for other programs: its members' networks, and what combines them, as layers.

Keras works in a process of its own (`benchmark.joint_worker`). What it built is checked here against the ensemble's
own method, in NumPy, and then converted as any stored model is (`benchmark.exporting`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from textwrap import fill
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmark.exporting import FORMATS, Exported, beside, check_format, check_output, convert
from benchmark.processes import ask
from benchmark.store import RunStore
from benchmark.stored_run import StoredRun
from ensembles.anatomy import members_of, untempered
from ensembles.building import stored_combination
from ensembles.calibration import Tempered
from ensembles.methods import Combination
from ensembles.pooling import Pool, equal
from ensembles.stacking import Stack
from zoo.errors import UserError

WORKER: Final = "benchmark.joint_worker"
TOLERANCE: Final = 1e-4
"""What the probabilities of the one network may differ by from the members' combined."""

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Network:
    """A leaf of an ensemble: one trained network, by its place among all of them."""

    position: int

    def __call__(self, said: Array) -> Array:
        """What it says, (n, classes), of what all networks say, (networks, n, classes)."""
        found: Array = said[self.position]
        return found

    def to_json(self) -> dict[str, Any]:
        """As `benchmark.joint_model` reads it."""
        return {"network": self.position}


@dataclass(frozen=True, eq=False)
class Blend:
    """Several voices and how they become one.

    Attributes:
        combination: takes what the parts say, in their order.
        parts: those that weigh more than 0.
    """

    combination: Combination
    parts: tuple["Network | Blend", ...]

    def __call__(self, said: Array) -> Array:
        """What it says, (n, classes), of what all networks say, (networks, n, classes)."""
        return self.combination(np.stack([part(said) for part in self.parts]))

    def to_json(self) -> dict[str, Any]:
        """As `benchmark.joint_model` reads it."""
        return {**self.combination.to_json(), "parts": [part.to_json() for part in self.parts]}


@dataclass(frozen=True)
class ExportedEnsemble:
    """An ensemble that was written as one network.

    Attributes:
        exported: the file or folder, and how it was checked; its `difference` is from the members combined.
        parameters: of all its networks, each once, and of what combines them.
        networks: the runs whose networks are in it.
        silent: members that weigh 0 and are left out.
    """

    exported: Exported
    parameters: int
    networks: tuple[str, ...]
    silent: tuple[str, ...] = ()


def export(
    name: str, format: str, output: str | Path | None = None, *, runs: str | Path = "runs", data: str | None = None
) -> ExportedEnsemble:
    """Write an ensemble as one network for other programs; `python -m ensembles export`.

    It takes raw pixels, as its members do, and gives probabilities. Networks are there once each, also where several
    members share one; members that weigh 0 are left out.

    Args:
        name: of a stored ensemble.
        format: a name in `benchmark.exporting.FORMATS`.
        output: what to write; by default the ensemble's name in the current directory, with the format's ending.
        runs: directory of the store.
        data: name of the dataset, where several are stored.

    Raises:
        UserError: as `benchmark.exporting.convert`; or no such ensemble, a member that is no stored network, or
            stacking fitted without samples of some class.
    """
    check_format(format)
    store = RunStore(Path(runs))
    dataset = store.find_dataset(data)
    run = _ensemble(store, dataset, name, format)
    stored = {run.name: run for run in store.runs(dataset)}
    networks: dict[str, StoredRun] = {}
    silent: list[str] = []
    tree = _voice(run, stored, networks, silent)
    files = {network.name: str(network.model_file().resolve()) for network in networks.values()}
    default = run.path.parent.name.replace(":", ".") + FORMATS[format].ending
    path = Path(default if output is None else output)
    check_output(format, path)
    with beside(path) as directory:
        joint = directory / "joint.keras"
        answer = ask(WORKER, {"networks": files, "tree": tree.to_json(), "output": str(joint)})
        found = np.array(answer["probabilities"])
        difference = float(np.abs(found - tree(np.array(answer["networks"]))).max())
        if not difference <= TOLERANCE:  # so that NaN fails as well
            raise UserError(
                f"as one network {name} predicts otherwise than its members combined: probabilities differ by up to "
                f"{difference:.2g}, expected {TOLERANCE:g} at most; nothing was written"
            )
        exported = convert(joint, format, path)
    # Of two differences in a row the sum is the most that both can make.
    checked = replace(exported, difference=exported.difference + difference, class_names=run.class_names)
    return ExportedEnsemble(checked, answer["parameters"], tuple(networks), tuple(silent))


def export_text(name: str, done: ExportedEnsemble) -> str:
    """What was written, in lines of at most 80 columns where names are not too long for that."""
    exported = done.exported
    count = f"{len(done.networks)} network{'s' if len(done.networks) > 1 else ''}"
    lines = [
        f"{name} as one network, {exported.format}, {exported.size / 1e6:.2f} MB:",
        f"  {exported.path}",
        f"{done.parameters:,} parameters, {count}",
        *([fill(f"left out, as they weigh 0: {', '.join(done.silent)}", 80)] if done.silent else []),
        f"{exported.images} pictures predicted as by its members, largest difference {exported.difference:.1g}",
        fill(f"probabilities in this order: {', '.join(exported.class_names)}", 80, subsequent_indent="  "),
    ]
    return "\n".join(lines)


def _ensemble(store: RunStore, dataset: str, name: str, format: str) -> StoredRun:
    found = store.resolve(dataset, name)
    if found[0].config.kind != "ensemble":
        command = store.command(f"benchmark export {name} --format {format}", dataset)
        raise UserError(f"{name} is no ensemble: `{command}` writes a single model")
    return found[0]


def _voice(
    run: StoredRun, stored: Mapping[str, StoredRun], networks: dict[str, StoredRun], silent: list[str]
) -> Network | Blend:
    """The tree behind a run. What it needs is added to `networks`, members that weigh 0 to `silent`."""
    if run.config.kind != "ensemble":
        _check_network(run)
        networks.setdefault(run.name, run)
        return Network(list(networks).index(run.name))
    members, combination = members_of(run, stored), stored_combination(run)
    _check_combination(run, combination)
    weights = np.ones(len(members)) if combination.weights is None else combination.weights
    silent += [member.name for member, weight in zip(members, weights, strict=True) if not weight]
    parts = []
    for member in (members[position] for position in np.flatnonzero(weights)):
        seeds = tuple(_voice(one, stored, networks, silent) for one in member.runs)
        parts.append(Blend(equal("linear", len(seeds)), seeds) if len(seeds) > 1 else seeds[0])
    return Blend(_narrowed(combination, np.flatnonzero(weights).tolist()), tuple(parts))


def _narrowed(combination: Combination, kept: Sequence[int]) -> Combination:
    """The combination of the members at some positions, the others weighing 0."""
    if isinstance(combination, Tempered):
        return Tempered(_narrowed(combination.combination, kept), combination.temperature)
    return Pool(combination.kind, combination.weights[kept]) if isinstance(combination, Pool) else combination


def _check_combination(run: StoredRun, combination: Combination) -> None:
    inner = untempered(combination)
    if isinstance(inner, Stack) and len(inner.present) < len(run.class_names):
        raise UserError(
            f"{run.config.model} is stacking fitted on {len(inner.present)} of {len(run.class_names)} classes, for "
            "which there are no layers: build the members with another method"
        )


def _check_network(run: StoredRun) -> None:
    title = run.config.title
    if run.config.kind == "external":
        raise UserError(f"member {title} was imported and has no network: build the ensemble without it")
    if run.config.folds or run.config.tta != "none":
        raise UserError(f"member {title} is no single network: build the ensemble of {run.config.model} alone")
