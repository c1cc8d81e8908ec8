"""EdTech Token Economy: token pricing for a course marketplace, with numbers one can act on."""

__version__ = "0.2.0"
