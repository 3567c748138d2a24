"""The REST API for programs: what they may read of one programme, and the little they may write."""
