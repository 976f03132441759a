"""What the report is made from: the run's history as columns, its critical path, its logs, its graph as safe markup."""
