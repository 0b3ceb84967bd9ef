"""Networks that look at pictures: perceptual distances and features."""
