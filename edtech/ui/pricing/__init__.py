"""Sections of the Pricing page."""
