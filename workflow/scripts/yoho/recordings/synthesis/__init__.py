"""Built-in recordings: six classes of field sound, each synthesised after the way it arises."""
