"""A network as it is trained: to its logits, with the softmax outside.

In float32 a softmax rounds the probability of a confident mistake to 0, and Keras clips probabilities at 1e-7: such an
image had no gradient. On TensorFlow Keras looks for the logits behind a softmax, on JAX it cannot (Keras 3.15).
"""

from typing import Any, Final

SMALLEST: Final = 1e-30
"""Of a probability whose logarithm is taken. Its slope, 1e30, stays finite in float32 with any weight of a loss."""


def logits_model(model: Any) -> Any:
    """A Keras model of the same layers and variables, in the same order, whose outputs are logits in float32.

    Their softmax is what `model` predicts. Where no softmax is found, they are the logarithms of the probabilities: a
    joint model's mean of probabilities has no logits. There a mistake has a gradient down to `SMALLEST`.

    Args:
        model: from images or features (n, ...) to probabilities (n, classes); not changed.
    """
    import keras

    logits = _logits(model)
    if logits is not None:
        return keras.Model(model.inputs, logits)
    inputs = keras.Input(model.input_shape[1:])
    probabilities = keras.layers.Identity(dtype="float32")(model(inputs))
    return keras.Model(inputs, keras.ops.log(keras.ops.maximum(probabilities, SMALLEST)))


def _logits(model: Any) -> Any:
    """The symbolic logits of a model, in its own graph; None where there are none, or no graph."""
    import keras

    if len(getattr(model, "outputs", None) or ()) != 1:
        return None
    last, node, _ = model.outputs[0]._keras_history
    call = last._inbound_nodes[node]
    if isinstance(last, keras.Model):
        inner = _logits(last)
        # With the mode that it is called in.
        return None if inner is None else keras.Model(last.inputs, inner)(*call.arguments.args, **call.arguments.kwargs)
    before_softmax = _before_softmax(last)
    return before_softmax(*call.input_tensors) if before_softmax and len(call.input_tensors) == 1 else None


def _before_softmax(last: Any) -> Any:
    """A layer that computes in float32 what the last layer takes the softmax of; None where it is no softmax."""
    from keras import activations, layers

    if getattr(last, "activity_regularizer", None) is not None:  # it sees the probabilities
        return None
    if type(last) in (layers.Dense, layers.Activation):
        if last.activation is not activations.softmax:
            return None
        return _affine(last) if type(last) is layers.Dense else layers.Identity(dtype="float32")
    # Both the layer and the operation have this name and an axis.
    is_softmax = type(last).__name__ == "Softmax" and last.axis in (-1, 1)
    return layers.Identity(dtype="float32") if is_softmax else None


def _affine(dense: Any) -> Any:
    from keras import layers, ops

    class Logits(layers.Layer):  # type: ignore[misc]
        """A dense layer without its activation. The variables stay those of the layer."""

        def __init__(self) -> None:
            super().__init__(dtype="float32", name=f"logits_of_{dense.name}")
            self.dense = dense

        def call(self, inputs: Any) -> Any:
            outputs = ops.matmul(inputs, dense.kernel)
            return ops.add(outputs, dense.bias) if dense.use_bias else outputs

    return Logits()
