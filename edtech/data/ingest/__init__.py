"""Read an uploaded file as a table and map its columns to roles."""
