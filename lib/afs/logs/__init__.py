"""What agents wrote on disk, read into conversations and turned into samples."""
