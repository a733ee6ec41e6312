"""A teacher's predictions of the training images as a file, by which it teaches where its networks are out of reach."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmark.data.loading import FACES, load
from benchmark.data.read_options import Sources
from benchmark.files.dataclass_json import to_json
from benchmark.hardware.processes import ask
from benchmark.running.run_options import RunOptions
from benchmark.running.runner import source_of
from benchmark.store.run_store import RunStore
from ensembles.networks.distilling import single_view_run, stored_teacher, teacher_tree
from ensembles.networks.planned_training import knows_duplicates
from zoo.errors import UserError
from zoo.model_files import sources_of

WORKER: Final = "benchmark.exporting.soft_target_worker"
ENDING: Final = ".npz"


@dataclass(frozen=True)
class WrittenTargets:
    """A file of soft targets that was written.

    Attributes:
        path: of the file.
        teacher: the name of the run that gave them.
        images: how many there are.
        accuracy: of the teacher on these training images, 0-1.
    """

    path: Path
    teacher: str
    images: int
    accuracy: float


def soft_targets(
    teacher: str,
    output: str | Path,
    data: Sources = FACES,
    *,
    runs: str | Path = "runs",
    options: RunOptions | None = None,
) -> WrittenTargets:
    """Write what a teacher says of the training images; `python -m ensembles soft-targets`.

    `ensembles.distill` takes the file as a teacher, on any machine, and trains as by `distillation_images=plain`.
    Probabilities are in half precision.

    Args:
        teacher: a stored ensemble or a single run, whose networks were kept; test-time augmentation is left out.
        output: the file to write, which ends in .npz.
        data: the data that the teacher was trained on, as for `benchmark.run`.
        runs: directory of the store.
        options: how the data is read (`reading`, `cache`), and `model_files` that define layers of the networks.

    Raises:
        UserError: an unknown teacher, one without networks, a file that cannot be written; nothing was written.
    """
    path, options = Path(output), options or RunOptions()
    if path.suffix != ENDING:
        raise UserError(f"soft targets are written as {ENDING}, got {path.name}")
    if not path.parent.is_dir() or not os.access(path.parent, os.W_OK):
        raise UserError(f"{path.name} cannot be written: {path.parent} is no directory that one may write to")
    store, source = RunStore(Path(runs)), source_of(data)
    snapshot = store.snapshot(load(source, options.reading, options.cache).full_name)
    run = single_view_run(stored_teacher(store, snapshot, teacher), snapshot.by_name)
    tree = teacher_tree(run, snapshot.by_name)
    duplicates = any(knows_duplicates(network.config) for network in tree.networks)
    question = {
        "data": to_json(options.data(source)),
        "networks": {network.name: str(network.model_file().resolve()) for network in tree.networks},
        "tree": tree.root.to_json(),
        "sources": sources_of(options.model_files),
        "about": {"teacher": run.name, "duplicates": duplicates},
        "output": str(path.resolve()),
    }
    answer = ask(WORKER, question)
    return WrittenTargets(path, run.name, answer["images"], answer["accuracy"])


def targets_text(written: WrittenTargets) -> str:
    """A summary of the file, at most 80 columns wide where names are short enough."""
    size = written.path.stat().st_size / 1e6
    return (
        f"{written.path}: {written.images:,} training images, {size:.2f} MB\n"
        f"predicted by {written.teacher}, {written.accuracy:.1%} of them right"
    )
