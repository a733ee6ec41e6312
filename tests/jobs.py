"""Jobs of tests: made from what most of them differ in, and changed by the names of their parts' fields."""

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from benchmark import ReadOptions
from benchmark.records import RunConfig
from benchmark.running.job import Execution, Job, JobData, JobOutputs, RunVariant


def job_of(config: RunConfig, directory: Path, source: str = "faces", reading: ReadOptions | None = None) -> Job:
    """A job with seed 0 and without a cache."""
    data = JobData(source, reading or ReadOptions())
    return Job(data, RunVariant(config, 0), JobOutputs(directory), Execution())


def changed(job: Job, **changes: Any) -> Job:
    """The job with some fields of its parts changed."""
    parts = {}
    for part in fields(job):
        values = getattr(job, part.name)
        own = {field.name: changes.pop(field.name) for field in fields(values) if field.name in changes}
        parts[part.name] = replace(values, **own)
    assert not changes, changes
    return Job(**parts)
