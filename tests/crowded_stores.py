"""A program in which many processes use one store at once, or copy it while it is written; see `killed_stores`.

`python crowded_stores.py crowd DIR COMMANDS SEED`: so many processes make the same runs, each in an order of its own,
while another publishes them over and over and a third draws the leaderboard every tenth of a second.
`python crowded_stores.py copies DIR COUNT SEED`: a store is copied with cp, and every other time with rsync, where that
is installed, at so many random moments while it is written; the copy is moved to another path and goes on there.
It forks and prints what it saw as JSON, as `killed_stores` does.
"""

import contextlib
import io
import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path

from killed_stores import MODELS, SEEDS, forked, look, look_at_tests, make_all, whole

from benchmark.files.run_layout import MODELS as MODEL_FILES
from benchmark.publishing.publishing import publish
from benchmark.store.run_store import RunStore
from reports import cli

WHOLE_RUNS = SEEDS * (len(MODELS) - 1)
CROWD_SEEDS = 8
TENTH = 0.1
READY_SECONDS = 120


def ended_well(process: int) -> None:
    """Wait for a forked process; it must not have raised."""
    _, status = os.waitpid(process, 0)
    assert status == 0, f"process {process} ended with {status}"


def over_and_over(act: Callable[[], object], pause: float, stop: Path, count: Path) -> None:
    """Do it, with a pause after each time, until the file `stop` is there; how often it gave something is in a file."""
    done = 0
    while not stop.exists():
        act()
        done += 1
        count.write_text(str(done))
        time.sleep(pause)


def publish_once(store: RunStore, target: RunStore) -> None:
    """Publish, and look at what is published."""
    published = publish(target.root, runs=store.root)
    assert not published.left_out, published.left_out
    look_at_tests(target)


def draw_once(store: RunStore) -> None:
    """Show a leaderboard, in which no run is left out."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        code = cli.main(["leaderboard", "--runs", str(store.root)])
    assert code == 0, said.getvalue()
    assert "left out" not in said.getvalue(), said.getvalue()


def crowd(directory: Path, commands: int, seed: int) -> Counter[str]:
    """Each run is stored once, whoever made it, and neither reader ever meets half a run."""
    chance, store, target = random.Random(seed), RunStore(directory / "runs"), RunStore(directory / "published")  # noqa: S311
    stop, published, drawn = (directory / name for name in ("stop", "published.txt", "drawn.txt"))
    make_all(store, MODELS[:1], 1)
    readers = [
        forked(partial(over_and_over, partial(publish_once, store, target), 0, stop, published)),
        forked(partial(over_and_over, partial(draw_once, store), TENTH, stop, drawn)),
    ]
    until = time.monotonic() + READY_SECONDS
    while not (published.exists() and drawn.exists()):  # they import for longer than a run takes
        assert time.monotonic() < until, "a reader does not begin"
        time.sleep(TENTH)
    orders = [chance.sample(MODELS, len(MODELS)) for _ in range(commands)]
    makers = [forked(partial(make_all, store, order, CROWD_SEEDS)) for order in orders]
    for maker in makers:
        ended_well(maker)
    stop.touch()
    for reader in readers:
        ended_well(reader)
    known = look(store, {})
    assert len(known) == CROWD_SEEDS * (len(MODELS) - 1), known
    whole(store)
    publish_once(store, target)
    assert look_at_tests(target).keys() == known.keys()
    whole(target)
    left = [path for path in store.root.rglob(".*") if path.is_dir() or path.suffix == ".lock"]
    assert not left, left
    return Counter(
        commands=commands, runs=len(known), published=int(published.read_text()), drawn=int(drawn.read_text())
    )


def copied(source: Path, target: Path, rsync: str | None) -> bool:
    """Whether the program that copied it, rsync or else cp, found each file that it looked for."""
    command = [rsync, "--archive", f"{source}/", f"{target}/"] if rsync else ["cp", "-a", str(source), str(target)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    # Something vanished in between: 23 and 24 of rsync, 1 of cp.
    assert ended.returncode in ((0, 23, 24) if rsync else (0, 1)), ended.stderr
    return ended.returncode == 0


def copies(directory: Path, count: int, seed: int) -> Counter[str]:
    """A copy has whole runs only, whenever it was made, and the same command goes on with it at another path."""
    chance, seen = random.Random(seed), Counter[str]()  # noqa: S311
    started = time.monotonic()
    make_all(RunStore(directory / "first"), MODELS, SEEDS)
    longest = time.monotonic() - started
    for number in range(count):
        place = directory / str(number)
        store, copy, moved = (RunStore(place / name) for name in ("runs", "copy", "moved"))
        store.root.mkdir(parents=True)
        process = forked(partial(make_all, store, MODELS, SEEDS))
        time.sleep(chance.uniform(0, longest))
        rsync = shutil.which("rsync") if number % 2 else None
        complete = copied(store.root, copy.root, rsync)
        seen[f"{'whole copies' if complete else 'copies that missed a file'}, {'rsync' if rsync else 'cp'}"] += 1
        known = look(copy, {})
        # A worse seed's model may go after its record was copied, and before it is: the program says that it missed it.
        missed = () if complete else MODEL_FILES
        whole(copy, missed)
        ended_well(process)
        copy.root.rename(moved.root)
        make_all(moved, MODELS, SEEDS)
        known = look(moved, known)
        assert len(known) == WHOLE_RUNS, known
        whole(moved, missed)
        seen["runs in copies"] += len(known)
        shutil.rmtree(place)
    return seen


def jumped(directory: Path, seed: int) -> Counter[str]:
    """A clock that jumps, mostly back, between any two looks at it: what is stored is the same as with a right one."""
    chance, right = random.Random(seed), RunStore(directory / "right")  # noqa: S311
    make_all(right, MODELS, SEEDS)
    wrong = RunStore(directory / "wrong")

    def jump() -> None:
        looks = 0

        def anything() -> float:
            nonlocal looks
            looks += 1
            return max(0.0, 1e9 * chance.random() - 1e6 * looks)

        time.time = anything
        time.time_ns = lambda: int(1e9 * anything())
        make_all(wrong, MODELS, SEEDS)

    ended_well(forked(jump))
    assert look(wrong, {}).keys() == look(right, {}).keys()
    whole(wrong)
    return Counter(runs=WHOLE_RUNS)


PROGRAMS = {"crowd": crowd, "copies": copies, "jumped": jumped}

if __name__ == "__main__":
    what, directory, *numbers = sys.argv[1:]
    print(json.dumps(PROGRAMS[what](Path(directory), *map(int, numbers))))  # noqa: T201
