"""The commands of the device, one file each; imported by the root command when called."""
