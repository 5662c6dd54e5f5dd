"""The census: the checker over each library's own functions, at ordinary and at awkward points."""
