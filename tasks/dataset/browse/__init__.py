"""A dataset as one HTML file to look through."""
