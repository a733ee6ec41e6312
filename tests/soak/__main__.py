"""Tries readers with damaged files, kills, crowds and copies with new seeds, one after the other, until time is up.

    make soak MINUTES=60
    PYTHONPATH=.:tests python -m soak --minutes 60 --seed 7 --only "reader csv" --only kills

Each minute it prints what was tried so far. What fails is kept with its traceback in a folder that it names; a damaged
file there is the smallest that was found. The same --seed tries the same, as far as the time lasts. Exit code 1 if
anything failed.
"""

import argparse
import resource
import shutil
import sys
import tempfile
import threading
import time
import traceback
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import conftest  # noqa: F401 - nothing is written into the user's home
import pytest
from test_fuzz import BYTES

from soak.trials import Trial, trials

MINUTE = 60.0


class Soak:
    """Goes through the trials, round after round."""

    def __init__(self, chosen: Iterable[tuple[str, Trial]], keep: Path) -> None:
        self.chosen, self.keep = list(chosen), keep
        self.tried: dict[str, Counter[str]] = {name: Counter() for name, _ in self.chosen}
        self.failed = Counter[str]()

    def go_on(self, seconds: float, seed: int) -> None:
        """Until so many seconds have passed; round after round, each with the next seed."""
        end = time.monotonic() + seconds
        while True:
            for name, trial in self.chosen:
                self.attempt(name, trial, seed)
                if time.monotonic() > end:
                    return
            seed += 1

    def attempt(self, name: str, trial: Trial, seed: int) -> None:
        """One trial in a folder of its own, which is kept where the trial fails."""
        folder, before = Path(tempfile.mkdtemp(prefix="soak-")), memory()
        try:
            self.tried[name] += trial(seed, folder)
            grown = memory() - before
            assert grown < BYTES, f"it took {grown:,} bytes"
        except pytest.skip.Exception as reason:
            self.tried[name][f"skipped ({reason})"] += 1
        except Exception:
            self.failed[name] += 1
            kept = self.keep / f"{name.replace(' ', '-')}-seed-{seed}"
            shutil.copytree(folder, kept, symlinks=True, dirs_exist_ok=True)
            (kept / "traceback.txt").write_text(traceback.format_exc())
            say(f"FAILED: {name}, seed {seed}: kept in {kept}")
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def text(self, seconds: float) -> str:
        """What was tried so far, in a line each."""
        lines = [f"after {seconds / MINUTE:.1f} minutes: {sum(self.failed.values())} failures"]
        for name, tried in self.tried.items():
            said = [f"{number:,} {what}" for what, number in tried.items() if number]
            failed = f", FAILED {self.failed[name]} times" if self.failed[name] else ""
            lines.append(f"  {name}: {', '.join(said) or 'not yet'}{failed}")
        return "\n".join(lines)


def say(text: str) -> None:
    """At once, also into a pipe."""
    print(text, flush=True)  # noqa: T201


def memory() -> int:
    """The most that this process ever had, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def main(argv: list[str] | None = None, known: Iterable[tuple[str, Trial]] | None = None) -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(
        prog="soak", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    every = list(known or trials())
    names = [name for name, _ in every]
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--seed", type=int, help="of the first round; by default the seconds since 1970")
    parser.add_argument("--only", action="append", choices=names, metavar="TRIAL", help=", ".join(names))
    parser.add_argument("--keep", type=Path, default=Path("soak-failures"), help="takes what fails (%(default)s)")
    asked = parser.parse_args(argv)
    seed, started = int(time.time()) if asked.seed is None else asked.seed, time.monotonic()
    soak = Soak([one for one in every if one[0] in (asked.only or names)], asked.keep)
    done = threading.Event()

    def tell() -> None:
        while not done.wait(MINUTE):
            say(soak.text(time.monotonic() - started))

    say(f"{len(soak.chosen)} trials for {asked.minutes:g} minutes, seeds from {seed}")
    teller = threading.Thread(target=tell, daemon=True)
    teller.start()
    soak.go_on(asked.minutes * MINUTE, seed)
    done.set()
    teller.join()
    say(soak.text(time.monotonic() - started))
    return 1 if soak.failed else 0


if __name__ == "__main__":
    sys.exit(main())
