"""Learning from another classifier besides the labels: distillation (Hinton, Vinyals and Dean 2015).

With p what the network says of an image and q what the teacher says of the same image, as the network sees it, the loss
is (1 - d) L + d T^2 KL(q_T || p_T): L the ordinary loss, d `distillation`, T `distillation_temperature`, and p_T in
proportion to p^(1/T), which is the softmax of logits divided by T. The teacher sees what the augmentation made of the
image (as Beyer et al. 2022 advise). Weights of samples belong to L alone, and mixed images are mixed
before either sees them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmark.store.stored_models import load_model
from benchmark.training.joint_model import joint_model
from zoo.settings import TrainingSettings


@dataclass(frozen=True)
class Teacher:
    """What teaches: stored networks and how what they say is combined.

    Attributes:
        networks: their files by run, in the order in which the tree counts them.
        tree: as `benchmark.training.joint_model` reads it.
    """

    networks: tuple[tuple[str, Path], ...]
    tree: Mapping[str, Any]


def teacher_model(teacher: Teacher) -> Any:
    """The teacher as one Keras model from pixels to probabilities, in float32 whatever learns; Keras must be up."""
    from keras import config

    policy = config.dtype_policy()
    config.set_dtype_policy("float32")
    try:
        return joint_model({name: load_model(path) for name, path in teacher.networks}, teacher.tree)
    finally:
        config.set_dtype_policy(policy)


def with_distillation_loss(model: Any, teacher: Any, settings: TrainingSettings) -> Any:
    """A Keras model that says what `model` does, and whose losses have the teacher's term of the loss.

    Args:
        model: that learns, from pixels (n, height, width, channels) to probabilities (n, classes).
        teacher: of the same images and classes; its layers are frozen.
        settings: `distillation` and `distillation_temperature`.
    """
    import keras

    teacher.trainable = False
    inputs = keras.Input(model.input_shape[1:])
    return keras.Model(inputs, _term(teacher, settings)([inputs, model(inputs)]))


def _term(teacher: Any, settings: TrainingSettings) -> Any:
    from keras import config, layers, ops

    share, temperature = settings.distillation, settings.distillation_temperature

    class TeachersTerm(layers.Layer):  # type: ignore[misc]
        def __init__(self) -> None:
            # In mixed precision small probabilities would be lost.
            super().__init__(dtype="float32", name="distillation_loss")
            self.teacher = teacher

        def call(self, inputs: Any) -> Any:
            images, said = inputs
            # Called here and not as a node of the graph, which would hand its own mode on: no dropout in a teacher.
            own, other = (_softened(one) for one in (said, self.teacher(images, training=False)))
            other = ops.stop_gradient(other)
            divergence = ops.sum(ops.exp(other) * (other - own), axis=-1)
            self.add_loss(share * temperature**2 * ops.mean(divergence))
            return said

    def _softened(probabilities: Any) -> Any:
        return ops.log_softmax(ops.log(ops.clip(probabilities, config.epsilon(), 1.0)) / temperature)

    return TeachersTerm()
