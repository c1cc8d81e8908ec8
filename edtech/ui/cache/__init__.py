"""What is opened or computed once for all sessions, by topic; the only package with `st.cache_*`."""
