"""Contracts of every table, and the roles that columns play in a demand panel."""
