"""What came of a fault, and how many came to which end."""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

EQUAL = "finished, same bytes"
TOLD = "one clear error; same bytes once done as it says"
LOST = "LOST"

# A message is one line (a long one), it begins so, and tells a way out.
_MESSAGE = re.compile(r"^(?:ckstudy: )?error: .+$", re.M)
_WAYS_OUT = re.compile(
    r"make (?:it|them|room|the file)|delete|run the (?:same|study)|train|choose|wait|calibrate|"
    r"simulate",
    re.I,
)


@dataclass
class Tally:
    """Counts of outcomes by kind of fault; what was lost, in words; where to keep them."""

    counts: dict[str, Counter] = field(default_factory=dict)
    losses: list[str] = field(default_factory=list)
    write: Callable[[], None] = lambda: None

    def add(self, kind: str, outcome: str, about: str = "", times: int = 1) -> None:
        """Count an outcome."""
        self.counts.setdefault(kind, Counter())[outcome] += times
        if outcome == LOST:
            self.losses.append(f"{kind}: {about}")
            print(f"LOST {kind}: {about}", flush=True)
        self.write()

    def markdown(self) -> str:
        """A table, a row a kind of fault."""
        rows = [f"| fault | times | {EQUAL} | {TOLD} | neither |", "|---|---|---|---|---|"]
        total = Counter()
        for kind, found in self.counts.items():
            total += found
            rows.append(self._row(kind, found))
        return "\n".join([*rows, self._row("all", total)]) + "\n"

    @staticmethod
    def _row(kind: str, found: Counter) -> str:
        numbers = (found.total(), found[EQUAL], found[TOLD], found[LOST])
        return f"| {kind} | {' | '.join(map(str, numbers))} |"


def clear(text: str) -> str | None:
    """Why what a command printed is not one clear error; None where it is one."""
    if "Traceback" in text:
        return f"a traceback: {text[-600:]}"
    messages = _MESSAGE.findall(text)
    if len(messages) != 1:
        return f"{len(messages)} messages: {text[-600:]}"
    if not _WAYS_OUT.search(messages[0]):
        return f"no way out: {messages[0]}"
    return None


def judge(
    exit_status: int,
    log: Path,
    remedy: Callable[[str], None],
    again: Callable[[], int],
    equal: Callable[[], bool],
) -> tuple[str, str]:
    """The outcome of a study that ended with ``exit_status``, and what to say of it.

    Parameters
    ----------
    exit_status : int
    log : Path
        What it printed.
    remedy : callable
        Does what the message says.
    again : callable
        Runs the study again; returns the exit status.
    equal : callable
        Whether its files are those of the undisturbed one.
    """
    if exit_status == 0:
        return (EQUAL, "") if equal() else (LOST, "silently other bytes")
    said = log.read_text(errors="replace")
    if why := clear(said):
        return LOST, f"exit status {exit_status}, {why}"
    remedy(said)
    if status := again():
        return LOST, f"after {said!r}: exit status {status}: {log.read_text()[-600:]}"
    return (TOLD, "") if equal() else (LOST, f"after {said!r}: other bytes")
