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


def check_built_of(ensemble: StoredRun, stored: Mapping[str, StoredRun]) -> None:
    """Raise UserError where `made_again` names a member."""
    title = ensemble.config.title
    if other := made_again(ensemble, stored):
        raise UserError(f"{other} was made again after {title} was built of it: build {title} again, it is replaced")
