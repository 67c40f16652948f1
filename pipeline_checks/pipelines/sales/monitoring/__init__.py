"""The performance monitor: what each component of the pipeline uses, what waits in its queues, and what is slower."""
