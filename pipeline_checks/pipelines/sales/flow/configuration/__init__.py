"""The configuration of the pipeline: YAML or JSON, then the environment, then flags."""
