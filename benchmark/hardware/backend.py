"""Chooses the Keras backend, precision and seeds; no other code does. Call `start` before anything imports Keras."""

import os
import platform
import re
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from benchmark.hardware.resources import available_cores
from zoo.errors import UserError

DEFAULT_BACKEND: Final = "tensorflow"

FLOAT32: Final = "float32"
BFLOAT16: Final = "bfloat16"
AUTO: Final = "auto"
PRECISIONS: Final = (AUTO, FLOAT32, BFLOAT16)

BFLOAT16_SINCE: Final = (8, 0)
"""The compute capability of the first NVIDIA GPUs that have it (Ampere)."""

CPU_DESCRIPTION: Final = Path("/proc/cpuinfo")
"""Of Linux."""

BFLOAT16_FLAGS: Final = frozenset({"avx512_bf16", "amx_bf16", "bf16"})
"""Linux' names of these instructions on x86-64 and on ARM."""

ONEDNN: Final = "TF_ENABLE_ONEDNN_OPTS"
"""By which TensorFlow computes with Intel's oneDNN on CPUs. By itself it does so only on some of the newest of them."""

LARGEST_COMPILED: Final = 4 * 2**30
"""Bytes; beyond that the least recently used programs are deleted."""

BLAS_VARIABLES: Final = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""With any of these the user says how many threads NumPy's and scikit-learn's arithmetic takes."""


def start(seed: int, *, deterministic: bool = False, precision: str = FLOAT32, threads: int | None = None) -> None:
    """Bring Keras up on the backend that `KERAS_BACKEND` names (TensorFlow by default) and seed everything.

    Args:
        seed: of Python's, NumPy's and the backend's random numbers.
        deterministic: whether the same seed on the same machine shall give the same bits. It cannot be taken back
            within a process, and costs speed.
        precision: one of `PRECISIONS`, of what is built from now on: with "bfloat16" layers compute in it while their
            weights stay float32 (Keras' mixed_bfloat16); "auto" is that on GPUs that have it, and float32 elsewhere: on
            a CPU a trial decides before (`benchmark.running.precision_trial`).
        threads: see `use_threads`.

    Raises:
        UserError: see `check_installed`.
    """
    check_installed()
    prepare()
    use_threads(threads)
    if deterministic:
        _be_deterministic()
    import keras

    low = precision == BFLOAT16 or (precision == AUTO and _has_bfloat16())
    keras.config.set_dtype_policy("mixed_bfloat16" if low else FLOAT32)
    keras.utils.set_random_seed(seed)
    keras.utils.disable_interactive_logging()


def start_for_conversion() -> None:
    """Bring Keras up on TensorFlow, whatever `KERAS_BACKEND` says: only there it writes LiteRT and saved models.

    And on the CPU: a GPU multiplies with fewer digits than the runtimes that a conversion is checked with.
    """
    os.environ.update(KERAS_BACKEND="tensorflow", CUDA_VISIBLE_DEVICES="-1")
    start(seed=0)


@contextmanager
def float32_layers() -> Iterator[None]:
    """Within, layers that are built compute in float32, whatever precision Keras is up in."""
    import keras

    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy(FLOAT32)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(policy)


def keep_compiled(directory: Path) -> None:
    """Let JAX keep there what it compiles for a GPU: another seed of a model is the same program. After `start`.

    Nothing is kept on a CPU, where compiling takes seconds; nor without `filelock`, by which processes that share the
    directory wait for each other; nor with TensorFlow. Who names a directory by JAX_COMPILATION_CACHE_DIR keeps theirs.
    """
    import keras

    if keras.backend.backend() != "jax" or on_cpu() or find_spec("filelock") is None:
        return
    import jax

    if jax.config.jax_compilation_cache_dir:
        return
    jax.config.update("jax_compilation_cache_dir", str(directory))
    jax.config.update("jax_compilation_cache_max_size", LARGEST_COMPILED)


def check_installed() -> None:
    """Look for Keras and its backend without importing them; stored predictions are combined and ranked without.

    Raises:
        UserError: one of them is not installed.
    """
    name = os.environ.get("KERAS_BACKEND", DEFAULT_BACKEND)
    missing = [package for package in ("keras", name) if find_spec(package) is None]
    if missing:
        what = " and ".join(missing)
        raise UserError(
            f"networks need {what}, not installed here: `pip install '.[train]'` in a clone of this repository "
            "installs Keras with TensorFlow"
        )


def prepare() -> None:
    """Set the environment for Keras: its backend, few messages, no more GPU memory than needed, oneDNN.

    What the user has set stays.
    """
    os.environ.setdefault("KERAS_BACKEND", DEFAULT_BACKEND)
    # Quiet, and no grabbing of a whole GPU that another run may share.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    # Trainings take 0.6 to 1 of the time (docs/cpus.md). Measured on x86-64 alone.
    if platform.machine() in ("x86_64", "AMD64"):
        os.environ.setdefault(ONEDNN, "1")


def use_threads(threads: int | None = None) -> None:
    """Compute on so many threads from now on, unless the environment says otherwise; before a framework is up.

    Left to themselves, frameworks take as many as there are cores, whatever share of these a container grants.

    Args:
        threads: None for as many as there are cores available.
    """
    from threadpoolctl import threadpool_limits

    count = available_cores() if threads is None else threads
    # JAX has no other way to say it.
    for name in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "NPROC"):
        os.environ.setdefault(name, str(count))
    if any(os.environ.get(name) for name in BLAS_VARIABLES):
        return
    threadpool_limits(count)
    if os.environ.get("KERAS_BACKEND") == "torch":
        import torch

        torch.set_num_threads(count)


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
    """The backend, the device it computes on, and the precision of training, for provenance. Keras must be up.

    Of TensorFlow on a CPU also whether it was asked to use oneDNN, which rounds differently in the last digits.
    """
    import keras

    backend = keras.backend.backend()
    about = {
        "backend": backend,
        "device": _device_name(backend),
        "precision": keras.config.dtype_policy().compute_dtype,
    }
    if about["device"] == "CPU" and backend == "tensorflow":
        about["onednn"] = os.environ.get(ONEDNN, "").lower() in ("1", "true")
    return about


def _has_bfloat16() -> bool:
    """Whether the first GPU has matrix units for bfloat16."""
    import keras

    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        gpus = tf.config.list_physical_devices("GPU")
        capability = tf.config.experimental.get_device_details(gpus[0]).get("compute_capability") if gpus else None
    elif backend == "jax":
        import jax

        capability = getattr(jax.devices()[0], "compute_capability", None)
    else:
        import torch

        capability = torch.cuda.get_device_capability() if torch.cuda.is_available() else None
    return _capability(capability) >= BFLOAT16_SINCE


def cpu_has_bfloat16() -> bool:
    """Whether the processor has instructions for bfloat16, as Linux tells.

    They speed some networks up and slow others down.
    """
    try:
        words = CPU_DESCRIPTION.read_text().split()
    except OSError:
        return False
    return not BFLOAT16_FLAGS.isdisjoint(words)


def _capability(given: Any) -> tuple[int, ...]:
    """NVIDIA's compute capability, which is a pair or text such as 9.0; empty of anything else."""
    if isinstance(given, str):
        given = given.split(".") if re.fullmatch(r"\d+\.\d+", given) else ()
    return tuple(int(part) for part in given or ())


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
