"""The families that the trainer knows, by name; for the command line as well, so this imports nothing."""

__all__ = ["CAUSAL_PRESETS", "FAMILIES"]

# Where each family's class is; a module is imported when its family is asked for.
FAMILIES = {
    "idf": ("hierarchical", "HierarchicalFamily"),
    "causal": ("causal", "CausalFamily"),
    "nice": ("baselines", "Baseline"),
    "realnvp": ("baselines", "Baseline"),
    "glow": ("baselines", "Baseline"),
    "flowpp": ("baselines", "Baseline"),
    "pixelcnn": ("baselines", "Baseline"),
}

CAUSAL_PRESETS = ("fast", "default", "max", "thumbnail")
"""The architectures in `training.causal.PRESETS`."""
