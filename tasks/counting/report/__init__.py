"""The report of a counting study: the article's tables and figures, drawn from runs."""
