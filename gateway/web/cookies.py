"""The names of cookies."""

from fastapi import Request


def cookie_name(request: Request, name: str) -> str:
    """With https, a name that browsers accept only from this very host, and only over https."""
    return f"__Host-{name}" if request.app.state.settings.is_https else name
