"""The attributes of rendered faces: a network that reads them, its training, and the ruler that compares people by them."""
