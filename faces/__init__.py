"""Where faces come from: files of pictures, and two domains of faces drawn by code."""
