"""One model on one page: tables and words as text and as Markdown with pictures beside it."""

import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmark.data import Sources
from benchmark.data.loading import FACES
from benchmark.files.names import file_name
from benchmark.files.run_layout import EXPLANATION
from benchmark.nouns import IMAGES
from benchmark.running.recipes import FILE, TARGETS, training_command
from benchmark.store.run_store import RunStore
from reports.leaderboards.notes import absent_sentence
from reports.leaderboards.repeats import HARD
from reports.pages import model_figures
from reports.pages.describing import (
    class_sentences,
    class_table,
    counted_unit,
    headline,
    mean_confusion,
    score_table,
    shown_names,
)
from reports.pages.evaluation import Evaluation, evaluate
from reports.pages.image_sheets import ImageSource, image_sheet, images_of
from reports.submissions.labels import place_of
from reports.text import tables
from reports.text.columns import number, rounded
from reports.text.text_blocks import (
    Block,
    Bullets,
    Lines,
    Picture,
    Sentence,
    Shell,
    Table,
    WrittenPage,
    made_by,
    markdown_page,
    text_page,
)
from reports.text.writing import Step, check_folder, progress, write_folder

PAGE: Final = "model.md"
TRUE_CLASS: Final = "true class"
MOST_CLASSES: Final = 12
"""A matrix of more classes is drawn only: as text nobody could read it."""

FIGURES: Final[Mapping[str, Callable[[Evaluation], bytes | None]]] = {
    "confusion-counts.png": model_figures.confusion_counts,
    "confusion-rates.png": model_figures.confusion_rates,
    "classes.png": model_figures.recall_and_size,
    "learning.png": model_figures.learning_curves,
    "reliability.png": model_figures.reliability,
    "roc.png": model_figures.roc_curves,
}


@dataclass(frozen=True, eq=False, repr=False)
class ModelReport(WrittenPage):
    """The page on one model.

    Attributes:
        scores: see `reports.pages.describing.score_table`.
        classes: see `reports.pages.describing.class_table`.
    """

    scores: pd.DataFrame
    classes: pd.DataFrame


def model(
    name: str,
    *,
    runs: Path | str = "runs",
    data: str | None = None,
    labels: Any = None,
    images: ImageSource | Sources | None = None,
    output: Path | str | None = None,
) -> ModelReport:
    """Write a page on one model, with figures, and return it.

    It is about test where there are labels for it, else about validation. Scores are the means of the seeds' scores,
    as on the leaderboard, and matrices the means of theirs; an image is shown with the seeds' mean probabilities.

    Args:
        name: a model (all its seeds), `model@hash`, `model-hash/seed-0` or an ensemble.
        runs: where the runs are.
        data: the dataset, with or without fingerprint; needed where several are stored.
        labels: of test, a file, an array or a frame, see `benchmark.tables.given_labels.read_labels`; not stored.
        images: the data that the runs are on, of several sources all, to show images of each class, which then lie in
            the folder as well; the built-in faces need not be named.
        output: the folder; by default `<runs>/<dataset>/reports/<name>`.

    Raises:
        UserError: an unknown name, labels or images that do not fit, or a folder that cannot be written.
    """
    store = RunStore(Path(runs))
    evaluation = evaluate(store.snapshot(store.find_dataset(data)), name, labels)
    name, dataset = evaluation.name, evaluation.dataset
    folder = check_folder(output or store.report_directory(dataset, _report_name(evaluation)))
    with progress(len(FIGURES) + len(evaluation.class_names) + 2) as step:
        step("reading images" if evaluation.noun is IMAGES else "reading predictions")
        pictures = _pictures(evaluation, images_of(evaluation, images), step)
        step("writing the page")
        scores, classes = score_table(evaluation), class_table(evaluation)
    blocks = _blocks(evaluation, scores, classes, pictures)
    blocks += made_by(f"model {shlex.quote(name)}", runs, dataset, evaluation.labels_from)
    heading, files = f"{name} on {dataset}", {file: picture for file, (_, picture) in pictures.items()}
    write_folder(folder, {**files, PAGE: markdown_page(heading, blocks)})
    return ModelReport(folder / PAGE, text_page(heading, blocks), scores, classes)


def _report_name(evaluation: Evaluation) -> str:
    configuration = evaluation.runs[0].path.parent.name
    return f"{configuration}-{evaluation.runs[0].path.name}" if "/" in evaluation.name else configuration


def _pictures(evaluation: Evaluation, images: NDArray[np.uint8] | None, step: Step) -> dict[str, tuple[str, bytes]]:
    """What is drawn, by file name: what it shows, and the PNG."""
    pictures = {}
    for name, draw in FIGURES.items():
        what = name.removesuffix(".png").replace("-", " ")
        step(f"drawing {what}")
        if (picture := draw(evaluation)) is not None:
            pictures[name] = (f"{what} of {evaluation.name}", picture)
    if images is None:
        return pictures
    for position, label in enumerate(evaluation.class_names):
        step(f"drawing images of {tables.shortened(label, 20)}")
        if (picture := image_sheet(evaluation, images, position)) is not None:
            # The number keeps apart what only the letters that a file name cannot have tell apart.
            pictures[f"images-{position}-{file_name(label)}.png"] = (f"images of {label}", picture)
    return pictures


def _blocks(
    evaluation: Evaluation, scores: pd.DataFrame, classes: pd.DataFrame, pictures: Mapping[str, tuple[str, bytes]]
) -> list[Block]:
    drawn = {name: Picture(name, what) for name, (what, _) in pictures.items()}
    blocks: list[Block] = [Lines(_about(evaluation))]
    blocks += [Table("Scores", _score_cells(scores, evaluation), ["score"]), Bullets("Notes", _notes(evaluation))]
    blocks += [Table("Classes", _class_cells(classes, evaluation), ["class"]), drawn["classes.png"]]
    blocks += [Bullets("Confusions of each class", class_sentences(evaluation))]
    if len(evaluation.class_names) <= MOST_CLASSES:
        blocks += [Table(f"Confusion matrix: {counted_unit(evaluation)}", _confusion_cells(evaluation), [TRUE_CLASS])]
    blocks += [drawn["confusion-counts.png"], drawn["confusion-rates.png"]]
    blocks += [drawn[name] for name in ("reliability.png", "roc.png", "learning.png") if name in drawn]
    if "learning.png" not in drawn:
        blocks.append(Sentence("There are no learning curves: no training is stored with it."))
    sheets = [picture for name, picture in drawn.items() if name.startswith("images-")]
    if not sheets and evaluation.noun is IMAGES:
        blocks.append(Sentence("Images of each class, right and wrong: give the data with --images PATH."))
    return blocks + sheets + _training(evaluation)


def _training(evaluation: Evaluation) -> list[Block]:
    """How to train it again; empty where no single command does."""
    config = evaluation.runs[0].config
    built_in = config.dataset == FACES
    words = training_command(evaluation.runs, FACES if built_in else "DATA")
    if words is None:
        return []
    names = []
    if not built_in:
        names.append(f"DATA is called {config.dataset}, read and split as it was then ({config.split})")
    if any(FILE in word for word in words):
        names.append(f"{FILE} is the file {config.weights}: its name and the first digits of its SHA-256")
    if TARGETS in words[0]:
        teacher, _, digits = config.teacher.partition("@")
        names.append(f"{TARGETS} has what {teacher} said of the training images; its SHA-256 begins with {digits}")
    blocks: list[Block] = [Shell("To train it again", words)]
    return [*blocks, Sentence(f"{'; '.join(names)}.")] if names else blocks


def _about(evaluation: Evaluation) -> list[str]:
    """What stands above the scores: samples, seeds, and the worst confusion."""
    seeds = ", ".join(str(run.record.seed) for run in evaluation.runs)
    why = ""
    if evaluation.labels_from:
        why = f" (labels: {place_of(evaluation.labels_from)})"
    elif evaluation.split == "validation":
        tests = [run.predictions("test") for run in evaluation.runs]
        lacking = tests.count(None)
        why = " (the test labels are sealed)"
        if lacking == len(tests):
            why = " (there are no test predictions)"
        elif lacking and all(test is None or test.labels is not None for test in tests):
            why = f" ({lacking} of {len(tests)} seeds {'has' if lacking == 1 else 'have'} no test predictions)"
    classes = len(evaluation.class_names)
    lines = [f"On {evaluation.split}{why}: {evaluation.noun.counted(evaluation.images)} of {classes} classes."]
    lines.append(f"Seed {seeds}." if evaluation.seeds == 1 else f"Seeds {seeds}: scores are the means over the seeds.")
    worst = headline(evaluation)
    return [*lines, f"Worst confusion: {worst}."] if worst else lines


def _notes(evaluation: Evaluation) -> list[str]:
    """How to read the scores, and what else there is to know."""
    if evaluation.seeds > 1:
        notes = [
            "After a mean stands the standard deviation over the seeds. Matrices and curves are means, and an image is "
            "shown with the seeds' mean probabilities."
        ]
    else:
        notes = [
            f"Intervals are of 95 %, over {evaluation.noun.many}. That of ECE lies too high, that of macro F1 too low "
            "where classes have few of them."
        ]
    if evaluation.runs[0].config.kind == "ensemble":
        notes.append(_of_members(evaluation))
    if evaluation.hard and "hard labels" not in evaluation.remark:
        notes.append(f"{HARD[0].upper()}{HARD[1:]}.")
    if evaluation.ties:
        notes.append(f"{evaluation.ties}.")
    if missing := evaluation.unlabelled:
        absent = absent_sentence(evaluation.split, missing, [evaluation.name] * evaluation.predicts_unlabelled)
        notes.append(f"{absent[0].upper()}{absent[1:]}.")
    if evaluation.remark:
        notes.append(f"Its validation score: {evaluation.remark}.")
    if speed := _speed(evaluation):
        notes.append(speed)
    return notes


def _of_members(evaluation: Evaluation) -> str:
    """What an ensemble is made of, and how to see what each member contributes."""
    run = evaluation.runs[0]
    sentence = f"An ensemble of {', '.join(run.config.members)}"
    if not run.predicted("validation"):
        return f"{sentence}."
    store = RunStore(run.path.parents[2])
    words = "reports ensemble" if (run.path.parent / EXPLANATION).exists() else "ensembles explain"
    command = store.command(f"{words} {shlex.quote(evaluation.name)}", evaluation.dataset)
    return f"{sentence}; `{command}` shows what each contributes."


def _speed(evaluation: Evaluation) -> str:
    """How long an image takes, the mean over the seeds, and on which device; empty where a run does not say."""
    records = [run.record for run in evaluation.runs]
    batched = [record.milliseconds_per_image for record in records if record.milliseconds_per_image is not None]
    alone = [record.milliseconds_one_image for record in records if record.milliseconds_one_image is not None]
    if len(batched) < len(records):
        return ""
    sentence = f"To predict an image takes {np.mean(batched):.3f} ms in batches"
    if len(alone) == len(records):
        sentence += f" and {np.mean(alone):.3f} ms alone"
    if evaluation.runs[0].config.kind == "ensemble":
        return f"{sentence}, the sum over its networks, each as measured where it was trained."
    devices = sorted({str(record.provenance["device"]) for record in records if record.provenance.get("device")})
    precisions = sorted({str(name) for record in records if (name := record.provenance.get("precision"))})
    sentence += f" on {', '.join(devices)}" if devices else ""
    return f"{sentence}; trained in {', '.join(precisions)}." if precisions else f"{sentence}."


def _score_cells(scores: pd.DataFrame, evaluation: Evaluation) -> pd.DataFrame:
    rows = []
    columns = (scores[name] for name in ("score", "value", "low", "high", "deviation"))
    for name, value, low, high, deviation in zip(*columns, strict=True):
        unit, form = (100, rounded(2)) if name == "accuracy" else (1, number)
        shown = tables.MISSING if pd.isna(value) else form(unit * value)
        spread = tables.MISSING if pd.isna(low) else f"{form(unit * low)} to {form(unit * high)}"
        if evaluation.seeds > 1:
            spread = tables.MISSING if pd.isna(deviation) else form(unit * deviation)
        rows.append((f"{name} %" if unit == 100 else name, shown, spread))
    kind = "95 % interval" if evaluation.seeds == 1 else "± over seeds"
    return pd.DataFrame(rows, columns=["score", "value", kind], dtype="object")


def _class_cells(classes: pd.DataFrame, evaluation: Evaluation) -> pd.DataFrame:
    def percent(value: float) -> str:
        return tables.MISSING if pd.isna(value) else f"{100 * value:.1f}"

    spread = "95 % interval" if evaluation.seeds == 1 else "range of seeds"
    return pd.DataFrame(
        {
            "class": shown_names(evaluation.class_names),
            evaluation.noun.many: [f"{size:,}" for size in classes["images"]],
            "recall %": [percent(value) for value in classes["recall"]],
            spread: [
                tables.MISSING if pd.isna(low) else f"{percent(low)} to {percent(high)}"
                for low, high in zip(classes["low"], classes["high"], strict=True)
            ],
            "precision": [tables.MISSING if pd.isna(value) else f"{value:.4f}" for value in classes["precision"]],
            "F1": [tables.MISSING if pd.isna(value) else f"{value:.4f}" for value in classes["f1"]],
            "AUC": [tables.MISSING if pd.isna(value) else f"{value:.4f}" for value in classes["auc"]],
        },
        dtype="object",
    )


def _confusion_cells(evaluation: Evaluation) -> pd.DataFrame:
    counts = mean_confusion(evaluation)
    written = "{:,.0f}".format if (counts == counts.round()).all() else "{:,.1f}".format
    names = shown_names(evaluation.class_names)
    columns = [names, *[[written(value) for value in column] for column in counts.T]]
    frame = pd.DataFrame(dict(enumerate(columns)), dtype="object")
    # A class may bear the very name of the first column.
    frame.columns = pd.Index([TRUE_CLASS, *[f"{name} " if name == TRUE_CLASS else name for name in names]])
    return frame
