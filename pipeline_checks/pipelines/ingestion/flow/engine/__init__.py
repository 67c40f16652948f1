"""The engine: lists files, infers what is in them and appends each to an Iceberg table exactly once, by Spark Connect.

``model`` and ``errors`` say what goes in and comes out, ``engine.Engine`` does it; ``listing`` needs no Spark.
"""
