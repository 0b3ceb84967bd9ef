"""Editing: latents, and what can be done to a face through them."""
