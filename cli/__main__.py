"""`python -m cli` is `mizalla`."""

from cli import main

if __name__ == "__main__":  # a process that works beside the hub reads this file too
    main()
