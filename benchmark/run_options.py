"""How `benchmark.run` goes about it."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from benchmark.data.options import ReadOptions, default_cache
from benchmark.test_time import NONE, VIEWS
from zoo.errors import UserError, unknown_name

KEEP_MODEL: Final = ("all", "best", "none")
MOST_FOLDS: Final = 100


@dataclass(frozen=True)
class RunOptions:
    """How `run` goes about it.

    Attributes:
        preset: "quick", "paper", or None for quick on the built-in faces and paper on any other data.
        reading: how the data is read.
        cache: directory of decoded data; None reads the data anew in every process.
        keep_model: which trained models are kept beside their predictions: "all", "none", or of each configuration's
            seeds that this call trains the "best", that of lowest validation loss.
        progress: whether progress is shown on standard output.
        folds: 0, or into how many folds train and validation together are split; see `benchmark.parts`.
        refit: whether each model is trained on validation as well, behind its ordinary run.
        tta: kinds of test-time augmentation, each a run of its own beside the plain one.

    Raises:
        UserError: a value that will not do.
    """

    preset: str | None = None
    reading: ReadOptions = field(default_factory=ReadOptions)
    cache: Path | None = field(default_factory=default_cache)
    keep_model: str = "all"
    progress: bool = True
    folds: int = 0
    refit: bool = False
    tta: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.keep_model not in KEEP_MODEL:
            raise unknown_name("choice of models to keep", self.keep_model, KEEP_MODEL)
        if self.folds and not 2 <= self.folds <= MOST_FOLDS:
            raise UserError(f"folds must be between 2 and {MOST_FOLDS}, got {self.folds}")
        if self.folds and self.refit:
            raise UserError("a refit repeats an ordinary run's epochs, which folds have none of: give either of them")
        for kind in self.tta:
            if kind == NONE or kind not in VIEWS:
                raise unknown_name("test-time augmentation", kind, [name for name in VIEWS if name != NONE])
        if len(set(self.tta)) < len(self.tta):
            raise UserError(f"a kind of test-time augmentation is given twice in {','.join(self.tta)}")
