"""Chooses on a CPU the precision that a network trains faster in: a few steps of its training in each of both."""

import gc
import hashlib
import json
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmark.dataset import Split
from benchmark.files.file_writing import write_json
from benchmark.hardware import backend
from benchmark.hardware.provenance import cpu, versions
from benchmark.records import JOINT
from benchmark.running.job import Job
from benchmark.running.trainer_factory import own_name
from benchmark.training.keras_trainer import KerasTrainer
from benchmark.training.trainer import Epoch

DIRECTORY: Final = "precision"
"""Folder of the cache, with a file for each choice: all seeds, folds, cycles and a refit are trained in one precision,
and an interrupted training goes on in its own."""

FEWEST_STEPS: Final = 1000
"""Of a training that is worth a trial, which takes seconds for building and tracing the network twice."""

FASTER: Final = 1.1
"""How many times as fast bfloat16 must be: less may be noise, and is not worth its lost digits."""

TURNS: Final = 3
SECONDS_A_TURN: Final = 0.3

Make = Callable[[str], Any]
"""Starts the backend in a precision and makes the run's trainer, with its first weights."""


def worth_a_trial(job: Job, train: Split) -> bool:
    """Whether a trial shall find the precision of a run; Keras must be up.

    Not for a short training, on a processor without instructions for bfloat16, or where the user chose. Nor where the
    same bits are wanted every time: a trial may end differently. Folds, cycles and a refit give the images of their
    plain run, so that all are trained in one precision.
    """
    run, execution = job.variant, job.execution
    if execution.precision != backend.AUTO or execution.deterministic or run.trained or run.config.kind == JOINT:
        return False
    settings = run.training
    images = min(settings.images or len(train.images), len(train.images)) * (1 + settings.copies) * settings.epochs
    return images // settings.batch_size >= FEWEST_STEPS and backend.on_cpu() and backend.cpu_has_bfloat16()


def faster_precision(job: Job, train: Split, make: Make) -> str:
    """The precision that a run's network trains faster in here, by a trial or as an earlier one found.

    A network whose backbone is frozen trains a small head alone, in float32.
    """
    place = _place(job, train)
    try:
        known = json.loads(place.read_text())["precision"] if place else None
    except (OSError, ValueError, KeyError, TypeError):
        known = None
    if known in (backend.FLOAT32, backend.BFLOAT16):
        return str(known)
    found = _tried(job, train, make)
    if place:
        # A cache that cannot be written costs another trial, and no run.
        with suppress(OSError):
            place.parent.mkdir(parents=True, exist_ok=True)
            write_json(place, {"precision": found})
    return found


def _place(job: Job, train: Split) -> Path | None:
    """The file of the choice, whose name is a hash of what it depends on; None where there is no cache.

    Folds, cycles and a refit share the choice of their plain run. So do runs beside others (`--jobs`): one that was
    interrupted goes on whichever number of cores it then has.
    """
    if job.data.cache is None:
        return None
    run = job.variant
    depends_on = {
        "model": [own_name(run), run.model_source, dict(run.config.hyperparameters), run.config.weights],
        "training": asdict(run.training),
        "image": train.images.shape[1:],
        "images a step": job.images_a_step,
        "cpu": cpu(),
        "packages": versions(("keras", "tensorflow", "jax")),
    }
    digest = hashlib.sha256(json.dumps(depends_on, sort_keys=True).encode()).hexdigest()
    return job.data.cache / DIRECTORY / f"{digest[:32]}.json"


def _tried(job: Job, train: Split, make: Make) -> str:
    import keras

    seconds = dict.fromkeys((backend.FLOAT32, backend.BFLOAT16), float("inf"))
    trainers = {precision: make(precision) for precision in seconds}
    if not all(isinstance(trainer, KerasTrainer) for trainer in trainers.values()):
        return backend.FLOAT32
    trainers = {precision: _plain(trainer) for precision, trainer in trainers.items()}
    for turn in range(1 + TURNS):
        for precision, trainer in trainers.items():
            one = _seconds_a_step(trainer, job, train)
            if turn:  # the first compiles
                seconds[precision] = min(seconds[precision], one)
    del trainers, trainer
    # Layers shall have the names that they have in a process without a trial.
    keras.backend.clear_session()
    gc.collect()
    faster = seconds[backend.FLOAT32] > FASTER * seconds[backend.BFLOAT16]
    return backend.BFLOAT16 if faster else backend.FLOAT32


def _plain(trainer: KerasTrainer) -> KerasTrainer:
    """Another trainer of the same network, for steps on whole images and without what is done once an epoch."""
    settings = replace(trainer.settings, batch_norm="running", progressive_size=0, ema=0.0)
    return KerasTrainer(trainer.model, settings, trainer.seed, lambda *_: None, trainer.accumulation)


def _seconds_a_step(trainer: KerasTrainer, job: Job, train: Split) -> float:
    """The mean of as many steps as a turn has time for, at least one; each on the first images, called one class."""
    rows = np.arange(job.images_a_step) % len(train.images)
    epoch = Epoch(train.images, rows, np.zeros_like(rows), None, learning_rate=0.0)
    count, started = 0, time.perf_counter()
    while not count or time.perf_counter() - started < SECONDS_A_TURN:
        trainer.train_epoch(epoch)
        count += 1
    return (time.perf_counter() - started) / count
