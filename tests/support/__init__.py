"""What tests and benchmarks share: checkpoints of real shapes, made on the spot."""
