"""What it costs: measurements against floors and peers, run by hand, never as tests."""
