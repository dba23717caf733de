"""The study's figures, drawn from the code, a real simulated line and the files of results."""

from ckstudy.report.figures.catalogue import FIGURES, draw, make

__all__ = ["FIGURES", "draw", "make"]
