"""Tries a job again with smaller steps while memory does not suffice."""

from dataclasses import replace
from typing import Final

from benchmark.running import events
from benchmark.running.job import Job
from benchmark.running.supervision import MEMORY, TIMEOUT, JobResult, Limits, Work, late
from benchmark.running.trainer_factory import has_network

MOST_STEPS: Final = 4
"""That a batch is to be divided into, one doubling after the other."""


def attempted(job: Job, send: events.Send, limits: Limits, work: Work) -> JobResult:
    """How the job ends, after all attempts; together they have the seconds of `limits`."""
    timeout, spent = limits.seconds, 0.0
    while True:
        left = replace(limits, seconds=None if timeout is None else timeout - spent)
        result = replace(work(job, send, left), seconds_before=spent)
        failure = result.ending.failure if isinstance(result.ending, events.Failed) else None
        if failure == TIMEOUT:
            return replace(result, ending=events.Failed(TIMEOUT, late(timeout)))  # of all attempts together
        if failure != MEMORY or (smaller := _with_smaller_steps(job)) is None:
            return result
        spent, job = result.total_seconds, smaller
        steps = f"{job.images_a_step} images a step, {job.steps_a_batch} steps a batch"
        send(events.Note(f"out of memory: again with {steps}"))


def _with_smaller_steps(job: Job) -> Job | None:
    """The job with steps of half the images or a little fewer; None where that may not help.

    scikit-learn holds all images at once. Of a batch of 37 images a step would have one: another training, because
    batch normalisation knows no others, and a slow one.
    """
    steps = 2 * job.execution.accumulation
    if steps > MOST_STEPS or not has_network(job.variant):
        return None
    smaller = replace(job, execution=replace(job.execution, accumulation=steps))
    wanted = job.variant.training.batch_size / steps
    return smaller if wanted >= 1 and smaller.images_a_step > wanted / 2 else None
