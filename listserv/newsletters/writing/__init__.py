"""Writing: a draft, in whatever form an editor sends it, read into words, pictures and blocks."""
