"""In-domain inversion (Zhu et al. 2020, arXiv 2004.00049): the latent of a photo in one pass, by an encoder for one network."""
