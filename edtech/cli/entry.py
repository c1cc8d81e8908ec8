"""The root command and its error handling."""

import sys

import typer

from edtech import __version__
from edtech.errors import EdtechError

app = typer.Typer(
    help="EdTech Token Economy: estimate price elasticities, run what-ifs and recommend token prices.",
    no_args_is_help=True,
    add_completion=False,
)


def main() -> None:
    """Run the command line. An EdtechError prints one message to stderr and exits with code 1."""
    try:
        app()
    except EdtechError as error:
        print(f"Error: {error}", file=sys.stderr)
        sys.exit(1)


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(__version__)
