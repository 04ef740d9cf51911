"""What the hub itself stores, and the one way to reach any SQL database."""
