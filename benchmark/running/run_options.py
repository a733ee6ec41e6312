"""The options of `benchmark.run`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, TypeVar

from benchmark.arguments import bring_to_types
from benchmark.data.read_options import Located, ReadOptions, default_cache
from benchmark.hardware.backend import AUTO, PRECISIONS
from benchmark.running.job import Execution, JobData
from benchmark.store.epoch_log import check_log
from benchmark.store.stored_run import StoredRun
from benchmark.training.inference.tta import NONE, VIEWS
from zoo.errors import UserError, unknown_name

Options = TypeVar("Options")

KEEP_MODEL: Final = ("all", "best", "none")
MOST_FOLDS: Final = 100
MOST_CYCLES: Final = 100
MOST_JOBS: Final = 1000
LONGEST: Final = 2_000_000
"""Seconds of a timeout, more than three weeks; a thread cannot be told to wait for much longer."""


@dataclass(frozen=True)
class RunOptions:
    """The options of `run`.

    Attributes:
        preset: "quick", "paper", or None for quick on the built-in faces and paper on any other data.
        reading: how the data is read.
        cache: directory of decoded data; None reads the data again in every process.
        keep_model: which trained models are kept beside their predictions: "all", "none", or of each configuration's
            seeds that this call trains the "best", that of lowest validation loss.
        progress: whether progress is shown on standard output.
        folds: 0, or into how many folds train and validation together are split; see `benchmark.training.folds`.
        cycles: how often each network is trained. Each cycle is a run of its own: it starts from the weights that the
            one before kept, and its learning rate from the start of the schedule.
        refit: whether each model is trained on validation as well, behind its ordinary run.
        tta: kinds of test-time augmentation, each a run of its own beside the plain one.
        deterministic: whether the same seed on the same machine gives the same predictions to the last bit, and an
            interrupted run those of one that was not; slower. What is stored already stays as it is.
        precision: that networks are trained in: "float32", "bfloat16", or "auto", which is bfloat16 on GPUs that have
            it, what a trial finds faster on CPUs that have it, and float32 elsewhere. The stored model is float32, and
            predicts in it. What is stored already stays.
        timeout: seconds after which a run is ended, as a failure; None for no end.
        retry_failed: whether runs that failed before are made again; otherwise they stay failures.
        jobs: how many runs are made at once on this machine, sharing its cores and GPUs; None for what
            `benchmark.running.runner.jobs_for` says.
        model_files: Python files with models of one's own (`zoo.model_files`), which are run; `models` may name them.
        log: "tensorboard" to have scalars of each epoch written under the dataset's `reports/tensorboard`, or empty.
        scheduler: address of a Dask cluster's scheduler, to have the runs made there; None for this machine.
        after_run: called with each run that is done or failed, where there are several; what it returns is shown.
            Several threads may call it.

    Raises:
        UserError: a wrong value.
    """

    preset: str | None = None
    reading: ReadOptions = field(default_factory=ReadOptions)
    cache: Path | None = field(default_factory=default_cache)
    keep_model: str = "all"
    progress: bool = True
    folds: int = 0
    cycles: int = 1
    refit: bool = False
    tta: tuple[str, ...] = ()
    deterministic: bool = False
    precision: str = AUTO
    timeout: float | None = None
    retry_failed: bool = False
    jobs: int | None = None
    scheduler: str | None = None
    model_files: tuple[Path, ...] = ()
    log: str = ""
    after_run: Callable[[StoredRun], str | None] | None = None

    @property
    def execution(self) -> Execution:
        """How each run is computed."""
        return Execution(self.deterministic, self.precision)

    def data(self, source: Located) -> JobData:
        """Where each run finds the data, which is at `source`."""
        return JobData(source, self.reading, self.cache)

    @property
    def plain(self) -> bool:
        """Whether every run is an ordinary one: no folds, no refit, no later cycles, no test-time augmentation."""
        return not (self.folds or self.refit or self.tta or self.cycles > 1)

    def __post_init__(self) -> None:
        bring_to_types(self)
        if self.keep_model not in KEEP_MODEL:
            raise unknown_name("choice of models to keep", self.keep_model, KEEP_MODEL)
        if self.precision not in PRECISIONS:
            raise unknown_name("precision", self.precision, PRECISIONS)
        check_log(self.log)
        if self.folds and not 2 <= self.folds <= MOST_FOLDS:
            raise UserError(f"folds must be between 2 and {MOST_FOLDS}, got {self.folds}")
        if self.folds and self.refit:
            raise UserError("a refit cannot be made of folds: leave --refit or --folds out")
        self._check_cycles()
        if self.timeout is not None and not 0 < self.timeout <= LONGEST:
            raise UserError(f"timeout must be above 0 and at most {LONGEST} seconds, got {self.timeout:g}")
        for kind in self.tta:
            if kind == NONE or kind not in VIEWS:
                raise unknown_name("test-time augmentation", kind, [name for name in VIEWS if name != NONE])
        if len(set(self.tta)) < len(self.tta):
            raise UserError(f"a kind of test-time augmentation is given twice in {','.join(self.tta)}")
        self._check_places()

    def _check_cycles(self) -> None:
        if not 1 <= self.cycles <= MOST_CYCLES:
            raise UserError(f"cycles must be between 1 and {MOST_CYCLES}, got {self.cycles}")
        if self.cycles > 1 and (self.folds or self.refit):
            raise UserError("cycles go with neither folds nor a refit: leave --folds and --refit out")
        if self.cycles > 1 and self.keep_model != "all":
            raise UserError("a cycle starts from the model of the one before: leave --keep-model out")

    def _check_places(self) -> None:
        if self.jobs is not None and not 1 <= self.jobs <= MOST_JOBS:
            raise UserError(f"jobs must be between 1 and {MOST_JOBS}, got {self.jobs}")
        if self.scheduler is not None and (self.jobs or 1) > 1:
            raise UserError("a cluster makes as many runs at once as its workers have threads: leave --jobs out")


def told_apart(
    options: Options, settings: Mapping[str, Any] | None, more: Mapping[str, Any]
) -> tuple[Options, dict[str, Any]]:
    """Options and settings with what was given by name; what is no option is a setting.

    Args:
        options: `RunOptions`, or those of another call that makes runs, which has them as `run`.
        settings: all together, which those by name go before.
        more: by name.

    Raises:
        UserError: a wrong value.
    """
    whole: Any = options
    own = {name: value for name, value in more.items() if name in whole.__dataclass_fields__}
    others = {name: value for name, value in more.items() if name not in own}
    if isinstance(whole, RunOptions):
        settings = {**(settings or {}), **others}
    else:
        own["run"], settings = told_apart(own.get("run", whole.run), settings, others)
    return replace(whole, **own), settings
