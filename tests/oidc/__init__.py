"""Tests of the plugin oidc."""
