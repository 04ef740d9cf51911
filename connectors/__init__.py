"""The wire: what do the sources say? One module a wire, one contract for all, one guard before each."""
