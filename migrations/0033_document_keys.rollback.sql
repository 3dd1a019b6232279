DROP TABLE document_keys;
