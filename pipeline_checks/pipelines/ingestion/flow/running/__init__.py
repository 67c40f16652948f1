"""What becomes of a run: begun, claimed, carried out file by file, closed, or given up when its worker died."""
