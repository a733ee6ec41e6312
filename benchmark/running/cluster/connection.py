"""The way to a Dask scheduler, and what must be true of its workers."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from benchmark.training.checkpoints import code_digest
from zoo.errors import UserError, in_one_line

if TYPE_CHECKING:
    from distributed import Client

CONNECT_SECONDS: Final = 10.0
WORKER_SECONDS: Final = 30.0
"""How long a cluster may take to have its first worker; some start them on demand."""


@contextmanager
def client_of(address: str) -> Iterator["Client"]:
    """Dask's client of the scheduler at `address`, whose workers have this toolkit; closed in the end.

    Raises:
        UserError: Dask is not installed, no scheduler answers, it has no workers, or they lack this toolkit.
    """
    client = _connected(address)
    # Dask's client logs a lost scheduler, for instance, of which this toolkit has a line of its own.
    logger = logging.getLogger("distributed.client")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        _check_workers(client, address)
        yield client
    finally:
        client.close(timeout=CONNECT_SECONDS)
        logger.setLevel(level)


def _connected(address: str) -> "Client":
    try:
        from distributed import Client
        from distributed.comm import get_address_host_port
    except ImportError as error:
        raise UserError("a cluster needs Dask, which is not installed: pip install '.[dask]' in a clone") from error
    try:
        get_address_host_port(address)  # of a malformed address Dask leaves a client open
        return Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError, TypeError, OverflowError) as error:
        raise UserError(
            f"no scheduler answers at {address}, expected an address such as tcp://10.0.0.5:8786: "
            "start one with `dask scheduler`, or correct --scheduler"
        ) from error


def _check_workers(client: "Client", address: str) -> None:
    from distributed import TimeoutError as LateError

    from benchmark.running.cluster import remote_job

    try:
        client.wait_for_workers(1, timeout=WORKER_SECONDS)
    except LateError as error:
        raise UserError(f"the scheduler at {address} has no worker: start some with `dask worker {address}`") from error
    # Of all that are there, and at once, however busy they are: a run may come to any of them.
    for worker, version in client.run(remote_job.version, on_error="return").items():
        if isinstance(version, BaseException):
            raise UserError(f"the worker at {worker} lacks this toolkit ({in_one_line(version)}): install it there too")
        if version != code_digest():
            raise UserError(f"the worker at {worker} has another version of this toolkit: install the same there")
