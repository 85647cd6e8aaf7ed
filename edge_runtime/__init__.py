"""Everything that runs on the device: models, preprocessing, decisions and the commands a Raspberry Pi needs."""

__version__ = "0.1.0"
