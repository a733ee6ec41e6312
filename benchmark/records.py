"""The records that flow through the toolkit, checked when they are built.

`Dataset + ModelSpec -> RunConfig -> runner -> Predictions + RunRecord -> store -> DataFrame -> table | figure | CSV`
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmark.dataset import HASH_LENGTH, check_ids, check_labels
from zoo.registry import TUNED_SUFFIX
from zoo.settings import TrainingSettings

PREDICTED: Final = ("validation", "test")
SCHEMA_VERSION: Final = 1
ROW_SUM_TOLERANCE: Final = 1e-3
JOINT: Final = "joint"
"""The kind of a run whose network is several networks trained as one."""

EXTERNAL: Final = "external"
"""The kind of a run whose predictions were made by another program and imported."""

IN_SAMPLE: Final = ("weighted", "greedy")
"""Methods of ensembles that once stored validation predictions of the very samples that they were fitted on."""

STORED_NAMES: Final = {"flops": "operations"}
FIELD_NAMES: Final = {"operations": "flops"}
"""Fields of a run's record that are called otherwise in its file, and the way back."""

NOT_SPECIAL: Final[Mapping[str, Any]] = {
    "folds": 0,
    "cycle": 1,
    "refit": False,
    "teacher": "",
    "tta": "none",
    "model_source": "",
}


@dataclass(frozen=True)
class RunConfig:
    """The configuration of a run, without its seed.

    Attributes:
        dataset: name of the dataset.
        fingerprint: of the dataset.
        model: name of the model or of the ensemble.
        kind: "model", "ensemble", "joint" (several networks trained as one), or "external" (predictions made by another
            program).
        split: how the dataset was split.
        hyperparameters: every hyperparameter of the model with its value; for an ensemble those of its method.
        training: None for an ensemble.
        weights: "random", "imagenet" or a file's name and hash; "members" of a joint training that starts from stored
            networks, with "+" between several; None where this does not apply.
        members: of an ensemble, the stored runs it combines (`model-hash/seed-0`), in order; of a joint training,
            what its networks start from (`benchmark.running.run_inputs`); otherwise empty.
        folds: 0, or the number of networks, each judged on one fold of all labelled images; of imported out-of-fold
            predictions whose number nobody said 0, with `out_of_fold` among the hyperparameters.
        cycle: from 1; a later one starts from the weights that the one before kept (as in snapshot ensembles, Huang et
            al. 2017).
        refit: whether validation is trained on as well, for as long as validation chose without.
        teacher: what it learns from besides the labels (`benchmark.training.distillation`): a stored run,
            `model-hash/seed-0`; a file of soft targets, `NAME@1a2b3c4d`, with the first digits of its checksum; or
            nothing.
        tta: "none", or the kind of test-time augmentation (`benchmark.training.inference.tta`).
        model_source: of a model from outside of the zoo, the digest of the text that declares it (`zoo.model_files`).
    """

    dataset: str
    fingerprint: str
    model: str
    kind: str = "model"
    split: str = "given"
    hyperparameters: Mapping[str, Any] = field(default_factory=dict)
    training: TrainingSettings | None = None
    weights: str | None = None
    members: tuple[str, ...] = ()
    folds: int = 0
    cycle: int = 1
    refit: bool = False
    teacher: str = ""
    tta: str = "none"
    model_source: str = ""

    @property
    def full_dataset(self) -> str:
        """The dataset as the store calls it: its name and fingerprint."""
        return f"{self.dataset}-{self.fingerprint}"

    @property
    def directory(self) -> str:
        """What the directory of its runs is called: `cnn4-1a2b3c4d`."""
        return f"{self.model}-{self.hash}"

    @property
    def runs_per_member(self) -> list[int]:
        """Of an ensemble, how many of `members` are the seeds of each member, in order."""
        return list(self.hyperparameters.get("runs_per_member") or [1] * len(self.members))

    @property
    def full_title(self) -> str:
        """The title with the configuration's hash, which no other configuration shares: `cnn4:flip@1a2b3c4d`."""
        return f"{self.title}@{self.hash}"

    @property
    def title(self) -> str:
        """The model's name, then what is special about the run, such as `cnn4:5-folds:flip`; of an import its name."""
        if self.kind == EXTERNAL:
            return self.model
        special = {
            f"{self.folds}-folds": self.folds,
            f"cycle-{self.cycle}": self.cycle > 1,
            "refit": self.refit,
            "taught": self.teacher,
            self.tta: self.tta != "none",
        }
        return ":".join([self.model, *(name for name, applies in special.items() if applies)])

    @property
    def teacher_run(self) -> str:
        """The stored run that taught it, by its networks or by soft targets; a file's name where it was no run."""
        return self.teacher.partition("@")[0]

    @property
    def precursor(self) -> "RunConfig | None":
        """The run that must be there before this one: a refit repeats it, a later cycle goes on from it."""
        if self.refit:
            return replace(self, refit=False)
        return replace(self, cycle=self.cycle - 1) if self.cycle > 1 else None

    @cached_property
    def network(self) -> "RunConfig":
        """The same without test-time augmentation, which makes no other network."""
        return self if self.tta == "none" else replace(self, tta="none")

    @cached_property
    def first_cycle(self) -> "RunConfig":
        """The network with which its training began, which is one training over all cycles and views."""
        return self.network if self.cycle == 1 else replace(self.network, cycle=1)

    @property
    def out_of_fold(self) -> bool:
        """Whether its validation predictions are out-of-fold ones, of all labelled samples."""
        return self.folds > 0 or (bool(self.hyperparameters.get("out_of_fold")) and self.kind == EXTERNAL)

    @property
    def remark(self) -> str:
        """A warning about its validation score; empty where that is an ordinary one."""
        if self.refit:
            return "no validation score, trained on validation as well (--refit)"
        if self.folds and self.kind != EXTERNAL:
            return f"validated on all labelled images, each by a network that had not seen it (--folds {self.folds})"
        if self.model.endswith(TUNED_SUFFIX) and self.kind == "model":
            return "a search chose its hyperparameters on these validation images"
        if self.in_sample:
            return "validated on the very samples that members were weighted by; build it again to cross-fit them"
        if self.kind == "ensemble" and "within" in self.hyperparameters:
            return f"its members were chosen on these validation samples (--within {self.hyperparameters['within']:g})"
        return self._import_remark

    @property
    def _import_remark(self) -> str:
        """What is unusual about imported predictions; empty for others."""
        remarks = []
        if self.hyperparameters.get("hard_labels"):
            remarks.append("imported as hard labels, probabilities of 0 and 1: their log loss, MSE and ECE say nothing")
        if self.out_of_fold and self.kind == EXTERNAL:
            folds = f" in {self.folds} folds" if self.folds else ""
            remarks.append(f"imported out-of-fold predictions{folds} of all labelled samples")
        return "; ".join(remarks)

    @property
    def in_sample(self) -> bool:
        """Whether it is an ensemble from the time before validation predictions were cross-fitted."""
        options = self.hyperparameters
        return self.kind == "ensemble" and options.get("method") in IN_SAMPLE and "folds" not in options

    @cached_property
    def hash(self) -> str:
        """Eight hexadecimal digits over everything that can change the result, dataset and seed aside."""
        content = {
            "model": self.model,
            "kind": self.kind,
            "split": self.split,
            "hyperparameters": dict(self.hyperparameters),
            "training": self.training.non_default() if self.training else None,
            "weights": self.weights,
            "members": self.members,
            **self._special(),
        }
        text = json.dumps(content, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:HASH_LENGTH]

    def to_json(self) -> dict[str, Any]:
        """As a JSON object; `from_json` is the way back."""
        plain = {name: value for name, value in asdict(self).items() if name not in NOT_SPECIAL}
        return {
            **plain,
            "hyperparameters": dict(self.hyperparameters),
            "members": list(self.members),
            **self._special(),
        }

    def _special(self) -> dict[str, Any]:
        """The fields that the first release lacked, where they are not at their default: old hashes and files stay."""
        return {name: getattr(self, name) for name, usual in NOT_SPECIAL.items() if getattr(self, name) != usual}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "RunConfig":
        """The configuration that `to_json` wrote.

        Raises:
            ValueError: fields missing or unknown.
        """
        try:
            training = data["training"]
            settings = TrainingSettings(**training) if training else None
            return cls(**{**data, "training": settings, "members": tuple(data["members"])})
        except (KeyError, TypeError) as error:
            raise ValueError(f"not a run's configuration: {error}") from error


@dataclass(frozen=True, eq=False)
class Predictions:
    """A run's predictions of one split; all scores are computed from them.

    Attributes:
        split: validation or test.
        sample_ids: str, shape (n,), unique.
        class_names: in the order of the columns.
        probabilities: float32, shape (n, classes), finite, 0-1, rows sum to 1 (within 1e-3).
        labels: int64, shape (n,), or None where they are sealed.

    Raises:
        ValueError: anything that breaks the above.
    """

    split: str
    sample_ids: NDArray[np.str_]
    class_names: tuple[str, ...]
    probabilities: NDArray[np.float32]
    labels: NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        if self.split not in PREDICTED:
            raise ValueError(f"split must be one of {PREDICTED}, got {self.split!r}")
        shape = (len(self.sample_ids), len(self.class_names))
        if self.probabilities.dtype != np.float32 or self.probabilities.shape != shape:
            raise ValueError(
                f"{self.split}: probabilities must be float32 {shape}, "
                f"got {self.probabilities.dtype} {self.probabilities.shape}"
            )
        if not np.isfinite(self.probabilities).all():
            rows = np.flatnonzero(~np.isfinite(self.probabilities).all(axis=1))
            raise ValueError(f"{self.split}: probabilities of {len(rows)} samples are not finite")
        if self.probabilities.size and (
            self.probabilities.min() < -ROW_SUM_TOLERANCE
            or np.abs(self.probabilities.sum(axis=1, dtype=np.float64) - 1).max() > ROW_SUM_TOLERANCE
        ):
            raise ValueError(f"{self.split}: probabilities must not be negative and must sum to 1 in every row")
        check_ids(self.split, self.sample_ids, len(self.sample_ids))
        if self.labels is not None:
            check_labels(self.split, self.labels, len(self.sample_ids), len(self.class_names))


@dataclass(frozen=True)
class RunRecord:
    """What happened in a run. A field that came after 0.1.0 has a default, so that older records are read.

    Attributes:
        config: the run's configuration.
        seed: of weights, shuffling, dropout and augmentation.
        status: "ok" or "failed".
        error: kind and message in one line; None unless failed.
        durations: seconds by phase, see `benchmark.commands.profile`, and in all as "total"; of a later cycle also
            those in which the cycles before it were trained, as "cycles_before".
        provenance: versions, commit, device, backend, precision, time of day.
        parameters: trainable and other weights, for folds of one network; None where this does not apply.
        flops: floating-point operations of one image's prediction, by every fold's network and on every view of
            test-time augmentation (`benchmark.training.flops` says what counts); None where a layer is unknown.
        model_bytes: of all weights as stored, for folds of one network.
        failure: what kind of failure: "memory", "timeout", "killed" (by a signal), "crashed" (ended without a word),
            "diverged", "refused" (a `UserError`) or "error" (any other exception); None unless failed.
        peak_memory_bytes: the most that the run's process had at any moment; None where it had no process.
        milliseconds_per_image: warm prediction in batches of 256; None where it was not measured.
        milliseconds_one_image: the same of an image that is predicted by itself.
        best_epoch: the epoch (from 1) whose weights were kept; None for an ensemble, and for folds, which differ in it.
        epochs: how many were run; None where `best_epoch` is.
        files: SHA-256 of every other file of the run, by name.
        published: whether it is a copy for others, without model and log (`benchmark.publishing.publishing`).
    """

    config: RunConfig
    seed: int
    status: str = "ok"
    error: str | None = None
    durations: Mapping[str, float] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)
    parameters: int | None = None
    milliseconds_per_image: float | None = None
    best_epoch: int | None = None
    epochs: int | None = None
    files: Mapping[str, str] = field(default_factory=dict)
    flops: int | None = None
    model_bytes: int | None = None
    failure: str | None = None
    peak_memory_bytes: int | None = None
    published: bool = False
    milliseconds_one_image: float | None = None

    def __post_init__(self) -> None:
        if self.status not in ("ok", "failed"):
            raise ValueError(f"status must be ok or failed, got {self.status!r}")
        if (self.error is None) != (self.status == "ok"):
            raise ValueError(f"a {self.status} run with error {self.error!r}")

    @property
    def train_seconds(self) -> float | None:
        """How long the network was trained, the cycles before included; None where that is not known."""
        before = 0.0 if self.config.cycle == 1 else self.durations.get("cycles_before")
        trained = self.durations.get("train")
        return None if trained is None or before is None else trained + before

    def to_json(self) -> dict[str, Any]:
        """As a JSON object without the configuration, which has a file of its own."""
        data = {STORED_NAMES.get(name, name): value for name, value in self.__dict__.items() if name != "config"}
        return {"schema_version": SCHEMA_VERSION, **data}

    @classmethod
    def from_json(cls, config: RunConfig, data: Mapping[str, Any]) -> "RunRecord":
        """The record that `to_json` wrote.

        Raises:
            ValueError: another schema version, or fields missing or unknown.
        """
        version = data.get("schema_version")
        if version != SCHEMA_VERSION:
            raise ValueError(f"schema version is {version!r}, this toolkit reads {SCHEMA_VERSION}")
        wrong = [name for name in ("durations", "provenance", "files") if not isinstance(data.get(name, {}), Mapping)]
        if wrong:
            raise ValueError(f"not a run's record: {wrong[0]} is {data[wrong[0]]!r}")
        try:
            named = {FIELD_NAMES.get(name, name): value for name, value in data.items() if name != "schema_version"}
            return cls(config=config, **named)
        except TypeError as error:
            raise ValueError(f"not a run's record: {error}") from error
