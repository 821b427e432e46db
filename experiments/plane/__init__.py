"""The plane: densities with known samples and logarithms, training on them, and figures of both."""
