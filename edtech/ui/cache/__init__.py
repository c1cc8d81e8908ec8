"""Services and values cached for all sessions, by topic; the only package with `st.cache_*`."""
