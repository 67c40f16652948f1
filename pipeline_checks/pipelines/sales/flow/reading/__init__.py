"""Reading CSV files of sales: records with their places, and what makes one unreadable."""
