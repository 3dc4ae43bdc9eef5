"""The site: files on disk kept equal to the rows, built whole, checked and exported."""
