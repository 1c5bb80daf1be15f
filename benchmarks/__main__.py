import sys

if __name__ == "__main__":
    from benchmarks.commands.cli import main

    sys.exit(main())
