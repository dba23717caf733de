"""Where networks are computed."""
