"""Frame -> figure: altair and plotly for pages and reports, matplotlib for a run's PNG files.

No streamlit and no files here. Figures are transparent and leave the colours of text and axes to the theme; titles that
say what was found are given by the caller.
"""
