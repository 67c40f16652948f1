"""The API over the table and the newest records of the topic."""
