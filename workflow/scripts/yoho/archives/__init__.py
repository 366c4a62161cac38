"""Archives: thousands of files, split into shards that are segmented one by one and gathered into tables and a page."""
