"""What any long training needs: processes, signals, guards, logs, profiles, scores. Nothing here knows a network."""
