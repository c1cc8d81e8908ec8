"""The family `token_elasticity`: what a price change does to the quantity sold."""
