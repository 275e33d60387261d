"""The activities: each one bounded step, safe to repeat."""
