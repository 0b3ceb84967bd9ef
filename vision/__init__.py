"""Networks that look at pictures, for every topic above: perceptual distances, and features for sets of pictures."""
