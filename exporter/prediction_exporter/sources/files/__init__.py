"""Files of predictions in a folder, a partitioned tree or a bucket: Parquet, CSV and JSON lines."""
