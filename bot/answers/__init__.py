"""What all answers in Discord share: delivery, errors, receipts, and the buttons below them."""
