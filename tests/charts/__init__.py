"""Tests of edtech.charts."""
