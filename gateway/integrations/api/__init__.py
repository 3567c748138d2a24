"""The REST API for programs: what they may read of one program, and the little they may write."""
