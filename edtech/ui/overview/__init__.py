"""Sections of the Overview page."""
