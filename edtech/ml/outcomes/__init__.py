"""Families that learn a yes or no: who enrolls, who completes, who leaves."""

PROPENSITY, COMPLETION, CHURN = "enrollment_propensity", "course_completion", "churn_prediction"
"""The names of the families."""
