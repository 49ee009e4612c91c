"""`python -m fenghuo` is the command line."""

from fenghuo.cli import main

main()
