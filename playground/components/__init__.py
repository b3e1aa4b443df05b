"""The servers of a world, a file each: how it is started, and when it serves."""
