"""Floor 2: one module a kind of stage: how it is declared, its position, what it covers, its schema and rows."""
