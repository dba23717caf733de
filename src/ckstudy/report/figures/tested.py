"""Two panels, one for each score: what predictors make of lines that they were not trained on."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ckstudy.report.figures import style

SCORES = {"upstream": "F1", "matched": "matched F1"}
LINEAR_LOOK = {"color": style.GREY, "linestyle": "-", "marker": "<", "markersize": 3}


def score_panels(height: float) -> tuple[Figure, dict[str, Axes]]:
    """A figure of the page's width, and its panel of each of :data:`SCORES`."""
    figure = Figure(figsize=(style.PAGE, height), layout="constrained")
    panels = dict(zip(SCORES, figure.subplots(1, len(SCORES), sharey=True), strict=True))
    for letter, (score, panel) in zip("ab", panels.items(), strict=True):
        panel.set_title(f"({letter}) {SCORES[score]}", loc="left")
        panel.grid(True)
    return figure, panels


def explain(figure: Figure, panels: dict[str, Axes], height: str, note: str) -> None:
    """Say what the common height is, and add legend and footnote."""
    first = panels["upstream"]
    first.set_ylabel(height)
    first.set_ylim(top=1.02)
    handles, texts = first.get_legend_handles_labels()
    figure.legend(handles, texts, loc="outside upper center", ncols=2)
    style.footnote(figure, note)
