"""Contact sheets: the next cells of a review by rank as one file, and the answers that come back from afar."""
