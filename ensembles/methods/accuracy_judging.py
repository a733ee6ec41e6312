"""The exact accuracy of every bag of members that greedy selection tries, at a fraction of the work.

A sample is classified correctly while no other class has a higher sum than the true one (or an equal sum and an earlier
place). Few picks can change few samples: the smallest and the largest margin of any member tell which pairs
of a sample and a class the next picks could change. Only these pairs are listed; all other samples are settled until
the list expires. A long list holds for many rounds. A short list, made from it, holds for a few, and only this one is
looked at in a round. Its sums are in double precision, in the order of the picks.
"""

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ensembles.member_rows import MemberRows
from ensembles.methods.judging import Array, Rows
from ensembles.methods.pair_sums import PairSums
from ensembles.methods.pairs import Floats, Pairs, Positions, RivalPairs

LONG: Final = 3.0
"""Rounds for which a long list of pairs holds, as a share of the bag's size: as bags grow, one pick changes less."""

SHORT: Final = 1 / 5

SHARED_BYTES: Final = 1 << 26
"""Largest list after one pick that is kept for the next bag."""


class AccuracyJudge:
    """Accuracy, with the first of equal classes as the prediction."""

    def __init__(self, probabilities: Floats | MemberRows, labels: NDArray[np.int64]) -> None:
        """Args:
        probabilities: shape (members, n, classes), float32 or float64, or to be read in blocks.
        labels: shape (n,).
        """
        self.rivals = RivalPairs(probabilities, labels)
        self.counted: Rows = np.ones(len(labels), bool)
        self.total = len(labels)
        self.after_one: dict[int, PairList] = {}
        """What can turn after one pick, for the bag that was asked last: several bags start alike."""

    @property
    def alone(self) -> Array:
        """The accuracy of each member, shape (members,)."""
        wrong = ~(self.rivals.truth.right & self.counted)
        return self.shares(np.count_nonzero(wrong, axis=1))

    def shares(self, missed: NDArray[Any]) -> Array:
        """The accuracy where so many samples are wrong or do not count."""
        return (len(self.counted) - missed) / self.total

    def bag(self, offered: Rows) -> "AccuracyBag":  # noqa: ARG002 - a member more costs next to nothing
        """A bag without members."""
        return AccuracyBag(self)

    @property
    def everything(self) -> "PairList | None":
        """All pairs, for bags of any size, where they are few."""
        kept, pairs = self.rivals.kept, self.rivals.pairs
        if kept is None:
            return None
        return PairList(sys.maxsize, self.rivals.truth.lost | ~self.counted, pairs, kept, np.zeros(len(pairs.rows)))

    def on_rows(self, rows: Rows) -> "AccuracyJudge":
        """The same on some of the samples; the arrays are shared."""
        judge = object.__new__(AccuracyJudge)
        judge.__dict__ |= self.__dict__ | {"counted": self.counted & rows, "after_one": {}}
        judge.total = int(np.count_nonzero(judge.counted))
        return judge


@dataclass(frozen=True, eq=False)
class PairList:
    """Pairs that may turn before a bag has more than `until` members.

    Attributes:
        wrong: the samples that are wrong until then in any case, and those that do not count, shape (n,).
        pairs: listed, of other samples.
        margins: by how much each member gives the true class more, shape (members, pairs).
        leads: their sums over the bag when it was listed, shape (pairs,).
    """

    until: int
    wrong: Rows
    pairs: Pairs
    margins: Array
    leads: Array

    @cached_property
    def least(self) -> Array:
        """The sums below which the true classes are behind, shape (pairs,)."""
        return np.where(self.pairs.before, np.finfo(np.float64).smallest_subnormal, 0)

    def missed(self, sums: Array) -> int:
        """How many samples are wrong, or do not count, with these sums."""
        rows = self.pairs.rows.take((sums < self.least).nonzero()[0])
        wrong = self.wrong.copy()
        wrong[rows] = True
        return int(np.count_nonzero(wrong))


class ShortList:
    """The pairs of a long list that may turn within the next few rounds.

    They stand in layers: one pair of each listed sample, then a second of those that have two, and so on. Samples with
    more pairs stand first in every layer, so that each layer belongs to the first samples of the layer before. Where
    the pairs are of the samples 3, 5, 5, 8, 8, 8, the layers are 8 5 3, 8 5 and 8.
    """

    def __init__(self, listed: PairList, leads: Array, picks: int) -> None:
        """Args:
        listed: the long list.
        leads: the sums of its pairs over the bag, shape (pairs,).
        picks: how many members the bag has.
        """
        rounds = max(1, int(SHORT * picks))
        self.until = min(picks + rounds - 1, listed.until)
        """The list holds until the bag has more members."""
        wrong = listed.wrong.copy()
        near = listed.pairs.turning(leads, rounds, wrong)
        self._missed = np.count_nonzero(wrong)
        order, self._layers = layered(listed.pairs.rows.take(near))
        near = near.take(order)
        self._least = listed.least.take(near)
        self._margins, self._leads = listed.margins.take(near, axis=1), leads.take(near)

    def add(self, member: int) -> None:
        """Put `member` into the bag."""
        self._leads += self._margins[member]

    def missed(self) -> Array:
        """How many samples are wrong, or do not count, with each member added, shape (members,)."""
        turned = self._margins + self._leads < self._least
        end = self._layers[0]
        wrong = turned[:, :end]
        for width in self._layers[1:]:
            wrong[:, :width] |= turned[:, end : end + width]
            end += width
        # Single precision counts exactly up to 16 million, and faster than a sum of bytes. OpenBLAS, which a product
        # with ones would call, once said "invalid value" of nothing but zeros and ones.
        counts: Floats = np.einsum("ij->i", wrong.astype(np.float32))
        return counts.astype(np.float64) + self._missed


class AccuracyBag:
    """The members picked, and the lists of pairs that may turn."""

    def __init__(self, judge: AccuracyJudge) -> None:
        self._judge, self._picks, self._sums = judge, list[int](), PairSums(judge.rivals)
        self._listed = judge.everything
        self._leads = np.zeros(len(self._listed.leads) if self._listed else 0)
        self._short: ShortList | None = None

    def add(self, member: int) -> None:
        """Put `member` in, once more."""
        self._picks.append(member)
        self._sums.add(member)
        if self._listed and len(self._picks) <= self._listed.until:
            self._leads += self._listed.margins[member]
        if self._short and len(self._picks) <= self._short.until:
            self._short.add(member)

    def score(self, member: int) -> float:
        """The accuracy with `member` added."""
        return float(self._looked_up([member])[0] if self._picks else self._judge.alone[member])

    def scores(self) -> Array:
        """The accuracy with each member added, shape (members,)."""
        if not self._picks:
            return self._judge.alone
        listed = self._long_list()
        if len(self._picks) == 1:
            # Most pairs can still turn: to list some takes more time.
            return self._looked_up(range(len(listed.margins)))
        if self._short is None or len(self._picks) > self._short.until:
            self._short = ShortList(listed, self._leads, len(self._picks))
        return self._judge.shares(self._short.missed())

    def _looked_up(self, members: Iterable[int]) -> Array:
        """The accuracy with each of these added, from the long list."""
        listed = self._long_list()
        return self._judge.shares(np.array([listed.missed(self._leads + listed.margins[member]) for member in members]))

    def _long_list(self) -> PairList:
        size, after_one = len(self._picks), self._judge.after_one
        if self._listed is None or size > self._listed.until:
            self._listed = after_one.pop(self._picks[0], None) if size == 1 else None
            if self._listed is None:
                self._listed = self._made_list()
                if size == 1 and self._listed.margins.nbytes <= SHARED_BYTES:
                    after_one.clear()
                    after_one[self._picks[0]] = self._listed
            self._leads = self._listed.leads.copy()
        return self._listed

    def _made_list(self) -> PairList:
        judge, size, rivals = self._judge, len(self._picks), self._judge.rivals
        rounds = int(LONG * size) if size > 1 else 1
        wrong = rivals.truth.lost | ~judge.counted
        which = self._sums.turning(rounds, wrong)
        margins = rivals.margins(which)
        leads = np.zeros(len(which))
        for member in self._picks:
            leads += margins[member]
        return PairList(size + rounds - 1, wrong, rivals.pairs.part(which), margins, leads)


def layered(rows: Positions) -> tuple[Positions, list[int]]:
    """The order of pairs in layers, see `ShortList`, and how many are in each layer.

    Args:
        rows: the pairs' samples, ascending, shape (pairs,).
    """
    ends = np.append((rows[1:] != rows[:-1]).nonzero()[0] + 1, len(rows)) if len(rows) else rows
    starts = np.append(0, ends[:-1]) if len(rows) else rows
    lengths = ends - starts
    longest_first = np.argsort(-lengths, kind="stable")
    starts = starts.take(longest_first)
    most = int(lengths.max(initial=0))
    widths = (len(lengths) - np.cumsum(np.bincount(lengths, minlength=1)))[:most].tolist()
    order = [starts[:width] + place for place, width in enumerate(widths)]
    return (np.concatenate(order), widths) if order else (starts, [0])
