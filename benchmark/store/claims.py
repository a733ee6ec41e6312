"""Locks: one process at a time makes a run or continues a search."""

import errno
import fcntl
import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from benchmark.files.file_writing import writing
from benchmark.files.run_layout import (
    checkpoints_of,
    partial_directory,
    replaced_directory,
    search_directory,
    seed_name,
)
from benchmark.records import RunConfig


@dataclass(frozen=True)
class Claim:
    """The right to make one run or to continue one search, which only one process has at a time.

    Attributes:
        path: directory for the files of the run or search.
        lock: a locked file beside it; the system releases it when the process ends, in whatever way.
    """

    path: Path
    lock: TextIO

    @property
    def checkpoints(self) -> Path:
        """Directory of an earlier process' checkpoints of this run, if there are any."""
        return checkpoints_of(self.path)

    def __enter__(self) -> "Claim":
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def release(self) -> None:
        """Give up the right; files in the directory stay until the next claim."""
        if not self.lock.closed:
            with suppress(OSError):
                self.path.rmdir()  # only where it is empty
            with suppress(OSError):
                Path(self.lock.name).unlink(missing_ok=True)
            self.lock.close()


def claim_run(root: Path, config: RunConfig, seed: int) -> Claim | None:
    """The right to make one run, with an empty directory for it; None while another process has that right.

    Files that an interrupted process left there are deleted, except its checkpoints. `RunStore.commit` and `fail`,
    `Claim.release` and the end of the process end the right.

    Raises:
        UserError: the store cannot be written, or its drive has no file locks.
    """
    path = partial_directory(root, config, seed)
    with writing(root):
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = _locked(path.with_suffix(".lock"))
        if lock is None:
            return None
        claim = Claim(path, lock)
        try:
            if path.exists():
                shutil.rmtree(path)
            path.mkdir()
        except OSError:
            claim.release()
            raise
    if (whole := path.parent / seed_name(seed)).exists():
        for left in (claim.checkpoints, replaced_directory(whole)):
            shutil.rmtree(left, ignore_errors=True)  # of a process that died before it could delete them
    return claim


def claim_search(root: Path, config: RunConfig, name: str) -> Claim | None:
    """The right to start or continue a search, with its directory as it is; None while another process has that right.

    Raises:
        UserError: the name cannot name a directory, the store cannot be written, or its drive has no file locks.
    """
    path = search_directory(root, config, name)
    with writing(root):
        path.mkdir(parents=True, exist_ok=True)
        lock = _locked(path.with_name(f".{path.name}.lock"))
    return Claim(path, lock) if lock else None


def _locked(path: Path) -> TextIO | None:
    """The file at `path`, opened and locked; None where another process holds it."""
    lock = path.open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # The last holder may have removed the file meanwhile: a lock on a removed file keeps nobody out.
        if os.fstat(lock.fileno()).st_ino == path.stat().st_ino:
            return lock
    except (BlockingIOError, FileNotFoundError):
        pass
    except OSError as error:
        lock.close()
        # Mounted drives without locks give one of these errors, or say that the call does not exist.
        unknown = error.errno in (errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP)
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK)) if unknown else error from error
    lock.close()
    return None
