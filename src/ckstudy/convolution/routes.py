"""The two maps of a convolution by the route of its plan: forward, and to both gradients."""

from types import ModuleType

from torch import Tensor

from ckstudy.convolution import depthwise, direct, overlap_save
from ckstudy.convolution.options import Options
from ckstudy.convolution.padding import folded, padded
from ckstudy.convolution.plan import Layout, Plan, make_plan


def plan_of(x: Tensor, w: Tensor, options: Options) -> Plan:
    """The plan for lines (N, C_in, L) and a kernel (C_out, C_in / groups, K)."""
    return make_plan(
        x.shape[0],
        x.shape[1],
        w.shape[0],
        x.shape[2],
        w.shape[2],
        options,
        x.device.type,
        x.dtype.itemsize,
    )


def correlate(x: Tensor, w: Tensor, bias: Tensor | None, options: Options) -> Tensor:
    """Cross-correlation (N, C_in, L), (C_out, C_in / groups, K) -> (N, C_out, L_out)."""
    plan = plan_of(x, w, options)
    if plan.layout is None:
        return direct.correlate(x, w, bias, options)
    if plan.phases is None:
        return _transforms(w, plan.layout).correlate(x, w, bias, plan.layout)
    phases = plan.phases
    lines, kernel = phases.split_line(padded(x, options)), phases.split_kernel(w)
    y = _transforms(kernel, plan.layout).correlate(lines, kernel, bias, plan.layout)
    return phases.join_output(y)


def gradients(
    g: Tensor, x: Tensor, w: Tensor, options: Options, wanted: tuple[bool, bool]
) -> tuple[Tensor | None, Tensor | None]:
    """Gradients of ``(g * correlate(x, w)).sum()`` for x and for w, where wanted."""
    plan = plan_of(x, w, options)
    if plan.layout is None:
        return direct.gradients(g, x, w, options, wanted)
    if plan.phases is None:
        return _transforms(w, plan.layout).gradients(g, x, w, plan.layout, wanted)
    phases, whole = plan.phases, padded(x, options)
    lines, kernel = phases.split_line(whole), phases.split_kernel(w)
    for_x, for_w = _transforms(kernel, plan.layout).gradients(
        phases.split_output(g), lines, kernel, plan.layout, wanted
    )
    if for_x is not None:
        for_x = folded(phases.join_line(for_x, whole.shape[-1]), x.shape[-1], options)
    if for_w is not None:
        for_w = phases.join_kernel(for_w)
    return for_x, for_w


def _transforms(w: Tensor, layout: Layout) -> ModuleType:
    return depthwise if layout.groups > 1 and w.shape[1] == 1 else overlap_save
