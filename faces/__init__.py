"""Faces: where one is in a photo, photos of people, and two domains of faces drawn by code."""
