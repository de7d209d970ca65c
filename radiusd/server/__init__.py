"""The process: sockets, workers, threads, and the loop that moves datagrams between them and the engine."""
