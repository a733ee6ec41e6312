"""Makes one run, and with it those with test-time augmentation: claims, a worker, and what is stored in the end."""

import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from benchmark.data.options import Located
from benchmark.files.checksums import DamagedError
from benchmark.files.run_layout import LOG
from benchmark.hardware.provenance import provenance
from benchmark.records import JOINT, RunConfig, RunRecord
from benchmark.running.job import Job
from benchmark.running.joint_members import starting_files
from benchmark.running.refitting import repeated_rates
from benchmark.running.run_options import RunOptions
from benchmark.running.supervision import MEMORY, TIMEOUT, Limits, late
from benchmark.running.train_and_predict import PACKAGES
from benchmark.store.claims import Claim
from benchmark.store.kept_models import KeptModels
from benchmark.store.run_store import RunStore
from benchmark.store.stored_run import StoredRun
from benchmark.training.distillation import Teacher
from benchmark.training.inference.tta import NONE, VIEWS
from zoo.errors import UserError
from zoo.registry import get_model

POLL_SECONDS: Final = 0.5

Watch = Callable[[dict[str, Any]], None]
Work = Callable[[Job, Watch, Limits], dict[str, Any]]

MOST_STEPS: Final = 4
"""That a batch is divided into, one doubling after the other, while memory does not suffice."""


@dataclass(frozen=True)
class RunCoordinator:
    """Makes the runs of one command; several threads may make some each.

    Attributes:
        store: takes them.
        source: of the data, as a worker is told of it.
        options: of the command.
        weights_file: that transfer models start from, if one was asked for.
        work: does a job in a process of its own, passes its events on, and returns the last with the seconds it took.
        models: decides which models stay.
        pause: waits so many seconds; raises KeyboardInterrupt once everything is stopped.
        teacher: of runs that have one.
    """

    store: RunStore
    source: Located
    options: RunOptions
    weights_file: Path | None
    work: Work
    models: KeptModels
    pause: Callable[[float], None] = time.sleep
    teacher: Teacher | None = None

    def make(self, config: RunConfig, seed: int, watch: Watch) -> list[StoredRun]:
        """The run and, behind it, those with test-time augmentation, made where they are not stored yet.

        A failure is recorded and returned in the run's place.
        """
        with ExitStack() as claims:
            claim = claims.enter_context(self._claimed(config, seed, watch))
            # Looked up under the claim: another process may have made the run while this one waited for it.
            plain = self._stored(config, seed, watch)
            found: dict[str, StoredRun] = {}
            lacking: dict[str, Claim] = {}
            for view in (replace(config, tta=kind) for kind in self.options.tta):
                beside = claims.enter_context(self._claimed(view, seed, watch))
                if run := self._stored(view, seed, _titled(watch, view)):
                    found[view.tta] = run
                else:
                    lacking[view.tta] = beside
            if plain is None:
                plain, made = self._train(config, seed, {NONE: claim, **lacking}, watch)
            elif plain.record.status == "ok":
                self.models.add(plain, made=False)
                made = {kind: self._augment(plain, kind, claim, watch) for kind, claim in lacking.items()}
            else:
                made = {}
            runs = {**found, **made}
            return [plain, *(runs[kind] for kind in self.options.tta if kind in runs)]

    def _train(
        self, config: RunConfig, seed: int, claims: Mapping[str, Claim], watch: Watch
    ) -> tuple[StoredRun, dict[str, StoredRun]]:
        """The trained run, and those with test-time augmentation, by kind; none of them where training failed."""
        claim, beside = claims[config.tta], {}

        def listen(event: dict[str, Any]) -> None:
            if event["event"] == "beside":
                beside[event["tta"]] = event["record"]
            else:
                watch(event)

        try:
            teacher = self._teacher(config)
            job = replace(
                self._job(config, seed, claim),
                keep_model=self.options.keep_model != "none" and not config.folds,
                rates=self._rates(config, seed),
                members=teacher.networks if teacher else starting_files(self.store, config, seed),
                teacher=teacher.tree if teacher else None,
                checkpoints=claim.checkpoints.resolve(),
                beside=tuple((kind, other.path.resolve()) for kind, other in claims.items() if kind != config.tta),
            )
        except UserError as error:
            return self._fail(claim, RunRecord(config, seed, "failed", str(error), failure="refused"), watch), {}
        outcome = self._worked(job, claims.values(), listen)
        if outcome["event"] != "finished":
            return self._fail(claim, _failed(config, seed, outcome), watch), {}
        stored = self._commit(claim, _whole(config, outcome), outcome["seconds"], watch)
        self.models.add(stored, made=True)
        views = {kind: RunRecord.from_json(replace(config, tta=kind), record) for kind, record in beside.items()}
        return stored, {
            kind: self._commit(claims[kind], _of_plain(record, stored.record), record.durations["total"], watch)
            for kind, record in views.items()
        }

    def _augment(self, plain: StoredRun, kind: str, claim: Claim, watch: Watch) -> StoredRun:
        """The run with test-time augmentation of a stored run, from its stored model."""
        config, seed, watch = replace(plain.config, tta=kind), plain.record.seed, _titled(watch, plain.config, kind)
        if plain.model is None:
            if said := plain.published_without_model:
                # What was published stays as it is: a failure of this kind is none of its runs.
                watch({"event": "failed", "error": said, "path": str(plain.path)})
                return StoredRun(plain.path, RunRecord(config, seed, "failed", said, failure="refused"))
            error = f"{plain.name} was stored without its model: remove {plain.path} to train it anew"
            return self._fail(claim, RunRecord(config, seed, "failed", error, failure="refused"), watch)
        job = replace(self._job(config, seed, claim), trained=plain.path.resolve())
        outcome = self._worked(job, [claim], watch)
        if outcome["event"] != "finished":
            return self._fail(claim, _failed(config, seed, outcome), watch)
        return self._commit(claim, _of_plain(_whole(config, outcome), plain.record), outcome["seconds"], watch)

    def _worked(self, job: Job, claims: Iterable[Claim], watch: Watch) -> dict[str, Any]:
        """What the job came to; where memory does not suffice it is tried again with smaller steps."""
        timeout, spent = self.options.timeout, 0.0
        locks = [claim.lock.fileno() for claim in claims]
        while True:
            outcome = self.work(job, watch, Limits(None if timeout is None else timeout - spent, locks))
            spent += outcome["seconds"]
            if outcome.get("failure") != MEMORY or not _divisible(job):
                break
            job = replace(job, accumulation=2 * job.accumulation)
            text = f"out of memory: again with {job.images_a_step} images a step, {job.accumulation} steps a batch"
            watch({"event": "note", "text": text})
        if outcome.get("failure") == TIMEOUT:
            outcome["error"] = late(timeout)  # of all attempts together
        return {**outcome, "seconds": spent}

    def _job(self, config: RunConfig, seed: int, claim: Claim) -> Job:
        options = self.options
        path = claim.path.resolve()
        return Job(
            config,
            seed,
            self.source,
            options.reading,
            options.cache,
            path,
            weights_file=self.weights_file,
            deterministic=options.deterministic,
            precision=options.precision,
        )

    def _teacher(self, config: RunConfig) -> Teacher | None:
        if config.teacher and self.teacher is None:
            # It was stored when the command began, and somebody has removed it since.
            raise UserError(f"{config.title} was not made with its teacher at hand: give the command again")
        return self.teacher if config.teacher else None

    def _rates(self, config: RunConfig, seed: int) -> tuple[tuple[float, ...], ...]:
        """Of a refit, the learning rates of the run that it repeats."""
        if not config.refit:
            return ()
        ordinary = self.store.find(replace(config, refit=False), seed)
        if ordinary is None:
            raise UserError(f"there is no run to repeat: {config.model} seed {seed} failed")
        return repeated_rates(ordinary)

    def _commit(self, claim: Claim, record: RunRecord, seconds: float, watch: Watch) -> StoredRun:
        stored = self.store.commit(claim, record)
        watch = _titled(watch, record.config)
        watch({"event": "stored", "path": str(stored.path), "seconds": seconds, "text": _kept(record)})
        return stored

    def _fail(self, claim: Claim, record: RunRecord, watch: Watch) -> StoredRun:
        stored = self.store.fail(claim, replace(record, provenance=provenance(PACKAGES)))
        watch({"event": "failed", "error": record.error, "path": str(stored.path / LOG)})
        return stored

    def _stored(self, config: RunConfig, seed: int, watch: Watch) -> StoredRun | None:
        """The run, if it is stored, or its failure, if that is not to be tried again.

        A damaged run is a failure too, which is not stored and overwrites nothing.
        """
        try:
            found = self.store.find(config, seed)
        except DamagedError as error:
            watch({"event": "failed", "error": f"{error}; remove it to run it again", "path": str(self.store.root)})
            return StoredRun(self.store.root, RunRecord(config, seed, "failed", str(error)))
        if found is not None:
            watch({"event": "skipped", "path": str(found.path)})
        elif not self.options.retry_failed and (found := self.store.find_failure(config, seed)) is not None:
            said = f"failed before, --retry-failed tries again: {found.record.error}"
            watch({"event": "failed", "error": said, "path": str(found.path / LOG)})
        return found

    def _claimed(self, config: RunConfig, seed: int, watch: Watch) -> Claim:
        """The claim on a run, once no other process has it."""
        waiting = False
        while (claim := self.store.claim(config, seed)) is None:
            if not waiting:
                watch({"event": "waiting"})
            waiting = True
            self.pause(POLL_SECONDS)
        return claim


def _failed(config: RunConfig, seed: int, outcome: Mapping[str, Any]) -> RunRecord:
    return RunRecord(
        config,
        seed,
        "failed",
        outcome["error"],
        {"total": round(outcome["seconds"], 3)},
        failure=outcome["failure"],
        peak_memory_bytes=outcome["peak_memory_bytes"],
    )


def _whole(config: RunConfig, outcome: Mapping[str, Any]) -> RunRecord:
    record = RunRecord.from_json(config, outcome["record"])
    durations = dict(record.durations)
    for name in ("start", "total"):  # the process and its imports took their time too
        durations[name] = round(durations.get(name, 0.0) + outcome.get("outside", 0.0), 3)
    return replace(record, durations=durations, peak_memory_bytes=outcome["peak_memory_bytes"])


def _divisible(job: Job) -> bool:
    """Whether smaller steps may help: scikit-learn holds all images at once, and one image is the smallest step."""
    if job.accumulation == MOST_STEPS or job.images_a_step == 1:
        return False
    return job.config.kind == JOINT or get_model(job.config.model).build is not None


def _of_plain(record: RunRecord, plain: RunRecord) -> RunRecord:
    """The record of a run with test-time augmentation, with what it owes to the training of the plain one."""
    trained = {"train": plain.durations["train"]} if "train" in plain.durations else {}
    durations = {**trained, **record.durations}
    # A stored network was trained in what its own run says.
    precision = {name: value for name, value in plain.provenance.items() if name == "precision"}
    provenance = {**record.provenance, **precision}
    return replace(record, durations=durations, provenance=provenance, best_epoch=plain.best_epoch, epochs=plain.epochs)


def _titled(watch: Watch, config: RunConfig, kind: str | None = None) -> Watch:
    """`watch`, told that an event is about this configuration."""
    title = (config if kind is None else replace(config, tta=kind)).title
    return lambda event: watch({**event, "model": title})


def _kept(record: RunRecord) -> str:
    if record.config.tta != NONE:
        return f"{VIEWS[record.config.tta]} views of each image"
    if record.config.folds:
        return f"kept the best epoch of each of {record.config.folds} folds"
    if record.config.refit:
        return f"repeated {record.epochs} epochs on train and validation"
    return f"kept epoch {record.best_epoch} of {record.epochs}"
