"""Training: the four updates, their losses, the state they change, and what a run leaves behind."""
