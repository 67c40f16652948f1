"""Names that the parts of the flow share: topics, group, headers, fields of a customer."""

from __future__ import annotations

from typing import Final

RAW_TOPIC: Final = "telco.raw.customers"
PREDICTION_TOPIC: Final = "telco.churn.predictions"
DEAD_LETTER_TOPIC: Final = "telco.deadletter"
GROUP: Final = "telco-churn-consumer"
BROKER: Final = "localhost:19092"

MODEL_PATH: Final = "artifacts/models/sklearn_pipeline.joblib"
DATASET_PATH: Final = "data/customers.csv"
CHECKPOINT_PATH: Final = "artifacts/producer_checkpoint.json"

NUMERIC: Final = ("SeniorCitizen", "tenure", "MonthlyCharges", "TotalCharges")
INTERNET_SERVICES: Final = (
    *("OnlineSecurity", "OnlineBackup", "DeviceProtection", "TechSupport", "StreamingTV", "StreamingMovies"),
)
CATEGORICAL: Final = (
    *("gender", "Partner", "Dependents", "PhoneService", "MultipleLines", "InternetService"),
    *INTERNET_SERVICES,
    *("Contract", "PaperlessBilling", "PaymentMethod"),
)
FEATURES: Final = (*NUMERIC, *CATEGORICAL)
"""What the model sees, in the order of its columns."""

CUSTOMER_FIELDS: Final = (
    *("customerID", "gender", "SeniorCitizen", "Partner", "Dependents", "tenure", "PhoneService", "MultipleLines"),
    *("InternetService", *INTERNET_SERVICES),
    *("Contract", "PaperlessBilling", "PaymentMethod", "MonthlyCharges", "TotalCharges", "Churn"),
)
"""The columns of the CSV, in their order."""

SOURCE_ROW: Final = "source_row"
"""Header of every input record: the data row of the CSV, counted from 0."""
SOURCE_PASS: Final = "source_pass"
"""Header of every input record: which sending of the file it belongs to."""
SOURCE_TOPIC: Final = "source_topic"
SOURCE_PARTITION: Final = "source_partition"
SOURCE_OFFSET: Final = "source_offset"
RUN_ID: Final = "run_id"
PROCESSING_MS: Final = "processing_ms"

PRODUCER: Final = "producer"
"""What a dead letter names as its source topic when the producer wrote it."""
NO_SERVICE: Final = "No internet service"
NO_PHONE: Final = "No phone service"
