"""A local exchange: it speaks the live exchange's protocol, and keeps a ledger of what it sent."""
