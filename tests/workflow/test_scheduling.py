"""Snakemake's default limit is dropped, and a user's is kept."""

import sys
from types import SimpleNamespace

import pytest
from checkout import ROOT
from snakemake.scheduling.job_scheduler import JobRateLimiter
from snakemake.settings.types import MaxJobsPerTimespan

sys.path.insert(0, str(ROOT / "workflow/rules"))


@pytest.mark.parametrize(
    ("given", "kept"), [("100/1s", False), ("10/1s", True), ("100/1m", True), (None, False)]
)
def test_the_default_limit_goes_and_a_users_stays(given, kept):
    from scheduling import drop_default_limit

    limiter = given and JobRateLimiter(MaxJobsPerTimespan.parse_choice(given))
    scheduler = SimpleNamespace(job_rate_limiter=limiter)
    drop_default_limit(scheduler)
    assert (scheduler.job_rate_limiter is not None) == kept


def test_the_default_is_still_what_is_dropped():
    from scheduling import DEFAULT_LIMIT
    from snakemake.cli import get_argument_parser

    default = get_argument_parser().get_default("max_jobs_per_timespan")
    limit = MaxJobsPerTimespan.parse_choice(default) if isinstance(default, str) else default
    assert (limit.max_jobs, limit.timespan) == DEFAULT_LIMIT


def test_another_scheduler_is_left_alone():
    from scheduling import drop_default_limit

    drop_default_limit(SimpleNamespace())
