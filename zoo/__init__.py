"""The models and their training settings, without data, disk or reports; Keras is imported to build a model."""

from zoo.errors import UserError
from zoo.registry import all_models, get_model
from zoo.settings import TrainingSettings
from zoo.spec import Choice, Integer, ModelSpec, Real

__all__ = ["Choice", "Integer", "ModelSpec", "Real", "TrainingSettings", "UserError", "all_models", "get_model"]
