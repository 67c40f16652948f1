"""The Spark engine set against the engines of this machine, over tables of both lakes."""
