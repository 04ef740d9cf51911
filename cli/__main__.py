"""`python -m cli` is `mizalla`."""

from cli import main

main()
