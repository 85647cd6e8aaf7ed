"""The page's files and the addresses they stand at."""
