"""Mutated model files: whatever they hold, they end in a description or in one clear error, soon."""
