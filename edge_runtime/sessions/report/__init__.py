"""A session's report: its data, its words, HTML and PDF."""
