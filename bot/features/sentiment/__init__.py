"""`/sentiment`: is a review positive or negative, and on what evidence."""
