"""Floor 4: results of verifications as documents. Each module has ``render(results) -> str``; none of them writes."""
