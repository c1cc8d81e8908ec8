"""Read what a report's file shows, value by value."""
