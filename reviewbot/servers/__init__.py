"""Model servers: what is asked of each, and what each of them answers."""
