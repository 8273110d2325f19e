"""Markdown to page images with exact labels: parse, style, lay out, read the box tree, write, rasterise, check."""
