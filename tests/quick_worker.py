"""Stands in for `benchmark.running.worker`: a run that takes as many twentieths of a second as it has epochs.

Copies predictions that lie ready. It leaves a note on where it was at work, and what it found there, in a file. The
model `jan` fails; `mlp` is given to the real worker. The directory of both is in the environment, see `set_up`.
Dask's workers start it when they are given this file as `--preload`.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

VARIABLE = "QUICK_WORKER"
COMMAND = (sys.executable, str(Path(__file__).resolve()))
EPOCH_SECONDS = 0.05


def set_up(directory: Path) -> None:
    """Put ready predictions into the directory, and name it in this process' environment."""
    from stored_runs import predictions

    from benchmark.store.stored_predictions import write_predictions

    directory.mkdir(parents=True)
    for split, hits in (("validation", 20), ("test", 25)):
        write_predictions(directory / f"{split}.npz", predictions(split, hits))
    os.environ[VARIABLE] = str(directory)


def notes(directory: Path) -> list[dict[str, Any]]:
    """What runs noted, those begun first before."""
    return sorted((json.loads(path.read_text()) for path in directory.glob("*.json")), key=lambda one: one["begun"])


def _send(event: str, **values: Any) -> None:
    print(json.dumps({"event": event, **values}), flush=True)  # noqa: T201


def _note(directory: Path, job: dict[str, Any], begun: float) -> None:
    source, run = Path(job["data"]["decoded"] or job["data"]["source"]), job["variant"]
    facts = {
        "model": run["config"]["model"],
        "seed": run["seed"],
        "begun": begun,
        "noted": time.time(),
        "parent": os.getppid(),
        "source": [str(source), source.stat().st_ino if source.exists() else 0],
        "threads": job["execution"]["threads"],
        "gpu": os.environ.get("CUDA_VISIBLE_DEVICES"),
        "checkpoints": job["outputs"]["checkpoints"],
    }
    path = directory / f"{os.getpid()}.partial"
    path.write_text(json.dumps(facts))
    path.rename(directory / f"{os.getpid()}-{begun}.json")


def main() -> None:
    """Do the job that stands on stdin."""
    text, directory, begun = sys.stdin.read(), Path(os.environ[VARIABLE]), time.time()
    job = json.loads(text)
    run, outputs = job["variant"], job["outputs"]
    _note(directory, job, begun)
    if run["config"]["model"] == "mlp":
        real = [sys.executable, "-m", "benchmark.running.worker"]
        sys.exit(subprocess.run(real, input=text, text=True, check=False).returncode)
    if run["config"]["model"] == "jan":
        _send("Failed", failure="error", error="ValueError: boom")
        sys.exit(1)
    epochs, parent = run["config"]["training"]["epochs"], os.getppid()
    rows = ["epoch,loss,validation_loss,learning_rate"]
    for epoch in range(1, epochs + 1):
        time.sleep(EPOCH_SECONDS)
        if os.getppid() != parent:
            sys.exit(1)
        row = {"loss": 1.0, "accuracy": 0.5, "learning_rate": 0.001}
        times = {"train_seconds": EPOCH_SECONDS, "seconds": EPOCH_SECONDS}
        _send("EpochDone", place={"epoch": epoch, "epochs": epochs}, **row, **times)
        rows.append(f"{epoch},1.0,{1 / epoch},0.001")
    for split in ("validation", "test"):
        shutil.copy(directory / f"{split}.npz", outputs["directory"])
    (Path(outputs["directory"]) / "history.csv").write_text("\n".join(rows) + "\n")
    if outputs["keep_model"]:
        (Path(outputs["directory"]) / "model.keras").write_bytes(os.urandom(1000))
    _note(directory, job, begun)
    record = {"schema_version": 1, "seed": run["seed"], "durations": {"train": EPOCH_SECONDS * epochs, "total": 1.0}}
    _send("Finished", record={**record, "epochs": epochs, "best_epoch": epochs}, seconds=time.time() - begun)


def dask_setup(worker: Any) -> None:
    """Have a worker of Dask start this in place of `benchmark.running.worker`."""
    from benchmark.running import supervision

    supervision.WORKER = COMMAND


if __name__ == "__main__":
    main()
