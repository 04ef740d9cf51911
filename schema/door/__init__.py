"""The machinery between a transport and the plan: one door, its transports, and what it holds a request against."""
