"""The service: deliveries come in over HTTP, and workers turn them into posted reviews."""
