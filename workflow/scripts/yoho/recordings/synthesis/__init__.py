"""Built-in recordings: six classes of field sound, each built after how it arises."""
