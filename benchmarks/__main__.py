import sys

if __name__ == "__main__":
    from benchmarks.commands.main import main

    sys.exit(main())
