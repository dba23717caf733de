"""How far a study's networks are, on one screen."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from ckstudy.campaign.progress import DONE, IN_PROGRESS, STALE, TO_DO, Progress, expected_seconds
from ckstudy.study.spec import RunSpec

# So many networks and the lines around them fit a terminal of 24 or 25 lines.
SCREEN = 22
_STATES = (DONE, IN_PROGRESS, STALE, TO_DO)


def lines(
    specs: dict[str, RunSpec],
    found: dict[str, Progress],
    experiments: Mapping[str, Sequence[str]],
    *,
    every: bool = False,
) -> Iterator[str]:
    """The lines to print: each network, or a line an experiment where these are too many.

    Parameters
    ----------
    specs : dict of RunSpec
        The members to tell of, by run.
    found : dict of Progress
        How far each is.
    experiments : mapping
        Runs by experiment.
    every : bool
        Whether to tell of each network however many there are.
    """
    expected = expected_seconds(specs, found)
    if every or len(found) <= SCREEN:
        yield from _networks(found, expected)
    else:
        yield from _experiments(found, expected, experiments)
        active = {run: each for run, each in found.items() if each.state in (IN_PROGRESS, STALE)}
        if active:
            yield ""
            yield from _networks(active, expected)
    counts = Counter(member.state for member in found.values())
    left, unknown = _left(expected.values())
    more = f", and {unknown} networks of which no epoch was timed" if unknown else ""
    yield (
        f"{len(found)} networks: {', '.join(f'{n} {state}' for state, n in counts.items())}; "
        f"left: {_duration(left)}{more}"
    )


def _networks(
    found: Mapping[str, Progress], expected: Mapping[str, tuple[float, bool] | None]
) -> Iterator[str]:
    wide = max(map(len, found))
    yield f"{'run':<{wide}}  {'state':<11} {'epoch':>11} {'s/epoch':>8} {'left':>10}  on"
    for run, member in found.items():
        speed = "" if member.epoch_seconds is None else f"{member.epoch_seconds:.3g}"
        left = expected[run]
        time_left = "?" if left is None else f"{'' if left[1] else '~'}{_duration(left[0])}"
        text = (
            f"{run:<{wide}}  {member.state:<11} {member.epoch:>5}/{member.epochs:<5} {speed:>8} "
            f"{time_left:>10}  {member.device or ''}  {member.note}"
        )
        yield text.rstrip()


def _experiments(
    found: Mapping[str, Progress],
    expected: Mapping[str, tuple[float, bool] | None],
    experiments: Mapping[str, Sequence[str]],
) -> Iterator[str]:
    """A line for each experiment; a network that serves several counts in each of them."""
    wide = max(map(len, experiments))
    yield f"{'experiment':<{wide}}  {'  '.join(f'{state:>11}' for state in _STATES)}  {'left':>10}"
    for name, runs in experiments.items():
        own = [run for run in runs if run in found]
        if not own:
            continue
        counts = Counter(found[run].state for run in own)
        left, unknown = _left(expected[run] for run in own)
        time_left = "?" if unknown else _duration(left)
        yield (
            f"{name:<{wide}}  {'  '.join(f'{counts[state]:>11}' for state in _STATES)}"
            f"  {time_left:>10}"
        )


def _left(expected: Iterable[tuple[float, bool] | None]) -> tuple[float, int]:
    """Seconds that are known to be left, and of how many networks nothing is known."""
    each = list(expected)
    return sum(left[0] for left in each if left is not None), each.count(None)


def _duration(seconds: float) -> str:
    """Seconds as a person says them: 42 s, 7.5 min, 12 h."""
    for unit, length in (("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.3g} {unit}"
    return f"{seconds:.0f} s"
