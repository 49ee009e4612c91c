"""The command line and the wiring: the only place where the floors are put together."""
