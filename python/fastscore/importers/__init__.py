"""Live objects of source libraries -> the portable model; one file a library."""
