"""Tests of edtech.reports."""
