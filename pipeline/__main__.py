"""`python -m pipeline` is `infill`."""

from pipeline.commands.main import main

if __name__ == "__main__":
    main()
