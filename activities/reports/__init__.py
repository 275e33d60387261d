"""What others are told, and what they wrote: status, Events, edits."""
