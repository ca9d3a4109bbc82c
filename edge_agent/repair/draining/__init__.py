"""What a drain looks at, decides and does, in parts."""
