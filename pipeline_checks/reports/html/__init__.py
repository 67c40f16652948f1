"""The report as one HTML file that needs nothing else: no network, no other file, and no script for what matters."""
