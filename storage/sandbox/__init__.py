"""Runs what touches a user's file in child processes that can harm nobody."""
