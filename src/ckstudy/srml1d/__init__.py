"""The published baseline SRML-1D (Blanken et al., 2022): lines, networks, and a check by them."""
