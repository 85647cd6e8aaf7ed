"""``bench review``: what a review by rank costs and how far its count holds, on slides of known truth."""
