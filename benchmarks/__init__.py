"""Measurements against a peer or a floor, in the same run; each figure is one JSON line. Nothing here is a test."""
