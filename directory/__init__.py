"""The company's directory: who works there, and whether a password is theirs. Speaks LDAP."""
