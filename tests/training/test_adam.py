import subprocess
import sys

import pytest
import torch

from ckstudy.training.adam import Adam


def parameters() -> list[torch.Tensor]:
    random = torch.Generator().manual_seed(1)
    return [torch.randn(shape, generator=random).requires_grad_() for shape in ((3, 2), (5,))]


def walk(adam: torch.optim.Adam, given: list[torch.Tensor], steps: range) -> None:
    """Some steps with gradients that depend on the step alone, and a rate that falls."""
    for step in steps:
        random = torch.Generator().manual_seed(100 + step)
        for each in given:
            gradient = torch.randn(each.shape, generator=random) * (each.detach() + 1)
            each.grad = gradient if each.grad is None else each.grad.copy_(gradient)
        adam.param_groups[0]["lr"].fill_(0.1 / (1 + step))
        adam.step()
        adam.zero_grad(set_to_none=False)
        assert all(not each.grad.any() for each in given)


@pytest.mark.parametrize("switch", [(Adam, torch.optim.Adam), (torch.optim.Adam, Adam)])
def test_it_is_torchs_adam_to_the_bit_and_takes_up_its_state(switch):
    made = []
    for kinds in ((torch.optim.Adam, torch.optim.Adam), switch):
        given = parameters()
        state = None
        for kind, steps in zip(kinds, (range(4), range(4, 9)), strict=True):
            adam = kind(given, lr=torch.tensor(0.1), fused=True)
            if state is not None:
                adam.load_state_dict(state)
            walk(adam, given, steps)
            state = adam.state_dict()
        made.append((given, state["state"]))
    (expected, states), (found, other) = made
    for one, two in zip(expected, found, strict=True):
        assert torch.equal(one, two)
    for key in states:
        for name, value in states[key].items():
            assert torch.equal(value, other[key][name]), name


def test_it_does_not_load_the_compiler():
    code = """
import sys, torch
from ckstudy.training.adam import Adam
weights = torch.ones(2, requires_grad=True)
adam = Adam([weights], lr=torch.tensor(0.1), fused=True)
weights.sum().backward()
adam.step()
adam.zero_grad()
adam.load_state_dict(adam.state_dict())
sys.exit("torch._dynamo" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
