"""Speed and size, measured as ratios against a floor in the same run, or as figures of a running pipeline."""
