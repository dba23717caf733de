"""Archived studies: networks, scores and marks of their lines."""
