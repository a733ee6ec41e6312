"""`python -m reports submission` and `score`."""

import argparse
from pathlib import Path
from typing import Any, Final

from benchmark.commands.command_line import LABEL_FILES, RUN_HELP, add_command, add_store_arguments, spelled

SUBMISSION: Final = """\
write a run's predictions for the test samples

Write a run's predictions for the test samples, one row each, in the order of
the test file. The seeds of a model are averaged.

examples:
  python -m reports submission cnn4 -o submission.csv
  python -m reports submission mlp+cnn4+cnn7 --format id-emotion
  python -m reports submission cnn4 --sample sample_submission.csv

formats:
  icml           one integer per line, no header, as in the 2013 competition
  id-emotion     a header id,emotion and one integer per row
  probabilities  the id and one column of probabilities per class

FER-2013's integers are the original ones: 0 angry, 1 disgust, 2 fear, 3 happy,
4 sad, 5 surprise, 6 neutral. Classes that are called by whole numbers are
written as these numbers, others as their position from 0 in the order of the
dataset's classes, which the command says.

--sample keeps the header, the ids and their order of a competition's sample
file. Labels are integers or names, as in the sample, which may leave them
empty; one that is not a class is refused, also 0 where classes count from 1. A
sample with several columns besides the ids gets probabilities.
"""

SCORE: Final = f"""\
score a submission

Score a submission or other predictions: accuracy, macro F1 and, if the file has
probabilities, log loss, each with its 95 % interval.

examples:
  python -m reports score submission.csv --labels test_labels.csv
  python -m reports score submission.csv

Without --labels they are those that are stored with the runs: of test if these
are open and the file is about it, else of validation. The output says which.

The file has any format that `ensembles import` reads: a column a class, by
name or number, with or without a prefix (p_0, prob_angry); id, class and
probability; labels; .csv, .csv.gz, .tsv, .parquet, .npy or .npz.

Rows are matched by id if both files have ids, else by their order. For a
submission without ids, the ids of the labels must be in ascending order.

{LABEL_FILES}"""


def add_submission(commands: Any) -> None:
    command = add_command(commands, "submission", _submission, SUBMISSION)
    command.add_argument("name", metavar="NAME", help=RUN_HELP)
    command.add_argument(
        "--format", choices=("icml", "id-emotion", "probabilities"), help="default: icml, or that of the sample"
    )
    command.add_argument("--sample", type=Path, metavar="FILE", help="a competition's sample file, to copy its layout")
    output = Path("submission.csv")
    command.add_argument("-o", "--output", type=Path, metavar="FILE", default=output, help=f"default: {output}")
    add_store_arguments(command)


def add_score(commands: Any) -> None:
    command = add_command(commands, "score", _score, SCORE)
    command.add_argument("submission", type=Path, metavar="FILE", help="a submission")
    command.add_argument(
        "--labels", type=Path, metavar="FILE", help="the true labels (default: those of the stored runs)"
    )
    add_store_arguments(command)


def _submission(arguments: argparse.Namespace) -> None:
    from reports.submissions.submitting import write_submission
    from reports.text.tables import WIDTH, wrapped

    (name,) = spelled(arguments, [arguments.name])
    written = write_submission(
        name,
        runs=arguments.runs,
        data=arguments.data,
        output=arguments.output,
        format=arguments.format,
        sample=arguments.sample,
    )
    seeds = f", the average of {written.seeds} seeds" if written.seeds > 1 else ""
    print(f"{written.path}: " + wrapped(f"{written.rows:,} rows of {name}{seeds}: {written.contents}", WIDTH))


def _score(arguments: argparse.Namespace) -> None:
    from reports.submissions.scoring import score, score_text

    scored = score(arguments.submission, arguments.labels, runs=arguments.runs, data=arguments.data)
    print(f"{arguments.submission}: {score_text(scored)}", end="")
