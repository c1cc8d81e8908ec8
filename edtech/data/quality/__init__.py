"""Check the quality of a data set before training."""
