"""Built-in recordings: six classes of field sound, each synthesised by a model of how it arises."""
