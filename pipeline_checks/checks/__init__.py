"""Floor 2: one module a promise. A check declares measures and judges their values; it reads nothing itself."""
