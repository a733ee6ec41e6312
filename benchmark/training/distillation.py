"""Distillation: a loss that compares a network with another classifier, its teacher (Hinton, Vinyals and Dean 2015).

With p the network's and q the teacher's probabilities of an image, the loss is (1 - d) L + d T^2 KL(q_T || p_T). L is
the loss of the labels, d is `distillation`, T is `distillation_temperature`, and p_T is p^(1/T), normalised: the
softmax of the logits divided by T. Sample weights apply to L alone.

With `distillation_images=augmented` both see the same augmented and mixed image (as Beyer et al. 2022 advise). With
`plain` the teacher predicts each training image once, as it is, and q of mixed images is mixed as their labels are. The
steps then cost what they cost without a teacher. But it says the same of all augmentations of an image, and of images
that it was trained on it is surer than of others.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmark.hardware import backend
from benchmark.store.stored_models import load_model
from benchmark.training.joint_model import joint_model
from zoo.settings import TrainingSettings


@dataclass(frozen=True)
class Teacher:
    """Stored networks and how their predictions are combined.

    Attributes:
        networks: their files by run, in the order in which the tree counts them.
        tree: see `benchmark.training.joint_model`.
    """

    networks: tuple[tuple[str, Path], ...]
    tree: Mapping[str, Any]


def teacher_model(teacher: Teacher, sources: Sequence[str] = ()) -> Any:
    """The teacher as one Keras model from pixels to probabilities, in float32; after `backend.start`.

    Args:
        sources: texts whose classes their layers may be (`zoo.model_files`), which are run.
    """
    with backend.float32_layers():
        return joint_model({name: load_model(path, *sources) for name, path in teacher.networks}, teacher.tree)


def with_distillation_loss(model: Any, teacher: Any, settings: TrainingSettings) -> Any:
    """A Keras model with the outputs of `model` and the teacher's term among its losses.

    Args:
        model: to be trained, from pixels (n, height, width, channels) to logits (n, classes).
        teacher: from the same images to probabilities of the same classes; it gets frozen.
        settings: `distillation` and `distillation_temperature`.
    """
    import keras

    teacher.trainable = False
    inputs = keras.Input(model.input_shape[1:])
    return keras.Model(inputs, _teacher_term(settings, teacher)([inputs, model(inputs)]))


def with_given_teacher(model: Any, settings: TrainingSettings) -> Any:
    """A Keras model with one input more, the teacher's probabilities (n, classes), and its term among the losses.

    Args:
        model: to be trained, with one input or several, to logits (n, classes).
        settings: as for `with_distillation_loss`.
    """
    import keras

    inputs = [keras.Input(one.shape[1:]) for one in model.inputs]
    taught = keras.Input(model.output_shape[1:])
    logits = model(inputs if len(inputs) > 1 else inputs[0])
    return keras.Model([*inputs, taught], _teacher_term(settings)([taught, logits]))


def _teacher_term(settings: TrainingSettings, teacher: Any = None) -> Any:
    """A layer that passes logits on and adds the loss, from a teacher's images or, without one, its probabilities."""
    from keras import config, layers, ops

    share, temperature = settings.distillation, settings.distillation_temperature

    class TeacherTerm(layers.Layer):  # type: ignore[misc]
        def __init__(self) -> None:
            # In mixed precision small probabilities would be lost.
            super().__init__(dtype="float32", name="distillation_loss")
            self.teacher = teacher

        def call(self, inputs: Any) -> Any:
            given, logits = inputs
            # Called here and not as a node of the graph, which would pass on its own mode: no dropout in a teacher.
            said = given if self.teacher is None else self.teacher(given, training=False)
            probabilities = ops.clip(said, config.epsilon(), 1.0)
            target = ops.stop_gradient(ops.log_softmax(ops.log(probabilities) / temperature))
            divergence = ops.sum(ops.exp(target) * (target - ops.log_softmax(logits / temperature)), axis=-1)
            self.add_loss(share * temperature**2 * ops.mean(divergence))
            return logits

    return TeacherTerm()
