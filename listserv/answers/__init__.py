"""What people answer: their own words in a mail, and what these mean to the question asked."""
