"""The plugin seam: hook specifications, loading and checking plugins, calling them, and containing their failures."""
