"""keras-tuner's oracles, one trial at a time. Only this module imports keras-tuner.

An oracle is rebuilt from the trials in a search's log; no file of keras-tuner's is kept. Its next proposal depends
only on those trials and the seed.

Faults of keras-tuner 1.4 that this module works around: the first trial is random, a seed of 0 means any, a whole
number on a logarithmic scale can exceed its range by one, a `Choice` turns truth values into numbers, a Bayesian search
proposes the same point again, and three failures in a row end it, as do 20 random points that were tried already.
Hyperband is in `benchmark.search.halving`.
"""

import os
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
from threadpoolctl import threadpool_limits

from benchmark.hardware import backend
from benchmark.search.search_log import Space
from zoo.errors import UserError
from zoo.spec import Choice, Integer

TUNERS: Final = ("bayesian", "hyperband", "random")

OBJECTIVE: Final = "validation_loss"

DRAWS: Final = 1000
"""Random points in a row, all of which were tried, after which none is new. keras-tuner gives up after 20."""

DIGITS: Final = 4
"""Significant digits of a proposed number; more would make long names and no difference."""


@dataclass(frozen=True)
class Proposal:
    """The next trial to make.

    Attributes:
        values: of everything that is searched, by name.
        epochs: at most so many; fewer than in a whole training only under Hyperband.
        bracket_end: under Hyperband, the number of the last trial of its bracket.
    """

    values: Mapping[str, Any]
    epochs: int
    bracket_end: int | None = None


def check_installed() -> None:
    """Look for Keras, its backend and keras-tuner without importing them.

    Raises:
        UserError: one of them is not installed.
    """
    backend.check_installed()
    if find_spec("keras_tuner") is None:
        raise UserError("a search needs keras-tuner, not installed here: `pip install keras-tuner` installs it")


def keras_tuner_space(space: Space) -> Any:
    """A search space as keras-tuner's HyperParameters.

    `step` is added on a linear scale; on a logarithmic one it multiplies, where it is above 1.
    """
    backend.prepare()
    with _silent():
        import keras_tuner

    translated = keras_tuner.HyperParameters()
    for name, declared in space.items():
        if isinstance(declared, Choice):
            if set(declared.options) == {True, False} and isinstance(declared.default, bool):
                translated.Boolean(name, default=declared.default)
            else:
                translated.Choice(name, list(declared.options), default=declared.default)
            continue
        scale = {"default": declared.default, "sampling": "log" if declared.log else "linear"}
        if isinstance(declared, Integer):
            step = None if declared.log and declared.step == 1 else declared.step
            translated.Int(name, declared.low, declared.high, step=step, **scale)
        else:
            translated.Float(name, declared.low, declared.high, **scale)
    return translated


class SearchOracle:
    """Proposes trials and learns from their losses; lower losses are better.

    The `tuner` is bayesian or random. The defaults of `space` are the first proposal. A whole training has `epochs`.
    """

    def __init__(self, tuner: str, space: Space, seed: int, epochs: int) -> None:
        self._space, self._seed, self._epochs = space, seed, epochs
        self._oracle = _keras_tuner_oracle(tuner, space, _derived(seed, 0))
        self._trial: Any = None
        self._losses: list[float] = []
        # keras-tuner always writes its state to disk; nothing reads it.
        self._scratch = TemporaryDirectory(prefix="benchmark-oracle-")
        self._oracle._set_project_dir(self._scratch.name, "oracle")

    def close(self) -> None:
        """Remove its temporary files."""
        self._scratch.cleanup()

    def ask(self, values: Mapping[str, Any] | None = None) -> Proposal | None:
        """The next trial, of these values if given; call `tell` after it. None where the space is exhausted."""
        if values is None and not self._oracle.trials:
            values = {name: declared.default for name, declared in self._space.items()}
        return self._begin(values)

    def tell(self, loss: float | None) -> None:
        """Take the validation loss of the last trial; None where it failed.

        A failure counts as the worst loss so far, so that points near it are avoided. Where no trial has a loss yet,
        keras-tuner ignores it.
        """
        if loss is None:
            loss = max(self._losses, default=None)
        else:
            self._losses.append(loss)
        self._trial.status = "INVALID" if loss is None else "COMPLETED"
        if loss is not None:
            self._oracle.update_trial(self._trial.trial_id, {OBJECTIVE: loss})
        self._oracle.end_trial(self._trial)

    def replay(self, proposal: Proposal, loss: float | None) -> None:
        """Take a trial that was made earlier, and its validation loss."""
        self._begin(proposal.values)
        self.tell(loss)

    def _begin(self, given: Mapping[str, Any] | None) -> Proposal | None:
        """Start a trial of keras-tuner's, with the given values if there are any."""
        self._reseed(len(self._oracle.trials) + 1)
        propose = type(self._oracle).populate_space

        def populate(trial_id: str) -> dict[str, Any]:
            if given is not None:
                return {"status": "RUNNING", "values": dict(given)}
            response: dict[str, Any] = propose(self._oracle, trial_id)
            if response["status"] != "RUNNING":
                return response
            values = self._usable(response["values"])
            for _ in range(DRAWS):
                if not self._known(values):
                    return {"status": "RUNNING", "values": {**response["values"], **values}}
                other = self._oracle._random_values()
                if other is None:
                    break
                # Rounded, or put back into its range, it may be one that was tried.
                values = self._usable(other)
            return {"status": "STOPPED", "values": None}

        self._oracle.populate_space = populate
        # The Gaussian process is so small that several threads make it several times slower.
        with warnings.catch_warnings(), threadpool_limits(1):
            warnings.simplefilter("ignore")  # of the Gaussian process' fit
            self._trial = self._oracle.create_trial("search")
        if self._trial.status != "RUNNING":
            return None
        values = self._trial.hyperparameters.values
        return Proposal({name: values[name] for name in self._space}, values.get("epochs", self._epochs))

    def _reseed(self, number: int) -> None:
        """Make the proposal of trial `number` independent of how many proposals this process has made."""
        self._oracle._seed_state = _derived(self._seed, number)
        self._oracle._random_state = np.random.RandomState(_derived(self._seed, number))

    def _known(self, values: Mapping[str, Any]) -> bool:
        return any(
            all(trial.hyperparameters.values[name] == value for name, value in values.items())
            for trial in self._oracle.trials.values()
        )

    def _usable(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Proposed values of the space's own types, rounded and within the ranges."""
        usable = {}
        for name, declared in self._space.items():
            value = type(declared.default)(values[name])
            if not isinstance(declared, Choice):
                rounded = value if isinstance(declared, Integer) else float(f"{value:.{DIGITS}g}")
                value = min(max(rounded, declared.low), declared.high)
            usable[name] = value
        return usable


def _keras_tuner_oracle(tuner: str, space: Space, seed: int) -> Any:
    translated = keras_tuner_space(space)
    import keras_tuner

    common = {
        "objective": keras_tuner.Objective(OBJECTIVE, "min"),
        "hyperparameters": translated,
        "seed": seed,
        "max_consecutive_failed_trials": sys.maxsize,
    }
    if tuner == "random":
        oracle = keras_tuner.oracles.RandomSearchOracle(max_trials=None, **common)
    elif tuner == "bayesian":
        # keras-tuner starts with 3 random points a dimension, which would be most of a search of 20 trials.
        oracle = keras_tuner.oracles.BayesianOptimizationOracle(
            max_trials=None, num_initial_points=len(space) + 1, **common
        )
    else:
        raise ValueError(f"keras-tuner has no oracle for {tuner}")
    oracle.verbose = 0
    oracle._max_collisions = DRAWS
    return oracle


@contextmanager
def _silent() -> Iterator[None]:
    """Show nothing on standard error: TensorFlow writes there at import, past Python. Errors are still raised."""
    sys.stderr.flush()
    kept, nothing = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nothing)


def _derived(seed: int, number: int) -> int:
    """A seed of its own for each trial, never 0, which keras-tuner takes for none."""
    return int(np.random.SeedSequence([seed, number]).generate_state(1)[0]) or 1
