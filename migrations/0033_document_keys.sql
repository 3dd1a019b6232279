-- Public keys of documents that were signed, those of former secrets included.
-- depends: 0032_claims

CREATE TABLE document_keys (
    kid text PRIMARY KEY,
    public_x text NOT NULL, -- of Ed25519, base64url as in a JWK
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
