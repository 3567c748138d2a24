"""When a person is needed, which one, and how long we wait."""
