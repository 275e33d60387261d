"""What would be, without a cluster: plans, load over time, pictures."""
