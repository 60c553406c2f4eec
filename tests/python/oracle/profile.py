"""Hypothesis settings: the same examples on every machine and in every run."""

from hypothesis import HealthCheck, settings


def examples(count: int) -> settings:
    """A decorator: at most ``count`` examples, derandomized, no database, no deadline."""
    return settings(
        max_examples=count,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
