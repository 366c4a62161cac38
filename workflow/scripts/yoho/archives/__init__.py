"""Archives of many files: when their recordings began."""
