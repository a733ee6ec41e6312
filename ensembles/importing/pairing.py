"""Which files belong to one run: folders of predictions, paired by name."""

import re
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Final

from benchmark.files.names import safe
from benchmark.tables.sources import SUFFIXES, stem
from ensembles.importing.placing import told_split
from ensembles.importing.preparing import MemberFiles
from zoo.errors import UserError

NO_NAMES: Final = ("oof", "val", "valid", "validation", "train", "test", "pred", "preds", "predictions", "submission")
"""Words in file names that are not part of a model's name."""

_WORDS: Final = "|".join(NO_NAMES)
_NO_NAME: Final = re.compile(rf"^(?:{_WORDS})(?:[_\-. ]+|$)|[_\-. ]+(?:{_WORDS})$", re.IGNORECASE)


def paired_members(
    paths: Sequence[Path], test: Path | None, name: str | None, apart: Sequence[Path] = ()
) -> list[MemberFiles]:
    """The runs that files make.

    Several files with a name are one run. Folders, and files without a name, are one run each, named after the file
    without words such as `oof` and `test`; a name is then put before. Files of one name are of one run.

    Args:
        paths: files or folders.
        test: a file or folder with the predictions of test; None if these are among `paths`, or there are none.
        name: of the run, or what the names of several begin with.
        apart: files that are not predictions, such as that of labels, though they lie in a folder.

    Raises:
        UserError: a folder without files, test predictions without a partner, or two files for one split of a run.
    """
    if test is not None and test.resolve() in {path.resolve() for path in paths}:
        raise UserError(f"{test} is given twice: leave --test out where a file has both splits, or give that of test")
    folders = any(path.is_dir() for path in (*paths, *([test] if test else [])))
    if name is not None and not folders:
        return [MemberFiles(name, tuple(paths), (test,) if test else ())]
    others = {path.resolve() for path in apart}
    files, tests = _by_name(paths, others), _by_name([test] if test else [], others)
    files = files or {key: [] for key in tests}
    lonely = [paths[0] for key, paths in tests.items() if key not in files]
    if lonely and len(files) == len(tests) == 1:
        # A single pair needs no common name.
        tests, lonely = {next(iter(files)): next(iter(tests.values()))}, []
    if lonely:
        known = ", ".join(sorted(files)[:5])
        raise UserError(f"{lonely[0]} has no partner of that name: expected one of {known}; files are paired by name")
    if name is not None and len(files) == 1:
        return [MemberFiles(name, *(tuple(one.get(next(iter(files)), ())) for one in (files, tests)))]
    prefix = f"{name}-" if name else ""
    return [MemberFiles(f"{prefix}{key}", tuple(files[key]), tuple(tests.get(key, ()))) for key in files]


def _by_name(paths: Sequence[Path], others: Collection[Path]) -> dict[str, list[Path]]:
    """The files, those in folders included, by the name of their run."""
    by_name: dict[str, list[Path]] = {}
    for path in paths:
        inside = [path]
        if path.is_dir():
            names = (one for one in path.iterdir() if one.name.lower().endswith(SUFFIXES) and one.name[0] != ".")
            inside = sorted(one for one in names if one.resolve() not in others)
            if not inside:
                raise UserError(f"{path} has no files that end in {', '.join(SUFFIXES)}")
        for one in inside:
            by_name.setdefault(run_name(one), []).append(one)
    for name, files in by_name.items():
        if len(files) > len({told_split(str(file)) for file in files}):
            raise UserError(
                f"{' and '.join(map(str, files[:3]))} would all be {name}: rename them, or import them one by one with "
                "--name; two files are one run where their names tell validation and test"
            )
    return by_name


def run_name(path: Path) -> str:
    """The name of a run from that of its file: `oof_lgb.csv.gz` is `lgb`; where nothing is left, the folder's name."""
    whole, shorter = "", stem(path)
    while whole != shorter:
        whole, shorter = shorter, _NO_NAME.sub("", shorter)
    return safe(whole) or safe(path.parent.name) or safe(stem(path))
