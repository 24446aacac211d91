"""Tests that run the files of deploy/ with the tools they are for."""
