"""Alert rules judged over metrics that were really rendered."""
