"""The plugins that come with the server, one package each."""
