"""One thread for what a figure computes: sums in another order would change its bytes."""

from collections.abc import Callable
from functools import wraps

import torch


def one_thread(function: Callable) -> Callable:
    """Let ``function`` compute on one thread, however many torch was given."""

    @wraps(function)
    def alone(*arguments):
        before = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            return function(*arguments)
        finally:
            torch.set_num_threads(before)

    return alone
