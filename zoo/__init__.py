"""What can be trained. Knows nothing of data, disk or reports; Keras is imported when a model is built."""

from zoo.errors import UserError
from zoo.registry import all_models, get_model
from zoo.settings import TrainingSettings
from zoo.spec import Choice, Integer, ModelSpec, Real

__all__ = ["Choice", "Integer", "ModelSpec", "Real", "TrainingSettings", "UserError", "all_models", "get_model"]
