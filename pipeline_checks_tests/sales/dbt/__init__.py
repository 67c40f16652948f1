"""Tests of the models of the warehouse and of the program that runs them."""
