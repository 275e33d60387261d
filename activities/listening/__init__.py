"""What happens in the cluster past Espalier, and who is told of it."""
