"""What the scores say: estimates, comparisons, the claims of the thesis."""
