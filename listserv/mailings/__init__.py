"""Mailings: who gets one, when, in which words and under whose signature."""
