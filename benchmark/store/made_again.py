"""Whether the members of a stored ensemble were made again since it was built, so that it is no longer of them."""

import hashlib
from collections.abc import Mapping
from typing import Final

from benchmark.files.run_layout import ENSEMBLE
from benchmark.records import PREDICTED
from benchmark.store.stored_run import StoredRun
from zoo.errors import UserError

DIGITS: Final = 8


def digest(run: StoredRun) -> str:
    """A few digits of a hash of a run's predictions; empty for a published run, whose predictions are rounded."""
    if run.record.published:
        return ""
    checksums = [run.record.files.get(f"{split}.npz", "") for split in PREDICTED]
    return hashlib.sha256(" ".join(checksums).encode()).hexdigest()[:DIGITS]


def made_again(ensemble: StoredRun, stored: Mapping[str, StoredRun]) -> str:
    """The first member whose predictions are others than those that the ensemble was built from; empty for none.

    It is not known of published runs, and of ensembles that were stored before they kept the digests.

    Args:
        stored: the runs of the dataset, by name.
    """
    document = None if ensemble.record.published else ensemble.document(ENSEMBLE)
    for member in (document or {}).get("members", ()):
        for name, built_from in zip(member["runs"], member.get("digests", ()), strict=False):
            now = digest(stored[name]) if name in stored else ""
            if now and built_from and now != built_from:
                return str(name)
    return ""


def outdated(run: StoredRun, stored: Mapping[str, StoredRun]) -> tuple[str, str] | None:
    """The first ensemble in a run, the innermost, of which a member was made again, and that member; None for none."""
    if run.config.kind != "ensemble":
        return None
    members = (stored[name] for name in run.config.members if name in stored)
    if inner := next((found for member in members if (found := outdated(member, stored))), None):
        return inner
    other = made_again(run, stored)
    return (run.config.title, other) if other else None


def check_built_of(run: StoredRun, stored: Mapping[str, StoredRun]) -> None:
    """Raise UserError where a member of this run, or of an ensemble in it, was made again."""
    if found := outdated(run, stored):
        title, other = found
        raise UserError(f"{other} was made again after {title} was built of it: build {title} again, it is replaced")
