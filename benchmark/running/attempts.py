"""Tries a job again with smaller steps while memory does not suffice."""

from dataclasses import replace
from typing import Final

from benchmark.running import events
from benchmark.running.job import Job
from benchmark.running.supervision import MEMORY, TIMEOUT, JobResult, Limits, Work, late
from benchmark.running.trainer_factory import has_network

MOST_STEPS: Final = 4
"""That a batch is divided into, one doubling after the other."""


def attempted(job: Job, send: events.Send, limits: Limits, work: Work) -> JobResult:
    """How the job ends, after all attempts; together they have the seconds of `limits`."""
    timeout, spent = limits.seconds, 0.0
    while True:
        left = replace(limits, seconds=None if timeout is None else timeout - spent)
        result = replace(work(job, send, left), seconds_before=spent)
        failure = result.ending.failure if isinstance(result.ending, events.Failed) else None
        if failure == TIMEOUT:
            return replace(result, ending=events.Failed(TIMEOUT, late(timeout)))  # of all attempts together
        if failure != MEMORY or not _divisible(job):
            return result
        spent = result.total_seconds
        steps = 2 * job.execution.accumulation
        job = replace(job, execution=replace(job.execution, accumulation=steps))
        send(events.Note(f"out of memory: again with {job.images_a_step} images a step, {steps} steps a batch"))


def _divisible(job: Job) -> bool:
    """Whether smaller steps may help: scikit-learn holds all images at once, and one image is the smallest step."""
    if job.execution.accumulation == MOST_STEPS or job.images_a_step == 1:
        return False
    return has_network(job.variant)
