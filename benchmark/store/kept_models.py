"""Decides which of the models that one command trains are kept on disk."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Lock

from benchmark.files.checksums import DamagedError
from benchmark.metrics import log_loss
from benchmark.store.run_store import RunStore
from benchmark.store.stored_run import StoredRun


@dataclass
class KeptModels:
    """Keeps one model for each configuration: that of the seed with the lowest validation loss, the earlier of equals.

    Runs that were stored before this command also compete, but they keep their models. Several threads may add runs.

    Attributes:
        store: of the runs.
        which: "all", "best" or "none"; only "best" deletes models here, as with "none" they are not written.
    """

    store: RunStore
    which: str
    _best: dict[str, tuple[float, StoredRun, bool]] = field(default_factory=dict)
    _dropped: dict[Path, StoredRun] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def add(self, run: StoredRun, made: bool) -> None:
        """Take a whole run into account, and whether this command made it."""
        if self.which != "best" or run.model is None:
            return
        try:
            loss = self._loss(run)
        except DamagedError:  # which `check` and the leaderboard tell; its model stays
            return
        with self._lock:
            best = self._best.get(run.config.hash)
            if best is None or loss < best[0]:
                self._best[run.config.hash] = (loss, run, made)
                loser, droppable = (best[1], best[2]) if best else (run, False)
            else:
                loser, droppable = run, made
            if droppable:
                self._dropped[loser.path] = self.store.drop_model(loser)

    def current(self, run: StoredRun) -> StoredRun:
        """The run as it is stored now, after a better one of its configuration may have cost it its model."""
        return self._dropped.get(run.path, run)

    def _loss(self, run: StoredRun) -> float:
        # A refit has no validation loss: that of the run it repeats counts.
        judged = self.store.find(replace(run.config, refit=False), run.record.seed) if run.config.refit else run
        predicted = judged.predictions("validation") if judged else None
        if predicted is None or predicted.labels is None:
            return float("inf")
        return log_loss(predicted.probabilities, predicted.labels)
