"""An ensemble as one network for other programs: its members' networks, and what combines them, as layers.

Keras works in a process of its own (`benchmark.exporting.export_worker`). What it built is checked here against the
ensemble's own method, in NumPy, and then converted as any stored model is (`benchmark.exporting.exporting`).
"""

from dataclasses import dataclass, replace
from pathlib import Path
from textwrap import fill
from typing import Final

import numpy as np

from benchmark.exporting.exporting import FORMATS, WORKER, Exported, beside, check_format, check_output, convert
from benchmark.hardware.processes import ask
from benchmark.store.run_store import RunStore
from benchmark.store.stored_run import StoredRun
from ensembles.networks.voices import voice
from zoo.errors import UserError

TOLERANCE: Final = 1e-4
"""What the probabilities of the one network may differ by from the members' combined."""


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
        format: a name in `benchmark.exporting.exporting.FORMATS`.
        output: what to write; by default the ensemble's name in the current directory, with the format's ending.
        runs: directory of the store.
        data: name of the dataset, where several are stored.

    Raises:
        UserError: as `exporting.convert`; or no such ensemble, a member that is no stored network, or stacking
            fitted without samples of some class.
    """
    check_format(format)
    store = RunStore(Path(runs))
    dataset = store.find_dataset(data)
    run = _ensemble(store, dataset, name, format)
    stored = {run.name: run for run in store.runs(dataset)}
    networks: dict[str, StoredRun] = {}
    silent: list[str] = []
    tree = voice(run, stored, networks, silent)
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
