"""`python -m defender`: the same as the command `defender`."""

from defender.cli import main

if __name__ == "__main__":
    main()
