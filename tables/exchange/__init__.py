"""What organisations say, pass on and decide among themselves."""
