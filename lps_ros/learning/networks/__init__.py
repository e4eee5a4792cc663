"""Neural networks: layers, decoders, image encoders, critics and latent actors."""
