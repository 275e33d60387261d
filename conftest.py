"""Fixtures of the whole suite: a real control plane, and the product beside it."""

pytest_plugins = ["tests.cluster.plugin", "tests.workers.living"]
