-- What the model service writes, and what the exporter may see of it.

CREATE TABLE predictions (
    request_id     uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    created_at     timestamptz NOT NULL,
    model_version  text NOT NULL,
    amount         numeric(12, 2),        -- of the payment, in euros
    merchant_age   integer,               -- days since the merchant signed up
    country        text,
    is_first       boolean,               -- the customer's first payment there
    decision       text NOT NULL,
    fraud_score    double precision NOT NULL,
    latency_ms     double precision NOT NULL
);

-- Every poll asks for the newest minutes.
CREATE INDEX predictions_created_at ON predictions (created_at);

-- A role of its own, which can read this table and nothing else.
GRANT SELECT ON predictions TO prediction_exporter;
