"""Acceptance on real data, recounted here with nothing but the standard library."""
