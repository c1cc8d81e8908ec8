"""Numbers in words; light, so that a command may import it before it knows what it has to do."""


def counted(count: int, noun: str) -> str:
    """Return a number of things in words: 1 run, 2 runs."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
