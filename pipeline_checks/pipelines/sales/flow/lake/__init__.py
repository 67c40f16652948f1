"""The Delta tables of the flow, and how a batch gets into them once."""
