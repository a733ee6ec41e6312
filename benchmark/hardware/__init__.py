"""What this machine is: backend and precision, cores and GPUs, processes, where a number comes from."""
