"""Floor 0: the words of the project as data. Imports the standard library and pydantic only."""
