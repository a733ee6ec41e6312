"""How a model is trained, as plain data: the same settings for every model and every backend."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Final

from zoo.errors import UserError, unknown_name

CHOICES: Final[Mapping[str, tuple[str, ...]]] = {
    "optimizer": ("adam", "adamw", "sgd", "rmsprop"),
    "schedule": ("none", "plateau", "cosine", "cosine_restarts", "exponential", "step"),
    "loss": ("cross_entropy", "label_smoothing", "focal", "symmetric", "generalized"),
    "balance": ("none", "class_weight", "oversample", "copies"),
    "batch_norm": ("running", "plain", "augmented"),
    "duplicates": ("keep", "drop"),
    "stop_on": ("validation_loss", "training_loss"),
    "augmentation": (
        "none",
        "flip",
        "light",
        "affine",
        "crop",
        "resized_crop",
        "strong",
        "field",
        "field_jitter",
        "coursework",
    ),
}

# Lowest and highest legal value; both ends are legal.
RANGES: Final[Mapping[str, tuple[float, float]]] = {
    "learning_rate": (1e-8, 100.0),
    "weight_decay": (0.0, 10.0),
    "momentum": (0.0, 0.9999),
    "schedule_factor": (1e-6, 1.0),
    "schedule_patience": (1, 100_000),
    "warmup": (0, 100_000),
    "clip_norm": (0.0, 1e6),
    "ema": (0.0, 0.99999),
    "label_smoothing": (0.0, 0.99),
    "focal_gamma": (0.0, 20.0),
    "symmetric_alpha": (0.0, 100.0),
    "symmetric_beta": (0.0, 100.0),
    "generalized_q": (0.01, 1.0),
    "distillation": (0.0, 1.0),
    "distillation_temperature": (0.1, 100.0),
    "mixup": (0.0, 100.0),
    "cutmix": (0.0, 100.0),
    "copies": (0, 1000),
    "images": (0, 2**31),
    "views": (0, 1000),
    "patience": (0, 100_000),
    "fine_tune_blocks": (0, 100),
    "fine_tune_epochs": (1, 100_000),
    "fine_tune_factor": (1e-6, 1.0),
    "epochs": (1, 100_000),
    "batch_size": (1, 65_536),
}


@dataclass(frozen=True)
class TrainingSettings:
    """What is done to a model between its first weights and its last, whatever the model is.

    The defaults are the neutral values and **never change**: a configuration's hash leaves out what stands at its
    default, so that a setting added later does not turn every stored run into a stranger. Better values belong into
    a model's own `training` or into a preset.

    Attributes:
        optimizer: adam, adamw, sgd (with Nesterov momentum) or rmsprop.
        learning_rate: at the first epoch; the schedule starts from it.
        weight_decay: for sgd, adam and rmsprop an L2 term in the gradient (PyTorch's meaning), for adamw decoupled
            from it (Loshchilov and Hutter 2019). Not for scikit-learn models.
        momentum: of sgd, always with Nesterov's step where it is above 0; the others ignore it.
        schedule: how the rate changes from epoch to epoch; `benchmark.training.schedules` has the formulas.
        schedule_factor: what plateau, exponential and step multiply the rate by.
        schedule_patience: epochs: plateau's patience, the period of step, the first period of cosine_restarts.
        warmup: epochs in which the rate rises in equal steps to what the schedule says; 0 for none.
        clip_norm: the largest norm of the gradient of all weights together; a longer one is shortened to it, before
            `weight_decay` is added. 0 leaves it as it is.
        ema: the share that an exponential moving average of the weights keeps of itself at each change of them. Every
            epoch is judged by the average, and the average is what is kept and predicts; training goes on from the
            weights themselves. 0 for no average. Not for scikit-learn models.
        batch_norm: the statistics that batch normalisation judges and predicts with. running: those that its layers
            keep while they learn, which with `ema` are the weights' own and not the averages'. plain or augmented:
            computed anew after each epoch, for the weights that are judged, from images of the epoch as they are or
            as the augmentation shows them, not mixed (`training.batch_statistics`); copies made beforehand are
            images of the epoch too. Without effect on a network without it. Not for scikit-learn models.
        loss: what is minimised on the training data, see `benchmark.training.losses`; `label_smoothing`, `focal_gamma`,
            `symmetric_alpha`, `symmetric_beta` and `generalized_q` belong to one each. The best epoch is always the
            one of lowest validation cross-entropy.
        distillation: of a run that has a teacher, the share of its term in the loss (`training.distillation`).
        distillation_temperature: at which both are compared; above 1 what a teacher thinks of unlikely classes counts
            more.
        balance: class_weight weighs each sample by n / (classes x images of its class); oversample repeats images of
            the smaller classes until all are of the same size; copies does so with augmented copies of them, made
            before the first epoch.
        augmentation: a policy of `images.augmentation`; applied on the fly, or, with `copies` or balance=copies, once
            beforehand.
        mixup: above 0, each batch is mixed with itself in reverse order, image with image and label with label, by a
            share drawn from Beta(mixup, mixup) (Zhang et al. 2018), after augmentation.
        cutmix: above 0, a rectangle of each image is that of its partner, the labels mixed by area; 1 - area is drawn
            from Beta(cutmix, cutmix) (Yun et al. 2019). With both, each batch has one of the two, at even chances.
        duplicates: drop leaves out of training what equals, in every pixel, an image of validation or test or an
            earlier one of train; `benchmark.training.images.deduplication` says what becomes of contradicting labels.
        copies: augmented copies of every training image made before the first epoch, besides the original; with
            balance=copies that many of each image of the largest class, and more of those of the others.
        views: augmented copies of every training image whose features, beside the image's own, a frozen backbone
            computes once; an epoch draws one version of each image. 0 augments on the fly, through the backbone.
        images: at most so many training images, a stratified seeded sample; 0 for all.
        patience: epochs without a lower loss after which training stops; 0 never stops early.
        stop_on: whose loss that is. The epoch that is kept is that of lowest validation loss either way.
        epochs: at most so many passes over the training data.
        fine_tune_blocks: with a frozen backbone: so many of its top blocks are trained in a second stage, after the
            head; its batch normalisation keeps its statistics. 0 for no such stage.
        fine_tune_epochs: at most so many passes in that stage.
        fine_tune_factor: what `learning_rate` is multiplied by in that stage, where the schedule starts anew.
        batch_size: images a step.
    """

    optimizer: str = "adam"
    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    momentum: float = 0.9
    schedule: str = "none"
    schedule_factor: float = 0.5
    schedule_patience: int = 3
    warmup: int = 0
    clip_norm: float = 0.0
    ema: float = 0.0
    batch_norm: str = "running"
    loss: str = "cross_entropy"
    label_smoothing: float = 0.1
    focal_gamma: float = 2.0
    symmetric_alpha: float = 0.1
    symmetric_beta: float = 1.0
    generalized_q: float = 0.7
    distillation: float = 0.5
    distillation_temperature: float = 2.0
    balance: str = "none"
    augmentation: str = "none"
    mixup: float = 0.0
    cutmix: float = 0.0
    duplicates: str = "keep"
    copies: int = 0
    images: int = 0
    views: int = 0
    fine_tune_blocks: int = 0
    fine_tune_epochs: int = 10
    fine_tune_factor: float = 0.1
    patience: int = 10
    stop_on: str = "validation_loss"
    epochs: int = 50
    batch_size: int = 64

    def __post_init__(self) -> None:
        for field in fields(self):
            value: Any = plain(getattr(self, field.name))
            expected = type(field.default)
            if expected is float and type(value) is int:
                value = float(value)
            object.__setattr__(self, field.name, value)
            kind = type(value)
            if kind is not expected:
                raise UserError(f"{field.name} must be {_kind(expected)}, got {value!r}")
            if field.name in CHOICES and value not in CHOICES[field.name]:
                raise unknown_name(field.name, value, CHOICES[field.name])
            if field.name in RANGES:
                low, high = RANGES[field.name]
                if not low <= value <= high:
                    raise UserError(f"{field.name} must be between {low:g} and {high:g}, got {value!r}")

    def with_changes(self, changes: Mapping[str, Any]) -> "TrainingSettings":
        """These settings with some replaced.

        Args:
            changes: values by name; text ("0.01", "adamw") is read as the setting's own type.

        Raises:
            UserError: an unknown name, a value that cannot be read, or one outside its range.
        """
        types = {field.name: type(field.default) for field in fields(self)}
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
        """The settings that differ from their default and change nothing, each with what it belongs to."""
        belongs = {
            "momentum": ("optimizer", ("sgd",)),
            "schedule_factor": ("schedule", ("plateau", "exponential", "step")),
            "schedule_patience": ("schedule", ("plateau", "cosine_restarts", "step")),
            "label_smoothing": ("loss", ("label_smoothing",)),
            "focal_gamma": ("loss", ("focal",)),
            "symmetric_alpha": ("loss", ("symmetric",)),
            "symmetric_beta": ("loss", ("symmetric",)),
            "generalized_q": ("loss", ("generalized",)),
        }
        vain = {
            name: f"{owner}={' or '.join(options)}"
            for name, (owner, options) in belongs.items()
            if getattr(self, owner) not in options
        }
        if not self.fine_tune_blocks:
            vain |= dict.fromkeys(("fine_tune_epochs", "fine_tune_factor"), "fine_tune_blocks")
        return {name: owner for name, owner in vain.items() if name in self.non_default()}

    @property
    def most_epochs(self) -> int:
        """How many passes over the training data there are at most, a second stage included."""
        return self.epochs + (self.fine_tune_epochs if self.fine_tune_blocks else 0)

    def non_default(self) -> dict[str, Any]:
        """The settings that differ from the neutral defaults, by name: what a configuration's hash covers."""
        neutral = asdict(TrainingSettings())
        return {name: value for name, value in asdict(self).items() if value != neutral[name]}


def setting_names() -> tuple[str, ...]:
    """The name of every training setting."""
    return tuple(field.name for field in fields(TrainingSettings))


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
