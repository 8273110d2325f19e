"""The report on an evaluation: one HTML file, and what the terminal and Prefect show of it."""
