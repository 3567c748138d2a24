"""Text in, signals out: rules and a small trained model, both local."""

from escalation.detect.detector import detect

__all__ = ["detect"]
