"""What a run of the pipeline leaves: a folder of its data and measurements, and reports, all of published form."""
