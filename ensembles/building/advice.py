"""The advice that a build ends with: which members repeat another, and which method to take."""

from collections.abc import Mapping

import numpy as np

from benchmark.records import PREDICTED
from benchmark.statistics import ALPHA, mcnemar_exact, p_value_text
from benchmark.store.copies import Copy, find_copies
from benchmark.store.snapshot import shared_titles
from benchmark.store.stored_run import StoredRun
from ensembles.building.ensemble_request import Request
from ensembles.methods.options import AVERAGE
from ensembles.sample_scores import SampleScores, best_of


def copy_sentences(asked: Request, built: Mapping[str, StoredRun]) -> list[str]:
    """A sentence for the members that repeat another, and for each ensemble that is one of its members.

    Members with several seeds are not compared: what counts of them is the mean.
    """
    single = {member.name: member.runs[0] for member in asked.members if len(member.runs) == 1}
    ensembles = {run.config.model: run for run in built.values()}
    copies: dict[str, Copy] = {}
    compared = {**single, **ensembles}
    repeated = {split: _copies(compared, split) for split in PREDICTED}
    for found in repeated.values():
        for copy in sorted(found.values(), key=lambda copy: not copy.same_predictions):
            pair = compared[copy.run], compared[copy.of]
            both = [split for split in PREDICTED if all(run.predicted(split) for run in pair)]
            # A small or easy test set alone tells little.
            if copy.of not in ensembles and all((copy.run, copy.of) in repeated[split] for split in both):
                copies.setdefault(copy.run, copy)
    groups: dict[tuple[bool, str, str], list[str]] = {}
    for copy in copies.values():
        whole = copy.run in ensembles
        groups.setdefault((whole, copy.of if whole else "", copy.sentence), []).append(copy.run)
    return [
        f"{', '.join(names)} {'is' if len(names) == 1 else 'are'} {of} to the last sample: {sentence}"
        if whole
        else f"{', '.join(names)}: {sentence}, so that one of them is enough"
        for (whole, of, sentence), names in sorted(groups.items(), key=lambda group: group[0][0])
    ]


def _copies(runs: Mapping[str, StoredRun], split: str) -> dict[tuple[str, str], Copy]:
    """The runs that repeat another on a split, by both names."""
    predicted = {name: found for name, run in runs.items() if (found := run.predictions(split)) is not None}
    return {(copy.run, copy.of): copy for copy in find_copies(predicted)}


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


def advice(asked: Request, built: Mapping[str, StoredRun]) -> str:
    """Which of the built ensembles to take, see `choose`, and what it is stored as."""
    validation = asked.loaded.get("validation")
    if validation is None or validation.labels is None:
        average = f". {stored_as(built[AVERAGE], asked.stored)}" if AVERAGE in built else ""
        return f"No labels say which method is best: the average has nothing fitted{average}"
    labels = validation.labels
    predictions = {method: run.predictions("validation") for method, run in built.items()}
    methods = {
        method: SampleScores.of(predicted.probabilities, labels)
        for method, predicted in predictions.items()
        if predicted is not None and np.array_equal(predicted.sample_ids, validation.sample_ids)
    }
    position, alone = best_of(validation.probabilities, labels)
    taken, sentence = choose(methods, validation.names[position], alone)
    return f"{sentence}. {stored_as(built[taken], asked.stored)}" if taken else sentence


def stored_as(run: StoredRun, stored: Mapping[str, StoredRun]) -> str:
    """A sentence that names an ensemble as other commands know it.

    Args:
        stored: the runs of the dataset, by name.
    """
    config = run.config
    shared = config.title in shared_titles([run, *stored.values()])
    return f"It is stored as {config.full_title if shared else config.title}"
