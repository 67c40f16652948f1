"""Loading a table anew: what it would do, the steps, and seeing through what was begun."""
