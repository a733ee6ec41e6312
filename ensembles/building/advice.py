"""The advice that a build ends with: which members repeat another, and which method to take."""

import shlex
from collections.abc import Mapping

import numpy as np

from benchmark.records import PREDICTED
from benchmark.statistics import ALPHA, mcnemar_exact, p_value_text
from benchmark.store.copies import Copy, find_copies
from benchmark.store.stored_run import StoredRun
from ensembles.building.ensemble_request import Request
from ensembles.members import ALL
from ensembles.methods.options import AVERAGE, CONCERNED, Options
from ensembles.sample_scores import SampleScores, best_of


def copy_sentences(asked: Request, built: Mapping[str, StoredRun]) -> list[str]:
    """A sentence for the members that repeat another, and for each ensemble that is one of its members.

    Members with several seeds are not compared: what counts of them is the mean.
    """
    single = {member.name: member.runs[0] for member in asked.members if len(member.runs) == 1}
    ensembles = {run.config.model: run for run in built.values()}
    copies: dict[str, Copy] = {}
    for split in PREDICTED:
        runs = {name: run.predictions(split) for name, run in {**single, **ensembles}.items()}
        repeated = find_copies({name: predicted for name, predicted in runs.items() if predicted is not None})
        for copy in sorted(repeated, key=lambda copy: not copy.same_predictions):
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


def choose(methods: Mapping[str, SampleScores], member: str, alone: SampleScores) -> tuple[str, str]:
    """Which way to combine members to take, "" for none of them, and the sentence that says so.

    The most accurate on validation, where what is fitted is cross-fitted; but the plain average, which fits nothing,
    where the exact McNemar test does not tell the two apart; and the best member where no method is more accurate, or
    only one that the test tells apart neither from the average nor from the member.
    `ensembles build --method all` and `ensembles explain` both end with it.

    Args:
        methods: at least one, by name; none of them judged by what it was fitted on.
        member: the best member.
        alone: what that scores.
    """
    taken, beside = max(methods, key=lambda name: methods[name].merit), ""
    best, average = methods[taken], methods.get(AVERAGE)
    if best.accuracy <= alone.accuracy:
        return "", f"Take {member} alone: no method is more accurate on validation"
    if average is not None and best is not average:
        p_value = mcnemar_exact(best.correct, average.correct)
        if p_value < ALPHA:
            beside = f"; the average has {average.accuracy:.2%} ({p_value_text(p_value)})"
        elif average.accuracy > alone.accuracy:
            if best.accuracy > average.accuracy:
                beside = f"; {taken} has {best.accuracy:.2%}, which may be chance ({p_value_text(p_value)})"
            taken, best = AVERAGE, average
        elif (of_member := mcnemar_exact(best.correct, alone.correct)) >= ALPHA:
            return "", (
                f"Take {member} alone, which has {alone.accuracy:.2%} on validation: {taken} has {best.accuracy:.2%}, "
                f"which may be chance ({p_value_text(of_member)}), and the average is not more accurate"
            )
    gain = 100 * (best.accuracy - alone.accuracy)
    p_value = mcnemar_exact(best.correct, alone.correct)
    chance = ", which may be chance" if p_value >= ALPHA else ""
    return taken, (
        f"Take {taken}: {best.accuracy:.2%} on validation, {gain:.2f} points more than its best member "
        f"{member}{chance} ({p_value_text(p_value)}){beside}"
    )


def advice(asked: Request, built: Mapping[str, StoredRun]) -> tuple[str, str]:
    """Which method to take, see `choose`, and the words behind `python -m` that build it; "" where nothing is built."""
    validation = asked.loaded.get("validation")
    if validation is None or validation.labels is None:
        words = command_words(asked, AVERAGE, asked.name)
        return "No labels say which method is best: the average has nothing fitted", words
    labels = validation.labels
    predictions = {method: run.predictions("validation") for method, run in built.items()}
    methods = {
        method: SampleScores.of(predicted.probabilities, labels)
        for method, predicted in predictions.items()
        if predicted is not None and np.array_equal(predicted.sample_ids, validation.sample_ids)
    }
    position, alone = best_of(validation.probabilities, labels)
    taken, sentence = choose(methods, validation.names[position], alone)
    if not taken:
        return sentence, ""
    name = asked.name and (asked.name if taken == AVERAGE else f"{asked.name}:{taken}")
    return sentence, command_words(asked, taken, name)


def command_words(asked: Request, method: str, name: str | None) -> str:
    """The words behind `python -m` that build the ensemble of a request by a method, under a name if one is given."""
    if asked.options.seeds is not None:
        words = ["build", asked.stem.removesuffix(f"x{asked.options.seeds}"), f"--seeds {asked.options.seeds}"]
    elif asked.stem == f"{AVERAGE}-{ALL}":
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
