"""What a model declares about itself, as plain data: nothing here needs NumPy or Keras."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from zoo.backbones import Backbone
from zoo.errors import UserError, unknown_name
from zoo.settings import TrainingSettings, plain, read_value, setting_names


@dataclass(frozen=True)
class Integer:
    """A whole number from `low` to `high`, both legal. `step` and `log` are for searches."""

    default: int
    low: int
    high: int
    step: int = 1
    log: bool = False

    def check(self, name: str, value: Any) -> None:
        """Raise UserError unless `value` is legal."""
        if type(value) is not int or not self.low <= value <= self.high:
            raise UserError(f"{name} must be a whole number from {self.low} to {self.high}, got {value!r}")


@dataclass(frozen=True)
class Real:
    """A number from `low` to `high`, both legal. `log` is for searches."""

    default: float
    low: float
    high: float
    log: bool = False

    def check(self, name: str, value: Any) -> None:
        """Raise UserError unless `value` is legal."""
        if type(value) not in (int, float) or not self.low <= value <= self.high:
            raise UserError(f"{name} must be a number from {self.low:g} to {self.high:g}, got {value!r}")


@dataclass(frozen=True)
class Choice:
    """One of `options`, all of one type (text, a number or a truth value)."""

    default: Any
    options: tuple[Any, ...]

    def check(self, name: str, value: Any) -> None:
        """Raise UserError unless `value` is legal."""
        if value not in self.options or type(value) is not type(self.default):
            raise UserError(f"{name} must be one of {', '.join(map(str, self.options))}, got {value!r}")


Hyperparameter = Integer | Real | Choice


@dataclass(frozen=True)
class ModelSpec:
    """A model of the zoo.

    Exactly one of `build` and `estimator` is given.

    Attributes:
        name: what users call it.
        reference: where the architecture and its published figures come from.
        parameters: at FER-2013's shape (48x48 grey, 7 classes) with default hyperparameters, all weights counted.
        build: `build(input_shape, classes, **hyperparameters) -> keras.Model`, from raw pixels (float32, 0-255, shape
            (n, height, width, channels)) to probabilities (n, classes). That of a transfer model also takes `weights`:
            "imagenet", "random" or the path of a file.
        estimator: `estimator(**hyperparameters, batch_size=, learning_rate=, seed=)`, a scikit-learn classifier with
            `partial_fit`, for pixels flattened and scaled to 0-1.
        hyperparameters: what can be set, with defaults and legal ranges.
        search_space: what a tuner varies, hyperparameters and training settings by name; each no wider than what is
            legal. The defaults are where the search starts.
        training: the model's own recipe, for the `paper` preset.
        smallest: the shortest edge, in pixels, of images it can take.
        quick: what the `quick` preset changes besides its own settings.
        quick_hyperparameters: the hyperparameters it changes.
        quick_without_weights: of a transfer model: the hyperparameters and training settings that change besides where
            ImageNet's weights are not at hand and random ones take their place.
        published_accuracy: 0-1 as the source gives it.
        published_parameters: as the source gives it, with `published_classes` classes.
        note: what a reader of the published figures must know.
        backbone: of a transfer model, what it is put on; None for models trained from random weights.
    """

    name: str
    reference: str
    parameters: int
    build: Callable[..., Any] | None = None
    estimator: Callable[..., Any] | None = None
    hyperparameters: Mapping[str, Hyperparameter] = field(default_factory=dict)
    search_space: Mapping[str, Hyperparameter] = field(default_factory=dict)
    training: TrainingSettings = TrainingSettings()  # noqa: RUF009 - frozen
    smallest: int = 1
    quick: Mapping[str, Any] = field(default_factory=dict)
    quick_hyperparameters: Mapping[str, Any] = field(default_factory=dict)
    quick_without_weights: Mapping[str, Any] = field(default_factory=dict)
    published_accuracy: float | None = None
    published_parameters: int | None = None
    published_classes: int = 7
    note: str = ""
    backbone: Backbone | None = None

    def __post_init__(self) -> None:
        if (self.build is None) == (self.estimator is None):
            raise ValueError(f"{self.name}: exactly one of build and estimator must be given")
        for declared in (self.hyperparameters, self.search_space):
            for name, hyperparameter in declared.items():
                hyperparameter.check(name, hyperparameter.default)
        if unknown := set(self.search_space) - {*self.hyperparameters, *setting_names()}:
            raise ValueError(f"{self.name}: the search space has unknown names {unknown}")
        if unknown := set(self.quick_hyperparameters) - set(self.hyperparameters):
            raise ValueError(f"{self.name}: quick_hyperparameters has unknown names {unknown}")

    @property
    def weights(self) -> str | None:
        """What training starts from unless told otherwise: "imagenet" for transfer models, else None."""
        return "imagenet" if self.backbone else None

    @property
    def family(self) -> str:
        """The module of `zoo.models` that defines the model: mlp, cnn, ..."""
        return (self.build or self.estimator).__module__.rpartition(".")[2]

    def check_size(self, height: int, width: int) -> None:
        """Raise UserError where images of so many pixels are too small for the model."""
        if min(height, width) < self.smallest:
            raise UserError(
                f"{self.name} needs images of at least {self.smallest}x{self.smallest}, these are {height}x{width}: "
                f"try --size {self.smallest}"
            )

    def with_hyperparameters(self, changes: Mapping[str, Any]) -> dict[str, Any]:
        """Every hyperparameter with its value, defaults replaced by `changes`.

        Args:
            changes: values by name; text is read as the hyperparameter's own type.

        Raises:
            UserError: an unknown name, or a value outside its range.
        """
        values = {name: declared.default for name, declared in self.hyperparameters.items()}
        for name, asked in changes.items():
            if name not in values:
                raise unknown_name(f"hyperparameter of {self.name}", name, values)
            declared = self.hyperparameters[name]
            expected = type(declared.default)
            value = read_value(name, asked, expected) if isinstance(asked, str) else plain(asked)
            declared.check(name, value)
            # 0 and 0.0 are the same dropout and must have the same hash.
            values[name] = expected(value)
        return values
