"""Cards in the log channel, and the cases behind them."""
