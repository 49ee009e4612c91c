"""Data to pictures: pure functions from pandas frames and numbers to figures and sizes."""
