"""Latent policy steering: networks, MeanFlow, training, policies and policy bundles (PyTorch)."""
