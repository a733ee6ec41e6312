"""A page on an ensemble, drawn from the explanation.json that `ensembles explain` stored."""

import json
import math
import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import pandas as pd

from benchmark.explanation import COSTS, MEASURED, SCHEMA_VERSION, Estimate, Explanation, Matrix, SplitReport, folded
from benchmark.files.checksums import DamagedError
from benchmark.files.run_layout import EXPLANATION
from benchmark.nouns import Noun
from benchmark.store.run_store import RunStore
from benchmark.store.stored_run import StoredRun
from reports.pages import ensemble_figures
from reports.pages.describing import shown_names
from reports.text.tables import shortened
from reports.text.text_blocks import Block, Picture, Sentence, Table, WrittenPage, made_by, markdown_page, text_page
from reports.text.writing import check_folder, progress, write_folder
from zoo.errors import UserError

PAGE: Final = "ensemble.md"
LONGEST_SET: Final = 400
MOST_COMPARED: Final = 12
"""Members in a table of all pairs; of more the figure alone shows them."""


def ensemble(
    name: str, *, runs: Path | str = "runs", data: str | None = None, output: Path | str | None = None
) -> WrittenPage:
    """Draw what `python -m ensembles explain` stored about an ensemble, and return the page.

    Args:
        name: an ensemble (`name`, `name@hash`, `name-hash/seed-0`).
        runs: where the runs are.
        data: the dataset, with or without fingerprint; needed where several are stored.
        output: the folder; by default `<runs>/<dataset>/reports/<name>`.

    Raises:
        UserError: no such ensemble, one that was not explained yet, or a folder that cannot be written.
    """
    store = RunStore(Path(runs))
    dataset = store.find_dataset(data)
    snapshot = store.snapshot(dataset)
    name = snapshot.spelled(name)
    stored = snapshot.resolve(name)
    explanation = read_explanation(store, stored, name)
    folder = check_folder(output or store.report_directory(dataset, stored[0].path.parent.name))
    kinds = _known_costs(explanation)
    shown = _without_idle(explanation)
    with progress(1 + (len(shown.members) > 1) + len(kinds)) as step:
        step("drawing gains")
        pictures = {"gains.png": ensemble_figures.member_gains(shown, snapshot.noun)}
        if len(shown.members) > 1:
            step("drawing disagreement")
            pictures["disagreement.png"] = ensemble_figures.disagreement(shown, snapshot.noun)
        for kind in kinds:
            step(f"drawing {COSTS[kind]}")
            pictures[f"cost-{kind}.png"] = ensemble_figures.accuracy_against_cost(explanation, kind)
    blocks = [
        *_blocks(shown, _idle_text(explanation), kinds, snapshot.noun),
        *made_by(f"ensemble {shlex.quote(name)}", runs, dataset),
    ]
    heading = f"{name} on {dataset}: what each member contributes"
    write_folder(folder, {**pictures, PAGE: markdown_page(heading, blocks)})
    return WrittenPage(folder / PAGE, text_page(heading, blocks))


def read_explanation(store: RunStore, runs: Sequence[StoredRun], name: str) -> Explanation:
    """The stored explanation of an ensemble.

    Raises:
        UserError: it is not an ensemble, was not explained yet, or the file is damaged or of another version.
    """
    config = runs[0].config
    dataset = config.full_dataset
    if config.kind != "ensemble":
        raise UserError(f"{name} is not an ensemble: see `{store.command(f'reports model {name}', dataset)}`")
    again = f"run `{store.command(f'ensembles explain {name}', dataset)}`"
    try:
        text = store.read_beside(runs[0], EXPLANATION)
    except DamagedError as error:
        raise UserError(f"{error}: {again}") from error
    if text is None:
        if not runs[0].predicted("validation"):
            raise UserError(f"{name} cannot be explained: a member has no validation predictions to judge it by")
        raise UserError(f"{name} has not been explained: {again} first")
    try:
        data = json.loads(text)
        version = data.get("schema_version", SCHEMA_VERSION) if isinstance(data, dict) else SCHEMA_VERSION
        if version == SCHEMA_VERSION:
            return Explanation.from_json(data)
    except (ValueError, RecursionError) as error:
        raise UserError(f"the explanation of {name} is damaged: {error}: {again}") from error
    raise UserError(
        f"the explanation of {name} has schema {version!r:.40}, this toolkit reads {SCHEMA_VERSION}: {again}"
    )


def _known_costs(explanation: Explanation) -> list[str]:
    costs = [explanation.cost, *(point.cost for point in explanation.tradeoff.points)]
    return [kind for kind in COSTS if all(getattr(cost, kind) is not None for cost in costs)]


def _without_idle(explanation: Explanation) -> Explanation:
    """The explanation without the members that are summed up."""
    idle = folded(explanation.members)
    positions = [place for place, name in enumerate(explanation.names) if name not in idle]

    def part(matrix: Matrix) -> Matrix:
        return tuple(tuple(matrix[row][column] for column in positions) for row in positions)

    def shown_split(report: SplitReport) -> SplitReport:
        return replace(
            report,
            members=tuple(report.members[place] for place in positions),
            disagreement=part(report.disagreement),
            error_correlation=part(report.error_correlation),
        )

    return replace(
        explanation,
        members=tuple(explanation.members[place] for place in positions),
        validation=shown_split(explanation.validation),
        test=explanation.test and shown_split(explanation.test),
    )


def _idle_text(explanation: Explanation) -> str:
    """How many members `_without_idle` leaves out, and what they score; empty where it leaves out none."""
    idle = folded(explanation.members)
    pairs = zip(explanation.names, explanation.validation.members, strict=True)
    scores = [100 * report.accuracy for name, report in pairs if name in idle]
    if not scores:
        return ""
    return (
        f" {len(scores)} members of weight 0 are left out. Alone they have {min(scores):.2f} to "
        f"{max(scores):.2f} % on validation. {EXPLANATION} has them all."
    )


def _blocks(explanation: Explanation, left_out: str, kinds: list[str], noun: Noun) -> list[Block]:
    name, tradeoff = explanation.ensemble, explanation.tradeoff
    blocks: list[Block] = [Sentence(report.contest.sentence) for report in explanation.splits.values()]
    blocks.append(
        Sentence(
            f"The method is {explanation.method}. A member's gain is the ensemble's score minus its score without the "
            f"member, with a 95 % interval. It is positive if the member helps.{left_out}"
        )
    )
    for split, report in explanation.splits.items():
        heading = (
            f"Members on {split} ({noun.counted(report.samples)}; at least one member is right for "
            f"{100 * report.oracle_accuracy:.2f} %)"
        )
        blocks.append(Table(heading, _gains(explanation, report), ["member"]))
    blocks += [Picture("gains.png", f"gains of the members of {name}")]
    heading = f"Disagreement: % of validation {noun.many} that two members classify differently"
    if 1 < len(explanation.members) <= MOST_COMPARED:
        blocks += [Table(heading, _disagreement(explanation), ["member"])]
    if len(explanation.members) > 1:
        blocks += [Picture("disagreement.png", f"disagreement of the members of {name}")]
    if kinds:
        blocks.append(
            Sentence(
                f"Accuracy on validation against cost: {tradeoff.search}, {tradeoff.tried:,} tried, combined by "
                f"{tradeoff.method}. The best of so many was chosen on validation, so its accuracy there is too high."
                + (f" {MEASURED}" if {"milliseconds", "train_hours"} & set(kinds) else "")
            )
        )
    for kind in kinds:
        blocks.append(Table(f"Pareto front by {COSTS[kind]}", _front(explanation, kind), ["members"]))
        blocks.append(Picture(f"cost-{kind}.png", f"accuracy of {name} against {COSTS[kind]}"))
    return blocks


def _gains(explanation: Explanation, report: SplitReport) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "member": shown_names(explanation.names),
            "weight": ["-" if member.weight is None else f"{member.weight:.3f}" for member in explanation.members],
            "accuracy %": [f"{100 * member.accuracy:.2f}" for member in report.members],
            "gain, points": [_estimate(member.gain_accuracy, 100) for member in report.members],
            "gain, log loss / 1000": [_estimate(member.gain_log_loss, 1000) for member in report.members],
        },
        dtype="object",
    )


def _estimate(estimate: Estimate, unit: float) -> str:
    # Adding 0 makes a rounded -0.0 a 0.
    value, low, high = (round(unit * one, 2) + 0.0 for one in (estimate.value, estimate.low, estimate.high))
    if math.isnan(low):
        return f"{value:+.2f}"
    return f"{value:+.2f} ({low:+.2f} to {high:+.2f})"


def _disagreement(explanation: Explanation) -> pd.DataFrame:
    columns = {
        str(column): ["" if row == column else f"{100 * value:.0f}" for row, value in enumerate(values, 1)]
        for column, values in enumerate(explanation.validation.disagreement, 1)
    }
    names = [f"{place} {name}" for place, name in enumerate(shown_names(explanation.names), 1)]
    return pd.DataFrame({"member": names, **columns}, dtype="object")


def _front(explanation: Explanation, kind: str) -> pd.DataFrame:
    front = ensemble_figures.front_points(explanation, kind)
    form = "{:,.0f}" if kind in ("parameters", "operations") else "{:,.3f}"
    return pd.DataFrame(
        {
            "members": [shortened("+".join(point.members), LONGEST_SET) for point in front],
            kind.replace("_", " "): [form.format(getattr(point.cost, kind)) for point in front],
            "validation %": [f"{100 * point.accuracy:.2f}" for point in front],
        },
        dtype="object",
    )
