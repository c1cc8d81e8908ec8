"""Background jobs, which know no domain: a queue, a pool of worker processes, and progress."""
