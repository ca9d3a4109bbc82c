DELETE FROM {schema}.search_parked WHERE document_id = %s AND position <= %s
