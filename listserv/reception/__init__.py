"""Reception: every mail that arrives is sorted, decided and answered."""
