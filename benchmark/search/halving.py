"""Successive halving: many trials of few epochs, of which the best are made again with three times as many.

K. Jamieson and A. Talwalkar, "Non-stochastic Best Arm Identification and Hyperparameter Optimization", 2016; a bracket
of L. Li et al., "Hyperband", 2018. The bracket is chosen so that the trials asked for fill it. keras-tuner's Hyperband
starts with the bracket of fewest epochs, whatever the number of trials, and waits for ever until it is full.

The next trial depends only on the trials made and on the number asked for. Each trial remembers where its bracket
ends: if more trials are asked for later, they make a new bracket, and the one at work stays as it is.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from benchmark.search.oracles import Proposal, SearchOracle
from benchmark.search.search_log import Space, Trial

FACTOR: Final = 3
"""A rung has about a third of the trials of the one before, with three times the epochs."""


@dataclass(frozen=True)
class Rung:
    """So many trials of so many epochs."""

    trials: int
    epochs: int


def bracket(trials: int, epochs: int) -> tuple[Rung, ...]:
    """Divide `trials` into rungs, the last of which has all `epochs`.

    There are as many rungs as possible where each has about a third of the trials of the one before, and at least one
    epoch. No trial is left over: 20 trials of 40 epochs become 15 of 5, 4 of 14 and 1 of 40.
    """
    heights = 1
    while _smallest(heights + 1) <= trials and FACTOR**heights <= epochs:
        heights += 1
    rungs, left = [], trials
    for height in range(heights):
        count = left // _smallest(heights - height)
        rungs.append(Rung(count, math.ceil(epochs / FACTOR**height)))
        left -= count
    return tuple(reversed(rungs))


class HalvingOracle:
    """Proposes random points, and the best of them again with more epochs; lower losses are better.

    The defaults of `space` are the first proposal. A whole training has `epochs`; `trials` includes those replayed.
    """

    def __init__(self, space: Space, seed: int, epochs: int, trials: int) -> None:
        self._points = SearchOracle("random", space, seed, epochs)
        self._epochs, self._trials = epochs, trials
        self._made: list[tuple[Proposal, float | None]] = []
        self._asked = Proposal({}, epochs)

    def close(self) -> None:
        """Remove its temporary files."""
        self._points.close()

    def ask(self) -> Proposal | None:
        """The next trial; call `tell` after it. None where no point is left to try or to promote."""
        end = self._made[-1][0].bracket_end if self._made else None
        proposal = None if end is None else self._next(end)
        if proposal is None and (end is None or end < self._trials):
            proposal = self._next(self._trials)
        self._asked = proposal or self._asked
        return proposal

    def tell(self, loss: float | None) -> None:
        """Take the validation loss of the last trial; None where it failed, then it is not promoted."""
        self._made.append((self._asked, loss))
        self._points.tell(loss)

    def replay(self, proposal: Proposal, loss: float | None) -> None:
        """Take a trial that was made earlier, and its validation loss."""
        self._made.append((proposal, loss))
        self._points.replay(proposal, loss)

    def _next(self, end: int) -> Proposal | None:
        """The next trial of the bracket that ends with trial `end`."""
        mates = [made for made in self._made if made[0].bracket_end == end]
        reached = max((proposal.epochs for proposal, _ in mates), default=0)
        below: list[tuple[Proposal, float | None]] = []
        for rung in bracket(end - len(self._made) + len(mates), self._epochs):
            members = [made for made in mates if made[0].epochs == rung.epochs]
            if rung.epochs >= reached and len(members) < rung.trials:
                # After failures too few can be promoted: new points take their places.
                proposal = self._points.ask(_best(below, members))
                if proposal is not None:
                    return Proposal(proposal.values, rung.epochs, end)
            below = members
        return None


def schedule_notes(made: Sequence[Trial], trials: int, epochs: int) -> tuple[str, ...]:
    """The trials that a search of `trials` trials has still to make, a line for each bracket."""
    starts: dict[int, int] = {}
    for trial in made:
        starts.setdefault(trial.bracket_end or 0, trial.number - 1)
    last = max(starts, default=0)
    if last < trials:
        starts[trials] = last
    lines = []
    for end, start in starts.items():
        if end > len(made) and trials > len(made):
            first, *others = bracket(end - start, epochs)
            text = f"trials {start + 1} to {end}: {first.trials} of {first.epochs} epochs"
            text += "".join(f", the best {rung.trials} again with {rung.epochs}" for rung in others)
            too_few = "too few epochs" if epochs < FACTOR else "too few"
            text += "" if others else f", {too_few} to be halved"
            lines.append(text + (f"; stops after trial {trials}" if end > trials else ""))
    return tuple(lines)


def halving_remark(made: Sequence[Trial], epochs: int) -> str:
    """A sentence where all trials had the same number of epochs, or none had all epochs; else empty."""
    asked = sorted({trial.epochs_asked for trial in made})
    if len(asked) == 1:
        return f"Nothing was halved: all trials were compared after {asked[0]} of {epochs} epochs."
    if asked and asked[-1] < epochs:
        return f"No trial had all {epochs} epochs: they were compared after at most {asked[-1]}."
    return ""


def _smallest(rungs: int) -> int:
    """The fewest trials that fill so many rungs: 1, 1 + 3, 1 + 3 + 9."""
    return int((FACTOR**rungs - 1) // (FACTOR - 1))


def _best(
    below: Sequence[tuple[Proposal, float | None]], members: Sequence[tuple[Proposal, float | None]]
) -> Mapping[str, Any] | None:
    """The best point of a rung that is not in the next one yet, the earlier of equals."""
    promoted = [proposal.values for proposal, _ in members]
    waiting = [
        (loss, proposal.values)
        for proposal, loss in below
        if loss is not None and math.isfinite(loss) and proposal.values not in promoted
    ]
    return min(waiting, key=lambda made: made[0])[1] if waiting else None
