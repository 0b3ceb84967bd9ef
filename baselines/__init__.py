"""Earlier networks to compare with: DCGAN. StyleGAN1, which train.py trains, is a module of the root."""
