"""Words are stored encrypted, each with the key of the person they are about."""
