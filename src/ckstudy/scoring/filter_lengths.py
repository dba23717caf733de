"""How long the linear filters among the baselines are, in samples, and what some are called."""

ECHO_SAMPLES = 600  # lags that are looked at: 9.6 µs at 62.5 MHz, well beyond an echo's end
RIDGE_TAPS = (257, 521)  # the receptive fields of the CKCNN with K = 65 and K = 131

COMB = "comb"
CEILING = "ceiling"  # the truth itself, as a prediction
LINEAR_FILTER = f"ridge_fir_{RIDGE_TAPS[-1]}"  # the best of the linear ones
