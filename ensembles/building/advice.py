"""What a build ends with: whose predictions are whose, and which of the methods to take."""

import shlex
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from benchmark.metrics import log_loss, sample_correct
from benchmark.records import PREDICTED, Predictions
from benchmark.statistics import mcnemar_exact
from benchmark.store.copies import Copy, find_copies
from benchmark.store.stored_run import StoredRun
from ensembles.building.building import Request
from ensembles.members import ALL
from ensembles.methods.options import CONCERNED, Options

LEVEL = 0.05

Right = NDArray[np.bool_]


def copy_sentences(asked: Request, built: Mapping[str, StoredRun]) -> list[str]:
    """A sentence for the members that repeat another, and for each ensemble that is one of its members.

    Members with several seeds are not compared: what counts of them is the mean.
    """
    single = {member.name: member.runs[0] for member in asked.members if len(member.runs) == 1}
    ensembles = {run.config.model: run for run in built.values()}
    found: dict[str, Copy] = {}
    for split in PREDICTED:
        for copy in sorted(find_copies(_predictions({**single, **ensembles}, split)), key=_by_strength):
            if copy.of not in ensembles:
                found.setdefault(copy.run, copy)
    groups: dict[tuple[bool, str, str], list[str]] = {}
    for copy in found.values():
        whole = copy.run in ensembles
        groups.setdefault((whole, copy.of if whole else "", copy.sentence), []).append(copy.run)
    return [
        f"{', '.join(names)} {'is' if len(names) == 1 else 'are'} {of} to the last sample: {sentence}"
        if whole
        else f"{', '.join(names)}: {sentence}, which so counts more than once"
        for (whole, of, sentence), names in sorted(groups.items(), key=lambda group: group[0][0])
    ]


def advice(asked: Request, built: Mapping[str, StoredRun]) -> tuple[str, str]:
    """Which method to take, in a sentence, and the words behind `python -m` that build it; "" where nothing is built.

    The most accurate on validation, where what is fitted is cross-fitted; but the plain average, which fits nothing,
    where the exact McNemar test does not tell the two apart; and the best member where no method is more accurate.
    """
    validation = asked.loaded.get("validation")
    if validation is None or validation.labels is None or not validation.labels.size:
        return "No labels say which method is best: the average has nothing fitted", _command(asked, "average")
    labels = validation.labels
    runs = {method: run.predictions("validation") for method, run in built.items()}
    found = {
        method: one
        for method, one in runs.items()
        if one is not None and np.array_equal(one.sample_ids, validation.sample_ids)
    }
    right = {method: sample_correct(one.probabilities, labels) for method, one in found.items()}
    losses = {method: log_loss(one.probabilities, labels) for method, one in found.items()}
    each = zip(validation.names, validation.probabilities, strict=True)
    member, member_right = _best_member({name: sample_correct(one, labels) for name, one in each})
    best = max(right, key=lambda method: (right[method].sum(), -losses[method]))
    if right[best].sum() <= member_right.sum():
        return f"Take {member} alone: no method is more accurate on validation", ""
    taken, beside = best, ""
    if best != "average" and "average" in right:
        p_value = mcnemar_exact(right[best], right["average"])
        if p_value >= LEVEL:
            taken, beside = "average", f"; {best} has {right[best].mean():.2%}, which may be chance ({_p(p_value)})"
        else:
            beside = f"; the average has {right['average'].mean():.2%} ({_p(p_value)})"
    if right[taken].sum() <= member_right.sum():
        taken, beside = best, ""
    gain = 100 * (right[taken].mean() - member_right.mean())
    p_value = mcnemar_exact(right[taken], member_right)
    chance = f", which may be chance ({_p(p_value)})" if p_value >= LEVEL else f" ({_p(p_value)})"
    return (
        f"Take {taken}: {right[taken].mean():.2%} on validation, {gain:.2f} points more than its best member "
        f"{member}{chance}{beside}"
    ), _command(asked, taken)


def _command(asked: Request, method: str) -> str:
    if asked.options.seeds is not None:
        words = ["build", asked.stem.removesuffix(f"x{asked.options.seeds}"), f"--seeds {asked.options.seeds}"]
    elif asked.stem == f"average-{ALL}":
        words = ["build", "--from all"]
    else:
        words = ["build", shlex.quote(",".join(member.name for member in asked.members))]
    words += [] if method == "average" else [f"--method {method}"]
    usual = Options()
    for name, methods in CONCERNED.items():
        if method in methods and getattr(asked.options, name) != getattr(usual, name):
            words.append(f"--{name} {getattr(asked.options, name)}")
    words += ["--calibrate"] if asked.options.calibrate else []
    if asked.name:
        words.append(f"--name {shlex.quote(asked.name if method == 'average' else f'{asked.name}:{method}')}")
    return f"ensembles {' '.join(words)}"


def _best_member(right: Mapping[str, Right]) -> tuple[str, Right]:
    name = max(right, key=lambda member: right[member].sum())
    return name, right[name]


def _predictions(runs: Mapping[str, StoredRun], split: str) -> dict[str, Predictions]:
    return {name: found for name, run in runs.items() if (found := run.predictions(split)) is not None}


def _by_strength(copy: Copy) -> bool:
    return not copy.same_predictions


def _p(value: float) -> str:
    return "p < 0.001" if value < 0.001 else f"p = {value:.3f}"
