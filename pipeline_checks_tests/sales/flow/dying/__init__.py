"""Programs of the flow that kill themselves where they are told to."""
