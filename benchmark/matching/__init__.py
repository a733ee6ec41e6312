"""One way to recognise class names and one to recognise sample ids, for every file that a user hands over."""
