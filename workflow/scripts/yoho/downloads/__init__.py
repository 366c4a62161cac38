"""Downloads over HTTP, from servers that may be busy, broken or wrong."""
