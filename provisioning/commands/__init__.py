"""The command line of `provisioning`: a module for each group of commands. Each is one call of the library."""
