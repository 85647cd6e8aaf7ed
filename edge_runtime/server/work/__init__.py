"""Work in the background: jobs, the workers that do it, the smear each session's pictures belong to."""
