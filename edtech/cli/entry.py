"""The root command, and how an error of ours ends it."""

import sys

import typer

from edtech import __version__
from edtech.errors import EdtechError

app = typer.Typer(
    help="EdTech Token Economy: token pricing with numbers one can act on.", no_args_is_help=True, add_completion=False
)


def main() -> None:
    """Run the command line; an error of ours is one message on stderr and exit code 1."""
    try:
        app()
    except EdtechError as error:
        print(f"Error: {error}", file=sys.stderr)
        sys.exit(1)


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(__version__)
