"""Fixtures of the whole suite: a real control plane, and the product beside it."""

from hypothesis import settings

pytest_plugins = ["tests.cluster.plugin", "tests.workers.living"]

settings.register_profile("untimed", deadline=None)  # a busy machine is no failure
settings.load_profile("untimed")
