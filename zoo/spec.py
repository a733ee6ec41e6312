"""The declaration of a model, as plain data: nothing here needs NumPy or Keras."""

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


@dataclass(frozen=True)
class Anything:
    """A number, a text, a truth value or None; only the model itself knows the legal values."""

    default: Any

    def check(self, name: str, value: Any) -> None:
        """Raise UserError unless `value` is of one of these types."""
        if value is not None and type(value) not in (bool, int, float, str):
            raise UserError(f"{name} must be a number, a text, true, false or none, got {value!r}")

    def read(self, text: str) -> Any:
        """The value that a text means: true, false, none, a number, or else the text itself."""
        words = {"true": True, "false": False, "none": None}
        if text.lower() in words:
            return words[text.lower()]
        for kind in (int, float):
            try:
                return kind(text)
            except ValueError:
                continue
        return text


Hyperparameter = Integer | Real | Choice


@dataclass(frozen=True)
class ModelSpec:
    """A model of the zoo.

    Exactly one of `build` and `estimator` is given.

    Attributes:
        name: for users.
        reference: the source of the architecture and of its published figures.
        parameters: number of all weights for FER-2013 (48x48 grey, 7 classes), with default hyperparameters; 0 if
            unknown.
        build: `build(input_shape, classes, **hyperparameters) -> keras.Model`, from raw pixels (float32, 0-255, shape
            (n, height, width, channels)) to probabilities (n, classes). For a transfer model it also takes `weights`:
            "imagenet" ("preset" for one of Keras Hub), "random" or the path of a file.
        estimator: `estimator(**hyperparameters)`, a classifier with scikit-learn's `fit` (or `partial_fit`, for epochs)
            and `predict_proba`, for pixels flattened and scaled to 0-1. Where the function takes them, it also gets
            `batch_size`, `learning_rate` and `seed`.
        hyperparameters: by name, with defaults and legal ranges.
        search_space: hyperparameters and training settings that a tuner varies, by name, within their legal ranges.
            The search starts at the defaults.
        training: the model's own settings, for the `paper` preset.
        smallest: shortest edge of its images, in pixels.
        quick: training settings that the `quick` preset changes besides its own.
        quick_hyperparameters: hyperparameters that the `quick` preset changes.
        quick_without_weights: of a transfer model, hyperparameters and training settings that the `quick` preset also
            changes where random weights replace ImageNet's.
        published_accuracy: 0-1, from the source.
        published_parameters: from the source, with `published_classes` classes.
        note: on the published figures.
        backbone: of a transfer model; None for models trained from random weights.
        fitted_once: of an estimator: whether it is fitted in one call, so that it has one epoch. That of a model from
            outside the zoo need not say so: it is seen from whether it has `partial_fit`.
        source: the Python text that declares a model from outside the zoo (`zoo.model_files`); empty for the zoo's.
    """

    name: str
    reference: str
    parameters: int
    build: Callable[..., Any] | None = None
    estimator: Callable[..., Any] | None = None
    hyperparameters: Mapping[str, Hyperparameter | Anything] = field(default_factory=dict)
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
    fitted_once: bool = False
    source: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        if (self.build is None) == (self.estimator is None):
            raise ValueError(f"{self.name}: exactly one of build and estimator must be given")
        if self.fitted_once:
            object.__setattr__(self, "training", self.training.with_changes({"epochs": 1, "patience": 0}))
            object.__setattr__(self, "quick", {**self.quick, "epochs": 1})
        for declared in (self.hyperparameters, self.search_space):
            for name, hyperparameter in declared.items():
                if not isinstance(hyperparameter, Hyperparameter | Anything):
                    raise UserError(
                        f"{self.name}: {name} is {hyperparameter!r}, expected Integer, Real or Choice of zoo.spec"
                    )
                hyperparameter.check(name, hyperparameter.default)
        if lost := sorted(set(self.search_space) - {*self.hyperparameters, *setting_names()}):
            raise UserError(
                f"{self.name}: {lost[0]} is in the search space, and neither among the hyperparameters nor a "
                "training setting"
            )
        for name, searched in self.search_space.items():
            self._check_searched(name, searched)
        if unknown := set(self.quick_hyperparameters) - set(self.hyperparameters):
            raise ValueError(f"{self.name}: quick_hyperparameters has unknown names {unknown}")

    def _check_searched(self, name: str, searched: Hyperparameter) -> None:
        """Raise UserError where a search could propose a value that is not legal."""
        if not isinstance(searched, Choice) and searched.log and searched.low <= 0:
            raise UserError(f"{self.name}: {name} cannot be searched on a logarithmic scale from {searched.low:g}")
        for value in searched.options if isinstance(searched, Choice) else (searched.low, searched.high):
            try:
                if name in self.hyperparameters:
                    self.hyperparameters[name].check(name, value)
                else:
                    self.training.with_changes({name: value})
            except UserError as error:
                raise UserError(f"{self.name}: its search space has a value that is not legal: {error}") from error

    @property
    def weights(self) -> str | None:
        """The default initial weights: "imagenet" for transfer models, "preset" for those of Keras Hub, else None."""
        return self.backbone.origin if self.backbone else None

    @property
    def family(self) -> str:
        """The module of `zoo.models` that defines the model: mlp, cnn, ..."""
        return (self.build or self.estimator).__module__.rpartition(".")[2]

    def check_size(self, height: int, width: int) -> None:
        """Raise UserError where images of this size are too small for the model."""
        if min(height, width) < self.smallest:
            raise UserError(
                f"{self.name} needs images of at least {self.smallest}x{self.smallest}, these are {height}x{width}: "
                f"try --size {self.smallest}"
            )

    def with_hyperparameters(self, changes: Mapping[str, Any]) -> dict[str, Any]:
        """The value of every hyperparameter: its default, or that in `changes`; text is read as its own type.

        Raises:
            UserError: an unknown name, or a value outside its range.
        """
        values = {name: declared.default for name, declared in self.hyperparameters.items()}
        for name, change in changes.items():
            if name not in values:
                raise unknown_name(f"hyperparameter of {self.name}", name, values)
            declared = self.hyperparameters[name]
            if isinstance(declared, Anything):
                values[name] = declared.read(change) if isinstance(change, str) else plain(change)
                declared.check(name, values[name])
                continue
            expected = type(declared.default)
            value = read_value(name, change, expected) if isinstance(change, str) else plain(change)
            declared.check(name, value)
            # 0 and 0.0 are the same dropout and must have the same hash.
            values[name] = expected(value)
        return values
