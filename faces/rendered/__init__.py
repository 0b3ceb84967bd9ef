"""Two domains of faces drawn by code: people as photos (A) and as cartoons (B), with all that is true of them known."""
