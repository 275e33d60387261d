"""The commands, a module for each kind: each has `register`, which adds its own to the application."""
