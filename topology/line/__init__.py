"""Many gangs at once: who is served first, and who may pass whom."""
