"""The REST API at /api/v1, for a program's other systems."""
