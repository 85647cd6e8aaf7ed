"""The page at the microscope and the HTTP API: the command line's own code behind a web server (extra ``[serve]``)."""
