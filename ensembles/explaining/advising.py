"""The advice that an explanation ends with: what to take, as of `build --method all`, and what needs fewer members."""

import shlex
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmark.explanation import Explanation
from benchmark.store.run_store import RunStore
from benchmark.store.stored_run import StoredRun
from ensembles.building.advice import choose, stored_as
from ensembles.building.ensemble_request import LONGEST_NAME, in_a_name
from ensembles.explaining.anatomy import Anatomy, method_name
from ensembles.members import ALL, every_other
from ensembles.methods.combination import combined
from ensembles.methods.methods import plain
from ensembles.methods.options import AVERAGE, METHODS
from ensembles.sample_scores import SampleScores

ROUNDING: Final = 1e-12

Advice = tuple[str, str]
"""A sentence, and the command that builds what it names; "" where nothing needs building."""


def advice(anatomy: Anatomy, explanation: Explanation, store: RunStore) -> list[Advice]:
    """What to take, and then, where there is one, a set of fewer members within the explanation's margin of it.

    The first is what `ensembles.building.advice.choose` says of this ensemble, of other stored ones of its members and
    of their plain average. What was judged by the samples that it was fitted on is left out, and named.
    """
    labels, runs = anatomy.validation.known_labels, _comparable(anatomy)
    scores = {name: SampleScores.of(probabilities, labels) for name, (_, probabilities) in runs.items()}
    if AVERAGE not in scores:
        mean = combined(plain(AVERAGE, len(anatomy.members)), anatomy.validation.probabilities)
        scores[AVERAGE] = SampleScores.of(mean.astype(np.float32, copy=False), labels)
    alone = SampleScores.of(anatomy.validation.probabilities[anatomy.best], labels)
    taken, sentence = choose(scores, anatomy.names[anatomy.best], alone)
    if not taken:
        return [(sentence + _left_out(anatomy), "")]
    dataset = anatomy.run.config.full_dataset
    if stored := runs[taken][0] if taken in runs else _plain_average(anatomy):
        advices = [(f"{sentence}{_left_out(anatomy)}. {stored_as(stored, anatomy.stored)}", "")]
    else:
        advices = [(sentence + _left_out(anatomy), store.command(_average_words(anatomy), dataset))]
    tradeoff, smallest = explanation.tradeoff, explanation.tradeoff.smallest
    members = sum(member.weight != 0 or taken != explanation.method for member in explanation.members)
    lowest = scores[taken].accuracy - tradeoff.within / 100 - ROUNDING
    if len(smallest.members) >= members or smallest.accuracy < lowest:
        return advices
    no_less = smallest.accuracy >= scores[taken].accuracy
    within = "no less than all of them" if no_less else f"at most {tradeoff.within:g} points less"
    names = ", ".join(smallest.members)
    if len(smallest.members) == 1:
        return [*advices, (f"{names} alone has {smallest.accuracy:.2%}, {within}, and needs no building", "")]
    fewer = (
        f"With fewer members: the {tradeoff.method} of {names} has {smallest.accuracy:.2%}, {within}. They were chosen "
        "on validation, so expect a little less elsewhere"
    )
    words = ["ensembles build", shlex.quote(",".join(smallest.members))]
    words += [] if tradeoff.method == AVERAGE else [f"--method {tradeoff.method}"]
    return [*advices, (fewer, store.command(" ".join(words), dataset))]


def _comparable(anatomy: Anatomy) -> dict[str, tuple[StoredRun, NDArray[np.floating]]]:
    """This ensemble and others of its members, by method; of several of one method this one, else the first."""
    runs: dict[str, tuple[StoredRun, NDArray[np.floating]]] = {}
    for run in (anatomy.run, *sorted(anatomy.relatives(), key=lambda run: run.name)):
        options = run.config.hyperparameters
        if run.config.in_sample or bool(options.get("calibrate")) != anatomy.options.calibrate:
            continue
        predicted = run.predictions("validation")
        if predicted is not None and np.array_equal(predicted.sample_ids, anatomy.validation.sample_ids):
            runs.setdefault(str(options["method"]), (run, predicted.probabilities))
    return {method: runs[method] for method in METHODS if method in runs}


def _plain_average(anatomy: Anatomy) -> StoredRun | None:
    """The average of these members without a temperature, if it is stored."""
    return next((run for run in anatomy.relatives() if method_name(run) == AVERAGE), None)


def _left_out(anatomy: Anatomy) -> str:
    names = [run.config.title for run in (anatomy.run, *anatomy.relatives()) if run.config.in_sample]
    if not names:
        return ""
    verb = "was" if len(names) == 1 else "were"
    return f". {', '.join(names)} {verb} judged by the samples that the weights were fitted on, and left out"


def _average_words(anatomy: Anatomy) -> str:
    """The words behind `python -m` that build the plain average of these members."""
    names = [member.name for member in anatomy.members]
    whole = {one.name for member in every_other(anatomy.stored.values(), ()) for one in member.runs}
    if anatomy.run.config.model.partition(":")[0].endswith(f"-{ALL}") and whole == set(anatomy.run.config.members):
        return "ensembles build --from all"
    too_long = len("+".join(map(in_a_name, names))) > LONGEST_NAME
    name = f" --name {shlex.quote(f'{anatomy.run.config.model}:{AVERAGE}')}" if too_long else ""
    return f"ensembles build {shlex.quote(','.join(names))}{name}"
