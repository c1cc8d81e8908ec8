"""Sections of the Economy page."""
