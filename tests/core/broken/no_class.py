"""Has no class Plugin."""
