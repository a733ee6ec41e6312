"""Predicts the training images with a teacher's networks, in a process of its own, and writes its soft targets."""

import sys
from pathlib import Path
from typing import Any

import numpy as np

from benchmark import data
from benchmark.files.dataclass_json import from_json
from benchmark.hardware import backend
from benchmark.hardware.processes import serve
from benchmark.running.job import JobData
from benchmark.training.compiled.compiled_predictions import CompiledPredictions
from benchmark.training.distillation import Teacher, teacher_model
from benchmark.training.keras_trainer import PREDICT_BATCH_ON_BACKBONE
from benchmark.training.soft_targets import write_targets


def predicted(question: dict[str, Any]) -> dict[str, Any]:
    """Write what a teacher says of the training images; Keras must be up.

    Args:
        question: where the `data` is (`benchmark.running.job.JobData`), the paths of the `networks` by name, the `tree`
            that combines them (`benchmark.training.joint_model`), `sources` that define their layers, what the file
            says `about` them (`benchmark.training.soft_targets.write_targets`), and the path of the `output`.

    Returns:
        The `accuracy` (0-1) of the teacher on these images, and how many `images` they are.
    """
    where: JobData = from_json(JobData, question["data"])
    dataset = data.load(where.source, where.reading, where.cache)
    networks = tuple((name, Path(file)) for name, file in question["networks"].items())
    teacher = teacher_model(Teacher(networks, question["tree"]), question["sources"])
    batch = PREDICT_BATCH_ON_BACKBONE["CPU" if backend.on_cpu() else "accelerator"]
    said = CompiledPredictions(teacher, batch)(dataset.train.images)
    write_targets(Path(question["output"]), said, dataset, question["about"])
    return {"accuracy": float(np.mean(said.argmax(axis=1) == dataset.train.labels)), "images": len(said)}


def _task(question: dict[str, Any]) -> dict[str, Any]:
    backend.start(seed=0)
    return predicted(question)


if __name__ == "__main__":
    sys.exit(serve(_task))
