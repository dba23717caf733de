"""Snakemake looks for a job to start where something has changed, and not all the time.

By default it starts at most 100 jobs a second. To keep to that, each time that it has looked for a
job it sets a timer that has it look again a second later (Snakemake 9.27,
``JobScheduler._schedule_reevalutation``), and so does each of those times: every job that ends adds
one more such chain, as long as there are jobs that wait. After some hundred jobs Snakemake is busy
with nothing else, beside the jobs themselves: in the 463 of ``config/archive.yaml`` it took ten
minutes of a core.
"""

from typing import Any

DEFAULT_LIMIT = (100, 1)  # jobs, seconds


def drop_default_limit(scheduler: Any) -> None:
    """Do without the limit of new jobs a second, unless the user has asked for one.

    Parameters
    ----------
    scheduler : snakemake.scheduling.job_scheduler.JobScheduler
        Before it starts. One of another version, which limits in another way, is left as it is.
    """
    limiter = getattr(scheduler, "job_rate_limiter", None)
    limit = getattr(limiter, "max_jobs", None), getattr(limiter, "timespan", None)
    if limit == DEFAULT_LIMIT:
        scheduler.job_rate_limiter = None
