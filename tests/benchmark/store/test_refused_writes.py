"""A full disk, a quota, a read-only directory, a drive without locks: one line, exit code 1, earlier runs intact."""

import errno
import fcntl
import os
import re
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from stored_runs import DATASET, config, predictions, store_failure, store_model

import benchmark
from benchmark import cli
from benchmark.files.file_writing import writing
from benchmark.files.run_layout import LOG
from benchmark.records import RunRecord
from benchmark.store import run_store
from benchmark.store.checking import check
from benchmark.store.run_store import RunStore
from benchmark.store.stored_predictions import write_predictions
from reports import cli as reports_cli
from reports.text.writing import write_file
from zoo.errors import UserError, WritingError

Refuse = Callable[[], None]


@pytest.fixture
def filled(tmp_path: Path) -> RunStore:
    """A store with a run, its failure, a model file and a page."""
    filled = RunStore(tmp_path / "runs")
    store_failure(filled, "cnn4", "boom")
    store_model(filled, "cnn4", 30, 28)
    filled.write_page(DATASET, "leaderboard.md", "old")
    return filled


def content(directory: Path) -> dict[str, bytes]:
    """Every file that is not hidden; what a cut write leaves is hidden."""
    paths = (path for path in directory.rglob("*") if path.is_file())
    hidden = [path for path in directory.rglob("*") if path.name.startswith(".")]
    return {str(path): path.read_bytes() for path in paths if not {path, *path.parents} & set(hidden)}


def store_another(filled: RunStore) -> None:
    store_model(filled, "mlp", 20, 18, seed=1)


def fail_another(filled: RunStore) -> None:
    claim = filled.claim(config("mlp"), 0)
    assert claim is not None
    with claim:
        filled.fail(claim, RunRecord(config("mlp"), 0, "failed", "boom"))


def write_page(filled: RunStore) -> None:
    filled.write_page(DATASET, "leaderboard.md", "new" * 100)


def commit_with_model(filled: RunStore) -> None:
    claim = filled.claim(config("mlp"), 0)
    assert claim is not None
    with claim:
        with writing(filled.root):
            write_predictions(claim.path / "test.npz", predictions("test", 20))
            (claim.path / "model.keras").write_bytes(b"w" * 700)
        stored = filled.commit(claim, RunRecord(config("mlp"), 0))
    filled.drop_model(stored)


WRITERS = [store_another, fail_another, write_page, commit_with_model]


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """Every write beyond so many bytes of a file fails, in the system itself."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def refused(filled: RunStore, write: Callable[[RunStore], None]) -> bool:
    """Whether the write was refused; what was there before is there still, and what is there now is whole."""
    before = content(filled.root)
    try:
        write(filled)
    except UserError as error:
        if "stored already" in str(error):  # the last call before failed once the run was in its place
            return not intact(filled, before)
        said: UserError | None = error
    else:
        said = None
    assert said is None or isinstance(said, WritingError)
    assert said is None or re.fullmatch(f"cannot write to {re.escape(str(filled.root))}: .+", str(said))
    return said is not None if intact(filled, before) else False


def intact(filled: RunStore, before: dict[str, bytes]) -> bool:
    page = str(filled.root / DATASET / "leaderboard.md")
    now = content(filled.root)
    assert {**before, page: b""}.items() <= {**now, page: b""}.items(), "an earlier file has changed"
    assert now[page] in (before[page], b"new" * 100)
    (checked,) = check(filled.root)
    assert not checked.problems
    return True


@pytest.mark.parametrize("write", WRITERS)
def test_writes_that_fail_after_so_many_bytes(filled: RunStore, write: Callable[[RunStore], None]) -> None:
    seen = []
    for size in (0, 1, 10, 100, 200, 290, 400, 500, 600, 800, 1000, 1200, 1500, 2000):
        with files_of_at_most(size):
            seen.append(refused(filled, write))
        if not seen[-1]:
            break
    assert seen[0]
    assert not seen[-1], "with room enough it is written"


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize("call", ["fsync", "rename", "replace", "mkdir"])
def test_calls_that_fail_at_every_place(
    filled: RunStore, write: Callable[[RunStore], None], call: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first call fails, the second, and so on, until one run of the writer needs no more of them."""
    owner = os if call == "fsync" else Path
    real, errors = getattr(owner, call), (errno.ENOSPC, errno.EDQUOT, errno.EIO)
    for place in range(50):
        left = place

        def once(*arguments: Any, place: int = place, **options: Any) -> Any:
            nonlocal left
            left -= 1
            if left == -1:
                raise OSError(errors[place % len(errors)], "refused")
            return real(*arguments, **options)

        with monkeypatch.context() as patched:
            patched.setattr(owner, call, once)
            was_refused = refused(filled, write)
        if not was_refused and left >= 0:
            break
        if not was_refused:
            pytest.fail(f"{call} number {place} failed and nobody was told")
    else:
        pytest.fail("it never came to an end")


@pytest.mark.parametrize(
    ("number", "says"),
    [(errno.ENOSPC, "the disk is full"), (errno.EDQUOT, "quota is used up"), (errno.EROFS, "read-only file system")],
)
def test_the_command_says_so_and_ends_with_1(
    filled: RunStore, number: int, says: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(run_store, "sync", refuse)
    monkeypatch.setattr(Path, "replace", refuse)
    before = content(filled.root)
    assert reports_cli.main(["leaderboard", "--runs", str(filled.root), "-o", str(filled.root / "page.md")]) == 1
    said = capsys.readouterr().err
    assert says in said
    assert said.count("\n") == 1
    assert intact(filled, before)


def test_a_log_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first thing that a run writes of its own."""
    real = Path.open

    def refuse(self: Path, mode: str = "r", *arguments: Any, **options: Any) -> Any:
        if self.name == LOG:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(self, mode, *arguments, **options)

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(WritingError, match="the disk is full"):
        benchmark.run("mlp", runs=tmp_path / "runs", options=benchmark.RunOptions(progress=False))
    assert not RunStore(tmp_path / "runs").datasets()


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL])
def test_a_drive_without_locks(filled: RunStore, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(WritingError, match="has no file locks: choose a place on a local disk"):
        filled.claim(config("mlp"), 0)


def test_a_read_only_directory(filled: RunStore) -> None:
    directory = filled.root / DATASET
    directory.chmod(0o500)
    if os.access(directory, os.W_OK):
        pytest.skip("nothing is read-only to root")
    try:
        with pytest.raises(WritingError, match="you may not write there"):
            store_model(filled, "mlp", 20, 18)
    finally:
        directory.chmod(0o700)


def test_what_is_named_wrongly_still_ends_with_2(filled: RunStore, tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        write_file(tmp_path / "nowhere" / "page.md", "")
    assert caught.value.exit_code == 2
    (tmp_path / "file").write_text("")
    assert cli.main(["run", "mlp", "--runs", str(tmp_path / "file"), "--epochs", "1"]) == 2
