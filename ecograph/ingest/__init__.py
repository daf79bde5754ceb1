"""Reading, checking, encoding and reducing events."""
