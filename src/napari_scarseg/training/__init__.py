"""The trainers of the bundled networks: samples, augmentation, losses, checkpoints."""
