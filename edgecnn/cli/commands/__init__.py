"""One small file a command: `add(parser)` declares its options, `run(args)` calls the library and prints; its docstring is its help."""
