"""From a request to stored runs: planned, made each in a process of its own, shown as they come."""
