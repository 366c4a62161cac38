"""The run of these tests: its files, and what its job says."""

from noise_run import files, made, said  # noqa: F401
