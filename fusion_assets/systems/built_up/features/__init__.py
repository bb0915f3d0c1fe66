"""What the model learns from: labels, lights, the fused stack, samples."""
