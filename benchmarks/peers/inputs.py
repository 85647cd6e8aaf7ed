"""What another maker's training made of pixels, by name; apart, so that a command's help needs no NumPy."""

from __future__ import annotations

# what its training made of pixels 0..255:
# name -> (channel order, name in edge_runtime.inspection.cardless.INPUT_RANGES)
INPUTS = {
    "rgb/255": ("RGB", "0..1"),
    "rgb/127.5-1": ("RGB", "-1..1"),
    "rgb": ("RGB", "0..255"),
    "bgr/255": ("BGR", "0..1"),
    "bgr/127.5-1": ("BGR", "-1..1"),
    "bgr": ("BGR", "0..255"),
}
