"""Learning from another classifier besides the labels: distillation (Hinton, Vinyals and Dean 2015).

With p what the network says of an image and q what the teacher says of the same image, as the network sees it, the loss
is (1 - d) L + d T^2 KL(q_T || p_T): L the ordinary loss, d `distillation`, T `distillation_temperature`, and p_T in
proportion to p^(1/T), which is the softmax of logits divided by T. The teacher sees what the augmentation made of the
image (Beyer et al. 2022 found that to matter most). Weights of samples belong to L alone, and mixed images are mixed
before either sees them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmark.joint_model import joint_model
from benchmark.stored_models import load_model
from zoo.settings import TrainingSettings


@dataclass(frozen=True)
class Teacher:
    """What teaches: stored networks and how what they say is combined.

    Attributes:
        networks: their files by run, in the order in which the tree counts them.
        tree: as `benchmark.joint_model` reads it.
    """

    networks: tuple[tuple[str, Path], ...]
    tree: Mapping[str, Any]


def teacher_model(teacher: Teacher) -> Any:
    """The teacher as one Keras model from pixels to probabilities; Keras must be up."""
    return joint_model({name: load_model(path) for name, path in teacher.networks}, teacher.tree)


def taught(model: Any, teacher: Any, settings: TrainingSettings) -> Any:
    """A Keras model that says what `model` does, and whose losses have the teacher's term of the loss.

    Args:
        model: that learns, from pixels (n, height, width, channels) to probabilities (n, classes).
        teacher: of the same images and classes; its layers are frozen.
        settings: `distillation` and `distillation_temperature`.
    """
    import keras

    teacher.trainable = False
    inputs = keras.Input(model.input_shape[1:])
    compared = _term(settings.distillation, settings.distillation_temperature)
    return keras.Model(inputs, compared([model(inputs), teacher(inputs, training=False)]))


def _term(share: float, temperature: float) -> Any:
    from keras import config, layers, ops

    class TeachersTerm(layers.Layer):  # type: ignore[misc]
        def call(self, inputs: Any) -> Any:
            own, other = (
                ops.log_softmax(ops.log(ops.clip(said, config.epsilon(), 1.0)) / temperature) for said in inputs
            )
            other = ops.stop_gradient(other)
            divergence = ops.sum(ops.exp(other) * (other - own), axis=-1)
            self.add_loss(share * temperature**2 * ops.mean(divergence))
            return inputs[0]

    # In mixed precision small probabilities would be lost.
    return TeachersTerm(dtype="float32", name="taught")
