"""Floor 1: logical types in their Arrow forms, canonical values, contracts taken from other tools."""
