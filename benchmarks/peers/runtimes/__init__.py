"""One file per runtime that is measured beside ours."""
