"""Images that a network learns in a second, and a stand-in for the worker process that would train it."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from benchmark.running.events import EpochDone, Event, Failed, Finished, Resumed, Send
from benchmark.running.job import Job
from benchmark.running.supervision import JobResult
from benchmark.running.train_and_predict import train_and_predict
from zoo.errors import UserError


def write_bright(directory: Path, name: str = "bright", edge: int = 16, noise: float = 30) -> Path:
    """An .npz of square images whose brightness tells their class."""
    generator = np.random.default_rng(0)
    made = {}
    for split, count in (("train", 60), ("validation", 30), ("test", 30)):
        labels = np.arange(count) % 3
        images = generator.normal(60 + 60 * labels[:, None, None], noise, (count, edge, edge))
        made[f"{split}_images"], made[f"{split}_labels"] = np.clip(images, 0, 255).astype(np.uint8), labels
    path = directory / f"{name}.npz"
    np.savez(path, **made)
    return path


def in_this_process(job: Job, send: Send, *_: Any) -> JobResult:
    """Stands in for a worker process; starting TensorFlow takes seconds."""
    ending: Finished | Failed
    try:
        record = train_and_predict(Job.from_json(json.loads(json.dumps(job.to_json()))), send)
        ending = Finished(json.loads(json.dumps(record.to_json())), 1.0)
    except UserError as error:
        ending = Failed("refused", str(error))
    return JobResult(ending, 1.0, peak_memory_bytes=1)


class InterruptedOnce:
    """Stands in for a worker process that Ctrl-C ends after an epoch, in its first attempt alone.

    Attributes:
        resumed: the epochs after which later attempts went on.
    """

    def __init__(self, epoch: int) -> None:
        self.epoch, self.resumed = epoch, list[int]()

    def __call__(self, job: Job, send: Send, *_: Any) -> JobResult:
        def until(event: Event) -> None:
            send(event)
            # An attempt that goes on says so before its first epoch.
            if isinstance(event, Resumed):
                self.resumed.append(event.place.epoch)
            elif isinstance(event, EpochDone) and event.place.epoch == self.epoch and not self.resumed:
                raise KeyboardInterrupt

        return in_this_process(job, until)
