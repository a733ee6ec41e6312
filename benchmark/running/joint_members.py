"""What the networks of a joint training start from: stored runs, or the models' own first weights.

A configuration of kind `JOINT` has one entry in `members` for each network:

- `cnn4-1a2b3c4d`: the network of that configuration's run with the same seed
- `cnn4-1a2b3c4d/seed-0`: the network of that run, whatever the seed
- `cnn4`: a new network of that model. Its hyperparameters are those of the configuration that start with `cnn4.`; what
  a transfer model starts from is `vgg.weights`.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmark.dataset import Dataset
from benchmark.records import JOINT, RunConfig
from benchmark.running.job import Job
from benchmark.store.run_store import RunStore
from benchmark.store.stored_models import load_model
from benchmark.training.initial_weights import SETTING, starting_weights
from benchmark.training.joint_model import joint_model
from zoo.errors import UserError
from zoo.registry import all_models, get_model


def new_member(config: RunConfig) -> dict[str, Any]:
    """The hyperparameters by which a joint training's configuration describes a new network of `config`."""
    values = {**config.hyperparameters, **({SETTING: config.weights} if config.weights else {})}
    return {f"{config.model}.{name}": value for name, value in values.items()}


def starting_files(store: RunStore, config: RunConfig, seed: int) -> tuple[tuple[str, Path], ...]:
    """The files of the stored networks that a run of kind `JOINT` starts from, by member; none for other kinds.

    Raises:
        UserError: a run or its model file is not there.
    """
    if config.kind != JOINT:
        return ()
    models = all_models()
    return tuple((name, _file(store, config, name, seed)) for name in config.members if name not in models)


def _file(store: RunStore, config: RunConfig, name: str, seed: int) -> Path:
    runs = store.resolve(f"{config.dataset}-{config.fingerprint}", name)
    found = [run for run in runs if "/" in name or run.record.seed == seed]
    if not found:
        raise UserError(f"{name} has no run with seed {seed} to start from")
    return found[0].model_file().resolve()


def joint_network(job: Job, dataset: Dataset) -> Any:
    """The average of all members as one network, in which each of them learns; Keras must be up and seeded.

    Members are called in the mode of the whole: in training theirs is training too.

    Raises:
        UserError: images too small for a new network, or weights that cannot be had.
    """
    files = dict(job.members)
    networks = {
        name: load_model(files[name]) if name in files else _new(job, name, dataset) for name in job.config.members
    }
    parts = [{"network": position} for position in range(len(networks))]
    average: Mapping[str, Any] = {"kind": "linear", "weights": [1 / len(parts)] * len(parts), "parts": parts}
    return joint_model(networks, average, training=None)


def _new(job: Job, name: str, dataset: Dataset) -> Any:
    spec = get_model(name)
    if spec.build is None:
        raise ValueError(f"{name} is no network")
    spec.check_size(*dataset.input_shape[:2])
    prefix = f"{name}."
    values = {
        key.removeprefix(prefix): value for key, value in job.config.hyperparameters.items() if key.startswith(prefix)
    }
    start = starting_weights(spec, values.pop(SETTING, None), job.weights_file)
    return spec.build(dataset.input_shape, len(dataset.class_names), **values, **start)
