"""What an explanation ends with: what to take, as `build --method all` says it, and what needs fewer members."""

import shlex
from typing import Final

import numpy as np

from benchmark.explanation import Explanation
from benchmark.store.run_store import RunStore
from benchmark.store.stored_run import StoredRun
from ensembles.building.advice import AVERAGE, Voice, choose, command_words
from ensembles.building.building import Request, in_a_name
from ensembles.explaining.anatomy import Anatomy, known_labels, options_of
from ensembles.members import ALL, every_other
from ensembles.methods.combination import combined
from ensembles.methods.methods import plain
from ensembles.methods.options import METHODS

ROUNDING: Final = 1e-12

Advice = tuple[str, str]
"""A sentence, and the command that builds what it names; "" where nothing needs building."""


def advice(anatomy: Anatomy, explanation: Explanation, store: RunStore) -> list[Advice]:
    """What to take, and then, where there is one, a set of fewer members within the explanation's margin of it.

    The first is what `ensembles.building.advice.choose` says of this ensemble, of other stored ones of its members and
    of their plain average. What was judged by the samples that it was fitted on is left out, and named.
    """
    labels, runs = known_labels(anatomy.validation), _comparable(anatomy)
    voices = {name: _voice(run, anatomy) for name, run in runs.items()}
    if AVERAGE not in voices:
        mean = combined(plain(AVERAGE, len(anatomy.members)), anatomy.validation.probabilities)
        voices[AVERAGE] = Voice.of(mean.astype(np.float32, copy=False), labels)
    alone = Voice.of(anatomy.validation.probabilities[anatomy.best], labels)
    taken, sentence = choose(voices, anatomy.names[anatomy.best], alone)
    if not taken:
        return [(sentence + _left_out(anatomy), "")]
    asked = _request(anatomy, runs.get(taken), store)
    accuracy, tradeoff = float(voices[taken].right.mean()), explanation.tradeoff
    command = store.command(_words(asked, taken, runs.get(taken)), asked.dataset)
    said = [(sentence + _left_out(anatomy), command)]
    smallest, members = tradeoff.smallest, _members_of(taken, explanation)
    if len(smallest.members) >= members or smallest.accuracy < accuracy - tradeoff.within / 100 - ROUNDING:
        return said
    names, within = ", ".join(smallest.members), f"within {tradeoff.within:g} points of that"
    if len(smallest.members) == 1:
        return [*said, (f"{names} alone has {smallest.accuracy:.2%}, {within}, and needs no building", "")]
    fewer = (
        f"With fewer members: the {tradeoff.method} of {names} has {smallest.accuracy:.2%}, {within}. They were chosen "
        "on validation, so expect a little less elsewhere"
    )
    words = ["ensembles build", shlex.quote(",".join(smallest.members))]
    words += [] if tradeoff.method == AVERAGE else [f"--method {tradeoff.method}"]
    return [*said, (fewer, store.command(" ".join(words), asked.dataset))]


def _comparable(anatomy: Anatomy) -> dict[str, StoredRun]:
    """This ensemble and others of its members, by method; of several of one method this one, else the first."""
    own = anatomy.run
    runs: dict[str, StoredRun] = {}
    for run in (own, *sorted(anatomy.relatives(), key=lambda run: run.name)):
        options = run.config.hyperparameters
        if run.config.in_sample or bool(options.get("calibrate")) != anatomy.options.calibrate:
            continue
        if (found := run.predictions("validation")) is not None and np.array_equal(
            found.sample_ids, anatomy.validation.sample_ids
        ):
            runs.setdefault(str(options["method"]), run)
    return {method: runs[method] for method in METHODS if method in runs}


def _voice(run: StoredRun, anatomy: Anatomy) -> Voice:
    found = run.predictions("validation")
    assert found is not None  # noqa: S101 - for mypy: `_comparable` asked
    return Voice.of(found.probabilities, known_labels(anatomy.validation))


def _left_out(anatomy: Anatomy) -> str:
    names = [run.config.title for run in (anatomy.run, *anatomy.relatives()) if run.config.in_sample]
    if not names:
        return ""
    verb = "was" if len(names) == 1 else "were"
    return f". {', '.join(names)} {verb} judged by the samples that the weights were fitted on, and left out"


def _members_of(method: str, explanation: Explanation) -> int:
    """How many members a method uses: of this ensemble those that weigh something, else all."""
    if method != explanation.method:
        return len(explanation.members)
    return sum(member.weight != 0 for member in explanation.members)


def _request(anatomy: Anatomy, run: StoredRun | None, store: RunStore) -> Request:
    """What a user would ask for to get an ensemble of these members, with the options of the run."""
    members, config = anatomy.members, anatomy.run.config
    options = anatomy.options if run is None else options_of(run)
    whole = {one.name for member in every_other(anatomy.stored.values(), ()) for one in member.runs}
    stem = "+".join(in_a_name(member.name) for member in members)
    if config.model.partition(":")[0] in {f"{method}-{ALL}" for method in METHODS} and whole == set(config.members):
        stem = f"{AVERAGE}-{ALL}"
    return Request(store, f"{config.dataset}-{config.fingerprint}", members, stem, None, options)


def _words(asked: Request, method: str, run: StoredRun | None) -> str:
    """The command for a method, with the name of the stored run where that is not what it would get."""
    usual = asked.called(method)
    return command_words(asked, method, None if run is None or run.config.model == usual else run.config.model)
