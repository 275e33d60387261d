"""Room for one gang: found, or proved not to be there."""
