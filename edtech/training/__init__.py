"""Train a model from data set to logged run, search and repeat trainings, and evaluate their decisions."""
