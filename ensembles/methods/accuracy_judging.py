"""Accuracy of bags of members, exactly, without looking at every class of every sample in every round.

A sample is right while no class has more than the true one (as much, for a class that stands before it). Now and then
the pairs of sample and class are listed that some picks could turn within the next rounds, by what members give at
least and at most; all others are settled that long. A round looks at the listed pairs only, whose sums are taken in
double precision in the order of the picks.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from ensembles.member_rows import MemberRows
from ensembles.methods.judging import Array, Rows
from ensembles.methods.pairs import Floats, PairSums, Positions, RivalPairs, least_margins

MANY_PAIRS: Final = 1 << 17

HORIZON: Final = (1 / 5, 3.0)
"""Rounds for which a list of pairs holds, as a share of the bag's size: as bags grow, one pick changes less. The second
is for many pairs, among which making a list costs more than a longer one."""


class AccuracyJudge:
    """Accuracy, with the first of equal classes as the prediction."""

    def __init__(self, probabilities: Floats | MemberRows, labels: NDArray[np.int64]) -> None:
        """Args:
        probabilities: shape (members, n, classes), float32 or float64, or to be read in blocks.
        labels: shape (n,).
        """
        self.pairs = RivalPairs(probabilities, labels)
        self.counted: Rows = np.ones(len(labels), bool)

    @property
    def total(self) -> int:
        """How many samples count."""
        return int(np.count_nonzero(self.counted))

    @property
    def alone(self) -> Array:
        """The accuracy of each member, shape (members,)."""
        share: Array = np.count_nonzero(self.pairs.truth.right & self.counted, axis=1) / self.total
        return share

    def bag(self, offered: Rows) -> "AccuracyBag":  # noqa: ARG002 - a member more costs next to nothing
        """A bag without members."""
        return AccuracyBag(self)

    def prefixes(self, order: NDArray[np.intp]) -> Array:
        """The accuracy of the first member of `order`, of the first two and so on."""
        pairs, bag, scores = self.pairs, self.bag(self.counted), list[float]()
        if pairs.kept is None:
            for member in order.tolist():
                scores.append(bag.score(member))
                bag.add(member)
            return np.array(scores)
        # All pairs are few: to look at them takes less time than to list some.
        sums, least = np.zeros(len(pairs.rows)), least_margins(pairs.before, np.float64)
        for member in order.tolist():
            sums += pairs.kept[member]
            scores.append(self.share(sums < least))
        return np.array(scores)

    def share(self, turned: Rows) -> float:
        """The accuracy where the true classes are behind in these pairs, a mask of all."""
        wrong = self.pairs.truth.lost | ~self.counted
        wrong[self.pairs.rows.take(turned.nonzero()[0])] = True
        return (len(wrong) - int(np.count_nonzero(wrong))) / self.total

    def of_rows(self, rows: Rows) -> "AccuracyJudge":
        """The same on some of the samples; the arrays are shared."""
        judge = object.__new__(AccuracyJudge)
        judge.__dict__ |= self.__dict__ | {"counted": self.counted & rows}
        return judge


class AccuracyBag:
    """The members picked, and the list of pairs that may turn.

    Listed pairs stand in layers: one of each listed sample, then a second of those that have two, and so on. Samples
    with more pairs stand first in every layer, so that each layer belongs to the first samples of the layer before.
    """

    def __init__(self, judge: AccuracyJudge) -> None:
        self._judge, self._picks = judge, list[int]()
        self._total, self._sums = judge.total, PairSums(judge.pairs)
        self._valid_until = 0

    def add(self, member: int) -> None:
        """Put `member` in, once more."""
        self._picks.append(member)
        self._sums.add(member)
        if len(self._picks) <= self._valid_until:
            self._leads += self._margins[member]

    def score(self, member: int) -> float:
        """The accuracy with `member` added."""
        return float(self._scores(slice(member, member + 1))[0])

    def scores(self) -> Array:
        """The accuracy with each member added, shape (members,)."""
        return self._scores(slice(None))

    def _scores(self, members: slice) -> Array:
        """Of some of the members."""
        if not self._picks:
            return self._judge.alone[members]
        kept, leads = self._judge.pairs.kept, self._sums.leads
        if len(self._picks) == 1 and kept is not None and leads is not None:
            # Most pairs can still turn: to list them takes more time.
            enough = behind(leads, self._judge.pairs.before.nonzero()[0])
            return np.array([self._judge.share(said < enough) for said in kept[members]])
        if len(self._picks) > self._valid_until:
            self._make_list()
        enough = behind(self._leads, self._before)
        turned = self._margins[members] < enough
        wrong = turned[:, : self._layers[0]]
        end = self._layers[0]
        for width in self._layers[1:]:
            wrong[:, :width] |= turned[:, end : end + width]
            end += width
        # A product in single precision counts exactly up to 16 million, and many times faster than a sum of bytes.
        counts = wrong.astype(np.float32) @ np.ones(self._layers[0], np.float32)
        accuracies: Array = (self._total - self._wrong - counts.astype(np.float64)) / self._total
        return accuracies

    def _make_list(self) -> None:
        """List the pairs that may turn in the next rounds."""
        judge, size, pairs = self._judge, len(self._picks), self._judge.pairs
        # After the first pick most pairs can still turn.
        rounds = max(1, int(HORIZON[len(pairs.rows) > MANY_PAIRS and size > 1] * size))
        self._valid_until = size + rounds - 1
        wrong = pairs.truth.lost | ~judge.counted
        listed = self._sums.turning(rounds, wrong)
        self._wrong = int(np.count_nonzero(wrong & judge.counted))
        order, self._layers = layered(pairs.rows.take(listed))
        listed = listed.take(order)
        self._before = pairs.before.take(listed).nonzero()[0]
        self._margins = pairs.margins(listed)
        if self._sums.leads is not None:
            self._leads = self._sums.leads.take(listed)
            return
        self._leads = np.zeros(len(listed))
        for member in self._picks:
            self._leads += self._margins[member]


def behind(leads: Array, before: Positions) -> Array:
    """The margins below which what a member adds makes the sums lose, shape (pairs,).

    Args:
        leads: sums of margins.
        before: the pairs whose class stands before the true one.
    """
    # A sum is 0 or less exactly where the one number is at most minus the other, rounded or not.
    enough = -leads
    enough[before] = np.nextafter(enough.take(before), np.inf)
    return enough


def layered(rows: Positions) -> tuple[Positions, list[int]]:
    """The order of pairs in layers, see `AccuracyBag`, and how many are in each layer.

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
