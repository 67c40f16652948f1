"""Floor 7: the command ``pipeline-checks``. One module a command, imported when the command is used."""
