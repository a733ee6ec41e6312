"""A run as it is published: its records, curves and predictions, and no trace of the machine that made it."""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final

from benchmark.files.checksums import DamagedError, sealed
from benchmark.files.file_writing import json_text
from benchmark.files.run_layout import ENSEMBLE, HISTORY, HISTORY_JSON, MODEL_SOURCE
from benchmark.publishing.machine_traces import check_paths, without_traces
from benchmark.records import PREDICTED, Predictions, RunRecord
from benchmark.store.prediction_files import compact_predictions, halved
from benchmark.store.stored_run import StoredRun

TEXTS: Final = (HISTORY, HISTORY_JSON, ENSEMBLE)


@dataclass(frozen=True, eq=False)
class PublishedRun:
    """A run as it is published.

    Attributes:
        record: of the run, without the checksums of its files.
        predictions: by split, in half precision where that leaves their scores alone.
        texts: its other files, by name.
    """

    record: RunRecord
    predictions: Mapping[str, Predictions]
    texts: Mapping[str, str]

    @cached_property
    def identity(self) -> str:
        """The same for two runs that are published as the same, whatever compressed their files."""
        digest = hashlib.sha256(json.dumps([self.record.to_json(), self.texts], sort_keys=True).encode())
        for split, predicted in self.predictions.items():
            labels = None if predicted.labels is None else predicted.labels.tolist()
            digest.update(json.dumps([split, predicted.class_names, predicted.sample_ids.tolist(), labels]).encode())
            digest.update(predicted.probabilities.astype("<f4").tobytes())
        return digest.hexdigest()

    @cached_property
    def files(self) -> Mapping[str, bytes]:
        """The content of the run's files, except its record, by name."""
        predictions = {f"{split}.npz": compact_predictions(predicted) for split, predicted in self.predictions.items()}
        return {**predictions, **{name: text.encode() for name, text in self.texts.items()}}

    @property
    def size(self) -> int:
        """Bytes of its files and its configuration, which its seeds share."""
        checksums = {name: hashlib.sha256(content).hexdigest() for name, content in self.files.items()}
        records = (sealed(replace(self.record, files=checksums).to_json()), self.record.config.to_json())
        return sum(map(len, [*(json_text(record).encode() for record in records), *self.files.values()]))


def published_run(run: StoredRun) -> PublishedRun:
    """Read a stored run as it is published; a run that was published before gives the same again.

    The source of a model from outside of the zoo is left out where it names a path or a host of a machine.

    Raises:
        DamagedError: one of its files is damaged or missing.
        UserError: its texts name a path of a machine.
    """
    texts = {name: text for name in TEXTS if (text := run.text(name)) is not None}
    if (source := run.text(MODEL_SOURCE)) is not None and without_traces(source) == source:
        texts[MODEL_SOURCE] = source
    if HISTORY_JSON in texts and _agree(run.history(), texts[HISTORY_JSON]):
        del texts[HISTORY_JSON]
    predictions = {split: predicted for split in PREDICTED if (predicted := run.predictions(split)) is not None}
    if not predictions:
        raise DamagedError("it has no predictions")
    try:
        provenance = without_traces(dict(run.record.provenance))
    except RecursionError as error:
        raise DamagedError("its record is nested too deeply") from error
    record = replace(run.record, files={}, published=True, provenance=provenance)
    check_paths("its configuration", json.dumps(run.config.to_json()))
    for name, text in texts.items():
        check_paths(name, text)
    for predicted in predictions.values():
        check_paths(f"a sample's id of {predicted.split}", "\n".join(predicted.sample_ids.tolist()))
    return PublishedRun(record, {split: halved(predicted) for split, predicted in predictions.items()}, texts)


def _agree(columns: Mapping[str, list[float]], text: str) -> bool:
    """Whether the history as JSON equals its columns; JSON has null for numbers that are not finite."""
    try:
        rows: Any = json.loads(text)
    except (ValueError, RecursionError):
        return False
    plain = {name: [value if math.isfinite(value) else None for value in values] for name, values in columns.items()}
    return bool(rows == [dict(zip(plain, row, strict=True)) for row in zip(*plain.values(), strict=True)])
