"""An ensemble on one page, from what `ensembles explain` stored: nothing is computed anew here."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmark.store.run_store import RunStore
from reports.pages import ensemble_figures
from reports.pages.describing import shown_names
from reports.pages.explanations import COSTS, Explained, SplitFacts, read_explanation
from reports.text.tables import shortened
from reports.text.text_blocks import Block, Command, Picture, Sentence, Table, markdown_page, text_page
from reports.text.writing import check_folder, progress, write_folder

PAGE: Final = "ensemble.md"
LONGEST_SET: Final = 400


@dataclass(frozen=True)
class EnsembleReport:
    """An ensemble, looked at closely.

    Attributes:
        page: the Markdown page; its pictures lie beside it.
        text: the same for a terminal of 80 columns, without pictures.
    """

    page: Path
    text: str

    def __str__(self) -> str:
        return self.text


def ensemble(
    name: str, *, runs: Path | str = "runs", data: str | None = None, output: Path | str | None = None
) -> EnsembleReport:
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
    found = store.resolve(dataset, name)
    explained = read_explanation(store, found, name)
    folder = check_folder(output or store.report_directory(dataset, found[0].path.parent.name))
    kinds = explained.costs()
    with progress(2 + len(kinds)) as step:
        step("drawing gains")
        pictures = {"gains.png": ensemble_figures.member_gains(explained)}
        step("drawing disagreement")
        pictures["disagreement.png"] = ensemble_figures.disagreement(explained)
        for kind in kinds:
            step(f"drawing {COSTS[kind]}")
            pictures[f"cost-{kind}.png"] = ensemble_figures.accuracy_against_cost(explained, kind)
    blocks = [*_blocks(explained, kinds), Command("ensemble", (name,), runs, dataset)]
    heading = f"{name} on {dataset}: what its members give"
    write_folder(folder, {**pictures, PAGE: markdown_page(heading, blocks)})
    return EnsembleReport(folder / PAGE, text_page(heading, blocks))


def _blocks(explained: Explained, kinds: list[str]) -> list[Block]:
    blocks: list[Block] = [Sentence(facts.sentence) for facts in explained.splits]
    blocks.append(
        Sentence(
            f"Combined by {explained.method}. A member's gain is what the ensemble loses without it, with its 95 % "
            "interval: points of accuracy, and thousandths of a nat of log loss; positive where it helps."
        )
    )
    for facts in explained.splits:
        heading = (
            f"Members on {facts.split} ({facts.samples:,} images; "
            f"{100 * facts.oracle_accuracy:.2f} % that some member has right)"
        )
        blocks.append(Table(heading, _gains(explained, facts), ["member"]))
    blocks += [Picture("gains.png", f"gains of the members of {explained.ensemble}")]
    heading = "Disagreement: % of validation images that two members name differently"
    blocks += [Table(heading, _disagreement(explained), ["member"])]
    blocks += [Picture("disagreement.png", f"disagreement of the members of {explained.ensemble}")]
    blocks += [Sentence(f"Accuracy on validation against cost: {explained.search}. The best of many is flattered.")]
    for kind in kinds:
        blocks.append(Table(f"Pareto front by {COSTS[kind]}", _front(explained, kind), ["members"]))
        blocks.append(Picture(f"cost-{kind}.png", f"accuracy of {explained.ensemble} against {COSTS[kind]}"))
    return blocks


def _gains(explained: Explained, facts: SplitFacts) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "member": shown_names(explained.members),
            "accuracy %": [f"{100 * value:.2f}" for value in facts.accuracies],
            "gain, points": [_estimate(100 * row) for row in facts.accuracy_gains],
            "gain, log loss / 1000": [_estimate(1000 * row) for row in facts.log_loss_gains],
        },
        dtype="object",
    )


def _estimate(row: NDArray[np.float64]) -> str:
    value, low, high = row
    return f"{value:+.2f} ({low:+.2f} to {high:+.2f})"


def _disagreement(explained: Explained) -> pd.DataFrame:
    names = shown_names(explained.members)
    values = 100 * explained.splits[0].disagreement
    columns = [
        ["" if row == column else f"{values[row, column]:.0f}" for row in range(len(names))]
        for column in range(len(names))
    ]
    frame = pd.DataFrame(dict(enumerate([names, *columns])), dtype="object")
    frame.columns = pd.Index(["member", *[f"{name} " if name == "member" else name for name in names]])
    return frame


def _front(explained: Explained, kind: str) -> pd.DataFrame:
    front = sorted((point for point in explained.points if kind in point.front), key=lambda point: point.cost[kind])
    return pd.DataFrame(
        {
            "members": [shortened("+".join(point.members), LONGEST_SET) for point in front],
            kind.replace("_", " "): [
                f"{point.cost[kind]:,.0f}" if kind in ("parameters", "operations") else f"{point.cost[kind]:,.3f}"
                for point in front
            ],
            "validation %": [f"{100 * point.accuracy:.2f}" for point in front],
        },
        dtype="object",
    )
