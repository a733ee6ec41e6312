"""What a build ends with: whose predictions are whose, and which of the methods to take."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmark.metrics import log_loss, sample_correct
from benchmark.records import PREDICTED, Predictions
from benchmark.statistics import mcnemar_exact, p_value_text
from benchmark.store.copies import Copy, find_copies
from benchmark.store.stored_run import StoredRun
from ensembles.building.building import Request
from ensembles.members import ALL
from ensembles.methods.options import CONCERNED, Options

LEVEL: Final = 0.05
AVERAGE: Final = "average"

Right = NDArray[np.bool_]


def copy_sentences(asked: Request, built: Mapping[str, StoredRun]) -> list[str]:
    """A sentence for the members that repeat another, and for each ensemble that is one of its members.

    Members with several seeds are not compared: what counts of them is the mean.
    """
    single = {member.name: member.runs[0] for member in asked.members if len(member.runs) == 1}
    ensembles = {run.config.model: run for run in built.values()}
    copies: dict[str, Copy] = {}
    for split in PREDICTED:
        for copy in sorted(find_copies(_predictions({**single, **ensembles}, split)), key=_by_strength):
            if copy.of not in ensembles:
                copies.setdefault(copy.run, copy)
    groups: dict[tuple[bool, str, str], list[str]] = {}
    for copy in copies.values():
        whole = copy.run in ensembles
        groups.setdefault((whole, copy.of if whole else "", copy.sentence), []).append(copy.run)
    return [
        f"{', '.join(names)} {'is' if len(names) == 1 else 'are'} {of} to the last sample: {sentence}"
        if whole
        else f"{', '.join(names)}: {sentence}, which so counts more than once"
        for (whole, of, sentence), names in sorted(groups.items(), key=lambda group: group[0][0])
    ]


@dataclass(frozen=True, eq=False)
class Voice:
    """What one way to predict says on validation: which samples are right, shape (n,), and the log loss in nats."""

    right: Right
    log_loss: float

    @classmethod
    def of(cls, probabilities: NDArray[np.floating], labels: NDArray[np.int64]) -> "Voice":
        """From probabilities (n, classes) and labels (n,)."""
        return cls(sample_correct(probabilities, labels), log_loss(probabilities, labels))


def best_of(voices: Mapping[str, Voice]) -> str:
    """The name of the most accurate; of equals the one of lower log loss."""
    return max(voices, key=lambda name: (voices[name].right.sum(), -voices[name].log_loss))


def choose(methods: Mapping[str, Voice], member: str, alone: Voice) -> tuple[str, str]:
    """Which way to combine members to take, "" for none of them, and the sentence that says so.

    The most accurate on validation, where what is fitted is cross-fitted; but the plain average, which fits nothing,
    where the exact McNemar test does not tell the two apart; and the best member where no method is more accurate.
    `ensembles build --method all` and `ensembles explain` both end with it.

    Args:
        methods: at least one, by name; none of them judged by what it was fitted on.
        member: the best member.
        alone: what that says.
    """
    right = {method: voice.right for method, voice in methods.items()}
    best = best_of(methods)
    if right[best].sum() <= alone.right.sum():
        return "", f"Take {member} alone: no method is more accurate on validation"
    taken, beside = best, ""
    if best != AVERAGE and AVERAGE in right:
        p_value = mcnemar_exact(right[best], right[AVERAGE])
        if p_value < LEVEL:
            beside = f"; the average has {right[AVERAGE].mean():.2%} ({p_value_text(p_value)})"
        elif right[AVERAGE].sum() > alone.right.sum():
            more = right[best].sum() > right[AVERAGE].sum()
            taken = AVERAGE
            beside = (
                f"; {best} has {right[best].mean():.2%}, which may be chance ({p_value_text(p_value)})" if more else ""
            )
    gain = 100 * (right[taken].mean() - alone.right.mean())
    p_value = mcnemar_exact(right[taken], alone.right)
    chance = ", which may be chance" if p_value >= LEVEL else ""
    return taken, (
        f"Take {taken}: {right[taken].mean():.2%} on validation, {gain:.2f} points more than its best member "
        f"{member}{chance} ({p_value_text(p_value)}){beside}"
    )


def advice(asked: Request, built: Mapping[str, StoredRun]) -> tuple[str, str]:
    """Which method to take, see `choose`, and the words behind `python -m` that build it; "" where nothing is built."""
    validation = asked.loaded.get("validation")
    if validation is None or validation.labels is None or not validation.labels.size:
        return "No labels say which method is best: the average has nothing fitted", command_words(
            asked, AVERAGE, asked.name
        )
    labels = validation.labels
    runs = {method: run.predictions("validation") for method, run in built.items()}
    methods = {
        method: Voice.of(one.probabilities, labels)
        for method, one in runs.items()
        if one is not None and np.array_equal(one.sample_ids, validation.sample_ids)
    }
    each = zip(validation.names, validation.probabilities, strict=True)
    members = {name: Voice.of(one, labels) for name, one in each}
    member = best_of(members)
    taken, sentence = choose(methods, member, members[member])
    if not taken:
        return sentence, ""
    name = asked.name and (asked.name if taken == AVERAGE else f"{asked.name}:{taken}")
    return sentence, command_words(asked, taken, name)


def command_words(asked: Request, method: str, name: str | None) -> str:
    """The words behind `python -m` that build the ensemble of a request by a method, under a name if one is given."""
    if asked.options.seeds is not None:
        words = ["build", asked.stem.removesuffix(f"x{asked.options.seeds}"), f"--seeds {asked.options.seeds}"]
    elif asked.stem == f"average-{ALL}":
        words = ["build", "--from all"]
    else:
        words = ["build", shlex.quote(",".join(member.name for member in asked.members))]
    words += [] if method == AVERAGE else [f"--method {method}"]
    usual = Options()
    for option, methods in CONCERNED.items():
        if method in methods and getattr(asked.options, option) != getattr(usual, option):
            words.append(f"--{option} {getattr(asked.options, option)}")
    words += ["--calibrate"] if asked.options.calibrate else []
    words += [f"--name {shlex.quote(name)}"] if name else []
    return f"ensembles {' '.join(words)}"


def _predictions(runs: Mapping[str, StoredRun], split: str) -> dict[str, Predictions]:
    return {name: predicted for name, run in runs.items() if (predicted := run.predictions(split)) is not None}


def _by_strength(copy: Copy) -> bool:
    return not copy.same_predictions
