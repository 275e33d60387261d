"""Where: fabric, capacity, placement, explanation. Pure."""
