"""One trial of a search: a training with proposed values in its own process, or a stored run with those values."""

import csv
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmark.data.read_options import Located
from benchmark.files.checksums import DamagedError
from benchmark.files.file_writing import writing
from benchmark.files.run_layout import HISTORY, LOG, checkpoints_of, partial_trial
from benchmark.records import RunConfig
from benchmark.running.attempts import attempted
from benchmark.running.events import Failed, RunPlace, RunReporter, TrialDone, Watch
from benchmark.running.job import Job, JobOutputs, RunVariant
from benchmark.running.planning import Plan
from benchmark.running.run_options import RunOptions
from benchmark.running.supervision import JobResult, Limits, work
from benchmark.search.oracles import Proposal
from benchmark.search.search_log import Outcome
from benchmark.store.run_store import RunStore
from zoo.settings import TrainingSettings
from zoo.spec import ModelSpec


@dataclass(frozen=True)
class TrialMaker:
    """Makes trials of `job`, each in its own process, and keeps the logs of failures in the search's directory.

    A trial whose configuration and seed are those of a run in `store` trains nothing, and one that was interrupted goes
    on from its checkpoints, which stay when it is done.
    """

    store: RunStore
    spec: ModelSpec
    job: Job
    limits: Limits
    trials: int
    watch: Watch

    def __call__(self, number: int, proposal: Proposal) -> Outcome:
        """Make the trial of this number, from 1."""
        run = self.job.variant
        report = RunReporter(self.watch, RunPlace(number, self.trials, self.spec.name, run.seed, in_search=True))
        variant = replace(run, config=configured(self.spec, run.config, proposal.values, proposal.epochs))
        if outcome := self._stored(variant):
            report(TrialDone(outcome.seconds, f"stored already: {_trial_text(outcome, proposal)}"))
        else:
            outcome = self._trained(variant, number, report)
            report(TrialDone(outcome.seconds, _trial_text(outcome, proposal)))
        return outcome

    def _stored(self, variant: RunVariant) -> Outcome | None:
        """What the stored run of this configuration and seed came to; None where there is no whole one."""
        try:
            run = self.store.find(variant.config, variant.seed)
            history = run.history() if run else {}
        except DamagedError:
            return None
        if run is None or run.record.best_epoch is None or "validation_loss" not in history:
            return None
        return _best(history["validation_loss"], history["validation_accuracy"], run.record.best_epoch, seconds=0.0)

    def _trained(self, variant: RunVariant, number: int, report: RunReporter) -> Outcome:
        home = self.job.outputs.directory
        directory = partial_trial(home, number).resolve()
        with writing(home):
            directory.mkdir()
        outputs = replace(self.job.outputs, directory=directory, checkpoints=checkpoints_of(directory))
        trial = replace(self.job, variant=variant, outputs=outputs)
        try:
            outcome = _outcome(attempted(trial, report, self.limits, work), directory)
            if outcome.error is not None and (directory / LOG).exists():
                (directory / LOG).replace(home / f"trial-{number}.{LOG}")
        finally:
            shutil.rmtree(directory, ignore_errors=True)
        return outcome


def common_job(planned: Plan, source: Located, options: RunOptions, directory: Path) -> Job:
    """The job that all trials share; each has its own values, and its own directory inside the search's."""
    config = planned.configs[0]
    text = planned.source_of(config)
    variant = RunVariant(config, planned.seeds[0], planned.weights_file, predicts=False, model_source=text)
    return Job(options.data(source), variant, JobOutputs(directory, keep_model=False), options.execution)


def configured(spec: ModelSpec, config: RunConfig, values: Mapping[str, Any], epochs: int | None = None) -> RunConfig:
    """The configuration with these searched values, and at most so many epochs where `epochs` is given."""
    training = {name: value for name, value in values.items() if name not in spec.hyperparameters}
    if epochs is not None:
        training["epochs"] = epochs
    changed = {name: value for name, value in values.items() if name in spec.hyperparameters}
    return replace(
        config,
        hyperparameters=spec.with_hyperparameters({**config.hyperparameters, **changed}),
        training=(config.training or TrainingSettings()).with_changes(training),
    )


def values_text(values: Mapping[str, Any]) -> str:
    """Searched values in a line: `filters=64 dropout=0.25`."""
    return " ".join(f"{name}={value}" for name, value in values.items())


def _trial_text(outcome: Outcome, proposal: Proposal) -> str:
    if outcome.error is not None:
        return f"FAILED: {outcome.error}; {values_text(proposal.values)}"
    accuracy = 100 * (outcome.validation_accuracy or 0)
    return f"validation loss {outcome.validation_loss:.4f}, {accuracy:.1f} %; {values_text(proposal.values)}"


def _outcome(result: JobResult, directory: Path) -> Outcome:
    if isinstance(result.ending, Failed):
        return Outcome(seconds=round(result.total_seconds, 3), error=result.ending.error)
    # With the epochs of earlier processes, which the record counts, and the start of this one, which it does not.
    seconds = round(result.ending.record["durations"]["total"] + result.seconds - result.ending.seconds, 3)
    with (directory / HISTORY).open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    losses, accuracies = ([float(row[f"validation_{name}"]) for row in rows] for name in ("loss", "accuracy"))
    return _best(losses, accuracies, result.ending.record["best_epoch"], seconds)


def _best(losses: Sequence[float], accuracies: Sequence[float], epoch: int, seconds: float) -> Outcome:
    """The outcome of a training that kept this epoch, from 1."""
    return Outcome(losses[epoch - 1], accuracies[epoch - 1], len(losses), epoch, seconds)
