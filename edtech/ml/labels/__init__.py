"""Families that learn a yes or no: who enrolls, who completes, who leaves."""
