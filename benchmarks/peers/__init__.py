"""Other ways of running a cell classifier, one small file each behind one protocol, each in a process of its own."""
