"""The text that a build ends with: the ensemble on validation, beside its best member and the plain average."""

import textwrap
from collections.abc import Collection, Mapping, Sequence
from typing import Final

import numpy as np

from benchmark.store.stored_run import StoredRun
from ensembles.building.advice import advice, copy_sentences
from ensembles.building.building import stored_combination
from ensembles.building.ensemble_request import Request
from ensembles.members import lacking
from ensembles.methods.calibration import Tempered
from ensembles.methods.combination import combined
from ensembles.methods.methods import plain
from ensembles.methods.options import AVERAGE, FITTED
from ensembles.sample_scores import SampleScores, best_of

WIDTH: Final = 80
SHOWN: Final = 20
"""Names of a long list that are shown."""

CROSS_FITTED: Final = "cross-fitted"
MARK: Final = "*"
"""Stands in a table behind what is cross-fitted."""


def outcome_text(asked: Request, run: StoredRun) -> str:
    """One ensemble: members, weights where they differ, its validation score and what it is to be compared with."""
    method = run.config.hyperparameters["method"]
    weights = stored_combination(run).weights
    described = _wrapped(f"{run.config.model}: {method} of {_sizes(asked)}")
    if weights is not None and not np.all(weights == weights[0]):
        shares = {asked.members[position].name: weights[position] for position in np.argsort(-weights, kind="stable")}
        weight_text = ", ".join(f"{name} {weight:.3f}" for name, weight in shares.items() if weight > 0)
        described += _wrapped(f"  weights: {weight_text}")
    return "\n".join([*described, *_compared(asked, method, run), *_calibrated(run), *_notes(asked, {method: run})])


def table_text(asked: Request, built: Mapping[str, StoredRun]) -> str:
    """Every method side by side on validation: how it scores and how many members it uses."""
    heading = _wrapped(f"{asked.name or asked.stem}: every method over {_sizes(asked)}")
    rows = [("method", "validation %", "log loss", "members")]
    for method, run in built.items():
        weights = stored_combination(run).weights
        members = len(asked.members) if weights is None else int((weights > 0).sum())
        scores = _scores(run)
        shown = (f"{100 * scores.accuracy:.2f}", f"{scores.log_loss:.4f}") if scores else ("-", "-")
        rows.append((f"{method} {MARK}" if method in FITTED else method, *shown, str(members)))
    for name, scores in _yardsticks(asked, built).items():
        rows.append((name, f"{100 * scores.accuracy:.2f}", f"{scores.log_loss:.4f}", "1"))
    first = max(len(row[0]) for row in rows)
    lines = [f"  {row[0]:<{first}}  {row[1]:>12}  {row[2]:>8}  {row[3]:>7}" for row in rows]
    lines += [f"  {MARK} {CROSS_FITTED}"] if set(built) & set(FITTED) else []
    names = ", ".join(run.config.model for run in built.values())
    return "\n".join([*heading, *lines, *_notes(asked, built), *_wrapped(f"  stored as {names}")])


def _compared(asked: Request, method: str, run: StoredRun) -> list[str]:
    scores = _scores(run)
    if scores is None:
        return ["  no labelled validation predictions: no scores"]
    basis = f" ({CROSS_FITTED})" if method in FITTED else ""
    lines = [f"  validation accuracy {scores}{basis}"]
    return lines + [f"  {name}: {other}" for name, other in _yardsticks(asked, {method}).items()]


def _calibrated(run: StoredRun) -> list[str]:
    combination = stored_combination(run)
    if not isinstance(combination, Tempered):
        return []
    if combination.temperature == 1:
        return ["  temperature: none, because it does not lower log loss on held-out samples"]
    return [f"  temperature {combination.temperature:.3f}, which lowers log loss on held-out samples"]


def _yardsticks(asked: Request, methods: Collection[str]) -> dict[str, SampleScores]:
    """What a fitted method has to beat: the plain average of the same members; and any ensemble: its best member."""
    members = asked.loaded.get("validation")
    if members is None or members.labels is None:
        return {}
    yardsticks = {}
    if set(methods) & set(FITTED) and AVERAGE not in methods:
        mean = combined(plain(AVERAGE, len(members.names)), members.probabilities)
        yardsticks["plain average of the same"] = SampleScores.of(mean, members.labels)
    position, scores = best_of(members.probabilities, members.labels)
    return {**yardsticks, f"best member {members.names[position]}": scores}


def _scores(run: StoredRun) -> SampleScores | None:
    predicted = run.predictions("validation")
    if predicted is None or predicted.labels is None or not predicted.labels.size:
        return None
    return SampleScores.of(predicted.probabilities, predicted.labels)


def advice_text(asked: Request, built: Mapping[str, StoredRun]) -> str:
    """What to take of these methods."""
    return "\n".join(_wrapped(f"  {advice(asked, built)}."))


def _notes(asked: Request, built: Mapping[str, StoredRun]) -> list[str]:
    notes = [
        f"  no {split} predictions, because {_some(missing)} {'has' if len(missing) == 1 else 'have'} none"
        for split in ("validation", "test")
        if (missing := lacking(asked.members, split))
    ]
    if asked.left_out:
        notes.append(f"  left out, because they have no validation predictions: {_some(asked.left_out)}")
    members = asked.loaded.get("validation")
    runs = [run for member in asked.members for run in member.runs]
    sizes = {len(predicted.sample_ids) for run in runs if (predicted := run.predictions("validation"))}
    if members is not None and len(sizes) > 1:
        notes.append(f"  validation means the {len(members.sample_ids)} samples that every member has")
    if len(built) > 1 and asked.no_stack:
        notes.append(f"  without stacking: {asked.no_stack}")
    notes += [f"  {sentence}" for sentence in copy_sentences(asked, built)]
    return [line for note in notes for line in _wrapped(note)]


def _sizes(asked: Request) -> str:
    sizes = {member.name: len(member.runs) for member in asked.members}
    return _some([f"{name} ({seeds} seeds)" if seeds > 1 else name for name, seeds in sizes.items()])


def _some(names: Sequence[str]) -> str:
    """All of few; of many the first ones and the number of the others."""
    more = len(names) - SHOWN
    return ", ".join(names) if more < 2 else f"{', '.join(names[:SHOWN])} and {more:,} more"


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, subsequent_indent="    ", break_on_hyphens=False, break_long_words=False)
