"""Watching over the service: what becomes of its proposals, what letters it gets, and whether it still works."""
