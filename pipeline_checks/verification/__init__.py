"""Floor 3: settles stages at a common cut, reads and compares them, and has the checks judge what was found."""
