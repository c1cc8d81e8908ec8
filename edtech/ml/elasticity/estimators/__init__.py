"""The estimators of the family `token_elasticity`, and the fitted models that are stored with a run."""
