"""The ledger: what has been verified, up to which position, with the history of measures, findings and runs."""
