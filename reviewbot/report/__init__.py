"""A Review becomes what is printed: one file for each format."""
