"""The settings of a training, as plain data."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Final

from zoo.errors import UserError, unknown_name


def _number(default: float, low: float, high: float) -> Any:
    """A number from `low` to `high`, both legal; a whole number where the default is one."""
    return field(default=default, metadata={"range": (low, high)})


def _choice(*options: str) -> Any:
    """One of some words, of which the first is the default."""
    return field(default=options[0], metadata={"options": options})


@dataclass(frozen=True)
class TrainingSettings:
    """The settings of a training, the same for every model.

    The defaults are neutral values and **never change**: a configuration's hash leaves out what has its default value,
    so that a new setting does not change the hash of stored runs. Better values belong in a model's own `training`
    or into a preset.

    Attributes:
        optimizer: sgd has Nesterov momentum. muon makes the steps of convolutions orthogonal and is AdamW for all other
            weights (`benchmark.training.muon`).
        learning_rate: of the first epoch; the schedule starts from it.
        weight_decay: for sgd, adam and rmsprop an L2 term in the gradient (as in PyTorch), for adamw and muon decoupled
            from it (Loshchilov and Hutter 2019). Not for scikit-learn models.
        momentum: for sgd and muon, with Nesterov's step where it is above 0.
        schedule: how the rate changes from epoch to epoch; `benchmark.training.schedules` has the formulas.
        schedule_factor: the factor by which plateau, exponential and step multiply the rate.
        schedule_patience: epochs: plateau's patience, the period of step, the first period of cosine_restarts.
        warmup: epochs in which the rate rises in equal steps to that of the schedule; 0 for none.
        clip_norm: largest norm of the gradient of all weights together; a longer gradient is shortened to it before
            `weight_decay` is added. 0 for no limit.
        ema: decay of an exponential moving average of the weights: the share of itself that it keeps at each step. The
            average is judged, kept and used for prediction; training continues from the weights themselves. 0 for no
            average. Not for scikit-learn models.
        batch_norm: the statistics of batch normalisation in inference. running: its layers' own running averages, which
            with `ema` do not belong to the averaged weights. plain or augmented: computed after each epoch for the
            weights that are judged, from images of the epoch without or with augmentation, never mixed
            (`benchmark.training.batch_statistics`). Not for scikit-learn models.
        loss: the training loss, see `benchmark.training.losses`; `label_smoothing`, `focal_gamma`, `symmetric_alpha`,
            `symmetric_beta` and `generalized_q` are parameters of one loss each. The best epoch always is that of
            lowest validation cross-entropy.
        distillation: weight of the distillation loss, for runs with a teacher (`benchmark.training.distillation`).
        distillation_temperature: of both networks in that loss; a higher one gives unlikely classes more weight.
        distillation_images: what the teacher predicts. augmented: in each step the very images that the network sees.
            plain: each training image once, before the first step; steps then cost what they cost without a teacher.
        balance: class_weight weighs each sample by n / (classes x images of its class); oversample repeats images of
            smaller classes until all classes are of one size; copies adds augmented copies of them instead, before
            the first epoch.
        augmentation: a policy of `benchmark.training.images.augmentation`, applied in every epoch, or with `copies` or
            balance=copies once before the first.
        mixup: above 0, each batch is mixed with itself in reverse order, images and labels, after augmentation. The
            share is drawn from Beta(mixup, mixup) (Zhang et al. 2018).
        cutmix: above 0, a rectangle of each image is replaced by its partner's, and labels are mixed by area; 1 - area
            is drawn from Beta(cutmix, cutmix) (Yun et al. 2019). With both, each batch has one of them at even chances.
        duplicates: drop leaves out training images that equal, in every pixel, an image of validation or test. Of equal
            training images the first with their most frequent label stays, none where labels tie
            (`benchmark.training.images.training_images`).
        copies: augmented copies of every training image, made before the first epoch and added to it; with
            balance=copies this many of each image of the largest class, and more of the others.
        progressive_size: pixels of the shorter edge of the images that the first epochs train on; it grows to the whole
            image over two thirds of the epochs (`benchmark.training.images.progressive`). 0 always shows whole images.
            For networks whose weights fit images of any size. A transfer model whose base is trained resizes images to
            these edges in place of its `input_size`.
        views: augmented copies of every training image whose features a frozen backbone computes once; each epoch
            draws one version of each image. 0 augments in every epoch, through the backbone.
        images: largest number of training images, a stratified sample; 0 for all.
        patience: epochs without a lower loss after which training stops; 0 never stops early.
        stop_on: the loss that `patience` watches. The epoch of lowest validation loss is kept in either case.
        epochs: largest number of passes over the training data.
        fine_tune_blocks: number of top blocks of a frozen backbone that are trained in a second stage, after the head;
            their batch normalisation keeps its statistics. 0 for no second stage.
        fine_tune_epochs: largest number of passes in that stage.
        fine_tune_factor: the factor of `learning_rate` in that stage, where the schedule starts again.
        batch_size: images in a step.
    """

    optimizer: str = _choice("adam", "adamw", "sgd", "rmsprop", "muon")
    learning_rate: float = _number(1e-3, 1e-8, 100.0)
    weight_decay: float = _number(0.0, 0.0, 10.0)
    momentum: float = _number(0.9, 0.0, 0.9999)
    schedule: str = _choice("none", "plateau", "cosine", "cosine_restarts", "exponential", "step")
    schedule_factor: float = _number(0.5, 1e-6, 1.0)
    schedule_patience: int = _number(3, 1, 100_000)
    warmup: int = _number(0, 0, 100_000)
    clip_norm: float = _number(0.0, 0.0, 1e6)
    ema: float = _number(0.0, 0.0, 0.99999)
    batch_norm: str = _choice("running", "plain", "augmented")
    loss: str = _choice("cross_entropy", "label_smoothing", "focal", "symmetric", "generalized")
    label_smoothing: float = _number(0.1, 0.0, 0.99)
    focal_gamma: float = _number(2.0, 0.0, 20.0)
    symmetric_alpha: float = _number(0.1, 0.0, 100.0)
    symmetric_beta: float = _number(1.0, 0.0, 100.0)
    generalized_q: float = _number(0.7, 0.01, 1.0)
    distillation: float = _number(0.5, 0.0, 1.0)
    distillation_temperature: float = _number(2.0, 0.1, 100.0)
    distillation_images: str = _choice("augmented", "plain")
    balance: str = _choice("none", "class_weight", "oversample", "copies")
    augmentation: str = _choice(
        *("none", "flip", "light", "affine", "crop", "resized_crop", "strong", "field", "field_jitter", "coursework")
    )
    mixup: float = _number(0.0, 0.0, 100.0)
    cutmix: float = _number(0.0, 0.0, 100.0)
    duplicates: str = _choice("keep", "drop")
    copies: int = _number(0, 0, 1000)
    images: int = _number(0, 0, 2**31)
    progressive_size: int = _number(0, 0, 10_000)
    views: int = _number(0, 0, 1000)
    fine_tune_blocks: int = _number(0, 0, 100)
    fine_tune_epochs: int = _number(10, 1, 100_000)
    fine_tune_factor: float = _number(0.1, 1e-6, 1.0)
    patience: int = _number(10, 0, 100_000)
    stop_on: str = _choice("validation_loss", "training_loss")
    epochs: int = _number(50, 1, 100_000)
    batch_size: int = _number(64, 1, 65_536)

    def __post_init__(self) -> None:
        for declared in fields(self):
            name = declared.name
            expected: Any = type(declared.default)
            value: Any = plain(getattr(self, name))
            if expected is float and type(value) is int:
                value = float(value)
            object.__setattr__(self, name, value)
            if type(value) is not expected:
                raise UserError(f"{name} must be {_kind(expected)}, got {value!r}")
            if name in CHOICES and value not in CHOICES[name]:
                raise unknown_name(name, value, CHOICES[name])
            if name in RANGES and not RANGES[name][0] <= value <= RANGES[name][1]:
                low, high = RANGES[name]
                raise UserError(f"{name} must be between {low:g} and {high:g}, got {value!r}")

    def with_changes(self, changes: Mapping[str, Any]) -> "TrainingSettings":
        """These settings with some replaced; text ("0.01", "adamw") is read as the setting's own type.

        Raises:
            UserError: an unknown name, a value that cannot be read, or one outside its range.
        """
        types = {declared.name: type(declared.default) for declared in fields(self)}
        read = {}
        for name, value in changes.items():
            if name not in types:
                raise unknown_name("training setting", name, types)
            read[name] = read_value(name, value, types[name]) if isinstance(value, str) else value
        return replace(self, **read)

    @property
    def augmented_beforehand(self) -> bool:
        """Whether augmented copies are made before the first epoch, and nothing is augmented on the fly."""
        return bool(self.copies) or self.balance == "copies"

    @property
    def mixes(self) -> bool:
        """Whether images are mixed with each other, by mixup or cutmix."""
        return bool(self.mixup or self.cutmix)

    def without_effect(self) -> dict[str, str]:
        """The settings that differ from their default and have no effect, each with the setting that it needs."""
        owners = {
            "momentum": ("optimizer", ("sgd", "muon")),
            "schedule_factor": ("schedule", ("plateau", "exponential", "step")),
            "schedule_patience": ("schedule", ("plateau", "cosine_restarts", "step")),
            "label_smoothing": ("loss", ("label_smoothing",)),
            "focal_gamma": ("loss", ("focal",)),
            "symmetric_alpha": ("loss", ("symmetric",)),
            "symmetric_beta": ("loss", ("symmetric",)),
            "generalized_q": ("loss", ("generalized",)),
        }
        unused = {
            name: f"{owner}={' or '.join(options)}"
            for name, (owner, options) in owners.items()
            if getattr(self, owner) not in options
        }
        if not self.fine_tune_blocks:
            unused |= dict.fromkeys(("fine_tune_epochs", "fine_tune_factor"), "fine_tune_blocks")
        return {name: owner for name, owner in unused.items() if name in self.non_default()}

    @property
    def most_epochs(self) -> int:
        """The largest number of passes over the training data, a second stage included."""
        return self.epochs + (self.fine_tune_epochs if self.fine_tune_blocks else 0)

    def non_default(self) -> dict[str, Any]:
        """The settings that differ from their defaults, by name; a configuration's hash covers these."""
        values = {declared.name: (getattr(self, declared.name), declared.default) for declared in fields(self)}
        return {name: value for name, (value, default) in values.items() if value != default}


CHOICES: Final[Mapping[str, tuple[str, ...]]] = {
    declared.name: declared.metadata["options"]
    for declared in fields(TrainingSettings)
    if "options" in declared.metadata
}
"""The legal values of each setting that is a word."""

RANGES: Final[Mapping[str, tuple[float, float]]] = {
    declared.name: declared.metadata["range"] for declared in fields(TrainingSettings) if "range" in declared.metadata
}
"""The lowest and the highest legal value of each setting that is a number."""


def setting_names() -> tuple[str, ...]:
    """The name of every training setting."""
    return tuple(declared.name for declared in fields(TrainingSettings))


def plain(value: Any) -> Any:
    """A NumPy scalar as Python's own number, anything else as it is."""
    return value.item() if hasattr(value, "item") and not isinstance(value, str) else value


def read_value(name: str, text: str, expected: type) -> Any:
    """`text` as a value of type `expected` (str, int, float or bool).

    Raises:
        UserError: the text is no such value.
    """
    if expected is bool:
        if text.lower() in ("true", "false"):
            return text.lower() == "true"
    else:
        try:
            value = expected(text)
        except ValueError:
            pass
        else:
            if expected is str or not math.isnan(value):
                return value
    raise UserError(f"{name} must be {_kind(expected)}, got {text!r}")


def _kind(expected: type) -> str:
    return {int: "a whole number", float: "a number", bool: "true or false"}.get(expected, "text")
