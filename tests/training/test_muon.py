import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ckstudy.training.adam import Adam
from ckstudy.training.muon import Muon, orthogonalised


def random_matrix(rows: int, columns: int, seed: int) -> torch.Tensor:
    return torch.randn(rows, columns, generator=torch.Generator().manual_seed(seed))


@settings(deadline=None)
@given(rows=st.integers(2, 60), columns=st.integers(2, 20), seed=st.integers(0, 1000))
def test_singular_values_become_nearly_one_and_directions_stay(rows, columns, seed):
    """Against the singular value decomposition, in float64."""
    matrix = random_matrix(rows, columns, seed)
    left, values, right = torch.linalg.svd(matrix.double(), full_matrices=False)
    found = left.mT @ orthogonalised(matrix).double() @ right.mT
    off = found - torch.diag(found.diagonal())
    large = values > 0.02 * values.norm()
    assert found.diagonal()[large].min() > 0.6
    assert found.diagonal().max() < 1.25
    assert off.abs().max() < 1e-3


def test_a_matrix_of_zeros_stays():
    assert not orthogonalised(torch.zeros(4, 3)).any()


def gradient_of(parameter: torch.Tensor, step: int) -> torch.Tensor:
    """Of a parameter, told by its size, in a step."""
    size = parameter.numel()
    return random_matrix(size, 1, 1000 * step + size).view(parameter.shape)


def walk(optimiser, parameters: list[torch.Tensor], steps: range) -> None:
    for step in steps:
        for each in parameters:
            gradient = gradient_of(each, step)
            each.grad = gradient if each.grad is None else each.grad.copy_(gradient)
        optimiser.param_groups[0]["lr"].fill_(0.02 / (1 + step))
        optimiser.step()
        optimiser.zero_grad(set_to_none=False)
        assert all(not each.grad.any() for each in parameters)


def parameters() -> list[torch.Tensor]:
    made = [random_matrix(20, 6, 1), random_matrix(5, 1, 2), random_matrix(3, 9, 3)]
    return [each.requires_grad_() for each in [*made, torch.ones(4)]]


def test_matrices_move_as_with_torchs_muon_and_the_rest_as_with_adam():
    """torch's computes in bfloat16, hence the tolerance; and its steps are a third as large."""
    ours, theirs = parameters(), parameters()
    walk(Muon(ours, lr=torch.tensor(0.0), fused=True), ours, range(5))
    matrices, others = [theirs[0], theirs[2]], [theirs[1], theirs[3]]
    muon = torch.optim.Muon(matrices, weight_decay=0, adjust_lr_fn="match_rms_adamw")
    for step in range(5):
        muon.param_groups[0]["lr"] = 3 * 0.02 / (1 + step)
        for each in matrices:
            each.grad = gradient_of(each, step)
        muon.step()
    for one, two, start in zip(ours, theirs, parameters(), strict=True):
        if one.dim() == 2 and min(one.shape) > 1:
            moved = (two - start).abs().mean()
            assert (one - two).abs().mean() < 0.02 * moved
    walk(Adam(others, lr=torch.tensor(0.0), fused=True), others, range(5))
    assert torch.equal(ours[1], others[0])
    assert torch.equal(ours[3], others[1])


def test_the_root_mean_square_of_a_step_is_0_6_of_the_rate():
    weights = torch.zeros(50, 8, requires_grad=True)
    weights.grad = random_matrix(50, 8, 4)
    Muon([weights, torch.ones(1, requires_grad=True)], lr=torch.tensor(0.1), fused=True).step()
    assert weights.square().mean().sqrt().item() == pytest.approx(0.6 * 0.1, rel=0.2)


def test_it_goes_on_from_its_state_to_the_bit():
    whole, halves = parameters(), parameters()
    walk(Muon(whole, lr=torch.tensor(0.0), fused=True), whole, range(6))
    first = Muon(halves, lr=torch.tensor(0.0), fused=True)
    walk(first, halves, range(3))
    second = Muon(halves, lr=torch.tensor(0.0), fused=True)
    second.load_state_dict(first.state_dict())
    walk(second, halves, range(3, 6))
    for one, two in zip(whole, halves, strict=True):
        assert torch.equal(one, two)
