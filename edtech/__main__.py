"""`python -m edtech`."""

from edtech.cli import main

main()
