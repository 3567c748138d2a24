"""What happens to people when everything under Warmline breaks: docs/crash-test.md."""
