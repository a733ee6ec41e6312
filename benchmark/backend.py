"""The only code that picks a Keras backend, a precision and seeds. Call `start` before anything imports Keras."""

import os
from typing import Any


def start(seed: int, *, deterministic: bool = False) -> None:
    """Bring Keras up on the backend that `KERAS_BACKEND` names (TensorFlow by default) and seed everything.

    Args:
        seed: of Python's, NumPy's and the backend's random numbers.
        deterministic: whether the same seed on the same machine shall give the same bits. It cannot be taken back
            within a process, and costs speed.
    """
    prepare()
    if deterministic:
        _be_deterministic()
    import keras

    keras.utils.set_random_seed(seed)
    keras.utils.disable_interactive_logging()


def start_for_conversion() -> None:
    """Bring Keras up on TensorFlow, whatever `KERAS_BACKEND` says: only there it writes LiteRT and saved models.

    And on the CPU: a GPU multiplies with fewer digits than the runtimes that a conversion is checked with.
    """
    os.environ.update(KERAS_BACKEND="tensorflow", CUDA_VISIBLE_DEVICES="-1")
    start(seed=0)


def prepare() -> None:
    """Say which backend Keras shall come up on when something imports it, and that it be modest."""
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    # Quiet, and no grabbing of a whole GPU that another run may share.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")


def _be_deterministic() -> None:
    """Before Keras comes up: frameworks read such settings once."""
    name = os.environ["KERAS_BACKEND"]
    if name == "jax":
        flag = "--xla_gpu_deterministic_ops=true"
        if flag not in os.environ.get("XLA_FLAGS", ""):
            os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {flag}".strip()
    elif name == "tensorflow":
        # Where operations run beside each other, a sum of three gradients is added up in the order that happens to
        # let it reuse memory: sepres differed in one training of three.
        os.environ["TF_NUM_INTEROP_THREADS"] = "1"
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()
    elif name == "torch":
        import torch

        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(True)


def device() -> dict[str, Any]:
    """The backend and the device it computes on, for provenance. Keras must be up."""
    import keras

    backend = keras.backend.backend()
    return {"backend": backend, "device": _device_name(backend), "precision": keras.config.dtype_policy().name}


def on_cpu() -> bool:
    """Whether the backend computes on the CPU. Keras must be up."""
    return bool(device()["device"] == "CPU")


def _device_name(backend: str) -> str:
    if backend == "tensorflow":
        import tensorflow as tf

        gpus = tf.config.list_physical_devices("GPU")
        return str(tf.config.experimental.get_device_details(gpus[0]).get("device_name", "GPU")) if gpus else "CPU"
    if backend == "jax":
        import jax

        kind = jax.devices()[0]
        return "CPU" if kind.platform == "cpu" else str(kind.device_kind)
    if backend == "torch":
        import torch

        return torch.cuda.get_device_name(0) if torch.cuda.is_available() else "CPU"
    return "CPU"
