"""From whatever pictures there are (folders, archives, films, any format) to a data set. Nothing here knows what a face is."""
