"""An ensemble without each of its members."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from ensembles.explaining.anatomy import Anatomy, known_labels, without
from ensembles.explaining.comparing import Voice
from ensembles.member_rows import blocks
from ensembles.members import Members
from ensembles.methods.combination import Combination, predict
from ensembles.methods.methods import plain
from ensembles.methods.pooling import Pool

Watch = Callable[[Sequence[int]], Iterable[int]]
"""Yields the members' positions one by one, and may show the progress."""


def left_out(anatomy: Anatomy, watch: Watch) -> list[list[Voice]]:
    """The ensemble without each member, by split of the anatomy and member.

    Its method is fitted again for each. Members that are read in blocks are read once instead: there the others keep
    their weights, divided by their sum.
    """
    positions = range(len(anatomy.members))
    if not isinstance(anatomy.validation.probabilities, np.ndarray):
        combination = anatomy.fit(anatomy.validation) if anatomy.fitted else plain(anatomy.method, len(positions))
        rests = [_without(combination, position) for position in watch(positions)]
        return [_in_blocks(rests, members) for members in anatomy.splits]
    voices: list[list[Voice]] = [[] for _ in anatomy.splits]
    for position in watch(positions):
        rest = anatomy.fit(without(anatomy.validation, position))
        for members, found in zip(anatomy.splits, voices, strict=True):
            found.append(Voice.of(predict(rest, without(members, position)), known_labels(members)))
    return voices


def _without(combination: Combination, position: int) -> Combination:
    weights = combination.weights
    if weights is None:
        raise ValueError("members without weights of their own")
    rest = np.delete(weights, position)
    kind = combination.to_json()["kind"]
    return Pool(kind, rest / rest.sum() if rest.sum() > 0 else np.full(len(rest), 1 / len(rest)))


def _in_blocks(rests: Sequence[Combination], members: Members) -> list[Voice]:
    labels = known_labels(members)
    parts: list[list[Voice]] = [[] for _ in rests]
    for rows, said in blocks(members.probabilities):
        for position, (rest, found) in enumerate(zip(rests, parts, strict=True)):
            found.append(Voice.of(rest(np.delete(said, position, axis=0)), labels[rows]))
    return [
        Voice(np.concatenate([part.correct for part in found]), np.concatenate([part.losses for part in found]))
        for found in parts
    ]
