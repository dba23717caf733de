"""Scores, thresholds, baselines and intervals: how well a prediction localises bubbles."""
