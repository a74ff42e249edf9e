"""One module for each verb: read, plan, and let `apply` execute. Nothing here prints or reads the environment."""
