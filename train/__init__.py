"""Host side: labelled cell images in, a trained and evaluated model out. Needs the extra ``[host]``."""
