"""Turn data frames into figures: altair and plotly for pages and reports, matplotlib for the PNG files of a run.

This package uses no streamlit and no files. Figures are transparent, and the theme sets the colors of text and axes.
The caller gives each title, which states the finding.
"""
