"""The jars that the services run on: pinned lists with checksums (data of the package), fetched into a cache."""
