"""One thread for what a figure computes: sums in another order would change its bytes."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import torch

P = ParamSpec("P")
T = TypeVar("T")


def one_thread(function: Callable[P, T]) -> Callable[P, T]:
    """Let ``function`` compute on one thread, however many torch was given."""

    @wraps(function)
    def alone(*arguments: P.args, **options: P.kwargs) -> T:
        before = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            return function(*arguments, **options)
        finally:
            torch.set_num_threads(before)

    return alone
