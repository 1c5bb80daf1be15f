"""The numerics of every effect: layers, batches and gradients with their tensors, updates and averages."""
