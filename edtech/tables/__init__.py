"""Define the contract of each kind of table, the roles of its columns, and how values are formatted."""
