CREATE INDEX IF NOT EXISTS {topic_index} ON {events} (topic, notification_id)
