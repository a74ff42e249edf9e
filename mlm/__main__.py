"""`python -m mlm` and the `mlm` script."""

from mlm.cli.app import main

if __name__ == "__main__":
    main()
