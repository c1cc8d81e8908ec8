"""Families that predict a binary outcome: enrollment, completion, churn."""

PROPENSITY, COMPLETION, CHURN = "enrollment_propensity", "course_completion", "churn_prediction"
"""The names of the families."""
