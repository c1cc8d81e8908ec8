"""The smallest dashboard: proves the fixtures that start one."""

import os

import streamlit as st

st.title("Hello")
st.text(os.environ["EDTECH_HOME"])
if st.button("Count", key="count"):
    st.text("counted 1")
