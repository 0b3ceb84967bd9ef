"""Make a data set from pictures of any format, in folders, archives and films. Nothing here knows what a face is."""
