"""What: the declared tree, its validation, names, gangs and manifests. Frozen data, pure."""
