"""Copies stored runs into another store, small enough for a repository and without a trace of the machine.

A published run is read like any other stored run. It has no model file and no log, and its predictions are in half
precision where that hardly changes their scores. A published run stays the same when it is published again, so that
several stores can be merged into one.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace as replaced
from functools import partial
from itertools import chain
from pathlib import Path
from textwrap import fill
from typing import Final

from benchmark.arguments import names_in
from benchmark.files.checksums import DamagedError
from benchmark.files.file_writing import writing
from benchmark.files.run_layout import (
    CONFIG,
    EXPLANATION,
    configuration_directory,
    partial_directory,
    replaced_directory,
    seed_name,
)
from benchmark.publishing.machine_traces import check_paths
from benchmark.publishing.published import PublishedRun, published_run, published_search
from benchmark.store.disk import stored_files
from benchmark.store.made_again import check_built_of
from benchmark.store.run_store import RunStore
from benchmark.store.snapshot import Snapshot
from benchmark.store.stored_run import StoredRun
from benchmark.training.inference.tta import NONE
from zoo.errors import UserError
from zoo.registry import TUNED_SUFFIX

MEGABYTE: Final = 10**6
WIDTH: Final = 80
ALL: Final = "all"
"""As the names: every run and search."""


@dataclass(frozen=True)
class Published:
    """The result of publishing.

    Attributes:
        path: of the dataset in the target.
        written: the names of the runs and searches that were written.
        kept: the names of those that the target had already.
        left_out: one sentence for each that could not be published.
        size: bytes of everything in the target.
    """

    path: Path
    written: tuple[str, ...]
    kept: tuple[str, ...]
    left_out: tuple[str, ...]
    size: int


@dataclass(frozen=True)
class _Step:
    """Something to be written: the bytes that it adds (negative where it frees some), and the call that writes it."""

    adds: int
    write: Callable[[], object]


def publish(
    to: Path | str,
    names: str | Sequence[str] = ALL,
    *,
    runs: Path | str = "runs",
    data: str | None = None,
    max_megabytes: float = 8,
    replace: bool = False,
) -> Published:
    """Copy whole runs into another store as published runs; `python -m benchmark publish`.

    Published runs are kept. Every run is written whole or not at all; after an interruption the same command continues.

    Args:
        to: the other store; it is made if it does not exist.
        names: "all" for every run and search; otherwise models, `model@hash`, `model-hash/seed-0` or ensembles,
            separated by commas, or a sequence of such names. An ensemble brings its members, a later cycle those
            before, a tuned model its searches.
        runs: the store that is read.
        data: the dataset, with or without fingerprint; needed where several are stored.
        max_megabytes: the largest size of the whole other store afterwards, in units of a million bytes.
        replace: whether to replace published runs and explanations that differ.

    Raises:
        UserError: unknown names, a wrong size, or a target that is the source, gets too large or cannot be written.
    """
    if not max_megabytes >= 0:
        raise UserError(f"max_megabytes must be at least 0, got {max_megabytes:g}")
    source, target = RunStore(Path(runs)), RunStore(Path(to))
    if source.root.resolve() == target.root.resolve():
        raise UserError(f"{source.root} is where the runs are already: name another directory to publish them to")
    dataset = source.find_dataset(data)
    steps, left_out = _plan(source, target, dataset, names, replace)
    to_do = list(chain.from_iterable(steps.values()))
    _check_size(target, to_do, max_megabytes)
    for step in to_do:
        step.write()
    written = tuple(name for name in steps if steps[name])
    kept = tuple(name for name in steps if not steps[name])
    return Published(target.root / dataset, written, kept, tuple(left_out), _size(target))


def _plan(
    source: RunStore, target: RunStore, dataset: str, names: str | Sequence[str], replace: bool
) -> tuple[dict[str, list[_Step]], list[str]]:
    """The steps for each run and search, by name; and one sentence for each that cannot be published."""
    snapshot = source.snapshot(dataset)
    chosen = _chosen(snapshot, names)
    searches = source.searches(dataset) if names == ALL else _searches(source, dataset, chosen)
    left_out = list(snapshot.damaged) if names == ALL else _lacking(snapshot, chosen)

    def run_steps(run: StoredRun) -> list[_Step]:
        check_built_of(run, snapshot.by_name)
        return _run_steps(source, target, run, replace)

    plans = {run.name: partial(run_steps, run) for run in chosen}
    plans |= {path.name: partial(_search_steps, target, path, replace) for path in searches}
    steps = {}
    for name, plan in plans.items():
        try:
            steps[name] = plan()
        except UserError as error:
            left_out.append(f"{name}: {error}")
    return steps, left_out


def _check_size(target: RunStore, to_do: Sequence[_Step], max_megabytes: float) -> None:
    size = _size(target) + sum(step.adds for step in to_do)
    if to_do and size > max_megabytes * MEGABYTE:
        raise UserError(
            f"{target.root} would take {size / MEGABYTE:.2f} MB, more than {max_megabytes:g}: name fewer runs, or "
            "allow more with --max-megabytes"
        )


def published_text(published: Published) -> str:
    """A summary of publishing, at most 80 columns wide where paths are short enough."""
    written, kept = len(published.written), len(published.kept)
    lines = [
        f"{published.path}:",
        f"  {written} published, {kept} there already, {published.size / MEGABYTE:.2f} MB in all",
    ]
    lines += [
        fill(f"left out: {reason}", WIDTH, initial_indent="  ", subsequent_indent="    ", break_on_hyphens=False)
        for reason in published.left_out
    ]
    return "\n".join(lines)


def _chosen(snapshot: Snapshot, names: str | Sequence[str]) -> list[StoredRun]:
    """The runs that the names mean, each once, in the order of the store."""
    if names == ALL:
        return snapshot.runs
    wanted = names_in(names)
    if not wanted:
        raise UserError("name the runs to be published, or leave the names out for all of them")
    waiting = [run for name in wanted for run in snapshot.resolve(name)]
    chosen = set[str]()
    while waiting:
        run = waiting.pop()
        if run.name not in chosen:
            chosen.add(run.name)
            waiting += [snapshot.by_name[other] for other in _needed(run) if other in snapshot.by_name]
    return [run for run in snapshot.runs if run.name in chosen]


def _needed(run: StoredRun) -> list[str]:
    """What a run's score depends on: a distilled model comes with its teacher, a later cycle with those before."""
    members = run.config.members if run.config.kind == "ensemble" else ()
    return [name for name in (*members, run.config.teacher_run, *_cycles_before(run)) if name]


def _lacking(snapshot: Snapshot, chosen: Sequence[StoredRun]) -> list[str]:
    """One sentence for each run that a chosen one needs and that is not stored whole; published runs may lack some."""
    own = [run for run in chosen if not run.record.published]
    # The cycle before may lack the views of the later one, but not its network's own predictions.
    optional = {name for run in own for name in _cycles_before(run)[:-1]}
    needed = {name: run.name for run in own for name in _needed(run) if name not in optional}
    return [
        f"{name}, which {whose} needs, is damaged or not stored any more"
        for name, whose in needed.items()
        if name not in snapshot.by_name
    ]


def _cycles_before(run: StoredRun) -> list[str]:
    """The names of the run that a later cycle went on from, and of its like in this one's test-time augmentation."""
    before = run.config.precursor
    if before is None or run.config.cycle == 1:
        return []
    configs = (before, replaced(before, tta=NONE))
    return [f"{config.directory}/{seed_name(run.record.seed)}" for config in configs]


def _searches(source: RunStore, dataset: str, chosen: Sequence[StoredRun]) -> list[Path]:
    """The directories of the searches whose winners are among the chosen runs."""
    tuned = {run.config.model.removesuffix(TUNED_SUFFIX) for run in chosen if run.config.model.endswith(TUNED_SUFFIX)}
    return [path for path in source.searches(dataset) if path.name.rsplit("-", 2)[0] in tuned]


def _run_steps(source: RunStore, target: RunStore, run: StoredRun, replace: bool) -> list[_Step]:
    """The steps that publish a run and its explanation."""
    new, place = published_run(run), configuration_directory(target.root, run.config) / seed_name(run.record.seed)
    try:
        published = target.find(run.config, run.record.seed)
    except DamagedError as error:
        raise UserError(f"{error}: remove {place} and publish again") from error
    steps = []
    if published is None or not _is_the_same(published, new, replace):
        if published and not published.record.published:
            raise UserError(
                f"{target.root} has this run itself, with its log and perhaps its model: publish to another directory, "
                f"or remove {published.path} first"
            )
        if published and not replace:
            raise UserError("it is published already with another content; --replace puts this one in its place")
        # What a process that was killed has left there goes with the claim.
        unfinished = partial_directory(target.root, run.config, run.record.seed)
        gone = [unfinished, replaced_directory(place), *([place] if published else [])]
        config = place.parent / CONFIG
        adds = new.size - sum(map(_directory_size, gone)) - (config.stat().st_size if config.exists() else 0)
        steps.append(_Step(adds, partial(_write_run, target, new, published)))
    elif replaced_directory(published.path).exists():
        steps.append(_Step(0, partial(_tidy, target, published)))
    try:
        explanation = source.read_beside(run, EXPLANATION)
    except DamagedError as error:
        command = source.command(f"ensembles explain {run.config.model}", run.config.full_dataset)
        raise UserError(f"{error}: remove it, or make it again with `{command}`") from error
    try:
        known = target.read_beside(run, EXPLANATION)
    except DamagedError:
        known = ""  # other content
    if explanation not in (None, known):
        check_paths(EXPLANATION, explanation)
        if known is not None and not replace:
            raise UserError(
                "its explanation is published already with another content; --replace puts this one in its place"
            )
        adds = len(explanation.encode()) - len((known or "").encode())
        steps.append(_Step(adds, partial(target.write_beside, run, EXPLANATION, explanation)))
    return steps


def _is_the_same(published: StoredRun, new: PublishedRun, replace: bool) -> bool:
    try:
        return published_run(published).identity == new.identity
    except DamagedError as error:
        if replace:
            return False
        raise UserError(f"{error}; --replace puts this one in its place") from error


def _write_run(target: RunStore, new: PublishedRun, before: StoredRun | None) -> None:
    """Store a run in place of `before`, unless there is another one by now."""
    claim = target.claim(new.record.config, new.record.seed)
    if claim is None:
        raise UserError(f"another process is making {new.record.config.title} in {target.root}: try again later")
    with claim:
        now = target.find(new.record.config, new.record.seed)
        if (now and now.record) != (before and before.record):
            raise UserError(
                f"{new.record.config.title} was stored in {target.root} meanwhile: give the same command again"
            )
        with writing(target.root):
            for name, content in new.files.items():
                (claim.path / name).write_bytes(content)
        target.commit(claim, new.record, replacing=before is not None)


def _tidy(target: RunStore, run: StoredRun) -> None:
    """Remove the old run, left by a process that was killed just after it had replaced it."""
    if claim := target.claim(run.config, run.record.seed):
        claim.release()


def _search_steps(target: RunStore, directory: Path, replace: bool) -> list[_Step]:
    """The steps that publish a search."""
    search = published_search(directory)
    has_more = search.adds_to(target.root)
    if has_more is False:
        return []
    if has_more is None and not replace:
        raise UserError("it is published already with other trials; --replace puts these in their place")
    return [_Step(search.size - _directory_size(search.directory(target.root)), partial(search.write, target.root))]


def _directory_size(directory: Path) -> int:
    return sum(path.stat().st_size for path in directory.iterdir()) if directory.is_dir() else 0


def _size(store: RunStore) -> int:
    return sum(size for _, _, size in stored_files(store.root))
