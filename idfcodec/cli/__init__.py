"""The command line: `idfcodec`."""
