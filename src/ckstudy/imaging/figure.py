"""B-mode and super-resolved image side by side."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from scipy import ndimage

from ckstudy.imaging.render import Pictures
from ckstudy.report.figures.style import house_style

DYNAMIC_RANGE_DB = 50.0
_PANEL = 2.5  # inches, the width of one
_TALLEST = 8.4  # inches
# Inches: the depths, the bar of colours and its numbers behind either panel, titles and positions.
_LEFT, _GAP, _BAR, _NUMBERS, _ABOVE, _BELOW = 0.5, 0.06, 0.09, 0.56, 0.24, 0.4
_DOT = 1.2  # standard deviation of a bubble in the picture, in its pixels


def draw_images(pictures: Pictures) -> Figure:
    """B-mode on the left, super-resolved on the right, to scale, with scale bars.

    One frame is shown as it is: pixels are pooled to what paper shows, each with the highest it
    holds. Several frames are shown by how many bubbles were found at each place.
    """
    lateral, axial = (1e3 * each for each in (pictures.grid.lateral, pictures.grid.axial))
    extent = (lateral[0], lateral[-1], axial[-1], axial[0])
    width, height = lateral[-1] - lateral[0], axial[-1] - axial[0]
    panel = min(_PANEL, _TALLEST * width / height)
    tall = panel * height / width
    beside = _GAP + _BAR + _NUMBERS
    size = (_LEFT + 2 * (panel + beside), _BELOW + tall + _ABOVE)
    with house_style():
        # Placed by hand: to find the places takes as long as to draw the rest.
        figure = Figure(figsize=size)

        def axes_at(x: float, wide: float, bottom: float = 0.0, share: float = 1.0) -> Axes:
            place = x / size[0], (_BELOW + bottom * tall) / size[1]
            return figure.add_axes((*place, wide / size[0], share * tall / size[1]))

        second = _LEFT + panel + beside
        left, right = axes_at(_LEFT, panel), axes_at(second, panel)
        bars = [axes_at(x + panel + _GAP, _BAR, 0.25, 0.5) for x in (_LEFT, second)]
        level = 10 * np.log10(np.maximum(pictures.b_mode / pictures.b_mode.max(), 1e-12))
        shown = _show(left, level, extent, "gray", (-DYNAMIC_RANGE_DB, 0.0))
        frames = "" if pictures.frames == 1 else f", mean of {pictures.frames} frames"
        left.set_title(f"B-mode{frames}")
        figure.colorbar(shown, cax=bars[0], label="dB")
        if pictures.frames == 1:
            pooled, label = _pool(pictures.best, pictures), "mean of the elements"
            scale = 1.0
        else:
            pooled, label = _blur(pictures.density.astype(float)), "bubbles found (square root)"
            pooled = np.sqrt(pooled)
            scale = float(np.quantile(pooled[pooled > 0], 0.995)) if pooled.any() else 1.0
        shown = _show(right, pooled, extent, "inferno", (0.0, scale or 1.0))
        right.set_title("delay-and-sum of localised lines")
        figure.colorbar(shown, cax=bars[1], label=label)
        right.tick_params(labelleft=False)
        left.set_ylabel("depth (mm)")
        for axes in (left, right):
            axes.set_xlabel("lateral (mm)")
            _scale_bar(axes, width, height)
    return figure


def _show(
    axes: Axes, image: np.ndarray, extent: tuple, colours: str, ends: tuple[float, float]
) -> ScalarMappable:
    """Draw an image (lateral, axial); what is returned is for its colour bar.

    Its pixels are coloured here: matplotlib would colour every dot that they have on paper.
    """
    scale = ScalarMappable(Normalize(*ends), colours)
    coloured = scale.to_rgba(image.T, bytes=True)
    axes.imshow(coloured, extent=extent, aspect="equal", interpolation="nearest")
    return scale


def _pool(image: np.ndarray, pictures: Pictures) -> np.ndarray:
    """Highest value in squares of the density's size, a bubble as large as can be seen."""
    for axis, (edges, pixels) in enumerate(
        zip(pictures.density_edges, (pictures.grid.lateral, pictures.grid.axial), strict=True)
    ):
        # An edge behind the last pixel begins no square.
        first = np.searchsorted(pixels, edges[:-1])
        image = np.maximum.reduceat(image, first[first < pixels.size], axis=axis)
    return ndimage.maximum_filter(image, 3)


def _blur(density: np.ndarray) -> np.ndarray:
    return ndimage.gaussian_filter(density, _DOT)


def _scale_bar(axes: Axes, width: float, height: float) -> None:
    """A bar of a round length, a fifth of the width or so."""
    lengths = np.array([0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50])
    length = float(lengths[np.argmin(np.abs(np.log(lengths / (width / 4))))])
    (x0, _), (bottom, top) = axes.get_xlim(), sorted(axes.get_ylim(), reverse=True)
    y = bottom - 0.03 * (bottom - top)
    x = x0 + 0.06 * width
    axes.plot([x, x + length], [y, y], color="white", linewidth=2, solid_capstyle="butt")
    axes.text(
        x + length / 2,
        y - 0.012 * height,
        f"{length:g} mm",
        color="white",
        ha="center",
        va="bottom",
    )
