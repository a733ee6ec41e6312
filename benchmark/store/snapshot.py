"""The runs of one dataset, read once for one command."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from benchmark.files.run_layout import seed_name
from benchmark.nouns import Noun, noun_of
from benchmark.records import RunConfig
from benchmark.store.best import BEST, FirstRow, first_row
from benchmark.store.stored_run import StoredRun
from zoo.errors import UserError, unknown_name

FEWEST_DIGITS: Final = 4
"""Fewest digits of a hash that may follow the @ in a name."""


def shared_titles(runs: Iterable[StoredRun]) -> set[str]:
    """The titles that several configurations of these runs have, so that their names need the hash."""
    titles = Counter(title for title, _ in {(run.config.title, run.config.hash) for run in runs})
    return {title for title, count in titles.items() if count > 1}


@dataclass(frozen=True)
class Snapshot:
    """The runs that `RunStore.snapshot` read. Each reads its predictions when they are first needed, and keeps them.

    Attributes:
        dataset: `name-fingerprint`.
        stored: every run and recorded failure, by model, configuration and seed.
        damaged: one sentence for each stored run that cannot be read.
    """

    dataset: str
    stored: tuple[StoredRun, ...]
    damaged: tuple[str, ...]

    @cached_property
    def runs(self) -> list[StoredRun]:
        """Every whole run."""
        return [run for run in self.stored if run.record.status == "ok"]

    @cached_property
    def failures(self) -> list[StoredRun]:
        """Every recorded failure, except those of runs that succeeded later."""
        return [
            run
            for run in self.stored
            if run.record.status == "failed" and not (run.path.parent / seed_name(run.record.seed)).exists()
        ]

    @cached_property
    def noun(self) -> Noun:
        """What the dataset's samples are called."""
        return noun_of(run.config.kind for run in self.stored)

    @cached_property
    def by_name(self) -> dict[str, StoredRun]:
        """The whole runs by name, such as `model-hash/seed-0`."""
        return {run.name: run for run in self.runs}

    @cached_property
    def rows(self) -> dict[str, list[StoredRun]]:
        """The whole runs of each configuration, by its name on the leaderboard, with a hash where it needs one."""
        shared = shared_titles((*self.runs, *self.failures))
        rows: dict[str, list[StoredRun]] = {}
        for run in self.runs:
            config = run.config
            rows.setdefault(config.full_title if config.title in shared else config.title, []).append(run)
        return rows

    def first_row(self, by: str | None = None) -> FirstRow:
        """The row that `best` means, see `benchmark.store.best.first_row`."""
        return first_row(self.rows, by)

    def spelled(self, name: str, by: str | None = None) -> str:
        """The name itself; for `best` the name of the leaderboard's first row, unless a run is really called so.

        Args:
            by: the split whose accuracy decides what is best; None for the one that the leaderboard ranks by. Commands
                that make a new run give "validation": test decides nothing.

        Raises:
            UserError: no row has labels, so that none is the best.
        """
        name = str(name)  # of a run that a call returned
        model, slash, seed = name.partition("/")
        if model != BEST or any(_matches(run.config, BEST) for run in self.stored):
            return name
        return self.first_row(by).name + slash + seed

    def resolve(self, name: str) -> list[StoredRun]:
        """The runs that `name` means: a model (all its seeds), `model@hash`, or one run such as `model-hash/seed-0`.

        After the @ come the first digits of the hash, at least four. A model's name means its ordinary runs; variants
        have a suffix, as in `cnn4:refit`. `best` is the leaderboard's first row, see `spelled`.

        Raises:
            UserError: there is no such run, or the model is stored in several configurations.
        """
        name = self.spelled(name)
        model, _, seed = name.partition("/")
        runs = [run for run in self.runs if _matches(run.config, model) and seed in ("", run.path.name)]
        if not runs:
            raise self._unknown(name, model, seed)
        configurations = sorted({run.config.full_title for run in runs})
        if len(configurations) > 1:
            raise UserError(f"{model} is stored in several configurations, choose one: {', '.join(configurations)}")
        return runs

    def _unknown(self, name: str, model: str, seed: str) -> UserError:
        failures = [
            run for run in self.failures if _matches(run.config, model) and seed in ("", seed_name(run.record.seed))
        ]
        if failures:
            return UserError(f"{name} has no whole run in {self.dataset}, it failed: {failures[-1].record.error}")
        # The sentences name the directories of what is damaged.
        title, _, digits = model.partition("@")
        which = rf"-{re.escape(digits)}[0-9a-f]*" if digits else r"(?:-[0-9a-f]{8})?"
        place = re.compile(rf"[/\\]{re.escape(title)}{which}[/\\]{re.escape(seed) or 'seed-[0-9]+'}(?![0-9])")
        if damaged := [sentence for sentence in self.damaged if place.search(sentence)]:
            return UserError(f"{name} has no whole run in {self.dataset}: {damaged[0]}")
        if not self.runs:
            return UserError(f"unknown run {name!r}: no whole run of {self.dataset} is stored")
        return unknown_name(f"run in {self.dataset}", name, {run.config.title for run in self.runs})


def _matches(config: RunConfig, name: str) -> bool:
    """Whether `name` means this configuration; it may hold only the first digits of the hash."""
    title, _, digits = name.partition("@")
    if len(digits) >= FEWEST_DIGITS and config.hash.startswith(digits) and title in (config.title, config.model):
        return True
    return name in (config.title, config.directory)
