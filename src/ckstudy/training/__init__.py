"""Training: loss, batches, checkpoints, the training loop, released models and predictions."""
