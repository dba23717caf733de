"""What is done to a line before a network sees it."""

from torch import Tensor

from ckstudy.errors import StudyError
from ckstudy.study.spec import INPUT_SCALINGS


def scale_lines(rf: Tensor, input_scaling: str) -> Tensor:
    """Scale RF lines (..., L), in volts, for a network.

    ``volts`` leaves them as they are, as the thesis does: pressures of 5 to 250 kPa make lines
    differ fifty-fold, and the strong ones rule the batch statistics. ``line_rms`` divides each
    line by its own root mean square over the whole line.

    Raises
    ------
    StudyError
        For an unknown scaling.
    """
    if input_scaling == "volts":
        return rf
    if input_scaling == "line_rms":
        rms = rf.square().mean(-1, keepdim=True).sqrt()
        # A silent line stays silent instead of turning into NaN.
        return rf / rms.clamp_min(1e-30)
    raise StudyError(
        f"unknown input_scaling {input_scaling!r}; choose one of {', '.join(INPUT_SCALINGS)}"
    )
