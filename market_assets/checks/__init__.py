"""What is odd about stored rows: pure rules over frames; rows, policy and time are arguments."""
