"""Measurements that take minutes, each a command. No test of the suite depends on a time."""
