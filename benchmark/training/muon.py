"""Muon for convolutions: the steps of their kernels are made orthogonal, all other weights follow AdamW.

Jordan et al., Muon: An optimizer for hidden layers in neural networks (2024), which flattens a kernel into a matrix;
with the scale of Liu et al., Muon is Scalable for LLM Training (2025), under which rates and weight decays of AdamW
are of the right size for both.
"""

from math import prod
from typing import Any

from keras import config, ops
from keras.optimizers import Muon


class ConvolutionMuon(Muon):  # type: ignore[misc]
    """Keras' Muon, which has steps for matrices only and leaves kernels of convolutions to AdamW.

    Here it is the other way round: most weights of deep networks are such kernels, and of matrices the last is the
    classifier, which Muon is not for. A depthwise convolution has a filter for each channel and no matrix.
    """

    def _should_use_adamw(self, variable: Any) -> bool:
        return len(variable.shape) < 3 or variable.shape[-1] == 1

    def zeropower_via_newtonschulz5(self, x: Any, steps: int) -> Any:
        """The orthogonal matrix next to a kernel of shape (..., inputs, filters), about; in the precision of training.

        Its singular values come to lie between 0.7 and 1.2, not at 1.
        """
        matrix = ops.cast(ops.reshape(x, (-1, x.shape[-1])), config.dtype_policy().compute_dtype)
        return ops.reshape(ops.cast(super().zeropower_via_newtonschulz5(matrix, steps), x.dtype), x.shape)

    def lr_adjust(self, x: Any) -> Any:
        """The step of a kernel, of the root mean square that AdamW's steps have: `rms_rate` times the rate."""
        *inputs, filters = x.shape
        return x * (self.rms_rate * max(prod(inputs), filters) ** 0.5)
