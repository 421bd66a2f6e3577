"""The AFS context store as a source of samples: memory and history, and what is imported into history."""
