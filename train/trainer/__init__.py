"""Two-phase training: head, fine-tuning, augmentation, checkpoints, replicas, folds."""
