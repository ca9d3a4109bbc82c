SELECT report FROM {schema}.audit_reports WHERE actor = %s AND key = %s AND made_at > clock_timestamp() - interval '1 day'
