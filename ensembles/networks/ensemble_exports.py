"""Export an ensemble as one network: the networks of its members, and layers that combine them.

A process of its own builds it with Keras (`benchmark.exporting.export_worker`). Its predictions are compared with the
ensemble's method in NumPy. Then it is converted like any stored model (`benchmark.exporting.model_export`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from textwrap import fill
from typing import Final

import numpy as np

from benchmark.exporting import model_export
from benchmark.exporting.formats import FORMATS
from benchmark.hardware.processes import ask
from benchmark.nouns import counted
from benchmark.store.made_again import check_built_of
from benchmark.store.run_store import RunStore
from ensembles.networks.network_tree import NetworkTree, network_tree
from zoo.errors import UserError
from zoo.model_files import sources_of

TOLERANCE: Final = 1e-4
"""Largest difference between the network's probabilities and the ensemble's."""


@dataclass(frozen=True)
class ExportedEnsemble:
    """An ensemble that was written as one network.

    Attributes:
        exported: the file or folder, and its check; `difference` is to the ensemble's probabilities.
        parameters: of all its networks, each once, and of the layers that combine them.
        networks: names of the runs whose networks it contains.
        unused: names of members that are left out, because their weight is 0.
    """

    exported: model_export.Exported
    parameters: int
    networks: tuple[str, ...]
    unused: tuple[str, ...] = ()


def export(
    name: str,
    format: str,
    output: str | Path | None = None,
    *,
    runs: str | Path = "runs",
    data: str | None = None,
    model_files: Sequence[str | Path] = (),
) -> ExportedEnsemble:
    """Write an ensemble as one network for other programs; `python -m ensembles export`.

    It takes raw pixels and gives probabilities. Networks that members share are included once.

    Args:
        name: of a stored ensemble.
        format: a name in `benchmark.exporting.formats.FORMATS`.
        output: file or folder to write; by default named after the ensemble, in the current directory.
        runs, data, model_files: as for `benchmark.export`.

    Raises:
        UserError: those of `model_export.convert` and `network_tree`; or no such ensemble.
    """
    model_export.check_format(format)
    store = RunStore(Path(runs))
    snapshot = store.snapshot(store.find_dataset(data))
    run = snapshot.resolve(name)[0]
    if run.config.kind != "ensemble":
        command = store.command(f"benchmark export {name} --format {format}", snapshot.dataset)
        raise UserError(f"{name} is not an ensemble: export a single model with `{command}`")
    check_built_of(run, snapshot.by_name)
    tree, sources = network_tree(run, snapshot.by_name), sources_of(model_files)
    path = Path(output or run.path.parent.name.replace(":", ".") + FORMATS[format].ending)
    model_export.check_output(format, path)
    networks = tuple(network.name for network in tree.networks)
    with model_export.beside(path) as directory:
        joint, parameters, difference = _built(name, tree, sources, directory)
        described = {**model_export.description_of(run), "members": list(networks), "combination": tree.root.to_json()}
        exported = model_export.convert(joint, format, path, sources, described)
    # The difference to the ensemble is at most the sum of both.
    checked = replace(exported, difference=exported.difference + difference, class_names=run.class_names)
    return ExportedEnsemble(checked, parameters, networks, tree.unused)


def _built(name: str, tree: NetworkTree, sources: Sequence[str], directory: Path) -> tuple[Path, int, float]:
    """The tree as one Keras network in a file: that, its parameters, and its distance from the ensemble's output."""
    output = directory / "joint.keras"
    files = {network.name: str(network.model_file().resolve()) for network in tree.networks}
    question = {"networks": files, "tree": tree.root.to_json(), "output": str(output), "sources": sources}
    answer = ask(model_export.WORKER, question)
    expected = tree.root(np.array(answer["networks"]))
    difference = float(np.abs(np.array(answer["probabilities"]) - expected).max())
    if not difference <= TOLERANCE:  # so that NaN fails as well
        raise UserError(
            f"the network of {name} does not predict what the ensemble predicts: probabilities differ by up to "
            f"{difference:.2g}, expected {TOLERANCE:g} at most; nothing was written"
        )
    return output, answer["parameters"], difference


def export_text(name: str, done: ExportedEnsemble) -> str:
    """A summary of the file, up to 80 columns wide."""
    exported = done.exported
    lines = [
        f"{name} as one network, {exported.format}, {exported.size / 1e6:.2f} MB:",
        f"  {exported.path}",
        f"{done.parameters:,} parameters, {counted(len(done.networks), 'network')}",
        *([fill(f"left out because their weight is 0: {', '.join(done.unused)}", 80)] if done.unused else []),
        f"checked on {exported.images} pictures, largest difference {exported.difference:.1g}",
        fill(f"order of the classes: {', '.join(exported.class_names)}", 80, subsequent_indent="  "),
    ]
    return "\n".join(lines)
