"""Makes one run, and with it those with test-time augmentation: claims them, has them trained, stores them."""

from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from benchmark.data.read_options import Located
from benchmark.files.checksums import DamagedError
from benchmark.files.run_layout import LOG, seed_name
from benchmark.hardware.provenance import provenance
from benchmark.records import RunConfig, RunRecord
from benchmark.running import events
from benchmark.running.attempts import attempted
from benchmark.running.engines import Engine
from benchmark.running.job import Job, JobOutputs, RunVariant
from benchmark.running.network_training import PACKAGES
from benchmark.running.planning import Plan
from benchmark.running.progress import duration
from benchmark.running.run_inputs import repeated_rates, starting_files
from benchmark.running.run_options import RunOptions
from benchmark.running.supervision import JobResult, Limits
from benchmark.store.claims import Claim
from benchmark.store.epoch_log import TENSORBOARD, epoch_log
from benchmark.store.kept_models import KeptModels
from benchmark.store.run_store import RunStore
from benchmark.store.stored_run import StoredRun
from benchmark.training.distillation import Teacher
from benchmark.training.inference.tta import NONE, VIEWS
from benchmark.training.soft_targets import SoftTargets
from zoo.errors import UserError
from zoo.model_files import sources_of

POLL_SECONDS: Final = 0.5

STARTED_FROM: Final = "started_from"
"""In the provenance of a later cycle, the SHA-256 of the model that it started from."""


@dataclass(frozen=True)
class RunCoordinator:
    """Makes the runs of one command; several threads may make some each.

    Attributes:
        plan: what all runs start or learn from.
        models: decides which models stay.
    """

    store: RunStore
    source: Located
    options: RunOptions
    plan: Plan
    engine: Engine
    models: KeptModels

    def make(self, config: RunConfig, seed: int, report: events.RunReporter) -> list[StoredRun]:
        """The run and, behind it, those with test-time augmentation, made where they are not stored yet.

        A failure is returned in the run's place, and recorded unless it is that of the run before.
        """
        with ExitStack() as claims:
            claim = claims.enter_context(self._claimed(config, seed, report))
            # Looked up under the claim: another process may have made the run while this one waited for it.
            plain = self._stored(config, seed, report)
            views: dict[str, StoredRun] = {}
            missing: dict[str, Claim] = {}
            for view in (replace(config, tta=kind) for kind in self.options.tta):
                view_claim = claims.enter_context(self._claimed(view, seed, report))
                if run := self._stored(view, seed, report.titled(view)):
                    views[view.tta] = run
                else:
                    missing[view.tta] = view_claim
            if plain is None:
                plain, made = self._train(config, seed, {NONE: claim, **missing}, report)
                views |= made
            elif plain.record.status == "ok":
                self.models.add(plain, made=False)
                views |= {kind: self._augment(plain, kind, claim, report) for kind, claim in missing.items()}
            return [plain, *(views[kind] for kind in self.options.tta if kind in views)]

    def _train(
        self, config: RunConfig, seed: int, claims: Mapping[str, Claim], report: events.RunReporter
    ) -> tuple[StoredRun, dict[str, StoredRun]]:
        """The trained run, and those with test-time augmentation, by kind; none of them where training failed."""
        claim = claims[config.tta]
        try:
            before = self._before(config, seed)
        except UserError as error:
            # Once the run before is there this one can be made: it is no failure of its own, and none is stored.
            report(events.Message(f"FAILED: {error}"))
            return StoredRun(self.store.root, _refused(config, seed, error)), {}
        try:
            variant = self._variant(config, seed, before)
        except UserError as error:
            return self._fail(claim, _refused(config, seed, error), report), {}
        result, views = self._trained(variant, claims, report)
        record = _record(config, seed, result)
        if record.status == "failed":
            return self._fail(claim, record, report), {}
        if before is not None and config.cycle > 1:
            record = _with_start(record, before.record, variant)
        stored = self._commit(claim, record, result.total_seconds, report)
        self.models.add(stored, made=True)
        made = {}
        for kind, values in views.items():
            record = RunRecord.from_json(replace(config, tta=kind), values)
            seconds = record.durations["total"]
            made[kind] = self._commit(claims[kind], _with_training_of(record, stored.record), seconds, report)
        return stored, made

    def _trained(
        self, variant: RunVariant, claims: Mapping[str, Claim], report: events.RunReporter
    ) -> tuple[JobResult, dict[str, Mapping[str, Any]]]:
        """What the job came to, and the records of its runs with test-time augmentation, by kind."""
        config, claim, views = variant.config, claims[variant.config.tta], dict[str, Mapping[str, Any]]()

        def listen(event: events.Event) -> None:
            if isinstance(event, events.ViewsPredicted):
                views[event.tta] = event.record
                return
            if isinstance(event, events.EpochDone):
                log(event.place.done, {name: value for name, value in vars(event).items() if name != "place"})
            report(event)

        outputs = JobOutputs(
            claim.path.resolve(),
            keep_model=self.options.keep_model != "none" and not config.folds,
            views=tuple((kind, other.path.resolve()) for kind, other in claims.items() if kind != config.tta),
            checkpoints=claim.checkpoints.resolve(),
        )
        with epoch_log(self.options.log, self._log_directory(config, variant.seed)) as log:
            return self._result(variant, outputs, claims.values(), listen), views

    def _augment(self, plain: StoredRun, kind: str, claim: Claim, report: events.RunReporter) -> StoredRun:
        """The run with test-time augmentation of a stored run, from its stored model."""
        config, seed = replace(plain.config, tta=kind), plain.record.seed
        report = report.titled(config)
        if reason := _without_model(plain):
            # Once the model is there it can be made: it is no failure of its own, and none is stored.
            report(_failure(reason, plain.path))
            return StoredRun(plain.path, _refused(config, seed, reason))
        source = self.plan.source_of(config)
        trained = plain.path.resolve()
        variant = RunVariant(config, seed, self.plan.weights_file, trained=trained, model_source=source)
        result = self._result(variant, JobOutputs(claim.path.resolve()), [claim], report)
        record = _record(config, seed, result)
        if record.status == "failed":
            return self._fail(claim, record, report)
        return self._commit(claim, _with_training_of(record, plain.record), result.total_seconds, report)

    def _variant(self, config: RunConfig, seed: int, before: StoredRun | None) -> RunVariant:
        """The run to train, and what it starts or learns from.

        Args:
            before: see `_before`, which has checked its model.

        Raises:
            UserError: something of that is not there.
        """
        teacher = self.plan.teacher if config.teacher else None
        if config.teacher and teacher is None:
            # It was stored when the command began, and somebody has removed it since.
            raise UserError(f"the teacher of {config.title} was removed while the command ran: give the command again")
        networks = teacher if isinstance(teacher, Teacher) else None
        members = networks.networks if networks else starting_files(self.store, config, seed)
        return RunVariant(
            config,
            seed,
            self.plan.weights_file,
            start=before.model.resolve() if before and before.model and config.cycle > 1 else None,
            rates=repeated_rates(before) if before and config.refit else (),
            members=members,
            sources=tuple(sources_of(self.options.model_files)) if members else (),
            teacher=networks.tree if networks else None,
            soft_targets=teacher if isinstance(teacher, SoftTargets) else None,
            model_source=self.plan.source_of(config),
        )

    def _before(self, config: RunConfig, seed: int) -> StoredRun | None:
        """The run that must be there before (`RunConfig.precursor`), with its model where a cycle starts from that.

        Raises:
            UserError: it failed, kept no model, or has no history to repeat.
        """
        if config.precursor is None:
            return None
        before = self.store.find(config.precursor, seed)
        if before is None:
            purpose = "to repeat" if config.refit else "to go on from"
            raise UserError(
                f"there is no run {purpose}: {config.precursor.title} seed {seed} failed, --retry-failed tries it again"
            )
        if config.cycle > 1:
            before.model_file()
        if config.refit:
            repeated_rates(before)
        return before

    def _log_directory(self, config: RunConfig, seed: int) -> Path:
        dataset = config.full_dataset
        return self.store.report_directory(dataset, TENSORBOARD) / f"{config.directory}-{seed_name(seed)}"

    def _result(
        self, variant: RunVariant, outputs: JobOutputs, claims: Iterable[Claim], send: events.Send
    ) -> JobResult:
        job = Job(self.options.data(self.source), variant, outputs, self.options.execution)
        limits = Limits(self.options.timeout, [claim.lock.fileno() for claim in claims])
        return attempted(job, send, limits, self.engine.work)

    def _commit(self, claim: Claim, record: RunRecord, seconds: float, report: events.RunReporter) -> StoredRun:
        stored = self.store.commit(claim, record)
        report.titled(record.config)(events.Message(f"done in {duration(seconds)}, {_kept(record)}: {stored.path}"))
        return stored

    def _fail(self, claim: Claim, record: RunRecord, report: events.RunReporter) -> StoredRun:
        stored = self.store.fail(claim, replace(record, provenance=provenance(PACKAGES)))
        report(_failure(record.error, _log_of(stored)))
        return stored

    def _stored(self, config: RunConfig, seed: int, report: events.RunReporter) -> StoredRun | None:
        """The run, if it is stored, or its failure, if that is not to be tried again.

        A damaged run is a failure too, which is not stored and overwrites nothing.
        """
        try:
            run = self.store.find(config, seed)
        except DamagedError as error:
            report(_failure(f"{error}; remove it to run it again", self.store.root))
            return StoredRun(self.store.root, RunRecord(config, seed, "failed", str(error)))
        if run is not None:
            report(events.Message(f"stored already in {run.path}"))
        elif not self.options.retry_failed and (run := self.store.find_failure(config, seed)) is not None:
            reason = f"failed before, --retry-failed tries again: {run.record.error}"
            report(_failure(reason, _log_of(run)))
        return run

    def _claimed(self, config: RunConfig, seed: int, report: events.RunReporter) -> Claim:
        """The claim on a run, once no other process has it."""
        waiting = False
        while (claim := self.store.claim(config, seed)) is None:
            if not waiting:
                report(events.Message("another process makes this run: waiting for it"))
            waiting = True
            self.engine.pause(POLL_SECONDS)
        return claim


def _without_model(plain: StoredRun) -> str | None:
    """Why nothing can be predicted with a stored run's model; None where it is there, as it was stored."""
    if plain.model is None:
        remove = f"{plain.name} was stored without its model: remove {plain.path} to train it again"
        return plain.published_without_model or remove
    try:
        plain.model_file()
    except DamagedError as error:
        return str(error)
    return None


def _failure(error: str | None, path: Path) -> events.Message:
    return events.Message(f"FAILED: {error} (see {path})")


def _log_of(failure: StoredRun) -> Path:
    """The log of a failure; its directory where no process was started, which would have written one."""
    log = failure.path / LOG
    return log if log.exists() else failure.path


def _refused(config: RunConfig, seed: int, reason: object) -> RunRecord:
    return RunRecord(config, seed, "failed", str(reason), failure="refused")


def _record(config: RunConfig, seed: int, result: JobResult) -> RunRecord:
    """The record of a job that is done or failed, with what its process cost."""
    ending = result.ending
    if isinstance(ending, events.Failed):
        durations = {"total": round(result.total_seconds, 3)}
        record = RunRecord(config, seed, "failed", ending.error, failure=ending.failure)
    else:
        record = RunRecord.from_json(config, ending.record)
        durations = dict(record.durations)
        for name in ("start", "total"):  # the process and its imports took their time too
            durations[name] = round(durations.get(name, 0.0) + result.seconds - ending.seconds, 3)
    return replace(record, durations=durations, peak_memory_bytes=result.peak_memory_bytes)


def _with_start(record: RunRecord, before: RunRecord, variant: RunVariant) -> RunRecord:
    """The record of a later cycle with the checksum of the model that it started from, and the seconds of that."""
    started = {STARTED_FROM: before.files[variant.start.name]} if variant.start else {}
    seconds = {} if before.train_seconds is None else {"cycles_before": before.train_seconds}
    provenance, durations = {**record.provenance, **started}, {**record.durations, **seconds}
    return replace(record, provenance=provenance, durations=durations)


def _with_training_of(record: RunRecord, plain: RunRecord) -> RunRecord:
    """The record of a run with test-time augmentation, with what it owes to the training of the plain one."""
    trained = {phase: plain.durations[phase] for phase in ("train", "cycles_before") if phase in plain.durations}
    durations = {**trained, **record.durations}
    # A stored network was trained in what its own run says.
    precision = {name: value for name, value in plain.provenance.items() if name == "precision"}
    merged = {**record.provenance, **precision}
    return replace(record, durations=durations, provenance=merged, best_epoch=plain.best_epoch, epochs=plain.epochs)


def _kept(record: RunRecord) -> str:
    if record.config.tta != NONE:
        return f"{VIEWS[record.config.tta]} views of each image"
    if record.config.folds:
        return f"kept the best epoch of each of {record.config.folds} folds"
    if record.config.refit:
        return f"repeated {record.epochs} epochs on train and validation"
    return f"kept epoch {record.best_epoch} of {record.epochs}"
