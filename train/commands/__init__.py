"""The commands ``train``, ``evaluate``, ``explain`` and ``synth``."""
