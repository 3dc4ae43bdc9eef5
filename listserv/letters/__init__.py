"""Letters: what we write to one person, what they answer, and the header fields of a post."""
