"""`python -m reports submission` and `score`."""

import argparse
from pathlib import Path
from typing import Any, Final

from benchmark.commands.command_line import add_store_arguments

SUBMISSION_HELP: Final = """\
Write a row for every test image, in the order of the test file. Several seeds
of a model are averaged.
"""

SUBMISSION_EXAMPLES: Final = """\
examples:
  python -m reports submission cnn4 -o submission.csv
  python -m reports submission mlp+cnn4+cnn7 --format id-emotion
  python -m reports submission cnn4 --sample sample_submission.csv

icml is one integer a line without a header, as the competition of 2013 took
it; id-emotion has the header id,emotion; probabilities has an id and a column
a class. FER-2013's integers are the original ones: 0 angry, 1 disgust, 2 fear,
3 happy, 4 sad, 5 surprise, 6 neutral.

--sample copies the header, the ids and their order of a competition's sample,
and writes labels as it does, integers or names; with more than one column
beside the ids it gets probabilities.
"""

SCORE_HELP: Final = """\
Score a submission with labels of your own: accuracy, macro F1, and log loss
where it has probabilities, each with its 95 % interval.
"""

SCORE_EXAMPLES: Final = """\
examples:
  python -m reports score submission.csv --labels test_labels.csv

Rows are matched by id where both files have ids, else by their order; for a
submission without ids, the labels' ids must be in ascending order. The label
file has a header with an id column (id or sample_id) and a label column
(emotion, label, class or target), or is one label a line. A label is an
integer or a class name.
"""


def add_submission_commands(commands: Any) -> None:
    """Add the subcommands `submission` and `score`."""
    submission = commands.add_parser(
        "submission",
        help="write a run's predictions for the test images",
        description=SUBMISSION_HELP,
        epilog=SUBMISSION_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    submission.add_argument("name", metavar="NAME", help="model, model@hash, model-hash/seed-0 or ensemble")
    submission.add_argument(
        "--format", choices=("icml", "id-emotion", "probabilities"), help="default: icml, or what the sample has"
    )
    submission.add_argument("--sample", type=Path, metavar="FILE", help="a competition's sample, whose layout is kept")
    submission.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="FILE",
        default=Path("submission.csv"),
        help="default: submission.csv",
    )
    add_store_arguments(submission, "dataset, where runs on several are stored")
    submission.set_defaults(command=_submission)

    score = commands.add_parser(
        "score",
        help="score a submission with your own labels",
        description=SCORE_HELP,
        epilog=SCORE_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    score.add_argument("submission", type=Path, metavar="FILE", help="a submission")
    score.add_argument("--labels", type=Path, metavar="FILE", required=True, help="the true labels")
    score.set_defaults(command=_score)


def _submission(arguments: argparse.Namespace) -> None:
    import reports
    from benchmark.store.run_store import RunStore
    from reports.submissions.submitting import mean_test_predictions

    path = reports.submission(
        arguments.name,
        runs=arguments.runs,
        data=arguments.data,
        output=arguments.output,
        format=arguments.format,
        sample=arguments.sample,
    )
    store = RunStore(arguments.runs)
    found = store.resolve(store.find_dataset(arguments.data), arguments.name)
    rows = len(mean_test_predictions(found).sample_ids)
    seeds = f", the average of {len(found)} seeds" if len(found) > 1 else ""
    print(f"{path}: {rows:,} rows of {arguments.name}{seeds}")


def _score(arguments: argparse.Namespace) -> None:
    from reports.submissions.scoring import score, score_text

    print(f"{arguments.submission}: {score_text(score(arguments.submission, arguments.labels))}", end="")
