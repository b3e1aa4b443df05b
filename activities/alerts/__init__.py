"""Chats that are alerted: what each is sent, and what its answers mean."""
