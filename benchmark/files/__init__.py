"""Files and their names: written whole, with checksums, in the layout of a store."""
