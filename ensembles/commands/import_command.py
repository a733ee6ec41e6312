"""`python -m ensembles import`."""

import argparse
import sys
from pathlib import Path
from typing import Any, Final

from benchmark.commands.command_line import add_command, add_store_arguments
from benchmark.commands.composition import write_leaderboard

IMPORT: Final = """\
store another program's predictions as a run

Store predictions of other programs as runs, marked as external. With labels
nothing else is needed: no images, no training, no stored runs.

examples:
  python -m ensembles import val.csv test.csv --name mine --labels labels.csv
  python -m ensembles import oof/ --test test/ --labels train.csv
  python -m ensembles import oof.npy --test test.npy --name lgb --labels y.npy
  python -m ensembles import theirs.csv --name theirs --data faces

LABELS has a column of labels (label, class, target, ...) and maybe id, split
(validation, test, train) and fold; or it is an .npy or .npz. It makes the
dataset, which later imports join, with these labels or without. Where runs of
a dataset are stored already, their labels count.

Predictions are recognised by their columns:
  id,cat,dog,fish         one column a class: by name, number, or p_0, prob_cat
  id,class,probability    a row for each id and class
  id,label                hard labels, which count as probabilities of 0 and 1
  .npy, .npz              (samples, classes), in the order of LABELS or --ids
as .csv, .csv.gz, .parquet (needs pyarrow), .npy or .npz. Ids, or a column
split, tell which rows are of test; --test does where there are none. All
samples of a split are needed. Rows of train are out-of-fold predictions.

Of folders, each file is a run that is named after it; oof_lgb.npy and
test_lgb.npy are both lgb. Nothing is stored unless everything is right.
docs/import.md shows each format.
"""


def add_import(commands: Any) -> None:
    command = add_command(commands, "import", _import, IMPORT)
    command.add_argument("files", nargs="*", type=Path, metavar="FILE", help="predictions, or folders of them")
    command.add_argument("--name", metavar="N", help="name of the run; of several, what their names begin with")
    command.add_argument("--labels", type=Path, metavar="LABELS", help="true labels, which make the dataset")
    command.add_argument("--test", type=Path, metavar="PATH", help="predictions of test: a file or a folder")
    command.add_argument("--ids", type=Path, metavar="FILE", help="sample ids of the rows of arrays")
    classes_help = "the classes of columns without names, in order, or a file with one a line"
    command.add_argument("--classes", metavar="A,B,C", help=classes_help)
    seed_help = "seed of the training; several imports of one name with their seeds are one row"
    command.add_argument("--seed", type=int, metavar="K", help=seed_help)
    command.add_argument("--logits", action="store_true", help="the numbers are logits: take their softmax")
    add_store_arguments(command)


def _import(arguments: argparse.Namespace) -> None:
    from ensembles.importing.datasets import Asked
    from ensembles.importing.importing import ALREADY, import_members, imported_text
    from ensembles.importing.pairing import paired_members
    from zoo.errors import ReadOnlyError, UserError

    if not arguments.files and not arguments.test:
        raise UserError("name files or folders with predictions, as in `ensembles import val.csv --name mine`")
    apart = [path for path in (arguments.labels, arguments.ids) if path]
    members = paired_members(arguments.files, arguments.test, arguments.name, apart)
    asked = Asked(
        labels=arguments.labels,
        ids=arguments.ids,
        class_names=_classes(arguments.classes),
        runs=arguments.runs,
        data=arguments.data,
        logits=arguments.logits,
        seed=arguments.seed,
    )
    imported = import_members(members, asked)
    print(imported_text(imported))
    config = imported[0].run.config
    try:
        page, _ = write_leaderboard(arguments.runs, config.full_dataset)
        print(f"  {page} is up to date")
    except ReadOnlyError as error:
        # Stored runs can also be named in a store that is read-only.
        if not all(ALREADY in one.notes for one in imported):
            raise
        print(f"note: the leaderboard was not updated: {error}", file=sys.stderr)


def _classes(text: str | None) -> tuple[str, ...]:
    """The names in `A,B,C`, or in a file with one a line."""
    from benchmark.arguments import names_in
    from zoo.errors import UserError

    if text is None:
        return ()
    path = Path(text)
    if not path.is_file():
        return tuple(names_in(text))
    try:
        return tuple(line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip())
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read {path}: {error}") from error
