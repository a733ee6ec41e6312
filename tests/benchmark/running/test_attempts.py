"""After a lack of memory: how many images the next attempt's steps have, and when there is none."""

from pathlib import Path

import pytest
from jobs import job_of

from benchmark.records import RunConfig
from benchmark.running.attempts import attempted
from benchmark.running.events import Event, Failed
from benchmark.running.job import Job
from benchmark.running.supervision import JobResult, Limits
from zoo import TrainingSettings


@pytest.mark.parametrize(
    ("batch", "attempts"),
    [
        (64, [(64, 1), (32, 2), (16, 4)]),
        (50, [(50, 1), (25, 2), (10, 5)]),
        (2, [(2, 1), (1, 2)]),
        (37, [(37, 1)]),  # a step would have one image
        (74, [(74, 1), (37, 2)]),  # then it would have two
        (1, [(1, 1)]),
    ],
)
def test_images_and_steps_of_each_attempt(batch: int, attempts: list[tuple[int, int]], tmp_path: Path) -> None:
    tried, told = [], []

    def work(job: Job, *_: object) -> JobResult:
        tried.append((job.images_a_step, job.steps_a_batch))
        return JobResult(Failed("memory", "ResourceExhaustedError: out of memory"), 1.0, peak_memory_bytes=1)

    def send(event: Event) -> None:
        told.append(event.text)

    config = RunConfig("tiny", "00000000", "cnn4", training=TrainingSettings(batch_size=batch))
    attempted(job_of(config, tmp_path), send, Limits(), work)
    assert tried == attempts
    assert told == [
        f"out of memory: again with {images} images a step, {steps} steps a batch" for images, steps in attempts[1:]
    ]
