"""The camera's live view: the follower, its readings, the streams."""
