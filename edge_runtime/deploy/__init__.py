"""From a stock SD card to a working instrument: the offline kit, the card's first boot, the service."""
