"""What exists already, read from the systems themselves, and the pipeline that is proposed for it."""
