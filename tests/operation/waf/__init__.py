"""What the tests of the web application firewall share: the site, legal texts and traffic, attacks."""
