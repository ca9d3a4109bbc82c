SELECT document_id, position, kind, reason, parked_at FROM {schema}.search_parked ORDER BY position, document_id
