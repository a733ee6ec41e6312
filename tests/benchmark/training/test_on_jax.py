"""What other modules here test on TensorFlow holds on JAX: the same tests, all in one process that has that backend."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

HERE: Final = Path(__file__).parent
WHOLE: Final = ("test_batch_statistics.py", "test_distillation.py", "test_logits.py")
OF_COMPILED: Final = (
    "test_everything_at_once[False]",
    "test_mixed_images_and_averages[False]",
    "test_features[2]",
    "test_predictions[2]",
    "test_pictures_augmented_beforehand[False]",
    "test_another_seed_finds_what_was_compiled",
)
"""What is the backends' own, of `test_compiled_epochs.py`."""


@pytest.mark.timeout(900)
def test_on_jax() -> None:
    pytest.importorskip("jax")
    tests = [*WHOLE, *(f"compiled/test_compiled_epochs.py::{name}" for name in OF_COMPILED)]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *(f"{HERE}/{one}" for one in tests)]
    # Most of the time goes into compiling, a third less without XLA's optimisations.
    quickly = {"KERAS_BACKEND": "jax", "JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}
    done = subprocess.run(command, env=os.environ | quickly, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    (passed,) = re.findall(r"(\d+) passed", done.stdout)
    assert int(passed) > 60
    assert "skipped" not in done.stdout
