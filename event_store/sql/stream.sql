SELECT notification_id, originator_id, originator_version, topic, state FROM {events}
WHERE originator_id = %s AND originator_version BETWEEN %s AND %s AND notification_id <= %s
ORDER BY originator_version
