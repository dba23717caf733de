"""Whether what is asked for can fit into memory at all, before it is begun.

A lower bound of what is needed is held against all memory that there is, used or not: what is
refused here could not have worked, and what passes may still be too much.
"""

import os

import torch

from ckstudy.errors import StudyError


def memory_of(device: torch.device) -> int:
    """All memory of a device in bytes; of this machine for the CPU."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[1])
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def check_memory(needed: int, device: torch.device, what: str, remedy: str) -> None:
    """Refuse what needs more than there is.

    Parameters
    ----------
    needed : int
        Bytes, at the least.
    device : torch.device
    what : str
        What needs them, as the message begins.
    remedy : str
        What to choose smaller.

    Raises
    ------
    StudyError
        Where the device has less.
    """
    there = memory_of(device)
    if needed > there:
        raise StudyError(
            f"{what} takes at least {needed / 2**30:.3g} GiB of memory, and this {device.type} has "
            f"{there / 2**30:.3g} GiB: {remedy}"
        )
