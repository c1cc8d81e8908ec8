"""EdTech Token Economy: token pricing for a course marketplace, with numbers one can act on."""

from edtech.former_modules import install

__version__ = "0.2.0"

install()
