"""Hyperparameter search: trial after trial, each in its own process. The winner is stored as an ordinary run."""

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from benchmark.arguments import bring_to_types
from benchmark.data.loading import FACES
from benchmark.data.read_options import Sources
from benchmark.files.checksums import DamagedError
from benchmark.records import RunConfig
from benchmark.running.events import Note, Planned, Watch
from benchmark.running.planning import Model, Plan, chosen_models, chosen_seeds
from benchmark.running.progress import watcher
from benchmark.running.recipes import TRIALS, training_of
from benchmark.running.run_options import RunOptions, told_apart
from benchmark.running.runner import plan_runs, preset_for, run_planned, source_of
from benchmark.running.supervision import Limits, warmed
from benchmark.search.halving import HalvingOracle, halving_remark, schedule_notes
from benchmark.search.oracles import TUNERS, Proposal, SearchOracle, check_installed
from benchmark.search.search_log import Outcome, SearchIdentity, SearchLog, Trial, best_first
from benchmark.search.trial_making import TrialMaker, common_job, configured, values_text
from benchmark.store.claims import claim_search
from benchmark.store.run_store import RunStore
from benchmark.store.stored_run import StoredRun
from zoo.errors import UserError, unknown_name
from zoo.registry import TUNED_SUFFIX, all_models, outside_models
from zoo.settings import setting_names
from zoo.spec import Hyperparameter, ModelSpec

Evaluate = Callable[[int, Proposal], Outcome]
"""Makes a trial, given its number from 1 and what to try."""

SHOWN_TRIALS: Final = 5


@dataclass(frozen=True)
class TuneOptions:
    """The options of `tune`.

    Attributes:
        tuner: "bayesian", "random" or "hyperband", under which most trials have a part of the epochs; each trains from
            scratch, and the winner gets all epochs.
        trials: their number, including those made earlier; None for the preset's number.
        run: how each trial and the winner's run are made.

    Raises:
        UserError: a wrong value, or folds, a refit, cycles or test-time augmentation.
    """

    tuner: str = "bayesian"
    trials: int | None = None
    run: RunOptions = field(default_factory=RunOptions)

    def __post_init__(self) -> None:
        bring_to_types(self)
        if self.tuner not in TUNERS:
            raise unknown_name("tuner", self.tuner, TUNERS)
        if self.trials is not None and self.trials < 1:
            raise UserError(f"trials must be at least 1, got {self.trials}")
        if not self.run.plain:
            raise UserError("a search and its winner are ordinary runs: folds, refit, cycles and tta belong to `run`")


@dataclass(frozen=True)
class Tuned:
    """The result of a search.

    Attributes:
        trials: every trial, in order.
        runs: of the winner; none where every trial failed.
        remark: that the space was exhausted, or how Hyperband compared the trials; often empty.
    """

    model: str
    trials: tuple[Trial, ...]
    runs: tuple[StoredRun, ...]
    path: Path
    remark: str = ""

    def __repr__(self) -> str:
        return f"<{len(self.trials)} trials of {self.model}, {len(self.best)} of them whole; runs {list(self.runs)}>"

    @property
    def best(self) -> list[Trial]:
        """See `best_first`."""
        return best_first(self.trials)


def tune(
    model: Model,
    data: Sources = FACES,
    *,
    seeds: int | Sequence[int] = 1,
    settings: Mapping[str, Any] | None = None,
    runs: str | Path = "runs",
    options: TuneOptions | None = None,
    **more: Any,
) -> Tuned:
    """Search for better values of a model, then run the best as `NAME-tuned`; `python -m benchmark tune`.

    The first trial has the published values, but for what the preset changes. The lowest validation loss wins; no trial
    predicts test. A search that was stopped continues where it was, also within a trial, and more trials can be asked
    for later. What is stored already under the model's own name is not trained again, nor is a trial that wins.

    Args:
        model: name of a model with a search space, or its `ModelSpec`.
        data, runs: as `benchmark.run` takes them.
        seeds: of the winner's runs: how many (3 for 0, 1, 2), or which. The search takes the first.
        settings: training settings and hyperparameters by name; what is set is not searched, nor is what the quick
            preset changes.
        options: the rest.
        more: single settings and options by name, such as `trials=4, epochs=8`, as `benchmark.run` takes them.

    Raises:
        UserError: a wrong name, value or file; another process makes the same search; the store cannot be written.
    """
    asked, settings = told_apart(options or TuneOptions(), settings, more)
    store = RunStore(Path(runs))
    check_installed()
    spec = _searchable(model, asked.run.model_files)
    chosen, source = chosen_seeds(seeds), source_of(data)
    preset = preset_for(source, asked.run)
    trials, space = asked.trials or TRIALS.get(preset, 0), _space(spec, settings, preset)
    with watcher(asked.run.progress) as watch, warmed() as workers:
        planned = plan_runs([spec], source, chosen, settings, asked.run, watch)
        identity = SearchIdentity(planned.configs[0], asked.tuner, space, chosen[0])
        with _opened(store, identity) as (log, lock):
            watch(_still_to_come(log.trials, identity, trials))
            job = common_job(planned, source, asked.run, log.directory)
            limits = Limits(asked.run.timeout, [lock], workers=workers)
            make = TrialMaker(store, spec, job, limits, trials, watch)
            if asked.run.retry_failed:
                repeat_failed(log, make)
            search(log, identity, make, trials)
            tuned = Tuned(spec.name, tuple(log.trials), (), log.path, _remark(log.trials, identity, trials))
            winner = _winner(spec, planned, tuned)
            if winner is None:
                return tuned
            _take_over(store, spec, winner, asked.run, watch)
            _hand_over(store, log.checkpoints(tuned.best[0].number), tuned.best[0], winner, asked.run)
            for other in _other_winners(store, winner.configs[0]):
                watch(Note(other))
        return replace(tuned, runs=tuple(run_planned(store, winner, source, asked.run, watch)))


def search(log: SearchLog, identity: SearchIdentity, evaluate: Evaluate, trials: int) -> None:
    """Make trials until the log has `trials` of them, or the space is exhausted.

    Each trial is in the log before the next starts.
    """
    if len(log.trials) >= trials:
        return
    with closing(_oracle(identity, trials)) as oracle:
        for trial in log.trials:
            made = Proposal(trial.values, trial.epochs_asked, trial.bracket_end)
            oracle.replay(made, trial.outcome.validation_loss)
        while len(log.trials) < trials and (proposal := oracle.ask()) is not None:
            number = len(log.trials) + 1
            outcome = evaluate(number, proposal)
            log.append(Trial(number, proposal.values, proposal.epochs, identity.seed, outcome, proposal.bracket_end))
            oracle.tell(outcome.validation_loss)


def repeat_failed(log: SearchLog, evaluate: Evaluate) -> None:
    """Make each failed trial again, with the same values; its row has the new outcome. Others stay as they are."""
    for trial in [trial for trial in log.trials if trial.status == "failed"]:
        outcome = evaluate(trial.number, Proposal(trial.values, trial.epochs_asked, trial.bracket_end))
        log.replace(replace(trial, outcome=outcome))


def tuned_text(tuned: Tuned) -> str:
    """The best trials as a table of at most 80 columns."""
    from tabulate import tabulate

    best, failed = tuned.best, sum(trial.status == "failed" for trial in tuned.trials)
    rows = [
        (
            trial.number,
            f"{trial.outcome.validation_loss:.4f}",
            f"{100 * (trial.outcome.validation_accuracy or 0):.2f}",
            f"{trial.outcome.best_epoch}/{trial.epochs_asked}",
            values_text(trial.values),
        )
        for trial in best[:SHOWN_TRIALS]
    ]
    headers, alignment = ("trial", "val loss", "val %", "epoch", "values"), (*["right"] * 4, "left")
    table = tabulate(rows, headers, disable_numparse=True, colalign=alignment, maxcolwidths=[*[None] * 4, 40])
    counted = f"{len(tuned.trials)} trials of {tuned.model}" + (f", {failed} of them failed" if failed else "")
    shown = f"the best {len(rows)}" if len(rows) < len(best) else "best first"
    remark = f"{tuned.remark}\n\n" if tuned.remark else ""
    return f"{counted}; {shown}:\n\n{table}\n\n{remark}Every trial: {tuned.path}"


def _oracle(identity: SearchIdentity, trials: int) -> SearchOracle | HalvingOracle:
    if identity.halving:
        return HalvingOracle(identity.space, identity.seed, identity.epochs, trials)
    return SearchOracle(identity.tuner, identity.space, identity.seed, identity.epochs)


def _still_to_come(made: Sequence[Trial], identity: SearchIdentity, trials: int) -> Planned:
    text = f"search {identity.name}: {len(made)} of {max(trials, len(made))} trials made already"
    return Planned(text, schedule_notes(made, trials, identity.epochs) if identity.halving else ())


def _remark(made: Sequence[Trial], identity: SearchIdentity, trials: int) -> str:
    """The `Tuned.remark` of a finished search."""
    exhausted = f"No new point was left after {len(made)} of {trials} trials." if len(made) < trials else ""
    halved = halving_remark(made, identity.epochs) if identity.halving else ""
    return "\n".join(filter(None, (exhausted, halved)))


def _winner(spec: ModelSpec, planned: Plan, tuned: Tuned) -> Plan | None:
    """The runs of the best values, called `NAME-tuned`; None where every trial failed."""
    if not tuned.best:
        return None
    config = configured(spec, planned.configs[0], tuned.best[0].values)
    return replace(planned, configs=(replace(config, model=f"{spec.name}{TUNED_SUFFIX}"),))


def _other_winners(store: RunStore, config: RunConfig) -> list[str]:
    """A sentence on each other configuration of that name, of this search with fewer trials or of another one."""
    stored = {run.path.parent.name: run for run in store.snapshot(config.full_dataset).runs}
    return [
        f"{config.model} is also stored as {name}, the winner of fewer trials or of another search: this one is "
        f"{config.model}@{config.hash}, until the other is removed ({run.path.parent})"
        for name, run in stored.items()
        if run.config.model == config.model and name != config.directory
    ]


def _take_over(store: RunStore, spec: ModelSpec, winner: Plan, options: RunOptions, watch: Watch) -> None:
    """Copy the winner's runs that are stored under the model's own name, unless their models are wanted and gone."""
    (config,) = winner.configs
    for seed in winner.seeds:
        with suppress(DamagedError):  # what is damaged is not copied, and the winner's own run says so later
            made = store.find(replace(config, model=spec.name), seed)
            if made and (made.model or options.keep_model == "none") and store.copy(made, config):
                watch(Note(f"{config.model} seed {seed} is a copy of {made.name}, which has its values"))


def _hand_over(store: RunStore, checkpoints: Path, best: Trial, winner: Plan, options: RunOptions) -> None:
    """Let the winner's run go on from the end of the best trial, or delete that trial's checkpoints.

    It is trained where the trial had fewer epochs, as under Hyperband, or where its epochs shall be logged.
    """
    (config,) = winner.configs
    if config.training and config.training.epochs == best.epochs_asked and not options.log:
        store.hand_over(checkpoints, config, best.seed)
    shutil.rmtree(checkpoints, ignore_errors=True)


def _searchable(model: Model, files: Sequence[Path]) -> ModelSpec:
    (spec, *others) = chosen_models([model], files)
    if others or not spec.search_space:
        name = model if isinstance(model, str) else spec.name
        known = {**all_models(), **outside_models(files)}
        searchable = ", ".join(model.name for model in known.values() if model.search_space)
        raise UserError(
            f"{name} has no search space, these models have one: {searchable}, and keras:NAME and hub:NAME. A model of "
            "your own has one where its file declares MODELS = [ModelSpec(..., search_space=...)]"
        )
    return spec


def _space(spec: ModelSpec, settings: Mapping[str, Any], preset: str) -> dict[str, Hyperparameter]:
    given = {*settings, *(spec.quick_hyperparameters if preset == "quick" else {})}
    usual, changed = spec.training, training_of(spec, preset)
    own = set(setting_names()) - set(spec.hyperparameters)
    given |= {name for name in own if getattr(changed, name) != getattr(usual, name)}
    space = {name: declared for name, declared in spec.search_space.items() if name not in given}
    if not space:
        raise UserError(f"{', '.join(spec.search_space)} are all set: nothing of {spec.name} is left to search")
    return space


@contextmanager
def _opened(store: RunStore, identity: SearchIdentity) -> Iterator[tuple[SearchLog, int]]:
    """The search's log, which no other process writes to in the meantime, and the descriptor of its locked file."""
    claim = claim_search(store.root, identity.config, identity.name)
    if claim is None:
        raise UserError(f"another process is making the search {identity.name}: wait for it and try again")
    with claim:
        for left in claim.path.glob(".trial-*.partial"):  # of a process that was killed
            shutil.rmtree(left, ignore_errors=True)
        yield SearchLog(claim.path, identity), claim.lock.fileno()
