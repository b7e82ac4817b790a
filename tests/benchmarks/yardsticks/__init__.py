"""What the benchmarks compare with: small programs, each run in a process of its own."""
